//! Evaluations by agent, queue or week (row Q19): how many, the mean, who passed, what failed at once and which questions cost most.
//! What machines say stands apart, with how far it lies from people's word on the same calls.

use std::collections::{BTreeMap, HashMap};

use hotline::quality::{Form, Week, lost};
use hotline::{CallId, TenantId, Wall};
use serde::{Deserialize, Serialize};
use store::{Evaluation, EvaluationFilter, EvaluationKind, Score};
use utoipa::ToSchema;

use super::evaluations::monday;
use super::kept_form;
use crate::clock;
use crate::ops::turns::turn;
use crate::ops::{Desk, Outcome, Refusal, check_instant};

/// What is asked.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// The enterprise.
    pub tenant: String,
    /// Of calls from this instant's week on; four weeks back unless said.
    pub since: Option<Wall>,
    /// Of calls up to this instant's week; until now unless said.
    pub until: Option<Wall>,
    /// By this form.
    pub form: Option<String>,
    /// Of this agent.
    pub agent: Option<String>,
    /// Of this queue.
    pub queue: Option<String>,
    /// What a row is of.
    pub by: By,
}

/// What a row is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[schema(as = QualityReportBy)]
pub enum By {
    /// An agent.
    #[default]
    Agent,
    /// A queue.
    Queue,
    /// A week.
    Week,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = QualityReport)]
pub struct Row {
    /// The agent, the queue, or the Monday of the week.
    pub of: String,
    /// What people submitted.
    pub human: Figures,
    /// What machines said of calls that no person evaluated.
    pub machine: Figures,
    /// Machines beside people, on the calls that both evaluated; none where there is no such call.
    pub difference: Option<Difference>,
    /// The questions that cost most of what people submitted, the dearest first, five at most.
    pub lost: Vec<Lost>,
}

/// Figures of some evaluations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = QualityFigures)]
pub struct Figures {
    /// How many.
    pub evaluated: u64,
    /// Their mean, percent × 100, rounded to the nearest; none without one.
    pub mean_percent_e2: Option<u64>,
    /// Those that were passed.
    pub passed: u64,
    /// Those in a thousand, rounded to the nearest; none without one.
    pub passed_per_mille: Option<u64>,
    /// Those that failed by an answer.
    pub failed: u64,
}

/// How far machines lie from people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = QualityDifference)]
pub struct Difference {
    /// Pairs of a machine's and a person's word on the same call, by the same form.
    pub pairs: u64,
    /// What a machine gives more than a person, in the mean: percent × 100, rounded to the nearest.
    pub mean_e2: i64,
    /// The mean of the distances, percent × 100, rounded to the nearest.
    pub mean_distance_e2: u64,
    /// Pairs that agree about whether it is passed.
    pub same_result: u64,
}

/// What a question cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = QualityLost)]
pub struct Lost {
    /// The form.
    pub form: String,
    /// The question.
    pub question: String,
    /// What is asked, as of the last version that was met.
    pub title: String,
    /// Evaluations in which it cost something.
    pub evaluations: u64,
    /// What it cost of an evaluation in the mean, over all of its form in this row: percent × 100, rounded to the nearest.
    pub mean_e2: u64,
}

/// The longest span.
const WEEKS_MAX: i64 = 60;
const LOST_MAX: usize = 5;
/// Evaluations that are read at a time.
const PAGE: u32 = 1_000;

/// What is summed for a row.
#[derive(Default)]
struct Sums {
    human: Sum,
    machine: Sum,
    pairs: Vec<(Score, Score)>,
    /// Evaluations of each form, and by question what was lost and how often.
    forms: BTreeMap<String, u64>,
    lost: BTreeMap<(String, String), (u64, u64, String)>,
}

#[derive(Default)]
struct Sum {
    count: u64,
    percent_e2: u64,
    passed: u64,
    failed: u64,
}

impl Sum {
    fn add(&mut self, score: Score) {
        self.count += 1;
        self.percent_e2 += u64::from(score.percent_e2);
        self.passed += u64::from(score.passed);
        self.failed += u64::from(score.failed);
    }

    fn figures(&self) -> Figures {
        Figures {
            evaluated: self.count,
            mean_percent_e2: rounded(self.percent_e2, self.count),
            passed: self.passed,
            passed_per_mille: rounded(self.passed * 1_000, self.count),
            failed: self.failed,
        }
    }
}

/// A quotient rounded to the nearest, halves up.
fn rounded(sum: u64, count: u64) -> Option<u64> {
    (count > 0).then(|| (sum * 2 + count) / (count * 2))
}

/// Reports, a row each agent, queue or week that has an evaluation.
///
/// # Errors
/// There is no such enterprise, or the span is none.
pub async fn report(desk: &Desk, asked: &Asked) -> Outcome<Vec<Row>> {
    let tenant = TenantId::new(&asked.tenant);
    desk.enterprise(&tenant).await?;
    let (since, until) = span(asked, clock::wall())?;
    let _turn = turn(&tenant).await;
    let (mut rows, mut forms) = (BTreeMap::<String, Sums>::new(), HashMap::new());
    let mut people: HashMap<(CallId, String, String), Score> = HashMap::new();
    for kind in [EvaluationKind::Human, EvaluationKind::Machine] {
        let mut filter = EvaluationFilter {
            kind: Some(kind),
            submitted: true,
            agent: asked.agent.clone(),
            queue: asked.queue.clone(),
            form: asked.form.clone(),
            since: Some(since),
            until: Some(until),
            ..EvaluationFilter::default()
        };
        loop {
            let page = desk.store.evaluations(&tenant, &filter, PAGE).await?;
            let Some(last) = page.last() else { break };
            filter.older_than = Some(last.number);
            for one in &page {
                let Some(score) = one.score else { continue };
                let row = rows.entry(key(asked.by, one)).or_default();
                let same = (one.of.call, one.of.agent.clone(), one.of.form.clone());
                match kind {
                    EvaluationKind::Human => {
                        row.human.add(score);
                        let form = form_of(desk, &tenant, one, &mut forms).await?;
                        add_lost(row, one, form);
                        people.insert(same, score);
                    }
                    EvaluationKind::Machine | EvaluationKind::Calibration => {
                        if !one.outdone {
                            row.machine.add(score);
                        }
                        row.pairs.extend(people.get(&same).map(|person| (score, *person)));
                    }
                }
            }
        }
    }
    Ok(rows.into_iter().map(|(of, sums)| told(of, sums)).filter(|row| !row.is_empty()).collect())
}

fn span(asked: &Asked, now: Wall) -> Outcome<(Week, Week)> {
    let until = asked.until.unwrap_or(now);
    check_instant("until", until)?;
    let until = Week::of(until);
    let since = match asked.since {
        Some(since) => {
            check_instant("since", since)?;
            Week::of(since)
        }
        None => Week::of_day(until.monday() - 21),
    };
    if (0..7 * WEEKS_MAX).contains(&(until.monday() - since.monday())) {
        return Ok((since, until));
    }
    Err(Refusal::invalid(
        format!("起止时间应先后有序，且不超过 {WEEKS_MAX} 周"),
        format!("a span ends after it begins and has {WEEKS_MAX} weeks at most"),
    ))
}

fn key(by: By, one: &Evaluation) -> String {
    match by {
        By::Agent => one.of.agent.clone(),
        By::Queue => one.of.queue.clone(),
        By::Week => monday(one.of.week),
    }
}

async fn form_of<'f>(
    desk: &Desk,
    tenant: &TenantId,
    one: &Evaluation,
    forms: &'f mut HashMap<(String, u32), Form>,
) -> Outcome<&'f Form> {
    let key = (one.of.form.clone(), one.of.form_version);
    if !forms.contains_key(&key) {
        let form = kept_form(desk, tenant, &key.0, Some(key.1)).await?.form;
        forms.insert(key.clone(), form);
    }
    Ok(&forms[&key])
}

fn add_lost(row: &mut Sums, one: &Evaluation, form: &Form) {
    *row.forms.entry(form.name.clone()).or_default() += 1;
    for (code, lost) in lost(form, &one.sheet.answers).into_iter().filter(|(_, lost)| *lost > 0) {
        let title = form.question(&code).map(|question| question.title.clone()).unwrap_or_default();
        let (sum, count, _) = row.lost.entry((form.name.clone(), code)).or_insert((0, 0, title));
        *sum += u64::from(lost);
        *count += 1;
    }
}

impl Row {
    /// A machine's word that does not count and lies beside no person's in the span says nothing.
    fn is_empty(&self) -> bool {
        self.human.evaluated == 0 && self.machine.evaluated == 0 && self.difference.is_none()
    }
}

fn told(of: String, sums: Sums) -> Row {
    let forms = &sums.forms;
    let lost = sums.lost.into_iter().map(|((form, question), (sum, evaluations, title))| {
        let mean_e2 = rounded(sum, forms[&form]).unwrap_or_default();
        Lost { form, question, title, evaluations, mean_e2 }
    });
    let mut lost: Vec<Lost> = lost.collect();
    lost.sort_by_key(|one| std::cmp::Reverse(one.mean_e2));
    lost.truncate(LOST_MAX);
    let (human, machine) = (sums.human.figures(), sums.machine.figures());
    Row { of, human, machine, difference: difference(&sums.pairs), lost }
}

fn difference(pairs: &[(Score, Score)]) -> Option<Difference> {
    let count = pairs.len() as u64;
    let apart =
        |(machine, person): &(Score, Score)| i64::from(machine.percent_e2) - i64::from(person.percent_e2);
    let sum: i64 = pairs.iter().map(apart).sum();
    let mean = i64::try_from(rounded(sum.unsigned_abs(), count)?).unwrap_or(i64::MAX);
    Some(Difference {
        pairs: count,
        mean_e2: mean * sum.signum(),
        mean_distance_e2: rounded(pairs.iter().map(|pair| apart(pair).unsigned_abs()).sum(), count)?,
        same_result: pairs.iter().filter(|(machine, person)| machine.passed == person.passed).count() as u64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(percent_e2: u32) -> Score {
        Score { percent_e2, passed: percent_e2 >= 8_000, failed: percent_e2 == 0 }
    }

    #[test]
    fn q19_means_and_differences_are_rounded_to_the_nearest() {
        let mut sum = Sum::default();
        assert_eq!(sum.figures(), Figures::default());
        [10_000, 8_000, 0].into_iter().for_each(|percent| sum.add(score(percent)));
        let figures = sum.figures();
        assert_eq!((figures.mean_percent_e2, figures.passed_per_mille), (Some(6_000), Some(667)));
        assert_eq!((figures.evaluated, figures.passed, figures.failed), (3, 2, 1));
        let pairs = [(score(9_000), score(7_000)), (score(8_000), score(8_501)), (score(0), score(0))];
        let told = difference(&pairs).expect("pairs");
        assert_eq!((told.pairs, told.mean_e2, told.mean_distance_e2, told.same_result), (3, 500, 834, 2));
        let turned = pairs.map(|(machine, person)| (person, machine));
        assert_eq!(difference(&turned).expect("pairs").mean_e2, -500);
        assert_eq!(difference(&[]), None);
    }
}
