//! Their calls: INVITE in, our answers to it, their CANCEL and their ACK.
//! It refuses to know whether the call is welcome.

use bytes::Bytes;
use sipx_sip::headers::Address;
use sipx_sip::{HeaderName, Headers, Uri};

use super::Endpoint;
use super::ingress::Arrival;
use super::uac::list_of;
use crate::command::{LegId, Reason};
use crate::compose;
use crate::dialog::DialogState;
use crate::digest::Claim;
use crate::event::{Arriving, Event, Replaces};
use crate::incoming::{self, Body, Extensions, Fault};
use crate::leg::{Answer, Asked, Deadline, State};
use crate::transaction::{ServerMethod, ServerState, T2_MS};

/// RFC 3261 13.3.1.1: a proxy forgets a call without a provisional response for three minutes.
const PROVISIONAL_EVERY_MS: u64 = 60_000;

impl Endpoint {
    /// An INVITE outside any dialog.
    pub(super) fn receive_invite(&mut self, arrival: Arrival<'_>) {
        let cseq = arrival.head.cseq.to_be_bytes();
        let from_tag = arrival.head.their_tag().unwrap_or_default();
        let merged_key = self.keyed.hash(&[b"merged", &arrival.head.call_id, from_tag, &cseq]);
        if self.merged.contains_key(&merged_key) {
            return self.refuse(&arrival, 482);
        }
        if self.is_ours(&arrival) {
            return self.refuse(&arrival, 482);
        }
        if arrival.head.max_forwards() == Ok(0) {
            return self.refuse(&arrival, 483);
        }
        let request = arrival.request;
        let kind = incoming::body_kind(&request.headers, request.body());
        if kind == Body::Foreign {
            return self.refuse_with(&arrival, 415, &[("Accept", "application/sdp")]);
        }
        let extensions = Extensions::read(&request.headers);
        if let Some(min_se) = self.too_short(&extensions) {
            return self.refuse_with(&arrival, 422, &[("Min-SE", &min_se)]);
        }
        if self.legs.len() >= self.config.max_legs {
            return self.refuse_with(&arrival, 503, &[("Retry-After", "10")]);
        }
        let Some(invite) = arriving(&arrival, kind == Body::Sdp, extensions.supports_timer) else {
            return self.refuse_fault(&arrival, Fault { status: 400, phrase: "Bad Address" });
        };
        let id = self.open_leg(State::Invited, dialog_of(&arrival), false);
        let server = self.open_server(&arrival, Some(id), ServerMethod::Invite);
        if let Some(server) = self.servers.get_mut(server) {
            server.merged_key = Some(merged_key);
        }
        self.merged.insert(merged_key, server);
        if let Some(leg) = self.legs.get_mut(id.0) {
            leg.invite = Some(server);
            leg.allows_update = extensions.allows_update;
            leg.reliable.wanted = extensions.supports_100rel;
            leg.asked = Asked::from_request(&extensions);
            leg.remote_sdp = invite.sdp.as_deref().map_or(Bytes::new(), Bytes::copy_from_slice);
        }
        self.emit(Event::Invited { leg: id, invite: Box::new(invite) });
    }

    /// 100 Trying: the caller stops repeating its INVITE.
    pub fn trying(&mut self, leg: LegId, now_ms: u64) {
        if let Some(server) = self.open_invite(leg) {
            self.respond(server, 100, &[], now_ms, |_| {});
        }
    }

    /// A provisional response of 101 to 199, with early media if there is a description. It is repeated every
    /// minute until the final one, and until it is acknowledged where the caller understands that (RFC 3262; the 200
    /// then waits for the PRACK of a description). Other values are ignored.
    pub fn provisional(&mut self, leg: LegId, status: u16, sdp: Option<Vec<u8>>, now_ms: u64) {
        let Some(server) = self.open_invite(leg).filter(|_| (101..200).contains(&status)) else { return };
        let sdp = sdp.unwrap_or_default();
        if !self.provisional_reliably(leg, server, status, &sdp, now_ms) {
            self.respond(server, status, &sdp, now_ms, |_| {});
        }
        if let Some(leg) = self.legs.get_mut(leg.0) {
            leg.deadlines.set(Deadline::RepeatProvisional, now_ms + PROVISIONAL_EVERY_MS);
        }
        self.rearm_leg(leg);
    }

    pub(super) fn repeat_provisional(&mut self, id: LegId, now_ms: u64) {
        let Some(server) = self.open_invite(id).and_then(|server| self.servers.get(server)) else { return };
        let (to, last) = (server.to, server.last.clone());
        self.transmit(to, last, Some(id));
        if let Some(leg) = self.legs.get_mut(id.0) {
            leg.deadlines.set(Deadline::RepeatProvisional, now_ms + PROVISIONAL_EVERY_MS);
        }
    }

    /// 200 with our description, repeated until it is acknowledged. After 64·T1 without ACK the user hears
    /// `AckMissing` and a BYE goes out.
    pub fn answer(&mut self, leg: LegId, sdp: Vec<u8>, now_ms: u64) {
        let Some(server) = self.open_invite(leg).filter(|_| !self.hold_answer(leg, &sdp)) else { return };
        self.accept(leg, server, sdp, now_ms);
        if let Some(state) = self.legs.get_mut(leg.0) {
            state.state = State::ExpectAck;
            state.deadlines.clear(Deadline::RepeatProvisional);
            state.deadlines.clear(Deadline::ResendProvisional);
            state.deadlines.clear(Deadline::PrackMissing);
        }
        self.rearm_leg(leg);
    }

    /// 200 to an INVITE or UPDATE of theirs, with what was agreed about session timers.
    pub(super) fn accept(&mut self, id: LegId, server: u64, sdp: Vec<u8>, now_ms: u64) {
        let session = self.agree_session(id, now_ms);
        let bytes = self.respond(server, 200, &sdp, now_ms, |message| session.write(message));
        let kept = self.servers.get(server).map(|server| (server.method, server.cseq, server.to));
        let (Some(bytes), Some((method, cseq, to)), Some(leg)) = (bytes, kept, self.legs.get_mut(id.0))
        else {
            return;
        };
        leg.local_sdp = Bytes::from(sdp);
        if method == ServerMethod::Invite {
            let t1_ms = self.config.t1_ms;
            let offered = leg.remote_sdp.is_empty();
            leg.answer = Some(Answer { cseq, bytes, to, interval_ms: t1_ms, offered });
            leg.deadlines.set(Deadline::ResendAnswer, now_ms + t1_ms);
            leg.deadlines.set(Deadline::AckMissing, now_ms + 64 * t1_ms);
        }
    }

    pub(super) fn resend_answer(&mut self, id: LegId, now_ms: u64) {
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        let Some(answer) = &mut leg.answer else { return };
        answer.interval_ms = (answer.interval_ms * 2).min(T2_MS);
        leg.deadlines.set(Deadline::ResendAnswer, now_ms + answer.interval_ms);
        let (to, bytes) = (answer.to, answer.bytes.clone());
        self.totals.retransmitted += 1;
        self.transmit(to, bytes, Some(id));
    }

    /// RFC 3261 13.3.1.4: the dialog stands, but the session is ended with BYE.
    pub(super) fn ack_missing(&mut self, id: LegId, now_ms: u64) {
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        if leg.answer.take().is_none() {
            return;
        }
        leg.deadlines.clear(Deadline::ResendAnswer);
        let reason = leg.bye_held.take().flatten();
        self.emit(Event::AckMissing { leg: id });
        self.send_bye(id, reason.as_ref(), now_ms);
    }

    /// Refuse the call with 300 to 699; other values become 500.
    pub fn reject(
        &mut self,
        leg: LegId,
        status: u16,
        reason: Option<Reason>,
        retry_after_s: Option<u32>,
        now_ms: u64,
    ) {
        let Some(server) = self.open_invite(leg) else { return };
        let status = if (300..700).contains(&status) { status } else { 500 };
        self.respond(server, status, &[], now_ms, |message| {
            message.reason(reason.as_ref());
            if let Some(seconds) = retry_after_s {
                message.number("Retry-After", seconds);
            }
        });
        self.close(leg);
    }

    /// As [`Endpoint::reject`], with the words of the reason in a Warning too (RFC 3261 20.43, code 399): phones show them
    /// to people.
    pub fn reject_saying(&mut self, leg: LegId, status: u16, reason: &Reason, now_ms: u64) {
        let Some(server) = self.open_invite(leg) else { return };
        let status = if (300..700).contains(&status) { status } else { 500 };
        let text = reason.text.as_deref().filter(|text| compose::is_clean(text));
        let warning = text.map(|text| format!("399 {} {}", self.config.contact_user, compose::quoted(text)));
        self.respond(server, status, &[], now_ms, |message| {
            message.reason(Some(reason));
            if let Some(warning) = &warning {
                message.header("Warning", warning);
            }
        });
        self.close(leg);
    }

    /// Ask the caller of `Invited` who it is: 401 with these values of WWW-Authenticate. Nothing is kept of the call;
    /// the caller comes back with another INVITE.
    pub fn challenge(&mut self, leg: LegId, values: &[String], now_ms: u64) {
        let Some(server) = self.open_invite(leg) else { return };
        self.respond(server, 401, &[], now_ms, |message| {
            values.iter().for_each(|value| {
                message.header("WWW-Authenticate", value);
            });
        });
        self.let_go(leg, server);
    }

    /// Leave the INVITE of `Invited` without an answer and forget it, so that strangers neither learn that somebody is
    /// here nor fill a table.
    pub fn ignore(&mut self, leg: LegId) {
        if let Some(server) = self.open_invite(leg) {
            self.let_go(leg, server);
        }
    }

    fn let_go(&mut self, leg: LegId, server: u64) {
        self.close(leg);
        self.end_server(server);
    }

    /// Their INVITE, while it waits for our final response.
    fn open_invite(&self, leg: LegId) -> Option<u64> {
        self.legs.get(leg.0).filter(|leg| leg.state == State::Invited).and_then(|leg| leg.invite)
    }

    /// Whether an INVITE is one of ours that went in a circle: a Via names a transaction of ours that still waits
    /// (FAULTS N8). Whoever writes his own Vias in between is stopped by Max-Forwards.
    fn is_ours(&self, arrival: &Arrival<'_>) -> bool {
        let vias = arrival.request.headers.get_all(&HeaderName::Via);
        vias.flat_map(|via| incoming::own_branches(&via.value()).collect::<Vec<_>>())
            .any(|branch| self.clients_by_branch.contains_key(&branch))
    }

    /// CANCEL (RFC 3261 9.2): always answered; it ends only an INVITE that has no final response.
    pub(super) fn receive_cancel(&mut self, arrival: &Arrival<'_>) {
        let key = incoming::server_key(&self.keyed, b"INVITE", &[], &arrival.head, &arrival.path);
        let Some((id, server)) =
            self.servers_by_key.get(&key).and_then(|&id| Some((id, self.servers.get(id)?)))
        else {
            return self.refuse(arrival, 481);
        };
        let (pending, leg) = (server.state == ServerState::Proceeding, server.leg);
        self.answer_unkept(arrival, 200, compose::phrase(200), &[]);
        let Some(leg_id) = leg.filter(|_| pending) else { return };
        self.respond(id, 487, &[], arrival.now_ms, |_| {});
        let Some(leg) = self.legs.get_mut(leg_id.0) else { return };
        if leg.reinvite_in == Some(id) {
            leg.reinvite_in = None;
        } else if leg.state == State::Invited {
            let (q850, _) = incoming::reason(&arrival.request.headers);
            self.caller_left(leg_id, q850);
        }
    }

    /// ACK to a 2xx of ours.
    pub(super) fn receive_ack(&mut self, arrival: &Arrival<'_>) {
        let Some(id) = self.leg_of(&arrival.head) else {
            return self.totals.dropped += 1;
        };
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        if leg.answer.as_ref().is_none_or(|answer| answer.cseq != arrival.head.cseq) {
            return self.totals.repeated += 1;
        }
        leg.follow(arrival.from);
        let offered = leg.answer.take().is_some_and(|answer| answer.offered);
        leg.deadlines.clear(Deadline::ResendAnswer);
        leg.deadlines.clear(Deadline::AckMissing);
        let body = arrival.request.body();
        let answered = offered && incoming::body_kind(&arrival.request.headers, body) == Body::Sdp;
        if answered {
            leg.remote_sdp = Bytes::copy_from_slice(body);
        }
        let first = leg.state == State::ExpectAck;
        if first {
            leg.state = State::Confirmed;
        }
        let held = leg.bye_held.take();
        if first || answered {
            self.emit(Event::Acked { leg: id, sdp: answered.then(|| body.to_vec()) });
        }
        match held {
            Some(reason) => self.send_bye(id, reason.as_ref(), arrival.now_ms),
            None => self.try_reinvite(id, arrival.now_ms),
        }
        self.rearm_leg(id);
    }
}

impl Asked {
    pub(super) fn from_request(extensions: &Extensions) -> Asked {
        Asked {
            supports_timer: extensions.supports_timer,
            expires: extensions.session_expires,
            min_se_s: extensions.min_se_s.unwrap_or(90),
        }
    }
}

/// The dialog that our 2xx will make (RFC 3261 12.1.1).
fn dialog_of(arrival: &Arrival<'_>) -> DialogState {
    let headers = &arrival.request.headers;
    let remote = incoming::without_tag(&arrival.head.from);
    let route_set = list_of(headers, &HeaderName::RecordRoute);
    let contact = list_of(headers, &HeaderName::Contact).into_iter().next();
    // RFC 3261 demands a Contact; some carriers forget it, and then the From URI is the best there is.
    let remote_target = compose::uri_of(contact.as_deref().unwrap_or(&remote)).to_owned();
    let hop = route_set.first().map_or(remote_target.as_str(), |route| compose::uri_of(route));
    DialogState {
        call_id: arrival.head.call_id().to_owned(),
        local_tag: String::new(),
        remote_tag: String::from_utf8_lossy(arrival.head.their_tag().unwrap_or_default()).into_owned(),
        local: incoming::without_tag(&arrival.head.to),
        remote,
        next_hop: compose::next_hop(hop, arrival.from),
        route_set,
        remote_target,
        local_cseq: 0,
        remote_cseq: arrival.head.cseq,
    }
}

/// What the user needs to know to decide the call.
fn arriving(arrival: &Arrival<'_>, has_sdp: bool, supports_timer: bool) -> Option<Arriving> {
    let (request, head) = (arrival.request, &arrival.head);
    let from = Address::parse(&head.from, "From").ok()?;
    let to = Address::parse(&head.to, "To").ok()?;
    let address = |name| {
        let value = incoming::other(&request.headers, name)?;
        let first = Address::parse_list(&value, "identity").ok()?.into_iter().next()?;
        Some(first.uri)
    };
    let privacy = request.headers.get_all(&HeaderName::Privacy).any(|header| {
        let value = header.value();
        value.split(|&byte| byte == b';').any(|word| {
            [&b"id"[..], b"user", b"header"].iter().any(|asked| word.trim_ascii().eq_ignore_ascii_case(asked))
        })
    });
    Some(Arriving {
        from: arrival.from,
        request_uri_user: user_of(&request.uri),
        request_uri_host: host_of(&request.uri),
        to_user: user_of(&to.uri),
        from_user: caller_of(&from.uri),
        from_host: host_of(&from.uri),
        from_display: from.display_name.map(|name| String::from_utf8_lossy(&name).into_owned()),
        asserted: address(b"P-Asserted-Identity").map(|uri| caller_of(&uri)),
        privacy,
        diversion: address(b"Diversion").map(|uri| user_of(&uri)),
        history: history_of(&request.headers),
        call_id: head.call_id().to_owned(),
        replaces: incoming::other(&request.headers, b"Replaces").and_then(|value| Replaces::read(&value)),
        sdp: has_sdp.then(|| request.body().to_vec()),
        max_forwards: head.max_forwards().ok()?,
        claim: request.headers.value(&HeaderName::Authorization).and_then(|v| Claim::read(&v)).map(Box::new),
        supports_timer,
    })
}

/// Users of at most this many entries of History-Info are read: a longer history is a loop.
const HISTORY_MAX: usize = 16;

/// The users of all History-Info entries, in the order of the headers.
fn history_of(headers: &Headers) -> Vec<String> {
    let named = |header: &&sipx_sip::Header| header.name().canonical().eq_ignore_ascii_case(b"History-Info");
    let entries = headers.iter().filter(named).flat_map(|header| {
        Address::parse_list(&header.value(), "history")
            .into_iter()
            .flatten()
            .map(|entry| user_of(&entry.uri))
            .collect::<Vec<_>>()
    });
    entries.take(HISTORY_MAX).collect()
}

/// The user of a sip or sips URI unescaped, or the number of a tel URI.
pub(super) fn user_of(uri: &Uri) -> String {
    if let Some(tel) = uri.tel_parts() {
        return String::from_utf8_lossy(tel.subscriber()).into_owned();
    }
    let user = uri.decoded_user().unwrap_or_default();
    // A telephone number may carry parameters inside the user part: `13800138000;phone-context=…`.
    let number = user.split(|&byte| byte == b';').next().unwrap_or_default();
    String::from_utf8_lossy(number).into_owned()
}

/// As [`user_of`], followed by `;phone-context=…` where the URI has one: without it a local number of elsewhere would be
/// taken for one of the trunk's own area (RFC 3966 section 5.1.5).
fn caller_of(uri: &Uri) -> String {
    const CONTEXT: &[u8] = b"phone-context=";
    let user = uri.decoded_user().unwrap_or_default();
    let parameters = match uri.tel_parts() {
        Some(tel) => tel.parameters().unwrap_or_default(),
        None => &user,
    };
    let is_context =
        |one: &&[u8]| one.get(..CONTEXT.len()).is_some_and(|name| name.eq_ignore_ascii_case(CONTEXT));
    match parameters.split(|&byte| byte == b';').find(is_context) {
        Some(context) => format!("{};{}", user_of(uri), String::from_utf8_lossy(context)),
        None => user_of(uri),
    }
}

pub(super) fn host_of(uri: &Uri) -> String {
    uri.host().map_or(String::new(), |host| String::from_utf8_lossy(&host.to_bytes()).into_owned())
}
