//! Reaching a target: the group's members in their order, each by its trunks in theirs, then the forwards, at most
//! three (rows R05, R07, R12–R14; FAULTS F8).

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Call, Desk, Event, Fact, LegNo, LegState, Rings, Sound, State, Timer, Tone, forward_kind};
use crate::Mono;
use crate::cdr::{AttemptKind, Cause, LegOutcome, Party};
use crate::display::Display;
use crate::enterprise::{Confirm, Ringback, Strategy};
use crate::number;
use crate::ringback::Rung;
use crate::routing::{self, Asked, FORWARDS_MAX, Skip};
use crate::tenant::{Memo, write_standing};
use crate::trunk::Pass;

/// A leg that gave no 18x is given up this long after its ring time.
const RING_GRACE_MS: u64 = 8_000;
/// Attempts of one call, members, trunks and forwards together.
const LEGS_MAX: usize = 64;

/// Where the search for somebody to answer stands.
#[derive(Debug)]
pub(super) struct Dialling {
    /// The group that is dialled, for what the caller hears.
    of: u8,
    /// The group whose order is still to be chosen: the caller's last answerer is tried before it.
    group: Option<u8>,
    /// Members of the group still to be tried.
    left: VecDeque<u8>,
    /// Whether all of them ring at once (row R27).
    at_once: bool,
    /// What is being tried: one, or all at once.
    attempts: Vec<Attempt>,
    /// Whether answers are confirmed, in place of each bound number's own setting (row R29).
    confirm: Option<Confirm>,
    kind: AttemptKind,
    last: Option<LegOutcome>,
}

/// A bound number being tried.
#[derive(Debug)]
struct Attempt {
    leg: LegNo,
    place: u8,
    /// Trunks still to be tried for it.
    ways: VecDeque<Option<Arc<str>>>,
}

impl Dialling {
    fn tries(&self, leg: LegNo) -> bool {
        self.attempts.iter().any(|attempt| attempt.leg == leg)
    }

    fn take(&mut self, leg: LegNo) -> Option<Attempt> {
        let place = self.attempts.iter().position(|attempt| attempt.leg == leg)?;
        Some(self.attempts.swap_remove(place))
    }

    /// One after the other the last word decides. Of many at once one that rang says more than one that was busy, and
    /// a busy one more than one that was not reached.
    fn hear(&mut self, outcome: LegOutcome) {
        let says = |outcome: LegOutcome| match outcome {
            LegOutcome::TrunkFailed | LegOutcome::NotFound | LegOutcome::NodeLost => 0,
            LegOutcome::Busy | LegOutcome::Rejected | LegOutcome::BusyTone => 1,
            LegOutcome::NoAnswer
            | LegOutcome::Cancelled
            | LegOutcome::LateAnswer
            | LegOutcome::Answered
            | LegOutcome::NoKey
            | LegOutcome::OtherKey
            | LegOutcome::HungUp
            | LegOutcome::RingbackTone => 2,
        };
        let outweighed = self.at_once && self.last.is_some_and(|last| says(last) > says(outcome));
        if !outweighed {
            self.last = Some(outcome);
        }
    }
}

impl Call {
    pub(super) fn dial_group(&mut self, group: u8, desk: &mut Desk<'_>, now: Mono) {
        let known = self.known_answerer(desk, now);
        let dialling = Dialling {
            of: group,
            group: Some(group),
            left: known.into_iter().collect(),
            at_once: false,
            attempts: Vec::new(),
            confirm: self.hotline.groups[usize::from(group)].confirm,
            kind: AttemptKind::Target,
            last: None,
        };
        self.try_next(dialling, desk, now);
    }

    /// The place of who answered this caller last, if the number remembers, and the phone is free and on duty
    /// (row R15). Asked for once in a call.
    fn known_answerer(&mut self, desk: &Desk<'_>, now: Mono) -> Option<u8> {
        let hotline = self.hotline.clone();
        let memory = hotline.memory.filter(|_| self.tried.is_empty() && self.finally.is_none())?;
        let memo = desk.tenant.memory().of(memory.scope.number(hotline.number), &self.caller)?;
        let at = self.wall(now);
        if at.0 - memo.at.0 > i64::from(memory.hours) * 3_600_000 {
            return None;
        }
        let since = memo.at;
        let place = hotline.destinations.iter().position(|known| *known.number == *memo.phone)? as u8;
        let destination = hotline.destination(place).name.clone();
        match routing::skip(&hotline, place, desk.tenant, at, desk.years, &self.rejected) {
            Some(why) => {
                self.note(Fact::PassedOver { destination, why }, now);
                None
            }
            None => {
                self.note(Fact::AnswererKnown { destination, since }, now);
                Some(place)
            }
        }
    }

    /// Chooses the order of a group's members. A last answerer who was tried before it is left out.
    fn route(&mut self, dialling: &mut Dialling, group: u8, desk: &mut Desk<'_>, now: Mono) {
        let hotline = self.hotline.clone();
        let at = self.wall(now);
        let before: &[u8] = if self.finally.is_none() { &self.tried } else { &[] };
        let mut asked = Asked {
            at,
            years: desk.years,
            chance: &mut self.chance,
            rejected: &self.rejected,
            tried: before,
        };
        let route = routing::choose_route(&hotline, group, desk.tenant, &mut asked);
        let order = route.order.iter().map(|place| hotline.destination(*place).name.clone()).collect();
        let full = route.why.skipped.iter().any(|(_, why)| matches!(why, Skip::LinesFull | Skip::Rejected));
        let strategy = route.why.strategy;
        self.note(Fact::Routed { why: route.why, order }, now);
        let first = route.order.first().filter(|_| strategy == Strategy::RoundRobin);
        if let Some(member) = first.and_then(|first| routing::member_of(&hotline, group, *first)) {
            desk.tenant.point(hotline.number, group, member);
            let turn = desk.tenant.next_turn();
            self.note(Fact::Pointed { group, member, turn }, now);
        }
        if let Some(standing) = route.standing {
            let state = write_standing(&standing);
            desk.tenant.stand(hotline.number, group, standing);
            let turn = desk.tenant.next_turn();
            self.note(Fact::Weighed { group, state, turn }, now);
        }
        if full {
            dialling.hear(LegOutcome::Busy);
        }
        dialling.left = route.order.into();
        dialling.at_once = strategy == Strategy::RingAll;
    }

    /// Tries the next member, or all at once, then the next forward; with none left the call is refused.
    fn try_next(&mut self, mut dialling: Dialling, desk: &mut Desk<'_>, now: Mono) {
        loop {
            let busy_trying = !dialling.attempts.is_empty();
            if busy_trying && (!dialling.at_once || dialling.left.is_empty() || self.legs.len() >= LEGS_MAX) {
                self.state = State::Dialling(dialling);
                return;
            }
            if self.legs.len() >= LEGS_MAX {
                return self.found_nobody(cause_of(dialling.last), dialling.last, desk, now);
            }
            let place = match dialling.left.pop_front() {
                Some(place) if self.is_passed_over(place, &mut dialling, desk, now) => continue,
                Some(place) => place,
                None if dialling.group.is_some() => {
                    if let Some(group) = dialling.group.take() {
                        self.route(&mut dialling, group, desk, now);
                    }
                    continue;
                }
                None => match self.next_forward(&mut dialling, desk, now) {
                    Ok(place) => place,
                    Err(cause) => return self.found_nobody(cause, dialling.last, desk, now),
                },
            };
            self.attempt(&mut dialling, place, desk, now);
        }
    }

    /// Nobody was found: the final treatment follows, once; after it, or without one, the call is refused (row R18).
    pub(super) fn found_nobody(
        &mut self,
        cause: Cause,
        last: Option<LegOutcome>,
        desk: &mut Desk<'_>,
        now: Mono,
    ) {
        let busy = last.is_some_and(LegOutcome::is_busy);
        if let Some(step) = self.unless_found(busy) {
            return self.walk(step, desk, now);
        }
        let step = if busy { self.hotline.finally_busy } else { self.hotline.finally_no_answer };
        match step.filter(|_| self.finally.is_none()) {
            Some(step) => {
                self.finally = Some(cause);
                self.note(Fact::Finally { cause }, now);
                self.walk(step, desk, now);
            }
            None => self.refuse(cause, None, desk, now),
        }
    }

    /// Since the order was chosen a member's last line may have been taken.
    fn is_passed_over(&mut self, place: u8, dialling: &mut Dialling, desk: &mut Desk<'_>, now: Mono) -> bool {
        let at = self.wall(now);
        let Some(why) = routing::skip(&self.hotline, place, desk.tenant, at, desk.years, &self.rejected)
        else {
            return false;
        };
        let destination = self.hotline.destination(place).name.clone();
        self.note(Fact::PassedOver { destination, why }, now);
        if why == Skip::LinesFull {
            dialling.hear(LegOutcome::Busy);
        }
        true
    }

    /// The next forward by the last outcome, or why there is none.
    fn next_forward(&mut self, dialling: &mut Dialling, desk: &Desk<'_>, now: Mono) -> Result<u8, Cause> {
        let Some(last) = dialling.last else { return Err(Cause::NoTarget) };
        let busy = last.is_busy();
        let hotline = self.hotline.clone();
        let pair = if busy { &hotline.forward_on_busy } else { &hotline.forward_on_no_answer };
        for place in pair {
            let destination = hotline.destination(*place);
            let skip = if routing::is_among(&hotline, *place, &self.tried) {
                Some(Skip::AlreadyTried)
            } else {
                routing::skip(&hotline, *place, desk.tenant, self.wall(now), desk.years, &self.rejected)
            };
            match skip {
                Some(why) => {
                    self.note(Fact::ForwardSkipped { destination: destination.name.clone(), why }, now)
                }
                None if self.forwards == FORWARDS_MAX => return Err(Cause::ForwardLimit),
                None => {
                    self.forwards += 1;
                    (dialling.kind, dialling.at_once) = (forward_kind(busy), false);
                    dialling.confirm = None;
                    return Ok(*place);
                }
            }
        }
        Err(cause_of(Some(last)))
    }

    /// The trunks to a bound number, with a fact of those that were passed over.
    fn ways_to(&mut self, place: u8, desk: &Desk<'_>, now: Mono) -> VecDeque<Option<Arc<str>>> {
        let destination = self.hotline.destination(place);
        let name = destination.name.clone();
        let ways = desk.trunks.ways_to(destination, &mut self.chance, now);
        if !ways.passed.is_empty() {
            self.note(Fact::TrunksPassed { destination: name, passed: ways.passed }, now);
        }
        ways.order.into()
    }

    /// The next trunk with room, its place taken.
    fn next_way(
        &mut self,
        place: u8,
        ways: &mut VecDeque<Option<Arc<str>>>,
        desk: &mut Desk<'_>,
        now: Mono,
    ) -> Option<Option<Arc<str>>> {
        loop {
            let way = ways.pop_front()?;
            let taken = way.as_ref().map_or(Ok(()), |trunk| self.take_trunk(trunk, desk, now));
            match (taken, way) {
                (Ok(()), way) => return Some(way),
                (Err(pass), Some(trunk)) => {
                    let destination = self.hotline.destination(place).name.clone();
                    self.note(Fact::TrunksPassed { destination, passed: vec![(trunk, pass)] }, now);
                }
                (Err(_), None) => {}
            }
        }
    }

    /// A place on a trunk that may show a number for this call, where today's legs are not all gone.
    pub(super) fn take_trunk(&self, trunk: &str, desk: &mut Desk<'_>, now: Mono) -> Result<(), Pass> {
        let live = self.live().ok_or(Pass::NoDisplay)?;
        if let Some(row) = desk.trunks.named(trunk) {
            Display::on_trunk(&row.profile, &live).map_err(|_| Pass::NoDisplay)?;
        }
        if desk.tenant.outgoing_is_full(&self.hotline, self.wall(now)) {
            return Err(Pass::DayFull);
        }
        desk.trunks.begin(trunk, now)
    }

    /// Tries a bound number by its first trunk.
    fn attempt(&mut self, dialling: &mut Dialling, place: u8, desk: &mut Desk<'_>, now: Mono) {
        self.tried.push(place);
        let destination = self.hotline.destination(place);
        if number::may_be_dialled(destination.kind, &destination.number).is_err() {
            let destination = destination.name.clone();
            self.note(Fact::PassedOver { destination, why: Skip::NotAllowed }, now);
            return dialling.hear(LegOutcome::NotFound);
        }
        let mut ways = self.ways_to(place, desk, now);
        match self.next_way(place, &mut ways, desk, now) {
            Some(way) => {
                let leg = self.begin_attempt(dialling, place, way, desk, now);
                dialling.attempts.push(Attempt { leg, place, ways });
            }
            // No carrier is to try elsewhere for it: to the caller all are busy.
            None if desk.tenant.outgoing_is_full(&self.hotline, self.wall(now)) => {
                dialling.hear(LegOutcome::Busy);
            }
            None => dialling.hear(LegOutcome::TrunkFailed),
        }
    }

    fn begin_attempt(
        &mut self,
        dialling: &Dialling,
        place: u8,
        way: Option<Arc<str>>,
        desk: &mut Desk<'_>,
        now: Mono,
    ) -> LegNo {
        let leg = self.begin_leg(Rings::Bound(place), way, dialling.kind, RING_GRACE_MS, desk, now);
        if let Some(confirm) = dialling.confirm {
            self.leg_mut(leg).confirm = confirm;
        }
        leg
    }

    pub(super) fn dialling(&mut self, mut dialling: Dialling, event: Event, desk: &mut Desk<'_>, now: Mono) {
        match event {
            Event::Rang { leg } if dialling.tries(leg) => {
                self.ring(&dialling, leg, now);
                self.state = State::Dialling(dialling);
            }
            Event::ToneHeard { leg, tone } if dialling.tries(leg) => {
                self.tone_heard(dialling, leg, tone, desk, now);
            }
            Event::LegAnswered { leg } if dialling.tries(leg) => {
                self.give_up_others(&dialling, leg, now);
                self.target_answered(leg, desk, now);
            }
            Event::LegFailed { leg, outcome, status, q850 } if dialling.tries(leg) => {
                let rang = self.leg(leg).state == LegState::Ringing;
                self.disarm(Timer::Ring(leg));
                self.leg_lost(leg, outcome, status, q850, desk, now);
                self.try_after(dialling, leg, outcome, rang, desk, now);
            }
            Event::LegHungUp { leg } if dialling.tries(leg) => {
                self.disarm(Timer::Ring(leg));
                self.leg_lost(leg, LegOutcome::Rejected, 0, None, desk, now);
                self.try_after(dialling, leg, LegOutcome::Rejected, true, desk, now);
            }
            Event::NoCommonCodec { leg } if dialling.tries(leg) => {
                // The leg answered without a codec of ours: it is ended, and the search goes on.
                self.disarm(Timer::Ring(leg));
                self.actions.push_back(super::Action::Bye { leg });
                self.late_answer(leg, desk, now);
                dialling.take(leg);
                dialling.hear(LegOutcome::TrunkFailed);
                self.try_next(dialling, desk, now);
            }
            other => {
                self.state = State::Dialling(dialling);
                self.take_ending(other, desk, now);
            }
        }
    }

    /// Goes on after an attempt failed: by the next trunk if this one failed, else with the next bound number. One that
    /// rejected is not rung again in this call; a phone that rang and is busy then was declined by hand (row R31).
    fn try_after(
        &mut self,
        mut dialling: Dialling,
        leg: LegNo,
        outcome: LegOutcome,
        rang: bool,
        desk: &mut Desk<'_>,
        now: Mono,
    ) {
        let Some(mut attempt) = dialling.take(leg) else { return self.try_next(dialling, desk, now) };
        let declined = matches!(outcome, LegOutcome::Rejected | LegOutcome::OtherKey);
        if declined || (outcome == LegOutcome::Busy && rang) {
            self.rejected.push(attempt.place);
        }
        let another = outcome == LegOutcome::TrunkFailed && self.legs.len() < LEGS_MAX;
        let way = match another {
            true => self.next_way(attempt.place, &mut attempt.ways, desk, now),
            false => None,
        };
        match way {
            Some(way) => {
                attempt.leg = self.begin_attempt(&dialling, attempt.place, way, desk, now);
                dialling.attempts.push(attempt);
                self.state = State::Dialling(dialling);
            }
            None => {
                dialling.hear(outcome);
                self.try_next(dialling, desk, now);
            }
        }
    }

    /// What the far end plays counts as what its signalling did not say (row R12).
    fn tone_heard(&mut self, dialling: Dialling, leg: LegNo, tone: Tone, desk: &mut Desk<'_>, now: Mono) {
        self.note(Fact::ToneHeard { leg, tone }, now);
        match tone {
            Tone::Ringback => {
                self.ring(&dialling, leg, now);
                self.state = State::Dialling(dialling);
            }
            Tone::Busy => {
                self.disarm(Timer::Ring(leg));
                self.give_up(leg, LegOutcome::Busy, now);
                self.try_after(dialling, leg, LegOutcome::Busy, false, desk, now);
            }
        }
    }

    /// The first answer has the call: all others that ring are given up. Each keeps its line until its last word.
    fn give_up_others(&mut self, dialling: &Dialling, answered: LegNo, now: Mono) {
        for attempt in dialling.attempts.iter().filter(|attempt| attempt.leg != answered) {
            self.disarm(Timer::Ring(attempt.leg));
            self.give_up(attempt.leg, LegOutcome::Cancelled, now);
        }
    }

    /// Gives up an attempt that nobody answered so far, whether it rings or answered and is not confirmed.
    pub(super) fn give_up(&mut self, leg: LegNo, outcome: LegOutcome, now: Mono) {
        self.disarm(Timer::Confirm(leg));
        self.leg_mut(leg).state = LegState::GivenUp;
        self.note(Fact::LegFailed { leg, outcome, status: 0, q850: None }, now);
        self.actions.push_back(super::Action::Cancel { leg });
    }

    /// The first 18x: the caller hears the ring. Of phones that ring at once none is heard as its own (row I04).
    fn ring(&mut self, dialling: &Dialling, leg: LegNo, now: Mono) {
        if !self.leg_rang(leg, now) {
            return;
        }
        self.sound_ring(dialling, leg, now);
    }

    /// A phone answered without an 18x, and whether somebody did is not known yet: to the caller it rings now.
    pub(super) fn ring_unrung(&mut self, leg: LegNo, now: Mono) {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Dialling(dialling) => {
                self.sound_ring(&dialling, leg, now);
                self.state = State::Dialling(dialling);
            }
            other => self.state = other,
        }
    }

    /// The caller hears the ring, unless another phone rings, or rang and is not confirmed: it does already.
    fn sound_ring(&mut self, dialling: &Dialling, leg: LegNo, now: Mono) {
        let rings = |state| matches!(state, LegState::Ringing | LegState::Confirming);
        let others = (1..).zip(&self.legs).filter(|(number, _)| *number != leg);
        if others.into_iter().any(|(_, other)| rings(other.state)) {
            return;
        }
        self.open_early_media();
        let tried = dialling.attempts.iter().find(|attempt| attempt.leg == leg && !dialling.at_once);
        let (destination, step) = (tried.map(|attempt| attempt.place), self.flowing.dials);
        let rung = Rung { destination, step, group: Some(dialling.of) };
        let sound = match self.hotline.ringbacks.of(rung) {
            Ringback::Tone => Sound::Ringback,
            Ringback::Prompt(name) => Sound::Prompt(name.as_str().into()),
        };
        let early = self.answered.is_none();
        // Before the answer a trunk without early media plays the carrier's own.
        if let Sound::Prompt(prompt) = &sound
            && (!early || self.early.media)
        {
            self.note(Fact::Prompted { prompt: prompt.clone(), early }, now);
        }
        self.play(super::CALLER, sound, true);
    }

    /// An attempt rang for its time, or what answered it is not somebody.
    pub(super) fn give_up_attempt(
        &mut self,
        leg: LegNo,
        outcome: LegOutcome,
        desk: &mut Desk<'_>,
        now: Mono,
    ) {
        if self.watcher_rang_out(leg, desk, now) {
            return;
        }
        let dialling = match std::mem::replace(&mut self.state, State::Over) {
            State::Dialling(dialling) => dialling,
            State::Waiting => {
                self.state = State::Waiting;
                return self.offer_rang_out(leg, outcome, desk, now);
            }
            State::Transferring(transfer) => {
                return self.transfer_rang_out(*transfer, leg, outcome, desk, now);
            }
            State::Reaching(reaching) => return self.customer_rang_out(*reaching, leg, desk, now),
            other => return self.state = other,
        };
        if !dialling.tries(leg) {
            return self.state = State::Dialling(dialling);
        }
        self.give_up(leg, outcome, now);
        self.try_after(dialling, leg, outcome, true, desk, now);
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
            if let Some(answered) = self.leg(leg).answered.filter(|_| self.hotline.counts_phones) {
                let (phone, at) = (self.destination_of(leg).number.clone(), self.wall(now));
                let used = desk.tenant.phone_ended(&phone, at, now.since_ms(answered));
                let turn = desk.tenant.next_turn();
                self.note(Fact::PhoneUsed { phone, used, turn }, now);
            }
        }
    }

    fn release_leg(&mut self, leg: LegNo, desk: &mut Desk<'_>) {
        self.disarm(Timer::Confirm(leg));
        self.free_line(leg, desk);
        // Until its last word a trunk counts the attempt: a late 200 is a call there.
        if let Some(trunk) = self.leg_mut(leg).trunk.take() {
            desk.trunks.end(&trunk);
        }
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
    pub(super) fn target_answered(&mut self, leg: LegNo, desk: &mut Desk<'_>, now: Mono) {
        self.note_answer(leg, desk, now);
        self.close_callers_requests(desk, now);
        self.actions.push_back(super::Action::StopPlay { leg: super::CALLER });
        self.answer_caller(desk, now);
        if !self.has_talked() {
            // The sale's zone is that of who answered first, whoever the call goes to later.
            self.zone_is_known(leg, desk, now);
        }
        self.meet(leg, desk, now);
    }

    /// A leg's 200, and what is remembered of it.
    pub(super) fn note_answer(&mut self, leg: LegNo, desk: &mut Desk<'_>, now: Mono) {
        self.disarm(Timer::Ring(leg));
        self.leg_mut(leg).state = LegState::Answered;
        self.leg_mut(leg).answered = Some(now);
        self.note(Fact::LegAnswered { leg }, now);
        self.keep_answerer(leg, desk, now);
        if self.hotline.counts_phones {
            let (phone, at) = (self.destination_of(leg).number.clone(), self.wall(now));
            let used = desk.tenant.phone_answered(&phone, at);
            let turn = desk.tenant.next_turn();
            self.note(Fact::PhoneUsed { phone, used, turn }, now);
        }
    }

    /// Who answered is kept for the caller's next call (row R15); a withheld caller is nobody.
    fn keep_answerer(&mut self, leg: LegNo, desk: &mut Desk<'_>, now: Mono) {
        let Some(memory) = self.hotline.memory.filter(|_| !self.caller.is_empty()) else { return };
        let (phone, at, scope) = (self.destination_of(leg).number.clone(), self.wall(now), memory.scope);
        let number = scope.number(self.hotline.number);
        let memo = Memo { number, caller: self.caller.clone(), at, phone: phone.to_string() };
        let place = desk.tenant.keep_answerer(memo);
        let turn = desk.tenant.next_turn();
        self.note(Fact::AnswererKept { place, scope, phone, at, turn }, now);
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
        Some(outcome) if outcome.is_busy() => Cause::AllBusy,
        Some(LegOutcome::TrunkFailed) => Cause::TrunkFailed,
        Some(_) => Cause::NoAnswer,
    }
}
