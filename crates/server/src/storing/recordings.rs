//! Rows of finished recordings: written once the call's own row says whose it is. A file whose call is not there yet
//! waits; a file without any call is for `sibai verify` to find.

use std::collections::BTreeMap;

use hotline::cdr::CallRecord;
use hotline::{CallId, TenantId, Wall};
use store::Recording;

use super::Work;
use crate::bridge::RecordingFile;

/// Calls remembered whose recording is not a file yet, and files whose call is not a row yet. Beyond it the database
/// is asked, or the file is left to `sibai verify`.
const WAITING_MAX: usize = 100_000;

pub(super) struct Recordings {
    tenants: BTreeMap<CallId, TenantId>,
    files: Vec<RecordingFile>,
    dir: std::path::PathBuf,
    retention_ms: i64,
}

impl Recordings {
    pub(super) fn new(work: &Work) -> Recordings {
        Recordings {
            tenants: BTreeMap::new(),
            files: Vec::new(),
            dir: work.recordings_dir.clone(),
            retention_ms: work.retention_ms,
        }
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

    /// Writes the rows whose calls are known; `false` if the database did not take them.
    pub(super) async fn write(&mut self, work: &Work) -> bool {
        let (mut rows, mut kept) = (Vec::new(), Vec::new());
        for file in std::mem::take(&mut self.files) {
            match self.tenant_of(&file, work).await {
                Some(tenant) => rows.push((self.row(&file, tenant), file)),
                None => kept.push(file),
            }
        }
        self.files = kept;
        if rows.is_empty() {
            return true;
        }
        let (rows, files): (Vec<Recording>, Vec<RecordingFile>) = rows.into_iter().unzip();
        match work.store.put_recordings(&rows).await {
            Ok(()) => {
                for file in &files {
                    self.tenants.remove(&file.call);
                }
                true
            }
            Err(error) => {
                tracing::warn!(%error, rows = rows.len(), "rows of recordings wait");
                self.files.extend(files);
                false
            }
        }
    }

    async fn tenant_of(&self, file: &RecordingFile, work: &Work) -> Option<TenantId> {
        if let Some(tenant) = self.tenants.get(&file.call) {
            return Some(tenant.clone());
        }
        let stored = work.store.call(file.call).await.ok().flatten();
        stored.map(|call| call.record.tenant)
    }

    fn row(&self, file: &RecordingFile, tenant: TenantId) -> Recording {
        let path = file.path.strip_prefix(&self.dir).unwrap_or(&file.path);
        let born = Wall((file.call.0 >> 80) as i64);
        Recording {
            tenant,
            recording: file.recording,
            call: file.call,
            path: path.to_string_lossy().into_owned(),
            bytes: file.bytes,
            duration_ms: file.duration_ms,
            checksum: format!("crc32c:{:08x}", file.crc32c),
            interrupted: file.interrupted,
            retention_until: Wall(born.0 + self.retention_ms),
        }
    }
}
