//! Rows of finished recordings: written once the call's own row says whose it is. A file whose call is not there yet
//! waits; a file without any call is for `sibai verify` to find.

use std::collections::BTreeMap;
use std::io::Read;

use hotline::calendar::HolidayYears;
use hotline::call::Fact;
use hotline::cdr::{self, PauseRecord};
use hotline::consent::Choice;
use hotline::retention::{self, Policy};
use hotline::settlement::{self, Settlement};
use hotline::{CallId, Mono, RecordingId, TenantId, Wall};
use ring::digest::{Context, SHA256};
use store::{Recorded, Recording};

use super::Work;
use crate::archive::Unreadable;
use crate::bridge::RecordingFile;
use crate::clock;
use crate::ops::recordings::{born, policies};

/// Calls remembered whose recording is not a file yet, and files whose call is not a row yet. Beyond it the database
/// is asked, or the file is left to `sibai verify`.
const WAITING_MAX: usize = 100_000;

pub(super) struct Recordings {
    calls: BTreeMap<CallId, Expected>,
    files: Vec<RecordingFile>,
    dir: std::path::PathBuf,
}

impl Recordings {
    pub(super) fn new(work: &Work) -> Recordings {
        Recordings { calls: BTreeMap::new(), files: Vec::new(), dir: work.archive.dir.clone() }
    }

    /// A settled call says whose its recording is.
    pub(super) fn expect(&mut self, settlement: &Settlement) {
        let record = &settlement.record;
        if record.recording.is_some() || !record.messages.is_empty() {
            if self.calls.len() >= WAITING_MAX {
                self.calls.pop_first();
            }
            self.calls.insert(record.call, Expected::of(&record.tenant, record.call, &settlement.log));
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
        let (mut by_tenant, mut kept) =
            (BTreeMap::<TenantId, Vec<(RecordingFile, Expected)>>::new(), Vec::new());
        for file in std::mem::take(&mut self.files) {
            match self.call_of(&file, work).await {
                Some(call) => by_tenant.entry(call.tenant.clone()).or_default().push((file, call)),
                None => kept.push(file),
            }
        }
        self.files = kept;
        if by_tenant.is_empty() {
            return true;
        }
        // With the database away the rows wait as well.
        let years = crate::ops::calendar::years(&work.store).await;
        let years = years.unwrap_or_else(|_| HolidayYears::shipped().clone());
        let mut written = true;
        for (tenant, files) in by_tenant {
            match self.write_tenants(work, &tenant, &files, &years).await {
                Ok(()) => files.iter().for_each(|(file, _)| drop(self.calls.remove(&file.call))),
                Err(error) => {
                    tracing::warn!(%error, rows = files.len(), "rows of recordings wait");
                    self.files.extend(files.into_iter().map(|(file, _)| file));
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
        files: &[(RecordingFile, Expected)],
        years: &HolidayYears,
    ) -> Result<(), Unreadable> {
        let policies = policies(work.retention_days, work.store.recording_plan(tenant).await?);
        let mut rows: Vec<Recording> =
            files.iter().map(|(file, _)| self.row(file, tenant, &policies, years)).collect();
        let recorded = recorded(tenant, files).await?;
        let key = work.archive.sealing_key(&work.store, tenant, clock::wall()).await?;
        if let Some(key) = &key {
            for (row, (file, _)) in rows.iter_mut().zip(files) {
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
        work.store.put_recordings(&rows, &recorded).await?;
        if key.is_some() {
            for (file, _) in files {
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

    async fn call_of(&self, file: &RecordingFile, work: &Work) -> Option<Expected> {
        if let Some(call) = self.calls.get(&file.call) {
            return Some(call.clone());
        }
        let stored = work.store.call(file.call).await.ok().flatten();
        stored.map(|call| Expected::of(&call.record.tenant, file.call, &call.log))
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

/// What a call's log says of its recording.
#[derive(Clone)]
struct Expected {
    tenant: TenantId,
    /// The notice that was played before, and when it ended.
    notice: Option<(String, Wall)>,
    /// What the caller said when asked, and when, if it was.
    consent: Option<(Choice, Wall)>,
    /// The recording of the talk, and when it kept nothing (row V09).
    paused: Option<(RecordingId, Vec<PauseRecord>)>,
}

impl Expected {
    fn of(tenant: &TenantId, call: CallId, log: &[u8]) -> Expected {
        let facts = settlement::read_log(log).unwrap_or_default();
        let offset = facts.iter().find_map(|dated| match &dated.fact {
            Fact::Arrived(arrived) => Some(arrived.wall_offset_ms),
            _ => None,
        });
        let noticed = facts.iter().find_map(|dated| match &dated.fact {
            Fact::Noticed { prompt } => Some((prompt.to_string(), dated.at)),
            _ => None,
        });
        let chosen = facts.iter().find_map(|dated| match dated.fact {
            Fact::RecordingChosen { choice, .. } => Some((choice, dated.at)),
            _ => None,
        });
        let wall = |at: Mono| Wall(at.0 as i64 + offset.unwrap_or_default());
        let record = cdr::fold(call, &facts).map(|folded| folded.record);
        let paused = record.and_then(|record| Some((record.recording?, record.pauses)));
        Expected {
            tenant: tenant.clone(),
            notice: noticed.map(|(prompt, at)| (prompt, wall(at))),
            consent: chosen.map(|(choice, at)| (choice, wall(at))),
            paused,
        }
    }
}

/// How the chains of finished files begin: what is in them, and the notice of before. A file that was sealed before a crash
/// is not read again; its chain has begun.
async fn recorded(tenant: &TenantId, files: &[(RecordingFile, Expected)]) -> std::io::Result<Vec<Recorded>> {
    let mut recorded = Vec::with_capacity(files.len());
    for (file, call) in files {
        let path = file.path.clone();
        let summed =
            tokio::task::spawn_blocking(move || sha256(&path)).await.map_err(std::io::Error::other)?;
        let sum = match summed {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            summed => summed?,
        };
        let (notice, ended_at) = call.notice.clone().unzip();
        let detail = serde_json::json!({
            "sha256": sum,
            "bytes": file.bytes,
            "duration_ms": file.duration_ms,
            "notice": notice,
            "notice_ended_at": ended_at.map(|at| at.0),
            "consent": call.consent.map(|(choice, _)| choice),
            "consent_at": call.consent.map(|(_, at)| at.0),
            "pauses": call.paused.as_ref().filter(|(of, _)| *of == file.recording).map(|(_, pauses)| pauses),
        });
        let (tenant, recording) = (tenant.clone(), file.recording);
        recorded.push(Recorded { tenant, recording, at: clock::wall(), detail: detail.to_string() });
    }
    Ok(recorded)
}

/// SHA-256 of a file, in hexadecimal.
fn sha256(path: &std::path::Path) -> std::io::Result<String> {
    let (mut file, mut sum) = (std::fs::File::open(path)?, Context::new(&SHA256));
    let mut piece = vec![0; 64 << 10];
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            return Ok(sum.finish().as_ref().iter().map(|octet| format!("{octet:02x}")).collect());
        }
        sum.update(&piece[..read]);
    }
}
