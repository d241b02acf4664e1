//! What people order about a talk, and whether it can be done: hold, transfer, consult. An order is judged by the call and the
//! enterprise as they are; nothing is changed here.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::transferring::{Found, TRANSFER_RING_MS};
use super::{Call, Desk, Fact, HeldBy, LegNo, State, WatchMode};
use crate::Mono;
use crate::agent;
use crate::enterprise::{Confirm, DestinationKind, phone_user};
use crate::flow::{QueueExits, StepKind, StepNo};
use crate::hotline::Destination;
use crate::number;
use crate::region::normalise;
use crate::satisfaction::Unrated;
use crate::tenant::Tenant;

/// Attempts of one call beyond which nothing is transferred any more.
const LEGS_MAX: usize = 200;

/// An order about a talk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TalkOrder {
    /// The caller hears music.
    Hold,
    /// The caller is back in the talk.
    Resume,
    /// The caller goes to somebody else at once; who talked is free of it.
    Transfer(Target),
    /// Somebody else is asked while the caller hears music.
    Consult(Target),
    /// The caller goes to who was asked.
    Complete,
    /// Whoever was asked is let go, and the talk goes on.
    Return,
    /// Who transfers talks with the other of the two: the caller, or who was asked.
    Swap,
    /// Who transfers, who was asked and the caller talk with each other.
    Merge,
    /// A supervisor comes in by the SIP phone with this number, or is there for something else from now on (row Q13).
    Watch(Arc<str>, WatchMode),
    /// The supervisor with this phone has the caller in place of who answered.
    TakeOver(Arc<str>),
    /// The supervisor with this phone is let go.
    Unwatch(Arc<str>),
    /// The recording keeps nothing of what is said or pressed (row V09).
    PauseRecording,
    /// The recording goes on.
    ResumeRecording,
    /// The caller is asked what the talk was worth, as its queue asks it; who talked is free of the call (row Q07).
    Rate,
}

/// Where a talk may go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// An agent, by number.
    Agent(Arc<str>),
    /// A SIP phone of the enterprise, by number.
    Extension(Arc<str>),
    /// A bound number of the 400 number, by name.
    Bound(Arc<str>),
    /// A queue, by name.
    Queue(Arc<str>),
    /// A step of the number's flow, or one of its rules, by name.
    Step(Arc<str>),
}

impl Target {
    /// What it is called by.
    pub fn name(&self) -> &str {
        match self {
            Target::Agent(name)
            | Target::Extension(name)
            | Target::Bound(name)
            | Target::Queue(name)
            | Target::Step(name) => name,
        }
    }
}

/// An order and who gives it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ordered {
    /// What is to be done.
    pub order: TalkOrder,
    /// Who wants it.
    pub by: Arc<str>,
}

/// Why an order about a talk cannot be obeyed. [`NotObeyed::code`] is stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotObeyed {
    /// The call is not as far, or something else is going on.
    NotNow,
    /// There is no such target.
    Unknown,
    /// The agent is not free, or the phone is in use.
    Busy,
    /// The number may not be dialled (FAULTS N7).
    NotAllowed,
    /// No trunk carries the call there now.
    NoWay,
    /// The call came by no queue that asks for a rating.
    NoSurvey,
    /// The caller may not be asked for a rating now, and why.
    Unrated(Unrated),
    /// The agent has no room for a call, whatever it does (row Q20).
    NoCapacity,
}

impl NotObeyed {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            NotObeyed::NotNow => "not_now",
            NotObeyed::Unknown => "unknown",
            NotObeyed::Busy => "busy",
            NotObeyed::NotAllowed => "not_allowed",
            NotObeyed::NoWay => "no_way",
            NotObeyed::NoSurvey => "no_survey",
            NotObeyed::Unrated(_) => "unrated",
            NotObeyed::NoCapacity => "no_capacity",
        }
    }
}

impl Call {
    /// Whether an order could be obeyed now.
    ///
    /// # Errors
    /// Why not.
    pub fn may_obey(&self, order: &TalkOrder, tenant: &Tenant, now: Mono) -> Result<(), NotObeyed> {
        let fits = match (&self.state, order) {
            (State::Talking { .. }, TalkOrder::Hold) => self.parked.is_none(),
            (State::Talking { .. }, TalkOrder::Resume) => self.parked == Some(HeldBy::Platform),
            (State::Talking { .. }, TalkOrder::Transfer(_)) => true,
            (State::Talking { .. }, TalkOrder::Consult(target)) => {
                !matches!(target, Target::Queue(_) | Target::Step(_))
            }
            (State::Transferring(transfer), TalkOrder::Complete) => transfer.may_complete(),
            (State::Transferring(transfer), TalkOrder::Return) => transfer.may_return(),
            (State::Transferring(transfer), TalkOrder::Swap | TalkOrder::Merge) => transfer.may_swap(),
            (State::Talking { .. }, TalkOrder::Watch(..)) => true,
            (State::Talking { .. }, TalkOrder::TakeOver(phone)) => self.is_watched_by(phone),
            (State::Talking { .. }, TalkOrder::Rate) => return self.survey_now(tenant, now).map(drop),
            (_, TalkOrder::Unwatch(phone)) => self.is_watched_by(phone),
            (_, TalkOrder::PauseRecording) => return self.may_pause(true),
            (_, TalkOrder::ResumeRecording) => return self.may_pause(false),
            _ => false,
        };
        if !fits || self.legs.len() >= LEGS_MAX {
            return Err(NotObeyed::NotNow);
        }
        match order {
            TalkOrder::Transfer(target) | TalkOrder::Consult(target) => self.find(target, tenant).map(drop),
            TalkOrder::Hold
            | TalkOrder::Resume
            | TalkOrder::Complete
            | TalkOrder::Return
            | TalkOrder::Swap
            | TalkOrder::Merge
            | TalkOrder::TakeOver(_)
            | TalkOrder::Unwatch(_)
            | TalkOrder::PauseRecording
            | TalkOrder::ResumeRecording
            | TalkOrder::Rate => Ok(()),
            TalkOrder::Watch(phone, _) => self.may_watch(phone, tenant),
        }
    }

    /// Whether somebody may send the caller on, to whomever that is.
    pub fn may_be_sent_on(&self) -> bool {
        matches!(self.state, State::Talking { .. }) && self.legs.len() < LEGS_MAX
    }

    /// The target that a phone of this talk dials for its caller: an agent's number, a bound number in any of its forms, or
    /// another phone's number if `is_phone`. Nothing else is ever called (FAULTS N7).
    ///
    /// # Errors
    /// Why the caller cannot go there.
    pub fn dialled(
        &self,
        leg: LegNo,
        dialled: &str,
        is_phone: bool,
        desk: &Desk<'_>,
        now: Mono,
    ) -> Result<Target, NotObeyed> {
        if !self.is_talk_of(leg) {
            return Err(NotObeyed::NotNow);
        }
        let target = self.meant(dialled, is_phone, desk.tenant).ok_or(NotObeyed::Unknown)?;
        self.may_obey(&TalkOrder::Transfer(target.clone()), desk.tenant, now)?;
        let Found::Phone { destination, .. } = self.find(&target, desk.tenant)? else { return Ok(target) };
        // Looked at only: the call's own chance is drawn from when it goes there.
        let mut chance = self.chance;
        let ways = desk.trunks.ways_to(&destination, &mut chance, now);
        if ways.order.is_empty() { Err(NotObeyed::NoWay) } else { Ok(target) }
    }

    fn meant(&self, dialled: &str, is_phone: bool, tenant: &Tenant) -> Option<Target> {
        if tenant.floor().is_some_and(|floor| floor.agent_numbered(dialled).is_some()) {
            return Some(Target::Agent(dialled.into()));
        }
        let national = normalise(dialled, None).number;
        let is_bound = |bound: &&Destination| *bound.number == *dialled || *bound.number == *national;
        if let Some(bound) = self.hotline.destinations.iter().find(is_bound) {
            return Some(Target::Bound(bound.name.clone()));
        }
        is_phone.then(|| Target::Extension(dialled.into()))
    }

    /// Obeys an order about a talk. One that cannot be obeyed changes nothing.
    pub(super) fn obey(&mut self, leg: LegNo, asked: super::Ordered, desk: &mut Desk<'_>, now: Mono) {
        let by = asked.by;
        self.floor_comes_up_to(desk, now);
        if let Err(why) = self.may_obey(&asked.order, desk.tenant, now) {
            if let TalkOrder::Transfer(to) | TalkOrder::Consult(to) = asked.order {
                self.note(Fact::TransferRefused { to, why, by }, now);
            }
            return;
        }
        match asked.order {
            TalkOrder::Hold => self.park(leg, HeldBy::Platform, now),
            TalkOrder::Resume => self.join(leg, desk, now),
            TalkOrder::Transfer(to) => self.begin_transfer(leg, to, false, by, desk, now),
            TalkOrder::Consult(to) => self.begin_transfer(leg, to, true, by, desk, now),
            TalkOrder::Watch(phone, mode) => self.watch(phone, mode, by, desk, now),
            TalkOrder::TakeOver(phone) => self.take_over(leg, &phone, by, desk, now),
            TalkOrder::Rate => self.send_to_rating(leg, desk, now),
            // Obeyed before they came here: they are the same in each state.
            TalkOrder::Unwatch(_) | TalkOrder::PauseRecording | TalkOrder::ResumeRecording => {}
            // Of a transfer that is going on: nobody is asked while two talk.
            TalkOrder::Complete | TalkOrder::Return | TalkOrder::Swap | TalkOrder::Merge => {}
        }
    }

    /// What stands behind a target's name, if it can be reached.
    pub(super) fn find(&self, target: &Target, tenant: &Tenant) -> Result<Found, NotObeyed> {
        match target {
            Target::Agent(number) => self.find_agent(number, tenant),
            Target::Extension(number) => self.find_phone(number, tenant),
            Target::Bound(name) => self.find_bound(name, tenant),
            Target::Queue(name) => {
                let known = tenant.floor().is_some_and(|floor| floor.queue_rules(name).is_some());
                let (exits, step) = self.exits_of(name);
                known.then(|| Found::Queue(name.clone(), exits, step)).ok_or(NotObeyed::Unknown)
            }
            Target::Step(name) => {
                let named = |step: &crate::flow::Step| self.hotline.words.text(step.rule) == &**name;
                let place = self.hotline.flow.steps.iter().position(named).ok_or(NotObeyed::Unknown)?;
                Ok(Found::Step(place as u16))
            }
        }
    }

    fn find_agent(&self, number: &str, tenant: &Tenant) -> Result<Found, NotObeyed> {
        let floor = tenant.floor().ok_or(NotObeyed::Unknown)?;
        let (place, rules, state) = floor.agent_numbered(number).ok_or(NotObeyed::Unknown)?;
        let destination = floor.devices(place, TRANSFER_RING_MS).pop_front().ok_or(NotObeyed::Unknown)?;
        if !floor.holds_call(place) {
            return Err(NotObeyed::NoCapacity);
        }
        if state != agent::State::Free || tenant.lines_in_use(&destination.number) > 0 {
            return Err(NotObeyed::Busy);
        }
        Ok(Found::Phone { destination, agent: Some((place, rules.number.clone())) })
    }

    /// A phone that an agent has is that agent's: where the agent is free, the call is.
    fn find_phone(&self, number: &str, tenant: &Tenant) -> Result<Found, NotObeyed> {
        // `acme` and `east-101` would be phone 101 of the enterprise `acme-east`.
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotObeyed::Unknown);
        }
        let user: Arc<str> = phone_user(&self.hotline.tenant, number).into();
        if tenant.lines_in_use(&user) > 0 {
            return Err(NotObeyed::Busy);
        }
        let whose = tenant.floor().and_then(|floor| floor.agent_with_phone(&user));
        match whose {
            Some((_, _, agent::State::Ringing | agent::State::Talking)) => Err(NotObeyed::Busy),
            Some((_, rules, agent::State::Free)) => self.find_agent(&rules.number, tenant),
            Some((_, _, agent::State::Off | agent::State::AfterWork | agent::State::Rest)) | None => {
                Ok(Found::Phone { destination: phone(number.into(), user), agent: None })
            }
        }
    }

    fn find_bound(&self, name: &str, tenant: &Tenant) -> Result<Found, NotObeyed> {
        let bound = self.hotline.destinations.iter().find(|bound| *bound.name == *name);
        let bound = bound.filter(|bound| bound.enabled).ok_or(NotObeyed::Unknown)?;
        if number::may_be_dialled(bound.kind, &bound.number).is_err() {
            return Err(NotObeyed::NotAllowed);
        }
        if tenant.lines_in_use(&bound.number) >= u32::from(bound.lines) {
            return Err(NotObeyed::Busy);
        }
        Ok(Found::Phone { destination: bound.clone(), agent: None })
    }

    /// The ways out of a queue as the number's own step into it has them; without one there are none.
    fn exits_of(&self, queue: &str) -> (QueueExits, StepNo) {
        let steps = self.hotline.flow.steps.iter().enumerate();
        let mut found = steps.filter_map(|(place, step)| match &step.kind {
            StepKind::Queue { queue: name, exits } if self.hotline.words.text(*name) == queue => {
                Some((exits.clone(), place as StepNo))
            }
            _ => None,
        });
        found.next().unwrap_or_else(|| (QueueExits::new([None; 3]), 0))
    }

    /// The trunks to a destination; none where nobody can be shown a number (row K06).
    pub(super) fn ways_of(
        &mut self,
        destination: &Destination,
        desk: &Desk<'_>,
        now: Mono,
    ) -> VecDeque<Option<Arc<str>>> {
        let ways = desk.trunks.ways_to(destination, &mut self.chance, now);
        if !ways.passed.is_empty() {
            let destination = destination.name.clone();
            self.note(Fact::TrunksPassed { destination, passed: ways.passed }, now);
        }
        ways.order.into()
    }
}

/// A SIP phone as something to dial.
pub(super) fn phone(name: Arc<str>, user: Arc<str>) -> Destination {
    Destination {
        name,
        kind: DestinationKind::Extension,
        number: user,
        area_code: "".into(),
        enabled: true,
        lines: 1,
        ring_ms: TRANSFER_RING_MS,
        duty: None,
        confirm: Confirm::Off,
    }
}
