//! Their challenge, our proof: what a 401 or 407 asked for, and the header that answers it.
//! It refuses to answer a weaker question than it must.

use super::{Algorithm, Ha1, Proof, find, params};
use crate::compose::is_clean;

/// Who we are to a far end that asks.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    user: String,
    secret: Secret,
    /// The one realm that is answered.
    realm: Option<String>,
}

#[derive(Clone, PartialEq, Eq)]
enum Secret {
    Password(String),
    Hashed(Ha1),
}

impl Credentials {
    /// A user with a password; the realm is the far end's to name.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Credentials {
        Credentials { user: user.into(), secret: Secret::Password(password.into()), realm: None }
    }

    /// A user whose password is known by its hashes only; they fit one realm.
    pub fn hashed(user: impl Into<String>, ha1: Ha1) -> Credentials {
        Credentials { user: user.into(), secret: Secret::Hashed(ha1), realm: None }
    }

    /// The same, told to no other realm than this one.
    #[must_use]
    pub fn in_realm(self, realm: impl Into<String>) -> Credentials {
        Credentials { realm: Some(realm.into()), ..self }
    }

    /// Whether the user can stand between quotes.
    pub(crate) fn is_writable(&self) -> bool {
        is_clean(&self.user) && !self.user.contains(['"', '\\'])
    }

    fn ha1(&self, realm: &str, algorithm: Algorithm) -> String {
        match &self.secret {
            Secret::Password(password) => algorithm.hash(&[&self.user, realm, password]),
            Secret::Hashed(ha1) => ha1.by(algorithm),
        }
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({}, …)", self.user)
    }
}

/// A challenge that we can answer, with the count of our answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Challenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    algorithm: Algorithm,
    /// Whether it offers qop=auth.
    counted: bool,
    /// The nonce was good once: answering again is no guessing.
    pub(crate) stale: bool,
    /// 407 rather than 401.
    proxy: bool,
    count: u32,
}

impl Challenge {
    /// The strongest of the challenges in the header values of a 401 or 407 that `who` can answer.
    pub(crate) fn strongest<'v>(
        values: impl Iterator<Item = &'v [u8]>,
        proxy: bool,
        who: &Credentials,
    ) -> Option<Challenge> {
        let readable = values.filter_map(|value| Challenge::read(std::str::from_utf8(value).ok()?, proxy));
        let readable = readable.filter(|asked| who.realm.as_ref().is_none_or(|realm| *realm == asked.realm));
        readable.max_by_key(|challenge| (challenge.algorithm == Algorithm::Sha256, challenge.counted))
    }

    fn read(value: &str, proxy: bool) -> Option<Challenge> {
        let params = params(value)?;
        let algorithm = Algorithm::named(find(&params, "algorithm"))?;
        let qop = find(&params, "qop");
        let counted =
            qop.is_some_and(|qop| qop.split(',').any(|one| one.trim().eq_ignore_ascii_case("auth")));
        // auth-int alone is not spoken.
        if qop.is_some() && !counted {
            return None;
        }
        let quotable =
            |name| find(&params, name).filter(|value| is_clean(value) && !value.contains(['"', '\\']));
        Some(Challenge {
            realm: quotable("realm")?.to_owned(),
            nonce: quotable("nonce")?.to_owned(),
            opaque: quotable("opaque").map(str::to_owned),
            algorithm,
            counted,
            stale: find(&params, "stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
            proxy,
            count: 0,
        })
    }

    /// The name of the header that answers.
    pub(crate) fn header(&self) -> &'static str {
        if self.proxy { "Proxy-Authorization" } else { "Authorization" }
    }

    /// The value that answers for one request; `cnonce` is a number nobody can guess.
    pub(crate) fn answer(&mut self, who: &Credentials, method: &str, uri: &str, cnonce: &str) -> String {
        self.count += 1;
        let count = format!("{:08x}", self.count);
        let counted = self.counted.then_some((count.as_str(), cnonce));
        let proof = Proof { algorithm: self.algorithm, nonce: &self.nonce, counted, method, uri };
        let response = proof.response(&who.ha1(&self.realm, self.algorithm));
        let mut value = format!(
            "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{uri}\", response=\"{response}\", algorithm={}",
            who.user,
            self.realm,
            self.nonce,
            self.algorithm.name(),
        );
        if let Some((count, cnonce)) = counted {
            value.push_str(&format!(", qop=auth, nc={count}, cnonce=\"{cnonce}\""));
        }
        if let Some(opaque) = &self.opaque {
            value.push_str(&format!(", opaque=\"{opaque}\""));
        }
        value
    }
}
