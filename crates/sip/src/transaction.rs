//! Client and server transactions (RFC 3261 section 17, RFC 6026) over UDP, as data with their own deadlines.
//! They refuse to know dialogs and calls; what a transaction is for is a word its owner left in it.

use bytes::Bytes;

use crate::command::{LegId, ProbeId};
use crate::hop::Hop;

/// RFC 3261 T2: the longest pause between repetitions.
pub(crate) const T2_MS: u64 = 4_000;
/// RFC 3261 T4: how long a datagram may live in the network.
pub(crate) const T4_MS: u64 = 5_000;

/// What a client transaction is for.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Invite,
    Cancel,
    /// PRACK to a provisional response of theirs.
    Prack,
    Bye,
    /// BYE to a fork that answered second.
    LoserBye,
    Reinvite,
    /// A re-INVITE of the session timer.
    RefreshInvite,
    /// An UPDATE of the session timer.
    RefreshUpdate,
    Info,
    /// NOTIFY of what comes of a REFER.
    Notify,
    /// A REGISTER of ours.
    Register {
        registration: u64,
    },
    Probe {
        probe: ProbeId,
        sent_ms: u64,
    },
}

impl Purpose {
    pub(crate) fn is_invite(self) -> bool {
        matches!(self, Purpose::Invite | Purpose::Reinvite | Purpose::RefreshInvite)
    }

    /// Whether a 401 or 407 to it is answered on its leg. A CANCEL cannot be (RFC 3261 22.1).
    pub(crate) fn may_be_proven(self) -> bool {
        match self {
            Purpose::Invite
            | Purpose::Reinvite
            | Purpose::RefreshInvite
            | Purpose::RefreshUpdate
            | Purpose::Bye
            | Purpose::LoserBye
            | Purpose::Prack
            | Purpose::Info
            | Purpose::Notify => true,
            Purpose::Cancel | Purpose::Register { .. } | Purpose::Probe { .. } => false,
        }
    }
}

/// What a client transaction waits for.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClientState {
    /// Any response; the request is repeated.
    Calling,
    /// A final response.
    Proceeding,
    /// Repetitions of a final response.
    Completed,
    /// Repetitions of a 2xx to INVITE, and 2xx of other forks.
    Accepted,
}

/// One request of ours.
pub(crate) struct Client {
    pub(crate) purpose: Purpose,
    pub(crate) leg: Option<LegId>,
    /// The number in our branch; also the key in the table.
    pub(crate) branch: u64,
    pub(crate) cseq: u32,
    pub(crate) to: Hop,
    pub(crate) request: Bytes,
    /// Our ACK to a non-2xx final response.
    pub(crate) ack: Option<Bytes>,
    pub(crate) state: ClientState,
    pub(crate) interval_ms: u64,
    pub(crate) resend_at: Option<u64>,
    pub(crate) end_at: Option<u64>,
    pub(crate) armed: Option<u64>,
}

impl Client {
    pub(crate) fn due(&self) -> Option<u64> {
        earlier(self.resend_at, self.end_at)
    }

    /// After a repetition: timer A doubles without bound, timer E up to T2.
    pub(crate) fn back_off(&mut self, now_ms: u64) {
        self.interval_ms = match (self.purpose.is_invite(), self.state) {
            (true, _) => self.interval_ms * 2,
            (false, ClientState::Proceeding) => T2_MS,
            (false, _) => (self.interval_ms * 2).min(T2_MS),
        };
        self.resend_at = Some(now_ms + self.interval_ms);
    }

    /// A provisional response: a first INVITE waits for people from now on, a re-INVITE for a machine, and
    /// anything else goes on repeating slowly. A re-INVITE keeps an end because its dialog may end meanwhile,
    /// and then nobody answers it any more.
    pub(crate) fn proceed(&mut self, t1_ms: u64, now_ms: u64) {
        if self.state != ClientState::Calling {
            return;
        }
        self.state = ClientState::Proceeding;
        if self.purpose == Purpose::Invite {
            self.resend_at = None;
            self.end_at = None;
        } else if self.purpose.is_invite() {
            self.resend_at = None;
            self.end_at = Some(now_ms + 64 * t1_ms);
        } else {
            self.interval_ms = T2_MS;
            self.resend_at = self.repeats().then_some(now_ms + T2_MS);
        }
    }

    /// Whether the way there may lose what is sent (RFC 3261 17.1).
    fn repeats(&self) -> bool {
        !self.to.transport.is_reliable()
    }

    /// A final response: timers D, K or M.
    pub(crate) fn complete(&mut self, state: ClientState, t1_ms: u64, now_ms: u64) {
        self.state = state;
        self.resend_at = None;
        let linger_ms = match (self.purpose.is_invite(), state) {
            // Forks may answer later than the first, whatever the transport.
            (true, ClientState::Accepted) => 64 * t1_ms,
            _ if !self.repeats() => 0,
            (true, _) => 64 * t1_ms,
            (false, _) => T4_MS,
        };
        self.end_at = Some(now_ms + linger_ms);
        self.request = Bytes::new();
    }

    pub(crate) fn is_pending(&self) -> bool {
        matches!(self.state, ClientState::Calling | ClientState::Proceeding)
    }
}

/// Requests of others that get a server transaction.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum ServerMethod {
    Invite,
    Update,
    /// Answered at once; kept to answer repetitions the same.
    Other,
}

/// What a server transaction waits for.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum ServerState {
    /// Our final response.
    Proceeding,
    /// The ACK to a non-2xx, or repetitions of a non-INVITE request.
    Completed,
    /// Late repetitions of that ACK.
    Confirmed,
    /// Repetitions of an INVITE that got a 2xx.
    Accepted,
}

/// One request of theirs.
pub(crate) struct Server {
    pub(crate) key: u64,
    /// Call-ID, From tag and CSeq of an INVITE outside a dialog: the same request by another way is a merged one.
    pub(crate) merged_key: Option<u64>,
    pub(crate) leg: Option<LegId>,
    pub(crate) method: ServerMethod,
    pub(crate) cseq: u32,
    pub(crate) to: Hop,
    /// Via, From, Call-ID and CSeq lines of every response.
    pub(crate) head: Bytes,
    /// The To value as it came.
    pub(crate) to_value: String,
    /// Our last response.
    pub(crate) last: Bytes,
    pub(crate) state: ServerState,
    pub(crate) interval_ms: u64,
    pub(crate) resend_at: Option<u64>,
    pub(crate) end_at: Option<u64>,
    pub(crate) armed: Option<u64>,
}

impl Server {
    pub(crate) fn due(&self) -> Option<u64> {
        earlier(self.resend_at, self.end_at)
    }

    /// A final response of `status` went out: timers G and H, J or L.
    pub(crate) fn finish(&mut self, status: u16, t1_ms: u64, now_ms: u64) {
        let repeats = !self.to.transport.is_reliable();
        self.end_at = Some(now_ms + 64 * t1_ms);
        if self.method != ServerMethod::Invite {
            self.state = ServerState::Completed;
            if !repeats {
                self.end_at = Some(now_ms);
            }
        } else if status < 300 {
            self.state = ServerState::Accepted;
        } else {
            self.state = ServerState::Completed;
            self.interval_ms = t1_ms;
            self.resend_at = repeats.then_some(now_ms + t1_ms);
        }
    }

    /// The ACK to our non-2xx: timer I.
    pub(crate) fn confirm(&mut self, now_ms: u64) {
        if self.method == ServerMethod::Invite && self.state == ServerState::Completed {
            self.state = ServerState::Confirmed;
            self.resend_at = None;
            let linger_ms = if self.to.transport.is_reliable() { 0 } else { T4_MS };
            self.end_at = Some(now_ms + linger_ms);
        }
    }

    /// After a repetition: timer G doubles up to T2.
    pub(crate) fn back_off(&mut self, now_ms: u64) {
        self.interval_ms = (self.interval_ms * 2).min(T2_MS);
        self.resend_at = Some(now_ms + self.interval_ms);
    }
}

/// The earlier of two deadlines.
pub(crate) fn earlier(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
