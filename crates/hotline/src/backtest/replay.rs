//! A recorded call told again by the rules of a draft. The engine is that of live calls; here are the far ends, which do what
//! the log says, and what the enterprise's state was as far as the log shows it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::history::History;
use super::queueing::{Comer, Visit, visits};
use super::recorded::{Ends, Heard, Key as PartKey, PartKind, Recorded, Ring, Talk, Turn, key_of};
use super::state::{State, passed_over};
use super::{End, Outcome, Unknown};
use crate::agent::Device;
use crate::calendar::HolidayYears;
use crate::call::{
    Action, Arrival, CALLER, Call, Dated, Desk, Event, Fact, Key, LegNo, Ordered, Stands, TalkOrder,
};
use crate::cdr::LegOutcome;
use crate::flow::{Chance, Source, StepKind, Walked};
use crate::queue::{Order, Told};
use crate::rating::Tariffs;
use crate::routing::{Skip, Trunk, Trunks};
use crate::{CallId, Hotline, Mono, Now, Wall};

mod asked;

/// A prompt that the log does not time.
const PROMPT_MS: u64 = 4_000;
/// The talk of a call that had none.
const TALK_MS: u64 = 60_000;
/// Attempts of one call by different trunks.
const TRUNKS: usize = 8;
/// Things that happen in one call; a call in which more does is given up as unknown.
const STEPS_MAX: usize = 20_000;

/// What came of a call that was told again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// The call.
    pub id: CallId,
    /// The decisions that its log tells.
    pub was: Outcome,
    /// The decisions by the draft, as far as they are known.
    pub would: Outcome,
    /// Why they are not known to the end.
    pub unknown: Option<Unknown>,
    /// Whether something was drawn from other calls.
    pub by_model: bool,
    /// Whether both walked flows, so that their steps can be compared.
    pub by_steps: bool,
    /// The call with its waits by the draft, those that people sent it to among them; the last one may have no known end.
    pub comer: Comer,
}

impl Replayed {
    /// In what it differs.
    pub fn differs(&self) -> super::Differs {
        super::compare(&self.was, &self.would, self.by_steps, self.unknown.is_none())
    }
}

/// Tells calls again by the rules of one number.
#[derive(Debug)]
pub struct Replay {
    hotline: Arc<Hotline>,
    tariffs: Arc<Tariffs>,
    years: Arc<HolidayYears>,
    /// How phones took the other calls of the period.
    history: Arc<History>,
    /// Steps that ask a server outside otherwise than they did in the version that a call walked.
    changed: BTreeMap<(Arc<str>, u32), BTreeSet<String>>,
    state: State,
}

impl Replay {
    /// Begins with the rules that are to be tried and what is known of phones.
    pub fn new(
        hotline: Arc<Hotline>,
        history: Arc<History>,
        tariffs: Arc<Tariffs>,
        years: Arc<HolidayYears>,
    ) -> Self {
        let state = State::new(&hotline);
        Self { hotline, tariffs, years, history, changed: BTreeMap::new(), state }
    }

    /// Says which steps of a flow's version ask servers outside for something else than the draft does.
    pub fn asks_otherwise(&mut self, flow: &str, version: u32, steps: BTreeSet<String>) {
        self.changed.insert((flow.into(), version), steps);
    }

    /// Tells a call again.
    pub fn replay(&mut self, mut recorded: Recorded) -> Replayed {
        let was = Outcome::of(&recorded.log);
        let now = Now { mono: recorded.at, wall: recorded.wall() };
        self.state.begin(&recorded, &self.hotline);
        let trunks = (0..TRUNKS).map(|place| Trunk {
            priority: place as u32,
            ..Trunk::plain(&format!("{place}"), "192.0.2.1:5060")
        });
        let mut trunks = Trunks { rows: trunks.collect() };
        let changed =
            recorded.flow.as_ref().and_then(|flow| self.changed.get(flow)).cloned().unwrap_or_default();
        let arrival = Arrival {
            id: recorded.id,
            hotline: self.hotline.clone(),
            caller: recorded.arrived.caller.clone(),
            withheld: recorded.withheld,
            region: recorded.arrived.region.clone(),
            trunk: recorded.arrived.trunk.clone(),
            early: Default::default(),
            seed: recorded.arrived.seed,
            refused: None,
        };
        self.state.feed(&recorded, &self.hotline, None);
        let mut desk = Desk {
            tenant: &mut self.state.tenant,
            trunks: &mut trunks,
            tariffs: &self.tariffs,
            years: &self.years,
        };
        let mut call = Call::begin_again(arrival, recorded.standing.clone(), &mut desk, now);
        call.chose_before(recorded.consent);
        self.state.take_back();
        let mut run = Run {
            call,
            now: now.mono,
            offset_ms: now.wall.0 - now.mono.0 as i64,
            due: Vec::new(),
            serial: 0,
            told: 0,
            part: None,
            part_at: now.mono,
            attempts: VecDeque::new(),
            no_way: BTreeSet::new(),
            plays: None,
            asking: false,
            leaving: false,
            talks: false,
            took_up: BTreeSet::new(),
            tainted: BTreeSet::new(),
            stop: None,
            by_model: false,
            chance: Chance::new(recorded.id.0 as u64),
            changed,
            recorded: &mut recorded,
            history: &self.history,
        };
        run.run(&mut self.state, &self.hotline, &mut trunks, &self.tariffs, &self.years);
        let log = run.call.log().to_vec();
        let (stop, by_model) = (run.stop.take(), run.by_model);
        let told = &log[..stop_at(&log, &stop)];
        run.finish(&mut self.state, &mut trunks, &self.tariffs, &self.years);
        let (mut would, mut unknown) = (Outcome::of(told), None);
        match stop {
            Some((_, Stop::End(end))) => would.end = Some(end),
            Some((_, Stop::Unknown(why))) => {
                would.end = None;
                unknown = Some(why);
            }
            None => {}
        }
        let comer = comer(&recorded, &self.hotline, visits(told), would.end);
        let by_steps = recorded.flow.is_some() && self.hotline.flow_of.is_some();
        Replayed { id: recorded.id, was, would, unknown, by_model, by_steps, comer }
    }
}

/// A call as it comes to queues by the draft. Where people sent it they send it again, if the draft leads it to them.
fn comer(recorded: &Recorded, hotline: &Hotline, mut told: Vec<Visit>, end: Option<End>) -> Comer {
    if end == Some(End::Moved) {
        told.extend(visits(&recorded.log).into_iter().filter(|visit| visit.is_moved));
    }
    let caller = recorded.arrived.caller.as_str();
    Comer {
        call: recorded.id,
        number: recorded.arrived.number,
        caller: caller.into(),
        at: recorded.wall(),
        priority: hotline.priorities.of(caller).map_or(0, |raised| raised.priority),
        visits: told,
    }
}

fn stop_at(log: &[Dated], stop: &Option<(usize, Stop)>) -> usize {
    stop.as_ref().map_or(log.len(), |(place, _)| *place)
}

/// Why a call is not told on.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stop {
    End(End),
    Unknown(Unknown),
}

/// What is to happen to a call.
#[derive(Clone, Debug)]
enum Due {
    Event(Event),
    /// The caller does its next part at what asks.
    Attempt,
    /// A prompt is over, with those that follow it up to the question.
    Heard,
    /// Something from outside ends the call.
    Ends(Ends),
    /// The talk is over.
    TalkOver(Ends, LegNo),
    /// An agent is offered the call, and this of the agent's is rung first.
    Offer(Arc<str>, Arc<str>),
    /// The queue sends its callers on from now on.
    Spill(Arc<str>),
    /// Nothing is known of a phone that still rings.
    Silent(LegNo, u64),
    /// The queue has the call for longer than is known.
    Waits(Arc<str>),
}

struct Run<'r> {
    call: Call,
    now: Mono,
    offset_ms: i64,
    /// By instant; the place in the log orders what came at once, then the serial.
    due: Vec<((Mono, usize, u64), Due)>,
    serial: u64,
    /// Facts of the new log that were looked at.
    told: usize,
    /// The recorded part that the call is in, and since when.
    part: Option<usize>,
    part_at: Mono,
    /// What the caller does at the question that is asked, with the place in the log and the time into the part.
    attempts: VecDeque<asked::Attempt>,
    /// Phones whose turn is that no trunk leads there.
    no_way: BTreeSet<Arc<str>>,
    /// The prompt that the caller hears.
    plays: Option<u32>,
    /// Whether the caller is about to press something: what is asked meanwhile is not answered.
    asking: bool,
    /// Whether it ends in this instant.
    leaving: bool,
    talks: bool,
    /// Legs of which it is known what came of their answer where that is asked, or listened for.
    took_up: BTreeSet<LegNo>,
    /// Variables whose values are told nowhere.
    tainted: BTreeSet<u8>,
    stop: Option<(usize, Stop)>,
    by_model: bool,
    /// The source of what is drawn from other calls.
    chance: Chance,
    changed: BTreeSet<String>,
    recorded: &'r mut Recorded,
    history: &'r History,
}

impl Run<'_> {
    fn run(
        &mut self,
        state: &mut State,
        hotline: &Hotline,
        trunks: &mut Trunks,
        tariffs: &Tariffs,
        years: &HolidayYears,
    ) {
        for _ in 0..STEPS_MAX {
            self.look(state, hotline);
            self.act();
            if self.stop.is_some() || self.call.is_ending() {
                return;
            }
            let Some((at, due)) = self.next() else { return self.unknown(Unknown::Beyond) };
            self.now = self.now.max(at);
            let mut desk = At { state, hotline, trunks, tariffs, years };
            self.happen(due, &mut desk);
        }
        self.unknown(Unknown::Beyond);
    }

    /// What is due next, or the call's own deadline.
    fn next(&mut self) -> Option<(Mono, Due)> {
        let first = (0..self.due.len()).min_by_key(|place| self.due[*place].0);
        match (first, self.call.next_timeout()) {
            (Some(place), timeout) if timeout.is_none_or(|at| self.due[place].0.0 <= at) => {
                let ((at, ..), due) = self.due.swap_remove(place);
                Some((at, due))
            }
            (_, timeout) => timeout.map(|at| (at, Due::Event(Event::Timeout))),
        }
    }

    fn later(&mut self, at: Mono, place: usize, due: Due) {
        self.serial += 1;
        self.due.push(((at.max(self.now), place, self.serial), due));
    }

    fn soon(&mut self, ms: u64, event: Event) {
        self.later(self.now + ms, usize::MAX, Due::Event(event));
    }

    fn unknown(&mut self, why: Unknown) {
        self.stop_here(Stop::Unknown(why));
    }

    fn stop_here(&mut self, stop: Stop) {
        let place = self.call.log().len();
        self.stop.get_or_insert((place, stop));
    }

    fn handle(&mut self, event: Event, at: &mut At<'_>) {
        let leaves = !self.call.is_waiting() || matches!(event, Event::Digit { .. });
        let waits = self.part.filter(|_| !leaves).map(|part| self.recorded.parts[part].key.name.as_str());
        at.state.feed(self.recorded, at.hotline, waits);
        let now = Now { mono: self.now, wall: Wall::of(self.now, self.offset_ms) };
        let mut desk =
            Desk { tenant: &mut at.state.tenant, trunks: at.trunks, tariffs: at.tariffs, years: at.years };
        self.call.handle(event, &mut desk, now);
        at.state.take_back();
        self.look(at.state, at.hotline);
        self.act();
    }

    fn happen(&mut self, due: Due, at: &mut At<'_>) {
        match due {
            Due::Event(event) => self.handle(event, at),
            Due::Heard => self.hear_out(at),
            Due::Attempt => self.attempt(at),
            Due::Ends(ends) if !self.talks => self.ends(ends, CALLER, at),
            // Who is answered earlier than it was does not leave as it did.
            Due::Ends(_) => {}
            Due::TalkOver(ends, leg) => self.ends(ends, leg, at),
            Due::Offer(number, phone) => self.offer(&number, &phone, at),
            Due::Spill(queue) => at.state.spill(&queue),
            Due::Silent(leg, ms) => self.silent(leg, ms),
            Due::Waits(queue) if self.call.is_waiting() => {
                self.unknown(Unknown::NeverQueued { queue: queue.to_string() });
            }
            Due::Waits(_) => {}
        }
    }

    /// An agent is offered the call on what the agent had in use then.
    fn offer(&mut self, number: &str, phone: &str, at: &mut At<'_>) {
        let now = Now { mono: self.now, wall: Wall::of(self.now, self.offset_ms) };
        let floor = at.state.tenant.floor_mut();
        let Some((agent, rules, _)) = floor.agent_numbered(number) else {
            return self.unknown(Unknown::NeverRung { destination: number.to_owned() });
        };
        let device = match *rules.phone == *phone {
            true => Device::Phone,
            false => Device::Mobile,
        };
        match floor.obey(number, &Order::Device(device), now) {
            Ok(_) => self.handle(Event::Queue(Told::Offer { agent }), at),
            // The agent has no mobile any more.
            Err(_) => self.unknown(Unknown::NeverRung { destination: number.to_owned() }),
        }
    }

    /// Something from outside ends the call, or the talk.
    fn ends(&mut self, ends: Ends, leg: LegNo, at: &mut At<'_>) {
        self.talks = false;
        match ends {
            Ends::Caller if self.call.is_answered() => self.handle(Event::CallerHungUp, at),
            Ends::Caller => self.handle(Event::CallerCancelled, at),
            Ends::Target if leg != CALLER => self.handle(Event::LegHungUp { leg }, at),
            Ends::Target => {}
            Ends::Rated => {
                let ordered = Ordered { order: TalkOrder::Rate, by: "backtest".into() };
                self.handle(Event::Ordered(Box::new(ordered)), at);
                // The queue it came by asks nobody.
                if leg != CALLER && self.call.stands() == Stands::Talking(leg) {
                    self.handle(Event::LegHungUp { leg }, at);
                }
            }
            Ends::Cut(cause) => self.leave(End::For(cause), at),
            Ends::Moved => self.leave(End::Moved, at),
        }
    }

    /// Something takes the call away. Of two things that fall due in one instant the log tells whether the other came first; of
    /// what it asks then nothing more comes.
    fn leave(&mut self, end: End, at: &mut At<'_>) {
        self.leaving = true;
        if self.recorded.went_on_at(self.now) {
            self.handle(Event::Timeout, at);
        }
        self.stop_here(Stop::End(end));
    }

    /// Takes note of what the call has newly noted.
    fn look(&mut self, state: &mut State, hotline: &Hotline) {
        while let Some(dated) = self.call.log().get(self.told).cloned() {
            self.told += 1;
            if let Err(why) = state.note(&dated.fact) {
                self.stop.get_or_insert((self.told, Stop::Unknown(why)));
            }
            match &dated.fact {
                Fact::Walked(walked) => self.walked(walked, hotline),
                Fact::Queued { queue, .. } => self.queued(queue),
                Fact::Joined { leg } => self.joined(*leg),
                Fact::Confirming { leg, .. } if !self.took_up.contains(leg) => {
                    let step = self.call.destination_of(*leg).name.to_string();
                    self.unknown(Unknown::NeverAsked { step });
                }
                fact => self.full(fact, hotline),
            }
        }
    }

    fn walked(&mut self, walked: &Walked, hotline: &Hotline) {
        self.taint(walked, hotline);
        let Some(key) = key_of(walked) else { return };
        self.talks = false;
        (self.part, self.part_at) = (self.recorded.take_part(&key), self.now);
        // Whatever the caller was to do at the step before is not done here.
        self.due.retain(|(_, due)| matches!(due, Due::Event(Event::LegFailed { .. } | Event::MediaClosed)));
        self.attempts.clear();
        let step = || key.name.clone();
        match (key.kind, self.part) {
            (PartKind::Ask | PartKind::Gate, Some(part)) => {
                self.attempts = asked::attempts(self.recorded, part)
            }
            (
                PartKind::Ask | PartKind::Gate | PartKind::Message | PartKind::Rate | PartKind::Callback,
                None,
            ) => {
                let may_be_refused = matches!(key.kind, PartKind::Rate | PartKind::Callback);
                if !may_be_refused {
                    self.unknown(Unknown::NeverAsked { step: step() });
                }
            }
            (PartKind::Fetch, part) if part.is_none() || self.changed.contains(&key.name) => {
                self.unknown(Unknown::NeverFetched { step: step() });
            }
            _ => {}
        }
        self.may_end(&key);
    }

    /// The call ends from outside where it did, if it comes there. A caller who left phones that rang leaves others as soon.
    fn may_end(&mut self, key: &PartKey) {
        let Some((place, ms, ends)) = self.recorded.ended else { return };
        let here = self.part == Some(place);
        let rings = |kind| kind == PartKind::Dial;
        let last = &self.recorded.parts[place];
        let as_soon = self.part.is_none() && rings(key.kind) && rings(last.key.kind) && last.talk.is_none();
        let talked = here && last.talk.is_some();
        if (here && !talked) || as_soon {
            self.later(self.part_at + ms, last.to, Due::Ends(ends));
        }
    }

    /// Lines that were full when a choice was made are looked at no more once it was made again.
    fn full(&mut self, fact: &Fact, hotline: &Hotline) {
        let named = |name: &str| hotline.destinations.iter().find(|known| *known.name == *name);
        let over: Vec<Arc<str>> = match fact {
            Fact::Routed { why, .. } if why.skipped.iter().any(|(_, why)| *why == Skip::LinesFull) => {
                let full = why.skipped.iter().filter(|(_, why)| *why == Skip::LinesFull);
                full.map(|(place, _)| hotline.destination(*place).number.clone()).collect()
            }
            fact => passed_over(fact)
                .and_then(|name| named(name))
                .map(|known| known.number.clone())
                .into_iter()
                .collect(),
        };
        for digits in over {
            if let Some(turns) = self.recorded.phones.get_mut(&digits)
                && matches!(turns.front(), Some(Turn::Full(_)))
            {
                turns.pop_front();
            }
        }
    }

    /// What comes of a variable that nobody knows is not known either.
    fn taint(&mut self, walked: &Walked, hotline: &Hotline) {
        let Some(step) = hotline.flow.steps.get(usize::from(walked.step)) else { return };
        let is_tainted =
            |source: &Source| matches!(source, Source::Slot(slot) if self.tainted.contains(slot));
        match &step.kind {
            StepKind::Set { slot, to, .. } => {
                if is_tainted(to) {
                    self.tainted.insert(*slot);
                } else {
                    self.tainted.remove(slot);
                }
            }
            StepKind::Compare { matching, .. } if is_tainted(&matching.of) => {
                // Where it led from there is not known, so the step itself is the last thing that is.
                let place = self.told;
                let why = Unknown::Secret { step: walked.rule.to_string() };
                self.stop.get_or_insert((place, Stop::Unknown(why)));
            }
            _ => {}
        }
    }

    /// It waits in a queue: what happened to it there happens again.
    fn queued(&mut self, queue: &Arc<str>) {
        let Some(part) = self.part.map(|part| self.recorded.parts[part].clone()) else {
            return self.unknown(Unknown::NeverQueued { queue: queue.to_string() });
        };
        let (mut happens, mut offered) = (Vec::new(), BTreeSet::new());
        let mut dialled: Arc<str> = "".into();
        for (place, Dated { at, fact }) in self.recorded.facts(&part) {
            let ms = at.since_ms(part.at);
            match fact {
                Fact::Dialled(leg) => dialled = leg.number.clone(),
                // Whatever else of the agent's is rung for the same offer follows by itself.
                Fact::Offered { agent, .. } if offered.insert(agent.clone()) => {
                    happens.push((ms, place, Due::Offer(agent.clone(), dialled.clone())));
                }
                Fact::OfferOver { agent, .. } => _ = offered.remove(agent),
                Fact::KeyPressed { keys, .. } => {
                    let digit = Key(keys.bytes().next().unwrap_or(b'0'));
                    happens.push((ms, place, Due::Event(Event::Digit { leg: CALLER, digit })));
                }
                Fact::Spilled { .. } => {
                    happens.push((ms.saturating_sub(1), place, Due::Spill(queue.clone())));
                    happens.push((ms + 6_000, place, Due::Waits(queue.clone())));
                }
                Fact::Unqueued { why, .. } => match why {
                    crate::call::Unqueued::Empty => {
                        happens.push((ms, place, Due::Event(Event::Queue(Told::Empty))));
                    }
                    crate::call::Unqueued::TimedOut => {
                        happens.push((ms + 1, place, Due::Waits(queue.clone())))
                    }
                    _ => {}
                },
                _ => {}
            }
        }
        for (ms, place, due) in happens {
            self.later(self.part_at + ms, place, due);
        }
    }

    /// The two talk for as long as they did.
    fn joined(&mut self, leg: LegNo) {
        self.talks = true;
        let talk = self.talk();
        let (ms, ends) = (talk.ms, talk.ends);
        let place = self.part.map_or(usize::MAX, |part| self.recorded.parts[part].to);
        self.later(self.now + ms, place, Due::TalkOver(ends, leg));
    }

    /// The talk of this part as it was; else the first of the call, else one that is made up.
    fn talk(&mut self) -> Talk {
        let own = self.part.and_then(|part| self.recorded.parts[part].talk);
        if let Some(talk) = own.or_else(|| self.recorded.parts.iter().find_map(|part| part.talk)) {
            return talk;
        }
        self.by_model = true;
        Talk { before_ms: Some(0), ms: TALK_MS, ends: Ends::Caller }
    }

    /// Does what the call wants done.
    fn act(&mut self) {
        while let Some(action) = self.call.poll_action() {
            match action {
                Action::Dial { leg, .. } => self.ring(leg),
                Action::Play { leg: CALLER, play, repeat: false, .. } => self.played(play),
                Action::StopPlay { leg: CALLER } => self.plays = None,
                Action::Cancel { leg } => {
                    let of_leg = |due: &Due| match due {
                        Due::Event(Event::Rang { leg: of })
                        | Due::Event(Event::LegAnswered { leg: of })
                        | Due::Event(Event::ToneHeard { leg: of, .. })
                        | Due::Event(Event::LegFailed { leg: of, .. })
                        | Due::Silent(of, _) => *of == leg,
                        _ => false,
                    };
                    self.due.retain(|(_, due)| !of_leg(due));
                    let outcome = LegOutcome::Cancelled;
                    self.soon(0, Event::LegFailed { leg, outcome, status: 487, q850: None });
                }
                Action::CloseMedia => self.soon(0, Event::MediaClosed),
                Action::Fetch { number, request } => self.fetched(number, request.take.len()),
                Action::TakeMessage { .. } => self.message_taken(),
                _ => {}
            }
        }
    }

    /// A server outside answers as it did.
    fn fetched(&mut self, number: u32, values: usize) {
        let Some(part) = self.part.map(|part| self.recorded.parts[part].clone()) else { return };
        let answer = self.recorded.facts(&part).find_map(|(place, dated)| match &dated.fact {
            Fact::Fetched { fetched, took_ms, .. } => Some((place, fetched.clone(), *took_ms)),
            _ => None,
        });
        let Some((place, fetched, took_ms)) = answer else { return };
        let taken = match &fetched {
            crate::flow::Fetched::Answered { values, .. } => values.len(),
            crate::flow::Fetched::Failed(_) => values,
        };
        if taken != values {
            return self.unknown(Unknown::NeverFetched { step: part.key.name });
        }
        let event = Event::Fetched { number, fetched: Box::new(fetched) };
        self.later(self.now + took_ms, place, Due::Event(event));
    }

    /// A phone takes the call as it did; one that was not rung in it, as it took others.
    fn ring(&mut self, leg: LegNo) {
        let destination = self.call.destination_of(leg);
        let (digits, name) = (destination.number.clone(), destination.name.to_string());
        match self.next_turn(leg, &digits) {
            Some(Turn::Rung(ring)) => self.rings(leg, &ring, 0),
            Some(Turn::NoWay | Turn::NoFurther | Turn::Full(_)) => {
                let outcome = LegOutcome::TrunkFailed;
                self.soon(0, Event::LegFailed { leg, outcome, status: 503, q850: None });
            }
            None => match self.history.draw(&digits, 0, &mut self.chance) {
                Some(ring) => {
                    self.by_model = true;
                    self.rings(leg, &ring, 0);
                }
                None => self.unknown(Unknown::NeverRung { destination: name }),
            },
        }
    }

    /// The next turn of a phone. One to which no further trunk led is so for all that are left; lines that were full concern
    /// those who came then.
    fn next_turn(&mut self, leg: LegNo, digits: &Arc<str>) -> Option<Turn> {
        let goes_on = self.goes_on(leg, digits);
        let turns = self.recorded.phones.get_mut(digits)?;
        let is_over = match turns.front() {
            Some(Turn::NoFurther) => !goes_on,
            Some(Turn::NoWay) => !goes_on && self.no_way.remove(digits),
            _ => false,
        };
        if is_over {
            turns.pop_front();
        }
        while matches!(turns.front(), Some(Turn::Full(_))) {
            turns.pop_front();
        }
        match turns.front() {
            Some(Turn::NoFurther) => Some(Turn::NoFurther),
            Some(Turn::NoWay) => {
                self.no_way.insert(digits.clone());
                Some(Turn::NoWay)
            }
            None if goes_on => Some(Turn::NoFurther),
            _ => turns.pop_front(),
        }
    }

    /// Whether a phone is dialled because another trunk failed it just now.
    fn goes_on(&self, leg: LegNo, digits: &str) -> bool {
        let log = self.call.log();
        let dialled = |dated: &Dated| matches!(&dated.fact, Fact::Dialled(dialled) if dialled.leg == leg);
        let place = log.iter().rposition(dialled).unwrap_or(0);
        let before = log[..place].iter().rev().find(|dated| !matches!(dated.fact, Fact::TrunksPassed { .. }));
        match before.map(|dated| &dated.fact) {
            Some(Fact::LegFailed { leg, outcome: LegOutcome::TrunkFailed, .. }) => {
                *self.call.destination_of(*leg).number == *digits
            }
            _ => false,
        }
    }

    fn rings(&mut self, leg: LegNo, ring: &Ring, after_ms: u64) {
        let mut over = false;
        for (ms, place, heard) in ring.heard.iter().filter(|(ms, ..)| *ms >= after_ms) {
            over |= heard.is_last();
            let event = match heard {
                Heard::Rang => Event::Rang { leg },
                Heard::Tone(tone) => Event::ToneHeard { leg, tone: *tone },
                Heard::TookUp => {
                    self.took_up.insert(leg);
                    Event::LegAnswered { leg }
                }
                Heard::ToneBegan => Event::ToneBegan { leg },
                Heard::Pressed(digit) => Event::Digit { leg, digit: Key(*digit) },
                Heard::Voice => Event::VoiceHeard { leg },
                Heard::HungUp => Event::LegHungUp { leg },
                Heard::Answered => Event::LegAnswered { leg },
                Heard::Failed { outcome, status, q850 } => {
                    Event::LegFailed { leg, outcome: *outcome, status: *status, q850: *q850 }
                }
                Heard::NoCodec => Event::NoCommonCodec { leg },
            };
            self.later(self.now + (*ms - after_ms), *place, Due::Event(event));
        }
        if !over {
            let known_ms = ring.known_ms;
            self.later(
                self.now + (known_ms + 1).saturating_sub(after_ms),
                usize::MAX,
                Due::Silent(leg, known_ms),
            );
        }
    }

    /// A phone rings for longer than it did in this call: from here on as it rang in others.
    fn silent(&mut self, leg: LegNo, ms: u64) {
        if !self.call.is_rung(leg) {
            return;
        }
        self.by_model = true;
        let digits = self.call.destination_of(leg).number.clone();
        if let Some(ring) = self.history.draw(&digits, ms + 1, &mut self.chance) {
            self.rings(leg, &ring, ms + 1);
        }
    }

    /// The rest of the call, so that nothing of it stays with the enterprise.
    fn finish(mut self, state: &mut State, trunks: &mut Trunks, tariffs: &Tariffs, years: &HolidayYears) {
        state.no_more();
        let hotline = self.call.hotline().clone();
        let mut at = At { state, hotline: &hotline, trunks, tariffs, years };
        self.stop = None;
        self.due.clear();
        if !self.call.is_ending() {
            self.handle(Event::Stopped, &mut at);
        }
        for _ in 0..STEPS_MAX {
            self.act();
            let Some((due_at, due)) = self.next() else { return };
            self.now = self.now.max(due_at);
            if let Due::Event(event) = due {
                self.handle(event, &mut at);
            }
        }
    }

    fn is_cut_here(&self) -> bool {
        let cut = |(place, _, ends)| self.part == Some(place) && matches!(ends, Ends::Cut(_));
        self.recorded.ended.is_some_and(cut)
    }

    /// When the call ended in this part by its own prompt, if it did, after its beginning.
    fn refused_here(&self) -> Option<u64> {
        let last = self.part.filter(|place| place + 1 == self.recorded.parts.len())?;
        let part = &self.recorded.parts[last];
        self.recorded.ended.is_none().then(|| part.until.since_ms(part.at))
    }

    /// What the caller hears, and how long.
    fn played(&mut self, play: u32) {
        self.plays = Some(play);
        let part = self.part.map(|part| self.recorded.parts[part].clone());
        match self.call.stands() {
            Stands::Playing => {
                let ms = part.map_or(PROMPT_MS, |part| {
                    let next = self.recorded.log[part.from..].iter().skip(1);
                    let walked = next.take_while(|dated| !matches!(dated.fact, Fact::HungUp { .. }));
                    let mut walked = walked.filter(|dated| matches!(dated.fact, Fact::Walked(_)));
                    walked.next().map_or(u64::MAX >> 1, |next| next.at.since_ms(part.at))
                });
                let place = self.part.map_or(usize::MAX, |part| self.recorded.parts[part].to);
                self.later(self.part_at + ms, place, Due::Event(Event::Played { play }));
            }
            Stands::Meeting => self.met(play),
            Stands::Asking => self.ask(),
            Stands::Leaving => self.leaving(play),
            Stands::Rating => self.rating(play),
            Stands::Requesting(said) => self.requesting(play, said.as_deref()),
            // A refusal that was cut off is so again.
            Stands::Elsewhere if self.is_cut_here() => {}
            Stands::Elsewhere if self.refused_here().is_some() => {
                let ms = self.refused_here().unwrap_or(PROMPT_MS);
                self.later(self.part_at + ms, usize::MAX, Due::Event(Event::Played { play }));
            }
            Stands::Fetching
            | Stands::Dialling
            | Stands::Waiting
            | Stands::Talking(_)
            | Stands::Elsewhere => {
                self.soon(PROMPT_MS, Event::Played { play });
            }
        }
    }

    /// What is said before the two are joined takes as long as it did.
    fn met(&mut self, play: u32) {
        let talk = self.talk();
        let answered =
            self.call.log().iter().rev().find(|dated| matches!(dated.fact, Fact::LegAnswered { .. }));
        let from = answered.map_or(self.now, |dated| dated.at);
        let leg = answered.map_or(CALLER, |dated| match dated.fact {
            Fact::LegAnswered { leg } => leg,
            _ => CALLER,
        });
        match talk.before_ms {
            Some(ms) => self.later(from + ms, usize::MAX, Due::Event(Event::Played { play })),
            None => self.later(from + talk.ms, usize::MAX, Due::TalkOver(talk.ends, leg)),
        }
    }
}

/// What a call is decided with.
struct At<'a> {
    state: &'a mut State,
    hotline: &'a Hotline,
    trunks: &'a mut Trunks,
    tariffs: &'a Tariffs,
    years: &'a HolidayYears,
}
