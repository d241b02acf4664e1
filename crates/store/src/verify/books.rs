//! Calls, legs, charges, entries and what is summed from them, checked against each other in one pass over each table:
//! all are kept in the order of tenant and call, so the rows of a call meet. Refuses to know how rows are read.

use std::collections::HashMap;

use hotline::TenantId;
use sqlx::AnyConnection;

use super::scan::{FIELD, Key, Scan, Table, unescaped};
use super::{Finding, FindingKind, Findings};
use crate::database::Result;

const CALLS: Table = Table {
    from: "call",
    key: &[Key::Text("tenant_id"), Key::Text("call_id")],
    fields: &[
        "number",
        "province",
        "started_at / 3600000",
        "status",
        "talk_ms",
        "legs",
        "node",
        "position",
        "case when recording_id is null or exists (select 1 from recording where recording.tenant_id = call.tenant_id \
         and recording.recording_id = call.recording_id) then '' else recording_id end",
        "calls_back",
    ],
    grouped: false,
};

const LEGS: Table = Table {
    from: "leg",
    key: &[Key::Text("tenant_id"), Key::Text("call_id")],
    fields: &["count(*)"],
    grouped: true,
};

const CHARGES: Table = Table {
    from: "charge",
    key: &[
        Key::Text("tenant_id"),
        Key::Text("call_id"),
        Key::Int("leg"),
        Key::Text("kind"),
        Key::Int("revision"),
    ],
    fields: &["amount_e4"],
    grouped: false,
};

/// The day in Beijing, as `entry_sum` has it.
const DAY: &str = "(posted_at + 28800000) / 86400000";

const ENTRIES: Table = Table {
    from: "entry",
    key: &[Key::Text("tenant_id"), Key::Free("key")],
    fields: &["kind", "coalesce(call_id, '')", "debit", DAY, "credit", DAY, "amount_e4"],
    grouped: false,
};

const SUMS: Table = Table {
    from: "entry_sum",
    key: &[Key::Text("tenant_id"), Key::Text("account"), Key::Int("day")],
    fields: &["debit_e4", "credit_e4"],
    grouped: false,
};

const ROLLUPS: Table = Table {
    from: "rollup",
    key: &[Key::Text("tenant_id"), Key::Text("number"), Key::Text("province"), Key::Int("hour")],
    fields: &[
        "calls",
        "answered",
        "busy",
        "no_answer",
        "abandoned",
        "barred",
        "failed",
        "callbacks",
        "talk_ms",
        "sale_e4",
        "cost_e4",
    ],
    grouped: false,
};

/// What a rollup counts, in the order of its columns.
type Counts = [i64; 11];
const STATUSES: [&str; 6] = ["answered", "busy", "no_answer", "abandoned", "barred", "failed"];
const CALLBACKS: usize = 7;
const TALK: usize = 8;
const SALE: usize = 9;
const COST: usize = 10;

/// The six passes, side by side.
pub(super) struct Books<'c> {
    connection: &'c mut AnyConnection,
    calls: Scan,
    legs: Scan,
    charges: Scan,
    entries: Scan,
    sums: Scan,
    rollups: Scan,
    findings: &'c mut Findings,
    /// The last position of each node's journal that a record names.
    positions: HashMap<String, i64>,
    /// Pages of calls told of.
    told: u64,
}

/// What is counted of one tenant; the keys are fields as they lie in a row.
#[derive(Default)]
struct Counted {
    /// By number, province and hour.
    hours: HashMap<String, Counts>,
    /// Debits and credits by account and day.
    sums: HashMap<String, [i64; 2]>,
}

/// What there is of one call.
#[derive(Default)]
struct Gathered {
    /// Its hour, if it has a record.
    hour: Option<String>,
    legs_told: i64,
    legs: i64,
    charges: Vec<Charge>,
    entries: Vec<Entry>,
}

struct Charge {
    /// `0/sale/1`: leg, kind and revision, as in an entry's key.
    place: String,
    revision: i64,
    amount_e4: i64,
}

struct Entry {
    /// What follows the call in its key.
    place: String,
    /// Of the kind `call`.
    is_charged: bool,
    /// Its column names the call that its key names.
    is_of_call: bool,
    amount_e4: i64,
}

impl<'c> Books<'c> {
    pub async fn open(connection: &'c mut AnyConnection, findings: &'c mut Findings) -> Result<Books<'c>> {
        Ok(Books {
            calls: Scan::begin(&CALLS, connection).await?,
            legs: Scan::begin(&LEGS, connection).await?,
            charges: Scan::begin(&CHARGES, connection).await?,
            entries: Scan::begin(&ENTRIES, connection).await?,
            sums: Scan::begin(&SUMS, connection).await?,
            rollups: Scan::begin(&ROLLUPS, connection).await?,
            connection,
            findings,
            positions: HashMap::new(),
            told: 0,
        })
    }

    /// Reads everything and gives the last position of each node's journal that a record names. `tell` hears how many
    /// calls were read, now and then.
    pub async fn read(mut self, tell: &mut (impl FnMut(u64) + Send)) -> Result<HashMap<String, i64>> {
        let mut calls = 0;
        while let Some(tenant) = self.next_tenant() {
            let mut counted = Counted::default();
            let mut call = String::new();
            while self.next_call(&tenant, &mut call, &mut counted).await? {
                let gathered = self.gather(&tenant, &call, &mut counted).await?;
                calls += u64::from(gathered.hour.is_some());
                self.check_call(&tenant, &call, &gathered, &mut counted);
                if self.calls.pages > self.told {
                    self.told = self.calls.pages;
                    tell(calls);
                }
            }
            self.check_sums(&tenant, counted.sums).await?;
            self.check_rollups(&tenant, counted.hours).await?;
        }
        Ok(self.positions)
    }

    fn next_tenant(&self) -> Option<String> {
        let scans = [&self.calls, &self.legs, &self.charges, &self.entries, &self.sums, &self.rollups];
        scans.into_iter().filter_map(|scan| scan.head(0)).min().map(str::to_owned)
    }

    /// Puts the next call of the tenant into `call`; entries of no call are looked at on the way. Ids are of one length
    /// and alphabet, so that keys of entries sort as the calls do.
    async fn next_call(&mut self, tenant: &str, call: &mut String, counted: &mut Counted) -> Result<bool> {
        while self.entries.head(0) == Some(tenant) && call_of(self.entries.text(1)).is_none() {
            let entry = self.take_entry(tenant, counted)?;
            if entry.is_charged {
                self.add(FindingKind::EntryWithoutCharge, tenant, unescaped(&entry.place));
            }
            self.entries.next(self.connection).await?;
        }
        let of_tenant = |scan: &'_ Scan| scan.head(0) == Some(tenant);
        let by_id = [&self.calls, &self.legs, &self.charges].into_iter();
        let by_id = by_id.filter(|scan| of_tenant(scan)).map(|scan| scan.text(1));
        let by_key = Some(&self.entries).filter(|scan| of_tenant(scan));
        let by_key = by_key.and_then(|scan| call_of(scan.text(1))).map(|(id, _)| id);
        let Some(next) = by_id.chain(by_key).min() else { return Ok(false) };
        call.clear();
        call.push_str(next);
        Ok(true)
    }

    /// Takes the rows of one call from each table.
    async fn gather(&mut self, tenant: &str, call: &str, counted: &mut Counted) -> Result<Gathered> {
        let mut gathered = Gathered::default();
        let is_here = |scan: &Scan| scan.head(0) == Some(tenant) && scan.head(1) == Some(call);
        if is_here(&self.calls) {
            self.take_call(tenant, &mut gathered, counted)?;
            self.calls.next(self.connection).await?;
        }
        if is_here(&self.legs) {
            gathered.legs = self.legs.int(2)?;
            self.legs.next(self.connection).await?;
        }
        while is_here(&self.charges) {
            gathered.charges.push(Charge {
                place: self.charges.span(2..5).replace(FIELD, "/"),
                revision: self.charges.int(4)?,
                amount_e4: self.charges.int(5)?,
            });
            self.charges.next(self.connection).await?;
        }
        while self.entries.head(0) == Some(tenant)
            && call_of(self.entries.text(1)).is_some_and(|(id, _)| id == call)
        {
            let entry = self.take_entry(tenant, counted)?;
            gathered.entries.push(entry);
            self.entries.next(self.connection).await?;
        }
        Ok(gathered)
    }

    fn take_call(&mut self, tenant: &str, gathered: &mut Gathered, counted: &mut Counted) -> Result<()> {
        let row = &self.calls;
        let hour = row.span(2..5);
        let status = STATUSES.iter().position(|status| *status == row.text(5));
        let counts = entry_of(&mut counted.hours, hour);
        match status {
            _ if !row.text(11).is_empty() => counts[CALLBACKS] += 1,
            Some(status) => {
                counts[0] += 1;
                counts[1 + status] += 1;
            }
            None => counts[0] += 1,
        }
        counts[TALK] += row.int(6)?;
        (gathered.hour, gathered.legs_told) = (Some(hour.to_owned()), row.int(7)?);
        let position = row.int(9)?;
        match self.positions.get_mut(row.text(8)) {
            Some(last) => *last = position.max(*last),
            None => _ = self.positions.insert(row.text(8).to_owned(), position),
        }
        if !row.text(10).is_empty() {
            self.add(FindingKind::Recording, tenant, row.text(10).to_owned());
        }
        Ok(())
    }

    fn take_entry(&mut self, tenant: &str, counted: &mut Counted) -> Result<Entry> {
        let row = &self.entries;
        let (key, debit, credit) = (row.text(1), row.text(4), row.text(6));
        let amount_e4 = row.int(8)?;
        entry_of(&mut counted.sums, row.span(4..6))[0] += amount_e4;
        entry_of(&mut counted.sums, row.span(6..8))[1] += amount_e4;
        let (call, place) = call_of(key).unwrap_or(("", key));
        let entry = Entry {
            place: place.to_owned(),
            is_charged: row.text(2) == "call",
            is_of_call: row.text(3) == call,
            amount_e4,
        };
        if debit == credit || amount_e4 < 0 {
            self.add(FindingKind::BadEntry, tenant, unescaped(key));
        }
        Ok(entry)
    }

    fn check_call(&mut self, tenant: &str, call: &str, gathered: &Gathered, counted: &mut Counted) {
        let has_record = gathered.hour.is_some();
        if gathered.legs != gathered.legs_told {
            self.add(FindingKind::Legs, tenant, call.to_owned());
        }
        for charge in &gathered.charges {
            let is_entry =
                |entry: &&Entry| entry.place == charge.place && entry.amount_e4 == charge.amount_e4.abs();
            let is_posted = charge.amount_e4 == 0 || gathered.entries.iter().any(|entry| is_entry(&entry));
            if !has_record || !is_posted {
                self.add(FindingKind::ChargeWithoutEntry, tenant, call.to_owned());
            }
        }
        for entry in gathered.entries.iter().filter(|entry| entry.is_charged) {
            let is_charged = gathered.charges.iter().any(|charge| charge.place == entry.place);
            if !is_charged || !entry.is_of_call {
                let key = format!("call/{call}/{}", unescaped(&entry.place));
                self.add(FindingKind::EntryWithoutCharge, tenant, key);
            }
        }
        if !revisions_follow(&gathered.charges) {
            self.add(FindingKind::Revision, tenant, call.to_owned());
        }
        let Some(hour) = &gathered.hour else { return };
        let counts = entry_of(&mut counted.hours, hour);
        for charge in &gathered.charges {
            match kind_of(&charge.place) {
                "sale" => counts[SALE] += charge.amount_e4,
                "cost" => counts[COST] += charge.amount_e4,
                _ => {}
            }
        }
    }

    /// What is kept by account and day against what was counted.
    async fn check_sums(&mut self, tenant: &str, mut counted: HashMap<String, [i64; 2]>) -> Result<()> {
        while self.sums.head(0) == Some(tenant) {
            let kept = [self.sums.int(3)?, self.sums.int(4)?];
            let key = self.sums.span(1..3);
            if counted.remove(key) != Some(kept) {
                let subject = key.replace(FIELD, " day ");
                self.add(FindingKind::EntrySum, tenant, subject);
            }
            self.sums.next(self.connection).await?;
        }
        for key in counted.into_keys() {
            self.add(FindingKind::EntrySum, tenant, key.replace(FIELD, " day "));
        }
        Ok(())
    }

    /// What is kept by number, province and hour against what was counted.
    async fn check_rollups(&mut self, tenant: &str, mut counted: HashMap<String, Counts>) -> Result<()> {
        while self.rollups.head(0) == Some(tenant) {
            let mut kept = Counts::default();
            for (place, count) in kept.iter_mut().enumerate() {
                *count = self.rollups.int(4 + place)?;
            }
            let key = self.rollups.span(1..4);
            if counted.remove(key) != Some(kept) {
                let subject = hour_subject(key);
                self.add(FindingKind::Rollup, tenant, subject);
            }
            self.rollups.next(self.connection).await?;
        }
        for key in counted.into_keys() {
            self.add(FindingKind::Rollup, tenant, hour_subject(&key));
        }
        Ok(())
    }

    fn add(&mut self, kind: FindingKind, tenant: &str, subject: String) {
        self.findings.add(Finding { kind, tenant: TenantId::new(tenant), subject });
    }
}

/// The call that an entry's key names, and what follows: `call/<id>/0/sale/0`.
fn call_of(key: &str) -> Option<(&str, &str)> {
    key.strip_prefix("call/")?.split_once('/')
}

/// The kind in `0/sale/1`.
fn kind_of(place: &str) -> &str {
    place.split('/').nth(1).unwrap_or_default()
}

/// Whether the revisions of each leg and kind are 0, 1, 2 and so on. They come in order.
fn revisions_follow(charges: &[Charge]) -> bool {
    fn of(charge: &Charge) -> &str {
        charge.place.rsplit_once('/').map_or("", |(of, _)| of)
    }
    let mut runs = charges.chunk_by(|one, other| of(one) == of(other));
    runs.all(|run| run.iter().map(|charge| charge.revision).eq(0..run.len() as i64))
}

fn hour_subject(key: &str) -> String {
    let mut fields = key.split(FIELD);
    let mut field = || fields.next().unwrap_or_default();
    format!("{} {} hour {}", field(), field(), field())
}

fn entry_of<'m, T: Default>(map: &'m mut HashMap<String, T>, key: &str) -> &'m mut T {
    if !map.contains_key(key) {
        map.insert(key.to_owned(), T::default());
    }
    map.get_mut(key).expect("it was put there if it was not")
}
