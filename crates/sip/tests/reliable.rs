//! Provisional responses that are acknowledged (RFC 3262), both ways, on a network that loses what a test says.

mod world;

use sip::{Event, LegId};
use world::{CALM, Weather, World, alice, bob, call, sdp};

/// A call of Alice's that rings at Bob's; the legs of both.
fn arrived(world: &mut World) -> (LegId, LegId) {
    let ours = world.at(alice(), |alice, now| alice.invite(call(bob()), now)).expect("room");
    world.run(10);
    let theirs = world.invited(bob());
    world.at(bob(), |bob, now| bob.trying(theirs, now));
    world.run(10);
    (ours, theirs)
}

fn progress(events: &[Event]) -> Vec<(u16, bool)> {
    let of = |event: &Event| match event {
        Event::Progress { status, sdp, .. } => Some((*status, sdp.is_some())),
        _ => None,
    };
    events.iter().filter_map(of).collect()
}

#[test]
fn a_lost_description_is_repeated_and_the_answer_waits_until_it_is_heard() {
    let mut world = World::pair(1, CALM);
    let (_, theirs) = arrived(&mut world);
    world.catch = vec!["SIP/2.0 183", "SIP/2.0 183"];
    world.at(bob(), |bob, now| bob.provisional(theirs, 183, Some(sdp(1)), now));
    world.at(bob(), |bob, now| bob.answer(theirs, sdp(1), now));
    world.run(1_400);
    assert_eq!(
        world.sent_like(bob(), "SIP/2.0 200"),
        0,
        "the 200 waits for the PRACK: {}",
        world.log.join("\n")
    );
    world.run(500);
    assert_eq!(world.sent_like(bob(), "SIP/2.0 183"), 3, "at 0, 0.5 and 1.5 s");
    assert_eq!(world.sent_like(alice(), "PRACK"), 1);
    let seen = world.seen(alice());
    assert_eq!(progress(&seen), [(183, true)]);
    assert!(seen.iter().any(|event| matches!(event, Event::Answered { .. })), "{seen:?}");
    assert!(world.seen(bob()).iter().any(|event| matches!(event, Event::Acked { .. })));
}

#[test]
fn each_is_told_once_however_often_it_comes_and_the_next_waits_its_turn() {
    let doubling = Weather { doubled_percent: 100, ..CALM };
    let mut world = World::pair(2, doubling);
    let (ours, theirs) = arrived(&mut world);
    world.at(bob(), |bob, now| bob.provisional(theirs, 180, None, now));
    world.at(bob(), |bob, now| bob.provisional(theirs, 183, Some(sdp(1)), now));
    world.run(50);
    assert_eq!(progress(&world.seen(alice())), [(180, false), (183, true)]);
    assert_eq!(world.sent_like(alice(), "PRACK"), 2);
    world.at(bob(), |bob, now| bob.answer(theirs, sdp(1), now));
    world.run(50);
    world.at(alice(), |alice, now| alice.bye(ours, None, now));
    world.assert_empty();
}

#[test]
fn a_caller_that_never_acknowledges_is_refused() {
    let mut world = World::pair(3, CALM);
    let (_, theirs) = arrived(&mut world);
    world.catch = vec!["PRACK"; 40];
    world.at(bob(), |bob, now| bob.provisional(theirs, 183, Some(sdp(1)), now));
    world.run(33_000);
    let failed = |event: &Event| matches!(event, Event::Failed { failure, .. } if failure.status == 504);
    assert!(world.seen(alice()).iter().any(failed));
    let cancelled = Event::Cancelled { leg: theirs, q850: Some(102) };
    assert!(world.seen(bob()).contains(&cancelled));
    world.assert_empty();
}

#[test]
fn a_caller_that_leaves_while_the_answer_waits_has_hung_up() {
    let mut world = World::pair(4, CALM);
    let (ours, theirs) = arrived(&mut world);
    world.catch = vec!["PRACK"; 40];
    world.at(bob(), |bob, now| bob.provisional(theirs, 183, Some(sdp(1)), now));
    world.at(bob(), |bob, now| bob.answer(theirs, sdp(1), now));
    world.run(100);
    world.at(alice(), |alice, now| alice.cancel(ours, now));
    world.run(100);
    let seen = world.seen(bob());
    assert!(seen.iter().any(|event| matches!(event, Event::Bye { leg, .. } if *leg == theirs)), "{seen:?}");
    assert!(!seen.iter().any(|event| matches!(event, Event::Cancelled { .. })), "{seen:?}");
    world.catch.clear();
    world.assert_empty();
}

/// A message written by hand, from Alice's address.
fn by_hand(world: &mut World, method: &str, to_tag: &str, cseq: &str, headers: &str, body: &str) {
    let tag = if to_tag.is_empty() { String::new() } else { format!(";tag={to_tag}") };
    let (kind, length) = (if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" }, body.len());
    let branch = cseq.replace(' ', "");
    let text = format!(
        "{method} sip:4006010114@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK{branch}\r\n\
         From: <sip:13800138000@192.0.2.7>;tag=hand\r\nTo: <sip:4006010114@192.0.2.2>{tag}\r\nCall-ID: by-hand\r\n\
         CSeq: {cseq}\r\nContact: <sip:13800138000@192.0.2.7>\r\nMax-Forwards: 70\r\n{headers}{kind}\
         Content-Length: {length}\r\n\r\n{body}"
    );
    world.inject(world::address("192.0.2.7:5060"), bob(), text.as_bytes());
    world.run(10);
}

/// The last datagram that Bob sent, by its start line.
fn last(world: &World) -> String {
    let line = world.log.iter().rev().find(|line| line.contains(&format!(" {} > ", bob()))).cloned();
    line.unwrap_or_default()
}

fn offer() -> String {
    String::from_utf8(sdp(1)).expect("text")
}

#[test]
fn a_caller_that_cannot_gets_none_and_one_that_demands_them_is_welcome() {
    let mut world = World::pair(5, CALM);
    by_hand(&mut world, "INVITE", "", "1 INVITE", "", &offer());
    let plain = world.invited(bob());
    world.at(bob(), |bob, now| bob.provisional(plain, 183, Some(sdp(1)), now));
    world.run(3_000);
    assert_eq!(world.sent_like(bob(), "SIP/2.0 183"), 1, "nothing is repeated");
    world.at(bob(), |bob, now| bob.reject(plain, 486, None, None, now));
    let mut world = World::pair(6, CALM);
    by_hand(&mut world, "INVITE", "", "1 INVITE", "Require: 100rel\r\n", &offer());
    let demanding = world.invited(bob());
    world.at(bob(), |bob, now| bob.provisional(demanding, 180, None, now));
    world.run(600);
    assert_eq!(world.sent_like(bob(), "SIP/2.0 180"), 2, "and repeated after half a second");
}

#[test]
fn a_prack_of_nothing_is_refused_and_update_may_offer_once_the_description_is_known() {
    let mut world = World::pair(7, CALM);
    // What Bob sends to the hand-written caller is caught, so that its tag and RSeq can be read.
    world.catch = vec!["SIP/2.0 183"];
    by_hand(&mut world, "INVITE", "", "1 INVITE", "Supported: 100rel\r\n", &offer());
    let theirs = world.invited(bob());
    world.at(bob(), |bob, now| bob.provisional(theirs, 183, Some(sdp(1)), now));
    let text = String::from_utf8(world.caught[0].2.clone()).expect("text");
    let field = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap_or_else(|| panic!("{name} in {text}"))
            .to_owned()
    };
    let tag = field("To: ").split(";tag=").nth(1).expect("a tag").to_owned();
    let rseq: u32 = field("RSeq: ").parse().expect("a number");
    assert_eq!(field("Require: "), "100rel");
    by_hand(&mut world, "UPDATE", &tag, "2 UPDATE", "", &offer());
    assert!(last(&world).contains("SIP/2.0 500"), "too early: {}", last(&world));
    for wrong in [format!("{} 1 INVITE", rseq + 1), format!("{rseq} 9 INVITE"), "junk".to_owned()] {
        let cseq = format!("{} PRACK", 3 + world.log.len());
        by_hand(&mut world, "PRACK", &tag, &cseq, &format!("RAck: {wrong}\r\n"), "");
        assert!(last(&world).contains("SIP/2.0 481"), "{wrong}: {}", last(&world));
    }
    by_hand(&mut world, "PRACK", &tag, "100 PRACK", &format!("RAck: {rseq} 1 INVITE\r\n"), "");
    assert!(last(&world).contains("SIP/2.0 200"), "{}", last(&world));
    by_hand(&mut world, "UPDATE", &tag, "101 UPDATE", "", "");
    assert!(last(&world).contains("SIP/2.0 200"), "a refresh: {}", last(&world));
    by_hand(&mut world, "UPDATE", &tag, "102 UPDATE", "", &offer());
    let offered = |event: &Event| matches!(event, Event::Reinvited { leg, sdp: Some(_) } if *leg == theirs);
    assert!(world.seen(bob()).iter().any(offered));
    world.at(bob(), |bob, now| bob.accept_reinvite(theirs, sdp(2), now));
    assert!(last(&world).contains("SIP/2.0 200"), "{}", last(&world));
    world.at(bob(), |bob, now| bob.reject(theirs, 486, None, None, now));
    assert!(last(&world).contains("SIP/2.0 486"), "{}", last(&world));
}
