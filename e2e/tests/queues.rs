//! A caller waits in a queue, hears music, and talks with an agent on a registered phone; the record and the command line
//! tell the same, and a node that dies leaves nobody stuck (rows Q01, Q02, Q10, Q24).

use std::thread;
use std::time::{Duration, Instant};

use e2e::{
    Account, Platform, Setup, Softphone, Visitor, acme_with_agents, block_on, carrier, eventually, extension,
    number, signed_in, signed_in_agent,
};
use farend::Says;
use farend::call::{Press, place};
use hotline::agent::State;
use hotline::calendar::Schedule;
use hotline::cdr::AnswerStatus;
use hotline::enterprise::{Agent, Enterprise, Satisfaction};
use hotline::shift::{AgentShift, Shift};
use media::measure::tone;
use media::wav::Wav;
use serde_json::{Value, json};

const PASSWORD: &str = "a long word of no meaning";
const AGENT_HZ: u16 = 600;
const CALLER_HZ: u16 = 1_000;

/// One agent, 8001, whose phone is the extension 801, and a queue that waits for whoever rests.
fn with_a_queue() -> Enterprise {
    let mut acme = acme_with_agents(&[("8001", "801")], PASSWORD);
    acme.queues[0].join_empty = vec![State::Off.into()];
    acme
}

fn phone(platform: &Platform) -> Softphone {
    let registrar = platform.sip;
    let account = Account { registrar, user: "acme-801", password: PASSWORD, hz: AGENT_HZ, behind: None };
    let phone = Softphone::start(&account);
    phone.await_news("registered");
    phone
}

/// What an agent is seen to be doing, by the command line.
fn state(platform: &Platform) -> String {
    let (code, agents) = platform.run(&["agent", "list", "acme"]);
    assert_eq!(code, Some(0), "{agents}");
    agents[0]["state"].as_str().expect("a state").to_owned()
}

fn loudness(samples: &[i16]) -> f64 {
    let sum: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    (sum / samples.len().max(1) as f64).sqrt()
}

#[test]
fn q01_q02_q10_a_caller_waits_with_music_and_talks_with_an_agent() {
    let (world, _told) = carrier(&[]);
    let platform = Platform::start(Setup::new("queues-talk", world.local(), vec![with_a_queue()]));
    let phone = phone(&platform);
    assert_eq!(state(&platform), "off");
    let ordered = |words: &[&str]| {
        let (code, view) = platform.run(&[&["agent"], words].concat());
        assert_eq!(code, Some(0), "{view}");
        view["state"].as_str().expect("a state").to_owned()
    };
    assert_eq!(ordered(&["login", "acme", "8001"]), "free");
    assert_eq!(ordered(&["rest", "acme", "8001", "--reason", "lunch"]), "rest");
    let heard = platform.data_dir().join("heard.wav");
    let mut call = platform.call(number(), "13800138000");
    (call.says, call.hold_for) = (Says::Tone { hz: CALLER_HZ }, Duration::from_secs(9));
    call.record = Some(heard.clone());
    let caller = thread::spawn(move || block_on(place(call, Default::default(), |_| ())).expect("a call"));
    eventually("somebody waits for three seconds", || {
        let (_, queues) = platform.run(&["queue", "list", "acme"]);
        queues[0]["waiting"][0][1].as_u64().filter(|waited_ms| *waited_ms >= 3_000)
    });
    assert_eq!(ordered(&["ready", "acme", "8001"]), "ringing");
    assert_eq!(phone.await_news("ringing")["from"], "13800138000");
    phone.await_tone(CALLER_HZ);
    assert_eq!(state(&platform), "talking");
    let outcome = caller.join().expect("a caller");
    assert_eq!(outcome.status, 200, "{outcome:?}");
    let wav = Wav::parse(&std::fs::read(&heard).expect("it was written"), 16 << 20).expect("a WAV");
    let samples = &wav.channels[0];
    // Music first, without the agent's tone; the tone in the end, at least for a fifth of a second.
    let (music, talk) = (&samples[4_000..20_000], &samples[samples.len() - 16_000..]);
    assert!(loudness(music) > 300.0, "{} while it waited", loudness(music));
    let level = |part: &[i16]| tone(part, wav.rate, f32::from(AGENT_HZ));
    let most = |part: &[i16]| part.chunks_exact(1_600).map(level).fold(0.0, f32::max);
    assert!(most(talk) > 4_000.0 && most(music) < 2_000.0, "{} and {}", most(talk), most(music));
    let record = platform.await_calls(1).remove(0).record;
    assert_eq!((record.status, record.agent.as_str()), (AnswerStatus::Answered, "8001"));
    assert_eq!((record.queue.as_str(), record.offers), ("sales", 1));
    assert!((3_000..9_000).contains(&record.wait_ms), "{} ms", record.wait_ms);
    eventually("the agent is free", || (state(&platform) == "free").then_some(()));
    // The file becomes one, and its row, a little later than the record.
    let recording = platform.recording(record.recording.expect("it was recorded"));
    assert_eq!(recording.channels.len(), 2);
    // It begins when the two are joined, behind the notice that both heard: from there on each is heard within 300 ms (row I15).
    for (channel, hz) in [(0, CALLER_HZ), (1, AGENT_HZ)] {
        let frames = recording.channels[channel].chunks_exact(160);
        let quiet = frames.take_while(|frame| tone(frame, recording.rate, f32::from(hz)) < 4_000.0);
        let quiet_ms = quiet.count() * 20;
        assert!(quiet_ms < 300, "{hz} Hz is heard after {quiet_ms} ms");
    }
    assert_eq!(platform.findings(), []);
}

/// An agent's page reads and steers its own agent and no other; who leads agents sees all.
#[test]
fn q02_q10_p04_an_agent_steers_itself_over_the_api_and_sees_the_call_that_rings() {
    let (world, _told) = carrier(&[]);
    let mut acme = with_a_queue();
    let other = Agent { number: "8002".into(), name: "Zhao".into(), ..acme.agents[0].clone() };
    acme.agents.push(Agent { extension: "802".into(), ..other });
    acme.shifts.push(all_day());
    acme.agents[0].shifts.push(AgentShift::always("all day"));
    let (_, second) = extension("802", PASSWORD);
    acme.extensions.push(second);
    let platform = Platform::start(Setup::new("queues-api", world.local(), vec![acme]));
    let phone = phone(&platform);
    let agent = signed_in_agent(&platform, "acme", "wang", "8001");
    let leader = signed_in(&platform, "acme", "ma", "supervisor");
    let path = |agent: &str| format!("/api/v1/enterprises/acme/agents/{agent}");
    let state = |agent: &str| format!("{}/state", path(agent));
    let order = |visitor: &Visitor, agent: &str, wish: Value| visitor.ask("PUT", &state(agent), Some(&wish));
    assert_eq!(agent.ask("GET", &path("8001"), None).body["state"], "off");
    assert_eq!(agent.ask("GET", &path("8002"), None).status, 404, "somebody else");
    assert_eq!(order(&agent, "8002", json!("log_in")).status, 404);
    assert_eq!(agent.ask("GET", "/api/v1/enterprises/acme/agents", None).status, 403);
    assert_eq!(order(&leader, "8002", json!("log_in")).body["state"], "free", "who leads may");
    assert_eq!(order(&leader, "8002", json!("log_out")).body["state"], "off");
    assert_eq!(order(&agent, "8001", json!("ready")).status, 422, "not logged in");
    assert_eq!(order(&agent, "8001", json!({"rest": ""})).status, 422);
    assert_eq!(order(&agent, "8001", json!({"coffee": 1})).status, 400);
    assert_eq!(order(&agent, "8001", json!("log_in")).body["state"], "free");
    let rest = order(&agent, "8001", json!({"rest": "lunch"})).body;
    assert_eq!((&rest["state"], &rest["reason"]), (&json!("rest"), &json!("lunch")));
    let mut call = platform.call(number(), "13800138000");
    (call.says, call.hold_for) = (Says::Tone { hz: CALLER_HZ }, Duration::from_secs(10));
    let caller = thread::spawn(move || block_on(place(call, Default::default(), |_| ())).expect("a call"));
    eventually("somebody waits", || {
        let queues = leader.ask("GET", "/api/v1/enterprises/acme/queues", None).body;
        queues[0]["waiting"][0]["call"].as_str().map(str::to_owned)
    });
    let watched = thread::scope(|scope| {
        let watched = scope.spawn(|| {
            let mut states = Vec::new();
            agent.watch(&format!("{}/events", path("8001")), |name, data| {
                assert_eq!(name, "agent");
                if data["state"] == "talking" {
                    assert_eq!(data["call"]["caller"], "13800138000", "{data}");
                }
                states.push(data["state"].as_str().expect("a state").to_owned());
                states.contains(&"talking".to_owned()) && states.last().is_some_and(|last| last == "free")
            });
            states
        });
        assert_eq!(order(&agent, "8001", json!("ready")).status, 200);
        phone.await_tone(CALLER_HZ);
        let call = |wish: Value| agent.ask("POST", &format!("{}/call", path("8001")), Some(&wish));
        assert_eq!(call(json!("hold")).body["call"]["state"], "on_hold");
        assert_eq!(call(json!("hold")).body["code"], "talk_state", "it is held");
        assert_eq!(call(json!({"transfer": {"agent": "8009"}})).body["code"], "not_found");
        assert_eq!(call(json!({"transfer": {"agent": "8002"}})).body["code"], "talk_state", "off duty");
        assert_eq!(call(json!("resume")).body["call"]["state"], "talking");
        assert_eq!(agent.ask("POST", &format!("{}/call", path("8002")), Some(&json!("hold"))).status, 404);
        watched.join().expect("a thread")
    });
    assert!(watched.contains(&"talking".to_owned()), "{watched:?}");
    assert_eq!(
        leader.ask("POST", &format!("{}/call", path("8001")), Some(&json!("hold"))).status,
        409,
        "it is over"
    );
    assert_eq!(caller.join().expect("a caller").status, 200);
    let listed = leader.ask("GET", "/api/v1/enterprises/acme/agents", None).body;
    assert_eq!(
        (&listed[0]["agent"], &listed[0]["today"]["answered"]),
        (&json!("8001"), &json!(1)),
        "{listed}"
    );
    assert!(listed[0]["times_ms"]["talking"].as_u64().is_some_and(|ms| ms > 0), "{listed}");
    let refused = agent.ask("GET", "/api/v1/enterprises/acme/agent-report", None);
    assert_eq!(refused.status, 403, "{}", refused.body);
    q10_q25_the_report_adds_up(&platform, &leader, &listed[0]["times_ms"]);
    let refused = agent.ask("GET", "/api/v1/enterprises/acme/attendance", None);
    assert_eq!(refused.status, 403, "{}", refused.body);
    q26_the_plan_is_held_against_what_agents_did(&platform, &leader);
}

/// Every hour of every day, with a break at noon.
fn all_day() -> Shift {
    let breaks = vec!["12:00-12:30".parse().expect("hours")];
    Shift { name: "all day".into(), schedule: Schedule::always(), breaks, grace_minutes: 60 }
}

/// Attendance and coverage, by the API and by the command line alike.
fn q26_the_plan_is_held_against_what_agents_did(platform: &Platform, leader: &Visitor) {
    let of = |what: &str| leader.ask("GET", &format!("/api/v1/enterprises/acme/{what}"), None).body;
    let today = of("attendance");
    let [first, second] = today["agents"].as_array().expect("agents").as_slice() else { panic!("{today}") };
    assert_eq!((&first["agent"], &second["agent"]), (&json!("8001"), &json!("8002")), "{today}");
    let duty = &first["duties"][0];
    assert_eq!((&duty["shift"], &duty["came"]), (&json!("all day"), &json!("present")), "{today}");
    let ms = |of: &Value, name: &str| of[name].as_u64().expect("milliseconds");
    let parts = ["worked_ms", "rest_ms", "off_ms"].map(|name| ms(duty, name));
    assert_eq!(parts.iter().sum::<u64>(), ms(duty, "planned_ms"), "{today}");
    assert!(ms(duty, "late_ms") > 0 && ms(first, "logged_in_ms") > 0, "{today}");
    assert_eq!(ms(first, "outside_ms"), 0, "all of its day is duty");
    assert_eq!(second["duties"], json!([]), "{today}");
    assert_eq!(ms(second, "outside_ms"), ms(second, "logged_in_ms"), "{today}");
    // A day of which nothing is kept; on it the second had nothing to do.
    let past = of("attendance?date=2026-06-01");
    let only = [&past["agents"][0]["agent"], &past["agents"][0]["duties"][0]["came"]];
    assert_eq!(
        (past["agents"].as_array().map(Vec::len), only),
        (Some(1), [&json!("8001"), &json!("unknown")])
    );
    let duty = &past["agents"][0]["duties"][0];
    let (planned, off) = (ms(duty, "planned_ms"), ms(duty, "off_ms"));
    assert_eq!((planned, off, ms(duty, "break_ms")), (84_600_000, 84_600_000, 1_800_000), "{past}");
    assert_eq!((&duty["adherence_e1"], &duty["first"]), (&Value::Null, &Value::Null), "{past}");
    let by_words = platform.run(&["agent", "attendance", "acme", "--date", "2026-06-01"]);
    assert_eq!(by_words, (Some(0), past["agents"].clone()));
    let page = of("attendance?date=2026-06-01&limit=1");
    assert_eq!((&page["next"], &page["agents"]), (&json!("8001"), &past["agents"]), "{page}");
    assert_eq!(of("attendance?date=2026-06-01&limit=1&behind=8001")["next"], Value::Null);
    assert_eq!(of("attendance?agent=8009")["code"], "not_found");
    assert_eq!(of("attendance?date=june")["code"], "invalid_value");
    let planned = of("coverage?date=2026-06-01");
    let quarters = planned["quarters"].as_array().expect("quarters");
    assert_eq!(
        (quarters.len(), planned["agents"].as_u64(), &planned["forecast"]),
        (96, Some(2), &Value::Null)
    );
    let quarter = |place: usize| &quarters[place];
    let (morning, noon) = (quarter(0), quarter(48));
    assert_eq!((&morning["planned_e2"], &noon["planned_e2"]), (&json!(100), &json!(0)), "{planned}");
    assert_eq!((&morning["logged_in_e2"], &morning["suggested"]), (&Value::Null, &Value::Null), "{planned}");
    let ahead = of("coverage?date=2100-01-01&queue=sales&handling_s=180");
    assert_eq!(ahead["quarters"][0]["logged_in_e2"], Value::Null, "{ahead}");
    let inputs = (&ahead["agents"], &ahead["forecast"]["handling"]["by"]);
    assert_eq!(inputs, (&json!(1), &json!("asked")), "the queue has one agent: {ahead}");
    let words = [
        "agent",
        "coverage",
        "acme",
        "--date",
        "2100-01-01",
        "--queue",
        "sales",
        "--handling-seconds",
        "180",
    ];
    assert_eq!(platform.run(&words), (Some(0), ahead), "the same by the command line");
    assert_eq!(of("coverage?queue=service")["code"], "not_found");
    assert_eq!(of("coverage?queue=sales&weeks=13")["code"], "invalid_value");
}

/// What an agent did, by the API, page by page, and by the command line alike.
fn q10_q25_the_report_adds_up(platform: &Platform, leader: &Visitor, lived: &Value) {
    let of = |what: &str| leader.ask("GET", &format!("/api/v1/enterprises/acme/agent-report?{what}"), None);
    let since = "since_ms=1600000000000&until_ms=1600000000001";
    assert_eq!(of(since).body, json!({"agents": [], "next": null}), "nobody worked then");
    let (now_ms, day_ms) = (now_ms(), 86_400_000);
    let span = format!("since_ms={}&until_ms={}", now_ms - day_ms, now_ms + day_ms);
    let told = eventually("both agents in the report", || {
        let told = of(&span).body;
        (told["agents"].as_array().is_some_and(|agents| agents.len() == 2)).then_some(told)
    });
    let first = &told["agents"][0];
    let counts = ["agent", "rung", "answered", "missed", "rejected", "logins"].map(|name| &first[name]);
    let expected = [json!("8001"), json!(1), json!(1), json!(0), json!(0), json!(1)];
    assert_eq!(counts, expected.each_ref(), "{told}");
    let ms = |name: &str| first[name].as_u64().expect("milliseconds");
    let states = ["free_ms", "ringing_ms", "talking_ms", "after_work_ms", "rest_ms"].map(ms);
    assert_eq!(states.iter().sum::<u64>(), ms("logged_in_ms"), "{told}");
    // What the agent's own clock counted, as far as a wall clock tells it.
    let talked = lived["talking"].as_u64().expect("milliseconds");
    assert!(ms("talking_ms").abs_diff(talked) < 100 && ms("rest_ms") > 0, "{lived} {told}");
    assert_eq!(first["rests"][0]["reason"], "lunch", "{told}");
    assert_eq!(first["rests"][0]["ms"].as_u64(), Some(ms("rest_ms")), "{told}");
    let page = of(&format!("{span}&limit=1")).body;
    assert_eq!((&page["next"], page["agents"].as_array().map(Vec::len)), (&json!("8001"), Some(1)), "{page}");
    let page = of(&format!("{span}&limit=1&behind=8001")).body;
    assert_eq!((&page["agents"][0]["agent"], &page["next"]), (&json!("8002"), &Value::Null), "{page}");
    assert_eq!(of("agent=8009").body["code"], "not_found");
    assert_eq!(of("since_ms=2&until_ms=1").body["code"], "invalid_value");
    let told = of(&format!("{span}&agent=8002")).body;
    let (code, by_words) = platform.run(&[
        "agent",
        "report",
        "acme",
        "--agent",
        "8002",
        "--from",
        "2020-09-13T20:26",
        "--to",
        "2021-09-13",
    ]);
    assert_eq!((code, &by_words), (Some(0), &json!([])), "nobody worked then");
    // Logged out again: its sums are done.
    let (one, from) = (&told["agents"][0], told["agents"][0]["from"].as_str().expect("a time"));
    let (code, by_words) = platform.run(&["agent", "report", "acme", "--agent", "8002", "--from", from]);
    assert_eq!((code, &by_words[0]["logged_in_ms"]), (Some(0), &one["logged_in_ms"]), "{by_words}");
}

fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.expect("a clock").as_millis() as u64
}

/// The agent hangs up, the caller presses 5, and the row has it.
#[test]
fn q07_the_caller_rates_the_talk_by_a_key() {
    let (world, _told) = carrier(&[]);
    let mut acme = with_a_queue();
    acme.queues[0].satisfaction = Some(Satisfaction { talk_s_min: 0, ..Satisfaction::default() });
    let platform = Platform::start(Setup::new("queues-rating", world.local(), vec![acme]));
    let mut phone = phone(&platform);
    let (code, view) = platform.run(&["agent", "login", "acme", "8001"]);
    assert_eq!(code, Some(0), "{view}");
    let mut call = platform.call(number(), "13800138000");
    (call.says, call.hold_for) = (Says::Tone { hz: CALLER_HZ }, Duration::from_secs(60));
    // Again and again: what is pressed in the talk is between the two, the first key behind the question counts.
    call.press = [Press::Key(b'5'), Press::Pause(Duration::from_secs(2))].repeat(15);
    let caller = thread::spawn(move || block_on(place(call, Default::default(), |_| ())).expect("a call"));
    phone.await_tone(CALLER_HZ);
    phone.order("hangup");
    eventually("the agent is free while the caller is asked", || (state(&platform) == "free").then_some(()));
    assert_eq!(caller.join().expect("a caller").status, 200);
    let record = platform.await_calls(1).remove(0).record;
    let rating = record.rating.clone().expect("it was asked");
    assert_eq!((rating.score, rating.agent.as_str(), rating.queue.as_str()), (Some(5), "8001", "sales"));
    let (code, listed) = platform.run(&["rating", "list", "acme", "--agent", "8001"]);
    assert_eq!((code, &listed[0]["score"]), (Some(0), &json!(5)), "{listed}");
    let (code, sums) = platform.run(&["rating", "report", "acme"]);
    let figures = ["asked", "answered", "answered_per_mille", "mean_e2"].map(|name| &sums[0][name]);
    assert_eq!((code, figures), (Some(0), [&json!(1), &json!(1), &json!(1_000), &json!(500)]), "{sums}");
    let auditor = signed_in(&platform, "acme", "he", "auditor");
    let over_the_api = |place: &str| {
        let answer = auditor.ask("GET", &format!("/api/v1/enterprises/acme/ratings{place}"), None);
        (answer.status, answer.body)
    };
    assert_eq!(over_the_api("?agent=8001&limit=5"), (200, listed.clone()));
    assert_eq!(over_the_api("/sums?queue=sales"), (200, sums));
    let behind = format!("?older_than={}", listed[0]["call"].as_str().expect("an id"));
    assert_eq!((over_the_api(&behind), over_the_api("?until_ms=1")), ((200, json!([])), (200, json!([]))));
    assert_eq!(over_the_api("?number=1").1["code"], "invalid_value");
    // The file becomes one, and its row, a little later than the record.
    platform.recording(record.recording.expect("it was recorded"));
    q12_the_report_shows_the_answered_call(&platform);
    assert_eq!(platform.findings(), []);
}

/// Row Q12, by the command line and by the API alike.
fn q12_the_report_shows_the_answered_call(platform: &Platform) {
    let (code, told) =
        platform.run(&["queue", "report", "acme", "--from", "2020-01-01", "--to", "2020-01-02"]);
    assert_eq!((code, &told), (Some(0), &json!([])), "nobody called then");
    let (code, told) =
        platform.run(&["queue", "report", "acme", "no-such", "--from", "2020-01-01", "--to", "2020-01-02"]);
    assert_eq!((code, &told["error"]["code"]), (Some(4), &json!("not_found")), "{told}");
    let supervisor = signed_in(platform, "acme", "ma", "supervisor");
    let day_ms = 86_400_000;
    let now_ms = now_ms();
    let of = |since: u64, until: u64| {
        format!("/api/v1/enterprises/acme/service-level?since_ms={since}&until_ms={until}&each=day")
    };
    let answer = supervisor.ask("GET", &of(now_ms - day_ms, now_ms + day_ms), None);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let one = &answer.body[0];
    let counts =
        ["offered", "answered", "answered_in_time", "abandoned", "level_percent_e2"].map(|name| &one[name]);
    assert_eq!(counts, [&json!(1), &json!(1), &json!(1), &json!(0), &json!(10_000)], "{one}");
    assert_eq!((&one["is_met"], &one["goal"]["is_set"]), (&json!(true), &json!(false)));
    let formula = one["formula"]["en"].as_str().expect("a formula");
    assert!(formula.starts_with("(answered within 20 s 1) / (answered 1"), "{formula}");
    let answer = supervisor.ask("GET", &of(now_ms, now_ms), None);
    assert_eq!((answer.status, &answer.body["code"]), (422, &json!("invalid_value")));
    let agent = signed_in_agent(platform, "acme", "wang", "8001");
    assert_eq!(agent.ask("GET", &of(now_ms - day_ms, now_ms), None).status, 403);
}

#[test]
fn q24_after_kill_9_no_agent_is_in_a_dead_call() {
    let (world, _told) = carrier(&[]);
    let mut platform = Platform::start(Setup::new("queues-kill", world.local(), vec![with_a_queue()]));
    let phone = phone(&platform);
    let (code, view) = platform.run(&["agent", "login", "acme", "8001"]);
    assert_eq!(code, Some(0), "{view}");
    let mut call = platform.call(number(), "13800138000");
    (call.says, call.hold_for) = (Says::Tone { hz: CALLER_HZ }, Duration::from_secs(600));
    let caller = thread::spawn(move || block_on(place(call, Default::default(), |_| ())));
    phone.await_tone(CALLER_HZ);
    assert_eq!(state(&platform), "talking");
    platform.kill();
    let died = Instant::now();
    platform.restart();
    assert_eq!(state(&platform), "free");
    assert!(died.elapsed() < Duration::from_secs(10), "{:?} until the agent is free again", died.elapsed());
    caller.join().expect("a caller").expect("a call");
    let mut call = platform.call(number(), "13900139000");
    call.hold_for = Duration::from_secs(2);
    assert_eq!(platform.place(call).status, 200);
    let calls = platform.await_calls(2);
    assert!(calls.iter().all(|call| call.record.agent == "8001"), "{calls:?}");
    assert_eq!(platform.findings(), []);
}
