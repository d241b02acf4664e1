//! Shifts of agents (row Q26): when an enterprise wants whom at work, and the duties that follow from it for a span of days. Who came
//! it does not know; see [`attendance`](crate::attendance).

use serde::{Deserialize, Serialize};

use crate::Wall;
use crate::calendar::{Date, HolidayYears, Interval, Schedule};

/// Late by no more than this is not late, minutes, unless a shift says.
pub const GRACE_MINUTES: u16 = 5;

const MINUTE_MS: i64 = 60_000;
const DAY_MINUTES: u16 = 1_440;
const WEEK_MINUTES: u32 = 7 * DAY_MINUTES as u32;

/// Hours of work by name, as an enterprise's document has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shift {
    /// Its name in the document.
    pub name: String,
    /// Its hours by weekday, with dates that differ and holidays; an interval that passes midnight belongs to the day it begins on.
    pub schedule: Schedule,
    /// Breaks of each of its days that has hours around them.
    #[serde(default)]
    pub breaks: Vec<Interval>,
    /// Who comes later, or goes earlier, by no more than this is on time, minutes.
    #[serde(default = "usual_grace")]
    pub grace_minutes: u16,
}

fn usual_grace() -> u16 {
    GRACE_MINUTES
}

/// A shift that an agent has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentShift {
    /// The shift's name.
    pub shift: String,
    /// The first day on which it begins; from ever unless said.
    #[serde(default)]
    pub from: Option<Date>,
    /// The last day on which it begins; for ever unless said.
    #[serde(default)]
    pub until: Option<Date>,
}

/// A span of time in which an agent is to be at work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duty {
    /// The shift's name.
    pub shift: String,
    /// When it begins.
    pub from: Wall,
    /// When it is over.
    pub until: Wall,
    /// Breaks within it, in their order: from, until.
    pub breaks: Vec<(Wall, Wall)>,
    /// Late by no more than this is not late, milliseconds.
    pub grace_ms: u64,
}

impl AgentShift {
    /// A shift on all of its days.
    pub fn always(shift: &str) -> Self {
        Self { shift: shift.to_owned(), from: None, until: None }
    }

    /// Whether it begins on a date, as far as the agent's own dates go.
    pub fn holds(&self, date: Date) -> bool {
        self.from.is_none_or(|from| from <= date) && self.until.is_none_or(|until| date <= until)
    }

    /// Whether some day is within the dates of both.
    pub fn meets(&self, other: &AgentShift) -> bool {
        let begins_in_time = |one: &AgentShift, other: &AgentShift| {
            one.from.zip(other.until).is_none_or(|(from, until)| from <= until)
        };
        begins_in_time(self, other) && begins_in_time(other, self)
    }
}

impl Duty {
    /// When to work, without the breaks: from, until.
    pub fn work(&self) -> Vec<(Wall, Wall)> {
        let ends = self.breaks.iter().map(|(from, _)| *from).chain([self.until]);
        let begins = [self.from].into_iter().chain(self.breaks.iter().map(|(_, until)| *until));
        begins.zip(ends).filter(|(from, until)| from < until).collect()
    }
}

impl Shift {
    /// Whether each break lies within hours of some day: the first that does not.
    pub fn stray_break(&self) -> Option<Interval> {
        let week = self.schedule.weekly.days().into_iter();
        let days: Vec<&[Interval]> =
            week.chain(self.schedule.overrides.values().map(|own| own.hours.as_slice())).collect();
        let lies =
            |one: &Interval| days.iter().copied().flatten().any(|hours| within(*hours, *one).is_some());
        self.breaks.iter().copied().find(|one| !lies(one))
    }

    /// Whether the hours of an ordinary week are some minute those of another shift too.
    pub fn overlaps(&self, other: &Shift) -> bool {
        let spans = |shift: &Shift| -> Vec<(u32, u32)> {
            let of_day = |(day, hours): (usize, &[Interval])| {
                let midnight = day as u32 * u32::from(DAY_MINUTES);
                let span = |one: &Interval| {
                    (midnight + u32::from(one.start_minute()), midnight + u32::from(one.end_minute()))
                };
                hours.iter().map(span).collect::<Vec<_>>()
            };
            shift.schedule.weekly.days().into_iter().enumerate().flat_map(of_day).collect()
        };
        let (own, others) = (spans(self), spans(other));
        // The night of Sunday is in the next week.
        let meet = |(a, b): (u32, u32), (c, d): (u32, u32)| a < d && c < b;
        let later = |(from, until): (u32, u32)| (from + WEEK_MINUTES, until + WEEK_MINUTES);
        own.iter().any(|one| {
            others
                .iter()
                .any(|other| meet(*one, *other) || meet(later(*one), *other) || meet(*one, later(*other)))
        })
    }

    fn duties(&self, date: Date, years: &HolidayYears) -> Vec<Duty> {
        let midnight = date.midnight().wall();
        let at = |minute: u16| Wall(midnight.0 + i64::from(minute) * MINUTE_MS);
        let duty = |hours: &Interval| {
            let mut breaks: Vec<(Wall, Wall)> = self
                .breaks
                .iter()
                .filter_map(|one| within(*hours, *one))
                .map(|(from, until)| (at(from), at(until)))
                .collect();
            breaks.sort_unstable();
            Duty {
                shift: self.name.clone(),
                from: at(hours.start_minute()),
                until: at(hours.end_minute()),
                breaks,
                grace_ms: u64::from(self.grace_minutes) * MINUTE_MS as u64,
            }
        };
        self.schedule.day(date, years).0.iter().map(duty).collect()
    }
}

/// A break within hours, as minutes from the midnight that begins their day: that of a night may be behind the next one.
fn within(hours: Interval, one: Interval) -> Option<(u16, u16)> {
    let lies = |(from, until): &(u16, u16)| hours.start_minute() <= *from && *until <= hours.end_minute();
    let tonight = (one.start_minute(), one.end_minute());
    let behind_midnight = (tonight.0 + DAY_MINUTES, tonight.1 + DAY_MINUTES);
    [tonight, behind_midnight].into_iter().find(lies)
}

/// The duties of an agent that begin on days from `first` to `last`, in their order. Where dates of their own make two of them meet,
/// the later begins when the earlier is over.
pub fn duties(
    shifts: &[Shift],
    of: &[AgentShift],
    (first, last): (Date, Date),
    years: &HolidayYears,
) -> Vec<Duty> {
    let mut duties = Vec::new();
    let mut date = first;
    while date <= last {
        let there = of.iter().filter(|one| one.holds(date));
        let named = there.filter_map(|one| shifts.iter().find(|shift| shift.name == one.shift));
        duties.extend(named.flat_map(|shift| shift.duties(date, years)));
        date = date.plus_days(1);
    }
    duties.sort_by_key(|duty| (duty.from, duty.until));
    let mut over = Wall(i64::MIN);
    duties.retain_mut(|duty| {
        duty.from = duty.from.max(over);
        duty.breaks.retain_mut(|(from, until)| {
            *from = (*from).max(over);
            from < until
        });
        over = over.max(duty.until);
        duty.from < duty.until
    });
    duties
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Weekday;
    use crate::calendar::{DayOverride, Holidays, Week};

    fn hours(texts: &[&str]) -> Vec<Interval> {
        Interval::parse_day(texts).expect("hours")
    }

    fn shift(name: &str, on: &[Weekday], of: &[&str], breaks: &[&str]) -> Shift {
        let week = on.iter().fold(Week::default(), |week, day| week.with(*day, &hours(of)));
        let schedule = Schedule { weekly: week, ..Schedule::default() };
        Shift { name: name.into(), schedule, breaks: hours(breaks), grace_minutes: GRACE_MINUTES }
    }

    fn date(text: &str) -> Date {
        text.parse().expect("a date")
    }

    fn told(duties: &[Duty]) -> Vec<String> {
        let clock = |at: Wall| at.beijing().to_string()[..16].replace(' ', "T");
        let told = |duty: &Duty| {
            let breaks =
                duty.breaks.iter().map(|(from, until)| format!(" {}-{}", clock(*from), clock(*until)));
            let breaks: String = breaks.collect();
            format!("{} {}-{}{breaks}", duty.shift, clock(duty.from), clock(duty.until))
        };
        duties.iter().map(told).collect()
    }

    const WEEK: [Weekday; 5] = [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri];

    #[test]
    fn q26_a_night_shift_belongs_to_the_day_it_begins_on_with_its_break_behind_midnight() {
        let night = shift("夜班", &[Weekday::Fri], &["22:00-06:00"], &["01:00-01:30"]);
        let of = [AgentShift::always("夜班")];
        let years = HolidayYears::shipped();
        let friday = date("2026-11-27");
        let found = duties(std::slice::from_ref(&night), &of, (friday, friday), years);
        let expected = "夜班 2026-11-27T22:00-2026-11-28T06:00 2026-11-28T01:00-2026-11-28T01:30";
        assert_eq!(told(&found), [expected]);
        assert_eq!(found[0].grace_ms, 300_000);
        let hours: Vec<i64> =
            found[0].work().iter().map(|(from, until)| (until.0 - from.0) / MINUTE_MS).collect();
        assert_eq!(hours, [180, 270], "before the break and behind it");
        assert!(duties(&[night], &of, (date("2026-11-28"), date("2026-12-03")), years).is_empty());
    }

    #[test]
    fn q26_holidays_and_dates_move_shifts_as_they_move_schedules() {
        let mut early = shift("早班", &WEEK, &["09:00-12:00", "13:00-18:00"], &["15:00-15:15"]);
        early.schedule.holidays = Holidays::Published;
        let own = DayOverride { name: "盘点".into(), hours: hours(&["10:00-12:00"]) };
        early.schedule.overrides.insert(date("2026-11-28"), own);
        let of = [AgentShift::always("早班")];
        let on = |day: &str| {
            told(&duties(std::slice::from_ref(&early), &of, (date(day), date(day)), HolidayYears::shipped()))
        };
        assert!(on("2026-10-01").is_empty(), "the National Day");
        assert_eq!(on("2026-10-10").len(), 2, "a make-up workday on a Saturday");
        assert_eq!(on("2026-11-28"), ["早班 2026-11-28T10:00-2026-11-28T12:00"], "no break of the afternoon");
        let afternoon = "早班 2026-11-27T13:00-2026-11-27T18:00 2026-11-27T15:00-2026-11-27T15:15";
        assert_eq!(on("2026-11-27"), ["早班 2026-11-27T09:00-2026-11-27T12:00", afternoon]);
    }

    #[test]
    fn q26_agents_rotate_by_dates_and_what_meets_is_not_counted_twice() {
        let early = shift("早", &WEEK, &["08:00-16:00"], &["12:00-12:30"]);
        let mut late = shift("晚", &WEEK, &["16:00-00:00"], &[]);
        let of = [
            AgentShift { shift: "早".into(), from: None, until: Some(date("2026-11-24")) },
            AgentShift { shift: "晚".into(), from: Some(date("2026-11-25")), until: None },
        ];
        assert!(!of[0].meets(&of[1]) && of[0].meets(&of[0]) && of[0].meets(&AgentShift::always("早")));
        let years = HolidayYears::shipped();
        let span = (date("2026-11-24"), date("2026-11-25"));
        let found = duties(&[early.clone(), late.clone()], &of, span, years);
        let names: Vec<&str> = found.iter().map(|duty| duty.shift.as_str()).collect();
        assert_eq!(names, ["早", "晚"]);
        // On a date of its own the late shift begins within the early one, and in its break.
        late.schedule
            .overrides
            .insert(date("2026-11-24"), DayOverride { name: String::new(), hours: hours(&["12:00-20:00"]) });
        late.breaks = hours(&["15:45-16:15"]);
        let both = [AgentShift::always("早"), AgentShift::always("晚")];
        let found = duties(&[early, late], &both, (span.0, span.0), years);
        let first = "早 2026-11-24T08:00-2026-11-24T16:00 2026-11-24T12:00-2026-11-24T12:30";
        let second = "晚 2026-11-24T16:00-2026-11-24T20:00 2026-11-24T16:00-2026-11-24T16:15";
        assert_eq!(told(&found), [first, second]);
    }

    #[test]
    fn q26_shifts_that_overlap_are_known_across_midnight_and_the_end_of_the_week() {
        let early = shift("a", &WEEK, &["08:00-16:00"], &[]);
        let late = shift("b", &WEEK, &["16:00-00:00"], &[]);
        let night = shift("c", &[Weekday::Sun], &["22:00-08:01"], &[]);
        let morning = shift("d", &[Weekday::Mon], &["08:00-09:00"], &[]);
        assert!(!early.overlaps(&late) && !late.overlaps(&early) && early.overlaps(&early));
        assert!(night.overlaps(&early) && early.overlaps(&night) && night.overlaps(&morning));
        assert!(!night.overlaps(&late));
    }

    #[test]
    fn q26_a_break_outside_every_hour_is_found() {
        assert_eq!(shift("a", &WEEK, &["08:00-16:00"], &["12:00-13:00"]).stray_break(), None);
        let stray = shift("a", &WEEK, &["08:00-12:00", "13:00-17:00"], &["12:00-13:00"]);
        assert_eq!(stray.stray_break(), Some(hours(&["12:00-13:00"])[0]));
        assert_eq!(shift("a", &WEEK, &["22:00-06:00"], &["05:30-06:00"]).stray_break(), None);
    }
}
