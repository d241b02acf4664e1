//! Reaching a target: the group's members in their order, each by its trunks in theirs, then the forwards, at most
//! three (rows R05, R07, R12–R14; FAULTS F8).

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Call, Desk, Dialled, Event, Fact, LegNo, LegState, Sound, State, Timer, forward_kind};
use crate::Mono;
use crate::cdr::{AttemptKind, Cause, LegOutcome, Party};
use crate::enterprise::{Ringback, Strategy};
use crate::routing::{self, FORWARDS_MAX, Skip};

/// A leg that gave no 18x is given up this long after its ring time.
const RING_GRACE_MS: u64 = 8_000;
/// Attempts of one call, members, trunks and forwards together.
const LEGS_MAX: usize = 64;

/// Where the search for somebody to answer stands.
#[derive(Debug)]
pub(super) struct Dialling {
    /// Members of the group still to be tried.
    left: VecDeque<u8>,
    /// Trunks still to be tried for the bound number being reached.
    ways: VecDeque<Option<Arc<str>>>,
    place: u8,
    kind: AttemptKind,
    /// The leg being tried.
    leg: LegNo,
    forwards: u8,
    tried: Vec<u8>,
    last: Option<LegOutcome>,
}

impl Call {
    pub(super) fn dial_group(&mut self, group: u8, desk: &mut Desk<'_>, now: Mono) {
        let hotline = self.hotline.clone();
        let route = routing::choose_route(&hotline, group, desk.tenant);
        let order = route.order.iter().map(|place| hotline.destination(*place).name.clone()).collect();
        let full = route.why.skipped.iter().any(|(_, why)| *why == Skip::LinesFull);
        let remembers = route.why.strategy == Strategy::RoundRobin;
        self.note(Fact::Routed { why: route.why, order }, now);
        let first = route.order.first().filter(|_| remembers);
        if let Some(member) = first.and_then(|first| routing::member_of(&hotline, group, *first)) {
            desk.tenant.point(hotline.number, group, member);
            let turn = desk.tenant.next_turn();
            self.note(Fact::Pointed { group, member, turn }, now);
        }
        let dialling = Dialling {
            left: route.order.into(),
            ways: VecDeque::new(),
            place: 0,
            kind: AttemptKind::Target,
            leg: 0,
            forwards: 0,
            tried: Vec::new(),
            last: full.then_some(LegOutcome::Busy),
        };
        self.try_next(dialling, desk, now);
    }

    /// Tries the next trunk, the next member or the next forward; with none left the call is refused.
    fn try_next(&mut self, mut dialling: Dialling, desk: &mut Desk<'_>, now: Mono) {
        loop {
            if self.legs.len() >= LEGS_MAX {
                return self.refuse(cause_of(dialling.last), None, desk, now);
            }
            if let Some(way) = dialling.ways.pop_front() {
                return self.dial(dialling, way, desk, now);
            }
            match dialling
                .left
                .pop_front()
                .map(Ok)
                .unwrap_or_else(|| self.next_forward(&mut dialling, desk, now))
            {
                Ok(place) => {
                    dialling.place = place;
                    dialling.tried.push(place);
                    dialling.ways = desk.trunks.ways_to(self.hotline.destination(place)).into();
                    if dialling.ways.is_empty() {
                        dialling.last = Some(LegOutcome::TrunkFailed);
                    }
                }
                Err(cause) => return self.refuse(cause, None, desk, now),
            }
        }
    }

    /// The next forward by the last outcome, or why there is none.
    fn next_forward(&mut self, dialling: &mut Dialling, desk: &Desk<'_>, now: Mono) -> Result<u8, Cause> {
        let Some(last) = dialling.last else { return Err(Cause::NoTarget) };
        let busy = matches!(last, LegOutcome::Busy | LegOutcome::Rejected);
        let hotline = self.hotline.clone();
        let pair = if busy { &hotline.forward_on_busy } else { &hotline.forward_on_no_answer };
        for place in pair {
            let destination = hotline.destination(*place);
            let skip = if dialling.tried.contains(place) {
                Some(Skip::AlreadyTried)
            } else {
                routing::skip(destination, desk.tenant)
            };
            match skip {
                Some(why) => {
                    self.note(Fact::ForwardSkipped { destination: destination.name.clone(), why }, now)
                }
                None if dialling.forwards == FORWARDS_MAX => return Err(Cause::ForwardLimit),
                None => {
                    dialling.forwards += 1;
                    dialling.kind = forward_kind(busy);
                    return Ok(*place);
                }
            }
        }
        Err(cause_of(Some(last)))
    }

    fn dial(&mut self, mut dialling: Dialling, way: Option<Arc<str>>, desk: &mut Desk<'_>, now: Mono) {
        let destination = self.hotline.destination(dialling.place).clone();
        let leg = self.legs.len() as LegNo + 1;
        self.legs.push(super::Leg { place: dialling.place, state: LegState::Trying, line: true });
        desk.tenant.take_line(&destination.number);
        let trunk = way.as_ref().and_then(|way| desk.trunks.rows.iter().find(|trunk| trunk.name == *way));
        let cost_plan = trunk.and_then(|trunk| trunk.cost_plan.clone());
        self.note(
            Fact::Dialled(Box::new(Dialled {
                leg,
                destination: destination.name,
                number: destination.number,
                area_code: destination.area_code,
                trunk: way.clone().unwrap_or_else(|| "".into()),
                cost_plan,
                kind: dialling.kind,
            })),
            now,
        );
        self.actions.push_back(super::Action::Dial { leg, place: dialling.place, way });
        self.arm(Timer::Ring(leg), now + destination.ring_ms + RING_GRACE_MS);
        dialling.leg = leg;
        self.state = State::Dialling(dialling);
    }

    pub(super) fn dialling(&mut self, mut dialling: Dialling, event: Event, desk: &mut Desk<'_>, now: Mono) {
        match event {
            Event::Rang { leg } if leg == dialling.leg => {
                self.ring(leg, now);
                self.state = State::Dialling(dialling);
            }
            Event::LegAnswered { leg } if leg == dialling.leg => self.target_answered(leg, desk, now),
            Event::LegFailed { leg, outcome, status, q850 } if leg == dialling.leg => {
                self.disarm(Timer::Ring(leg));
                self.leg_lost(leg, outcome, status, q850, desk, now);
                self.try_after(dialling, outcome, desk, now);
            }
            Event::LegHungUp { leg } if leg == dialling.leg => {
                self.disarm(Timer::Ring(leg));
                self.leg_lost(leg, LegOutcome::Rejected, 0, None, desk, now);
                self.try_after(dialling, LegOutcome::Rejected, desk, now);
            }
            Event::NoCommonCodec { leg } if leg == dialling.leg => {
                // The leg answered without a codec of ours: it is ended, and the search goes on.
                self.disarm(Timer::Ring(leg));
                self.actions.push_back(super::Action::Bye { leg });
                self.late_answer(leg, desk, now);
                dialling.ways.clear();
                self.try_after(dialling, LegOutcome::TrunkFailed, desk, now);
            }
            other => {
                self.state = State::Dialling(dialling);
                self.take_ending(other, desk, now);
            }
        }
    }

    /// Goes on after an attempt failed: by the next trunk if this one failed, else with the next bound number.
    fn try_after(&mut self, mut dialling: Dialling, outcome: LegOutcome, desk: &mut Desk<'_>, now: Mono) {
        if outcome != LegOutcome::TrunkFailed {
            dialling.ways.clear();
        }
        dialling.last = Some(outcome);
        self.try_next(dialling, desk, now);
    }

    /// The first 18x: ring time counts from here, and the caller hears the ring.
    fn ring(&mut self, leg: LegNo, now: Mono) {
        if self.leg(leg).state != LegState::Trying {
            return;
        }
        self.leg_mut(leg).state = LegState::Ringing;
        self.note(Fact::Rang { leg }, now);
        let ring_ms = self.destination_of(leg).ring_ms;
        let hard = self.timers.iter().find(|(_, timer)| *timer == Timer::Ring(leg)).map(|(at, _)| *at);
        let soft = now + ring_ms;
        self.arm(Timer::Ring(leg), hard.map_or(soft, |hard| hard.min(soft)));
        self.open_early_media();
        let sound = match &self.hotline.ringback {
            Ringback::Tone => Sound::Ringback,
            Ringback::Prompt(name) => Sound::Prompt(name.as_str().into()),
        };
        self.play(super::CALLER, sound, true);
    }

    pub(super) fn give_up_ringing(&mut self, leg: LegNo, desk: &mut Desk<'_>, now: Mono) {
        let dialling = match std::mem::replace(&mut self.state, State::Over) {
            State::Dialling(dialling) => dialling,
            other => return self.state = other,
        };
        self.leg_mut(leg).state = LegState::GivenUp;
        self.note(Fact::LegFailed { leg, outcome: LegOutcome::NoAnswer, status: 0, q850: None }, now);
        self.actions.push_back(super::Action::Cancel { leg });
        self.try_after(dialling, LegOutcome::NoAnswer, desk, now);
    }

    /// A leg said its last word without having been joined. A leg that was given up keeps the outcome it has.
    pub(super) fn leg_lost(
        &mut self,
        leg: LegNo,
        outcome: LegOutcome,
        status: u16,
        q850: Option<u16>,
        desk: &mut Desk<'_>,
        now: Mono,
    ) {
        let was = self.leg(leg).state;
        if was == LegState::Over {
            return;
        }
        let abandoned = matches!(was, LegState::GivenUp) && self.has_failed(leg);
        if !abandoned {
            let outcome = if was == LegState::GivenUp { LegOutcome::Cancelled } else { outcome };
            self.note(Fact::LegFailed { leg, outcome, status, q850 }, now);
        }
        // A trunk that never answered stays open behind the scenes: its late word may still come.
        if outcome == LegOutcome::TrunkFailed && status == 0 && was == LegState::Trying {
            self.leg_mut(leg).state = LegState::GivenUp;
            return self.free_line(leg, desk);
        }
        self.release_leg(leg, desk);
    }

    /// An attempt that had been given up answered: acknowledged and ended by the endpoint; its cost is noted.
    pub(super) fn late_answer(&mut self, leg: LegNo, desk: &mut Desk<'_>, now: Mono) {
        if self.leg(leg).state == LegState::Over {
            return;
        }
        self.note(Fact::LegFailed { leg, outcome: LegOutcome::LateAnswer, status: 200, q850: None }, now);
        self.release_leg(leg, desk);
    }

    /// The far end of a leg that had answered hung up while something else was going on.
    pub(super) fn leg_over(&mut self, leg: LegNo, desk: &mut Desk<'_>, now: Mono) {
        if self.leg(leg).state != LegState::Over {
            self.note(Fact::LegOver { leg }, now);
            self.release_leg(leg, desk);
        }
    }

    fn release_leg(&mut self, leg: LegNo, desk: &mut Desk<'_>) {
        self.free_line(leg, desk);
        self.leg_mut(leg).state = LegState::Over;
    }

    fn free_line(&mut self, leg: LegNo, desk: &mut Desk<'_>) {
        if std::mem::replace(&mut self.leg_mut(leg).line, false) {
            let digits = self.destination_of(leg).number.clone();
            desk.tenant.free_line(&digits);
        }
    }

    fn has_failed(&self, leg: LegNo) -> bool {
        self.log
            .iter()
            .any(|dated| matches!(&dated.fact, Fact::LegFailed { leg: failed, .. } if *failed == leg))
    }

    /// The target's 200: our own 200 follows in the same turn, whatever happens after it.
    fn target_answered(&mut self, leg: LegNo, desk: &mut Desk<'_>, now: Mono) {
        self.disarm(Timer::Ring(leg));
        self.leg_mut(leg).state = LegState::Answered;
        self.note(Fact::LegAnswered { leg }, now);
        self.actions.push_back(super::Action::StopPlay { leg: super::CALLER });
        self.answer_caller(desk, now);
        self.zone_is_known(leg, desk, now);
        match self.hotline.recording_notice.clone() {
            Some(notice) => self.give_notice(leg, notice.as_str().into(), now),
            None => self.join(leg, desk, now),
        }
    }

    /// The target hung up: the call is over for both.
    pub(super) fn end_by_target(&mut self, leg: LegNo, desk: &mut Desk<'_>, now: Mono) {
        self.leg_over(leg, desk, now);
        self.hang_up(Cause::HangUp, Party::Target, now, desk, now);
    }
}

/// What a search that found nobody ended with.
fn cause_of(last: Option<LegOutcome>) -> Cause {
    match last {
        None => Cause::NoTarget,
        Some(LegOutcome::Busy | LegOutcome::Rejected) => Cause::AllBusy,
        Some(LegOutcome::TrunkFailed) => Cause::TrunkFailed,
        Some(_) => Cause::NoAnswer,
    }
}
