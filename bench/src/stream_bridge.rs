//! A load that speaks SIP by datagrams, carried to the measured program by one stream: TLS, or WebSocket over TLS. The
//! load takes it for the platform; what it spends itself is not counted.
//!
//! `stream_bridge --identity FOLDER` writes `certificate.pem` and `key.pem` for 127.0.0.1 there and ends.
//! `stream_bridge --listen ADDRESS --target ADDRESS --over tls|wss --identity FOLDER` prints `{"open":true}` and carries
//! until it is ended.

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use sip::frame::{Frame, Framer};
use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

type Failed = Box<dyn Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    let words: Vec<String> = std::env::args().collect();
    let word = |name: &str| -> Result<&str, String> {
        let at = words.iter().position(|word| word == name).ok_or(format!("{name} is missing"))?;
        words.get(at + 1).map(String::as_str).ok_or(format!("{name} has no value"))
    };
    let folder = Path::new(word("--identity")?);
    if word("--listen").is_err() {
        return identity(folder);
    }
    let socket = Arc::new(UdpSocket::bind(word("--listen")?).await?);
    let target: SocketAddr = word("--target")?.parse()?;
    let stream = connect(target, folder).await?;
    println!("{{\"open\":true}}");
    match word("--over")? {
        "tls" => carry_tls(stream, socket).await,
        "wss" => carry_wss(stream, target, socket).await,
        other => Err(format!("--over {other}").into()),
    }
}

fn identity(folder: &Path) -> Result<(), Failed> {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()])?;
    std::fs::write(folder.join("certificate.pem"), made.cert.pem())?;
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem())?;
    Ok(())
}

async fn connect(target: SocketAddr, folder: &Path) -> Result<TlsStream<TcpStream>, Failed> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.join("certificate.pem"))?)?;
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(target).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::from(target.ip());
    Ok(TlsConnector::from(Arc::new(config)).connect(name, stream).await?)
}

/// Who sent the last datagram: the load's calls come from one socket.
type Load = Arc<Mutex<Option<SocketAddr>>>;

async fn hear(socket: &UdpSocket, load: &Load) -> Result<Bytes, Failed> {
    let mut bytes = vec![0; 65_535];
    let (length, from) = socket.recv_from(&mut bytes).await?;
    *load.lock().map_err(|_| "a thread failed")? = Some(from);
    bytes.truncate(length);
    Ok(Bytes::from(bytes))
}

async fn tell(socket: &UdpSocket, load: &Load, message: &[u8]) -> Result<(), Failed> {
    let to = *load.lock().map_err(|_| "a thread failed")?;
    if let Some(to) = to {
        socket.send_to(message, to).await?;
    }
    Ok(())
}

async fn carry_tls(stream: TlsStream<TcpStream>, socket: Arc<UdpSocket>) -> Result<(), Failed> {
    let (mut inward, mut outward) = tokio::io::split(stream);
    let load = Load::default();
    let (near, known) = (socket.clone(), load.clone());
    let out = async move {
        loop {
            let message = hear(&near, &known).await?;
            outward.write_all(&message).await?;
            outward.flush().await?;
        }
    };
    let back = async move {
        let (mut framer, mut bytes) = (Framer::default(), vec![0; 65_536]);
        loop {
            let length = inward.read(&mut bytes).await?;
            if length == 0 {
                return Err::<(), Failed>("the far end hung up".into());
            }
            framer.push(&bytes[..length]);
            loop {
                match framer.pop() {
                    Ok(Some(Frame::Message(message))) => tell(&socket, &load, &message).await?,
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(error) => return Err(format!("{error:?}").into()),
                }
            }
        }
    };
    tokio::select! {
        ended = out => ended,
        ended = back => ended,
    }
}

async fn carry_wss(
    stream: TlsStream<TcpStream>,
    target: SocketAddr,
    socket: Arc<UdpSocket>,
) -> Result<(), Failed> {
    let mut request = format!("ws://{target}/sip").into_client_request()?;
    request.headers_mut().insert("Sec-WebSocket-Protocol", "sip".parse()?);
    let (stream, _) = tokio_tungstenite::client_async(request, stream).await?;
    let (mut outward, mut inward) = stream.split();
    let load = Load::default();
    let (near, known) = (socket.clone(), load.clone());
    let out = async move {
        loop {
            outward.send(Message::Binary(hear(&near, &known).await?)).await?;
        }
    };
    let back = async move {
        while let Some(frame) = inward.next().await {
            match frame? {
                Message::Binary(bytes) => tell(&socket, &load, &bytes).await?,
                Message::Text(text) => tell(&socket, &load, text.as_bytes()).await?,
                Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {}
            }
        }
        Err::<(), Failed>("the far end hung up".into())
    };
    tokio::select! {
        ended = out => ended,
        ended = back => ended,
    }
}
