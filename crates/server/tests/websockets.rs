//! SIP over WebSocket at `/sip` of the HTTP server: plain and under TLS, one message a frame, and nothing for those who do
//! not speak SIP.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use server::http::{Shown, SipDoor, bind, serve};
use server::inbox::{Inbox, Message};
use server::meters::Meters;
use server::net::{Identity, Limits, Streams, Trust};
use sip::{Hop, Transport};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::Request;
use tokio_tungstenite::tungstenite::{Error, Message as Frame};
use tokio_tungstenite::{WebSocketStream, client_async};

const MESSAGE: &str = "OPTIONS sip:a SIP/2.0\r\nContent-Length: 2\r\n\r\nok";
const PATIENCE: Duration = Duration::from_secs(20);

/// The HTTP server with its streams, and what the signalling thread would be told.
struct House {
    runtime: Handle,
    inbox: Arc<Inbox>,
    streams: Streams,
    address: SocketAddr,
    told: VecDeque<Message>,
}

impl House {
    fn open(limits: Limits, identity: Option<Identity>) -> House {
        let driven = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let runtime = driven.handle().clone();
        std::thread::spawn(move || driven.block_on(std::future::pending::<()>()));
        let inbox = Arc::new(Inbox::new().expect("an eventfd"));
        let trust = Trust::none().expect("TLS");
        let streams = Streams::start(Vec::new(), trust, limits, inbox.clone()).expect("started");
        let listener = runtime.block_on(bind(([127, 0, 0, 1], 0).into())).expect("a free port");
        let address = listener.local_addr().expect("bound");
        let shown = Shown::new(Arc::new(Meters::default()), std::env::temp_dir());
        let transport = if identity.is_some() { Transport::Wss } else { Transport::Ws };
        shown.sip_opened(SipDoor { door: streams.door(), listener: 4, transport });
        runtime.spawn(serve(listener, identity, shown, std::future::pending()));
        House { runtime, inbox, streams, address, told: VecDeque::new() }
    }

    fn next(&mut self) -> Message {
        let until = std::time::Instant::now() + PATIENCE;
        while self.told.is_empty() {
            assert!(std::time::Instant::now() < until, "nothing is told");
            std::thread::park_timeout(Duration::from_millis(2));
            self.inbox.take(&mut self.told);
        }
        self.told.pop_front().expect("just seen")
    }

    fn message(&mut self) -> (Hop, Bytes) {
        match self.next() {
            Message::Stream { from, bytes, .. } => (from, bytes),
            _ => panic!("a message was expected"),
        }
    }

    fn gone(&mut self) -> Hop {
        match self.next() {
            Message::StreamGone { to } => to,
            _ => panic!("an end was expected"),
        }
    }

    fn request(&self, protocol: Option<&str>) -> Request<()> {
        let mut request = format!("ws://{}/sip", self.address).into_client_request().expect("a request");
        if let Some(protocol) = protocol {
            request.headers_mut().insert("Sec-WebSocket-Protocol", protocol.parse().expect("a value"));
        }
        request
    }

    fn connect(&self, protocol: Option<&str>) -> Result<WebSocketStream<TcpStream>, Error> {
        let request = self.request(protocol);
        self.runtime.block_on(async {
            let stream = TcpStream::connect(self.address).await.expect("taken");
            client_async(request, stream).await.map(|(socket, answer)| {
                assert_eq!(answer.headers()["Sec-WebSocket-Protocol"], "sip");
                socket
            })
        })
    }

    /// The next frame that is no ping.
    fn heard<S>(&self, socket: &mut WebSocketStream<S>) -> Frame
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    {
        let next = async {
            loop {
                match socket.next().await {
                    Some(Ok(Frame::Ping(_))) => {}
                    Some(Ok(frame)) => return frame,
                    Some(Err(_)) | None => return Frame::Close(None),
                }
            }
        };
        self.runtime.block_on(async { tokio::time::timeout(PATIENCE, next).await.expect("a frame") })
    }
}

#[test]
fn messages_go_both_ways_and_the_end_is_told() {
    let mut house = House::open(Limits::default(), None);
    let mut phone = house.connect(Some("foo, sip")).expect("let in");
    for frame in [Frame::text(MESSAGE), Frame::binary(MESSAGE)] {
        house.runtime.block_on(phone.send(frame)).expect("sent");
        let (from, bytes) = house.message();
        assert_eq!((from.transport, from.listener, &bytes[..]), (Transport::Ws, 4, MESSAGE.as_bytes()));
        assert!(house.streams.send(from, Bytes::from_static(MESSAGE.as_bytes())));
        assert_eq!(house.heard(&mut phone), Frame::text(MESSAGE));
    }
    house.runtime.block_on(phone.send(Frame::text("\r\n\r\n"))).expect("sent");
    assert_eq!(house.heard(&mut phone), Frame::text("\r\n"), "a keep-alive is answered");
    house.runtime.block_on(phone.close(None)).expect("closed");
    let hop = house.gone();
    assert_eq!(hop.transport, Transport::Ws);
    assert!(house.streams.send(hop, Bytes::from_static(MESSAGE.as_bytes())));
    assert_eq!(house.gone(), hop, "who left cannot be called back");
}

/// Row Q10: presence hangs on a live connection, and one whose network is gone closes nothing.
#[test]
fn q10_who_does_not_answer_when_it_is_asked_is_gone() {
    let ping = Duration::from_millis(200);
    let mut house = House::open(Limits { ping, ..Limits::default() }, None);
    let mut there = house.connect(Some("sip")).expect("let in");
    house.runtime.block_on(async {
        for _ in 0..4 {
            let frame = tokio::time::timeout(PATIENCE, there.next()).await.expect("asked").expect("open");
            assert_eq!(frame.expect("a frame"), Frame::Ping(Bytes::new()), "and answered by whoever listens");
        }
        there.send(Frame::text(MESSAGE)).await.expect("sent");
    });
    let (from, _) = house.message();
    assert_eq!(house.gone(), from, "from here on it does not listen");
}

#[test]
fn who_does_not_speak_sip_says_too_much_or_nothing_is_shown_the_door() {
    let begin = Duration::from_millis(200);
    let mut house = House::open(Limits { per_address: 1, begin, ..Limits::default() }, None);
    for protocol in [None, Some("mqtt")] {
        match house.connect(protocol) {
            Err(Error::Http(answer)) => assert_eq!(answer.status().as_u16(), 400),
            other => panic!("{other:?}"),
        }
    }
    let mut phone = house.connect(Some("sip")).expect("let in");
    house.runtime.block_on(phone.send(Frame::text(MESSAGE))).expect("sent");
    house.message();
    let mut second = house.connect(Some("sip")).expect("upgraded");
    assert!(matches!(house.heard(&mut second), Frame::Close(_)), "one from each address is the limit here");
    let long = "x".repeat(server::net::websocket::MESSAGE_MAX + 1);
    house.runtime.block_on(phone.send(Frame::text(long))).expect("sent");
    house.gone();
    let mut silent = house.connect(Some("sip")).expect("let in");
    assert!(matches!(house.heard(&mut silent), Frame::Close(_)), "nothing was said in time");
    house.gone();
}

#[test]
fn under_tls_it_is_wss() {
    let dir = std::env::temp_dir().join(format!("sibai-websockets-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a directory");
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let write = |name: &str, text: String| std::fs::write(dir.join(name), text).expect("written");
    write("cert.pem", made.cert.pem());
    write("key.pem", made.signing_key.serialize_pem());
    let path = |name: &str| dir.join(name);
    let identity = Identity::read(&path("cert.pem"), &path("key.pem")).expect("readable");
    let mut house = House::open(Limits::default(), Some(identity));
    // A plain caller gets nothing out of it, and does not stop the others.
    assert!(house.connect(Some("sip")).is_err());
    let request = house.request(Some("sip"));
    let mut phone = house.runtime.block_on(async {
        let stream = TcpStream::connect(house.address).await.expect("taken");
        let stream = client_of(&path("cert.pem")).connect(name(), stream).await.expect("TLS");
        client_async(request, stream).await.expect("let in").0
    });
    house.runtime.block_on(phone.send(Frame::text(MESSAGE))).expect("sent");
    let (from, _) = house.message();
    assert_eq!(from.transport, Transport::Wss);
    assert!(house.streams.send(from, Bytes::from_static(MESSAGE.as_bytes())));
    assert_eq!(house.heard(&mut phone), Frame::text(MESSAGE));
    std::fs::remove_dir_all(dir).expect("removed");
}

fn name() -> tokio_rustls::rustls::pki_types::ServerName<'static> {
    "127.0.0.1".try_into().expect("an address")
}

/// A client that believes one certificate.
fn client_of(certificate: &Path) -> tokio_rustls::TlsConnector {
    use tokio_rustls::rustls::crypto::ring::default_provider;
    use tokio_rustls::rustls::pki_types::CertificateDer;
    use tokio_rustls::rustls::pki_types::pem::PemObject as _;
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).expect("a certificate")).expect("added");
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_safe_default_protocol_versions().expect("versions");
    tokio_rustls::TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}
