//! The endpoint: all legs of a process, their transactions and their deadlines, in one machine without I/O.
//! It refuses to know what a call is for; it reports what happens and does what it is told.
//!
//! Feed it with [`Endpoint::receive`], [`Endpoint::handle_timeout`] and the commands, then empty
//! [`Endpoint::poll_transmit`] and [`Endpoint::poll_event`]. Commands that come too late for a leg (it has
//! ended, or the far end was quicker) are ignored: such races are ordinary, and the events tell how they ended.

mod ingress;
mod inside;
mod proving;
mod referring;
mod registering;
mod reliable;
mod session;
mod transactions;
mod uac;
mod uas;

pub(crate) use proving::{Proving, Registration};
pub(crate) use reliable::Reliable;

use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::Bytes;
use sipx_sip::{Message as Parsed, parse_datagram};

use crate::command::{LegId, ProbeId, Reason};
use crate::compose::{self, Stamp};
use crate::config::{Config, Listener};
use crate::dialog::DialogState;
use crate::event::{Counts, Event, Totals, Transmit};
use crate::hop::{Hop, Transport};
use crate::ids::{KeyMap, Keyed, Slab, hex_string, unhex};
use crate::incoming::limits;
use crate::leg::{Deadline, Leg, State};
use crate::timers::{Owner, Timers};
use crate::transaction::{Client, Purpose, Server};

/// A SIP endpoint over UDP. One owner, no clock: times are milliseconds of any monotonic clock.
pub struct Endpoint {
    config: Config,
    stamp: Stamp,
    keyed: Keyed,
    legs: Slab<Box<Leg>>,
    /// Our tag of each leg, as a number.
    tags: KeyMap<LegId>,
    clients: Slab<Client>,
    clients_by_branch: KeyMap<u64>,
    servers: Slab<Server>,
    servers_by_key: KeyMap<u64>,
    merged: KeyMap<u64>,
    timers: Timers,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
    registrations: Slab<Registration>,
    scratch: Vec<u8>,
    probes: u64,
    ready: bool,
    /// Whether the message being looked at is a stranger's: what it gets wrong is not answered.
    stranger: bool,
    totals: Totals,
}

impl Endpoint {
    /// An endpoint without calls, ready.
    pub fn new(mut config: Config) -> Endpoint {
        config.t1_ms = config.t1_ms.max(1);
        if config.listeners.is_empty() {
            let advertised = SocketAddr::from(([127, 0, 0, 1], 5060));
            config.listeners.push(Listener { transport: Transport::Udp, advertised });
        }
        Endpoint {
            stamp: Stamp::new(&config),
            keyed: Keyed::new(config.seed),
            config,
            legs: Slab::new(),
            tags: KeyMap::default(),
            clients: Slab::new(),
            clients_by_branch: KeyMap::default(),
            servers: Slab::new(),
            servers_by_key: KeyMap::default(),
            merged: KeyMap::default(),
            timers: Timers::default(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            registrations: Slab::new(),
            scratch: Vec::with_capacity(2048),
            probes: 0,
            ready: true,
            stranger: false,
            totals: Totals::default(),
        }
    }

    /// A datagram arrived. What cannot be read is answered with the right status or dropped, and counted.
    pub fn receive(&mut self, datagram: &[u8], from: impl Into<Hop>, now_ms: u64) {
        let from = from.into();
        self.totals.received += 1;
        let mut message = datagram;
        while let Some(rest) = message.strip_prefix(b"\r\n") {
            message = rest;
        }
        match parse_datagram(Bytes::copy_from_slice(message), &limits()) {
            Ok(Parsed::Request(request)) => self.receive_request(&request, message, from, now_ms),
            Ok(Parsed::Response(response)) => self.receive_response(&response, from, now_ms),
            Err(_) => self.refuse_unread(message, from, 400, "Bad Request"),
        }
    }

    /// The same from somebody who has proven nothing yet: nothing is told but what a phone needs to log in, so that
    /// nobody learns who is here (FAULTS N2). INVITE and REGISTER in order are reported, what belongs to a leg is served,
    /// everything else is dropped.
    pub fn receive_from_stranger(&mut self, datagram: &[u8], from: impl Into<Hop>, now_ms: u64) {
        self.stranger = true;
        self.receive(datagram, from, now_ms);
        self.stranger = false;
    }

    /// The network refused a datagram to `to` (ICMP port unreachable and the like): requests that wait there
    /// for their first response fail now instead of after 64·T1.
    pub fn send_failed(&mut self, to: impl Into<Hop>, now_ms: u64) {
        self.fail_clients_to(to.into(), now_ms);
    }

    /// Do what is due. Calling it early does no harm.
    pub fn handle_timeout(&mut self, now_ms: u64) {
        while let Some(owner) = self.timers.pop_due(now_ms) {
            match owner {
                Owner::Client(id) => self.client_due(id, now_ms),
                Owner::Server(id) => self.server_due(id, now_ms),
                Owner::Leg(id) => self.leg_due(LegId(id), now_ms),
            }
        }
    }

    /// When to call [`Endpoint::handle_timeout`] next, in absolute ms.
    pub fn next_timeout(&self) -> Option<u64> {
        self.timers.next()
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next event, in the order in which things happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The way to a far end by a transport, from the first listener of ours that has it.
    pub fn hop(&self, transport: Transport, remote: SocketAddr) -> Option<Hop> {
        let listener = self.config.listeners.iter().position(|own| own.transport == transport)?;
        Some(Hop { transport, listener: listener as u16, remote, connection: None })
    }

    /// Whether OPTIONS is answered with 200 or with 503, so that a dispatcher in front takes notice. New calls
    /// are still reported; the user refuses them with `reject`.
    pub fn set_ready(&mut self, ready: bool) {
        self.ready = ready;
    }

    /// Hang up, whatever the state: BYE in a confirmed dialog (held back until our 200 is acknowledged, as
    /// RFC 3261 15 demands), CANCEL before their final response, 480 before ours.
    pub fn bye(&mut self, leg: LegId, reason: Option<Reason>, now_ms: u64) {
        let Some(state) = self.legs.get(leg.0).map(|leg| leg.state) else { return };
        match state {
            State::Inviting(_) => self.cancel(leg, now_ms),
            State::Invited => self.reject(leg, 480, reason, None, now_ms),
            State::ExpectAck => {
                if let Some(leg) = self.legs.get_mut(leg.0) {
                    leg.bye_held = Some(reason);
                }
            }
            State::Confirmed => self.send_bye(leg, reason.as_ref(), now_ms),
            State::Closing | State::Over => {}
        }
    }

    /// Ask a far end whether it is alive: OPTIONS, answered by `ProbeAnswered` or `ProbeFailed`.
    pub fn options(&mut self, to: impl Into<Hop>, now_ms: u64) -> ProbeId {
        let to = to.into();
        self.probes += 1;
        let probe = ProbeId(self.probes);
        let (branch, tag, call) = (self.draw_branch(), self.keyed.draw(), self.keyed.draw());
        let target = format!("sip:{to}");
        let mut message = compose::Message::request(&mut self.scratch, "OPTIONS", &target);
        let face = self.stamp.face(to);
        message.via(face, branch).number("Max-Forwards", 70);
        message.party("From", &face.contact, &hex_string(tag));
        message.parts("To", &["<", &target, ">"]);
        message.header("Call-ID", &hex_string(call)).cseq(1, "OPTIONS");
        message.header("Contact", &face.contact).header("Accept", "application/sdp");
        self.stamp.agent(&mut message, "User-Agent");
        let bytes = message.finish("", &[]);
        self.start_client(Purpose::Probe { probe, sent_ms: now_ms }, None, branch, 1, to, bytes, now_ms);
        probe
    }

    /// All that a BYE after a restart needs; `None` before an outgoing leg was answered and after a leg ended. A call
    /// that arrived has it before our 200, so that it can be written down before that 200 leaves.
    pub fn dialog(&self, leg: LegId) -> Option<DialogState> {
        let leg = self.legs.get(leg.0)?;
        (leg.is_dialog() || leg.state == State::Invited).then(|| leg.dialog.clone())
    }

    /// A dialog from before a restart: `bye` works, and a BYE that arrives for it gets its 200. Its session
    /// timers are gone, since nobody knows when it was last refreshed.
    pub fn restore(&mut self, mut dialog: DialogState, _now_ms: u64) -> LegId {
        // Requests may have gone out after the state was written; a gap in CSeq is allowed, a repetition is not.
        dialog.local_cseq = dialog.local_cseq.saturating_add(100);
        // No connection outlives its process.
        dialog.next_hop.connection = None;
        let tag = dialog.local_tag.clone();
        let leg = LegId(self.legs.insert(Box::new(Leg::new(State::Confirmed, dialog, true))));
        self.tags.insert(self.tag_number(tag.as_bytes()), leg);
        leg
    }

    /// What is held right now.
    pub fn counts(&self) -> Counts {
        Counts {
            legs: self.legs.len(),
            dialogs: self.legs.iter().filter(|(_, leg)| leg.is_dialog()).count(),
            client_transactions: self.clients.len(),
            server_transactions: self.servers.len(),
            timers: self.timers.len(),
        }
    }

    /// What went by since [`Endpoint::new`].
    pub fn totals(&self) -> Totals {
        self.totals
    }

    fn transmit(&mut self, to: Hop, bytes: Bytes, leg: Option<LegId>) {
        self.transmits.push_back(Transmit { to, bytes, leg });
    }

    fn emit(&mut self, event: Event) {
        self.events.push_back(event);
    }

    /// A number for a branch; the lowest bit tells a CANCEL from the INVITE whose branch it shares.
    fn draw_branch(&mut self) -> u64 {
        self.keyed.draw() & !1
    }

    /// A tag of ours as the key of `tags`.
    fn tag_number(&self, tag: &[u8]) -> u64 {
        unhex(tag).unwrap_or_else(|| self.keyed.hash(&[b"tag", tag]))
    }

    /// A new leg under a fresh tag.
    fn open_leg(&mut self, state: State, mut dialog: DialogState, ours: bool) -> LegId {
        let tag = self.keyed.draw();
        dialog.local_tag = hex_string(tag);
        let leg = LegId(self.legs.insert(Box::new(Leg::new(state, dialog, ours))));
        self.tags.insert(tag, leg);
        leg
    }

    /// Nothing more will happen on this leg; it goes when its last transaction has gone.
    fn close(&mut self, id: LegId) {
        if let Some(leg) = self.legs.get_mut(id.0) {
            leg.close();
            self.timers.arm(Owner::Leg(id.0), &mut leg.armed, None);
            self.reap(id);
        }
    }

    fn reap(&mut self, id: LegId) {
        let Some(leg) = self.legs.get(id.0) else { return };
        if leg.state != State::Over || leg.transactions > 0 {
            return;
        }
        let tag = self.tag_number(leg.dialog.local_tag.as_bytes());
        self.tags.remove(&tag);
        self.legs.remove(id.0);
        self.emit(Event::Ended { leg: id });
    }

    fn rearm_leg(&mut self, id: LegId) {
        if let Some(leg) = self.legs.get_mut(id.0) {
            let due = leg.deadlines.earliest();
            self.timers.arm(Owner::Leg(id.0), &mut leg.armed, due);
        }
    }

    fn leg_due(&mut self, id: LegId, now_ms: u64) {
        if let Some(leg) = self.legs.get_mut(id.0) {
            leg.armed = None;
        }
        while let Some(deadline) = self.legs.get_mut(id.0).and_then(|leg| leg.deadlines.take_due(now_ms)) {
            match deadline {
                Deadline::FirstResponse => self.first_response_missing(id),
                Deadline::ResendAnswer => self.resend_answer(id, now_ms),
                Deadline::AckMissing => self.ack_missing(id, now_ms),
                Deadline::RepeatProvisional => self.repeat_provisional(id, now_ms),
                Deadline::CancelGivenUp => self.cancel_given_up(id, now_ms),
                Deadline::RefreshSession => self.refresh_session(id, now_ms),
                Deadline::SessionExpiry => {
                    let refreshed_ms = self.legs.get(id.0).map_or(0, |leg| leg.refreshed_ms);
                    self.emit(Event::SessionExpired { leg: id, refreshed_ms });
                }
                Deadline::RetryReinvite => self.try_reinvite(id, now_ms),
                Deadline::ResendProvisional => self.resend_provisional(id, now_ms),
                Deadline::PrackMissing => self.prack_missing(id, now_ms),
            }
        }
        self.rearm_leg(id);
    }
}
