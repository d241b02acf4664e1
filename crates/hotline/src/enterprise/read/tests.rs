//! Each code with its line, all errors in one pass, what is read, and documents broken at random.

mod confirm;
mod flow;
mod queues;
mod tones;
mod yaml;

use std::collections::BTreeSet;

use super::*;
use crate::consent::Consent;
use crate::enterprise::Recording;
use crate::enterprise::{
    Author, BlockAnswer, BlockEntry, Condition, DestinationKind, Forwards, Refer, RegionMode, Ringback,
    Share, ShareMode, Strategy, Then, UnknownRegion, compile, to_yaml, write,
};
use crate::flow::{Chance, StepKind};
use crate::trunk::Srtp;
pub(in crate::enterprise) use yaml::yaml;

const PROMPTS: [&str; 8] = [
    "after_hours",
    "barred",
    "colour_ring",
    "consent",
    "enter_password",
    "recording_notice",
    "welcome",
    "wrong_password",
];
const PLANS: [&str; 3] = ["T1", "T2a", "T6"];

pub(in crate::enterprise) fn allowed() -> Allowed<'static> {
    Allowed {
        bindings: BindingLimits::default(),
        policy: DestinationPolicy::default(),
        carrier: CarrierProfile::Platform,
        prompts: &PROMPTS,
        unreviewed: &[],
        plans: &PLANS,
        flows: &[],
    }
}

pub(in crate::enterprise) const HUAXIN: &str = include_str!("../../../../../examples/huaxin.yaml");
pub(in crate::enterprise) const LANTIAN: &str = include_str!("../../../../../examples/lantian.yaml");

/// A document that is right, with its lines counted from 1.
const RIGHT: &str = "\
sibai: 1
enterprise:
  id: huaxin
  name: 华信
plan: T1
account: prepaid
limits: {month_cost: \"5000.00\", month_calls: 10}
schedules:
  - name: office
    hours: {mon-fri: [\"09:00-12:00\", \"13:30-18:00\"]}
    dates: {2026-12-31: closed}
regions:
  - {name: north, includes: [华北, \"0532\"]}
callers:
  - {name: vip, includes: [\"13800138000\", 021*]}
numbers:
  - number: 4006010114
    destinations:
      - {name: desk, number: 010-62345678, lines: 2, ring_seconds: 20}
      - {name: mobile, number: 13911112222}
      - {name: spare, number: 021-61234501}
    groups:
      - {name: sales, strategy: sequential, members: [desk, mobile]}
    rules:
      - {name: night, when: {closed: office}, then: {play: after_hours, then: hang_up}}
      - {name: split, when: {from: north, caller: vip}, then: {percentage: {sales: 60, mobile: 40}, mode: exact}}
    otherwise: {dial: sales}
    forwards: {on_busy: [mobile, spare], on_no_answer: [spare]}
    block: [\"1700000*\"]
    recording: true
    talk_minutes_max: 240
    allow: [\"13900139000\", 0755*]
    region_barring: {mode: deny, regions: [国际, \"0898\"], unknown: refuse}
    password: {passwords: [{name: clerk, code: \"1234\"}, {name: chief, code: \"98765\"}], lock_minutes: 60}
    nuisance: {challenge: 40, suspects: [\"1701*\"]}
";

/// What is found in the right document with one piece replaced: `line path code` each.
fn found(piece: &str, by: &str) -> Vec<String> {
    assert_eq!(RIGHT.matches(piece).count(), 1, "{piece:?} stands once");
    let problems = read(&yaml(&RIGHT.replace(piece, by)), &allowed()).expect_err("it is broken");
    problems.iter().map(|problem| format!("{} {} {}", problem.line, problem.path, problem.code())).collect()
}

#[test]
fn the_right_document_is_read_as_it_says() {
    let (enterprise, warnings) = read(&yaml(RIGHT), &allowed()).unwrap();
    assert_eq!(warnings, []);
    assert_eq!((enterprise.id.as_str(), enterprise.name.as_str()), ("huaxin", "华信"));
    assert_eq!(enterprise.balance_end, BalanceEnd::Strict);
    let number = &enterprise.numbers[0];
    assert_eq!(number.number.to_string(), "4006010114");
    let desk = &number.destinations[0];
    assert_eq!(
        (desk.kind, desk.number.as_str(), desk.lines, desk.ring_s),
        (DestinationKind::Landline, "01062345678", 2, 20)
    );
    assert_eq!((number.destinations[1].kind, number.destinations[1].lines), (DestinationKind::Mobile, 1));
    assert_eq!(number.groups[0].strategy, Strategy::Sequential);
    assert_eq!(number.rules[1].when, [Condition::From("north".into()), Condition::Caller("vip".into())]);
    let shares =
        vec![Share { percent: 60, dial: "sales".into() }, Share { percent: 40, dial: "mobile".into() }];
    assert_eq!(number.rules[1].then, Then::Percentage { mode: ShareMode::Exact, shares });
    let forwards =
        Forwards { on_busy: vec!["mobile".into(), "spare".into()], on_no_answer: vec!["spare".into()] };
    assert_eq!(number.forwards, forwards);
    assert_eq!(
        (&number.ringback, number.recording.enabled, number.talk_s_max),
        (&Ringback::Tone, true, 14_400)
    );
}

#[test]
fn v10_callers_are_asked_by_a_prompt_that_asks_unless_another_is_named() {
    let of = |recording: &str| {
        let text = RIGHT.replace("recording: true", &format!("recording: {recording}"));
        assert_ne!(text, RIGHT);
        let (enterprise, _) = read(&yaml(&text), &allowed()).expect(recording);
        let again = read(&write(&enterprise), &allowed()).expect(recording).0;
        assert_eq!(again, enterprise);
        enterprise.numbers[0].recording.clone()
    };
    assert_eq!(of("{consent: opt_in}"), Recording::asking(true, Consent::OptIn));
    assert_eq!(of("{consent: opt_in}").notice, "consent");
    let named = of("{consent: opt_out, notice: recording_notice}");
    assert_eq!((named.notice.as_str(), named.consent), ("recording_notice", Consent::OptOut));
    assert_eq!(of("{consent: notice}"), Recording::new(true));
}

#[test]
fn b01_b04_bars_are_read_as_they_say() {
    let dated = "block: [\"1700000*\", {caller: 021*, until: 2026-12-31, by: wang, note: 骚扰}]\n    block_answer: busy";
    let text = RIGHT.replace("block: [\"1700000*\"]", dated);
    let (enterprise, _) = read(&yaml(&text), &allowed()).unwrap();
    let number = &enterprise.numbers[0];
    assert_eq!(number.block[0], BlockEntry::of("1700000*"));
    assert_eq!((number.block[1].until, number.block[1].by.as_str()), ("2026-12-31".parse().ok(), "wang"));
    let bars = &number.bars;
    assert_eq!(bars.block_answer, BlockAnswer::Busy);
    assert_eq!(bars.allow, ["13900139000", "0755*"]);
    let regions = bars.regions.as_ref().unwrap();
    assert_eq!((regions.mode, regions.unknown), (RegionMode::Deny, UnknownRegion::Refuse));
    let password = bars.password.as_ref().unwrap();
    assert_eq!((password.passwords.len(), password.tries, password.lock_minutes), (2, 3, 60));
    assert!(!format!("{password:?}").contains("1234"), "digits are not shown");
    let nuisance = bars.nuisance.as_ref().unwrap();
    assert_eq!((nuisance.challenge, nuisance.block, nuisance.suspects.len()), (40, 100, 1));
}

/// Every code of an error: what is replaced, by what, and all that is found.
const BROKEN: &[(&str, &str, &[&str])] = &[
    ("plan: T1\n", "", &["1  missing"]),
    ("  name: 华信\n", "", &["3 enterprise missing"]),
    ("talk_minutes_max", "talk_minute_max", &["31 numbers[0].talk_minute_max unknown_field"]),
    ("ring_seconds: 20", "lines: 3", &["19 numbers[0].destinations[0].lines duplicate_field"]),
    ("lines: 2", "lines: two", &["19 numbers[0].destinations[0].lines wrong_type"]),
    ("members: [desk, mobile]", "members: desk", &["23 numbers[0].groups[0].members wrong_type"]),
    ("account: prepaid", "account: credit", &["6 account unknown_value"]),
    ("strategy: sequential", "strategy: by_skill", &["23 numbers[0].groups[0].strategy not_available"]),
    (
        "number: 13911112222",
        "kind: sip_extension, number: 8001",
        &["20 numbers[0].destinations[1].kind not_available"],
    ),
    (
        "otherwise: {dial: sales}",
        "otherwise: {queue: sales}",
        &["27 numbers[0].otherwise.queue unknown_name"],
    ),
    ("otherwise: {dial: sales}", "otherwise: callback", &["27 numbers[0].otherwise not_available"]),
    (
        "otherwise: {dial: sales}",
        "otherwise: {voicemail: welcome, seconds_max: 3}",
        &["27 numbers[0].otherwise.seconds_max out_of_range"],
    ),
    (
        "otherwise: {dial: sales}",
        "otherwise: {dial: sales, seconds_max: 30}",
        &["27 numbers[0].otherwise.seconds_max conflict"],
    ),
    ("block: [", "voicemail: [", &["29 numbers[0].voicemail not_available"]),
    (
        "sales: 60, mobile: 40}, mode: exact}",
        "sales: 100}, answer: true}",
        &["26 numbers[0].rules[1].then.answer conflict"],
    ),
    (
        "otherwise: {dial: sales}",
        "otherwise: {dial: sales, hang_up: welcome}",
        &["27 numbers[0].otherwise.hang_up conflict"],
    ),
    ("number: 4006010114", "number: 400601011", &["17 numbers[0].number not_a_number_400"]),
    ("number: 4006010114", "number: \"8006010114\"", &["17 numbers[0].number not_a_number_400"]),
    ("id: huaxin", "id: Hua Xin", &["3 enterprise.id bad_id"]),
    ("id: huaxin", "id: provider", &["3 enterprise.id bad_id"]),
    ("name: 华信", "name: \" 华信\"", &["4 enterprise.name bad_name"]),
    ("plan: T1", "plan: C1", &["5 plan unknown_name"]),
    ("{closed: office}", "{closed: offices}", &["25 numbers[0].rules[0].when.closed unknown_name"]),
    ("{play: after_hours,", "{play: afterhours,", &["25 numbers[0].rules[0].then.play unknown_name"]),
    ("otherwise: {dial: sales}", "otherwise: {dial: nobody}", &["27 numbers[0].otherwise.dial unknown_name"]),
    ("mobile: 40", "mobiles: 40", &["26 numbers[0].rules[1].then.percentage.mobiles unknown_name"]),
    (
        "on_no_answer: [spare]",
        "on_no_answer: [sales]",
        &["28 numbers[0].forwards.on_no_answer[0] unknown_name"],
    ),
    (
        "{name: spare,",
        "{name: desk,",
        &[
            "21 numbers[0].destinations[2].name duplicate_name",
            "28 numbers[0].forwards.on_busy[1] unknown_name",
            "28 numbers[0].forwards.on_no_answer[0] unknown_name",
        ],
    ),
    (
        "{name: sales,",
        "{name: spare,",
        &[
            "23 numbers[0].groups[0].name duplicate_name",
            "26 numbers[0].rules[1].then.percentage.sales unknown_name",
            "27 numbers[0].otherwise.dial unknown_name",
        ],
    ),
    ("[desk, mobile]", "[desk, desk]", &["23 numbers[0].groups[0].members[1] duplicate_name"]),
    ("    block: [", "    memory: {hours: 9000}\n    block: [", &["29 numbers[0].memory.hours out_of_range"]),
    ("    block: [", "    memory: {scope: all}\n    block: [", &["29 numbers[0].memory.scope unknown_value"]),
    ("    block: [", "    memory: 72\n    block: [", &["29 numbers[0].memory wrong_type"]),
    ("lines: 2, ring_seconds: 20", "duty: nights", &["19 numbers[0].destinations[0].duty unknown_name"]),
    (
        "    block: [",
        "    finally: {busy: transfer, no_answer: {callback: sales}}\n    block: [",
        &[
            "29 numbers[0].finally.busy not_available",
            "29 numbers[0].finally.no_answer.callback not_available",
        ],
    ),
    (
        "    block: [",
        "    finally: {busy: {queue: sales}}\n    block: [",
        &["29 numbers[0].finally.busy.queue unknown_name"],
    ),
    (
        "strategy: sequential,",
        "strategy: sequential, weights: {desk: 2},",
        &["23 numbers[0].groups[0].weights conflict"],
    ),
    (
        "strategy: sequential,",
        "strategy: weighted, weights: {desk: 101, spare: 1},",
        &[
            "23 numbers[0].groups[0].weights.desk out_of_range",
            "23 numbers[0].groups[0].weights.spare unknown_name",
        ],
    ),
    ("mobile: 40", "mobile: 39", &["26 numbers[0].rules[1].then.percentage percent_sum"]),
    (
        "[mobile, spare], on",
        "[mobile, spare, desk], on",
        &["28 numbers[0].forwards.on_busy[2] forward_limit"],
    ),
    ("[desk, mobile]", "[]", &["23 numbers[0].groups[0].members empty"]),
    ("ring_seconds: 20", "ring_seconds: 121", &["19 numbers[0].destinations[0].ring_seconds out_of_range"]),
    ("ring_seconds: 20", "ring_seconds: -1", &["19 numbers[0].destinations[0].ring_seconds out_of_range"]),
    ("lines: 2", "lines: 10001", &["19 numbers[0].destinations[0].lines out_of_range"]),
    ("max: 240", "max: 1441", &["31 numbers[0].talk_minutes_max out_of_range"]),
    ("sibai: 1", "sibai: 2", &["1 sibai out_of_range"]),
    ("mobile: 40", "mobile: 0", &["26 numbers[0].rules[1].then.percentage.mobile out_of_range"]),
    ("\"5000.00\"", "5000.12345", &["7 limits.month_cost bad_money"]),
    ("\"5000.00\"", "0", &["7 limits.month_cost bad_money"]),
    ("\"09:00-12:00\"", "\"09:00-25:00\"", &["10 schedules[0].hours.mon-fri[0] bad_hours"]),
    ("\"09:00-12:00\"", "\"09:00-14:00\"", &["10 schedules[0].hours.mon-fri bad_hours"]),
    ("mon-fri", "mon-fry", &["10 schedules[0].hours.mon-fry bad_days"]),
    ("2026-12-31", "2026-12-32", &["11 schedules[0].dates.2026-12-32 bad_date"]),
    ("华北", "华", &["13 regions[0].includes[0] bad_region"]),
    ("021*", "02*1", &["15 callers[0].includes[1] bad_caller_pattern"]),
    ("mode: deny", "mode: both", &["33 numbers[0].region_barring.mode unknown_value"]),
    ("国际", "外国", &["33 numbers[0].region_barring.regions[0] bad_region"]),
    ("code: \"1234\"", "code: 12", &["34 numbers[0].password.passwords[0].code bad_password"]),
    ("name: chief", "name: clerk", &["34 numbers[0].password.passwords[1].name duplicate_name"]),
    ("lock_minutes: 60", "tries: 10", &["34 numbers[0].password.tries out_of_range"]),
    ("[\"1700000*\"]", "[{caller: 021*, until: 2026-2-30}]", &["29 numbers[0].block[0].until bad_date"]),
    ("[\"1700000*\"]", "[{until: 2026-12-31}]", &["29 numbers[0].block[0] missing"]),
    ("1700000*", "*", &["29 numbers[0].block[0] bad_caller_pattern"]),
    ("010-62345678", "010-623456", &["19 numbers[0].destinations[0].number bad_destination"]),
    ("13911112222", "\"110\"", &["20 numbers[0].destinations[1].number special_number"]),
    ("13911112222", "17011112222", &["20 numbers[0].destinations[1].number virtual_number"]),
];

#[test]
fn each_fault_has_its_code_line_and_path() {
    for (piece, by, wanted) in BROKEN {
        assert_eq!(found(piece, by), *wanted, "{piece:?} replaced by {by:?}");
    }
}

#[test]
fn r01_the_21st_bound_number_is_refused_with_the_limit_until_it_is_raised() {
    let destination = |n: u32| format!("      - {{name: d{n}, number: 010-623456{n:02}}}\n");
    let with = |count: u32| {
        let more: String = (3..count).map(destination).collect();
        RIGHT.replace("      - {name: spare", &format!("{more}      - {{name: spare"))
    };
    assert!(read(&yaml(&with(21)), &allowed()).is_ok(), "20 and one that only forwards name");
    let problems = read(&yaml(&with(22)), &allowed()).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert_eq!((problems[0].line, problems[0].code()), (39, "binding_limit"));
    assert_eq!(problems[0].fault, Fault::BindingLimit { limit: 20, found: 21 });
    assert!(problems[0].message(Language::Zh).contains("上限 20 个"));

    let number: HotlineNumber = "4006010114".parse().unwrap();
    let raised = BindingLimits { raised: BTreeMap::from([(number, 30)]), ..BindingLimits::default() };
    assert!(read(&yaml(&with(22)), &Allowed { bindings: raised, ..allowed() }).is_ok());
    let counting = BindingLimits { forwards_count: true, ..BindingLimits::default() };
    let problems = read(&yaml(&with(21)), &Allowed { bindings: counting, ..allowed() }).unwrap_err();
    assert_eq!(problems[0].fault, Fault::BindingLimit { limit: 20, found: 21 });
}

#[test]
fn r03_at_the_operators_desk_a_fourth_line_and_any_mobile_are_refused() {
    let document = |destinations: &[(&str, &str)]| {
        let lines: String = destinations
            .iter()
            .map(|(name, number)| format!("      - {{name: {name}, number: {number}}}\n"))
            .collect();
        format!(
            "sibai: 1\nenterprise: {{id: desk, name: Desk}}\nplan: T1\nnumbers:\n  - number: 4006010114\n    \
             destinations:\n{lines}    otherwise: {{dial: a}}\n"
        )
    };
    let desk = || Allowed { carrier: CarrierProfile::OperatorDesk { area_code: "010".into() }, ..allowed() };
    let codes = |text: &str, allowed: &Allowed<'_>| match read(&yaml(text), allowed) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(|one| (one.line, one.code())).collect::<Vec<_>>(),
    };
    let three = [("a", "010-62345601"), ("b", "+861062345602"), ("c", "010-62345603")];
    let four = [&three[..], &[("d", "010-62345604")]].concat();
    for (destinations, refused) in [
        (&three[..], vec![]),
        (&four[..], vec![(10, "operator_desk_limit")]),
        (&[("a", "13911112222")], vec![(7, "operator_desk_landline")]),
        (&[("a", "021-61234501")], vec![(7, "operator_desk_landline")]),
        (&[("a", "sip:8001@192.0.2.10")], vec![(7, "operator_desk_landline")]),
        (&[("a", "110")], vec![(7, "special_number")]),
    ] {
        let text = document(destinations);
        assert_eq!(codes(&text, &desk()), refused, "{destinations:?}");
        let on_the_platform = codes(&text, &allowed());
        assert_eq!(on_the_platform.is_empty(), destinations[0].1 != "110", "{on_the_platform:?}");
    }
    let crisis = document(&three)
        .replace("plan: T1", "plan: T1\ncrisis: {until: \"2026-10-12 18:00\", dial: 13911112222}");
    assert_eq!(codes(&crisis, &desk()), [(4, "operator_desk_landline")], "in a crisis either");
    assert_eq!(codes(&crisis, &allowed()), []);
    let number: HotlineNumber = "4006010114".parse().unwrap();
    let bindings = BindingLimits { raised: BTreeMap::from([(number, 30)]), ..BindingLimits::default() };
    let raised = Allowed { bindings, ..desk() };
    assert_eq!(
        codes(&document(&four), &raised),
        [(10, "operator_desk_limit")],
        "the provider cannot raise it"
    );
    let problems = read(&yaml(&document(&four)), &desk()).unwrap_err();
    assert!(problems[0].message(Language::Zh).contains("最多绑定 3 部固话"));
    assert!(problems[0].message(Language::En).is_ascii());
}

#[test]
fn r03_only_the_provider_changes_what_is_bound_at_the_desk() {
    let desk = CarrierProfile::OperatorDesk { area_code: "010".into() };
    assert!(desk.permits(Author::Provider) && !desk.permits(Author::Enterprise));
    let platform = CarrierProfile::Platform;
    assert!(platform.permits(Author::Provider) && platform.permits(Author::Enterprise));
    let written = serde_json::to_string(&desk).unwrap();
    assert_eq!(written, r#"{"profile":"operator_desk","area_code":"010"}"#);
    assert_eq!(serde_json::from_str::<CarrierProfile>(&written).unwrap(), desk);
}

#[test]
fn too_many_rules_conditions_and_prompts_are_refused() {
    let rule = |n: usize| format!("      - {{name: r{n}, when: {{closed: office}}, then: hang_up}}\n");
    let rules: String = (0..99).map(rule).collect();
    let many = RIGHT.replace("    rules:\n", &format!("    rules:\n{rules}"));
    let problems = read(&yaml(&many), &allowed()).unwrap_err();
    assert_eq!((problems[0].line, problems[0].code()), (125, "too_many"));

    let three = "when: [{closed: office, from: north}, {open: office}]";
    let rules: String = (0..67).map(|n| rule(n).replace("when: {closed: office}", three)).collect();
    let many = RIGHT.replace("    rules:\n", &format!("    rules:\n{rules}"));
    let problems = read(&yaml(&many), &allowed()).unwrap_err();
    assert_eq!(problems[0].fault, Fault::TooMany { counted: Counted::Conditions, max: 200 });

    let prompts = |count: usize| {
        let open = "{play: welcome, then: ".repeat(count);
        RIGHT.replace("otherwise: {dial: sales}", &format!("otherwise: {open}hang_up{}", "}".repeat(count)))
    };
    assert!(read(&yaml(&prompts(7)), &allowed()).is_ok());
    let problems = read(&yaml(&prompts(8)), &allowed()).unwrap_err();
    assert_eq!((problems[0].line, problems[0].code()), (27, "too_many"));
}

#[test]
fn every_code_of_an_error_is_shown_by_a_test() {
    let mut shown: BTreeSet<&str> = BTreeSet::from(["binding_limit", "too_many"]);
    shown.extend(BROKEN.iter().flat_map(|(_, _, found)| *found).filter_map(|found| found.rsplit(' ').next()));
    let codes = [
        "missing",
        "unknown_field",
        "duplicate_field",
        "wrong_type",
        "unknown_value",
        "not_available",
        "conflict",
        "not_a_number_400",
        "bad_id",
        "bad_name",
        "unknown_name",
        "duplicate_name",
        "percent_sum",
        "binding_limit",
        "forward_limit",
        "too_many",
        "empty",
        "out_of_range",
        "bad_money",
        "bad_hours",
        "bad_days",
        "bad_date",
        "bad_region",
        "bad_caller_pattern",
        "bad_destination",
        "special_number",
        "virtual_number",
        "bad_password",
    ];
    assert_eq!(shown, BTreeSet::from(codes));
}

#[test]
fn all_errors_come_in_one_pass_by_line() {
    let broken = RIGHT
        .replace("plan: T1", "plan: T9")
        .replace("华北", "华")
        .replace("4006010114", "4006")
        .replace("lines: 2", "lines: 0")
        .replace("members: [desk, mobile]", "members: [desk, ghost]")
        .replace("{closed: office}", "{closed: nights}")
        .replace("dial: sales", "dial: ghost")
        .replace("[mobile, spare], on", "[mobile, spare, desk], on");
    let problems = read(&yaml(&broken), &allowed()).unwrap_err();
    let found: Vec<(u32, &str)> = problems.iter().map(|problem| (problem.line, problem.code())).collect();
    let wanted = [
        (5, "unknown_name"),
        (13, "bad_region"),
        (17, "not_a_number_400"),
        (19, "out_of_range"),
        (23, "unknown_name"),
        (25, "unknown_name"),
        (27, "unknown_name"),
        (28, "forward_limit"),
    ];
    assert_eq!(found, wanted);
}

#[test]
fn messages_say_what_is_wrong_in_both_languages() {
    let broken = RIGHT.replace("otherwise: {dial: sales}", "otherwize: {dial: sales}");
    let problems = read(&yaml(&broken), &allowed()).unwrap_err();
    let told: Vec<String> = problems.iter().map(Problem::to_string).collect();
    assert_eq!(
        told,
        [
            "line 17: numbers[0]: missing: otherwise is missing",
            "line 27: numbers[0].otherwize: unknown_field: there is no field otherwize here; otherwise is meant?",
        ]
    );
    let told: Vec<String> = problems.iter().map(|problem| problem.message(Language::Zh)).collect();
    assert_eq!(told, ["缺少 otherwise", "此处没有字段 otherwize，是否指 otherwise"]);
}

#[test]
fn warnings_name_what_is_never_reached_or_dialled_and_what_was_switched_off() {
    let odd = RIGHT
        .replace("{name: night, when: {closed: office},", "{name: night,")
        .replace("on_busy: [mobile, spare], on_no_answer: [spare]", "on_busy: [mobile]")
        .replace("number: 13911112222", "kind: phs, number: 010-62345679");
    let (_, warnings) = read(&yaml(&odd), &allowed()).unwrap();
    let found: Vec<(u32, &str)> = warnings.iter().map(|warning| (warning.line, warning.code())).collect();
    assert_eq!(found, [(20, "phs_retired"), (21, "never_dialled"), (26, "never_reached")]);
}

#[test]
fn r08_a_condition_names_area_codes_and_prefixes_itself() {
    let when = |when: &str| {
        let text = format!(
            "sibai: 1\nenterprise: {{id: acme, name: a}}\nplan: T1\nnumbers:\n  - number: 4006010114\n    destinations: \
             [{{name: a, number: 010-62345601}}]\n    rules: [{{name: r, when: {when}, then: {{dial: a}}}}]\n    otherwise: {{dial: a}}\n"
        );
        let read =
            read(&yaml(&text), &allowed()).map(|(enterprise, _)| enterprise.numbers[0].rules[0].when.clone());
        read.map_err(|problems| problems.iter().map(Problem::code).collect::<Vec<_>>())
    };
    let digits = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<String>>();
    assert_eq!(when("{area_code: 010}"), Ok(vec![Condition::AreaCode(digits(&["010"]))]));
    assert_eq!(
        when("[{prefix: [138-0013, 0106234]}, {area_code: [0755, 001]}]"),
        Ok(vec![
            Condition::Prefix(digits(&["1380013", "0106234"])),
            Condition::AreaCode(digits(&["0755", "001"]))
        ])
    );
    assert_eq!(when("{area_code: 0106}"), Err(vec!["bad_region"]));
    assert_eq!(when("{area_code: 广东}"), Err(vec!["bad_region"]));
    assert_eq!(when("{prefix: 021*}"), Err(vec!["bad_caller_pattern"]));
    assert_eq!(when("{prefix: [021, a]}"), Err(vec!["bad_caller_pattern"]));
    assert_eq!(when("{prefix: []}"), Err(vec!["empty"]));
}

#[test]
fn the_examples_are_right_and_without_warnings() {
    for text in [HUAXIN, LANTIAN] {
        let (enterprise, warnings) =
            read(&yaml(text), &allowed()).unwrap_or_else(|problems| panic!("{problems:#?}"));
        assert_eq!(warnings, [], "{}", enterprise.id);
    }
}

#[test]
fn the_schema_and_the_reader_know_the_same_fields() {
    let schema = include_str!("../../../../../schema/enterprise.schema.json");
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
    for shape in SHAPES {
        let of = if shape.name == "document" { &schema } else { &schema["$defs"][shape.name] };
        let properties: BTreeSet<&str> =
            of["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let known: BTreeSet<&str> = shape.fields.iter().map(|field| field.name).collect();
        assert_eq!(properties, known, "{}", shape.name);
        let required: BTreeSet<&str> =
            of["required"].as_array().into_iter().flatten().filter_map(|name| name.as_str()).collect();
        let must: BTreeSet<&str> =
            shape.fields.iter().filter(|field| field.required).map(|field| field.name).collect();
        assert_eq!(required, must, "{}", shape.name);
        assert_eq!(of["additionalProperties"], false, "{}", shape.name);
        assert!(shape.later.iter().all(|later| !known.contains(later)), "{}", shape.name);
        let told = |field: &serde_json::Value| field["title"].is_string() && field["description"].is_string();
        assert!(of["properties"].as_object().unwrap().values().all(told), "{} tells its fields", shape.name);
    }
    let shapes: BTreeSet<&str> = SHAPES.iter().map(|shape| shape.name).collect();
    for (name, of) in schema["$defs"].as_object().unwrap() {
        assert!(
            of.get("properties").is_none() || shapes.contains(name.as_str()),
            "{name} is a shape of the reader"
        );
    }
}

#[test]
fn documents_broken_at_random_never_panic_and_what_is_read_reads_back() {
    let whole: Vec<Tree> = [RIGHT, HUAXIN, LANTIAN].map(yaml).into();
    let (mut right, mut wrong) = (0, 0);
    for seed in 0..3_000 {
        let mut chance = Chance::new(seed);
        let mut tree = whole[seed as usize % whole.len()].clone();
        for _ in 0..=chance.below(3) {
            let size = size(&tree);
            mutate(&mut tree, &mut chance.below(size), &mut Chance::new(seed ^ 0xff), &whole[0]);
        }
        match read(&tree, &allowed()) {
            Ok((enterprise, _)) => {
                right += 1;
                assert_eq!(compile(&enterprise, 1).len(), enterprise.numbers.len());
                let again = read(&write(&enterprise), &allowed()).map(|(again, _)| again);
                assert_eq!(again.as_ref(), Ok(&enterprise), "seed {seed}");
                let printed = read(&yaml(&to_yaml(&enterprise)), &allowed()).map(|(again, _)| again);
                assert_eq!(printed, Ok(enterprise), "seed {seed}");
            }
            Err(problems) => {
                wrong += 1;
                assert!(!problems.is_empty(), "seed {seed}");
                assert!(problems.iter().all(|problem| !problem.message(Language::Zh).is_empty()));
            }
        }
    }
    assert!(right > 100 && wrong > 1_000, "{right} right and {wrong} wrong: both are tried");
}

fn size(tree: &Tree) -> u64 {
    1 + match &tree.value {
        Value::List(items) => items.iter().map(size).sum(),
        Value::Map(fields) => fields.iter().map(|(_, value)| size(value)).sum(),
        _ => 0,
    }
}

/// Breaks the `place`-th value of a tree: another value, a piece of the donor, or a piece gone, doubled or renamed.
fn mutate(tree: &mut Tree, place: &mut u64, chance: &mut Chance, donor: &Tree) {
    if *place == 0 {
        tree.value = broken(&tree.value, chance, donor);
        *place = u64::MAX;
        return;
    }
    let children: Vec<&mut Tree> = match &mut tree.value {
        Value::List(items) => items.iter_mut().collect(),
        Value::Map(fields) => fields.iter_mut().map(|(_, value)| value).collect(),
        _ => Vec::new(),
    };
    for child in children {
        if *place == u64::MAX {
            return;
        }
        *place -= 1;
        mutate(child, place, chance, donor);
    }
}

fn broken(value: &Value, chance: &mut Chance, donor: &Tree) -> Value {
    let words = [
        "",
        "hang_up",
        "office",
        "0532",
        "400-601-0114",
        "09:00-09:00",
        "closed",
        "\u{1}",
        "华",
        "-1",
        "1e9",
    ];
    let pick = |length: usize, chance: &mut Chance| chance.below(length as u64) as usize;
    match (value, chance.below(6)) {
        (Value::List(items), 0..=2) if !items.is_empty() => {
            let (mut items, at) = (items.clone(), pick(items.len(), chance));
            if chance.below(2) == 0 {
                drop(items.remove(at))
            } else {
                items.push(items[at].clone())
            }
            Value::List(items)
        }
        (Value::Map(fields), 0..=2) if !fields.is_empty() => {
            let (mut fields, at) = (fields.clone(), pick(fields.len(), chance));
            match chance.below(3) {
                0 => drop(fields.remove(at)),
                1 => fields.push(fields[at].clone()),
                _ => fields[at].0.text.push('x'),
            }
            Value::Map(fields)
        }
        (_, 3) => Value::Number(["0", "-5", "99999999999999999999", "1.5", "7"][pick(5, chance)].to_owned()),
        (_, 4) => Value::Text(words[pick(words.len(), chance)].to_owned()),
        (_, 5) => donor.value.clone(),
        (_, 0) => Value::Null,
        (_, 1) => Value::Bool(true),
        (_, _) => Value::List(Vec::new()),
    }
}

/// Every example of the page on the rule language, behind the lines that the page names.
#[test]
fn the_examples_of_the_page_on_rules_are_right() {
    const PAGE: &str = include_str!("../../../../../docs/rules.md");
    let prompts = [&PROMPTS[..], &["all_busy"]].concat();
    let allowed = Allowed { prompts: &prompts, ..allowed() };
    let fenced = |fence: &str| -> Vec<&str> {
        PAGE.split(fence).skip(1).map(|rest| rest.split("```").next().unwrap_or_default()).collect()
    };
    let head = fenced("```\n")[0];
    let examples = fenced("```yaml\n");
    assert!(examples.len() >= 19, "{} examples", examples.len());
    for example in examples {
        let (enterprise, problems) = match read(&yaml(&format!("{head}{example}")), &allowed) {
            Ok(read) => read,
            Err(problems) => panic!("{problems:?}\n{example}"),
        };
        assert!(problems.is_empty(), "{problems:?}\n{example}");
        assert_eq!(compile(&enterprise, 1).len(), 1);
    }
}

/// The sample with a phone, and with the phone as its second destination.
fn with_phone(phone: &str, destination: &str) -> String {
    let text = HUAXIN.replacen("numbers:\n", &format!("extensions:\n  - {phone}\nnumbers:\n"), 1);
    text.replacen("    destinations:\n", &format!("    destinations:\n      - {destination}\n"), 1)
}

const PHONE: &str = "{name: desk, number: 8001, password: correct horse}";
const DESK: &str = "{name: 软电话, kind: extension, number: 8001}";

#[test]
fn r02_x04_a_phone_is_bound_by_its_number_and_its_password_is_not_kept() {
    let (enterprise, _) =
        read(&yaml(&with_phone(PHONE, DESK)), &allowed()).unwrap_or_else(|wrong| panic!("{wrong:#?}"));
    let phones = crate::enterprise::phones(&enterprise);
    assert_eq!(phones[0].user, format!("{}-8001", enterprise.id));
    // The hashes of RFC 7616 over user, realm and password.
    let (md5, sha256) = phones[0].secret.hashes();
    assert_eq!((md5.len(), sha256.len()), (32, 64));
    let written = crate::enterprise::to_yaml(&enterprise);
    for shown in
        [written.clone(), format!("{enterprise:?}"), serde_json::to_string(&enterprise).expect("JSON")]
    {
        assert!(!shown.contains("correct horse"), "{shown}");
    }
    assert!(!format!("{enterprise:?}").contains(md5));
    let (again, _) = read(&yaml(&written), &allowed()).expect("what is written reads back");
    assert_eq!(again, enterprise);
    let hotline = &crate::enterprise::compile(&enterprise, 1)[0];
    assert_eq!(*hotline.destinations[0].number, *phones[0].user);
}

#[test]
fn x04_a_phone_says_whether_its_calls_are_encrypted() {
    for (written, srtp) in [
        ("", Srtp::Off),
        (", srtp: \"off\"", Srtp::Off),
        (", srtp: offered", Srtp::Offered),
        (", srtp: required", Srtp::Required),
    ] {
        let phone = format!("{{name: desk, number: 8001, password: correct horse{written}}}");
        let (enterprise, _) =
            read(&yaml(&with_phone(&phone, DESK)), &allowed()).unwrap_or_else(|wrong| panic!("{wrong:#?}"));
        assert_eq!(crate::enterprise::phones(&enterprise)[0].srtp, srtp);
        let again = crate::enterprise::to_yaml(&enterprise);
        assert_eq!(again.contains("srtp"), srtp != Srtp::Off, "{again}");
        assert_eq!(read(&yaml(&again), &allowed()).expect("what is written reads back").0, enterprise);
        // Documents that were stored before phones had this.
        let stored = serde_json::to_string(&enterprise).expect("JSON").replace(",\"srtp\":\"off\"", "");
        assert_eq!(serde_json::from_str::<Enterprise>(&stored).expect("the same form"), enterprise);
    }
}

#[test]
fn fault_n7_a_phone_refers_nobody_unless_its_document_allows_it() {
    for (written, refer) in
        [("", Refer::Refused), (", refer: refused", Refer::Refused), (", refer: allowed", Refer::Allowed)]
    {
        let phone = format!("{{name: desk, number: 8001, password: correct horse{written}}}");
        let (enterprise, _) =
            read(&yaml(&with_phone(&phone, DESK)), &allowed()).unwrap_or_else(|wrong| panic!("{wrong:#?}"));
        assert_eq!(crate::enterprise::phones(&enterprise)[0].refer, refer);
        let again = crate::enterprise::to_yaml(&enterprise);
        assert_eq!(read(&yaml(&again), &allowed()).expect("what is written reads back").0, enterprise);
        // Documents that were stored before phones had this.
        let stored = serde_json::to_string(&enterprise).expect("JSON").replace(",\"refer\":\"refused\"", "");
        assert_eq!(serde_json::from_str::<Enterprise>(&stored).expect("the same form"), enterprise);
    }
}

#[test]
fn r02_x04_phones_that_cannot_be_are_refused() {
    let codes = |phone: &str, destination: &str| {
        let problems = read(&yaml(&with_phone(phone, destination)), &allowed()).expect_err("refused");
        assert!(problems.iter().all(|problem| !problem.message(Language::En).contains("secret")));
        problems.iter().map(|problem| problem.code()).collect::<Vec<_>>()
    };
    let desk = |rest: &str| format!("{{name: desk, number: 8001{rest}}}");
    assert_eq!(codes(&desk(", password: secret"), DESK), ["bad_phone_password"]);
    assert_eq!(codes(&desk(", password_hash: secret"), DESK), ["bad_phone_password"]);
    assert_eq!(codes(&desk(""), DESK), ["missing"]);
    assert_eq!(codes(&desk(", password: secret123, srtp: sometimes"), DESK), ["unknown_value"]);
    assert_eq!(codes(&desk(", password: secret123, refer: yes"), DESK), ["unknown_value"]);
    assert_eq!(codes(&desk(", password: secret123, password_hash: secret"), DESK), ["conflict"]);
    assert_eq!(codes(PHONE, "{name: 软电话, kind: extension, number: 8002}"), ["unknown_name"]);
    assert_eq!(
        codes("{name: desk, number: 110, password: secret123}", DESK),
        ["special_number", "unknown_name"]
    );
    let twice = format!("{PHONE}\n  - {{name: other, number: 8001, password: secret123}}");
    assert_eq!(codes(&twice, DESK), ["duplicate_name"]);
}

#[test]
fn k09_a_prompt_that_nobody_reviewed_is_refused_by_a_code_of_its_own() {
    let text = HUAXIN.replacen("play: after_hours", "play: greeting", 1);
    assert_ne!(text, HUAXIN);
    let codes = |allowed: &Allowed<'_>| {
        let problems = read(&yaml(&text), allowed).expect_err("refused");
        problems.iter().map(|problem| problem.code()).collect::<Vec<_>>()
    };
    assert_eq!(codes(&allowed()), ["unknown_name"]);
    assert_eq!(codes(&Allowed { unreviewed: &["greeting"], ..allowed() }), ["prompt_not_reviewed"]);
    let prompts = [&PROMPTS[..], &["greeting"]].concat();
    let heard = Allowed { prompts: &prompts, unreviewed: &["greeting"], ..allowed() };
    assert!(read(&yaml(&text), &heard).is_ok(), "a later version may wait while an earlier one is heard");
}
