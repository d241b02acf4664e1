//! How many calls were let in within the last minute: of a number, of the enterprise, of a caller (row B08). Kept for
//! what has such a limit and for nobody else; it decides no call.

use std::collections::{BTreeMap, VecDeque};

use crate::{HotlineNumber, Mono};

/// The window, milliseconds.
const MINUTE_MS: u64 = 60_000;

/// Calls let in within the last minute. A restart begins with none: what a limit of a minute forgets is a minute.
#[derive(Clone, Debug, Default)]
pub(super) struct Rates {
    whole: Lately,
    numbers: BTreeMap<HotlineNumber, Lately>,
    /// Callers of the enterprise, and of its numbers.
    callers: BTreeMap<(Option<HotlineNumber>, String), Lately>,
    /// When callers who were quiet for a minute were last forgotten.
    swept: Mono,
}

/// Instants of the last minute, the oldest first.
type Lately = VecDeque<Mono>;

/// Whose calls are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose<'a> {
    Tenant,
    Number(HotlineNumber),
    /// A caller of a number, or of all numbers of the enterprise.
    Caller(Option<HotlineNumber>, &'a str),
}

impl Rates {
    /// Calls let in within the minute before an instant.
    pub(super) fn count(&mut self, whose: Whose<'_>, now: Mono) -> u32 {
        let lately = match whose {
            Whose::Tenant => Some(&mut self.whole),
            Whose::Number(number) => self.numbers.get_mut(&number),
            Whose::Caller(number, caller) => self.callers.get_mut(&(number, caller.to_owned())),
        };
        let Some(lately) = lately else { return 0 };
        while lately.front().is_some_and(|at| is_past(*at, now)) {
            lately.pop_front();
        }
        lately.len() as u32
    }

    /// A call is let in.
    pub(super) fn note(&mut self, whose: Whose<'_>, now: Mono) {
        let lately = match whose {
            Whose::Tenant => &mut self.whole,
            Whose::Number(number) => self.numbers.entry(number).or_default(),
            Whose::Caller(number, caller) => {
                self.sweep(now);
                self.callers.entry((number, caller.to_owned())).or_default()
            }
        };
        lately.push_back(now);
    }

    /// Once a minute, so that no more callers are kept than call in two.
    fn sweep(&mut self, now: Mono) {
        if is_past(self.swept, now) {
            self.swept = now;
            self.callers.retain(|_, lately| lately.back().is_some_and(|at| !is_past(*at, now)));
        }
    }
}

fn is_past(at: Mono, now: Mono) -> bool {
    now.since_ms(at) >= MINUTE_MS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Chance;

    /// For any arrivals: no minute has more than the limit, and who was refused came when a minute was full.
    #[test]
    fn b08_no_minute_holds_more_than_the_limit_and_none_is_refused_early() {
        let number = HotlineNumber::from_suffix(6_010_114);
        for seed in 1..=200 {
            let (mut chance, mut rates, mut admitted) = (Chance::new(seed), Rates::default(), Vec::new());
            let most = 1 + (seed % 7) as u32;
            let (mut now, whose) = (Mono(0), Whose::Caller(number, "13800138000"));
            for _ in 0..400 {
                now = now + chance.draw() % 20_000;
                let within =
                    admitted.iter().filter(|at: &&Mono| now.since_ms(**at) < MINUTE_MS).count() as u32;
                assert_eq!(rates.count(whose, now), within, "seed {seed}");
                if within < most {
                    rates.note(whose, now);
                    admitted.push(now);
                }
            }
            let crowded = admitted
                .windows(most as usize + 1)
                .any(|calls| calls[most as usize].since_ms(calls[0]) < MINUTE_MS);
            assert!(!crowded, "seed {seed}");
            assert!(admitted.len() > most as usize);
        }
    }

    #[test]
    fn n6_callers_who_were_quiet_for_a_minute_are_forgotten() {
        let mut rates = Rates::default();
        for caller in 0..5_000u64 {
            rates.note(Whose::Caller(None, &format!("1380{caller:07}")), Mono(60_000 + caller * 60));
        }
        assert!(rates.callers.len() <= 2_001, "{} callers kept", rates.callers.len());
    }
}
