//! Who changed what, and when: append-only rows, written in the transaction of the change itself.

use hotline::{TenantId, Wall};
use sqlx::AnyConnection;

use crate::database::{Result, Store};
use crate::rows::Read;

/// Who makes a change, and when. Every function that people reach asks for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The person or program, as the audit shows it.
    pub by: String,
    /// The instant.
    pub at: Wall,
}

/// One audited change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audited {
    /// 1 for the first change of the tenant.
    pub number: u64,
    /// Who and when.
    pub change: Change,
    /// What was done, as a stable code: `top_up`, `raise_limit`, `put_enterprise`.
    pub action: String,
    /// To what.
    pub subject: String,
    /// The value before, if there was one.
    pub was: Option<String>,
    /// The value after.
    pub became: Option<String>,
}

/// From here on to its end the transaction is the only one that numbers something of the tenant.
pub(crate) async fn take_turn(connection: &mut AnyConnection, tenant: &TenantId) -> Result<()> {
    let sql = "insert into audit_turn (tenant_id) values ($1) \
               on conflict (tenant_id) do update set tenant_id = excluded.tenant_id";
    sqlx::query(sql).bind(tenant.to_string()).execute(connection).await?;
    Ok(())
}

/// Appends one row. It is the last thing a transaction does to its tenant: whoever changes the same tenant waits from here on.
pub(crate) async fn write_audit(
    connection: &mut AnyConnection,
    tenant: &TenantId,
    change: &Change,
    action: &str,
    subject: &str,
    was: Option<&str>,
    became: Option<&str>,
) -> Result<()> {
    take_turn(connection, tenant).await?;
    // A statement of its own: it sees what was committed while the turn was waited for.
    let sql = "insert into audit (tenant_id, audit_no, changed_at, changed_by, action, subject, was, became) \
               values ($1, (select coalesce(max(audit_no), 0) + 1 from audit where tenant_id = $1), \
               $2, $3, $4, $5, $6, $7)";
    let query = sqlx::query(sql).bind(tenant.to_string()).bind(change.at.0).bind(change.by.clone());
    let query = query.bind(action.to_owned()).bind(subject.to_owned());
    query.bind(was.map(str::to_owned)).bind(became.map(str::to_owned)).execute(connection).await?;
    Ok(())
}

impl Store {
    /// Notes what somebody did that changes no row of its own.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn note_deed(
        &self,
        tenant: &TenantId,
        (action, subject): (&str, &str),
        became: &str,
        change: &Change,
    ) -> Result<()> {
        let mut transaction = self.begin().await?;
        write_audit(&mut transaction, tenant, change, action, subject, None, Some(became)).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The changes of a tenant, the latest first, at most `limit`, older than number `before` if one is given.
    pub async fn audit(&self, tenant: &TenantId, before: Option<u64>, limit: u32) -> Result<Vec<Audited>> {
        let sql = "select tenant_id, audit_no, changed_at, changed_by, action, subject, was, became from audit where \
             tenant_id = $1 and audit_no < $2 order by audit_no desc limit $3";
        let before = before.map_or(i64::MAX, crate::rows::int);
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(before).bind(i64::from(limit));
        let rows = query.fetch_all(self.readers()).await?;
        let read = |row: &sqlx::any::AnyRow| {
            Ok(Audited {
                number: row.count("audit_no")?,
                change: Change { by: row.text("changed_by")?, at: Wall(row.int("changed_at")?) },
                action: row.text("action")?,
                subject: row.text("subject")?,
                was: row.text_or_none("was")?,
                became: row.text_or_none("became")?,
            })
        };
        rows.iter().map(read).collect()
    }
}
