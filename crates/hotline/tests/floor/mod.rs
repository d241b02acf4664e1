//! A floor without calls: callers who come and give up, agents who answer, miss, say no, rest and go home. It keeps its
//! own account of everything and holds each offer against it.

use std::collections::{BTreeMap, BTreeSet};

use hotline::agent::{Duty, Refusal, Rest, State, WrapUp};
use hotline::enterprise::Strategy;
use hotline::flow::Chance;
use hotline::priority::Turn;
use hotline::queue::{
    AgentNo, AgentRules, Floor, Join, Left, Member, Order, QueueRules, Staff, States, Told,
};
use hotline::{Beijing, CallId, Mono, Now, Wall};

pub const QUEUE: &str = "sales";
pub const PATIENCE_MS: u64 = 180_000;
pub const WRAP_UP_MS: u64 = 10_000;
/// What a call costs its agent.
pub const CALL_WEIGHT: u16 = 60;
const RING_MS: u64 = 15_000;
const PAUSE_MS: u64 = 10_000;

/// What is to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happens {
    Arrives,
    Answers(CallId, AgentNo),
    Refuses(CallId, AgentNo, Says),
    HangsUp(CallId),
    GivesUp(CallId),
    Orders(AgentNo),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Says {
    Nothing,
    No,
}

/// What the world itself knows of an agent.
#[derive(Clone, Debug, Default)]
pub struct Known {
    pub free_since: u64,
    pub paused_until: u64,
    pub day: String,
    pub answered: u64,
    pub talk_ms: u64,
    pub capacity: u16,
    offer: Option<CallId>,
    talk: Option<(CallId, u64)>,
}

/// What it knows of a caller.
#[derive(Clone, Debug)]
struct Waits {
    turn: Turn,
    joined: u64,
    offers: BTreeSet<AgentNo>,
    rejected_by: BTreeSet<AgentNo>,
}

/// How people behave, in percent.
#[derive(Clone, Copy, Debug)]
pub struct Manners {
    pub misses: u64,
    pub rejects: u64,
    pub gives_up: u64,
    /// The mean time between two callers, milliseconds.
    pub gap_ms: u64,
    /// The least of it.
    pub gap_ms_min: u64,
    /// Whether agents rest, come back, go home.
    pub moves: bool,
}

pub struct World {
    pub floor: Floor,
    pub strategy: Strategy,
    pub now_ms: u64,
    pub chance: Chance,
    pub agents: Vec<Known>,
    pub offers: Vec<(u64, AgentNo)>,
    pub waits_ms: Vec<u64>,
    pub gave_up: u64,
    manners: Manners,
    waiting: BTreeMap<CallId, Waits>,
    todo: BTreeSet<(u64, u64, Happens)>,
    serial: u64,
    left: u64,
    last: Option<AgentNo>,
    /// Whether not every agent may take every call.
    skilled: bool,
    began: Wall,
}

/// A queue of agents who all can all.
pub fn rules(strategy: Strategy, weights: &[u8]) -> QueueRules {
    let member = |(agent, weight): (u16, &u8)| Member { agent, weight: *weight };
    QueueRules {
        name: QUEUE.into(),
        strategy,
        members: (0..).zip(weights).map(member).collect(),
        patience_ms: PATIENCE_MS,
        size_max: 1_000,
        ring_ms: RING_MS,
        wrap_up: WrapUp::Forced { ms: WRAP_UP_MS },
        misses_max: Some(3),
        join_empty: States::default(),
        leave_empty: States::default(),
        steps: Box::default(),
        expected_talk_ms: 60_000,
        wait_told: None,
        music: None,
        answer: true,
        say_agent: Default::default(),
        survey: None,
        spill: None,
        callback: None,
        results: None,
        call_weight: CALL_WEIGHT,
    }
}

pub fn agent(number: usize, skills: &[(&str, u8)]) -> AgentRules {
    AgentRules {
        number: format!("{}", 8_001 + number).into(),
        name: format!("agent {number}").into(),
        phone: format!("acme-{}", 8_001 + number).into(),
        mobile: None,
        skills: skills.iter().map(|(skill, level)| ((*skill).into(), *level)).collect(),
        capacity: 100,
    }
}

impl World {
    pub fn new(rules: QueueRules, agents: Vec<AgentRules>, manners: Manners, seed: u64) -> Self {
        let count = agents.len();
        let (strategy, skilled) = (rules.strategy, !rules.steps.is_empty());
        let known =
            agents.iter().map(|rules| Known { capacity: rules.capacity, ..Known::default() }).collect();
        let capacity = Default::default();
        let staff = Staff { version: 1, capacity, agents: agents.into(), queues: [rules].into() };
        let mut world = Self {
            floor: Floor::default(),
            strategy,
            now_ms: 1_000_000,
            chance: Chance::new(seed),
            agents: known,
            offers: Vec::new(),
            waits_ms: Vec::new(),
            gave_up: 0,
            manners,
            waiting: BTreeMap::new(),
            todo: BTreeSet::new(),
            serial: 0,
            left: 0,
            last: None,
            skilled,
            began: Beijing::parse("2026-10-12T09:00:00").expect("a time").wall(),
        };
        world.floor.take_staff(&staff, world.now());
        for agent in 0..count as AgentNo {
            world.order(agent, Order::LogIn);
        }
        world
    }

    pub fn now(&self) -> Now {
        Now { mono: Mono(self.now_ms), wall: Wall(self.began.0 + self.now_ms as i64) }
    }

    /// So many calls come, and all are over in the end.
    pub fn run(&mut self, calls: u64) {
        self.left = calls;
        self.later(1, Happens::Arrives);
        if self.manners.moves {
            (0..self.agents.len() as AgentNo).for_each(|agent| self.later(60_000, Happens::Orders(agent)));
        }
        while self.left > 0
            || !self.waiting.is_empty()
            || self.agents.iter().any(|known| known.talk.is_some())
        {
            self.step();
        }
    }

    fn step(&mut self) {
        let first = self.todo.first().copied();
        let due = self.floor.next_timeout().map(|at| at.0);
        match (first, due) {
            (Some((at, ..)), Some(due)) if due < at => self.time_passes(due),
            (None, Some(due)) => self.time_passes(due),
            (Some(next), _) => {
                self.todo.pop_first();
                self.now_ms = next.0;
                self.happen(next.2);
            }
            (None, None) => panic!("nothing is left to happen, and {} wait", self.waiting.len()),
        }
        self.check();
    }

    fn time_passes(&mut self, to: u64) {
        self.now_ms = self.now_ms.max(to);
        self.floor.handle_timeout(self.now());
        self.hear(None);
    }

    fn later(&mut self, ms: u64, happens: Happens) {
        self.serial += 1;
        self.todo.insert((self.now_ms + ms, self.serial, happens));
    }

    fn happen(&mut self, happens: Happens) {
        // Deadlines of this very instant come first, as they do on the floor.
        self.time_passes(self.now_ms);
        match happens {
            Happens::Arrives => self.arrive(),
            Happens::Answers(call, agent) => self.answer(call, agent),
            Happens::Refuses(call, agent, says) => self.refuse(call, agent, says),
            Happens::HangsUp(call) => self.hang_up(call),
            Happens::GivesUp(call) => self.give_up(call),
            Happens::Orders(agent) => {
                let order = match self.chance.below(6) {
                    0 => Order::Rest(Rest::Own("tea".into())),
                    1 => Order::LogOut,
                    _ => Order::LogIn,
                };
                self.order(agent, order);
                let next_ms = 20_000 + self.chance.below(300_000);
                if self.left > 0 {
                    self.later(next_ms, Happens::Orders(agent));
                } else if !matches!(self.floor.agent(agent).expect("one of ours").1.state(), State::Free) {
                    self.order(agent, Order::LogIn);
                    self.later(next_ms, Happens::Orders(agent));
                }
            }
        }
    }

    /// Who is ready by the world's own account, in the order of the queue.
    pub fn ready(&self) -> Vec<AgentNo> {
        let is_ready = |agent: &AgentNo| {
            let (known, seen) =
                (&self.agents[usize::from(*agent)], self.floor.agent(*agent).expect("one of ours").1);
            let has_room = known.capacity >= CALL_WEIGHT;
            seen.state() == State::Free && known.paused_until <= self.now_ms && has_room
        };
        (0..self.agents.len() as AgentNo).filter(is_ready).collect()
    }

    fn arrive(&mut self) {
        self.left -= 1;
        self.serial += 1;
        let priority = if self.chance.below(5) == 0 { self.chance.below(10) as u8 } else { 0 };
        let call = CallId::at(self.now().wall.0, u128::from(self.serial));
        let caller = format!("135{:08}", self.serial);
        let expected = self.expected();
        let join = Join { call, caller: &caller, priority, since: None, seed: self.chance.draw() };
        let joined = self.floor.join(QUEUE, &join, self.now()).expect("the queue").expect("room");
        assert_eq!(joined.credited_ms, 0);
        let turn = Turn::new(priority, Mono(self.now_ms), call);
        let before = self.waiting.values().filter(|other| other.turn < turn).count();
        assert_eq!(joined.position as usize, before + 1);
        let waits =
            Waits { turn, joined: self.now_ms, offers: BTreeSet::new(), rejected_by: BTreeSet::new() };
        self.waiting.insert(call, waits);
        let patient = self.chance.below(100) >= self.manners.gives_up;
        let until_ms = if patient { PATIENCE_MS } else { 1_000 + self.chance.below(60_000) };
        self.later(until_ms, Happens::GivesUp(call));
        self.hear(Some((call, expected)));
        if self.left > 0 {
            let gap_ms = self.manners.gap_ms_min + self.chance.below(2 * self.manners.gap_ms);
            self.later(gap_ms, Happens::Arrives);
        }
    }

    /// Whom a caller who comes now has to be offered to; `None` where chance or a deal decides among them.
    fn expected(&self) -> Option<Vec<AgentNo>> {
        let ready = self.ready();
        let known = |agent: &AgentNo| &self.agents[usize::from(*agent)];
        let today = self.day();
        let used = |agent: &AgentNo, of: fn(&Known) -> u64| {
            if known(agent).day == today { of(known(agent)) } else { 0 }
        };
        let first = match self.strategy {
            Strategy::RingAll => return Some(ready),
            Strategy::Sequential => ready.first(),
            Strategy::RoundRobin => {
                ready.iter().find(|agent| self.last.is_none_or(|last| **agent > last)).or(ready.first())
            }
            Strategy::LongestIdle => ready.iter().min_by_key(|agent| known(agent).free_since),
            Strategy::FewestCalls => ready.iter().min_by_key(|agent| used(agent, |known| known.answered)),
            Strategy::LeastTalk => ready.iter().min_by_key(|agent| used(agent, |known| known.talk_ms)),
            Strategy::Random | Strategy::Weighted => return ready.is_empty().then(Vec::new),
        };
        Some(first.copied().into_iter().collect())
    }

    fn day(&self) -> String {
        self.now().wall.beijing().to_string()[..10].to_owned()
    }

    /// Takes what calls are told, and holds each offer against the world's own account.
    fn hear(&mut self, came: Option<(CallId, Option<Vec<AgentNo>>)>) {
        let mut asked = Vec::new();
        while let Some((call, told)) = self.floor.poll() {
            match told {
                Told::Offer { agent } => {
                    if came.as_ref().is_some_and(|(new, _)| *new == call) {
                        asked.push(agent);
                    } else {
                        self.is_next(call, agent);
                    }
                    self.offered(call, agent);
                }
                Told::Relaxed { .. } => {}
                Told::Empty | Told::Withdrawn => panic!("nobody is sent on here"),
            }
        }
        if let Some((_, Some(expected))) = came {
            assert_eq!(asked, expected, "{:?} at {}: {:?}", self.strategy, self.now_ms, self.agents);
        }
    }

    /// Of all who wait without an offer and were not refused by this agent, nobody comes before.
    fn is_next(&self, call: CallId, agent: AgentNo) {
        let may = |waits: &&Waits| waits.offers.is_empty() && !waits.rejected_by.contains(&agent);
        let first = self.waiting.values().filter(may).map(|waits| waits.turn).min();
        let own = &self.waiting[&call];
        // Who rings all may be joined by one more; who was refused is offered to another.
        let again = self.skilled || !own.offers.is_empty() || first.is_none_or(|first| first == own.turn);
        assert!(again, "{call} is offered before {first:?}");
    }

    fn offered(&mut self, call: CallId, agent: AgentNo) {
        let known = &mut self.agents[usize::from(agent)];
        assert_eq!((known.offer, known.talk), (None, None), "agent {agent} has something");
        assert!(known.capacity >= CALL_WEIGHT, "agent {agent} has no room");
        known.offer = Some(call);
        let waits = self.waiting.get_mut(&call).expect("it waits");
        assert!(!waits.rejected_by.contains(&agent), "agent {agent} said no before");
        waits.offers.insert(agent);
        self.last = Some(agent);
        self.offers.push((self.now_ms - waits.joined, agent));
        let says = self.chance.below(100);
        let answer_ms = 500 + self.chance.below(6_000);
        if says < self.manners.misses {
            self.later(RING_MS, Happens::Refuses(call, agent, Says::Nothing));
        } else if says < self.manners.misses + self.manners.rejects {
            self.later(answer_ms, Happens::Refuses(call, agent, Says::No));
        } else {
            self.later(answer_ms, Happens::Answers(call, agent));
        }
    }

    fn has_offer(&self, call: CallId, agent: AgentNo) -> bool {
        self.agents[usize::from(agent)].offer == Some(call)
    }

    /// The offers of a call are no more; whoever rang is as free as before.
    fn withdraw(&mut self, call: CallId) {
        for known in self.agents.iter_mut().filter(|known| known.offer == Some(call)) {
            known.offer = None;
        }
    }

    fn answer(&mut self, call: CallId, agent: AgentNo) {
        if !self.has_offer(call, agent) {
            return;
        }
        let today = self.day();
        let waits = self.waiting.remove(&call).expect("it waits");
        self.withdraw(call);
        let known = &mut self.agents[usize::from(agent)];
        known.talk = Some((call, self.now_ms));
        if known.day != today {
            (known.day, known.answered, known.talk_ms) = (today, 0, 0);
        }
        known.answered += 1;
        let waited_ms = self.floor.answered(call, agent, self.now()).expect("it waited");
        assert_eq!(waited_ms, self.now_ms - waits.joined);
        self.waits_ms.push(waited_ms);
        let talk_ms = 2_000 + self.chance.below(50_000);
        self.later(talk_ms, Happens::HangsUp(call));
        self.hear(None);
    }

    fn refuse(&mut self, call: CallId, agent: AgentNo, says: Says) {
        if !self.has_offer(call, agent) {
            return;
        }
        let how = match says {
            Says::Nothing => Refusal::Missed,
            Says::No => Refusal::Rejected,
        };
        let waits = self.waiting.get_mut(&call).expect("it waits");
        waits.offers.remove(&agent);
        if says == Says::No {
            waits.rejected_by.insert(agent);
        }
        let known = &mut self.agents[usize::from(agent)];
        (known.offer, known.paused_until, known.free_since) = (None, self.now_ms + PAUSE_MS, self.now_ms);
        self.floor.refused(call, agent, how, self.now());
        self.hear(None);
    }

    fn hang_up(&mut self, call: CallId) {
        let today = self.day();
        let found = self.agents.iter_mut().find(|known| known.talk.is_some_and(|(of, _)| of == call));
        let known = found.expect("somebody talks");
        let (_, since) = known.talk.take().expect("a talk");
        if known.day != today {
            (known.day, known.answered, known.talk_ms) = (today, 0, 0);
        }
        known.talk_ms += self.now_ms - since;
        known.free_since = self.now_ms + WRAP_UP_MS;
        assert!(self.floor.over(call, self.now()).is_some());
        self.hear(None);
    }

    fn give_up(&mut self, call: CallId) {
        let Some(waits) = self.waiting.remove(&call) else { return };
        assert!(self.now_ms - waits.joined <= PATIENCE_MS);
        self.withdraw(call);
        self.gave_up += 1;
        self.floor.leave(call, Left::SentOn, self.now());
        self.hear(None);
    }

    fn order(&mut self, agent: AgentNo, order: Order) {
        let state = |world: &Self| world.floor.agent(agent).expect("one of ours").1.state();
        let (number, was) = (format!("{}", 8_001 + agent), state(self));
        let is_off = self.floor.agent(agent).expect("one of ours").1.duty() == &Duty::Off;
        let logs_in = order == Order::LogIn;
        let obeyed = self.floor.obey(&number, &order, self.now());
        assert!(obeyed.is_ok() || is_off, "{order:?}: {obeyed:?}");
        let works = matches!(was, State::Free | State::Ringing | State::Talking | State::AfterWork);
        let known = &mut self.agents[usize::from(agent)];
        if logs_in {
            known.paused_until = 0;
            known.free_since = if works { known.free_since } else { self.now_ms };
        }
        self.hear(None);
    }

    /// What must hold after every step.
    fn check(&self) {
        self.floor.check(self.now()).expect("the floor holds");
        for (call, waits) in &self.waiting {
            assert!(self.now_ms - waits.joined <= PATIENCE_MS, "{call} waits past all patience");
        }
    }
}
