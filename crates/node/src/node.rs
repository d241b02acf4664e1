//! The machine: inputs and instants in, journal facts and outputs out. A turn is handle (once, or for all that waits) →
//! journal → outputs: nothing of a turn leaves before its facts are written, so what was answered is always known after
//! a crash.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use hotline::agent::Refusal;
use hotline::calendar::HolidayYears;
use hotline::call::{Action, CALLER, Call, Dated, Desk, Event, Fact, LegNo};
use hotline::cdr::LegOutcome;
use hotline::flow::{Chance, Fetched, Request};
use hotline::rating::Tariffs;
use hotline::region::RegionTable;
use hotline::settlement::{self, AgentStep, Settlement};
use hotline::{CallId, HotlineNumber, Mono, Now, TenantId, Wall};
use sip::Endpoint;

use crate::arriving::{LOAD_MS_MAX, Parked};
use crate::books::Books;
use crate::callbacks::Callbacks;
use crate::carriers::{Carriers, RegistrationStanding, TrunkConfig};
use crate::directory::{Directory, Place};
use crate::floors::Floors;
use crate::guard::{Banned, Guard, Limits, Standing};
use crate::help::{HelpStep, Helps};
use crate::journal::{Chunk, Record, Writer};
use crate::listeners::{Listener, Listeners};
use crate::media::{self, Port};
use crate::people::{Change, Loaded};
use crate::phones::{Kept, Phones};
use crate::returning::Away;
use crate::slot::{Side, Slot, SlotId, Slots};
use crate::trial::{TrialOrder, TrialReport, Trials};

/// A heartbeat goes into the journal this often.
const HEARTBEAT_MS: u64 = 1_000;
/// The wall clock follows the monotonic one, slewed by at most this much.
const SLEW_PPM: u64 = 500;
/// A difference above this alarms and steps, for calls to come.
const STEP_MS: i64 = 1_000;

/// What a node is told once.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its SIP endpoint.
    pub sip: sip::Config,
    /// Carrier trunks.
    pub trunks: Vec<TrunkConfig>,
    /// What is said of each listener of `sip`; those beyond are for anybody.
    pub listeners: Vec<Listener>,
    /// What strangers are allowed.
    pub guard: Limits,
    /// Plans.
    pub tariffs: Tariffs,
    /// Regions.
    pub regions: Arc<RegionTable>,
    /// Compiled bodies kept, at most.
    pub warm_max: usize,
    /// Bytes of a journal segment.
    pub segment_bytes: u64,
    /// Segments in the journal's ring.
    pub segments: u64,
    /// Where the journal goes on.
    pub position: u64,
    /// The seed of call ids and of every random choice.
    pub seed: u64,
}

/// The key of nonces: from the seed, by another stream than calls draw from.
fn key_of(seed: u64) -> [u8; 32] {
    let mut chance = Chance::new(seed ^ u64::from_be_bytes(*b"register"));
    let mut key = [0; 32];
    key.chunks_exact_mut(8).for_each(|part| part.copy_from_slice(&chance.draw().to_be_bytes()));
    key
}

/// What happens to a node.
#[derive(Debug)]
#[expect(missing_docs, reason = "the variant's line names its fields")]
pub enum Input<'a> {
    /// A message of SIP: a datagram, or a whole message of a stream.
    Datagram { from: sip::Hop, bytes: &'a [u8] },
    /// The network says nobody listens there, or the connection is gone.
    Unreachable { to: sip::Hop },
    /// Media tells.
    Media(media::Event),
    /// A cold number was loaded, or could not be.
    Loaded(Loaded),
    /// The store committed every settlement up to a journal position.
    Committed { up_to: u64 },
    /// The facts of the last turn could not be written.
    JournalFailed,
    /// People changed something.
    Change(Change),
    /// A trunk is to be tried by a test call; [`Output::Tried`] follows (row X04).
    Try(TrialOrder),
    /// What came of a request of a call; one that waits for it no more passes it over.
    Fetched { call: CallId, number: u32, fetched: Fetched },
    /// Take no new calls, or take them again.
    Drain(bool),
    /// End every call now: both legs are told and each is billed to this instant (FAULTS F2).
    EndAll,
    /// Time passed.
    Tick,
}

/// What a node wants done.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the variant's line names its fields")]
pub enum Output {
    /// Send a message; `call` names its trace.
    Transmit { to: sip::Hop, bytes: Bytes, call: Option<CallId> },
    /// The turn's input of this place, counted from 0, belongs to this call: keep its datagram with the call's trace.
    Heard { call: CallId, input: usize },
    /// Tell media.
    Media(media::Command),
    /// Write a finished call to the store, in this order.
    Settle(Arc<Settlement>),
    /// Write a change of an agent's state to the store: before any settlement that follows, so that its mark is behind both.
    Agent(Arc<AgentStep>),
    /// Load a cold number's body, its tenant's account, or both, for the turn's input of this place; answer with
    /// [`Input::Loaded`].
    Load {
        number: HotlineNumber,
        tenant: TenantId,
        version: u32,
        place: Place,
        body: bool,
        account: bool,
        input: usize,
    },
    /// Journal positions below this are needed no more.
    Keep { from: u64 },
    /// Carriers speak from these addresses now and from no other: what listens for them alone may close itself to all
    /// others.
    Sources(Vec<IpAddr>),
    /// Close this connection: who has it is banned, and what else comes by it would be read for nothing.
    HangUp(sip::Hop),
    /// A phone is reached elsewhere now: to be kept over a restart, without anything waiting for it.
    Phone(Box<Kept>),
    /// The page that is a phone was gone for too long: the agents who have it are logged out, here already where their
    /// enterprise is in memory; it is to be kept.
    PageGone { tenant: TenantId, extension: String },
    /// A test call is over; the order's id and what was seen.
    Tried { order: u64, report: Box<TrialReport> },
    /// A step of a call's flow asks a server outside; answer with [`Input::Fetched`] (row I12).
    Fetch { call: CallId, tenant: TenantId, number: u32, request: Box<Request> },
    /// Something worth a line of log or a counter.
    Notice(Notice),
}

/// Worth a line of log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variant's line names its fields")]
pub enum Notice {
    /// A call began.
    Began { call: CallId, number: HotlineNumber, caller: String, trunk: Arc<str> },
    /// A call is over and on its way to the store.
    Ended { call: CallId, post_dial_ms: Option<u64> },
    /// The wall clock jumped: calls to come use the new time (FAULTS F7). A person should look.
    ClockStepped { by_ms: i64 },
    /// The journal's reserve is below a tenth: new calls are refused. A person should look.
    JournalLow { low: bool },
    /// The journal could not be written. A person should look.
    JournalFailed,
    /// An INVITE came from an address that is no trunk's, without a phone's proof: it was asked for one.
    Stranger { from: sip::Hop },
    /// A phone dialled what it may not. One that shows a 400 number as its caller tries to call out as that (row B10): a
    /// person should look.
    OutboundRefused { tenant: TenantId, extension: String, dialled: String, shown: Option<HotlineNumber> },
    /// An address is not heard for a while: it went on when its allowance was spent (FAULTS N2, N3).
    Banned(Banned),
    /// A wrong password, or a user that is none (FAULTS N4).
    WrongPassword { from: sip::Hop, user: String },
    /// A step of a phone's call to an emergency number (row K24). A person should know.
    Help { call: CallId, tenant: TenantId, extension: String, dialled: String, step: HelpStep },
    /// An INVITE showed one of our own 400 numbers as its caller and was dropped (row K06). A person should look.
    Forged { shown: HotlineNumber, number: HotlineNumber, trunk: Arc<str> },
    /// A carrier took our registration, for so long; 0 when it was taken back.
    Registered { trunk: Arc<str>, expires_s: u32 },
    /// A carrier refused our registration, or did not answer (0). A person should look.
    NotRegistered { trunk: Arc<str>, status: u16 },
    /// A call of a trunk did not prove the password that the trunk is asked for (FAULTS N4). A person should look.
    TrunkUnproven { trunk: Arc<str>, from: sip::Hop },
    /// A trunk was passed over because it may show no number for a call (row K06). A person should look.
    NoDisplay { call: CallId, trunk: Arc<str> },
    /// A leg was refused, since as many as may have left by trunks today for its enterprise or number (FAULTS N7). A person should
    /// look.
    DayFull { call: CallId, tenant: TenantId },
    /// An agent was set to rest because offers were not answered, or the phone is registered nowhere (row Q17). A supervisor
    /// should look.
    AgentRests { call: CallId, tenant: TenantId, agent: Arc<str>, how: Refusal },
}

/// Counts since the node began, for `/metrics`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Totals {
    pub invites: u64,
    pub accepted: u64,
    pub answered: u64,
    pub settled: u64,
    pub refused_unready: u64,
    pub refused_overload: u64,
    pub cold_loads: u64,
}

/// The node.
pub struct Node {
    pub(crate) endpoint: Endpoint,
    pub(crate) directory: Directory,
    pub(crate) books: Books,
    pub(crate) listeners: Listeners,
    pub(crate) carriers: Carriers,
    pub(crate) phones: Phones,
    pub(crate) guard: Guard,
    pub(crate) tariffs: Arc<Tariffs>,
    pub(crate) regions: Arc<RegionTable>,
    /// The holidays in force.
    pub(crate) holidays: Arc<HolidayYears>,
    pub(crate) slots: Slots,
    pub(crate) helps: Helps,
    pub(crate) trials: Trials,
    pub(crate) by_leg: BTreeMap<sip::LegId, (SlotId, LegNo)>,
    pub(crate) by_call: BTreeMap<CallId, SlotId>,
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) echoes: VecDeque<(SlotId, Event)>,
    pub(crate) floors: Floors,
    pub(crate) callbacks: Callbacks,
    pub(crate) writer: Writer,
    pub(crate) chance: Chance,
    pub(crate) ports: Vec<Vec<Port>>,
    /// Those of browsers, by shard.
    pub(crate) web_ports: Vec<Vec<Port>>,
    pub(crate) away: Away,
    pub(crate) totals: Totals,
    doing: VecDeque<(SlotId, Action)>,
    pub(crate) parked: BTreeMap<HotlineNumber, Vec<Parked>>,
    wakes: BinaryHeap<Reverse<(Mono, SlotId)>>,
    touched: Vec<SlotId>,
    ring_bytes: u64,
    pub(crate) kept_from: u64,
    pub(crate) drained: bool,
    pub(crate) journal_low: bool,
    heartbeat_at: Mono,
    wall: Option<WallClock>,
    pub(crate) now: Now,
    /// Inputs of this turn.
    inputs: usize,
}

/// The wall clock as an offset to the monotonic one.
#[derive(Clone, Copy, Debug)]
struct WallClock {
    offset_ms: i64,
    slewed_at: Mono,
}

impl Node {
    /// A node without calls. [`Node::recover`] follows where a journal was found.
    pub fn new(config: Config) -> Self {
        let mut books = Books::default();
        books.open_own(&TenantId::provider());
        let listeners = Listeners::new(&config.sip, &config.listeners);
        let roles = config.listeners.iter().map(|listener| listener.role).collect();
        let mut node = Self {
            endpoint: Endpoint::new(config.sip),
            directory: Directory::new(config.warm_max),
            books,
            carriers: Carriers::new(config.trunks, listeners.clone(), Mono(0)),
            listeners,
            phones: Phones::new(key_of(config.seed)),
            guard: Guard::new(config.guard, roles),
            tariffs: Arc::new(config.tariffs),
            regions: config.regions,
            holidays: Arc::new(HolidayYears::shipped().clone()),
            slots: Slots::default(),
            helps: Helps::default(),
            trials: Trials::default(),
            by_leg: BTreeMap::new(),
            by_call: BTreeMap::new(),
            outputs: VecDeque::new(),
            echoes: VecDeque::new(),
            floors: Floors::default(),
            callbacks: Callbacks::default(),
            writer: Writer::new(config.segment_bytes, config.position),
            chance: Chance::new(config.seed),
            ports: Vec::new(),
            web_ports: Vec::new(),
            away: Away::new(),
            totals: Totals::default(),
            doing: VecDeque::new(),
            parked: BTreeMap::new(),
            wakes: BinaryHeap::new(),
            touched: Vec::new(),
            ring_bytes: config.segment_bytes * config.segments,
            kept_from: config.position,
            drained: false,
            journal_low: false,
            heartbeat_at: Mono(0),
            wall: None,
            now: Now { mono: Mono(0), wall: Wall(0) },
            inputs: 0,
        };
        node.know_sources();
        node
    }

    /// The directory, to be filled before the first call.
    pub fn directory(&mut self) -> &mut Directory {
        &mut self.directory
    }

    /// Takes one input; what waits together may be handled one after the other in one turn. Afterwards write
    /// [`Node::facts`] once, then empty [`Node::poll_output`].
    pub fn handle(&mut self, input: Input<'_>, now: Now) {
        self.now = Now { mono: now.mono, wall: self.slewed(now) };
        self.inputs += 1;
        match input {
            Input::Datagram { from, bytes } => self.hear(from, bytes),
            Input::Unreachable { to } => {
                self.endpoint.send_failed(to, now.mono.0);
                self.hung_up(to);
            }
            Input::Media(event) => self.heard_media(event),
            Input::Loaded(loaded) => self.loaded(loaded),
            Input::Committed { up_to } => self.books.committed(up_to),
            Input::JournalFailed => return self.journal_failed(),
            Input::Change(change) => self.change(change),
            Input::Try(order) => self.begin_trial(order),
            Input::Fetched { call, number, fetched } => {
                if let Some(slot) = self.by_call.get(&call).copied() {
                    self.tell(slot, Event::Fetched { number, fetched: Box::new(fetched) });
                }
            }
            Input::Drain(on) => self.drain(on),
            Input::EndAll => self.end_all(),
            Input::Tick => {}
        }
        self.follow_up();
    }

    /// A message, if its sender is one to be heard.
    fn hear(&mut self, from: sip::Hop, bytes: &[u8]) {
        let now = self.now.mono;
        let phones = !self.phones.is_empty();
        let (standing, banned) = self.guard.look(from.listener, from.remote, phones, now);
        self.outputs.extend(banned.map(|banned| Output::Notice(Notice::Banned(banned))));
        match standing {
            Standing::Trunk | Standing::Proven => self.endpoint.receive(bytes, from, now.0),
            Standing::Stranger => self.endpoint.receive_from_stranger(bytes, from, now.0),
            Standing::Unheard if from.connection.is_some() && self.guard.is_banned(from.remote, now) => {
                self.outputs.push_back(Output::HangUp(from));
            }
            Standing::Unheard => {}
        }
    }

    /// Tells the guard, and whoever holds the sockets, where carriers speak from.
    pub(crate) fn know_sources(&mut self) {
        self.guard.know(self.carriers.hosts());
        self.outputs.push_back(Output::Sources(self.guard.known().collect()));
    }

    /// The place in its turn of the input being handled.
    pub(crate) fn input(&self) -> usize {
        self.inputs.saturating_sub(1)
    }

    /// What time and the endpoint bring, whatever the input was.
    fn follow_up(&mut self) {
        let now = self.now.mono;
        if self.endpoint.next_timeout().is_some_and(|at| at <= now.0) {
            self.endpoint.handle_timeout(now.0);
        }
        self.take_sip_events();
        while let Some((slot, event)) = self.echoes.pop_front() {
            self.tell(slot, event);
        }
        self.wake_calls();
        self.serve_floors();
        self.wake_trials();
        self.give_up_away();
        self.refuse_stale_parked();
        self.probe_trunks();
        self.register_trunks();
        self.note_agents();
        if now >= self.heartbeat_at {
            self.beat();
        }
    }

    fn take_sip_events(&mut self) {
        let mut heard = None;
        while let Some(event) = self.endpoint.poll_event() {
            heard = self.heard_sip(event).or(heard);
        }
        if let Some(call) = heard {
            self.outputs.push_back(Output::Heard { call, input: self.input() });
        }
    }

    /// The facts of this turn, to be written before any output of it is performed. After writing them call
    /// [`Node::facts_written`]; if they cannot be written handle [`Input::JournalFailed`] and come back.
    pub fn facts(&self) -> &[Chunk] {
        self.writer.chunks()
    }

    /// The facts of this turn are in the journal.
    pub fn facts_written(&mut self) {
        self.writer.clear();
        for id in std::mem::take(&mut self.touched) {
            if let Some(slot) = self.slots.get_mut(id)
                && !std::mem::replace(&mut slot.accepted, true)
            {
                self.totals.accepted += 1;
            }
        }
    }

    /// The next thing to do; `None` ends the turn. Only after [`Node::facts_written`].
    pub fn poll_output(&mut self) -> Option<Output> {
        loop {
            if let Some(output) = self.outputs.pop_front() {
                return Some(output);
            }
            if let Some((slot, action)) = self.doing.pop_front() {
                self.act(slot, action);
                continue;
            }
            let Some(transmit) = self.endpoint.poll_transmit() else {
                self.inputs = 0;
                return None;
            };
            let call = transmit
                .leg
                .and_then(|leg| self.by_leg.get(&leg))
                .and_then(|(slot, _)| self.slots.get(*slot));
            let help = || transmit.leg.and_then(|leg| self.helps.call_of(leg));
            let trial = || transmit.leg.and_then(|leg| self.trials.call_of(leg));
            let call = call.map(|slot| slot.id).or_else(help).or_else(trial);
            return Some(Output::Transmit { to: transmit.to, bytes: transmit.bytes, call });
        }
    }

    /// When to come back with [`Input::Tick`] at the latest.
    pub fn next_timeout(&self) -> Mono {
        if !self.echoes.is_empty() || self.floors.is_waiting() {
            return self.now.mono;
        }
        let parked = self.parked.values().flatten().map(|parked| parked.since + LOAD_MS_MAX).min();
        let wakes = self.wakes.peek().map(|Reverse((at, _))| *at);
        let sip = self.endpoint.next_timeout().map(Mono);
        let floors = self.floors.next_timeout();
        let (carriers, trials) = (self.carriers.next_timeout(self.now.mono), self.trials.next_timeout());
        [parked, wakes, sip, floors, carriers, trials, self.next_given_up()]
            .into_iter()
            .flatten()
            .fold(self.heartbeat_at, Mono::min)
    }

    /// Runs something on a live call's slot with its tenant, then journals what it noted and queues what it wants.
    pub(crate) fn with_call(&mut self, id: SlotId, run: impl FnOnce(&mut Call, &mut Desk<'_>, Now)) {
        let Some(mut slot) = self.slots.take(id) else { return };
        let now = self.now;
        // A call whose tenant could not be had sits at the provider's desk: it is only ever refused there.
        let own = slot.call.hotline().tenant.clone();
        let owner = if self.books.peek(&own).is_some() { own } else { TenantId::provider() };
        if let Some(tenant) = self.books.tenant(&owner) {
            let mut desk = Desk {
                tenant,
                trunks: &mut self.carriers.view,
                tariffs: &slot.tariffs,
                years: &self.holidays,
            };
            run(&mut slot.call, &mut desk, now);
            if let Some(floor) = tenant.known_floor_mut() {
                self.floors.hear(&owner, floor, self.now);
            }
        }
        self.note_facts(&mut slot, id);
        while let Some(action) = slot.call.poll_action() {
            self.doing.push_back((id, action));
        }
        self.rewake(&mut slot, id);
        self.slots.put_back(id, slot);
    }

    /// Tells a call what happened.
    pub(crate) fn tell(&mut self, id: SlotId, event: Event) {
        self.with_call(id, |call, desk, now| call.handle(event, desk, now));
    }

    fn note_facts(&mut self, slot: &mut Slot, id: SlotId) {
        let new = &slot.call.log()[slot.journalled..];
        if new.is_empty() {
            return;
        }
        let answered = new.iter().any(|dated| matches!(dated.fact, Fact::Answered));
        for dated in new {
            if let Fact::OfferOver { agent, how, rests: true, .. } = &dated.fact {
                let (tenant, agent) = (slot.call.hotline().tenant.clone(), agent.clone());
                let notice = Notice::AgentRests { call: slot.id, tenant, agent, how: *how };
                self.outputs.push_back(Output::Notice(notice));
            }
            if let Fact::CallbackKept { .. } = &dated.fact {
                self.callbacks.know(&slot.call.hotline().tenant);
            }
            if let Fact::TrunksPassed { passed, .. } = &dated.fact {
                let refused = passed.iter().filter(|(_, pass)| *pass == hotline::trunk::Pass::NoDisplay);
                let notice =
                    |(trunk, _): &(Arc<str>, _)| Notice::NoDisplay { call: slot.id, trunk: trunk.clone() };
                self.outputs.extend(refused.map(notice).map(Output::Notice));
                if passed.iter().any(|(_, pass)| *pass == hotline::trunk::Pass::DayFull) {
                    let tenant = slot.call.hotline().tenant.clone();
                    self.outputs.push_back(Output::Notice(Notice::DayFull { call: slot.id, tenant }));
                }
            }
        }
        let start = self.writer.append(&Record::Facts { call: slot.id, facts: new.into() });
        if slot.journalled == 0 {
            slot.first_position = start;
        }
        slot.end_position = self.writer.position();
        slot.journalled = slot.call.log().len();
        self.touched.push(id);
        if answered {
            self.totals.answered += 1;
            self.note_dialog(slot, CALLER);
        }
    }

    /// Journals what a BYE on a leg needs.
    pub(crate) fn note_dialog(&mut self, slot: &Slot, leg: LegNo) {
        let dialog = slot.side(leg).and_then(|side| side.sip).and_then(|sip| self.endpoint.dialog(sip));
        if let Some(dialog) = dialog {
            let dialog = std::borrow::Cow::Owned(dialog);
            self.writer.append(&Record::Dialog { call: slot.id, leg, dialog });
        }
    }

    fn rewake(&mut self, slot: &mut Slot, id: SlotId) {
        let next = slot.call.next_timeout();
        if next != slot.wake {
            slot.wake = next;
            if let Some(at) = next {
                self.wakes.push(Reverse((at, id)));
                self.thin_wakes();
            }
        }
    }

    /// Deadlines that were moved stay in the heap until they pass; when they outnumber the calls they are dropped.
    fn thin_wakes(&mut self) {
        if self.wakes.len() > 4 * self.slots.len() + 1_024 {
            let slots = &self.slots;
            self.wakes.retain(|Reverse((at, id))| slots.get(*id).is_some_and(|slot| slot.wake == Some(*at)));
        }
    }

    fn wake_calls(&mut self) {
        while let Some(Reverse((at, id))) = self.wakes.peek().copied() {
            if at > self.now.mono {
                return;
            }
            self.wakes.pop();
            let current = self.slots.get_mut(id).filter(|slot| slot.wake == Some(at));
            if let Some(slot) = current {
                slot.wake = None;
                self.tell(id, Event::Timeout);
            }
        }
    }

    /// The log of a call is complete: fold, rate, post, hand to the store, forget.
    pub(crate) fn finish(&mut self, id: SlotId) {
        let Some(slot) = self.slots.take(id) else { return };
        if let Some(settled) = settlement::settle(slot.id, slot.call.log(), &slot.tariffs, slot.end_position)
        {
            let post_dial_ms = settled.settlement.record.post_dial_ms;
            let settlement = self.books.settle(settled, slot.first_position);
            self.outputs.push_back(Output::Settle(settlement));
            self.outputs.push_back(Output::Notice(Notice::Ended { call: slot.id, post_dial_ms }));
        }
        if let Some(trunk) = &slot.trunk {
            self.carriers.view.end(trunk);
        }
        self.totals.settled += 1;
        self.by_call.remove(&slot.id);
        for side in &slot.sides {
            for sip in side.sip.iter().chain(&side.forks) {
                self.by_leg.remove(sip);
            }
        }
        self.slots.remove(id);
    }

    /// Nothing of this turn may be promised: calls that are not answered yet, or whose 200 was to leave now, are
    /// refused. What ends calls goes on, and their facts wait in the writer for a better turn.
    fn journal_failed(&mut self) {
        self.outputs.push_back(Output::Notice(Notice::JournalFailed));
        let mut touched = std::mem::take(&mut self.touched);
        touched.dedup();
        let doing = std::mem::take(&mut self.doing);
        let (mut lost, mut undialled) = (Vec::new(), Vec::new());
        for (slot, action) in doing {
            let concerned = touched.contains(&slot);
            match action {
                // Who asked to be called back keeps a leg of its own then, which is ended as such.
                Action::AnswerCaller | Action::BecomeCaller { .. } if concerned => lost.push(slot),
                Action::Dial { leg, .. } if concerned => undialled.push((slot, leg)),
                Action::EarlyMedia
                | Action::Play { .. }
                | Action::Bridge { .. }
                | Action::Record { .. }
                | Action::TakeMessage { .. }
                | Action::Fetch { .. }
                    if concerned => {}
                other => self.doing.push_back((slot, other)),
            }
        }
        for id in touched {
            let unanswered = self.slots.get(id).is_some_and(|slot| !slot.call.is_answered());
            if lost.contains(&id) {
                self.tell(id, Event::AnswerLost);
            } else if unanswered {
                self.tell(id, Event::NoCapacity);
            }
        }
        for (id, leg) in undialled {
            let outcome = LegOutcome::TrunkFailed;
            self.tell(id, Event::LegFailed { leg, outcome, status: 503, q850: None });
        }
        self.rest_callbacks();
    }

    fn drain(&mut self, on: bool) {
        self.drained = on;
        if on {
            self.put_callbacks_off();
        }
        self.endpoint.set_ready(!on && !self.journal_low);
    }

    fn end_all(&mut self) {
        self.refuse_parked_where(|_| true);
        self.end_helps();
        self.end_trials();
        let live: Vec<SlotId> = self.slots.iter().map(|(id, _)| id).collect();
        for id in live {
            self.tell(id, Event::Stopped);
        }
    }

    /// Once a second: the node lives; the journal is told what it may forget, and live calls move on in it.
    fn beat(&mut self) {
        let Now { mono, wall } = self.now;
        self.heartbeat_at = mono + HEARTBEAT_MS;
        self.keep_phones();
        self.look_at_pages();
        self.line_up_callbacks();
        self.writer.append(&Record::Heartbeat { mono, wall });
        self.checkpoint();
        self.note_helps();
        let position = self.writer.position();
        let oldest_call = self.slots.iter().map(|(_, slot)| slot.first_position).min();
        let from = [oldest_call, self.books.oldest_needed()].into_iter().flatten().min().unwrap_or(position);
        if from > self.kept_from {
            self.kept_from = from;
            self.outputs.push_back(Output::Keep { from });
        }
        let low = self.room() < self.ring_bytes / 10;
        if low != self.journal_low {
            self.journal_low = low;
            self.endpoint.set_ready(!low && !self.drained);
            self.outputs.push_back(Output::Notice(Notice::JournalLow { low }));
        }
    }

    /// Bytes that can still be written before the ring would run into what is needed.
    pub fn room(&self) -> u64 {
        self.ring_bytes.saturating_sub(self.writer.position().saturating_sub(self.kept_from))
    }

    /// Writes live calls again that hold on to the older half of the ring.
    fn checkpoint(&mut self) {
        let below = self.writer.position().saturating_sub(self.ring_bytes / 2);
        let old: Vec<SlotId> =
            self.slots.iter().filter(|(_, slot)| slot.first_position < below).map(|(id, _)| id).collect();
        for id in old {
            let Some(mut slot) = self.slots.take(id) else { continue };
            let dialog = |(leg, side): (usize, &Side)| Some((leg as LegNo, self.endpoint.dialog(side.sip?)?));
            let dialogs = slot.sides.iter().enumerate().filter_map(dialog).collect();
            let log: &[Dated] = slot.call.log();
            let record = Record::Checkpoint { call: slot.id, log: log.into(), dialogs };
            slot.first_position = self.writer.append(&record);
            self.slots.put_back(id, slot);
        }
    }

    /// The wall time calls see: the clock's, slewed; a jump is taken at once, by calls to come, and said.
    fn slewed(&mut self, now: Now) -> Wall {
        let offset_ms = now.wall.0 - now.mono.0 as i64;
        let Some(clock) = &mut self.wall else {
            self.wall = Some(WallClock { offset_ms, slewed_at: now.mono });
            return now.wall;
        };
        let difference = offset_ms - clock.offset_ms;
        if difference.abs() > STEP_MS {
            *clock = WallClock { offset_ms, slewed_at: now.mono };
            self.outputs.push_back(Output::Notice(Notice::ClockStepped { by_ms: difference }));
        } else {
            let most = (now.mono.since_ms(clock.slewed_at) * SLEW_PPM / 1_000_000) as i64;
            if most > 0 {
                clock.offset_ms += difference.clamp(-most, most);
                clock.slewed_at = now.mono;
            }
        }
        Wall::of(now.mono, clock.offset_ms)
    }

    /// Live calls, those for help and test calls included.
    pub fn calls_up(&self) -> usize {
        self.slots.len() + self.helps.len() + self.trials.len()
    }

    /// Counts since the node began.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// What the SIP endpoint holds.
    pub fn sip_counts(&self) -> sip::Counts {
        self.endpoint.counts()
    }

    /// What went by the SIP endpoint.
    pub fn sip_totals(&self) -> sip::Totals {
        self.endpoint.totals()
    }

    /// Free media ports.
    pub fn free_ports(&self) -> usize {
        self.ports.iter().map(Vec::len).sum()
    }

    /// Settlements the store has not committed.
    pub fn unsettled(&self) -> usize {
        self.books.unsettled()
    }

    /// A tenant's living state, for `explain` and for checks.
    pub fn tenant(&self, id: &TenantId) -> Option<&hotline::tenant::Tenant> {
        self.books.peek(id)
    }

    /// All tenants in memory.
    pub fn tenants(&self) -> impl Iterator<Item = (&TenantId, &hotline::tenant::Tenant)> {
        self.books.tenants()
    }

    /// The live calls with what they hold.
    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        self.slots.iter().map(|(_, slot)| &slot.call)
    }

    /// A live call by its id.
    pub fn call(&self, id: CallId) -> Option<&Call> {
        self.calls().find(|call| call.id() == id)
    }

    /// The trunks as calls see them.
    pub fn trunks(&self) -> &hotline::routing::Trunks {
        &self.carriers.view
    }

    /// A trunk's last answer to our OPTIONS: status and round trip in ms; `None` while there was none, or it was silent.
    pub fn trunk_health(&self, name: &str) -> Option<(u16, u64)> {
        self.carriers.last_answer(name)
    }

    /// How our registration with a trunk's carrier stands; `None` for a trunk without one.
    pub fn trunk_registration(&self, name: &str) -> Option<RegistrationStanding> {
        self.carriers.standing(name, self.now.mono)
    }

    /// Registrations with carriers whose end is on its way: a process that drained waits for them.
    pub fn registrations_leaving(&self) -> usize {
        self.carriers.registrations_leaving()
    }

    /// The plans in force.
    /// The holidays in force, for checks and pages.
    pub fn holidays(&self) -> &HolidayYears {
        &self.holidays
    }

    /// Every plan.
    pub fn tariffs(&self) -> &Tariffs {
        &self.tariffs
    }

    /// Who is heard.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Calls whose settlement is on its way.
    pub fn unsettled_calls(&self) -> impl Iterator<Item = CallId> {
        self.books.unsettled_calls()
    }
}
