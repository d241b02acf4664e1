//! A flow's document: its steps with their exits, each kind with its own fields, and its saved cases. Whether a call
//! can get through it is asked by [`check`](super::check).

use std::collections::BTreeSet;

use super::FORM;
use super::fields::{
    EXPECT, FLOW, FLOW_TEST, STEP_ASK, STEP_BUSY, STEP_CALLBACK, STEP_CALLERS, STEP_COLLECT, STEP_CONDITION,
    STEP_DIAL, STEP_EXTENSION, STEP_FLOW, STEP_HANG_UP, STEP_HOURS, STEP_HTTP, STEP_NOTICE, STEP_PASSWORD,
    STEP_PERCENTAGE, STEP_PLAY, STEP_QUEUE, STEP_REGION, STEP_SATISFACTION, STEP_SET, STEP_SMS,
    STEP_VOICEMAIL, Shape,
};
use super::problem::{Counted, Fault, Named, Wanted};
use super::reader::{At, Names, Object, Reader};
use super::rules::{GREETING, MESSAGE_SILENCE_S, MODES};
use super::tree::Value;
use crate::Beijing;
use crate::agent::State;
use crate::call::HttpAnswer;
use crate::cdr::Cause;
use crate::enterprise::{
    AskKind, CallerFact, Exit, Expectation, FLOW_STEPS_MAX, FlowAsk, FlowCallback, FlowDocument, FlowQueue,
    FlowShare, FlowStep, FlowStepKind, FlowTest, NamedCode, NoticeOf, Operand, RETURN, Ringback, ShareMode,
    Sticky,
};
use crate::queue::{Scene, WAITING_MAX};

/// Flows of one enterprise.
pub(super) const FLOWS_MAX: usize = 200;
/// Saved cases of one flow.
const TESTS_MAX: usize = 200;
/// Extension numbers of one step.
const EXTENSIONS_MAX: usize = 5_000;
/// Values of one condition, shares of one deal, passwords of one step.
const VALUES_MAX: usize = 100;

/// Characters of a message.
const TEXT_MAX: usize = 300;

/// The kinds of step that this version knows, and those that a later one brings.
const KINDS: [(&str, Kind); 22] = [
    ("play", Kind::Play),
    ("menu", Kind::Ask(AskKind::Menu)),
    ("collect", Kind::Ask(AskKind::Digits)),
    ("extension", Kind::Ask(AskKind::Extension)),
    ("password", Kind::Ask(AskKind::Password)),
    ("set", Kind::Set),
    ("condition", Kind::Condition),
    ("hours", Kind::Hours),
    ("region", Kind::Region),
    ("callers", Kind::Callers),
    ("percentage", Kind::Percentage),
    ("dial", Kind::Dial),
    ("flow", Kind::Flow),
    ("hang_up", Kind::HangUp),
    ("busy", Kind::Busy),
    ("queue", Kind::Queue),
    ("notice", Kind::Notice),
    ("voicemail", Kind::Voicemail),
    ("sms", Kind::Sms),
    ("satisfaction", Kind::Satisfaction),
    ("http", Kind::Http),
    ("callback", Kind::Callback),
];
const LATER_KINDS: [&str; 2] = ["transfer", "say"];

/// Who keeps the share of a deal.
pub(in crate::enterprise) const STICKY: [(&str, Sticky); 2] =
    [("nobody", Sticky::Nobody), ("caller", Sticky::Caller)];

pub(in crate::enterprise) const NOTICES: [(&str, NoticeOf); 2] =
    [("recording", NoticeOf::Recording), ("crisis", NoticeOf::Crisis)];

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Play,
    Ask(AskKind),
    Set,
    Condition,
    Hours,
    Region,
    Callers,
    Percentage,
    Dial,
    Flow,
    HangUp,
    Busy,
    Queue,
    Notice,
    Voicemail,
    Sms,
    Satisfaction,
    Http,
    Callback,
}

impl Kind {
    fn shape(self) -> &'static Shape {
        match self {
            Kind::Play => &STEP_PLAY,
            Kind::Ask(AskKind::Menu) => &STEP_ASK,
            Kind::Ask(AskKind::Digits) => &STEP_COLLECT,
            Kind::Ask(AskKind::Extension) => &STEP_EXTENSION,
            Kind::Ask(AskKind::Password) => &STEP_PASSWORD,
            Kind::Set => &STEP_SET,
            Kind::Condition => &STEP_CONDITION,
            Kind::Hours => &STEP_HOURS,
            Kind::Region => &STEP_REGION,
            Kind::Callers => &STEP_CALLERS,
            Kind::Percentage => &STEP_PERCENTAGE,
            Kind::Dial => &STEP_DIAL,
            Kind::Flow => &STEP_FLOW,
            Kind::HangUp => &STEP_HANG_UP,
            Kind::Busy => &STEP_BUSY,
            Kind::Queue => &STEP_QUEUE,
            Kind::Notice => &STEP_NOTICE,
            Kind::Voicemail => &STEP_VOICEMAIL,
            Kind::Sms => &STEP_SMS,
            Kind::Satisfaction => &STEP_SATISFACTION,
            Kind::Http => &STEP_HTTP,
            Kind::Callback => &STEP_CALLBACK,
        }
    }
}

/// A flow with the places of its steps, for problems that are found later.
#[derive(Debug)]
pub(super) struct ReadFlow {
    pub(super) document: FlowDocument,
    /// Line and path of each step.
    pub(super) places: Vec<(u32, String)>,
}

/// The exits of a step while they are taken.
pub(super) struct Exits<'t> {
    step: String,
    at: At<'t>,
    /// Each with its place.
    pub(super) all: Vec<(String, At<'t>)>,
}

impl Reader<'_> {
    /// The flows of an enterprise's document.
    pub(super) fn flows(&mut self, object: &Object<'_>) -> Vec<Option<ReadFlow>> {
        let field = object.field("flows");
        self.names(field.as_ref(), Named::Flow);
        let items = self.items(field, Counted::Entries, FLOWS_MAX);
        items.iter().map(|at| self.flow(at)).collect()
    }

    /// One flow.
    pub(super) fn flow(&mut self, at: &At<'_>) -> Option<ReadFlow> {
        let object = self.object(at, &FLOW)?;
        if let Some(form) = object.field("sibai_flow") {
            self.whole(&form, FORM, FORM);
        }
        let name = object.field("name").and_then(|at| self.name(&at));
        let items = self.some_items(object.field("steps"), Counted::FlowSteps, FLOW_STEPS_MAX);
        let ids = self.ids(&items);
        let steps: Vec<_> = items.iter().map(|at| self.step(at, &ids)).collect();
        let start =
            object.field("start").and_then(|at| self.known(&at, Named::Step, |id| ids.contains_key(id)));
        let tests = self.items(object.field("tests"), Counted::Tests, TESTS_MAX);
        self.names(object.field("tests").as_ref(), Named::Test);
        let tests: Vec<_> = tests.iter().map(|at| self.test(at)).collect();
        let places = items.iter().map(|at| (at.tree.line, at.path.clone())).collect();
        let document = FlowDocument {
            name: name?,
            version: 0,
            start: start?,
            steps: steps.into_iter().collect::<Option<_>>()?,
            tests: tests.into_iter().collect::<Option<_>>()?,
        };
        Some(ReadFlow { document, places })
    }

    /// The ids of all steps, each with its line.
    fn ids(&mut self, items: &[At<'_>]) -> Names {
        let mut ids = Names::new();
        for at in items {
            let id = at.entries().into_iter().find(|(key, _)| key.text == "id");
            if let Some((at, id)) = id.and_then(|(_, at)| at.plain().map(|id| (at.clone(), id))) {
                self.declare(&mut ids, &at, id, Named::Step);
            }
        }
        ids
    }

    fn step(&mut self, at: &At<'_>, ids: &Names) -> Option<FlowStep> {
        let Value::Map(_) = &at.tree.value else {
            self.wrong(at, Fault::WrongType { wanted: Wanted::Map });
            return None;
        };
        let entry = |name: &str| at.entries().into_iter().find(|(key, _)| key.text == name).map(|(_, at)| at);
        let Some(kind) = entry("kind") else {
            self.wrong(at, Fault::Missing { field: "kind" });
            return None;
        };
        let kind = self.choice(&kind, &KINDS, &LATER_KINDS)?;
        let object = self.object(at, kind.shape())?;
        let id = object.field("id").and_then(|at| {
            let id = self.name(&at)?;
            if id.contains('/') || id.starts_with('@') {
                self.wrong(&at, Fault::BadStepId { step: id });
                return None;
            }
            Some(id)
        })?;
        let mut exits = self.exits(&object, &id, ids);
        let kind = self.step_kind(kind, &object, &mut exits);
        for (exit, at) in std::mem::take(&mut exits.all) {
            self.wrong(&at, Fault::UnknownExit { step: id.clone(), exit });
        }
        Some(FlowStep { id, kind: kind? })
    }

    fn step_kind(&mut self, kind: Kind, object: &Object<'_>, exits: &mut Exits<'_>) -> Option<FlowStepKind> {
        Some(match kind {
            Kind::Play => {
                let (prompt, next) =
                    (self.step_prompt(object, "prompt", &exits.step), self.exit(exits, "next"));
                let answer = self.flag(object.field("answer"), false);
                FlowStepKind::Play { prompt: prompt?, answer, next: next? }
            }
            Kind::Ask(kind) => FlowStepKind::Ask(Box::new(self.step_ask(kind, object, exits)?)),
            Kind::Set => {
                let variable = object.field("variable").and_then(|at| self.name(&at));
                let next = self.exit(exits, "next");
                let to = self.operand(object, &["value", "from", "fact"]);
                FlowStepKind::Set { variable: variable?, to: to?, next: next? }
            }
            Kind::Condition => {
                let of = self.operand(object, &["", "variable", "fact"]);
                let (is, begins) = (self.values(object.field("is")), self.values(object.field("begins")));
                if object.field("is").is_none() && object.field("begins").is_none() {
                    self.wrong(&object.at, Fault::Missing { field: "is or begins" });
                }
                let (yes, no) = (self.exit(exits, "yes"), self.exit(exits, "no"));
                FlowStepKind::Condition { of: of?, is, begins, yes: yes?, no: no? }
            }
            Kind::Hours => {
                let schedule = object.field("schedule").and_then(|at| self.name(&at));
                let (open, closed) = (self.exit(exits, "open"), self.exit(exits, "closed"));
                FlowStepKind::Hours { schedule: schedule?, open: open?, closed: closed? }
            }
            Kind::Region => {
                let regions = object.field("regions").and_then(|at| self.name(&at));
                let (inside, outside) = (self.exit(exits, "inside"), self.exit(exits, "outside"));
                FlowStepKind::Region { regions: regions?, inside: inside?, outside: outside? }
            }
            Kind::Callers => {
                let callers = object.field("callers").and_then(|at| self.name(&at));
                let (listed, other) = (self.exit(exits, "listed"), self.exit(exits, "other"));
                FlowStepKind::Callers { callers: callers?, listed: listed?, other: other? }
            }
            Kind::Percentage => self.shares(object, exits)?,
            Kind::Dial => {
                let target = object.field("target").and_then(|at| self.name(&at));
                let (busy, no_answer, after) =
                    (exits.take("busy"), exits.take("no_answer"), exits.take("after"));
                let ringback = match object.field("ringback").map(|at| at.plain() == Some("tone")) {
                    Some(true) => Some(Ringback::Tone),
                    Some(false) => {
                        Some(Ringback::Prompt(self.step_prompt(object, "ringback", &exits.step)?))
                    }
                    None => None,
                };
                FlowStepKind::Dial { target: target?, busy, no_answer, after, ringback }
            }
            Kind::Flow => {
                let flow = object.field("flow").and_then(|at| self.name(&at));
                FlowStepKind::Flow { flow: flow?, next: exits.take("next") }
            }
            Kind::HangUp => {
                let prompt = match object.field("prompt") {
                    Some(_) => Some(self.step_prompt(object, "prompt", &exits.step)?),
                    None => None,
                };
                FlowStepKind::HangUp { prompt }
            }
            Kind::Busy => FlowStepKind::Busy,
            Kind::Callback => FlowStepKind::Callback(Box::new(self.step_callback(object, exits)?)),
            Kind::Http => FlowStepKind::Http(Box::new(self.step_http(object, exits)?)),
            Kind::Queue => FlowStepKind::Queue(Box::new(self.step_queue(object, exits)?)),
            Kind::Sms => {
                let to = match object.field("to") {
                    Some(at) => Some(self.address(&at)?.as_str().to_owned()),
                    None => None,
                };
                let text = object.field("text").and_then(|at| self.message_text(&at));
                let next = self.exit(exits, "next");
                FlowStepKind::Sms { to, text: text?, next: next? }
            }
            Kind::Voicemail => {
                let prompt = match object.field("prompt") {
                    Some(_) => self.step_prompt(object, "prompt", &exits.step),
                    None => Some(GREETING.to_owned()),
                };
                let seconds_max = self.message_seconds(object.field("seconds_max"));
                let silence_s = object.field("silence_seconds").and_then(|at| self.whole(&at, 2, 60));
                FlowStepKind::Voicemail {
                    prompt: prompt?,
                    seconds_max,
                    silence_s: silence_s.map_or(MESSAGE_SILENCE_S, |seconds| seconds as u8),
                    next: exits.take("next"),
                }
            }
            Kind::Satisfaction => {
                let next = exits.take("next");
                let asks =
                    self.survey(object, |reader, field| reader.step_prompt(object, field, &exits.step));
                FlowStepKind::Satisfaction { asks: Box::new(asks?), next }
            }
            Kind::Notice => {
                let prompt = self.step_prompt(object, "prompt", &exits.step);
                let what = self.choice_or(object.field("of"), &NOTICES, NoticeOf::Recording);
                let (answer, next) = (self.flag(object.field("answer"), false), self.exit(exits, "next"));
                FlowStepKind::Notice { prompt: prompt?, what, answer, next: next? }
            }
        })
    }

    /// The exits of a step, each leading to a step that is there.
    fn exits<'t>(&mut self, object: &Object<'t>, step: &str, ids: &Names) -> Exits<'t> {
        let at = object.field("exits").unwrap_or_else(|| object.at.clone());
        let mut exits = Exits { step: step.to_owned(), at: at.clone(), all: Vec::new() };
        if object.field("exits").is_none() {
            return exits;
        }
        let Value::Map(_) = &at.tree.value else {
            self.wrong(&at, Fault::WrongType { wanted: Wanted::Map });
            return exits;
        };
        let mut seen = BTreeSet::new();
        for (key, at) in at.entries() {
            if !seen.insert(key.text.as_str()) {
                self.wrong_key(key, &at, Fault::DuplicateField { field: key.text.clone() });
                continue;
            }
            let Some(to) = self.text(&at) else { continue };
            if to != RETURN && !ids.contains_key(to) {
                let (step, exit, to) = (step.to_owned(), key.text.clone(), to.to_owned());
                self.wrong(&at, Fault::ExitToNowhere { step, exit, to });
            }
            exits.all.push((key.text.clone(), at));
        }
        exits
    }

    /// An exit that has to be there.
    pub(super) fn exit(&mut self, exits: &mut Exits<'_>, name: &'static str) -> Option<Exit> {
        let exit = exits.take(name);
        if exit.is_none() {
            self.wrong(&exits.at, Fault::ExitMissing { step: exits.step.clone(), exit: name });
        }
        exit
    }

    /// An exit that `default` stands for where it is not named.
    pub(super) fn exit_or(
        &mut self,
        exits: &mut Exits<'_>,
        name: &'static str,
        default: Option<&Exit>,
    ) -> Option<Exit> {
        if let Some(exit) = exits.take(name) {
            return Some(exit);
        }
        if default.is_none() {
            self.wrong(&exits.at, Fault::Unrouted { step: exits.step.clone(), exit: name });
        }
        default.cloned()
    }

    /// The words of a message: what fits in a few short ones.
    pub(super) fn message_text(&mut self, at: &At<'_>) -> Option<String> {
        let text = self.text(at)?;
        let length = text.chars().count();
        if !(1..=TEXT_MAX).contains(&length) || text.chars().any(char::is_control) {
            let found = format!("{length} 字");
            self.wrong(at, Fault::OutOfRange { found, min: 1, max: TEXT_MAX as u64 });
        }
        Some(text.to_owned())
    }

    /// A queue's exits: what to do when nobody is there has to be said (row I09).
    fn step_queue(&mut self, object: &Object<'_>, exits: &mut Exits<'_>) -> Option<FlowQueue> {
        let queue = object.field("queue").and_then(|at| self.name(&at));
        let around_the_clock = self.flag(object.field("around_the_clock"), false);
        let default = exits.take("default");
        let empty = exits.take("empty").or_else(|| default.clone());
        if empty.is_none() {
            self.wrong(&exits.at, Fault::QueueUnstaffed { step: exits.step.clone() });
        }
        let full = self.exit_or(exits, "full", default.as_ref());
        let timeout = self.exit_or(exits, "timeout", default.as_ref());
        let (left_empty, after, spill) = (exits.take("left_empty"), exits.take("after"), exits.take("spill"));
        let keys = exits.menu_keys();
        Some(FlowQueue {
            queue: queue?,
            around_the_clock,
            full: full?,
            empty: empty?,
            left_empty,
            timeout: timeout?,
            keys,
            after,
            spill,
        })
    }

    fn step_callback(&mut self, object: &Object<'_>, exits: &mut Exits<'_>) -> Option<FlowCallback> {
        let (usual, step) = (FlowCallback::new(""), exits.step.clone());
        let (next, failed) = (exits.take("next"), self.exit_or(exits, "failed", None));
        let mut prompt = |field: &str, usual: String| match object.field(field) {
            Some(_) => self.step_prompt(object, field, &step),
            None => Some(usual),
        };
        let asks = prompt("prompt", usual.prompt);
        let (wrong_prompt, accepted) =
            (prompt("wrong_prompt", usual.wrong_prompt), prompt("accepted", usual.accepted));
        let mut small = |name: &str, usual: u8, max: u64| match object.field(name) {
            Some(at) => self.whole(&at, 1, max).map(|found| found as u8),
            None => Some(usual),
        };
        let (tries, timeout_s) =
            (small("tries", usual.tries, 5), small("timeout_seconds", usual.timeout_s, 60));
        Some(FlowCallback {
            own: self.flag(object.field("own"), usual.own),
            confirm: self.flag(object.field("confirm"), usual.confirm),
            prompt: asks?,
            wrong_prompt: wrong_prompt?,
            accepted: accepted?,
            tries: tries?,
            timeout_s: timeout_s?,
            next,
            failed: failed?,
        })
    }

    fn step_ask(&mut self, kind: AskKind, object: &Object<'_>, exits: &mut Exits<'_>) -> Option<FlowAsk> {
        let step = exits.step.clone();
        let prompt = self.step_prompt(object, "prompt", &step);
        let passwords = self.step_passwords(object);
        let default = exits.take("default");
        let (timeout, wrong) = match kind {
            AskKind::Password => {
                let failed = self.exit_or(exits, "failed", default.as_ref());
                (failed.clone(), failed)
            }
            AskKind::Menu | AskKind::Digits | AskKind::Extension => (
                self.exit_or(exits, "timeout", default.as_ref()),
                self.exit_or(exits, "wrong_key", default.as_ref()),
            ),
        };
        let next = match kind {
            AskKind::Digits | AskKind::Password => Some(self.exit(exits, "next")?),
            AskKind::Menu | AskKind::Extension => None,
        };
        let keys = self.keys(kind, exits);
        let mut small = |name: &str, usual: u8, max: u8| {
            let at = object.field(name);
            at.and_then(|at| self.whole(&at, 1, u64::from(max))).map_or(usual, |number| number as u8)
        };
        let (tries, timeout_s, key_s) =
            (small("tries", 3, 9), small("timeout_seconds", 8, 60), small("key_seconds", 5, 60));
        let digits = (small("digits_min", 1, 32), small("digits_max", 20, 32));
        if digits.0 > digits.1 {
            let (found, max) = (digits.0.to_string(), u64::from(digits.1));
            let at = object.field("digits_min").unwrap_or_else(|| object.at.clone());
            self.wrong(&at, Fault::OutOfRange { found, min: 1, max });
        }
        let mut other = |name: &str| match object.field(name) {
            Some(_) => self.step_prompt(object, name, &step).map(Some),
            None => Some(None),
        };
        let (wrong_prompt, timeout_prompt) = (other("wrong_prompt"), other("timeout_prompt"));
        let variable = match object.field("variable") {
            Some(at) => Some(self.name(&at)?),
            None => None,
        };
        let usual = FlowAsk::new(kind, "", "");
        Some(FlowAsk {
            wrong_prompt: wrong_prompt?,
            timeout_prompt: timeout_prompt?,
            tries,
            timeout_s,
            key_s,
            barge_in: self.flag(object.field("barge_in"), usual.barge_in),
            back: self.flag(object.field("back"), usual.back),
            repeat: self.flag(object.field("repeat"), usual.repeat),
            keys: keys?,
            passwords: passwords?,
            digits,
            variable,
            secret: self.flag(object.field("secret"), usual.secret),
            next,
            timeout: timeout?,
            wrong: wrong?,
            prompt: prompt?,
            kind,
        })
    }

    /// The exits that keys or extension numbers lead by.
    fn keys(&mut self, kind: AskKind, exits: &mut Exits<'_>) -> Option<Vec<(String, Exit)>> {
        let leads = |name: &str| match kind {
            AskKind::Menu => is_key(name),
            AskKind::Extension => {
                (1..=10).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_digit())
            }
            AskKind::Digits | AskKind::Password => false,
        };
        let (keys, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut exits.all).into_iter().partition(|(name, _)| leads(name));
        exits.all = others;
        let wants = matches!(kind, AskKind::Menu | AskKind::Extension);
        if wants && keys.is_empty() {
            self.wrong(&exits.at, Fault::Empty { counted: Counted::Keys });
            return None;
        }
        if let Some((_, at)) = keys.get(EXTENSIONS_MAX) {
            self.wrong(at, Fault::TooMany { counted: Counted::Keys, max: EXTENSIONS_MAX });
        }
        Some(keys.into_iter().filter_map(|(name, at)| Some((name, at.plain()?.to_owned()))).collect())
    }

    /// Digits with the names that the record shows.
    fn step_passwords(&mut self, object: &Object<'_>) -> Option<Vec<NamedCode>> {
        let items = self.some_items(object.field("passwords"), Counted::Entries, VALUES_MAX);
        let mut names = Names::new();
        let codes: Vec<_> = items.iter().map(|at| self.named_code(at, &mut names)).collect();
        codes.into_iter().collect()
    }

    /// A value: a text, a variable or a fact of the caller, one of the fields of these names.
    fn operand(
        &mut self,
        object: &Object<'_>,
        [text, variable, fact]: &[&'static str; 3],
    ) -> Option<Operand> {
        const FACTS: [(&str, CallerFact); 4] = [
            ("caller", CallerFact::Caller),
            ("province", CallerFact::Province),
            ("city", CallerFact::City),
            ("area_code", CallerFact::AreaCode),
        ];
        match (object.field(text), object.field(variable), object.field(fact)) {
            (Some(at), None, None) => {
                let text = self.text(&at)?;
                if text.chars().count() > 64 {
                    self.wrong(&at, Fault::BadName);
                }
                Some(Operand::Text(text.to_owned()))
            }
            (None, Some(at), None) => self.name(&at).map(Operand::Variable),
            (None, None, Some(at)) => self.choice(&at, &FACTS, &[]).map(Operand::Fact),
            (None, None, None) => {
                self.wrong(&object.at, Fault::Missing { field: variable });
                None
            }
            (_, Some(at), _) | (Some(at), _, _) => {
                self.wrong(&at, Fault::Conflict { field: variable, with: fact });
                None
            }
        }
    }

    /// One text, or a list of them.
    fn values(&mut self, at: Option<At<'_>>) -> Vec<String> {
        let Some(at) = at else { return Vec::new() };
        let items = match at.tree.value {
            Value::List(_) => self.some_items(Some(at.clone()), Counted::Entries, VALUES_MAX),
            _ => vec![at.clone()],
        };
        items.iter().filter_map(|at| self.text(at).map(str::to_owned)).collect()
    }

    /// Percents by the names of exits.
    fn shares(&mut self, object: &Object<'_>, exits: &mut Exits<'_>) -> Option<FlowStepKind> {
        let mode = self.choice_or(object.field("mode"), &MODES, ShareMode::Exact);
        let at = object.field("shares")?;
        let Value::Map(fields) = &at.tree.value else {
            self.wrong(&at, Fault::WrongType { wanted: Wanted::Map });
            return None;
        };
        let mut shares = Vec::new();
        for (key, at) in at.entries() {
            let Some(exit) = exits.take(&key.text) else {
                let (step, exit) = (exits.step.clone(), key.text.clone());
                self.wrong_key(key, &at, Fault::ShareWithoutExit { step, exit });
                continue;
            };
            if let Some(percent) = self.whole(&at, 1, 100) {
                shares.push(FlowShare { name: key.text.clone(), percent: percent as u8, exit });
            }
        }
        let sum: u32 = shares.iter().map(|share| u32::from(share.percent)).sum();
        if shares.len() == fields.len() && sum != 100 {
            self.wrong(&at, Fault::PercentSum { sum });
        }
        let sticky = self.choice_or(object.field("sticky"), &STICKY, Sticky::Nobody);
        Some(FlowStepKind::Percentage { mode, sticky, shares })
    }

    /// A prompt of a step.
    fn step_prompt(&mut self, object: &Object<'_>, field: &str, step: &str) -> Option<String> {
        let at = object.field(field)?;
        let prompt = self.text(&at)?;
        if self.allowed.unreviewed.contains(&prompt) {
            return self.prompt(&at);
        }
        if !self.allowed.prompts.contains(&prompt) {
            let (step, prompt) = (step.to_owned(), prompt.to_owned());
            self.wrong(&at, Fault::PromptMissing { step, prompt });
            return None;
        }
        Some(prompt.to_owned())
    }

    fn test(&mut self, at: &At<'_>) -> Option<FlowTest> {
        let object = self.object(at, &FLOW_TEST)?;
        let name = object.field("name").and_then(|at| self.name(&at));
        let from = object.field("from").and_then(|at| self.text(&at).map(str::to_owned));
        let when = object.field("at").and_then(|at| {
            let text = self.text(&at)?;
            if Beijing::parse(&text.replacen(' ', "T", 1)).is_none() {
                self.wrong(&at, Fault::BadDate { found: text.to_owned() });
            }
            Some(text.to_owned())
        });
        let mut list = |field: &str| self.values(object.field(field));
        let (keys, busy, no_answer, rejects) =
            (list("keys"), list("busy"), list("no_answer"), list("rejects"));
        let http = list("http");
        if let Some(at) = object.field("http")
            && let Some(wrong) = http.iter().find(|text| HttpAnswer::parse(text).is_none())
        {
            let (found, one_of) = (wrong.clone(), vec!["200,data.level=gold", "error"]);
            self.wrong(&at, Fault::UnknownValue { found, one_of });
        }
        let scene = self.scene(&object);
        let expect = object.field("expect").and_then(|at| self.expectation(&at));
        Some(FlowTest {
            name: name?,
            from: from?,
            at: when?,
            keys,
            busy,
            no_answer,
            rejects,
            http,
            scene,
            expect: expect?,
        })
    }

    /// What agents are doing in a saved case, and who waits. Whether they are there is seen when it is run: a case does not keep an
    /// agent from leaving.
    fn scene(&mut self, object: &Object<'_>) -> Scene {
        let mut scene = Scene::default();
        let states = State::ALL.map(|state| (state.code(), state));
        for (agent, at) in self.named_entries(object.field("agents")) {
            scene.agents.extend(self.choice(&at, &states, &[]).map(|state| (agent, state)));
        }
        for (queue, at) in self.named_entries(object.field("waiting")) {
            let count = self.whole(&at, 0, WAITING_MAX.into());
            scene.waiting.extend(count.map(|count| (queue, count as u16)));
        }
        scene
    }

    /// The entries of a map by their names, none where it is not there.
    fn named_entries<'t>(&mut self, at: Option<At<'t>>) -> Vec<(String, At<'t>)> {
        let Some(at) = at else { return Vec::new() };
        let Value::Map(fields) = &at.tree.value else {
            self.wrong(&at, Fault::WrongType { wanted: Wanted::Map });
            return Vec::new();
        };
        if fields.len() > VALUES_MAX {
            self.wrong(&at, Fault::TooMany { counted: Counted::Entries, max: VALUES_MAX });
            return Vec::new();
        }
        at.entries().into_iter().map(|(key, at)| (key.text.clone(), at)).collect()
    }

    fn expectation(&mut self, at: &At<'_>) -> Option<Expectation> {
        let object = self.object(at, &EXPECT)?;
        let path = self.values(object.field("path"));
        let answered_by = object.field("answered_by").and_then(|at| self.name(&at));
        let cause = object.field("cause").and_then(|at| {
            let code = self.text(&at)?;
            let known = serde_cause(code);
            if known.is_none() {
                self.wrong(
                    &at,
                    Fault::UnknownValue { found: code.to_owned(), one_of: vec!["docs/causes.md"] },
                );
            }
            known.map(|cause| cause.code().to_owned())
        });
        if [object.field("path"), object.field("answered_by"), object.field("cause")]
            .iter()
            .all(Option::is_none)
        {
            self.wrong(at, Fault::Missing { field: "path, answered_by or cause" });
        }
        Some(Expectation { path, answered_by, cause })
    }
}

/// Whether it is one key of a telephone.
fn is_key(name: &str) -> bool {
    matches!(name.as_bytes(), [b'0'..=b'9' | b'*' | b'#'])
}

/// A cause by its code.
fn serde_cause(code: &str) -> Option<Cause> {
    use serde::Deserialize;
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, StrDeserializer};
    let deserializer: StrDeserializer<'_, Error> = code.into_deserializer();
    Cause::deserialize(deserializer).ok()
}

impl Exits<'_> {
    /// Takes an exit out; what is left at the end belongs to no step of this kind.
    fn take(&mut self, name: &str) -> Option<Exit> {
        let place = self.all.iter().position(|(exit, _)| exit == name)?;
        let (_, at) = self.all.remove(place);
        at.plain().map(str::to_owned)
    }

    /// Takes out those that single keys lead by.
    fn menu_keys(&mut self) -> Vec<(String, Exit)> {
        let (keys, others) = std::mem::take(&mut self.all).into_iter().partition(|(name, _)| is_key(name));
        self.all = others;
        let keys: Vec<(String, At<'_>)> = keys;
        keys.into_iter().filter_map(|(name, at)| Some((name, at.plain()?.to_owned()))).collect()
    }
}
