//! What of a call's log is compared: the decisions, without the instants. A talk that people moved ends where they did:
//! what agents and supervisors order is no flow's doing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::call::{Dated, Fact, LegNo, flow_path};
use crate::cdr::{Cause, LegOutcome};

/// The decisions of one call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The steps walked, by id; of rules their names.
    pub path: Vec<String>,
    /// Who was rung, in their order: bound numbers by name, agents by number. Attempts that no trunk carried are none.
    pub rung: Vec<String>,
    /// The queues it waited in, in their order; with `!full` or `!empty` where it could not.
    pub queues: Vec<String>,
    /// Who talked with the caller first.
    pub answered_by: Option<String>,
    /// How it ended; none where that is not known.
    pub end: Option<End>,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// For this cause. Whoever left before anybody answered cancelled, whether or not our 200 had gone out.
    For(Cause),
    /// It goes on where people sent it.
    Moved,
}

impl End {
    /// The stable code: that of the cause, or `moved`.
    pub fn code(self) -> &'static str {
        match self {
            End::For(cause) => cause.code(),
            End::Moved => "moved",
        }
    }
}

impl Outcome {
    /// The decisions that a log tells.
    pub fn of(log: &[Dated]) -> Self {
        let moved = log.iter().position(|dated| matches!(dated.fact, Fact::TransferBegan { .. }));
        let told = &log[..moved.unwrap_or(log.len())];
        let mut outcome = Outcome { path: flow_path(told), ..Outcome::default() };
        outcome.end = moved.map(|_| End::Moved);
        let names = names_of(told);
        let (mut talks, mut joined) = (false, false);
        for Dated { fact, .. } in told {
            match fact {
                Fact::Walked(_) => talks = false,
                Fact::Dialled(dialled) if !talks && carried(told, dialled.leg) => {
                    outcome.rung.extend(names.get(&dialled.leg).cloned());
                }
                Fact::Queued { queue, .. } => outcome.queues.push(queue.to_string()),
                Fact::NotQueued { queue, why } => {
                    let why = match why {
                        crate::queue::NoPlace::Full => "full",
                        crate::queue::NoPlace::Empty => "empty",
                    };
                    outcome.queues.push(format!("{queue}!{why}"));
                }
                Fact::Joined { leg } => {
                    talks = true;
                    joined = true;
                    outcome.answered_by = outcome.answered_by.or_else(|| names.get(leg).cloned());
                }
                Fact::HungUp { cause, .. } => {
                    outcome.end = Some(End::For(match (cause, joined) {
                        (Cause::HangUp | Cause::CallerCancelled, true) => Cause::HangUp,
                        (Cause::HangUp | Cause::CallerCancelled, false) => Cause::CallerCancelled,
                        (cause, _) => *cause,
                    }));
                    break;
                }
                _ => {}
            }
        }
        outcome
    }
}

/// Whose phone each leg rings.
fn names_of(log: &[Dated]) -> BTreeMap<LegNo, String> {
    let mut names = BTreeMap::new();
    for Dated { fact, .. } in log {
        match fact {
            Fact::Dialled(dialled) => _ = names.insert(dialled.leg, dialled.destination.to_string()),
            Fact::Offered { leg, agent } => _ = names.insert(*leg, agent.to_string()),
            _ => {}
        }
    }
    names
}

/// Whether some trunk carried an attempt.
fn carried(log: &[Dated], leg: LegNo) -> bool {
    let failed = |dated: &Dated| matches!(dated.fact, Fact::LegFailed { leg: of, outcome: LegOutcome::TrunkFailed, .. } if of == leg);
    !log.iter().any(failed)
}
