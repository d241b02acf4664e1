//! Agents and queues: what is read, written and compiled, and what is wrong with them.

use super::*;
use crate::capacity::{Capacity, DuringCall};
use crate::service::{Abandons, ServiceLevel, ShortAbandons};

/// The sample with two agents, a queue of all settings, and a queue of none.
pub(in crate::enterprise) fn with_queues(exits: &str) -> String {
    let lists = "\
extensions:
  - {name: one, number: 801, password: correct horse}
  - {name: two, number: 802, password: correct horse}
capacity: {agent: 120, voice: 90, text: 30, during_call: text}
shifts:
  - {name: 早班, hours: {mon-fri: 08:00-16:00}, holidays: true, dates: {2026-11-28: 09:00-12:00}, breaks: [12:00-12:30, 14:00-14:10]}
  - {name: 夜班, hours: {mon-thu: 22:00-06:00}, breaks: 01:00-01:30, grace_minutes: 0}
  - {name: 周一, hours: {mon: 15:00-23:00}}
agents:
  - {number: 8001, name: 王芳, extension: 801, skills: {粤语: 4}, capacity: 60, shifts: [早班, 夜班]}
  - {number: 8002, name: 李雷, shifts: [{shift: 早班, until: 2026-12-31}, {shift: 周一, from: 2027-01-01, until: 2027-01-31}], extension: 802}
queues:
  - name: 售前
    strategy: weighted
    members: [8001, 8002]
    weights: {8001: 3}
    patience_seconds: 120
    size_max: 20
    ring_seconds: 15
    wrap_up: {mode: forced, seconds: 30}
    misses_max: 0
    join_empty: []
    leave_empty: [off, rest, after_work, no_capacity]
    needs: [{skills: {粤语: 3}, seconds: 30}, {skills: {粤语: 2}, seconds: 20}]
    talk_seconds: 90
    call_weight: 70
    announce: {every_seconds: 45, position_max: 9, minutes_max: 20}
    music: welcome
    answer: false
    say_agent: both
    callback: {after_seconds: 45, hours: office, tries: 2, ring_seconds: 30}
    spill: {wait_seconds: 60, level_percent: 80, level_seconds: 20}
    satisfaction: {tries: 3, talk_seconds_min: 30, pause_hours: 0, sms: 请评分}
    service_level: {percent: 90, seconds: 10, short_abandons: in, short_abandon_seconds: 3, abandons: in_time}
    results:
      mandatory: true
      limit_seconds: 45
      default: other
      codes:
        - {code: sale, name: 成交, codes: [{code: new, name: 新客户, codes: [{code: web, name: 网上}]}, {code: 2, name: 老客户}]}
        - {code: other, name: 其他}
  - {name: 售后, members: [8002]}
numbers:
";
    let text = HUAXIN.replacen("numbers:\n", lists, 1);
    let otherwise =
        text.lines().find(|line| line.starts_with("    otherwise:")).expect("it has one").to_owned();
    text.replacen(&otherwise, &format!("    otherwise: {exits}"), 1)
}

#[test]
fn q02_r28_queues_and_agents_are_read_written_and_compiled() {
    let exits =
        "{queue: 售前, full: {queue: 售后, timeout: busy}, empty: hang_up, timeout: {dial: 值班手机}}";
    let (enterprise, _) =
        read(&yaml(&with_queues(exits)), &allowed()).unwrap_or_else(|wrong| panic!("{wrong:#?}"));
    let written = to_yaml(&enterprise);
    assert_eq!(
        read(&yaml(&written), &allowed()).map(|(again, _)| again).as_ref(),
        Ok(&enterprise),
        "{written}"
    );
    assert_eq!(enterprise.queues[1], crate::enterprise::Queue::new("售后", &["8002"]));
    let hotline = &compile(&enterprise, 7)[0];
    let staff = hotline.staff.as_deref().expect("a rule leads to a queue");
    assert_eq!((staff.version, &*staff.agents[0].phone), (7, "huaxin-801"));
    let units = Capacity { agent: 120, voice: 90, text: 30, during_call: DuringCall::Text };
    assert_eq!((enterprise.capacity, staff.capacity), (units, units));
    assert_eq!(staff.agents.iter().map(|agent| agent.capacity).collect::<Vec<_>>(), [60, 120]);
    assert_eq!(staff.queues.iter().map(|queue| queue.call_weight).collect::<Vec<_>>(), [70, 90]);
    let queue = &staff.queues[0];
    assert_eq!(queue.members.iter().map(|member| member.weight).collect::<Vec<_>>(), [3, 1]);
    assert_eq!((queue.patience_ms, queue.misses_max, queue.steps.len()), (120_000, None, 3));
    let told = queue.callback.as_ref().expect("it tells of callbacks");
    assert_eq!((told.after_ms, &*told.prompt), (45_000, "callback_offer"));
    let dial = told.dial.as_deref().expect("it calls back");
    assert_eq!((dial.tries, dial.retry_ms, dial.ring_ms), (2, 600_000, 30_000));
    assert_eq!(dial.hours, enterprise.schedules[0].schedule);
    let spill = crate::queue::Spill { wait_ms: Some(60_000), waiting: None, level: Some((80, 20_000)) };
    assert_eq!(queue.spill, Some(spill));
    let survey = queue.survey.as_deref().expect("it asks");
    assert_eq!((survey.tries, survey.talk_ms_min, survey.pause_ms), (3, 30_000, 0));
    assert_eq!((&*survey.prompt, survey.sms.as_deref()), ("satisfaction", Some("请评分")));
    let results = queue.results.as_deref().expect("it asks for results");
    assert_eq!(
        (results.mandatory, results.limit_s, results.default.as_deref()),
        (true, Some(45), Some("other"))
    );
    assert_eq!(results.paths(), ["sale/new/web", "sale/2", "other"]);
    let steps = &hotline.flow.steps;
    let exits_of = |name: &str| {
        steps.iter().find_map(|step| match &step.kind {
            StepKind::Queue { queue, exits } if hotline.words.text(*queue) == name => Some(exits.clone()),
            _ => None,
        })
    };
    let exits = exits_of("售前").expect("it is laid");
    let kind = |step: Option<u16>| &steps[usize::from(step.expect("an exit"))].kind;
    assert!(matches!(kind(exits.full), StepKind::Queue { .. }));
    assert!(matches!(kind(exits.empty), StepKind::HangUp { prompt: None }));
    assert!(matches!(kind(exits.timeout), StepKind::DialGroup { .. }));
    let inner = exits_of("售后").expect("it is laid");
    assert_eq!((inner.full, inner.empty, kind(inner.timeout)), (None, None, &StepKind::Busy));
    let without = compile(&read(&yaml(&with_queues("hang_up")), &allowed()).expect("right").0, 7);
    assert_eq!(without[0].staff, None, "no rule leads to a queue");
}

#[test]
fn q26_shifts_are_read_with_their_breaks_and_agents_have_them_by_dates() {
    use crate::shift::{AgentShift, duties};
    let (enterprise, _) = read(&yaml(&with_queues("hang_up")), &allowed()).expect("right");
    let date = |text: &str| text.parse::<crate::calendar::Date>().expect("a date");
    let [early, night, monday] = &enterprise.shifts[..] else { panic!("{:?}", enterprise.shifts) };
    assert_eq!((early.breaks.len(), early.grace_minutes, night.grace_minutes), (2, 5, 0));
    assert!(monday.breaks.is_empty() && early.schedule.overrides.contains_key(&date("2026-11-28")));
    assert_eq!(enterprise.agents[0].shifts, [AgentShift::always("早班"), AgentShift::always("夜班")]);
    let until = AgentShift { shift: "早班".into(), from: None, until: Some(date("2026-12-31")) };
    assert_eq!(enterprise.agents[1].shifts[0], until);
    let years = crate::calendar::HolidayYears::shipped();
    let of =
        |day: &str| duties(&enterprise.shifts, &enterprise.agents[1].shifts, (date(day), date(day)), years);
    assert_eq!(of("2026-12-28").iter().map(|duty| duty.shift.as_str()).collect::<Vec<_>>(), ["早班"]);
    assert_eq!(of("2027-01-04").iter().map(|duty| duty.shift.as_str()).collect::<Vec<_>>(), ["周一"]);
}

#[test]
fn q12_a_service_level_is_a_template_or_a_goal_of_ones_own_and_reads_back() {
    let whole = "{percent: 90, seconds: 10, short_abandons: in, short_abandon_seconds: 3, abandons: in_time}";
    let own = ServiceLevel {
        percent: 90,
        s: 10,
        short_abandon_s: 3,
        short_abandons: ShortAbandons::In,
        abandons: Abandons::InTime,
    };
    let late = ServiceLevel { percent: 85, s: 15, abandons: Abandons::Out, ..ServiceLevel::default() };
    for (to, wanted) in [
        (whole, own),
        ("{template: 80/20}", ServiceLevel::default()),
        ("{percent: 80, seconds: 20}", ServiceLevel::default()),
        ("{template: 85/15, abandons: out}", late),
    ] {
        let text = with_queues("hang_up").replace(whole, to);
        let (enterprise, _) = read(&yaml(&text), &allowed()).unwrap_or_else(|wrong| panic!("{wrong:#?}"));
        assert_eq!(enterprise.queues[0].service_level, Some(wanted), "{to}");
        let written = to_yaml(&enterprise);
        assert_eq!(written.contains("template: "), wanted.template().is_some(), "{written}");
        assert_eq!(read(&yaml(&written), &allowed()).expect("what is written reads back").0, enterprise);
        assert_eq!(enterprise.queues[1].service_level, None);
    }
}

#[test]
fn q20_i09_a_queue_none_of_whose_agents_has_room_for_its_calls_is_warned_of() {
    let warned = |text: &str| {
        let (_, warnings) = read(&yaml(text), &allowed()).unwrap_or_else(|wrong| panic!("{wrong:#?}"));
        let of_queues = warnings.iter().filter(|warning| warning.path.starts_with("queues"));
        of_queues.map(|warning| format!("{} {}", warning.path, warning.code())).collect::<Vec<_>>()
    };
    let text = with_queues("hang_up");
    assert_eq!(warned(&text), [""; 0], "one of each has room");
    let small = text.replace("call_weight: 70", "call_weight: 121");
    assert_eq!(warned(&small), ["queues[0] queue_without_room"]);
    let small = text.replace("agent: 120", "agent: 89");
    assert_eq!(warned(&small), ["queues[1] queue_without_room"], "89 hold the 70 of the other");
    let own =
        text.replace("extension: 802}", "extension: 802, capacity: 90}").replace("agent: 120", "agent: 1");
    assert_eq!(warned(&own), [""; 0]);
}

#[test]
fn q02_what_is_wrong_with_queues_and_agents_is_said() {
    let queue = "{queue: 售前}";
    for (from, to, wanted) in [
        ("extension: 802", "extension: 803", "agents[1].extension unknown_name"),
        ("number: 8002", "number: 8001", "agents[1].number duplicate_name"),
        ("capacity: 60", "capacity: 0", "agents[0].capacity out_of_range"),
        ("call_weight: 70", "call_weight: 1001", "queues[0].call_weight out_of_range"),
        ("agent: 120", "agents: 120", "capacity.agents unknown_field"),
        ("during_call: text", "during_call: voice", "capacity.during_call unknown_value"),
        ("粤语: 4}", "粤语: 11}", "agents[0].skills.粤语 out_of_range"),
        ("[早班, 夜班]", "[早班, 晚班]", "agents[0].shifts[1] unknown_name"),
        ("[早班, 夜班]", "[早班, 早班]", "agents[0].shifts[1] shifts_overlap"),
        ("[早班, 夜班]", "[早班, 周一]", "agents[0].shifts[1] shifts_overlap"),
        ("[早班, 夜班]", "[夜班, 周一]", "agents[0].shifts[1] shifts_overlap"),
        ("[早班, 夜班]", "[[早班]]", "agents[0].shifts[0] wrong_type"),
        ("from: 2027-01-01", "from: 2026-12-31", "agents[1].shifts[1] shifts_overlap"),
        ("from: 2027-01-01", "from: 2027-02-01", "agents[1].shifts[1] until_before_from"),
        ("from: 2027-01-01", "from: 2027-02-29", "agents[1].shifts[1].from bad_date"),
        ("{shift: 早班, until", "{shifts: 早班, until", "agents[1].shifts[0].shifts unknown_field"),
        ("name: 夜班", "name: 早班", "shifts[1].name duplicate_name"),
        ("mon-thu: 22:00-06:00", "monday: 22:00-06:00", "shifts[1].hours.monday bad_days"),
        ("breaks: 01:00-01:30", "breaks: 05:45-06:15", "shifts[1].breaks break_outside_shift"),
        ("14:00-14:10", "12:15-14:10", "shifts[0].breaks bad_hours"),
        ("grace_minutes: 0", "grace_minutes: 61", "shifts[1].grace_minutes out_of_range"),
        ("members: [8002]", "members: [8003]", "queues[1].members[0] unknown_name"),
        ("name: 售后", "name: 售前", "queues[1].name duplicate_name"),
        ("mode: forced, seconds: 30", "mode: forced", "queues[0].wrap_up missing"),
        ("mode: forced", "mode: none", "queues[0].wrap_up.seconds conflict"),
        ("[off, rest, after_work, no_capacity]", "[away]", "queues[0].leave_empty[0] unknown_value"),
        ("[off, rest, after_work, no_capacity]", "[unreachable]", "queues[0].leave_empty[0] not_available"),
        ("music: welcome", "music: silence", "queues[0].music unknown_name"),
        ("hours: office, tries", "tries", "queues[0].callback missing"),
        ("hours: office, tries", "hours: nights, tries", "queues[0].callback.hours unknown_name"),
        ("tries: 2", "tries: 11", "queues[0].callback.tries out_of_range"),
        ("say_agent: both", "say_agent: all", "queues[0].say_agent unknown_value"),
        ("every_seconds: 45", "every_seconds: 5", "queues[0].announce.every_seconds out_of_range"),
        ("default: other", "default: sale", "queues[0].results.default unknown_name"),
        ("default: other", "default: sale/new/web/x", "queues[0].results.default unknown_name"),
        ("      default: other\n", "", "queues[0].results missing"),
        ("percent: 90", "percent: 101", "queues[0].service_level.percent out_of_range"),
        ("percent: 90, ", "", "queues[0].service_level missing"),
        ("percent: 90, seconds: 10", "percent: 90", "queues[0].service_level missing"),
        ("percent: 90,", "template: 80/20, percent: 90,", "queues[0].service_level conflict"),
        ("percent: 90, seconds: 10", "template: 80/20, seconds: 10", "queues[0].service_level conflict"),
        ("percent: 90, seconds: 10", "template: 80/10", "queues[0].service_level.template unknown_value"),
        ("short_abandons: in", "short_abandons: no", "queues[0].service_level.short_abandons unknown_value"),
        ("abandons: in_time", "abandons: late", "queues[0].service_level.abandons unknown_value"),
        ("limit_seconds: 45", "limit_seconds: 0", "queues[0].results.limit_seconds out_of_range"),
        ("code: other", "code: Other", "queues[0].results.codes[1].code bad_result_code"),
        ("code: other", "code: a/b", "queues[0].results.codes[1].code bad_result_code"),
        ("code: other", "code: sale", "queues[0].results.codes[1].code duplicate_name"),
        ("name: 其他", "name: ''", "queues[0].results.codes[1].name bad_name"),
        (
            "name: 网上}",
            "name: 网上, codes: []}",
            "queues[0].results.codes[0].codes[0].codes[0].codes too_many",
        ),
        ("codes: [{code: web, name: 网上}]", "codes: []", "queues[0].results.codes[0].codes[0].codes empty"),
        (queue, "{queue: 售前, answer: true}", "numbers[0].otherwise.answer conflict"),
        (queue, "{dial: 值班手机, full: busy}", "numbers[0].otherwise.full conflict"),
    ] {
        let text = with_queues(queue);
        assert!(text.contains(from), "{from}");
        let problems = read(&yaml(&text.replacen(from, to, 1)), &allowed()).expect_err(to);
        let found: Vec<String> =
            problems.iter().map(|problem| format!("{} {}", problem.path, problem.code())).collect();
        assert!(found.iter().any(|found| found == wanted), "{to}: {found:?}");
    }
}
