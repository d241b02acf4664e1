//! Media without packets: ports, legs, prompts that end, silence, closing. It keeps watch that the node uses it as the
//! engine could be used, and refuses to know calls.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use hotline::call::Sound;
use hotline::cdr::Quality;
use node::media::{Command, Event, MediaLeg, Port, Secret};

/// Ports of one life of the engine, over two shards.
pub const PORTS: usize = 600;

/// The engine.
#[derive(Debug, Default)]
pub struct Media {
    legs: BTreeMap<MediaLeg, OpenLeg>,
    /// Ports that are neither the node's nor on the way to it.
    free: Vec<Port>,
    /// Ports on their way back.
    returning: usize,
    /// Events to come: after how long, what.
    pub later: Vec<(u64, Event)>,
    /// What the node did wrong.
    pub faults: Vec<String>,
    /// The key that the last prompt of that kind named.
    named_key: Option<String>,
    /// What was played, for scenarios.
    pub heard: Vec<Heard>,
    /// Calls whose recording keeps nothing.
    pub paused: BTreeSet<u128>,
    /// What is recorded of a call: the left leg, and the right one if there is one.
    recorded: BTreeMap<u128, (Option<MediaLeg>, Option<MediaLeg>)>,
}

/// What a person at a phone, or a clerk at the recorder, would notice.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variant's line names its fields")]
pub enum Heard {
    /// Something began to play towards a remote address.
    Play { leg: MediaLeg, sound: Sound },
    /// Two legs hear each other.
    Bridge,
    /// Recording began.
    Record,
    /// A message of one leg is taken.
    Message { leg: MediaLeg, quiet_ms: u64 },
}

#[derive(Debug)]
struct OpenLeg {
    call: u128,
    port: Port,
    remote: Option<SocketAddr>,
    play: u32,
    held: bool,
    bridged: bool,
    closing: bool,
    listening: bool,
}

impl Media {
    /// A new life: all ports are free.
    pub fn ports() -> Vec<Port> {
        let port = |id: usize| Port {
            shard: (id % 2) as u16,
            id: id as u32,
            address: SocketAddr::from(([10, 0, 0, 1], 30_000 + 2 * id as u16)),
            secret: Secret([id as u8; 102]),
            web: None,
        };
        (0..PORTS).map(port).collect()
    }

    /// Ports that the node does not have.
    pub fn ports_out(&self) -> usize {
        self.legs.len() + self.returning + self.free.len()
    }

    /// The node took these ports back.
    pub fn returned(&mut self, count: usize) {
        self.returning -= count;
    }

    /// What the node asks for. `prompt_ms` is how long a prompt plays, `lag_ms` how late an event comes.
    pub fn take(&mut self, command: Command, prompt_ms: u64, lag_ms: u64) {
        match command {
            Command::Open { call, leg, port, .. } => self.open(call, leg, port),
            Command::Connect { leg, remote, .. } => {
                self.with(leg, "connect", |open| open.remote = Some(remote));
                if leg.trial().is_some() {
                    self.later.push((20, Event::FirstPacket { leg, from: remote }));
                }
            }
            Command::Play { leg, play, sound, repeat } => {
                self.with(leg, "play", |open| open.play = play);
                if let Sound::Prompt(prompt) = &sound {
                    self.named_key =
                        prompt.strip_prefix("press_").map(str::to_owned).or(self.named_key.take());
                }
                self.heard.push(Heard::Play { leg, sound });
                if !repeat {
                    self.later.push((prompt_ms + lag_ms, Event::Played { leg, play }));
                }
            }
            Command::StopPlay { leg } => self.with(leg, "stop", |open| open.play = 0),
            Command::Bridge { a, b } => {
                self.with(a, "bridge", |open| open.bridged = true);
                self.with(b, "bridge", |open| open.bridged = true);
                self.heard.push(Heard::Bridge);
            }
            Command::Hold { leg, on, .. } => self.with(leg, "hold", |open| open.held = on),
            Command::SendKey { leg, .. } => self.with(leg, "key", |_| {}),
            Command::ListenTones { leg, for_ms, .. } => {
                self.with(leg, "listening", |open| open.listening = for_ms > 0);
            }
            Command::Record { call, left, right, .. } => {
                self.record(call, (Some(left), Some(right)));
                self.with(left, "record", |_| {});
                self.with(right, "record", |_| {});
                self.heard.push(Heard::Record);
            }
            Command::TakeMessage { call, leg, quiet_ms, .. } => {
                self.record(call, (Some(leg), None));
                self.with(leg, "message", |_| {});
                self.heard.push(Heard::Message { leg, quiet_ms });
            }
            Command::EndRecord { call } => _ = self.recorded.remove(&call),
            Command::PauseRecord { call, on } => {
                if self.paused.contains(&call) == on {
                    self.faults.push(format!("the recording of {call:x} is paused as it was"));
                }
                match on {
                    true => _ = self.paused.insert(call),
                    false => _ = self.paused.remove(&call),
                }
            }
            Command::Close { leg } => self.close(leg, lag_ms),
            Command::Mix { leg, hears } => {
                let apart = hears.iter().find(|other| other.0 >> 8 != leg.0 >> 8);
                if let Some(other) = apart {
                    self.faults.push(format!("media leg {leg:?} hears {other:?} of another call"));
                }
                hears.into_iter().for_each(|other| self.with(other, "being heard", |_| {}));
                self.with(leg, "hearing", |_| {});
            }
            Command::Unbridge { leg } => self.with(leg, "parting", |open| open.bridged = false),
            Command::RecordRight { call, right } => {
                if let Some(recorded) = self.recorded.get_mut(&call) {
                    recorded.1 = right;
                }
                if let Some(right) = right {
                    self.with(right, "record", |_| {});
                }
            }
        }
    }

    fn open(&mut self, call: u128, leg: MediaLeg, port: Port) {
        if self.legs.values().any(|open| open.port.id == port.id) {
            self.faults.push(format!("port {} opened twice", port.id));
        }
        let open = OpenLeg {
            call,
            port,
            remote: None,
            play: 0,
            held: false,
            bridged: false,
            closing: false,
            listening: false,
        };
        if self.legs.insert(leg, open).is_some() {
            self.faults.push(format!("media leg {leg:?} opened twice"));
        }
    }

    fn with(&mut self, leg: MediaLeg, what: &str, run: impl FnOnce(&mut OpenLeg)) {
        match self.legs.get_mut(&leg) {
            Some(open) => run(open),
            None => self.faults.push(format!("{what} of media leg {leg:?}, which is not open")),
        }
    }

    /// A call has one recording at a time: the engine refuses another.
    fn record(&mut self, call: u128, legs: (Option<MediaLeg>, Option<MediaLeg>)) {
        if self.recorded.insert(call, legs).is_some() {
            self.faults.push(format!("call {call:x} is recorded twice at once"));
        }
    }

    fn close(&mut self, leg: MediaLeg, lag_ms: u64) {
        self.recorded.retain(|_, (left, right)| {
            *left = left.filter(|recorded| *recorded != leg);
            *right = right.filter(|recorded| *recorded != leg);
            left.is_some() || right.is_some()
        });
        let Some(open) = self.legs.get_mut(&leg) else {
            return self.faults.push(format!("close of media leg {leg:?}, which is not open"));
        };
        if std::mem::replace(&mut open.closing, true) {
            return self.faults.push(format!("media leg {leg:?} closed twice"));
        }
        let received = if open.remote.is_some() { 50 } else { 0 };
        let quality = Quality { received, sent: 50, ..Quality::default() };
        self.later.push((lag_ms, Event::Closed { leg, quality }));
    }

    /// Whether an event still holds when its time has come; a closed leg gives its port back.
    pub fn happens(&mut self, event: &Event) -> bool {
        match event {
            Event::Played { leg, play } => self.legs.get(leg).is_some_and(|open| open.play == *play),
            Event::Closed { leg, .. } => {
                if let Some(open) = self.legs.remove(leg) {
                    self.returning += 1;
                    self.later.push((1, Event::PortsReady(vec![open.port])));
                }
                true
            }
            _ => true,
        }
    }

    /// The call that a leg is of.
    pub fn call_of(&self, leg: MediaLeg) -> Option<u128> {
        self.legs.get(&leg).map(|open| open.call)
    }

    /// The leg that hears a tone which a far end plays, if it is listened for there.
    pub fn listening_leg(&self, remote: SocketAddr) -> Option<MediaLeg> {
        let listens = |open: &&OpenLeg| open.remote == Some(remote) && open.listening && !open.closing;
        self.legs.iter().find(|(_, open)| listens(open)).map(|(leg, _)| *leg)
    }

    /// The leg that hears what comes from a far end.
    pub fn leg_to(&self, remote: SocketAddr) -> Option<MediaLeg> {
        self.legs.iter().find(|(_, open)| open.remote == Some(remote)).map(|(leg, _)| *leg)
    }

    /// The key that the last prompt told somebody to press.
    pub fn told_key(&self) -> Option<String> {
        self.named_key.clone()
    }

    /// The leg that hears nothing any more since a far end fell silent, if silence is worth a word there.
    pub fn silent_leg(&self, remote: SocketAddr) -> Option<MediaLeg> {
        let listens =
            |open: &&OpenLeg| open.remote == Some(remote) && open.bridged && !open.held && !open.closing;
        self.legs.iter().find(|(_, open)| listens(open)).map(|(leg, _)| *leg)
    }
}
