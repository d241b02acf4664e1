//! A step of the flow asks a server outside (row I12). The call waits no longer than the step says, whatever becomes of
//! the request; an answer that comes later concerns nobody. What was taken from an answer is in the log, so that a call
//! that is told again has the same.

use super::{Action, CALLER, Call, Desk, Event, Fact, Sound, State, Timer};
use crate::Mono;
use crate::cdr::Cause;
use crate::flow::{Fetched, HttpStep, Known, NoAnswer, REQUESTS_MAX, Request, StepKind, StepNo, VALUE_MAX};

/// A request that is on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fetching {
    step: StepNo,
    /// Its number in the call, which its answer carries.
    number: u32,
    since: Mono,
    /// Whether music plays meanwhile.
    music: bool,
}

impl Call {
    /// Has a server outside asked what a step asks.
    pub(super) fn fetch(&mut self, step: StepNo, desk: &mut Desk<'_>, now: Mono) {
        let hotline = self.hotline.clone();
        let asked = self.log.iter().filter(|dated| matches!(dated.fact, Fact::Fetching { .. })).count();
        let endless = self.flowing.is_endless() || asked >= REQUESTS_MAX;
        let Some(http) = http_step(&hotline.flow.steps, step).filter(|_| !endless) else {
            return self.refuse(Cause::FlowLoop, None, desk, now);
        };
        let known = Known {
            words: &hotline.words,
            slots: &self.flowing.slots,
            // Withheld is withheld from servers outside too.
            caller: if self.withheld { "" } else { &self.caller },
            region: &self.region,
            number: hotline.number,
        };
        let request: Request = http.request(&known);
        let number = asked as u32 + 1;
        let name = hotline.words.word(hotline.flow.steps[usize::from(step)].rule);
        self.note(Fact::Fetching { step: name, number }, now);
        let music = http.music && (self.early.media || self.answered.is_some());
        if music {
            self.open_early_media();
            self.play(CALLER, Sound::Music, true);
        }
        self.arm(Timer::Fetch, now + http.limit_ms);
        self.actions.push_back(Action::Fetch { number, request: Box::new(request) });
        self.state = State::Fetching(Fetching { step, number, since: now, music });
    }

    pub(super) fn fetching(&mut self, fetching: Fetching, event: Event, desk: &mut Desk<'_>, now: Mono) {
        match event {
            Event::Fetched { number, fetched } if number == fetching.number => {
                self.fetched(fetching, *fetched, desk, now);
            }
            other => {
                self.state = State::Fetching(fetching);
                self.take_ending(other, desk, now);
            }
        }
    }

    /// The answer is not here in time.
    pub(super) fn fetch_over(&mut self, desk: &mut Desk<'_>, now: Mono) {
        if let State::Fetching(fetching) = self.state {
            self.fetched(fetching, Fetched::Failed(NoAnswer::Slow), desk, now);
        }
    }

    fn fetched(&mut self, fetching: Fetching, mut fetched: Fetched, desk: &mut Desk<'_>, now: Mono) {
        let hotline = self.hotline.clone();
        self.disarm(Timer::Fetch);
        if fetching.music {
            self.actions.push_back(Action::StopPlay { leg: CALLER });
        }
        let Some(http) = http_step(&hotline.flow.steps, fetching.step) else {
            return self.refuse(Cause::FlowLoop, None, desk, now);
        };
        if let Fetched::Answered { values, .. } = &mut fetched {
            values.truncate(http.take.len());
            values.iter_mut().for_each(|value| *value = value.chars().take(VALUE_MAX).collect());
            for ((slot, _), value) in http.take.iter().zip(values.iter()) {
                self.flowing.slots.put(*slot, value.clone());
            }
        }
        let exit = http.exit(&hotline.words, &fetched);
        let took_ms = now.since_ms(fetching.since);
        self.note(Fact::Fetched { number: fetching.number, fetched, took_ms }, now);
        self.walk(exit, desk, now);
    }
}

/// The request of a step; places come from the flow itself, so there is one.
fn http_step(steps: &[crate::flow::Step], step: StepNo) -> Option<&HttpStep> {
    match &steps.get(usize::from(step))?.kind {
        StepKind::Http { http } => Some(http),
        _ => None,
    }
}

/// What servers outside answered in a call, in the order asked: the answers of a dry run that tells it again.
pub fn answers_of(log: &[super::Dated]) -> Vec<Fetched> {
    let answer = |dated: &super::Dated| match &dated.fact {
        Fact::Fetched { fetched, .. } => Some(fetched.clone()),
        _ => None,
    };
    log.iter().filter_map(answer).collect()
}
