//! What the consoles do by the API and people by the command line, told alike by both: requests to be called back (rows Q15, K07),
//! the switch of a crisis (row R22), flows and their versions (rows I08, I09, R26).

use std::time::Duration;

use e2e::{
    Answer, Platform, Setup, Visitor, acme, acme_walking, answers, carrier, eventually, number, signed_in,
    step,
};
use hotline::Wall;
use hotline::cdr::AnswerStatus;
use hotline::enterprise::{FlowCallback, FlowStepKind, Recording};
use serde_json::{Value, json};

const PHONE: &str = "01062345601";
const ACME: &str = "/api/v1/enterprises/acme";
/// An hour in the year 2099.
const LATER_MS: i64 = 4_070_908_800_000;

fn code(answer: &Answer) -> (u16, &str) {
    assert!(answer.head.to_lowercase().contains("content-type: application/problem+json"), "{}", answer.head);
    (answer.status, answer.body["code"].as_str().unwrap_or_default())
}

fn read(visitor: &Visitor, place: &str) -> Value {
    let answer = visitor.ask("GET", &format!("{ACME}/{place}"), None);
    assert_eq!(answer.status, 200, "{place}: {}", answer.body);
    answer.body
}

fn run(platform: &Platform, words: &[&str]) -> Value {
    let (code, said) = platform.run(words);
    assert_eq!(code, Some(0), "{said}");
    said
}

/// The actions of the audit that somebody did, the latest first.
fn audited(platform: &Platform, by: &str) -> Vec<String> {
    let audit = run(platform, &["audit", "acme"]);
    let own = audit.as_array().into_iter().flatten().filter(|row| row["by"] == by);
    own.map(|row| row["action"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn q15_k07_requests_are_listed_by_pages_ended_by_name_and_stopped_by_number() {
    let (world, _told) = carrier(&[]);
    let acme = acme_walking(vec![
        step("back", FlowStepKind::Callback(Box::new(FlowCallback::new("bye")))),
        step("bye", FlowStepKind::HangUp { prompt: None }),
    ]);
    let platform = Platform::start(Setup::new("door-callbacks", world.local(), vec![acme]));
    let supervisor = signed_in(&platform, "acme", "wang", "supervisor");
    let callers = ["13800138001", "13800138002", "13800138003"];
    for (place_in_line, caller) in callers.into_iter().enumerate() {
        assert_eq!(platform.place(platform.call(number(), caller)).status, 200);
        eventually("the request is listed", || {
            (read(&supervisor, "callbacks").as_array()?.len() > place_in_line).then_some(())
        });
    }
    let whole = read(&supervisor, "callbacks");
    let numbers: Vec<_> = whole.as_array().into_iter().flatten().map(|one| one["number"].clone()).collect();
    assert_eq!(numbers, callers, "whoever has waited longest first");
    assert_eq!(whole, run(&platform, &["callback", "list", "acme"]), "as the command line tells it");
    let calls: Vec<&str> = (0..3).map(|place| whole[place]["call"].as_str().expect("an id")).collect();
    let page = read(&supervisor, &format!("callbacks?limit=2&behind={}", calls[0]));
    assert_eq!(page, json!([whole[1], whole[2]]));

    let end =
        |call: &str, how: Value| supervisor.ask("PUT", &format!("{ACME}/callbacks/{call}/state"), Some(&how));
    let done = end(calls[0], json!({"done": {"name": "王芳"}}));
    assert_eq!(
        (done.status, &done.body["state"], &done.body["changed_by"]),
        (200, &json!("done"), &json!("王芳"))
    );
    assert_eq!(end(calls[1], json!({"cancelled": {"name": "王芳"}})).body["state"], "cancelled");
    assert_eq!(code(&end(calls[1], json!({"done": {"name": "王芳"}}))), (404, "not_found"), "it is over");
    assert_eq!(code(&end(calls[2], json!({"done": {"name": " "}}))), (422, "invalid_value"));
    assert_eq!(
        code(&end("01m4pzyw4p19bahctak06fwb22", json!({"done": {"name": "王芳"}}))),
        (404, "not_found")
    );
    assert_eq!(code(&end(calls[2], json!("done"))), (400, "bad_request"));
    // What is over in the meantime is still where a page begins.
    let waiting = read(&supervisor, &format!("callbacks?state=waiting&behind={}", calls[1]));
    assert_eq!(waiting, json!([whole[2]]));

    let stop = |number: &str, on: bool| {
        let body = json!({"number": number, "on": on});
        supervisor.ask("POST", &format!("{ACME}/callback-stops"), Some(&body))
    };
    assert_eq!(stop(callers[2], true).body, json!({"number": callers[2], "on": true, "requests": 1}));
    assert_eq!(read(&supervisor, &format!("callbacks/{}", calls[2]))["state"], "stopped");
    assert_eq!(stop(callers[2], false).body["on"], false);
    assert_eq!(code(&stop(callers[2], false)), (404, "not_found"), "it is off the list");
    assert_eq!(code(&stop("110", true)), (422, "invalid_value"));
    let refused = |place: &str| {
        let answer = supervisor.ask("GET", &format!("{ACME}/{place}"), None);
        let (status, code) = code(&answer);
        (status, code.to_owned())
    };
    assert_eq!(refused("callbacks?behind=01m4pzyw4p19bahctak06fwb22"), (422, "invalid_value".into()));
    assert_eq!(refused("callbacks?state=lost"), (422, "invalid_value".into()));
    assert_eq!(refused("callbacks/01m4pzyw4p19bahctak06fwb22"), (404, "not_found".into()));
    let actions = audited(&platform, "wang");
    let wanted = ["callback_permit", "callback_stop", "callback_cancelled", "callback_done"];
    assert_eq!(actions.iter().filter(|one| one.starts_with("callback")).collect::<Vec<_>>(), wanted);
    assert_eq!(platform.findings(), []);
}

#[test]
fn r22_a_crisis_is_switched_seen_by_the_next_call_and_ended_and_two_persons_are_two() {
    let (world, _told) = carrier(&[(PHONE, answers(880))]);
    let mut acme = acme(&[PHONE]);
    acme.numbers[0].recording = Recording::new(false);
    let platform = Platform::start(Setup::new("door-crisis", world.local(), vec![acme]));
    let owner = signed_in(&platform, "acme", "li", "owner");
    let admin = signed_in(&platform, "acme", "sun", "admin");
    let mut calls = 0;
    let mut reached = || {
        let mut call = platform.call(number(), "13800138000");
        call.hold_for = Duration::from_secs(1);
        platform.place(call);
        calls += 1;
        platform.await_calls(calls).pop().is_some_and(|last| last.record.status == AnswerStatus::Answered)
    };
    let place_of = format!("{ACME}/crisis");
    let on = |until_ms: i64, then: Value| json!({"until_ms": until_ms, "notice": "digit_1", "then": then});
    assert_eq!(read(&owner, "crisis")["on"], false);
    assert!(reached());
    let began = owner.ask("PUT", &place_of, Some(&on(LATER_MS, json!("hang_up"))));
    assert_eq!((began.status, &began.body["on"]), (200, &json!(true)), "{}", began.body);
    assert_eq!(began.body["crisis"]["until"], json!(Wall(LATER_MS)));
    assert_eq!(began.body, run(&platform, &["crisis", "show", "acme"]), "as the command line tells it");
    assert!(!reached(), "the next call meets it");
    let ended = owner.ask("DELETE", &place_of, None);
    assert_eq!((ended.status, &ended.body["on"], &ended.body["crisis"]), (200, &json!(false), &Value::Null));
    assert!(reached());

    for (body, wanted) in [
        (on(1, json!("hang_up")), (422, "invalid_value")),
        (on(i64::MAX, json!("hang_up")), (422, "invalid_value")),
        (on(LATER_MS, json!({"dial": "13800138000x"})), (422, "invalid_document")),
        (
            json!({"until_ms": LATER_MS, "notice": "no such prompt", "then": "go_on"}),
            (422, "invalid_document"),
        ),
        (on(LATER_MS, json!("elsewhere")), (400, "bad_request")),
    ] {
        assert_eq!(code(&owner.ask("PUT", &place_of, Some(&body))), wanted, "{body}");
    }

    // Two persons, where the document wants two.
    let document = read(&owner, "document")["yaml"].as_str().expect("YAML").to_owned();
    let by_two = json!({"text": format!("{document}\ncrisis_by_two: true\n"), "apply": true});
    let put = owner.ask("PUT", &format!("{ACME}/document"), Some(&by_two));
    assert_eq!(put.status, 200, "{}", put.body);
    let confirm = format!("{place_of}/confirm");
    let confirms =
        |who: &Visitor, request: &Value| who.ask("POST", &confirm, Some(&json!({"request": request})));
    assert_eq!(code(&confirms(&admin, &json!("0123456789ab"))), (404, "not_found"));
    assert_eq!(code(&admin.ask("POST", &confirm, None)), (400, "bad_request"), "what is confirmed is named");
    let asked = owner.ask("PUT", &place_of, Some(&on(LATER_MS, json!("go_on")))).body;
    assert_eq!((&asked["on"], &asked["asked"]["by"]), (&json!(false), &json!("li")), "{asked}");
    assert_eq!(
        read(&admin, "crisis")["asked"]["crisis"]["then"],
        json!("go_on"),
        "the second person sees it"
    );
    let (seen, other) = (&asked["asked"]["request"], on(LATER_MS, json!("hang_up")));
    assert_eq!(code(&confirms(&owner, seen)), (422, "second_person"));
    let other = owner.ask("PUT", &place_of, Some(&other)).body;
    assert_eq!(code(&confirms(&admin, seen)), (409, "version_moved"), "what was looked at does not wait now");
    assert_ne!(seen, &other["asked"]["request"]);
    let asked = owner.ask("PUT", &place_of, Some(&on(LATER_MS, json!("go_on")))).body;
    let began = confirms(&admin, &asked["asked"]["request"]);
    assert_eq!((&began.body["on"], &began.body["asked"]), (&json!(true), &Value::Null), "{}", began.body);
    assert!(reached(), "the number's own rules follow the notice");
    assert_eq!(admin.ask("DELETE", &place_of, None).body["on"], false, "one is enough to end it");
    // One person does not pass by the second with a document: it switches nothing and takes no person away.
    let by_document = |lines: &str| {
        let text = json!({"text": format!("{document}\n{lines}"), "apply": true});
        owner.ask("PUT", &format!("{ACME}/document"), Some(&text))
    };
    let put = by_document("crisis_by_two: true\ncrisis: {until: 2099-01-01 00:00, then: hang_up}\n");
    assert_eq!((put.status, &put.body["warnings"][0]["code"]), (200, &json!("crisis_kept")), "{}", put.body);
    assert_eq!(read(&owner, "crisis")["on"], false);
    assert_eq!(code(&by_document("")), (422, "second_person"));
    let audit = run(&platform, &["audit", "acme"]).to_string();
    assert!(audit.contains("li, sun"), "both are named: {audit}");
    assert_eq!(platform.findings(), []);
}

/// The flow `main` as JSON, with another prompt and a saved case that expects this path.
fn draft(prompt: &str, path: &[&str]) -> String {
    let case = json!({"name": "a caller", "from": "13800138000", "at": "2026-10-12 10:00", "expect": {"path": path}});
    let hello = json!({"id": "hello", "kind": "play", "prompt": prompt, "exits": {"next": "bye"}});
    let steps = json!([hello, {"id": "bye", "kind": "hang_up"}]);
    json!({"sibai_flow": 1, "name": "main", "start": "hello", "steps": steps, "tests": [case]}).to_string()
}

#[test]
fn i08_i09_r26_a_flow_is_drafted_checked_published_and_rolled_back_over_the_api() {
    let (world, _told) = carrier(&[]);
    let says = FlowStepKind::Play { prompt: "digit_1".into(), answer: true, next: "bye".into() };
    let acme = acme_walking(vec![step("hello", says), step("bye", FlowStepKind::HangUp { prompt: None })]);
    let platform = Platform::start(Setup::new("door-flows", world.local(), vec![acme]));
    let admin = signed_in(&platform, "acme", "sun", "admin");
    let auditor = signed_in(&platform, "acme", "he", "auditor");
    let flow = format!("{ACME}/flows/main");
    let put = |text: &str| admin.ask("PUT", &format!("{ACME}/flows"), Some(&json!({"text": text})));
    let mut calls = 0;
    let mut walked = || {
        platform.place(platform.call(number(), "13800138000"));
        calls += 1;
        platform.await_calls(calls).pop().map(|last| last.record.flow_version)
    };
    let listed = read(&auditor, "flows");
    assert_eq!(
        (&listed[0]["name"], &listed[0]["version"], &listed[0]["draft"], &listed[0]["numbers"]),
        (&json!("main"), &json!(1), &Value::Null, &json!([number()])),
    );
    assert_eq!(code(&admin.ask("GET", &flow, None)), (404, "not_found"), "it has no draft");

    let broken = put(&draft("no such prompt", &["hello", "bye"]));
    assert_eq!(
        (broken.status, &broken.body["problems"][0]["code"]),
        (200, &json!("prompt_missing")),
        "{}",
        broken.body
    );
    let publish = format!("{flow}/publish");
    let refused = admin.ask("POST", &publish, Some(&json!({})));
    assert_eq!(code(&refused), (422, "invalid_document"));
    assert_eq!(refused.body["problems"].as_array().map(Vec::len), Some(1), "{}", refused.body);
    let failing = put(&draft("digit_2", &["bye"]));
    assert_eq!(
        (&failing.body["problems"], &failing.body["tests"][0]["path"]),
        (&json!([]), &json!(["hello", "bye"]))
    );
    assert_eq!(code(&admin.ask("POST", &publish, Some(&json!({})))), (422, "findings"));
    for text in ["{", "steps: []", "name: \"a\\0b\"\nsteps: []"] {
        assert_eq!(put(text).status, 422, "{text}");
    }
    let right = draft("digit_2", &["hello", "bye"]);
    let kept = put(&right).body;
    assert_eq!((&kept["problems"], &kept["tests"][0]["mismatches"]), (&json!([]), &json!([])), "{kept}");
    assert_eq!(read(&auditor, "flows/main")["text"], json!(right));
    assert_eq!(read(&auditor, "flows/main/check"), kept);
    assert_eq!(read(&auditor, "flows/main/differences")[0]["path"], "steps[hello].prompt");
    assert_eq!(code(&auditor.ask("POST", &publish, Some(&json!({})))), (403, "forbidden"));

    // Of two who write, the later does not wipe out what it has not seen, and nobody publishes what they did not look at.
    let seen = read(&auditor, "flows/main")["mark"].clone();
    assert_eq!(seen, kept["mark"]);
    let put_on = |base: &Value, text: &str| {
        admin.ask("PUT", &format!("{ACME}/flows"), Some(&json!({"text": text, "base": base})))
    };
    let other = put_on(&seen, &draft("digit_3", &["hello", "bye"]));
    assert_eq!(other.status, 200, "{}", other.body);
    for base in [&seen, &json!("")] {
        assert_eq!(code(&put_on(base, &draft("digit_4", &["hello", "bye"]))), (409, "version_moved"));
    }
    let looked_at = json!({"draft": seen});
    assert_eq!(code(&admin.ask("POST", &publish, Some(&looked_at))), (409, "version_moved"));
    assert_eq!(put_on(&other.body["mark"], &right).body["mark"], seen, "the same text is named the same");
    let audit = run(&platform, &["audit", "acme"]).to_string();
    assert!(
        audit.contains(other.body["mark"].as_str().expect("named")),
        "the audit names the texts: {audit}"
    );

    assert_eq!(walked(), Some(1), "a draft is nobody's way");
    let published = admin.ask("POST", &publish, Some(&looked_at));
    assert_eq!(
        (published.status, &published.body["version"], &published.body["changed"]),
        (200, &json!(2), &json!(true))
    );
    assert_eq!(
        admin.ask("POST", &publish, Some(&json!({}))).body["changed"],
        false,
        "the same text is one version"
    );
    assert_eq!(walked(), Some(2));
    let unknown = json!({"numbers": ["4006010199"]});
    assert_eq!(code(&admin.ask("POST", &publish, Some(&unknown))), (404, "not_found"));
    let explained = json!({"number": number(), "from": "13800138000", "at": 1_790_000_000_000_i64});
    let explained = admin.ask("POST", &format!("{ACME}/explain"), Some(&explained)).body;
    assert_eq!(explained["record"]["flow_version"], 2, "{explained}");
    let versions = read(&auditor, "flows/main/versions");
    let told: Vec<_> =
        versions.as_array().into_iter().flatten().map(|one| (&one["version"], &one["by"])).collect();
    assert_eq!((told[0], told[1].0), ((&json!(2), &json!("sun")), &json!(1)));
    assert_eq!(read(&auditor, "flows/main/versions?before=2&limit=5"), json!([versions[1]]));
    let rollback = format!("{flow}/rollback");
    assert_eq!(admin.ask("POST", &rollback, Some(&json!({}))).body["version"], 1);
    assert_eq!(walked(), Some(1));
    assert_eq!(code(&admin.ask("POST", &rollback, Some(&json!({"to": 7})))), (404, "not_found"));
    assert_eq!(admin.ask("POST", &rollback, Some(&json!({"to": 2}))).body["version"], 2);
    let again = admin.ask("POST", &rollback, Some(&json!({"to": 2}))).body;
    assert_eq!((&again["version"], &again["changed"]), (&json!(2), &json!(false)), "it is walked already");
    assert_eq!(
        read(&auditor, "flows"),
        run(&platform, &["flow", "list", "acme"]),
        "as the command line tells it"
    );
    assert_eq!(read(&auditor, "flows?behind=main"), json!([]));
    assert_eq!(code(&auditor.ask("GET", &format!("{ACME}/flows/none/versions"), None)), (404, "not_found"));
    assert!(audited(&platform, "sun").contains(&"put_flow_draft".to_owned()));
    assert_eq!(platform.findings(), []);
}

#[test]
fn r03_p04_the_versions_of_a_document_are_listed_and_one_is_gone_back_to() {
    let (world, _told) = carrier(&[]);
    let platform = Platform::start(Setup::new("door-document", world.local(), vec![acme(&[PHONE])]));
    let admin = signed_in(&platform, "acme", "sun", "admin");
    let put = |text: &str| {
        let body = json!({"text": text, "apply": true});
        admin.ask("PUT", &format!("{ACME}/document"), Some(&body)).body
    };
    let first = read(&admin, "document")["yaml"].as_str().expect("YAML").to_owned();
    assert_eq!(put(&first.replacen("name: Acme", "name: Acme 2", 1))["version"], 2);
    let versions = read(&admin, "document/versions");
    assert_eq!((&versions[0]["version"], &versions[0]["by"]), (&json!(2), &json!("sun")), "{versions}");
    assert_eq!(versions, run(&platform, &["versions", "acme"]), "as the command line tells it");
    assert_eq!(read(&admin, "document/versions?before=2&limit=5"), json!([versions[1]]));
    let before = read(&admin, "document?version=1")["yaml"].as_str().expect("YAML").to_owned();
    assert_eq!(before, first);
    assert_eq!(put(&before)["version"], 3, "a roll-back is a version too");
    assert_eq!(read(&admin, "document")["yaml"], json!(first));

    // An operator's desk changes nothing by the enterprise's own hand: document, crisis or flow.
    run(&platform, &["carrier", "acme", "operator-desk", "--area-code", "010"]);
    let crisis = json!({"until_ms": LATER_MS, "then": "hang_up"});
    for (method, place, body) in [
        ("PUT", "document", json!({"text": first.replacen("name: Acme", "name: Acme 3", 1), "apply": true})),
        ("PUT", "crisis", crisis),
        ("DELETE", "crisis", json!({})),
        ("PUT", "flows", json!({"text": draft("digit_1", &["hello", "bye"])})),
    ] {
        let answer = admin.ask(method, &format!("{ACME}/{place}"), Some(&body));
        assert_eq!(code(&answer), (403, "no_self_change"), "{method} {place}: {}", answer.body);
    }
    assert_eq!(read(&admin, "document")["version"], 3);
    assert_eq!(platform.findings(), []);
}
