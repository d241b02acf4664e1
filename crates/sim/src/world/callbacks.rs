//! Requests for callbacks in a world: people see to some of them, numbers are stopped, and what must hold of those that are
//! dialled (rows Q15, K07, K06).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hotline::call::{Call, Fact};
use hotline::callback::Request;
use hotline::settlement::Settlement;
use hotline::tenant::Tenant;
use hotline::{CallId, TenantId};
use node::{Change, Input, Node};

use super::deeds::Deed;
use super::{Due, World};

/// Between two looks of people at the requests, on average.
pub(super) const LOOK_EVERY_MS: u64 = 300_000;
/// Once no new calls come the requests that are left are ended this often.
const END_EVERY_MS: u64 = 10_000;

impl World {
    /// Numbers with open requests, as the store tells a node that begins.
    pub(super) fn recall_callbacks(&self, node: &mut Node) {
        node.recall_callbacks(self.store.requests().map(|(_, request)| request.hotline));
    }

    /// Somebody calls back by hand, cancels, stops a number or permits one again; what the database would refuse is not asked.
    pub(super) fn somebody_sees_to_callbacks(&mut self) -> Result<(), String> {
        if self.clock < self.store.away_until {
            return Ok(());
        }
        let open: Vec<(TenantId, Request)> = self.store.requests().collect();
        if open.is_empty() {
            return Ok(());
        }
        let (tenant, request) = self.mover.pick(&open).clone();
        match self.mover.within(0, 3) {
            0 => self.stop_number(&tenant, &request.number, true),
            1 => self.stop_number(&tenant, &request.number, false),
            _ => self.end_request(&tenant, request.id),
        }
    }

    /// As the command does it: in the store, then in the running node.
    pub(super) fn end_request(&mut self, tenant: &TenantId, request: CallId) -> Result<(), String> {
        if !self.store.end_request(tenant, request) {
            return Ok(());
        }
        self.note(|| format!("somebody saw to the request {request}"));
        self.tell(Input::Change(Change::CallbackEnded { tenant: tenant.clone(), request }))
    }

    /// The same for a number of the stop list.
    pub(super) fn stop_number(&mut self, tenant: &TenantId, number: &str, on: bool) -> Result<(), String> {
        self.store.stop_number(tenant, number, on);
        self.note(|| format!("{number} {} callbacks", if on { "wants no" } else { "permits" }));
        let number = number.to_owned();
        self.tell(Input::Change(Change::CallbackStop { tenant: tenant.clone(), number, on }))
    }

    /// No new calls are to come: whoever still waits to be called back is called by nobody.
    pub(super) fn end_requests(&mut self) -> Result<(), String> {
        self.later(END_EVERY_MS, Due::Deed(Deed::EndRequests));
        let open: Vec<(TenantId, Request)> = self.store.requests().collect();
        for (tenant, request) in open {
            self.end_request(&tenant, request.id)?;
        }
        Ok(())
    }

    /// An INVITE to who is called back leaves: the request is open, its number wants it, and its hours are open. Once they talk
    /// an INVITE is to whom the talk goes.
    pub(super) fn check_called_back(&self, call: &Call) -> Result<(), String> {
        let Some((request, number)) = called_back(call).filter(|_| !call.is_answered()) else {
            return Ok(());
        };
        let node = self.node.as_ref().ok_or("an INVITE of a dead node")?;
        let tenant = &call.hotline().tenant;
        let known = node.tenant(tenant).ok_or("a callback of an enterprise that is not in memory")?;
        let fail = |what: &str| Err(format!("{number} is called back by {}: {what}", call.id()));
        if self.store.is_stopped(tenant, number) {
            return fail("its number is stopped (K07)");
        }
        if self.store.is_ended(request) {
            return fail("somebody saw to it before (Q15)");
        }
        match known.requests().get(request) {
            None => fail("the request is over (Q15)"),
            Some((_, open)) if known.may_call_back(open, self.now(), node.holidays()) => Ok(()),
            Some(_) => fail("not within its hours (K07)"),
        }
    }

    /// One call a request at most, and each request that a call is at knows it.
    pub(super) fn check_requests(&self, id: &TenantId, tenant: &Tenant, node: &Node) -> Result<(), String> {
        let mut at: BTreeMap<CallId, CallId> = BTreeMap::new();
        let live = |call: &&Call| call.hotline().tenant == *id && !call.is_ending() && call.is_calling_back();
        for call in node.calls().filter(live) {
            let Some((request, number)) = called_back(call) else { continue };
            if let Some(other) = at.insert(request, call.id()) {
                return Err(format!("{number} is called back by {other} and {} at once (Q15)", call.id()));
            }
        }
        let numbers: Vec<&str> = tenant.requests().iter().map(|(request, _)| &*request.number).collect();
        let distinct: BTreeSet<&&str> = numbers.iter().collect();
        if distinct.len() != numbers.len() {
            return Err(format!("{id}: a number has two open requests: {numbers:?} (Q15)"));
        }
        // With nothing on its way to the store the node knows every request that is open there, or a call that closed it: one that
        // it forgot nobody would call.
        if self.store.waiting() == 0 && !self.watch.provisional.contains(id) {
            let is_closed = |wanted: CallId| {
                let mut facts = node.calls().flat_map(|call| call.log()).map(|dated| &dated.fact);
                facts.any(|fact| matches!(fact, Fact::CallbackClosed { request, .. } if *request == wanted))
            };
            let is_known = |request: CallId| tenant.requests().get(request).is_some() || is_closed(request);
            let mut open = self.store.requests().filter(|(of, _)| of == id);
            if let Some((_, forgotten)) = open.find(|(_, request)| !is_known(request.id)) {
                return Err(format!("{id}: the node forgot the request {} (Q15)", forgotten.id));
            }
        }
        for (request, call) in tenant.requests().iter() {
            let Some(call) = call else { continue };
            let waits = tenant.floor().is_some_and(|floor| floor.is_waiting(call));
            if !waits && at.get(&request.id).is_none_or(|known| *known != call) {
                return Err(format!("{id}: {call} is at the request {} and nowhere else", request.id));
            }
        }
        Ok(())
    }

    /// Requests that the platform was to dial, calls made for them, and those that reached who asked.
    pub(super) fn called_back(&self) -> [u64; 3] {
        let is_own =
            |one: &&Arc<Settlement>| one.callbacks.iter().any(|change| change.request == one.record.call);
        let asked = self.store.records.values().filter(is_own).count();
        let calls = self.store.records.values().filter(|one| one.record.calls_back.is_some());
        let reached = calls.clone().filter(|one| one.record.answered_at.is_some());
        [asked as u64, calls.count() as u64, reached.count() as u64]
    }

    /// At the end: each request is done, given up, seen to by somebody, stopped, or open still.
    pub(super) fn check_requests_end(&self) -> Result<(), String> {
        let open: BTreeSet<CallId> = self.store.requests().map(|(_, request)| request.id).collect();
        let changes = self.store.records.values().flat_map(|one| &one.callbacks);
        let closed: BTreeSet<CallId> =
            changes.clone().filter(|change| change.how.is_some()).map(|change| change.request).collect();
        let lost = changes.map(|change| change.request).find(|request| {
            !open.contains(request) && !closed.contains(request) && !self.store.is_ended(*request)
        });
        match lost {
            Some(request) => Err(format!("the request {request} is lost (Q15)")),
            None => Ok(()),
        }
    }
}

/// Which request a call is for, and the number it calls.
fn called_back(call: &Call) -> Option<(CallId, &str)> {
    call.log().iter().find_map(|dated| match &dated.fact {
        Fact::CallsBack { request, number, .. } => Some((*request, &**number)),
        _ => None,
    })
}
