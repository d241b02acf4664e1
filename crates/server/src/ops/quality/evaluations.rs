//! Evaluations of agents' calls (row Q19): opened, written, submitted; the agent's word, and what is decided about it; what a machine
//! says. Nobody evaluates its own call or decides about its own word, and who calibrates sees nobody else's until all are in.

use std::collections::BTreeSet;

use hotline::quality::{AnswerFault, Form, Scored, Sheet, Week, check_sheet, score};
use hotline::{CallId, RecordingId, TenantId, Wall};
use serde::{Deserialize, Serialize};
use store::{
    Evaluation, EvaluationFilter, EvaluationKind, EvaluationState, EvaluationStep, EvaluationStepped,
    NewEvaluation, Opened, Score, StoredCall,
};
use utoipa::ToSchema;

use super::kept_form;
use crate::access::{Permission, Role};
use crate::ops::accounts::check_login;
use crate::ops::money::time;
use crate::ops::refusal::Problem;
use crate::ops::{Code, Desk, Outcome, PAGE_MAX, Refusal};

/// Days for an appeal where no rule says how many.
const APPEAL_DAYS: u16 = 7;

/// Who asks: an account, and the agent that its person is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// The account.
    pub login: String,
    /// The agent's number.
    #[serde(default)]
    pub agent: Option<String>,
}

/// An evaluation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Which {
    /// The enterprise.
    pub tenant: TenantId,
    /// Its number within the enterprise.
    pub evaluation: u32,
}

/// A call that is to be evaluated.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Open {
    /// The enterprise.
    pub tenant: TenantId,
    /// The call.
    pub call: CallId,
    /// The form.
    pub form: String,
    /// Whose it is; who asks, unless said.
    #[serde(default)]
    pub reviewer: Option<String>,
}

/// What a machine says of a call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Prescore {
    /// The enterprise.
    pub tenant: TenantId,
    /// The call.
    pub call: CallId,
    /// The form.
    pub form: String,
    /// Its version; the last published one unless said.
    #[serde(default)]
    pub version: Option<u32>,
    /// What it says.
    pub sheet: Sheet,
    /// The machine.
    pub machine: String,
    /// Who brings it.
    pub by: String,
}

/// What is decided about an appeal.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = EvaluationDecision)]
pub enum Decision {
    /// It stands.
    Uphold {
        /// Why.
        why: String,
    },
    /// It is this from now on; the sheet before is kept.
    Change {
        /// The sheet.
        #[schema(value_type = Object)]
        sheet: Sheet,
        /// Why.
        why: String,
    },
}

/// Which evaluations are meant.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Filter {
    /// The enterprise.
    pub tenant: String,
    /// Of this kind.
    pub kind: Option<EvaluationKind>,
    /// In this state.
    pub state: Option<EvaluationState>,
    /// Only those that were submitted.
    pub submitted: bool,
    /// Of this agent.
    pub agent: Option<String>,
    /// Of this queue.
    pub queue: Option<String>,
    /// By this form.
    pub form: Option<String>,
    /// Of this reviewer.
    pub reviewer: Option<String>,
    /// Of this call.
    pub call: Option<CallId>,
    /// Of calls from this instant's week on.
    pub since: Option<Wall>,
    /// Of calls up to this instant's week.
    pub until: Option<Wall>,
    /// Older than this one: the next page.
    pub older_than: Option<u32>,
    /// At most.
    pub limit: u32,
}

/// An evaluation in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = EvaluationListed)]
pub struct Listed {
    /// Its number within the enterprise.
    pub evaluation: u32,
    /// `human`, `machine` or `calibration`.
    #[schema(value_type = String)]
    pub kind: EvaluationKind,
    /// `open`, `submitted`, `acknowledged`, `appealed`, `upheld`, `changed`.
    #[schema(value_type = String)]
    pub state: EvaluationState,
    /// The call.
    #[schema(value_type = String)]
    pub call: CallId,
    /// The agent who answered it.
    pub agent: String,
    /// The queue it waited in.
    pub queue: String,
    /// The 400 number.
    pub number: String,
    /// The Monday of the week in which it began.
    pub week: String,
    /// The form.
    pub form: String,
    /// Its version.
    pub form_version: u32,
    /// The rule that drew it; empty for none.
    pub rule: String,
    /// The calibration it is of.
    pub calibration: Option<u32>,
    /// Whose it is; empty for whoever comes first. Of a machine its name.
    pub reviewer: String,
    /// Percent × 100; none while it is open, or where it is not to be seen.
    pub percent_e2: Option<u32>,
    /// Whether it is passed.
    pub passed: Option<bool>,
    /// Whether an answer failed the whole.
    pub failed: Option<bool>,
    /// Whether it counts for the agent: a person's does, a machine's where no person said anything, a calibration's never.
    pub counts: bool,
    /// Until when the agent may appeal, Beijing time.
    pub appeal_until: Option<String>,
    /// When it was submitted, Beijing time.
    pub submitted_at: Option<String>,
    /// Who took the last step.
    pub changed_by: String,
    /// When, Beijing time.
    pub changed_at: String,
}

/// An evaluation whole.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Evaluation)]
pub struct Whole {
    /// What stands in a list.
    #[serde(flatten)]
    pub listed: Listed,
    /// The recording of the call, while it is there.
    #[schema(value_type = Option<String>)]
    pub recording: Option<RecordingId>,
    /// The form, as of its version.
    #[schema(value_type = Object)]
    pub questions: Form,
    /// What was written; a draft is shown to its reviewer alone.
    #[schema(value_type = Object)]
    pub sheet: Sheet,
    /// What it is worth, by section.
    #[schema(value_type = Option<Object>)]
    pub scored: Option<Scored>,
    /// Why the agent does not agree.
    pub appeal: Option<String>,
    /// Why it was upheld or changed.
    pub decision: Option<String>,
    /// Every sheet that was submitted, in their order.
    pub revisions: Vec<Revision>,
}

/// A sheet that was submitted.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = EvaluationRevision)]
pub struct Revision {
    /// From 1.
    pub revision: u32,
    /// The sheet.
    #[schema(value_type = Object)]
    pub sheet: Sheet,
    /// Percent × 100.
    pub percent_e2: u32,
    /// Whether it is passed.
    pub passed: bool,
    /// Whether an answer failed the whole.
    pub failed: bool,
    /// Why it took the place of the one before.
    pub why: String,
    /// Who submitted it.
    pub made_by: String,
    /// When, Beijing time.
    pub made_at: String,
}

/// The date of a week's Monday.
pub(super) fn monday(week: Week) -> String {
    time(week.begin()).chars().take(10).collect()
}

/// An evaluation as it stands in a list for somebody.
fn listed(kept: &Evaluation, reader: &Reader<'_>) -> Listed {
    let of = &kept.of;
    let seen = kept.score.filter(|_| !is_hidden(kept, reader));
    let counts = match of.kind {
        EvaluationKind::Human => kept.state.is_submitted(),
        EvaluationKind::Machine => !kept.outdone,
        EvaluationKind::Calibration => false,
    };
    let appeal_until = kept.appeal_until().filter(|_| of.kind == EvaluationKind::Human);
    Listed {
        evaluation: kept.number,
        kind: of.kind,
        state: kept.state,
        call: of.call,
        agent: of.agent.clone(),
        queue: of.queue.clone(),
        number: of.number.clone(),
        week: monday(of.week),
        form: of.form.clone(),
        form_version: of.form_version,
        rule: of.rule.clone(),
        calibration: of.calibration,
        reviewer: of.reviewer.clone(),
        percent_e2: seen.map(|score| score.percent_e2),
        passed: seen.map(|score| score.passed),
        failed: seen.map(|score| score.failed),
        counts,
        appeal_until: appeal_until.map(time),
        submitted_at: kept.submitted_at.map(time),
        changed_by: kept.changed.by.clone(),
        changed_at: time(kept.changed.at),
    }
}

/// Who looks at evaluations.
struct Reader<'a> {
    /// The account; `None` for the provider's hand, and for agents, who are shown nothing but what was submitted about them.
    login: Option<&'a str>,
    /// Calls that it has still to evaluate in a calibration.
    owes: BTreeSet<CallId>,
}

impl<'a> Reader<'a> {
    async fn of(desk: &Desk, tenant: &TenantId, login: Option<&'a str>) -> Outcome<Reader<'a>> {
        let owes = match login {
            Some(login) => desk.store.owed_calibrations(tenant, login).await?,
            None => BTreeSet::new(),
        };
        Ok(Reader { login, owes })
    }
}

/// Whether what was written is not to be seen by somebody: a draft is its reviewer's alone, and so is a calibration until all of them
/// are in. Who has still to calibrate a call sees nothing that others say of it.
fn is_hidden(kept: &Evaluation, reader: &Reader<'_>) -> bool {
    let is_own = reader.login.is_some_and(|login| login == kept.of.reviewer);
    (!kept.state.is_submitted() || kept.blind || reader.owes.contains(&kept.of.call)) && !is_own
}

/// Opens the evaluation of a call, for who asks or somebody else.
///
/// # Errors
/// There is no such call, agent, form or reviewer; it would be one's own; the call has one.
pub async fn open(desk: &Desk, asked: &Open, who: &Who) -> Outcome<Whole> {
    let call = called(desk, &asked.tenant, asked.call).await?;
    let form = kept_form(desk, &asked.tenant, &asked.form, None).await?;
    let login = asked.reviewer.as_deref().unwrap_or(&who.login);
    let reviewer = reviewer(desk, &asked.tenant, login).await?;
    not_own(&reviewer, &call.record.agent)?;
    let new = NewEvaluation {
        reviewer: reviewer.login,
        ..new(&asked.tenant, &call, EvaluationKind::Human, (&asked.form, form.version))
    };
    match desk.store.open_evaluation(&new, &desk.change(&who.login)).await? {
        Opened::Done(evaluation) => {
            one(desk, &Which { tenant: asked.tenant.clone(), evaluation }, Some(&who.login)).await
        }
        Opened::There(number) => Err(there(number)),
    }
}

fn there(number: u32) -> Refusal {
    Refusal::new(
        Code::AlreadyThere,
        format!("该通话已有评分 {number}"),
        format!("the call has the evaluation {number} already"),
    )
}

/// A call of an agent, of a kind, by a form.
pub(super) fn new(
    tenant: &TenantId,
    call: &StoredCall,
    kind: EvaluationKind,
    (form, form_version): (&str, u32),
) -> NewEvaluation {
    let record = &call.record;
    NewEvaluation {
        tenant: tenant.clone(),
        kind,
        call: record.call,
        agent: record.agent.clone(),
        queue: record.queue.clone(),
        number: record.number.to_string(),
        week: Week::of(record.started_at),
        form: form.to_owned(),
        form_version,
        rule: String::new(),
        calibration: None,
        reviewer: String::new(),
        appeal_days: APPEAL_DAYS,
    }
}

/// A call of the enterprise that an agent answered.
pub(super) async fn called(desk: &Desk, tenant: &TenantId, call: CallId) -> Outcome<StoredCall> {
    let found = desk.store.call(call).await?.filter(|found| found.record.tenant == *tenant);
    let found = found
        .ok_or_else(|| Refusal::not_found(format!("没有通话 {call}"), format!("there is no call {call}")))?;
    if found.record.agent.is_empty() {
        return Err(Refusal::invalid(
            format!("通话 {call} 没有坐席接听，不能评分"),
            format!("no agent answered the call {call}: there is nobody to evaluate"),
        ));
    }
    Ok(found)
}

/// An account of the enterprise that may evaluate.
pub(super) async fn reviewer(desk: &Desk, tenant: &TenantId, login: &str) -> Outcome<Who> {
    check_login(login)?;
    let account = desk.store.account(tenant, login).await?;
    let account = account.filter(|account| {
        account.disabled_at.is_none()
            && Role::of(&account.role).is_some_and(|role| role.may(Permission::Quality))
    });
    let agent = |text: String| Some(text).filter(|text| !text.is_empty());
    account.map(|account| Who { login: account.login, agent: agent(account.agent) }).ok_or_else(|| {
        Refusal::invalid(
            format!("账号 {login} 不存在、已停用或不能评分"),
            format!("{login} is no account that may evaluate"),
        )
    })
}

pub(super) fn not_own(who: &Who, agent: &str) -> Outcome<()> {
    if who.agent.as_deref() != Some(agent) {
        return Ok(());
    }
    Err(Refusal::new(Code::SecondPerson, "不能评自己的通话", "nobody evaluates a call of its own"))
}

/// Goes on writing, or submits what was written: from then on it changes by an appeal alone.
///
/// # Errors
/// It is not there, somebody else's, submitted already, or not to be submitted so.
pub async fn write(desk: &Desk, of: &Which, sheet: Sheet, submit: bool, who: &Who) -> Outcome<Whole> {
    let kept = kept(desk, of).await?;
    not_own(who, &kept.of.agent)?;
    let scored = checked(desk, &kept, &sheet, !submit).await?;
    let step = match scored.filter(|_| submit) {
        Some(score) => EvaluationStep::Submit(sheet, score),
        None => EvaluationStep::Draft(sheet),
    };
    take(desk, of, &step, &who.login).await
}

/// Gives an evaluation that is not submitted to somebody else.
///
/// # Errors
/// It is not there or submitted already, the other one may not evaluate, it would be its own, or it has a part in the same
/// calibration.
pub async fn assign(desk: &Desk, of: &Which, login: &str, by: &str) -> Outcome<Whole> {
    let kept = kept(desk, of).await?;
    let reviewer = reviewer(desk, &of.tenant, login).await?;
    not_own(&reviewer, &kept.of.agent)?;
    take(desk, of, &EvaluationStep::Assign(reviewer.login), by).await
}

/// The agent takes note of an evaluation, or appeals for a reason.
///
/// # Errors
/// It is not the agent's, not as far, the days are over, or the reason is missing.
pub async fn answer(desk: &Desk, of: &Which, agent: &str, appeal: Option<&str>, by: &str) -> Outcome<Whole> {
    let kept = kept(desk, of).await?;
    if kept.of.agent != agent || !is_the_agents(&kept) {
        return Err(missing(of.evaluation));
    }
    let step = match appeal {
        None => EvaluationStep::Acknowledge,
        Some(reason) => EvaluationStep::Appeal(reasoned(reason)?),
    };
    take(desk, of, &step, by).await
}

/// Decides about an appeal; not by who evaluated.
///
/// # Errors
/// It is not there or not appealed, the same person evaluated, or the reason is missing.
pub async fn decide(desk: &Desk, of: &Which, decision: Decision, who: &Who) -> Outcome<Whole> {
    let kept = kept(desk, of).await?;
    not_own(who, &kept.of.agent)?;
    if kept.of.reviewer == who.login {
        return Err(Refusal::new(
            Code::SecondPerson,
            "申诉须由评分人以外的人裁定",
            "an appeal is decided by somebody other than the reviewer",
        ));
    }
    let step = match decision {
        Decision::Uphold { why } => EvaluationStep::Uphold(reasoned(&why)?),
        Decision::Change { sheet, why } => {
            let (scored, why) = (checked(desk, &kept, &sheet, false).await?, reasoned(&why)?);
            let score = scored.ok_or_else(|| answers_wrong(&[AnswerFault::NothingApplies]))?;
            EvaluationStep::Change(sheet, score, why)
        }
    };
    take(desk, of, &step, &who.login).await
}

/// Takes what a machine says of a call. It is marked as a machine's, and counts only until a person says something.
///
/// # Errors
/// There is no such call or form, the sheet is wrong, the machine has said it before, or its name is a person's or none.
pub async fn prescore(desk: &Desk, asked: &Prescore) -> Outcome<Listed> {
    machine(desk, &asked.tenant, &asked.machine).await?;
    let call = called(desk, &asked.tenant, asked.call).await?;
    let form = kept_form(desk, &asked.tenant, &asked.form, asked.version).await?;
    if form.version == 0 {
        return Err(Refusal::invalid("草稿不能用于评分", "nothing is scored by a draft"));
    }
    let score = scored_by(&form.form, &asked.sheet, false)?;
    let new = NewEvaluation {
        reviewer: asked.machine.clone(),
        ..new(&asked.tenant, &call, EvaluationKind::Machine, (&asked.form, form.version))
    };
    let Some(score) = score else { return Err(answers_wrong(&[AnswerFault::NothingApplies])) };
    match desk.store.prescore(&new, &asked.sheet, score, &desk.change(&asked.by)).await? {
        Opened::Done(evaluation) => {
            let of = Which { tenant: asked.tenant.clone(), evaluation };
            let reader = Reader { login: Some(&asked.machine), owes: BTreeSet::new() };
            Ok(listed(&kept(desk, &of).await?, &reader))
        }
        Opened::There(number) => Err(there(number)),
    }
}

/// What a machine is called is an account of its role, or nobody's.
async fn machine(desk: &Desk, tenant: &TenantId, name: &str) -> Outcome<()> {
    check_login(name)?;
    let account = desk.store.account(tenant, name).await?;
    if account.is_some_and(|account| Role::of(&account.role) != Some(Role::Machine)) {
        return Err(Refusal::invalid(
            format!("{name} 是人员账号，不能用作机器名称"),
            format!("{name} is a person's account and no machine's name"),
        ));
    }
    Ok(())
}

/// Lists a page of evaluations, the latest first, as somebody may see them.
///
/// # Errors
/// There is no such enterprise, or those of the database.
pub async fn list(desk: &Desk, asked: &Filter, reader: Option<&str>) -> Outcome<Vec<Listed>> {
    let tenant = TenantId::new(&asked.tenant);
    desk.enterprise(&tenant).await?;
    for at in [asked.since, asked.until].into_iter().flatten() {
        crate::ops::check_instant("since, until", at)?;
    }
    let filter = EvaluationFilter {
        kind: asked.kind,
        state: asked.state,
        submitted: asked.submitted,
        agent: asked.agent.clone(),
        queue: asked.queue.clone(),
        form: asked.form.clone(),
        reviewer: asked.reviewer.clone(),
        call: asked.call,
        calibration: None,
        since: asked.since.map(Week::of),
        until: asked.until.map(Week::of),
        older_than: asked.older_than,
    };
    let found = desk.store.evaluations(&tenant, &filter, asked.limit.min(PAGE_MAX)).await?;
    let reader = Reader::of(desk, &tenant, reader).await?;
    Ok(found.iter().map(|kept| listed(kept, &reader)).collect())
}

/// One evaluation whole, as somebody may see it.
///
/// # Errors
/// There is no such evaluation.
pub async fn one(desk: &Desk, of: &Which, reader: Option<&str>) -> Outcome<Whole> {
    whole(desk, kept(desk, of).await?, reader).await
}

/// One evaluation of an agent, as the agent may see it: a person's that was submitted.
///
/// # Errors
/// There is no such evaluation of the agent.
pub async fn own(desk: &Desk, of: &Which, agent: &str) -> Outcome<Whole> {
    let kept = kept(desk, of).await?;
    if kept.of.agent != agent || !is_the_agents(&kept) {
        return Err(missing(of.evaluation));
    }
    whole(desk, kept, None).await
}

fn is_the_agents(kept: &Evaluation) -> bool {
    kept.of.kind == EvaluationKind::Human && kept.state.is_submitted()
}

async fn whole(desk: &Desk, kept: Evaluation, reader: Option<&str>) -> Outcome<Whole> {
    let Evaluation { of, number, sheet, .. } = &kept;
    let form = kept_form(desk, &of.tenant, &of.form, Some(of.form_version)).await?.form;
    let reader = &Reader::of(desk, &of.tenant, reader).await?;
    let hidden = is_hidden(&kept, reader);
    let revision = |one: store::Revision| Revision {
        revision: one.revision,
        sheet: one.sheet,
        percent_e2: one.score.percent_e2,
        passed: one.score.passed,
        failed: one.score.failed,
        why: one.why,
        made_by: one.made.by,
        made_at: time(one.made.at),
    };
    let revisions = if hidden { Vec::new() } else { desk.store.revisions(&of.tenant, *number).await? };
    let call = desk.store.call(of.call).await?;
    let recording = match call.and_then(|call| call.record.recording) {
        Some(recording) => desk.store.recording(recording).await?.map(|found| found.recording),
        None => None,
    };
    Ok(Whole {
        listed: listed(&kept, reader),
        recording,
        scored: score(&form, &sheet.answers).filter(|_| !hidden),
        questions: form,
        sheet: if hidden { Sheet::default() } else { sheet.clone() },
        appeal: kept.appeal.clone().filter(|_| !hidden),
        decision: kept.decision.clone().filter(|_| !hidden),
        revisions: revisions.into_iter().map(revision).collect(),
    })
}

async fn kept(desk: &Desk, of: &Which) -> Outcome<Evaluation> {
    desk.store.evaluation(&of.tenant, of.evaluation).await?.ok_or_else(|| missing(of.evaluation))
}

fn missing(number: u32) -> Refusal {
    Refusal::not_found(format!("没有评分 {number}"), format!("there is no evaluation {number}"))
}

async fn take(desk: &Desk, of: &Which, step: &EvaluationStep, by: &str) -> Outcome<Whole> {
    match desk.store.step_evaluation(&of.tenant, of.evaluation, step, &desk.change(by)).await? {
        EvaluationStepped::Done => one(desk, of, Some(by)).await,
        EvaluationStepped::Missing => Err(missing(of.evaluation)),
        EvaluationStepped::Not(state) => Err(not_now(of.evaluation, state)),
        EvaluationStepped::Others => Err(Refusal::new(
            Code::Forbidden,
            format!("评分 {} 由他人负责", of.evaluation),
            format!("the evaluation {} is somebody else's", of.evaluation),
        )),
        EvaluationStepped::InAlready => Err(Refusal::new(
            Code::AlreadyThere,
            "该账号已参加这次校准",
            "the account has a part in this calibration already",
        )),
        EvaluationStepped::TooLate => Err(Refusal::new(
            Code::AppealOver,
            format!("评分 {} 的申诉期已过", of.evaluation),
            format!("the days to appeal against the evaluation {} are over", of.evaluation),
        )),
    }
}

fn not_now(number: u32, state: EvaluationState) -> Refusal {
    let (zh, en) = match state {
        EvaluationState::Open => ("尚未提交", "was not submitted"),
        EvaluationState::Submitted => ("已提交", "was submitted"),
        EvaluationState::Acknowledged => ("坐席已确认", "was acknowledged by the agent"),
        EvaluationState::Appealed => ("坐席已申诉，待裁定", "was appealed against and waits for a decision"),
        EvaluationState::Upheld => ("申诉后维持原评分", "was upheld"),
        EvaluationState::Changed => ("申诉后已更改", "was changed after an appeal"),
    };
    Refusal::new(
        Code::EvaluationState,
        format!("评分 {number} {zh}"),
        format!("the evaluation {number} {en}"),
    )
}

fn reasoned(reason: &str) -> Outcome<String> {
    let reason = reason.trim();
    if (1..=hotline::quality::NOTE_MAX).contains(&reason.chars().count()) {
        return Ok(reason.to_owned());
    }
    let most = hotline::quality::NOTE_MAX;
    Err(Refusal::invalid(
        format!("须写明理由，最长 {most} 字"),
        format!("a reason is needed, of {most} characters at most"),
    ))
}

/// What a sheet is worth by the evaluation's own version of its form; nothing of a draft that has no answer yet.
async fn checked(desk: &Desk, kept: &Evaluation, sheet: &Sheet, is_draft: bool) -> Outcome<Option<Score>> {
    let of = &kept.of;
    let form = kept_form(desk, &of.tenant, &of.form, Some(of.form_version)).await?.form;
    scored_by(&form, sheet, is_draft)
}

fn scored_by(form: &Form, sheet: &Sheet, is_draft: bool) -> Outcome<Option<Score>> {
    check_sheet(form, sheet, is_draft).map_err(|faults| answers_wrong(&faults))?;
    Ok(score(form, &sheet.answers).as_ref().map(Score::from))
}

fn answers_wrong(faults: &[AnswerFault]) -> Refusal {
    let mut refusal =
        Refusal::new(Code::InvalidDocument, "评分内容有误", "something is wrong with what was written");
    let problem = |fault: &AnswerFault| {
        let (path, code, zh, en) = match fault {
            AnswerFault::UnknownQuestion(code) => (
                format!("answers.{code}"),
                "unknown_question",
                "没有这个问题",
                "the form has no such question",
            ),
            AnswerFault::WrongAnswer(code) => (
                format!("answers.{code}"),
                "wrong_answer",
                "不是这个问题的答案",
                "it is no answer to this question",
            ),
            AnswerFault::Unanswered(code) => {
                (format!("answers.{code}"), "unanswered", "没有回答", "it is not answered")
            }
            AnswerFault::NothingApplies => {
                ("answers".to_owned(), "nothing_applies", "没有适用的问题", "no question applies")
            }
            AnswerFault::BadNote(code) => (
                format!("notes.{code}"),
                "bad_note",
                "没有这个问题，或备注太长",
                "the form has no such question, or the note is too long",
            ),
            AnswerFault::TooLong => {
                ("sheet".to_owned(), "too_long", "评语或标记太长", "the remark or the marks are too long")
            }
        };
        Problem { line: 0, path, code: code.to_owned(), zh: zh.to_owned(), en: en.to_owned() }
    };
    refusal.problems = faults.iter().map(problem).collect();
    refusal
}
