//! Requests of callers to be called back, and the stop list (rows Q15, K07): who asked, how far somebody saw to it, and whom
//! nobody calls.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use hotline::callback::{CallbackEnd, Request, ended_state, stop_state};
use hotline::cdr::{CallRecord, CallbackRecord, Cause};
use hotline::settlement::{CallbackChange, Settlement, TenantState};
use hotline::{CallId, HotlineNumber, TenantId, Wall};
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::audit::{Change, write_audit};
use crate::database::{Result, Store};
use crate::rows::{Read, Rows, Value, code};

/// How far somebody saw to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackState {
    /// Nobody called back yet.
    Waiting,
    /// Somebody, by name, called back, or the platform did.
    Done,
    /// Nobody is to call back.
    Cancelled,
    /// The number is on the stop list.
    Stopped,
    /// As many tries as the queue allows reached nobody; somebody may call back.
    GivenUp,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback {
    /// The enterprise.
    pub tenant: TenantId,
    /// The call that asked, which names it.
    pub call: CallId,
    /// The 400 number called.
    pub hotline: HotlineNumber,
    /// The caller in national form; empty when withheld.
    pub caller: String,
    /// What was asked for.
    pub request: CallbackRecord,
    /// How far somebody saw to it.
    pub state: CallbackState,
    /// Who saw to it last, and when; nobody where the platform did.
    pub changed: Option<Change>,
    /// Tries of the platform to reach the number.
    pub tries: u32,
    /// When its next try may be, at the earliest; none where people call back.
    pub next_at: Option<Wall>,
    /// The last try: how it ended, and in which call.
    pub tried: Option<(Cause, CallId)>,
}

static CALLBACK: LazyLock<Rows> = LazyLock::new(|| {
    Rows::new(
        "insert into callback (tenant_id, callback_id, hotline, caller, number, queue, step, waited_ms, asked_at, state)",
        "on conflict do nothing",
    )
});

const COLUMNS: &str = "tenant_id, callback_id, hotline, caller, number, queue, step, waited_ms, asked_at, state, \
                       changed_at, changed_by, tries, next_at, outcome, tried_by";
/// So many requests that people saw to last are told to a node that begins.
const ENDED_MAX: i64 = 500;

/// Writes the requests of records that were not there before; those to numbers on the stop list are stopped.
pub(crate) async fn insert_callbacks<'a>(
    connection: &mut AnyConnection,
    records: impl Iterator<Item = &'a CallRecord>,
) -> Result<()> {
    for (record, request) in records.filter_map(|record| Some((record, record.callback.as_ref()?))) {
        lock_stops(connection, &record.tenant).await?;
        let stopped = is_stopped(connection, &record.tenant, &request.number).await?;
        let state = if stopped { CallbackState::Stopped } else { CallbackState::Waiting };
        let values: [Value; 10] = [
            record.tenant.as_str().into(),
            record.call.to_string().into(),
            record.number.to_string().into(),
            record.caller.as_str().into(),
            request.number.as_str().into(),
            request.queue.as_str().into(),
            request.step.as_str().into(),
            request.waited_ms.into(),
            request.at.0.into(),
            code(&state).into(),
        ];
        CALLBACK.write(connection, values.into()).await?;
    }
    Ok(())
}

/// What became of requests by calls that were not there before.
pub(crate) async fn change_callbacks(
    connection: &mut AnyConnection,
    settlements: &[&Settlement],
) -> Result<()> {
    for one in settlements {
        for change in &one.callbacks {
            change_callback(connection, &one.record, change).await?;
        }
    }
    Ok(())
}

async fn change_callback(
    connection: &mut AnyConnection,
    record: &CallRecord,
    change: &CallbackChange,
) -> Result<()> {
    let state = match change.how {
        None => CallbackState::Waiting,
        Some(CallbackEnd::Done) => CallbackState::Done,
        Some(CallbackEnd::GivenUp) => CallbackState::GivenUp,
    };
    // What people decided stands.
    let sql = "update callback set state = case when state = 'waiting' then $3 else state end, next_at = $4 \
               where tenant_id = $1 and callback_id = $2";
    let query = sqlx::query(sql).bind(record.tenant.to_string()).bind(change.request.to_string());
    let query = query.bind(code(&state)).bind(change.next_at.map(|at| at.0));
    query.execute(&mut *connection).await?;
    if record.calls_back.as_ref().is_some_and(|back| back.request == change.request) {
        let sql = "update callback set tries = $3, outcome = $4, tried_by = $5 \
                   where tenant_id = $1 and callback_id = $2 and tries <= $3";
        let query = sqlx::query(sql).bind(record.tenant.to_string()).bind(change.request.to_string());
        let query =
            query.bind(i64::from(change.tries)).bind(record.cause.code()).bind(record.call.to_string());
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Whoever writes requests and whoever stops numbers go one behind the other: neither overlooks what the other is about to
/// commit. The row's own number is nobody's.
async fn lock_stops(connection: &mut AnyConnection, tenant: &TenantId) -> Result<()> {
    let sql = "insert into callback_stop (tenant_id, number, stopped_at, stopped_by) values ($1, '', 0, '') \
               on conflict (tenant_id, number) do update set stopped_at = excluded.stopped_at";
    sqlx::query(sql).bind(tenant.to_string()).execute(connection).await?;
    Ok(())
}

async fn is_stopped(connection: &mut AnyConnection, tenant: &TenantId, number: &str) -> Result<bool> {
    let sql = "select number from callback_stop where tenant_id = $1 and number = $2";
    let query = sqlx::query(sql).bind(tenant.to_string()).bind(number.to_owned());
    Ok(query.fetch_optional(connection).await?.is_some())
}

/// Requests by numbers that the enterprise holds no more are for people: the platform calls nobody for them.
pub(crate) async fn give_up_orphans(
    connection: &mut AnyConnection,
    tenant: &TenantId,
    change: &Change,
) -> Result<()> {
    let sql = "update callback set state = 'given_up', changed_at = $2, changed_by = $3 \
               where tenant_id = $1 and state = 'waiting' and next_at is not null \
               and hotline not in (select number from number where tenant_id = 'provider' and holder_id = $1)";
    let query = sqlx::query(sql).bind(tenant.to_string()).bind(change.at.0).bind(change.by.clone());
    query.execute(connection).await?;
    Ok(())
}

impl Store {
    /// Requests of an enterprise in a state or in any: whoever has waited longest first, at most `limit`, behind the request
    /// of a call whatever its state is by now.
    pub async fn callbacks(
        &self,
        tenant: &TenantId,
        state: Option<CallbackState>,
        (behind, limit): (Option<CallId>, u32),
    ) -> Result<Vec<Callback>> {
        let behind = behind.map(|call| call.to_string()).unwrap_or_default();
        let sql = format!(
            "select {COLUMNS} from callback where tenant_id = $1 and ($2 = '' or state = $2) and ($3 = '' \
             or (asked_at - waited_ms, callback_id) > (select asked_at - waited_ms, callback_id from callback \
             where tenant_id = $1 and callback_id = $3)) \
             order by asked_at - waited_ms, callback_id limit $4"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(tenant.to_string());
        let query = query.bind(state.as_ref().map(code).unwrap_or_default());
        let query = query.bind(behind).bind(i64::from(limit));
        query.fetch_all(self.readers()).await?.iter().map(read).collect()
    }

    /// The request of one call.
    pub async fn callback(&self, tenant: &TenantId, call: CallId) -> Result<Option<Callback>> {
        let sql = format!("select {COLUMNS} from callback where tenant_id = $1 and callback_id = $2");
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(tenant.to_string()).bind(call.to_string());
        query.fetch_optional(self.readers()).await?.as_ref().map(read).transpose()
    }

    /// The 400 numbers that have requests which the platform is to dial.
    pub async fn numbers_with_callbacks(&self) -> Result<Vec<HotlineNumber>> {
        let sql = "select distinct hotline from callback where state = 'waiting' and next_at is not null";
        let rows = sqlx::query(sql).fetch_all(self.readers()).await?;
        rows.iter().map(|row| row.parsed("hotline")).collect()
    }

    /// What a tenant is told of its requests beside its states: numbers on the stop list, and requests that people saw to
    /// lately. Its states of requests that wait no more are told as emptied: their turns count, or the next request at such a
    /// place would be older than what is kept there.
    pub(crate) async fn add_callbacks(
        &self,
        tenant: &TenantId,
        states: Vec<TenantState>,
    ) -> Result<Vec<TenantState>> {
        let ids = async |sql: &'static str| {
            let query = sqlx::query(sql).bind(tenant.to_string()).bind(ENDED_MAX);
            let rows = query.fetch_all(self.readers()).await?;
            rows.iter().map(|row| row.parsed::<CallId>("callback_id")).collect::<Result<BTreeSet<_>>>()
        };
        let mut told = Vec::new();
        let ended = "select callback_id from callback where tenant_id = $1 and changed_at is not null \
                     order by changed_at desc limit $2";
        told.extend(ids(ended).await?.into_iter().map(ended_state));
        let is_request = |state: &TenantState| state.key.starts_with("callback/");
        let waits = match states.iter().any(is_request) {
            true => {
                ids("select callback_id from callback where tenant_id = $1 and state = 'waiting' and $2 > 0")
                    .await?
            }
            false => BTreeSet::new(),
        };
        let is_open =
            |state: &TenantState| Request::read(&state.value).is_some_and(|one| waits.contains(&one.id));
        told.extend(states.into_iter().map(|state| match is_request(&state) && !is_open(&state) {
            true => TenantState { value: String::new(), ..state },
            false => state,
        }));
        let sql = "select number from callback_stop where tenant_id = $1 and number <> ''";
        let rows = sqlx::query(sql).bind(tenant.to_string()).fetch_all(self.readers()).await?;
        for row in &rows {
            told.push(stop_state(&row.text("number")?));
        }
        Ok(told)
    }

    /// Somebody, by `name`, has called back or cancels a request that waits or was given up. `false` if there is none of that
    /// call.
    pub async fn end_callback(
        &self,
        tenant: &TenantId,
        call: CallId,
        (state, name): (CallbackState, &str),
        change: &Change,
    ) -> Result<bool> {
        let sql = "update callback set state = $3, changed_at = $4, changed_by = $5 \
                   where tenant_id = $1 and callback_id = $2 and state in ('waiting', 'given_up')";
        let mut transaction = self.begin().await?;
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(call.to_string()).bind(code(&state));
        let query = query.bind(change.at.0).bind(name.to_owned());
        let found = query.execute(&mut *transaction).await?.rows_affected() > 0;
        if found {
            let (action, call) = (format!("callback_{}", code(&state)), call.to_string());
            write_audit(&mut transaction, tenant, change, &action, &call, None, Some(name)).await?;
        }
        transaction.commit().await?;
        Ok(found)
    }

    /// Puts a number on the stop list: what waits for it is stopped with it. How many requests that were.
    pub async fn stop_callbacks(&self, tenant: &TenantId, number: &str, change: &Change) -> Result<u64> {
        let mut transaction = self.begin().await?;
        lock_stops(&mut transaction, tenant).await?;
        let sql = "insert into callback_stop (tenant_id, number, stopped_at, stopped_by) values ($1, $2, $3, $4) \
                   on conflict do nothing";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(number.to_owned());
        query.bind(change.at.0).bind(change.by.clone()).execute(&mut *transaction).await?;
        let sql = "update callback set state = 'stopped', changed_at = $3, changed_by = $4 \
                   where tenant_id = $1 and number = $2 and state = 'waiting'";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(number.to_owned());
        let query = query.bind(change.at.0).bind(change.by.clone());
        let stopped = query.execute(&mut *transaction).await?.rows_affected();
        write_audit(&mut transaction, tenant, change, "callback_stop", number, None, None).await?;
        transaction.commit().await?;
        Ok(stopped)
    }

    /// Takes a number off the stop list; requests that were stopped stay so. `false` if it was not on it.
    pub async fn permit_callbacks(&self, tenant: &TenantId, number: &str, change: &Change) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let sql = "delete from callback_stop where tenant_id = $1 and number = $2";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(number.to_owned());
        let found = query.execute(&mut *transaction).await?.rows_affected() > 0;
        if found {
            write_audit(&mut transaction, tenant, change, "callback_permit", number, None, None).await?;
        }
        transaction.commit().await?;
        Ok(found)
    }
}

fn read(row: &AnyRow) -> Result<Callback> {
    let tried = row.text("outcome")?;
    let tried = match tried.is_empty() {
        true => None,
        false => Some((row.coded("outcome")?, row.parsed("tried_by")?)),
    };
    let changed = row.int_or_none("changed_at")?.zip(row.text_or_none("changed_by")?);
    Ok(Callback {
        tenant: TenantId::new(&row.text("tenant_id")?),
        call: row.parsed("callback_id")?,
        hotline: row.parsed("hotline")?,
        caller: row.text("caller")?,
        request: CallbackRecord {
            number: row.text("number")?,
            queue: row.text("queue")?,
            step: row.text("step")?,
            waited_ms: row.count("waited_ms")?,
            at: Wall(row.int("asked_at")?),
        },
        state: row.coded("state")?,
        changed: changed.map(|(at, by)| Change { by, at: Wall(at) }),
        tries: u32::try_from(row.int("tries")?).unwrap_or(u32::MAX),
        next_at: row.int_or_none("next_at")?.map(Wall),
        tried,
    })
}
