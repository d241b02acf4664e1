//! Writing messages: lines into one buffer, checked where a value comes from outside.
//! It refuses to know why a message is sent.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;

use crate::command::{Party, Reason, Refused};
use crate::config::{Config, Listener};
use crate::dialog::DialogState;
use crate::hop::Hop;
use crate::ids::{decimal, hex};

/// The methods a dialog of ours takes.
pub(crate) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER";

/// The extensions we understand.
pub(crate) const SUPPORTED: &str = "timer, 100rel";

/// A message being written.
pub(crate) struct Message<'b> {
    out: &'b mut Vec<u8>,
}

impl<'b> Message<'b> {
    pub(crate) fn request(out: &'b mut Vec<u8>, method: &str, uri: &str) -> Message<'b> {
        out.clear();
        for part in [method, " ", uri, " SIP/2.0\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
        Message { out }
    }

    /// A message whose beginning is in `out` already.
    pub(crate) fn begun(out: &'b mut Vec<u8>) -> Message<'b> {
        Message { out }
    }

    pub(crate) fn response(out: &'b mut Vec<u8>, status: u16, phrase: &str) -> Message<'b> {
        out.clear();
        out.extend_from_slice(b"SIP/2.0 ");
        let mut message = Message { out };
        message.digits(u64::from(status));
        message.out.push(b' ');
        message.out.extend_from_slice(phrase.as_bytes());
        message.out.extend_from_slice(b"\r\n");
        message
    }

    /// Lines that are already whole.
    pub(crate) fn lines(&mut self, lines: &[u8]) -> &mut Self {
        self.out.extend_from_slice(lines);
        self
    }

    pub(crate) fn header(&mut self, name: &str, value: &str) -> &mut Self {
        self.parts(name, &[value])
    }

    /// A header whose value is the parts in a row.
    pub(crate) fn parts(&mut self, name: &str, parts: &[&str]) -> &mut Self {
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b": ");
        for part in parts {
            self.out.extend_from_slice(part.as_bytes());
        }
        self.out.extend_from_slice(b"\r\n");
        self
    }

    pub(crate) fn number(&mut self, name: &str, number: u32) -> &mut Self {
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b": ");
        self.digits(u64::from(number));
        self.out.extend_from_slice(b"\r\n");
        self
    }

    pub(crate) fn via(&mut self, face: &Face, branch: u64) -> &mut Self {
        self.out.extend_from_slice(b"Via: SIP/2.0/");
        self.out.extend_from_slice(face.sent_by.as_bytes());
        self.out.extend_from_slice(b";branch=z9hG4bK");
        self.out.extend_from_slice(&hex(branch));
        self.out.extend_from_slice(b";rport\r\n");
        self
    }

    pub(crate) fn cseq(&mut self, number: u32, method: &str) -> &mut Self {
        self.out.extend_from_slice(b"CSeq: ");
        self.digits(u64::from(number));
        self.out.push(b' ');
        self.out.extend_from_slice(method.as_bytes());
        self.out.extend_from_slice(b"\r\n");
        self
    }

    /// From or To: the address, and the tag if there is one.
    pub(crate) fn party(&mut self, name: &str, address: &str, tag: &str) -> &mut Self {
        if tag.is_empty() { self.header(name, address) } else { self.parts(name, &[address, ";tag=", tag]) }
    }

    pub(crate) fn reason(&mut self, reason: Option<&Reason>) -> &mut Self {
        let Some(reason) = reason else { return self };
        self.out.extend_from_slice(b"Reason: Q.850;cause=");
        self.digits(u64::from(reason.q850));
        if let Some(text) = reason.text.as_deref().filter(|text| is_clean(text)) {
            self.out.extend_from_slice(b";text=");
            self.out.extend_from_slice(quoted(text).as_bytes());
        }
        self.out.extend_from_slice(b"\r\n");
        self
    }

    /// The header that proves who we are, where there is one.
    pub(crate) fn proof(&mut self, proof: Option<&(&'static str, String)>) -> &mut Self {
        match proof {
            Some((name, value)) => self.header(name, value),
            None => self,
        }
    }

    /// The length, the blank line and the body.
    pub(crate) fn finish(&mut self, content_type: &str, body: &[u8]) -> Bytes {
        if !body.is_empty() {
            self.header("Content-Type", content_type);
        }
        self.number("Content-Length", body.len() as u32);
        self.out.extend_from_slice(b"\r\n");
        self.out.extend_from_slice(body);
        Bytes::copy_from_slice(self.out)
    }

    /// The message, all of whose lines were written.
    pub(crate) fn whole(&mut self) -> Bytes {
        Bytes::copy_from_slice(self.out)
    }

    fn digits(&mut self, number: u64) {
        self.out.extend_from_slice(decimal(number, &mut [0; 20]).as_bytes());
    }
}

/// How one listener of ours is written.
pub(crate) struct Face {
    /// Transport and address, as a Via has them.
    sent_by: String,
    /// Contact with brackets.
    pub(crate) contact: String,
    /// What follows the user in a Contact: address and transport.
    place: String,
}

impl Face {
    fn new(listener: &Listener, user: &str) -> Face {
        let Listener { transport, advertised } = listener;
        let place = Hop { transport: *transport, ..Hop::udp(*advertised) }.to_string();
        let at = if user.is_empty() { "" } else { "@" };
        let contact = format!("<sip:{user}{at}{place}>");
        Face { sent_by: format!("{} {advertised}", transport.in_via()), contact, place }
    }

    /// A Contact with another user, which [`is_user`] lets pass.
    pub(crate) fn contact_of(&self, user: &str) -> String {
        format!("<sip:{user}@{}>", self.place)
    }
}

/// What an endpoint writes into every message of its own.
pub(crate) struct Stamp {
    faces: Vec<Face>,
    agent: Option<String>,
}

impl Stamp {
    pub(crate) fn new(config: &Config) -> Stamp {
        let user: String =
            config.contact_user.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).collect();
        let faces = config.listeners.iter().map(|listener| Face::new(listener, &user)).collect();
        Stamp { faces, agent: config.user_agent.clone().filter(|agent| is_clean(agent)) }
    }

    /// How the listener of a hop is written; the first one's where there is none such.
    pub(crate) fn face(&self, hop: Hop) -> &Face {
        self.faces.get(usize::from(hop.listener)).unwrap_or(&self.faces[0])
    }

    pub(crate) fn agent(&self, message: &mut Message<'_>, name: &str) {
        if let Some(agent) = &self.agent {
            message.header(name, agent);
        }
    }
}

/// A request inside `dialog`, up to CSeq (RFC 3261 12.2.1.1).
pub(crate) fn in_dialog<'b>(
    out: &'b mut Vec<u8>,
    stamp: &Stamp,
    dialog: &DialogState,
    method: &str,
    cseq: u32,
    branch: u64,
    remote_tag: &str,
) -> Message<'b> {
    // A first route without `lr` is a strict router: it wants its own address in the Request-URI.
    let strict = dialog.route_set.first().filter(|route| !route.contains(";lr"));
    let uri = strict.map_or(dialog.remote_target.as_str(), |route| uri_of(route));
    let mut message = Message::request(out, method, uri);
    message.via(stamp.face(dialog.next_hop), branch).number("Max-Forwards", 70);
    for route in dialog.route_set.iter().skip(usize::from(strict.is_some())) {
        message.header("Route", route);
    }
    if strict.is_some() {
        message.parts("Route", &["<", &dialog.remote_target, ">"]);
    }
    message.party("From", &dialog.local, &dialog.local_tag);
    message.party("To", &dialog.remote, remote_tag);
    message.header("Call-ID", &dialog.call_id).cseq(cseq, method);
    message
}

/// The URI inside a Route or Contact value.
pub(crate) fn uri_of(value: &str) -> &str {
    match (value.find('<'), value.find('>')) {
        (Some(open), Some(close)) if open < close => &value[open + 1..close],
        _ => value.split(';').next().unwrap_or(value).trim(),
    }
}

/// Where a URI with a literal address points; names are left to the source of the message.
pub(crate) fn literal(uri: &str) -> Option<SocketAddr> {
    let rest = uri.split_once(':')?.1;
    let host = rest.split(['?', ';']).next()?;
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    if let Ok(address) = host.parse::<SocketAddr>() {
        return Some(address);
    }
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, 5060))
}

/// Where requests inside a dialog go: the literal address of `uri`, or `source` where that is a name, or where
/// a public peer points into a private network (a phone behind address translation, or an attack).
pub(crate) fn next_hop(uri: &str, from: Hop) -> Hop {
    let source = from.remote;
    match literal(uri) {
        Some(address)
            if address.port() == 0 || address.ip().is_unspecified() || address.ip().is_multicast() =>
        {
            from
        }
        Some(address) if is_private(address.ip()) && !is_private(source.ip()) => from,
        // A loopback address is another network than any other private one.
        Some(address)
            if is_private(address.ip()) && address.ip().is_loopback() != source.ip().is_loopback() =>
        {
            from
        }
        Some(address) if address.is_ipv4() != source.is_ipv4() => from,
        // A stream that somebody opened to us is the only way back to most who do.
        Some(_) if from.transport.is_reliable() => from,
        Some(address) => from.towards(address),
        None => from,
    }
}

fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            ip.is_private() || ip.is_loopback() || ip.is_link_local() || (a == 100 && b & 0xc0 == 64)
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

/// Whether a value can stand in a header line: no control characters.
pub(crate) fn is_clean(value: &str) -> bool {
    !value.bytes().any(|byte| byte < 0x20 || byte == 0x7f)
}

/// Whether a value can stand in a start line or between `<` and `>`.
pub(crate) fn is_uri(value: &str) -> bool {
    !value.is_empty() && is_clean(value) && !value.contains([' ', '<', '>', '"'])
}

/// Whether a value can stand as the user of a URI as it is.
pub(crate) fn is_user(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte))
}

/// A quoted string (RFC 3261 25.1).
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

/// `"display" <sip:user@host>`.
pub(crate) fn name_addr(party: &Party) -> Result<String, Refused> {
    let clean = is_clean(&party.user) && is_uri(&party.host) && party.display.as_deref().is_none_or(is_clean);
    if !clean {
        return Err(Refused::BadValue);
    }
    let mut out = party.display.as_deref().map_or(String::new(), |display| quoted(display) + " ");
    out.push_str("<sip:");
    if !party.user.is_empty() {
        escape_user(&party.user, &mut out);
        out.push('@');
    }
    out.push_str(&party.host);
    out.push('>');
    Ok(out)
}

/// RFC 3261 25.1: unreserved and user-unreserved characters stay, all others become `%XX`.
fn escape_user(user: &str, out: &mut String) {
    for byte in user.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

/// The phrase of a status.
pub(crate) fn phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        181 => "Call Is Being Forwarded",
        182 => "Queued",
        183 => "Session Progress",
        200 => "OK",
        202 => "Accepted",
        302 => "Moved Temporarily",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        410 => "Gone",
        413 => "Request Entity Too Large",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        423 => "Interval Too Brief",
        422 => "Session Interval Too Small",
        433 => "Anonymity Disallowed",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        484 => "Address Incomplete",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        491 => "Request Pending",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        505 => "Version Not Supported",
        600 => "Busy Everywhere",
        603 => "Decline",
        607 => "Unwanted",
        ..=199 => "Progress",
        201..=299 => "OK",
        300..=399 => "Redirection",
        402..=499 => "Request Failure",
        500 | 502 | 506..=599 => "Server Internal Error",
        _ => "Global Failure",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Hop {
        Hop::udp(text.parse().expect("an address"))
    }

    #[test]
    fn fault_n8_private_targets_of_public_peers_are_not_believed() {
        let public = address("203.0.113.5:5060");
        assert_eq!(next_hop("sip:a@10.0.0.1:5070", public), public);
        assert_eq!(next_hop("sip:a@127.0.0.1", public), public);
        assert_eq!(next_hop("sip:a@198.51.100.2;lr", public), address("198.51.100.2:5060"));
        assert_eq!(next_hop("sip:a@10.0.0.1:5070", address("10.0.0.9:5060")), address("10.0.0.1:5070"));
        assert_eq!(next_hop("sip:carrier.example", public), public);
        let [loopback, private] = ["127.0.0.2:5060", "10.0.0.9:5060"].map(address);
        assert_eq!(next_hop("sip:a@192.168.1.20:5062", loopback), loopback);
        assert_eq!(next_hop("sip:a@127.0.0.1:5070", private), private);
        assert_eq!(next_hop("sip:a@127.0.0.1:5070", loopback), address("127.0.0.1:5070"));
        assert_eq!(next_hop("sip:a@0.0.0.0", public), public);
    }

    #[test]
    fn names_are_quoted_and_users_escaped() {
        let party = Party { user: "a b@c".into(), host: "h".into(), display: Some("x\"y".into()) };
        assert_eq!(name_addr(&party), Ok("\"x\\\"y\" <sip:a%20b%40c@h>".into()));
        let broken = Party { user: "a".into(), host: "h\r\nEvil: 1".into(), display: None };
        assert_eq!(name_addr(&broken), Err(Refused::BadValue));
    }

    #[test]
    fn a_uri_is_taken_out_of_its_brackets() {
        assert_eq!(uri_of("\"x\" <sip:a@b;lr>;p=1"), "sip:a@b;lr");
        assert_eq!(uri_of("sip:a@b;p=1"), "sip:a@b");
    }
}
