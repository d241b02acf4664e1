//! Whether an answer is confirmed before the caller has it (row R29), wherever a document may say it: `confirm`, and for the
//! key how long it may take.

use super::problem::Fault;
use super::reader::{Object, Reader};
use crate::enterprise::Confirm;

/// How long who answered may take for the key, unless said, seconds.
pub(in crate::enterprise) const CONFIRM_S: u8 = 12;
const CONFIRMS: [(&str, Confirm); 3] =
    [("off", Confirm::Off), ("key", Confirm::Key { s: CONFIRM_S }), ("tone", Confirm::Tone)];

impl Reader<'_> {
    /// What is said there; `None` if nothing is.
    pub(super) fn confirm(&mut self, object: &Object<'_>) -> Option<Confirm> {
        let confirm = object.field("confirm").and_then(|at| self.choice(&at, &CONFIRMS, &[]));
        let Some(at) = object.field("confirm_seconds") else { return confirm };
        let s = self.whole(&at, 5, 30);
        match confirm {
            Some(Confirm::Key { s: usual }) => Some(Confirm::Key { s: s.map_or(usual, |s| s as u8) }),
            Some(Confirm::Off | Confirm::Tone) | None => {
                self.wrong(&at, Fault::Conflict { field: "confirm_seconds", with: "confirm" });
                confirm
            }
        }
    }
}
