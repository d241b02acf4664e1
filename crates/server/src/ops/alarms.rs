//! Odd charges (row B11) and odd numbers of legs by trunks (FAULTS N7): twice a minute, and when a document changed, every enterprise's last hours are held against its normal one, calls in progress
//! included, and what is odd raises an alert. Where the enterprise wants it, no new call is taken until somebody lifts that.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hotline::alert::{AlertKind, hour_allowed, normal_hour};
use hotline::enterprise::Alarm;
use hotline::{Money, TenantId, Wall};
use serde::{Deserialize, Serialize};

use super::enterprises::commit;
use super::money::time;
use super::{Desk, Outcome};
use crate::clock;
use crate::running::Running;

/// How often hours are looked at; far below the five minutes in which an alert is due.
const EVERY: Duration = Duration::from_secs(30);
/// The least time between two looks, however many documents change.
const REST: Duration = Duration::from_secs(1);
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Who freezes, in the audit.
const BY: &str = "alarm";
/// A document that somebody else changes meanwhile is tried so often.
const TRIES: u32 = 3;

/// Stop an enterprise's new calls, or take them again. Calls in progress go on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Freeze {
    /// The enterprise.
    pub tenant: TenantId,
    /// Whether new calls are refused from now on.
    pub frozen: bool,
    /// Who asks.
    pub by: String,
}

/// What became of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Frozen {
    /// The enterprise.
    pub tenant: TenantId,
    /// Since when new calls are refused, Beijing time; `None` if they are taken.
    pub frozen: Option<String>,
    /// The version that holds now.
    pub version: u32,
}

/// Stops new calls, or takes them again; twice is once.
///
/// # Errors
/// The enterprise is not there, or somebody else changes it.
pub async fn freeze(desk: &Desk, asked: &Freeze) -> Outcome<Frozen> {
    let stored = desk.enterprise(&asked.tenant).await?;
    let mut enterprise = stored.enterprise.clone();
    let change = desk.change(&asked.by);
    let mut version = stored.version;
    if enterprise.frozen.is_some() != asked.frozen {
        enterprise.frozen = asked.frozen.then_some(change.at);
        version = commit(desk, &enterprise, Some(&stored.enterprise), version, &asked.by).await?;
        let became = if asked.frozen { "no new calls" } else { "calls are taken" };
        desk.store.note_change(&asked.tenant, "freeze", "calls", became, &change).await?;
    }
    Ok(Frozen { tenant: asked.tenant.clone(), frozen: enterprise.frozen.map(time), version })
}

/// Looks again and again, as long as the process lives.
pub async fn watch(running: Running) {
    let desk = Desk::of(running);
    let mut known = Known::default();
    loop {
        // With the database away nothing is judged; it is looked at again.
        if let Err(refusal) = look(&desk, &mut known, clock::wall()).await {
            tracing::debug!(code = ?refusal.code, "fees of the last hours cannot be judged");
        }
        tokio::time::sleep(REST).await;
        let changed = desk.live.as_ref().map(Running::changed);
        if let Some(changed) = changed {
            let _ = tokio::time::timeout(EVERY - REST, changed.notified()).await;
        }
    }
}

/// What one look leaves to the next within an hour: a normal hour is a long read.
#[derive(Default)]
struct Known {
    hour: Wall,
    normal: BTreeMap<(TenantId, Wall, u16), Money>,
    told: BTreeSet<(TenantId, Wall, u8)>,
    /// Hours in which the legs of an enterprise were told of.
    legs: BTreeSet<(TenantId, Wall)>,
}

/// Fees by enterprise and the hour in which their calls began.
type Hours = BTreeMap<(TenantId, Wall), Money>;

/// One look at the hours that may still grow: this one, the one before, and those in which calls in progress began.
async fn look(desk: &Desk, known: &mut Known, now: Wall) -> Outcome<()> {
    let hour = hour_of(now);
    if known.hour != hour {
        let (told, legs) = (std::mem::take(&mut known.told), std::mem::take(&mut known.legs));
        *known = Known { hour, told, legs, ..Known::default() };
        known.legs.retain(|(_, told)| told.0 > hour.0 - DAY_MS);
        known.told.retain(|(_, told, _)| told.0 > hour.0 - 2 * DAY_MS);
    }
    let hours = hours(desk, Wall(hour.0 - HOUR_MS)).await?;
    let alarms = desk.store.alarms().await?;
    for ((tenant, hour), spent) in hours {
        let alarm = alarms.get(&tenant).copied().unwrap_or_default();
        let is_told = known.told.contains(&(tenant.clone(), hour, alarm.cost_times));
        if spent <= alarm.cost_floor_e4 || is_told {
            continue;
        }
        let normal = normal(desk, known, &tenant, hour, alarm.normal_days).await?;
        let allowed = hour_allowed(&alarm, normal);
        if spent > allowed {
            tell(desk, &tenant, hour, &alarm, spent, allowed, now).await?;
            known.told.insert((tenant, hour, alarm.cost_times));
        }
    }
    for (tenant, hour, legs) in legs_of_the_hour(desk, hour).await? {
        let alarm = alarms.get(&tenant).copied().unwrap_or_default();
        if legs > alarm.outgoing_per_hour && !known.legs.contains(&(tenant.clone(), hour)) {
            let alert = store::Alert {
                kind: AlertKind::HourOutgoing,
                level: 100,
                used: legs.into(),
                allowed: alarm.outgoing_per_hour.into(),
                ..alert_of(&tenant, hour, now)
            };
            raise(desk, &alert, &alarm).await?;
            known.legs.insert((tenant, hour));
        }
    }
    Ok(())
}

/// Legs that left by trunks in this hour, of each enterprise.
async fn legs_of_the_hour(desk: &Desk, hour: Wall) -> Outcome<Vec<(TenantId, Wall, u32)>> {
    let Some(live) = &desk.live else { return Ok(Vec::new()) };
    let told = live.ask(move |node, _| {
        let counted = node.tenants().map(|(id, tenant)| (id, tenant.outgoing_in_hour()));
        let now = counted.filter(|(_, (of, legs))| *of == hour && *legs > 0);
        now.map(|(id, (of, legs))| (id.clone(), of, legs)).collect()
    });
    Ok(told.await?)
}

async fn hours(desk: &Desk, since: Wall) -> Outcome<Hours> {
    let mut hours: Hours = Hours::new();
    for cost in desk.store.hours_since(since).await? {
        hours.insert((cost.tenant, cost.hour), cost.spent);
    }
    for ((tenant, hour), so_far) in in_progress(desk).await? {
        if hour < since && !hours.contains_key(&(tenant.clone(), hour)) {
            let settled = desk.store.charged_hours(&tenant, hour, Wall(hour.0 + HOUR_MS)).await?;
            hours.insert((tenant.clone(), hour), settled.into_iter().sum());
        }
        *hours.entry((tenant, hour)).or_default() += so_far;
    }
    Ok(hours)
}

/// What calls in progress would cost if they ended now.
async fn in_progress(desk: &Desk) -> Outcome<Hours> {
    let Some(live) = &desk.live else { return Ok(Hours::new()) };
    let told = live.ask(|node, now| {
        let mut hours = Hours::new();
        for call in node.calls().filter(|call| !call.is_ending()) {
            if let Some((began, fee)) = call.fee_so_far(now.mono) {
                *hours.entry((call.hotline().tenant.clone(), hour_of(began))).or_default() += fee;
            }
        }
        hours
    });
    Ok(told.await?)
}

fn hour_of(at: Wall) -> Wall {
    Wall(at.0.div_euclid(HOUR_MS) * HOUR_MS)
}

async fn normal(desk: &Desk, known: &mut Known, tenant: &TenantId, hour: Wall, days: u16) -> Outcome<Money> {
    let key = (tenant.clone(), hour, days);
    if let Some(normal) = known.normal.get(&key) {
        return Ok(*normal);
    }
    let since = Wall(hour.0 - i64::from(days) * DAY_MS);
    let normal = normal_hour(desk.store.charged_hours(tenant, since, hour).await?);
    known.normal.insert(key, normal);
    Ok(normal)
}

async fn tell(
    desk: &Desk,
    tenant: &TenantId,
    hour: Wall,
    alarm: &Alarm,
    spent: Money,
    allowed: Money,
    now: Wall,
) -> Outcome<()> {
    let alert = store::Alert {
        level: alarm.cost_times,
        used: spent.0,
        allowed: allowed.0,
        ..alert_of(tenant, hour, now)
    };
    raise(desk, &alert, alarm).await
}

/// An alert about an hour's fees.
fn alert_of(tenant: &TenantId, hour: Wall, now: Wall) -> store::Alert {
    store::Alert {
        tenant: tenant.clone(),
        kind: AlertKind::HourCost,
        number: None,
        period: u32::try_from(hour.0 / HOUR_MS).unwrap_or(0),
        level: 0,
        raised_at: now,
        used: 0,
        allowed: 0,
        acked: None,
    }
}

/// Freezes first and raises then: a process that dies between the two does both again. What was raised before is left as
/// it is, frozen or lifted.
async fn raise(desk: &Desk, alert: &store::Alert, alarm: &Alarm) -> Outcome<()> {
    let store::Alert { tenant, kind, used, allowed, .. } = alert;
    if desk.store.is_raised(alert).await? {
        return Ok(());
    }
    let asked = Freeze { tenant: tenant.clone(), frozen: true, by: BY.to_owned() };
    let mut tries = if alarm.freeze { TRIES } else { 0 };
    while tries > 0 {
        tries -= 1;
        match freeze(desk, &asked).await {
            Err(refusal) if refusal.code == super::Code::VersionMoved && tries > 0 => {}
            done => tries = done.map(|_| 0)?,
        }
    }
    tracing::warn!(%tenant, ?kind, used, allowed, frozen = alarm.freeze, "an hour is odd");
    desk.store.raise_alert(alert).await?;
    Ok(())
}
