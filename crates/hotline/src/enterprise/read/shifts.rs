//! Shifts, and which of them agents have (row Q26).

use std::collections::BTreeMap;

use super::fields::{AGENT_SHIFT, SHIFT};
use super::problem::{Counted, Fault, Named, Wanted};
use super::reader::{At, Names, Object, Reader};
use super::tree::Value;
use crate::calendar::Interval;
use crate::shift::{AgentShift, GRACE_MINUTES, Shift};

/// Shifts of one enterprise.
const SHIFTS_MAX: usize = 200;
/// Shifts of one agent: a year that changes weekly.
const AGENT_SHIFTS_MAX: usize = 60;
const BREAKS_MAX: usize = 10;
const GRACE_MINUTES_MAX: u64 = 60;

/// What agents name of shifts: every name that is carried, and those shifts that could be read.
#[derive(Default)]
pub(super) struct Shifts {
    names: Names,
    pub(super) read: Vec<Shift>,
    /// Whether two of them are at one time, once that was asked.
    overlaps: BTreeMap<(usize, usize), bool>,
}

impl Reader<'_> {
    /// The shifts, and whether all of them could be read.
    pub(super) fn shifts(&mut self, object: &Object<'_>) -> (Shifts, bool) {
        let field = object.field("shifts");
        let names = self.names(field.as_ref(), Named::Shift);
        let items = self.items(field, Counted::Entries, SHIFTS_MAX);
        let read: Vec<Shift> = items.iter().filter_map(|at| self.shift(at)).collect();
        let is_whole = read.len() == items.len();
        (Shifts { names, read, overlaps: BTreeMap::new() }, is_whole)
    }

    /// `{name: 早班, hours: {mon-fri: 09:00-18:00}, breaks: [12:00-13:00], grace_minutes: 5}`.
    fn shift(&mut self, at: &At<'_>) -> Option<Shift> {
        let object = self.object(at, &SHIFT)?;
        let name = object.field("name").and_then(|at| self.name(&at));
        let schedule = self.hours(&object);
        let breaks = object.field("breaks").map_or(Some(Vec::new()), |at| self.breaks(&at));
        let grace_minutes = object
            .field("grace_minutes")
            .map_or(Some(u64::from(GRACE_MINUTES)), |at| self.whole(&at, 0, GRACE_MINUTES_MAX));
        let shift =
            Shift { name: name?, schedule: schedule?, breaks: breaks?, grace_minutes: grace_minutes? as u16 };
        if let (Some(found), Some(at)) = (shift.stray_break(), object.field("breaks")) {
            self.wrong(&at, Fault::BreakOutsideShift { found });
        }
        Some(shift)
    }

    fn breaks(&mut self, at: &At<'_>) -> Option<Vec<Interval>> {
        let breaks = self.day_hours(at, Wanted::TextOrList)?;
        if breaks.len() > BREAKS_MAX {
            self.wrong(at, Fault::TooMany { counted: Counted::Entries, max: BREAKS_MAX });
            return None;
        }
        Some(breaks)
    }

    /// The shifts of an agent: names, or `{shift: 晚班, from: 2026-12-01, until: 2026-12-31}`.
    pub(super) fn agent_shifts(&mut self, at: Option<At<'_>>, known: &mut Shifts) -> Option<Vec<AgentShift>> {
        let items = self.items(at, Counted::Entries, AGENT_SHIFTS_MAX);
        let of: Vec<_> = items.iter().map(|at| self.agent_shift(at, known)).collect();
        let of: Vec<AgentShift> = of.into_iter().collect::<Option<_>>()?;
        for (place, at) in items.iter().enumerate() {
            if let Some(one) = of[..place].iter().find(|one| known.overlap(one, &of[place])) {
                let (one, other) = (one.shift.clone(), of[place].shift.clone());
                self.wrong(at, Fault::ShiftsOverlap { one, other });
                return None;
            }
        }
        Some(of)
    }

    fn agent_shift(&mut self, at: &At<'_>, known: &Shifts) -> Option<AgentShift> {
        let is_known = |name: &str| known.names.contains_key(name);
        let object = match &at.tree.value {
            Value::Map(_) => self.object(at, &AGENT_SHIFT)?,
            Value::List(_) | Value::Bool(_) | Value::Null => {
                self.wrong(at, Fault::WrongType { wanted: Wanted::MapOrText });
                return None;
            }
            Value::Text(_) | Value::Number(_) => {
                return self.known(at, Named::Shift, is_known).map(|name| AgentShift::always(&name));
            }
        };
        let shift = object.field("shift").and_then(|at| self.known(&at, Named::Shift, is_known));
        let from = object.field("from").map_or(Some(None), |at| self.date(&at).map(Some));
        let until = object.field("until").map_or(Some(None), |at| self.date(&at).map(Some));
        let of = AgentShift { shift: shift?, from: from?, until: until? };
        match (of.from, of.until) {
            (Some(from), Some(until)) if until < from => {
                self.wrong(at, Fault::UntilBeforeFrom { from, until });
                None
            }
            _ => Some(of),
        }
    }
}

impl Shifts {
    /// Whether two shifts of one agent are at one time, by their ordinary weeks.
    fn overlap(&mut self, one: &AgentShift, other: &AgentShift) -> bool {
        let place = |of: &AgentShift| self.read.iter().position(|shift| shift.name == of.shift);
        let (true, Some(one), Some(other)) = (one.meets(other), place(one), place(other)) else {
            return false;
        };
        let places = (one.min(other), one.max(other));
        *self.overlaps.entry(places).or_insert_with(|| self.read[one].overlaps(&self.read[other]))
    }
}
