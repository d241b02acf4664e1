//! What a flow does with a caller, heard: out of a queue by a key and back into it (row I16); and what came of its shares (row
//! I10).

use std::thread;
use std::time::Duration;

use e2e::{
    Account, Platform, Setup, Softphone, acme_walking, block_on, carrier, eventually, extension, number,
    signed_in, step,
};
use farend::Says;
use farend::call::{Press, place};
use hotline::agent::State;
use hotline::enterprise::{
    Agent, AskKind, Enterprise, FlowAsk, FlowQueue, FlowShare, FlowStepKind, Queue, ShareMode, Sticky,
};
use media::measure::tone;
use media::wav::Wav;
use serde_json::json;

const PASSWORD: &str = "a long word of no meaning";
const AGENT_HZ: u16 = 600;
const CALLER_HZ: u16 = 1_000;

/// A queue whose one agent, 8001 at the extension 801, may rest while callers wait; key 1 leads to a menu and back.
fn with_a_way_out() -> Enterprise {
    let wait = FlowQueue {
        queue: "sales".into(),
        around_the_clock: true,
        full: "bye".into(),
        empty: "bye".into(),
        left_empty: None,
        timeout: "bye".into(),
        keys: vec![("1".into(), "menu".into())],
        after: None,
        spill: None,
    };
    let menu =
        FlowAsk { keys: vec![("1".into(), "wait".into())], ..FlowAsk::new(AskKind::Menu, "digit_5", "bye") };
    let mut acme = acme_walking(vec![
        step("wait", FlowStepKind::Queue(Box::new(wait))),
        step("menu", FlowStepKind::Ask(Box::new(menu))),
        step("bye", FlowStepKind::HangUp { prompt: None }),
    ]);
    acme.extensions.push(extension("801", PASSWORD).1);
    let skills = Default::default();
    acme.agents.push(Agent {
        number: "8001".into(),
        name: "Wang".into(),
        extension: "801".into(),
        skills,
        capacity: None,
        shifts: Vec::new(),
        mobile: None,
        confirm: None,
    });
    acme.queues.push(Queue { join_empty: vec![State::Off.into()], ..Queue::new("sales", &["8001"]) });
    acme
}

fn loudness(samples: &[i16]) -> f64 {
    let sum: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    (sum / samples.len().max(1) as f64).sqrt()
}

#[test]
fn i16_a_key_leads_out_of_the_queue_and_whoever_comes_back_has_waited_all_along() {
    let (world, _told) = carrier(&[]);
    let platform = Platform::start(Setup::new("flows-queue", world.local(), vec![with_a_way_out()]));
    let account =
        Account { registrar: platform.sip, user: "acme-801", password: PASSWORD, hz: AGENT_HZ, behind: None };
    let phone = Softphone::start(&account);
    phone.await_news("registered");
    let ordered = |words: &[&str]| {
        let (code, view) = platform.run(&[&["agent"], words].concat());
        assert_eq!(code, Some(0), "{view}");
    };
    ordered(&["login", "acme", "8001"]);
    ordered(&["rest", "acme", "8001", "--reason", "lunch"]);
    let heard = platform.data_dir().join("heard.wav");
    let mut call = platform.call(number(), "13800138000");
    call.press = vec![Press::Key(b'1'), Press::Pause(Duration::from_secs(3)), Press::Key(b'1')];
    (call.press_after, call.hold_for) = (Duration::from_secs(3), Duration::from_secs(17));
    (call.says, call.record) = (Says::Tone { hz: CALLER_HZ }, Some(heard.clone()));
    let caller = thread::spawn(move || block_on(place(call, Default::default(), |_| ())).expect("a call"));
    eventually("somebody has waited for nine and a half seconds in all", || {
        let (_, queues) = platform.run(&["queue", "list", "acme"]);
        queues[0]["waiting"][0][1].as_u64().filter(|waited_ms| *waited_ms >= 9_500)
    });
    ordered(&["ready", "acme", "8001"]);
    phone.await_tone(CALLER_HZ);
    assert_eq!(caller.join().expect("a caller").status, 200);
    let wav = Wav::parse(&std::fs::read(&heard).expect("it was written"), 16 << 20).expect("a WAV");
    let part = |from_ms: usize, to_ms: usize| &wav.channels[0][from_ms * 8..to_ms * 8];
    // Music, the menu's word, nothing at all while the menu waits, which the file leaves out, music again.
    let [music, again] = [part(500, 2_500), part(4_500, 6_000)].map(loudness);
    assert!(music > 300.0 && again > 300.0, "{music}, {again}");
    let heard_ms = wav.channels[0].len() / 8;
    assert!((11_000..15_500).contains(&heard_ms), "{heard_ms} ms of seventeen seconds were sound");
    let talk = &wav.channels[0][wav.channels[0].len() - 12_000..];
    let level = |part: &[i16]| tone(part, wav.rate, f32::from(AGENT_HZ));
    assert!(talk.chunks_exact(1_600).map(level).fold(0.0, f32::max) > 4_000.0, "the agent is heard");
    let record = platform.await_calls(1).remove(0).record;
    let keys: Vec<_> = record.keys.iter().map(|key| (key.step.as_str(), key.keys.as_str())).collect();
    assert_eq!((keys, record.agent.as_str()), (vec![("wait", "1"), ("menu", "1")], "8001"));
    assert!((5_500..12_000).contains(&record.wait_ms), "{} ms in the queue", record.wait_ms);
    let recording = platform.recording(record.recording.expect("it was recorded"));
    assert_eq!(recording.channels.len(), 2);
    assert_eq!(platform.findings(), []);
}

#[test]
fn i10_shares_of_callers_are_compared_by_command_and_over_the_api() {
    let share = |name: &str| FlowShare { name: name.into(), percent: 50, exit: name.into() };
    let shares = vec![share("a"), share("b")];
    let says = |prompt: &str| FlowStepKind::Play { prompt: prompt.into(), answer: true, next: "bye".into() };
    let (world, _told) = carrier(&[]);
    let acme = acme_walking(vec![
        step("deal", FlowStepKind::Percentage { mode: ShareMode::Exact, sticky: Sticky::Caller, shares }),
        step("a", says("digit_1")),
        step("b", says("digit_2")),
        step("bye", FlowStepKind::HangUp { prompt: None }),
    ]);
    let platform = Platform::start(Setup::new("flows-arms", world.local(), vec![acme]));
    // The first two are of one share, the third is of the other; whoever calls again is dealt no other.
    let callers = ["13800138002", "13800138003", "13800138000", "13800138002"];
    for caller in callers {
        let call = platform.call(number(), caller);
        assert_eq!(block_on(place(call, Default::default(), |_| ())).expect("a call").status, 200);
    }
    platform.await_calls(callers.len());
    let (code, compared) = platform.run(&["flow", "compare", "acme", "main", "deal"]);
    assert_eq!(code, Some(0), "{compared}");
    let of = |place: usize, field: &str| compared["arms"][place][field].as_u64();
    assert_eq!((of(0, "calls"), of(0, "callers"), of(1, "calls")), (Some(3), Some(2), Some(1)), "{compared}");
    let served = &compared["arms"][0]["outcomes"][1];
    assert_eq!(
        (&served["outcome"], &served["calls"], &served["per_mille"]),
        (&"self_service".into(), &3.into(), &1_000.into())
    );
    assert_eq!(compared["differences"][0]["significant"], false, "{compared}");
    let (code, none) = platform.run(&[
        "flow",
        "compare",
        "acme",
        "main",
        "deal",
        "--since",
        "2000-01-01",
        "--until",
        "2000-01-02",
    ]);
    assert_eq!((code, none["arms"].as_array().map(Vec::len)), (Some(0), Some(0)), "{none}");
    let supervisor = signed_in(&platform, "acme", "wang", "supervisor");
    let path = "/api/v1/enterprises/acme/flows/main/steps/deal/arms";
    let answer = supervisor.ask("GET", path, None);
    assert_eq!((answer.status, &answer.body), (200, &compared));
    assert_eq!(supervisor.ask("GET", &format!("{path}?since_ms=x"), None).status, 400);
    assert_eq!(signed_in(&platform, "provider", "li", "intake").ask("GET", path, None).status, 403);
    assert_eq!(platform.findings(), []);
}

#[test]
fn i14_the_funnel_of_a_flow_is_told_by_command_and_over_the_api() {
    let (world, _told) = carrier(&[]);
    let menu = FlowAsk {
        keys: vec![("1".into(), "hours".into())],
        timeout_s: 1,
        ..FlowAsk::new(AskKind::Menu, "digit_5", "bye")
    };
    let says = FlowStepKind::Play { prompt: "digit_1".into(), answer: true, next: "bye".into() };
    let acme = acme_walking(vec![
        step("menu", FlowStepKind::Ask(Box::new(menu))),
        step("hours", says),
        step("bye", FlowStepKind::HangUp { prompt: None }),
    ]);
    let platform = Platform::start(Setup::new("flows-funnel", world.local(), vec![acme]));
    let presses = [vec![Press::Key(b'1')], vec![Press::Key(b'1')], Vec::new()];
    for press in presses {
        let mut call = platform.call(number(), "13800138000");
        (call.press, call.press_after, call.hold_for) =
            (press, Duration::from_secs(1), Duration::from_secs(60));
        assert_eq!(platform.place(call).status, 200);
    }
    let mut call = platform.call(number(), "13800138001");
    call.hold_for = Duration::from_millis(300);
    assert_eq!(platform.place(call).status, 200);
    let calls = platform.await_calls(4);
    assert_eq!(
        calls[0].record.keys.iter().map(|key| (&*key.step, &*key.keys)).collect::<Vec<_>>(),
        [("menu", "1")]
    );
    let (code, told) = platform.run(&["flow", "funnel", "acme", "main"]);
    assert_eq!(
        (code, &told["calls"], &told["before"], &told["unread"]),
        (Some(0), &4.into(), &0.into(), &0.into())
    );
    let of = |name: &str| {
        let steps = told["steps"].as_array().expect("steps");
        steps.iter().find(|step| step["step"] == name).cloned().unwrap_or_else(|| panic!("{name}: {told}"))
    };
    let menu = of("menu");
    assert_eq!(
        (&menu["calls"], &menu["per_mille"], &menu["visits"]),
        (&4.into(), &1_000.into(), &4.into()),
        "{told}"
    );
    assert_eq!(menu["keys"], json!([{"key": "1", "times": 2}]));
    assert_eq!(menu["exits"], json!([{"step": "hours", "visits": 2}, {"step": "bye", "visits": 1}]));
    assert_eq!(menu["left"], json!([{"outcome": "hung_up", "calls": 1}]));
    assert!(menu["silent"].as_u64().is_some_and(|times| times >= 1), "{menu}");
    assert_eq!((&of("hours")["calls"], &of("hours")["left"]), (&2.into(), &json!([])));
    assert_eq!(of("bye")["left"], json!([{"outcome": "self_service", "calls": 3}]));
    let finance = signed_in(&platform, "acme", "wu", "finance");
    let api =
        |words: &str| finance.ask("GET", &format!("/api/v1/enterprises/acme/flows/main/funnel{words}"), None);
    assert_eq!((api("?version=1").status, &api("?version=1").body["steps"]), (200, &told["steps"]));
    let own = format!("?number={}", number());
    assert_eq!(api(&own).body["steps"], told["steps"]);
    for other in ["?version=2", "?number=4006010115", "?until_ms=1000"] {
        assert_eq!(
            (&api(other).body["calls"], &api(other).body["steps"]),
            (&0.into(), &json!([])),
            "{other}"
        );
    }
    for wrong in ["?number=1", "?since_ms=-1"] {
        assert_eq!((api(wrong).status, &api(wrong).body["code"]), (422, &"invalid_value".into()), "{wrong}");
    }
    assert_eq!(platform.run(&["flow", "funnel", "acme", "none"]).0, Some(4));
    assert_eq!(platform.findings(), []);
}
