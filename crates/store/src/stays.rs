//! Calls in queues (row Q12): a row for each stay, written as calls settle, read by time.

use std::sync::LazyLock;

use hotline::cdr::QueueStay;
use hotline::settlement::Settlement;
use hotline::{CallId, TenantId, Wall};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::database::{Result, Store};
use crate::rows::{Read, Rows, Value, arguments, code};

/// One stay of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stay {
    /// The call.
    pub call: CallId,
    /// Its place among the call's stays, from 0.
    pub place: u32,
    /// What came of it.
    pub stay: QueueStay,
}

/// Which stays are meant.
#[derive(Clone, Debug, Default)]
pub struct StayFilter {
    /// Of this queue.
    pub queue: Option<String>,
    /// Joined at or after.
    pub since: Option<Wall>,
    /// Joined before.
    pub until: Option<Wall>,
    /// Behind this one in the order of joining: the last of the page before.
    pub behind: Option<(Wall, CallId, u32)>,
}

static STAY: LazyLock<Rows> = LazyLock::new(|| {
    Rows::new(
        "insert into queue_stay (tenant_id, call_id, stay, number, queue, is_callback, joined_at, left_at, why, wait_ms, \
         returns, agent, talk_ms)",
        "on conflict do nothing",
    )
});

/// Writes the stays of calls that were not there before.
pub(crate) async fn insert_stays(connection: &mut AnyConnection, new: &[&Settlement]) -> Result<()> {
    let of_call = |one: &&Settlement| {
        let record = &one.record;
        let (tenant, call, number) =
            (record.tenant.clone(), record.call.to_string(), record.number.to_string());
        let row = |(place, stay): (usize, &QueueStay)| -> [Value; 13] {
            [
                tenant.as_str().into(),
                call.as_str().into(),
                (place as u64).into(),
                number.as_str().into(),
                stay.queue.as_str().into(),
                stay.is_callback.into(),
                stay.joined_at.0.into(),
                stay.left_at.0.into(),
                code(&stay.why).into(),
                stay.wait_ms.into(),
                stay.returns.into(),
                stay.agent.as_str().into(),
                stay.talk_ms.into(),
            ]
        };
        one.stays.iter().enumerate().flat_map(row).collect::<Vec<Value>>()
    };
    STAY.write(connection, new.iter().flat_map(of_call).collect()).await?;
    Ok(())
}

impl StayFilter {
    /// The conditions behind that of the tenant, which is `$1`, and their values in order.
    fn conditions(&self, tenant: &TenantId) -> (String, Vec<Value>) {
        let (mut sql, mut values) = (String::from("tenant_id = $1"), vec![tenant.as_str().into()]);
        let mut add = |condition: &str, value: Option<Value>| {
            if let Some(value) = value {
                values.push(value);
                sql += &format!(" and {condition} ${}", values.len());
            }
        };
        add("queue =", self.queue.as_deref().map(Value::from));
        // What a page begins behind is later than any beginning, and a plan that seeks by both reads all pages again.
        let since = self.since.filter(|_| self.behind.is_none());
        add("joined_at >=", since.map(|at| at.0.into()));
        add("joined_at <", self.until.map(|at| at.0.into()));
        if let Some((at, call, place)) = &self.behind {
            let first = values.len() + 1;
            values.extend([at.0.into(), call.to_string().into(), (*place).into()]);
            sql += &format!(" and (joined_at, call_id, stay) > (${first}, ${}, ${})", first + 1, first + 2);
        }
        (sql, values)
    }
}

impl Store {
    /// A page of an enterprise's stays, the earliest first; give the last one as `behind` for the next page.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn stays(&self, tenant: &TenantId, filter: &StayFilter, limit: u32) -> Result<Vec<Stay>> {
        let (conditions, mut values) = filter.conditions(tenant);
        values.push(limit.into());
        let sql = format!(
            "select call_id, stay, queue, is_callback, joined_at, left_at, why, wait_ms, returns, agent, talk_ms \
             from queue_stay where {conditions} order by joined_at, call_id, stay limit ${}",
            values.len()
        );
        let rows = sqlx::query_with(AssertSqlSafe(sql), arguments(values)).fetch_all(self.readers()).await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &AnyRow) -> Result<Stay> {
    let stay = QueueStay {
        queue: row.text("queue")?,
        is_callback: row.flag("is_callback")?,
        joined_at: Wall(row.int("joined_at")?),
        left_at: Wall(row.int("left_at")?),
        why: row.coded("why")?,
        wait_ms: row.count("wait_ms")?,
        returns: row.count("returns")?,
        agent: row.text("agent")?,
        talk_ms: row.count("talk_ms")?,
    };
    Ok(Stay { call: row.parsed("call_id")?, place: row.count("stay")?, stay })
}
