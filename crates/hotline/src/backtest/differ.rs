//! What is different between what was and what would be. Where the end is unknown only what came before it is compared.

use super::Outcome;
use serde::{Deserialize, Serialize};

/// In what two calls differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The steps walked.
    Path,
    /// Who is rung, and in which order.
    Rung,
    /// The queues.
    Queue,
    /// Who answers first.
    AnsweredBy,
    /// Why it ends.
    End,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 5] = [Kind::Path, Kind::Rung, Kind::Queue, Kind::AnsweredBy, Kind::End];

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Kind::Path => "path",
            Kind::Rung => "rung",
            Kind::Queue => "queue",
            Kind::AnsweredBy => "answered_by",
            Kind::End => "end",
        }
    }
}

/// The kinds in which two calls differ; none where they are the same.
pub type Differs = Vec<Kind>;

/// Holds what would be against what was. `by_steps` says whether both walked flows, so that their steps have names in common;
/// `is_whole`, whether it is known how the call would end.
pub fn compare(was: &Outcome, would: &Outcome, by_steps: bool, is_whole: bool) -> Differs {
    let list =
        |was: &[String], would: &[String]| if is_whole { was != would } else { !was.starts_with(would) };
    let one = |kind, differs: bool| differs.then_some(kind);
    // Who is not known to answer yet may be the one who did.
    let answered = match (&would.answered_by, is_whole) {
        (None, false) => false,
        _ => was.answered_by != would.answered_by,
    };
    let ended = is_whole && was.end != would.end;
    [
        one(Kind::Path, by_steps && list(&was.path, &would.path)),
        one(Kind::Rung, list(&was.rung, &would.rung)),
        one(Kind::Queue, list(&was.queues, &would.queues)),
        one(Kind::AnsweredBy, answered),
        one(Kind::End, ended),
    ]
    .into_iter()
    .flatten()
    .collect()
}
