//! Opening hours in Beijing time: weekly intervals to the minute, dated overrides, and China's holidays with their
//! make-up workdays (调休). It is told the time and refuses to know a clock.

mod date;
mod holidays;
mod hours;
mod published;
mod week;

pub use date::{Date, NotADate};
pub use holidays::{DayKind, HolidayDay, HolidayError, HolidayYears};
pub use hours::{HoursError, Interval};
pub use published::{PublishedError, PublishedYear};
pub use week::Week;

use hours::DAY_MINUTES;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::{Beijing, Weekday};

/// When something is open: weekly hours, days that differ, and whether China's holidays count.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Schedule {
    /// Intervals of Monday to Sunday; one that passes midnight belongs to the day it starts on.
    pub weekly: Week,
    /// Days that differ from the week; they beat holidays too.
    pub overrides: BTreeMap<Date, DayOverride>,
    /// Which holiday table applies.
    pub holidays: Holidays,
}

/// Which holiday table a schedule follows.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holidays {
    /// None: a holiday is a day like any other.
    #[default]
    Ignored,
    /// The published yearly table in force: what comes with the product, with the years that were imported since.
    #[serde(rename = "shipped")]
    Published,
}

/// What one date has instead of its weekly hours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayOverride {
    /// Why, as people wrote it, such as `年会`; may be empty.
    pub name: String,
    /// The hours of that day; empty means closed all day.
    pub hours: Vec<Interval>,
}

/// Open or closed at an instant, with the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether it is open.
    pub open: bool,
    /// The date whose hours decided: yesterday's, after midnight of an interval that passes it.
    pub day: Date,
    /// The interval that holds the instant; `None` when closed.
    pub interval: Option<Interval>,
    /// Where the hours of that day came from.
    pub why: Why,
}

/// Where a day's hours came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The weekly hours of this weekday.
    Weekly(Weekday),
    /// An override of this date, by its name.
    Override(String),
    /// A public holiday, by its name: closed.
    Holiday(String),
    /// A make-up workday of this holiday, with the hours of the weekday it follows.
    MakeUp {
        /// The holiday that it makes up for.
        name: String,
        /// The weekday whose hours apply.
        follows: Weekday,
    },
}

impl Why {
    /// In words; those of an ordinary day are made once for all.
    pub fn words(&self) -> Cow<'static, str> {
        match self {
            Why::Weekly(day) => hours_of(*day).into(),
            Why::Override(name) if name.is_empty() => "hours of this date".into(),
            Why::Override(name) => format!("hours of this date ({name})").into(),
            Why::Holiday(name) => format!("holiday ({name})").into(),
            Why::MakeUp { name, follows } => {
                format!("make-up workday ({name}), {}", hours_of(*follows)).into()
            }
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.interval {
            Some(interval) => write!(f, "open {interval}, {} {}", self.day, self.why),
            None => write!(f, "closed, {} {}", self.day, self.why),
        }
    }
}

fn day_name(day: Weekday) -> &'static str {
    hours_of(day).trim_start_matches("hours of ")
}

fn hours_of(day: Weekday) -> &'static str {
    [
        "hours of mon",
        "hours of tue",
        "hours of wed",
        "hours of thu",
        "hours of fri",
        "hours of sat",
        "hours of sun",
    ][day as usize]
}

impl Schedule {
    /// Open at every hour of every day.
    pub fn always() -> Self {
        Self { weekly: Week::of_every_day(&[Interval::whole_day()]), ..Self::default() }
    }

    /// Whether it is open at an instant, and why. An interval of yesterday that passes midnight holds even where today
    /// is closed: it belongs to yesterday.
    pub fn at(&self, at: Beijing, years: &HolidayYears) -> Verdict {
        let today = Date::of(at);
        let minute = at.minute_of_day();
        let yesterday = today.plus_days(-1);
        let (hours, why) = self.day(today, years);
        if let Some(interval) = hours.iter().find(|interval| interval.holds(minute)) {
            return Verdict { open: true, day: today, interval: Some(*interval), why };
        }
        let (late, late_why) = self.day(yesterday, years);
        match late.iter().find(|interval| interval.holds(minute + DAY_MINUTES)) {
            Some(interval) => {
                Verdict { open: true, day: yesterday, interval: Some(*interval), why: late_why }
            }
            None => Verdict { open: false, day: today, interval: None, why },
        }
    }

    /// The hours of a date and where they come from: override, holiday, make-up workday or week, in this order.
    pub fn day(&self, date: Date, years: &HolidayYears) -> (&[Interval], Why) {
        if let Some(own) = self.overrides.get(&date) {
            return (&own.hours, Why::Override(own.name.clone()));
        }
        let weekday = date.weekday();
        match self.holiday(date, years).map(|day| (&day.name, day.kind)) {
            Some((name, DayKind::Off)) => (&[], Why::Holiday(name.clone())),
            Some((name, DayKind::Work { follows })) => {
                let follows = follows.unwrap_or(Weekday::Mon);
                (self.weekly.day(follows), Why::MakeUp { name: name.clone(), follows })
            }
            None => (self.weekly.day(weekday), Why::Weekly(weekday)),
        }
    }

    /// The next instant at which it opens or closes; `None` if that is not within 400 days.
    pub fn next_change_after(&self, at: Beijing, years: &HolidayYears) -> Option<Beijing> {
        let open = self.at(at, years).open;
        let today = Date::of(at);
        (0..=400)
            .flat_map(|days| self.boundaries(today.plus_days(days), years))
            .find(|then| *then > at && self.at(*then, years).open != open)
    }

    /// The instants of a date at which an interval begins or ends, sorted.
    fn boundaries(&self, date: Date, years: &HolidayYears) -> Vec<Beijing> {
        let own = self
            .day(date, years)
            .0
            .iter()
            .flat_map(|interval| [interval.start_minute(), interval.end_minute()]);
        let late = self.day(date.plus_days(-1), years).0.iter().map(|interval| interval.end_minute());
        let mut minutes: Vec<u16> = own.filter(|minute| *minute < DAY_MINUTES).collect();
        minutes.extend(late.filter_map(|minute| minute.checked_sub(DAY_MINUTES)));
        minutes.sort_unstable();
        let midnight = date.midnight();
        minutes.iter().map(|minute| Beijing { ms_of_day: u32::from(*minute) * 60_000, ..midnight }).collect()
    }

    fn holiday<'y>(&self, date: Date, years: &'y HolidayYears) -> Option<&'y HolidayDay> {
        match &self.holidays {
            Holidays::Ignored => None,
            Holidays::Published => years.day(date),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(texts: &[&str]) -> Vec<Interval> {
        Interval::parse_day(texts).unwrap()
    }

    /// Monday to Friday 09:00-12:00 and 13:00-18:00, Saturday night 18:00-02:00, with the shipped holidays.
    fn office() -> Schedule {
        let work = hours(&["09:00-12:00", "13:00-18:00"]);
        let weekly = Week::of_every_day(&work);
        let weekly = weekly.with(Weekday::Sat, &hours(&["18:00-02:00"])).with(Weekday::Sun, &[]);
        Schedule { weekly, holidays: Holidays::Published, ..Schedule::default() }
    }

    fn open(schedule: &Schedule, at: &str) -> bool {
        schedule.at(Beijing::parse(at).unwrap(), HolidayYears::shipped()).open
    }

    #[test]
    fn r09_the_last_second_is_open_and_the_next_is_not() {
        let office = office();
        for (at, expected) in [
            ("2026-11-23T08:59:59", false),
            ("2026-11-23T09:00:00", true),
            ("2026-11-23T11:59:59", true),
            ("2026-11-23T12:00:00", false),
            ("2026-11-23T13:00:00", true),
            ("2026-11-23T17:59:59", true),
            ("2026-11-23T18:00:00", false),
        ] {
            assert_eq!(open(&office, at), expected, "{at}");
        }
    }

    #[test]
    fn r09_an_interval_past_midnight_belongs_to_the_day_it_starts() {
        let office = office();
        let verdict = office.at(Beijing::parse("2026-11-29T01:59:59").unwrap(), HolidayYears::shipped());
        assert_eq!(
            (verdict.open, verdict.day, verdict.why),
            (true, Date::new(2026, 11, 28), Why::Weekly(Weekday::Sat))
        );
        assert!(!open(&office, "2026-11-29T02:00:00"));
        assert!(!open(&office, "2026-11-28T01:00:00"), "Friday has no late hours");
        assert!(open(&office, "2026-11-28T23:59:59") && open(&office, "2026-11-29T00:00:00"));
    }

    #[test]
    fn r09_the_whole_day_has_no_seam_at_midnight() {
        let always = Schedule::always();
        assert!(open(&always, "2026-11-28T23:59:59") && open(&always, "2026-11-29T00:00:00"));
        let until_midnight =
            Schedule { weekly: Week::of_every_day(&hours(&["20:00-00:00"])), ..Schedule::default() };
        assert!(
            open(&until_midnight, "2026-11-28T23:59:59") && !open(&until_midnight, "2026-11-29T00:00:00")
        );
        assert_eq!(always.next_change_after(Beijing::date(2026, 11, 28), HolidayYears::shipped()), None);
    }

    #[test]
    fn r24_make_up_saturdays_are_open_and_the_holiday_is_closed() {
        let office = office();
        for day in ["2026-02-14", "2026-10-10"] {
            let verdict =
                office.at(Beijing::parse(&format!("{day}T09:00")).unwrap(), HolidayYears::shipped());
            assert!(verdict.open, "{day}");
            assert!(matches!(verdict.why, Why::MakeUp { follows: Weekday::Mon, .. }), "{day}");
            assert!(!open(&office, &format!("{day}T18:00")), "{day}: the hours of Monday, not of Saturday");
        }
        for day in 1..=7 {
            let verdict = office.at(
                Beijing { ms_of_day: 36_000_000, ..Beijing::date(2026, 10, day) },
                HolidayYears::shipped(),
            );
            assert_eq!((verdict.open, verdict.why), (false, Why::Holiday("国庆节".into())), "{day}");
        }
        let plain = Schedule { holidays: Holidays::Ignored, ..office };
        assert!(open(&plain, "2026-10-01T09:00") && !open(&plain, "2026-10-10T09:00"));
    }

    #[test]
    fn r24_a_make_up_day_follows_the_weekday_that_is_announced() {
        let years = HolidayYears::parse_csv("2027-02-13,work:fri,春节").unwrap();
        let mut office = office();
        office.weekly = office.weekly.with(Weekday::Fri, &hours(&["10:00-11:00"]));
        let open = |at: &str| office.at(Beijing::parse(at).unwrap(), &years).open;
        assert!(open("2027-02-13T10:59:59") && !open("2027-02-13T09:30"));
    }

    #[test]
    fn r23_an_override_beats_week_and_holiday() {
        let mut office = office();
        let own = |name: &str, texts: &[&str]| DayOverride { name: name.into(), hours: hours(texts) };
        office.overrides.insert(Date::new(2026, 10, 1), own("值班", &["10:00-11:00"]));
        office.overrides.insert(Date::new(2026, 11, 23), own("年会", &[]));
        office.overrides.insert(Date::new(2026, 11, 29), own("", &[]));
        let verdict = office.at(Beijing::parse("2026-10-01T10:30").unwrap(), HolidayYears::shipped());
        assert_eq!((verdict.open, verdict.why), (true, Why::Override("值班".into())));
        assert!(!open(&office, "2026-11-23T10:00"));
        assert!(open(&office, "2026-11-29T01:00"), "Saturday's night goes on into the closed Sunday");
    }

    #[test]
    fn r09_the_next_change_is_the_first_second_that_differs() {
        let mut office = office();
        office.weekly = office.weekly.with(Weekday::Fri, &hours(&["09:00-12:00", "12:00-18:00"]));
        for (at, change) in [
            ("2026-11-23T08:00", "2026-11-23T09:00"),
            ("2026-11-23T09:00", "2026-11-23T12:00"),
            ("2026-11-27T09:00", "2026-11-27T18:00"),
            ("2026-11-28T19:00", "2026-11-29T02:00"),
            ("2026-09-30T18:00", "2026-10-08T09:00"),
        ] {
            let next = office.next_change_after(Beijing::parse(at).unwrap(), HolidayYears::shipped());
            assert_eq!(next, Beijing::parse(change), "{at}");
        }
    }

    #[test]
    fn schedules_survive_a_snapshot_and_are_readable() {
        let mut office = office();
        office.overrides.insert(
            Date::new(2026, 10, 1),
            DayOverride { name: "值班".into(), hours: hours(&["10:00-11:00"]) },
        );
        let bytes = postcard::to_allocvec(&office).unwrap();
        assert_eq!(postcard::from_bytes::<Schedule>(&bytes).unwrap(), office);
        let json = serde_json::to_value(&office).unwrap();
        assert_eq!(json["overrides"]["2026-10-01"]["hours"][0], "10:00-11:00");
        assert_eq!(serde_json::from_value::<Schedule>(json).unwrap(), office);
    }

    #[test]
    fn a_verdict_says_why_in_words() {
        let office = office();
        let words = |at: &str| office.at(Beijing::parse(at).unwrap(), HolidayYears::shipped()).to_string();
        assert_eq!(words("2026-10-01T10:00"), "closed, 2026-10-01 holiday (国庆节)");
        assert_eq!(
            words("2026-10-10T10:00"),
            "open 09:00-12:00, 2026-10-10 make-up workday (国庆节), hours of mon"
        );
    }
}
