//! baresip, a phone program of other people: its configuration, its keypad, what it tells and what it hears.
//! It is driven through its own control port (JSON in netstrings) and refuses to know what it is connected to.

use std::cell::Cell;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use media::g711::Law;
use media::measure::{sine, tone};
use media::wav::{Coding, Wav};
use serde_json::{Value, json};

use crate::{LOOK, PATIENCE, eventually};

/// How a phone meets a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pickup {
    /// It rings and answers by itself.
    AtOnce,
    /// It rings until somebody does something.
    ByHand,
}

/// A running baresip that has one line. Dropping it ends the process and removes its directory.
pub struct Baresip {
    user: String,
    dir: PathBuf,
    block: Block,
    child: Child,
    control: TcpStream,
    replies: Receiver<Value>,
    events: Receiver<Value>,
    commands: Cell<u32>,
}

static STARTED: AtomicU32 = AtomicU32::new(0);

/// How long its file speaks: longer than any test.
const SPEECH_S: usize = 60;
/// Peak of what it says, of 32,767.
const SPEECH_AMPLITUDE: f32 = 8_000.0;
/// A tone of at least this amplitude was heard: G.711 keeps it, echo and leakage stay far below.
const HEARD_AMPLITUDE: f32 = SPEECH_AMPLITUDE / 2.0;

impl Baresip {
    /// Starts a phone that says a tone of `hz` in one codec and calls itself `user`.
    ///
    /// # Panics
    /// It is not installed or does not start.
    pub fn start(user: &str, pickup: Pickup, law: Law, hz: f32) -> Baresip {
        let one = STARTED.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("sibai-baresip-{}-{one}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(dir.join("heard")).expect("a directory");
        let block = Block::take();
        let says = Wav::mono(8000, sine(8000, hz, SPEECH_AMPLITUDE, SPEECH_S * 8000));
        fs::write(dir.join("says.wav"), says.to_bytes(Coding::Pcm16)).expect("written");
        fs::write(dir.join("config"), config(&dir, &block)).expect("written");
        fs::write(dir.join("accounts"), account(user, pickup, law)).expect("written");
        fs::write(dir.join("contacts"), "").expect("written");
        let mut child = spawn(&dir);
        let control = eventually("baresip's control port", || {
            let ended = child.try_wait().expect("a child");
            assert!(ended.is_none(), "baresip ended: {ended:?}\n{}", log(&dir));
            TcpStream::connect(block.control()).ok()
        });
        let (reply, replies) = channel();
        let (tell, events) = channel();
        let reading = control.try_clone().expect("a second handle");
        std::thread::spawn(move || listen(reading, &reply, &tell));
        let user = user.to_owned();
        Baresip { user, dir, block, child, control, replies, events, commands: Cell::new(0) }
    }

    /// Where it takes SIP.
    pub fn address(&self) -> SocketAddr {
        self.block.sip()
    }

    /// How it is called directly.
    pub fn uri(&self) -> String {
        format!("sip:{}@{}", self.user, self.address())
    }

    /// Calls a number at `target`.
    pub fn dial(&self, number: impl std::fmt::Display, target: SocketAddr) {
        self.command("dial", &format!("sip:{number}@{target}"));
    }

    /// Lifts the receiver of a phone that rings.
    pub fn pick_up(&self) {
        self.command("accept", "");
    }

    /// Puts the other side on hold, or comes back to it: a re-INVITE.
    pub fn hold(&self, on: bool) {
        self.command(if on { "hold" } else { "resume" }, "");
    }

    /// Puts it down: BYE in a talk, CANCEL before the answer, a refusal of what rings.
    pub fn hang_up(&self) {
        self.command("hangup", "");
    }

    /// Presses keys one after the other, each for the 100 ms or so that a thumb takes (RFC 4733).
    pub fn press(&self, keys: &str) {
        for key in keys.chars() {
            self.command("sndcode", &key.to_string());
        }
    }

    fn command(&self, command: &str, words: &str) {
        let token = self.commands.get().to_string();
        self.commands.set(self.commands.get() + 1);
        self.send(command, words, &token).expect("baresip takes commands");
        let reply = self.replies.recv_timeout(PATIENCE).expect("baresip replies to a command");
        assert!(reply["ok"] == true && reply["token"] == *token, "{command} {words}: {reply}");
    }

    fn send(&self, command: &str, words: &str, token: &str) -> std::io::Result<()> {
        let text = json!({ "command": command, "params": words, "token": token }).to_string();
        (&self.control).write_all(format!("{}:{text},", text.len()).as_bytes())
    }

    /// Waits until it tells an event of this kind, such as `CALL_ESTABLISHED`; the others before are passed over.
    ///
    /// # Panics
    /// It does not come.
    pub fn await_event(&self, kind: &str) -> Event {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let event = self
                .events
                .recv_timeout(left)
                .unwrap_or_else(|_| panic!("{} never told {kind}\n{}", self.user, log(&self.dir)));
            if event["type"] == *kind {
                let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
                return Event { peer: text("peeruri"), param: text("param") };
            }
        }
    }

    /// Waits for keys to be heard, each from its press to its release.
    ///
    /// # Panics
    /// They do not come, or others do.
    pub fn await_keys(&self, keys: &str) {
        for key in keys.chars() {
            assert_eq!(self.await_event("CALL_DTMF_START").param, key.to_string());
            self.await_event("CALL_DTMF_END");
        }
    }

    /// Waits until it hears a tone from now on for a fifth of a second.
    ///
    /// # Panics
    /// It does not.
    pub fn await_tone(&self, hz: f32) {
        let before = self.heard().len();
        let hears = |samples: &[i16]| {
            let latest = &samples[samples.len().saturating_sub(1_600).max(before)..];
            latest.len() == 1_600 && tone(latest, 8000, hz) >= HEARD_AMPLITUDE
        };
        eventually("a tone in the receiver", || hears(&self.heard()).then_some(()));
    }

    /// All that was in its receiver so far, 8,000 samples a second. The size in the file's header is written at the
    /// end of the call, so all behind the header counts.
    ///
    /// # Panics
    /// It was in two calls.
    pub fn heard(&self) -> Vec<i16> {
        let files = fs::read_dir(self.dir.join("heard")).expect("its directory").flatten();
        let mut files: Vec<PathBuf> = files.map(|file| file.path()).collect();
        files.retain(|file| file.to_string_lossy().ends_with("-dec.wav"));
        assert!(files.len() <= 1, "one call, one file: {files:?}");
        let Some(file) = files.first() else { return Vec::new() };
        let octets = fs::read(file).expect("read");
        let samples = octets.get(WAV_HEADER_BYTES..).unwrap_or_default();
        samples.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
    }

    /// Switches it off.
    ///
    /// # Panics
    /// It does not end by itself.
    pub fn switch_off(mut self) -> ExitStatus {
        self.send("quit", "", "quit").expect("baresip takes commands");
        eventually("baresip's end", || self.child.try_wait().expect("a child"))
    }
}

impl Drop for Baresip {
    fn drop(&mut self) {
        // It may have ended already. A failed test wants its log, which it writes out when it ends by itself.
        if std::thread::panicking() && self.send("quit", "", "quit").is_ok() {
            let until = Instant::now() + PATIENCE / 10;
            while Instant::now() < until && matches!(self.child.try_wait(), Ok(None)) {
                std::thread::park_timeout(LOOK);
            }
            eprintln!("{}:\n{}", self.user, log(&self.dir));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// What a phone told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The other side.
    pub peer: String,
    /// A key, or why a call was closed.
    pub param: String,
}

/// What libsndfile writes before the samples of a PCM16 file.
const WAV_HEADER_BYTES: usize = 44;

/// g711 comes before account, which looks its codecs up as it is read.
const MODULES: [&str; 6] = ["g711", "aufile", "sndfile", "account", "ctrl_tcp", "menu"];

/// No sound card is touched: the microphone is a file, and what is heard is written to a file by a filter.
fn config(dir: &Path, block: &Block) -> String {
    let modules: String = MODULES.iter().map(|module| format!("module {module}.so\n")).collect();
    format!(
        "module_path {}\n{modules}sip_listen {}\nnet_interface 127.0.0.1\nctrl_tcp_listen {}\nrtp_ports {}-{}\n\
         call_max_calls 1\naudio_source aufile,{}\naudio_path {1}\nsnd_path {}\nstatmode_default off\n",
        module_path().display(),
        block.sip(),
        block.control(),
        block.rtp().0,
        block.rtp().1,
        dir.join("says.wav").display(),
        dir.join("heard").display(),
    )
}

fn account(user: &str, pickup: Pickup, law: Law) -> String {
    let answers = match pickup {
        Pickup::AtOnce => "auto",
        Pickup::ByHand => "manual",
    };
    let codec = match law {
        Law::Pcma => "PCMA",
        Law::Pcmu => "PCMU",
    };
    format!("<sip:{user}@127.0.0.1>;regint=0;answermode={answers};audio_codecs={codec}/8000/1\n")
}

/// Where the package put its modules: Debian's place, or the one of the machine's architecture.
fn module_path() -> PathBuf {
    let lib = Path::new("/usr/lib");
    let below = lib.read_dir().expect("a system").flatten().map(|entry| entry.path());
    let mut folders = std::iter::once(lib.to_owned()).chain(below).map(|path| path.join("baresip/modules"));
    folders.find(|folder| folder.join("ctrl_tcp.so").exists()).expect(INSTALLED)
}

const INSTALLED: &str = "baresip is installed by `cargo xtask test` (package baresip-core)";

fn spawn(dir: &Path) -> Child {
    let log = fs::File::create(dir.join("log")).expect("a log");
    Command::new("baresip")
        .arg("-f")
        .arg(dir)
        .arg("-s")
        .current_dir(dir)
        .env("HOME", dir)
        .stdin(Stdio::null())
        .stderr(log.try_clone().expect("a second handle"))
        .stdout(log)
        .spawn()
        .expect(INSTALLED)
}

fn log(dir: &Path) -> String {
    fs::read(dir.join("log")).map_or(String::new(), |octets| String::from_utf8_lossy(&octets).into_owned())
}

/// Reads netstrings until the phone is off.
fn listen(stream: TcpStream, reply: &Sender<Value>, tell: &Sender<Value>) {
    let mut stream = BufReader::new(stream);
    while let Some(value) = read_netstring(&mut stream) {
        let to = if value["response"] == true { reply } else { tell };
        // A test that does not listen any more has what it wanted.
        let _ = to.send(value);
    }
}

fn read_netstring(stream: &mut impl BufRead) -> Option<Value> {
    let mut length = Vec::new();
    stream.read_until(b':', &mut length).ok()?;
    let length: usize = std::str::from_utf8(length.strip_suffix(b":")?).ok()?.parse().ok()?;
    let mut text = vec![0; length + 1];
    stream.read_exact(&mut text).ok()?;
    serde_json::from_slice(text.strip_suffix(b",")?).ok()
}

/// Ports that only one phone at a time takes: baresip is told numbers, so it cannot ask the system for free ones.
/// One of the block is held by this process as long as the phone lives, which keeps other tests' phones away.
/// The range lies below the system's own choices and below where the platform's media begin.
struct Block {
    first: u16,
    _held: UdpSocket,
}

/// SIP by UDP and TCP, SIP by TLS (baresip takes the next port), control, held, and an even number for RTP and RTCP.
const BLOCK_PORTS: u16 = 16;
const BLOCKS_FROM: u16 = 10_000;
const BLOCKS: u32 = 600;

impl Block {
    fn take() -> Block {
        let start = std::process::id();
        let mut blocks = (0..BLOCKS).map(|n| BLOCKS_FROM + BLOCK_PORTS * ((start + n) % BLOCKS) as u16);
        blocks.find_map(Block::try_take).expect("a free block of ports")
    }

    fn try_take(first: u16) -> Option<Block> {
        let held = UdpSocket::bind(("127.0.0.1", first + 3)).ok()?;
        let streams = (first..first + 3).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok());
        let datagrams = (first..first + BLOCK_PORTS).filter(|port| *port != first + 3);
        let mut datagrams = datagrams.map(|port| UdpSocket::bind(("127.0.0.1", port)));
        (streams && datagrams.all(|bound| bound.is_ok())).then_some(Block { first, _held: held })
    }

    fn sip(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.first).into()
    }

    fn control(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.first + 2).into()
    }

    fn rtp(&self) -> (u16, u16) {
        (self.first + 4, self.first + BLOCK_PORTS - 2)
    }
}
