//! Where users are reached: the bindings that their phones made, each with the way it came by. It refuses to know who
//! may bind what; [`Registrar`](crate::registrar::Registrar) asks that first.

use std::collections::BTreeMap;

use crate::compose;
use crate::event::{Registering, Wanted, Wish};
use crate::hop::Hop;

/// How long bindings live, and how many there may be.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A shorter interval is refused with 423.
    pub expires_s_min: u32,
    /// The interval of a phone that names none.
    pub expires_s_usual: u32,
    /// A longer interval is shortened to this.
    pub expires_s_max: u32,
    /// Bindings of one user; beyond it the one that would expire first gives way.
    pub bindings_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { expires_s_min: 60, expires_s_usual: 600, expires_s_max: 3_600, bindings_max: 8 }
    }
}

/// One phone of a user.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Binding {
    /// The URI of its Contact: the Request-URI of what is sent to it, wherever that goes.
    pub contact: String,
    /// The way its REGISTER came by (RFC 5626's flow). What is sent to it goes back by it: the address in its Contact
    /// may be one of a private network.
    pub flow: Hop,
    /// Proxies on the way to it, nearest first (RFC 3327).
    pub path: Vec<String>,
    /// The device, whatever its address (`+sip.instance`, RFC 5626).
    pub instance: Option<String>,
    /// Which of the device's flows (`reg-id`).
    pub reg_id: Option<u32>,
    /// Call-ID of the REGISTER that made it.
    pub call_id: String,
    /// CSeq of the REGISTER that made it.
    pub cseq: u32,
    /// When it ends, in ms of the clock that is given in.
    pub expires_at_ms: u64,
}

impl Binding {
    /// Whether the address in its Contact is not where it came from: somebody between translates addresses, and forgets
    /// the way when nothing uses it.
    pub fn is_translated(&self) -> bool {
        self.path.is_empty() && compose::literal(&self.contact) != Some(self.flow.remote)
    }

    fn is_same_phone(&self, wish: &Wish) -> bool {
        match (&self.instance, &wish.instance) {
            (Some(ours), Some(theirs)) => ours == theirs && self.reg_id == wish.reg_id,
            (None, None) => self.contact == wish.uri,
            (Some(_), None) | (None, Some(_)) => false,
        }
    }
}

/// Why a REGISTER changes nothing (RFC 3261 10.3).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Unchanged {
    /// The interval is too short: 423 with Min-Expires.
    TooBrief {
        /// The shortest.
        expires_s_min: u32,
    },
    /// A later REGISTER of the same phone was here before: 500.
    OutOfOrder,
}

/// The bindings of all users.
#[derive(Debug, Default)]
pub struct Location {
    limits: Limits,
    users: BTreeMap<String, Vec<Binding>>,
}

impl Location {
    /// Nobody is anywhere yet.
    pub fn new(limits: Limits) -> Location {
        Location { limits, users: BTreeMap::new() }
    }

    /// Forgets what was reached by a connection that is gone; gives the users it concerned.
    pub fn forget_flow(&mut self, flow: Hop) -> Vec<String> {
        let reached = |bindings: &Vec<Binding>| bindings.iter().any(|binding| binding.flow == flow);
        let users: Vec<String> = self
            .users
            .iter()
            .filter(|(_, bindings)| reached(bindings))
            .map(|(user, _)| user.clone())
            .collect();
        for user in &users {
            if let Some(bindings) = self.users.get_mut(user) {
                bindings.retain(|binding| binding.flow != flow);
            }
        }
        self.users.retain(|_, bindings| !bindings.is_empty());
        users
    }

    /// Does what a REGISTER asks, all of it or nothing. The user is one that may.
    pub fn update(&mut self, register: &Registering, now_ms: u64) -> Result<(), Unchanged> {
        let mut bindings: Vec<Binding> = self.of(&register.user, now_ms).cloned().collect();
        let later = |known: &Binding| known.call_id == register.call_id && known.cseq >= register.cseq;
        match &register.wanted {
            Wanted::Nothing => return Ok(()),
            Wanted::RemoveAll => {
                if bindings.iter().any(later) {
                    return Err(Unchanged::OutOfOrder);
                }
                bindings.clear();
            }
            Wanted::Bind(wishes) => {
                for wish in wishes {
                    let expires_s = self.interval(wish.expires_s)?;
                    if let Some(known) = bindings.iter().position(|known| known.is_same_phone(wish)) {
                        if later(&bindings[known]) {
                            return Err(Unchanged::OutOfOrder);
                        }
                        bindings.remove(known);
                    }
                    if expires_s > 0 {
                        bindings.push(bound(register, wish, now_ms + u64::from(expires_s) * 1_000));
                    }
                }
            }
        }
        while bindings.len() > self.limits.bindings_max {
            let first = bindings.iter().enumerate().min_by_key(|(_, binding)| binding.expires_at_ms);
            let Some((first, _)) = first else { break };
            bindings.remove(first);
        }
        self.put(register.user.clone(), bindings);
        Ok(())
    }

    /// The interval granted; 0 takes a binding back.
    fn interval(&self, asked_s: Option<u32>) -> Result<u32, Unchanged> {
        let Limits { expires_s_min, expires_s_usual, expires_s_max, .. } = self.limits;
        match asked_s.unwrap_or(expires_s_usual) {
            0 => Ok(0),
            brief if brief < expires_s_min => Err(Unchanged::TooBrief { expires_s_min }),
            long => Ok(long.min(expires_s_max)),
        }
    }

    /// Sets the bindings of a user, as they were before a restart.
    pub fn put(&mut self, user: String, bindings: Vec<Binding>) {
        if bindings.is_empty() {
            self.users.remove(&user);
        } else {
            self.users.insert(user, bindings);
        }
    }

    /// Where a user is reached now, in the order of registration.
    pub fn of(&self, user: &str, now_ms: u64) -> impl Iterator<Item = &Binding> {
        let known = self.users.get(user).map_or(&[][..], Vec::as_slice);
        known.iter().filter(move |binding| binding.expires_at_ms > now_ms)
    }

    /// All users with their bindings, ended ones included.
    pub fn all(&self) -> impl Iterator<Item = (&str, &[Binding])> {
        self.users.iter().map(|(user, bindings)| (user.as_str(), bindings.as_slice()))
    }

    /// Forgets what has ended; returns whose.
    pub fn expire(&mut self, now_ms: u64) -> Vec<String> {
        let is_over = |binding: &Binding| binding.expires_at_ms <= now_ms;
        let over: Vec<String> = self
            .users
            .iter()
            .filter(|(_, bindings)| bindings.iter().any(is_over))
            .map(|(user, _)| user.clone())
            .collect();
        for user in &over {
            let left = self.of(user, now_ms).cloned().collect();
            self.put(user.clone(), left);
        }
        over
    }

    /// Forgets what has ended of one user.
    pub fn forget_ended(&mut self, user: &str, now_ms: u64) {
        if let Some(bindings) = self.users.get_mut(user) {
            bindings.retain(|binding| binding.expires_at_ms > now_ms);
            if bindings.is_empty() {
                self.users.remove(user);
            }
        }
    }

    /// How many bindings there are, ended ones included until they are forgotten.
    pub fn len(&self) -> usize {
        self.users.values().map(Vec::len).sum()
    }

    /// Whether nobody is reached anywhere.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }
}

fn bound(register: &Registering, wish: &Wish, expires_at_ms: u64) -> Binding {
    Binding {
        contact: wish.uri.clone(),
        flow: register.from,
        path: register.path.clone(),
        instance: wish.instance.clone(),
        reg_id: wish.reg_id,
        call_id: register.call_id.clone(),
        cseq: register.cseq,
        expires_at_ms,
    }
}
