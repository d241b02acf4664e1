//! What happened in one call, folded from the call's own log. The record cannot disagree with the log: it is computed
//! from it and from nothing else. One record per INVITE that names a 400 number (row D09).

use serde::{Deserialize, Serialize};

use crate::call::{PauseEnd, PauseWhy};
use crate::consent::Choice;
use crate::queue::Spilled;
use crate::region::Region;
use crate::satisfaction::AskedBy;
use crate::{CallId, HotlineNumber, RecordingId, TenantId, Wall};

pub(crate) use arm::came_to;
pub use arm::{ArmOutcome, ArmRecord};
pub use fold::{Folded, fold};
pub use stays::{QueueStay, StayEnd, stays};

mod arm;
mod fold;
mod stays;

/// How a customer call ended, as the nine fields show it (row D01) and the five figures count it (row D04).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerStatus {
    /// A target answered and our 200 went to the caller.
    Answered,
    /// Every attempt met a busy target.
    Busy,
    /// Somebody was rung and nobody answered.
    NoAnswer,
    /// The caller gave up before an answer.
    Abandoned,
    /// A rule refused the call: list, cap, closed hours.
    Barred,
    /// Something of ours or of a carrier failed.
    Failed,
}

/// Who ended the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Party {
    Caller,
    Target,
    Platform,
}

/// Why a call ended: one stable code each, the same in log, record, API and message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// One side hung up after talk.
    HangUp,
    /// The caller cancelled before the answer.
    CallerCancelled,
    /// No enterprise holds the number.
    NumberNotInService,
    /// A rule of the flow ended the call.
    FlowHangUp,
    /// A rule of the flow ended the call with a bare busy tone.
    FlowBusy,
    /// The caller stands on the block list.
    Blocked,
    /// The monthly cost cap would be passed (row B05).
    MonthCostCap,
    /// The monthly call cap is reached (row B06).
    MonthCallCap,
    /// Too many calls at once: number, caller or tenant (row B08).
    ConcurrencyLimit,
    /// No money left to reserve the first slice (row F09).
    BalanceTooLow,
    /// The balance or cap ended during the talk (FAULTS B3).
    BalanceEnded,
    /// All targets busy.
    AllBusy,
    /// Nobody answered in time.
    NoAnswer,
    /// The fourth forward was not tried (row R14).
    ForwardLimit,
    /// No target is open, on and reachable.
    NoTarget,
    /// Every trunk failed (FAULTS F8).
    TrunkFailed,
    /// The talk limit of the number.
    TalkLimit,
    /// No RTP for the set time on a call not on hold.
    MediaSilent,
    /// The session refresh did not come (RFC 4028).
    SessionExpired,
    /// Our 200 was never acknowledged.
    AckMissing,
    /// The node died with the call up (FAULTS F1).
    NodeLost,
    /// The journal or another part of ours refused the call with 503.
    NoCapacity,
    /// The two sides have no codec in common (488).
    NoCommonCodec,
    /// The sale plan has no version today.
    NoTariff,
    /// A dead loop in the flow was cut.
    FlowLoop,
    /// The node was stopped and did not wait for the call any longer (FAULTS F2).
    NodeStopped,
    /// The caller's region is not connected (row B02).
    RegionBarred,
    /// No try gave the right password (row B04).
    PasswordFailed,
    /// Too many calls of this caller without the right password (row B04).
    PasswordLocked,
    /// Too much stands against the caller (row B12).
    Nuisance,
    /// A suspect did not press the key it was told (row B12).
    ChallengeFailed,
    /// Too many calls within a minute: number, caller or tenant (row B08).
    RateLimit,
    /// The enterprise is frozen because something was odd (row B11).
    Frozen,
    /// As many wait in the queue as may (row Q02).
    QueueFull,
    /// No agent who counts is there (row Q18).
    QueueEmpty,
    /// The longest wait in the queue was over (row Q02).
    QueueTimeout,
    /// Who was to be called back was not to be any more: cancelled, stopped, done, or its hours were over (row K07).
    CallbackWithdrawn,
}

impl Cause {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Cause::HangUp => "hang_up",
            Cause::CallerCancelled => "caller_cancelled",
            Cause::NumberNotInService => "number_not_in_service",
            Cause::FlowHangUp => "flow_hang_up",
            Cause::FlowBusy => "flow_busy",
            Cause::Blocked => "blocked",
            Cause::MonthCostCap => "month_cost_cap",
            Cause::MonthCallCap => "month_call_cap",
            Cause::ConcurrencyLimit => "concurrency_limit",
            Cause::BalanceTooLow => "balance_too_low",
            Cause::BalanceEnded => "balance_ended",
            Cause::AllBusy => "all_busy",
            Cause::NoAnswer => "no_answer",
            Cause::ForwardLimit => "forward_limit",
            Cause::NoTarget => "no_target",
            Cause::TrunkFailed => "trunk_failed",
            Cause::TalkLimit => "talk_limit",
            Cause::MediaSilent => "media_silent",
            Cause::SessionExpired => "session_expired",
            Cause::AckMissing => "ack_missing",
            Cause::NodeLost => "node_lost",
            Cause::NoCapacity => "no_capacity",
            Cause::NoCommonCodec => "no_common_codec",
            Cause::NoTariff => "no_tariff",
            Cause::FlowLoop => "flow_loop",
            Cause::NodeStopped => "node_stopped",
            Cause::RegionBarred => "region_barred",
            Cause::PasswordFailed => "password_failed",
            Cause::PasswordLocked => "password_locked",
            Cause::Nuisance => "nuisance",
            Cause::ChallengeFailed => "challenge_failed",
            Cause::RateLimit => "rate_limit",
            Cause::Frozen => "frozen",
            Cause::QueueFull => "queue_full",
            Cause::QueueEmpty => "queue_empty",
            Cause::QueueTimeout => "queue_timeout",
            Cause::CallbackWithdrawn => "callback_withdrawn",
        }
    }
}

/// From which instant the enterprise pays (row F17); in the contract and in each record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChargingFrom {
    /// Our 200 to the caller, a menu or prompt included.
    #[default]
    Answer,
    /// The target's answer: two parties can talk.
    TwoParty,
}

/// Why a leg was dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptKind {
    /// A target that the rule named, from its group.
    Target,
    /// A forward after busy, counted (row R12).
    ForwardBusy,
    /// A forward after no answer, counted (row R13).
    ForwardNoAnswer,
    /// Whom an answered call is transferred to (row Q03).
    Transfer,
    /// Who is asked before a call is transferred (row Q03).
    Consult,
    /// Who transferred is rung again, since nobody took the call.
    Return,
    /// A supervisor's own phone (row Q13).
    Watch,
    /// Who asked to be called back (row Q15).
    Callback,
}

/// How one outgoing leg ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegOutcome {
    /// It answered and was joined.
    Answered,
    /// 486 or 600, or Q.850 17.
    Busy,
    /// Rang for its time, 480, or Q.850 18 and 19.
    NoAnswer,
    /// 603, or Q.850 21.
    Rejected,
    /// 404, 484, or Q.850 1.
    NotFound,
    /// Trunk failure: no response, 408, 5xx (FAULTS F8).
    TrunkFailed,
    /// Given up because the caller left or another leg answered first.
    Cancelled,
    /// It answered after it was given up: acknowledged and ended at once.
    LateAnswer,
    /// The node died.
    NodeLost,
    /// It answered, and nobody pressed the key that was asked for: a mailbox, or an ear elsewhere (row R29).
    NoKey,
    /// It answered, and other keys were pressed than the one asked for.
    OtherKey,
    /// It answered, and hung up before the answer was confirmed.
    HungUp,
    /// It answered with the busy tone, or that of congestion.
    BusyTone,
    /// It answered with ringback.
    RingbackTone,
}

impl LegOutcome {
    /// Whether it says that the far end is busy: a forward for that is tried, and the caller is told so.
    pub fn is_busy(self) -> bool {
        match self {
            LegOutcome::Busy | LegOutcome::Rejected | LegOutcome::BusyTone => true,
            LegOutcome::Answered
            | LegOutcome::NoAnswer
            | LegOutcome::NotFound
            | LegOutcome::TrunkFailed
            | LegOutcome::Cancelled
            | LegOutcome::LateAnswer
            | LegOutcome::NodeLost
            | LegOutcome::NoKey
            | LegOutcome::OtherKey
            | LegOutcome::HungUp
            | LegOutcome::RingbackTone => false,
        }
    }
}

/// Voice quality of one leg, as received by us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quality {
    /// RTP packets received.
    pub received: u64,
    /// RTP packets sent.
    pub sent: u64,
    /// Packets that never came, by sequence numbers.
    pub lost: u64,
    /// Interarrival jitter in microseconds (RFC 3550 6.4.1).
    pub jitter_us: u32,
    /// Mean opinion score × 100, estimated from loss and jitter (E-model, ITU-T G.107); 0 without packets.
    pub mos_e2: u16,
    /// Packets from an address or SSRC that is not the leg's (FAULTS N5).
    pub strangers: u64,
}

/// One outgoing leg of a call, in the order dialled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegRecord {
    /// 1 for the first outgoing leg; 0 would be the caller's.
    pub leg: u8,
    /// The name of the bound number in the enterprise's document.
    pub destination: String,
    /// The digits or URI dialled.
    pub dialled: String,
    /// The trunk used, empty for a static SIP URI.
    pub trunk: String,
    /// Target or forward.
    pub kind: AttemptKind,
    /// When its INVITE left.
    pub invited_at: Wall,
    /// When its first 18x came.
    pub rang_at: Option<Wall>,
    /// When its 200 came.
    pub answered_at: Option<Wall>,
    /// When it was over.
    pub ended_at: Wall,
    /// How it ended.
    pub outcome: LegOutcome,
    /// The SIP status that ended it, 0 if none came.
    pub status: u16,
    /// Milliseconds from its 200 to its end: what a carrier bills.
    pub cost_ms: u64,
    /// What we received from it.
    pub quality: Option<Quality>,
}

/// Keys that the caller pressed at one step of a flow (row I14).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// The step's id, that of a sub-flow as `flow/id`.
    pub step: String,
    /// The keys.
    pub keys: String,
    /// When.
    pub at: Wall,
}

/// A message that the caller left (row V06).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageRecord {
    /// Its recording, which is its own.
    pub recording: RecordingId,
    /// The step or rule that asked for it.
    pub step: String,
    /// When it began.
    pub at: Wall,
    /// Its length in milliseconds, with the silence that ended it.
    pub ms: u64,
    /// Whether nothing was said, or somebody hung up at the beep.
    pub is_empty: bool,
}

/// A time in which a recording kept nothing (row V09). Two of them may overlap: the gap in the file is both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseRecord {
    /// When it began.
    pub from: Wall,
    /// When it ended, at the latest with the call.
    pub until: Wall,
    /// Why.
    pub why: PauseWhy,
    /// Whose order it was, or which step asked.
    pub by: String,
    /// How it ended; absent where the call ended first.
    pub how: Option<PauseEnd>,
    /// Whose order ended it; empty where none did.
    pub ended_by: String,
}

/// What the caller was asked of a talk, and said (row Q07).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RatingRecord {
    /// The number of the agent who talked last; empty for other phones.
    pub agent: String,
    /// The queue that the call came by; empty without one.
    pub queue: String,
    /// The name of who talked, as the enterprise's document has it.
    pub destination: String,
    /// How it was asked.
    pub by: AskedBy,
    /// When.
    pub asked_at: Wall,
    /// 1 to 5; none where the caller gave no rating.
    pub score: Option<u8>,
}

/// What came of a call, as one of its agents said or the queue has it (row Q09).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultRecord {
    /// The number of the agent.
    pub agent: String,
    /// The queue whose tree the result is of.
    pub queue: String,
    /// Codes of the tree with `/` between them; empty where nobody chose one and the queue has none for that.
    pub code: String,
    /// The names to them, as they were then.
    pub name: String,
    /// Who chose it; empty for what the queue has where nobody chose.
    pub by: String,
    /// When it was chosen; else when the agent answered.
    pub at: Wall,
}

/// A queue that sent the call on before its time (row R33).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpillRecord {
    /// The queue.
    pub queue: String,
    /// Which limit was passed, and the figure.
    #[serde(flatten)]
    pub spilled: Spilled,
    /// When.
    pub at: Wall,
}

/// A request of the caller to be called back (rows Q15, K07).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackRecord {
    /// Which number, in national form.
    pub number: String,
    /// The queue it waited in before; empty without one.
    pub queue: String,
    /// The step that took the request.
    pub step: String,
    /// Its wait in that queue until then, milliseconds.
    pub waited_ms: u64,
    /// When.
    pub at: Wall,
}

/// What a call called back for (rows Q15, K07).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalledBack {
    /// The call that asked, which names the request.
    pub request: CallId,
    /// Tries so far, that of this call included if it dialled.
    pub tries: u8,
}

/// The record of one customer call (rows D01, D09, F11).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecord {
    /// The call.
    pub call: CallId,
    /// The enterprise; [`TenantId::provider`] if the number is not assigned.
    pub tenant: TenantId,
    /// The 400 number called.
    pub number: HotlineNumber,
    /// The version of the number's rules that decided (row R04).
    pub version: u32,
    /// The trunk the call came in by.
    pub trunk: String,
    /// The caller's number in national form, empty when withheld.
    pub caller: String,
    /// Where the caller is, with its source.
    pub region: Region,
    /// The bound number that answered, empty if none.
    pub answered_by: String,
    /// Its name in the enterprise's document, empty if none.
    pub destination: String,
    /// When the INVITE came.
    pub started_at: Wall,
    /// Our 200 to the caller.
    pub answered_at: Option<Wall>,
    /// When the target's leg was joined (two parties talk).
    pub joined_at: Option<Wall>,
    /// When the call was over.
    pub ended_at: Wall,
    /// The status.
    pub status: AnswerStatus,
    /// Why it ended.
    pub cause: Cause,
    /// Who ended it.
    pub ended_by: Party,
    /// From which instant the sale runs.
    pub charging_from: ChargingFrom,
    /// Milliseconds from the INVITE to the first ring of a target.
    pub post_dial_ms: Option<u64>,
    /// Milliseconds from our 200 to the end, by the monotonic clock.
    pub talk_ms: u64,
    /// Milliseconds the sale is rated on.
    pub sale_ms: u64,
    /// Forwards made, 0 to 3 (row R14).
    pub forwards: u8,
    /// The name of the password the caller gave, empty if none (row B04).
    #[serde(default)]
    pub password: String,
    /// What the call goes before others by, 0 to 9 (row R32).
    #[serde(default)]
    pub priority: u8,
    /// The flow it walked, empty where the number has rules (row I08).
    #[serde(default)]
    pub flow: String,
    /// The version of that flow.
    #[serde(default)]
    pub flow_version: u32,
    /// The keys pressed in menus, in their order (row I14).
    #[serde(default)]
    pub keys: Vec<KeyRecord>,
    /// The queue it waited in last, empty if none (row Q02).
    #[serde(default)]
    pub queue: String,
    /// Milliseconds it waited in queues.
    #[serde(default)]
    pub wait_ms: u64,
    /// Offers to agents.
    #[serde(default)]
    pub offers: u16,
    /// The number of the agent who answered, empty if none.
    #[serde(default)]
    pub agent: String,
    /// How often it was sent on after it had been answered (row Q03).
    #[serde(default)]
    pub transfers: u16,
    /// Milliseconds that the caller was on hold, with music.
    #[serde(default)]
    pub hold_ms: u64,
    /// Messages that were begun (row V06).
    #[serde(default)]
    pub messages: Vec<MessageRecord>,
    /// When the recording kept nothing (row V09).
    #[serde(default)]
    pub pauses: Vec<PauseRecord>,
    /// What the caller said when asked whether it may be recorded, if it was (row V10).
    #[serde(default)]
    pub consent: Option<Choice>,
    /// What the caller said of the talk, if it was asked (row Q07).
    #[serde(default)]
    pub rating: Option<RatingRecord>,
    /// What came of it by the word of its agents, as far as their queues ask (row Q09).
    #[serde(default)]
    pub results: Vec<ResultRecord>,
    /// Queues that sent it on since a limit was passed (row R33).
    #[serde(default)]
    pub spills: Vec<SpillRecord>,
    /// The shares of its flows' percentage steps that it had (row I10).
    #[serde(default)]
    pub arms: Vec<ArmRecord>,
    /// Its request for a callback (row Q15).
    #[serde(default)]
    pub callback: Option<CallbackRecord>,
    /// Whom it called back; none where the caller called.
    #[serde(default)]
    pub calls_back: Option<CalledBack>,
    /// The recording, if one was begun.
    pub recording: Option<RecordingId>,
    /// Whether the recording stopped before the talk did (FAULTS F4).
    pub recording_cut: bool,
    /// What we received from the caller.
    pub quality: Option<Quality>,
    /// Outgoing legs in the order dialled.
    pub legs: Vec<LegRecord>,
}
