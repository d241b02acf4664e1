//! Flows: each code with its step, what is read reads back, and the schema.

use std::collections::BTreeSet;

use super::{RIGHT, allowed, yaml};
use crate::enterprise::read::fields::FLOW_SHAPES;
use crate::enterprise::{
    Agent, Allowed, AskKind, Enterprise, Extension, FlowDocument, FlowStepKind, Language, Problem, Queue,
    Ringback, Secret, compile, phone_user, read, read_flow, to_yaml, write_flow,
};
use crate::flow::StepKind;

const PROMPTS: [&str; 3] = ["welcome", "closed", "wrong"];

/// A flow that is right, with every kind of step.
const FLOW: &str = r#"{
  "sibai_flow": 1, "name": "main", "start": "hello",
  "steps": [
    {"id": "hello", "kind": "play", "prompt": "welcome", "exits": {"next": "menu"}},
    {"id": "menu", "kind": "menu", "prompt": "welcome", "wrong_prompt": "wrong", "tries": 2, "timeout_seconds": 5,
     "exits": {"1": "open", "2": "card", "3": "partner", "8": "hours", "9": "vip", "default": "bye"}},
    {"id": "open", "kind": "hours", "schedule": "office", "exits": {"open": "where", "closed": "bye"}},
    {"id": "where", "kind": "region", "regions": "north", "exits": {"inside": "deal", "outside": "sales"}},
    {"id": "deal", "kind": "percentage", "shares": {"a": 60, "b": 40}, "sticky": "caller", "exits": {"a": "sales", "b": "desk"}},
    {"id": "sales", "kind": "dial", "target": "sales", "exits": {"busy": "menu2"}},
    {"id": "menu2", "kind": "menu", "prompt": "welcome", "exits": {"0": "desk", "timeout": "bye", "wrong_key": "bye"}},
    {"id": "desk", "kind": "dial", "target": "desk", "ringback": "welcome"},
    {"id": "card", "kind": "collect", "prompt": "welcome", "digits_max": 4, "variable": "card",
     "exits": {"next": "level", "default": "bye"}},
    {"id": "level", "kind": "set", "variable": "level", "fact": "city", "exits": {"next": "gold"}},
    {"id": "gold", "kind": "condition", "variable": "card", "begins": ["88", "99"], "exits": {"yes": "sales", "no": "ask"}},
    {"id": "ask", "kind": "password", "prompt": "welcome", "passwords": [{"name": "clerk", "code": "1234"}],
     "exits": {"next": "sales", "failed": "busy"}},
    {"id": "partner", "kind": "extension", "prompt": "welcome", "exits": {"8012": "sub", "8013": "desk", "default": "bye"}},
    {"id": "sub", "kind": "flow", "flow": "inner", "exits": {"next": "bye"}},
    {"id": "vip", "kind": "callers", "callers": "vip", "exits": {"listed": "desk", "other": "bye"}},
    {"id": "busy", "kind": "busy"},
    {"id": "bye", "kind": "hang_up", "prompt": "closed"},
    {"id": "hours", "kind": "hours", "schedule": "office", "exits": {"open": "told", "closed": "bye"}},
    {"id": "told", "kind": "notice", "prompt": "welcome", "of": "crisis", "exits": {"next": "wait"}},
    {"id": "wait", "kind": "queue", "queue": "sales line",
     "exits": {"1": "menu", "full": "desk", "empty": "bye", "left_empty": "desk", "timeout": "message", "after": "rate"}},
    {"id": "message", "kind": "voicemail", "seconds_max": 60, "exits": {"next": "bye"}},
    {"id": "rate", "kind": "satisfaction", "tries": 1, "sms": "rate us", "exits": {"next": "crm"}},
    {"id": "crm", "kind": "http", "method": "POST", "url": "https://crm.example.cn/a?c=${card}",
     "headers": {"Authorization": "Bearer ${secret:crm}"}, "body": {"caller": "${caller}", "n": [1, 0755, true, null]},
     "limit_ms": 3000, "take": {"level": "data.0.level"}, "wait": "music",
     "exits": {"404": "desk", "5xx": "desk", "next": "back", "error": "bye"}},
    {"id": "back", "kind": "callback", "own": false, "tries": 3, "confirm": true, "exits": {"next": "bye", "failed": "desk"}}
  ],
  "tests": [{"name": "key 9", "from": "13800138000", "at": "2026-10-12 10:00", "keys": ["9"],
             "expect": {"path": ["hello", "menu", "vip", "desk"], "answered_by": "desk"}}]
}"#;

const INNER: &str = r#"{"sibai_flow": 1, "name": "inner", "start": "say",
  "steps": [{"id": "say", "kind": "play", "prompt": "welcome", "exits": {"next": "@return"}}]}"#;

/// An enterprise whose number walks the flow.
fn enterprise() -> Enterprise {
    let (mut enterprise, _) = read(&yaml(RIGHT), &allowed()).expect("it is right");
    let number = "801".to_owned();
    let secret = Secret::of(&phone_user(&enterprise.id, &number), "correct horse");
    enterprise.extensions.push(Extension::new("phone", &number, secret));
    let (number, extension) = ("8001".into(), "801".into());
    enterprise.agents.push(Agent {
        number,
        name: "Wang".into(),
        extension,
        skills: Default::default(),
        capacity: None,
        shifts: Vec::new(),
        mobile: None,
        confirm: None,
    });
    enterprise.queues.push(Queue::new("sales line", &["8001"]));
    let inner = read_flow(&yaml(INNER), &enterprise, &PROMPTS, &[]).expect("it is right");
    enterprise.flows.push(inner);
    enterprise.numbers[0].flow = Some("main".into());
    enterprise
}

fn flow(text: &str) -> Result<FlowDocument, Vec<Problem>> {
    read_flow(&yaml(text), &enterprise(), &PROMPTS, &[])
}

/// What is found in the right flow with one piece replaced: `path code` each.
fn found(piece: &str, by: &str) -> Vec<String> {
    assert_eq!(FLOW.matches(piece).count(), 1, "{piece:?} stands once");
    let problems = flow(&FLOW.replace(piece, by)).expect_err("it is broken");
    for problem in &problems {
        assert!(problem.line > 0, "{problem}");
        assert!(problem.message(Language::Zh) != problem.message(Language::En), "{problem}");
    }
    problems.iter().map(|problem| format!("{} {}", problem.path, problem.code())).collect()
}

#[test]
fn i08_a_flow_is_read_as_it_says_and_reads_back() {
    let read = flow(FLOW).expect("it is right");
    assert_eq!((read.steps.len(), read.version, read.tests.len()), (24, 0, 1));
    let FlowStepKind::Ask(menu) = &read.steps[1].kind else { panic!("a menu") };
    assert_eq!((menu.kind, menu.tries, menu.timeout_s, menu.barge_in), (AskKind::Menu, 2, 5, true));
    assert_eq!((menu.keys[4].clone(), menu.wrong.as_str()), (("9".into(), "vip".into()), "bye"));
    let again = read_flow(&write_flow(&read), &enterprise(), &PROMPTS, &[]);
    assert_eq!(again.as_ref(), Ok(&read));
}

#[test]
fn i04_a_step_that_dials_has_its_own_tone() {
    let ringback = |text: &str| match &flow(text).expect("it is right").steps[7].kind {
        FlowStepKind::Dial { ringback, .. } => ringback.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(ringback(FLOW), Some(Ringback::Prompt("welcome".into())));
    let piece = r#""ringback": "welcome""#;
    assert_eq!(ringback(&FLOW.replace(piece, r#""ringback": "tone""#)), Some(Ringback::Tone));
    assert_eq!(found(piece, r#""ringback": "nobodys""#), ["steps[7].ringback prompt_missing"]);
    let unreviewed = FLOW.replace(piece, r#""ringback": "new_ring""#);
    let problems = read_flow(&yaml(&unreviewed), &enterprise(), &PROMPTS, &["new_ring"]);
    let problems = problems.expect_err("nobody has let it be heard (K09)");
    assert_eq!(problems.iter().map(Problem::code).collect::<Vec<_>>(), ["prompt_not_reviewed"]);
}

#[test]
fn i08_a_number_walks_its_flow_and_the_document_carries_it() {
    let mut enterprise = enterprise();
    let read_one = flow(FLOW).expect("it is right");
    enterprise.flows.push(FlowDocument { version: 3, ..read_one.clone() });
    enterprise.numbers[0].rules.clear();
    enterprise.numbers[0].otherwise = crate::enterprise::Then::HangUp { prompt: None };
    let prompts = [&super::PROMPTS[..], &["closed", "wrong"]].concat();
    let text = to_yaml(&enterprise);
    let allowed = Allowed { prompts: &prompts, ..allowed() };
    let (again, _) = read(&yaml(&text), &allowed).unwrap_or_else(|wrong| panic!("{wrong:#?}\n{text}"));
    assert!(again.flows.iter().zip(&enterprise.flows).all(|(one, other)| one.says_the_same(other)), "{text}");
    // Without its flows it is read as well: those published stay.
    let mut bare = enterprise.clone();
    bare.flows.clear();
    let published = Allowed { flows: &enterprise.flows, ..allowed.clone() };
    let (again, _) = read(&yaml(&to_yaml(&bare)), &published).expect("it is right");
    assert_eq!(again, enterprise);
    let wrong = read(&yaml(&to_yaml(&bare)), &allowed).expect_err("nothing carries the name");
    assert_eq!(wrong[0].code(), "unknown_name");
    let hotline = compile(&enterprise, 9).remove(0);
    let of = hotline.flow_of.expect("it walks one");
    assert_eq!((hotline.words.text(of.name), of.version), ("main", 3));
    let named =
        |name: &str| hotline.flow.steps.iter().filter(|step| hotline.words.text(step.rule) == name).count();
    assert_eq!((named("menu"), named("inner/say")), (1, 1));
    assert!(matches!(hotline.flow.steps[1].kind, StepKind::Password { .. }), "the gates stand before it");
}

#[test]
fn i09_rules_and_a_flow_do_not_go_together() {
    let text = RIGHT.replace("otherwise: {dial: sales}", "otherwise: {dial: sales}\n    flow: main");
    let enterprise = enterprise();
    let problems = read(&yaml(&text), &Allowed { flows: &enterprise.flows, ..allowed() }).expect_err("both");
    let codes: Vec<_> = problems.iter().map(|one| format!("{} {}", one.path, one.code())).collect();
    assert_eq!(
        codes,
        ["numbers[0].rules conflict", "numbers[0].otherwise conflict", "numbers[0].flow unknown_name"]
    );
}

/// Each code of row I09 and of the reader of flows.
const BROKEN: &[(&str, &str, &[&str])] = &[
    (
        r#""default": "bye"}},
    {"id": "open""#,
        r#""timeout": "bye"}},
    {"id": "open""#,
        &["steps[1].exits wrong_key_unrouted"],
    ),
    (r#""0": "desk", "timeout": "bye","#, r#""0": "desk","#, &["steps[6].exits timeout_unrouted"]),
    (r#", "failed": "busy""#, "", &["steps[11].exits error_unrouted"]),
    (r#""exits": {"next": "menu"}"#, r#""exits": {}"#, &["steps[0].exits exit_missing"]),
    (r#", "outside": "sales"}"#, "}", &["steps[3].exits exit_missing"]),
    (r#""2": "card""#, r#""2": "cards""#, &["steps[1].exits.2 exit_to_nowhere"]),
    (r#""2": "card""#, r#""22": "card""#, &["steps[1].exits.22 unknown_exit"]),
    (r#""9": "vip", "#, "", &["steps[14] step_unreachable"]),
    (r#""prompt": "closed""#, r#""prompt": "closing""#, &["steps[16].prompt prompt_missing"]),
    (
        r#""exits": {"busy": "menu2"}"#,
        r#""exits": {"busy": "where"}"#,
        &["steps[3] loop_without_input", "steps[6] step_unreachable"],
    ),
    (
        r#""timeout": "bye", "wrong_key": "bye""#,
        r#""timeout": "menu2", "wrong_key": "bye""#,
        &["steps[6] loop_without_input"],
    ),
    (r#""target": "desk""#, r#""target": "nobody""#, &["steps[7] unknown_target"]),
    (
        r#""office", "exits": {"open": "where""#,
        r#""offices", "exits": {"open": "where""#,
        &["steps[2] unknown_name"],
    ),
    (r#""flow": "inner""#, r#""flow": "outer""#, &["steps[13] unknown_name"]),
    (r#""flow": "inner""#, r#""flow": "main""#, &["steps[13] flow_recursion"]),
    (
        r#""shares": {"a": 60"#,
        r#""shares": {"c": 60"#,
        &["steps[4].exits.a unknown_exit", "steps[4].shares.c share_without_exit"],
    ),
    (r#""a": 60"#, r#""a": 50"#, &["steps[4].shares percent_sum"]),
    (
        r#"{"id": "busy", "kind": "busy"}"#,
        r#"{"id": "busy", "kind": "transfer"}"#,
        &["steps[15].kind not_available"],
    ),
    (
        r#"{"id": "busy", "kind": "busy"}"#,
        r#"{"id": "busy", "kind": "bussy"}"#,
        &["steps[15].kind unknown_value"],
    ),
    (
        r#"{"id": "busy", "kind""#,
        r#"{"id": "bye", "kind""#,
        &["steps[11].exits.failed exit_to_nowhere", "steps[16].id duplicate_name"],
    ),
    (r#""queue": "sales line""#, r#""queue": "sales""#, &["steps[19] unknown_name"]),
    (r#""empty": "bye", "left_empty""#, r#""left_empty""#, &["steps[19].exits queue_without_staffing"]),
    (r#""timeout": "message", "after""#, r#""after""#, &["steps[19].exits timeout_unrouted"]),
    (r#""after": "rate""#, r#""behind": "rate""#, &["steps[19].exits.behind unknown_exit"]),
    (r#""error": "bye"}}"#, r#""2xx": "bye"}}"#, &["steps[22].exits error_unrouted"]),
    (r#", "failed": "desk""#, "", &["steps[23].exits error_unrouted"]),
    (r#""own": false, "tries": 3"#, r#""own": 2, "tries": 3"#, &["steps[23].own wrong_type"]),
    (r#""5xx": "desk""#, r#""6xx": "desk""#, &["steps[22].exits.6xx unknown_exit"]),
    (r#"https://crm.example.cn/a"#, r#"https://${card}/a"#, &["steps[22].url bad_url"]),
    (r#"?c=${card}"#, r#"?c=${secret:crm}"#, &["steps[22].url bad_template"]),
    (r#""${caller}", "n""#, r#""${secret:crm}", "n""#, &["steps[22].body bad_template"]),
    (r#""limit_ms": 3000"#, r#""limit_ms": 30000"#, &["steps[22].limit_ms out_of_range"]),
    (r#""Authorization""#, r#""Host""#, &["steps[22].headers.Host bad_template"]),
    (r#""data.0.level""#, r#""data..level""#, &["steps[22].take.level bad_template"]),
    (r#""method": "POST""#, r#""method": "GET""#, &["steps[22].body conflict"]),
    (r#""tries": 1, "sms""#, r#""tries": 6, "sms""#, &["steps[21].tries out_of_range"]),
    (r#""seconds_max": 60"#, r#""seconds_max": 3"#, &["steps[20].seconds_max out_of_range"]),
    (r#""1": "menu", "full""#, r#""12": "menu", "full""#, &["steps[19].exits.12 unknown_exit"]),
    (r#""full": "desk""#, r#""full": "hours""#, &["steps[17] loop_without_input"]),
    (
        r#""3": "partner", "8": "hours""#,
        r#""3": "partner", "7": "wait", "8": "hours""#,
        &["steps[19] queue_without_hours"],
    ),
    (r#""of": "crisis""#, r#""of": "fire""#, &["steps[18].of unknown_value"]),
    (r#""code": "1234""#, r#""code": "12""#, &["steps[11].passwords[0].code bad_password"]),
    (r#""exits": {"8012": "sub", "8013": "desk", "#, r#""exits": {"#, &["steps[12].exits empty"]),
    (r#""start": "hello""#, r#""start": "hallo""#, &["start unknown_name"]),
    (r#""answered_by": "desk"}"#, r#""cause": "gone"}"#, &["tests[0].expect.cause unknown_value"]),
    (r#"2026-10-12 10:00"#, r#"2026-13-12 10:00"#, &["tests[0].at bad_date"]),
];

#[test]
fn i09_each_code_with_its_step() {
    for (piece, by, wanted) in BROKEN {
        assert_eq!(found(piece, by), *wanted, "{by}");
    }
}

#[test]
fn i09_k09_a_prompt_that_nobody_reviewed_is_not_heard() {
    let read = |heard: &[&str]| read_flow(&yaml(FLOW), &enterprise(), heard, &["closed"]);
    let problems = read(&["welcome", "wrong"]).expect_err("it waits for a review");
    let told = problems.iter().map(|one| format!("{} {}", one.path, one.code())).collect::<Vec<_>>();
    assert_eq!(told, ["steps[16].prompt prompt_not_reviewed"]);
    assert!(read(&PROMPTS).is_ok(), "one that waits beside one that is heard does no harm");
}

#[test]
fn i09_a_step_id_with_a_slash_is_refused() {
    let text = FLOW
        .replace(r#""busy"}"#, r#""a/b"}"#)
        .replace(r#"{"id": "busy", "kind": "a/b"}"#, r#"{"id": "a/b", "kind": "busy"}"#);
    let problems = flow(&text).expect_err("it is broken");
    assert_eq!(problems.iter().map(Problem::code).collect::<Vec<_>>(), ["bad_step_id"]);
}

#[test]
fn i09_a_target_that_is_switched_off_is_closed() {
    let mut enterprise = enterprise();
    enterprise.numbers[0].destinations[0].enabled = false;
    let problems = read_flow(&yaml(FLOW), &enterprise, &PROMPTS, &[]).expect_err("desk is off");
    assert_eq!(problems.iter().map(Problem::code).collect::<Vec<_>>(), ["target_closed"]);
    assert!(problems[0].message(Language::En).contains("\"desk\""), "{}", problems[0]);
    // The same where a document switches it off under a flow that was published before.
    let read_one = flow(FLOW).expect("it is right");
    let inner = enterprise.flows[0].clone();
    let text = RIGHT.replace("lines: 2, ring_seconds: 20}", "lines: 2, enabled: false}");
    let text = text.replace("otherwise: {dial: sales}", "flow: main");
    let rules = text.find("    rules:").expect("rules");
    let end = text.find("    flow: main").expect("its flow");
    let text = format!("{}{}", &text[..rules], &text[end..]);
    let published = [read_one, inner];
    let prompts = [&super::PROMPTS[..], &["closed", "wrong"]].concat();
    let problems = read(&yaml(&text), &Allowed { flows: &published, prompts: &prompts, ..allowed() });
    let problems = problems.expect_err("desk is off");
    assert_eq!(
        problems.iter().map(|one| format!("{} {}", one.path, one.code())).collect::<Vec<_>>(),
        ["flows[main].desk target_closed", "flows[main].wait unknown_name"]
    );
}

#[test]
fn the_schema_of_flows_and_the_reader_know_the_same_fields() {
    let schema = include_str!("../../../../../../schema/flow.schema.json");
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
    let defs = schema["$defs"].as_object().unwrap();
    for shape in FLOW_SHAPES {
        let of = if shape.name == "flow" { &schema } else { &schema["$defs"][shape.name] };
        let fields = of["properties"].as_object().unwrap();
        let properties: BTreeSet<&str> = fields.keys().map(String::as_str).collect();
        let known: BTreeSet<&str> = shape.fields.iter().map(|field| field.name).collect();
        assert_eq!(properties, known, "{}", shape.name);
        let required = of["required"].as_array().into_iter().flatten().filter_map(|name| name.as_str());
        let must = shape.fields.iter().filter(|field| field.required).map(|field| field.name);
        assert_eq!(required.collect::<BTreeSet<_>>(), must.collect::<BTreeSet<_>>(), "{}", shape.name);
        assert_eq!(of["additionalProperties"], false, "{}", shape.name);
        assert!(shape.later.iter().all(|later| !known.contains(later)), "{}", shape.name);
        let told = |field: &serde_json::Value| field["title"].is_string() && field["description"].is_string();
        assert!(fields.values().all(told), "{} tells its fields", shape.name);
    }
    let shapes: BTreeSet<&str> = FLOW_SHAPES.iter().map(|shape| shape.name).collect();
    for (name, of) in defs {
        assert!(of.get("properties").is_none() || shapes.contains(name.as_str()), "{name} is a shape");
    }
}

/// What is found in the right flow for a number that records.
fn found_recording(text: &str) -> Vec<String> {
    let mut enterprise = enterprise();
    enterprise.numbers[0].recording.enabled = true;
    match read_flow(&yaml(text), &enterprise, &PROMPTS, &[]) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(|one| format!("{} {}", one.path, one.code())).collect(),
    }
}

#[test]
fn i07_a_flow_that_gives_the_notice_gives_it_on_every_way_to_a_talk() {
    assert_eq!(
        found_recording(FLOW),
        Vec::<String>::new(),
        "without a notice of its own the platform gives one"
    );
    let some = FLOW.replace(r#""of": "crisis", "#, "");
    let found = found_recording(&some);
    let ways = ["steps[5]", "steps[7]"].map(|step| format!("{step} recording_before_notice"));
    assert_eq!(found, ways, "the queue alone is behind it");
    let first = r#""prompt": "welcome", "exits": {"next": "menu"}"#;
    assert!(FLOW.contains(&format!(r#""kind": "play", {first}"#)));
    let all =
        FLOW.replacen(&format!(r#""kind": "play", {first}"#), &format!(r#""kind": "notice", {first}"#), 1);
    assert_eq!(found_recording(&all), Vec::<String>::new());
}

#[test]
fn i09_hours_before_a_queue_may_be_asked_in_the_flow_that_calls() {
    let flow = |name: &str, steps: &str, start: &str| {
        format!(r#"{{"sibai_flow": 1, "name": "{name}", "start": "{start}", "steps": [{steps}]}}"#)
    };
    let line = |more: &str| {
        let wait = r#"{"id": "wait", "kind": "queue", "queue": "sales line", "exits": {"default": "bye"}"#;
        flow("line", &format!(r#"{wait}{more}}}, {{"id": "bye", "kind": "hang_up"}}"#), "wait")
    };
    let mut enterprise = enterprise();
    let codes = |text: &str, enterprise: &Enterprise| -> Vec<&str> {
        let read = read_flow(&yaml(text), enterprise, &PROMPTS, &[]);
        read.err().unwrap_or_default().iter().map(Problem::code).collect()
    };
    assert_eq!(codes(&line(""), &enterprise), ["queue_without_hours"]);
    assert_eq!(codes(&line(r#", "around_the_clock": true"#), &enterprise), Vec::<&str>::new());
    let asks = r#"{"id": "when", "kind": "hours", "schedule": "office", "exits": {"open": "line", "closed": "end"}},
        {"id": "line", "kind": "flow", "flow": "line"}, {"id": "end", "kind": "hang_up"}"#;
    let (line, line_flow) = (line(""), line(r#", "around_the_clock": true"#));
    enterprise.flows.push(read_flow(&yaml(&line_flow), &enterprise, &PROMPTS, &[]).expect("it is right"));
    enterprise
        .flows
        .push(read_flow(&yaml(&flow("main", asks, "when")), &enterprise, &PROMPTS, &[]).expect("right"));
    assert_eq!(codes(&line, &enterprise), Vec::<&str>::new(), "whoever calls it has asked");
    let unasked = flow("main", asks, "line").replace(
        r#"{"id": "line""#,
        r#"{"id": "x", "kind": "play", "prompt": "welcome", "exits": {"next": "when"}}, {"id": "line""#,
    );
    let main = enterprise.flows.iter_mut().find(|flow| flow.name == "main").expect("main");
    main.start = "line".into();
    assert_eq!(codes(&line, &enterprise), ["queue_without_hours"], "one way has not: {unasked}");
}
