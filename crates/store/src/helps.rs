//! Emergency calls of phones (row K24): who called where, by which trunk, and what became of it. They are charged to
//! nobody, and stand apart from calls to 400 numbers.

use hotline::{CallId, TenantId, Wall};
use sqlx::any::AnyRow;

use crate::database::{Result, Store};
use crate::rows::Read;

/// One emergency call, or one more thing that is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelpCall {
    /// The enterprise of the phone.
    pub tenant: TenantId,
    /// The call.
    pub call: CallId,
    /// The phone's number in `extensions`.
    pub extension: String,
    /// The emergency number.
    pub dialled: String,
    /// The trunk that it left by last; empty while none took it.
    pub trunk: String,
    /// When the phone dialled.
    pub began_at: Wall,
    /// When somebody answered.
    pub answered_at: Option<Wall>,
    /// When it was over; `None` while it is up, and where its node died with it.
    pub ended_at: Option<Wall>,
    /// Whether no trunk took it and the phone was told so.
    pub failed: bool,
}

impl Store {
    /// Writes what is known of some calls, the later behind the earlier. What was known before stays known, so that any
    /// part may be written twice.
    pub async fn put_help_calls(&self, steps: &[HelpCall]) -> Result<()> {
        let sql = "insert into help_call (tenant_id, call_id, extension, dialled, trunk, began_at, answered_at, \
                       ended_at, failed) values ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
                   on conflict (tenant_id, call_id) do update set \
                       trunk = case excluded.trunk when '' then help_call.trunk else excluded.trunk end, \
                       answered_at = coalesce(help_call.answered_at, excluded.answered_at), \
                       ended_at = coalesce(help_call.ended_at, excluded.ended_at), \
                       failed = case help_call.failed when 1 then 1 else excluded.failed end";
        let mut transaction = self.begin().await?;
        for step in steps {
            let query = sqlx::query(sql).bind(step.tenant.to_string()).bind(step.call.to_string());
            let query = query.bind(step.extension.clone()).bind(step.dialled.clone());
            let query = query.bind(step.trunk.clone()).bind(step.began_at.0);
            let query = query.bind(step.answered_at.map(|at| at.0)).bind(step.ended_at.map(|at| at.0));
            query.bind(i64::from(step.failed)).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Emergency calls of an enterprise, or of all, the latest first, at most `limit`.
    pub async fn help_calls(&self, tenant: Option<&TenantId>, limit: u32) -> Result<Vec<HelpCall>> {
        let sql = "select tenant_id, call_id, extension, dialled, trunk, began_at, answered_at, ended_at, failed \
                   from help_call where ($1 = '' or tenant_id = $1) order by call_id desc limit $2";
        let query = sqlx::query(sql).bind(tenant.map_or("", TenantId::as_str).to_owned());
        query.bind(i64::from(limit)).fetch_all(self.readers()).await?.iter().map(read).collect()
    }
}

fn read(row: &AnyRow) -> Result<HelpCall> {
    Ok(HelpCall {
        tenant: TenantId::new(&row.text("tenant_id")?),
        call: row.parsed("call_id")?,
        extension: row.text("extension")?,
        dialled: row.text("dialled")?,
        trunk: row.text("trunk")?,
        began_at: Wall(row.int("began_at")?),
        answered_at: row.int_or_none("answered_at")?.map(Wall),
        ended_at: row.int_or_none("ended_at")?.map(Wall),
        failed: row.flag("failed")?,
    })
}
