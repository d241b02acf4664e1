//! A small SIP user agent (RFC 3261) without I/O: any number of legs, as caller and as callee, over UDP.
//! Datagrams and commands in, datagrams and events out, time as values in ms. It refuses to know sockets, sound, and why
//! anybody calls; and it shares no code with `crates/sip`, so that a fault there is not mirrored here.

mod leg;
mod text;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::net::SocketAddr;

use crate::digest::{self, Credentials};
use crate::random::mix;
use crate::wire::{self, Message, Method, Start};
use leg::{Leg, Resend, Resending, State};

/// One call of this agent: place in the table and generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LegId {
    index: u32,
    generation: u32,
}

impl LegId {
    /// Its place, free again some time after the leg's last event: good as an index of the user's own table.
    pub(crate) fn index(self) -> usize {
        self.index as usize
    }
}

/// The settings of an agent.
#[derive(Clone, Debug)]
pub(crate) struct AgentConfig {
    /// Our address as others reach it.
    pub(crate) local: SocketAddr,
    /// The key of tags and branches.
    pub(crate) seed: u64,
    /// RFC 3261 T1.
    pub(crate) t1_ms: u64,
    /// How long an ended leg answers repetitions.
    pub(crate) linger_ms: u64,
    /// What it says when its INVITE is challenged.
    pub(crate) credentials: Option<Credentials>,
}

impl AgentConfig {
    pub(crate) fn new(local: SocketAddr, seed: u64) -> AgentConfig {
        AgentConfig { local, seed, t1_ms: 500, linger_ms: 5_000, credentials: None }
    }
}

/// A datagram to send.
#[derive(Debug)]
pub(crate) struct Transmit {
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
}

/// What happened to a leg. `Failed`, `Cancelled`, `Bye`, `ByeDone` and a refusal of ours are the last of it.
#[derive(Debug, PartialEq)]
pub(crate) enum Event {
    /// A call arrives; nothing has been answered yet.
    Invited(Box<Invited>),
    /// A provisional response to our INVITE.
    Progress { status: u16, sdp: Option<Vec<u8>> },
    /// 2xx to our INVITE; our ACK is out.
    Answered { sdp: Vec<u8> },
    /// Our INVITE came to nothing; `status` is 408 when no final response came.
    Failed { status: u16, response: bool, q850: Option<u16>, reason: Option<String> },
    /// The caller gave up; 200 and 487 are out.
    Cancelled,
    /// Our 200 was acknowledged.
    Acked,
    /// The far end has offered other media inside the call; we accepted with our old description.
    Reoffered { sdp: Vec<u8> },
    /// The far end hung up; our 200 is out.
    Bye { q850: Option<u16>, reason: Option<String> },
    /// Our BYE was answered with `status`, or nobody did.
    ByeDone { status: Option<u16> },
}

/// An arriving INVITE.
#[derive(Debug, PartialEq)]
pub(crate) struct Invited {
    /// User of the Request-URI.
    pub(crate) number: String,
    /// User of From.
    pub(crate) from: String,
    /// User of P-Asserted-Identity.
    pub(crate) asserted: Option<String>,
    /// The offer.
    pub(crate) sdp: Vec<u8>,
}

/// The agent.
pub(crate) struct Agent {
    config: AgentConfig,
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Incoming INVITEs by Call-ID and From tag, for requests that do not carry our tag yet.
    invites: HashMap<(String, String), LegId>,
    timers: BinaryHeap<Reverse<(u64, LegId)>>,
    transmits: VecDeque<Transmit>,
    events: VecDeque<(LegId, Event)>,
    branches: u64,
    retransmitted: u64,
    live: usize,
}

struct Slot {
    generation: u32,
    leg: Option<Box<Leg>>,
}

impl Agent {
    pub(crate) fn new(config: AgentConfig) -> Agent {
        Agent {
            config,
            slots: Vec::new(),
            free: Vec::new(),
            invites: HashMap::new(),
            timers: BinaryHeap::new(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            branches: 0,
            retransmitted: 0,
            live: 0,
        }
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    pub(crate) fn poll_event(&mut self) -> Option<(LegId, Event)> {
        self.events.pop_front()
    }

    /// When `handle_timeout` may have something to do.
    pub(crate) fn next_timeout(&self) -> Option<u64> {
        self.timers.peek().map(|Reverse((at_ms, _))| *at_ms)
    }

    /// Messages of ours sent again by timers.
    pub(crate) fn retransmitted(&self) -> u64 {
        self.retransmitted
    }

    /// Legs held, ended ones that still answer repetitions included.
    #[cfg(test)]
    pub(crate) fn legs(&self) -> usize {
        self.slots.iter().filter(|slot| slot.leg.is_some()).count()
    }

    /// Legs that have not ended.
    pub(crate) fn live(&self) -> usize {
        self.live
    }

    /// The Call-ID of a leg that is still held.
    pub(crate) fn call_id(&self, id: LegId) -> Option<&str> {
        self.slots.get(id.index())?.leg.as_ref().map(|leg| leg.call_id.as_str())
    }

    /// Calls `number` at `to` as `from`, offering `sdp`.
    pub(crate) fn invite(
        &mut self,
        to: SocketAddr,
        number: &str,
        from: &str,
        sdp: Vec<u8>,
        now_ms: u64,
    ) -> LegId {
        let id = self.reserve();
        let local = self.config.local;
        let request_uri = format!("sip:{number}@{to}");
        let leg = Leg {
            state: State::Calling { provisional: false, cancel: false },
            call_id: format!("{:016x}-{:x}@{}", self.secret(id), self.branches, local.ip()),
            local_tag: self.tag(id),
            remote_tag: String::new(),
            local: format!("<sip:{from}@{local}>"),
            remote: format!("<{request_uri}>"),
            contact: format!("<sip:{from}@{local}>"),
            routes: Vec::new(),
            target: request_uri,
            hop: to,
            invite_hop: to,
            cseq: 1,
            invite_cseq: 1,
            remote_cseq: 0,
            branch: self.branch(id),
            head: String::new(),
            response: Vec::new(),
            ack: Vec::new(),
            sdp,
            resend: None,
            expire_at: None,
        };
        let asserted = format!("P-Asserted-Identity: {}\r\n", leg.local);
        let bytes = leg.invite(local, &asserted);
        self.store(id, leg);
        self.send_with_resend(id, Resending::Invite, to, bytes, now_ms);
        id
    }

    /// Sends a 1xx for an arriving call, with a description for early media.
    pub(crate) fn ring(&mut self, id: LegId, status: u16, sdp: Option<&[u8]>) {
        let Some(leg) = self.leg(id).filter(|leg| leg.state == State::Ringing) else { return };
        let bytes = leg.invite_response(status, "", sdp.unwrap_or_default());
        let to = leg.invite_hop;
        leg.response.clone_from(&bytes);
        self.transmits.push_back(Transmit { to, bytes });
    }

    /// Answers an arriving call with 200.
    pub(crate) fn answer(&mut self, id: LegId, sdp: Vec<u8>, now_ms: u64) {
        let Some(leg) = self.leg(id).filter(|leg| leg.state == State::Ringing) else { return };
        leg.state = State::Talking;
        leg.expire_at = None;
        let bytes = leg.invite_response(200, "", &sdp);
        let to = leg.invite_hop;
        leg.response.clone_from(&bytes);
        leg.sdp = sdp;
        self.send_with_resend(id, Resending::Answer, to, bytes, now_ms);
    }

    /// Refuses an arriving call, with a Q.850 cause where one says more.
    pub(crate) fn reject(&mut self, id: LegId, status: u16, q850: Option<u16>, now_ms: u64) {
        if self.leg(id).is_none_or(|leg| leg.state != State::Ringing) {
            return;
        }
        let reason = q850.map(|cause| format!("Reason: Q.850;cause={cause}\r\n")).unwrap_or_default();
        self.refuse(id, status, &reason, now_ms);
    }

    /// Forgets an arriving call without a word, as a dead line would; its repetitions are not heard either.
    pub(crate) fn ignore(&mut self, id: LegId, now_ms: u64) {
        let expire_at = now_ms + 64 * self.config.t1_ms;
        let Some(leg) = self.leg(id).filter(|leg| leg.state == State::Ringing) else { return };
        leg.response.clear();
        self.end(id, expire_at);
    }

    /// Ends a leg whatever its state: CANCEL, BYE or 603.
    pub(crate) fn hang_up(&mut self, id: LegId, now_ms: u64) {
        let Some(leg) = self.leg(id) else { return };
        match leg.state {
            State::Calling { provisional: true, cancel: false } => self.cancel(id, now_ms),
            State::Calling { provisional: false, cancel: false } => {
                leg.state = State::Calling { provisional: false, cancel: true };
            }
            State::Ringing => self.reject(id, 603, None, now_ms),
            State::Talking => self.bye(id, now_ms),
            State::Calling { .. } | State::Refused | State::Leaving | State::Over => (),
        }
    }

    fn cancel(&mut self, id: LegId, now_ms: u64) {
        let local = self.config.local;
        let Some(leg) = self.leg(id) else { return };
        leg.state = State::Calling { provisional: true, cancel: true };
        let (bytes, to) = (leg.cancel(local), leg.invite_hop);
        self.send_with_resend(id, Resending::Cancel, to, bytes, now_ms);
    }

    fn bye(&mut self, id: LegId, now_ms: u64) {
        let (local, branch) = (self.config.local, self.branch(id));
        let Some(leg) = self.leg(id) else { return };
        leg.state = State::Leaving;
        leg.cseq += 1;
        let bytes = leg.request(local, "BYE", leg.cseq, &branch, "");
        let to = leg.hop;
        self.send_with_resend(id, Resending::Bye, to, bytes, now_ms);
    }

    fn refuse(&mut self, id: LegId, status: u16, headers: &str, now_ms: u64) {
        let Some(leg) = self.leg(id) else { return };
        leg.state = State::Refused;
        let bytes = leg.invite_response(status, headers, b"");
        let to = leg.invite_hop;
        leg.response.clone_from(&bytes);
        self.live -= 1;
        self.send_with_resend(id, Resending::Refusal, to, bytes, now_ms);
    }

    /// A datagram arrived.
    pub(crate) fn receive(&mut self, datagram: &[u8], from: SocketAddr, now_ms: u64) {
        let Some(message) = Message::parse(datagram) else { return };
        match message.start {
            Start::Response { status, words } => self.receive_response(&message, status, words, now_ms),
            Start::Request { method, uri } => self.receive_request(&message, method, uri, from, now_ms),
        }
    }

    fn receive_response(&mut self, message: &Message<'_>, status: u16, words: &str, now_ms: u64) {
        let Some(id) = self.leg_of_tag(wire::parameter(message.from, "tag")) else { return };
        match message.cseq_method {
            Method::Invite if status < 200 => self.invite_progress(id, message, status, now_ms),
            Method::Invite if status < 300 => self.invite_answered(id, message, now_ms),
            Method::Invite => self.invite_refused(id, message, status, words, now_ms),
            Method::Cancel if status >= 200 => {
                let give_up_at = now_ms + 64 * self.config.t1_ms;
                let Some(leg) = self.leg(id) else { return };
                if leg.resend.take_if(|resend| resend.what == Resending::Cancel).is_some() {
                    leg.expire_at = Some(give_up_at);
                    self.timers.push(Reverse((give_up_at, id)));
                }
            }
            Method::Bye if status >= 200 => {
                let leaving = self.leg(id).is_some_and(|leg| leg.state == State::Leaving);
                if leaving {
                    self.finish(id, Event::ByeDone { status: Some(status) }, now_ms);
                }
            }
            _ => (),
        }
    }

    fn invite_progress(&mut self, id: LegId, message: &Message<'_>, status: u16, now_ms: u64) {
        // Timer C: a call may ring for as long as its user lets it, but not for ever.
        let give_up_at = now_ms + RINGING_MS_MAX;
        let Some(leg) = self.leg(id) else { return };
        let State::Calling { provisional, cancel } = leg.state else { return };
        leg.resend.take_if(|resend| resend.what == Resending::Invite);
        leg.state = State::Calling { provisional: true, cancel };
        if !provisional {
            leg.expire_at = Some(give_up_at);
        }
        let sdp = (!message.body.is_empty()).then(|| message.body.to_vec());
        self.events.push_back((id, Event::Progress { status, sdp }));
        if !provisional {
            self.timers.push(Reverse((give_up_at, id)));
            if cancel {
                self.cancel(id, now_ms);
            }
        }
    }

    fn invite_answered(&mut self, id: LegId, message: &Message<'_>, now_ms: u64) {
        let (local, branch) = (self.config.local, self.branch(id));
        let Some(leg) = self.leg(id) else { return };
        let tag = wire::parameter(message.to, "tag").unwrap_or_default();
        let State::Calling { cancel, .. } = leg.state else {
            if leg.remote_tag == tag && !leg.ack.is_empty() {
                let (bytes, to) = (leg.ack.clone(), leg.hop);
                self.transmits.push_back(Transmit { to, bytes });
            } else {
                self.leave_fork(id, message);
            }
            return;
        };
        leg.resend = None;
        leg.expire_at = None;
        leg.confirm(message, tag);
        leg.state = State::Talking;
        leg.ack = leg.request(local, "ACK", leg.invite_cseq, &branch, "");
        let (bytes, to) = (leg.ack.clone(), leg.hop);
        self.transmits.push_back(Transmit { to, bytes });
        if cancel {
            // The answer crossed our CANCEL (RFC 3261 9.1): nobody wants this call any more.
            self.events.push_back((id, failed_by_cancel()));
            self.bye(id, now_ms);
        } else {
            self.events.push_back((id, Event::Answered { sdp: message.body.to_vec() }));
        }
    }

    /// A second 2xx, of another phone behind a forking proxy: acknowledged and left.
    fn leave_fork(&mut self, id: LegId, message: &Message<'_>) {
        let local = self.config.local;
        let (ack_branch, bye_branch) = (self.branch(id), self.branch(id));
        let Some(leg) = self.leg(id) else { return };
        let tag = wire::parameter(message.to, "tag").unwrap_or_default();
        let mut fork = leg.clone();
        fork.confirm(message, tag);
        let to = fork.hop;
        let ack = fork.request(local, "ACK", fork.invite_cseq, &ack_branch, "");
        let bye = fork.request(local, "BYE", fork.invite_cseq + 1, &bye_branch, "");
        self.transmits.extend([ack, bye].map(|bytes| Transmit { to, bytes }));
    }

    fn invite_refused(&mut self, id: LegId, message: &Message<'_>, status: u16, words: &str, now_ms: u64) {
        let local = self.config.local;
        let Some(leg) = self.leg(id) else { return };
        if !matches!(leg.state, State::Calling { .. } | State::Over) {
            return;
        }
        let (bytes, to) = (leg.ack_refusal(local, message.to), leg.invite_hop);
        let first = leg.state != State::Over;
        self.transmits.push_back(Transmit { to, bytes });
        if first && self.invite_again(id, message, status, now_ms) {
            return;
        }
        if first {
            let (q850, text) = message.reason.map(wire::reason_of).unwrap_or_default();
            let reason = Some(text.unwrap_or(words).to_owned());
            self.finish(id, Event::Failed { status, response: true, q850, reason }, now_ms);
        }
    }

    /// A challenge to our INVITE is answered once; `false` when the refusal is final.
    fn invite_again(&mut self, id: LegId, message: &Message<'_>, status: u16, now_ms: u64) -> bool {
        let (local, branch, nonce) =
            (self.config.local, self.branch(id), format!("{:016x}", self.secret(id)));
        let Some(credentials) = self.config.credentials.clone() else { return false };
        let Some(leg) = self.leg(id) else { return false };
        if !matches!(status, 401 | 407)
            || leg.state != (State::Calling { provisional: true, cancel: false })
                && leg.state != (State::Calling { provisional: false, cancel: false })
            || leg.invite_cseq > 1
        {
            return false;
        }
        let answer = digest::authorise(&credentials, &message.challenges, "INVITE", &leg.target, &nonce, 1);
        let Some((authorization, _)) = answer else { return false };
        let field = if status == 401 { "Authorization" } else { "Proxy-Authorization" };
        (leg.invite_cseq, leg.cseq, leg.branch) = (2, 2, branch);
        (leg.state, leg.expire_at) = (State::Calling { provisional: false, cancel: false }, None);
        let bytes = leg.invite(local, &format!("{field}: {authorization}\r\n"));
        let to = leg.invite_hop;
        self.send_with_resend(id, Resending::Invite, to, bytes, now_ms);
        true
    }

    fn receive_request(
        &mut self,
        message: &Message<'_>,
        method: Method,
        uri: &str,
        from: SocketAddr,
        now_ms: u64,
    ) {
        let tag = wire::parameter(message.to, "tag");
        let id = match tag {
            Some(_) => self.leg_of_tag(tag),
            None => self.invites.get(&invite_key(message)).copied(),
        };
        match (method, id) {
            (Method::Ack, Some(id)) => self.receive_ack(id, message, now_ms),
            (Method::Ack, None) => (),
            (Method::Invite, Some(id)) => self.receive_invite_again(id, message, from, now_ms),
            (Method::Invite, None) if tag.is_none() => self.receive_invite(message, uri, from, now_ms),
            (Method::Cancel, Some(id)) => self.receive_cancel(id, message, from, now_ms),
            (Method::Bye, Some(id)) => self.receive_bye(id, message, from, now_ms),
            (Method::Info, Some(id)) => self.respond(message, from, 200, Some(id), b""),
            (Method::Update, Some(id)) => self.receive_update(id, message, from),
            (Method::Options, _) => self.respond(message, from, 200, None, b""),
            (Method::Register | Method::Other, _) => self.respond(message, from, 405, None, b""),
            (Method::Invite | Method::Cancel | Method::Bye | Method::Info | Method::Update, None) => {
                self.respond(message, from, 481, None, b"");
            }
        }
    }

    fn receive_invite(&mut self, message: &Message<'_>, uri: &str, from: SocketAddr, now_ms: u64) {
        let id = self.reserve();
        let local_tag = self.tag(id);
        let number = wire::user_of(uri).to_owned();
        let contact_uri = message.contact.map_or(wire::uri_of(message.from), wire::uri_of).to_owned();
        let routes: Vec<String> = message.routes().map(str::to_owned).collect();
        let leg = Leg {
            state: State::Ringing,
            call_id: message.call_id.to_owned(),
            head: text::response_head(message, from, &local_tag),
            local: without_tag(message.to).to_owned(),
            remote: without_tag(message.from).to_owned(),
            remote_tag: wire::parameter(message.from, "tag").unwrap_or_default().to_owned(),
            contact: format!("<sip:{number}@{}>", self.config.local),
            hop: leg::next_hop(&routes, &contact_uri).unwrap_or(from),
            invite_hop: from,
            local_tag,
            routes,
            target: contact_uri,
            cseq: 0,
            invite_cseq: 0,
            remote_cseq: message.cseq,
            branch: String::new(),
            response: Vec::new(),
            ack: Vec::new(),
            sdp: Vec::new(),
            resend: None,
            expire_at: None,
        };
        self.store(id, leg);
        self.invites.insert(invite_key(message), id);
        // A caller who vanished while it rang.
        self.expire_at(id, now_ms + 2 * RINGING_MS_MAX);
        let invited = Invited {
            number,
            from: wire::user_of(wire::uri_of(message.from)).to_owned(),
            asserted: message.asserted.map(|value| wire::user_of(wire::uri_of(value)).to_owned()),
            sdp: message.body.to_vec(),
        };
        self.events.push_back((id, Event::Invited(Box::new(invited))));
    }

    /// A repetition of the INVITE, or one inside the call: accepted with the description we gave before.
    fn receive_invite_again(&mut self, id: LegId, message: &Message<'_>, from: SocketAddr, now_ms: u64) {
        let Some(leg) = self.leg(id) else { return };
        if message.cseq <= leg.remote_cseq {
            let (bytes, to) = (leg.response.clone(), leg.invite_hop);
            if !bytes.is_empty() {
                self.transmits.push_back(Transmit { to, bytes });
            }
            return;
        }
        if leg.state != State::Talking {
            self.respond(message, from, 481, None, b"");
            return;
        }
        leg.remote_cseq = message.cseq;
        leg.head = text::response_head(message, from, "");
        leg.invite_hop = from;
        if let Some(contact) = message.contact {
            leg.retarget(wire::uri_of(contact));
        }
        let bytes = leg.invite_response(200, "", &leg.sdp);
        leg.response.clone_from(&bytes);
        if !message.body.is_empty() {
            self.events.push_back((id, Event::Reoffered { sdp: message.body.to_vec() }));
        }
        self.send_with_resend(id, Resending::Answer, from, bytes, now_ms);
    }

    fn receive_update(&mut self, id: LegId, message: &Message<'_>, from: SocketAddr) {
        let Some(leg) = self.leg(id) else { return };
        let sdp = if message.body.is_empty() { Vec::new() } else { leg.sdp.clone() };
        if !message.body.is_empty() {
            self.events.push_back((id, Event::Reoffered { sdp: message.body.to_vec() }));
        }
        self.respond(message, from, 200, Some(id), &sdp);
    }

    fn receive_ack(&mut self, id: LegId, message: &Message<'_>, now_ms: u64) {
        let linger_until = now_ms + self.config.linger_ms;
        let Some(leg) = self.leg(id) else { return };
        if message.cseq != leg.remote_cseq {
            return;
        }
        match leg.resend.as_ref().map(|resend| resend.what) {
            Some(Resending::Answer) => {
                leg.resend = None;
                self.events.push_back((id, Event::Acked));
            }
            Some(Resending::Refusal) => {
                leg.resend = None;
                leg.state = State::Over;
                self.expire_at(id, linger_until);
            }
            Some(Resending::Invite | Resending::Cancel | Resending::Bye) | None => (),
        }
    }

    fn receive_cancel(&mut self, id: LegId, message: &Message<'_>, from: SocketAddr, now_ms: u64) {
        self.respond(message, from, 200, Some(id), b"");
        if self.leg(id).is_some_and(|leg| leg.state == State::Ringing) {
            self.refuse(id, 487, "", now_ms);
            self.events.push_back((id, Event::Cancelled));
        }
    }

    fn receive_bye(&mut self, id: LegId, message: &Message<'_>, from: SocketAddr, now_ms: u64) {
        let Some(state) = self.leg(id).map(|leg| leg.state) else { return };
        match state {
            State::Talking | State::Leaving => {
                self.respond(message, from, 200, Some(id), b"");
                let (q850, text) = message.reason.map(wire::reason_of).unwrap_or_default();
                self.finish(id, Event::Bye { q850, reason: text.map(str::to_owned) }, now_ms);
            }
            State::Over => self.respond(message, from, 200, Some(id), b""),
            State::Ringing => {
                // A caller may leave an early dialog by BYE (RFC 3261 15): the INVITE ends as if cancelled.
                self.respond(message, from, 200, Some(id), b"");
                self.refuse(id, 487, "", now_ms);
                self.events.push_back((id, Event::Cancelled));
            }
            State::Calling { .. } | State::Refused => self.respond(message, from, 481, None, b""),
        }
    }

    /// A response outside the INVITE transaction: sent once, built anew when the request is repeated.
    fn respond(
        &mut self,
        message: &Message<'_>,
        from: SocketAddr,
        status: u16,
        id: Option<LegId>,
        sdp: &[u8],
    ) {
        let tag = match id {
            Some(id) => self.tag(id),
            None => format!("{:08x}", mix(self.config.seed ^ u64::from(message.cseq)) as u32),
        };
        let head = text::response_head(message, from, &tag);
        let bytes = text::response(status, &head, "", sdp);
        self.transmits.push_back(Transmit { to: from, bytes });
    }

    /// Time has come.
    pub(crate) fn handle_timeout(&mut self, now_ms: u64) {
        while let Some(&Reverse((at_ms, id))) = self.timers.peek() {
            if at_ms > now_ms {
                break;
            }
            self.timers.pop();
            self.fire(id, now_ms);
        }
    }

    fn fire(&mut self, id: LegId, now_ms: u64) {
        let t2_ms = 8 * self.config.t1_ms;
        let Some(leg) = self.leg(id) else { return };
        if leg.expire_at.is_some_and(|at_ms| at_ms <= now_ms) {
            self.expire(id, now_ms);
            return;
        }
        let Some(resend) = leg.resend.as_mut().filter(|resend| resend.at_ms <= now_ms) else { return };
        if now_ms >= resend.until_ms {
            let what = resend.what;
            leg.resend = None;
            self.unheard(id, what, now_ms);
            return;
        }
        resend.interval_ms *= 2;
        if resend.what != Resending::Invite {
            resend.interval_ms = resend.interval_ms.min(t2_ms);
        }
        resend.at_ms = (now_ms + resend.interval_ms).min(resend.until_ms);
        let (at_ms, transmit) = (resend.at_ms, Transmit { to: resend.to, bytes: resend.bytes.clone() });
        self.timers.push(Reverse((at_ms, id)));
        self.transmits.push_back(transmit);
        self.retransmitted += 1;
    }

    /// Nobody answered a message of ours in 64·T1.
    fn unheard(&mut self, id: LegId, what: Resending, now_ms: u64) {
        match what {
            Resending::Invite => {
                let event = Event::Failed { status: 408, response: false, q850: None, reason: None };
                self.finish(id, event, now_ms);
            }
            Resending::Cancel => self.finish(id, failed_by_cancel(), now_ms),
            Resending::Bye => self.finish(id, Event::ByeDone { status: None }, now_ms),
            Resending::Answer => self.bye(id, now_ms),
            Resending::Refusal => self.drop_leg(id),
        }
    }

    fn expire(&mut self, id: LegId, now_ms: u64) {
        let Some(leg) = self.leg(id) else { return };
        leg.expire_at = None;
        match leg.state {
            State::Calling { cancel: true, .. } => self.finish(id, failed_by_cancel(), now_ms),
            State::Calling { cancel: false, .. } => self.cancel(id, now_ms),
            State::Ringing => self.finish(id, Event::Cancelled, now_ms),
            State::Talking | State::Refused | State::Leaving | State::Over => self.drop_leg(id),
        }
    }

    /// The leg's last event, unless its user was told the end before.
    fn finish(&mut self, id: LegId, event: Event, now_ms: u64) {
        self.events.push_back((id, event));
        self.end(id, now_ms + self.config.linger_ms);
    }

    fn end(&mut self, id: LegId, until_ms: u64) {
        let Some(leg) = self.leg(id) else { return };
        leg.resend = None;
        leg.state = State::Over;
        self.live -= 1;
        self.expire_at(id, until_ms);
    }

    fn expire_at(&mut self, id: LegId, at_ms: u64) {
        if let Some(leg) = self.leg(id) {
            leg.expire_at = Some(at_ms);
            self.timers.push(Reverse((at_ms, id)));
        }
    }

    fn send_with_resend(&mut self, id: LegId, what: Resending, to: SocketAddr, bytes: Vec<u8>, now_ms: u64) {
        let t1_ms = self.config.t1_ms;
        let Some(leg) = self.leg(id) else { return };
        leg.resend = Some(Resend {
            what,
            to,
            bytes: bytes.clone(),
            at_ms: now_ms + t1_ms,
            interval_ms: t1_ms,
            until_ms: now_ms + 64 * t1_ms,
        });
        self.timers.push(Reverse((now_ms + t1_ms, id)));
        self.transmits.push_back(Transmit { to, bytes });
    }

    fn reserve(&mut self) -> LegId {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, leg: None });
            self.slots.len() as u32 - 1
        });
        LegId { index, generation: self.slots[index as usize].generation }
    }

    fn store(&mut self, id: LegId, leg: Leg) {
        self.slots[id.index()].leg = Some(Box::new(leg));
        self.live += 1;
    }

    fn drop_leg(&mut self, id: LegId) {
        let slot = &mut self.slots[id.index()];
        let Some(leg) = slot.leg.take() else { return };
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(id.index);
        let key = (leg.call_id, leg.remote_tag);
        if self.invites.get(&key) == Some(&id) {
            self.invites.remove(&key);
        }
    }

    fn leg(&mut self, id: LegId) -> Option<&mut Leg> {
        let slot = self.slots.get_mut(id.index())?;
        if slot.generation == id.generation { slot.leg.as_deref_mut() } else { None }
    }

    fn secret(&self, id: LegId) -> u64 {
        mix(self.config.seed ^ (u64::from(id.generation) << 32 | u64::from(id.index)))
    }

    /// Our tag says which leg it is, so that nothing has to be searched.
    fn tag(&self, id: LegId) -> String {
        format!("{:x}-{:x}-{:08x}", id.index, id.generation, self.secret(id) as u32)
    }

    fn leg_of_tag(&self, tag: Option<&str>) -> Option<LegId> {
        let mut parts = tag?.split('-').map(|part| u32::from_str_radix(part, 16));
        let id = LegId { index: parts.next()?.ok()?, generation: parts.next()?.ok()? };
        let genuine = parts.next()?.ok()? == self.secret(id) as u32;
        let slot = self.slots.get(id.index())?;
        (genuine && slot.generation == id.generation && slot.leg.is_some()).then_some(id)
    }

    fn branch(&mut self, id: LegId) -> String {
        self.branches += 1;
        format!("z9hG4bK{:x}-{:08x}", self.branches, self.secret(id) as u32)
    }
}

/// The longest a call may ring.
const RINGING_MS_MAX: u64 = 300_000;

fn failed_by_cancel() -> Event {
    Event::Failed { status: 487, response: false, q850: None, reason: None }
}

fn invite_key(message: &Message<'_>) -> (String, String) {
    (message.call_id.to_owned(), wire::parameter(message.from, "tag").unwrap_or_default().to_owned())
}

/// A From or To value without what follows its address.
fn without_tag(value: &str) -> &str {
    match value.rfind('>') {
        Some(at) => &value[..=at],
        None => value.split(';').next().unwrap_or(value),
    }
}

#[cfg(test)]
mod tests;
