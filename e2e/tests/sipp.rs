//! Calls whose far ends are SIPp: it checks every message it gets against its scenario and ends with 0 only if all
//! came as written in `e2e/sipp`.

use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use e2e::{
    Account, Platform, Setup, Softphone, acme, acme_with_agents, answers, carrier, eventually, number,
    signed_in, step,
};
use farend::world::Behaviour;
use hotline::cdr::{AnswerStatus, CallRecord, Cause, LegOutcome, Party};
use hotline::enterprise::{AskKind, Enterprise, FlowAsk, FlowDocument, FlowQueue, FlowStep, FlowStepKind};
use serde_json::json;

const PHONE: &str = "01062345601";
const PASSWORD: &str = "a long word of no meaning";

/// SIPp with one scenario and one call.
struct Sipp(Child);

impl Sipp {
    fn start(scenario: &str, words: &[&str]) -> Sipp {
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("sipp").join(format!("{scenario}.xml"));
        let child = Command::new("sipp")
            .arg("-sf")
            .arg(file)
            .args(["-i", "127.0.0.1", "-m", "1", "-nostdin", "-timeout", "40s", "-timeout_error"])
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("sipp is installed by `cargo xtask test` (package sip-tester)");
        Sipp(child)
    }

    /// A caller of the sample number.
    fn caller(scenario: &str, platform: &Platform) -> Sipp {
        let number = number().to_string();
        let target = platform.call(&number, "13800138000").target.to_string();
        let (sip, media) = (free_port().to_string(), free_port().to_string());
        Sipp::start(scenario, &["-s", &number, "-p", &sip, "-mp", &media, &target])
    }

    /// A carrier with one phone, at an address of its own.
    fn phone(scenario: &str, at: SocketAddr) -> Sipp {
        Sipp::start(scenario, &["-p", &at.port().to_string(), "-mp", &free_port().to_string()])
    }

    fn agrees(self) {
        let output = self.0.wait_with_output().expect("sipp ends by its own time limit");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{:?}: {said}", output.status.code());
    }
}

fn free_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.local_addr().expect("bound").port()
}

/// The one record of a platform whose books are clean.
fn record_of(platform: &Platform) -> CallRecord {
    let record = platform.await_calls(1).remove(0).record;
    // The recording's file and row follow the record by a moment.
    eventually("clean books", || platform.findings().is_empty().then_some(()));
    record
}

/// A SIPp caller and a phone of ours that answers.
fn called_by(scenario: &str, name: &'static str) -> CallRecord {
    let (world, _told) = carrier(&[(PHONE, answers(880))]);
    let platform = Platform::start(Setup::new(name, world.local(), vec![acme(&[PHONE])]));
    Sipp::caller(scenario, &platform).agrees();
    record_of(&platform)
}

/// A caller of ours who stays `hold` and a SIPp phone.
fn answered_by(scenario: &str, name: &'static str, ring_s: u64) -> (u16, CallRecord) {
    let at = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let phone = Sipp::phone(scenario, at);
    eventually("the phone listens", || UdpSocket::bind(at).is_err().then_some(()));
    let platform = Platform::start(Setup::new(name, at, vec![acme(&[PHONE])]));
    let mut call = platform.call(number(), "13800138000");
    call.hold_for = std::time::Duration::from_secs(7);
    call.ring_for = std::time::Duration::from_secs(ring_s);
    let outcome = platform.place(call);
    phone.agrees();
    (outcome.status, record_of(&platform))
}

#[test]
fn a_caller_talks_and_hangs_up() {
    let record = called_by("caller_talks", "sipp-talks");
    assert_eq!(
        (record.status, record.cause, record.ended_by),
        (AnswerStatus::Answered, Cause::HangUp, Party::Caller)
    );
}

#[test]
fn fault_f9_a_call_whose_ack_never_comes_is_ended_by_us() {
    let record = called_by("caller_never_acks", "sipp-no-ack");
    assert_eq!((record.cause, record.ended_by), (Cause::AckMissing, Party::Platform));
}

#[test]
fn a_phone_that_hangs_up_ends_the_callers_side() {
    let (world, _told) = carrier(&[(
        PHONE,
        Behaviour::Answers {
            ring_ms: (100, 100),
            talk_ms: Some((6_000, 6_000)),
            says: farend::Says::Silence,
        },
    )]);
    let platform = Platform::start(Setup::new("sipp-waits", world.local(), vec![acme(&[PHONE])]));
    Sipp::caller("caller_waits", &platform).agrees();
    let record = record_of(&platform);
    assert_eq!((record.cause, record.ended_by), (Cause::HangUp, Party::Target));
}

#[test]
fn a_sipp_phone_answers_and_is_hung_up_on() {
    let (status, record) = answered_by("phone_answers", "sipp-answers", 30);
    assert_eq!((status, record.status, record.ended_by), (200, AnswerStatus::Answered, Party::Caller));
}

#[test]
fn a_sipp_phone_is_busy() {
    let (status, record) = answered_by("phone_busy", "sipp-busy", 30);
    assert_eq!((status, record.status, record.legs[0].outcome), (486, AnswerStatus::Busy, LegOutcome::Busy));
}

#[test]
fn a_sipp_phone_rejects() {
    let (status, record) = answered_by("phone_rejects", "sipp-rejects", 30);
    assert_eq!((status, record.legs[0].outcome), (486, LegOutcome::Rejected));
}

#[test]
fn a_sipp_phone_that_rings_is_cancelled_with_its_caller() {
    let (status, record) = answered_by("phone_keeps_ringing", "sipp-cancel", 2);
    assert_eq!((status, record.status, record.cause), (487, AnswerStatus::Abandoned, Cause::CallerCancelled));
}

/// A menu behind a menu, and behind that the phone.
fn with_menus() -> Enterprise {
    let dial =
        FlowStepKind::Dial { target: "all".into(), busy: None, no_answer: None, after: None, ringback: None };
    behind_menus(acme(&[PHONE]), dial)
}

/// The sample number goes by a menu and a menu behind it to this step.
fn behind_menus(mut acme: Enterprise, last: FlowStepKind) -> Enterprise {
    let menu = |key: &str, to: &str| {
        let keys = vec![(key.into(), to.into())];
        FlowStepKind::Ask(Box::new(FlowAsk { keys, ..FlowAsk::new(AskKind::Menu, "digit_5", "bye") }))
    };
    let steps = [
        ("menu", menu("2", "again")),
        ("again", menu("1", "last")),
        ("last", last),
        ("bye", FlowStepKind::HangUp { prompt: None }),
    ];
    let steps = steps.map(|(id, kind)| FlowStep { id: id.into(), kind }).into();
    let start = "menu".into();
    acme.flows.push(FlowDocument { name: "main".into(), version: 1, start, steps, tests: Vec::new() });
    (acme.numbers[0].flow, acme.numbers[0].rules) = (Some("main".into()), Vec::new());
    acme
}

/// Each key has its step in the record, however it came.
fn goes_through_menus(scenario: &str, name: &'static str) {
    let (world, _told) = carrier(&[(PHONE, answers(880))]);
    let platform = Platform::start(Setup::new(name, world.local(), vec![with_menus()]));
    Sipp::caller(scenario, &platform).agrees();
    let record = record_of(&platform);
    let keys: Vec<_> = record.keys.iter().map(|key| (key.step.as_str(), key.keys.as_str())).collect();
    assert_eq!(keys, [("menu", "2"), ("again", "1")]);
    assert_eq!((record.status, record.ended_by), (AnswerStatus::Answered, Party::Caller), "{record:?}");
}

#[test]
fn i01_i14_a_sipp_caller_goes_through_menus_by_telephone_events() {
    goes_through_menus("caller_menu", "sipp-menu");
}

#[test]
fn i01_i14_a_sipp_caller_goes_through_menus_by_info() {
    goes_through_menus("caller_menu_info", "sipp-info");
}

/// Who waits behind the menus is answered by an agent's registered phone; one record tells all of it.
#[test]
fn i01_q01_q02_a_sipp_caller_goes_through_menus_and_a_queue_to_an_agent() {
    let (world, _told) = carrier(&[]);
    let wait = FlowQueue {
        queue: "sales".into(),
        around_the_clock: true,
        full: "bye".into(),
        empty: "bye".into(),
        left_empty: None,
        timeout: "bye".into(),
        keys: Vec::new(),
        after: None,
        spill: None,
    };
    let acme = acme_with_agents(&[("8001", "801")], PASSWORD);
    let acme = behind_menus(acme, FlowStepKind::Queue(Box::new(wait)));
    let platform = Platform::start(Setup::new("sipp-queue", world.local(), vec![acme]));
    let account =
        Account { registrar: platform.sip, user: "acme-801", password: PASSWORD, hz: 600, behind: None };
    let phone = Softphone::start(&account);
    phone.await_news("registered");
    let (code, view) = platform.run(&["agent", "login", "acme", "8001"]);
    assert_eq!((code, &view["state"]), (Some(0), &json!("free")), "{view}");
    Sipp::caller("caller_menu", &platform).agrees();
    assert_eq!(phone.await_news("ringing")["from"], "13800138000");
    let record = record_of(&platform);
    assert_eq!((record.status, record.ended_by), (AnswerStatus::Answered, Party::Caller), "{record:?}");
    assert_eq!((record.queue.as_str(), record.agent.as_str(), record.offers), ("sales", "8001", 1));
    let keys: Vec<_> = record.keys.iter().map(|key| (key.step.as_str(), key.keys.as_str())).collect();
    assert_eq!(keys, [("menu", "2"), ("again", "1")]);
    let legs: Vec<_> = record.legs.iter().map(|leg| (leg.destination.as_str(), leg.outcome)).collect();
    assert_eq!(legs, [("agent 8001", LegOutcome::Answered)]);
}

/// The version with menus is published, walked, and taken back in one step while the caller is in its first menu: the caller
/// goes through both menus, the next caller meets the version before.
#[test]
fn i08_a_version_is_rolled_back_within_five_seconds_and_the_call_on_it_goes_on() {
    let (world, _told) = carrier(&[(PHONE, answers(880))]);
    let menus = json!({"sibai_flow": 1, "name": "main", "start": "menu", "steps": [
        {"id": "menu", "kind": "menu", "prompt": "digit_5", "exits": {"2": "again", "default": "bye"}},
        {"id": "again", "kind": "menu", "prompt": "digit_5", "exits": {"1": "phone", "default": "bye"}},
        {"id": "phone", "kind": "dial", "target": "all"},
        {"id": "bye", "kind": "hang_up"},
    ]});
    let mut acme = with_menus();
    acme.flows[0].steps = vec![step("bye", FlowStepKind::HangUp { prompt: None })];
    acme.flows[0].start = "bye".into();
    let platform = Platform::start(Setup::new("sipp-rollback", world.local(), vec![acme]));
    let admin = signed_in(&platform, "acme", "sun", "admin");
    let flows = "/api/v1/enterprises/acme/flows";
    let asked = |method: &str, place: &str, body| {
        let answer = admin.ask(method, &format!("{flows}{place}"), Some(&body));
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    };
    asked("PUT", "", json!({"text": menus.to_string()}));
    assert_eq!(asked("POST", "/main/publish", json!({}))["version"], 2);
    let caller = Sipp::caller("caller_menu_info", &platform);
    eventually("the caller is in the menu", || {
        let (_, live) = platform.run(&["live", "list", "acme"]);
        live.as_array().filter(|calls| !calls.is_empty()).map(drop)
    });
    let asked_at = Instant::now();
    assert_eq!(asked("POST", "/main/rollback", json!({}))["version"], 1);
    let mut next = platform.call(number(), "13900139000");
    next.hold_for = Duration::from_secs(60);
    platform.place(next);
    assert!(asked_at.elapsed() < Duration::from_secs(5), "{:?} until a call met it", asked_at.elapsed());
    caller.agrees();
    let of = |from: &str| {
        let calls = platform.await_calls(2).into_iter().map(|call| call.record);
        calls.into_iter().find(|record| record.caller.contains(from)).expect("its record")
    };
    let (on_it, behind_it) = (of("13800138000"), of("13900139000"));
    assert_eq!((on_it.flow_version, behind_it.flow_version), (2, 1));
    let keys: Vec<_> = on_it.keys.iter().map(|key| (key.step.as_str(), key.keys.as_str())).collect();
    assert_eq!((on_it.status, keys), (AnswerStatus::Answered, vec![("menu", "2"), ("again", "1")]));
    assert!(behind_it.ended_at < on_it.keys[1].at, "the one behind it was over before the second key");
    eventually("clean books", || platform.findings().is_empty().then_some(()));
}
