//! Money in 1/10,000 yuan, exact, signed. No floating point comes near it.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An amount in 1/10,000 yuan (columns end in `_e4`). In JSON a string in yuan with at least two decimals.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Money(pub i64);

/// The text is not an amount in yuan with at most four decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an amount is written in yuan with at most four decimals, such as 0.66")]
pub struct NotMoney;

impl Money {
    /// Nothing.
    pub const ZERO: Money = Money(0);

    /// So many fen (1/100 yuan).
    pub const fn from_fen(fen: i64) -> Self {
        Self(fen * 100)
    }

    /// The amount times a count; saturates, which no real sum reaches.
    pub const fn times(self, count: i64) -> Self {
        Self(self.0.saturating_mul(count))
    }

    /// Whether anything is owed or owned at all.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (yuan, rest) = (self.0.unsigned_abs() / 10_000, self.0.unsigned_abs() % 10_000);
        match (rest % 100, rest % 10) {
            (0, _) => write!(f, "{sign}{yuan}.{:02}", rest / 100),
            (_, 0) => write!(f, "{sign}{yuan}.{:03}", rest / 10),
            _ => write!(f, "{sign}{yuan}.{rest:04}"),
        }
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "¥{self}")
    }
}

impl FromStr for Money {
    type Err = NotMoney;

    fn from_str(text: &str) -> Result<Self, NotMoney> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (yuan, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
        let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !all_digits(yuan) || !all_digits(decimals) || decimals.len() > 4 {
            return Err(NotMoney);
        }
        let yuan: i64 = yuan.parse().map_err(|_| NotMoney)?;
        let rest: i64 = format!("{decimals:0<4}").parse().map_err(|_| NotMoney)?;
        let amount = yuan.checked_mul(10_000).and_then(|e4| e4.checked_add(rest)).ok_or(NotMoney)?;
        Ok(Self(if negative { -amount } else { amount }))
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
        } else {
            i64::deserialize(deserializer).map(Self)
        }
    }
}

impl Add for Money {
    type Output = Money;
    fn add(self, other: Money) -> Money {
        Money(self.0.saturating_add(other.0))
    }
}

impl Sub for Money {
    type Output = Money;
    fn sub(self, other: Money) -> Money {
        Money(self.0.saturating_sub(other.0))
    }
}

impl Neg for Money {
    type Output = Money;
    fn neg(self) -> Money {
        Money(self.0.saturating_neg())
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Money) {
        *self = *self + other;
    }
}

impl SubAssign for Money {
    fn sub_assign(&mut self, other: Money) {
        *self = *self - other;
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Money>>(amounts: I) -> Money {
        amounts.fold(Money::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_in_yuan_with_at_least_two_decimals() {
        for (e4, text) in
            [(6600, "0.66"), (0, "0.00"), (-3000, "-0.30"), (12_345, "1.2345"), (12_340, "1.234")]
        {
            assert_eq!(Money(e4).to_string(), text);
            assert_eq!(text.parse(), Ok(Money(e4)));
        }
    }

    #[test]
    fn what_is_not_an_amount_is_refused() {
        for text in ["", ".5", "1.", "1.23456", "1e3", "--1", "+1", "99999999999999999999"] {
            assert_eq!(text.parse::<Money>(), Err(NotMoney), "{text}");
        }
    }
}
