//! Flows of enterprises (row I08): the draft somebody works on, and every version that was published, which never
//! changes. Which version calls walk stands in the enterprise's document.

use std::sync::LazyLock;

use hotline::enterprise::{Enterprise, FlowDocument};
use hotline::{TenantId, Wall};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::audit::{Change, write_audit};
use crate::database::{Result, Store};
use crate::rows::{Read, Rows, Value, json_text};

static VERSION: LazyLock<Rows> = LazyLock::new(|| {
    Rows::new(
        "insert into flow_version (tenant_id, name, version, document, published_by, published_at)",
        "on conflict do nothing",
    )
});

/// A draft: the text as somebody wrote it, right or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowDraft {
    /// The flow's name.
    pub name: String,
    /// JSON or YAML.
    pub text: String,
    /// Who wrote it last, and when.
    pub change: Change,
}

/// A published version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowVersion {
    /// The flow's name.
    pub name: String,
    /// Its version, from 1.
    pub version: u32,
    /// Who published it, and when.
    pub change: Change,
}

impl Store {
    /// Keeps a draft in place of the one before.
    pub async fn put_flow_draft(
        &self,
        tenant: &TenantId,
        name: &str,
        text: &str,
        change: &Change,
    ) -> Result<()> {
        let mut transaction = self.begin().await?;
        let sql = "insert into flow_draft (tenant_id, name, document, changed_by, changed_at) \
                   values ($1, $2, $3, $4, $5) on conflict (tenant_id, name) do update set \
                   document = excluded.document, changed_by = excluded.changed_by, \
                   changed_at = excluded.changed_at";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(name.to_owned()).bind(text.to_owned());
        query.bind(change.by.clone()).bind(change.at.0).execute(&mut *transaction).await?;
        write_audit(&mut transaction, tenant, change, "put_flow_draft", name, None, None).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The draft of a flow.
    pub async fn flow_draft(&self, tenant: &TenantId, name: &str) -> Result<Option<FlowDraft>> {
        let sql = "select name, document, changed_by, changed_at from flow_draft where tenant_id = $1 and name = $2";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(name.to_owned());
        query.fetch_optional(self.readers()).await?.as_ref().map(read_draft).transpose()
    }

    /// All drafts of an enterprise, by name.
    pub async fn flow_drafts(&self, tenant: &TenantId) -> Result<Vec<FlowDraft>> {
        let sql = "select name, document, changed_by, changed_at from flow_draft where tenant_id = $1 order by name";
        let rows = sqlx::query(sql).bind(tenant.to_string()).fetch_all(self.readers()).await?;
        rows.iter().map(read_draft).collect()
    }

    /// All versions that an enterprise ever published, by name and version.
    pub async fn flow_versions(&self, tenant: &TenantId) -> Result<Vec<FlowVersion>> {
        let sql = "select name, version, published_by, published_at from flow_version \
                   where tenant_id = $1 order by name, version";
        let rows = sqlx::query(sql).bind(tenant.to_string()).fetch_all(self.readers()).await?;
        let read = |row: &AnyRow| {
            let change = Change { by: row.text("published_by")?, at: Wall(row.int("published_at")?) };
            Ok(FlowVersion { name: row.text("name")?, version: row.count("version")?, change })
        };
        rows.iter().map(read).collect()
    }

    /// One published version.
    pub async fn flow_version(
        &self,
        tenant: &TenantId,
        name: &str,
        version: u32,
    ) -> Result<Option<FlowDocument>> {
        let sql = "select document from flow_version where tenant_id = $1 and name = $2 and version = $3";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(name.to_owned()).bind(i64::from(version));
        query.fetch_optional(self.readers()).await?.map(|row| row.json("document")).transpose()
    }
}

/// Keeps the versions that an enterprise's document has for the first time.
pub(crate) async fn write_flows(
    connection: &mut AnyConnection,
    enterprise: &Enterprise,
    change: &Change,
) -> Result<()> {
    let row = |flow: &FlowDocument| -> [Value; 6] {
        [
            enterprise.id.as_str().into(),
            flow.name.as_str().into(),
            flow.version.into(),
            json_text(flow).into(),
            change.by.as_str().into(),
            change.at.0.into(),
        ]
    };
    VERSION.write(connection, enterprise.flows.iter().flat_map(row).collect()).await?;
    Ok(())
}

fn read_draft(row: &AnyRow) -> Result<FlowDraft> {
    Ok(FlowDraft {
        name: row.text("name")?,
        text: row.text("document")?,
        change: Change { by: row.text("changed_by")?, at: Wall(row.int("changed_at")?) },
    })
}
