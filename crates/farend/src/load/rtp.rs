//! RTP of many calls from one thread: each stream one packet every 20 ms, spread evenly over the milliseconds.
//! Each packet carries in its sound which stream it is of and when it was sent, so a relay may rewrite the header.
//! It refuses to know signalling.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread::JoinHandle;
use std::time::Duration;

use media::g711::Law;
use media::rtp::{FRAME_SAMPLES, HEADER_BYTES, Packet, write_header};

use super::RtpReport;
use super::histogram::Histogram;
use crate::clock::Clock;
use crate::udp::bind_std;

/// Sockets of each side; each has a receive buffer of its own.
const SOCKETS: usize = 16;
/// The turns of a frame: one each millisecond.
const TURNS: usize = 20;
/// A packet later than this says more about this machine than about the platform.
const LATE_US: u64 = 5_000;
/// How long packets of a stopped stream may still be on their way.
const TAIL_US: u64 = 500_000;

/// Which way a stream flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Side {
    Caller,
    Callee,
}

/// One direction of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct StreamId {
    pub(super) side: Side,
    pub(super) serial: u64,
}

enum Command {
    Start { stream: StreamId, to: SocketAddr },
    Stop { stream: StreamId },
    Finish,
}

/// The thread and the ports it listens on.
pub(super) struct RtpThread {
    commands: Sender<Command>,
    thread: JoinHandle<RtpReport>,
    caller_ports: Vec<SocketAddr>,
    callee_ports: Vec<SocketAddr>,
}

impl RtpThread {
    pub(super) fn start(caller: IpAddr, callee: IpAddr) -> io::Result<RtpThread> {
        let open = |ip| (0..SOCKETS).map(move |_| bind_std(SocketAddr::new(ip, 0), 1 << 20));
        let sockets = open(caller).chain(open(callee)).collect::<io::Result<Vec<_>>>()?;
        let ports = sockets.iter().map(UdpSocket::local_addr).collect::<io::Result<Vec<_>>>()?;
        let (commands, inbox) = mpsc::channel();
        let streams = Streams::new(sockets);
        let thread =
            std::thread::Builder::new().name("load-rtp".into()).spawn(move || streams.run(&inbox))?;
        let (caller_ports, callee_ports) = ports.split_at(SOCKETS);
        Ok(RtpThread {
            commands,
            thread,
            caller_ports: caller_ports.into(),
            callee_ports: callee_ports.into(),
        })
    }

    /// Where a stream's side receives the other's.
    pub(super) fn port(&self, stream: StreamId) -> SocketAddr {
        let ports = match stream.side {
            Side::Caller => &self.caller_ports,
            Side::Callee => &self.callee_ports,
        };
        ports[stream.serial as usize % SOCKETS]
    }

    /// Begins to send, or sends elsewhere from now on.
    pub(super) fn send_to(&self, stream: StreamId, to: SocketAddr) {
        self.tell(Command::Start { stream, to });
    }

    pub(super) fn stop(&self, stream: StreamId) {
        self.tell(Command::Stop { stream });
    }

    /// Ends the thread after the last packets had their time.
    pub(super) fn finish(self) -> RtpReport {
        self.tell(Command::Finish);
        self.thread.join().unwrap_or_default()
    }

    fn tell(&self, command: Command) {
        // Without its thread the report shows zero packets; signalling goes on.
        let _ = self.commands.send(command);
    }
}

struct Streams {
    clock: Clock,
    sockets: Vec<UdpSocket>,
    turns: Vec<Vec<Sending>>,
    /// By the stream, where it is sent from: the turn.
    known: HashMap<StreamId, Known>,
    /// Stopped streams and when their last packets have had their time.
    tails: std::collections::VecDeque<(u64, StreamId)>,
    next_turn: usize,
    delays: Histogram,
    report: RtpReport,
}

struct Sending {
    stream: StreamId,
    to: SocketAddr,
    socket: usize,
    sequence: u32,
}

#[derive(Default)]
struct Known {
    turn: usize,
    first: Option<u32>,
    last: u32,
    received: u64,
}

impl Streams {
    fn new(sockets: Vec<UdpSocket>) -> Streams {
        Streams {
            clock: Clock::start(),
            sockets,
            turns: (0..TURNS).map(|_| Vec::new()).collect(),
            known: HashMap::new(),
            tails: std::collections::VecDeque::new(),
            next_turn: 0,
            delays: Histogram::default(),
            report: RtpReport::default(),
        }
    }

    fn run(mut self, inbox: &Receiver<Command>) -> RtpReport {
        let mut end_at_us = u64::MAX;
        let mut turn_ms = 0;
        loop {
            match self.take_commands(inbox) {
                Inbox::Open => (),
                Inbox::Finished => end_at_us = end_at_us.min(self.clock.now_us() + TAIL_US),
            }
            // One turn, then what came: somebody who has to catch up must not let its buffers run over meanwhile.
            if turn_ms <= self.clock.now_ms() {
                self.send_turn(turn_ms);
                turn_ms += 1;
            }
            self.receive_all();
            let now_us = self.clock.now_us();
            self.close_tails(now_us);
            if now_us >= end_at_us {
                return self.finish();
            }
            std::thread::sleep(Duration::from_micros((turn_ms * 1000).saturating_sub(now_us)));
        }
    }

    fn take_commands(&mut self, inbox: &Receiver<Command>) -> Inbox {
        loop {
            match inbox.try_recv() {
                Ok(Command::Start { stream, to }) => self.start(stream, to),
                Ok(Command::Stop { stream }) => self.stop(stream),
                Err(TryRecvError::Empty) => return Inbox::Open,
                Ok(Command::Finish) | Err(TryRecvError::Disconnected) => return Inbox::Finished,
            }
        }
    }

    fn start(&mut self, stream: StreamId, to: SocketAddr) {
        if let Some(known) = self.known.get(&stream) {
            let sending = self.turns[known.turn].iter_mut().find(|sending| sending.stream == stream);
            if let Some(sending) = sending {
                sending.to = to;
            }
            return;
        }
        let turn = self.next_turn;
        self.next_turn = (turn + 1) % TURNS;
        let side = if stream.side == Side::Caller { 0 } else { SOCKETS };
        let socket = side + stream.serial as usize % SOCKETS;
        self.turns[turn].push(Sending { stream, to, socket, sequence: 0 });
        self.known.insert(stream, Known { turn, ..Known::default() });
    }

    fn stop(&mut self, stream: StreamId) {
        let Some(known) = self.known.get(&stream) else { return };
        let turn = &mut self.turns[known.turn];
        if let Some(at) = turn.iter().position(|sending| sending.stream == stream) {
            turn.swap_remove(at);
            self.tails.push_back((self.clock.now_us() + TAIL_US, stream));
        }
    }

    fn send_turn(&mut self, turn_ms: u64) {
        for sending in &mut self.turns[turn_ms as usize % TURNS] {
            let now_us = self.clock.now_us();
            let datagram = sending.packet(now_us);
            if self.sockets[sending.socket].send_to(&datagram, sending.to).is_ok() {
                self.report.sent += 1;
            }
            if now_us > turn_ms * 1000 + LATE_US {
                self.report.sent_late += 1;
            }
            sending.sequence += 1;
        }
    }

    fn receive_all(&mut self) {
        let mut datagram = [0; 2048];
        for at in 0..self.sockets.len() {
            // A bound, so that sending keeps its time.
            for _ in 0..64 {
                let Ok((bytes, _)) = self.sockets[at].recv_from(&mut datagram) else { break };
                let now_us = self.clock.now_us();
                self.receive(&datagram[..bytes], now_us);
            }
        }
    }

    fn receive(&mut self, datagram: &[u8], now_us: u64) {
        let payload = Packet::parse(datagram).and_then(|packet| datagram.get(packet.start..packet.end));
        let Some(mark) = payload.and_then(Mark::read) else { return };
        let Some(known) = self.known.get_mut(&mark.stream) else { return };
        known.first.get_or_insert(mark.sequence);
        known.last = known.last.max(mark.sequence);
        known.received += 1;
        self.report.received += 1;
        self.delays.add(now_us.saturating_sub(mark.sent_us));
    }

    fn close_tails(&mut self, now_us: u64) {
        while let Some((_, stream)) = self.tails.pop_front_if(|(at_us, _)| *at_us <= now_us) {
            self.close(stream);
        }
    }

    fn close(&mut self, stream: StreamId) {
        let Some(known) = self.known.remove(&stream) else { return };
        match known.first {
            Some(first) => {
                let span = u64::from(known.last.saturating_sub(first)) + 1;
                self.report.lost += span.saturating_sub(known.received);
            }
            None => self.report.silent_directions += 1,
        }
    }

    fn finish(mut self) -> RtpReport {
        let left: Vec<_> = self.known.keys().copied().collect();
        left.into_iter().for_each(|stream| self.close(stream));
        RtpReport { delay_ms: self.delays.percentiles(), ..self.report }
    }
}

enum Inbox {
    Open,
    Finished,
}

impl Sending {
    fn packet(&self, now_us: u64) -> [u8; HEADER_BYTES + FRAME_SAMPLES] {
        let mut datagram = [Law::Pcma.silence(); HEADER_BYTES + FRAME_SAMPLES];
        let ssrc = (self.stream.serial as u32) << 1 | u32::from(self.stream.side == Side::Callee);
        let timestamp = self.sequence.wrapping_mul(FRAME_SAMPLES as u32);
        let payload_type = Law::Pcma.payload_type();
        write_header(&mut datagram, self.sequence == 0, payload_type, self.sequence as u16, timestamp, ssrc);
        let mark = Mark { stream: self.stream, sequence: self.sequence, sent_us: now_us };
        mark.write(&mut datagram[HEADER_BYTES..]);
        datagram
    }
}

/// What a packet says of itself in its sound: a click of 3 ms.
#[derive(Debug, PartialEq)]
struct Mark {
    stream: StreamId,
    sequence: u32,
    sent_us: u64,
}

const MARK: [u8; 4] = *b"farE";

impl Mark {
    fn write(&self, payload: &mut [u8]) {
        payload[..4].copy_from_slice(&MARK);
        payload[4] = u8::from(self.stream.side == Side::Callee);
        payload[5..13].copy_from_slice(&self.stream.serial.to_be_bytes());
        payload[13..17].copy_from_slice(&self.sequence.to_be_bytes());
        payload[17..25].copy_from_slice(&self.sent_us.to_be_bytes());
    }

    fn read(payload: &[u8]) -> Option<Mark> {
        let rest = payload.strip_prefix(&MARK)?;
        let (side, rest) = rest.split_first()?;
        let (serial, rest) = rest.split_first_chunk()?;
        let (sequence, rest) = rest.split_first_chunk()?;
        let sent_us = rest.first_chunk()?;
        let side = if *side == 0 { Side::Caller } else { Side::Callee };
        Some(Mark {
            stream: StreamId { side, serial: u64::from_be_bytes(*serial) },
            sequence: u32::from_be_bytes(*sequence),
            sent_us: u64::from_be_bytes(*sent_us),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_survives_a_rewritten_header_and_nothing_else_is_one() {
        let stream = StreamId { side: Side::Callee, serial: 123_456_789_012 };
        let sending = Sending { stream, to: ([127, 0, 0, 1], 1).into(), socket: 0, sequence: 70_000 };
        let mut datagram = sending.packet(42);
        datagram[..HEADER_BYTES].copy_from_slice(&[0x80, 8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        let packet = Packet::parse(&datagram).expect("RTP");
        let mark = Mark::read(&datagram[packet.start..packet.end]);
        assert_eq!(mark, Some(Mark { stream, sequence: 70_000, sent_us: 42 }));
        assert_eq!(Mark::read(&[0xD5; 160]), None);
        assert_eq!(Mark::read(b"farE\0"), None);
    }

    #[test]
    fn loss_is_counted_between_the_first_and_the_last_received() {
        let mut streams = Streams::new(Vec::new());
        let stream = StreamId { side: Side::Caller, serial: 3 };
        let other = StreamId { side: Side::Callee, serial: 3 };
        for stream in [stream, other] {
            streams.start(stream, ([127, 0, 0, 1], 1).into());
        }
        for sequence in [5, 6, 9] {
            let sending = Sending { stream, to: ([127, 0, 0, 1], 1).into(), socket: 0, sequence };
            let datagram = sending.packet(1_000);
            streams.receive(&datagram, 3_000);
        }
        let report = streams.finish();
        assert_eq!((report.received, report.lost, report.silent_directions), (3, 2, 1));
        assert_eq!((report.delay_ms.p50, report.delay_ms.max), (2.0, 2.0));
    }
}
