//! Places kept for callers who were cut off (row Q16): whoever redials in time waits on from where it was, once.

use std::collections::{BTreeMap, BTreeSet};

use super::QueueNo;
use crate::Mono;

/// A place is kept so long.
const KEPT_MS: u64 = 600_000;
/// Places kept at once; beyond it the oldest is given up.
const KEPT_MAX: usize = 10_000;

#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    by_caller: BTreeMap<(QueueNo, Box<str>), (Mono, u64)>,
    by_time: BTreeSet<(Mono, QueueNo, Box<str>)>,
}

impl Kept {
    /// Keeps the wait of a caller who was cut off; a withheld caller is nobody.
    pub fn keep(&mut self, queue: QueueNo, caller: &str, waited_ms: u64, now: Mono) {
        if caller.is_empty() || waited_ms == 0 {
            return;
        }
        self.take(queue, caller, now);
        while let Some((at, _, _)) = self.by_time.first()
            && (self.by_time.len() >= KEPT_MAX || now.since_ms(*at) > KEPT_MS)
        {
            if let Some((_, queue, caller)) = self.by_time.pop_first() {
                self.by_caller.remove(&(queue, caller));
            }
        }
        self.by_caller.insert((queue, caller.into()), (now, waited_ms));
        self.by_time.insert((now, queue, caller.into()));
    }

    /// What a caller waited before, if that was lately; it is told once.
    pub fn take(&mut self, queue: QueueNo, caller: &str, now: Mono) -> Option<u64> {
        let (at, waited_ms) = self.by_caller.remove(&(queue, caller.into()))?;
        self.by_time.remove(&(at, queue, caller.into()));
        (now.since_ms(at) <= KEPT_MS).then_some(waited_ms)
    }
}
