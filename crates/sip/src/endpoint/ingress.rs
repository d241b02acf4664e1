//! The gate: what an arriving message is, whether it is fit to be looked at, and whom it concerns.
//! It refuses to keep state for messages that no leg wants; they are answered and forgotten (RFC 3261 8.2.7).

use sipx_sip::headers::Address;
use sipx_sip::{HeaderName, Method, Request, Response};

use super::Endpoint;
use crate::compose::{self, ALLOW, Message};
use crate::event::Event;
use crate::hop::Hop;
use crate::ids::{hex_string, unhex};
use crate::incoming::{self, Fault, Head, ReturnPath, tokens};
use crate::leg::State;
use crate::transaction::{ClientState, Purpose, ServerState};

/// A request that passed the gate.
pub(super) struct Arrival<'m> {
    pub(super) request: &'m Request,
    pub(super) head: Head<'m>,
    pub(super) path: ReturnPath,
    pub(super) key: u64,
    pub(super) from: Hop,
    pub(super) now_ms: u64,
}

impl Arrival<'_> {
    /// Via, From, Call-ID and CSeq lines as every response to this request carries them.
    pub(super) fn response_head(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(320);
        for (index, header) in self.request.headers.get_all(&HeaderName::Via).enumerate() {
            out.extend_from_slice(b"Via: ");
            if index == 0 {
                out.extend_from_slice(&self.path.top);
                out.extend_from_slice(&self.head.via[self.path.first_hop_end..]);
            } else {
                out.extend_from_slice(&header.value());
            }
            out.extend_from_slice(b"\r\n");
        }
        line(&mut out, "From", &self.head.from);
        line(&mut out, "Call-ID", &self.head.call_id);
        out.extend_from_slice(format!("CSeq: {} ", self.head.cseq).as_bytes());
        out.extend_from_slice(self.request.method.as_bytes());
        out.extend_from_slice(b"\r\n");
        out
    }

    /// The options of Require that we do not have.
    fn unsupported(&self) -> Option<String> {
        let mut missing = Vec::new();
        for header in self.request.headers.get_all(&HeaderName::Require) {
            for token in tokens(&header.value()) {
                let ours: &[&[u8]] = match self.request.method {
                    Method::Register => &[b"path", b"outbound"],
                    _ => &[b"timer", b"100rel"],
                };
                if !ours.iter().any(|option| token.eq_ignore_ascii_case(option)) {
                    missing.push(String::from_utf8_lossy(token).into_owned());
                }
            }
        }
        if missing.is_empty() { None } else { Some(missing.join(", ")) }
    }
}

fn line(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

impl Endpoint {
    pub(super) fn receive_request(&mut self, request: &Request, raw: &[u8], from: Hop, now_ms: u64) {
        let head = match Head::read(&request.headers) {
            Ok(head) => head,
            Err(fault) => return self.refuse_unread(raw, from, fault.status, fault.phrase),
        };
        let Ok(path) = ReturnPath::read(&head.via, from) else {
            self.totals.dropped += 1;
            return;
        };
        let method = request.method.as_bytes();
        let uri = if head.branch().is_some() { Default::default() } else { request.uri.to_bytes() };
        let key = incoming::server_key(&self.keyed, method, &uri, &head, &path);
        let arrival = Arrival { request, head, path, key, from, now_ms };
        let basics = match () {
            () if !request.version.is_supported() => Err(Fault { status: 505, phrase: compose::phrase(505) }),
            () if arrival.head.cseq_method != method => {
                Err(Fault { status: 400, phrase: "CSeq Method Mismatch" })
            }
            () => Ok(()),
        };
        match basics {
            Ok(()) => self.route_request(arrival),
            Err(fault) => self.refuse_fault(&arrival, fault),
        }
    }

    fn route_request(&mut self, arrival: Arrival<'_>) {
        let method = &arrival.request.method;
        if let Some(&server) = self.servers_by_key.get(&arrival.key) {
            let accepted =
                self.servers.get(server).is_some_and(|server| server.state == ServerState::Accepted);
            match method {
                Method::Ack if accepted => self.receive_ack(&arrival),
                Method::Ack => self.confirm_server(server, arrival.now_ms),
                _ => self.repeat_last(server, arrival.now_ms),
            }
            return;
        }
        match method {
            Method::Ack => self.receive_ack(&arrival),
            Method::Cancel => self.receive_cancel(&arrival),
            _ if arrival.head.to_tag().is_some() => self.receive_inside(arrival),
            _ => self.receive_outside(arrival),
        }
    }

    /// A request that belongs to no dialog.
    fn receive_outside(&mut self, arrival: Arrival<'_>) {
        let addresses = [(&arrival.head.from, "From"), (&arrival.head.to, "To")];
        let malformed = addresses.into_iter().any(|(value, name)| Address::parse(value, name).is_err());
        if malformed {
            return self.refuse_fault(&arrival, Fault { status: 400, phrase: "Bad Address" });
        }
        if let Err(fault) = incoming::examine(arrival.request, &arrival.head) {
            return self.refuse_fault(&arrival, fault);
        }
        match &arrival.request.method {
            Method::Invite => {}
            Method::Register if self.config.registrar => {}
            _ if self.stranger => return self.totals.dropped += 1,
            Method::Options => {}
            Method::Bye | Method::Info | Method::Update | Method::Prack => return self.refuse(&arrival, 481),
            Method::Refer => return self.refuse(&arrival, 603),
            Method::Other(_) => return self.refuse_with(&arrival, 501, &[("Allow", ALLOW)]),
            _ => return self.refuse_with(&arrival, 405, &[("Allow", ALLOW)]),
        }
        if !arrival.request.uri.scheme().is_sip() && arrival.request.uri.tel_parts().is_none() {
            return self.refuse(&arrival, 416);
        }
        if let Some(missing) = arrival.unsupported() {
            return self.refuse_with(&arrival, 420, &[("Unsupported", &missing)]);
        }
        if arrival.request.method == Method::Invite {
            self.receive_invite(arrival);
        } else if arrival.request.method == Method::Register {
            self.receive_register(&arrival);
        } else if self.ready {
            let extra = [("Allow", ALLOW), ("Accept", "application/sdp"), ("Supported", compose::SUPPORTED)];
            self.answer_unkept(&arrival, 200, compose::phrase(200), &extra);
        } else {
            self.refuse_with(&arrival, 503, &[("Retry-After", "10")]);
        }
    }

    pub(super) fn refuse(&mut self, arrival: &Arrival<'_>, status: u16) {
        self.refuse_with(arrival, status, &[]);
    }

    pub(super) fn refuse_with(&mut self, arrival: &Arrival<'_>, status: u16, extra: &[(&str, &str)]) {
        if self.is_silent() {
            return;
        }
        self.answer_unkept(arrival, status, compose::phrase(status), extra);
    }

    pub(super) fn refuse_fault(&mut self, arrival: &Arrival<'_>, fault: Fault) {
        if self.is_silent() {
            return;
        }
        self.answer_unkept(arrival, fault.status, fault.phrase, &[]);
    }

    /// Whether a refusal is kept to ourselves; it is counted either way.
    fn is_silent(&mut self) -> bool {
        let count = if self.stranger { &mut self.totals.dropped } else { &mut self.totals.refused };
        *count += 1;
        self.stranger
    }

    /// Answer without a transaction: a repetition gets the same answer, made anew. ACK is never answered.
    pub(super) fn answer_unkept(
        &mut self,
        arrival: &Arrival<'_>,
        status: u16,
        phrase: &str,
        extra: &[(&str, &str)],
    ) {
        if arrival.request.method == Method::Ack {
            return;
        }
        let tag = match arrival.head.to_tag() {
            Some(_) => String::new(),
            None => hex_string(self.keyed.hash(&[b"unkept", &arrival.head.call_id, &arrival.head.from])),
        };
        let mut message = Message::response(&mut self.scratch, status, phrase);
        message.lines(&arrival.response_head());
        message.party("To", &String::from_utf8_lossy(&arrival.head.to), &tag);
        self.stamp.agent(&mut message, "Server");
        for (name, value) in extra {
            message.header(name, value);
        }
        let bytes = message.finish("", &[]);
        self.transmit(arrival.path.to, bytes, None);
    }

    /// A request that cannot be parsed is refused when its necessary headers can still be made out, else
    /// dropped; a response, or an ACK, is always dropped.
    pub(super) fn refuse_unread(&mut self, raw: &[u8], from: Hop, status: u16, phrase: &str) {
        let Some(salvaged) = Salvaged::read(raw) else {
            self.totals.dropped += 1;
            return;
        };
        let Ok(path) = ReturnPath::read(salvaged.via, from) else {
            self.totals.dropped += 1;
            return;
        };
        if self.is_silent() {
            return;
        }
        let mut head = Vec::with_capacity(320);
        line(&mut head, "Via", &[&path.top, &salvaged.via[path.first_hop_end..]].concat());
        line(&mut head, "From", salvaged.from);
        line(&mut head, "To", salvaged.to);
        line(&mut head, "Call-ID", salvaged.call_id);
        line(&mut head, "CSeq", salvaged.cseq);
        let bytes = Message::response(&mut self.scratch, status, phrase).lines(&head).finish("", &[]);
        self.transmit(path.to, bytes, None);
    }

    pub(super) fn receive_response(&mut self, response: &Response, from: Hop, now_ms: u64) {
        let head = match Head::read(&response.headers) {
            // A second Via means that the response was meant for somebody else (RFC 3261 8.1.3.3).
            Ok(head) if head.vias == 1 && response.version.is_supported() => head,
            _ => return self.totals.dropped += 1,
        };
        let Some(id) = self.client_of(&head) else {
            return self.totals.dropped += 1;
        };
        let Some(client) = self.clients.get_mut(id) else { return };
        let status = response.status.code();
        if client.purpose.is_invite() {
            return self.receive_invite_response(id, response, &head, from, now_ms);
        }
        if !client.is_pending() {
            return self.totals.repeated += 1;
        }
        if status < 200 {
            client.proceed(self.config.t1_ms, now_ms);
            return self.rearm_client(id);
        }
        let request = client.request.clone();
        client.complete(ClientState::Completed, self.config.t1_ms, now_ms);
        let (purpose, leg) = (client.purpose, client.leg);
        self.rearm_client(id);
        if self.prove(id, &request, status, &response.headers, now_ms) {
            return;
        }
        match (purpose, leg) {
            (Purpose::Register { registration }, _) => {
                self.register_answered(registration, status, &response.headers, now_ms);
            }
            (Purpose::Probe { probe, sent_ms }, _) => {
                let round_trip_ms = now_ms.saturating_sub(sent_ms);
                self.emit(Event::ProbeAnswered { probe, status, round_trip_ms });
            }
            (Purpose::RefreshUpdate, Some(leg)) if status < 300 => {
                self.session_refreshed(leg, &response.headers, now_ms);
            }
            (purpose, Some(leg)) => self.request_done(leg, purpose, status, now_ms),
            (_, None) => {}
        }
    }

    /// The client transaction that a response answers (RFC 3261 17.1.3).
    fn client_of(&self, head: &Head<'_>) -> Option<u64> {
        let branch = unhex(head.branch()?.strip_prefix(b"z9hG4bK")?)?;
        let cancel = u64::from(*head.cseq_method == *b"CANCEL");
        if branch & 1 != 0 {
            return None;
        }
        let &id = self.clients_by_branch.get(&(branch | cancel))?;
        let client = self.clients.get(id)?;
        let invite = *head.cseq_method == *b"INVITE";
        (client.cseq == head.cseq && client.purpose.is_invite() == invite).then_some(id)
    }

    /// Whether a request with this To tag, From tag and Call-ID belongs to a leg.
    pub(super) fn leg_of(&self, head: &Head<'_>) -> Option<crate::LegId> {
        let tag = head.to_tag()?;
        let &id = self.tags.get(&self.tag_number(tag))?;
        let leg = self.legs.get(id.0)?;
        let dialog = &leg.dialog;
        let same = dialog.local_tag.as_bytes() == tag
            && dialog.call_id.as_bytes() == &*head.call_id
            && dialog.remote_tag.as_bytes() == head.their_tag().unwrap_or_default();
        // Before the first 2xx our INVITE has no dialog, only candidates.
        (same && !matches!(leg.state, State::Inviting(_) | State::Over)).then_some(id)
    }
}

/// The lines of a broken request that a response must copy.
struct Salvaged<'r> {
    via: &'r [u8],
    from: &'r [u8],
    to: &'r [u8],
    call_id: &'r [u8],
    cseq: &'r [u8],
}

impl<'r> Salvaged<'r> {
    fn read(raw: &'r [u8]) -> Option<Salvaged<'r>> {
        let mut lines = raw.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let start = lines.next()?;
        let is_request = start.trim_ascii_end().ends_with(b"SIP/2.0") && !start.starts_with(b"SIP/");
        if !is_request || start.starts_with(b"ACK") {
            return None;
        }
        let (mut via, mut from, mut to, mut call_id, mut cseq) = (None, None, None, None, None);
        for line in lines.take_while(|line| !line.is_empty()).take(128) {
            let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
            let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
            let place = match name.to_ascii_lowercase().as_slice() {
                b"via" | b"v" => &mut via,
                b"from" | b"f" => &mut from,
                b"to" | b"t" => &mut to,
                b"call-id" | b"i" => &mut call_id,
                b"cseq" => &mut cseq,
                _ => continue,
            };
            let clean = value.len() <= 1024
                && !value.is_empty()
                && !value.iter().any(|&byte| byte < 0x20 && byte != b'\t');
            if place.is_none() && clean {
                *place = Some(value);
            }
        }
        Some(Salvaged { via: via?, from: from?, to: to?, call_id: call_id?, cseq: cseq? })
    }
}
