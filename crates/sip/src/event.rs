//! What an endpoint tells its user, as values.
//! It refuses to know what the user will make of it.

use bytes::Bytes;

use crate::command::{LegId, ProbeId, RegistrationId};
use crate::digest::Claim;
use crate::hop::Hop;

/// A message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where to.
    pub to: Hop,
    /// The whole message.
    pub bytes: Bytes,
    /// Whose trace it belongs to; `None` for probes and for answers without a call.
    pub leg: Option<LegId>,
}

/// Something that happened. Every leg ends in exactly one [`Event::Ended`], after which its id is free.
///
/// An outgoing leg has exactly one outcome of `Answered`, `Failed` and `LateAnswer`, except that a
/// `LateAnswer` may follow a `Failed` of kind `NoResponse`.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A call arrives. Answer it with `trying`, `provisional`, `answer` or `reject`.
    Invited {
        /// The new leg.
        leg: LegId,
        /// What came with it.
        invite: Box<Arriving>,
    },
    /// A provisional response above 100 to our INVITE.
    Progress {
        /// Our outgoing leg.
        leg: LegId,
        /// 101 to 199.
        status: u16,
        /// Early media, if any.
        sdp: Option<Vec<u8>>,
        /// Q.850 cause of a Reason header.
        q850: Option<u16>,
    },
    /// The first 2xx to our INVITE; the ACK is already out.
    Answered {
        /// Our outgoing leg.
        leg: LegId,
        /// The answer, if the far end sent one.
        sdp: Option<Vec<u8>>,
    },
    /// Our INVITE came to nothing.
    Failed {
        /// Our outgoing leg.
        leg: LegId,
        /// How.
        failure: Failure,
    },
    /// The caller gave up; 200 to the CANCEL and 487 to the INVITE are already out.
    Cancelled {
        /// The incoming leg.
        leg: LegId,
        /// Q.850 cause of the Reason header, if it came with one.
        q850: Option<u16>,
    },
    /// Our 200 was acknowledged.
    Acked {
        /// The incoming leg.
        leg: LegId,
        /// The answer, when our 200 carried the offer.
        sdp: Option<Vec<u8>>,
    },
    /// Our 200 was never acknowledged; a BYE of ours is on its way.
    AckMissing {
        /// The leg that answered.
        leg: LegId,
    },
    /// The far end hung up; our 200 is already out.
    Bye {
        /// The leg that ended.
        leg: LegId,
        /// Q.850 cause of the Reason header.
        q850: Option<u16>,
        /// Its text, or the text of a SIP reason.
        reason: Option<String>,
    },
    /// Our BYE was answered, or gave up waiting.
    ByeDone {
        /// The leg we ended.
        leg: LegId,
    },
    /// The far end wants other media. Answer with `accept_reinvite` or `refuse_reinvite`.
    Reinvited {
        /// The leg.
        leg: LegId,
        /// The offer, or `None` when it asks for ours.
        sdp: Option<Vec<u8>>,
    },
    /// Our re-INVITE was accepted.
    ReinviteAnswered {
        /// The leg.
        leg: LegId,
        /// The answer.
        sdp: Option<Vec<u8>>,
    },
    /// Our re-INVITE was refused; the session stays as it was.
    ReinviteFailed {
        /// The leg.
        leg: LegId,
        /// The final status, 408 when none came.
        status: u16,
    },
    /// The session was not refreshed in time (RFC 4028). The user decides on the BYE.
    SessionExpired {
        /// The leg.
        leg: LegId,
        /// When it began or was last refreshed.
        refreshed_ms: u64,
    },
    /// An INFO inside the dialog; our 200 is already out.
    Info {
        /// The leg.
        leg: LegId,
        /// Its Content-Type, lower case, without parameters; empty when it has none.
        content_type: String,
        /// Its body.
        body: Vec<u8>,
    },
    /// The far end asks by REFER that the call goes elsewhere. Answer with `accept_refer` or `refuse_refer`.
    Referred {
        /// The leg.
        leg: LegId,
        /// Where to.
        refer: Box<Referring>,
    },
    /// Our INFO was answered.
    InfoDone {
        /// The leg.
        leg: LegId,
        /// The final status, 408 when none came.
        status: u16,
    },
    /// A 2xx arrived for an attempt we had given up; ACK and BYE are already out.
    LateAnswer {
        /// The outgoing leg.
        leg: LegId,
    },
    /// All transactions of the leg are gone; its id is free.
    Ended {
        /// The leg.
        leg: LegId,
    },
    /// Our REGISTER was accepted.
    Registered {
        /// Which.
        registration: RegistrationId,
        /// The interval granted, 0 once it was taken back.
        expires_s: u32,
    },
    /// Our REGISTER was refused, or never answered.
    RegisterFailed {
        /// Which.
        registration: RegistrationId,
        /// How.
        failure: Failure,
    },
    /// A phone registers. [`Registrar`](crate::registrar::Registrar) answers it, by one of `ask_register`,
    /// `grant_register` and `refuse_register`; without an answer the phone asks again.
    Registering {
        /// What it asks for.
        register: Box<Registering>,
    },
    /// A health probe was answered.
    ProbeAnswered {
        /// Which.
        probe: ProbeId,
        /// The final status.
        status: u16,
        /// From our OPTIONS to its answer.
        round_trip_ms: u64,
    },
    /// A health probe was not answered.
    ProbeFailed {
        /// Which.
        probe: ProbeId,
        /// `NoResponse` or `Unreachable`.
        kind: FailureKind,
    },
}

impl Event {
    /// The leg it is about; `None` for registrations and probes.
    pub fn leg(&self) -> Option<LegId> {
        match self {
            Event::Invited { leg, .. }
            | Event::Progress { leg, .. }
            | Event::Answered { leg, .. }
            | Event::Failed { leg, .. }
            | Event::Cancelled { leg, .. }
            | Event::Acked { leg, .. }
            | Event::AckMissing { leg }
            | Event::Bye { leg, .. }
            | Event::ByeDone { leg }
            | Event::Reinvited { leg, .. }
            | Event::ReinviteAnswered { leg, .. }
            | Event::ReinviteFailed { leg, .. }
            | Event::SessionExpired { leg, .. }
            | Event::Info { leg, .. }
            | Event::Referred { leg, .. }
            | Event::InfoDone { leg, .. }
            | Event::LateAnswer { leg }
            | Event::Ended { leg } => Some(*leg),
            Event::Registered { .. }
            | Event::RegisterFailed { .. }
            | Event::Registering { .. }
            | Event::ProbeAnswered { .. }
            | Event::ProbeFailed { .. } => None,
        }
    }
}

/// How an outgoing call came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The final status; 408 when none came, 503 when the far end was unreachable.
    pub status: u16,
    /// Who said so.
    pub kind: FailureKind,
    /// Q.850 cause of a Reason header.
    pub q850: Option<u16>,
    /// Retry-After.
    pub retry_after_s: Option<u32>,
}

/// Where a failure comes from.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The far end answered with a final status.
    Answered,
    /// Nothing came back at all.
    NoResponse,
    /// Provisional responses came, then nothing more.
    NoFinalResponse,
    /// The network said that nobody listens there.
    Unreachable,
}

/// An arriving INVITE, as far as deciding a call needs it. Every text is hostile input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arriving {
    /// Where it came from, and by what.
    pub from: Hop,
    /// User of the Request-URI, unescaped: the number that was dialled.
    pub request_uri_user: String,
    /// Host of the Request-URI.
    pub request_uri_host: String,
    /// User of To.
    pub to_user: String,
    /// User of From, with `;phone-context=…` where it has one.
    pub from_user: String,
    /// Host of From.
    pub from_host: String,
    /// Display name of From.
    pub from_display: Option<String>,
    /// User of the first P-Asserted-Identity, with `;phone-context=…` where it has one.
    pub asserted: Option<String>,
    /// Whether Privacy asks to hide the caller (`id`, `user` or `header`).
    pub privacy: bool,
    /// User of the first Diversion.
    pub diversion: Option<String>,
    /// Users of History-Info, oldest first (RFC 7044).
    pub history: Vec<String>,
    /// Call-ID.
    pub call_id: String,
    /// The dialog whose place it wants (RFC 3891).
    pub replaces: Option<Replaces>,
    /// The offer; `None` means that our 200 must carry one.
    pub sdp: Option<Vec<u8>>,
    /// Max-Forwards, 70 when absent.
    pub max_forwards: u8,
    /// Whom the caller claims to be, where it sent a digest; [`Authenticator`](crate::digest::Authenticator) judges it.
    pub claim: Option<Box<Claim>>,
    /// Whether the caller supports session timers.
    pub supports_timer: bool,
}

/// What a REFER asks for. Every text is hostile input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referring {
    /// User of Refer-To, unescaped.
    pub user: String,
    /// Host of Refer-To.
    pub host: String,
    /// Whether a dialog is to be replaced (RFC 3891).
    pub replaces: bool,
}

/// A dialog as its other side names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaces {
    /// Call-ID.
    pub call_id: String,
    /// Our tag.
    pub to_tag: String,
    /// Their tag.
    pub from_tag: String,
}

impl Replaces {
    /// Reads a header's value; `early-only` is left out, since all here are confirmed.
    pub(crate) fn read(value: &[u8]) -> Option<Replaces> {
        let mut parts = std::str::from_utf8(value).ok()?.split(';').map(str::trim);
        let call_id = parts.next().filter(|id| !id.is_empty())?.to_owned();
        let (mut to_tag, mut from_tag) = (None, None);
        for (name, tag) in parts.filter_map(|part| part.split_once('=')) {
            match name.trim() {
                "to-tag" => to_tag = Some(tag.trim().to_owned()),
                "from-tag" => from_tag = Some(tag.trim().to_owned()),
                _ => {}
            }
        }
        Some(Replaces { call_id, to_tag: to_tag?, from_tag: from_tag? })
    }
}

/// An arriving REGISTER. Every text is hostile input.
#[derive(Clone, Debug, PartialEq)]
pub struct Registering {
    /// Where it came from, and by what: the phone's flow.
    pub from: Hop,
    /// User of To: whose phone it is.
    pub user: String,
    /// Host of To.
    pub host: String,
    /// What it asks for.
    pub wanted: Wanted,
    /// Proxies on the way to the phone, nearest first (RFC 3327).
    pub path: Vec<String>,
    /// Whether the phone speaks RFC 5626.
    pub outbound: bool,
    /// Call-ID.
    pub call_id: String,
    /// CSeq.
    pub cseq: u32,
    /// Whom the phone claims to be, where it sent a digest.
    pub claim: Option<Box<Claim>>,
    pub(crate) ticket: Ticket,
}

impl Registering {
    /// Whether it binds a flow of a device (RFC 5626 6).
    pub(crate) fn has_flow(&self) -> bool {
        match &self.wanted {
            Wanted::Nothing | Wanted::RemoveAll => false,
            Wanted::Bind(wishes) => wishes.iter().any(|wish| wish.reg_id.is_some()),
        }
    }
}

/// What every answer to a REGISTER needs, whenever it is given.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ticket {
    pub(crate) key: u64,
    pub(crate) to: Hop,
    /// Via, From, Call-ID and CSeq lines.
    pub(crate) head: Bytes,
    /// To with our tag.
    pub(crate) to_value: String,
}

/// What a REGISTER asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// To be told the bindings.
    Nothing,
    /// That all bindings end.
    RemoveAll,
    /// Bindings made, kept up or ended.
    Bind(Vec<Wish>),
}

/// One Contact of a REGISTER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Its URI, without headers.
    pub uri: String,
    /// The interval asked for, by the contact or for all; 0 ends the binding.
    pub expires_s: Option<u32>,
    /// `+sip.instance` without its quotes.
    pub instance: Option<String>,
    /// `reg-id`; only beside an instance.
    pub reg_id: Option<u32>,
}

/// How much the endpoint holds. All zero after 64·T1 of quiet without calls.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Legs, ended ones with live transactions included.
    pub legs: usize,
    /// Confirmed dialogs that nobody has ended.
    pub dialogs: usize,
    /// Client transactions.
    pub client_transactions: usize,
    /// Server transactions.
    pub server_transactions: usize,
    /// Armed timers.
    pub timers: usize,
}

/// What went by since the endpoint was made.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Datagrams received.
    pub received: u64,
    /// Datagrams dropped in silence: unreadable, or answers to nothing.
    pub dropped: u64,
    /// Requests refused before any leg saw them.
    pub refused: u64,
    /// Requests and responses recognised as repetitions.
    pub repeated: u64,
    /// Our own retransmissions.
    pub retransmitted: u64,
}
