//! The engine: shards as plain threads, one bounded queue to each, one sink for what they tell.
//! It knows on which shard a leg lives; it refuses to know what happens there.

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

use crate::command::{CallId, Command, Config, Event, LegId, PromptId};
use crate::prompt::Prompt;
use crate::recorder::writer::{self, WriterThread};
use crate::shard::{Shard, ShardConfig, WebConfig};
use crate::sys::epoll::Waker;
use crate::sys::socket;
use crate::webrtc::Shaken;
use crate::webrtc::dtls::{Handshakes, Identity};

/// Commands a shard may have waiting.
const QUEUE_MAX: usize = 16_384;

/// Where events go. Called on the engine's threads; it must not block.
pub(crate) type EventSink = Arc<dyn Fn(Vec<Event>) + Send + Sync>;

/// The running media engine; its owner is the one thread that commands it.
pub struct Engine {
    shards: Vec<Handle>,
    legs: HashMap<LegId, (u16, CallId)>,
    calls: HashMap<CallId, (u16, u32)>,
    writer: Option<WriterThread>,
    handshakes: Option<Handshakes>,
}

struct Handle {
    queue: mpsc::SyncSender<Message>,
    waker: Arc<Waker>,
    /// Something was queued since the owner last woke the shard.
    queued: Cell<bool>,
    /// The waker was used and the shard has not looked yet.
    woken: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

enum Message {
    Obey(Command),
    Load(PromptId, Arc<Prompt>),
    Unload(PromptId),
    Shaken(LegId, Shaken),
    End,
}

/// Why the engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No port of the range could be bound.
    #[error("no free even port in {from}..={to} on {address}")]
    NoPorts {
        /// First port of the range.
        from: u16,
        /// Its last.
        to: u16,
        /// The local address.
        address: std::net::IpAddr,
    },
    /// A pool of more than 65,536 ports, or no shard at all.
    #[error("shards must be 1 to 65,536, ports of each 1 to 65,536")]
    Sizes,
    /// The port that browsers share is in use, or the next for another shard.
    #[error("the port of browsers' media {port} on {address}: {error}")]
    WebPort {
        /// The port.
        port: u16,
        /// The local address.
        address: std::net::IpAddr,
        /// Why it cannot be had.
        error: io::Error,
    },
    /// The recordings' directory cannot be used.
    #[error("the recordings' directory: {0}")]
    Recording(#[source] io::Error),
    /// The kernel refused a socket, thread or epoll.
    #[error("{0}")]
    System(#[from] io::Error),
}

/// Why a command was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The shard's queue is full: it is overloaded, refuse new calls.
    #[error("the shard's queue is full")]
    Full,
    /// The command names a leg or a call that is not open.
    #[error("no such leg or call")]
    Unknown,
    /// Two legs of one command live on different shards.
    #[error("the legs live on different shards")]
    OtherShard,
    /// The shard's thread has ended.
    #[error("the shard has ended")]
    Ended,
}

impl Engine {
    /// Binds the ports, starts the threads and, if recordings were cut off by a crash, completes them.
    /// `events` is called on the engine's threads with at least one event each time; it hands them on (a channel,
    /// then a wake-up) and does not block.
    ///
    /// # Errors
    /// Says what could not be had; nothing is left running then.
    pub fn start(
        config: Config,
        events: impl Fn(Vec<Event>) + Send + Sync + 'static,
    ) -> Result<Engine, StartError> {
        let places = config.pool_per_shard + config.web_legs;
        if !(1..=65_536).contains(&config.shards) || config.pool_per_shard == 0 || places > 65_536 {
            return Err(StartError::Sizes);
        }
        // Socket and guard of each leg, and room for the rest of the process.
        socket::raise_file_limit(
            (config.shards * (config.pool_per_shard * 2 + config.web_legs) + 4096) as u64,
        );
        let pools = bind_pools(&config)?;
        let (doors, mut web) = WebDoors::open(&config)?;
        let events: EventSink = Arc::new(events);
        let (writer, links) = match config.recording {
            Some(recording) => writer::start(recording, config.shards, Arc::clone(&events))
                .map(|(writer, links)| (Some(writer), links))
                .map_err(StartError::Recording)?,
            None => (None, Vec::new()),
        };
        let prompts = crate::prompts::shipped();
        let mut engine = Engine {
            shards: Vec::new(),
            legs: HashMap::new(),
            calls: HashMap::new(),
            writer,
            handshakes: None,
        };
        let mut links = links.into_iter();
        for (index, sockets) in pools.into_iter().enumerate() {
            let shard_config = ShardConfig {
                index: index as u16,
                sockets,
                report_ms: config.report_ms,
                silence_ms: config.silence_ms,
                quarantine_ms: config.quarantine_ms,
                seed: RandomState::new().hash_one(index),
                web: web.next(),
            };
            let mut shard = Shard::new(shard_config, &prompts)?;
            if let Some(link) = links.next() {
                shard.link_writer(link);
            }
            engine.shards.push(start_shard(index, shard, Arc::clone(&events))?);
        }
        engine.handshakes = doors.map(|doors| doors.start(&engine.shards)).transpose()?;
        Ok(engine)
    }

    /// Gives a command to the shard of its leg or call.
    ///
    /// # Errors
    /// The command was not taken; the state is as before.
    pub fn send(&mut self, command: Command) -> Result<(), SendError> {
        self.queue(command)?;
        self.wake();
        Ok(())
    }

    /// As [`Engine::send`], but the shard looks when [`Engine::wake`] is called: one wake-up for many commands.
    ///
    /// # Errors
    /// The command was not taken; the state is as before.
    pub fn queue(&mut self, command: Command) -> Result<(), SendError> {
        let shard = self.shard_of(&command)?;
        let noted = match &command {
            Command::Open { leg, call, .. } => Noted::Open(*leg, *call),
            Command::Close { leg } => Noted::Close(*leg),
            _ => Noted::Nothing,
        };
        self.queue_at(shard, Message::Obey(command))?;
        self.note(shard, noted);
        Ok(())
    }

    /// Wakes the shards that have something queued.
    pub fn wake(&self) {
        for handle in &self.shards {
            if handle.queued.take() && !handle.woken.swap(true, Ordering::AcqRel) {
                handle.waker.wake();
            }
        }
    }

    /// Adds a prompt or replaces one; playbacks already running keep the old sound.
    ///
    /// # Errors
    /// A shard's queue is full or the shard has ended; try again.
    pub fn load(&mut self, id: PromptId, prompt: &Arc<Prompt>) -> Result<(), SendError> {
        let shards = 0..self.shards.len() as u16;
        let loaded = shards
            .into_iter()
            .try_for_each(|shard| self.queue_at(shard, Message::Load(id, Arc::clone(prompt))));
        self.wake();
        loaded
    }

    /// Gives a prompt up; playbacks already running keep the sound.
    ///
    /// # Errors
    /// A shard's queue is full or the shard has ended; try again.
    pub fn unload(&mut self, id: PromptId) -> Result<(), SendError> {
        let shards = 0..self.shards.len() as u16;
        let unloaded = shards.into_iter().try_for_each(|shard| self.queue_at(shard, Message::Unload(id)));
        self.wake();
        unloaded
    }

    /// Ends the threads. Live recordings become files, marked interrupted; their events come before this returns.
    pub fn shutdown(mut self) {
        self.end();
    }

    fn end(&mut self) {
        for handle in &mut self.shards {
            // A shard that is gone needs no word; one with a full queue gets it once there is room.
            let _ = handle.queue.send(Message::End);
            handle.waker.wake();
            if let Some(thread) = handle.thread.take()
                && thread.join().is_err()
            {
                eprintln!("media: a shard ended by a panic");
            }
        }
        // It ends with the last shard.
        if let Some(handshakes) = self.handshakes.take() {
            handshakes.join();
        }
        if let Some(writer) = self.writer.take() {
            writer.stop();
        }
    }

    fn shard_of(&self, command: &Command) -> Result<u16, SendError> {
        let leg = |leg: &LegId| self.legs.get(leg).map(|&(shard, _)| shard).ok_or(SendError::Unknown);
        let both = |a: &LegId, b: &LegId| {
            let (a, b) = (leg(a)?, leg(b)?);
            if a == b { Ok(a) } else { Err(SendError::OtherShard) }
        };
        match command {
            Command::Open { port, call, .. } => {
                let shard = (port >> 16) as u16;
                let other = self.calls.get(call).is_some_and(|&(used, _)| used != shard);
                match (usize::from(shard) < self.shards.len(), other) {
                    (true, false) => Ok(shard),
                    (true, true) => Err(SendError::OtherShard),
                    (false, _) => Err(SendError::Unknown),
                }
            }
            Command::Connect { leg: id, .. }
            | Command::Play { leg: id, .. }
            | Command::PlayAll { leg: id, .. }
            | Command::StopPlay { leg: id }
            | Command::Unbridge { leg: id }
            | Command::Mix { leg: id, .. }
            | Command::Hold { leg: id, .. }
            | Command::SendKey { leg: id, .. }
            | Command::ListenTones { leg: id, .. }
            | Command::TakeMessage { leg: id, .. }
            | Command::Close { leg: id } => leg(id),
            Command::Bridge { a, b } => both(a, b),
            Command::Record { left, right, .. } => both(left, right),
            Command::RecordRight { call, .. }
            | Command::PauseRecord { call, .. }
            | Command::StopRecord { call } => {
                self.calls.get(call).map(|&(shard, _)| shard).ok_or(SendError::Unknown)
            }
        }
    }

    fn queue_at(&self, shard: u16, message: Message) -> Result<(), SendError> {
        let handle = &self.shards[usize::from(shard)];
        handle.queue.try_send(message).map_err(|error| match error {
            mpsc::TrySendError::Full(_) => SendError::Full,
            mpsc::TrySendError::Disconnected(_) => SendError::Ended,
        })?;
        handle.queued.set(true);
        Ok(())
    }

    fn note(&mut self, shard: u16, noted: Noted) {
        match noted {
            Noted::Open(leg, call) => {
                // A leg that is open already is refused by the shard and stays noted as it was.
                if let std::collections::hash_map::Entry::Vacant(entry) = self.legs.entry(leg) {
                    entry.insert((shard, call));
                    self.calls.entry(call).or_insert((shard, 0)).1 += 1;
                }
            }
            Noted::Close(leg) => {
                let Some((_, call)) = self.legs.remove(&leg) else { return };
                if let Some((_, legs)) = self.calls.get_mut(&call) {
                    *legs -= 1;
                    if *legs == 0 {
                        self.calls.remove(&call);
                    }
                }
            }
            Noted::Nothing => {}
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.end();
    }
}

/// What a queued command changes in the map of legs.
enum Noted {
    Open(LegId, CallId),
    Close(LegId),
    Nothing,
}

/// Binds even ports of the range, dealt to the shards in turn; ports in use by others are left out.
fn bind_pools(config: &Config) -> Result<Vec<Vec<UdpSocket>>, StartError> {
    let mut pools: Vec<Vec<UdpSocket>> = (0..config.shards).map(|_| Vec::new()).collect();
    let wanted = config.shards * config.pool_per_shard;
    let mut bound = 0;
    for port in config.ports.clone().filter(|port| port % 2 == 0) {
        if bound == wanted {
            break;
        }
        match socket::bind(SocketAddr::new(config.address, port)) {
            Ok(socket) => {
                pools[bound % config.shards].push(socket);
                bound += 1;
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(error.into()),
        }
    }
    if bound < config.shards {
        let (from, to) = (*config.ports.start(), *config.ports.end());
        return Err(StartError::NoPorts { from, to, address: config.address });
    }
    Ok(pools)
}

/// The ports that browsers share, and what their handshakes need.
struct WebDoors {
    identity: Identity,
    sockets: Vec<UdpSocket>,
    orders: mpsc::Receiver<crate::webrtc::dtls::Order>,
}

impl WebDoors {
    /// Binds them; nothing, where no browser is to be spoken to.
    fn open(config: &Config) -> Result<(Option<WebDoors>, std::vec::IntoIter<WebConfig>), StartError> {
        if config.web_legs == 0 {
            return Ok((None, Vec::new().into_iter()));
        }
        let (identity, (handshakes, orders)) = (Identity::draw()?, Handshakes::queue());
        let (mut sockets, mut doors) = (Vec::new(), Vec::new());
        for shard in 0..config.shards {
            let socket = bind_web(config, shard as u16)?;
            sockets.push(socket.try_clone()?);
            let (legs, fingerprint) = (config.web_legs, identity.fingerprint);
            doors.push(WebConfig { socket, legs, fingerprint, handshakes: handshakes.clone() });
        }
        Ok((Some(WebDoors { identity, sockets, orders }), doors.into_iter()))
    }

    /// Starts the thread, which tells each shard what its legs' handshakes came to.
    fn start(self, shards: &[Handle]) -> io::Result<Handshakes> {
        let ways: Vec<_> =
            shards.iter().map(|handle| (handle.queue.clone(), Arc::clone(&handle.waker))).collect();
        let tell = move |shard: u16, leg, shaken| {
            let (queue, waker) = &ways[usize::from(shard)];
            // A shard that is gone needs no keys.
            if queue.send(Message::Shaken(leg, shaken)).is_ok() {
                waker.wake();
            }
        };
        Handshakes::start(self.identity, self.sockets, self.orders, tell)
    }
}

/// The port that browsers share on one shard.
fn bind_web(config: &Config, shard: u16) -> Result<UdpSocket, StartError> {
    let bind = |port| socket::bind(SocketAddr::new(config.address, port));
    let Some(first) = config.web_port else {
        // Legs of trunks and phones have the even ones.
        let free = config.ports.clone().rev().filter(|port| port % 2 == 1).find_map(|port| bind(port).ok());
        let (from, to) = (*config.ports.start(), *config.ports.end());
        return free.ok_or(StartError::NoPorts { from, to, address: config.address });
    };
    let port = first.saturating_add(shard);
    bind(port).map_err(|error| StartError::WebPort { port, address: config.address, error })
}

fn start_shard(index: usize, mut shard: Shard, events: EventSink) -> Result<Handle, StartError> {
    let (queue, inbox) = mpsc::sync_channel(QUEUE_MAX);
    let waker = Arc::new(Waker::new()?);
    let woken = Arc::new(AtomicBool::new(false));
    shard.wake_by(waker.raw())?;
    let (its_waker, its_woken) = (Arc::clone(&waker), Arc::clone(&woken));
    let thread = std::thread::Builder::new()
        .name(format!("media-{index}"))
        .spawn(move || run_shard(shard, &inbox, &its_waker, &its_woken, &events))?;
    Ok(Handle { queue, waker, queued: Cell::new(false), woken, thread: Some(thread) })
}

fn run_shard(
    mut shard: Shard,
    inbox: &mpsc::Receiver<Message>,
    waker: &Waker,
    woken: &AtomicBool,
    events: &EventSink,
) {
    loop {
        tell(events, shard.take_events());
        match shard.turn() {
            Ok(true) => waker.clear(),
            Ok(false) => {}
            Err(error) => {
                eprintln!("media: a shard cannot wait for its sockets: {error}");
                break;
            }
        }
        // Cleared before the queue is read: what is queued after the reading wakes again. A swap, for it must be
        // ordered before the reads that follow.
        woken.swap(false, Ordering::AcqRel);
        if !obey_all(&mut shard, inbox) {
            break;
        }
    }
    tell(events, shard.end());
}

/// Says whether the shard goes on.
fn obey_all(shard: &mut Shard, inbox: &mpsc::Receiver<Message>) -> bool {
    loop {
        match inbox.try_recv() {
            Ok(Message::Obey(command)) => shard.obey(command),
            Ok(Message::Load(id, prompt)) => shard.load(id, prompt),
            Ok(Message::Unload(id)) => shard.unload(id),
            Ok(Message::Shaken(leg, shaken)) => shard.shaken(leg, shaken),
            Err(mpsc::TryRecvError::Empty) => return true,
            Ok(Message::End) | Err(mpsc::TryRecvError::Disconnected) => return false,
        }
    }
}

fn tell(events: &EventSink, batch: Vec<Event>) {
    if !batch.is_empty() {
        events(batch);
    }
}
