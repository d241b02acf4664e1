//! Ways through the flows of an enterprise on which something was not met yet: no step that asked for the hours before a
//! queue, no recording notice before a talk (rows I07, I09). Flows that call each other are looked at together.

use std::collections::{BTreeMap, BTreeSet};

use super::place_of;
use crate::enterprise::read::problem::Fault;
use crate::enterprise::{Enterprise, FlowDocument, FlowStepKind, NoticeOf, Number, RETURN};

/// Steps that can be reached, by flow and place.
type Reached<'a> = BTreeSet<(&'a str, usize)>;

/// The queues of a flow that a call may come to without being asked for the hours, unless they say that it need not be.
pub(super) fn queues_without_hours(flow: &FlowDocument, enterprise: &Enterprise) -> Vec<(usize, Fault)> {
    let walked = enterprise.numbers.iter().filter_map(|number| number.flow.as_deref());
    let mut roots: BTreeSet<&str> = walked.collect();
    let is_called = enterprise.flows.iter().any(|other| calls(other).any(|called| called == flow.name));
    if !is_called {
        roots.insert(&flow.name);
    }
    let is_hours = |kind: &FlowStepKind| matches!(kind, FlowStepKind::Hours { .. });
    let reached = reached(enterprise, &roots, is_hours);
    let unasked = |(place, step): (usize, &crate::enterprise::FlowStep)| match &step.kind {
        FlowStepKind::Queue(queue)
            if !queue.around_the_clock && reached.contains(&(flow.name.as_str(), place)) =>
        {
            Some((place, Fault::QueueWithoutHours { step: step.id.clone() }))
        }
        _ => None,
    };
    flow.steps.iter().enumerate().filter_map(unasked).collect()
}

/// The steps of a flow that may lead to a talk without the notice, for each number that records and whose flow gives the
/// notice on some way. Where no way gives it the platform does, before every recording.
pub(super) fn recordings_before_notice(flow: &FlowDocument, enterprise: &Enterprise) -> Vec<(usize, Fault)> {
    let records = |number: &&Number| number.recording.enabled && number.flow.is_some();
    enterprise
        .numbers
        .iter()
        .filter(records)
        .flat_map(|number| before_notice(flow, number, enterprise))
        .collect()
}

fn before_notice(flow: &FlowDocument, number: &Number, enterprise: &Enterprise) -> Vec<(usize, Fault)> {
    let roots: BTreeSet<&str> = number.flow.as_deref().into_iter().collect();
    let kind_at = |(name, place): &(&str, usize)| {
        let flow = enterprise.flows.iter().find(|known| known.name == **name)?;
        Some(&flow.steps.get(*place)?.kind)
    };
    let all = reached(enterprise, &roots, |_| false);
    if !all.iter().filter_map(kind_at).any(gives_notice) {
        return Vec::new();
    }
    let unnoticed = reached(enterprise, &roots, gives_notice);
    let talks = |(place, step): (usize, &crate::enterprise::FlowStep)| {
        let talks = matches!(step.kind, FlowStepKind::Dial { .. } | FlowStepKind::Queue(_));
        let fault = || Fault::RecordingBeforeNotice { step: step.id.clone(), number: number.number };
        (talks && unnoticed.contains(&(flow.name.as_str(), place))).then(|| (place, fault()))
    };
    flow.steps.iter().enumerate().filter_map(talks).collect()
}

fn gives_notice(kind: &FlowStepKind) -> bool {
    matches!(kind, FlowStepKind::Notice { what: NoticeOf::Recording, .. })
}

fn calls(flow: &FlowDocument) -> impl Iterator<Item = &str> {
    flow.steps.iter().filter_map(|step| match &step.kind {
        FlowStepKind::Flow { flow, .. } => Some(flow.as_str()),
        _ => None,
    })
}

/// Where a called flow goes on in the one that called it: an exit there.
type Back<'a> = (&'a FlowDocument, &'a str);

/// The steps that ways from these flows' beginnings lead to without passing a step that counts; those are reached and
/// left by nobody. Returns lead back to every place that the flow was called from on such a way.
fn reached<'a>(
    enterprise: &'a Enterprise,
    roots: &BTreeSet<&'a str>,
    counts: impl Fn(&FlowStepKind) -> bool,
) -> Reached<'a> {
    let flow_of = |name: &str| enterprise.flows.iter().find(|flow| flow.name == name);
    let mut reached = Reached::new();
    let mut backs: BTreeMap<&str, Vec<Back<'a>>> = BTreeMap::new();
    let mut returns: BTreeSet<&str> = BTreeSet::new();
    let begins = |name: &&'a str| flow_of(name).map(|flow| (flow, flow.start.as_str()));
    let mut next: Vec<Back<'a>> = roots.iter().filter_map(begins).collect();
    while let Some((flow, exit)) = next.pop() {
        let Some(place) = place_of(flow, exit).filter(|_| exit != RETURN) else {
            if returns.insert(&flow.name) {
                next.extend(backs.get(flow.name.as_str()).into_iter().flatten());
            }
            continue;
        };
        if !reached.insert((&flow.name, place)) || counts(&flow.steps[place].kind) {
            continue;
        }
        let FlowStepKind::Flow { flow: name, next: back } = &flow.steps[place].kind else {
            next.extend(flow.steps[place].kind.exits().into_iter().map(|(exit, _)| (flow, exit)));
            continue;
        };
        let back = (flow, back.as_deref().unwrap_or(RETURN));
        backs.entry(name).or_default().push(back);
        if returns.contains(name.as_str()) {
            next.push(back);
        }
        next.extend(begins(&name.as_str()));
    }
    reached
}
