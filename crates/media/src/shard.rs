//! One shard: the sockets, legs, bridges, playbacks and recordings of its calls, driven by one thread.
//! No lock, no allocation and no task for a packet. It refuses to know why it is told what it is told.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::codec::{Codec, SAMPLES_MAX};
use crate::command::{
    Access, CallId, Command, Event, LegId, Port, PromptId, RecordingConfig, Refusal, Sound, StopReason,
    ToneId,
};
use crate::latch::Verdict;
use crate::leg::{Channel, Content, Frame, Leg, Peer, Playing, Turn};
use crate::prompt::Prompt;
use crate::quality::Order;
use crate::recorder::WriterLink;
use crate::recorder::tap::{OutOfRoom, Tap};
use crate::recorder::writer::{self, WriterThread};
use crate::rtcp;
use crate::rtp::{HEADER_BYTES, Packet};
use crate::srtp::{OVERHEAD_BYTES, Secret, Secure};
use crate::sys::epoll::{Epoll, Ready};
use crate::sys::socket::{self, Guard, PARKED_BUFFER_BYTES, RECEIVE_BUFFER_BYTES};
use crate::tone::Nature;

mod coded;
mod mixing;
mod obey;
mod reports;
mod web;

use coded::EventWay;
pub use web::WebConfig;
use web::{Door, WebLeg};

/// Time of one tick; a frame is four of them, and each playing leg has its own of the four.
const TICK_MS: u64 = 5;
const SLOTS: usize = 4;
/// A shard that is later than so many ticks leaves the missed ones out.
const LATE_TICKS_MAX: u64 = 4;
/// How often legs are looked at for silence and keys without an end.
const SWEEP_MS: u64 = 100;
/// Sockets served between two looks at clock and commands.
const READY_MAX: usize = 512;
/// Longest datagram taken; RTP of 20 ms G.711 has 172 octets. An odd number of cache lines, so that neighbours do
/// not push each other out.
const DATAGRAM_BYTES_MAX: usize = 1600;
/// Packets read before the first of them is sent on: the kernel's code for each stays in the cache.
const BATCH_MAX: usize = 64;
/// The token of the shard's waker.
const WAKER: u64 = u64::MAX;
/// The token of the port that browsers share.
const WEB: u64 = u64::MAX - 1;

/// One thread's share of the engine. [`crate::Engine`] runs it; a benchmark may drive it by hand.
pub struct Shard {
    index: u16,
    epoll: Epoll,
    ready: Ready,
    ports: Vec<PortSlot>,
    legs: HashMap<LegId, u32>,
    /// Ports whose playback has its turn in each of the four ticks.
    slots: [Vec<u32>; SLOTS],
    resting: VecDeque<(u64, u32)>,
    prompts: HashMap<PromptId, Arc<Prompt>>,
    tones: HashMap<ToneId, Arc<Prompt>>,
    tap: Option<Tap>,
    door: Option<Door>,
    events: Vec<Event>,
    inbox: Box<[Inbound]>,
    /// Samples of the packet in hand, where its octets are not enough.
    linear: Box<[i16; SAMPLES_MAX]>,
    started: Instant,
    seed: u64,
    report_ms: u64,
    silence_ms: u64,
    quarantine_ms: u64,
    next_tick: u64,
    next_sweep_ms: u64,
}

struct PortSlot {
    port: Port,
    socket: UdpSocket,
    /// The socket is connected to the latched source.
    connected: bool,
    guard: Option<Guard>,
    leg: Option<Box<Leg>>,
    /// What a browser's leg waits for; its socket is one of many on the shared port, never waited for and never
    /// connected.
    web: Option<Box<WebLeg>>,
    /// Listed in its playback slot.
    listed: bool,
    resting: bool,
}

impl PortSlot {
    fn new(port: Port, socket: UdpSocket) -> PortSlot {
        PortSlot {
            port,
            socket,
            connected: false,
            guard: None,
            leg: None,
            web: None,
            listed: false,
            resting: false,
        }
    }
}

/// A datagram read and not yet looked at.
struct Inbound {
    port: u32,
    /// `None` on a connected socket.
    from: Option<SocketAddr>,
    len: usize,
    buffer: [u8; DATAGRAM_BYTES_MAX],
}

impl Default for Inbound {
    fn default() -> Inbound {
        Inbound { port: 0, from: None, len: 0, buffer: [0; DATAGRAM_BYTES_MAX] }
    }
}

/// What a shard is made of.
pub struct ShardConfig {
    /// Its number; part of its ports' ids.
    pub index: u16,
    /// Bound sockets.
    pub sockets: Vec<UdpSocket>,
    /// As [`crate::Config::report_ms`].
    pub report_ms: u64,
    /// As [`crate::Config::silence_ms`].
    pub silence_ms: u64,
    /// As [`crate::Config::quarantine_ms`].
    pub quarantine_ms: u64,
    /// Origin of SSRCs and first sequence numbers.
    pub seed: u64,
    /// The port that browsers share.
    pub web: Option<WebConfig>,
}

/// One reading of the clock, taken once for many packets.
#[derive(Clone, Copy)]
struct Now {
    us: u64,
    ms: u64,
}

impl Shard {
    /// A shard that waits for commands; its ports are its first event.
    ///
    /// # Errors
    /// Those of epoll and of reading the sockets' addresses.
    pub fn new(config: ShardConfig, prompts: &[(PromptId, Arc<Prompt>)]) -> io::Result<Shard> {
        let mut ports = Vec::with_capacity(config.sockets.len());
        for (n, socket) in config.sockets.into_iter().enumerate() {
            let id = u32::from(config.index) << 16 | n as u32;
            let secret = Secret::draw()?;
            let port = Port { shard: config.index, id, address: socket.local_addr()?, secret, web: None };
            socket::set_receive_buffer(&socket, PARKED_BUFFER_BYTES)?;
            ports.push(PortSlot::new(port, socket));
        }
        let (epoll, door) =
            (Epoll::new()?, config.web.map(|web| Door::open(web, config.index, &mut ports)).transpose()?);
        if let Some(door) = &door {
            epoll.add(door.descriptor(), WEB)?;
        }
        let events = vec![Event::PortsReady(ports.iter().map(|slot| slot.port).collect())];
        let slots = std::array::from_fn(|_| Vec::with_capacity(ports.len() / SLOTS + 1));
        let tones = crate::tone::TONES
            .iter()
            .filter_map(|rule| crate::tone::rule(rule.tone, u32::MAX))
            .map(|rule| (rule.tone, Arc::new(rule.to_prompt())))
            .collect();
        Ok(Shard {
            index: config.index,
            epoll,
            door,
            ready: Ready::with_max(READY_MAX),
            legs: HashMap::with_capacity(ports.len()),
            ports,
            slots,
            resting: VecDeque::new(),
            prompts: prompts.iter().cloned().collect(),
            tones,
            tap: None,
            events,
            inbox: (0..BATCH_MAX).map(|_| Inbound::default()).collect(),
            linear: Box::new([0; _]),
            started: Instant::now(),
            seed: config.seed,
            report_ms: config.report_ms.max(SWEEP_MS),
            silence_ms: config.silence_ms,
            quarantine_ms: config.quarantine_ms,
            next_tick: 0,
            next_sweep_ms: 0,
        })
    }

    /// Starts a recording writer for this shard alone, whose events go nowhere: for a benchmark.
    ///
    /// # Errors
    /// Those of the recordings' directory.
    pub fn start_writer(&mut self, config: RecordingConfig) -> io::Result<WriterThread> {
        let (writer, links) = writer::start(config, 1, Arc::new(|_| {}))?;
        links.into_iter().for_each(|link| self.link_writer(link));
        Ok(writer)
    }

    pub(crate) fn link_writer(&mut self, link: WriterLink) {
        self.tap = Some(Tap::new(self.index, link));
    }

    /// Wakes [`Shard::turn`] also when `fd` is readable.
    ///
    /// # Errors
    /// Those of epoll.
    pub fn wake_by(&mut self, fd: RawFd) -> io::Result<()> {
        self.epoll.add(fd, WAKER)
    }

    /// Adds or replaces a prompt for playbacks that begin from now on.
    pub fn load(&mut self, id: PromptId, prompt: Arc<Prompt>) {
        self.prompts.insert(id, prompt);
    }

    /// Gives a prompt up; playbacks already running keep the sound.
    pub fn unload(&mut self, id: PromptId) {
        self.prompts.remove(&id);
    }

    /// What happened since the last call.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Waits until a packet, the next tick or the waker, serves what is there, and says whether the waker was it.
    ///
    /// # Errors
    /// Those of epoll.
    pub fn turn(&mut self) -> io::Result<bool> {
        let timeout_ms = self.timeout_ms();
        self.wait(timeout_ms)
    }

    /// As [`Shard::turn`], without waiting: for a benchmark that has made the packets ready.
    ///
    /// # Errors
    /// Those of epoll.
    pub fn turn_now(&mut self) -> io::Result<bool> {
        self.wait(0)
    }

    fn wait(&mut self, timeout_ms: i32) -> io::Result<bool> {
        self.epoll.wait(&mut self.ready, timeout_ms)?;
        let now = self.now();
        let (mut woken, mut filled) = (false, 0);
        for at in 0..self.ready.len() {
            match self.ready.token(at) {
                WAKER => woken = true,
                WEB => filled = self.read_web(filled, now),
                token => filled += usize::from(self.read(token as u32, filled)),
            }
            if filled == BATCH_MAX {
                self.receive_all(std::mem::take(&mut filled), now);
            }
        }
        self.receive_all(filled, now);
        self.tick(now);
        Ok(woken)
    }

    fn now(&self) -> Now {
        let us = self.started.elapsed().as_micros() as u64;
        Now { us, ms: us / 1000 }
    }

    fn timeout_ms(&self) -> i32 {
        if self.slots.iter().any(|slot| !slot.is_empty()) {
            let due_us = self.next_tick * TICK_MS * 1000;
            return due_us.saturating_sub(self.now().us).div_ceil(1000).min(TICK_MS) as i32;
        }
        let idle = self.legs.is_empty() && self.resting.is_empty();
        if idle && self.tap.as_ref().is_none_or(Tap::is_idle) { -1 } else { 50 }
    }

    // One packet.

    /// Reads a datagram of a port into a place of the inbox. Says whether one was there: it may be gone, or an ICMP
    /// error of a packet sent came in its place; a dead peer is covered by the silence time-out.
    fn read(&mut self, port: u32, n: usize) -> bool {
        let (slot, inbound) = (&self.ports[port as usize], &mut self.inbox[n]);
        let received = if slot.connected {
            slot.socket.recv(&mut inbound.buffer).map(|len| (len, None))
        } else {
            slot.socket.recv_from(&mut inbound.buffer).map(|(len, from)| (len, Some(from)))
        };
        let Ok((len, from)) = received else { return false };
        (inbound.port, inbound.len, inbound.from) = (port, len, from);
        true
    }

    fn receive_all(&mut self, filled: usize, now: Now) {
        self.look_ahead(filled);
        (0..filled).for_each(|n| self.receive(n, now));
    }

    /// Reads a little of each leg that the packets in the inbox are for. Legs of a busy shard are in no near cache: asked
    /// for together they come together, where each packet would wait for its own.
    fn look_ahead(&self, filled: usize) {
        let leg_of = |port: u32| self.ports[port as usize].leg.as_deref();
        let glance = |inbound: &Inbound| {
            let leg = leg_of(inbound.port)?;
            let listener = leg.bridge.and_then(leg_of).map_or(0, Leg::glance);
            Some(leg.glance() ^ listener)
        };
        let seen = self.inbox[..filled].iter().filter_map(glance);
        std::hint::black_box(seen.fold(0, |all, one| all ^ one));
    }

    fn receive(&mut self, n: usize, now: Now) {
        let inbound = &mut self.inbox[n];
        if rtcp::is_rtcp(&inbound.buffer[..inbound.len]) {
            return self.receive_reports(n, now);
        }
        let (at, from) = (inbound.port, inbound.from);
        let Some(leg) = self.ports[at as usize].leg.as_deref_mut() else { return };
        // Nothing that is not sealed by the peer's key is looked at: it is not believed to come from there either.
        if let Some(secure) = &mut leg.secure {
            match secure.inbound.open(&mut inbound.buffer[..inbound.len]) {
                Some(len) => inbound.len = len,
                None => return leg.unauthentic += 1,
            }
        }
        let Some(packet) = Packet::parse(&inbound.buffer[..inbound.len]) else {
            leg.strangers += 1;
            return;
        };
        match leg.latch.judge(from, &packet, now.ms) {
            Verdict::Accepted => {}
            Verdict::Learned(address) => self.lock_on(at, address, now),
            Verdict::NewStream => {
                leg.reception.restart();
                leg.keys.restart();
            }
            Verdict::Stranger => {
                leg.strangers += 1;
                return;
            }
            Verdict::Unexpected => return,
        }
        self.accept(n, packet, now);
    }

    /// The source is known: let the kernel keep all others away, and count them.
    fn lock_on(&mut self, at: u32, address: SocketAddr, now: Now) {
        let slot = &mut self.ports[at as usize];
        let Some(leg) = slot.leg.as_deref_mut() else { return };
        if leg.first_packet_ms.is_none() {
            leg.first_packet_ms = Some(now.ms);
            self.events.push(Event::FirstPacket { leg: leg.id, from: address });
        }
        if let Some(peer) = &mut leg.peer {
            peer.remote = address;
        }
        if slot.web.is_some() {
            return;
        }
        // Unconnected the latch itself keeps strangers away, at a little more cost.
        slot.connected = slot.socket.connect(address).is_ok();
        // Without a guard strangers are kept away all the same, uncounted.
        slot.guard = if slot.connected { Guard::new(&slot.socket).ok() } else { None };
    }

    #[inline]
    fn accept(&mut self, n: usize, packet: Packet, now: Now) {
        let at = self.inbox[n].port;
        let Some(leg) = self.ports[at as usize].leg.as_deref_mut() else { return };
        let content = leg.content(packet.payload_type);
        let order = leg.reception.take(&packet, now.us, matches!(content, Content::Audio(_)));
        leg.last_packet_ms = Some(now.ms);
        leg.silence_told = false;
        if order == Order::Duplicate {
            return;
        }
        let payload = &self.inbox[n].buffer[packet.start..packet.end];
        match content {
            Content::Audio(codec) => {
                let Some(law) = codec.law() else { return self.accept_coded(n, packet, codec, order, now) };
                if let Some(listener) = &mut leg.listener {
                    let (events, id) = (&mut self.events, leg.id);
                    let samples = payload.iter().map(|&octet| law.decode(octet));
                    listener.hear(samples, |digit| events.push(Event::Digit { leg: id, digit }));
                }
                if let Some(voice) = leg.voice.as_deref_mut().filter(|_| order == Order::Newest) {
                    voice.push(payload.iter().map(|&octet| law.decode(octet)));
                }
                if leg.tones.is_some() && order == Order::Newest {
                    let samples = payload.iter().map(|&octet| law.decode(octet));
                    self.events.extend(tone_heard(leg, packet.timestamp, samples, now.ms));
                }
                if let Some(quiet) = &mut leg.quiet {
                    quiet.hear(payload.iter().map(|&octet| law.decode(octet)), now.ms);
                }
                if let (Some((slot, channel)), Some(tap)) = (leg.tap, &mut self.tap)
                    && let Err(gone) = tap.record(slot, (channel, law), &packet, payload, now.ms)
                {
                    self.recording_gone(gone);
                }
            }
            Content::Event(_) => {
                let told = leg.keys.receive(packet.timestamp, payload, now.ms);
                told.into_iter().flatten().for_each(|digit| self.key_heard(at, digit));
            }
            Content::Noise => {}
            Content::Other => return,
        }
        self.relay(n, &packet, content, now);
    }

    #[inline]
    fn relay(&mut self, n: usize, packet: &Packet, content: Content, now: Now) {
        let from = self.inbox[n].port;
        let Some(to) = self.ports[from as usize].leg.as_deref().and_then(|leg| leg.bridge) else { return };
        let event_way = match content {
            Content::Event(events) => self.event_way(n, packet, events, to),
            Content::Audio(_) | Content::Noise | Content::Other => EventWay::NotAtAll,
        };
        let inbound = &mut self.inbox[n];
        let slot = &mut self.ports[to as usize];
        let Some(leg) = slot.leg.as_deref_mut() else { return };
        let (None, Some(Peer { agreed, remote })) = (&leg.play, &leg.peer) else { return };
        // Who hears a sum hears nothing else.
        if leg.deaf || leg.pressing.is_some() || leg.mix.is_some() {
            return;
        }
        let payload_type = match content {
            Content::Audio(codec) if codec == agreed.codec => agreed.payload_type,
            Content::Audio(codec) => match (codec.law(), agreed.codec.law()) {
                (Some(law), Some(wanted)) => {
                    law.recode(wanted, &mut inbound.buffer[packet.start..packet.end]);
                    agreed.payload_type
                }
                _ => return self.transcode(n, packet, codec, to, now),
            },
            Content::Event(events) => match event_way {
                EventWay::AsItIs(payload_type) => payload_type,
                EventWay::Anew => return self.pass_event(n, packet, events, to, now),
                EventWay::NotAtAll => return,
            },
            Content::Noise => match agreed.noise_payload_type {
                Some(payload_type) if !leg.out.is_coded() => payload_type,
                Some(_) | None => return,
            },
            Content::Other => return,
        };
        let datagram = &mut inbound.buffer[packet.start - HEADER_BYTES..];
        leg.out.relay(from, packet, payload_type, datagram, now.ms);
        leg.out.sent += 1;
        let len = HEADER_BYTES + packet.end - packet.start;
        send(&slot.socket, slot.connected, *remote, leg.secure.as_deref_mut(), datagram, len);
    }

    fn recording_gone(&mut self, gone: OutOfRoom) {
        let (call, recording, reason) = (gone.call, gone.recording, StopReason::DiskFull);
        self.untap(gone.ports);
        self.events.push(Event::RecordingStopped { call, recording, reason });
    }

    fn untap(&mut self, ports: [u32; 2]) {
        for at in ports {
            if let Some(leg) = self.ports[at as usize].leg.as_deref_mut() {
                (leg.tap, leg.quiet) = (None, None);
            }
        }
    }

    // What time brings.

    fn tick(&mut self, now: Now) {
        let current = now.ms / TICK_MS;
        if current < self.next_tick {
            return;
        }
        self.next_tick = self.next_tick.max((current + 1).saturating_sub(LATE_TICKS_MAX));
        while self.next_tick <= current {
            self.play_slot(self.next_tick, now);
            self.next_tick += 1;
        }
        if let Some(tap) = &mut self.tap {
            tap.tick(now.ms);
        }
        if now.ms >= self.next_sweep_ms {
            self.next_sweep_ms = now.ms + SWEEP_MS;
            self.sweep(now);
            self.end_quarantine(now);
        }
    }

    fn play_slot(&mut self, tick: u64, now: Now) {
        let (slot, turn) = (tick as usize % SLOTS, tick / SLOTS as u64);
        let mut frame: Frame = [0; size_of::<Frame>()];
        let mut n = 0;
        while n < self.slots[slot].len() {
            let at = self.slots[slot][n];
            if self.play_one(at, turn, now, &mut frame) {
                n += 1;
            } else {
                self.slots[slot].swap_remove(n);
                self.ports[at as usize].listed = false;
            }
        }
    }

    /// Says whether the leg goes on playing.
    fn play_one(&mut self, at: u32, turn: u64, now: Now, frame: &mut Frame) -> bool {
        let slot = &mut self.ports[at as usize];
        let Some(leg) = slot.leg.as_deref_mut() else { return false };
        if leg.mix.is_some() && leg.play.is_none() && leg.pressing.is_none() {
            return self.mix_turn(at, turn, now, frame);
        }
        let mixed = leg.mix.is_some();
        match leg.play_turn(turn, now.ms, frame) {
            Turn::Frame(len) => {
                if let Some(peer) = leg.peer.as_ref().filter(|_| !leg.deaf) {
                    leg.out.sent += 1;
                    let secure = leg.secure.as_deref_mut();
                    send(&slot.socket, slot.connected, peer.remote, secure, frame, len);
                }
                true
            }
            Turn::Over(play) => {
                self.events.push(Event::Played { leg: leg.id, play });
                leg.pressing.is_some() || mixed
            }
            Turn::Nothing => leg.play.is_some() || self.press_turn(at, now, frame) || mixed,
        }
    }

    fn sweep(&mut self, now: Now) {
        for at in 0..self.ports.len() {
            let Some(leg) = self.ports[at].leg.as_deref_mut() else { continue };
            if let Some(digit) = leg.keys.expire(now.ms) {
                self.key_heard(at as u32, digit);
            }
            let Some(leg) = self.ports[at].leg.as_deref_mut() else { continue };
            if leg.peer.is_some() && now.ms >= leg.reports.next_ms {
                leg.reports.next_ms = now.ms + self.report_ms;
                self.send_report(at as u32, now);
            }
            let Some(leg) = self.ports[at].leg.as_deref_mut() else { continue };
            if let Some(spoke) = leg.quiet.as_ref().and_then(|quiet| quiet.over(now.ms)) {
                leg.quiet = None;
                self.events.push(Event::Quiet { leg: leg.id, spoke });
            }
            if let Some(last_packet_ms_ago) = leg.silence(self.silence_ms, now.ms) {
                self.events.push(Event::Silent { leg: leg.id, last_packet_ms_ago });
            }
        }
    }

    fn end_quarantine(&mut self, now: Now) {
        let mut ready = Vec::new();
        while let Some(&(until_ms, at)) = self.resting.front()
            && until_ms <= now.ms
        {
            // Without chance for new keys the port goes on resting.
            let slot = &mut self.ports[at as usize];
            let access = slot.port.web.map(|old| Access::draw(old.fingerprint)).transpose();
            let (Ok(secret), Ok(access)) = (Secret::draw(), access) else { break };
            self.resting.pop_front();
            (slot.resting, slot.port.secret, slot.port.web) = (false, secret, access);
            ready.push(slot.port);
        }
        if !ready.is_empty() {
            self.events.push(Event::PortsReady(ready));
        }
    }

    /// The shard ends: recordings are handed over as they are.
    pub(crate) fn end(mut self) -> Vec<Event> {
        if let Some(tap) = &mut self.tap {
            tap.interrupt_all();
        }
        self.take_events()
    }
}

/// Sends the first `len` octets to the peer, sealed where that was agreed; a full socket buffer or an ICMP error loses
/// the packet, as the network might.
#[inline]
fn send(
    socket: &UdpSocket,
    connected: bool,
    remote: SocketAddr,
    secure: Option<&mut Secure>,
    buffer: &mut [u8],
    len: usize,
) {
    let len = match secure {
        None => len,
        Some(secure) => match secure.out.seal(buffer, len) {
            Some(len) => len,
            None => return,
        },
    };
    let datagram = &buffer[..len];
    let _ = if connected { socket.send(datagram) } else { socket.send_to(datagram, remote) };
}

/// Gives samples at 8 kHz to the leg's listener for tones, until its time is over.
fn tone_heard(
    leg: &mut Leg,
    timestamp: u32,
    samples: impl Iterator<Item = i16>,
    now_ms: u64,
) -> Option<Event> {
    let (until_ms, listener) = leg.tones.as_mut()?;
    if now_ms >= *until_ms {
        (leg.tones, leg.judged) = (None, None);
        return None;
    }
    if let Some(tone) = listener.hear(timestamp, samples) {
        leg.judged = None;
        return Some(Event::Tone { leg: leg.id, tone });
    }
    // A leg that is not judged is listened to for its cadence alone.
    let nature = listener.nature();
    leg.judged.filter(|told| *told != nature)?;
    match nature {
        Nature::Unknown => None,
        Nature::Tone => {
            leg.judged = Some(nature);
            Some(Event::ToneBegan { leg: leg.id })
        }
        Nature::Voice => {
            leg.judged = None;
            Some(Event::Voice { leg: leg.id })
        }
    }
}

/// Takes out what came while nobody listened.
fn drain(socket: &UdpSocket) {
    let mut octet = [0; 1];
    while socket.recv_from(&mut octet).is_ok() {}
}
