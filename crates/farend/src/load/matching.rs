//! Which call of the caller is this call at the callee? By the caller's number, which no two calls on their way share,
//! else by order: a back-to-back user agent makes a new Call-ID, and may show its own number.
//! It refuses to know what is done with the pair.

use std::collections::{HashMap, VecDeque};

/// A call on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) serial: u64,
    pub(super) at_us: u64,
    /// Placed after the warm-up.
    pub(super) measured: bool,
}

/// How a call was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    ByNumber(Sent),
    ByOrder(Sent),
}

/// The calls sent and not yet seen by the callee.
#[derive(Debug, Default)]
pub(super) struct Matching {
    by_number: HashMap<u64, Sent>,
    order: VecDeque<(u64, Sent)>,
}

impl Matching {
    pub(super) fn sent(&mut self, number: &str, sent: Sent) {
        let key = key_of(number);
        self.by_number.insert(key, sent);
        self.order.push_back((key, sent));
    }

    /// The call will not be seen any more.
    pub(super) fn forget(&mut self, number: &str, serial: u64) {
        let key = key_of(number);
        if self.by_number.get(&key).is_some_and(|sent| sent.serial == serial) {
            self.by_number.remove(&key);
        }
        self.trim();
    }

    /// The call that shows one of these numbers, else the oldest.
    pub(super) fn seen<'a>(&mut self, numbers: impl Iterator<Item = &'a str>) -> Option<Match> {
        for number in numbers {
            if let Some(sent) = self.by_number.remove(&key_of(number)) {
                self.trim();
                return Some(Match::ByNumber(sent));
            }
        }
        self.trim();
        let (key, sent) = self.order.pop_front()?;
        self.by_number.remove(&key);
        Some(Match::ByOrder(sent))
    }

    /// Takes the calls that were seen or forgotten from the head of the queue.
    fn trim(&mut self) {
        while let Some((key, sent)) = self.order.front()
            && self.by_number.get(key) != Some(sent)
        {
            self.order.pop_front();
        }
    }
}

/// The last eleven digits as a number: `+86` or a trunk `0` in front makes no difference.
fn key_of(number: &str) -> u64 {
    let mut digits = number.bytes().rev().filter(u8::is_ascii_digit).take(super::NUMBER_DIGITS);
    let (mut key, mut place) = (0, 1);
    for digit in &mut digits {
        key += u64::from(digit - b'0') * place;
        place *= 10;
    }
    key
}

/// The `serial`-th caller: prefixes in turn, each counted up to its last number.
pub(super) fn caller_number(prefixes: &[String], serial: u64) -> String {
    let prefix = &prefixes[(serial % prefixes.len() as u64) as usize];
    let places = super::NUMBER_DIGITS - prefix.len();
    if places == 0 {
        return prefix.clone();
    }
    let within = serial / prefixes.len() as u64 % 10u64.pow(places as u32);
    format!("{prefix}{within:0places$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(serial: u64) -> Sent {
        Sent { serial, at_us: serial * 10, measured: true }
    }

    #[test]
    fn numbers_win_over_order_whatever_is_written_before_them() {
        let mut matching = Matching::default();
        matching.sent("13800000001", sent(1));
        matching.sent("13800000002", sent(2));
        matching.sent("13800000003", sent(3));
        assert_eq!(
            matching.seen(["4006010114", "+8613800000002"].into_iter()),
            Some(Match::ByNumber(sent(2)))
        );
        assert_eq!(matching.seen(["4006010114"].into_iter()), Some(Match::ByOrder(sent(1))));
        assert_eq!(matching.seen(["013800000003"].into_iter()), Some(Match::ByNumber(sent(3))));
        assert_eq!(matching.seen(["4006010114"].into_iter()), None);
    }

    #[test]
    fn forgotten_calls_are_not_matched_by_order() {
        let mut matching = Matching::default();
        matching.sent("13800000001", sent(1));
        matching.sent("13800000002", sent(2));
        matching.forget("13800000001", 1);
        matching.forget("13800000002", 7);
        assert_eq!(matching.seen(std::iter::empty()), Some(Match::ByOrder(sent(2))));
        assert!(matching.by_number.is_empty() && matching.order.is_empty());
    }

    #[test]
    fn callers_are_spread_and_do_not_repeat_soon() {
        let prefixes = ["1380010".to_owned(), "139".to_owned()];
        assert_eq!(caller_number(&prefixes, 0), "13800100000");
        assert_eq!(caller_number(&prefixes, 1), "13900000000");
        assert_eq!(caller_number(&prefixes, 2), "13800100001");
        let all: std::collections::BTreeSet<_> = (0..20_000).map(|n| caller_number(&prefixes, n)).collect();
        assert_eq!(all.len(), 20_000);
    }
}
