//! Everything that is kept, checked against itself: books, records, recordings' files, the journal. It repairs nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hotline::evidence::first_broken;
use hotline::{RecordingId, TenantId, Wall};
use node::journal::segment_number;
use serde::{Deserialize, Serialize};
use store::Recording;

use super::{Desk, Outcome, Refusal};
use crate::archive::{Archive, Sound, TenantKey, Unreadable};
use crate::storing::aside::Aside;

/// Check everything.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Verify {
    /// Only what the database says, not the files.
    #[serde(default)]
    pub database_only: bool,
}

/// What was checked and found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Verified {
    /// Nothing was found.
    pub clean: bool,
    /// What was found.
    pub findings: Vec<Finding>,
    /// Files of recordings read.
    pub recordings: usize,
    /// Segments of the journal read.
    pub journal_segments: usize,
    /// Whether the server was running: what was just being written was looked at twice.
    pub running: bool,
}

/// Something that does not agree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// Which check, as a stable code.
    pub check: String,
    /// The enterprise, or `provider`.
    pub tenant: TenantId,
    /// The row, key or file in question.
    pub subject: String,
}

/// How often and how long a running server may take to finish what it is writing.
const LOOKS: usize = 4;
const BETWEEN_LOOKS: Duration = Duration::from_millis(1_500);

/// Checks everything.
///
/// # Errors
/// Something cannot be read at all.
pub async fn verify(desk: &Desk, asked: &Verify) -> Outcome<Verified> {
    verify_telling(desk, asked, |_| ()).await
}

/// The same; `tell` hears now and then how many calls were checked.
///
/// # Errors
/// As [`verify`].
pub async fn verify_telling(
    desk: &Desk,
    asked: &Verify,
    mut tell: impl FnMut(u64) + Send,
) -> Outcome<Verified> {
    let mut verified = look(desk, asked, &mut tell).await?;
    verified.running = desk.live.is_some();
    // A call that ended a moment ago has its record before its recording is a file: only what stays is a finding.
    for _ in 1..LOOKS {
        if !verified.running || verified.findings.is_empty() {
            break;
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
        let again = look(desk, asked, &mut tell).await?;
        verified.findings.retain(|finding| again.findings.contains(finding));
    }
    verified.clean = verified.findings.is_empty();
    Ok(verified)
}

async fn look(desk: &Desk, asked: &Verify, tell: &mut (impl FnMut(u64) + Send)) -> Outcome<Verified> {
    let mut verified = Verified::default();
    for found in desk.store.verify_telling(tell).await? {
        let check = found.kind.code().to_owned();
        verified.findings.push(Finding { check, tenant: found.tenant, subject: found.subject });
    }
    if asked.database_only {
        return Ok(verified);
    }
    let rows = recordings(desk).await?;
    verified.recordings = rows.len();
    let (archive, journal) = (desk.recordings.clone(), desk.data.join("journal"));
    let keys = keys(desk, &rows).await?;
    let chained: Vec<(TenantId, RecordingId)> =
        rows.iter().map(|row| (row.tenant.clone(), row.recording)).collect();
    let files =
        tokio::task::spawn_blocking(move || (check_files(&archive, &rows, &keys), check_journal(&journal)));
    let (recordings, journal) = files.await.map_err(Refusal::bad_request)?;
    verified.findings.extend(recordings);
    verified.findings.extend(broken_chains(desk, &chained).await?);
    verified.findings.extend(set_aside(&desk.data));
    let (segments, flipped) = journal?;
    verified.journal_segments = segments;
    verified.findings.extend(flipped);
    verified.findings.sort();
    Ok(verified)
}

/// Recordings with an event that is not as it was written (row V10). Those of before chains have none.
async fn broken_chains(desk: &Desk, all: &[(TenantId, RecordingId)]) -> Outcome<Vec<Finding>> {
    let mut findings = Vec::new();
    for (tenant, recording) in all {
        let events = desk.store.recording_events(tenant, *recording).await?;
        if let Some(number) = first_broken((tenant, *recording), &events) {
            findings.push(finding("recording_chain", tenant.clone(), &format!("{recording} event {number}")));
        }
    }
    Ok(findings)
}

/// Calls that the database refused for good.
fn set_aside(data: &Path) -> Vec<Finding> {
    let found = |file: PathBuf| {
        let tenant = Aside::read(&file).map_or(TenantId::provider(), |call| call.record.tenant);
        finding("call_set_aside", tenant, &file.display().to_string())
    };
    Aside::in_data(data).files().into_iter().map(found).collect()
}

async fn recordings(desk: &Desk) -> Outcome<Vec<Recording>> {
    const PAGE: u32 = 1_000;
    let mut rows: Vec<Recording> = Vec::new();
    loop {
        let after = rows.last().map(|row| row.recording);
        let page = desk.store.recordings(None, after, PAGE).await?;
        let last = page.len() < PAGE as usize;
        rows.extend(page);
        if last {
            return Ok(rows);
        }
    }
}

/// Keys of enterprises by their number.
type Keys = BTreeMap<(TenantId, u32), KeyFound>;

/// What became of an enterprise's key.
enum KeyFound {
    Here(TenantKey),
    /// By intent.
    Destroyed,
    /// It was not put back behind a restore, or the provider's key is another.
    Missing,
}

/// The keys that sealed recordings need.
async fn keys(desk: &Desk, rows: &[Recording]) -> Outcome<Keys> {
    let mut keys = Keys::new();
    for row in rows {
        let Some(sealed) = &row.sealed else { continue };
        let of = (row.tenant.clone(), sealed.key);
        if keys.contains_key(&of) {
            continue;
        }
        let found = match desk.recordings.key_of(&desk.store, row).await {
            Ok(Some(key)) => KeyFound::Here(key),
            Err(Unreadable::Database(error)) => return Err(error.into()),
            Ok(None) | Err(Unreadable::Key | Unreadable::NoMaster | Unreadable::File(_)) => {
                let known = desk.store.recording_keys(&row.tenant).await?;
                match known.iter().any(|key| key.key == sealed.key && key.destroyed) {
                    true => KeyFound::Destroyed,
                    false => KeyFound::Missing,
                }
            }
        };
        keys.insert(of, found);
    }
    Ok(keys)
}

fn check_files(archive: &Archive, rows: &[Recording], keys: &Keys) -> Vec<Finding> {
    let now = crate::clock::wall();
    let mut findings: Vec<Finding> =
        rows.iter().filter_map(|row| check_file(archive, row, keys, now)).collect();
    let known: BTreeSet<PathBuf> = rows.iter().map(|row| archive.dir.join(&row.path)).collect();
    for file in sound_files(&archive.dir) {
        if !known.contains(&file) {
            findings.push(finding(
                "recording_without_row",
                TenantId::provider(),
                &file.display().to_string(),
            ));
        }
    }
    findings
}

fn finding(check: &str, tenant: TenantId, subject: &str) -> Finding {
    Finding { check: check.to_owned(), tenant, subject: subject.to_owned() }
}

/// What is wrong with a recording's file, if anything. One whose enterprise's key was destroyed is unreadable by intent, and so is
/// one that came back from a copy without its own, which was deleted since, once its time is over.
fn check_file(archive: &Archive, row: &Recording, keys: &Keys, now: Wall) -> Option<Finding> {
    let fault = match &row.sealed {
        None => fault(archive, row, None)?,
        Some(sealed) => match keys.get(&(row.tenant.clone(), sealed.key)) {
            Some(KeyFound::Destroyed) => return None,
            Some(KeyFound::Here(key)) if !sealed.wrapped.is_empty() => fault(archive, row, Some(key))?,
            Some(KeyFound::Here(_) | KeyFound::Missing) | None if row.retention_until <= now => return None,
            Some(KeyFound::Here(_) | KeyFound::Missing) | None => "recording_key_missing",
        },
    };
    Some(finding(fault, row.tenant.clone(), &row.path))
}

fn fault(archive: &Archive, row: &Recording, key: Option<&TenantKey>) -> Option<&'static str> {
    match archive.open_with(row, key).and_then(|sound| Ok(read_sums(&sound)?)) {
        Err(Unreadable::File(error)) if error.kind() == ErrorKind::InvalidData => Some("recording_checksum"),
        Err(_) => Some("recording_missing"),
        Ok(file) if file.bytes != row.bytes => Some("recording_length"),
        Ok(file) if !file.is_wav => Some("recording_header"),
        Ok(file) if format!("crc32c:{:08x}", file.crc32c) != row.checksum => Some("recording_checksum"),
        Ok(_) => None,
    }
}

struct Sums {
    bytes: u64,
    is_wav: bool,
    crc32c: u32,
}

fn read_sums(sound: &Sound) -> std::io::Result<Sums> {
    let mut sums = Sums { bytes: 0, is_wav: false, crc32c: 0 };
    loop {
        let block = sound.read(sums.bytes)?;
        if block.is_empty() {
            return Ok(sums);
        }
        if sums.bytes == 0 {
            sums.is_wav = block.len() > 12 && block.starts_with(b"RIFF") && &block[8..12] == b"WAVE";
        }
        sums.bytes += block.len() as u64;
        sums.crc32c = media::segment::crc32c(sums.crc32c, &block);
    }
}

fn sound_files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in dir.read_dir().into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(sound_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "wav" || extension == "sealed") {
            found.push(path);
        }
    }
    found
}

/// Segments read, and places among them that are no record though records follow (FAULTS B6).
fn check_journal(dir: &Path) -> Outcome<(usize, Vec<Finding>)> {
    let failed = |error: std::io::Error| Refusal::file(dir, error);
    let mut segments = Vec::new();
    let mut bytes_each = 0;
    for place in 0..crate::journal::SEGMENTS_MAX {
        let path = dir.join(format!("{place:03}.seg"));
        if !path.exists() {
            break;
        }
        let bytes = std::fs::read(&path).map_err(failed)?;
        bytes_each = bytes.len() as u64;
        if segment_number(&bytes).is_some() {
            segments.push(bytes);
        }
    }
    let found = node::recovery::find(segments.iter().map(Vec::as_slice), bytes_each.max(1), u64::MAX);
    let flipped =
        |position: &u64| finding("journal_flip", TenantId::provider(), &format!("position {position}"));
    Ok((segments.len(), found.flipped.iter().map(flipped).collect()))
}
