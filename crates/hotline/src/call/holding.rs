//! The caller on hold: music in place of whoever talked, until they come back (row Q03). The far end's own hold counts, and so
//! does an order.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Action, CALLER, Call, Fact, LegNo, Sound};
use crate::Mono;

/// The prompt that a caller on hold hears: an enterprise's own of this name, else the platform's music.
pub const HOLD_MUSIC: &str = "hold_music";

/// Who has a caller on hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldBy {
    /// The phone of who talked, by its own signalling.
    Phone,
    /// An order.
    Platform,
}

impl Call {
    /// Whether the caller hears music in place of who answered.
    pub fn is_held(&self) -> bool {
        self.parked.is_some()
    }

    /// The far end of the leg that talks puts the caller on hold, or comes back. What was ordered counts first.
    pub(super) fn phone_holds(&mut self, leg: LegNo, on: bool, now: Mono) {
        match (on, self.parked) {
            (true, None) => self.park(leg, HeldBy::Phone, now),
            (false, Some(HeldBy::Phone)) => self.unpark(now),
            (true, Some(_)) | (false, Some(HeldBy::Platform) | None) => {}
        }
    }

    /// The caller hears music. By an order the other side hears nothing of it either; a phone that holds sees to that
    /// itself, and the silence of a caller who is gone still tells.
    pub(super) fn park(&mut self, leg: LegNo, by: HeldBy, now: Mono) {
        if self.parked.replace(by).is_some() {
            return;
        }
        self.note(Fact::HoldBegan { leg, by }, now);
        let music = self.music_of_queue().unwrap_or_else(|| Arc::from(HOLD_MUSIC));
        self.play(CALLER, Sound::Prompt(music), true);
        if by == HeldBy::Platform {
            self.actions.push_back(Action::Unbridge);
        }
    }

    /// The music is over, whatever comes now.
    pub(super) fn unpark(&mut self, now: Mono) {
        if self.parked.take().is_some() {
            self.note(Fact::HoldEnded, now);
            self.actions.push_back(Action::StopPlay { leg: CALLER });
        }
    }
}
