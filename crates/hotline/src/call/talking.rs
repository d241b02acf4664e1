//! From the target's answer to the hang-up: the recording notice, the join, the talk.

use std::sync::Arc;

use super::{Action, CALLER, Call, Desk, Event, Fact, LegNo, PROMPT_MS_MAX, Sound, State, Timer};
use crate::cdr::ChargingFrom;
use crate::{Mono, RecordingId};

impl Call {
    /// Plays the notice to both sides before recording begins and before they are joined (row I07).
    pub(super) fn give_notice(&mut self, leg: LegNo, prompt: Arc<str>, now: Mono) {
        self.note(Fact::Prompted { prompt: prompt.clone(), early: false }, now);
        self.play(leg, Sound::Prompt(prompt.clone()), false);
        let play = self.play(CALLER, Sound::Prompt(prompt), false);
        self.arm(Timer::Prompt, now + PROMPT_MS_MAX);
        self.state = State::Noticing { leg, play };
    }

    pub(super) fn noticing(&mut self, leg: LegNo, play: u32, event: Event, desk: &mut Desk<'_>, now: Mono) {
        match event {
            Event::Played { play: ended } if ended == play => {
                self.disarm(Timer::Prompt);
                let prompt = self.hotline.recording_notice.as_deref().unwrap_or_default().into();
                self.note(Fact::Noticed { prompt }, now);
                self.flowing.is_noticed = true;
                self.join_recorded(leg, desk, now);
            }
            other => {
                self.state = State::Noticing { leg, play };
                self.up(leg, other, desk, now);
            }
        }
    }

    pub(super) fn join(&mut self, leg: LegNo, desk: &mut Desk<'_>, now: Mono) {
        self.note(Fact::Joined { leg }, now);
        self.actions.push_back(Action::Bridge { leg });
        self.state = State::Talking { leg };
        match self.hotline.charging_from {
            ChargingFrom::TwoParty => self.start_meter(desk, now),
            ChargingFrom::Answer => {}
        }
    }

    /// The join of two parties of whom the caller heard the notice.
    pub(super) fn join_recorded(&mut self, leg: LegNo, desk: &mut Desk<'_>, now: Mono) {
        self.join(leg, desk, now);
        self.record(leg, now);
    }

    fn record(&mut self, leg: LegNo, now: Mono) {
        let recording = RecordingId(self.id.0);
        self.note(Fact::RecordingBegan { recording }, now);
        self.actions.push_back(Action::Record { recording, leg });
    }

    pub(super) fn talking(&mut self, leg: LegNo, event: Event, desk: &mut Desk<'_>, now: Mono) {
        self.state = State::Talking { leg };
        self.up(leg, event, desk, now);
    }

    /// Events of a call whose two sides have answered.
    fn up(&mut self, leg: LegNo, event: Event, desk: &mut Desk<'_>, now: Mono) {
        match event {
            Event::LegHungUp { leg: gone } if gone == leg => self.end_by_target(leg, desk, now),
            other => self.take_ending(other, desk, now),
        }
    }
}
