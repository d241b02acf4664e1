//! How callers called lately (row B12): bounded, whoever calls. Who has something against him is kept in numbered places,
//! so that what a database keeps of it is bounded too. It decides no call.

use std::collections::{BTreeMap, VecDeque};

use crate::enterprise::Nuisance;
use crate::{HotlineNumber, Wall};

/// Callers in memory; the one that was quiet longest is forgotten.
pub(super) const CALLERS_MAX: usize = 10_000;
/// Calls of one caller that are remembered.
const CALLS_MAX: usize = 32;
/// Callers kept over a restart; beyond it the one that was quiet longest gives way.
const PLACES_MAX: u16 = 1_000;

/// Callers and their last calls.
#[derive(Clone, Debug, Default)]
pub(super) struct Lately {
    callers: BTreeMap<String, Caller>,
    places: BTreeMap<u16, String>,
}

#[derive(Clone, Debug, Default)]
struct Caller {
    /// The oldest first.
    calls: VecDeque<Past>,
    place: Option<u16>,
}

/// A call of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Past {
    pub(super) number: HotlineNumber,
    pub(super) at: Wall,
    pub(super) lasted_ms: u64,
}

impl Caller {
    fn last(&self) -> Option<Wall> {
        self.calls.back().map(|call| call.at)
    }

    /// The calls within a policy's window before an instant.
    fn within(&self, policy: &Nuisance, at: Wall) -> impl Iterator<Item = &Past> {
        let since = at.0 - i64::from(policy.window_minutes) * 60_000;
        self.calls.iter().filter(move |call| call.at.0 >= since)
    }
}

impl Lately {
    /// A call is over.
    pub(super) fn note(&mut self, caller: &str, call: Past) {
        if self.callers.len() >= CALLERS_MAX && !self.callers.contains_key(caller) {
            let oldest =
                self.callers.iter().min_by_key(|(_, known)| known.last()).map(|(who, _)| who.clone());
            oldest.and_then(|who| self.forget(&who));
        }
        let calls = &mut self.callers.entry(caller.to_owned()).or_default().calls;
        calls.push_back(call);
        if calls.len() > CALLS_MAX {
            calls.pop_front();
        }
    }

    /// The calls of a caller within a policy's window before an instant.
    pub(super) fn calls<'a>(
        &'a self,
        caller: &str,
        policy: &Nuisance,
        at: Wall,
    ) -> impl Iterator<Item = &'a Past> {
        self.callers.get(caller).into_iter().flat_map(move |known| known.within(policy, at))
    }

    /// The place where a caller is kept.
    pub(super) fn place_of(&self, caller: &str) -> Option<u16> {
        self.callers.get(caller)?.place
    }

    /// Forgets a caller; the place where it was kept.
    pub(super) fn forget(&mut self, caller: &str) -> Option<u16> {
        let place = self.callers.remove(caller)?.place?;
        self.places.remove(&place);
        Some(place)
    }

    /// The place at which a caller is kept over a restart, and what is kept: `13510001000;4006010114,1791770400000,2000;…`,
    /// each call with its number, its beginning and how long it lasted.
    pub(super) fn keep(&mut self, caller: &str, policy: &Nuisance, at: Wall) -> Option<(u16, String)> {
        let place = self.callers.get(caller)?.place.unwrap_or_else(|| self.free_place());
        self.give(place, caller);
        let calls = self.callers.get(caller)?.within(policy, at);
        let kept = calls.map(|call| format!(";{},{},{}", call.number, call.at.0, call.lasted_ms));
        Some((place, std::iter::once(caller.to_owned()).chain(kept).collect()))
    }

    fn free_place(&self) -> u16 {
        let behind = self.places.last_key_value().map_or(0, |(last, _)| last + 1);
        if behind < PLACES_MAX {
            return behind;
        }
        let free = (0..PLACES_MAX).find(|place| !self.places.contains_key(place));
        let last = |who: &String| self.callers.get(who).and_then(Caller::last);
        let quietest = || self.places.iter().min_by_key(|(_, who)| last(who)).map(|(place, _)| *place);
        free.or_else(quietest).unwrap_or(0)
    }

    /// Whoever was at the place is in memory only from now on.
    fn give(&mut self, place: u16, caller: &str) {
        let before = self.places.insert(place, caller.to_owned()).filter(|before| before != caller);
        if let Some(known) = before.and_then(|before| self.callers.get_mut(&before)) {
            known.place = None;
        }
        if let Some(known) = self.callers.get_mut(caller) {
            known.place = Some(place);
        }
    }

    /// Takes back what [`Lately::keep`] told of a place; an emptied place holds nobody, and what is none of this is nobody
    /// either.
    pub(super) fn put(&mut self, place: u16, value: &str) {
        if let Some(before) = self.places.remove(&place) {
            self.callers.remove(&before);
        }
        let mut parts = value.split(';');
        let caller = parts.next().unwrap_or_default();
        let calls: VecDeque<Past> = parts.filter_map(read_call).take(CALLS_MAX).collect();
        if !caller.is_empty() && !calls.is_empty() {
            self.forget(caller);
            self.callers.insert(caller.to_owned(), Caller { calls, place: None });
            self.give(place, caller);
        }
    }

    /// Callers in memory, and those that are kept.
    #[cfg(test)]
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.callers.len(), self.places.len())
    }
}

fn read_call(text: &str) -> Option<Past> {
    let mut parts = text.splitn(3, ',');
    Some(Past {
        number: parts.next()?.parse().ok()?,
        at: Wall(parts.next()?.parse().ok()?),
        lasted_ms: parts.next()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(at: i64) -> Past {
        Past { number: HotlineNumber::from_suffix(1).expect("a number"), at: Wall(at), lasted_ms: 1_000 }
    }

    #[test]
    fn b12_what_is_kept_reads_back_and_places_are_used_again() {
        let (mut lately, policy) = (Lately::default(), Nuisance::default());
        for (who, at) in [("a", 1), ("a", 2), ("b", 3)] {
            lately.note(who, call(at));
        }
        let (place, kept) = lately.keep("a", &policy, Wall(3)).expect("known");
        assert_eq!((place, kept.as_str()), (0, "a;4000000001,1,1000;4000000001,2,1000"));
        assert_eq!(lately.keep("b", &policy, Wall(3)).map(|(place, _)| place), Some(1));
        assert_eq!(lately.keep("a", &policy, Wall(3)), Some((0, kept.clone())), "it stays where it is");
        assert_eq!(lately.keep("nobody", &policy, Wall(3)), None);
        let mut reborn = Lately::default();
        for _ in 0..2 {
            reborn.put(0, &kept);
            assert_eq!(reborn.calls("a", &policy, Wall(3)).copied().collect::<Vec<_>>(), [call(1), call(2)]);
        }
        assert_eq!(lately.forget("a"), Some(0));
        lately.note("c", call(4));
        assert_eq!(lately.keep("c", &policy, Wall(4)).map(|(place, _)| place), Some(2));
        reborn.put(0, "");
        assert_eq!(reborn.counts(), (0, 0));
        for damaged in ["a", "a;", "a;b", ";4000000001,1,1", "a;4000000001,x,1"] {
            reborn.put(3, damaged);
            assert_eq!(reborn.counts(), (0, 0), "{damaged}");
        }
        let old = Wall(i64::from(policy.window_minutes) * 60_000 + 2);
        assert_eq!(
            lately.keep("b", &policy, old).map(|(_, kept)| kept),
            Some("b;4000000001,3,1000".to_owned())
        );
    }

    #[test]
    fn n6_places_are_bounded_and_the_quietest_gives_way() {
        let (mut lately, policy) = (Lately::default(), Nuisance::default());
        for who in 0..i64::from(PLACES_MAX) + 5 {
            let caller = format!("1380{who:07}");
            lately.note(&caller, call(who));
            let (place, _) = lately.keep(&caller, &policy, Wall(who)).expect("known");
            assert_eq!(i64::from(place), who % i64::from(PLACES_MAX));
        }
        let (callers, places) = lately.counts();
        assert_eq!((callers, places), (usize::from(PLACES_MAX) + 5, usize::from(PLACES_MAX)));
        assert_eq!(lately.forget("13800000000"), None, "in memory only");
        assert_eq!(lately.forget("13800000005"), Some(5));
    }
}
