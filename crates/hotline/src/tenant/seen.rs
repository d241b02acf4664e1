//! What an enterprise remembers of single callers: calls without the right password (row B04) and how they called lately
//! (row B12). Bounded, whoever calls; it decides no call.

use std::collections::{BTreeMap, BTreeSet};

use super::lately::{CALLERS_MAX, Lately, Past};
use crate::enterprise::{Nuisance, Password};
use crate::settlement::TenantState;
use crate::{HotlineNumber, Wall};

/// Points for a short call, for each further number called, and for a place on the list of suspects.
const SHORT_CALL: u32 = 20;
const FURTHER_NUMBER: u32 = 20;
const SUSPECT: u32 = 60;
const POINTS_MAX: u32 = 100;

/// What is remembered of callers.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    locks: BTreeMap<(HotlineNumber, String), Failures>,
    lately: Lately,
}

/// Calls without the right password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Failures {
    calls: u32,
    last: Wall,
}

/// What stands against a caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// 0 to 100.
    pub points: u8,
    /// What they are made of, in words.
    pub reason: String,
}

impl Seen {
    /// Whether a caller has to wait before the next password. All withheld callers are one.
    pub fn is_locked_out(&self, number: HotlineNumber, caller: &str, policy: &Password, at: Wall) -> bool {
        let Some(failures) = self.locks.get(&(number, caller.to_owned())) else { return false };
        failures.calls >= u32::from(policy.lock_after) && at.0 < failures.last.0 + lock_ms(policy)
    }

    /// A call ended without the right password; how many such calls the caller has now made in a row.
    pub fn password_failed(
        &mut self,
        number: HotlineNumber,
        caller: &str,
        policy: &Password,
        at: Wall,
    ) -> u32 {
        let key = (number, caller.to_owned());
        let before = self.locks.get(&key).filter(|before| at.0 < before.last.0 + lock_ms(policy));
        let calls = before.map_or(0, |before| before.calls) + 1;
        self.set_failures(key, Failures { calls, last: at });
        calls
    }

    /// The right password was given: whether anything stood against the caller.
    pub fn password_passed(&mut self, number: HotlineNumber, caller: &str) -> bool {
        self.locks.remove(&(number, caller.to_owned())).is_some()
    }

    fn set_failures(&mut self, key: (HotlineNumber, String), failures: Failures) {
        if failures.calls == 0 {
            self.locks.remove(&key);
            return;
        }
        self.locks.insert(key, failures);
        if self.locks.len() > CALLERS_MAX {
            let oldest =
                self.locks.iter().min_by_key(|(_, failures)| failures.last).map(|(key, _)| key.clone());
            oldest.and_then(|key| self.locks.remove(&key));
        }
    }

    /// Takes back what [`lock_state`] wrote; what is none is left alone.
    pub(super) fn remember_lock(&mut self, number: HotlineNumber, caller: &str, value: &str) {
        let Some((calls, last)) = value.split_once(',') else { return };
        if let (Ok(calls), Ok(last)) = (calls.parse(), last.parse()) {
            self.set_failures((number, caller.to_owned()), Failures { calls, last: Wall(last) });
        }
    }

    /// A call of a caller is over. Withheld callers are not told apart, so nothing is remembered of them. Where something
    /// stands against the caller now, the place at which it is kept over a restart, and what is kept.
    pub fn called(
        &mut self,
        caller: &str,
        number: HotlineNumber,
        at: Wall,
        lasted_ms: u64,
        policy: &Nuisance,
    ) -> Option<(u16, String)> {
        if caller.is_empty() {
            return None;
        }
        self.lately.note(caller, Past { number, at, lasted_ms });
        let has_points = self.score(caller, false, policy, at).points > 0;
        has_points.then(|| self.lately.keep(caller, policy, at)).flatten()
    }

    /// Nothing stands against a caller any more; the place that has to be emptied.
    pub fn forgive(&mut self, caller: &str) -> Option<u16> {
        self.lately.forget(caller)
    }

    /// Nothing at all is remembered of a caller any more.
    pub(super) fn forget(&mut self, caller: &str) {
        self.locks.retain(|(_, who), _| who != caller);
        self.lately.forget(caller);
    }

    /// The keys of all that is kept of a caller.
    pub(super) fn keys_of(&self, caller: &str) -> Vec<String> {
        let locks = self.locks.keys().filter(|(_, who)| who == caller);
        let locks = locks.map(|(number, who)| lock_state(*number, who, 0, Wall(0), 0).key);
        locks.chain(self.lately.place_of(caller).map(|place| suspect_state(place, "", 0).key)).collect()
    }

    /// Takes back what was kept at a place.
    pub(super) fn remember_caller(&mut self, place: u16, value: &str) {
        self.lately.put(place, value);
    }

    /// What stands against a caller by the calls of the policy's window.
    pub fn score(&self, caller: &str, suspected: bool, policy: &Nuisance, at: Wall) -> Score {
        let (mut short, mut numbers) = (0u32, BTreeSet::new());
        for call in self.lately.calls(caller, policy, at) {
            short += u32::from(call.lasted_ms < u64::from(policy.short_s) * 1_000);
            numbers.insert(call.number);
        }
        let further = numbers.len().saturating_sub(1) as u32;
        let points = short * SHORT_CALL + further * FURTHER_NUMBER + if suspected { SUSPECT } else { 0 };
        let mut parts = Vec::new();
        if short > 0 {
            parts.push(format!("{short} short calls in {} min", policy.window_minutes));
        }
        if further > 0 {
            parts.push(format!("{} numbers called", further + 1));
        }
        if suspected {
            parts.push("on the list of suspects".to_owned());
        }
        Score { points: points.min(POINTS_MAX) as u8, reason: parts.join(", ") }
    }
}

fn lock_ms(policy: &Password) -> i64 {
    i64::from(policy.lock_minutes) * 60_000
}

/// The remembered value of calls without the right password; 0 calls is nothing.
pub fn lock_state(number: HotlineNumber, caller: &str, calls: u32, at: Wall, turn: u64) -> TenantState {
    TenantState { key: format!("lock/{number}/{caller}"), value: format!("{calls},{}", at.0), position: turn }
}

/// The remembered value of a place of suspects; an emptied place has none.
pub fn suspect_state(place: u16, value: &str, turn: u64) -> TenantState {
    TenantState { key: format!("suspect/{place}"), value: value.to_owned(), position: turn }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enterprise::NamedCode;

    fn number(suffix: u32) -> HotlineNumber {
        HotlineNumber::from_suffix(suffix).unwrap()
    }

    fn policy() -> Password {
        Password {
            prompt: String::new(),
            wrong: String::new(),
            passwords: vec![NamedCode { name: "a".into(), code: "1234".into() }],
            tries: 3,
            first_key_s: 10,
            key_s: 5,
            lock_after: 2,
            lock_minutes: 30,
        }
    }

    #[test]
    fn b04_a_caller_is_locked_out_for_its_time_and_over_a_restart() {
        let (mut seen, policy, caller) = (Seen::default(), policy(), "13800138000");
        let minute = |minutes: i64| Wall(minutes * 60_000);
        assert_eq!(seen.password_failed(number(1), caller, &policy, minute(0)), 1);
        assert!(!seen.is_locked_out(number(1), caller, &policy, minute(1)));
        assert_eq!(seen.password_failed(number(1), caller, &policy, minute(10)), 2);
        assert!(seen.is_locked_out(number(1), caller, &policy, minute(39)));
        assert!(!seen.is_locked_out(number(1), caller, &policy, minute(40)));
        assert!(!seen.is_locked_out(number(2), caller, &policy, minute(11)), "another number");
        assert!(!seen.is_locked_out(number(1), "13800138001", &policy, minute(11)), "another caller");
        let told = lock_state(number(1), caller, 2, minute(10), 1);
        let mut reborn = Seen::default();
        reborn.remember_lock(number(1), caller, &told.value);
        assert!(reborn.is_locked_out(number(1), caller, &policy, minute(39)));
        reborn.remember_lock(number(1), caller, "0,0");
        assert!(!reborn.is_locked_out(number(1), caller, &policy, minute(39)));
        assert!(seen.password_passed(number(1), caller) && !seen.password_passed(number(1), caller));
        assert_eq!(seen.password_failed(number(1), caller, &policy, minute(41)), 1, "it begins anew");
    }

    #[test]
    fn b12_short_calls_and_many_numbers_make_a_score_that_fades() {
        let (mut seen, policy, caller) = (Seen::default(), Nuisance::default(), "13800138000");
        for call in 0..3 {
            seen.called(caller, number(call % 2), Wall(i64::from(call) * 1_000), 2_000, &policy);
        }
        let (place, kept) =
            seen.called(caller, number(0), Wall(4_000), 60_000, &policy).expect("it has points");
        let mut reborn = Seen::default();
        reborn.remember_caller(place, &suspect_state(place, &kept, 1).value);
        for suspected in [false, true] {
            let score = |seen: &Seen| seen.score(caller, suspected, &policy, Wall(5_000));
            assert_eq!(score(&reborn), score(&seen), "over a restart");
        }
        let score = seen.score(caller, false, &policy, Wall(5_000));
        assert_eq!((score.points, score.reason.as_str()), (80, "3 short calls in 10 min, 2 numbers called"));
        assert_eq!(seen.score(caller, true, &policy, Wall(5_000)).points, 100);
        assert_eq!(seen.score(caller, false, &policy, Wall(700_000)), Score::default(), "ten minutes later");
        assert_eq!(
            seen.called("02161234599", number(0), Wall(4_000), 60_000, &policy),
            None,
            "nothing against it"
        );
        assert_eq!(seen.forgive(caller), Some(place));
        assert_eq!(seen.score(caller, false, &policy, Wall(5_000)), Score::default());
    }

    #[test]
    fn n6_what_is_remembered_of_strangers_is_bounded() {
        let (mut seen, password, policy) = (Seen::default(), policy(), Nuisance::default());
        for caller in 0..CALLERS_MAX as i64 + 50 {
            let who = format!("1380{caller:07}");
            seen.called(&who, number(0), Wall(caller), 60_000, &policy);
            seen.password_failed(number(0), &who, &password, Wall(caller));
        }
        assert_eq!((seen.lately.counts(), seen.locks.len()), ((CALLERS_MAX, 0), CALLERS_MAX));
        for _ in 0..100 {
            seen.called("one", number(0), Wall(99_999), 1, &policy);
        }
        assert_eq!(seen.lately.calls("one", &policy, Wall(99_999)).count(), 32);
    }
}
