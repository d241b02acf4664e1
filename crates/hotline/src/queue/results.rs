//! What agents say of their calls (row Q09): asked for by the queue that the call came by, given while the agent talks in it or
//! writes it up, and owed first where the queue says so.

use std::sync::Arc;

use super::{AgentNo, Floor, NotObeyed, QueueNo};
use crate::results::{Chosen, Results};
use crate::{CallId, Now};

/// A talk of an agent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Talk {
    /// By whose rules it is; none of a call that came by no queue.
    pub queue: Option<QueueNo>,
    /// Whether the agent said already what comes of it.
    has_result: bool,
}

impl Talk {
    pub fn of(queue: Option<QueueNo>) -> Self {
        Self { queue, has_result: false }
    }
}

/// A result that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The call.
    pub call: CallId,
    /// The queue whose tree it is of.
    pub queue: Arc<str>,
    /// The result.
    pub chosen: Chosen,
}

/// What an agent may say now, and of which call.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'f> {
    /// The call that it talks in or writes up.
    pub call: CallId,
    /// The queue.
    pub queue: &'f Arc<str>,
    /// What the queue asks.
    pub results: &'f Results,
}

impl Floor {
    /// What an agent may say of the call that it talks in or writes up; `None` where nothing is asked.
    pub fn result_terms(&self, number: &str) -> Option<Terms<'_>> {
        self.terms_of(*self.by_number.get(number)?)
    }

    fn terms_of(&self, agent: AgentNo) -> Option<Terms<'_>> {
        let post = &self.posts[usize::from(agent)];
        let (call, queue) = match post.agent.call() {
            Some(call) => (call, self.talks.get(&(call, agent))?.queue?),
            None => {
                let written_up = post.agent.after_work()?.call?;
                post.wrote_up.filter(|(call, _)| *call == written_up)?
            }
        };
        let rules = &self.queues[usize::from(queue)].rules;
        Some(Terms { call, queue: &rules.name, results: rules.results.as_deref()? })
    }

    /// Takes what an agent says of its call. The last word counts; after-work that waited for it goes on as the queue says.
    ///
    /// # Errors
    /// No result of such a call is awaited of the agent, or its queue has none at this path.
    pub fn give_result(
        &mut self,
        agent: AgentNo,
        call: Option<CallId>,
        code: &str,
        now: Now,
    ) -> Result<Given, NotObeyed> {
        let meant = |terms: &Terms<'_>| call.is_none_or(|call| call == terms.call);
        let terms = self.terms_of(agent).filter(meant).ok_or(NotObeyed::NoResultAwaited)?;
        let chosen = terms.results.chosen(code).ok_or(NotObeyed::NoSuchResult)?;
        let given = Given { call: terms.call, queue: terms.queue.clone(), chosen };
        match self.talks.get_mut(&(given.call, agent)) {
            Some(talk) => talk.has_result = true,
            None => self.touch(agent).result_chosen(now.mono),
        }
        self.agent_changed(agent, now);
        Ok(given)
    }

    /// How long after-work waits for what an agent did not say yet of a talk; `None` where it need not.
    pub(super) fn owed_ms(&self, talk: &Talk) -> Option<u64> {
        let rules = &self.queues[usize::from(talk.queue?)].rules;
        let results = rules.results.as_deref().filter(|results| results.mandatory && !talk.has_result)?;
        Some(results.limit_ms(rules.wrap_up))
    }
}
