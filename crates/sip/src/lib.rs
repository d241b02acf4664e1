//! SIP (RFC 3261) as legs of calls, without I/O: datagrams and commands in, datagrams and events out.
//! It refuses to know clocks, sockets, threads, chance, and everything about 400 numbers.

mod command;
mod compose;
mod config;
mod dialog;
pub mod digest;
mod endpoint;
mod event;
pub mod frame;
mod hop;
mod ids;
mod incoming;
mod leg;
pub mod location;
pub mod registrar;
pub mod sdp;
mod timers;
mod transaction;

pub use command::{Invite, LegId, Party, ProbeId, Reason, Refused, Register, RegistrationId};
pub use config::{Config, Listener};
pub use dialog::DialogState;
pub use endpoint::Endpoint;
pub use event::{
    Arriving, Counts, Event, Failure, FailureKind, Referring, Registering, Replaces, Totals, Transmit,
    Wanted, Wish,
};
pub use hop::{Hop, Transport};
