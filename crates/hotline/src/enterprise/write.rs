//! The writer of an enterprise's document: what [`read`](super::read) takes in comes out again, as a tree and as YAML
//! text. What stands at its usual value is left out.

mod barring;
mod flow;
mod queues;
mod yaml;

pub use flow::write_flow;

use std::collections::BTreeMap;

use super::read::{
    ACCOUNTS, BALANCE_ENDS, CHARGING_FROM, CONFIRM_S, CONSENTS, DAYS, FORM, GREETING, KINDS, LINES,
    MEMORY_HOURS, MESSAGE_S, MODES, REFER, RING_S, SCOPES, SRTP, STRATEGIES, TALK_S_MAX, infer_kind,
    usual_balance_end,
};
use super::{
    Alarm, CallerMemory, Condition, Confirm, Crisis, CrisisThen, Destination, Enterprise, Extension, Finally,
    Forwards, Group, Key, Limits, MemoryScope, Number, Recording, Refer, Ringback, Rule, ShareMode, Strategy,
    Tell, TellOfCalls, Then, Tree, Value,
};
use crate::calendar::{Date, DayOverride, Holidays, Interval, Schedule};
use crate::capacity::Capacity;
use crate::cdr::ChargingFrom;
use crate::message::Address;
use crate::shift::{GRACE_MINUTES, Shift};
use crate::trunk::Srtp;

/// The document of an enterprise as YAML. Reading it back gives the same enterprise; a schedule that follows an
/// imported holiday table is written as following the shipped one, since documents cannot carry tables.
pub fn to_yaml(enterprise: &Enterprise) -> String {
    yaml::emit(&write(enterprise))
}

/// The document of an enterprise as a tree, all on line 0; see [`to_yaml`].
pub fn write(enterprise: &Enterprise) -> Tree {
    let named = Fields::new().with("id", text(enterprise.id.as_str())).with("name", text(&enterprise.name));
    let schedule = |named: &super::NamedSchedule| schedule(&named.name, &named.schedule);
    let region_set = |set: &super::NamedRegions| named_texts(&set.name, &set.includes);
    let caller_list = |list: &super::NamedCallers| {
        let fields = Fields::new().with("name", text(&list.name)).with("includes", texts(&list.callers));
        fields.unless(list.priority == 0, "priority", || number(list.priority)).map()
    };
    Fields::new()
        .with("sibai", number(FORM))
        .with("enterprise", named.map())
        .with("plan", text(enterprise.plan.as_str()))
        .with("account", word(&ACCOUNTS, enterprise.account))
        .unless(enterprise.balance_end == usual_balance_end(enterprise.account), "balance_end", || {
            word(&BALANCE_ENDS, enterprise.balance_end)
        })
        .unless(enterprise.charging_from == ChargingFrom::Answer, "charging_from", || {
            word(&CHARGING_FROM, enterprise.charging_from)
        })
        .unless(enterprise.limits == Limits::default(), "limits", || limits(&enterprise.limits))
        .items("schedules", &enterprise.schedules, schedule)
        .items("regions", &enterprise.region_sets, region_set)
        .items("callers", &enterprise.caller_lists, caller_list)
        .maybe("crisis", enterprise.crisis.as_ref().map(crisis))
        .unless(!enterprise.crisis_by_two, "crisis_by_two", || flag(true))
        .unless(enterprise.alarm == Alarm::default(), "alarm", || alarm(&enterprise.alarm))
        .unless(enterprise.tell == Tell::default(), "tell", || {
            tell(&[("alerts", &enterprise.tell.alerts), ("agents", &enterprise.tell.agents)])
        })
        .maybe("frozen", enterprise.frozen.map(|since| text(&since.beijing().to_string())))
        .items("extensions", &enterprise.extensions, extension)
        .items("flows", &enterprise.flows, write_flow)
        .unless(enterprise.capacity == Capacity::default(), "capacity", || {
            queues::capacity(&enterprise.capacity)
        })
        .items("shifts", &enterprise.shifts, shift)
        .items("agents", &enterprise.agents, queues::agent)
        .items("queues", &enterprise.queues, queues::queue)
        .with("numbers", list(enterprise.numbers.iter().map(hotline_number)))
        .map()
}

/// Addressees by what they are told of.
fn tell(told: &[(&str, &Vec<Address>)]) -> Tree {
    let there = told.iter().filter(|(_, to)| !to.is_empty());
    let list = |to: &Vec<Address>| list(to.iter().map(|to| text(to.as_str())));
    there.fold(Fields::new(), |fields, (name, to)| fields.with(name, list(to))).map()
}

fn alarm(written: &Alarm) -> Tree {
    let usual = Alarm::default();
    let field = |same: bool, value: u16| (!same).then(|| number(value));
    let same_minutes = written.binding_minutes == usual.binding_minutes;
    Fields::new()
        .maybe("cost_times", field(written.cost_times == usual.cost_times, written.cost_times.into()))
        .unless(written.cost_floor_e4 == usual.cost_floor_e4, "cost_floor", || {
            text(&written.cost_floor_e4.to_string())
        })
        .maybe("normal_days", field(written.normal_days == usual.normal_days, written.normal_days))
        .maybe(
            "binding_changes",
            field(written.binding_changes == usual.binding_changes, written.binding_changes.into()),
        )
        .maybe("binding_minutes", field(same_minutes, written.binding_minutes))
        .unless(written.outgoing_per_hour == usual.outgoing_per_hour, "outgoing_per_hour", || {
            number(written.outgoing_per_hour)
        })
        .unless(written.freeze == usual.freeze, "freeze", || flag(written.freeze))
        .map()
}

fn crisis(written: &Crisis) -> Tree {
    let fields = Fields::new()
        .with("until", text(&written.until.beijing().to_string()))
        .maybe("play", written.notice.as_deref().map(text));
    match &written.then {
        CrisisThen::GoOn => fields.with("then", text("go_on")).map(),
        CrisisThen::HangUp => fields.with("then", text("hang_up")).map(),
        CrisisThen::Dial(number) => fields.with("dial", text(number)).map(),
    }
}

fn hotline_number(written: &Number) -> Tree {
    Fields::new()
        .with("number", number(written.number))
        .unless(written.enabled, "enabled", || flag(false))
        .items("destinations", &written.destinations, destination)
        .items("groups", &written.groups, group)
        .items("rules", &written.rules, rule)
        .unless(written.flow.is_some(), "otherwise", || then(&written.otherwise))
        .maybe("flow", written.flow.as_deref().map(text))
        .unless(written.forwards == Forwards::default(), "forwards", || forwards(&written.forwards))
        .unless(written.finally == Finally::default(), "finally", || finally(&written.finally))
        .maybe("memory", written.memory.map(memory))
        .barring(&written.block, &written.bars)
        .unless(written.limits == Limits::default(), "limits", || limits(&written.limits))
        .unless(written.ringback == Ringback::Tone, "ringback", || ringback(&written.ringback))
        .recording(&written.recording)
        .unless(written.tell == TellOfCalls::default(), "tell", || {
            tell(&[("missed", &written.tell.missed), ("voicemail", &written.tell.voicemail)])
        })
        .talk_limit(written.talk_s_max)
        .map()
}

fn destination(written: &Destination) -> Tree {
    Fields::new()
        .with("name", text(&written.name))
        .unless(written.kind == infer_kind(&written.number), "kind", || word(&KINDS, written.kind))
        .with("number", text(&written.number))
        .unless(written.enabled, "enabled", || flag(false))
        .unless(written.lines == LINES, "lines", || number(written.lines))
        .unless(written.ring_s == RING_S, "ring_seconds", || number(written.ring_s))
        .maybe("duty", written.duty.as_deref().map(text))
        .maybe("ringback", written.ringback.as_ref().map(ringback))
        .confirm(Some(written.confirm).filter(|confirm| *confirm != Confirm::Off))
        .map()
}

/// What is kept of its password is written, so that what was exported can be imported.
fn extension(written: &Extension) -> Tree {
    Fields::new()
        .with("name", text(&written.name))
        .with("number", text(&written.number))
        .with("password_hash", text(&written.secret.written()))
        .unless(written.srtp == Srtp::Off, "srtp", || word(&SRTP, written.srtp))
        .unless(written.refer == Refer::Refused, "refer", || word(&REFER, written.refer))
        .maybe("ringback", written.ringback.as_ref().map(ringback))
        .map()
}

fn group(written: &Group) -> Tree {
    Fields::new()
        .with("name", text(&written.name))
        .unless(written.strategy == Strategy::Sequential, "strategy", || word(&STRATEGIES, written.strategy))
        .with("members", texts(&written.members))
        .unless(written.weights.is_empty(), "weights", || {
            written
                .weights
                .iter()
                .fold(Fields::new(), |map, (name, weight)| map.with(name, number(weight)))
                .map()
        })
        .maybe("ringback", written.ringback.as_ref().map(ringback))
        .confirm(written.confirm)
        .map()
}

fn rule(written: &Rule) -> Tree {
    Fields::new()
        .with("name", text(&written.name))
        .unless(written.when.is_empty(), "when", || when(&written.when))
        .with("then", then(&written.then))
        .map()
}

/// One map of conditions, or a list of maps where a kind of condition stands twice.
fn when(conditions: &[Condition]) -> Tree {
    let fields: Vec<(&'static str, Tree)> = conditions.iter().map(condition).collect();
    let is_twice = |place: usize| fields[..place].iter().any(|before| before.0 == fields[place].0);
    if (0..fields.len()).any(is_twice) {
        return list(fields.into_iter().map(|(field, value)| Fields::new().with(field, value).map()));
    }
    fields.into_iter().fold(Fields::new(), |map, (field, value)| map.with(field, value)).map()
}

fn condition(written: &Condition) -> (&'static str, Tree) {
    match written {
        Condition::Open(name) => ("open", text(name)),
        Condition::Closed(name) => ("closed", text(name)),
        Condition::From(name) => ("from", text(name)),
        Condition::Caller(name) => ("caller", text(name)),
        Condition::AreaCode(codes) => ("area_code", one_or_texts(codes)),
        Condition::Prefix(digits) => ("prefix", one_or_texts(digits)),
    }
}

fn one_or_texts(items: &[String]) -> Tree {
    match items {
        [one] => text(one),
        items => texts(items),
    }
}

fn then(written: &Then) -> Tree {
    match written {
        Then::Play { prompt, answer, then: next } => Fields::new()
            .with("play", text(prompt))
            .unless(!*answer, "answer", || flag(true))
            .with("then", then(next))
            .map(),
        Then::Dial(name) => Fields::new().with("dial", text(name)).map(),
        Then::DialWith { dial, ringback: tone } => {
            Fields::new().with("dial", text(dial)).with("ringback", ringback(tone)).map()
        }
        Then::Percentage { mode, shares } => {
            let shares =
                shares.iter().fold(Fields::new(), |map, share| map.with(&share.dial, number(share.percent)));
            Fields::new()
                .with("percentage", shares.map())
                .unless(*mode == ShareMode::Exact, "mode", || word(&MODES, *mode))
                .map()
        }
        Then::Busy => text("busy"),
        Then::Voicemail { prompt, seconds_max } if prompt == GREETING && *seconds_max == MESSAGE_S => {
            text("voicemail")
        }
        Then::Voicemail { prompt, seconds_max } => Fields::new()
            .with("voicemail", text(prompt))
            .unless(*seconds_max == MESSAGE_S, "seconds_max", || number(*seconds_max))
            .map(),
        Then::Queue { queue, full, empty, timeout } => Fields::new()
            .with("queue", text(queue))
            .maybe("full", full.as_deref().map(then))
            .maybe("empty", empty.as_deref().map(then))
            .maybe("timeout", timeout.as_deref().map(then))
            .map(),
        Then::HangUp { prompt: None } => text("hang_up"),
        Then::HangUp { prompt: Some(prompt) } => Fields::new().with("hang_up", text(prompt)).map(),
    }
}

fn forwards(written: &Forwards) -> Tree {
    Fields::new()
        .unless(written.on_busy.is_empty(), "on_busy", || texts(&written.on_busy))
        .unless(written.on_no_answer.is_empty(), "on_no_answer", || texts(&written.on_no_answer))
        .map()
}

fn finally(written: &Finally) -> Tree {
    Fields::new()
        .maybe("busy", written.busy.as_ref().map(then))
        .maybe("no_answer", written.no_answer.as_ref().map(then))
        .map()
}

fn memory(written: CallerMemory) -> Tree {
    if written == (CallerMemory { hours: MEMORY_HOURS, scope: MemoryScope::Number }) {
        return flag(true);
    }
    Fields::new()
        .unless(written.hours == MEMORY_HOURS, "hours", || number(written.hours))
        .unless(written.scope == MemoryScope::Number, "scope", || word(&SCOPES, written.scope))
        .map()
}

fn limits(written: &Limits) -> Tree {
    Fields::new()
        .maybe("concurrent_calls", written.concurrent_calls_max.map(number))
        .maybe("concurrent_calls_per_caller", written.concurrent_calls_per_caller_max.map(number))
        .maybe("calls_per_minute", written.calls_per_minute_max.map(number))
        .maybe("calls_per_minute_per_caller", written.calls_per_minute_per_caller_max.map(number))
        .maybe("outgoing_per_day", written.outgoing_per_day_max.map(number))
        .maybe("month_cost", written.month_cost_cap_e4.map(|money| text(&money.to_string())))
        .maybe("month_calls", written.month_calls_cap.map(number))
        .maybe("lifted_month", written.lifted_month.map(number))
        .unless(!written.count_unanswered, "count_unanswered", || flag(true))
        .map()
}

fn ringback(written: &Ringback) -> Tree {
    match written {
        Ringback::Tone => text("tone"),
        Ringback::Prompt(name) => text(name),
    }
}

fn schedule(name: &str, written: &Schedule) -> Tree {
    schedule_fields(name, written).map()
}

fn schedule_fields(name: &str, written: &Schedule) -> Fields {
    Fields::new()
        .with("name", text(name))
        .with("hours", weekly(written.weekly.days()))
        .unless(written.holidays == Holidays::Ignored, "holidays", || flag(true))
        .unless(written.overrides.is_empty(), "dates", || dates(&written.overrides))
}

fn shift(written: &Shift) -> Tree {
    schedule_fields(&written.name, &written.schedule)
        .unless(written.breaks.is_empty(), "breaks", || hours(&written.breaks))
        .unless(written.grace_minutes == GRACE_MINUTES, "grace_minutes", || number(written.grace_minutes))
        .map()
}

/// Days in a row with the same hours are written as one span.
fn weekly(week: [&[Interval]; 7]) -> Tree {
    let mut fields = Fields::new();
    let mut first = 0;
    while first < week.len() {
        let same = week[first..].iter().take_while(|hours| **hours == week[first]).count();
        let last = first + same - 1;
        if !week[first].is_empty() {
            let span =
                if same == 1 { DAYS[first].to_owned() } else { format!("{}-{}", DAYS[first], DAYS[last]) };
            fields = fields.with(&span, hours(week[first]));
        }
        first = last + 1;
    }
    fields.map()
}

fn dates(overrides: &BTreeMap<Date, DayOverride>) -> Tree {
    let date = |map: Fields, (date, own): (&Date, &DayOverride)| map.with(&date.to_string(), date_hours(own));
    overrides.iter().fold(Fields::new(), date).map()
}

fn date_hours(own: &DayOverride) -> Tree {
    if own.name.is_empty() {
        return hours(&own.hours);
    }
    Fields::new().with("name", text(&own.name)).with("hours", hours(&own.hours)).map()
}

fn hours(intervals: &[Interval]) -> Tree {
    if intervals.is_empty() {
        return text("closed");
    }
    list(intervals.iter().map(|interval| text(&interval.to_string())))
}

fn named_texts(name: &str, includes: &[String]) -> Tree {
    Fields::new().with("name", text(name)).with("includes", texts(includes)).map()
}

/// The fields of a map while it is written, in their order.
struct Fields(Vec<(Key, Tree)>);

impl Fields {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn with(mut self, name: &str, value: Tree) -> Self {
        self.0.push((Key { line: 0, text: name.to_owned() }, value));
        self
    }

    fn unless(self, usual: bool, name: &str, value: impl FnOnce() -> Tree) -> Self {
        if usual { self } else { self.with(name, value()) }
    }

    fn maybe(self, name: &str, value: Option<Tree>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// A list that is left out when empty.
    fn items<T>(self, name: &str, items: &[T], write: impl Fn(&T) -> Tree) -> Self {
        self.unless(items.is_empty(), name, || list(items.iter().map(write)))
    }

    fn recording(self, written: &Recording) -> Self {
        let usual = Recording::asking(written.enabled, written.consent);
        if *written == usual && !written.consent.asks() {
            return self.unless(!written.enabled, "recording", || flag(true));
        }
        let map = Fields::new()
            .unless(written.enabled, "enabled", || flag(false))
            .unless(written.notice == usual.notice, "notice", || text(&written.notice))
            .unless(written.pause_s_max == usual.pause_s_max, "pause_seconds_max", || {
                number(u32::from(written.pause_s_max))
            })
            .unless(!written.consent.asks(), "consent", || word(&CONSENTS, written.consent));
        self.with("recording", map.map())
    }

    /// How an answer is confirmed, where that is said (row R29).
    fn confirm(self, written: Option<Confirm>) -> Self {
        let Some(written) = written else { return self };
        let named = self.with("confirm", text(written.code()));
        match written {
            Confirm::Key { s } => named.unless(s == CONFIRM_S, "confirm_seconds", || number(s)),
            Confirm::Off | Confirm::Tone => named,
        }
    }

    /// In minutes where it is whole minutes.
    fn talk_limit(self, talk_s_max: u32) -> Self {
        match talk_s_max {
            TALK_S_MAX => self,
            whole if whole % 60 == 0 => self.with("talk_minutes_max", number(whole / 60)),
            seconds => self.with("talk_seconds_max", number(seconds)),
        }
    }

    fn map(self) -> Tree {
        Tree::new(0, Value::Map(self.0))
    }
}

fn text(text: &str) -> Tree {
    Tree::new(0, Value::Text(text.to_owned()))
}

fn number(number: impl std::fmt::Display) -> Tree {
    Tree::new(0, Value::Number(number.to_string()))
}

fn flag(flag: bool) -> Tree {
    Tree::new(0, Value::Bool(flag))
}

fn list(items: impl Iterator<Item = Tree>) -> Tree {
    Tree::new(0, Value::List(items.collect()))
}

fn texts(items: &[String]) -> Tree {
    list(items.iter().map(|item| text(item)))
}

/// The word for a value, from the table that the reader uses.
fn word<T: PartialEq>(words: &[(&'static str, T)], value: T) -> Tree {
    let word = words.iter().find(|(_, known)| *known == value).map_or("", |(word, _)| word);
    text(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enterprise::read;
    use crate::enterprise::read::tests::{HUAXIN, LANTIAN, allowed, yaml};

    #[test]
    fn what_is_written_reads_back() {
        for text in [HUAXIN, LANTIAN] {
            let (enterprise, _) = read(&yaml(text), &allowed()).expect("the example is right");
            let written = to_yaml(&enterprise);
            let (again, _) =
                read(&yaml(&written), &allowed()).unwrap_or_else(|wrong| panic!("{wrong:#?}\n{written}"));
            assert_eq!(again, enterprise, "{written}");
            assert_eq!(to_yaml(&again), written, "writing is settled");
        }
    }

    #[test]
    fn r15_r17_r18_r22_r27_all_of_it_reads_back() {
        let (mut enterprise, _) = read(&yaml(HUAXIN), &allowed()).expect("the example is right");
        let number = &mut enterprise.numbers[0];
        number.destinations[0].duty = Some("office".into());
        number.memory = Some(CallerMemory { hours: 24, scope: MemoryScope::Enterprise });
        number.groups[0].strategy = Strategy::Weighted;
        number.groups[0].weights = BTreeMap::from([("北京前台".to_owned(), 3)]);
        let then = Then::Play { prompt: "after_hours".into(), answer: false, then: Box::new(Then::Busy) };
        number.finally = Finally { busy: Some(then), no_answer: Some(Then::Dial("值班手机".into())) };
        let until = crate::Beijing::parse("2026-10-12T18:00:00").expect("a time").wall();
        for then in [CrisisThen::GoOn, CrisisThen::HangUp, CrisisThen::Dial("13911112222".into())] {
            enterprise.crisis = Some(Crisis { until, notice: Some("after_hours".into()), then });
            enterprise.crisis_by_two = true;
            enterprise.alarm = Alarm { cost_times: 3, binding_minutes: 10, freeze: true, ..Alarm::default() };
            enterprise.frozen = Some(until);
            let written = to_yaml(&enterprise);
            let again = read(&yaml(&written), &allowed()).map(|(again, _)| again);
            assert_eq!(again.as_ref(), Ok(&enterprise), "{written}");
        }
    }

    /// Documents are kept as JSON of their values: what an earlier version kept has no field that came later.
    #[test]
    fn a_document_that_an_earlier_version_kept_is_read() {
        let (enterprise, _) = read(&yaml(LANTIAN), &allowed()).expect("the example is right");
        let mut kept = serde_json::to_value(&enterprise).expect("values");
        let number = &mut kept["numbers"][0];
        for (list, later) in [
            ("destinations", "duty"),
            ("groups", "weights"),
            ("destinations", "ringback"),
            ("groups", "ringback"),
        ] {
            let items = number[list].as_array_mut().expect("a list");
            items
                .iter_mut()
                .for_each(|item| assert!(item.as_object_mut().expect("a map").remove(later).is_some()));
        }
        for later in ["finally", "memory"] {
            assert!(number.as_object_mut().expect("a map").remove(later).is_some(), "{later}");
        }
        assert_eq!(serde_json::from_value::<super::super::Enterprise>(kept).ok(), Some(enterprise));
    }

    #[test]
    fn names_that_look_like_something_else_read_back() {
        for name in [
            "true",
            "No",
            "~",
            "0532",
            "1e3",
            "-",
            "a: b",
            "#a",
            "'a'",
            "\"a\"",
            "\\",
            "[a]",
            "{a: b}",
            "是:否",
            "2026-10-10",
            "😀",
            "a,b",
            "&a",
            "*a",
            "!a",
            "|",
            ">",
            "%a",
            "`a",
        ] {
            let (mut enterprise, _) = read(&yaml(LANTIAN), &allowed()).expect("the example is right");
            enterprise.name = name.to_owned();
            enterprise.caller_lists[0].name = name.to_owned();
            let number = &mut enterprise.numbers[0];
            number.groups[0].name = name.to_owned();
            number.rules[0].when = vec![Condition::Caller(name.to_owned()); 2];
            let prefixes = vec!["1380013".to_owned(), "0106234".to_owned()];
            number.rules[0]
                .when
                .extend([Condition::AreaCode(vec!["010".into()]), Condition::Prefix(prefixes)]);
            let shares = vec![super::super::Share { percent: 100, dial: name.to_owned() }];
            number.rules[1].then = Then::Percentage { mode: ShareMode::Random, shares };
            number.otherwise = Then::Dial(name.to_owned());
            number.talk_s_max = 61;
            let again = read(&yaml(&to_yaml(&enterprise)), &allowed()).map(|(again, _)| again);
            assert_eq!(again, Ok(enterprise), "{name}");
        }
    }

    #[test]
    fn the_written_document_is_readable() {
        let (enterprise, _) = read(&yaml(LANTIAN), &allowed()).expect("the example is right");
        let written = to_yaml(&enterprise);
        let wanted = "\
sibai: 1
enterprise: {id: lantian, name: 蓝天商贸有限公司}
plan: T2a
account: postpaid
charging_from: two_party
limits: {month_cost: \"5000.00\", month_calls: 10000}
callers:
  - {name: try-busy, includes: [\"01088880002\"]}
";
        assert!(written.starts_with(wanted), "{written}");
        assert!(written.contains("\n  - number: 4008123888\n    destinations:\n      - {name: 上海, number: \"02161234501\", lines: 5}\n"), "{written}");
    }
}
