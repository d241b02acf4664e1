//! Recordings of a range as one archive, written in the background (row V05): the WAVs under the names people know them by, an
//! index that tables read, and checksums. A run that dies begins its archive anew.

use std::fs::File;
use std::io::{BufWriter, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hotline::{HotlineNumber, TenantId, Wall};
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use store::{Change, Export, ExportState, RecordingFilter, RecordingRow};
use utoipa::ToSchema;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::money::time;
use super::recordings::{file_name, unreadable};
use super::{Desk, Outcome, Refusal, check_instant};
use crate::archive::Sound;
use crate::clock;
use crate::prompts::FileId;
use crate::running::Running;

/// How often somebody looks for what waits.
const EVERY: Duration = Duration::from_secs(2);
/// An archive is deleted so long after it was finished.
const KEPT_MS: i64 = 7 * 86_400_000;
/// The longest range of one archive: a quarter and a day.
const RANGE_MS_MAX: i64 = 93 * 86_400_000;
/// Exports of one enterprise that may wait or run.
const WAITING_MAX: usize = 3;
/// Exports told at once.
const LIST_MAX: u32 = 100;
/// Recordings read at once from the database.
const PAGE: u32 = 500;
/// Folders below the data directory.
const FOLDER: &str = "exports";

/// Ask for an archive.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ask {
    /// The enterprise.
    pub tenant: TenantId,
    /// Of calls to this number alone.
    #[serde(default)]
    pub number: Option<HotlineNumber>,
    /// Of calls that began at or after.
    pub since: Wall,
    /// Of calls that began before.
    pub until: Wall,
    /// Who asks.
    pub by: String,
}

/// Which archive.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct One {
    /// The enterprise.
    pub tenant: TenantId,
    /// The export.
    pub export: String,
}

/// List an enterprise's exports.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Of {
    /// The enterprise.
    pub tenant: TenantId,
}

/// Write an archive that is done into a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Save {
    /// Which.
    #[serde(flatten)]
    pub of: One,
    /// The file, which must not be there yet.
    pub to: PathBuf,
}

/// How far an export is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Exported {
    /// Names it.
    pub export: String,
    /// `waiting`, `running`, `done`, `failed`, `gone`.
    #[schema(value_type = String)]
    pub state: ExportState,
    /// Recordings to be put into it; 0 before it runs.
    pub total: u64,
    /// Recordings that are in it.
    pub done: u64,
    /// Recordings that could not be read; its index names each.
    pub skipped: u64,
    /// Octets of its archive.
    pub bytes: u64,
    /// Who asked.
    pub asked_by: String,
    /// When, Beijing time.
    pub asked_at: String,
    /// From when its archive is deleted, Beijing time.
    pub kept_until: Option<String>,
}

impl From<Export> for Exported {
    fn from(export: Export) -> Exported {
        Exported {
            kept_until: export.ended_at.map(|at| time(Wall(at.0 + KEPT_MS))),
            export: export.export,
            state: export.state,
            total: export.total,
            done: export.done,
            skipped: export.skipped,
            bytes: export.bytes,
            asked_by: export.asked.by,
            asked_at: time(export.asked.at),
        }
    }
}

/// Asks for an archive. Where nobody serves it is written at once.
///
/// # Errors
/// The range is none, or too many wait.
pub async fn ask(desk: &Desk, asked: &Ask) -> Outcome<Exported> {
    desk.enterprise(&asked.tenant).await?;
    check_instant("since", asked.since)?;
    check_instant("until", asked.until)?;
    if asked.until <= asked.since || asked.until.0 - asked.since.0 > RANGE_MS_MAX {
        return Err(Refusal::invalid(
            "时间范围须为 1 至 93 天",
            "a range has 93 days at most and ends behind its beginning",
        ));
    }
    let before = desk.store.exports(&asked.tenant, LIST_MAX).await?;
    let waits = |one: &&Export| matches!(one.state, ExportState::Waiting | ExportState::Running);
    if before.iter().filter(waits).count() >= WAITING_MAX {
        return Err(Refusal::invalid(
            format!("已有 {WAITING_MAX} 个导出在等待，请等它们完成"),
            format!("{WAITING_MAX} exports wait already"),
        ));
    }
    let export = FileId::new().map_err(|error| Refusal::file(&desk.data, error))?;
    let export = Export {
        tenant: asked.tenant.clone(),
        export: export.as_str().to_owned(),
        asked: Change { by: asked.by.clone(), at: clock::wall() },
        number: asked.number,
        since: asked.since,
        until: asked.until,
        state: ExportState::Waiting,
        total: 0,
        done: 0,
        skipped: 0,
        bytes: 0,
        ended_at: None,
    };
    desk.store.ask_export(&export).await?;
    if desk.live.is_none() {
        return Ok(run(desk, export).await?.into());
    }
    Ok(export.into())
}

/// How far one is.
///
/// # Errors
/// There is none.
pub async fn one(desk: &Desk, asked: &One) -> Outcome<Exported> {
    Ok(found(desk, asked).await?.into())
}

/// An enterprise's exports, the latest first.
///
/// # Errors
/// Those of the database.
pub async fn list(desk: &Desk, asked: &Of) -> Outcome<Vec<Exported>> {
    Ok(desk.store.exports(&asked.tenant, LIST_MAX).await?.into_iter().map(Exported::from).collect())
}

/// Opens an archive that is done, with its name for people.
///
/// # Errors
/// There is none, or it is not done, or its time is over.
pub async fn open(desk: &Desk, asked: &One) -> Outcome<(Sound, String)> {
    let export = found(desk, asked).await?;
    if export.state != ExportState::Done {
        return Err(Refusal::invalid(
            "导出还没有完成或已过期",
            "the export is not done, or its time is over",
        ));
    }
    let path = path_of(&desk.data, &export)?;
    let archive = Sound::open(&path, None).map_err(|error| Refusal::file(&path, error))?;
    let day = |at: Wall| time(at).chars().take(10).filter(char::is_ascii_digit).collect::<String>();
    let name =
        format!("recordings_{}_{}-{}.zip", export.tenant, day(export.since), day(Wall(export.until.0 - 1)));
    Ok((archive, name))
}

/// Writes an archive into a file of this machine.
///
/// # Errors
/// As [`open`], or the file is there already.
pub async fn save(desk: &Desk, asked: &Save) -> Outcome<Exported> {
    let (archive, _) = open(desk, &asked.of).await?;
    let to = asked.to.clone();
    let copied = tokio::task::spawn_blocking(move || archive.copy_to(&mut File::create_new(to)?));
    copied.await.map_err(Refusal::bad_request)?.map_err(|error| Refusal::file(&asked.to, error))?;
    one(desk, &asked.of).await
}

async fn found(desk: &Desk, asked: &One) -> Outcome<Export> {
    let none = || {
        Refusal::not_found(
            format!("没有导出 {}", asked.export),
            format!("there is no export {}", asked.export),
        )
    };
    desk.store.export(&asked.tenant, &asked.export).await?.ok_or_else(none)
}

/// Where an archive lies; a name that is no id leads nowhere (FAULTS P4).
fn path_of(data: &Path, export: &Export) -> Outcome<PathBuf> {
    let id = FileId::parse(&export.export);
    let id = id.ok_or_else(|| Refusal::not_found("没有这个导出", "there is no such export"))?;
    Ok(data.join(FOLDER).join(format!("{}.zip", id.as_str())))
}

/// Runs what waits, one after another, and deletes what is over, as long as the process lives.
pub async fn watch(running: Running) {
    let desk = Desk::of(running);
    // Whoever ran one before is gone: this process is the only one that does.
    let mut is_first = true;
    loop {
        if let Err(refusal) = look(&desk, is_first).await {
            tracing::debug!(code = ?refusal.code, "no export is written");
        } else {
            is_first = false;
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn look(desk: &Desk, is_first: bool) -> Outcome<()> {
    if is_first {
        for export in desk.store.exports_in(ExportState::Running, LIST_MAX).await? {
            desk.store.set_export(&Export { state: ExportState::Waiting, ..export }).await?;
        }
    }
    let now = clock::wall();
    for export in desk.store.exports_in(ExportState::Done, LIST_MAX).await? {
        if export.ended_at.is_some_and(|at| at.0 + KEPT_MS <= now.0) {
            let path = path_of(&desk.data, &export)?;
            match tokio::fs::remove_file(&path).await {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    tracing::error!(path = %path.display(), %error, "an archive cannot be deleted");
                }
                Ok(()) | Err(_) => {
                    desk.store.set_export(&Export { state: ExportState::Gone, ..export }).await?;
                }
            }
        }
    }
    match desk.store.exports_in(ExportState::Waiting, 1).await?.pop() {
        Some(export) => run(desk, export).await.map(drop),
        None => Ok(()),
    }
}

/// Writes one archive.
async fn run(desk: &Desk, mut export: Export) -> Outcome<Export> {
    let path = path_of(&desk.data, &export)?;
    (export.state, export.done, export.skipped) = (ExportState::Running, 0, 0);
    match write(desk, &mut export, &path).await {
        Ok(bytes) => (export.state, export.bytes) = (ExportState::Done, bytes),
        Err(refusal) => {
            tracing::error!(export = export.export, why = refusal.en, "an export is given up");
            let _ = tokio::fs::remove_file(part_of(&path)).await;
            export.state = ExportState::Failed;
        }
    }
    export.ended_at = Some(clock::wall());
    desk.store.set_export(&export).await?;
    Ok(export)
}

fn part_of(path: &Path) -> PathBuf {
    path.with_extension("zip.part")
}

/// Everything of a range, page by page; how far it is stands in the database after each page.
async fn write(desk: &Desk, export: &mut Export, path: &Path) -> Outcome<u64> {
    let rows = rows(desk, export).await?;
    export.total = rows.len() as u64;
    desk.store.set_export(export).await?;
    let failed = |error: std::io::Error| Refusal::file(path, error);
    let part = part_of(path);
    if let Some(dir) = path.parent() {
        tokio::fs::create_dir_all(dir).await.map_err(failed)?;
    }
    let mut archive = Archive::begin(&part).map_err(failed)?;
    for (place, row) in rows.iter().enumerate() {
        let name = entry_name(row);
        match desk.recordings.open(&desk.store, &row.recording).await {
            Ok(sound) => {
                let added = tokio::task::spawn_blocking(move || {
                    let added = archive.add(&name, &sound)?;
                    Ok((archive, added))
                });
                let (back, added) = added.await.map_err(Refusal::bad_request)?.map_err(failed)?;
                archive = back;
                match added {
                    Ok(sum) => {
                        archive.note(row, &sum);
                        export.done += 1;
                    }
                    Err(why) => {
                        archive.note(row, &why.to_string());
                        export.skipped += 1;
                    }
                }
            }
            Err(why) => {
                archive.note(row, &unreadable(row.recording.recording, why).en);
                export.skipped += 1;
            }
        }
        if (place + 1).is_multiple_of(PAGE as usize / 10) {
            desk.store.set_export(export).await?;
        }
    }
    let ended = tokio::task::spawn_blocking(move || archive.end());
    let bytes = ended.await.map_err(Refusal::bad_request)?.map_err(failed)?;
    tokio::fs::rename(&part, path).await.map_err(failed)?;
    Ok(bytes)
}

async fn rows(desk: &Desk, export: &Export) -> Outcome<Vec<RecordingRow>> {
    let mut rows: Vec<RecordingRow> = Vec::new();
    loop {
        let filter = RecordingFilter {
            number: export.number,
            since: Some(export.since),
            until: Some(export.until),
            older_than: rows.last().map(|row| row.recording.recording),
            ..RecordingFilter::default()
        };
        let page = desk.store.recording_rows(&export.tenant, &filter, PAGE).await?;
        let last = page.len() < PAGE as usize;
        rows.extend(page);
        if last {
            return Ok(rows);
        }
    }
}

/// The name of a recording in the archive: two calls of one second from one caller differ by their ids.
fn entry_name(row: &RecordingRow) -> String {
    let name = file_name(row.started_at, row.number, &row.caller);
    let stem = name.trim_end_matches(".wav");
    format!("recordings/{stem}_{}.wav", row.recording.recording)
}

/// An archive being written: stored, not packed, since speech in G.711 hardly gives way.
struct Archive {
    zip: ZipWriter<BufWriter<File>>,
    /// For tables: one line a recording.
    index: String,
    /// As `sha256sum --check` reads them.
    sums: String,
}

impl Archive {
    fn begin(part: &Path) -> std::io::Result<Archive> {
        let file = BufWriter::with_capacity(256 << 10, File::create(part)?);
        // Chinese tables take the mark to mean UTF-8.
        let head = "\u{feff}file,recording,call,began_at,number,caller,answered_by,agent,duration_ms,sha256_or_why_not\r\n";
        Ok(Archive { zip: ZipWriter::new(file), index: head.to_owned(), sums: String::new() })
    }

    /// Puts a WAV in and gives its SHA-256, or why it cannot be read: then nothing of it is in.
    fn add(&mut self, name: &str, sound: &Sound) -> std::io::Result<Result<String, std::io::Error>> {
        self.zip.start_file(name, options()).map_err(std::io::Error::other)?;
        let (mut sum, mut at) = (Context::new(&SHA256), 0);
        while at < sound.bytes() {
            let piece = match sound.read(at) {
                Ok(piece) => piece,
                Err(why) => {
                    self.zip.abort_file().map_err(std::io::Error::other)?;
                    return Ok(Err(why));
                }
            };
            at += piece.len() as u64;
            sum.update(&piece);
            self.zip.write_all(&piece)?;
        }
        let sum: String = sum.finish().as_ref().iter().map(|octet| format!("{octet:02x}")).collect();
        self.sums += &format!("{sum}  {name}\n");
        Ok(Ok(sum))
    }

    fn note(&mut self, row: &RecordingRow, sum: &str) {
        let file = entry_name(row);
        let RecordingRow { recording, number, caller, answered_by, agent, started_at } = row;
        let (began, ms) = (time(*started_at), recording.duration_ms);
        let (id, call, number) =
            (recording.recording.to_string(), recording.call.to_string(), number.to_string());
        let ms = ms.to_string();
        let cells = [&file, &id, &call, &began, &number, caller, answered_by, agent, &ms, &sum.to_owned()];
        self.index += &cells.map(|cell| quoted(cell)).join(",");
        self.index += "\r\n";
    }

    /// Its size, synced.
    fn end(mut self) -> std::io::Result<u64> {
        for (name, text) in [("index.csv", &self.index), ("SHA256SUMS", &self.sums)] {
            self.zip.start_file(name, options()).map_err(std::io::Error::other)?;
            self.zip.write_all(text.as_bytes())?;
        }
        let mut file = self.zip.finish().map_err(std::io::Error::other)?;
        file.flush()?;
        let bytes = file.stream_position()?;
        file.get_ref().sync_all()?;
        Ok(bytes)
    }
}

fn options() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(CompressionMethod::Stored).large_file(true)
}

/// A cell of a table (RFC 4180); one that a table would take for a formula is told as text.
fn quoted(cell: &str) -> String {
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let cell = if is_formula { format!("'{cell}") } else { cell.to_owned() };
    match cell.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v05_cells_stay_cells_whatever_is_in_them() {
        for (cell, wanted) in [
            ("13800138000", "13800138000"),
            ("Wang, Li", "\"Wang, Li\""),
            ("the \"best\"", "\"the \"\"best\"\"\""),
            ("=1+1", "'=1+1"),
            ("", ""),
        ] {
            assert_eq!(quoted(cell), wanted);
        }
    }
}
