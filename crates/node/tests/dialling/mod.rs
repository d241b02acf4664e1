//! A node, phones of an enterprise that dial, and carriers that take their calls: each a SIP endpoint of its own.
#![allow(dead_code)] // each test binary uses its part

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use hotline::enterprise::{DestinationKind, Extension, Secret, Then, phones};
use hotline::settlement::Settlement;
use hotline::{Beijing, Money, Mono, Now};
use node::media::Command;
use node::{Account, Input, Loaded, Node, Notice, Output, TrialReport, TrunkConfig, recovery};
use sip::digest::Credentials;
use sip::{Endpoint, Event, Hop, Invite, LegId, Party};

use crate::house;

/// Where the node is.
pub const NODE: ([u8; 4], u16) = ([203, 0, 113, 1], 5060);
/// The password of `acme-8001`.
pub const PASSWORD: &str = "correct horse";

/// What a far end describes, listening at `port`.
pub fn sdp(port: u16) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 10.0.1.1\r\ns=-\r\nc=IN IP4 10.0.1.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 8 101\r\n\
         a=rtpmap:101 telephone-event/8000\r\n"
    )
}

/// Somebody beside the node.
pub struct Far {
    pub endpoint: Endpoint,
    pub at: SocketAddr,
    /// The listener of the node that spoke to it last, and that it speaks to.
    pub listener: u16,
    /// The leg that the node opened, or it opened to the node.
    pub leg: Option<LegId>,
    /// All events, in their order.
    pub events: Vec<Event>,
    /// All that the node sent it.
    pub heard: Vec<String>,
    /// All that it sent the node.
    pub said: Vec<Vec<u8>>,
    /// Whether it is as if nobody were there.
    pub silent: bool,
    /// Words that are cut out of what it says: what it cannot do.
    pub cannot: Vec<&'static str>,
}

impl Far {
    fn new(at: SocketAddr, seed: u64) -> Far {
        let endpoint = Endpoint::new(sip::Config { session_expires_s: None, ..sip::Config::new(at, seed) });
        Far {
            endpoint,
            at,
            listener: 0,
            leg: None,
            events: Vec::new(),
            heard: Vec::new(),
            said: Vec::new(),
            silent: false,
            cannot: Vec::new(),
        }
    }

    /// How many messages began so.
    pub fn heard(&self, start: &str) -> usize {
        self.heard.iter().filter(|text| text.starts_with(start)).count()
    }

    /// The last message that began so.
    pub fn last(&self, start: &str) -> &str {
        let last = self.heard.iter().rev().find(|text| text.starts_with(start));
        last.unwrap_or_else(|| panic!("no `{start}` in {:#?}", self.heard))
    }

    /// The final status of its own call, if that failed.
    pub fn failure(&self) -> Option<u16> {
        self.events.iter().find_map(|event| match event {
            Event::Failed { failure, .. } => Some(failure.status),
            _ => None,
        })
    }

    /// Whether something happened.
    pub fn saw(&self, is_it: impl Fn(&Event) -> bool) -> bool {
        self.events.iter().any(is_it)
    }

    fn take_events(&mut self, now: u64) {
        while let Some(event) = self.endpoint.poll_event() {
            match &event {
                Event::Invited { leg, .. } => self.leg = Some(*leg),
                Event::Reinvited { leg, .. } => self.endpoint.accept_reinvite(*leg, sdp(6_000).into(), now),
                _ => {}
            }
            self.events.push(event);
        }
    }
}

/// The node and all far ends: phones first, then carriers.
pub struct World {
    pub node: Node,
    pub mono: u64,
    pub fars: Vec<Far>,
    pub media: Vec<Command>,
    pub notices: Vec<Notice>,
    /// What test calls saw.
    pub tried: Vec<TrialReport>,
    /// Calls handed to the store.
    pub settled: Vec<Arc<Settlement>>,
    /// The journal's first segment.
    pub journal: Vec<u8>,
}

/// Bytes of a segment, as the house has it.
pub const SEGMENT: usize = 1 << 20;
/// The place of the phone.
pub const PHONE: usize = 0;
/// The place of the first carrier.
pub const CARRIER: usize = 1;

impl World {
    /// A phone, and a carrier for each of the trunks.
    pub fn new(trunks: Vec<TrunkConfig>) -> World {
        World::of(node::Config { trunks, ..house::config(NODE, house::trunk()) })
    }

    /// The same, with more than trunks.
    pub fn of(config: node::Config) -> World {
        let trunks = &config.trunks;
        let mut fars = vec![Far::new(SocketAddr::from(([198, 51, 100, 7], 40_001)), 100)];
        fars.extend(trunks.iter().zip(101..).map(|(trunk, seed)| Far::new(trunk.address, seed)));
        let mut node = Node::new(config);
        let secret = Secret::of("acme-8001", PASSWORD);
        let desk = Extension::new("desk", "8001", secret);
        let acme = house::enterprise("acme", 6_010_114, Vec::new(), hotline::enterprise::Then::Busy);
        let acme = hotline::enterprise::Enterprise { extensions: vec![desk], ..acme };
        node.phones().replace(None, phones(&acme));
        let mut world = World {
            node,
            mono: 0,
            fars,
            media: Vec::new(),
            notices: Vec::new(),
            tried: Vec::new(),
            settled: Vec::new(),
            journal: vec![0; SEGMENT],
        };
        world.turn(house::ports_ready());
        world
    }

    /// The phone dials; `shown` is the user of its From.
    pub fn dial(&mut self, number: &str, shown: &str, password: &str) {
        self.dial_as(number, shown, "acme-8001", password);
    }

    /// As [`World::dial`], with another name to log in by.
    pub fn dial_as(&mut self, number: &str, shown: &str, user: &str, password: &str) {
        let from = Party { user: shown.into(), host: "sibai.example".into(), display: None };
        let mut invite = Invite::new(
            SocketAddr::from(NODE),
            format!("sip:{number}@sibai.example"),
            from,
            sdp(4_000).into(),
        );
        invite.credentials = Some(Credentials::new(user, password));
        let now = self.mono;
        self.fars[PHONE].leg = self.fars[PHONE].endpoint.invite(invite, now).ok();
        self.turn(Input::Tick);
    }

    /// The number of `acme` rings a landline, and the first carrier calls it.
    pub fn call_the_number(&mut self) {
        self.call_the_number_as("13510001000", |_| {});
    }

    /// As [`World::call_the_number`], with the user of its From and whatever else its INVITE says.
    pub fn call_the_number_as(&mut self, caller: &str, change: impl FnOnce(&mut Invite)) {
        let front = house::bound("front", DestinationKind::Landline, "01062345601");
        let acme = house::enterprise("acme", 6_010_114, vec![front], Then::Dial("front".into()));
        self.turn(house::holds(&acme));
        let from = Party { user: caller.into(), host: "10.0.1.1".into(), display: None };
        let mut invite =
            Invite::new(SocketAddr::from(NODE), "sip:4006010114@203.0.113.1", from, sdp(4_000).into());
        change(&mut invite);
        let now = self.mono;
        self.fars[CARRIER].leg = self.fars[CARRIER].endpoint.invite(invite, now).ok();
        self.turn(Input::Tick);
    }

    /// A far end does something with its leg.
    pub fn does(&mut self, far: usize, deed: impl FnOnce(&mut Endpoint, LegId, u64)) {
        let leg = self.fars[far].leg.expect("it has a call");
        let now = self.mono;
        deed(&mut self.fars[far].endpoint, leg, now);
        self.turn(Input::Tick);
    }

    /// Time passes, in steps that let every timer be served.
    pub fn wait(&mut self, ms: u64) {
        let until = self.mono + ms;
        while self.mono < until {
            self.mono += 90;
            for far in &mut self.fars {
                far.endpoint.handle_timeout(self.mono);
                far.take_events(self.mono);
            }
            self.turn(Input::Tick);
        }
    }

    /// One turn, and all that it makes the others say.
    pub fn turn(&mut self, input: Input<'_>) {
        let mut flying = VecDeque::new();
        self.step(input, &mut flying);
        while let Some((from, bytes)) = flying.pop_front() {
            self.step(Input::Datagram { from, bytes: &bytes }, &mut flying);
        }
    }

    fn step(&mut self, input: Input<'_>, flying: &mut VecDeque<(Hop, Vec<u8>)>) {
        self.mono += 10;
        let wall = Beijing::date(2026, 10, 12).wall();
        self.node.handle(input, Now { mono: Mono(self.mono), wall });
        for chunk in self.node.facts() {
            let at = chunk.position as usize;
            self.journal[at..at + chunk.bytes.len()].copy_from_slice(&chunk.bytes);
        }
        self.node.facts_written();
        let mut answer = None;
        while let Some(output) = self.node.poll_output() {
            match output {
                Output::Transmit { to, bytes, .. } => self.carry(to, &bytes),
                Output::Media(command) => self.media.push(command),
                Output::Notice(notice) => self.notices.push(notice),
                Output::Tried { report, .. } => self.tried.push(*report),
                Output::Settle(settlement) => self.settled.push(settlement),
                Output::Load { number, tenant, .. } => {
                    let account = Some(Account { balance: Money::from_fen(0), ..Account::default() });
                    answer = Some(Loaded { number, tenant, hotline: None, account });
                }
                Output::Phone(_)
                | Output::PageGone { .. }
                | Output::Fetch { .. }
                | Output::Agent(_)
                | Output::HangUp(_)
                | Output::Heard { .. }
                | Output::Sources(_)
                | Output::Keep { .. } => {}
            }
        }
        for far in &mut self.fars {
            while let Some(sent) = far.endpoint.poll_transmit() {
                let mut text = String::from_utf8(sent.bytes.to_vec()).expect("text");
                far.cannot.iter().for_each(|word| text = text.replace(word, ""));
                far.said.push(text.clone().into_bytes());
                flying.push_back((Hop { listener: far.listener, ..Hop::udp(far.at) }, text.into_bytes()));
            }
        }
        if let Some(loaded) = answer {
            self.step(Input::Loaded(loaded), flying);
        }
    }

    fn carry(&mut self, to: Hop, bytes: &[u8]) {
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        let far = self.fars.iter_mut().find(|far| far.at == to.remote);
        let far = far.unwrap_or_else(|| panic!("nobody is at {to}: {text}"));
        far.heard.push(text);
        far.listener = to.listener;
        if !far.silent {
            far.endpoint.receive(bytes, SocketAddr::from(NODE), self.mono);
            far.take_events(self.mono);
        }
    }
}

/// To whom a node that begins anew with a dead one's journal says BYE.
pub fn byes_after_a_crash(journal: &[u8], trunk: TrunkConfig) -> Vec<SocketAddr> {
    let found = recovery::find([journal], SEGMENT as u64, 0);
    let mut node = Node::new(house::config(NODE, trunk));
    let now = Now { mono: Mono(1_000_000), wall: Beijing::date(2026, 10, 12).wall() };
    node.recover(found, now);
    node.handle(Input::Tick, now);
    node.facts_written();
    let bye = |output| match output {
        Output::Transmit { to, bytes, .. } if bytes.starts_with(b"BYE ") => Some(to.remote),
        _ => None,
    };
    std::iter::from_fn(|| node.poll_output()).filter_map(bye).collect()
}
