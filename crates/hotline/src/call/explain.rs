//! A call without a call: the same engine with a typed-in caller, time and answers of the targets. What it prints is
//! the log a real call would have kept (rows R25, R26).

use std::collections::BTreeSet;

use super::confirming::CONFIRM_PROMPT;
use super::{Action, Arrival, CALLER, Call, Dated, Desk, Event, Key, Sound};
use crate::agent::Refusal;
use crate::cdr::LegOutcome;
use crate::flow::{Fetched, NoAnswer, Request};
use crate::queue::{AgentNo, Floor, Scene, Told, Unstaged};
use crate::{CallId, Mono, Now, Wall};

/// How bound numbers and agents' phones answer in a dry run; whoever is not named answers after 3 s. An agent is named by its
/// number or its name.
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
    /// What agents are doing, and who waits before the caller.
    pub scene: Scene,
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

/// Runs a call to its end and returns its log. The tenant in `desk` should be a copy: it changes as a real one would. Others who
/// wait are served as they come, a talk of a minute each.
///
/// # Errors
/// The floor cannot be set up as typed in.
pub fn explain(
    arrival: Arrival,
    answers: &Answers,
    desk: &mut Desk<'_>,
    now: Now,
) -> Result<Vec<Dated>, Unstaged> {
    let others = set_up(&arrival, &answers.scene, desk, now)?;
    let mut world = World { due: Vec::new(), answers, asked: 0, fetched: 0, others };
    let mut at = now.mono;
    let mut call = Call::begin(arrival, desk, now);
    loop {
        while let Some(action) = call.poll_action() {
            world.answer(&call, action, at);
        }
        if let Some(told) = world.told(&call, desk, at) {
            call.handle(Event::Queue(told), desk, both(now, at));
            continue;
        }
        let floor = desk.tenant.floor().and_then(Floor::next_timeout).filter(|_| call.is_waiting());
        let timeout = call.next_timeout().into_iter().chain(floor).min();
        let Some((due, next)) = world.next(timeout) else { break };
        at = at.max(due);
        if let Some(floor) = desk.tenant.known_floor_mut() {
            floor.handle_timeout(both(now, at));
        }
        match next {
            Next::Call(event) => call.handle(event, desk, both(now, at)),
            Next::Other(other) => world.of_another(&other, desk, both(now, at)),
        }
    }
    Ok(call.log().to_vec())
}

/// An instant of a dry run that began at `begun`.
fn both(begun: Now, at: Mono) -> Now {
    Now { mono: at, wall: Wall(begun.wall.0 + at.since_ms(begun.mono) as i64) }
}

/// Sets up the floor; the calls that wait on it.
fn set_up(
    arrival: &Arrival,
    scene: &Scene,
    desk: &mut Desk<'_>,
    now: Now,
) -> Result<BTreeSet<CallId>, Unstaged> {
    if scene.is_empty() {
        return Ok(BTreeSet::new());
    }
    let floor = desk.tenant.floor_mut();
    if let Some(staff) = &arrival.hotline.staff {
        floor.take_staff(staff, now);
    }
    floor.stage(scene, now)
}

/// The far ends of a dry run: what will happen, and when.
struct World<'a> {
    due: Vec<(Mono, Next)>,
    answers: &'a Answers,
    /// Questions asked so far.
    asked: usize,
    /// Requests made so far.
    fetched: usize,
    /// Those who were set up to wait.
    others: BTreeSet<CallId>,
}

/// What happens next.
#[derive(Debug)]
enum Next {
    /// To the call.
    Call(Event),
    /// To one of those who wait beside it.
    Other(Other),
}

/// What happens to another who waits.
#[derive(Debug)]
enum Other {
    /// An agent answers.
    Answered { call: CallId, agent: AgentNo },
    /// An agent does not.
    Refused { call: CallId, agent: AgentNo, how: Refusal },
    /// The talk is over.
    Over { call: CallId, agent: AgentNo },
}

impl World<'_> {
    /// What the floor tells this call. Whom else it tells something is answered if it was set up to wait; what it tells others is
    /// theirs.
    fn told(&mut self, call: &Call, desk: &mut Desk<'_>, at: Mono) -> Option<Told> {
        let floor = desk.tenant.known_floor_mut()?;
        while let Some((of, told)) = floor.poll() {
            match told {
                told if of == call.id() => return Some(told),
                Told::Offer { agent } if self.others.contains(&of) => self.offered(of, agent, floor, at),
                Told::Offer { .. } | Told::Relaxed { .. } | Told::Empty | Told::Withdrawn => {}
            }
        }
        None
    }

    /// Another who waits is offered to an agent, whose phone does as typed in.
    fn offered(&mut self, call: CallId, agent: AgentNo, floor: &Floor, at: Mono) {
        const RING_MS: u64 = 20_000;
        let Some((rules, _)) = floor.agent(agent) else { return };
        let named = [&*rules.number, &*rules.name];
        let is = |list: &[String]| list.iter().any(|one| named.contains(&one.as_str()));
        let (ms, other) = if is(&self.answers.busy) {
            (ROUND_TRIP_MS, Other::Refused { call, agent, how: Refusal::Busy })
        } else if is(&self.answers.rejects) {
            (ANSWER_MS, Other::Refused { call, agent, how: Refusal::Rejected })
        } else if is(&self.answers.no_answer) {
            (RING_MS, Other::Refused { call, agent, how: Refusal::Missed })
        } else {
            (ANSWER_MS, Other::Answered { call, agent })
        };
        self.due.push((at + ms, Next::Other(other)));
    }

    fn of_another(&mut self, other: &Other, desk: &mut Desk<'_>, now: Now) {
        let Some(floor) = desk.tenant.known_floor_mut() else { return };
        match *other {
            Other::Refused { call, agent, how } => _ = floor.refused(call, agent, how, now),
            // Another agent may have been faster, where all ring.
            Other::Answered { call, agent } if self.others.remove(&call) => {
                floor.answered(call, agent, now);
                self.due.push((now.mono + TALK_MS, Next::Other(Other::Over { call, agent })));
            }
            Other::Answered { .. } => {}
            Other::Over { call, agent } => floor.over_of(call, agent, now),
        }
    }

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
                let of_it = |next: &Next| matches!(next, Next::Call(Event::Rang { leg: own } | Event::LegAnswered { leg: own }) if *own == leg);
                self.due.retain(|(_, next)| !of_it(next));
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
            self.due.push((at, Next::Call(Event::Digit { leg: CALLER, digit: Key(key) })));
            at = at + KEY_MS;
        }
    }

    fn ring(&mut self, call: &Call, leg: super::LegNo, at: Mono) {
        let destination = call.destination_of(leg);
        let agent = call.offered_on(leg);
        let is = |one: &str| [&*destination.name, &*destination.number].contains(&one) || agent == Some(one);
        let named = |list: &[String]| list.iter().any(|one| is(one));
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
        self.due.push((at + ms, Next::Call(event)));
    }

    /// The next thing to happen: an event of the far ends or a deadline of the call.
    fn next(&mut self, timeout: Option<Mono>) -> Option<(Mono, Next)> {
        // Those beside it go on for the call's sake alone.
        if timeout.is_none() && !self.due.iter().any(|(_, next)| matches!(next, Next::Call(_))) {
            return None;
        }
        let first = (0..self.due.len()).min_by_key(|place| self.due[*place].0);
        match (first, timeout) {
            (Some(place), timeout) if timeout.is_none_or(|at| self.due[place].0 <= at) => {
                Some(self.due.remove(place))
            }
            (_, Some(at)) => Some((at, Next::Call(Event::Timeout))),
            (_, None) => None,
        }
    }
}
