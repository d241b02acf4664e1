//! The outgoing legs of a call: how one begins, whoever it rings, and what is known of it.

use std::sync::Arc;

use super::{Action, Call, Desk, Dialled, Fact, LegNo, Timer};
use crate::Mono;
use crate::cdr::AttemptKind;
use crate::enterprise::Confirm;
use crate::hotline::Destination;

/// What is known of an outgoing leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LegState {
    /// INVITE is out.
    Trying,
    /// 18x came.
    Ringing,
    /// 200 came; whether somebody answered is not known yet (row R29).
    Confirming,
    /// 200 came.
    Answered,
    /// Given up; its last word is still to come.
    GivenUp,
    /// Nothing of it is left.
    Over,
}

/// An outgoing leg.
#[derive(Debug)]
pub(super) struct Leg {
    rings: Rings,
    pub(super) state: LegState,
    /// Whether it holds a line of its bound number.
    pub(super) line: bool,
    /// The trunk it holds a place on.
    pub(super) trunk: Option<Arc<str>>,
    /// When its 200 came, if it was joined or is about to be.
    pub(super) answered: Option<Mono>,
    /// Whether its far end has us on hold.
    pub(super) holds: bool,
    /// Whether its answer is confirmed.
    pub(super) confirm: Confirm,
    /// Whether another key was pressed than the one that was asked for.
    pub(super) misses: bool,
}

/// Whom a leg rings.
#[derive(Debug)]
pub(super) enum Rings {
    /// A bound number, by its place.
    Bound(u8),
    /// A phone, which has no place among the bound numbers, or a number as a transfer found it.
    Phone(Box<Destination>),
}

impl Rings {
    pub(super) fn phone(destination: Destination) -> Self {
        Self::Phone(Box::new(destination))
    }
}

impl Call {
    /// Begins a leg by a way whose place on its trunk is taken. One that gives no 18x is given up `grace_ms` after its ring
    /// time.
    pub(super) fn begin_leg(
        &mut self,
        rings: Rings,
        way: Option<Arc<str>>,
        kind: AttemptKind,
        grace_ms: u64,
        desk: &mut Desk<'_>,
        now: Mono,
    ) -> LegNo {
        let place = match &rings {
            Rings::Bound(place) => *place,
            Rings::Phone(_) => 0,
        };
        let leg = self.legs.len() as LegNo + 1;
        self.legs.push(Leg {
            rings,
            state: LegState::Trying,
            line: true,
            trunk: way.clone(),
            answered: None,
            holds: false,
            confirm: Confirm::Off,
            misses: false,
        });
        let destination = self.destination_of(leg).clone();
        self.leg_mut(leg).confirm = destination.confirm;
        desk.tenant.take_line(&destination.number);
        let trunk = way.as_ref().and_then(|way| desk.trunks.named(way));
        let cost_plan = trunk.and_then(|trunk| trunk.cost_plan.clone());
        let dialled = Dialled {
            leg,
            destination: destination.name,
            number: destination.number,
            area_code: destination.area_code,
            trunk: way.clone().unwrap_or_else(|| "".into()),
            cost_plan,
            kind,
        };
        self.note(Fact::Dialled(Box::new(dialled)), now);
        if way.is_some() {
            self.count_outgoing(desk, now);
        }
        self.actions.push_back(Action::Dial { leg, place, way });
        self.arm(Timer::Ring(leg), now + destination.ring_ms + grace_ms);
        leg
    }

    /// A leg leaves by a trunk: counted for the alarm, and kept where a cap holds.
    fn count_outgoing(&mut self, desk: &mut Desk<'_>, now: Mono) {
        let used = desk.tenant.count_outgoing(self.hotline.number, self.wall(now));
        let caps = [&self.hotline.limits, &self.hotline.tenant_limits];
        if caps.iter().any(|limits| limits.outgoing_per_day_max.is_some()) {
            let turn = desk.tenant.next_turn();
            self.note(Fact::OutgoingCounted { used, turn }, now);
        }
    }

    /// A leg's 18x; whether it is the first, from which its ring time counts.
    pub(super) fn leg_rang(&mut self, leg: LegNo, now: Mono) -> bool {
        if self.leg(leg).state != LegState::Trying {
            return false;
        }
        self.leg_mut(leg).state = LegState::Ringing;
        self.note(Fact::Rang { leg }, now);
        let soft = now + self.destination_of(leg).ring_ms;
        let hard = self.timers.iter().find(|(_, timer)| *timer == Timer::Ring(leg)).map(|(at, _)| *at);
        self.arm(Timer::Ring(leg), hard.map_or(soft, |hard| hard.min(soft)));
        true
    }

    /// The bound number of an outgoing leg, or the phone of an agent.
    pub fn destination_of(&self, leg: LegNo) -> &Destination {
        match &self.leg(leg).rings {
            Rings::Bound(place) => self.hotline.destination(*place),
            Rings::Phone(destination) => destination,
        }
    }

    pub(super) fn leg(&self, number: LegNo) -> &Leg {
        &self.legs[usize::from(number) - 1]
    }

    pub(super) fn leg_mut(&mut self, number: LegNo) -> &mut Leg {
        &mut self.legs[usize::from(number) - 1]
    }
}
