//! The history of agents' states against the agents themselves (row Q10): every change that an agent lives leaves the node once,
//! in order, and is in the store at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hotline::TenantId;
use hotline::agent::{State, StateChange};
use hotline::queue::AgentView;
use hotline::settlement::AgentStep;

use crate::store::AgentChanges;

type Key = (TenantId, Arc<str>);

/// What was told of agents.
#[derive(Debug, Default)]
pub struct Agents {
    told: BTreeMap<Key, Told>,
    /// Enterprises that a node took in without their account: of what was kept of their agents it knew nothing.
    unknown: BTreeSet<TenantId>,
}

#[derive(Debug, Default)]
struct Told {
    /// In order of time and number.
    changes: Vec<StateChange>,
    /// The last that a node told. What a person ordered past the node knows nothing of it, and the other way round.
    by_node: Option<StateChange>,
    /// The life of the node in which one was missing.
    torn_in: u32,
}

impl Told {
    fn add(&mut self, change: &StateChange) {
        if self.changes.contains(change) {
            return;
        }
        let place =
            self.changes.partition_point(|known| (known.at, known.number) <= (change.at, change.number));
        self.changes.insert(place, change.clone());
    }
}

impl Agents {
    /// An enterprise is in memory without its account.
    pub fn unknown(&mut self, tenant: &TenantId) {
        self.unknown.insert(tenant.clone());
    }

    /// A person's order changed an agent of an enterprise that no node has in memory. It knows nothing of what is on its way
    /// from a node's journal to the store: their times order the two.
    pub fn changes_cold(&mut self, step: &AgentStep) {
        self.told.entry((step.tenant.clone(), step.agent.clone())).or_default().add(&step.change);
    }

    /// A change is told: the next of its agent, or one that a node which died had told before. The write that a crash tears may
    /// hold what was kept of an agent without its last change: once in each life behind a crash one may be missing.
    pub fn changes(&mut self, step: &AgentStep, life: u32) -> Result<(), String> {
        let told = self.told.entry((step.tenant.clone(), step.agent.clone())).or_default();
        let change = &step.change;
        if told.changes.contains(change) {
            return Ok(());
        }
        let number_max = told.changes.iter().map(|told| told.number).max().unwrap_or(0) + 1;
        let is_later = told.by_node.as_ref().is_none_or(|last| change.at >= last.at);
        let follows = is_later && change.number <= number_max;
        if !follows && !self.unknown.contains(&step.tenant) {
            let was_torn = std::mem::replace(&mut told.torn_in, life) == life;
            if life == 1 || was_torn {
                let (agent, last) = (&step.agent, &told.by_node);
                return Err(format!("agent {agent} in life {life}: {change:?} follows {last:?} (Q10)"));
            }
        }
        told.by_node = Some(change.clone());
        told.add(change);
        Ok(())
    }

    /// An agent is what was told of it last, and was in each state for as long as was told.
    pub fn check(&self, tenant: &TenantId, view: &AgentView) -> Result<(), String> {
        let told = self.told.get(&(tenant.clone(), view.number.clone()));
        let last = told.and_then(|told| told.changes.last());
        let (state, call) = last.map_or((State::Off, None), |last| (last.state, last.call));
        let writes_up = view.after_work.and_then(|work| work.call);
        if (state, call) == (view.state, view.call.or(writes_up)) || self.unknown.contains(tenant) {
            return Ok(());
        }
        Err(format!("agent {} is {} with {:?}, told was {last:?} (Q10)", view.number, view.state, view.call))
    }

    /// What was told of an agent, in order of time and number.
    pub fn changes_of(&self, tenant: &TenantId, agent: &str) -> &[StateChange] {
        self.told.get(&(tenant.clone(), agent.into())).map_or(&[], |told| &told.changes)
    }

    /// What was told is what the store has, all of it.
    pub fn check_kept(&self, kept: &BTreeMap<Key, AgentChanges>) -> Result<(), String> {
        for (key, told) in &self.told {
            let kept: Vec<&StateChange> = kept.get(key).into_iter().flat_map(BTreeMap::values).collect();
            if !kept.iter().copied().eq(told.changes.iter()) {
                return Err(format!("agent {} was told {told:?}, the store has {kept:?} (Q10)", key.1));
            }
        }
        Ok(())
    }
}
