//! The back-test: real calls of a number walk a draft, and what would be different is said call by call. A call that is
//! told again is a [`Call`](crate::call::Call) like any other; its far ends do what the log says they did, matched by what
//! they are and not by when they came. What no log can know is said to be unknown, or drawn from other calls and marked so.

mod differ;
mod history;
mod outcome;
pub mod queueing;
mod recorded;
mod replay;
mod state;

pub use differ::{Differs, Kind, compare};
pub use history::History;
pub use outcome::{End, Outcome};
pub use recorded::{Left, Recorded};
pub use replay::{Replay, Replayed};

/// What a replay came to that the log does not know. [`Unknown::code`] is stable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the variant's line names its fields")]
pub enum Unknown {
    /// A step that asks the caller for something it was not asked in this call, or not as often.
    NeverAsked { step: String },
    /// A step that asks a server outside what was not asked in this call.
    NeverFetched { step: String },
    /// A phone that was not rung in this call, nor in any other of the period.
    NeverRung { destination: String },
    /// A queue that the call did not wait in, or not for so long.
    NeverQueued { queue: String },
    /// Keys that are told nowhere decide the way.
    Secret { step: String },
    /// Chance decides the way, and other things were decided by chance before it.
    Chance { by: String },
    /// The call would be up still, and nothing more is known of it.
    Beyond,
}

impl Unknown {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Unknown::NeverAsked { .. } => "never_asked",
            Unknown::NeverFetched { .. } => "never_fetched",
            Unknown::NeverRung { .. } => "never_rung",
            Unknown::NeverQueued { .. } => "never_queued",
            Unknown::Secret { .. } => "secret",
            Unknown::Chance { .. } => "chance",
            Unknown::Beyond => "beyond",
        }
    }

    /// The step, phone or queue it came to; empty where there is none.
    pub fn at(&self) -> &str {
        match self {
            Unknown::NeverAsked { step } | Unknown::NeverFetched { step } | Unknown::Secret { step } => step,
            Unknown::NeverRung { destination } => destination,
            Unknown::NeverQueued { queue } => queue,
            Unknown::Chance { by } => by,
            Unknown::Beyond => "",
        }
    }
}
