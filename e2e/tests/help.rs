//! A desk phone that calls for help through the real process (row K24), and what else it may dial (row B10).

use std::net::SocketAddr;
use std::sync::mpsc::channel;

use e2e::{Account, PATIENCE, Platform, Setup, Softphone, acme_with, answers, eventually, extension};
use farend::world::{World, WorldConfig, WorldEvent};

const PASSWORD: &str = "a long word of no meaning";
const PHONE_HZ: u16 = 600;
const POLICE_HZ: u16 = 880;

#[test]
fn k24_b10_a_phone_reaches_110_both_hear_each_other_and_nothing_else_leaves() {
    // Another address than the phone's: whoever calls from a trunk's address is that trunk.
    let at = SocketAddr::from(([127, 0, 0, 3], 0));
    let mut config = WorldConfig::new(at, at);
    config.behaviours = [("110".to_owned(), answers(POLICE_HZ))].into();
    let (tell, told) = channel();
    // A test that does not listen any more has what it wanted.
    let world = World::start(config, move |event| _ = tell.send(event)).expect("a carrier");
    let (destination, extension) = extension("8001", PASSWORD);
    let mut acme = acme_with(vec![destination]);
    acme.extensions.push(extension);
    let mut setup = Setup::new("help", world.local(), vec![acme]);
    setup.more = "[trunk.profile]\nemergency = true\nnumbers = [\"01062000001\"]\n".into();
    let platform = Platform::start(setup);
    let account = Account {
        registrar: platform.sip,
        user: "acme-8001",
        password: PASSWORD,
        hz: PHONE_HZ,
        behind: None,
    };
    let mut phone = Softphone::start(&account);
    phone.await_news("registered");

    phone.order("call 13800138000");
    assert_eq!(phone.await_news("ended")["status"], 403);
    assert_eq!(platform.figure("sibai_outbound_refused_total"), 1);

    phone.order("call 110");
    phone.await_news("talking");
    phone.await_tone(POLICE_HZ);
    let await_event = |wanted: &dyn Fn(&WorldEvent) -> bool| loop {
        let event = told.recv_timeout(PATIENCE).expect("an event");
        if wanted(&event) {
            return event;
        }
    };
    let called = await_event(&|event| matches!(event, WorldEvent::Called { .. }));
    let WorldEvent::Called { number, from, .. } = called else { unreachable!("it was asked for") };
    assert_eq!((number.as_str(), from.as_str()), ("110", "01062000001"), "the first and only call that left");
    // A second of the phone's voice has come to where the call went.
    eventually("the phone's voice", || (world.totals().packets >= 50).then_some(()));
    phone.order("hangup");
    assert_eq!(phone.await_news("ended")["status"], 200);
    let released = await_event(&|event| matches!(event, WorldEvent::Released { .. }));
    let WorldEvent::Released { status: 200, heard: Some(heard), .. } = released else {
        panic!("{released:?}")
    };
    assert!(heard.hz().is_some_and(|hz| hz.abs_diff(PHONE_HZ) <= 10), "{heard:?}");
    platform.await_line("an emergency call is over");
    assert_eq!(platform.figure("sibai_emergency_answered_total"), 1);
    assert_eq!(platform.figure("sibai_emergency_failed_total"), 0);
    let helps = eventually("the call's row", || {
        let rows = platform.with_store(async |store| store.help_calls(None, 10).await.expect("rows"));
        (rows.len() == 1 && rows[0].ended_at.is_some()).then_some(rows)
    });
    let help = &helps[0];
    let told = (help.tenant.as_str(), help.extension.as_str(), help.dialled.as_str(), help.failed);
    assert_eq!(told, ("acme", "8001", "110", false));
    assert!(help.began_at <= help.answered_at.expect("answered") && help.answered_at < help.ended_at);
    platform.await_calls(0);
    platform.with_store(async |store| {
        let days = store.rollups(&store::RollupFilter::default()).await.expect("rollups");
        assert_eq!(days, [], "nobody is charged for it");
    });
    assert_eq!(platform.findings(), []);
}
