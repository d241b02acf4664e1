//! Who answered a caller last (row R15): a bounded memory in numbered places, so that what a database keeps of it is
//! bounded too. It knows digits and instants, and no rule.

use std::collections::{BTreeMap, BTreeSet};

use crate::{HotlineNumber, Wall};

/// Callers remembered for one enterprise, at most; beyond it whoever called longest ago is forgotten.
pub const MEMORIES_MAX: u16 = 10_000;

/// The callers of one enterprise and who answered them.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    places: BTreeMap<u16, Memo>,
    by_caller: BTreeMap<(Option<HotlineNumber>, String), u16>,
    by_age: BTreeSet<(Wall, u16)>,
}

/// One caller and who answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memo {
    /// The 400 number called; `None` where the whole enterprise remembers as one.
    pub number: Option<HotlineNumber>,
    /// The caller in national form.
    pub caller: String,
    /// When the answer came.
    pub at: Wall,
    /// The digits or URI of the phone that answered.
    pub phone: String,
}

impl Memory {
    /// Who answered a caller last.
    pub fn of(&self, number: Option<HotlineNumber>, caller: &str) -> Option<&Memo> {
        self.places.get(self.by_caller.get(&(number, caller.to_owned()))?)
    }

    /// Keeps who answered; the place it is kept at.
    pub fn keep(&mut self, memo: Memo) -> u16 {
        let known = self.by_caller.get(&(memo.number, memo.caller.clone())).copied();
        let place = known
            .or_else(|| self.free_place())
            .unwrap_or_else(|| self.by_age.first().map_or(0, |(_, oldest)| *oldest));
        self.put(place, Some(memo));
        place
    }

    fn free_place(&self) -> Option<u16> {
        let behind = self.places.last_key_value().map_or(0, |(last, _)| last + 1);
        if behind < MEMORIES_MAX {
            return Some(behind);
        }
        let is_full = self.places.len() >= usize::from(MEMORIES_MAX);
        (0..MEMORIES_MAX).find(|place| !is_full && !self.places.contains_key(place))
    }

    /// Puts what is remembered at a place, or empties it.
    pub fn put(&mut self, place: u16, memo: Option<Memo>) {
        if let Some(before) = self.places.remove(&place) {
            self.by_age.remove(&(before.at, place));
            let key = (before.number, before.caller);
            if self.by_caller.get(&key) == Some(&place) {
                self.by_caller.remove(&key);
            }
        }
        if let Some(memo) = memo {
            self.by_age.insert((memo.at, place));
            self.by_caller.insert((memo.number, memo.caller.clone()), place);
            self.places.insert(place, memo);
        }
    }

    /// The places at which a caller is remembered, for any number.
    pub fn places_of(&self, caller: &str) -> Vec<u16> {
        let of_caller = self.places.iter().filter(|(_, memo)| memo.caller == caller);
        of_caller.map(|(place, _)| *place).collect()
    }

    /// How many callers are remembered.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether nobody is.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

impl Memo {
    /// As it is remembered: `4006010114,13510001000,1791770400000,01062000001`, with a star for the whole enterprise.
    pub fn write(&self) -> String {
        let number = self.number.map_or("*".to_owned(), |number| number.to_string());
        format!("{number},{},{},{}", self.caller, self.at.0, self.phone)
    }

    /// Reads what [`Memo::write`] wrote; `None` for an emptied place.
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = text.splitn(4, ',');
        let number = match parts.next()? {
            "*" => None,
            number => Some(number.parse().ok()?),
        };
        Some(Self {
            number,
            caller: parts.next()?.to_owned(),
            at: Wall(parts.next()?.parse().ok()?),
            phone: parts.next()?.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memo(caller: u32, at: i64) -> Memo {
        Memo { number: None, caller: caller.to_string(), at: Wall(at), phone: "sip:8001@192.0.2.1,x".into() }
    }

    #[test]
    fn r15_the_memory_is_bounded_and_drops_whoever_called_longest_ago() {
        let mut memory = Memory::default();
        let most = u32::from(MEMORIES_MAX);
        for caller in 0..most {
            assert_eq!(memory.keep(memo(caller, i64::from(caller))), caller as u16);
        }
        assert_eq!(memory.keep(memo(0, i64::from(most))), 0, "who is known keeps the place");
        assert_eq!(memory.keep(memo(most, i64::from(most) + 1)), 1, "the oldest gives way");
        assert_eq!((memory.len(), memory.of(None, "1")), (usize::from(MEMORIES_MAX), None));
        assert_eq!(memory.of(None, "0").map(|memo| memo.at), Some(Wall(i64::from(most))));
        memory.put(5, None);
        assert_eq!(memory.keep(memo(77_777, 9)), 5, "a place that was emptied is taken again");
    }

    #[test]
    fn r15_what_is_written_reads_back_and_an_emptied_place_is_none() {
        let number = "4006010114".parse().ok();
        for memo in [memo(7, 1), Memo { number, ..memo(8, -1) }] {
            assert_eq!(Memo::read(&memo.write()), Some(memo));
        }
        assert_eq!(Memo::read(""), None);
    }
}
