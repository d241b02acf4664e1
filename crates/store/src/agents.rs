//! Changes of agents' states (row Q10): a row each, with what is kept of the agent, read by time. How long a state lasted
//! follows from the next row; sums are made by who reads.

use std::borrow::Borrow;
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
        let sql = "select agent from agent_change where tenant_id = $1 and agent > $2 order by agent limit 1";
        let mut found: Vec<String> = Vec::new();
        while found.len() < limit as usize {
            let behind = found.last().map_or(behind, String::as_str).to_owned();
            let query = sqlx::query(sql).bind(tenant.to_string()).bind(behind);
            let Some(row) = query.fetch_optional(self.readers()).await? else { break };
            found.push(row.text("agent")?);
        }
        Ok(found)
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
