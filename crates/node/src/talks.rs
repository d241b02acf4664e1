//! What happens to a talk once somebody answered: orders of people, holds of phones, legs joined with each other. What follows
//! from it is decided in `hotline::call`.

use std::sync::Arc;

use hotline::call::{CALLER, Event, LegNo, NotObeyed, Ordered, TalkOrder, Target};
use hotline::enterprise::{DestinationKind, phone_user};
use hotline::queue::Staff;
use hotline::{CallId, TenantId};

use crate::media;
use crate::node::{Node, Output};
use crate::slot::SlotId;

/// An order about a call that is up. What cannot be obeyed was refused before it came here; what cannot be obeyed any more
/// changes nothing.
#[derive(Clone, Debug)]
pub struct CallOrder {
    /// The enterprise whose call it is.
    pub tenant: TenantId,
    /// Its agents and queues as its document says now: who is named need not have been called yet.
    pub staff: Arc<Staff>,
    /// The call.
    pub call: CallId,
    /// What is to be done.
    pub order: TalkOrder,
    /// Who wants it.
    pub by: String,
}

impl Node {
    pub(crate) fn obey_about_call(&mut self, asked: CallOrder) {
        let now = self.now;
        let CallOrder { tenant, staff, call, order, by } = asked;
        let Some(id) = self.by_call.get(&call).copied() else { return };
        if self.slots.get(id).is_none_or(|slot| slot.call.hotline().tenant != tenant) {
            return;
        }
        if let Some(known) = self.books.tenant(&tenant).filter(|_| !staff.agents.is_empty()) {
            let floor = known.floor_mut();
            floor.take_staff(&staff, now);
            self.floors.hear(&tenant, floor, self.now);
        }
        self.tell(id, Event::Ordered(Box::new(Ordered { order, by: by.into() })));
    }

    /// A phone asks by REFER that its caller goes to somebody else (RFC 3515). Where it may, that is an order as an agent's;
    /// the phone is told of success as soon as the caller has left it, since its own leg ends with that.
    pub(crate) fn referred(&mut self, id: SlotId, number: LegNo, leg: sip::LegId, refer: &sip::Referring) {
        let now_ms = self.now.mono.0;
        let (target, by) = match self.referred_to(id, number, refer) {
            Ok(found) => found,
            Err(status) => return self.endpoint.refuse_refer(leg, status, now_ms),
        };
        self.endpoint.accept_refer(leg, now_ms);
        let order = TalkOrder::Transfer(target);
        self.tell(id, Event::Ordered(Box::new(Ordered { order, by })));
        let stays = self.slots.get(id).is_some_and(|slot| slot.call.is_talk_of(number));
        self.endpoint.notify_refer(leg, if stays { 503 } else { 200 }, now_ms);
    }

    /// Where a REFER leads and whose it is, or the status it is refused with.
    fn referred_to(
        &mut self,
        id: SlotId,
        number: LegNo,
        refer: &sip::Referring,
    ) -> Result<(Target, Arc<str>), u16> {
        let slot = self.slots.get(id).filter(|_| number != CALLER).ok_or(603u16)?;
        let phone = slot.call.destination_of(number);
        let is_allowed = phone.kind == DestinationKind::Extension && self.phones.may_refer(&phone.number);
        // Which talk would be replaced is the business of who has both: this phone dials nobody here.
        if !is_allowed || refer.replaces {
            return Err(603);
        }
        let by = phone.number.clone();
        let mut found = Err(NotObeyed::NotNow);
        let is_phone = self.phones.is_known(&phone_user(&slot.call.hotline().tenant, &refer.user));
        self.with_call(id, |call, desk, now| {
            found = call.dialled(number, &refer.user, is_phone, desk, now.mono);
        });
        found.map(|target| (target, by)).map_err(|why| match why {
            NotObeyed::Unknown => 404,
            NotObeyed::Busy => 486,
            NotObeyed::NotAllowed => 603,
            NotObeyed::NoCapacity
            | NotObeyed::NotNow
            | NotObeyed::NoWay
            | NotObeyed::NoSurvey
            | NotObeyed::Unrated(_) => 480,
        })
    }

    /// The far end described its media anew: the call is told if it holds now, or comes back.
    pub(crate) fn tell_hold(&mut self, id: SlotId, number: LegNo, before: bool) {
        let side = self.slots.get(id).and_then(|slot| slot.side(number));
        let on = side.and_then(|side| side.theirs.as_ref()).is_some_and(sip::sdp::Sdp::on_hold);
        if on != before {
            self.tell(id, Event::Held { leg: number, on });
        }
    }

    /// Two outgoing legs hear each other; the caller hears neither.
    pub(crate) fn bridge_legs(&mut self, id: SlotId, a: LegNo, b: LegNo) {
        if let (Some(a), Some(b)) = (self.media_leg_of(id, a), self.media_leg_of(id, b)) {
            self.outputs.push_back(Output::Media(media::Command::Bridge { a, b }));
        }
    }

    /// A leg hears the sum of others.
    pub(crate) fn hear_others(&mut self, id: SlotId, leg: LegNo, others: &[LegNo]) {
        let hears = others.iter().filter_map(|other| self.open_leg_of(id, *other)).collect();
        if let Some(leg) = self.open_leg_of(id, leg) {
            self.outputs.push_back(Output::Media(media::Command::Mix { leg, hears }));
        }
    }

    /// The media leg of a side, unless it is closing.
    fn open_leg_of(&self, id: SlotId, leg: LegNo) -> Option<media::MediaLeg> {
        let side = self.slots.get(id)?.side(leg).filter(|side| !side.closing)?;
        side.media.map(|(leg, _)| leg)
    }

    pub(crate) fn record_with(&mut self, id: SlotId, leg: Option<LegNo>) {
        let Some(call) = self.slots.get(id).map(|slot| slot.id.0) else { return };
        let right = leg.and_then(|leg| self.media_leg_of(id, leg));
        self.outputs.push_back(Output::Media(media::Command::RecordRight { call, right }));
    }

    /// The call's recording keeps nothing, or goes on (row V09).
    pub(crate) fn pause_recording(&mut self, id: SlotId, on: bool) {
        let Some(call) = self.slots.get(id).map(|slot| slot.id.0) else { return };
        self.outputs.push_back(Output::Media(media::Command::PauseRecord { call, on }));
    }
}
