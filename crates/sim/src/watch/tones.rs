//! What must hold of what a caller hears while phones ring (row I04): the tone of the phone that rings alone, else of
//! the step that dialled, else of the group, else of the number.

use hotline::Hotline;
use hotline::call::{Dated, Dialled, Fact, LegNo};
use hotline::cdr::AttemptKind;
use hotline::enterprise::{Ringback, Strategy};
use hotline::flow::{StepNo, StepWhy};

/// Looks at one log. A ring that the caller's trunk does not carry, and the ordinary tone, are no facts.
///
/// # Errors
/// What does not hold.
pub(super) fn check_tones(hotline: &Hotline, log: &[Dated]) -> Result<(), String> {
    for (place, pair) in log.windows(2).enumerate() {
        let (Fact::Rang { leg }, Fact::Prompted { prompt, .. }) = (&pair[0].fact, &pair[1].fact) else {
            continue;
        };
        // Agents and who is asked in a transfer ring too, while what is heard is something else.
        let Some((dialled, step, group, at_once)) = what_led(&log[..place], *leg) else { continue };
        let tones = &hotline.ringbacks;
        let named = |place: &u8| *hotline.destination(*place).name == *dialled.destination;
        let bound = tones.destinations.iter().find(|(place, _)| !at_once && named(place));
        let of_step = tones.steps.iter().find(|(known, _)| *known == step);
        let of_group = tones.groups.iter().find(|(place, _)| *hotline.group_name(*place) == *group);
        let own = bound.map(|(_, tone)| tone).or(of_step.map(|(_, tone)| tone));
        let wanted = own.or(of_group.map(|(_, tone)| tone)).unwrap_or(&tones.number);
        if *wanted != Ringback::Prompt(prompt.to_string()) {
            return Err(format!(
                "{prompt} is heard while {} rings, not {wanted:?} (I04)",
                dialled.destination
            ));
        }
    }
    Ok(())
}

/// Which attempt a leg is of, with the step and the group that led to it, and whether all of that group ring at once.
fn what_led(log: &[Dated], leg: LegNo) -> Option<(&Dialled, StepNo, &str, bool)> {
    let mut led = None;
    let mut at_once = false;
    for dated in log {
        match &dated.fact {
            Fact::Walked(walked) => {
                led = match &walked.why {
                    StepWhy::Dial { group } => Some((walked.step, &**group)),
                    _ => None,
                };
                at_once = false;
            }
            Fact::Queued { .. } | Fact::TransferBegan { .. } => led = None,
            Fact::Routed { why, .. } => at_once = why.strategy == Strategy::RingAll,
            Fact::Dialled(dialled) if dialled.leg == leg => {
                let (step, group) = led?;
                return Some((dialled, step, group, at_once && dialled.kind == AttemptKind::Target));
            }
            _ => {}
        }
    }
    None
}
