//! A call that waits in a queue: music, its place told, offers to agents' phones, and the ways out (rows Q02, Q11, Q16 to
//! Q18, Q21, Q25, R28). Who is offered what is decided on the tenant's floor; here it is done, and noted.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::serving::Serving;
use super::{Action, CALLER, Call, Desk, Event, Fact, Key, LegNo, LegState, Rings, Sound, State, Timer};
use crate::agent::Refusal;
use crate::cdr::{AttemptKind, Cause, LegOutcome, Party};
use crate::enterprise::Language;
use crate::flow::{QueueExits, StepNo};
use crate::hotline::Destination;
use crate::queue::{AgentNo, Join, Left, NoPlace, QueueRules, Told};
use crate::speech::Announcement;
use crate::{Mono, Now, Word};

/// A phone that gave no 18x is given up this long after its ring time.
const RING_GRACE_MS: u64 = 4_000;
/// Offers of one call; a caller nobody took by then is sent on as if its patience were over.
const OFFERS_MAX: usize = 200;
/// An offer that would be said over something else waits so long.
const OFFER_AGAIN_MS: u64 = 2_000;
/// A caller who waits is looked at so often.
const SPILL_EVERY_MS: u64 = 5_000;
/// Q.850 20, subscriber absent: the phone is registered nowhere.
const ABSENT: u16 = 20;

/// A call's way through queues.
#[derive(Debug, Default)]
pub(super) struct Queued {
    /// Where it waits.
    waits: Option<Waiting>,
    /// The queues it waited in, with when it began to (row I16).
    before: Vec<(Arc<str>, Mono)>,
    /// Its agents: who talks in it, and whom a transfer rings.
    pub(super) serving: Vec<Serving>,
    /// The queue it joined last, with its ways out and the step that led there.
    pub(super) last: Option<(Arc<str>, QueueExits, StepNo)>,
    /// The music of that queue, where it has its own.
    pub(super) music: Option<Arc<str>>,
}

#[derive(Debug)]
struct Waiting {
    queue: Arc<str>,
    exits: QueueExits,
    /// The step that led here, by name.
    step: Word,
    since: Mono,
    offers: Vec<Offer>,
    /// What is being said in place of the music.
    play: Option<u32>,
}

#[derive(Debug)]
struct Offer {
    leg: LegNo,
    agent: AgentNo,
    number: Arc<str>,
    /// What rings.
    device: Destination,
    /// Trunks still to be tried for it.
    ways: VecDeque<Option<Arc<str>>>,
    /// What is rung where that is reached nowhere.
    others: VecDeque<Destination>,
}

impl Queued {
    /// The way of a call that begins in a queue's line, by no step of a flow.
    pub(super) fn in_line(queue: Arc<str>, now: Mono) -> Self {
        let step = crate::Words::default().word(Default::default());
        let exits = QueueExits::new([None; 3]);
        let (offers, play) = (Vec::new(), None);
        let waits = Waiting { queue: queue.clone(), exits: exits.clone(), step, since: now, offers, play };
        let before = vec![(queue.clone(), now)];
        Self { waits: Some(waits), before, last: Some((queue, exits, 0)), ..Self::default() }
    }
}

/// How a call stopped waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unqueued {
    /// An agent answered.
    Answered,
    /// It waited as long as may be.
    TimedOut,
    /// Nobody who counts was left (row Q18).
    Empty,
    /// It ended: the caller gave up, or was cut off.
    Gone,
    /// A key of the caller led it on; its place is kept (row I16).
    ByKey,
    /// A limit of the queue is passed (row R33).
    Spilled,
}

impl Unqueued {
    /// The cause of a call that ends for it. Whoever was answered or left by a key is where the caller wants to be: no queue
    /// sent it on.
    pub(super) fn cause(self) -> Option<Cause> {
        match self {
            Unqueued::TimedOut => Some(Cause::QueueTimeout),
            Unqueued::Spilled => Some(Cause::QueueFull),
            Unqueued::Empty => Some(Cause::QueueEmpty),
            Unqueued::Answered | Unqueued::Gone | Unqueued::ByKey => None,
        }
    }
}

impl Call {
    pub(super) fn both(&self, now: Mono) -> Now {
        Now { mono: now, wall: self.wall(now) }
    }

    fn waits(&mut self) -> Option<&mut Waiting> {
        self.queued.as_mut().and_then(|queued| queued.waits.as_mut())
    }

    pub(super) fn join_queue(
        &mut self,
        queue: &Word,
        exits: QueueExits,
        step: StepNo,
        desk: &mut Desk<'_>,
        now: Mono,
    ) {
        let (hotline, both, queue) = (self.hotline.clone(), self.both(now), Arc::<str>::from(queue));
        if self.flowing.is_endless() {
            return self.refuse(Cause::FlowLoop, None, desk, now);
        }
        let asked_since = self.asked_since(&queue, desk, now);
        let floor = desk.tenant.floor_mut();
        if let Some(staff) = &hotline.staff {
            floor.take_staff(staff, both);
        }
        let queued = self.queued.get_or_insert_default();
        let before = queued.before.iter().find(|(known, _)| *known == queue).map(|(_, since)| *since);
        let priority = hotline.priorities.of(&self.caller).map_or(0, |raised| raised.priority);
        let (caller, seed) = (self.caller.as_str(), self.chance.draw());
        // Who is to be called back and rings in has the place of the request (row Q15).
        let request_since = asked_since.filter(|_| before.is_none());
        let join = Join { call: self.id, caller, priority, since: before.or(request_since), seed };
        let mut joined = match floor.join(&queue, &join, both) {
            Some(Ok(joined)) => joined,
            Some(Err(why)) => return self.not_queued(queue, why, exits, desk, now),
            None => return self.not_queued(queue, NoPlace::Empty, exits, desk, now),
        };
        let (rules, passed) = (floor.queue_rules(&queue).cloned(), floor.without_room(&queue));
        joined.credited_ms += request_since.map_or(0, |since| now.since_ms(since));
        if before.is_none() {
            // What an earlier call left to it stays its own when it comes back (rows Q16, I16).
            queued.before.push((queue.clone(), now - joined.credited_ms));
        }
        let has_keys = !exits.keys.is_empty();
        queued.last = Some((queue.clone(), exits.clone(), step));
        self.flowing.after = exits.after;
        let step = hotline.words.word(hotline.flow.steps[usize::from(step)].rule);
        let waits = Waiting { queue: queue.clone(), exits, step, since: now, offers: Vec::new(), play: None };
        queued.waits = Some(waits);
        queued.music = rules.as_ref().and_then(|rules| rules.music.clone());
        self.state = State::Waiting;
        let (position, credited_ms) = (joined.position, joined.credited_ms);
        self.note(Fact::Queued { queue: queue.clone(), position, credited_ms }, now);
        if !passed.is_empty() {
            self.note(Fact::AgentsPassed { queue, passed }, now);
        }
        if let Some(rules) = rules {
            self.begin_wait(&rules, has_keys, desk, now);
        }
    }

    /// Since when the caller has waited in a queue by a request of an earlier call to be called back.
    fn asked_since(&self, queue: &str, desk: &Desk<'_>, now: Mono) -> Option<Mono> {
        let request = desk.tenant.requests().of_number(&self.caller)?;
        let waited_ms = (self.wall(now).0 - request.since.0).max(0) as u64;
        (request.queue == queue && request.id != self.id).then(|| now - waited_ms)
    }

    fn begin_wait(&mut self, rules: &QueueRules, has_keys: bool, desk: &mut Desk<'_>, now: Mono) {
        if rules.answer || !self.early.media || (has_keys && !self.early.keys) {
            self.answer_caller(desk, now);
        }
        self.open_early_media();
        self.play_music(rules.music.clone());
        self.arm(Timer::Patience, now + rules.patience_ms);
        if let Some(told) = rules.wait_told {
            self.arm(Timer::Announce, now + told.every_ms);
        }
        if let Some(offer) = &rules.callback {
            self.arm(Timer::Offer, now + offer.after_ms);
        }
        if rules.spill.is_some() {
            self.spill(desk, now);
        }
    }

    /// How long the call has waited in a queue, its earlier stays included.
    pub(super) fn waited_in(&self, queue: &str, now: Mono) -> u64 {
        let before = self.queued.as_ref().and_then(|queued| {
            queued.before.iter().find(|(known, _)| **known == *queue).map(|(_, since)| *since)
        });
        before.map_or(0, |since| now.since_ms(since))
    }

    /// It is time to say that a key leads to a callback (row Q15). What is being said goes on before it.
    pub(super) fn tell_of_callbacks(&mut self, desk: &mut Desk<'_>, now: Mono) {
        let Some(waits) = self.waits() else { return };
        if waits.play.is_some() {
            return self.arm(Timer::Offer, now + OFFER_AGAIN_MS);
        }
        let queue = waits.queue.clone();
        let rules = desk.tenant.floor_mut().queue_rules(&queue);
        let Some(prompt) = rules.and_then(|rules| Some(rules.callback.as_ref()?.prompt.clone())) else {
            return;
        };
        self.note(Fact::Prompted { prompt: prompt.clone(), early: self.answered.is_none() }, now);
        let play = self.play(CALLER, Sound::Prompt(prompt), false);
        if let Some(waits) = self.waits() {
            waits.play = Some(play);
        }
    }

    /// Looks whether the queue sends its caller on, now and every few seconds (row R33).
    pub(super) fn spill(&mut self, desk: &mut Desk<'_>, now: Mono) {
        let both = self.both(now);
        let Some(queue) = self.waits().map(|waits| waits.queue.clone()) else { return };
        let Some(spilled) = desk.tenant.floor_mut().spills(self.id, both) else {
            return self.arm(Timer::Spill, now + SPILL_EVERY_MS);
        };
        self.note(Fact::Spilled { queue, spilled }, now);
        desk.tenant.floor_mut().leave(self.id, Left::Spilled, both);
        self.sent_away(Unqueued::Spilled, desk, now);
    }

    fn play_music(&mut self, music: Option<Arc<str>>) {
        let music = music.map_or(Sound::Music, Sound::Prompt);
        self.play(CALLER, music, true);
    }

    fn not_queued(
        &mut self,
        queue: Arc<str>,
        why: NoPlace,
        exits: QueueExits,
        desk: &mut Desk<'_>,
        now: Mono,
    ) {
        let passed = desk.tenant.floor_mut().without_room(&queue);
        if why == NoPlace::Empty && !passed.is_empty() {
            self.note(Fact::AgentsPassed { queue: queue.clone(), passed }, now);
        }
        self.note(Fact::NotQueued { queue, why }, now);
        let exit = match why {
            NoPlace::Full => exits.full,
            NoPlace::Empty => exits.empty,
        };
        self.go_on(why.cause(), exit, desk, now);
    }

    /// The queue sends the call on: by its exit, or with a refusal.
    fn go_on(&mut self, cause: Cause, exit: Option<StepNo>, desk: &mut Desk<'_>, now: Mono) {
        match exit {
            Some(step) => self.walk(step, desk, now),
            None => self.refuse(cause, None, desk, now),
        }
    }

    pub(super) fn waiting(&mut self, event: Event, desk: &mut Desk<'_>, now: Mono) {
        self.state = State::Waiting;
        match event {
            Event::Queue(Told::Offer { agent }) => self.offer(agent, desk, now),
            Event::Queue(Told::Relaxed { step }) => self.note(Fact::Relaxed { step }, now),
            Event::Queue(Told::Empty) => self.emptied(desk, now),
            Event::Queue(Told::Withdrawn) => {
                self.hang_up(Cause::CallbackWithdrawn, Party::Platform, now, desk, now);
            }
            // The caller goes on hearing the music.
            Event::Rang { leg } if self.offers(leg) => _ = self.leg_rang(leg, now),
            Event::LegAnswered { leg } if self.offers(leg) => self.agent_answered(leg, desk, now),
            Event::LegFailed { leg, outcome, status, q850 } if self.offers(leg) => {
                let rang = self.leg(leg).state == LegState::Ringing;
                self.disarm(Timer::Ring(leg));
                self.leg_lost(leg, outcome, status, q850, desk, now);
                let how = refusal(outcome, q850, rang);
                if let Err(how) = self.ring_elsewhere(leg, outcome, how, desk, now) {
                    self.offer_over(leg, how, desk, now);
                }
            }
            Event::LegHungUp { leg } if self.offers(leg) => {
                self.disarm(Timer::Ring(leg));
                self.leg_lost(leg, LegOutcome::Rejected, 0, None, desk, now);
                self.offer_over(leg, Refusal::Rejected, desk, now);
            }
            Event::NoCommonCodec { leg } if leg != CALLER && self.offers(leg) => {
                // The phone answered without a codec of ours: it is ended, and the caller waits on.
                self.disarm(Timer::Ring(leg));
                self.actions.push_back(Action::Bye { leg });
                self.late_answer(leg, desk, now);
                self.offer_over(leg, Refusal::Failed, desk, now);
            }
            Event::Played { play } if self.waits().is_some_and(|waits| waits.play == Some(play)) => {
                self.music_again(desk);
            }
            Event::Digit { leg: CALLER, digit } => self.pressed_while_waiting(digit, desk, now),
            other => self.take_ending(other, desk, now),
        }
    }

    fn offers(&mut self, leg: LegNo) -> bool {
        self.waits().is_some_and(|waits| waits.offers.iter().any(|offer| offer.leg == leg))
    }

    /// The agent, by number, whose phone a leg rings for an offer.
    pub(super) fn offered_on(&self, leg: LegNo) -> Option<&str> {
        let waits = self.queued.as_ref()?.waits.as_ref()?;
        waits.offers.iter().find(|offer| offer.leg == leg).map(|offer| &*offer.number)
    }

    /// Rings the phone of an agent to whom the floor offers the call.
    fn offer(&mut self, agent: AgentNo, desk: &mut Desk<'_>, now: Mono) {
        if !self.goes_on_calling_back(desk, now) {
            return;
        }
        let both = self.both(now);
        let floor = desk.tenant.floor_mut();
        let queue = self.waits().map(|waits| waits.queue.clone()).unwrap_or_else(|| "".into());
        let ring_ms = floor.queue_rules(&queue).map_or(0, |rules| rules.ring_ms);
        let Some((rules, _)) = floor.agent(agent) else { return };
        let number = rules.number.clone();
        let mut devices = floor.devices(agent, ring_ms);
        if self.legs.len() >= OFFERS_MAX {
            floor.refused(self.id, agent, Refusal::Failed, both);
            return self.patience_over(desk, now);
        }
        let Some(device) = devices.pop_front() else { return };
        if desk.tenant.lines_in_use(&device.number) > 0 {
            // A rule of the enterprise rings the same phone.
            desk.tenant.floor_mut().refused(self.id, agent, Refusal::Busy, both);
            return;
        }
        let ways = self.ways_of(&device, desk, now);
        let mut offer = Offer { leg: CALLER, agent, number, device, ways, others: devices };
        match self.ring_device(&mut offer, desk, now) {
            true => {
                if let Some(waits) = self.waits() {
                    waits.offers.push(offer);
                }
            }
            // No trunk of a mobile may carry it now.
            false => _ = desk.tenant.floor_mut().refused(self.id, agent, Refusal::Failed, both),
        }
    }

    /// Rings what an offer names by its next way; `false` without one.
    fn ring_device(&mut self, offer: &mut Offer, desk: &mut Desk<'_>, now: Mono) -> bool {
        let Some(way) = self.take_way(&offer.device, &mut offer.ways, desk, now) else { return false };
        let rings = Rings::phone(offer.device.clone());
        offer.leg = self.begin_leg(rings, way, AttemptKind::Target, RING_GRACE_MS, desk, now);
        self.note(Fact::Offered { leg: offer.leg, agent: offer.number.clone() }, now);
        true
    }

    /// What an offer rang is reached nowhere, or its trunk failed: the next way, or the agent's mobile.
    ///
    /// # Errors
    /// Nothing else rings, and what that says of the agent: whose mobile is in use or has no way at the moment is there.
    fn ring_elsewhere(
        &mut self,
        leg: LegNo,
        outcome: LegOutcome,
        how: Refusal,
        desk: &mut Desk<'_>,
        now: Mono,
    ) -> Result<(), Refusal> {
        let Some(waits) = self.waits() else { return Err(how) };
        let Some(place) = waits.offers.iter().position(|one| one.leg == leg) else { return Err(how) };
        let mut offer = waits.offers.swap_remove(place);
        let other = if how == Refusal::Unreachable { offer.others.pop_front() } else { None };
        let else_how = match other {
            Some(device) if desk.tenant.lines_in_use(&device.number) > 0 => {
                offer.ways.clear();
                Refusal::Busy
            }
            Some(device) => {
                offer.ways = self.ways_of(&device, desk, now);
                offer.device = device;
                Refusal::Failed
            }
            None => {
                if outcome != LegOutcome::TrunkFailed {
                    offer.ways.clear();
                }
                how
            }
        };
        let rings = self.legs.len() < OFFERS_MAX && self.ring_device(&mut offer, desk, now);
        if let Some(waits) = self.waits() {
            waits.offers.push(offer);
        }
        if rings { Ok(()) } else { Err(else_how) }
    }

    /// An offer rang for its time.
    pub(super) fn offer_rang_out(&mut self, leg: LegNo, outcome: LegOutcome, desk: &mut Desk<'_>, now: Mono) {
        if !self.offers(leg) {
            return;
        }
        let was = self.leg(leg).state;
        self.give_up(leg, outcome, now);
        let how = match was {
            LegState::Confirming => refusal(outcome, None, true),
            LegState::Ringing => Refusal::Missed,
            LegState::Trying | LegState::Answered | LegState::GivenUp | LegState::Over => Refusal::Failed,
        };
        self.offer_over(leg, how, desk, now);
    }

    /// An offer came to nothing: the floor finds another.
    fn offer_over(&mut self, leg: LegNo, how: Refusal, desk: &mut Desk<'_>, now: Mono) {
        let both = self.both(now);
        let Some(waits) = self.waits() else { return };
        let Some(place) = waits.offers.iter().position(|offer| offer.leg == leg) else { return };
        let Offer { agent, number, .. } = waits.offers.swap_remove(place);
        let rests = desk.tenant.floor_mut().refused(self.id, agent, how, both).is_some();
        self.note(Fact::OfferOver { leg, agent: number.clone(), how, rests }, now);
        self.keep_agent(&number, desk, now);
    }

    /// What is kept of an agent over a restart.
    pub(super) fn keep_agent(&mut self, number: &Arc<str>, desk: &mut Desk<'_>, now: Mono) {
        let both = self.both(now);
        let Some(value) = desk.tenant.floor_mut().written(number, both) else { return };
        let turn = desk.tenant.next_turn();
        self.note(Fact::AgentKept { agent: number.clone(), value, turn }, now);
    }

    /// An agent answered: the others' phones are given up, and the two are joined as with any target.
    fn agent_answered(&mut self, leg: LegNo, desk: &mut Desk<'_>, now: Mono) {
        let both = self.both(now);
        let Some(waits) = self.queued.as_mut().and_then(|queued| queued.waits.take()) else { return };
        let Some(mine) = waits.offers.iter().find(|offer| offer.leg == leg) else { return };
        let (agent, number) = (mine.agent, mine.number.clone());
        desk.tenant.floor_mut().answered(self.id, agent, both);
        self.disarm(Timer::Patience);
        self.disarm(Timer::Announce);
        self.disarm(Timer::Spill);
        self.disarm(Timer::Offer);
        for offer in waits.offers.iter().filter(|offer| offer.leg != leg) {
            self.disarm(Timer::Ring(offer.leg));
            self.give_up(offer.leg, LegOutcome::Cancelled, now);
        }
        self.unqueued(&waits, Unqueued::Answered, now);
        if let Some(queued) = &mut self.queued {
            queued.serving.push(Serving::talking(leg, agent, number.clone()));
        }
        self.await_result(number, desk, now);
        match self.is_calling_back() {
            true => self.dial_customer(leg, desk, now),
            false => self.target_answered(leg, desk, now),
        }
    }

    fn unqueued(&mut self, waits: &Waiting, why: Unqueued, now: Mono) {
        let waited_ms = now.since_ms(waits.since);
        self.note(Fact::Unqueued { queue: waits.queue.clone(), why, waited_ms }, now);
    }

    /// It has waited as long as may be.
    pub(super) fn patience_over(&mut self, desk: &mut Desk<'_>, now: Mono) {
        if !matches!(self.state, State::Waiting) {
            return;
        }
        let both = self.both(now);
        desk.tenant.floor_mut().leave(self.id, Left::SentOn, both);
        self.sent_away(Unqueued::TimedOut, desk, now);
    }

    fn emptied(&mut self, desk: &mut Desk<'_>, now: Mono) {
        self.sent_away(Unqueued::Empty, desk, now);
    }

    /// The floor knows the call no more; its phones are given up and the flow goes on.
    fn sent_away(&mut self, why: Unqueued, desk: &mut Desk<'_>, now: Mono) {
        let Some(waits) = self.queued.as_mut().and_then(|queued| queued.waits.take()) else { return };
        for offer in &waits.offers {
            self.disarm(Timer::Ring(offer.leg));
            self.give_up(offer.leg, LegOutcome::Cancelled, now);
        }
        self.disarm(Timer::Patience);
        self.disarm(Timer::Announce);
        self.disarm(Timer::Spill);
        self.disarm(Timer::Offer);
        self.unqueued(&waits, why, now);
        self.actions.push_back(Action::StopPlay { leg: CALLER });
        let exit = match why {
            Unqueued::TimedOut => waits.exits.timeout,
            Unqueued::Spilled => waits.exits.spill,
            Unqueued::Empty => waits.exits.left_empty,
            Unqueued::Answered | Unqueued::Gone | Unqueued::ByKey => None,
        };
        if let Some(cause) = why.cause() {
            self.go_on(cause, exit, desk, now);
        }
    }

    /// A key that leads out of the queue does so at once, whoever's phone rings; others change nothing (row I16).
    fn pressed_while_waiting(&mut self, key: Key, desk: &mut Desk<'_>, now: Mono) {
        let both = self.both(now);
        let Some(waits) = self.waits() else { return };
        let Some(next) = waits.exits.by_key(key.0) else { return };
        let step = waits.step.clone();
        desk.tenant.floor_mut().leave(self.id, Left::SentOn, both);
        self.note(Fact::KeyPressed { step, keys: char::from(key.0).to_string().into() }, now);
        self.sent_away(Unqueued::ByKey, desk, now);
        self.walk(next, desk, now);
    }

    /// The call ends: whoever was asked is free again, and whoever talked has after-work.
    pub(super) fn leave_floor(&mut self, desk: &mut Desk<'_>, now: Mono) {
        let both = self.both(now);
        let Some(queued) = &mut self.queued else { return };
        if let Some(waits) = queued.waits.take() {
            desk.tenant.floor_mut().leave(self.id, Left::Gone, both);
            self.unqueued(&waits, Unqueued::Gone, now);
        }
        self.agents_leave(desk, now);
    }

    /// It is time to say how long the wait may be (row Q21).
    pub(super) fn announce(&mut self, desk: &mut Desk<'_>, now: Mono) {
        let both = self.both(now);
        let (id, floor) = (self.id, desk.tenant.floor_mut());
        let Some(waits) = self.waits() else { return };
        if waits.play.is_some() {
            // What is not said now bounds nothing that is said later.
            return self.arm(Timer::Announce, now + OFFER_AGAIN_MS);
        }
        let every_ms =
            floor.queue_rules(&waits.queue).and_then(|rules| rules.wait_told).map(|told| told.every_ms);
        let place = floor.place(id, both);
        let (Some(every_ms), Some(place)) = (every_ms, place) else { return };
        self.arm(Timer::Announce, now + every_ms);
        let position = place.position.map(Announcement::Position);
        let wait = place.minutes.map(|minutes| Announcement::Wait { minutes });
        let said = position.into_iter().chain(wait);
        let pieces: Arc<[&'static str]> = said.flat_map(|said| said.prompts(Language::Zh)).collect();
        if pieces.is_empty() {
            return;
        }
        self.note(Fact::PlaceTold { position: place.position, minutes: place.minutes }, now);
        let play = self.play(CALLER, Sound::Pieces(pieces), false);
        if let Some(waits) = self.waits() {
            waits.play = Some(play);
        }
    }

    /// What was said is over: the music goes on.
    fn music_again(&mut self, desk: &mut Desk<'_>) {
        let Some(waits) = self.waits() else { return };
        waits.play = None;
        let queue = waits.queue.clone();
        let rules = desk.tenant.floor_mut().queue_rules(&queue);
        let music = rules.and_then(|rules| rules.music.clone());
        self.play_music(music);
    }
}

/// What a failed leg says of its agent. A phone that rang and is busy then was declined by hand (row R31).
fn refusal(outcome: LegOutcome, q850: Option<u16>, rang: bool) -> Refusal {
    match outcome {
        LegOutcome::Rejected => Refusal::Rejected,
        LegOutcome::Busy if rang => Refusal::Rejected,
        LegOutcome::Busy => Refusal::Busy,
        LegOutcome::NoAnswer if !rang && q850 == Some(ABSENT) => Refusal::Unreachable,
        LegOutcome::NoAnswer | LegOutcome::NoKey => Refusal::Missed,
        LegOutcome::OtherKey | LegOutcome::HungUp => Refusal::Rejected,
        LegOutcome::BusyTone => Refusal::Busy,
        LegOutcome::NotFound => Refusal::Unreachable,
        LegOutcome::TrunkFailed
        | LegOutcome::Cancelled
        | LegOutcome::LateAnswer
        | LegOutcome::Answered
        | LegOutcome::NodeLost
        | LegOutcome::RingbackTone => Refusal::Failed,
    }
}
