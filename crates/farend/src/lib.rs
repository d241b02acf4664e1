//! The other end of the line: callers, carriers and bound phones that speak real SIP and RTP over UDP.
//! It refuses to know the platform: tenants, rules, records and money are seen from here only as a voice that answers.
//!
//! - [`bridge`] carries what any of the others says by one stream: TCP, TLS or WebSocket.
//! - [`call`] places one call and tells what happens, step by step.
//! - [`load`] plays caller and callee of many calls at a set rate, on one clock, and measures the platform between them.
//! - [`softphone`] registers at the platform, answers, and calls.
//! - [`world`] is a small telephone network: a carrier with phones behind it, and people who call.
//!
//! All stand on `agent`, a small user agent of its own, so that a fault of `crates/sip` is not mirrored by
//! the far end that should show it.

mod agent;
pub mod bridge;
pub mod call;
mod clock;
mod digest;
mod ear;
pub mod load;
mod phone;
mod random;
mod registering;
mod secure;
pub mod softphone;
mod udp;
mod voice;
mod wire;
pub mod world;

pub use digest::Credentials;
pub use ear::{MediaTotals, Sound};
pub use udp::local_towards;
pub use voice::Says;
