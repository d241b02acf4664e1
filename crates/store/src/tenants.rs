//! What a tenant's living state is rebuilt from when a node starts: pointers and deals as last settled.

use hotline::TenantId;
use hotline::settlement::TenantState;

use crate::database::{Result, Store};
use crate::rows::Read;

impl Store {
    /// Everything a tenant remembered, by key.
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
        rows.iter().map(read).collect()
    }
}
