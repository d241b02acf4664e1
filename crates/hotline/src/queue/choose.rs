//! Which agent is offered a caller, by the queue's strategy (rows R05 to R07, R27). Whoever is ready and fits is equal
//! before it; where only one is, every strategy says the same.

use super::{AgentNo, Floor, Queue, Seat};
use crate::agent::Tally;
use crate::enterprise::Strategy;
use crate::flow::Chance;
use crate::tenant::deal_one;
use crate::{CallId, Now};

impl Floor {
    /// The agents that a caller is offered to now: none if nobody is ready, all who are ready where all ring.
    pub(super) fn choose(&mut self, call: CallId, now: Now) -> Vec<AgentNo> {
        let Some(caller) = self.callers.get(&call) else { return Vec::new() };
        let queue = &self.queues[usize::from(caller.queue)];
        let bit = 1 << caller.step;
        let may = |seat: &&Seat| {
            seat.fits & bit != 0
                && self.is_ready(seat.agent, now.mono)
                && self.room(seat.agent, queue.rules.call_weight).is_ok()
                && !caller.rejected.contains(&seat.agent)
        };
        let ready = queue.members.iter().filter(may);
        let agent = |seat: &Seat| &self.posts[usize::from(seat.agent)].agent;
        let today = Tally::day_of(now.wall);
        let first = match queue.rules.strategy {
            Strategy::RingAll => return ready.map(|seat| seat.agent).collect(),
            Strategy::Sequential => ready.clone().next(),
            Strategy::LongestIdle => ready.min_by_key(|seat| agent(seat).free_since()),
            Strategy::FewestCalls => ready.min_by_key(|seat| agent(seat).tally_on(today).answered),
            Strategy::LeastTalk => ready.min_by_key(|seat| agent(seat).tally_on(today).talk_ms),
            Strategy::RoundRobin => {
                let last = queue.members.iter().position(|seat| Some(seat.agent) == queue.last);
                let next = last.map_or(0, |last| last + 1);
                let mut behind = queue.members[next..].iter().filter(may);
                behind.next().or_else(|| ready.clone().next())
            }
            Strategy::Random => {
                let ready: Vec<&Seat> = ready.collect();
                let draw = Chance::new(caller.seed ^ now.mono.0).below(ready.len().max(1) as u64);
                ready.get(draw as usize).copied()
            }
            Strategy::Weighted => {
                let ready: Vec<AgentNo> = ready.map(|seat| seat.agent).collect();
                let number = caller.queue;
                return self.deal(usize::from(number), &ready);
            }
        };
        first.map(|seat| seat.agent).into_iter().collect()
    }

    /// Deals by weight among those who are ready; the others keep their standing (row R11).
    fn deal(&mut self, queue: usize, ready: &[AgentNo]) -> Vec<AgentNo> {
        if ready.is_empty() {
            return Vec::new();
        }
        let Queue { members, standing, .. } = &mut self.queues[queue];
        let mut ready = ready.iter().copied().peekable();
        let weight = |seat: &Seat| match ready.next_if_eq(&seat.agent) {
            Some(_) => i32::from(seat.weight),
            None => 0,
        };
        let weights: Vec<i32> = members.iter().map(weight).collect();
        let dealt = deal_one(standing, &weights);
        members.get(dealt).map(|seat| seat.agent).into_iter().collect()
    }
}
