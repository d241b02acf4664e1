//! Slices of a prepaid call: the next piece of time and its price, so that money is reserved before it is used (row
//! F09, FAULTS B3). Knows no balance.

use serde::{Deserialize, Serialize};

use super::{TariffVersion, Zone};
use crate::Money;

/// The next increment of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice {
    /// Usage that is paid once this slice is; [`u64::MAX`] where more time costs no more.
    pub until_ms: u64,
    /// What to reserve for it. The slices from 0 to a boundary add up to the fee of a call that ends there.
    pub price_e4: Money,
}

/// The slice that follows `paid_ms`, which is 0 or the `until_ms` of the slice before; the first one bears the fee per
/// call. Each is a difference of rounded fees, so the reserve is what [`super::price`] will ask, to the last digit.
pub fn slice(version: &TariffVersion, zone: Zone, paid_ms: u64) -> Slice {
    let terms = version.terms(zone, true);
    if !terms.by_time() {
        let price_e4 = if paid_ms == 0 { terms.amount_e4(1) } else { Money::ZERO };
        return Slice { until_ms: u64::MAX, price_e4 };
    }
    let paid_units = terms.units(paid_ms);
    let reserved = if paid_units == 0 { Money::ZERO } else { terms.amount_e4(paid_units) };
    let next = paid_units.saturating_add(1);
    let until_ms = u64::try_from(terms.units_ms(next)).unwrap_or(u64::MAX);
    Slice { until_ms, price_e4: terms.amount_e4(next) - reserved }
}
