//! After a crash: what the journal still holds is told again. Calls that were over are settled again, harmlessly;
//! calls that were up end with `node_lost` at the last sign of life, and both their legs get a BYE (FAULTS F1).

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use hotline::call::{Dated, Fact, LegNo};
use hotline::cdr::{Cause, ChargingFrom, LegOutcome, Party};
use hotline::settlement::AgentStep;
use hotline::{CallId, Mono, Now, TenantId, Wall, settlement};
use sip::{DialogState, Reason};

use crate::journal::{self, Read, Record, SEGMENT_HEADER};
use crate::node::{Node, Output};

/// A BYE is repeated this long before it is given up: 64·T1 (RFC 3261 17.1.2).
const BYE_MS_MAX: u64 = 32_000;

/// What the segments of a journal held.
#[derive(Debug, Default)]
pub struct Found {
    calls: BTreeMap<CallId, FoundCall>,
    /// The last instant the node is known to have lived.
    pub last: Option<Now>,
    /// Where the journal goes on: the beginning of the segment after the last one used.
    pub position: u64,
    /// Places where bytes are no record though records follow: positions, for the alarm and the quarantine.
    pub flipped: Vec<u64>,
    /// Calls for help that were up.
    helps: BTreeMap<CallId, Vec<DialogState>>,
    mark: u64,
    /// Changes of agents that the store, settled up to its mark, may not know, in their order.
    steps: Vec<FoundStep>,
    /// The latest change of each agent.
    agents: BTreeMap<(TenantId, Arc<str>), AgentStep>,
    /// Calls that are over, in the order they ended.
    over: VecDeque<(Mono, CallId)>,
}

#[derive(Debug)]
struct FoundStep {
    step: AgentStep,
    from: u64,
    end: u64,
}

#[derive(Debug, Default)]
struct FoundCall {
    log: Vec<Dated>,
    dialogs: BTreeMap<LegNo, DialogState>,
    from: u64,
    end: u64,
}

/// Reads the segments of a ring, in any order; each is a whole segment's bytes. Calls that the store, settled up to
/// `mark`, knows and that need no BYE any more are forgotten on the way: a ring holds many more than live at once.
pub fn find<'a>(segments: impl IntoIterator<Item = &'a [u8]>, segment_bytes: u64, mark: u64) -> Found {
    let numbered = |segment: &'a [u8]| journal::segment_number(segment).map(|number| (number, segment));
    let ordered: BTreeMap<u64, &[u8]> = segments.into_iter().filter_map(numbered).collect();
    let mut found = Found { mark, ..Found::default() };
    for (number, segment) in &ordered {
        found.read_segment(segment, number * segment_bytes);
        found.position = (number + 1) * segment_bytes;
    }
    // A call whose beginning was overwritten is not ours to settle: its segment was free, so the store has it.
    found.calls.retain(|_, call| matches!(call.log.first(), Some(Dated { fact: Fact::Arrived(_), .. })));
    found
}

impl Found {
    fn read_segment(&mut self, segment: &[u8], start: u64) {
        let mut offset = SEGMENT_HEADER;
        loop {
            match journal::read(segment, start, offset) {
                Read::Record { record, next } => {
                    self.take(*record, start + offset as u64, start + next as u64);
                    offset = next;
                }
                Read::Flipped { next } => {
                    self.flipped.push(start + offset as u64);
                    offset = next;
                }
                Read::End => return,
            }
        }
    }

    fn take(&mut self, record: Record<'static>, from: u64, end: u64) {
        match record {
            Record::Facts { call, facts } => {
                let found =
                    self.calls.entry(call).or_insert_with(|| FoundCall { from, ..FoundCall::default() });
                found.log.extend(facts.into_owned());
                found.end = end;
                if let (true, Some(last)) = (found.is_over(), found.log.last()) {
                    self.over.push_back((last.at, call));
                }
                self.saw_facts(call);
            }
            Record::Dialog { call, leg, dialog } => {
                if let Some(found) = self.calls.get_mut(&call) {
                    found.dialogs.insert(leg, dialog.into_owned());
                }
            }
            Record::Checkpoint { call, log, dialogs } => {
                let dialogs = dialogs.into_iter().collect();
                self.calls.insert(call, FoundCall { log: log.into_owned(), dialogs, from, end });
            }
            Record::Help { call, dialogs } if dialogs.is_empty() => _ = self.helps.remove(&call),
            Record::Help { call, dialogs } => _ = self.helps.insert(call, dialogs),
            Record::Heartbeat { mono, wall } => {
                self.saw(Now { mono, wall });
                self.forget_settled();
            }
            Record::Agent { step } => {
                let step = step.into_owned();
                if end > self.mark {
                    self.steps.push(FoundStep { step: step.clone(), from, end });
                }
                self.agents.insert((step.tenant.clone(), step.agent.clone()), step);
            }
        }
    }

    fn forget_settled(&mut self) {
        let since = self.mono() - BYE_MS_MAX;
        while let Some((at, call)) = self.over.front().copied()
            && at < since
        {
            self.over.pop_front();
            if self.calls.get(&call).is_some_and(|call| call.end <= self.mark) {
                self.calls.remove(&call);
            }
        }
    }

    fn saw(&mut self, now: Now) {
        if self.last.is_none_or(|last| now.mono >= last.mono) {
            self.last = Some(now);
        }
    }

    fn saw_facts(&mut self, call: CallId) {
        let Some(found) = self.calls.get(&call) else { return };
        let (Some(Dated { fact: Fact::Arrived(arrived), .. }), Some(last)) =
            (found.log.first(), found.log.last())
        else {
            return;
        };
        let now = Now { mono: last.at, wall: Wall::of(last.at, arrived.wall_offset_ms) };
        self.saw(now);
    }

    /// The monotonic instant a new life of the node begins at, at the earliest.
    pub fn mono(&self) -> Mono {
        self.last.map_or(Mono(0), |last| last.mono)
    }

    /// The position from which on the journal may not be overwritten yet: the oldest call that the store, settled up to
    /// its mark, does not know. The ring is opened with it, and a new life counts its room from it.
    pub fn needed_from(&self) -> u64 {
        let needed = self.calls.values().filter(|call| !call.is_over() || call.end > self.mark);
        let steps = self.steps.iter().map(|one| one.from);
        needed.map(|call| call.from).chain(steps).min().unwrap_or(self.position)
    }

    /// Calls that recovery concerns: those the store does not know, and those whose BYE may be missing.
    pub fn calls(&self) -> usize {
        self.calls.len()
    }
}

impl Node {
    /// Takes in what the journal held; what lies behind the store's mark is settled again. Call it once, before the
    /// first input.
    pub fn recover(&mut self, found: Found, now: Now) {
        self.now = now;
        self.kept_from = found.needed_from();
        let (last, mark) = (found.mono(), found.mark);
        let (mut over, lost): (Vec<_>, Vec<_>) =
            found.calls.into_iter().partition(|(_, call)| call.is_over());
        // In the order they ended, as the store's mark moves.
        over.sort_by_key(|(_, call)| call.end);
        for (id, call) in over {
            if call.end > mark {
                self.settle_again(id, &call.log, call.end, call.from);
            }
            if call.ended_since(last - BYE_MS_MAX) {
                // The node died before it could be sure that its BYEs had arrived.
                self.end_dialogs(call.dialogs.into_values());
            }
        }
        for dialogs in found.helps.into_values() {
            self.end_dialogs(dialogs);
        }
        for FoundStep { step, from, end } in found.steps {
            let step = Arc::new(step);
            self.books.note_step(step.clone(), from, end);
            self.outputs.push_back(Output::Agent(step));
        }
        for closed in found.agents.values().filter_map(|step| step.closed(found.last?)) {
            self.note_step(closed);
        }
        for (id, call) in lost {
            self.close_lost(id, call, last);
        }
    }

    fn settle_again(&mut self, id: CallId, log: &[Dated], position: u64, from: u64) {
        if let Some(settled) = settlement::settle(id, log, &self.tariffs, position) {
            let settlement = self.books.settle_recovered(settled, from);
            if !settlement.callbacks.is_empty() {
                self.recall_callbacks([settlement.record.number]);
            }
            self.outputs.push_back(Output::Settle(settlement));
        }
    }

    /// Ends a call the node died with, once: its last facts are journalled like any others.
    fn close_lost(&mut self, id: CallId, mut call: FoundCall, last: Mono) {
        let lost = lost_facts(&call.log, last);
        self.writer.append(&Record::Facts { call: id, facts: lost.as_slice().into() });
        call.log.extend(lost);
        let position = self.writer.position();
        self.settle_again(id, &call.log, position, call.from);
        self.end_dialogs(call.dialogs.into_values());
    }

    fn end_dialogs(&mut self, dialogs: impl IntoIterator<Item = DialogState>) {
        for dialog in dialogs {
            self.guard.proven(dialog.next_hop.remote, self.now.mono);
            let leg = self.endpoint.restore(dialog, self.now.mono.0);
            self.endpoint.bye(
                leg,
                Some(Reason { q850: 41, text: Some("node lost".into()) }),
                self.now.mono.0,
            );
        }
    }
}

impl FoundCall {
    fn is_over(&self) -> bool {
        matches!(self.log.last(), Some(Dated { fact: Fact::Over, .. }))
    }

    fn ended_since(&self, at: Mono) -> bool {
        self.log.last().is_some_and(|dated| dated.at >= at)
    }
}

/// What is added to the log of a call that was up when the node died.
fn lost_facts(log: &[Dated], last: Mono) -> Vec<Dated> {
    let last = log.last().map_or(last, |own| own.at.max(last));
    let mut open: BTreeMap<LegNo, bool> = BTreeMap::new();
    let mut hung_up = false;
    for dated in log {
        match &dated.fact {
            Fact::Dialled(dialled) => _ = open.insert(dialled.leg, false),
            Fact::LegAnswered { leg } => _ = open.insert(*leg, true),
            Fact::LegFailed { leg, .. } | Fact::LegOver { leg } => _ = open.remove(leg),
            Fact::HungUp { .. } => hung_up = true,
            _ => {}
        }
    }
    let mut facts = Vec::new();
    if !hung_up {
        facts.push(Fact::HungUp {
            cause: Cause::NodeLost,
            by: Party::Platform,
            until: paid_until(log, last),
        });
    }
    for (leg, answered) in open {
        facts.push(if answered {
            Fact::LegOver { leg }
        } else {
            Fact::LegFailed { leg, outcome: LegOutcome::NodeLost, status: 0, q850: None }
        });
    }
    facts.push(Fact::Over);
    facts.into_iter().map(|fact| Dated { at: last, fact }).collect()
}

/// The instant a lost call is billed to: the last sign of life, but never beyond what was paid once more was refused.
fn paid_until(log: &[Dated], last: Mono) -> Mono {
    let refused = log.iter().rev().find_map(|dated| match &dated.fact {
        Fact::SliceRefused { until_ms } => Some(Some(*until_ms)),
        Fact::SliceHeld { .. } => Some(None),
        _ => None,
    });
    let two_party = matches!(log.first(), Some(Dated { fact: Fact::Arrived(arrived), .. })
        if arrived.charging_from == ChargingFrom::TwoParty);
    let begins = |fact: &Fact| match fact {
        Fact::Answered => !two_party,
        Fact::Joined { .. } => two_party,
        _ => false,
    };
    let began = log.iter().find(|dated| begins(&dated.fact)).map(|dated| dated.at);
    match (refused.flatten(), began) {
        (Some(until_ms), Some(began)) => last.min(began + until_ms),
        _ => last,
    }
}
