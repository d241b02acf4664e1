//! What somebody should know of, once for each subject, period and level (rows B07, B11); acknowledged by a person.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use hotline::alert::{AlertKind, cap_levels};
use hotline::{HotlineNumber, TenantId, Wall};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::audit::{Change, write_audit};
use crate::database::{Result, Store};
use crate::rollups::column_of;
use crate::rows::{Among, Read, Rows, Value, code};

/// One alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// The enterprise.
    pub tenant: TenantId,
    /// What it is about.
    pub kind: AlertKind,
    /// The number; `None` for the whole enterprise.
    pub number: Option<HotlineNumber>,
    /// Of a month's cap the billing month in Beijing, such as 202610; of what is odd the hour, counted from 1970.
    pub period: u32,
    /// Percent of a cap; how many times the normal hour; how many changes.
    pub level: u8,
    /// When it was reached: the end of the call for a cap.
    pub raised_at: Wall,
    /// How much there was when it was raised: 1/10,000 yuan, calls, or changes.
    pub used: i64,
    /// What may be: the cap, or what is not odd.
    pub allowed: i64,
    /// Who has seen it, and when.
    pub acked: Option<Change>,
}

static ALERT: LazyLock<Rows> = LazyLock::new(|| {
    Rows::new(
        "insert into alert (tenant_id, kind, number, period, level, raised_at, used, allowed)",
        "on conflict do nothing",
    )
});

static NEAR_COST: LazyLock<Among> = LazyLock::new(|| {
    Among::new(
        "select cap.tenant_id, cap.number, month, spent_e4 as used, cap_e4 as allowed from cap join month_spend \
            on month_spend.tenant_id = cap.tenant_id and month_spend.number = cap.number \
         where spent_e4 * 100 >= cap_e4 * 80 and cap.tenant_id in",
        "",
    )
});

static NEAR_CALLS: LazyLock<Among> = LazyLock::new(|| {
    Among::new(
        "select call_cap.tenant_id, call_cap.number, month, counted as used, cap as allowed \
            from call_cap join month_spend \
            on month_spend.tenant_id = call_cap.tenant_id and month_spend.number = call_cap.number \
         where counted * 100 >= cap * 80 and call_cap.tenant_id in",
        "",
    )
});

/// A month of a number, or of an enterprise.
pub(crate) type Touched = BTreeSet<(TenantId, Option<HotlineNumber>, u32)>;

/// Raises what the months touched have reached, in the transaction that touched them. What stands is left as it is.
pub(crate) async fn raise_cap_alerts(
    connection: &mut AnyConnection,
    touched: &Touched,
    at: Wall,
) -> Result<()> {
    let mut tenants: Vec<String> = touched.iter().map(|(tenant, _, _)| tenant.to_string()).collect();
    tenants.dedup();
    for (kind, near) in [(AlertKind::MonthCost, &NEAR_COST), (AlertKind::MonthCalls, &NEAR_CALLS)] {
        let mut values: Vec<Value> = Vec::new();
        for row in near.read(connection, tenants.clone()).await? {
            let (tenant, number, month) = (row.text("tenant_id")?, row.text("number")?, row.count("month")?);
            let (used, allowed) = (row.int("used")?, row.int("allowed")?);
            if !touched.contains(&(TenantId::new(&tenant), number.parse().ok(), month)) {
                continue;
            }
            for level in cap_levels(used, allowed) {
                values.extend([
                    tenant.as_str().into(),
                    code(&kind).into(),
                    number.as_str().into(),
                    month.into(),
                    u32::from(level).into(),
                    at.0.into(),
                    used.into(),
                    allowed.into(),
                ]);
            }
        }
        ALERT.write(connection, values).await?;
    }
    Ok(())
}

impl Store {
    /// Alerts of an enterprise, or of all, the latest first; without those that were acknowledged unless `all`.
    pub async fn alerts(&self, tenant: Option<&TenantId>, all: bool, limit: u32) -> Result<Vec<Alert>> {
        let sql = "select tenant_id, kind, number, period, level, raised_at, used, allowed, acked_at, acked_by \
                   from alert where ($1 = '' or tenant_id = $1) and ($2 = 1 or acked_at is null) \
                   order by raised_at desc, tenant_id, kind, number, level limit $3";
        let query = sqlx::query(sql).bind(tenant.map_or("", TenantId::as_str).to_owned());
        let query = query.bind(i64::from(all)).bind(i64::from(limit));
        query.fetch_all(self.readers()).await?.iter().map(read_alert).collect()
    }

    /// How many alerts nobody has acknowledged.
    pub async fn open_alerts(&self) -> Result<u64> {
        let sql = "select count(*) as open from alert where acked_at is null";
        sqlx::query(sql).fetch_one(self.readers()).await?.count("open")
    }

    /// Somebody has seen the alerts of an enterprise; how many were open.
    pub async fn ack_alerts(&self, tenant: &TenantId, change: &Change) -> Result<u64> {
        let mut transaction = self.begin().await?;
        let sql = "update alert set acked_at = $2, acked_by = $3 where tenant_id = $1 and acked_at is null";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(change.at.0).bind(change.by.clone());
        let acked = query.execute(&mut *transaction).await?.rows_affected();
        if acked > 0 {
            let became = format!("{acked} seen");
            write_audit(&mut transaction, tenant, change, "ack_alerts", "alerts", None, Some(&became))
                .await?;
        }
        transaction.commit().await?;
        Ok(acked)
    }
}

/// Raises one alert; `false` if it stands already.
pub(crate) async fn raise(connection: &mut AnyConnection, alert: &Alert) -> Result<bool> {
    let values: [Value; 8] = [
        alert.tenant.as_str().into(),
        code(&alert.kind).into(),
        column_of(alert.number).into(),
        alert.period.into(),
        u32::from(alert.level).into(),
        alert.raised_at.0.into(),
        alert.used.into(),
        alert.allowed.into(),
    ];
    Ok(ALERT.write(connection, values.into()).await? > 0)
}

impl Store {
    /// Whether an alert of this kind, number, period and level was raised.
    pub async fn is_raised(&self, alert: &Alert) -> Result<bool> {
        let sql = "select count(*) as raised from alert \
                   where tenant_id = $1 and kind = $2 and number = $3 and period = $4 and level = $5";
        let query = sqlx::query(sql).bind(alert.tenant.to_string()).bind(code(&alert.kind));
        let query = query.bind(column_of(alert.number)).bind(i64::from(alert.period));
        let raised: u64 =
            query.bind(i64::from(alert.level)).fetch_one(self.readers()).await?.count("raised")?;
        Ok(raised > 0)
    }

    /// Raises an alert; `false` if it stands already.
    pub async fn raise_alert(&self, alert: &Alert) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let is_new = raise(&mut transaction, alert).await?;
        transaction.commit().await?;
        Ok(is_new)
    }

    /// Notes who did something to an enterprise that its document alone does not tell: caps of a month set aside, calls
    /// frozen.
    pub async fn note_change(
        &self,
        tenant: &TenantId,
        action: &str,
        subject: &str,
        became: &str,
        change: &Change,
    ) -> Result<()> {
        let mut transaction = self.begin().await?;
        write_audit(&mut transaction, tenant, change, action, subject, None, Some(became)).await?;
        transaction.commit().await?;
        Ok(())
    }
}

pub(crate) fn read_alert(row: &AnyRow) -> Result<Alert> {
    let acked = match (row.text_or_none("acked_by")?, row.int_or_none("acked_at")?) {
        (Some(by), Some(at)) => Some(Change { by, at: Wall(at) }),
        _ => None,
    };
    Ok(Alert {
        tenant: TenantId::new(&row.text("tenant_id")?),
        kind: row.coded("kind")?,
        number: row.text("number")?.parse().ok(),
        period: row.count("period")?,
        level: row.count("level")?,
        raised_at: Wall(row.int("raised_at")?),
        used: row.int("used")?,
        allowed: row.int("allowed")?,
        acked,
    })
}
