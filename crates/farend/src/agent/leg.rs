//! One leg as data: its dialog (RFC 3261 section 12), where it stands, and what is being repeated.
//! It refuses to decide; `agent` does.

use std::net::SocketAddr;

use super::text;
use crate::wire::{self, Message};

/// Where a leg stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Our INVITE is out; whether a 1xx came, and whether we want it back.
    Calling { provisional: bool, cancel: bool },
    /// An INVITE came; we have not finally answered.
    Ringing,
    /// 200 was sent or received.
    Talking,
    /// We refused and wait for ACK.
    Refused,
    /// Our BYE is out.
    Leaving,
    /// Ended; only repetitions are answered.
    Over,
}

/// What is repeated until somebody answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resending {
    Invite,
    Cancel,
    Bye,
    Answer,
    Refusal,
}

#[derive(Clone, Debug)]
pub(super) struct Resend {
    pub(super) what: Resending,
    pub(super) to: SocketAddr,
    pub(super) bytes: Vec<u8>,
    pub(super) at_ms: u64,
    pub(super) interval_ms: u64,
    pub(super) until_ms: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Leg {
    pub(super) state: State,
    pub(super) call_id: String,
    pub(super) local_tag: String,
    pub(super) remote_tag: String,
    /// Our and their From or To value without tag.
    pub(super) local: String,
    pub(super) remote: String,
    pub(super) contact: String,
    pub(super) routes: Vec<String>,
    pub(super) target: String,
    /// Where requests inside the dialog go.
    pub(super) hop: SocketAddr,
    /// Where our INVITE went, or theirs came from.
    pub(super) invite_hop: SocketAddr,
    pub(super) cseq: u32,
    /// CSeq of our INVITE: 2 once it was repeated with an Authorization.
    pub(super) invite_cseq: u32,
    pub(super) remote_cseq: u32,
    /// Branch of our INVITE.
    pub(super) branch: String,
    /// The header fields that every response to their INVITE repeats.
    pub(super) head: String,
    /// Our last response to their INVITE.
    pub(super) response: Vec<u8>,
    /// Our ACK of their 2xx.
    pub(super) ack: Vec<u8>,
    /// Our session description.
    pub(super) sdp: Vec<u8>,
    pub(super) resend: Option<Resend>,
    pub(super) expire_at: Option<u64>,
}

impl Leg {
    pub(super) fn invite(&self, local: SocketAddr, headers: &str) -> Vec<u8> {
        let headers = format!("Contact: {}\r\nAllow: {}\r\n{headers}", self.contact, text::ALLOW);
        text::request(self, local, "INVITE", self.invite_cseq, &self.branch, &headers, &self.sdp)
    }

    pub(super) fn cancel(&self, local: SocketAddr) -> Vec<u8> {
        text::request(self, local, "CANCEL", self.invite_cseq, &self.branch, "", b"")
    }

    pub(super) fn request(
        &self,
        local: SocketAddr,
        method: &str,
        cseq: u32,
        branch: &str,
        headers: &str,
    ) -> Vec<u8> {
        text::request(self, local, method, cseq, branch, headers, b"")
    }

    /// ACK of a refusal: part of the INVITE's transaction, to whoever the refusal says it is from.
    pub(super) fn ack_refusal(&mut self, local: SocketAddr, to: &str) -> Vec<u8> {
        let remote = std::mem::replace(&mut self.remote, to.to_owned());
        let bytes = text::request(self, local, "ACK", self.invite_cseq, &self.branch, "", b"");
        self.remote = remote;
        bytes
    }

    pub(super) fn invite_response(&self, status: u16, headers: &str, sdp: &[u8]) -> Vec<u8> {
        let headers = match status {
            101..300 => format!("Contact: {}\r\nAllow: {}\r\n{headers}", self.contact, text::ALLOW),
            _ => headers.to_owned(),
        };
        text::response(status, &self.head, &headers, sdp)
    }

    /// Takes tag, routes and target from a 2xx.
    pub(super) fn confirm(&mut self, message: &Message<'_>, tag: &str) {
        self.remote_tag = tag.to_owned();
        self.routes = message.routes().map(str::to_owned).collect();
        self.routes.reverse();
        if let Some(contact) = message.contact {
            self.target = wire::uri_of(contact).to_owned();
        }
        self.hop = next_hop(&self.routes, &self.target).unwrap_or(self.invite_hop);
    }

    /// The far end moved: a target refresh (RFC 3261 12.2.2).
    pub(super) fn retarget(&mut self, uri: &str) {
        self.target = uri.to_owned();
        self.hop = next_hop(&self.routes, uri).unwrap_or(self.hop);
    }
}

/// Where a request inside a dialog goes: to its first route, else to its target; `None` for names we do not resolve.
pub(super) fn next_hop(routes: &[String], target: &str) -> Option<SocketAddr> {
    wire::address_of(routes.first().map_or(target, |route| wire::uri_of(route)))
}
