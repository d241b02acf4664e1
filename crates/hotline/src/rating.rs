//! What a call costs: price(usage, tariff) → Charge, with every step of the sum, so that a person can repeat it on
//! paper. Plans are dated data; nothing here knows a price.

use serde::{Deserialize, Serialize};

use crate::{Money, PlanId, Wall};

/// Which side of the books a charge stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChargeKind {
    /// What the enterprise pays us for the call.
    Sale,
    /// What we pay a carrier for one outgoing leg (row F13, plan C1).
    Cost,
}

/// The rating zone of a call: local when the area code of the bound number is the caller's (row F04; no seed defines
/// it, so the rule and its result are stored with the charge).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Zone {
    Local,
    LongDistance,
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
    /// Milliseconds offered to the plan.
    pub usage_ms: u64,
    /// Units charged.
    pub units: u64,
    /// Price of one unit.
    pub unit_price_e4: Money,
    /// The fee: what is posted.
    pub amount_e4: Money,
    /// The sum on paper, one line a step, such as `61 s → 11 × 6 s`, `11 × 0.06 = 0.66`.
    pub steps: Vec<String>,
}

/// The instant a version of a plan begins or ends to hold.
pub type ValidFrom = Wall;
