//! Keys of recordings as they leave for a file of their own and come back from it (rows V03, V12): a copy of the database has
//! none, so that what is deleted here ends in every copy.

use hotline::{RecordingId, TenantId, Wall};
use sqlx::any::AnyRow;

use crate::audit::{Change, write_audit};
use crate::database::{Result, Store};
use crate::retention::{RecordingKey, read_key};
use crate::rows::Read;

/// A recording's own key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// The enterprise.
    pub tenant: TenantId,
    /// The recording.
    pub recording: RecordingId,
    /// The key, wrapped by the enterprise's.
    pub wrapped: String,
}

impl Store {
    /// A page of recordings' own keys by enterprise and id, behind one of them.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn secrets(&self, behind: Option<&Secret>, limit: u32) -> Result<Vec<Secret>> {
        let sql = "select tenant_id, recording_id, wrapped from recording_secret \
                   where (tenant_id, recording_id) > ($1, $2) order by tenant_id, recording_id limit $3";
        let (tenant, recording) =
            behind.map_or_else(Default::default, |one| (one.tenant.to_string(), one.recording.to_string()));
        let query = sqlx::query(sql).bind(tenant).bind(recording).bind(i64::from(limit));
        let read = |row: &AnyRow| {
            Ok(Secret {
                tenant: TenantId::new(&row.text("tenant_id")?),
                recording: row.parsed("recording_id")?,
                wrapped: row.text("wrapped")?,
            })
        };
        query.fetch_all(self.readers()).await?.iter().map(read).collect()
    }

    /// A page of enterprises' keys that are not destroyed, by enterprise and number, behind one of them.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn all_recording_keys(
        &self,
        behind: Option<&(TenantId, RecordingKey)>,
        limit: u32,
    ) -> Result<Vec<(TenantId, RecordingKey)>> {
        let sql = "select tenant_id, key_no, wrapped, destroyed_at from recording_key \
                   where wrapped <> '' and (tenant_id, key_no) > ($1, $2) order by tenant_id, key_no limit $3";
        let (tenant, number) =
            behind.map_or((String::new(), 0), |(tenant, key)| (tenant.to_string(), key.key));
        let query = sqlx::query(sql).bind(tenant).bind(i64::from(number)).bind(i64::from(limit));
        let read = |row: &AnyRow| Ok((TenantId::new(&row.text("tenant_id")?), read_key(row)?));
        query.fetch_all(self.readers()).await?.iter().map(read).collect()
    }

    /// Whether any recording is sealed.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn has_secrets(&self) -> Result<bool> {
        Ok(!self.secrets(None, 1).await?.is_empty())
    }

    /// An enterprise of which a recording that is to be kept still has no key here, though nobody destroyed it: the database came from
    /// a copy, and its keys were not put back.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn misses_keys(&self, now: Wall) -> Result<Option<TenantId>> {
        let sql = "select recording.tenant_id from recording join recording_key \
                   on recording_key.tenant_id = recording.tenant_id and recording_key.key_no = recording.key_no \
                   where deleted_at is null and retention_until > $1 and destroyed_at is null \
                   and (recording_key.wrapped = '' or not exists (select 1 from recording_secret \
                   where recording_secret.tenant_id = recording.tenant_id \
                   and recording_secret.recording_id = recording.recording_id)) limit 1";
        let row = sqlx::query(sql).bind(now.0).fetch_optional(self.readers()).await?;
        row.map(|row| Ok(TenantId::new(&row.text("tenant_id")?))).transpose()
    }

    /// Puts keys back where rows want them and have none; how many of enterprises and of recordings. What was destroyed or
    /// deleted stays so.
    ///
    /// # Errors
    /// Those of the database; nothing is put back then.
    pub async fn put_keys_back(
        &self,
        keys: &[(TenantId, RecordingKey)],
        secrets: &[Secret],
        change: &Change,
    ) -> Result<(u64, u64)> {
        let mut transaction = self.begin().await?;
        let (mut of_enterprises, mut of_recordings) = (0, 0);
        for (tenant, key) in keys {
            let sql = "update recording_key set wrapped = $3 where tenant_id = $1 and key_no = $2 \
                       and wrapped = '' and destroyed_at is null";
            let query = sqlx::query(sql).bind(tenant.to_string()).bind(i64::from(key.key));
            of_enterprises +=
                query.bind(key.wrapped.clone()).execute(&mut *transaction).await?.rows_affected();
        }
        for one in secrets {
            let sql = "insert into recording_secret (tenant_id, recording_id, wrapped) \
                       select tenant_id, recording_id, $3 from recording where tenant_id = $1 \
                       and recording_id = $2 and key_no > 0 and deleted_at is null on conflict do nothing";
            let query = sqlx::query(sql).bind(one.tenant.to_string()).bind(one.recording.to_string());
            of_recordings +=
                query.bind(one.wrapped.clone()).execute(&mut *transaction).await?.rows_affected();
        }
        if of_enterprises + of_recordings > 0 {
            let became = format!("{of_enterprises} of enterprises, {of_recordings} of recordings");
            let (provider, action) = (TenantId::provider(), "put_recording_keys_back");
            write_audit(&mut transaction, &provider, change, action, "recordings", None, Some(&became))
                .await?;
        }
        transaction.commit().await?;
        Ok((of_enterprises, of_recordings))
    }
}
