//! What an enterprise should be told of before it bites (row B07): how far a month's cap is used. It sends nothing.

use serde::{Deserialize, Serialize};

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
}

/// The levels that a use of a cap has reached; a cap of nothing is always full.
pub fn cap_levels(used: i64, cap: i64) -> impl Iterator<Item = u8> {
    let reached = move |level: &u8| i128::from(used) * 100 >= i128::from(cap) * i128::from(*level);
    CAP_LEVELS.into_iter().filter(reached)
}

#[cfg(test)]
mod tests {
    use super::*;

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
