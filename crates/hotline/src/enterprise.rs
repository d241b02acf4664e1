//! An enterprise's whole configuration as people write it: numbers, bound numbers, rules, lists, limits, plan. One
//! readable document, validated here and compiled to [`Hotline`](crate::Hotline)s; YAML and JSON are the business of others.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::calendar::Schedule;
use crate::capacity::Capacity;
use crate::cdr::ChargingFrom;
use crate::consent::Consent;
use crate::shift::Shift;
use crate::{HotlineNumber, Money, PlanId, TenantId, Wall};

pub use crate::ledger::AccountKind;

pub use alarm::{Alarm, binding_changes};
pub use barring::{
    BARRED, Barring, BlockAnswer, BlockEntry, NamedCode, Nuisance, Password, RegionBarring, RegionMode,
    UnknownRegion,
};
pub use callback::FlowCallback;
pub use carrier::{Author, CarrierProfile, DESK_LINES_MAX};
pub use compile::{CRISIS, FINALLY, OTHERWISE, compile, compile_number};
pub use extension::{Extension, Phone, REALM, Refer, Secret, phone_user, phones};
pub use flow::{
    AskKind, CallerFact, Exit, Expectation, FLOW_STEPS_MAX, FlowAsk, FlowDocument, FlowQueue, FlowShare,
    FlowStep, FlowStepKind, FlowTest, NoticeOf, Operand, RETURN, Sticky,
};
pub use http::{FlowHttp, Json};
pub use read::{
    Allowed, BINDINGS_MAX, BindingLimits, Counted, FLOW_SHAPES, Fault, Field, Key, Language, Named, Problem,
    SHAPES, Shape, Tree, Value, Wanted, read, read_flow,
};
pub use satisfaction::Satisfaction;
pub use staff::{Agent, Announce, CallbackOffer, DialBack, Needs, Queue, SayAgent, SpillWhen, staff};
pub use tell::{Tell, TellOfCalls};
pub use write::{to_yaml, write, write_flow};

mod alarm;
mod barring;
mod callback;
mod carrier;
mod compile;
mod extension;
mod flow;
mod http;
mod read;
mod satisfaction;
mod staff;
mod tell;
mod write;

/// The document. Names inside it (destinations, groups, schedules) are unique within their list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Enterprise {
    /// The tenant's id, `[a-z0-9-]{2,32}`.
    pub id: TenantId,
    /// The enterprise's name, as on its licence.
    pub name: String,
    /// The sale plan of its calls.
    pub plan: PlanId,
    /// How it pays.
    pub account: AccountKind,
    /// What happens when the balance or a cap ends during a talk (FAULTS B3).
    pub balance_end: BalanceEnd,
    /// From which instant calls are charged (row F17).
    pub charging_from: ChargingFrom,
    /// Limits over all numbers of the enterprise.
    pub limits: Limits,
    /// Weekly hours that rules name.
    pub schedules: Vec<NamedSchedule>,
    /// Sets of regions that rules name.
    pub region_sets: Vec<NamedRegions>,
    /// Lists of callers that rules name.
    pub caller_lists: Vec<NamedCallers>,
    /// What stands in front of all numbers until its hour (row R22).
    #[serde(default)]
    pub crisis: Option<Crisis>,
    /// Whether a crisis needs a second person to begin.
    #[serde(default)]
    pub crisis_by_two: bool,
    /// What is odd enough to be told (row B11).
    #[serde(default)]
    pub alarm: Alarm,
    /// Since when no new calls are taken because something was odd; an import neither sets nor lifts it (row B11).
    #[serde(default)]
    pub frozen: Option<Wall>,
    /// Who is told of alerts and agents.
    #[serde(default)]
    pub tell: Tell,
    /// SIP phones that register here.
    #[serde(default)]
    pub extensions: Vec<Extension>,
    /// Flows that numbers name, each as last published (row I08).
    #[serde(default)]
    pub flows: Vec<FlowDocument>,
    /// What agents carry at once (row Q20).
    #[serde(default)]
    pub capacity: Capacity,
    /// When agents are to be at work (row Q26).
    #[serde(default)]
    pub shifts: Vec<Shift>,
    /// Who takes calls.
    #[serde(default)]
    pub agents: Vec<Agent>,
    /// Where callers wait for them.
    #[serde(default)]
    pub queues: Vec<Queue>,
    /// The 400 numbers.
    pub numbers: Vec<Number>,
}

impl Enterprise {
    /// An enterprise as a document describes it that says no more than this: paid ahead, no limits, no numbers yet.
    pub fn new(id: TenantId, name: &str, plan: PlanId) -> Self {
        let account = AccountKind::Prepaid;
        Self {
            id,
            name: name.to_owned(),
            plan,
            account,
            balance_end: read::usual_balance_end(account),
            charging_from: ChargingFrom::Answer,
            limits: Limits::default(),
            schedules: Vec::new(),
            region_sets: Vec::new(),
            caller_lists: Vec::new(),
            crisis: None,
            crisis_by_two: false,
            alarm: Alarm::default(),
            frozen: None,
            tell: Tell::default(),
            extensions: Vec::new(),
            flows: Vec::new(),
            capacity: Capacity::default(),
            shifts: Vec::new(),
            agents: Vec::new(),
            queues: Vec::new(),
            numbers: Vec::new(),
        }
    }
}

/// A notice or an alternate target in front of every number of the enterprise (row R22).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crisis {
    /// Calls that come before this instant meet it.
    pub until: Wall,
    /// The notice's prompt, played as early media.
    pub notice: Option<String>,
    /// What follows.
    pub then: CrisisThen,
}

/// What follows the notice of a crisis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CrisisThen {
    /// The number's own rules.
    GoOn,
    /// The end of the call.
    HangUp,
    /// One phone, in national form, for all numbers.
    Dial(String),
}

/// What happens when money ends during a talk (FAULTS B3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BalanceEnd {
    /// The call ends on the boundary of the last paid unit. The default of prepaid accounts.
    Strict,
    /// The call goes on; the overshoot is bounded by the talk limit and shown on the record.
    FinishCall,
}

/// Limits of a number or of the whole enterprise; `None` is no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Calls up at once (row B08).
    pub concurrent_calls_max: Option<u32>,
    /// Calls up at once from one caller (row B08).
    pub concurrent_calls_per_caller_max: Option<u32>,
    /// Calls let in within any minute (row B08).
    #[serde(default)]
    pub calls_per_minute_max: Option<u32>,
    /// Calls let in of one caller within any minute (row B08).
    #[serde(default)]
    pub calls_per_minute_per_caller_max: Option<u32>,
    /// Legs that leave by a trunk within a day in Beijing: forwards, transfers, mobiles, callbacks (FAULTS N7).
    #[serde(default)]
    pub outgoing_per_day_max: Option<u32>,
    /// Fees in a calendar month in Beijing (row B05).
    pub month_cost_cap_e4: Option<Money>,
    /// Calls in a calendar month in Beijing (row B06).
    pub month_calls_cap: Option<u32>,
    /// The billing month (year × 100 + month in Beijing) in which the two caps are set aside by their owner.
    #[serde(default)]
    pub lifted_month: Option<u32>,
    /// Whether calls that nobody answered count against `month_calls_cap` (row B06).
    pub count_unanswered: bool,
}

impl Limits {
    /// The cap of fees that holds in a billing month.
    pub fn cost_cap_in(&self, month: u32) -> Option<Money> {
        self.month_cost_cap_e4.filter(|_| self.lifted_month != Some(month))
    }

    /// The cap of calls that holds in a billing month.
    pub fn calls_cap_in(&self, month: u32) -> Option<u32> {
        self.month_calls_cap.filter(|_| self.lifted_month != Some(month))
    }
}

/// Weekly hours with a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NamedSchedule {
    /// The name rules use.
    pub name: String,
    /// The hours.
    pub schedule: Schedule,
}

/// A set of regions with a name: 大区, provinces, cities, area codes, prefixes, `unknown`, `international` (row R08).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedRegions {
    /// The name rules use.
    pub name: String,
    /// What is inside.
    pub includes: Vec<String>,
}

/// The highest priority.
pub const PRIORITY_MAX: u8 = 9;

/// Callers by number, or by beginning when written with a star: `13800138000`, `021*`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedCallers {
    /// The name rules use.
    pub name: String,
    /// The patterns.
    pub callers: Vec<String>,
    /// What their calls go before others by, 1 to [`PRIORITY_MAX`]; 0 raises nobody (row R32).
    #[serde(default)]
    pub priority: u8,
}

/// One 400 number with all that decides its calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Number {
    /// The 400 number.
    pub number: HotlineNumber,
    /// Whether calls are taken at all.
    pub enabled: bool,
    /// Bound numbers (row R01: 20 unless the provider raised it).
    pub destinations: Vec<Destination>,
    /// Groups of bound numbers with a strategy.
    pub groups: Vec<Group>,
    /// First rule that holds decides.
    pub rules: Vec<Rule>,
    /// What happens when no rule holds.
    pub otherwise: Then,
    /// The flow that calls walk in place of rules and `otherwise`.
    #[serde(default)]
    pub flow: Option<String>,
    /// Forwards after the group (rows R12, R13).
    pub forwards: Forwards,
    /// What happens when groups and forwards found nobody (row R18).
    #[serde(default)]
    pub finally: Finally,
    /// Whether callers reach who answered them last (row R15).
    #[serde(default)]
    pub memory: Option<CallerMemory>,
    /// Callers never connected (row B01).
    pub block: Vec<BlockEntry>,
    /// Its other bars: white list, regions, password, nuisance.
    #[serde(default)]
    pub bars: Barring,
    /// Limits of this number.
    pub limits: Limits,
    /// What the caller hears while targets ring (row I03).
    pub ringback: Ringback,
    /// Whether calls are recorded (row V01).
    pub recording: Recording,
    /// Who is told of its calls.
    #[serde(default)]
    pub tell: TellOfCalls,
    /// Longest talk, seconds; 4 h unless said.
    pub talk_s_max: u32,
}

impl Number {
    /// A number as a document describes it that says no more than this: every call meets `otherwise`.
    pub fn new(number: HotlineNumber, otherwise: Then) -> Self {
        Self {
            number,
            enabled: true,
            destinations: Vec::new(),
            groups: Vec::new(),
            rules: Vec::new(),
            otherwise,
            flow: None,
            forwards: Forwards::default(),
            finally: Finally::default(),
            memory: None,
            block: Vec::new(),
            bars: Barring::default(),
            limits: Limits::default(),
            ringback: Ringback::Tone,
            recording: Recording::new(false),
            tell: TellOfCalls::default(),
            talk_s_max: read::TALK_S_MAX,
        }
    }
}

/// What kind of phone a bound number is (row R02).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DestinationKind {
    /// A fixed line with its area code.
    Landline,
    /// A mobile phone.
    Mobile,
    /// A number on one of the provider's trunks to the enterprise.
    TrunkNumber,
    /// A fixed SIP address.
    SipUri,
    /// A retired cordless number (小灵通): kept, warned about.
    Phs,
    /// A SIP phone that registers here, by its number in `extensions`.
    Extension,
}

/// A bound number: where calls may go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// Its name in this document.
    pub name: String,
    /// What it is.
    pub kind: DestinationKind,
    /// Digits, or a SIP URI.
    pub number: String,
    /// Off is never tried.
    pub enabled: bool,
    /// Calls it can take at once.
    pub lines: u16,
    /// How long it rings, seconds.
    pub ring_s: u16,
    /// The schedule of its duty; off duty is never tried (row R17). Always on duty unless said.
    #[serde(default)]
    pub duty: Option<String>,
    /// What the caller hears while it rings, if that is its own (row I04).
    #[serde(default)]
    pub ringback: Option<Ringback>,
    /// Whether its answer is confirmed before the caller has it (row R29).
    #[serde(default)]
    pub confirm: Confirm,
}

/// How it is known that somebody answered, and not a mailbox or the network's announcement, before the caller has the answer
/// (row R29).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confirm {
    /// Whatever answers has the call.
    #[default]
    Off,
    /// Who answered hears that a call waits, and presses 1 to have it.
    Key {
        /// How long that may take from the answer on, seconds.
        s: u8,
    },
    /// What answered is listened to: the network's busy tone and its ringback are nobody, a voice has the call at once.
    Tone,
}

impl Confirm {
    /// Its code, as documents have it.
    pub fn code(self) -> &'static str {
        match self {
            Confirm::Off => "off",
            Confirm::Key { .. } => "key",
            Confirm::Tone => "tone",
        }
    }
}

/// Bound numbers that share calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its name in this document.
    pub name: String,
    /// Who is tried first.
    pub strategy: Strategy,
    /// Names of destinations, in order.
    pub members: Vec<String>,
    /// Weights of members by name, 1 to 100, for [`Strategy::Weighted`]; who is not named weighs 1.
    #[serde(default)]
    pub weights: BTreeMap<String, u8>,
    /// What the caller hears while its members ring, if that is its own (row I04).
    #[serde(default)]
    pub ringback: Option<Ringback>,
    /// Whether the answers of its members are confirmed; without a word each member's own setting holds (row R29).
    #[serde(default)]
    pub confirm: Option<Confirm>,
}

/// In what order a group's members are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// In the order written, every call (row R05).
    Sequential,
    /// The next call begins after the member that began the last one (row R07).
    RoundRobin,
    /// In an order drawn anew for each call, from the call's own seed (row R06).
    Random,
    /// Who has been free of calls the longest is first (row R27).
    LongestIdle,
    /// Who answered the fewest calls since midnight in Beijing is first (row R27).
    FewestCalls,
    /// Who talked the least since midnight in Beijing is first (row R27).
    LeastTalk,
    /// All at once: who answers first has the call (row R27).
    RingAll,
    /// By weights, exact over each sum of them while all are free (row R27).
    Weighted,
}

impl Strategy {
    /// Whether it looks at what its phones have done before.
    pub fn counts_phones(self) -> bool {
        match self {
            Strategy::LongestIdle | Strategy::FewestCalls | Strategy::LeastTalk => true,
            Strategy::Sequential
            | Strategy::RoundRobin
            | Strategy::Random
            | Strategy::RingAll
            | Strategy::Weighted => false,
        }
    }
}

/// One sentence: when all of this holds, then that.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Its name, shown in the Why.
    pub name: String,
    /// Every condition must hold; none is always.
    pub when: Vec<Condition>,
    /// What happens.
    pub then: Then,
}

/// One condition of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// The named schedule is open.
    Open(String),
    /// The named schedule is closed.
    Closed(String),
    /// The caller is in the named set of regions.
    From(String),
    /// The caller is on the named list.
    Caller(String),
    /// The caller is of one of these areas: a landline's own code, a mobile's home.
    AreaCode(Vec<String>),
    /// The caller's number begins with one of these digits.
    Prefix(Vec<String>),
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// Play a prompt, then go on with what follows it.
    Play {
        /// The prompt's name.
        prompt: String,
        /// Whether our 200 goes out first; otherwise it is early media, uncharged.
        answer: bool,
        /// What follows.
        then: Box<Then>,
    },
    /// Dial the named group or destination.
    Dial(String),
    /// Dial it with a tone of its own for who waits meanwhile (row I04).
    DialWith {
        /// The group or destination.
        dial: String,
        /// What the caller hears while it rings.
        ringback: Ringback,
    },
    /// Deal calls by whole percents that sum to 100 (row R11).
    Percentage {
        /// Exact over each 100 calls, or random.
        mode: ShareMode,
        /// Percent and target.
        shares: Vec<Share>,
    },
    /// End the call, with a prompt before it if one is named.
    HangUp {
        /// The prompt's name, played as early media.
        prompt: Option<String>,
    },
    /// End the call with the bare busy tone of the caller's own exchange: only a rule that says so does (row R18).
    Busy,
    /// Take a message, then end the call (rows V06, R10, R18).
    Voicemail {
        /// The prompt that asks for it.
        prompt: String,
        /// The longest message, seconds.
        seconds_max: u16,
    },
    /// Wait for an agent in the named queue (row Q02). Without an exit of its own the call is refused there.
    Queue {
        /// The queue.
        queue: String,
        /// What follows where as many wait as may.
        full: Option<Box<Then>>,
        /// What follows where nobody who counts is there (row Q18).
        empty: Option<Box<Then>>,
        /// What follows the longest wait.
        timeout: Option<Box<Then>>,
    },
}

/// One share of a percentage rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// 1 to 100.
    pub percent: u8,
    /// Group or destination to dial.
    pub dial: String,
}

/// How percentages are dealt (row R11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShareMode {
    /// A smooth weighted deal: exact over each 100 calls.
    Exact,
    /// By chance, from the call's own seed.
    Random,
}

/// Forwards of a number: at most two for each reason (row R13), at most three made in a call (row R14).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forwards {
    /// Names of destinations tried after a busy one.
    pub on_busy: Vec<String>,
    /// Names of destinations tried after one that did not answer.
    pub on_no_answer: Vec<String>,
}

/// What happens when groups and forwards found nobody: the final treatment, once in a call (row R18). Unless said, the
/// prompt `all_busy` or `no_answer` and the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finally {
    /// After the last one was busy or rejected.
    pub busy: Option<Then>,
    /// After nobody answered or could be reached.
    pub no_answer: Option<Then>,
}

/// A repeat caller reaches who answered last, if free and on duty (row R15).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallerMemory {
    /// How long an answer is remembered, hours.
    pub hours: u16,
    /// Whose answers count.
    pub scope: MemoryScope,
}

/// Whose answers a number remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemoryScope {
    /// Those of its own calls.
    Number,
    /// Those of all numbers of the enterprise that say so.
    Enterprise,
}

impl MemoryScope {
    /// The number whose memory it is; none where the enterprise's numbers share one.
    pub fn number(self, own: HotlineNumber) -> Option<HotlineNumber> {
        match self {
            MemoryScope::Number => Some(own),
            MemoryScope::Enterprise => None,
        }
    }
}

/// What the caller hears while targets ring.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ringback {
    /// The ordinary tone: 450 Hz, 1 s on, 4 s off.
    #[default]
    Tone,
    /// A colour ring, by its prompt's name (row I03).
    Prompt(String),
}

/// Whether calls are recorded, and what is said before (rows V01, I07).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// Whether answered calls are recorded.
    pub enabled: bool,
    /// The notice's prompt, played before the recording begins.
    pub notice: String,
    /// The longest that an order keeps the recording from being written (row V09), seconds.
    #[serde(default = "pause_s_max")]
    pub pause_s_max: u16,
    /// Whether the caller is asked behind the notice (row V10).
    #[serde(default)]
    pub consent: Consent,
}

impl Recording {
    /// With what is usual beside.
    pub fn new(enabled: bool) -> Recording {
        let notice = read::RECORDING_NOTICE.to_owned();
        Recording { enabled, notice, pause_s_max: pause_s_max(), consent: Consent::Notice }
    }

    /// The same for a number that asks its callers.
    pub fn asking(enabled: bool, consent: Consent) -> Recording {
        let usual = Recording::new(enabled);
        let notice = if consent.asks() { read::CONSENT_NOTICE.to_owned() } else { usual.notice };
        Recording { notice, consent, ..usual }
    }
}

fn pause_s_max() -> u16 {
    read::PAUSE_S_MAX
}
