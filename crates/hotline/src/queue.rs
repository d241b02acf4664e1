//! Waiting callers × agents → offers (rows Q01, Q02, Q16 to Q18, Q21, Q24, R27, R28, R32). The floor of one enterprise:
//! whoever changes something on it finds the offers that follow in [`Floor::poll`]. It refuses to know legs and media.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::agent::{Agent, Device, NotNow, Refusal, Rest, State};
use crate::capacity::Capacity;
use crate::cdr::Cause;
use crate::enterprise::Strategy;
use crate::priority::Turn;
use crate::tenant::Standing;
use crate::{CallId, Mono, Now};

pub use expect::Place;
pub use requests::LineUp;
pub use rules::{
    Absence, AgentRules, CallbackDial, CallbackTold, Member, Mobile, Need, QueueRules, STEPS_MAX, Staff,
    States, Step, WaitTold,
};

mod changes;
mod choose;
mod device;
mod direct;
mod expect;
mod kept;
mod requests;
mod results;
mod room;
mod rules;
mod spill;
mod staged;
mod view;

pub use changes::AgentChange;
pub use results::{Given, Terms};
pub use spill::{Spill, SpillBy, Spilled};
pub use staged::{Scene, Unstaged, WAITING_MAX};
pub use view::{AfterWorkView, AgentView, QueueView};

use expect::{Pace, Spoken};
use kept::Kept;
use results::Talk;
use spill::Waits;

/// The place of an agent on its floor; it never belongs to another.
pub type AgentNo = u16;
/// The place of a queue on its floor; it never belongs to another.
pub type QueueNo = u16;

/// The living queues and agents of one enterprise.
#[derive(Clone, Debug, Default)]
pub struct Floor {
    version: u32,
    capacity: Capacity,
    posts: Vec<Post>,
    by_number: BTreeMap<Arc<str>, AgentNo>,
    queues: Vec<Queue>,
    by_name: BTreeMap<Arc<str>, QueueNo>,
    callers: BTreeMap<CallId, Caller>,
    /// Who talks in which call, by the rules of which queue: a transfer has two at once.
    talks: BTreeMap<(CallId, AgentNo), Talk>,
    /// Agents whose phones ring for a call that waits in no queue.
    rung: BTreeMap<AgentNo, CallId>,
    due: BTreeSet<(Mono, Due)>,
    told: VecDeque<(CallId, Told)>,
    kept: Kept,
    /// Agents as they were kept before a restart, until an instant comes to count from.
    remembered: BTreeMap<Box<str>, Box<str>>,
    /// Phones that are pages whose connection is gone: whoever has one of them is offered nothing.
    gone: BTreeSet<Box<str>>,
    /// Agents whose state may have changed since their changes were taken.
    touched: Vec<AgentNo>,
}

/// An agent with what is said of it.
#[derive(Clone, Debug)]
struct Post {
    rules: AgentRules,
    agent: Agent,
    /// Queues it is a member of; none once the document names it no more.
    queues: Vec<QueueNo>,
    /// The call that it writes up, as far as one is, with the queue whose talk it was.
    wrote_up: Option<(CallId, QueueNo)>,
    /// What the call costs that rings, is talked in or was written up last, in units.
    call_weight: u16,
}

/// A queue with who waits in it.
#[derive(Clone, Debug)]
struct Queue {
    rules: QueueRules,
    /// Whether the document names it no more.
    is_gone: bool,
    /// Agents in the order written.
    members: Vec<Seat>,
    /// All who wait, those with an offer included.
    waiting: BTreeSet<Turn>,
    /// Those of them that are to be called back.
    requests: BTreeSet<Turn>,
    /// Those without an offer, by the step of their needs.
    open: Vec<BTreeSet<Turn>>,
    /// Those whom further agents may still be offered: who rings all.
    ringing: BTreeSet<Turn>,
    last: Option<AgentNo>,
    standing: Standing,
    pace: Pace,
    waits: Waits,
}

/// An agent's seat in a queue.
#[derive(Clone, Copy, Debug)]
struct Seat {
    agent: AgentNo,
    weight: u8,
    /// The steps whose needs the agent meets, one bit each.
    fits: u16,
}

/// A caller who waits.
#[derive(Clone, Debug)]
struct Caller {
    queue: QueueNo,
    turn: Turn,
    number: Box<str>,
    joined: Mono,
    /// When it joined, less the wait of an earlier call that is credited (row Q16).
    since: Mono,
    credited: bool,
    /// Whether it is to be called back, and holds no line meanwhile.
    is_request: bool,
    step: u8,
    /// When the next step begins.
    relaxes_at: Option<Mono>,
    offered: Vec<AgentNo>,
    /// Agents who said no to this call: they are not asked again (row R31).
    rejected: Vec<AgentNo>,
    /// The source of random choices for this call.
    seed: u64,
    spoken: Option<Spoken>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Agent(AgentNo),
    Relax(CallId),
}

/// What a call is told of its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It is offered to this agent, whose phone is to be rung.
    Offer {
        /// The agent.
        agent: AgentNo,
    },
    /// Its needs are relaxed to this step (row R28).
    Relaxed {
        /// The step, counted from 0.
        step: u8,
    },
    /// Nobody of those who count is left (row Q18).
    Empty,
    /// Who was to be called back is not to be any more: it was cancelled, stopped or done meanwhile (row K07).
    Withdrawn,
}

/// A call that asks to wait.
#[derive(Clone, Copy, Debug)]
pub struct Join<'a> {
    /// The call.
    pub call: CallId,
    /// Its caller in national form, empty when withheld.
    pub caller: &'a str,
    /// What it goes before others by, 0 to 9 (row R32).
    pub priority: u8,
    /// When this very call began to wait in the queue, if it did before (row I16).
    pub since: Option<Mono>,
    /// The seed of random choices.
    pub seed: u64,
}

/// A call that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joined {
    /// Its position, 1 for the next.
    pub position: u32,
    /// The wait that an earlier call left to it (row Q16).
    pub credited_ms: u64,
}

/// Why a call cannot wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoPlace {
    /// As many wait as may.
    Full,
    /// Nobody of those who count is there (row Q18).
    Empty,
}

impl NoPlace {
    /// The cause of a call that ends for it.
    pub fn cause(self) -> Cause {
        match self {
            NoPlace::Full => Cause::QueueFull,
            NoPlace::Empty => Cause::QueueEmpty,
        }
    }
}

/// How a call stopped waiting without an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Left {
    /// The caller was cut off or gave up: the place is kept for a while (row Q16).
    Gone,
    /// The queue sent it on: time-out, empty, a key.
    SentOn,
    /// The queue sent it on before its time, by its own limits: that says nothing of how soon it answers (row R33).
    Spilled,
}

/// An agent's order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// Log in, ready.
    LogIn,
    /// Log out.
    LogOut,
    /// Take calls again; ends after-work that may be ended.
    Ready,
    /// Take a rest.
    Rest(Rest),
    /// Be logged out: the page that is the agent's phone is gone. The platform's own word, nobody's order.
    Lost,
    /// Say what came of the call that it talks in or writes up (row Q09).
    Result {
        /// The call that is meant; without it whichever it is.
        call: Option<CallId>,
        /// The path of the result in the queue's tree.
        code: Arc<str>,
        /// Who says it.
        by: Arc<str>,
    },
    /// Have this rung from the next offer on.
    Device(Device),
}

impl Order {
    /// Who says what came of a call, if that is the order.
    pub fn said_by(&self) -> Option<Arc<str>> {
        match self {
            Order::Result { by, .. } => Some(by.clone()),
            Order::LogIn | Order::LogOut | Order::Ready | Order::Rest(_) | Order::Lost | Order::Device(_) => {
                None
            }
        }
    }
}

/// Why an order was not obeyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotObeyed {
    /// No agent has this number.
    #[error("no agent has this number")]
    Unknown,
    /// The agent neither talks in such a call nor writes it up, or its queue asks for no result.
    #[error("no result of such a call is awaited of the agent")]
    NoResultAwaited,
    /// The queue has no such result.
    #[error("the queue has no such result")]
    NoSuchResult,
    /// The agent has no such device.
    #[error("the agent has no such device")]
    NoSuchDevice,
    /// The agent's state does not allow it.
    #[error(transparent)]
    NotNow(#[from] NotNow),
}

impl Floor {
    /// Takes what a newer version of the document says of agents and queues. Whoever waits goes on waiting; an agent or
    /// queue that is gone takes nothing more.
    pub fn take_staff(&mut self, staff: &Staff, now: Now) {
        self.catch_up(now);
        if staff.version <= self.version {
            return;
        }
        (self.version, self.capacity) = (staff.version, staff.capacity);
        self.posts.iter_mut().for_each(|post| post.queues.clear());
        for queue in &mut self.queues {
            (queue.is_gone, queue.members) = (true, Vec::new());
        }
        let agents: Vec<AgentNo> = staff.agents.iter().map(|rules| self.post(rules)).collect();
        let known: BTreeSet<AgentNo> = agents.iter().copied().collect();
        for place in (0..self.posts.len() as AgentNo).filter(|place| !known.contains(place)) {
            self.touch(place).log_out(now.mono);
        }
        for rules in &staff.queues {
            self.set_queue(rules, staff, &agents);
        }
        for number in 0..self.posts.len() as AgentNo {
            self.agent_may_be_free(number, now);
        }
        for number in 0..self.queues.len() as QueueNo {
            self.leave_if_empty(number, now);
        }
    }

    /// The version of the document that the floor follows.
    pub fn version(&self) -> u32 {
        self.version
    }

    fn post(&mut self, rules: &AgentRules) -> AgentNo {
        match self.by_number.get(&rules.number) {
            Some(place) => {
                self.posts[usize::from(*place)].rules = rules.clone();
                *place
            }
            None => {
                let place = self.posts.len() as AgentNo;
                self.posts.push(Post {
                    rules: rules.clone(),
                    agent: Agent::default(),
                    queues: Vec::new(),
                    wrote_up: None,
                    call_weight: 0,
                });
                self.by_number.insert(rules.number.clone(), place);
                place
            }
        }
    }

    fn set_queue(&mut self, rules: &QueueRules, staff: &Staff, agents: &[AgentNo]) {
        let seat = |member: &Member| {
            let skills = &staff.agents[usize::from(member.agent)].skills;
            Seat { agent: agents[usize::from(member.agent)], weight: member.weight, fits: rules.fits(skills) }
        };
        let members: Vec<Seat> = rules.members.iter().map(seat).collect();
        let place = match self.by_name.get(&rules.name) {
            Some(place) => *place,
            None => {
                let place = self.queues.len() as QueueNo;
                self.queues.push(Queue::new(rules.clone()));
                self.by_name.insert(rules.name.clone(), place);
                place
            }
        };
        for seat in &members {
            self.posts[usize::from(seat.agent)].queues.push(place);
        }
        let queue = &mut self.queues[usize::from(place)];
        (queue.is_gone, queue.members) = (false, members);
        queue.take_rules(rules, &mut self.callers);
    }

    /// Takes back an agent as [`Floor::written`] gave it. It counts from the next instant that the floor is told.
    pub fn remember(&mut self, number: &str, value: &str) {
        self.remembered.insert(number.into(), value.into());
    }

    /// What is to be kept of an agent over a restart.
    pub fn written(&self, number: &str, now: Now) -> Option<String> {
        let place = self.by_number.get(number)?;
        Some(self.posts[usize::from(*place)].agent.write(now))
    }

    /// An agent as it was kept; one that is not known yet is known from the staff that follows.
    fn take_agent(&mut self, number: &str, agent: Agent, now: Now) {
        let rules = AgentRules::unknown(number);
        let place = match self.by_number.get(number) {
            Some(place) => *place,
            None => self.post(&rules),
        };
        *self.touch(place) = agent;
        self.agent_may_be_free(place, now);
    }

    /// Obeys an agent; what it said of its call, if that was it.
    ///
    /// # Errors
    /// There is no such agent, or its state or its queue does not allow it.
    pub fn obey(&mut self, number: &str, order: &Order, now: Now) -> Result<Option<Given>, NotObeyed> {
        self.catch_up(now);
        let place = *self.by_number.get(number).ok_or(NotObeyed::Unknown)?;
        let agent = self.touch(place);
        match order {
            Order::LogIn => agent.log_in(now.mono),
            Order::LogOut => agent.log_out(now.mono),
            Order::Ready => agent.ready(now.mono)?,
            Order::Rest(rest) => agent.rest(rest.clone(), now.mono)?,
            // Whose mobile rings is there without the page.
            Order::Lost if self.rings_mobile(place) => return Ok(None),
            Order::Lost => self.touch(place).lose(now.mono)?,
            Order::Device(device) => self.use_device(place, *device, now)?,
            Order::Result { call, code, .. } => return self.give_result(place, *call, code, now).map(Some),
        }
        self.agent_changed(place, now);
        Ok(None)
    }

    /// Puts a call into a queue, or says why it cannot wait there. `None` if there is no such queue.
    pub fn join(&mut self, queue: &str, join: &Join<'_>, now: Now) -> Option<Result<Joined, NoPlace>> {
        self.catch_up(now);
        let number = *self.by_name.get(queue)?;
        let queue = &self.queues[usize::from(number)];
        if queue.waiting.len() - queue.requests.len() >= usize::from(queue.rules.size_max) {
            return Some(Err(NoPlace::Full));
        }
        if self.is_empty(queue, |rules| rules.join_empty) {
            return Some(Err(NoPlace::Empty));
        }
        let kept_ms = self.kept.take(number, join.caller, now.mono);
        let credited_ms = join.since.map_or(kept_ms.unwrap_or(0), |since| now.mono.since_ms(since));
        let since = now.mono - credited_ms;
        let turn = Turn::new(join.priority, since, join.call);
        let relaxes_at = queue.rules.relaxes_after_ms(0).map(|after_ms| now.mono + after_ms);
        let caller = Caller {
            queue: number,
            turn,
            number: join.caller.into(),
            joined: now.mono,
            since,
            credited: kept_ms.is_some(),
            is_request: false,
            step: 0,
            relaxes_at,
            offered: Vec::new(),
            rejected: Vec::new(),
            seed: join.seed,
            spoken: None,
        };
        let queue = &mut self.queues[usize::from(number)];
        queue.waiting.insert(turn);
        let position = queue.position(&turn);
        self.due.extend(relaxes_at.map(|at| (at, Due::Relax(join.call))));
        self.callers.insert(join.call, caller);
        self.open_again(join.call, now);
        Some(Ok(Joined { position, credited_ms: join.since.map_or(credited_ms, |_| 0) }))
    }

    /// A call waits no longer, or never did. Its offers are taken back.
    pub fn leave(&mut self, call: CallId, how: Left, now: Now) {
        self.catch_up(now);
        let Some(caller) = self.callers.remove(&call) else { return };
        let queue = &mut self.queues[usize::from(caller.queue)];
        queue.forget(&caller);
        if how != Left::Spilled && !caller.is_request {
            queue.waits.note(None, now.mono);
        }
        if let Some(at) = caller.relaxes_at {
            self.due.remove(&(at, Due::Relax(call)));
        }
        self.told.retain(|(of, _)| *of != call);
        if how == Left::Gone && !caller.credited && !caller.is_request {
            self.kept.keep(caller.queue, &caller.number, now.mono.since_ms(caller.joined), now.mono);
        }
        for agent in caller.offered {
            self.withdraw(agent, now);
        }
    }

    /// An offer came to nothing; the next agent follows by the strategy. Whether the agent rests for it now (row Q17).
    pub fn refused(&mut self, call: CallId, agent: AgentNo, how: Refusal, now: Now) -> Option<Rest> {
        self.catch_up(now);
        let post = self.posts.get(usize::from(agent))?;
        if post.agent.call() != Some(call) || post.agent.state() != State::Ringing {
            return None;
        }
        let misses_max = self
            .callers
            .get(&call)
            .and_then(|caller| self.queues[usize::from(caller.queue)].rules.misses_max);
        let rest = self.touch(agent).refuse(how, misses_max, now);
        if let Some(caller) = self.callers.get_mut(&call) {
            caller.offered.retain(|offered| *offered != agent);
            if how == Refusal::Rejected {
                caller.rejected.push(agent);
            }
            if caller.offered.is_empty() {
                self.open_again(call, now);
            }
        }
        self.agent_changed(agent, now);
        rest
    }

    /// An agent answered: the others who rang for the call are free again. What the wait was, in milliseconds.
    pub fn answered(&mut self, call: CallId, agent: AgentNo, now: Now) -> Option<u64> {
        self.catch_up(now);
        let caller = self.callers.remove(&call)?;
        let queue = &mut self.queues[usize::from(caller.queue)];
        queue.forget(&caller);
        if !caller.is_request {
            queue.waits.note(Some(now.mono.since_ms(caller.joined)), now.mono);
        }
        if let Some(at) = caller.relaxes_at {
            self.due.remove(&(at, Due::Relax(call)));
        }
        self.told.retain(|(of, _)| *of != call);
        self.talks.insert((call, agent), Talk::of(Some(caller.queue)));
        self.touch(agent).answer(call, now);
        for other in caller.offered.into_iter().filter(|other| *other != agent) {
            self.withdraw(other, now);
        }
        self.absent(agent, now);
        Some(now.mono.since_ms(caller.joined))
    }

    /// The talk of a call is over; the agent who had it.
    pub fn over(&mut self, call: CallId, now: Now) -> Option<AgentNo> {
        let (_, agent) = *self.talks.range((call, 0)..=(call, AgentNo::MAX)).next()?.0;
        self.over_of(call, agent, now);
        Some(agent)
    }

    /// The next thing that a call is to be told.
    pub fn poll(&mut self) -> Option<(CallId, Told)> {
        self.told.pop_front()
    }

    /// When to call [`Floor::handle_timeout`] at the latest.
    pub fn next_timeout(&self) -> Option<Mono> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Ends after-work and pauses whose time has come, and relaxes needs.
    pub fn handle_timeout(&mut self, now: Now) {
        self.catch_up(now);
    }

    fn catch_up(&mut self, now: Now) {
        while let Some((number, value)) = self.remembered.pop_first() {
            if let Some(agent) = Agent::read(&value, now) {
                self.take_agent(&number, agent, now);
            }
        }
        while let Some((at, due)) = self.due.first().copied() {
            if at > now.mono {
                return;
            }
            self.due.pop_first();
            match due {
                Due::Agent(agent) => {
                    self.touch(agent).after_work_over(at);
                    self.agent_changed(agent, now);
                }
                Due::Relax(call) => self.relax(call, at, now),
            }
        }
    }

    /// The next step of a caller's needs begins.
    fn relax(&mut self, call: CallId, at: Mono, now: Now) {
        let Some(caller) = self.callers.get_mut(&call) else { return };
        let number = caller.queue;
        let queue = &mut self.queues[usize::from(number)];
        let was_open = queue.open[usize::from(caller.step)].remove(&caller.turn);
        caller.step += 1;
        let step = caller.step;
        caller.relaxes_at = queue.rules.relaxes_after_ms(step).map(|after_ms| at + after_ms);
        self.due.extend(caller.relaxes_at.map(|at| (at, Due::Relax(call))));
        self.told.push_back((call, Told::Relaxed { step }));
        if was_open {
            return self.open_again(call, now);
        }
        let rings_all = self.queues[usize::from(number)].rules.strategy == Strategy::RingAll;
        let more = if rings_all { self.choose(call, now) } else { Vec::new() };
        if !more.is_empty() {
            self.offer(call, &more, now);
        }
    }

    /// An offer is taken back: nobody is to blame.
    fn withdraw(&mut self, agent: AgentNo, now: Now) {
        self.touch(agent).refuse(Refusal::Withdrawn, None, now);
        self.agent_changed(agent, now);
    }

    /// An agent's state changed: a call may be offered, or who waits may wait for nobody.
    fn agent_changed(&mut self, agent: AgentNo, now: Now) {
        self.agent_may_be_free(agent, now);
        self.absent(agent, now);
    }

    fn agent_may_be_free(&mut self, agent: AgentNo, now: Now) {
        let post = &self.posts[usize::from(agent)];
        if let Some(at) = post.agent.next_timeout(now.mono) {
            self.due.insert((at, Due::Agent(agent)));
        }
        if !self.is_ready(agent, now.mono) {
            return;
        }
        if let Some(call) = self.best_caller(agent) {
            self.offer(call, &[agent], now);
        }
    }

    /// Whether an agent may be offered a call: it is free, and its phone is there as far as that is known.
    fn is_ready(&self, agent: AgentNo, now: Mono) -> bool {
        let post = &self.posts[usize::from(agent)];
        post.agent.is_ready(now) && (self.rings_mobile(agent) || !self.gone.contains(&*post.rules.phone))
    }

    /// Who is next among all callers that an agent may take: by (priority, wait) over all its queues.
    fn best_caller(&self, agent: AgentNo) -> Option<CallId> {
        let queues =
            self.posts[usize::from(agent)].queues.iter().map(|queue| &self.queues[usize::from(*queue)]);
        let queues = queues.filter(|queue| self.room(agent, queue.rules.call_weight).is_ok());
        let may = |turn: &&Turn| {
            let caller = self.callers.get(&turn.call());
            caller.is_some_and(|caller| !caller.rejected.contains(&agent) && !caller.offered.contains(&agent))
        };
        let open = queues.clone().filter_map(|queue| {
            let fits = queue.fits(agent);
            let steps = queue.open.iter().enumerate().filter(|(step, _)| fits & (1 << step) != 0);
            steps.filter_map(|(_, turns)| turns.iter().find(may)).min()
        });
        let ringing = || {
            queues.clone().filter_map(|queue| {
                let fits = |turn: &&Turn| {
                    let step = self.callers.get(&turn.call()).map_or(0, |caller| caller.step);
                    queue.fits(agent) & (1 << step) != 0
                };
                queue.ringing.iter().filter(fits).find(may)
            })
        };
        open.min().or_else(|| ringing().min()).map(|turn| turn.call())
    }

    /// A caller is without an offer: the agents that the strategy names are asked, or it waits.
    fn open_again(&mut self, call: CallId, now: Now) {
        let Some(caller) = self.callers.get(&call) else { return };
        let (queue, step, turn) = (usize::from(caller.queue), usize::from(caller.step), caller.turn);
        self.queues[queue].ringing.remove(&turn);
        self.queues[queue].open[step].insert(turn);
        let agents = self.choose(call, now);
        if !agents.is_empty() {
            self.offer(call, &agents, now);
        }
    }

    fn offer(&mut self, call: CallId, agents: &[AgentNo], now: Now) {
        let Some(caller) = self.callers.get_mut(&call) else { return };
        let queue = &mut self.queues[usize::from(caller.queue)];
        queue.open[usize::from(caller.step)].remove(&caller.turn);
        if queue.rules.strategy == Strategy::RingAll {
            queue.ringing.insert(caller.turn);
        }
        for agent in agents {
            caller.offered.push(*agent);
            queue.last = Some(*agent);
            self.posts[usize::from(*agent)].call_weight = queue.rules.call_weight;
            self.told.push_back((call, Told::Offer { agent: *agent }));
        }
        for agent in agents {
            self.touch(*agent).offer(call, now.mono);
        }
    }

    /// Whether nobody who counts is there: every member is in one of the states that the rule lists, or has no room where it
    /// lists that (row Q18). A rule that lists none lets everybody wait.
    fn is_empty(&self, queue: &Queue, reasons: impl Fn(&QueueRules) -> rules::States) -> bool {
        let reasons = reasons(&queue.rules);
        let lacks_room =
            |seat: &Seat| reasons.has(Absence::NoCapacity) && self.never_holds(queue, seat.agent);
        let is_absent = |seat: &Seat| reasons.has(self.posts[usize::from(seat.agent)].agent.state());
        let counts = |seat: &Seat| !is_absent(seat) && !lacks_room(seat);
        queue.is_gone || (reasons != rules::States::default() && !queue.members.iter().any(counts))
    }

    /// Where an agent's state is one of those that do not count, its queues may be empty now.
    fn absent(&mut self, agent: AgentNo, now: Now) {
        let post = &self.posts[usize::from(agent)];
        let state = post.agent.state();
        let concerned = |queue: &&QueueNo| {
            let queue = &self.queues[usize::from(**queue)];
            !queue.waiting.is_empty() && queue.rules.leave_empty.has(state)
        };
        let concerned: Vec<QueueNo> = post.queues.iter().filter(concerned).copied().collect();
        concerned.into_iter().for_each(|queue| self.leave_if_empty(queue, now));
    }

    /// Sends everybody on who waits for nobody.
    fn leave_if_empty(&mut self, number: QueueNo, now: Now) {
        let queue = &self.queues[usize::from(number)];
        if queue.waiting.is_empty() || !self.is_empty(queue, |rules| rules.leave_empty) {
            return;
        }
        // An offer may still be answered: who has one stays.
        let open: Vec<CallId> = queue.open.iter().flatten().map(Turn::call).collect();
        for call in open {
            self.leave(call, Left::SentOn, now);
            self.told.push_back((call, Told::Empty));
        }
    }

    /// The agent at a place.
    pub fn agent(&self, agent: AgentNo) -> Option<(&AgentRules, &Agent)> {
        self.posts.get(usize::from(agent)).map(|post| (&post.rules, &post.agent))
    }

    /// The rules of a queue by its name.
    pub fn queue_rules(&self, name: &str) -> Option<&QueueRules> {
        self.by_name.get(name).map(|place| &self.queues[usize::from(*place)].rules)
    }

    /// Whether nobody is logged in and nobody waits: the floor may be forgotten and made anew.
    pub fn is_idle(&self) -> bool {
        let off = |post: &Post| post.agent.state() == State::Off;
        self.callers.is_empty() && self.talks.is_empty() && self.rung.is_empty() && self.posts.iter().all(off)
    }

    /// Whether all that must hold does; the simulator asks after each step.
    pub fn check(&self, now: Now) -> Result<(), String> {
        let mut offers: BTreeMap<AgentNo, usize> = self.rung.keys().map(|agent| (*agent, 1)).collect();
        for agent in self.callers.values().flat_map(|caller| &caller.offered) {
            *offers.entry(*agent).or_default() += 1;
        }
        for (place, post) in self.posts.iter().enumerate() {
            let (agent, number) = (place as AgentNo, &post.rules.number);
            post.agent.check(now.mono).map_err(|error| format!("agent {number}: {error}"))?;
            self.check_call_of(agent, offers.get(&agent).copied().unwrap_or(0))?;
            if self.is_ready(agent, now.mono)
                && self.due.first().is_none_or(|(at, _)| *at > now.mono)
                && let Some(call) = self.best_caller(agent)
            {
                return Err(format!("call {call} waits while agent {number} is free"));
            }
        }
        for (call, caller) in &self.callers {
            let queue = &self.queues[usize::from(caller.queue)];
            let open = queue.open[usize::from(caller.step)].contains(&caller.turn);
            if !queue.waiting.contains(&caller.turn) || open != caller.offered.is_empty() {
                return Err(format!("call {call} is in its queue otherwise than it seems"));
            }
        }
        let waiting: usize = self.queues.iter().map(|queue| queue.waiting.len()).sum();
        let known = waiting == self.callers.len();
        if known { Ok(()) } else { Err(format!("{waiting} wait, {} are known", self.callers.len())) }
    }

    /// Whether what an agent is kept by is there and knows it.
    fn check_call_of(&self, agent: AgentNo, offers: usize) -> Result<(), String> {
        let post = &self.posts[usize::from(agent)];
        let talks = self.talks.keys().filter(|(_, of)| *of == agent).count();
        let wanted = match post.agent.state() {
            State::Ringing => (1, 0),
            State::Talking => (0, 1),
            State::Off | State::Free | State::AfterWork | State::Rest => (0, 0),
        };
        if (offers, talks) == wanted {
            return Ok(());
        }
        Err(format!("agent {} is {}, {offers} offers, {talks} talks", post.rules.number, post.agent.state()))
    }
}

impl Queue {
    fn new(rules: QueueRules) -> Self {
        let open = vec![BTreeSet::new(); rules.steps.len().max(1)];
        let pace = Pace::new(rules.expected_talk_ms);
        Self {
            rules,
            is_gone: false,
            members: Vec::new(),
            waiting: BTreeSet::new(),
            requests: BTreeSet::new(),
            open,
            ringing: BTreeSet::new(),
            last: None,
            standing: Standing::default(),
            pace,
            waits: Waits::default(),
        }
    }

    /// New rules; who waits keeps its step as far as there is one.
    fn take_rules(&mut self, rules: &QueueRules, callers: &mut BTreeMap<CallId, Caller>) {
        let steps = rules.steps.len().max(1);
        let mut open = vec![BTreeSet::new(); steps];
        for turn in &self.waiting {
            let Some(caller) = callers.get_mut(&turn.call()) else { continue };
            caller.step = caller.step.min(steps as u8 - 1);
            if caller.offered.is_empty() {
                open[usize::from(caller.step)].insert(*turn);
            }
        }
        (self.open, self.rules) = (open, rules.clone());
    }

    /// The steps whose needs a member meets.
    fn fits(&self, agent: AgentNo) -> u16 {
        self.members.iter().find(|seat| seat.agent == agent).map_or(0, |seat| seat.fits)
    }

    /// The place of one who waits, 1 for the next. It is counted from the nearer end.
    fn position(&self, turn: &Turn) -> u32 {
        let (mut before, mut behind) = (self.waiting.range(..turn), self.waiting.range(turn..).skip(1));
        let mut steps = 0;
        loop {
            if before.next().is_none() {
                return steps + 1;
            }
            if behind.next().is_none() {
                return self.waiting.len() as u32 - steps;
            }
            steps += 1;
        }
    }

    fn forget(&mut self, caller: &Caller) {
        self.requests.remove(&caller.turn);
        self.waiting.remove(&caller.turn);
        self.ringing.remove(&caller.turn);
        self.open[usize::from(caller.step)].remove(&caller.turn);
    }
}
