//! A call that the platform makes since somebody asked for it (rows Q15, K07): it waits in its queue's line as who asked would,
//! an agent answers first, then who asked is dialled and becomes the call's caller. What stood against it when it began may
//! have come since, so that it is asked again before anybody's phone rings.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{
    Action, Arrival, CALLER, Call, Desk, Event, Fact, LegNo, LegState, Queued, Rings, Sound, State, Timer,
    Tone,
};
use crate::callback::{CallbackEnd, Request, kind_of};
use crate::cdr::{AttemptKind, Cause, LegOutcome, Party};
use crate::enterprise::{Confirm, DestinationKind};
use crate::hotline::Destination;
use crate::number;
use crate::queue::Told;
use crate::{CallId, Mono, Now, Wall};

/// A line that no agent takes for so long is stood in anew, so that who said no may be asked again.
const WAIT_MS_MAX: u64 = 600_000;
/// A phone that gave no 18x is given up this long after its ring time.
const RING_GRACE_MS: u64 = 8_000;

/// What a call that calls back knows of it.
#[derive(Debug)]
pub(super) struct CallingBack {
    /// The request, as it was when the call began.
    request: Request,
    /// The leg of who asked, once dialled.
    customer: Option<LegNo>,
    /// The phone of who asked was rung and nobody was reached: only that is a try.
    missed: bool,
}

/// Who asked is being dialled; an agent listens to the ring.
#[derive(Debug)]
pub(super) struct Reaching {
    /// The agent's leg.
    agent: LegNo,
    /// The leg of who asked.
    leg: LegNo,
    destination: Destination,
    /// Trunks still to be tried.
    ways: VecDeque<Option<Arc<str>>>,
}

impl Call {
    /// Begins a call that calls back; its place in the queue's line is there already.
    pub fn call_back(arrival: Arrival, request: &Request, desk: &mut Desk<'_>, now: Now) -> Self {
        let mut call = Self::for_request(arrival, request, now);
        call.stand_in_line(now.mono);
        call.admit(desk, now.mono);
        call
    }

    /// A call that rings nobody: it gives up a request that is never to be dialled again, so that its log says so.
    pub fn give_callback_up(arrival: Arrival, request: &Request, desk: &mut Desk<'_>, now: Now) -> Self {
        let mut call = Self::for_request(arrival, request, now);
        call.close_request(request.id, CallbackEnd::GivenUp, desk, now.mono);
        call.hang_up(Cause::CallbackWithdrawn, Party::Platform, now.mono, desk, now.mono);
        call
    }

    fn for_request(arrival: Arrival, request: &Request, now: Now) -> Self {
        let (trunk, seed) = (arrival.trunk.clone(), arrival.seed);
        let mut call = Self::of(arrival, now);
        let back = CallingBack { request: request.clone(), customer: None, missed: false };
        call.calling_back = Some(Box::new(back));
        call.note_arrival(trunk, seed, now.mono);
        let (id, tries) = (request.id, request.tries);
        call.note(Fact::CallsBack { request: id, number: request.number.as_str().into(), tries }, now.mono);
        call
    }

    /// It waits where the request did; nobody hears music yet.
    fn stand_in_line(&mut self, now: Mono) {
        let Some(back) = &self.calling_back else { return };
        let queue: Arc<str> = back.request.queue.as_str().into();
        let since = self.wall(now).0 - back.request.since.0;
        let credited_ms = since.max(0) as u64;
        self.queued = Some(Box::new(Queued::in_line(queue.clone(), now)));
        self.arm(Timer::Patience, now + WAIT_MS_MAX);
        self.state = State::Waiting;
        self.note(Fact::Queued { queue, position: 1, credited_ms }, now);
    }

    /// Whether this call calls somebody back who has not answered yet.
    pub fn is_calling_back(&self) -> bool {
        self.calling_back.is_some() && self.answered.is_none()
    }

    /// The leg that became the caller's.
    pub fn customer(&self) -> Option<LegNo> {
        self.calling_back.as_ref()?.customer.filter(|_| self.answered.is_some())
    }

    /// What is said of the leg that became the caller's is said of the caller.
    pub(super) fn as_of_caller(&self, event: Event) -> Event {
        let Some(customer) = self.customer() else { return event };
        match event {
            Event::LegHungUp { leg } if leg == customer => Event::CallerHungUp,
            Event::Digit { leg, digit } if leg == customer => Event::Digit { leg: CALLER, digit },
            Event::SessionExpired { leg, last } if leg == customer => {
                Event::SessionExpired { leg: CALLER, last }
            }
            Event::Quality { leg, quality } if leg == customer => Event::Quality { leg: CALLER, quality },
            Event::Quiet { leg, spoke } if leg == customer => Event::Quiet { leg: CALLER, spoke },
            other => other,
        }
    }

    /// Whether the request is open still and may be dialled now.
    fn may_call_back(&self, desk: &Desk<'_>, now: Mono) -> bool {
        let Some(back) = &self.calling_back else { return false };
        // This call is up as one of that number, too.
        if desk.tenant.calls_up_of(&back.request.number) > 1 {
            return false;
        }
        let open = desk.tenant.requests().get(back.request.id);
        open.is_some_and(|(_, request)| desk.tenant.may_call_back(request, self.both(now), desk.years))
    }

    /// Before an agent's phone rings: whether the call goes on. One that does not is over.
    pub(super) fn goes_on_calling_back(&mut self, desk: &mut Desk<'_>, now: Mono) -> bool {
        if !self.is_calling_back() || self.may_call_back(desk, now) {
            return true;
        }
        self.hang_up(Cause::CallbackWithdrawn, Party::Platform, now, desk, now);
        false
    }

    /// An agent answered: who asked is dialled, and the agent hears it ring.
    pub(super) fn dial_customer(&mut self, agent: LegNo, desk: &mut Desk<'_>, now: Mono) {
        self.note_answer(agent, desk, now);
        if !self.goes_on_calling_back(desk, now) {
            return;
        }
        let Some(destination) = self.customers_phone(desk) else {
            if let Some(request) = self.calling_back.as_ref().map(|back| back.request.id) {
                self.close_request(request, CallbackEnd::GivenUp, desk, now);
            }
            return self.hang_up(Cause::CallbackWithdrawn, Party::Platform, now, desk, now);
        };
        self.play(agent, Sound::Ringback, true);
        let mut ways = self.ways_of(&destination, desk, now);
        match self.take_way(&destination, &mut ways, desk, now) {
            Some(way) => {
                self.count_try(desk, now);
                self.ring_customer(agent, destination, way, ways, desk, now);
            }
            // No phone rings, so that this was no try.
            None => self.hang_up(Cause::TrunkFailed, Party::Platform, now, desk, now),
        }
    }

    fn ring_customer(
        &mut self,
        agent: LegNo,
        destination: Destination,
        way: Option<Arc<str>>,
        ways: VecDeque<Option<Arc<str>>>,
        desk: &mut Desk<'_>,
        now: Mono,
    ) {
        let rings = Rings::phone(destination.clone());
        let leg = self.begin_leg(rings, way, AttemptKind::Callback, RING_GRACE_MS, desk, now);
        if let Some(back) = &mut self.calling_back {
            back.customer = Some(leg);
        }
        self.state = State::Reaching(Box::new(Reaching { agent, leg, destination, ways }));
    }

    /// The phone of who asked, as a number to dial. What may not be dialled was never taken as a request; it is asked again,
    /// since the lists may be others by now (FAULTS N7).
    fn customers_phone(&self, desk: &Desk<'_>) -> Option<Destination> {
        let request = &self.calling_back.as_ref()?.request;
        let kind = kind_of(&request.number);
        number::may_be_dialled(kind, &request.number).ok()?;
        let ring_ms = desk.tenant.dials_back(&request.queue)?.ring_ms;
        let number: Arc<str> = request.number.as_str().into();
        let area_code = match kind {
            DestinationKind::Landline => self.region.area_code.to_string().into(),
            _ => "".into(),
        };
        let (enabled, lines, duty, confirm) = (true, 1, None, Confirm::Off);
        Some(Destination {
            name: number.clone(),
            kind,
            number,
            area_code,
            enabled,
            lines,
            ring_ms,
            duty,
            confirm,
        })
    }

    /// The try counts from here, and the next one is far enough: after a crash nobody is dialled twice at once.
    fn count_try(&mut self, desk: &mut Desk<'_>, now: Mono) {
        let Some(back) = &mut self.calling_back else { return };
        back.request.tries = back.request.tries.saturating_add(1);
        self.put_off(desk, now);
    }

    /// The request stays open: it is tried again in a while.
    fn put_off(&mut self, desk: &mut Desk<'_>, now: Mono) {
        let Some((request, tries)) = self.calling_back.as_ref().map(|b| (b.request.id, b.request.tries))
        else {
            return;
        };
        let next_at = Wall(self.wall(now).0 + self.retry_ms(desk) as i64);
        if let Some((place, value)) = desk.tenant.requests_mut().put_off(request, tries, next_at) {
            let turn = desk.tenant.next_turn();
            self.note(Fact::CallbackKept { place, request, tries, next_at, value: value.into(), turn }, now);
        }
    }

    /// What happens while the phone of who asked rings.
    pub(super) fn reaching(&mut self, mut reaching: Reaching, event: Event, desk: &mut Desk<'_>, now: Mono) {
        let (leg, agent) = (reaching.leg, reaching.agent);
        match event {
            Event::Rang { leg: rings } if rings == leg => {
                self.leg_rang(leg, now);
                self.state = State::Reaching(Box::new(reaching));
            }
            Event::LegAnswered { leg: answers } if answers == leg => {
                self.customer_answered(leg, agent, desk, now);
            }
            Event::LegFailed { leg: fails, outcome, status, q850 } if fails == leg => {
                self.disarm(Timer::Ring(leg));
                self.leg_lost(leg, outcome, status, q850, desk, now);
                let next = match outcome == LegOutcome::TrunkFailed {
                    true => self.take_way(&reaching.destination, &mut reaching.ways, desk, now),
                    false => None,
                };
                match next {
                    Some(way) => {
                        let Reaching { destination, ways, .. } = reaching;
                        self.ring_customer(agent, destination, way, ways, desk, now);
                    }
                    None => self.missed_customer(outcome, desk, now),
                }
            }
            Event::LegHungUp { leg: gone } if gone == leg => {
                self.disarm(Timer::Ring(leg));
                self.leg_lost(leg, LegOutcome::Rejected, 0, None, desk, now);
                self.missed_customer(LegOutcome::Rejected, desk, now);
            }
            Event::NoCommonCodec { leg: answered } if answered == leg => {
                self.disarm(Timer::Ring(leg));
                self.actions.push_back(Action::Bye { leg });
                self.late_answer(leg, desk, now);
                self.missed_customer(LegOutcome::TrunkFailed, desk, now);
            }
            Event::ToneHeard { leg: plays, tone: Tone::Busy } if plays == leg => {
                self.note(Fact::ToneHeard { leg, tone: Tone::Busy }, now);
                self.disarm(Timer::Ring(leg));
                self.give_up(leg, LegOutcome::Busy, now);
                self.missed_customer(LegOutcome::Busy, desk, now);
            }
            Event::LegHungUp { leg: gone } if gone == agent => self.end_by_target(agent, desk, now),
            Event::Queue(Told::Withdrawn) => {
                self.hang_up(Cause::CallbackWithdrawn, Party::Platform, now, desk, now);
            }
            other => {
                self.state = State::Reaching(Box::new(reaching));
                self.take_ending(other, desk, now);
            }
        }
    }

    /// The phone of who asked rang for its time.
    pub(super) fn customer_rang_out(
        &mut self,
        reaching: Reaching,
        leg: LegNo,
        desk: &mut Desk<'_>,
        now: Mono,
    ) {
        if reaching.leg != leg {
            return self.state = State::Reaching(Box::new(reaching));
        }
        self.give_up(leg, LegOutcome::NoAnswer, now);
        self.missed_customer(LegOutcome::NoAnswer, desk, now);
    }

    fn missed_customer(&mut self, outcome: LegOutcome, desk: &mut Desk<'_>, now: Mono) {
        if let Some(back) = &mut self.calling_back {
            back.missed = true;
        }
        let cause = match outcome {
            LegOutcome::Busy | LegOutcome::Rejected | LegOutcome::BusyTone => Cause::AllBusy,
            LegOutcome::TrunkFailed => Cause::TrunkFailed,
            LegOutcome::NoAnswer
            | LegOutcome::NotFound
            | LegOutcome::Cancelled
            | LegOutcome::LateAnswer
            | LegOutcome::Answered
            | LegOutcome::NodeLost
            | LegOutcome::NoKey
            | LegOutcome::OtherKey
            | LegOutcome::HungUp
            | LegOutcome::RingbackTone => Cause::NoAnswer,
        };
        self.hang_up(cause, Party::Platform, now, desk, now);
    }

    /// Who asked answered, and is the caller from now on: what follows is as with any caller and target.
    fn customer_answered(&mut self, leg: LegNo, agent: LegNo, desk: &mut Desk<'_>, now: Mono) {
        self.disarm(Timer::Ring(leg));
        self.leg_mut(leg).state = LegState::Answered;
        self.note(Fact::LegAnswered { leg }, now);
        self.actions.push_back(Action::BecomeCaller { leg });
        self.answer_caller(desk, now);
        if let Some(request) = self.calling_back.as_ref().map(|back| back.request.id) {
            self.close_request(request, CallbackEnd::Done, desk, now);
        }
        self.zone_is_known(agent, desk, now);
        self.actions.push_back(Action::StopPlay { leg: agent });
        self.meet(agent, desk, now);
    }

    /// A request is over, by what this call did. A call that is at it is told; this one knows.
    pub(super) fn close_request(
        &mut self,
        request: CallId,
        how: CallbackEnd,
        desk: &mut Desk<'_>,
        now: Mono,
    ) {
        let own = self.calling_back.as_ref().is_some_and(|back| back.request.id == request);
        if own {
            desk.tenant.requests_mut().set_call(request, None);
        }
        let Some(place) = desk.tenant.close_request(request) else { return };
        let turn = desk.tenant.next_turn();
        self.note(Fact::CallbackClosed { place, request, how, turn }, now);
    }

    /// Somebody answered a caller: nobody need call that number back any more (row Q15). What it asked for with another number
    /// is somebody else's, unless this very call asked: many may ring by the line of one firm.
    pub(super) fn close_callers_requests(&mut self, desk: &mut Desk<'_>, now: Mono) {
        if self.calling_back.is_some() || desk.tenant.requests().is_empty() {
            return;
        }
        let requests = desk.tenant.requests();
        let of_number = requests.of_number(&self.caller).map(|request| request.id);
        let own = requests.get(self.id).map(|(_, request)| request.id).filter(|own| Some(*own) != of_number);
        let over = [of_number, own].into_iter().flatten();
        over.for_each(|request| self.close_request(request, CallbackEnd::Done, desk, now));
    }

    /// The call ends: its request is done, given up, put off, or stands in line again as if nothing had been.
    pub(super) fn end_calling_back(&mut self, cause: Cause, desk: &mut Desk<'_>, now: Mono) {
        let Some(back) = self.calling_back.as_ref().filter(|_| self.answered.is_none()) else { return };
        let (request, queue, tries) = (back.request.id, back.request.queue.clone(), back.request.tries);
        let (was_dialled, missed) = (back.customer.is_some(), back.missed);
        if desk.tenant.requests().of_call(self.id).is_none() {
            return;
        }
        desk.tenant.requests_mut().set_call(request, None);
        let most = desk.tenant.dials_back(&queue).map_or(u8::MAX, |dial| dial.tries);
        match was_dialled {
            true if missed && tries >= most => self.close_request(request, CallbackEnd::GivenUp, desk, now),
            true if missed => self.put_off(desk, now),
            true => self.count_no_try(desk, now),
            false => self.end_undialled(request, cause, desk, now),
        }
    }

    /// Nobody's phone rang but an agent's. Whatever stood against it stands a moment later, too, unless the platform itself took
    /// the request back.
    fn end_undialled(&mut self, request: CallId, cause: Cause, desk: &mut Desk<'_>, now: Mono) {
        match cause {
            Cause::CallbackWithdrawn | Cause::NodeStopped => {}
            // The number asked for is barred, and would be in a while.
            Cause::Blocked | Cause::RegionBarred | Cause::Nuisance => {
                self.close_request(request, CallbackEnd::GivenUp, desk, now);
            }
            // It stands against every request of the enterprise.
            Cause::BalanceTooLow | Cause::Frozen | Cause::MonthCostCap | Cause::MonthCallCap => {
                self.put_off(desk, now);
                let retry_ms = self.retry_ms(desk);
                desk.tenant.requests_mut().rest_until(now + retry_ms);
            }
            _ => self.put_off(desk, now),
        }
    }

    /// How long the queue of its request waits between two tries.
    fn retry_ms(&self, desk: &Desk<'_>) -> u64 {
        let queue = self.calling_back.as_ref().map_or("", |back| &back.request.queue);
        desk.tenant.dials_back(queue).map_or(0, |dial| dial.retry_ms)
    }

    /// Who asked answered, but nothing of it could be journalled, so that nobody talked: the request is open again.
    pub(super) fn reopen_request(&mut self, desk: &mut Desk<'_>, now: Mono) {
        let Some(request) = self.calling_back.as_ref().map(|back| back.request.clone()) else { return };
        let requests = desk.tenant.requests_mut();
        if requests.of_number(&request.number).is_none() && requests.open(request).is_some() {
            self.count_no_try(desk, now);
        }
    }

    /// Our side ended it while the phone of who asked rang: what was counted before the INVITE was no try.
    fn count_no_try(&mut self, desk: &mut Desk<'_>, now: Mono) {
        let Some(back) = &mut self.calling_back else { return };
        back.request.tries = back.request.tries.saturating_sub(1);
        self.put_off(desk, now);
    }
}
