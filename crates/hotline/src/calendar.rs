//! Opening hours in Beijing time: weekly intervals to the minute, dated overrides, and China's holidays with their
//! make-up workdays (调休). It is told the time and refuses to know a clock.

mod date;
mod holidays;
mod hours;

pub use date::{Date, NotADate};
pub use holidays::{DayKind, HolidayDay, HolidayError, HolidayYears};
pub use hours::{HoursError, Interval};

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::time::{Beijing, Weekday};

/// When something is open: weekly hours, days that differ, and whether China's holidays count.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Schedule {
    /// Intervals of Monday to Sunday; one that passes midnight belongs to the day it starts on.
    pub weekly: [Vec<Interval>; 7],
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
    /// The table that comes with the product.
    Shipped,
    /// A table that somebody imported.
    Own(Arc<HolidayYears>),
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

impl Schedule {
    /// Open at every hour of every day.
    pub fn always() -> Self {
        let whole = vec![Interval::whole_day()];
        Self { weekly: std::array::from_fn(|_| whole.clone()), ..Self::default() }
    }

    /// Whether it is open at an instant, and why.
    pub fn at(&self, at: Beijing) -> Verdict {
        let today = Date::of(at);
        let minute = at.minute_of_day();
        let yesterday = today.plus_days(-1);
        let (hours, why) = self.day(today);
        if let Some(interval) = hours.iter().find(|interval| interval.holds(minute)) {
            return Verdict { open: true, day: today, interval: Some(*interval), why };
        }
        let (late, late_why) = self.day(yesterday);
        match late.iter().find(|interval| interval.holds(minute + hours::DAY_MINUTES)) {
            Some(interval) => Verdict { open: true, day: yesterday, interval: Some(*interval), why: late_why },
            None => Verdict { open: false, day: today, interval: None, why },
        }
    }

    /// The hours of a date and where they come from: override, holiday, make-up workday or week, in this order.
    pub fn day(&self, date: Date) -> (&[Interval], Why) {
        if let Some(own) = self.overrides.get(&date) {
            return (&own.hours, Why::Override(own.name.clone()));
        }
        let weekday = date.weekday();
        match self.holiday(date).map(|day| (&day.name, day.kind)) {
            Some((name, DayKind::Off)) => (&[], Why::Holiday(name.clone())),
            Some((name, DayKind::Work { follows })) => {
                let follows = follows.unwrap_or(Weekday::Mon);
                (&self.weekly[follows as usize], Why::MakeUp { name: name.clone(), follows })
            }
            None => (&self.weekly[weekday as usize], Why::Weekly(weekday)),
        }
    }

    fn holiday(&self, date: Date) -> Option<&HolidayDay> {
        match &self.holidays {
            Holidays::Ignored => None,
            Holidays::Shipped => HolidayYears::shipped().day(date),
            Holidays::Own(years) => years.day(date),
        }
    }
}
