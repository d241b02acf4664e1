//! Pages that are phones, and whether they are there (rows Q10, Q24): an agent's presence hangs on a live connection. A page that
//! is gone is offered nothing; gone for long enough its agent is logged out, unless a talk keeps it. Phones on desks are judged
//! by their registrations alone.

use std::collections::BTreeMap;

use hotline::queue::Order;
use hotline::{Mono, TenantId};

use crate::floors::AgentOrder;
use crate::node::{Node, Output};

/// How long a page may be gone before its agent is logged out, unless it is said. Longer than a talk waits for its page.
const GONE_MS: u64 = 25_000;

/// Who is reached by a page, or was until lately.
#[derive(Debug)]
pub(crate) struct Pages {
    /// Whose they are is known from when they were reached: a phone that was deleted meanwhile is nobody's.
    here: BTreeMap<String, TenantId>,
    /// Those who may come back.
    gone: BTreeMap<String, Gone>,
    gone_ms_max: u64,
}

/// A page that is not there.
#[derive(Clone, Debug)]
struct Gone {
    tenant: TenantId,
    since: Mono,
}

impl Default for Pages {
    fn default() -> Pages {
        Pages { here: BTreeMap::new(), gone: BTreeMap::new(), gone_ms_max: GONE_MS }
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
        self.here.contains_key(user) || self.gone.contains_key(user)
    }

    /// Somebody was reached by a page when an earlier process ended.
    pub fn was_here(&mut self, user: &str, tenant: TenantId, now: Mono) {
        self.gone.insert(user.to_owned(), Gone { tenant, since: now });
    }

    /// Looks at where a user is reached now: by a page of this enterprise, or by something else.
    fn look(
        &mut self,
        user: &str,
        page_of: Option<TenantId>,
        reached: bool,
        now: Mono,
    ) -> Option<(Turn, TenantId)> {
        let by_page = page_of.is_some();
        if let Some(tenant) = page_of {
            self.here.insert(user.to_owned(), tenant);
        }
        if reached {
            if !by_page {
                self.here.remove(user);
            }
            return self.gone.remove(user).map(|gone| (Turn::Back, gone.tenant));
        }
        let tenant = self.here.remove(user)?;
        self.gone.insert(user.to_owned(), Gone { tenant: tenant.clone(), since: now });
        Some((Turn::Left, tenant))
    }

    fn all_here(&self) -> Vec<String> {
        self.here.keys().cloned().collect()
    }

    /// Those who were gone for as long as may be, with whose they were.
    fn lost(&self, now: Mono) -> Vec<(String, TenantId)> {
        let is_lost = |(_, gone): &(&String, &Gone)| now.since_ms(gone.since) >= self.gone_ms_max;
        self.gone.iter().filter(is_lost).map(|(user, gone)| (user.clone(), gone.tenant.clone())).collect()
    }

    /// Those of an enterprise that are gone.
    fn gone_of(&self, tenant: &TenantId) -> Vec<String> {
        let of_tenant = self.gone.iter().filter(|(_, gone)| gone.tenant == *tenant);
        of_tenant.map(|(user, _)| user.clone()).collect()
    }
}

impl Node {
    /// Something changed in where a phone is reached.
    pub(crate) fn look_at_page(&mut self, user: &str) {
        let now = self.now;
        let reached = self.phones.reached(user, now.mono);
        let by_page = reached.iter().any(crate::phones::is_browser);
        let page_of = self.phones.of(user).filter(|_| by_page).map(|(tenant, _)| tenant);
        let turn = self.phones.pages.look(user, page_of, !reached.is_empty(), now.mono);
        let Some((turn, tenant)) = turn else { return };
        let Some(floor) = self.books.tenant(&tenant).and_then(|tenant| tenant.known_floor_mut()) else {
            return;
        };
        match turn {
            Turn::Left => floor.page_gone(user, now),
            Turn::Back => floor.page_back(user, now),
        }
        self.floors.hear(&tenant, floor, self.now);
    }

    /// An enterprise came into memory: its floor is told which pages are gone.
    pub(crate) fn tell_pages(&mut self, tenant: &TenantId) {
        let gone = self.phones.pages.gone_of(tenant);
        let Some(known) = self.books.tenant(tenant).filter(|_| !gone.is_empty()) else { return };
        let floor = known.floor_mut();
        gone.iter().for_each(|user| floor.page_gone(user, self.now));
        self.floors.hear(tenant, floor, self.now);
    }

    /// Looks for pages whose registrations ended by themselves, and logs out whose page was gone for too long.
    pub(crate) fn look_at_pages(&mut self) {
        for user in self.phones.pages.all_here() {
            self.look_at_page(&user);
        }
        for (user, tenant) in self.phones.pages.lost(self.now.mono) {
            self.lose(&user, &tenant);
        }
    }

    /// Whoever has the page's phone is logged out. A phone that was deleted meanwhile is nobody's, and its enterprise waits
    /// for its page no longer: one that is made anew by that name is another.
    fn lose(&mut self, user: &str, tenant: &TenantId) {
        let now = self.now;
        if let Some(known) = self.books.tenant(tenant) {
            if known.lines_in_use(user) > 0 {
                return;
            }
            if let Some(floor) = known.known_floor_mut() {
                let in_call = floor.lose(user, now).is_err();
                self.floors.hear(tenant, floor, self.now);
                if in_call {
                    return;
                }
                known.next_turn();
            }
        }
        if let Some((tenant, extension)) = self.phones.of(user) {
            self.outputs.push_back(Output::PageGone { tenant, extension });
        }
        self.phones.pages.gone.remove(user);
        let kept = self.phones.kept_of(user, now);
        self.outputs.extend(kept.map(Box::new).map(Output::Phone));
    }

    /// Whether a phone is reached anywhere now, by the name it logs in by.
    pub fn reaches(&self, user: &str) -> bool {
        !self.phones.reached(user, self.now.mono).is_empty()
    }

    /// Whether what the platform wants of an agent is still so: a page that came back meanwhile is not lost.
    pub(crate) fn is_stale(&self, asked: &AgentOrder) -> bool {
        let phone_of = |one: &&hotline::queue::AgentRules| *one.number == *asked.number;
        let phone = asked.staff.agents.iter().find(phone_of).map(|one| one.phone.clone());
        asked.order == Order::Lost && phone.is_none_or(|phone| self.reaches(&phone))
    }
}
