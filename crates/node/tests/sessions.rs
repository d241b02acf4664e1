//! Sessions of both legs of a call: refreshed in time (RFC 4028), ended with their cause where nobody answers any more, and
//! two exchanges that cross are told 491 and made again (RFC 3261 14.1).

mod dialling;
mod house;

use dialling::{CARRIER, World, sdp};
use hotline::cdr::{Cause, Party};
use hotline::trunk::Profile;
use node::TrunkConfig;
use node::media::Command;
use sip::Event;

/// The caller's carrier, and the target's.
const CALLER: usize = CARRIER;
const TARGET: usize = CARRIER + 1;
/// What we ask for.
const SESSION_MS: u64 = 1_800_000;
/// What a far end lacks that leaves the refreshing to us, by re-INVITE.
const ONLY_REINVITES: &[&str] = &[", UPDATE", "timer, "];

fn trunk(name: &str, place: u8, outgoing: bool) -> TrunkConfig {
    let profile = Profile { options_s: 0, early_s_max: 0, ..Profile::default() };
    TrunkConfig {
        name: name.into(),
        address: ([10, 0, 3, place], 5060).into(),
        outgoing,
        profile,
        ..house::trunk()
    }
}

/// Caller and target talk.
fn talking(cannot: &[&'static str]) -> World {
    let mut world = World::new(vec![trunk("west", 1, false), trunk("east", 2, true)]);
    world.fars.iter_mut().for_each(|far| far.cannot = cannot.to_vec());
    world.call_the_number();
    world.does(TARGET, |endpoint, leg, now| endpoint.answer(leg, sdp(6_000).into(), now));
    world.wait(1_000);
    for far in [CALLER, TARGET] {
        let up = |event: &Event| matches!(event, Event::Answered { .. } | Event::Acked { .. });
        assert!(world.fars[far].saw(up), "{:?}", world.fars[far].events);
    }
    world
}

fn is_inside(text: &str, start: &str) -> bool {
    text.starts_with(start) && text.lines().any(|line| line.starts_with("To: ") && line.contains(";tag="))
}

/// Requests that refreshed a session, theirs and ours.
fn refreshes(world: &World, far: usize) -> usize {
    let is_one = |text: &str| is_inside(text, "UPDATE ") || is_inside(text, "INVITE ");
    let far = &world.fars[far];
    let said = far.said.iter().filter(|bytes| is_one(&String::from_utf8_lossy(bytes)));
    said.count() + far.heard.iter().filter(|text| is_one(text)).count()
}

fn saw_bye(world: &World, far: usize) -> bool {
    world.fars[far].saw(|event| matches!(event, Event::Bye { .. }))
}

#[test]
fn rfc4028_sessions_of_both_legs_are_refreshed_for_hours() {
    for cannot in [&[], ONLY_REINVITES] {
        let mut world = talking(cannot);
        world.wait(2 * 3_600_000);
        assert_eq!(world.node.calls_up(), 1);
        for far in [CALLER, TARGET] {
            assert!(refreshes(&world, far) >= 4, "{far}: {}", refreshes(&world, far));
            assert!(!saw_bye(&world, far));
        }
        world.does(CALLER, |endpoint, leg, now| endpoint.bye(leg, None, now));
        world.wait(40_000);
        let record = &world.settled[0].record;
        assert_eq!((world.settled.len(), record.cause, record.ended_by), (1, Cause::HangUp, Party::Caller));
    }
}

#[test]
fn rfc4028_a_side_that_is_gone_ends_the_call_with_its_cause_and_one_record() {
    for gone in [CALLER, TARGET] {
        let mut world = talking(&[]);
        let at = world.fars[gone].at;
        world.fars[gone].silent = true;
        world.fars[gone].endpoint = sip::Endpoint::new(sip::Config::new(at, 999));
        world.wait(SESSION_MS + 60_000);
        let other = CALLER + TARGET - gone;
        assert!(saw_bye(&world, other), "who is still there is told");
        assert!(world.fars[gone].heard("BYE ") > 0, "and so is the one who is gone");
        world.wait(40_000);
        assert_eq!((world.node.calls_up(), world.settled.len()), (0, 1));
        let record = &world.settled[0].record;
        assert_eq!((record.cause, record.ended_by), (Cause::SessionExpired, Party::Platform));
        assert!(record.talk_ms < 60_000, "nobody pays behind the last sign of life: {} ms", record.talk_ms);
    }
}

/// The step of [`World::wait`] in which the node sends a re-INVITE of its own begins here.
fn until_ours(mut world: World, far: usize) -> u64 {
    for _ in 0..SESSION_MS / 100 {
        let before = world.mono;
        world.wait(100);
        if world.fars[far].heard.iter().any(|text| is_inside(text, "INVITE ")) {
            return before;
        }
    }
    panic!("the node refreshes nothing");
}

#[test]
fn rfc3261_14_1_two_reinvites_that_cross_are_told_491_and_made_again() {
    for far in [CALLER, TARGET] {
        let before = until_ours(talking(ONLY_REINVITES), far);
        // The same life again, with one of theirs on its way at that very instant.
        let mut world = talking(ONLY_REINVITES);
        while world.mono < before {
            world.wait(100);
        }
        world.mono = before + 90;
        let moved = sdp(7_000).replace("o=- 1 1", "o=- 1 2");
        world.does(far, |endpoint, leg, now| endpoint.reinvite(leg, moved.into(), now));
        let told = |world: &World| {
            let said = world.fars[far].said.iter().filter(|bytes| bytes.starts_with(b"SIP/2.0 491 "));
            (world.fars[far].heard("SIP/2.0 491 "), said.count())
        };
        let ours =
            |world: &World| world.fars[far].heard.iter().filter(|text| is_inside(text, "INVITE ")).count();
        assert_eq!((told(&world), ours(&world)), ((1, 1), 1), "each tells the other");
        world.wait(5_000);
        let answered = |event: &Event| matches!(event, Event::ReinviteAnswered { .. });
        assert!(world.fars[far].saw(answered), "theirs is made again");
        // Who made the Call-ID waits longer: on the caller's leg ours goes again first; on the target's theirs does, and
        // has refreshed the session before ours would.
        let again = if far == CALLER { 2 } else { 1 };
        assert_eq!((told(&world), ours(&world)), ((1, 1), again), "no third exchange crosses another");
        let moved =
            |command: &Command| matches!(command, Command::Connect { remote, .. } if remote.port() == 7_000);
        assert!(world.media.iter().any(moved), "media follows it");
        world.wait(2 * SESSION_MS);
        assert_eq!((world.node.calls_up(), world.settled.len()), (1, 0), "the sessions go on");
        world.does(far, |endpoint, leg, now| endpoint.bye(leg, None, now));
        assert!(saw_bye(&world, CALLER + TARGET - far));
        world.wait(40_000);
        assert_eq!((world.node.calls_up(), world.settled.len()), (0, 1));
    }
}

/// Both far ends know reliable provisionals: what is described before the answer is acknowledged on either leg.
#[test]
fn rfc3262_provisionals_of_both_legs_are_acknowledged_and_of_a_leg_that_cannot_are_plain() {
    for caller_cannot in [&[][..], &[", 100rel"]] {
        let mut world = World::new(vec![trunk("west", 1, false), trunk("east", 2, true)]);
        world.fars[CALLER].cannot = caller_cannot.to_vec();
        world.call_the_number();
        world.does(TARGET, |endpoint, leg, now| endpoint.provisional(leg, 183, Some(sdp(6_000).into()), now));
        let (caller, target) = (&world.fars[CALLER], &world.fars[TARGET]);
        let prack =
            |far: &dialling::Far| far.said.iter().filter(|bytes| bytes.starts_with(b"PRACK ")).count();
        assert_eq!(target.heard("PRACK "), 1, "{:#?}", target.heard);
        let early = caller.last("SIP/2.0 183");
        assert_eq!(early.contains("RSeq: "), caller_cannot.is_empty(), "{early}");
        assert_eq!(prack(caller), usize::from(caller_cannot.is_empty()));
        world.wait(10_000);
        assert_eq!((world.fars[CALLER].heard("SIP/2.0 183"), world.fars[TARGET].heard("PRACK ")), (1, 1));
        world.does(TARGET, |endpoint, leg, now| endpoint.answer(leg, sdp(6_000).into(), now));
        assert_eq!(world.fars[CALLER].heard("SIP/2.0 200 OK"), 1 + prack(&world.fars[CALLER]));
        assert_eq!(world.node.calls_up(), 1);
    }
}
