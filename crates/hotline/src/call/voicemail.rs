//! A caller leaves a message (row V06): the greeting, a beep, what is said until a key, a silence, the longest time or the
//! end of the call; then the flow goes on, or the call ends with thanks.

use serde::{Deserialize, Serialize};

use super::{Action, CALLER, Call, Desk, Event, Fact, State, Timer};
use crate::cdr::Cause;
use crate::flow::{StepKind, StepNo, Voicemail};
use crate::{Mono, RecordingId};

/// Between greeting and message.
const BEEP: &str = "beep";
/// Behind a message.
const SAVED: &str = "voicemail_saved";
/// The key that ends a message, or the greeting before it.
const END_KEY: u8 = b'#';
/// Messages of one call; each has a recording of its own.
const MESSAGES_MAX: u8 = 5;

/// How a message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageEnd {
    /// By its key.
    Key,
    /// Nothing was said any more.
    Quiet,
    /// Nothing was said at all.
    Empty,
    /// It was as long as may be.
    Limit,
    /// The call ended.
    CallOver,
}

/// Where a caller who leaves a message is.
#[derive(Debug)]
pub(super) struct Leaving {
    step: StepNo,
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// The greeting plays.
    Greeting { play: u32 },
    /// The beep.
    Beeping { play: u32 },
    /// The caller speaks.
    Speaking,
    /// The thanks; then the flow goes on, or the call ends.
    Thanking { play: u32 },
}

impl Call {
    /// Answers and asks for a message.
    pub(super) fn leave_message(&mut self, step: StepNo, desk: &mut Desk<'_>, now: Mono) {
        let (endless, hotline) = (self.flowing.is_endless(), self.hotline.clone());
        let Some(voicemail) = voicemail(&hotline.flow.steps, step).filter(|_| !endless) else {
            return self.refuse(Cause::FlowLoop, None, desk, now);
        };
        self.answer_caller(desk, now);
        let play = self.prompt(hotline.words.text(voicemail.greeting).into(), now);
        self.state = State::Leaving(Leaving { step, stage: Stage::Greeting { play } });
    }

    pub(super) fn leaving(&mut self, leaving: Leaving, event: Event, desk: &mut Desk<'_>, now: Mono) {
        let Leaving { step, stage } = leaving;
        match (stage, event) {
            (Stage::Greeting { play }, Event::Played { play: ended }) if play == ended => {
                self.beep(step, now)
            }
            (Stage::Greeting { .. }, Event::Digit { leg: CALLER, digit }) if digit.0 == END_KEY => {
                self.actions.push_back(Action::StopPlay { leg: CALLER });
                self.beep(step, now);
            }
            (Stage::Beeping { play }, Event::Played { play: ended }) if play == ended => {
                self.take_message(step, desk, now);
            }
            (Stage::Speaking, Event::Digit { leg: CALLER, digit }) if digit.0 == END_KEY => {
                self.thank(step, MessageEnd::Key, now);
            }
            (Stage::Speaking, Event::Quiet { leg: CALLER, spoke }) => {
                self.thank(step, if spoke { MessageEnd::Quiet } else { MessageEnd::Empty }, now);
            }
            (Stage::Thanking { play }, Event::Played { play: ended }) if play == ended => {
                self.disarm(Timer::Prompt);
                self.go_on_from_message(step, desk, now);
            }
            (stage, other) => {
                self.state = State::Leaving(Leaving { step, stage });
                self.take_ending(other, desk, now);
            }
        }
    }

    fn beep(&mut self, step: StepNo, now: Mono) {
        let play = self.prompt(BEEP.into(), now);
        self.state = State::Leaving(Leaving { step, stage: Stage::Beeping { play } });
    }

    /// From here on what the caller says is kept, whatever becomes of the call.
    fn take_message(&mut self, step: StepNo, desk: &mut Desk<'_>, now: Mono) {
        self.disarm(Timer::Prompt);
        let hotline = self.hotline.clone();
        let taken = self.log.iter().filter(|dated| matches!(dated.fact, Fact::MessageBegan { .. })).count();
        let Some(voicemail) = voicemail(&hotline.flow.steps, step).filter(|_| taken < MESSAGES_MAX.into())
        else {
            return self.refuse(Cause::FlowLoop, None, desk, now);
        };
        let recording = RecordingId::of_message(self.id, taken as u8);
        let name = hotline.words.word(hotline.flow.steps[usize::from(step)].rule);
        // A call has one recording at a time: that of an earlier talk is whole by now.
        self.end_recording(now);
        self.note(Fact::MessageBegan { recording, step: name }, now);
        self.actions.push_back(Action::TakeMessage { recording, quiet_ms: voicemail.quiet_ms });
        self.arm(Timer::Message, now + voicemail.ms_max);
        self.state = State::Leaving(Leaving { step, stage: Stage::Speaking });
    }

    /// The message has lasted its longest.
    pub(super) fn message_over(&mut self, now: Mono) {
        if let State::Leaving(Leaving { step, stage: Stage::Speaking }) = self.state {
            self.thank(step, MessageEnd::Limit, now);
        }
    }

    fn thank(&mut self, step: StepNo, how: MessageEnd, now: Mono) {
        self.disarm(Timer::Message);
        self.note(Fact::MessageEnded { how }, now);
        self.actions.push_back(Action::EndMessage);
        let play = self.prompt(SAVED.into(), now);
        self.state = State::Leaving(Leaving { step, stage: Stage::Thanking { play } });
    }

    fn go_on_from_message(&mut self, step: StepNo, desk: &mut Desk<'_>, now: Mono) {
        let hotline = self.hotline.clone();
        match voicemail(&hotline.flow.steps, step).and_then(|voicemail| voicemail.next) {
            Some(next) => self.walk(next, desk, now),
            None => {
                let cause = self.end_of_flow(Cause::FlowHangUp);
                self.close_refused(cause, desk, now);
            }
        }
    }

    /// The call ends: what was said until now is the message.
    pub(super) fn leave_message_as_it_is(&mut self, now: Mono) {
        if let State::Leaving(Leaving { stage: Stage::Speaking, .. }) = self.state {
            self.note(Fact::MessageEnded { how: MessageEnd::CallOver }, now);
            self.actions.push_back(Action::EndMessage);
        }
    }

    /// Whether the caller is being recorded for a message.
    pub fn is_leaving_a_message(&self) -> bool {
        matches!(self.state, State::Leaving(Leaving { stage: Stage::Speaking, .. }))
    }
}

/// The voicemail of a step; places come from the flow itself, so there is one.
fn voicemail(steps: &[crate::flow::Step], step: StepNo) -> Option<&Voicemail> {
    match &steps.get(usize::from(step))?.kind {
        StepKind::Voicemail { voicemail } => Some(voicemail),
        _ => None,
    }
}
