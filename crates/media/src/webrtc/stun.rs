//! Connectivity checks of ICE (RFC 8445) as its lite side answers them: binding requests of STUN (RFC 8489) read, proven
//! by the password and answered. Octets only; it refuses to know sockets and legs.

use std::net::{IpAddr, SocketAddr};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

const HEADER_BYTES: usize = 20;
const COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;

const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const PRIORITY: u16 = 0x0024;
const USE_CANDIDATE: u16 = 0x0025;
const FINGERPRINT: u16 = 0x8028;
const ICE_CONTROLLING: u16 = 0x802A;

const INTEGRITY_BYTES: usize = 4 + 20;
/// What the CRC of a message is told with (RFC 8489 section 14.7).
const FINGERPRINT_XOR: u32 = 0x5354_554E;
/// The longest message written here.
pub(crate) const MESSAGE_BYTES_MAX: usize = 160;

/// A binding request, not yet proven.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request<'d> {
    datagram: &'d [u8],
    /// `ours:theirs`.
    username: &'d [u8],
    /// Where the proof stands.
    integrity_at: usize,
    /// The browser has chosen this way.
    pub nominates: bool,
}

impl<'d> Request<'d> {
    /// Reads a binding request; `None` for anything else.
    pub fn parse(datagram: &'d [u8]) -> Option<Request<'d>> {
        let head = datagram.first_chunk::<HEADER_BYTES>()?;
        let is_request = head[..2] == BINDING_REQUEST.to_be_bytes() && head[4..8] == COOKIE;
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        if !is_request || HEADER_BYTES + length != datagram.len() {
            return None;
        }
        let (mut username, mut nominates, mut at) = (None, false, HEADER_BYTES);
        while let Some(&[kind_high, kind_low, length_high, length_low]) = datagram.get(at..at + 4) {
            let kind = u16::from_be_bytes([kind_high, kind_low]);
            let length = usize::from(u16::from_be_bytes([length_high, length_low]));
            let value = datagram.get(at + 4..at + 4 + length)?;
            match kind {
                USERNAME => username = Some(value),
                USE_CANDIDATE => nominates = true,
                // What follows the proof is not proven by it.
                MESSAGE_INTEGRITY if length == 20 => {
                    return Some(Request { datagram, username: username?, integrity_at: at, nominates });
                }
                PRIORITY => {}
                // A stranger's attribute that must be understood (RFC 8489 section 6.3.1).
                kind if kind < 0x8000 => return None,
                _ => {}
            }
            at += 4 + length.next_multiple_of(4);
        }
        None
    }

    /// By which of our names it comes.
    pub fn ufrag(&self) -> &'d [u8] {
        self.username.split(|octet| *octet == b':').next().unwrap_or_default()
    }

    /// Whether it is proven by this password.
    pub fn is_proven_by(&self, password: &[u8]) -> bool {
        let proof = &self.datagram[self.integrity_at + 4..self.integrity_at + INTEGRITY_BYTES];
        let Some(mac) = integrity(&self.datagram[..self.integrity_at], password) else { return false };
        mac.verify_slice(proof).is_ok()
    }

    /// Writes our answer to where it came from; gives its octets.
    pub fn answer(&self, from: SocketAddr, password: &[u8], out: &mut [u8; MESSAGE_BYTES_MAX]) -> usize {
        let mut transaction = [0; 12];
        transaction.copy_from_slice(&self.datagram[8..HEADER_BYTES]);
        let mut message = Message::begin(out, BINDING_SUCCESS, &transaction);
        let (address, length) = mapped(from, &transaction);
        message.attribute(XOR_MAPPED_ADDRESS, &address[..length]);
        message.seal(password)
    }
}

/// Whether a datagram is the proven answer to a check of ours.
pub(crate) fn is_answer(datagram: &[u8], transaction: &[u8; 12], password: &[u8]) -> bool {
    let is_success = datagram.len() > HEADER_BYTES
        && datagram[..2] == BINDING_SUCCESS.to_be_bytes()
        && datagram[8..HEADER_BYTES] == transaction[..];
    // XOR-MAPPED-ADDRESS stands first, of IPv4 or IPv6.
    let integrity_at = datagram
        .get(22..24)
        .map_or(0, |length| HEADER_BYTES + 4 + usize::from(u16::from_be_bytes([length[0], length[1]])));
    let proof = datagram.get(integrity_at + 4..integrity_at + INTEGRITY_BYTES);
    match (proof, datagram.get(..integrity_at).and_then(|part| integrity(part, password))) {
        (Some(proof), Some(mac)) => is_success && mac.verify_slice(proof).is_ok(),
        (Some(_), None) | (None, _) => false,
    }
}

/// Writes a check as a browser sends it, which chooses the way.
pub(crate) fn check(
    out: &mut [u8; MESSAGE_BYTES_MAX],
    transaction: &[u8; 12],
    username: &[u8],
    password: &[u8],
) -> usize {
    let mut message = Message::begin(out, BINDING_REQUEST, transaction);
    message.attribute(USERNAME, username);
    message.attribute(ICE_CONTROLLING, &transaction[..8]);
    message.attribute(PRIORITY, &0x6E00_01FFu32.to_be_bytes());
    message.attribute(USE_CANDIDATE, &[]);
    message.seal(password)
}

/// The proof over all that stands before it, whose header counts the proof too.
fn integrity(before: &[u8], password: &[u8]) -> Option<Hmac<Sha1>> {
    let (head, rest) = before.split_at_checked(HEADER_BYTES)?;
    let length = (rest.len() + INTEGRITY_BYTES) as u16;
    let mut mac = Hmac::<Sha1>::new_from_slice(password).ok()?;
    mac.update(&head[..2]);
    mac.update(&length.to_be_bytes());
    mac.update(&head[4..]);
    mac.update(rest);
    Some(mac)
}

/// The value of XOR-MAPPED-ADDRESS, and its length.
fn mapped(address: SocketAddr, transaction: &[u8; 12]) -> ([u8; 20], usize) {
    let mut value = [0; 20];
    let port = address.port() ^ u16::from_be_bytes([COOKIE[0], COOKIE[1]]);
    value[2..4].copy_from_slice(&port.to_be_bytes());
    let mask = COOKIE.iter().chain(transaction);
    let length = match address.ip() {
        IpAddr::V4(ip) => {
            value[1] = 1;
            value[4..8].copy_from_slice(&ip.octets());
            8
        }
        IpAddr::V6(ip) => {
            value[1] = 2;
            value[4..20].copy_from_slice(&ip.octets());
            20
        }
    };
    value[4..length].iter_mut().zip(mask).for_each(|(octet, mask)| *octet ^= mask);
    (value, length)
}

/// A message while it is written.
struct Message<'o> {
    out: &'o mut [u8; MESSAGE_BYTES_MAX],
    len: usize,
}

impl<'o> Message<'o> {
    fn begin(out: &'o mut [u8; MESSAGE_BYTES_MAX], kind: u16, transaction: &[u8; 12]) -> Message<'o> {
        out[..2].copy_from_slice(&kind.to_be_bytes());
        out[4..8].copy_from_slice(&COOKIE);
        out[8..HEADER_BYTES].copy_from_slice(transaction);
        Message { out, len: HEADER_BYTES }
    }

    /// A value for which there is no room is left out.
    fn attribute(&mut self, kind: u16, value: &[u8]) {
        let padded = value.len().next_multiple_of(4);
        let Some(place) = self.out.get_mut(self.len..self.len + 4 + padded) else { return };
        place.fill(0);
        place[..2].copy_from_slice(&kind.to_be_bytes());
        place[2..4].copy_from_slice(&(value.len() as u16).to_be_bytes());
        place[4..4 + value.len()].copy_from_slice(value);
        self.len += 4 + padded;
    }

    /// Adds proof and check sum; gives the length of the whole.
    fn seal(mut self, password: &[u8]) -> usize {
        if let Some(mac) = integrity(&self.out[..self.len], password) {
            self.attribute(MESSAGE_INTEGRITY, &mac.finalize().into_bytes());
        }
        self.write_length(8);
        let sum = crc32fast::hash(&self.out[..self.len]) ^ FINGERPRINT_XOR;
        self.attribute(FINGERPRINT, &sum.to_be_bytes());
        self.write_length(0);
        self.len
    }

    fn write_length(&mut self, more: usize) {
        let length = (self.len - HEADER_BYTES + more) as u16;
        self.out[2..4].copy_from_slice(&length.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5769 section 2.1.
    const SAMPLE: [u8; 108] = [
        0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa,
        0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x10, 0x53, 0x54, 0x55, 0x4e, 0x20, 0x74, 0x65, 0x73, 0x74, 0x20,
        0x63, 0x6c, 0x69, 0x65, 0x6e, 0x74, 0x00, 0x24, 0x00, 0x04, 0x6e, 0x00, 0x01, 0xff, 0x80, 0x29, 0x00,
        0x08, 0x93, 0x2f, 0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36, 0x00, 0x06, 0x00, 0x09, 0x65, 0x76, 0x74, 0x6a,
        0x3a, 0x68, 0x36, 0x76, 0x59, 0x20, 0x20, 0x20, 0x00, 0x08, 0x00, 0x14, 0x9a, 0xea, 0xa7, 0x0c, 0xbf,
        0xd8, 0xcb, 0x56, 0x78, 0x1e, 0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49, 0xc1, 0xb5, 0x71, 0xa2, 0x80, 0x28,
        0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf,
    ];
    const PASSWORD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";

    #[test]
    fn the_request_of_rfc_5769_is_read_and_proven() {
        let request = Request::parse(&SAMPLE).expect("a request");
        assert_eq!((request.ufrag(), request.nominates), (b"evtj".as_slice(), false));
        assert!(request.is_proven_by(PASSWORD));
        assert!(!request.is_proven_by(b"another"));
        let mut changed = SAMPLE;
        changed[66] ^= 1;
        assert!(!Request::parse(&changed).expect("a request").is_proven_by(PASSWORD));
    }

    #[test]
    fn a_check_of_ours_is_read_and_its_answer_proven() {
        let (mut out, mut back) = ([0; MESSAGE_BYTES_MAX], [0; MESSAGE_BYTES_MAX]);
        let transaction = *b"transaction0";
        let len = check(&mut out, &transaction, b"ourufrag:their", b"a password");
        let request = Request::parse(&out[..len]).expect("a request");
        assert_eq!((request.ufrag(), request.nominates), (b"ourufrag".as_slice(), true));
        assert!(request.is_proven_by(b"a password"));
        for from in ["192.0.2.1:32853", "[2001:db8:1234:5678:11:2233:4455:6677]:32853"] {
            let from = from.parse().expect("an address");
            let len = request.answer(from, b"a password", &mut back);
            assert!(is_answer(&back[..len], &transaction, b"a password"), "{from}");
            assert!(!is_answer(&back[..len], b"another one0", b"a password"));
            assert!(!is_answer(&back[..len], &transaction, b"another"));
        }
    }

    #[test]
    fn the_address_and_the_sum_are_those_of_rfc_5769() {
        // Sections 2.2 and 2.3, whose messages have a SOFTWARE attribute that ours lack.
        let transaction = [0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae];
        let (value, length) = mapped("192.0.2.1:32853".parse().expect("an address"), &transaction);
        assert_eq!(value[..length], [0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);
        let six = "[2001:db8:1234:5678:11:2233:4455:6677]:32853".parse().expect("an address");
        let (value, length) = mapped(six, &transaction);
        let want = [
            0x00, 0x02, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25, 0xf4, 0xb5,
            0xbe, 0xd2, 0xb9, 0xd9,
        ];
        assert_eq!(value[..length], want);
        let sum = crc32fast::hash(&SAMPLE[..100]) ^ FINGERPRINT_XOR;
        assert_eq!(SAMPLE[104..], sum.to_be_bytes());
    }

    #[test]
    fn junk_and_cut_messages_are_no_requests() {
        for len in 0..SAMPLE.len() {
            assert_eq!(Request::parse(&SAMPLE[..len]), None, "{len} octets");
        }
        let mut seed = 0x9E37_79B9u32;
        for _ in 0..20_000 {
            let mut datagram = SAMPLE;
            for _ in 0..3 {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                datagram[(seed >> 16) as usize % SAMPLE.len()] = seed as u8;
            }
            if let Some(request) = Request::parse(&datagram) {
                let _ = (request.ufrag(), request.is_proven_by(PASSWORD));
            }
        }
    }
}
