//! What a call's waits in queues came to, a stay each (row Q12): folded from the log, as the record is. It refuses to know what a
//! queue has promised.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Party;
use crate::call::{Dated, Fact, LegNo, Unqueued};
use crate::queue::NoPlace;
use crate::{Mono, Wall};

/// One call in one queue. Who leaves by a key and comes back waits on (row I16): that is one stay. A queue that a call is sent to
/// once more after a talk, or after the queue itself sent it on, is another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueStay {
    /// The queue.
    pub queue: String,
    /// Whether the platform called who waited: a request for a callback in its line (row Q15).
    pub is_callback: bool,
    /// When it began.
    pub joined_at: Wall,
    /// When it was over.
    pub left_at: Wall,
    /// How it was over.
    pub why: StayEnd,
    /// How long the caller waited there, milliseconds; what was spent elsewhere in between is not counted.
    pub wait_ms: u64,
    /// How often the caller came back by a key.
    pub returns: u32,
    /// The number of the agent who answered; empty if none did.
    pub agent: String,
    /// How long that agent was in the call, milliseconds, holds included.
    pub talk_ms: u64,
}

/// How a stay was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StayEnd {
    /// An agent answered.
    Answered,
    /// The caller hung up.
    Abandoned,
    /// The call ended without the caller's word: no money, the node stopped or died.
    CutOff,
    /// It waited as long as may be.
    TimedOut,
    /// Nobody who counts was left (row Q18).
    LeftEmpty,
    /// A key of the caller led it on, and it did not come back.
    ByKey,
    /// A limit of the queue sent it on before its time (row R33).
    Spilled,
    /// It could not join: as many waited as may.
    Full,
    /// It could not join: nobody who counts was there (row Q18).
    Empty,
}

impl StayEnd {
    /// All of them.
    pub const ALL: [StayEnd; 9] = [
        StayEnd::Answered,
        StayEnd::Abandoned,
        StayEnd::CutOff,
        StayEnd::TimedOut,
        StayEnd::LeftEmpty,
        StayEnd::ByKey,
        StayEnd::Spilled,
        StayEnd::Full,
        StayEnd::Empty,
    ];

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            StayEnd::Answered => "answered",
            StayEnd::Abandoned => "abandoned",
            StayEnd::CutOff => "cut_off",
            StayEnd::TimedOut => "timed_out",
            StayEnd::LeftEmpty => "left_empty",
            StayEnd::ByKey => "by_key",
            StayEnd::Spilled => "spilled",
            StayEnd::Full => "full",
            StayEnd::Empty => "empty",
        }
    }

    fn of(why: Unqueued) -> StayEnd {
        match why {
            Unqueued::Answered => StayEnd::Answered,
            Unqueued::TimedOut => StayEnd::TimedOut,
            Unqueued::Empty => StayEnd::LeftEmpty,
            // Who ended the call is known at its end.
            Unqueued::Gone => StayEnd::CutOff,
            Unqueued::ByKey => StayEnd::ByKey,
            Unqueued::Spilled => StayEnd::Spilled,
        }
    }
}

#[derive(Default)]
struct Folding<'l> {
    stays: Vec<Stay<'l>>,
    /// The stay that goes on, with when it was joined this time.
    open: Option<(usize, Mono)>,
    /// The agent that each leg rings.
    offers: Vec<(LegNo, &'l Arc<str>)>,
    /// The stay that an agent's answer ended just now: whose it was is said by the next fact.
    answered: Option<usize>,
    /// Whether the platform calls somebody back who has not answered yet.
    is_callback: bool,
    /// The first stay behind the last talk.
    behind_talk: usize,
    /// Who ended the call, and when.
    ended: Option<(Party, Mono)>,
}

struct Stay<'l> {
    queue: &'l Arc<str>,
    is_callback: bool,
    joined: Mono,
    left: Mono,
    why: StayEnd,
    wait_ms: u64,
    returns: u32,
    agent: &'l str,
    /// The leg of the agent who answered.
    leg: Option<LegNo>,
    talk_ms: u64,
}

/// The stays of a call's log, in the order they began. `wall_offset_ms` is that of its arrival.
pub fn stays(log: &[Dated], wall_offset_ms: i64) -> Vec<QueueStay> {
    let mut folding = Folding::default();
    log.iter().for_each(|dated| folding.take(&dated.fact, dated.at));
    folding.end(log.last().map_or(Mono(0), |last| last.at));
    let wall = |at| Wall::of(at, wall_offset_ms);
    let whole = |stay: Stay<'_>| QueueStay {
        queue: stay.queue.to_string(),
        is_callback: stay.is_callback,
        joined_at: wall(stay.joined),
        left_at: wall(stay.left),
        why: stay.why,
        wait_ms: stay.wait_ms,
        returns: stay.returns,
        agent: stay.agent.to_owned(),
        talk_ms: stay.talk_ms,
    };
    folding.stays.into_iter().map(whole).collect()
}

impl<'l> Folding<'l> {
    fn take(&mut self, fact: &'l Fact, at: Mono) {
        match fact {
            Fact::CallsBack { .. } => self.is_callback = true,
            // Who was called back is a caller like any from here on.
            Fact::Answered => self.is_callback = false,
            Fact::Joined { .. } => self.behind_talk = self.stays.len(),
            Fact::Queued { queue, .. } => self.joined(queue, at),
            Fact::NotQueued { queue, why } => {
                let why = match why {
                    NoPlace::Full => StayEnd::Full,
                    NoPlace::Empty => StayEnd::Empty,
                };
                self.stays.push(Stay { why, is_callback: self.is_callback, ..Stay::begun(queue, at) });
            }
            Fact::Offered { leg, agent } => self.offers.push((*leg, agent)),
            Fact::LegAnswered { leg } => self.answers(*leg),
            Fact::Unqueued { why, waited_ms, .. } => self.left(StayEnd::of(*why), *waited_ms, at),
            Fact::LegOver { leg } => self.talked(Some(*leg), at),
            // Our 200 never left: nobody talked.
            Fact::NotAnswered => {
                self.stays.iter_mut().filter(|stay| stay.leg.is_some()).for_each(|stay| {
                    (stay.why, stay.agent, stay.leg) = (StayEnd::CutOff, "", None);
                });
            }
            Fact::HungUp { by, until, .. } => self.ended = Some((*by, *until)),
            _ => {}
        }
    }

    fn joined(&mut self, queue: &'l Arc<str>, at: Mono) {
        let last = self.stays.iter().rposition(|stay| stay.queue == queue);
        let goes_on = |place: &usize| self.stays[*place].why == StayEnd::ByKey && *place >= self.behind_talk;
        let back = last.filter(goes_on);
        let place = back.unwrap_or_else(|| {
            self.stays.push(Stay { is_callback: self.is_callback, ..Stay::begun(queue, at) });
            self.stays.len() - 1
        });
        self.stays[place].returns += u32::from(back.is_some());
        self.open = Some((place, at));
    }

    fn left(&mut self, why: StayEnd, waited_ms: u64, at: Mono) {
        let Some((place, _)) = self.open.take() else { return };
        let stay = &mut self.stays[place];
        (stay.why, stay.left) = (why, at);
        stay.wait_ms += waited_ms;
        self.answered = (why == StayEnd::Answered).then_some(place);
    }

    fn answers(&mut self, leg: LegNo) {
        let agent = self.offers.iter().rfind(|(offered, _)| *offered == leg).map(|(_, agent)| *agent);
        let Some((agent, place)) = agent.zip(self.answered.take()) else { return };
        (self.stays[place].agent, self.stays[place].leg) = (agent, Some(leg));
    }

    /// The leg of an agent is over, or every leg is.
    fn talked(&mut self, leg: Option<LegNo>, at: Mono) {
        for stay in &mut self.stays {
            if stay.leg.is_some() && (leg.is_none() || stay.leg == leg) {
                stay.talk_ms = at.since_ms(stay.left);
                stay.leg = None;
            }
        }
    }

    fn end(&mut self, last: Mono) {
        let (by, until) = self.ended.unwrap_or((Party::Platform, last));
        // Its node died while it waited, or while it was talked in: that lasted to the end.
        if let Some((_, since)) = self.open {
            self.left(StayEnd::CutOff, until.since_ms(since), until);
        }
        self.talked(None, until);
        if by == Party::Caller {
            let gone = self.stays.iter_mut().filter(|stay| stay.why == StayEnd::CutOff && stay.left >= until);
            gone.for_each(|stay| stay.why = StayEnd::Abandoned);
        }
    }
}

impl<'l> Stay<'l> {
    fn begun(queue: &'l Arc<str>, at: Mono) -> Self {
        Stay {
            queue,
            is_callback: false,
            joined: at,
            left: at,
            why: StayEnd::CutOff,
            wait_ms: 0,
            returns: 0,
            agent: "",
            leg: None,
            talk_ms: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(facts: Vec<Fact>) -> Vec<(StayEnd, bool, u32)> {
        let dated = |(place, fact)| Dated { at: Mono(1_000 * place as u64), fact };
        let log: Vec<Dated> = facts.into_iter().enumerate().map(dated).collect();
        stays(&log, 0).into_iter().map(|stay| (stay.why, stay.is_callback, stay.returns)).collect()
    }

    fn queued() -> Fact {
        Fact::Queued { queue: "sales".into(), position: 1, credited_ms: 0 }
    }

    fn left(why: Unqueued) -> Fact {
        Fact::Unqueued { queue: "sales".into(), why, waited_ms: 1_000 }
    }

    #[test]
    fn q12_each_end_of_a_stay_is_told_as_what_it_was() {
        for (why, end) in [
            (Unqueued::TimedOut, StayEnd::TimedOut),
            (Unqueued::Empty, StayEnd::LeftEmpty),
            (Unqueued::ByKey, StayEnd::ByKey),
            (Unqueued::Spilled, StayEnd::Spilled),
            (Unqueued::Answered, StayEnd::Answered),
        ] {
            assert_eq!(told(vec![queued(), left(why)]), [(end, false, 0)]);
        }
        for (why, end) in [(NoPlace::Full, StayEnd::Full), (NoPlace::Empty, StayEnd::Empty)] {
            assert_eq!(told(vec![Fact::NotQueued { queue: "sales".into(), why }]), [(end, false, 0)]);
        }
    }

    #[test]
    fn q12_i16_who_comes_back_goes_on_unless_somebody_talked_with_it_meanwhile() {
        let back = vec![queued(), left(Unqueued::ByKey), queued(), left(Unqueued::TimedOut)];
        assert_eq!(told(back), [(StayEnd::TimedOut, false, 1)]);
        let joined = Fact::Joined { leg: 1 };
        let behind = vec![queued(), left(Unqueued::ByKey), joined, queued(), left(Unqueued::TimedOut)];
        assert_eq!(told(behind), [(StayEnd::ByKey, false, 0), (StayEnd::TimedOut, false, 0)]);
    }

    #[test]
    fn q12_q15_who_was_called_back_and_waits_again_is_a_caller() {
        let back = Fact::CallsBack { request: crate::CallId(1), number: "13800138000".into(), tries: 0 };
        let log = vec![
            back,
            queued(),
            left(Unqueued::Answered),
            Fact::Answered,
            Fact::Joined { leg: 1 },
            queued(),
            left(Unqueued::TimedOut),
        ];
        assert_eq!(told(log), [(StayEnd::Answered, true, 0), (StayEnd::TimedOut, false, 0)]);
    }
}
