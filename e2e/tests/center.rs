//! A call centre with real clients: a caller, a menu, a queue, agents in two browsers, a supervisor on a SIP phone. Each has a tone of
//! its own, so that a test can say who heard whom (rows I16, Q03, Q04, Q11, Q13, Q22).

use std::time::{SystemTime, UNIX_EPOCH};

use e2e::{
    Account, Baresip, Chromium, Pickup, Platform, Setup, Softphone, Visitor, acme_walking, at_the_desk,
    await_state, carrier, eventually, extension, number, signed_in, step,
};
use hotline::agent::WrapUp;
use hotline::cdr::AnswerStatus;
use hotline::enterprise::{
    Agent, AskKind, Enterprise, FlowAsk, FlowQueue, FlowStepKind, Queue, Satisfaction,
};
use hotline::results::{ResultCode, Results};
use media::g711::Law;
use media::measure::tone;
use media::prompts;
use media::wav::Wav;
use serde_json::{Value, json};

const ONE_HZ: u16 = 600;
const TWO_HZ: u16 = 850;
const LEADER_HZ: u16 = 1_250;
const CALLER_HZ: u16 = 1_000;
const CALLER: &str = "13800138000";
/// The two tones of the key 5.
const KEY_5_HZ: [u16; 2] = [770, 1_336];

/// A menu whose key 1 leads to the queue that the agent 8001 serves; 8002 serves none and takes what is handed over. After a
/// call a minute to write up, at most.
fn center() -> Enterprise {
    let menu =
        FlowAsk { keys: vec![("1".into(), "wait".into())], ..FlowAsk::new(AskKind::Menu, "digit_5", "bye") };
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
    let steps = vec![
        step("menu", FlowStepKind::Ask(Box::new(menu))),
        step("wait", FlowStepKind::Queue(Box::new(wait))),
        step("bye", FlowStepKind::HangUp { prompt: None }),
    ];
    let mut acme = acme_walking(steps);
    for (agent, phone) in [("8001", "801"), ("8002", "802")] {
        acme.extensions.push(extension(phone, "a long word of no meaning").1);
        let (number, extension, skills) = (agent.to_owned(), phone.to_owned(), Default::default());
        acme.agents.push(Agent {
            name: format!("agent {number}"),
            number,
            extension,
            skills,
            capacity: None,
            shifts: Vec::new(),
            mobile: None,
            confirm: None,
        });
    }
    acme.extensions.push(extension("803", "a long word of no meaning").1);
    let wrap_up = WrapUp::Optional { ms_max: Some(60_000) };
    let results = Some(results());
    let satisfaction = Some(Satisfaction { talk_s_min: 1, ..Satisfaction::default() });
    acme.queues.push(Queue { wrap_up, results, satisfaction, ..Queue::new("sales", &["8001"]) });
    acme
}

/// What must be said of each call, unless the time for it runs out.
fn results() -> Results {
    let code = |code: &str, name: &str, codes| ResultCode { code: code.into(), name: name.into(), codes };
    let sale = vec![code("new", "新客户", Vec::new()), code("old", "老客户", Vec::new())];
    let codes = vec![code("sale", "成交", sale), code("other", "其他", Vec::new())];
    Results { mandatory: true, limit_s: None, default: Some("other".into()), codes }
}

/// An agent who writes up chooses what came of the call, before which it is kept from ending that.
fn chooses_a_result(leader: &Visitor, agent: &mut Chromium) {
    let ready = leader.ask("PUT", "/api/v1/enterprises/acme/agents/8001/state", Some(&json!("ready")));
    assert_eq!((ready.status, &ready.body["code"]), (409, &json!("result_owed")));
    for code in ["sale", "new"] {
        agent.await_true(&format!("!!document.querySelector('[data-code={code}]')"));
        agent.value(&format!("document.querySelector('[data-code={code}]').click()"));
    }
    agent.await_true("document.querySelector('[data-result]')?.dataset.result === 'sale/new'");
}

/// The call that is up, once it is in a state.
fn await_call(leader: &Visitor, state: &str) -> String {
    eventually(state, || {
        let live = leader.ask("GET", "/api/v1/enterprises/acme/live", None).body;
        (live[0]["state"] == state).then(|| live[0]["call"].as_str().expect("an id").to_owned())
    })
}

/// Waits until the call that is up has been as it is for so long.
fn lasts(leader: &Visitor, ms: i64) {
    eventually("the call stays so", || {
        let live = leader.ask("GET", "/api/v1/enterprises/acme/live", None).body;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64;
        (now - live[0]["since"].as_i64()? >= ms).then_some(())
    });
}

/// A supervisor whispers to the agent of a call, who hears it beside the caller, then leaves.
fn whispers(platform: &Platform, leader: &Visitor, call: &str, agent: &mut Chromium) {
    let account = Account {
        registrar: platform.sip,
        user: "acme-803",
        password: "a long word of no meaning",
        hz: LEADER_HZ,
        behind: None,
    };
    let phone = Softphone::start(&account);
    phone.await_news("registered");
    let path = format!("/api/v1/enterprises/acme/live/{call}/supervision");
    let supervise = |phone: &str, how: &str| {
        let answer = leader.ask("POST", &path, Some(&json!({"phone": phone, "how": how})));
        (answer.status, answer.body)
    };
    assert_eq!(supervise("803", "take_over").0, 409, "who is not in it takes nothing over");
    assert_eq!(supervise("899", "listen").1["code"], "not_found");
    assert_eq!(supervise("803", "whisper").0, 200);
    agent.await_level(LEADER_HZ, -60);
    agent.await_level(CALLER_HZ, -60);
    phone.await_tone(CALLER_HZ);
    assert_eq!(supervise("803", "leave").0, 200);
    agent.await_true(&format!("window.level({LEADER_HZ}) < -80"));
}

#[test]
fn q03_q11_q13_q22_a_call_goes_by_menu_and_queue_to_a_page_is_held_coached_and_handed_to_another() {
    let (world, _told) = carrier(&[]);
    let platform = Platform::start(Setup::new("center", world.local(), vec![center()]));
    let leader = signed_in(&platform, "acme", "ma", "supervisor");
    let mut one = at_the_desk(&platform, "wang", "8001", ONE_HZ);
    let mut two = at_the_desk(&platform, "li", "8002", TWO_HZ);
    let caller = Baresip::start(CALLER, Pickup::ByHand, Law::Pcma, f32::from(CALLER_HZ));
    caller.dial(number(), platform.sip);
    caller.await_event("CALL_ESTABLISHED");
    caller.press("1");

    one.await_true("document.querySelector('[data-call]')?.dataset.call === 'ringing'");
    one.press("接听");
    one.await_tone(CALLER_HZ);
    await_state(&mut one, "talking");
    let id = await_call(&leader, "talking");
    one.listen_for(&KEY_5_HZ);
    let is_heard = KEY_5_HZ.map(|hz| format!("window.loudest[{hz}] > -50")).join(" && ");
    caller.press("5");
    one.await_true(&is_heard);
    one.value("document.querySelector('[data-key=\"7\"]').click()");
    caller.await_keys("7");
    whispers(&platform, &leader, &id, &mut one);

    one.press("保持");
    await_call(&leader, "on_hold");
    lasts(&leader, 1_500);
    one.press("恢复通话");
    one.await_tone(CALLER_HZ);

    one.write("textarea[name=note]", "要一张发票");
    one.press("保存");
    one.await_true("document.querySelector('[data-note]')?.dataset.note === 'kept'");
    one.press("转接 / 咨询");
    one.press_in("[data-target=agent-8002]", "咨询");
    two.press("接听");
    two.await_tone(ONE_HZ);
    one.await_tone(TWO_HZ);
    one.press("完成转接");
    two.await_tone(CALLER_HZ);
    await_state(&mut one, "after_work");
    one.await_true("document.querySelector('[data-after-work]')?.dataset.afterWork === 'limited'");
    one.await_true("document.querySelector('textarea[name=note]')?.value === '要一张发票'");
    chooses_a_result(&leader, &mut one);
    one.press("结束整理");
    await_state(&mut one, "free");
    two.await_true("document.querySelector('[data-state]')?.dataset.state === 'talking'");
    caller.await_tone(f32::from(TWO_HZ));
    two.press("挂机");
    await_state(&mut two, "after_work");
    // Who was served says what it was worth, then is let go.
    await_call(&leader, "in_flow");
    caller.press("4");
    caller.await_event("CALL_CLOSED");

    let heard = caller.heard();
    let whisper = beside(&heard, ONE_HZ, LEADER_HZ);
    assert!(whisper < 200.0, "the caller never heard the whisper: {whisper}");
    let alike = like_the_music(&heard);
    assert!(alike > 0.9, "the caller heard the music of the hold: {alike}");
    told_afterwards(&platform, &leader, &id);
}

/// How loud a frequency ever was while another was heard: music and prompts have all of them.
fn beside(heard: &[i16], with: u16, hz: u16) -> f32 {
    let parts = heard.chunks_exact(1_600);
    let talks = parts.filter(|part| tone(part, 8_000, f32::from(with)) > 2_000.0);
    talks.map(|part| tone(part, 8_000, f32::from(hz))).fold(0.0, f32::max)
}

/// How much what was heard behind the first agent is like some place of the music on hold, at its best: 1 is the same.
fn like_the_music(heard: &[i16]) -> f32 {
    let music = Wav::parse(prompts::file("hold_music").expect("it is shipped"), 16 << 20).expect("a WAV");
    assert_eq!(music.rate, 8_000);
    let is_one = |part: &[i16]| tone(part, 8_000, f32::from(ONE_HZ)) > 2_000.0;
    let first = heard.chunks_exact(800).position(is_one).expect("the first agent is heard");
    let is_music = |part: &&[i16]| {
        let loud = part.iter().filter(|sample| sample.unsigned_abs() > 300).count() > 200;
        let tones = [ONE_HZ, TWO_HZ, LEADER_HZ, CALLER_HZ];
        loud && tones.iter().all(|hz| tone(part, 8_000, f32::from(*hz)) < 500.0)
    };
    let parts: Vec<&[i16]> = heard.chunks_exact(800).skip(first).filter(is_music).collect();
    let some = parts.iter().step_by((parts.len() / 4).max(1));
    some.map(|part| alike(part, &music.channels[0])).fold(0.0, f32::max)
}

/// The best correlation of a piece with any place of a whole.
fn alike(piece: &[i16], whole: &[i16]) -> f32 {
    let power = |samples: &[i16]| samples.iter().map(|one| f32::from(*one).powi(2)).sum::<f32>();
    let own = power(piece);
    let at = |place: &[i16]| {
        let both: f32 = piece.iter().zip(place).map(|(one, other)| f32::from(*one) * f32::from(*other)).sum();
        both / (own * power(place)).sqrt().max(1.0)
    };
    whole.windows(piece.len()).map(at).fold(0.0, f32::max)
}

/// One record with all legs in their order, the note, the keys and the supervision's both ends.
fn told_afterwards(platform: &Platform, leader: &Visitor, id: &str) {
    let calls = platform.await_calls(1);
    assert_eq!(calls.len(), 1, "one record a call");
    let record = &calls[0].record;
    assert_eq!((record.status, record.agent.as_str()), (AnswerStatus::Answered, "8001"));
    assert_eq!((record.queue.as_str(), record.transfers), ("sales", 1));
    assert!(record.hold_ms >= 1_500, "{} ms", record.hold_ms);
    let legs: Vec<&str> = record.legs.iter().map(|leg| leg.dialled.as_str()).collect();
    assert_eq!(legs, ["acme-801", "acme-803", "acme-802"]);
    let rating = record.rating.as_ref().expect("it was asked");
    assert_eq!((rating.score, &*rating.queue), (Some(4), "sales"), "{rating:?}");
    let keys: Vec<_> = record.keys.iter().map(|key| (key.step.as_str(), key.keys.as_str())).collect();
    assert_eq!(keys, [("menu", "1")]);
    let whole = leader.ask("GET", &format!("/api/v1/enterprises/acme/calls/{id}"), None).body;
    assert_eq!(
        (&whole["notes"][0]["agent"], &whole["notes"][0]["text"]),
        (&json!("8001"), &json!("要一张发票"))
    );
    let results = whole["record"]["results"].as_array().expect("one of each agent");
    let said: Vec<_> =
        results.iter().map(|one| (&one["agent"], &one["code"], &one["name"], &one["by"])).collect();
    let of_two = (&json!("8002"), &json!("other"), &json!("其他"), &json!(""));
    assert_eq!(said, [(&json!("8001"), &json!("sale/new"), &json!("成交/新客户"), &json!("wang")), of_two]);
    let over_the_api = |place: &str| {
        let answer = leader.ask("GET", &format!("/api/v1/enterprises/acme/{place}"), None);
        (answer.status, answer.body)
    };
    let (_, sums) = platform.run(&["result", "report", "acme"]);
    assert_eq!(over_the_api("results/sums"), (200, sums.clone()));
    assert_eq!(over_the_api("results/sums?until_ms=1"), (200, json!([])));
    let calls = |sum: &Value| (sum["code"].clone(), sum["calls"].clone(), sum["by_default"].clone());
    let sums: Vec<_> = sums.as_array().into_iter().flatten().map(calls).collect();
    assert_eq!(sums, [(json!("other"), json!(1), json!(1)), (json!("sale/new"), json!(1), json!(0))]);
    let (_, listed) = platform.run(&["result", "list", "acme", "--code", "sale"]);
    assert_eq!((&listed[0]["call"], &listed[0]["agent"]), (&json!(id), &json!("8001")), "{listed}");
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    assert_eq!(over_the_api("results?code=sale"), (200, listed));
    let (_, whole) = over_the_api("results");
    assert_eq!(whole.as_array().map(Vec::len), Some(2), "{whole}");
    assert_eq!(over_the_api("results?limit=1").1, json!([whole[0]]));
    let behind = format!("results?behind={id}/{}", whole[0]["agent"].as_str().unwrap_or_default());
    assert_eq!(over_the_api(&behind).1, json!([whole[1]]), "the other agent's word on the same call");
    let (status, refused) = over_the_api("results?behind=x");
    assert_eq!((status, &refused["code"]), (422, &json!("invalid_value")));
    let (_, audit) = platform.run(&["audit", "acme"]);
    let of = |action: &str| -> Vec<String> {
        let rows = audit.as_array().into_iter().flatten().filter(|row| row["action"] == action);
        rows.map(|row| row["became"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let orders = of("talk_order");
    assert!(
        orders.contains(&"whisper 803".to_owned()) && orders.contains(&"unwatch 803".to_owned()),
        "{audit}"
    );
    let over = of("watch_over");
    assert!(over.len() == 1 && over[0].starts_with("whisper "), "{over:?}");
    assert_eq!(of("put_note").len(), 1);
    platform.recording(record.recording.expect("it was recorded"));
    assert_eq!(platform.findings(), []);
}
