//! What logs tell of queues and agents: who waited where for how long, how agents took what they were offered, how long it kept
//! them, and how they stood when it was over.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::agent::{Agent, Duty, Refusal, Times};
use crate::call::{Dated, Fact, LegNo, Unqueued};
use crate::cdr::{Party, StayEnd};
use crate::queue::NoPlace;
use crate::{CallId, HotlineNumber, Mono, Now, Wall};

/// Waits of one call, at most; a flow that leads round is ended before.
const VISITS_MAX: usize = 50;

/// One wait of a call in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// The queue.
    pub queue: Arc<str>,
    /// From the call's arrival to the queue, milliseconds.
    pub after_ms: u64,
    /// Whether people sent the call there, out of a talk.
    pub is_moved: bool,
    /// How the wait was over; none where that is not known.
    pub end: Option<Ended>,
}

/// How a wait was over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How.
    pub why: StayEnd,
    /// How long it was, milliseconds.
    pub wait_ms: u64,
    /// The agent who answered, by number.
    pub agent: Option<Arc<str>>,
    /// How long that kept the agent, milliseconds.
    pub busy_ms: Option<u64>,
}

/// A call that comes to queues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comer {
    /// The call.
    pub call: CallId,
    /// The number it called.
    pub number: HotlineNumber,
    /// Its caller in national form, empty when withheld.
    pub caller: Box<str>,
    /// When it came.
    pub at: Wall,
    /// What it goes before others by (row R32).
    pub priority: u8,
    /// Its waits.
    pub visits: Vec<Visit>,
}

/// What an agent did with an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Response {
    Answered,
    Refused(Refusal),
    /// It was taken back: nobody knows.
    Withdrawn,
}

/// An offer to an agent.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    pub agent: Arc<str>,
    pub ms: u64,
    pub response: Response,
}

/// What kept an agent that no queue's offer began.
#[derive(Clone, Debug)]
pub(super) struct Errand {
    pub call: CallId,
    pub agent: Arc<str>,
    pub from: Wall,
    pub to: Wall,
}

/// How an agent stood when a part in a call was over.
#[derive(Clone, Debug)]
pub(super) struct Stood {
    pub at: Wall,
    /// When the agent logged in.
    pub since: Option<Wall>,
    pub times: Times,
    pub duty: Duty,
}

/// What the logs of a period tell.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The calls that came to a queue.
    pub comers: Vec<Comer>,
    /// Offers of each of them.
    pub(super) offers: BTreeMap<CallId, Vec<Offer>>,
    pub(super) errands: Vec<Errand>,
    pub(super) stood: BTreeMap<Arc<str>, Vec<Stood>>,
    /// When each wait began and until when nobody was offered it, by queue.
    pub(super) unoffered: BTreeMap<Arc<str>, Vec<(Wall, Wall)>>,
}

impl Seen {
    /// Reads a call's log.
    pub fn add(&mut self, call: CallId, log: &[Dated]) {
        let Some((Fact::Arrived(arrived), began)) = log.first().map(|first| (&first.fact, first.at)) else {
            return;
        };
        let wall = |at: Mono| Wall::of(at, arrived.wall_offset_ms);
        let visits = visits(log);
        let mut reading = Reading {
            call,
            legs: BTreeMap::new(),
            open: Vec::new(),
            unoffered: None,
            waits: false,
            seen: self,
        };
        for dated in log {
            reading.fact(&dated.fact, dated.at, &wall);
        }
        reading.end(log.last().map_or(began, |last| last.at), &wall);
        let priority = log.iter().find_map(|dated| match dated.fact {
            Fact::Prioritised { priority, .. } => Some(priority),
            _ => None,
        });
        if !visits.is_empty() {
            let (number, caller) = (arrived.number, arrived.caller.as_str().into());
            let at = wall(began);
            self.comers.push(Comer { call, number, caller, at, priority: priority.unwrap_or(0), visits });
        }
    }
}

struct Reading<'r> {
    call: CallId,
    /// Whose phone each leg rings, and since when.
    legs: BTreeMap<LegNo, (Option<Arc<str>>, Mono)>,
    /// Offers that are open: the agent, since when, and whether a wait of the caller's is behind it.
    open: Vec<(Arc<str>, Mono, bool)>,
    /// The wait that goes on without an offer so far, and since when.
    unoffered: Option<(Arc<str>, Wall)>,
    waits: bool,
    seen: &'r mut Seen,
}

impl Reading<'_> {
    fn fact(&mut self, fact: &Fact, at: Mono, wall: &dyn Fn(Mono) -> Wall) {
        match fact {
            Fact::Queued { queue, .. } => {
                (self.unoffered, self.waits) = (Some((queue.clone(), wall(at))), true);
            }
            Fact::Dialled(dialled) => _ = self.legs.insert(dialled.leg, (None, at)),
            Fact::Offered { leg, agent } => {
                self.legs.insert(*leg, (Some(agent.clone()), at));
                // Whatever else of the agent's is rung belongs to the same offer.
                if !self.open.iter().any(|(known, ..)| known == agent) {
                    self.close_wait(wall(at));
                    self.open.push((agent.clone(), at, self.waits));
                }
            }
            Fact::OfferOver { agent, how, .. } => self.respond(agent, Response::Refused(*how), at, wall),
            Fact::Unqueued { why, .. } => {
                self.close_wait(wall(at));
                self.waits = false;
                if *why != Unqueued::Answered {
                    self.withdraw(at, wall);
                }
            }
            Fact::LegAnswered { leg } => {
                let agent = self.legs.get(leg).and_then(|(agent, _)| agent.clone());
                let is_open = |agent: &Arc<str>| self.open.iter().any(|(known, ..)| known == agent);
                if let Some(agent) = agent.filter(is_open) {
                    self.respond(&agent, Response::Answered, at, wall);
                    self.withdraw(at, wall);
                }
            }
            Fact::AgentTook { leg, agent } => {
                let from = self.legs.get(leg).map_or(at, |(_, rung)| *rung);
                self.errand(agent, from, at, wall);
            }
            Fact::AgentKept { agent, value, .. } => self.stood(agent, value, at, wall),
            _ => {}
        }
    }

    /// The wait that began last has an offer, or is over.
    fn close_wait(&mut self, at: Wall) {
        if let Some((queue, since)) = self.unoffered.take() {
            self.seen.unoffered.entry(queue).or_default().push((since, at));
        }
    }

    fn respond(&mut self, agent: &Arc<str>, response: Response, at: Mono, wall: &dyn Fn(Mono) -> Wall) {
        let Some(place) = self.open.iter().position(|(known, ..)| known == agent) else { return };
        let (agent, since, waits) = self.open.swap_remove(place);
        if !waits {
            return self.errand(&agent, since, at, wall);
        }
        let offer = Offer { agent, ms: at.since_ms(since), response };
        self.seen.offers.entry(self.call).or_default().push(offer);
    }

    fn withdraw(&mut self, at: Mono, wall: &dyn Fn(Mono) -> Wall) {
        while let Some((agent, ..)) = self.open.first().cloned() {
            self.respond(&agent, Response::Withdrawn, at, wall);
        }
    }

    /// Something keeps an agent until it is said how the agent stands.
    fn errand(&mut self, agent: &Arc<str>, from: Mono, to: Mono, wall: &dyn Fn(Mono) -> Wall) {
        let (call, agent) = (self.call, agent.clone());
        self.seen.errands.push(Errand { call, agent, from: wall(from), to: wall(to) });
    }

    fn stood(&mut self, agent: &Arc<str>, value: &str, at: Mono, wall: &dyn Fn(Mono) -> Wall) {
        let of_call = |errand: &&mut Errand| errand.call == self.call && errand.agent == *agent;
        if let Some(errand) = self.seen.errands.iter_mut().rev().take(VISITS_MAX).find(of_call) {
            errand.to = wall(at);
        }
        // Any clock that has run for longer than an agent can have been logged in.
        let now = Now { mono: Mono(1 << 50), wall: wall(at) };
        let Some(kept) = Agent::read(value, now) else { return };
        let since = kept.logged_in_ms(now.mono).map(|ms| Wall(now.wall.0 - ms as i64));
        let (times, duty) = (kept.times(now.mono), kept.duty().clone());
        self.seen.stood.entry(agent.clone()).or_default().push(Stood { at: now.wall, since, times, duty });
    }

    fn end(&mut self, at: Mono, wall: &dyn Fn(Mono) -> Wall) {
        self.close_wait(wall(at));
        self.withdraw(at, wall);
    }
}

/// The waits that a log tells of.
pub(in crate::backtest) fn visits(log: &[Dated]) -> Vec<Visit> {
    let Some(began) = log.first().map(|first| first.at) else { return Vec::new() };
    let mut visits: Vec<Visit> = Vec::new();
    let (mut is_moved, mut since) = (false, began);
    for (place, Dated { at, fact }) in log.iter().enumerate() {
        let begun = |queue: &Arc<str>, end| {
            let after_ms = at.since_ms(began);
            Visit { queue: queue.clone(), after_ms, is_moved, end }
        };
        match fact {
            Fact::TransferBegan { .. } => is_moved = true,
            _ if visits.len() >= VISITS_MAX => break,
            Fact::Queued { queue, .. } => {
                since = *at;
                visits.push(begun(queue, None));
            }
            Fact::NotQueued { queue, why } => {
                let why = match why {
                    NoPlace::Full => StayEnd::Full,
                    NoPlace::Empty => StayEnd::Empty,
                };
                visits.push(begun(queue, Some(Ended { why, wait_ms: 0, agent: None, busy_ms: None })));
            }
            Fact::Unqueued { why, waited_ms, .. } => {
                let Some(visit) = visits.last_mut().filter(|visit| visit.end.is_none()) else { continue };
                let (why, wait_ms) = (ended(*why, log), *waited_ms);
                let agent = (why == StayEnd::Answered).then(|| answerer(&log[place..], log)).flatten();
                let busy_ms = agent.as_ref().map(|agent| busy_ms(&log[place..], agent));
                visit.end = Some(Ended { why, wait_ms, agent, busy_ms });
            }
            // Its node died while it waited.
            Fact::HungUp { until, .. } => {
                if let Some(visit) = visits.last_mut().filter(|visit| visit.end.is_none()) {
                    let wait_ms = until.since_ms(since);
                    visit.end = Some(Ended { why: StayEnd::CutOff, wait_ms, agent: None, busy_ms: None });
                }
            }
            _ => {}
        }
    }
    visits
}

fn ended(why: Unqueued, log: &[Dated]) -> StayEnd {
    let by_caller = |dated: &Dated| matches!(dated.fact, Fact::HungUp { by: Party::Caller, .. });
    match why {
        Unqueued::Answered => StayEnd::Answered,
        Unqueued::TimedOut => StayEnd::TimedOut,
        Unqueued::Empty => StayEnd::LeftEmpty,
        Unqueued::Gone if log.iter().any(by_caller) => StayEnd::Abandoned,
        Unqueued::Gone => StayEnd::CutOff,
        Unqueued::ByKey => StayEnd::ByKey,
        Unqueued::Spilled => StayEnd::Spilled,
    }
}

/// The agent whose answer ended a wait: that is said by the next answer.
fn answerer(behind: &[Dated], log: &[Dated]) -> Option<Arc<str>> {
    let leg = behind.iter().find_map(|dated| match dated.fact {
        Fact::LegAnswered { leg } => Some(leg),
        _ => None,
    })?;
    log.iter().rev().find_map(|dated| match &dated.fact {
        Fact::Offered { leg: offered, agent } if *offered == leg => Some(agent.clone()),
        _ => None,
    })
}

/// From the answer to the end of the agent's part.
fn busy_ms(behind: &[Dated], agent: &Arc<str>) -> u64 {
    let over = |dated: &&Dated| matches!(&dated.fact, Fact::AgentKept { agent: of, .. } if of == agent);
    let over = behind.iter().find(over).or(behind.last());
    over.zip(behind.first()).map_or(0, |(over, answered)| over.at.since_ms(answered.at))
}
