//! Digest authentication (RFC 7616, RFC 8760): proving a password to others, and asking them for theirs, by MD5 and
//! SHA-256 with qop=auth. It refuses to know whose password it is, and never shows one.

mod challenge;
mod nonce;

use md5::{Digest as _, Md5};
use sha2::Sha256;

pub(crate) use challenge::Challenge;
pub use challenge::Credentials;
pub use nonce::{Authenticator, Claim, Verdict};

/// A hash of RFC 8760.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Md5,
    Sha256,
}

impl Algorithm {
    /// By the word in a header; none is MD5 (RFC 7616 3.3). The `-sess` forms are not spoken.
    fn named(name: Option<&str>) -> Option<Algorithm> {
        match name {
            None => Some(Algorithm::Md5),
            Some(name) if name.eq_ignore_ascii_case("MD5") => Some(Algorithm::Md5),
            Some(name) if name.eq_ignore_ascii_case("SHA-256") => Some(Algorithm::Sha256),
            Some(_) => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha256 => "SHA-256",
        }
    }

    /// The hash of the parts with colons between them, as lower-case hexadecimal digits.
    fn hash(self, parts: &[&str]) -> String {
        match self {
            Algorithm::Md5 => hex(&digest::<Md5>(parts)),
            Algorithm::Sha256 => hex(&digest::<Sha256>(parts)),
        }
    }
}

fn digest<D: md5::Digest>(parts: &[&str]) -> Vec<u8> {
    let mut hasher = D::new();
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            hasher.update(b":");
        }
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_vec()
}

/// What is kept of a password: the hashes of `user:realm:password` by both algorithms. Whoever reads it can log in as
/// this user in this realm and nowhere else, so it is shown to nobody.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Ha1 {
    md5: [u8; 16],
    sha256: [u8; 32],
}

impl Ha1 {
    /// The hashes of a password.
    pub fn of(user: &str, realm: &str, password: &str) -> Ha1 {
        let parts = [user, realm, password];
        let mut ha1 = Ha1 { md5: [0; 16], sha256: [0; 32] };
        ha1.md5.copy_from_slice(&digest::<Md5>(&parts));
        ha1.sha256.copy_from_slice(&digest::<Sha256>(&parts));
        ha1
    }

    /// The hashes as they were written down: 32 and 64 hexadecimal digits.
    pub fn from_hex(md5: &str, sha256: &str) -> Option<Ha1> {
        let mut ha1 = Ha1 { md5: [0; 16], sha256: [0; 32] };
        read_hex(md5, &mut ha1.md5)?;
        read_hex(sha256, &mut ha1.sha256)?;
        Some(ha1)
    }

    /// The hashes to be written down: MD5, then SHA-256.
    pub fn to_hex(&self) -> (String, String) {
        (hex(&self.md5), hex(&self.sha256))
    }

    fn by(&self, algorithm: Algorithm) -> String {
        match algorithm {
            Algorithm::Md5 => hex(&self.md5),
            Algorithm::Sha256 => hex(&self.sha256),
        }
    }
}

impl std::fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ha1(…)")
    }
}

/// What one side writes to prove a password (RFC 7616 3.4), without the password.
struct Proof<'a> {
    algorithm: Algorithm,
    nonce: &'a str,
    /// Count, client nonce; `None` speaks the older RFC 2069 form without qop.
    counted: Option<(&'a str, &'a str)>,
    method: &'a str,
    uri: &'a str,
}

impl Proof<'_> {
    fn response(&self, ha1: &str) -> String {
        let ha2 = self.algorithm.hash(&[self.method, self.uri]);
        match self.counted {
            Some((count, cnonce)) => self.algorithm.hash(&[ha1, self.nonce, count, cnonce, "auth", &ha2]),
            None => self.algorithm.hash(&[ha1, self.nonce, &ha2]),
        }
    }
}

/// HMAC-SHA256 (RFC 2104).
fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let padded = |with: u8| {
        let mut block = [with; 64];
        block.iter_mut().zip(key).for_each(|(octet, key)| *octet ^= key);
        block
    };
    let mut inner = Sha256::new();
    inner.update(padded(0x36));
    parts.iter().for_each(|part| inner.update(part));
    let mut outer = Sha256::new();
    outer.update(padded(0x5c));
    outer.update(inner.finalize());
    outer.finalize().into()
}

/// Equality whose time does not tell where two values differ.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|n| char::from(b"0123456789abcdef"[n as usize]))
        .collect()
}

fn read_hex(text: &str, into: &mut [u8]) -> Option<()> {
    let digits = text.as_bytes();
    if digits.len() != into.len() * 2 {
        return None;
    }
    for (octet, pair) in into.iter_mut().zip(digits.chunks_exact(2)) {
        let value = |digit: u8| char::from(digit).to_digit(16);
        *octet = (value(pair[0])? * 16 + value(pair[1])?) as u8;
    }
    Some(())
}

/// The parameters of a `Digest` header value, quotes and escapes undone; `None` for another scheme or a broken one.
fn params(value: &str) -> Option<Vec<(String, String)>> {
    let (scheme, mut rest) = value.trim().split_once([' ', '\t'])?;
    if !scheme.eq_ignore_ascii_case("Digest") || value.len() > 4_096 {
        return None;
    }
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return Some(found);
        }
        let (name, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let end = after.find(',').unwrap_or(after.len());
                (after[..end].trim().to_owned(), &after[end..])
            }
        };
        found.push((name.trim().to_ascii_lowercase(), value));
        if found.len() > 32 {
            return None;
        }
        rest = after;
    }
}

/// A quoted string whose opening quote is gone, and what follows it.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => {
                value.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return Some((value, &text[at + 1..])),
            _ => value.push(c),
        }
    }
    None
}

fn find<'p>(params: &'p [(String, String)], name: &str) -> Option<&'p str> {
    params.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x04_the_examples_of_rfc_7616_come_out() {
        let ha1 = Ha1::of("Mufasa", "http-auth@example.org", "Circle of Life");
        let proof = |algorithm| Proof {
            algorithm,
            nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            counted: Some(("00000001", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")),
            method: "GET",
            uri: "/dir/index.html",
        };
        let response = |algorithm| proof(algorithm).response(&ha1.by(algorithm));
        assert_eq!(response(Algorithm::Md5), "8ca523f5e9506fed4657c9700eebdbec");
        assert_eq!(
            response(Algorithm::Sha256),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        );
    }

    #[test]
    fn hmac_is_that_of_rfc_4231() {
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let mac = hmac(&key, &[b"what do ya want ", b"for nothing?"]);
        assert_eq!(hex(&mac), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn params_are_read_with_quotes_commas_and_escapes() {
        let read =
            params("Digest realm=\"a, \\\"b\\\"\", qop=\"auth,auth-int\" ,algorithm=MD5").expect("readable");
        assert_eq!(
            (find(&read, "realm"), find(&read, "qop"), find(&read, "algorithm")),
            (Some("a, \"b\""), Some("auth,auth-int"), Some("MD5"))
        );
        assert_eq!(
            (params("Basic abc"), params("Digest realm=\"open"), params("Digest x")),
            (None, None, None)
        );
    }

    #[test]
    fn hashes_are_written_and_read_and_never_shown() {
        let ha1 = Ha1::of("huaxin-8001", "sip.example", "secret");
        let (md5, sha256) = ha1.to_hex();
        assert_eq!(Ha1::from_hex(&md5, &sha256), Some(ha1.clone()));
        assert_eq!(Ha1::from_hex(&sha256, &md5), None);
        assert_eq!(format!("{ha1:?}"), "Ha1(…)");
    }
}
