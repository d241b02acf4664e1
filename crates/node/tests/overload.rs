//! Above the set rate of new calls: who calls anew is refused and told when to come back, while calls that are up and
//! calls for help are served (row K24, FAULTS N3).

mod dialling;
mod house;

use std::net::SocketAddr;

use dialling::{CARRIER, PASSWORD, PHONE, World, sdp};
use hotline::trunk::Profile;
use node::TrunkConfig;
use node::guard::Limits;
use node::media::Command;
use sip::Event;

const OUT: usize = CARRIER + 1;
const HELP: usize = CARRIER + 2;

/// Calls come in by the first, leave by the second, and calls for help by the third.
fn trunks() -> Vec<TrunkConfig> {
    let quiet = Profile { options_s: 0, ..Profile::default() };
    let trunk = |name: &str, place: u8| TrunkConfig {
        name: name.into(),
        address: SocketAddr::from(([10, 0, place, 1], 5060)),
        profile: quiet.clone(),
        ..house::trunk()
    };
    let help = Profile { emergency: true, numbers: vec!["01062000001".into()], ..quiet.clone() };
    vec![
        TrunkConfig { outgoing: false, ..trunk("in", 1) },
        TrunkConfig { incoming: false, ..trunk("out", 2) },
        TrunkConfig { outgoing: false, profile: help, ..trunk("help", 3) },
    ]
}

#[test]
fn k24_above_the_set_rate_a_new_call_gets_503_and_what_is_up_and_help_are_served() {
    let guard = Limits { calls_per_second: 1, ..Limits::default() };
    let config = house::config(dialling::NODE, house::trunk());
    let mut world = World::of(node::Config { trunks: trunks(), guard, ..config });
    world.call_the_number();
    let began = world.mono;
    world.does(OUT, |endpoint, leg, now| endpoint.answer(leg, sdp(6_000).into(), now));
    assert!(world.fars[CARRIER].saw(|event| matches!(event, Event::Answered { .. })));
    let up = world.fars[CARRIER].leg;

    world.call_the_number_as("13510001001", |_| {});
    assert_eq!(world.fars[CARRIER].failure(), Some(503));
    let refused = world.fars[CARRIER].last("SIP/2.0 503 ");
    assert!(refused.contains("\r\nRetry-After: 1\r\n"), "{refused}");
    assert_eq!((world.node.totals().refused_overload, world.node.calls_up()), (1, 1));
    assert_eq!(world.fars[OUT].heard("INVITE "), 1, "nobody is dialled for it");

    world.fars[CARRIER].leg = up;
    let held = format!("{}a=sendonly\r\n", sdp(4_000)).replace("o=- 1 1", "o=- 1 2");
    world.does(CARRIER, |endpoint, leg, now| {
        endpoint.reinvite(leg, held.into(), now);
    });
    assert!(world.fars[CARRIER].last("SIP/2.0 200 ").contains("a=recvonly"), "a hold is answered");
    assert!(world.media.iter().any(|command| matches!(command, Command::Hold { deaf: true, .. })));

    world.dial("110", "8001", PASSWORD);
    assert_eq!(world.fars[HELP].heard("INVITE sip:110@"), 1, "help is called");
    world.does(HELP, |endpoint, leg, now| endpoint.answer(leg, sdp(6_000).into(), now));
    assert!(world.fars[PHONE].saw(|event| matches!(event, Event::Answered { .. })));

    world.does(CARRIER, |endpoint, leg, now| endpoint.bye(leg, None, now));
    assert!(world.fars[CARRIER].last("SIP/2.0 200 ").contains(" BYE\r\n"), "a BYE is answered");
    assert!(world.fars[OUT].saw(|event| matches!(event, Event::Bye { .. })));
    assert!(world.mono - began < 1_000, "all of it in the second that had room for one call");
    assert_eq!(world.node.totals().refused_overload, 1);

    world.wait(1_000);
    world.call_the_number_as("13510001002", |_| {});
    assert_eq!(world.fars[OUT].heard("INVITE "), 2, "room comes with time");
}
