//! Who is told of what by message, as an enterprise writes it: of missed calls and messages by number, of alerts and agents
//! for all of them.

use serde::{Deserialize, Serialize};

use super::{Enterprise, Number};
use crate::message::{Address, Tells};

/// Who is told of what concerns the whole enterprise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tell {
    /// Of caps nearly used and of what is odd (rows B07, B11).
    pub alerts: Vec<Address>,
    /// Of agents who were set to rest (row Q17).
    pub agents: Vec<Address>,
}

/// Who is told of a number's calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TellOfCalls {
    /// Of calls that nobody answered (row V08).
    pub missed: Vec<Address>,
    /// Of messages that callers left (row V06).
    pub voicemail: Vec<Address>,
}

/// Who is told of what by a number's calls; `None` if nobody is.
pub(super) fn tells(enterprise: &Enterprise, number: &Number) -> Option<Box<Tells>> {
    let TellOfCalls { missed, voicemail } = number.tell.clone();
    let tells = Tells { missed, voicemail, agents: enterprise.tell.agents.clone() };
    (!tells.is_empty()).then(|| Box::new(tells))
}
