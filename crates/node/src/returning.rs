//! Pages that lose their connection in a talk (rows Q23, Q24): to the call it is as if they held it, and who comes back as the
//! same phone within a while goes on with the talk, in the same call and record.

use std::collections::BTreeMap;

use hotline::Mono;
use hotline::call::{Event, LegNo};
use sip::{Arriving, Hop, Replaces};

use crate::media::Srtp;
use crate::node::Node;
use crate::phones::Proven;
use crate::slot::SlotId;

/// How long a page may be away. A caller does not wait longer for somebody who does not come back.
const AWAY_MS: u64 = 15_000;

/// Legs whose pages are away, each with the instant it is given up.
pub(crate) type Away = BTreeMap<(SlotId, LegNo), Mono>;

impl Node {
    /// The connection is gone: whoever was reached by it is registered nowhere, and talks of its pages wait for them.
    pub(crate) fn hung_up(&mut self, flow: Hop) {
        if flow.connection.is_none() {
            return;
        }
        for user in self.phones.hung_up(flow) {
            self.look_at_page(&user);
        }
        let of_flow = |sip| self.endpoint.dialog(sip).is_some_and(|dialog| dialog.next_hop == flow);
        let left: Vec<(SlotId, LegNo)> = self
            .slots
            .iter()
            .filter_map(|(id, slot)| {
                let leg = slot.joined?;
                let side = slot.side(leg).filter(|side| side.speech.srtp == Srtp::Dtls)?;
                of_flow(side.sip?).then_some((id, leg))
            })
            .collect();
        for (id, leg) in left {
            self.away.insert((id, leg), self.now.mono + AWAY_MS);
            self.tell(id, Event::Held { leg, on: true });
        }
    }

    /// The page of a leg is there again.
    pub(crate) fn came_back(&mut self, id: SlotId, leg: LegNo) {
        let side = self.slots.get(id).and_then(|slot| slot.side(leg));
        let holds = side.and_then(|side| side.theirs.as_ref()).is_some_and(sip::sdp::Sdp::on_hold);
        if self.away.remove(&(id, leg)).is_some() && !holds {
            self.tell(id, Event::Held { leg, on: false });
        }
    }

    /// Gives up who did not come back.
    pub(crate) fn give_up_away(&mut self) {
        let now = self.now.mono;
        let over: Vec<_> = self.away.iter().filter(|(_, at)| **at <= now).map(|(one, _)| *one).collect();
        for (id, leg) in over {
            self.came_back(id, leg);
            if let Some(sip) = self.slots.get(id).and_then(|slot| slot.side(leg)).and_then(|side| side.sip) {
                self.endpoint.bye(sip, None, now.0);
                self.tell(id, Event::LegHungUp { leg });
            }
        }
    }

    /// A page wants the place of a leg of its own phone (RFC 3891): it was loaded anew in a talk.
    pub(crate) fn take_place(&mut self, sip: sip::LegId, arriving: &Arriving, phone: &Proven, of: &Replaces) {
        let now = self.now.mono.0;
        let Some((id, leg)) = self.place_of(phone, of) else {
            return self.endpoint.reject(sip, 481, None, None, now);
        };
        let Some(slot) = self.slots.get_mut(id) else { return };
        let other = slot.other(leg).and_then(|other| slot.side(other)).and_then(crate::slot::Side::voice);
        let Some(side) = slot.side_mut(leg) else { return };
        let renewed = arriving.sdp.as_deref().and_then(|sdp| side.renew(Some(sdp), other.as_ref(), sip.0));
        let Some(renewed) = renewed else { return self.endpoint.reject(sip, 488, None, None, now) };
        if let Some(old) = side.sip.replace(sip) {
            self.by_leg.remove(&old);
            self.endpoint.bye(old, None, now);
        }
        self.by_leg.insert(sip, (id, leg));
        self.endpoint.answer(sip, renewed.bytes, now);
        self.connect(id, leg);
        if let Some(slot) = self.slots.take(id) {
            self.note_dialog(&slot, leg);
            self.slots.put_back(id, slot);
        }
        self.came_back(id, leg);
    }

    /// The leg of a talk that a dialog is of, if it is this phone's.
    fn place_of(&self, phone: &Proven, of: &Replaces) -> Option<(SlotId, LegNo)> {
        let user = format!("{}-{}", phone.tenant, phone.extension);
        self.slots.iter().find_map(|(id, slot)| {
            let leg = slot.joined?;
            let side = slot.side(leg).filter(|side| side.speech.srtp == Srtp::Dtls && !side.closing)?;
            let dialog = self.endpoint.dialog(side.sip?)?;
            let is_meant = dialog.call_id == of.call_id
                && dialog.local_tag == of.to_tag
                && dialog.remote_tag == of.from_tag
                && *slot.call.destination_of(leg).number == *user;
            is_meant.then_some((id, leg))
        })
    }

    /// When the next of them is given up.
    pub(crate) fn next_given_up(&self) -> Option<Mono> {
        self.away.values().min().copied()
    }
}
