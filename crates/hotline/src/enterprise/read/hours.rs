//! Schedules, sets of regions and lists of callers: what the rules of every number name.

use super::fields::{CALLERS, DATE_HOURS, REGIONS, SCHEDULE};
use super::problem::{Counted, Fault, Wanted};
use super::reader::{At, Object, Reader};
use super::tree::Value;
use crate::Weekday;
use crate::barring::CallerPatterns;
use crate::calendar::{Date, DayOverride, Holidays, Interval, Schedule, Week};
use crate::enterprise::{NamedCallers, NamedRegions, NamedSchedule, PRIORITY_MAX};
use crate::region::RegionSet;

/// Days of the week as documents write them, Monday first.
pub(in crate::enterprise) const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// How many entries one list of callers or regions may have.
pub(super) const ENTRIES_MAX: usize = 10_000;

impl Reader<'_> {
    pub(super) fn schedule(&mut self, at: &At<'_>) -> Option<NamedSchedule> {
        let object = self.object(at, &SCHEDULE)?;
        let name = object.field("name").and_then(|at| self.name(&at));
        let schedule = self.hours(&object);
        Some(NamedSchedule { name: name?, schedule: schedule? })
    }

    /// `hours`, `holidays` and `dates`, as schedules and shifts have them.
    pub(super) fn hours(&mut self, object: &Object<'_>) -> Option<Schedule> {
        let weekly = object.field("hours").and_then(|at| self.weekly(&at));
        let holidays = object.field("holidays").map_or(Holidays::Ignored, |at| self.holidays(&at));
        let mut overrides = std::collections::BTreeMap::new();
        if let Some(dates) = object.field("dates") {
            if !matches!(dates.tree.value, Value::Map(_)) {
                self.wrong(&dates, Fault::WrongType { wanted: Wanted::Map });
            }
            for (key, at) in dates.entries() {
                let hours = self.date_hours(&at);
                match key.text.parse::<Date>() {
                    Err(_) => self.wrong_key(key, &at, Fault::BadDate { found: key.text.clone() }),
                    Ok(date) if overrides.contains_key(&date) => {
                        self.wrong_key(key, &at, Fault::DuplicateField { field: key.text.clone() });
                    }
                    Ok(date) => {
                        overrides.insert(
                            date,
                            hours.unwrap_or(DayOverride { name: String::new(), hours: Vec::new() }),
                        );
                    }
                }
            }
        }
        Some(Schedule { weekly: weekly?, overrides, holidays })
    }

    fn holidays(&mut self, at: &At<'_>) -> Holidays {
        match &at.tree.value {
            Value::Bool(true) => return Holidays::Published,
            Value::Bool(false) => {}
            Value::Text(text) => self.wrong(at, Fault::NotAvailable { what: text.clone() }),
            _ => self.wrong(at, Fault::WrongType { wanted: Wanted::Flag }),
        }
        Holidays::Ignored
    }

    /// `{mon-fri: [...], sat: [...]}`; days that are not named are closed.
    fn weekly(&mut self, at: &At<'_>) -> Option<Week> {
        if !matches!(at.tree.value, Value::Map(_)) {
            self.wrong(at, Fault::WrongType { wanted: Wanted::Map });
            return None;
        }
        let mut weekly: [Option<Vec<Interval>>; 7] = Default::default();
        for (key, at) in at.entries() {
            let hours = self.day_hours(&at, Wanted::TextOrList).unwrap_or_default();
            let Some(days) = days(&key.text) else {
                self.wrong_key(key, &at, Fault::BadDays { found: key.text.clone() });
                continue;
            };
            for day in days {
                let place = day as usize;
                if weekly[place].replace(hours.clone()).is_some() {
                    self.wrong_key(key, &at, Fault::DuplicateField { field: DAYS[place].to_owned() });
                }
            }
        }
        Some(Week::from(weekly.map(Option::unwrap_or_default)))
    }

    /// What one date has instead: `closed`, hours, or `{name: 年会, hours: …}`.
    fn date_hours(&mut self, at: &At<'_>) -> Option<DayOverride> {
        if !matches!(at.tree.value, Value::Map(_)) {
            let hours = self.day_hours(at, Wanted::TextListOrMap)?;
            return Some(DayOverride { name: String::new(), hours });
        }
        let object = self.object(at, &DATE_HOURS)?;
        let name = match object.field("name") {
            Some(at) => self.name(&at)?,
            None => String::new(),
        };
        let hours = self.day_hours(&object.field("hours")?, Wanted::TextOrList)?;
        Some(DayOverride { name, hours })
    }

    /// The hours of one day: `closed`, one interval, or a list of intervals.
    pub(super) fn day_hours(&mut self, at: &At<'_>, wanted: Wanted) -> Option<Vec<Interval>> {
        let items = match &at.tree.value {
            Value::Text(text) if text == "closed" => Vec::new(),
            Value::Text(_) => vec![at.clone()],
            Value::List(_) => self.list(at),
            _ => {
                self.wrong(at, Fault::WrongType { wanted });
                return None;
            }
        };
        let mut texts = Vec::new();
        for item in &items {
            let text = self.text(item)?;
            match text.parse::<Interval>() {
                Ok(_) => texts.push(text),
                Err(error) => self.wrong(item, Fault::BadHours(error)),
            }
        }
        Interval::parse_day(&texts).map_err(|error| self.wrong(at, Fault::BadHours(error))).ok()
    }

    pub(super) fn region_set(&mut self, at: &At<'_>) -> Option<NamedRegions> {
        let object = self.object(at, &REGIONS)?;
        let name = object.field("name").and_then(|at| self.name(&at));
        let mut includes = Vec::new();
        for item in self.some_items(object.field("includes"), Counted::Entries, ENTRIES_MAX) {
            let Some(text) = self.text(&item) else { continue };
            let written = [text.to_owned()];
            if RegionSet::parse(&written).is_err() {
                self.wrong(&item, Fault::BadRegion { found: text.to_owned() });
            }
            includes.extend(written);
        }
        Some(NamedRegions { name: name?, includes })
    }

    pub(super) fn caller_list(&mut self, at: &At<'_>) -> Option<NamedCallers> {
        let object = self.object(at, &CALLERS)?;
        let name = object.field("name").and_then(|at| self.name(&at));
        let includes = self.some_items(object.field("includes"), Counted::Entries, ENTRIES_MAX);
        let callers = self.callers(&includes);
        let priority = object.field("priority").and_then(|at| self.whole(&at, 0, u64::from(PRIORITY_MAX)));
        Some(NamedCallers { name: name?, callers, priority: priority.unwrap_or(0) as u8 })
    }

    /// Patterns of callers, without the dashes and spaces that people write.
    pub(super) fn callers(&mut self, items: &[At<'_>]) -> Vec<String> {
        let mut callers = Vec::new();
        for item in items {
            let Some(text) = self.text(item) else { continue };
            let pattern = without_separators(text);
            if !CallerPatterns::new([pattern.as_str()]).1.is_empty() {
                self.wrong(item, Fault::BadCallerPattern { found: text.to_owned() });
            }
            callers.push(pattern);
        }
        callers
    }
}

/// A number without dashes, spaces and brackets.
pub(super) fn without_separators(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '-' | ' ' | '(' | ')' | '–' | '（' | '）')).collect()
}

/// `mon`, `mon-fri`, `fri-mon`, `sat,sun`, `daily`.
fn days(text: &str) -> Option<Vec<Weekday>> {
    if text == "daily" {
        return Some(Weekday::ALL.to_vec());
    }
    let mut all = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        let length = (last + 7 - first) % 7 + 1;
        all.extend((first..first + length).map(|place| Weekday::ALL[place % 7]));
    }
    Some(all)
}

fn day(text: &str) -> Option<usize> {
    DAYS.iter().position(|day| *day == text.trim())
}
