//! The agents of one call: who rings for it past all queues, who talks in it, and that each is free of it at its end, whichever
//! end that is (rows Q10, Q24).

use std::sync::Arc;

use super::{Call, Dated, Desk, Fact, LegNo};
use crate::Mono;
use crate::agent::{Refusal, State};
use crate::flow::{QueueExits, StepNo};
use crate::queue::{AgentNo, Given};

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

/// Whether an agent talked in a call, by its log so far: with the caller, or with who asked about the caller. Whose phone
/// only rang did not.
pub fn talked_in(log: &[Dated], number: &str) -> bool {
    let is_up =
        |leg: LegNo| log.iter().any(|dated| matches!(dated.fact, Fact::LegAnswered { leg: up } if up == leg));
    log.iter().any(|dated| match &dated.fact {
        Fact::Offered { leg, agent } => **agent == *number && is_up(*leg),
        Fact::AgentTook { agent, .. } => **agent == *number,
        _ => false,
    })
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
            let agent = one.number.clone();
            self.note(Fact::AgentTook { leg, agent: agent.clone() }, now);
            self.await_result(agent, desk, now);
        }
    }

    /// An agent has the call: what comes of it is asked as the queue says that the call came by (row Q09). What stands unless
    /// the agent says otherwise is known from here on, whatever becomes of agent, call and node.
    pub(super) fn await_result(&mut self, agent: Arc<str>, desk: &Desk<'_>, now: Mono) {
        let Some((queue, ..)) = self.last_queue() else { return };
        let rules = desk.tenant.floor().and_then(|floor| floor.queue_rules(&queue));
        let Some(results) = rules.and_then(|rules| rules.results.as_deref()) else { return };
        self.note(Fact::ResultAwaited { agent, queue, default: results.default() }, now);
    }

    /// An agent said what came of the call, which may be over for the agent by now.
    pub(super) fn result_given(&mut self, agent: Arc<str>, given: Given, by: Arc<str>, now: Mono) {
        if !matches!(self.state, super::State::Over) {
            self.note(Fact::ResultGiven { agent, queue: given.queue, chosen: given.chosen, by }, now);
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

    /// What is due on the floor happens before an agent's state is looked at: whose after-work is over in this very instant may
    /// be offered a caller by that, and is not free for another.
    pub(super) fn floor_comes_up_to(&self, desk: &mut Desk<'_>, now: Mono) {
        if desk.tenant.floor().is_some() {
            desk.tenant.floor_mut().handle_timeout(self.both(now));
        }
    }

    /// An agent to whom a caller comes back: after-work does not stand in the way, another call does.
    pub(super) fn agent_to_return_to(
        &self,
        number: &Arc<str>,
        desk: &mut Desk<'_>,
        now: Mono,
    ) -> Option<(AgentNo, Arc<str>)> {
        self.floor_comes_up_to(desk, now);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q04_whoever_talked_in_a_call_had_it_and_whose_phone_only_rang_did_not() {
        let agent = |number: &str| Arc::<str>::from(number);
        let kept = |number| Fact::AgentKept { agent: agent(number), value: String::new(), turn: 1 };
        let facts = [
            Fact::Offered { leg: 1, agent: agent("8001") },
            kept("8001"),
            Fact::Offered { leg: 2, agent: agent("8002") },
            Fact::LegAnswered { leg: 2 },
            Fact::Offered { leg: 4, agent: agent("8003") },
            Fact::LegAnswered { leg: 5 },
            Fact::AgentTook { leg: 5, agent: agent("8004") },
            kept("8005"),
        ];
        let log: Vec<Dated> = facts.map(|fact| Dated { at: Mono(0), fact }).into();
        let talked = |number: &&str| talked_in(&log, number);
        let all = ["8001", "8002", "8003", "8004", "8005"];
        assert_eq!(all.into_iter().filter(talked).collect::<Vec<_>>(), ["8002", "8004"]);
    }
}
