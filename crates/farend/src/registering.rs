//! One registration at a registrar (RFC 3261 section 10) without I/O: challenge answered, refreshed in good time, given
//! back at the end. It refuses to know sockets and calls.

use std::net::SocketAddr;

use crate::agent::Transmit;
use crate::digest::{Credentials, authorise};
use crate::random::mix;
use crate::wire::{self, Message, Method, Start};

/// What to register.
#[derive(Clone, Debug)]
pub(crate) struct RegisteringConfig {
    pub(crate) registrar: SocketAddr,
    /// Our address as we believe it to be: behind a NAT it is a private one.
    pub(crate) local: SocketAddr,
    pub(crate) credentials: Credentials,
    /// What we ask for; the registrar may grant less, or demand more (423).
    pub(crate) expires_s: u32,
    pub(crate) seed: u64,
    pub(crate) t1_ms: u64,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Registered {
    /// Held for so long; it will be refreshed by itself.
    For { expires_s: u32 },
    /// Given back.
    Left,
    /// Refused for good; nothing more is tried until told.
    Refused { status: u16 },
    /// Nobody answered; it is tried again.
    Unanswered,
}

/// How long the registrar may stay silent before it is asked anew, beyond the repetitions of one request.
const AGAIN_MS: u64 = 5_000;

pub(crate) struct Registering {
    config: RegisteringConfig,
    call_id: String,
    cseq: u32,
    expires_s: u32,
    wanted: bool,
    /// The challenges as written, so that a refresh need not be challenged again.
    challenges: Vec<String>,
    field: &'static str,
    count: u32,
    /// Challenges answered since the last success: one is usual, a second means a nonce grown old.
    asked: u32,
    sending: Option<Sending>,
    next_at: Option<u64>,
    transmits: Vec<Transmit>,
}

struct Sending {
    bytes: Vec<u8>,
    at_ms: u64,
    interval_ms: u64,
    until_ms: u64,
}

impl Registering {
    pub(crate) fn new(config: RegisteringConfig) -> Registering {
        Registering {
            call_id: format!("{:016x}@{}", mix(config.seed), config.local.ip()),
            cseq: 0,
            expires_s: config.expires_s,
            wanted: true,
            challenges: Vec::new(),
            field: "Authorization",
            count: 0,
            asked: 0,
            sending: None,
            next_at: None,
            transmits: Vec::new(),
            config,
        }
    }

    /// Registers, or registers anew.
    pub(crate) fn register(&mut self, now_ms: u64) {
        self.wanted = true;
        self.asked = 0;
        self.send(now_ms);
    }

    /// Gives the registration back.
    pub(crate) fn leave(&mut self, now_ms: u64) {
        self.wanted = false;
        self.asked = 0;
        self.send(now_ms);
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<Transmit> {
        (!self.transmits.is_empty()).then(|| self.transmits.remove(0))
    }

    pub(crate) fn next_timeout(&self) -> Option<u64> {
        [self.sending.as_ref().map(|sending| sending.at_ms), self.next_at].into_iter().flatten().min()
    }

    /// Time has come.
    pub(crate) fn handle_timeout(&mut self, now_ms: u64) -> Option<Registered> {
        if self.next_at.is_some_and(|at_ms| at_ms <= now_ms) {
            self.asked = 0;
            self.send(now_ms);
        }
        let sending = self.sending.as_mut().filter(|sending| sending.at_ms <= now_ms)?;
        if now_ms >= sending.until_ms {
            self.sending = None;
            self.next_at = self.wanted.then_some(now_ms + AGAIN_MS);
            return Some(if self.wanted { Registered::Unanswered } else { Registered::Left });
        }
        sending.interval_ms = (2 * sending.interval_ms).min(8 * self.config.t1_ms);
        sending.at_ms = (now_ms + sending.interval_ms).min(sending.until_ms);
        self.transmits.push(Transmit { to: self.config.registrar, bytes: sending.bytes.clone() });
        None
    }

    /// A response to REGISTER; anything else, and what is not ours, is `None`.
    pub(crate) fn receive(&mut self, message: &Message<'_>, now_ms: u64) -> Option<Registered> {
        let Start::Response { status, .. } = message.start else { return None };
        let ours = message.call_id == self.call_id && message.cseq == self.cseq && self.sending.is_some();
        if !ours || message.cseq_method != Method::Register || status < 200 {
            return None;
        }
        self.sending = None;
        match status {
            200..300 if self.wanted => Some(self.granted(message, now_ms)),
            200..300 => Some(Registered::Left),
            401 | 407 if self.asked < 2 && !message.challenges.is_empty() => {
                self.challenges = message.challenges.iter().map(|value| (*value).to_owned()).collect();
                self.field = if status == 401 { "Authorization" } else { "Proxy-Authorization" };
                self.count = 0;
                self.asked += 1;
                self.send(now_ms);
                None
            }
            423 => {
                let demanded = message.min_expires.and_then(|seconds| seconds.parse().ok());
                self.expires_s = demanded.unwrap_or(self.expires_s.saturating_mul(2)).max(self.expires_s + 1);
                self.send(now_ms);
                None
            }
            503 => {
                let after_s =
                    message.retry_after.and_then(|after| after.split([' ', ';', '(']).next()?.parse().ok());
                self.next_at = self.wanted.then_some(now_ms + after_s.map_or(AGAIN_MS, |s: u64| s * 1000));
                Some(Registered::Refused { status })
            }
            _ => Some(Registered::Refused { status }),
        }
    }

    fn granted(&mut self, message: &Message<'_>, now_ms: u64) -> Registered {
        let contact = self.contact_uri();
        let own = message
            .contacts
            .iter()
            .flat_map(|value| wire::split_addresses(value))
            .find(|value| wire::uri_of(value) == contact);
        let said = own.and_then(|value| wire::parameter(value, "expires")).or(message.expires);
        let expires_s = said.and_then(|seconds| seconds.parse().ok()).unwrap_or(self.expires_s);
        // Half of a short registration, and at least 30 s before the end of a long one (as RFC 5626 4.4 spreads it).
        let lead_s = (expires_s / 2).min(30);
        self.next_at = Some(now_ms + u64::from(expires_s - lead_s) * 1000);
        self.asked = 0;
        Registered::For { expires_s }
    }

    fn contact_uri(&self) -> String {
        format!("sip:{}@{}", self.config.credentials.user, self.config.local)
    }

    fn send(&mut self, now_ms: u64) {
        self.cseq += 1;
        self.count += 1;
        self.next_at = None;
        let bytes = self.request();
        self.transmits.push(Transmit { to: self.config.registrar, bytes: bytes.clone() });
        let t1_ms = self.config.t1_ms;
        self.sending =
            Some(Sending { bytes, at_ms: now_ms + t1_ms, interval_ms: t1_ms, until_ms: now_ms + 64 * t1_ms });
    }

    fn request(&self) -> Vec<u8> {
        let RegisteringConfig { registrar, local, credentials, seed, .. } = &self.config;
        let (user, cseq) = (&credentials.user, self.cseq);
        let uri = format!("sip:{registrar}");
        let expires_s = if self.wanted { self.expires_s } else { 0 };
        let (branch, tag) = (mix(seed ^ u64::from(cseq) << 20), mix(seed.wrapping_add(1)));
        let challenges: Vec<&str> = self.challenges.iter().map(String::as_str).collect();
        let client_nonce = format!("{:016x}", mix(seed.wrapping_add(2) ^ u64::from(cseq)));
        let authorization = authorise(credentials, &challenges, "REGISTER", &uri, &client_nonce, self.count)
            .map(|(value, _)| format!("{}: {value}\r\n", self.field))
            .unwrap_or_default();
        let contact = self.contact_uri();
        format!(
            "REGISTER {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{branch:016x};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{user}@{registrar}>;tag={tag:08x}\r\nTo: <sip:{user}@{registrar}>\r\n\
             Call-ID: {}\r\nCSeq: {cseq} REGISTER\r\nContact: <{contact}>\r\nExpires: {expires_s}\r\n\
             {authorization}Content-Length: 0\r\n\r\n",
            self.call_id
        )
        .into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone() -> Registering {
        Registering::new(RegisteringConfig {
            registrar: "192.0.2.1:5060".parse().expect("an address"),
            local: "192.168.1.20:5062".parse().expect("an address"),
            credentials: Credentials { user: "acme-8001".into(), password: "a pass word".into() },
            expires_s: 120,
            seed: 7,
            t1_ms: 500,
        })
    }

    fn sent(phone: &mut Registering) -> String {
        let transmit = phone.poll_transmit().expect("a request");
        String::from_utf8(transmit.bytes).expect("text")
    }

    fn field(request: &str, name: &str) -> String {
        request
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            .unwrap_or_default()
            .to_owned()
    }

    fn answer(request: &str, status: &str, headers: &str) -> String {
        let copied = ["Via", "From", "To", "Call-ID", "CSeq"]
            .map(|name| format!("{name}: {}\r\n", field(request, name)));
        format!("SIP/2.0 {status}\r\n{}{headers}\r\n", copied.concat())
    }

    fn hear(phone: &mut Registering, response: &str, now_ms: u64) -> Option<Registered> {
        phone.receive(&Message::parse(response.as_bytes()).expect("a response"), now_ms)
    }

    const CHALLENGE: &str =
        "WWW-Authenticate: Digest realm=\"sibai\", nonce=\"n1\", qop=\"auth\", algorithm=SHA-256\r\n";

    #[test]
    fn a_challenge_is_answered_and_the_registration_is_refreshed_before_it_ends() {
        let mut phone = phone();
        phone.register(0);
        let first = sent(&mut phone);
        assert!(field(&first, "Authorization").is_empty());
        assert_eq!(field(&first, "Contact"), "<sip:acme-8001@192.168.1.20:5062>");
        assert_eq!(hear(&mut phone, &answer(&first, "401 Unauthorized", CHALLENGE), 10), None);
        let second = sent(&mut phone);
        assert!(field(&second, "Authorization").contains("nc=00000001"), "{second}");
        let ok = answer(&second, "200 OK", "Contact: <sip:acme-8001@192.168.1.20:5062>;expires=60\r\n");
        assert_eq!(hear(&mut phone, &ok, 20), Some(Registered::For { expires_s: 60 }));
        assert_eq!(phone.next_timeout(), Some(30_020));
        assert_eq!(phone.handle_timeout(30_020), None);
        let third = sent(&mut phone);
        assert!(field(&third, "Authorization").contains("nc=00000002"), "the nonce is used again: {third}");
    }

    #[test]
    fn a_wrong_password_is_not_tried_for_ever() {
        let mut phone = phone();
        phone.register(0);
        for expected in [None, None, Some(Registered::Refused { status: 401 })] {
            let request = sent(&mut phone);
            assert_eq!(hear(&mut phone, &answer(&request, "401 Unauthorized", CHALLENGE), 10), expected);
        }
        assert_eq!(phone.next_timeout(), None);
    }

    #[test]
    fn too_short_is_asked_longer_and_silence_is_repeated_then_told() {
        let mut phone = phone();
        phone.register(0);
        let request = sent(&mut phone);
        assert_eq!(
            hear(&mut phone, &answer(&request, "423 Interval Too Brief", "Min-Expires: 300\r\n"), 5),
            None
        );
        assert_eq!(field(&sent(&mut phone), "Expires"), "300");
        let mut repeated = 0;
        let told = loop {
            let at = phone.next_timeout().expect("something to wait for");
            if let Some(told) = phone.handle_timeout(at) {
                break told;
            }
            repeated += usize::from(phone.poll_transmit().is_some());
        };
        assert_eq!((told, repeated), (Registered::Unanswered, 10));
        assert!(phone.next_timeout().is_some(), "it is tried again");
    }

    #[test]
    fn leaving_asks_for_no_time_at_all() {
        let mut phone = phone();
        phone.register(0);
        let request = sent(&mut phone);
        hear(&mut phone, &answer(&request, "200 OK", ""), 5);
        phone.leave(10);
        let request = sent(&mut phone);
        assert_eq!(field(&request, "Expires"), "0");
        assert_eq!(hear(&mut phone, &answer(&request, "200 OK", ""), 15), Some(Registered::Left));
        assert_eq!(phone.next_timeout(), None);
    }
}
