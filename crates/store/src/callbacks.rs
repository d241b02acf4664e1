//! Requests of callers to be called back, and the stop list (rows Q15, K07): who asked, how far somebody saw to it, and whom
//! nobody calls.

use std::sync::LazyLock;

use hotline::cdr::{CallRecord, CallbackRecord};
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
    /// Somebody, by name, called back.
    Done,
    /// Nobody is to call back.
    Cancelled,
    /// The number is on the stop list.
    Stopped,
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
    /// Who saw to it last, and when.
    pub changed: Option<Change>,
}

static CALLBACK: LazyLock<Rows> = LazyLock::new(|| {
    Rows::new(
        "insert into callback (tenant_id, callback_id, hotline, caller, number, queue, step, waited_ms, asked_at, state)",
        "on conflict do nothing",
    )
});

const COLUMNS: &str = "tenant_id, callback_id, hotline, caller, number, queue, step, waited_ms, asked_at, state, \
                       changed_at, changed_by";

/// Writes the requests of records that were not there before; those to numbers on the stop list are stopped.
pub(crate) async fn insert_callbacks<'a>(
    connection: &mut AnyConnection,
    records: impl Iterator<Item = &'a CallRecord>,
) -> Result<()> {
    for (record, request) in records.filter_map(|record| Some((record, record.callback.as_ref()?))) {
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

async fn is_stopped(connection: &mut AnyConnection, tenant: &TenantId, number: &str) -> Result<bool> {
    let sql = "select number from callback_stop where tenant_id = $1 and number = $2";
    let query = sqlx::query(sql).bind(tenant.to_string()).bind(number.to_owned());
    Ok(query.fetch_optional(connection).await?.is_some())
}

impl Store {
    /// Requests of an enterprise in a state or in any: whoever has waited longest first, at most `limit`.
    pub async fn callbacks(
        &self,
        tenant: &TenantId,
        state: Option<CallbackState>,
        limit: u32,
    ) -> Result<Vec<Callback>> {
        let sql = format!(
            "select {COLUMNS} from callback where tenant_id = $1 and ($2 = '' or state = $2) \
             order by asked_at - waited_ms, callback_id limit $3"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(tenant.to_string());
        let query = query.bind(state.as_ref().map(code).unwrap_or_default()).bind(i64::from(limit));
        query.fetch_all(self.readers()).await?.iter().map(read).collect()
    }

    /// Somebody, by name, has called back or cancels a request that waits. `false` if none of that call waits.
    pub async fn end_callback(
        &self,
        tenant: &TenantId,
        call: CallId,
        state: CallbackState,
        change: &Change,
    ) -> Result<bool> {
        let sql = "update callback set state = $3, changed_at = $4, changed_by = $5 \
                   where tenant_id = $1 and callback_id = $2 and state = 'waiting'";
        let mut transaction = self.begin().await?;
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(call.to_string()).bind(code(&state));
        let query = query.bind(change.at.0).bind(change.by.clone());
        let found = query.execute(&mut *transaction).await?.rows_affected() > 0;
        if found {
            let action = format!("callback_{}", code(&state));
            write_audit(&mut transaction, tenant, change, &action, &call.to_string(), None, None).await?;
        }
        transaction.commit().await?;
        Ok(found)
    }

    /// Puts a number on the stop list: what waits for it is stopped with it. How many requests that were.
    pub async fn stop_callbacks(&self, tenant: &TenantId, number: &str, change: &Change) -> Result<u64> {
        let mut transaction = self.begin().await?;
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
    })
}
