//! Callbacks that callers ask for (rows Q15, K07): which numbers may be called back, what is kept of a request, and when its
//! turn is. Nothing is ever called without a request.

use serde::{Deserialize, Serialize};

use crate::enterprise::DestinationKind;
use crate::number::{RefusalCode, check_destination, may_be_dialled};

pub use requests::{Request, Requests, ended_state, request_state, stop_state};

mod requests;

/// What became of a request, by the platform's own doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackEnd {
    /// Who asked was reached, or rang in again and reached somebody.
    Done,
    /// As many tries as the queue allows reached nobody, or it is never to be dialled again: too old, or not to be called.
    GivenUp,
}

/// Why a caller's request for a callback was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotWanted {
    /// No number came.
    NoKey,
    /// None of those that came may be called: a mainland mobile or landline is wanted.
    WrongNumber,
    /// This call has asked before.
    Before,
    /// The caller has asked for enough other numbers to be called.
    TooMany,
}

/// How a number that [`callable`] took is dialled.
pub fn kind_of(number: &str) -> DestinationKind {
    if number.starts_with('1') { DestinationKind::Mobile } else { DestinationKind::Landline }
}

/// A number that may be called back, in national form: a mobile or a landline of the mainland, and no special number (FAULTS
/// N7, row K24).
pub fn callable(digits: &str) -> Option<String> {
    let kind = kind_of(digits);
    may_be_dialled(kind, digits).ok()?;
    match check_destination(kind, digits) {
        Ok(checked) => Some(checked.number),
        // A virtual operator's number may not be bound; whoever has one may be called.
        Err(refusal) if refusal.code == RefusalCode::VirtualNumber && digits.len() == 11 => {
            Some(digits.to_owned())
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q15_n7_mainland_mobiles_and_landlines_are_called_back_and_nothing_else() {
        for good in ["13800138000", "01062000001", "075582000001", "17012345678"] {
            assert_eq!(callable(good).as_deref(), Some(good));
        }
        for bad in
            ["", "110", "120", "95588", "4006010114", "8008101234", "0085212345678", "1380013800", "12345"]
        {
            assert_eq!(callable(bad), None, "{bad}");
        }
    }
}
