//! INVITEs that no trunk sends: everybody is asked for a phone's password in the same words, and who has it calls
//! nobody but for help (rows B10, K24, FAULTS N2).

mod dialling;
mod house;

use std::net::SocketAddr;

use dialling::{CARRIER, NODE, PASSWORD, PHONE, World, sdp};
use hotline::TenantId;
use node::{Input, Notice, TrunkConfig};
use sip::{Invite, Party};

/// A refusal without what differs from one to the next anyway: Call-ID, tags, branch, nonce.
fn shape(answer: &str) -> Vec<String> {
    let blank = |line: &str| {
        let name = line.split(':').next().unwrap_or_default();
        match name {
            "Via" | "From" | "To" | "Call-ID" => name.to_owned(),
            "WWW-Authenticate" => {
                let (head, tail) = line.split_once("nonce=\"").expect("a nonce");
                format!("{head}{}", tail.split_once('"').expect("its end").1)
            }
            _ => line.to_owned(),
        }
    };
    answer.lines().map(blank).collect()
}

#[test]
fn fault_n2_every_stranger_is_asked_in_the_same_words() {
    let mut shapes = Vec::new();
    for (user, password) in [("acme-8001", "wrong"), ("acme-8002", "wrong"), ("nobody", ""), ("", "")] {
        for number in ["13800138000", "4006010114", "4009999999", "110"] {
            let mut world = World::new(vec![house::trunk()]);
            world.dial_as(number, user, user, password);
            let heard = &world.fars[PHONE].heard;
            assert_eq!(heard.len(), world.fars[PHONE].heard("SIP/2.0 401 "), "{heard:#?}");
            assert_eq!(world.fars[PHONE].failure(), Some(401));
            shapes.extend(heard.iter().map(|answer| shape(answer)));
            let is_told =
                |notice: &Notice| matches!(notice, Notice::Stranger { .. } | Notice::WrongPassword { .. });
            assert!(world.notices.iter().all(is_told), "{:?}", world.notices);
            assert_eq!((world.node.calls_up(), world.node.sip_counts()), (0, sip::Counts::default()));
        }
    }
    // The first is asked CSeq 1, who comes back CSeq 2.
    let of = |cseq: &str| {
        let mut these: Vec<_> = shapes.iter().filter(|shape| shape.iter().any(|line| line == cseq)).collect();
        these.dedup();
        these.len()
    };
    assert_eq!((of("CSeq: 1 INVITE"), of("CSeq: 2 INVITE")), (1, 1), "{shapes:#?}");
}

#[test]
fn b10_a_phone_calls_nobody_out() {
    for (dialled, shown) in [("13800138000", "8001"), ("4006010114", "8001"), ("8002", "acme-8001")] {
        let mut world = World::new(vec![house::trunk()]);
        world.dial(dialled, shown, PASSWORD);
        assert_eq!(world.fars[PHONE].failure(), Some(403));
        let refusal = world.fars[PHONE].last("SIP/2.0 403 ");
        assert!(
            refusal.contains("Reason: Q.850;cause=21;text=\"outbound calls are not permitted\""),
            "{refusal}"
        );
        let told = world.notices.last().expect("it is told");
        let expected = Notice::OutboundRefused {
            tenant: TenantId::new("acme"),
            extension: "8001".into(),
            dialled: dialled.into(),
            shown: None,
        };
        assert_eq!(told, &expected);
        assert_eq!(world.fars[1].heard.len(), 0, "no trunk hears of it");
    }
}

#[test]
fn fault_n7_nothing_that_arrives_is_carried_on_to_another_number() {
    let premium = ["13800138000", "0085221234567", "16812345", "+12025550123"];
    for number in premium {
        for (user, password) in [("acme-8001", "wrong"), ("", "")] {
            let mut world = World::new(vec![house::trunk()]);
            world.dial_as(number, user, user, password);
            assert_eq!(world.fars[PHONE].failure(), Some(401), "{number} of a stranger");
            assert_eq!(world.fars[CARRIER].heard("INVITE "), 0, "{number}");
        }
    }
    // A carrier's own call to anything but a 400 number has nowhere to go.
    for number in premium {
        let mut world = World::new(vec![house::trunk(), second()]);
        let from = Party { user: "13510001000".into(), host: "10.0.1.1".into(), display: None };
        let uri = format!("sip:{number}@203.0.113.1");
        let invite = Invite::new(SocketAddr::from(NODE), uri, from, sdp(4_000).into());
        let now = world.mono;
        world.fars[CARRIER].leg = world.fars[CARRIER].endpoint.invite(invite, now).ok();
        world.turn(Input::Tick);
        assert_eq!(world.fars[CARRIER].failure(), Some(404), "{number} of a carrier");
        assert_eq!(world.fars.iter().map(|far| far.heard("INVITE ")).sum::<usize>(), 0, "{number}");
    }
}

fn second() -> TrunkConfig {
    let address = SocketAddr::from(([10, 0, 2, 1], 5060));
    TrunkConfig { name: "south".into(), address, ..house::trunk() }
}

#[test]
fn b10_a_phone_that_shows_a_400_number_alarms() {
    let mut world = World::new(vec![house::trunk()]);
    world.dial("13800138000", "4006010114", PASSWORD);
    assert_eq!(world.fars[PHONE].failure(), Some(403));
    let alarm = |notice: &Notice| matches!(notice, Notice::OutboundRefused { shown: Some(number), .. } if *number == house::number(6_010_114));
    assert!(world.notices.iter().any(alarm), "{:?}", world.notices);
    assert_eq!(world.fars[1].heard.len(), 0, "no trunk hears of it");
}

#[test]
fn fault_n4_a_proof_too_old_is_asked_for_again_and_then_good() {
    let mut world = World::new(vec![house::trunk()]);
    world.dial("13800138000", "8001", PASSWORD);
    let old = world.fars[PHONE].last("SIP/2.0 401 ").to_owned();
    let nonce = |answer: &str| {
        let (_, tail) = answer.split_once("nonce=\"").expect("a nonce");
        tail.split_once('"').expect("its end").0.to_owned()
    };
    // An hour later the same proof is worth nothing, and the phone is told that its password was right.
    let proven = |sent: &&Vec<u8>| sent.windows(15).any(|part| part == b"Authorization: ");
    let again = world.fars[PHONE].said.iter().find(proven).expect("it proved who it is").clone();
    world.mono += 3_600_001;
    world.turn(node::Input::Tick);
    let from = sip::Hop::udp(world.fars[PHONE].at);
    world.turn(node::Input::Datagram { from, bytes: &again });
    let asked = world.fars[PHONE].last("SIP/2.0 401 ");
    assert!(asked.contains("stale=true") && nonce(asked) != nonce(&old), "{asked}");
}
