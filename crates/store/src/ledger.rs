//! Entries, which are never changed, and what accounts hold: always the sum of entries. The sums by account and day are
//! kept in the transaction that posts.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use hotline::ledger::{Account, Entry, Side, TopUpRefused, top_up};
use hotline::{CallId, Money, TenantId, Wall};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::audit::{Change, write_audit};
use crate::database::{Result, Store};
use crate::rows::{Among, Read, Rows, Value};

static ENTRY: LazyLock<Rows> = LazyLock::new(|| {
    Rows::new(
        "insert into entry (tenant_id, key, kind, call_id, posted_at, debit, credit, amount_e4)",
        "on conflict do nothing",
    )
});

static ENTRY_SUM: LazyLock<Rows> = LazyLock::new(|| {
    Rows::new(
        "insert into entry_sum (tenant_id, account, day, debit_e4, credit_e4)",
        "on conflict (tenant_id, account, day) do update set debit_e4 = entry_sum.debit_e4 + excluded.debit_e4, \
         credit_e4 = entry_sum.credit_e4 + excluded.credit_e4",
    )
});

static BALANCES: LazyLock<Among> = LazyLock::new(|| {
    Among::new(
        "select tenant_id, cast(sum(credit_e4 - debit_e4) as bigint) as balance_e4 from entry_sum where tenant_id in",
        "and account = 'prepaid/' || tenant_id group by tenant_id",
    )
});

/// Writes the entries that are not there yet and says how many these were; their sums are the caller's next step.
pub(crate) async fn insert_entries(connection: &mut AnyConnection, entries: &[&Entry]) -> Result<u64> {
    ENTRY.write(connection, entries.iter().flat_map(|entry| entry_values(entry)).collect()).await
}

/// Posts one entry with its sums, unless it is there, and says whether it was posted.
pub(crate) async fn post_entry(connection: &mut AnyConnection, entry: &Entry) -> Result<bool> {
    let posted = insert_entries(connection, &[entry]).await? > 0;
    if posted {
        add_entry_sums(connection, &[entry]).await?;
    }
    Ok(posted)
}

/// Adds posted entries to the sums of their accounts and days.
pub(crate) async fn add_entry_sums(connection: &mut AnyConnection, entries: &[&Entry]) -> Result<()> {
    let mut sums: BTreeMap<(&str, &Account, i64), (Money, Money)> = BTreeMap::new();
    for entry in entries {
        let day = entry.posted_at.beijing().day_number();
        sums.entry((entry.tenant.as_str(), &entry.debit, day)).or_default().0 += entry.amount_e4;
        sums.entry((entry.tenant.as_str(), &entry.credit, day)).or_default().1 += entry.amount_e4;
    }
    let mut values = Vec::with_capacity(sums.len() * 5);
    for ((tenant, account, day), (debit, credit)) in sums {
        values.extend([
            tenant.into(),
            account.to_string().into(),
            day.into(),
            debit.0.into(),
            credit.0.into(),
        ]);
    }
    ENTRY_SUM.write(connection, values).await?;
    Ok(())
}

fn entry_values(entry: &Entry) -> [Value; 8] {
    [
        entry.tenant.as_str().into(),
        entry.key.as_str().into(),
        entry.kind.code().into(),
        entry.call.map(|call| call.to_string()).into(),
        entry.posted_at.0.into(),
        entry.debit.to_string().into(),
        entry.credit.to_string().into(),
        entry.amount_e4.0.into(),
    ]
}

pub(crate) async fn entries_of(
    connection: &mut AnyConnection,
    tenant: &TenantId,
    call: CallId,
) -> Result<Vec<Entry>> {
    // The keys of a call's entries all begin with it; '0' is the character after '/'.
    let sql = "select tenant_id, key, kind, call_id, posted_at, debit, credit, amount_e4 from entry where \
               tenant_id = $1 and key >= $2 and key < $3 order by key";
    let query = sqlx::query(sql).bind(tenant.to_string());
    let query = query.bind(format!("call/{call}/")).bind(format!("call/{call}0"));
    query.fetch_all(connection).await?.iter().map(read_entry).collect()
}

fn read_entry(row: &AnyRow) -> Result<Entry> {
    Ok(Entry {
        tenant: TenantId::new(&row.text("tenant_id")?),
        key: row.text("key")?,
        kind: row.coded("kind")?,
        call: row.parsed_or_none("call_id")?,
        posted_at: Wall(row.int("posted_at")?),
        debit: row.parsed("debit")?,
        credit: row.parsed("credit")?,
        amount_e4: Money(row.int("amount_e4")?),
    })
}

/// What became of money paid in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopUp {
    /// It was posted; the balance with it.
    Posted {
        /// The prepaid balance after it.
        balance_e4: Money,
    },
    /// The same payment was posted before; nothing changed.
    AlreadyPosted {
        /// When.
        posted_at: Wall,
    },
    /// Another amount was posted under this reference; nothing changed.
    ReferenceUsed {
        /// That amount.
        amount_e4: Money,
    },
    /// The amount or the reference cannot be posted.
    Refused(TopUpRefused),
}

/// One day of one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayTotal {
    /// Days since 1970-01-01, in Beijing's calendar.
    pub day: i64,
    /// Debits of the day.
    pub debit_e4: Money,
    /// Credits of the day.
    pub credit_e4: Money,
}

impl Store {
    /// Posts money that an enterprise paid ahead, with an audit row. `reference` names the payment; the same one twice
    /// is posted once.
    pub async fn top_up(
        &self,
        tenant: &TenantId,
        amount_e4: Money,
        reference: &str,
        change: &Change,
    ) -> Result<TopUp> {
        let entry = match top_up(tenant, amount_e4, reference, change.at) {
            Ok(entry) => entry,
            Err(refused) => return Ok(TopUp::Refused(refused)),
        };
        let mut transaction = self.begin().await?;
        if !post_entry(&mut transaction, &entry).await? {
            return posted_before(&mut transaction, &entry).await;
        }
        let amount = amount_e4.to_string();
        write_audit(&mut transaction, tenant, change, "top_up", &entry.key, None, Some(&amount)).await?;
        let balance_e4 = balance(&mut transaction, tenant, &Account::Prepaid(tenant.clone())).await?;
        transaction.commit().await?;
        Ok(TopUp::Posted { balance_e4 })
    }

    /// What one account of an enterprise holds, on the account's own side.
    pub async fn balance(&self, tenant: &TenantId, account: &Account) -> Result<Money> {
        balance(&mut *self.readers().acquire().await?, tenant, account).await
    }

    /// The prepaid balances of enterprises, zero for one without entries, in the order asked.
    pub async fn balances(&self, tenants: &[TenantId]) -> Result<Vec<(TenantId, Money)>> {
        let mut connection = self.readers().acquire().await?;
        let mut found: BTreeMap<String, Money> = BTreeMap::new();
        for row in BALANCES.read(&mut connection, tenants.iter().map(TenantId::to_string).collect()).await? {
            found.insert(row.text("tenant_id")?, Money(row.int("balance_e4")?));
        }
        let balance = |tenant: &TenantId| found.get(tenant.as_str()).copied().unwrap_or(Money::ZERO);
        Ok(tenants.iter().map(|tenant| (tenant.clone(), balance(tenant))).collect())
    }

    /// One account of an enterprise by day, first to last day inclusive, days without entries left out (row F10).
    pub async fn account_days(
        &self,
        tenant: &TenantId,
        account: &Account,
        first_day: i64,
        last_day: i64,
    ) -> Result<Vec<DayTotal>> {
        let sql = "select day, debit_e4, credit_e4 from entry_sum \
                   where tenant_id = $1 and account = $2 and day >= $3 and day <= $4 order by day";
        let query = sqlx::query(sql)
            .bind(tenant.to_string())
            .bind(account.to_string())
            .bind(first_day)
            .bind(last_day);
        let read = |row: &AnyRow| {
            Ok(DayTotal {
                day: row.int("day")?,
                debit_e4: Money(row.int("debit_e4")?),
                credit_e4: Money(row.int("credit_e4")?),
            })
        };
        query.fetch_all(self.readers()).await?.iter().map(read).collect()
    }
}

async fn balance(connection: &mut AnyConnection, tenant: &TenantId, account: &Account) -> Result<Money> {
    let sql = "select cast(coalesce(sum(debit_e4 - credit_e4), 0) as bigint) from entry_sum \
               where tenant_id = $1 and account = $2";
    let query = sqlx::query_scalar(sql).bind(tenant.to_string()).bind(account.to_string());
    let debits = Money(query.fetch_one(connection).await?);
    Ok(match account.side() {
        Side::Debit => debits,
        Side::Credit => -debits,
    })
}

async fn posted_before(connection: &mut AnyConnection, entry: &Entry) -> Result<TopUp> {
    let sql = "select tenant_id, key, kind, call_id, posted_at, debit, credit, amount_e4 from entry where \
               tenant_id = $1 and key = $2";
    let query = sqlx::query(sql).bind(entry.tenant.to_string()).bind(entry.key.clone());
    let there = read_entry(&query.fetch_one(connection).await?)?;
    Ok(if there.amount_e4 == entry.amount_e4 {
        TopUp::AlreadyPosted { posted_at: there.posted_at }
    } else {
        TopUp::ReferenceUsed { amount_e4: there.amount_e4 }
    })
}
