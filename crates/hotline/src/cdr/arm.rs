//! What came of a call behind each deal of a flow (row I10), so that shares of calls can be compared.

use serde::{Deserialize, Serialize};

use super::{CallRecord, Party};
use crate::Wall;
use crate::call::{Dated, Fact};
use crate::flow::{StepWhy, Walked};

/// The share of a flow's percentage step that a call had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArmRecord {
    /// The flow that has the step.
    pub flow: String,
    /// Its version.
    pub version: u32,
    /// The step.
    pub step: String,
    /// The share, by its name.
    pub arm: String,
    /// When it was dealt.
    pub at: Wall,
    /// What came of the call from there on.
    pub outcome: ArmOutcome,
}

/// What came of a call behind a deal: one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArmOutcome {
    /// It talked with somebody: an agent or a bound number.
    Reached,
    /// The flow came to its own end for a caller who had been answered, and no step wanted a person: none dialled, queued,
    /// took a message or a request for a callback.
    SelfService,
    /// The caller hung up in prompts and menus.
    HungUp,
    /// The caller hung up in a queue.
    Abandoned,
    /// The caller hung up while phones rang.
    GaveUp,
    /// Nobody was reached, and a message or a request for a callback is left.
    LeftWord,
    /// Anything else: nobody answered, the flow refused the call, the line broke.
    Other,
}

impl ArmOutcome {
    /// All of them.
    pub const ALL: [ArmOutcome; 7] = [
        ArmOutcome::Reached,
        ArmOutcome::SelfService,
        ArmOutcome::HungUp,
        ArmOutcome::Abandoned,
        ArmOutcome::GaveUp,
        ArmOutcome::LeftWord,
        ArmOutcome::Other,
    ];
}

/// The shares that a call had, with what came of it. Of a step that a caller came to again the first deal counts.
pub(super) fn arms(log: &[Dated], record: &CallRecord, wall: impl Fn(&Dated) -> Wall) -> Vec<ArmRecord> {
    let mut arms: Vec<ArmRecord> = Vec::new();
    for (place, dated) in log.iter().enumerate() {
        let Fact::ArmTaken(arm) = &dated.fact else { continue };
        if arms.iter().any(|known| *known.flow == *arm.flow && *known.step == *arm.step) {
            continue;
        }
        let at = wall(dated);
        arms.push(ArmRecord {
            flow: arm.flow.to_string(),
            version: arm.version,
            step: arm.step.to_string(),
            arm: arm.name.to_string(),
            at,
            outcome: outcome(&log[place..], record, at),
        });
    }
    arms
}

/// What came of a whole call.
pub(crate) fn came_to(log: &[Dated], record: &CallRecord) -> ArmOutcome {
    outcome(log, record, record.started_at)
}

fn outcome(behind: &[Dated], record: &CallRecord, since: Wall) -> ArmOutcome {
    let walked = |dated| match dated {
        &Dated { fact: Fact::Walked(Walked { ref why, .. }), .. } => Some(why),
        _ => None,
    };
    let is_left = |at: Wall| at >= since;
    let message = record.messages.iter().any(|message| !message.is_empty && is_left(message.at));
    let request = record.callback.as_ref().is_some_and(|request| is_left(request.at));
    let by_caller = record.ended_by == Party::Caller;
    if behind.iter().any(|dated| matches!(dated.fact, Fact::Joined { .. })) {
        return ArmOutcome::Reached;
    }
    if message || request {
        return ArmOutcome::LeftWord;
    }
    match behind.iter().rev().find_map(walked) {
        Some(StepWhy::HangUp { .. }) => {
            let wanted = behind.iter().filter_map(walked).any(wants_a_person);
            let served = record.answered_at.is_some() && !wanted;
            if served { ArmOutcome::SelfService } else { ArmOutcome::Other }
        }
        Some(StepWhy::Queue { .. }) if by_caller => ArmOutcome::Abandoned,
        Some(StepWhy::Dial { .. }) if by_caller => ArmOutcome::GaveUp,
        _ if by_caller => ArmOutcome::HungUp,
        _ => ArmOutcome::Other,
    }
}

fn wants_a_person(why: &StepWhy) -> bool {
    matches!(why, StepWhy::Dial { .. } | StepWhy::Queue { .. } | StepWhy::Voicemail | StepWhy::Callback)
}
