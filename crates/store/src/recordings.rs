//! Rows of recordings: which file belongs to which call, whole or cut, and how long it is kept. The files are not its
//! business.

use std::sync::LazyLock;

use hotline::{CallId, RecordingId, TenantId, Wall};
use sqlx::any::AnyRow;

use crate::database::{Result, Store};
use crate::rows::{Read, Rows, Value};

static RECORDING: LazyLock<Rows> = LazyLock::new(|| {
    Rows::new(
        "insert into recording (tenant_id, recording_id, call_id, path, bytes, duration_ms, checksum, interrupted, \
         retention_until)",
        "on conflict (tenant_id, recording_id) do update set path = excluded.path, bytes = excluded.bytes, \
         duration_ms = excluded.duration_ms, checksum = excluded.checksum, interrupted = excluded.interrupted",
    )
});

/// One finished recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// The enterprise.
    pub tenant: TenantId,
    /// The recording, and the file's name.
    pub recording: RecordingId,
    /// The call.
    pub call: CallId,
    /// The file, below the recording folder.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// How long it plays.
    pub duration_ms: u64,
    /// Checksum of the whole file, as its writer formed it.
    pub checksum: String,
    /// Whether it stopped before the talk did (FAULTS F4), or was completed after a crash.
    pub interrupted: bool,
    /// When it may be deleted.
    pub retention_until: Wall,
}

impl Store {
    /// Writes rows of finished recordings in one transaction; one that is there already is replaced, so that a file
    /// completed after a crash may be told again.
    pub async fn put_recordings(&self, recordings: &[Recording]) -> Result<()> {
        let mut transaction = self.begin().await?;
        RECORDING.write(&mut transaction, recordings.iter().flat_map(values).collect()).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// One recording.
    pub async fn recording(&self, recording: RecordingId) -> Result<Option<Recording>> {
        let sql = "select tenant_id, recording_id, call_id, path, bytes, duration_ms, checksum, interrupted, \
                   retention_until from recording where recording_id = $1";
        let row = sqlx::query(sql).bind(recording.to_string()).fetch_optional(self.readers()).await?;
        row.as_ref().map(read).transpose()
    }

    /// Recordings by id, after `after`, at most `limit`: page by page all of them, or one enterprise's.
    pub async fn recordings(
        &self,
        tenant: Option<&TenantId>,
        after: Option<RecordingId>,
        limit: u32,
    ) -> Result<Vec<Recording>> {
        let sql = match tenant {
            Some(_) => {
                "select tenant_id, recording_id, call_id, path, bytes, duration_ms, checksum, interrupted, \
                 retention_until from recording where tenant_id = $1 and recording_id > $2 order by recording_id \
                 limit $3"
            }
            None => {
                "select tenant_id, recording_id, call_id, path, bytes, duration_ms, checksum, interrupted, \
                 retention_until from recording where $1 = '' and recording_id > $2 order by recording_id limit \
                 $3"
            }
        };
        let query = sqlx::query(sql).bind(tenant.map_or("", TenantId::as_str).to_owned());
        let query = query.bind(after.map_or(String::new(), |id| id.to_string())).bind(i64::from(limit));
        query.fetch_all(self.readers()).await?.iter().map(read).collect()
    }
}

fn values(one: &Recording) -> [Value; 9] {
    [
        one.tenant.as_str().into(),
        one.recording.to_string().into(),
        one.call.to_string().into(),
        one.path.as_str().into(),
        one.bytes.into(),
        one.duration_ms.into(),
        one.checksum.as_str().into(),
        one.interrupted.into(),
        one.retention_until.0.into(),
    ]
}

fn read(row: &AnyRow) -> Result<Recording> {
    Ok(Recording {
        tenant: TenantId::new(&row.text("tenant_id")?),
        recording: row.parsed("recording_id")?,
        call: row.parsed("call_id")?,
        path: row.text("path")?,
        bytes: row.count("bytes")?,
        duration_ms: row.count("duration_ms")?,
        checksum: row.text("checksum")?,
        interrupted: row.flag("interrupted")?,
        retention_until: Wall(row.int("retention_until")?),
    })
}
