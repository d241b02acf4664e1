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

#[cfg(test)]
mod tests {
    use super::super::tests::{Dice, any_version, shipped, usage};
    use super::super::{RoundAt, Usage, price};
    use super::*;

    /// Slices taken until `usage_ms` is covered: their sum, and the boundary.
    fn reserve(version: &TariffVersion, usage_ms: u64) -> (Money, u64) {
        let mut next = slice(version, Zone::Local, 0);
        let mut sum = next.price_e4;
        while next.until_ms < usage_ms {
            next = slice(version, Zone::Local, next.until_ms);
            assert!(next.price_e4 >= Money::ZERO);
            sum += next.price_e4;
        }
        (sum, next.until_ms)
    }

    #[test]
    fn f09_the_first_slice_is_the_first_unit() {
        let (t1, t2a) = (shipped("T1"), shipped("T2a"));
        assert_eq!(slice(&t1, Zone::Local, 0), Slice { until_ms: 60_000, price_e4: Money(3_000) });
        assert_eq!(slice(&t1, Zone::Local, 60_000), Slice { until_ms: 120_000, price_e4: Money(3_000) });
        assert_eq!(slice(&t2a, Zone::Local, 12_000), Slice { until_ms: 18_000, price_e4: Money(600) });
        assert_eq!(slice(&shipped("T2"), Zone::Local, 0).until_ms, 60_000);
        assert_eq!(slice(&shipped("T2"), Zone::LongDistance, 0).until_ms, 6_000);
    }

    #[test]
    fn f09_a_fee_per_call_is_one_slice() {
        let version = shipped("T6");
        assert_eq!(slice(&version, Zone::Local, 0), Slice { until_ms: u64::MAX, price_e4: Money(10_000) });
        assert!(slice(&version, Zone::Local, u64::MAX).price_e4.is_zero());
    }

    #[test]
    fn f09_the_slices_of_a_call_add_up_to_its_fee() {
        let mut dice = Dice(400);
        for _ in 0..20_000 {
            let version = any_version(&mut dice);
            let usage_ms = 1 + dice.roll(400_000);
            let (reserved, until_ms) = reserve(&version, usage_ms);
            let call = |ms| price(&Usage { zone: Zone::Local, ..usage(ms) }, &version, 0).amount_e4;
            assert_eq!(reserved, call(usage_ms), "{version:?} {usage_ms}");
            if until_ms < u64::MAX {
                assert_eq!(reserved, call(until_ms), "talking on to the boundary is already paid");
            }
        }
    }

    #[test]
    fn f09_nothing_used_never_costs_more_than_the_first_slice() {
        let mut dice = Dice(4006);
        for _ in 0..2_000 {
            let version = any_version(&mut dice);
            assert!(price(&usage(0), &version, 0).amount_e4 <= slice(&version, Zone::Local, 0).price_e4);
        }
    }

    #[test]
    fn plans_with_odd_roundings_are_among_those_tried() {
        let mut dice = Dice(400);
        let tried: Vec<_> = (0..1_000).map(|_| any_version(&mut dice)).collect();
        assert!(tried.iter().any(|version| version.rounding.at == RoundAt::Invoice));
        assert!(tried.iter().any(|version| version.terms(Zone::Local, true).exact_e4(1).under > 1));
    }
}
