//! The two clocks of the process as values. The only place that reads them for the node.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use hotline::{Mono, Now, Wall};

/// Monotonic milliseconds that go on where an earlier life of the node ended, and the wall clock beside them.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    base: Mono,
    born: Instant,
}

impl Clock {
    /// A clock whose monotonic time begins at `base` now.
    pub fn starting_at(base: Mono) -> Clock {
        Clock { base, born: Instant::now() }
    }

    /// This instant by both clocks.
    pub fn now(&self) -> Now {
        Now { mono: self.mono(), wall: wall() }
    }

    /// This instant by the monotonic clock.
    pub fn mono(&self) -> Mono {
        self.base + self.born.elapsed().as_millis() as u64
    }
}

/// This instant by the wall clock.
pub fn wall() -> Wall {
    let ms = |since: std::time::Duration| since.as_millis() as i64;
    Wall(SystemTime::now().duration_since(UNIX_EPOCH).map_or_else(|before| -ms(before.duration()), ms))
}
