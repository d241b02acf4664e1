//! What agents wrote about calls: one text an agent and call, which the last one written replaces. Whether the agent had the
//! call is not its business.

use hotline::{CallId, TenantId, Wall};

use crate::audit::{Change, write_audit};
use crate::database::{Result, Store};
use crate::rows::Read;

/// A note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The agent's number.
    pub agent: String,
    /// What is written.
    pub text: String,
    /// Who wrote it last, and when.
    pub change: Change,
}

impl Store {
    /// Puts an agent's note about a call in the place of what was there; an empty one takes it away.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn put_note(
        &self,
        tenant: &TenantId,
        (call, agent): (CallId, &str),
        text: &str,
        change: &Change,
    ) -> Result<()> {
        let mut transaction = self.begin().await?;
        let (whose, of) = (tenant.to_string(), call.to_string());
        if text.is_empty() {
            let sql = "delete from call_note where tenant_id = $1 and call_id = $2 and agent = $3";
            let query = sqlx::query(sql).bind(whose).bind(of).bind(agent.to_owned());
            query.execute(&mut *transaction).await?;
        } else {
            let sql = "insert into call_note (tenant_id, call_id, agent, body, written_at, written_by) \
                       values ($1, $2, $3, $4, $5, $6) on conflict (tenant_id, call_id, agent) \
                       do update set body = excluded.body, written_at = excluded.written_at, \
                       written_by = excluded.written_by";
            let query = sqlx::query(sql).bind(whose).bind(of).bind(agent.to_owned());
            let query = query.bind(text.to_owned()).bind(change.at.0).bind(change.by.clone());
            query.execute(&mut *transaction).await?;
        }
        let length = format!("{} {}", agent, text.chars().count());
        let subject = call.to_string();
        // Its words are the record's; the audit tells that they were written, and how many letters.
        write_audit(&mut transaction, tenant, change, "put_note", &subject, None, Some(&length)).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The notes about a call, by agent.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn notes(&self, tenant: &TenantId, call: CallId) -> Result<Vec<Note>> {
        let sql = "select agent, body, written_at, written_by from call_note \
                   where tenant_id = $1 and call_id = $2 order by agent";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(call.to_string());
        let read = |row: &sqlx::any::AnyRow| {
            let change = Change { by: row.text("written_by")?, at: Wall(row.int("written_at")?) };
            Ok(Note { agent: row.text("agent")?, text: row.text("body")?, change })
        };
        query.fetch_all(self.readers()).await?.iter().map(read).collect()
    }
}
