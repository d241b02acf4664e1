//! What a caller hears while phones ring (rows I03, I04): the tone of the number, and those that its steps, groups and
//! bound numbers have of their own. It knows which of them is the most specific, and not what it sounds like.

use serde::{Deserialize, Serialize};

use crate::enterprise::Ringback;
use crate::flow::StepNo;

/// The tones of a number: its own, and by its place whatever has another one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ringbacks {
    /// The number's.
    pub number: Ringback,
    /// Those of groups.
    pub groups: Box<[(u8, Ringback)]>,
    /// Those of steps that dial.
    pub steps: Box<[(StepNo, Ringback)]>,
    /// Those of bound numbers; one that is a SIP phone has the phone's unless it has its own.
    pub destinations: Box<[(u8, Ringback)]>,
}

/// What rings, and what led there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// The bound number; none where others ring with it, since the caller hears one tone for all.
    pub destination: Option<u8>,
    /// The step that dials, such as that of a menu's key.
    pub step: Option<StepNo>,
    /// The group that is dialled.
    pub group: Option<u8>,
}

impl Ringbacks {
    /// The most specific tone: the bound number's, else the step's, else the group's, else the number's (row I04).
    pub fn of(&self, rung: Rung) -> &Ringback {
        let bound = rung.destination.and_then(|place| find(&self.destinations, place));
        let step = || rung.step.and_then(|place| find(&self.steps, place));
        let group = || rung.group.and_then(|place| find(&self.groups, place));
        bound.or_else(step).or_else(group).unwrap_or(&self.number)
    }
}

fn find<P: PartialEq>(of: &[(P, Ringback)], place: P) -> Option<&Ringback> {
    of.iter().find(|(known, _)| *known == place).map(|(_, ringback)| ringback)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i04_the_most_specific_tone_wins() {
        let tone = |name: &str| Ringback::Prompt(name.to_owned());
        let tones = Ringbacks {
            number: tone("number"),
            groups: [(1, tone("group"))].into(),
            steps: [(7, tone("step")), (8, Ringback::Tone)].into(),
            destinations: [(2, tone("phone"))].into(),
        };
        let of = |destination, step, group| match tones.of(Rung { destination, step, group }) {
            Ringback::Prompt(name) => name.as_str(),
            Ringback::Tone => "the ordinary one",
        };
        assert_eq!(of(Some(2), Some(7), Some(1)), "phone");
        assert_eq!(of(Some(3), Some(7), Some(1)), "step");
        assert_eq!(of(None, Some(7), Some(1)), "step");
        assert_eq!(of(Some(3), Some(9), Some(1)), "group");
        assert_eq!(of(Some(3), None, Some(0)), "number");
        assert_eq!(of(None, None, None), "number");
        assert_eq!(of(Some(3), Some(8), Some(1)), "the ordinary one", "a step may have it as its own");
    }
}
