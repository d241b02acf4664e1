//! Registered phones: who may log in, where each is reached, and what keeps its way open. Passwords are known by their
//! hashes; where a phone is is known from its registrations alone and ends with them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use hotline::enterprise::{Phone, REALM, Refer};
use hotline::trunk::{Registration, Srtp};
use hotline::{Mono, Now, TenantId, Wall};
use serde::{Deserialize, Serialize};
use sip::digest::{Claim, Ha1, Verdict};
use sip::location::{Binding, Limits};
use sip::registrar::{Registered, Registrar};
use sip::{Hop, Registering, Transport};

use crate::media::{self, Speech};
use crate::node::{Node, Notice, Output};
use crate::pages::Pages;

/// A phone behind NAT is asked this often whether it is there: a NAT forgets a way that is not used, the quickest
/// after 30 s (RFC 5626 4.4.1 suggests 24 to 29 s).
const KEEP_ALIVE_MS: u64 = 25_000;
/// Where no phone is asked, bindings that have ended are still forgotten this often.
const FORGET_MS: u64 = 60_000;

/// The phones of all enterprises.
pub struct Phones {
    known: BTreeMap<String, Known>,
    registrar: Registrar,
    /// How often a phone behind NAT is asked; 0 never.
    keep_alive_ms: u64,
    /// Who is looked at next, in the order of the instants: all wait equally long. One entry for all bindings of a user.
    due: VecDeque<(Mono, String)>,
    /// Who is in it.
    kept: BTreeSet<String>,
    /// Names that pages prove themselves by, in place of their phone's own.
    lent: BTreeMap<String, Lent>,
    /// Which of them are pages, and whether they are there.
    pub(crate) pages: Pages,
}

/// A name and a password for one page and a while, so that no page has a phone's own. Not kept over a restart: a page
/// that is refused asks for another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lend {
    /// The phone it is for, as it logs in: `acme-8001`.
    pub user: String,
    /// The name that is proven.
    pub name: String,
    /// The hashes of its password by MD5 and SHA-256, in hex.
    pub hashes: (String, String),
    /// How long it may be used.
    pub for_ms: u64,
}

struct Lent {
    user: String,
    ha1: Ha1,
    until: Mono,
}

/// Pages of one phone at one time; a further one takes the place of the one that ends first.
const LENT_MAX: usize = 8;

/// Who may log in by a name.
struct Known {
    tenant: TenantId,
    ha1: Ha1,
    srtp: Srtp,
    refer: Refer,
}

/// Where a phone is reached, as it outlives the process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The name it logs in by.
    pub user: String,
    /// Its password as it was, as a number: another password ends what the old one opened.
    pub password: u32,
    /// The ways of datagrams; connections end with the process.
    pub ways: Vec<Way>,
    /// Whether it is a page: those come back after a restart, or their agents are logged out.
    pub page: bool,
}

impl Kept {
    /// Whether nothing of it is worth keeping.
    pub fn is_empty(&self) -> bool {
        self.ways.is_empty() && !self.page
    }
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    /// The binding; its own end is by a clock that ended with the process.
    pub binding: Binding,
    /// When it ends.
    pub until: Wall,
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
            keep_alive_ms: KEEP_ALIVE_MS,
            due: VecDeque::new(),
            kept: BTreeSet::new(),
            lent: BTreeMap::new(),
            pages: Pages::default(),
        }
    }

    /// Takes the phones of one enterprise in place of those it had; those of all where none is named. Who is no longer
    /// known is no longer reached.
    pub fn replace(&mut self, tenant: Option<&TenantId>, phones: Vec<Phone>) {
        let before = std::mem::take(&mut self.known);
        let is_meant = |whose: &TenantId| tenant.is_none_or(|tenant| tenant == whose);
        let (gone, stays): (Vec<_>, Vec<_>) =
            before.into_iter().partition(|(_, known)| is_meant(&known.tenant));
        self.known = stays.into_iter().collect();
        for phone in phones {
            let (md5, sha256) = phone.secret.hashes();
            if let Some(ha1) = Ha1::from_hex(md5, sha256) {
                let Phone { user, tenant, srtp, refer, .. } = phone;
                self.known.insert(user, Known { tenant, ha1, srtp, refer });
            }
        }
        // Another password ends what the old one opened.
        let is_same = |user: &String, ha1: &Ha1| self.known.get(user).is_some_and(|now| now.ha1 == *ha1);
        for (user, _) in gone.into_iter().filter(|(user, known)| !is_same(user, &known.ha1)) {
            self.lent.retain(|_, lent| lent.user != user);
            self.registrar.location.put(user, Vec::new());
        }
    }

    /// Takes in a name and password for a page; for a phone that nobody knows there is none.
    pub(crate) fn lend(&mut self, lend: Lend, now: Mono) {
        let (md5, sha256) = &lend.hashes;
        let (true, Some(ha1)) = (self.known.contains_key(&lend.user), Ha1::from_hex(md5, sha256)) else {
            return;
        };
        self.lent.retain(|_, lent| lent.until > now);
        let of_user = self.lent.iter().filter(|(_, lent)| lent.user == lend.user);
        if of_user.clone().count() >= LENT_MAX {
            let first = of_user.min_by_key(|(_, lent)| lent.until).map(|(name, _)| name.clone());
            first.and_then(|name| self.lent.remove(&name));
        }
        self.lent.insert(lend.name, Lent { user: lend.user, ha1, until: now + lend.for_ms });
    }

    /// What a name is proven by: a phone's own, or one that is lent for it.
    fn secret_of(&self, name: &str, now: Mono) -> Option<(&str, &Ha1)> {
        let lent = || {
            let lent = self.lent.get(name).filter(|lent| lent.until > now)?;
            Some((lent.user.as_str(), &lent.ha1))
        };
        self.known.get_key_value(name).map(|(user, known)| (user.as_str(), &known.ha1)).or_else(lent)
    }

    /// The connection is gone, and whoever was reached by it with it; who that is.
    pub(crate) fn hung_up(&mut self, flow: Hop) -> Vec<String> {
        match flow.connection {
            Some(_) => self.registrar.location.forget_flow(flow),
            None => Vec::new(),
        }
    }

    fn prove(&mut self, claim: &Claim, method: &str, looked_at: bool, now: Mono) -> Proof {
        let secret = self.secret_of(&claim.user, now).filter(|_| looked_at);
        let (user, ha1) = secret.map(|(user, ha1)| (user.to_owned(), ha1.clone())).unzip();
        match self.registrar.judge(Some(claim), &claim.user, method, ha1.as_ref(), now.0) {
            Some(Verdict::Proven) => {
                user.as_deref().and_then(|user| self.proven(user)).unwrap_or(Proof::Wrong)
            }
            Some(Verdict::Stale) => Proof::Stale,
            Some(Verdict::Wrong) | None => Proof::Wrong,
        }
    }

    fn proven(&self, user: &str) -> Option<Proof> {
        let (tenant, extension) = self.of(user)?;
        Some(Proof::Of(Proven { tenant, extension }))
    }

    /// Whose a phone is, and its number, by the name it logs in by.
    pub(crate) fn of(&self, user: &str) -> Option<(TenantId, String)> {
        let tenant = self.known.get(user)?.tenant.clone();
        let extension = extension_of(&tenant, user).to_owned();
        Some((tenant, extension))
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

    /// How often a phone behind NAT is asked whether it is there; 0 never asks. Before the first registration.
    pub fn keep_alive(&mut self, every_ms: u64) {
        self.keep_alive_ms = every_ms;
    }

    /// How long the page of an agent may be gone before the agent is logged out. Before the first registration.
    pub fn pages_gone_after(&mut self, ms: u64) {
        self.pages.gone_after(ms);
    }

    /// Takes in where a phone was reached before a restart, as far as that still holds: the phone is known by the same
    /// password, and its bindings have not ended. After [`Phones::replace`].
    pub fn recall(&mut self, kept: Kept, now: Now) {
        let known = self.known.get(&kept.user).filter(|known| number_of(&known.ha1) == kept.password);
        let Some(tenant) = known.map(|known| known.tenant.clone()) else { return };
        let left = |way: Way| {
            let left_ms = u64::try_from(way.until.0 - now.wall.0).ok().filter(|left_ms| *left_ms > 0)?;
            Some(Binding { expires_at_ms: now.mono.0 + left_ms, ..way.binding })
        };
        let bindings: Vec<Binding> = kept.ways.into_iter().filter_map(left).collect();
        if bindings.is_empty() && kept.page {
            self.pages.was_here(&kept.user, tenant, now.mono);
        }
        if !bindings.is_empty() {
            self.registrar.location.put(kept.user.clone(), bindings);
            self.look_after(&kept.user, now.mono);
        }
    }

    /// What would be kept of a phone that is reached by these ways; `None` for one that nobody knows.
    pub fn kept_at(&self, user: &str, ways: Vec<Way>) -> Option<Kept> {
        let Known { ha1, .. } = self.known.get(user)?;
        let page = self.pages.has(user);
        Some(Kept { user: user.to_owned(), password: number_of(ha1), ways, page })
    }

    /// What of a phone outlives the process.
    pub(crate) fn kept_of(&self, user: &str, now: Now) -> Option<Kept> {
        let datagrams = |binding: &&Binding| binding.flow.transport == Transport::Udp;
        let way = |binding: &Binding| Way {
            binding: binding.clone(),
            until: Wall(now.wall.0 + binding.expires_at_ms.saturating_sub(now.mono.0) as i64),
        };
        let ways = self.registrar.location.of(user, now.mono.0).filter(datagrams).map(way).collect();
        self.kept_at(user, ways)
    }

    /// Has a user looked at when its turn comes.
    fn look_after(&mut self, user: &str, now: Mono) {
        if self.kept.insert(user.to_owned()) {
            self.due.push_back((now + self.every_ms(), user.to_owned()));
        }
    }

    fn every_ms(&self) -> u64 {
        if self.keep_alive_ms == 0 { FORGET_MS } else { self.keep_alive_ms }
    }

    /// The next user whose turn has come.
    fn next_due(&mut self, now: Mono) -> Option<String> {
        let (_, user) = self.due.pop_front_if(|(at, _)| *at <= now)?;
        self.kept.remove(&user);
        Some(user)
    }

    /// Whether there is a phone that logs in by this name.
    pub(crate) fn is_known(&self, user: &str) -> bool {
        self.known.contains_key(user)
    }

    /// Whether a phone may send its caller elsewhere by itself.
    pub(crate) fn may_refer(&self, user: &str) -> bool {
        self.known.get(user).is_some_and(|known| known.refer == Refer::Allowed)
    }

    /// How a phone is spoken to when it is rung at these places.
    pub(crate) fn speech_of(&self, user: &str, places: &[Binding]) -> Speech {
        let written = || self.known.get(user).map_or(Srtp::Off, |known| known.srtp).into();
        let srtp = if places.iter().any(is_browser) { media::Srtp::Dtls } else { written() };
        Speech { srtp, ..Speech::default() }
    }

    /// Where a phone is rung: everywhere it is, but where it is in a browser there alone, since one description cannot be
    /// a browser's and another phone's.
    pub(crate) fn rung(&self, user: &str, now: Mono) -> Vec<Binding> {
        let mut places = self.reached(user, now);
        if places.iter().any(is_browser) {
            places.retain(is_browser);
        }
        places
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
        let now = self.now;
        let looked_at = self.is_looked_at(register.claim.as_deref(), register.from);
        // Who has a name of its own that is lent for this phone proves that; all others prove to be the phone.
        let claimed = register.claim.as_deref().map_or(register.user.as_str(), |claim| claim.user.as_str());
        let secret =
            self.phones.secret_of(claimed, now.mono).filter(|(user, _)| *user == register.user && looked_at);
        let ha1 = secret.map(|(_, ha1)| ha1.clone());
        let whose = if ha1.is_some() { claimed } else { &register.user };
        let registrar = &mut self.phones.registrar;
        match registrar.hear_from(&mut self.endpoint, register, (whose, ha1.as_ref()), now.mono.0) {
            Registered::Changed => {
                self.guard.proven(register.from.remote, now.mono);
                self.phones.look_after(&register.user, now.mono);
                self.look_at_page(&register.user);
                let kept = self.phones.kept_of(&register.user, now);
                self.outputs.extend(kept.map(Box::new).map(Output::Phone));
            }
            Registered::Unchanged => self.guard.proven(register.from.remote, now.mono),
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

    /// Asks phones behind NAT whose turn has come, so that their ways stay open, and forgets bindings that have ended.
    pub(crate) fn keep_phones(&mut self) {
        let now = self.now.mono;
        while let Some(user) = self.phones.next_due(now) {
            self.phones.registrar.location.forget_ended(&user, now.0);
            let bindings = self.phones.reached(&user, now);
            if bindings.is_empty() {
                continue;
            }
            if self.phones.keep_alive_ms > 0 {
                for binding in bindings.iter().filter(|binding| needs_keeping(binding)) {
                    self.endpoint.options(binding.flow, now.0);
                }
            }
            self.phones.look_after(&user, now);
        }
    }
}

/// A password as a number that tells it from another.
fn number_of(ha1: &Ha1) -> u32 {
    crc32fast::hash(ha1.to_hex().1.as_bytes())
}

/// The number of a phone by the name it logs in by.
fn extension_of<'u>(tenant: &TenantId, user: &'u str) -> &'u str {
    user.strip_prefix(tenant.as_str()).and_then(|rest| rest.strip_prefix('-')).unwrap_or(user)
}

/// Whether it is a page: it has no address of its own and says so (RFC 7118 appendix B.1), and speaks WebRTC alone.
pub(crate) fn is_browser(binding: &Binding) -> bool {
    let rest = binding.contact.split_once(':').map_or("", |(_, rest)| rest);
    let host = rest.split_once('@').map_or(rest, |(_, host)| host);
    let host = host.split([':', ';', '?']).next().unwrap_or_default();
    matches!(binding.flow.transport, Transport::Ws | Transport::Wss) && host.ends_with(".invalid")
}

/// Streams have their own way of staying open.
fn needs_keeping(binding: &Binding) -> bool {
    binding.flow.transport == Transport::Udp && binding.is_translated()
}
