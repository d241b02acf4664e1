//! The agents of one call: who rings for it past all queues, who talks in it, and that each is free of it at its end, whichever
//! end that is (rows Q10, Q24).

use std::sync::Arc;

use super::{Call, Desk, LegNo};
use crate::Mono;
use crate::agent::{Refusal, State};
use crate::flow::{QueueExits, StepNo};
use crate::queue::AgentNo;

/// An agent whom the call keeps.
#[derive(Debug)]
pub(super) struct Serving {
    leg: LegNo,
    agent: AgentNo,
    number: Arc<str>,
    /// Else the phone rings.
    talks: bool,
}

impl Serving {
    pub(super) fn talking(leg: LegNo, agent: AgentNo, number: Arc<str>) -> Self {
        Self { leg, agent, number, talks: true }
    }
}

impl Call {
    fn take_serving(&mut self, leg: LegNo) -> Option<Serving> {
        let serving = &mut self.queued.as_mut()?.serving;
        let place = serving.iter().position(|one| one.leg == leg)?;
        Some(serving.swap_remove(place))
    }

    /// Whether the talk, or the transfer that is going on, is this agent's: whoever is only asked orders nothing about it.
    pub fn is_led_by(&self, agent: &str) -> bool {
        let leg = match &self.state {
            super::State::Talking { leg } => Some(*leg),
            super::State::Transferring(transfer) => transfer.from(),
            _ => None,
        };
        leg.and_then(|leg| self.agent_on(leg)).is_some_and(|number| *number == *agent)
    }

    /// The agent whose phone a leg is, by number.
    pub(super) fn agent_on(&self, leg: LegNo) -> Option<Arc<str>> {
        let serving = &self.queued.as_ref()?.serving;
        serving.iter().find(|one| one.leg == leg).map(|one| one.number.clone())
    }

    /// The phone of an agent rings for this call, by no queue's offer.
    pub(super) fn agent_rings(
        &mut self,
        leg: LegNo,
        agent: AgentNo,
        number: &Arc<str>,
        desk: &mut Desk<'_>,
        now: Mono,
    ) {
        desk.tenant.floor_mut().ring(self.id, agent, self.both(now));
        let one = Serving { leg, agent, number: number.clone(), talks: false };
        self.queued.get_or_insert_default().serving.push(one);
    }

    /// The agent whose phone rang answered.
    pub(super) fn agent_took(&mut self, leg: LegNo, desk: &mut Desk<'_>, now: Mono) {
        let (id, both) = (self.id, self.both(now));
        let Some(queued) = &mut self.queued else { return };
        if let Some(one) = queued.serving.iter_mut().find(|one| one.leg == leg) {
            one.talks = true;
            let queue = queued.last.as_ref().map(|(queue, ..)| queue.clone());
            desk.tenant.floor_mut().took(id, one.agent, queue.as_deref(), both);
        }
    }

    /// The agent whose phone rang does not have the call.
    pub(super) fn agent_missed(&mut self, leg: LegNo, how: Refusal, desk: &mut Desk<'_>, now: Mono) {
        let Some(one) = self.take_serving(leg) else { return };
        desk.tenant.floor_mut().rings_no_more(self.id, one.agent, how, self.both(now));
        self.keep_agent(&one.number, desk, now);
    }

    /// The leg of an agent who talked is over: after-work follows.
    pub(super) fn agent_leaves(&mut self, leg: LegNo, desk: &mut Desk<'_>, now: Mono) {
        let Some(one) = self.take_serving(leg) else { return };
        desk.tenant.floor_mut().over_of(self.id, one.agent, self.both(now));
        self.keep_agent(&one.number, desk, now);
    }

    /// The call ends: all its agents are free of it.
    pub(super) fn agents_leave(&mut self, desk: &mut Desk<'_>, now: Mono) {
        let legs: Vec<(LegNo, bool)> = match &self.queued {
            Some(queued) => queued.serving.iter().map(|one| (one.leg, one.talks)).collect(),
            None => return,
        };
        for (leg, talks) in legs {
            match talks {
                true => self.agent_leaves(leg, desk, now),
                false => self.agent_missed(leg, Refusal::Withdrawn, desk, now),
            }
        }
    }

    /// An agent to whom a caller comes back: after-work does not stand in the way, another call does.
    pub(super) fn agent_to_return_to(
        &self,
        number: &Arc<str>,
        desk: &mut Desk<'_>,
    ) -> Option<(AgentNo, Arc<str>)> {
        let (place, rules, state) = desk.tenant.floor_mut().agent_numbered(number)?;
        match state {
            State::Free | State::AfterWork => Some((place, rules.number.clone())),
            State::Off | State::Ringing | State::Talking | State::Rest => None,
        }
    }

    /// The queue it waited in last, with its ways out.
    pub(super) fn last_queue(&self) -> Option<(Arc<str>, QueueExits, StepNo)> {
        self.queued.as_ref()?.last.clone()
    }

    /// The music of the queue it waited in last, where that has its own.
    pub(super) fn music_of_queue(&self) -> Option<Arc<str>> {
        self.queued.as_ref()?.music.clone()
    }
}
