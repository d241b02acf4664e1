//! Evaluations of agents' calls: from their assignment to what the agent and a supervisor say of them. Each step looks at what it is
//! by then, in its own transaction; each sheet that was submitted is kept.

use std::collections::BTreeSet;

use hotline::quality::{Scored, Sheet, Week};
use hotline::{CallId, TenantId, Wall};
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::audit::{Change, take_turn, write_audit};
use crate::database::{Result, Store};
use crate::rows::{Read, Value, arguments, code, json_text};

/// Who says it, and what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvaluationKind {
    /// A person, for the agent.
    Human,
    /// A machine; it counts where no person has said anything.
    Machine,
    /// A person, to be compared with others.
    Calibration,
}

/// How far an evaluation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvaluationState {
    /// Nothing was submitted.
    Open,
    /// The agent may see it, and has said nothing.
    Submitted,
    /// The agent has taken note of it.
    Acknowledged,
    /// The agent does not agree, and nobody has decided.
    Appealed,
    /// It stands as it was.
    Upheld,
    /// It was changed.
    Changed,
}

impl EvaluationState {
    /// Whether its score counts.
    pub fn is_submitted(self) -> bool {
        match self {
            EvaluationState::Open => false,
            EvaluationState::Submitted
            | EvaluationState::Acknowledged
            | EvaluationState::Appealed
            | EvaluationState::Upheld
            | EvaluationState::Changed => true,
        }
    }
}

/// A call that is to be evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvaluation {
    /// The enterprise.
    pub tenant: TenantId,
    /// Who says it, and what it is for.
    pub kind: EvaluationKind,
    /// The call.
    pub call: CallId,
    /// The agent who answered it.
    pub agent: String,
    /// The queue it waited in; empty for none.
    pub queue: String,
    /// The 400 number.
    pub number: String,
    /// The week in which it began.
    pub week: Week,
    /// The form.
    pub form: String,
    /// Its version.
    pub form_version: u32,
    /// The rule that drew it; empty for none.
    pub rule: String,
    /// The calibration it is of.
    pub calibration: Option<u32>,
    /// Whose it is: an account, or a machine's name. Empty for whoever comes first.
    pub reviewer: String,
    /// For how many days from its submission the agent may appeal.
    pub appeal_days: u16,
}

/// An evaluation as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation {
    /// Of what, by whom.
    pub of: NewEvaluation,
    /// Its number within the enterprise, from 1.
    pub number: u32,
    /// How far it is.
    pub state: EvaluationState,
    /// What was written: a draft while it is open.
    pub sheet: Sheet,
    /// What it is worth; nothing while it is open.
    pub score: Option<Score>,
    /// How many sheets were submitted.
    pub revision: u32,
    /// Why the agent does not agree.
    pub appeal: Option<String>,
    /// Why it was upheld or changed.
    pub decision: Option<String>,
    /// Who opened it, and when.
    pub opened: Change,
    /// When it was submitted.
    pub submitted_at: Option<Wall>,
    /// Who took the last step, and when.
    pub changed: Change,
    /// Whether a person has submitted an evaluation of the same call: a machine's counts no more then.
    pub outdone: bool,
    /// Whether it is of a calibration that others have not handed in.
    pub blind: bool,
}

/// What a sheet is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Score {
    /// Percent × 100.
    pub percent_e2: u32,
    /// Whether it is passed.
    pub passed: bool,
    /// Whether an answer failed the whole.
    pub failed: bool,
}

impl From<&Scored> for Score {
    fn from(scored: &Scored) -> Score {
        Score { percent_e2: scored.percent_e2, passed: scored.passed, failed: scored.failed }
    }
}

/// A sheet that was submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// From 1.
    pub revision: u32,
    /// The sheet.
    pub sheet: Sheet,
    /// What it is worth.
    pub score: Score,
    /// Why it took the place of the one before; empty for the first.
    pub why: String,
    /// Who submitted it, and when.
    pub made: Change,
}

/// What becomes of an evaluation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EvaluationStep {
    /// It is this account's.
    Assign(String),
    /// Somebody goes on writing.
    Draft(Sheet),
    /// It is done.
    Submit(Sheet, Score),
    /// The agent takes note of it.
    Acknowledge,
    /// The agent does not agree, for this reason.
    Appeal(String),
    /// It stands, for this reason.
    Uphold(String),
    /// It is this from now on, for this reason.
    Change(Sheet, Score, String),
}

impl EvaluationStep {
    /// Whether it may follow a state, and what it leads to.
    pub fn leads(&self, from: EvaluationState) -> Option<EvaluationState> {
        use EvaluationState::{Acknowledged, Appealed, Changed, Open, Submitted, Upheld};
        let (wanted, to) = match self {
            EvaluationStep::Assign(_) | EvaluationStep::Draft(_) => (Open, Open),
            EvaluationStep::Submit(..) => (Open, Submitted),
            EvaluationStep::Acknowledge => (Submitted, Acknowledged),
            EvaluationStep::Appeal(_) => (Submitted, Appealed),
            EvaluationStep::Uphold(_) => (Appealed, Upheld),
            EvaluationStep::Change(..) => (Appealed, Changed),
        };
        (from == wanted).then_some(to)
    }

    /// Whether the agent has a part in it, which calibrations and machines give it none of.
    fn is_of_the_agent(&self) -> bool {
        match self {
            EvaluationStep::Assign(_) | EvaluationStep::Draft(_) | EvaluationStep::Submit(..) => false,
            EvaluationStep::Acknowledge
            | EvaluationStep::Appeal(_)
            | EvaluationStep::Uphold(_)
            | EvaluationStep::Change(..) => true,
        }
    }
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvaluationStepped {
    /// It was taken.
    Done,
    /// There is no such evaluation.
    Missing,
    /// It is in a state that this step does not lead from.
    Not(EvaluationState),
    /// It is somebody else's.
    Others,
    /// Whoever it was to be given has a part in the same calibration.
    InAlready,
    /// The days for an appeal are over.
    TooLate,
}

/// What became of an evaluation that was to be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// It has this number.
    Done(u32),
    /// The call has one of its kind already, of this number.
    There(u32),
}

/// Which evaluations are meant. `None` is no condition.
#[derive(Clone, Debug, Default)]
pub struct EvaluationFilter {
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
    /// Of this calibration.
    pub calibration: Option<u32>,
    /// Of calls of this week or later.
    pub since: Option<Week>,
    /// Of calls of this week or earlier.
    pub until: Option<Week>,
    /// Older than this one: the last of the page before.
    pub older_than: Option<u32>,
}

const COLUMNS: &str = "tenant_id, evaluation_no, kind, call_id, agent, queue, number, week, form, form_version, rule, \
    calibration_no, reviewer, state, sheet, percent_e2, passed, failed, revision, appeal_days, appeal, decision, \
    opened_at, opened_by, submitted_at, changed_at, changed_by, \
    cast(case when exists (select 1 from evaluation as better where better.tenant_id = evaluation.tenant_id \
    and better.call_id = evaluation.call_id and better.agent = evaluation.agent and better.kind = 'human' \
    and better.state <> 'open') then 1 else 0 end as bigint) as outdone, \
    cast(case when evaluation.calibration_no is not null and exists (select 1 from evaluation as peer \
    where peer.tenant_id = evaluation.tenant_id and peer.calibration_no = evaluation.calibration_no \
    and peer.state = 'open') then 1 else 0 end as bigint) as blind";

const DAY_MS: i64 = 86_400_000;

impl Store {
    /// Opens an evaluation, unless its call has one of its kind: one by people, one a machine, one a reviewer of a calibration.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn open_evaluation(&self, new: &NewEvaluation, change: &Change) -> Result<Opened> {
        let mut transaction = self.begin().await?;
        take_turn(&mut transaction, &new.tenant).await?;
        if let Some(there) = like(&mut transaction, new).await? {
            return Ok(Opened::There(there));
        }
        let number = insert(&mut transaction, new, change).await?;
        let (subject, became) = (subject(number), of(new));
        write_audit(&mut transaction, &new.tenant, change, "open_evaluation", &subject, None, Some(&became))
            .await?;
        transaction.commit().await?;
        Ok(Opened::Done(number))
    }

    /// Takes what a machine says of a call, whole; its word is not taken back.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn prescore(
        &self,
        new: &NewEvaluation,
        sheet: &Sheet,
        score: Score,
        change: &Change,
    ) -> Result<Opened> {
        let mut transaction = self.begin().await?;
        take_turn(&mut transaction, &new.tenant).await?;
        if let Some(there) = like(&mut transaction, new).await? {
            return Ok(Opened::There(there));
        }
        let number = insert(&mut transaction, new, change).await?;
        let was = (EvaluationState::Open, new.reviewer.as_str());
        let step = EvaluationStep::Submit(sheet.clone(), score);
        write(&mut transaction, (&new.tenant, number), was, EvaluationState::Submitted, &step, change)
            .await?;
        revise(&mut transaction, (&new.tenant, number), &step, change).await?;
        let became = format!("{} {}", of(new), percent(score));
        write_audit(&mut transaction, &new.tenant, change, "prescore", &subject(number), None, Some(&became))
            .await?;
        transaction.commit().await?;
        Ok(Opened::Done(number))
    }

    /// Takes a step with an evaluation. Whoever drafts or submits is its reviewer, or becomes that where it has none.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn step_evaluation(
        &self,
        tenant: &TenantId,
        number: u32,
        step: &EvaluationStep,
        change: &Change,
    ) -> Result<EvaluationStepped> {
        let mut transaction = self.begin().await?;
        if matches!(step, EvaluationStep::Assign(_)) {
            // Two parts of a calibration, given to the same account at once, are given in turn.
            take_turn(&mut transaction, tenant).await?;
        }
        let Some(was) = one(&mut transaction, tenant, number).await? else {
            return Ok(EvaluationStepped::Missing);
        };
        let to = match may(&was, step, change) {
            Ok(to) => to,
            Err(why) => return Ok(why),
        };
        if let (EvaluationStep::Assign(to), Some(calibration)) = (step, was.of.calibration)
            && is_in(&mut transaction, tenant, calibration, to).await?
        {
            return Ok(EvaluationStepped::InAlready);
        }
        let reviewer = was.of.reviewer.as_str();
        if !write(&mut transaction, (tenant, number), (was.state, reviewer), to, step, change).await? {
            // Somebody was quicker; what it is by now says why.
            let now = one(&mut transaction, tenant, number).await?;
            return Ok(now.map_or(EvaluationStepped::Missing, |now| {
                may(&now, step, change).err().unwrap_or(EvaluationStepped::Not(now.state))
            }));
        }
        revise(&mut transaction, (tenant, number), step, change).await?;
        if let Some(said) = said(step, was.of.kind) {
            let (subject, before) = (subject(number), code(&was.state));
            let action = "step_evaluation";
            write_audit(&mut transaction, tenant, change, action, &subject, Some(&before), Some(&said))
                .await?;
        }
        transaction.commit().await?;
        Ok(EvaluationStepped::Done)
    }

    /// One evaluation.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn evaluation(&self, tenant: &TenantId, number: u32) -> Result<Option<Evaluation>> {
        one(&mut *self.readers().acquire().await?, tenant, number).await
    }

    /// Calls that a reviewer has still to evaluate in a calibration.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn owed_calibrations(&self, tenant: &TenantId, reviewer: &str) -> Result<BTreeSet<CallId>> {
        let sql = "select call_id from evaluation where tenant_id = $1 and reviewer = $2 and kind = 'calibration' \
                   and state = 'open'";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(reviewer.to_owned());
        query.fetch_all(self.readers()).await?.iter().map(|row| row.parsed("call_id")).collect()
    }

    /// The sheets of an evaluation that were submitted, in their order.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn revisions(&self, tenant: &TenantId, number: u32) -> Result<Vec<Revision>> {
        let sql = "select revision, sheet, percent_e2, passed, failed, why, made_at, made_by from evaluation_revision \
                   where tenant_id = $1 and evaluation_no = $2 order by revision";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(i64::from(number));
        let read = |row: &AnyRow| {
            Ok(Revision {
                revision: row.count("revision")?,
                sheet: row.json("sheet")?,
                score: Score {
                    percent_e2: row.count("percent_e2")?,
                    passed: row.flag("passed")?,
                    failed: row.flag("failed")?,
                },
                why: row.text("why")?,
                made: Change { at: Wall(row.int("made_at")?), by: row.text("made_by")? },
            })
        };
        query.fetch_all(self.readers()).await?.iter().map(read).collect()
    }

    /// A page of an enterprise's evaluations, the latest first; give the last one as `older_than` for the next page.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn evaluations(
        &self,
        tenant: &TenantId,
        filter: &EvaluationFilter,
        limit: u32,
    ) -> Result<Vec<Evaluation>> {
        let (conditions, mut values) = filter.conditions(tenant);
        values.push(limit.into());
        let sql = format!(
            "select {COLUMNS} from evaluation where {conditions} order by evaluation_no desc limit ${}",
            values.len()
        );
        let rows = sqlx::query_with(AssertSqlSafe(sql), arguments(values)).fetch_all(self.readers()).await?;
        rows.iter().map(read).collect()
    }
}

impl EvaluationFilter {
    /// The conditions behind that of the tenant, which is `$1`, and their values in order.
    fn conditions(&self, tenant: &TenantId) -> (String, Vec<Value>) {
        let (mut sql, mut values) = (String::from("tenant_id = $1"), vec![tenant.as_str().into()]);
        let mut add = |condition: &str, value: Option<Value>| {
            if let Some(value) = value {
                values.push(value);
                sql += &format!(" and {condition} ${}", values.len());
            }
        };
        add("kind =", self.kind.as_ref().map(|kind| code(kind).into()));
        add("state =", self.state.as_ref().map(|state| code(state).into()));
        add("state <>", self.submitted.then(|| "open".into()));
        add("agent =", self.agent.as_deref().map(Value::from));
        add("queue =", self.queue.as_deref().map(Value::from));
        add("form =", self.form.as_deref().map(Value::from));
        add("reviewer =", self.reviewer.as_deref().map(Value::from));
        add("call_id =", self.call.map(|call| call.to_string().into()));
        add("calibration_no =", self.calibration.map(Value::from));
        add("week >=", self.since.map(|week| week.monday().into()));
        add("week <=", self.until.map(|week| week.monday().into()));
        add("evaluation_no <", self.older_than.map(Value::from));
        (sql, values)
    }
}

/// What a step leads to, or why it may not be taken.
fn may(
    was: &Evaluation,
    step: &EvaluationStep,
    change: &Change,
) -> std::result::Result<EvaluationState, EvaluationStepped> {
    let not = EvaluationStepped::Not(was.state);
    let to = step.leads(was.state).ok_or(not)?;
    if step.is_of_the_agent() && was.of.kind != EvaluationKind::Human {
        return Err(not);
    }
    match step {
        EvaluationStep::Draft(_) | EvaluationStep::Submit(..)
            if !was.of.reviewer.is_empty() && was.of.reviewer != change.by =>
        {
            Err(EvaluationStepped::Others)
        }
        EvaluationStep::Appeal(_) if !may_appeal(was, change.at) => Err(EvaluationStepped::TooLate),
        EvaluationStep::Assign(_)
        | EvaluationStep::Draft(_)
        | EvaluationStep::Submit(..)
        | EvaluationStep::Acknowledge
        | EvaluationStep::Appeal(_)
        | EvaluationStep::Uphold(_)
        | EvaluationStep::Change(..) => Ok(to),
    }
}

fn may_appeal(was: &Evaluation, now: Wall) -> bool {
    was.appeal_until().is_some_and(|until| now < until)
}

impl Evaluation {
    /// Until when the agent may appeal; none before it is submitted.
    pub fn appeal_until(&self) -> Option<Wall> {
        self.submitted_at.map(|at| Wall(at.0 + i64::from(self.of.appeal_days) * DAY_MS))
    }
}

/// The evaluation that stands in the way of a new one.
async fn like(connection: &mut AnyConnection, new: &NewEvaluation) -> Result<Option<u32>> {
    let sql = "select evaluation_no from evaluation where tenant_id = $1 and kind = $2 and call_id = $3 and agent = $4 \
               and ($2 = 'human' or reviewer = $5) and ($2 <> 'calibration' or calibration_no = $6)";
    let query = sqlx::query(sql).bind(new.tenant.to_string()).bind(code(&new.kind));
    let query = query.bind(new.call.to_string()).bind(new.agent.clone()).bind(new.reviewer.clone());
    let query = query.bind(i64::from(new.calibration.unwrap_or_default()));
    query.fetch_optional(connection).await?.map(|row| row.count("evaluation_no")).transpose()
}

/// Whether an account has a part in a calibration.
async fn is_in(
    connection: &mut AnyConnection,
    tenant: &TenantId,
    calibration: u32,
    reviewer: &str,
) -> Result<bool> {
    let sql =
        "select evaluation_no from evaluation where tenant_id = $1 and calibration_no = $2 and reviewer = $3";
    let query = sqlx::query(sql).bind(tenant.to_string()).bind(i64::from(calibration));
    Ok(query.bind(reviewer.to_owned()).fetch_optional(connection).await?.is_some())
}

/// Writes a new row and gives its number; the transaction has the tenant's turn.
pub(super) async fn insert(
    connection: &mut AnyConnection,
    new: &NewEvaluation,
    change: &Change,
) -> Result<u32> {
    let sql = "insert into evaluation (tenant_id, evaluation_no, kind, call_id, agent, queue, number, week, form, \
               form_version, rule, calibration_no, reviewer, state, sheet, revision, appeal_days, opened_at, opened_by, \
               changed_at, changed_by) values ($1, \
               (select coalesce(max(evaluation_no), 0) + 1 from evaluation where tenant_id = $1), \
               $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'open', '{}', 0, $13, $14, $15, $14, $15) \
               returning evaluation_no";
    let query = sqlx::query(sql).bind(new.tenant.to_string()).bind(code(&new.kind));
    let query = query.bind(new.call.to_string()).bind(new.agent.clone()).bind(new.queue.clone());
    let query = query.bind(new.number.clone()).bind(new.week.monday()).bind(new.form.clone());
    let query = query.bind(i64::from(new.form_version)).bind(new.rule.clone());
    let query = query.bind(new.calibration.map(i64::from)).bind(new.reviewer.clone());
    let query = query.bind(i64::from(new.appeal_days)).bind(change.at.0).bind(change.by.clone());
    query.fetch_one(connection).await?.count("evaluation_no")
}

/// Writes what a step makes of a row that is still as it was read; `false` where it is not.
async fn write(
    connection: &mut AnyConnection,
    (tenant, number): (&TenantId, u32),
    (from, reviewer): (EvaluationState, &str),
    to: EvaluationState,
    step: &EvaluationStep,
    change: &Change,
) -> Result<bool> {
    let mut values: Vec<Value> = vec![
        tenant.as_str().into(),
        number.into(),
        code(&from).into(),
        reviewer.into(),
        code(&to).into(),
        change.at.0.into(),
        change.by.as_str().into(),
    ];
    let mut sql = String::from("update evaluation set state = $5, changed_at = $6, changed_by = $7");
    let mut set = |column: &str, value: Value| {
        values.push(value);
        sql += &format!(", {column} = ${}", values.len());
    };
    match step {
        EvaluationStep::Assign(to) => {
            set("reviewer", to.as_str().into());
            // A draft is its reviewer's alone: somebody else begins anew.
            if to != reviewer {
                set("sheet", json_text(&Sheet::default()).into());
            }
        }
        EvaluationStep::Draft(sheet) => {
            set("reviewer", change.by.as_str().into());
            set("sheet", json_text(sheet).into());
        }
        EvaluationStep::Submit(sheet, score) => {
            set("reviewer", if reviewer.is_empty() { &change.by } else { reviewer }.into());
            set("submitted_at", change.at.0.into());
            set_score(&mut set, sheet, *score);
        }
        EvaluationStep::Acknowledge => {}
        EvaluationStep::Appeal(reason) => set("appeal", reason.as_str().into()),
        EvaluationStep::Uphold(why) => set("decision", why.as_str().into()),
        EvaluationStep::Change(sheet, score, why) => {
            set("decision", why.as_str().into());
            set_score(&mut set, sheet, *score);
        }
    }
    if matches!(step, EvaluationStep::Submit(..) | EvaluationStep::Change(..)) {
        sql += ", revision = revision + 1";
    }
    sql += " where tenant_id = $1 and evaluation_no = $2 and state = $3 and reviewer = $4";
    let done = sqlx::query_with(AssertSqlSafe(sql), arguments(values)).execute(connection).await?;
    Ok(done.rows_affected() > 0)
}

fn set_score(set: &mut impl FnMut(&str, Value), sheet: &Sheet, score: Score) {
    set("sheet", json_text(sheet).into());
    set("percent_e2", score.percent_e2.into());
    set("passed", score.passed.into());
    set("failed", score.failed.into());
}

/// Keeps a sheet that was submitted, behind those before.
async fn revise(
    connection: &mut AnyConnection,
    (tenant, number): (&TenantId, u32),
    step: &EvaluationStep,
    change: &Change,
) -> Result<()> {
    let (sheet, score, why) = match step {
        EvaluationStep::Submit(sheet, score) => (sheet, score, ""),
        EvaluationStep::Change(sheet, score, why) => (sheet, score, why.as_str()),
        EvaluationStep::Assign(_)
        | EvaluationStep::Draft(_)
        | EvaluationStep::Acknowledge
        | EvaluationStep::Appeal(_)
        | EvaluationStep::Uphold(_) => return Ok(()),
    };
    let sql = "insert into evaluation_revision (tenant_id, evaluation_no, revision, sheet, percent_e2, passed, failed, \
               why, made_at, made_by) select tenant_id, evaluation_no, revision, $3, $4, $5, $6, $7, $8, $9 \
               from evaluation where tenant_id = $1 and evaluation_no = $2";
    let query = sqlx::query(sql).bind(tenant.to_string()).bind(i64::from(number)).bind(json_text(sheet));
    let query = query.bind(i64::from(score.percent_e2)).bind(i64::from(score.passed));
    let query = query.bind(i64::from(score.failed)).bind(why.to_owned());
    query.bind(change.at.0).bind(change.by.clone()).execute(connection).await?;
    Ok(())
}

/// What the audit has of a step; nothing of drafts, which are no word yet, and no score of a calibration, which others are not in.
fn said(step: &EvaluationStep, kind: EvaluationKind) -> Option<String> {
    match step {
        EvaluationStep::Draft(_) => None,
        EvaluationStep::Submit(..) if kind == EvaluationKind::Calibration => Some("submitted".into()),
        EvaluationStep::Assign(to) => Some(format!("assigned {to}")),
        EvaluationStep::Submit(_, score) => Some(format!("submitted {}", percent(*score))),
        EvaluationStep::Acknowledge => Some("acknowledged".into()),
        EvaluationStep::Appeal(reason) => Some(format!("appealed {reason}")),
        EvaluationStep::Uphold(why) => Some(format!("upheld {why}")),
        EvaluationStep::Change(_, score, why) => Some(format!("changed {} {why}", percent(*score))),
    }
}

fn percent(score: Score) -> String {
    format!("{}.{:02}", score.percent_e2 / 100, score.percent_e2 % 100)
}

fn of(new: &NewEvaluation) -> String {
    let NewEvaluation { kind, call, agent, form, form_version, reviewer, .. } = new;
    format!("{} {call} {agent} {form} {form_version} {reviewer}", code(kind)).trim_end().to_owned()
}

fn subject(number: u32) -> String {
    format!("#{number}")
}

async fn one(connection: &mut AnyConnection, tenant: &TenantId, number: u32) -> Result<Option<Evaluation>> {
    let sql = format!("select {COLUMNS} from evaluation where tenant_id = $1 and evaluation_no = $2");
    let query = sqlx::query(AssertSqlSafe(sql)).bind(tenant.to_string()).bind(i64::from(number));
    query.fetch_optional(connection).await?.as_ref().map(read).transpose()
}

fn read(row: &AnyRow) -> Result<Evaluation> {
    let change =
        |at: &str, by: &str| -> Result<Change> { Ok(Change { at: Wall(row.int(at)?), by: row.text(by)? }) };
    let score = match row.count_or_none("percent_e2")? {
        Some(percent_e2) => {
            Some(Score { percent_e2, passed: row.flag("passed")?, failed: row.flag("failed")? })
        }
        None => None,
    };
    Ok(Evaluation {
        of: NewEvaluation {
            tenant: TenantId::new(&row.text("tenant_id")?),
            kind: row.coded("kind")?,
            call: row.parsed("call_id")?,
            agent: row.text("agent")?,
            queue: row.text("queue")?,
            number: row.text("number")?,
            week: Week::of_day(row.int("week")?),
            form: row.text("form")?,
            form_version: row.count("form_version")?,
            rule: row.text("rule")?,
            calibration: row.count_or_none("calibration_no")?,
            reviewer: row.text("reviewer")?,
            appeal_days: row.count("appeal_days")?,
        },
        number: row.count("evaluation_no")?,
        state: row.coded("state")?,
        sheet: row.json("sheet")?,
        score,
        revision: row.count("revision")?,
        appeal: row.text_or_none("appeal")?,
        decision: row.text_or_none("decision")?,
        opened: change("opened_at", "opened_by")?,
        submitted_at: row.int_or_none("submitted_at")?.map(Wall),
        changed: change("changed_at", "changed_by")?,
        outdone: row.flag("outdone")?,
        blind: row.flag("blind")?,
    })
}
