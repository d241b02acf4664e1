//! The agents and queues of a document (rows Q02, Q10, Q11, Q17, Q18, Q21, R27, R28).

use std::collections::BTreeMap;

use super::fields::{AGENT, ANNOUNCE, CALLBACK_OFFER, NEEDS, QUEUE, SATISFACTION, SPILL, WRAP_UP};
use super::numbers::{RING_ALL_MAX, STRATEGIES};
use super::problem::{Counted, Fault, Named, Wanted};
use super::reader::{At, Names, Object, Reader, is_name};
use super::shifts::Shifts;
use super::tree::Value;
use crate::agent::WrapUp;
use crate::capacity::Capacity;
use crate::enterprise::staff::CALLBACK_OFFER as CALLBACK_OFFER_PROMPT;
use crate::enterprise::staff::{
    JOIN_EMPTY, LEAVE_EMPTY, MISSES_MAX, OFFER_RING_S, PATIENCE_S, SIZE_MAX, TALK_S,
};
use crate::enterprise::{
    Agent, Announce, CallbackOffer, Confirm, DestinationKind, DialBack, Needs, Queue, Satisfaction, SayAgent,
    SpillWhen, Strategy,
};
use crate::number::DestinationPolicy;
use crate::queue::Absence;

/// Agents of one enterprise; queues name them by two bytes.
const AGENTS_MAX: usize = 10_000;
const QUEUES_MAX: usize = 1_000;
/// Agents of one queue.
const MEMBERS_MAX: usize = 1_000;
const SKILLS_MAX: usize = 50;
const LEVEL_MAX: u64 = 10;
/// A member has a bit for each step, the one behind the last included.
const NEEDS_MAX: usize = 15;
const STATES_MAX: usize = 6;
/// A wait of four hours is as long as a talk may be.
const PATIENCE_S_MAX: u64 = 14_400;
const POSITION_MAX: u16 = 50;
const MINUTES_MAX: u16 = 30;

pub(in crate::enterprise) const STATES: [(&str, Absence); 6] = [
    ("off", Absence::Off),
    ("rest", Absence::Rest),
    ("ringing", Absence::Ringing),
    ("talking", Absence::Talking),
    ("after_work", Absence::AfterWork),
    ("no_capacity", Absence::NoCapacity),
];

pub(in crate::enterprise) const SAY_AGENT: [(&str, SayAgent); 3] =
    [("nobody", SayAgent::Nobody), ("caller", SayAgent::Caller), ("both", SayAgent::Both)];

/// How the wrap-up is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::enterprise) enum WrapUpMode {
    None,
    Optional,
    Forced,
}

pub(in crate::enterprise) const WRAP_UPS: [(&str, WrapUpMode); 3] =
    [("none", WrapUpMode::None), ("optional", WrapUpMode::Optional), ("forced", WrapUpMode::Forced)];

impl Reader<'_> {
    pub(super) fn agents(
        &mut self,
        object: &Object<'_>,
        extensions: &Names,
        shifts: &mut Shifts,
    ) -> Option<(Vec<Agent>, Names)> {
        let mut numbers = Names::new();
        let items = self.items(object.field("agents"), Counted::Entries, AGENTS_MAX);
        let agents: Vec<_> =
            items.iter().map(|at| self.agent(at, extensions, shifts, &mut numbers)).collect();
        Some((agents.into_iter().collect::<Option<_>>()?, numbers))
    }

    fn agent(
        &mut self,
        at: &At<'_>,
        extensions: &Names,
        shifts: &mut Shifts,
        numbers: &mut Names,
    ) -> Option<Agent> {
        let object = self.object(at, &AGENT)?;
        let name = object.field("name").and_then(|at| self.name(&at));
        let number = object.field("number").and_then(|at| {
            let written = self.text(&at)?;
            let checked =
                super::destination::check(DestinationKind::Extension, written, DestinationPolicy::default());
            match checked {
                Ok((number, _)) => {
                    self.declare(numbers, &at, &number, Named::Agent);
                    Some(number)
                }
                Err(fault) => {
                    self.wrong(&at, fault);
                    None
                }
            }
        });
        let is_known = |number: &str| extensions.contains_key(number);
        let extension = object.field("extension").and_then(|at| self.known(&at, Named::Extension, is_known));
        let mobile = self.agents_mobile(&object);
        let skills = object.field("skills").map_or(Some(BTreeMap::new()), |at| self.levels(&at));
        let capacity = object.field("capacity").map(|at| self.units(&at));
        let shifts = self.agent_shifts(object.field("shifts"), shifts);
        if object.field("extension").is_none() && object.field("mobile").is_none() {
            self.wrong(at, Fault::Missing { field: "extension" });
        }
        let extension = match object.field("extension") {
            Some(_) => extension?,
            None => String::new(),
        };
        let (mobile, confirm) = mobile?;
        let capacity = capacity.map_or(Some(None), |read| read.map(Some))?;
        let (number, name, skills, shifts) = (number?, name?, skills?, shifts?);
        Some(Agent { number, name, extension, mobile, confirm, skills, capacity, shifts })
    }

    /// The mobile of an agent, which may be called as a bound number may, and how its answers are confirmed.
    fn agents_mobile(&mut self, object: &Object<'_>) -> Option<(Option<String>, Option<Confirm>)> {
        let confirm = self.confirm(object);
        let Some(at) = object.field("mobile") else {
            for field in ["confirm", "confirm_seconds"] {
                if let Some(at) = object.field(field) {
                    self.wrong(&at, Fault::Conflict { field, with: "extension" });
                }
            }
            return Some((None, None));
        };
        let written = self.text(&at)?;
        match self.destination_number(DestinationKind::Mobile, written) {
            Ok((number, warnings)) => {
                warnings.into_iter().for_each(|warning| self.warn(&at, warning));
                Some((Some(number), confirm))
            }
            Err(fault) => {
                self.wrong(&at, fault);
                None
            }
        }
    }

    /// `{粤语: 4}`: levels by skill.
    fn levels(&mut self, at: &At<'_>) -> Option<BTreeMap<String, u8>> {
        let Value::Map(fields) = &at.tree.value else {
            self.wrong(at, Fault::WrongType { wanted: Wanted::Map });
            return None;
        };
        if fields.len() > SKILLS_MAX {
            self.wrong(at, Fault::TooMany { counted: Counted::Entries, max: SKILLS_MAX });
        }
        let mut levels = BTreeMap::new();
        for (key, at) in at.entries() {
            if !is_name(&key.text) {
                self.wrong_key(key, &at, Fault::BadName);
            } else if levels.contains_key(&key.text) {
                self.wrong_key(key, &at, Fault::DuplicateField { field: key.text.clone() });
            }
            if let Some(level) = self.whole(&at, 1, LEVEL_MAX) {
                levels.insert(key.text.clone(), level as u8);
            }
        }
        Some(levels)
    }

    /// `agents` are those of the document with the names of their numbers, `schedules` the names of its hours.
    pub(super) fn queues(
        &mut self,
        object: &Object<'_>,
        agents: &(Vec<Agent>, Names),
        capacity: Capacity,
        schedules: &Names,
    ) -> Option<Vec<Queue>> {
        let items = self.items(object.field("queues"), Counted::Entries, QUEUES_MAX);
        let queues: Vec<_> = items.iter().map(|at| self.queue(at, &agents.1, schedules)).collect();
        let queues: Vec<Queue> = queues.into_iter().collect::<Option<_>>()?;
        let placed: Vec<_> = items.iter().zip(&queues).collect();
        self.warn_of_no_room(&placed, &agents.0, &capacity);
        Some(queues)
    }

    fn queue(&mut self, at: &At<'_>, agents: &Names, schedules: &Names) -> Option<Queue> {
        let object = self.object(at, &QUEUE)?;
        let name = object.field("name").and_then(|at| self.name(&at));
        let strategy = self.choice_or(object.field("strategy"), &STRATEGIES, Strategy::LongestIdle);
        let most = if strategy == Strategy::RingAll { RING_ALL_MAX } else { MEMBERS_MAX };
        let items = self.some_items(object.field("members"), Counted::Members, most);
        let members = self.agent_numbers(&items, agents);
        let weights =
            object.field("weights").map(|at| self.weights(&at, Some(strategy), &members, Named::Agent));
        let mut whole = |field: &str, usual: u64, min, max| match object.field(field) {
            Some(at) => self.whole(&at, min, max),
            None => Some(usual),
        };
        let patience_s = whole("patience_seconds", PATIENCE_S.into(), 1, PATIENCE_S_MAX);
        let size_max = whole("size_max", SIZE_MAX.into(), 1, 20_000);
        let ring_s = whole("ring_seconds", OFFER_RING_S.into(), 5, 120);
        let misses_max = whole("misses_max", MISSES_MAX.into(), 0, 100);
        let talk_s = whole("talk_seconds", TALK_S.into(), 1, 14_400);
        let wrap_up = object.field("wrap_up").map_or(Some(WrapUp::None), |at| self.wrap_up(&at));
        let join_empty = self.states(object.field("join_empty"), &JOIN_EMPTY);
        let leave_empty = self.states(object.field("leave_empty"), &LEAVE_EMPTY);
        let needs = self.items(object.field("needs"), Counted::Entries, NEEDS_MAX);
        let needs: Vec<_> = needs.iter().map(|at| self.needs(at)).collect();
        let announce = object.field("announce").map(|at| self.announce(&at));
        let music = object.field("music").map(|at| self.prompt(&at));
        let answer = self.flag(object.field("answer"), true);
        let say_agent = self.choice_or(object.field("say_agent"), &SAY_AGENT, SayAgent::Nobody);
        let satisfaction = object.field("satisfaction").map(|at| self.satisfaction(&at));
        let spill = object.field("spill").map(|at| self.spill(&at));
        let callback = object.field("callback").map(|at| self.callback_offer(&at, schedules));
        let results = object.field("results").map(|at| self.results(&at));
        let service_level = object.field("service_level").map(|at| self.service_level(&at));
        let call_weight = object.field("call_weight").map(|at| self.units(&at));
        Some(Queue {
            name: name?,
            strategy,
            members,
            weights: weights.unwrap_or_default(),
            patience_s: patience_s? as u16,
            size_max: size_max? as u16,
            ring_s: ring_s? as u16,
            wrap_up: wrap_up?,
            misses_max: misses_max? as u8,
            join_empty: join_empty?,
            leave_empty: leave_empty?,
            needs: needs.into_iter().collect::<Option<_>>()?,
            talk_s: talk_s? as u16,
            announce: announce.map_or(Some(None), |read| read.map(Some))?,
            music: music.map_or(Some(None), |read| read.map(Some))?,
            answer,
            say_agent,
            satisfaction: satisfaction.map_or(Some(None), |read| read.map(Some))?,
            spill: spill.map_or(Some(None), |read| read.map(Some))?,
            callback: callback.map_or(Some(None), |read| read.map(Some))?,
            results: results.map_or(Some(None), |read| read.map(Some))?,
            service_level: service_level.map_or(Some(None), |read| read.map(Some))?,
            call_weight: call_weight.map_or(Some(None), |read| read.map(Some))?,
        })
    }

    /// Numbers of agents, each once.
    fn agent_numbers(&mut self, items: &[At<'_>], agents: &Names) -> Vec<String> {
        let mut seen = Names::new();
        let mut numbers = Vec::new();
        for at in items {
            if let Some(number) = self.known(at, Named::Agent, |number| agents.contains_key(number)) {
                self.declare(&mut seen, at, &number, Named::Agent);
                numbers.push(number);
            }
        }
        numbers
    }

    /// `{mode: optional, seconds: 30}`; forced has seconds, optional may, none has not.
    fn wrap_up(&mut self, at: &At<'_>) -> Option<WrapUp> {
        let object = self.object(at, &WRAP_UP)?;
        let mode = object.field("mode").and_then(|at| self.choice(&at, &WRAP_UPS, &[]))?;
        let seconds = object.field("seconds");
        let ms = match &seconds {
            Some(at) => Some(self.whole(at, 1, 3_600)? * 1_000),
            None => None,
        };
        match (mode, seconds, ms) {
            (WrapUpMode::None, Some(at), _) => {
                self.wrong(&at, Fault::Conflict { field: "seconds", with: "mode" });
                None
            }
            (WrapUpMode::None, None, _) => Some(WrapUp::None),
            (WrapUpMode::Optional, _, ms_max) => Some(WrapUp::Optional { ms_max }),
            (WrapUpMode::Forced, _, Some(ms)) => Some(WrapUp::Forced { ms }),
            (WrapUpMode::Forced, _, None) => {
                self.wrong(at, Fault::Missing { field: "seconds" });
                None
            }
        }
    }

    /// A list of what agents count as not there for, each once.
    fn states(&mut self, at: Option<At<'_>>, usual: &[Absence]) -> Option<Vec<Absence>> {
        let Some(at) = at else { return Some(usual.to_vec()) };
        let items = self.items(Some(at), Counted::Entries, STATES_MAX);
        let states: Vec<_> = items.iter().map(|at| self.choice(at, &STATES, &["unreachable"])).collect();
        states.into_iter().collect()
    }

    /// `{skills: {粤语: 3}, seconds: 30}`.
    fn needs(&mut self, at: &At<'_>) -> Option<Needs> {
        let object = self.object(at, &NEEDS)?;
        let skills = object.field("skills").and_then(|at| self.levels(&at));
        let s = object.field("seconds").map(|at| self.whole(&at, 1, PATIENCE_S_MAX));
        Some(Needs { skills: skills?, s: s.map_or(Some(None), |read| read.map(|s| Some(s as u16)))? })
    }

    fn announce(&mut self, at: &At<'_>) -> Option<Announce> {
        let object = self.object(at, &ANNOUNCE)?;
        let mut whole = |field: &str, usual: u16, min, max| match object.field(field) {
            Some(at) => self.whole(&at, min, max).map(|found| found as u16),
            None => Some(usual),
        };
        let every_s = whole("every_seconds", 0, 10, 3_600);
        let position_max = whole("position_max", POSITION_MAX, 0, 10_000);
        let minutes_max = whole("minutes_max", MINUTES_MAX, 0, 240);
        object.field("every_seconds")?;
        Some(Announce { every_s: every_s?, position_max: position_max?, minutes_max: minutes_max? })
    }
}

impl Reader<'_> {
    /// `{prompt: satisfaction, talk_seconds_min: 20}`; all of it may be left out.
    fn satisfaction(&mut self, at: &At<'_>) -> Option<Satisfaction> {
        let object = self.object(at, &SATISFACTION)?;
        self.survey(&object, |reader, field| object.field(field).and_then(|at| reader.prompt(&at)))
    }

    /// `{after_seconds: 60, prompt: callback_offer, hours: office, tries: 3}`.
    fn callback_offer(&mut self, at: &At<'_>, schedules: &Names) -> Option<CallbackOffer> {
        let object = self.object(at, &CALLBACK_OFFER)?;
        let after_s = object.field("after_seconds").and_then(|at| self.whole(&at, 0, PATIENCE_S_MAX));
        let prompt = match object.field("prompt") {
            Some(at) => self.prompt(&at),
            None => Some(CALLBACK_OFFER_PROMPT.to_owned()),
        };
        let dial = self.dial_back(at, &object, schedules);
        Some(CallbackOffer { after_s: after_s? as u16, prompt: prompt?, dial: dial? })
    }

    /// Without hours the platform calls nobody, so that nothing else of it may be said.
    fn dial_back(&mut self, at: &At<'_>, object: &Object<'_>, schedules: &Names) -> Option<Option<DialBack>> {
        let usual = DialBack::within("");
        let is_known = |name: &str| schedules.contains_key(name);
        let hours = object.field("hours").map(|at| self.known(&at, Named::Schedule, is_known));
        let mut whole = |field: &str, usual: u16, min, max| match object.field(field) {
            Some(at) => self.whole(&at, min, max).map(|found| found as u16),
            None => Some(usual),
        };
        let tries = whole("tries", usual.tries.into(), 1, 10);
        let retry_s = whole("retry_seconds", usual.retry_s, 60, 43_200);
        let ring_s = whole("ring_seconds", usual.ring_s, 5, 120);
        let (tries, retry_s, ring_s) = (tries? as u8, retry_s?, ring_s?);
        match hours {
            Some(hours) => Some(Some(DialBack { hours: hours?, tries, retry_s, ring_s })),
            None if ["tries", "retry_seconds", "ring_seconds"]
                .iter()
                .any(|said| object.field(said).is_some()) =>
            {
                self.wrong(at, Fault::Missing { field: "hours" });
                None
            }
            None => Some(None),
        }
    }

    /// `{wait_seconds: 60, waiting: 10, level_percent: 80, level_seconds: 20}`; one limit at least.
    fn spill(&mut self, at: &At<'_>) -> Option<SpillWhen> {
        let object = self.object(at, &SPILL)?;
        let mut whole = |field: &str, min, max| match object.field(field) {
            Some(at) => self.whole(&at, min, max).map(|found| Some(found as u16)),
            None => Some(None),
        };
        let (wait_s, waiting) = (whole("wait_seconds", 0, PATIENCE_S_MAX), whole("waiting", 0, 20_000));
        let (percent, within_s) = (whole("level_percent", 1, 100), whole("level_seconds", 1, PATIENCE_S_MAX));
        let level = match (percent?, within_s?) {
            (Some(percent), Some(s)) => Some((percent as u8, s)),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                self.wrong(at, Fault::Conflict { field: "level_percent", with: "level_seconds" });
                return None;
            }
        };
        let spill = SpillWhen { wait_s: wait_s?, waiting: waiting?, level };
        if spill == SpillWhen::default() {
            self.wrong(at, Fault::Missing { field: "wait_seconds" });
            return None;
        }
        Some(spill)
    }

    /// The terms of the question what a talk was worth; `prompt` reads a prompt that is named.
    pub(super) fn survey(
        &mut self,
        object: &Object<'_>,
        mut prompt: impl FnMut(&mut Self, &'static str) -> Option<String>,
    ) -> Option<Satisfaction> {
        let usual = Satisfaction::default();
        let mut prompt = |reader: &mut Self, field: &'static str, usual: &str| match object.field(field) {
            Some(_) => prompt(reader, field),
            None => Some(usual.to_owned()),
        };
        let asks = prompt(self, "prompt", &usual.prompt);
        let wrong_prompt = prompt(self, "wrong_prompt", &usual.wrong_prompt);
        let thanks = prompt(self, "thanks", &usual.thanks);
        let mut whole = |field: &str, usual: u16, min, max| match object.field(field) {
            Some(at) => self.whole(&at, min, max).map(|found| found as u16),
            None => Some(usual),
        };
        let tries = whole("tries", usual.tries.into(), 1, 5);
        let timeout_s = whole("timeout_seconds", usual.timeout_s.into(), 1, 60);
        let talk_s_min = whole("talk_seconds_min", usual.talk_s_min, 0, 3_600);
        let pause_hours = whole("pause_hours", usual.pause_hours, 0, 720);
        let sms = object.field("sms").map(|at| self.message_text(&at));
        Some(Satisfaction {
            prompt: asks?,
            wrong_prompt: wrong_prompt?,
            thanks: thanks?,
            tries: tries? as u8,
            timeout_s: timeout_s? as u8,
            talk_s_min: talk_s_min?,
            pause_hours: pause_hours?,
            sms: sms.map_or(Some(None), |read| read.map(Some))?,
        })
    }
}

/// What is not written of an announcement.
pub(in crate::enterprise) fn usual_announce(every_s: u16) -> Announce {
    Announce { every_s, position_max: POSITION_MAX, minutes_max: MINUTES_MAX }
}
