//! The fold itself: one pass over the log, fact by fact.

use super::{
    AnswerStatus, CallRecord, CallbackRecord, CalledBack, Cause, KeyRecord, LegOutcome, LegRecord,
    MessageRecord, Party, PauseRecord, RatingRecord, ResultRecord, SpillRecord,
};
use crate::call::{Arrived, CALLER, Dated, Dialled, Fact, LegNo, MessageEnd, PauseEnd, PauseWhy};
use crate::cdr::{AttemptKind, ChargingFrom};
use crate::rating::{Zone, zone_of};
use crate::results::Chosen;
use crate::tenant::Admission;
use crate::{CallId, Mono, RecordingId, Wall};

/// A message that is shorter is none: somebody hung up at the beep.
const MESSAGE_MS_MIN: u64 = 1_000;

/// A record with what rating and the tenant need beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folded {
    /// The record.
    pub record: CallRecord,
    /// How the call came in and under which terms it ran.
    pub arrived: Arrived,
    /// The rating zone, by the bound number that was joined.
    pub zone: Zone,
    /// What was held for it, with all slices.
    pub admission: Option<Admission>,
}

/// Folds a whole log. `None` if it does not begin with an arrival, which no call writes.
pub fn fold(call: CallId, log: &[Dated]) -> Option<Folded> {
    let Some(Dated { at, fact: Fact::Arrived(arrived) }) = log.first() else { return None };
    let mut folding = Folding::begin(call, arrived, *at);
    for dated in &log[1..] {
        folding.take(dated);
    }
    let mut folded = folding.end();
    let wall = |dated: &Dated| Wall::of(dated.at, arrived.wall_offset_ms);
    folded.record.arms = super::arm::arms(log, &folded.record, wall);
    Some(folded)
}

struct Folding<'a> {
    arrived: &'a Arrived,
    record: CallRecord,
    started: Mono,
    answered: Option<Mono>,
    joined: Option<Mono>,
    until: Mono,
    zone: Zone,
    admission: Option<Admission>,
    areas: Vec<&'a str>,
    leg_answers: Vec<Option<Mono>>,
    ended: bool,
    /// Since when it waits in a queue.
    waits: Option<Mono>,
    /// Since when it is on hold.
    held: Option<Mono>,
    /// The agent that each leg rings, of those that ring one.
    agents: Vec<(LegNo, &'a str)>,
    /// Agents whom an offer waits for.
    offered: Vec<&'a str>,
    /// A message that is being left: its recording and step, since when.
    message: Option<(RecordingId, &'a str, Mono)>,
}

impl<'a> Folding<'a> {
    fn begin(call: CallId, arrived: &'a Arrived, at: Mono) -> Self {
        let started_at = Wall::of(at, arrived.wall_offset_ms);
        let record = CallRecord {
            call,
            tenant: arrived.tenant.clone(),
            number: arrived.number,
            version: arrived.version,
            trunk: arrived.trunk.to_string(),
            caller: arrived.caller.clone(),
            region: arrived.region.clone(),
            answered_by: String::new(),
            destination: String::new(),
            started_at,
            answered_at: None,
            joined_at: None,
            ended_at: started_at,
            status: AnswerStatus::Failed,
            cause: Cause::NodeLost,
            ended_by: Party::Platform,
            charging_from: arrived.charging_from,
            post_dial_ms: None,
            talk_ms: 0,
            sale_ms: 0,
            forwards: 0,
            password: String::new(),
            priority: 0,
            flow: String::new(),
            flow_version: 0,
            keys: Vec::new(),
            queue: String::new(),
            wait_ms: 0,
            offers: 0,
            agent: String::new(),
            transfers: 0,
            hold_ms: 0,
            messages: Vec::new(),
            pauses: Vec::new(),
            consent: None,
            rating: None,
            results: Vec::new(),
            spills: Vec::new(),
            arms: Vec::new(),
            callback: None,
            calls_back: None,
            recording: None,
            recording_cut: false,
            quality: None,
            legs: Vec::new(),
        };
        Self {
            arrived,
            record,
            started: at,
            answered: None,
            joined: None,
            until: at,
            zone: Zone::LongDistance,
            admission: None,
            areas: Vec::new(),
            leg_answers: Vec::new(),
            ended: false,
            waits: None,
            held: None,
            agents: Vec::new(),
            offered: Vec::new(),
            message: None,
        }
    }

    fn wall(&self, at: Mono) -> Wall {
        Wall::of(at, self.arrived.wall_offset_ms)
    }

    fn take(&mut self, dated: &'a Dated) {
        let at = dated.at;
        match &dated.fact {
            Fact::Admitted { admission } => self.admission = Some(*admission),
            Fact::SliceHeld { price_e4, .. } => {
                if let Some(admission) = &mut self.admission {
                    admission.reserved += *price_e4;
                }
            }
            Fact::Dialled(dialled) => self.dialled(dialled, at),
            Fact::Rang { leg } => self.rang(*leg, at),
            Fact::LegFailed { leg, outcome, status, .. } => self.leg_failed(*leg, *outcome, *status, at),
            Fact::Confirming { leg, .. } => self.leg_confirming(*leg, at),
            Fact::LegAnswered { leg } => self.leg_answered(*leg, at),
            Fact::LegOver { leg } => self.leg_over(*leg, at),
            Fact::Answered => {
                self.answered = Some(at);
                self.record.answered_at = Some(self.wall(at));
            }
            Fact::Joined { .. } => self.joined(at),
            Fact::RecordingBegan { recording } => self.record.recording = Some(*recording),
            Fact::RecordingCut => self.record.recording_cut = true,
            Fact::RecordingChosen { choice, .. } => self.record.consent = Some(*choice),
            Fact::QualityOf { leg, quality } if *leg == CALLER => self.record.quality = Some(*quality),
            Fact::QualityOf { leg, quality } => {
                if let Some(leg) = self.leg(*leg) {
                    leg.quality = Some(*quality);
                }
            }
            Fact::PasswordGiven { name, .. } => self.record.password.clone_from(name),
            Fact::Prioritised { priority, .. } => self.record.priority = *priority,
            Fact::FlowBegan { flow, version } => {
                (self.record.flow, self.record.flow_version) = (flow.to_string(), *version);
            }
            Fact::KeyPressed { step, keys } => {
                let (step, keys, at) = (step.to_string(), keys.to_string(), self.wall(at));
                self.record.keys.push(KeyRecord { step, keys, at });
            }
            Fact::NotAnswered => self.not_answered(),
            Fact::Queued { queue, .. } => {
                self.waits = Some(at);
                self.record.queue = queue.to_string();
            }
            Fact::Offered { leg, agent } => {
                // What rings for an agent who is offered a call may be one device behind the other.
                self.record.offers += u16::from(!self.offered.contains(&&**agent));
                self.offered.push(agent);
                self.agents.push((*leg, agent));
            }
            Fact::OfferOver { agent, .. } => self.offered.retain(|offered| **offered != **agent),
            Fact::Unqueued { waited_ms, .. } => {
                self.offered.clear();
                self.waits = None;
                self.record.wait_ms += waited_ms;
            }
            Fact::HoldBegan { .. } => self.held = Some(at),
            Fact::HoldEnded => self.hold_ended(at),
            Fact::TransferBegan { .. } => self.record.transfers += 1,
            Fact::MessageBegan { recording, step } => self.message = Some((*recording, step, at)),
            Fact::MessageEnded { how } => self.message_ended(*how, at),
            Fact::RecordingPaused { why, by } => self.paused(*why, by, at),
            Fact::RecordingResumed { how, by } => self.resumed(*how, by, at),
            Fact::HungUp { cause, by, until } => self.hung_up(*cause, *by, *until),
            Fact::RatingAsked { leg, agent, queue, by, .. } => {
                let destination = self.leg(*leg).map(|leg| leg.destination.clone()).unwrap_or_default();
                let (agent, queue, asked_at) = (agent.to_string(), queue.to_string(), self.wall(at));
                let by = *by;
                self.record.rating =
                    Some(RatingRecord { agent, queue, destination, by, asked_at, score: None });
            }
            Fact::CallbackWanted { step, queue, number, waited_ms } => {
                let (number, queue, step) = (number.to_string(), queue.to_string(), step.to_string());
                let (waited_ms, at) = (*waited_ms, self.wall(at));
                self.record.callback = Some(CallbackRecord { number, queue, step, waited_ms, at });
            }
            Fact::CallsBack { request, tries, .. } => {
                self.record.calls_back = Some(CalledBack { request: *request, tries: *tries });
            }
            Fact::CallbackKept { tries, .. } => {
                if let Some(back) = &mut self.record.calls_back {
                    back.tries = *tries;
                }
            }
            Fact::Spilled { queue, spilled } => {
                let (queue, spilled, at) = (queue.to_string(), *spilled, self.wall(at));
                self.record.spills.push(SpillRecord { queue, spilled, at });
            }
            Fact::ResultAwaited { agent, queue, default } => {
                self.result(agent, queue, default.as_ref(), "", at);
            }
            Fact::ResultGiven { agent, queue, chosen, by } => self.result(agent, queue, Some(chosen), by, at),
            Fact::Rated { score } => {
                if let Some(rating) = &mut self.record.rating {
                    rating.score = Some(*score);
                }
            }
            Fact::Arrived(_)
            | Fact::Barred { .. }
            | Fact::Walked(_)
            | Fact::Dealt { .. }
            | Fact::Routed { .. }
            | Fact::Pointed { .. }
            | Fact::Finally { .. }
            | Fact::Weighed { .. }
            | Fact::ForwardSkipped { .. }
            | Fact::PassedOver { .. }
            | Fact::ToneHeard { .. }
            | Fact::AnswererKept { .. }
            | Fact::AnswererKnown { .. }
            | Fact::PhoneUsed { .. }
            | Fact::OutgoingCounted { .. }
            | Fact::Prompted { .. }
            | Fact::Noticed { .. }
            | Fact::SliceRefused { .. }
            | Fact::Warned
            | Fact::Over
            | Fact::TrunksPassed { .. }
            | Fact::Withheld
            | Fact::Stood { .. }
            | Fact::KeysWrong { .. }
            | Fact::PasswordMissed { .. }
            | Fact::ChallengePassed { .. }
            | Fact::SuspectKept { .. }
            | Fact::KeyAwaited { .. }
            | Fact::NotQueued { .. }
            | Fact::AgentsPassed { .. }
            | Fact::Relaxed { .. }
            | Fact::PlaceTold { .. }
            | Fact::AgentKept { .. }
            | Fact::TransferRefused { .. }
            | Fact::Consulted { .. }
            | Fact::Swapped { .. }
            | Fact::TransferOver { .. }
            | Fact::AgentTold { .. }
            | Fact::WatchBegan { .. }
            | Fact::WatchChanged { .. }
            | Fact::WatchOver { .. }
            | Fact::TakenOver { .. }
            | Fact::Merged { .. }
            | Fact::Tells { .. }
            | Fact::MessageWanted { .. }
            | Fact::NotRated { .. }
            | Fact::CallbackNotWanted { .. }
            | Fact::CallbackClosed { .. }
            | Fact::CallbackKnown { .. }
            | Fact::Fetching { .. }
            | Fact::Fetched { .. }
            | Fact::RecordingEnded
            | Fact::Confirmed { .. }
            | Fact::AgentTook { .. }
            | Fact::ArmTaken(_) => {}
        }
    }

    fn leg(&mut self, leg: LegNo) -> Option<&mut LegRecord> {
        self.record.legs.get_mut(usize::from(leg).checked_sub(1)?)
    }

    fn dialled(&mut self, dialled: &'a Dialled, at: Mono) {
        let invited_at = self.wall(at);
        if is_forward(dialled.kind) {
            // Several trunks may be tried for one forward: it is counted once.
            let again = |leg: &LegRecord| is_forward(leg.kind) && leg.destination == *dialled.destination;
            self.record.forwards += u8::from(!self.record.legs.last().is_some_and(again));
        }
        self.areas.push(&dialled.area_code);
        self.leg_answers.push(None);
        self.record.legs.push(LegRecord {
            leg: dialled.leg,
            destination: dialled.destination.to_string(),
            dialled: dialled.number.to_string(),
            trunk: dialled.trunk.to_string(),
            kind: dialled.kind,
            invited_at,
            rang_at: None,
            answered_at: None,
            ended_at: invited_at,
            outcome: LegOutcome::NodeLost,
            status: 0,
            cost_ms: 0,
            quality: None,
        });
    }

    fn rang(&mut self, leg: LegNo, at: Mono) {
        let wall = self.wall(at);
        self.record.post_dial_ms.get_or_insert(at.since_ms(self.started));
        if let Some(leg) = self.leg(leg) {
            leg.rang_at = Some(wall);
        }
    }

    fn leg_failed(&mut self, number: LegNo, outcome: LegOutcome, status: u16, at: Mono) {
        let wall = self.wall(at);
        let answered = self.answered_leg(number);
        let Some(leg) = self.leg(number) else { return };
        (leg.outcome, leg.ended_at) = (outcome, wall);
        if status != 0 {
            leg.status = status;
        }
        // Whoever it was that answered, the carrier charges for it.
        leg.cost_ms = answered.map_or(0, |answered| at.since_ms(answered).max(1));
        if outcome == LegOutcome::LateAnswer {
            // A carrier charges its first unit for the instant between its 200 and our BYE.
            leg.answered_at = Some(wall);
            leg.cost_ms = 1;
        }
    }

    /// The instant of a leg's 200.
    fn answered_leg(&self, number: LegNo) -> Option<Mono> {
        self.leg_answers.get(usize::from(number).wrapping_sub(1)).copied().flatten()
    }

    /// The 200 of a leg: what it costs runs from here, whether or not somebody answered.
    fn leg_confirming(&mut self, number: LegNo, at: Mono) {
        let wall = self.wall(at);
        self.record.post_dial_ms.get_or_insert(at.since_ms(self.started));
        if let Some(slot) = self.leg_answers.get_mut(usize::from(number).wrapping_sub(1)) {
            *slot = Some(at);
        }
        let Some(leg) = self.leg(number) else { return };
        (leg.status, leg.answered_at, leg.ended_at) = (200, Some(wall), wall);
    }

    fn leg_answered(&mut self, number: LegNo, at: Mono) {
        if self.answered_leg(number).is_none() {
            self.leg_confirming(number, at);
        }
        let Some(leg) = self.leg(number) else { return };
        leg.outcome = LegOutcome::Answered;
        if leg.kind == AttemptKind::Callback {
            // Who asked is the caller; whose call it is was said by the agent, who answered before.
            return;
        }
        if self.joined.is_some() {
            // A transfer: whose call it is, and what it costs, was said by who answered it.
            return;
        }
        let area = self.areas.get(usize::from(number).wrapping_sub(1)).copied().unwrap_or_default();
        self.zone = zone_of(&self.arrived.region.area_code, area);
        let Some(leg) = self.leg(number) else { return };
        let (dialled, destination) = (leg.dialled.clone(), leg.destination.clone());
        (self.record.answered_by, self.record.destination) = (dialled, destination);
        let agent = self.agents.iter().find(|(known, _)| *known == number);
        self.record.agent = agent.map(|(_, agent)| (*agent).to_owned()).unwrap_or_default();
    }

    /// What came of the call by an agent's word, or by nobody's: that never takes the place of a word.
    fn result(&mut self, agent: &str, queue: &str, chosen: Option<&Chosen>, by: &str, at: Mono) {
        let result = ResultRecord {
            agent: agent.to_owned(),
            queue: queue.to_owned(),
            code: chosen.map_or("", |chosen| &chosen.code).to_owned(),
            name: chosen.map_or("", |chosen| &chosen.name).to_owned(),
            by: by.to_owned(),
            at: self.wall(at),
        };
        match self.record.results.iter_mut().find(|known| known.agent == agent) {
            Some(known) if by.is_empty() && !known.by.is_empty() => {}
            Some(known) => *known = result,
            None => self.record.results.push(result),
        }
    }

    fn not_answered(&mut self) {
        (self.answered, self.joined) = (None, None);
        (self.record.answered_at, self.record.joined_at) = (None, None);
        (self.record.answered_by, self.record.destination) = (String::new(), String::new());
        self.record.agent = String::new();
    }

    fn leg_over(&mut self, number: LegNo, at: Mono) {
        let wall = self.wall(at);
        let answered = self.answered_leg(number);
        if let Some(leg) = self.leg(number) {
            leg.ended_at = wall;
            leg.cost_ms = answered.map_or(0, |answered| at.since_ms(answered));
        }
    }

    fn joined(&mut self, at: Mono) {
        if self.joined.is_none() {
            self.joined = Some(at);
            self.record.joined_at = Some(self.wall(at));
        }
    }

    fn hold_ended(&mut self, at: Mono) {
        self.record.hold_ms += self.held.take().map_or(0, |since| at.since_ms(since));
    }

    fn message_ended(&mut self, how: MessageEnd, at: Mono) {
        let Some((recording, step, began)) = self.message.take() else { return };
        let ms = at.since_ms(began);
        let is_empty = how == MessageEnd::Empty || ms < MESSAGE_MS_MIN;
        let (step, at) = (step.to_owned(), self.wall(began));
        self.record.messages.push(MessageRecord { recording, step, at, ms, is_empty });
    }

    fn paused(&mut self, why: PauseWhy, by: &str, at: Mono) {
        let (from, by) = (self.wall(at), by.to_owned());
        let pause = PauseRecord { from, until: from, why, by, how: None, ended_by: String::new() };
        self.record.pauses.push(pause);
    }

    fn resumed(&mut self, how: PauseEnd, by: &str, at: Mono) {
        let until = self.wall(at);
        let ends = |pause: &&mut PauseRecord| pause.how.is_none() && how.ends(pause.why);
        if let Some(pause) = self.record.pauses.iter_mut().find(ends) {
            (pause.until, pause.how, pause.ended_by) = (until, Some(how), by.to_owned());
        }
    }

    fn hung_up(&mut self, cause: Cause, by: Party, until: Mono) {
        self.ended = true;
        self.until = until;
        (self.record.cause, self.record.ended_by) = (cause, by);
    }

    fn end(mut self) -> Folded {
        // Its node died while it was left: what was said until then is there.
        self.message_ended(MessageEnd::CallOver, self.until);
        let span = |from: Option<Mono>| from.map_or(0, |from| self.until.since_ms(from));
        let (talk_ms, joined_ms) = (span(self.answered), span(self.joined));
        let charged_ms = match self.arrived.charging_from {
            ChargingFrom::Answer => talk_ms,
            ChargingFrom::TwoParty => joined_ms,
        };
        (self.record.talk_ms, self.record.sale_ms) = (talk_ms, charged_ms);
        // Its node died while it waited: it did so to the end.
        self.record.wait_ms += span(self.waits);
        self.record.hold_ms += span(self.held);
        self.record.ended_at = self.wall(self.until);
        let open = self.record.pauses.iter_mut().filter(|pause| pause.how.is_none());
        open.for_each(|pause| pause.until = self.record.ended_at.max(pause.from));
        self.record.status = status(&self.record);
        Folded {
            record: self.record,
            arrived: self.arrived.clone(),
            zone: self.zone,
            admission: self.admission,
        }
    }
}

/// Whether an attempt counts as a forward (row R14).
fn is_forward(kind: AttemptKind) -> bool {
    match kind {
        AttemptKind::ForwardBusy | AttemptKind::ForwardNoAnswer => true,
        AttemptKind::Target
        | AttemptKind::Transfer
        | AttemptKind::Consult
        | AttemptKind::Return
        | AttemptKind::Watch
        | AttemptKind::Callback => false,
    }
}

/// The answer status follows from the record: nothing sets it.
fn status(record: &CallRecord) -> AnswerStatus {
    let reached = |outcome| record.legs.iter().any(|leg| leg.outcome == outcome);
    if record.answered_at.is_some() && reached(LegOutcome::Answered) {
        return AnswerStatus::Answered;
    }
    if record.callback.is_some() || record.messages.iter().any(|message| !message.is_empty) {
        return AnswerStatus::NoAnswer;
    }
    match record.cause {
        Cause::Blocked
        | Cause::RegionBarred
        | Cause::PasswordFailed
        | Cause::PasswordLocked
        | Cause::Nuisance
        | Cause::ChallengeFailed
        | Cause::MonthCostCap
        | Cause::MonthCallCap
        | Cause::ConcurrencyLimit
        | Cause::RateLimit
        | Cause::BalanceTooLow
        | Cause::Frozen
        | Cause::NumberNotInService
        | Cause::FlowHangUp
        | Cause::FlowBusy => AnswerStatus::Barred,
        Cause::AllBusy | Cause::QueueFull => AnswerStatus::Busy,
        Cause::NoAnswer | Cause::QueueEmpty | Cause::QueueTimeout | Cause::CallbackWithdrawn => {
            AnswerStatus::NoAnswer
        }
        // The last attempt decides what the chain ended with.
        Cause::ForwardLimit => match record.legs.last().map(|leg| leg.outcome) {
            Some(outcome) if outcome.is_busy() => AnswerStatus::Busy,
            Some(_) | None => AnswerStatus::NoAnswer,
        },
        Cause::CallerCancelled
        | Cause::HangUp
        | Cause::BalanceEnded
        | Cause::TalkLimit
        | Cause::MediaSilent => AnswerStatus::Abandoned,
        Cause::NoTarget
        | Cause::TrunkFailed
        | Cause::SessionExpired
        | Cause::AckMissing
        | Cause::NodeLost
        | Cause::NoCapacity
        | Cause::NoCommonCodec
        | Cause::NoTariff
        | Cause::FlowLoop
        | Cause::NodeStopped => AnswerStatus::Failed,
    }
}
