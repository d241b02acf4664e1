//! One request to a server outside, one connection, one answer of bounded size in bounded time, no redirect followed. Where
//! the address is somebody else's word it resolves once, looks at every address it got and connects to one of those: what
//! lies within is reached by nobody but whom the operator allows (FAULTS P3).

use std::any::Any;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::HOST;
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::net::Authorities;

/// Where a request may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Anywhere: the operator named the host.
    Anywhere,
    /// To public addresses.
    Public,
}

/// What counts as under way as long as somebody holds it.
pub type Place = Arc<dyn Any + Send + Sync>;

/// What is asked of whom.
pub struct Asked<'a> {
    /// The request; its URI is whole.
    pub request: Request<Full<Bytes>>,
    /// Who is believed; needed for https.
    pub authorities: &'a Authorities,
    /// Where it may go.
    pub reach: Reach,
    /// The longest answer, octets.
    pub bytes_max: usize,
    /// How long it may take in all.
    pub wait: Duration,
    /// Given back when nothing is done for the request any more: a look-up of its host outlives `wait`, since nobody can
    /// end it.
    pub place: Place,
}

/// The port that a request goes to: the one that is written, else that of its scheme; none where that is no port.
pub fn port_of(uri: &Uri) -> Option<u16> {
    let authority = uri.authority()?;
    let usual = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    let (_, behind) = authority.as_str().rsplit_once(authority.host())?;
    match behind.strip_prefix(':') {
        None | Some("") => Some(usual),
        Some(port) => port.parse().ok(),
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status; a redirect is an answer like any other.
    pub status: StatusCode,
    /// Its body.
    pub body: Bytes,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Not http or https, or without a host.
    #[error("the address is none")]
    Address,
    /// The host lies where nobody may reach.
    #[error("{0} may not be reached")]
    Barred(IpAddr),
    /// No answer in time.
    #[error("no answer in time")]
    Slow,
    /// Nobody answers, or not as HTTP does, or with too much.
    #[error(transparent)]
    Failed(#[from] io::Error),
}

impl Asked<'_> {
    /// Asks.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn answer(self) -> Result<Answer, AskError> {
        let wait = self.wait;
        tokio::time::timeout(wait, self.ask()).await.map_err(|_| AskError::Slow)?
    }

    async fn ask(self) -> Result<Answer, AskError> {
        let Self { request, authorities, reach, bytes_max, wait: _, place } = self;
        let (uri, tls) = (request.uri().clone(), is_tls(request.uri())?);
        let authority = uri.authority().ok_or(AskError::Address)?;
        let host = authority.host().trim_matches(['[', ']']);
        let port = port_of(&uri).ok_or(AskError::Address)?;
        let stream = TcpStream::connect(&*addresses(host, port, reach, place).await?).await?;
        let request = by_path(request, &uri, authority.as_str())?;
        match tls {
            false => exchange(stream, request, bytes_max).await,
            true => {
                let trust = authorities.trust()?;
                exchange(trust.connect_to(host, stream).await?, request, bytes_max).await
            }
        }
    }
}

fn is_tls(uri: &Uri) -> Result<bool, AskError> {
    match uri.scheme_str() {
        Some("http") => Ok(false),
        Some("https") => Ok(true),
        _ => Err(AskError::Address),
    }
}

/// The addresses of a host, all of which may be reached. One that may not makes all of them suspect: it fails closed.
async fn addresses(host: &str, port: u16, reach: Reach, place: Place) -> Result<Vec<SocketAddr>, AskError> {
    let name = host.to_owned();
    let found = match host.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, port)],
        Err(_) => look_up(place, move || Ok((&*name, port).to_socket_addrs()?.collect())).await?,
    };
    let barred = found.iter().find(|address| reach == Reach::Public && !is_public(address.ip()));
    match barred {
        Some(barred) => Err(AskError::Barred(barred.ip())),
        None if found.is_empty() => Err(AskError::Address),
        None => Ok(found),
    }
}

/// Looks a host up on a thread that may wait for it. Whoever asked may be gone long before: the place is held until then,
/// so that no more look-ups are under way than there are places.
async fn look_up(
    place: Place,
    look: impl FnOnce() -> io::Result<Vec<SocketAddr>> + Send + 'static,
) -> io::Result<Vec<SocketAddr>> {
    let looking = tokio::task::spawn_blocking(move || {
        let found = look();
        drop(place);
        found
    });
    looking.await.map_err(io::Error::other)?
}

/// Whether an address is one of the public network (IANA's registries of special addresses).
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_unspecified()
        || address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation();
    // This network, carriers' own addresses, IETF's, old relays, measurements, and what was never given out.
    let others = a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19))
        || a >= 240;
    !special && !others
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    let [first, second, ..] = address.segments();
    // Within 2000::/3, without documentation, benchmarks and the two ways of writing an IPv4 address there.
    let given_out = first & 0xe000 == 0x2000;
    let special = (first == 0x2001 && (second == 0x0db8 || second == 0 || second == 2)) || first == 0x2002;
    given_out && !special
}

/// The request as it goes over the wire: its path, and whom it is for.
fn by_path(
    mut request: Request<Full<Bytes>>,
    uri: &Uri,
    host: &str,
) -> Result<Request<Full<Bytes>>, AskError> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse().map_err(|_| AskError::Address)?;
    let host = host.parse().map_err(|_| AskError::Address)?;
    request.headers_mut().insert(HOST, host);
    Ok(request)
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
    bytes_max: usize,
) -> Result<Answer, AskError> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let talking = tokio::spawn(connection);
    let answer = async {
        let answer = sender.send_request(request).await.map_err(io::Error::other)?;
        let status = answer.status();
        let whole = Limited::new(answer.into_body(), bytes_max).collect().await.map_err(io::Error::other)?;
        Ok(Answer { status, body: whole.to_bytes() })
    };
    let answer = answer.await;
    talking.abort();
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_p3_what_lies_within_is_not_public_in_any_writing() {
        let within = [
            "127.0.0.1",
            "127.8.8.8",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "169.254.169.254",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "192.0.2.1",
            "240.0.0.1",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "::7f00:1",
        ];
        for text in within {
            assert!(!is_public(text.parse().expect("an address")), "{text}");
        }
        for text in ["1.1.1.1", "100.128.0.1", "172.32.0.1", "2400:3200::1", "::ffff:1.1.1.1"] {
            assert!(is_public(text.parse().expect("an address")), "{text}");
        }
    }

    fn asked(url: &str, reach: Reach) -> Result<Answer, AskError> {
        let request = Request::get(url).body(Full::default()).expect("a request");
        let wait = Duration::from_secs(5);
        let (authorities, place) = (&Authorities::of(None), Arc::new(()));
        runtime().block_on(Asked { request, authorities, reach, bytes_max: 1_000, wait, place }.answer())
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
    }

    /// Says when it is given back.
    struct Told(std::sync::mpsc::Sender<()>);

    impl Drop for Told {
        fn drop(&mut self) {
            self.0.send(()).expect("somebody listens");
        }
    }

    #[test]
    fn i12_a_look_up_that_goes_on_keeps_its_place_though_nobody_waits_for_it() {
        let (tell, told) = std::sync::mpsc::channel();
        let (end, ended) = std::sync::mpsc::channel();
        let (runtime, place) = (runtime(), Arc::new(Told(tell)));
        let looking = look_up(place, move || {
            ended.recv().map_err(io::Error::other)?;
            Ok(Vec::new())
        });
        let waited = runtime.block_on(async { tokio::time::timeout(Duration::ZERO, looking).await });
        assert!(waited.is_err(), "it goes on");
        assert!(told.try_recv().is_err(), "the place is given back before the look-up is over");
        end.send(()).expect("it waits");
        told.recv().expect("the place is given back");
    }

    #[test]
    fn i12_the_port_is_the_one_that_is_written_or_that_of_the_scheme() {
        let port = |url: &str| port_of(&url.parse().expect("a URI"));
        assert_eq!(port("http://a.cn/x"), Some(80));
        assert_eq!(port("https://a.cn/x"), Some(443));
        assert_eq!(port("https://a.cn:8443/x:1"), Some(8443));
        assert_eq!(port("http://[::1]:81/"), Some(81));
        assert_eq!(port("http://u:1@a.cn/"), Some(80));
        assert_eq!(port("http://a.cn:99999/"), None);
    }

    /// A server that says one answer to one request.
    fn server(answer: &'static str) -> SocketAddr {
        use std::io::{Read, Write};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a socket");
        let at = listener.local_addr().expect("an address");
        std::thread::spawn(move || {
            if let Ok((mut stream, _)) = listener.accept() {
                // What is asked does not matter; who asked may be gone.
                let _ = stream.read(&mut [0; 4_096]);
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        at
    }

    #[test]
    fn fault_p3_a_loopback_service_is_reached_by_the_operator_alone() {
        for host in ["127.0.0.1:9", "[::1]:9", "localhost:9", "[::ffff:127.0.0.1]:9"] {
            let refused = asked(&format!("http://{host}/"), Reach::Public);
            assert!(matches!(refused, Err(AskError::Barred(_))), "{host}: {refused:?}");
        }
        let at = server("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
        let answer = asked(&format!("http://{at}/"), Reach::Anywhere).expect("an answer");
        assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &b"ok"[..]));
    }

    #[test]
    fn fault_p3_a_redirect_is_an_answer_and_too_much_is_none() {
        let at =
            server("HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n");
        let answer = asked(&format!("http://{at}/"), Reach::Anywhere).expect("an answer");
        assert_eq!(answer.status, StatusCode::FOUND);
        let at = server("HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n");
        assert!(matches!(asked(&format!("http://{at}/"), Reach::Anywhere), Err(AskError::Failed(_))));
    }
}
