//! One opening interval of a day, to the minute, as people write it: `09:00-12:00`, `18:00-02:00`. Knows no dates.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Minutes of a day.
pub(super) const DAY_MINUTES: u16 = 1440;

/// From a minute (included) to a minute (excluded), counted from the midnight that begins its day. An end beyond
/// 1,440 lies on the next day.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval {
    start_minute: u16,
    end_minute: u16,
}

/// What is wrong with the text of an interval.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HoursError {
    /// No dash between two times.
    #[error("{0:?} is not an interval: write it as 09:00-18:00")]
    NoDash(String),
    /// One end is not a time of day.
    #[error("{0:?} is not a time of day: hours 00 to 23 (24:00 as an end), minutes 00 to 59")]
    NotATime(String),
    /// Start and end are the same minute.
    #[error("{0:?} is empty: write 00:00-24:00 for the whole day")]
    Empty(String),
    /// Two intervals of one day cover the same minute.
    #[error("{0} and {1} overlap")]
    Overlap(Interval, Interval),
}

impl Interval {
    /// `00:00-24:00`.
    pub fn whole_day() -> Self {
        Self { start_minute: 0, end_minute: DAY_MINUTES }
    }

    /// The first minute, below 1,440.
    pub fn start_minute(self) -> u16 {
        self.start_minute
    }

    /// The minute after the last, above the start; beyond 1,440 on the next day.
    pub fn end_minute(self) -> u16 {
        self.end_minute
    }

    /// Whether it holds a minute counted from the midnight that begins its day (so up to 2,879).
    pub fn holds(self, minute: u16) -> bool {
        (self.start_minute..self.end_minute).contains(&minute)
    }

    /// Reads the intervals of one day, sorts them and refuses overlaps.
    pub fn parse_day<T: AsRef<str>>(texts: &[T]) -> Result<Vec<Interval>, HoursError> {
        let mut day = texts.iter().map(|text| text.as_ref().parse()).collect::<Result<Vec<Interval>, _>>()?;
        day.sort();
        match day.windows(2).find(|pair| pair[1].start_minute < pair[0].end_minute) {
            Some(pair) => Err(HoursError::Overlap(pair[0], pair[1])),
            None => Ok(day),
        }
    }
}

/// `HH:MM` to minutes since midnight; 24:00 is taken.
fn read_minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once([':', '：'])?;
    let digits = |part: &str, most: usize| {
        (1..=most).contains(&part.len()).then_some(())?;
        part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse::<u16>().ok()).flatten()
    };
    let (hour, minute) = (digits(hour, 2)?, digits(minute, 2).filter(|_| minute.len() == 2)?);
    (minute < 60 && hour * 60 + minute <= DAY_MINUTES).then_some(hour * 60 + minute)
}

impl FromStr for Interval {
    type Err = HoursError;

    /// `09:00-12:00`, also with `~` or `–`; an end at or before its start is on the next day.
    fn from_str(text: &str) -> Result<Self, HoursError> {
        let (start, end) =
            text.split_once(['-', '~', '–', '～']).ok_or_else(|| HoursError::NoDash(text.to_owned()))?;
        let read =
            |part: &str| read_minute(part.trim()).ok_or_else(|| HoursError::NotATime(part.trim().to_owned()));
        let (start_minute, end) = (read(start)?, read(end)?);
        if start_minute == DAY_MINUTES {
            return Err(HoursError::NotATime(start.trim().to_owned()));
        }
        if start_minute == end {
            return Err(HoursError::Empty(text.to_owned()));
        }
        let end_minute = if end < start_minute { end + DAY_MINUTES } else { end };
        Ok(Self { start_minute, end_minute })
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = if self.end_minute > DAY_MINUTES { self.end_minute - DAY_MINUTES } else { self.end_minute };
        let clock = |minute: u16| (minute / 60, minute % 60);
        let ((h1, m1), (h2, m2)) = (clock(self.start_minute), clock(end));
        write!(f, "{h1:02}:{m1:02}-{h2:02}:{m2:02}")
    }
}

impl fmt::Debug for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Interval {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            (self.start_minute, self.end_minute).serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Interval {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom);
        }
        let (start_minute, end_minute) = <(u16, u16)>::deserialize(deserializer)?;
        let whole = start_minute < DAY_MINUTES
            && start_minute < end_minute
            && end_minute - start_minute <= DAY_MINUTES;
        whole
            .then_some(Self { start_minute, end_minute })
            .ok_or_else(|| serde::de::Error::custom("not an interval"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_an_interval_is_named() {
        let wrong = |text: &str| text.parse::<Interval>().unwrap_err();
        assert_eq!(wrong("0900"), HoursError::NoDash("0900".into()));
        assert_eq!(wrong("09:00-25:00"), HoursError::NotATime("25:00".into()));
        assert_eq!(wrong("09:60-12:00"), HoursError::NotATime("09:60".into()));
        assert_eq!(wrong("09:0-12:00"), HoursError::NotATime("09:0".into()));
        assert_eq!(wrong("24:00-02:00"), HoursError::NotATime("24:00".into()));
        assert_eq!(wrong("09:00-09:00"), HoursError::Empty("09:00-09:00".into()));
        let overlap = Interval::parse_day(&["13:00-18:00", "09:00-13:01"]).unwrap_err();
        assert_eq!(overlap.to_string(), "09:00-13:01 and 13:00-18:00 overlap");
    }

    #[test]
    fn intervals_read_back_and_pass_midnight() {
        for text in ["09:00-12:00", "00:00-24:00", "18:00-02:00", "22:30-00:00", "18:00-24:00"] {
            let interval: Interval = text.parse().unwrap();
            assert_eq!(interval.to_string().parse(), Ok(interval), "{text}");
            let bytes = postcard::to_allocvec(&interval).unwrap();
            assert_eq!(postcard::from_bytes::<Interval>(&bytes), Ok(interval));
        }
        let night: Interval = "18:00-02:00".parse().unwrap();
        assert!(night.holds(1080) && night.holds(1440 + 119) && !night.holds(1440 + 120) && !night.holds(60));
    }
}
