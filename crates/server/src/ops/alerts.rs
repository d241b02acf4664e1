//! Alerts of caps and of what is odd, and a month's caps set aside by their owner (rows B05, B06, B07, B11).

use hotline::alert::AlertKind;
use hotline::enterprise::Limits;
use hotline::{HotlineNumber, Money, TenantId, Wall};
use serde::{Deserialize, Serialize};

use super::enterprises::commit;
use super::money::time;
use super::{Desk, Outcome, Refusal};
use crate::clock;

/// Set a month's caps aside until the month ends, or put them in force again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Lift {
    /// The enterprise.
    pub tenant: TenantId,
    /// The number whose own caps are meant; `None` means those over the whole enterprise.
    pub number: Option<HotlineNumber>,
    /// Put them in force again.
    pub restore: bool,
    /// Who asks.
    pub by: String,
}

/// What became of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Lifted {
    /// The enterprise.
    pub tenant: TenantId,
    /// The number.
    pub number: Option<HotlineNumber>,
    /// The month without caps; `None` where they are in force.
    pub month: Option<u32>,
    /// The version that holds now.
    pub version: u32,
}

/// Sets caps aside for the month in Beijing, from the next call on.
///
/// # Errors
/// The number is not the enterprise's, or there is no cap.
pub async fn lift(desk: &Desk, asked: &Lift) -> Outcome<Lifted> {
    let stored = desk.enterprise(&asked.tenant).await?;
    let mut enterprise = stored.enterprise.clone();
    let limits: &mut Limits = match asked.number {
        None => &mut enterprise.limits,
        Some(number) => {
            let own = enterprise.numbers.iter_mut().find(|one| one.number == number);
            let own = own.ok_or_else(|| {
                Refusal::not_found(
                    format!("{number} 不是 {} 的号码", asked.tenant),
                    format!("{number} is no number of {}", asked.tenant),
                )
            })?;
            &mut own.limits
        }
    };
    if limits.month_cost_cap_e4.is_none() && limits.month_calls_cap.is_none() {
        return Err(Refusal::invalid("没有月上限", "there is no cap of a month"));
    }
    let month = (!asked.restore).then(|| clock::wall().beijing().billing_month());
    let is_so = limits.lifted_month == month;
    limits.lifted_month = month;
    let version = match is_so {
        true => stored.version,
        false => commit(desk, &enterprise, Some(&stored.enterprise), stored.version, &asked.by).await?,
    };
    if !is_so {
        let subject = asked.number.map_or_else(|| "all numbers".to_owned(), |number| number.to_string());
        let became = month.map_or_else(|| "in force".to_owned(), |month| format!("set aside in {month}"));
        let change = desk.change(&asked.by);
        desk.store.note_change(&asked.tenant, "lift_caps", &subject, &became, &change).await?;
    }
    Ok(Lifted { tenant: asked.tenant.clone(), number: asked.number, month, version })
}

/// List alerts.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct List {
    /// One enterprise's, or all.
    #[serde(default)]
    pub tenant: Option<TenantId>,
    /// With those that were acknowledged.
    #[serde(default)]
    pub all: bool,
}

/// Say that an enterprise's alerts were seen.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ack {
    /// The enterprise.
    pub tenant: TenantId,
    /// Who.
    pub by: String,
}

/// How many were.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Acked {
    /// Alerts that were open.
    pub acked: u64,
}

/// One alert.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Alert {
    /// The enterprise.
    pub tenant: TenantId,
    /// What it is about.
    pub kind: AlertKind,
    /// The number; `None` for the whole enterprise.
    pub number: Option<HotlineNumber>,
    /// The billing month, such as `202610`, or when the hour begins, Beijing time.
    pub period: String,
    /// Percent of the cap; how many times the normal hour; how many changes.
    pub level: u8,
    /// When, Beijing time.
    pub raised_at: String,
    /// Yuan, calls or changes.
    pub used: String,
    /// The cap, or what is not odd, in the same.
    pub allowed: String,
    /// Who has seen it.
    pub acked_by: Option<String>,
}

/// Alerts told at once.
const ALERTS_MAX: u32 = 1_000;

/// Lists alerts, the latest first.
///
/// # Errors
/// Those of the database.
pub async fn list(desk: &Desk, asked: &List) -> Outcome<Vec<Alert>> {
    let rows = desk.store.alerts(asked.tenant.as_ref(), asked.all, ALERTS_MAX).await?;
    let amount = |kind: AlertKind, value: i64| match kind {
        AlertKind::MonthCost | AlertKind::HourCost => Money(value).to_string(),
        AlertKind::MonthCalls
        | AlertKind::BindingChanges
        | AlertKind::RecordingsEnd
        | AlertKind::HourOutgoing => value.to_string(),
    };
    let period = |kind: AlertKind, period: u32| match kind {
        AlertKind::MonthCost | AlertKind::MonthCalls => period.to_string(),
        AlertKind::HourCost | AlertKind::BindingChanges | AlertKind::HourOutgoing => {
            time(Wall(i64::from(period) * 3_600_000))
        }
        AlertKind::RecordingsEnd => {
            format!("{:04}-{:02}-{:02}", period / 10_000, period / 100 % 100, period % 100)
        }
    };
    let row = |row: store::Alert| Alert {
        used: amount(row.kind, row.used),
        allowed: amount(row.kind, row.allowed),
        period: period(row.kind, row.period),
        tenant: row.tenant,
        kind: row.kind,
        number: row.number,
        level: row.level,
        raised_at: time(row.raised_at),
        acked_by: row.acked.map(|change| change.by),
    };
    Ok(rows.into_iter().map(row).collect())
}

/// Notes that an enterprise's alerts were seen.
///
/// # Errors
/// Those of the database.
pub async fn ack(desk: &Desk, asked: &Ack) -> Outcome<Acked> {
    desk.enterprise(&asked.tenant).await?;
    Ok(Acked { acked: desk.store.ack_alerts(&asked.tenant, &desk.change(&asked.by)).await? })
}
