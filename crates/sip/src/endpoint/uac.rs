//! Our calls: INVITE out, CANCEL, the ACKs, and the BYE for forks that answer when the call is taken or given up.
//! It refuses to know whom to try next.

use bytes::Bytes;
use sipx_sip::{HeaderName, Headers, Response};

use super::reliable::Heard;
use super::{Endpoint, Proving};
use crate::command::{Invite, LegId, Refused};
use crate::compose::{self, ALLOW, Message, SUPPORTED};
use crate::dialog::DialogState;
use crate::digest::Credentials;
use crate::event::{Event, Failure, FailureKind};
use crate::hop::Hop;
use crate::ids::hex_string;
use crate::incoming::{self, Body, Head};
use crate::leg::{Acked, Attempt, Deadline, Leg, State};
use crate::transaction::{ClientState, Purpose};

/// More forks than this are not answered: nobody honest has them.
const FORKS_MAX: usize = 8;

/// Headers that only the endpoint writes.
const OWN_HEADERS: [&str; 24] = [
    "via",
    "v",
    "from",
    "f",
    "to",
    "t",
    "call-id",
    "i",
    "cseq",
    "contact",
    "m",
    "max-forwards",
    "route",
    "record-route",
    "content-length",
    "l",
    "content-type",
    "c",
    "session-expires",
    "x",
    "min-se",
    "require",
    "authorization",
    "proxy-authorization",
];

impl Endpoint {
    /// Call. The leg's outcome is one of `Answered`, `Failed` and `LateAnswer`.
    pub fn invite(&mut self, invite: Invite, now_ms: u64) -> Result<LegId, Refused> {
        if self.legs.len() >= self.config.max_legs {
            return Err(Refused::Full);
        }
        let local = check_invite(&invite)?;
        let call = self.keyed.draw();
        let dialog = DialogState {
            call_id: hex_string(call),
            local_tag: String::new(),
            remote_tag: String::new(),
            local,
            remote: format!("<{}>", invite.to_uri),
            route_set: invite.route.clone(),
            remote_target: invite.request_uri.clone(),
            next_hop: invite.to,
            local_cseq: 0,
            remote_cseq: 0,
        };
        let id = self.open_leg(State::Inviting(Attempt::Wanted), dialog, true);
        let first_response_ms = invite.first_response_ms;
        if let Some(leg) = self.legs.get_mut(id.0) {
            leg.keeps_flow = invite.keeps_flow;
            leg.local_sdp = Bytes::copy_from_slice(&invite.sdp);
            leg.proving = invite.credentials.clone().map(|who| Box::new(Proving::new(who)));
            leg.attempt = Some(Box::new(invite));
            if let Some(wait_ms) = first_response_ms {
                leg.deadlines.set(Deadline::FirstResponse, now_ms + wait_ms);
            }
        }
        self.send_invite(id, now_ms);
        self.rearm_leg(id);
        Ok(id)
    }

    /// The first INVITE of a leg, or its repetition with a longer session interval.
    fn send_invite(&mut self, id: LegId, now_ms: u64) {
        let branch = self.draw_branch();
        let proof = self.proof(id, "INVITE");
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        let cseq = leg.next_cseq();
        let Some(invite) = &leg.attempt else { return };
        let mut message = Message::request(&mut self.scratch, "INVITE", &invite.request_uri);
        let face = self.stamp.face(leg.dialog.next_hop);
        message.via(face, branch).number("Max-Forwards", u32::from(invite.max_forwards));
        for proxy in &invite.route {
            message.header("Route", proxy);
        }
        message.party("From", &leg.dialog.local, &leg.dialog.local_tag).header("To", &leg.dialog.remote);
        message.header("Call-ID", &leg.dialog.call_id).cseq(cseq, "INVITE");
        message.header("Contact", &face.contact).header("Allow", ALLOW).header("Supported", SUPPORTED);
        if let Some(interval_s) = self.config.session_expires_s {
            message.number("Session-Expires", interval_s.max(leg.min_se_s).max(90));
            if leg.min_se_s > 90 {
                message.number("Min-SE", leg.min_se_s);
            }
        }
        self.stamp.agent(&mut message, "User-Agent");
        if let Some(uri) = &invite.asserted {
            message.parts("P-Asserted-Identity", &["<", uri, ">"]);
        }
        if let Some(uri) = &invite.diversion {
            message.parts("Diversion", &["<", uri, ">"]);
        }
        for (name, value) in &invite.headers {
            message.header(name, value);
        }
        let bytes = message.proof(proof.as_ref()).finish("application/sdp", &invite.sdp);
        let to = leg.dialog.next_hop;
        let client = self.start_client(Purpose::Invite, Some(id), branch, cseq, to, bytes, now_ms);
        if let Some(leg) = self.legs.get_mut(id.0) {
            leg.invite = Some(client);
        }
    }

    /// Give up our INVITE. CANCEL goes out now, or after the first provisional response (RFC 3261 9.1). The
    /// outcome is still reported: `Failed` as a rule, `LateAnswer` when the far end was quicker.
    pub fn cancel(&mut self, leg: LegId, now_ms: u64) {
        let Some(state) = self.legs.get_mut(leg.0) else { return };
        if state.state != State::Inviting(Attempt::Wanted) {
            return;
        }
        state.state = State::Inviting(Attempt::Cancelled);
        state.deadlines.clear(Deadline::FirstResponse);
        self.send_cancel(leg, now_ms);
        self.rearm_leg(leg);
    }

    /// CANCEL, if our INVITE has been heard of and none is out yet.
    fn send_cancel(&mut self, id: LegId, now_ms: u64) {
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        let Some(client) = leg.invite.and_then(|client| self.clients.get(client)) else { return };
        if client.state != ClientState::Proceeding || leg.deadlines.is_set(Deadline::CancelGivenUp) {
            return;
        }
        leg.deadlines.set(Deadline::CancelGivenUp, now_ms + 64 * self.config.t1_ms);
        let (branch, cseq, to) = (client.branch, client.cseq, client.to);
        let dialog = &leg.dialog;
        let mut message = Message::request(&mut self.scratch, "CANCEL", &dialog.remote_target);
        message.via(self.stamp.face(to), branch).number("Max-Forwards", 70);
        for proxy in &dialog.route_set {
            message.header("Route", proxy);
        }
        message.party("From", &dialog.local, &dialog.local_tag).header("To", &dialog.remote);
        let bytes = message.header("Call-ID", &dialog.call_id).cseq(cseq, "CANCEL").finish("", &[]);
        self.start_client(Purpose::Cancel, Some(id), branch | 1, cseq, to, bytes, now_ms);
    }

    /// A cancelled INVITE gets no final response: RFC 3261 9.1 lets it go.
    pub(super) fn cancel_given_up(&mut self, id: LegId, now_ms: u64) {
        if let Some(client) = self.legs.get(id.0).and_then(|leg| leg.invite) {
            self.client_failed(client, 408, FailureKind::NoFinalResponse, now_ms);
        }
    }

    /// Nothing came back in the time the user gave: report it, and keep the attempt open behind the scenes.
    pub(super) fn first_response_missing(&mut self, id: LegId) {
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        if leg.state == State::Inviting(Attempt::Wanted) {
            leg.state = State::Inviting(Attempt::Abandoned);
            let failure =
                Failure { status: 408, kind: FailureKind::NoResponse, q850: None, retry_after_s: None };
            self.emit(Event::Failed { leg: id, failure });
        }
    }

    /// Our INVITE came to nothing: report it once and close the leg.
    pub(super) fn attempt_failed(&mut self, id: LegId, failure: Failure) {
        let Some(leg) = self.legs.get(id.0) else { return };
        match leg.state {
            State::Inviting(Attempt::Wanted | Attempt::Cancelled) => {
                self.emit(Event::Failed { leg: id, failure })
            }
            State::Inviting(Attempt::Abandoned) => {}
            State::Invited | State::ExpectAck | State::Confirmed | State::Closing | State::Over => return,
        }
        self.close(id);
    }

    pub(super) fn receive_invite_response(
        &mut self,
        client: u64,
        response: &Response,
        head: &Head<'_>,
        from: Hop,
        now_ms: u64,
    ) {
        let Some((leg, purpose)) = self.clients.get(client).and_then(|c| Some((c.leg?, c.purpose))) else {
            return;
        };
        match response.status.code() {
            ..200 => self.invite_proceeds(client, leg, response, head, from, now_ms),
            200..300 if purpose == Purpose::Invite => {
                self.invite_accepted(client, leg, response, head, from, now_ms)
            }
            200..300 => self.reinvite_accepted(client, leg, response, head, now_ms),
            _ => self.invite_refused(client, leg, response, head, now_ms),
        }
    }

    fn invite_proceeds(
        &mut self,
        id: u64,
        leg_id: LegId,
        response: &Response,
        head: &Head<'_>,
        from: Hop,
        now_ms: u64,
    ) {
        let Some(client) = self.clients.get_mut(id) else { return };
        if !client.is_pending() {
            return;
        }
        client.proceed(self.config.t1_ms, now_ms);
        let (purpose, cseq) = (client.purpose, client.cseq);
        self.rearm_client(id);
        if purpose != Purpose::Invite {
            return;
        }
        let heard = self.acknowledge_provisional(leg_id, cseq, response, head, from, now_ms);
        let Some(leg) = self.legs.get_mut(leg_id.0) else { return };
        leg.deadlines.clear(Deadline::FirstResponse);
        match leg.state {
            State::Inviting(Attempt::Wanted) => {
                let status = response.status.code();
                if status > 100 && heard == Heard::New {
                    let (q850, _) = incoming::reason(&response.headers);
                    self.emit(Event::Progress { leg: leg_id, status, sdp: sdp_of(response), q850 });
                }
            }
            State::Inviting(Attempt::Cancelled | Attempt::Abandoned) => self.send_cancel(leg_id, now_ms),
            State::Invited | State::ExpectAck | State::Confirmed | State::Closing | State::Over => {}
        }
        self.rearm_leg(leg_id);
    }

    /// A 2xx: the first one makes the call, any other is acknowledged and hung up.
    fn invite_accepted(
        &mut self,
        id: u64,
        leg_id: LegId,
        response: &Response,
        head: &Head<'_>,
        from: Hop,
        now_ms: u64,
    ) {
        if let Some(client) = self.clients.get_mut(id)
            && client.is_pending()
        {
            client.complete(ClientState::Accepted, self.config.t1_ms, now_ms);
            self.rearm_client(id);
        }
        let tag = String::from_utf8_lossy(head.to_tag().unwrap_or_default()).into_owned();
        if self.acknowledge_again(leg_id, head.cseq, &tag) {
            return;
        }
        let Some(leg) = self.legs.get(leg_id.0).filter(|leg| leg.acked.len() < FORKS_MAX) else { return };
        let (state, dialog) = (leg.state, peer_dialog(leg, &response.headers, tag, from));
        self.acknowledge(leg_id, &dialog, head.cseq);
        match state {
            State::Inviting(Attempt::Wanted) => self.confirm_ours(leg_id, dialog, response, now_ms),
            State::Inviting(Attempt::Cancelled | Attempt::Abandoned) => {
                self.hang_up_fork(leg_id, dialog, now_ms);
                self.emit(Event::LateAnswer { leg: leg_id });
                self.close(leg_id);
            }
            State::Invited | State::ExpectAck | State::Confirmed | State::Closing | State::Over => {
                self.hang_up_fork(leg_id, dialog, now_ms);
            }
        }
    }

    fn confirm_ours(&mut self, id: LegId, dialog: DialogState, response: &Response, now_ms: u64) {
        let sdp = sdp_of(response);
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        leg.dialog = dialog;
        leg.state = State::Confirmed;
        leg.attempt = None;
        if let Some(proving) = &mut leg.proving {
            proving.settled();
        }
        leg.deadlines.clear_all();
        leg.remote_sdp = sdp.as_deref().map_or(Bytes::new(), Bytes::copy_from_slice);
        self.emit(Event::Answered { leg: id, sdp });
        self.session_refreshed(id, &response.headers, now_ms);
    }

    /// ACK to a 2xx: no transaction of its own, kept for repetitions of that 2xx (RFC 3261 13.2.2.4).
    pub(super) fn acknowledge(&mut self, id: LegId, dialog: &DialogState, cseq: u32) {
        let branch = self.draw_branch();
        let tag = dialog.remote_tag.clone();
        let proof = self.legs.get(id.0).and_then(|leg| leg.proving.as_ref()?.sent.as_ref());
        let bytes = compose::in_dialog(&mut self.scratch, &self.stamp, dialog, "ACK", cseq, branch, &tag)
            .proof(proof)
            .finish("", &[]);
        let to = dialog.next_hop;
        if let Some(leg) = self.legs.get_mut(id.0) {
            leg.acked.push(Acked { cseq, tag, to, bytes: bytes.clone() });
        }
        self.transmit(to, bytes, Some(id));
    }

    /// A 2xx that we have acknowledged before gets the same ACK again.
    pub(super) fn acknowledge_again(&mut self, id: LegId, cseq: u32, tag: &str) -> bool {
        let acked =
            self.legs.get(id.0).and_then(|leg| leg.acked.iter().find(|a| a.cseq == cseq && a.tag == tag));
        let Some((to, bytes)) = acked.map(|acked| (acked.to, acked.bytes.clone())) else { return false };
        self.totals.repeated += 1;
        self.transmit(to, bytes, Some(id));
        true
    }

    /// BYE to a far end that answered a call it no longer has.
    fn hang_up_fork(&mut self, id: LegId, mut dialog: DialogState, now_ms: u64) {
        dialog.local_cseq += 1;
        let (branch, cseq, to) = (self.draw_branch(), dialog.local_cseq, dialog.next_hop);
        let tag = dialog.remote_tag.clone();
        let bytes = compose::in_dialog(&mut self.scratch, &self.stamp, &dialog, "BYE", cseq, branch, &tag)
            .finish("", &[]);
        self.start_client(Purpose::LoserBye, Some(id), branch, cseq, to, bytes, now_ms);
    }

    fn invite_refused(&mut self, id: u64, leg_id: LegId, response: &Response, head: &Head<'_>, now_ms: u64) {
        let Some(client) = self.clients.get_mut(id) else { return };
        if !client.is_pending() {
            if let Some(ack) = client.ack.clone() {
                let to = client.to;
                self.totals.repeated += 1;
                self.transmit(to, ack, Some(leg_id));
            }
            return;
        }
        let (branch, cseq, to, purpose) = (client.branch, client.cseq, client.to, client.purpose);
        let request = client.request.clone();
        client.complete(ClientState::Completed, self.config.t1_ms, now_ms);
        let Some(leg) = self.legs.get(leg_id.0) else { return };
        // RFC 3261 17.1.1.3: the same branch as the INVITE, the To of the response.
        let tag = String::from_utf8_lossy(head.to_tag().unwrap_or_default()).into_owned();
        let ack = compose::in_dialog(&mut self.scratch, &self.stamp, &leg.dialog, "ACK", cseq, branch, &tag)
            .finish("", &[]);
        client.ack = Some(ack.clone());
        let wanted = !matches!(leg.state, State::Inviting(Attempt::Cancelled | Attempt::Abandoned));
        self.rearm_client(id);
        self.transmit(to, ack, Some(leg_id));
        let status = response.status.code();
        if wanted && self.prove(id, &request, status, &response.headers, now_ms) {
            return;
        }
        let asked_s = incoming::Extensions::read(&response.headers).min_se_s;
        let (true, Some(min_se_s)) = (status == 422, asked_s.filter(|asked_s| (1..86_400).contains(asked_s)))
        else {
            return self.refused_for_good(leg_id, purpose, response, now_ms);
        };
        self.retry_with_longer_interval(leg_id, purpose, min_se_s, response, now_ms);
    }

    /// 422 (RFC 4028 6): the same request with a longer interval, unless we offered that already.
    fn retry_with_longer_interval(
        &mut self,
        id: LegId,
        purpose: Purpose,
        min_se_s: u32,
        response: &Response,
        now_ms: u64,
    ) {
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        let wanted = leg.state == State::Inviting(Attempt::Wanted) && purpose == Purpose::Invite;
        if wanted && min_se_s > leg.min_se_s {
            leg.min_se_s = min_se_s;
            self.send_invite(id, now_ms);
        } else {
            self.refused_for_good(id, purpose, response, now_ms);
        }
    }

    fn refused_for_good(&mut self, id: LegId, purpose: Purpose, response: &Response, now_ms: u64) {
        let status = response.status.code();
        if purpose != Purpose::Invite {
            return self.request_done(id, purpose, status, now_ms);
        }
        let (q850, _) = incoming::reason(&response.headers);
        let retry_after_s =
            response.headers.value(&HeaderName::RetryAfter).and_then(|value| incoming::seconds(&value));
        self.attempt_failed(id, Failure { status, kind: FailureKind::Answered, q850, retry_after_s });
    }
}

/// The dialog that a 2xx makes (RFC 3261 12.1.2).
pub(super) fn peer_dialog(leg: &Leg, headers: &Headers, tag: String, from: Hop) -> DialogState {
    let base = &leg.dialog;
    let mut route_set = list_of(headers, &HeaderName::RecordRoute);
    route_set.reverse();
    let contact = list_of(headers, &HeaderName::Contact).into_iter().next();
    let remote_target =
        contact.map_or(base.remote_target.clone(), |contact| compose::uri_of(&contact).to_owned());
    let hop = route_set.first().map_or(remote_target.as_str(), |route| compose::uri_of(route));
    let next_hop = if leg.keeps_flow { from } else { compose::next_hop(hop, from) };
    DialogState { remote_tag: tag, route_set, remote_target, next_hop, ..base.clone() }
}

/// All values of a list header, repeated lines and commas alike; unreadable ones are left out.
pub(super) fn list_of(headers: &Headers, name: &HeaderName) -> Vec<String> {
    let mut values = Vec::new();
    for header in headers.get_all(name) {
        let value = header.value();
        let text = String::from_utf8_lossy(&value);
        let mut depth = 0;
        let mut quoted = false;
        let parts = text.split(|c: char| {
            match c {
                '"' if depth == 0 => quoted = !quoted,
                '<' if !quoted => depth += 1,
                '>' if !quoted => depth -= 1,
                _ => {}
            }
            c == ',' && !quoted && depth <= 0
        });
        let usable = |part: &&str| compose::is_clean(part) && compose::is_uri(compose::uri_of(part));
        values.extend(parts.map(str::trim).filter(usable).map(str::to_owned));
    }
    values.truncate(32);
    values
}

/// The session description of a response.
pub(super) fn sdp_of(response: &Response) -> Option<Vec<u8>> {
    let body = response.body();
    (incoming::body_kind(&response.headers, body) == Body::Sdp).then(|| body.to_vec())
}

/// Everything that goes into the message is checked here; the From value is the result.
fn check_invite(invite: &Invite) -> Result<String, Refused> {
    let uris = [
        Some(&invite.request_uri),
        Some(&invite.to_uri),
        invite.asserted.as_ref(),
        invite.diversion.as_ref(),
    ];
    let writable = invite.credentials.as_ref().is_none_or(Credentials::is_writable);
    if invite.sdp.is_empty() || !writable || !uris.into_iter().flatten().all(|uri| compose::is_uri(uri)) {
        return Err(Refused::BadValue);
    }
    // A proxy without `lr` is a strict router (RFC 2543): it wants another Request-URI, and none is left.
    let is_proxy = |value: &String| {
        compose::is_clean(value) && compose::is_uri(compose::uri_of(value)) && value.contains(";lr")
    };
    if !invite.route.iter().all(is_proxy) {
        return Err(Refused::BadValue);
    }
    let name_fits = |name: &str| {
        !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !OWN_HEADERS.iter().any(|own| own.eq_ignore_ascii_case(name))
    };
    if !invite.headers.iter().all(|(name, value)| name_fits(name) && compose::is_clean(value)) {
        return Err(Refused::BadValue);
    }
    compose::name_addr(&invite.from)
}
