//! Handshakes of DTLS-SRTP, on a thread of their own: their arithmetic takes a millisecond that no packet waits for.
//! It is given datagrams of proven sources and gives keys; it refuses to know legs beyond their names.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use dimpl::{Config, Dtls, DtlsCertificate, KeyingMaterial, Output, SrtpProfile};

use super::{Fingerprint, Shaken};
use crate::command::LegId;
use crate::srtp::{Keyring, Master, Suite};
use crate::sys::limits;

/// Datagrams that may wait; what finds no room comes again, as after a loss.
const QUEUE_MAX: usize = 4_096;
/// How long a finished handshake is kept, so that its last words can be said again.
const KEPT: Duration = Duration::from_secs(60);
/// Longest record written: below the smallest path that carries WebRTC.
const RECORD_BYTES_MAX: usize = 1_500;

/// What the thread is asked.
pub(crate) enum Order {
    /// A datagram of a leg's peer.
    Heard { leg: LegId, shard: u16, from: SocketAddr, datagram: Box<[u8]> },
    /// The leg is closed.
    Forget { leg: LegId },
}

/// Where orders are given.
pub(crate) type Orders = mpsc::SyncSender<Order>;

/// Who we are in handshakes: a key and a certificate that it signed itself, made at each start.
pub(crate) struct Identity {
    certificate: DtlsCertificate,
    pub fingerprint: Fingerprint,
}

impl Identity {
    /// A new one.
    ///
    /// # Errors
    /// The system gives no chance.
    pub fn draw() -> io::Result<Identity> {
        let made = rcgen::KeyPair::generate().and_then(|key| {
            let parameters = rcgen::CertificateParams::new(Vec::<String>::new())?;
            let certificate = parameters.self_signed(&key)?.der().to_vec();
            Ok(DtlsCertificate { certificate, private_key: key.serialize_der() })
        });
        let certificate = made.map_err(io::Error::other)?;
        let fingerprint = Fingerprint::of(&certificate.certificate);
        Ok(Identity { certificate, fingerprint })
    }

    /// One end of a handshake: the one that begins, or the one that is begun with.
    pub fn end(&self, begins: bool) -> io::Result<Dtls> {
        // ICE has proven the source already; a cookie would only cost a round trip.
        let config = Config::builder().use_server_cookie(false).build().map_err(io::Error::other)?;
        let mut dtls = Dtls::new_auto(Arc::new(config), self.certificate.clone(), Instant::now());
        dtls.set_active(begins);
        Ok(dtls)
    }
}

/// The running thread.
pub(crate) struct Handshakes {
    thread: std::thread::JoinHandle<()>,
}

impl Handshakes {
    /// Starts it. `sockets` are those of the shards; `tell` is given what each handshake came to. It ends when the last
    /// [`Orders`] are gone.
    pub fn start(
        identity: Identity,
        sockets: Vec<UdpSocket>,
        orders: mpsc::Receiver<Order>,
        tell: impl Fn(u16, LegId, Shaken) + Send + 'static,
    ) -> io::Result<Handshakes> {
        let mut work =
            Work { identity, sockets, tell, open: HashMap::new(), buffer: vec![0; RECORD_BYTES_MAX] };
        let thread = std::thread::Builder::new().name("media-dtls".into()).spawn(move || {
            // A handshake costs milliseconds; a packet of a talk is late by then.
            limits::stand_back();
            work.run(&orders);
        })?;
        Ok(Handshakes { thread })
    }

    /// A queue for it.
    pub fn queue() -> (Orders, mpsc::Receiver<Order>) {
        mpsc::sync_channel(QUEUE_MAX)
    }

    /// Waits for its end.
    pub fn join(self) {
        if self.thread.join().is_err() {
            eprintln!("media: the thread of handshakes ended by a panic");
        }
    }
}

struct Work<Tell> {
    identity: Identity,
    sockets: Vec<UdpSocket>,
    tell: Tell,
    open: HashMap<LegId, Handshake>,
    buffer: Vec<u8>,
}

struct Handshake {
    dtls: Dtls,
    shard: u16,
    /// Where its newest datagram came from.
    peer: SocketAddr,
    /// Of the peer's certificate, once shown.
    theirs: Option<Fingerprint>,
    keys: Option<Keyring>,
    /// The peer has proven that it has the certificate's key, and all that was said.
    connected: bool,
    due: Option<Instant>,
    /// When it is forgotten, once it is over.
    until: Option<Instant>,
}

impl Handshake {
    fn new(dtls: Dtls, shard: u16, peer: SocketAddr) -> Handshake {
        Handshake { dtls, shard, peer, theirs: None, keys: None, connected: false, due: None, until: None }
    }

    /// What it came to, once, when it is over.
    fn shaken(&mut self) -> Option<Shaken> {
        let theirs = self.theirs.filter(|_| self.connected)?;
        let keys = self.keys.take()?;
        self.until = Some(Instant::now() + KEPT);
        Some(Shaken { keys, theirs })
    }
}

impl<Tell: Fn(u16, LegId, Shaken)> Work<Tell> {
    fn run(&mut self, orders: &mpsc::Receiver<Order>) {
        loop {
            let order = match self.next_due() {
                None => orders.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected),
                Some(due) => orders.recv_timeout(due.saturating_duration_since(Instant::now())),
            };
            match order {
                Ok(Order::Heard { leg, shard, from, datagram }) => self.heard(leg, shard, from, &datagram),
                Ok(Order::Forget { leg }) => {
                    self.open.remove(&leg);
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
            }
            self.pass_time();
        }
    }

    fn next_due(&self) -> Option<Instant> {
        self.open.values().filter_map(|one| one.due.into_iter().chain(one.until).min()).min()
    }

    fn heard(&mut self, leg: LegId, shard: u16, from: SocketAddr, datagram: &[u8]) {
        let handshake = match self.open.entry(leg) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                let Ok(dtls) = self.identity.end(false) else { return };
                entry.insert(Handshake::new(dtls, shard, from))
            }
        };
        handshake.peer = from;
        let now = Instant::now();
        // Time goes on before the datagram is looked at: the first look sets the clock.
        let alive =
            handshake.dtls.handle_timeout(now).is_ok() && handshake.dtls.handle_packet(datagram).is_ok();
        self.speak(leg, alive);
    }

    /// Says what is to be said; who failed is forgotten, and may begin anew.
    fn speak(&mut self, leg: LegId, mut alive: bool) {
        let Some(handshake) = self.open.get_mut(&leg) else { return };
        while alive {
            match handshake.dtls.poll_output(&mut self.buffer) {
                Output::Packet(record) => {
                    // What is lost here is said again.
                    let _ = self.sockets[usize::from(handshake.shard)].send_to(record, handshake.peer);
                }
                Output::PeerCert(certificate) => handshake.theirs = Some(Fingerprint::of(certificate)),
                Output::KeyingMaterial(material, profile) => {
                    handshake.keys = keyring(&material, profile, false);
                }
                Output::Connected => handshake.connected = true,
                Output::Timeout(due) => {
                    handshake.due = Some(due);
                    if let Some(shaken) = handshake.shaken() {
                        (self.tell)(handshake.shard, leg, shaken);
                    }
                    return;
                }
                Output::CloseNotify | Output::BufferTooSmall { .. } => alive = false,
                _ => {}
            }
        }
        self.open.remove(&leg);
    }

    fn pass_time(&mut self) {
        let now = Instant::now();
        self.open.retain(|_, one| one.until.is_none_or(|until| now < until));
        let due = |one: &&LegId| self.open[*one].due.is_some_and(|due| due <= now);
        let late: Vec<LegId> = self.open.keys().filter(due).copied().collect();
        for leg in late {
            let Some(handshake) = self.open.get_mut(&leg) else { continue };
            handshake.due = None;
            let alive = handshake.dtls.handle_timeout(now).is_ok();
            self.speak(leg, alive);
        }
    }
}

/// The keys of both directions (RFC 5764 section 4.2): first the two keys, then the two salts, the client's first.
pub(crate) fn keyring(material: &KeyingMaterial, profile: SrtpProfile, begins: bool) -> Option<Keyring> {
    let suite = match profile {
        SrtpProfile::AEAD_AES_256_GCM => Suite::Gcm256,
        SrtpProfile::AEAD_AES_128_GCM => Suite::Gcm128,
        SrtpProfile::AES128_CM_SHA1_80 => Suite::Cm80,
        _ => return None,
    };
    let (key_bytes, salt_bytes) = suite.key_bytes();
    let octets: &[u8] = material;
    let (keys, salts) = octets.split_at_checked(2 * key_bytes)?;
    if salts.len() != 2 * salt_bytes {
        return None;
    }
    let of = |at: usize| {
        let (key, salt) = (&keys[at * key_bytes..][..key_bytes], &salts[at * salt_bytes..][..salt_bytes]);
        Master { suite, key: [key, salt].concat().into() }
    };
    let (client, server) = (of(0), of(1));
    Some(match begins {
        true => Keyring { ours: client, theirs: server },
        false => Keyring { ours: server, theirs: client },
    })
}
