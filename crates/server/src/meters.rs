//! Figures of the running process, written by its threads and read by `/metrics`. Plain counters without names of
//! callers or tenants.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Upper bounds of the post-dial delay's classes, milliseconds; one more class has no bound.
pub const POST_DIAL_MS: [u64; 15] =
    [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 3_000, 5_000, 10_000, 30_000];

/// A number that threads set or add to.
#[derive(Debug, Default)]
pub struct Figure(AtomicU64);

impl Figure {
    /// Sets it.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Adds to it.
    pub fn add(&self, value: u64) {
        self.0.fetch_add(value, Ordering::Relaxed);
    }

    /// Reads it.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How long callers waited from INVITE to the first word of the target (row R19).
#[derive(Debug, Default)]
pub struct Histogram {
    classes: [Figure; POST_DIAL_MS.len() + 1],
    sum_ms: Figure,
}

impl Histogram {
    /// Counts one call.
    pub fn note(&self, ms: u64) {
        let class = POST_DIAL_MS.iter().position(|bound| ms <= *bound).unwrap_or(POST_DIAL_MS.len());
        self.classes[class].add(1);
        self.sum_ms.add(ms);
    }

    /// Calls per class, not cumulated; the last has no bound.
    pub fn classes(&self) -> [u64; POST_DIAL_MS.len() + 1] {
        std::array::from_fn(|class| self.classes[class].value())
    }

    /// The sum of all, milliseconds.
    pub fn sum_ms(&self) -> u64 {
        self.sum_ms.value()
    }
}

/// All figures.
#[derive(Debug, Default)]
#[allow(missing_docs)]
pub struct Meters {
    pub calls_up: Figure,
    pub calendar_missing_year: Figure,
    pub open_alerts: Figure,
    /// Enterprises whose agents and queues did not agree with the live calls when that was looked at last.
    pub floors_astray: Figure,
    pub invites: Figure,
    pub accepted: Figure,
    pub answered: Figure,
    pub settled: Figure,
    pub refused_unready: Figure,
    pub refused_overload: Figure,
    pub wrong_passwords: Figure,
    pub sip_unheard: Figure,
    pub sip_bans: Figure,
    pub cold_loads: Figure,
    pub registers_failed: Figure,
    pub trunks_unproven: Figure,
    pub trunks_unregistered: Figure,
    pub trunks_down: Figure,
    pub strangers: Figure,
    pub forged: Figure,
    pub emergency_attempts: Figure,
    pub emergency_answered: Figure,
    pub emergency_failed: Figure,
    pub messages_sent: Figure,
    pub messages_refused: Figure,
    pub messages_failed: Figure,
    pub outbound_refused: Figure,
    pub outbound_as_hotline: Figure,
    pub displays_refused: Figure,
    /// Legs refused since today's are all gone (FAULTS N7).
    pub outgoing_refused: Figure,
    pub post_dial: Histogram,
    pub sip_received: Figure,
    pub sip_dropped: Figure,
    pub sip_refused: Figure,
    pub sip_repeated: Figure,
    pub sip_retransmitted: Figure,
    pub sip_unsent: Figure,
    pub sip_connections: Figure,
    pub sip_connections_refused: Figure,
    pub sip_legs: Figure,
    pub sip_transactions: Figure,
    pub sip_timers: Figure,
    pub free_ports: Figure,
    pub media_keys: Figure,
    pub media_refused: Figure,
    pub recordings_stopped: Figure,
    pub unsettled: Figure,
    pub journal_room: Figure,
    pub journal_failures: Figure,
    pub clock_steps: Figure,
    pub traces_dropped: Figure,
    pub store_commits: Figure,
    pub store_calls: Figure,
    pub store_failures: Figure,
    /// When the oldest settlement the store does not have yet came to it, wall milliseconds; 0 without one.
    pub store_oldest_ms: Figure,
    pub caps_passed: Figure,
    pub set_aside: Figure,
    pub database_away: Flag,
    pub journal_low: Flag,
    pub journal_failing: Flag,
    pub draining: Flag,
    pub started: Flag,
}

/// A state that is or is not.
#[derive(Debug, Default)]
pub struct Flag(AtomicBool);

impl Flag {
    /// Sets it; says whether it changed.
    pub fn set(&self, on: bool) -> bool {
        self.0.swap(on, Ordering::AcqRel) != on
    }

    /// Reads it.
    pub fn is_on(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r19_a_delay_falls_into_the_class_that_holds_it() {
        let histogram = Histogram::default();
        for ms in [0, 1, 2, 3, 3_000, 3_001, 30_000, 30_001] {
            histogram.note(ms);
        }
        let classes = histogram.classes();
        assert_eq!((classes[0], classes[1], classes[2]), (2, 1, 1));
        // The class that row R19 asks for, and the one behind it; the last, and what lies beyond.
        assert_eq!((classes[11], classes[12]), (1, 1));
        assert_eq!((classes[14], classes[15]), (1, 1));
        assert_eq!(histogram.sum_ms(), 66_008);
    }
}
