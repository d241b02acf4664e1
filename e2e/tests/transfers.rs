//! What happens to a talk once an agent answered, with real SIP phones and known tones: hold with music, transfers at once and
//! after a consult (row Q03).

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use e2e::{Account, Platform, Setup, Softphone, acme_with_agents, block_on, carrier, eventually, number};
use farend::Says;
use farend::call::place;
use hotline::call::{PauseEnd, PauseWhy};
use hotline::enterprise::Enterprise;
use media::measure::tone;
use media::wav::Wav;

const PASSWORD: &str = "a long word of no meaning";
const CALLER_HZ: u16 = 1_000;
const ALICE_HZ: u16 = 600;
const BOB_HZ: u16 = 1_500;

/// Two agents, 8001 and 8002, with a phone each; the first has a queue.
fn with_two_agents() -> Enterprise {
    acme_with_agents(&[("8001", "801"), ("8002", "802")], PASSWORD)
}

fn phone(platform: &Platform, user: &'static str, hz: u16) -> Softphone {
    let account = Account { registrar: platform.sip, user, password: PASSWORD, hz, behind: None };
    let phone = Softphone::start(&account);
    phone.await_news("registered");
    phone
}

/// `sibai live …` about the one call that is up.
fn live(platform: &Platform, words: &[&str]) -> serde_json::Value {
    let (_, calls) = platform.run(&["live", "list", "acme"]);
    let call = calls[0]["call"].as_str().expect("a call is up").to_owned();
    let (code, seen) = platform.run(&[&["live", words[0], "acme", &call], &words[1..]].concat());
    assert_eq!(code, Some(0), "{words:?}: {seen}");
    seen
}

/// Waits until the call has been as it is for so long.
fn lasts(platform: &Platform, ms: i64) {
    eventually("the call stays so", || {
        let (_, calls) = platform.run(&["live", "list", "acme"]);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64;
        (now - calls[0]["since"].as_i64()? >= ms).then_some(())
    });
}

fn state(platform: &Platform, agent: usize) -> String {
    let (_, agents) = platform.run(&["agent", "list", "acme"]);
    agents[agent]["state"].as_str().expect("a state").to_owned()
}

/// In which order a caller heard whom: tones by name, `music` for anything else that is loud, in parts of 200 ms.
fn heard(wav: &Wav) -> Vec<&'static str> {
    let mut parts: Vec<&'static str> = Vec::new();
    for part in wav.channels[0].chunks_exact(1_600) {
        let level = |hz: u16| tone(part, wav.rate, f32::from(hz));
        let loud = part.iter().filter(|sample| sample.unsigned_abs() > 300).count() > 200;
        let what = match (level(ALICE_HZ) > 3_000.0, level(BOB_HZ) > 3_000.0) {
            (true, true) => "both",
            (true, false) => "alice",
            (false, true) => "bob",
            (false, false) if loud => "music",
            (false, false) => continue,
        };
        if parts.last() != Some(&what) {
            parts.push(what);
        }
    }
    parts
}

#[test]
fn q03_a_caller_is_held_asked_about_and_handed_over() {
    let (world, _told) = carrier(&[]);
    let platform = Platform::start(Setup::new("transfers", world.local(), vec![with_two_agents()]));
    let alice = phone(&platform, "acme-801", ALICE_HZ);
    let bob = phone(&platform, "acme-802", BOB_HZ);
    for agent in ["8001", "8002"] {
        assert_eq!(platform.run(&["agent", "login", "acme", agent]).0, Some(0));
    }
    let file = platform.data_dir().join("heard.wav");
    let mut call = platform.call(number(), "13800138000");
    (call.says, call.hold_for) = (Says::Tone { hz: CALLER_HZ }, Duration::from_secs(14));
    call.record = Some(file.clone());
    let caller = thread::spawn(move || block_on(place(call, Default::default(), |_| ())).expect("a call"));
    alice.await_tone(CALLER_HZ);
    assert_eq!(live(&platform, &["hold"])["state"], "on_hold");
    lasts(&platform, 1_500);
    assert_eq!(live(&platform, &["resume"])["state"], "talking");
    lasts(&platform, 1_000);
    assert_eq!(live(&platform, &["consult", "--agent", "8002"])["state"], "moving");
    bob.await_tone(ALICE_HZ);
    assert_eq!((state(&platform, 0), state(&platform, 1)), ("talking".into(), "talking".into()));
    let (code, refused) = platform.run(&["live", "transfer", "acme", "01", "--agent", "8002"]);
    assert_ne!(code, Some(0), "{refused}");
    live(&platform, &["complete"]);
    bob.await_tone(CALLER_HZ);
    assert_eq!(state(&platform, 0), "free");
    assert_eq!(caller.join().expect("a caller").status, 200);
    let wav = Wav::parse(&std::fs::read(&file).expect("it was written"), 16 << 20).expect("a WAV");
    let order = heard(&wav);
    let talked: Vec<&str> = order.iter().copied().filter(|what| *what != "music").collect();
    assert_eq!(talked, ["alice", "alice", "bob"], "{order:?}");
    let record = platform.await_calls(1).remove(0).record;
    assert_eq!((record.agent.as_str(), record.transfers, record.legs.len()), ("8001", 1, 2), "{record:?}");
    assert!(record.hold_ms >= 1_500, "{} ms", record.hold_ms);
    eventually("the agent is free", || (state(&platform, 1) == "free").then_some(()));
    // The file becomes one, and its row, a little later than the record.
    platform.recording(record.recording.expect("it was recorded"));
    assert_eq!(platform.findings(), []);
}

/// What is said while the recording is paused is heard and not kept; behind it, after a transfer, it is kept again.
#[test]
fn v09_what_is_said_in_a_pause_is_in_no_recording() {
    let (world, _told) = carrier(&[]);
    let platform = Platform::start(Setup::new("pause", world.local(), vec![with_two_agents()]));
    let alice = phone(&platform, "acme-801", ALICE_HZ);
    let bob = phone(&platform, "acme-802", BOB_HZ);
    for agent in ["8001", "8002"] {
        assert_eq!(platform.run(&["agent", "login", "acme", agent]).0, Some(0));
    }
    let mut call = platform.call(number(), "13800138000");
    (call.says, call.hold_for) = (Says::Tone { hz: CALLER_HZ }, Duration::from_secs(17));
    let caller = thread::spawn(move || block_on(place(call, Default::default(), |_| ())).expect("a call"));
    alice.await_tone(CALLER_HZ);
    // The state lasts since the answer: the notice, then the talk.
    lasts(&platform, 7_500);
    assert_eq!(live(&platform, &["pause-recording"])["recording_paused"], true);
    live(&platform, &["transfer", "--agent", "8002"]);
    // Bob talks in the pause, and the caller hears it: only the recording does not.
    bob.await_tone(CALLER_HZ);
    lasts(&platform, 2_000);
    assert_eq!(live(&platform, &["resume-recording"])["recording_paused"], false);
    assert_eq!(caller.join().expect("a caller").status, 200);
    let record = platform.await_calls(1).remove(0).record;
    let pauses: Vec<_> = record.pauses.iter().map(|pause| (pause.why, pause.how)).collect();
    assert_eq!(pauses, [(PauseWhy::Ordered, Some(PauseEnd::Ordered))]);
    let (joined, pause) = (record.joined_at.expect("they talked"), &record.pauses[0]);
    let recording = record.recording.expect("it was recorded");
    let wav = platform.recording(recording);
    let tenths = |channel: usize, hz: u16| -> Vec<i64> {
        let windows = wav.channels[channel].chunks_exact(800).enumerate();
        let sounds = |window: &[i16]| tone(window, wav.rate, f32::from(hz)) > 3_000.0;
        windows.filter(|(_, window)| sounds(window)).map(|(at, _)| at as i64 * 100).collect()
    };
    let (from, until) = (pause.from.0 - joined.0, pause.until.0 - joined.0);
    assert!(until - from >= 2_000, "{pause:?}");
    let caller = tenths(0, CALLER_HZ);
    let inside = caller.iter().filter(|&&ms| (from + 200..until - 200).contains(&ms)).count();
    assert_eq!(inside, 0, "the caller is not heard from {from} to {until}: {caller:?}");
    assert!(caller.iter().filter(|&&ms| ms < from).count() >= 8, "{caller:?}");
    assert!(caller.iter().filter(|&&ms| ms > until).count() >= 8, "{caller:?}");
    let (alice, bob) = (tenths(1, ALICE_HZ), tenths(1, BOB_HZ));
    assert!(alice.iter().all(|&ms| ms < from + 200) && alice.len() >= 8, "{alice:?}");
    assert!(bob.iter().all(|&ms| ms > until - 200) && bob.len() >= 8, "{bob:?}");
    let seconds = wav.channels[0].len() as i64 / 8;
    assert!((seconds - (record.ended_at.0 - joined.0)).abs() < 600, "{seconds} ms of {record:?}");
    let (_, proof) = platform.run(&["recording", "evidence", "acme", &recording.to_string()]);
    let began = proof["events"][0]["detail"].as_str().expect("a detail");
    let began: serde_json::Value = serde_json::from_str(began).expect("JSON");
    let by = record.pauses[0].by.as_str();
    assert!(
        !by.is_empty() && began["pauses"][0]["by"] == by && began["pauses"][0]["why"] == "ordered",
        "{began}"
    );
    assert_eq!(began["pauses"][0]["from"], pause.from.0, "{began}");
    assert_eq!(platform.findings(), []);
}

#[test]
fn q03_a_caller_is_sent_on_at_once() {
    let (world, _told) = carrier(&[]);
    let platform = Platform::start(Setup::new("transfers-blind", world.local(), vec![with_two_agents()]));
    let alice = phone(&platform, "acme-801", ALICE_HZ);
    let bob = phone(&platform, "acme-802", BOB_HZ);
    for agent in ["8001", "8002"] {
        assert_eq!(platform.run(&["agent", "login", "acme", agent]).0, Some(0));
    }
    let mut call = platform.call(number(), "13800138000");
    (call.says, call.hold_for) = (Says::Tone { hz: CALLER_HZ }, Duration::from_secs(8));
    let caller = thread::spawn(move || block_on(place(call, Default::default(), |_| ())).expect("a call"));
    alice.await_tone(CALLER_HZ);
    live(&platform, &["transfer", "--agent", "8002"]);
    assert_eq!(bob.await_news("ringing")["from"], "13800138000", "the caller's own number (row K06)");
    bob.await_tone(CALLER_HZ);
    assert_eq!((state(&platform, 0), state(&platform, 1)), ("free".into(), "talking".into()));
    assert_eq!(caller.join().expect("a caller").status, 200);
    let record = platform.await_calls(1).remove(0).record;
    assert_eq!((record.transfers, record.legs.len(), record.agent.as_str()), (1, 2, "8001"));
    let recording = platform.recording(record.recording.expect("it was recorded"));
    let level = |hz: u16| {
        let parts = recording.channels[1].chunks_exact(1_600);
        parts.map(|part| tone(part, recording.rate, f32::from(hz))).fold(0.0, f32::max)
    };
    assert!(level(ALICE_HZ) > 4_000.0 && level(BOB_HZ) > 4_000.0, "{} {}", level(ALICE_HZ), level(BOB_HZ));
    assert_eq!(platform.findings(), []);
}
