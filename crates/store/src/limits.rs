//! Limits the provider raised for a number, and the requests that ask for it (row R01).

use hotline::{HotlineNumber, TenantId, Wall};
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::audit::{Change, write_audit};
use crate::database::{Result, Store};
use crate::rows::{Read, code};

/// Which limit of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitKind {
    /// How many bound numbers it may have (20 unless raised).
    Bindings,
}

/// What an enterprise was refused by a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitRequest {
    /// The enterprise.
    pub tenant: TenantId,
    /// The number.
    pub number: HotlineNumber,
    /// The limit.
    pub kind: LimitKind,
    /// How many were wanted.
    pub wanted: u32,
    /// Who asked, and when.
    pub opened: Change,
    /// Who raised the limit, and when; `None` while it waits.
    pub resolved: Option<Change>,
}

impl Store {
    /// Notes that an enterprise wanted more than a limit allows. A request that still waits is kept as it is, but for
    /// the highest count wanted; whether a new one was opened is returned.
    pub async fn request_limit(
        &self,
        tenant: &TenantId,
        number: HotlineNumber,
        kind: LimitKind,
        wanted: u32,
        change: &Change,
    ) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let waiting = "update limit_request set wanted = case when wanted < $4 then $4 else wanted end \
                       where tenant_id = $1 and number = $2 and kind = $3 and resolved_at is null";
        let query = sqlx::query(waiting).bind(tenant.to_string()).bind(number.to_string()).bind(code(&kind));
        let waits = query.bind(i64::from(wanted)).execute(&mut *transaction).await?.rows_affected() > 0;
        if !waits {
            open_request(&mut transaction, tenant, number, kind, wanted, change).await?;
        }
        transaction.commit().await?;
        Ok(!waits)
    }

    /// Raises (or lowers) a limit of a number, resolves the requests that waited for it, and audits the change.
    pub async fn raise_limit(
        &self,
        tenant: &TenantId,
        number: HotlineNumber,
        kind: LimitKind,
        value: u32,
        change: &Change,
    ) -> Result<()> {
        let mut transaction = self.begin().await?;
        let was = raised(&mut transaction, tenant, number, kind).await?;
        let raise = "insert into raised_limit (tenant_id, number, kind, value, raised_by, raised_at) \
                     values ($1, $2, $3, $4, $5, $6) on conflict (tenant_id, number, kind) do update set \
                     value = excluded.value, raised_by = excluded.raised_by, raised_at = excluded.raised_at";
        let query = sqlx::query(raise).bind(tenant.to_string()).bind(number.to_string()).bind(code(&kind));
        let query = query.bind(i64::from(value)).bind(change.by.clone()).bind(change.at.0);
        query.execute(&mut *transaction).await?;
        let resolve = "update limit_request set resolved_at = $4, resolved_by = $5 where tenant_id = $1 \
                       and number = $2 and kind = $3 and resolved_at is null and wanted <= $6";
        let query = sqlx::query(resolve).bind(tenant.to_string()).bind(number.to_string()).bind(code(&kind));
        let query = query.bind(change.at.0).bind(change.by.clone()).bind(i64::from(value));
        query.execute(&mut *transaction).await?;
        let subject = format!("{number} {}", code(&kind));
        let (was, became) = (was.map(|value| value.to_string()), value.to_string());
        write_audit(&mut transaction, tenant, change, "raise_limit", &subject, was.as_deref(), Some(&became))
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The raised limit of a number; `None` where the default holds.
    pub async fn raised_limit(
        &self,
        tenant: &TenantId,
        number: HotlineNumber,
        kind: LimitKind,
    ) -> Result<Option<u32>> {
        raised(&mut *self.readers().acquire().await?, tenant, number, kind).await
    }

    /// The requests of an enterprise, or of all, that still wait; the oldest first.
    pub async fn limit_requests(&self, tenant: Option<&TenantId>) -> Result<Vec<LimitRequest>> {
        let sql = match tenant {
            Some(_) => {
                "select tenant_id, number, kind, opened_at, opened_by, wanted, resolved_at, resolved_by from \
                 limit_request where tenant_id = $1 and resolved_at is null order by opened_at"
            }
            None => {
                "select tenant_id, number, kind, opened_at, opened_by, wanted, resolved_at, resolved_by from \
                 limit_request where resolved_at is null and $1 = '' order by opened_at, tenant_id"
            }
        };
        let query = sqlx::query(sql).bind(tenant.map_or("", TenantId::as_str).to_owned());
        query.fetch_all(self.readers()).await?.iter().map(read_request).collect()
    }
}

async fn open_request(
    connection: &mut AnyConnection,
    tenant: &TenantId,
    number: HotlineNumber,
    kind: LimitKind,
    wanted: u32,
    change: &Change,
) -> Result<()> {
    let sql = "insert into limit_request (tenant_id, number, kind, opened_at, opened_by, wanted) \
               values ($1, $2, $3, $4, $5, $6)";
    let query = sqlx::query(sql).bind(tenant.to_string()).bind(number.to_string()).bind(code(&kind));
    let query = query.bind(change.at.0).bind(change.by.clone()).bind(i64::from(wanted));
    query.execute(connection).await?;
    Ok(())
}

async fn raised(
    connection: &mut AnyConnection,
    tenant: &TenantId,
    number: HotlineNumber,
    kind: LimitKind,
) -> Result<Option<u32>> {
    let sql = "select value from raised_limit where tenant_id = $1 and number = $2 and kind = $3";
    let query = sqlx::query(sql).bind(tenant.to_string()).bind(number.to_string()).bind(code(&kind));
    query.fetch_optional(connection).await?.map(|row| row.count("value")).transpose()
}

fn read_request(row: &AnyRow) -> Result<LimitRequest> {
    let resolved = match (row.text_or_none("resolved_by")?, row.int_or_none("resolved_at")?) {
        (Some(by), Some(at)) => Some(Change { by, at: Wall(at) }),
        _ => None,
    };
    Ok(LimitRequest {
        tenant: TenantId::new(&row.text("tenant_id")?),
        number: row.parsed("number")?,
        kind: row.coded("kind")?,
        wanted: row.count("wanted")?,
        opened: Change { by: row.text("opened_by")?, at: Wall(row.int("opened_at")?) },
        resolved,
    })
}
