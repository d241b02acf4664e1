//! A step that takes a request for a callback, as people write it (row Q15).

use serde::{Deserialize, Serialize};

use super::Exit;

/// A step that takes a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowCallback {
    /// Whether the caller's own number is taken where it may be called; else, and where it may not, one is asked for.
    pub own: bool,
    /// The prompt that asks for a number.
    pub prompt: String,
    /// Played before it is asked again after a number that may not be called.
    pub wrong_prompt: String,
    /// Whether the caller's own number is said and wants a key, too: 1 takes it, 2 asks for another.
    #[serde(default)]
    pub confirm: bool,
    /// Played once the request is taken.
    pub accepted: String,
    /// How often a number is asked for at most.
    pub tries: u8,
    /// How long the first key may take after the prompt, seconds; the others have half of it.
    pub timeout_s: u8,
    /// Where the flow goes on behind a request; without it the call ends.
    pub next: Option<Exit>,
    /// Where it goes on without one.
    pub failed: Exit,
}

impl FlowCallback {
    /// A request with all terms at their usual values.
    pub fn new(failed: &str) -> Self {
        Self {
            own: true,
            prompt: "callback_number".to_owned(),
            wrong_prompt: "wrong_key".to_owned(),
            confirm: false,
            accepted: "callback_accepted".to_owned(),
            tries: 2,
            timeout_s: 10,
            next: None,
            failed: failed.to_owned(),
        }
    }
}
