//! The rules of a number: conditions, and what happens when they hold.

use std::collections::BTreeSet;

use super::fields::{RULE, THEN, WHEN};
use super::hours::without_separators;
use super::numbers::Targets;
use super::problem::{Counted, Fault, Named, Wanted};
use super::reader::{At, Names, Object, Reader, is_name};
use super::tree::Value;
use crate::barring::CallerPatterns;
use crate::enterprise::{Condition, Rule, Share, ShareMode, Then};
use crate::region::RegionSet;

/// A call walks at most 256 steps, so the conditions of all rules stay below.
const CONDITIONS_MAX: usize = 200;
const RULES_MAX: usize = 100;
/// Area codes or prefixes of one condition; more of them are a set with a name.
const DIGITS_MAX: usize = 50;
/// Prompts one after another.
const PROMPTS_MAX: usize = 8;

/// The greeting of a voicemail unless said.
pub(in crate::enterprise) const GREETING: &str = "voicemail_greeting";
/// The longest message unless said, seconds.
pub(in crate::enterprise) const MESSAGE_S: u16 = 120;
/// A silence so long ends a message unless said, seconds.
pub(in crate::enterprise) const MESSAGE_SILENCE_S: u8 = 6;
/// Messages take room of the disk.
const MESSAGE_S_MAX: u64 = 600;

pub(in crate::enterprise) const MODES: [(&str, ShareMode); 2] =
    [("exact", ShareMode::Exact), ("random", ShareMode::Random)];

/// What all rules of the enterprise may name.
pub(super) struct Lists {
    pub(super) schedules: Names,
    pub(super) regions: Names,
    pub(super) callers: Names,
    /// Numbers of SIP phones.
    pub(super) extensions: Names,
    /// Flows that numbers may walk.
    pub(super) flows: Names,
    pub(super) queues: Names,
}

impl Reader<'_> {
    pub(super) fn rules(
        &mut self,
        at: Option<At<'_>>,
        lists: &Lists,
        targets: &Targets,
    ) -> Option<Vec<Rule>> {
        self.names(at.as_ref(), Named::Rule);
        let items = self.items(at.clone(), Counted::Rules, RULES_MAX);
        let rules: Vec<_> = items.iter().map(|at| self.rule(at, lists, targets)).collect();
        let conditions: usize = rules.iter().flatten().map(|rule| rule.when.len()).sum();
        if let Some(at) = at.filter(|_| conditions > CONDITIONS_MAX) {
            self.wrong(&at, Fault::TooMany { counted: Counted::Conditions, max: CONDITIONS_MAX });
        }
        let rules = rules.into_iter().collect::<Option<Vec<_>>>()?;
        if let Some(always) = rules.iter().position(|rule| rule.when.is_empty()) {
            for at in &items[always + 1..] {
                self.warn(at, Fault::NeverReached { behind: rules[always].name.clone() });
            }
        }
        Some(rules)
    }

    fn rule(&mut self, at: &At<'_>, lists: &Lists, targets: &Targets) -> Option<Rule> {
        let object = self.object(at, &RULE)?;
        let name = object.field("name").and_then(|at| self.name(&at));
        let when = object.field("when").map_or(Some(Vec::new()), |at| self.when(&at, lists));
        let then = object.field("then").and_then(|at| self.then(&at, targets, 0));
        Some(Rule { name: name?, when: when?, then: then? })
    }

    /// A map of conditions, or a list of such maps where one kind of condition is wanted twice.
    fn when(&mut self, at: &At<'_>, lists: &Lists) -> Option<Vec<Condition>> {
        match &at.tree.value {
            Value::Map(_) => self.conditions(at, lists),
            Value::List(_) => {
                let maps: Vec<_> = self.list(at).iter().map(|at| self.conditions(at, lists)).collect();
                Some(maps.into_iter().collect::<Option<Vec<_>>>()?.concat())
            }
            _ => {
                self.wrong(at, Fault::WrongType { wanted: Wanted::MapOrList });
                None
            }
        }
    }

    /// The conditions of one map, in its order, which is the order they are asked in.
    fn conditions(&mut self, at: &At<'_>, lists: &Lists) -> Option<Vec<Condition>> {
        let object = self.object(at, &WHEN)?;
        let mut conditions = Vec::new();
        for (key, _) in object.at.entries() {
            if let "area_code" | "prefix" = key.text.as_str() {
                let at = object.field(&key.text);
                conditions.extend(at.and_then(|at| self.digits(&at, key.text == "prefix")));
                continue;
            }
            let (named, names, condition): (_, _, fn(String) -> Condition) = match key.text.as_str() {
                "open" => (Named::Schedule, &lists.schedules, Condition::Open),
                "closed" => (Named::Schedule, &lists.schedules, Condition::Closed),
                "from" => (Named::Regions, &lists.regions, Condition::From),
                "caller" => (Named::Callers, &lists.callers, Condition::Caller),
                _ => continue,
            };
            match object.field(&key.text) {
                Some(at) => {
                    let name = self.known(&at, named, |name| names.contains_key(name));
                    conditions.extend(name.map(condition));
                }
                None => self.wrong(&object.at, Fault::Missing { field: field_name(&key.text) }),
            }
        }
        Some(conditions)
    }

    /// Area codes, or the beginnings of numbers: one, or a list of them.
    fn digits(&mut self, at: &At<'_>, is_prefix: bool) -> Option<Condition> {
        let items = match at.tree.value {
            Value::List(_) => self.some_items(Some(at.clone()), Counted::Entries, DIGITS_MAX),
            _ => vec![at.clone()],
        };
        let mut digits = Vec::new();
        for item in &items {
            let text = self.text(item)?;
            let found = without_separators(text);
            let fault = match is_prefix {
                true if CallerPatterns::new([format!("{found}*").as_str()]).1.is_empty() => None,
                true => Some(Fault::BadCallerPattern { found: text.to_owned() }),
                false if RegionSet::of_area_codes(std::slice::from_ref(&found)).is_some() => None,
                false => Some(Fault::BadRegion { found: text.to_owned() }),
            };
            if let Some(fault) = fault {
                self.wrong(item, fault);
            }
            digits.push(found);
        }
        let condition = if is_prefix { Condition::Prefix } else { Condition::AreaCode };
        (!digits.is_empty()).then(|| condition(digits))
    }

    pub(super) fn then(&mut self, at: &At<'_>, targets: &Targets, depth: usize) -> Option<Then> {
        match &at.tree.value {
            Value::Text(_) => {
                let words = [
                    ("hang_up", Then::HangUp { prompt: None }),
                    ("busy", Then::Busy),
                    ("voicemail", Then::Voicemail { prompt: GREETING.to_owned(), seconds_max: MESSAGE_S }),
                ];
                let word = self.choice(at, &[("hang_up", 0), ("busy", 1), ("voicemail", 2)], THEN.later)?;
                words.into_iter().nth(word).map(|(_, then)| then)
            }
            Value::Map(_) => self.action(at, targets, depth),
            _ => {
                self.wrong(at, Fault::WrongType { wanted: Wanted::MapOrText });
                None
            }
        }
    }

    /// The one action of a map; fields of another action are refused.
    fn action(&mut self, at: &At<'_>, targets: &Targets, depth: usize) -> Option<Then> {
        let before = self.problems.len();
        let object = self.object(at, &THEN)?;
        let mut actions = ["play", "dial", "percentage", "hang_up", "queue", "voicemail"]
            .into_iter()
            .filter_map(|action| {
                let at = object.field(action)?;
                Some((action, at))
            });
        let Some((action, value)) = actions.next() else {
            if self.problems.len() == before {
                self.wrong(
                    at,
                    Fault::Missing { field: "play, dial, percentage, hang_up, queue or voicemail" },
                );
            }
            return None;
        };
        for (other, at) in actions {
            self.wrong(&at, Fault::Conflict { field: other, with: action });
        }
        let belongs: [(&'static str, &str); 8] = [
            ("ringback", "dial"),
            ("answer", "play"),
            ("then", "play"),
            ("mode", "percentage"),
            ("full", "queue"),
            ("empty", "queue"),
            ("timeout", "queue"),
            ("seconds_max", "voicemail"),
        ];
        for (field, owner) in belongs.into_iter().filter(|(_, owner)| *owner != action) {
            if let Some(at) = object.field(field).filter(|_| object.field(owner).is_none()) {
                self.wrong(&at, Fault::Conflict { field, with: action });
            }
        }
        match action {
            "play" => self.play(&object, &value, targets, depth),
            "dial" => {
                let (dial, ringback) = (self.target(&value, targets), self.own_ringback(&object)?);
                Some(match ringback {
                    Some(ringback) => Then::DialWith { dial: dial?, ringback },
                    None => Then::Dial(dial?),
                })
            }
            "percentage" => self.percentage(&object, &value, targets),
            "voicemail" => {
                let seconds_max = self.message_seconds(object.field("seconds_max"));
                self.prompt(&value).map(|prompt| Then::Voicemail { prompt, seconds_max })
            }
            "queue" => self.queue_then(&object, &value, targets, depth),
            _ => self.prompt(&value).map(|prompt| Then::HangUp { prompt: Some(prompt) }),
        }
    }

    fn play(&mut self, object: &Object<'_>, value: &At<'_>, targets: &Targets, depth: usize) -> Option<Then> {
        let prompt = self.prompt(value);
        let answer = self.flag(object.field("answer"), false);
        let Some(at) = object.field("then") else {
            self.wrong(&object.at, Fault::Missing { field: "then" });
            return None;
        };
        if depth + 1 >= PROMPTS_MAX {
            self.wrong(&at, Fault::TooMany { counted: Counted::Steps, max: PROMPTS_MAX - 1 });
            return None;
        }
        let then = self.then(&at, targets, depth + 1);
        Some(Then::Play { prompt: prompt?, answer, then: Box::new(then?) })
    }

    /// The longest message.
    pub(super) fn message_seconds(&mut self, at: Option<At<'_>>) -> u16 {
        let seconds = at.and_then(|at| self.whole(&at, 5, MESSAGE_S_MAX));
        seconds.map_or(MESSAGE_S, |seconds| seconds as u16)
    }

    /// A queue with its exits.
    fn queue_then(
        &mut self,
        object: &Object<'_>,
        value: &At<'_>,
        targets: &Targets,
        depth: usize,
    ) -> Option<Then> {
        let queue = self.known(value, Named::Queue, |name| targets.queues.contains_key(name));
        let mut exit = |field: &str| {
            let Some(at) = object.field(field) else { return Some(None) };
            if depth + 1 >= PROMPTS_MAX {
                self.wrong(&at, Fault::TooMany { counted: Counted::Steps, max: PROMPTS_MAX - 1 });
                return None;
            }
            self.then(&at, targets, depth + 1).map(|then| Some(Box::new(then)))
        };
        let (full, empty, timeout) = (exit("full"), exit("empty"), exit("timeout"));
        Some(Then::Queue { queue: queue?, full: full?, empty: empty?, timeout: timeout? })
    }

    fn target(&mut self, at: &At<'_>, targets: &Targets) -> Option<String> {
        let name = self.known(at, Named::Target, |name| is_target(name, targets))?;
        self.uses.dialled.insert(name.clone());
        Some(name)
    }

    fn percentage(&mut self, object: &Object<'_>, value: &At<'_>, targets: &Targets) -> Option<Then> {
        let mode = self.choice_or(object.field("mode"), &MODES, ShareMode::Exact);
        let Value::Map(fields) = &value.tree.value else {
            self.wrong(value, Fault::WrongType { wanted: Wanted::Map });
            return None;
        };
        let mut shares: Vec<Share> = Vec::new();
        let mut seen = BTreeSet::new();
        for (key, at) in value.entries() {
            let dial = key.text.clone();
            if !seen.insert(&key.text) {
                self.wrong_key(key, &at, Fault::DuplicateField { field: dial.clone() });
            } else if !is_target(&dial, targets) {
                self.wrong_key(key, &at, Fault::UnknownName { named: Named::Target, name: dial.clone() });
            }
            self.uses.dialled.insert(dial.clone());
            if let Some(percent) = self.whole(&at, 1, 100) {
                shares.push(Share { percent: percent as u8, dial });
            }
        }
        let sum: u32 = shares.iter().map(|share| u32::from(share.percent)).sum();
        if shares.len() == fields.len() && sum != 100 {
            self.wrong(value, Fault::PercentSum { sum });
        }
        Some(Then::Percentage { mode, shares })
    }
}

fn is_target(name: &str, targets: &Targets) -> bool {
    is_name(name) && (targets.groups.contains_key(name) || targets.destinations.contains_key(name))
}

/// The name of a condition as the table of fields has it.
fn field_name(written: &str) -> &'static str {
    WHEN.fields.iter().map(|field| field.name).find(|name| *name == written).unwrap_or("name")
}
