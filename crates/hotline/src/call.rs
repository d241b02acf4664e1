//! One call: handle(event, now) → poll_action(), next_timeout(). It decides and keeps its log; it does not know
//! sockets, messages, packets or databases, and holds no clock. n outgoing legs, named timers, one cause.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::barring::{self, Asker, Barred, Standing};
use crate::calendar::HolidayYears;
use crate::cdr::{AttemptKind, Cause, ChargingFrom, LegOutcome, Party, Quality};
use crate::enterprise::{NoticeOf, ShareMode};
use crate::flow::{self, Chance, Fetched, Request, StepNo, Stop};
use crate::hotline::Hotline;
use crate::queue::{Given, Told};
use crate::rating::Tariffs;
use crate::region::Region;
use crate::routing::Trunks;
use crate::tenant::{Ask, Tenant};
use crate::{CallId, HotlineNumber, Money, Mono, Now, RecordingId, Wall};

pub(crate) use again::Stands;
pub use asking::Key;
pub use case::{Looked, Mismatch, flow_path};
pub use explain::{Answers, HttpAnswer, explain};
pub use fact::{Arm, Arrived, CALLER, ConfirmedBy, Dated, Dialled, Fact, LegNo, Tone};
pub use fetching::answers_of;
pub use holding::{HOLD_MUSIC, HeldBy};
pub use ordering::{NotObeyed, Ordered, TalkOrder, Target};
pub use pausing::{PauseEnd, PauseWhy};
pub use serving::talked_in;
pub use transferring::Moved;
pub use voicemail::MessageEnd;
pub use waiting::Unqueued;
pub use watching::WatchMode;

mod again;
mod asking;
mod calling_back;
mod case;
mod confirming;
mod consenting;
mod dialling;
mod ending;
mod explain;
mod fact;
mod fetching;
mod holding;
mod leg;
mod menu;
mod meter;
mod ordering;
mod pausing;
mod requesting;
mod satisfaction;
mod serving;
mod talking;
mod timer;
mod transferring;
mod voicemail;
mod waiting;
mod watching;

use asking::Asking;
use calling_back::{CallingBack, Reaching};
use consenting::Behind;
use dialling::Dialling;
use fetching::Fetching;
use leg::{Leg, LegState, Rings};
use menu::Flowing;
use meter::Meter;
use pausing::Pauses;
use requesting::Requesting;
use satisfaction::Rating;
use timer::Timer;
use transferring::Transfer;
use voicemail::Leaving;
use waiting::Queued;
use watching::Watching;

/// A prompt that does not end by itself is cut after this long.
const PROMPT_MS_MAX: u64 = 120_000;
/// How long an ending call waits for the last word of its legs: 64·T1 and a little.
const ENDING_MS_MAX: u64 = 35_000;

/// What a call may look at and change while it decides.
pub struct Desk<'a> {
    /// The enterprise's living state.
    pub tenant: &'a mut Tenant,
    /// Carrier trunks with their health and load.
    pub trunks: &'a mut Trunks,
    /// Every plan's versions.
    pub tariffs: &'a Tariffs,
    /// The holidays and make-up workdays in force.
    pub years: &'a HolidayYears,
}

/// An INVITE that names a 400 number, as a value.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The call's id.
    pub id: CallId,
    /// All that decides it, at one version.
    pub hotline: Arc<Hotline>,
    /// The caller in national form, empty when withheld.
    pub caller: String,
    /// Whether the caller asked that nobody be shown the number; it is known by a trusted network's word.
    pub withheld: bool,
    /// Where the caller is.
    pub region: Region,
    /// The trunk it came by.
    pub trunk: Arc<str>,
    /// What it may have before our 200.
    pub early: Early,
    /// The seed of its random choices.
    pub seed: u64,
    /// Why it cannot go on, if that is known before it began: the caller left, no codec in common, no room.
    pub refused: Option<Cause>,
}

/// What a caller may have before our 200, by its trunk's profile and what it offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Early {
    /// Whether prompts are heard before it. Else we answer in order to play one that the number's rules ask for; a refusal
    /// of our own is its status then, and the ring is the carrier's.
    pub media: bool,
    /// Whether keys count before it. Else we answer in order to ask for one.
    pub keys: bool,
    /// How long it may stay unanswered before we answer it ourselves; `None` as long as it takes.
    pub ms_max: Option<u64>,
}

impl Default for Early {
    fn default() -> Self {
        Self { media: true, keys: false, ms_max: None }
    }
}

/// The caller of a live call. Only a call that is up gives one, so that whose number is shown is never a number that nobody
/// calls from.
#[derive(Clone, Copy, Debug)]
pub struct Live<'c> {
    caller: &'c str,
    withheld: bool,
    number: HotlineNumber,
    incoming: bool,
}

impl<'c> Live<'c> {
    /// The caller in national form, empty when unknown.
    pub fn caller(&self) -> &'c str {
        self.caller
    }

    /// Whether the number is to be shown to nobody.
    pub fn is_withheld(&self) -> bool {
        self.withheld
    }

    /// The 400 number called.
    pub fn number(&self) -> HotlineNumber {
        self.number
    }

    /// Whether the caller called; else it is called back, and its number is nobody's to show to a carrier.
    pub fn is_incoming(&self) -> bool {
        self.incoming
    }

    #[cfg(test)]
    pub(crate) fn of_test(caller: &'c str, withheld: bool, number: HotlineNumber) -> Self {
        Self { caller, withheld, number, incoming: true }
    }

    #[cfg(test)]
    pub(crate) fn called_back(caller: &'c str, number: HotlineNumber) -> Self {
        Self { caller, withheld: false, number, incoming: false }
    }
}

/// What happens to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variant's line names its fields")]
pub enum Event {
    /// First 18x of an outgoing leg.
    Rang { leg: LegNo },
    /// 200 of an outgoing leg.
    LegAnswered { leg: LegNo },
    /// An outgoing leg came to nothing, by its own word or the network's.
    LegFailed { leg: LegNo, outcome: LegOutcome, status: u16, q850: Option<u16> },
    /// A leg that was given up answered after all and was ended at once.
    LateAnswer { leg: LegNo },
    /// The far end of an outgoing leg plays a tone of its own; told where its trunk says that this counts (row R12).
    ToneHeard { leg: LegNo, tone: Tone },
    /// The far end of an outgoing leg hung up.
    LegHungUp { leg: LegNo },
    /// What answered on a leg that is judged is none of the network's tones (row R29).
    VoiceHeard { leg: LegNo },
    /// It may be one: its frequency is heard, its cadence is not known yet.
    ToneBegan { leg: LegNo },
    /// The caller cancelled before our 200.
    CallerCancelled,
    /// The caller hung up after our 200.
    CallerHungUp,
    /// Our 200 was never acknowledged.
    AckMissing,
    /// A session was not refreshed in time (RFC 4028); the last refresh was at `last`.
    SessionExpired { leg: LegNo, last: Mono },
    /// A key was pressed: RFC 4733, a tone in the band, or INFO.
    Digit { leg: LegNo, digit: Key },
    /// A prompt ended.
    Played { play: u32 },
    /// No RTP on the call since `last`.
    Silent { last: Mono },
    /// The two sides have no codec in common.
    NoCommonCodec { leg: LegNo },
    /// Recording stopped early.
    RecordingCut,
    /// What we received from a leg, told when its media closed.
    Quality { leg: LegNo, quality: Quality },
    /// All media of the call is closed; no more figures come.
    MediaClosed,
    /// The node cannot carry the call on: its journal failed.
    NoCapacity,
    /// Our 200 did not leave: the journal failed in its turn.
    AnswerLost,
    /// The node is being stopped and waits for this call no longer (FAULTS F2).
    Stopped,
    /// A deadline of [`Call::next_timeout`] passed.
    Timeout,
    /// The floor of its enterprise tells a call that waits.
    Queue(Told),
    /// The far end of an outgoing leg puts us on hold, or comes back.
    Held { leg: LegNo, on: bool },
    /// Somebody orders something about the talk.
    Ordered(Box<Ordered>),
    /// A leg whose message is taken said nothing for its time, or nothing at all.
    Quiet { leg: LegNo, spoke: bool },
    /// What came of a request, by its number in the call.
    Fetched { number: u32, fetched: Box<Fetched> },
    /// An agent said what came of the call (row Q09); as the floor took it.
    ResultGiven { agent: Arc<str>, given: Box<Given>, by: Arc<str> },
}

/// What a call wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variant's line names its fields")]
pub enum Action {
    /// 183 with our media to the caller.
    EarlyMedia,
    /// Play to a leg, replacing what it hears; `Event::Played` follows unless it repeats.
    Play { leg: LegNo, play: u32, sound: Sound, repeat: bool },
    /// Stop what is played to a leg.
    StopPlay { leg: LegNo },
    /// INVITE to a bound number by a trunk, or directly; whose is [`Call::destination_of`] its leg.
    Dial { leg: LegNo, place: u8, way: Option<Arc<str>> },
    /// Give up an outgoing leg that has not answered.
    Cancel { leg: LegNo },
    /// BYE to an outgoing leg or, for [`CALLER`], to the caller.
    Bye { leg: LegNo },
    /// Our 200 to the caller.
    AnswerCaller,
    /// A final status to the caller.
    RejectCaller { status: u16, q850: u16 },
    /// Join the caller and a leg.
    Bridge { leg: LegNo },
    /// Record the caller (left) and a leg (right).
    Record { recording: RecordingId, leg: LegNo },
    /// Close all media; their quality comes back as events.
    CloseMedia,
    /// The log is complete.
    Finish,
    /// Part the caller from whom it is joined with; both legs stay.
    Unbridge,
    /// Join two outgoing legs; the caller hears neither.
    BridgeLegs { a: LegNo, b: LegNo },
    /// From now on this leg is the right channel of the call's recording; nobody without one.
    RecordWith { leg: Option<LegNo> },
    /// Close one leg's media: the leg is over, the call goes on.
    CloseLeg { leg: LegNo },
    /// A leg hears the sum of these from now on, and nothing else; of none, who it is joined with again.
    Hear { leg: LegNo, others: Vec<LegNo> },
    /// Keep what the caller says; `Event::Quiet` tells once nothing was said for so long.
    TakeMessage { recording: RecordingId, quiet_ms: u64 },
    /// What the caller said is whole.
    EndMessage,
    /// What was recorded of the talk is whole.
    EndRecording,
    /// The call's recording keeps nothing from now on, or goes on.
    PauseRecording { on: bool },
    /// This outgoing leg is the caller's from now on: who asked to be called back answered.
    BecomeCaller { leg: LegNo },
    /// Listen to what answered on a leg: `Event::ToneHeard` or `Event::VoiceHeard` says what it is, and neither that nothing is
    /// known of it (row R29).
    Judge { leg: LegNo },
    /// Ask a server outside; `Event::Fetched` follows, sooner or later or never.
    Fetch { number: u32, request: Box<Request> },
}

/// What is played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sound {
    /// A prompt by its name.
    Prompt(Arc<str>),
    /// The ordinary ringback.
    Ringback,
    /// The short tone before the balance ends.
    Warning,
    /// Recorded pieces one behind the other, as [`crate::speech::Announcement`] names them; played once.
    Pieces(Arc<[&'static str]>),
    /// The platform's own music for who waits.
    Music,
}

/// What a call is doing or waits for.
#[derive(Debug)]
enum State {
    /// A prompt of the flow; then the walk goes on.
    Playing { play: u32, next: StepNo },
    /// Keys of the caller.
    Asking(Asking),
    /// Reaching a target.
    Dialling(Dialling),
    /// Both answered; the recording notice plays.
    Noticing { leg: LegNo, play: u32 },
    /// Caller and target talk.
    Talking { leg: LegNo },
    /// A refusal's prompt; then the final status.
    Refusing { play: u32, cause: Cause },
    /// Waiting for the last word of legs and media.
    Ending,
    /// Nothing is left.
    Over,
    /// In a queue, with music.
    Waiting,
    /// The talk goes to somebody else, or comes back.
    Transferring(Box<Transfer>),
    /// The caller hears the number of the agent who answered.
    Greeting { leg: LegNo, play: u32 },
    /// Leaving a message.
    Leaving(Leaving),
    /// Asked what the talk was worth.
    Rating(Box<Rating>),
    /// A server outside is asked.
    Fetching(Fetching),
    /// Asking to be called back.
    Requesting(Requesting),
    /// Behind the recording notice, the caller is waited for to agree or to refuse.
    Choosing(Behind),
    /// Calling back: an agent listens while the phone of who asked rings.
    Reaching(Box<Reaching>),
}

/// One call.
#[derive(Debug)]
pub struct Call {
    id: CallId,
    hotline: Arc<Hotline>,
    caller: String,
    withheld: bool,
    region: Region,
    standing: Standing,
    wall_offset_ms: i64,
    started: Mono,
    chance: Chance,
    log: Vec<Dated>,
    state: State,
    legs: Vec<Leg>,
    /// Forwards made (row R14).
    forwards: u8,
    /// Why nobody was found, once the final treatment has begun (row R18).
    finally: Option<Cause>,
    /// Places of bound numbers dialled so far.
    tried: Vec<u8>,
    /// Places of bound numbers that rejected the call (row R31).
    rejected: Vec<u8>,
    meter: Option<Meter>,
    answered: Option<Mono>,
    early: Early,
    early_media: bool,
    media_open: bool,
    plays: u32,
    /// What it remembers of the flow it walks.
    flowing: Flowing,
    timers: Vec<(Mono, Timer)>,
    actions: VecDeque<Action>,
    /// Its way through queues, if there was one.
    queued: Option<Box<Queued>>,
    /// Who has the caller on hold, while music plays.
    parked: Option<HeldBy>,
    /// Supervisors in the talk.
    watching: Option<Box<Watching>>,
    /// What keeps its recording from being written.
    pauses: Pauses,
    /// Whom it calls back, if it is such a call.
    calling_back: Option<Box<CallingBack>>,
}

impl Call {
    /// Begins a call: bars, admission, then the first steps of its flow.
    pub fn begin(arrival: Arrival, desk: &mut Desk<'_>, now: Now) -> Self {
        let (trunk, seed, refused) = (arrival.trunk.clone(), arrival.seed, arrival.refused);
        let mut call = Self::of(arrival, now);
        call.note_arrival(trunk, seed, now.mono);
        if let Some(early_ms_max) = call.early.ms_max {
            call.arm(Timer::Early, now.mono + early_ms_max);
        }
        match refused {
            Some(Cause::CallerCancelled) => {
                call.hang_up(Cause::CallerCancelled, Party::Caller, now.mono, desk, now.mono);
            }
            Some(cause) => call.close_refused(cause, desk, now.mono),
            None => call.admit(desk, now.mono),
        }
        call
    }

    /// A call of which nothing is noted yet.
    fn of(arrival: Arrival, now: Now) -> Self {
        Self {
            id: arrival.id,
            hotline: arrival.hotline,
            caller: arrival.caller,
            withheld: arrival.withheld,
            region: arrival.region,
            standing: Standing::default(),
            wall_offset_ms: now.wall.0 - now.mono.0 as i64,
            started: now.mono,
            chance: Chance::new(arrival.seed),
            log: Vec::with_capacity(16),
            state: State::Ending,
            legs: Vec::new(),
            forwards: 0,
            finally: None,
            tried: Vec::new(),
            rejected: Vec::new(),
            meter: None,
            answered: None,
            early: arrival.early,
            early_media: false,
            media_open: false,
            plays: 0,
            flowing: Flowing::default(),
            timers: Vec::new(),
            actions: VecDeque::new(),
            queued: None,
            parked: None,
            watching: None,
            pauses: Pauses::default(),
            calling_back: None,
        }
    }

    fn note_arrival(&mut self, trunk: Arc<str>, seed: u64, now: Mono) {
        let hotline = &self.hotline;
        let limits = [&hotline.limits, &hotline.tenant_limits];
        let arrived = Arrived {
            tenant: hotline.tenant.clone(),
            number: hotline.number,
            version: hotline.version,
            caller: self.caller.clone(),
            region: self.region.clone(),
            trunk,
            wall_offset_ms: self.wall_offset_ms,
            seed,
            plan: hotline.plan.clone(),
            account: hotline.account,
            charging_from: hotline.charging_from,
            count_unanswered: limits.iter().any(|limits| limits.count_unanswered),
        };
        self.note(Fact::Arrived(Box::new(arrived)), now);
        if self.withheld {
            self.note(Fact::Withheld, now);
        }
        if let Some(of) = self.hotline.flow_of {
            let flow = self.hotline.words.text(of.name).into();
            self.note(Fact::FlowBegan { flow, version: of.version }, now);
        }
    }

    fn admit(&mut self, desk: &mut Desk<'_>, now: Mono) {
        let hotline = self.hotline.clone();
        if !hotline.enabled {
            return self.bar(barring::out_of_service(), desk, now);
        }
        let Some(meter) = Meter::new(&hotline, desk.tariffs, self.wall(now)) else {
            let detail = format!("plan {} has no version today", hotline.plan);
            return self.bar(Barred { cause: Cause::NoTariff, detail }, desk, now);
        };
        let month = self.wall(now).beijing().billing_month();
        let ask = Ask { now, month, first_slice: meter.first_price() };
        let asker = Asker { caller: &self.caller, region: &self.region, at: self.wall(now) };
        match barring::clear(&hotline, &asker, desk.tenant, &ask) {
            Ok(cleared) => {
                self.stand(cleared.standing.clone(), now);
                self.note(Fact::Admitted { admission: cleared.admission }, now);
                self.meter = Some(meter.admitted(cleared));
                if self.calling_back.is_some() {
                    // Its place in the line is there; the queue says when it is its turn.
                    return;
                }
                if let Some(tells) = hotline.tells.clone() {
                    self.note(Fact::Tells { tells }, now);
                }
                self.walk(hotline.first_step(self.wall(now)), desk, now);
            }
            Err(barred) => self.bar(barred, desk, now),
        }
    }

    fn stand(&mut self, standing: Standing, now: Mono) {
        self.standing = standing;
        if let Some(raised) = self.hotline.priorities.of(&self.caller) {
            let (priority, list) = (raised.priority, raised.list.into());
            self.note(Fact::Prioritised { priority, list }, now);
        }
        if self.standing.allowed.is_none() && self.standing.suspicion.is_none() {
            return;
        }
        let suspicion = self.standing.suspicion.as_ref();
        let (score, reason) = suspicion.map_or((0, String::new()), |it| (it.score, it.reason.clone()));
        self.note(Fact::Stood { allowed: self.standing.allowed.clone(), score, reason }, now);
    }

    fn bar(&mut self, barred: Barred, desk: &mut Desk<'_>, now: Mono) {
        self.note(Fact::Barred { cause: barred.cause, detail: barred.detail }, now);
        self.refuse(barred.cause, None, desk, now);
    }

    /// Takes one event. Deadlines that passed before it are served first, so that the order of things is that of
    /// their times, however late this thread is.
    pub fn handle(&mut self, event: Event, desk: &mut Desk<'_>, now: Now) {
        let now = now.mono;
        while let Some(timer) = self.due(now) {
            self.serve(timer, desk, now);
        }
        match self.as_of_caller(event) {
            Event::Timeout => {}
            Event::Quality { leg, quality } => self.take_quality(leg, quality, now),
            Event::RecordingCut => self.note(Fact::RecordingCut, now),
            Event::MediaClosed => self.media_open = false,
            Event::ResultGiven { agent, given, by } => self.result_given(agent, *given, by, now),
            Event::NoCapacity => self.end_or_refuse(Cause::NoCapacity, desk, now),
            Event::AnswerLost => self.answer_lost(desk, now),
            Event::Stopped => self.end_or_refuse(Cause::NodeStopped, desk, now),
            Event::Held { leg, on } if leg != CALLER => {
                self.leg_mut(leg).holds = on;
                self.take(Event::Held { leg, on }, desk, now);
            }
            other => {
                let other = self.take_pausing(other, now);
                let other = other.and_then(|other| self.take_confirming(other, desk, now));
                if let Some(event) = other.and_then(|other| self.take_watching(other, desk, now)) {
                    self.take(event, desk, now);
                }
            }
        }
        self.arrange();
        self.mask_keys(now);
        self.finish_if_over(now);
    }

    fn take(&mut self, event: Event, desk: &mut Desk<'_>, now: Mono) {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Playing { play, next } => self.playing(play, next, event, desk, now),
            State::Asking(asking) => self.asking(asking, event, desk, now),
            State::Dialling(dialling) => self.dialling(dialling, event, desk, now),
            State::Noticing { leg, play } => self.noticing(leg, play, event, desk, now),
            State::Talking { leg } => self.talking(leg, event, desk, now),
            State::Refusing { play, cause } => self.refusing(play, cause, event, desk, now),
            State::Ending => self.ending(event, desk, now),
            State::Over => {}
            State::Waiting => self.waiting(event, desk, now),
            State::Transferring(transfer) => self.transferring(*transfer, event, desk, now),
            State::Greeting { leg, play } => self.greeting(leg, play, event, desk, now),
            State::Leaving(leaving) => self.leaving(leaving, event, desk, now),
            State::Rating(rating) => self.rating(*rating, event, desk, now),
            State::Fetching(fetching) => self.fetching(fetching, event, desk, now),
            State::Requesting(requesting) => self.requesting(requesting, event, desk, now),
            State::Reaching(reaching) => self.reaching(*reaching, event, desk, now),
            State::Choosing(behind) => self.choosing(behind, event, desk, now),
        }
    }

    fn serve(&mut self, timer: Timer, desk: &mut Desk<'_>, now: Mono) {
        match timer {
            Timer::Ring(leg) => self.give_up_attempt(leg, LegOutcome::NoAnswer, desk, now),
            Timer::Confirm(leg) => self.confirm_over(leg, desk, now),
            Timer::Prompt => {
                let play = self.plays;
                self.take(Event::Played { play }, desk, now);
            }
            Timer::Patience => self.patience_over(desk, now),
            Timer::Announce => self.announce(desk, now),
            Timer::Message => self.message_over(now),
            Timer::Pause => self.pause_over(now),
            Timer::Mask => self.mask_over(now),
            Timer::Fetch => self.fetch_over(desk, now),
            Timer::Spill => self.spill(desk, now),
            Timer::Offer => self.tell_of_callbacks(desk, now),
            Timer::Early => self.answer_before_the_carrier_cuts(desk, now),
            Timer::Key => self.keys_over(desk, now),
            Timer::Slice => self.hold_next_slice(desk, now),
            Timer::PaidEnd => self.end_of_paid(desk, now),
            Timer::Warn => self.warn(desk, now),
            Timer::TalkLimit => {
                // However late this thread is, nobody pays for it.
                let limit = self.answered.map_or(now, |answered| answered + self.hotline.talk_ms_max);
                self.hang_up(Cause::TalkLimit, Party::Platform, limit, desk, now);
            }
            Timer::Ending => {
                self.media_open = false;
                for leg in 0..self.legs.len() {
                    self.leg_lost(leg as LegNo + 1, LegOutcome::Cancelled, 0, None, desk, now);
                }
            }
        }
    }

    /// What happens while a prompt of the flow plays.
    fn playing(&mut self, play: u32, next: StepNo, event: Event, desk: &mut Desk<'_>, now: Mono) {
        match event {
            Event::Played { play: ended } if ended == play => {
                self.disarm(Timer::Prompt);
                match self.notice_heard(play, now) {
                    true => self.noticed(Behind::Step(next), desk, now),
                    false => self.walk(next, desk, now),
                }
            }
            other => {
                if self.tells_notice(play) {
                    self.presses_consent(&other);
                }
                self.state = State::Playing { play, next };
                self.take_ending(other, desk, now);
            }
        }
    }

    /// Walks the flow until something outside has to happen, and has it done.
    fn walk(&mut self, from: StepNo, desk: &mut Desk<'_>, now: Mono) {
        let hotline = self.hotline.clone();
        let mut walked = Vec::new();
        let mut inputs = flow::Inputs {
            hotline: &hotline,
            caller: &self.caller,
            region: &self.region,
            at: Wall::of(self.started, self.wall_offset_ms),
            years: desk.years,
            chance: &mut self.chance,
            standing: &self.standing,
            slots: &mut self.flowing.slots,
        };
        let stop = flow::walk(&mut inputs, &mut desk.tenant.deals, from, &mut walked);
        let last = walked.last().map(|step| step.step);
        for step in walked {
            let is_exact = matches!(&step.why, flow::StepWhy::Percentage { mode: ShareMode::Exact, .. });
            let dealt = is_exact.then(|| desk.tenant.deals.state(hotline.number, step.step)).flatten();
            let place = step.step;
            let wanted = self.message_wanted(&step);
            let arm = arm(&hotline, &step);
            self.note(Fact::Walked(step), now);
            if let Some(arm) = arm {
                self.note(Fact::ArmTaken(Box::new(arm)), now);
            }
            if let Some(wanted) = wanted {
                self.note(wanted, now);
            }
            if let Some(state) = dealt {
                let turn = desk.tenant.next_turn();
                self.note(Fact::Dealt { step: place, state, turn }, now);
            }
        }
        match stop {
            Stop::Play { prompt, answer, next } => {
                if answer || !self.early.media {
                    self.answer_caller(desk, now);
                }
                let play = self.prompt(Arc::from(&prompt), now);
                self.state = State::Playing { play, next };
            }
            Stop::Dial { group } => {
                (self.flowing.after, self.flowing.dials) = (None, last);
                self.dial_group(group, desk, now);
            }
            Stop::HangUp { prompt } => {
                let cause = self.end_of_flow(Cause::FlowHangUp);
                if prompt.is_some() && !self.early.media {
                    self.answer_caller(desk, now);
                }
                self.refuse(cause, prompt.as_ref().map(Arc::from), desk, now)
            }
            Stop::Busy => {
                let cause = self.end_of_flow(Cause::FlowBusy);
                self.close_refused(cause, desk, now);
            }
            Stop::Password { next } => self.ask_password(next, desk, now),
            Stop::Challenge { next } => self.challenge(next, desk, now),
            Stop::Ask { step } => self.ask_step(step, desk, now),
            Stop::Reach { group, busy, no_answer, after } => {
                self.flowing.unless_found = (busy, no_answer);
                (self.flowing.after, self.flowing.dials) = (after, last);
                // A caller who comes back from a menu asks anew.
                self.tried.clear();
                self.dial_group(group, desk, now);
            }
            Stop::Loop => self.refuse(Cause::FlowLoop, None, desk, now),
            Stop::Queue { queue, exits, step } => self.join_queue(&queue, exits, step, desk, now),
            Stop::Voicemail { step } => self.leave_message(step, desk, now),
            Stop::Rate { step } => self.rate_at(step, desk, now),
            Stop::Http { step } => self.fetch(step, desk, now),
            Stop::Callback { step } => self.request_callback(step, desk, now),
            Stop::Notice { prompt, what, answer, next } => {
                let asks = what == NoticeOf::Recording && self.asks_consent();
                if answer || !self.early.media || (asks && !self.early.keys) {
                    self.answer_caller(desk, now);
                }
                let play = self.prompt(Arc::from(&prompt), now);
                self.flowing.begin_notice(what, play, Arc::from(&prompt));
                self.state = State::Playing { play, next };
            }
        }
    }

    /// Our 200, once: "answer" is this instant.
    fn answer_caller(&mut self, desk: &mut Desk<'_>, now: Mono) {
        if self.answered.is_some() {
            return;
        }
        self.disarm(Timer::Early);
        self.answered = Some(now);
        self.note(Fact::Answered, now);
        if self.calling_back.is_none() {
            self.actions.push_back(Action::AnswerCaller);
        }
        self.arm(Timer::TalkLimit, now + self.hotline.talk_ms_max);
        if self.hotline.charging_from == ChargingFrom::Answer {
            self.start_meter(desk, now);
        }
    }

    /// Who is still being served is answered; who is being refused hears the end of that unanswered.
    fn answer_before_the_carrier_cuts(&mut self, desk: &mut Desk<'_>, now: Mono) {
        match self.state {
            State::Refusing { .. } | State::Ending | State::Over => {}
            _ => self.answer_caller(desk, now),
        }
    }

    /// Plays a prompt to the caller, before our 200 as early media.
    fn prompt(&mut self, prompt: Arc<str>, now: Mono) -> u32 {
        let early = self.answered.is_none();
        if early {
            self.open_early_media();
        }
        self.note(Fact::Prompted { prompt: prompt.clone(), early }, now);
        self.arm(Timer::Prompt, now + PROMPT_MS_MAX);
        self.play(CALLER, Sound::Prompt(prompt), false)
    }

    fn open_early_media(&mut self) {
        if self.answered.is_none() && !self.early_media {
            self.early_media = true;
            self.actions.push_back(Action::EarlyMedia);
        }
    }

    fn play(&mut self, leg: LegNo, sound: Sound, repeat: bool) -> u32 {
        self.plays += 1;
        self.actions.push_back(Action::Play { leg, play: self.plays, sound, repeat });
        self.plays
    }

    fn take_quality(&mut self, leg: LegNo, quality: Quality, now: Mono) {
        if !matches!(self.state, State::Over) {
            self.note(Fact::QualityOf { leg, quality }, now);
        }
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The call's id.
    pub fn id(&self) -> CallId {
        self.id
    }

    /// The rules it started with.
    pub fn hotline(&self) -> &Arc<Hotline> {
        &self.hotline
    }

    /// Its caller, in national form.
    pub fn caller(&self) -> &str {
        &self.caller
    }

    /// What may be told of its caller, while it is up: the proof that a leg belongs to a live incoming call (row K06).
    pub fn live(&self) -> Option<Live<'_>> {
        let over = self.log.iter().rev().any(|dated| matches!(dated.fact, Fact::HungUp { .. }));
        let (withheld, number) = (self.withheld, self.hotline.number);
        let live = Live { caller: &self.caller, withheld, number, incoming: self.calling_back.is_none() };
        (!over).then_some(live)
    }

    /// Its log so far.
    pub fn log(&self) -> &[Dated] {
        &self.log
    }

    /// Whether our 200 went to the caller.
    pub fn is_answered(&self) -> bool {
        self.answered.is_some()
    }

    /// Whether it waits for keys, or plays the prompt that asks for them.
    pub fn is_asking(&self) -> bool {
        match &self.state {
            State::Asking(asking) => asking.is_asked(),
            State::Rating(rating) => rating.is_asked(),
            State::Requesting(requesting) => requesting.is_asked(),
            _ => false,
        }
    }

    /// Whether it is a step of a flow that asks.
    pub(crate) fn is_asked_by_a_step(&self) -> bool {
        matches!(&self.state, State::Asking(asking) if asking.is_of_a_step())
    }

    /// Whether it waits in a queue.
    pub fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting)
    }

    /// Whether it ended; its legs may still have a last word to say.
    pub fn is_ending(&self) -> bool {
        matches!(self.state, State::Ending | State::Over)
    }

    /// Whether the caller talks with this leg and nothing else is going on.
    pub fn is_talk_of(&self, leg: LegNo) -> bool {
        matches!(self.state, State::Talking { leg: talks } if talks == leg)
    }

    /// Whether this outgoing leg has answered and is up.
    pub fn has_answered(&self, leg: LegNo) -> bool {
        let place = usize::from(leg).checked_sub(1);
        place.and_then(|place| self.legs.get(place)).is_some_and(|leg| leg.state == LegState::Answered)
    }

    /// What is held for it, if it was admitted.
    pub fn admission(&self) -> Option<crate::tenant::Admission> {
        self.meter.as_ref().and_then(|meter| meter.admission())
    }

    /// When it began, and the fee it would have if it ended now; a call that is not charged yet has none (row B11).
    pub fn fee_so_far(&self, now: Mono) -> Option<(Wall, Money)> {
        let began = self.log.first()?.at;
        Some((self.wall(began), self.meter.as_ref()?.fee_so_far(now)?))
    }

    fn wall(&self, at: Mono) -> Wall {
        Wall::of(at, self.wall_offset_ms)
    }

    fn note(&mut self, fact: Fact, now: Mono) {
        self.log.push(Dated { at: now, fact });
    }
}

/// The share that a percentage step of a flow dealt.
fn arm(hotline: &Hotline, walked: &flow::Walked) -> Option<Arm> {
    let dealt = match &walked.why {
        flow::StepWhy::Percentage { dealt, .. } | flow::StepWhy::Kept { dealt, .. } => *dealt,
        _ => return None,
    };
    let split = hotline.split(walked.step)?;
    let word = |span| hotline.words.word(span);
    let name = word(*split.arms.get(usize::from(dealt))?);
    Some(Arm { flow: word(split.flow), version: split.version, step: word(split.step), name })
}

/// The kind of attempt a reason leads to.
fn forward_kind(busy: bool) -> AttemptKind {
    if busy { AttemptKind::ForwardBusy } else { AttemptKind::ForwardNoAnswer }
}
