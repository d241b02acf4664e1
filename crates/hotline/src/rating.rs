//! What a call costs: price(usage, tariff version) → Charge. The charge keeps every integer of the sum, so that a
//! person can repeat it on paper. Plans are dated data; nothing here knows a price.

use serde::{Deserialize, Serialize};

use crate::cdr::{AnswerStatus, CallRecord, ChargingFrom, LegRecord};
use crate::{Money, PlanId, Wall};

mod paper;
mod plan;
mod shipped;
mod slice;
mod tariffs;

pub use plan::{
    Calls, ChargeComponent, Payer, Per, RateRule, RoundAt, Rounding, RoundingMode, TariffVersion, Terms,
    ZoneRule,
};
pub use slice::{Slice, slice};
pub use tariffs::{TariffFault, Tariffs};

/// Which side of the books a charge stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChargeKind {
    /// What the enterprise pays us for the call.
    Sale,
    /// What we pay a carrier for one outgoing leg (row F13, plan C1).
    Cost,
}

impl ChargeKind {
    /// The stable code, as in keys and columns.
    pub fn code(self) -> &'static str {
        match self {
            ChargeKind::Sale => "sale",
            ChargeKind::Cost => "cost",
        }
    }
}

/// The rating zone of a call: local when the area code of the bound number is the caller's (row F04; no seed defines
/// it, so the rule and its result are stored with the charge).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Zone {
    Local,
    LongDistance,
}

impl Zone {
    /// Both zones.
    pub const ALL: [Zone; 2] = [Zone::Local, Zone::LongDistance];

    /// The stable code, as in columns.
    pub fn code(self) -> &'static str {
        match self {
            Zone::Local => "local",
            Zone::LongDistance => "long_distance",
        }
    }
}

/// What is offered to a plan: one call for a sale, one outgoing leg for a cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// When the call's INVITE came: this instant chooses the tariff version.
    pub started_at: Wall,
    /// Milliseconds used, by the monotonic clock.
    pub usage_ms: u64,
    /// Whether it was answered; a call that was not has no usage.
    pub answered: bool,
    /// The zone.
    pub zone: Zone,
}

/// One charge of one call: revision 0 is the first, n the n-th adjustment (FAULTS B1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// Sale or cost.
    pub kind: ChargeKind,
    /// 0 for the sale; the outgoing leg's number for a cost.
    pub leg: u8,
    /// 0 for the first charge, then one more for each adjustment.
    pub revision: u32,
    /// The plan asked.
    pub plan: PlanId,
    /// The version of the plan that was valid at the start of the call.
    pub tariff_version: u32,
    /// The zone that chose the price.
    pub zone: Zone,
    /// Milliseconds offered to the plan; 0 if the call was not answered.
    pub usage_ms: u64,
    /// Units charged; 1 for a call charged by the call.
    pub units: u64,
    /// Price of one unit, to the nearest 1/10,000 yuan. The sum itself is made from `terms`, which are exact.
    pub unit_price_e4: Money,
    /// What is posted: the fee, or for an adjustment the fee less what was posted before. Only an adjustment can be
    /// negative.
    pub amount_e4: Money,
    /// What earlier revisions posted; zero for revision 0.
    pub posted_before_e4: Money,
    /// What the version said about this zone: with `usage_ms` enough to repeat the sum.
    pub terms: Terms,
}

impl Charge {
    /// The whole fee as of this revision: what all revisions up to it add up to.
    pub fn fee_e4(&self) -> Money {
        self.posted_before_e4 + self.amount_e4
    }
}

/// Prices one usage by one version. Milliseconds become whole seconds, rounded up; seconds become units, rounded up;
/// the sum is rounded once, as the version says. Zero milliseconds cost nothing but a fee per call. The charge is
/// revision 0; [`adjustment`] makes the later ones.
pub fn price(usage: &Usage, version: &TariffVersion, leg: u8) -> Charge {
    let terms = version.terms(usage.zone, usage.answered);
    let usage_ms = if usage.answered { usage.usage_ms } else { 0 };
    let units = terms.units(usage_ms);
    Charge {
        kind: version.kind,
        leg,
        revision: 0,
        plan: version.plan.clone(),
        tariff_version: version.version,
        zone: usage.zone,
        usage_ms,
        units,
        unit_price_e4: terms.unit_price_e4(),
        amount_e4: terms.amount_e4(units),
        posted_before_e4: Money::ZERO,
        terms,
    }
}

/// The charge that turns what was posted for `old` into what `new` says: the difference, at the next revision. `None`
/// if nothing is to be posted, so that rating again twice is rating again once (row F15).
pub fn adjustment(old: &Charge, new: &Charge) -> Option<Charge> {
    let posted_before_e4 = old.fee_e4();
    let amount_e4 = new.fee_e4() - posted_before_e4;
    if amount_e4.is_zero() {
        return None;
    }
    let revision = old.revision.saturating_add(1);
    Some(Charge { kind: old.kind, leg: old.leg, revision, amount_e4, posted_before_e4, ..new.clone() })
}

/// The charges of one call: the sale, and the cost of each outgoing leg that answered, joined or late, and for which
/// `cost` knows a plan. A call counts as answered from the instant its contract charges from (row F17). One that was not
/// makes a sale charge only if the plan asks a fee for it; one that a rule barred or that we failed never does.
pub fn rate_call<'t>(
    record: &CallRecord,
    sale: &TariffVersion,
    cost: impl Fn(&LegRecord) -> Option<&'t TariffVersion>,
    zone: Zone,
) -> Vec<Charge> {
    let mut charges = Vec::with_capacity(2);
    charges.extend(rate_sale(record, sale, zone));
    for leg in &record.legs {
        if leg.answered_at.is_none() {
            continue;
        }
        if let Some(version) = cost(leg) {
            let usage = Usage { started_at: record.started_at, usage_ms: leg.cost_ms, answered: true, zone };
            charges.push(price(&usage, version, leg.leg));
        }
    }
    charges
}

fn rate_sale(record: &CallRecord, sale: &TariffVersion, zone: Zone) -> Option<Charge> {
    let ours = matches!(record.status, AnswerStatus::Barred | AnswerStatus::Failed);
    if record.answered_at.is_none() && ours {
        return None;
    }
    let answered = match record.charging_from {
        ChargingFrom::Answer => record.answered_at.is_some(),
        ChargingFrom::TwoParty => record.joined_at.is_some(),
    };
    let usage = Usage { started_at: record.started_at, usage_ms: record.sale_ms, answered, zone };
    let charge = price(&usage, sale, 0);
    (record.answered_at.is_some() || !charge.amount_e4.is_zero()).then_some(charge)
}

/// What we keep: sales less costs (row F13). Negative when the call cost more than it brought.
pub fn margin(charges: &[Charge]) -> Money {
    charges
        .iter()
        .map(|charge| match charge.kind {
            ChargeKind::Sale => charge.amount_e4,
            ChargeKind::Cost => -charge.amount_e4,
        })
        .sum()
}

/// The zone of a call between two area codes, with or without the leading 0. An unknown area code (empty) is not the
/// same as any other: the call is long distance.
pub fn zone_of(caller_area_code: &str, bound_area_code: &str) -> Zone {
    let caller = caller_area_code.trim_start_matches('0');
    let bound = bound_area_code.trim_start_matches('0');
    if !caller.is_empty() && caller == bound { Zone::Local } else { Zone::LongDistance }
}

#[cfg(test)]
pub(crate) mod tests;
