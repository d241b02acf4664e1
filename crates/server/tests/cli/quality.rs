//! Quality scoring by the command line (row Q19).

use crate::{Dir, example, stdout};

#[test]
fn q19_a_form_is_checked_kept_and_published_as_versions_that_stay() {
    let dir = Dir::new();
    dir.import_samples();
    let file = example("quality");
    let checked = dir.json(&["quality", "form", "check", "huaxin", &file]);
    assert_eq!((checked["name"].as_str(), checked["questions"].as_u64()), (Some("service"), Some(6)));
    assert_eq!(dir.refusal(&["quality", "form", "publish", "huaxin", "service"]), (4, "not_found".into()));
    assert_eq!(dir.json(&["quality", "form", "put", "huaxin", &file])["kept"], true);
    assert_eq!(dir.refusal(&["quality", "form", "show", "huaxin", "service"]), (4, "not_found".into()));
    let published = dir.json(&["quality", "form", "publish", "huaxin", "service"]);
    assert_eq!((published["version"].as_u64(), published["changed"].as_bool()), (Some(1), Some(true)));
    let again = dir.json(&["quality", "form", "publish", "huaxin", "service"]);
    assert_eq!((again["version"].as_u64(), again["changed"].as_bool()), (Some(1), Some(false)));
    let text = std::fs::read_to_string(&file).expect("the sample").replace("weight: 40", "weight: 30");
    let other = dir.0.join("other.yaml");
    std::fs::write(&other, &text).expect("written");
    let other = other.display().to_string();
    dir.json(&["quality", "form", "put", "huaxin", &other]);
    assert_eq!(dir.json(&["quality", "form", "publish", "huaxin", "service"])["version"], 2);
    let weight = |version: &str| {
        let shown = dir.json(&["quality", "form", "show", "huaxin", "service", "--version", version]);
        shown["form"]["sections"][1]["questions"][0]["weight"].as_u64()
    };
    assert_eq!((weight("1"), weight("2")), (Some(40), Some(30)), "an old version is as it was");
    let listed = stdout(&dir.run(&["quality", "form", "list", "huaxin"]));
    assert!(listed.contains("draft") && listed.contains("服务质检表"), "{listed}");
    std::fs::write(&other, text.replace("kind: scale", "kind: stars")).expect("written");
    assert_eq!(dir.refusal(&["quality", "form", "put", "huaxin", &other]), (1, "invalid_document".into()));
    let (_, refused) = dir.json_and_code(&["quality", "form", "check", "huaxin", &other]);
    let problem = &refused["error"]["problems"][0];
    assert_eq!((problem["code"].as_str(), problem["line"].as_u64()), (Some("unknown_word"), Some(11)));
    let (_, audit) = dir.json_and_code(&["audit", "huaxin"]);
    assert!(audit.to_string().contains("publish_quality_form"), "{audit}");
}

#[test]
fn q19_rules_and_machines_words_are_told_what_is_wrong_with_them() {
    let dir = Dir::new();
    dir.import_samples();
    let rule = example("sample");
    assert_eq!(dir.refusal(&["quality", "rule", "put", "huaxin", &rule]), (4, "not_found".into()), "no form");
    dir.json(&["quality", "form", "put", "huaxin", &example("quality")]);
    dir.json(&["quality", "form", "publish", "huaxin", "service"]);
    let put = ["quality", "rule", "put", "huaxin", &rule];
    assert_eq!(dir.refusal(&put), (2, "invalid_value".into()), "nobody is called so");
    for login in ["chen", "wu"] {
        dir.json(&["account", "add", "huaxin", login, "--name", "陈工", "--role", "quality_reviewer"]);
    }
    let kept = dir.json(&put);
    assert_eq!((kept[0]["calls_per_week"].as_u64(), kept[0]["appeal_days"].as_u64()), (Some(3), Some(7)));
    assert_eq!(dir.json(&["quality", "rule", "list", "huaxin"]), kept);
    let wrong =
        dir.write("wrong.yaml", "name: weekly\nform: service\ncalls_per_week: 0\nreviewers: [chen]\n");
    assert_eq!(dir.refusal(&["quality", "rule", "check", "huaxin", &wrong]), (1, "invalid_document".into()));
    let drawn = dir.json(&["quality", "sample", "huaxin", "--rule", "weekly", "--week", "2026-10-05"]);
    assert_eq!((drawn[0]["week"].as_str(), drawn[0]["drawn"].as_u64()), (Some("2026-10-05"), Some(0)));
    assert_eq!(dir.json(&["quality", "sample", "huaxin"])[0]["is_new"], false);
    assert_eq!(dir.refusal(&["quality", "sample", "huaxin", "--rule", "other"]), (4, "not_found".into()));
    let lines =
        "{\"call\": \"01m4pzyw4p19bahctak06fwb22\", \"form\": \"service\", \"sheet\": {}}\n\nno JSON\n";
    let file = dir.write("scores.jsonl", lines);
    let (exit, brought) = dir.json_and_code(&["quality", "prescore", "huaxin", &file, "--machine", "robot"]);
    let why = |place: usize| {
        let refused = &brought["refused"][place];
        (refused[0].as_u64(), refused[1]["code"].as_str())
    };
    assert_eq!((exit, brought["taken"].as_u64()), (1, Some(0)));
    assert_eq!((why(0), why(1)), ((Some(1), Some("not_found")), (Some(3), Some("bad_request"))));
    assert_eq!(dir.refusal(&["quality", "show", "huaxin", "1"]), (4, "not_found".into()));
    assert_eq!(dir.refusal(&["quality", "calibration", "huaxin", "1"]), (4, "not_found".into()));
    for words in [["quality", "list", "huaxin"], ["quality", "report", "huaxin"]] {
        assert_eq!(dir.json(&words).as_array().map(Vec::len), Some(0), "{words:?}");
    }
    let agreement = dir.json(&["quality", "agreement", "huaxin", "service"]);
    assert_eq!(agreement.as_array().map(Vec::len), Some(0));
}
