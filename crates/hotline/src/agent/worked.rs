//! What agents did in a span of time: the changes of an agent's state, summed (rows Q10, Q25). Where changes are kept it does not
//! know, nor which agents there are.

use std::collections::BTreeMap;

use super::{Refusal, State, StateChange, Times};
use crate::Wall;

/// What an agent did in a part of a span.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Worked {
    /// How long it was in each state; their sum is the time logged in.
    pub times: Times,
    /// Its rests by their reasons, milliseconds; together they are the time of rest.
    pub rests: BTreeMap<Box<str>, u64>,
    /// How often it logged in.
    pub logins: u64,
    /// Calls that rang.
    pub rung: u64,
    /// Those of them that it answered.
    pub answered: u64,
    /// Those that rang for their time.
    pub missed: u64,
    /// Those that it rejected, or whose phone was busy.
    pub rejected: u64,
}

impl Worked {
    fn spend(&mut self, in_state: &StateChange, ms: u64) {
        if let Some(time) = self.times.of(in_state.state) {
            *time += ms;
        }
        if in_state.state == State::Rest {
            *self.rests.entry(in_state.reason.clone()).or_default() += ms;
        }
    }

    fn count(&mut self, last: Option<&StateChange>, change: &StateChange) {
        let was = |state| last.is_some_and(|last| last.state == state);
        let same_call = last.is_some_and(|last| last.call == change.call);
        self.logins +=
            u64::from(change.state != State::Off && last.is_none_or(|last| last.state == State::Off));
        self.rung += u64::from(change.state == State::Ringing && !(was(State::Ringing) && same_call));
        self.answered += u64::from(change.state == State::Talking && was(State::Ringing) && same_call);
        match change.refusal {
            Some(Refusal::Missed) => self.missed += 1,
            Some(Refusal::Rejected | Refusal::Busy) => self.rejected += 1,
            _ => {}
        }
    }
}

/// Sums the changes of one agent over the parts of a span.
#[derive(Debug)]
pub struct Sums {
    /// Where each part begins, and where the last is over.
    bounds: Vec<Wall>,
    parts: Vec<Worked>,
    /// The part that is summed.
    place: usize,
    /// Until when it is.
    at: Wall,
    last: Option<StateChange>,
}

impl Sums {
    /// Begins. `bounds` rise: where each part begins, and where the last is over. `before` is the agent's last change before
    /// them.
    pub fn new(bounds: Vec<Wall>, before: Option<StateChange>) -> Self {
        let parts = vec![Worked::default(); bounds.len().saturating_sub(1)];
        let at = bounds.first().copied().unwrap_or(Wall(0));
        Self { bounds, parts, place: 0, at, last: before }
    }

    /// Takes the next change in, in their order.
    pub fn add(&mut self, change: &StateChange) {
        self.pass(change.at);
        if let Some(part) = self.parts.get_mut(self.place) {
            part.count(self.last.as_ref(), change);
        }
        self.last = Some(change.clone());
    }

    /// The parts; the state of the last change goes on until their end.
    pub fn end(mut self) -> Vec<Worked> {
        if let Some(end) = self.bounds.last().copied() {
            self.pass(end);
        }
        self.parts
    }

    fn pass(&mut self, until: Wall) {
        while let (Some(part), Some(end)) = (self.parts.get_mut(self.place), self.bounds.get(self.place + 1))
            && self.at < until
        {
            let next = until.min(*end);
            if let Some(last) = &self.last {
                part.spend(last, (next.0 - self.at.0) as u64);
            }
            self.at = next;
            self.place += usize::from(next == *end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CallId;

    fn changes(of: &[(i64, State, u128)]) -> Vec<StateChange> {
        let change = |(place, (at, state, call)): (usize, &(i64, State, u128))| StateChange {
            number: place as u64 + 1,
            at: Wall(*at),
            state: *state,
            reason: if *state == State::Rest { "lunch".into() } else { "".into() },
            call: (*call > 0).then_some(CallId(*call)),
            refusal: None,
        };
        of.iter().enumerate().map(change).collect()
    }

    #[test]
    fn states_are_cut_at_the_edges_of_parts_and_add_up_to_the_time_logged_in() {
        use State::{AfterWork, Free, Off, Rest, Ringing, Talking};
        let mut of = changes(&[
            (500, Free, 0),
            (1_200, Ringing, 1),
            (1_300, Talking, 1),
            (2_100, AfterWork, 1),
            (2_200, Rest, 0),
            (2_700, Free, 0),
            (2_800, Ringing, 2),
            (2_900, Free, 0),
            (2_950, Off, 0),
        ]);
        of[7].refusal = Some(Refusal::Missed);
        let mut sums = Sums::new([1_000, 2_000, 3_000].map(Wall).to_vec(), Some(of[0].clone()));
        of[1..].iter().for_each(|change| sums.add(change));
        let first = Worked {
            times: Times { free: 200, ringing: 100, talking: 700, ..Times::default() },
            rung: 1,
            answered: 1,
            ..Worked::default()
        };
        let second = Worked {
            times: Times { free: 150, ringing: 100, talking: 100, after_work: 100, rest: 500 },
            rests: [("lunch".into(), 500)].into(),
            rung: 1,
            missed: 1,
            ..Worked::default()
        };
        assert_eq!((first.times.sum(), second.times.sum()), (1_000, 950));
        assert_eq!(sums.end(), [first, second]);
    }

    #[test]
    fn who_logs_in_stays_until_the_end_and_before_the_first_change_nothing_is_known() {
        let of = changes(&[(1_400, State::Free, 0)]);
        let mut sums = Sums::new([1_000, 2_000].map(Wall).to_vec(), None);
        sums.add(&of[0]);
        let worked = sums.end();
        assert_eq!((worked[0].times.free, worked[0].times.sum(), worked[0].logins), (600, 600, 1));
        assert_eq!(Sums::new(vec![Wall(1), Wall(9)], None).end(), [Worked::default()]);
    }

    #[test]
    fn two_calls_that_ring_one_behind_the_other_are_two() {
        let of = changes(&[(1, State::Ringing, 1), (2, State::Ringing, 2), (3, State::Talking, 2)]);
        let mut sums = Sums::new([0, 9].map(Wall).to_vec(), None);
        of.iter().for_each(|change| sums.add(change));
        let worked = sums.end();
        assert_eq!((worked[0].rung, worked[0].answered), (2, 1));
    }
}
