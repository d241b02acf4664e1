//! What callers said of talks (row Q07): one row for each call that was asked, and the sums by agent and queue.

use std::sync::LazyLock;

use hotline::cdr::{CallRecord, RatingRecord};
use hotline::{CallId, HotlineNumber, TenantId, Wall};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::database::{Result, Store};
use crate::rows::{Read, Rows, Value, arguments, code};

/// One call that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rating {
    /// The enterprise.
    pub tenant: TenantId,
    /// The call.
    pub call: CallId,
    /// The 400 number.
    pub number: HotlineNumber,
    /// Its caller in national form; empty when withheld.
    pub caller: String,
    /// Whose talk it was, how it was asked and what was said.
    pub rating: RatingRecord,
}

/// Which ratings are meant. `None` is no condition.
#[derive(Clone, Debug, Default)]
pub struct RatingFilter {
    /// Of calls to this number.
    pub number: Option<HotlineNumber>,
    /// Of this agent.
    pub agent: Option<String>,
    /// Of this queue.
    pub queue: Option<String>,
    /// Asked at or after.
    pub since: Option<Wall>,
    /// Asked before.
    pub until: Option<Wall>,
    /// Of a call older than this one: the last of the page before.
    pub older_than: Option<CallId>,
}

/// The ratings of one agent in one queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RatingSum {
    /// The queue; empty without one.
    pub queue: String,
    /// The agent; empty for other phones.
    pub agent: String,
    /// Calls that were asked for a key.
    pub asked: u64,
    /// Those of them that answered.
    pub answered: u64,
    /// The sum of their scores.
    pub score_sum: u64,
    /// How many of each score, 1 first.
    pub scores: [u64; 5],
    /// Callers who hung up before they could be asked and were sent a message.
    pub messages: u64,
}

static RATING: LazyLock<Rows> = LazyLock::new(|| {
    Rows::new(
        "insert into rating (tenant_id, call_id, number, caller, queue, agent, destination, asked_by, asked_at, score)",
        "on conflict do nothing",
    )
});

/// Writes the ratings of records that were not there before.
pub(crate) async fn insert_ratings<'a>(
    connection: &mut AnyConnection,
    records: impl Iterator<Item = &'a CallRecord>,
) -> Result<()> {
    let values =
        records.filter_map(|record| Some((record, record.rating.as_ref()?))).flat_map(|(record, rating)| {
            let score = rating.score.map(i64::from);
            let values: [Value; 10] = [
                record.tenant.as_str().into(),
                record.call.to_string().into(),
                record.number.to_string().into(),
                record.caller.as_str().into(),
                rating.queue.as_str().into(),
                rating.agent.as_str().into(),
                rating.destination.as_str().into(),
                code(&rating.by).into(),
                rating.asked_at.0.into(),
                score.into(),
            ];
            values
        });
    RATING.write(connection, values.collect()).await?;
    Ok(())
}

impl RatingFilter {
    /// The conditions behind that of the tenant, which is `$1`, and their values in order.
    fn conditions(&self, tenant: &TenantId) -> (String, Vec<Value>) {
        let (mut sql, mut values) = (String::from("tenant_id = $1"), vec![tenant.as_str().into()]);
        let mut add = |condition: &str, value: Option<Value>| {
            if let Some(value) = value {
                values.push(value);
                sql += &format!(" and {condition} ${}", values.len());
            }
        };
        add("number =", self.number.map(|number| number.to_string().into()));
        add("agent =", self.agent.as_deref().map(Value::from));
        add("queue =", self.queue.as_deref().map(Value::from));
        add("asked_at >=", self.since.map(|at| at.0.into()));
        add("asked_at <", self.until.map(|at| at.0.into()));
        add("call_id <", self.older_than.map(|call| call.to_string().into()));
        (sql, values)
    }
}

impl Store {
    /// A page of an enterprise's ratings, the latest call first; give the last one as `older_than` for the next page.
    pub async fn ratings(&self, tenant: &TenantId, filter: &RatingFilter, limit: u32) -> Result<Vec<Rating>> {
        let (conditions, mut values) = filter.conditions(tenant);
        values.push(limit.into());
        let sql = format!(
            "select tenant_id, call_id, number, caller, queue, agent, destination, asked_by, asked_at, score \
             from rating where {conditions} order by call_id desc limit ${}",
            values.len()
        );
        let rows = sqlx::query_with(AssertSqlSafe(sql), arguments(values)).fetch_all(self.readers()).await?;
        rows.iter().map(read).collect()
    }

    /// The sums of an enterprise's ratings by queue and agent.
    pub async fn rating_sums(&self, tenant: &TenantId, filter: &RatingFilter) -> Result<Vec<RatingSum>> {
        let (conditions, values) = filter.conditions(tenant);
        let sql = format!(
            "select queue, agent, asked_by, score, count(*) as calls from rating where {conditions} \
             group by queue, agent, asked_by, score order by queue, agent"
        );
        let rows = sqlx::query_with(AssertSqlSafe(sql), arguments(values)).fetch_all(self.readers()).await?;
        let mut sums: Vec<RatingSum> = Vec::new();
        for row in &rows {
            let (queue, agent) = (row.text("queue")?, row.text("agent")?);
            if sums.last().is_none_or(|last| (&last.queue, &last.agent) != (&queue, &agent)) {
                sums.push(RatingSum { queue, agent, ..RatingSum::default() });
            }
            if let Some(sum) = sums.last_mut() {
                add(sum, row)?;
            }
        }
        Ok(sums)
    }
}

/// Adds one group of equal answers.
fn add(sum: &mut RatingSum, row: &AnyRow) -> Result<()> {
    let calls: u64 = row.count("calls")?;
    if row.text("asked_by")? == "message" {
        sum.messages += calls;
        return Ok(());
    }
    sum.asked += calls;
    let score: Option<u64> = row.count_or_none("score")?;
    if let Some(score) = score.filter(|score| (1..=5).contains(score)) {
        sum.answered += calls;
        sum.score_sum += score * calls;
        sum.scores[score as usize - 1] += calls;
    }
    Ok(())
}

fn read(row: &AnyRow) -> Result<Rating> {
    Ok(Rating {
        tenant: TenantId::new(&row.text("tenant_id")?),
        call: row.parsed("call_id")?,
        number: row.parsed("number")?,
        caller: row.text("caller")?,
        rating: RatingRecord {
            agent: row.text("agent")?,
            queue: row.text("queue")?,
            destination: row.text("destination")?,
            by: row.coded("asked_by")?,
            asked_at: Wall(row.int("asked_at")?),
            score: row.count_or_none("score")?,
        },
    })
}
