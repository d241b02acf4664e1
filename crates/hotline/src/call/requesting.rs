//! The caller asks to be called back (rows Q15, K07): the own number where it may be called, else one that is asked for. The
//! request is a fact with its queue and the wait so far; where that queue dials it is open from then on. Nobody is called here.

use super::asking::Stage;
use super::{Action, CALLER, Call, Desk, Event, Fact, Key, PROMPT_MS_MAX, Sound, State, Timer};
use crate::callback::{NotWanted, Request, callable};
use crate::cdr::Cause;
use crate::enterprise::Language;
use crate::flow::{RequestStep, StepKind, StepNo};
use crate::speech::Announcement;
use crate::{Mono, Wall};

/// More keys than this are none of a number (FAULTS N6).
const KEYS_MAX: usize = 20;

/// Where a caller who asks is.
#[derive(Debug)]
pub(super) struct Requesting {
    step: StepNo,
    keys: Vec<Key>,
    /// The number that the question says, where it is to be confirmed; else a number is asked for.
    said: Option<String>,
    tries: u8,
    stage: Stage,
}

impl Requesting {
    /// Whether keys count.
    pub(super) fn is_asked(&self) -> bool {
        self.stage.is_asked()
    }

    /// The number that the question says, where it says one.
    pub(super) fn said(&self) -> Option<&str> {
        self.said.as_deref()
    }
}

impl Call {
    /// Takes a request for a callback as a step says.
    pub(super) fn request_callback(&mut self, step: StepNo, desk: &mut Desk<'_>, now: Mono) {
        let (endless, hotline) = (self.flowing.is_endless(), self.hotline.clone());
        let Some(terms) = request_step(&hotline.flow.steps, step).filter(|_| !endless) else {
            return self.refuse(Cause::FlowLoop, None, desk, now);
        };
        let asks = |fact: &Fact| matches!(fact, Fact::CallbackWanted { .. } | Fact::CallbackKnown { .. });
        if self.log.iter().any(|dated| asks(&dated.fact)) {
            self.note(Fact::CallbackNotWanted { why: NotWanted::Before }, now);
            return self.walk(terms.failed, desk, now);
        }
        self.answer_caller(desk, now);
        match callable(&self.caller).filter(|_| terms.own && !self.withheld) {
            Some(number) if terms.confirm => self.say_number(step, number, 0, now),
            Some(number) => self.take_request(step, number, desk, now),
            None => self.ask_number(step, 0, now),
        }
    }

    fn ask_number(&mut self, step: StepNo, tries: u8, now: Mono) {
        let hotline = self.hotline.clone();
        let Some(terms) = request_step(&hotline.flow.steps, step) else { return };
        let play = self.prompt(terms.prompt.clone(), now);
        let stage = Stage::Question { play };
        self.state = State::Requesting(Requesting { step, keys: Vec::new(), said: None, tries, stage });
    }

    fn take_request(&mut self, step: StepNo, number: String, desk: &mut Desk<'_>, now: Mono) {
        let hotline = self.hotline.clone();
        let Some(terms) = request_step(&hotline.flow.steps, step) else { return };
        let known = desk.tenant.requests().of_number(&number).map(|request| request.id);
        match known {
            // Whoever asks again keeps the earlier place and is called once.
            Some(request) => self.note(Fact::CallbackKnown { request }, now),
            None if !self.may_name(&number, desk) => {
                return self.give_no_number(step, NotWanted::TooMany, desk, now);
            }
            None => self.note_request(step, number, desk, now),
        }
        let play = self.prompt(terms.accepted.clone(), now);
        let (keys, stage) = (Vec::new(), Stage::Thanks { play });
        self.state = State::Requesting(Requesting { step, keys, said: None, tries: 0, stage });
    }

    /// Whether this caller may have that number called (row K07).
    fn may_name(&self, number: &str, desk: &Desk<'_>) -> bool {
        number == self.caller || desk.tenant.requests().may_name_another(&self.caller)
    }

    /// The request as a fact; where its queue dials it is open from now on, with the place that this call has.
    fn note_request(&mut self, step: StepNo, number: String, desk: &mut Desk<'_>, now: Mono) {
        let hotline = self.hotline.clone();
        let step = hotline.words.word(hotline.flow.steps[usize::from(step)].rule);
        let queue = self.last_queue().map_or_else(|| "".into(), |(queue, ..)| queue);
        let waited_ms = self.waited_in(&queue, now);
        let wanted =
            Fact::CallbackWanted { step, queue: queue.clone(), number: number.as_str().into(), waited_ms };
        self.note(wanted, now);
        if desk.tenant.dials_back(&queue).is_none() {
            return;
        }
        let at = self.wall(now);
        let request = Request {
            id: self.id,
            hotline: hotline.number,
            caller: self.caller.clone(),
            number,
            queue: queue.to_string(),
            priority: hotline.priorities.of(&self.caller).map_or(0, |raised| raised.priority),
            since: Wall(at.0 - waited_ms as i64),
            tries: 0,
            next_at: at,
        };
        let value = request.write().into();
        if let Some(place) = desk.tenant.requests_mut().open(request) {
            let turn = desk.tenant.next_turn();
            let (request, tries, next_at) = (self.id, 0, at);
            self.note(Fact::CallbackKept { place, request, tries, next_at, value, turn }, now);
        }
    }

    pub(super) fn requesting(&mut self, mut own: Requesting, event: Event, desk: &mut Desk<'_>, now: Mono) {
        match (own.stage, event) {
            (Stage::Wrong { play }, Event::Played { play: ended }) if play == ended => {
                self.ask_number(own.step, own.tries, now);
            }
            (Stage::Question { play }, Event::Played { play: ended }) if play == ended => {
                self.disarm(Timer::Prompt);
                self.arm(Timer::Key, now + self.request_key_ms(own.step, true));
                own.stage = Stage::Keys;
                self.state = State::Requesting(own);
            }
            (Stage::Thanks { play }, Event::Played { play: ended }) if play == ended => {
                self.disarm(Timer::Prompt);
                self.go_on_from_request(own.step, desk, now);
            }
            (Stage::Question { .. } | Stage::Keys, Event::Digit { leg: CALLER, digit }) => {
                self.number_key(own, digit, desk, now);
            }
            (_, other) => {
                self.state = State::Requesting(own);
                self.take_ending(other, desk, now);
            }
        }
    }

    fn number_key(&mut self, mut own: Requesting, key: Key, desk: &mut Desk<'_>, now: Mono) {
        if matches!(own.stage, Stage::Question { .. }) {
            self.disarm(Timer::Prompt);
            self.actions.push_back(Action::StopPlay { leg: CALLER });
        }
        own.stage = Stage::Keys;
        if own.said.is_some() {
            return self.confirm(own, Some(key), desk, now);
        }
        match key.0 {
            b'#' => return self.judge_number(own, desk, now),
            b'*' => own.keys.clear(),
            b'0'..=b'9' if own.keys.len() < KEYS_MAX => own.keys.push(key),
            // Nobody's telephone has the others, and no number is so long.
            _ => {}
        }
        self.arm(Timer::Key, now + self.request_key_ms(own.step, false));
        self.state = State::Requesting(own);
    }

    fn request_key_ms(&self, step: StepNo, is_first: bool) -> u64 {
        let first_ms = request_step(&self.hotline.flow.steps, step).map_or(0, |terms| terms.first_key_ms);
        if is_first { first_ms } else { first_ms / 2 }
    }

    /// A number that may be called, but is taken only once it is confirmed.
    fn say_number(&mut self, step: StepNo, number: String, tries: u8, now: Mono) {
        let pieces = Announcement::CallbackTo(&number).prompts(Language::Zh).into();
        let play = self.play(CALLER, Sound::Pieces(pieces), false);
        self.arm(Timer::Prompt, now + PROMPT_MS_MAX);
        let (keys, said, stage) = (Vec::new(), Some(number), Stage::Question { play });
        self.state = State::Requesting(Requesting { step, keys, said, tries, stage });
    }

    /// Key 1 takes the number that was said, 2 asks for another; any other key, or none, is a try.
    fn confirm(&mut self, own: Requesting, key: Option<Key>, desk: &mut Desk<'_>, now: Mono) {
        self.disarm(Timer::Key);
        let (step, number, tries) = (own.step, own.said.unwrap_or_default(), own.tries + 1);
        let hotline = self.hotline.clone();
        let tries_max = request_step(&hotline.flow.steps, step).map_or(0, |terms| terms.tries);
        match key.map(|key| key.0) {
            Some(b'1') => self.take_request(step, number, desk, now),
            Some(b'2') => self.ask_number(step, own.tries, now),
            _ if tries >= tries_max => self.give_no_number(step, NotWanted::NoKey, desk, now),
            _ => self.say_number(step, number, tries, now),
        }
    }

    fn give_no_number(&mut self, step: StepNo, why: NotWanted, desk: &mut Desk<'_>, now: Mono) {
        let hotline = self.hotline.clone();
        self.note(Fact::CallbackNotWanted { why }, now);
        match request_step(&hotline.flow.steps, step) {
            Some(terms) => self.walk(terms.failed, desk, now),
            None => self.refuse(Cause::FlowLoop, None, desk, now),
        }
    }

    /// No key came in time: what was pressed is the number.
    pub(super) fn judge_number(&mut self, mut own: Requesting, desk: &mut Desk<'_>, now: Mono) {
        self.disarm(Timer::Key);
        if own.said.is_some() {
            return self.confirm(own, None, desk, now);
        }
        let hotline = self.hotline.clone();
        let Some(terms) = request_step(&hotline.flow.steps, own.step) else {
            return self.refuse(Cause::FlowLoop, None, desk, now);
        };
        let pressed: String = own.keys.drain(..).map(|key| char::from(key.0)).collect();
        // A slip of the finger would have a stranger called.
        if let Some(number) = callable(&pressed) {
            return self.say_number(own.step, number, own.tries, now);
        }
        own.tries += 1;
        if own.tries >= terms.tries {
            let why = if pressed.is_empty() { NotWanted::NoKey } else { NotWanted::WrongNumber };
            return self.give_no_number(own.step, why, desk, now);
        }
        if pressed.is_empty() {
            return self.ask_number(own.step, own.tries, now);
        }
        let play = self.prompt(terms.wrong_prompt.clone(), now);
        own.stage = Stage::Wrong { play };
        self.state = State::Requesting(own);
    }

    fn go_on_from_request(&mut self, step: StepNo, desk: &mut Desk<'_>, now: Mono) {
        let hotline = self.hotline.clone();
        match request_step(&hotline.flow.steps, step).and_then(|terms| terms.next) {
            Some(next) => self.walk(next, desk, now),
            None => {
                let cause = self.end_of_flow(Cause::FlowHangUp);
                self.close_refused(cause, desk, now);
            }
        }
    }
}

/// The terms of a step; places come from the flow itself, so there are some.
fn request_step(steps: &[crate::flow::Step], step: StepNo) -> Option<&RequestStep> {
    match &steps.get(usize::from(step))?.kind {
        StepKind::Callback { request } => Some(request),
        _ => None,
    }
}
