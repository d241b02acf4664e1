//! The API of the real process: who gets in, what each role may, what nobody may, calls as they are now.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use e2e::{
    Answer, PASSWORD, Platform, Setup, Visitor, acme, answers, block_on, carrier, extension, first_password,
    number, signed_in, signed_in_agent,
};
use farend::call::HangUp;
use farend::world::World;
use hotline::TenantId;
use hotline::enterprise::{Agent, Enterprise};
use serde_json::{Value, json};

const PHONE: &str = "01062345601";
const ROLES: [&str; 12] = [
    "owner",
    "admin",
    "supervisor",
    "agent",
    "finance",
    "auditor",
    "quality_reviewer",
    "machine",
    "intake",
    "reviewer",
    "billing",
    "system",
];
const STAFF: [&str; 4] = ["intake", "reviewer", "billing", "system"];

fn started(name: &'static str) -> (World, Platform) {
    let mut acme = acme(&[PHONE]);
    let (_, phone) = extension("801", "a long word of no meaning");
    acme.extensions.push(phone);
    let skills = Default::default();
    acme.agents.push(Agent {
        number: "8001".into(),
        name: "Wang".into(),
        extension: "801".into(),
        skills,
        capacity: None,
        shifts: Vec::new(),
        mobile: None,
        confirm: None,
    });
    let number = "4006010115".parse().expect("a number");
    let mut other = Enterprise { id: TenantId::new("other"), ..acme.clone() };
    (other.extensions, other.agents) = (Vec::new(), Vec::new());
    other.numbers.iter_mut().for_each(|one| one.number = number);
    let (world, _) = carrier(&[(PHONE, answers(880))]);
    let setup = Setup::new(name, world.local(), vec![acme, other]);
    (world, Platform::start(setup))
}

fn code(answer: &Answer) -> (u16, &str) {
    assert!(answer.head.to_lowercase().contains("content-type: application/problem+json"), "{}", answer.head);
    (answer.status, answer.body["code"].as_str().unwrap_or_default())
}

#[test]
fn p02_p03_a_first_password_opens_nothing_but_its_own_change_and_tries_are_counted() {
    let (_world, platform) = started("api-door");
    let first = first_password(&platform, "acme", "li", "owner");
    let mut visitor = Visitor::new(platform.http);
    assert_eq!(code(&visitor.ask("GET", "/api/v1/session", None)), (401, "sign_in_needed"));
    for (enterprise, login, password) in
        [("acme", "li", "wrong"), ("acme", "nobody", first.as_str()), ("other", "li", &first), ("", "", "")]
    {
        let answer = visitor.sign_in(enterprise, login, password);
        assert_eq!(code(&answer), (401, "wrong_password"));
        assert_eq!(answer.body["title"], "企业、登录名或密码不对", "the same whatever is wrong");
    }
    let answer = visitor.sign_in("acme", "li", &first);
    assert_eq!((answer.status, &answer.body["must_change"]), (200, &json!(true)));
    let cookie =
        answer.head.lines().find(|line| line.to_lowercase().starts_with("set-cookie")).expect("a cookie");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    let calls = "/api/v1/enterprises/acme/calls";
    assert_eq!(code(&visitor.ask("GET", calls, None)), (403, "password_change_needed"));
    for (old, new, wanted) in [
        (first.as_str(), "short", (422, "invalid_value")),
        (&first, &first, (422, "invalid_value")),
        ("wrong", PASSWORD, (401, "wrong_password")),
    ] {
        let change = json!({"old": old, "new": new});
        assert_eq!(code(&visitor.ask("PUT", "/api/v1/session/password", Some(&change))), wanted);
    }
    let elsewhere = {
        let mut elsewhere = Visitor::new(platform.http);
        elsewhere.sign_in("acme", "li", &first);
        elsewhere
    };
    let change = json!({"old": first, "new": PASSWORD});
    assert_eq!(visitor.ask("PUT", "/api/v1/session/password", Some(&change)).status, 204);
    assert_eq!(visitor.ask("GET", calls, None).status, 200);
    assert_eq!(elsewhere.ask("GET", "/api/v1/session", None).status, 401, "other sessions ended");

    let mut tries = (0..6).map(|_| Visitor::new(platform.http).sign_in("acme", "li", "wrong").status);
    assert_eq!(tries.by_ref().take(5).collect::<Vec<_>>(), [401; 5]);
    assert_eq!(tries.next(), Some(429), "shut for a while, whoever tries");
    assert_eq!(Visitor::new(platform.http).sign_in("acme", "li", PASSWORD).status, 429);
    assert_eq!(visitor.ask("GET", calls, None).status, 200, "who is in stays in");

    assert_eq!(visitor.ask("DELETE", "/api/v1/session", None).status, 204);
    assert_eq!(code(&visitor.ask("GET", calls, None)), (401, "sign_in_needed"));
    let (_, audit) = platform.run(&["audit", "acme"]);
    let actions = audit.to_string();
    for action in ["add_account", "sign_in", "set_password", "sign_out"] {
        assert!(actions.contains(action), "{action}: {actions}");
    }
    assert!(!actions.contains(&first) && !actions.contains("argon2"), "no secret: {actions}");
}

/// A path of the description with an enterprise, a call and a person filled in.
fn filled(path: &str, enterprise: &str) -> String {
    path.replace("{enterprise}", enterprise)
        .replace("{call}", "01m4pzyw4p19bahctak06fwb22")
        .replace("{login}", "nobody")
        .replace("{recording}", "01m4pzyw4p19bahctak06fwb22")
        .replace("{voicemail}", "01m4pzyw4p19bahctak06fwb22")
        .replace("{agent}", "8001")
        .replace("{export}", "00000000000000000000000000000000")
        .replace("{prompt}", "greeting")
        .replace("{version}", "1")
        .replace("{form}", "service")
        .replace("{evaluation}", "1")
        .replace("{calibration}", "1")
        .replace("{rule}", "weekly")
        .replace("{action}", "disable")
}

/// Row P04, faults P6 and P8: each route of the published description with each role, on one's own enterprise and on
/// another's. What a role may stands in one table here, by hand.
#[test]
fn p04_fault_p6_fault_p8_each_role_passes_where_it_may_and_no_enterprise_reaches_another() {
    let (_world, platform) = started("api-roles");
    let permitted: BTreeMap<&str, &[&str]> = [
        ("own", &ROLES[..]),
        (
            "read_calls",
            &["owner", "admin", "supervisor", "finance", "auditor", "quality_reviewer", "billing"],
        ),
        ("hear_recordings", &["owner", "admin", "supervisor", "auditor", "quality_reviewer", "machine"]),
        ("export_recordings", &["owner", "admin", "supervisor", "auditor", "quality_reviewer"]),
        ("supervise", &["owner", "admin", "supervisor"]),
        ("see_to_messages", &["owner", "admin", "supervisor"]),
        ("hold_recordings", &["owner", "admin", "auditor"]),
        ("take_calls", &["owner", "admin", "supervisor", "agent"]),
        ("watch_live", &["owner", "admin", "supervisor", "system"]),
        ("read_setup", &["owner", "admin", "supervisor", "auditor", "intake", "reviewer", "system"]),
        ("change_setup", &["owner", "admin", "intake"]),
        ("record_prompts", &["intake"]),
        ("review_content", &["reviewer"]),
        ("manage_accounts", &["owner", "admin", "intake"]),
        ("read_audit", &["owner", "auditor", "system"]),
        ("read_money", &["owner", "finance", "billing"]),
        ("list_enterprises", &STAFF),
        ("read_forms", &["owner", "admin", "supervisor", "quality_reviewer", "machine"]),
        ("quality", &["owner", "admin", "supervisor", "quality_reviewer"]),
        ("lead_quality", &["owner", "admin", "supervisor"]),
        ("prescore", &["machine"]),
    ]
    .into();
    let description: Value = serde_json::from_str(&platform.get("/api/openapi.json").1).expect("JSON");
    let mut asked = 0;
    for role in ROLES {
        let is_staff = STAFF.contains(&role);
        let visitor = match role {
            "agent" => signed_in_agent(&platform, "acme", role, "8001"),
            _ => signed_in(&platform, if is_staff { "provider" } else { "acme" }, role, role),
        };
        for (path, operations) in description["paths"].as_object().expect("paths") {
            for (method, operation) in operations.as_object().expect("operations") {
                let scope = operation["security"][0]["session"][0].as_str();
                let (Some(scope), false) = (scope, path.contains("/session")) else { continue };
                let may = permitted[scope].contains(&role);
                for (enterprise, own) in [("acme", true), ("other", is_staff)] {
                    let answer = match path.ends_with("/events") && may && own {
                        // It goes on for as long as somebody listens.
                        true => continue,
                        false => {
                            visitor.ask(&method.to_uppercase(), &filled(path, enterprise), Some(&json!({})))
                        }
                    };
                    let wanted = match (may, own) {
                        (false, _) => answer.status == 403,
                        (true, false) => answer.status == 404,
                        (true, true) => ![401, 403, 405, 500].contains(&answer.status),
                    };
                    let whose = path.contains("{enterprise}") || own;
                    assert!(wanted || !whose, "{role} {method} {path} {enterprise}: {}", answer.status);
                    asked += 1;
                }
            }
        }
    }
    assert!(asked > 150, "{asked}");
}

#[test]
fn fault_p7_changes_need_the_word_of_the_session_and_the_sites_own_origin() {
    let (_world, platform) = started("api-origin");
    let owner = signed_in(&platform, "acme", "li", "owner");
    let accounts = "/api/v1/enterprises/acme/accounts";
    let person = |login: &str, role: &str| json!({"login": login, "name": "赵工", "role": role});
    assert_eq!(owner.ask("POST", accounts, Some(&person("zhao", "finance"))).status, 200);
    assert_eq!(code(&owner.ask("POST", accounts, Some(&person("zhao", "finance")))), (409, "already_there"));
    assert_eq!(code(&owner.ask("POST", accounts, Some(&person("qian", "system")))), (403, "forbidden"));
    assert_eq!(code(&owner.ask("POST", accounts, Some(&person("qian", "agent")))), (422, "invalid_value"));
    let agent = |number: &str| json!({"login": "wu", "name": "吴工", "role": "agent", "agent": number});
    assert_eq!(code(&owner.ask("POST", accounts, Some(&agent("8009")))), (404, "not_found"));
    assert_eq!(owner.ask("POST", accounts, Some(&agent("8001"))).status, 200);
    assert_eq!(code(&owner.ask("POST", accounts, Some(&person("a b", "finance")))), (422, "invalid_value"));
    assert_eq!(code(&owner.ask("POST", accounts, Some(&json!([1])))), (400, "bad_request"));
    let mut page = owner.clone();
    page.forget_token();
    assert_eq!(code(&page.ask("POST", accounts, Some(&person("qian", "finance")))), (403, "forbidden"));
    assert_eq!(page.ask("GET", accounts, None).status, 200, "reading needs none");
    for (origin, wanted) in
        [("https://evil.example".to_owned(), 403), (format!("http://{}", platform.http), 200)]
    {
        let mut visitor = owner.clone();
        visitor.headers = format!("Origin: {origin}\r\n");
        let login = format!("sun{wanted}");
        assert_eq!(
            visitor.ask("POST", accounts, Some(&person(&login, "finance"))).status,
            wanted,
            "{origin}"
        );
    }
    let mut english = owner.clone();
    english.headers = "Accept-Language: en\r\n".into();
    let refused = english.ask("POST", &format!("{accounts}/li/disable"), None);
    assert_eq!(code(&refused), (422, "invalid_value"));
    assert_eq!(refused.body["title"], "not with one's own account");
    assert_eq!(owner.ask("POST", &format!("{accounts}/zhao/disable"), None).status, 200);
    let listed = owner.ask("GET", accounts, None).body;
    let zhao = listed.as_array().expect("rows").iter().find(|row| row["login"] == "zhao").expect("listed");
    assert_eq!((&zhao["role"], &zhao["disabled"]), (&json!("finance"), &json!(true)));
    assert!(!listed.to_string().contains("argon2"), "{listed}");
}

#[test]
fn q08_d01_a_call_is_seen_while_it_is_up_and_read_afterwards_and_its_rules_are_changed() {
    let (_world, platform) = started("api-calls");
    let admin = signed_in(&platform, "acme", "li", "admin");
    let number = number();
    let seen = thread::scope(|scope| {
        let mut call = platform.call(number, "13510001000");
        call.hold_for = Duration::from_secs(4);
        let call = scope.spawn(|| block_on(farend::call::place(call, HangUp::default(), |_| {})));
        let mut states = Vec::new();
        admin.watch("/api/v1/enterprises/acme/events", |name, data| {
            assert_eq!(name, "calls");
            let state = data[0]["state"].as_str().unwrap_or("none").to_owned();
            if state == "talking" {
                assert_eq!((&data[0]["caller"], &data[0]["number"]), (&json!("13510001000"), &json!(number)));
            }
            states.push(state);
            states.iter().any(|state| state == "talking") && states.last().is_some_and(|last| last == "none")
        });
        call.join().expect("a thread").expect("a call");
        states
    });
    assert!(seen.contains(&"talking".to_owned()), "{seen:?}");
    platform.await_calls(1);
    let calls = admin.ask("GET", "/api/v1/enterprises/acme/calls?limit=5", None).body;
    assert_eq!(
        (calls.as_array().map(Vec::len), &calls[0]["status"]),
        (Some(1), &json!("answered")),
        "{calls}"
    );
    let id = calls[0]["call"].as_str().expect("an id");
    let whole = admin.ask("GET", &format!("/api/v1/enterprises/acme/calls/{id}"), None).body;
    assert_eq!(whole["messages"], json!([]), "the carrier's addresses are the provider's business");
    assert_eq!(whole["record"]["caller"], "13510001000");
    let staff = signed_in(&platform, "provider", "wang", "billing");
    let whole = staff.ask("GET", &format!("/api/v1/enterprises/acme/calls/{id}"), None).body;
    assert!(whole["messages"].as_array().is_some_and(|all| !all.is_empty()), "{whole}");
    assert_eq!(
        code(&staff.ask("GET", &format!("/api/v1/enterprises/other/calls/{id}"), None)),
        (404, "not_found")
    );

    let document = admin.ask("GET", "/api/v1/enterprises/acme/document", None).body;
    let yaml = document["yaml"].as_str().expect("YAML").to_owned();
    let put = |text: &str, apply: bool| {
        admin.ask("PUT", "/api/v1/enterprises/acme/document", Some(&json!({"text": text, "apply": apply})))
    };
    assert_eq!(put(&yaml, true).body["outcome"], "unchanged");
    let renamed = yaml.replacen("name: ", "name: 新", 1);
    assert_eq!(put(&renamed, false).body["outcome"], "would_change");
    assert_eq!(put(&renamed, true).body["version"].as_u64(), document["version"].as_u64().map(|was| was + 1));
    let wrong = put("sibai: 1\nenterprise: {id: acme, name: 甲}\nplan: none\n", true);
    assert_eq!(code(&wrong), (422, "invalid_document"));
    assert!(wrong.body["problems"].as_array().is_some_and(|all| !all.is_empty()), "{}", wrong.body);
    let foreign = put(&yaml.replace("id: acme", "id: other"), true);
    assert_ne!(foreign.status, 200, "another enterprise's document");

    let trial = json!({"number": number, "from": "13510001000", "at": 1_790_000_000_000_i64});
    let explained = admin.ask("POST", "/api/v1/enterprises/acme/explain", Some(&trial)).body;
    assert!(explained["facts"].as_array().is_some_and(|facts| facts.len() > 3), "{explained}");
    let other = json!({"number": "4006010115", "from": "13510001000", "at": 1_790_000_000_000_i64});
    assert_eq!(admin.ask("POST", "/api/v1/enterprises/acme/explain", Some(&other)).status, 404);
}
