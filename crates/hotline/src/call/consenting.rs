//! Whether the caller lets the talk be recorded, where its number asks (rows V10, K10): 1 agrees, 2 refuses, while the notice plays
//! or within five seconds behind it. The notice is heard to its end whatever is pressed, and the choice stands for the whole call.

use super::{CALLER, Call, Desk, Event, Fact, Key, LegNo, Sound, State, Timer};
use crate::Mono;
use crate::consent::Choice;
use crate::flow::StepNo;

/// How long the key may take behind the notice.
const KEY_MS: u64 = 5_000;
/// The shipped prompts that say that the talk is not recorded.
const NOT_RECORDED: &str = "not_recorded";
const EN_NOT_RECORDED: &str = "en_not_recorded";

/// What goes on once the notice is told and the caller has chosen.
#[derive(Clone, Copy, Debug)]
pub(super) enum Behind {
    /// The flow, at this step.
    Step(StepNo),
    /// The join with who answered.
    Meeting(LegNo),
}

/// What the caller chose, as far as it did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Chosen {
    /// By the last key of the notice.
    pressed: Option<Choice>,
    /// For good.
    choice: Option<Choice>,
}

impl Call {
    /// Whether the caller is asked before something is recorded.
    pub(super) fn asks_consent(&self) -> bool {
        self.hotline.recording_notice.is_some() && self.hotline.consent.asks()
    }

    /// A key pressed while the notice plays; the last one counts.
    pub(super) fn presses_consent(&mut self, event: &Event) {
        if let Event::Digit { leg: CALLER, digit } = event
            && let Some(choice) = choice_of(*digit)
            && self.flowing.chosen.choice.is_none()
        {
            self.flowing.chosen.pressed = Some(choice);
        }
    }

    /// What the caller chose in a call that is told again.
    pub(crate) fn chose_before(&mut self, choice: Option<Choice>) {
        self.flowing.chosen.pressed = choice;
    }

    /// The notice was heard to its end: the caller has chosen, is waited for, or is asked nothing.
    pub(super) fn noticed(&mut self, behind: Behind, desk: &mut Desk<'_>, now: Mono) {
        let Chosen { pressed, choice } = self.flowing.chosen;
        match pressed {
            _ if !self.asks_consent() || choice.is_some() => self.go_behind(behind, desk, now),
            Some(choice) => self.choose(choice, behind, desk, now),
            None => {
                self.arm(Timer::Key, now + KEY_MS);
                self.state = State::Choosing(behind);
            }
        }
    }

    pub(super) fn choosing(&mut self, behind: Behind, event: Event, desk: &mut Desk<'_>, now: Mono) {
        let choice = match event {
            Event::Digit { leg: CALLER, digit } => choice_of(digit),
            _ => None,
        };
        match choice {
            Some(choice) => self.choose(choice, behind, desk, now),
            None => {
                self.state = State::Choosing(behind);
                match behind {
                    Behind::Step(_) => self.take_ending(event, desk, now),
                    Behind::Meeting(leg) => self.up(leg, event, desk, now),
                }
            }
        }
    }

    /// The caller's word, or its silence. Whoever is not recorded is told so.
    pub(super) fn choose(&mut self, choice: Choice, behind: Behind, desk: &mut Desk<'_>, now: Mono) {
        self.disarm(Timer::Key);
        self.flowing.chosen.choice = Some(choice);
        let recorded = self.hotline.consent.records(choice);
        self.note(Fact::RecordingChosen { choice, recorded }, now);
        if recorded {
            return self.go_behind(behind, desk, now);
        }
        let english = self.hotline.recording_notice.as_ref().is_some_and(|notice| notice.starts_with("en_"));
        let prompt = if english { EN_NOT_RECORDED } else { NOT_RECORDED };
        let play = self.prompt(prompt.into(), now);
        self.state = match behind {
            Behind::Step(next) => State::Playing { play, next },
            Behind::Meeting(leg) => {
                self.play(leg, Sound::Prompt(prompt.into()), false);
                State::Noticing { leg, play }
            }
        };
    }

    fn go_behind(&mut self, behind: Behind, desk: &mut Desk<'_>, now: Mono) {
        match behind {
            Behind::Step(next) => self.walk(next, desk, now),
            Behind::Meeting(leg) => self.join_noticed(leg, desk, now),
        }
    }

    /// The join of two parties of whom the caller heard the notice: recorded, unless the caller would not have it.
    pub(super) fn join_noticed(&mut self, leg: LegNo, desk: &mut Desk<'_>, now: Mono) {
        let choice = self.flowing.chosen.choice.unwrap_or(Choice::Silent);
        self.join(leg, desk, now);
        if self.hotline.consent.records(choice) {
            self.record(leg, now);
        }
    }
}

fn choice_of(key: Key) -> Option<Choice> {
    match key.0 {
        b'1' => Some(Choice::Agreed),
        b'2' => Some(Choice::Refused),
        _ => None,
    }
}
