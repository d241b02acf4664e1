//! What people see of a floor: agents by state, queues with who waits.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{AgentNo, Floor};
use crate::agent::{Device, State, Tally, Times};
use crate::{CallId, Now};

/// An agent at one instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentView {
    /// The agent's number.
    pub number: Arc<str>,
    /// The agent's name.
    pub name: Arc<str>,
    /// What the agent does.
    pub state: State,
    /// The reason of a rest, of the present one or of the one to come, or why the platform logged the agent out; else empty.
    pub reason: String,
    /// How long the state has lasted, milliseconds.
    pub since_ms: u64,
    /// The call that keeps the agent, if one does.
    pub call: Option<CallId>,
    /// The after-work time that is going on.
    pub after_work: Option<AfterWorkView>,
    /// How long the agent has been logged in, milliseconds; 0 while off.
    pub logged_in_ms: u64,
    /// How long each state lasted since the login.
    pub times: Times,
    /// What the agent did today.
    pub tally: Tally,
    /// The queues the agent serves.
    pub queues: Vec<Arc<str>>,
    /// What rings for the agent.
    pub device: Device,
    /// What the agent has of them.
    pub devices: Vec<Device>,
    /// What the agent carries at once, in units (row Q20).
    pub capacity: u16,
    /// What of it is taken: by the call that rings, is talked in or is written up.
    pub load: u32,
    /// Whether its units are enough for a call by somebody's word, past all queues.
    pub has_room: bool,
}

/// An agent's after-work time at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AfterWorkView {
    /// The call it is about.
    pub call: Option<CallId>,
    /// How long it goes on at most, milliseconds; `None` without a limit.
    pub left_ms: Option<u64>,
    /// Whether the agent may end it before.
    pub may_end: bool,
    /// Whether it goes on until a result is chosen, or its time is over (row Q09).
    pub owes_result: bool,
}

/// A queue at one instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueView {
    /// Its name.
    pub name: Arc<str>,
    /// Calls that wait, those with an offer included, the next first: with how long they have waited, milliseconds.
    pub waiting: Vec<(CallId, u64)>,
    /// Agents by state; those counted in `no_room` are not among the free.
    pub agents: Vec<(State, u32)>,
    /// Agents who are free and have no room for its calls (row Q20).
    pub no_room: u32,
}

impl Floor {
    /// The agents, by number.
    pub fn agents(&self, now: Now) -> Vec<AgentView> {
        self.by_number.values().map(|place| self.seen(*place, now)).collect()
    }

    /// One agent, by its number.
    pub fn agent_view(&self, number: &str, now: Now) -> Option<AgentView> {
        self.by_number.get(number).map(|place| self.seen(*place, now))
    }

    fn seen(&self, place: u16, now: Now) -> AgentView {
        let post = &self.posts[usize::from(place)];
        let (rules, agent) = (&post.rules, &post.agent);
        let name = |queue: &u16| self.queues[usize::from(*queue)].rules.name.clone();
        AgentView {
            number: rules.number.clone(),
            name: rules.name.clone(),
            state: agent.state(),
            reason: agent.duty().reason().to_owned(),
            since_ms: now.mono.since_ms(agent.since()),
            call: agent.call(),
            after_work: agent.after_work().map(|work| AfterWorkView {
                call: work.call,
                left_ms: work.until.map(|until| until.since_ms(now.mono)),
                may_end: work.may_end,
                owes_result: work.owes_result,
            }),
            logged_in_ms: agent.logged_in_ms(now.mono).unwrap_or(0),
            times: agent.times(now.mono),
            tally: agent.tally(now.wall),
            queues: post.queues.iter().map(name).collect(),
            device: self.device(place),
            devices: self.has_devices(place),
            capacity: rules.capacity,
            load: self.load(place).units(),
            has_room: self.holds_call(place),
        }
    }

    /// The queues, by name.
    pub fn queues(&self, now: Now) -> Vec<QueueView> {
        let view = |place: &u16| {
            let queue = &self.queues[usize::from(*place)];
            let waited =
                |call: CallId| self.callers.get(&call).map_or(0, |caller| now.mono.since_ms(caller.since));
            let members = || queue.members.iter().map(|seat| seat.agent);
            let state = |agent: AgentNo| self.posts[usize::from(agent)].agent.state();
            let no_room = |agent: AgentNo| state(agent) == State::Free && self.never_holds(queue, agent);
            let in_state =
                |of: State| members().filter(|agent| state(*agent) == of && !no_room(*agent)).count() as u32;
            QueueView {
                name: queue.rules.name.clone(),
                waiting: queue.waiting.iter().map(|turn| (turn.call(), waited(turn.call()))).collect(),
                agents: State::ALL.map(|state| (state, in_state(state))).to_vec(),
                no_room: members().filter(|agent| no_room(*agent)).count() as u32,
            }
        };
        self.by_name.values().map(view).collect()
    }
}
