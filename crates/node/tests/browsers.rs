//! Phones that are pages of a browser: they register by WebSocket, are rung with an offer for WebRTC, and what they answer
//! is told to media (row Q22).

mod house;

use std::collections::VecDeque;
use std::net::SocketAddr;

use hotline::agent::State;
use hotline::enterprise::{
    Agent, DestinationKind, Enterprise, Extension, Queue, Secret, Then, phones, staff,
};
use hotline::queue::{AgentView, Order};
use hotline::{Beijing, Money, Mono, Now, TenantId};
use house::TRUNK;
use node::media::{self, Access, Agreed, Codec, Command, Port, Rtcp};
use node::phones::{Kept, Lend};
use node::{Account, AgentOrder, Change, Input, Loaded, Node, Output};
use sip::digest::Credentials;
use sip::sdp::{Sdp, Setup};
use sip::{Endpoint, Event, Hop, Invite, LegId, Party, Register, Transport};

const NODE: ([u8; 4], u16) = ([203, 0, 113, 1], 5060);
const CALLER: &str =
    "v=0\r\no=- 1 1 IN IP4 10.0.1.1\r\ns=-\r\nc=IN IP4 10.0.1.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8\r\n";

fn enterprise() -> Enterprise {
    let desk = house::bound("desk", DestinationKind::Extension, "8001");
    let secret = Secret::of("acme-8001", "correct horse");
    let extension = Extension::new("desk", "8001", secret);
    Enterprise {
        extensions: vec![extension],
        ..house::enterprise("acme", 6_010_114, vec![desk], Then::Dial("desk".into()))
    }
}

/// What a browser describes, as Chromium writes it where its own addresses are hidden.
fn page_says(setup: &str, direction: &str) -> Vec<u8> {
    let fingerprint = ["AB"; 32].join(":");
    format!(
        "v=0\r\no=- 7 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\na=msid-semantic: WMS\r\n\
         m=audio 9 UDP/TLS/RTP/SAVPF 0 8 101\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:Qw3r\r\n\
         a=ice-pwd:0123456789abcdef01234567\r\na=ice-options:trickle\r\na=fingerprint:sha-256 {fingerprint}\r\n\
         a=setup:{setup}\r\na=mid:0\r\na={direction}\r\na=rtcp-mux\r\na=rtpmap:0 PCMU/8000\r\n\
         a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    )
    .into_bytes()
}

/// A page, or a phone on the desk that speaks by datagrams.
struct Phone {
    endpoint: Endpoint,
    way: Hop,
    /// What its Contact says in place of an address.
    host: Option<&'static str>,
    leg: Option<LegId>,
    heard: Vec<String>,
}

impl Phone {
    fn new(place: u8, transport: Transport, host: Option<&'static str>) -> Phone {
        let inside = SocketAddr::from(([192, 168, 1, place], 5060));
        let contact_user = "acme-8001".into();
        let config = sip::Config { contact_user, ..sip::Config::new(inside, u64::from(place)) };
        let connection = (transport != Transport::Udp).then_some(u32::from(place));
        let remote = SocketAddr::from(([198, 51, 100, 7], 40_000 + u16::from(place)));
        let way = Hop { transport, listener: 0, remote, connection };
        Phone { endpoint: Endpoint::new(config), way, host, leg: None, heard: Vec::new() }
    }
}

struct World {
    node: Node,
    mono: u64,
    phones: Vec<Phone>,
    to_trunk: Vec<String>,
    media: Vec<Command>,
    /// Phones whose pages are given up.
    lost: Vec<String>,
}

impl World {
    fn new(phones: Vec<Phone>) -> World {
        World::with(phones, true)
    }

    fn with(phones: Vec<Phone>, registered: bool) -> World {
        World::of(&enterprise(), phones, registered)
    }

    fn of(enterprise: &Enterprise, phones: Vec<Phone>, registered: bool) -> World {
        let mut config = house::config(NODE, house::trunk());
        config.sip.registrar = true;
        let mut node = Node::new(config);
        node.phones().replace(None, self::phones(enterprise));
        let (to_trunk, media, lost) = (Vec::new(), Vec::new(), Vec::new());
        let mut world = World { node, mono: 0, phones, to_trunk, media, lost };
        world.turn(house::ports_ready());
        let web =
            Access { ufrag: *b"ourufrag", password: *b"our-own-password-is-this", fingerprint: [0xCD; 32] };
        let address = SocketAddr::from(([203, 0, 113, 1], 30_001));
        let secret = media::Secret([7; 102]);
        let port = Port { shard: 0, id: 99, address, secret, web: Some(web) };
        world.turn(Input::Media(media::Event::PortsReady(vec![port])));
        world.turn(house::holds(enterprise));
        (0..world.phones.len()).filter(|_| registered).for_each(|place| world.register(place));
        world
    }

    fn turn(&mut self, input: Input<'_>) {
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
        self.node.facts_written();
        let mut answer = None;
        while let Some(output) = self.node.poll_output() {
            match output {
                Output::Transmit { to, bytes, .. } => self.carry(to, &bytes),
                Output::Media(command) => self.media.push(command),
                Output::PageGone { extension, .. } => self.lost.push(extension),
                Output::Load { number, tenant, .. } => {
                    let account = Some(Account { balance: Money::from_fen(0), ..Account::default() });
                    answer = Some(Loaded { number, tenant, hotline: None, account });
                }
                _ => {}
            }
        }
        for phone in &mut self.phones {
            while let Some(sent) = phone.endpoint.poll_transmit() {
                let text = String::from_utf8(sent.bytes.to_vec()).expect("text");
                let text = match phone.host {
                    Some(host) => {
                        let inside = format!("192.168.1.{}:5060>", phone.way.remote.port() - 40_000);
                        text.replace(&inside, &format!("{host};transport=ws>"))
                    }
                    None => text,
                };
                flying.push_back((phone.way, text.into_bytes()));
            }
        }
        if let Some(loaded) = answer {
            self.step(Input::Loaded(loaded), flying);
        }
    }

    fn carry(&mut self, to: Hop, bytes: &[u8]) {
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        if to.remote == TRUNK.into() {
            return self.to_trunk.push(text);
        }
        let phone = self.phones.iter_mut().find(|phone| phone.way == to);
        let phone = phone.unwrap_or_else(|| panic!("nobody is at {to}: {text}"));
        phone.heard.push(text);
        phone.endpoint.receive(bytes, SocketAddr::from(NODE), self.mono);
        while let Some(event) = phone.endpoint.poll_event() {
            if let Event::Invited { leg, .. } = event {
                phone.leg = Some(leg);
                phone.endpoint.provisional(leg, 180, None, self.mono);
            }
        }
    }

    fn register(&mut self, place: usize) {
        let register = Register {
            to: Hop::udp(NODE.into()),
            registrar: "sip:sibai.example".into(),
            address_of_record: "sip:acme-8001@sibai.example".into(),
            contact_user: "acme-8001".into(),
            expires_s: 600,
            credentials: Some(Credentials::new("acme-8001", "correct horse")),
        };
        self.phones[place].endpoint.register(None, register, self.mono).expect("writable");
        self.turn(Input::Tick);
    }

    fn call(&mut self) {
        let invite = format!(
            "INVITE sip:4006010114@203.0.113.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.1.1:5060;branch=z9hG4bK1\r\n\
             From: <sip:13510001000@10.0.1.1>;tag=a\r\nTo: <sip:4006010114@203.0.113.1>\r\nCall-ID: one\r\n\
             CSeq: 1 INVITE\r\nContact: <sip:10.0.1.1:5060>\r\nMax-Forwards: 70\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{CALLER}",
            CALLER.len()
        );
        self.turn(Input::Datagram { from: Hop::udp(TRUNK.into()), bytes: invite.as_bytes() });
    }

    /// The description in the newest message to a phone that begins so.
    fn told(&self, place: usize, start: &str) -> Option<(Sdp, String)> {
        let of = |text: &&String| text.starts_with(start) && text.contains("\r\n\r\nv=0");
        let (_, body) = self.phones[place].heard.iter().rfind(of)?.split_once("\r\n\r\n")?;
        Some((Sdp::parse(body.as_bytes()).expect("a description"), body.to_owned()))
    }

    fn agreed(&self) -> Vec<Agreed> {
        let of = |command: &Command| match command {
            Command::Connect { agreed, .. } if agreed.dtls.is_some() => Some(agreed.clone()),
            _ => None,
        };
        self.media.iter().filter_map(of).collect()
    }

    fn trunk_heard(&self, start: &str) -> bool {
        self.to_trunk.iter().any(|text| text.starts_with(start))
    }
}

fn page() -> Phone {
    Phone::new(1, Transport::Wss, Some("dk3l5n.invalid"))
}

#[test]
fn q22_a_page_is_offered_webrtc_and_its_answer_is_told_to_media() {
    let mut world = World::new(vec![page()]);
    world.call();
    let (offer, text) = world.told(0, "INVITE ").expect("it rings");
    for line in [
        "m=audio 30001 UDP/TLS/RTP/SAVPF 0 8 101\r\n",
        "a=ice-lite\r\n",
        "a=group:BUNDLE 0\r\n",
        "a=rtcp-mux\r\n",
        "a=candidate:1 1 udp 2130706431 203.0.113.1 30001 typ host\r\n",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    let web = offer.web.expect("it is a browser's");
    assert_eq!((web.ufrag.as_str(), web.fingerprint, web.setup), ("ourufrag", [0xCD; 32], Setup::ActPass));
    let leg = world.phones[0].leg.expect("it rings");
    let now = world.mono;
    world.phones[0].endpoint.answer(leg, page_says("active", "sendrecv"), now);
    world.turn(Input::Tick);
    assert!(world.trunk_heard("SIP/2.0 200 OK"), "{:#?}", world.to_trunk);
    let agreed = world.agreed().pop().expect("media was told");
    assert_eq!((agreed.dtls, agreed.codec, agreed.rtcp), (Some([0xAB; 32]), Codec::Pcmu, Rtcp::Shared));
    assert_eq!((agreed.events, agreed.srtp), (Some((101, 8_000)), None));
    let held = |command: &&Command| matches!(command, Command::Hold { on: true, .. });
    assert!(world.media.iter().find(held).is_none(), "the address 0.0.0.0 of a page is no hold");
}

#[test]
fn q22_a_page_that_holds_is_answered_by_the_same_way_and_certificate() {
    let mut world = World::new(vec![page()]);
    world.call();
    let leg = world.phones[0].leg.expect("it rings");
    let now = world.mono;
    world.phones[0].endpoint.answer(leg, page_says("active", "sendrecv"), now);
    world.turn(Input::Tick);
    let now = world.mono;
    world.phones[0].endpoint.reinvite(leg, page_says("actpass", "sendonly"), now);
    world.turn(Input::Tick);
    let (answer, text) = world.told(0, "SIP/2.0 200").expect("an answer");
    assert!(text.contains("a=recvonly\r\n") && text.contains("m=audio 30001 UDP/TLS/RTP/SAVPF 0"), "{text}");
    let web = answer.web.expect("it is for a browser");
    assert_eq!((web.ufrag.as_str(), web.setup, web.mid.as_deref()), ("ourufrag", Setup::Passive, Some("0")));
    assert!(world.media.iter().any(|command| matches!(command, Command::Hold { on: true, deaf: true, .. })));
    assert_eq!(world.agreed().len(), 2, "{:#?}", world.media);
}

#[test]
fn q22_a_page_that_will_not_begin_the_handshake_or_has_no_certificate_cannot_be_talked_to() {
    let plain = String::from_utf8(page_says("active", "sendrecv")).expect("text");
    let bare: Vec<&str> = plain.lines().filter(|line| !line.starts_with("a=fingerprint")).collect();
    for answer in [page_says("passive", "sendrecv"), bare.join("\r\n").into_bytes(), CALLER.into()] {
        let mut world = World::new(vec![page()]);
        world.call();
        let leg = world.phones[0].leg.expect("it rings");
        let now = world.mono;
        world.phones[0].endpoint.answer(leg, answer, now);
        world.turn(Input::Tick);
        assert!(!world.trunk_heard("SIP/2.0 200 OK"));
        assert_eq!(world.agreed(), [], "nothing in the clear, nothing of nobody's");
    }
}

#[test]
fn q22_a_phone_that_is_in_a_page_and_on_a_desk_rings_in_the_page() {
    let desk = Phone::new(2, Transport::Udp, None);
    let mut world = World::new(vec![page(), desk]);
    world.call();
    assert!(world.told(0, "INVITE ").is_some() && world.told(1, "INVITE ").is_none());
}

#[test]
fn q22_a_phone_by_websocket_that_has_an_address_is_no_page() {
    let mut world = World::new(vec![Phone::new(3, Transport::Ws, None)]);
    world.call();
    let (offer, _) = world.told(0, "INVITE ").expect("it rings");
    assert!(offer.web.is_none() && !offer.profile.is_secure());
}

/// A page proves a name that is lent for its phone, never the phone's own password.
fn lend(world: &mut World, for_ms: u64) {
    let (name, secret) = ("acme-8001.k3j9", Secret::of("acme-8001.k3j9", "for a while"));
    let (md5, sha256) = secret.hashes();
    let hashes = (md5.to_owned(), sha256.to_owned());
    let lend = Lend { user: "acme-8001".into(), name: name.into(), hashes, for_ms };
    world.turn(Input::Change(Change::Lend(Box::new(lend))));
}

fn register_as(world: &mut World, name: &str, of: &str) -> usize {
    let register = Register {
        to: Hop::udp(NODE.into()),
        registrar: "sip:sibai.example".into(),
        address_of_record: format!("sip:{of}@sibai.example"),
        contact_user: of.into(),
        expires_s: 600,
        credentials: Some(Credentials::new(name, "for a while")),
    };
    world.phones[0].endpoint.register(None, register, world.mono).expect("writable");
    world.turn(Input::Tick);
    world.node.phones().registered()
}

#[test]
fn q22_a_page_registers_by_a_lent_name_for_a_while_and_for_its_own_phone_alone() {
    let mut world = World::with(vec![page()], false);
    assert_eq!(register_as(&mut world, "acme-8001.k3j9", "acme-8001"), 0, "not lent yet");
    lend(&mut world, 60_000);
    assert_eq!(register_as(&mut world, "acme-8001.k3j9", "acme-8002"), 0, "another phone");
    assert_eq!(register_as(&mut world, "acme-8001.other", "acme-8001"), 0, "another name");
    assert_eq!(register_as(&mut world, "acme-8001.k3j9", "acme-8001"), 1);
    world.call();
    assert!(world.told(0, "INVITE ").is_some());
    let mut world = World::with(vec![page()], false);
    lend(&mut world, 60_000);
    world.mono += 60_000;
    assert_eq!(register_as(&mut world, "acme-8001.k3j9", "acme-8001"), 0, "its time is over");
}

#[test]
fn q22_another_password_of_the_phone_ends_what_was_lent_for_it() {
    let mut world = World::with(vec![page()], false);
    lend(&mut world, 60_000);
    let mut edited = enterprise();
    edited.extensions[0].secret = Secret::of("acme-8001", "another horse");
    world.turn(Input::Change(Change::Phones { of: Some(edited.id.clone()), phones: self::phones(&edited) }));
    assert_eq!(register_as(&mut world, "acme-8001.k3j9", "acme-8001"), 0);
}

#[test]
fn q22_a_page_that_is_closed_is_registered_nowhere_at_once() {
    let mut world = World::new(vec![page()]);
    assert_eq!(world.node.phones().registered(), 1);
    let to = world.phones[0].way;
    world.turn(Input::Unreachable { to: Hop { connection: Some(77), ..to } });
    assert_eq!(world.node.phones().registered(), 1, "another connection");
    world.turn(Input::Unreachable { to });
    assert_eq!(world.node.phones().registered(), 0);
}

/// A talk of the page at 0, whose connection is gone then.
fn left_in_a_talk(phones: Vec<Phone>) -> World {
    let mut world = World::new(phones);
    world.call();
    answer_and_leave(&mut world);
    world
}

/// The page at 0 takes the call that rings and loses its connection.
fn answer_and_leave(world: &mut World) {
    let leg = world.phones[0].leg.expect("it rings");
    let now = world.mono;
    world.phones[0].endpoint.answer(leg, page_says("active", "sendrecv"), now);
    world.turn(Input::Tick);
    acknowledge(world);
    world.media.clear();
    leave(world);
}

/// The connection of the page at 0 is gone.
fn leave(world: &mut World) {
    let to = world.phones[0].way;
    world.turn(Input::Unreachable { to });
}

/// The caller's ACK.
fn acknowledge(world: &mut World) {
    let answer = world.to_trunk.iter().find(|text| text.starts_with("SIP/2.0 200")).expect("an answer");
    let to = answer.lines().find(|line| line.starts_with("To: ")).expect("a To").to_owned();
    let ack = format!(
        "ACK sip:sibai@203.0.113.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.1.1:5060;branch=z9hG4bK2\r\n\
         From: <sip:13510001000@10.0.1.1>;tag=a\r\n{to}\r\nCall-ID: one\r\nCSeq: 1 ACK\r\n\
         Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    );
    world.turn(Input::Datagram { from: Hop::udp(TRUNK.into()), bytes: ack.as_bytes() });
}

fn has_music(world: &World) -> bool {
    world.media.iter().any(|command| matches!(command, Command::Play { repeat: true, .. }))
}

fn music_ended(world: &World) -> bool {
    world.media.iter().any(|command| matches!(command, Command::StopPlay { .. }))
}

/// The page at 1 wants the place of the one at 0.
fn take_place(world: &mut World, from_tag: Option<&str>) {
    let dialog = world.phones[0].endpoint.dialog(world.phones[0].leg.expect("a leg")).expect("a dialog");
    let from_tag = from_tag.unwrap_or(&dialog.local_tag);
    let party = Party { user: "acme-8001".into(), host: "sibai".into(), display: None };
    let body = String::from_utf8(page_says("actpass", "sendrecv")).expect("text").replace("AB:", "EF:");
    let uri = "sip:back@sibai".to_owned();
    let mut invite = Invite::new(Hop::udp(NODE.into()), uri, party, body.into_bytes());
    let replaces = format!("{};to-tag={};from-tag={from_tag}", dialog.call_id, dialog.remote_tag);
    invite.headers.push(("Replaces".into(), replaces));
    invite.credentials = Some(Credentials::new("acme-8001", "correct horse"));
    let now = world.mono;
    world.phones[1].endpoint.invite(invite, now).expect("writable");
    world.turn(Input::Tick);
}

fn anew() -> Phone {
    Phone::new(2, Transport::Wss, Some("another.invalid"))
}

#[test]
fn q23_a_page_that_is_loaded_anew_in_a_talk_goes_on_with_it_in_the_same_call() {
    let mut world = left_in_a_talk(vec![page(), anew()]);
    assert!(has_music(&world) && !music_ended(&world), "the caller hears music meanwhile");
    world.mono += 2_000;
    take_place(&mut world, None);
    let (answer, text) = world.told(1, "SIP/2.0 200").expect("it is answered at once");
    let web = answer.web.expect("it is for a browser");
    assert_eq!((web.ufrag.as_str(), web.setup), ("ourufrag", Setup::Passive), "the same port: {text}");
    let agreed = world.agreed().pop().expect("media was told");
    assert_ne!(agreed.dtls, Some([0xAB; 32]), "the new page's certificate");
    assert!(music_ended(&world));
    world.mono += 20_000;
    world.turn(Input::Tick);
    assert_eq!(world.node.calls().count(), 1, "it is the same call, and goes on");
    assert!(!world.trunk_heard("BYE "));
}

#[test]
fn q24_a_page_that_does_not_come_back_ends_the_talk_after_15_s() {
    let mut world = left_in_a_talk(vec![page()]);
    world.mono += 14_900;
    world.turn(Input::Tick);
    assert!(!world.trunk_heard("BYE "));
    world.mono += 100;
    world.turn(Input::Tick);
    assert!(world.trunk_heard("BYE "), "{:#?}", world.to_trunk);
}

#[test]
fn q23_nobody_takes_a_place_but_by_the_dialog_and_as_the_same_phone() {
    let mut world = left_in_a_talk(vec![page(), anew()]);
    take_place(&mut world, Some("guessed"));
    assert!(world.told(1, "SIP/2.0 200").is_none());
    let refused = world.phones[1].heard.iter().any(|text| text.starts_with("SIP/2.0 481"));
    assert!(refused, "{:#?}", world.phones[1].heard);
    assert!(!music_ended(&world));
}

#[test]
fn q24_a_page_whose_connection_alone_was_lost_goes_on_by_the_next_one() {
    let mut world = left_in_a_talk(vec![page()]);
    let way = world.phones[0].way;
    world.phones[0].way =
        Hop { connection: Some(9), remote: SocketAddr::from(([198, 51, 100, 7], 40_001)), ..way };
    let leg = world.phones[0].leg.expect("a leg");
    let now = world.mono;
    world.phones[0].endpoint.reinvite(leg, page_says("actpass", "sendrecv"), now);
    world.turn(Input::Tick);
    assert!(music_ended(&world));
    world.mono += 20_000;
    world.turn(Input::Tick);
    assert!(!world.trunk_heard("BYE "), "it was heard again");
}

/// The agent 8001, whose phone is the page, and a queue in which callers wait whoever is on duty.
fn with_an_agent() -> Enterprise {
    let mut acme = enterprise();
    let (number, extension) = ("8001".to_owned(), "8001".to_owned());
    acme.agents.push(Agent {
        number,
        name: "Wang".into(),
        extension,
        skills: Default::default(),
        capacity: None,
        shifts: Vec::new(),
        mobile: None,
        confirm: None,
    });
    let mut queue = Queue::new("sales", &["8001"]);
    (queue.join_empty, queue.leave_empty) = (Vec::new(), Vec::new());
    acme.queues.push(queue);
    acme.numbers[0].otherwise = Then::Queue { queue: "sales".into(), full: None, empty: None, timeout: None };
    acme
}

/// A caller waits in the queue.
fn somebody_waits(phones: Vec<Phone>) -> World {
    let mut world = World::of(&with_an_agent(), phones, true);
    world.call();
    acknowledge(&mut world);
    world
}

fn log_in(world: &mut World) {
    let staff = std::sync::Arc::new(staff(&with_an_agent(), 1));
    let order =
        AgentOrder { tenant: TenantId::new("acme"), staff, number: "8001".into(), order: Order::LogIn };
    world.turn(Input::Change(Change::Agent(Box::new(order))));
}

fn agent(world: &World) -> AgentView {
    let now = Now { mono: Mono(world.mono), wall: Beijing::date(2026, 10, 12).wall() };
    let tenant = world.node.tenant(&TenantId::new("acme")).expect("in memory");
    tenant.floor().expect("a floor").agent_view("8001", now).expect("an agent")
}

fn passes(world: &mut World, ms: u64) {
    for _ in 0..ms.div_ceil(500) {
        world.mono += 490;
        world.turn(Input::Tick);
    }
}

#[test]
fn q10_an_agent_whose_page_is_gone_is_offered_nothing_and_is_off_in_less_than_30_s() {
    let mut world = somebody_waits(vec![page()]);
    leave(&mut world);
    log_in(&mut world);
    passes(&mut world, 20_000);
    assert_eq!((agent(&world).state, world.told(0, "INVITE ").is_some()), (State::Free, false));
    assert_eq!(world.node.calls().count(), 1, "the caller waits");
    passes(&mut world, 8_000);
    let lost = agent(&world);
    assert_eq!((lost.state, lost.reason.as_str(), lost.logged_in_ms), (State::Off, "connection_lost", 0));
    assert_eq!(world.lost, ["8001"]);
    passes(&mut world, 60_000);
    assert_eq!(world.lost, ["8001"], "once");
    log_in(&mut world);
    assert_ne!(agent(&world).state, State::Off);
    assert_eq!(agent(&world).reason, "", "it is no reason any more");
}

#[test]
fn q24_a_page_that_is_back_in_time_is_offered_the_caller_at_once() {
    let mut world = somebody_waits(vec![page()]);
    leave(&mut world);
    log_in(&mut world);
    passes(&mut world, 20_000);
    world.register(0);
    assert_eq!(agent(&world).state, State::Ringing);
    assert!(world.told(0, "INVITE ").is_some());
    passes(&mut world, 10_000);
    assert_eq!((agent(&world).state, world.lost.len()), (State::Ringing, 0));
}

#[test]
fn q24_a_phone_that_is_deleted_and_made_anew_is_offered_callers_again() {
    let mut world = somebody_waits(vec![page()]);
    leave(&mut world);
    let mut without = with_an_agent();
    without.extensions.clear();
    world.node.phones().replace(None, phones(&without));
    passes(&mut world, 30_000);
    world.node.phones().replace(None, phones(&with_an_agent()));
    world.register(0);
    log_in(&mut world);
    assert!(world.told(0, "INVITE ").is_some(), "nobody waits for the page of before");
}

#[test]
fn q24_an_agent_in_a_talk_is_not_given_up_before_the_talk_is() {
    let mut world = somebody_waits(vec![page()]);
    log_in(&mut world);
    answer_and_leave(&mut world);
    passes(&mut world, 14_000);
    assert_eq!((agent(&world).state, world.lost.len()), (State::Talking, 0));
    passes(&mut world, 2_000);
    assert!(world.trunk_heard("BYE "));
    assert_eq!(agent(&world).state, State::Free, "it may come back");
    passes(&mut world, 10_000);
    assert_eq!((agent(&world).state, agent(&world).reason.as_str()), (State::Off, "connection_lost"));
    let mut world = somebody_waits(vec![page(), anew()]);
    log_in(&mut world);
    answer_and_leave(&mut world);
    passes(&mut world, 2_000);
    world.register(1);
    take_place(&mut world, None);
    passes(&mut world, 60_000);
    assert_eq!((agent(&world).state, world.lost.len()), (State::Talking, 0), "it was attached again");
}

#[test]
fn q24_a_page_of_before_a_restart_comes_back_or_its_agent_is_off() {
    let kept = |world: &mut World| {
        let kept = world.node.phones().kept_at("acme-8001", Vec::new()).expect("a phone");
        assert!(!kept.is_empty());
        kept
    };
    let before = kept(&mut World::of(&with_an_agent(), vec![page()], true));
    let after = |kept: Kept| {
        let mut world = World::of(&with_an_agent(), vec![page()], false);
        let now = Now { mono: Mono(world.mono), wall: Beijing::date(2026, 10, 12).wall() };
        world.node.phones().recall(kept, now);
        world
    };
    let mut world = after(before.clone());
    passes(&mut world, 20_000);
    world.register(0);
    passes(&mut world, 20_000);
    assert_eq!(world.lost.len(), 0);
    let mut world = after(before);
    passes(&mut world, 28_000);
    assert_eq!(world.lost, ["8001"], "nobody called: it is to be kept all the same");
}

#[test]
fn q24_a_phone_on_a_desk_is_judged_by_its_registration_alone() {
    let mut world = somebody_waits(vec![Phone::new(2, Transport::Udp, None)]);
    log_in(&mut world);
    assert_eq!(agent(&world).state, State::Ringing);
    let mut world = World::of(&with_an_agent(), vec![Phone::new(2, Transport::Udp, None)], true);
    passes(&mut world, 700_000);
    assert_eq!((world.node.phones().registered(), world.lost.len()), (0, 0));
    let mut world = somebody_waits(vec![page(), Phone::new(2, Transport::Udp, None)]);
    leave(&mut world);
    passes(&mut world, 60_000);
    assert_eq!(world.lost.len(), 0, "the desk has it still");
}
