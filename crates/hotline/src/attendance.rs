//! Who came to work and when (row Q26): a duty held against the changes of an agent's state. Which duties there are it does not know;
//! see [`shift`](crate::shift).

use crate::Wall;
use crate::agent::{State, StateChange, Sums, Worked};
use crate::shift::Duty;

/// Whether an agent came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// It need not have yet.
    Expected,
    /// It was logged in within the duty.
    Present,
    /// It was not, and ought to have been.
    Absent,
}

/// A duty as it was kept, as far as it is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attended {
    /// Whether the agent came.
    pub came: Came,
    /// When it was first logged in within the duty.
    pub first: Option<Wall>,
    /// When it was last logged in within it; none where it never was, and while it is.
    pub last: Option<Wall>,
    /// By how much it came late, milliseconds.
    pub late_ms: u64,
    /// That is more than the shift's grace.
    pub is_late: bool,
    /// By how much it went early, milliseconds; known once the duty is over.
    pub early_ms: u64,
    /// That is more than the shift's grace.
    pub is_early: bool,
    /// Time to work, without the breaks, milliseconds; the sum of the three below.
    pub planned_ms: u64,
    /// Of it, in any state but rest.
    pub worked_ms: u64,
    /// Of it, at rest.
    pub rest_ms: u64,
    /// Of it, logged out.
    pub off_ms: u64,
    /// Breaks, milliseconds.
    pub break_ms: u64,
    /// Of them, in any state but rest: calls that went on, breaks taken at another time.
    pub break_worked_ms: u64,
}

impl Attended {
    /// Adherence: the share of the time to work that was worked, percent × 10, rounded down; none where there was no such time.
    pub fn adherence_e1(&self) -> Option<u64> {
        (self.worked_ms * 1_000).checked_div(self.planned_ms)
    }
}

/// Holds a duty against what an agent did: its last change before the duty, and those since in their order, whether or not they lie
/// within. What is behind `now` is not counted.
pub fn attend(duty: &Duty, before: Option<&StateChange>, changes: &[StateChange], now: Wall) -> Attended {
    let until = duty.until.min(now).max(duty.from);
    let edges = duty.breaks.iter().flat_map(|(from, until)| [*from, *until]);
    let bounds = [duty.from].into_iter().chain(edges.map(|at| at.min(until))).chain([until]);
    let mut sums = Sums::new(bounds.clone().collect(), before.cloned());
    changes.iter().for_each(|change| sums.add(change));
    let mut attended = Attended {
        came: Came::Present,
        first: None,
        last: None,
        late_ms: 0,
        is_late: false,
        early_ms: 0,
        is_early: false,
        planned_ms: 0,
        worked_ms: 0,
        rest_ms: 0,
        off_ms: 0,
        break_ms: 0,
        break_worked_ms: 0,
    };
    let lengths = bounds.clone().zip(bounds.skip(1)).map(|(from, until)| (until.0 - from.0) as u64);
    // Time to work and breaks take turns.
    for (place, (length, Worked { times, .. })) in lengths.zip(sums.end()).enumerate() {
        let worked = times.sum() - times.rest;
        if place % 2 == 0 {
            attended.planned_ms += length;
            attended.worked_ms += worked;
            attended.rest_ms += times.rest;
            attended.off_ms += length - times.sum();
        } else {
            attended.break_ms += length;
            attended.break_worked_ms += worked;
        }
    }
    attended.be_on_time(duty, logged_in(before, changes, (duty.from, until)), now);
    attended
}

impl Attended {
    fn be_on_time(&mut self, duty: &Duty, there: Option<(Wall, Wall)>, now: Wall) {
        let is_over = duty.until <= now;
        let Some((first, last)) = there else {
            let waited = (now.0 - duty.from.0).max(0) as u64;
            self.came = if is_over || waited > duty.grace_ms { Came::Absent } else { Came::Expected };
            return;
        };
        self.first = Some(first);
        self.late_ms = (first.0 - duty.from.0) as u64;
        self.is_late = self.late_ms > duty.grace_ms;
        self.last = (is_over || last < now).then_some(last);
        if is_over {
            self.early_ms = (duty.until.0 - last.0) as u64;
            self.is_early = self.early_ms > duty.grace_ms;
        }
    }
}

/// From when until when an agent was logged in within a span, if it ever was.
fn logged_in(
    before: Option<&StateChange>,
    changes: &[StateChange],
    (from, until): (Wall, Wall),
) -> Option<(Wall, Wall)> {
    let all: Vec<&StateChange> = before.into_iter().chain(changes).collect();
    let end = |place: usize| all.get(place + 1).map_or(until, |next| next.at.min(until));
    let there = all.iter().enumerate().filter(|(_, change)| change.state != State::Off);
    let mut spans = there.map(|(place, change)| (change.at.max(from), end(place))).filter(|(a, b)| a < b);
    let (first, mut last) = spans.next()?;
    spans.for_each(|(_, end)| last = last.max(end));
    Some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn minute(at: i64) -> Wall {
        Wall(at * MINUTE)
    }

    /// Minutes 100 to 200 with a break of ten.
    fn duty() -> Duty {
        Duty {
            shift: "早班".into(),
            from: minute(100),
            until: minute(200),
            breaks: vec![(minute(150), minute(160))],
            grace_ms: 5 * MINUTE as u64,
        }
    }

    fn changes(of: &[(i64, State)]) -> Vec<StateChange> {
        let change = |(place, (at, state)): (usize, &(i64, State))| StateChange {
            number: place as u64 + 1,
            at: minute(*at),
            state: *state,
            reason: "".into(),
            call: None,
            refusal: None,
        };
        of.iter().enumerate().map(change).collect()
    }

    fn kept(of: &[(i64, State)], now: i64) -> Attended {
        attend(&duty(), None, &changes(of), minute(now))
    }

    /// Came, late, early, planned, worked, rest, off, break, worked in breaks; all in minutes.
    fn told(of: &Attended) -> (Came, [u64; 8]) {
        let ms = [
            of.late_ms,
            of.early_ms,
            of.planned_ms,
            of.worked_ms,
            of.rest_ms,
            of.off_ms,
            of.break_ms,
            of.break_worked_ms,
        ];
        (of.came, ms.map(|ms| ms / MINUTE as u64))
    }

    #[test]
    fn q26_who_keeps_its_hours_adheres_wholly() {
        use State::{Free, Off, Rest, Talking};
        let of = [(90, Free), (120, Talking), (150, Rest), (160, Free), (201, Off)];
        let found = kept(&of, 300);
        assert_eq!(told(&found), (Came::Present, [0, 0, 90, 90, 0, 0, 10, 0]));
        assert_eq!((found.adherence_e1(), found.is_late, found.is_early), (Some(1_000), false, false));
        assert_eq!((found.first, found.last), (Some(minute(100)), Some(minute(200))));
        // The same, known from its last change before.
        let all = changes(&of);
        assert_eq!(attend(&duty(), Some(&all[0]), &all[1..], minute(300)), found);
    }

    #[test]
    fn q26_late_early_rest_and_time_logged_out_add_up_to_what_was_planned() {
        use State::{AfterWork, Free, Off, Rest};
        let of = [(50, Free), (60, Off), (110, Free), (120, Rest), (130, AfterWork), (140, Off), (145, Free)];
        let found = kept(&[&of[..], &[(170, Off), (180, Free), (190, Off)]].concat(), 300);
        // At work 110 to 120, 130 to 140, 145 to 170 but for the break, in which it worked, and 180 to 190.
        assert_eq!(told(&found), (Came::Present, [10, 10, 90, 45, 10, 35, 10, 10]));
        assert_eq!((found.adherence_e1(), found.is_late, found.is_early), (Some(500), true, true));
        assert_eq!((found.first, found.last), (Some(minute(110)), Some(minute(190))));
    }

    #[test]
    fn q26_within_the_grace_nobody_is_late() {
        use State::{Free, Off};
        let found = kept(&[(105, Free), (195, Off)], 200);
        assert_eq!((found.late_ms, found.is_late), (300_000, false));
        assert_eq!((found.early_ms, found.is_early), (300_000, false));
        assert!(kept(&[(106, Free)], 300).is_late && kept(&[(100, Free), (194, Off)], 300).is_early);
    }

    #[test]
    fn q26_a_duty_that_is_not_over_is_counted_until_now() {
        use State::{Free, Off};
        assert_eq!(told(&kept(&[], 99)), (Came::Expected, [0; 8]), "it has not begun");
        assert_eq!(kept(&[], 99).adherence_e1(), None);
        assert_eq!(told(&kept(&[], 105)), (Came::Expected, [0, 0, 5, 0, 0, 5, 0, 0]), "within the grace");
        assert_eq!(told(&kept(&[], 106)).0, Came::Absent);
        assert_eq!(told(&kept(&[], 300)), (Came::Absent, [0, 0, 90, 0, 0, 90, 10, 0]));
        let here = kept(&[(90, Free)], 155);
        assert_eq!(told(&here), (Came::Present, [0, 0, 50, 50, 0, 0, 5, 5]));
        assert_eq!(here.last, None, "it is there");
        let gone = kept(&[(90, Free), (120, Off)], 155);
        assert_eq!((gone.last, gone.early_ms), (Some(minute(120)), 0), "it may come back");
        // Who logs in behind the duty did not come.
        assert_eq!(told(&kept(&[(210, Free)], 300)).0, Came::Absent);
    }
}
