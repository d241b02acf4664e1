//! One run of the model: what is due happens on a floor, and what the floor tells is done as a call does it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

use super::seen::Response;
use super::{Comer, Model, Modelled, Run};
use crate::agent::{Duty, Refusal, Rest, State, WrapUp};
use crate::cdr::StayEnd;
use crate::queue::{AgentNo, Floor, Join, Left, NoPlace, Order, Staff, Told};
use crate::{CallId, Mono, Now, Wall};

/// What a clock shows when the first thing happens: waits that began before have room below it.
const BEGINS: u64 = 1 << 40;
/// As calls do: a caller who waits is looked at so often, and a phone that rang for its time is given up a little later.
const SPILL_EVERY_MS: u64 = 5_000;
const RING_GRACE_MS: u64 = 4_000;
/// Whether a rest that waits for the end of a call has begun is looked at so often.
const LOOKS_AGAIN_MS: u64 = 5_000;
/// So often at most: whatever keeps an agent for longer, its rest is over then.
const LOOKS_MAX: u16 = 1_440;
/// Newer than any version of a document.
const VERSION: u32 = u32::MAX;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Duty(usize, Turn),
    /// A comer's wait begins.
    Comes(usize, usize),
    TalkOver(CallId, AgentNo),
    ErrandOver(usize),
    Errand(usize),
    Responds(CallId, AgentNo, u64),
    WroteUp(AgentNo, CallId),
    Returns(AgentNo),
    GivesUp(u64, CallId),
    PressesKey(u64, CallId),
    PatienceOver(u64, CallId),
    Looks(u64, CallId),
}

/// What an agent orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    Out,
    In,
    Rest,
    /// Back from a rest that lasts so many milliseconds; how often that may be put off.
    Back(u64, u16),
}

/// A call that waits.
#[derive(Debug)]
struct Waiting {
    comer: usize,
    visit: usize,
    turn: usize,
    serial: u64,
    joined: Mono,
    /// Offers that ring, by their serials.
    offers: BTreeMap<AgentNo, (u64, Response)>,
}

pub(super) struct Running<'m> {
    model: &'m Model,
    comers: &'m [Comer],
    staff: Staff,
    floor: Floor,
    due: BinaryHeap<Reverse<(Mono, u64, Due)>>,
    serial: u64,
    now: Mono,
    /// Wall time of the clock's zero.
    offset_ms: i64,
    agents: Vec<Arc<str>>,
    waiting: BTreeMap<CallId, Waiting>,
    talking: BTreeSet<CallId>,
    /// How often each call came to a queue, and when first.
    came: BTreeMap<(CallId, Arc<str>), (usize, Mono)>,
    /// Offers of a call to an agent so far.
    offered: BTreeMap<(CallId, AgentNo), usize>,
    run: Run,
}

impl<'m> Running<'m> {
    pub fn new(model: &'m Model, staff: &Staff, comers: &'m [Comer]) -> Self {
        let shifts = model.roster.shifts.values().flatten().map(|shift| shift.from);
        let first = comers.iter().map(|comer| comer.at).chain(shifts).min().unwrap_or(Wall(0));
        let mut running = Self {
            model,
            comers,
            staff: modelled(staff),
            floor: Floor::default(),
            due: BinaryHeap::new(),
            serial: 0,
            now: Mono(BEGINS),
            offset_ms: first.0 - BEGINS as i64,
            agents: model.roster.shifts.keys().cloned().collect(),
            waiting: BTreeMap::new(),
            talking: BTreeSet::new(),
            came: BTreeMap::new(),
            offered: BTreeMap::new(),
            run: Run::default(),
        };
        running.floor.take_staff(&running.staff, running.at());
        running.plan();
        running
    }

    /// Lays out what is known beforehand.
    fn plan(&mut self) {
        let model = self.model;
        for (place, shifts) in model.roster.shifts.values().enumerate() {
            for shift in shifts {
                self.at_wall(shift.from, Due::Duty(place, Turn::In));
                self.at_wall(shift.to, Due::Duty(place, Turn::Out));
                for (from, to) in shift.rests.iter().filter(|(from, _)| *from < shift.to) {
                    self.at_wall(*from, Due::Duty(place, Turn::Rest));
                    if *to < shift.to {
                        let ms = (to.0 - from.0).max(0) as u64;
                        self.at_wall(*to, Due::Duty(place, Turn::Back(ms, LOOKS_MAX)));
                    }
                }
            }
        }
        for (place, errand) in model.seen.errands.iter().enumerate() {
            self.at_wall(errand.from, Due::Errand(place));
        }
        for (place, comer) in self.comers.iter().enumerate() {
            let mut flow = true;
            for (at, visit) in comer.visits.iter().enumerate() {
                // What follows a wait of the flow's comes when that is over; where people send a call is their doing.
                if flow || visit.is_moved {
                    let wall = Wall(comer.at.0 + visit.after_ms as i64);
                    self.at_wall(wall, Due::Comes(place, at));
                }
                flow = false;
            }
        }
    }

    pub fn run(mut self) -> Run {
        loop {
            let first = self.due.peek().map(|Reverse((at, ..))| *at);
            match (first, self.floor.next_timeout()) {
                (Some(at), timeout) if timeout.is_none_or(|timeout| at <= timeout) => {
                    let Some(Reverse((at, _, due))) = self.due.pop() else { break };
                    self.now = self.now.max(at);
                    self.happen(due);
                }
                (_, Some(timeout)) if !self.waiting.is_empty() || first.is_some() => {
                    self.now = self.now.max(timeout);
                    let now = self.at();
                    self.floor.handle_timeout(now);
                }
                _ => break,
            }
            self.hear();
        }
        self.run
    }

    fn at(&self) -> Now {
        Now { mono: self.now, wall: Wall::of(self.now, self.offset_ms) }
    }

    fn at_wall(&mut self, wall: Wall, due: Due) {
        let at = Mono((wall.0 - self.offset_ms).max(0) as u64);
        self.later(at, due);
    }

    fn later(&mut self, at: Mono, due: Due) {
        self.serial += 1;
        self.due.push(Reverse((at.max(self.now), self.serial, due)));
    }

    fn happen(&mut self, due: Due) {
        let now = self.at();
        match due {
            Due::Duty(agent, turn) => self.order(agent, turn),
            Due::Comes(comer, visit) => self.comes(comer, visit),
            Due::TalkOver(call, agent) => self.talk_over(call, agent),
            Due::Errand(place) => self.errand(place),
            Due::ErrandOver(place) => {
                let errand = &self.model.seen.errands[place];
                if let Some((agent, ..)) = self.floor.agent_numbered(&errand.agent) {
                    self.floor.over_of(errand.call, agent, now);
                }
            }
            Due::Responds(call, agent, serial) => self.responds(call, agent, serial),
            Due::WroteUp(agent, call) => self.wrote_up(agent, call),
            Due::Returns(agent) => self
                .ready(agent, |agent| matches!(agent.duty(), Duty::Rest(Rest::NoAnswer | Rest::Unreachable))),
            Due::GivesUp(serial, call) => self.leaves(call, serial, Left::Gone, StayEnd::Abandoned),
            Due::PressesKey(serial, call) => self.leaves(call, serial, Left::SentOn, StayEnd::ByKey),
            Due::PatienceOver(serial, call) => self.leaves(call, serial, Left::SentOn, StayEnd::TimedOut),
            Due::Looks(serial, call) => self.looks(call, serial),
        }
    }

    /// Does what the floor tells calls.
    fn hear(&mut self) {
        while let Some((call, told)) = self.floor.poll() {
            match told {
                Told::Offer { agent } => self.offer(call, agent),
                Told::Empty => self.left(call, StayEnd::LeftEmpty, None),
                Told::Relaxed { .. } | Told::Withdrawn => {}
            }
        }
    }

    fn order(&mut self, agent: usize, turn: Turn) {
        if let Turn::Back(ms, looks @ 1..) = turn
            && let Some(at) = self.rests_until(agent, ms)
        {
            return self.later(at, Due::Duty(agent, Turn::Back(ms, looks - 1)));
        }
        let order = match turn {
            Turn::Out => Order::LogOut,
            Turn::In => Order::LogIn,
            Turn::Rest => Order::Rest(Rest::Own("".into())),
            Turn::Back(..) => Order::Ready,
        };
        // Whom the document names no more is nobody; whose state does not allow it was not in it.
        let now = self.at();
        if turn == Turn::Out
            && let Some((_, _, State::AfterWork)) = self.floor.agent_numbered(&self.agents[agent])
        {
            // Who leaves writes up no more.
            _ = self.floor.obey(&self.agents[agent], &Order::Ready, now);
        }
        _ = self.floor.obey(&self.agents[agent], &order, now);
    }

    /// When a rest that is to last for so long is over; none if that is so by now. In the model it may begin later, behind a call.
    fn rests_until(&self, agent: usize, ms: u64) -> Option<Mono> {
        let (place, _, state) = self.floor.agent_numbered(&self.agents[agent])?;
        let (_, agent) = self.floor.agent(place)?;
        match state {
            State::Rest => Some(agent.since() + ms).filter(|at| *at > self.now),
            State::Talking | State::Ringing | State::AfterWork => Some(self.now + LOOKS_AGAIN_MS),
            State::Off | State::Free => None,
        }
    }

    /// After-work is over. Who asked for a rest meanwhile has it now: what a moment of readiness brings is taken back.
    fn wrote_up(&mut self, agent: AgentNo, call: CallId) {
        let Some((rules, one)) = self.floor.agent(agent) else { return };
        if !one.after_work().is_some_and(|work| work.call == Some(call) && work.may_end) {
            return;
        }
        let (number, duty, now) = (rules.number.clone(), one.duty().clone(), self.at());
        _ = self.floor.obey(&number, &Order::Ready, now);
        if let Duty::Rest(rest) = duty {
            _ = self.floor.obey(&number, &Order::Rest(rest), now);
        }
    }

    fn ready(&mut self, agent: AgentNo, may: impl Fn(&crate::agent::Agent) -> bool) {
        let now = self.at();
        let Some((rules, _)) = self.floor.agent(agent).filter(|(_, agent)| may(agent)) else { return };
        let number = rules.number.clone();
        _ = self.floor.obey(&number, &Order::Ready, now);
    }

    /// Another call keeps an agent, unless one of a queue does already.
    fn errand(&mut self, place: usize) {
        let errand = &self.model.seen.errands[place];
        let now = self.at();
        match self.floor.agent_numbered(&errand.agent) {
            Some((agent, _, State::Free | State::Rest | State::Off)) => {
                self.floor.ring(errand.call, agent, now);
                self.floor.took(errand.call, agent, None, now);
                self.at_wall(errand.to, Due::ErrandOver(place));
            }
            _ => self.run.errands_left += 1,
        }
    }

    fn comes(&mut self, place: usize, at: usize) {
        let (comer, now) = (&self.comers[place], self.at());
        let (call, queue) = (comer.call, comer.visits[at].queue.clone());
        if self.waiting.contains_key(&call) || (at > 0 && self.talking.contains(&call)) {
            self.run.left += 1;
            return;
        }
        let before = self.came.get(&(call, queue.clone())).copied();
        let since = before.map(|(_, since)| since);
        let seed = call.0 as u64 ^ at as u64;
        let join = Join { call, caller: &comer.caller, priority: comer.priority, since, seed };
        let joined = self.floor.join(&queue, &join, now);
        let turn = before.map_or(0, |(turns, _)| turns);
        let credited_ms = joined.and_then(Result::ok).map_or(0, |joined| joined.credited_ms);
        self.came.insert((call, queue.clone()), (turn + 1, since.unwrap_or(now.mono - credited_ms)));
        match joined {
            None => self.run.left += 1,
            Some(Err(why)) => {
                let why = match why {
                    NoPlace::Full => StayEnd::Full,
                    NoPlace::Empty => StayEnd::Empty,
                };
                self.over(place, at, now.mono, why, None);
            }
            Some(Ok(_)) => self.waits(place, at, turn),
        }
    }

    fn waits(&mut self, comer: usize, visit: usize, turn: usize) {
        let (call, joined) = (self.comers[comer].call, self.now);
        let queue = self.comers[comer].visits[visit].queue.clone();
        self.serial += 1;
        let serial = self.serial;
        let offers = BTreeMap::new();
        self.waiting.insert(call, Waiting { comer, visit, turn, serial, joined, offers });
        let rules = self.floor.queue_rules(&queue);
        let (patience_ms, spills) =
            rules.map_or((0, false), |rules| (rules.patience_ms, rules.spill.is_some()));
        if let Some(ms) = self.model.patience_ms(call, &queue, turn) {
            self.later(joined + ms, Due::GivesUp(serial, call));
        }
        if let Some(ms) = self.model.key_ms(call, &queue, turn) {
            self.later(joined + ms, Due::PressesKey(serial, call));
        }
        self.later(joined + patience_ms, Due::PatienceOver(serial, call));
        if spills {
            self.looks(call, serial);
        }
    }

    fn is_waiting(&self, call: CallId, serial: u64) -> bool {
        self.waiting.get(&call).is_some_and(|waits| waits.serial == serial)
    }

    fn looks(&mut self, call: CallId, serial: u64) {
        if !self.is_waiting(call, serial) {
            return;
        }
        let now = self.at();
        match self.floor.spills(call, now) {
            Some(_) => self.leaves(call, serial, Left::Spilled, StayEnd::Spilled),
            None => self.later(now.mono + SPILL_EVERY_MS, Due::Looks(serial, call)),
        }
    }

    fn leaves(&mut self, call: CallId, serial: u64, how: Left, why: StayEnd) {
        if self.is_waiting(call, serial) {
            let now = self.at();
            self.floor.leave(call, how, now);
            self.left(call, why, None);
        }
    }

    /// A call waits no more; the floor knows that.
    fn left(&mut self, call: CallId, why: StayEnd, agent: Option<Arc<str>>) {
        if let Some(waits) = self.waiting.remove(&call) {
            self.over(waits.comer, waits.visit, waits.joined, why, agent);
        }
    }

    /// A wait is over; the flow's next follows if the log tells where this end leads.
    fn over(&mut self, place: usize, at: usize, joined: Mono, why: StayEnd, agent: Option<Arc<str>>) {
        let comer = &self.comers[place];
        let visit = &comer.visits[at];
        self.run.waits.push(Modelled {
            call: comer.call,
            queue: visit.queue.clone(),
            at: Wall::of(joined, self.offset_ms),
            why,
            wait_ms: self.now.since_ms(joined),
            agent,
        });
        let next = comer.visits.get(at + 1).filter(|next| !next.is_moved);
        let is_last = matches!(why, StayEnd::Answered | StayEnd::Abandoned | StayEnd::CutOff);
        match (&visit.end, next) {
            (Some(end), Some(next)) if end.why == why => {
                let left_ms = visit.after_ms + end.wait_ms;
                let at_next = self.now + next.after_ms.saturating_sub(left_ms);
                self.later(at_next, Due::Comes(place, at + 1));
            }
            (Some(end), None) if end.why == why => {}
            _ if is_last => {}
            _ => self.run.beyond += 1,
        }
    }

    fn offer(&mut self, call: CallId, agent: AgentNo) {
        let Some(waits) = self.waiting.get_mut(&call) else { return };
        let queue = &self.comers[waits.comer].visits[waits.visit].queue;
        let ring_ms = self.floor.queue_rules(queue).map_or(0, |rules| rules.ring_ms);
        let Some((rules, one)) = self.floor.agent(agent) else { return };
        if *one.duty() != Duty::Ready {
            let now = self.at();
            _ = self.floor.refused(call, agent, Refusal::Withdrawn, now);
            return;
        }
        let turn = self.offered.entry((call, agent)).or_default();
        let (ms, response) = self.model.response(call, &rules.number, *turn, ring_ms);
        *turn += 1;
        let (ms, response) = match ms > ring_ms + RING_GRACE_MS {
            true => (ring_ms, Response::Refused(Refusal::Missed)),
            false => (ms, response),
        };
        self.serial += 1;
        waits.offers.insert(agent, (self.serial, response));
        let serial = self.serial;
        self.later(self.now + ms, Due::Responds(call, agent, serial));
    }

    fn responds(&mut self, call: CallId, agent: AgentNo, serial: u64) {
        let Some(waits) = self.waiting.get_mut(&call) else { return };
        let Some((_, response)) = waits.offers.get(&agent).copied().filter(|(of, _)| *of == serial) else {
            return;
        };
        let now = self.at();
        if response == Response::Answered {
            return self.answers(call, agent, now);
        }
        if let Some(waits) = self.waiting.get_mut(&call) {
            waits.offers.remove(&agent);
        }
        let how = match response {
            Response::Refused(how) => how,
            Response::Answered | Response::Withdrawn => Refusal::Failed,
        };
        if self.floor.refused(call, agent, how, now).is_some() {
            let number = self.number(agent);
            let ms = self.model.return_ms(&number, call);
            self.later(now.mono + ms, Due::Returns(agent));
        }
    }

    fn answers(&mut self, call: CallId, agent: AgentNo, now: Now) {
        let number = self.number(agent);
        self.floor.answered(call, agent, now);
        let Some(waits) = self.waiting.get(&call) else { return };
        let queue = self.comers[waits.comer].visits[waits.visit].queue.clone();
        let ms = self.model.busy_ms(call, &queue, waits.turn, &number);
        self.talking.insert(call);
        self.left(call, StayEnd::Answered, Some(number));
        self.later(now.mono + ms, Due::TalkOver(call, agent));
    }

    fn number(&self, agent: AgentNo) -> Arc<str> {
        self.floor.agent(agent).map_or_else(|| "".into(), |(rules, _)| rules.number.clone())
    }

    fn talk_over(&mut self, call: CallId, agent: AgentNo) {
        let now = self.at();
        self.talking.remove(&call);
        self.floor.over_of(call, agent, now);
        let work = self.floor.agent(agent).and_then(|(_, agent)| agent.after_work());
        if work.is_some_and(|work| work.may_end) {
            let number = self.number(agent);
            let ms = self.model.after_work_ms(&number, call);
            self.later(now.mono + ms, Due::WroteUp(agent, call));
        }
    }
}

/// The staff as the model has it: who must say what came of a call writes up for as long as that took, and nobody is told anything.
fn modelled(staff: &Staff) -> Staff {
    let mut staff = Staff { version: VERSION, ..staff.clone() };
    for queue in &mut staff.queues {
        if queue.results.take().is_some_and(|results| results.mandatory) {
            queue.wrap_up = WrapUp::Optional { ms_max: None };
        }
        (queue.wait_told, queue.callback, queue.survey) = (None, None, None);
    }
    staff
}

#[cfg(test)]
mod tests {
    use super::super::seen::{Ended, Offer, Seen, Stood, Visit};
    use super::*;
    use crate::agent::Times;

    const LOGIN: i64 = 1_000_000;

    fn stood(at: i64, talking: u64, after_work: u64, rest: u64) -> Stood {
        let free = at as u64 - talking - after_work - rest;
        let times = Times { free, ringing: 0, talking, after_work, rest };
        Stood { at: Wall(LOGIN + at), since: Some(Wall(LOGIN)), times, duty: Duty::Ready }
    }

    /// A call that the agent answered, by the log, and had for 90 s.
    fn comes(seen: &mut Seen, call: u128, at: i64) {
        let agent: Arc<str> = "8001".into();
        let call = CallId(call);
        let end = Ended {
            why: StayEnd::Answered,
            wait_ms: 5_000,
            agent: Some(agent.clone()),
            busy_ms: Some(90_000),
        };
        let visit = Visit { queue: "sales".into(), after_ms: 0, is_moved: false, end: Some(end) };
        let number = crate::HotlineNumber::from_suffix(6_010_100).expect("seven digits");
        let (caller, at) = ("".into(), Wall(LOGIN + at));
        seen.comers.push(Comer { call, number, caller, at, priority: 0, visits: vec![visit] });
        let offer = Offer { agent, ms: 5_000, response: Response::Answered };
        seen.offers.insert(call, vec![offer]);
    }

    /// By the log the agent rests from 620 s to 740 s; in the model it is in a call until 655 s and writes up until 675 s.
    #[test]
    fn a_rest_that_is_asked_for_in_a_call_begins_when_it_is_written_up() {
        let mut seen = Seen::default();
        let ends = vec![stood(600_000, 60_000, 0, 0), stood(1_200_000, 90_000, 20_000, 120_000)];
        seen.stood.insert("8001".into(), ends);
        comes(&mut seen, 1, 560_000);
        comes(&mut seen, 2, 670_000);
        let id = crate::TenantId::new("huaxin");
        let mut document = crate::enterprise::Enterprise::new(id, "Huaxin", crate::PlanId::new("T1"));
        document.agents.push(crate::enterprise::Agent {
            number: "8001".into(),
            name: "Lin".into(),
            extension: "801".into(),
            mobile: None,
            confirm: None,
            skills: Default::default(),
            capacity: None,
        });
        let wrap_up = WrapUp::Optional { ms_max: None };
        let queue = crate::enterprise::Queue {
            wrap_up,
            leave_empty: Vec::new(),
            join_empty: Vec::new(),
            ..crate::enterprise::Queue::new("sales", &["8001"])
        };
        document.queues.push(queue);
        let staff = crate::enterprise::staff(&document, 1);
        let model = Model::new(seen, &staff);
        let run = model.run(&staff, model.comers());
        let waits: Vec<_> = run.waits.iter().map(|wait| (wait.call.0, wait.why, wait.wait_ms)).collect();
        // Behind 20 s of after-work it rests for its 120 s, and takes 5 s to answer.
        assert_eq!(waits, [(1, StayEnd::Answered, 5_000), (2, StayEnd::Answered, 130_000)]);
    }
}
