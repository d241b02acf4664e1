//! What an enterprise wants to be told of as odd (row B11).

use super::fields::ALARM;
use super::reader::{At, Reader};
use crate::enterprise::Alarm;

impl Reader<'_> {
    /// The `alarm` of a document; what it leaves out is as usual.
    pub(super) fn alarm(&mut self, at: Option<At<'_>>) -> Alarm {
        let usual = Alarm::default();
        let Some(object) = at.and_then(|at| self.object(&at, &ALARM)) else { return usual };
        let mut small = |name, usual: u16, min, max| {
            let at = object.field(name);
            at.and_then(|at| self.whole(&at, min, max)).map_or(usual, |number| number as u16)
        };
        let cost_times = small("cost_times", usual.cost_times.into(), 2, 100);
        let normal_days = small("normal_days", usual.normal_days, 1, 366);
        let binding_changes = small("binding_changes", usual.binding_changes.into(), 1, 200);
        let binding_minutes = small("binding_minutes", usual.binding_minutes, 1, 1_440);
        let outgoing = object.field("outgoing_per_hour").and_then(|at| self.whole(&at, 1, 10_000_000));
        Alarm {
            outgoing_per_hour: outgoing.map_or(usual.outgoing_per_hour, |most| most as u32),
            cost_times: cost_times as u8,
            cost_floor_e4: self.money(object.field("cost_floor")).unwrap_or(usual.cost_floor_e4),
            normal_days,
            binding_changes: binding_changes as u8,
            binding_minutes,
            freeze: self.flag(object.field("freeze"), usual.freeze),
        }
    }
}
