//! A talk that goes to somebody else (row Q03): at once, or after they were asked. A caller whom nobody takes comes back to
//! who sent it, else to the queue it came from, else to the number's final treatment; it is never dropped.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    Action, CALLER, Call, Desk, Event, Fact, HeldBy, LegNo, LegState, NotObeyed, Ordered, Rings, Sound,
    State, TalkOrder, Target, Timer, Tone,
};
use crate::Mono;
use crate::agent::Refusal;
use crate::cdr::{AttemptKind, Cause, LegOutcome};
use crate::flow::{QueueExits, StepNo};
use crate::hotline::Destination;
use crate::queue::AgentNo;

/// How long a phone rings for a transfer, where nothing else is said of it.
pub(super) const TRANSFER_RING_MS: u64 = 20_000;
/// A leg that gave no 18x is given up this long after its ring time.
const RING_GRACE_MS: u64 = 4_000;

/// What came of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moved {
    /// The caller talks with the target, waits in the queue or walks the flow.
    Done,
    /// The caller talks with who sent it, as before.
    Back,
    /// Nobody took it, and who sent it did not either: the queue, or the final treatment.
    SentOn,
}

/// A target as it can be reached.
#[derive(Debug)]
pub(super) enum Found {
    Phone { destination: Destination, agent: Option<(AgentNo, Arc<str>)> },
    Queue(Arc<str>, QueueExits, StepNo),
    Step(StepNo),
}

/// A transfer that is going on.
#[derive(Debug)]
pub(super) struct Transfer {
    /// The leg of who transfers, while that is up.
    from: Option<LegNo>,
    /// Who transfers: rung again where nobody takes the call.
    home: Destination,
    home_agent: Option<Arc<str>>,
    to: Rung,
    stage: Stage,
}

/// Whose phone rings, or was answered.
#[derive(Debug)]
struct Rung {
    leg: LegNo,
    kind: AttemptKind,
    destination: Destination,
    /// Trunks still to be tried.
    ways: VecDeque<Option<Arc<str>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The target rings; who answers has the caller.
    Blind,
    /// The target rings; who answers is asked first.
    Asking,
    /// Who transfers talks with the target, or with the caller meanwhile.
    Consulting { with_caller: bool },
    /// Who transfers, the target and the caller talk with each other.
    Together,
    /// Who transferred rings again.
    Returning,
}

impl Transfer {
    /// The leg of who transfers, while that is up.
    pub(super) fn from(&self) -> Option<LegNo> {
        self.from
    }

    pub(super) fn may_complete(&self) -> bool {
        matches!(self.stage, Stage::Asking | Stage::Consulting { .. } | Stage::Together)
    }

    pub(super) fn may_return(&self) -> bool {
        self.from.is_some() && !matches!(self.stage, Stage::Returning)
    }

    pub(super) fn may_swap(&self) -> bool {
        matches!(self.stage, Stage::Consulting { .. })
    }

    fn rings(&self, leg: LegNo) -> bool {
        self.to.leg == leg && !matches!(self.stage, Stage::Consulting { .. } | Stage::Together)
    }

    pub(super) fn is_together(&self) -> bool {
        self.stage == Stage::Together
    }

    /// Whom each hears of three who talk with each other.
    pub(super) fn together(&self) -> Vec<(LegNo, Vec<LegNo>)> {
        match (self.stage, self.from) {
            (Stage::Together, Some(from)) => {
                let all = [CALLER, from, self.to.leg];
                let others = |own: LegNo| all.iter().copied().filter(|leg| *leg != own).collect();
                all.iter().map(|own| (*own, others(*own))).collect()
            }
            _ => Vec::new(),
        }
    }
}

impl Call {
    /// Sends the caller to a target that was judged to be reachable. Without `attended` who talked is free of it now.
    pub(super) fn begin_transfer(
        &mut self,
        from: LegNo,
        to: Target,
        attended: bool,
        by: Arc<str>,
        desk: &mut Desk<'_>,
        now: Mono,
    ) {
        let found = match self.find(&to, desk.tenant) {
            Ok(found) => found,
            Err(why) => return self.note(Fact::TransferRefused { to, why, by }, now),
        };
        self.note(Fact::TransferBegan { from, to: to.clone(), attended, by: by.clone() }, now);
        let (destination, agent) = match found {
            Found::Phone { destination, agent } => (destination, agent),
            Found::Queue(queue, exits, step) => {
                self.let_go(from, desk, now);
                self.note(Fact::TransferOver { how: Moved::Done }, now);
                return self.join_queue(&(&*queue).into(), exits, step, desk, now);
            }
            Found::Step(step) => {
                self.let_go(from, desk, now);
                self.note(Fact::TransferOver { how: Moved::Done }, now);
                return self.walk(step, desk, now);
            }
        };
        let confirm = self.leg(from).confirm;
        let home = Destination { ring_ms: TRANSFER_RING_MS, confirm, ..self.destination_of(from).clone() };
        let home_agent = self.agent_on(from);
        let kind = if attended { AttemptKind::Consult } else { AttemptKind::Transfer };
        self.keep_waiting(from, now);
        let Some(to) = self.reach(destination, agent, kind, desk, now) else {
            self.note(Fact::TransferRefused { to, why: NotObeyed::NoWay, by }, now);
            self.note(Fact::TransferOver { how: Moved::Back }, now);
            return self.join(from, desk, now);
        };
        let stage = if attended { Stage::Asking } else { Stage::Blind };
        let mut transfer = Transfer { from: Some(from), home, home_agent, to, stage };
        match attended {
            true => _ = self.play(from, Sound::Ringback, true),
            false => self.release_from(&mut transfer, desk, now),
        }
        self.state = State::Transferring(Box::new(transfer));
    }

    /// The caller hears music and nothing else, whoever held it before.
    fn keep_waiting(&mut self, from: LegNo, now: Mono) {
        match self.parked.replace(HeldBy::Platform) {
            Some(HeldBy::Platform) => {}
            Some(HeldBy::Phone) => self.actions.push_back(Action::Unbridge),
            None => {
                self.parked = None;
                self.park(from, HeldBy::Platform, now);
            }
        }
    }

    /// Who talked is free of the call, which stays without anybody.
    pub(super) fn let_go(&mut self, from: LegNo, desk: &mut Desk<'_>, now: Mono) {
        self.let_watchers_go(desk, now);
        self.unpark(now);
        self.actions.push_back(Action::Unbridge);
        self.release(from, desk, now);
    }

    /// Ends a leg that had answered while the call goes on; its agent is free of it.
    pub(super) fn release(&mut self, leg: LegNo, desk: &mut Desk<'_>, now: Mono) {
        if self.leg(leg).state == LegState::Answered {
            self.actions.push_back(Action::Bye { leg });
        }
        self.left_by(leg, desk, now);
    }

    /// A leg that had answered is over, and its media with it.
    pub(super) fn left_by(&mut self, leg: LegNo, desk: &mut Desk<'_>, now: Mono) {
        self.talked_with(leg);
        self.record_with(None);
        self.leg_over(leg, desk, now);
        self.actions.push_back(Action::CloseLeg { leg });
        self.agent_leaves(leg, desk, now);
    }

    fn release_from(&mut self, transfer: &mut Transfer, desk: &mut Desk<'_>, now: Mono) {
        if let Some(from) = transfer.from.take() {
            self.release(from, desk, now);
        }
    }

    /// Rings a phone or a number by its first way; `None` without one.
    fn reach(
        &mut self,
        destination: Destination,
        agent: Option<(AgentNo, Arc<str>)>,
        kind: AttemptKind,
        desk: &mut Desk<'_>,
        now: Mono,
    ) -> Option<Rung> {
        let mut ways = self.ways_of(&destination, desk, now);
        let way = self.take_way(&destination, &mut ways, desk, now)?;
        let rings = Rings::phone(destination.clone());
        let leg = self.begin_leg(rings, way, kind, RING_GRACE_MS, desk, now);
        if let Some((place, number)) = &agent {
            self.agent_rings(leg, *place, number, desk, now);
        }
        Some(Rung { leg, kind, destination, ways })
    }

    /// The next trunk with room that may show a number for this call, its place taken (row K06).
    pub(super) fn take_way(
        &mut self,
        destination: &Destination,
        ways: &mut VecDeque<Option<Arc<str>>>,
        desk: &mut Desk<'_>,
        now: Mono,
    ) -> Option<Option<Arc<str>>> {
        loop {
            let Some(trunk) = ways.pop_front()? else { return Some(None) };
            match self.take_trunk(&trunk, desk, now) {
                Ok(()) => return Some(Some(trunk)),
                Err(pass) => {
                    let destination = destination.name.clone();
                    self.note(Fact::TrunksPassed { destination, passed: vec![(trunk, pass)] }, now);
                }
            }
        }
    }

    /// What happens while a talk is on its way to somebody else.
    pub(super) fn transferring(&mut self, transfer: Transfer, event: Event, desk: &mut Desk<'_>, now: Mono) {
        let (to, from) = (transfer.to.leg, transfer.from);
        match event {
            Event::Ordered(ordered) => self.obey_in_transfer(transfer, *ordered, desk, now),
            Event::LegHungUp { leg } if Some(leg) == from => {
                self.transferrer_leaves(transfer, leg, desk, now)
            }
            Event::SessionExpired { leg, .. } if Some(leg) == from => {
                self.actions.push_back(Action::Bye { leg });
                self.transferrer_leaves(transfer, leg, desk, now);
            }
            Event::Rang { leg } if transfer.rings(leg) => {
                // The caller goes on hearing the music.
                self.leg_rang(leg, now);
                self.state = State::Transferring(Box::new(transfer));
            }
            Event::LegAnswered { leg } if transfer.rings(leg) => self.target_took(transfer, desk, now),
            Event::LegFailed { leg, outcome, status, q850 } if transfer.rings(leg) => {
                let rang = self.leg(leg).state == LegState::Ringing;
                self.disarm(Timer::Ring(leg));
                self.leg_lost(leg, outcome, status, q850, desk, now);
                self.attempt_over(transfer, outcome, rang, desk, now);
            }
            Event::LegHungUp { leg } if transfer.rings(leg) => {
                self.disarm(Timer::Ring(leg));
                self.leg_lost(leg, LegOutcome::Rejected, 0, None, desk, now);
                self.attempt_over(transfer, LegOutcome::Rejected, true, desk, now);
            }
            Event::NoCommonCodec { leg } if leg != CALLER && transfer.rings(leg) => {
                self.disarm(Timer::Ring(leg));
                self.actions.push_back(Action::Bye { leg });
                self.late_answer(leg, desk, now);
                self.attempt_over(transfer, LegOutcome::TrunkFailed, false, desk, now);
            }
            Event::ToneHeard { leg, tone: Tone::Busy } if transfer.rings(leg) => {
                self.note(Fact::ToneHeard { leg, tone: Tone::Busy }, now);
                self.disarm(Timer::Ring(leg));
                self.give_up(leg, LegOutcome::Busy, now);
                self.attempt_over(transfer, LegOutcome::Busy, false, desk, now);
            }
            Event::LegHungUp { leg } if leg == to => {
                self.left_by(leg, desk, now);
                self.back_to(transfer, desk, now);
            }
            Event::SessionExpired { leg, .. } if leg == to => {
                self.release(leg, desk, now);
                self.back_to(transfer, desk, now);
            }
            other => {
                self.state = State::Transferring(Box::new(transfer));
                self.take_ending(other, desk, now);
            }
        }
    }

    pub(super) fn transfer_rang_out(
        &mut self,
        transfer: Transfer,
        leg: LegNo,
        outcome: LegOutcome,
        desk: &mut Desk<'_>,
        now: Mono,
    ) {
        if !transfer.rings(leg) {
            return self.state = State::Transferring(Box::new(transfer));
        }
        let rang = matches!(self.leg(leg).state, LegState::Ringing | LegState::Confirming);
        self.give_up(leg, outcome, now);
        self.attempt_over(transfer, outcome, rang, desk, now);
    }

    /// The target answered: it has the caller, or is asked first.
    fn target_took(&mut self, mut transfer: Transfer, desk: &mut Desk<'_>, now: Mono) {
        let to = transfer.to.leg;
        self.note_answer(to, desk, now);
        self.agent_took(to, desk, now);
        match (transfer.stage, transfer.from) {
            (Stage::Asking, Some(from)) => {
                self.note(Fact::Consulted { leg: to }, now);
                self.actions.push_back(Action::StopPlay { leg: from });
                self.actions.push_back(Action::BridgeLegs { a: from, b: to });
                self.record_with(None);
                transfer.stage = Stage::Consulting { with_caller: false };
                self.state = State::Transferring(Box::new(transfer));
            }
            (Stage::Returning, _) => {
                self.note(Fact::TransferOver { how: Moved::Back }, now);
                self.join(to, desk, now);
            }
            (Stage::Asking | Stage::Blind | Stage::Consulting { .. } | Stage::Together, _) => {
                self.hand_over(transfer, desk, now)
            }
        }
    }

    /// The caller talks with the target, and who transferred is free of it.
    fn hand_over(&mut self, mut transfer: Transfer, desk: &mut Desk<'_>, now: Mono) {
        self.release_from(&mut transfer, desk, now);
        self.note(Fact::TransferOver { how: Moved::Done }, now);
        self.meet(transfer.to.leg, desk, now);
    }

    /// The target did not take the call by this way.
    fn attempt_over(
        &mut self,
        mut transfer: Transfer,
        outcome: LegOutcome,
        rang: bool,
        desk: &mut Desk<'_>,
        now: Mono,
    ) {
        let to = &mut transfer.to;
        if outcome == LegOutcome::TrunkFailed {
            let mut ways = std::mem::take(&mut to.ways);
            if let Some(way) = self.take_way(&to.destination, &mut ways, desk, now) {
                let rings = Rings::phone(to.destination.clone());
                to.leg = self.begin_leg(rings, way, to.kind, RING_GRACE_MS, desk, now);
                to.ways = ways;
                return self.state = State::Transferring(Box::new(transfer));
            }
        }
        self.agent_missed(to.leg, refusal(outcome, rang), desk, now);
        match transfer.stage {
            Stage::Returning => self.send_on(desk, now),
            Stage::Blind | Stage::Asking | Stage::Consulting { .. } | Stage::Together => {
                self.back_to(transfer, desk, now);
            }
        }
    }

    /// The caller comes back to who transferred: joined where that leg is still up, else by ringing again.
    fn back_to(&mut self, mut transfer: Transfer, desk: &mut Desk<'_>, now: Mono) {
        if let Some(from) = transfer.from {
            self.actions.push_back(Action::StopPlay { leg: from });
            self.note(Fact::TransferOver { how: Moved::Back }, now);
            return self.join(from, desk, now);
        }
        let home = transfer.home.clone();
        let agent = match &transfer.home_agent {
            None => Ok(None),
            Some(number) => self.agent_to_return_to(number, desk, now).map(Some).ok_or(()),
        };
        let rung = match agent {
            Ok(agent) if desk.tenant.lines_in_use(&home.number) < u32::from(home.lines) => {
                self.reach(home, agent, AttemptKind::Return, desk, now)
            }
            _ => None,
        };
        match rung {
            Some(rung) => {
                (transfer.to, transfer.stage) = (rung, Stage::Returning);
                self.state = State::Transferring(Box::new(transfer));
            }
            None => self.send_on(desk, now),
        }
    }

    /// Nobody has the caller: it waits in the queue it came from, or meets the final treatment.
    fn send_on(&mut self, desk: &mut Desk<'_>, now: Mono) {
        self.let_watchers_go(desk, now);
        self.unpark(now);
        self.note(Fact::TransferOver { how: Moved::SentOn }, now);
        match self.last_queue() {
            Some((queue, exits, step)) => self.join_queue(&(&*queue).into(), exits, step, desk, now),
            None => self.found_nobody(Cause::NoAnswer, Some(LegOutcome::NoAnswer), desk, now),
        }
    }

    /// Who transfers hangs up: the caller is the target's, as soon as that answers.
    fn transferrer_leaves(&mut self, mut transfer: Transfer, leg: LegNo, desk: &mut Desk<'_>, now: Mono) {
        transfer.from = None;
        self.left_by(leg, desk, now);
        match transfer.stage {
            Stage::Consulting { .. } | Stage::Together => self.hand_over(transfer, desk, now),
            Stage::Asking => {
                transfer.stage = Stage::Blind;
                self.state = State::Transferring(Box::new(transfer));
            }
            Stage::Blind | Stage::Returning => self.state = State::Transferring(Box::new(transfer)),
        }
    }

    fn obey_in_transfer(&mut self, mut transfer: Transfer, asked: Ordered, desk: &mut Desk<'_>, now: Mono) {
        match (asked.order, transfer.stage, transfer.from) {
            (TalkOrder::Complete, Stage::Consulting { .. } | Stage::Together, Some(_)) => {
                self.hand_over(transfer, desk, now);
            }
            (TalkOrder::Merge, Stage::Consulting { with_caller }, Some(from)) => {
                self.merge(from, transfer.to.leg, with_caller, now);
                transfer.stage = Stage::Together;
                self.state = State::Transferring(Box::new(transfer));
            }
            (TalkOrder::Complete, Stage::Asking, Some(_)) => {
                self.release_from(&mut transfer, desk, now);
                transfer.stage = Stage::Blind;
                self.state = State::Transferring(Box::new(transfer));
            }
            (
                TalkOrder::Return,
                stage @ (Stage::Consulting { .. } | Stage::Together | Stage::Asking | Stage::Blind),
                Some(_),
            ) => {
                self.drop_target(&transfer, stage, desk, now);
                self.back_to(transfer, desk, now);
            }
            (TalkOrder::Swap, Stage::Consulting { with_caller }, Some(from)) => {
                self.swap(from, transfer.to.leg, with_caller, now);
                transfer.stage = Stage::Consulting { with_caller: !with_caller };
                self.state = State::Transferring(Box::new(transfer));
            }
            (TalkOrder::Transfer(to) | TalkOrder::Consult(to), _, _) => {
                self.note(Fact::TransferRefused { to, why: NotObeyed::NotNow, by: asked.by }, now);
                self.state = State::Transferring(Box::new(transfer));
            }
            _ => self.state = State::Transferring(Box::new(transfer)),
        }
    }

    /// Whoever was asked, or rings, is let go.
    fn drop_target(&mut self, transfer: &Transfer, stage: Stage, desk: &mut Desk<'_>, now: Mono) {
        let leg = transfer.to.leg;
        match stage {
            Stage::Consulting { .. } | Stage::Together => self.release(leg, desk, now),
            Stage::Asking | Stage::Blind | Stage::Returning => {
                self.disarm(Timer::Ring(leg));
                self.give_up(leg, LegOutcome::Cancelled, now);
                self.agent_missed(leg, Refusal::Withdrawn, desk, now);
            }
        }
    }

    /// All three hear each other.
    fn merge(&mut self, from: LegNo, to: LegNo, with_caller: bool, now: Mono) {
        self.note(Fact::Merged { leg: to }, now);
        self.unpark(now);
        if with_caller {
            self.actions.push_back(Action::StopPlay { leg: to });
        } else {
            self.actions.push_back(Action::Bridge { leg: from });
            self.record_with(Some(from));
        }
    }

    /// Who transfers talks with the other of the two; the one who waits hears music.
    fn swap(&mut self, from: LegNo, to: LegNo, with_caller: bool, now: Mono) {
        if with_caller {
            self.note(Fact::Swapped { to }, now);
            self.park(from, HeldBy::Platform, now);
            self.actions.push_back(Action::StopPlay { leg: to });
            self.actions.push_back(Action::BridgeLegs { a: from, b: to });
            return self.record_with(None);
        }
        self.note(Fact::Swapped { to: CALLER }, now);
        self.unpark(now);
        self.play(to, Sound::Prompt(super::HOLD_MUSIC.into()), true);
        self.actions.push_back(Action::Bridge { leg: from });
        self.record_with(Some(from));
    }
}

/// What an attempt that came to nothing says of its agent.
fn refusal(outcome: LegOutcome, rang: bool) -> Refusal {
    match outcome {
        LegOutcome::Rejected => Refusal::Rejected,
        LegOutcome::Busy if rang => Refusal::Rejected,
        LegOutcome::Busy => Refusal::Busy,
        LegOutcome::BusyTone => Refusal::Busy,
        LegOutcome::OtherKey | LegOutcome::HungUp => Refusal::Rejected,
        LegOutcome::NoKey => Refusal::Missed,
        LegOutcome::NoAnswer if rang => Refusal::Missed,
        LegOutcome::NoAnswer
        | LegOutcome::NotFound
        | LegOutcome::TrunkFailed
        | LegOutcome::Cancelled
        | LegOutcome::LateAnswer
        | LegOutcome::Answered
        | LegOutcome::NodeLost
        | LegOutcome::RingbackTone => Refusal::Failed,
    }
}
