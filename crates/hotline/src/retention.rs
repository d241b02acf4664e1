//! How long a recording is kept: the longest of all policies that apply, each with its last day (rows V03, V04). It knows no
//! file and deletes nothing.

use crate::calendar::{Date, HolidayYears};
use crate::{Beijing, Wall};

/// How a policy counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// Days of the calendar.
    Days(u32),
    /// Months: to the same day of the month, or its last.
    Months(u32),
    /// Days that are worked, by the calendar with its make-up workdays.
    WorkingDays(u32),
}

/// One reason to keep a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its name on the file.
    pub name: &'static str,
    /// For how long.
    pub period: Period,
}

/// What every enterprise has for nothing (seed 002:6).
pub const THREE_MONTHS: Policy = Policy { name: "three_months_free", period: Period::Months(3) };
/// The least of the service line (seed 002:7).
pub const TEN_WORKING_DAYS: Policy = Policy { name: "ten_working_days", period: Period::WorkingDays(10) };

/// How long, and by which policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// From here on it may be deleted: the midnight behind the last day of the longest policy.
    pub until: Wall,
    /// Each policy with the last day it asks for, the longest first.
    pub by: Vec<(&'static str, Date)>,
}

impl Kept {
    /// As it is written on the file's row: `three_months_free 2027-01-10, ten_working_days 2026-10-26`.
    pub fn named(&self) -> String {
        self.by.iter().map(|(name, last)| format!("{name} {last}")).collect::<Vec<_>>().join(", ")
    }
}

/// How long a recording of a call is kept. The day of the call is no day of any period; without a policy it is kept for
/// that day alone.
pub fn kept(call: Wall, policies: &[Policy], years: &HolidayYears) -> Kept {
    let day = Date::of(call.beijing());
    let last = |policy: &Policy| match policy.period {
        Period::Days(days) => day.plus_days(i32::try_from(days).unwrap_or(i32::MAX / 2)),
        Period::Months(months) => plus_months(day, months),
        Period::WorkingDays(days) => years.add_working_days(day, days),
    };
    let mut by: Vec<(&'static str, Date)> =
        policies.iter().map(|policy| (policy.name, last(policy))).collect();
    by.sort_by_key(|(_, last)| std::cmp::Reverse(*last));
    let last = by.first().map_or(day, |(_, last)| *last);
    Kept { until: last.plus_days(1).midnight().wall(), by }
}

fn plus_months(day: Date, months: u32) -> Date {
    let Beijing { year, month, day: of_month, .. } = day.midnight();
    let months = i64::from(year) * 12 + i64::from(month) - 1 + i64::from(months);
    let (year, month) = ((months / 12) as i32, (months % 12) as u8 + 1);
    let next = if month == 12 { Date::new(year + 1, 1, 1) } else { Date::new(year, month + 1, 1) };
    let last = next.plus_days(-1).midnight().day;
    Date::new(year, month, of_month.min(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(text: &str) -> Wall {
        Beijing::parse(text).expect("a time").wall()
    }

    fn until(call: &str, policies: &[Policy]) -> String {
        let kept = kept(wall(call), policies, HolidayYears::shipped());
        kept.until.beijing().to_string()
    }

    #[test]
    fn v03_three_months_end_behind_their_last_day() {
        let of = |call| until(call, &[THREE_MONTHS]);
        assert_eq!(of("2026-07-10T09:00"), "2026-10-11 00:00:00");
        assert_eq!(of("2026-07-10T00:00"), "2026-10-11 00:00:00");
        assert_eq!(of("2026-07-10T23:59:59"), "2026-10-11 00:00:00");
        assert_eq!(of("2026-11-30T12:00"), "2027-03-01 00:00:00", "February has no 30th");
        assert_eq!(of("2026-10-01T12:00"), "2027-01-02 00:00:00");
        assert_eq!(of("2026-12-31T12:00"), "2027-04-01 00:00:00");
    }

    /// 2026-09-30 is the last working day before a week of holidays; 10-10 is a Saturday that is worked.
    #[test]
    fn v04_ten_working_days_go_by_the_calendar() {
        let kept = kept(wall("2026-09-30T12:00"), &[TEN_WORKING_DAYS], HolidayYears::shipped());
        let years = HolidayYears::shipped();
        let worked = |from: Date, to: Date| {
            let days = (1..).map(|n| from.plus_days(n)).take_while(|day| *day <= to);
            days.filter(|day| years.is_working_day(*day)).count()
        };
        assert_eq!(worked(Date::new(2026, 9, 30), kept.by[0].1), 10);
        assert!(years.is_working_day(kept.by[0].1), "the last one is worked itself");
        assert!(kept.until > wall("2026-10-20T00:00"), "a week of holidays does not count");
    }

    #[test]
    fn v04_the_longest_counts_and_each_is_named() {
        let own = Policy { name: "plan", period: Period::Days(180) };
        let kept =
            kept(wall("2026-07-10T09:00"), &[TEN_WORKING_DAYS, THREE_MONTHS, own], HolidayYears::shipped());
        assert_eq!(
            kept.named(),
            "plan 2027-01-06, three_months_free 2026-10-10, ten_working_days 2026-07-24"
        );
        assert_eq!(kept.until.beijing().to_string(), "2027-01-07 00:00:00");
        assert_eq!(until("2026-07-10T09:00", &[]), "2026-07-11 00:00:00");
        let short = Policy { name: "short", period: Period::Days(1) };
        assert_eq!(until("2026-07-10T09:00", &[short, TEN_WORKING_DAYS]), "2026-07-25 00:00:00");
    }
}
