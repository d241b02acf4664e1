//! Flows of enterprises (row I08): the draft somebody works on, and every version that was published, which never
//! changes. Which version calls walk stands in the enterprise's document.

use std::sync::LazyLock;

use hotline::enterprise::{Enterprise, FlowDocument};
use hotline::{TenantId, Wall};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::audit::{Change, take_turn, write_audit};
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

/// A flow as a list has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowHead {
    /// Its name.
    pub name: String,
    /// The latest version that was published; none where none ever was.
    pub latest: Option<u32>,
    /// Who wrote its draft last, and when.
    pub draft: Option<Change>,
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
    /// Keeps a draft in place of the one before, if that is still the text that was read; whether it was. `told` is what
    /// the audit says of both.
    pub async fn put_flow_draft(
        &self,
        tenant: &TenantId,
        name: &str,
        (was, text): (Option<&str>, &str),
        told: (Option<&str>, &str),
        change: &Change,
    ) -> Result<bool> {
        let mut transaction = self.begin().await?;
        take_turn(&mut transaction, tenant).await?;
        if draft(&mut transaction, tenant, name).await?.as_ref().map(|draft| draft.text.as_str()) != was {
            return Ok(false);
        }
        let sql = "insert into flow_draft (tenant_id, name, document, changed_by, changed_at) \
                   values ($1, $2, $3, $4, $5) on conflict (tenant_id, name) do update set \
                   document = excluded.document, changed_by = excluded.changed_by, \
                   changed_at = excluded.changed_at";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(name.to_owned()).bind(text.to_owned());
        query.bind(change.by.clone()).bind(change.at.0).execute(&mut *transaction).await?;
        write_audit(&mut transaction, tenant, change, "put_flow_draft", name, told.0, Some(told.1)).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// The draft of a flow.
    pub async fn flow_draft(&self, tenant: &TenantId, name: &str) -> Result<Option<FlowDraft>> {
        draft(&mut *self.readers().acquire().await?, tenant, name).await
    }

    /// The flows of an enterprise, drafts and published ones, by name: at most `limit` behind a name, or from the first.
    pub async fn flow_heads(
        &self,
        tenant: &TenantId,
        (behind, limit): (Option<&str>, u32),
    ) -> Result<Vec<FlowHead>> {
        let sql = "select known.name, (select max(version) from flow_version as one where one.tenant_id = $1 \
                   and one.name = known.name) as latest, \
                   draft.name as drafted, draft.changed_by, draft.changed_at \
                   from (select name from flow_draft where tenant_id = $1 \
                   union select name from flow_version where tenant_id = $1) as known \
                   left join flow_draft as draft on draft.tenant_id = $1 and draft.name = known.name \
                   where $2 = '' or known.name > $2 order by known.name limit $3";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(behind.unwrap_or_default().to_owned());
        let rows = query.bind(i64::from(limit)).fetch_all(self.readers()).await?;
        let read = |row: &AnyRow| {
            let draft = match row.text_or_none("drafted")? {
                Some(_) => Some(Change { by: row.text("changed_by")?, at: Wall(row.int("changed_at")?) }),
                None => None,
            };
            let latest = row.int_or_none("latest")?.and_then(|latest| u32::try_from(latest).ok());
            Ok(FlowHead { name: row.text("name")?, latest, draft })
        };
        rows.iter().map(read).collect()
    }

    /// The versions of one flow, the latest first: at most `limit` before a version, or from the latest.
    pub async fn versions_of_flow(
        &self,
        tenant: &TenantId,
        name: &str,
        (before, limit): (Option<u32>, u32),
    ) -> Result<Vec<FlowVersion>> {
        let sql = "select name, version, published_by, published_at from flow_version \
                   where tenant_id = $1 and name = $2 and version < $3 order by version desc limit $4";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(name.to_owned());
        let query = query.bind(before.map_or(i64::MAX, i64::from)).bind(i64::from(limit));
        query.fetch_all(self.readers()).await?.iter().map(read_version).collect()
    }

    /// All versions that an enterprise ever published, by name and version.
    pub async fn flow_versions(&self, tenant: &TenantId) -> Result<Vec<FlowVersion>> {
        let sql = "select name, version, published_by, published_at from flow_version \
                   where tenant_id = $1 order by name, version";
        let rows = sqlx::query(sql).bind(tenant.to_string()).fetch_all(self.readers()).await?;
        rows.iter().map(read_version).collect()
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

async fn draft(connection: &mut AnyConnection, tenant: &TenantId, name: &str) -> Result<Option<FlowDraft>> {
    let sql =
        "select name, document, changed_by, changed_at from flow_draft where tenant_id = $1 and name = $2";
    let query = sqlx::query(sql).bind(tenant.to_string()).bind(name.to_owned());
    query.fetch_optional(connection).await?.as_ref().map(read_draft).transpose()
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

fn read_version(row: &AnyRow) -> Result<FlowVersion> {
    let change = Change { by: row.text("published_by")?, at: Wall(row.int("published_at")?) };
    Ok(FlowVersion { name: row.text("name")?, version: row.count("version")?, change })
}

fn read_draft(row: &AnyRow) -> Result<FlowDraft> {
    Ok(FlowDraft {
        name: row.text("name")?,
        text: row.text("document")?,
        change: Change { by: row.text("changed_by")?, at: Wall(row.int("changed_at")?) },
    })
}
