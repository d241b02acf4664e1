//! Agents who are rung past all queues, as transfers do, the ends of talks, and agents whose phones are gone.

use super::{AgentNo, AgentRules, Floor, Talk};
use crate::agent::{NotNow, Refusal, State, WrapUp};
use crate::{CallId, Now};

impl Floor {
    /// An agent by number, with what it does.
    pub fn agent_numbered(&self, number: &str) -> Option<(AgentNo, &AgentRules, State)> {
        let place = *self.by_number.get(number)?;
        let post = &self.posts[usize::from(place)];
        Some((place, &post.rules, post.agent.state()))
    }

    /// The agent who has a phone, by the name that logs in.
    pub fn agent_with_phone(&self, user: &str) -> Option<(AgentNo, &AgentRules, State)> {
        let place = self.posts.iter().position(|post| *post.rules.phone == *user)?;
        let post = &self.posts[place];
        Some((place as AgentNo, &post.rules, post.agent.state()))
    }

    /// A phone that is a page is gone, by the name that logs in: whoever has it is offered nothing until it is back.
    pub fn page_gone(&mut self, phone: &str, now: Now) {
        self.catch_up(now);
        self.gone.insert(phone.into());
    }

    /// A page that was gone is back, or nobody waits for it any more.
    pub fn page_back(&mut self, phone: &str, now: Now) {
        self.catch_up(now);
        if self.gone.remove(phone) {
            for agent in self.with_phone(phone) {
                self.agent_may_be_free(agent, now);
            }
        }
    }

    /// Logs out whoever has a phone whose page was gone for too long.
    ///
    /// # Errors
    /// A call keeps one of them: it is to be asked again.
    pub fn lose(&mut self, phone: &str, now: Now) -> Result<(), NotNow> {
        self.catch_up(now);
        let of_phone = self.with_phone(phone);
        for agent in &of_phone {
            if let Err(NotNow::InCall) = self.touch(*agent).lose(now.mono) {
                return Err(NotNow::InCall);
            }
        }
        for agent in of_phone {
            self.agent_changed(agent, now);
        }
        self.gone.remove(phone);
        Ok(())
    }

    fn with_phone(&self, phone: &str) -> Vec<AgentNo> {
        let has = |(_, post): &(usize, &super::Post)| *post.rules.phone == *phone;
        let of_phone = self.posts.iter().enumerate().filter(has).map(|(place, _)| place as AgentNo);
        // Whose mobile rings is there without the page.
        of_phone.filter(|agent| !self.rings_mobile(*agent)).collect()
    }

    /// The phone of an agent who is in no call and has no offer rings for a call.
    pub fn ring(&mut self, call: CallId, agent: AgentNo, now: Now) {
        self.catch_up(now);
        let weight = self.capacity.voice;
        let Some(post) = self.posts.get_mut(usize::from(agent)) else { return };
        post.call_weight = weight;
        self.touch(agent).offer(call, now.mono);
        self.rung.insert(agent, call);
        self.absent(agent, now);
    }

    /// The agent who was rung answered; the after-work time will be that of `queue`.
    pub fn took(&mut self, call: CallId, agent: AgentNo, queue: Option<&str>, now: Now) {
        self.catch_up(now);
        if self.rung.remove(&agent).is_none() {
            return;
        }
        let queue = queue.and_then(|name| self.by_name.get(name)).copied();
        self.talks.insert((call, agent), Talk::of(queue));
        self.touch(agent).answer(call, now);
        self.absent(agent, now);
    }

    /// The agent who was rung does not have the call.
    pub fn rings_no_more(&mut self, call: CallId, agent: AgentNo, how: Refusal, now: Now) {
        self.catch_up(now);
        if self.rung.remove(&agent) == Some(call) {
            self.touch(agent).refuse(how, None, now);
            self.agent_changed(agent, now);
        }
    }

    /// An agent's part in a call is over; what follows is as the queue says that the call came by.
    pub fn over_of(&mut self, call: CallId, agent: AgentNo, now: Now) {
        self.catch_up(now);
        let Some(talk) = self.talks.remove(&(call, agent)) else { return };
        let owed_ms = self.owed_ms(&talk);
        let post = &mut self.posts[usize::from(agent)];
        let wrap_up = match talk.queue {
            Some(queue) => {
                let queue = &mut self.queues[usize::from(queue)];
                queue.pace.served(now.mono.since_ms(post.agent.since()), &queue.rules.wrap_up);
                queue.rules.wrap_up
            }
            None => WrapUp::None,
        };
        post.wrote_up = talk.queue.map(|queue| (call, queue));
        self.touch(agent).hang_up(wrap_up, owed_ms, now);
        self.agent_changed(agent, now);
    }
}
