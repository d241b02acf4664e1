//! What came of calls by the word of their agents (row Q09): a row an agent and call, and how many of each code. A call that is
//! over brings what stands by then; what an agent said or says later takes its place and is never overwritten by it.

use std::sync::LazyLock;

use hotline::cdr::{CallRecord, ResultRecord};
use hotline::{CallId, TenantId, Wall};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::audit::{Change, write_audit};
use crate::database::{Result, Store};
use crate::rows::{Read, Rows, Value, arguments};

/// The result of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallResult {
    /// The call.
    pub call: CallId,
    /// The 400 number; empty until the call is over.
    pub number: String,
    /// Its caller in national form; empty when withheld, or until the call is over.
    pub caller: String,
    /// Whose word it is, and what.
    pub result: ResultRecord,
}

/// Which results are meant. `None` is no condition.
#[derive(Clone, Debug, Default)]
pub struct ResultFilter {
    /// Of this agent.
    pub agent: Option<String>,
    /// Of this queue.
    pub queue: Option<String>,
    /// This code and those below it.
    pub code: Option<String>,
    /// Given at or after.
    pub since: Option<Wall>,
    /// Given before.
    pub until: Option<Wall>,
    /// Behind this one, the last of the page before: of an older call, or of a later agent of the same call.
    pub behind: Option<(CallId, String)>,
}

/// How often one result stands in one queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultSum {
    /// The queue.
    pub queue: String,
    /// The code; empty where nobody chose one.
    pub code: String,
    /// What it was called last.
    pub name: String,
    /// Calls.
    pub calls: u64,
    /// Those of them for which nobody chose it.
    pub by_default: u64,
}

static RESULT: LazyLock<Rows> = LazyLock::new(|| {
    Rows::new(
        "insert into call_result (tenant_id, call_id, agent, number, caller, queue, code, name, given_by, given_at)",
        "on conflict (tenant_id, call_id, agent) do update set number = excluded.number, caller = excluded.caller",
    )
});

/// Writes the results of records that were not there before; an agent's word that came first stands.
pub(crate) async fn insert_results<'a>(
    connection: &mut AnyConnection,
    records: impl Iterator<Item = &'a CallRecord>,
) -> Result<()> {
    let of_record = |record: &'a CallRecord| record.results.iter().map(move |result| (record, result));
    let values = records.flat_map(of_record).flat_map(|(record, result)| {
        row(&record.tenant, record.call, (record.number.to_string(), &record.caller), result)
    });
    RESULT.write(connection, values.collect()).await?;
    Ok(())
}

fn row(
    tenant: &TenantId,
    call: CallId,
    (number, caller): (String, &str),
    result: &ResultRecord,
) -> [Value; 10] {
    [
        tenant.as_str().into(),
        call.to_string().into(),
        result.agent.as_str().into(),
        number.into(),
        caller.into(),
        result.queue.as_str().into(),
        result.code.as_str().into(),
        result.name.as_str().into(),
        result.by.as_str().into(),
        result.at.0.into(),
    ]
}

impl ResultFilter {
    /// The conditions behind that of the tenant, which is `$1`, and their values in order.
    fn conditions(&self, tenant: &TenantId) -> (String, Vec<Value>) {
        let (mut sql, mut values) = (String::from("tenant_id = $1"), vec![tenant.as_str().into()]);
        let mut add = |condition: &str, value: Option<Value>| {
            if let Some(value) = value {
                values.push(value);
                sql += &format!(" and {condition} ${}", values.len());
            }
        };
        add("agent =", self.agent.as_deref().map(Value::from));
        add("queue =", self.queue.as_deref().map(Value::from));
        add("given_at >=", self.since.map(|at| at.0.into()));
        add("given_at <", self.until.map(|at| at.0.into()));
        if let Some(code) = &self.code {
            // Codes have no sign that `substr` would take for another.
            values.push(code.as_str().into());
            values.push(format!("{code}/").into());
            let (one, below) = (values.len() - 1, values.len());
            sql +=
                &format!(" and (code = ${one} or substr(code, 1, {}) = ${below})", code.chars().count() + 1);
        }
        if let Some((call, agent)) = &self.behind {
            values.push(call.to_string().into());
            values.push(agent.as_str().into());
            let (call, agent) = (values.len() - 1, values.len());
            sql += &format!(" and (call_id < ${call} or call_id = ${call} and agent > ${agent})");
        }
        (sql, values)
    }
}

impl Store {
    /// Puts an agent's word on a call in the place of what was there.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn put_result(
        &self,
        tenant: &TenantId,
        call: CallId,
        result: &ResultRecord,
        change: &Change,
    ) -> Result<()> {
        let mut transaction = self.begin().await?;
        let sql = "insert into call_result (tenant_id, call_id, agent, number, caller, queue, code, name, given_by, given_at) \
                   values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict (tenant_id, call_id, agent) \
                   do update set queue = excluded.queue, code = excluded.code, name = excluded.name, \
                   given_by = excluded.given_by, given_at = excluded.given_at";
        let values = row(tenant, call, (String::new(), ""), result);
        sqlx::query_with(sql, arguments(values)).execute(&mut *transaction).await?;
        let (subject, said) = (call.to_string(), format!("{} {}", result.agent, result.code));
        write_audit(&mut transaction, tenant, change, "put_result", &subject, None, Some(&said)).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The results of one call, by agent.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn results_of(&self, tenant: &TenantId, call: CallId) -> Result<Vec<ResultRecord>> {
        let mut snapshot = self.snapshot().await?;
        results_of(&mut snapshot, tenant, call).await
    }

    /// A page of an enterprise's results, the latest call first; give the last one as `behind` for the next page.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn results(
        &self,
        tenant: &TenantId,
        filter: &ResultFilter,
        limit: u32,
    ) -> Result<Vec<CallResult>> {
        let (conditions, mut values) = filter.conditions(tenant);
        values.push(limit.into());
        let sql = format!(
            "select call_id, agent, number, caller, queue, code, name, given_by, given_at from call_result \
             where {conditions} order by call_id desc, agent limit ${}",
            values.len()
        );
        let rows = sqlx::query_with(AssertSqlSafe(sql), arguments(values)).fetch_all(self.readers()).await?;
        let read = |row: &AnyRow| {
            Ok(CallResult {
                call: row.parsed("call_id")?,
                number: row.text("number")?,
                caller: row.text("caller")?,
                result: read(row)?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// How often each result stands, by queue and code.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn result_sums(&self, tenant: &TenantId, filter: &ResultFilter) -> Result<Vec<ResultSum>> {
        let (conditions, values) = filter.conditions(tenant);
        let sql = format!(
            "select queue, code, max(name) as name, count(*) as calls, \
             sum(case when given_by = '' then 1 else 0 end) as by_default from call_result \
             where {conditions} group by queue, code order by queue, code"
        );
        let rows = sqlx::query_with(AssertSqlSafe(sql), arguments(values)).fetch_all(self.readers()).await?;
        let read = |row: &AnyRow| {
            Ok(ResultSum {
                queue: row.text("queue")?,
                code: row.text("code")?,
                name: row.text("name")?,
                calls: row.count("calls")?,
                by_default: row.count("by_default")?,
            })
        };
        rows.iter().map(read).collect()
    }
}

pub(crate) async fn results_of(
    connection: &mut AnyConnection,
    tenant: &TenantId,
    call: CallId,
) -> Result<Vec<ResultRecord>> {
    let sql = "select agent, queue, code, name, given_by, given_at from call_result \
               where tenant_id = $1 and call_id = $2 order by agent";
    let query = sqlx::query(sql).bind(tenant.as_str().to_owned()).bind(call.to_string());
    query.fetch_all(connection).await?.iter().map(read).collect()
}

fn read(row: &AnyRow) -> Result<ResultRecord> {
    Ok(ResultRecord {
        agent: row.text("agent")?,
        queue: row.text("queue")?,
        code: row.text("code")?,
        name: row.text("name")?,
        by: row.text("given_by")?,
        at: Wall(row.int("given_at")?),
    })
}
