//! Pages that are phones, and whether they are there (rows Q10, Q24): an agent's presence hangs on a live connection. A page that
//! is gone is offered nothing; gone for long enough its agent is logged out, unless a talk keeps it. Phones on desks are judged
//! by their registrations alone.

use std::collections::{BTreeMap, BTreeSet};

use hotline::queue::Order;
use hotline::{Mono, TenantId};

use crate::floors::AgentOrder;
use crate::node::{Node, Output};
use crate::phones::Phones;

/// How long a page may be gone before its agent is logged out, unless it is said. Longer than a talk waits for its page.
const GONE_MS: u64 = 25_000;

/// Who is reached by a page, or was until lately.
#[derive(Debug)]
pub(crate) struct Pages {
    here: BTreeSet<String>,
    /// Since when those are gone that may come back.
    gone: BTreeMap<String, Mono>,
    gone_ms_max: u64,
}

impl Default for Pages {
    fn default() -> Pages {
        Pages { here: BTreeSet::new(), gone: BTreeMap::new(), gone_ms_max: GONE_MS }
    }
}

/// What became of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Left,
    Back,
}

impl Pages {
    /// How long a page may be gone.
    pub fn gone_after(&mut self, ms: u64) {
        self.gone_ms_max = ms;
    }

    /// Whether somebody is reached by a page, or was until lately.
    pub fn has(&self, user: &str) -> bool {
        self.here.contains(user) || self.gone.contains_key(user)
    }

    /// Somebody was reached by a page when an earlier process ended.
    pub fn was_here(&mut self, user: &str, now: Mono) {
        self.gone.insert(user.to_owned(), now);
    }

    /// Looks at where a user is reached now.
    fn look(&mut self, user: &str, by_page: bool, reached: bool, now: Mono) -> Option<Turn> {
        if by_page {
            self.here.insert(user.to_owned());
        }
        if reached {
            if !by_page {
                self.here.remove(user);
            }
            return self.gone.remove(user).map(|_| Turn::Back);
        }
        self.here.remove(user).then(|| {
            self.gone.insert(user.to_owned(), now);
            Turn::Left
        })
    }

    fn all_here(&self) -> Vec<String> {
        self.here.iter().cloned().collect()
    }

    /// Those who were gone for as long as may be.
    fn lost(&self, now: Mono) -> Vec<String> {
        let is_lost = |(_, since): &(&String, &Mono)| now.since_ms(**since) >= self.gone_ms_max;
        self.gone.iter().filter(is_lost).map(|(user, _)| user.clone()).collect()
    }
}

impl Phones {
    /// Those of an enterprise whose pages are gone.
    fn gone_of(&self, tenant: &TenantId) -> Vec<String> {
        let is_of = |user: &&String| self.of(user).is_some_and(|(of, _)| of == *tenant);
        self.pages.gone.keys().filter(is_of).cloned().collect()
    }
}

impl Node {
    /// Something changed in where a phone is reached.
    pub(crate) fn look_at_page(&mut self, user: &str) {
        let now = self.now;
        let reached = self.phones.reached(user, now.mono);
        let by_page = reached.iter().any(crate::phones::is_browser);
        let Some(turn) = self.phones.pages.look(user, by_page, !reached.is_empty(), now.mono) else { return };
        let Some((tenant, _)) = self.phones.of(user) else { return };
        let Some(floor) = self.books.tenant(&tenant).and_then(|tenant| tenant.known_floor_mut()) else {
            return;
        };
        match turn {
            Turn::Left => floor.page_gone(user, now),
            Turn::Back => floor.page_back(user, now),
        }
        self.floors.hear(&tenant, floor);
    }

    /// An enterprise came into memory: its floor is told which pages are gone.
    pub(crate) fn tell_pages(&mut self, tenant: &TenantId) {
        let gone = self.phones.gone_of(tenant);
        let Some(known) = self.books.tenant(tenant).filter(|_| !gone.is_empty()) else { return };
        let floor = known.floor_mut();
        gone.iter().for_each(|user| floor.page_gone(user, self.now));
        self.floors.hear(tenant, floor);
    }

    /// Looks for pages whose registrations ended by themselves, and logs out whose page was gone for too long.
    pub(crate) fn look_at_pages(&mut self) {
        for user in self.phones.pages.all_here() {
            self.look_at_page(&user);
        }
        for user in self.phones.pages.lost(self.now.mono) {
            self.lose(&user);
        }
    }

    fn lose(&mut self, user: &str) {
        let now = self.now;
        if let Some((tenant, extension)) = self.phones.of(user) {
            if let Some(known) = self.books.tenant(&tenant) {
                if known.lines_in_use(user) > 0 {
                    return;
                }
                if let Some(floor) = known.known_floor_mut() {
                    let in_call = floor.lose(user, now).is_err();
                    self.floors.hear(&tenant, floor);
                    if in_call {
                        return;
                    }
                    known.next_turn();
                }
            }
            self.outputs.push_back(Output::PageGone { tenant, extension });
        }
        self.phones.pages.gone.remove(user);
        let kept = self.phones.kept_of(user, now);
        self.outputs.extend(kept.map(Box::new).map(Output::Phone));
    }

    /// Whether what the platform wants of an agent is still so: a page that came back meanwhile is not lost.
    pub(crate) fn is_stale(&self, asked: &AgentOrder) -> bool {
        let phone_of = |one: &&hotline::queue::AgentRules| *one.number == *asked.number;
        let phone = asked.staff.agents.iter().find(phone_of).map(|one| one.phone.clone());
        asked.order == Order::Lost
            && phone.is_none_or(|phone| !self.phones.reached(&phone, self.now.mono).is_empty())
    }
}
