//! Samples of calls to be evaluated (row Q19): the rules, and each week's draw by one of them, which is made once. What is drawn is
//! written in the transaction that says that it was: a draw that was cut off did not happen, and is made again with the same outcome.

use std::collections::BTreeMap;

use hotline::quality::{SampleRule, Week, deal, draw};
use hotline::{CallId, TenantId, Wall};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::evaluations::{EvaluationKind, NewEvaluation, insert};
use crate::audit::{Change, take_turn, write_audit};
use crate::database::{Result, Store};
use crate::rows::{Read, json_text};

/// A rule as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptRule {
    /// The enterprise.
    pub tenant: TenantId,
    /// The rule.
    pub rule: SampleRule,
    /// The first week that it draws from.
    pub since: Week,
    /// Who wrote it last, and when.
    pub changed: Change,
}

/// A week's draw by a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleDraw {
    /// The rule.
    pub rule: String,
    /// The week.
    pub week: Week,
    /// The form.
    pub form: String,
    /// Its version.
    pub form_version: u32,
    /// Calls that might have been drawn.
    pub calls: u64,
    /// Those that were.
    pub drawn: u64,
    /// When.
    pub drawn_at: Wall,
}

/// What became of a draw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DrawOutcome {
    /// It was made now.
    Done(SampleDraw),
    /// It was made before.
    Before(SampleDraw),
}

/// A call that may be drawn.
struct Candidate {
    queue: String,
    number: String,
}

/// Ids are born with the call; its wall time may be stepped against them by less than this.
const BIRTH_SLACK_MS: i64 = 600_000;

impl Store {
    /// Keeps a rule, in the place of the one of its name. A new one, and one that was off and is switched on, draws from the week of
    /// the change on: what passed while it was off is not made up for.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn put_rule(&self, tenant: &TenantId, rule: &SampleRule, change: &Change) -> Result<()> {
        let mut transaction = self.begin().await?;
        take_turn(&mut transaction, tenant).await?;
        let sql = "select document, since_week from sample_rule where tenant_id = $1 and name = $2";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(rule.name.clone());
        let since = match query.fetch_optional(&mut *transaction).await? {
            Some(row) if row.json::<SampleRule>("document")?.enabled || !rule.enabled => {
                Week::of_day(row.int("since_week")?)
            }
            Some(_) | None => Week::of(change.at),
        };
        let sql = "insert into sample_rule (tenant_id, name, document, since_week, changed_at, changed_by) \
                   values ($1, $2, $3, $4, $5, $6) on conflict (tenant_id, name) do update \
                   set document = excluded.document, since_week = excluded.since_week, \
                   changed_at = excluded.changed_at, changed_by = excluded.changed_by";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(rule.name.clone()).bind(json_text(rule));
        let query = query.bind(since.monday()).bind(change.at.0).bind(change.by.clone());
        query.execute(&mut *transaction).await?;
        let became = json_text(rule);
        write_audit(&mut transaction, tenant, change, "put_sample_rule", &rule.name, None, Some(&became))
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The rules of an enterprise, or of all, by name.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn rules(&self, tenant: Option<&TenantId>) -> Result<Vec<KeptRule>> {
        let sql = "select tenant_id, document, since_week, changed_at, changed_by from sample_rule \
                   where ($1 = '' or tenant_id = $1) order by tenant_id, name";
        let query = sqlx::query(sql).bind(tenant.map_or("", TenantId::as_str).to_owned());
        query.fetch_all(self.readers()).await?.iter().map(read_rule).collect()
    }

    /// A page of the rules of an enterprise, by name, behind the rule of a name.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn rules_behind(
        &self,
        tenant: &TenantId,
        (behind, limit): (Option<&str>, u32),
    ) -> Result<Vec<KeptRule>> {
        let sql = "select tenant_id, document, since_week, changed_at, changed_by from sample_rule \
                   where tenant_id = $1 and ($2 = '' or name > $2) order by name limit $3";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(behind.unwrap_or_default().to_owned());
        query.bind(i64::from(limit)).fetch_all(self.readers()).await?.iter().map(read_rule).collect()
    }

    /// A page of the draws of an enterprise, the latest week first, behind the draw of a week by a rule.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn draws(
        &self,
        tenant: &TenantId,
        (behind, limit): (Option<(Week, &str)>, u32),
    ) -> Result<Vec<SampleDraw>> {
        let sql = "select rule, week, form, form_version, calls, drawn, drawn_at from sample_draw \
                   where tenant_id = $1 and (week < $2 or week = $2 and rule > $3) \
                   order by week desc, rule limit $4";
        let (week, rule) = behind.map_or((i64::MAX, ""), |(week, rule)| (week.monday(), rule));
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(week).bind(rule.to_owned());
        query.bind(i64::from(limit)).fetch_all(self.readers()).await?.iter().map(read_draw).collect()
    }

    /// The weeks that were drawn by a rule, from a week on.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn drawn_weeks(&self, tenant: &TenantId, rule: &str, since: Week) -> Result<Vec<Week>> {
        let sql =
            "select week from sample_draw where tenant_id = $1 and rule = $2 and week >= $3 order by week";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(rule.to_owned()).bind(since.monday());
        let rows = query.fetch_all(self.readers()).await?;
        rows.iter().map(|row| Ok(Week::of_day(row.int("week")?))).collect()
    }

    /// Draws a week's calls by a rule, unless it was done: of each agent as many as the rule says, from those with a recording that is
    /// still there and that no person evaluates yet. `reviewers` are accounts, with the agent that each is.
    ///
    /// # Errors
    /// Those of the database; nothing was drawn then.
    pub async fn draw_sample(
        &self,
        tenant: &TenantId,
        (rule, form_version): (&SampleRule, u32),
        week: Week,
        reviewers: &[(String, Option<String>)],
        change: &Change,
    ) -> Result<DrawOutcome> {
        let mut transaction = self.begin().await?;
        take_turn(&mut transaction, tenant).await?;
        if let Some(before) = drawn(&mut transaction, tenant, &rule.name, week).await? {
            return Ok(DrawOutcome::Before(before));
        }
        let found = candidates(&mut transaction, tenant, rule, week).await?;
        let mut calls = Vec::new();
        for (agent, of_agent) in &found {
            let all: Vec<CallId> = of_agent.keys().copied().collect();
            let chosen = draw((tenant, &rule.name), agent, week, &all, usize::from(rule.calls));
            calls.extend(chosen.into_iter().map(|call| (agent.clone(), call)));
        }
        let last = last_reviewer(&mut transaction, tenant, &rule.name).await?;
        let dealt = deal(last.as_deref(), calls, reviewers);
        for one in &dealt {
            let Candidate { queue, number } = &found[&one.agent][&one.call];
            let new = NewEvaluation {
                tenant: tenant.clone(),
                kind: EvaluationKind::Human,
                call: one.call,
                agent: one.agent.clone(),
                queue: queue.clone(),
                number: number.clone(),
                week,
                form: rule.form.clone(),
                form_version,
                rule: rule.name.clone(),
                calibration: None,
                reviewer: one.reviewer.clone().unwrap_or_default(),
                appeal_days: rule.appeal_days,
            };
            insert(&mut transaction, &new, change).await?;
        }
        let done = SampleDraw {
            rule: rule.name.clone(),
            week,
            form: rule.form.clone(),
            form_version,
            calls: found.values().map(|of_agent| of_agent.len() as u64).sum(),
            drawn: dealt.len() as u64,
            drawn_at: change.at,
        };
        write_draw(&mut transaction, tenant, &done).await?;
        let became = format!("week {} {} of {}", week.monday(), done.drawn, done.calls);
        let action = "draw_sample";
        write_audit(&mut transaction, tenant, change, action, &rule.name, None, Some(&became)).await?;
        transaction.commit().await?;
        Ok(DrawOutcome::Done(done))
    }
}

/// Calls of a week that may be drawn, by agent.
async fn candidates(
    connection: &mut AnyConnection,
    tenant: &TenantId,
    rule: &SampleRule,
    week: Week,
) -> Result<BTreeMap<String, BTreeMap<CallId, Candidate>>> {
    let sql = "select call_id, agent, queue, number from call where tenant_id = $1 and call_id >= $2 and call_id < $3 \
               and started_at >= $4 and started_at < $5 and agent <> '' and talk_ms >= $6 \
               and ($7 = '' or queue = $7) and ($8 = '' or number = $8) \
               and exists (select 1 from recording where recording.tenant_id = call.tenant_id \
               and recording.recording_id = call.recording_id and recording.deleted_at is null) \
               and not exists (select 1 from evaluation where evaluation.tenant_id = call.tenant_id \
               and evaluation.call_id = call.call_id and evaluation.agent = call.agent \
               and evaluation.kind = 'human') order by call_id";
    let born = |at: i64| CallId::at(at.max(0), 0).to_string();
    let (from, to) = (week.begin().0, week.end().0);
    let query = sqlx::query(sql).bind(tenant.to_string());
    let query = query.bind(born(from - BIRTH_SLACK_MS)).bind(born(to + BIRTH_SLACK_MS)).bind(from).bind(to);
    let query = query.bind(i64::from(rule.talk_s_min) * 1_000);
    let query = query.bind(rule.queue.clone().unwrap_or_default());
    let query = query.bind(rule.number.map(|number| number.to_string()).unwrap_or_default());
    let mut found: BTreeMap<String, BTreeMap<CallId, Candidate>> = BTreeMap::new();
    for row in query.fetch_all(connection).await? {
        let candidate = Candidate { queue: row.text("queue")?, number: row.text("number")? };
        found.entry(row.text("agent")?).or_default().insert(row.parsed("call_id")?, candidate);
    }
    Ok(found)
}

/// Who has the last call of a rule's draws.
async fn last_reviewer(
    connection: &mut AnyConnection,
    tenant: &TenantId,
    rule: &str,
) -> Result<Option<String>> {
    let sql = "select reviewer from evaluation where tenant_id = $1 and rule = $2 and kind = 'human' \
               and reviewer <> '' order by evaluation_no desc limit 1";
    let query = sqlx::query(sql).bind(tenant.to_string()).bind(rule.to_owned());
    query.fetch_optional(connection).await?.map(|row| row.text("reviewer")).transpose()
}

async fn drawn(
    connection: &mut AnyConnection,
    tenant: &TenantId,
    rule: &str,
    week: Week,
) -> Result<Option<SampleDraw>> {
    let sql = "select rule, week, form, form_version, calls, drawn, drawn_at from sample_draw \
               where tenant_id = $1 and rule = $2 and week = $3";
    let query = sqlx::query(sql).bind(tenant.to_string()).bind(rule.to_owned()).bind(week.monday());
    query.fetch_optional(connection).await?.as_ref().map(read_draw).transpose()
}

async fn write_draw(connection: &mut AnyConnection, tenant: &TenantId, done: &SampleDraw) -> Result<()> {
    let sql = "insert into sample_draw (tenant_id, rule, week, form, form_version, calls, drawn, drawn_at) \
               values ($1, $2, $3, $4, $5, $6, $7, $8)";
    let query = sqlx::query(sql).bind(tenant.to_string()).bind(done.rule.clone()).bind(done.week.monday());
    let query = query.bind(done.form.clone()).bind(i64::from(done.form_version));
    let query = query.bind(crate::rows::int(done.calls)).bind(crate::rows::int(done.drawn));
    query.bind(done.drawn_at.0).execute(connection).await?;
    Ok(())
}

fn read_rule(row: &AnyRow) -> Result<KeptRule> {
    Ok(KeptRule {
        tenant: TenantId::new(&row.text("tenant_id")?),
        rule: row.json("document")?,
        since: Week::of_day(row.int("since_week")?),
        changed: Change { at: Wall(row.int("changed_at")?), by: row.text("changed_by")? },
    })
}

fn read_draw(row: &AnyRow) -> Result<SampleDraw> {
    Ok(SampleDraw {
        rule: row.text("rule")?,
        week: Week::of_day(row.int("week")?),
        form: row.text("form")?,
        form_version: row.count("form_version")?,
        calls: row.count("calls")?,
        drawn: row.count("drawn")?,
        drawn_at: Wall(row.int("drawn_at")?),
    })
}
