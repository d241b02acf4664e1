//! Rows of recordings: which file belongs to which call, whole or cut, and how long it is kept. The files are not its
//! business.

use std::sync::LazyLock;

use hotline::{CallId, HotlineNumber, RecordingId, TenantId, Wall};
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;

use crate::database::{Result, Store};
use crate::evidence::{EVENT, Recorded, first_values};
use crate::retention::STANDING;
use crate::rows::{Read, Rows, Value, arguments};

static RECORDING: LazyLock<Rows> = LazyLock::new(|| {
    Rows::new(
        "insert into recording (tenant_id, recording_id, call_id, path, bytes, duration_ms, checksum, interrupted, \
         retention_until, kept_by, key_no)",
        "on conflict (tenant_id, recording_id) do update set path = excluded.path, bytes = excluded.bytes, \
         duration_ms = excluded.duration_ms, checksum = excluded.checksum, interrupted = excluded.interrupted, \
         key_no = excluded.key_no",
    )
});

static SECRET: LazyLock<Rows> = LazyLock::new(|| {
    Rows::new(
        "insert into recording_secret (tenant_id, recording_id, wrapped)",
        "on conflict (tenant_id, recording_id) do update set wrapped = excluded.wrapped",
    )
});

pub(crate) const COLUMNS: &str = "recording.tenant_id, recording.recording_id, recording.call_id, path, bytes, \
                                  duration_ms, checksum, interrupted, retention_until, kept_by, key_no, \
                                  (select wrapped from recording_secret where recording_secret.tenant_id = recording.tenant_id \
                                  and recording_secret.recording_id = recording.recording_id) as wrapped";

/// Which key of its enterprise a recording is sealed by (row V12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedBy {
    /// The number of the enterprise's key.
    pub key: u32,
    /// The recording's own key, wrapped by that one; empty where it is not here.
    pub wrapped: String,
}

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
    /// Each policy that keeps it, with its last day, the longest first (row V04); empty where it was written before that
    /// was told.
    pub kept_by: String,
    /// By what it is sealed; `None` where the file is a plain WAV.
    pub sealed: Option<SealedBy>,
}

/// Which recordings are listed. `None` is no condition.
#[derive(Clone, Debug, Default)]
pub struct RecordingFilter {
    /// Of calls to this number.
    pub number: Option<HotlineNumber>,
    /// Of calls from this caller, in national form.
    pub caller: Option<String>,
    /// Of calls that began at or after.
    pub since: Option<Wall>,
    /// Of calls that began before.
    pub until: Option<Wall>,
    /// Only those that are held.
    pub held_at: Option<Wall>,
    /// Older than this one: the last of the page before.
    pub older_than: Option<RecordingId>,
}

/// A recording with what its call's record says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingRow {
    /// The recording.
    pub recording: Recording,
    /// The 400 number.
    pub number: HotlineNumber,
    /// The caller, in national form.
    pub caller: String,
    /// Who answered.
    pub answered_by: String,
    /// The agent's number; empty without one.
    pub agent: String,
    /// When the call began.
    pub started_at: Wall,
}

impl Store {
    /// Writes rows of finished recordings in one transaction, with the beginning of their chains (row V10); one that is
    /// there already is replaced, so that a file completed after a crash may be told again.
    pub async fn put_recordings(&self, recordings: &[Recording], recorded: &[Recorded]) -> Result<()> {
        let mut transaction = self.begin().await?;
        RECORDING.write(&mut transaction, recordings.iter().flat_map(values).collect()).await?;
        SECRET.write(&mut transaction, recordings.iter().filter_map(secret).flatten().collect()).await?;
        EVENT.write(&mut transaction, recorded.iter().flat_map(first_values).collect()).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// One recording; none if its time was over and its file is gone.
    pub async fn recording(&self, recording: RecordingId) -> Result<Option<Recording>> {
        let sql = format!("select {COLUMNS} from recording where recording_id = $1 and deleted_at is null");
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(recording.to_string())
            .fetch_optional(self.readers())
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Recordings by id, after `after`, at most `limit`: page by page all of them, or one enterprise's.
    pub async fn recordings(
        &self,
        tenant: Option<&TenantId>,
        after: Option<RecordingId>,
        limit: u32,
    ) -> Result<Vec<Recording>> {
        let of = match tenant {
            Some(_) => "tenant_id = $1",
            None => "$1 = ''",
        };
        let sql = format!(
            "select {COLUMNS} from recording where {of} and deleted_at is null and recording_id > $2 \
             order by recording_id limit $3"
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(tenant.map_or("", TenantId::as_str).to_owned());
        let query = query.bind(after.map_or(String::new(), |id| id.to_string())).bind(i64::from(limit));
        query.fetch_all(self.readers()).await?.iter().map(read).collect()
    }

    /// A page of an enterprise's recordings, the latest first; give the last one as `older_than` for the next page.
    pub async fn recording_rows(
        &self,
        tenant: &TenantId,
        filter: &RecordingFilter,
        limit: u32,
    ) -> Result<Vec<RecordingRow>> {
        let mut sql = format!(
            "select {COLUMNS}, number, caller, answered_by, agent, started_at from recording join call \
             on call.tenant_id = recording.tenant_id and call.call_id = recording.call_id \
             where deleted_at is null and recording.tenant_id = $1"
        );
        let mut values: Vec<Value> = vec![tenant.as_str().into()];
        let mut add = |condition: &str, value: Option<Value>| {
            if let Some(value) = value {
                values.push(value);
                sql += &format!(" and {}", condition.replace('$', &format!("${}", values.len())));
            }
        };
        add("number = $", filter.number.map(|number| number.to_string().into()));
        add("caller = $", filter.caller.as_deref().map(Value::from));
        add("started_at >= $", filter.since.map(|at| at.0.into()));
        add("started_at < $", filter.until.map(|at| at.0.into()));
        add(STANDING, filter.held_at.map(|at| at.0.into()));
        add("recording.recording_id < $", filter.older_than.map(|id| id.to_string().into()));
        values.push(limit.into());
        sql += &format!(" order by recording.recording_id desc limit ${}", values.len());
        let query = sqlx::query_with(AssertSqlSafe(sql), arguments(values));
        let row = |row: &AnyRow| {
            Ok(RecordingRow {
                recording: read(row)?,
                number: row.parsed("number")?,
                caller: row.text("caller")?,
                answered_by: row.text("answered_by")?,
                agent: row.text("agent")?,
                started_at: Wall(row.int("started_at")?),
            })
        };
        query.fetch_all(self.readers()).await?.iter().map(row).collect()
    }
}

fn secret(one: &Recording) -> Option<[Value; 3]> {
    let wrapped = one.sealed.as_ref().map(|by| by.wrapped.as_str()).filter(|wrapped| !wrapped.is_empty())?;
    Some([one.tenant.as_str().into(), one.recording.to_string().into(), wrapped.into()])
}

fn values(one: &Recording) -> [Value; 11] {
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
        one.kept_by.as_str().into(),
        one.sealed.as_ref().map_or(0, |by| by.key).into(),
    ]
}

pub(crate) fn read(row: &AnyRow) -> Result<Recording> {
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
        kept_by: row.text("kept_by")?,
        sealed: match row.count("key_no")? {
            0 => None,
            key => Some(SealedBy { key, wrapped: row.text_or_none("wrapped")?.unwrap_or_default() }),
        },
    })
}
