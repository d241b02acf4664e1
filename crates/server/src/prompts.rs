//! What enterprises are heard with: which file stands behind a name, and the sounds that were played lately. Files are
//! read by a thread of their own, at their first playback. It refuses to know what is reviewed, and when a prompt is played.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use hotline::TenantId;
use media::{Prompt, PromptId};
use store::HeardPrompt;

use crate::inbox::{Inbox, Message};

/// Files that may wait to be read.
const WAITING_MAX: usize = 1_024;
/// Sounds kept in memory, both laws counted.
const KEPT_BYTES_MAX: usize = 256 << 20;
/// A prompt's file: ten minutes and a label.
const FILE_BYTES_MAX: u64 = 8 << 20;
/// What was heard last, for a start without the database.
const HEARD: &str = "heard.json";

/// Names a file; 32 hexadecimal digits, and nothing else ever becomes a path (FAULTS P4).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(String);

impl FileId {
    /// A new one that nobody can guess.
    ///
    /// # Errors
    /// The system gives no random octets.
    pub fn new() -> io::Result<FileId> {
        let mut octets = [0; 16];
        io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, &mut octets)?;
        Ok(FileId(octets.iter().map(|octet| format!("{octet:02x}")).collect()))
    }

    /// Takes a text that is one.
    pub fn parse(text: &str) -> Option<FileId> {
        let is_id = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        is_id.then(|| FileId(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where the file lies in a data directory.
    pub fn path_in(&self, data: &Path) -> PathBuf {
        folder(data).join(&self.0[..2]).join(format!("{}.wav", self.0))
    }
}

/// Where prompts lie in a data directory.
pub fn folder(data: &Path) -> PathBuf {
    data.join("prompts")
}

/// Writes a file in one piece; it is on the disk when this returns.
///
/// # Errors
/// Those of the file system.
pub fn write_file(path: &Path, octets: &[u8]) -> io::Result<()> {
    let parent = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent)?;
    let next = path.with_extension("part");
    let mut file = std::fs::File::create(&next)?;
    io::Write::write_all(&mut file, octets)?;
    file.sync_all()?;
    std::fs::rename(&next, path)?;
    std::fs::File::open(parent)?.sync_all()
}

/// Keeps what is heard for a start without the database.
///
/// # Errors
/// Those of the file system.
pub fn keep_heard(data: &Path, heard: &[HeardPrompt]) -> io::Result<()> {
    write_file(&folder(data).join(HEARD), &serde_json::to_vec(heard)?)
}

/// What was heard last; nothing where nothing was kept, or not by this program.
pub fn kept_heard(data: &Path) -> Vec<HeardPrompt> {
    let read = std::fs::read(folder(data).join(HEARD)).ok();
    read.and_then(|octets| serde_json::from_slice(&octets).ok()).unwrap_or_default()
}

/// Names of one enterprise with their files.
pub type Names = BTreeMap<String, FileId>;

/// The names of each enterprise.
pub fn by_tenant(heard: &[HeardPrompt]) -> BTreeMap<TenantId, Names> {
    let mut all: BTreeMap<TenantId, Names> = BTreeMap::new();
    for one in heard {
        if let Some(file) = FileId::parse(&one.file) {
            all.entry(one.tenant.clone()).or_default().insert(one.name.clone(), file);
        }
    }
    all
}

/// What stands behind a name.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// A sound that the engine has.
    Ready(PromptId),
    /// A file that is being read.
    Awaited(FileId),
    /// Nothing of the enterprise's own.
    Nothing,
}

/// The names of all enterprises, and the sounds that the engine has.
pub struct Shelf {
    names: BTreeMap<TenantId, Names>,
    kept: HashMap<FileId, Kept>,
    kept_bytes: usize,
    next: u32,
    used: u64,
    reader: Reader,
}

struct Kept {
    /// `None` while it is read.
    id: Option<PromptId>,
    bytes: usize,
    used: u64,
}

impl Shelf {
    /// With what is heard at the start; the thread that reads files of the data directory begins.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn new(data: &Path, heard: &[HeardPrompt], inbox: Arc<Inbox>) -> io::Result<Shelf> {
        Ok(Shelf {
            names: by_tenant(heard),
            kept: HashMap::new(),
            kept_bytes: 0,
            next: media::prompts::FIRST_FREE.0,
            used: 0,
            reader: Reader::start(data, inbox)?,
        })
    }

    /// Takes the names of an enterprise; calls to come hear them.
    pub fn replace(&mut self, tenant: TenantId, names: Names) {
        self.names.insert(tenant, names);
    }

    /// What an enterprise is heard with under a name.
    pub fn find(&mut self, tenant: &TenantId, name: &str) -> Found {
        let Some(file) = self.names.get(tenant).and_then(|names| names.get(name)) else {
            return Found::Nothing;
        };
        self.used += 1;
        if let Some(kept) = self.kept.get_mut(file) {
            kept.used = self.used;
            return kept.id.map_or_else(|| Found::Awaited(file.clone()), Found::Ready);
        }
        if !self.reader.ask(file) {
            return Found::Nothing;
        }
        self.kept.insert(file.clone(), Kept { id: None, bytes: 0, used: self.used });
        Found::Awaited(file.clone())
    }

    /// A file was read: gives the id it is to have, and those that make room for it.
    pub fn loaded(&mut self, file: &FileId, prompt: Option<&Prompt>) -> (Option<PromptId>, Vec<PromptId>) {
        let Some(prompt) = prompt else {
            self.kept.remove(file);
            return (None, Vec::new());
        };
        let id = PromptId(self.next);
        // Ids are used again after four milliards of files, long after the last playback of the first.
        self.next = self.next.checked_add(1).unwrap_or(media::prompts::FIRST_FREE.0);
        let bytes = prompt.duration_ms() as usize * 16;
        self.used += 1;
        self.kept.insert(file.clone(), Kept { id: Some(id), bytes, used: self.used });
        self.kept_bytes += bytes;
        (Some(id), self.make_room(file))
    }

    /// Gives up what was heard the longest ago, but not what has just come.
    fn make_room(&mut self, newest: &FileId) -> Vec<PromptId> {
        let mut given_up = Vec::new();
        while self.kept_bytes > KEPT_BYTES_MAX {
            let others = self.kept.iter().filter(|(file, kept)| *file != newest && kept.id.is_some());
            let Some((file, _)) = others.min_by_key(|(_, kept)| kept.used) else { break };
            let file = file.clone();
            if let Some(kept) = self.kept.remove(&file) {
                self.kept_bytes -= kept.bytes;
                given_up.extend(kept.id);
            }
        }
        given_up
    }
}

/// The thread that reads files.
struct Reader {
    queue: Option<SyncSender<FileId>>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    fn start(data: &Path, inbox: Arc<Inbox>) -> io::Result<Reader> {
        let (queue, asked) = sync_channel(WAITING_MAX);
        let data = data.to_owned();
        let thread =
            std::thread::Builder::new().name("prompts".into()).spawn(move || serve(&data, &asked, &inbox))?;
        Ok(Reader { queue: Some(queue), thread: Some(thread) })
    }

    /// Says whether the file will be read; with too many waiting it is not.
    fn ask(&self, file: &FileId) -> bool {
        self.queue.as_ref().is_some_and(|queue| queue.try_send(file.clone()).is_ok())
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the prompts thread ended by a panic");
        }
    }
}

fn serve(data: &Path, asked: &Receiver<FileId>, inbox: &Inbox) {
    for file in asked {
        let prompt = match read(&file.path_in(data)) {
            Ok(prompt) => Some(Arc::new(prompt)),
            Err(error) => {
                tracing::error!(file = file.as_str(), %error, "a prompt cannot be read; calls go on without it");
                None
            }
        };
        inbox.push(Message::PromptRead { file, prompt });
    }
}

fn read(path: &Path) -> io::Result<Prompt> {
    let mut octets = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(std::fs::File::open(path)?, FILE_BYTES_MAX), &mut octets)?;
    Prompt::from_wav(&octets).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FAULTS P4: whatever a row or a request says, only an id becomes a path.
    #[test]
    fn fault_p4_nothing_but_an_id_becomes_a_path() {
        let hostile = [
            "",
            "../../../../etc/passwd",
            "/etc/passwd",
            "..",
            "0123456789abcdef0123456789abcde\0",
            "0123456789abcdef0123456789abcdE0",
            "０123456789abcdef0123456789abcd",
            "0123456789abcdef0123456789abcdef0",
            "0123456789abcdef/../456789abcdef",
        ];
        for text in hostile {
            assert_eq!(FileId::parse(text), None, "{text:?}");
        }
        let id = FileId::new().expect("random octets");
        assert_eq!(FileId::parse(id.as_str()), Some(id.clone()));
        assert_ne!(FileId::new().expect("random octets"), id);
        assert!(id.path_in(Path::new("/data")).starts_with("/data/prompts"));
    }

    fn shelf(data: &Path, heard: &[HeardPrompt]) -> (Shelf, Arc<Inbox>) {
        let inbox = Arc::new(Inbox::new().expect("an inbox"));
        (Shelf::new(data, heard, inbox.clone()).expect("a thread"), inbox)
    }

    fn heard(tenant: &TenantId, name: &str, file: &FileId) -> HeardPrompt {
        HeardPrompt { tenant: tenant.clone(), name: name.into(), version: 1, file: file.as_str().into() }
    }

    #[test]
    fn i02_a_file_is_read_once_and_heard_by_its_enterprise_alone() {
        let data = std::env::temp_dir().join(format!("sibai-shelf-{}", std::process::id()));
        let (own, other) = (TenantId::new("huaxin"), TenantId::new("lantian"));
        let (file, lost) = (FileId::new().expect("an id"), FileId::new().expect("an id"));
        write_file(&file.path_in(&data), media::prompts::file("welcome").expect("shipped")).expect("written");
        let rows = [heard(&own, "greeting", &file), heard(&own, "lost", &lost)];
        keep_heard(&data, &rows).expect("kept");
        assert_eq!(kept_heard(&data), rows);

        let (mut shelf, inbox) = shelf(&data, &rows);
        assert_eq!(shelf.find(&other, "greeting"), Found::Nothing);
        assert_eq!(shelf.find(&own, "welcome"), Found::Nothing);
        assert_eq!(shelf.find(&own, "greeting"), Found::Awaited(file.clone()));
        assert_eq!(shelf.find(&own, "greeting"), Found::Awaited(file.clone()), "asked for once");
        assert_eq!(shelf.find(&own, "lost"), Found::Awaited(lost.clone()));
        // Whoever drops the shelf waits for its thread, which then has read everything.
        let Shelf { reader, .. } = std::mem::replace(&mut shelf, self::shelf(&data, &rows).0);
        drop(reader);
        let mut told = std::collections::VecDeque::new();
        inbox.take(&mut told);
        let mut read = told.into_iter().map(|message| match message {
            Message::PromptRead { file, prompt } => (file, prompt),
            _ => panic!("nothing else was told"),
        });
        let (first, prompt) = read.next().expect("the greeting");
        assert_eq!(first, file);
        let (id, given_up) = shelf.loaded(&first, prompt.as_deref());
        assert_eq!((id, given_up), (Some(media::prompts::FIRST_FREE), Vec::new()));
        assert_eq!(shelf.find(&own, "greeting"), Found::Ready(media::prompts::FIRST_FREE));
        let (second, prompt) = read.next().expect("the lost one");
        assert_eq!((&second, prompt.is_none()), (&lost, true));
        assert_eq!(shelf.loaded(&second, None).0, None);
        assert!(read.next().is_none(), "each once");

        shelf.replace(own.clone(), Names::new());
        assert_eq!(shelf.find(&own, "greeting"), Found::Nothing, "taken back");
        std::fs::remove_dir_all(data).expect("removed");
    }

    #[test]
    fn what_was_heard_the_longest_ago_makes_room() {
        let (mut shelf, _inbox) = shelf(Path::new("/nowhere"), &[]);
        let ten_minutes = Prompt::from_samples(&vec![0; 8_000 * 600]);
        let files: Vec<FileId> = (0..30).map(|_| FileId::new().expect("an id")).collect();
        let given_up: Vec<PromptId> =
            files.iter().flat_map(|file| shelf.loaded(file, Some(&ten_minutes)).1).collect();
        assert!(shelf.kept_bytes <= KEPT_BYTES_MAX);
        assert_eq!(given_up, (1_000..1_003).map(PromptId).collect::<Vec<_>>());
    }
}
