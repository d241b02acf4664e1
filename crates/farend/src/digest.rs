//! Digest access (RFC 2617, RFC 8760) from the side of a phone: a challenge in, the value of Authorization out.
//! It refuses to know whether the platform computes the same; the tests of both hold it against the RFCs' examples.

use md5::Md5;
use sha2::{Digest as _, Sha256};

use crate::wire;

/// Who a phone says it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user of the account, which is the user of the SIP address too.
    pub user: String,
    /// Its password.
    pub password: String,
}

/// A password is never printed.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// How a response is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Algorithm {
    Md5,
    Sha256,
}

/// What a server asks for.
#[derive(Debug)]
struct Challenge<'a> {
    realm: &'a str,
    nonce: &'a str,
    opaque: Option<&'a str>,
    algorithm: Algorithm,
    qop_auth: bool,
    stale: bool,
}

/// The answer to the strongest of these challenges, and whether it is there because the nonce had only grown old.
/// `None` when none is a Digest we can compute. `count` is how often this nonce was used, 1 for the first time.
pub(crate) fn authorise(
    credentials: &Credentials,
    challenges: &[&str],
    method: &str,
    uri: &str,
    client_nonce: &str,
    count: u32,
) -> Option<(String, bool)> {
    let strongest =
        challenges.iter().filter_map(|value| Challenge::read(value)).max_by_key(|c| c.algorithm)?;
    Some((strongest.answer(credentials, method, uri, client_nonce, count), strongest.stale))
}

impl<'a> Challenge<'a> {
    fn read(value: &'a str) -> Option<Challenge<'a>> {
        let (scheme, rest) = value.trim_start().split_once(char::is_whitespace)?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let field = |name: &str| {
            wire::split_addresses(rest).find_map(|pair| {
                let (own, value) = pair.split_once('=')?;
                own.trim().eq_ignore_ascii_case(name).then_some(value.trim().trim_matches('"'))
            })
        };
        let algorithm = match field("algorithm") {
            None => Algorithm::Md5,
            Some(name) if name.eq_ignore_ascii_case("MD5") => Algorithm::Md5,
            Some(name) if name.eq_ignore_ascii_case("SHA-256") => Algorithm::Sha256,
            Some(_) => return None,
        };
        let qop = field("qop");
        Some(Challenge {
            realm: field("realm")?,
            nonce: field("nonce")?,
            opaque: field("opaque"),
            algorithm,
            qop_auth: match qop {
                None => false,
                Some(kinds) if kinds.split(',').any(|kind| kind.trim().eq_ignore_ascii_case("auth")) => true,
                Some(_) => return None,
            },
            stale: field("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }

    fn answer(&self, who: &Credentials, method: &str, uri: &str, client_nonce: &str, count: u32) -> String {
        let Challenge { realm, nonce, .. } = self;
        let hash = |text: &str| match self.algorithm {
            Algorithm::Md5 => hex(&Md5::digest(text)),
            Algorithm::Sha256 => hex(&Sha256::digest(text)),
        };
        let Credentials { user, password } = who;
        let account = hash(&format!("{user}:{realm}:{password}"));
        let request = hash(&format!("{method}:{uri}"));
        let name = match self.algorithm {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha256 => "SHA-256",
        };
        let mut text = format!(
            "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", algorithm={name}"
        );
        let response = if self.qop_auth {
            text += &format!(", qop=auth, nc={count:08x}, cnonce=\"{client_nonce}\"");
            hash(&format!("{account}:{nonce}:{count:08x}:{client_nonce}:auth:{request}"))
        } else {
            hash(&format!("{account}:{nonce}:{request}"))
        };
        text += &format!(", response=\"{response}\"");
        if let Some(opaque) = self.opaque {
            text += &format!(", opaque=\"{opaque}\"");
        }
        text
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7616 section 3.9.1, with both of its algorithms.
    const MUFASA: (&str, &str) = ("Mufasa", "Circle of Life");
    const NONCE: &str = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
    const CLIENT_NONCE: &str = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";

    fn answer(challenges: &[&str]) -> Option<(String, bool)> {
        let who = Credentials { user: MUFASA.0.into(), password: MUFASA.1.into() };
        authorise(&who, challenges, "GET", "/dir/index.html", CLIENT_NONCE, 1)
    }

    fn challenge(algorithm: &str) -> String {
        format!(
            "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, \
             nonce=\"{NONCE}\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        )
    }

    #[test]
    fn the_example_of_rfc_7616_is_answered_as_there() {
        let (md5, _) = answer(&[&challenge("MD5")]).expect("a challenge");
        assert!(md5.contains("response=\"8ca523f5e9506fed4657c9700eebdbec\""), "{md5}");
        let (sha, _) = answer(&[&challenge("SHA-256")]).expect("a challenge");
        assert!(sha.contains("753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"), "{sha}");
    }

    #[test]
    fn the_strongest_challenge_is_taken_and_what_cannot_be_computed_is_left() {
        let (both, _) = answer(&[&challenge("MD5"), &challenge("SHA-256")]).expect("challenges");
        assert!(both.contains("algorithm=SHA-256"));
        assert_eq!(answer(&[&challenge("SHA-512-256"), "Basic realm=\"x\"", "Digest realm=\"x\"", ""]), None);
    }

    #[test]
    fn the_example_of_rfc_2617_without_qop_is_rfc_2069() {
        let who = Credentials { user: "Mufasa".into(), password: "CircleOfLife".into() };
        let challenge =
            "Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", stale=TRUE";
        let (text, stale) =
            authorise(&who, &[challenge], "GET", "/dir/index.html", "", 1).expect("a challenge");
        assert!(text.contains("response=\"1949323746fe6a43ef61f9606e7febea\""), "{text}");
        assert!(stale);
    }

    #[test]
    fn a_password_is_not_printed() {
        let who = Credentials { user: "a".into(), password: "secret-word".into() };
        assert!(!format!("{who:?}").contains("secret-word"));
    }
}
