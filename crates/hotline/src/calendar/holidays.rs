//! China's public holidays and make-up workdays by date, as the State Council announces them for each year.
//! A table of data with a reader; it knows no hours.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::date::{Date, NotADate};
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

static SHIPPED: LazyLock<HolidayYears> = LazyLock::new(HolidayYears::default);

impl HolidayYears {
    /// The table that comes with the product, 2004 to 2026.
    pub fn shipped() -> &'static Self {
        &SHIPPED
    }

    /// What was announced for a date; most dates have nothing.
    pub fn day(&self, date: Date) -> Option<&HolidayDay> {
        self.days.binary_search_by_key(&date, |day| day.date).ok().map(|place| &self.days[place])
    }
}
