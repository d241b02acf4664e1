//! China's public holidays and make-up workdays by date, as the State Council announces them for each year.
//! A table of data with a reader; it knows no hours.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::date::{Date, NotADate};
use super::day_name;
use crate::time::Weekday;

/// Holidays and make-up workdays of the years that are known, sorted by date.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HolidayYears {
    days: Vec<HolidayDay>,
}

/// One announced day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HolidayDay {
    /// The date.
    pub date: Date,
    /// Off, or a workday in exchange.
    pub kind: DayKind,
    /// The holiday, such as `国庆节`.
    pub name: String,
}

/// What an announced day is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DayKind {
    /// A day off.
    Off,
    /// A workday on a weekend (调休).
    Work {
        /// The weekday whose hours it follows, where the announcement says; otherwise Monday's.
        follows: Option<Weekday>,
    },
}

/// What is wrong with a line of a holiday file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HolidayError {
    /// Not `date,kind,name`.
    #[error("line {line}: expected date,kind,name")]
    Shape {
        /// Counted from 1.
        line: usize,
    },
    /// The first column is not a date.
    #[error("line {line}: {error}")]
    Date {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        error: NotADate,
    },
    /// The second column is none of the known kinds.
    #[error("line {line}: {kind:?} is neither off, work nor work:mon … work:sun")]
    Kind {
        /// Counted from 1.
        line: usize,
        /// As written.
        kind: String,
    },
    /// A date stands twice.
    #[error("line {line}: {date} stands twice")]
    Twice {
        /// Counted from 1.
        line: usize,
        /// The date.
        date: Date,
    },
}

static SHIPPED: LazyLock<HolidayYears> = LazyLock::new(|| {
    HolidayYears::parse_csv(include_str!("../../../../data/holidays.csv"))
        .expect("the shipped file is read by a test of this module")
});

impl HolidayYears {
    /// The table that comes with the product (`data/holidays.csv`), 2004 to 2026.
    pub fn shipped() -> &'static Self {
        &SHIPPED
    }

    /// Reads `date,kind,name` lines, where kind is `off`, `work`, or `work:fri` for a make-up workday whose weekday is
    /// announced; a header line, blank lines and `#` remarks are passed over. Every wrong line is reported.
    pub fn parse_csv(text: &str) -> Result<Self, Vec<HolidayError>> {
        let (mut days, mut errors) = (BTreeMap::new(), Vec::new());
        for (line, row) in text.trim_start_matches('\u{feff}').lines().map(str::trim).enumerate() {
            if row.is_empty() || row.starts_with('#') || row.starts_with("date,") {
                continue;
            }
            let line = line + 1;
            match read_day(row, line) {
                Err(error) => errors.push(error),
                Ok(HolidayDay { date, .. }) if days.contains_key(&date) => {
                    errors.push(HolidayError::Twice { line, date });
                }
                Ok(day) => drop(days.insert(day.date, day)),
            }
        }
        if errors.is_empty() { Ok(Self { days: days.into_values().collect() }) } else { Err(errors) }
    }

    /// This table with the years of another one in place of its own: how a new year's file is taken in.
    pub fn with_years_of(&self, newer: &HolidayYears) -> Self {
        let kept = self.days.iter().filter(|day| !newer.covers(day.date.year()));
        let mut days: Vec<HolidayDay> = kept.chain(&newer.days).cloned().collect();
        days.sort_by_key(|day| day.date);
        Self { days }
    }

    /// What was announced for a date; most dates have nothing.
    pub fn day(&self, date: Date) -> Option<&HolidayDay> {
        self.days.binary_search_by_key(&date, |day| day.date).ok().map(|place| &self.days[place])
    }

    /// Every announced day, by date.
    pub fn days(&self) -> &[HolidayDay] {
        &self.days
    }

    /// Whether a year was announced. In a year that was not, every day is a plain day of the week.
    pub fn covers(&self, year: i32) -> bool {
        let next = self.days.partition_point(|day| day.date < Date::new(year, 1, 1));
        self.days.get(next).is_some_and(|day| day.date.year() == year)
    }

    /// In December, the next year if nobody has taken in its file yet (row R24).
    pub fn missing_next_year(&self, today: Date) -> Option<i32> {
        let next = today.year() + 1;
        (today >= Date::new(next - 1, 12, 1) && !self.covers(next)).then_some(next)
    }

    /// Whether a date is a working day: Monday to Friday, but for days off and make-up workdays.
    pub fn is_working_day(&self, date: Date) -> bool {
        match self.day(date).map(|day| day.kind) {
            Some(DayKind::Off) => false,
            Some(DayKind::Work { .. }) => true,
            None => !matches!(date.weekday(), Weekday::Sat | Weekday::Sun),
        }
    }

    /// The so-manieth working day after a date, which itself does not count; the date itself for 0.
    pub fn add_working_days(&self, from: Date, days: u32) -> Date {
        let mut date = from;
        for _ in 0..days {
            date = date.plus_days(1);
            while !self.is_working_day(date) {
                date = date.plus_days(1);
            }
        }
        date
    }
}

fn read_day(row: &str, line: usize) -> Result<HolidayDay, HolidayError> {
    let mut columns = row.split(',').map(str::trim);
    let mut next = || columns.next().ok_or(HolidayError::Shape { line });
    let (date, kind, name) = (next()?, next()?, next()?);
    if columns.next().is_some() {
        return Err(HolidayError::Shape { line });
    }
    let date = date.parse().map_err(|error| HolidayError::Date { line, error })?;
    let kind = read_kind(kind).ok_or_else(|| HolidayError::Kind { line, kind: kind.to_owned() })?;
    Ok(HolidayDay { date, kind, name: name.to_owned() })
}

fn read_kind(kind: &str) -> Option<DayKind> {
    match kind.strip_prefix("work") {
        None => (kind == "off").then_some(DayKind::Off),
        Some("") => Some(DayKind::Work { follows: None }),
        Some(rest) => {
            let named = rest.strip_prefix(':')?;
            let follows = Weekday::ALL.into_iter().find(|day| day_name(*day) == named)?;
            Some(DayKind::Work { follows: Some(follows) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn r24_the_shipped_table_is_whole() {
        let shipped = HolidayYears::shipped();
        let off = shipped.days().iter().filter(|day| day.kind == DayKind::Off).count();
        assert_eq!((off, shipped.days().len() - off), (621, 150));
        assert!((2004..=2026).all(|year| shipped.covers(year)));
        assert!(!shipped.covers(2003) && !shipped.covers(2027));
        let make_up: Vec<String> = shipped
            .days()
            .iter()
            .filter(|day| day.date.year() == 2026 && day.kind != DayKind::Off)
            .map(|day| day.date.to_string())
            .collect();
        assert_eq!(
            make_up,
            ["2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10"]
        );
        let weekend = |day: &HolidayDay| matches!(day.date.weekday(), Weekday::Sat | Weekday::Sun);
        assert!(shipped.days().iter().all(|day| day.kind == DayKind::Off || weekend(day)));
    }

    #[test]
    fn r24_working_days_skip_the_holiday_and_count_the_make_up_day() {
        let from = date("2026-09-30");
        for (days, reached) in
            [(0, "2026-09-30"), (1, "2026-10-08"), (3, "2026-10-10"), (7, "2026-10-15"), (15, "2026-10-27")]
        {
            assert_eq!(HolidayYears::shipped().add_working_days(from, days), date(reached), "{days}");
        }
    }

    #[test]
    fn r24_a_missing_next_year_is_told_in_december() {
        let shipped = HolidayYears::shipped();
        assert_eq!(shipped.missing_next_year(date("2026-11-30")), None);
        assert_eq!(shipped.missing_next_year(date("2026-12-01")), Some(2027));
        let newer = HolidayYears::parse_csv("2027-01-01,off,元旦\n2027-02-14,work:fri,春节\n").unwrap();
        let both = shipped.with_years_of(&newer);
        assert_eq!(both.missing_next_year(date("2026-12-01")), None);
        assert_eq!(both.days().len(), 621 + 150 + 2);
        assert_eq!(both.with_years_of(&newer), both, "taken in twice is taken in once");
    }

    #[test]
    fn r23_every_wrong_line_of_a_holiday_file_is_named() {
        let text = "date,kind,name\n2027-13-01,off,x\n2027-01-01,open,x\n2027-01-01,off\n2027-01-02,work:someday,x\n\
                    2027-01-03,off,x\n2027-01-03,off,y\n";
        let errors = HolidayYears::parse_csv(text).unwrap_err();
        let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "line 2: \"2027-13-01\" is not a date: write it as 2026-10-10",
                "line 3: \"open\" is neither off, work nor work:mon … work:sun",
                "line 4: expected date,kind,name",
                "line 5: \"work:someday\" is neither off, work nor work:mon … work:sun",
                "line 7: 2027-01-03 stands twice",
            ]
        );
    }
}
