//! Test calls of trunks (row X04): every step is told, the caller shown is a number of ours (row K06), and nothing is
//! left behind: no leg, no port, no place, no record.

mod dialling;
mod house;

use std::net::SocketAddr;

use dialling::{CARRIER, World, byes_after_a_crash, sdp};
use hotline::call::Tone;
use hotline::cdr::Quality;
use hotline::trunk::{CauseRow, Dtmf, Failed, Means, NetworkFault, NumberForm, Pass, Profile, Srtp};
use node::media::{Command, Event as MediaEvent, MediaLeg};
use node::{Ender, Input, NotDialled, TrialFault, TrialOrder, TrialReport, TrialStep, TrunkConfig};
use sip::Event;

const OWN: &str = "01062000001";
const SECOND_OWN: &str = "01062000002";

fn profile() -> Profile {
    Profile { numbers: vec![OWN.into(), SECOND_OWN.into()], ..Profile::default() }
}

fn trunk(profile: Profile) -> TrunkConfig {
    TrunkConfig { address: SocketAddr::from(([10, 0, 2, 1], 5060)), profile, ..house::trunk() }
}

fn order() -> TrialOrder {
    TrialOrder {
        id: 7,
        trunk: "north".into(),
        to: Some("13800138000".into()),
        from: None,
        keys: String::new(),
        ring_ms: 20_000,
        talk_ms: 3_000,
    }
}

fn tried(profile: Profile, order: TrialOrder) -> World {
    let mut world = World::new(vec![trunk(profile)]);
    world.turn(Input::Try(order));
    world
}

fn does(world: &mut World, deed: impl FnOnce(&mut sip::Endpoint, sip::LegId, u64)) {
    world.does(CARRIER, deed);
}

fn media_leg(world: &World) -> MediaLeg {
    let opened = world.media.iter().find_map(|command| match command {
        Command::Open { leg, .. } => Some(*leg),
        _ => None,
    });
    opened.expect("media was opened")
}

/// Media counts what came, as a leg that is closed.
fn counts(world: &mut World, received: u64, lost: u64) {
    let leg = media_leg(world);
    let quality = Quality { received, lost, sent: 150, mos_e2: 436, ..Quality::default() };
    world.turn(Input::Media(MediaEvent::Closed { leg, quality }));
}

fn report(world: &World) -> &TrialReport {
    assert_eq!(world.tried.len(), 1, "one report of one order");
    &world.tried[0]
}

fn steps(world: &World) -> Vec<&TrialStep> {
    report(world).steps.iter().map(|dated| &dated.step).collect()
}

/// Nothing is left of any call, and nobody is billed.
fn quiet(world: &mut World) {
    world.wait(40_000);
    assert_eq!(world.node.calls_up(), 0);
    assert_eq!(world.node.sip_counts(), sip::Counts::default());
    let count = |is_it: fn(&Command) -> bool| world.media.iter().filter(|command| is_it(command)).count();
    let opened = count(|command| matches!(command, Command::Open { .. }));
    assert_eq!(opened, count(|command| matches!(command, Command::Close { .. })), "the port is given back");
    assert!(world.node.trunks().rows.iter().all(|trunk| trunk.load.calls == 0), "the place is given back");
    assert!(world.settled.is_empty(), "no record, no charge");
    assert_eq!(world.tried.len(), 1, "told once");
}

#[test]
fn x04_k06_a_test_call_is_answered_heard_and_told_step_by_step() {
    let mut world = tried(Profile { trusted: true, called: NumberForm::E164, ..profile() }, order());
    let invite = world.fars[CARRIER].last("INVITE sip:+8613800138000@10.0.2.1:5060 ");
    assert!(invite.contains("From: <sip:01062000001@203.0.113.1>"), "{invite}");
    assert!(invite.contains("P-Asserted-Identity: <sip:01062000001@203.0.113.1>"), "{invite}");
    assert_eq!(world.node.trunks().rows[0].load.calls, 1);
    does(&mut world, |endpoint, leg, now| endpoint.provisional(leg, 183, Some(sdp(6_000).into()), now));
    let leg = media_leg(&world);
    let from = "10.0.1.1:6000".parse().expect("an address");
    world.turn(Input::Media(MediaEvent::FirstPacket { leg, from }));
    world.turn(Input::Media(MediaEvent::Tone { leg, tone: Tone::Ringback }));
    does(&mut world, |endpoint, leg, now| endpoint.answer(leg, sdp(6_000).into(), now));
    assert!(world.fars[CARRIER].saw(|event| matches!(event, Event::Acked { .. })));
    world.turn(Input::Media(MediaEvent::Digit { leg, digit: b'5' }));
    world.wait(3_100);
    assert!(world.fars[CARRIER].saw(|event| matches!(event, Event::Bye { .. })), "it ends by itself");
    counts(&mut world, 150, 0);
    let steps = steps(&world);
    assert!(matches!(steps[0], TrialStep::Began { down: false, registered: None, .. }), "{steps:#?}");
    assert!(matches!(steps[1], TrialStep::Options { status: Some(200), counts: true, .. }));
    let TrialStep::Invited { request_uri, from, asserted, codecs, srtp } = steps[2] else {
        panic!("{steps:#?}")
    };
    assert_eq!(request_uri, "sip:+8613800138000@10.0.2.1:5060");
    assert_eq!((from.as_str(), asserted.as_deref(), *srtp), (OWN, Some(OWN), false));
    assert_eq!(codecs.first().map(String::as_str), Some("PCMA"));
    assert_eq!(steps[3], &TrialStep::Progress { status: 183, early_media: true });
    assert!(matches!(steps[4], TrialStep::FirstPacket { .. }));
    assert_eq!(steps[5], &TrialStep::Heard { tone: Tone::Ringback });
    let TrialStep::Answered { media: Some(spoken) } = steps[6] else { panic!("{steps:#?}") };
    assert_eq!(spoken.listens_at, "10.0.1.1:6000".parse().expect("an address"));
    assert_eq!((spoken.codecs.as_slice(), spoken.events), (&["PCMA".to_owned()][..], Some((101, 8_000))));
    assert_eq!(steps[7], &TrialStep::Ended { by: Ender::Us });
    assert!(matches!(steps[8], TrialStep::Counted { received: 150, lost: 0, keys: 1, .. }));
    assert_eq!(report(&world).faults(), []);
    quiet(&mut world);
}

#[test]
fn x04_who_is_busy_refuses_or_is_silent_is_told_with_what_that_means() {
    let own = vec![CauseRow { status: Some(486), q850: None, means: Means::NextTrunk }];
    for (status, causes, means, fault) in [
        (486, Vec::new(), Means::Busy, TrialFault::NotAnswered),
        (486, own, Means::NextTrunk, TrialFault::TrunkFailed),
        (403, Vec::new(), Means::Rejected, TrialFault::NotAnswered),
        (503, Vec::new(), Means::NextTrunk, TrialFault::TrunkFailed),
    ] {
        let mut world = tried(Profile { causes, ..profile() }, order());
        does(&mut world, |endpoint, leg, now| endpoint.reject(leg, status, None, None, now));
        counts(&mut world, 0, 0);
        let failed = Failed::Answered { status, q850: None };
        let expected = TrialStep::Failed { failed, means, retry_after_s: None };
        assert_eq!(steps(&world).last(), Some(&&expected), "{status}");
        assert_eq!(report(&world).faults(), [fault], "{status}");
        quiet(&mut world);
    }
    let mut world = World::new(vec![trunk(profile())]);
    world.fars[CARRIER].silent = true;
    world.turn(Input::Try(order()));
    world.wait(6_000);
    let network = Failed::Network(NetworkFault::NoResponse);
    assert!(
        steps(&world)
            .iter()
            .any(|step| matches!(step, TrialStep::Failed { failed, .. } if *failed == network))
    );
    assert_eq!(report(&world).faults(), [TrialFault::Options, TrialFault::TrunkFailed]);
    world.wait(40_000);
    world.fars[CARRIER].silent = false;
    quiet(&mut world);
}

#[test]
fn x04_an_answer_without_media_or_without_a_codec_is_a_fault() {
    let mut world = tried(profile(), order());
    does(&mut world, |endpoint, leg, now| endpoint.answer(leg, sdp(6_000).into(), now));
    world.wait(3_100);
    counts(&mut world, 0, 0);
    assert_eq!(report(&world).faults(), [TrialFault::NoMedia]);
    quiet(&mut world);

    let mut world = tried(profile(), order());
    let other = sdp(6_000).replace("RTP/AVP 8 101", "RTP/AVP 97").replace("101 telephone-event", "97 AMR");
    does(&mut world, |endpoint, leg, now| endpoint.answer(leg, other.into(), now));
    assert!(world.fars[CARRIER].saw(|event| matches!(event, Event::Bye { .. })));
    counts(&mut world, 0, 0);
    assert_eq!(report(&world).faults(), [TrialFault::NoCodec]);
    quiet(&mut world);

    let mut world = tried(profile(), order());
    does(&mut world, |endpoint, leg, now| endpoint.answer(leg, sdp(6_000).into(), now));
    let (leg, from) = (media_leg(&world), "10.0.1.1:6000".parse().expect("an address"));
    world.turn(Input::Media(MediaEvent::FirstPacket { leg, from }));
    does(&mut world, |endpoint, leg, now| endpoint.bye(leg, None, now));
    counts(&mut world, 90, 10);
    assert!(steps(&world).contains(&&TrialStep::Ended { by: Ender::FarEnd }));
    assert_eq!(report(&world).faults(), [TrialFault::Loss]);
    quiet(&mut world);
}

#[test]
fn x04_nobody_answers_in_time_and_the_attempt_is_cancelled() {
    let mut world = tried(profile(), TrialOrder { ring_ms: 5_000, ..order() });
    does(&mut world, |endpoint, leg, now| endpoint.provisional(leg, 180, None, now));
    world.wait(5_200);
    assert!(world.fars[CARRIER].saw(|event| matches!(event, Event::Cancelled { .. })));
    counts(&mut world, 0, 0);
    assert_eq!(report(&world).faults(), [TrialFault::NotAnswered]);
    quiet(&mut world);
}

#[test]
fn k06_only_a_number_of_ours_on_the_trunk_is_shown_and_limits_hold() {
    let not_dialled = |profile: Profile, order: TrialOrder| {
        let mut world = tried(profile, order);
        assert_eq!(world.fars[CARRIER].heard("INVITE "), 0);
        let Some(TrialStep::NotDialled { why }) = steps(&world).last() else { panic!("{:#?}", world.tried) };
        let why = *why;
        assert_eq!(report(&world).faults(), [TrialFault::NotDialled]);
        quiet(&mut world);
        why
    };
    assert_eq!(not_dialled(Profile { numbers: Vec::new(), ..profile() }, order()), NotDialled::NoOwnNumber);
    let foreign = TrialOrder { from: Some("4006010114".into()), ..order() };
    assert_eq!(not_dialled(profile(), foreign), NotDialled::NotOwn);
    let full = Profile { calls_max: Some(0), ..profile() };
    assert_eq!(not_dialled(full, order()), NotDialled::Passed(Pass::Full));

    let second = TrialOrder { from: Some(SECOND_OWN.into()), ..order() };
    let world = tried(profile(), second);
    assert!(world.fars[CARRIER].last("INVITE ").contains("From: <sip:01062000002@203.0.113.1>"));
}

#[test]
fn x04_without_a_number_the_trunk_is_only_asked_and_an_unknown_one_is_told() {
    let mut world = tried(profile(), TrialOrder { to: None, ..order() });
    assert_eq!(world.fars[CARRIER].heard("INVITE "), 0);
    assert_eq!(report(&world).faults(), []);
    quiet(&mut world);
    let world = tried(profile(), TrialOrder { trunk: "south".into(), ..order() });
    assert_eq!(steps(&world), [&TrialStep::NotDialled { why: NotDialled::UnknownTrunk }]);
}

#[test]
fn x04_srtp_and_keys_are_as_the_profile_has_them() {
    let keys = |profile: Profile| {
        let mut world = tried(profile, TrialOrder { keys: "1#".into(), ..order() });
        does(&mut world, |endpoint, leg, now| endpoint.answer(leg, sdp(6_000).into(), now));
        let pressed = world.media.iter().filter(|command| matches!(command, Command::SendKey { .. })).count();
        (pressed, world.fars[CARRIER].heard("INFO "))
    };
    assert_eq!(keys(profile()), (2, 0));
    assert_eq!(keys(Profile { dtmf: Dtmf::Info, ..profile() }), (0, 2));
    let world = tried(Profile { srtp: Srtp::Required, ..profile() }, order());
    assert!(world.fars[CARRIER].last("INVITE ").contains("RTP/SAVP"));
}

#[test]
fn fault_f2_x04_the_end_of_the_process_ends_a_test_call() {
    let mut world = tried(profile(), order());
    does(&mut world, |endpoint, leg, now| endpoint.answer(leg, sdp(6_000).into(), now));
    world.turn(Input::EndAll);
    assert!(world.fars[CARRIER].saw(|event| matches!(event, Event::Bye { .. })));
    assert!(steps(&world).contains(&&TrialStep::Ended { by: Ender::Stopped }));
    quiet(&mut world);
}

#[test]
fn fault_f1_x04_a_crash_in_a_test_call_leaves_no_leg_behind() {
    let byes = |journal: &[u8]| byes_after_a_crash(journal, trunk(profile()));
    let mut world = tried(profile(), order());
    does(&mut world, |endpoint, leg, now| endpoint.answer(leg, sdp(6_000).into(), now));
    assert_eq!(byes(&world.journal), [world.fars[CARRIER].at]);
    world.wait(3_100);
    counts(&mut world, 0, 0);
    assert_eq!(byes(&world.journal), [], "what is over needs none");
}
