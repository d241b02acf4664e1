//! What of an enterprise's fees and bound numbers is odd enough to be told (row B11). It decides nothing of a call.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Enterprise, Number};
use crate::{HotlineNumber, Money, Wall};

/// When somebody should look, and whether calls wait until somebody did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// An hour is odd above so many times the normal one.
    pub cost_times: u8,
    /// No hour up to this many fees is odd, whatever is normal: else a quiet account's first call would be.
    pub cost_floor_e4: Money,
    /// The normal hour is the median of the charged hours of so many days before it.
    pub normal_days: u16,
    /// More bound numbers changed than this are odd.
    pub binding_changes: u8,
    /// Within so many minutes.
    pub binding_minutes: u16,
    /// More legs than this that left by trunks within an hour are odd (FAULTS N7).
    #[serde(default = "outgoing_per_hour")]
    pub outgoing_per_hour: u32,
    /// Whether what is odd freezes the enterprise: no new calls until somebody lifts it.
    pub freeze: bool,
}

fn outgoing_per_hour() -> u32 {
    5_000
}

impl Default for Alarm {
    fn default() -> Self {
        Self {
            cost_times: 5,
            cost_floor_e4: Money::from_fen(10_000),
            normal_days: 28,
            binding_changes: 10,
            binding_minutes: 60,
            outgoing_per_hour: outgoing_per_hour(),
            freeze: false,
        }
    }
}

impl Enterprise {
    /// The document after something was odd at an instant: frozen where it says so.
    #[must_use]
    pub fn alarmed(mut self, at: Wall) -> Self {
        if self.alarm.freeze {
            self.frozen.get_or_insert(at);
        }
        self
    }
}

/// How many bound numbers a change of the document replaced, added or took away, over the 400 numbers that it had before
/// and has after it. Names, order and switches are no binding.
pub fn binding_changes(before: &Enterprise, after: &Enterprise) -> u32 {
    let old: BTreeMap<HotlineNumber, &Number> =
        before.numbers.iter().map(|number| (number.number, number)).collect();
    let changed = |number: &Number| old.get(&number.number).map_or(0, |old| changes_of(old, number));
    after.numbers.iter().map(changed).sum()
}

/// One replaced by another is one change.
fn changes_of(before: &Number, after: &Number) -> u32 {
    let mut counts: BTreeMap<&str, i32> = BTreeMap::new();
    for bound in &before.destinations {
        *counts.entry(&bound.number).or_default() -= 1;
    }
    for bound in &after.destinations {
        *counts.entry(&bound.number).or_default() += 1;
    }
    let added: i32 = counts.values().filter(|count| **count > 0).sum();
    let removed: i32 = counts.values().filter(|count| **count < 0).sum();
    added.max(-removed).unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enterprise::read;
    use crate::enterprise::read::tests::{HUAXIN, allowed, yaml};

    #[test]
    fn b11_a_binding_changed_counts_once_and_a_name_not_at_all() {
        let (before, _) = read(&yaml(HUAXIN), &allowed()).expect("the example is right");
        let changes = |change: &dyn Fn(&mut Enterprise)| {
            let mut after = before.clone();
            change(&mut after);
            binding_changes(&before, &after)
        };
        assert!(before.numbers[0].destinations.len() >= 3);
        assert_eq!(changes(&|_| {}), 0);
        assert_eq!(changes(&|after| after.numbers[0].destinations[0].name = "another".into()), 0);
        assert_eq!(changes(&|after| after.numbers[0].destinations.reverse()), 0);
        assert_eq!(changes(&|after| after.numbers[0].destinations[0].number = "02161234599".into()), 1);
        assert_eq!(changes(&|after| drop(after.numbers[0].destinations.pop())), 1);
        let more = before.numbers[0].destinations[0].clone();
        assert_eq!(changes(&|after| after.numbers[0].destinations.extend([more.clone(), more.clone()])), 2);
        let every = |after: &mut Enterprise| {
            for (place, bound) in after.numbers[0].destinations.iter_mut().enumerate() {
                bound.number = format!("0216123460{place}");
            }
        };
        assert_eq!(changes(&every), before.numbers[0].destinations.len() as u32);
        let moved = |after: &mut Enterprise| {
            after.numbers[0].number = "4009999999".parse().expect("a number");
        };
        assert_eq!(changes(&moved), 0, "a number that came or went is no change of bindings");
    }
}
