//! A date of Beijing's calendar without a time of day, as small as a number. It knows nothing of holidays.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::time::{Beijing, Wall, Weekday};

/// A date in Beijing: days since 1970-01-01. Written `2026-10-10` where people read it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(i32);

/// The text is not a date.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a date: write it as 2026-10-10")]
pub struct NotADate(pub String);

impl Date {
    /// The date of an instant.
    pub fn of(at: Beijing) -> Self {
        Self(at.day_number() as i32)
    }

    /// A date from its parts, which are taken as given.
    pub fn new(year: i32, month: u8, day: u8) -> Self {
        Self::of(Beijing::date(year, month, day))
    }

    /// Midnight at the start of the date.
    pub fn midnight(self) -> Beijing {
        const DAY_MS: i64 = 86_400_000;
        const BEIJING_MS: i64 = 8 * 3_600_000;
        Wall(i64::from(self.0) * DAY_MS - BEIJING_MS).beijing()
    }

    /// The date so many days later, or earlier if negative.
    pub fn plus_days(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// The day of the week.
    pub fn weekday(self) -> Weekday {
        Weekday::ALL[(self.0 + 3).rem_euclid(7) as usize]
    }

    /// The year, such as 2026.
    pub fn year(self) -> i32 {
        self.midnight().year
    }
}

impl FromStr for Date {
    type Err = NotADate;

    fn from_str(text: &str) -> Result<Self, NotADate> {
        let shaped = text.len() == 10 && text.is_ascii();
        let date = if shaped { Beijing::parse(text) } else { None };
        date.map(Self::of).ok_or_else(|| NotADate(text.to_owned()))
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.midnight();
        write!(f, "{:04}-{:02}-{:02}", at.year, at.month, at.day)
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
        } else {
            i32::deserialize(deserializer).map(Self)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_read_back_and_have_weekdays() {
        let date: Date = "2026-10-10".parse().unwrap();
        assert_eq!((date.to_string().as_str(), date.weekday()), ("2026-10-10", Weekday::Sat));
        assert_eq!(date, Date::new(2026, 10, 10));
        assert_eq!(date.plus_days(90).to_string(), "2027-01-08");
        for wrong in ["2026-10-32", "2026-1-1", "2026-10-10T00:00", "10-10", ""] {
            assert_eq!(wrong.parse::<Date>(), Err(NotADate(wrong.to_owned())));
        }
    }
}
