//! Names that nobody can guess, and slabs whose ids are not reused.
//! It refuses to draw randomness: everything comes from the seed and a counter.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A keyed hash and a sequence of unpredictable numbers.
pub(crate) struct Keyed {
    seed: u64,
    drawn: u64,
}

impl Keyed {
    pub(crate) fn new(seed: u64) -> Keyed {
        Keyed { seed, drawn: 0 }
    }

    /// SipHash of the parts under our key; the length of each part counts, so that `ab`+`c` is not `a`+`bc`.
    pub(crate) fn hash(&self, parts: &[&[u8]]) -> u64 {
        // `DefaultHasher::new` has fixed keys, which makes it reproducible; our seed goes in first.
        let mut hasher = std::collections::hash_map::DefaultHasher::new();
        hasher.write_u64(self.seed);
        for part in parts {
            hasher.write_usize(part.len());
            hasher.write(part);
        }
        hasher.finish()
    }

    /// The next number for a tag, a branch or a Call-ID.
    pub(crate) fn draw(&mut self) -> u64 {
        self.drawn += 1;
        self.hash(&[b"draw", &self.drawn.to_le_bytes()])
    }
}

/// 16 lower-case hexadecimal digits.
pub(crate) fn hex(number: u64) -> [u8; 16] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    std::array::from_fn(|place| DIGITS[(number >> (60 - 4 * place)) as usize & 15])
}

/// The same as text.
pub(crate) fn hex_string(number: u64) -> String {
    std::str::from_utf8(&hex(number)).unwrap_or_default().to_owned()
}

/// A number's decimal digits at the end of `room`. Messages and descriptions are full of numbers, and the machinery of
/// `format!` costs a description more than all the rest of it.
pub(crate) fn decimal(mut number: u64, room: &mut [u8; 20]) -> &str {
    let mut start = room.len();
    loop {
        start -= 1;
        room[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return std::str::from_utf8(&room[start..]).unwrap_or_default();
        }
    }
}

/// Reads what [`hex`] wrote, and nothing else.
pub(crate) fn unhex(digits: &[u8]) -> Option<u64> {
    if digits.len() != 16 {
        return None;
    }
    digits.iter().try_fold(0u64, |number, &digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u64::from(value))
    })
}

/// A map whose keys are outputs of [`Keyed`] and need no second hashing.
pub(crate) type KeyMap<V> = HashMap<u64, V, BuildHasherDefault<AsIs>>;

#[derive(Default)]
pub(crate) struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// Values under ids of a slot and its generation. A freed slot is used again under the next generation.
pub(crate) struct Slab<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
}

struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

impl<T> Slab<T> {
    pub(crate) fn new() -> Slab<T> {
        Slab { slots: Vec::new(), free: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(crate) fn insert(&mut self, value: T) -> u64 {
        let place = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, value: None });
            (self.slots.len() - 1) as u32
        });
        let slot = &mut self.slots[place as usize];
        slot.generation = slot.generation.wrapping_add(1).max(1);
        slot.value = Some(value);
        u64::from(slot.generation) << 32 | u64::from(place)
    }

    pub(crate) fn get(&self, id: u64) -> Option<&T> {
        let slot = self.slots.get(id as u32 as usize)?;
        if u64::from(slot.generation) == id >> 32 { slot.value.as_ref() } else { None }
    }

    pub(crate) fn get_mut(&mut self, id: u64) -> Option<&mut T> {
        let slot = self.slots.get_mut(id as u32 as usize)?;
        if u64::from(slot.generation) == id >> 32 { slot.value.as_mut() } else { None }
    }

    pub(crate) fn remove(&mut self, id: u64) -> Option<T> {
        let slot = self.slots.get_mut(id as u32 as usize)?;
        if u64::from(slot.generation) != id >> 32 {
            return None;
        }
        let value = slot.value.take()?;
        self.free.push(id as u32);
        Some(value)
    }

    /// All values with their ids, in the order of their slots.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.slots.iter().enumerate().filter_map(|(place, slot)| {
            let value = slot.value.as_ref()?;
            Some((u64::from(slot.generation) << 32 | place as u64, value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_freed_id_stays_dead() {
        let mut slab = Slab::new();
        let first = slab.insert('a');
        assert_eq!(slab.remove(first), Some('a'));
        let second = slab.insert('b');
        assert_eq!(second as u32, first as u32, "the slot is used again");
        assert_eq!((slab.get(first), slab.get(second)), (None, Some(&'b')));
        assert_eq!(slab.remove(first), None);
        assert_eq!(slab.len(), 1);
    }

    #[test]
    fn decimal_digits_are_those_of_display() {
        for number in [0, 7, 10, 99, 100, 5_060, 65_535, 1 << 40, u64::MAX] {
            assert_eq!(decimal(number, &mut [0; 20]), number.to_string());
        }
    }

    #[test]
    fn hexadecimal_goes_both_ways_and_refuses_the_rest() {
        assert_eq!(unhex(&hex(0x0123_4567_89ab_cdef)), Some(0x0123_4567_89ab_cdef));
        assert_eq!(hex_string(1), "0000000000000001");
        assert_eq!((unhex(b"0123456789ABCDEF"), unhex(b"12")), (None, None));
    }

    #[test]
    fn draws_differ_and_follow_the_seed() {
        let (mut one, mut same, mut other) = (Keyed::new(7), Keyed::new(7), Keyed::new(8));
        let first = one.draw();
        assert_eq!(first, same.draw());
        assert_ne!(first, other.draw());
        assert_ne!(first, one.draw());
    }
}
