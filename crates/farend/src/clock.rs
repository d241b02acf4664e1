//! The one place of this crate that reads clocks: time since a start, on the monotonic clock of the machine.
//! It refuses to know dates.

use std::time::Duration;

use tokio::time::Instant;

/// A clock that began at zero.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Clock {
        Clock(Instant::now())
    }

    pub(crate) fn now_us(&self) -> u64 {
        self.0.elapsed().as_micros() as u64
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.now_us() / 1000
    }

    /// The instant at which this clock shows `at_ms`.
    pub(crate) fn at_ms(&self, at_ms: u64) -> Instant {
        self.0 + Duration::from_millis(at_ms)
    }

    /// The instant at which this clock shows `at_us`.
    pub(crate) fn at_us(&self, at_us: u64) -> Instant {
        self.0 + Duration::from_micros(at_us)
    }
}

/// A seed that two processes, or two runs, do not share.
pub(crate) fn fresh_seed() -> u64 {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    crate::random::mix(since_epoch.as_nanos() as u64 ^ u64::from(std::process::id()) << 40)
}
