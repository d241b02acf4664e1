//! The keys of recordings in a file of their own (row V03). A copy of the database has none of them: what is deleted here is gone
//! from every copy as soon as this file is written again, of which the latest alone is kept.
//!
//! Lines of words: `sibai-recording-keys 1`; `enterprise TENANT NUMBER KEY` and `recording TENANT RECORDING KEY`, each key wrapped as
//! the database has it, so that the file opens nothing without the provider's key; `end LINES`.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use hotline::TenantId;
use serde::{Deserialize, Serialize};
use store::{RecordingKey, Secret};
use tokio::sync::Mutex;

use super::{Code, Desk, Outcome, Refusal};

/// Write the keys into a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Out {
    /// The file, which is replaced; that of `[recording] keys_copy` unless said.
    pub to: Option<PathBuf>,
}

/// Put the keys of a file back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct In {
    /// The file.
    pub from: PathBuf,
    /// Who asks.
    pub by: String,
}

/// How many keys there were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Of enterprises.
    pub enterprises: u64,
    /// Of recordings.
    pub recordings: u64,
}

const HEAD: &str = "sibai-recording-keys 1";
const PAGE: u32 = 5_000;

/// One at a time: two would write into one file on its way.
static WRITING: Mutex<()> = Mutex::const_new(());

/// Writes the keys of all recordings that are there. The file before is replaced at once or not at all, and never by a database that
/// has fewer keys than it needs: the file may be all that is left of them.
///
/// # Errors
/// No file is named, it cannot be written, or keys are missing here.
pub async fn keys_out(desk: &Desk, asked: &Out) -> Outcome<Moved> {
    let to = asked.to.as_ref().or(desk.recordings.keys_copy.as_ref()).ok_or_else(|| {
        Refusal::invalid(
            "没有指定密钥文件，也没有配置 [recording] keys_copy",
            "no file is named, and no [recording] keys_copy is configured",
        )
    })?;
    let failed = |error: std::io::Error| Refusal::file(to, error);
    let _writing = WRITING.lock().await;
    none_is_missing(desk).await?;
    let mut file = Written::begin(to).map_err(failed)?;
    let mut moved = Moved { enterprises: 0, recordings: 0 };
    let mut behind = None;
    loop {
        let page = desk.store.all_recording_keys(behind.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        behind = Some(last.clone());
        moved.enterprises += page.len() as u64;
        for (tenant, key) in &page {
            file.line(&format!("enterprise {tenant} {} {}", key.key, key.wrapped)).map_err(failed)?;
        }
    }
    let mut behind = None;
    loop {
        let page = desk.store.secrets(behind.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        behind = Some(last.clone());
        moved.recordings += page.len() as u64;
        for Secret { tenant, recording, wrapped } in &page {
            file.line(&format!("recording {tenant} {recording} {wrapped}")).map_err(failed)?;
        }
    }
    file.end(to).map_err(failed)?;
    Ok(moved)
}

/// Whether every recording that is to be kept still has its key here.
///
/// # Errors
/// One has none, of whichever enterprise is named.
pub(super) async fn none_is_missing(desk: &Desk) -> Outcome<()> {
    let Some(tenant) = desk.store.misses_keys(crate::clock::wall()).await? else { return Ok(()) };
    Err(Refusal::new(
        Code::Findings,
        format!(
            "{tenant} 的录音缺少密钥，密钥文件没有改动：先用 recording keys-in 放回；确实不再有的，用 recording destroy-keys 销毁"
        ),
        format!(
            "keys of recordings of {tenant} are missing, and the file of keys was left as it is: put them back by recording \
             keys-in, or destroy what is gone for good by recording destroy-keys"
        ),
    ))
}

/// A file on its way.
struct Written {
    part: PathBuf,
    file: BufWriter<std::fs::File>,
    lines: u64,
}

impl Written {
    fn begin(to: &Path) -> std::io::Result<Written> {
        let part = PathBuf::from(format!("{}.part", to.display()));
        let file =
            std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        let mut file = BufWriter::new(file);
        writeln!(file, "{HEAD}")?;
        Ok(Written { part, file, lines: 0 })
    }

    fn line(&mut self, line: &str) -> std::io::Result<()> {
        self.lines += 1;
        writeln!(self.file, "{line}")
    }

    fn end(mut self, to: &Path) -> std::io::Result<()> {
        writeln!(self.file, "end {}", self.lines)?;
        self.file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
        std::fs::rename(&self.part, to)?;
        let dir = to.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::File::open(dir)?.sync_all()
    }
}

/// Puts keys back into a database that came from a copy.
///
/// # Errors
/// The file cannot be read, or is no whole file of keys; nothing is put back then.
pub async fn keys_in(desk: &Desk, asked: &In) -> Outcome<Moved> {
    let from = asked.from.clone();
    let (keys, secrets) = super::beside(move || read(&from)).await??;
    let (enterprises, recordings) =
        desk.store.put_keys_back(&keys, &secrets, &desk.change(&asked.by)).await?;
    Ok(Moved { enterprises, recordings })
}

type Keys = (Vec<(TenantId, RecordingKey)>, Vec<Secret>);

fn read(from: &Path) -> Outcome<Keys> {
    let failed = |error: std::io::Error| Refusal::file(from, error);
    let not_whole = |line: usize| {
        let name = from.display();
        Refusal::new(
            Code::Findings,
            format!("{name} 不是完整的录音密钥文件（第 {line} 行）"),
            format!("{name} is no whole file of recording keys (line {line})"),
        )
    };
    let (mut keys, mut secrets): Keys = Default::default();
    let mut is_whole = false;
    for (place, line) in BufReader::new(std::fs::File::open(from).map_err(failed)?).lines().enumerate() {
        let line = line.map_err(failed)?;
        let words: Vec<&str> = line.split(' ').collect();
        let is_read = match (place, words.as_slice()) {
            (0, _) => line == HEAD,
            (_, _) if is_whole => false,
            (_, ["enterprise", tenant, number, wrapped]) => number.parse().is_ok_and(|key| {
                let key = RecordingKey { key, wrapped: (*wrapped).to_owned(), destroyed: false };
                keys.push((TenantId::new(tenant), key));
                true
            }),
            (_, ["recording", tenant, recording, wrapped]) => recording.parse().is_ok_and(|recording| {
                secrets.push(Secret {
                    tenant: TenantId::new(tenant),
                    recording,
                    wrapped: (*wrapped).to_owned(),
                });
                true
            }),
            (_, ["end", lines]) => {
                is_whole = lines.parse() == Ok(keys.len() + secrets.len());
                is_whole
            }
            _ => false,
        };
        if !is_read {
            return Err(not_whole(place + 1));
        }
    }
    is_whole.then_some((keys, secrets)).ok_or_else(|| not_whole(0))
}

/// Writes the file again where it is configured; without one nothing is done.
pub(super) async fn renew(desk: &Desk) {
    if desk.recordings.keys_copy.is_none() {
        return;
    }
    if let Err(refusal) = keys_out(desk, &Out { to: None }).await {
        tracing::error!(refusal = refusal.en, "the file of recording keys is not written; it is tried again");
    }
}
