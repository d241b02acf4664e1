//! What a failing trunk means for a call (FAULTS F8), clause by clause, through a whole node: the caller's trunk, and two
//! that lead to the target.

mod dialling;
mod house;

use std::net::SocketAddr;
use std::time::Duration;

use dialling::{CARRIER, World, sdp};
use hotline::PlanId;
use hotline::cdr::LegOutcome;
use hotline::rating::ChargeKind;
use hotline::settlement::Settlement;
use hotline::trunk::{CauseRow, Means, Pass, Profile};
use node::media::{Command, Event as MediaEvent, MediaLeg};
use node::{Input, TrunkConfig};
use sip::{Event, Hop, Reason};

/// The trunk tried first, and the next.
const FIRST: usize = CARRIER + 1;
const NEXT: usize = CARRIER + 2;

fn trunk(name: &str, place: u8, profile: Profile) -> TrunkConfig {
    TrunkConfig {
        name: name.into(),
        address: SocketAddr::from(([10, 0, 2, place], 5060)),
        incoming: place == 0,
        outgoing: place > 0,
        priority: u32::from(place),
        cost_plan: Some(PlanId::new("C1")),
        profile,
        ..house::trunk()
    }
}

fn world_with(first: Profile) -> World {
    let plain = || Profile { options_s: 0, ..Profile::default() };
    World::new(vec![
        trunk("callers", 0, plain()),
        trunk("first", 1, Profile { options_s: 0, ..first }),
        trunk("next", 2, plain()),
    ])
}

fn world() -> World {
    world_with(Profile::default())
}

fn refuses(world: &mut World, status: u16, q850: Option<u16>) {
    let reason = q850.map(|q850| Reason { q850, text: None });
    world.does(FIRST, |endpoint, leg, now| endpoint.reject(leg, status, reason, None, now));
}

fn answers(world: &mut World, far: usize) {
    world.does(far, |endpoint, leg, now| endpoint.answer(leg, sdp(6_000).into(), now));
}

/// The caller hangs up; the one settlement of its call.
fn settled(world: &mut World) -> Settlement {
    world.does(CARRIER, |endpoint, leg, now| endpoint.bye(leg, None, now));
    over(world)
}

/// The caller gives up, and nothing of the call is left.
fn gives_up(world: &mut World) {
    world.does(CARRIER, |endpoint, leg, now| endpoint.cancel(leg, now));
    media_closes(world);
}

/// Media closes what it was told to close, and its ports are free again.
fn media_closes(world: &mut World) {
    let closed: Vec<MediaLeg> = world
        .media
        .drain(..)
        .filter_map(|command| match command {
            Command::Close { leg } => Some(leg),
            _ => None,
        })
        .collect();
    for leg in closed {
        world.turn(Input::Media(MediaEvent::Closed { leg, quality: Default::default() }));
    }
    world.turn(house::ports_ready());
}

/// The one settlement, once nothing is left.
fn over(world: &mut World) -> Settlement {
    for _ in 0..3 {
        media_closes(world);
        world.wait(40_000);
    }
    assert_eq!((world.node.calls_up(), world.settled.len()), (0, 1));
    assert_eq!(world.node.sip_counts(), sip::Counts::default());
    assert!(world.node.trunks().rows.iter().all(|trunk| trunk.load.calls == 0));
    world.settled[0].as_ref().clone()
}

fn outcomes(settlement: &Settlement) -> Vec<(&str, LegOutcome)> {
    settlement.record.legs.iter().map(|leg| (leg.trunk.as_str(), leg.outcome)).collect()
}

#[test]
fn fault_f8_408_500_502_503_504_go_to_the_next_trunk() {
    for status in [408, 500, 502, 503, 504] {
        let mut world = world();
        world.call_the_number();
        refuses(&mut world, status, None);
        assert_eq!(world.fars[NEXT].heard("INVITE "), 1, "{status}");
        answers(&mut world, NEXT);
        let expected = [("first", LegOutcome::TrunkFailed), ("next", LegOutcome::Answered)];
        assert_eq!(outcomes(&settled(&mut world)), expected, "{status}");
    }
}

#[test]
fn fault_f8_q850_27_34_38_41_42_go_to_the_next_trunk_whatever_the_status() {
    for cause in [27, 34, 38, 41, 42] {
        for status in [480, 486, 503, 603] {
            let mut world = world();
            world.call_the_number();
            refuses(&mut world, status, Some(cause));
            assert_eq!(world.fars[NEXT].heard("INVITE "), 1, "{status} Q.850 {cause}");
        }
    }
}

#[test]
fn fault_f8_what_the_target_says_is_final() {
    use LegOutcome::{Busy, NoAnswer, NotFound, Rejected};
    for (status, cause, outcome) in [
        (486, None, Busy),
        (600, None, Busy),
        (603, None, Rejected),
        (404, None, NotFound),
        (484, None, NotFound),
        (480, None, NoAnswer),
        (503, Some(1), NotFound),
        (503, Some(17), Busy),
        (500, Some(18), NoAnswer),
        (500, Some(19), NoAnswer),
        (503, Some(21), Rejected),
    ] {
        let mut world = world();
        world.call_the_number();
        refuses(&mut world, status, cause);
        assert_eq!(world.fars[NEXT].heard("INVITE "), 0, "{status} {cause:?}");
        let down = &world.node.trunks().rows[FIRST - CARRIER];
        assert!(!down.down, "the trunk did its work");
        gives_up(&mut world);
        let settlement = over(&mut world);
        assert_eq!(outcomes(&settlement), [("first", outcome)], "{status} {cause:?}");
    }
}

#[test]
fn fault_f8_three_sends_and_no_word_within_1_8_s_go_to_the_next_trunk() {
    let mut world = world();
    world.fars[FIRST].silent = true;
    world.call_the_number();
    let began = world.mono;
    while world.fars[NEXT].heard("INVITE ") == 0 {
        world.wait(90);
        assert!(world.mono - began < 5_000, "it never went on");
    }
    let passed = Duration::from_millis(world.mono - began);
    assert!((Duration::from_millis(1_700)..Duration::from_millis(2_000)).contains(&passed), "{passed:?}");
    assert_eq!(world.fars[FIRST].heard("INVITE "), 3, "at 0, 0.5 and 1.5 s");
}

#[test]
fn fault_f8_a_refused_port_or_a_lost_connection_goes_to_the_next_trunk_at_once() {
    let mut world = world();
    world.fars[FIRST].silent = true;
    world.call_the_number();
    let to = Hop::udp(world.fars[FIRST].at);
    world.turn(Input::Unreachable { to });
    assert_eq!(world.fars[NEXT].heard("INVITE "), 1);
    answers(&mut world, NEXT);
    let expected = [("first", LegOutcome::TrunkFailed), ("next", LegOutcome::Answered)];
    assert_eq!(outcomes(&settled(&mut world)), expected);
}

/// The first trunk was silent too long, the next one took the call, and then the fourth send reaches the first.
fn talk_by_the_next() -> World {
    let mut world = world();
    world.fars[FIRST].silent = true;
    world.call_the_number();
    world.wait(2_000);
    answers(&mut world, NEXT);
    world.fars[FIRST].silent = false;
    world.wait(2_000);
    world
}

#[test]
fn fault_f8_a_late_ringing_of_an_abandoned_attempt_gets_a_cancel() {
    let mut world = talk_by_the_next();
    assert!(world.fars[FIRST].leg.is_some(), "the fourth send reaches it");
    world.does(FIRST, |endpoint, leg, now| endpoint.provisional(leg, 180, None, now));
    assert!(world.fars[FIRST].saw(|event| matches!(event, Event::Cancelled { .. })));
    let settlement = settled(&mut world);
    assert_eq!(settlement.charges.iter().filter(|charge| charge.kind == ChargeKind::Cost).count(), 1);
}

#[test]
fn fault_f8_a_late_answer_of_an_abandoned_attempt_gets_ack_and_bye_costs_and_is_not_sold_twice() {
    let mut world = talk_by_the_next();
    answers(&mut world, FIRST);
    assert!(world.fars[FIRST].saw(|event| matches!(event, Event::Acked { .. })));
    assert!(world.fars[FIRST].saw(|event| matches!(event, Event::Bye { .. })));
    assert!(!world.fars[NEXT].saw(|event| matches!(event, Event::Bye { .. })), "the talk goes on");
    let settlement = settled(&mut world);
    let expected = [("first", LegOutcome::LateAnswer), ("next", LegOutcome::Answered)];
    assert_eq!(outcomes(&settlement), expected);
    let kinds = |kind| settlement.charges.iter().filter(|charge| charge.kind == kind).count();
    assert_eq!((kinds(ChargeKind::Sale), kinds(ChargeKind::Cost)), (1, 2), "both carriers charge, one sale");
}

#[test]
fn fault_f8_five_failures_open_the_breaker_and_an_answer_to_options_closes_it_half() {
    let mut world = world();
    for _ in 0..5 {
        world.call_the_number();
        refuses(&mut world, 503, None);
        gives_up(&mut world);
        world.wait(1_000);
    }
    let pass = |world: &World| world.node.trunks().rows[1].pass(hotline::Mono(world.mono));
    assert_eq!((pass(&world), world.fars[FIRST].heard("OPTIONS ") > 0), (None, true), "asked and sound");
    // Half closed: one more failure opens it again, and while it is out no call meets it.
    world.fars[FIRST].silent = true;
    let before = world.fars[FIRST].heard("INVITE ");
    world.call_the_number();
    world.wait(2_000);
    assert_eq!(pass(&world), Some(Pass::Down));
    assert!(world.fars[FIRST].heard("INVITE ") > before);
    gives_up(&mut world);
    world.wait(40_000);
    media_closes(&mut world);
    let (tries, nexts) = (world.fars[FIRST].heard("INVITE "), world.fars[NEXT].heard("INVITE "));
    world.call_the_number();
    assert_eq!((world.fars[FIRST].heard("INVITE "), world.fars[NEXT].heard("INVITE ")), (tries, nexts + 1));
    gives_up(&mut world);
    world.fars[FIRST].silent = false;
    world.wait(45_000);
    assert_eq!(pass(&world), None, "its OPTIONS is answered");
    world.call_the_number();
    assert!(world.fars[FIRST].heard("INVITE ") > tries, "the next call decides");
}

#[test]
fn fault_f8_the_map_is_data_of_each_trunk() {
    let row = |status, q850, means| CauseRow { status, q850, means };
    for (own, status, q850, goes_on) in [
        (row(Some(503), None, Means::Busy), 503, None, false),
        (row(Some(486), None, Means::NextTrunk), 486, None, true),
        (row(None, Some(17), Means::NextTrunk), 486, Some(17), true),
        (row(None, Some(34), Means::NoAnswer), 503, Some(34), false),
    ] {
        let mut world = world_with(Profile { causes: vec![own], ..Profile::default() });
        world.call_the_number();
        refuses(&mut world, status, q850);
        assert_eq!(world.fars[NEXT].heard("INVITE ") == 1, goes_on, "{own:?}");
    }
}
