//! The funnel of a flow (row I14): how many calls came to each of its steps, where they went on from there, which keys their
//! callers pressed, and how those left who came no further. Each call is read from its log. Refuses to know which calls are meant.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::call::{Dated, Fact, flow_path};
use crate::cdr::{ArmOutcome, CallRecord, came_to};

/// What one call did in its flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    /// The steps it came to, in their order; those of a sub-flow as `flow/step`.
    pub path: Vec<String>,
    /// What was pressed at which step, where that is no secret.
    pub keys: Vec<(Arc<str>, Arc<str>)>,
    /// At which steps no key came in time, once for each time.
    pub silent: Vec<Arc<str>>,
    /// What came of it.
    pub outcome: ArmOutcome,
}

impl Walk {
    /// Reads a call that is over.
    pub fn read(log: &[Dated], record: &CallRecord) -> Walk {
        let (mut keys, mut silent) = (Vec::new(), Vec::new());
        for dated in log {
            match &dated.fact {
                Fact::KeyPressed { step, keys: pressed } => {
                    keys.push((step.to_string().into(), pressed.clone()))
                }
                Fact::KeyAwaited { step, .. } => silent.push(step.to_string().into()),
                _ => {}
            }
        }
        Walk { path: flow_path(log), keys, silent, outcome: came_to(log, record) }
    }
}

/// What calls did at one step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepFunnel {
    /// Calls that came to it, each once.
    pub calls: u64,
    /// Times that a call came to it: each of these went on to a step or was its call's last.
    pub visits: u64,
    /// Times by the step that followed.
    pub exits: BTreeMap<String, u64>,
    /// Calls that came no further, by what came of them.
    pub left: BTreeMap<ArmOutcome, u64>,
    /// Times by the one key that was pressed.
    pub keys: BTreeMap<char, u64>,
    /// Times that several keys were pressed, as for an extension's number.
    pub numbers: u64,
    /// Times that no key came in time.
    pub silent: u64,
}

/// What calls did at all steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Funnel {
    /// Calls.
    pub calls: u64,
    /// Those of them that came to no step: they ended in what stands before the flow.
    pub before: u64,
    /// The steps that a call came to, by their names.
    pub steps: BTreeMap<String, StepFunnel>,
}

impl Funnel {
    /// Counts a call.
    pub fn add(&mut self, walk: &Walk) {
        self.calls += 1;
        let Some(last) = walk.path.last() else {
            self.before += 1;
            return;
        };
        for (place, step) in walk.path.iter().enumerate() {
            let known = self.step(step);
            known.visits += 1;
            known.calls += u64::from(!walk.path[..place].contains(step));
            if let Some(next) = walk.path.get(place + 1) {
                *known.exits.entry(next.clone()).or_default() += 1;
            }
        }
        *self.step(last).left.entry(walk.outcome).or_default() += 1;
        for (step, keys) in &walk.keys {
            let known = self.step(step);
            let mut signs = keys.chars();
            match (signs.next(), signs.next()) {
                (Some(key), None) => *known.keys.entry(key).or_default() += 1,
                _ => known.numbers += 1,
            }
        }
        for step in &walk.silent {
            self.step(step).silent += 1;
        }
    }

    fn step(&mut self, name: &str) -> &mut StepFunnel {
        self.steps.entry(name.to_owned()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(path: &[&str], keys: &[(&str, &str)], outcome: ArmOutcome) -> Walk {
        Walk {
            path: path.iter().map(|step| (*step).to_owned()).collect(),
            keys: keys.iter().map(|(step, keys)| ((*step).into(), (*keys).into())).collect(),
            silent: vec!["menu".into(); usize::from(keys.is_empty())],
            outcome,
        }
    }

    #[test]
    fn i14_every_visit_goes_on_or_is_the_last_and_every_call_leaves_once() {
        let walks = [
            walk(&["menu", "sales"], &[("menu", "1")], ArmOutcome::Reached),
            walk(
                &["menu", "number", "menu", "sales"],
                &[("menu", "2"), ("number", "8001"), ("menu", "1")],
                ArmOutcome::GaveUp,
            ),
            walk(&["menu"], &[], ArmOutcome::HungUp),
            walk(&[], &[("menu", "7")], ArmOutcome::HungUp),
        ];
        let mut funnel = Funnel::default();
        walks.iter().for_each(|walk| funnel.add(walk));
        let menu = &funnel.steps["menu"];
        assert_eq!((menu.calls, menu.visits, menu.silent), (3, 4, 1));
        assert_eq!(menu.exits, [("number".to_owned(), 1), ("sales".to_owned(), 2)].into());
        assert_eq!(menu.keys, [('1', 2), ('2', 1)].into());
        assert_eq!(menu.left, [(ArmOutcome::HungUp, 1)].into());
        assert_eq!((funnel.steps["number"].numbers, funnel.steps["number"].keys.len()), (1, 0));
        assert_eq!((funnel.calls, funnel.before), (4, 1));
        let left: u64 = funnel.steps.values().flat_map(|step| step.left.values()).sum();
        assert_eq!(left + funnel.before, funnel.calls);
        for (name, step) in &funnel.steps {
            let last: u64 = step.left.values().sum();
            assert_eq!(step.exits.values().sum::<u64>() + last, step.visits, "{name}");
        }
    }
}
