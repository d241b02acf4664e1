//! `sibai serve`: puts the process together, waits for a signal, takes it apart again. The order of both is its whole
//! knowledge.

mod provider;
mod reaching;
mod web;

pub use provider::{at_rest, trunks};
pub(crate) use provider::{password, tls_names, with_passwords};
use web::WebThread;

use std::fs::File;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use hotline::region::RegionTable;
use node::{Node, recovery};
use store::Store;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

use crate::bridge::Bridge;
use crate::clock::Clock;
use crate::config::{Config, Listen, Over, Wrong};
use crate::copies::{self, Copies};
use crate::inbox::{Inbox, Message};
use crate::journal;
use crate::meters::Meters;
use crate::net::{Bound, Identity, Limits, Names, Streams, Trust, UdpSip, outward_address};
use crate::prompts::{self, Shelf};
use crate::registrations::RegistrationsThread;
use crate::running::Running;
use crate::signalling::{Signalling, Socket};
use crate::snapshot::{self, Snapshot};
use crate::storing::accounts::Accounts;
use crate::storing::aside::Aside;
use crate::storing::{StoreThread, Work};
use crate::traces::TraceThread;
use crate::{http, ops};

/// How long one attempt to reach the database may take.
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// Between two attempts to reach a database that is away at the start: at first, and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));
/// Between two looks at whether the last call is over.
const DRAIN_LOOK: Duration = Duration::from_millis(100);
/// How long calls that are ended are waited for: a leg that says nothing more is given up after 35 s.
const END_MAX: Duration = Duration::from_secs(45);
/// How long the database and far ends are waited for once the last call is over: what the database does not take stays
/// in the journal, and a BYE that nobody answered is sent again at the next start.
const SETTLE_MAX: Duration = Duration::from_secs(5);

/// Why the process did not start, or ended badly.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ServeError {
    #[error("{0}")]
    Config(#[from] Wrong),
    #[error("{} is in use by another sibai process", .0.display())]
    Locked(PathBuf),
    #[error("the data directory {}: {error}", dir.display())]
    DataDir { dir: PathBuf, error: io::Error },
    #[error("{0}")]
    Store(#[from] store::Error),
    #[error("the database does not answer within {} s", CONNECT_MAX.as_secs())]
    DatabaseSilent,
    #[error("{0}")]
    Snapshot(#[from] snapshot::Error),
    #[error("{0}")]
    Journal(#[from] journal::OpenError),
    #[error("{what} {address}: {error}")]
    Listen { what: &'static str, address: SocketAddr, error: io::Error },
    /// A certificate, its key or the authorities cannot be used.
    #[error("TLS: {0}")]
    Tls(io::Error),
    #[error("media: {0}")]
    Media(#[from] media::StartError),
    #[error("trunk {name}: {address:?} is no address and port, and no name that leads to one")]
    Trunk { name: String, address: String },
    /// A trunk is to be called by a listener that is not configured.
    #[error("trunk {name}: {code}: {why}")]
    UnknownListener { name: String, code: &'static str, why: String },
    #[error("{0}")]
    System(#[from] io::Error),
}

impl ServeError {
    /// Whether it is only that the database is away: it may come, so the start goes on without it, or waits for it
    /// (FAULTS F3). An address that is none, an authentication refused or a schema of somebody else's is for a person, at
    /// once.
    fn is_database_away(&self) -> bool {
        match self {
            ServeError::DatabaseSilent => true,
            ServeError::Store(error) | ServeError::Snapshot(snapshot::Error::Store(error)) => {
                error.is_passing()
            }
            ServeError::Config(_)
            | ServeError::Locked(_)
            | ServeError::DataDir { .. }
            | ServeError::Snapshot(snapshot::Error::Files { .. })
            | ServeError::Journal(_)
            | ServeError::Listen { .. }
            | ServeError::Tls(_)
            | ServeError::Media(_)
            | ServeError::Trunk { .. }
            | ServeError::UnknownListener { .. }
            | ServeError::System(_) => false,
        }
    }
}

/// The lock on a data directory; whoever holds it may write there.
pub struct DataLock(#[expect(dead_code, reason = "held, never read")] File);

impl DataLock {
    /// Takes the lock, and makes the directory if it is not there.
    ///
    /// # Errors
    /// Another process holds it, or the directory cannot be made.
    pub fn take(dir: &Path) -> Result<DataLock, ServeError> {
        let failed = |error| ServeError::DataDir { dir: dir.to_owned(), error };
        std::fs::create_dir_all(dir).map_err(failed)?;
        let path = dir.join("lock");
        let file = File::options().create(true).truncate(false).write(true).open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(DataLock(file)),
            Err(std::fs::TryLockError::WouldBlock) => Err(ServeError::Locked(dir.to_owned())),
            Err(std::fs::TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

/// Opens the database of a configuration and brings its tables up to date.
///
/// # Errors
/// Those of the database.
pub async fn open_store(config: &Config) -> Result<Store, ServeError> {
    if let Some(path) = config.database_url.strip_prefix("sqlite:")
        && let Some(dir) = Path::new(path).parent()
    {
        std::fs::create_dir_all(dir)?;
    }
    let opening = Store::open(&config.database_url);
    // A file answers when it can: what its last process left in the log is folded in first.
    let store = match config.database_url.starts_with("sqlite:") {
        true => opening.await?,
        false => match tokio::time::timeout(CONNECT_MAX, opening).await {
            Ok(opened) => opened?,
            Err(_) => return Err(ServeError::DatabaseSilent),
        },
    };
    store.migrate().await?;
    Ok(store)
}

/// Runs until a signal ends it.
///
/// # Errors
/// Something it needs cannot be had; nothing is left running then.
pub fn serve(config: Config) -> Result<(), ServeError> {
    serve_with(config, |_| {})
}

/// The same, with a word to whoever wants the handle once calls are taken.
///
/// # Errors
/// Those of [`serve`].
pub fn serve_with(config: Config, started: impl FnOnce(Running)) -> Result<(), ServeError> {
    let process = Process::start(config)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let within = runtime.enter();
    let signals = Signals::take()?;
    drop(within);
    started(process.running.clone());
    let ended = runtime.block_on(process.wait(signals));
    process.end();
    ended
}

/// The signals that end the process in order. Whoever is told that it runs may send one at once.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// A write beyond a limit of the file size comes back as an error, as on a full disk, instead of ending us.
    _file_size: Signal,
}

impl Signals {
    /// Takes them from now on. Needs a tokio runtime.
    fn take() -> io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            _file_size: signal(SignalKind::from_raw(libc::SIGXFSZ))?,
        })
    }
}

/// The running threads, in the order in which they end.
struct Process {
    running: Running,
    inbox: Arc<Inbox>,
    stopping: Arc<Notify>,
    web: WebThread,
    signalling: Option<JoinHandle<io::Result<()>>>,
    signalling_ended: Arc<Notify>,
    traces: Option<TraceThread>,
    registrations: RegistrationsThread,
    store: StoreThread,
    _lock: DataLock,
}

/// What the store thread finds out at the start.
struct Opened {
    snapshot: Snapshot,
    entries: Vec<(hotline::HotlineNumber, node::directory::Entry)>,
    provider: provider::Provider,
    mark: u64,
    heard: Vec<store::HeardPrompt>,
    /// Whether the database itself told it; else it is away, and the copies of an earlier start did.
    told_by: Teller,
}

/// What told a start.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Teller {
    Database,
    Copies,
}

/// How long until the next attempt to reach a database that is away.
struct Pause(Duration);

impl Default for Pause {
    fn default() -> Pause {
        Pause(RETRY.0)
    }
}

impl Pause {
    fn next(&mut self) -> Duration {
        let now = self.0;
        self.0 = (now * 2).min(RETRY.1);
        now
    }
}

impl Process {
    fn start(config: Config) -> Result<Process, ServeError> {
        let began = std::time::Instant::now();
        let lock = DataLock::take(&config.data_dir)?;
        crate::api::sweep_uploads(&config.data_dir)?;
        let inbox = Arc::new(Inbox::new()?);
        let meters = Arc::new(Meters::default());
        // An address that cannot be had is said before anything is waited for; INVITEs do not pile up meanwhile.
        drop(listen_sip(&config)?);
        let shown = http::Shown::new(meters.clone(), config.data_dir.clone());
        let mut identities = Vec::new();
        let web = WebThread::start(&config, shown.clone(), &mut identities)?;
        let (store, work, opened) = open_data(&config, &inbox, &meters)?;
        listeners_are_known(&config, &opened.provider.trunks)?;
        let sockets = listen_sip(&config)?;
        let local = sockets[0].udp.local();
        let snapshot = Arc::new(opened.snapshot);
        let (mut journal, segments) = config.ring().open()?;
        let found =
            recovery::find(segments.iter().map(Vec::as_slice), config.journal.segment_bytes, opened.mark);
        drop(segments);
        quarantine(&config, &found);
        journal.free_below(found.needed_from());
        let media_advertised = told_of_ports(&config);
        let shelf = Shelf::new(&config.data_dir, &opened.heard, inbox.clone())?;
        let bridge = Bridge::new(start_media(&config, &inbox, local)?, shelf, inbox.clone());
        let traces = match config.trace.enabled {
            true => Some(TraceThread::start(&config.data_dir.join("traces"), config.trace.days)?),
            false => None,
        };
        let clock = Clock::starting_at(found.mono() + 1);
        let via = config.sip.advertised.unwrap_or_else(|| reachable(local));
        // A ring that was lost or moved away must not begin below what the database has: its calls would pass for settled.
        let segment = config.journal.segment_bytes;
        let mut position = found.position.max(opened.mark.div_ceil(segment) * segment);
        if opened.told_by == Teller::Copies {
            // The mark may be older than the database's, by less than this.
            position += segment;
        }
        let mut sip = sip::Config {
            user_agent: Some("Sibai".into()),
            registrar: true,
            ..sip::Config::new(via, seed()?)
        };
        let names = Names::default();
        names.replace(tls_names(&opened.provider.trunks));
        let streams = start_streams(&config, &sockets, &mut sip, &mut identities, (&inbox, names.clone()))?;
        web.renew(identities)?;
        shown.sip_opened(take_websockets(&config, &mut sip, web.address, &streams));
        face_trunks(&mut sip);
        let mut node = Node::new(node::Config {
            sip,
            trunks: with_passwords(opened.provider.trunks),
            listeners: listeners(&config),
            guard: config.guard,
            tariffs: opened.provider.tariffs,
            regions: Arc::new(regions(&config)),
            warm_max: config.warm_numbers_max,
            segment_bytes: segment,
            segments: config.journal.segments,
            position,
            seed: seed()?,
        });
        node.take_holidays(Arc::new(opened.provider.holidays));
        let numbers = opened.entries.len();
        node.directory().fill(opened.entries);
        node.phones().keep_alive(config.keep_alive_s * 1_000);
        node.phones().replace(None, snapshot.phones()?);
        let recovered = found.calls();
        node.recover(found, clock.now());
        node.phones().pages_gone_after(config.page_gone_ms());
        let (registrations, kept) = RegistrationsThread::start(&config.data_dir)?;
        kept.into_iter().for_each(|kept| node.phones().recall(kept, clock.now()));
        let (lost, of_pages) = tokio::sync::mpsc::channel(ops::agents::LOST_MAX);
        let signalling = Signalling {
            lost,
            journal,
            clock,
            inbox: inbox.clone(),
            bridge,
            media_advertised,
            snapshot: snapshot.clone(),
            store: store.door(),
            registrations: registrations.door(),
            fetching: crate::fetching::start(config.http_steps.clone(), inbox.clone())
                .map_err(ServeError::Tls)?,
            traces: traces.as_ref().map(TraceThread::door),
            meters: meters.clone(),
            mask: config.log.mask,
            sockets,
            streams,
            node,
        };
        let stopping = Arc::new(Notify::new());
        let sip = local;
        shown.journal_opened(signalling.journal.progress());
        let running = Running::new(
            config.clone(),
            inbox.clone(),
            meters.clone(),
            work.store.clone(),
            snapshot,
            work.copies.clone(),
            work.accounts.clone(),
            stopping.clone(),
            sip,
            web.address,
            traces.as_ref().map(TraceThread::door),
            names,
        );
        web.answer_control(&config, running.clone())?;
        shown.api().opened(running.clone());
        let signalling_ended = Arc::new(Notify::new());
        let signalling = spawn_signalling(signalling, signalling_ended.clone())?;
        if opened.told_by == Teller::Copies {
            store.runtime().spawn(reaching::run(running.clone(), position));
        }
        store.runtime().spawn(ops::calendar::watch(meters.clone(), running.store().clone()));
        store.runtime().spawn(ops::alarms::watch(running.clone()));
        store.runtime().spawn(ops::callbacks::recall(running.clone()));
        store.runtime().spawn(ops::agents::check(running.clone(), meters.clone()));
        store.runtime().spawn(ops::agents::keep_lost(running.clone(), of_pages));
        store.runtime().spawn(ops::agents::forget_changes(running.clone()));
        store.runtime().spawn(crate::messages::run(running.clone(), meters.clone()));
        store.runtime().spawn(ops::recordings::watch(running.clone()));
        store.runtime().spawn(ops::exports::watch(running.clone()));
        store.runtime().spawn(ops::quality::samples::watch(running.clone()));
        meters.started.set(true);
        let (ms, http) = (began.elapsed().as_millis() as u64, web.address);
        tracing::info!(%sip, %http, numbers, recovered, ms, "calls are taken");
        Ok(Process {
            running,
            inbox,
            stopping,
            web,
            signalling: Some(signalling),
            signalling_ended,
            traces,
            registrations,
            store,
            _lock: lock,
        })
    }

    /// Waits for the first signal, then for the last call. At the limit, or at a second signal, calls that are still up
    /// are ended (FAULTS F2); a third signal waits for nothing.
    async fn wait(&self, signals: Signals) -> Result<(), ServeError> {
        let Signals { mut terminate, mut interrupt, _file_size } = signals;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = self.stopping.notified() => {}
            () = self.signalling_ended.notified() => return Ok(()),
        }
        let calls = self.running.meters().calls_up.value();
        self.running.drain(true);
        tracing::info!(calls, "stopping: no new calls are taken; a second signal ends those that are up");
        let most = Duration::from_secs(self.running.config().drain_s_max);
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            drained = tokio::time::timeout(most, self.drained()) => {
                if drained.is_ok() {
                    return Ok(());
                }
            }
        }
        let calls = self.running.meters().calls_up.value();
        tracing::warn!(calls, "calls that are still up are ended; a further signal does not wait for it");
        self.running.end_calls();
        tokio::select! {
            _ = terminate.recv() => tracing::warn!("forced to end; calls that are up end with node_lost at the next start"),
            _ = interrupt.recv() => tracing::warn!("forced to end; calls that are up end with node_lost at the next start"),
            _ = tokio::time::timeout(END_MAX, self.drained()) => {}
        }
        Ok(())
    }

    /// Returns once no call is up, its far ends know it and the database has all of them, or these are given up.
    async fn drained(&self) {
        let idle = |node: &Node, _| {
            (node.calls_up(), node.unsettled() + node.sip_counts().legs + node.registrations_leaving())
        };
        let mut looks = tokio::time::interval(DRAIN_LOOK);
        let mut over_since = None;
        loop {
            looks.tick().await;
            match self.running.ask(idle).await {
                Ok((0, 0)) | Err(_) => return,
                Ok((0, _)) => {
                    let since: &mut tokio::time::Instant =
                        over_since.get_or_insert_with(tokio::time::Instant::now);
                    if since.elapsed() >= SETTLE_MAX {
                        return;
                    }
                }
                Ok(_) => over_since = None,
            }
        }
    }

    fn end(mut self) {
        self.inbox.push(Message::Stop);
        if let Some(thread) = self.signalling.take() {
            match thread.join() {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "the signalling thread failed"),
                Err(_) => tracing::error!("the signalling thread ended by a panic"),
            }
        }
        drop(self.web);
        drop(self.traces);
        drop(self.registrations);
        drop(self.store);
        tracing::info!("ended");
    }
}

/// Binds all sockets for datagrams; the first is that of `[sip]`.
fn listen_sip(config: &Config) -> Result<Vec<Socket>, ServeError> {
    let own = std::iter::once((0, config.sip.listen, config.sip.role));
    let further = (1..).zip(&config.listeners).filter(|(_, listen)| listen.over == Over::Udp);
    own.chain(further.map(|(listener, listen)| (listener, listen.bind, listen.role)))
        .map(|(listener, address, role)| {
            let udp = UdpSip::bind(address).map_err(|error| cannot_listen(address, error))?;
            Ok(Socket { udp, listener, role })
        })
        .collect()
}

fn cannot_listen(address: SocketAddr, error: io::Error) -> ServeError {
    ServeError::Listen { what: "SIP on", address, error }
}

/// The address that media ports are told by where a listener has none of its own; `None` is the one bound.
fn told_of_ports(config: &Config) -> Option<IpAddr> {
    let sip = config.sip.advertised.map(|told| told.ip());
    let everywhere = config.media.address.filter(IpAddr::is_unspecified).map(outward_address);
    config.media.advertised.or(sip).or(everywhere)
}

/// What is said of each listener of the endpoint; that of WebSockets is the last.
fn listeners(config: &Config) -> Vec<node::Listener> {
    let (sip, http) = (&config.sip, &config.http);
    let first = node::Listener {
        role: sip.role,
        bound: Some(sip.listen),
        media: config.told_of_media(sip.media_advertised, sip.advertised, sip.listen),
    };
    let further = config.listeners.iter().map(|listen| node::Listener {
        role: listen.role,
        bound: Some(listen.bind),
        media: config.told_of_media(listen.media_advertised, listen.advertised, listen.bind),
    });
    let last = node::Listener {
        role: http.role,
        bound: None,
        media: config.told_of_media(http.media_advertised, http.advertised, http.listen),
    };
    std::iter::once(first).chain(further).chain([last]).collect()
}

/// A trunk that names a listener there is not would be called from an address its carrier does not know.
fn listeners_are_known(config: &Config, trunks: &[node::TrunkConfig]) -> Result<(), ServeError> {
    for trunk in trunks {
        config.has_listener_of(&trunk.profile).map_err(|fault| ServeError::UnknownListener {
            name: trunk.name.clone(),
            code: fault.code(),
            why: fault.text().1,
        })?;
    }
    Ok(())
}

/// Binds the streams that `[[listen]]` names and starts their thread; each listener joins those the endpoint knows, in
/// order, datagrams' too. Certificates join `identities`.
fn start_streams(
    config: &Config,
    sockets: &[Socket],
    sip: &mut sip::Config,
    identities: &mut Vec<Identity>,
    (inbox, names): (&Arc<Inbox>, Names),
) -> Result<Streams, ServeError> {
    let mut bound = Vec::new();
    for listen in &config.listeners {
        let listener = sip.listeners.len() as u16;
        let (transport, identity) = match &listen.over {
            Over::Udp => (sip::Transport::Udp, None),
            Over::Tcp => (sip::Transport::Tcp, None),
            Over::Tls { certificate, key } => {
                (sip::Transport::Tls, Some(Identity::read(certificate, key).map_err(ServeError::Tls)?))
            }
        };
        identities.extend(identity.clone());
        let local = match sockets.iter().find(|socket| socket.listener == listener) {
            Some(socket) => socket.udp.local(),
            None => {
                let new = Bound::new(listener, listen.bind, identity).and_then(|new| Ok((new.local()?, new)));
                let (local, new) = new.map_err(|error| cannot_listen(listen.bind, error))?;
                bound.push(new);
                local
            }
        };
        sip.listeners.push(sip::Listener { transport, advertised: advertised(listen, local) });
    }
    let trust =
        config.authorities.as_deref().map_or_else(Trust::none, Trust::read).map_err(ServeError::Tls)?;
    Ok(Streams::start(bound, trust.with_names(names), Limits::default(), inbox.clone())?)
}

fn advertised(listen: &Listen, local: SocketAddr) -> SocketAddr {
    listen.advertised.unwrap_or_else(|| reachable(local))
}

/// HTTP is a listener of SIP too: WebSockets come in at `/sip`.
fn take_websockets(
    config: &Config,
    sip: &mut sip::Config,
    bound: SocketAddr,
    streams: &Streams,
) -> http::SipDoor {
    let transport = if config.http.identity.is_some() { sip::Transport::Wss } else { sip::Transport::Ws };
    let listener = sip.listeners.len() as u16;
    let advertised = config.http.advertised.unwrap_or_else(|| reachable(bound));
    sip.listeners.push(sip::Listener { transport, advertised });
    http::SipDoor { door: streams.door(), listener, transport }
}

/// A trunk by TCP or TLS is called without a listener of ours too: its own connection leads back.
fn face_trunks(sip: &mut sip::Config) {
    for transport in [sip::Transport::Tcp, sip::Transport::Tls] {
        if !sip.listeners.iter().any(|known| known.transport == transport) {
            let advertised = sip.listeners[0].advertised;
            sip.listeners.push(sip::Listener { transport, advertised });
        }
    }
}

/// An address others can be told: one bound to all addresses is told by the one that leads outward.
fn reachable(local: SocketAddr) -> SocketAddr {
    if local.ip().is_unspecified() {
        SocketAddr::new(outward_address(local.ip()), local.port())
    } else {
        local
    }
}

/// Starts the store thread, which opens database and snapshot.
fn open_data(
    config: &Config,
    inbox: &Arc<Inbox>,
    meters: &Arc<Meters>,
) -> Result<(StoreThread, Work, Opened), ServeError> {
    let (told, opened) = std::sync::mpsc::sync_channel(1);
    let (config, inbox, meters) = (config.clone(), inbox.clone(), meters.clone());
    let open = move || async move {
        let copies = Copies::of(&config).map_err(|error| in_data(&config, error))?;
        let (store, found) = await_data(&config, copies.as_ref(), &meters).await?;
        // The receiver waits below for as long as this thread lives.
        let _ = told.send(found);
        Ok::<Work, ServeError>(Work {
            store,
            node: config.node.clone(),
            inbox,
            meters,
            accounts: Accounts::default(),
            archive: config.archive(),
            aside: Arc::new(Aside::in_data(&config.data_dir)),
            retention_days: config.recording.retention_days,
            copies,
            mask: config.log.mask,
        })
    };
    let (thread, work) = StoreThread::start(open)?;
    let opened = opened.recv().map_err(|_| io::Error::other("the store thread told nothing"))?;
    Ok((thread, work, opened))
}

fn in_data(config: &Config, error: io::Error) -> ServeError {
    ServeError::DataDir { dir: config.data_dir.clone(), error }
}

/// Reads what a start needs. With the database away the copies of an earlier start do; without them it is waited for.
async fn await_data(
    config: &Config,
    copies: Option<&Copies>,
    meters: &Meters,
) -> Result<(Store, Opened), ServeError> {
    let began = std::time::Instant::now();
    let mut pause = Pause::default();
    loop {
        match read_data(config, copies).await {
            Err(error) if error.is_database_away() => {
                meters.store_failures.add(1);
                if meters.database_away.set(true) {
                    if let Some(copied) = copied_data(config, copies).await? {
                        tracing::error!(%error, "the database is away; the copies of an earlier start take its place");
                        return Ok(copied);
                    }
                    tracing::error!(%error, "the database is away; calls are taken once it is there");
                } else {
                    tracing::debug!(%error, "the database is still away");
                }
            }
            read => {
                if meters.database_away.set(false) {
                    let waited_ms = began.elapsed().as_millis() as u64;
                    tracing::info!(waited_ms, good = read.is_ok(), "the database answers");
                }
                return read;
            }
        }
        tokio::time::sleep(pause.next()).await;
    }
}

async fn read_data(config: &Config, copies: Option<&Copies>) -> Result<(Store, Opened), ServeError> {
    let store = open_store(config).await?;
    let provider = provider::Provider::open(&store, config).await?;
    let mark = store.journal_mark(&config.node).await?.unwrap_or(0);
    let (snapshot, entries, found) = Snapshot::open(&config.data_dir.join("snapshot"), &store).await?;
    if found.compiled_tenants > 0 {
        tracing::info!(tenants = found.compiled_tenants, "compiled into the snapshot");
    }
    if let Some(copies) = copies
        && is_synced(&snapshot)
    {
        let provider::Provider { trunks, tariffs, holidays } = provider.clone();
        copies
            .keep(copies::Provider { trunks, tariffs, holidays, index_bytes: snapshot.index_bytes() }, mark);
    }
    let heard = store.heard_prompts(None).await?;
    Ok((store, Opened { snapshot, entries, provider, mark, heard, told_by: Teller::Database }))
}

/// What the copies say, if they are there and whole; the store is a handle on a database that is away.
async fn copied_data(
    config: &Config,
    copies: Option<&Copies>,
) -> Result<Option<(Store, Opened)>, ServeError> {
    let Some((copy, mark)) = copies.and_then(Copies::read) else { return Ok(None) };
    let opened = Snapshot::open_alone(&config.data_dir.join("snapshot"), copy.index_bytes)?;
    let Some((snapshot, entries)) = opened else { return Ok(None) };
    let provider = provider::Provider { trunks: copy.trunks, tariffs: copy.tariffs, holidays: copy.holidays };
    let store = Store::away(&config.database_url).await?;
    let heard = prompts::kept_heard(&config.data_dir);
    Ok(Some((store, Opened { snapshot, entries, provider, mark, heard, told_by: Teller::Copies })))
}

/// Lets the disk have the snapshot, before a copy tells of it.
fn is_synced(snapshot: &Snapshot) -> bool {
    let synced = snapshot.sync();
    if let Err(error) = &synced {
        tracing::error!(%error, "the snapshot is not on the disk; no copy is kept for a start without the database");
    }
    synced.is_ok()
}

/// The table of regions in force: imported files that cannot be read leave calls to the shipped one, and are said.
fn regions(config: &Config) -> RegionTable {
    ops::regions::table(&ops::regions_dir(&config.data_dir)).unwrap_or_else(|refusal| {
        let error = refusal.en;
        tracing::error!(%error, "the imported region data are not in force; the shipped table is");
        RegionTable::shipped().clone()
    })
}

/// Segments with places that cannot be read are kept for a person to look at (FAULTS B6).
fn quarantine(config: &Config, found: &recovery::Found) {
    for position in &found.flipped {
        match config.ring().quarantine(*position) {
            Ok(copy) => tracing::error!(
                position,
                copy = %copy.display(),
                "the journal holds bytes that are no record; the segment was copied"
            ),
            Err(error) => tracing::error!(position, %error, "the journal holds bytes that are no record"),
        }
    }
}

fn start_media(config: &Config, inbox: &Arc<Inbox>, sip: SocketAddr) -> Result<media::Engine, ServeError> {
    let address = config.media.address.unwrap_or_else(|| reachable(sip).ip());
    let recordings = media::RecordingConfig::in_dir(config.recordings_dir());
    let (first, last) = config.media.ports;
    let engine = media::Config {
        shards: config.media.shards,
        ports: first..=last,
        pool_per_shard: config.media.pool_per_shard,
        quarantine_ms: config.media.rest_ms,
        web_port: config.media.web_port,
        web_legs: config.media.web_legs,
        recording: config.recording.enabled.then_some(recordings),
        ..media::Config::local(address)
    };
    let inbox = inbox.clone();
    Ok(media::Engine::start(engine, move |events| inbox.push(Message::Media(events)))?)
}

fn spawn_signalling(signalling: Signalling, ended: Arc<Notify>) -> io::Result<JoinHandle<io::Result<()>>> {
    /// Says that the thread is over, also when it panicked.
    struct Over(Arc<Notify>);
    impl Drop for Over {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    std::thread::Builder::new().name("signalling".into()).spawn(move || {
        let _over = Over(ended);
        signalling.run()
    })
}

/// A seed nobody can guess: tags, branches and call ids are made from it.
fn seed() -> io::Result<u64> {
    let mut bytes = [0; 8];
    io::Read::read_exact(&mut File::open("/dev/urandom")?, &mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}
