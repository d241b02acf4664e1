//! What of an enterprise's fees and bound numbers is odd (row B11): the terms where a document has its own, the hours that
//! calls were charged in, the bound numbers that changed. Whether something is odd is decided by `hotline`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use hotline::alert::AlertKind;
use hotline::enterprise::{Alarm, Enterprise, binding_changes};
use hotline::{Money, TenantId, Wall};
use sqlx::AnyConnection;

use crate::alerts::{Alert, raise};
use crate::audit::Change;
use crate::database::{Result, Store};
use crate::rollups::HOUR_MS;
use crate::rows::{Read, Rows, Value, json_text};

static ALARM: LazyLock<Rows> = LazyLock::new(|| Rows::new("insert into alarm (tenant_id, terms)", ""));

/// What the calls of an enterprise that began in an hour cost so far, by their records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HourCost {
    /// The enterprise.
    pub tenant: TenantId,
    /// When the hour begins.
    pub hour: Wall,
    /// The fees.
    pub spent: Money,
}

/// Keeps the terms of those that have their own; nothing is there of these enterprises.
pub(crate) async fn write_alarms(connection: &mut AnyConnection, enterprises: &[Enterprise]) -> Result<()> {
    let own = enterprises.iter().filter(|enterprise| enterprise.alarm != Alarm::default());
    let row = |enterprise: &Enterprise| -> [Value; 2] {
        [enterprise.id.as_str().into(), json_text(&enterprise.alarm).into()]
    };
    ALARM.write(connection, own.flat_map(row).collect()).await?;
    Ok(())
}

/// Notes how many bound numbers a version changed; whether they are too many within the document's minutes and nobody was
/// told of it in this hour.
pub(crate) async fn note_bindings(
    connection: &mut AnyConnection,
    enterprise: &Enterprise,
    version: u32,
    change: &Change,
) -> Result<bool> {
    let sql = "select document from enterprise where tenant_id = $1 and version = $2";
    let query = sqlx::query(sql).bind(enterprise.id.to_string()).bind(i64::from(version) - 1);
    let Some(before) = query.fetch_optional(&mut *connection).await? else { return Ok(false) };
    let changes = binding_changes(&before.json("document")?, enterprise);
    if changes == 0 {
        return Ok(false);
    }
    let sql = "insert into binding_change (tenant_id, version, changed_at, changes) values ($1, $2, $3, $4)";
    let query = sqlx::query(sql).bind(enterprise.id.to_string()).bind(i64::from(version));
    query.bind(change.at.0).bind(i64::from(changes)).execute(&mut *connection).await?;

    let since = change.at.0 - i64::from(enterprise.alarm.binding_minutes) * 60_000;
    let sql = "select cast(coalesce(sum(changes), 0) as bigint) as changes from binding_change \
               where tenant_id = $1 and changed_at > $2";
    let query = sqlx::query(sql).bind(enterprise.id.to_string()).bind(since);
    let used = query.fetch_one(&mut *connection).await?.int("changes")?;
    let allowed = enterprise.alarm.binding_changes;
    if used <= i64::from(allowed) {
        return Ok(false);
    }
    let alert = Alert {
        tenant: enterprise.id.clone(),
        kind: AlertKind::BindingChanges,
        number: None,
        period: hour_no(change.at),
        level: allowed,
        raised_at: change.at,
        used,
        allowed: allowed.into(),
        acked: None,
    };
    raise(connection, &alert).await
}

/// The hour of an instant, counted from 1970.
fn hour_no(at: Wall) -> u32 {
    u32::try_from(at.0.div_euclid(HOUR_MS)).unwrap_or(0)
}

impl Store {
    /// The terms of enterprises that have their own.
    pub async fn alarms(&self) -> Result<BTreeMap<TenantId, Alarm>> {
        let rows = sqlx::query("select tenant_id, terms from alarm").fetch_all(self.readers()).await?;
        rows.iter().map(|row| Ok((TenantId::new(&row.text("tenant_id")?), row.json("terms")?))).collect()
    }

    /// What every enterprise's hours that began at or after an instant cost so far; those that cost nothing are left out.
    pub async fn hours_since(&self, since: Wall) -> Result<Vec<HourCost>> {
        let sql = "select tenant_id, hour, cast(sum(sale_e4) as bigint) as spent from rollup where hour >= $1 \
                   group by tenant_id, hour having sum(sale_e4) > 0 order by tenant_id, hour";
        let rows = sqlx::query(sql).bind(i64::from(hour_no(since))).fetch_all(self.readers()).await?;
        let read = |row: &sqlx::any::AnyRow| {
            Ok(HourCost {
                tenant: TenantId::new(&row.text("tenant_id")?),
                hour: Wall(row.int("hour")? * HOUR_MS),
                spent: Money(row.int("spent")?),
            })
        };
        rows.iter().map(read).collect()
    }

    /// What the charged hours of an enterprise between two instants cost, in no order: its normal is made of them.
    pub async fn charged_hours(&self, tenant: &TenantId, since: Wall, until: Wall) -> Result<Vec<Money>> {
        let sql = "select hour, cast(sum(sale_e4) as bigint) as spent from rollup \
                   where tenant_id = $1 and hour >= $2 and hour < $3 group by hour having sum(sale_e4) > 0";
        let query = sqlx::query(sql).bind(tenant.to_string());
        let query = query.bind(i64::from(hour_no(since))).bind(i64::from(hour_no(until)));
        query.fetch_all(self.readers()).await?.iter().map(|row| Ok(Money(row.int("spent")?))).collect()
    }
}
