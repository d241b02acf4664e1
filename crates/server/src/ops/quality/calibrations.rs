//! Calibration (row Q19): a call is given to several reviewers, who see nothing of each other until all are in; then what they said is
//! laid side by side, and over many calls how far two of them agree. Nothing of it counts for the agent.

use std::collections::BTreeMap;

use hotline::quality::{Answer, Kappa, agreement};
use hotline::{CallId, TenantId};
use serde::{Deserialize, Serialize};
use store::{Calibration, Evaluation, EvaluationFilter, EvaluationKind};
use utoipa::ToSchema;

use super::evaluations::{called, new, not_own, reviewer};
use super::kept_form;
use crate::ops::money::time;
use crate::ops::{Code, Desk, Outcome, PAGE_MAX, Refusal};

/// Give a call to several reviewers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Open {
    /// The enterprise.
    pub tenant: TenantId,
    /// The call.
    pub call: CallId,
    /// The form; its last published version.
    pub form: String,
    /// The accounts, two at least.
    pub reviewers: Vec<String>,
    /// Who asks.
    pub by: String,
}

/// One calibration.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Which {
    /// The enterprise.
    pub tenant: TenantId,
    /// Its number within the enterprise.
    pub calibration: u32,
}

/// List calibrations, or compare reviewers by a form.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Filter {
    /// The enterprise.
    pub tenant: String,
    /// By this form.
    pub form: Option<String>,
    /// Older than this one: the next page.
    pub older_than: Option<u32>,
    /// At most.
    pub limit: u32,
}

/// A calibration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Calibration)]
pub struct Shown {
    /// Its number within the enterprise.
    pub calibration: u32,
    /// The call.
    #[schema(value_type = String)]
    pub call: CallId,
    /// The agent who answered it.
    pub agent: String,
    /// The form.
    pub form: String,
    /// Its version.
    pub form_version: u32,
    /// Who opened it.
    pub opened_by: String,
    /// When, Beijing time.
    pub opened_at: String,
    /// Each reviewer, and whether it is in.
    pub reviewers: Vec<Part>,
    /// Whether all are in: what they said is there then.
    pub complete: bool,
    /// The scored questions side by side; empty until all are in.
    pub questions: Vec<Side>,
    /// The highest score less the lowest, percent × 100; none until all are in.
    pub spread_e2: Option<u32>,
}

/// A reviewer of a calibration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = CalibrationPart)]
pub struct Part {
    /// The account.
    pub reviewer: String,
    /// Its evaluation.
    pub evaluation: u32,
    /// Whether it was submitted.
    pub submitted: bool,
    /// Percent × 100; none until all are in.
    pub percent_e2: Option<u32>,
}

/// A question, side by side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = CalibrationQuestion)]
pub struct Side {
    /// Its code.
    pub question: String,
    /// What is asked.
    pub title: String,
    /// What each said, in the order of the reviewers.
    #[schema(value_type = Vec<Object>)]
    pub answers: Vec<Answer>,
    /// Whether all said the same.
    pub equal: bool,
}

/// How far two reviewers agree about a question, over all calibrations that both are in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = CalibrationAgreement)]
pub struct Agreed {
    /// The form.
    pub form: String,
    /// The question.
    pub question: String,
    /// What is asked, as of the last version that was met.
    pub title: String,
    /// One of the two.
    pub one: String,
    /// The other.
    pub other: String,
    /// Calls that both answered about: the n of what follows.
    pub calls: u64,
    /// Those of them with the same answer.
    pub equal: u64,
    /// Those in a thousand, rounded to the nearest.
    pub equal_per_mille: u64,
    /// Cohen's kappa in thousandths; none where it says nothing.
    pub kappa_e3: Option<i32>,
    /// Why there is no kappa: `too_few` calls (below 10), or `no_variety`: both gave one answer to all.
    pub why_no_kappa: Option<String>,
}

/// Gives a call to several reviewers.
///
/// # Errors
/// There is no such call or form, fewer than two reviewers, one that may not evaluate, or whose own call it is.
pub async fn open(desk: &Desk, asked: &Open) -> Outcome<Shown> {
    let mut logins = asked.reviewers.clone();
    logins.sort_unstable();
    logins.dedup();
    if !(2..=10).contains(&logins.len()) {
        return Err(Refusal::invalid("校准须有 2 至 10 名评分人", "a calibration has 2 to 10 reviewers"));
    }
    let call = called(desk, &asked.tenant, asked.call).await?;
    let form = kept_form(desk, &asked.tenant, &asked.form, None).await?;
    for login in &logins {
        not_own(&reviewer(desk, &asked.tenant, login).await?, &call.record.agent)?;
    }
    let of = new(&asked.tenant, &call, EvaluationKind::Calibration, (&asked.form, form.version));
    let calibration = desk.store.open_calibration(&of, &logins, &desk.change(&asked.by)).await?;
    one(desk, &Which { tenant: asked.tenant.clone(), calibration }).await
}

/// One calibration; what was said stays hidden until all are in.
///
/// # Errors
/// There is no such calibration.
pub async fn one(desk: &Desk, of: &Which) -> Outcome<Shown> {
    let kept = desk.store.calibration(&of.tenant, of.calibration).await?;
    let kept = kept.ok_or_else(|| {
        let number = of.calibration;
        Refusal::not_found(format!("没有校准 {number}"), format!("there is no calibration {number}"))
    })?;
    shown(desk, &of.tenant, &kept).await
}

/// Lists a page of calibrations, the latest first.
///
/// # Errors
/// There is no such enterprise.
pub async fn list(desk: &Desk, asked: &Filter) -> Outcome<Vec<Shown>> {
    let tenant = TenantId::new(&asked.tenant);
    desk.enterprise(&tenant).await?;
    let (form, limit) = (asked.form.as_deref(), asked.limit.min(100));
    let mut told = Vec::new();
    for kept in desk.store.calibrations(&tenant, form, asked.older_than, limit).await? {
        told.push(shown(desk, &tenant, &kept).await?);
    }
    Ok(told)
}

/// The evaluations of a calibration, by reviewer.
async fn parts(desk: &Desk, tenant: &TenantId, number: u32) -> Outcome<Vec<Evaluation>> {
    let filter = EvaluationFilter { calibration: Some(number), ..EvaluationFilter::default() };
    let mut parts = desk.store.evaluations(tenant, &filter, PAGE_MAX).await?;
    parts.sort_by(|one, other| one.of.reviewer.cmp(&other.of.reviewer));
    Ok(parts)
}

async fn shown(desk: &Desk, tenant: &TenantId, kept: &Calibration) -> Outcome<Shown> {
    let parts = parts(desk, tenant, kept.number).await?;
    let complete = parts.iter().all(|part| part.state.is_submitted());
    let form = kept_form(desk, tenant, &kept.form, Some(kept.form_version)).await?.form;
    let scored = form.questions().map(|(_, question)| question).filter(|one| one.is_scored() && complete);
    let side = |question: &hotline::quality::Question| {
        let answers: Vec<Answer> =
            parts.iter().filter_map(|part| part.sheet.answers.get(&question.code).cloned()).collect();
        let equal = answers.windows(2).all(|two| two[0] == two[1]);
        Side { question: question.code.clone(), title: question.title.clone(), answers, equal }
    };
    let percents: Vec<u32> = parts.iter().filter_map(|part| part.score).map(|one| one.percent_e2).collect();
    let spread = percents.iter().max().zip(percents.iter().min()).map(|(most, least)| most - least);
    let part = |part: &Evaluation| Part {
        reviewer: part.of.reviewer.clone(),
        evaluation: part.number,
        submitted: part.state.is_submitted(),
        percent_e2: part.score.map(|score| score.percent_e2).filter(|_| complete),
    };
    Ok(Shown {
        calibration: kept.number,
        call: kept.call,
        agent: kept.agent.clone(),
        form: kept.form.clone(),
        form_version: kept.form_version,
        opened_by: kept.opened.by.clone(),
        opened_at: time(kept.opened.at),
        reviewers: parts.iter().map(part).collect(),
        complete,
        questions: scored.map(side).collect(),
        spread_e2: spread.filter(|_| complete),
    })
}

/// Calibrations that are compared, the latest ones.
const COMPARED_MAX: usize = 1_000;

/// How far reviewers agree by a form, each two of them about each question: over the latest calibrations that are complete.
///
/// # Errors
/// There is no such enterprise, or no form is named.
pub async fn compare(desk: &Desk, asked: &Filter) -> Outcome<Vec<Agreed>> {
    let tenant = TenantId::new(&asked.tenant);
    desk.enterprise(&tenant).await?;
    let Some(form) = asked.form.as_deref() else {
        return Err(Refusal::new(Code::InvalidValue, "请写明质检表", "name a form"));
    };
    type Pair = (String, String, String);
    let mut said: BTreeMap<Pair, (String, Vec<(Answer, Answer)>)> = BTreeMap::new();
    let (mut older_than, mut compared) = (None, 0);
    while compared < COMPARED_MAX {
        let page = desk.store.calibrations(&tenant, Some(form), older_than, 100).await?;
        let Some(last) = page.last() else { break };
        older_than = Some(last.number);
        compared += page.len();
        for kept in &page {
            let told = shown(desk, &tenant, kept).await?;
            for side in told.questions.iter().filter(|side| side.answers.len() == told.reviewers.len()) {
                for (place, one) in told.reviewers.iter().enumerate() {
                    for (other_place, other) in told.reviewers.iter().enumerate().skip(place + 1) {
                        let pair = (side.question.clone(), one.reviewer.clone(), other.reviewer.clone());
                        let (_, answers) =
                            said.entry(pair).or_insert_with(|| (side.title.clone(), Vec::new()));
                        answers.push((side.answers[place].clone(), side.answers[other_place].clone()));
                    }
                }
            }
        }
    }
    let told = |((question, one, other), (title, answers)): (Pair, (String, Vec<(Answer, Answer)>))| {
        let pairs: Vec<(&Answer, &Answer)> = answers.iter().map(|(one, other)| (one, other)).collect();
        let agreed = agreement(&pairs);
        let (kappa_e3, why) = match agreed.kappa {
            Kappa::Thousandths(kappa) => (Some(kappa), None),
            Kappa::TooFew => (None, Some("too_few".to_owned())),
            Kappa::NoVariety => (None, Some("no_variety".to_owned())),
        };
        Agreed {
            form: form.to_owned(),
            question,
            title,
            one,
            other,
            calls: agreed.calls,
            equal: agreed.equal,
            equal_per_mille: (agreed.equal * 2_000 + agreed.calls) / (agreed.calls * 2),
            kappa_e3,
            why_no_kappa: why,
        }
    };
    Ok(said.into_iter().map(told).collect())
}
