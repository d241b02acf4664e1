//! Messages that callers left: whose they are, and how far somebody saw to them (rows V06, V07). The sound is a recording;
//! who listened stands in the audit.

use std::sync::LazyLock;

use hotline::cdr::CallRecord;
use hotline::{CallId, HotlineNumber, RecordingId, TenantId, Wall};
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::audit::{Change, write_audit};
use crate::database::{Result, Store};
use crate::rows::{Read, Rows, Value, code};

/// How far somebody saw to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoicemailState {
    /// Nobody listened yet.
    New,
    /// Somebody listened.
    Heard,
    /// Somebody, by name, has done what it asks for.
    Done,
    /// Nothing was said: it is listed for nobody.
    Empty,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voicemail {
    /// The enterprise.
    pub tenant: TenantId,
    /// Its recording, which names it.
    pub voicemail: RecordingId,
    /// The call it was left in.
    pub call: CallId,
    /// The 400 number.
    pub number: HotlineNumber,
    /// Who left it, in national form; empty when withheld.
    pub caller: String,
    /// The step or rule that asked for it.
    pub step: String,
    /// When it began.
    pub left_at: Wall,
    /// Its length.
    pub duration_ms: u64,
    /// How far somebody saw to it.
    pub state: VoicemailState,
    /// Who listened first, and when.
    pub heard: Option<Change>,
    /// Who has done what it asks for, and when.
    pub done: Option<Change>,
}

/// Which messages are listed.
#[derive(Clone, Debug, Default)]
pub struct VoicemailFilter {
    /// From this caller, in national form.
    pub caller: Option<String>,
    /// In this state; those in which nothing was said are listed only so.
    pub state: Option<VoicemailState>,
    /// Left at or after.
    pub since: Option<Wall>,
    /// Behind this message, as it was left: where the page before ended.
    pub behind: Option<(Wall, RecordingId)>,
}

static VOICEMAIL: LazyLock<Rows> = LazyLock::new(|| {
    Rows::new(
        "insert into voicemail (tenant_id, voicemail_id, call_id, number, caller, step, left_at, duration_ms, state)",
        "on conflict do nothing",
    )
});

const COLUMNS: &str = "tenant_id, voicemail_id, call_id, number, caller, step, left_at, duration_ms, state, heard_at, \
                       heard_by, done_at, done_by";

/// Writes the messages of records that were not there before.
pub(crate) async fn insert_voicemails<'a>(
    connection: &mut AnyConnection,
    records: impl Iterator<Item = &'a CallRecord>,
) -> Result<()> {
    let values = records.flat_map(|record| {
        record.messages.iter().flat_map(move |message| {
            let state = if message.is_empty { VoicemailState::Empty } else { VoicemailState::New };
            let values: [Value; 9] = [
                record.tenant.as_str().into(),
                message.recording.to_string().into(),
                record.call.to_string().into(),
                record.number.to_string().into(),
                record.caller.as_str().into(),
                message.step.as_str().into(),
                message.at.0.into(),
                message.ms.into(),
                code(&state).into(),
            ];
            values
        })
    });
    VOICEMAIL.write(connection, values.collect()).await?;
    Ok(())
}

impl Store {
    /// Messages of an enterprise, the latest first, at most `limit`.
    pub async fn voicemails(
        &self,
        tenant: &TenantId,
        filter: &VoicemailFilter,
        limit: u32,
    ) -> Result<Vec<Voicemail>> {
        let sql = format!(
            "select {COLUMNS} from voicemail where tenant_id = $1 and ($2 = '' or caller = $2) \
             and (state = $3 or ($3 = '' and state <> 'empty')) and left_at >= $4 \
             and left_at <= $5 and (left_at < $5 or voicemail_id < $6) \
             order by left_at desc, voicemail_id desc limit $7"
        );
        let (before, behind) =
            filter.behind.map_or((i64::MAX, String::new()), |(at, id)| (at.0, id.to_string()));
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(tenant.to_string());
        let query = query.bind(filter.caller.clone().unwrap_or_default());
        let query = query.bind(filter.state.as_ref().map(code).unwrap_or_default());
        let query = query.bind(filter.since.map_or(0, |at| at.0));
        let query = query.bind(before).bind(behind).bind(i64::from(limit));
        query.fetch_all(self.readers()).await?.iter().map(read).collect()
    }

    /// One message.
    pub async fn voicemail(&self, tenant: &TenantId, voicemail: RecordingId) -> Result<Option<Voicemail>> {
        let sql = format!("select {COLUMNS} from voicemail where tenant_id = $1 and voicemail_id = $2");
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(tenant.to_string());
        let row = query.bind(voicemail.to_string()).fetch_optional(self.readers()).await?;
        row.as_ref().map(read).transpose()
    }

    /// Somebody listened to a message: each time is audited, the first one makes it heard. `false` if there is none.
    pub async fn hear_voicemail(
        &self,
        tenant: &TenantId,
        voicemail: RecordingId,
        change: &Change,
    ) -> Result<bool> {
        let sql = "update voicemail set heard_at = coalesce(heard_at, $3), heard_by = coalesce(heard_by, $4), \
                   state = case state when 'new' then 'heard' else state end \
                   where tenant_id = $1 and voicemail_id = $2";
        self.step_voicemail(sql, "listen_voicemail", tenant, (voicemail, &change.by), change).await
    }

    /// Somebody, by name, has done what a message asks for; who says so stands in the audit. `false` if there is none.
    pub async fn finish_voicemail(
        &self,
        tenant: &TenantId,
        voicemail: RecordingId,
        name: &str,
        change: &Change,
    ) -> Result<bool> {
        let sql = "update voicemail set done_at = $3, done_by = $4, state = 'done' \
                   where tenant_id = $1 and voicemail_id = $2";
        self.step_voicemail(sql, "finish_voicemail", tenant, (voicemail, name), change).await
    }

    async fn step_voicemail(
        &self,
        sql: &'static str,
        action: &str,
        tenant: &TenantId,
        (voicemail, name): (RecordingId, &str),
        change: &Change,
    ) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(voicemail.to_string());
        let query = query.bind(change.at.0).bind(name.to_owned());
        let found = query.execute(&mut *transaction).await?.rows_affected() > 0;
        if found {
            let subject = voicemail.to_string();
            write_audit(&mut transaction, tenant, change, action, &subject, None, None).await?;
        }
        transaction.commit().await?;
        Ok(found)
    }
}

fn read(row: &AnyRow) -> Result<Voicemail> {
    let change = |at: &str, by: &str| -> Result<Option<Change>> {
        let both = row.int_or_none(at)?.zip(row.text_or_none(by)?);
        Ok(both.map(|(at, by)| Change { by, at: Wall(at) }))
    };
    Ok(Voicemail {
        tenant: TenantId::new(&row.text("tenant_id")?),
        voicemail: row.parsed("voicemail_id")?,
        call: row.parsed("call_id")?,
        number: row.parsed("number")?,
        caller: row.text("caller")?,
        step: row.text("step")?,
        left_at: Wall(row.int("left_at")?),
        duration_ms: row.count("duration_ms")?,
        state: row.coded("state")?,
        heard: change("heard_at", "heard_by")?,
        done: change("done_at", "done_by")?,
    })
}
