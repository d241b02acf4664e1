//! Accounts of cold tenants, and bodies the snapshot does not have. An answer comes within a bound, if only to say
//! that the database is away.

use std::sync::Arc;
use std::time::Duration;

use hotline::{Hotline, HotlineNumber, TenantId, ledger};
use node::{Account, Loaded, MonthOf};
use store::MonthSpend;
use tokio::sync::{Semaphore, mpsc};

use super::{Body, Load, Work};
use crate::clock;
use crate::inbox::Message;

/// The node gives an INVITE three seconds; this answer comes before.
const LOAD_MAX: Duration = Duration::from_millis(2_500);
/// Loads at once; the database's readers are fewer.
const AT_ONCE: usize = 16;
/// A read that a commit fell into is begun again so often.
const TRIES: usize = 20;

/// Answers until nobody can ask any more.
pub(super) async fn run(work: Work, mut loads: mpsc::UnboundedReceiver<Load>) {
    let room = Arc::new(Semaphore::new(AT_ONCE));
    while let Some(load) = loads.recv().await {
        let Ok(permit) = room.clone().acquire_owned().await else { return };
        let work = work.clone();
        tokio::spawn(async move {
            answer(&work, load).await;
            drop(permit);
        });
    }
}

async fn answer(work: &Work, load: Load) {
    // Held until the node has been told: see `Work::accounts`.
    let _held = work.accounts.of(&load.tenant).read().await;
    let number = load.number;
    // Nobody waits any more for what was asked too long ago.
    let Some(left) = LOAD_MAX.checked_sub(load.asked_at.elapsed()) else {
        return work.inbox.push(Message::Loaded(nothing(load)));
    };
    let loaded = match tokio::time::timeout(left, read(work, &load)).await {
        Ok(Ok(loaded)) => loaded,
        Ok(Err(error)) => {
            tracing::warn!(%error, %number, "a cold number could not be loaded");
            nothing(load)
        }
        Err(_) => {
            tracing::warn!(%number, "a cold number could not be loaded in time");
            nothing(load)
        }
    };
    work.inbox.push(Message::Loaded(loaded));
}

/// The body, if it is at hand, without an account.
fn nothing(load: Load) -> Loaded {
    let hotline = match load.body {
        Body::Here(hotline) => hotline,
        Body::Compile => None,
    };
    Loaded { number: load.number, tenant: load.tenant, hotline, account: None }
}

async fn read(work: &Work, load: &Load) -> store::Result<Loaded> {
    let hotline = match &load.body {
        Body::Here(hotline) => hotline.clone(),
        Body::Compile => compile(work, &load.tenant, load.number, load.version).await?,
    };
    let account = if load.account { account(work, &load.tenant).await? } else { None };
    Ok(Loaded { number: load.number, tenant: load.tenant.clone(), hotline, account })
}

async fn compile(
    work: &Work,
    tenant: &TenantId,
    number: HotlineNumber,
    version: u32,
) -> store::Result<Option<Arc<Hotline>>> {
    let Some(stored) = work.store.enterprise_at(tenant, version).await? else { return Ok(None) };
    let written = stored.enterprise.numbers.iter().find(|written| written.number == number);
    Ok(written.map(|written| {
        Arc::new(hotline::enterprise::compile_number(&stored.enterprise, written, stored.version))
    }))
}

/// A tenant's sums as of one mark: if a batch was committed while they were read, they are read again.
async fn account(work: &Work, tenant: &TenantId) -> store::Result<Option<Account>> {
    for _ in 0..TRIES {
        let mark = work.store.journal_mark(&work.node).await?;
        let balance = work.store.balance(tenant, &ledger::Account::Prepaid(tenant.clone())).await?;
        let months = months(work, tenant).await?;
        let states = work.store.tenant_state(tenant).await?;
        if work.store.journal_mark(&work.node).await? == mark {
            return Ok(Some(Account { balance, months, states, mark: mark.unwrap_or(0) }));
        }
    }
    Ok(None)
}

async fn months(work: &Work, tenant: &TenantId) -> store::Result<Vec<MonthOf>> {
    let this = clock::wall().beijing().billing_month();
    let before = if this % 100 == 1 { this - 89 } else { this - 1 };
    let mut months = Vec::new();
    for month in [before, this] {
        let spent = work.store.month_spend(tenant, month).await?;
        months.extend(spent.iter().filter_map(|row| month_of(row, month)));
    }
    Ok(months)
}

fn month_of(row: &MonthSpend, month: u32) -> Option<MonthOf> {
    let calls = u32::try_from(row.counted).unwrap_or(u32::MAX);
    Some(MonthOf { number: row.number?, month, spent: row.spent_e4, calls })
}
