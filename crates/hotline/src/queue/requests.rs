//! Who is to be called back waits in a queue's line as any caller does, by priority and wait (row Q15), with no call yet: the
//! first offer begins one. It does not count as a caller whom the queue lets wait in vain.

use super::{Caller, Floor, Told};
use crate::priority::Turn;
use crate::{CallId, Mono, Now};

/// Somebody who is to be called back.
#[derive(Clone, Copy, Debug)]
pub struct LineUp<'a> {
    /// The call that will call back.
    pub call: CallId,
    /// The number to call.
    pub number: &'a str,
    /// What it goes before others by, 0 to 9.
    pub priority: u8,
    /// When its wait began.
    pub since: Mono,
    /// The seed of random choices.
    pub seed: u64,
}

impl Floor {
    /// Whether a request may stand in a queue's line: somebody is there for whom it would wait (row Q18).
    pub fn takes_requests(&self, queue: &str) -> bool {
        let queue = self.by_name.get(queue).map(|place| &self.queues[usize::from(*place)]);
        queue.is_some_and(|queue| !self.is_empty(queue, |rules| rules.leave_empty))
    }

    /// Puts a request into a queue's line. However many callers wait there, it has its place.
    pub fn line_up(&mut self, queue: &str, who: &LineUp<'_>, now: Now) {
        self.catch_up(now);
        let Some(number) = self.by_name.get(queue).copied() else { return };
        let queue = &mut self.queues[usize::from(number)];
        let turn = Turn::new(who.priority, who.since, who.call);
        let relaxes_at = queue.rules.relaxes_after_ms(0).map(|after_ms| now.mono + after_ms);
        queue.waiting.insert(turn);
        queue.requests.insert(turn);
        self.due.extend(relaxes_at.map(|at| (at, super::Due::Relax(who.call))));
        let caller = Caller {
            queue: number,
            turn,
            number: who.number.into(),
            joined: now.mono,
            since: who.since,
            credited: false,
            is_request: true,
            step: 0,
            relaxes_at,
            offered: Vec::new(),
            rejected: Vec::new(),
            seed: who.seed,
            spoken: None,
        };
        self.callers.insert(who.call, caller);
        self.open_again(who.call, now);
    }

    /// Whether this call stands in a line.
    pub fn is_waiting(&self, call: CallId) -> bool {
        self.callers.contains_key(&call)
    }

    /// What a call waits for is not wanted any more: it is told so.
    pub fn withdraw_request(&mut self, call: CallId) {
        self.told.push_back((call, Told::Withdrawn));
    }
}
