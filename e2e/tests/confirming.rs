//! Whether somebody answered (row R29), through the real process with real audio: a mailbox, a person who presses the key, the
//! busy tone behind an answer, a voice.

use std::time::Duration;

use e2e::{Platform, Setup, acme, acme_with_agents, answers, carrier, number, signed_in_agent};
use farend::Says;
use farend::world::Behaviour;
use hotline::cdr::{AnswerStatus, LegOutcome};
use hotline::enterprise::{Agent, Confirm, Enterprise};
use hotline::rating::ChargeKind;
use media::measure::tone;
use media::{ToneId, tone as tones};
use serde_json::json;

const FIRST: &str = "01062345601";
const SECOND: &str = "01062345602";
const MOBILE: &str = "13911112222";

/// Two phones, one behind the other, whose answers are confirmed.
fn confirmed(how: Confirm) -> Enterprise {
    let mut acme = acme(&[FIRST, SECOND]);
    acme.numbers[0].groups[0].confirm = Some(how);
    acme
}

/// Whether samples hold a tone.
fn holds(samples: &[i16], rate: u32, hz: f32) -> bool {
    tone(samples, rate, hz) > 1_000.0
}

#[test]
fn r29_a_mailbox_presses_nothing_and_the_caller_talks_with_who_does() {
    let says = Says::Tone { hz: 880 };
    let person = Behaviour::Presses { key: '1', after_ms: 2_500, says };
    let (world, _told) = carrier(&[(FIRST, answers(660)), (SECOND, person)]);
    let platform =
        Platform::start(Setup::new("confirm-key", world.local(), vec![confirmed(Confirm::Key { s: 5 })]));
    let mut call = platform.call(number(), "13800138000");
    call.says = Says::Tone { hz: 440 };
    call.ring_for = Duration::from_secs(30);
    call.hold_for = Duration::from_secs(8);
    let outcome = platform.place(call);
    assert_eq!(outcome.status, 200, "{outcome:?}");
    let calls = platform.await_calls(1);
    let record = &calls[0].record;
    assert_eq!(record.status, AnswerStatus::Answered);
    let outcomes: Vec<LegOutcome> = record.legs.iter().map(|leg| leg.outcome).collect();
    assert_eq!(outcomes, [LegOutcome::NoKey, LegOutcome::Answered]);
    // The carrier takes both legs from their 200s, the caller pays from its own.
    let [mailbox, person] = [0, 1].map(|leg: usize| record.legs[leg].cost_ms);
    assert!((4_900..8_000).contains(&mailbox), "{mailbox}");
    assert!(person >= record.talk_ms + 2_000, "{person} against {}", record.talk_ms);
    let of = |kind| calls[0].charges.iter().filter(|charge| charge.kind == kind).count();
    assert_eq!((of(ChargeKind::Sale), of(ChargeKind::Cost)), (1, 2));
    // Nobody heard the mailbox, and what was recorded begins behind the join.
    let wav = platform.recording(record.recording.expect("it was recorded"));
    assert!(holds(&wav.channels[1], wav.rate, 880.0) && !holds(&wav.channels[1], wav.rate, 660.0));
    assert_eq!(platform.findings(), []);
}

#[test]
fn r29_the_busy_tone_behind_an_answer_is_nobody_and_a_voice_is_somebody() {
    let rule = tones::rule(ToneId::Busy, 20_261_001).expect("a rule holds");
    let busy = Says::Samples(tones::render(rule.cadence, rule.level_dbm0).repeat(20).into());
    let answers = |says| Behaviour::Answers { ring_ms: (100, 100), talk_ms: None, says };
    let (world, _told) =
        carrier(&[(FIRST, answers(busy)), (SECOND, answers(Says::Speech { pitch_hz: 120 }))]);
    let platform = Platform::start(Setup::new("confirm-tone", world.local(), vec![confirmed(Confirm::Tone)]));
    let mut call = platform.call(number(), "13800138000");
    call.says = Says::Tone { hz: 440 };
    call.ring_for = Duration::from_secs(30);
    call.hold_for = Duration::from_secs(6);
    let outcome = platform.place(call);
    assert_eq!(outcome.status, 200, "{outcome:?}");
    let calls = platform.await_calls(1);
    let record = &calls[0].record;
    let outcomes: Vec<LegOutcome> = record.legs.iter().map(|leg| leg.outcome).collect();
    assert_eq!(outcomes, [LegOutcome::BusyTone, LegOutcome::Answered]);
    let asked_ms = |leg: usize| record.legs[leg].cost_ms;
    assert!((1_700..2_500).contains(&asked_ms(0)), "three bursts: {}", asked_ms(0));
    // Who speaks has the call before the time for tones is over.
    let second = &record.legs[1];
    let waited_ms = record.answered_at.expect("answered").0 - second.answered_at.expect("answered").0;
    assert!(waited_ms < 2_400, "{waited_ms}");
    // The file becomes one, and its row, a little later than the record.
    platform.recording(record.recording.expect("it was recorded"));
    assert_eq!(platform.findings(), []);
}

/// What a page learns of an agent's devices: both, or a mobile alone, to which no phone is lent that would never register.
fn page_knows_devices(platform: &Platform) {
    let path = |agent: &str, rest: &str| format!("/api/v1/enterprises/acme/agents/{agent}{rest}");
    for (agent, login, device, devices, lent) in [
        ("8001", "wang", "phone", json!(["phone", "mobile"]), (200, None)),
        ("8002", "zhao", "mobile", json!(["mobile"]), (409, Some("no_phone"))),
    ] {
        let page = signed_in_agent(platform, "acme", login, agent);
        let now = page.ask("GET", &path(agent, ""), None).body;
        assert_eq!((now["device"].as_str(), &now["devices"]), (Some(device), &devices));
        assert_eq!((now["capacity"].as_u64(), now["load"].as_u64()), (Some(100), Some(0)));
        let answer = page.ask("POST", &path(agent, "/phone"), None);
        assert_eq!((answer.status, answer.body["code"].as_str()), lent, "{:?}", answer.body);
    }
}

#[test]
fn r29_an_agent_without_a_phone_answers_on_a_mobile_and_presses_the_key() {
    let person = Behaviour::Presses { key: '1', after_ms: 2_000, says: Says::Tone { hz: 880 } };
    let (world, _told) = carrier(&[(MOBILE, person)]);
    let mut acme = acme_with_agents(&[("8001", "801")], "correct horse battery");
    // The phone is registered nowhere.
    acme.agents[0].mobile = Some(MOBILE.into());
    let (number_of_other, extension) = ("8002".to_owned(), String::new());
    acme.agents.push(Agent { number: number_of_other, extension, ..acme.agents[0].clone() });
    let platform = Platform::start(Setup::new("agent-mobile", world.local(), vec![acme]));
    let (code, view) = platform.run(&["agent", "login", "acme", "8001"]);
    assert_eq!(
        (code, view["state"].as_str(), view["device"].as_str()),
        (Some(0), Some("free"), Some("phone"))
    );
    let mut call = platform.call(number(), "13800138000");
    call.says = Says::Tone { hz: 440 };
    call.hold_for = Duration::from_secs(8);
    assert_eq!(platform.place(call).status, 200);
    let record = platform.await_calls(1).remove(0).record;
    let outcomes: Vec<LegOutcome> = record.legs.iter().map(|leg| leg.outcome).collect();
    assert_eq!(outcomes, [LegOutcome::NoAnswer, LegOutcome::Answered], "{record:?}");
    assert_eq!((record.agent.as_str(), record.offers, &*record.legs[1].dialled), ("8001", 1, MOBILE));
    assert!(!record.legs[1].trunk.is_empty() && record.wait_ms >= 1_900, "{record:?}");
    page_knows_devices(&platform);
    // By the agent's own word the phone is not even tried.
    let (code, view) = platform.run(&["agent", "device", "acme", "8001", "mobile"]);
    assert_eq!((code, view["device"].as_str()), (Some(0), Some("mobile")));
    let mut call = platform.call(number(), "13800138000");
    call.hold_for = Duration::from_secs(6);
    assert_eq!(platform.place(call).status, 200);
    let record = platform.await_calls(2).remove(1).record;
    assert_eq!(record.legs.iter().map(|leg| &*leg.dialled).collect::<Vec<_>>(), [MOBILE], "{record:?}");
    assert_eq!(platform.findings(), []);
}
