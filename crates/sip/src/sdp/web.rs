//! What a browser's stream says beside its formats: the way by ICE (RFC 8839) and the certificate its keys come by
//! (RFC 8122, RFC 8842). We are ICE's lite side with one way, and never the first to speak in DTLS.

use std::fmt::Write as _;
use std::net::SocketAddr;

/// More than this is no name or password of ICE (RFC 8839 section 5.4).
const WORD_BYTES_MAX: usize = 256;

/// The lines of one side.
#[derive(Clone, PartialEq, Eq)]
pub struct Web {
    /// By this name the writer's checks are known.
    pub ufrag: String,
    /// By this they are proven; never shown.
    pub password: String,
    /// SHA-256 of the writer's certificate.
    pub fingerprint: [u8; 32],
    /// Who begins the handshake.
    pub setup: Setup,
    /// The stream's name in its bundle (RFC 8843).
    pub mid: Option<String>,
}

impl std::fmt::Debug for Web {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Web { ufrag, setup, mid, .. } = self;
        let mut shown = f.debug_struct("Web");
        shown.field("ufrag", ufrag).field("setup", setup).field("mid", mid).finish_non_exhaustive()
    }
}

/// Who begins the handshake, seen from the writer.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Setup {
    /// Either: the reader chooses.
    ActPass,
    /// The writer.
    Active,
    /// The reader.
    Passive,
}

impl Setup {
    fn word(self) -> &'static str {
        match self {
            Setup::ActPass => "actpass",
            Setup::Active => "active",
            Setup::Passive => "passive",
        }
    }
}

/// The lines while they are read, of a session or of a stream.
#[derive(Clone, Default)]
pub(super) struct Lines {
    ufrag: Option<String>,
    password: Option<String>,
    fingerprint: Option<[u8; 32]>,
    setup: Option<Setup>,
    mid: Option<String>,
}

impl Lines {
    /// Takes a line if it is one of these.
    pub(super) fn take(&mut self, name: &str, rest: &str) {
        let word = || Some(rest.trim()).filter(|word| is_word(word)).map(str::to_owned);
        match name {
            "ice-ufrag" => self.ufrag = word(),
            "ice-pwd" => self.password = word(),
            "mid" => self.mid = word(),
            // Of several the strongest that we have counts.
            "fingerprint" => self.fingerprint = fingerprint(rest).or(self.fingerprint),
            "setup" => {
                let all = [Setup::ActPass, Setup::Active, Setup::Passive];
                self.setup = all.into_iter().find(|setup| setup.word() == rest.trim());
            }
            _ => {}
        }
    }

    /// What is said of a stream, its session's lines where it has none of its own. `None` if a part is missing.
    pub(super) fn of_stream(self, session: &Lines) -> Option<Web> {
        Some(Web {
            ufrag: self.ufrag.or_else(|| session.ufrag.clone())?,
            password: self.password.or_else(|| session.password.clone())?,
            fingerprint: self.fingerprint.or(session.fingerprint)?,
            setup: self.setup.or(session.setup).unwrap_or(Setup::ActPass),
            mid: self.mid,
        })
    }
}

fn is_word(word: &str) -> bool {
    !word.is_empty() && word.len() <= WORD_BYTES_MAX && word.bytes().all(|octet| octet.is_ascii_graphic())
}

/// `sha-256 AB:CD:…`.
fn fingerprint(value: &str) -> Option<[u8; 32]> {
    let (hash, digits) = value.trim().split_once(' ')?;
    let mut octets = [0; 32];
    let mut parts = digits.trim().split(':');
    for octet in &mut octets {
        *octet = u8::from_str_radix(parts.next()?, 16).ok()?;
    }
    (hash.eq_ignore_ascii_case("sha-256") && parts.next().is_none()).then_some(octets)
}

impl Web {
    /// Lines of the session: that we only answer checks, and the bundle of the one stream.
    pub(super) fn write_session(&self, text: &mut String) {
        text.push_str("a=ice-lite\r\n");
        if let Some(mid) = &self.mid {
            // Writing to a String does not fail.
            let _ = write!(text, "a=group:BUNDLE {mid}\r\n");
        }
    }

    /// Lines of the stream, whose one way is `audio`.
    pub(super) fn write(&self, audio: SocketAddr, text: &mut String) {
        let Web { ufrag, password, fingerprint, setup, mid } = self;
        if let Some(mid) = mid {
            let _ = write!(text, "a=mid:{mid}\r\n");
        }
        let _ = write!(text, "a=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\na=fingerprint:sha-256 ");
        for (at, octet) in fingerprint.iter().enumerate() {
            let colon = if at == 0 { "" } else { ":" };
            let _ = write!(text, "{colon}{octet:02X}");
        }
        let (ip, port, word) = (audio.ip(), audio.port(), setup.word());
        // The highest priority of a host's address (RFC 8445 section 5.1.2.1).
        let way = format!("1 1 udp 2130706431 {ip} {port} typ host");
        let _ = write!(text, "\r\na=setup:{word}\r\na=candidate:{way}\r\na=end-of-candidates\r\n");
    }
}
