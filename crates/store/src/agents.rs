//! Changes of agents' states (row Q10): a row each, with what is kept of the agent, read by time. How long a state lasted
//! follows from the next row; sums are made by who reads.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use hotline::agent::StateChange;
use hotline::settlement::AgentStep;
use hotline::{TenantId, Wall};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::database::{Result, Store};
use crate::rows::{Read, Rows, Value, arguments, code};
use crate::settle::write_states;

/// A change of one of an enterprise's agents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentRow {
    /// The agent's number.
    pub agent: String,
    /// The change.
    pub change: StateChange,
}

/// Which changes are meant.
#[derive(Clone, Debug, Default)]
pub struct ChangeFilter {
    /// Of this agent.
    pub agent: Option<String>,
    /// At or after.
    pub since: Option<Wall>,
    /// Before.
    pub until: Option<Wall>,
    /// Behind this one in the order of time, agent and number: the last of the page before.
    pub behind: Option<(Wall, String, u64)>,
}

static CHANGE: LazyLock<Rows> = LazyLock::new(|| {
    Rows::new(
        "insert into agent_change (tenant_id, agent, changed_at, number, state, reason, call_id, refusal)",
        "on conflict do nothing",
    )
});

/// Agents that are asked about in one statement.
const AT_A_TIME: usize = 500;
const COLUMNS: &str = "agent, changed_at, number, state, reason, call_id, refusal";

/// Writes changes that are not there yet, in one transaction with others.
pub(crate) async fn insert_changes(connection: &mut AnyConnection, steps: &[&AgentStep]) -> Result<()> {
    let row = |step: &&AgentStep| -> [Value; 8] {
        let change = &step.change;
        [
            step.tenant.as_str().into(),
            (&*step.agent).into(),
            change.at.0.into(),
            change.number.into(),
            code(&change.state).into(),
            (&*change.reason).into(),
            change.call.map_or(String::new(), |call| call.to_string()).into(),
            change.refusal.map_or(String::new(), |refusal| code(&refusal)).into(),
        ]
    };
    CHANGE.write(connection, steps.iter().flat_map(row).collect()).await?;
    Ok(())
}

impl Store {
    /// Writes changes of agents, with what is kept of each from then on. Written again they change nothing.
    ///
    /// # Errors
    /// Those of the database; nothing is written then.
    pub async fn put_agent_steps<S: Borrow<AgentStep>>(&self, steps: &[S]) -> Result<()> {
        let steps: Vec<&AgentStep> = steps.iter().map(Borrow::borrow).collect();
        let mut transaction = self.begin().await?;
        insert_changes(&mut transaction, &steps).await?;
        write_states(&mut transaction, steps.iter().map(|step| (&step.tenant, &step.state))).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// A page of an enterprise's changes, the earliest first; give the last one as `behind` for the next page.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn agent_changes(
        &self,
        tenant: &TenantId,
        filter: &ChangeFilter,
        limit: u32,
    ) -> Result<Vec<AgentRow>> {
        let (mut sql, mut values) = (String::from("tenant_id = $1"), vec![Value::from(tenant.as_str())]);
        let mut add = |condition: &str, value: Option<Value>| {
            if let Some(value) = value {
                values.push(value);
                sql += &format!(" and {condition} ${}", values.len());
            }
        };
        add("agent =", filter.agent.as_deref().map(Value::from));
        let since = filter.since.filter(|_| filter.behind.is_none());
        add("changed_at >=", since.map(|at| at.0.into()));
        add("changed_at <", filter.until.map(|at| at.0.into()));
        if let Some((at, agent, number)) = &filter.behind {
            let first = values.len() + 1;
            values.extend([at.0.into(), agent.as_str().into(), (*number).into()]);
            sql += &format!(" and (changed_at, agent, number) > (${first}, ${}, ${})", first + 1, first + 2);
        }
        values.push(limit.into());
        let sql = format!(
            "select {COLUMNS} from agent_change where {sql} order by changed_at, agent, number limit ${}",
            values.len()
        );
        let rows = sqlx::query_with(AssertSqlSafe(sql), arguments(values)).fetch_all(self.readers()).await?;
        rows.iter().map(read).collect()
    }

    /// An agent's last change before an instant: the state that it was in then. `None` where nothing is known.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn agent_change_before(
        &self,
        tenant: &TenantId,
        agent: &str,
        at: Wall,
    ) -> Result<Option<AgentRow>> {
        let sql = format!(
            "select {COLUMNS} from agent_change where tenant_id = $1 and agent = $2 and changed_at < $3 \
             order by changed_at desc, number desc limit 1"
        );
        let query =
            sqlx::query(AssertSqlSafe(sql)).bind(tenant.to_string()).bind(agent.to_owned()).bind(at.0);
        query.fetch_optional(self.readers()).await?.as_ref().map(read).transpose()
    }

    /// The last change before an instant of each of these agents of whom one is known, in no order.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn agent_changes_before(
        &self,
        tenant: &TenantId,
        agents: &[String],
        at: Wall,
    ) -> Result<Vec<AgentRow>> {
        let mut found: BTreeMap<String, AgentRow> = BTreeMap::new();
        for some in agents.chunks(AT_A_TIME) {
            for row in self.last_changes(tenant, some, at).await?.iter().map(read) {
                let row = row?;
                let is_later = |known: &AgentRow| known.change.number < row.change.number;
                if found.get(&row.agent).is_none_or(is_later) {
                    found.insert(row.agent.clone(), row);
                }
            }
        }
        Ok(found.into_values().collect())
    }

    /// All changes of some agents at the last instant before `at` at which each had one.
    async fn last_changes(&self, tenant: &TenantId, agents: &[String], at: Wall) -> Result<Vec<AnyRow>> {
        let instants = format!(
            "select wanted.column1 as agent, (select max(changed_at) from agent_change where tenant_id = $1 \
             and agent = wanted.column1 and changed_at < $2) as last from (values {}) as wanted",
            places(agents.len(), 1, 3)
        );
        let values = [tenant.as_str().into(), at.0.into()].into_iter();
        let values = values.chain(agents.iter().map(|agent| agent.as_str().into()));
        let query = sqlx::query_with(AssertSqlSafe(instants), arguments(values));
        let mut wanted: Vec<Value> = Vec::new();
        for row in query.fetch_all(self.readers()).await? {
            if let Some(last) = row.int_or_none("last")? {
                wanted.extend([row.text("agent")?.as_str().into(), last.into()]);
            }
        }
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let columns = COLUMNS.replace(", ", ", known.");
        // SQLite walks a cross join in the order it is written in; another join it begins with all rows of the tenant.
        let rows = format!(
            "select known.{columns} from (values {}) as wanted cross join agent_change as known \
             where known.tenant_id = $1 and known.agent = wanted.column1 and known.changed_at = wanted.column2",
            places(wanted.len() / 2, 2, 2)
        );
        let values = [tenant.as_str().into()].into_iter().chain(wanted);
        Ok(sqlx::query_with(AssertSqlSafe(rows), arguments(values)).fetch_all(self.readers()).await?)
    }

    /// The numbers behind `behind` of agents of whom any change is known, in their order, at most `limit`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn agents_with_changes(
        &self,
        tenant: &TenantId,
        behind: &str,
        limit: u32,
    ) -> Result<Vec<String>> {
        // From one to the next: each has thousands of rows.
        let sql = "with recursive known(agent) as ( \
                   select min(agent) from agent_change where tenant_id = $1 and agent > $2 union all \
                   select (select min(agent) from agent_change where tenant_id = $1 and agent > known.agent) \
                   from known where known.agent is not null) \
                   select agent from known where agent is not null limit $3";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(behind.to_owned()).bind(i64::from(limit));
        query.fetch_all(self.readers()).await?.iter().map(|row| row.text("agent")).collect()
    }

    /// Forgets changes before an instant, at most `limit`; how many there were.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn forget_agent_changes(&self, before: Wall, limit: u32) -> Result<u64> {
        let sql = "delete from agent_change where (tenant_id, agent, changed_at, number) in (select tenant_id, agent, \
                   changed_at, number from agent_change where changed_at < $1 order by changed_at limit $2)";
        let mut transaction = self.begin().await?;
        let query = sqlx::query(sql).bind(before.0).bind(i64::from(limit));
        let gone = query.execute(&mut *transaction).await?.rows_affected();
        transaction.commit().await?;
        Ok(gone)
    }
}

/// Places of `rows` rows of `columns` values each, the first numbered `first`: `($3),($4)`.
fn places(rows: usize, columns: usize, first: usize) -> String {
    let row = |row: usize| {
        let places = (0..columns).map(|column| format!("${}", first + row * columns + column));
        format!("({})", places.collect::<Vec<_>>().join(","))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(",")
}

fn read(row: &AnyRow) -> Result<AgentRow> {
    let change = StateChange {
        number: row.count("number")?,
        at: Wall(row.int("changed_at")?),
        state: row.coded("state")?,
        reason: row.text("reason")?.into(),
        call: match row.text("call_id")?.is_empty() {
            true => None,
            false => Some(row.parsed("call_id")?),
        },
        refusal: match row.text("refusal")?.is_empty() {
            true => None,
            false => Some(row.coded("refusal")?),
        },
    };
    Ok(AgentRow { agent: row.text("agent")?, change })
}
