//! A caller asks to be called back and is gone; the platform calls, an agent on a registered phone first, and a node that dies
//! between the two forgets nobody (rows Q15, K06, K07).

use std::time::Duration;

use e2e::{Account, Platform, Setup, Softphone, acme_with_agents, answers, carrier, eventually, number};
use farend::call::Press;
use farend::world::WorldEvent;
use hotline::agent::State;
use hotline::calendar::Schedule;
use hotline::cdr::{AnswerStatus, AttemptKind};
use hotline::enterprise::{
    CallbackOffer, DialBack, Enterprise, FlowCallback, FlowDocument, FlowQueue, FlowStep, FlowStepKind,
    NamedSchedule,
};
use serde_json::Value;

const PASSWORD: &str = "a long word of no meaning";
const AGENT_HZ: u16 = 600;
const CALLER_HZ: u16 = 1_000;
const CALLER: &str = "13800138000";
/// Our own number on the trunk.
const OWN: &str = "01062000001";

/// A queue that waits for whoever rests; key 1 leads to a callback, which the platform dials at any hour.
fn with_callbacks() -> Enterprise {
    let step = |id: &str, kind| FlowStep { id: id.into(), kind };
    let wait = FlowQueue {
        queue: "sales".into(),
        around_the_clock: true,
        full: "bye".into(),
        empty: "bye".into(),
        left_empty: None,
        timeout: "bye".into(),
        keys: vec![("1".into(), "back".into())],
        after: None,
        spill: None,
    };
    let steps = vec![
        step("wait", FlowStepKind::Queue(Box::new(wait))),
        step("back", FlowStepKind::Callback(Box::new(FlowCallback::new("bye")))),
        step("bye", FlowStepKind::HangUp { prompt: None }),
    ];
    let mut acme = acme_with_agents(&[("8001", "801")], PASSWORD);
    acme.flows.push(FlowDocument {
        name: "main".into(),
        version: 1,
        start: "wait".into(),
        steps,
        tests: Vec::new(),
    });
    acme.numbers[0].flow = Some("main".into());
    acme.schedules.push(NamedSchedule { name: "always".into(), schedule: Schedule::always() });
    let dial = Some(DialBack::within("always"));
    acme.queues[0].callback = Some(CallbackOffer { after_s: 60, prompt: "callback_offer".into(), dial });
    acme.queues[0].join_empty = vec![State::Off.into()];
    acme
}

fn run(platform: &Platform, words: &[&str]) -> Value {
    let (code, said) = platform.run(words);
    assert_eq!(code, Some(0), "{said}");
    said
}

#[test]
fn q15_k06_who_asked_is_called_back_by_an_agent_though_the_node_died_meanwhile() {
    let (world, told) = carrier(&[(CALLER, answers(CALLER_HZ))]);
    let mut setup = Setup::new("callbacks-talk", world.local(), vec![with_callbacks()]);
    setup.more = format!("[trunk.profile]\nnumbers = [\"{OWN}\"]\n");
    let mut platform = Platform::start(setup);
    let account =
        Account { registrar: platform.sip, user: "acme-801", password: PASSWORD, hz: AGENT_HZ, behind: None };
    let mut phone = Softphone::start(&account);
    phone.await_news("registered");
    run(&platform, &["agent", "login", "acme", "8001"]);
    run(&platform, &["agent", "rest", "acme", "8001", "--reason", "lunch"]);

    let mut call = platform.call(number(), CALLER);
    (call.press, call.hold_for) = (vec![Press::Key(b'1')], Duration::from_secs(60));
    assert_eq!(platform.place(call).status, 200);
    let asked = eventually("the request is listed", || {
        let listed = run(&platform, &["callback", "list", "acme", "--state", "waiting"]);
        listed.get(0).cloned()
    });
    assert_eq!((&asked["number"], &asked["tries"]), (&Value::from(CALLER), &Value::from(0)), "{asked}");

    platform.kill();
    platform.restart();
    run(&platform, &["agent", "ready", "acme", "8001"]);
    assert_eq!(phone.await_news("ringing")["from"], CALLER, "the agent sees who is to be called");
    phone.await_tone(CALLER_HZ);
    phone.order("hangup");

    let mut heard = told.iter();
    let shown = heard.find_map(|event| match event {
        WorldEvent::Called { number, from, asserted } => Some((number, from, asserted)),
        _ => None,
    });
    assert_eq!(shown, Some((CALLER.to_owned(), OWN.to_owned(), None)), "no caller's number leaves");
    let calls = platform.await_calls(2);
    let record = calls.iter().map(|call| &call.record).find(|record| record.calls_back.is_some());
    let record = record.expect("the call that called back").clone();
    assert_eq!((record.status, record.agent.as_str()), (AnswerStatus::Answered, "8001"));
    assert_eq!((record.caller.as_str(), record.queue.as_str()), (CALLER, "sales"));
    let kinds: Vec<_> = record.legs.iter().map(|leg| leg.kind).collect();
    assert_eq!(kinds, [AttemptKind::Target, AttemptKind::Callback]);
    assert!(record.legs[1].cost_ms > 0, "the carrier's leg costs: {:?}", record.legs);
    let listed = run(&platform, &["callback", "list", "acme"]);
    let fields = ["state", "tries", "tried_by"].map(|name| &listed[0][name]);
    assert_eq!(fields, [&Value::from("done"), &Value::from(1), &Value::from(record.call.to_string())]);
    // The file becomes one, and its row, a little later than the record.
    let recording = platform.recording(record.recording.expect("it was recorded"));
    assert_eq!(recording.channels.len(), 2);
    assert_eq!(platform.findings(), []);
}
