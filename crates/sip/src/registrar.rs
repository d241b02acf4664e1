//! A registrar (RFC 3261 10.3): asks phones who they are, keeps where they are reached, and answers each REGISTER.
//! It refuses to keep passwords: their hashes are given in for the user that is asked about.

use crate::digest::{Authenticator, Claim, Ha1, Verdict};
use crate::endpoint::Endpoint;
use crate::event::{Registering, Wanted};
use crate::location::{Limits, Location, Unchanged};

/// What became of a REGISTER.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Registered {
    /// It proved nothing yet, or too late: 401, and the phone comes back.
    Asked,
    /// A wrong password, or a user that is none: 401 as before, so that nobody learns which.
    Wrong,
    /// Proven, but it changed nothing: a question, an interval too short, an order too old.
    Unchanged,
    /// The user's bindings are other ones now.
    Changed,
}

/// The phones of one realm.
pub struct Registrar {
    authenticator: Authenticator,
    /// Where they are.
    pub location: Location,
}

impl Registrar {
    /// A registrar that asks in a realm, under a key that no other process has.
    pub fn new(realm: &str, key: [u8; 32], limits: Limits) -> Registrar {
        Registrar { authenticator: Authenticator::new(realm, key), location: Location::new(limits) }
    }

    /// The realm.
    pub fn realm(&self) -> &str {
        self.authenticator.realm()
    }

    /// Answers a REGISTER. `ha1` is what is kept of the password of the user it is about; `None` where there is no such
    /// user, which takes the same work and is told the same (FAULTS N2).
    pub fn hear(
        &mut self,
        endpoint: &mut Endpoint,
        register: &Registering,
        ha1: Option<&Ha1>,
        now_ms: u64,
    ) -> Registered {
        self.hear_from(endpoint, register, (&register.user, ha1), now_ms)
    }

    /// As [`Registrar::hear`], but proven by `whose` name and hash, which may register for the user it is about.
    pub fn hear_from(
        &mut self,
        endpoint: &mut Endpoint,
        register: &Registering,
        (whose, ha1): (&str, Option<&Ha1>),
        now_ms: u64,
    ) -> Registered {
        let verdict = self.judge(register.claim.as_deref(), whose, "REGISTER", ha1, now_ms);
        match verdict {
            None => self.ask(endpoint, register, false, now_ms, Registered::Asked),
            Some(Verdict::Stale) => self.ask(endpoint, register, true, now_ms, Registered::Asked),
            Some(Verdict::Wrong) => self.ask(endpoint, register, false, now_ms, Registered::Wrong),
            Some(Verdict::Proven) => self.take(endpoint, register, now_ms),
        }
    }

    /// What a claim to be `user` is worth; `None` where there is no claim.
    pub fn judge(
        &mut self,
        claim: Option<&Claim>,
        user: &str,
        method: &str,
        ha1: Option<&Ha1>,
        now_ms: u64,
    ) -> Option<Verdict> {
        let claim = claim?;
        // Who is asked about is who must prove it: a password is good for nobody else's phone.
        let verdict = self.authenticator.judge(claim, method, ha1, now_ms);
        Some(if claim.user == user { verdict } else { Verdict::Wrong })
    }

    /// The values of WWW-Authenticate that ask once more.
    pub fn challenge(&mut self, stale: bool, now_ms: u64) -> [String; 2] {
        self.authenticator.challenge(stale, now_ms)
    }

    fn ask(
        &mut self,
        endpoint: &mut Endpoint,
        register: &Registering,
        stale: bool,
        now_ms: u64,
        asked: Registered,
    ) -> Registered {
        let values = self.challenge(stale, now_ms);
        endpoint.ask_register(register, &values);
        asked
    }

    fn take(&mut self, endpoint: &mut Endpoint, register: &Registering, now_ms: u64) -> Registered {
        match self.location.update(register, now_ms) {
            Ok(()) => {
                endpoint.grant_register(register, self.location.of(&register.user, now_ms), now_ms);
                match register.wanted {
                    Wanted::Nothing => Registered::Unchanged,
                    Wanted::RemoveAll | Wanted::Bind(_) => Registered::Changed,
                }
            }
            Err(Unchanged::TooBrief { expires_s_min }) => {
                endpoint.refuse_register(register, 423, Some(expires_s_min), now_ms);
                Registered::Unchanged
            }
            Err(Unchanged::OutOfOrder) => {
                endpoint.refuse_register(register, 500, None, now_ms);
                Registered::Unchanged
            }
        }
    }
}
