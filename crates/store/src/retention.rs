//! How long recordings stay: plans, holds that outlive them (row V13), the end of the others (rows V03, V04; FAULTS F12), and
//! the keys of enterprises, whose end is that of everything they sealed (row V12).

use std::io;

use hotline::evidence::What;
use hotline::{RecordingId, TenantId, Wall};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::audit::{Change, write_audit};
use crate::database::{Error, Result, Store};
use crate::evidence::append;
use crate::recordings::{COLUMNS, Recording, read};
use crate::rows::Read;

/// A reason to keep a recording beyond its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The enterprise.
    pub tenant: TenantId,
    /// The recording.
    pub recording: RecordingId,
    /// Why.
    pub reason: String,
    /// Who holds it, since when.
    pub held: Change,
    /// When it ends by itself; `None` until somebody lets go.
    pub ends_at: Option<Wall>,
    /// Who let go, and when.
    pub released: Option<Change>,
}

/// What became of a recording whose time was over.
#[derive(Debug)]
pub enum Expired {
    /// Its file is gone, and its row says since when; so does the audit.
    Gone,
    /// It is held, or was gone already.
    Kept,
    /// Its file cannot be deleted; nothing has happened.
    File(io::Error),
}

/// A recording is held at an instant, `$`.
pub(crate) const STANDING: &str = "exists (select 1 from recording_hold where recording_hold.tenant_id = recording.tenant_id \
                        and recording_hold.recording_id = recording.recording_id and released_at is null \
                        and (ends_at is null or ends_at > $))";

impl Store {
    /// Holds a recording; `false` if there is none.
    pub async fn hold_recording(&self, hold: &Hold) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let (tenant, recording) = (hold.tenant.to_string(), hold.recording.to_string());
        if !lock(&mut transaction, &tenant, &recording).await? {
            return Ok(false);
        }
        let sql = "insert into recording_hold (tenant_id, recording_id, hold_no, reason, held_at, held_by, ends_at) \
                   values ($1, $2, (select coalesce(max(hold_no), 0) + 1 from recording_hold \
                   where tenant_id = $1 and recording_id = $2), $3, $4, $5, $6)";
        let query = sqlx::query(sql).bind(tenant).bind(recording.clone()).bind(hold.reason.clone());
        let query = query.bind(hold.held.at.0).bind(hold.held.by.clone());
        query.bind(hold.ends_at.map(|at| at.0)).execute(&mut *transaction).await?;
        let of = (&hold.tenant, hold.recording);
        append(&mut transaction, of, &hold.held, What::Held, &hold.reason).await?;
        let became = Some(hold.reason.as_str());
        write_audit(&mut transaction, &hold.tenant, &hold.held, "hold_recording", &recording, None, became)
            .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Lets go of a recording; how many holds stood.
    pub async fn release_recording(
        &self,
        tenant: &TenantId,
        recording: RecordingId,
        change: &Change,
    ) -> Result<u64> {
        let mut transaction = self.begin().await?;
        let sql = "update recording_hold set released_at = $3, released_by = $4 \
                   where tenant_id = $1 and recording_id = $2 and released_at is null";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(recording.to_string());
        let query = query.bind(change.at.0).bind(change.by.clone());
        let released = query.execute(&mut *transaction).await?.rows_affected();
        if released > 0 {
            let subject = recording.to_string();
            lock(&mut transaction, tenant.as_str(), &subject).await?;
            append(&mut transaction, (tenant, recording), change, What::Released, "").await?;
            write_audit(
                &mut transaction,
                tenant,
                change,
                "release_recording",
                &subject,
                None,
                Some("released"),
            )
            .await?;
        }
        transaction.commit().await?;
        Ok(released)
    }

    /// Holds of an enterprise or of all, the latest first, those that are over included.
    pub async fn recording_holds(&self, tenant: Option<&TenantId>) -> Result<Vec<Hold>> {
        let sql = "select tenant_id, recording_id, reason, held_at, held_by, ends_at, released_at, released_by \
                   from recording_hold where ($1 = '' or tenant_id = $1) order by held_at desc, recording_id, hold_no";
        let query = sqlx::query(sql).bind(tenant.map_or("", TenantId::as_str).to_owned());
        query.fetch_all(self.readers()).await?.iter().map(read_hold).collect()
    }

    /// Recordings whose time is over and that nobody holds, the oldest first, at most `limit`.
    pub async fn expired_recordings(&self, now: Wall, limit: u32) -> Result<Vec<Recording>> {
        let held = STANDING.replace('$', "$1");
        let sql = format!(
            "select {COLUMNS} from recording where retention_until <= $1 and deleted_at is null and not {held} \
             order by retention_until, recording_id limit $2"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(now.0).bind(i64::from(limit));
        query.fetch_all(self.readers()).await?.iter().map(read).collect()
    }

    /// Deletes a recording whose time is over: its file by `remove` and its key; the row says when, and the audit who. In
    /// between nobody can hold it. A run that dies between file and row is finished by the next.
    pub async fn expire_recording(
        &self,
        recording: &Recording,
        change: &Change,
        remove: impl FnOnce() -> io::Result<()>,
    ) -> Result<Expired> {
        let mut transaction = self.begin().await?;
        let (tenant, id) = (recording.tenant.to_string(), recording.recording.to_string());
        if !lock(&mut transaction, &tenant, &id).await? {
            return Ok(Expired::Kept);
        }
        let held = STANDING.replace('$', "$1");
        let sql = format!(
            "update recording set deleted_at = $1 where tenant_id = $2 and recording_id = $3 \
             and retention_until <= $1 and deleted_at is null and not {held}"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(change.at.0).bind(tenant).bind(id.clone());
        if query.execute(&mut *transaction).await?.rows_affected() == 0 {
            return Ok(Expired::Kept);
        }
        let sql = "delete from recording_secret where tenant_id = $1 and recording_id = $2";
        let query = sqlx::query(sql).bind(recording.tenant.to_string()).bind(id.clone());
        query.execute(&mut *transaction).await?;
        let of = (&recording.tenant, recording.recording);
        append(&mut transaction, of, change, What::Deleted, &recording.kept_by).await?;
        let was = format!("call {} {} bytes {}", recording.call, recording.bytes, recording.kept_by);
        write_audit(
            &mut transaction,
            &recording.tenant,
            change,
            "delete_recording",
            &id,
            Some(was.trim_end()),
            None,
        )
        .await?;
        // Only the commit says so: with the file's deletion refused nothing has happened.
        if let Err(error) = remove() {
            return Ok(Expired::File(error));
        }
        transaction.commit().await?;
        Ok(Expired::Gone)
    }
}

/// Recordings of an enterprise whose time is over on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndsSoon {
    /// The enterprise.
    pub tenant: TenantId,
    /// From when they are deleted.
    pub until: Wall,
    /// How many, without those that are held.
    pub recordings: u64,
}

/// One key of an enterprise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingKey {
    /// Its number, from 1; the highest that is not destroyed seals.
    pub key: u32,
    /// The key, wrapped by the provider's; empty once it is destroyed, and in a database that came from a copy until the keys are
    /// put back.
    pub wrapped: String,
    /// Whether it was destroyed: nothing brings it back.
    pub destroyed: bool,
}

impl Store {
    /// Recordings whose time is over between two instants, by enterprise and day.
    pub async fn recordings_end(&self, from: Wall, to: Wall) -> Result<Vec<EndsSoon>> {
        let held = STANDING.replace('$', "$1");
        let sql = format!(
            "select tenant_id, retention_until, count(*) as recordings from recording where retention_until > $1 \
             and retention_until <= $2 and deleted_at is null and not {held} \
             group by tenant_id, retention_until order by tenant_id, retention_until"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(from.0).bind(to.0);
        let row = |row: &AnyRow| {
            Ok(EndsSoon {
                tenant: TenantId::new(&row.text("tenant_id")?),
                until: Wall(row.int("retention_until")?),
                recordings: row.count("recordings")?,
            })
        };
        query.fetch_all(self.readers()).await?.iter().map(row).collect()
    }

    /// For how many days an enterprise's plan keeps recordings; `None` where it says nothing.
    pub async fn recording_plan(&self, tenant: &TenantId) -> Result<Option<u32>> {
        let sql = "select days from recording_plan where tenant_id = $1";
        let row = sqlx::query(sql).bind(tenant.to_string()).fetch_optional(self.readers()).await?;
        row.map(|row| row.count("days")).transpose()
    }

    /// Sets for how many days an enterprise's plan keeps recordings, 0 to take that away. What is kept already stays as
    /// long as it was said.
    pub async fn set_recording_plan(&self, tenant: &TenantId, days: u32, change: &Change) -> Result<()> {
        let mut transaction = self.begin().await?;
        let sql = match days {
            0 => "delete from recording_plan where tenant_id = $1 and cast($2 as bigint) = 0",
            _ => {
                "insert into recording_plan (tenant_id, days) values ($1, $2) \
                 on conflict (tenant_id) do update set days = excluded.days"
            }
        };
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(i64::from(days));
        query.execute(&mut *transaction).await?;
        let became = format!("{days} days");
        write_audit(&mut transaction, tenant, change, "recording_plan", "recordings", None, Some(&became))
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Lengthens how long recordings are kept; none is shortened.
    pub async fn prolong_recordings(&self, terms: &[(TenantId, RecordingId, Wall, String)]) -> Result<()> {
        let mut transaction = self.begin().await?;
        let sql = "update recording set retention_until = $3, kept_by = $4 where tenant_id = $1 and recording_id = $2 \
                   and retention_until < $3 and deleted_at is null";
        for (tenant, recording, until, kept_by) in terms {
            let query = sqlx::query(sql).bind(tenant.to_string()).bind(recording.to_string());
            query.bind(until.0).bind(kept_by.clone()).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// An enterprise's keys by number, destroyed ones included.
    pub async fn recording_keys(&self, tenant: &TenantId) -> Result<Vec<RecordingKey>> {
        let sql =
            "select key_no, wrapped, destroyed_at from recording_key where tenant_id = $1 order by key_no";
        let rows = sqlx::query(sql).bind(tenant.to_string()).fetch_all(self.readers()).await?;
        rows.iter().map(read_key).collect()
    }

    /// Adds an enterprise's key; `false` if that number is there already.
    pub async fn add_recording_key(&self, tenant: &TenantId, key: &RecordingKey, at: Wall) -> Result<bool> {
        let sql = "insert into recording_key (tenant_id, key_no, wrapped, made_at) values ($1, $2, $3, $4) \
                   on conflict do nothing";
        let mut transaction = self.begin().await?;
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(i64::from(key.key));
        let done = query.bind(key.wrapped.clone()).bind(at.0).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    /// Destroys an enterprise's keys, and those of its recordings, unless one of its recordings is held; how many there were, or `None` for a hold. What
    /// they sealed stays unreadable for good.
    pub async fn destroy_recording_keys(&self, tenant: &TenantId, change: &Change) -> Result<Option<u64>> {
        let mut transaction = self.begin().await?;
        let sql = "update recording_key set wrapped = '', destroyed_at = $2 where tenant_id = $1 and destroyed_at is null";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(change.at.0);
        let destroyed = query.execute(&mut *transaction).await?.rows_affected();
        let held = STANDING.replace('$', "$2");
        let sql = format!(
            "select count(*) as held from recording where tenant_id = $1 and deleted_at is null and key_no > 0 and {held}"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(tenant.to_string()).bind(change.at.0);
        let held: u64 = query.fetch_one(&mut *transaction).await?.count("held")?;
        if held > 0 {
            return Ok(None);
        }
        if destroyed > 0 {
            let sql = "delete from recording_secret where tenant_id = $1";
            sqlx::query(sql).bind(tenant.to_string()).execute(&mut *transaction).await?;
            let became = format!("{destroyed} destroyed");
            let (action, subject) = ("destroy_recording_keys", "recordings");
            write_audit(&mut transaction, tenant, change, action, subject, None, Some(&became)).await?;
        }
        transaction.commit().await?;
        Ok(Some(destroyed))
    }
}

/// Keeps everybody else from a recording until the end of the transaction; `false` if there is none.
pub(crate) async fn lock(connection: &mut AnyConnection, tenant: &str, recording: &str) -> Result<bool> {
    let sql = "update recording set kept_by = kept_by where tenant_id = $1 and recording_id = $2 \
               and deleted_at is null";
    let query = sqlx::query(sql).bind(tenant.to_owned()).bind(recording.to_owned());
    Ok(query.execute(connection).await.map_err(Error::from)?.rows_affected() > 0)
}

pub(crate) fn read_key(row: &AnyRow) -> Result<RecordingKey> {
    let destroyed = row.int_or_none("destroyed_at")?.is_some();
    Ok(RecordingKey { key: row.count("key_no")?, wrapped: row.text("wrapped")?, destroyed })
}

fn read_hold(row: &AnyRow) -> Result<Hold> {
    let released = row.int_or_none("released_at")?.zip(row.text_or_none("released_by")?);
    Ok(Hold {
        tenant: TenantId::new(&row.text("tenant_id")?),
        recording: row.parsed("recording_id")?,
        reason: row.text("reason")?,
        held: Change { by: row.text("held_by")?, at: Wall(row.int("held_at")?) },
        ends_at: row.int_or_none("ends_at")?.map(Wall),
        released: released.map(|(at, by)| Change { by, at: Wall(at) }),
    })
}
