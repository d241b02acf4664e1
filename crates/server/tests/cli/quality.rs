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
