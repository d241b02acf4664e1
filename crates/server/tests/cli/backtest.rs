//! `sibai backtest`: what was published leads its own calls the same way again; a draft that changes one thing concerns the
//! calls that come to it, and no others.

use serde_json::{Value, json};

use super::{Dir, example, stdout};

/// Calls of the period; every third caller presses 1, another third 2.
const CALLS: u64 = 10_000;
/// Where fewer do.
const FEW: u64 = 900;

/// An enterprise whose number walks the sample menu, with calls that did.
fn called(dir: &Dir, calls: u64) -> String {
    dir.import_samples();
    let menu = example("lantian").replace("lantian.yaml", "menu.json");
    dir.json(&["flow", "put", "lantian", &menu]);
    dir.json(&["flow", "publish", "lantian", "主菜单", "--number", "4008123888"]);
    let none = dir.refusal(&["backtest", "lantian", "主菜单", "--version", "1"]);
    assert_eq!(none, (4, "not_found".into()), "nobody has called yet");
    let count = calls.to_string();
    dir.json(&["fill", "--records", &count, "--number", "4008123888", "--days", "20"]);
    std::fs::read_to_string(&menu).expect("the example")
}

fn backtest(dir: &Dir, words: &[&str]) -> Value {
    dir.json(&[&["backtest", "lantian", "主菜单"], words].concat())
}

fn listed(found: &Value) -> &[Value] {
    found["listed"].as_array().expect("a list")
}

#[test]
fn a_version_leads_its_own_ten_thousand_calls_the_same_way() {
    let dir = Dir::new();
    called(&dir, CALLS);
    let own = backtest(&dir, &["--version", "1", "--calls", "differ"]);
    assert_eq!((&own["calls"], &own["differ"], &own["open"]), (&json!(CALLS), &json!(0), &json!(0)), "{own}");
    assert_eq!((&own["kinds"], listed(&own).len()), (&json!({}), 0), "{own}");
    // The month's cap refused the last ones.
    let same = own["same"].as_u64().expect("a count");
    assert!(same > CALLS * 8 / 10, "{own}");
    assert_eq!(own["left"], json!({"refused_before": CALLS - same}));
}

#[test]
fn a_draft_concerns_the_calls_that_come_to_what_it_changes() {
    let dir = Dir::new();
    let text = called(&dir, FEW);
    // Key 2 leads to the same place as key 1: whoever pressed it is rung elsewhere.
    let other =
        text.replace(r#""1": "客服", "2": "上海", "9": "再见""#, r#""1": "客服", "2": "客服", "9": "再见""#);
    assert_ne!(other, text);
    dir.run(&["flow", "put", "lantian", &dir.write("other.json", &other)]);
    let found = backtest(&dir, &["--calls", "differ", "--limit", "1000"]);
    let concerned = json!(FEW / 3);
    assert_eq!((&found["differ"], &found["kinds"]["path"]), (&concerned, &concerned), "{}", found["kinds"]);
    assert_eq!((&found["same"], listed(&found).len() as u64), (&json!(FEW * 2 / 3), FEW / 3));
    for one in listed(&found) {
        let (was, would) = (&one["was"]["path"], &one["would"]["path"]);
        assert_eq!((was, &would[2]), (&json!(["欢迎", "菜单", "上海"]), &json!("客服")), "{one}");
    }
    let page = backtest(&dir, &["--calls", "path", "--limit", "10"]);
    let last = listed(&page)[9]["call"].as_str().expect("an id");
    let next = backtest(&dir, &["--calls", "path", "--limit", "10", "--behind", last]);
    assert_eq!(listed(&next), &listed(&found)[10..20], "pages join");
    let shown = stdout(&dir.run(&["backtest", "lantian", "主菜单", "--calls", "path", "--limit", "1"]));
    assert!(
        shown.contains("walk other steps [path]") && shown.contains("would 欢迎 → 菜单 → 客服"),
        "{shown}"
    );
}

#[test]
fn a_menu_that_nobody_heard_is_unknown_and_what_cannot_be_tried_is_refused() {
    let dir = Dir::new();
    let text = called(&dir, FEW);
    // Another menu stands in front: what callers would press there no log knows.
    let asked = text
        .replace(r#""exits": {"next": "菜单"}"#, r#""exits": {"next": "语言"}"#)
        .replace(
            r#"{"id": "客服", "kind": "dial""#,
            r#"{"id": "语言", "kind": "menu", "prompt": "press_1", "tries": 1, "exits": {"1": "菜单", "default": "菜单"}},
    {"id": "客服", "kind": "dial""#,
        );
    dir.run(&["flow", "put", "lantian", &dir.write("asked.json", &asked)]);
    let found = backtest(&dir, &["--calls", "unknown", "--limit", "3"]);
    assert_eq!((&found["differ"], &found["same"]), (&json!(FEW), &json!(0)), "{found}");
    assert_eq!(found["unknown"], json!({"never_asked": FEW}), "{found}");
    assert_eq!(listed(&found)[0]["unknown"], json!({"code": "never_asked", "at": "语言"}));
    assert_eq!(listed(&found)[0]["would"]["end"], Value::Null);

    let refused = |words: &[&str]| dir.refusal(&[&["backtest"], words].concat());
    assert_eq!(refused(&["lantian", "没有"]), (4, "not_found".into()));
    assert_eq!(refused(&["lantian", "主菜单", "--version", "9"]), (4, "not_found".into()));
    assert_eq!(refused(&["nobody", "主菜单"]), (4, "not_found".into()));
    assert_eq!(refused(&["lantian", "主菜单", "--number", "4006010114"]), (4, "not_found".into()));
    assert_eq!(
        refused(&["lantian", "主菜单", "--last", "1m", "--until", "2020-01-01"]),
        (4, "not_found".into())
    );
    let wrong = text.replace(r#""next": "菜单""#, r#""next": "没有""#);
    dir.run(&["flow", "put", "lantian", &dir.write("wrong.json", &wrong)]);
    assert_eq!(refused(&["lantian", "主菜单"]), (1, "invalid_document".into()));
    assert_eq!(dir.run(&["backtest", "lantian", "主菜单", "--last", "0d"]).status.code(), Some(2));
}

/// The sample call centre, in whose queues nobody is logged in and everybody may wait, with calls that did; the lines of its flow.
fn waited(dir: &Dir, calls: u64) -> String {
    let text = std::fs::read_to_string(example("center")).expect("the example");
    let patient = "    strategy: sequential\n    join_empty: []\n    leave_empty: []\n";
    let text = text.replace("    strategy: sequential\n", patient);
    assert_eq!(dir.json(&["import", &dir.write("center.yaml", &text), "--apply"])["outcome"], "applied");
    dir.json(&["fill", "--records", &calls.to_string(), "--number", "4006010117", "--days", "20"]);
    let lines = text.lines().skip_while(|line| *line != "flows:").skip(1);
    let flow = lines.take_while(|line| line.starts_with("  ")).map(|line| &line[4..]);
    flow.collect::<Vec<_>>().join("\n")
}

fn figures(of: &Value) -> [&Value; 4] {
    [&of["calls"], &of["sent_on"], &of["median_ms"], &of["p90_ms"]]
}

#[test]
fn waits_are_modelled_side_by_side_with_what_was() {
    let dir = Dir::new();
    let text = waited(&dir, FEW);
    // One caller in three presses 2; the others come to the first queue, and by the draft to the second one, too.
    let other = text.replace("kind: queue, queue: 售前", "kind: queue, queue: 售后");
    assert_ne!(other, text);
    let backtest = |words: &[&str]| dir.json(&[&["backtest", "yunxi", "总机"], words].concat());
    let own = backtest(&["--version", "1"]);
    let queues = own["waits"]["queues"].as_array().expect("queues");
    for (queue, name, calls, ms) in
        [(&queues[0], "售前", FEW * 2 / 3, 60_000), (&queues[1], "售后", FEW / 3, 40_000)]
    {
        assert_eq!(queue["queue"], name);
        let expected = [&json!(calls), &json!(calls), &json!(ms), &json!(ms)];
        assert_eq!(figures(&queue["recorded"]), expected, "{queue}");
        assert_eq!(
            (&queue["baseline"], &queue["draft"]),
            (&queue["recorded"], &queue["recorded"]),
            "{queue}"
        );
        assert_eq!(
            queue["basis"],
            json!({"waits": calls, "censored": calls, "is_pooled": true, "agents": 0})
        );
    }
    assert_eq!(own["waits"]["listed"], json!([]));

    dir.run(&["flow", "put", "yunxi", &dir.write("other.yaml", &other)]);
    let draft = backtest(&["--calls", "waits", "--limit", "1000"]);
    assert_eq!(
        draft["unknown"],
        json!({"never_queued": FEW * 2 / 3}),
        "the replay itself says no more than it knows"
    );
    let [first, second] = [&draft["waits"]["queues"][0], &draft["waits"]["queues"][1]];
    assert_eq!(figures(&first["draft"]), [&json!(0), &json!(0), &Value::Null, &Value::Null]);
    assert_eq!(figures(&second["draft"]), [&json!(FEW), &json!(FEW), &json!(40_000), &json!(40_000)]);
    assert_eq!(figures(&second["baseline"]), figures(&second["recorded"]), "what was is what it was");
    let listed = draft["waits"]["listed"].as_array().expect("calls");
    assert_eq!(listed.len() as u64, FEW, "the calls behind the figures");
    let wait = |queue, ms: u64| json!([{"queue": queue, "why": "timed_out", "wait_ms": ms, "agent": null}]);
    let moved = listed.iter().filter(|call| call["draft"] != call["recorded"]);
    for call in moved.clone() {
        assert_eq!(
            (&call["baseline"], &call["draft"]),
            (&wait("售前", 60_000), &wait("售后", 40_000)),
            "{call}"
        );
    }
    assert_eq!(moved.count() as u64, FEW * 2 / 3);
    let behind = listed[9]["call"].as_str().expect("an id");
    let next = backtest(&["--calls", "waits", "--limit", "5", "--behind", behind]);
    assert_eq!(next["waits"]["listed"].as_array().expect("calls").as_slice(), &listed[10..15], "pages join");
    assert_eq!(backtest(&["--calls", "abandons"])["waits"]["listed"], json!([]), "nobody gave up");

    let shown = stdout(&dir.run(&["backtest", "yunxi", "总机", "--calls", "waits", "--limit", "1"]));
    let median = format!(
        "model, the draft {FEW} calls, 0 answered, 0 given up, {FEW} sent on, 0 had no place; median wait 40.0 s"
    );
    assert!(shown.contains(&median) && shown.contains("售后 40.0 s [timed_out]"), "{shown}");
    let few = stdout(&dir.run(&["backtest", "yunxi", "总机", "--last", "12h"]));
    assert!(few.contains("too few for times"), "{few}");
}
