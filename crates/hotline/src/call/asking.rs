//! Where keys are taken. Before anything else: a password (row B04), or one key that a machine would not press (row B12);
//! those keys are compared and forgotten, and no fact and no text has them. Later the questions of a flow, which
//! [`menu`](super::menu) judges. The call is answered first unless its trunk has keys before that.

use std::fmt;
use std::sync::Arc;

use super::{Action, CALLER, Call, Desk, Event, Fact, State, Timer};
use crate::Mono;
use crate::cdr::Cause;
use crate::consent::Choice;
use crate::enterprise::Password;
use crate::flow::StepNo;

/// More keys than this are none of a password: the rest of a flood is dropped (FAULTS N6).
const KEYS_MAX: usize = 20;
/// How long a suspect may look for the key, and how often.
const CHALLENGE_KEY_MS: u64 = 10_000;
const CHALLENGE_TRIES: u8 = 2;

/// A key as pressed: `0` to `9`, `*`, `#`, `A` to `D`. Shown nowhere: it may belong to a card's number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key(pub u8);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

/// What is asked, and what was pressed so far.
#[derive(Debug)]
pub(super) struct Asking {
    question: Question,
    next: StepNo,
    /// The prompt that plays, until it ended or a key was pressed.
    play: Option<u32>,
    /// The prompt that follows it.
    then: Option<Arc<str>>,
    pub(super) keys: Vec<Key>,
    pub(super) tries: u8,
}

impl Asking {
    /// Whether the prompt that asks was begun, and no other one is before it.
    pub(super) fn is_asked(&self) -> bool {
        self.then.is_none()
    }

    pub(super) fn is_of_a_step(&self) -> bool {
        self.step().is_some()
    }

    pub(super) fn question(&self) -> Question {
        self.question
    }

    /// The step of the flow that asks.
    pub(super) fn step(&self) -> Option<StepNo> {
        match self.question {
            Question::Step(step) => Some(step),
            Question::Password | Question::Digit(_) => None,
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// One of the number's passwords.
    Password,
    /// This digit, which a prompt says.
    Digit(u8),
    /// What the flow's step at this place asks.
    Step(StepNo),
}

/// Where a question of the platform's own stands: what a talk was worth, which number is to be called back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The keys were no answer; the question follows.
    Wrong { play: u32 },
    /// The question plays.
    Question { play: u32 },
    /// It was heard, and keys are waited for.
    Keys,
    /// The thanks; then the flow goes on, or the call ends.
    Thanks { play: u32 },
}

impl Stage {
    /// Whether a key counts.
    pub(super) fn is_asked(self) -> bool {
        matches!(self, Stage::Question { .. } | Stage::Keys)
    }
}

impl Call {
    /// Asks for a password, after an answer where keys do not count before it.
    pub(super) fn ask_password(&mut self, next: StepNo, desk: &mut Desk<'_>, now: Mono) {
        let Some(prompt) = self.password().map(|password| password.prompt.as_str().into()) else {
            return self.walk(next, desk, now);
        };
        self.ask(Question::Password, prompt, next, desk, now);
    }

    /// Likewise has the caller press a key that the call's own chance chose.
    pub(super) fn challenge(&mut self, next: StepNo, desk: &mut Desk<'_>, now: Mono) {
        let digit = self.chance.below(10) as u8;
        self.ask(Question::Digit(digit), press(digit), next, desk, now);
    }

    pub(super) fn ask(
        &mut self,
        question: Question,
        prompt: Arc<str>,
        next: StepNo,
        desk: &mut Desk<'_>,
        now: Mono,
    ) {
        if !(self.early.keys && self.early.media) {
            self.answer_caller(desk, now);
        }
        let play = Some(self.prompt(prompt, now));
        self.state = State::Asking(Asking { question, next, play, then: None, keys: Vec::new(), tries: 0 });
    }

    fn password(&self) -> Option<&Password> {
        self.hotline.bars.as_ref()?.password()
    }

    pub(super) fn asking(&mut self, mut asking: Asking, event: Event, desk: &mut Desk<'_>, now: Mono) {
        match event {
            Event::Digit { leg: CALLER, digit } => self.pressed(asking, digit, desk, now),
            Event::Played { play } if asking.play == Some(play) => {
                self.disarm(Timer::Prompt);
                if let Some(prompt) = asking.then.take() {
                    return self.ask_again(asking, prompt, None, now);
                }
                asking.play = None;
                self.arm(Timer::Key, now + self.patience_ms(&asking));
                self.state = State::Asking(asking);
            }
            other => {
                self.state = State::Asking(asking);
                self.take_ending(other, desk, now);
            }
        }
    }

    /// How long the next key may take.
    pub(super) fn patience_ms(&self, asking: &Asking) -> u64 {
        match (asking.question, self.password()) {
            (Question::Password, Some(password)) if asking.keys.is_empty() => {
                u64::from(password.first_key_s) * 1_000
            }
            (Question::Password, Some(password)) => u64::from(password.key_s) * 1_000,
            (Question::Digit(_), _) | (Question::Password, None) => CHALLENGE_KEY_MS,
            (Question::Step(step), _) => self.step_patience_ms(step, asking.keys.is_empty()),
        }
    }

    fn pressed(&mut self, mut asking: Asking, key: Key, desk: &mut Desk<'_>, now: Mono) {
        if asking.play.is_some() && !self.may_barge_in(asking.question) {
            self.state = State::Asking(asking);
            return;
        }
        asking.then = None;
        if asking.play.take().is_some() {
            self.disarm(Timer::Prompt);
            self.actions.push_back(Action::StopPlay { leg: CALLER });
        }
        if let Question::Step(step) = asking.question {
            if self.step_pressed(&mut asking, step, key) {
                return self.judge(asking, desk, now);
            }
            self.arm(Timer::Key, now + self.patience_ms(&asking));
            self.state = State::Asking(asking);
            return;
        }
        match key.0 {
            b'#' => return self.judge(asking, desk, now),
            b'*' => asking.keys.clear(),
            b'0'..=b'9' => asking.keys.push(key),
            // Nobody's telephone has the others.
            _ => {}
        }
        if asking.keys.len() >= self.length_of(asking.question) {
            return self.judge(asking, desk, now);
        }
        self.arm(Timer::Key, now + self.patience_ms(&asking));
        self.state = State::Asking(asking);
    }

    /// After how many keys nothing more has to be waited for.
    fn length_of(&self, question: Question) -> usize {
        let longest = |password: &Password| password.passwords.iter().map(|one| one.code.len()).max();
        match question {
            Question::Password => self.password().and_then(longest).unwrap_or(KEYS_MAX).min(KEYS_MAX),
            Question::Digit(_) | Question::Step(_) => 1,
        }
    }

    /// No key came in time: what was pressed is all.
    pub(super) fn keys_over(&mut self, desk: &mut Desk<'_>, now: Mono) {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Asking(asking) => self.judge(asking, desk, now),
            State::Rating(rating) => self.rating_unheard(*rating, desk, now),
            State::Requesting(requesting) => self.judge_number(requesting, desk, now),
            State::Choosing(behind) => self.choose(Choice::Silent, behind, desk, now),
            other => self.state = other,
        }
    }

    fn judge(&mut self, asking: Asking, desk: &mut Desk<'_>, now: Mono) {
        self.disarm(Timer::Key);
        match asking.question {
            Question::Password => self.judge_password(asking, desk, now),
            Question::Digit(digit) => self.judge_digit(asking, digit, desk, now),
            Question::Step(step) => self.judge_step(asking, step, desk, now),
        }
    }

    fn judge_password(&mut self, mut asking: Asking, desk: &mut Desk<'_>, now: Mono) {
        let hotline = self.hotline.clone();
        let Some(password) = hotline.bars.as_ref().and_then(|bars| bars.password()) else {
            return self.walk(asking.next, desk, now);
        };
        let pressed: Vec<u8> = asking.keys.drain(..).map(|key| key.0).collect();
        asking.tries += 1;
        if let Some(known) = password.passwords.iter().find(|known| known.code.as_bytes() == pressed) {
            let stood = desk.tenant.seen.password_passed(hotline.number, &self.caller);
            let turn = stood.then(|| desk.tenant.next_turn());
            self.note(Fact::PasswordGiven { name: known.name.clone(), tries: asking.tries, turn }, now);
            return self.walk(asking.next, desk, now);
        }
        self.note(Fact::KeysWrong { tries: asking.tries }, now);
        if asking.tries < password.tries {
            return self.ask_again(asking, password.wrong.as_str().into(), None, now);
        }
        let at = self.wall(now);
        let calls = desk.tenant.seen.password_failed(hotline.number, &self.caller, password, at);
        let turn = desk.tenant.next_turn();
        self.note(Fact::PasswordMissed { calls, turn }, now);
        self.refuse(Cause::PasswordFailed, None, desk, now);
    }

    fn judge_digit(&mut self, mut asking: Asking, digit: u8, desk: &mut Desk<'_>, now: Mono) {
        let right = matches!(asking.keys.drain(..).next(), Some(Key(key)) if key == b'0' + digit);
        asking.tries += 1;
        if right {
            let emptied = desk.tenant.seen.forgive(&self.caller);
            self.note(Fact::ChallengePassed { tries: asking.tries }, now);
            if let Some(place) = emptied {
                let turn = desk.tenant.next_turn();
                self.note(Fact::SuspectKept { place, value: String::new(), turn }, now);
            }
            return self.walk(asking.next, desk, now);
        }
        self.note(Fact::KeysWrong { tries: asking.tries }, now);
        if asking.tries < CHALLENGE_TRIES {
            return self.ask_again(asking, press(digit), None, now);
        }
        self.refuse(Cause::ChallengeFailed, None, desk, now);
    }

    /// Plays a prompt, and one behind it, and waits for keys again.
    pub(super) fn ask_again(
        &mut self,
        mut asking: Asking,
        prompt: Arc<str>,
        then: Option<Arc<str>>,
        now: Mono,
    ) {
        asking.play = Some(self.prompt(prompt, now));
        asking.then = then;
        self.state = State::Asking(asking);
    }
}

/// The prompt that names a key.
fn press(digit: u8) -> Arc<str> {
    format!("press_{digit}").into()
}
