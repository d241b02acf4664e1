//! Whether agents hold a call beside what they have (row Q20). Calls are all that a floor has of an agent's load: no other
//! channel reaches agents yet.

use std::sync::Arc;

use super::{AgentNo, Floor, Queue};
use crate::agent::State;
use crate::capacity::{self, Channel, Load, NoRoom};

/// So many agents without room are told of a queue.
const TOLD_MAX: usize = 20;

impl Floor {
    /// What an agent has, in units.
    pub(super) fn load(&self, agent: AgentNo) -> Load {
        let post = &self.posts[usize::from(agent)];
        let voice = match post.agent.state() {
            State::Ringing | State::Talking | State::AfterWork => post.call_weight,
            State::Off | State::Free | State::Rest => 0,
        };
        Load { voice, text: 0 }
    }

    /// Whether an agent holds a call of this weight beside what it has.
    pub(super) fn room(&self, agent: AgentNo, weight: u16) -> Result<(), NoRoom> {
        self.room_beside(agent, self.load(agent), weight)
    }

    /// Whether an agent could not have a call of a queue even while no other call keeps it.
    pub(super) fn never_holds(&self, queue: &Queue, agent: AgentNo) -> bool {
        let load = Load { voice: 0, ..self.load(agent) };
        self.room_beside(agent, load, queue.rules.call_weight).is_err()
    }

    fn room_beside(&self, agent: AgentNo, load: Load, weight: u16) -> Result<(), NoRoom> {
        let units = self.posts[usize::from(agent)].rules.capacity;
        capacity::room(units, load, Channel::Voice, weight, self.capacity.during_call)
    }

    /// Whether an agent could be given a call by somebody's word, past all queues.
    pub fn holds_call(&self, agent: AgentNo) -> bool {
        let load = Load { voice: 0, ..self.load(agent) };
        self.room_beside(agent, load, self.capacity.voice).is_ok()
    }

    /// The agents of a queue who are logged in and passed over since they have no room for its calls, the first of them, with why.
    pub fn without_room(&self, queue: &str) -> Vec<(Arc<str>, NoRoom)> {
        let Some(queue) = self.by_name.get(queue).map(|place| &self.queues[usize::from(*place)]) else {
            return Vec::new();
        };
        let agents = queue.members.iter().map(|seat| seat.agent);
        let there = agents.filter(|agent| self.posts[usize::from(*agent)].agent.state() != State::Off);
        let passed = there.filter(|agent| self.never_holds(queue, *agent));
        let number = |agent: AgentNo| self.posts[usize::from(agent)].rules.number.clone();
        passed.map(|agent| (number(agent), NoRoom::NoCapacity)).take(TOLD_MAX).collect()
    }
}
