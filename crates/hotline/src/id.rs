//! Names of things: tenants, 400 numbers, calls, plans, recordings. Each is its own type, so that one cannot be
//! passed for another.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes the text as it is; it is the reader of a document who checks its form.
            pub fn new(text: &str) -> Self {
                Self(Arc::from(text))
            }

            /// The text itself, as stored and shown.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(|text| Self(Arc::from(text)))
            }
        }
    };
}

text_id! {
    /// An enterprise, by its short name: `[a-z0-9-]{2,32}`. [`TenantId::provider`] owns what belongs to no enterprise.
    TenantId
}

text_id! {
    /// A tariff plan's name, such as `T1` or `T2a` (FEATURES.md 2.4).
    PlanId
}

impl TenantId {
    /// The owner of records of numbers that no enterprise holds (an INVITE that names an unassigned 400 number).
    pub fn provider() -> Self {
        Self::new("provider")
    }
}

/// A 400 number: `400` and seven digits (seed 001:2). Held as the seven digits, 0 to 9,999,999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HotlineNumber(u32);

/// The text is not `400` followed by seven digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a 400 number is 400 and seven digits, ten in all")]
pub struct NotAHotlineNumber;

impl HotlineNumber {
    /// The number whose last seven digits are `suffix`; `None` from 10,000,000 up.
    pub fn from_suffix(suffix: u32) -> Option<Self> {
        (suffix < 10_000_000).then_some(Self(suffix))
    }

    /// The seven digits after 400.
    pub fn suffix(self) -> u32 {
        self.0
    }

    /// As people read it: `400-612-3456`.
    pub fn grouped(self) -> String {
        format!("400-{:03}-{:04}", self.0 / 10_000, self.0 % 10_000)
    }
}

impl FromStr for HotlineNumber {
    type Err = NotAHotlineNumber;

    /// Accepts `400` + seven digits and nothing else; separators are the business of whoever reads a person's input.
    fn from_str(text: &str) -> Result<Self, NotAHotlineNumber> {
        let suffix = text.strip_prefix("400").ok_or(NotAHotlineNumber)?;
        if suffix.len() != 7 || !suffix.bytes().all(|b| b.is_ascii_digit()) {
            return Err(NotAHotlineNumber);
        }
        suffix.parse().map(Self).map_err(|_| NotAHotlineNumber)
    }
}

impl fmt::Display for HotlineNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "400{:07}", self.0)
    }
}

impl fmt::Debug for HotlineNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// 26 characters of Crockford's base 32, which sort as the 128-bit numbers do.
const BASE32: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

fn write_base32(value: u128, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut text = [0u8; 26];
    for (place, byte) in text.iter_mut().enumerate() {
        let shift = 5 * (25 - place) as u32;
        *byte = BASE32[((value >> shift) & 31) as usize];
    }
    f.write_str(std::str::from_utf8(&text).expect("the alphabet is ASCII"))
}

fn read_base32(text: &str) -> Option<u128> {
    if text.len() != 26 {
        return None;
    }
    text.bytes().try_fold(0u128, |value, byte| {
        let digit = BASE32.iter().position(|b| *b == byte.to_ascii_lowercase())? as u128;
        value.checked_mul(32)?.checked_add(digit)
    })
}

macro_rules! wide_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u128);

        impl $name {
            /// An id that sorts by its birth: 48 bits of wall milliseconds, then 80 bits given by the caller.
            pub fn at(wall_ms: i64, low: u128) -> Self {
                Self(((wall_ms.max(0) as u128) << 80) | (low & ((1 << 80) - 1)))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_base32(self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_base32(self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                read_base32(text).map(Self).ok_or(NotAnId)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    self.0.serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = String::deserialize(deserializer)?;
                    text.parse().map_err(serde::de::Error::custom)
                } else {
                    u128::deserialize(deserializer).map(Self)
                }
            }
        }
    };
}

/// The text is not an id of 26 base-32 characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id is 26 characters of base 32")]
pub struct NotAnId;

wide_id! {
    /// One customer call, from its INVITE to its record. Sorts by arrival; shown as 26 characters.
    CallId
}

wide_id! {
    /// One recording. The file's name, and the only thing a path is made of.
    RecordingId
}

impl RecordingId {
    /// The recording of a call's talk.
    pub fn of_talk(call: CallId) -> Self {
        Self(call.0)
    }

    /// The recording of a message that a caller left, the so-manieth of its call: as unique as the call's own.
    pub fn of_message(call: CallId, place: u8) -> Self {
        Self(call.0 ^ ((u128::from(place) + 1) << 72))
    }
}

impl Serialize for HotlineNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for HotlineNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
        } else {
            let suffix = u32::deserialize(deserializer)?;
            Self::from_suffix(suffix).ok_or_else(|| serde::de::Error::custom(NotAHotlineNumber))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n01_ten_digits_starting_400_and_nothing_else() {
        let number: HotlineNumber = "4006123456".parse().unwrap();
        assert_eq!(number.to_string(), "4006123456");
        assert_eq!(number.grouped(), "400-612-3456");
        for wrong in ["400612345", "40061234567", "8006123456", "400612345a", "400-612-3456", ""] {
            assert_eq!(wrong.parse::<HotlineNumber>(), Err(NotAHotlineNumber), "{wrong}");
        }
    }

    #[test]
    fn call_ids_sort_by_birth_and_read_back() {
        let early = CallId::at(1_000, u128::MAX);
        let late = CallId::at(1_001, 0);
        assert!(early < late && early.to_string() < late.to_string());
        assert_eq!(late.to_string().parse::<CallId>(), Ok(late));
    }
}
