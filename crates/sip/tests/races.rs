//! Calls by the book and the races between two ends of one call.

mod world;

use sip::{Event, FailureKind, Invite, LegId, Reason};
use world::{CALM, World, alice, bob, call, sdp};

fn calm() -> World {
    World::pair(1, CALM)
}

fn dial(world: &mut World, invite: Invite) -> LegId {
    world.at(alice(), |alice, now| alice.invite(invite, now)).expect("room")
}

fn has(events: &[Event], wanted: impl Fn(&Event) -> bool) -> bool {
    events.iter().filter(|event| wanted(event)).count() == 1
}

#[test]
fn a_call_is_made_and_ended() {
    let mut world = calm();
    let (ours, theirs) = world.talking();
    world.at(alice(), |alice, now| {
        alice.bye(ours, Some(Reason { q850: 16, text: Some("bye now".into()) }), now)
    });
    world.run(10);
    let reason = Some("bye now".to_owned());
    assert_eq!(world.seen(bob()), [Event::Bye { leg: theirs, q850: Some(16), reason }]);
    assert_eq!(world.seen(alice()), [Event::ByeDone { leg: ours }]);
    world.assert_empty();
    assert_eq!(world.seen(alice()), [Event::Ended { leg: ours }]);
    assert_eq!(world.seen(bob()), [Event::Ended { leg: theirs }]);
}

#[test]
fn a_refusal_carries_cause_and_retry_after() {
    let mut world = calm();
    let ours = dial(&mut world, call(bob()));
    world.run(10);
    let theirs = world.invited(bob());
    let reason = Some(Reason { q850: 34, text: None });
    world.at(bob(), |bob, now| bob.reject(theirs, 503, reason, Some(5), now));
    world.run(10);
    let seen = world.seen(alice());
    let Some(Event::Failed { leg, failure }) = seen.first() else { panic!("{seen:?}") };
    assert_eq!((*leg, failure.status, failure.kind), (ours, 503, FailureKind::Answered));
    assert_eq!((failure.q850, failure.retry_after_s), (Some(34), Some(5)));
    world.assert_empty();
}

#[test]
fn ringing_with_early_media_is_reported() {
    let mut world = calm();
    let ours = dial(&mut world, call(bob()));
    world.run(10);
    let theirs = world.invited(bob());
    world.at(bob(), |bob, now| bob.trying(theirs, now));
    world.at(bob(), |bob, now| bob.provisional(theirs, 183, Some(sdp(1)), now));
    world.run(10);
    assert_eq!(
        world.seen(alice()),
        [Event::Progress { leg: ours, status: 183, sdp: Some(sdp(1)), q850: None }]
    );
    // The 183 is repeated each minute, so that proxies keep the call.
    world.run(61_000);
    assert_eq!(world.sent_like(bob(), "SIP/2.0 183"), 2);
    world.at(alice(), |alice, now| alice.cancel(ours, now));
    world.assert_empty();
}

#[test]
fn fault_f8_no_response_is_reported_in_time_and_a_late_answer_is_hung_up() {
    let mut world = calm();
    world.catch = vec!["INVITE", "INVITE", "INVITE", "INVITE"];
    let ours = dial(&mut world, Invite { first_response_ms: Some(1_800), ..call(bob()) });
    world.run(1_799);
    assert_eq!((world.seen(alice()), world.sent_like(alice(), "INVITE")), (vec![], 3));
    world.run(1);
    let seen = world.seen(alice());
    assert!(has(
        &seen,
        |e| matches!(e, Event::Failed { failure, .. } if failure.kind == FailureKind::NoResponse)
    ));
    world.release(0);
    world.run(10);
    let theirs = world.invited(bob());
    world.at(bob(), |bob, now| bob.answer(theirs, sdp(1), now));
    world.run(20);
    assert_eq!(world.seen(alice()), [Event::LateAnswer { leg: ours }]);
    assert!(has(&world.seen(bob()), |e| matches!(e, Event::Bye { .. })));
    world.assert_empty();
    assert_eq!(world.seen(alice()), [Event::Ended { leg: ours }]);
}

#[test]
fn fault_f8_a_late_ringing_is_cancelled() {
    let mut world = calm();
    world.catch = vec!["INVITE", "INVITE", "INVITE", "INVITE"];
    dial(&mut world, Invite { first_response_ms: Some(1_800), ..call(bob()) });
    world.run(2_000);
    world.seen(alice());
    world.release(0);
    world.run(10);
    let theirs = world.invited(bob());
    world.at(bob(), |bob, now| bob.provisional(theirs, 180, None, now));
    world.run(20);
    assert!(has(&world.seen(bob()), |e| matches!(e, Event::Cancelled { .. })));
    assert_eq!(world.seen(alice()), [], "the failure was reported already");
    world.assert_empty();
}

#[test]
fn fault_f8_icmp_refusal_fails_at_once() {
    let mut world = calm();
    let nobody = world::address("192.0.2.99:5060");
    dial(&mut world, call(nobody));
    world.at(alice(), |alice, now| alice.send_failed(nobody, now));
    let seen = world.seen(alice());
    assert!(has(
        &seen,
        |e| matches!(e, Event::Failed { failure, .. } if failure.kind == FailureKind::Unreachable)
    ));
    world.assert_empty();
}

#[test]
fn nobody_answers_at_all() {
    let mut world = calm();
    dial(&mut world, call(world::address("192.0.2.99:5060")));
    world.run(31_999);
    assert_eq!(world.seen(alice()), []);
    world.run(1);
    assert!(has(
        &world.seen(alice()),
        |e| matches!(e, Event::Failed { failure, .. } if failure.status == 408)
    ));
    // RFC 3261 17.1.1.2: seven sends at 0, 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 s.
    assert_eq!(world.sent_like(alice(), "INVITE"), 7);
    world.assert_empty();
}

#[test]
fn fault_f9_cancel_waits_for_a_provisional_response() {
    let mut world = calm();
    let ours = dial(&mut world, call(bob()));
    world.at(alice(), |alice, now| alice.cancel(ours, now));
    world.run(10);
    assert_eq!(world.sent_like(alice(), "CANCEL"), 0);
    let theirs = world.invited(bob());
    world.at(bob(), |bob, now| bob.trying(theirs, now));
    world.run(10);
    assert_eq!(world.sent_like(alice(), "CANCEL"), 1);
    assert!(has(&world.seen(bob()), |e| matches!(e, Event::Cancelled { .. })));
    assert!(has(
        &world.seen(alice()),
        |e| matches!(e, Event::Failed { failure, .. } if failure.status == 487)
    ));
    world.assert_empty();
}

#[test]
fn fault_f9_cancel_crosses_a_200() {
    let mut world = calm();
    let ours = dial(&mut world, call(bob()));
    world.run(10);
    let theirs = world.invited(bob());
    world.at(bob(), |bob, now| bob.provisional(theirs, 180, None, now));
    world.run(10);
    world.seen(alice());
    // Both act at the same instant: the 200 and the CANCEL pass each other.
    world.at(bob(), |bob, now| bob.answer(theirs, sdp(1), now));
    world.at(alice(), |alice, now| alice.cancel(ours, now));
    world.run(20);
    assert_eq!(world.seen(alice()), [Event::LateAnswer { leg: ours }]);
    let seen = world.seen(bob());
    assert!(
        has(&seen, |e| matches!(e, Event::Acked { .. })) && has(&seen, |e| matches!(e, Event::Bye { .. }))
    );
    assert!(!seen.iter().any(|e| matches!(e, Event::Cancelled { .. })), "the answer was first");
    world.assert_empty();
}

#[test]
fn fault_f9_late_200_after_cancel_was_given_up() {
    let mut world = calm();
    let ours = dial(&mut world, call(bob()));
    world.run(10);
    let theirs = world.invited(bob());
    world.at(bob(), |bob, now| bob.provisional(theirs, 180, None, now));
    world.run(10);
    world.catch = vec!["CANCEL"; 11];
    world.at(alice(), |alice, now| alice.cancel(ours, now));
    world.run(20_000);
    world.seen(alice());
    world.at(bob(), |bob, now| bob.answer(theirs, sdp(1), now));
    world.run(20);
    assert_eq!(world.seen(alice()), [Event::LateAnswer { leg: ours }]);
    assert!(has(&world.seen(bob()), |e| matches!(e, Event::Bye { .. })));
    world.assert_empty();
}

#[test]
fn fault_f9_double_bye() {
    let mut world = calm();
    let (ours, theirs) = world.talking();
    world.at(alice(), |alice, now| alice.bye(ours, None, now));
    world.at(bob(), |bob, now| bob.bye(theirs, None, now));
    world.run(20);
    assert_eq!(world.seen(alice()), [Event::ByeDone { leg: ours }]);
    assert_eq!(world.seen(bob()), [Event::ByeDone { leg: theirs }]);
    world.at(alice(), |alice, now| alice.bye(ours, None, now));
    assert_eq!(world.sent_like(alice(), "BYE"), 1, "a second command does nothing");
    world.assert_empty();
}

#[test]
fn fault_f9_bye_crosses_a_reinvite() {
    let mut world = calm();
    let (ours, theirs) = world.talking();
    world.at(alice(), |alice, now| alice.reinvite(ours, sdp(2), now));
    world.at(bob(), |bob, now| bob.bye(theirs, None, now));
    world.run(2_000);
    assert!(has(&world.seen(alice()), |e| matches!(e, Event::Bye { .. })));
    assert_eq!(world.seen(bob()), [Event::ByeDone { leg: theirs }]);
    world.assert_empty();
}

#[test]
fn fault_f9_bye_ends_a_pending_reinvite() {
    let mut world = calm();
    let (ours, theirs) = world.talking();
    world.at(alice(), |alice, now| alice.reinvite(ours, sdp(2), now));
    world.run(10);
    assert!(has(&world.seen(bob()), |e| matches!(e, Event::Reinvited { .. })));
    world.at(alice(), |alice, now| alice.bye(ours, None, now));
    world.run(10);
    assert_eq!(world.sent_like(bob(), "SIP/2.0 487"), 1);
    world.at(bob(), |bob, now| bob.accept_reinvite(theirs, sdp(2), now));
    assert!(has(&world.seen(bob()), |e| matches!(e, Event::Bye { .. })));
    world.assert_empty();
}

#[test]
fn fault_f9_reinvite_glare_is_retried() {
    let mut world = calm();
    let (ours, theirs) = world.talking();
    world.at(alice(), |alice, now| alice.reinvite(ours, sdp(2), now));
    world.at(bob(), |bob, now| bob.reinvite(theirs, sdp(3), now));
    for _ in 0..60 {
        world.run(100);
        for event in world.seen(bob()) {
            if let Event::Reinvited { leg, .. } = event {
                world.at(bob(), |bob, now| bob.accept_reinvite(leg, sdp(4), now));
            }
        }
        let pending: Vec<Event> = world.seen(alice());
        for event in pending {
            if let Event::Reinvited { leg, .. } = event {
                world.at(alice(), |alice, now| alice.accept_reinvite(leg, sdp(5), now));
            }
        }
    }
    assert_eq!((world.sent_like(alice(), "SIP/2.0 491"), world.sent_like(bob(), "SIP/2.0 491")), (1, 1));
    assert_eq!((world.sent_like(alice(), "INVITE"), world.sent_like(bob(), "INVITE")), (3, 2));
    world.at(alice(), |alice, now| alice.bye(ours, None, now));
    world.assert_empty();
}

#[test]
fn fault_f9_forked_200s_the_second_is_hung_up() {
    let mut world = calm();
    let ours = dial(&mut world, call(bob()));
    world.run(10);
    let theirs = world.invited(bob());
    world.catch = vec!["SIP/2.0 200"];
    world.at(bob(), |bob, now| bob.answer(theirs, sdp(1), now));
    let (from, to, first) = world.caught.remove(0);
    let text = String::from_utf8(first.clone()).expect("text");
    let tag =
        text.split("To: ").nth(1).and_then(|to| to.split(";tag=").nth(1)).expect("a tag").lines().next();
    let fork = text.replace(tag.expect("a tag"), "anotherfork");
    world.inject(from, to, &first);
    world.inject(from, to, fork.as_bytes());
    world.inject(from, to, fork.as_bytes());
    world.run(20);
    assert!(has(&world.seen(alice()), |e| matches!(e, Event::Answered { .. })));
    // One ACK for the winner, two for the fork's two copies, one BYE for the fork.
    assert_eq!((world.sent_like(alice(), "ACK"), world.sent_like(alice(), "BYE")), (3, 1));
    assert!(!world.seen(bob()).iter().any(|e| matches!(e, Event::Bye { .. })), "the winner talks on");
    world.at(alice(), |alice, now| alice.bye(ours, None, now));
    world.assert_empty();
}

#[test]
fn fault_f9_lost_ack_ends_in_bye() {
    let mut world = calm();
    dial(&mut world, call(bob()));
    world.run(10);
    let theirs = world.invited(bob());
    world.catch = vec!["ACK"; 20];
    world.at(bob(), |bob, now| bob.answer(theirs, sdp(1), now));
    world.run(31_000);
    assert_eq!(world.seen(bob()), []);
    world.run(1_100);
    assert_eq!(world.seen(bob()), [Event::AckMissing { leg: theirs }, Event::ByeDone { leg: theirs }]);
    assert!(has(&world.seen(alice()), |e| matches!(e, Event::Bye { .. })));
    world.assert_empty();
}

#[test]
fn fault_f9_bye_before_the_ack_is_held_back() {
    let mut world = calm();
    dial(&mut world, call(bob()));
    world.run(10);
    let theirs = world.invited(bob());
    world.catch = vec!["ACK"];
    world.at(bob(), |bob, now| bob.answer(theirs, sdp(1), now));
    world.run(10);
    world.at(bob(), |bob, now| bob.bye(theirs, None, now));
    world.run(100);
    assert_eq!(world.sent_like(bob(), "BYE"), 0);
    world.release(0);
    world.run(10);
    assert_eq!(world.sent_like(bob(), "BYE"), 1);
    assert_eq!(world.seen(bob()), [Event::Acked { leg: theirs, sdp: None }, Event::ByeDone { leg: theirs }]);
    world.assert_empty();
}

#[test]
fn fault_f1_a_restored_dialog_can_be_ended_from_both_sides() {
    for our_bye in [true, false] {
        let mut world = calm();
        let (ours, theirs) = world.talking();
        let kept = world.at(bob(), |bob, _| bob.dialog(theirs)).expect("confirmed");
        let kept =
            serde_json::from_str(&serde_json::to_string(&kept).expect("plain data")).expect("the same data");
        world.join(world::config(bob(), 77));
        let again = world.at(bob(), |bob, now| bob.restore(kept, now));
        if our_bye {
            world.at(bob(), |bob, now| bob.bye(again, None, now));
            world.run(10);
            assert!(has(&world.seen(alice()), |e| matches!(e, Event::Bye { .. })));
            assert_eq!(world.seen(bob()), [Event::ByeDone { leg: again }]);
        } else {
            world.at(alice(), |alice, now| alice.bye(ours, None, now));
            world.run(10);
            assert_eq!(world.seen(alice()), [Event::ByeDone { leg: ours }]);
            assert!(has(&world.seen(bob()), |e| matches!(e, Event::Bye { .. })));
        }
        world.assert_empty();
    }
}

#[test]
fn fault_f1_a_bye_for_a_forgotten_dialog_gets_481() {
    let mut world = calm();
    let (ours, _) = world.talking();
    world.join(world::config(bob(), 77));
    world.at(alice(), |alice, now| alice.bye(ours, None, now));
    world.run(10);
    assert_eq!(world.sent_like(bob(), "SIP/2.0 481"), 1);
    assert_eq!(world.seen(alice()), [Event::ByeDone { leg: ours }]);
    world.assert_empty();
}

#[test]
fn info_goes_both_ways() {
    let mut world = calm();
    let (ours, theirs) = world.talking();
    world.at(alice(), |alice, now| alice.info(ours, "application/dtmf-relay", b"Signal=5".to_vec(), now));
    world.run(10);
    let content_type = "application/dtmf-relay".to_owned();
    assert_eq!(world.seen(bob()), [Event::Info { leg: theirs, content_type, body: b"Signal=5".to_vec() }]);
    assert_eq!(world.seen(alice()), [Event::InfoDone { leg: ours, status: 200 }]);
}

#[test]
fn a_probe_tells_ready_from_draining_from_dead() {
    let mut world = calm();
    let probe = world.at(alice(), |alice, now| alice.options(bob(), now));
    world.run(10);
    assert_eq!(world.seen(alice()), [Event::ProbeAnswered { probe, status: 200, round_trip_ms: 2 }]);
    world.at(bob(), |bob, _| bob.set_ready(false));
    let probe = world.at(alice(), |alice, now| alice.options(bob(), now));
    world.run(10);
    assert_eq!(world.seen(alice()), [Event::ProbeAnswered { probe, status: 503, round_trip_ms: 2 }]);
    let nobody = world::address("192.0.2.99:5060");
    let probe = world.at(alice(), |alice, now| alice.options(nobody, now));
    world.run(32_001);
    assert_eq!(world.seen(alice()), [Event::ProbeFailed { probe, kind: FailureKind::NoResponse }]);
    world.assert_empty();
}
