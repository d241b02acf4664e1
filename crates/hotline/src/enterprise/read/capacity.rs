//! What agents carry at once, and whether queues have somebody for their calls (rows Q20, I09).

use std::collections::BTreeMap;

use super::fields::CAPACITY;
use super::problem::Fault;
use super::reader::{At, Reader};
use crate::capacity::{Capacity, DuringCall};
use crate::enterprise::{Agent, Queue};

/// Units of an agent and of what it has, at most.
const UNITS_MAX: u64 = 1_000;

pub(in crate::enterprise) const DURING_CALL: [(&str, DuringCall); 2] =
    [("none", DuringCall::None), ("text", DuringCall::Text)];

impl Reader<'_> {
    /// `{agent: 100, voice: 100, text: 25, during_call: none}`; all of it may be left out.
    pub(super) fn capacity(&mut self, at: &At<'_>) -> Option<Capacity> {
        let object = self.object(at, &CAPACITY)?;
        let usual = Capacity::default();
        let agent = object.field("agent").map_or(Some(usual.agent), |at| self.units(&at));
        let voice = object.field("voice").map_or(Some(usual.voice), |at| self.units(&at));
        let text = object.field("text").map_or(Some(usual.text), |at| self.units(&at));
        let during_call = self.choice_or(object.field("during_call"), &DURING_CALL, usual.during_call);
        Some(Capacity { agent: agent?, voice: voice?, text: text?, during_call })
    }

    pub(super) fn units(&mut self, at: &At<'_>) -> Option<u16> {
        self.whole(at, 1, UNITS_MAX).map(|units| units as u16)
    }

    /// Warns of queues none of whose agents could ever have a call: their callers wait for nobody.
    pub(super) fn warn_of_no_room(
        &mut self,
        queues: &[(&At<'_>, &Queue)],
        agents: &[Agent],
        capacity: &Capacity,
    ) {
        let units = |agent: &Agent| agent.capacity.unwrap_or(capacity.agent);
        let units: BTreeMap<&str, u16> =
            agents.iter().map(|agent| (agent.number.as_str(), units(agent))).collect();
        for (at, queue) in queues {
            let weight = queue.call_weight.unwrap_or(capacity.voice);
            let holds = |number: &String| units.get(number.as_str()).is_some_and(|units| *units >= weight);
            if !queue.members.iter().any(holds) {
                self.warn(at, Fault::QueueWithoutRoom { name: queue.name.clone(), weight });
            }
        }
    }
}
