//! What the user of an endpoint asks for, as values.
//! It refuses to know how any of it is written on the wire.

use crate::digest::Credentials;
use crate::hop::Hop;

/// One side of a call towards one far end. The number is a slab index and its generation: it is not given
/// to another leg while this one is referenced, and never again with the same generation.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Ord, PartialOrd, Debug, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct LegId(pub u64);

/// One `OPTIONS` health probe.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Ord, PartialOrd, Debug)]
pub struct ProbeId(pub u64);

/// One binding of ours at a registrar, kept over its refreshes.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Ord, PartialOrd, Debug)]
pub struct RegistrationId(pub u64);

/// A REGISTER of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    /// Next hop.
    pub to: Hop,
    /// The Request-URI, such as `sip:carrier.example`.
    pub registrar: String,
    /// Whom we register, such as `sip:4006010114@carrier.example`.
    pub address_of_record: String,
    /// The user part of the Contact: what the carrier's INVITEs will name.
    pub contact_user: String,
    /// The interval asked for; 0 takes the binding back.
    pub expires_s: u32,
    /// Who we are when asked.
    pub credentials: Option<Credentials>,
}

/// An outgoing call attempt.
#[derive(Clone, Debug)]
pub struct Invite {
    /// Next hop: where the message goes, and by what.
    pub to: Hop,
    /// The Request-URI, such as `sip:13800138000@192.0.2.1:5060`.
    pub request_uri: String,
    /// Who calls, as the From header shows it.
    pub from: Party,
    /// The To URI; usually the Request-URI again.
    pub to_uri: String,
    /// The URI of P-Asserted-Identity (RFC 3325), such as `sip:13800138000@192.0.2.1`.
    pub asserted: Option<String>,
    /// The URI of Diversion (RFC 5806): who redirected this call.
    pub diversion: Option<String>,
    /// Proxies on the way, nearest first: the Path of a phone's binding (RFC 3327 5.2). `to` is then the first of them,
    /// or the flow that leads to it.
    pub route: Vec<String>,
    /// Whether `to` is a flow the far end opened: what follows inside the dialog goes by it too, whatever address the
    /// far end writes into its Contact (RFC 5626 5.3).
    pub keeps_flow: bool,
    /// Further headers as name and value. Names that the endpoint writes itself are refused.
    pub headers: Vec<(String, String)>,
    /// The offer; never empty, since nobody would write the answer into our ACK.
    pub sdp: Vec<u8>,
    /// Max-Forwards; one less than what the inbound leg arrived with keeps loops finite.
    pub max_forwards: u8,
    /// When nothing at all came back after this long the attempt is reported as
    /// [`FailureKind::NoResponse`](crate::FailureKind::NoResponse) and stays open behind the scenes:
    /// a late 1xx gets CANCEL, a late 200 gets ACK and BYE. `None` waits for 64·T1.
    pub first_response_ms: Option<u64>,
    /// Who we are where the far end asks with 401 or 407; `None` takes that for a refusal.
    pub credentials: Option<Credentials>,
}

impl Invite {
    /// A plain call to `request_uri` by way of `to`.
    pub fn new(to: impl Into<Hop>, request_uri: impl Into<String>, from: Party, sdp: Vec<u8>) -> Invite {
        let request_uri = request_uri.into();
        Invite {
            to: to.into(),
            to_uri: request_uri.clone(),
            request_uri,
            from,
            asserted: None,
            diversion: None,
            route: Vec::new(),
            keeps_flow: false,
            headers: Vec::new(),
            sdp,
            max_forwards: 70,
            first_response_ms: None,
            credentials: None,
        }
    }
}

/// A caller as written into From.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// User part of the URI, unescaped.
    pub user: String,
    /// Host part of the URI, with a port where needed.
    pub host: String,
    /// Display name, unquoted.
    pub display: Option<String>,
}

/// Why a leg ends, as RFC 3326 writes it: `Reason: Q.850;cause=17;text="user busy"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Q.850 cause, 1 to 127.
    pub q850: u16,
    /// Words for people.
    pub text: Option<String>,
}

/// Why a command was not taken.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// `Config::max_legs` are in use.
    Full,
    /// A value holds a line break or a byte that would change the message around it, or the offer is empty.
    BadValue,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Refused::Full => "all legs are in use",
            Refused::BadValue => "a value would break the message around it",
        })
    }
}

impl std::error::Error for Refused {}
