//! Who was offered to whom, and who waited meanwhile (rows Q01, Q02, R27, R28), reckoned from what calls noted and what agents
//! were told to be, with the rules of the document: no floor is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use hotline::agent::{PAUSE_MS, Refusal, State, StateChange};
use hotline::call::{Dated, Fact};
use hotline::cdr::CallRecord;
use hotline::queue::{QueueRules, Staff};
use hotline::{CallId, Hotline, Mono, TenantId};

/// Each step of priority counts as so much waited, as the documentation of priorities has it (docs/rules.md).
const STEP_MS: i64 = 60_000;
/// Beyond a pause after a refusal, for a node that looks up now and then only.
const LATE_MS: u64 = 2_000;

/// What calls noted.
#[derive(Debug, Default)]
pub(super) struct Lines {
    of: BTreeMap<TenantId, Line>,
}

#[derive(Debug, Default)]
struct Line {
    stays: Vec<Stay>,
    /// What a call's wall clock showed at its zero: more than one where somebody set the clock.
    offsets: BTreeSet<i64>,
}

/// One wait in a queue.
struct Stay {
    call: CallId,
    staff: Arc<Staff>,
    queue: usize,
    /// What counts in the line: the least is next.
    turn: (i64, i64, CallId),
    joined: Mono,
    left: Mono,
    /// Since when each step of what is asked of agents held, the first from the beginning.
    steps: Vec<(Mono, usize)>,
    offers: Vec<Offer>,
    rejected: Vec<(Mono, Arc<str>)>,
}

impl fmt::Debug for Stay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stay { call, turn, joined, left, steps, offers, rejected, .. } = self;
        let rules = self.rules();
        let queue = (&rules.name, rules.strategy, &rules.steps);
        write!(
            f,
            "{call} {queue:?} {turn:?} from {joined:?} to {left:?}, {steps:?}, {offers:?}, {rejected:?}"
        )
    }
}

#[derive(Clone, Debug)]
struct Offer {
    agent: Arc<str>,
    from: Mono,
    to: Mono,
}

/// An offer that is not over.
const STILL: Mono = Mono(u64::MAX);

impl Offer {
    fn is_up_to(&self, agent: &str) -> bool {
        *self.agent == *agent && self.to == STILL
    }
}

impl Stay {
    fn rules(&self) -> &QueueRules {
        &self.staff.queues[self.queue]
    }

    /// Whether it waits within these two instants without any offer, at one step and for an agent whom it has not turned away.
    fn is_open(&self, from: Mono, to: Mono, agent: &str) -> bool {
        let apart = |offer: &Offer| offer.to < from || offer.from > to;
        self.joined < from
            && to < self.left
            && self.offers.iter().all(apart)
            && self.steps.iter().all(|(at, _)| *at < from || *at > to)
            && !self.rejected.iter().any(|(at, of)| *at <= to && **of == *agent)
            && self.suits(from, agent)
    }

    /// Whether an agent is a member of the queue, has what is asked for at an instant, and room for the call.
    fn suits(&self, at: Mono, number: &str) -> bool {
        let Some(place) = self.staff.agents.iter().position(|agent| *agent.number == *number) else {
            return false;
        };
        let (agent, rules) = (&self.staff.agents[place], self.rules());
        let step = self.steps.iter().rfind(|(since, _)| *since <= at).map_or(0, |(_, step)| *step);
        let has = |need: &hotline::queue::Need| {
            agent.skills.iter().any(|(skill, level)| *skill == need.skill && *level >= need.level)
        };
        rules.members.iter().any(|member| usize::from(member.agent) == place)
            && rules.steps.get(step).is_none_or(|step| step.needs.iter().all(has))
            && agent.capacity >= rules.call_weight
    }
}

impl Lines {
    /// A call is over.
    pub(super) fn note(&mut self, record: &CallRecord, hotline: &Hotline, log: &[Dated]) {
        let line = self.of.entry(record.tenant.clone()).or_default();
        let offset = log.iter().find_map(|dated| match &dated.fact {
            Fact::Arrived(arrived) => Some(arrived.wall_offset_ms),
            _ => None,
        });
        line.offsets.extend(offset);
        let Some(staff) = &hotline.staff else { return };
        // Who is called back holds the place of the request, of which this log does not tell.
        if log.iter().any(|dated| matches!(dated.fact, Fact::CallsBack { .. })) {
            return;
        }
        line.stays.extend(stays(record.call, staff, log));
    }

    /// Whoever was offered was next of all who could have had the agent.
    pub(super) fn check_order(&self) -> Result<u64, String> {
        let mut offered = 0;
        for (tenant, line) in &self.of {
            for stay in &line.stays {
                for offer in &stay.offers {
                    offered += 1;
                    let rang =
                        stay.offers.iter().any(|other| other.from < offer.from && other.to > offer.from);
                    let before = line.stays.iter().find(|other| {
                        (rang || other.turn < stay.turn)
                            && other.is_open(offer.from, offer.from, &offer.agent)
                    });
                    if let Some(before) = before {
                        return Err(format!(
                            "{tenant}: agent {} was offered {} at {:?} before {} (Q01, R27): {stay:?} {before:?}",
                            offer.agent, stay.call, offer.from, before.call
                        ));
                    }
                }
            }
        }
        Ok(offered)
    }

    /// Nobody waits while an agent who could take the call is free, beyond the pause after an offer that came to nothing.
    pub(super) fn check_nobody_is_left<'c>(
        &self,
        changes: impl Fn(&TenantId, &str) -> &'c [StateChange],
    ) -> Result<u64, String> {
        let mut looked_at = 0;
        for (tenant, line) in &self.of {
            let [offset] = line.offsets.iter().copied().collect::<Vec<_>>()[..] else { continue };
            for stay in &line.stays {
                for agent in &stay.staff.agents {
                    for pair in changes(tenant, &agent.number).windows(2) {
                        if pair[0].state != State::Free {
                            continue;
                        }
                        let at = |change: &StateChange| Mono((change.at.0 - offset).max(0) as u64);
                        let (from, to) = (at(&pair[0]).max(stay.joined), at(&pair[1]).min(stay.left));
                        if to.since_ms(from) <= PAUSE_MS + LATE_MS || from > to {
                            continue;
                        }
                        looked_at += 1;
                        let (from, to) = (from + PAUSE_MS, Mono(to.0 - 1));
                        if let Some(since) = left_alone(stay, from, to, &agent.number) {
                            return Err(format!(
                                "{tenant}: {} waits from {since:?} on while agent {} is free (Q02): {stay:?}",
                                stay.call, agent.number
                            ));
                        }
                    }
                }
            }
        }
        Ok(looked_at)
    }
}

/// A time within two instants in which a call waited open for an agent for longer than a node may take to look.
fn left_alone(stay: &Stay, from: Mono, to: Mono, agent: &str) -> Option<Mono> {
    let offers = stay.offers.iter().flat_map(|offer| [offer.from, offer.to]);
    let steps = stay.steps.iter().map(|(at, _)| *at);
    let rejected = stay.rejected.iter().map(|(at, _)| *at);
    let mut edges: Vec<Mono> =
        offers.chain(steps).chain(rejected).filter(|at| (from..=to).contains(at)).collect();
    edges.extend([from, to]);
    edges.sort();
    let is_left = |pair: &&[Mono]| {
        pair[1].since_ms(pair[0]) > LATE_MS && stay.is_open(pair[0] + 1, Mono(pair[1].0 - 1), agent)
    };
    edges.windows(2).find(is_left).map(|pair| pair[0])
}

/// The waits of a call that it left by itself; where the node died while it waited, nobody wrote how long.
fn stays(call: CallId, staff: &Arc<Staff>, log: &[Dated]) -> Vec<Stay> {
    let (mut stays, mut open): (Vec<Stay>, Option<Stay>) = (Vec::new(), None);
    let (mut priority, mut since_of) = (0, BTreeMap::<Arc<str>, i64>::new());
    for Dated { at, fact } in log {
        match fact {
            Fact::Prioritised { priority: raised, .. } => priority = i64::from(*raised),
            Fact::Queued { queue, credited_ms, .. } => {
                // The place of the first time is kept as often as it comes back (row Q16).
                let since = *since_of.entry(queue.clone()).or_insert(at.0 as i64 - *credited_ms as i64);
                open = staff.queues.iter().position(|rules| rules.name == *queue).map(|queue| Stay {
                    call,
                    staff: staff.clone(),
                    queue,
                    turn: (since - priority * STEP_MS, since, call),
                    joined: *at,
                    left: *at,
                    steps: vec![(*at, 0)],
                    offers: Vec::new(),
                    rejected: Vec::new(),
                });
            }
            _ => {
                let Some(stay) = &mut open else { continue };
                if note(stay, *at, fact) {
                    stays.extend(open.take());
                }
            }
        }
    }
    stays
}

/// Takes a fact into a wait; whether it is over with it.
fn note(stay: &mut Stay, at: Mono, fact: &Fact) -> bool {
    match fact {
        Fact::Relaxed { step } => stay.steps.push((at, usize::from(*step))),
        // What else of the agent's is rung, or by another trunk, is the same offer.
        Fact::Offered { agent, .. } if stay.offers.iter().any(|offer| offer.is_up_to(agent)) => {}
        Fact::Offered { agent, .. } => {
            stay.offers.push(Offer { agent: agent.clone(), from: at, to: STILL });
        }
        Fact::OfferOver { agent, how, .. } => {
            stay.offers.iter_mut().filter(|offer| offer.is_up_to(agent)).for_each(|offer| offer.to = at);
            if *how == Refusal::Rejected {
                stay.rejected.push((at, agent.clone()));
            }
        }
        Fact::Unqueued { .. } => {
            stay.left = at;
            stay.offers.iter_mut().for_each(|offer| offer.to = offer.to.min(at));
            return true;
        }
        _ => {}
    }
    false
}
