//! A flow as people write it: steps with an id, a kind, parameters and named exits, and saved cases of what it must do.
//! Values only; [`super::compile`] lays them out as steps of [`crate::flow`], which calls walk.

use crate::queue::Scene;
use serde::{Deserialize, Serialize};

use super::{FlowCallback, FlowHttp, NamedCode, Ringback, Satisfaction, ShareMode};

/// Where an exit leads beside a step's id: back to the flow that called this one, and to the end where none did.
pub const RETURN: &str = "@return";

/// Steps of one flow.
pub const FLOW_STEPS_MAX: usize = 500;

/// A step's id, or [`RETURN`].
pub type Exit = String;

/// One flow at one version (row I08).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowDocument {
    /// Its name within the enterprise.
    pub name: String,
    /// Which publication of it this is, counted from 1; 0 for one that was never published.
    #[serde(default)]
    pub version: u32,
    /// The step a call begins at.
    pub start: String,
    /// Its steps, at most [`FLOW_STEPS_MAX`].
    pub steps: Vec<FlowStep>,
    /// What has to come out before it is published (row R26).
    #[serde(default)]
    pub tests: Vec<FlowTest>,
}

impl FlowDocument {
    /// Whether it does the same as another, whichever versions they are.
    pub fn says_the_same(&self, other: &Self) -> bool {
        let Self { name, version: _, start, steps, tests } = self;
        (name, start, steps, tests) == (&other.name, &other.start, &other.steps, &other.tests)
    }
}

/// One step of a flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowStep {
    /// Its id, unique within the flow; the record names it.
    pub id: String,
    /// What it does.
    pub kind: FlowStepKind,
}

/// What a step does and where it leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the variant's line names its fields")]
pub enum FlowStepKind {
    /// Play a prompt, after our 200 if it says so.
    Play { prompt: String, answer: bool, next: Exit },
    /// Ask the caller for keys.
    Ask(Box<FlowAsk>),
    /// Give a variable a value.
    Set { variable: String, to: Operand, next: Exit },
    /// Does a variable or a fact of the caller match?
    Condition { of: Operand, is: Vec<String>, begins: Vec<String>, yes: Exit, no: Exit },
    /// Is the named schedule open?
    Hours { schedule: String, open: Exit, closed: Exit },
    /// Is the caller in the named set of regions?
    Region { regions: String, inside: Exit, outside: Exit },
    /// Is the caller on the named list?
    Callers { callers: String, listed: Exit, other: Exit },
    /// Deal calls by whole percents that sum to 100; each share leads where it says.
    Percentage {
        mode: ShareMode,
        #[serde(default)]
        sticky: Sticky,
        shares: Vec<FlowShare>,
    },
    /// Dial a group or bound number; without exits the number's final treatment follows when nobody was found.
    /// `after` is where the flow goes on once who answered hung up, `ringback` what is heard meanwhile if that is the
    /// step's own (row I04).
    Dial {
        target: String,
        busy: Option<Exit>,
        no_answer: Option<Exit>,
        #[serde(default)]
        after: Option<Exit>,
        #[serde(default)]
        ringback: Option<Ringback>,
    },
    /// Walk another flow; where it returns, go on.
    Flow { flow: String, next: Option<Exit> },
    /// End the call, with a prompt before it if one is named.
    HangUp { prompt: Option<String> },
    /// End the call with a bare busy tone.
    Busy,
    /// Wait for an agent (row Q02).
    Queue(Box<FlowQueue>),
    /// Play a notice to its end (row I07).
    Notice { prompt: String, what: NoticeOf, answer: bool, next: Exit },
    /// Take a message (row V06); without an exit the call ends behind it.
    Voicemail { prompt: String, seconds_max: u16, silence_s: u8, next: Option<Exit> },
    /// Have a message sent; to the caller's mobile unless somebody is named.
    Sms { to: Option<String>, text: String, next: Exit },
    /// Ask what the talk was worth (row Q07); without an exit the call ends behind it.
    Satisfaction { asks: Box<Satisfaction>, next: Option<Exit> },
    /// Ask a server outside (row I12).
    Http(Box<FlowHttp>),
    /// Take a request for a callback (row Q15).
    Callback(Box<FlowCallback>),
}

impl FlowStepKind {
    /// The word of its kind in a document.
    pub fn word(&self) -> &'static str {
        match self {
            FlowStepKind::Play { .. } => "play",
            FlowStepKind::Ask(ask) => ask.kind.word(),
            FlowStepKind::Set { .. } => "set",
            FlowStepKind::Condition { .. } => "condition",
            FlowStepKind::Hours { .. } => "hours",
            FlowStepKind::Region { .. } => "region",
            FlowStepKind::Callers { .. } => "callers",
            FlowStepKind::Percentage { .. } => "percentage",
            FlowStepKind::Dial { .. } => "dial",
            FlowStepKind::Flow { .. } => "flow",
            FlowStepKind::HangUp { .. } => "hang_up",
            FlowStepKind::Busy => "busy",
            FlowStepKind::Queue(_) => "queue",
            FlowStepKind::Notice { .. } => "notice",
            FlowStepKind::Voicemail { .. } => "voicemail",
            FlowStepKind::Sms { .. } => "sms",
            FlowStepKind::Satisfaction { .. } => "satisfaction",
            FlowStepKind::Http(_) => "http",
            FlowStepKind::Callback(_) => "callback",
        }
    }

    /// Every exit, with whether the caller's own keys lead there.
    pub fn exits(&self) -> Vec<(&str, bool)> {
        match self {
            FlowStepKind::Play { next, .. }
            | FlowStepKind::Set { next, .. }
            | FlowStepKind::Notice { next, .. }
            | FlowStepKind::Sms { next, .. } => vec![(next, false)],
            FlowStepKind::Ask(ask) => ask.exits(),
            FlowStepKind::Condition { yes, no, .. } => vec![(yes, false), (no, false)],
            FlowStepKind::Hours { open, closed, .. } => vec![(open, false), (closed, false)],
            FlowStepKind::Region { inside, outside, .. } => vec![(inside, false), (outside, false)],
            FlowStepKind::Callers { listed, other, .. } => vec![(listed, false), (other, false)],
            FlowStepKind::Percentage { shares, .. } => {
                shares.iter().map(|share| (share.exit.as_str(), false)).collect()
            }
            FlowStepKind::Dial { busy, no_answer, after, .. } => some(&[busy, no_answer, after]),
            FlowStepKind::Flow { next, .. }
            | FlowStepKind::Voicemail { next, .. }
            | FlowStepKind::Satisfaction { next, .. } => some(&[next]),
            FlowStepKind::Queue(queue) => queue.exits(),
            FlowStepKind::Http(http) => http.exits(),
            FlowStepKind::Callback(callback) => {
                let next = callback.next.iter().chain([&callback.failed]);
                next.map(|exit| (exit.as_str(), false)).collect()
            }
            FlowStepKind::HangUp { .. } | FlowStepKind::Busy => Vec::new(),
        }
    }
}

/// Those exits that are there, none of them by a key.
fn some<'e>(exits: &[&'e Option<Exit>]) -> Vec<(&'e str, bool)> {
    exits.iter().filter_map(|exit| Some((exit.as_deref()?, false))).collect()
}

/// Of what a notice tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeOf {
    /// That the call is recorded: it counts as the notice before the recording, once a call.
    Recording,
    /// Of a crisis: played only while one holds (row R22).
    Crisis,
}

/// A wait for an agent with its ways out (rows Q02, Q18, I16).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowQueue {
    /// The queue.
    pub queue: String,
    /// Whether it is served day and night, so that no step has to ask for the hours before it.
    pub around_the_clock: bool,
    /// As many wait as may.
    pub full: Exit,
    /// Nobody who counts is there; also where nobody is left, unless `left_empty` is named.
    pub empty: Exit,
    /// Nobody who counts was left while it waited.
    pub left_empty: Option<Exit>,
    /// The longest wait is over.
    pub timeout: Exit,
    /// Keys of who waits and where they lead, in the document's order.
    pub keys: Vec<(String, Exit)>,
    /// Who answered hung up; without it the call ends, or the queue asks what the talk was worth.
    #[serde(default)]
    pub after: Option<Exit>,
    /// A limit of the queue is passed (row R33); as `full` unless named.
    #[serde(default)]
    pub spill: Option<Exit>,
}

impl FlowQueue {
    fn exits(&self) -> Vec<(&str, bool)> {
        let quiet = [&self.full, &self.empty, &self.timeout];
        let quiet = quiet.into_iter().chain(&self.left_empty).chain(&self.after).chain(&self.spill);
        let keys = self.keys.iter().map(|(_, exit)| (exit.as_str(), true));
        quiet.map(|exit| (exit.as_str(), false)).chain(keys).collect()
    }
}

/// Who keeps the share that was dealt once (row I10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sticky {
    /// Nobody: each call is dealt anew.
    #[default]
    Nobody,
    /// The caller, as long as the step and its shares are the same; nothing is stored for it. Who withholds the number is dealt
    /// by the mode.
    Caller,
}

/// One share of a deal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowShare {
    /// Its name, which is its exit's.
    pub name: String,
    /// 1 to 100.
    pub percent: u8,
    /// Where it leads.
    pub exit: Exit,
}

/// A value of a step: a text, a variable or a fact of the caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operand {
    /// This text.
    Text(String),
    /// What the variable holds; nothing until it was set.
    Variable(String),
    /// What is known of the caller.
    Fact(CallerFact),
}

/// What is known of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallerFact {
    /// The number in national form, empty when withheld.
    Caller,
    /// Without its suffix, such as `广东`.
    Province,
    /// Without its suffix, such as `深圳`.
    City,
    /// With its leading zero, such as `0755`.
    AreaCode,
}

impl CallerFact {
    /// Its word in a document.
    pub fn word(self) -> &'static str {
        match self {
            CallerFact::Caller => "caller",
            CallerFact::Province => "province",
            CallerFact::City => "city",
            CallerFact::AreaCode => "area_code",
        }
    }
}

/// What is asked of a caller (rows I01, I11, R21, B04).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowAsk {
    /// What for.
    pub kind: AskKind,
    /// The prompt that asks.
    pub prompt: String,
    /// Played before it is asked again after keys that were wrong.
    pub wrong_prompt: Option<String>,
    /// Played before it is asked again after no key came.
    pub timeout_prompt: Option<String>,
    /// How often it is asked at most.
    pub tries: u8,
    /// How long the first key may take after the prompt, seconds.
    pub timeout_s: u8,
    /// How long each further key may take, seconds.
    pub key_s: u8,
    /// Whether a key cuts the prompt; else keys count behind it only.
    pub barge_in: bool,
    /// Whether `*` goes back to the menu before, where no exit has that key.
    pub back: bool,
    /// Whether `#` says the prompt again, where no exit has that key.
    pub repeat: bool,
    /// Keys or extension numbers and where they lead, in the document's order.
    pub keys: Vec<(String, Exit)>,
    /// What may be given, for [`AskKind::Password`].
    pub passwords: Vec<NamedCode>,
    /// The least and the most digits, for [`AskKind::Digits`].
    pub digits: (u8, u8),
    /// The variable that keeps what was pressed.
    pub variable: Option<String>,
    /// Whether what was pressed is in no log and no record.
    pub secret: bool,
    /// Where right digits or the right password lead; menus and extensions have `keys`.
    pub next: Option<Exit>,
    /// Where the last try leads if no key came.
    pub timeout: Exit,
    /// Where the last try leads if its keys were wrong.
    pub wrong: Exit,
}

impl FlowAsk {
    /// A question with all terms at their usual values and no way on but its default exit.
    pub fn new(kind: AskKind, prompt: &str, default: &str) -> Self {
        Self {
            kind,
            prompt: prompt.to_owned(),
            wrong_prompt: None,
            timeout_prompt: None,
            tries: 3,
            timeout_s: 8,
            key_s: 5,
            barge_in: true,
            back: true,
            repeat: true,
            keys: Vec::new(),
            passwords: Vec::new(),
            digits: (1, 20),
            variable: None,
            secret: matches!(kind, AskKind::Digits | AskKind::Password),
            next: None,
            timeout: default.to_owned(),
            wrong: default.to_owned(),
        }
    }

    fn exits(&self) -> Vec<(&str, bool)> {
        let keys = self.keys.iter().map(|(_, exit)| (exit.as_str(), true));
        let next = self.next.iter().map(|exit| (exit.as_str(), true));
        keys.chain(next).chain([(self.timeout.as_str(), false), (self.wrong.as_str(), true)]).collect()
    }
}

/// What keys are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskKind {
    /// One key of a menu.
    Menu,
    /// Digits, kept in a variable.
    Digits,
    /// One of a list of extension numbers (row R21).
    Extension,
    /// One of a list of passwords.
    Password,
}

impl AskKind {
    /// The word of the kind in a document.
    pub fn word(self) -> &'static str {
        match self {
            AskKind::Menu => "menu",
            AskKind::Digits => "collect",
            AskKind::Extension => "extension",
            AskKind::Password => "password",
        }
    }
}

/// A saved case: a call as typed in, and what has to become of it (row R26).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowTest {
    /// Its name.
    pub name: String,
    /// The caller, as a trunk would write it.
    pub from: String,
    /// When, in Beijing.
    pub at: String,
    /// What the caller presses at one question after the other; an empty text presses nothing.
    pub keys: Vec<String>,
    /// Bound numbers that are busy, by name.
    pub busy: Vec<String>,
    /// Bound numbers that ring and do not answer.
    pub no_answer: Vec<String>,
    /// Bound numbers that reject.
    pub rejects: Vec<String>,
    /// What servers outside answer at one request after the other: `200,data.level=gold`, or `error`.
    #[serde(default)]
    pub http: Vec<String>,
    /// What agents are doing, and who waits before the caller.
    #[serde(default)]
    pub scene: Scene,
    /// What has to become of it.
    pub expect: Expectation,
}

/// What has to become of a saved case; what is not said may be anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectation {
    /// The steps walked, by id, those of sub-flows as `flow/id`; empty for any.
    pub path: Vec<String>,
    /// The bound number that answers, by name.
    pub answered_by: Option<String>,
    /// The cause of the end, by its code.
    pub cause: Option<String>,
}
