//! The graph of steps a call walks, and one walk through it. A number's rules compile to a flow, and calls walk only
//! flows: one engine, now and later. A walk asks for nothing and changes nothing but the shares it deals.

mod ask;
mod http;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::barring::{CallerPatterns, Standing};
use crate::calendar::{HolidayYears, Schedule};
use crate::enterprise::{AskKind, NoticeOf, ShareMode, Sticky};
use crate::message::Address;
use crate::region::{Region, RegionSet};
use crate::satisfaction::Survey;
use crate::tenant::Deals;
use crate::{Hotline, Short, Span, Wall, Word};

pub use ask::{Ask, Match, RequestStep, Slots, Source, Voicemail};
pub use http::{
    Fetched, HttpStep, Method, NoAnswer, Part, Piece, REQUESTS_MAX, Request, Template, VALUE_MAX,
};
pub(crate) use http::{Known, json};

/// A step's place in its flow.
pub type StepNo = u16;

/// Shares are whole percents above zero: there are no more than this.
const SHARES_MAX: usize = 100;

/// A walk longer than this is a dead loop, whatever the graph says.
const STEPS_MAX: usize = 256;

/// The steps of a number; the walk begins at the first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    /// The steps.
    pub steps: Box<[Step]>,
}

/// One step with the sentence it came from, in 64 bytes that lie at 64s: a walk reads a cache line for a step. Its
/// names lie in [`Hotline::words`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[repr(align(64))]
pub struct Step {
    /// The rule it was compiled from, for the Why.
    pub rule: Span,
    /// What it does.
    pub kind: StepKind,
}

impl Step {
    /// See [`Hotline::glance`].
    pub(crate) fn glance(&self) -> usize {
        match &self.kind {
            StepKind::Hours { schedule, .. } => schedule.weekly.glance(),
            StepKind::Region { set, .. } => set.glance(),
            StepKind::Caller { list, .. } => usize::from(list.is_empty()),
            StepKind::Percentage { shares, .. } => shares.len(),
            StepKind::DialGroup { group } => usize::from(*group),
            StepKind::Play { .. }
            | StepKind::HangUp { .. }
            | StepKind::Busy
            | StepKind::Password { .. }
            | StepKind::Challenge { .. }
            | StepKind::Set { .. }
            | StepKind::SubFlow { .. }
            | StepKind::Notice { .. }
            | StepKind::Voicemail { .. }
            | StepKind::Sms { .. }
            | StepKind::Rate { .. }
            | StepKind::Http { .. }
            | StepKind::Callback { .. } => 0,
            StepKind::Queue { exits, .. } => exits.keys.len(),
            StepKind::Ask { ask } => ask.choices.len(),
            StepKind::Compare { matching, .. } => matching.is.len(),
            StepKind::Reach { group, .. } => usize::from(*group),
        }
    }
}

/// What a step does and where it leads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the variant's line names its fields")]
pub enum StepKind {
    /// Is the schedule open at the call's wall time?
    Hours { name: Span, schedule: Box<Schedule>, open: StepNo, closed: StepNo },
    /// Is the caller in the set?
    Region { name: Span, set: RegionSet, inside: StepNo, outside: StepNo },
    /// Is the caller on the list?
    Caller { name: Span, list: CallerPatterns, listed: StepNo, other: StepNo },
    /// Deal the call by percents.
    Percentage { mode: ShareMode, sticky: Sticky, shares: Short<(u8, StepNo), 8> },
    /// Play a prompt.
    Play { prompt: Span, answer: bool, next: StepNo },
    /// Ask `routing` for a group (its place), then the number's forwards.
    DialGroup { group: u8 },
    /// End the call.
    HangUp { prompt: Option<Span> },
    /// End the call with a bare busy tone.
    Busy,
    /// Answer and ask for one of the number's passwords, unless the caller is on the white list (rows B03, B04).
    Password { next: StepNo },
    /// Answer and have a suspect press a key (row B12).
    Challenge { next: StepNo },
    /// Ask the caller for keys (row I01).
    Ask { ask: Box<Ask> },
    /// Have a variable hold a value.
    Set { name: Span, slot: u8, to: Source, next: StepNo },
    /// Does a value match?
    Compare { name: Span, matching: Box<Match>, yes: StepNo, no: StepNo },
    /// Dial a group; where nobody was found go on at these steps, or as the number's final treatment says.
    /// `after` follows once who answered hung up.
    Reach { group: u8, busy: Option<StepNo>, no_answer: Option<StepNo>, after: Option<StepNo> },
    /// Go into a flow; its steps follow.
    SubFlow { name: Span, next: StepNo },
    /// Wait for an agent (row Q02).
    Queue { queue: Span, exits: QueueExits },
    /// Play a notice to its end; `what` says which, and when.
    Notice { prompt: Span, what: NoticeOf, answer: bool, next: StepNo },
    /// Ask for a message and take it (row V06).
    Voicemail { voicemail: Box<Voicemail> },
    /// Have a message sent, to the caller unless somebody is named.
    Sms { to: Option<Span>, text: Span, next: StepNo },
    /// Ask what the talk was worth (row Q07); without `next` the call ends behind it.
    Rate { survey: Box<Survey>, next: Option<StepNo> },
    /// Ask a server outside (row I12).
    Http { http: Box<HttpStep> },
    /// Take a request for a callback (row Q15).
    Callback { request: Box<RequestStep> },
}

/// Where a call goes on that no agent of a queue took; where nothing is said it is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueExits {
    /// As many wait as may.
    pub full: Option<StepNo>,
    /// Nobody who counts is there (row Q18).
    pub empty: Option<StepNo>,
    /// The longest wait is over.
    pub timeout: Option<StepNo>,
    /// Nobody who counts was left while it waited.
    pub left_empty: Option<StepNo>,
    /// Keys that lead out of the queue; its place is kept (row I16).
    pub keys: Box<[(u8, StepNo)]>,
    /// Who answered hung up.
    pub after: Option<StepNo>,
    /// A limit of the queue is passed (row R33).
    pub spill: Option<StepNo>,
}

impl QueueExits {
    /// In the order full, empty, time-out.
    pub(crate) fn new([full, empty, timeout]: [Option<StepNo>; 3]) -> Self {
        Self { full, empty, timeout, left_empty: empty, keys: Box::default(), after: None, spill: full }
    }

    /// Where a key leads.
    pub(crate) fn by_key(&self, key: u8) -> Option<StepNo> {
        self.keys.iter().find(|(known, _)| *known == key).map(|(_, step)| *step)
    }
}

/// Why a step went where it went: values, so that a support person and a test read the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the variant's line names its fields")]
pub enum StepWhy {
    /// The schedule's verdict at the call's wall time.
    Hours { schedule: Word, open: bool, because: Cow<'static, str> },
    /// Whether the caller's region is in the set, and by which name.
    Region { set: Word, matched: Option<String> },
    /// Whether the caller is on the list, and by which pattern.
    Caller { list: Word, matched: Option<String> },
    /// Which share was dealt; closed ones were left out and the rest renormalised.
    Percentage { mode: ShareMode, dealt: u8, percents: Vec<u8>, closed: Vec<u8> },
    /// A prompt is played.
    Play { prompt: Word, answer: bool },
    /// A group is dialled.
    Dial { group: Word },
    /// The flow ends the call.
    HangUp { prompt: Option<Word> },
    /// The flow ends the call with a bare busy tone.
    Busy,
    /// A password is asked for; a caller on the white list is not asked.
    Password { asked: bool },
    /// A suspect has to press a key; others are not asked.
    Challenge { asked: bool },
    /// The caller is asked for keys.
    Ask { kind: AskKind },
    /// A variable holds a value; which is told nowhere.
    Set { variable: Word },
    /// Whether the value matched; what it was is told nowhere.
    Compare { of: Word, held: bool },
    /// A flow begins.
    SubFlow { flow: Word },
    /// A queue is joined.
    Queue { queue: Word },
    /// A notice is played, or not because there is no crisis.
    Notice { prompt: Word, played: bool },
    /// A message may be left.
    Voicemail,
    /// A short message is wanted; not where the caller has no mobile.
    Sms { to: Word, wanted: bool },
    /// The caller is asked what the talk was worth, if it may be.
    Rate,
    /// A server outside is asked.
    Http,
    /// The caller may ask to be called back.
    Callback,
    /// Which share the caller keeps (row I10); closed ones were left out.
    Kept { dealt: u8, percents: Vec<u8>, closed: Vec<u8> },
}

/// One step as walked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walked {
    /// The step's place.
    pub step: StepNo,
    /// The rule it came from.
    pub rule: Word,
    /// Why it went where it went.
    pub why: StepWhy,
}

/// Where a walk stops: something outside the flow has to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variant's line names its fields")]
pub enum Stop {
    /// Play this, then walk on from `next`.
    Play { prompt: Word, answer: bool, next: StepNo },
    /// Dial this group.
    Dial { group: u8 },
    /// End the call.
    HangUp { prompt: Option<Word> },
    /// End the call with a bare busy tone.
    Busy,
    /// Ask for a password, then walk on from `next`.
    Password { next: StepNo },
    /// Have the caller press a key, then walk on from `next`.
    Challenge { next: StepNo },
    /// Ask what the step at this place asks.
    Ask { step: StepNo },
    /// Dial this group; where nobody was found walk on from one of these, if there is one.
    /// `after` is where it goes on once who answered hung up.
    Reach { group: u8, busy: Option<StepNo>, no_answer: Option<StepNo>, after: Option<StepNo> },
    /// The graph loops or points outside itself; validation refuses such flows.
    Loop,
    /// Wait in this queue; the step at this place says so.
    Queue { queue: Word, exits: QueueExits, step: StepNo },
    /// Play this notice to its end, then walk on from `next`.
    Notice { prompt: Word, what: NoticeOf, answer: bool, next: StepNo },
    /// Take a message as the step at this place says.
    Voicemail { step: StepNo },
    /// Ask what the talk was worth, as the step at this place says.
    Rate { step: StepNo },
    /// Ask a server outside, as the step at this place says.
    Http { step: StepNo },
    /// Take a request for a callback, as the step at this place says.
    Callback { step: StepNo },
}

/// What a walk may look at.
pub struct Inputs<'a> {
    /// The number's rules.
    pub hotline: &'a Hotline,
    /// The caller in national form, empty when withheld.
    pub caller: &'a str,
    /// Where the caller is.
    pub region: &'a Region,
    /// The call's wall time.
    pub at: Wall,
    /// The holidays in force.
    pub years: &'a HolidayYears,
    /// The call's own source of chance.
    pub chance: &'a mut Chance,
    /// How the caller passed the bars.
    pub standing: &'a Standing,
    /// What the call's variables hold.
    pub slots: &'a mut Slots,
}

/// A small generator for a call's random choices; its seed is in the call's log, so that any call replays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chance(u64);

impl Chance {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits (SplitMix64).
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A whole number below `bound`, which is at least 1; the bias of 64 bits is below any count of calls.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.draw()) * u128::from(bound)) >> 64) as u64
    }
}

/// Walks from `from` until something outside has to happen. `walked` receives each step with its reason.
pub fn walk(inputs: &mut Inputs<'_>, deals: &mut Deals, from: StepNo, walked: &mut Vec<Walked>) -> Stop {
    let hotline = inputs.hotline;
    std::hint::black_box(hotline.glance());
    let mut place = from;
    for _ in 0..STEPS_MAX {
        let Some(step) = hotline.flow.steps.get(usize::from(place)) else { return Stop::Loop };
        let (why, turn) = take(step, place, inputs, deals);
        walked.push(Walked { step: place, rule: hotline.words.word(step.rule), why });
        match turn {
            Turn::Next(next) => place = next,
            Turn::Stop(stop) => return stop,
        }
    }
    Stop::Loop
}

enum Turn {
    Next(StepNo),
    Stop(Stop),
}

fn take(step: &Step, place: StepNo, inputs: &mut Inputs<'_>, deals: &mut Deals) -> (StepWhy, Turn) {
    let word = |span: &Span| inputs.hotline.words.word(*span);
    match &step.kind {
        StepKind::Hours { name, schedule, open, closed } => {
            let verdict = schedule.at(inputs.at.beijing(), inputs.years);
            let next = if verdict.open { *open } else { *closed };
            let because = verdict.why.words();
            (StepWhy::Hours { schedule: word(name), open: verdict.open, because }, Turn::Next(next))
        }
        StepKind::Region { name, set, inside, outside } => {
            let matched = set.contains(inputs.region, inputs.caller).map(str::to_owned);
            let next = if matched.is_some() { *inside } else { *outside };
            (StepWhy::Region { set: word(name), matched }, Turn::Next(next))
        }
        StepKind::Caller { name, list, listed, other } => {
            let matched = list.matching(inputs.caller);
            let next = if matched.is_some() { *listed } else { *other };
            (StepWhy::Caller { list: word(name), matched }, Turn::Next(next))
        }
        StepKind::Percentage { mode, sticky, shares } => deal(place, (*mode, *sticky), shares, inputs, deals),
        StepKind::Play { prompt, answer, next } => (
            StepWhy::Play { prompt: word(prompt), answer: *answer },
            Turn::Stop(Stop::Play { prompt: word(prompt), answer: *answer, next: *next }),
        ),
        StepKind::DialGroup { group } => {
            let name = inputs.hotline.group_name(*group);
            (StepWhy::Dial { group: name }, Turn::Stop(Stop::Dial { group: *group }))
        }
        StepKind::HangUp { prompt } => {
            let prompt = prompt.as_ref().map(word);
            (StepWhy::HangUp { prompt: prompt.clone() }, Turn::Stop(Stop::HangUp { prompt }))
        }
        StepKind::Busy => (StepWhy::Busy, Turn::Stop(Stop::Busy)),
        StepKind::Password { next } => {
            let asked = inputs.standing.allowed.is_none();
            let turn = if asked { Turn::Stop(Stop::Password { next: *next }) } else { Turn::Next(*next) };
            (StepWhy::Password { asked }, turn)
        }
        StepKind::Challenge { next } => {
            let asked = inputs.standing.suspicion.as_ref().is_some_and(|suspicion| suspicion.challenge);
            let turn = if asked { Turn::Stop(Stop::Challenge { next: *next }) } else { Turn::Next(*next) };
            (StepWhy::Challenge { asked }, turn)
        }
        StepKind::Ask { ask } => (StepWhy::Ask { kind: ask.kind }, Turn::Stop(Stop::Ask { step: place })),
        StepKind::Set { name, slot, to, next } => {
            let value = to.read(&inputs.hotline.words, inputs.slots, inputs.caller, inputs.region).to_owned();
            let variable = word(name);
            inputs.slots.put(*slot, value);
            (StepWhy::Set { variable }, Turn::Next(*next))
        }
        StepKind::Compare { name, matching, yes, no } => {
            let words = &inputs.hotline.words;
            let held =
                matching.holds(words, matching.of.read(words, inputs.slots, inputs.caller, inputs.region));
            (StepWhy::Compare { of: word(name), held }, Turn::Next(if held { *yes } else { *no }))
        }
        StepKind::Reach { group, busy, no_answer, after } => {
            let why = StepWhy::Dial { group: inputs.hotline.group_name(*group) };
            let (busy, no_answer, after) = (*busy, *no_answer, *after);
            (why, Turn::Stop(Stop::Reach { group: *group, busy, no_answer, after }))
        }
        StepKind::SubFlow { name, next } => (StepWhy::SubFlow { flow: word(name) }, Turn::Next(*next)),
        StepKind::Queue { queue, exits } => {
            let queue = word(queue);
            let why = StepWhy::Queue { queue: queue.clone() };
            (why, Turn::Stop(Stop::Queue { queue, exits: exits.clone(), step: place }))
        }
        StepKind::Voicemail { .. } => (StepWhy::Voicemail, Turn::Stop(Stop::Voicemail { step: place })),
        StepKind::Callback { .. } => (StepWhy::Callback, Turn::Stop(Stop::Callback { step: place })),
        StepKind::Http { .. } => (StepWhy::Http, Turn::Stop(Stop::Http { step: place })),
        StepKind::Rate { .. } => (StepWhy::Rate, Turn::Stop(Stop::Rate { step: place })),
        StepKind::Sms { to, next, .. } => {
            let to = to.as_ref().map_or_else(|| Word::from(inputs.caller), word);
            let wanted = Address::parse(&to).is_some();
            (StepWhy::Sms { to, wanted }, Turn::Next(*next))
        }
        StepKind::Notice { prompt, what, answer, next } => {
            let prompt = word(prompt);
            let played = match what {
                NoticeOf::Recording => true,
                NoticeOf::Crisis => inputs.hotline.is_in_crisis(inputs.at),
            };
            let why = StepWhy::Notice { prompt: prompt.clone(), played };
            let stop = Stop::Notice { prompt, what: *what, answer: *answer, next: *next };
            (why, if played { Turn::Stop(stop) } else { Turn::Next(*next) })
        }
    }
}

/// Deals one call by percents. A share whose target is closed (every member off or off duty) is left out, and the others keep
/// their proportion; with all closed the deal ignores it, so that the call ends for the right reason.
fn deal(
    place: StepNo,
    (mode, sticky): (ShareMode, Sticky),
    shares: &[(u8, StepNo)],
    inputs: &mut Inputs<'_>,
    deals: &mut Deals,
) -> (StepWhy, Turn) {
    let mut weights = [0; SHARES_MAX];
    let weights = &mut weights[..shares.len().min(SHARES_MAX)];
    let mut closed = Vec::new();
    for (place, (weight, (percent, next))) in weights.iter_mut().zip(shares).enumerate() {
        match target_is_open(inputs, *next) {
            true if *percent > 0 => *weight = i32::from(*percent),
            _ => closed.push(place as u8),
        }
    }
    if closed.len() == shares.len() {
        weights.iter_mut().zip(shares).for_each(|(weight, (percent, _))| *weight = i32::from(*percent));
    }
    let percents: Vec<u8> = shares.iter().map(|(percent, _)| *percent).collect();
    let next = |dealt: usize| shares.get(dealt).map_or(StepNo::MAX, |(_, next)| *next);
    if sticky == Sticky::Caller && !inputs.caller.is_empty() {
        let dealt = kept_share(place, &percents, weights, inputs);
        return (StepWhy::Kept { dealt: dealt as u8, percents, closed }, Turn::Next(next(dealt)));
    }
    let dealt = match mode {
        ShareMode::Exact => deals.next(inputs.hotline.number, place, weights),
        ShareMode::Random => by_chance(weights, inputs.chance),
    };
    (StepWhy::Percentage { mode, dealt: dealt as u8, percents, closed }, Turn::Next(next(dealt)))
}

/// The share that a caller keeps: drawn by a generator whose seed is a hash of flow, step, shares and caller, so that it is the
/// same after a restart and on another node, and nobody else's changes with it. Where it is closed the next draw is among the
/// others: only its own callers go elsewhere, and come back.
fn kept_share(place: StepNo, percents: &[u8], weights: &[i32], inputs: &Inputs<'_>) -> usize {
    let hotline = inputs.hotline;
    let mut hash = Fnv::new();
    match hotline.split(place) {
        Some(split) => {
            let names = [split.flow, split.step].into_iter().chain(split.arms.iter().copied());
            names.for_each(|name| hash.take(hotline.words.text(name).as_bytes()));
        }
        None => hash.take(&place.to_le_bytes()),
    }
    hash.take(percents);
    hash.take(inputs.caller.as_bytes());
    let mut draw = Chance::new(hash.0);
    let all: Vec<i32> = percents.iter().map(|percent| i32::from(*percent)).collect();
    let own = by_chance(&all, &mut draw);
    if weights.get(own).is_some_and(|weight| *weight > 0) { own } else { by_chance(weights, &mut draw) }
}

/// The hash FNV-1a in 64 bits, which is the same on every machine and in every version; parts end with an octet that no
/// text has.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn take(&mut self, part: &[u8]) {
        for octet in part.iter().chain(&[0xff]) {
            self.0 = (self.0 ^ u64::from(*octet)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

fn by_chance(weights: &[i32], chance: &mut Chance) -> usize {
    let total: i32 = weights.iter().sum();
    let mut draw = chance.below(total.max(1) as u64) as i32;
    for (place, weight) in weights.iter().enumerate() {
        if draw < *weight {
            return place;
        }
        draw -= weight;
    }
    0
}

fn target_is_open(inputs: &Inputs<'_>, step: StepNo) -> bool {
    let hotline = inputs.hotline;
    match hotline.flow.steps.get(usize::from(step)).map(|step| &step.kind) {
        Some(StepKind::DialGroup { group } | StepKind::Reach { group, .. }) => {
            let members = &hotline.groups[usize::from(*group)].members;
            members.iter().any(|place| hotline.is_on_duty(*place, inputs.at, inputs.years))
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_a_cache_line() {
        assert_eq!((size_of::<Step>(), align_of::<Step>()), (64, 64));
    }
}
