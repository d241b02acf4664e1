//! Moving transactions on: starting, repeating, answering, ending.
//! It refuses to decide what an outcome means; it hands that to the leg's own chapter.

use bytes::Bytes;

use super::Endpoint;
use super::ingress::Arrival;
use crate::command::{LegId, RegistrationId};
use crate::compose::{self, ALLOW, Message, SUPPORTED};
use crate::event::{Event, Failure, FailureKind};
use crate::hop::Hop;
use crate::timers::Owner;
use crate::transaction::{Client, ClientState, Purpose, Server, ServerMethod, ServerState};

impl Endpoint {
    /// Send a request and wait for its response.
    #[allow(clippy::too_many_arguments)] // each is a field of the transaction
    pub(super) fn start_client(
        &mut self,
        purpose: Purpose,
        leg: Option<LegId>,
        branch: u64,
        cseq: u32,
        to: Hop,
        request: Bytes,
        now_ms: u64,
    ) -> u64 {
        self.transmit(to, request.clone(), leg);
        let t1_ms = self.config.t1_ms;
        let client = Client {
            purpose,
            leg,
            branch,
            cseq,
            to,
            request,
            ack: None,
            state: ClientState::Calling,
            interval_ms: t1_ms,
            resend_at: (!to.transport.is_reliable()).then_some(now_ms + t1_ms),
            end_at: Some(now_ms + 64 * t1_ms),
            armed: None,
        };
        let id = self.clients.insert(client);
        self.clients_by_branch.insert(branch, id);
        self.hold(leg);
        self.rearm_client(id);
        id
    }

    /// A leg got one more transaction.
    fn hold(&mut self, leg: Option<LegId>) {
        if let Some(leg) = leg.and_then(|leg| self.legs.get_mut(leg.0)) {
            leg.transactions += 1;
        }
    }

    /// A leg lost a transaction.
    fn release(&mut self, leg: Option<LegId>) {
        if let Some(id) = leg
            && let Some(leg) = self.legs.get_mut(id.0)
        {
            leg.transactions -= 1;
            self.reap(id);
        }
    }

    pub(super) fn rearm_client(&mut self, id: u64) {
        if let Some(client) = self.clients.get_mut(id) {
            let due = client.due();
            self.timers.arm(Owner::Client(id), &mut client.armed, due);
        }
    }

    fn rearm_server(&mut self, id: u64) {
        if let Some(server) = self.servers.get_mut(id) {
            let due = server.due();
            self.timers.arm(Owner::Server(id), &mut server.armed, due);
        }
    }

    pub(super) fn client_due(&mut self, id: u64, now_ms: u64) {
        let Some(client) = self.clients.get_mut(id) else { return };
        client.armed = None;
        if client.end_at.is_some_and(|end| end <= now_ms) {
            if client.is_pending() {
                let kind = match client.state {
                    ClientState::Calling => FailureKind::NoResponse,
                    _ => FailureKind::NoFinalResponse,
                };
                self.client_failed(id, 408, kind, now_ms);
            } else {
                self.end_client(id);
            }
            return;
        }
        if client.resend_at.is_some_and(|resend| resend <= now_ms) {
            client.back_off(now_ms);
            let (to, request, leg) = (client.to, client.request.clone(), client.leg);
            self.totals.retransmitted += 1;
            self.transmit(to, request, leg);
        }
        self.rearm_client(id);
    }

    pub(super) fn server_due(&mut self, id: u64, now_ms: u64) {
        let Some(server) = self.servers.get_mut(id) else { return };
        server.armed = None;
        if server.end_at.is_some_and(|end| end <= now_ms) {
            self.end_server(id);
            return;
        }
        if server.resend_at.is_some_and(|resend| resend <= now_ms) {
            server.back_off(now_ms);
            let (to, last, leg) = (server.to, server.last.clone(), server.leg);
            self.totals.retransmitted += 1;
            self.transmit(to, last, leg);
        }
        self.rearm_server(id);
    }

    /// A request of ours got no final response; the transaction is gone afterwards.
    pub(super) fn client_failed(&mut self, id: u64, status: u16, kind: FailureKind, now_ms: u64) {
        let Some(client) = self.clients.get_mut(id) else { return };
        // Whatever the outcome starts must not find this transaction waiting.
        client.complete(ClientState::Completed, self.config.t1_ms, now_ms);
        let (purpose, leg) = (client.purpose, client.leg);
        match (purpose, leg) {
            (Purpose::Probe { probe, .. }, _) => self.emit(Event::ProbeFailed { probe, kind }),
            (Purpose::Register { registration }, _) => {
                let registration = RegistrationId(registration);
                let failure = Failure { status, kind, q850: None, retry_after_s: None };
                self.emit(Event::RegisterFailed { registration, failure });
            }
            (Purpose::Invite, Some(leg)) => {
                self.attempt_failed(leg, Failure { status, kind, q850: None, retry_after_s: None });
            }
            (purpose, Some(leg)) => self.request_done(leg, purpose, status, now_ms),
            (_, None) => {}
        }
        self.end_client(id);
    }

    /// The outcome of a request that is neither the first INVITE nor a probe.
    pub(super) fn request_done(&mut self, leg: LegId, purpose: Purpose, status: u16, now_ms: u64) {
        match purpose {
            Purpose::Bye => {
                self.emit(Event::ByeDone { leg });
                self.close(leg);
            }
            Purpose::Info => self.emit(Event::InfoDone { leg, status }),
            Purpose::Reinvite => self.reinvite_refused(leg, status, now_ms),
            Purpose::RefreshInvite | Purpose::RefreshUpdate => self.refresh_refused(leg, status, now_ms),
            Purpose::Invite
            | Purpose::Cancel
            | Purpose::Prack
            | Purpose::Notify
            | Purpose::LoserBye
            | Purpose::Register { .. }
            | Purpose::Probe { .. } => {}
        }
    }

    pub(super) fn end_client(&mut self, id: u64) {
        let Some(mut client) = self.clients.remove(id) else { return };
        self.timers.arm(Owner::Client(id), &mut client.armed, None);
        self.clients_by_branch.remove(&client.branch);
        if let Some(leg) = client.leg.and_then(|leg| self.legs.get_mut(leg.0)) {
            if client.purpose.is_invite() {
                leg.acked.retain(|acked| acked.cseq != client.cseq);
            }
            if leg.invite == Some(id) && client.purpose == Purpose::Invite {
                leg.invite = None;
            }
        }
        self.release(client.leg);
    }

    pub(super) fn end_server(&mut self, id: u64) {
        let Some(mut server) = self.servers.remove(id) else { return };
        self.timers.arm(Owner::Server(id), &mut server.armed, None);
        self.servers_by_key.remove(&server.key);
        if let Some(key) = server.merged_key {
            self.merged.remove(&key);
        }
        self.release(server.leg);
    }

    pub(super) fn fail_clients_to(&mut self, to: Hop, now_ms: u64) {
        // A connection opened for a request is not known to it by its number.
        let same = |client: &Client| {
            let known = client.to.connection.is_none() || to.connection.is_none();
            client.to == to || (known && Hop { connection: to.connection, ..client.to } == to)
        };
        let waiting = |client: &Client| client.state == ClientState::Calling && same(client);
        let failed: Vec<u64> = self.clients.iter().filter(|(_, c)| waiting(c)).map(|(id, _)| id).collect();
        for id in failed {
            self.client_failed(id, 503, FailureKind::Unreachable, now_ms);
        }
    }

    /// Keep an arrived request, so that its repetitions get the same answer.
    pub(super) fn open_server(
        &mut self,
        arrival: &Arrival<'_>,
        leg: Option<LegId>,
        method: ServerMethod,
    ) -> u64 {
        let server = Server {
            key: arrival.key,
            merged_key: None,
            leg,
            method,
            cseq: arrival.head.cseq,
            to: arrival.path.to,
            head: Bytes::from(arrival.response_head()),
            to_value: String::from_utf8_lossy(&arrival.head.to).into_owned(),
            last: Bytes::new(),
            state: ServerState::Proceeding,
            interval_ms: 0,
            resend_at: None,
            end_at: None,
            armed: None,
        };
        let id = self.servers.insert(server);
        self.servers_by_key.insert(arrival.key, id);
        self.hold(leg);
        id
    }

    /// The same request once more: the same answer once more.
    pub(super) fn repeat_last(&mut self, id: u64, now_ms: u64) {
        self.totals.repeated += 1;
        let Some(server) = self.servers.get(id) else { return };
        if server.state == ServerState::Confirmed || server.state == ServerState::Accepted {
            return;
        }
        if server.last.is_empty() && server.method == ServerMethod::Invite {
            self.respond(id, 100, &[], now_ms, |_| {});
            return;
        }
        let (to, last, leg) = (server.to, server.last.clone(), server.leg);
        if !last.is_empty() {
            self.transmit(to, last, leg);
        }
    }

    /// Answer a kept request. Responses that make or refresh a dialog get Contact and Record-Route here.
    pub(super) fn respond(
        &mut self,
        id: u64,
        status: u16,
        sdp: &[u8],
        now_ms: u64,
        extra: impl FnOnce(&mut Message<'_>),
    ) -> Option<Bytes> {
        let server = self.servers.get_mut(id).filter(|server| server.state == ServerState::Proceeding)?;
        let leg = server.leg.and_then(|leg| self.legs.get(leg.0));
        let mut message = Message::response(&mut self.scratch, status, compose::phrase(status));
        message.lines(&server.head);
        let tag = leg.map_or("", |leg| leg.dialog.local_tag.as_str());
        let tagged = status == 100 || crate::incoming::tag_of(server.to_value.as_bytes()).is_some();
        message.party("To", &server.to_value, if tagged { "" } else { tag });
        let makes_dialog = matches!(server.method, ServerMethod::Invite | ServerMethod::Update);
        if makes_dialog && (101..300).contains(&status) {
            if let Some(leg) = leg.filter(|leg| leg.invite == Some(id)) {
                leg.dialog.route_set.iter().for_each(|route| {
                    message.header("Record-Route", route);
                });
            }
            message.header("Contact", &self.stamp.face(server.to).contact);
            if status >= 200 {
                message.header("Allow", ALLOW).header("Supported", SUPPORTED);
            }
        }
        // Who is to prove himself learns no more than that.
        if status != 401 {
            self.stamp.agent(&mut message, "Server");
        }
        extra(&mut message);
        let bytes = message.finish("application/sdp", sdp);
        server.last = bytes.clone();
        if status >= 200 {
            server.finish(status, self.config.t1_ms, now_ms);
        }
        let (to, leg) = (server.to, server.leg);
        self.transmit(to, bytes.clone(), leg);
        self.rearm_server(id);
        Some(bytes)
    }

    pub(super) fn confirm_server(&mut self, id: u64, now_ms: u64) {
        if let Some(server) = self.servers.get_mut(id) {
            server.confirm(now_ms);
        }
        self.rearm_server(id);
    }
}
