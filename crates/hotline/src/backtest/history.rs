//! How phones took the calls of a period: what is drawn from where a call did not ring a phone that it would ring.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::recorded::{Recorded, Ring, Turn};
use crate::flow::Chance;

/// Attempts kept of one phone, the latest.
const RINGS_MAX: usize = 64;
/// Phones kept.
const PHONES_MAX: usize = 10_000;

/// How phones took calls, by their digits; bounded, however many calls there were.
#[derive(Clone, Debug, Default)]
pub struct History {
    phones: BTreeMap<Arc<str>, Vec<Ring>>,
    next: usize,
}

impl History {
    /// Takes in a call.
    pub fn add(&mut self, recorded: &Recorded) {
        for (digits, turns) in &recorded.phones {
            for turn in turns {
                let Turn::Rung(ring) = turn else { continue };
                if self.phones.len() >= PHONES_MAX && !self.phones.contains_key(digits) {
                    continue;
                }
                let rings = self.phones.entry(digits.clone()).or_default();
                if rings.len() < RINGS_MAX {
                    rings.push(ring.clone());
                } else {
                    self.next = (self.next + 1) % RINGS_MAX;
                    rings[self.next] = ring.clone();
                }
            }
        }
    }

    /// One of a phone's attempts of which something is known after so many milliseconds.
    pub(super) fn draw(&self, digits: &str, from_ms: u64, chance: &mut Chance) -> Option<Ring> {
        let known: Vec<&Ring> =
            self.phones.get(digits)?.iter().filter(|ring| ring.known_ms >= from_ms).collect();
        if known.is_empty() {
            return None;
        }
        known.get(chance.below(known.len() as u64) as usize).map(|ring| (*ring).clone())
    }
}
