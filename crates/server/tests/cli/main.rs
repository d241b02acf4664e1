//! The command line as people use it: the real binary, a data directory of its own, answers by `--json`, exit codes.

mod backtest;
mod cases;
mod center;
mod quality;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

/// A directory of one test, removed at its end.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Dir {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("sibai-cli-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a directory");
        Dir(path)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// Runs `sibai` with these words in this directory; data lie in `data` there.
    fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().expect("the binary runs")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sibai"));
        command.args(words).args(["--data", "data", "--lang", "en"]).current_dir(&self.0);
        if !words.contains(&"--by") {
            command.args(["--by", "tester"]);
        }
        command
    }

    /// The JSON of a command that must end well.
    fn json(&self, words: &[&str]) -> Value {
        let (code, value) = self.json_and_code(words);
        assert_eq!(code, 0, "{words:?}: {value}");
        value
    }

    fn json_and_code(&self, words: &[&str]) -> (i32, Value) {
        let output = self.run(&[words, &["--json"]].concat());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let value = serde_json::from_str(text.trim()).unwrap_or_else(|error| {
            panic!("{words:?}: {error}: {text}{}", String::from_utf8_lossy(&output.stderr))
        });
        (output.status.code().expect("an exit code"), value)
    }

    fn refusal(&self, words: &[&str]) -> (i32, String) {
        let (code, value) = self.json_and_code(words);
        (code, value["error"]["code"].as_str().expect("a code").to_owned())
    }

    fn import_samples(&self) {
        for name in ["huaxin", "lantian"] {
            assert_eq!(self.json(&["import", &example(name), "--apply"])["outcome"], "applied");
        }
        self.json(&[
            "trunk",
            "add",
            "carrier-a",
            "--address",
            "127.0.0.1:5080",
            "--area-code",
            "010",
            "--cost-plan",
            "C1",
        ]);
        self.json(&["top-up", "huaxin", "1000.00", "--reference", "opening"]);
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn example(name: &str) -> String {
    let file = format!("../../examples/{name}.yaml");
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file).display().to_string()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn f11_a_fee_is_shown_with_the_steps_of_its_sum() {
    let dir = Dir::new();
    let rated = dir.json(&["rate", "--plan", "T2a", "--seconds", "61"]);
    assert_eq!((rated["fee"].as_str(), rated["units"].as_u64()), (Some("0.66"), Some(11)));
    let steps: Vec<&str> =
        rated["steps"].as_array().expect("steps").iter().filter_map(Value::as_str).collect();
    assert_eq!(steps.last().copied(), Some("11 × 0.06 = 0.66"), "{steps:?}");
    let text = stdout(&dir.run(&["rate", "--plan", "T2a", "--ms", "60001"]));
    assert!(text.starts_with("0.66 yuan (plan T2a version 1"), "{text}");
    assert_eq!(dir.refusal(&["rate", "--plan", "T9", "--seconds", "1"]), (4, "not_found".into()));
    assert_eq!(dir.run(&["rate", "--plan", "T1"]).status.code(), Some(2), "neither seconds nor ms");
    assert!(!dir.0.join("data").exists(), "asking makes no data");
}

#[test]
fn k24_a_special_number_shows_its_row_and_source() {
    let dir = Dir::new();
    let shown = dir.json(&["number", "16812345"]);
    assert_eq!((shown["kind"].as_str(), shown["prefix"].as_str()), (Some("premium"), Some("168")));
    assert!(shown["source"].as_str().is_some_and(|source| source.contains("电信网编号计划")), "{shown}");
    let text = stdout(&dir.run(&["number", "110"]));
    assert!(text.starts_with("110: 公安报警 (emergency, "), "{text}");
}

#[test]
fn n04_a_number_shows_class_winner_and_every_rule_hit() {
    let dir = Dir::new();
    let shown = dir.json(&["number", "400-612-8998"]);
    assert_eq!((shown["number"].as_str(), shown["class"].as_str()), (Some("4006128998"), Some("B")));
    assert_eq!(shown["hits"][0], shown["winner"]);
    assert_eq!(shown["segment"]["operator_name"], "联通");
    let before = dir.json(&["number", "4007000000", "--at", "2008-12-31"]);
    let after = dir.json(&["number", "4007000000", "--at", "2009-01-01"]);
    assert_eq!(
        (&before["segment"]["operator_name"], &after["segment"]["operator_name"]),
        (&"铁通".into(), &"移动".into())
    );
    assert_eq!(dir.json(&["number", "4002000000"])["segment"], Value::Null);
    for wrong in ["400612345", "40061234567", "4106123456"] {
        assert_eq!(dir.refusal(&["number", wrong]).0, 2, "{wrong}");
    }
}

#[test]
fn r36_a_caller_has_a_region_and_overrides_come_into_force() {
    let dir = Dir::new();
    let region = dir.json(&["region", "13800138000"]);
    assert_eq!(
        (region["province"].as_str(), region["source"].as_str()),
        (Some("北京"), Some("mobile_prefix"))
    );
    let wrong = dir.write("wrong.csv", "1380013,广东\n");
    assert_eq!(dir.refusal(&["region-import", &wrong]), (1, "invalid_document".into()));
    let own = dir.write("own.csv", "prefix,province,city,area_code\n13800138000,海南,三亚,0898\n");
    assert_eq!(dir.json(&["region-import", &own])["applied"], false);
    assert_eq!(dir.json(&["region", "13800138000"])["city"], "北京", "a dry run changes nothing");
    assert_eq!(dir.json(&["region-import", &own, "--apply"])["after"]["overrides"], 1);
    let region = dir.json(&["region", "13800138000"]);
    assert_eq!((region["city"].as_str(), region["source"].as_str()), (Some("三亚"), Some("override")));
}

#[test]
fn an_import_reports_every_problem_with_its_line_and_changes_nothing() {
    let dir = Dir::new();
    let file = dir.write(
        "wrong.yaml",
        "sibai: 1\nenterprise: {id: acme, name: Acme}\nplan: T99\nnumbers:\n  - number: 400123\n    destinations: \
         [{name: a, number: 110}]\n    otherwise: {dial: b}\n",
    );
    let (code, answer) = dir.json_and_code(&["import", &file, "--apply"]);
    let problems = answer["error"]["problems"].as_array().expect("problems");
    let found: Vec<(u64, &str)> = problems
        .iter()
        .map(|one| (one["line"].as_u64().expect("a line"), one["code"].as_str().expect("a code")))
        .collect();
    assert_eq!(code, 1);
    for wanted in [(3, "unknown_name"), (5, "not_a_number_400"), (6, "special_number"), (7, "unknown_name")] {
        assert!(found.contains(&wanted), "{wanted:?} in {found:?}");
    }
    let text = String::from_utf8_lossy(&dir.run(&["import", &file]).stderr).into_owned();
    assert!(text.contains("line 5: numbers[0].number:"), "{text}");
    assert_eq!(dir.refusal(&["export", "acme"]), (4, "not_found".into()));
    let broken = dir.write("broken.yaml", "a: [1, 2\n");
    assert_eq!(dir.refusal(&["import", &broken]), (1, "invalid_document".into()));
}

#[test]
fn an_import_is_idempotent_and_an_export_imports_without_a_change() {
    let dir = Dir::new();
    let file = example("huaxin");
    let dry = dir.json(&["import", &file]);
    assert_eq!((dry["outcome"].as_str(), dry["version"].as_u64()), (Some("would_change"), Some(0)));
    assert_eq!(dir.json(&["import", &file, "--apply"])["version"], 1);
    let again = dir.json(&["import", &file, "--apply"]);
    assert_eq!((again["outcome"].as_str(), again["version"].as_u64()), (Some("unchanged"), Some(1)));
    let out = dir.path("out.yaml");
    dir.json(&["export", "huaxin", "--out", &out]);
    let back = dir.json(&["import", &out]);
    assert_eq!(
        (back["outcome"].as_str(), &back["differences"]),
        (Some("unchanged"), &Value::Array(Vec::new()))
    );
    let text = std::fs::read_to_string(&out).expect("exported");
    let changed = dir.write("changed.yaml", &text.replace("plan: T1", "plan: T2a"));
    let changed = dir.json(&["import", &changed, "--apply"]);
    assert_eq!(
        (changed["version"].as_u64(), changed["differences"][0]["path"].as_str()),
        (Some(2), Some("plan"))
    );
    assert_eq!(dir.json(&["export", "huaxin", "--version", "1"])["version"], 1);
    assert_eq!(dir.json(&["verify"])["clean"], true);
    // A call that the database refused for good lies in a file of its own.
    std::fs::create_dir_all(dir.path("data/set_aside")).expect("a folder");
    dir.write("data/set_aside/01KA.json", "{}");
    let (code, verified) = dir.json_and_code(&["verify"]);
    assert_eq!((code, verified["findings"][0]["check"].as_str()), (1, Some("call_set_aside")), "{verified}");
}

#[test]
fn a_number_has_one_holder() {
    let dir = Dir::new();
    dir.json(&["import", &example("huaxin"), "--apply"]);
    let text = std::fs::read_to_string(example("huaxin")).expect("the example");
    let other = dir.write("other.yaml", &text.replace("{id: huaxin,", "{id: other,"));
    assert_eq!(dir.refusal(&["import", &other, "--apply"]), (5, "numbers_taken".into()));
}

fn with_destinations(count: usize) -> String {
    let destinations: String =
        (0..count).map(|place| format!("      - {{name: d{place}, number: 010-6234{place:04}}}\n")).collect();
    format!(
        "sibai: 1\nenterprise: {{id: many, name: Many}}\nplan: T1\nnumbers:\n  - number: 4006000001\n    destinations:\n\
         {destinations}    otherwise: {{dial: d0}}\n"
    )
}

#[test]
fn r01_the_21st_bound_number_waits_for_a_raised_limit() {
    let dir = Dir::new();
    let (twenty, more) =
        (dir.write("20.yaml", &with_destinations(20)), dir.write("21.yaml", &with_destinations(21)));
    dir.json(&["import", &twenty, "--apply"]);
    assert_eq!(dir.refusal(&["import", &more, "--apply"]), (1, "binding_limit".into()));
    let waiting = dir.json(&["limit"]);
    assert_eq!(
        (waiting[0]["number"].as_str(), waiting[0]["wanted"].as_u64()),
        (Some("4006000001"), Some(21))
    );
    dir.json(&["limit", "many", "--number", "4006000001", "--bindings", "30"]);
    assert_eq!(dir.json(&["limit"]), Value::Array(Vec::new()), "the request is resolved");
    assert_eq!(dir.json(&["import", &more, "--apply"])["version"], 2);
    let audit = dir.json(&["audit", "many"]);
    let actions: Vec<&str> =
        audit.as_array().expect("rows").iter().filter_map(|row| row["action"].as_str()).collect();
    assert!(actions.contains(&"raise_limit"), "{actions:?}");
    assert_eq!(audit[0]["by"], "tester");
}

#[test]
fn f09_a_payment_is_posted_once() {
    let dir = Dir::new();
    dir.import_samples();
    let words = ["top-up", "huaxin", "100.00", "--reference", "bank-1"];
    let done = dir.json(&words);
    assert_eq!((done["posted"].as_bool(), done["balance"].as_str()), (Some(true), Some("1100.00")));
    let again = dir.json(&words);
    assert_eq!((again["posted"].as_bool(), again["balance"].as_str()), (Some(false), Some("1100.00")));
    assert_eq!(
        dir.refusal(&["top-up", "huaxin", "7.00", "--reference", "bank-1"]),
        (5, "reference_used".into())
    );
    assert_eq!(dir.refusal(&["top-up", "nobody", "7.00", "--reference", "bank-2"]), (4, "not_found".into()));
    assert_eq!(dir.refusal(&["top-up", "huaxin", "0.00", "--reference", "bank-2"]).0, 2);
}

#[test]
fn an_empty_place_is_told_from_empty_data() {
    let dir = Dir::new();
    assert_eq!(dir.refusal(&["calls"]), (3, "no_data".into()));
    dir.import_samples();
    assert_eq!(dir.json(&["calls"]), Value::Array(Vec::new()));
    let csv = stdout(&dir.run(&["calls", "--csv", "--lang", "zh"]));
    let zh = Command::new(env!("CARGO_BIN_EXE_sibai"))
        .args(["calls", "--csv", "--data", "data", "--lang", "zh"])
        .current_dir(&dir.0)
        .output()
        .expect("the binary runs");
    assert!(csv.is_empty(), "a word said twice is a usage error: {csv}");
    assert_eq!(
        stdout(&zh),
        "\u{feff}呼入号码区号,呼入号码地区,呼入号码,接听号码,起始时间,接听状况,通话时长,通话费用,录音\r\n"
    );
    assert_eq!(dir.refusal(&["call-record", "00000000000000000000000000"]), (4, "not_found".into()));
    assert_eq!(dir.refusal(&["call", "4006010114", "--from", "13800138000"]), (3, "no_server".into()));
    assert_eq!(dir.json_and_code(&["status"]).0, 3);
}

#[test]
fn r26_an_explanation_names_every_decision_and_changes_nothing() {
    let dir = Dir::new();
    dir.import_samples();
    let at = ["--at", "2026-10-12T09:30"];
    let words = [&["explain", "4006010114", "--from", "13800138000", "--busy", "北京二线,北京前台"][..], &at]
        .concat();
    let explained = dir.json(&words);
    assert_eq!(explained["region"]["province"], "北京");
    let facts: Vec<String> =
        explained["facts"].as_array().expect("facts").iter().map(Value::to_string).collect();
    for wanted in ["北方来电", "北京前台", "busy", "值班手机"] {
        assert!(facts.iter().any(|fact| fact.contains(wanted)), "{wanted} in {facts:#?}");
    }
    assert_eq!(explained["record"]["status"], "answered");
    assert_eq!(explained["facts"], dir.json(&words)["facts"], "the same again");
    let text = stdout(&dir.run(&words));
    assert!(text.contains("forward after busy to 值班手机"), "{text}");
    assert_eq!(dir.refusal(&["explain", "4009999999", "--from", "13800138000"]), (4, "not_found".into()));
}

#[test]
fn i08_i09_r26_a_flow_is_put_tested_published_and_rolled_back() {
    let dir = Dir::new();
    dir.import_samples();
    let menu = example("lantian").replace("lantian.yaml", "menu.json");
    let (code, put) = dir.json_and_code(&["flow", "put", "lantian", &menu]);
    assert_eq!(code, 0, "its saved cases are run on the number that has all it dials: {put}");
    assert_eq!((&put["name"], &put["steps"]), (&json!("主菜单"), &json!(6)), "{put}");
    assert_eq!(put["tests"].as_array().map(Vec::len), Some(3));
    let published = dir.json(&["flow", "publish", "lantian", "主菜单", "--number", "4008123888"]);
    assert_eq!((&published["version"], &published["changed"]), (&json!(1), &json!(true)), "{published}");
    let walked = |keys: &str| {
        let words =
            ["explain", "4008123888", "--from", "13800138000", "--at", "2026-10-12T10:00", "--keys", keys];
        dir.json(&words)
    };
    let explained = walked("2");
    assert_eq!(explained["record"]["destination"], "上海");
    assert_eq!(
        (&explained["record"]["flow"], &explained["record"]["flow_version"]),
        (&json!("主菜单"), &json!(1))
    );
    assert_eq!(explained["record"]["keys"][0]["step"], "菜单");
    assert_eq!(explained["record"]["keys"][0]["keys"], "2");
    // What is published is what an import leaves alone, and what an export has.
    let yaml = stdout(&dir.run(&["export", "lantian"]));
    let again = dir.write("again.yaml", &yaml);
    assert_eq!(dir.json(&["import", &again])["outcome"], "unchanged", "{yaml}");
    // A draft that breaks a saved case, and one that cannot work, are kept and not published.
    let text = std::fs::read_to_string(&menu).expect("the example");
    let other = dir.write("other.json", &text.replace(r#""2": "上海", "9""#, r#""2": "客服", "9""#));
    let (code, broken) = dir.json_and_code(&["flow", "put", "lantian", &other]);
    assert_eq!((code, &broken["problems"]), (1, &json!([])), "{broken}");
    let missed =
        broken["tests"].as_array().into_iter().flatten().find(|test| test["mismatches"] != json!([]));
    assert_eq!(missed.expect("one fails")["name"], "按 2 转上海");
    assert_eq!(dir.refusal(&["flow", "publish", "lantian", "主菜单"]), (1, "findings".into()));
    let looping = dir.write(
        "loop.json",
        &text.replace(r#""2": "上海", "default": "再见""#, r#""2": "上海", "default": "客服""#),
    );
    let (_, wrong) = dir.json_and_code(&["flow", "put", "lantian", &looping]);
    assert_eq!(wrong["problems"][0]["code"], "loop_without_input", "{wrong}");
    assert_eq!(dir.refusal(&["flow", "publish", "lantian", "主菜单"]), (1, "invalid_document".into()));
    // The next version, what differs, and back in one step.
    let better = dir.write("better.json", &text.replace(r#""tries": 2"#, r#""tries": 3"#));
    dir.json(&["flow", "put", "lantian", &better]);
    let differences = dir.json(&["flow", "diff", "lantian", "主菜单"]);
    assert_eq!(differences[0]["path"], "steps[菜单].tries", "{differences}");
    assert_eq!(dir.json(&["flow", "publish", "lantian", "主菜单"])["version"], 2);
    assert_eq!(dir.json(&["flow", "publish", "lantian", "主菜单"])["changed"], false);
    assert_eq!(walked("1")["record"]["flow_version"], 2);
    assert_eq!(dir.json(&["flow", "rollback", "lantian", "主菜单"])["version"], 1);
    assert_eq!(walked("1")["record"]["flow_version"], 1);
    assert_eq!(dir.refusal(&["flow", "rollback", "lantian", "主菜单"]), (4, "not_found".into()));
    assert_eq!(dir.json(&["flow", "rollback", "lantian", "主菜单", "--to", "2"])["version"], 2);
    // What is walked already is no new version of the document, wherever the flow stands among others.
    let night = dir.write("night.json", &text.replace(r#""name": "主菜单""#, r#""name": "夜间""#));
    dir.json(&["flow", "put", "lantian", &night]);
    dir.json(&["flow", "publish", "lantian", "夜间"]);
    let still = dir.json(&["flow", "rollback", "lantian", "主菜单", "--to", "2"]);
    assert_eq!((&still["version"], &still["changed"]), (&json!(2), &json!(false)), "{still}");
    let compare = ["flow", "compare", "lantian", "主菜单", "菜单"];
    assert_eq!(dir.json(&compare), json!({"arms": [], "differences": []}), "no call was dealt a share");
    assert_eq!(dir.refusal(&["flow", "compare", "lantian", "无", "菜单"]), (4, "not_found".into()));
    assert_eq!(dir.refusal(&["flow", "compare", "nobody", "主菜单", "菜单"]).0, 4);
    let listed = dir.json(&["flow", "list", "lantian"]);
    assert_eq!((&listed[0]["latest"], &listed[0]["draft"]["version"]), (&json!(2), &json!(0)), "{listed}");
    let versions = dir.json(&["flow", "versions", "lantian", "主菜单"]);
    assert_eq!((&versions[0]["version"], &versions[1]["version"]), (&json!(2), &json!(1)), "{versions}");
    assert_eq!(dir.refusal(&["flow", "versions", "lantian", "无"]), (4, "not_found".into()));
    assert_eq!((&listed[0]["version"], &listed[0]["numbers"][0]), (&json!(2), &json!("4008123888")));
    let shown = dir.json(&["flow", "show", "lantian", "主菜单", "--version", "1"]);
    let document: Value = serde_json::from_str(shown["text"].as_str().expect("a text")).expect("JSON");
    assert_eq!(document["steps"][1]["tries"], 2);
    assert_eq!(dir.json(&["flow", "test", "lantian", "主菜单", "--version", "1"])["problems"], json!([]));
}

#[test]
fn finished_calls_are_listed_shown_whole_rated_again_and_verified() {
    let dir = Dir::new();
    dir.import_samples();
    assert_eq!(dir.json(&["fill", "--records", "120", "--number", "4006010114"])["records"], 120);
    let all = dir.json(&["calls", "--limit", "1000"]);
    let rows = all.as_array().expect("rows");
    assert_eq!(rows.len(), 120);
    let page =
        dir.json(&["calls", "--limit", "50", "--older-than", rows[99]["call"].as_str().expect("an id")]);
    assert_eq!(page.as_array().expect("rows").len(), 20);
    let answered = rows.iter().find(|row| row["status"] == "answered").expect("an answered one");
    let whole = dir.json(&["call-record", answered["call"].as_str().expect("an id")]);
    assert_eq!(whole["charges"][0]["fee"], answered["fee"]);
    assert!(!whole["charges"][0]["steps"].as_array().expect("steps").is_empty());
    let (mut debits, mut credits) = (0, 0);
    for entry in whole["entries"].as_array().expect("entries") {
        debits += usize::from(entry["debit"].is_object() || entry["debit"].is_string());
        credits += usize::from(entry["credit"].is_object() || entry["credit"].is_string());
    }
    assert!(debits > 0 && debits == credits);
    let csv = stdout(&dir.run(&["calls", "--csv", "--limit", "7"]));
    assert_eq!(csv.lines().count(), 8, "{csv}");
    assert_eq!(dir.json(&["verify"])["clean"], true);
    re_rate(&dir);
}

fn re_rate(dir: &Dir) {
    let words = ["re-rate", "--tenant", "huaxin", "--plan", "T2b", "--reason", "wrong plan"];
    let same = dir.json(&["re-rate", "--tenant", "huaxin"]);
    assert_eq!((same["looked_at"].as_u64(), same["adjusted"].as_u64()), (Some(120), Some(0)));
    let dry = dir.json(&words);
    assert!(dry["adjusted"].as_u64() > Some(0), "{dry}");
    let apply = [&words[..], &["--apply"]].concat();
    assert_eq!(dir.json(&apply)["sale_difference"], dry["sale_difference"]);
    assert_eq!(dir.json(&apply)["adjusted"], 0, "twice is once");
    assert_eq!(dir.json(&["verify"])["clean"], true);
    assert_eq!(dir.refusal(&["re-rate", "--tenant", "huaxin", "--plan", "C1"]), (4, "not_found".into()));
}

#[test]
fn r15_a_caller_is_forgotten_and_the_audit_does_not_say_whom() {
    let dir = Dir::new();
    dir.import_samples();
    assert_eq!(dir.json(&["forget", "huaxin", "135 1000 1000"])["places"], 0);
    let audit = dir.json(&["audit", "huaxin"]);
    assert!(
        audit.to_string().contains("forget_caller") && !audit.to_string().contains("13510001000"),
        "{audit}"
    );
    assert_eq!(dir.refusal(&["forget", "nobody", "13510001000"]), (4, "not_found".into()));
    assert_eq!(dir.refusal(&["forget", "huaxin", "anonymous"]).0, 2);
}

#[test]
fn r22_a_crisis_is_one_switch_of_one_or_two_persons_and_audited() {
    let dir = Dir::new();
    dir.import_samples();
    let on = ["crisis", "on", "huaxin", "--until", "2099-01-01T00:00"];
    assert_eq!(dir.json(&["crisis", "show", "huaxin"])["on"], false);
    let with = |words: &[&'static str]| [&on[..], words].concat();
    assert_eq!(dir.json(&with(&["--play", "after_hours", "--go-on"]))["on"], true);
    assert!(dir.json(&["export", "huaxin"]).to_string().contains("2099-01-01 00:00:00"));
    assert_eq!(dir.json(&["crisis", "off", "huaxin"])["on"], false);
    assert_eq!(dir.refusal(&with(&["--play", "nothing"])), (1, "invalid_document".into()));
    assert_eq!(dir.refusal(&with(&["--dial", "110"])), (1, "invalid_document".into()));
    let past = ["crisis", "on", "huaxin", "--until", "2020-01-01", "--play", "after_hours"];
    assert_eq!(dir.refusal(&past), (2, "invalid_value".into()));

    let text = std::fs::read_to_string(example("huaxin")).expect("shipped");
    let two = dir.write("two.yaml", &text.replacen("plan: T1", "crisis_by_two: true\nplan: T1", 1));
    dir.json(&["import", &two, "--apply"]);
    let asks = |number, by| dir.json(&[&with(&["--dial", number])[..], &["--by", by]].concat());
    let asked = asks("139-1111-2222", "ann");
    assert_eq!((&asked["on"], &asked["asked"]["by"]), (&false.into(), &"ann".into()), "{asked}");
    assert_eq!(
        asked["asked"]["crisis"]["then"]["dial"], "13911112222",
        "the second person sees what is asked"
    );
    let request = |asked: &Value| asked["asked"]["request"].as_str().expect("named").to_owned();
    let seen = request(&asked);
    let confirm = |by, request: &str| {
        let words: [&str; 6] = ["crisis", "confirm", "huaxin", request, "--by", by];
        words.map(str::to_owned)
    };
    let refusal = |words: [String; 6]| dir.refusal(&words.each_ref().map(String::as_str));
    assert_eq!(refusal(confirm("ann", &seen)), (1, "second_person".into()));
    // What is asked meanwhile is another request, and the look at the one before does not begin it.
    let other = request(&asks("13922223333", "ann"));
    assert_eq!(refusal(confirm("ben", &seen)), (5, "version_moved".into()));
    assert_eq!(dir.json(&["crisis", "show", "huaxin"])["on"], false);
    assert_ne!(seen, other);
    let seen = request(&asks("139-1111-2222", "ann"));
    let begun = dir.json(&confirm("ben", &seen).each_ref().map(String::as_str));
    assert_eq!((&begun["on"], &begun["asked"]), (&true.into(), &Value::Null), "{begun}");
    assert_eq!(begun["crisis"]["then"]["dial"], "13911112222", "in national form");
    assert_eq!(refusal(confirm("ben", &seen)), (4, "not_found".into()));
    let audit = dir.json(&["audit", "huaxin"]).to_string();
    assert!(audit.contains("ann, ben") && audit.contains("on until 2099-01-01"), "{audit}");
    // A document is not the switch: what holds stays, and is said to.
    let written = text.replacen(
        "plan: T1",
        "crisis: {until: 2099-02-02 00:00, then: hang_up}\ncrisis_by_two: true\nplan: T1",
        1,
    );
    let imported = dir.json(&["import", &dir.write("crisis.yaml", &written), "--apply"]);
    assert!(imported["warnings"].to_string().contains("crisis_kept"), "{imported}");
    assert_eq!(dir.json(&["crisis", "show", "huaxin"])["crisis"], begun["crisis"]);
    dir.json(&["import", &two, "--apply"]);
    assert_eq!(dir.json(&["crisis", "show", "huaxin"])["on"], true, "a document without one ends none");
    // What is off already is no new version.
    let off = dir.json(&["crisis", "off", "huaxin"]);
    assert_eq!(dir.json(&["crisis", "off", "huaxin"])["version"], off["version"]);
}

#[test]
fn a_copy_is_put_back_and_never_over_data_by_mistake() {
    let dir = Dir::new();
    dir.import_samples();
    dir.json(&["fill", "--records", "20", "--number", "4006010114"]);
    let copy = dir.path("copy");
    assert_eq!(dir.json(&["backup", "--to", &copy])["recordings"], 0);
    assert_eq!(dir.refusal(&["backup", "--to", &copy]), (5, "already_there".into()));
    dir.json(&["top-up", "huaxin", "5.00", "--reference", "later"]);
    assert_eq!(dir.refusal(&["restore", "--from", &copy]), (5, "already_there".into()));
    let restored = dir.json(&["restore", "--from", &copy, "--force"]);
    assert_eq!(restored["verified"]["clean"], true);
    let again = dir.json(&["top-up", "huaxin", "5.00", "--reference", "later"]);
    assert_eq!(again["posted"], true, "the later payment is not in the copy");
    std::fs::write(Path::new(&copy).join("sibai.db"), b"not a database").expect("written");
    assert_eq!(dir.refusal(&["restore", "--from", &copy, "--force"]), (1, "findings".into()));
}

#[test]
fn tariffs_and_trunks_are_checked_before_they_are_stored() {
    let dir = Dir::new();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/tariffs.json").display().to_string();
    assert_eq!(dir.json(&["tariff", "import", &shipped, "--apply"])["new"], Value::Array(Vec::new()));
    let text = std::fs::read_to_string(&shipped).expect("shipped");
    let edited = dir.write("edited.json", &text.replacen("\"title\": \"", "\"title\": \"x", 1));
    assert_eq!(dir.refusal(&["tariff", "import", &edited]), (5, "tariff_differs".into()));
    assert_eq!(dir.refusal(&["trunk", "add", "a", "--address", "nowhere"]).0, 2);
    assert_eq!(dir.refusal(&["trunk", "remove", "a"]), (4, "not_found".into()));
    dir.json(&["trunk", "add", "a", "--address", "127.0.0.1:5080"]);
    assert_eq!(dir.json(&["trunk", "remove", "a"])["enabled"], false);
}

#[test]
fn x04_a_trunks_profile_is_checked_kept_and_shown() {
    let dir = Dir::new();
    dir.import_samples();
    let add = ["trunk", "add", "b", "--address", "127.0.0.1:5081"];
    let with = |more: &[&str]| dir.json_and_code(&[&add[..], more].concat());
    let (code, refusal) = with(&["--set", "weight=0", "--set", "show=own", "--set", "transport=sctp"]);
    assert_eq!((code, &refusal["error"]["code"]), (1, &Value::from("invalid_document")), "{refusal}");
    let (code, refusal) = with(&["--set", "weight=0", "--set", "show=own"]);
    let problems = refusal["error"]["problems"].as_array().expect("listed");
    let codes: Vec<&str> = problems.iter().filter_map(|problem| problem["code"].as_str()).collect();
    assert_eq!((code, codes), (1, vec!["out_of_range", "no_own_number"]), "{refusal}");
    let file = dir.write("b.toml", "called = \"e164\"\ncalls_max = 60\nnumbers = [\"01062000001\"]\n");
    let (code, trunk) = with(&["--profile", &file, "--set", "calls_max=90"]);
    assert_eq!((code, &trunk["profile"]["calls_max"]), (0, &Value::from(90)), "{trunk}");
    let shown = dir.json(&["trunk", "show", "b"]);
    assert_eq!(shown["profile"]["called"], "e164");
    let file = dir.write("again.json", &shown["profile"].to_string());
    assert_eq!(with(&["--profile", &file]).1, shown, "what is shown makes the same trunk");
    assert_eq!(dir.refusal(&["trunk", "show", "c"]), (4, "not_found".into()));
    assert_eq!(dir.json(&["segment", "list"]).as_array().expect("rows").len(), 8);
}

#[test]
fn n17_another_trunk_leaves_bindings_flows_records_and_balance_as_they_are() {
    let dir = Dir::new();
    dir.import_samples();
    dir.json(&["fill", "--records", "30", "--number", "4006010114"]);
    dir.json(&["top-up", "huaxin", "5.00", "--reference", "first"]);
    let all = || {
        let calls = dir.json(&["calls", "--limit", "1000"]);
        let one = calls[0]["call"].as_str().expect("an id").to_owned();
        let whole = dir.json(&["call-record", &one]);
        let again = dir.json(&["top-up", "huaxin", "5.00", "--reference", "first"]);
        let documents = ["huaxin", "lantian"].map(|tenant| dir.json(&["export", tenant]));
        (documents, dir.json(&["enterprises"]), calls, whole, again["balance"].clone())
    };
    let before = all();
    let add = |name: &str, address: &str| {
        dir.json(&["trunk", "add", name, "--address", address, "--area-code", "010", "--set", "called=e164"])
    };
    assert_eq!(add("carrier-a", "127.0.0.1:5090")["address"], "127.0.0.1:5090", "the carrier moved");
    add("carrier-b", "127.0.0.1:5091");
    assert_eq!(dir.json(&["trunk", "remove", "carrier-a"])["enabled"], false, "another carrier");
    assert_eq!(all(), before);
    assert_eq!(dir.json(&["verify"])["clean"], true);
    let listed = dir.json(&["trunk", "list"]);
    let states: Vec<&Value> = listed.as_array().expect("rows").iter().map(|row| &row["state"]).collect();
    assert_eq!(states, [&Value::Null, &Value::Null], "no server, no state");
}

/// The running demo, ended by its own id.
struct Demo {
    child: Child,
    /// What it said until it was ready.
    told: String,
}

impl Demo {
    fn start(dir: &Dir) -> Demo {
        Demo::with_callers(dir, 0)
    }

    fn with_callers(dir: &Dir, calls_per_minute: u32) -> Demo {
        Demo::at(dir, calls_per_minute, "127.0.0.1:0")
    }

    fn at(dir: &Dir, calls_per_minute: u32, http: &str) -> Demo {
        let words = [
            "demo",
            "--quiet",
            "--calls-per-minute",
            &calls_per_minute.to_string(),
            "--sip",
            "127.0.0.1:0",
            "--carrier",
            "127.0.0.1:0",
        ];
        let mut command = dir.command(&[&words[..], &["--http", http]].concat());
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the demo starts");
        let out = child.stdout.take().expect("piped");
        let mut demo = Demo { child, told: String::new() };
        let mut lines = BufReader::new(out).lines().map_while(Result::ok);
        let ready = lines.any(|line| {
            demo.told += &(line.clone() + "\n");
            line.contains("Ctrl-C stops it")
        });
        assert!(ready, "the demo is not ready: {}", demo.told);
        demo
    }

    fn stop(mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().expect("kill runs").success());
        assert!(self.child.wait().expect("ended").success());
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The calls once there are so many: each look is a process of its own, and the store commits within its interval.
fn calls_when(dir: &Dir, count: usize) -> Value {
    for _ in 0..200 {
        let calls = dir.json(&["calls"]);
        if calls.as_array().is_some_and(|rows| rows.len() >= count) {
            return calls;
        }
    }
    panic!("{count} calls never came");
}

#[test]
fn a_newcomer_calls_the_demo_and_sees_record_fee_entries_and_recording() {
    let dir = Dir::new();
    let demo = Demo::start(&dir);
    assert_eq!(dir.json(&["status"])["running"], true);
    // The list of callers that a rule sends to a phone that is busy, at any hour; it is forwarded and answered.
    let call = dir.run(&["call", "4006010114", "--from", "01088880002", "--for", "8s"]);
    assert!(call.status.success(), "{}", stdout(&call));
    let rejected = dir.run(&["call", "4008123888", "--from", "01088880004"]);
    assert_eq!(rejected.status.code(), Some(1), "{}", stdout(&rejected));
    let calls = calls_when(&dir, 2);
    let row = calls.as_array().expect("rows").iter().find(|row| row["number"] == "4006010114").expect("ours");
    assert_eq!((row["status"].as_str(), row["fee"].as_str()), (Some("answered"), Some("0.30")), "{row}");
    assert!(row["recording"].is_string(), "{row}");
    let words = ["call-record", row["call"].as_str().expect("an id")];
    let whole = dir.json(&words);
    assert!(whole["messages"].as_array().is_some_and(|messages| messages.len() >= 10), "the SIP of the call");
    let text = stdout(&dir.run(&words));
    assert!(text.contains("forward after busy to") && text.contains("INVITE"), "{text}");
    let verified = dir.json(&["verify"]);
    assert_eq!(
        (verified["clean"].as_bool(), verified["running"].as_bool()),
        (Some(true), Some(true)),
        "{verified}"
    );
    let top_up = dir.json(&["top-up", "huaxin", "1.00", "--reference", "while running"]);
    assert_eq!(top_up["posted"], true);
    assert_eq!(dir.json(&["explain", "4006010114", "--from", "13800138000"])["state"], "node");
    demo.stop();
    assert_eq!(dir.json(&["verify"])["clean"], true);
    let again = Demo::start(&dir);
    assert_eq!(dir.json(&["calls"]).as_array().expect("rows").len(), 2);
    again.stop();
}

/// Rows R23, R24: a year's table is believed by its signature, taken in without a restart, and decides the next call.
#[test]
fn r24_a_signed_year_is_taken_in_while_the_platform_runs() {
    let dir = Dir::new();
    let demo = Demo::start(&dir);
    let is_open = |at: &str| {
        let explained = dir.json(&["explain", "4006010114", "--from", "02812345678", "--at", at]);
        !explained["facts"].to_string().contains("after_hours")
    };
    for day in ["2026-02-14", "2026-10-10"] {
        assert!(is_open(&format!("{day}T09:30:00")), "{day} is a workday");
    }
    for day in 1..=7 {
        assert!(!is_open(&format!("2026-10-0{day}T10:30:00")), "{day} October is a holiday");
    }
    let next = ["2027-01-01T09:30:00", "2027-02-13T09:30:00"];
    assert_eq!(next.map(is_open), [true, false], "an ordinary Friday and Saturday");

    let pair =
        ring::signature::Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).expect("chance");
    std::fs::write(dir.0.join("key.der"), pair.as_ref()).expect("written");
    let table = |version: u32, days: &str| {
        format!("sibai-calendar 1\nyear 2027\nversion {version}\nsource 样例通知\ndate,kind,name\n{days}")
    };
    let sign = |version: u32, days: &str| {
        let file = dir.write("table.csv", &table(version, days));
        let signed = dir.run(&["calendar", "sign", &file, "--key", "key.der"]);
        let text = String::from_utf8(signed.stdout).expect("text");
        (dir.write("signed.txt", &text), String::from_utf8(signed.stderr).expect("text"))
    };
    let days = "2027-01-01,off,元旦\n2027-02-13,work,春节\n";
    let (signed, public) = sign(2, days);
    assert_eq!(dir.refusal(&["calendar", "import", &signed]), (1, "bad_signature".into()));
    dir.write("data/calendar.keys", &format!("# who is believed\noperator {}\n", public.trim()));
    let unsigned = dir.write("unsigned.txt", &table(2, days));
    assert_eq!(dir.refusal(&["calendar", "import", &unsigned]), (1, "bad_signature".into()));
    let imported = dir.json(&["calendar", "import", &signed]);
    assert_eq!(
        (&imported["year"]["version"], &imported["year"]["signed_by"]),
        (&2.into(), &"operator".into())
    );
    assert_eq!(next.map(is_open), [false, true], "by the table that was taken in");
    assert_eq!(dir.json(&["calendar", "import", &signed])["unchanged"], true);
    for (version, days) in [(1, days), (2, "2027-01-01,off,元旦\n")] {
        let (older, _) = sign(version, days);
        assert_eq!(dir.refusal(&["calendar", "import", &older]), (5, "calendar_version".into()));
    }
    let shown = dir.json(&["calendar", "show", "2027"]);
    assert_eq!(shown["days"][1], serde_json::json!(["2027-02-13", "work", "春节"]));
    assert_eq!(shown["years"].as_array().expect("years").last().expect("one")["source"], "样例通知");
    let audit = dir.json(&["audit", "provider"]).to_string();
    assert!(audit.contains("calendar/2027") && audit.contains("tester"), "{audit}");
    demo.stop();
    assert_eq!(next.map(is_open), [false, true], "and after it, from the database");
}

/// Rows B05, B06, B07: the owner sets a month's caps aside until the month ends, and everybody sees who did.
#[test]
fn b07_the_owner_sets_a_cap_aside_until_the_month_ends() {
    let dir = Dir::new();
    dir.import_samples();
    assert_eq!(dir.refusal(&["limit", "huaxin", "--lift"]), (2, "invalid_value".into()), "it has no cap");
    assert_eq!(dir.refusal(&["limit", "lantian", "--lift", "--number", "4006010114"]).0, 4);
    let lifted = dir.json(&["limit", "lantian", "--lift"]);
    let month = lifted["month"].as_u64().expect("this month");
    assert!(dir.json(&["export", "lantian"]).to_string().contains(&format!("lifted_month: {month}")));
    assert_eq!(dir.json(&["limit", "lantian", "--lift"])["version"], lifted["version"], "twice is once");
    assert_eq!(dir.json(&["limit", "lantian", "--restore"])["month"], Value::Null);
    assert!(!dir.json(&["export", "lantian"]).to_string().contains("lifted_month"));
    let audit = dir.json(&["audit", "lantian"]).to_string();
    assert!(
        audit.contains("lift_caps") && audit.contains("set aside in") && audit.contains("in force"),
        "{audit}"
    );
    assert_eq!(dir.json(&["alerts", "list"]), Value::Array(Vec::new()));
    assert_eq!(dir.json(&["alerts", "ack", "lantian"])["acked"], 0);
    assert_eq!(dir.refusal(&["alerts", "ack", "nobody"]), (4, "not_found".into()));

    let text = std::fs::read_to_string(example("lantian")).expect("shipped");
    let notify =
        dir.write("notify.yaml", &text.replace("month_calls: 10000", "month_calls: 10000\n  notify: [sms]"));
    assert_eq!(dir.refusal(&["import", &notify]), (1, "not_available".into()), "messages come later");
}

/// Rows B01, B03: lists of callers by pattern and by a call's id, with what each entry did.
#[test]
fn b01_b03_callers_are_blocked_and_allowed_in_one_command() {
    let dir = Dir::new();
    dir.import_samples();
    let block = ["block", "021*", "--tenant", "huaxin", "--number", "4006010114", "--note", "样例"];
    let done = dir.json(&block);
    assert_eq!(done["numbers"], serde_json::json!(["4006010114"]));
    assert_eq!(dir.json(&block)["numbers"], serde_json::json!([]), "twice is once");
    let explain =
        |from: &str| dir.json(&["explain", "4006010114", "--from", from])["record"]["cause"].clone();
    assert_eq!(explain("02161234599"), "blocked");
    let entries = dir.json(&["block", "--tenant", "huaxin"]);
    let entry =
        entries.as_array().expect("rows").iter().find(|row| row["caller"] == "021*").expect("it stands");
    assert_eq!((&entry["by"], &entry["note"], &entry["hits"]), (&"tester".into(), &"样例".into(), &0.into()));

    dir.json(&["allow", "021-6123 4599", "--tenant", "huaxin"]);
    assert_ne!(explain("02161234599"), "blocked", "the white list comes first");
    dir.json(&["allow", "02161234599", "--tenant", "huaxin", "--remove"]);
    assert_eq!(explain("02161234599"), "blocked");
    dir.json(&["block", "021*", "--tenant", "huaxin", "--remove"]);
    assert_ne!(explain("02161234599"), "blocked");

    dir.json(&["fill", "--records", "3", "--number", "4006010114"]);
    let calls = dir.json(&["calls", "--limit", "1"]);
    let (call, caller) =
        (calls[0]["call"].as_str().expect("an id"), calls[0]["caller"].as_str().expect("shown"));
    let by_call = dir.json(&["block", call]);
    assert_eq!((&by_call["pattern"], &by_call["tenant"]), (&caller.into(), &"huaxin".into()));
    for (words, refused) in [
        (&["block", "abc", "--tenant", "huaxin"][..], (2, "invalid_value")),
        (&["block", "021*"], (2, "invalid_value")),
        (&["allow"], (2, "invalid_value")),
        (&["block", "021*", "--tenant", "nobody"], (4, "not_found")),
        (&["block", "021*", "--tenant", "huaxin", "--number", "4009999999"], (4, "not_found")),
        (&["block", "01m4pzyw4p19bahctak06fwb22"], (4, "not_found")),
    ] {
        assert_eq!(dir.refusal(words), (refused.0, refused.1.to_owned()), "{words:?}");
    }
}

/// Row B01: a list says what each of its entries did.
#[test]
fn b01_an_entry_counts_the_calls_it_stopped() {
    let dir = Dir::new();
    dir.import_samples();
    dir.json(&["block", "01088880002", "--tenant", "huaxin", "--number", "4006010114"]);
    dir.json(&["block", "0108888*", "--tenant", "huaxin", "--number", "4006010114"]);
    let demo = Demo::start(&dir);
    for _ in 0..2 {
        let refused = dir.run(&["call", "4006010114", "--from", "01088880002", "--for", "1s"]);
        assert_eq!(refused.status.code(), Some(1), "{}", stdout(&refused));
    }
    let calls = calls_when(&dir, 2);
    assert!(calls.as_array().expect("rows").iter().all(|row| row["cause"] == "blocked"), "{calls}");
    let entries = dir.json(&["block", "--tenant", "huaxin"]);
    let hits = |pattern: &str| {
        let row = entries.as_array().expect("rows").iter().find(|row| row["caller"] == pattern);
        row.expect("it stands")["hits"].clone()
    };
    assert_eq!((hits("01088880002"), hits("0108888*")), (2.into(), 0.into()), "the first that holds");
    demo.stop();
}

/// Row R36: a ported number has another operator than its prefix says, so the operator is marked wherever it is shown.
#[test]
fn r36_the_operator_is_marked_as_issued_wherever_it_is_shown() {
    let dir = Dir::new();
    dir.import_samples();
    let text = stdout(&dir.run(&["region", "13800138000"]));
    assert!(text.contains("mobile") && text.contains("the carrier is as issued"), "{text}");
    let explained = dir.json(&["explain", "4006010114", "--from", "13800138000"]);
    for shown in [&dir.json(&["region", "13800138000"]), &explained["region"], &explained["record"]["region"]]
    {
        assert_eq!(
            (&shown["carrier_as_issued"], &shown["carrier"]),
            (&"mobile".into(), &Value::Null),
            "{shown}"
        );
    }
}

/// Row B11: a call that costs more than the hour may is an alert that freezes; the next call is refused until somebody
/// lifts it, and no import does. Bound numbers changed in bulk freeze in the same change.
#[test]
fn b11_odd_charges_are_an_alert_that_freezes_until_somebody_lifts_it() {
    let dir = Dir::new();
    dir.import_samples();
    assert_eq!(stdout(&dir.run(&["alerts", "list"])).trim(), "no open alerts");
    let text = std::fs::read_to_string(example("huaxin")).expect("shipped");
    let document = |alarm: &str, text: &str| dir.write("own.yaml", &format!("{text}\nalarm: {{{alarm}}}\n"));

    let demo = Demo::start(&dir);
    let call = || dir.run(&["call", "4006010114", "--from", "01088880002", "--for", "2s"]);
    let first = call();
    assert!(first.status.success(), "{}", stdout(&first));
    calls_when(&dir, 1);
    assert_eq!(
        dir.json(&["alerts", "list", "huaxin"]),
        Value::Array(Vec::new()),
        "far below the usual floor"
    );
    let own = document("cost_times: 2, cost_floor: \"0.01\", freeze: true", &text);
    dir.json(&["import", &own, "--apply"]);
    let alerts = |count: usize| {
        let mut looks = (0..400).map(|_| dir.json(&["alerts", "list", "huaxin"]));
        looks.find(|rows| rows.as_array().is_some_and(|rows| rows.len() >= count)).expect("an alert")
    };
    let alert = alerts(1)[0].clone();
    let told = [&alert["kind"], &alert["level"], &alert["allowed"], &alert["used"]];
    assert_eq!(told, [&Value::from("hour_cost"), &2.into(), &"0.01".into(), &"0.30".into()], "{alert}");
    let refused = call();
    assert_eq!(refused.status.code(), Some(1), "{}", stdout(&refused));
    let calls = calls_when(&dir, 2);
    assert!(calls.as_array().expect("rows").iter().any(|row| row["cause"] == "frozen"), "{calls}");
    let listed = stdout(&dir.run(&["alerts", "list"]));
    assert!(listed.contains("0.30 yuan, above 2 times its normal or the floor: 0.01 yuan"), "{listed}");

    let own = document("cost_times: 2, cost_floor: \"0.01\", freeze: true, normal_days: 7", &text);
    dir.json(&["import", &own, "--apply"]);
    assert!(dir.json(&["export", "huaxin"]).to_string().contains("frozen: "), "an import lifts nothing");
    assert_eq!(dir.json(&["alerts", "unfreeze", "huaxin"])["frozen"], Value::Null);
    let again = call();
    assert!(again.status.success(), "{}", stdout(&again));
    assert_eq!(dir.json(&["alerts", "ack", "huaxin"])["acked"], 1);

    let moved = text.replace("010-6234560", "010-6234570");
    let own = document("binding_changes: 3, freeze: true", &moved);
    dir.json(&["import", &own, "--apply"]);
    let alert = alerts(1)[0].clone();
    let told = [&alert["kind"], &alert["used"], &alert["allowed"]];
    assert_eq!(told, [&Value::from("binding_changes"), &"4".into(), &"3".into()], "{alert}");
    assert_eq!(dir.json(&["explain", "4006010114", "--from", "01088880002"])["record"]["cause"], "frozen");
    let audit = dir.json(&["audit", "huaxin"]).to_string();
    assert!(audit.contains("no new calls") && audit.contains("calls are taken"), "{audit}");
    demo.stop();
}
