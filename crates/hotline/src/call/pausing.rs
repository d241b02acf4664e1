//! The recording of a talk that keeps nothing for a while (row V09): by an order, until another or the number's limit, and while
//! a step of the flow asks for keys that are secret. What is said or pressed then is in no file; who wanted it and when is a fact.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Action, Call, Event, Fact, NotObeyed, State, TalkOrder, Timer};
use crate::Mono;
use crate::flow::StepKind;

/// A key is told when its tone was known, and a finger stays on it a little longer: so long behind the last one nothing is kept.
const MASK_TAIL_MS: u64 = 2_000;

/// Why a recording keeps nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseWhy {
    /// Somebody ordered it.
    Ordered,
    /// A step asks for secret keys.
    Keys,
}

/// How a pause ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseEnd {
    /// Somebody ordered it.
    Ordered,
    /// It was as long as the number lets it be.
    Limit,
    /// The keys were pressed, or the caller went on without.
    KeysOver,
    /// The recording itself was.
    RecordingOver,
}

impl PauseWhy {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            PauseWhy::Ordered => "ordered",
            PauseWhy::Keys => "keys",
        }
    }
}

impl PauseEnd {
    /// Whether it ends a pause that began so.
    pub(crate) fn ends(self, why: PauseWhy) -> bool {
        match self {
            PauseEnd::Ordered | PauseEnd::Limit => why == PauseWhy::Ordered,
            PauseEnd::KeysOver => why == PauseWhy::Keys,
            PauseEnd::RecordingOver => true,
        }
    }
}

/// What keeps a recording from being written: nothing, an order, a question, or both.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pauses {
    ordered: bool,
    keys: bool,
}

impl Pauses {
    fn any(self) -> bool {
        self.ordered || self.keys
    }
}

impl Call {
    /// Whether its recording keeps nothing now.
    pub fn is_recording_paused(&self) -> bool {
        self.pauses.any()
    }

    /// Whether its talk is being recorded, paused or not, by its log: in the middle of an event too.
    pub(super) fn is_recorded(&self) -> bool {
        let last = self.log.iter().rev().find_map(|dated| match dated.fact {
            Fact::RecordingBegan { .. } => Some(true),
            Fact::RecordingCut | Fact::RecordingEnded => Some(false),
            _ => None,
        });
        last == Some(true)
    }

    fn has_recording(&self) -> bool {
        self.is_recorded() && !self.is_ending()
    }

    /// Whether the recording could be paused, or go on, by an order.
    pub(super) fn may_pause(&self, on: bool) -> Result<(), NotObeyed> {
        match self.has_recording() && self.pauses.ordered != on {
            true => Ok(()),
            false => Err(NotObeyed::NotNow),
        }
    }

    /// Orders about the recording, which are the same in each state of the call. Other events are given back.
    pub(super) fn take_pausing(&mut self, event: Event, now: Mono) -> Option<Event> {
        let Event::Ordered(ordered) = &event else { return Some(event) };
        let on = match ordered.order {
            TalkOrder::PauseRecording => true,
            TalkOrder::ResumeRecording => false,
            _ => return Some(event),
        };
        if self.may_pause(on).is_ok() {
            match on {
                true => self.pause_ordered(ordered.by.clone(), now),
                false => self.resume_ordered(ordered.by.clone(), PauseEnd::Ordered, now),
            }
        }
        None
    }

    fn pause_ordered(&mut self, by: Arc<str>, now: Mono) {
        self.note(Fact::RecordingPaused { why: PauseWhy::Ordered, by }, now);
        self.arm(Timer::Pause, now + self.hotline.pause_ms_max);
        self.pause(Pauses { ordered: true, ..self.pauses });
    }

    fn resume_ordered(&mut self, by: Arc<str>, how: PauseEnd, now: Mono) {
        self.disarm(Timer::Pause);
        self.note(Fact::RecordingResumed { how, by }, now);
        self.pause(Pauses { ordered: false, ..self.pauses });
    }

    /// The longest pause is over: what is said is recorded again, whether or not anybody thinks of it.
    pub(super) fn pause_over(&mut self, now: Mono) {
        self.resume_ordered("".into(), PauseEnd::Limit, now);
    }

    /// The last secret key is out of the ear.
    pub(super) fn mask_over(&mut self, now: Mono) {
        self.note(Fact::RecordingResumed { how: PauseEnd::KeysOver, by: "".into() }, now);
        self.pause(Pauses { keys: false, ..self.pauses });
    }

    /// The talk's recording is whole though the call goes on; what kept it from being written ends with it.
    pub(super) fn end_recording(&mut self, now: Mono) {
        if !self.is_recorded() {
            return;
        }
        for _ in [self.pauses.ordered, self.pauses.keys].into_iter().filter(|paused| *paused) {
            self.note(Fact::RecordingResumed { how: PauseEnd::RecordingOver, by: "".into() }, now);
        }
        self.disarm(Timer::Pause);
        self.disarm(Timer::Mask);
        self.pause(Pauses::default());
        self.note(Fact::RecordingEnded, now);
        self.actions.push_back(Action::EndRecording);
    }

    fn pause(&mut self, pauses: Pauses) {
        let before = std::mem::replace(&mut self.pauses, pauses).any();
        if before != pauses.any() {
            self.actions.push_back(Action::PauseRecording { on: pauses.any() });
        }
    }

    /// Begins a pause with a question whose keys are secret, and has it end a little behind the last of them.
    pub(super) fn mask_keys(&mut self, now: Mono) {
        if !self.pauses.keys && !self.has_recording() {
            return;
        }
        match (self.secret_step(), self.pauses.keys) {
            (Some(by), false) => {
                self.note(Fact::RecordingPaused { why: PauseWhy::Keys, by }, now);
                self.pause(Pauses { keys: true, ..self.pauses });
            }
            (Some(_), true) => self.disarm(Timer::Mask),
            (None, true) if !self.is_ending() && !self.is_armed(Timer::Mask) => {
                self.arm(Timer::Mask, now + MASK_TAIL_MS);
            }
            (None, _) => {}
        }
    }

    /// The step that asks for secret keys now, by its name.
    fn secret_step(&self) -> Option<Arc<str>> {
        let State::Asking(asking) = &self.state else { return None };
        let step = self.hotline.flow.steps.get(usize::from(asking.step()?))?;
        let StepKind::Ask { ask } = &step.kind else { return None };
        ask.secret.then(|| self.hotline.words.text(step.rule).into())
    }
}
