//! Time as values: a monotonic clock for durations, a wall clock for dates, and Beijing's calendar (+08:00, no summer
//! time since 1992). Nobody in this crate reads a clock.

use std::fmt;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

/// Milliseconds of the node's monotonic clock, continued after a restart from the journal's last fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Mono(pub u64);

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Wall(pub i64);

/// One instant by both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// For timers, waits and durations.
    pub mono: Mono,
    /// For dates, calendars, months and tariff versions.
    pub wall: Wall,
}

impl Mono {
    /// Milliseconds from `earlier` to this; zero if it is the later one.
    pub fn since_ms(self, earlier: Mono) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<u64> for Mono {
    type Output = Mono;
    fn add(self, ms: u64) -> Mono {
        Mono(self.0.saturating_add(ms))
    }
}

impl Sub<u64> for Mono {
    type Output = Mono;
    fn sub(self, ms: u64) -> Mono {
        Mono(self.0.saturating_sub(ms))
    }
}

impl Wall {
    /// The wall time of a monotonic instant, by the offset a call noted at its INVITE.
    pub fn of(mono: Mono, offset_ms: i64) -> Wall {
        Wall(mono.0 as i64 + offset_ms)
    }

    /// The date and time in Beijing.
    pub fn beijing(self) -> Beijing {
        Beijing::of(self)
    }
}

/// A day of the week, Monday first, as rules write them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Weekday {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Weekday {
    /// Monday to Sunday.
    pub const ALL: [Weekday; 7] =
        [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];

    /// The day before this one.
    pub fn previous(self) -> Weekday {
        Self::ALL[(self as usize + 6) % 7]
    }
}

/// A date and time of day in Beijing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Beijing {
    /// Year, such as 2026.
    pub year: i32,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// Milliseconds since midnight, below 86,400,000.
    pub ms_of_day: u32,
}

const OFFSET_MS: i64 = 8 * 3_600_000;
const DAY_MS: i64 = 86_400_000;

impl Beijing {
    /// Midnight of a date; the date is taken as given, so check what people typed first.
    pub fn date(year: i32, month: u8, day: u8) -> Self {
        Self { year, month, day, ms_of_day: 0 }
    }

    fn of(wall: Wall) -> Self {
        let local = wall.0 + OFFSET_MS;
        let (year, month, day) = civil_from_days(local.div_euclid(DAY_MS));
        Self { year, month, day, ms_of_day: local.rem_euclid(DAY_MS) as u32 }
    }

    /// The instant.
    pub fn wall(self) -> Wall {
        Wall(
            days_from_civil(self.year, self.month, self.day) * DAY_MS + i64::from(self.ms_of_day) - OFFSET_MS,
        )
    }

    /// Days since 1970-01-01, in Beijing's calendar.
    pub fn day_number(self) -> i64 {
        days_from_civil(self.year, self.month, self.day)
    }

    /// The day of the week.
    pub fn weekday(self) -> Weekday {
        Weekday::ALL[(self.day_number() + 3).rem_euclid(7) as usize]
    }

    /// Whole minutes since midnight, 0 to 1,439.
    pub fn minute_of_day(self) -> u16 {
        (self.ms_of_day / 60_000) as u16
    }

    /// The billing month as year × 100 + month, such as 202610.
    pub fn billing_month(self) -> u32 {
        self.year as u32 * 100 + u32::from(self.month)
    }

    /// Reads `2026-10-10`, `2026-10-10T09:30` or `2026-10-10T09:30:15` (also with a space), taken as Beijing time.
    pub fn parse(text: &str) -> Option<Self> {
        let (date, time) = match text.split_once(['T', ' ']) {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let mut parts = date.split('-').map(|part| part.parse::<u32>().ok());
        let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
        let made = Self::date(year as i32, u8::try_from(month).ok()?, u8::try_from(day).ok()?);
        let back = civil_from_days(made.day_number());
        if parts.next().is_some()
            || back != (made.year, made.month, made.day)
            || !(1970..10_000).contains(&year)
        {
            return None;
        }
        Some(Self { ms_of_day: time.map_or(Some(0), parse_time)?, ..made })
    }
}

/// `HH:MM` or `HH:MM:SS` to milliseconds since midnight.
fn parse_time(text: &str) -> Option<u32> {
    let mut parts = text.split(':').map(|part| part.parse::<u32>().ok());
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = match parts.next() {
        Some(second) => second?,
        None => 0,
    };
    let fits = parts.next().is_none() && hour < 24 && minute < 60 && second < 60;
    fits.then_some(((hour * 60 + minute) * 60 + second) * 1000)
}

/// Days since 1970-01-01 of a proleptic Gregorian date (the era arithmetic of 400-year cycles).
fn days_from_civil(year: i32, month: u8, day: u8) -> i64 {
    let year = i64::from(year) - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (i64::from(month) + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: i64) -> (i32, u8, u8) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u8;
    let month = (if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 }) as u8;
    ((year_of_era + era * 400) as i32 + i32::from(month <= 2), month, day)
}

impl fmt::Display for Beijing {
    /// `2026-10-10 09:30:00`, Beijing time to the second (row D01).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.ms_of_day / 1000;
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(f, "{:04}-{:02}-{:02} {hour:02}:{minute:02}:{second:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn month_end_is_beijings() {
        let last = Beijing::parse("2026-10-31T23:59:59").unwrap().wall();
        assert_eq!(last.beijing().billing_month(), 202_610);
        assert_eq!(Wall(last.0 + 1000).beijing().billing_month(), 202_611);
        assert_eq!(Wall(last.0 + 1000).beijing().to_string(), "2026-11-01 00:00:00");
    }

    #[test]
    fn weekdays_and_leap_days() {
        assert_eq!(Beijing::date(2026, 10, 10).weekday(), Weekday::Sat);
        assert_eq!(Beijing::date(1970, 1, 1).weekday(), Weekday::Thu);
        assert!(Beijing::parse("2024-02-29").is_some() && Beijing::parse("2026-02-29").is_none());
        assert_eq!(Weekday::Mon.previous(), Weekday::Sun);
    }

    #[test]
    fn every_day_of_three_centuries_reads_back() {
        for day in 0..110_000 {
            let date = Wall(day * DAY_MS).beijing();
            assert_eq!(date.day_number(), day);
            assert_eq!(date.wall(), Wall(day * DAY_MS));
        }
    }
}
