//! Keys of SRTP in session descriptions (RFC 4568, and RFC 7714 for AES-GCM): read, written, never shown.
//! It refuses to know packets and where keys come from.

use std::fmt::Write as _;

/// What encrypts and authenticates.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Suite {
    /// AES-256 in Galois counter mode.
    AeadAes256Gcm,
    /// AES-128 in Galois counter mode.
    AeadAes128Gcm,
    /// AES-128 in counter mode, HMAC-SHA1 of 80 bits.
    AesCm128HmacSha1Tag80,
    /// The same with a tag of 32 bits, which we take and do not offer.
    AesCm128HmacSha1Tag32,
}

impl Suite {
    /// All, best first.
    pub const ALL: [Suite; 4] = [
        Suite::AeadAes256Gcm,
        Suite::AeadAes128Gcm,
        Suite::AesCm128HmacSha1Tag80,
        Suite::AesCm128HmacSha1Tag32,
    ];

    /// As written.
    pub fn name(self) -> &'static str {
        match self {
            Suite::AeadAes256Gcm => "AEAD_AES_256_GCM",
            Suite::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Suite::AesCm128HmacSha1Tag80 => "AES_CM_128_HMAC_SHA1_80",
            Suite::AesCm128HmacSha1Tag32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }

    /// Octets of master key and master salt together.
    pub fn key_bytes(self) -> usize {
        match self {
            Suite::AeadAes256Gcm => 32 + 12,
            Suite::AeadAes128Gcm => 16 + 12,
            Suite::AesCm128HmacSha1Tag80 | Suite::AesCm128HmacSha1Tag32 => 16 + 14,
        }
    }
}

/// One `a=crypto` line: what its writer encrypts with.
#[derive(Clone, PartialEq, Eq)]
pub struct Crypto {
    /// Names the line; an answer repeats that of the offer.
    pub tag: u32,
    /// The suite.
    pub suite: Suite,
    /// Master key, then master salt.
    pub key: Vec<u8>,
}

impl std::fmt::Debug for Crypto {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Crypto").field("tag", &self.tag).field("suite", &self.suite).finish_non_exhaustive()
    }
}

impl Crypto {
    /// Reads what follows `a=crypto:`. `None` for a suite we do not have, a key of another length, a key identifier
    /// (MKI) or a session parameter that changes what packets look like: such a line cannot be chosen.
    pub fn parse(value: &str) -> Option<Crypto> {
        let mut words = value.split_ascii_whitespace();
        let tag = words.next()?.parse().ok()?;
        let name = words.next()?;
        let suite = Suite::ALL.into_iter().find(|suite| suite.name().eq_ignore_ascii_case(name))?;
        let mut parts = words.next()?.strip_prefix("inline:")?.split('|');
        let key = from_base64(parts.next()?)?;
        let lifetime_only = parts.all(|part| !part.contains(':'));
        // A window size of the peer changes nothing for us; all others would.
        let plain = words.all(|parameter| parameter.starts_with("WSH="));
        (key.len() == suite.key_bytes() && lifetime_only && plain).then_some(Crypto { tag, suite, key })
    }

    pub(super) fn write(&self, text: &mut String) {
        // Writing to a String does not fail.
        let _ = write!(text, "a=crypto:{} {} inline:", self.tag, self.suite.name());
        push_base64(text, &self.key);
        text.push_str("\r\n");
    }
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// With padding, as RFC 4568 section 6.1 wants it.
fn push_base64(text: &mut String, octets: &[u8]) {
    for part in octets.chunks(3) {
        let number = (0..3).fold(0, |number, n| number << 8 | u32::from(part.get(n).copied().unwrap_or(0)));
        for n in 0..4 {
            let digit = DIGITS[(number >> (18 - 6 * n)) as usize & 63];
            text.push(if n <= part.len() { char::from(digit) } else { '=' });
        }
    }
}

/// Padding may be missing: some leave it out.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=').as_bytes();
    let mut octets = Vec::with_capacity(digits.len() * 3 / 4);
    for part in digits.chunks(4) {
        let mut number = 0;
        for digit in part {
            number = number << 6 | DIGITS.iter().position(|known| known == digit)? as u32;
        }
        let bits = part.len() * 6;
        number <<= 24 - bits;
        octets.extend_from_slice(&number.to_be_bytes()[1..1 + bits / 8]);
    }
    Some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4568 section 4.1's example, without its key identifier.
    const LINE: &str =
        "1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20 WSH=128";

    #[test]
    fn a_line_is_read_and_written_again() {
        let crypto = Crypto::parse(LINE).expect("RFC 4568");
        assert_eq!((crypto.tag, crypto.suite, crypto.key.len()), (1, Suite::AesCm128HmacSha1Tag80, 30));
        let mut text = String::new();
        crypto.write(&mut text);
        assert_eq!(
            text,
            "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n"
        );
    }

    #[test]
    fn keys_of_every_length_come_back() {
        for suite in Suite::ALL {
            let key: Vec<u8> = (0..suite.key_bytes() as u8).map(|n| n.wrapping_mul(37)).collect();
            let crypto = Crypto { tag: 2, suite, key };
            let mut text = String::new();
            crypto.write(&mut text);
            let value = text.trim_end().strip_prefix("a=crypto:").expect("our own line");
            assert_eq!(Crypto::parse(value), Some(crypto));
        }
    }

    #[test]
    fn what_would_change_packets_or_is_cut_cannot_be_chosen() {
        for (from, to) in [
            ("|2^20", "|2^20|1:4"),
            ("|2^20", "|1:32"),
            ("WSH=128", "UNENCRYPTED_SRTP"),
            ("WSH=128", "KDR=1"),
            ("AES_CM_128_HMAC_SHA1_80", "F8_128_HMAC_SHA1_80"),
            ("bGVz", "bGU"),
            ("inline:", "outline:"),
            ("WVNf", "WV*f"),
        ] {
            assert_eq!(Crypto::parse(&LINE.replace(from, to)), None, "{to}");
        }
    }

    #[test]
    fn a_key_is_never_shown() {
        let shown = format!("{:?}", Crypto::parse(LINE));
        assert!(!shown.contains("89") && !shown.contains("key"), "{shown}");
    }
}
