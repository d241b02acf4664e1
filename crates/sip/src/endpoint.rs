//! The endpoint: one per process.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::command::{Invite, LegId, ProbeId, Reason, Refused};
use crate::config::Config;
use crate::dialog::DialogState;
use crate::event::{Counts, Event, Totals, Transmit};

/// A SIP endpoint.
#[allow(dead_code)]
pub struct Endpoint {
    config: Config,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
}

#[allow(unused_variables)]
impl Endpoint {
    /// An endpoint without calls.
    pub fn new(config: Config) -> Endpoint {
        Endpoint { config, transmits: VecDeque::new(), events: VecDeque::new() }
    }
    /// A datagram arrived.
    pub fn receive(&mut self, datagram: &[u8], from: SocketAddr, now_ms: u64) {}
    /// The network refused a datagram to `to`.
    pub fn send_failed(&mut self, to: SocketAddr, now_ms: u64) {}
    /// Time has come.
    pub fn handle_timeout(&mut self, now_ms: u64) {}
    /// When to call `handle_timeout`.
    pub fn next_timeout(&self) -> Option<u64> {
        None
    }
    /// Next datagram.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }
    /// Next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }
    /// Call.
    pub fn invite(&mut self, invite: Invite, now_ms: u64) -> Result<LegId, Refused> {
        Err(Refused::Full)
    }
    /// 100.
    pub fn trying(&mut self, leg: LegId, now_ms: u64) {}
    /// 101 to 199.
    pub fn provisional(&mut self, leg: LegId, status: u16, sdp: Option<Vec<u8>>, now_ms: u64) {}
    /// 200.
    pub fn answer(&mut self, leg: LegId, sdp: Vec<u8>, now_ms: u64) {}
    /// 300 to 699.
    pub fn reject(
        &mut self,
        leg: LegId,
        status: u16,
        reason: Option<Reason>,
        retry_after_s: Option<u32>,
        now_ms: u64,
    ) {
    }
    /// Give up an outgoing attempt.
    pub fn cancel(&mut self, leg: LegId, now_ms: u64) {}
    /// Hang up.
    pub fn bye(&mut self, leg: LegId, reason: Option<Reason>, now_ms: u64) {}
    /// Offer other media.
    pub fn reinvite(&mut self, leg: LegId, sdp: Vec<u8>, now_ms: u64) {}
    /// Accept their offer.
    pub fn accept_reinvite(&mut self, leg: LegId, sdp: Vec<u8>, now_ms: u64) {}
    /// Refuse their offer.
    pub fn refuse_reinvite(&mut self, leg: LegId, status: u16, now_ms: u64) {}
    /// Send INFO.
    pub fn info(&mut self, leg: LegId, content_type: &str, body: Vec<u8>, now_ms: u64) {}
    /// Whether OPTIONS is answered 200 or 503.
    pub fn set_ready(&mut self, ready: bool) {}
    /// Probe a far end.
    pub fn options(&mut self, to: SocketAddr, now_ms: u64) -> ProbeId {
        ProbeId(0)
    }
    /// A confirmed dialog for the journal.
    pub fn dialog(&self, leg: LegId) -> Option<DialogState> {
        None
    }
    /// A dialog from the journal.
    pub fn restore(&mut self, dialog: DialogState, now_ms: u64) -> LegId {
        LegId(0)
    }
    /// What is held.
    pub fn counts(&self) -> Counts {
        Counts::default()
    }
    /// What went by.
    pub fn totals(&self) -> Totals {
        Totals::default()
    }
}
