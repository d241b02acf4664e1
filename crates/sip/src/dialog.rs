//! A confirmed dialog (RFC 3261 section 12) as data: all that a request inside it needs.
//! It refuses to know transactions and timers.

use crate::hop::Hop;

/// Everything a BYE needs, small enough to be journalled with each call.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DialogState {
    /// Call-ID.
    pub call_id: String,
    /// Our tag.
    pub local_tag: String,
    /// Their tag; empty when an RFC 2543 peer gave none.
    pub remote_tag: String,
    /// Our From value without its tag.
    pub local: String,
    /// Our To value without its tag.
    pub remote: String,
    /// Route values, nearest first.
    pub route_set: Vec<String>,
    /// Request-URI of what we send.
    pub remote_target: String,
    /// Where its requests go.
    pub next_hop: Hop,
    /// CSeq of our last request.
    pub local_cseq: u32,
    /// CSeq of their last request, 0 before the first.
    pub remote_cseq: u32,
}
