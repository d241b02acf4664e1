//! Registered phones: who may log in, where each is reached, and what keeps its way open. Passwords are known by their
//! hashes; where a phone is is known from its registrations alone and ends with them.

use std::collections::BTreeMap;

use hotline::enterprise::{Phone, REALM};
use hotline::trunk::Registration;
use hotline::{Mono, TenantId};
use sip::digest::{Claim, Ha1, Verdict};
use sip::location::{Binding, Limits};
use sip::registrar::{Registered, Registrar};
use sip::{Hop, Registering, Transport};

use crate::node::{Node, Notice, Output};

/// A phone behind NAT is asked this often whether it is there: a NAT forgets a way that is not used, the quickest
/// after 30 s (RFC 5626 4.4.1 suggests 24 to 29 s).
const KEEP_ALIVE_MS: u64 = 25_000;

/// The phones of all enterprises.
pub struct Phones {
    known: BTreeMap<String, (TenantId, Ha1)>,
    registrar: Registrar,
    /// When a phone behind NAT is asked next, by its user; one entry for all its bindings.
    kept: BTreeMap<String, Mono>,
}

/// A phone that has proven its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proven {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its number: `8001`.
    pub extension: String,
}

/// What a claim to be a phone is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// It is this one.
    Of(Proven),
    /// Nothing is claimed.
    Missing,
    /// A wrong password, or no such phone.
    Wrong,
    /// The password is right and its proof too old.
    Stale,
}

impl Phones {
    pub(crate) fn new(key: [u8; 32]) -> Phones {
        Phones {
            known: BTreeMap::new(),
            registrar: Registrar::new(REALM, key, Limits::default()),
            kept: BTreeMap::new(),
        }
    }

    /// Takes the phones of one enterprise in place of those it had; those of all where none is named. Who is no longer
    /// known is no longer reached.
    pub fn replace(&mut self, tenant: Option<&TenantId>, phones: Vec<Phone>) {
        let before = std::mem::take(&mut self.known);
        let is_meant = |whose: &TenantId| tenant.is_none_or(|tenant| tenant == whose);
        let (gone, stays): (Vec<_>, Vec<_>) = before.into_iter().partition(|(_, (whose, _))| is_meant(whose));
        self.known = stays.into_iter().collect();
        for phone in phones {
            let (md5, sha256) = phone.secret.hashes();
            if let Some(ha1) = Ha1::from_hex(md5, sha256) {
                self.known.insert(phone.user, (phone.tenant, ha1));
            }
        }
        // Another password ends what the old one opened.
        let is_same = |user: &String, ha1: &Ha1| self.known.get(user).is_some_and(|(_, now)| now == ha1);
        for (user, _) in gone.into_iter().filter(|(user, (_, ha1))| !is_same(user, ha1)) {
            self.registrar.location.put(user, Vec::new());
        }
    }

    fn prove(&mut self, claim: &Claim, method: &str, looked_at: bool, now: Mono) -> Proof {
        let known = self.known.get(&claim.user).filter(|_| looked_at);
        let ha1 = known.map(|(_, ha1)| ha1);
        match self.registrar.judge(Some(claim), &claim.user, method, ha1, now.0) {
            Some(Verdict::Proven) => known.map_or(Proof::Wrong, |(tenant, _)| {
                Proof::Of(Proven {
                    tenant: tenant.clone(),
                    extension: extension_of(tenant, &claim.user).to_owned(),
                })
            }),
            Some(Verdict::Stale) => Proof::Stale,
            Some(Verdict::Wrong) | None => Proof::Wrong,
        }
    }

    /// What the proof of a trunk's call is worth by the user and password agreed with its carrier; `None` without any.
    pub(crate) fn prove_trunk(
        &mut self,
        claim: Option<&Claim>,
        known: Option<&Registration>,
        now: Mono,
    ) -> Option<Verdict> {
        let known = known.filter(|known| !known.password.0.is_empty());
        let ha1 = known.map(|known| Ha1::of(known.digest_user(), REALM, &known.password.0));
        let user = known.map_or("", Registration::digest_user);
        self.registrar.judge(claim, user, "INVITE", ha1.as_ref(), now.0)
    }

    /// The values of WWW-Authenticate that ask who somebody is.
    pub(crate) fn challenge(&mut self, stale: bool, now: Mono) -> [String; 2] {
        self.registrar.challenge(stale, now.0)
    }

    /// How many phones may log in.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether none may.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// How many bindings there are.
    pub fn registered(&self) -> usize {
        self.registrar.location.len()
    }

    /// Where a phone is reached now.
    pub fn reached(&self, user: &str, now: Mono) -> Vec<Binding> {
        self.registrar.location.of(user, now.0).cloned().collect()
    }
}

impl Node {
    /// The phones, to be filled before the first call.
    pub fn phones(&mut self) -> &mut Phones {
        &mut self.phones
    }

    pub(crate) fn registering(&mut self, register: &Registering) {
        let now = self.now.mono;
        let looked_at = self.is_looked_at(register.claim.as_deref(), register.from);
        let Phones { known, registrar, kept } = &mut self.phones;
        let ha1 = known.get(&register.user).map(|(_, ha1)| ha1).filter(|_| looked_at);
        match registrar.hear(&mut self.endpoint, register, ha1, now.0) {
            Registered::Changed => {
                kept.insert(register.user.clone(), now + KEEP_ALIVE_MS);
                self.guard.proven(register.from.remote, now);
            }
            Registered::Unchanged => self.guard.proven(register.from.remote, now),
            Registered::Wrong => self.tried_in_vain(register.claim.as_deref(), register.from),
            Registered::Asked => {}
        }
    }

    /// Whose a request of `method` is by the digest it came with. Who has none, a wrong one, or that of nobody is asked
    /// in the same words (FAULTS N2).
    pub(crate) fn prove(&mut self, claim: Option<&Claim>, method: &str, from: Hop) -> Proof {
        let Some(claim) = claim else { return Proof::Missing };
        let looked_at = self.is_looked_at(Some(claim), from);
        let proof = self.phones.prove(claim, method, looked_at, self.now.mono);
        match proof {
            Proof::Of(_) => self.guard.proven(from.remote, self.now.mono),
            Proof::Wrong => self.tried_in_vain(Some(claim), from),
            Proof::Missing | Proof::Stale => {}
        }
        proof
    }

    /// Whether a claim is judged by the password (FAULTS N4). Beyond the limits it is judged as one of a user that is
    /// none: it takes the same time and is told the same.
    fn is_looked_at(&self, claim: Option<&Claim>, from: Hop) -> bool {
        claim.is_none_or(|claim| self.guard.may_prove(from.remote, &claim.user, self.now.mono))
    }

    fn tried_in_vain(&mut self, claim: Option<&Claim>, from: Hop) {
        let Some(claim) = claim else { return };
        self.guard.wrong(from.remote, &claim.user, self.now.mono);
        let notice = Notice::WrongPassword { from, user: claim.user.clone() };
        self.outputs.push_back(Output::Notice(notice));
    }

    /// Asks phones behind NAT that are due, so that their ways stay open, and forgets bindings that have ended.
    pub(crate) fn keep_phones(&mut self) {
        let now = self.now.mono;
        let due: Vec<String> =
            self.phones.kept.iter().filter(|(_, at)| **at <= now).map(|(user, _)| user.clone()).collect();
        if due.is_empty() {
            return;
        }
        self.phones.registrar.location.expire(now.0);
        for user in due {
            let bindings = self.phones.reached(&user, now);
            if bindings.is_empty() {
                self.phones.kept.remove(&user);
                continue;
            }
            for binding in bindings.iter().filter(|binding| needs_keeping(binding)) {
                self.endpoint.options(binding.flow, now.0);
            }
            self.phones.kept.insert(user, now + KEEP_ALIVE_MS);
        }
    }
}

/// The number of a phone by the name it logs in by.
fn extension_of<'u>(tenant: &TenantId, user: &'u str) -> &'u str {
    user.strip_prefix(tenant.as_str()).and_then(|rest| rest.strip_prefix('-')).unwrap_or(user)
}

/// Streams have their own way of staying open.
fn needs_keeping(binding: &Binding) -> bool {
    binding.flow.transport == Transport::Udp && binding.is_translated()
}
