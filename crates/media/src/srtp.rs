//! SRTP and SRTCP: AES in counter mode with HMAC-SHA1 (RFC 3711) and AES-GCM (RFC 7714), packets in place.
//! It is given keys and never shows them; it refuses to know sockets, legs and how keys were agreed.

use aes::cipher::{InnerIvInit as _, KeyInit as _, KeyIvInit as _, StreamCipher as _};
use aes::{Aes128, Aes128Enc, Aes256};
use ctr::CtrCore;
use hmac::{Hmac, Mac as _};
use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use sha1::Sha1;

/// Octets that sealing adds at most: a GCM tag and the index of SRTCP.
pub const OVERHEAD_BYTES: usize = 20;
/// Streams of a peer that are told apart; of more the oldest is forgotten.
const STREAMS_MAX: usize = 4;

/// What encrypts and authenticates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// AEAD_AES_256_GCM.
    Gcm256,
    /// AEAD_AES_128_GCM.
    Gcm128,
    /// AES_CM_128_HMAC_SHA1_80.
    Cm80,
    /// AES_CM_128_HMAC_SHA1_32.
    Cm32,
}

impl Suite {
    /// Octets of master key and of master salt.
    pub const fn key_bytes(self) -> (usize, usize) {
        match self {
            Suite::Gcm256 => (32, 12),
            Suite::Gcm128 => (16, 12),
            Suite::Cm80 | Suite::Cm32 => (16, 14),
        }
    }
}

/// A suite with its master key, then its master salt: 44, 28 or 30 octets.
#[derive(Clone, PartialEq, Eq)]
pub struct Master {
    /// The suite.
    pub suite: Suite,
    /// Key and salt.
    pub key: Box<[u8]>,
}

impl std::fmt::Debug for Master {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Master").field(&self.suite).finish_non_exhaustive()
    }
}

/// Octets of chance that come with a port each time it becomes free: enough for a key of each suite.
pub const SECRET_BYTES: usize = 44 + 28 + 30;

/// Chance for the keys of the leg that takes a port; never shown.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Secret(pub [u8; SECRET_BYTES]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    /// A new one, from the system.
    ///
    /// # Errors
    /// The system gives no chance.
    pub fn draw() -> std::io::Result<Secret> {
        let mut octets = [0; SECRET_BYTES];
        let filled = ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut octets);
        filled.map(|()| Secret(octets)).map_err(|_| std::io::Error::other("no random octets"))
    }
}

/// The keys of a leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyring {
    /// What we encrypt with.
    pub ours: Master,
    /// What the peer encrypts with.
    pub theirs: Master,
}

impl Keyring {
    /// Whether each key has the length of its suite.
    pub fn is_whole(&self) -> bool {
        [&self.ours, &self.theirs].into_iter().all(|master| {
            let (key, salt) = master.suite.key_bytes();
            master.key.len() == key + salt
        })
    }
}

/// Both directions of a leg.
pub(crate) struct Secure {
    pub keyring: Keyring,
    pub out: Sealer,
    pub inbound: Opener,
}

impl Secure {
    /// With these keys after what was spoken before. A direction whose key stays goes on counting: its indices are never
    /// used twice, and the peer still knows how often its sequence numbers went round. `None` if a key has not the
    /// length of its suite.
    pub fn after(before: Option<Secure>, keyring: Keyring) -> Option<Secure> {
        let (out, inbound) = match before {
            Some(Secure { keyring: was, out, inbound }) => (
                Some(out).filter(|_| was.ours == keyring.ours),
                Some(inbound).filter(|_| was.theirs == keyring.theirs),
            ),
            None => (None, None),
        };
        let out = match out {
            Some(out) => out,
            None => Sealer::new(&keyring.ours)?,
        };
        let inbound = match inbound {
            Some(inbound) => inbound,
            None => Opener::new(&keyring.theirs)?,
        };
        Some(Secure { keyring, out, inbound })
    }

    /// Reads what each packet needs, for nothing but to have it near.
    pub fn glance(&self) -> u64 {
        let (out, inbound) = (&self.out, &self.inbound);
        out.window.next ^ inbound.streams[0].1.next ^ out.rtp.glance() ^ inbound.rtp.glance()
    }
}

/// One direction's session keys of SRTP or SRTCP.
struct Session {
    cipher: Cipher,
    salt: [u8; 14],
}

#[expect(
    clippy::large_enum_variant,
    reason = "keys are seldom in a near cache: a pointer to them would be waited for"
)]
enum Cipher {
    Gcm(LessSafeKey),
    Cm { aes: Aes128Enc, hmac: Hmac<Sha1>, tag_bytes: usize },
}

/// Labels of RFC 3711 section 4.3.1: encryption, authentication, salt.
const RTP_LABELS: [u8; 3] = [0, 1, 2];
const RTCP_LABELS: [u8; 3] = [3, 4, 5];

/// The octets of a session key (RFC 3711 section 4.3.3; AES-256 by RFC 6188).
fn derive(key: &[u8], salt: &[u8], label: u8, out: &mut [u8]) {
    let mut iv = [0; 16];
    iv[..salt.len()].copy_from_slice(salt);
    iv[7] ^= label;
    out.fill(0);
    match (<&[u8; 16]>::try_from(key), <&[u8; 32]>::try_from(key)) {
        (Ok(key), _) => {
            ctr::Ctr128BE::<Aes128>::new(key.into(), (&iv).into()).apply_keystream(out);
        }
        (_, Ok(key)) => {
            ctr::Ctr128BE::<Aes256>::new(key.into(), (&iv).into()).apply_keystream(out);
        }
        _ => {}
    }
}

impl Session {
    fn glance(&self) -> u64 {
        u64::from(self.salt[0])
    }

    fn new(master: &Master, labels: [u8; 3]) -> Option<Session> {
        let (key_bytes, salt_bytes) = master.suite.key_bytes();
        if master.key.len() != key_bytes + salt_bytes {
            return None;
        }
        let (key, salt) = master.key.split_at(key_bytes);
        let mut session_key = [0; 32];
        derive(key, salt, labels[0], &mut session_key[..key_bytes]);
        let mut session_salt = [0; 14];
        derive(key, salt, labels[2], &mut session_salt[..salt_bytes]);
        let rtcp = labels == RTCP_LABELS;
        let cipher = match master.suite {
            Suite::Gcm256 | Suite::Gcm128 => Cipher::gcm(&session_key[..key_bytes])?,
            Suite::Cm80 | Suite::Cm32 => {
                let mut auth = [0; 20];
                derive(key, salt, labels[1], &mut auth);
                // RFC 4568 section 6.2.2: the short tag is for RTP alone.
                let tag_bytes = if master.suite == Suite::Cm32 && !rtcp { 4 } else { 10 };
                Cipher::cm(&session_key[..key_bytes], &auth, tag_bytes)?
            }
        };
        Some(Session { cipher, salt: session_salt })
    }

    /// RFC 7714 sections 8.1 and 9.1.
    fn nonce(&self, ssrc: [u8; 4], index: u64) -> Nonce {
        let mut nonce = [0; 12];
        nonce[2..6].copy_from_slice(&ssrc);
        nonce[6..].copy_from_slice(&index.to_be_bytes()[2..]);
        nonce.iter_mut().zip(self.salt).for_each(|(octet, salt)| *octet ^= salt);
        Nonce::assume_unique_for_key(nonce)
    }

    /// RFC 3711 section 4.1.1.
    fn iv(&self, ssrc: [u8; 4], index: u64) -> [u8; 16] {
        let mut iv = [0; 16];
        iv[..14].copy_from_slice(&self.salt);
        iv[4..8].iter_mut().zip(ssrc).for_each(|(octet, ssrc)| *octet ^= ssrc);
        iv[8..14].iter_mut().zip(&index.to_be_bytes()[2..]).for_each(|(octet, part)| *octet ^= part);
        iv
    }
}

impl Cipher {
    fn gcm(key: &[u8]) -> Option<Cipher> {
        let algorithm = if key.len() == 32 { &AES_256_GCM } else { &AES_128_GCM };
        Some(Cipher::Gcm(LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?)))
    }

    fn cm(key: &[u8], auth: &[u8; 20], tag_bytes: usize) -> Option<Cipher> {
        let key: &[u8; 16] = key.try_into().ok()?;
        let hmac = Hmac::<Sha1>::new_from_slice(auth).ok()?;
        Some(Cipher::Cm { aes: Aes128Enc::new(key.into()), hmac, tag_bytes })
    }
}

fn keystream(aes: &Aes128Enc, iv: [u8; 16], octets: &mut [u8]) {
    let core = CtrCore::<_, ctr::flavors::Ctr128BE>::inner_iv_init(aes, (&iv).into());
    ctr::Ctr128BE::from_core(core).apply_keystream(octets);
}

fn ssrc_at(datagram: &[u8], at: usize) -> Option<[u8; 4]> {
    datagram.get(at..at + 4)?.try_into().ok()
}

/// Octets of the header with contributing sources and extension, which stay readable.
fn header_bytes(datagram: &[u8]) -> Option<usize> {
    let first = *datagram.first()?;
    let mut bytes = 12 + usize::from(first & 0x0F) * 4;
    if first & 0x10 != 0 {
        let head = datagram.get(bytes..bytes + 4)?;
        bytes += 4 + usize::from(u16::from_be_bytes([head[2], head[3]])) * 4;
    }
    (bytes <= datagram.len()).then_some(bytes)
}

/// The packet indices of one stream: which is meant by a sequence number, and which were there already.
#[derive(Clone, Copy, Default)]
struct Window {
    /// One above the newest index; 0 before the first.
    next: u64,
    /// Bit n: newest - n was there.
    seen: u64,
}

impl Window {
    /// RFC 3711 section 3.3.1: the index nearest to the newest that ends in this number.
    fn index_of(&self, sequence: u16) -> u64 {
        let Some(newest) = self.next.checked_sub(1) else { return u64::from(sequence) };
        let ahead = i64::from(sequence.wrapping_sub(newest as u16) as i16);
        newest.checked_add_signed(ahead).unwrap_or(u64::from(sequence))
    }

    fn is_new(&self, index: u64) -> bool {
        match self.next.checked_sub(index + 1) {
            None => true,
            Some(behind) => behind < 64 && self.seen >> behind & 1 == 0,
        }
    }

    fn take(&mut self, index: u64) {
        match (index + 1).checked_sub(self.next) {
            Some(ahead) if ahead > 0 => {
                self.seen = self.seen.checked_shl(ahead.min(64) as u32).unwrap_or(0) | 1;
                self.next = index + 1;
            }
            _ => self.seen |= 1 << (self.next - 1 - index),
        }
    }
}

/// Encrypts what one side sends.
pub struct Sealer {
    rtp: Session,
    rtcp: Session,
    window: Window,
    rtcp_index: u32,
}

impl Sealer {
    /// `None` if the key has not the length of its suite.
    pub fn new(master: &Master) -> Option<Sealer> {
        let (rtp, rtcp) = (Session::new(master, RTP_LABELS)?, Session::new(master, RTCP_LABELS)?);
        Some(Sealer { rtp, rtcp, window: Window::default(), rtcp_index: 0 })
    }

    /// Seals the RTP packet in the first `len` octets of `buffer`, which has room for [`OVERHEAD_BYTES`] more; gives
    /// its new length. `None` for a sequence number that was sealed before: an index is never used twice, for that
    /// would give away the key's stream.
    pub fn seal(&mut self, buffer: &mut [u8], len: usize) -> Option<usize> {
        let header = header_bytes(buffer.get(..len)?)?;
        let sequence = u16::from_be_bytes([buffer[2], buffer[3]]);
        let index = self.window.index_of(sequence);
        if !self.window.is_new(index) || buffer.len() < len + OVERHEAD_BYTES {
            return None;
        }
        let ssrc = ssrc_at(buffer, 8)?;
        let sealed = match &self.rtp.cipher {
            Cipher::Gcm(key) => {
                let (head, rest) = buffer.split_at_mut(header);
                let (body, tail) = rest.split_at_mut(len - header);
                let nonce = self.rtp.nonce(ssrc, index);
                let tag = key.seal_in_place_separate_tag(nonce, Aad::from(&*head), body).ok()?;
                tail[..16].copy_from_slice(tag.as_ref());
                len + 16
            }
            Cipher::Cm { aes, hmac, tag_bytes } => {
                keystream(aes, self.rtp.iv(ssrc, index), &mut buffer[header..len]);
                let tag = tag_of(hmac, &buffer[..len], &((index >> 16) as u32).to_be_bytes());
                buffer[len..len + tag_bytes].copy_from_slice(&tag[..*tag_bytes]);
                len + tag_bytes
            }
        };
        self.window.take(index);
        Some(sealed)
    }

    /// Seals the RTCP packet in the first `len` octets of `buffer`, as [`Sealer::seal`] does.
    pub(crate) fn seal_rtcp(&mut self, buffer: &mut [u8], len: usize) -> Option<usize> {
        if len < 8 || buffer.len() < len + OVERHEAD_BYTES || self.rtcp_index >= 1 << 31 {
            return None;
        }
        let ssrc = ssrc_at(buffer, 4)?;
        let index = self.rtcp_index;
        self.rtcp_index += 1;
        let word = (1 << 31 | index).to_be_bytes();
        match &self.rtcp.cipher {
            Cipher::Gcm(key) => {
                let mut aad = [0; 12];
                aad[..8].copy_from_slice(&buffer[..8]);
                aad[8..].copy_from_slice(&word);
                let (body, tail) = buffer[8..].split_at_mut(len - 8);
                let nonce = self.rtcp.nonce(ssrc, u64::from(index));
                let tag = key.seal_in_place_separate_tag(nonce, Aad::from(&aad), body).ok()?;
                tail[..16].copy_from_slice(tag.as_ref());
                tail[16..20].copy_from_slice(&word);
                Some(len + 20)
            }
            Cipher::Cm { aes, hmac, tag_bytes } => {
                keystream(aes, self.rtcp.iv(ssrc, u64::from(index)), &mut buffer[8..len]);
                buffer[len..len + 4].copy_from_slice(&word);
                let tag = tag_of(hmac, &buffer[..len + 4], &[]);
                buffer[len + 4..len + 4 + tag_bytes].copy_from_slice(&tag[..*tag_bytes]);
                Some(len + 4 + tag_bytes)
            }
        }
    }
}

fn tag_of(hmac: &Hmac<Sha1>, octets: &[u8], roll_over: &[u8]) -> [u8; 20] {
    let mut mac = hmac.clone();
    mac.update(octets);
    mac.update(roll_over);
    mac.finalize().into_bytes().into()
}

/// Compares without telling by time how much was right.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |different, (a, b)| different | (a ^ b)) == 0
}

/// Decrypts what a leg receives.
pub struct Opener {
    rtp: Session,
    rtcp: Session,
    streams: [(u32, Window); STREAMS_MAX],
    /// How many of them are known; the newest is the last.
    streams_known: usize,
    rtcp_window: Window,
}

impl Opener {
    /// `None` if the key has not the length of its suite.
    pub fn new(master: &Master) -> Option<Opener> {
        let (rtp, rtcp) = (Session::new(master, RTP_LABELS)?, Session::new(master, RTCP_LABELS)?);
        Some(Opener::with(rtp, rtcp))
    }

    fn with(rtp: Session, rtcp: Session) -> Opener {
        Opener { rtp, rtcp, streams: Default::default(), streams_known: 0, rtcp_window: Window::default() }
    }

    /// Opens an SRTP packet in place; gives the length of the RTP packet. `None` for what is not authentic or was there
    /// before.
    pub fn open(&mut self, datagram: &mut [u8]) -> Option<usize> {
        let header = header_bytes(datagram)?;
        let sequence = u16::from_be_bytes([datagram[2], datagram[3]]);
        let ssrc = ssrc_at(datagram, 8)?;
        let name = u32::from_be_bytes(ssrc);
        let known = self.streams[..self.streams_known].iter().position(|(known, _)| *known == name);
        let mut window = known.map_or_else(Window::default, |at| self.streams[at].1);
        let index = window.index_of(sequence);
        if !window.is_new(index) {
            return None;
        }
        let len = match &self.rtp.cipher {
            Cipher::Gcm(key) => {
                let (head, body) = datagram.split_at_mut(header);
                let nonce = self.rtp.nonce(ssrc, index);
                header + key.open_in_place(nonce, Aad::from(&*head), body).ok()?.len()
            }
            Cipher::Cm { aes, hmac, tag_bytes } => {
                let len = datagram.len().checked_sub(*tag_bytes).filter(|len| *len >= header)?;
                let tag = tag_of(hmac, &datagram[..len], &((index >> 16) as u32).to_be_bytes());
                if !same(&tag[..*tag_bytes], &datagram[len..]) {
                    return None;
                }
                keystream(aes, self.rtp.iv(ssrc, index), &mut datagram[header..len]);
                len
            }
        };
        window.take(index);
        match known {
            Some(at) => self.streams[at].1 = window,
            None => {
                if self.streams_known == STREAMS_MAX {
                    self.streams.rotate_left(1);
                    self.streams_known -= 1;
                }
                self.streams[self.streams_known] = (name, window);
                self.streams_known += 1;
            }
        }
        Some(len)
    }

    /// Opens an SRTCP packet in place, as [`Opener::open`] does.
    pub fn open_rtcp(&mut self, datagram: &mut [u8]) -> Option<usize> {
        let ssrc = ssrc_at(datagram, 4)?;
        let word_at = match &self.rtcp.cipher {
            Cipher::Gcm(_) => datagram.len().checked_sub(4)?,
            Cipher::Cm { tag_bytes, .. } => datagram.len().checked_sub(4 + tag_bytes)?,
        };
        let word = ssrc_at(datagram, word_at).filter(|_| word_at >= 8)?;
        let number = u32::from_be_bytes(word);
        let index = u64::from(number & 0x7FFF_FFFF);
        // What is not encrypted is not taken.
        if number >> 31 == 0 || !self.rtcp_window.is_new(index) {
            return None;
        }
        let len = match &self.rtcp.cipher {
            Cipher::Gcm(key) => {
                let mut aad = [0; 12];
                aad[..8].copy_from_slice(&datagram[..8]);
                aad[8..].copy_from_slice(&word);
                let nonce = self.rtcp.nonce(ssrc, index);
                8 + key.open_in_place(nonce, Aad::from(&aad), &mut datagram[8..word_at]).ok()?.len()
            }
            Cipher::Cm { aes, hmac, tag_bytes } => {
                let tag = tag_of(hmac, &datagram[..word_at + 4], &[]);
                if !same(&tag[..*tag_bytes], &datagram[word_at + 4..]) {
                    return None;
                }
                keystream(aes, self.rtcp.iv(ssrc, index), &mut datagram[8..word_at]);
                word_at
            }
        };
        self.rtcp_window.take(index);
        Some(len)
    }
}

#[cfg(test)]
mod tests;
