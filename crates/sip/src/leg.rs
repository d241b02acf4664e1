//! One side of a call: where it stands, its dialog, and what it waits for.
//! It refuses to know messages; `endpoint` moves it from state to state.

use bytes::Bytes;

use crate::command::{Invite, Reason};
use crate::dialog::DialogState;
use crate::endpoint::{Proving, Reliable};
use crate::hop::Hop;

/// Where a leg stands.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Our INVITE waits for its final response.
    Inviting(Attempt),
    /// Their INVITE waits for ours.
    Invited,
    /// Our 200 waits for its ACK.
    ExpectAck,
    /// The dialog stands.
    Confirmed,
    /// Our BYE waits for its answer.
    Closing,
    /// Nothing more will happen; transactions may linger.
    Over,
}

/// Whether anybody still wants our INVITE to succeed.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    Wanted,
    /// The user cancelled; the outcome is still to be reported.
    Cancelled,
    /// Reported as unanswered; only a late 200 is news.
    Abandoned,
}

/// The deadlines of a leg.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Deadline {
    /// When to report that nothing at all came back.
    FirstResponse,
    /// When to repeat an unacknowledged 200.
    ResendAnswer,
    /// When to give up waiting for the ACK.
    AckMissing,
    /// When to repeat a provisional response, lest a proxy forget the call (RFC 3261 13.3.1.1).
    RepeatProvisional,
    /// When to forget a cancelled INVITE that gets no final response (RFC 3261 9.1).
    CancelGivenUp,
    /// When it is our turn to refresh the session.
    RefreshSession,
    /// When a session without refresh is over.
    SessionExpiry,
    /// When to send the re-INVITE that had to wait.
    RetryReinvite,
    /// When to repeat a provisional response that nobody acknowledged (RFC 3262).
    ResendProvisional,
    /// When to give up waiting for its PRACK.
    PrackMissing,
}

const DEADLINES: [Deadline; 10] = [
    Deadline::FirstResponse,
    Deadline::ResendAnswer,
    Deadline::AckMissing,
    Deadline::RepeatProvisional,
    Deadline::CancelGivenUp,
    Deadline::RefreshSession,
    Deadline::SessionExpiry,
    Deadline::RetryReinvite,
    Deadline::ResendProvisional,
    Deadline::PrackMissing,
];

/// When each deadline is due.
#[derive(Default)]
pub(crate) struct Deadlines {
    due: [Option<u64>; DEADLINES.len()],
}

impl Deadlines {
    pub(crate) fn set(&mut self, deadline: Deadline, due_ms: u64) {
        self.due[deadline as usize] = Some(due_ms);
    }

    pub(crate) fn clear(&mut self, deadline: Deadline) {
        self.due[deadline as usize] = None;
    }

    pub(crate) fn is_set(&self, deadline: Deadline) -> bool {
        self.due[deadline as usize].is_some()
    }

    pub(crate) fn clear_all(&mut self) {
        self.due = Default::default();
    }

    pub(crate) fn earliest(&self) -> Option<u64> {
        self.due.iter().flatten().copied().min()
    }

    /// One deadline that has come, cleared.
    pub(crate) fn take_due(&mut self, now_ms: u64) -> Option<Deadline> {
        let come = DEADLINES.into_iter().find(|&d| self.due[d as usize].is_some_and(|due| due <= now_ms))?;
        self.clear(come);
        Some(come)
    }
}

/// A 2xx of ours that waits for its ACK.
pub(crate) struct Answer {
    pub(crate) cseq: u32,
    pub(crate) bytes: Bytes,
    pub(crate) to: Hop,
    pub(crate) interval_ms: u64,
    /// Whether our 200 carried the offer, so that the ACK carries the answer.
    pub(crate) offered: bool,
}

/// An ACK of ours to a 2xx, kept for repetitions of that 2xx.
pub(crate) struct Acked {
    pub(crate) cseq: u32,
    pub(crate) tag: String,
    pub(crate) to: Hop,
    pub(crate) bytes: Bytes,
}

/// Whose turn it is to refresh the session.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refresher {
    Us,
    Them,
}

/// An agreed session timer (RFC 4028).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) interval_s: u32,
    pub(crate) refresher: Refresher,
}

/// One side of a call.
pub(crate) struct Leg {
    pub(crate) state: State,
    pub(crate) dialog: DialogState,
    /// Whether we made the Call-ID: decides who waits longer after glare (RFC 3261 14.1).
    pub(crate) ours: bool,
    /// Its requests go by the flow the far end opened, whatever its Contact says.
    pub(crate) keeps_flow: bool,
    /// The other side allows UPDATE.
    pub(crate) allows_update: bool,
    /// Live transactions; the id is free when none is left and the leg is over.
    pub(crate) transactions: u32,
    /// Our INVITE or theirs, by state.
    pub(crate) invite: Option<u64>,
    /// Our INVITE in words, kept for a retry after 422.
    pub(crate) attempt: Option<Box<Invite>>,
    /// The shortest interval the far end took (RFC 4028 Min-SE).
    pub(crate) min_se_s: u32,
    pub(crate) answer: Option<Answer>,
    pub(crate) acked: Vec<Acked>,
    /// Our re-INVITE on its way.
    pub(crate) reinvite_out: Option<u64>,
    /// Their re-INVITE or UPDATE that waits for our word.
    pub(crate) reinvite_in: Option<u64>,
    /// Their REFER that waits for our word, with its CSeq.
    pub(crate) refer_in: Option<(u64, u32)>,
    /// The CSeq of their REFER that we took and have not told the end of.
    pub(crate) referred: Option<u32>,
    /// What our next re-INVITE offers.
    pub(crate) reinvite_wanted: Option<Bytes>,
    /// Our BYE, held back until the ACK is there.
    pub(crate) bye_held: Option<Option<Reason>>,
    pub(crate) asked: Asked,
    /// Who we are where the far end asks.
    pub(crate) proving: Option<Box<Proving>>,
    pub(crate) session: Option<Session>,
    pub(crate) reliable: Reliable,
    /// When the session began or was last refreshed.
    pub(crate) refreshed_ms: u64,
    pub(crate) local_sdp: Bytes,
    pub(crate) remote_sdp: Bytes,
    pub(crate) deadlines: Deadlines,
    pub(crate) armed: Option<u64>,
}

/// What their last INVITE or UPDATE asked about session timers.
#[derive(Copy, Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) supports_timer: bool,
    pub(crate) expires: Option<crate::incoming::SessionExpires>,
    pub(crate) min_se_s: u32,
}

impl Leg {
    pub(crate) fn new(state: State, dialog: DialogState, ours: bool) -> Leg {
        Leg {
            state,
            dialog,
            ours,
            keeps_flow: false,
            allows_update: false,
            transactions: 0,
            invite: None,
            attempt: None,
            min_se_s: 0,
            answer: None,
            acked: Vec::new(),
            reinvite_out: None,
            reinvite_in: None,
            refer_in: None,
            referred: None,
            reinvite_wanted: None,
            bye_held: None,
            asked: Asked::default(),
            proving: None,
            session: None,
            reliable: Reliable::default(),
            refreshed_ms: 0,
            local_sdp: Bytes::new(),
            remote_sdp: Bytes::new(),
            deadlines: Deadlines::default(),
            armed: None,
        }
    }

    /// Nothing more will happen: let go of all that only a living leg needs.
    pub(crate) fn close(&mut self) {
        self.state = State::Over;
        self.deadlines.clear_all();
        self.attempt = None;
        self.answer = None;
        self.session = None;
        self.reliable = Reliable::default();
        self.reinvite_wanted = None;
        self.bye_held = None;
        self.local_sdp = Bytes::new();
        self.remote_sdp = Bytes::new();
    }

    pub(crate) fn is_dialog(&self) -> bool {
        matches!(self.state, State::ExpectAck | State::Confirmed)
    }

    /// Our requests go by the connection that its last one came by: a far end whose stream ended comes back by another
    /// one, and nobody can call it back at the port of the first (RFC 5626 5.3). Only among streams of one kind, so that
    /// what was under TLS stays so; whose address we called keeps it.
    pub(crate) fn follow(&mut self, from: Hop) {
        let flow = &mut self.dialog.next_hop;
        if flow.connection.is_some() && from.connection.is_some() && flow.transport == from.transport {
            *flow = from;
        }
    }

    pub(crate) fn next_cseq(&mut self) -> u32 {
        self.dialog.local_cseq += 1;
        self.dialog.local_cseq
    }
}
