//! The changes of an agent's state, numbered and dated (row Q10): what the history of its states is written from. Where they
//! are kept it does not know.

use serde::{Deserialize, Serialize};

use super::{Agent, Device, Duty, Refusal, State};
use crate::{CallId, Mono, Now, Wall};

/// A state that an agent came to. It lasts until the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateChange {
    /// Counts the agent's changes, from 1.
    pub number: u64,
    /// When; never before the change that was before.
    pub at: Wall,
    /// The state.
    pub state: State,
    /// Why it rests or is off, as [`super::Duty::reason`] tells it; else empty.
    pub reason: Box<str>,
    /// The call that rings, is talked in or is written up.
    pub call: Option<CallId>,
    /// How the offer came to nothing that rang until then (row Q25).
    pub refusal: Option<Refusal>,
}

/// A change that nobody has taken yet.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Untold {
    at: Mono,
    seen: Seen,
    refusal: Option<Refusal>,
}

/// What is told of a state, and what is kept beside it: who asks for a rest while it talks is told to talk once more, so that
/// the rest outlives the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    state: State,
    reason: Box<str>,
    call: Option<CallId>,
    duty: Duty,
    device: Device,
}

/// How far an agent's history is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct History {
    /// The number of the last change that was taken.
    number: u64,
    /// When that was.
    at: Wall,
    untold: Vec<Untold>,
}

impl Agent {
    /// What is told of the present state.
    pub(super) fn seen(&self) -> Seen {
        let state = self.state();
        let reason = match state {
            State::Off | State::Rest => self.duty.reason(),
            State::Free | State::Ringing | State::Talking | State::AfterWork => "",
        };
        let call = self.call().or_else(|| self.after_work()?.call);
        Seen { state, reason: reason.into(), call, duty: self.duty.clone(), device: self.device }
    }

    /// Notes that the agent is seen otherwise than it was.
    pub(super) fn note(&mut self, before: &Seen, refusal: Option<Refusal>, at: Mono) {
        let seen = self.seen();
        if seen != *before {
            self.history.untold.push(Untold { at, seen, refusal });
        }
    }

    /// Taken back as it was kept in a state. Where that is another than its duty, and no journal told when it ended, it is
    /// said from now on: the state before lasted nobody knows how long.
    pub(super) fn found_after(mut self, kept: State, now: Mono) -> Self {
        if self.state() != kept {
            self.note_duty(now);
        }
        self
    }

    fn note_duty(&mut self, at: Mono) {
        let seen = self.seen();
        self.history.untold.push(Untold { at, seen, refusal: None });
    }

    /// The changes since they were last taken, in their order.
    pub fn take_changes(&mut self, now: Now) -> Vec<StateChange> {
        let untold = std::mem::take(&mut self.history.untold);
        let tell = |one: Untold| {
            let since_ms = now.mono.since_ms(one.at) as i64;
            self.history.number += 1;
            // A clock that was set back must not turn the order round.
            self.history.at = self.history.at.max(Wall(now.wall.0 - since_ms));
            let Seen { state, reason, call, .. } = one.seen;
            let (number, at) = (self.history.number, self.history.at);
            StateChange { number, at, state, reason, call, refusal: one.refusal }
        };
        untold.into_iter().map(tell).collect()
    }

    /// What a history goes on from, as [`Agent::write`] keeps it.
    pub(super) fn write_history(&self, now: Now) -> String {
        let untold = self.history.untold.len() as u64;
        let at = if untold > 0 { self.history.at.max(now.wall) } else { self.history.at };
        format!("{}:{}:{}", self.history.number + untold, at.0, self.state())
    }

    /// Ends, in what was kept of an agent, the call that it was at when its node died: that lasted until `died`. What is
    /// to be kept now, with the change; none of an agent whom no call kept.
    pub fn close(kept: &str, died: Now) -> Option<(String, StateChange)> {
        let (history, state, rest) = read_history(kept)?;
        if !state.is_busy() {
            return None;
        }
        let at = Wall(rest.split(',').next()?.parse().ok()?);
        let mut agent = Agent::read(rest, died)?;
        let lasted_ms = (died.wall.0 - at.0).max(0) as u64;
        if let Some(of) = agent.times.of(state) {
            *of += lasted_ms;
        }
        (agent.since, agent.free_since) = (died.mono, died.mono);
        agent.history = history;
        agent.note_duty(died.mono);
        let change = agent.take_changes(died).pop()?;
        Some((agent.write(died), change))
    }
}

/// How far a history was told and the state, at the head of what was kept, and what follows; none where an earlier version
/// kept it.
pub(super) fn read_history(kept: &str) -> Option<(History, State, &str)> {
    let mut parts = kept.splitn(4, ':');
    let (number, at) = (parts.next()?.parse().ok()?, Wall(parts.next()?.parse().ok()?));
    let code = parts.next()?;
    let state = State::ALL.into_iter().find(|known| known.code() == code)?;
    Some((History { number, at, untold: Vec::new() }, state, parts.next()?))
}

impl State {
    /// Whether a call keeps the agent at it.
    pub fn is_busy(self) -> bool {
        match self {
            State::Ringing | State::Talking | State::AfterWork => true,
            State::Off | State::Free | State::Rest => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Rest, WrapUp};
    use super::*;

    const MORNING: i64 = 1_792_000_000_000;

    fn at(ms: u64) -> Now {
        Now { mono: Mono(1_000_000 + ms), wall: Wall(MORNING + ms as i64) }
    }

    fn call() -> CallId {
        CallId::at(MORNING, 1)
    }

    fn told(changes: &[StateChange]) -> Vec<(u64, i64, State, &str)> {
        let tell = |one: &StateChange| (one.number, one.at.0 - MORNING, one.state);
        changes.iter().map(|one| (tell(one).0, tell(one).1, tell(one).2, &*one.reason)).collect()
    }

    /// Answers a call at 3 s that rang since 1 s; logged in at 0.
    fn in_a_call() -> Agent {
        let mut agent = Agent::default();
        agent.log_in(at(0).mono);
        agent.offer(call(), at(1_000).mono);
        agent.answer(call(), at(3_000));
        agent
    }

    #[test]
    fn q10_every_change_is_numbered_dated_and_told_once() {
        let mut agent = in_a_call();
        agent.hang_up(WrapUp::Forced { ms: 10_000 }, None, at(63_000));
        agent.rest(Rest::Own("lunch".into()), at(65_000).mono).expect("logged in");
        assert!(agent.after_work_over(at(80_000).mono));
        agent.rest(Rest::Own("talk".into()), at(90_000).mono).expect("logged in");
        agent.rest(Rest::Own("talk".into()), at(91_000).mono).expect("logged in");
        agent.log_out(at(100_000).mono);
        let changes = agent.take_changes(at(100_000));
        let wanted = [
            (1, 0, State::Free, ""),
            (2, 1_000, State::Ringing, ""),
            (3, 3_000, State::Talking, ""),
            (4, 63_000, State::AfterWork, ""),
            (5, 65_000, State::AfterWork, ""),
            (6, 73_000, State::Rest, "lunch"),
            (7, 90_000, State::Rest, "talk"),
            (8, 100_000, State::Off, ""),
        ];
        assert_eq!(told(&changes), wanted);
        let calls: Vec<bool> = changes.iter().map(|one| one.call == Some(call())).collect();
        assert_eq!(calls, [false, true, true, true, true, false, false, false]);
        assert_eq!(agent.take_changes(at(100_000)), []);
    }

    #[test]
    fn q25_what_ended_an_offer_stands_with_the_change_that_follows_it() {
        let mut agent = Agent::default();
        agent.log_in(at(0).mono);
        for (how, ms) in [(Refusal::Rejected, 1_000), (Refusal::Withdrawn, 20_000), (Refusal::Missed, 40_000)]
        {
            agent.offer(call(), at(ms).mono);
            agent.refuse(how, Some(1), at(ms + 5_000));
        }
        let changes = agent.take_changes(at(60_000));
        let ended: Vec<_> = changes.iter().filter_map(|one| Some((one.state, one.refusal?))).collect();
        let wanted = [
            (State::Free, Refusal::Rejected),
            (State::Free, Refusal::Withdrawn),
            (State::Rest, Refusal::Missed),
        ];
        assert_eq!(ended, wanted);
        assert_eq!(&*changes[6].reason, "no_answer");
    }

    #[test]
    fn q10_a_clock_that_is_set_back_turns_no_order_round() {
        let mut agent = Agent::default();
        agent.log_in(at(5_000).mono);
        let first = agent.take_changes(at(5_000));
        agent.log_out(at(6_000).mono);
        let back = Now { wall: Wall(MORNING - 3_600_000), ..at(6_000) };
        let second = agent.take_changes(back);
        assert!(second[0].at >= first[0].at && second[0].number == 2, "{second:?}");
        let mut again = Agent::read(&agent.write(back), back).expect("it reads");
        again.log_in(at(7_000).mono);
        let third = again.take_changes(back);
        assert!(third[0].at >= second[0].at && third[0].number == 3, "{third:?}");
    }

    #[test]
    fn q24_a_call_that_died_with_its_node_ends_in_the_history_at_the_last_sign_of_life() {
        let mut agent = in_a_call();
        agent.take_changes(at(3_000));
        agent.rest(Rest::Own("a:b".into()), at(4_000).mono).expect("logged in");
        assert_eq!(
            told(&agent.take_changes(at(4_000))),
            [(4, 4_000, State::Talking, "")],
            "what is kept is told"
        );
        let kept = agent.write(at(4_000));
        let (closed, change) = Agent::close(&kept, at(34_000)).expect("a call kept it");
        assert_eq!(told(&[change]), [(5, 34_000, State::Rest, "a:b")]);
        assert_eq!(Agent::close(&closed, at(34_000)), None, "once");
        let later = Now { mono: at(35_000).mono, wall: at(60_000).wall };
        let mut reborn = Agent::read(&closed, later).expect("it reads");
        assert_eq!(reborn.take_changes(later), []);
        let times = reborn.times(later.mono);
        assert_eq!((times.free, times.ringing, times.talking, times.rest), (1_000, 2_000, 31_000, 26_000));
        reborn.check(later.mono).expect("they add up");
        reborn.log_out(later.mono);
        assert_eq!(told(&reborn.take_changes(later)), [(6, 60_000, State::Off, "")]);
    }

    #[test]
    fn q24_without_a_journal_to_tell_the_next_change_says_when_it_was_seen() {
        let mut agent = in_a_call();
        agent.take_changes(at(3_000));
        let mut reborn = Agent::read(&agent.write(at(3_000)), at(90_000)).expect("it reads");
        assert_eq!(told(&reborn.take_changes(at(90_000))), [(4, 90_000, State::Free, "")]);
        let before = format!("{},20740,0,0,0,0,9,0,0,0,0,ready,", MORNING + 1_000);
        let mut upgraded = Agent::read(&before, at(90_000)).expect("an earlier version kept it");
        assert_eq!(told(&upgraded.take_changes(at(90_000))), [(1, 90_000, State::Free, "")]);
        assert_eq!(Agent::close(&before, at(90_000)), None);
    }
}
