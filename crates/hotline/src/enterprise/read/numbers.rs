//! A 400 number of a document: its bound numbers, groups, forwards and settings.

use std::collections::BTreeMap;

use super::BINDINGS_MAX;
use super::destination;
use super::fields::{DESTINATION, FINALLY, FORWARDS, GROUP, LIMITS, MEMORY, NUMBER, RECORDING};
use super::hours::without_separators;
use super::problem::{Counted, Fault, Named, Wanted};
use super::reader::{At, Names, Object, Reader, Uses};
use super::rules::Lists;
use super::tree::Value;
use crate::HotlineNumber;
use crate::consent::Consent;
use crate::enterprise::{
    CallerMemory, DESK_LINES_MAX, Destination, DestinationKind, Finally, Forwards, Group, Limits,
    MemoryScope, Number, Recording, Ringback, Strategy, Then,
};

/// What a number rings with unless said, seconds.
pub(in crate::enterprise) const RING_S: u16 = 20;
/// Calls a bound number can take at once unless said.
pub(in crate::enterprise) const LINES: u16 = 1;
/// The talk limit unless said, seconds: 4 h.
pub(in crate::enterprise) const TALK_S_MAX: u32 = 4 * 3600;
/// The prompt of the recording notice unless said.
pub(in crate::enterprise) const RECORDING_NOTICE: &str = "recording_notice";
/// Likewise where the caller is asked behind it.
pub(in crate::enterprise) const CONSENT_NOTICE: &str = "consent";
/// The ways to ask.
pub(in crate::enterprise) const CONSENTS: [(&str, Consent); 3] =
    [("notice", Consent::Notice), ("opt_out", Consent::OptOut), ("opt_in", Consent::OptIn)];
/// How long an order keeps a recording from being written, unless said: to read a card's number aloud.
pub(in crate::enterprise) const PAUSE_S_MAX: u16 = 120;

/// Bound numbers and groups are named by one byte in a call; forwards that do not count come on top of the limit.
const DESTINATIONS_MAX: usize = BINDINGS_MAX as usize + 4;
const GROUPS_MAX: usize = 50;
/// The instants of so many calls are remembered, 8 octets each.
const CALLS_PER_MINUTE_MAX: u32 = 60_000;
/// Forwards for one reason (row R13).
const FORWARDS_MAX: usize = 2;

pub(in crate::enterprise) const KINDS: [(&str, DestinationKind); 6] = [
    ("landline", DestinationKind::Landline),
    ("mobile", DestinationKind::Mobile),
    ("trunk_number", DestinationKind::TrunkNumber),
    ("sip_uri", DestinationKind::SipUri),
    ("phs", DestinationKind::Phs),
    ("extension", DestinationKind::Extension),
];
const LATER_KINDS: [&str; 4] = ["sip_extension", "agent_group", "agent", "queue"];

pub(in crate::enterprise) const STRATEGIES: [(&str, Strategy); 8] = [
    ("sequential", Strategy::Sequential),
    ("round_robin", Strategy::RoundRobin),
    ("random", Strategy::Random),
    ("longest_idle", Strategy::LongestIdle),
    ("fewest_calls", Strategy::FewestCalls),
    ("least_talk", Strategy::LeastTalk),
    ("ring_all", Strategy::RingAll),
    ("weighted", Strategy::Weighted),
];
const LATER_STRATEGIES: [&str; 2] = ["by_skill", "least_busy"];
/// How long who answered is remembered unless said, hours.
pub(in crate::enterprise) const MEMORY_HOURS: u16 = 72;
pub(in crate::enterprise) const SCOPES: [(&str, MemoryScope); 2] =
    [("number", MemoryScope::Number), ("enterprise", MemoryScope::Enterprise)];
/// Phones that ring at once: each is a leg with a port of its own.
pub(super) const RING_ALL_MAX: usize = 20;

/// What the rules and forwards of one number may name.
pub(super) struct Targets {
    pub(super) destinations: Names,
    pub(super) groups: Names,
    pub(super) queues: Names,
}

impl Reader<'_> {
    pub(super) fn number(&mut self, at: &At<'_>, lists: &Lists, seen: &mut Names) -> Option<Number> {
        let object = self.object(at, &NUMBER)?;
        self.uses = Uses::default();
        let number = object.field("number").and_then(|at| self.hotline_number(&at, seen));
        let targets = self.targets(&object, lists);
        let bound = self.items(object.field("destinations"), Counted::Destinations, DESTINATIONS_MAX);
        let destinations: Vec<_> = bound.iter().map(|at| self.destination(at, lists)).collect();
        let grouped = self.items(object.field("groups"), Counted::Groups, GROUPS_MAX);
        let groups: Vec<_> = grouped.iter().map(|at| self.group(at, &targets)).collect();
        let rules = self.rules(object.field("rules"), lists, &targets);
        let flow = match object.field("flow") {
            Some(at) => self.flow_name(&at, &object, lists).map(Some),
            None => Some(None),
        };
        let otherwise = match (object.field("otherwise"), object.field("flow")) {
            (Some(at), _) => self.then(&at, &targets, 0),
            (None, Some(_)) => Some(Then::HangUp { prompt: None }),
            (None, None) => {
                self.wrong(at, Fault::Missing { field: "otherwise" });
                None
            }
        };
        let forwards =
            object.field("forwards").map_or(Some(Forwards::default()), |at| self.forwards(&at, &targets));
        let finally =
            object.field("finally").map_or(Some(Finally::default()), |at| self.finally(&at, &targets));
        let memory = object.field("memory").and_then(|at| self.memory(&at));
        let block = self.block(object.field("block"));
        let bars = self.barring(&object);
        let limits = self.limits(object.field("limits"));
        let ringback = object.field("ringback").map_or(Some(Ringback::Tone), |at| self.ringback(&at));
        let recording = self.recording(object.field("recording"));
        let tell = self.tell_of_calls(object.field("tell"));
        let talk_s_max = self.talk_s_max(&object);
        let enabled = self.flag(object.field("enabled"), true);
        self.check_bindings(number, &bound);
        if object.field("flow").is_none() {
            self.warn_of_idle(&bound);
            self.warn_of_idle(&grouped);
        }
        Some(Number {
            number: number?,
            enabled,
            destinations: destinations.into_iter().collect::<Option<_>>()?,
            groups: groups.into_iter().collect::<Option<_>>()?,
            rules: rules?,
            otherwise: otherwise?,
            flow: flow?,
            forwards: forwards?,
            finally: finally?,
            memory,
            block,
            bars,
            limits,
            ringback: ringback?,
            recording,
            tell,
            talk_s_max,
        })
    }

    /// The flow that calls walk; rules do not go with it.
    fn flow_name(&mut self, at: &At<'_>, object: &Object<'_>, lists: &Lists) -> Option<String> {
        for field in ["rules", "otherwise"] {
            if let Some(at) = object.field(field) {
                self.wrong(&at, Fault::Conflict { field, with: "flow" });
            }
        }
        self.known(at, Named::Flow, |name| lists.flows.contains_key(name))
    }

    /// `4006010114` or `400-601-0114`, which no number before may be.
    fn hotline_number(&mut self, at: &At<'_>, seen: &mut Names) -> Option<HotlineNumber> {
        let text = self.text(at)?;
        let number: Option<HotlineNumber> = without_separators(text).parse().ok();
        match number {
            Some(number) => self.declare(seen, at, &number.to_string(), Named::Number),
            None => self.wrong(at, Fault::NotANumber400 { found: text.to_owned() }),
        }
        number
    }

    fn targets(&mut self, object: &Object<'_>, lists: &Lists) -> Targets {
        let destinations = self.names(object.field("destinations").as_ref(), Named::Destination);
        let groups = self.names(object.field("groups").as_ref(), Named::Group);
        let queues = lists.queues.clone();
        let Some(list) = object.field("groups") else { return Targets { destinations, groups, queues } };
        let Value::List(items) = &list.tree.value else { return Targets { destinations, groups, queues } };
        for (place, item) in items.iter().enumerate() {
            let at = list.item(place, item);
            let Some((_, at)) = at.entries().into_iter().find(|(key, _)| key.text == "name") else {
                continue;
            };
            let shared = at.plain().and_then(|name| destinations.get_key_value(name));
            if let Some((name, first_line)) = shared {
                let (name, first_line) = (name.clone(), *first_line);
                self.wrong(&at, Fault::DuplicateName { named: Named::Destination, name, first_line });
            }
        }
        Targets { destinations, groups, queues }
    }

    fn destination(&mut self, at: &At<'_>, lists: &Lists) -> Option<Destination> {
        let object = self.object(at, &DESTINATION)?;
        let name = object.field("name").and_then(|at| self.name(&at));
        let said = object.field("kind").map(|at| self.choice(&at, &KINDS, &LATER_KINDS));
        let lines = object.field("lines").map_or(Some(u64::from(LINES)), |at| self.whole(&at, 1, 10_000));
        let ring_s =
            object.field("ring_seconds").map_or(Some(u64::from(RING_S)), |at| self.whole(&at, 5, 120));
        let enabled = self.flag(object.field("enabled"), true);
        let duty = object
            .field("duty")
            .map(|at| self.known(&at, Named::Schedule, |name| lists.schedules.contains_key(name)));
        let ringback = self.own_ringback(&object);
        let confirm = self.confirm(&object).unwrap_or_default();
        let number_at = object.field("number");
        let written = number_at.as_ref().and_then(|at| self.text(at));
        if said == Some(None) {
            return None;
        }
        let (number_at, written) = (number_at?, written?);
        let kind = said.flatten().unwrap_or_else(|| destination::infer_kind(written));
        if kind == DestinationKind::Extension && !lists.extensions.contains_key(written) {
            self.wrong(&number_at, Fault::UnknownName { named: Named::Extension, name: written.to_owned() });
            return None;
        }
        let number = match self.destination_number(kind, written) {
            Ok((number, warnings)) => {
                warnings.into_iter().for_each(|warning| self.warn(&number_at, warning));
                Some(number)
            }
            Err(fault) => {
                self.wrong(&number_at, fault);
                None
            }
        };
        let (lines, ring_s) = (lines? as u16, ring_s? as u16);
        let duty = match duty {
            Some(known) => Some(known?),
            None => None,
        };
        Some(Destination {
            name: name?,
            kind,
            number: number?,
            enabled,
            lines,
            ring_s,
            duty,
            ringback: ringback?,
            confirm,
        })
    }

    /// The national form of a bound number with warnings, or why neither the provider nor the carrier has it bound.
    pub(super) fn destination_number(
        &self,
        kind: DestinationKind,
        written: &str,
    ) -> Result<(String, Vec<Fault>), Fault> {
        let (number, warnings) = destination::check(kind, written, self.allowed.policy)?;
        self.allowed.carrier.check(kind, &number)?;
        Ok((number, warnings))
    }

    fn group(&mut self, at: &At<'_>, targets: &Targets) -> Option<Group> {
        let object = self.object(at, &GROUP)?;
        let name = object.field("name").and_then(|at| self.name(&at));
        let strategy = match object.field("strategy") {
            Some(at) => self.choice(&at, &STRATEGIES, &LATER_STRATEGIES),
            None => Some(Strategy::Sequential),
        };
        let most = if strategy == Some(Strategy::RingAll) { RING_ALL_MAX } else { DESTINATIONS_MAX };
        let items = self.some_items(object.field("members"), Counted::Members, most);
        let members = self.destination_names(&items, targets);
        self.uses.members.extend(members.iter().cloned());
        let weights =
            object.field("weights").map(|at| self.weights(&at, strategy, &members, Named::Destination));
        let (weights, ringback) = (weights.unwrap_or_default(), self.own_ringback(&object));
        let confirm = self.confirm(&object);
        Some(Group { name: name?, strategy: strategy?, members, weights, ringback: ringback?, confirm })
    }

    /// `{desk: 3, mobile: 1}`: whole numbers by the names of members.
    pub(super) fn weights(
        &mut self,
        at: &At<'_>,
        strategy: Option<Strategy>,
        members: &[String],
        named: Named,
    ) -> BTreeMap<String, u8> {
        let mut weights = BTreeMap::new();
        if strategy.is_some_and(|strategy| strategy != Strategy::Weighted) {
            self.wrong(at, Fault::Conflict { field: "weights", with: "strategy" });
        }
        let Value::Map(_) = &at.tree.value else {
            self.wrong(at, Fault::WrongType { wanted: Wanted::Map });
            return weights;
        };
        for (key, at) in at.entries() {
            if !members.contains(&key.text) {
                let name = key.text.clone();
                self.wrong_key(key, &at, Fault::UnknownName { named, name });
            } else if weights.contains_key(&key.text) {
                self.wrong_key(key, &at, Fault::DuplicateField { field: key.text.clone() });
            }
            if let Some(weight) = self.whole(&at, 1, 100) {
                weights.insert(key.text.clone(), weight as u8);
            }
        }
        weights
    }

    /// Names of destinations, each once.
    fn destination_names(&mut self, items: &[At<'_>], targets: &Targets) -> Vec<String> {
        let mut seen = Names::new();
        let mut names = Vec::new();
        for at in items {
            let is_known = |name: &str| targets.destinations.contains_key(name);
            if let Some(name) = self.known(at, Named::Destination, is_known) {
                self.declare(&mut seen, at, &name, Named::Destination);
                names.push(name);
            }
        }
        names
    }

    fn forwards(&mut self, at: &At<'_>, targets: &Targets) -> Option<Forwards> {
        let object = self.object(at, &FORWARDS)?;
        let on_busy = self.forward_pair(object.field("on_busy"), targets);
        let on_no_answer = self.forward_pair(object.field("on_no_answer"), targets);
        Some(Forwards { on_busy, on_no_answer })
    }

    fn finally(&mut self, at: &At<'_>, targets: &Targets) -> Option<Finally> {
        let object = self.object(at, &FINALLY)?;
        let mut then = |field: &str| match object.field(field) {
            Some(at) => self.then(&at, targets, 0).map(Some),
            None => Some(None),
        };
        let (busy, no_answer) = (then("busy"), then("no_answer"));
        Some(Finally { busy: busy?, no_answer: no_answer? })
    }

    /// `true`, `false`, or `{hours: 72, scope: number}`, on unless it says off.
    fn memory(&mut self, at: &At<'_>) -> Option<CallerMemory> {
        let usual = CallerMemory { hours: MEMORY_HOURS, scope: MemoryScope::Number };
        match &at.tree.value {
            Value::Bool(enabled) => enabled.then_some(usual),
            Value::Map(_) => {
                let object = self.object(at, &MEMORY)?;
                let enabled = self.flag(object.field("enabled"), true);
                let hours = object.field("hours").and_then(|at| self.whole(&at, 1, 8760));
                let scope = self.choice_or(object.field("scope"), &SCOPES, usual.scope);
                let hours = hours.map_or(usual.hours, |hours| hours as u16);
                enabled.then_some(CallerMemory { hours, scope })
            }
            _ => {
                self.wrong(at, Fault::WrongType { wanted: Wanted::FlagOrMap });
                None
            }
        }
    }

    fn forward_pair(&mut self, at: Option<At<'_>>, targets: &Targets) -> Vec<String> {
        let Some(at) = at else { return Vec::new() };
        let items = self.list(&at);
        if let Some(third) = items.get(FORWARDS_MAX) {
            self.wrong(third, Fault::ForwardLimit);
        }
        let names = self.destination_names(&items, targets);
        self.uses.forwards.extend(names.iter().cloned());
        names
    }

    pub(super) fn limits(&mut self, at: Option<At<'_>>) -> Limits {
        let Some(object) = at.and_then(|at| self.object(&at, &LIMITS)) else { return Limits::default() };
        Limits {
            concurrent_calls_max: self.count(object.field("concurrent_calls"), 1_000_000),
            concurrent_calls_per_caller_max: self
                .count(object.field("concurrent_calls_per_caller"), 1_000_000),
            calls_per_minute_max: self.count(object.field("calls_per_minute"), CALLS_PER_MINUTE_MAX),
            calls_per_minute_per_caller_max: self
                .count(object.field("calls_per_minute_per_caller"), CALLS_PER_MINUTE_MAX),
            outgoing_per_day_max: self.count(object.field("outgoing_per_day"), 1_000_000_000),
            month_cost_cap_e4: self.money(object.field("month_cost")),
            month_calls_cap: self.count(object.field("month_calls"), 1_000_000_000),
            lifted_month: object
                .field("lifted_month")
                .and_then(|at| self.whole(&at, 200_001, 219_912))
                .map(|month| month as u32),
            count_unanswered: self.flag(object.field("count_unanswered"), false),
        }
    }

    /// The tone that a bound number, group, phone or rule has of its own, if it has one (row I04).
    pub(super) fn own_ringback(&mut self, object: &Object<'_>) -> Option<Option<Ringback>> {
        match object.field("ringback") {
            Some(at) => self.ringback(&at).map(Some),
            None => Some(None),
        }
    }

    pub(super) fn ringback(&mut self, at: &At<'_>) -> Option<Ringback> {
        match at.plain() {
            Some("tone") => Some(Ringback::Tone),
            _ => self.prompt(at).map(Ringback::Prompt),
        }
    }

    /// `true`, `false`, or `{enabled: …, notice: …, consent: …, pause_seconds_max: …}`, on unless it says off.
    fn recording(&mut self, at: Option<At<'_>>) -> Recording {
        let Some(at) = at else { return Recording::new(false) };
        let (enabled, notice, pause, consent) = match &at.tree.value {
            Value::Bool(enabled) => (*enabled, None, None, Consent::Notice),
            Value::Map(_) => {
                let Some(object) = self.object(&at, &RECORDING) else { return Recording::new(false) };
                let pause = object.field("pause_seconds_max").and_then(|at| self.whole(&at, 5, 900));
                let consent = self.choice_or(object.field("consent"), &CONSENTS, Consent::Notice);
                (self.flag(object.field("enabled"), true), object.field("notice"), pause, consent)
            }
            _ => {
                self.wrong(&at, Fault::WrongType { wanted: Wanted::FlagOrMap });
                (false, None, None, Consent::Notice)
            }
        };
        let usual = Recording::asking(enabled, consent);
        if notice.is_none() && enabled && !self.allowed.prompts.contains(&usual.notice.as_str()) {
            let fault = Fault::UnknownName { named: Named::Prompt, name: usual.notice.clone() };
            self.wrong(&at, fault);
        }
        Recording {
            notice: notice.and_then(|notice| self.prompt(&notice)).unwrap_or(usual.notice),
            pause_s_max: pause.map_or(usual.pause_s_max, |seconds| seconds as u16),
            ..usual
        }
    }

    fn talk_s_max(&mut self, object: &Object<'_>) -> u32 {
        let (minutes, seconds) = (object.field("talk_minutes_max"), object.field("talk_seconds_max"));
        if let (Some(_), Some(seconds)) = (&minutes, &seconds) {
            self.wrong(seconds, Fault::Conflict { field: "talk_seconds_max", with: "talk_minutes_max" });
        }
        let minutes = minutes.and_then(|at| self.whole(&at, 1, 24 * 60)).map(|minutes| minutes as u32 * 60);
        let seconds = seconds.and_then(|at| self.whole(&at, 10, 24 * 3600)).map(|seconds| seconds as u32);
        minutes.or(seconds).unwrap_or(TALK_S_MAX)
    }

    /// Row R01: the first bound number beyond the limit is refused, with the limit in the text. Those that only
    /// forwards name are beside the limit unless the provider counts them (FEATURES 2.5 row 16). A carrier's own limit
    /// counts them all and is not raised (row R03).
    fn check_bindings(&mut self, number: Option<HotlineNumber>, bound: &[At<'_>]) {
        let limits = &self.allowed.bindings;
        let limit = number.map_or(limits.usual_max, |number| limits.of(number));
        let beside = |name: &str| !limits.forwards_count && self.uses.is_forward_only(name);
        let counted: Vec<&At<'_>> = bound.iter().filter(|at| !written_name(at).is_some_and(beside)).collect();
        if let Err(fault) = self.allowed.carrier.check_count(bound.len()) {
            self.wrong(&bound[DESK_LINES_MAX], fault);
        } else if let Some(first_beyond) = counted.get(usize::from(limit)) {
            self.wrong(first_beyond, Fault::BindingLimit { limit, found: counted.len() });
        }
    }

    /// Warns of destinations or groups that nothing dials.
    fn warn_of_idle(&mut self, items: &[At<'_>]) {
        for at in items {
            if let Some(name) = written_name(at).filter(|name| self.uses.is_idle(name)) {
                self.warn(at, Fault::NeverDialled { name: name.to_owned() });
            }
        }
    }
}

impl Uses {
    fn is_forward_only(&self, name: &str) -> bool {
        self.forwards.contains(name) && !self.dialled.contains(name) && !self.members.contains(name)
    }

    fn is_idle(&self, name: &str) -> bool {
        [&self.dialled, &self.members, &self.forwards].iter().all(|used| !used.contains(name))
    }
}

/// The name an item carries, whatever else is wrong with it.
fn written_name<'t>(at: &At<'t>) -> Option<&'t str> {
    let (_, name) = at.entries().into_iter().find(|(key, _)| key.text == "name")?;
    name.plain()
}
