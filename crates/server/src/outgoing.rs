//! One request to a server outside, one connection, one answer of bounded size in bounded time, no redirect followed. Where
//! the address is somebody else's word it resolves once, looks at every address it got and connects to one of those: what
//! lies within is reached by nobody but whom the operator allows (FAULTS P3).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::HOST;
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::net::Trust;

/// Where a request may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Anywhere: the address is the operator's own.
    Operator,
    /// To public addresses, and to these hosts as they are written.
    Public {
        /// Names or addresses that the operator allows though they lie within.
        allowed: Vec<String>,
    },
}

/// What is asked of whom.
#[derive(Debug)]
pub struct Asked<'a> {
    /// The request; its URI is whole.
    pub request: Request<Full<Bytes>>,
    /// A PEM file of the authorities that are believed; needed for https.
    pub authorities: Option<&'a Path>,
    /// Where it may go.
    pub reach: &'a Reach,
    /// The longest answer, octets.
    pub bytes_max: usize,
    /// How long it may take in all.
    pub wait: Duration,
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
        let Self { request, authorities, reach, bytes_max, wait: _ } = self;
        let (uri, tls) = (request.uri().clone(), is_tls(request.uri())?);
        let authority = uri.authority().ok_or(AskError::Address)?;
        let host = authority.host().trim_matches(['[', ']']);
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let stream = TcpStream::connect(&*addresses(host, port, reach).await?).await?;
        let request = by_path(request, &uri, authority.as_str())?;
        match tls {
            false => exchange(stream, request, bytes_max).await,
            true => {
                let trust = authorities.map_or_else(Trust::none, Trust::read)?;
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
async fn addresses(host: &str, port: u16, reach: &Reach) -> Result<Vec<SocketAddr>, AskError> {
    let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
    match reach {
        Reach::Operator => {}
        Reach::Public { allowed } if allowed.iter().any(|name| name.eq_ignore_ascii_case(host)) => {}
        Reach::Public { .. } => {
            if let Some(barred) = found.iter().find(|address| !is_public(address.ip())) {
                return Err(AskError::Barred(barred.ip()));
            }
        }
    }
    if found.is_empty() { Err(AskError::Address) } else { Ok(found) }
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

    fn asked(url: &str, reach: &Reach) -> Result<Answer, AskError> {
        let request = Request::get(url).body(Full::default()).expect("a request");
        let wait = Duration::from_secs(5);
        let asked = Asked { request, authorities: None, reach, bytes_max: 1_000, wait };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(asked.answer())
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
        let public = Reach::Public { allowed: Vec::new() };
        for host in ["127.0.0.1:9", "[::1]:9", "localhost:9", "[::ffff:127.0.0.1]:9"] {
            let refused = asked(&format!("http://{host}/"), &public);
            assert!(matches!(refused, Err(AskError::Barred(_))), "{host}: {refused:?}");
        }
        let at = server("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
        let allowed = Reach::Public { allowed: vec!["127.0.0.1".into()] };
        let answer = asked(&format!("http://{at}/"), &allowed).expect("an answer");
        assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &b"ok"[..]));
    }

    #[test]
    fn fault_p3_a_redirect_is_an_answer_and_too_much_is_none() {
        let at =
            server("HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n");
        let answer = asked(&format!("http://{at}/"), &Reach::Operator).expect("an answer");
        assert_eq!(answer.status, StatusCode::FOUND);
        let at = server("HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n");
        assert!(matches!(asked(&format!("http://{at}/"), &Reach::Operator), Err(AskError::Failed(_))));
    }
}
