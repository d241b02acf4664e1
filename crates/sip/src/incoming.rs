//! A received message, read once: the parts that decide what becomes of it.
//! It refuses to know transactions, dialogs and calls.

use std::borrow::Cow;
use std::net::SocketAddr;

use sipx_sip::headers::Via;
use sipx_sip::headers::via::first_hop_end;
use sipx_sip::{HeaderName, Headers, Limits, Request};

use crate::hop::{Hop, Transport};
use crate::ids::{Keyed, unhex};

/// What a datagram may hold before reading it costs too much.
pub(crate) fn limits() -> Limits {
    Limits { max_headers: 128, ..Limits::datagram() }
}

/// Why a request is refused before anyone looks at its meaning: status and phrase.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) status: u16,
    pub(crate) phrase: &'static str,
}

fn bad(phrase: &'static str) -> Fault {
    Fault { status: 400, phrase }
}

/// The headers that every message must have, unfolded.
pub(crate) struct Head<'m> {
    pub(crate) via: Cow<'m, [u8]>,
    pub(crate) from: Cow<'m, [u8]>,
    pub(crate) to: Cow<'m, [u8]>,
    pub(crate) call_id: Cow<'m, [u8]>,
    pub(crate) cseq: u32,
    pub(crate) cseq_method: Cow<'m, [u8]>,
    pub(crate) vias: usize,
    max_forwards: Option<Cow<'m, [u8]>>,
}

impl<'m> Head<'m> {
    /// One walk over the headers; anything missing, repeated or unreadable is a fault.
    pub(crate) fn read(headers: &'m Headers) -> Result<Head<'m>, Fault> {
        let (mut via, mut from, mut to, mut call_id, mut cseq, mut max_forwards) =
            (None, None, None, None, None, None);
        let mut vias = 0;
        for header in headers.iter() {
            let (place, repeated) = match header.name() {
                HeaderName::Via => {
                    vias += 1;
                    if via.is_none() {
                        via = Some(header.value());
                    }
                    continue;
                }
                HeaderName::From => (&mut from, "Repeated From"),
                HeaderName::To => (&mut to, "Repeated To"),
                HeaderName::CallId => (&mut call_id, "Repeated Call-ID"),
                HeaderName::CSeq => (&mut cseq, "Repeated CSeq"),
                HeaderName::MaxForwards => (&mut max_forwards, "Repeated Max-Forwards"),
                _ => continue,
            };
            if place.replace(header.value()).is_some() {
                return Err(bad(repeated));
            }
        }
        let (cseq, cseq_method) = read_cseq(cseq.ok_or(bad("Missing CSeq"))?)?;
        let head = Head {
            via: via.ok_or(bad("Missing Via"))?,
            from: from.ok_or(bad("Missing From"))?,
            to: to.ok_or(bad("Missing To"))?,
            call_id: call_id.ok_or(bad("Missing Call-ID"))?,
            cseq,
            cseq_method,
            vias,
            max_forwards,
        };
        if head.call_id.is_empty() || !head.call_id.iter().all(u8::is_ascii_graphic) {
            return Err(bad("Bad Call-ID"));
        }
        Ok(head)
    }

    pub(crate) fn call_id(&self) -> &str {
        // `read` let only graphic ASCII pass.
        std::str::from_utf8(&self.call_id).unwrap_or_default()
    }

    pub(crate) fn their_tag(&self) -> Option<&[u8]> {
        tag_of(&self.from)
    }

    pub(crate) fn to_tag(&self) -> Option<&[u8]> {
        tag_of(&self.to)
    }

    /// The branch of the topmost Via.
    pub(crate) fn branch(&self) -> Option<&[u8]> {
        let hop = &self.via[..first_hop_end(&self.via)];
        let params = hop.iter().position(|&byte| byte == b';')?;
        param(&hop[params..], b"branch")
    }

    /// Max-Forwards: 70 when absent (RFC 2543 peers), a fault above 255.
    pub(crate) fn max_forwards(&self) -> Result<u8, Fault> {
        match &self.max_forwards {
            None => Ok(70),
            Some(value) => number(value).and_then(|n| u8::try_from(n).ok()).ok_or(bad("Bad Max-Forwards")),
        }
    }
}

/// The branches of a Via line, of all its hops, that have the form of ours.
pub(crate) fn own_branches(value: &[u8]) -> impl Iterator<Item = u64> + '_ {
    const COOKIE: &[u8] = b"z9hG4bK";
    const DIGITS: usize = 16;
    value.windows(COOKIE.len() + DIGITS).filter_map(|window| unhex(window.strip_prefix(COOKIE)?))
}

fn read_cseq(value: Cow<'_, [u8]>) -> Result<(u32, Cow<'_, [u8]>), Fault> {
    const BAD: Fault = Fault { status: 400, phrase: "Bad CSeq" };
    let space = value.iter().position(|byte| matches!(byte, b' ' | b'\t')).ok_or(BAD)?;
    // RFC 3261 8.1.1.5: less than 2^31.
    let sequence = number(&value[..space]).filter(|&n| n < 1 << 31).ok_or(BAD)? as u32;
    let start = space + value[space..].iter().position(|byte| !matches!(byte, b' ' | b'\t')).ok_or(BAD)?;
    let method = match value {
        Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[start..]),
        Cow::Owned(bytes) => Cow::Owned(bytes[start..].to_vec()),
    };
    Ok((sequence, method))
}

/// Decimal digits and nothing else, up to 2^63.
pub(crate) fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0, |number, &digit| number * 10 + u64::from(digit - b'0')))
}

pub(crate) fn trim(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii()
}

/// Where an address ends and its header parameters begin: after `>`, or at the first `;` without brackets.
fn address_end(value: &[u8]) -> usize {
    let mut place = 0;
    let mut quoted = false;
    while let Some(&byte) = value.get(place) {
        match byte {
            b'\\' if quoted => place += 1,
            b'"' => quoted = !quoted,
            b'<' if !quoted => {
                let close = value[place..].iter().position(|&byte| byte == b'>');
                return close.map_or(value.len(), |close| place + close + 1);
            }
            b';' if !quoted => {
                // Only an address without brackets has its parameters here; a name must be quoted to hold `;`.
                return place;
            }
            _ => {}
        }
        place += 1;
    }
    value.len()
}

/// The tag of a From or To value.
pub(crate) fn tag_of(value: &[u8]) -> Option<&[u8]> {
    param(&value[address_end(value)..], b"tag").filter(|tag| !tag.is_empty())
}

/// A From or To value without its tag, as text.
pub(crate) fn without_tag(value: &[u8]) -> String {
    let end = address_end(value);
    let mut kept = String::from_utf8_lossy(trim(&value[..end])).into_owned();
    for piece in value[end..].split(|&byte| byte == b';').map(trim).filter(|piece| !piece.is_empty()) {
        let name = piece.split(|&byte| byte == b'=').next().map_or(piece, trim);
        if !name.eq_ignore_ascii_case(b"tag") {
            kept.push(';');
            kept.push_str(&String::from_utf8_lossy(piece));
        }
    }
    kept
}

/// The value of a `;name=value` parameter; empty for a flag.
pub(crate) fn param<'a>(params: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    params.split(|&byte| byte == b';').skip(1).find_map(|piece| {
        let (key, value) = match piece.iter().position(|&byte| byte == b'=') {
            Some(equals) => (&piece[..equals], &piece[equals + 1..]),
            None => (piece, &[][..]),
        };
        trim(key).eq_ignore_ascii_case(name).then(|| trim(value))
    })
}

/// The topmost Via of a request and what follows from it.
pub(crate) struct ReturnPath {
    /// Where responses go (RFC 3261 18.2.2, RFC 3581): always the address the request came from; `maddr` is
    /// not obeyed, it lets a stranger choose our target.
    pub(crate) to: Hop,
    /// The hop with `received` and `rport` filled in.
    pub(crate) top: Vec<u8>,
    /// What follows the first hop within the same header line.
    pub(crate) first_hop_end: usize,
    sent_by: Vec<u8>,
}

impl ReturnPath {
    pub(crate) fn read(via: &[u8], source: Hop) -> Result<ReturnPath, Fault> {
        let end = first_hop_end(via);
        let hop = trim(&via[..end]);
        let parsed = Via::parse_one(hop).map_err(|_| bad("Bad Via"))?;
        let host = parsed.host.to_bytes();
        let rport = parsed.rport().is_some();
        let mut sent_by = host.to_vec();
        sent_by.extend_from_slice(&parsed.port.unwrap_or(5060).to_be_bytes());
        let port = if rport { source.remote.port() } else { parsed.port.unwrap_or(5060) };
        let ip = source.remote.ip().to_string();
        let foreign = rport || !host.eq_ignore_ascii_case(ip.as_bytes());
        Ok(ReturnPath {
            to: match source.transport {
                Transport::Udp => source.towards(SocketAddr::new(source.remote.ip(), port)),
                // A stream's answers go back by the stream (RFC 3261 18.2.2).
                Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => source,
            },
            top: answered_hop(hop, source.remote, &ip, foreign),
            first_hop_end: end,
            sent_by,
        })
    }
}

/// RFC 3261 18.2.1 and RFC 3581: note where the request really came from.
fn answered_hop(hop: &[u8], source: SocketAddr, ip: &str, foreign: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(hop.len() + 48);
    for (index, piece) in hop.split(|&byte| byte == b';').enumerate() {
        let name = piece.split(|&byte| byte == b'=').next().map_or(piece, trim);
        if index > 0 && name.eq_ignore_ascii_case(b"received") {
            continue;
        }
        if index > 0 {
            out.push(b';');
        }
        if index > 0 && name.eq_ignore_ascii_case(b"rport") {
            out.extend_from_slice(format!("rport={}", source.port()).as_bytes());
        } else {
            out.extend_from_slice(piece);
        }
    }
    if foreign {
        out.extend_from_slice(b";received=");
        out.extend_from_slice(ip.as_bytes());
    }
    out
}

/// The key under which a request finds its server transaction (RFC 3261 17.2.3); ACK finds the INVITE's.
pub(crate) fn server_key(
    keyed: &Keyed,
    method: &[u8],
    uri: &[u8],
    head: &Head<'_>,
    path: &ReturnPath,
) -> u64 {
    let method = if method == b"ACK" { b"INVITE" } else { method };
    match head.branch() {
        Some(branch) if branch.len() > 7 && branch[..7].eq_ignore_ascii_case(b"z9hG4bK") => {
            keyed.hash(&[b"server", method, branch, &path.sent_by])
        }
        // RFC 2543 peers: the parts of the request that all its repetitions share.
        _ => {
            let from_tag = head.their_tag().unwrap_or_default();
            let cseq = head.cseq.to_be_bytes();
            keyed.hash(&[b"2543", method, uri, from_tag, &head.call_id, &cseq, &head.via])
        }
    }
}

/// What the extension headers of a request ask for.
#[derive(Default)]
pub(crate) struct Extensions {
    pub(crate) supports_timer: bool,
    /// `100rel` in Supported or Require: provisional responses may be reliable (RFC 3262).
    pub(crate) supports_100rel: bool,
    /// `100rel` in Require.
    pub(crate) requires_100rel: bool,
    pub(crate) allows_update: bool,
    pub(crate) session_expires: Option<SessionExpires>,
    pub(crate) min_se_s: Option<u32>,
}

/// `Session-Expires: 1800;refresher=uac` (RFC 4028).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct SessionExpires {
    pub(crate) interval_s: u32,
    pub(crate) refresher: Option<Side>,
}

/// A side of one request, as RFC 4028 names it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Uac,
    Uas,
}

impl Extensions {
    pub(crate) fn read(headers: &Headers) -> Extensions {
        let mut read = Extensions::default();
        for header in headers.iter() {
            match header.name() {
                HeaderName::Supported | HeaderName::Require => {
                    let value = header.value();
                    let has = |option: &[u8]| tokens(&value).any(|token| token.eq_ignore_ascii_case(option));
                    read.supports_timer |= has(b"timer");
                    read.supports_100rel |= has(b"100rel");
                    read.requires_100rel |= *header.name() == HeaderName::Require && has(b"100rel");
                }
                HeaderName::Allow => {
                    read.allows_update |= tokens(&header.value()).any(|token| token == b"UPDATE")
                }
                HeaderName::SessionExpires => read.session_expires = session_expires(&header.value()),
                HeaderName::MinSe => read.min_se_s = seconds(&header.value()),
                _ => {}
            }
        }
        read
    }
}

/// The words of a comma-separated list.
pub(crate) fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(trim).filter(|token| !token.is_empty())
}

/// Delta seconds at the start of a value, parameters and comments left out.
pub(crate) fn seconds(value: &[u8]) -> Option<u32> {
    let digits = value.split(|&byte| matches!(byte, b';' | b'(' | b' ')).next().unwrap_or(value);
    number(trim(digits)).map(|n| u32::try_from(n).unwrap_or(u32::MAX))
}

fn session_expires(value: &[u8]) -> Option<SessionExpires> {
    let interval_s = seconds(value)?;
    let refresher = match param(value, b"refresher") {
        Some(side) if side.eq_ignore_ascii_case(b"uac") => Some(Side::Uac),
        Some(side) if side.eq_ignore_ascii_case(b"uas") => Some(Side::Uas),
        _ => None,
    };
    Some(SessionExpires { interval_s, refresher })
}

/// The first header of a name that the parser has no variant for.
pub(crate) fn other<'m>(headers: &'m Headers, name: &[u8]) -> Option<Cow<'m, [u8]>> {
    let named = |header: &&sipx_sip::Header| header.name().canonical().eq_ignore_ascii_case(name);
    headers.iter().find(named).map(sipx_sip::Header::value)
}

/// Q.850 cause and text of the Reason headers (RFC 3326).
pub(crate) fn reason(headers: &Headers) -> (Option<u16>, Option<String>) {
    let (mut q850, mut text) = (None, None);
    for header in headers.get_all(&HeaderName::Reason) {
        let value = header.value();
        for one in split_quoted(&value) {
            let protocol = one.split(|&byte| byte == b';').next().map_or(one, trim);
            if protocol.eq_ignore_ascii_case(b"Q.850") {
                q850 = q850.or(param(one, b"cause").and_then(number).and_then(|n| u16::try_from(n).ok()));
            }
            text = text.or_else(|| quoted_param(one, b"text"));
        }
    }
    (q850, text)
}

/// The values of a list, commas inside quotes left alone.
fn split_quoted(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    value.split(move |&byte| {
        quoted ^= byte == b'"';
        byte == b',' && !quoted
    })
}

fn quoted_param(value: &[u8], name: &[u8]) -> Option<String> {
    let text = param(value, name)?;
    let text = text.strip_prefix(b"\"").unwrap_or(text);
    let text = text.strip_suffix(b"\"").unwrap_or(text);
    Some(String::from_utf8_lossy(text).into_owned())
}

/// How a body is to be understood.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Body {
    None,
    Sdp,
    /// Something else that the sender insists on.
    Foreign,
    /// Something else that may be ignored.
    Optional,
}

pub(crate) fn body_kind(headers: &Headers, body: &[u8]) -> Body {
    if body.is_empty() {
        return Body::None;
    }
    let sdp =
        content_type(headers) == "application/sdp" && headers.get(&HeaderName::ContentEncoding).is_none();
    if sdp {
        return Body::Sdp;
    }
    let disposition = headers.value(&HeaderName::ContentDisposition).unwrap_or_default();
    match param(&disposition, b"handling") {
        Some(handling) if handling.eq_ignore_ascii_case(b"optional") => Body::Optional,
        _ => Body::Foreign,
    }
}

/// The media type in lower case without parameters.
pub(crate) fn content_type(headers: &Headers) -> String {
    let value = headers.value(&HeaderName::ContentType).unwrap_or_default();
    let kind = value.split(|&byte| byte == b';').next().map_or(&value[..], trim);
    String::from_utf8_lossy(kind).replace([' ', '\t'], "").to_ascii_lowercase()
}

/// The checks of RFC 3261 8.1.1 beyond presence, on a request that no dialog of ours knows.
pub(crate) fn examine(request: &Request, head: &Head<'_>) -> Result<(), Fault> {
    if request.uri.has_headers() {
        return Err(bad("Headers in Request-URI"));
    }
    let single = [
        (HeaderName::ContentLength, "Repeated Content-Length"),
        (HeaderName::ContentType, "Repeated Content-Type"),
    ];
    if let Some((_, phrase)) = single.iter().find(|(name, _)| request.headers.count(name) > 1) {
        return Err(bad(phrase));
    }
    // RFC 3261 20.17: the zone of a Date is GMT.
    let date = request.headers.value(&HeaderName::Date);
    if date.is_some_and(|date| !date.ends_with(b"GMT")) {
        return Err(bad("Bad Date"));
    }
    head.max_forwards().map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_found_outside_the_address_only() {
        assert_eq!(tag_of(b"<sip:a@b;tag=no>;tag=yes"), Some(&b"yes"[..]));
        assert_eq!(tag_of(b"sip:a@b;tag=yes"), Some(&b"yes"[..]));
        assert_eq!(tag_of(b"\"x;tag=no\" <sip:a@b>"), None);
        assert_eq!(tag_of(b"\"a \\\" <;tag=no\" <sip:a@b>; TAG = yes"), Some(&b"yes"[..]));
        assert_eq!(tag_of(b"<sip:a@b>;tag="), None);
    }

    #[test]
    fn a_tag_is_taken_out_and_the_rest_stays() {
        assert_eq!(without_tag(b"\"A; B\" <sip:a@b>;x=1;tag=2;y"), "\"A; B\" <sip:a@b>;x=1;y");
        assert_eq!(without_tag(b"sip:a@b;tag=2"), "sip:a@b");
    }

    #[test]
    fn a_response_returns_to_where_the_request_came_from() {
        let source = Hop::udp("203.0.113.9:4444".parse().expect("an address"));
        let path =
            ReturnPath::read(b"SIP/2.0/UDP 10.0.0.1:5070;rport;branch=z9hG4bKx", source).expect("valid");
        assert_eq!(path.to, source);
        assert_eq!(path.top, b"SIP/2.0/UDP 10.0.0.1:5070;rport=4444;branch=z9hG4bKx;received=203.0.113.9");
        let path = ReturnPath::read(b"SIP/2.0/UDP 10.0.0.1:5070;received=1.2.3.4", source).expect("valid");
        assert_eq!(path.to, Hop::udp("203.0.113.9:5070".parse().expect("an address")));
        assert_eq!(path.top, b"SIP/2.0/UDP 10.0.0.1:5070;received=203.0.113.9");
    }

    #[test]
    fn session_expires_is_read_with_its_side() {
        let read = session_expires(b"1800 ; refresher = UAS");
        assert_eq!(read, Some(SessionExpires { interval_s: 1800, refresher: Some(Side::Uas) }));
        assert_eq!(session_expires(b"x"), None);
    }
}
