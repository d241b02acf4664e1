//! The two clocks of the process as values. The only place that reads them for the node.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use hotline::{Mono, Now, Wall};

/// Monotonic milliseconds that go on where an earlier life of the node ended, and the wall clock beside them.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    base: Mono,
    born: Instant,
    /// How far a test has moved it on.
    ahead_ms: u64,
}

impl Clock {
    /// A clock whose monotonic time begins at `base` now.
    pub fn starting_at(base: Mono) -> Clock {
        Clock { base, born: Instant::now(), ahead_ms: 0 }
    }

    /// Moves both clocks on, for tests that cannot wait minutes.
    pub fn advance(&mut self, by_ms: u64) {
        self.ahead_ms += by_ms;
    }

    /// This instant by both clocks.
    pub fn now(&self) -> Now {
        Now { mono: self.mono(), wall: Wall(wall().0 + self.ahead_ms as i64) }
    }

    /// This instant by the monotonic clock.
    pub fn mono(&self) -> Mono {
        self.base + self.born.elapsed().as_millis() as u64 + self.ahead_ms
    }
}

/// This instant by the wall clock.
pub fn wall() -> Wall {
    let ms = |since: std::time::Duration| since.as_millis() as i64;
    Wall(SystemTime::now().duration_since(UNIX_EPOCH).map_or_else(|before| -ms(before.duration()), ms))
}
