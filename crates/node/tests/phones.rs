//! Phones as destinations: they register with a password, behind NAT too, ring in all the places they registered from,
//! and one of them has the call (X04).

mod house;

use std::collections::VecDeque;
use std::net::SocketAddr;

use hotline::enterprise::{DestinationKind, Enterprise, Extension, Refer, Secret, Then, phones};
use hotline::trunk::Srtp;
use hotline::{Beijing, Money, Mono, Now, TenantId};
use house::TRUNK;
use node::media::{Command, Keyring, Suite};
use node::phones::Kept;
use node::{Account, Change, Input, Listener, Loaded, Node, Output};
use sip::digest::Credentials;
use sip::{Endpoint, Event, Hop, LegId, Register, Transport};

const NODE: ([u8; 4], u16) = ([203, 0, 113, 1], 5060);
const SDP: &str =
    "v=0\r\no=- 1 1 IN IP4 10.0.1.1\r\ns=-\r\nc=IN IP4 10.0.1.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n";

fn enterprise() -> Enterprise {
    enterprise_with(Srtp::Off)
}

fn enterprise_with(srtp: Srtp) -> Enterprise {
    let desk = house::bound("desk", DestinationKind::Extension, "8001");
    let secret = Secret::of("acme-8001", "correct horse");
    Enterprise {
        extensions: vec![Extension { srtp, ..Extension::new("desk", "8001", secret) }],
        ..house::enterprise("acme", 6_010_114, vec![desk], Then::Dial("desk".into()))
    }
}

/// A phone that believes in its private address, and how the world sees it.
struct Phone {
    endpoint: Endpoint,
    outside: SocketAddr,
    /// The listener of the node that it speaks to.
    listener: u16,
    leg: Option<LegId>,
    registered_s: Option<u32>,
    over: bool,
}

impl Phone {
    fn new(place: u8) -> Phone {
        let inside = SocketAddr::from(([192, 168, 1, place], 5060));
        Phone {
            endpoint: Endpoint::new(sip::Config {
                contact_user: "acme-8001".into(),
                ..sip::Config::new(inside, u64::from(place))
            }),
            outside: SocketAddr::from(([198, 51, 100, 7], 40_000 + u16::from(place))),
            listener: 0,
            leg: None,
            registered_s: None,
            over: false,
        }
    }

    fn take_events(&mut self) {
        while let Some(event) = self.endpoint.poll_event() {
            match event {
                Event::Registered { expires_s, .. } => self.registered_s = Some(expires_s),
                Event::Invited { leg, .. } => {
                    self.leg = Some(leg);
                    self.endpoint.provisional(leg, 180, None, 0);
                }
                Event::Cancelled { .. } | Event::Bye { .. } => self.over = true,
                _ => {}
            }
        }
    }
}

struct World {
    node: Node,
    mono: u64,
    phones: Vec<Phone>,
    /// What the node wants kept of phones.
    kept: Vec<Kept>,
    /// What the node sent to the trunk.
    to_trunk: Vec<String>,
    to_phones: Vec<String>,
    hung_up: Vec<Hop>,
    media: Vec<Command>,
}

impl World {
    fn new(places: u8) -> World {
        World::with(places, &enterprise())
    }

    fn with(places: u8, enterprise: &Enterprise) -> World {
        World::of(places, enterprise, house::config(NODE, house::trunk()))
    }

    fn of(places: u8, enterprise: &Enterprise, mut config: node::Config) -> World {
        config.sip.registrar = true;
        let mut node = Node::new(config);
        node.phones().replace(None, phones(enterprise));
        let phones = (1..=places).map(Phone::new).collect();
        let mut world = World {
            node,
            mono: 0,
            phones,
            kept: Vec::new(),
            to_trunk: Vec::new(),
            to_phones: Vec::new(),
            hung_up: Vec::new(),
            media: Vec::new(),
        };
        world.turn(house::ports_ready());
        world.turn(house::holds(enterprise));
        world
    }

    /// One turn, and all that it makes the phones say.
    fn turn(&mut self, input: Input<'_>) {
        let mut flying = VecDeque::new();
        self.step(input, &mut flying);
        while let Some((from, bytes)) = flying.pop_front() {
            self.step(Input::Datagram { from, bytes: &bytes }, &mut flying);
        }
    }

    /// A message of nobody's, without any time passing.
    fn hear_at_once(&mut self, from: Hop) {
        let wall = Beijing::date(2026, 10, 12).wall();
        self.node.handle(Input::Datagram { from, bytes: b"hello" }, Now { mono: Mono(self.mono), wall });
        self.node.facts_written();
        while let Some(output) = self.node.poll_output() {
            if let Output::HangUp(from) = output {
                self.hung_up.push(from);
            }
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
                Output::Phone(kept) => self.kept.push(*kept),
                Output::HangUp(from) => self.hung_up.push(from),
                Output::Media(command) => self.media.push(command),
                Output::Load { number, tenant, .. } => {
                    let account = Some(Account { balance: Money::from_fen(0), ..Account::default() });
                    answer = Some(Loaded { number, tenant, hotline: None, account });
                }
                _ => {}
            }
        }
        self.collect(flying);
        if let Some(loaded) = answer {
            self.step(Input::Loaded(loaded), flying);
        }
    }

    fn carry(&mut self, to: Hop, bytes: &[u8]) {
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        if to.remote == TRUNK.into() {
            return self.to_trunk.push(text);
        }
        let phone = self.phones.iter_mut().find(|phone| phone.outside == to.remote);
        let phone = phone.unwrap_or_else(|| panic!("nobody is at {to}: {text}"));
        self.to_phones.push(text);
        phone.endpoint.receive(bytes, SocketAddr::from(NODE), self.mono);
        phone.take_events();
    }

    fn collect(&mut self, flying: &mut VecDeque<(Hop, Vec<u8>)>) {
        for phone in &mut self.phones {
            while let Some(sent) = phone.endpoint.poll_transmit() {
                let from = Hop { listener: phone.listener, ..Hop::udp(phone.outside) };
                flying.push_back((from, sent.bytes.to_vec()));
            }
        }
    }

    fn register(&mut self, place: usize, password: &str) {
        let register = Register {
            to: Hop::udp(NODE.into()),
            registrar: "sip:sibai.example".into(),
            address_of_record: "sip:acme-8001@sibai.example".into(),
            contact_user: "acme-8001".into(),
            expires_s: 600,
            credentials: Some(Credentials::new("acme-8001", password)),
        };
        self.phones[place].endpoint.register(None, register, self.mono).expect("writable");
        self.turn(Input::Tick);
    }

    fn call(&mut self) {
        let invite = format!(
            "INVITE sip:4006010114@203.0.113.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.1.1:5060;branch=z9hG4bK1\r\n\
             From: <sip:13510001000@10.0.1.1>;tag=a\r\nTo: <sip:4006010114@203.0.113.1>\r\nCall-ID: one\r\n\
             CSeq: 1 INVITE\r\nContact: <sip:10.0.1.1:5060>\r\nMax-Forwards: 70\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}",
            SDP.len()
        );
        self.turn(Input::Datagram { from: Hop::udp(TRUNK.into()), bytes: invite.as_bytes() });
    }

    /// The keys that media was told, one after another; `None` for packets in the clear.
    fn keys(&self) -> Vec<Option<Keyring>> {
        let keys = |command: &Command| match command {
            Command::Connect { agreed, .. } => Some(agreed.srtp.as_deref().cloned()),
            _ => None,
        };
        self.media.iter().filter_map(keys).collect()
    }

    fn trunk_heard(&self, start: &str) -> bool {
        self.to_trunk.iter().any(|text| text.starts_with(start))
    }

    fn phones_heard(&self, start: &str) -> usize {
        self.to_phones.iter().filter(|text| text.starts_with(start)).count()
    }
}

#[test]
fn x04_a_phone_behind_nat_rings_in_all_its_places_and_one_has_the_call() {
    let mut world = World::new(2);
    world.register(0, "correct horse");
    world.register(1, "correct horse");
    assert_eq!(world.phones.iter().map(|phone| phone.registered_s).collect::<Vec<_>>(), [Some(600); 2]);
    assert_eq!(world.node.phones().registered(), 2);
    world.call();
    assert_eq!(
        world.phones_heard("INVITE sip:acme-8001@192.168.1."),
        2,
        "by their flows, to their own address"
    );
    let leg = world.phones[1].leg.expect("it rings");
    let now = world.mono;
    world.phones[1].endpoint.answer(leg, SDP.into(), now);
    world.turn(Input::Tick);
    assert!(world.trunk_heard("SIP/2.0 200 OK"), "{:#?}", world.to_trunk);
    assert!(world.phones[0].over && !world.phones[1].over, "the other place stops ringing");
    assert_eq!((world.phones_heard("CANCEL "), world.phones_heard("ACK sip:acme-8001@192.168.1.2")), (1, 1));
    let now = world.mono;
    world.phones[1].endpoint.bye(leg, None, now);
    world.turn(Input::Tick);
    assert_eq!(world.phones_heard("SIP/2.0 200 OK"), 3, "two registrations, and the BYE of its own dialog");
}

/// A node that is reached by two listeners, the second of them in an office's own network.
fn at_two_listeners() -> World {
    let mut config = house::config(NODE, house::trunk());
    let office = SocketAddr::from(([192, 168, 1, 200], 5060));
    config.sip.listeners.push(sip::Listener { transport: Transport::Udp, advertised: office });
    config.listeners =
        vec![Listener::default(), Listener { media: Some(office.ip()), ..Listener::default() }];
    let mut world = World::of(2, &enterprise(), config);
    world.phones[1].listener = 1;
    world.register(0, "correct horse");
    world.register(1, "correct horse");
    world
}

#[test]
fn x04_each_of_a_phones_places_is_told_the_address_of_the_listener_it_speaks_to() {
    for (answers, told) in [(0, "203.0.113.1"), (1, "192.168.1.200")] {
        let mut world = at_two_listeners();
        world.call();
        let invites = world.to_phones.iter().filter(|text| text.starts_with("INVITE ")).cloned();
        let invites: Vec<String> = invites.collect();
        assert_eq!(invites.len(), 2);
        for (invite, ours) in invites.iter().zip(["203.0.113.1", "192.168.1.200"]) {
            assert!(invite.contains(&format!("Via: SIP/2.0/UDP {ours}:5060;")), "{invite}");
            assert!(invite.contains(&format!("c=IN IP4 {ours}\r\n")), "{invite}");
            assert!(invite.contains(&format!("@{ours}>;tag=")), "{invite}");
        }
        let leg = world.phones[answers].leg.expect("it rings");
        let now = world.mono;
        world.phones[answers].endpoint.answer(leg, SDP.into(), now);
        world.turn(Input::Tick);
        let now = world.mono;
        let held = SDP.replace("a=rtpmap", "a=sendonly\r\na=rtpmap");
        world.phones[answers].endpoint.reinvite(leg, held.into(), now);
        world.turn(Input::Tick);
        let last = world.to_phones.iter().rfind(|text| text.starts_with("SIP/2.0 200")).expect("an answer");
        assert!(last.contains(&format!("c=IN IP4 {told}\r\n")), "the session goes on there: {last}");
        assert!(last.contains("CSeq: 1 INVITE") && last.contains("o=- "), "{last}");
    }
}

#[test]
fn x04_a_place_that_says_no_leaves_the_others_ringing() {
    let mut world = World::new(2);
    world.register(0, "correct horse");
    world.register(1, "correct horse");
    world.call();
    let now = world.mono;
    let (first, second) = (world.phones[0].leg.expect("it rings"), world.phones[1].leg.expect("it rings"));
    world.phones[0].endpoint.reject(first, 486, None, None, now);
    world.turn(Input::Tick);
    assert!(!world.phones[1].over);
    let now = world.mono;
    world.phones[1].endpoint.answer(second, SDP.into(), now);
    world.turn(Input::Tick);
    assert!(world.trunk_heard("SIP/2.0 200 OK"), "{:#?}", world.to_trunk);
}

#[test]
fn x04_a_phone_behind_nat_is_asked_each_25_s_until_its_registration_ends() {
    let mut world = World::new(1);
    world.register(0, "correct horse");
    for asked in 1..=12 {
        world.mono += 25_000;
        world.turn(Input::Tick);
        assert_eq!(world.phones_heard("OPTIONS "), asked);
    }
    world.mono += 300_000;
    world.turn(Input::Tick);
    assert_eq!(world.phones_heard("OPTIONS "), 12);
    assert_eq!(world.node.phones().registered(), 0);
}

#[test]
fn x04_no_phone_is_asked_where_that_is_off_and_bindings_still_end() {
    let mut world = World::new(1);
    world.node.phones().keep_alive(0);
    world.register(0, "correct horse");
    for _ in 0..11 {
        world.mono += 60_000;
        world.turn(Input::Tick);
    }
    assert_eq!((world.phones_heard("OPTIONS "), world.node.phones().registered()), (0, 0));
}

#[test]
fn x04_a_phone_is_rung_after_a_restart_without_registering_again() {
    let mut before = World::new(1);
    before.register(0, "correct horse");
    let kept = before.kept.last().expect("it is to be kept").clone();
    assert_eq!((kept.user.as_str(), kept.ways.len()), ("acme-8001", 1));
    let wall = Beijing::date(2026, 10, 12).wall();
    let reached = |kept: &Kept, seconds: i64| {
        let mut world = World::new(1);
        let now = Now { mono: Mono(world.mono), wall: hotline::Wall(wall.0 + seconds * 1_000) };
        world.node.phones().recall(kept.clone(), now);
        (world.node.phones().registered(), world)
    };
    let (registered, mut after) = reached(&kept, 590);
    assert_eq!(registered, 1);
    after.call();
    assert_eq!(after.phones_heard("INVITE sip:acme-8001@192.168.1.1"), 1);
    assert_eq!(reached(&kept, 601).0, 0, "its registration has ended meanwhile");
    assert_eq!(
        reached(&Kept { password: kept.password ^ 1, ..kept.clone() }, 0).0,
        0,
        "another password by now"
    );
    assert_eq!(reached(&Kept { user: "acme-8002".into(), ..kept.clone() }, 0).0, 0, "nobody's by now");
}

#[test]
fn r02_x04_a_phone_that_is_nowhere_does_not_answer() {
    let mut world = World::new(1);
    world.call();
    world.turn(Input::Tick);
    assert_eq!(world.phones_heard("INVITE "), 0);
    let failed = |dated: &hotline::call::Dated| {
        let text = format!("{:?}", dated.fact);
        text.contains("NoAnswer") && text.contains("480")
    };
    let logs: Vec<_> = world.node.calls().map(|call| call.log().to_vec()).collect();
    assert!(logs.iter().flatten().any(failed), "the record will say so: {logs:#?}");
}

#[test]
fn fault_n2_n4_who_has_not_the_password_is_not_reached_and_a_new_password_ends_the_old_one() {
    let mut world = World::new(1);
    world.register(0, "wrong horse");
    assert_eq!((world.phones[0].registered_s, world.node.phones().registered()), (None, 0));
    world.register(0, "correct horse");
    assert_eq!(world.node.phones().registered(), 1);
    let of = Some(TenantId::new("acme"));
    world.turn(Input::Change(Change::Phones { of: of.clone(), phones: phones(&enterprise()) }));
    assert_eq!(world.node.phones().registered(), 1, "nothing of it changed");
    let mut edited = enterprise();
    edited.extensions[0].secret = Secret::of("acme-8001", "another horse");
    world.turn(Input::Change(Change::Phones { of, phones: phones(&edited) }));
    assert_eq!(world.node.phones().registered(), 0);
}

#[test]
fn fault_n2_who_is_banned_is_hung_up_on_and_nobody_else() {
    let stream = |address: [u8; 4], connection| Hop {
        transport: Transport::Tcp,
        listener: 0,
        remote: (address, 40_000).into(),
        connection: Some(connection),
    };
    let mut world = World::new(1);
    world.register(0, "correct horse");
    let (loud, quiet) = ([198, 51, 100, 9], stream([198, 51, 100, 8], 2));
    let said = (1..1_000).find(|_| {
        world.hear_at_once(stream(loud, 1));
        !world.hung_up.is_empty()
    });
    assert!(said.is_some_and(|said| said > 200), "it had its allowance, and was banned: {said:?}");
    assert_eq!((world.hung_up.len(), world.node.guard().bans()), (1, 1));
    // By another stream at once; an address that is not banned keeps its own.
    for from in [stream(loud, 3), quiet, Hop { connection: None, ..stream(loud, 0) }] {
        world.hear_at_once(from);
    }
    assert_eq!(world.hung_up, [stream(loud, 1), stream(loud, 3)]);
    // An office with a loud phone keeps its stream: a forged source could cut it off otherwise.
    let office = Hop { remote: (world.phones[0].outside.ip(), 40_000).into(), ..stream(loud, 4) };
    for _ in 0..20_000 {
        world.hear_at_once(office);
    }
    assert!(world.node.guard().unheard() > 1_000, "beyond its allowance");
    assert_eq!(world.hung_up.len(), 2);
}

/// What a phone answers or offers, with its key in the clear or none.
fn described(version: u64, key: Option<u8>) -> Vec<u8> {
    let profile = if key.is_some() { "SAVP" } else { "AVP" };
    let key = key.map_or(String::new(), |letter| {
        let inline = char::from(letter).to_string().repeat(40);
        format!("a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:{inline}\r\n")
    });
    let head = "s=-\r\nc=IN IP4 192.168.1.1\r\nt=0 0";
    format!("v=0\r\no=- 1 {version} IN IP4 192.168.1.1\r\n{head}\r\nm=audio 4000 RTP/{profile} 8\r\n{key}")
        .into()
}

#[test]
fn x04_a_phone_is_rung_with_keys_as_its_setting_has_it() {
    for (srtp, offered, answer, keyed) in [
        (Srtp::Off, (false, false), None, Some(false)),
        (Srtp::Offered, (true, false), None, Some(false)),
        (Srtp::Required, (true, true), Some(b'A'), Some(true)),
        (Srtp::Required, (true, true), None, None),
    ] {
        let mut world = World::with(1, &enterprise_with(srtp));
        world.register(0, "correct horse");
        world.call();
        let invite = world.to_phones.iter().find(|text| text.starts_with("INVITE ")).expect("it rings");
        assert_eq!((invite.contains("a=crypto:3 AES_CM"), invite.contains("RTP/SAVP")), offered, "{invite}");
        let (leg, now) = (world.phones[0].leg.expect("it rings"), world.mono);
        world.phones[0].endpoint.answer(leg, described(1, answer), now);
        world.turn(Input::Tick);
        match keyed {
            Some(keyed) => {
                assert!(world.trunk_heard("SIP/2.0 200 OK"), "{srtp:?}: {:#?}", world.to_trunk);
                assert_eq!(world.keys().iter().any(Option::is_some), keyed, "{srtp:?}");
            }
            None => {
                assert!(!world.trunk_heard("SIP/2.0 200 OK"), "in the clear though keys are required");
                assert_eq!(world.phones_heard("BYE "), 1);
            }
        }
    }
}

#[test]
fn x04_a_phone_changes_its_key_in_mid_call_and_ours_stays() {
    let mut world = World::with(1, &enterprise_with(Srtp::Required));
    world.register(0, "correct horse");
    world.call();
    let (leg, now) = (world.phones[0].leg.expect("it rings"), world.mono);
    world.phones[0].endpoint.answer(leg, described(1, Some(b'A')), now);
    world.turn(Input::Tick);
    let before = world.keys().into_iter().flatten().next_back().expect("keys");
    assert_eq!(before.suite, Suite::Cm80);
    let now = world.mono;
    world.phones[0].endpoint.reinvite(leg, described(2, Some(b'B')), now);
    world.turn(Input::Tick);
    let answer = world
        .to_phones
        .iter()
        .rfind(|text| text.contains("CSeq: 1 INVITE") && text.starts_with("SIP/2.0 200"));
    let answer = answer.expect("it is taken");
    assert!(answer.contains("RTP/SAVP") && answer.contains("a=crypto:3 AES_CM_128_HMAC_SHA1_80"), "{answer}");
    let after = world.keys().into_iter().flatten().next_back().expect("keys");
    assert!(after.theirs != before.theirs && after.ours == before.ours);
    // Without keys the session stays as it was.
    let (count, now) = (world.keys().len(), world.mono);
    world.phones[0].endpoint.reinvite(leg, described(3, None), now);
    world.turn(Input::Tick);
    assert_eq!((world.phones_heard("SIP/2.0 488"), world.keys().len()), (1, count));
    assert_eq!(world.phones_heard("BYE "), 0);
}

/// A caller in a talk with the phone, whose enterprise has a shop behind the trunk too.
fn talking(refer: Refer) -> World {
    let mut enterprise = enterprise();
    enterprise.extensions[0].refer = refer;
    let shop = house::bound("shop", DestinationKind::Landline, "01062345609");
    enterprise.numbers[0].destinations.push(shop);
    let mut world = World::with(1, &enterprise);
    let east = TenantId::new("acme-east");
    let secret = Secret::of("acme-east-101", "correct horse");
    let neighbour = Enterprise {
        extensions: vec![Extension::new("desk", "101", secret)],
        ..Enterprise::new(east.clone(), "Acme East", enterprise.plan.clone())
    };
    world.node.phones().replace(Some(&east), phones(&neighbour));
    world.register(0, "correct horse");
    world.call();
    let leg = world.phones[0].leg.expect("it rings");
    let now = world.mono;
    world.phones[0].endpoint.answer(leg, SDP.into(), now);
    world.turn(Input::Tick);
    world
}

impl World {
    /// The phone sends its caller to a URI; what the node answered to that, and what it told the phone afterwards.
    fn refer(&mut self, to: &str) -> (String, Vec<String>) {
        let phone = &self.phones[0];
        let leg = phone.leg.expect("a call");
        let dialog = phone.endpoint.dialog(leg).expect("its dialog");
        let text = format!(
            "REFER {} SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.1.1:5060;rport;branch=z9hG4bKrefer\r\n\
             From: {};tag={}\r\nTo: {};tag={}\r\nCall-ID: {}\r\nCSeq: 7 REFER\r\nMax-Forwards: 70\r\n\
             Contact: <sip:acme-8001@192.168.1.1>\r\nRefer-To: <{to}>\r\nContent-Length: 0\r\n\r\n",
            dialog.remote_target,
            dialog.local,
            dialog.local_tag,
            dialog.remote,
            dialog.remote_tag,
            dialog.call_id,
        );
        let (from, before) = (Hop::udp(phone.outside), self.to_phones.len());
        self.turn(Input::Datagram { from, bytes: text.as_bytes() });
        let told = self.to_phones.split_off(before);
        let (answers, others): (Vec<_>, Vec<_>) =
            told.into_iter().partition(|text| text.contains("CSeq: 7 REFER"));
        (answers.concat().lines().next().unwrap_or_default().to_owned(), others)
    }

    fn shop_rings(&self) -> bool {
        self.to_trunk.iter().any(|text| text.starts_with("INVITE sip:01062345609@"))
    }
}

#[test]
fn fault_n7_refer_is_declined_where_nobody_allowed_it() {
    let mut world = talking(Refer::Refused);
    assert_eq!(world.refer("sip:01062345609@sibai.example").0, "SIP/2.0 603 Decline");
    assert!(!world.shop_rings() && !world.phones[0].over, "the talk goes on");
}

#[test]
fn x04_a_phone_that_may_sends_its_caller_to_a_bound_number() {
    for written in ["01062345609", "010-62345609", "+861062345609"] {
        let mut world = talking(Refer::Allowed);
        let (answer, told) = world.refer(&format!("sip:{written}@sibai.example"));
        assert_eq!(answer, "SIP/2.0 202 Accepted");
        assert!(world.shop_rings(), "{written}: {:#?}", world.to_trunk);
        let notified = told.iter().filter(|text| text.starts_with("NOTIFY ")).collect::<Vec<_>>();
        assert!(
            notified[0].contains("Subscription-State: active")
                && notified[0].ends_with("SIP/2.0 100 Trying\r\n")
        );
        assert!(notified[1].contains("Subscription-State: terminated"), "{}", notified[1]);
        assert!(notified[1].ends_with("SIP/2.0 200 OK\r\n"), "{}", notified[1]);
        assert!(told.last().is_some_and(|text| text.starts_with("BYE ")), "it is free: {told:#?}");
    }
}

#[test]
fn fault_n7_a_phone_that_may_refer_leads_nowhere_outside_its_enterprise() {
    for (to, answer) in [
        ("sip:13800138000@sibai.example", "SIP/2.0 404 Not Found"),
        ("sip:01062345608@sibai.example", "SIP/2.0 404 Not Found"),
        ("sip:008829999@sibai.example", "SIP/2.0 404 Not Found"),
        ("sip:110@sibai.example", "SIP/2.0 404 Not Found"),
        ("sip:8009@sibai.example", "SIP/2.0 404 Not Found"),
        // With the enterprise's own name before it, this would be phone 101 of another: `acme-east`.
        ("sip:east-101@sibai.example", "SIP/2.0 404 Not Found"),
        ("sip:8001@sibai.example", "SIP/2.0 486 Busy Here"),
        ("sip:01062345609@sibai.example?Replaces=one%3Bto-tag%3Da%3Bfrom-tag%3Db", "SIP/2.0 603 Decline"),
    ] {
        let mut world = talking(Refer::Allowed);
        let invites = world.to_trunk.len();
        assert_eq!(world.refer(to).0, answer, "{to}");
        let rung = world.to_trunk[invites..].iter().any(|text| text.starts_with("INVITE "));
        assert!(!rung && !world.phones[0].over, "{to}: the talk goes on");
    }
}

#[test]
fn fault_n7_the_carrier_refers_nobody() {
    let mut world = talking(Refer::Allowed);
    let answer = world.to_trunk.iter().rfind(|text| text.starts_with("SIP/2.0 200")).expect("an answer");
    let to = answer.lines().find(|line| line.starts_with("To:")).expect("with our tag").to_owned();
    let contact = answer.lines().find_map(|line| line.strip_prefix("Contact: <")).expect("with our address");
    let target = contact.split('>').next().expect("a URI").to_owned();
    for (cseq, method) in [(1, "ACK"), (2, "REFER")] {
        let text = format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.1.1:5060;branch=z9hG4bK{method}\r\n\
             From: <sip:13510001000@10.0.1.1>;tag=a\r\n{to}\r\nCall-ID: one\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:10.0.1.1:5060>\r\nRefer-To: <sip:01062345609@203.0.113.1>\r\nMax-Forwards: 70\r\n\
             Content-Length: 0\r\n\r\n"
        );
        world.turn(Input::Datagram { from: Hop::udp(TRUNK.into()), bytes: text.as_bytes() });
    }
    assert!(world.trunk_heard("SIP/2.0 603 Decline"), "{:#?}", world.to_trunk);
    assert!(!world.shop_rings());
}
