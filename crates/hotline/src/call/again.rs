//! A call that is told again: it begins where its bars and limits had let it in, and says where it stands, so that whoever
//! plays its far ends knows what they are asked. For [`crate::backtest`] alone; a live call is begun by an INVITE.

use super::asking::Question;
use super::consenting::Behind;
use super::{Arrival, Call, Desk, LegNo, State};
use crate::Now;
use crate::barring::Standing;
use crate::flow::{Ask, StepKind};

/// Where a call stands, as its far ends see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stands {
    /// A prompt of the flow plays.
    Playing,
    /// A step of the flow asks for keys, or a gate before it does.
    Asking,
    /// A server outside is asked.
    Fetching,
    /// Phones ring, or are about to.
    Dialling,
    /// It waits in a queue.
    Waiting,
    /// Somebody answered, and hears or has the caller hear something first.
    Meeting,
    /// Two talk.
    Talking(LegNo),
    /// A message is taken.
    Leaving,
    /// The caller is asked what the talk was worth.
    Rating,
    /// The caller asks to be called back; the number that the question says, where it says one.
    Requesting(Option<String>),
    /// It is refused, moved or over: the caller is asked nothing.
    Elsewhere,
}

impl Call {
    /// Begins a call whose bars and limits let it in, with what they found out about its caller. Nothing is held for it and
    /// nothing charged.
    pub(crate) fn begin_again(arrival: Arrival, standing: Standing, desk: &mut Desk<'_>, now: Now) -> Self {
        let (trunk, seed) = (arrival.trunk.clone(), arrival.seed);
        let mut call = Self::of(arrival, now);
        call.note_arrival(trunk, seed, now.mono);
        call.stand(standing, now.mono);
        let first = call.hotline.first_step(now.wall);
        call.walk(first, desk, now.mono);
        call
    }

    /// Where it stands.
    pub(crate) fn stands(&self) -> Stands {
        match &self.state {
            State::Playing { .. } | State::Choosing(Behind::Step(_)) => Stands::Playing,
            State::Asking(_) => Stands::Asking,
            State::Fetching(_) => Stands::Fetching,
            State::Dialling(_) => Stands::Dialling,
            State::Waiting => Stands::Waiting,
            State::Noticing { .. } | State::Greeting { .. } | State::Choosing(Behind::Meeting(_)) => {
                Stands::Meeting
            }
            State::Talking { leg } => Stands::Talking(*leg),
            State::Leaving(_) => Stands::Leaving,
            State::Rating(_) => Stands::Rating,
            State::Requesting(requesting) => Stands::Requesting(requesting.said().map(str::to_owned)),
            State::Refusing { .. }
            | State::Ending
            | State::Over
            | State::Transferring(_)
            | State::Reaching(_) => Stands::Elsewhere,
        }
    }

    /// The question of the flow that is asked, unless it is a gate's.
    pub(crate) fn question_asked(&self) -> Option<&Ask> {
        let State::Asking(asking) = &self.state else { return None };
        match &self.hotline.flow.steps.get(usize::from(asking.step()?))?.kind {
            StepKind::Ask { ask } => Some(ask),
            _ => None,
        }
    }

    /// The key that a gate's prompt names, if it asks for one.
    pub(crate) fn key_asked(&self) -> Option<u8> {
        let State::Asking(asking) = &self.state else { return None };
        match asking.question() {
            Question::Digit(digit) => Some(b'0' + digit),
            Question::Password | Question::Step(_) => None,
        }
    }

    /// How long the first key of what is asked may take.
    pub(crate) fn first_key_ms(&self) -> u64 {
        match &self.state {
            State::Asking(asking) => self.patience_ms(asking),
            _ => 0,
        }
    }

    /// Whether a leg that rings may still be answered.
    pub(crate) fn is_rung(&self, leg: LegNo) -> bool {
        matches!(self.leg(leg).state, super::LegState::Trying | super::LegState::Ringing)
    }
}
