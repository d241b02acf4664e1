//! Trunks that register (row X04): at the start with a password, refreshed in time, taken back at the end of a drain; one
//! that is not registered is not dialled, and what its registrar sends is its call.

mod house;

use std::collections::VecDeque;
use std::net::SocketAddr;

use hotline::enterprise::{DestinationKind, Enterprise, Then};
use hotline::region::{CallerRules, LocalDigits};
use hotline::trunk::{Pass, Profile, Registration, Secret, Transport};
use hotline::{Beijing, Money, Mono, Now};
use node::{Account, Change, Input, Loaded, Node, Notice, Output, TrunkConfig};
use sip::digest::{Credentials, Ha1};
use sip::location::Limits;
use sip::registrar::{Registered, Registrar};
use sip::{Endpoint, Event, Hop, Invite, Listener, Party};

const NODE: ([u8; 4], u16) = ([203, 0, 113, 1], 5060);
const CALLER: &str = "10.0.1.1:5060";
const REGISTRAR: &str = "10.0.2.1:5070";
const SDP: &str =
    "v=0\r\no=- 1 1 IN IP4 10.0.1.1\r\ns=-\r\nc=IN IP4 10.0.1.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n";

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn enterprise() -> Enterprise {
    let front = house::bound("front", DestinationKind::Landline, "01062000001");
    house::enterprise("acme", 6_010_114, vec![front], Then::Dial("front".into()))
}

fn registration() -> Registration {
    Registration {
        user: "01068886888".into(),
        domain: "carrier.example".into(),
        registrar: REGISTRAR.into(),
        password: Secret("secret".into()),
        expires_s: 600,
        ..Registration::default()
    }
}

/// Calls come in by `north`, a plain peer, and leave by `south`, which registers.
fn trunks(registration: Registration) -> Vec<TrunkConfig> {
    let south = TrunkConfig {
        name: "south".into(),
        address: address("10.0.3.1:5060"),
        profile: Profile { registration: Some(registration), options_s: 0, ..Profile::default() },
        ..house::trunk()
    };
    let north = TrunkConfig {
        outgoing: false,
        profile: Profile { options_s: 0, ..Profile::default() },
        ..house::trunk()
    };
    vec![north, south]
}

/// The carrier that `south` leads to: registrar and softswitch.
struct Carrier {
    endpoint: Endpoint,
    registrar: Registrar,
    password: &'static str,
    /// Every REGISTER and INVITE, as its first line and what became of it.
    heard: Vec<String>,
    silent: bool,
}

impl Carrier {
    fn new() -> Carrier {
        let config = sip::Config { registrar: true, ..sip::Config::new(address(REGISTRAR), 9) };
        Carrier {
            endpoint: Endpoint::new(config),
            registrar: Registrar::new(
                "carrier.example",
                [5; 32],
                Limits { expires_s_max: 600, ..Limits::default() },
            ),
            password: "secret",
            heard: Vec::new(),
            silent: false,
        }
    }

    fn hear(&mut self, bytes: &[u8], from: Hop, now_ms: u64) {
        if self.silent {
            return;
        }
        self.endpoint.receive(bytes, from, now_ms);
        while let Some(event) = self.endpoint.poll_event() {
            match event {
                Event::Registering { register } => {
                    let ha1 = Ha1::of("01068886888", "carrier.example", self.password);
                    let became = self.registrar.hear(&mut self.endpoint, &register, Some(&ha1), now_ms);
                    self.heard.push(format!("{became:?}"));
                }
                Event::Invited { invite, .. } => {
                    self.heard.push(format!("INVITE {}", invite.request_uri_user))
                }
                _ => {}
            }
        }
    }

    fn bound(&self, now_ms: u64) -> Vec<String> {
        self.registrar.location.of("01068886888", now_ms).map(|binding| binding.contact.clone()).collect()
    }
}

struct World {
    node: Node,
    mono: u64,
    carrier: Carrier,
    /// Who calls by `north`, where it is more than a text.
    peer: Option<Endpoint>,
    notices: Vec<Notice>,
    /// What the node sent elsewhere: where to, and the first line.
    sent: Vec<(Hop, String)>,
}

impl World {
    fn new(trunks: Vec<TrunkConfig>) -> World {
        let mut config = house::config(NODE, house::trunk());
        config.trunks = trunks;
        let tcp = Listener { transport: sip::Transport::Tcp, advertised: NODE.into() };
        config.sip.listeners.push(tcp);
        let node = Node::new(config);
        let mut world = World {
            node,
            mono: 0,
            carrier: Carrier::new(),
            peer: None,
            notices: Vec::new(),
            sent: Vec::new(),
        };
        world.turn(house::ports_ready());
        world.turn(house::holds(&enterprise()));
        world
    }

    /// One turn, and all that it makes the carrier say.
    fn turn(&mut self, input: Input<'_>) {
        let mut flying = VecDeque::new();
        self.step(input, &mut flying);
        while let Some((from, bytes)) = flying.pop_front() {
            self.step(Input::Datagram { from: Hop::udp(address(from)), bytes: &bytes }, &mut flying);
        }
    }

    fn step(&mut self, input: Input<'_>, flying: &mut VecDeque<(&'static str, Vec<u8>)>) {
        self.mono += 10;
        let wall = Beijing::date(2026, 10, 12).wall();
        self.node.handle(input, Now { mono: Mono(self.mono), wall });
        self.node.facts_written();
        let mut answer = None;
        while let Some(output) = self.node.poll_output() {
            match output {
                Output::Transmit { to, bytes, .. } if to.remote == address(REGISTRAR) => {
                    self.carrier.hear(&bytes, Hop::udp(NODE.into()), self.mono);
                }
                Output::Transmit { to, bytes, .. } => {
                    let text = String::from_utf8(bytes.to_vec()).expect("text");
                    self.sent.push((to, text.lines().next().unwrap_or_default().to_owned()));
                    if let Some(peer) = self.peer.as_mut().filter(|_| to.remote == address(CALLER)) {
                        peer.receive(&bytes, SocketAddr::from(NODE), self.mono);
                    }
                }
                Output::Load { number, tenant, .. } => {
                    let account = Some(Account { balance: Money::from_fen(0), ..Account::default() });
                    answer = Some(Loaded { number, tenant, hotline: None, account });
                }
                Output::Notice(notice) => self.notices.push(notice),
                _ => {}
            }
        }
        while let Some(sent) = self.carrier.endpoint.poll_transmit() {
            flying.push_back((REGISTRAR, sent.bytes.to_vec()));
        }
        while let Some(sent) = self.peer.as_mut().and_then(Endpoint::poll_transmit) {
            flying.push_back((CALLER, sent.bytes.to_vec()));
        }
        if let Some(loaded) = answer {
            self.step(Input::Loaded(loaded), flying);
        }
    }

    fn later(&mut self, ms: u64) {
        self.mono += ms;
        self.turn(Input::Tick);
    }

    fn call(&mut self, from: &str, dialled: &str, call_id: &str) {
        self.call_as(&format!("sip:13510001000@{from}"), from, dialled, call_id);
    }

    fn call_as(&mut self, caller: &str, from: &str, dialled: &str, call_id: &str) {
        let invite = format!(
            "INVITE sip:{dialled}@203.0.113.1 SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{call_id}\r\n\
             From: <{caller}>;tag=a\r\nTo: <sip:4006010114@203.0.113.1>\r\nCall-ID: {call_id}\r\n\
             CSeq: 1 INVITE\r\nContact: <sip:{from}>\r\nMax-Forwards: 70\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}",
            SDP.len()
        );
        self.turn(Input::Datagram { from: Hop::udp(address(from)), bytes: invite.as_bytes() });
    }

    fn standing(&self) -> (bool, Option<u16>) {
        let standing = self.node.trunk_registration("south").expect("it registers");
        (standing.until.is_some(), standing.refused)
    }

    fn passed(&self) -> Vec<Pass> {
        let logs = self.node.calls().flat_map(|call| call.log());
        let passed = logs.filter_map(|dated| match &dated.fact {
            hotline::call::Fact::TrunksPassed { passed, .. } => Some(passed.iter().map(|(_, pass)| *pass)),
            _ => None,
        });
        passed.flatten().collect()
    }

    fn dialled(&self) -> Vec<String> {
        self.sent.iter().map(|(_, line)| line.clone()).filter(|line| line.starts_with("INVITE ")).collect()
    }
}

#[test]
fn x04_a_trunk_registers_at_the_start_and_is_refreshed_before_it_ends() {
    let mut world = World::new(trunks(registration()));
    assert_eq!(world.carrier.heard, ["Asked", "Changed"]);
    assert_eq!(world.carrier.bound(world.mono), ["sip:01068886888@203.0.113.1:5060"]);
    assert_eq!(world.standing(), (true, None));
    assert!(world.notices.contains(&Notice::Registered { trunk: "south".into(), expires_s: 600 }));
    for refreshed in 1..=5 {
        world.later(301_000);
        assert_eq!(
            world.carrier.heard.len(),
            2 + refreshed,
            "half of a short interval, the nonce is still good"
        );
        assert_eq!(world.carrier.bound(world.mono).len(), 1);
    }
}

#[test]
fn x04_who_is_not_registered_is_not_dialled_and_who_is_is() {
    let mut world = World::new(trunks(Registration { password: Secret("wrong".into()), ..registration() }));
    assert_eq!(world.standing(), (false, Some(401)));
    assert!(world.notices.contains(&Notice::NotRegistered { trunk: "south".into(), status: 401 }));
    world.call(CALLER, "4006010114", "one");
    assert_eq!((world.passed(), world.dialled()), (vec![Pass::Unregistered], vec![]));
    world.turn(Input::Change(Change::Trunks(trunks(registration()))));
    assert_eq!(world.standing(), (true, None), "the right password, at once");
    world.call(CALLER, "4006010114", "two");
    assert_eq!(world.dialled(), ["INVITE sip:01062000001@10.0.3.1:5060 SIP/2.0"]);
}

#[test]
fn x04_a_registration_that_ran_out_takes_the_trunk_out_until_it_is_back() {
    let mut world = World::new(trunks(registration()));
    world.carrier.silent = true;
    for _ in 0..700 {
        world.later(1_000);
    }
    assert_eq!(world.standing(), (false, Some(0)));
    let row = world.node.trunks().named("south").expect("there").clone();
    assert_eq!(row.pass(Mono(world.mono)), Some(Pass::Unregistered));
    world.carrier.silent = false;
    for _ in 0..600 {
        world.later(1_000);
    }
    assert_eq!(world.standing(), (true, None), "it was tried again by itself");
}

#[test]
fn x04_a_drain_takes_the_registration_back_when_the_last_call_is_over() {
    let mut world = World::new(trunks(registration()));
    world.call(CALLER, "4006010114", "one");
    world.turn(Input::Drain(true));
    assert_eq!(world.carrier.bound(world.mono).len(), 1, "a call is up: its carrier must still find us");
    world.turn(Input::EndAll);
    world.later(40_000);
    world.later(40_000);
    assert_eq!(world.node.calls_up(), 0);
    assert!(world.carrier.bound(world.mono).is_empty());
    assert_eq!(world.node.registrations_leaving(), 0);
    assert!(world.notices.contains(&Notice::Registered { trunk: "south".into(), expires_s: 0 }));
    world.later(4_000_000);
    assert!(world.carrier.bound(world.mono).is_empty(), "it is not made again");
    world.turn(Input::Drain(false));
    assert_eq!(world.carrier.bound(world.mono).len(), 1, "but it is where the drain is called off");
}

#[test]
fn n17_x04_a_trunk_that_is_removed_is_registered_no_more() {
    let mut world = World::new(trunks(registration()));
    world.turn(Input::Change(Change::Trunks(trunks(registration())[..1].to_vec())));
    assert!(world.carrier.bound(world.mono).is_empty());
    assert_eq!(world.node.registrations_leaving(), 0);
    world.turn(Input::Change(Change::Trunks(trunks(registration()))));
    assert_eq!(world.carrier.bound(world.mono).len(), 1);
    let registers = world.carrier.heard.len();
    let mut changed = trunks(registration());
    changed[1].profile.calls_max = Some(7);
    world.turn(Input::Change(Change::Trunks(changed)));
    assert_eq!(
        (world.carrier.heard.len(), world.standing().0),
        (registers, true),
        "another limit is no reason to"
    );
}

#[test]
fn x04_what_the_registrar_sends_is_the_trunks_call() {
    let mut two = trunks(registration());
    two[1].profile.number_from_to = true;
    let third = TrunkConfig { name: "west".into(), ..two[1].clone() };
    two.insert(1, third);
    two[1].profile.registration = Some(Registration { user: "01068887000".into(), ..registration() });
    let mut world = World::new(two);
    // The user of its Contact says which of two trunks of one carrier is meant; the 400 number stands in To.
    world.call("10.0.2.1:40000", "01068886888", "one");
    world.call("10.0.2.1:40000", "01068887000", "two");
    world.call("10.0.9.9:5060", "01068886888", "three");
    let began = world.notices.iter().filter_map(|notice| match notice {
        Notice::Began { trunk, .. } => Some(trunk.to_string()),
        _ => None,
    });
    assert_eq!(
        began.collect::<Vec<_>>(),
        ["south", "west"],
        "and the user alone, from elsewhere, is no proof"
    );
}

#[test]
fn r36_each_trunk_reads_its_callers_by_its_own_rules() {
    let mut two = trunks(registration());
    two[0].area_code = Some("010".into());
    let strip = vec!["9".into()];
    two[1].area_code = Some("0755".into());
    two[1].profile.callers =
        CallerRules { strip, local_digits: LocalDigits::Eight, ..CallerRules::default() };
    let mut world = World::new(two);
    let mut calls = 0;
    for (caller, by_north, by_south) in [
        ("sip:8888666@pbx", "0108888666", ""),
        ("sip:88886666@pbx", "01088886666", "075588886666"),
        ("sip:913800138000@pbx", "", "13800138000"),
        ("sip:1795113800138000@pbx", "13800138000", ""),
        ("tel:66668888;phone-context=+8620", "02066668888", "02066668888"),
        ("sip:+86-138-0013-8000@pbx", "13800138000", "13800138000"),
        ("sip:anonymous@anonymous.invalid", "", ""),
    ] {
        for (from, trunk, expected) in [(CALLER, "north", by_north), ("10.0.3.1:5060", "south", by_south)] {
            calls += 1;
            world.call_as(caller, from, "4006010114", &format!("call{calls}"));
            let began = world.notices.iter().rev().find_map(|notice| match notice {
                Notice::Began { caller, trunk, .. } => Some((caller.to_string(), trunk.to_string())),
                _ => None,
            });
            assert_eq!(began, Some((expected.to_owned(), trunk.to_owned())), "{caller} by {trunk}");
        }
    }
    let began = world.notices.iter().filter(|notice| matches!(notice, Notice::Began { .. })).count();
    assert_eq!(began, calls);
}

#[test]
fn k06_our_own_400_number_is_no_caller_behind_a_prefix_either() {
    let mut two = trunks(registration());
    two[1].profile.callers.strip = vec!["9".into()];
    let mut world = World::new(two);
    for (from, caller) in [(CALLER, "179514006010114"), ("10.0.3.1:5060", "94006010114")] {
        world.call_as(&format!("sip:{caller}@pbx"), from, "4006010114", caller);
        assert_eq!(world.sent.last().map(|(_, line)| line.as_str()), Some("SIP/2.0 403 Forbidden"));
        assert!(matches!(world.notices.last(), Some(Notice::Forged { .. })), "{:?}", world.notices.last());
    }
}

#[test]
fn x04_a_trunk_by_tcp_is_called_asked_and_registered_by_tcp() {
    let mut by_tcp = trunks(Registration { registrar: String::new(), ..registration() });
    by_tcp[1].profile.transport = Transport::Tcp;
    by_tcp[1].profile.options_s = 10;
    let mut world = World::new(by_tcp);
    world.later(10_000);
    let to = Hop {
        transport: sip::Transport::Tcp,
        listener: 1,
        remote: address("10.0.3.1:5060"),
        connection: None,
    };
    let lines: Vec<&str> =
        world.sent.iter().filter(|(hop, _)| *hop == to).map(|(_, line)| line.as_str()).collect();
    let expected =
        ["REGISTER sip:carrier.example SIP/2.0", "OPTIONS sip:10.0.3.1:5060;transport=tcp SIP/2.0"];
    assert_eq!(lines, expected);
    let became = Registered::Asked;
    assert!(!world.carrier.heard.contains(&format!("{became:?}")), "nothing went by datagrams");
}

#[test]
fn fault_n4_x04_a_trunk_that_is_asked_proves_its_password_beside_its_address() {
    let mut asked = trunks(registration());
    asked[0].profile.challenge = true;
    asked[0].profile.registration =
        Some(Registration { expires_s: 0, user: "north".into(), ..registration() });
    let mut world = World::new(asked);
    let began =
        |world: &World| world.notices.iter().filter(|notice| matches!(notice, Notice::Began { .. })).count();
    let unproven = |world: &World| {
        world.notices.iter().filter(|notice| matches!(notice, Notice::TrunkUnproven { .. })).count()
    };
    world.call(CALLER, "4006010114", "bare");
    assert_eq!((began(&world), unproven(&world)), (0, 0), "asked");
    assert_eq!(world.sent.last().map(|(_, line)| line.as_str()), Some("SIP/2.0 401 Unauthorized"));
    for (user, password, proven) in [("north", "wrong", 0), ("south", "secret", 0), ("north", "secret", 1)] {
        let mut peer = Endpoint::new(sip::Config::new(address(CALLER), 4));
        let from = Party { user: "13510001000".into(), host: "10.0.1.1".into(), display: None };
        let mut invite = Invite::new(SocketAddr::from(NODE), "sip:4006010114@203.0.113.1", from, SDP.into());
        invite.credentials = Some(Credentials::new(user, password));
        peer.invite(invite, world.mono).expect("writable");
        world.peer = Some(peer);
        world.turn(Input::Tick);
        assert_eq!(began(&world), proven, "{user} {password}");
    }
    assert_eq!(unproven(&world), 2);
}
