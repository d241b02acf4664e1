//! The queue model of the back-test: calls wait again, in virtual time, on the very [`Floor`](crate::queue::Floor) of the server, with
//! the agents that were on duty. What the logs do not know is drawn from what they tell of others. It says what may be, not what
//! was: whoever shows its figures shows those it comes to for the calls as they were beside them.

mod curve;
mod duty;
mod figures;
mod run;
mod seen;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::agent::Refusal;
use crate::cdr::StayEnd;
use crate::flow::Chance;
use crate::queue::Staff;
use crate::{CallId, Wall};

pub use figures::{Counted, Figures, STAYS_MIN};
pub use seen::{Comer, Ended, Seen, Visit};

pub(super) use seen::visits;

use curve::Curve;
use duty::Roster;
use seen::{Errand, Offer, Response};

/// With fewer callers who gave up, a queue's patience is that of all queues together.
pub const GAVE_UP_MIN: usize = 10;
/// With fewer offers, an agent takes them as all agents do.
const OFFERS_MIN: usize = 10;
/// An agent's pace is its own by as much as it had talks beside so many of all agents.
const TALKS_MIN: f64 = 10.0;
/// A talk where no talk of the period is known, milliseconds.
const TALK_MS: u64 = 180_000;
/// After-work of an agent of whom none is known, milliseconds.
const AFTER_WORK_MS: u64 = 0;
/// An agent whom the platform sent to rest comes back after this where nobody was seen to, milliseconds.
const RETURNS_MS: u64 = 300_000;
/// What is asked of chance about a call; from [`OFFERS`] on, its so-manieth offer to an agent.
const PATIENCE: u64 = 1;
const TALK: u64 = 2;
const AFTER_WORK: u64 = 4;
const RETURN: u64 = 5;
const OFFERS: u64 = 6;

/// What became of one wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Modelled {
    /// The call.
    pub call: CallId,
    /// The queue.
    pub queue: Arc<str>,
    /// When the wait began.
    pub at: Wall,
    /// How it was over.
    pub why: StayEnd,
    /// How long it was, milliseconds.
    pub wait_ms: u64,
    /// The agent who answered, by number.
    pub agent: Option<Arc<str>>,
}

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// The waits, as they ended.
    pub waits: Vec<Modelled>,
    /// Waits that came to nothing in the model: the call was in another one, or the queue is gone.
    pub left: u64,
    /// Calls that would have gone on to a queue otherwise than the log tells, and are followed no further.
    pub beyond: u64,
    /// Times that other calls would have kept an agent who was in a call of a queue then.
    pub errands_left: u64,
}

/// What the model goes by, of one queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Basis {
    /// Waits that were seen.
    pub waits: u64,
    /// Those of them that ended before the caller gave up.
    pub censored: u64,
    /// Whether they are too few, and patience is that of all queues together.
    pub is_pooled: bool,
    /// Agents of the queue of whom the logs tell.
    pub agents: u64,
}

/// What the logs of a period tell, ready to be drawn from.
#[derive(Debug)]
pub struct Model {
    seen: Seen,
    roster: Roster,
    patience: BTreeMap<Arc<str>, Curve<()>>,
    any_patience: Curve<()>,
    responses: BTreeMap<Arc<str>, Curve<Response>>,
    any_response: Curve<Response>,
    talks: BTreeMap<Arc<str>, Vec<u64>>,
    any_talk: Vec<u64>,
    any_after_work: Vec<u64>,
    paces: BTreeMap<Arc<str>, f64>,
    /// Where each call is in what was seen.
    places: BTreeMap<CallId, usize>,
}

impl Model {
    /// Takes in what logs tell. `staff` is that of the document: it says who serves which queue.
    pub fn new(mut seen: Seen, staff: &Staff) -> Self {
        seen.unoffered.values_mut().for_each(|waits| waits.sort());
        seen.comers.sort_by_key(|comer| (comer.at, comer.call));
        let roster = Roster::of(&seen, staff);
        let (mut waits, mut talks) =
            (BTreeMap::<Arc<str>, Vec<_>>::new(), BTreeMap::<Arc<str>, Vec<_>>::new());
        for visit in seen.comers.iter().flat_map(|comer| &comer.visits) {
            let Some(end) = &visit.end else { continue };
            if !matches!(end.why, StayEnd::Full | StayEnd::Empty) {
                let gave_up = (end.why == StayEnd::Abandoned).then_some(());
                waits.entry(visit.queue.clone()).or_default().push((end.wait_ms, gave_up));
            }
            talks.entry(visit.queue.clone()).or_default().extend(end.busy_ms);
        }
        let mut offers = BTreeMap::<Arc<str>, Vec<_>>::new();
        for offer in seen.offers.values().flatten() {
            // What rang in vain was not answered for so long: how it had ended, nobody knows.
            let ended = !matches!(offer.response, Response::Withdrawn | Response::Refused(Refusal::Missed));
            let what = Some(offer.response).filter(|_| ended);
            offers.entry(offer.agent.clone()).or_default().push((offer.ms, what));
        }
        let any_patience = Curve::new(waits.values().flatten().copied().collect());
        let any_response = Curve::new(offers.values().flatten().copied().collect());
        let any_talk = talks.values().flatten().copied().collect();
        let any_after_work = roster.after_work.values().flatten().map(|(_, ms)| *ms).collect();
        let paces = paces(&seen);
        let places = seen.comers.iter().enumerate().map(|(place, comer)| (comer.call, place)).collect();
        Self {
            patience: waits.into_iter().map(|(queue, seen)| (queue, Curve::new(seen))).collect(),
            responses: offers.into_iter().map(|(agent, seen)| (agent, Curve::new(seen))).collect(),
            seen,
            roster,
            any_patience,
            any_response,
            talks,
            any_talk,
            any_after_work,
            paces,
            places,
        }
    }

    /// The calls as they came to queues.
    pub fn comers(&self) -> &[Comer] {
        &self.seen.comers
    }

    /// What it goes by, of a queue.
    pub fn basis(&self, queue: &str, staff: &Staff) -> Basis {
        let curve = self.patience.get(queue);
        let members =
            staff.queues.iter().filter(|rules| *rules.name == *queue).flat_map(|rules| &rules.members);
        let numbers = members.filter_map(|member| staff.agents.get(usize::from(member.agent)));
        let (waits, ends) = curve.map_or((0, 0), |curve| (curve.seen(), curve.ends()));
        Basis {
            waits: waits as u64,
            censored: (waits - ends) as u64,
            is_pooled: ends < GAVE_UP_MIN,
            agents: numbers.filter(|rules| self.roster.shifts.contains_key(&rules.number)).count() as u64,
        }
    }

    /// A call as it came to queues, if it did.
    pub fn comer(&self, call: CallId) -> Option<&Comer> {
        self.places.get(&call).map(|place| &self.seen.comers[*place])
    }

    /// Has calls wait under the rules of a document.
    pub fn run(&self, staff: &Staff, comers: &[Comer]) -> Run {
        run::Running::new(self, staff, comers).run()
    }

    /// The wait of its call behind which something kept an agent, by its place, if there was one and its end is known.
    fn visit_behind(&self, errand: &Errand) -> Option<usize> {
        let comer = self.comer(errand.call)?;
        let began = |visit: &Visit| comer.at.0 + visit.after_ms as i64 <= errand.from.0;
        let last = comer.visits.iter().rposition(began)?;
        comer.visits[last].end.is_some().then_some(last)
    }

    /// A wait of a call as it was: the so-manieth in this queue.
    fn own(&self, call: CallId, queue: &str, turn: usize) -> Option<&Ended> {
        let comer = &self.seen.comers[*self.places.get(&call)?];
        comer.visits.iter().filter(|visit| *visit.queue == *queue).nth(turn)?.end.as_ref()
    }

    /// After how long a caller gives up, milliseconds; none who waits for longer than anybody was seen to give up.
    fn patience_ms(&self, call: CallId, queue: &str, turn: usize) -> Option<u64> {
        let own = self.own(call, queue, turn);
        if let Some(end) = own.filter(|end| end.why == StayEnd::Abandoned) {
            return Some(end.wait_ms);
        }
        let curve = self.patience.get(queue).filter(|curve| curve.ends() >= GAVE_UP_MIN);
        let curve = curve.unwrap_or(&self.any_patience);
        let beyond = own.map(|end| end.wait_ms);
        curve.draw(beyond, share(call, PATIENCE, turn as u64)).map(|(ms, _)| ms)
    }

    /// When the caller presses the key that leads it on, as it did.
    fn key_ms(&self, call: CallId, queue: &str, turn: usize) -> Option<u64> {
        let own = self.own(call, queue, turn)?;
        (own.why == StayEnd::ByKey).then_some(own.wait_ms)
    }

    /// How long a call keeps the agent who answers, milliseconds: as it did, or as another of its queue. Another agent is as much
    /// faster or slower at it as at other calls.
    fn busy_ms(&self, call: CallId, queue: &str, turn: usize, agent: &str) -> u64 {
        let own = self.own(call, queue, turn).and_then(|end| Some((end.busy_ms?, end.agent.as_deref()?)));
        if let Some((ms, of)) = own {
            return (ms as f64 * self.pace(agent) / self.pace(of)) as u64;
        }
        let of = self.talks.get(queue).filter(|talks| talks.len() >= STAYS_MIN).unwrap_or(&self.any_talk);
        let drawn = pick(of, share(call, TALK, turn as u64)).unwrap_or(TALK_MS);
        (drawn as f64 * self.pace(agent)) as u64
    }

    /// How long an agent's talks take, of those of all agents together.
    fn pace(&self, agent: &str) -> f64 {
        self.paces.get(agent).copied().unwrap_or(1.0)
    }

    /// What an agent does with the so-manieth offer of this call to it, if it rings for `ring_ms` at most.
    fn response(&self, call: CallId, agent: &str, turn: usize, ring_ms: u64) -> (u64, Response) {
        let offers = self.seen.offers.get(&call);
        let of_agent = |offer: &&Offer| *offer.agent == *agent;
        let own = offers.and_then(|offers| offers.iter().filter(of_agent).nth(turn));
        let is_known = |offer: &&Offer| match offer.response {
            Response::Withdrawn => false,
            Response::Refused(Refusal::Missed) => offer.ms >= ring_ms,
            Response::Answered | Response::Refused(_) => true,
        };
        if let Some(offer) = own.filter(is_known) {
            return (offer.ms, offer.response);
        }
        let curve = self.responses.get(agent).filter(|curve| curve.seen() >= OFFERS_MIN);
        let chance = share(call, OFFERS + turn as u64, spread(agent));
        let drawn = curve.unwrap_or(&self.any_response).draw(own.map(|offer| offer.ms), chance);
        let missed = (ring_ms, Response::Refused(Refusal::Missed));
        drawn.map_or(missed, |(ms, response)| (ms, *response))
    }

    /// How long an agent writes up behind a talk, milliseconds, where nothing but the agent ends that: as it did behind this one, or
    /// as behind another.
    fn after_work_ms(&self, agent: &str, talk_of: CallId) -> u64 {
        let own = self.roster.after_work.get(agent).map_or(&[][..], Vec::as_slice);
        let over = self.talk_over(agent, talk_of);
        let as_it_did = over.and_then(|over| own.binary_search_by_key(&over, |(at, _)| *at).ok());
        if let Some(place) = as_it_did {
            return own[place].1;
        }
        let own: Vec<u64> = own.iter().map(|(_, ms)| *ms).collect();
        let of = if own.len() >= OFFERS_MIN { &own } else { &self.any_after_work };
        pick(of, share(talk_of, AFTER_WORK, spread(agent))).unwrap_or(AFTER_WORK_MS)
    }

    /// When an agent's talk in a call was over, if it had one.
    fn talk_over(&self, agent: &str, call: CallId) -> Option<Wall> {
        let comer = &self.seen.comers[*self.places.get(&call)?];
        comer.visits.iter().find_map(|visit| {
            let end = visit.end.as_ref().filter(|end| end.agent.as_deref() == Some(agent))?;
            Some(Wall(comer.at.0 + (visit.after_ms + end.wait_ms + end.busy_ms?) as i64))
        })
    }

    /// After how long an agent whom the platform sent to rest comes back, milliseconds.
    fn return_ms(&self, agent: &str, call: CallId) -> u64 {
        pick(&self.roster.returns, share(call, RETURN, spread(agent))).unwrap_or(RETURNS_MS)
    }
}

/// How long each agent's talks take, of those of all: few talks of an agent say little against the others'.
fn paces(seen: &Seen) -> BTreeMap<Arc<str>, f64> {
    let ends = seen.comers.iter().flat_map(|comer| &comer.visits).filter_map(|visit| visit.end.as_ref());
    let mut talks: BTreeMap<Arc<str>, (f64, f64)> = BTreeMap::new();
    for (agent, ms) in ends.filter_map(|end| end.agent.clone().zip(end.busy_ms)) {
        let sum = talks.entry(agent).or_default();
        *sum = (sum.0 + 1.0, sum.1 + ms as f64);
    }
    let all = talks.values().fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let mean = (all.1 / f64::max(all.0, 1.0)).max(1.0);
    let pace = |(count, ms): (f64, f64)| (ms + TALKS_MIN * mean) / (count + TALKS_MIN) / mean;
    talks.into_iter().map(|(agent, sum)| (agent, pace(sum))).collect()
}

/// A share of chance from 0 to below 1, the same for the same question about the same call whoever asks: two runs differ by their
/// rules alone.
fn share(call: CallId, what: u64, of: u64) -> f64 {
    let mut chance =
        Chance::new(call.0 as u64 ^ (call.0 >> 64) as u64 ^ what.rotate_left(40) ^ of.rotate_left(20));
    chance.draw();
    (chance.draw() >> 11) as f64 / (1u64 << 53) as f64
}

fn spread(text: &str) -> u64 {
    text.bytes().fold(7, |sum, byte| sum.wrapping_mul(131).wrapping_add(u64::from(byte)))
}

fn pick(of: &[u64], share: f64) -> Option<u64> {
    of.get((of.len() as f64 * share) as usize).copied()
}
