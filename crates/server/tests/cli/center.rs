//! The call centre of `sibai demo`: simulated agents and callers, and the account of a person who joins them.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Demo, Dir, example};

/// The longest that a caller of the demo takes to be served, with all that may hinder it.
const PATIENCE: Duration = Duration::from_secs(60);

/// How the demo says that nobody is invited.
const NO_PLACE: &str = "the call centre has no place for you this time: ";

/// Asks again until the answer is there; each look is a process of its own.
fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(Instant::now() < end, "in vain: {what}");
    }
}

fn find(rows: &Value, is: impl Fn(&Value) -> bool) -> Option<Value> {
    rows.as_array().into_iter().flatten().find(|row| is(row)).cloned()
}

#[test]
fn q07_q18_the_demo_has_a_call_centre_whose_callers_are_served_give_up_and_rate() {
    let dir = Dir::new();
    let demo = Demo::with_callers(&dir, 40);
    let told = &demo.told;
    assert!(told.contains("/agent, enterprise yunxi, login wang, first password "), "{told}");
    let agents = until("both simulated agents are on duty", || {
        let agents = dir.json(&["agent", "list", "yunxi"]);
        let off = |row: &Value| row["state"] == "off";
        let count = agents.as_array().map_or(0, |rows| rows.iter().filter(|row| !off(row)).count());
        (count == 2).then_some(agents)
    });
    let person = find(&agents, |row| row["number"] == "8003").expect("an agent");
    assert_eq!(person["state"], "off", "it waits for a person");
    let rated = until("somebody rates", || {
        find(&dir.json(&["rating", "list", "yunxi", "--limit", "100"]), |row| row["score"].is_u64())
    });
    assert!(rated["agent"] == "8001" || rated["agent"] == "8002", "{rated}");
    let record = dir.json(&["call-record", rated["call"].as_str().expect("an id")])["record"].clone();
    assert_eq!(record["flow"], "总机", "{record}");
    assert!(record["keys"].as_array().is_some_and(|keys| !keys.is_empty()), "{record}");
    until("somebody gives up in a queue", || {
        let calls = dir.json(&["calls", "--number", "4006010117", "--status", "abandoned", "--limit", "100"]);
        find(&calls, |row| {
            dir.json(&["call-record", row["call"].as_str().expect("an id")])["record"]["queue"] != ""
        })
    });
    demo.stop();
    assert_eq!(dir.json(&["verify"])["clean"], true);
}

fn word_after<'t>(text: &'t str, before: &str) -> &'t str {
    let (_, behind) = text.split_once(before).unwrap_or_else(|| panic!("no {before:?}: {text}"));
    behind.split([' ', ',', ';', '/', '\r', '\n']).next().unwrap_or_default()
}

/// What the API answers, with its headers.
fn ask_api(http: &str, what: &str, headers: &str, body: &Value) -> String {
    let mut stream = TcpStream::connect(http).expect("HTTP is served");
    let body = body.to_string();
    let length = body.len();
    write!(
        stream,
        "{what} HTTP/1.1\r\nHost: {http}\r\n{headers}Content-Type: application/json\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn a_first_password_that_nobody_may_have_seen_is_made_anew_until_one_is_chosen() {
    let dir = Dir::new();
    let first = Demo::start(&dir);
    let unseen = word_after(&first.told, "first password ").to_owned();
    first.stop();
    let second = Demo::start(&dir);
    let shown = word_after(&second.told, "first password ").to_owned();
    assert_ne!(shown, unseen);
    let http = word_after(&second.told, "open http://").to_owned();
    let sign_in = |password: &str| json!({"enterprise": "yunxi", "login": "wang", "password": password});
    let refused = ask_api(&http, "POST /api/v1/session", "", &sign_in(&unseen));
    assert!(refused.starts_with("HTTP/1.1 401 "), "{refused}");
    let signed_in = ask_api(&http, "POST /api/v1/session", "", &sign_in(&shown));
    assert!(signed_in.starts_with("HTTP/1.1 200 "), "{signed_in}");
    let (_, body) = signed_in.split_once("\r\n\r\n").expect("a body");
    let session: Value = serde_json::from_str(body).expect("JSON");
    let cookie = word_after(&signed_in, "set-cookie: ");
    let token = session["token"].as_str().expect("a word");
    let headers = format!("Cookie: {cookie}\r\nX-Sibai-Token: {token}\r\n");
    let choice = json!({"old": shown, "new": "k7#Lq0-vTz9"});
    let chosen = ask_api(&http, "PUT /api/v1/session/password", &headers, &choice);
    assert!(chosen.starts_with("HTTP/1.1 204 "), "{chosen}");
    second.stop();
    let third = Demo::start(&dir);
    let hint = "the password you chose (sibai account reset yunxi wang --data data makes a new one)";
    assert!(third.told.contains(hint), "{}", third.told);
    third.stop();
    dir.json(&["account", "disable", "yunxi", "wang"]);
    let fourth = Demo::start(&dir);
    assert!(fourth.told.contains(&format!("{NO_PLACE}the account wang is disabled\n")), "{}", fourth.told);
    fourth.stop();
}

#[test]
fn the_demo_starts_without_the_agent_or_the_enterprise_that_somebody_made_otherwise() {
    let sample = std::fs::read_to_string(example("center")).expect("a sample");
    let dir = Dir::new();
    let left = sample.replace("  - {number: 8003, name: 王芳, extension: 803}\n", "").replace("8003, ", "");
    let left = dir.write("left.yaml", &left);
    assert_eq!(dir.json(&["import", &left, "--apply"])["outcome"], "applied");
    let demo = Demo::start(&dir);
    assert!(demo.told.contains(&format!("{NO_PLACE}there is no agent 8003\n")), "{}", demo.told);
    assert!(!demo.told.contains("yunxi is not imported"), "{}", demo.told);
    demo.stop();

    let dir = Dir::new();
    let taken = dir.write("taken.yaml", &sample.replace("id: yunxi", "id: others"));
    assert_eq!(dir.json(&["import", &taken, "--apply"])["outcome"], "applied");
    let demo = Demo::start(&dir);
    assert!(demo.told.contains("yunxi is not imported: "), "{}", demo.told);
    assert!(demo.told.contains("imported lantian "), "{}", demo.told);
    assert!(demo.told.contains(&format!("{NO_PLACE}there is no enterprise yunxi\n")), "{}", demo.told);
    demo.stop();
}

#[test]
fn the_demo_shows_the_address_that_http_is_bound_to() {
    let dir = Dir::new();
    let holder = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = holder.local_addr().expect("bound").to_string();
    let demo = Demo::at(&dir, 0, &taken);
    let shown = word_after(&demo.told, "open http://");
    assert!(shown != taken && !shown.ends_with(":0"), "{}", demo.told);
    assert_eq!(shown, word_after(&demo.told, "HTTP http://"));
    TcpStream::connect(shown).expect("HTTP is served there");
    demo.stop();
}

#[test]
fn the_demo_serves_this_machine_alone_for_its_phones_passwords_are_public() {
    let dir = Dir::new();
    for open in [["demo", "--sip", "0.0.0.0:0"], ["demo", "--http", "0.0.0.0:0"]] {
        let refused = dir.run(&open);
        assert_eq!(refused.status.code(), Some(2), "{open:?}");
        let text = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(text.contains("0.0.0.0:0 is no loopback address"), "{text}");
    }
    assert!(!dir.0.join("data").exists(), "nothing was made");
}

#[test]
fn q12_q26_reports_and_forecasts_of_queues_say_what_they_go_by_or_why_not() {
    let dir = Dir::new();
    assert_eq!(dir.json(&["import", &example("center"), "--apply"])["outcome"], "applied");
    let document = std::fs::read_to_string(example("center")).expect("the sample");
    let queues = document.split_once("queues:").expect("it has some").1;
    let queue = word_after(queues, "name: ");
    let told = dir.json(&["queue", "forecast", "yunxi", queue, "--date", "2026-10-12"]);
    assert_eq!((&told["days"], &told["handling"]["by"]), (&json!([]), &json!("document")), "nobody called");
    assert_eq!(told["quarters"].as_array().map(Vec::len), Some(96));
    assert_eq!(
        (&told["quarters"][36]["from"], &told["quarters"][36]["agents"]),
        (&json!("09:00"), &Value::Null)
    );
    let refused = |words: &[&str]| dir.refusal(&[&["queue"], words].concat());
    let day = ["--date", "2026-10-12"];
    assert_eq!(refused(&[&["forecast", "yunxi", "none"], &day[..]].concat()), (4, "not_found".into()));
    let weeks = [&["forecast", "yunxi", queue, "--weeks", "0"], &day[..]].concat();
    assert_eq!(refused(&weeks), (2, "invalid_value".into()));
    let span = ["report", "yunxi", "--from", "2026-10-12", "--to", "2026-10-11"];
    assert_eq!(refused(&span), (2, "invalid_value".into()));
    let report = ["queue", "report", "yunxi", queue, "--from", "2026-10-11", "--to", "2026-10-12"];
    assert_eq!(dir.json(&report), json!([]));
    let file = dir.path("report.xlsx");
    assert_eq!(
        dir.run(&[&report[..], &["--xlsx", &file]].concat()).status.code(),
        Some(4),
        "nothing to write"
    );
}
