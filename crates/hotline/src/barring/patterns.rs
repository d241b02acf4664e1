//! Lists of callers, packed: numbers and beginnings of numbers. Knows nothing of what a list is for.

use serde::{Deserialize, Serialize};

use crate::Short;

/// Callers by number or by beginning (`021*`); sorted, so that the first match is the same everywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallerPatterns(Short<Pattern, 2>);

/// Up to 31 digits, the first in the highest four bits, each with 1 added: 0 is the end. The lowest bit says that it is
/// a beginning. Sorts as the digits do. Two halves are kept, the higher first: one word would want to lie at sixteens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Pattern(u64, u64);

/// A list of no more patterns is read through.
const FEW: usize = 8;
/// Digits of the longest pattern.
const DIGITS_MAX: usize = 20;
/// Stands for what is no digit.
const NO_DIGIT: u8 = 15;
const BEGINNING: u128 = 1;

impl Pattern {
    fn exact(text: &str) -> Self {
        let pack = |packed: u128, (place, byte): (usize, u8)| {
            let digit = if byte.is_ascii_digit() { byte - b'0' + 1 } else { NO_DIGIT };
            packed | u128::from(digit) << (124 - 4 * place)
        };
        // One more than a pattern has: a longer caller is equal to none.
        Self::of(text.bytes().take(DIGITS_MAX + 1).enumerate().fold(0, pack))
    }

    fn of(packed: u128) -> Self {
        Self((packed >> 64) as u64, packed as u64)
    }

    fn packed(self) -> u128 {
        u128::from(self.0) << 64 | u128::from(self.1)
    }

    /// The pattern of all that begin with its first digits.
    fn beginning(self, digits: usize) -> Self {
        Self::of(self.packed() & !(u128::MAX >> (4 * digits)) | BEGINNING)
    }

    /// Whether it is a beginning, and a number begins with it.
    fn begins(self, whole: Pattern) -> bool {
        let digits = self.packed() & !BEGINNING;
        let rest = (digits.trailing_zeros() / 4 * 4).min(124);
        digits != self.packed() && (whole.packed() ^ digits) >> rest == 0
    }

    /// How many digits it has.
    fn digits(self) -> usize {
        32 - (self.packed() & !BEGINNING).trailing_zeros() as usize / 4
    }
}

impl CallerPatterns {
    /// From patterns as people write them: digits, or digits and a closing star. Returns those that are neither.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> (Self, Vec<&'a str>) {
        let (mut made, mut wrong) = (Vec::new(), Vec::new());
        for pattern in patterns {
            let digits = pattern.strip_suffix('*').unwrap_or(pattern);
            let well_formed =
                (1..=DIGITS_MAX).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
            match (well_formed, digits.len() < pattern.len()) {
                (false, _) => wrong.push(pattern),
                (true, false) => made.push(Pattern::exact(digits)),
                (true, true) => made.push(Pattern::exact(digits).beginning(digits.len())),
            }
        }
        made.sort_unstable();
        made.dedup();
        (Self(made.into_iter().collect()), wrong)
    }

    /// The pattern that names this caller, if one does: the number itself, or else its shortest beginning. A withheld
    /// caller is on no list.
    pub fn matching(&self, caller: &str) -> Option<String> {
        self.all_matching(caller).next()
    }

    /// Every pattern that names this caller: the number itself, then its beginnings, the shortest first.
    pub fn all_matching<'a>(&'a self, caller: &'a str) -> impl Iterator<Item = String> + 'a {
        // A list of few is read through; one of many is asked for each length that a beginning may have.
        let (few, longest) = match self.0.len() {
            0..=FEW => (&*self.0, 0),
            _ => (Default::default(), caller.len().min(DIGITS_MAX)),
        };
        let whole = if self.is_empty() { Pattern::default() } else { Pattern::exact(caller) };
        let is_listed = move |pattern: Pattern| self.0.binary_search(&pattern).is_ok();
        let exact = (!caller.is_empty() && is_listed(whole)).then(|| caller.to_owned());
        let read = few.iter().filter(move |pattern| pattern.begins(whole)).map(|pattern| pattern.digits());
        let asked_for = (1..=longest).filter(move |length| is_listed(whole.beginning(*length)));
        exact.into_iter().chain(read.chain(asked_for).map(move |length| format!("{}*", &caller[..length])))
    }

    /// Whether nobody is on the list.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b01_a_number_and_a_beginning_are_matched_and_nothing_else() {
        let (patterns, wrong) = CallerPatterns::new(["13800138000", "021*", "abc", "*", ""]);
        assert_eq!(wrong, ["abc", "*", ""]);
        assert_eq!(patterns.matching("02161234567").as_deref(), Some("021*"));
        assert_eq!(patterns.matching("13800138000").as_deref(), Some("13800138000"));
        assert_eq!(patterns.matching("1380013800"), None);
        assert_eq!(patterns.matching(""), None);
    }

    #[test]
    fn b01_patterns_match_as_their_texts_do() {
        let written =
            ["0", "00", "0*", "019*", "1", "10", "12345678901234567890", "12345678901234567890*", "9*"];
        let callers =
            ["", "0", "00", "01", "0190", "018", "1", "10", "100", "9", "95588", "+86", "0+", "1:", "元9"];
        let long = [
            "12345678901234567890",
            "123456789012345678901",
            "1234567890123456789012",
            "1234567890123456789",
        ];
        // The whole is asked by length, its parts are read through.
        for written in [&written[..], &written[..FEW], &written[4..]] {
            let (patterns, wrong) = CallerPatterns::new(written.iter().copied());
            assert!(wrong.is_empty());
            for caller in callers.into_iter().chain(long) {
                let exact = written.iter().filter(|pattern| **pattern == caller);
                let begins =
                    |pattern: &&&str| pattern.strip_suffix('*').is_some_and(|it| caller.starts_with(it));
                let expected: Vec<&str> = exact.chain(written.iter().filter(begins)).copied().collect();
                assert_eq!(
                    patterns.all_matching(caller).collect::<Vec<_>>(),
                    expected,
                    "{caller} {written:?}"
                );
            }
        }
    }
}
