//! A batch of finished calls from a journal, written in one transaction: records, legs, charges, entries, everything
//! that is summed from them, the tenants' states and the journal's mark. Writing any part of it again, in any order,
//! changes nothing (FAULTS B1, F6): only a record that was not there yet brings anything with it.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use hotline::ledger::Entry;
use hotline::settlement::{Settlement, TenantState};
use hotline::{HotlineNumber, Money, TenantId, Wall};
use sqlx::AnyConnection;

use crate::arms::insert_arms;
use crate::audit::{Change, write_audit};
use crate::callbacks::{change_callbacks, insert_callbacks};
use crate::calls::insert_records;
use crate::charges::{Charged, fee, insert_charges};
use crate::database::{Error, Result, Store};
use crate::ledger::{add_entry_sums, insert_entries};
use crate::messages::insert_messages;
use crate::ratings::insert_ratings;
use crate::results::insert_results;
use crate::rollups::{Place, Sums, add_sums};
use crate::rows::{Read, Rows, int};
use crate::stays::insert_stays;
use crate::voicemails::insert_voicemails;

/// What a batch did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Calls that were not there before.
    pub new_calls: usize,
    /// Caps that stand passed after this batch. The calls happened, so they are recorded all the same; a person looks.
    pub caps_passed: Vec<CapPassed>,
}

/// A monthly cost cap below what was spent: the second line behind the reservations in memory (FAULTS B2). Under the
/// policy `finish_call` it is expected, under `strict` it is an alarm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CapPassed {
    /// The enterprise.
    pub tenant: TenantId,
    /// The number; `None` for the cap over the whole enterprise.
    pub number: Option<HotlineNumber>,
    /// The billing month in Beijing, such as 202610.
    pub month: u32,
    /// What was spent.
    pub spent_e4: Money,
    /// The cap.
    pub cap_e4: Money,
}

impl Store {
    /// Writes a batch of one node's journal. After an error nothing of it or all of it is there (a commit may have
    /// been done before the answer was lost): the same batch is sent again, or [`Store::journal_mark`] is asked first.
    /// A batch is of settlements or of anything that shares them.
    pub async fn settle<S: Borrow<Settlement>>(&self, batch: &[S], node: &str) -> Result<Settled> {
        let batch: Vec<&Settlement> = batch.iter().map(Borrow::borrow).collect();
        let mut transaction = self.begin().await?;
        let settled = write_batch(&mut transaction, &batch, node).await?;
        transaction.commit().await?;
        Ok(settled)
    }

    /// Moves a node's mark past a call that is kept elsewhere: the journal need not hold it, and reads after it are
    /// newer than what the node was told. It never goes back.
    pub async fn pass_journal(&self, position: u64, node: &str) -> Result<()> {
        let mut transaction = self.begin().await?;
        write_mark(&mut transaction, position, node).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// How far a node's journal is committed here; `None` if nothing of it ever was.
    pub async fn journal_mark(&self, node: &str) -> Result<Option<u64>> {
        let sql = "select position from journal_mark where tenant_id = 'provider' and node = $1";
        let row = sqlx::query(sql).bind(node.to_owned()).fetch_optional(self.readers()).await?;
        row.map(|row| row.count("position")).transpose()
    }
}

async fn write_batch(connection: &mut AnyConnection, batch: &[&Settlement], node: &str) -> Result<Settled> {
    let mut once = BTreeSet::new();
    let distinct = batch
        .iter()
        .copied()
        .filter(|one| once.insert((one.record.tenant.as_str(), one.record.call)))
        .collect();
    let new = insert_records(connection, distinct, node).await?;
    let told = new
        .iter()
        .flat_map(|one| one.messages.iter().map(|told| (&one.record.tenant, told, one.record.ended_at)));
    insert_messages(connection, told).await?;
    insert_voicemails(connection, new.iter().map(|one| &one.record)).await?;
    insert_ratings(connection, new.iter().map(|one| &one.record)).await?;
    insert_results(connection, new.iter().map(|one| &one.record)).await?;
    insert_arms(connection, new.iter().map(|one| &one.record)).await?;
    insert_callbacks(connection, new.iter().map(|one| &one.record)).await?;
    change_callbacks(connection, &new).await?;
    insert_stays(connection, &new).await?;
    let places: Vec<Place> = new.iter().map(|one| Place::of(&one.record)).collect();
    let charges = new.iter().zip(&places).flat_map(|(one, place)| {
        one.charges.iter().map(move |charge| Charged { place, call: one.record.call, charge })
    });
    let charges: Vec<Charged<'_>> = charges.collect();
    let entries: Vec<&Entry> = new.iter().flat_map(|one| &one.entries).collect();
    let written = insert_charges(connection, &charges).await? + insert_entries(connection, &entries).await?;
    if written < (charges.len() + entries.len()) as u64 {
        return Err(Error::Orphans);
    }
    let mut sums = Sums::default();
    for (one, place) in new.iter().zip(&places) {
        sums.add_call(one, place);
    }
    for charged in charges {
        sums.add_fee(charged.place, fee(charged.charge));
    }
    add_entry_sums(connection, &entries).await?;
    let ended_at = new.iter().map(|one| one.record.ended_at).max().unwrap_or(Wall(0));
    let caps_passed = add_sums(connection, sums, ended_at).await?;
    let states = batch.iter().flat_map(|one| one.states.iter().map(|state| (&one.record.tenant, state)));
    write_states(connection, states).await?;
    write_deeds(connection, &new).await?;
    if let Some(position) = batch.iter().map(|one| one.position).max() {
        write_mark(connection, position, node).await?;
    }
    Ok(Settled { new_calls: new.len(), caps_passed })
}

/// What people did in calls, tenant by tenant in one order for all who settle.
async fn write_deeds(connection: &mut AnyConnection, new: &[&Settlement]) -> Result<()> {
    let mut new: Vec<&Settlement> = new.iter().copied().filter(|one| !one.deeds.is_empty()).collect();
    new.sort_by(|a, b| a.record.tenant.as_str().cmp(b.record.tenant.as_str()));
    for one in new {
        let (tenant, call) = (&one.record.tenant, one.record.call.to_string());
        for deed in &one.deeds {
            let change = Change { by: deed.by.clone(), at: deed.at };
            write_audit(connection, tenant, &change, deed.kind.code(), &call, None, Some(&deed.detail))
                .await?;
        }
    }
    Ok(())
}

static STATE: LazyLock<Rows> = LazyLock::new(|| {
    Rows::new(
        "insert into tenant_state (tenant_id, key, value, position)",
        "on conflict (tenant_id, key) do update set value = excluded.value, position = excluded.position \
         where excluded.position > tenant_state.position",
    )
});

/// The latest value of each key in the batch; an older one never overwrites a newer one that is there.
pub(crate) async fn write_states<'s>(
    connection: &mut AnyConnection,
    states: impl Iterator<Item = (&'s TenantId, &'s TenantState)>,
) -> Result<()> {
    let mut latest = BTreeMap::new();
    for (tenant, state) in states {
        let place = latest.entry((tenant.as_str(), state.key.as_str())).or_insert(state);
        if state.position > place.position {
            *place = state;
        }
    }
    let mut values = Vec::with_capacity(latest.len() * 4);
    for ((tenant, key), state) in latest {
        values.extend([tenant.into(), key.into(), state.value.as_str().into(), state.position.into()]);
    }
    STATE.write(connection, values).await?;
    Ok(())
}

async fn write_mark(connection: &mut AnyConnection, position: u64, node: &str) -> Result<()> {
    let sql = "insert into journal_mark (tenant_id, node, position) values ('provider', $1, $2) \
               on conflict (tenant_id, node) do update set position = excluded.position \
               where excluded.position > journal_mark.position";
    sqlx::query(sql).bind(node.to_owned()).bind(int(position)).execute(connection).await?;
    Ok(())
}
