//! Agents and queues as a document writes them.

use std::collections::BTreeMap;

use super::super::read::{
    ABANDONS, DURING_CALL, SAY_AGENT, SHORT_ABANDONS, STATES, STRATEGIES, WRAP_UPS, WrapUpMode,
    usual_announce,
};
use super::super::staff::CALLBACK_OFFER;
use super::super::{Agent, Announce, CallbackOffer, DialBack, Needs, Queue, Satisfaction, SpillWhen, Tree};
use super::{Fields, flag, list, number, text, texts, word};
use crate::agent::WrapUp;
use crate::calendar::Date;
use crate::capacity::Capacity;
use crate::queue::Absence;
use crate::results::{ResultCode, Results};
use crate::service::ServiceLevel;
use crate::shift::AgentShift;

pub(super) fn agent(written: &Agent) -> Tree {
    Fields::new()
        .with("number", text(&written.number))
        .with("name", text(&written.name))
        .unless(written.extension.is_empty(), "extension", || text(&written.extension))
        .maybe("mobile", written.mobile.as_deref().map(text))
        .confirm(written.confirm)
        .unless(written.skills.is_empty(), "skills", || numbers(&written.skills))
        .maybe("capacity", written.capacity.map(number))
        .items("shifts", &written.shifts, agent_shift)
        .map()
}

fn agent_shift(written: &AgentShift) -> Tree {
    if written.from.is_none() && written.until.is_none() {
        return text(&written.shift);
    }
    let date = |date: Option<Date>| date.map(|date| text(&date.to_string()));
    let fields = Fields::new().with("shift", text(&written.shift));
    fields.maybe("from", date(written.from)).maybe("until", date(written.until)).map()
}

pub(super) fn capacity(written: &Capacity) -> Tree {
    let usual = Capacity::default();
    let units = |written: u16, usual: u16| (written != usual).then(|| number(written));
    Fields::new()
        .maybe("agent", units(written.agent, usual.agent))
        .maybe("voice", units(written.voice, usual.voice))
        .maybe("text", units(written.text, usual.text))
        .unless(written.during_call == usual.during_call, "during_call", || {
            word(&DURING_CALL, written.during_call)
        })
        .map()
}

pub(super) fn queue(written: &Queue) -> Tree {
    let usual = Queue::new("", &[]);
    let count = |same: bool, value: u16| (!same).then(|| number(value));
    Fields::new()
        .with("name", text(&written.name))
        .unless(written.strategy == usual.strategy, "strategy", || word(&STRATEGIES, written.strategy))
        .with("members", texts(&written.members))
        .unless(written.weights.is_empty(), "weights", || numbers(&written.weights))
        .maybe("patience_seconds", count(written.patience_s == usual.patience_s, written.patience_s))
        .maybe("size_max", count(written.size_max == usual.size_max, written.size_max))
        .maybe("ring_seconds", count(written.ring_s == usual.ring_s, written.ring_s))
        .unless(written.wrap_up == usual.wrap_up, "wrap_up", || wrap_up(written.wrap_up))
        .maybe("misses_max", count(written.misses_max == usual.misses_max, written.misses_max.into()))
        .unless(written.join_empty == usual.join_empty, "join_empty", || states(&written.join_empty))
        .unless(written.leave_empty == usual.leave_empty, "leave_empty", || states(&written.leave_empty))
        .items("needs", &written.needs, needs)
        .maybe("talk_seconds", count(written.talk_s == usual.talk_s, written.talk_s))
        .maybe("announce", written.announce.map(announce))
        .maybe("music", written.music.as_deref().map(text))
        .unless(written.answer, "answer", || flag(false))
        .unless(written.say_agent == usual.say_agent, "say_agent", || word(&SAY_AGENT, written.say_agent))
        .maybe("spill", written.spill.map(spill))
        .maybe("callback", written.callback.as_ref().map(callback_offer))
        .maybe("satisfaction", written.satisfaction.as_ref().map(|asks| survey(Fields::new(), asks).map()))
        .maybe("results", written.results.as_ref().map(results))
        .maybe("service_level", written.service_level.map(service_level))
        .maybe("call_weight", written.call_weight.map(number))
        .map()
}

fn numbers(values: &BTreeMap<String, u8>) -> Tree {
    values.iter().fold(Fields::new(), |map, (name, value)| map.with(name, number(value))).map()
}

fn wrap_up(written: WrapUp) -> Tree {
    let (mode, ms) = match written {
        WrapUp::None => (WrapUpMode::None, None),
        WrapUp::Optional { ms_max } => (WrapUpMode::Optional, ms_max),
        WrapUp::Forced { ms } => (WrapUpMode::Forced, Some(ms)),
    };
    Fields::new().with("mode", word(&WRAP_UPS, mode)).maybe("seconds", ms.map(|ms| number(ms / 1_000))).map()
}

fn states(written: &[Absence]) -> Tree {
    list(written.iter().map(|state| word(&STATES, *state)))
}

fn needs(written: &Needs) -> Tree {
    let fields = Fields::new().with("skills", numbers(&written.skills));
    fields.maybe("seconds", written.s.map(number)).map()
}

/// The terms of the question what a talk was worth, behind other fields.
pub(super) fn survey(fields: Fields, written: &Satisfaction) -> Fields {
    let usual = Satisfaction::default();
    let prompt = |written: &String, usual: &String| (written != usual).then(|| text(written));
    let count = |same: bool, value: u16| (!same).then(|| number(value));
    fields
        .maybe("prompt", prompt(&written.prompt, &usual.prompt))
        .maybe("wrong_prompt", prompt(&written.wrong_prompt, &usual.wrong_prompt))
        .maybe("thanks", prompt(&written.thanks, &usual.thanks))
        .maybe("tries", count(written.tries == usual.tries, written.tries.into()))
        .maybe("timeout_seconds", count(written.timeout_s == usual.timeout_s, written.timeout_s.into()))
        .maybe("talk_seconds_min", count(written.talk_s_min == usual.talk_s_min, written.talk_s_min))
        .maybe("pause_hours", count(written.pause_hours == usual.pause_hours, written.pause_hours))
        .maybe("sms", written.sms.as_deref().map(text))
}

fn callback_offer(written: &CallbackOffer) -> Tree {
    let usual = DialBack::within("");
    let said = |of: fn(&DialBack) -> u16, usual: u16| {
        written.dial.as_ref().map(of).filter(|said| *said != usual).map(number)
    };
    Fields::new()
        .with("after_seconds", number(written.after_s))
        .unless(written.prompt == CALLBACK_OFFER, "prompt", || text(&written.prompt))
        .maybe("hours", written.dial.as_ref().map(|dial| text(&dial.hours)))
        .maybe("tries", said(|dial| dial.tries.into(), usual.tries.into()))
        .maybe("retry_seconds", said(|dial| dial.retry_s, usual.retry_s))
        .maybe("ring_seconds", said(|dial| dial.ring_s, usual.ring_s))
        .map()
}

fn results(written: &Results) -> Tree {
    Fields::new()
        .unless(!written.mandatory, "mandatory", || flag(true))
        .maybe("limit_seconds", written.limit_s.map(number))
        .maybe("default", written.default.as_deref().map(text))
        .items("codes", &written.codes, result_code)
        .map()
}

fn service_level(written: ServiceLevel) -> Tree {
    let usual = ServiceLevel::default();
    let template = written.template();
    let goal = |value: u16| template.is_none().then(|| number(value));
    let short_s = written.short_abandon_s;
    Fields::new()
        .maybe("template", template.map(text))
        .maybe("percent", goal(written.percent.into()))
        .maybe("seconds", goal(written.s))
        .unless(written.short_abandons == usual.short_abandons, "short_abandons", || {
            word(&SHORT_ABANDONS, written.short_abandons)
        })
        .maybe("short_abandon_seconds", (short_s != usual.short_abandon_s).then(|| number(short_s)))
        .unless(written.abandons == usual.abandons, "abandons", || word(&ABANDONS, written.abandons))
        .map()
}

fn result_code(written: &ResultCode) -> Tree {
    let fields = Fields::new().with("code", text(&written.code)).with("name", text(&written.name));
    fields.items("codes", &written.codes, result_code).map()
}

fn spill(written: SpillWhen) -> Tree {
    Fields::new()
        .maybe("wait_seconds", written.wait_s.map(number))
        .maybe("waiting", written.waiting.map(number))
        .maybe("level_percent", written.level.map(|(percent, _)| number(percent)))
        .maybe("level_seconds", written.level.map(|(_, s)| number(s)))
        .map()
}

fn announce(written: Announce) -> Tree {
    let usual = usual_announce(written.every_s);
    let count = |same: bool, value: u16| (!same).then(|| number(value));
    Fields::new()
        .with("every_seconds", number(written.every_s))
        .maybe("position_max", count(written.position_max == usual.position_max, written.position_max))
        .maybe("minutes_max", count(written.minutes_max == usual.minutes_max, written.minutes_max))
        .map()
}
