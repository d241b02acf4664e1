//! Saved cases and dry runs that say what agents are doing and who waits (row R26).

use serde_json::{Value, json};

use super::{Dir, example};

/// The call centre of the demo with the flow of its number, and saved cases of it.
fn flow_with(cases: &Value) -> String {
    let flow = json!({
        "sibai_flow": 1,
        "name": "总机",
        "start": "菜单",
        "steps": [
            {"id": "菜单", "kind": "menu", "prompt": "press_1", "wrong_prompt": "wrong_key", "timeout_prompt": "no_key", "tries": 2,
             "timeout_seconds": 5, "exits": {"1": "售前", "2": "售后", "default": "售前"}},
            {"id": "售前", "kind": "queue", "queue": "售前", "around_the_clock": true,
             "exits": {"default": "再见", "full": "忙"}},
            {"id": "售后", "kind": "queue", "queue": "售后", "around_the_clock": true, "exits": {"default": "再见"}},
            {"id": "再见", "kind": "hang_up", "prompt": "all_busy"},
            {"id": "忙", "kind": "hang_up", "prompt": "all_busy"}
        ],
        "tests": cases
    });
    flow.to_string()
}

/// A case with what is said of the floor.
fn case(name: &str, floor: &Value, expect: &Value) -> Value {
    let mut case = json!({"name": name, "from": "13800138000", "at": "2026-10-12 10:00", "keys": ["1"], "expect": expect});
    for (field, value) in floor.as_object().expect("fields") {
        case[field] = value.clone();
    }
    case
}

#[test]
fn r26_saved_cases_say_what_agents_are_doing_and_who_waits() {
    let dir = Dir::new();
    dir.json(&["import", &example("center"), "--apply"]);
    let (served, not_served) = (json!(["菜单", "售前"]), json!(["菜单", "售前", "再见"]));
    let all = |state: &str| json!({"8001": state, "8002": state, "8003": state});
    let cases = json!([
        case("闲的接", &json!({"agents": {"8001": "free"}}), &json!({"path": served, "answered_by": "8001"})),
        // In the order of the queue, past whoever is at something else.
        case(
            "顺序",
            &json!({"agents": {"8003": "talking", "8001": "after_work", "8002": "free"}}),
            &json!({"path": served, "answered_by": "8002"})
        ),
        case(
            "不接换人",
            &json!({"agents": {"8003": "free", "8001": "free"}, "no_answer": "8003"}),
            &json!({"path": served, "answered_by": "8001"})
        ),
        case("都下班", &json!({"agents": all("off")}), &json!({"path": not_served, "cause": "queue_empty"})),
        case("都小休", &json!({"agents": all("rest")}), &json!({"path": not_served, "cause": "queue_empty"})),
        case(
            "都在通话",
            &json!({"agents": all("talking")}),
            &json!({"path": not_served, "cause": "queue_timeout"})
        ),
        case(
            "都在振铃",
            &json!({"agents": all("ringing")}),
            &json!({"path": not_served, "cause": "queue_timeout"})
        ),
        // Nobody is free before those who came first were served, a minute each.
        case(
            "前面有两人",
            &json!({"agents": {"8001": "free"}, "waiting": {"售前": 2}}),
            &json!({"path": not_served, "cause": "queue_timeout"})
        ),
        case(
            "前面有两人，三人闲",
            &json!({"agents": all("free"), "waiting": {"售前": 2}}),
            &json!({"path": served, "answered_by": "8002"})
        ),
        case(
            "前面有一人不碍事",
            &json!({"agents": {"8001": "free", "8002": "free"}, "waiting": {"售前": 1}}),
            &json!({"path": served, "answered_by": "8002"})
        ),
        case(
            "满",
            &json!({"agents": all("talking"), "waiting": {"售前": 100}}),
            &json!({"path": ["菜单", "售前", "忙"], "cause": "queue_full"})
        ),
    ]);
    let text = flow_with(&cases);
    let (code, put) = dir.json_and_code(&["flow", "put", "yunxi", &dir.write("flow.json", &text)]);
    for tested in put["tests"].as_array().expect("cases") {
        assert_eq!(tested["mismatches"], json!([]), "{tested}");
    }
    assert_eq!((code, put["tests"].as_array().map(Vec::len)), (0, Some(11)), "{put}");
    assert_eq!(dir.json(&["flow", "publish", "yunxi", "总机"])["version"], 2);
    // What an export has says the same again.
    let yaml = super::stdout(&dir.run(&["export", "yunxi"]));
    assert_eq!(dir.json(&["import", &dir.write("again.yaml", &yaml)])["outcome"], "unchanged", "{yaml}");
}

#[test]
fn r26_a_case_that_nobody_can_meet_says_why() {
    let dir = Dir::new();
    dir.json(&["import", &example("center"), "--apply"]);
    let any = json!({"path": ["菜单", "售前"]});
    let cases = json!([
        case("没有的座席", &json!({"agents": {"9999": "free"}}), &any),
        case("没有的队列", &json!({"waiting": {"投诉": 1}}), &any),
        case("放不下", &json!({"agents": {"8001": "talking"}, "waiting": {"售前": 101}}), &any),
        case("没人可等", &json!({"agents": {"8001": "off"}, "waiting": {"售前": 1}}), &any),
    ]);
    let path = dir.write("flow.json", &flow_with(&cases));
    let (code, put) = dir.json_and_code(&["flow", "put", "yunxi", &path]);
    assert_eq!((code, &put["problems"]), (1, &json!([])), "{put}");
    let said: Vec<&str> = put["tests"]
        .as_array()
        .expect("cases")
        .iter()
        .map(|test| test["mismatches"][0]["en"].as_str().expect("a sentence"))
        .collect();
    let wanted = [
        "the number leads to no queue of an agent 9999",
        "the number leads to no queue \"投诉\"",
        "the queue \"售前\" does not hold 101 who wait",
        "with the agents so the queue \"售前\" lets nobody wait",
    ];
    assert_eq!(said, wanted);
    assert_eq!(dir.refusal(&["flow", "publish", "yunxi", "总机"]), (1, "findings".into()));
    // Words that are none.
    let cases = json!([
        case("忙", &json!({"agents": {"8001": "busy"}}), &any),
        case("多", &json!({"waiting": {"售前": 2001}}), &any),
        case("名单", &json!({"agents": ["8001"]}), &any),
    ]);
    let path = dir.write("flow.json", &flow_with(&cases));
    let (_, put) = dir.json_and_code(&["flow", "put", "yunxi", &path]);
    let codes: Vec<&Value> =
        put["problems"].as_array().expect("problems").iter().map(|problem| &problem["code"]).collect();
    assert_eq!(codes, ["unknown_value", "out_of_range", "wrong_type"], "{put}");
}

#[test]
fn r26_a_way_back_tells_of_cases_that_fail_and_goes_on() {
    let dir = Dir::new();
    dir.json(&["import", &example("center"), "--apply"]);
    let expect = json!({"answered_by": "8003"});
    let cases = json!([case("王芳先接", &json!({"agents": {"8001": "free", "8003": "free"}}), &expect)]);
    let text = flow_with(&cases);
    let put = |text: &str| dir.json_and_code(&["flow", "put", "yunxi", &dir.write("flow.json", text)]).0;
    assert_eq!(put(&text), 0);
    let published = dir.json(&["flow", "publish", "yunxi", "总机"]);
    assert_eq!((&published["version"], &published["failing"]), (&json!(2), &json!([])), "{published}");
    assert_eq!(put(&text.replace("\"tries\":2", "\"tries\":3").replace(&cases.to_string(), "[]")), 0);
    assert_eq!(dir.json(&["flow", "publish", "yunxi", "总机"])["version"], 3);
    // The agent is gone meanwhile.
    let yaml = super::stdout(&dir.run(&["export", "yunxi"]));
    let yaml = yaml.replace(r#"["8003", "8001", "8002"]"#, r#"["8001", "8002"]"#);
    assert_eq!(
        dir.json(&["import", &dir.write("less.yaml", &yaml), "--apply"])["outcome"],
        "applied",
        "{yaml}"
    );
    let back = dir.json(&["flow", "rollback", "yunxi", "总机"]);
    assert_eq!((&back["version"], &back["changed"]), (&json!(2), &json!(true)), "{back}");
    let failing = &back["failing"][0];
    assert_eq!(
        (&failing["name"], back["failing"].as_array().map(Vec::len)),
        (&json!("王芳先接"), Some(1)),
        "{back}"
    );
    assert_eq!(failing["mismatches"][0]["en"], "8003 has to answer, it is 8001", "{back}");
}

#[test]
fn r26_a_dry_run_says_what_agents_are_doing() {
    let dir = Dir::new();
    dir.json(&["import", &example("center"), "--apply"]);
    let explain = |more: &[&str]| {
        let words =
            ["explain", "4006010117", "--from", "13800138000", "--at", "2026-10-12T10:00", "--keys", "1"];
        [&words[..], more].concat().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let told = |more: &[&str]| {
        let words = explain(more);
        dir.json(&words.iter().map(String::as_str).collect::<Vec<_>>())["record"].clone()
    };
    assert_eq!(told(&[])["cause"], "queue_empty", "nobody is there by the database");
    let served = told(&["--agents", "8001=free,8002=rest"]);
    assert_eq!((&served["agent"], &served["status"]), (&json!("8001"), &json!("answered")), "{served}");
    let waits = told(&["--agents", "8001=talking", "--waiting", "售前=3"]);
    assert_eq!(waits["cause"], "queue_timeout", "{waits}");
    let refused = |more: &[&str]| {
        let words = explain(more);
        dir.refusal(&words.iter().map(String::as_str).collect::<Vec<_>>())
    };
    assert_eq!(refused(&["--agents", "9999=free"]).1, "invalid_value");
    assert_eq!(refused(&["--agents", "8001=talking", "--waiting", "售前=101"]).1, "invalid_value");
}
