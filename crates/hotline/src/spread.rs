//! A table by keys that are ours, such as numbers and steps. Spreads them by one multiplication: nobody outside chooses
//! them, so none can crowd them into one place.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A table by keys that no stranger chooses; never walked, since its order means nothing.
pub type SpreadMap<Key, Value> = HashMap<Key, Value, BuildHasherDefault<Spread>>;

/// The hash of a key made of small numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u16(&mut self, part: u16) {
        self.write_u32(u32::from(part));
    }

    fn write_u32(&mut self, part: u32) {
        self.0 = (self.0 ^ u64::from(part)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
}
