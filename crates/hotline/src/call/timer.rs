//! The deadlines of a call: named, served in the order of their times.

use super::{Call, LegNo};
use crate::Mono;

/// When something is due. At most one of each, but for legs. What falls due in one instant comes in this order, however it was
/// armed: a call that is told again goes the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// When to give up a ringing leg: its ring time after the first 18x, or ring + 8 s after its INVITE.
    Ring(LegNo),
    /// When to wait no longer for the word that somebody answered.
    Confirm(LegNo),
    /// When to cut a prompt that does not end.
    Prompt,
    /// When to wait no longer for the next key.
    Key,
    /// When to hold the next slice.
    Slice,
    /// When what is paid ends.
    PaidEnd,
    /// When to warn that money ends in 30 s.
    Warn,
    /// When the talk has lasted its longest.
    TalkLimit,
    /// When to answer a caller whose carrier cuts what stays unanswered for a minute.
    Early,
    /// When to stop waiting for the last word of legs and media.
    Ending,
    /// When a caller has waited in a queue as long as may be.
    Patience,
    /// When to say how long the wait may be.
    Announce,
    /// When a message is as long as may be.
    Message,
    /// When the recording goes on though nobody ordered it.
    Pause,
    /// When to keep what is heard again behind secret keys.
    Mask,
    /// When to wait no longer for a server outside.
    Fetch,
    /// When to look whether a queue sends its caller on.
    Spill,
    /// When to tell who waits that it may be called back.
    Offer,
}

impl Call {
    /// When to call [`Call::handle`] with [`Event::Timeout`](super::Event::Timeout) at the latest.
    pub fn next_timeout(&self) -> Option<Mono> {
        self.timers.iter().map(|(at, _)| *at).min()
    }

    pub(super) fn arm(&mut self, timer: Timer, at: Mono) {
        self.disarm(timer);
        self.timers.push((at, timer));
    }

    pub(super) fn disarm(&mut self, timer: Timer) {
        self.timers.retain(|(_, armed)| *armed != timer);
    }

    pub(super) fn is_armed(&self, timer: Timer) -> bool {
        self.timers.iter().any(|(_, armed)| *armed == timer)
    }

    pub(super) fn due(&mut self, now: Mono) -> Option<Timer> {
        let first = (0..self.timers.len()).min_by_key(|place| self.timers[*place])?;
        (self.timers[first].0 <= now).then(|| self.timers.swap_remove(first).1)
    }
}
