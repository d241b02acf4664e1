//! A world: one node, its disk, its store, its media and everybody who talks to it, on one virtual clock. A seed decides
//! everything, so a world that fails can be lived again. It refuses to help the node in any way the server does not.

mod callbacks;
mod confirming;
mod deeds;
pub(crate) use deeds::SLEEP_MS_MAX;
mod floor;
mod life;
mod rush;
mod stage;
mod turn;

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use hotline::call::{Dated, Tone};
use hotline::enterprise::Enterprise;
use hotline::flow::Fetched;
use hotline::rating::Tariffs;
use hotline::region::RegionTable;
use hotline::{CallId, Hotline, Money, Now, TenantId, Wall, settlement};
use node::media::Event as MediaEvent;
use node::{Loaded, Node, TrunkConfig};

use crate::dice::Dice;
use crate::disk::Disk;
use crate::far::{Doings, FarEnds, Timer};
use crate::media::Media;
use crate::store::Store;
use crate::watch::Watch;

pub use deeds::Weather;
use life::{Crash, Life};
pub use rush::{Rush, rush};
pub use stage::Stage;

/// Where the node listens.
pub const NODE: ([u8; 4], u16) = ([10, 0, 0, 1], 5060);
/// Where somebody calls from whom nobody knows.
const STRANGER: ([u8; 4], u16) = ([10, 0, 7, 7], 5060);
/// Events kept for the report of a failure.
const RECENT_MAX: usize = 80;
/// A full sweep of all that must hold follows this many steps.
const SWEEP_EVERY: u64 = 1_000;
/// So many steps in one millisecond mean that the node wants to be asked again and again.
const STEPS_AT_ONCE_MAX: u64 = 5_000;

/// What a seed is run with.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Virtual minutes; the last ten of them bring no new calls.
    pub minutes: u64,
    /// Whether to keep words for a report; worlds are faster without.
    pub trace: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { minutes: 60, trace: false }
    }
}

/// What happened in a world that held.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Summary {
    pub invites: u64,
    pub records: u64,
    pub answered: u64,
    pub steps: u64,
    pub crashes: u32,
    pub fees: Money,
    pub causes: Vec<(hotline::cdr::Cause, u32)>,
    /// Talks that were to go to somebody else.
    pub transfers: u64,
    /// Requests for callbacks that the platform was to dial, calls made for them, and those that reached who asked.
    pub callbacks: [u64; 3],
    /// Answers that were to be confirmed, and those of them that were not.
    pub confirms: [u64; 2],
    /// Offers that were held against the lines, and times in which somebody waited beside a free agent for so long that it had to be
    /// told why (rows Q01, Q02).
    pub lines: [u64; 2],
}

/// What a world that did not hold left behind.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// The step after which it was seen.
    pub step: u64,
    /// What did not hold.
    pub broken: String,
    /// The last events, oldest first.
    pub recent: Vec<String>,
}

/// Something that will happen.
#[derive(Debug)]
enum Due {
    ToNode { from: SocketAddr, bytes: Vec<u8> },
    Unreachable { to: SocketAddr },
    ToFar { to: SocketAddr, bytes: Vec<u8>, call: Option<CallId> },
    Far { leg: usize, timer: Timer },
    Media { life: u32, event: MediaEvent },
    Reply { life: u32, reply: Reply },
    Store,
    Deed(deeds::Deed),
    Restart,
    CheckDown { call: CallId },
    CheckLegs { life: u32, legs: Vec<usize> },
    Silence { leg: usize },
    Fetched { life: u32, call: CallId, number: u32, fetched: Fetched },
    BusyTone { leg: usize },
}

impl Due {
    fn is_for_node(&self) -> bool {
        matches!(
            self,
            Due::ToNode { .. }
                | Due::Unreachable { .. }
                | Due::Media { .. }
                | Due::Reply { .. }
                | Due::Silence { .. }
                | Due::Fetched { .. }
                | Due::BusyTone { .. }
        )
    }
}

/// What the store tells the node. Commits have one order, accounts and credits another: an account may be read before
/// a commit and told behind it.
#[derive(Debug)]
enum Reply {
    Loaded(TenantId, Box<Loaded>),
    Committed(u64),
    Credit(TenantId, Money),
}

struct Entry {
    at: u64,
    serial: u64,
    due: Due,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.serial) == (other.at, other.serial)
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.serial).cmp(&(other.at, other.serial))
    }
}

/// The world.
pub struct World {
    seed: u64,
    options: Options,
    /// INVITEs of the node that were looked at when they left first.
    shown: BTreeSet<Vec<u8>>,
    dice: Dice,
    /// Milliseconds since the world began.
    clock: u64,
    steps: u64,
    /// The step after which all was looked at last.
    swept_at: u64,
    serial: u64,
    heap: BinaryHeap<Reverse<Entry>>,
    weather: Weather,
    wall_ms: i64,
    node: Option<Node>,
    life: Life,
    crash: Option<Crash>,
    disk_fails: bool,
    disk: Disk,
    store: Store,
    store_busy: bool,
    /// When the store's last word of each lane arrives.
    lanes: [u64; 2],
    /// How long an account is on its way from its reading to the node, at least.
    reads_ms: u64,
    media: Media,
    far: FarEnds,
    watch: Watch,
    enterprises: Vec<(Enterprise, u32)>,
    trunks: Vec<TrunkConfig>,
    trunk_moods: Vec<deeds::Mood>,
    tariffs: Tariffs,
    regions: Arc<RegionTable>,
    recent: VecDeque<String>,
    touched: Vec<TenantId>,
    /// Enterprises an agent of which was given an order in the store alone: accounts that were under way then are read anew.
    held: BTreeSet<TenantId>,
    invites: u64,
    answered: u64,
    closing: bool,
    /// Callees whose 200 came so late that nobody wanted it, and whose node died between its ACK and its BYE. Nothing
    /// is written down of such a leg: the callee's own session ends it.
    excused: BTreeSet<usize>,
    /// The node's thread does not run until then: what comes waits.
    asleep_until: u64,
    /// Inputs the node handled since its last turn.
    unturned: u32,
    /// What a scenario's people see, if this is one.
    words: Option<stage::Words>,
    /// Chance of its own for orders about talks.
    mover: Dice,
    /// Requests to servers outside that a scenario has not answered yet: the call, its number, how many values.
    fetches: VecDeque<(CallId, u32, usize)>,
    /// Chance of its own for what servers outside answer.
    outside: Dice,
    /// Answers that are confirmed.
    confirming: confirming::Confirming,
    lines: [u64; 2],
    /// A rush of callers, if this is one.
    rush: Option<rush::Plan>,
}

/// Lives a seed through.
///
/// # Errors
/// The first thing that must always hold and did not.
pub fn run(seed: u64, options: Options) -> Result<Summary, Failure> {
    let mut world = World::new(seed, options);
    match world.live() {
        Ok(()) => Ok(world.summary()),
        Err(_) if !options.trace => match run(seed, Options { trace: true, ..options }) {
            Err(failure) => Err(failure),
            Ok(_) => {
                Err(world.failure("the seed fails once and holds the next time: it does not replay".into()))
            }
        },
        Err(broken) => Err(world.failure(broken)),
    }
}

/// A call of a world as the store keeps it, and the rules that it went by.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The call.
    pub id: CallId,
    /// Its log.
    pub log: Vec<Dated>,
    /// The rules, at the version that the log names.
    pub hotline: Arc<Hotline>,
}

/// Lives a seed through; the calls that its store keeps, as they came.
///
/// # Errors
/// The first thing that must always hold and did not.
pub fn live(seed: u64, options: Options) -> Result<Vec<Kept>, Failure> {
    let mut world = World::new(seed, options);
    if let Err(broken) = world.live() {
        return Err(world.failure(broken));
    }
    Ok(world.kept())
}

impl World {
    fn new(seed: u64, options: Options) -> Self {
        let mut dice = Dice::new(seed);
        let weather = Weather::of(seed, &mut dice);
        let enterprises = crate::tenants::enterprises(&mut dice);
        let mut world = Self::build(seed, options, dice, weather, enterprises, deeds::trunks());
        world.furnish();
        world
    }

    fn build(
        seed: u64,
        options: Options,
        mut dice: Dice,
        weather: Weather,
        enterprises: Vec<Enterprise>,
        trunks: Vec<TrunkConfig>,
    ) -> Self {
        let (segment_bytes, segments) =
            *dice.pick(&[(16 << 10, 40), (32 << 10, 24), (64 << 10, 16), (1 << 20, 32)]);
        Self {
            seed,
            shown: BTreeSet::new(),
            options,
            clock: 0,
            steps: 0,
            swept_at: 0,
            serial: 0,
            heap: BinaryHeap::new(),
            wall_ms: weather.begins_at.0,
            weather,
            node: None,
            life: Life::default(),
            crash: None,
            disk_fails: false,
            disk: Disk::new(segment_bytes, segments),
            store: Store::default(),
            store_busy: false,
            lanes: [0; 2],
            reads_ms: 0,
            media: Media::default(),
            far: FarEnds::new(SocketAddr::from(NODE)),
            watch: Watch::default(),
            enterprises: enterprises.into_iter().map(|enterprise| (enterprise, 1)).collect(),
            trunk_moods: vec![deeds::Mood::default(); trunks.len()],
            trunks,
            tariffs: Tariffs::shipped(),
            regions: Arc::new(RegionTable::shipped().clone()),
            recent: VecDeque::new(),
            touched: Vec::new(),
            held: BTreeSet::new(),
            invites: 0,
            answered: 0,
            closing: false,
            excused: BTreeSet::new(),
            asleep_until: 0,
            unturned: 0,
            words: None,
            mover: Dice::new(seed ^ 0x7472_616e_7366_6572),
            fetches: VecDeque::new(),
            outside: Dice::new(seed ^ 0x0068_7474_7000_0000),
            confirming: confirming::Confirming::new(seed),
            lines: [0, 0],
            rush: None,
            dice,
        }
    }

    /// The calls that the store keeps, as they came.
    fn kept(&self) -> Vec<Kept> {
        let kept = self.store.records.iter().filter_map(|(id, settlement)| {
            let log = settlement::read_log(&settlement.log)?;
            let record = &settlement.record;
            let hotline = self.watch.hotlines.get(&(record.number, record.version))?.clone();
            Some(Kept { id: *id, log, hotline })
        });
        kept.collect()
    }

    fn live(&mut self) -> Result<(), String> {
        self.restart()?;
        let end = self.options.minutes * 60_000;
        let last_call = end.saturating_sub(10 * 60_000);
        self.plan_deeds(last_call);
        self.live_until(last_call)?;
        self.close_up();
        self.live_until(end)?;
        self.sweep()?;
        self.check_quiet()
    }

    /// Lives through all that happens up to an instant.
    fn live_until(&mut self, end: u64) -> Result<(), String> {
        let mut at_once = 0;
        while let Some(at) = self.next_instant().filter(|at| *at <= end) {
            at_once = if at == self.clock { at_once + 1 } else { 0 };
            if at_once > STEPS_AT_ONCE_MAX {
                return Err("the node asks for time again and again, and time stands still".into());
            }
            self.clock = at;
            if let Some(words) = &mut self.words {
                words.now = at;
            }
            self.step()?;
            self.faults()?;
            // In the middle of a turn the disk does not know yet what memory does.
            if self.steps >= self.swept_at + SWEEP_EVERY && self.unturned == 0 {
                self.swept_at = self.steps;
                self.sweep()?;
            }
        }
        self.clock = end.max(self.clock);
        Ok(())
    }

    fn next_instant(&self) -> Option<u64> {
        let asleep = self.asleep_until.max(self.clock);
        let node = self.node.as_ref().map(|node| self.life.instant(node.next_timeout()).max(asleep));
        let event = self.heap.peek().map(|Reverse(entry)| entry.at);
        node.into_iter().chain(event).min()
    }

    fn step(&mut self) -> Result<(), String> {
        self.steps += 1;
        let due = self.heap.peek().is_some_and(|Reverse(entry)| entry.at <= self.clock);
        if !due {
            return self.tell(node::Input::Tick);
        }
        let Some(Reverse(entry)) = self.heap.pop() else { return Ok(()) };
        self.happen(entry.due)
    }

    fn happen(&mut self, due: Due) -> Result<(), String> {
        if due.is_for_node() {
            if self.clock < self.asleep_until {
                self.later(self.asleep_until - self.clock, due);
                return Ok(());
            }
            self.reach_node(due);
            return self.end_turn();
        }
        match due {
            Due::ToFar { to, bytes, call } => self.reach_far(to, &bytes, call),
            Due::Far { leg, timer } => {
                let mut out = Doings::default();
                self.far.due(leg, timer, &mut out);
                self.far_did(out)
            }
            Due::Store => {
                self.store_works();
                Ok(())
            }
            Due::Deed(deed) => self.do_deed(deed),
            Due::Restart => self.restart(),
            Due::CheckDown { call } => self.check_down(call),
            Due::CheckLegs { life, legs } if life == self.life.number => self.check_legs(&legs),
            _ => Ok(()),
        }
    }

    fn reach_node(&mut self, due: Due) {
        match due {
            Due::ToNode { from, bytes } => {
                self.hear(node::Input::Datagram { from: from.into(), bytes: &bytes })
            }
            Due::Unreachable { to } => self.hear(node::Input::Unreachable { to: to.into() }),
            Due::Media { life, event } if life == self.life.number => self.media_says(event),
            Due::Reply { life, reply } => self.store_says(life, reply),
            Due::Fetched { life, call, number, fetched } if life == self.life.number => {
                self.hear(node::Input::Fetched { call, number, fetched });
            }
            Due::Silence { leg } => self.fall_silent(leg),
            Due::BusyTone { leg } => self.play_tone(leg, Tone::Busy),
            _ => {}
        }
    }

    fn later(&mut self, ms: u64, due: Due) {
        self.serial += 1;
        let at = self.clock + ms;
        let at = if due.is_for_node() { at.next_multiple_of(self.weather.looks_every_ms) } else { at };
        self.heap.push(Reverse(Entry { at, serial: self.serial, due }));
    }

    fn now(&self) -> Now {
        Now { mono: self.life.mono(self.clock), wall: Wall(self.wall_ms + self.clock as i64) }
    }

    fn note(&mut self, words: impl FnOnce() -> String) {
        if self.options.trace {
            if self.recent.len() == RECENT_MAX {
                self.recent.pop_front();
            }
            let line = format!("{:>10.3}s {}", self.clock as f64 / 1000.0, words());
            self.recent.push_back(line);
        }
    }

    /// What the parts of the world saw the node do wrong.
    fn faults(&mut self) -> Result<(), String> {
        let found = self.media.faults.pop().or_else(|| self.store.faults.pop());
        found.map_or(Ok(()), Err)
    }

    fn summary(&self) -> Summary {
        Summary {
            invites: self.invites,
            records: self.store.records.len() as u64,
            answered: self.answered,
            steps: self.steps,
            crashes: self.life.number.saturating_sub(1),
            fees: self.store.records.values().flat_map(|s| &s.charges).map(|charge| charge.amount_e4).sum(),
            transfers: self.store.records.values().map(|s| u64::from(s.record.transfers)).sum(),
            callbacks: self.called_back(),
            confirms: self.confirming.counts,
            lines: self.lines,
            causes: self.watch.causes.iter().map(|(cause, count)| (*cause, *count)).collect(),
        }
    }

    fn failure(&mut self, broken: String) -> Failure {
        let recent = std::mem::take(&mut self.recent).into();
        Failure { seed: self.seed, step: self.steps, broken, recent }
    }
}
