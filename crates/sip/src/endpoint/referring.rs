//! REFER inside a dialog (RFC 3515): what is asked for, our word on it, and NOTIFY with what comes of it (RFC 3420).
//! It refuses to know who may ask and where a call may go.

use sipx_sip::HeaderName;
use sipx_sip::headers::Address;

use super::Endpoint;
use super::ingress::Arrival;
use super::uas::{host_of, user_of};
use crate::command::LegId;
use crate::compose;
use crate::event::{Event, Referring};
use crate::leg::State;
use crate::transaction::{Purpose, ServerMethod};

/// What a NOTIFY carries.
const SIPFRAG: &str = "message/sipfrag;version=2.0";
/// How long the far end may wait for our next NOTIFY.
const SUBSCRIBED_S: u32 = 180;

impl Endpoint {
    pub(super) fn receive_refer(&mut self, id: LegId, arrival: &Arrival<'_>) {
        let value = arrival.request.headers.value(&HeaderName::ReferTo).unwrap_or_default();
        let target = Address::parse(&value, "Refer-To").ok();
        let Some(target) = target.filter(|target| target.uri.scheme().is_sip()) else {
            return self.keep_answer(id, arrival, 400, &[]);
        };
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        if leg.state != State::Confirmed || leg.refer_in.is_some() || leg.referred.is_some() {
            return self.keep_answer(id, arrival, 491, &[]);
        }
        let replaces = value.to_ascii_lowercase().windows(9).any(|part| part == b"replaces=");
        let refer = Referring { user: user_of(&target.uri), host: host_of(&target.uri), replaces };
        let server = self.open_server(arrival, Some(id), ServerMethod::Other);
        if let Some(leg) = self.legs.get_mut(id.0) {
            leg.refer_in = Some((server, arrival.head.cseq));
        }
        self.emit(Event::Referred { leg: id, refer: Box::new(refer) });
    }

    /// Take what `Referred` reported: 202, and NOTIFY from then on as [`Endpoint::notify_refer`] says.
    pub fn accept_refer(&mut self, leg: LegId, now_ms: u64) {
        let Some((server, cseq)) = self.legs.get_mut(leg.0).and_then(|leg| leg.refer_in.take()) else {
            return;
        };
        let contact = self.legs.get(leg.0).map(|leg| self.stamp.face(leg.dialog.next_hop).contact.clone());
        self.respond(server, 202, &[], now_ms, |message| {
            message.header("Contact", contact.as_deref().unwrap_or_default());
        });
        if let Some(leg) = self.legs.get_mut(leg.0) {
            leg.referred = Some(cseq);
        }
        self.notify_refer(leg, 100, now_ms);
    }

    /// Refuse what `Referred` reported. Values outside 300 to 699 become 603.
    pub fn refuse_refer(&mut self, leg: LegId, status: u16, now_ms: u64) {
        let Some((server, _)) = self.legs.get_mut(leg.0).and_then(|leg| leg.refer_in.take()) else { return };
        let status = if (300..700).contains(&status) { status } else { 603 };
        self.respond(server, status, &[], now_ms, |_| {});
    }

    /// Tell who asked by REFER how far it is; a final status is the last word.
    pub fn notify_refer(&mut self, leg: LegId, status: u16, now_ms: u64) {
        let branch = self.draw_branch();
        let proof = self.proof(leg, "NOTIFY");
        let Some(state) = self.legs.get_mut(leg.0).filter(|leg| leg.state == State::Confirmed) else {
            return;
        };
        let Some(asked) = state.referred else { return };
        if status >= 200 {
            state.referred = None;
        }
        let cseq = state.next_cseq();
        let Some(state) = self.legs.get(leg.0) else { return };
        let dialog = &state.dialog;
        let subscription = match status {
            100..200 => format!("active;expires={SUBSCRIBED_S}"),
            _ => "terminated;reason=noresource".to_owned(),
        };
        let fragment = format!("SIP/2.0 {status} {}\r\n", compose::phrase(status));
        let contact = &self.stamp.face(dialog.next_hop).contact;
        let tag = &dialog.remote_tag;
        let mut message =
            compose::in_dialog(&mut self.scratch, &self.stamp, dialog, "NOTIFY", cseq, branch, tag);
        message
            .header("Contact", contact)
            .proof(proof.as_ref())
            .header("Event", &format!("refer;id={asked}"))
            .header("Subscription-State", &subscription);
        let bytes = message.finish(SIPFRAG, fragment.as_bytes());
        let to = dialog.next_hop;
        self.start_client(Purpose::Notify, Some(leg), branch, cseq, to, bytes, now_ms);
    }
}
