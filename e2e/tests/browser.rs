//! An agent in a real browser: signs in, is rung by a queue, answers, and both hear each other (row Q22).

use std::thread;
use std::time::{Duration, Instant};

use e2e::{
    Chromium, Platform, Setup, Turn, acme_with_agents, block_on, carrier, eventually, number, signed_in,
};
use farend::Says;
use farend::call::place;
use hotline::agent::State;
use hotline::cdr::AnswerStatus;
use hotline::enterprise::Enterprise;
use media::measure::tone;
use media::wav::Wav;

const PASSWORD: &str = "k7#Lq0-vTz9";
const AGENT_HZ: u16 = 600;
const CALLER_HZ: u16 = 1_000;

/// One agent, 8001, whose phone is the extension 801, and a queue that leads there. What the extension's password is
/// nobody needs to know.
fn with_a_queue() -> Enterprise {
    let mut acme = acme_with_agents(&[("8001", "801")], "a long word of no meaning");
    acme.queues[0].join_empty = vec![State::Off.into()];
    acme
}

/// An agent's account, by the command line as an operator makes it; then the agent at its desk, logged in and reached.
fn at_the_desk(platform: &Platform) -> Chromium {
    at_the_desk_by(platform, |_| ())
}

/// The same in a browser that something is done to before.
fn at_the_desk_by(platform: &Platform, before: impl Fn(&mut Chromium)) -> Chromium {
    let words = ["account", "add", "acme", "wang", "--name", "王工", "--role", "agent", "--agent", "8001"];
    let (code, made) = platform.run(&words);
    assert_eq!(code, Some(0), "{made}");
    let first = made["password"].as_str().expect("told once").to_owned();
    let mut browser = Chromium::start(AGENT_HZ);
    before(&mut browser);
    browser.open(&format!("http://{}/agent", platform.http));
    sign_in(&mut browser, &first);
    browser.await_true("!!document.querySelector('[name=fresh]')");
    browser.submit(&[("old", &first), ("fresh", PASSWORD)]);
    log_in(&mut browser);
    browser
}

/// The same agent in another browser, later.
fn at_the_desk_again(platform: &Platform) -> Chromium {
    let mut browser = Chromium::start(AGENT_HZ);
    browser.open(&format!("http://{}/agent", platform.http));
    log_in(&mut browser);
    browser
}

fn sign_in(browser: &mut Chromium, password: &str) {
    browser.await_true("!!document.querySelector('[name=enterprise]')");
    browser.submit(&[("enterprise", "acme"), ("login", "wang"), ("password", password)]);
}

fn log_in(browser: &mut Chromium) {
    sign_in(browser, PASSWORD);
    browser.await_true("document.querySelector('[data-line]')?.dataset.line === 'ready'");
    browser.press("签入");
    browser.await_true("document.querySelector('[data-state]')?.dataset.state === 'free'");
}

fn most(samples: &[i16], rate: u32, hz: u16) -> f32 {
    samples.chunks_exact(1_600).map(|part| tone(part, rate, f32::from(hz))).fold(0.0, f32::max)
}

#[test]
fn r29_an_agent_who_has_both_chooses_at_its_desk_what_rings() {
    let (world, _told) = carrier(&[]);
    let mut acme = with_a_queue();
    acme.agents[0].mobile = Some("13911112222".into());
    let platform = Platform::start(Setup::new("browser-device", world.local(), vec![acme]));
    let mut browser = at_the_desk(&platform);
    let device = || platform.run(&["agent", "list", "acme"]).1[0]["device"].as_str().map(str::to_owned);
    let shows = |browser: &mut Chromium, device: &str| {
        browser
            .await_true(&format!("document.querySelector('[data-device]')?.dataset.device === '{device}'"));
    };
    shows(&mut browser, "phone");
    browser.press("改用手机");
    shows(&mut browser, "mobile");
    assert_eq!(device().as_deref(), Some("mobile"));
    browser.press("改用话机");
    shows(&mut browser, "phone");
    assert_eq!(device().as_deref(), Some("phone"));
}

#[test]
fn q22_a_caller_and_an_agent_in_chromium_hear_each_other_and_keys_pass() {
    let (world, _told) = carrier(&[]);
    let platform = Platform::start(Setup::new("browser-talk", world.local(), vec![with_a_queue()]));
    let mut browser = at_the_desk(&platform);
    let heard = platform.data_dir().join("heard.wav");
    let mut call = platform.call(number(), "13800138000");
    (call.says, call.hold_for) = (Says::Tone { hz: CALLER_HZ }, Duration::from_secs(12));
    call.record = Some(heard.clone());
    let caller = thread::spawn(move || block_on(place(call, Default::default(), |_| ())).expect("a call"));
    browser.await_true("document.querySelector('[data-call]')?.dataset.call === 'ringing'");
    browser.await_true("document.querySelector('.from strong').textContent === '13800138000'");
    browser.press("接听");
    browser.await_tone(CALLER_HZ);
    browser.await_true("document.querySelector('[data-state]')?.dataset.state === 'talking'");
    browser.value("document.querySelector('[data-key=\"7\"]').click()");
    let outcome = caller.join().expect("a caller");
    assert_eq!((outcome.status, outcome.media.digits.as_str()), (200, "7"), "{outcome:?}");
    let wav = Wav::parse(&std::fs::read(&heard).expect("it was written"), 16 << 20).expect("a WAV");
    let level = most(&wav.channels[0], wav.rate, AGENT_HZ);
    assert!(level > 2_000.0, "the caller heard the agent's tone at {level}");
    let record = platform.await_calls(1).remove(0).record;
    assert_eq!((record.status, record.agent.as_str()), (AnswerStatus::Answered, "8001"));
    assert_eq!(record.offers, 1);
    let recording = platform.recording(record.recording.expect("it was recorded"));
    let level = |channel: usize, hz| most(&recording.channels[channel], recording.rate, hz);
    assert!(level(0, CALLER_HZ) > 2_000.0 && level(1, AGENT_HZ) > 2_000.0, "both sides are in the recording");
    eventually("the page has no call", || {
        let none = browser.value("!document.querySelector('[data-call]')");
        (none == true).then_some(())
    });
    assert_eq!(platform.findings(), []);
}

/// A firewall in front of the agent lets nothing out but TCP: the page's voice goes by the TURN server that the platform lends it.
#[test]
fn q22_an_agent_behind_a_firewall_talks_by_a_turn_server_over_tcp() {
    let (world, _told) = carrier(&[]);
    let turn = Turn::start();
    let setup = Setup {
        more: turn.configuration(),
        ..Setup::new("browser-turn", world.local(), vec![with_a_queue()])
    };
    let platform = Platform::start(setup);
    let mut browser = at_the_desk_by(&platform, Chromium::only_by_relays);
    let heard = platform.data_dir().join("heard.wav");
    let mut call = platform.call(number(), "13800138000");
    (call.says, call.hold_for) = (Says::Tone { hz: CALLER_HZ }, Duration::from_secs(12));
    call.record = Some(heard.clone());
    let caller = thread::spawn(move || block_on(place(call, Default::default(), |_| ())).expect("a call"));
    browser.await_true("document.querySelector('[data-call]')?.dataset.call === 'ringing'");
    browser.press("接听");
    browser.await_tone(CALLER_HZ);
    assert_eq!(browser.value("window.way()"), "relay tcp", "{}", turn.log());
    browser.value("document.querySelector('[data-key=\"7\"]').click()");
    let outcome = caller.join().expect("a caller");
    assert_eq!((outcome.status, outcome.media.digits.as_str()), (200, "7"), "{outcome:?}");
    let wav = Wav::parse(&std::fs::read(&heard).expect("it was written"), 16 << 20).expect("a WAV");
    let level = most(&wav.channels[0], wav.rate, AGENT_HZ);
    assert!(level > 2_000.0, "the caller heard the agent's tone at {level}");
    // The name that was lent is the proof that the server took the platform's word for the page.
    let lent = |line: &&str| line.contains(":acme-801>") && line.contains("ALLOCATE processed, success");
    eventually("the TURN server's word on it", || turn.log().lines().find(lent).map(drop));
}

#[test]
fn q23_a_page_that_is_loaded_anew_in_a_talk_is_back_in_it_within_3_s() {
    let (world, _told) = carrier(&[]);
    let platform = Platform::start(Setup::new("browser-reload", world.local(), vec![with_a_queue()]));
    let mut browser = at_the_desk(&platform);
    let mut call = platform.call(number(), "13800138000");
    (call.says, call.hold_for) = (Says::Tone { hz: CALLER_HZ }, Duration::from_secs(20));
    let heard = platform.data_dir().join("heard.wav");
    call.record = Some(heard.clone());
    let caller = thread::spawn(move || block_on(place(call, Default::default(), |_| ())).expect("a call"));
    browser.press("接听");
    browser.await_tone(CALLER_HZ);
    browser.reload();
    let reloaded = std::time::Instant::now();
    browser.await_true("document.querySelector('[data-line]') && performance.now() < 20000");
    let began = std::time::Instant::now();
    browser.await_tone(CALLER_HZ);
    let (loaded, back) = (began - reloaded, began.elapsed());
    assert!(back < Duration::from_secs(3), "the page was there after {loaded:?}, the voice {back:?} later");
    browser.await_true("document.querySelector('[data-call]')?.dataset.call === 'talking'");
    let outcome = caller.join().expect("a caller");
    let since = usize::try_from(reloaded.elapsed().as_millis()).expect("seconds") * 8 - 8_000;
    assert_eq!(outcome.status, 200, "{outcome:?}");
    let wav = Wav::parse(&std::fs::read(&heard).expect("it was written"), 16 << 20).expect("a WAV");
    let samples = &wav.channels[0];
    let after = &samples[samples.len().saturating_sub(since)..];
    let level = most(after, wav.rate, AGENT_HZ);
    assert!(level > 2_000.0, "the caller hears the agent after it, too: {level}");
    let record = platform.await_calls(1).remove(0).record;
    assert_eq!((record.status, record.agent.as_str(), record.offers), (AnswerStatus::Answered, "8001", 1));
    assert!(record.talk_ms >= 15_000, "one talk in one record: {} ms", record.talk_ms);
    // The file becomes one, and its row, a little later than the record.
    let recording = platform.recording(record.recording.expect("it was recorded"));
    assert_eq!(recording.channels.len(), 2);
    assert_eq!(platform.findings(), []);
}

/// Rows Q10 and Q24: presence hangs on a live connection. The enterprise was not called before: nothing of it is in memory.
#[test]
fn q10_q24_a_closed_tab_is_off_within_30_s_and_no_caller_is_offered_to_it() {
    let (world, _told) = carrier(&[]);
    let mut acme = with_a_queue();
    (acme.queues[0].join_empty, acme.queues[0].leave_empty) = (Vec::new(), Vec::new());
    let platform = Platform::start(Setup::new("browser-closed", world.local(), vec![acme]));
    let leader = signed_in(&platform, "acme", "ma", "supervisor");
    let agent = || leader.ask("GET", "/api/v1/enterprises/acme/agents/8001", None).body;
    let mut browser = at_the_desk(&platform);
    assert_eq!(agent()["state"], "free");
    browser.close_page();
    let closed = Instant::now();
    let lost = eventually("the agent is off", || Some(agent()).filter(|agent| agent["state"] == "off"));
    let after = closed.elapsed();
    assert_eq!((lost["reason"].as_str(), &lost["logged_in_at"]), (Some("connection_lost"), &().into()));
    assert!((Duration::from_secs(20)..Duration::from_secs(30)).contains(&after), "off after {after:?}");
    let (_, audit) = platform.run(&["audit", "acme"]);
    assert!(audit.to_string().contains("presence"), "{audit}");

    let mut browser = at_the_desk_again(&platform);
    let mut call = platform.call(number(), "13800138000");
    call.hold_for = Duration::from_secs(2);
    let caller = thread::spawn(move || block_on(place(call, Default::default(), |_| ())).expect("a call"));
    browser.press("接听");
    assert_eq!(caller.join().expect("a caller").status, 200);
    eventually("the agent is free", || (agent()["state"] == "free").then_some(()));
    browser.close_page();
    let open = || platform.figure("sibai_sip_connections");
    eventually("its connection is gone", || (open() == 0).then_some(()));
    let mut call = platform.call(number(), "13900139000");
    call.hold_for = Duration::from_secs(35);
    assert_eq!(platform.place(call).status, 200);
    let waited = platform.await_calls(2);
    let record = &waited.iter().find(|one| one.record.caller == "13900139000").expect("the second").record;
    assert_eq!((record.offers, record.agent.as_str(), record.legs.len()), (0, "", 0), "{record:?}");
    assert_eq!(
        (agent()["state"].as_str(), agent()["reason"].as_str()),
        (Some("off"), Some("connection_lost"))
    );
    assert_eq!(platform.findings(), []);
}
