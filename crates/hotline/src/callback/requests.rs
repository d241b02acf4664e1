//! The open requests of one enterprise: who is to be called back, by which queue, how often it was tried, and which call is at
//! it. One request has one call at most. It refuses to know queues and calls.

use std::collections::{BTreeMap, BTreeSet};

use crate::settlement::TenantState;
use crate::{CallId, HotlineNumber, Mono, Wall};

/// Open requests of one enterprise; what is asked for beyond that is for people.
const REQUESTS_MAX: usize = 2_000;

/// So many open requests has one caller for numbers that are not its own: nobody has strangers called at will.
const OTHERS_MAX: usize = 3;
/// All who withhold their number together have more.
const OTHERS_OF_WITHHELD_MAX: usize = 20;

/// Somebody who is to be called back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The call that asked, which names it.
    pub id: CallId,
    /// The 400 number called.
    pub hotline: HotlineNumber,
    /// Its caller in national form, empty when withheld.
    pub caller: String,
    /// The number to call.
    pub number: String,
    /// The queue whose line it keeps its place in.
    pub queue: String,
    /// What it goes before others by, 0 to 9.
    pub priority: u8,
    /// When its wait began: the place that it keeps.
    pub since: Wall,
    /// Tries to reach the number so far.
    pub tries: u8,
    /// It is not tried before.
    pub next_at: Wall,
}

impl Request {
    /// As it is kept over a restart.
    pub fn write(&self) -> String {
        let Self { id, hotline, caller, number, queue, priority, since, tries, next_at } = self;
        format!("{id};{hotline};{caller};{number};{priority};{};{tries};{};{queue}", since.0, next_at.0)
    }

    /// Takes back what was kept; `None` for an emptied place, and for what this version does not know.
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = text.splitn(9, ';');
        let mut part = || parts.next();
        Some(Self {
            id: part()?.parse().ok()?,
            hotline: part()?.parse().ok()?,
            caller: part()?.to_owned(),
            number: part()?.to_owned(),
            priority: part()?.parse().ok()?,
            since: Wall(part()?.parse().ok()?),
            tries: part()?.parse().ok()?,
            next_at: Wall(part()?.parse().ok()?),
            queue: part()?.to_owned(),
        })
    }
}

/// A request with the call that is at it.
#[derive(Clone, Debug)]
struct Open {
    request: Request,
    call: Option<CallId>,
}

/// The open requests of one enterprise, and the numbers that want none.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    open: BTreeMap<u16, Open>,
    stopped: BTreeSet<Box<str>>,
    /// What is kept of the enterprise is not known: neither who is to be called back nor who wants no calls.
    unknown: bool,
    /// Those that somebody saw to lately: what a call of theirs left in the journal opens them no more.
    ended: BTreeSet<CallId>,
    /// None is dialled before: money, a cap or a freeze stood against one of them.
    rests_until: Option<Mono>,
}

impl Requests {
    /// Takes a request; the place it is kept at. `None` where the number wants none, too many are open, or it is not known which:
    /// such a request is for people.
    pub fn open(&mut self, request: Request) -> Option<u16> {
        if self.unknown || self.is_stopped(&request.number) || self.open.len() >= REQUESTS_MAX {
            return None;
        }
        let place = (0..).find(|place| !self.open.contains_key(place))?;
        self.open.insert(place, Open { request, call: None });
        Some(place)
    }

    /// Puts back what was kept at a place.
    pub fn put(&mut self, place: u16, request: Option<Request>) {
        match request.filter(|request| !self.unknown && !self.ended.contains(&request.id)) {
            Some(request) => _ = self.open.insert(place, Open { request, call: None }),
            None => _ = self.open.remove(&place),
        }
    }

    /// None is taken in, for what is kept of the enterprise could not be had (FAULTS F3).
    pub fn know_nothing(&mut self) {
        self.unknown = true;
    }

    /// Whether a caller may ask for one more number that is not its own.
    pub fn may_name_another(&self, caller: &str) -> bool {
        let others =
            self.iter().filter(|(request, _)| request.caller == caller && request.number != request.caller);
        others.count() < if caller.is_empty() { OTHERS_OF_WITHHELD_MAX } else { OTHERS_MAX }
    }

    /// Somebody saw to a request before this node began.
    pub fn end(&mut self, id: CallId) {
        self.ended.insert(id);
        self.open.retain(|_, open| open.request.id != id);
    }

    /// Puts a number on the stop list, or takes it off (row K07).
    pub fn stop(&mut self, number: &str, on: bool) {
        match on {
            true => _ = self.stopped.insert(number.into()),
            false => _ = self.stopped.remove(number),
        }
    }

    /// Whether a number is on the stop list.
    pub fn is_stopped(&self, number: &str) -> bool {
        self.stopped.contains(number)
    }

    /// None is dialled for a while.
    pub fn rest_until(&mut self, until: Mono) {
        self.rests_until = Some(until);
    }

    /// Whether none is dialled now.
    pub fn rests(&self, now: Mono) -> bool {
        self.rests_until.is_some_and(|until| now < until)
    }

    /// The open requests, each with the call that is at it.
    pub fn iter(&self) -> impl Iterator<Item = (&Request, Option<CallId>)> {
        self.open.values().map(|open| (&open.request, open.call))
    }

    /// Whether none is open.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// A request with its place.
    pub fn get(&self, id: CallId) -> Option<(u16, &Request)> {
        let (place, open) = self.open.iter().find(|(_, open)| open.request.id == id)?;
        Some((*place, &open.request))
    }

    /// The open request for a number.
    pub fn of_number(&self, number: &str) -> Option<&Request> {
        self.open.values().map(|open| &open.request).find(|request| request.number == number)
    }

    /// The request that a call is at.
    pub fn of_call(&self, call: CallId) -> Option<&Request> {
        self.open.values().find(|open| open.call == Some(call)).map(|open| &open.request)
    }

    /// A call is at a request from now on, or none any more.
    pub fn set_call(&mut self, id: CallId, call: Option<CallId>) {
        if let Some(open) = self.open.values_mut().find(|open| open.request.id == id) {
            open.call = call;
        }
    }

    /// A request after a try, or put off: its place and what is kept of it.
    pub fn put_off(&mut self, id: CallId, tries: u8, next_at: Wall) -> Option<(u16, String)> {
        let (place, open) = self.open.iter_mut().find(|(_, open)| open.request.id == id)?;
        (open.request.tries, open.request.next_at) = (tries, next_at);
        Some((*place, open.request.write()))
    }

    /// A request is over: its place, and the call that is at it.
    pub fn close(&mut self, id: CallId) -> Option<(u16, Option<CallId>)> {
        let place = self.get(id)?.0;
        self.open.remove(&place).map(|open| (place, open.call))
    }
}

/// The remembered request at a place; an emptied place without one.
pub fn request_state(place: u16, value: &str, turn: u64) -> TenantState {
    TenantState { key: format!("callback/{place}"), value: value.to_owned(), position: turn }
}

/// A number on the stop list, as a tenant is told of it. The list has its own table: nothing of it is kept as a state.
pub fn stop_state(number: &str) -> TenantState {
    TenantState { key: format!("stop/{number}"), value: "1".to_owned(), position: 0 }
}

/// A request that somebody saw to lately, as a tenant is told of it; requests have their own table, too.
pub fn ended_state(request: CallId) -> TenantState {
    TenantState { key: format!("ended/{request}"), value: "1".to_owned(), position: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(id: u128, number: &str) -> Request {
        Request {
            id: CallId(id),
            hotline: HotlineNumber::from_suffix(6_010_114).expect("seven digits"),
            caller: "13510001001".into(),
            number: number.into(),
            queue: "售后;一线".into(),
            priority: 3,
            since: Wall(1_792_000_000_000),
            tries: 1,
            next_at: Wall(1_792_000_600_000),
        }
    }

    #[test]
    fn q15_a_request_is_read_back_as_it_was_kept() {
        let kept = request(7, "01062000001");
        assert_eq!(Request::read(&kept.write()), Some(kept));
        assert_eq!(Request::read(""), None);
    }

    #[test]
    fn q15_places_are_used_again_and_a_stopped_number_has_none() {
        let mut requests = Requests::default();
        assert_eq!(requests.open(request(1, "13800138000")), Some(0));
        assert_eq!(requests.open(request(2, "13800138001")), Some(1));
        requests.set_call(CallId(1), Some(CallId(9)));
        assert_eq!(requests.of_call(CallId(9)).map(|request| request.id), Some(CallId(1)));
        assert_eq!(requests.close(CallId(1)), Some((0, Some(CallId(9)))));
        assert_eq!(requests.close(CallId(1)), None);
        requests.stop("13800138002", true);
        assert_eq!(requests.open(request(3, "13800138002")), None);
        requests.stop("13800138002", false);
        assert_eq!(requests.open(request(3, "13800138002")), Some(0));
        assert_eq!(requests.of_number("13800138001").map(|request| request.id), Some(CallId(2)));
        // Who asked for it rings by the line of a whole firm.
        assert_eq!(requests.of_number("13510001001"), None);
    }
}
