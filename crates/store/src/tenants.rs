//! What a tenant's living state is rebuilt from when a node starts: pointers and deals as last settled.

use hotline::TenantId;
use hotline::settlement::{AgentStep, TenantState};

use crate::agents::insert_changes;
use crate::audit::{Change, write_audit};
use crate::database::{Result, Store};
use crate::rows::Read;

impl Store {
    /// Everything a tenant remembered, by key, with what stands against its callbacks.
    pub async fn tenant_state(&self, tenant: &TenantId) -> Result<Vec<TenantState>> {
        let sql = "select key, value, position from tenant_state where tenant_id = $1 order by key";
        let rows = sqlx::query(sql).bind(tenant.to_string()).fetch_all(self.readers()).await?;
        let read = |row: &sqlx::any::AnyRow| {
            Ok(TenantState {
                key: row.text("key")?,
                value: row.text("value")?,
                position: row.count("position")?,
            })
        };
        let states = rows.iter().map(read).collect::<Result<_>>()?;
        self.add_callbacks(tenant, states).await
    }

    /// Keeps what a tenant remembers at some keys by a person's order, unless something newer is there, and audits it; with
    /// the changes of agents that followed from the order.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn keep_states(
        &self,
        tenant: &TenantId,
        (states, steps): (&[TenantState], &[AgentStep]),
        subject: &str,
        change: &Change,
    ) -> Result<()> {
        let kept = states.iter().map(|state| (state, state.value.as_str()));
        self.write_states(tenant, (kept, steps), ("agent_order", subject), change).await
    }

    /// Empties what a tenant remembered at some keys, unless something newer is there, and audits it. `subject` tells
    /// for whom, masked: the audit must not remember what was to be forgotten.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn forget_states(
        &self,
        tenant: &TenantId,
        states: &[TenantState],
        subject: &str,
        change: &Change,
    ) -> Result<()> {
        let emptied = states.iter().map(|state| (state, ""));
        self.write_states(tenant, (emptied, &[]), ("forget_caller", subject), change).await
    }

    async fn write_states<'s>(
        &self,
        tenant: &TenantId,
        (states, steps): (impl Iterator<Item = (&'s TenantState, &'s str)>, &[AgentStep]),
        (action, subject): (&str, &str),
        change: &Change,
    ) -> Result<()> {
        let mut transaction = self.begin().await?;
        let sql = "insert into tenant_state (tenant_id, key, value, position) values ($1, $2, $3, $4) \
                   on conflict (tenant_id, key) do update set value = excluded.value, position = excluded.position \
                   where excluded.position > tenant_state.position";
        for (state, value) in states {
            let query = sqlx::query(sql).bind(tenant.to_string()).bind(state.key.clone());
            let query = query.bind(value.to_owned()).bind(crate::rows::int(state.position));
            query.execute(&mut *transaction).await?;
        }
        insert_changes(&mut transaction, &steps.iter().collect::<Vec<_>>()).await?;
        write_audit(&mut transaction, tenant, change, action, subject, None, None).await?;
        transaction.commit().await?;
        Ok(())
    }
}
