//! Rows of finished recordings: written once the call's own row says whose it is. A file whose call is not there yet
//! waits; a file without any call is for `sibai verify` to find.

use std::collections::BTreeMap;

use hotline::calendar::HolidayYears;
use hotline::cdr::CallRecord;
use hotline::retention::{self, Policy};
use hotline::{CallId, TenantId};
use store::Recording;

use super::Work;
use crate::archive::Unreadable;
use crate::bridge::RecordingFile;
use crate::clock;
use crate::ops::recordings::{born, policies};

/// Calls remembered whose recording is not a file yet, and files whose call is not a row yet. Beyond it the database
/// is asked, or the file is left to `sibai verify`.
const WAITING_MAX: usize = 100_000;

pub(super) struct Recordings {
    tenants: BTreeMap<CallId, TenantId>,
    files: Vec<RecordingFile>,
    dir: std::path::PathBuf,
}

impl Recordings {
    pub(super) fn new(work: &Work) -> Recordings {
        Recordings { tenants: BTreeMap::new(), files: Vec::new(), dir: work.archive.dir.clone() }
    }

    /// A settled call says whose its recording is.
    pub(super) fn expect(&mut self, record: &CallRecord) {
        if record.recording.is_some() {
            if self.tenants.len() >= WAITING_MAX {
                self.tenants.pop_first();
            }
            self.tenants.insert(record.call, record.tenant.clone());
        }
    }

    pub(super) fn add(&mut self, file: RecordingFile) {
        if self.files.len() >= WAITING_MAX {
            tracing::error!(recording = %file.recording, "a recording's row is given up: its call never came");
            return;
        }
        self.files.push(file);
    }

    pub(super) fn waiting(&self) -> bool {
        !self.files.is_empty()
    }

    /// Writes the rows whose calls are known; `false` if the database did not take them, or a file could not be sealed.
    pub(super) async fn write(&mut self, work: &Work) -> bool {
        let (mut by_tenant, mut kept) = (BTreeMap::<TenantId, Vec<RecordingFile>>::new(), Vec::new());
        for file in std::mem::take(&mut self.files) {
            match self.tenant_of(&file, work).await {
                Some(tenant) => by_tenant.entry(tenant).or_default().push(file),
                None => kept.push(file),
            }
        }
        self.files = kept;
        let mut written = true;
        for (tenant, files) in by_tenant {
            match self.write_tenants(work, &tenant, &files).await {
                Ok(()) => files.iter().for_each(|file| drop(self.tenants.remove(&file.call))),
                Err(error) => {
                    tracing::warn!(%error, rows = files.len(), "rows of recordings wait");
                    self.files.extend(files);
                    written = false;
                }
            }
        }
        written
    }

    /// Seals the files of one enterprise where they are to be sealed, and writes their rows. A plain file goes once its
    /// row leads to the sealed one; a crash in between leaves both, and `sibai verify` names the plain one.
    async fn write_tenants(
        &self,
        work: &Work,
        tenant: &TenantId,
        files: &[RecordingFile],
    ) -> Result<(), Unreadable> {
        let years = crate::ops::calendar::years(&work.store)
            .await
            .unwrap_or_else(|_| HolidayYears::shipped().clone());
        let policies = policies(work.retention_days, work.store.recording_plan(tenant).await?);
        let mut rows: Vec<Recording> =
            files.iter().map(|file| self.row(file, tenant, &policies, &years)).collect();
        let key = work.archive.sealing_key(&work.store, tenant, clock::wall()).await?;
        if let Some(key) = &key {
            for (row, file) in rows.iter_mut().zip(files) {
                let (key, plain, recording) = (key.clone(), file.path.clone(), file.recording);
                let sealed = tokio::task::spawn_blocking(move || match plain.exists() {
                    true => key.seal(&plain, recording).map(Some),
                    // Told once more after a crash, and sealed before it.
                    false => Ok(None),
                });
                let sealed = sealed.await.map_err(std::io::Error::other)??;
                let Some((path, by)) = sealed else { continue };
                row.path = self.below(&path);
                row.sealed = Some(by);
            }
            rows.retain(|row| row.sealed.is_some());
        }
        work.store.put_recordings(&rows).await?;
        if key.is_some() {
            for file in files {
                match std::fs::remove_file(&file.path) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        tracing::error!(path = %file.path.display(), %error, "a plain recording stays beside its sealed one");
                    }
                    Ok(()) | Err(_) => {}
                }
            }
        }
        Ok(())
    }

    fn below(&self, path: &std::path::Path) -> String {
        path.strip_prefix(&self.dir).unwrap_or(path).to_string_lossy().into_owned()
    }

    async fn tenant_of(&self, file: &RecordingFile, work: &Work) -> Option<TenantId> {
        if let Some(tenant) = self.tenants.get(&file.call) {
            return Some(tenant.clone());
        }
        let stored = work.store.call(file.call).await.ok().flatten();
        stored.map(|call| call.record.tenant)
    }

    fn row(
        &self,
        file: &RecordingFile,
        tenant: &TenantId,
        policies: &[Policy],
        years: &HolidayYears,
    ) -> Recording {
        let kept = retention::kept(born(file.call), policies, years);
        Recording {
            tenant: tenant.clone(),
            recording: file.recording,
            call: file.call,
            path: self.below(&file.path),
            bytes: file.bytes,
            duration_ms: file.duration_ms,
            checksum: format!("crc32c:{:08x}", file.crc32c),
            interrupted: file.interrupted,
            retention_until: kept.until,
            kept_by: kept.named(),
            sealed: None,
        }
    }
}
