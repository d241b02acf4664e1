//! Whether calls can get through the flows of an enterprise (row I09): steps that nothing leads to, circles without a
//! key, names that nothing carries, targets that are closed. It looks at values that were read, and changes none.

use std::collections::BTreeSet;

use super::flow::ReadFlow;
use super::problem::{Fault, Named, Problem};
use super::reader::Reader;
use super::{Allowed, Tree};
use crate::enterprise::compile::FLOWS_DEEP_MAX;
use crate::enterprise::{Enterprise, FlowDocument, FlowStep, FlowStepKind, Number};

mod ways;

/// Steps that the flows of one number come to, those called from several places counted each time.
const STEPS_MAX: usize = 10_000;

/// Reads one flow as the enterprise would use it: with its schedules, lists and other flows, and with the targets of
/// the numbers that walk it. `unreviewed` are prompts that are there and that nobody has let be heard. The version it has
/// is 0.
pub fn read_flow(
    tree: &Tree,
    enterprise: &Enterprise,
    prompts: &[&str],
    unreviewed: &[&str],
) -> Result<FlowDocument, Vec<Problem>> {
    let allowed = Allowed {
        bindings: Default::default(),
        policy: Default::default(),
        carrier: Default::default(),
        prompts,
        unreviewed,
        plans: &[],
        flows: &[],
    };
    let mut reader = Reader::new(&allowed);
    let read = reader.root_flow(tree);
    let mut problems = reader.problems;
    // What cannot be read leads nowhere: of the ways through it only a whole flow tells.
    if let Some(read) = read.filter(|_| problems.is_empty()) {
        let mut whole = enterprise.clone();
        whole.flows.retain(|flow| flow.name != read.document.name);
        whole.flows.push(read.document.clone());
        problems.extend(flow_problems(&read, &whole));
        if problems.is_empty() {
            return Ok(read.document);
        }
    }
    problems.sort_by(|a, b| (a.line, &a.path).cmp(&(b.line, &b.path)));
    Err(problems)
}

/// Everything that is wrong with a flow within an enterprise that has it.
pub(super) fn flow_problems(read: &ReadFlow, enterprise: &Enterprise) -> Vec<Problem> {
    let flow = &read.document;
    let mut faults: Vec<(usize, Fault)> = unreachable(flow);
    faults.extend(circle(flow));
    for (place, step) in flow.steps.iter().enumerate() {
        faults.extend(unknown_name(step, enterprise).map(|fault| (place, fault)));
        faults.extend(closed_targets(step, flow, enterprise).into_iter().map(|fault| (place, fault)));
        if let FlowStepKind::Flow { flow: called, .. } = &step.kind
            && is_too_deep(enterprise, called)
        {
            faults.push((place, Fault::FlowRecursion { step: step.id.clone(), flow: called.clone() }));
        }
    }
    faults.extend(ways::queues_without_hours(flow, enterprise));
    faults.extend(ways::recordings_before_notice(flow, enterprise));
    if faults.is_empty() && size(enterprise, flow, &mut 0) > STEPS_MAX {
        faults.push((0, Fault::TooMany { counted: super::Counted::FlowSteps, max: STEPS_MAX }));
    }
    let problem = |(place, fault): (usize, Fault)| {
        let (line, path) = read.places.get(place).cloned().unwrap_or_default();
        Problem { line, path, fault }
    };
    faults.into_iter().map(problem).collect()
}

pub(super) fn place_of(flow: &FlowDocument, id: &str) -> Option<usize> {
    flow.steps.iter().position(|step| step.id == id)
}

/// Steps that no way from the start leads to.
fn unreachable(flow: &FlowDocument) -> Vec<(usize, Fault)> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<usize> = place_of(flow, &flow.start).into_iter().collect();
    while let Some(place) = next.pop() {
        if reached.insert(place) {
            let exits = flow.steps[place].kind.exits();
            next.extend(exits.iter().filter_map(|(exit, _)| place_of(flow, exit)));
        }
    }
    let left = flow.steps.iter().enumerate().filter(|(place, _)| !reached.contains(place));
    left.map(|(place, step)| (place, Fault::StepUnreachable { step: step.id.clone() })).collect()
}

/// How far the search for circles came with a step.
#[derive(Clone, Copy, PartialEq)]
enum Seen {
    Not,
    /// On the way that is being followed.
    Now,
    Done,
}

/// The steps at which a way without a key of the caller comes back to itself.
fn circle(flow: &FlowDocument) -> Vec<(usize, Fault)> {
    let mut seen = vec![Seen::Not; flow.steps.len()];
    let mut found = Vec::new();
    for first in 0..flow.steps.len() {
        if seen[first] != Seen::Not {
            continue;
        }
        // Each step on the way with the exits that are still to be followed.
        let mut way = vec![(first, quiet_exits(flow, first))];
        seen[first] = Seen::Now;
        while let Some((place, exits)) = way.last_mut() {
            let Some(next) = exits.pop() else {
                seen[*place] = Seen::Done;
                way.pop();
                continue;
            };
            match seen[next] {
                Seen::Done => {}
                Seen::Now => {
                    found.push((next, Fault::LoopWithoutInput { step: flow.steps[next].id.clone() }))
                }
                Seen::Not => {
                    seen[next] = Seen::Now;
                    way.push((next, quiet_exits(flow, next)));
                }
            }
        }
    }
    found.sort_by_key(|(place, _)| *place);
    found.dedup_by_key(|(place, _)| *place);
    found
}

/// Where a step leads though the caller presses nothing.
fn quiet_exits(flow: &FlowDocument, place: usize) -> Vec<usize> {
    let exits = flow.steps[place].kind.exits();
    exits.iter().filter(|(_, by_key)| !by_key).filter_map(|(exit, _)| place_of(flow, exit)).collect()
}

/// The schedule, list or flow that a step names and nothing carries.
fn unknown_name(step: &FlowStep, enterprise: &Enterprise) -> Option<Fault> {
    let (named, name, is_known) = match &step.kind {
        FlowStepKind::Hours { schedule, .. } => {
            (Named::Schedule, schedule, enterprise.schedules.iter().any(|known| known.name == *schedule))
        }
        FlowStepKind::Region { regions, .. } => {
            (Named::Regions, regions, enterprise.region_sets.iter().any(|known| known.name == *regions))
        }
        FlowStepKind::Callers { callers, .. } => {
            (Named::Callers, callers, enterprise.caller_lists.iter().any(|known| known.name == *callers))
        }
        FlowStepKind::Flow { flow, .. } => {
            (Named::Flow, flow, enterprise.flows.iter().any(|known| known.name == *flow))
        }
        FlowStepKind::Queue(step) => {
            (Named::Queue, &step.queue, enterprise.queues.iter().any(|known| known.name == step.queue))
        }
        FlowStepKind::Play { .. }
        | FlowStepKind::Notice { .. }
        | FlowStepKind::Voicemail { .. }
        | FlowStepKind::Sms { .. }
        | FlowStepKind::Satisfaction { .. }
        | FlowStepKind::Http(_)
        | FlowStepKind::Callback(_)
        | FlowStepKind::Ask(_)
        | FlowStepKind::Set { .. }
        | FlowStepKind::Condition { .. }
        | FlowStepKind::Percentage { .. }
        | FlowStepKind::Dial { .. }
        | FlowStepKind::HangUp { .. }
        | FlowStepKind::Busy => return None,
    };
    (!is_known).then(|| Fault::UnknownStepName { step: step.id.clone(), named, name: name.clone() })
}

/// What is wrong with the target of a step, for each number that walks the flow.
fn closed_targets(step: &FlowStep, flow: &FlowDocument, enterprise: &Enterprise) -> Vec<Fault> {
    let FlowStepKind::Dial { target, .. } = &step.kind else { return Vec::new() };
    let walks =
        |number: &&Number| number.flow.as_deref().is_some_and(|first| calls(enterprise, first, &flow.name));
    let fault = |number: &Number| {
        let (step, target, of) = (step.id.clone(), target.clone(), number.number);
        match is_open(number, &target) {
            None => Some(Fault::UnknownTarget { step, target, number: of }),
            Some(false) => Some(Fault::TargetClosed { step, target, number: of }),
            Some(true) => None,
        }
    };
    enterprise.numbers.iter().filter(walks).filter_map(fault).collect()
}

/// Whether a flow is another one or calls it, itself or through others.
fn calls(enterprise: &Enterprise, first: &str, wanted: &str) -> bool {
    let mut known = BTreeSet::from([first]);
    let mut next = vec![first];
    while let Some(name) = next.pop() {
        next.extend(called(enterprise, name).filter(|name| known.insert(name)));
    }
    known.contains(wanted)
}

/// The flows that a flow calls.
fn called<'a>(enterprise: &'a Enterprise, name: &str) -> impl Iterator<Item = &'a str> {
    let flow = enterprise.flows.iter().find(|flow| flow.name == name);
    flow.into_iter().flat_map(|flow| &flow.steps).filter_map(|step| match &step.kind {
        FlowStepKind::Flow { flow, .. } => Some(flow.as_str()),
        _ => None,
    })
}

/// Whether more flows stand within each other from here on than may, as where they go in a circle.
fn is_too_deep(enterprise: &Enterprise, name: &str) -> bool {
    let mut level = BTreeSet::from([name]);
    for _ in 0..FLOWS_DEEP_MAX {
        level = level.iter().flat_map(|name| called(enterprise, name)).collect();
    }
    !level.is_empty()
}

/// How many steps a flow comes to with those it calls; stops counting beyond the most there may be.
fn size(enterprise: &Enterprise, flow: &FlowDocument, total: &mut usize) -> usize {
    *total += flow.steps.len();
    for step in &flow.steps {
        if let FlowStepKind::Flow { flow: called, .. } = &step.kind
            && let Some(called) = enterprise.flows.iter().find(|known| known.name == *called)
            && *total <= STEPS_MAX
        {
            size(enterprise, called, total);
        }
    }
    *total
}

/// Whether some phone of a target can be dialled; `None` if nothing carries the name.
fn is_open(number: &Number, target: &str) -> Option<bool> {
    let enabled = |name: &str| {
        let found = number.destinations.iter().find(|destination| destination.name == name);
        found.map(|destination| destination.enabled)
    };
    match number.groups.iter().find(|group| group.name == target) {
        Some(group) => Some(group.members.iter().any(|member| enabled(member) == Some(true))),
        None => enabled(target),
    }
}
