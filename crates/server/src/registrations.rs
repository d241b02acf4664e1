//! Where phones are reached, kept in one file of the data directory, so that they are rung after a restart without having
//! registered again. A thread of its own appends what changed and writes the file anew when most of it is old; nothing
//! waits for it, and a kill can take what came in the last moment. The database has no part in it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

use node::phones::Kept;

/// First bytes of the file; a later form has another, and what is of another form is not read.
const MAGIC: [u8; 8] = *b"SBREG002";
/// Bytes before a record: its length and a CRC-32 of it.
const HEADER: usize = 8;
/// A record is no longer than this: a phone has few bindings.
const RECORD_MAX: usize = 1 << 16;
/// Records that may be old before the file is written anew.
const OLD_MAX: usize = 1_024;

/// The way to the thread, for the signalling thread. Never blocks.
#[derive(Clone)]
pub struct Door(Arc<Shared>);

/// The thread.
pub struct RegistrationsThread {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    // Held for one insert or one take.
    waiting: Mutex<Waiting>,
    told: Condvar,
}

#[derive(Default)]
struct Waiting {
    /// The last word of each phone: bounded by how many there are.
    phones: BTreeMap<String, Kept>,
    ends: bool,
}

impl Door {
    /// Keeps where a phone is from now on.
    pub fn keep(&self, kept: Kept) {
        self.0.locked().phones.insert(kept.user.clone(), kept);
        self.0.told.notify_one();
    }
}

impl Shared {
    fn locked(&self) -> std::sync::MutexGuard<'_, Waiting> {
        // A panic while it was held left a whole map.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was told since the last time; whether there will be more.
    fn take(&self) -> (BTreeMap<String, Kept>, bool) {
        let mut waiting = self.locked();
        while waiting.phones.is_empty() && !waiting.ends {
            waiting = self.told.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        (std::mem::take(&mut waiting.phones), !waiting.ends)
    }
}

impl RegistrationsThread {
    /// Reads what an earlier process kept, then keeps what is told. A file that cannot be read is as none: phones come
    /// back at their next refresh.
    ///
    /// # Errors
    /// The thread cannot be made.
    pub fn start(data_dir: &Path) -> io::Result<(RegistrationsThread, Vec<Kept>)> {
        let path = data_dir.join("registrations");
        let known = match fs::read(&path) {
            Ok(bytes) => read(&bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => {
                tracing::warn!(%error, "registrations of before cannot be read; phones come back at their refresh");
                BTreeMap::new()
            }
        };
        let kept = known.values().cloned().collect();
        let shared = Arc::new(Shared::default());
        let theirs = shared.clone();
        let run = move || Keeper { path, known, file: None, records: 0, failing: false }.run(&theirs);
        let thread = std::thread::Builder::new().name("registrations".into()).spawn(run)?;
        Ok((RegistrationsThread { shared, thread: Some(thread) }, kept))
    }

    /// The way in.
    pub fn door(&self) -> Door {
        Door(self.shared.clone())
    }
}

impl Drop for RegistrationsThread {
    /// Writes what it has.
    fn drop(&mut self) {
        self.shared.locked().ends = true;
        self.shared.told.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of registrations ended by a panic");
        }
    }
}

struct Keeper {
    path: PathBuf,
    known: BTreeMap<String, Kept>,
    file: Option<File>,
    /// Records in the file.
    records: usize,
    failing: bool,
}

impl Keeper {
    fn run(mut self, shared: &Shared) {
        loop {
            let (told, goes_on) = shared.take();
            if !told.is_empty() {
                let written = self.keep(told);
                let failed = written.is_err();
                if let (Err(error), false) = (written, self.failing) {
                    tracing::error!(%error, "registrations cannot be kept; after a restart phones must register");
                }
                self.failing = failed;
            }
            if !goes_on {
                return;
            }
        }
    }

    fn keep(&mut self, told: BTreeMap<String, Kept>) -> io::Result<()> {
        let mut bytes = Vec::new();
        self.records += told.len();
        for kept in told.into_values() {
            bytes.extend(record(&kept));
            if kept.is_empty() {
                self.known.remove(&kept.user);
            } else {
                self.known.insert(kept.user.clone(), kept);
            }
        }
        match &mut self.file {
            Some(file) if self.records <= 2 * self.known.len() + OLD_MAX => {
                let written = file.write_all(&bytes);
                if written.is_err() {
                    // What is half there would hide what comes behind it.
                    self.file = None;
                }
                written
            }
            Some(_) | None => self.write_anew(),
        }
    }

    /// The old file or the new one is there at any moment, whole.
    fn write_anew(&mut self) -> io::Result<()> {
        let mut bytes = MAGIC.to_vec();
        self.known.values().for_each(|kept| bytes.extend(record(kept)));
        let next = self.path.with_extension("next");
        let mut file = File::create(&next)?;
        file.write_all(&bytes)?;
        fs::rename(next, &self.path)?;
        (self.file, self.records) = (Some(file), self.known.len());
        Ok(())
    }
}

fn record(kept: &Kept) -> Vec<u8> {
    let payload = postcard::to_allocvec(kept).expect("plain data in memory");
    let mut record = (payload.len() as u32).to_le_bytes().to_vec();
    record.extend(crc32fast::hash(&payload).to_le_bytes());
    record.extend(payload);
    record
}

/// The last word of each phone, up to the first record that is not whole.
fn read(bytes: &[u8]) -> BTreeMap<String, Kept> {
    let mut known = BTreeMap::new();
    let Some(mut rest) = bytes.strip_prefix(&MAGIC) else { return known };
    while let Some((kept, after)) = read_one(rest) {
        rest = after;
        if kept.is_empty() {
            known.remove(&kept.user);
        } else {
            known.insert(kept.user.clone(), kept);
        }
    }
    known
}

fn read_one(bytes: &[u8]) -> Option<(Kept, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (crc, rest) = rest.split_first_chunk()?;
    let length = u32::from_le_bytes(*length) as usize;
    let payload = rest.get(..length).filter(|_| length <= RECORD_MAX)?;
    if crc32fast::hash(payload) != u32::from_le_bytes(*crc) {
        return None;
    }
    Some((postcard::from_bytes(payload).ok()?, &bytes[HEADER + length..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hotline::Wall;
    use node::phones::Way;
    use sip::Hop;
    use sip::location::Binding;

    struct Dir(PathBuf);

    impl Dir {
        fn new(name: &str) -> Dir {
            let dir = std::env::temp_dir().join(format!("sibai-registrations-{name}-{}", std::process::id()));
            fs::create_dir_all(&dir).expect("a directory");
            Dir(dir)
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn kept(user: &str, ways: u16) -> Kept {
        let way = |port| Way {
            binding: Binding {
                contact: format!("sip:{user}@192.168.1.2:5060"),
                flow: Hop::udp(([198, 51, 100, 7], 40_000 + port).into()),
                path: Vec::new(),
                instance: None,
                reg_id: None,
                call_id: "one".into(),
                cseq: 2,
                expires_at_ms: 0,
            },
            until: Wall(1_000),
        };
        Kept { user: user.into(), password: 7, ways: (0..ways).map(way).collect(), page: false }
    }

    #[test]
    fn x04_the_last_word_of_each_phone_is_there_after_a_restart() {
        let dir = Dir::new("restart");
        let (thread, before) = RegistrationsThread::start(&dir.0).expect("a thread");
        assert_eq!(before, []);
        let door = thread.door();
        for kept in [kept("a-1", 1), kept("a-2", 1), kept("a-1", 2), kept("a-3", 1), kept("a-2", 0)] {
            door.keep(kept);
        }
        drop(thread);
        let (thread, before) = RegistrationsThread::start(&dir.0).expect("a thread");
        assert_eq!(before, [kept("a-1", 2), kept("a-3", 1)]);
        thread.door().keep(kept("a-4", 1));
        drop(thread);
        let (_thread, before) = RegistrationsThread::start(&dir.0).expect("a thread");
        assert_eq!(before.iter().map(|kept| kept.user.as_str()).collect::<Vec<_>>(), ["a-1", "a-3", "a-4"]);
    }

    #[test]
    fn x04_the_file_does_not_grow_with_refreshes_and_a_torn_end_is_passed_by() {
        let dir = Dir::new("growth");
        let path = dir.0.join("registrations");
        let mut keeper =
            Keeper { path: path.clone(), known: BTreeMap::new(), file: None, records: 0, failing: false };
        for _ in 0..5 * OLD_MAX {
            keeper.keep([("a-1".into(), kept("a-1", 1))].into()).expect("written");
        }
        let bytes = fs::read(&path).expect("the file");
        assert!(bytes.len() <= (OLD_MAX + 3) * record(&kept("a-1", 1)).len(), "{}", bytes.len());
        for cut in 0..record(&kept("a-1", 1)).len() {
            assert_eq!(read(&bytes[..bytes.len() - cut]).len(), 1, "cut by {cut}");
        }
        let mut flipped = bytes.clone();
        flipped[MAGIC.len() + HEADER] ^= 1;
        assert_eq!(read(&flipped).len(), 0, "nothing behind a broken record is believed");
    }
}
