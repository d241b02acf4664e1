//! What an enterprise's document says of its agents and queues, compiled: names resolved, times in milliseconds.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::agent::{State, WrapUp};
use crate::calendar::Schedule;
use crate::capacity::Capacity;
use crate::enterprise::{Confirm, SayAgent, Strategy};
use crate::results::Results;
use crate::satisfaction::Survey;

use super::Spill;

/// Agents and queues of one enterprise at one version of its document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staff {
    /// The version of the document.
    pub version: u32,
    /// What agents carry at once (row Q20).
    pub capacity: Capacity,
    /// The agents; queues name them by place.
    pub agents: Box<[AgentRules]>,
    /// The queues.
    pub queues: Box<[QueueRules]>,
}

/// An agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentRules {
    /// The agent's number, such as 8001: what callers are told and people type.
    pub number: Arc<str>,
    /// The agent's name.
    pub name: Arc<str>,
    /// The phone that rings: the name it logs in by; empty where there is none.
    pub phone: Arc<str>,
    /// The mobile, if there is one.
    pub mobile: Option<Mobile>,
    /// Skills with levels, 1 to 10.
    pub skills: Box<[(Arc<str>, u8)]>,
    /// What it carries at once, in units (row Q20).
    pub capacity: u16,
}

/// An agent's mobile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mobile {
    /// Its number in national form.
    pub number: Arc<str>,
    /// How its answers are confirmed (row R29).
    pub confirm: Confirm,
}

impl AgentRules {
    /// An agent of whom nothing but the number is known yet.
    pub(super) fn unknown(number: &str) -> Self {
        let nothing: Arc<str> = "".into();
        let (phone, mobile, skills) = (nothing.clone(), None, Box::default());
        let capacity = Capacity::default().agent;
        Self { number: number.into(), name: nothing, phone, mobile, skills, capacity }
    }
}

/// A queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueRules {
    /// Its name.
    pub name: Arc<str>,
    /// Who is offered a call first.
    pub strategy: Strategy,
    /// Its agents in the order written.
    pub members: Box<[Member]>,
    /// The longest wait, milliseconds.
    pub patience_ms: u64,
    /// The most who wait at once.
    pub size_max: u16,
    /// How long an agent's phone rings for an offer, milliseconds.
    pub ring_ms: u64,
    /// What follows a talk (row Q11).
    pub wrap_up: WrapUp,
    /// After so many misses in a row an agent rests (row Q17).
    pub misses_max: Option<u8>,
    /// Nobody joins while all agents are in these states (row Q18).
    pub join_empty: States,
    /// Who waits is sent on once all agents are in these states (row Q18).
    pub leave_empty: States,
    /// What is asked of agents, step by step as the wait goes on (row R28); without steps nothing.
    pub steps: Box<[Step]>,
    /// How long a talk with its after-work takes until calls have shown it, milliseconds.
    pub expected_talk_ms: u64,
    /// What is said of position and expected wait; `None` for nothing (row Q21).
    pub wait_told: Option<WaitTold>,
    /// The prompt of its music; `None` for the platform's own.
    pub music: Option<Arc<str>>,
    /// Whether our 200 goes out before the music; else it is early media, uncharged.
    pub answer: bool,
    /// Who hears the number of the agent who answers (row Q06).
    pub say_agent: SayAgent,
    /// What callers are asked once who answered hung up (row Q07).
    pub survey: Option<Box<Survey>>,
    /// From when on callers are sent on (row R33).
    pub spill: Option<Spill>,
    /// When callers are told that a key leads to a callback (row Q15).
    pub callback: Option<CallbackTold>,
    /// What its agents say of each call (row Q09).
    pub results: Option<Box<Results>>,
    /// What each of its calls costs an agent, in units (row Q20).
    pub call_weight: u16,
}

/// When callers who wait are told of callbacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackTold {
    /// After so long, milliseconds.
    pub after_ms: u64,
    /// The prompt.
    pub prompt: Arc<str>,
    /// How the platform calls back; `None` where people do.
    pub dial: Option<Box<CallbackDial>>,
}

/// How a queue's requests for callbacks are dialled: an agent first, then who asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackDial {
    /// The hours in which anybody is called back (row K07).
    pub hours: Schedule,
    /// So many tries to reach who asked.
    pub tries: u8,
    /// Between the end of one and the next, milliseconds.
    pub retry_ms: u64,
    /// How long the phone of who asked rings, milliseconds.
    pub ring_ms: u64,
}

/// An agent's membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its place in [`Staff::agents`].
    pub agent: u16,
    /// Its weight, for [`Strategy::Weighted`].
    pub weight: u8,
}

/// What is asked of agents for a part of the wait.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// All of these; none is everybody.
    pub needs: Box<[Need]>,
    /// How long the step lasts, milliseconds; the last one lasts to the end.
    pub ms: u64,
}

/// A skill at a level or above.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// The skill.
    pub skill: Arc<str>,
    /// The least level.
    pub level: u8,
}

/// What callers are told of their wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitTold {
    /// How often, milliseconds.
    pub every_ms: u64,
    /// Positions above it are not told.
    pub position_max: u32,
    /// Waits above it are not told, minutes.
    pub minutes_max: u32,
}

/// What an agent counts as not there for (row Q18): a state, or that it could not have the call in any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the states' names")]
pub enum Absence {
    Off,
    Free,
    Ringing,
    Talking,
    AfterWork,
    Rest,
    /// It has no room for a call of the queue, whatever it does (row Q20).
    NoCapacity,
}

impl From<State> for Absence {
    fn from(state: State) -> Self {
        match state {
            State::Off => Absence::Off,
            State::Free => Absence::Free,
            State::Ringing => Absence::Ringing,
            State::Talking => Absence::Talking,
            State::AfterWork => Absence::AfterWork,
            State::Rest => Absence::Rest,
        }
    }
}

/// A set of what agents count as not there for, by one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct States(u8);

impl States {
    /// Those of a list.
    pub fn of<A: Copy + Into<Absence>>(absences: &[A]) -> Self {
        Self(absences.iter().fold(0, |bits, absence| bits | 1 << (*absence).into() as u8))
    }

    /// Whether it is among them.
    pub fn has(self, absence: impl Into<Absence>) -> bool {
        self.0 & 1 << absence.into() as u8 != 0
    }
}

/// Steps of one queue, at most: a member has a bit for each.
pub const STEPS_MAX: usize = 16;

impl QueueRules {
    /// The steps whose needs these skills meet, one bit each. Where nothing is asked everybody fits.
    pub(super) fn fits(&self, skills: &[(Arc<str>, u8)]) -> u16 {
        let has =
            |need: &Need| skills.iter().any(|(skill, level)| *skill == need.skill && *level >= need.level);
        if self.steps.is_empty() {
            return 1;
        }
        let fitting = self.steps.iter().take(STEPS_MAX).enumerate();
        let fitting = fitting.filter(|(_, step)| step.needs.iter().all(has));
        fitting.fold(0, |bits, (step, _)| bits | 1 << step)
    }

    /// How long a step lasts before the next; `None` for the last.
    pub(super) fn relaxes_after_ms(&self, step: u8) -> Option<u64> {
        let (step, last) = (usize::from(step), self.steps.len().min(STEPS_MAX).saturating_sub(1));
        (step < last).then(|| self.steps[step].ms)
    }
}
