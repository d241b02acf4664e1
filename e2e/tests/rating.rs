//! An agent sends its caller to the question for a rating: over the API with what is refused, and by the button of its page,
//! whose note about the call outlives the call though nobody pressed its own button (row Q07).

use std::thread;
use std::time::Duration;

use e2e::{
    Account, Chromium, Platform, Setup, Softphone, Visitor, acme_with_agents, at_the_desk, await_state,
    block_on, carrier, eventually, number, signed_in, signed_in_agent,
};
use farend::Says;
use farend::call::{HangUp, Outcome, Press, place};
use hotline::enterprise::{Enterprise, Satisfaction};
use serde_json::{Value, json};

const PHONE_PASSWORD: &str = "a long word of no meaning";
const AGENT_HZ: u16 = 600;
const CALLER_HZ: u16 = 1_000;

/// One agent, 8001, with the phone 801, and a queue that asks for ratings behind talks of so many seconds.
fn asking(talk_s_min: u16) -> Enterprise {
    let mut acme = acme_with_agents(&[("8001", "801")], PHONE_PASSWORD);
    acme.queues[0].satisfaction = Some(Satisfaction { talk_s_min, ..Satisfaction::default() });
    acme
}

/// A caller who presses 5 again and again: what is pressed in the talk is between the two, the first key behind the question
/// counts.
fn caller(platform: &Platform, from: &str, hang_up: &HangUp) -> thread::JoinHandle<Outcome> {
    let mut call = platform.call(number(), from);
    (call.says, call.hold_for) = (Says::Tone { hz: CALLER_HZ }, Duration::from_secs(60));
    call.press = [Press::Key(b'5'), Press::Pause(Duration::from_secs(2))].repeat(25);
    let hang_up = hang_up.clone();
    thread::spawn(move || block_on(place(call, hang_up, |_| ())).expect("a call"))
}

fn path(rest: &str) -> String {
    format!("/api/v1/enterprises/acme/agents/8001{rest}")
}

fn order(agent: &Visitor, order: Value) -> (u16, Value) {
    let answer = agent.ask("POST", &path("/call"), Some(&order));
    (answer.status, answer.body)
}

fn orders(agent: &Visitor) -> Vec<String> {
    let now = agent.ask("GET", &path(""), None).body;
    let all = now["orders"].as_array().into_iter().flatten();
    all.map(|one| one.as_str().expect("a word").to_owned()).collect()
}

#[test]
fn q07_an_agent_sends_its_caller_to_the_question_over_the_api() {
    let (world, _told) = carrier(&[]);
    let platform = Platform::start(Setup::new("rating-api", world.local(), vec![asking(4)]));
    let registrar = platform.sip;
    let phone = Softphone::start(&Account {
        registrar,
        user: "acme-801",
        password: PHONE_PASSWORD,
        hz: AGENT_HZ,
        behind: None,
    });
    phone.await_news("registered");
    let agent = signed_in_agent(&platform, "acme", "wang", "8001");
    assert_eq!(agent.ask("PUT", &path("/state"), Some(&json!("log_in"))).status, 200);
    assert_eq!(order(&agent, json!("rate")).1["code"], "talk_state", "no call");
    assert_eq!(orders(&agent), Vec::<String>::new());
    let (one, two) = (HangUp::default(), HangUp::default());
    let calling = caller(&platform, "13800138000", &one);
    phone.await_tone(CALLER_HZ);
    assert_eq!(order(&agent, json!("rate")).1["code"], "no_rating", "too short a talk");
    assert!(orders(&agent).contains(&"transfer".to_owned()) && !orders(&agent).contains(&"rate".to_owned()));
    eventually("the talk is long enough", || orders(&agent).contains(&"rate".to_owned()).then_some(()));
    assert_eq!(order(&agent, json!("rate")).0, 200);
    phone.await_news("ended");
    assert_eq!(calling.join().expect("a caller").status, 200);
    let again = caller(&platform, "13800138000", &two);
    phone.await_tone(CALLER_HZ);
    eventually("the talk is long enough for anybody else", || {
        let call = agent.ask("GET", &path(""), None).body["call"].clone();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
        (now.as_millis() as i64 - call["since"].as_i64()? > 5_000).then_some(())
    });
    let refused = order(&agent, json!("rate"));
    assert_eq!((refused.0, &refused.1["code"]), (409, &json!("no_rating")), "asked lately");
    two.now();
    again.join().expect("a caller");
    let record = platform.await_calls(2).remove(0).record;
    let rating = record.rating.clone().expect("it was asked");
    assert_eq!((rating.score, rating.agent.as_str(), rating.queue.as_str()), (Some(5), "8001", "sales"));
    let (_, audit) = platform.run(&["audit", "acme"]);
    assert!(audit.to_string().contains("rate"), "{audit}");
}

#[test]
fn q07_q04_a_page_sends_its_caller_to_the_question_and_loses_no_note_that_nobody_kept() {
    let (world, _told) = carrier(&[]);
    let platform = Platform::start(Setup::new("rating-page", world.local(), vec![asking(0)]));
    let leader = signed_in(&platform, "acme", "ma", "supervisor");
    let mut page = at_the_desk(&platform, "wang", "8001", AGENT_HZ);
    let end = HangUp::default();
    let calling = caller(&platform, "13800138000", &end);
    answer(&mut page);
    // Nobody leaves the field or presses a button of its own.
    page.write("textarea[name=note]", "要一张发票");
    page.press("转评价");
    await_state(&mut page, "free");
    page.await_true("!document.querySelector('textarea[name=note]')");
    assert_eq!(calling.join().expect("a caller").status, 200);
    let record = platform.await_calls(1).remove(0).record;
    assert_eq!(record.rating.as_ref().and_then(|rating| rating.score), Some(5));
    let call = format!("/api/v1/enterprises/acme/calls/{}", record.call);
    eventually("the note is kept", || {
        (leader.ask("GET", &call, None).body["notes"][0]["text"] == "要一张发票").then_some(())
    });

    let end = HangUp::default();
    let calling = caller(&platform, "13900139000", &end);
    answer(&mut page);
    page.await_true("document.querySelector('textarea[name=note]')?.value === ''");
    end.now();
    calling.join().expect("a caller");
    // The files become two, and their rows, a little later than the records.
    for call in platform.await_calls(2) {
        platform.recording(call.record.recording.expect("it was recorded"));
    }
    assert_eq!(platform.findings(), []);
}

fn answer(page: &mut Chromium) {
    page.await_true("document.querySelector('[data-call]')?.dataset.call === 'ringing'");
    page.press("接听");
    page.await_tone(CALLER_HZ);
}
