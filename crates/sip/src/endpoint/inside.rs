//! Requests inside a dialog, theirs and ours: BYE, re-INVITE, UPDATE, INFO.
//! It refuses to know what media were agreed; descriptions pass through unread.

use bytes::Bytes;
use sipx_sip::{HeaderName, Method, Response};

use super::Endpoint;
use super::ingress::Arrival;
use super::uac::{list_of, sdp_of};
use crate::command::{LegId, Reason};
use crate::compose::{self, ALLOW, SUPPORTED};
use crate::event::Event;
use crate::hop::Hop;
use crate::incoming::{self, Body, Extensions, Head};
use crate::leg::{Asked, Deadline, State};
use crate::transaction::{ClientState, Purpose, ServerMethod};

impl Endpoint {
    /// A request with a tag of ours.
    pub(super) fn receive_inside(&mut self, arrival: Arrival<'_>) {
        let Some(id) = self.leg_of(&arrival.head) else { return self.refuse(&arrival, 481) };
        // Whoever knows the tags of a dialog is in it.
        self.stranger = false;
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        // RFC 3261 12.2.2: out of order. Zero stands for a far end that has not sent anything yet.
        if leg.dialog.remote_cseq != 0 && arrival.head.cseq <= leg.dialog.remote_cseq {
            return self.refuse(&arrival, 500);
        }
        leg.dialog.remote_cseq = arrival.head.cseq;
        leg.follow(arrival.from);
        match &arrival.request.method {
            Method::Bye => self.receive_bye(id, &arrival),
            Method::Invite | Method::Update => self.receive_reinvite(id, &arrival),
            Method::Info => self.receive_info(id, &arrival),
            Method::Prack => self.receive_prack(id, &arrival),
            Method::Options => {
                self.keep_answer(id, &arrival, 200, &[("Allow", ALLOW), ("Accept", "application/sdp")])
            }
            Method::Refer => self.receive_refer(id, &arrival),
            Method::Other(_) => self.keep_answer(id, &arrival, 501, &[("Allow", ALLOW)]),
            _ => self.keep_answer(id, &arrival, 405, &[("Allow", ALLOW)]),
        }
    }

    /// Answer at once, and the same way when the request is repeated.
    pub(super) fn keep_answer(
        &mut self,
        id: LegId,
        arrival: &Arrival<'_>,
        status: u16,
        extra: &[(&str, &str)],
    ) {
        let method = match arrival.request.method {
            Method::Invite => ServerMethod::Invite,
            _ => ServerMethod::Other,
        };
        let server = self.open_server(arrival, Some(id), method);
        self.respond(server, status, &[], arrival.now_ms, |message| {
            for (name, value) in extra {
                message.header(name, value);
            }
        });
    }

    fn receive_bye(&mut self, id: LegId, arrival: &Arrival<'_>) {
        self.keep_answer(id, arrival, 200, &[]);
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        let (state, early) = (leg.state, leg.invite);
        let (q850, reason) = incoming::reason(&arrival.request.headers);
        self.refuse_pending(id, arrival.now_ms);
        match state {
            State::Invited => {
                // A caller may hang up an early dialog instead of cancelling (RFC 3261 15).
                if let Some(server) = early {
                    self.respond(server, 487, &[], arrival.now_ms, |_| {});
                }
                return self.caller_left(id, q850);
            }
            State::ExpectAck | State::Confirmed => self.emit(Event::Bye { leg: id, q850, reason }),
            // Both sides hung up: ours is reported by its answer.
            State::Closing | State::Inviting(_) | State::Over => {}
        }
        self.close(id);
    }

    /// Their re-INVITE that waits for the user has lost its dialog.
    fn refuse_pending(&mut self, id: LegId, now_ms: u64) {
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        let (pending, refer) = (leg.reinvite_in.take(), leg.refer_in.take());
        if let Some(server) = pending {
            self.respond(server, 487, &[], now_ms, |_| {});
        }
        if let Some((server, _)) = refer {
            self.respond(server, 481, &[], now_ms, |_| {});
        }
    }

    pub(super) fn send_bye(&mut self, id: LegId, reason: Option<&Reason>, now_ms: u64) {
        self.refuse_pending(id, now_ms);
        let branch = self.draw_branch();
        let proof = self.proof(id, "BYE");
        let Some(leg) = self.legs.get_mut(id.0).filter(|leg| leg.is_dialog()) else { return };
        leg.state = State::Closing;
        leg.answer = None;
        leg.deadlines.clear_all();
        let cseq = leg.next_cseq();
        let dialog = &leg.dialog;
        let mut message = compose::in_dialog(
            &mut self.scratch,
            &self.stamp,
            dialog,
            "BYE",
            cseq,
            branch,
            &dialog.remote_tag,
        );
        let bytes = message.reason(reason).proof(proof.as_ref()).finish("", &[]);
        let to = dialog.next_hop;
        self.start_client(Purpose::Bye, Some(id), branch, cseq, to, bytes, now_ms);
        self.rearm_leg(id);
    }

    fn receive_info(&mut self, id: LegId, arrival: &Arrival<'_>) {
        self.keep_answer(id, arrival, 200, &[]);
        if self.legs.get(id.0).is_some_and(|leg| leg.state != State::Closing) {
            let content_type = incoming::content_type(&arrival.request.headers);
            self.emit(Event::Info { leg: id, content_type, body: arrival.request.body().to_vec() });
        }
    }

    /// INFO with a body (RFC 6086). Ignored where the content type could break the message.
    pub fn info(&mut self, leg: LegId, content_type: &str, body: Vec<u8>, now_ms: u64) {
        let branch = self.draw_branch();
        let Some(state) = self.legs.get_mut(leg.0).filter(|leg| leg.state == State::Confirmed) else {
            return;
        };
        if !compose::is_clean(content_type) {
            return;
        }
        let cseq = state.next_cseq();
        let proof = self.proof(leg, "INFO");
        let Some(state) = self.legs.get(leg.0) else { return };
        let dialog = &state.dialog;
        let tag = &dialog.remote_tag;
        let bytes = compose::in_dialog(&mut self.scratch, &self.stamp, dialog, "INFO", cseq, branch, tag)
            .proof(proof.as_ref())
            .finish(content_type, &body);
        let to = dialog.next_hop;
        self.start_client(Purpose::Info, Some(leg), branch, cseq, to, bytes, now_ms);
    }

    /// Their re-INVITE, or UPDATE (RFC 3311). A mere refresh is answered here; other media are the user's word.
    fn receive_reinvite(&mut self, id: LegId, arrival: &Arrival<'_>) {
        let request = arrival.request;
        let update = request.method == Method::Update;
        let extensions = Extensions::read(&request.headers);
        let kind = incoming::body_kind(&request.headers, request.body());
        let Some(leg) = self.legs.get(id.0) else { return };
        let (busy_out, busy_in) =
            (leg.reinvite_out.is_some(), leg.reinvite_in.is_some() || leg.answer.is_some());
        let with_media = kind == Body::Sdp || !update;
        // Before our 200 UPDATE may refresh, and offer once the first agreement stands (RFC 3311 5.1).
        let early = update && leg.state == State::Invited && (kind != Body::Sdp || leg.reliable.agreed);
        if !(early || leg.state == State::Confirmed) || (busy_in && with_media) {
            return self.keep_answer(id, arrival, 500, &[("Retry-After", "2")]);
        }
        if busy_out && with_media {
            return self.keep_answer(id, arrival, 491, &[]);
        }
        if kind == Body::Foreign {
            return self.keep_answer(id, arrival, 415, &[("Accept", "application/sdp")]);
        }
        if let Some(min_se) = self.too_short(&extensions) {
            return self.keep_answer(id, arrival, 422, &[("Min-SE", &min_se)]);
        }
        let method = if update { ServerMethod::Update } else { ServerMethod::Invite };
        let server = self.open_server(arrival, Some(id), method);
        let contact = list_of(&request.headers, &HeaderName::Contact).into_iter().next();
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        leg.asked = Asked::from_request(&extensions);
        if let Some(contact) = contact {
            retarget(leg, &contact, arrival.from);
        }
        let body = request.body();
        let refresh = if update { kind != Body::Sdp } else { kind == Body::Sdp && *body == leg.remote_sdp };
        if refresh {
            let sdp = if update { Vec::new() } else { leg.local_sdp.to_vec() };
            let kept = leg.local_sdp.clone();
            self.accept(id, server, sdp, arrival.now_ms);
            if let Some(leg) = self.legs.get_mut(id.0) {
                leg.local_sdp = kept;
            }
            return self.rearm_leg(id);
        }
        leg.reinvite_in = Some(server);
        let sdp = (kind == Body::Sdp).then(|| body.to_vec());
        leg.remote_sdp = sdp.as_deref().map_or(Bytes::new(), Bytes::copy_from_slice);
        self.emit(Event::Reinvited { leg: id, sdp });
    }

    /// Accept what `Reinvited` reported, with our description.
    pub fn accept_reinvite(&mut self, leg: LegId, sdp: Vec<u8>, now_ms: u64) {
        let Some(server) = self.legs.get_mut(leg.0).and_then(|leg| leg.reinvite_in.take()) else { return };
        self.accept(leg, server, sdp, now_ms);
        self.rearm_leg(leg);
    }

    /// Refuse what `Reinvited` reported; the session stays as it was. Values outside 300 to 699 become 488.
    pub fn refuse_reinvite(&mut self, leg: LegId, status: u16, now_ms: u64) {
        let Some(server) = self.legs.get_mut(leg.0).and_then(|leg| leg.reinvite_in.take()) else { return };
        let status = if (300..700).contains(&status) { status } else { 488 };
        self.respond(server, status, &[], now_ms, |_| {});
        self.try_reinvite(leg, now_ms);
    }

    /// Offer other media. Waits where another exchange is under way; glare (491) is retried by RFC 3261 14.1.
    pub fn reinvite(&mut self, leg: LegId, sdp: Vec<u8>, now_ms: u64) {
        let Some(state) = self.legs.get_mut(leg.0) else { return };
        if !state.is_dialog() {
            return;
        }
        state.reinvite_wanted = Some(Bytes::from(sdp));
        if !state.deadlines.is_set(Deadline::RetryReinvite) {
            self.try_reinvite(leg, now_ms);
        }
    }

    /// Send the wanted re-INVITE, if nothing is in its way.
    pub(super) fn try_reinvite(&mut self, id: LegId, now_ms: u64) {
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        let free = leg.state == State::Confirmed
            && leg.reinvite_out.is_none()
            && leg.reinvite_in.is_none()
            && leg.answer.is_none();
        if !free {
            return;
        }
        if let Some(sdp) = leg.reinvite_wanted.clone() {
            self.send_reinvite(id, Purpose::Reinvite, sdp, now_ms);
        }
    }

    pub(super) fn send_reinvite(&mut self, id: LegId, purpose: Purpose, sdp: Bytes, now_ms: u64) {
        let branch = self.draw_branch();
        let proof = self.proof(id, "INVITE");
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        let cseq = leg.next_cseq();
        let dialog = &leg.dialog;
        let tag = &dialog.remote_tag;
        let mut message =
            compose::in_dialog(&mut self.scratch, &self.stamp, dialog, "INVITE", cseq, branch, tag);
        let contact = &self.stamp.face(dialog.next_hop).contact;
        message
            .header("Contact", contact)
            .proof(proof.as_ref())
            .header("Allow", ALLOW)
            .header("Supported", SUPPORTED);
        super::session::write_refresh(leg, &mut message);
        self.stamp.agent(&mut message, "User-Agent");
        let bytes = message.finish("application/sdp", &sdp);
        let to = dialog.next_hop;
        let client = self.start_client(purpose, Some(id), branch, cseq, to, bytes, now_ms);
        if let Some(leg) = self.legs.get_mut(id.0) {
            leg.reinvite_out = Some(client);
        }
    }

    /// A 2xx to our re-INVITE.
    pub(super) fn reinvite_accepted(
        &mut self,
        client_id: u64,
        id: LegId,
        response: &Response,
        head: &Head<'_>,
        now_ms: u64,
    ) {
        let tag = String::from_utf8_lossy(head.to_tag().unwrap_or_default()).into_owned();
        if self.acknowledge_again(id, head.cseq, &tag) {
            return;
        }
        let Some(client) = self.clients.get_mut(client_id) else { return };
        if !client.is_pending() {
            return;
        }
        client.complete(ClientState::Accepted, self.config.t1_ms, now_ms);
        let (purpose, from) = (client.purpose, client.to);
        self.rearm_client(client_id);
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        leg.reinvite_out = None;
        if let Some(contact) = list_of(&response.headers, &HeaderName::Contact).into_iter().next() {
            retarget(leg, &contact, from);
        }
        let dialog = leg.dialog.clone();
        self.acknowledge(id, &dialog, head.cseq);
        let Some(leg) = self.legs.get_mut(id.0).filter(|leg| leg.state == State::Confirmed) else { return };
        let sdp = sdp_of(response);
        if let Some(sdp) = &sdp {
            leg.remote_sdp = Bytes::copy_from_slice(sdp);
        }
        if purpose == Purpose::Reinvite {
            leg.local_sdp = leg.reinvite_wanted.take().unwrap_or_default();
            self.emit(Event::ReinviteAnswered { leg: id, sdp });
        }
        self.session_refreshed(id, &response.headers, now_ms);
        self.try_reinvite(id, now_ms);
    }

    /// A non-2xx to our re-INVITE, or none at all.
    pub(super) fn reinvite_refused(&mut self, id: LegId, status: u16, now_ms: u64) {
        let pause_ms = self.glare_pause_ms(id);
        let Some(leg) = self.legs.get_mut(id.0).filter(|leg| leg.state == State::Confirmed) else { return };
        leg.reinvite_out = None;
        if status == 491 {
            leg.deadlines.set(Deadline::RetryReinvite, now_ms + pause_ms);
            return self.rearm_leg(id);
        }
        leg.reinvite_wanted = None;
        self.emit(Event::ReinviteFailed { leg: id, status });
    }

    /// RFC 3261 14.1: 2.1 to 4 s for the side that made the Call-ID, 0 to 2 s for the other, in steps of 10 ms.
    pub(super) fn glare_pause_ms(&mut self, id: LegId) -> u64 {
        let ours = self.legs.get(id.0).is_some_and(|leg| leg.ours);
        let draw = self.keyed.draw();
        if ours { 2_100 + draw % 191 * 10 } else { draw % 201 * 10 }
    }
}

/// A target refresh (RFC 3261 12.2): the new Contact, and where it is to be found.
fn retarget(leg: &mut crate::leg::Leg, contact: &str, source: Hop) {
    leg.dialog.remote_target = compose::uri_of(contact).to_owned();
    if leg.dialog.route_set.is_empty() && !leg.keeps_flow {
        leg.dialog.next_hop = compose::next_hop(&leg.dialog.remote_target, source);
    } else if leg.keeps_flow && source.connection.is_some() {
        // A phone by a stream that opened another one: the old one is gone, or soon.
        leg.dialog.next_hop = source;
    }
}
