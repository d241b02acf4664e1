//! A call without a call: the same engine with a typed-in caller, time and answers of the targets. What it prints is
//! the log a real call would have kept (rows R25, R26).

use super::confirming::CONFIRM_PROMPT;
use super::{Action, Arrival, CALLER, Call, Dated, Desk, Event, Key, Sound};
use crate::cdr::LegOutcome;
use crate::flow::{Fetched, NoAnswer, Request};
use crate::queue::{Floor, Told};
use crate::{Mono, Now, Wall};

/// How the bound numbers answer in a dry run; whoever is not named answers after 3 s.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// Names or digits that are busy.
    pub busy: Vec<String>,
    /// Names or digits that ring and do not answer.
    pub no_answer: Vec<String>,
    /// Names or digits that reject.
    pub rejects: Vec<String>,
    /// What the caller presses, at one question after the other; at those that follow, nothing. An empty text presses
    /// nothing.
    pub keys: Vec<String>,
    /// What servers outside answer, in the order asked; the requests that follow get no answer.
    pub http: Vec<HttpAnswer>,
}

/// What a server outside answers in a dry run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpAnswer {
    /// As a call has it in its log.
    Told(Fetched),
    /// As typed in: a status, and texts by the paths that the step takes values from.
    #[expect(missing_docs, reason = "the line above names the fields")]
    Typed { status: u16, values: Vec<(String, String)> },
}

impl HttpAnswer {
    /// Reads `200,data.level=gold`, or `error` for none.
    pub fn parse(text: &str) -> Option<Self> {
        if text.trim() == "error" {
            return Some(HttpAnswer::Told(Fetched::Failed(NoAnswer::Unreachable)));
        }
        let mut parts = text.split(',');
        let status = parts.next()?.trim().parse().ok().filter(|status| (100..600).contains(status))?;
        let pair =
            |part: &str| part.split_once('=').map(|(path, value)| (path.trim().to_owned(), value.to_owned()));
        Some(HttpAnswer::Typed { status, values: parts.map(pair).collect::<Option<_>>()? })
    }

    fn to(&self, request: &Request) -> Fetched {
        match self {
            HttpAnswer::Told(fetched) => fetched.clone(),
            HttpAnswer::Typed { status, values } => {
                let value = |path: &std::sync::Arc<str>| {
                    let typed = values.iter().find(|(known, _)| **known == **path);
                    typed.map(|(_, value)| value.clone()).unwrap_or_default()
                };
                Fetched::Answered { status: *status, values: request.take.iter().map(value).collect() }
            }
        }
    }
}

const ROUND_TRIP_MS: u64 = 50;
const ANSWER_MS: u64 = 3_000;
const PROMPT_MS: u64 = 4_000;
const KEY_MS: u64 = 300;
const TALK_MS: u64 = 60_000;
const MESSAGE_MS: u64 = 10_000;

/// Runs a call to its end and returns its log. The tenant in `desk` should be a copy: it changes as a real one would.
pub fn explain(arrival: Arrival, answers: &Answers, desk: &mut Desk<'_>, now: Now) -> Vec<Dated> {
    let mut world = World { due: Vec::new(), answers, asked: 0, fetched: 0 };
    let mut at = now.mono;
    let mut call = Call::begin(arrival, desk, now);
    loop {
        while let Some(action) = call.poll_action() {
            world.answer(&call, action, at);
        }
        if let Some(told) = told(&call, desk) {
            let wall = Wall(now.wall.0 + at.since_ms(now.mono) as i64);
            call.handle(Event::Queue(told), desk, Now { mono: at, wall });
            continue;
        }
        let floor = desk.tenant.floor().and_then(Floor::next_timeout).filter(|_| call.is_waiting());
        let timeout = call.next_timeout().into_iter().chain(floor).min();
        let Some((due, event)) = world.next(timeout) else { break };
        at = at.max(due);
        let wall = Wall(now.wall.0 + at.since_ms(now.mono) as i64);
        if let Some(floor) = desk.tenant.known_floor_mut() {
            floor.handle_timeout(Now { mono: at, wall });
        }
        call.handle(event, desk, Now { mono: at, wall });
    }
    call.log().to_vec()
}

/// What the floor tells this call; what it tells others is theirs.
fn told(call: &Call, desk: &mut Desk<'_>) -> Option<Told> {
    let floor = desk.tenant.known_floor_mut()?;
    std::iter::from_fn(|| floor.poll()).find(|(of, _)| *of == call.id()).map(|(_, told)| told)
}

/// The far ends of a dry run: what will happen, and when.
struct World<'a> {
    due: Vec<(Mono, Event)>,
    answers: &'a Answers,
    /// Questions asked so far.
    asked: usize,
    /// Requests made so far.
    fetched: usize,
}

impl World<'_> {
    fn answer(&mut self, call: &Call, action: Action, at: Mono) {
        match action {
            Action::Dial { leg, .. } => self.ring(call, leg, at),
            Action::Play { leg, play, sound, repeat: false } => {
                self.later(at, PROMPT_MS, Event::Played { play });
                if leg == CALLER {
                    self.press(call, &sound, at + PROMPT_MS + KEY_MS);
                }
            }
            // Whoever answers in a dry run is somebody.
            Action::Play { leg, sound: Sound::Prompt(prompt), .. } if *prompt == *CONFIRM_PROMPT => {
                self.later(at, PROMPT_MS, Event::Digit { leg, digit: Key(b'1') });
            }
            Action::Judge { leg } => self.later(at, ROUND_TRIP_MS, Event::VoiceHeard { leg }),
            Action::Cancel { leg } => {
                let of_it = |event: &Event| matches!(event, Event::Rang { leg: own } | Event::LegAnswered { leg: own } if *own == leg);
                self.due.retain(|(_, event)| !of_it(event));
                let outcome = LegOutcome::Cancelled;
                self.later(at, ROUND_TRIP_MS, Event::LegFailed { leg, outcome, status: 487, q850: None });
            }
            // Who answered hangs up where something is behind the talk, else the caller.
            Action::Bridge { leg } if call.goes_on_behind_the_talk() => {
                self.later(at, TALK_MS, Event::LegHungUp { leg });
            }
            Action::Bridge { .. } => self.later(at, TALK_MS, Event::CallerHungUp),
            Action::CloseMedia => self.later(at, 0, Event::MediaClosed),
            Action::Fetch { number, request } => {
                let answer = self.answers.http.get(self.fetched);
                let fetched =
                    answer.map_or(Fetched::Failed(NoAnswer::NotAsked), |answer| answer.to(&request));
                self.fetched += 1;
                self.later(at, ROUND_TRIP_MS, Event::Fetched { number, fetched: Box::new(fetched) });
            }
            Action::EarlyMedia
            | Action::Play { .. }
            | Action::StopPlay { .. }
            | Action::Bye { .. }
            | Action::AnswerCaller
            | Action::RejectCaller { .. }
            | Action::Record { .. }
            | Action::EndMessage
            | Action::EndRecording
            | Action::Finish
            | Action::Unbridge
            | Action::BridgeLegs { .. }
            | Action::RecordWith { .. }
            | Action::CloseLeg { .. }
            | Action::PauseRecording { .. }
            | Action::BecomeCaller { .. }
            | Action::Hear { .. } => {}
            Action::TakeMessage { .. } => {
                self.later(at, MESSAGE_MS, Event::Quiet { leg: CALLER, spoke: true });
            }
        }
    }

    /// The keys a caller presses behind a prompt: those it is told, or those it knows.
    fn press(&mut self, call: &Call, sound: &Sound, mut at: Mono) {
        let Sound::Prompt(prompt) = sound else { return };
        let told = prompt.strip_prefix("press_").filter(|_| !call.is_asked_by_a_step());
        if !call.is_asking() {
            return;
        }
        let keys = match told {
            Some(told) => told,
            None => {
                self.asked += 1;
                self.answers.keys.get(self.asked - 1).map_or("", String::as_str)
            }
        };
        for key in keys.bytes() {
            self.due.push((at, Event::Digit { leg: CALLER, digit: Key(key) }));
            at = at + KEY_MS;
        }
    }

    fn ring(&mut self, call: &Call, leg: super::LegNo, at: Mono) {
        let destination = call.destination_of(leg);
        let named = |list: &[String]| {
            list.iter().any(|one| **one == *destination.name || **one == *destination.number)
        };
        let failed = |outcome, status| Event::LegFailed { leg, outcome, status, q850: None };
        if named(&self.answers.busy) {
            return self.later(at, ROUND_TRIP_MS, failed(LegOutcome::Busy, 486));
        }
        self.later(at, ROUND_TRIP_MS, Event::Rang { leg });
        if named(&self.answers.rejects) {
            self.later(at, ANSWER_MS, failed(LegOutcome::Rejected, 603));
        } else if !named(&self.answers.no_answer) {
            self.later(at, ANSWER_MS, Event::LegAnswered { leg });
        }
    }

    fn later(&mut self, at: Mono, ms: u64, event: Event) {
        self.due.push((at + ms, event));
    }

    /// The next thing to happen: an event of the far ends or a deadline of the call.
    fn next(&mut self, timeout: Option<Mono>) -> Option<(Mono, Event)> {
        let first = (0..self.due.len()).min_by_key(|place| self.due[*place].0);
        match (first, timeout) {
            (Some(place), timeout) if timeout.is_none_or(|at| self.due[place].0 <= at) => {
                Some(self.due.remove(place))
            }
            (_, Some(at)) => Some((at, Event::Timeout)),
            (_, None) => None,
        }
    }
}
