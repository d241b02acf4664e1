//! A node with several listeners: which of them a trunk and a bound number are called by, and what is told there.

mod dialling;
mod house;

use std::net::SocketAddr;

use dialling::{CARRIER, NODE, PHONE, World, sdp};
use hotline::call::{Dated, Fact};
use hotline::cdr::LegOutcome;
use hotline::enterprise::{DestinationKind, Then};
use hotline::settlement::read_log;
use hotline::trunk::{Profile, Registration, Secret};
use node::guard::Role;
use node::{Config, Input, Listener, TrunkConfig};
use sip::{Invite, Party, Transport};

/// Our end of a carrier's private line.
const LINE: &str = "10.8.0.1:5060";
/// The trunk that calls leave by.
const FAR: usize = CARRIER + 1;

fn trunk(name: &str, place: u8, profile: Profile) -> TrunkConfig {
    TrunkConfig {
        name: name.into(),
        address: SocketAddr::from(([10, 0, 2, place], 5060)),
        incoming: place == 0,
        outgoing: place == 1,
        profile,
        ..house::trunk()
    }
}

fn line() -> SocketAddr {
    LINE.parse().expect("an address")
}

/// By the line: a trunk that calls leave by, and one that registers.
fn trunks() -> Vec<TrunkConfig> {
    let plain = Profile { options_s: 0, ..Profile::default() };
    let by_line = Profile { listen: Some(line()), options_s: 10, ..Profile::default() };
    let registration = Registration {
        user: "01068886888".into(),
        password: Secret("secret".into()),
        expires_s: 600,
        ..Registration::default()
    };
    let known = Profile { registration: Some(registration), options_s: 0, ..by_line.clone() };
    vec![trunk("callers", 0, plain), trunk("line", 1, by_line), trunk("known", 2, known)]
}

/// A node with two listeners for datagrams.
fn world(trunks: Vec<TrunkConfig>, first: Role, second: Role) -> World {
    let mut config = house::config(NODE, house::trunk());
    config.sip.listeners.push(sip::Listener { transport: Transport::Udp, advertised: line() });
    let listener = |role, bound, media| Listener { role, bound: Some(bound), media };
    let listeners = vec![listener(first, NODE.into(), None), listener(second, line(), Some(line().ip()))];
    World::of(Config { trunks, listeners, ..config })
}

/// The first carrier calls the number of `acme`.
fn calls(world: &mut World, kind: DestinationKind, number: &str) {
    let front = house::bound("front", kind, number);
    let acme = house::enterprise("acme", 6_010_114, vec![front], Then::Dial("front".into()));
    world.turn(house::holds(&acme));
    let from = Party { user: "13510001000".into(), host: "10.0.1.1".into(), display: None };
    let invite = Invite::new(SocketAddr::from(NODE), "sip:4006010114@203.0.113.1", from, sdp(4_000).into());
    let now = world.mono;
    world.fars[CARRIER].leg = world.fars[CARRIER].endpoint.invite(invite, now).ok();
    world.turn(Input::Tick);
}

#[test]
fn x04_a_trunk_is_called_asked_and_registered_by_the_listener_it_names() {
    let mut world = world(trunks(), Role::Trunks, Role::Trunks);
    world.wait(11_000);
    calls(&mut world, DestinationKind::Landline, "01062345601");
    for (far, start, contact) in [
        (FAR, "INVITE ", Some("Contact: <sip:sibai@10.8.0.1:5060>")),
        (FAR, "OPTIONS ", None),
        (FAR + 1, "REGISTER ", Some("Contact: <sip:01068886888@10.8.0.1:5060>")),
    ] {
        let far = &world.fars[far];
        let text = far.last(start);
        assert!(text.contains("Via: SIP/2.0/UDP 10.8.0.1:5060;"), "{text}");
        assert!(contact.is_none_or(|contact| text.contains(contact)), "{text}");
        assert!(!text.contains("203.0.113.1:5060"), "{text}");
        assert_eq!(far.listener, 1, "{start}");
    }
    let invite = world.fars[FAR].last("INVITE ");
    assert!(invite.contains("@10.8.0.1>;tag="), "the host of From: {invite}");
    assert!(invite.contains("c=IN IP4 10.8.0.1\r\n") && !invite.contains("203.0.113.1"), "{invite}");
    world.does(FAR, |endpoint, leg, now| endpoint.answer(leg, sdp(6_000).into(), now));
    assert_eq!((world.fars[FAR].heard("ACK "), world.fars[FAR].listener), (1, 1));
    let caller = &world.fars[CARRIER];
    let answer = caller.last("SIP/2.0 200");
    assert!(answer.contains("203.0.113.1:5060"), "its own listener is the other one");
    assert!(answer.contains("c=IN IP4 203.0.113.1\r\n") && !answer.contains("10.8.0.1"), "{answer}");
    assert_eq!(caller.listener, 0);
    for (far, ours) in [(FAR, "10.8.0.1"), (CARRIER, "203.0.113.1")] {
        world.does(far, |endpoint, leg, now| endpoint.reinvite(leg, sdp(6_002).into(), now));
        let answer = world.fars[far].last("SIP/2.0 200");
        assert!(answer.contains(&format!("c=IN IP4 {ours}\r\n")), "{answer}");
    }
}

#[test]
fn x04_a_caller_is_told_the_media_address_of_the_listener_its_call_came_by() {
    let mut world = world(trunks(), Role::Trunks, Role::Trunks);
    world.fars[CARRIER].listener = 1;
    calls(&mut world, DestinationKind::Landline, "01062345601");
    world.does(FAR, |endpoint, leg, now| endpoint.answer(leg, sdp(6_000).into(), now));
    let answer = world.fars[CARRIER].last("SIP/2.0 200");
    assert!(
        answer.contains("c=IN IP4 10.8.0.1\r\n") && answer.contains(" IN IP4 10.8.0.1\r\ns="),
        "{answer}"
    );
}

#[test]
fn fault_n2_x04_a_bound_sip_uri_is_called_where_its_answer_is_heard() {
    let callers = || trunks()[..1].to_vec();
    let desk = "sip:desk@198.51.100.7:40001";
    let mut carriers_first = world(callers(), Role::Trunks, Role::Phones);
    calls(&mut carriers_first, DestinationKind::SipUri, desk);
    let phone = &carriers_first.fars[PHONE];
    assert!(phone.last("INVITE ").contains("Via: SIP/2.0/UDP 10.8.0.1:5060;"), "{:?}", phone.heard);
    assert_eq!(phone.listener, 1);
    carriers_first.does(PHONE, |endpoint, leg, now| endpoint.answer(leg, sdp(6_000).into(), now));
    assert_eq!(carriers_first.fars[PHONE].heard("ACK "), 1, "the guard let its answer in");
    assert_eq!(carriers_first.fars[CARRIER].heard("SIP/2.0 200"), 1);
    let mut for_all = world(callers(), Role::Trunks, Role::Any);
    calls(&mut for_all, DestinationKind::SipUri, desk);
    assert_eq!((for_all.fars[PHONE].heard("INVITE "), for_all.fars[PHONE].listener), (1, 1));
    let mut carriers_alone = world(callers(), Role::Trunks, Role::Trunks);
    calls(&mut carriers_alone, DestinationKind::SipUri, desk);
    assert_eq!(carriers_alone.fars[PHONE].heard, [""; 0], "nobody would hear its answer");
    carriers_alone.wait(40_000);
    let facts = read_log(&carriers_alone.settled[0].log).expect("its log");
    let why = |dated: &Dated| {
        matches!(
            dated.fact,
            Fact::LegFailed { outcome: LegOutcome::TrunkFailed, status: 503, q850: Some(3), .. }
        )
    };
    assert!(facts.iter().any(why), "{facts:?}");
}
