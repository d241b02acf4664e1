//! Agents and queues of an enterprise's document, and what calls make of them (issue "queue and agents").

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Confirm, Enterprise, NamedSchedule, Satisfaction, Strategy, phone_user};
use crate::agent::WrapUp;
use crate::capacity::Capacity;
use crate::queue::{
    Absence, AgentRules, CallbackDial, CallbackTold, Member, Mobile, Need, QueueRules, Spill, Staff, States,
    Step, WaitTold,
};
use crate::results::Results;
use crate::service::ServiceLevel;
use crate::shift::AgentShift;

/// Somebody who takes calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// 2 to 10 digits, such as 8001: what callers are told and queues name.
    pub number: String,
    /// The agent's name.
    pub name: String,
    /// The number of the SIP phone that rings, one of `extensions`; empty where a mobile is all there is.
    pub extension: String,
    /// A mobile that rings where the phone is registered nowhere, or where the agent says so.
    #[serde(default)]
    pub mobile: Option<String>,
    /// How an answer of the mobile is confirmed (row R29); by the key unless said.
    #[serde(default)]
    pub confirm: Option<Confirm>,
    /// Levels of skills by name, 1 to 10.
    #[serde(default)]
    pub skills: BTreeMap<String, u8>,
    /// What it carries at once, in units; as the enterprise says unless it is said here (row Q20).
    #[serde(default)]
    pub capacity: Option<u16>,
    /// The shifts it has (row Q26).
    #[serde(default)]
    pub shifts: Vec<AgentShift>,
}

/// Where callers wait for agents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// Its name in this document.
    pub name: String,
    /// Who is offered a call first.
    pub strategy: Strategy,
    /// Numbers of agents, in order.
    pub members: Vec<String>,
    /// Weights of members by number, 1 to 100, for [`Strategy::Weighted`]; who is not named weighs 1.
    pub weights: BTreeMap<String, u8>,
    /// The longest wait, seconds.
    pub patience_s: u16,
    /// The most who wait at once.
    pub size_max: u16,
    /// How long a phone rings for an offer, seconds.
    pub ring_s: u16,
    /// What follows a talk (row Q11).
    pub wrap_up: WrapUp,
    /// After so many misses in a row an agent rests; 0 never (row Q17).
    pub misses_max: u8,
    /// Nobody joins while all agents count as not there for one of these (row Q18).
    pub join_empty: Vec<Absence>,
    /// Who waits is sent on once all agents count as not there for one of these (row Q18).
    pub leave_empty: Vec<Absence>,
    /// What is asked of agents while a call waits; behind the last one nothing (row R28).
    pub needs: Vec<Needs>,
    /// How long a talk and its after-work take until calls have shown it, seconds.
    pub talk_s: u16,
    /// What callers are told of their wait (row Q21).
    pub announce: Option<Announce>,
    /// The prompt of its music; the platform's own unless said.
    pub music: Option<String>,
    /// Whether our 200 goes out before the music.
    pub answer: bool,
    /// Who hears the number of the agent who answers (row Q06).
    #[serde(default)]
    pub say_agent: SayAgent,
    /// What callers are asked once who answered hung up (row Q07).
    #[serde(default)]
    pub satisfaction: Option<Satisfaction>,
    /// From when on callers are sent on (row R33).
    #[serde(default)]
    pub spill: Option<SpillWhen>,
    /// When callers are told that a key leads to a callback (row Q15).
    #[serde(default)]
    pub callback: Option<CallbackOffer>,
    /// What its agents say of each call (row Q09).
    #[serde(default)]
    pub results: Option<Results>,
    /// How soon its callers are to be answered, and how that is counted (row Q12).
    #[serde(default)]
    pub service_level: Option<ServiceLevel>,
    /// What each of its calls costs an agent, in units; as the enterprise says unless it is said here (row Q20).
    #[serde(default)]
    pub call_weight: Option<u16>,
}

/// When callers who wait are told of callbacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackOffer {
    /// After so many seconds.
    pub after_s: u16,
    /// The prompt.
    pub prompt: String,
    /// How the platform calls back; without it people do.
    #[serde(default)]
    pub dial: Option<DialBack>,
}

/// How the platform calls back: an agent first, then who asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialBack {
    /// The name of the hours in which anybody is called back, one of `schedules`.
    pub hours: String,
    /// So many tries to reach who asked.
    pub tries: u8,
    /// Between the end of one and the next, seconds.
    pub retry_s: u16,
    /// How long the phone of who asked rings, seconds.
    pub ring_s: u16,
}

impl DialBack {
    /// A callback within these hours, all else as usual.
    pub fn within(hours: &str) -> Self {
        Self { hours: hours.to_owned(), tries: TRIES, retry_s: RETRY_S, ring_s: RING_BACK_S }
    }
}

/// Tries to reach who asked, unless said.
const TRIES: u8 = 3;
/// Between two tries unless said, seconds.
const RETRY_S: u16 = 600;
/// How long the phone of who asked rings unless said, seconds.
const RING_BACK_S: u16 = 40;

/// The prompt that tells of callbacks unless said.
pub(super) const CALLBACK_OFFER: &str = "callback_offer";

/// From when on callers of a queue are sent on; at least one limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpillWhen {
    /// The wait to be expected is longer, seconds.
    pub wait_s: Option<u16>,
    /// More wait.
    pub waiting: Option<u16>,
    /// Fewer percent than this were answered within so many seconds.
    pub level: Option<(u8, u16)>,
}

/// Who hears the number of the agent who answers, before they talk (row Q06).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SayAgent {
    /// Nobody.
    #[default]
    Nobody,
    /// The caller; the agent waits meanwhile.
    Caller,
    /// The caller and the agent.
    Both,
}

/// What is asked of agents for a part of the wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    /// The least levels, by skill.
    pub skills: BTreeMap<String, u8>,
    /// How long, seconds; without it to the end of the wait.
    pub s: Option<u16>,
}

/// What callers are told of their wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announce {
    /// How often, seconds.
    pub every_s: u16,
    /// Positions above it are not told.
    pub position_max: u16,
    /// Waits above it are not told, minutes.
    pub minutes_max: u16,
}

impl Queue {
    /// A queue as a document describes it that says no more than its name and members.
    pub fn new(name: &str, members: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            strategy: Strategy::LongestIdle,
            members: members.iter().map(|number| (*number).to_owned()).collect(),
            weights: BTreeMap::new(),
            patience_s: PATIENCE_S,
            size_max: SIZE_MAX,
            ring_s: OFFER_RING_S,
            wrap_up: WrapUp::None,
            misses_max: MISSES_MAX,
            join_empty: JOIN_EMPTY.to_vec(),
            leave_empty: LEAVE_EMPTY.to_vec(),
            needs: Vec::new(),
            talk_s: TALK_S,
            announce: None,
            music: None,
            answer: true,
            say_agent: SayAgent::Nobody,
            satisfaction: None,
            spill: None,
            callback: None,
            results: None,
            service_level: None,
            call_weight: None,
        }
    }
}

/// The longest wait unless said, seconds.
pub(super) const PATIENCE_S: u16 = 300;
/// The most who wait unless said.
pub(super) const SIZE_MAX: u16 = 100;
/// How long an offer rings unless said, seconds.
pub(super) const OFFER_RING_S: u16 = 20;
/// Misses in a row until an agent rests, unless said.
pub(super) const MISSES_MAX: u8 = 3;
/// A talk with its after-work until calls have shown it, seconds.
pub(super) const TALK_S: u16 = 180;
/// What agents count as absent for unless said.
pub(super) const JOIN_EMPTY: [Absence; 3] = [Absence::Off, Absence::Rest, Absence::NoCapacity];
/// The same for those who wait already.
pub(super) const LEAVE_EMPTY: [Absence; 2] = [Absence::Off, Absence::NoCapacity];

/// The agents and queues of a document, compiled at one version. A name that nothing carries stands for nothing.
pub fn staff(enterprise: &Enterprise, version: u32) -> Staff {
    let capacity = enterprise.capacity;
    let place = |number: &String| enterprise.agents.iter().position(|agent| agent.number == *number);
    let queue = |written: &Queue| {
        let member = |number: &String| {
            let agent = u16::try_from(place(number)?).ok()?;
            Some(Member { agent, weight: written.weights.get(number).copied().unwrap_or(1) })
        };
        let members = written.members.iter().filter_map(member).collect();
        let rules = rules(written, &enterprise.schedules);
        QueueRules { members, call_weight: written.call_weight.unwrap_or(capacity.voice), ..rules }
    };
    let agent = |written: &Agent| AgentRules {
        number: written.number.as_str().into(),
        name: written.name.as_str().into(),
        phone: match written.extension.as_str() {
            "" => "".into(),
            extension => phone_user(&enterprise.id, extension).into(),
        },
        mobile: written.mobile.as_deref().map(|number| Mobile {
            number: number.into(),
            confirm: written.confirm.unwrap_or(Confirm::Key { s: super::read::CONFIRM_S }),
        }),
        skills: written.skills.iter().map(|(skill, level)| (skill.as_str().into(), *level)).collect(),
        capacity: written.capacity.unwrap_or(capacity.agent),
    };
    Staff {
        version,
        capacity,
        agents: enterprise.agents.iter().map(agent).collect(),
        queues: enterprise.queues.iter().map(queue).collect(),
    }
}

/// A queue without its members and the weight of its calls.
fn rules(written: &Queue, schedules: &[NamedSchedule]) -> QueueRules {
    let seconds = |s: u16| u64::from(s) * 1_000;
    let told = |announce: Announce| WaitTold {
        every_ms: seconds(announce.every_s),
        position_max: announce.position_max.into(),
        minutes_max: announce.minutes_max.into(),
    };
    QueueRules {
        name: written.name.as_str().into(),
        strategy: written.strategy,
        members: Box::default(),
        patience_ms: seconds(written.patience_s),
        size_max: written.size_max,
        ring_ms: seconds(written.ring_s),
        wrap_up: written.wrap_up,
        misses_max: (written.misses_max > 0).then_some(written.misses_max),
        join_empty: States::of(&written.join_empty),
        leave_empty: States::of(&written.leave_empty),
        steps: steps(&written.needs),
        expected_talk_ms: seconds(written.talk_s),
        wait_told: written.announce.map(told),
        music: written.music.as_deref().map(Arc::from),
        answer: written.answer,
        say_agent: written.say_agent,
        callback: written.callback.as_ref().map(|offer| CallbackTold {
            after_ms: seconds(offer.after_s),
            prompt: offer.prompt.as_str().into(),
            dial: offer.dial.as_ref().and_then(|dial| dial_back(dial, schedules)).map(Box::new),
        }),
        spill: written.spill.map(|spill| Spill {
            wait_ms: spill.wait_s.map(seconds),
            waiting: spill.waiting,
            level: spill.level.map(|(percent, s)| (percent, seconds(s))),
        }),
        results: written.results.clone().map(Box::new),
        call_weight: Capacity::default().voice,
        survey: written.satisfaction.as_ref().map(|survey| Box::new(survey.compile())),
    }
}

/// How a queue calls back, with its hours; without them nobody is called.
fn dial_back(written: &DialBack, schedules: &[NamedSchedule]) -> Option<CallbackDial> {
    let hours = &schedules.iter().find(|named| named.name == written.hours)?.schedule;
    Some(CallbackDial {
        hours: hours.clone(),
        tries: written.tries,
        retry_ms: u64::from(written.retry_s) * 1_000,
        ring_ms: u64::from(written.ring_s) * 1_000,
    })
}

/// The needs step by step; a last one that ends is followed by none at all.
fn steps(needs: &[Needs]) -> Box<[Step]> {
    let step = |needs: &Needs| {
        let need = |(skill, level): (&String, &u8)| Need { skill: skill.as_str().into(), level: *level };
        let ms = needs.s.map_or(u64::MAX, |s| u64::from(s) * 1_000);
        Step { needs: needs.skills.iter().map(need).collect(), ms }
    };
    let ends = needs.last().is_some_and(|last| last.s.is_some());
    needs.iter().map(step).chain(ends.then(Step::default)).collect()
}
