//! Quality scoring over the API of the real process (row Q19): a form, a week's sample, an evaluation, an appeal, a machine beside
//! people, a calibration, the report; and a process that draws by itself once it runs again.

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use e2e::{
    Answer, Platform, Setup, Visitor, acme, answers, block_on, carrier, eventually, extension, number,
    signed_in, signed_in_agent,
};
use farend::call::HangUp;
use hotline::enterprise::{Agent, Enterprise};
use hotline::quality::{SampleRule, Week};
use hotline::settlement::Settlement;
use hotline::{CallId, RecordingId, TenantId, Wall};
use serde_json::{Value, json};
use store::{Change, Recording};

const PHONE: &str = "01062345601";
const QUALITY: &str = "/api/v1/enterprises/acme/quality";
const FORM: &str = include_str!("../../examples/quality.yaml");

fn enterprise() -> Enterprise {
    let mut acme = acme(&[PHONE]);
    acme.extensions.push(extension("801", "a long word of no meaning").1);
    acme.agents.push(Agent {
        number: "8001".into(),
        name: "Wang".into(),
        extension: "801".into(),
        skills: Default::default(),
        mobile: None,
        confirm: None,
        capacity: None,
        shifts: Vec::new(),
    });
    acme
}

fn last_week() -> Week {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64;
    // The hour in which a week that is over is not drawn from yet.
    Week::of(Wall(now - 3_600_000)).before()
}

/// Calls that the agent 8001 had in a week, made after one that was really placed, each with the row of a recording.
fn had(platform: &Platform, week: Week, count: u128) -> Vec<CallId> {
    let mut call = platform.call(number(), "13510001000");
    call.hold_for = Duration::from_secs(1);
    thread::scope(|scope| {
        let placed = scope.spawn(|| block_on(farend::call::place(call, HangUp::default(), |_| {})));
        placed.join().expect("a thread").expect("a call");
    });
    let template = platform.await_calls(1).remove(0);
    let settle = async |store: &store::Store| {
        let mut calls = Vec::new();
        for n in 0..count {
            let started_at = Wall(week.begin().0 + (n as i64 + 1) * 3_600_000);
            let (call, recording) = (CallId::at(started_at.0, n), RecordingId::at(started_at.0, n));
            let mut record = template.record.clone();
            (record.call, record.started_at, record.talk_ms) = (call, started_at, 60_000);
            (record.agent, record.queue) = ("8001".into(), "sales".into());
            record.recording = Some(recording);
            let settlement = Settlement {
                position: n as u64 + 1,
                record,
                counts: false,
                charges: Vec::new(),
                entries: Vec::new(),
                log: template.log.clone(),
                messages: Vec::new(),
                states: Vec::new(),
                deeds: Vec::new(),
                callbacks: Vec::new(),
                stays: Vec::new(),
            };
            let row = Recording {
                tenant: TenantId::new("acme"),
                recording,
                call,
                path: format!("{recording}.wav"),
                bytes: 44,
                duration_ms: 60_000,
                checksum: "crc32c:00000000".into(),
                interrupted: false,
                retention_until: Wall(i64::MAX / 2),
                kept_by: String::new(),
                sealed: None,
            };
            store.put_recordings(&[row], &[]).await.expect("written");
            store.settle(&[settlement], "earlier").await.expect("settled");
            calls.push(call);
        }
        calls
    };
    platform.with_store(settle)
}

fn code(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.body["code"].as_str().unwrap_or_default())
}

/// 54 points of 80 where the question was not solved at once, 70 where it was.
fn sheet(solved: &str) -> Value {
    json!({
        "answers": {
            "greeting": "yes", "tone": {"scale": 3}, "solved": {"choice": solved}, "identity": "not_applicable", "rude": "no",
            "advice": {"text": "放慢语速"}
        },
        "notes": {"tone": "第二分钟不耐烦"}, "marks": [{"second": 12, "note": "报出企业名称"}], "remark": "总体尚可"
    })
}

fn write(visitor: &Visitor, evaluation: &Value, sheet: &Value, submit: bool) -> Answer {
    let body = json!({"sheet": sheet, "submit": submit});
    visitor.ask("PUT", &format!("{QUALITY}/evaluations/{evaluation}/sheet"), Some(&body))
}

fn answer(visitor: &Visitor, evaluation: &Value, said: &Value) -> Answer {
    let path = format!("/api/v1/enterprises/acme/agents/8001/evaluations/{evaluation}/answer");
    visitor.ask("POST", &path, Some(said))
}

/// What visitors are here.
struct People {
    lead: Visitor,
    owner: Visitor,
    chen: Visitor,
    wu: Visitor,
    agent: Visitor,
    robot: Visitor,
}

impl People {
    fn of(platform: &Platform) -> People {
        People {
            lead: signed_in(platform, "acme", "li", "supervisor"),
            owner: signed_in(platform, "acme", "zhao", "owner"),
            chen: signed_in(platform, "acme", "chen", "quality_reviewer"),
            wu: signed_in(platform, "acme", "wu", "quality_reviewer"),
            agent: signed_in_agent(platform, "acme", "wang", "8001"),
            robot: signed_in(platform, "acme", "robot", "machine"),
        }
    }
}

#[test]
fn q19_a_form_a_sample_an_evaluation_an_appeal_and_the_report() {
    let (world, _told) = carrier(&[(PHONE, answers(880))]);
    let mut platform = Platform::start(Setup::new("quality", world.local(), vec![enterprise()]));
    let calls = had(&platform, last_week(), 6);
    let people = People::of(&platform);
    publish_form(&people);
    let evaluation = sampled(&people);
    evaluated_and_appealed(&people, &evaluation);
    the_reviewer_does_not_decide(&people, &calls);
    a_machine_is_marked_and_gives_way(&people, &calls);
    a_machine_has_no_persons_name(&platform, calls[0]);
    calibrated(&people, &evaluation);
    reported(&platform, &people);
    drawn_by_itself(&mut platform, &people);
}

fn publish_form(people: &People) {
    let put = |text: &str, apply: bool| {
        let body = json!({"text": text, "apply": apply});
        people.lead.ask("PUT", &format!("{QUALITY}/forms"), Some(&body))
    };
    let wrong = put(&FORM.replace("kind: scale", "kind: stars"), true);
    assert_eq!(code(&wrong), (422, "invalid_document"));
    assert_eq!(wrong.body["problems"][0]["code"], "unknown_word");
    assert_eq!(put(FORM, false).body["kept"], false);
    assert_eq!(put(FORM, true).body["kept"], true);
    let publish = format!("{QUALITY}/forms/service/publish");
    assert_eq!(people.chen.ask("POST", &publish, None).status, 403, "a reviewer makes no forms");
    assert_eq!(people.lead.ask("POST", &publish, None).body["version"], 1);
    let form = people.robot.ask("GET", &format!("{QUALITY}/forms/service"), None).body;
    assert_eq!((&form["version"], &form["questions"]), (&json!(1), &json!(6)));
}

/// The rule draws two of the week's six calls, one each reviewer, once; chen's evaluation.
fn sampled(people: &People) -> Value {
    let put = |enabled: bool, reviewers: &str| {
        let text = format!(
            "{{name: weekly, form: service, calls_per_week: 2, reviewers: [{reviewers}], enabled: {enabled}}}"
        );
        let body = json!({"text": text, "apply": true});
        people.lead.ask("PUT", &format!("{QUALITY}/rules"), Some(&body))
    };
    let rule = |reviewers: &str| put(true, reviewers);
    assert_eq!(code(&rule("nobody")), (422, "invalid_value"));
    assert_eq!(code(&rule("wang")), (422, "invalid_value"), "an agent evaluates nobody");
    assert_eq!(put(false, "chen, wu").status, 200);
    let draw = |body: Value| people.lead.ask("POST", &format!("{QUALITY}/draws"), Some(&body));
    assert_eq!(code(&draw(json!({"rule": "weekly"}))), (422, "invalid_value"), "it is off");
    assert_eq!(rule("chen, wu").status, 200);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64;
    let early = draw(json!({"rule": "weekly", "week_ms": now}));
    assert_eq!(code(&early), (422, "invalid_value"), "the week is not over");
    let drawn = draw(json!({"rule": "weekly"})).body;
    let told = (&drawn["calls"], &drawn["drawn"], &drawn["is_new"]);
    assert_eq!(told, (&json!(6), &json!(2), &json!(true)));
    assert_eq!(draw(json!({"rule": "weekly"})).body["is_new"], false, "once");
    let open = |reviewer: &str| {
        let path = format!("{QUALITY}/evaluations?state=open&reviewer={reviewer}");
        people.chen.ask("GET", &path, None).body
    };
    let (chen, wu) = (open("chen"), open("wu"));
    assert_eq!((chen.as_array().map(Vec::len), wu.as_array().map(Vec::len)), (Some(1), Some(1)));
    chen[0]["evaluation"].clone()
}

fn evaluated_and_appealed(people: &People, evaluation: &Value) {
    let own = "/api/v1/enterprises/acme/agents/8001/evaluations";
    assert_eq!(
        people.agent.ask("GET", own, None).body,
        json!([]),
        "what is not submitted is not the agent's"
    );
    assert_eq!(people.agent.ask("GET", &format!("{own}/{evaluation}"), None).status, 404);
    assert_eq!(people.agent.ask("GET", &format!("{QUALITY}/evaluations"), None).status, 403);
    assert_eq!(code(&write(&people.wu, evaluation, &sheet("promised"), false)), (403, "forbidden"));
    let half = json!({"answers": {"greeting": "yes"}});
    assert_eq!(write(&people.chen, evaluation, &half, false).status, 200);
    let path = format!("{QUALITY}/evaluations/{evaluation}");
    let seen = people.wu.ask("GET", &path, None).body;
    assert_eq!(
        (&seen["sheet"]["answers"], &seen["scored"]),
        (&json!({}), &Value::Null),
        "a draft is its reviewer's"
    );
    let refused = write(&people.chen, evaluation, &half, true);
    assert_eq!(code(&refused), (422, "invalid_document"));
    assert_eq!(refused.body["problems"].as_array().map(Vec::len), Some(4), "every open question is told");
    let submitted = write(&people.chen, evaluation, &sheet("promised"), true).body;
    assert_eq!((&submitted["percent_e2"], &submitted["passed"]), (&json!(6_750), &json!(false)));
    assert!(submitted["recording"].is_string(), "{submitted}");
    let again = write(&people.chen, evaluation, &sheet("full"), true);
    assert_eq!(code(&again), (409, "evaluation_state"), "what is submitted stays");
    let seen = people.agent.ask("GET", &format!("{own}/{evaluation}"), None).body;
    assert_eq!(seen["sheet"]["notes"]["tone"], "第二分钟不耐烦");
    assert_eq!(seen["scored"]["sections"][0]["percent_e2"], 6_666);
    let appeal = |reason: &str| json!({"appeal": {"reason": reason}});
    assert_eq!(code(&answer(&people.lead, evaluation, &appeal("他不同意"))), (403, "forbidden"));
    assert_eq!(code(&answer(&people.agent, evaluation, &appeal(" "))), (422, "invalid_value"));
    assert_eq!(answer(&people.agent, evaluation, &appeal("当场解决了")).body["state"], "appealed");
    assert_eq!(code(&answer(&people.agent, evaluation, &appeal("再说一次"))), (409, "evaluation_state"));
    assert_eq!(code(&answer(&people.agent, evaluation, &json!("acknowledge"))), (409, "evaluation_state"));
    let decide = |visitor: &Visitor, decision: Value| {
        visitor.ask("POST", &format!("{path}/decision"), Some(&decision))
    };
    let change = json!({"change": {"sheet": sheet("full"), "why": "录音 48 秒处已解决"}});
    assert_eq!(decide(&people.chen, change.clone()).status, 403, "reviewers decide nothing");
    let changed = decide(&people.lead, change.clone()).body;
    assert_eq!((&changed["state"], &changed["percent_e2"]), (&json!("changed"), &json!(8_750)));
    let revisions: Vec<_> = changed["revisions"].as_array().expect("a list").iter().collect();
    assert_eq!((revisions.len(), &revisions[0]["percent_e2"]), (2, &json!(6_750)), "the old one is kept");
    assert_eq!(
        (&revisions[1]["made_by"], &revisions[1]["why"]),
        (&json!("li"), &json!("录音 48 秒处已解决"))
    );
    assert_eq!(code(&decide(&people.lead, change)), (409, "evaluation_state"));
}

/// A call that the rule did not draw, evaluated by the supervisor, who does not decide about it then.
fn the_reviewer_does_not_decide(people: &People, calls: &[CallId]) {
    let open = |call: &CallId| {
        let body = json!({"call": call, "form": "service"});
        people.lead.ask("POST", &format!("{QUALITY}/evaluations"), Some(&body))
    };
    let listed = people.lead.ask("GET", &format!("{QUALITY}/evaluations?kind=human"), None).body;
    let is_drawn =
        |call: &&CallId| listed.as_array().expect("a list").iter().any(|one| one["call"] == call.to_string());
    let (drawn, rest): (Vec<&CallId>, Vec<&CallId>) = calls.iter().partition(is_drawn);
    assert_eq!((drawn.len(), rest.len()), (2, 4));
    for call in drawn {
        assert_eq!(code(&open(call)), (409, "already_there"), "those that were drawn have one");
    }
    // The others are left for the draw at the end.
    let first = open(rest[0]);
    assert_eq!(first.status, 200, "{}", first.body);
    let evaluation = first.body["evaluation"].clone();
    let mut rude = sheet("full");
    rude["answers"]["rude"] = json!("yes");
    let submitted = write(&people.lead, &evaluation, &rude, true).body;
    assert_eq!(
        (&submitted["percent_e2"], &submitted["failed"]),
        (&json!(0), &json!(true)),
        "it fails the whole"
    );
    assert_eq!(answer(&people.agent, &evaluation, &json!({"appeal": {"reason": "没有"}})).status, 200);
    let uphold = json!({"uphold": {"why": "录音为证"}});
    let path = format!("{QUALITY}/evaluations/{evaluation}/decision");
    assert_eq!(code(&people.lead.ask("POST", &path, Some(&uphold))), (422, "second_person"));
    let upheld = people.owner.ask("POST", &path, Some(&uphold)).body;
    assert_eq!((&upheld["state"], &upheld["percent_e2"]), (&json!("upheld"), &json!(0)));
}

fn a_machine_is_marked_and_gives_way(people: &People, calls: &[CallId]) {
    let evaluations = people.lead.ask("GET", &format!("{QUALITY}/evaluations?state=changed"), None).body;
    let evaluated = evaluations[0]["call"].clone();
    let prescore = |visitor: &Visitor, call: &Value, sheet: &Value| {
        let body = json!({"call": call, "form": "service", "sheet": sheet});
        visitor.ask("POST", &format!("{QUALITY}/prescores"), Some(&body))
    };
    assert_eq!(prescore(&people.chen, &evaluated, &sheet("full")).status, 403, "people pre-score nothing");
    assert_eq!(people.robot.ask("GET", &format!("{QUALITY}/evaluations"), None).status, 403);
    let late = prescore(&people.robot, &evaluated, &sheet("promised")).body;
    assert_eq!(
        (&late["kind"], &late["counts"]),
        (&json!("machine"), &json!(false)),
        "a person was there first"
    );
    assert_eq!(code(&prescore(&people.robot, &evaluated, &sheet("full"))), (409, "already_there"));
    let half = json!({"answers": {}});
    assert_eq!(code(&prescore(&people.robot, &json!(calls[0]), &half)), (422, "invalid_document"));
    let listed = people.lead.ask("GET", &format!("{QUALITY}/evaluations?kind=human"), None).body;
    let open =
        listed.as_array().expect("a list").iter().find(|one| one["state"] == "open").expect("one is open");
    let early = prescore(&people.robot, &open["call"], &sheet("promised")).body;
    assert_eq!(early["counts"], true, "no person has submitted anything");
    let own = people.agent.ask("GET", "/api/v1/enterprises/acme/agents/8001/evaluations", None).body;
    assert_eq!(own.as_array().map(Vec::len), Some(2), "machines are not for agents: {own}");
}

fn a_machine_has_no_persons_name(platform: &Platform, call: CallId) {
    let file = platform.data_dir().join("scores.jsonl");
    let line = json!({"call": call, "form": "service", "sheet": sheet("full")});
    std::fs::write(&file, line.to_string()).expect("written");
    let file = file.display().to_string();
    for machine in ["chen", "robot\u{7}", "机器"] {
        let (exit, told) = platform.run(&["quality", "prescore", "acme", &file, "--machine", machine]);
        assert_eq!((exit, &told["taken"]), (Some(1), &json!(0)), "{machine:?}: {told}");
        assert!(told.to_string().contains("invalid_value"), "{told}");
    }
}

/// The call that chen evaluated, by chen and wu, each without the other.
fn calibrated(people: &People, evaluation: &Value) {
    let evaluated = format!("{QUALITY}/evaluations/{evaluation}");
    let call = people.wu.ask("GET", &evaluated, None).body["call"].clone();
    let open = |reviewers: Value| {
        let body = json!({"call": call, "form": "service", "reviewers": reviewers});
        people.lead.ask("POST", &format!("{QUALITY}/calibrations"), Some(&body))
    };
    assert_eq!(code(&open(json!(["chen", "chen"]))), (422, "invalid_value"), "two are wanted");
    let opened = open(json!(["wu", "chen"])).body;
    let path = format!("{QUALITY}/calibrations/{}", opened["calibration"]);
    let (chens, wus) =
        (opened["reviewers"][0]["evaluation"].clone(), opened["reviewers"][1]["evaluation"].clone());
    let give = |reviewer: &str| {
        let path = format!("{QUALITY}/evaluations/{wus}/reviewer");
        people.lead.ask("PUT", &path, Some(&json!({"reviewer": reviewer})))
    };
    assert_eq!(code(&give("chen")), (409, "already_there"), "each has one part");
    assert_eq!(give("li").body["reviewer"], "li", "a part goes to somebody who is there");
    assert_eq!(give("wu").body["reviewer"], "wu");
    let seen = people.wu.ask("GET", &evaluated, None).body;
    let told = [&seen["percent_e2"], &seen["scored"], &seen["appeal"], &seen["decision"]];
    assert!(told.iter().all(|told| told.is_null()), "what another said of the call is hidden too: {seen}");
    assert_eq!((&seen["sheet"]["answers"], &seen["revisions"]), (&json!({}), &json!([])));
    let listed = people.wu.ask("GET", &format!("{QUALITY}/evaluations?state=changed"), None).body;
    assert_eq!((&listed[0]["evaluation"], &listed[0]["percent_e2"]), (evaluation, &Value::Null));
    let own = people.chen.ask("GET", &evaluated, None).body;
    assert_eq!(own["percent_e2"], 8_750, "what is one's own is not");
    let report = || people.lead.ask("GET", &format!("{QUALITY}/report"), None).body;
    let before = report();
    assert_eq!(write(&people.chen, &chens, &sheet("full"), true).body["percent_e2"], 8_750);
    let seen = people.wu.ask("GET", &format!("{QUALITY}/evaluations/{chens}"), None).body;
    let hidden = (&seen["percent_e2"], &seen["sheet"]["answers"], &seen["revisions"]);
    assert_eq!(hidden, (&Value::Null, &json!({}), &json!([])), "blind until both are in");
    let shown = people.wu.ask("GET", &path, None).body;
    let hidden = (&shown["complete"], &shown["questions"], &shown["reviewers"][0]["percent_e2"]);
    assert_eq!(hidden, (&json!(false), &json!([]), &Value::Null));
    assert_eq!(write(&people.wu, &wus, &sheet("promised"), true).status, 200);
    assert_eq!(people.wu.ask("GET", &evaluated, None).body["percent_e2"], 8_750, "from then on it is seen");
    let shown = people.wu.ask("GET", &path, None).body;
    assert_eq!((&shown["complete"], &shown["spread_e2"]), (&json!(true), &json!(2_000)));
    let differ: Vec<_> =
        shown["questions"].as_array().expect("a list").iter().filter(|one| one["equal"] == false).collect();
    assert_eq!((differ.len(), &differ[0]["question"]), (1, &json!("solved")));
    let agreement = people.lead.ask("GET", &format!("{QUALITY}/forms/service/agreement"), None).body;
    let solved =
        agreement.as_array().expect("a list").iter().find(|one| one["question"] == "solved").expect("it is");
    assert_eq!((&solved["calls"], &solved["equal"]), (&json!(1), &json!(0)));
    assert_eq!((&solved["kappa_e3"], &solved["why_no_kappa"]), (&Value::Null, &json!("too_few")));
    assert_eq!(report(), before, "a calibration counts for nobody");
}

fn reported(platform: &Platform, people: &People) {
    let report = people.lead.ask("GET", &format!("{QUALITY}/report"), None).body;
    assert_eq!(report.as_array().map(Vec::len), Some(1), "{report}");
    let row = &report[0];
    assert_eq!(row["of"], "8001");
    let wanted =
        json!({"evaluated": 2, "mean_percent_e2": 4_375, "passed": 1, "passed_per_mille": 500, "failed": 1});
    assert_eq!(row["human"], wanted);
    assert_eq!(
        (&row["machine"]["evaluated"], &row["machine"]["mean_percent_e2"]),
        (&json!(1), &json!(6_750))
    );
    let apart = json!({"pairs": 1, "mean_e2": -2_000, "mean_distance_e2": 2_000, "same_result": 0});
    assert_eq!(row["difference"], apart);
    assert_eq!(row["lost"][0]["question"], "tone");
    let by_week = people.lead.ask("GET", &format!("{QUALITY}/report?by=week"), None).body;
    assert_eq!(by_week[0]["human"], wanted);
    let (exit, shown) = platform.run(&["quality", "report", "acme", "--each", "queue"]);
    assert_eq!((exit, &shown[0]["of"], &shown[0]["human"]), (Some(0), &json!("sales"), &wanted));
    let (_, audit) = platform.run(&["audit", "acme", "--limit", "500"]);
    for action in ["put_sample_rule", "draw_sample", "step_evaluation", "prescore", "open_calibration"] {
        assert!(audit.to_string().contains(action), "{action}");
    }
}

/// A rule that was there last week already: the process draws by it as soon as it runs again, and once. The rules of an enterprise are
/// gone through by name: what is drawn by `then` says that `rest` was looked at again before.
fn drawn_by_itself(platform: &mut Platform, people: &People) {
    for (name, left) in [("rest", 3), ("then", 2)] {
        let rule = SampleRule {
            name: name.into(),
            form: "service".into(),
            calls: 1,
            queue: None,
            number: None,
            talk_s_min: 0,
            reviewers: vec!["chen".into()],
            appeal_days: 7,
            enabled: true,
        };
        let at = Change { by: "li".into(), at: last_week().begin() };
        platform.with_store(async |store| {
            store.put_rule(&TenantId::new("acme"), &rule, &at).await.expect("kept")
        });
        platform.kill();
        platform.restart();
        let draw = eventually("the week is drawn", || {
            let (_, draws) = platform.run(&["quality", "sample", "acme"]);
            draws.as_array()?.iter().find(|one| one["rule"] == name).cloned()
        });
        assert_eq!((&draw["calls"], &draw["drawn"]), (&json!(left), &json!(1)), "{draw}");
    }
    let (_, draws) = platform.run(&["quality", "sample", "acme"]);
    let rules: Vec<_> = draws.as_array().into_iter().flatten().map(|one| one["rule"].clone()).collect();
    assert_eq!(rules, ["rest", "then", "weekly"], "once each: {draws}");
    let (_, listed) = platform.run(&["quality", "list", "acme", "--limit", "100"]);
    for name in ["rest", "then"] {
        let drawn = listed.as_array().into_iter().flatten().filter(|one| one["rule"] == name).count();
        assert_eq!(drawn, 1, "{name}: {listed}");
    }
    let read = |place: &str| people.lead.ask("GET", &format!("{QUALITY}/{place}"), None).body;
    assert_eq!(read("draws"), draws, "as the command line tells it");
    let week = draws[0]["week"].as_str().expect("a date");
    assert_eq!(read(&format!("draws?limit=1&behind=rest/{week}")), json!([draws[1]]));
    assert_eq!(read("draws?behind=rest/x")["code"], "invalid_value");
    let rules = read("rules");
    assert_eq!(read("rules?behind=rest"), json!([rules[1], rules[2]]));
    let forms = read("forms");
    assert_eq!(read("forms?limit=1"), json!([forms[0]]));
    assert_eq!(read("forms?behind=service/1"), json!([forms[1]]), "the draft is last");
    assert_eq!(read("forms?behind=service")["code"], "invalid_value");
}
