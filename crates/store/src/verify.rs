//! The books and records checked against themselves, all from one state of the database. It repairs nothing: what it
//! finds is for a person.

mod books;
mod scan;

use std::collections::{BTreeMap, HashMap};

use hotline::{HotlineNumber, Money, TenantId, Wall};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe};

use books::Books;

use crate::database::{Result, Store};
use crate::rollups::HOUR_MS;
use crate::rows::Read;

/// Which check found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingKind {
    /// An entry whose two accounts are one, or with a negative amount.
    BadEntry,
    /// A sum by account and day that is not the sum of its entries.
    EntrySum,
    /// One call with two records: under two tenants, or as a phone's emergency call too.
    TwoRecords,
    /// A record without all of its legs, or a leg without a record.
    Legs,
    /// A charge without a record, without its entry, or an entry of another amount.
    ChargeWithoutEntry,
    /// An entry of a call without its charge.
    EntryWithoutCharge,
    /// Revisions of one charge that do not follow each other.
    Revision,
    /// A rollup that is not what the records say.
    Rollup,
    /// A month's spending that is not the sum of its hours.
    MonthSpend,
    /// A record that names a recording without a row, or a row without a record that names it.
    Recording,
    /// A journal's mark behind a record of that journal.
    JournalMark,
    /// A held number whose version is not its holder's latest.
    Number,
}

impl FindingKind {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            FindingKind::BadEntry => "bad_entry",
            FindingKind::EntrySum => "entry_sum",
            FindingKind::TwoRecords => "two_records",
            FindingKind::Legs => "legs",
            FindingKind::ChargeWithoutEntry => "charge_without_entry",
            FindingKind::EntryWithoutCharge => "entry_without_charge",
            FindingKind::Revision => "revision",
            FindingKind::Rollup => "rollup",
            FindingKind::MonthSpend => "month_spend",
            FindingKind::Recording => "recording",
            FindingKind::JournalMark => "journal_mark",
            FindingKind::Number => "number",
        }
    }
}

/// Something that does not agree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Which check.
    pub kind: FindingKind,
    /// The enterprise, or `provider`.
    pub tenant: TenantId,
    /// The row or key in question.
    pub subject: String,
}

/// Every check that is one statement: it selects tenant and subject of each finding. What goes by tenant and call is
/// checked in one pass, by [`Books`].
const CHECKS: [(FindingKind, &str); 4] = [
    (
        FindingKind::TwoRecords,
        "select min(tenant_id) as tenant_id, call_id as subject from call group by call_id having count(*) > 1",
    ),
    (
        FindingKind::TwoRecords,
        "select help_call.tenant_id, help_call.call_id as subject from help_call \
        where exists (select 1 from call where call.call_id = help_call.call_id)",
    ),
    (
        FindingKind::Recording,
        "select recording.tenant_id, recording.recording_id as subject from recording \
        where not exists (select 1 from call where call.tenant_id = recording.tenant_id \
        and call.call_id = recording.call_id and call.recording_id = recording.recording_id) \
        and not exists (select 1 from voicemail where voicemail.tenant_id = recording.tenant_id \
        and voicemail.voicemail_id = recording.recording_id)",
    ),
    (FindingKind::Number, NUMBERS),
];

const NUMBERS: &str = "select number.holder_id as tenant_id, number.number as subject from number \
    left join (select tenant_id, max(version) as version from enterprise group by tenant_id) latest \
    on latest.tenant_id = number.holder_id where coalesce(latest.version, 0) <> number.version";

/// No check lists more than this many findings.
const FINDINGS_MAX: usize = 1000;

/// What was found so far.
#[derive(Default)]
struct Findings {
    found: Vec<Finding>,
    counts: BTreeMap<FindingKind, usize>,
}

impl Findings {
    fn add(&mut self, finding: Finding) {
        let count = self.counts.entry(finding.kind).or_default();
        *count += 1;
        if *count <= FINDINGS_MAX {
            self.found.push(finding);
        }
    }
}

impl Store {
    /// Runs every check over one state of the database; empty is clean. It reads every row once or twice.
    ///
    /// # Errors
    /// The database cannot be read, or a row holds what cannot be read back.
    pub async fn verify(&self) -> Result<Vec<Finding>> {
        self.verify_telling(|_| ()).await
    }

    /// The same; `tell` hears now and then how many calls were checked.
    ///
    /// # Errors
    /// As [`Store::verify`].
    pub async fn verify_telling(&self, mut tell: impl FnMut(u64) + Send) -> Result<Vec<Finding>> {
        let mut snapshot = self.snapshot().await?;
        let mut findings = Findings::default();
        let positions = Books::open(&mut snapshot, &mut findings).await?.read(&mut tell).await?;
        let mut findings = findings.found;
        findings.extend(marks(&mut snapshot, positions).await?);
        for (kind, sql) in CHECKS {
            findings.extend(run(&mut snapshot, kind, sql).await?);
        }
        findings.extend(months(&mut snapshot).await?);
        findings.sort();
        findings.dedup();
        Ok(findings)
    }
}

async fn run(connection: &mut AnyConnection, kind: FindingKind, sql: &str) -> Result<Vec<Finding>> {
    let sql = format!("{sql} limit {FINDINGS_MAX}");
    let rows = sqlx::query(AssertSqlSafe(sql)).persistent(false).fetch_all(connection).await?;
    let read = |row: &AnyRow| {
        Ok(Finding { kind, tenant: TenantId::new(&row.text("tenant_id")?), subject: row.text("subject")? })
    };
    rows.iter().map(read).collect()
}

/// Journals' marks behind the last position that a record names.
async fn marks(connection: &mut AnyConnection, mut positions: HashMap<String, i64>) -> Result<Vec<Finding>> {
    let sql = "select node, position from journal_mark where tenant_id = 'provider'";
    for row in sqlx::query(sql).fetch_all(connection).await? {
        let mark = row.int("position")?;
        positions.retain(|node, last| *last > mark || row.text("node").is_ok_and(|marked| marked != *node));
    }
    let finding = |subject| Finding { kind: FindingKind::JournalMark, tenant: TenantId::provider(), subject };
    // Positions begin at 0: a node whose records name no place in its journal needs no mark.
    Ok(positions.into_iter().filter(|(_, last)| *last > -1).map(|(node, _)| finding(node)).collect())
}

type Months = BTreeMap<(String, String, i64), (i64, i64, Money)>;

/// A billing month is Beijing's, which no SQL here knows: days are put into months in this function.
async fn months(connection: &mut AnyConnection) -> Result<Vec<Finding>> {
    let by_day = "select tenant_id, number, (hour + 8) / 24 as day, cast(sum(calls) as bigint) as calls, \
                  cast(sum(answered) as bigint) as answered, cast(sum(sale_e4) as bigint) as spent_e4 \
                  from rollup group by tenant_id, number, (hour + 8) / 24";
    let mut counted = Months::new();
    for row in sqlx::query(by_day).fetch_all(&mut *connection).await? {
        let midnight = Wall((row.int("day")? * 24 - 8) * HOUR_MS);
        let month = i64::from(midnight.beijing().billing_month());
        for number in [String::new(), row.text("number")?] {
            let sum = counted.entry((row.text("tenant_id")?, number, month)).or_default();
            sum.0 += row.int("calls")?;
            sum.1 += row.int("answered")?;
            sum.2 += Money(row.int("spent_e4")?);
        }
    }
    let kept = "select tenant_id, number, month, calls, answered, counted, spent_e4 from month_spend";
    let mut found = Months::new();
    let mut findings = Vec::new();
    let mut beyond_whole: BTreeMap<(String, i64), i64> = BTreeMap::new();
    for row in sqlx::query(kept).fetch_all(connection).await? {
        let (tenant, number, month) = (row.text("tenant_id")?, row.text("number")?, row.int("month")?);
        let sum = (row.int("calls")?, row.int("answered")?, Money(row.int("spent_e4")?));
        // What counts against a cap was decided call by call: more than was answered, no more than was called.
        let counted = row.int("counted")?;
        if counted < sum.1 || counted > sum.0 {
            findings.push(month_finding(&tenant, &number, month));
        }
        let signed = if number.is_empty() { -counted } else { counted };
        *beyond_whole.entry((tenant.clone(), month)).or_default() += signed;
        found.insert((tenant, number, month), sum);
    }
    let unequal = beyond_whole.iter().filter(|(_, beyond)| **beyond != 0);
    findings.extend(unequal.map(|((tenant, month), _)| month_finding(tenant, "", *month)));
    let differ = |key: &&(String, String, i64)| counted.get(*key) != found.get(*key);
    let keys = counted.keys().chain(found.keys()).filter(differ);
    findings.extend(keys.map(|(tenant, number, month)| month_finding(tenant, number, *month)));
    findings.truncate(FINDINGS_MAX);
    Ok(findings)
}

fn month_finding(tenant: &str, number: &str, month: i64) -> Finding {
    let whose = number.parse::<HotlineNumber>().map_or("all numbers".to_owned(), |number| number.to_string());
    Finding {
        kind: FindingKind::MonthSpend,
        tenant: TenantId::new(tenant),
        subject: format!("{whose} {month}"),
    }
}
