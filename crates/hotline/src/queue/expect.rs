//! What a caller is told of the wait: the position, and how long it may take (row Q21). Neither rises unless somebody went
//! before by priority, or agents left.

use super::{Floor, Queue, Seat};
use crate::agent::{State, WrapUp};
use crate::{CallId, Now};

/// One new talk weighs this much of what was expected before: a sixteenth.
const WEIGHT: u64 = 16;
const MINUTE_MS: u64 = 60_000;

/// A caller's place, to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// 1 for the next; `None` above the queue's limit.
    pub position: Option<u32>,
    /// The expected wait in whole minutes, rounded up; `None` above the queue's limit, or while no agent is there.
    pub minutes: Option<u32>,
}

/// The wait that was told last, and why it was no more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spoken {
    position: u32,
    staffed: u32,
    wait_ms: u64,
}

/// How long a talk with its after-work takes an agent of a queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    mean_ms: u64,
}

impl Pace {
    pub fn new(mean_ms: u64) -> Self {
        Self { mean_ms }
    }

    /// The wait of who is at a position, with so many agents.
    pub fn expected_ms(&self, position: u32, staffed: u32) -> u64 {
        self.mean_ms * u64::from(position) / u64::from(staffed.max(1))
    }

    /// A talk is over.
    pub fn served(&mut self, talk_ms: u64, wrap_up: &WrapUp) {
        let after_ms = match wrap_up {
            WrapUp::None => 0,
            WrapUp::Optional { ms_max } => ms_max.unwrap_or(0) / 2,
            WrapUp::Forced { ms } => *ms,
        };
        self.mean_ms = (self.mean_ms * (WEIGHT - 1) + talk_ms + after_ms) / WEIGHT;
    }
}

impl Floor {
    /// The place of one who waits, as it is to be told now; `None` for a call that does not wait or is told nothing.
    pub fn place(&mut self, call: CallId, now: Now) -> Option<Place> {
        self.catch_up(now);
        let caller = self.callers.get(&call)?;
        let queue = &self.queues[usize::from(caller.queue)];
        let told = queue.rules.wait_told?;
        let (position, staffed) = (queue.position(&caller.turn), self.staffed(queue));
        let raw_ms = queue.pace.expected_ms(position, staffed);
        let no_reason = |spoken: &Spoken| position <= spoken.position && staffed >= spoken.staffed;
        let most_ms = caller.spoken.filter(no_reason).map_or(u64::MAX, |spoken| spoken.wait_ms);
        let wait_ms = raw_ms.min(most_ms);
        let minutes = u32::try_from(wait_ms.div_ceil(MINUTE_MS).max(1)).unwrap_or(u32::MAX);
        let place = Place {
            position: (position <= told.position_max).then_some(position),
            minutes: (staffed > 0 && minutes <= told.minutes_max).then_some(minutes),
        };
        if place.minutes.is_some() {
            self.callers.get_mut(&call)?.spoken = Some(Spoken { position, staffed, wait_ms });
        }
        Some(place)
    }

    /// Agents of a queue who work for it: neither off nor at rest, and with room for its calls.
    pub(super) fn staffed(&self, queue: &Queue) -> u32 {
        let works = |state: State| !matches!(state, State::Off | State::Rest);
        let members = queue.members.iter();
        let works = |seat: &&Seat| works(self.posts[usize::from(seat.agent)].agent.state());
        members.filter(works).filter(|seat| !self.never_holds(queue, seat.agent)).count() as u32
    }
}
