//! One run of the model: what is due happens on a floor, and what the floor tells is done as a call does it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

use super::seen::{Response, Visit};
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
    ErrandOver(usize, AgentNo),
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
    /// Errands that follow a wait of their call, by the call, with the wait's place in what was seen, until it ends so again.
    errands: BTreeMap<CallId, Vec<(usize, usize)>>,
    /// Calls whose talk is sent on to another queue when it is over: their comer, the visit, and how long after.
    sent_on: BTreeMap<CallId, (usize, usize, u64)>,
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
            errands: BTreeMap::new(),
            sent_on: BTreeMap::new(),
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
            match model.visit_behind(errand) {
                Some(visit) => self.errands.entry(errand.call).or_default().push((place, visit)),
                None => self.at_wall(errand.from, Due::Errand(place)),
            }
        }
        for (place, comer) in self.comers.iter().enumerate() {
            // What follows a wait comes when that is over.
            if let Some(first) = comer.visits.first() {
                self.at_wall(Wall(comer.at.0 + first.after_ms as i64), Due::Comes(place, 0));
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
        self.run.errands_left += self.errands.values().map(|errands| errands.len() as u64).sum::<u64>();
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
            Due::ErrandOver(place, agent) => {
                self.floor.over_of(self.model.seen.errands[place].call, agent, now)
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
                let ms = (errand.to.0 - errand.from.0).max(0) as u64;
                self.later(now.mono + ms, Due::ErrandOver(place, agent));
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
        // A key that the draft took away is not there to be pressed.
        let has_key =
            self.comers[comer].visits[visit].end.as_ref().is_some_and(|end| end.why == StayEnd::ByKey);
        if let Some(ms) = self.model.key_ms(call, &queue, turn).filter(|_| has_key) {
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
        let is_last = matches!(why, StayEnd::Answered | StayEnd::Abandoned | StayEnd::CutOff);
        match (&visit.end, comer.visits.get(at + 1)) {
            (Some(end), Some(next)) if end.why == why => {
                let left_ms = visit.after_ms + end.wait_ms + end.busy_ms.unwrap_or(0);
                let after_ms = next.after_ms.saturating_sub(left_ms);
                match why {
                    StayEnd::Answered => _ = self.sent_on.insert(comer.call, (place, at + 1, after_ms)),
                    _ => self.later(self.now + after_ms, Due::Comes(place, at + 1)),
                }
            }
            (Some(end), None) if end.why == why => {}
            _ if is_last => {}
            _ => self.run.beyond += 1,
        }
        self.errands_behind(place, at, why);
    }

    /// What a call kept other agents with behind a wait, it keeps them with behind a wait that ends the same way.
    fn errands_behind(&mut self, place: usize, at: usize, why: StayEnd) {
        let visits = &self.comers[place].visits;
        let (call, queue) = (self.comers[place].call, &visits[at].queue);
        let turn = visits[..at].iter().filter(|visit| visit.queue == *queue).count();
        let Some(left) = self.errands.remove(&call) else { return };
        let Some(comer) = self.model.comer(call) else { return };
        let of_queue = |(_, visit): &(usize, &Visit)| visit.queue == *queue;
        let own = comer.visits.iter().enumerate().filter(of_queue).nth(turn);
        let own = own.and_then(|(place, visit)| Some((place, visit.after_ms, visit.end.as_ref()?)));
        let own = own.filter(|(.., end)| end.why == why);
        let (behind, left): (Vec<_>, Vec<_>) =
            left.into_iter().partition(|(_, visit)| own.is_some_and(|(own, ..)| own == *visit));
        self.errands.insert(call, left);
        let over = own.map_or(0, |(_, after_ms, end)| comer.at.0 + (after_ms + end.wait_ms) as i64);
        for (errand, _) in behind {
            let after_ms = (self.model.seen.errands[errand].from.0 - over).max(0) as u64;
            self.later(self.now + after_ms, Due::Errand(errand));
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
        if let Some((comer, visit, after_ms)) = self.sent_on.remove(&call) {
            self.later(now.mono + after_ms, Due::Comes(comer, visit));
        }
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

    fn answered(queue: &str, after_ms: u64, wait_ms: u64, agent: &str, busy_ms: u64) -> Visit {
        let agent = Some(agent.into());
        let end = Some(Ended { why: StayEnd::Answered, wait_ms, agent, busy_ms: Some(busy_ms) });
        Visit { queue: queue.into(), after_ms, is_moved: false, end }
    }

    /// A call that came so long behind the login; by the log, agents took 5 s to answer it.
    fn comes(seen: &mut Seen, call: u128, at: i64, visits: Vec<Visit>) {
        let call = CallId(call);
        let agents: BTreeSet<Arc<str>> =
            visits.iter().filter_map(|visit| visit.end.as_ref()?.agent.clone()).collect();
        let offer = |agent| Offer { agent, ms: 5_000, response: Response::Answered };
        seen.offers.insert(call, agents.into_iter().map(offer).collect());
        let number = crate::HotlineNumber::from_suffix(6_010_100).expect("seven digits");
        let (caller, at) = ("".into(), Wall(LOGIN + at));
        seen.comers.push(Comer { call, number, caller, at, priority: 0, visits });
    }

    /// A queue for each agent, by their numbers.
    fn staff(wrap_up: WrapUp) -> Staff {
        let id = crate::TenantId::new("huaxin");
        let mut document = crate::enterprise::Enterprise::new(id, "Huaxin", crate::PlanId::new("T1"));
        for number in ["8001", "8002"] {
            document.agents.push(crate::enterprise::Agent {
                number: number.into(),
                name: "Lin".into(),
                extension: number[1..].into(),
                mobile: None,
                confirm: None,
                skills: Default::default(),
                capacity: None,
                shifts: Vec::new(),
            });
            document.queues.push(crate::enterprise::Queue {
                wrap_up,
                leave_empty: Vec::new(),
                join_empty: Vec::new(),
                ..crate::enterprise::Queue::new(number, &[number])
            });
        }
        crate::enterprise::staff(&document, 1)
    }

    fn waits(run: &Run) -> Vec<(u128, &str, StayEnd, u64)> {
        run.waits.iter().map(|wait| (wait.call.0, &*wait.queue, wait.why, wait.wait_ms)).collect()
    }

    /// By the log the agent rests from 620 s to 740 s; in the model it is in a call until 655 s and writes up until 675 s.
    #[test]
    fn a_rest_that_is_asked_for_in_a_call_begins_when_it_is_written_up() {
        let mut seen = Seen::default();
        let ends = vec![stood(600_000, 60_000, 0, 0), stood(1_200_000, 90_000, 20_000, 120_000)];
        seen.stood.insert("8001".into(), ends);
        comes(&mut seen, 1, 560_000, vec![answered("8001", 0, 5_000, "8001", 90_000)]);
        comes(&mut seen, 2, 670_000, vec![answered("8001", 0, 5_000, "8001", 90_000)]);
        let staff = staff(WrapUp::Optional { ms_max: None });
        let model = Model::new(seen, &staff);
        let run = model.run(&staff, model.comers());
        // Behind 20 s of after-work it rests for its 120 s, and takes 5 s to answer.
        let expected = [(1, "8001", StayEnd::Answered, 5_000), (2, "8001", StayEnd::Answered, 130_000)];
        assert_eq!(waits(&run), expected);
    }

    /// By the log 8001 sends the first call to 8002, who has it for 200 s; the second waits for 8002 meanwhile.
    #[test]
    fn a_call_that_is_not_answered_keeps_nobody_else() {
        let mut seen = Seen::default();
        seen.stood.insert("8001".into(), vec![stood(1_200_000, 30_000, 0, 0)]);
        seen.stood.insert("8002".into(), vec![stood(1_200_000, 290_000, 0, 0)]);
        comes(&mut seen, 1, 600_000, vec![answered("8001", 0, 5_000, "8001", 30_000)]);
        comes(&mut seen, 2, 700_000, vec![answered("8002", 0, 140_000, "8002", 90_000)]);
        let (from, to) = (Wall(LOGIN + 635_000), Wall(LOGIN + 835_000));
        seen.errands.push(super::super::seen::Errand { call: CallId(1), agent: "8002".into(), from, to });
        let staff = staff(WrapUp::None);
        let model = Model::new(seen, &staff);
        let run = model.run(&staff, model.comers());
        let first = (1, "8001", StayEnd::Answered, 5_000);
        assert_eq!(waits(&run), [first, (2, "8002", StayEnd::Answered, 140_000)]);
        assert_eq!(run.errands_left, 0);
        let closed = model.run(&staff, &model.comers()[1..]);
        assert_eq!(waits(&closed), [(2, "8002", StayEnd::Answered, 5_000)]);
        assert_eq!(closed.errands_left, 1);
    }

    /// By the log 8001 sends the call on to the queue of 8002, 2 s after its talk.
    #[test]
    fn a_call_is_sent_on_from_the_talk_it_comes_to_and_from_none_else() {
        let visits = |of: [&'static str; 2]| {
            let moved = answered("8002", 37_000, 5_000, of[1], 60_000);
            vec![answered("8001", 0, 5_000, of[0], 30_000), Visit { is_moved: true, ..moved }]
        };
        let run = |on_duty: &str| {
            let mut seen = Seen::default();
            seen.stood.insert(on_duty.into(), vec![stood(1_200_000, 30_000, 0, 0)]);
            seen.stood.insert("8002".into(), vec![stood(1_200_000, 60_000, 0, 0)]);
            comes(&mut seen, 1, 600_000, visits(["8001", "8002"]));
            let staff = staff(WrapUp::None);
            let model = Model::new(seen, &staff);
            model.run(&staff, model.comers())
        };
        let answers = run("8001");
        let sent_on: Vec<_> = answers.waits.iter().map(|wait| (&*wait.queue, wait.at.0 - LOGIN)).collect();
        assert_eq!(sent_on, [("8001", 600_000), ("8002", 637_000)]);
        // Nobody answers, and nobody sends the call on.
        let nobody = run("8002");
        assert!(matches!(waits(&nobody)[..], [(1, "8001", StayEnd::TimedOut, _)]), "{nobody:?}");
        assert_eq!(nobody.beyond, 1);
    }

    /// By the log the caller pressed a key after 20 s; the draft has no key there.
    #[test]
    fn a_key_that_is_gone_is_not_pressed() {
        let ended = |why| Some(Ended { why, wait_ms: 20_000, agent: None, busy_ms: None });
        let mut seen = Seen::default();
        let visit = Visit { end: ended(StayEnd::ByKey), ..answered("8001", 0, 0, "8001", 0) };
        comes(&mut seen, 1, 600_000, vec![visit]);
        let staff = staff(WrapUp::None);
        let model = Model::new(seen, &staff);
        assert_eq!(waits(&model.run(&staff, model.comers())), [(1, "8001", StayEnd::ByKey, 20_000)]);
        let mut draft = model.comers().to_vec();
        draft[0].visits[0].end = None;
        let run = model.run(&staff, &draft);
        assert!(matches!(waits(&run)[..], [(1, "8001", StayEnd::TimedOut, _)]), "{run:?}");
    }

    /// 20 s of ringing in vain say nothing of the 21st second: others answer after 25 s.
    #[test]
    fn who_rang_in_vain_may_answer_a_longer_ringing() {
        let mut seen = Seen::default();
        let offer = |ms, response| Offer { agent: "8001".into(), ms, response };
        for call in 2..=20 {
            seen.offers.insert(CallId(call), vec![offer(25_000, Response::Answered)]);
        }
        let missed = Response::Refused(Refusal::Missed);
        seen.offers.insert(CallId(1), vec![offer(20_000, missed)]);
        let model = Model::new(seen, &staff(WrapUp::None));
        assert_eq!(model.response(CallId(1), "8001", 0, 20_000), (20_000, missed));
        assert_eq!(model.response(CallId(1), "8001", 0, 30_000), (25_000, Response::Answered));
    }
}
