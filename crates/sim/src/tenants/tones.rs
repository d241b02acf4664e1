//! Tones of their own for what rings (row I04): some bound numbers, groups and steps of some numbers have one.

use hotline::enterprise::{Enterprise, FlowStepKind, Ringback, Then};

use crate::dice::Dice;

/// Gives tones, each named after what has it.
pub(super) fn give(enterprise: &mut Enterprise, dice: &mut Dice) {
    for number in &mut enterprise.numbers {
        for bound in &mut number.destinations {
            bound.ringback = tone(&bound.name, dice);
        }
        for group in &mut number.groups {
            group.ringback = tone(&group.name, dice);
        }
        let rules = number.rules.iter_mut().map(|rule| &mut rule.then);
        for then in rules.chain([&mut number.otherwise]) {
            if let Then::Dial(dial) = then
                && let Some(ringback) = tone("rule", dice)
            {
                *then = Then::DialWith { dial: std::mem::take(dial), ringback };
            }
        }
    }
    for step in enterprise.flows.iter_mut().flat_map(|flow| &mut flow.steps) {
        if let FlowStepKind::Dial { ringback, .. } = &mut step.kind {
            *ringback = tone(&step.id, dice);
        }
    }
}

fn tone(of: &str, dice: &mut Dice) -> Option<Ringback> {
    match dice.within(0, 9) {
        0 => Some(Ringback::Tone),
        1..=3 => Some(Ringback::Prompt(format!("ring_of_{of}"))),
        _ => None,
    }
}
