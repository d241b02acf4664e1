//! Who goes before whom: the priority that a list of callers gives (row R32), and the order of those who wait. It refuses
//! to know what they wait for.

use serde::{Deserialize, Serialize};

use crate::barring::CallerPatterns;
use crate::enterprise::{NamedCallers, PRIORITY_MAX};
use crate::{CallId, Mono};

/// How much longer each step of priority counts as having waited: with it nobody waits for ever.
pub const STEP_MS: u64 = 60_000;

/// The lists of an enterprise that raise their callers, the highest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Priorities(Box<[List]>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct List {
    priority: u8,
    name: Box<str>,
    callers: CallerPatterns,
}

/// A caller's priority, and the list it is by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raised<'a> {
    /// 1 to [`PRIORITY_MAX`]; who is on no such list has 0.
    pub priority: u8,
    /// The list's name.
    pub list: &'a str,
}

impl Priorities {
    /// Those of the lists that say a priority.
    pub fn compile(lists: &[NamedCallers]) -> Self {
        let list = |written: &NamedCallers| List {
            priority: written.priority.min(PRIORITY_MAX),
            name: written.name.as_str().into(),
            callers: CallerPatterns::new(written.callers.iter().map(String::as_str)).0,
        };
        let mut raising: Vec<List> = lists.iter().filter(|list| list.priority > 0).map(list).collect();
        raising.sort_by_key(|list| std::cmp::Reverse(list.priority));
        Self(raising.into())
    }

    /// The highest priority that a caller has; withheld callers are on no list.
    pub fn of(&self, caller: &str) -> Option<Raised<'_>> {
        let list = self.0.iter().find(|list| list.callers.matching(caller).is_some())?;
        Some(Raised { priority: list.priority, list: &list.name })
    }
}

/// The place of a caller among those who wait; the least is next. Each step of priority counts as [`STEP_MS`] waited, so
/// that the order of two never changes while they wait, and who comes later than that goes behind, whatever its priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn {
    /// When it would have come without priority, on a line that begins [`PRIORITY_MAX`] steps before the clock's zero.
    as_if_since: u64,
    since: Mono,
    call: CallId,
}

impl Turn {
    /// The place of a call that waits since an instant.
    pub fn new(priority: u8, since: Mono, call: CallId) -> Self {
        let behind = PRIORITY_MAX - priority.min(PRIORITY_MAX);
        Self { as_if_since: since.0 + u64::from(behind) * STEP_MS, since, call }
    }

    /// From when on nobody who comes can go before it.
    pub fn safe_from(&self) -> Mono {
        Mono(self.as_if_since + 1)
    }

    /// Whose place it is.
    pub fn call(&self) -> CallId {
        self.call
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Chance;

    fn turns(seed: u64) -> Vec<(u8, Mono, Turn)> {
        let mut chance = Chance::new(seed);
        let turn = |place: u64| {
            // Few instants and priorities, so that all kinds of ties come.
            let (priority, since) = ((chance.draw() % 10) as u8, Mono(chance.draw() % 12 * 30_000));
            (priority, since, Turn::new(priority, since, CallId::at(since.0 as i64, place.into())))
        };
        (0..60).map(turn).collect()
    }

    #[test]
    fn r32_the_order_is_total_and_first_come_first_served_within_a_priority() {
        for seed in 1..=50 {
            let all = turns(seed);
            for (p, a_since, a) in &all {
                for (q, b_since, b) in &all {
                    assert_eq!(a.cmp(b), b.cmp(a).reverse());
                    assert_eq!(a == b, a.call() == b.call());
                    if p == q && a_since < b_since {
                        assert!(a < b, "{a:?} {b:?}");
                    }
                    if a_since == b_since && p > q {
                        assert!(a < b, "{a:?} {b:?}");
                    }
                    for (_, _, c) in &all {
                        assert!(!(a < b && b < c) || a < c);
                    }
                }
            }
        }
    }

    /// One is served every ten seconds and somebody of the highest priority comes as often: whoever waits is served once
    /// those who can still go before it were, and no sooner does a lower priority go before a higher one that came first.
    #[test]
    fn r32_nobody_starves_under_a_stream_of_the_highest_priority() {
        for priority in 0..=PRIORITY_MAX {
            let mut waiting = std::collections::BTreeSet::new();
            let patient = Turn::new(priority, Mono(0), CallId::at(0, 0));
            waiting.insert(patient);
            let served_at = (1..1_000u64).find(|round| {
                let now = Mono(round * 10_000);
                waiting.insert(Turn::new(PRIORITY_MAX, now, CallId::at(now.0 as i64, u128::from(*round))));
                waiting.pop_first() == Some(patient)
            });
            let bound = u64::from(PRIORITY_MAX - priority) * STEP_MS;
            assert!(
                served_at.is_some_and(|round| round * 10_000 <= bound + 10_000),
                "{priority}: {served_at:?}"
            );
            assert_eq!(patient.safe_from(), Mono(bound + 1));
        }
    }

    #[test]
    fn r32_for_any_arrivals_only_those_who_came_in_time_go_before() {
        for seed in 1..=50 {
            let mut all = turns(seed);
            all.sort_by_key(|(_, _, turn)| *turn);
            for (place, (_, _, turn)) in all.iter().enumerate() {
                assert!(all[..place].iter().all(|(_, since, _)| *since < turn.safe_from()), "{turn:?}");
            }
        }
    }

    #[test]
    fn r32_the_highest_list_counts() {
        let list = |name: &str, priority, pattern: &str| NamedCallers {
            name: name.into(),
            callers: vec![pattern.into()],
            priority,
        };
        let lists =
            [list("gold", 3, "1380013*"), list("known", 0, "13800138001"), list("vip", 9, "13800138000")];
        let priorities = Priorities::compile(&lists);
        let of = |caller: &str| priorities.of(caller).map(|it| (it.priority, it.list.to_owned()));
        assert_eq!(of("13800138000"), Some((9, "vip".into())));
        assert_eq!(of("13800138001"), Some((3, "gold".into())));
        assert_eq!((of("02112345678"), of("")), (None, None));
    }
}
