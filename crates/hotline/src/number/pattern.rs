//! Digit patterns of 400 numbers in the trade's spelling, such as `400K**AABB`. Knows digits, not classes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::HotlineNumber;

/// What the letters of a pattern stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Letters {
    /// Equal letters are equal digits.
    Equal,
    /// The letters of the alphabet are digits that rise by one: `ABC` is 123, `CBA` 321. 890 does not go on.
    Run,
}

/// A pattern, read: what each of the seven digits after 400 must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern {
    places: [Place; 7],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Any,
    Digit(u8),
    /// 0 is A.
    Letter(u8),
}

/// The text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no pattern: 400, then K or a digit, then six of *, digits and the letters A to F")]
pub struct PatternError(pub String);

const LETTERS: usize = 6;

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let wrong = || PatternError(text.to_owned());
        let after = text.strip_prefix("400").filter(|after| after.len() == 7).ok_or_else(wrong)?;
        let mut places = [Place::Any; 7];
        for (at, byte) in after.bytes().enumerate() {
            places[at] = match (at, byte) {
                (0, b'K') | (1.., b'*') => Place::Any,
                (_, b'0'..=b'9') => Place::Digit(byte - b'0'),
                (1.., b'A'..=b'F') => Place::Letter(byte - b'A'),
                _ => return Err(wrong()),
            };
        }
        Ok(Self { places })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("400")?;
        for (at, place) in self.places.iter().enumerate() {
            let letter = match place {
                Place::Any if at == 0 => 'K',
                Place::Any => '*',
                Place::Digit(digit) => char::from(b'0' + digit),
                Place::Letter(letter) => char::from(b'A' + letter),
            };
            write!(f, "{letter}")?;
        }
        Ok(())
    }
}

/// The seven digits after 400, first one first.
pub(super) fn digits_of(number: HotlineNumber) -> [u8; 7] {
    let mut rest = number.suffix();
    let mut digits = [0; 7];
    for digit in digits.iter_mut().rev() {
        *digit = (rest % 10) as u8;
        rest /= 10;
    }
    digits
}

impl Pattern {
    /// Whether a number has this pattern. With `distinct`, different letters must be different digits.
    pub fn holds(&self, number: HotlineNumber, letters: Letters, distinct: bool) -> bool {
        self.holds_digits(&digits_of(number), letters, distinct)
    }

    /// The positions after the segment digit, 1 to 6, that the pattern pins down.
    pub fn anchors(&self) -> Vec<u8> {
        (1..7).filter(|at| self.places[usize::from(*at)] != Place::Any).collect()
    }

    /// Whether every number has it.
    pub fn holds_all(&self) -> bool {
        self.places == [Place::Any; 7]
    }

    pub(super) fn holds_digits(&self, digits: &[u8; 7], letters: Letters, distinct: bool) -> bool {
        let mut values = [None; LETTERS];
        for (place, digit) in self.places.iter().zip(digits) {
            match place {
                Place::Any => {}
                Place::Digit(own) if own == digit => {}
                Place::Digit(_) => return false,
                Place::Letter(letter) => match values[usize::from(*letter)].replace(*digit) {
                    Some(earlier) if earlier != *digit => return false,
                    Some(_) | None => {}
                },
            }
        }
        match letters {
            Letters::Run => rises_by_one(&values),
            Letters::Equal => !distinct || all_differ(&values),
        }
    }
}

fn rises_by_one(values: &[Option<u8>; LETTERS]) -> bool {
    let mut before: Option<u8> = None;
    values.iter().flatten().all(|value| {
        let next = before.is_none_or(|before| before + 1 == *value);
        before = Some(*value);
        next
    })
}

fn all_differ(values: &[Option<u8>; LETTERS]) -> bool {
    let mut seen = 0u16;
    values.iter().flatten().all(|value| {
        let bit = 1 << value;
        let new = seen & bit == 0;
        seen |= bit;
        new
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_read_back_and_name_their_anchors() {
        for (text, anchors) in [
            ("400K***AAA", vec![4, 5, 6]),
            ("400K*AA*BB", vec![2, 3, 5, 6]),
            ("400K10****", vec![1, 2]),
            ("400695****", vec![1, 2]),
            ("400K******", vec![]),
        ] {
            let pattern: Pattern = text.parse().unwrap();
            assert_eq!((pattern.to_string().as_str(), pattern.anchors()), (text, anchors.clone()));
            assert_eq!(pattern.holds_all(), anchors.is_empty());
        }
        for wrong in [
            "",
            "400K***AA",
            "400K***AAAA",
            "400***AAA",
            "401K***AAA",
            "400K***aaa",
            "400K***AAG",
            "400K**中A",
        ] {
            assert_eq!(wrong.parse::<Pattern>(), Err(PatternError(wrong.into())));
        }
    }

    #[test]
    fn letters_are_equal_digits_or_a_run() {
        let holds = |text: &str, number: &str, letters, distinct| {
            text.parse::<Pattern>().unwrap().holds(number.parse().unwrap(), letters, distinct)
        };
        assert!(holds("400K**AABB", "4006121122", Letters::Equal, true));
        assert!(!holds("400K**AABB", "4006121111", Letters::Equal, true));
        assert!(holds("400K**AABB", "4006121111", Letters::Equal, false));
        assert!(holds("400K***ABC", "4006129123", Letters::Run, true));
        assert!(holds("400K***CBA", "4006129321", Letters::Run, true));
        for none in ["4006129890", "4006129901", "4006129135", "4006129012"] {
            assert_eq!(holds("400K***ABC", none, Letters::Run, true), none.ends_with("012"), "{none}");
        }
    }
}
