//! Whether callers let their talk be recorded, where a number asks them (rows V10, K10; PIPL art. 13 and 14). It refuses to know
//! prompts and keys.

use serde::{Deserialize, Serialize};

/// Whether a number asks, and what silence means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    /// Nobody is asked: who hears the notice and goes on is recorded.
    #[default]
    Notice,
    /// Who does not refuse is recorded.
    OptOut,
    /// Who agrees is recorded, and nobody else.
    OptIn,
}

impl Consent {
    /// Whether the caller is asked.
    pub fn asks(self) -> bool {
        self != Consent::Notice
    }

    /// Whether a talk is recorded behind a choice.
    pub fn records(self, choice: Choice) -> bool {
        match (self, choice) {
            (_, Choice::Agreed) | (Consent::Notice | Consent::OptOut, Choice::Silent) => true,
            (_, Choice::Refused) | (Consent::OptIn, Choice::Silent) => false,
        }
    }
}

/// What a caller said when asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// It may be recorded: the key 1.
    Agreed,
    /// It may not: the key 2.
    Refused,
    /// No key came.
    Silent,
}

impl Choice {
    /// The choice as stored and shown.
    pub fn code(self) -> &'static str {
        match self {
            Choice::Agreed => "agreed",
            Choice::Refused => "refused",
            Choice::Silent => "silent",
        }
    }
}
