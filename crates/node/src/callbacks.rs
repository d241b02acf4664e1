//! Callbacks that are dialled (rows Q15, K07): requests are brought into memory, stand in their queues' lines, and have a call
//! once an agent is offered one. Who is called when is decided in `hotline`; a request without a call costs no port and no line.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hotline::call::{Arrival, Call, Desk, Early, Event};
use hotline::callback::Request;
use hotline::queue::{Left, Told};
use hotline::tenant::Lines;
use hotline::{CallId, Hotline, HotlineNumber, Mono, Now, TenantId};

use crate::directory::{Found, Place};
use crate::node::{Node, Notice, Output};
use crate::slot::{Side, Slot, SlotId};

/// What is not told is asked for again after this long.
const ASK_AGAIN_MS: u64 = 5_000;
/// After a failed write of the journal nobody is called back for so long.
const REST_MS: u64 = 5_000;
/// Max-Forwards of a call that begins here (RFC 3261 8.1.1.6).
const MAX_FORWARDS: u8 = 70;

/// What a node knows of callbacks beside its tenants.
#[derive(Debug, Default)]
pub(crate) struct Callbacks {
    /// Enterprises in memory that have open requests.
    tenants: BTreeSet<TenantId>,
    /// Whose each place in a line is that has no call yet.
    lines: BTreeMap<CallId, TenantId>,
    /// Numbers with open requests whose enterprise or rules are not in memory, and when each was asked for last.
    awaited: BTreeMap<HotlineNumber, Option<Mono>>,
    /// Nobody is called back before: the journal failed.
    rests_until: Option<Mono>,
}

impl Callbacks {
    /// An enterprise in memory has an open request.
    pub fn know(&mut self, tenant: &TenantId) {
        if !self.tenants.contains(tenant) {
            self.tenants.insert(tenant.clone());
        }
    }
}

impl Node {
    /// Numbers whose callers are to be called back: nobody need call one of them before that happens.
    pub fn recall_callbacks(&mut self, numbers: impl IntoIterator<Item = HotlineNumber>) {
        for number in numbers {
            self.callbacks.awaited.entry(number).or_default();
        }
    }

    /// What a tenant that came into memory has open.
    pub(crate) fn know_requests(&mut self, number: HotlineNumber, tenant: &TenantId) {
        if !self.books.knows(tenant) {
            return;
        }
        self.callbacks.awaited.remove(&number);
        if self.books.peek(tenant).is_some_and(|known| !known.requests().is_empty()) {
            self.callbacks.know(tenant);
        }
    }

    /// Once a second: requests into their lines and out of them.
    pub(crate) fn line_up_callbacks(&mut self) {
        self.ask_for_awaited();
        for tenant in self.callbacks.tenants.clone() {
            self.line_up_callbacks_of(&tenant);
        }
        // Whoever was offered one at once has its call in this very turn.
        self.serve_floors();
    }

    fn ask_for_awaited(&mut self) {
        let now = self.now.mono;
        let is_due = |asked: &Option<Mono>| asked.is_none_or(|at| now.since_ms(at) >= ASK_AGAIN_MS);
        let awaited = self.callbacks.awaited.iter();
        let due: Vec<HotlineNumber> =
            awaited.filter(|(_, asked)| is_due(asked)).map(|(number, _)| *number).collect();
        for number in due {
            let (tenant, version, place, body) = match self.directory.find(number) {
                Found::Warm(hotline) => (hotline.tenant.clone(), hotline.version, Place::default(), false),
                Found::Cold(entry) => (entry.tenant, entry.version, entry.place, true),
                // Nobody holds the number any more: nobody is called for it.
                Found::Unassigned => {
                    self.callbacks.awaited.remove(&number);
                    continue;
                }
            };
            self.books.forget_provisional(&tenant);
            if !body && self.books.knows(&tenant) {
                self.know_requests(number, &tenant);
                continue;
            }
            self.callbacks.awaited.insert(number, Some(now));
            // No input of the turn asks for it.
            let (account, input) = (!self.books.knows(&tenant), usize::MAX);
            self.outputs.push_back(Output::Load { number, tenant, version, place, body, account, input });
        }
    }

    fn line_up_callbacks_of(&mut self, tenant: &TenantId) {
        let now = self.now;
        let (paused, (hotlines, gone)) = (self.calls_nobody_back(), self.hotlines_of_requests(tenant));
        gone.into_iter().for_each(|request| self.end_callback(tenant, request));
        let Some(known) = self.books.tenant(tenant).filter(|known| !known.requests().is_empty()) else {
            self.callbacks.tenants.remove(tenant);
            return;
        };
        let floor = known.floor_mut();
        hotlines.iter().filter_map(|hotline| hotline.staff.as_ref()).for_each(|staff| {
            floor.take_staff(staff, now);
        });
        let met = hotlines.iter().map(|hotline| hotline.number).collect();
        let (by_call, chance) = (&self.by_call, &mut self.chance);
        let mut lines = Lines {
            met: &met,
            knows_queues: hotlines.iter().any(|hotline| hotline.staff.is_some()),
            years: &self.holidays,
            paused,
            is_up: &|call| by_call.contains_key(&call),
            draw: &mut || {
                let low = u128::from(chance.draw()) << 64 | u128::from(chance.draw());
                (CallId::at(now.wall.0, low), chance.draw())
            },
        };
        let lined_up = known.line_up(&mut lines, now);
        self.callbacks.lines.extend(lined_up.began.into_iter().map(|call| (call, tenant.clone())));
        if let Some(known) = self.books.tenant(tenant) {
            let waits = |call: &CallId| known.floor().is_some_and(|floor| floor.is_waiting(*call));
            self.callbacks.lines.retain(|call, of| of != tenant || waits(call));
            self.floors.hear(tenant, known.floor_mut(), self.now);
        }
        lined_up.over.into_iter().for_each(|request| self.give_callback_up(tenant, request));
    }

    /// Whether nobody is called back now.
    fn calls_nobody_back(&self) -> bool {
        let rests = self.callbacks.rests_until.is_some_and(|until| self.now.mono < until);
        self.drained || self.journal_low || rests
    }

    /// The journal failed: what begins now would end at once, so that nobody stands in a line for a while.
    pub(crate) fn rest_callbacks(&mut self) {
        self.callbacks.rests_until = Some(self.now.mono + REST_MS);
        let lines: Vec<(CallId, TenantId)> =
            self.callbacks.lines.iter().map(|(call, tenant)| (*call, tenant.clone())).collect();
        lines.into_iter().for_each(|(call, tenant)| self.leave_line(&tenant, call));
    }

    /// The rules of the numbers that requests came by; those that are cold are asked for. Beside them the requests by numbers that
    /// the enterprise holds no more: the store has handed them to people with the change.
    fn hotlines_of_requests(&mut self, tenant: &TenantId) -> (Vec<Arc<Hotline>>, Vec<CallId>) {
        let mut by_number: BTreeMap<HotlineNumber, Vec<CallId>> = BTreeMap::new();
        let requests = self.books.peek(tenant).into_iter().flat_map(|known| known.requests().iter());
        requests.for_each(|(request, _)| by_number.entry(request.hotline).or_default().push(request.id));
        let (mut warm, mut gone) = (Vec::new(), Vec::new());
        for (number, requests) in by_number {
            match self.directory.find(number) {
                Found::Warm(hotline) if hotline.tenant == *tenant => warm.push(hotline),
                Found::Cold(entry) if entry.tenant == *tenant => {
                    self.callbacks.awaited.entry(number).or_default();
                }
                Found::Warm(_) | Found::Cold(_) | Found::Unassigned => gone.extend(requests),
            }
        }
        (warm, gone)
    }

    /// What a floor tells a place in a line that has no call yet.
    pub(crate) fn told_in_line(&mut self, call: CallId, told: Told) {
        let Some(tenant) = self.callbacks.lines.get(&call).cloned() else { return };
        match told {
            Told::Offer { .. } => self.begin_callback(&tenant, call, told),
            Told::Empty | Told::Withdrawn => self.leave_line(&tenant, call),
            // Its needs are the floor's business.
            Told::Relaxed { .. } => {}
        }
    }

    fn leave_line(&mut self, tenant: &TenantId, call: CallId) {
        self.callbacks.lines.remove(&call);
        let now = self.now;
        let Some(known) = self.books.tenant(tenant) else { return };
        if let Some(request) = known.requests().of_call(call).map(|request| request.id) {
            known.requests_mut().set_call(request, None);
        }
        let floor = known.floor_mut();
        floor.leave(call, Left::SentOn, now);
        self.floors.hear(tenant, floor, self.now);
    }

    /// An agent is offered a callback: it has a call from now on.
    fn begin_callback(&mut self, of: &TenantId, id: CallId, told: Told) {
        let now = self.now.mono;
        let requests =
            self.books.peek(of).map(|known| known.requests()).filter(|requests| !requests.rests(now));
        let request = requests.and_then(|requests| requests.of_call(id)).cloned();
        // Who asked and the agent need a port each.
        let room = !self.calls_nobody_back() && self.ports.iter().any(|shard| shard.len() >= 2);
        let Some(request) = request.filter(|_| room) else { return self.leave_line(of, id) };
        match self.directory.find(request.hotline) {
            Found::Warm(hotline) if hotline.tenant == *of => {
                self.callbacks.lines.remove(&id);
                if let Some(place) = self.begin_for(id, &request, hotline, Call::call_back) {
                    self.tell(place, Event::Queue(told));
                }
            }
            Found::Warm(_) | Found::Cold(_) | Found::Unassigned => self.leave_line(of, id),
        }
    }

    /// A request is never to be dialled again: a call that rings nobody says so in the journal.
    fn give_callback_up(&mut self, of: &TenantId, id: CallId) {
        let request = self.books.peek(of).and_then(|known| known.requests().get(id));
        let Some(request) = request.map(|(_, request)| request.clone()) else { return };
        if let Found::Warm(hotline) = self.directory.find(request.hotline)
            && hotline.tenant == *of
        {
            let low = u128::from(self.chance.draw()) << 64 | u128::from(self.chance.draw());
            let call = CallId::at(self.now.wall.0, low);
            self.begin_for(call, &request, hotline, Call::give_callback_up);
        }
    }

    /// Begins a call for a request; its first facts are journalled before any phone rings.
    fn begin_for(
        &mut self,
        id: CallId,
        request: &Request,
        hotline: Arc<Hotline>,
        begin: fn(Arrival, &Request, &mut Desk<'_>, Now) -> Call,
    ) -> Option<SlotId> {
        let now = self.now;
        let (tenant, tariffs) = (hotline.tenant.clone(), self.tariffs.clone());
        let (number, caller, trunk): (_, _, Arc<str>) = (hotline.number, request.number.clone(), "".into());
        let began = Notice::Began { call: id, number, caller: caller.clone(), trunk: trunk.clone() };
        self.outputs.push_back(Output::Notice(began));
        let arrival = Arrival {
            id,
            hotline,
            region: self.regions.locate(&caller),
            caller,
            withheld: false,
            trunk,
            early: Early { media: false, keys: false, ms_max: None },
            seed: self.chance.draw(),
            refused: None,
        };
        let known = self.books.tenant(&tenant)?;
        let trunks = &mut self.carriers.view;
        let mut desk = Desk { tenant: known, trunks, tariffs: &tariffs, years: &self.holidays };
        let call = begin(arrival, request, &mut desk, now);
        let place = self.slots.insert(|slot| Slot {
            max_forwards: MAX_FORWARDS,
            ..Slot::begun(id, call, slot.generation, Side::default(), tariffs)
        });
        self.by_call.insert(id, place);
        self.with_call(place, |_, _, _| {});
        Some(place)
    }

    /// Somebody saw to a request: no call is made for it any more (row K07).
    pub(crate) fn end_callback(&mut self, tenant: &TenantId, request: CallId) {
        let Some(known) = self.books.tenant(tenant) else { return };
        known.close_request(request);
        if let Some(floor) = known.known_floor_mut() {
            self.floors.hear(tenant, floor, self.now);
        }
    }

    /// A number wants no callbacks, or wants them again (row K07).
    pub(crate) fn stop_callbacks(&mut self, tenant: &TenantId, number: &str, on: bool) {
        let Some(known) = self.books.tenant(tenant) else { return };
        known.stop_callbacks(number, on);
        if let Some(floor) = known.known_floor_mut() {
            self.floors.hear(tenant, floor, self.now);
        }
    }

    /// Nobody is called back while the node drains: who still waits for an agent stands in line again after it.
    pub(crate) fn put_callbacks_off(&mut self) {
        let waits = |call: &Call| call.is_waiting() && call.is_calling_back();
        let waiting: Vec<_> =
            self.slots.iter().filter(|(_, slot)| waits(&slot.call)).map(|(id, _)| id).collect();
        waiting.into_iter().for_each(|id| self.tell(id, Event::Queue(Told::Withdrawn)));
    }

    /// Whether this is the leg of a call's caller.
    pub fn is_of_caller(&self, leg: crate::media::MediaLeg) -> bool {
        self.of_media(leg).1 == hotline::call::CALLER
    }

    /// Who asked to be called back answered: that leg is the caller's.
    pub(crate) fn become_caller(&mut self, id: SlotId, leg: hotline::call::LegNo) {
        let Some(slot) = self.slots.get_mut(id) else { return };
        if let Some(sip) = slot.become_caller(leg) {
            self.by_leg.insert(sip, (id, hotline::call::CALLER));
        }
    }
}
