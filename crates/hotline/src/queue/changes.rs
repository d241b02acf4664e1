//! Changes of agents' states on their way to who keeps them (row Q10): whoever touches an agent marks it, and its changes are
//! taken once the turn is over.

use std::sync::Arc;

use super::{AgentNo, Floor};
use crate::Now;
use crate::agent::{Agent, StateChange};

/// A change of an agent, and what is to be kept of the agent from then on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentChange {
    /// The agent's number.
    pub agent: Arc<str>,
    /// The change.
    pub change: StateChange,
    /// What is kept of it over a restart, as [`Floor::written`] tells it.
    pub kept: String,
}

impl Floor {
    /// An agent that is about to change.
    pub(super) fn touch(&mut self, agent: AgentNo) -> &mut Agent {
        if self.touched.last() != Some(&agent) {
            self.touched.push(agent);
        }
        &mut self.posts[usize::from(agent)].agent
    }

    /// What changed with agents since it was last taken, each agent's changes in their order.
    pub fn take_changes(&mut self, now: Now) -> Vec<AgentChange> {
        let mut all = Vec::new();
        for place in std::mem::take(&mut self.touched) {
            let post = &mut self.posts[usize::from(place)];
            let changes = post.agent.take_changes(now);
            if changes.is_empty() {
                continue;
            }
            let kept = post.agent.write(now);
            let number = &post.rules.number;
            all.extend(changes.into_iter().map(|change| AgentChange {
                agent: number.clone(),
                change,
                kept: kept.clone(),
            }));
        }
        all
    }
}
