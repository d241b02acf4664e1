//! A floor set up by hand, for calls that are none: agents in typed-in states, and others who wait before the caller (row
//! R26). What it sets up stays by itself: who talks or writes up goes on with it, who rests rests on.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AgentNo, Floor, Join, Left, NoPlace, QueueNo, Talk};
use crate::agent::{Agent, Refusal, Rest, State, WrapUp};
use crate::enterprise::Language;
use crate::{CallId, Now};

/// Those who are set up to wait, over all queues.
pub const WAITING_MAX: u16 = 2_000;

/// What a floor is set up as. Whoever is not named stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scene {
    /// Agents by number, with what each is doing.
    pub agents: Vec<(String, State)>,
    /// Queues by name, with how many wait in each before the caller.
    pub waiting: Vec<(String, u16)>,
}

impl Scene {
    /// Whether nothing is set up.
    pub fn is_empty(&self) -> bool {
        self.agents.is_empty() && self.waiting.is_empty()
    }
}

/// Why a floor cannot be set up so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unstaged {
    /// No queue that the number leads to belongs to an enterprise with this agent.
    NoSuchAgent(String),
    /// The same of a queue.
    NoSuchQueue(String),
    /// More than [`WAITING_MAX`] are to wait.
    TooMany,
    /// So many cannot wait in it, with the agents as they are set up.
    NoPlace {
        /// The queue.
        queue: String,
        /// How many were to wait.
        waiting: u16,
        /// Why the next one could not.
        why: NoPlace,
    },
}

impl Unstaged {
    /// The sentence for a person.
    pub fn message(&self, language: Language) -> String {
        match (language, self) {
            (Language::Zh, Unstaged::NoSuchAgent(agent)) => format!("该号码的路由用不到座席 {agent}"),
            (Language::En, Unstaged::NoSuchAgent(agent)) => {
                format!("the number leads to no queue of an agent {agent}")
            }
            (Language::Zh, Unstaged::NoSuchQueue(queue)) => format!("该号码的路由用不到队列“{queue}”"),
            (Language::En, Unstaged::NoSuchQueue(queue)) => format!("the number leads to no queue {queue:?}"),
            (Language::Zh, Unstaged::TooMany) => format!("等待的来电最多设 {WAITING_MAX} 个"),
            (Language::En, Unstaged::TooMany) => format!("at most {WAITING_MAX} are set up to wait"),
            (Language::Zh, Unstaged::NoPlace { queue, waiting, why: NoPlace::Full }) => {
                format!("队列“{queue}”容不下 {waiting} 人等待")
            }
            (Language::En, Unstaged::NoPlace { queue, waiting, why: NoPlace::Full }) => {
                format!("the queue {queue:?} does not hold {waiting} who wait")
            }
            (Language::Zh, Unstaged::NoPlace { queue, why: NoPlace::Empty, .. }) => {
                format!("队列“{queue}”按所给的座席状态不让人等待")
            }
            (Language::En, Unstaged::NoPlace { queue, why: NoPlace::Empty, .. }) => {
                format!("with the agents so the queue {queue:?} lets nobody wait")
            }
        }
    }
}

impl fmt::Display for Unstaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message(Language::En))
    }
}

impl Floor {
    /// Sets the floor up; the calls that wait for it. Those who waited in a queue that is named are taken out of it.
    ///
    /// # Errors
    /// An agent or a queue is not there, or so many cannot wait; the floor is then half set up.
    pub fn stage(&mut self, scene: &Scene, now: Now) -> Result<BTreeSet<CallId>, Unstaged> {
        self.catch_up(now);
        let mut agents = Vec::new();
        for (number, state) in &scene.agents {
            let place = self.by_number.get(number.as_str()).copied();
            agents.push((place.ok_or_else(|| Unstaged::NoSuchAgent(number.clone()))?, *state));
        }
        let waiting: u64 = scene.waiting.iter().map(|(_, waiting)| u64::from(*waiting)).sum();
        if waiting > WAITING_MAX.into() {
            return Err(Unstaged::TooMany);
        }
        let mut queues = Vec::new();
        for (name, waiting) in &scene.waiting {
            let place = self.by_name.get(name.as_str()).copied();
            queues.push((place.ok_or_else(|| Unstaged::NoSuchQueue(name.clone()))?, name, *waiting));
        }
        // Whoever is free before those who wait are there would be offered to others.
        for (agent, state) in &agents {
            self.set_state(*agent, *state, now);
        }
        for (queue, ..) in &queues {
            self.empty(*queue, now);
        }
        let mut others = BTreeSet::new();
        for (_, name, waiting) in queues {
            self.fill(name, waiting, &mut others, now)?;
        }
        for (agent, _) in agents {
            self.agent_changed(agent, now);
        }
        Ok(others)
    }

    /// An agent forgets its call and does something else from now on.
    fn set_state(&mut self, agent: AgentNo, state: State, now: Now) {
        let offered = self.callers.iter().filter(|(_, caller)| caller.offered.contains(&agent));
        let offered: Vec<CallId> = offered.map(|(call, _)| *call).collect();
        for call in offered {
            self.refused(call, agent, Refusal::Withdrawn, now);
        }
        self.rung.remove(&agent);
        self.talks.retain(|(_, of), _| *of != agent);
        let call = made_up(usize::from(agent));
        let mut set = Agent::default();
        set.use_device(self.posts[usize::from(agent)].agent.device(), now.mono);
        if state != State::Off {
            set.log_in(now.mono);
        }
        match state {
            State::Off | State::Free => {}
            State::Rest => set.rest(Rest::Own("".into()), now.mono).expect("it is logged in"),
            State::Ringing | State::Talking | State::AfterWork => set.offer(call, now.mono),
        }
        match state {
            State::Off | State::Free | State::Rest => {}
            State::Ringing => _ = self.rung.insert(agent, call),
            State::Talking => {
                set.answer(call, now);
                self.talks.insert((call, agent), Talk::of(None));
            }
            State::AfterWork => {
                set.answer(call, now);
                set.hang_up(WrapUp::Optional { ms_max: None }, None, now);
            }
        }
        let voice = self.capacity.voice;
        let post = &mut self.posts[usize::from(agent)];
        (post.wrote_up, post.call_weight) = (None, voice);
        *self.touch(agent) = set;
    }

    /// Takes everybody out of a queue, as if they had never waited.
    fn empty(&mut self, queue: QueueNo, now: Now) {
        let waiting: Vec<CallId> =
            self.queues[usize::from(queue)].waiting.iter().map(|turn| turn.call()).collect();
        for call in waiting {
            self.leave(call, Left::Spilled, now);
        }
    }

    /// Puts so many into a queue, each a second behind the one before, all before now.
    fn fill(
        &mut self,
        queue: &str,
        waiting: u16,
        others: &mut BTreeSet<CallId>,
        now: Now,
    ) -> Result<(), Unstaged> {
        for place in 0..waiting {
            let call = made_up(self.posts.len() + others.len());
            let since = Some(now.mono - u64::from(waiting - place) * 1_000);
            let join = Join { call, caller: "", priority: 0, since, seed: 0 };
            match self.join(queue, &join, now) {
                Some(Ok(_)) => _ = others.insert(call),
                Some(Err(why)) => {
                    return Err(Unstaged::NoPlace { queue: queue.to_owned(), waiting, why });
                }
                None => return Err(Unstaged::NoSuchQueue(queue.to_owned())),
            }
        }
        Ok(())
    }
}

/// A call that is none: real ones were never made in 1970.
fn made_up(place: usize) -> CallId {
    CallId::at(0, 1 + place as u128)
}
