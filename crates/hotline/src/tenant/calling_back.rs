//! Requests for callbacks in the lines of their queues (rows Q15, K07): in while their hours are open and nothing stands
//! against them, out otherwise. Who is called by whom is decided on the floor, as for any caller.

use std::collections::BTreeSet;

use super::Tenant;
use crate::calendar::HolidayYears;
use crate::callback::{Request, Requests, kind_of};
use crate::number::may_be_dialled;
use crate::queue::{CallbackDial, Floor, LineUp};
use crate::{CallId, HotlineNumber, Now};

/// Nobody is called back this long after the wait began: three days.
const AGE_MS_MAX: i64 = 3 * 86_400_000;
/// So many requests of an enterprise are given up in one turn; the others follow.
const GIVEN_UP_MAX: usize = 16;

/// What requests are lined up by beside the rules.
pub struct Lines<'a> {
    /// The holidays in force.
    pub years: &'a HolidayYears,
    /// Whether nobody is to be called now: the node drains, or its journal failed just now.
    pub paused: bool,
    /// The numbers whose rules were met just now: of others nobody knows who calls back.
    pub met: &'a BTreeSet<HotlineNumber>,
    /// Whether one of them tells of queues: else a queue that is not known may be there all the same.
    pub knows_queues: bool,
    /// Whether a call is up.
    pub is_up: &'a dyn Fn(CallId) -> bool,
    /// The id and the seed of a new call.
    pub draw: &'a mut dyn FnMut() -> (CallId, u64),
}

/// What came of lining up.
#[derive(Debug, Default)]
pub struct LinedUp {
    /// Calls that stand in a line now and did not before.
    pub began: Vec<CallId>,
    /// Requests that are never to be dialled again: a call gives each up, since a journal has no facts but those of calls.
    pub over: Vec<CallId>,
}

impl Tenant {
    /// Who is to be called back.
    pub fn requests(&self) -> &Requests {
        &self.requests
    }

    /// Who is to be called back, to be changed.
    pub fn requests_mut(&mut self) -> &mut Requests {
        &mut self.requests
    }

    /// How the queue of a request calls back, if it does.
    pub fn dials_back(&self, queue: &str) -> Option<&CallbackDial> {
        dials_back(self.floor.as_deref()?, queue)
    }

    /// Whether a request may be dialled at an instant: its hours are open, its number is not stopped (row K07).
    pub fn may_call_back(&self, request: &Request, now: Now, years: &HolidayYears) -> bool {
        let open = |dial: &CallbackDial| dial.hours.at(now.wall.beijing(), years).open;
        self.dials_back(&request.queue).is_some_and(open) && !self.requests.is_stopped(&request.number)
    }

    /// Whether a request is never to be dialled again, however that came: its queue calls nobody back any more, it was tried as
    /// often as that allows now, which a crash in its last try leaves behind, it is too old, or its number may not be dialled any
    /// more (FAULTS N7).
    fn is_over(&self, request: &Request, knows_queues: bool, now: Now) -> bool {
        let unknown = if knows_queues { 0 } else { u8::MAX };
        let most = self.dials_back(&request.queue).map_or(unknown, |dial| dial.tries);
        let is_old = now.wall.0 - request.since.0 > AGE_MS_MAX;
        request.tries >= most || is_old || may_be_dialled(kind_of(&request.number), &request.number).is_err()
    }

    /// Takes requests whose time has come into their queues' lines, whoever has waited longest first, and others out of them.
    /// Whoever has a call that is up is left to it.
    pub fn line_up(&mut self, lines: &mut Lines<'_>, now: Now) -> LinedUp {
        let mut all: Vec<(Request, Option<CallId>)> =
            self.requests.iter().map(|(request, call)| (request.clone(), call)).collect();
        all.sort_by_key(|(request, _)| (request.since, request.id));
        let mut lined_up = LinedUp::default();
        for (request, call) in all {
            if let Some(call) = call.filter(|call| (lines.is_up)(*call)) {
                // Who asked is with us by another call: an agent would ring a busy phone.
                let rings_in = self.calls_up_of(&request.number) > 1;
                if let Some(floor) = self.floor.as_deref_mut().filter(|_| rings_in) {
                    floor.withdraw_request(call);
                }
                continue;
            }
            // Who asked may still be on the line, and reach somebody yet.
            let asks = (lines.is_up)(request.id) || self.calls_up_of(&request.number) > 0;
            let met = lines.met.contains(&request.hotline);
            let over = !lines.paused && met && !asks && self.is_over(&request, lines.knows_queues, now);
            if over && lined_up.over.len() < GIVEN_UP_MAX {
                lined_up.over.push(request.id);
            }
            let rests = lines.paused || self.requests.rests(now.mono);
            let may = met && !rests && !asks && !over && self.may_call_back(&request, now, lines.years);
            let wanted = may && request.next_at <= now.wall;
            let Some(floor) = self.floor.as_deref_mut() else { continue };
            match call {
                Some(call) if !wanted || !floor.is_waiting(call) => {
                    floor.leave(call, crate::queue::Left::SentOn, now);
                    self.requests.set_call(request.id, None);
                }
                Some(_) => {}
                None if wanted && floor.takes_requests(&request.queue) => {
                    let (call, seed) = (lines.draw)();
                    let since = now.mono - (now.wall.0 - request.since.0).max(0) as u64;
                    let Request { number, priority, .. } = &request;
                    // The floor may offer it at once: whose it is has to be known before.
                    self.requests.set_call(request.id, Some(call));
                    floor.line_up(
                        &request.queue,
                        &LineUp { call, number, priority: *priority, since, seed },
                        now,
                    );
                    lined_up.began.push(call);
                }
                None => {}
            }
        }
        lined_up
    }

    /// A request is over, whatever became of it; a call that is at it is told. The place it was kept at.
    pub fn close_request(&mut self, id: CallId) -> Option<u16> {
        let (place, call) = self.requests.close(id)?;
        if let Some((call, floor)) = call.zip(self.floor.as_deref_mut()) {
            floor.withdraw_request(call);
        }
        Some(place)
    }

    /// A number wants no callbacks, and what is open for it is over; or it wants them again (row K07).
    pub fn stop_callbacks(&mut self, number: &str, on: bool) {
        self.requests.stop(number, on);
        let open = self.requests.iter().filter(|(request, _)| on && request.number == number);
        let open: Vec<CallId> = open.map(|(request, _)| request.id).collect();
        open.into_iter().for_each(|id| _ = self.close_request(id));
    }
}

fn dials_back<'f>(floor: &'f Floor, queue: &str) -> Option<&'f CallbackDial> {
    floor.queue_rules(queue)?.callback.as_ref()?.dial.as_deref()
}
