//! Endpoints on a network without sockets: virtual time, and every datagram may be lost, doubled or late.
//! It refuses to know what a test expects.
#![allow(dead_code)] // each test binary uses its part

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;

use sip::{Config, Endpoint, Event, Invite, LegId, Party};

/// A reproducible source of chance.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit.max(1)
    }

    pub fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }
}

/// How bad the network is.
#[derive(Clone, Copy)]
pub struct Weather {
    pub lost_percent: u64,
    pub doubled_percent: u64,
    pub late_ms_max: u64,
}

pub const CALM: Weather = Weather { lost_percent: 0, doubled_percent: 0, late_ms_max: 0 };

pub struct World {
    pub now_ms: u64,
    pub endpoints: BTreeMap<SocketAddr, Endpoint>,
    pub events: BTreeMap<SocketAddr, VecDeque<Event>>,
    flying: BTreeMap<(u64, u64), (SocketAddr, SocketAddr, Vec<u8>)>,
    sent: u64,
    pub weather: Weather,
    pub dice: Dice,
    /// Datagrams that a test catches before they fly: start-line prefixes.
    pub catch: Vec<&'static str>,
    pub caught: Vec<(SocketAddr, SocketAddr, Vec<u8>)>,
    /// Final statuses sent to each INVITE, by Call-ID, CSeq and To tag.
    pub finals: BTreeMap<String, BTreeSet<String>>,
    pub log: Vec<String>,
}

pub fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

pub fn alice() -> SocketAddr {
    address("192.0.2.1:5060")
}

pub fn bob() -> SocketAddr {
    address("192.0.2.2:5060")
}

pub fn sdp(version: u64) -> Vec<u8> {
    format!("v=0\r\no=- 1 {version} IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n")
        .into_bytes()
}

pub fn call(to: SocketAddr) -> Invite {
    let from = Party { user: "13800138000".into(), host: "192.0.2.1".into(), display: None };
    Invite::new(to, format!("sip:4006010114@{to}"), from, sdp(1))
}

pub fn config(at: SocketAddr, seed: u64) -> Config {
    Config { session_expires_s: None, ..Config::new(at, seed) }
}

impl World {
    pub fn new(seed: u64, weather: Weather) -> World {
        World {
            now_ms: 1_000,
            endpoints: BTreeMap::new(),
            events: BTreeMap::new(),
            flying: BTreeMap::new(),
            sent: 0,
            weather,
            dice: Dice::new(seed),
            catch: Vec::new(),
            caught: Vec::new(),
            finals: BTreeMap::new(),
            log: Vec::new(),
        }
    }

    /// Alice and Bob without session timers.
    pub fn pair(seed: u64, weather: Weather) -> World {
        let mut world = World::new(seed, weather);
        world.join(config(alice(), seed * 2 + 1));
        world.join(config(bob(), seed * 2 + 2));
        world
    }

    pub fn join(&mut self, config: Config) {
        let at = config.listeners[0].advertised;
        self.events.insert(at, VecDeque::new());
        self.endpoints.insert(at, Endpoint::new(config));
    }

    /// A command to one endpoint, at this instant.
    pub fn at<T>(&mut self, who: SocketAddr, command: impl FnOnce(&mut Endpoint, u64) -> T) -> T {
        let endpoint = self.endpoints.get_mut(&who).expect("joined");
        let result = command(endpoint, self.now_ms);
        self.collect(who);
        result
    }

    fn collect(&mut self, who: SocketAddr) {
        loop {
            let endpoint = self.endpoints.get_mut(&who).expect("joined");
            let Some(transmit) = endpoint.poll_transmit() else { break };
            self.send(who, transmit.to.remote, transmit.bytes.to_vec());
        }
        while let Some(event) = self.endpoints.get_mut(&who).expect("joined").poll_event() {
            self.events.get_mut(&who).expect("joined").push_back(event);
        }
    }

    fn send(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let start = text.lines().next().unwrap_or_default().to_owned();
        self.log.push(format!("{:>7} {from} > {to} {start}", self.now_ms));
        self.note_final(&text);
        if let Some(caught) = self.catch.iter().position(|prefix| start.starts_with(prefix)) {
            self.catch.remove(caught);
            self.caught.push((from, to, bytes));
            return;
        }
        if self.dice.percent(self.weather.lost_percent) {
            return;
        }
        let copies = if self.dice.percent(self.weather.doubled_percent) { 2 } else { 1 };
        for _ in 0..copies {
            let late_ms = 1 + self.dice.below(self.weather.late_ms_max + 1);
            self.fly(from, to, bytes.clone(), late_ms);
        }
    }

    fn fly(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>, late_ms: u64) {
        self.sent += 1;
        self.flying.insert((self.now_ms + late_ms, self.sent), (from, to, bytes));
    }

    fn note_final(&mut self, text: &str) {
        let header = |name: &str| text.lines().find_map(|l| l.strip_prefix(name)).unwrap_or_default();
        let status = text.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3));
        if let Some(status) = status.filter(|s| *s >= "200" && header("CSeq: ").ends_with(" INVITE")) {
            let key = format!("{} {} {}", header("Call-ID: "), header("CSeq: "), header("Via: "));
            self.finals.entry(key).or_default().insert(status.to_owned());
        }
    }

    /// Let a caught datagram go on its way.
    pub fn release(&mut self, index: usize) {
        let (from, to, bytes) = self.caught.remove(index);
        self.fly(from, to, bytes, 1);
    }

    /// A datagram from outside.
    pub fn inject(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        self.fly(from, to, bytes.to_vec(), 1);
    }

    /// Everything that happens in the next `span_ms`.
    pub fn run(&mut self, span_ms: u64) {
        let end = self.now_ms + span_ms;
        while let Some(next) = self.next_moment().filter(|&next| next <= end) {
            self.now_ms = self.now_ms.max(next);
            self.step();
        }
        self.now_ms = end;
    }

    pub fn next_moment(&self) -> Option<u64> {
        let timers = self.endpoints.values().filter_map(Endpoint::next_timeout).min();
        let flying = self.flying.keys().next().map(|&(at, _)| at);
        timers.into_iter().chain(flying).min()
    }

    fn step(&mut self) {
        if let Some((&key, _)) = self.flying.iter().next().filter(|((at, _), _)| *at <= self.now_ms) {
            let (from, to, bytes) = self.flying.remove(&key).expect("just seen");
            if let Some(endpoint) = self.endpoints.get_mut(&to) {
                endpoint.receive(&bytes, from, self.now_ms);
                self.collect(to);
            }
            return;
        }
        let everyone: Vec<SocketAddr> = self.endpoints.keys().copied().collect();
        for who in everyone {
            let due = self.endpoints[&who].next_timeout().is_some_and(|at| at <= self.now_ms);
            if due {
                self.at(who, |endpoint, now_ms| endpoint.handle_timeout(now_ms));
            }
        }
    }

    /// All events of one endpoint since the last look.
    pub fn seen(&mut self, who: SocketAddr) -> Vec<Event> {
        self.events.get_mut(&who).expect("joined").drain(..).collect()
    }

    /// The leg of the next call that arrived.
    pub fn invited(&mut self, who: SocketAddr) -> LegId {
        let seen = self.seen(who);
        let found = seen.iter().find_map(|event| match event {
            Event::Invited { leg, .. } => Some(*leg),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("no call arrived but {seen:?}\n{}", self.log.join("\n")))
    }

    /// A call from Alice that Bob has answered; the legs of both.
    pub fn talking(&mut self) -> (LegId, LegId) {
        let ours = self.at(alice(), |alice, now| alice.invite(call(bob()), now)).expect("room");
        self.run(10);
        let theirs = self.invited(bob());
        self.at(bob(), |bob, now| bob.answer(theirs, sdp(1), now));
        self.run(10);
        assert!(self.seen(alice()).iter().any(|event| matches!(event, Event::Answered { .. })));
        assert!(self.seen(bob()).iter().any(|event| matches!(event, Event::Acked { .. })));
        (ours, theirs)
    }

    /// After 64·T1 of quiet nothing is left.
    pub fn assert_empty(&mut self) {
        self.run(64 * 500 + 6_000);
        for (who, endpoint) in &self.endpoints {
            let counts = endpoint.counts();
            assert_eq!(counts, sip::Counts::default(), "{who} holds on\n{}", self.log.join("\n"));
        }
    }

    /// How many datagrams with this start were sent.
    pub fn sent_like(&self, from: SocketAddr, start: &str) -> usize {
        let mark = format!(" {from} > ");
        self.log.iter().filter(|line| line.contains(&mark) && line.contains(start)).count()
    }
}
