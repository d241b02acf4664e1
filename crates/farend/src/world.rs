//! A small telephone network for the demo: a carrier that takes every call of the platform, phones behind it that
//! answer, are busy, do not answer or reject, and people of all provinces who dial 400 numbers.
//! It refuses to know how the platform is configured; the same seed gives the same people and the same patience.

mod town;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::ear::Sound;
use crate::udp::{Udp, bind_std};
use crate::voice::Says;
use town::Town;

/// The network.
#[derive(Clone, Debug)]
pub struct WorldConfig {
    /// Where the carrier listens, and where its callers' INVITEs come from. Port 0 takes a free one.
    pub carrier_listen: SocketAddr,
    /// The platform.
    pub target: SocketAddr,
    /// What the phone behind each number does. A number called with more digits in front (an access or area code)
    /// is found by its end.
    pub behaviours: BTreeMap<String, Behaviour>,
    /// What every other number does.
    pub otherwise: Behaviour,
    /// Who calls, or nobody.
    pub callers: Option<CallerPlan>,
    /// The chance of this world.
    pub seed: u64,
    /// Calls at once, both directions together; more are refused with 503.
    pub calls_max: usize,
}

impl WorldConfig {
    /// A carrier without callers whose phones all answer after 2 to 5 s and talk until the other side hangs up.
    pub fn new(carrier_listen: SocketAddr, target: SocketAddr) -> WorldConfig {
        WorldConfig {
            carrier_listen,
            target,
            behaviours: BTreeMap::new(),
            otherwise: Behaviour::Answers {
                ring_ms: (2000, 5000),
                talk_ms: None,
                says: Says::Speech { pitch_hz: 120 },
            },
            callers: None,
            seed: 1,
            calls_max: 200,
        }
    }
}

/// What a phone does when it is called.
#[derive(Clone, Debug, PartialEq)]
pub enum Behaviour {
    /// Rings and answers.
    Answers {
        /// Shortest and longest ringing.
        ring_ms: (u64, u64),
        /// Shortest and longest talk before this side hangs up; `None` leaves that to the other side.
        talk_ms: Option<(u64, u64)>,
        /// What it says.
        says: Says,
    },
    /// Answers at once and presses a key a while later, as somebody does who is asked for it; then says something until the
    /// other side hangs up.
    Presses {
        /// `0` to `9`, `*`, `#`.
        key: char,
        /// How long after the answer.
        after_ms: u64,
        /// What it says.
        says: Says,
    },
    /// 486, with Q.850 cause 17.
    Busy,
    /// Rings until the other side gives up.
    NoAnswer,
    /// 603 after two seconds of ringing, with Q.850 cause 21.
    Rejects,
    /// 404 at once, with Q.850 cause 1.
    Unallocated,
    /// 480 at once, with Q.850 cause 20: switched off, or out of reach.
    SwitchedOff,
    /// 503 at once, with Q.850 cause 34: the carrier has no circuit.
    NoCircuit,
    /// 183 with an announcement as early media, then a refusal: how a carrier says that a phone is switched off.
    Announces {
        /// What is heard.
        says: Says,
        /// For how long.
        for_ms: u64,
        /// The refusal.
        status: u16,
        /// Its Q.850 cause.
        q850: u16,
    },
    /// Nothing at all comes back.
    Dead,
}

/// Who calls.
#[derive(Clone, Debug, PartialEq)]
pub struct CallerPlan {
    /// On average; the intervals are those of independent people.
    pub calls_per_minute: f64,
    /// Province and the first digits of a number there; drawn evenly. A number is filled up to 11 digits.
    pub prefixes: Vec<(String, String)>,
    /// 400 numbers and how often each is dialled against the others.
    pub numbers: Vec<(String, u32)>,
    /// Mean of how long a caller wants to talk; drawn exponentially, between 3 s and six times as long.
    pub talk_mean: Duration,
    /// Shortest and longest time a caller waits for an answer.
    pub patience_ms: (u64, u64),
}

impl CallerPlan {
    /// People of all provinces dialling `numbers` evenly, wanting to talk for about half a minute.
    pub fn new(calls_per_minute: f64, numbers: impl IntoIterator<Item = String>) -> CallerPlan {
        CallerPlan {
            calls_per_minute,
            prefixes: MOBILE_PREFIXES
                .iter()
                .map(|&(province, prefix)| (province.into(), prefix.into()))
                .collect(),
            numbers: numbers.into_iter().map(|number| (number, 1)).collect(),
            talk_mean: Duration::from_secs(30),
            patience_ms: (15_000, 60_000),
        }
    }
}

/// Provinces of mainland China and the first seven digits of mobile numbers of their capitals, as in the published
/// prefix table of December 2023 (Python package `phone` 0.4.5).
pub static MOBILE_PREFIXES: &[(&str, &str)] = &[
    ("北京", "1381069"),
    ("天津", "1392039"),
    ("河北", "1863216"),
    ("山西", "1333341"),
    ("内蒙古", "1503499"),
    ("辽宁", "1384201"),
    ("吉林", "1394408"),
    ("黑龙江", "1864618"),
    ("上海", "1334195"),
    ("江苏", "1505188"),
    ("浙江", "1385809"),
    ("安徽", "1396500"),
    ("福建", "1865035"),
    ("江西", "1333012"),
    ("山东", "1506614"),
    ("河南", "1383823"),
    ("湖北", "1397161"),
    ("湖南", "1867446"),
    ("广东", "1332642"),
    ("广西", "1507719"),
    ("海南", "1387639"),
    ("重庆", "1398376"),
    ("四川", "1862824"),
    ("贵州", "1333961"),
    ("云南", "1508710"),
    ("西藏", "1388908"),
    ("陕西", "1399133"),
    ("甘肃", "1869329"),
    ("青海", "1332768"),
    ("宁夏", "1500956"),
    ("新疆", "1389987"),
];

/// Something that happened in this world.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum WorldEvent {
    /// Somebody dials.
    Dialled {
        /// The caller.
        caller: String,
        /// Where the caller lives; empty when not of the plan.
        province: String,
        /// The number dialled.
        number: String,
    },
    /// A caller was answered.
    Connected {
        /// The caller.
        caller: String,
        /// The number dialled.
        number: String,
        /// Since dialling.
        after_ms: u64,
    },
    /// A caller's call is over.
    Finished {
        /// The caller.
        caller: String,
        /// The number dialled.
        number: String,
        /// Final status of the INVITE.
        status: u16,
        /// Talk.
        talk_ms: u64,
        /// What was heard last, if anything.
        heard: Option<Sound>,
    },
    /// A phone behind the carrier is called.
    Called {
        /// The phone's number as dialled by the platform.
        number: String,
        /// The number shown.
        from: String,
        /// The number asserted by the platform, when it differs.
        asserted: Option<String>,
    },
    /// A phone answered.
    Answered {
        /// The phone's number.
        number: String,
        /// Ringing.
        after_ms: u64,
    },
    /// A phone heard a key.
    Digit {
        /// The phone's number.
        number: String,
        /// Which.
        digit: char,
    },
    /// A phone's call is over.
    Released {
        /// The phone's number.
        number: String,
        /// Final status of the INVITE: 200, our refusal, or 487.
        status: u16,
        /// Talk.
        talk_ms: u64,
        /// What was heard last, if anything.
        heard: Option<Sound>,
    },
}

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct WorldTotals {
    /// Calls placed by callers.
    pub dialled: u64,
    /// Of those, answered.
    pub connected: u64,
    /// Of those placed, over.
    pub finished: u64,
    /// Calls taken by the carrier.
    pub called: u64,
    /// Of those, answered by a phone.
    pub answered: u64,
    /// Of those taken, over.
    pub released: u64,
    /// RTP packets received by all phones.
    pub packets: u64,
}

/// Why a world could not begin.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// A socket could not be opened.
    #[error("socket {0}: {1}")]
    Socket(SocketAddr, std::io::Error),
    /// The thread could not be started.
    #[error("thread: {0}")]
    Thread(std::io::Error),
}

/// Keys that wait to be pressed.
const KEYS_MAX: usize = 64;

/// A running world, on a thread of its own. Dropping it stops it.
pub struct World {
    local: SocketAddr,
    totals: Arc<Mutex<WorldTotals>>,
    keys: mpsc::Sender<(String, u8)>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl World {
    /// Opens the carrier and lets the callers begin. `on_event` is called on the world's thread and should be quick.
    ///
    /// # Errors
    /// When the carrier's address is taken, or the system gives no thread.
    pub fn start(
        config: WorldConfig,
        on_event: impl FnMut(WorldEvent) + Send + 'static,
    ) -> Result<World, WorldError> {
        let listen = config.carrier_listen;
        let socket = bind_std(listen, 1 << 20).map_err(|error| WorldError::Socket(listen, error))?;
        let local = socket.local_addr().map_err(|error| WorldError::Socket(listen, error))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(WorldError::Thread)?;
        let socket = {
            let _within = runtime.enter();
            Udp::from_std(socket).map_err(|error| WorldError::Socket(listen, error))?
        };
        let totals = Arc::new(Mutex::new(WorldTotals::default()));
        let (stop, stopped) = oneshot::channel();
        let (keys, pressed) = mpsc::channel(KEYS_MAX);
        let town = Town::new(config, socket, totals.clone(), Box::new(on_event));
        let thread = std::thread::Builder::new()
            .name("far-ends".into())
            .spawn(move || runtime.block_on(town.live(pressed, stopped)))
            .map_err(WorldError::Thread)?;
        Ok(World { local, totals, keys, stop: Some(stop), thread: Some(thread) })
    }

    /// A caller of this world presses a key: `0-9 * # A-D`. Where nobody of that number calls, or too many press at once,
    /// nothing happens, as with a person who does not react.
    pub fn press(&self, caller: &str, key: u8) {
        let _ = self.keys.try_send((caller.to_owned(), key));
    }

    /// Where the carrier listens.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Counts since the start.
    pub fn totals(&self) -> WorldTotals {
        // The lock is held for single additions and this copy only; a panic elsewhere leaves plain counts.
        *self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends all calls and the thread; waits for both, two seconds at most for the far ends' answers.
    pub fn stop(mut self) -> WorldTotals {
        self.end();
        self.totals()
    }

    fn end(&mut self) {
        // The thread may have ended by itself; then there is nobody to tell.
        let _ = self.stop.take().map(|stop| stop.send(()));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.end();
    }
}

impl std::fmt::Display for WorldEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let heard = |heard: &Option<Sound>| heard.map(|sound| format!(", heard {sound}")).unwrap_or_default();
        match self {
            WorldEvent::Dialled { caller, province, number } => {
                write!(f, "{caller} ({province}) dials {number}")
            }
            WorldEvent::Connected { caller, number, after_ms } => {
                write!(f, "{caller} is through to {number} after {after_ms} ms")
            }
            WorldEvent::Finished { caller, number, status, talk_ms, heard: sound } => {
                write!(f, "{caller} to {number}: {status}, talked {} s{}", talk_ms / 1000, heard(sound))
            }
            WorldEvent::Called { number, from, .. } => write!(f, "phone {number} is called by {from}"),
            WorldEvent::Answered { number, after_ms } => {
                write!(f, "phone {number} answers after {after_ms} ms")
            }
            WorldEvent::Digit { number, digit } => write!(f, "phone {number} hears key {digit}"),
            WorldEvent::Released { number, status, talk_ms, heard: sound } => {
                write!(f, "phone {number}: {status}, talked {} s{}", talk_ms / 1000, heard(sound))
            }
        }
    }
}
