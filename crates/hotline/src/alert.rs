//! What an enterprise should be told of: how far a month's cap is used (row B07), and what is odd (row B11). It sends nothing.

use serde::{Deserialize, Serialize};

use crate::Money;
use crate::enterprise::Alarm;

/// Percents of a month's cap that are told of, once each in a month.
pub const CAP_LEVELS: [u8; 2] = [80, 100];

/// What an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// Fees of a month against their cap (row B05), in 1/10,000 yuan.
    MonthCost,
    /// Calls of a month against their cap (row B06).
    MonthCalls,
    /// Fees of an hour's calls against its normal (row B11), in 1/10,000 yuan.
    HourCost,
    /// Bound numbers changed within some minutes (row B11).
    BindingChanges,
    /// Legs that left by trunks within an hour (FAULTS N7).
    HourOutgoing,
    /// Recordings that are deleted from a day in Beijing on, such as 20270110 (row V03): how many.
    RecordingsEnd,
}

/// The levels that a use of a cap has reached; a cap of nothing is always full.
pub fn cap_levels(used: i64, cap: i64) -> impl Iterator<Item = u8> {
    let reached = move |level: &u8| i128::from(used) * 100 >= i128::from(cap) * i128::from(*level);
    CAP_LEVELS.into_iter().filter(reached)
}

/// The normal hour of an enterprise: the lower median of what its charged hours cost, so that one night of theft does not
/// become normal. Nothing without any.
pub fn normal_hour(mut charged: Vec<Money>) -> Money {
    charged.sort_unstable();
    charged.len().checked_sub(1).map_or(Money::ZERO, |last| charged[last / 2])
}

/// What an hour may cost before it is odd (row B11).
pub fn hour_allowed(alarm: &Alarm, normal: Money) -> Money {
    Money(normal.0.saturating_mul(i64::from(alarm.cost_times))).max(alarm.cost_floor_e4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b11_an_hour_is_odd_above_times_its_normal_and_never_below_the_floor() {
        let yuan = |yuan: i64| Money::from_fen(yuan * 100);
        let alarm = Alarm { cost_times: 3, cost_floor_e4: yuan(50), ..Alarm::default() };
        let allowed =
            |hours: &[i64]| hour_allowed(&alarm, normal_hour(hours.iter().map(|h| yuan(*h)).collect()));
        assert_eq!(allowed(&[]), yuan(50), "a quiet account's first call is no theft");
        assert_eq!(allowed(&[2, 1, 3]), yuan(50));
        assert_eq!(allowed(&[30, 20, 40]), yuan(90));
        assert_eq!(allowed(&[30, 20, 40, 9_000]), yuan(90), "what was odd once is not normal");
        assert_eq!(allowed(&[9_000]), yuan(27_000));
        assert_eq!(hour_allowed(&alarm, Money(i64::MAX)), Money(i64::MAX));
    }

    #[test]
    fn b07_each_level_is_reached_at_its_percent_and_not_before() {
        let levels = |used, cap| cap_levels(used, cap).collect::<Vec<u8>>();
        assert!(levels(79, 100).is_empty());
        assert_eq!(levels(80, 100), [80]);
        assert_eq!(levels(99, 100), [80]);
        assert_eq!(levels(100, 100), [80, 100]);
        assert_eq!((levels(2, 3), levels(3, 3), levels(0, 0)), (vec![], vec![80, 100], vec![80, 100]));
        assert_eq!(levels(i64::MAX, i64::MAX), [80, 100]);
        for cap in 1..200 {
            for used in 0..250 {
                let percent = used as f64 / cap as f64 * 100.0;
                assert_eq!(levels(used, cap).contains(&80), percent >= 80.0 - 1e-9, "{used} of {cap}");
            }
        }
    }
}
