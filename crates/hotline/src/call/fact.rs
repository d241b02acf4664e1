//! The log of a call: dated facts, in the order they became true. The record is a fold of it; the journal keeps it;
//! `explain` prints it; the simulator asserts on it.

use super::{HeldBy, MessageEnd, Moved, NotObeyed, PauseEnd, PauseWhy, Target, Unqueued, WatchMode};
use crate::agent::Refusal;
use crate::consent::Choice;
use crate::queue::{NoPlace, Spilled};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::callback::{CallbackEnd, NotWanted};
use crate::capacity::NoRoom;
use crate::cdr::{AttemptKind, Cause, ChargingFrom, LegOutcome, Party, Quality};
use crate::enterprise::{AccountKind, Confirm, MemoryScope};
use crate::flow::{Fetched, StepNo, Walked};
use crate::message::Tells;
use crate::region::Region;
use crate::results::Chosen;
use crate::routing::{RouteWhy, Skip};
use crate::satisfaction::{AskedBy, Unrated};
use crate::tenant::{Admission, OutgoingUse, PhoneUse};
use crate::trunk::Pass;
use crate::{CallId, HotlineNumber, Money, Mono, PlanId, RecordingId, TenantId, Wall, Word};

/// A leg of a call: 0 is the caller's, outgoing ones count from 1 in the order dialled.
pub type LegNo = u8;

/// The caller's leg.
pub const CALLER: LegNo = 0;

/// A tone that a far end plays in place of a status (450 Hz in China, by its cadence).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// Busy, or congestion.
    Busy,
    /// Ringback.
    Ringback,
}

/// A fact and the instant it became true.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dated {
    /// When, by the node's monotonic clock; the call's wall time is this plus its own offset.
    pub at: Mono,
    /// What.
    pub fact: Fact,
}

/// How a call came in and under which terms it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrived {
    /// Whose number it is.
    pub tenant: TenantId,
    /// The number called.
    pub number: HotlineNumber,
    /// The version of its rules.
    pub version: u32,
    /// The caller in national form, empty when withheld.
    pub caller: String,
    /// Where the caller is.
    pub region: Region,
    /// The trunk it came by.
    pub trunk: Arc<str>,
    /// Wall time less monotonic time at the INVITE: the call's dates never move after it.
    pub wall_offset_ms: i64,
    /// The seed of its random choices.
    pub seed: u64,
    /// The sale plan.
    pub plan: PlanId,
    /// How the enterprise pays.
    pub account: AccountKind,
    /// From which instant the sale runs.
    pub charging_from: ChargingFrom,
    /// Whether it counts against the month's calls though nobody answers.
    pub count_unanswered: bool,
}

/// One thing that happened in a call. Logs are kept as long as records: new facts go behind the others, so that those
/// written before still read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the variant's line names its fields")]
pub enum Fact {
    /// The INVITE was accepted; always the first fact.
    Arrived(Box<Arrived>),
    /// A bar or a limit refused it.
    Barred { cause: Cause, detail: String },
    /// It passed the bars and holds its reservation.
    Admitted { admission: Admission },
    /// A step of the flow was walked.
    Walked(Walked),
    /// A percentage step dealt the call; the deal's state after it. `turn` orders what the tenant remembers.
    Dealt { step: StepNo, state: String, turn: u64 },
    /// Routing chose an order of bound numbers, by their names.
    Routed { why: RouteWhy, order: Vec<Arc<str>> },
    /// A group's pointer moved.
    Pointed { group: u8, member: u8, turn: u64 },
    /// A weighted group's call was given to a member; how all stand after it.
    Weighed { group: u8, state: String, turn: u64 },
    /// A forward was passed over.
    ForwardSkipped { destination: Arc<str>, why: Skip },
    /// The caller's last answerer is tried first (row R15).
    AnswererKnown { destination: Arc<str>, since: Wall },
    /// A member of the group was passed over when its turn came.
    PassedOver { destination: Arc<str>, why: Skip },
    /// Nobody was found, for this reason: the final treatment begins (row R18).
    Finally { cause: Cause },
    /// An INVITE left for a bound number. `trunk` is empty for a direct SIP address.
    Dialled(Box<Dialled>),
    /// The first 18x of a leg.
    Rang { leg: LegNo },
    /// The far end's own tone was heard where its signalling said nothing (row R12).
    ToneHeard { leg: LegNo, tone: Tone },
    /// A leg came to nothing.
    LegFailed { leg: LegNo, outcome: LegOutcome, status: u16, q850: Option<u16> },
    /// A leg's 200.
    LegAnswered { leg: LegNo },
    /// A leg that had answered is over.
    LegOver { leg: LegNo },
    /// Who answered is kept for the caller's next call (row R15).
    AnswererKept { place: u16, scope: MemoryScope, phone: Arc<str>, at: Wall, turn: u64 },
    /// What a phone did, with this call; noted where some group goes by it (row R27).
    PhoneUsed { phone: Arc<str>, used: PhoneUse, turn: u64 },
    /// A prompt began for the caller, as early media or after the answer.
    Prompted { prompt: Arc<str>, early: bool },
    /// Our 200 to the caller.
    Answered,
    /// That 200 never left: the journal could not be written in its turn.
    NotAnswered,
    /// Caller and target can talk.
    Joined { leg: LegNo },
    /// The recording notice was played to its end.
    Noticed { prompt: Arc<str> },
    /// Recording began.
    RecordingBegan { recording: RecordingId },
    /// Recording stopped before the talk did.
    RecordingCut,
    /// The next slice of the talk is paid up to `until_ms` of charged time.
    SliceHeld { until_ms: u64, price_e4: Money },
    /// No money for the next slice; what is paid ends at `until_ms`.
    SliceRefused { until_ms: u64 },
    /// The tone before the end of the balance was played.
    Warned,
    /// What we received from a leg.
    QualityOf { leg: LegNo, quality: Quality },
    /// The call ended; charged time ends at `until`, which may lie before the instant of the fact.
    HungUp { cause: Cause, by: Party, until: Mono },
    /// Nothing of the call is left; always the last fact.
    Over,
    /// Trunks that were passed over on the way to a bound number, each with its reason (row X04).
    TrunksPassed { destination: Arc<str>, passed: Vec<(Arc<str>, Pass)> },
    /// The caller asked that the number be shown to nobody; we know it by a trusted network's word (row K06).
    Withheld,
    /// How the caller passed the bars: by the white list (row B03), or with something against it (row B12).
    Stood { allowed: Option<String>, score: u8, reason: String },
    /// One of the number's passwords, by its name, in so many tries. `turn` orders what the tenant forgets.
    PasswordGiven { name: String, tries: u8, turn: Option<u64> },
    /// Keys that were not those asked for.
    KeysWrong { tries: u8 },
    /// No try was right; the caller has now made so many such calls in a row.
    PasswordMissed { calls: u32, turn: u64 },
    /// A suspect pressed the key it was told.
    ChallengePassed { tries: u8 },
    /// A list of callers makes the call go before others, by 1 to 9 (row R32).
    Prioritised { priority: u8, list: Arc<str> },
    /// What stands against the caller is kept at a place over a restart; empty where it was forgiven (row B12).
    SuspectKept { place: u16, value: String, turn: u64 },
    /// It walks this published flow, at this version (row I08).
    FlowBegan { flow: Arc<str>, version: u32 },
    /// Keys of a menu, an extension number, or digits that the flow does not keep secret (row I14).
    KeyPressed { step: Word, keys: Arc<str> },
    /// No key came in time, for the so-manieth time.
    KeyAwaited { step: Word, tries: u8 },
    /// It waits in a queue; the wait of an earlier call may be credited (rows Q02, Q16).
    Queued { queue: Arc<str>, position: u32, credited_ms: u64 },
    /// It cannot wait there.
    NotQueued { queue: Arc<str>, why: NoPlace },
    /// It is offered to an agent, by number, whose phone this leg rings.
    Offered { leg: LegNo, agent: Arc<str> },
    /// An offer came to nothing; `rests` if the agent is set to rest for it (rows Q17, Q25).
    OfferOver { leg: LegNo, agent: Arc<str>, how: Refusal, rests: bool },
    /// What is asked of agents is relaxed to this step, counted from 0 (row R28).
    Relaxed { step: u8 },
    /// The caller was told its place, and how long it may take (row Q21).
    PlaceTold { position: Option<u32>, minutes: Option<u32> },
    /// It waits no longer.
    Unqueued { queue: Arc<str>, why: Unqueued, waited_ms: u64 },
    /// What is kept of an agent over a restart.
    AgentKept { agent: Arc<str>, value: String, turn: u64 },
    /// The caller is on hold with music; this leg talked to it.
    HoldBegan { leg: LegNo, by: HeldBy },
    /// The music is over.
    HoldEnded,
    /// Who talked sends the caller to somebody else; `by` is whose order it was, `phone` for the phone's own REFER.
    TransferBegan { from: LegNo, to: Target, attended: bool, by: Arc<str> },
    /// The talk was not moved: it goes on as it was.
    TransferRefused { to: Target, why: NotObeyed, by: Arc<str> },
    /// Who transfers talks with who was asked, while the caller waits.
    Consulted { leg: LegNo },
    /// Who transfers talks with this leg now: the caller's, or that of who was asked.
    Swapped { to: LegNo },
    /// What came of a transfer.
    TransferOver { how: Moved },
    /// The caller hears the number of the agent who answered (row Q06).
    AgentTold { agent: Arc<str> },
    /// A supervisor comes in by its own phone; who, and what for (row Q13).
    WatchBegan { leg: LegNo, mode: WatchMode, by: Arc<str> },
    /// The supervisor on this leg is there for something else now.
    WatchChanged { leg: LegNo, mode: WatchMode, by: Arc<str> },
    /// The supervisor on this leg is gone.
    WatchOver { leg: LegNo },
    /// The supervisor on this leg has the caller in place of who answered.
    TakenOver { leg: LegNo, by: Arc<str> },
    /// Who transfers, who was asked and the caller hear each other.
    Merged { leg: LegNo },
    /// A message of the caller begins (row V06).
    MessageBegan { recording: RecordingId, step: Word },
    /// It ended.
    MessageEnded { how: MessageEnd },
    /// Who is told of the call by message, by the rules it began with.
    Tells { tells: Box<Tells> },
    /// A step wants a message sent.
    MessageWanted { to: Arc<str>, text: Arc<str> },
    /// The recording keeps nothing from here on (row V09); by whose order, or for which step.
    RecordingPaused { why: PauseWhy, by: Arc<str> },
    /// That is over; `by` is whose order it was, if it was one.
    RecordingResumed { how: PauseEnd, by: Arc<str> },
    /// The caller is asked what the talk with this leg was worth; whose it was, by agent and queue (row Q07). That it was
    /// asked is kept at a place, unless the caller is withheld.
    RatingAsked {
        leg: LegNo,
        agent: Arc<str>,
        queue: Arc<str>,
        by: AskedBy,
        place: Option<u16>,
        at: Wall,
        turn: u64,
    },
    /// It was worth so much: 1 to 5.
    Rated { score: u8 },
    /// There is no rating.
    NotRated { why: Unrated },
    /// A step asks a server outside, for the so-manieth time in this call (row I12).
    Fetching { step: Word, number: u32 },
    /// What came of it, with the values that were taken: a call that is told again takes them from here.
    Fetched { number: u32, fetched: Fetched, took_ms: u64 },
    /// A queue sends the call on since one of its limits is passed (row R33).
    Spilled { queue: Arc<str>, spilled: Spilled },
    /// The caller asks to be called back at this number, with the queue it came from and the wait so far (rows Q15, K07).
    CallbackWanted { step: Word, queue: Arc<str>, number: Arc<str>, waited_ms: u64 },
    /// No request was taken.
    CallbackNotWanted { why: NotWanted },
    /// The talk's recording is whole; the call goes on.
    RecordingEnded,
    /// The agent, by number, whose phone this leg rang past all queues has the call now.
    AgentTook { leg: LegNo, agent: Arc<str> },
    /// The platform calls who asked back, after so many tries (rows Q15, K07).
    CallsBack { request: CallId, number: Arc<str>, tries: u8 },
    /// A request is open: the tries so far, when the next may be, and what is kept of it over a restart.
    CallbackKept { place: u16, request: CallId, tries: u8, next_at: Wall, value: Arc<str>, turn: u64 },
    /// A request is over.
    CallbackClosed { place: u16, request: CallId, how: CallbackEnd, turn: u64 },
    /// The number that the caller asks to be called at is to be called already, by this request.
    CallbackKnown { request: CallId },
    /// The queue wants to know of this agent, who answered, what comes of the call; what it is unless the agent says (row Q09).
    ResultAwaited { agent: Arc<str>, queue: Arc<str>, default: Option<Chosen> },
    /// The agent's word on it, given by whom.
    ResultGiven { agent: Arc<str>, queue: Arc<str>, chosen: Chosen, by: Arc<str> },
    /// A leg's 200, which is no answer yet: whether somebody answered is asked, or listened for (row R29).
    Confirming { leg: LegNo, how: Confirm },
    /// Somebody did; the leg's answer follows.
    Confirmed { leg: LegNo, by: ConfirmedBy },
    /// A percentage step of a flow dealt the call this share (row I10).
    ArmTaken(Box<Arm>),
    /// Agents of the queue that the call joins who are logged in and never offered it, the first twenty of them, each with its
    /// reason (row Q20).
    AgentsPassed { queue: Arc<str>, passed: Vec<(Arc<str>, NoRoom)> },
    /// The caller was asked whether the talk may be recorded, and whether it will be (row V10).
    RecordingChosen { choice: Choice, recorded: bool },
    /// A leg left by a trunk, and how many have today; noted where a cap holds (FAULTS N7).
    OutgoingCounted { used: OutgoingUse, turn: u64 },
}

/// By what it is known that somebody answered (row R29).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConfirmedBy {
    /// The key that was asked for.
    Key,
    /// Something that is no tone of the network's.
    Voice,
    /// No tone was known in its time.
    Time,
}

/// A share of a flow's percentage step, by names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arm {
    /// The flow that has the step.
    pub flow: Word,
    /// Its version.
    pub version: u32,
    /// The step.
    pub step: Word,
    /// The share.
    pub name: Word,
}

/// An attempt to reach a bound number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialled {
    /// The new leg.
    pub leg: LegNo,
    /// The bound number's name.
    pub destination: Arc<str>,
    /// Its digits or URI.
    pub number: Arc<str>,
    /// Its area code, for the rating zone.
    pub area_code: Arc<str>,
    /// The trunk, empty for a direct SIP address.
    pub trunk: Arc<str>,
    /// What the trunk's calls cost us.
    pub cost_plan: Option<PlanId>,
    /// Target or forward.
    pub kind: AttemptKind,
}
