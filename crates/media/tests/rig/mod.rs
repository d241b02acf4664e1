//! An engine on loopback with phones around it. Waiting is for events and packets, with a deadline, never for time.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::VecDeque;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use media::stream::{StreamConfig, Voice};
use media::{
    Agreed, CallId, Command, Config, Engine, Event, Law, LegId, LegStats, PlayId, Port, PromptId, Refusal,
    Repeat, RtpStream, Sound,
};

pub const DEADLINE: Duration = Duration::from_secs(20);
pub const EVENTS: u8 = 101;

pub struct Rig {
    pub engine: Engine,
    inbox: mpsc::Receiver<Vec<Event>>,
    pending: VecDeque<Event>,
    pub ports: VecDeque<Port>,
    next_leg: u64,
}

pub fn config() -> Config {
    Config { pool_per_shard: 8, ports: 20_000..=60_000, ..Config::local([127, 0, 0, 1].into()) }
}

impl Rig {
    pub fn start(config: Config) -> Rig {
        let (tell, inbox) = mpsc::channel();
        let engine = Engine::start(config, move |events| {
            // A test that has ended listens no more.
            let _ = tell.send(events);
        })
        .expect("the engine starts");
        let mut rig = Rig { engine, inbox, pending: VecDeque::new(), ports: VecDeque::new(), next_leg: 1 };
        let ports = rig.wait(|event| match event {
            Event::PortsReady(ports) => Some(ports.clone()),
            _ => None,
        });
        rig.ports.extend(ports);
        rig
    }

    pub fn send(&mut self, command: Command) {
        self.engine.send(command).expect("the command is taken");
    }

    /// The first event, old or new, that `pick` takes; those it leaves stay for later waits.
    pub fn wait<T>(&mut self, pick: impl Fn(&Event) -> Option<T>) -> T {
        let deadline = Instant::now() + DEADLINE;
        let mut looked = 0;
        loop {
            while looked < self.pending.len() {
                if let Some(found) = pick(&self.pending[looked]) {
                    self.pending.remove(looked);
                    return found;
                }
                looked += 1;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let batch = self.inbox.recv_timeout(left);
            self.pending.extend(batch.unwrap_or_else(|_| panic!("nothing came; seen: {:?}", self.pending)));
        }
    }

    pub fn seen(&mut self, test: impl Fn(&Event) -> bool) -> bool {
        self.count(test) > 0
    }

    /// Of the events that nobody waited for yet.
    pub fn count(&mut self, test: impl Fn(&Event) -> bool) -> usize {
        while let Ok(batch) = self.inbox.try_recv() {
            self.pending.extend(batch);
        }
        self.pending.iter().filter(|event| test(event)).count()
    }

    /// A phone and a leg of `call` connected to each other.
    pub fn phone(&mut self, call: u128, law: Law, events: Option<u8>) -> Phone {
        let leg = LegId(self.next_leg);
        self.next_leg += 1;
        let port = self.ports.pop_front().expect("a port");
        let phone = Phone::new(leg, port.address, law, events);
        self.send(Command::Open { leg, port: port.id, call: CallId(call) });
        self.connect(&phone);
        phone
    }

    /// Returns once all commands so far are done: the answer to one that is refused comes after them.
    pub fn settle(&mut self, leg: LegId) {
        let sound = Sound::Prompt(PromptId(u32::MAX));
        self.send(Command::Play { leg, play: PlayId(0), sound, repeat: Repeat::Once });
        let reason = Refusal::PromptUnknown;
        self.wait(|event| (*event == Event::Refused { leg, reason }).then_some(()));
    }

    pub fn connect(&mut self, phone: &Phone) {
        self.send(Command::Connect {
            leg: phone.leg,
            remote: phone.address(),
            agreed: Agreed::g711(phone.law, phone.events),
        });
        self.settle(phone.leg);
    }

    /// A leg of `call` on the next port.
    pub fn open(&mut self, call: u128) -> LegId {
        let leg = LegId(self.next_leg);
        self.next_leg += 1;
        let port = self.ports.pop_front().expect("a port");
        self.send(Command::Open { leg, port: port.id, call: CallId(call) });
        leg
    }

    pub fn close(&mut self, phone: &Phone) -> LegStats {
        self.close_leg(phone.leg)
    }

    pub fn close_leg(&mut self, closing: LegId) -> LegStats {
        self.send(Command::Close { leg: closing });
        self.wait(|event| match event {
            Event::Closed { leg, stats } if *leg == closing => Some(*stats),
            _ => None,
        })
    }

    pub fn wait_first_packet(&mut self, of: &Phone) {
        self.wait(|event| matches!(event, Event::FirstPacket { leg, .. } if *leg == of.leg).then_some(()));
    }

    pub fn wait_digit(&mut self, of: &Phone) -> u8 {
        self.wait_digit_of(of.leg)
    }

    pub fn wait_digit_of(&mut self, of: LegId) -> u8 {
        self.wait(|event| match event {
            Event::Digit { leg, digit } if *leg == of => Some(*digit),
            _ => None,
        })
    }
}

pub struct Phone {
    pub leg: LegId,
    pub socket: UdpSocket,
    pub stream: RtpStream,
    pub law: Law,
    pub events: Option<u8>,
    pub engine: SocketAddr,
}

impl Phone {
    pub fn new(leg: LegId, engine: SocketAddr, law: Law, events: Option<u8>) -> Phone {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        socket.set_read_timeout(Some(DEADLINE)).expect("set");
        let ssrc = 0x1000_0000 + leg.0 as u32;
        let config = StreamConfig { law, payload_type: law.payload_type(), event_payload_type: events, ssrc };
        Phone { leg, socket, stream: RtpStream::new(config), law, events, engine }
    }

    pub fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("bound")
    }

    pub fn say_tone(&mut self, frequency_hz: f32) {
        self.stream.say(Voice::Tone { frequency_hz, amplitude: 8000.0 });
    }

    pub fn send_frame(&mut self) {
        let (socket, engine) = (&self.socket, self.engine);
        self.stream.next_frame(|datagram| {
            socket.send_to(datagram, engine).expect("sent");
        });
    }

    /// Takes one packet, however long it needs.
    pub fn receive(&mut self) {
        let mut buffer = [0; 2048];
        let (len, from) = self.socket.recv_from(&mut buffer).expect("a packet in time");
        assert_eq!(from, self.engine, "symmetric");
        self.stream.receive(&buffer[..len]);
    }

    /// Takes what has come and waits for nothing.
    pub fn take_waiting(&mut self) {
        self.socket.set_nonblocking(true).expect("set");
        let mut buffer = [0; 2048];
        while let Ok(len) = self.socket.recv(&mut buffer) {
            self.stream.receive(&buffer[..len]);
        }
        self.socket.set_nonblocking(false).expect("set");
    }

    pub fn heard_tone(&self, frequency_hz: f32) -> f32 {
        media::measure::tone(&self.stream.heard().samples, 8000, frequency_hz)
    }
}

/// An empty directory, removed at the end.
pub struct Dir(pub PathBuf);

impl Dir {
    pub fn new(name: &str) -> Dir {
        let path = std::env::temp_dir().join(format!("media-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory");
        Dir(path)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        // What cannot be removed is left to the system's own tidying.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
