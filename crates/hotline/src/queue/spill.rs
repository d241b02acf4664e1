//! Sending callers on before they have waited for long: by the wait to be expected, by how many wait, by how many were answered
//! in time of late (row R33). It says that a limit is passed and by which figure; where the caller goes is the flow's business.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{Caller, Floor, Queue};
use crate::{CallId, Mono, Now};

/// So many calls of a queue, the last ones, say how many were answered in time.
const CALLS_MAX: usize = 100;
/// What was longer ago says nothing: a queue that sends all its callers on begins anew when it has passed.
const WINDOW_MS: u64 = 900_000;
/// With fewer nothing is said.
const CALLS_MIN: usize = 10;

/// From when on callers are sent on; at least one limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spill {
    /// The wait to be expected is longer, milliseconds.
    pub wait_ms: Option<u64>,
    /// More callers wait, this one included; who is to be called back holds no line.
    pub waiting: Option<u16>,
    /// Fewer percent than this were answered within so many milliseconds.
    pub level: Option<(u8, u64)>,
}

/// What passed a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpillBy {
    /// The wait to be expected, milliseconds; nobody is there to end it where it has no figure.
    ExpectedWait,
    /// How many wait.
    Waiting,
    /// Percent of calls that were answered in time.
    ServiceLevel,
}

/// A limit that was passed, with the figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spilled {
    /// Which.
    pub by: SpillBy,
    /// The figure; none where no agent is there, so that no wait can be expected.
    pub measured: Option<u64>,
    /// The limit.
    pub limit: u64,
}

/// How long the last calls of a queue waited that were answered; those that left in vain have no figure. Those that the
/// queue itself sent on before their time are not among them.
#[derive(Clone, Debug, Default)]
pub(super) struct Waits(VecDeque<(Mono, Option<u64>)>);

impl Waits {
    pub fn note(&mut self, waited_ms: Option<u64>, now: Mono) {
        if self.0.len() == CALLS_MAX {
            self.0.pop_front();
        }
        self.0.push_back((now, waited_ms));
    }

    /// Percent answered in time of late; `None` while too few calls say so.
    fn level(&self, within_ms: u64, now: Mono) -> Option<u64> {
        let lately = self.0.iter().filter(|(at, _)| now.since_ms(*at) <= WINDOW_MS);
        let in_time = |(_, waited_ms): &&(Mono, Option<u64>)| waited_ms.is_some_and(|ms| ms <= within_ms);
        let (calls, in_time) = (lately.clone().count(), lately.filter(in_time).count());
        (calls >= CALLS_MIN).then(|| (in_time * 100 / calls) as u64)
    }
}

impl Floor {
    /// Whether a caller who waits without an offer is to be sent on now, and why.
    pub fn spills(&mut self, call: CallId, now: Now) -> Option<Spilled> {
        self.catch_up(now);
        let caller = self.callers.get(&call).filter(|caller| caller.offered.is_empty())?;
        let queue = &self.queues[usize::from(caller.queue)];
        let spill = queue.rules.spill?;
        let of = |by, measured, limit| Some(Spilled { by, measured, limit });
        if let Some(limit) = spill.waiting {
            let waiting = queue.position(&caller.turn) as usize;
            let limit = usize::from(limit);
            let is_long = waiting > limit;
            let on_the_line = if is_long { waiting - queue.requests.range(..caller.turn).count() } else { 0 };
            if on_the_line > limit {
                return of(SpillBy::Waiting, Some(on_the_line as u64), limit as u64);
            }
        }
        if let Some((limit, within_ms)) = spill.level
            && let Some(level) =
                queue.waits.level(within_ms, now.mono).filter(|level| *level < u64::from(limit))
        {
            return of(SpillBy::ServiceLevel, Some(level), limit.into());
        }
        let limit = spill.wait_ms?;
        match self.expected_ms(queue, caller) {
            Some(wait_ms) if wait_ms <= limit => None,
            measured => of(SpillBy::ExpectedWait, measured, limit),
        }
    }

    /// The wait that the pace of talks lets expect; `None` while no agent works there.
    fn expected_ms(&self, queue: &Queue, caller: &Caller) -> Option<u64> {
        let staffed = self.staffed(queue);
        (staffed > 0).then(|| queue.pace.expected_ms(queue.position(&caller.turn), staffed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r33_the_service_level_is_that_of_the_last_hundred_calls_of_a_quarter_of_an_hour() {
        let (mut waits, now) = (Waits::default(), Mono(5_000_000));
        (0..9).for_each(|_| waits.note(Some(5_000), now));
        assert_eq!(waits.level(20_000, now), None, "too few");
        waits.note(None, now);
        assert_eq!(waits.level(20_000, now), Some(90));
        assert_eq!(waits.level(4_999, now), Some(0));
        let later = now + 60_000;
        (0..100).for_each(|_| waits.note(Some(20_001), later));
        assert_eq!((waits.level(20_000, later), waits.level(20_001, later)), (Some(0), Some(100)));
        assert_eq!(waits.level(20_000, later + WINDOW_MS), Some(0));
        assert_eq!(waits.level(20_000, later + WINDOW_MS + 1), None, "long ago");
    }
}
