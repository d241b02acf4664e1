//! SIP over TCP, TLS and, once HTTP has let them in, WebSockets: one thread takes, opens and watches connections and hands whole messages to the signalling
//! thread. Every table and queue has a bound and an answer for "full". Refuses to know what a message says.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use sip::frame::{Frame, Framer};
use sip::{Hop, Transport};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::tls::{Identity, Trust};
use crate::inbox::{Inbox, Message};

/// Messages of ours that wait for the thread; beyond it they count as sent to nobody.
const ORDERS_MAX: usize = 8_192;
/// Messages that wait for one far end; one that reads more slowly is hung up on.
const QUEUE_MAX: usize = 256;
/// Messages that wait for the signalling thread; beyond it no stream is read.
const UNHEARD_MAX: usize = 4_096;

/// How much strangers may have, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// Connections of one address at once: phones behind one router share it.
    pub per_address: usize,
    /// A connection is closed after this long without a byte.
    pub idle: Duration,
    /// TLS and the first whole message must be there after this long.
    pub begin: Duration,
    /// A far end that we connect to must answer within this time; a trunk that does not is left for the next.
    pub connect: Duration,
    /// How often a WebSocket is asked whether it is there; one that says nothing until it is asked again is closed. Proxies in
    /// between forget a connection that is silent for a minute.
    pub ping: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 40_000,
            per_address: 1_000,
            idle: Duration::from_secs(600),
            begin: Duration::from_secs(10),
            connect: Duration::from_millis(1_500),
            ping: Duration::from_secs(10),
        }
    }
}

/// A bound listener for streams.
pub struct Bound {
    /// Its number in a [`Hop`].
    pub listener: u16,
    socket: std::net::TcpListener,
    identity: Option<Identity>,
}

impl Bound {
    /// Binds an address; with an identity it speaks TLS.
    ///
    /// # Errors
    /// Those of bind(2).
    pub fn new(listener: u16, address: SocketAddr, identity: Option<Identity>) -> io::Result<Bound> {
        let socket = std::net::TcpListener::bind(address)?;
        socket.set_nonblocking(true)?;
        Ok(Bound { listener, socket, identity })
    }

    /// The address bound.
    ///
    /// # Errors
    /// Those of getsockname(2).
    pub fn local(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

/// Proof that a message of a stream was counted; dropping it lets the next one be read.
pub type Unheard = OwnedSemaphorePermit;

/// The thread, and the way to it.
pub struct Streams {
    orders: mpsc::Sender<Order>,
    door: Door,
    figures: Arc<Figures>,
    thread: Option<JoinHandle<()>>,
}

/// Counts for `/metrics`.
#[derive(Debug, Default)]
pub struct Figures {
    /// Connections that are up.
    pub open: AtomicU64,
    /// Connections refused because there were too many.
    pub refused: AtomicU64,
    /// Messages that could not be sent.
    pub unsent: AtomicU64,
}

enum Order {
    Send { to: Hop, bytes: Bytes },
    Accepted { listener: u16, stream: TcpStream, remote: SocketAddr },
    Join { hop: Hop, admitted: oneshot::Sender<Option<Admitted>> },
    HangUp { id: u32 },
    Closed { id: u32 },
    Stop,
}

/// A connection with its number, and what is to be sent by it.
type Admitted = (Hop, mpsc::Receiver<Bytes>);

impl Streams {
    /// Starts the thread with its listeners; it reports to `inbox`.
    ///
    /// # Errors
    /// The thread or its runtime cannot be had.
    pub fn start(bound: Vec<Bound>, trust: Trust, limits: Limits, inbox: Arc<Inbox>) -> io::Result<Streams> {
        let (orders, taken) = mpsc::channel(ORDERS_MAX);
        let figures = Arc::new(Figures::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let room = Arc::new(Semaphore::new(UNHEARD_MAX));
        let shared = Shared { orders: orders.clone(), inbox, room, limits };
        let door = Door(shared.clone());
        let desk = Desk {
            shared,
            identities: bound.iter().filter_map(|b| Some((b.listener, b.identity.clone()?))).collect(),
            trust,
            next: 0,
            open: HashMap::new(),
            known: HashMap::new(),
            per_address: HashMap::new(),
            figures: figures.clone(),
        };
        let thread = std::thread::Builder::new()
            .name("sip-streams".into())
            .spawn(move || runtime.block_on(desk.run(bound, taken)))?;
        Ok(Streams { orders, door, figures, thread: Some(thread) })
    }

    /// Sends a message; where there is no connection one is opened. Whether there was room for it.
    pub fn send(&self, to: Hop, bytes: Bytes) -> bool {
        let taken = self.orders.try_send(Order::Send { to, bytes }).is_ok();
        if !taken {
            self.figures.unsent.fetch_add(1, Ordering::Relaxed);
        }
        taken
    }

    /// Closes a connection. Where there is no room for the order it stays: its next message asks again.
    pub fn hang_up(&self, from: Hop) {
        if let Some(id) = from.connection {
            let _ = self.orders.try_send(Order::HangUp { id });
        }
    }

    /// Where connections come in that somebody else has taken.
    pub fn door(&self) -> Door {
        self.door.clone()
    }

    /// Counts.
    pub fn figures(&self) -> &Arc<Figures> {
        &self.figures
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        // A full queue is drained by the thread sooner or later, so this waits for nothing but it.
        let _ = self.orders.blocking_send(Order::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What each connection needs of the whole.
#[derive(Clone)]
struct Shared {
    orders: mpsc::Sender<Order>,
    inbox: Arc<Inbox>,
    room: Arc<Semaphore>,
    limits: Limits,
}

/// Lets connections in that HTTP has taken: they are bounded, used and told of like all others.
#[derive(Clone)]
pub struct Door(Shared);

/// A connection that was let in; dropping it tells of its end.
pub(super) struct Joined {
    pub(super) hop: Hop,
    pub(super) queue: mpsc::Receiver<Bytes>,
    pub(super) over: Over,
}

impl Door {
    /// Lets a connection in; `None` when there is no room.
    pub(super) async fn join(&self, hop: Hop) -> Option<Joined> {
        let (admitted, answer) = oneshot::channel();
        self.0.orders.send(Order::Join { hop, admitted }).await.ok()?;
        let (hop, queue) = answer.await.ok()??;
        Some(Joined { hop, queue, over: Over::of(&self.0, hop) })
    }

    /// Hands a whole message to the signalling thread, as soon as there is room for it.
    pub(super) async fn tell(&self, from: Hop, bytes: Bytes) {
        if let Ok(unheard) = self.0.room.clone().acquire_owned().await {
            self.0.inbox.push(Message::Stream { from, bytes, unheard });
        }
    }

    pub(super) fn limits(&self) -> Limits {
        self.0.limits
    }
}

/// The one owner of all connections.
struct Desk {
    shared: Shared,
    identities: HashMap<u16, Identity>,
    trust: Trust,
    next: u32,
    open: HashMap<u32, Open>,
    /// Connections by their far end, to be used again.
    known: HashMap<(Transport, SocketAddr), u32>,
    per_address: HashMap<IpAddr, usize>,
    figures: Arc<Figures>,
}

struct Open {
    hop: Hop,
    out: mpsc::Sender<Bytes>,
}

impl Desk {
    async fn run(mut self, bound: Vec<Bound>, mut taken: mpsc::Receiver<Order>) {
        let mut listeners = Vec::new();
        for bound in bound {
            match TcpListener::from_std(bound.socket) {
                Ok(socket) => {
                    listeners.push(tokio::spawn(listen(socket, bound.listener, self.shared.clone())))
                }
                Err(error) => {
                    tracing::error!(%error, listener = bound.listener, "a listener for SIP is lost")
                }
            }
        }
        while let Some(order) = taken.recv().await {
            match order {
                Order::Send { to, bytes } => self.send(to, bytes),
                Order::Accepted { listener, stream, remote } => self.accepted(listener, stream, remote),
                Order::Join { hop, admitted } => {
                    if let Err(Some((hop, _))) = admitted.send(self.admit(hop)) {
                        self.closed(hop.connection.unwrap_or(0));
                    }
                }
                // Its task ends once nobody can give it messages any more.
                Order::HangUp { id } | Order::Closed { id } => self.closed(id),
                Order::Stop => break,
            }
        }
        listeners.iter().for_each(tokio::task::JoinHandle::abort);
    }

    fn send(&mut self, to: Hop, bytes: Bytes) {
        let by_far_end = || self.known.get(&(to.transport, to.remote)).copied();
        let id = match to.connection.filter(|id| self.open.contains_key(id)).or_else(by_far_end) {
            Some(id) => id,
            // Whoever came to us by a connection that is gone cannot be reached at its port.
            None if to.connection.is_some() => return self.lost(to),
            None => match self.dial(to) {
                Some(id) => id,
                None => return self.lost(to),
            },
        };
        let full = self.open.get(&id).is_none_or(|open| open.out.try_send(bytes).is_err());
        if full {
            tracing::warn!(%to, "a far end does not read; it is hung up on");
            self.closed(id);
            self.lost(to);
        }
    }

    fn lost(&self, to: Hop) {
        self.figures.unsent.fetch_add(1, Ordering::Relaxed);
        self.shared.inbox.push(Message::StreamGone { to });
    }

    /// Gives a connection its number and queue, if there is room for it.
    fn admit(&mut self, hop: Hop) -> Option<Admitted> {
        let address = self.per_address.entry(hop.remote.ip()).or_default();
        if self.open.len() >= self.shared.limits.connections || *address >= self.shared.limits.per_address {
            self.figures.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        *address += 1;
        self.next = self.next.wrapping_add(1);
        let hop = Hop { connection: Some(self.next), ..hop };
        let (out, queue) = mpsc::channel(QUEUE_MAX);
        self.open.insert(self.next, Open { hop, out });
        self.known.insert((hop.transport, hop.remote), self.next);
        self.figures.open.store(self.open.len() as u64, Ordering::Relaxed);
        Some((hop, queue))
    }

    fn accepted(&mut self, listener: u16, stream: TcpStream, remote: SocketAddr) {
        let identity = self.identities.get(&listener).cloned();
        let transport = if identity.is_some() { Transport::Tls } else { Transport::Tcp };
        let Some((hop, queue)) = self.admit(Hop { transport, listener, remote, connection: None }) else {
            return;
        };
        let shared = self.shared.clone();
        tokio::spawn(async move {
            let _over = Over::of(&shared, hop);
            match identity {
                None => converse(stream, hop, queue, &shared).await,
                Some(identity) => match timeout(shared.limits.begin, identity.accept(stream)).await {
                    Ok(Ok(stream)) => converse(stream, hop, queue, &shared).await,
                    Ok(Err(error)) => tracing::debug!(%remote, %error, "no TLS with a caller"),
                    Err(_) => tracing::debug!(%remote, "a caller was too slow with TLS"),
                },
            }
        });
    }

    fn dial(&mut self, to: Hop) -> Option<u32> {
        let (hop, queue) = self.admit(to)?;
        let (shared, trust) = (self.shared.clone(), self.trust.clone());
        tokio::spawn(async move {
            let _over = Over::of(&shared, hop);
            let connect = async {
                let stream = TcpStream::connect(hop.remote).await?;
                match hop.transport {
                    Transport::Tls | Transport::Wss => trust.connect(stream, hop.remote).await.map(Way::Tls),
                    Transport::Tcp | Transport::Udp | Transport::Ws => Ok(Way::Plain(stream)),
                }
            };
            match timeout(shared.limits.connect, connect).await {
                Ok(Ok(Way::Plain(stream))) => converse(stream, hop, queue, &shared).await,
                Ok(Ok(Way::Tls(stream))) => converse(stream, hop, queue, &shared).await,
                Ok(Err(error)) => tracing::warn!(%hop, %error, "a far end cannot be reached"),
                Err(_) => tracing::warn!(%hop, "a far end cannot be reached in time"),
            }
        });
        hop.connection
    }

    fn closed(&mut self, id: u32) {
        let Some(Open { hop, .. }) = self.open.remove(&id) else { return };
        if self.known.get(&(hop.transport, hop.remote)) == Some(&id) {
            self.known.remove(&(hop.transport, hop.remote));
        }
        if let Some(count) = self.per_address.get_mut(&hop.remote.ip()) {
            *count -= 1;
            if *count == 0 {
                self.per_address.remove(&hop.remote.ip());
            }
        }
        self.figures.open.store(self.open.len() as u64, Ordering::Relaxed);
    }
}

enum Way {
    Plain(TcpStream),
    Tls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

/// Tells of the end of a connection, however its task ends: the desk forgets it, and requests that wait for their first
/// response on it fail (RFC 3261 18.4).
pub(super) struct Over {
    shared: Shared,
    hop: Hop,
}

impl Over {
    fn of(shared: &Shared, hop: Hop) -> Over {
        Over { shared: shared.clone(), hop }
    }
}

impl Drop for Over {
    fn drop(&mut self) {
        self.shared.inbox.push(Message::StreamGone { to: self.hop });
        let (orders, id) = (self.shared.orders.clone(), self.hop.connection.unwrap_or(0));
        if orders.try_send(Order::Closed { id }).is_err()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move { orders.send(Order::Closed { id }).await });
        }
    }
}

async fn listen(socket: TcpListener, listener: u16, shared: Shared) {
    loop {
        match socket.accept().await {
            Ok((stream, remote)) => {
                // SIP messages are small and wanted at once.
                let _ = stream.set_nodelay(true);
                if shared.orders.send(Order::Accepted { listener, stream, remote }).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                // Out of descriptors: those that end meanwhile make room.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Reads and writes one connection until either side is done with it.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    hop: Hop,
    mut queue: mpsc::Receiver<Bytes>,
    shared: &Shared,
) {
    let mut framer = Framer::default();
    let mut buffer = vec![0; 8 * 1024];
    let mut begun = false;
    loop {
        let patience = if begun { shared.limits.idle } else { shared.limits.begin };
        tokio::select! {
            read = timeout(patience, stream.read(&mut buffer)) => {
                let Ok(Ok(count)) = read else { return };
                if count == 0 {
                    return;
                }
                framer.push(&buffer[..count]);
                match hear(&mut framer, &mut stream, hop, shared).await {
                    Ok(heard) => begun |= heard,
                    Err(error) => return tracing::debug!(%hop, %error, "a stream that cannot be followed"),
                }
            }
            message = queue.recv() => {
                let Some(message) = message else { return };
                begun = true;
                let Ok(Ok(())) = timeout(shared.limits.begin, stream.write_all(&message)).await else { return };
            }
        }
    }
}

/// Hands on what is whole; returns whether anything was.
async fn hear<S: AsyncWrite + Unpin>(
    framer: &mut Framer,
    stream: &mut S,
    from: Hop,
    shared: &Shared,
) -> io::Result<bool> {
    let mut heard = false;
    while let Some(frame) = framer.pop().map_err(io::Error::other)? {
        heard = true;
        match frame {
            Frame::Ping => stream.write_all(b"\r\n").await?,
            Frame::Message(bytes) => {
                let room = shared.room.clone().acquire_owned().await.map_err(io::Error::other)?;
                shared.inbox.push(Message::Stream { from, bytes, unheard: room });
            }
        }
    }
    Ok(heard)
}
