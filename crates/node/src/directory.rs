//! Which tenant holds a number, at which version, and where its compiled body lies: an index of all configured numbers
//! at 24 bytes each, and the bodies in use, bounded.

use std::collections::BTreeMap;
use std::sync::Arc;

use hotline::{Hotline, HotlineNumber, SpreadMap, TenantId};

/// Where a number's compiled body lies in the snapshot file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Place {
    /// Byte offset.
    pub offset: u64,
    /// Length in bytes.
    pub length: u32,
}

/// One configured number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Whose it is.
    pub tenant: TenantId,
    /// The version of the tenant's document it was compiled from.
    pub version: u32,
    /// Where its body lies.
    pub place: Place,
}

/// 24 bytes: the whole cost of a configured number that nobody calls.
#[derive(Clone, Copy, Debug)]
struct Row {
    offset: u64,
    length: u32,
    number: u32,
    tenant: u32,
    version: u32,
}

/// The index and the warm bodies.
#[derive(Debug)]
pub struct Directory {
    rows: Vec<Row>,
    /// Edits since the index was built; looked up first.
    edits: BTreeMap<u32, Option<Row>>,
    tenants: Vec<TenantId>,
    tenant_places: BTreeMap<TenantId, u32>,
    warm: SpreadMap<u32, Warm>,
    warm_max: usize,
    turn: u64,
}

#[derive(Debug)]
struct Warm {
    hotline: Arc<Hotline>,
    used: u64,
}

/// What the directory knows of a number.
#[derive(Clone, Debug)]
pub enum Found {
    /// The body is here.
    Warm(Arc<Hotline>),
    /// The body must be loaded.
    Cold(Entry),
    /// Nobody holds the number.
    Unassigned,
}

/// Edits beyond this number are merged into the sorted index.
const EDITS_MAX: usize = 4_096;

impl Directory {
    /// An empty directory that keeps at most `warm_max` bodies.
    pub fn new(warm_max: usize) -> Self {
        Self {
            rows: Vec::new(),
            edits: BTreeMap::new(),
            tenants: Vec::new(),
            tenant_places: BTreeMap::new(),
            warm: SpreadMap::default(),
            warm_max: warm_max.max(1),
            turn: 0,
        }
    }

    /// Replaces the index; the numbers need not be sorted.
    pub fn fill(&mut self, entries: impl IntoIterator<Item = (HotlineNumber, Entry)>) {
        self.edits.clear();
        self.warm.clear();
        let mut rows = Vec::new();
        for (number, entry) in entries {
            rows.push(self.row(number, &entry));
        }
        rows.sort_unstable_by_key(|row| row.number);
        rows.dedup_by_key(|row| row.number);
        rows.shrink_to_fit();
        self.rows = rows;
    }

    fn row(&mut self, number: HotlineNumber, entry: &Entry) -> Row {
        let tenant = match self.tenant_places.get(&entry.tenant) {
            Some(place) => *place,
            None => {
                let place = self.tenants.len() as u32;
                self.tenants.push(entry.tenant.clone());
                self.tenant_places.insert(entry.tenant.clone(), place);
                place
            }
        };
        let Place { offset, length } = entry.place;
        Row { offset, length, number: number.suffix(), tenant, version: entry.version }
    }

    /// Sets or removes one number; its body is loaded anew at the next call.
    pub fn set(&mut self, number: HotlineNumber, entry: Option<Entry>) {
        let row = entry.map(|entry| self.row(number, &entry));
        self.edits.insert(number.suffix(), row);
        self.warm.remove(&number.suffix());
        if self.edits.len() > EDITS_MAX {
            self.merge();
        }
    }

    fn merge(&mut self) {
        let edits = std::mem::take(&mut self.edits);
        self.rows.retain(|row| !edits.contains_key(&row.number));
        self.rows.extend(edits.into_values().flatten());
        self.rows.sort_unstable_by_key(|row| row.number);
    }

    /// Looks a number up.
    pub fn find(&mut self, number: HotlineNumber) -> Found {
        self.turn += 1;
        if let Some(warm) = self.warm.get_mut(&number.suffix()) {
            warm.used = self.turn;
            return Found::Warm(warm.hotline.clone());
        }
        let row = match self.edits.get(&number.suffix()) {
            Some(edit) => *edit,
            None => {
                let found = self.rows.binary_search_by_key(&number.suffix(), |row| row.number);
                found.ok().map(|place| self.rows[place])
            }
        };
        row.map_or(Found::Unassigned, |row| Found::Cold(self.entry(row)))
    }

    fn entry(&self, row: Row) -> Entry {
        let place = Place { offset: row.offset, length: row.length };
        Entry { tenant: self.tenants[row.tenant as usize].clone(), version: row.version, place }
    }

    /// Keeps a body; the one used longest ago gives way.
    pub fn keep(&mut self, hotline: Arc<Hotline>) {
        if self.warm.len() >= self.warm_max {
            self.forget_oldest();
        }
        self.warm.insert(hotline.number.suffix(), Warm { hotline, used: self.turn });
    }

    /// Forgets the eighth of the bodies that were used longest ago, so that a full directory does not search on each
    /// cold call.
    #[expect(clippy::disallowed_methods, reason = "what is forgotten does not depend on the order looked at")]
    fn forget_oldest(&mut self) {
        let mut uses: Vec<u64> = self.warm.values().map(|warm| warm.used).collect();
        let nth = uses.len() / 8;
        let (_, threshold, _) = uses.select_nth_unstable(nth);
        let threshold = *threshold;
        self.warm.retain(|_, warm| warm.used > threshold);
    }

    /// How many numbers are configured.
    pub fn len(&self) -> usize {
        let added = self.edits.values().flatten().count();
        let hidden = |number: &&u32| self.rows.binary_search_by_key(*number, |row| row.number).is_ok();
        self.rows.len() + added - self.edits.keys().filter(hidden).count()
    }

    /// Whether no number is configured.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bodies are warm.
    pub fn warm(&self) -> usize {
        self.warm.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(suffix: u32) -> HotlineNumber {
        HotlineNumber::from_suffix(suffix).unwrap()
    }

    fn entry(tenant: &str, version: u32) -> Entry {
        Entry { tenant: TenantId::new(tenant), version, place: Place { offset: 7, length: 9 } }
    }

    #[test]
    fn a_configured_number_costs_no_more_than_64_bytes() {
        assert!(std::mem::size_of::<Row>() <= 64);
    }

    #[test]
    fn edits_hide_and_replace_what_the_index_says() {
        let mut directory = Directory::new(10);
        directory.fill((0..100).map(|suffix| (number(suffix), entry("acme", 1))));
        directory.set(number(5), Some(entry("other", 2)));
        directory.set(number(6), None);
        directory.set(number(200), Some(entry("acme", 3)));
        assert_eq!(directory.len(), 100);
        assert!(matches!(directory.find(number(5)), Found::Cold(found) if found == entry("other", 2)));
        assert!(matches!(directory.find(number(6)), Found::Unassigned));
        directory.merge();
        assert!(matches!(directory.find(number(5)), Found::Cold(found) if found == entry("other", 2)));
        assert!(matches!(directory.find(number(6)), Found::Unassigned));
        assert!(matches!(directory.find(number(200)), Found::Cold(found) if found == entry("acme", 3)));
    }
}
