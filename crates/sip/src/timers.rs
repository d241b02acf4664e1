//! One deadline per owner, in order.
//! It refuses to know what a deadline means: its owner finds out when it comes.

use std::collections::BTreeSet;

/// Whose deadline it is.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owner {
    Server(u64),
    Client(u64),
    Leg(u64),
}

/// All armed deadlines. Each owner keeps the time of its own, so re-arming finds the old entry.
#[derive(Default)]
pub(crate) struct Timers {
    due: BTreeSet<(u64, Owner)>,
}

impl Timers {
    /// Move an owner's deadline from `armed` to `due_ms`.
    pub(crate) fn arm(&mut self, owner: Owner, armed: &mut Option<u64>, due_ms: Option<u64>) {
        if *armed == due_ms {
            return;
        }
        if let Some(old) = armed.take() {
            self.due.remove(&(old, owner));
        }
        if let Some(due) = due_ms {
            self.due.insert((due, owner));
        }
        *armed = due_ms;
    }

    pub(crate) fn next(&self) -> Option<u64> {
        self.due.first().map(|&(due, _)| due)
    }

    /// The earliest deadline up to `now_ms`, taken out; its owner must clear what it keeps.
    pub(crate) fn pop_due(&mut self, now_ms: u64) -> Option<Owner> {
        let &(due, owner) = self.due.first()?;
        if due > now_ms {
            return None;
        }
        self.due.pop_first();
        Some(owner)
    }

    pub(crate) fn len(&self) -> usize {
        self.due.len()
    }
}
