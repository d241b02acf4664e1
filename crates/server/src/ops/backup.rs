//! A copy of what the product keeps: the database while it is in use, the list of recordings (the files on demand), the
//! region files and the configuration. Putting it back is the business of a process that holds the directory alone.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use store::Recording;

use super::{Code, Desk, Outcome, Refusal, recording_keys};
use crate::clock;

/// Write a copy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Backup {
    /// A directory that is not there yet, or empty.
    pub to: PathBuf,
    /// Whether the files of recordings are copied too.
    pub recordings: bool,
    /// Where the keys of recordings go.
    #[serde(default)]
    pub keys: Keys,
}

/// Where the keys of recordings go (row V03).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keys {
    /// Into the file of `[recording] keys_copy`; a platform that seals and has none says which it wants.
    #[default]
    Configured,
    /// Into this file, which is replaced.
    File(PathBuf),
    /// Into the copy: what it has is readable for as long as the copy is there, whatever is deleted meanwhile.
    WithCopy,
}

/// What a copy holds; `backup.json` in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Made {
    /// When, Beijing time.
    pub made_at: String,
    /// The program's version.
    pub program: String,
    /// The schema's version.
    pub schema_version: i64,
    /// CRC-32C of `sibai.db`.
    pub database_crc32c: String,
    /// Recordings in the list.
    pub recordings: usize,
    /// Whether their files are in the copy.
    pub recording_files: bool,
}

/// The database in a copy.
const DATABASE: &str = "sibai.db";
/// What is said of a copy.
const MANIFEST: &str = "backup.json";
const RECORDINGS_LIST: &str = "recordings.csv";
const RECORDINGS: &str = "recordings";
const CONFIG: &str = "sibai.toml";
const REGIONS: &str = "regions";
const PROMPTS: &str = "prompts";

/// Writes a copy.
///
/// # Errors
/// Something stands in the way, or the database has tools of its own (PostgreSQL).
pub async fn backup(desk: &Desk, asked: &Backup) -> Outcome<Made> {
    let to = &asked.to;
    let failed = |error: std::io::Error| Refusal::file(to, error);
    std::fs::create_dir_all(to).map_err(failed)?;
    if to.read_dir().map_err(failed)?.next().is_some() {
        return Err(Refusal::new(
            Code::AlreadyThere,
            format!("{} 不是空目录", to.display()),
            format!("{} is not empty", to.display()),
        ));
    }
    let keys = keys(desk, &asked.keys).await?;
    let database = to.join(DATABASE);
    let copied = desk.store.backup(&database.to_string_lossy(), keys).await?;
    if let Some(file) = file_of_keys(desk, &asked.keys) {
        // Behind the copy: each recording that is in it and still there has its key among these.
        recording_keys::keys_out(desk, &recording_keys::Out { to: Some(file.clone()) }).await?;
    }
    let rows = recordings(desk).await?;
    let files = asked.recordings.then(|| desk.recordings.dir.clone());
    let (data, target, count) = (desk.data.clone(), to.clone(), rows.len());
    let copy = tokio::task::spawn_blocking(move || copy_files(&data, files.as_deref(), &target, &rows));
    let database_crc32c = copy.await.map_err(Refusal::bad_request)?.map_err(failed)?;
    let made = Made {
        made_at: clock::wall().beijing().to_string(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        schema_version: copied.schema_version,
        database_crc32c,
        recordings: count,
        recording_files: asked.recordings,
    };
    let text = serde_json::to_string_pretty(&made).map_err(Refusal::bad_request)?;
    std::fs::write(to.join(MANIFEST), text + "\n").map_err(failed)?;
    Ok(made)
}

fn file_of_keys<'f>(desk: &'f Desk, keys: &'f Keys) -> Option<&'f PathBuf> {
    match keys {
        Keys::WithCopy => None,
        Keys::File(file) => Some(file),
        Keys::Configured => desk.recordings.keys_copy.as_ref(),
    }
}

/// Whether the copy has keys.
///
/// # Errors
/// There are keys, and nobody said where they go.
async fn keys(desk: &Desk, wanted: &Keys) -> Outcome<store::Keys> {
    match wanted {
        Keys::WithCopy => Ok(store::Keys::Copied),
        _ if file_of_keys(desk, wanted).is_some() => {
            recording_keys::none_is_missing(desk).await?;
            Ok(store::Keys::LeftOut)
        }
        _ if !desk.store.has_secrets().await? => Ok(store::Keys::LeftOut),
        Keys::File(_) | Keys::Configured => Err(Refusal::invalid(
            "录音已加密：用 --keys 指定密钥文件（只留最新一份），或用 --with-keys 让备份一直可读",
            "recordings are sealed: name a file for their keys by --keys (of which the latest is kept), or say --with-keys to \
             have them readable for as long as the copy is there",
        )),
    }
}

async fn recordings(desk: &Desk) -> Outcome<Vec<Recording>> {
    const PAGE: u32 = 1_000;
    let mut rows: Vec<Recording> = Vec::new();
    loop {
        let page = desk.store.recordings(None, rows.last().map(|row| row.recording), PAGE).await?;
        let last = page.len() < PAGE as usize;
        rows.extend(page);
        if last {
            return Ok(rows);
        }
    }
}

/// Copies files beside the database; returns the database's checksum.
fn copy_files(
    data: &Path,
    recordings: Option<&Path>,
    to: &Path,
    rows: &[Recording],
) -> std::io::Result<String> {
    let mut list = String::from("path,bytes,duration_ms,checksum,call,tenant\n");
    for row in rows {
        list += &format!(
            "{},{},{},{},{},{}\n",
            row.path, row.bytes, row.duration_ms, row.checksum, row.call, row.tenant
        );
        if let Some(dir) = recordings {
            copy_into(&dir.join(&row.path), &to.join(RECORDINGS).join(&row.path))?;
        }
    }
    std::fs::write(to.join(RECORDINGS_LIST), list)?;
    copy_beside(data, to)?;
    checksum(&to.join(DATABASE))
}

/// The configuration, the region files and the prompts of enterprises, where there are any.
fn copy_beside(from: &Path, to: &Path) -> std::io::Result<()> {
    if from.join(CONFIG).exists() {
        copy_into(&from.join(CONFIG), &to.join(CONFIG))?;
    }
    copy_tree(&from.join(PROMPTS), &to.join(PROMPTS))?;
    copy_tree(&from.join(REGIONS), &to.join(REGIONS))
}

fn copy_into(from: &Path, to: &Path) -> std::io::Result<()> {
    if let Some(dir) = to.parent() {
        std::fs::create_dir_all(dir)?;
    }
    std::fs::copy(from, to).map(drop)
}

fn copy_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    if !from.exists() {
        return Ok(());
    }
    for entry in from.read_dir()? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy_tree(&entry.path(), &target)?,
            false => copy_into(&entry.path(), &target)?,
        }
    }
    Ok(())
}

fn checksum(path: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let (mut block, mut crc) = (vec![0; 1 << 16], 0);
    loop {
        match std::io::Read::read(&mut file, &mut block)? {
            0 => return Ok(format!("{crc:08x}")),
            read => crc = media::segment::crc32c(crc, &block[..read]),
        }
    }
}

/// Puts a copy in the place of what lies in a data directory, which the caller holds alone. `database` is the file that
/// the configuration names.
///
/// # Errors
/// It is no whole copy, or something is there and `force` was not said.
pub fn restore(from: &Path, data: &Path, database: &Path, force: bool) -> Outcome<Made> {
    let manifest = from.join(MANIFEST);
    let text = std::fs::read_to_string(&manifest).map_err(|error| Refusal::file(&manifest, error))?;
    let made: Made = serde_json::from_str(&text).map_err(|error| Refusal::file(&manifest, error))?;
    let copy = from.join(DATABASE);
    let found = checksum(&copy).map_err(|error| Refusal::file(&copy, error))?;
    if found != made.database_crc32c {
        return Err(Refusal::new(
            Code::Findings,
            format!("{} 的校验和不符，备份已损坏", copy.display()),
            format!("{} is not what was written: its checksum differs", copy.display()),
        ));
    }
    if database.exists() && !force {
        return Err(Refusal::new(
            Code::AlreadyThere,
            format!("{} 已存在；要覆盖请加 --force", database.display()),
            format!("{} is there already; say --force to replace it", database.display()),
        ));
    }
    put_back(from, data, database).map_err(|error| Refusal::file(data, error))?;
    Ok(made)
}

fn put_back(from: &Path, data: &Path, database: &Path) -> std::io::Result<()> {
    let next = database.with_extension("restored");
    copy_into(&from.join(DATABASE), &next)?;
    std::fs::File::open(&next)?.sync_all()?;
    for end in ["-wal", "-shm"] {
        let mut beside = database.as_os_str().to_owned();
        beside.push(end);
        remove(Path::new(&beside))?;
    }
    std::fs::rename(&next, database)?;
    copy_beside(from, data)?;
    copy_tree(&from.join(RECORDINGS), &data.join(RECORDINGS))?;
    // Compiled numbers belong to the database that was: they are made anew at the next start.
    match std::fs::remove_dir_all(data.join("snapshot")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
