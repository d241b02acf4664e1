//! A bridge between a far end that speaks SIP by datagrams and a platform that is spoken to by one stream: TCP, TLS, or
//! WebSocket (RFC 7118). The far end takes it for the platform; requests inside a call come to it where the platform
//! advertises its address for that stream. It refuses to know what a message says.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener, UdpSocket as StdSocket};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use bytes::Bytes;
use futures_util::{Sink, SinkExt as _, StreamExt as _};
use sip::frame::{Frame, Framer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::oneshot;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error as WebSocketError, Message};

/// How a bridge reaches the platform. Files are PEM: the certificates it believes, which must name the platform's
/// address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Over {
    /// A plain stream.
    Tcp,
    /// A stream under TLS.
    Tls(PathBuf),
    /// A WebSocket at `/sip`.
    Ws,
    /// The same under TLS.
    Wss(PathBuf),
}

/// A bridge. It has one stream at a time; dropping it hangs up.
pub struct Bridge {
    near: StdSocket,
    local: SocketAddr,
    far_end: FarEnd,
    line: Option<Line>,
}

/// Where datagrams go: to whoever sent the last one. A plain lock, held to copy one address.
type FarEnd = Arc<Mutex<Option<SocketAddr>>>;

/// A stream, carried by a thread of its own.
struct Line {
    hang_up: oneshot::Sender<()>,
    thread: JoinHandle<io::Result<()>>,
}

/// Which side opens the stream.
enum Opening {
    Dial { platform: SocketAddr, over: Over },
    Take { listener: StdListener, acceptor: TlsAcceptor },
}

impl Bridge {
    /// Opens the side of the far end, without a stream yet. Port 0 takes a free one.
    ///
    /// # Errors
    /// Those of bind(2).
    pub fn open(local: SocketAddr) -> io::Result<Bridge> {
        let near = StdSocket::bind(local)?;
        near.set_nonblocking(true)?;
        let local = near.local_addr()?;
        Ok(Bridge { near, local, far_end: FarEnd::default(), line: None })
    }

    /// Where the far end sends.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Opens a stream to the platform in place of one that was there before.
    ///
    /// # Errors
    /// It cannot be opened, or nobody there speaks TLS or WebSocket as wanted.
    pub fn connect(&mut self, platform: SocketAddr, over: Over) -> io::Result<()> {
        self.begin(Opening::Dial { platform, over })
    }

    /// Waits for a stream under TLS that the platform opens to `listener`, as a carrier does; what comes by it goes to
    /// `far_end`. Returns before it is there.
    ///
    /// # Errors
    /// Certificate and key cannot be used.
    pub fn take(
        &mut self,
        listener: StdListener,
        certificate: &Path,
        key: &Path,
        far_end: SocketAddr,
    ) -> io::Result<()> {
        *self.far_end.lock().unwrap_or_else(PoisonError::into_inner) = Some(far_end);
        listener.set_nonblocking(true)?;
        let acceptor = acceptor(certificate, key)?;
        self.begin(Opening::Take { listener, acceptor })
    }

    /// Closes the stream, if there is one.
    pub fn hang_up(&mut self) {
        if let Some(Line { hang_up, thread }) = self.line.take() {
            // It may have ended by itself; then there is nobody to tell.
            let _ = hang_up.send(());
            let _ = thread.join();
        }
    }

    /// Carries until the platform hangs up or the stream fails.
    ///
    /// # Errors
    /// What went wrong with the stream, or that there is none.
    pub fn wait(mut self) -> io::Result<()> {
        let Some(Line { hang_up: _kept, thread }) = self.line.take() else {
            return Err(io::Error::from(io::ErrorKind::NotConnected));
        };
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the bridge's thread failed")))
    }

    fn begin(&mut self, opening: Opening) -> io::Result<()> {
        self.hang_up();
        let (near, far_end) = (self.near.try_clone()?, self.far_end.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let (hang_up, hung_up) = oneshot::channel();
        let (opened, is_open) = mpsc::channel();
        let carrying = async move {
            let near = UdpSocket::from_std(near)?;
            tokio::select! {
                ended = carry(opening, &near, &far_end, &opened) => ended,
                _ = hung_up => Ok(()),
            }
        };
        let thread =
            std::thread::Builder::new().name("bridge".into()).spawn(move || runtime.block_on(carrying))?;
        match is_open.recv() {
            Ok(()) => {
                self.line = Some(Line { hang_up, thread });
                Ok(())
            }
            // The thread ended before there was a stream, and says why.
            Err(_) => match thread.join() {
                Ok(Err(error)) => Err(error),
                Ok(Ok(())) | Err(_) => Err(io::Error::other("the bridge's thread failed")),
            },
        }
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.hang_up();
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

async fn carry(
    opening: Opening,
    near: &UdpSocket,
    far_end: &FarEnd,
    opened: &mpsc::Sender<()>,
) -> io::Result<()> {
    // Nobody waits any more once a first word was said.
    let say = || _ = opened.send(());
    match opening {
        Opening::Dial { platform, over } => match over {
            Over::Tcp | Over::Tls(_) => {
                let stream = dial(platform, &over).await?;
                say();
                carry_framed(stream, near, far_end).await
            }
            Over::Ws | Over::Wss(_) => {
                let stream = upgraded(platform, dial(platform, &over).await?).await?;
                say();
                carry_frames(stream, near, far_end).await
            }
        },
        Opening::Take { listener, acceptor } => {
            let listener = TcpListener::from_std(listener)?;
            say();
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            carry_framed(Box::new(acceptor.accept(stream).await?), near, far_end).await
        }
    }
}

async fn dial(platform: SocketAddr, over: &Over) -> io::Result<Box<dyn Stream>> {
    let stream = TcpStream::connect(platform).await?;
    stream.set_nodelay(true)?;
    match over {
        Over::Tcp | Over::Ws => Ok(Box::new(stream)),
        Over::Tls(believed) | Over::Wss(believed) => {
            let name = ServerName::from(platform.ip());
            Ok(Box::new(connector(believed)?.connect(name, stream).await?))
        }
    }
}

fn connector(believed: &Path) -> io::Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(believed).map_err(io::Error::other)? {
        roots.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn acceptor(certificate: &Path, key: &Path) -> io::Result<TlsAcceptor> {
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(certificate).map_err(io::Error::other)?.collect();
    let key = PrivateKeyDer::from_pem_file(key).map_err(io::Error::other)?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(chain.map_err(io::Error::other)?, key)
        .map_err(io::Error::other)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The WebSocket that a stream becomes.
async fn upgraded(
    platform: SocketAddr,
    stream: Box<dyn Stream>,
) -> io::Result<WebSocketStream<Box<dyn Stream>>> {
    let mut request = format!("ws://{platform}/sip").into_client_request().map_err(failed)?;
    request.headers_mut().insert("Sec-WebSocket-Protocol", "sip".parse().map_err(io::Error::other)?);
    let (stream, _) = tokio_tungstenite::client_async(request, stream).await.map_err(failed)?;
    Ok(stream)
}

fn failed(error: WebSocketError) -> io::Error {
    match error {
        WebSocketError::Io(error) => error,
        other => io::Error::other(other),
    }
}

async fn hear(near: &UdpSocket, far_end: &FarEnd) -> io::Result<Bytes> {
    let mut bytes = vec![0; 65_535];
    let (length, from) = near.recv_from(&mut bytes).await?;
    *far_end.lock().unwrap_or_else(PoisonError::into_inner) = Some(from);
    bytes.truncate(length);
    Ok(Bytes::from(bytes))
}

async fn tell(near: &UdpSocket, far_end: &FarEnd, message: &[u8]) {
    let to = *far_end.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(to) = to {
        // What does not go out is lost, as on any network, and repeated.
        let _ = near.send_to(message, to).await;
    }
}

/// Messages one behind the other (RFC 3261 18.3).
async fn carry_framed(stream: Box<dyn Stream>, near: &UdpSocket, far_end: &FarEnd) -> io::Result<()> {
    let (inward, outward) = tokio::io::split(stream);
    tokio::select! {
        ended = write_framed(outward, near, far_end) => ended,
        ended = read_framed(inward, near, far_end) => ended,
    }
}

async fn write_framed(
    mut outward: impl AsyncWrite + Unpin,
    near: &UdpSocket,
    far_end: &FarEnd,
) -> io::Result<()> {
    loop {
        outward.write_all(&hear(near, far_end).await?).await?;
        outward.flush().await?;
    }
}

async fn read_framed(
    mut inward: impl AsyncRead + Unpin,
    near: &UdpSocket,
    far_end: &FarEnd,
) -> io::Result<()> {
    let (mut framer, mut bytes) = (Framer::default(), vec![0; 65_536]);
    loop {
        let length = inward.read(&mut bytes).await?;
        if length == 0 {
            return Ok(());
        }
        framer.push(&bytes[..length]);
        while let Some(frame) = framer.pop().map_err(io::Error::other)? {
            match frame {
                Frame::Message(message) => tell(near, far_end, &message).await,
                Frame::Ping => {}
            }
        }
    }
}

/// One message a frame (RFC 7118).
async fn carry_frames(
    stream: WebSocketStream<Box<dyn Stream>>,
    near: &UdpSocket,
    far_end: &FarEnd,
) -> io::Result<()> {
    let (outward, inward) = stream.split();
    tokio::select! {
        ended = write_frames(outward, near, far_end) => ended,
        ended = read_frames(inward, near, far_end) => ended,
    }
}

async fn write_frames(
    mut outward: impl Sink<Message, Error = WebSocketError> + Unpin,
    near: &UdpSocket,
    far_end: &FarEnd,
) -> io::Result<()> {
    loop {
        outward.send(Message::Binary(hear(near, far_end).await?)).await.map_err(failed)?;
    }
}

async fn read_frames(
    mut inward: impl futures_util::Stream<Item = Result<Message, WebSocketError>> + Unpin,
    near: &UdpSocket,
    far_end: &FarEnd,
) -> io::Result<()> {
    while let Some(frame) = inward.next().await {
        match frame.map_err(failed)? {
            Message::Binary(bytes) => tell(near, far_end, &bytes).await,
            Message::Text(text) => tell(near, far_end, text.as_bytes()).await,
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{Ipv4Addr, TcpStream as StdStream};
    use std::time::Duration;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);
    /// Messages on their way at once: fewer than a socket's buffer takes, so that the system loses none.
    const WINDOW: usize = 32;

    /// A bridge whose far side is this test, and a far end of the near one.
    fn bridged() -> (Bridge, StdSocket, StdStream) {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = StdListener::bind(any).expect("a free port");
        let mut bridge = Bridge::open(any).expect("a free port");
        bridge.connect(listener.local_addr().expect("bound"), Over::Tcp).expect("a stream");
        let (stream, _) = listener.accept().expect("dialled");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let near = StdSocket::bind(any).expect("a free port");
        near.connect(bridge.local()).expect("local");
        near.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        (bridge, near, stream)
    }

    fn message(number: usize, filled_to: usize) -> Vec<u8> {
        let head =
            format!("INFO sip:a SIP/2.0\r\nCSeq: {number} INFO\r\nContent-Length: {filled_to}\r\n\r\n");
        [head.as_bytes(), &vec![b'x'; filled_to]].concat()
    }

    fn heard(near: &StdSocket) -> Vec<u8> {
        let mut bytes = vec![0; 65_535];
        let length = near.recv(&mut bytes).expect("a datagram");
        bytes.truncate(length);
        bytes
    }

    #[test]
    fn thousands_of_messages_cross_both_ways_at_once_whole_and_in_order() {
        let (bridge, near, mut stream) = bridged();
        let mut back = stream.try_clone().expect("the same stream");
        let echo = std::thread::spawn(move || {
            let mut bytes = vec![0; 1_000];
            while let Ok(length @ 1..) = stream.read(&mut bytes) {
                // As they come, whatever is cut where.
                back.write_all(&bytes[..length]).expect("a reader");
            }
        });
        let sized = |number: usize| message(number, number * 37 % 1_200);
        for number in 0..5_000 + WINDOW {
            if number < 5_000 {
                near.send(&sized(number)).expect("sent");
            }
            if let Some(first) = number.checked_sub(WINDOW) {
                assert_eq!(heard(&near), sized(first), "message {first}");
            }
        }
        drop(bridge);
        echo.join().expect("it ended with the stream");
    }

    #[test]
    fn a_platform_that_does_not_read_is_still_heard() {
        let (_bridge, near, mut stream) = bridged();
        near.send(&message(0, 0)).expect("sent");
        stream.read_exact(&mut vec![0; message(0, 0).len()]).expect("who the far end is");
        // More than the buffers on the way hold: the rest is lost, as datagrams are.
        for number in 1..20_000 {
            near.send(&message(number, 1_200)).expect("sent");
        }
        for number in 0..100 {
            stream.write_all(&message(number, 10)).expect("a reader");
            assert_eq!(heard(&near), message(number, 10));
        }
    }
}
