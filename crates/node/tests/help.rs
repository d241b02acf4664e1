//! Calls for help from phones: they leave by emergency trunks whatever stands against them, or the phone is told in words
//! that they cannot (row K24).

mod dialling;
mod house;

use std::net::SocketAddr;

use dialling::{CARRIER, PASSWORD, PHONE, World, byes_after_a_crash, sdp};
use hotline::trunk::Profile;
use node::media::Command;
use node::{HelpStep, Input, Notice, TrunkConfig};
use sip::Event;

const SECOND: usize = CARRIER + 1;

/// An emergency trunk that may carry no ordinary call at all.
fn emergency(name: &str, place: u8, priority: u32) -> TrunkConfig {
    let profile = Profile {
        emergency: true,
        calls_max: Some(0),
        calls_per_s_max: Some(1),
        options_s: 0,
        numbers: vec!["01062000001".into()],
        ..Profile::default()
    };
    TrunkConfig {
        name: name.into(),
        address: SocketAddr::from(([10, 0, 2, place], 5060)),
        outgoing: false,
        priority,
        profile,
        ..house::trunk()
    }
}

fn plain() -> TrunkConfig {
    let profile = Profile { options_s: 0, ..Profile::default() };
    TrunkConfig { priority: 1, profile, ..house::trunk() }
}

fn steps(world: &World) -> Vec<String> {
    let step = |notice: &Notice| match notice {
        Notice::Help { tenant, extension, dialled, step, .. } => {
            assert_eq!((tenant.as_str(), extension.as_str(), dialled.as_str()), ("acme", "8001", "110"));
            Some(match step {
                HelpStep::Left { trunk } => format!("left {trunk}"),
                HelpStep::Answered { trunk } => format!("answered {trunk}"),
                HelpStep::Over { talk_ms } => format!("over {}", talk_ms.is_some()),
                HelpStep::Failed => "failed".into(),
            })
        }
        _ => None,
    };
    world.notices.iter().filter_map(step).collect()
}

/// What media was told of a kind.
fn told<T>(world: &World, pick: impl Fn(&Command) -> Option<T>) -> Vec<T> {
    world.media.iter().filter_map(pick).collect()
}

fn opened_and_closed(world: &World) -> (usize, usize) {
    let opened = told(world, |command| matches!(command, Command::Open { .. }).then_some(()));
    let closed = told(world, |command| matches!(command, Command::Close { .. }).then_some(()));
    (opened.len(), closed.len())
}

/// Nothing is left of any call.
fn quiet(world: &mut World) {
    world.wait(40_000);
    assert_eq!(world.node.calls_up(), 0);
    assert_eq!(world.node.sip_counts(), sip::Counts::default());
    let (opened, closed) = opened_and_closed(world);
    assert_eq!(opened, closed, "every port is given back");
    assert!(world.node.trunks().rows.iter().all(|trunk| trunk.load.calls == 0), "every place is given back");
}

#[test]
fn k24_110_leaves_by_the_emergency_trunk_ahead_of_limits_and_drain() {
    let mut world = World::new(vec![plain(), emergency("help", 1, 50)]);
    world.turn(Input::Drain(true));
    world.dial("110", "8001", PASSWORD);
    let carrier = SECOND;
    let invite = world.fars[carrier].last("INVITE sip:110@10.0.2.1:5060 ");
    assert!(
        invite.contains("From: <sip:01062000001@203.0.113.1>"),
        "our own number on it is shown: {invite}"
    );
    assert_eq!(world.fars[CARRIER].heard.len(), 0, "other trunks hear nothing");
    world.does(carrier, |endpoint, leg, now| endpoint.provisional(leg, 183, Some(sdp(6_000).into()), now));
    let early = world.fars[PHONE].last("SIP/2.0 183 ");
    assert!(early.contains("m=audio 200"), "the phone hears what the trunk lets hear: {early}");
    world.does(carrier, |endpoint, leg, now| endpoint.answer(leg, sdp(6_000).into(), now));
    assert!(world.fars[PHONE].saw(|event| matches!(event, Event::Answered { .. })));
    assert!(world.fars[carrier].saw(|event| matches!(event, Event::Acked { .. })));
    let remotes = told(&world, |command| match command {
        Command::Connect { remote, .. } => Some(remote.port()),
        _ => None,
    });
    assert!(remotes.contains(&4_000) && remotes.contains(&6_000), "media both ways: {remotes:?}");
    assert!(!told(&world, |command| matches!(command, Command::Bridge { .. }).then_some(())).is_empty());
    assert_eq!(world.node.calls_up(), 1, "a drain waits for it");
    world.wait(5_000);
    world.does(carrier, |endpoint, leg, now| endpoint.bye(leg, None, now));
    assert!(world.fars[PHONE].saw(|event| matches!(event, Event::Bye { .. })));
    assert_eq!(steps(&world), ["left help", "answered help", "over true"]);
    quiet(&mut world);
}

#[test]
fn k24_every_emergency_number_leaves_and_no_other_does() {
    for (number, leaves) in [
        ("119", true),
        ("120", true),
        ("122", true),
        ("12110", true),
        ("12395", true),
        ("114", false),
        ("1100", false),
    ] {
        let mut world = World::new(vec![emergency("help", 1, 10)]);
        world.dial(number, "8001", PASSWORD);
        assert_eq!(world.fars[CARRIER].heard(&format!("INVITE sip:{number}@")) == 1, leaves, "{number}");
        assert_eq!(world.fars[PHONE].failure(), (!leaves).then_some(403), "{number}");
    }
}

#[test]
fn k24_help_comes_before_the_alarm_of_b10_and_without_a_database() {
    let mut world = World::new(vec![emergency("help", 1, 10)]);
    world.dial("110", "4006010114", PASSWORD);
    assert_eq!(world.fars[CARRIER].heard("INVITE sip:110@"), 1);
    assert!(!world.fars[CARRIER].last("INVITE ").contains("4006010114"), "no 400 number is shown");
}

#[test]
fn k24_the_phone_hangs_up_or_gives_up() {
    let mut world = World::new(vec![emergency("help", 1, 10)]);
    world.dial("110", "8001", PASSWORD);
    world.does(CARRIER, |endpoint, leg, now| endpoint.provisional(leg, 180, None, now));
    assert_eq!(world.fars[PHONE].heard("SIP/2.0 180 "), 1);
    world.does(PHONE, |endpoint, leg, now| endpoint.bye(leg, None, now));
    assert!(world.fars[CARRIER].saw(|event| matches!(event, Event::Cancelled { .. })));
    assert_eq!(steps(&world), ["left help", "over false"]);
    quiet(&mut world);

    let mut world = World::new(vec![emergency("help", 1, 10)]);
    world.dial("110", "8001", PASSWORD);
    world.does(CARRIER, |endpoint, leg, now| endpoint.answer(leg, sdp(6_000).into(), now));
    world.does(PHONE, |endpoint, leg, now| endpoint.bye(leg, None, now));
    assert!(world.fars[CARRIER].saw(|event| matches!(event, Event::Bye { .. })));
    quiet(&mut world);
}

#[test]
fn k24_a_trunk_that_refuses_or_is_silent_is_passed_by() {
    let mut world =
        World::new(vec![emergency("first", 1, 10), emergency("second", 2, 20), emergency("third", 3, 30)]);
    world.fars[CARRIER].silent = true;
    world.dial("110", "8001", PASSWORD);
    assert_eq!(world.fars[SECOND].heard.len(), 0);
    world.wait(2_000);
    assert_eq!(world.fars[SECOND].heard("INVITE sip:110@"), 1, "after 1.8 s without a word");
    world.does(SECOND, |endpoint, leg, now| endpoint.reject(leg, 486, None, None, now));
    let third = SECOND + 1;
    world.does(third, |endpoint, leg, now| endpoint.answer(leg, sdp(6_000).into(), now));
    assert!(world.fars[PHONE].saw(|event| matches!(event, Event::Answered { .. })));
    assert_eq!(steps(&world), ["left first", "left second", "left third", "answered third"]);
    world.does(PHONE, |endpoint, leg, now| endpoint.bye(leg, None, now));
    quiet(&mut world);
}

#[test]
fn k24_a_phone_that_cannot_be_helped_is_told_in_words() {
    let mut world = World::new(vec![plain()]);
    world.dial("110", "8001", PASSWORD);
    assert_eq!(steps(&world), ["failed"], "no trunk is marked");
    let mut tried = World::new(vec![emergency("help", 1, 10)]);
    tried.dial("110", "8001", PASSWORD);
    tried.does(CARRIER, |endpoint, leg, now| endpoint.reject(leg, 503, None, None, now));
    assert_eq!(steps(&tried), ["left help", "failed"]);
    for mut world in [world, tried] {
        assert_eq!(world.fars[PHONE].failure(), Some(503));
        let answer = world.fars[PHONE].last("SIP/2.0 503 ");
        for header in
            ["Warning: 399 sibai \"紧急呼叫未能接通", "Reason: Q.850;cause=38;text=\"紧急呼叫未能接通"]
        {
            assert!(answer.contains(header), "{answer}");
        }
        quiet(&mut world);
    }
}

#[test]
fn k24_a_hold_in_a_call_for_help_is_answered() {
    let mut world = World::new(vec![emergency("help", 1, 10)]);
    world.dial("110", "8001", PASSWORD);
    world.does(CARRIER, |endpoint, leg, now| endpoint.answer(leg, sdp(6_000).into(), now));
    let held = format!("{}a=sendonly\r\n", sdp(4_000)).replace("o=- 1 1", "o=- 1 2");
    world.does(PHONE, |endpoint, leg, now| {
        endpoint.reinvite(leg, held.into(), now);
    });
    assert!(world.fars[PHONE].last("SIP/2.0 200 ").contains("a=recvonly"));
    assert!(world.media.iter().any(|command| matches!(command, Command::Hold { deaf: true, .. })));
}

#[test]
fn fault_f1_k24_both_legs_get_a_bye_after_a_crash() {
    let mut world = World::new(vec![emergency("help", 1, 10)]);
    world.dial("110", "8001", PASSWORD);
    world.does(CARRIER, |endpoint, leg, now| endpoint.answer(leg, sdp(6_000).into(), now));
    let byes = |journal: &[u8]| byes_after_a_crash(journal, emergency("help", 1, 10));
    let mut both = byes(&world.journal);
    both.sort();
    assert_eq!(both, [world.fars[CARRIER].at, world.fars[PHONE].at]);
    world.does(PHONE, |endpoint, leg, now| endpoint.bye(leg, None, now));
    assert_eq!(byes(&world.journal), [], "what is over needs none");
}

#[test]
fn fault_f2_k24_the_end_of_the_process_ends_it() {
    let mut world = World::new(vec![emergency("help", 1, 10)]);
    world.dial("110", "8001", PASSWORD);
    world.does(CARRIER, |endpoint, leg, now| endpoint.answer(leg, sdp(6_000).into(), now));
    world.turn(Input::EndAll);
    assert!(
        [PHONE, CARRIER].iter().all(|far| world.fars[*far].saw(|event| matches!(event, Event::Bye { .. })))
    );
    quiet(&mut world);
}
