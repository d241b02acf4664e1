//! The SIP messages of each call, secrets masked, into media's trace log on a thread of its own. What does not fit the
//! queue is dropped and counted: a trace never holds up a call. Refuses to know what the messages mean.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hotline::{CallId, Wall};
use media::trace::{TraceConfig, TraceLog};
use tokio::sync::oneshot;

pub use media::trace::{Direction, Message};

use crate::clock;

/// Messages that may wait for the thread.
const QUEUE_MAX: usize = 16_384;
/// How long messages gather before the thread looks again.
const GATHER: Duration = Duration::from_millis(200);
/// How often old segments are looked for.
const EXPIRE_EVERY: Duration = Duration::from_secs(3_600);
const DAY_MS: u64 = 86_400_000;
const HOUR_MS: u64 = 3_600_000;
/// A transaction may still repeat itself this long after its call (64·T1), and the first message comes before it.
const MARGIN_MS: u64 = 35_000;

/// One message for the log.
struct Item {
    call: CallId,
    at: Wall,
    direction: Direction,
    message: Bytes,
}

type Answer = oneshot::Sender<io::Result<Vec<Message>>>;

/// A question for the messages of a call.
struct Question {
    call: CallId,
    until: Option<Wall>,
    answer: Answer,
}

/// The way to the trace thread. Never blocks.
#[derive(Clone)]
pub struct Door {
    shared: Arc<Shared>,
    thread: Thread,
}

#[derive(Default)]
struct Shared {
    // Plain mutexes: they are held for one push or one swap.
    queue: Mutex<Vec<Item>>,
    questions: Mutex<Vec<Question>>,
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
        queue.push(Item { call, at, direction, message });
        let many = queue.len() == QUEUE_MAX / 4;
        drop(queue);
        if many || !self.shared.woken.swap(true, Ordering::AcqRel) {
            self.thread.unpark();
        }
    }

    /// The messages of a call in order, as far as they are still kept. `until` is when it ended; without it an hour
    /// from its beginning is looked through.
    ///
    /// # Errors
    /// Those of reading the files; `BrokenPipe` when the thread has ended.
    pub async fn read(&self, call: CallId, until: Option<Wall>) -> io::Result<Vec<Message>> {
        let (answer, told) = oneshot::channel();
        let question = Question { call, until, answer };
        self.shared.questions.lock().unwrap_or_else(PoisonError::into_inner).push(question);
        self.thread.unpark();
        told.await.unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()))
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
    /// Starts it with its log in `dir`, each message kept for `days`.
    ///
    /// # Errors
    /// The log cannot be opened, or the system gives no thread.
    pub fn start(dir: &Path, days: u32) -> io::Result<TraceThread> {
        let config = TraceConfig { keep_ms: u64::from(days) * DAY_MS, ..TraceConfig::in_dir(dir) };
        let shared = Arc::new(Shared::default());
        let log = TraceLog::open(config, unix_ms(clock::wall()))?;
        let mut keeper = Keeper { log, expired: None, failing: false };
        let its = shared.clone();
        let thread = thread::Builder::new().name("trace".into()).spawn(move || keeper.run(&its))?;
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

struct Keeper {
    log: TraceLog,
    expired: Option<Instant>,
    failing: bool,
}

impl Keeper {
    fn run(&mut self, shared: &Shared) {
        loop {
            let stopping = shared.stop.load(Ordering::Acquire);
            // Cleared before the queues are read: what comes after the reading wakes again.
            shared.woken.swap(false, Ordering::AcqRel);
            let batch = std::mem::take(&mut *shared.queue.lock().unwrap_or_else(PoisonError::into_inner));
            let questions =
                std::mem::take(&mut *shared.questions.lock().unwrap_or_else(PoisonError::into_inner));
            if batch.is_empty() && questions.is_empty() {
                if stopping {
                    return;
                }
                thread::park();
                continue;
            }
            let lost = batch.into_iter().filter(|item| !self.keep(item)).count();
            shared.dropped.fetch_add(lost as u64, Ordering::Relaxed);
            for question in questions {
                // Whoever asked may have gone.
                let _ = question.answer.send(read(&self.log, question.call, question.until));
            }
            self.expire();
            if !stopping {
                // Said to be awake already, it is left to gather; a question, a flood and the end wake it.
                shared.woken.store(true, Ordering::Release);
                thread::park_timeout(GATHER);
            }
        }
    }

    /// Says whether the log took it.
    fn keep(&mut self, item: &Item) -> bool {
        let message = masked(&item.message);
        let kept = self.log.append(media::CallId(item.call.0), unix_ms(item.at), item.direction, &message);
        match kept {
            Ok(()) => self.failing = false,
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::warn!(%error, "SIP traces cannot be written; calls go on");
                }
            }
        }
        !self.failing
    }

    fn expire(&mut self) {
        if self.expired.is_some_and(|at| at.elapsed() < EXPIRE_EVERY) {
            return;
        }
        self.expired = Some(Instant::now());
        if let Err(error) = self.log.expire(unix_ms(clock::wall())) {
            tracing::warn!(%error, "old SIP traces cannot be removed");
        }
    }
}

fn read(log: &TraceLog, call: CallId, until: Option<Wall>) -> io::Result<Vec<Message>> {
    let born = (call.0 >> 80) as u64;
    let until = until.map_or(born + HOUR_MS, unix_ms) + MARGIN_MS;
    log.read(media::CallId(call.0), born.saturating_sub(MARGIN_MS)..=until)
}

/// The same without a running process, under the data directory's lock.
///
/// # Errors
/// Those of the files.
pub fn read_offline(dir: &Path, call: CallId, until: Option<Wall>) -> io::Result<Vec<Message>> {
    read(&TraceLog::open(TraceConfig::in_dir(dir), unix_ms(clock::wall()))?, call, until)
}

fn unix_ms(at: Wall) -> u64 {
    u64::try_from(at.0).unwrap_or(0)
}

/// A copy whose header lines of credentials carry none, and whose body carries no key pressed (INFO with
/// `application/dtmf-relay` or `application/dtmf`: that may be a card's number) and no key of SRTP.
fn masked(message: &[u8]) -> Vec<u8> {
    const SECRET: [&[u8]; 2] = [b"authorization", b"proxy-authorization"];
    let head = message.windows(4).position(|end| end == b"\r\n\r\n").unwrap_or(message.len());
    let mut kept = Vec::with_capacity(message.len());
    let (mut hidden, mut keys) = (false, false);
    for line in message[..head].split_inclusive(|byte| *byte == b'\n') {
        // A line that begins with white space goes on with the one before it.
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            let name = line.split(|byte| *byte == b':').next().unwrap_or(line).trim_ascii();
            hidden = SECRET.iter().any(|secret| name.eq_ignore_ascii_case(secret));
            keys |= tells_keys(name, &line[name.len()..]);
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
    let body = (head + 4).min(message.len());
    if keys && body < message.len() {
        kept.extend_from_slice(&message[head..body]);
        kept.extend_from_slice(b"(masked)\r\n");
    } else {
        for line in message[head..].split_inclusive(|byte| *byte == b'\n') {
            // RFC 4568: the line of a key of SRTP.
            let key = line.starts_with(b"a=crypto:");
            kept.extend_from_slice(if key { b"a=crypto:(masked)\r\n" } else { line });
        }
    }
    kept
}

/// Whether a header line says that the body is a key: its name without white space, and all behind the name.
fn tells_keys(name: &[u8], behind: &[u8]) -> bool {
    const KEYS: &[u8] = b"application/dtmf";
    let typed = name.eq_ignore_ascii_case(b"content-type") || name.eq_ignore_ascii_case(b"c");
    let value = behind.trim_ascii_start().strip_prefix(b":").unwrap_or_default().trim_ascii_start();
    typed && value.get(..KEYS.len()).is_some_and(|start| start.eq_ignore_ascii_case(KEYS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calls_messages_come_back_in_order_and_nobody_elses() {
        let dir = std::env::temp_dir().join(format!("sibai-traces-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        let thread = TraceThread::start(&dir, 7).expect("started");
        let born = clock::wall().0;
        let (ours, other) = (CallId::at(born, 1), CallId::at(born, 2));
        let door = thread.door();
        door.add(
            ours,
            Wall(born),
            Direction::In,
            Bytes::from_static(b"INVITE sip:4006010114@x SIP/2.0\r\n\r\n"),
        );
        door.add(other, Wall(born + 1), Direction::In, Bytes::from_static(b"INVITE sip:y SIP/2.0\r\n\r\n"));
        door.add(ours, Wall(born + 2), Direction::Out, Bytes::from_static(b"SIP/2.0 200 OK\r\n\r\n"));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let live = runtime.block_on(door.read(ours, None)).expect("read");
        drop(thread);
        let later = read_offline(&dir, ours, None).expect("read");
        for messages in [live, later] {
            let told: Vec<_> =
                messages.iter().map(|told| (told.at_ms - born as u64, told.direction)).collect();
            assert_eq!(told, [(0, Direction::In), (2, Direction::Out)]);
        }
        std::fs::remove_dir_all(dir).expect("removed");
    }

    #[test]
    fn credentials_never_reach_the_disk() {
        let message =
            b"REGISTER sip:x SIP/2.0\r\nauthorization: Digest username=\"a\",\r\n response=\"b\"\r\n\
                        Via: v\r\nProxy-Authorization : c\r\n\r\nbody: Authorization: kept\r\n";
        let shown = String::from_utf8(masked(message)).expect("text");
        assert_eq!(
            shown,
            "REGISTER sip:x SIP/2.0\r\nauthorization: (masked)\r\nVia: v\r\nProxy-Authorization: (masked)\r\n\r\n\
             body: Authorization: kept\r\n"
        );
    }

    #[test]
    fn keys_sent_by_info_never_reach_the_disk() {
        for line in ["Content-Type: application/dtmf-relay", "c : Application/DTMF"] {
            let message = format!(
                "INFO sip:x SIP/2.0\r\n{line}\r\nContent-Length: 24\r\n\r\nSignal=5\r\nDuration=160\r\n"
            );
            let shown = String::from_utf8(masked(message.as_bytes())).expect("text");
            assert_eq!(
                shown,
                format!("INFO sip:x SIP/2.0\r\n{line}\r\nContent-Length: 24\r\n\r\n(masked)\r\n")
            );
        }
        let other = b"INFO sip:x SIP/2.0\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n";
        assert_eq!(masked(other), other);
        let keyed = b"INVITE sip:x SIP/2.0\r\n\r\nv=0\r\na=crypto:1 AEAD_AES_128_GCM inline:c2VjcmV0\r\na=ptime:20\r\n";
        let shown = String::from_utf8(masked(keyed)).expect("text");
        assert_eq!(shown, "INVITE sip:x SIP/2.0\r\n\r\nv=0\r\na=crypto:(masked)\r\na=ptime:20\r\n");
        let empty = b"INFO sip:x SIP/2.0\r\nContent-Type: application/dtmf-relay\r\n\r\n";
        assert_eq!(masked(empty), empty);
    }
}
