//! The chains of recordings: who did what with each, in rows whose hashes hold on to one another (row V10).

use std::sync::LazyLock;

use hotline::evidence::{Event, What};
use hotline::{RecordingId, TenantId, Wall};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::audit::{Change, write_audit};
use crate::database::{Result, Store};
use crate::retention::lock;
use crate::rows::{Read, Rows, Value, code};

/// Who finished a recording, in its chain.
const PLATFORM: &str = "platform";

pub(crate) static EVENT: LazyLock<Rows> = LazyLock::new(|| {
    Rows::new(
        "insert into recording_event (tenant_id, recording_id, event_no, at, by_whom, what, detail, hash)",
        "on conflict do nothing",
    )
});

/// How the chain of a recording begins.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The enterprise.
    pub tenant: TenantId,
    /// The recording.
    pub recording: RecordingId,
    /// When its file was finished.
    pub at: Wall,
    /// Its checksums, the notice and the second it ended.
    pub detail: String,
}

/// The row of a chain's first event.
pub(crate) fn first_values(one: &Recorded) -> [Value; 8] {
    let of = (&one.tenant, one.recording);
    values(of, &Event::behind(None, of, (PLATFORM, one.at), What::Recorded, &one.detail))
}

fn values((tenant, recording): (&TenantId, RecordingId), event: &Event) -> [Value; 8] {
    [
        tenant.as_str().into(),
        recording.to_string().into(),
        event.number.into(),
        event.at.0.into(),
        event.by.as_str().into(),
        code(&event.what).into(),
        event.detail.as_str().into(),
        event.hash.as_str().into(),
    ]
}

/// Appends an event. The caller holds the recording's row, so that no two events have one number.
pub(crate) async fn append(
    connection: &mut AnyConnection,
    of: (&TenantId, RecordingId),
    change: &Change,
    what: What,
    detail: &str,
) -> Result<()> {
    let sql = "select event_no, at, by_whom, what, detail, hash from recording_event \
               where tenant_id = $1 and recording_id = $2 order by event_no desc limit 1";
    let query = sqlx::query(sql).bind(of.0.to_string()).bind(of.1.to_string());
    let last = query.fetch_optional(&mut *connection).await?.as_ref().map(read_event).transpose()?;
    let event = Event::behind(last.as_ref(), of, (&change.by, change.at), what, detail);
    EVENT.write(connection, values(of, &event).into()).await?;
    Ok(())
}

fn read_event(row: &AnyRow) -> Result<Event> {
    Ok(Event {
        number: row.count("event_no")?,
        at: Wall(row.int("at")?),
        by: row.text("by_whom")?,
        what: row.coded("what")?,
        detail: row.text("detail")?,
        hash: row.text("hash")?,
    })
}

impl Store {
    /// Notes that somebody hears a recording, in its chain and in the audit; `false` if there is none.
    pub async fn note_hearing(
        &self,
        tenant: &TenantId,
        recording: RecordingId,
        what: What,
        change: &Change,
    ) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let subject = recording.to_string();
        if !lock(&mut transaction, tenant.as_str(), &subject).await? {
            return Ok(false);
        }
        append(&mut transaction, (tenant, recording), change, what, "").await?;
        let action = if what == What::Listened { "listen_recording" } else { "download_recording" };
        write_audit(&mut transaction, tenant, change, action, &subject, None, Some("heard")).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// What happened to a recording, from its beginning; its chain outlives its file.
    pub async fn recording_events(&self, tenant: &TenantId, recording: RecordingId) -> Result<Vec<Event>> {
        let sql = "select event_no, at, by_whom, what, detail, hash from recording_event \
                   where tenant_id = $1 and recording_id = $2 order by event_no";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(recording.to_string());
        query.fetch_all(self.readers()).await?.iter().map(read_event).collect()
    }
}
