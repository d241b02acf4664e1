//! Our challenge, their proof: nonces that carry their own time and seal, and a ledger of how often each was used, so
//! that nothing is kept for those who only ask. It refuses to tell an unknown user from a wrong password.

use std::collections::BTreeMap;

use super::{Algorithm, Ha1, Proof, find, hex, hmac, params, read_hex, same};

/// A nonce is good for this long after it was given.
const NONCE_MS_MAX: u64 = 3_600_000;
/// Nonces in use that are remembered; beyond it the oldest go stale.
const LEDGER_MAX: usize = 200_000;
/// Issued at, serial, seal: 16 + 16 + 32 hexadecimal digits.
const NONCE_DIGITS: usize = 64;

/// Asks callers and phones of one realm for their passwords.
pub struct Authenticator {
    realm: String,
    key: [u8; 32],
    serial: u64,
    /// Nonces in use by age: the highest count seen.
    used: BTreeMap<(u64, u64), u32>,
    /// Nonces up to this one have been forgotten, so they count as stale.
    forgotten: Option<(u64, u64)>,
    /// Hashed where the user is unknown, so that the answer takes as long.
    nobody: Ha1,
}

/// Whose request it claims to be: the parameters of an Authorization header of theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The user.
    pub user: String,
    realm: String,
    nonce: String,
    uri: String,
    response: String,
    algorithm: Algorithm,
    count: String,
    cnonce: String,
}

/// What a claim is worth.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The password is right and the nonce fresh.
    Proven,
    /// The password is right, the nonce too old or used before: ask again with `stale=true`.
    Stale,
    /// The password is wrong, the user unknown, or the nonce none of ours.
    Wrong,
}

impl Claim {
    /// Reads the value of an Authorization header; `None` where it is no digest with qop=auth.
    pub fn read(value: &[u8]) -> Option<Claim> {
        let params = params(std::str::from_utf8(value).ok()?)?;
        let text = |name| find(&params, name).map(str::to_owned);
        if !find(&params, "qop")?.eq_ignore_ascii_case("auth") {
            return None;
        }
        Some(Claim {
            user: text("username")?,
            realm: text("realm")?,
            nonce: text("nonce")?,
            uri: text("uri")?,
            response: text("response")?,
            algorithm: Algorithm::named(find(&params, "algorithm"))?,
            count: text("nc")?,
            cnonce: text("cnonce")?,
        })
    }
}

impl Authenticator {
    /// For a realm (letters, digits, `.-_` only), under a key that no other process has.
    pub fn new(realm: &str, key: [u8; 32]) -> Authenticator {
        let realm: String =
            realm.chars().filter(|c| c.is_ascii_alphanumeric() || ".-_".contains(*c)).collect();
        let nobody = Ha1::of("", &realm, &hex(&hmac(&key, &[b"nobody"])));
        Authenticator { realm, key, serial: 0, used: BTreeMap::new(), forgotten: None, nobody }
    }

    /// The realm.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// Nonces in use.
    pub fn len(&self) -> usize {
        self.used.len()
    }

    /// Whether no nonce is in use.
    pub fn is_empty(&self) -> bool {
        self.used.is_empty()
    }

    /// The values of WWW-Authenticate, the stronger first (RFC 8760 2.4), with a nonce of their own.
    pub fn challenge(&mut self, stale: bool, now_ms: u64) -> [String; 2] {
        self.serial += 1;
        let nonce = self.nonce((now_ms, self.serial));
        let stale = if stale { ", stale=true" } else { "" };
        [Algorithm::Sha256, Algorithm::Md5].map(|algorithm| {
            let (realm, name) = (&self.realm, algorithm.name());
            format!("Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm={name}, qop=\"auth\"{stale}")
        })
    }

    fn nonce(&self, (issued_ms, serial): (u64, u64)) -> String {
        let seal = hmac(&self.key, &[b"nonce", &issued_ms.to_be_bytes(), &serial.to_be_bytes()]);
        format!("{issued_ms:016x}{serial:016x}{}", hex(&seal[..16]))
    }

    /// What a nonce says of itself, if it is ours.
    fn read_nonce(&self, nonce: &str) -> Option<(u64, u64)> {
        if nonce.len() != NONCE_DIGITS || !nonce.is_ascii() {
            return None;
        }
        let mut octets = [0; 16];
        read_hex(&nonce[..32], &mut octets)?;
        let (issued, serial) = octets.split_at(8);
        let id = (u64::from_be_bytes(issued.try_into().ok()?), u64::from_be_bytes(serial.try_into().ok()?));
        same(self.nonce(id).as_bytes(), nonce.as_bytes()).then_some(id)
    }

    /// Judges a claim for a request of `method`; `ha1` is what is kept of the user's password. The work done does not
    /// depend on whether the user is known.
    pub fn judge(&mut self, claim: &Claim, method: &str, ha1: Option<&Ha1>, now_ms: u64) -> Verdict {
        let nonce = self.read_nonce(&claim.nonce);
        let proof = Proof {
            algorithm: claim.algorithm,
            nonce: &claim.nonce,
            counted: Some((&claim.count, &claim.cnonce)),
            method,
            uri: &claim.uri,
        };
        let expected = proof.response(&ha1.unwrap_or(&self.nobody).by(claim.algorithm));
        let right = same(expected.as_bytes(), claim.response.to_ascii_lowercase().as_bytes());
        let right = right & ha1.is_some() & (claim.realm == self.realm);
        let (Some(nonce), true) = (nonce, right) else { return Verdict::Wrong };
        let count = u32::from_str_radix(&claim.count, 16).ok().filter(|_| claim.count.len() == 8);
        let Some(count) = count else { return Verdict::Wrong };
        self.expire(now_ms);
        let fresh = now_ms.saturating_sub(nonce.0) < NONCE_MS_MAX
            && self.forgotten.is_none_or(|forgotten| nonce > forgotten)
            && self.used.get(&nonce).is_none_or(|&seen| count > seen);
        if !fresh {
            return Verdict::Stale;
        }
        self.used.insert(nonce, count);
        Verdict::Proven
    }

    fn expire(&mut self, now_ms: u64) {
        while let Some((&oldest, _)) = self.used.first_key_value() {
            let old = now_ms.saturating_sub(oldest.0) >= NONCE_MS_MAX;
            if !old && self.used.len() < LEDGER_MAX {
                return;
            }
            self.used.pop_first();
            if !old {
                self.forgotten = self.forgotten.max(Some(oldest));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Challenge, Credentials};
    use super::*;

    const NOW: u64 = 5_000_000;

    fn authenticator() -> Authenticator {
        Authenticator::new("sip.example", [7; 32])
    }

    fn asked(by: &mut Authenticator, only: Option<usize>) -> Challenge {
        let values = by.challenge(false, NOW);
        let values = values.iter().enumerate().filter(|(at, _)| only.is_none_or(|only| only == *at));
        let who = Credentials::new("huaxin-8001", "right").in_realm("sip.example");
        let values = values.map(|(_, value)| value.as_bytes());
        Challenge::strongest(values, false, &who).expect("ours is answerable")
    }

    fn claim(challenge: &mut Challenge, password: &str) -> Claim {
        let who = Credentials::new("huaxin-8001", password);
        let value = challenge.answer(&who, "REGISTER", "sip:sip.example", "c0ffee");
        Claim::read(value.as_bytes()).expect("our own writing")
    }

    #[test]
    fn x04_a_password_is_proven_by_either_algorithm() {
        let ha1 = Ha1::of("huaxin-8001", "sip.example", "right");
        for only in [None, Some(0), Some(1)] {
            let mut by = authenticator();
            let mut challenge = asked(&mut by, only);
            let good = claim(&mut challenge, "right");
            assert_eq!(good.user, "huaxin-8001");
            assert_eq!(by.judge(&good, "REGISTER", Some(&ha1), NOW + 1), Verdict::Proven);
            let bad = claim(&mut challenge, "wrong");
            assert_eq!(by.judge(&bad, "REGISTER", Some(&ha1), NOW + 1), Verdict::Wrong);
            let good = claim(&mut challenge, "right");
            assert_eq!(by.judge(&good, "INVITE", Some(&ha1), NOW + 1), Verdict::Wrong, "for another method");
            assert_eq!(by.judge(&good, "REGISTER", Some(&ha1), NOW + 1), Verdict::Proven);
        }
    }

    #[test]
    fn fault_n4_a_proof_is_good_once() {
        let ha1 = Ha1::of("huaxin-8001", "sip.example", "right");
        let mut by = authenticator();
        let mut challenge = asked(&mut by, None);
        let (first, second) = (claim(&mut challenge, "right"), claim(&mut challenge, "right"));
        assert_eq!(by.judge(&second, "REGISTER", Some(&ha1), NOW), Verdict::Proven);
        assert_eq!(by.judge(&second, "REGISTER", Some(&ha1), NOW), Verdict::Stale, "replayed");
        assert_eq!(by.judge(&first, "REGISTER", Some(&ha1), NOW), Verdict::Stale, "an older count");
        assert_eq!(by.judge(&claim(&mut challenge, "right"), "REGISTER", Some(&ha1), NOW), Verdict::Proven);
        let late = claim(&mut challenge, "right");
        assert_eq!(by.judge(&late, "REGISTER", Some(&ha1), NOW + NONCE_MS_MAX), Verdict::Stale);
        assert!(by.is_empty(), "what is too old is not kept");
    }

    #[test]
    fn fault_n2_an_unknown_user_is_like_a_wrong_password() {
        let mut by = authenticator();
        let mut challenge = asked(&mut by, None);
        assert_eq!(by.judge(&claim(&mut challenge, "x"), "REGISTER", None, NOW), Verdict::Wrong);
        let nobody = hex(&hmac(&[7; 32], &[b"nobody"]));
        assert_eq!(by.judge(&claim(&mut challenge, &nobody), "REGISTER", None, NOW), Verdict::Wrong);
    }

    #[test]
    fn fault_n4_a_nonce_of_somebody_else_is_none() {
        let ha1 = Ha1::of("huaxin-8001", "sip.example", "right");
        let mut theirs = asked(&mut Authenticator::new("sip.example", [8; 32]), None);
        assert_eq!(
            authenticator().judge(&claim(&mut theirs, "right"), "REGISTER", Some(&ha1), NOW),
            Verdict::Wrong
        );
    }
}
