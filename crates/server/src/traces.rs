//! The SIP messages of each call, compressed, secrets masked, kept for some days in files of an hour each. What does
//! not fit the queue is dropped and counted: a trace never holds up a call. Refuses to know what the messages mean.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use bytes::Bytes;
use hotline::{CallId, Wall};
use serde::{Deserialize, Serialize};

/// Messages that may wait for the thread.
const QUEUE_MAX: usize = 16_384;
/// How long messages gather before they are compressed together.
const GATHER: Duration = Duration::from_millis(200);
/// Before a frame: length, CRC-32 of the payload, first and last instant.
const HEADER: usize = 24;
const FRAME_MAX: usize = 256 << 20;
const HOUR_MS: i64 = 3_600_000;
/// A transaction may still repeat itself this long after its call (64·T1).
const TAIL_MS: i64 = 32_000;

/// Which way a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// To us.
    In,
    /// From us.
    Out,
}

/// One message of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traced {
    /// When.
    pub at: Wall,
    /// Which way.
    pub direction: Direction,
    /// The message, secrets masked.
    pub message: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Row {
    call: CallId,
    traced: Traced,
}

/// The way to the trace thread. Never blocks.
#[derive(Clone)]
pub struct Door {
    shared: Arc<Shared>,
    thread: Thread,
}

#[derive(Default)]
struct Shared {
    // A plain mutex: it is held for one push or one swap.
    queue: Mutex<Vec<(CallId, Wall, Direction, Bytes)>>,
    dropped: AtomicU64,
    woken: AtomicBool,
    stop: AtomicBool,
}

impl Door {
    /// Keeps a message.
    pub fn add(&self, call: CallId, at: Wall, direction: Direction, message: Bytes) {
        let mut queue = self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.len() >= QUEUE_MAX {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        queue.push((call, at, direction, message));
        drop(queue);
        if !self.shared.woken.swap(true, Ordering::AcqRel) {
            self.thread.unpark();
        }
    }

    /// Messages that did not fit, or that the disk did not take.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }
}

/// The thread.
pub struct TraceThread {
    door: Door,
    thread: Option<JoinHandle<()>>,
}

impl TraceThread {
    /// Starts it with its files in `dir`, each kept for `days`.
    ///
    /// # Errors
    /// The directory cannot be made, or the system gives no thread.
    pub fn start(dir: &Path, days: u32) -> io::Result<TraceThread> {
        fs::create_dir_all(dir)?;
        let shared = Arc::new(Shared::default());
        let mut log = Log { dir: dir.to_owned(), days, open: None, failing: false };
        let its = shared.clone();
        let thread = thread::Builder::new().name("trace".into()).spawn(move || log.run(&its))?;
        Ok(TraceThread { door: Door { shared, thread: thread.thread().clone() }, thread: Some(thread) })
    }

    /// The way in.
    pub fn door(&self) -> Door {
        self.door.clone()
    }
}

impl Drop for TraceThread {
    /// What waits is written first.
    fn drop(&mut self) {
        self.door.shared.stop.store(true, Ordering::Release);
        self.door.thread.unpark();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the trace thread ended by a panic");
        }
    }
}

struct Log {
    dir: PathBuf,
    days: u32,
    open: Option<(i64, File)>,
    failing: bool,
}

impl Log {
    fn run(&mut self, shared: &Shared) {
        loop {
            let stopping = shared.stop.load(Ordering::Acquire);
            shared.woken.swap(false, Ordering::AcqRel);
            let batch = std::mem::take(&mut *shared.queue.lock().unwrap_or_else(PoisonError::into_inner));
            if batch.is_empty() {
                if stopping {
                    return;
                }
                thread::park();
                continue;
            }
            let count = batch.len() as u64;
            match self.write(batch) {
                Ok(()) => self.failing = false,
                Err(error) => {
                    shared.dropped.fetch_add(count, Ordering::Relaxed);
                    self.open = None;
                    if !std::mem::replace(&mut self.failing, true) {
                        tracing::warn!(%error, "SIP traces cannot be written; calls go on");
                    }
                }
            }
            if !stopping {
                thread::park_timeout(GATHER);
            }
        }
    }

    fn write(&mut self, batch: Vec<(CallId, Wall, Direction, Bytes)>) -> io::Result<()> {
        let (first, last) = batch
            .iter()
            .fold((i64::MAX, i64::MIN), |(first, last), (_, at, ..)| (first.min(at.0), last.max(at.0)));
        let rows: Vec<Row> = batch
            .into_iter()
            .map(|(call, at, direction, bytes)| {
                Row { call, traced: Traced { at, direction, message: masked(&bytes) } }
            })
            .collect();
        let plain = postcard::to_allocvec(&rows).map_err(io::Error::other)?;
        let payload = lz4_flex::compress_prepend_size(&plain);
        let mut frame = Vec::with_capacity(HEADER + payload.len());
        frame.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        frame.extend_from_slice(&crc32fast::hash(&payload).to_le_bytes());
        frame.extend_from_slice(&first.to_le_bytes());
        frame.extend_from_slice(&last.to_le_bytes());
        frame.extend_from_slice(&payload);
        self.file_of(first)?.write_all(&frame)
    }

    fn file_of(&mut self, at_ms: i64) -> io::Result<&mut File> {
        let hour = at_ms.div_euclid(HOUR_MS);
        if self.open.as_ref().is_none_or(|(open, _)| *open != hour) {
            self.open = None;
            remove_older(&self.dir, hour - i64::from(self.days) * 24)?;
        }
        match &mut self.open {
            Some((_, file)) => Ok(file),
            none => {
                let path = path_of(&self.dir, hour);
                let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
                // A frame cut off by a crash would hide what follows it.
                let whole = whole_bytes(&mut file)?;
                file.set_len(whole)?;
                Ok(&mut none.insert((hour, file)).1)
            }
        }
    }
}

fn path_of(dir: &Path, hour: i64) -> PathBuf {
    dir.join(format!("{hour}.trace"))
}

fn remove_older(dir: &Path, hour: i64) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let named = path.file_stem().and_then(|stem| stem.to_str()?.parse::<i64>().ok());
        if path.extension().is_some_and(|end| end == "trace") && named.is_some_and(|named| named < hour) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// A frame's header as read.
struct Header {
    length: usize,
    crc: u32,
    first_ms: i64,
    last_ms: i64,
}

fn read_header(file: &mut File) -> io::Result<Option<Header>> {
    let mut bytes = [0; HEADER];
    match file.read_exact(&mut bytes) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four octets"));
    let long = |at: usize| i64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight octets"));
    let length = word(0) as usize;
    let header = Header { length, crc: word(4), first_ms: long(8), last_ms: long(16) };
    Ok((length <= FRAME_MAX).then_some(header))
}

/// How far a file is made of whole frames.
fn whole_bytes(file: &mut File) -> io::Result<u64> {
    let end = file.metadata()?.len();
    let mut at = 0;
    file.seek(SeekFrom::Start(0))?;
    while let Some(header) = read_header(file)? {
        let next = at + (HEADER + header.length) as u64;
        if next > end {
            break;
        }
        at = next;
        file.seek(SeekFrom::Start(at))?;
    }
    Ok(at)
}

/// The messages of a call in order, as far as they are still kept. `until` is when it ended; without it an hour from
/// its beginning is looked through.
///
/// # Errors
/// A file cannot be read. Frames that are not whole are passed over.
pub fn read(dir: &Path, call: CallId, until: Option<Wall>) -> io::Result<Vec<Traced>> {
    let from = (call.0 >> 80) as i64;
    let until = until.map_or(from + HOUR_MS, |until| until.0) + TAIL_MS;
    let mut found = Vec::new();
    // Frames lie in the file of their first message; the one before may hold the call's beginning.
    for hour in from.div_euclid(HOUR_MS) - 1..=until.div_euclid(HOUR_MS) {
        match File::open(path_of(dir, hour)) {
            Ok(mut file) => read_file(&mut file, call, from - TAIL_MS, until, &mut found)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    found.sort_by_key(|traced| traced.at);
    Ok(found)
}

fn read_file(file: &mut File, call: CallId, from: i64, until: i64, found: &mut Vec<Traced>) -> io::Result<()> {
    while let Some(header) = read_header(file)? {
        if header.last_ms < from || header.first_ms > until {
            file.seek(SeekFrom::Current(header.length as i64))?;
            continue;
        }
        let mut payload = vec![0; header.length];
        if file.read_exact(&mut payload).is_err() {
            return Ok(());
        }
        if crc32fast::hash(&payload) != header.crc {
            continue;
        }
        let plain = lz4_flex::decompress_size_prepended(&payload).map_err(io::Error::other)?;
        let rows: Vec<Row> = postcard::from_bytes(&plain).map_err(io::Error::other)?;
        found.extend(rows.into_iter().filter(|row| row.call == call).map(|row| row.traced));
    }
    Ok(())
}

/// A copy whose header lines of credentials carry none.
fn masked(message: &[u8]) -> Vec<u8> {
    const SECRET: [&[u8]; 2] = [b"authorization", b"proxy-authorization"];
    let head = message.windows(4).position(|end| end == b"\r\n\r\n").unwrap_or(message.len());
    let mut kept = Vec::with_capacity(message.len());
    let mut hidden = false;
    for line in message[..head].split_inclusive(|byte| *byte == b'\n') {
        // A line that begins with white space goes on with the one before it.
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            let name = line.split(|byte| *byte == b':').next().unwrap_or(line).trim_ascii();
            hidden = SECRET.iter().any(|secret| name.eq_ignore_ascii_case(secret));
            if hidden {
                kept.extend_from_slice(name);
                kept.extend_from_slice(b": (masked)\r\n");
            }
        }
        if !hidden {
            kept.extend_from_slice(line);
        }
    }
    if hidden && head < message.len() {
        // The last header's own end is part of what follows.
        kept.truncate(kept.len() - 2);
    }
    kept.extend_from_slice(&message[head..]);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("sibai-traces-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        dir
    }

    #[test]
    fn a_calls_messages_come_back_in_order_and_nobody_elses() {
        let dir = scratch("order");
        let thread = TraceThread::start(&dir, 7).expect("started");
        let born = 1_790_000_000_000;
        let (ours, other) = (CallId::at(born, 1), CallId::at(born, 2));
        let door = thread.door();
        door.add(ours, Wall(born), Direction::In, Bytes::from_static(b"INVITE sip:4006010114@x SIP/2.0\r\n\r\n"));
        door.add(other, Wall(born + 1), Direction::In, Bytes::from_static(b"INVITE sip:y SIP/2.0\r\n\r\n"));
        door.add(ours, Wall(born + 2), Direction::Out, Bytes::from_static(b"SIP/2.0 200 OK\r\n\r\n"));
        drop(thread);
        let messages = read(&dir, ours, None).expect("read");
        let told: Vec<_> =
            messages.iter().map(|traced| (traced.at.0 - born, traced.direction)).collect();
        assert_eq!(told, [(0, Direction::In), (2, Direction::Out)]);
        fs::remove_dir_all(dir).expect("removed");
    }

    #[test]
    fn a_frame_cut_off_by_a_crash_hides_nothing_that_follows() {
        let dir = scratch("torn");
        let born = 1_790_000_000_000;
        let call = CallId::at(born, 1);
        let add = |text: &'static [u8]| {
            let thread = TraceThread::start(&dir, 7).expect("started");
            thread.door().add(call, Wall(born), Direction::In, Bytes::from_static(text));
        };
        add(b"one");
        let path = path_of(&dir, born / HOUR_MS);
        let mut torn = OpenOptions::new().append(true).open(&path).expect("opened");
        torn.write_all(&[40, 0, 0, 0, 1, 2, 3, 4, 5]).expect("written");
        add(b"two");
        assert_eq!(read(&dir, call, None).expect("read").len(), 2);
        fs::remove_dir_all(dir).expect("removed");
    }

    #[test]
    fn old_hours_are_removed_and_young_ones_kept() {
        let dir = scratch("old");
        fs::create_dir_all(&dir).expect("made");
        for hour in [99, 100] {
            fs::write(path_of(&dir, hour), b"").expect("written");
        }
        remove_older(&dir, 100).expect("removed");
        assert!(!path_of(&dir, 99).exists() && path_of(&dir, 100).exists());
        fs::remove_dir_all(dir).expect("removed");
    }

    #[test]
    fn credentials_never_reach_the_disk() {
        let message = b"REGISTER sip:x SIP/2.0\r\nauthorization: Digest username=\"a\",\r\n response=\"b\"\r\n\
                        Via: v\r\nProxy-Authorization : c\r\n\r\nbody: Authorization: kept\r\n";
        let shown = String::from_utf8(masked(message)).expect("text");
        assert_eq!(
            shown,
            "REGISTER sip:x SIP/2.0\r\nauthorization: (masked)\r\nVia: v\r\nProxy-Authorization: (masked)\r\n\r\n\
             body: Authorization: kept\r\n"
        );
    }
}
