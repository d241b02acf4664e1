//! What makes no sense is told with a code, whatever route it is sent to: never an error of ours (row P04).

use e2e::{Platform, Setup, acme_with_agents, carrier, signed_in};
use serde_json::{Value, json};

#[test]
fn p04_what_makes_no_sense_is_told_and_never_an_error_of_ours() {
    let (world, _told) = carrier(&[]);
    let platform = Platform::start(Setup::new(
        "odd-words",
        world.local(),
        vec![acme_with_agents(&[("8001", "801")], "a long word of no meaning")],
    ));
    let owner = signed_in(&platform, "acme", "li", "owner");
    let description: Value = serde_json::from_str(&platform.get("/api/openapi.json").1).expect("JSON");
    let names = ["%00", "a%00b", "%FF", "'%22;--", "..%2F..%2Fetc", "%F0%9F%93%9E", &"9".repeat(5_000)];
    let queries = [
        "",
        "?since_ms=-9223372036854775808&until_ms=9223372036854775807&limit=4294967295&older_than=%00",
        "?since_ms=9223372036854775807&before=18446744073709551615&limit=0&older_than=01m4pzyw4p19bahctak06fwb22",
        "?number=4&state=%27&status=x&caller=%00&limit=-1&ticket=%00&text=%00",
    ];
    let bodies = [
        json!(null),
        json!([[[]]]),
        json!({"text": "a\u{0}b", "apply": true}),
        json!({"number": "4006010114", "from": "\u{0}", "at": i64::MAX, "seed": u64::MAX}),
        json!({"number": "4006010114", "from": "13800138000", "at": i64::MIN}),
        json!({"since_ms": i64::MIN, "until_ms": i64::MAX, "reason": "x", "how": "listen"}),
        json!({"transfer": {"agent": "\u{0}"}}),
        json!({"rest": "\u{0}"}),
        json!({"login": "\u{0}", "name": "\u{0}", "role": "agent", "agent": "\u{0}"}),
    ];
    let mut asked = 0;
    for (path, operations) in description["paths"].as_object().expect("paths") {
        if path.ends_with("/events") || path.contains("/session") {
            continue;
        }
        for method in operations.as_object().expect("operations").keys().map(|one| one.to_uppercase()) {
            let mut tried = |place: &str, body: Option<&Value>| {
                let answer = owner.ask(&method, place, body);
                let head = answer.head.to_lowercase();
                assert!(answer.status < 500, "{method} {place:.200} {body:?}: {}", answer.head);
                let told = answer.status < 400 || head.contains("application/problem+json");
                assert!(told, "{method} {place:.200}: {}", answer.head);
                asked += 1;
            };
            for name in names {
                tried(&filled(path, name, name), Some(&json!({})));
            }
            let name = "01m4pzyw4p19bahctak06fwb22";
            for query in queries {
                tried(&format!("{}{query}", filled(path, "acme", name)), Some(&json!({})));
            }
            for body in &bodies {
                tried(&filled(path, "acme", name), Some(body));
            }
        }
    }
    assert!(asked > 500, "{asked}");
    let enterprise = "/api/v1/enterprises/acme";
    let code = |place: &str| {
        let answer = owner.ask("GET", &format!("{enterprise}/{place}"), None);
        (answer.status, answer.body["code"].as_str().unwrap_or_default().to_owned())
    };
    for place in [
        "messages?older_than=nothing",
        "voicemails?older_than=01m4pzyw4p19bahctak06fwb22",
        "calls?older_than=x",
    ] {
        assert_eq!(code(place), (422, "invalid_value".to_owned()), "{place}");
    }
    assert_eq!(code("calls?caller=%00"), (400, "bad_request".to_owned()));
}

/// A path with these in its places.
fn filled(path: &str, enterprise: &str, name: &str) -> String {
    let mut filled = String::new();
    let mut rest = path;
    while let Some((before, behind)) = rest.split_once('{') {
        let (place, after) = behind.split_once('}').expect("a place has an end");
        filled += before;
        filled += match place {
            "enterprise" => enterprise,
            "agent" if enterprise == "acme" => "8001",
            _ => name,
        };
        rest = after;
    }
    filled + rest
}
