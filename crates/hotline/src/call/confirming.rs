//! Whether somebody answered (row R29): a mailbox, a busy tone and an ear elsewhere send a 200, too. Who answered presses a key,
//! or is listened to, while the caller waits as if nobody had answered; the rest of the call hears of an answer, or of an attempt
//! that came to nothing, once it is known which it is.

use std::sync::Arc;

use super::{Action, CALLER, Call, ConfirmedBy, Desk, Event, Fact, Key, LegNo, LegState, Sound, Timer, Tone};
use crate::Mono;
use crate::cdr::LegOutcome;
use crate::enterprise::Confirm;

/// What asks for the key, over and over.
pub(super) const CONFIRM_PROMPT: &str = "confirm_call";
/// The key.
const YES: u8 = b'1';
/// Within this a busy tone is known by its cadence, and a person has said something.
const TONE_MS: u64 = 2_500;
/// Within this each tone is that has begun: ringback is the slowest of them.
const CADENCE_MS: u64 = 7_500;

impl Call {
    /// What is said of a leg whose answer is confirmed; other events are given back.
    pub(super) fn take_confirming(&mut self, event: Event, desk: &mut Desk<'_>, now: Mono) -> Option<Event> {
        match event {
            Event::LegAnswered { leg } if self.is_to_be_confirmed(leg) => {
                self.begin_confirming(leg, now);
                None
            }
            // Said again it confirms nothing.
            Event::LegAnswered { leg } if self.is_confirming(leg) => None,
            Event::LegHungUp { leg } if self.is_confirming(leg) => {
                self.disarm(Timer::Confirm(leg));
                self.actions.push_back(Action::CloseLeg { leg });
                Some(Event::LegFailed { leg, outcome: LegOutcome::HungUp, status: 200, q850: None })
            }
            // It was given up, and its BYE crossed ours.
            Event::LegHungUp { leg } if self.is_given_up_unconfirmed(leg) => {
                Some(Event::LegFailed { leg, outcome: LegOutcome::Cancelled, status: 0, q850: None })
            }
            Event::Digit { leg, digit } if self.is_confirming(leg) => {
                self.answerer_pressed(leg, digit, desk, now)
            }
            Event::VoiceHeard { leg } if self.is_judged(leg) => {
                Some(self.confirmed(leg, ConfirmedBy::Voice, now))
            }
            Event::ToneBegan { leg } if self.is_judged(leg) => {
                self.arm(Timer::Confirm(leg), now + CADENCE_MS);
                None
            }
            // A mailbox's voice is nobody's word: where a key is asked for, it is the key.
            Event::VoiceHeard { .. } | Event::ToneBegan { .. } => None,
            Event::ToneHeard { leg, tone } if self.is_confirming(leg) => {
                self.note(Fact::ToneHeard { leg, tone }, now);
                self.answerer_plays(leg, tone, desk, now);
                None
            }
            other => Some(other),
        }
    }

    fn is_confirming(&self, leg: LegNo) -> bool {
        leg != CALLER && self.leg(leg).state == LegState::Confirming
    }

    /// Whether it is listened to, and not asked for a key.
    fn is_judged(&self, leg: LegNo) -> bool {
        self.is_confirming(leg) && self.leg(leg).confirm == Confirm::Tone
    }

    /// A busy tone is nobody. What rings on may still reach somebody, who presses the key.
    fn answerer_plays(&mut self, leg: LegNo, tone: Tone, desk: &mut Desk<'_>, now: Mono) {
        match tone {
            Tone::Busy => self.give_up_attempt(leg, LegOutcome::BusyTone, desk, now),
            Tone::Ringback if self.is_judged(leg) => {
                self.give_up_attempt(leg, LegOutcome::RingbackTone, desk, now);
            }
            Tone::Ringback => {}
        }
    }

    fn is_to_be_confirmed(&self, leg: LegNo) -> bool {
        let tried = matches!(self.leg(leg).state, LegState::Trying | LegState::Ringing);
        tried && self.leg(leg).confirm != Confirm::Off
    }

    fn is_given_up_unconfirmed(&self, leg: LegNo) -> bool {
        self.leg(leg).state == LegState::GivenUp && self.leg(leg).confirm != Confirm::Off
    }

    /// The 200 of a leg: who answered is asked, or listened to. The caller goes on hearing what it hears.
    fn begin_confirming(&mut self, leg: LegNo, now: Mono) {
        self.disarm(Timer::Ring(leg));
        let (how, was) = (self.leg(leg).confirm, self.leg(leg).state);
        self.leg_mut(leg).state = LegState::Confirming;
        self.note(Fact::Confirming { leg, how }, now);
        if was == LegState::Trying {
            self.ring_unrung(leg, now);
        }
        let ms = match how {
            Confirm::Key { s } => {
                self.play(leg, Sound::Prompt(Arc::from(CONFIRM_PROMPT)), true);
                u64::from(s) * 1_000
            }
            Confirm::Tone | Confirm::Off => {
                self.actions.push_back(Action::Judge { leg });
                TONE_MS
            }
        };
        self.arm(Timer::Confirm(leg), now + ms);
    }

    /// One other key may be a slip; with a second one who answered does not want the call.
    fn answerer_pressed(&mut self, leg: LegNo, key: Key, desk: &mut Desk<'_>, now: Mono) -> Option<Event> {
        let asked = matches!(self.leg(leg).confirm, Confirm::Key { .. });
        match asked {
            true if key.0 == YES => return Some(self.confirmed(leg, ConfirmedBy::Key, now)),
            true if self.leg(leg).misses => self.give_up_attempt(leg, LegOutcome::OtherKey, desk, now),
            true => self.leg_mut(leg).misses = true,
            // Whoever presses keys is somebody.
            false => return Some(self.confirmed(leg, ConfirmedBy::Voice, now)),
        }
        None
    }

    /// Somebody answered: what follows is as with any answer.
    fn confirmed(&mut self, leg: LegNo, by: ConfirmedBy, now: Mono) -> Event {
        self.disarm(Timer::Confirm(leg));
        self.note(Fact::Confirmed { leg, by }, now);
        self.actions.push_back(Action::StopPlay { leg });
        Event::LegAnswered { leg }
    }

    /// The time is over: without the key nobody answered, without a tone somebody may have.
    pub(super) fn confirm_over(&mut self, leg: LegNo, desk: &mut Desk<'_>, now: Mono) {
        if !self.is_confirming(leg) {
            return;
        }
        match self.leg(leg).confirm {
            Confirm::Key { .. } => self.give_up_attempt(leg, LegOutcome::NoKey, desk, now),
            Confirm::Tone | Confirm::Off => {
                let answered = self.confirmed(leg, ConfirmedBy::Time, now);
                self.take(answered, desk, now);
            }
        }
    }
}
