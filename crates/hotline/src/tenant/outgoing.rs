//! Legs that leave by trunks: how many on one day in Beijing, of an enterprise and of each of its numbers, against their caps, and
//! how many within the hour, for the alarm (FAULTS N7). Forwards, transfers, mobiles of agents and callbacks all count; phones that
//! register here leave by no trunk.

use serde::{Deserialize, Serialize};

use super::{Tenant, day_of};
use crate::settlement::TenantState;
use crate::{Hotline, HotlineNumber, Wall};

const HOUR_MS: i64 = 3_600_000;
/// What a state of the whole enterprise is kept under.
const ALL: &str = "all";

/// How many on a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct OnDay {
    day: u32,
    count: u32,
}

impl OnDay {
    /// Where a clock was set back, the later day's go on counting.
    fn on(self, day: u32) -> u32 {
        if day > self.day { 0 } else { self.count }
    }

    /// One more.
    fn add(&mut self, day: u32) -> u32 {
        if day > self.day {
            *self = OnDay { day, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        self.count
    }

    /// What was kept, unless more is known.
    fn remember(&mut self, told: OnDay) {
        if (told.day, told.count) > (self.day, self.count) {
            *self = told;
        }
    }

    fn read(text: &str) -> Option<OnDay> {
        let (day, count) = text.split_once(',')?;
        Some(OnDay { day: day.parse().ok()?, count: count.parse().ok()? })
    }
}

/// How many within an hour, counted from 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct InHour {
    hour: i64,
    count: u32,
}

/// What a leg brought the counts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutgoingUse {
    /// The day in Beijing, counted from 1970-01-01.
    pub day: u32,
    /// Of the enterprise.
    pub of_all: u32,
    /// Of the number whose call the leg belongs to.
    pub of_number: u32,
}

impl Tenant {
    /// Whether no further leg may leave by a trunk today for a call of this number.
    pub fn outgoing_is_full(&self, hotline: &Hotline, at: Wall) -> bool {
        let full = |cap: Option<u32>, used: OnDay| cap.is_some_and(|cap| used.on(day_of(at)) >= cap);
        let of_number = self.numbers.get(&hotline.number).map(|own| own.outgoing).unwrap_or_default();
        full(hotline.tenant_limits.outgoing_per_day_max, self.outgoing)
            || full(hotline.limits.outgoing_per_day_max, of_number)
    }

    /// A leg leaves by a trunk for a call of this number.
    pub fn count_outgoing(&mut self, number: HotlineNumber, at: Wall) -> OutgoingUse {
        let (day, hour) = (day_of(at), at.0.div_euclid(HOUR_MS));
        if hour > self.outgoing_hour.hour {
            self.outgoing_hour = InHour { hour, count: 0 };
        }
        self.outgoing_hour.count = self.outgoing_hour.count.saturating_add(1);
        let of_number = self.numbers.entry(number).or_default().outgoing.add(day);
        OutgoingUse { day, of_all: self.outgoing.add(day), of_number }
    }

    /// Forgets how many left, but for so many that may still leave today: as a call that is told again had it.
    pub fn tell_outgoing_left(&mut self, hotline: &Hotline, at: Wall, left: Option<u32>) {
        let used = |cap: Option<u32>| match (cap, left) {
            (Some(cap), Some(left)) => OnDay { day: day_of(at), count: cap.saturating_sub(left) },
            _ => OnDay::default(),
        };
        self.outgoing = used(hotline.tenant_limits.outgoing_per_day_max);
        self.numbers.entry(hotline.number).or_default().outgoing = used(hotline.limits.outgoing_per_day_max);
    }

    /// Legs that left by trunks within an hour, by its first instant; those before a restart are not among them.
    pub fn outgoing_in_hour(&self) -> (Wall, u32) {
        (Wall(self.outgoing_hour.hour * HOUR_MS), self.outgoing_hour.count)
    }

    /// Takes back what was kept under `outgoing/`.
    pub(super) fn remember_outgoing(&mut self, whose: &str, value: &str) {
        let Some(told) = OnDay::read(value) else { return };
        match whose.parse::<HotlineNumber>() {
            Ok(number) => self.numbers.entry(number).or_default().outgoing.remember(told),
            Err(_) if whose == ALL => self.outgoing.remember(told),
            Err(_) => {}
        }
    }
}

/// The remembered counts behind a leg.
pub fn outgoing_states(number: HotlineNumber, used: &OutgoingUse, turn: u64) -> [TenantState; 2] {
    let OutgoingUse { day, of_all, of_number } = used;
    let state = |whose: &str, count: u32| TenantState {
        key: format!("outgoing/{whose}"),
        value: format!("{day},{count}"),
        position: turn,
    };
    [state(ALL, *of_all), state(&number.to_string(), *of_number)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enterprise::{Enterprise, Number, Then, compile_number};
    use crate::{PlanId, TenantId};

    fn number(place: u32) -> HotlineNumber {
        HotlineNumber::from_suffix(6_010_114 + place).expect("seven digits")
    }

    fn hotline(place: u32, of_all: Option<u32>, of_number: Option<u32>) -> Hotline {
        let mut acme = Enterprise::new(TenantId::new("acme"), "Acme", PlanId::new("T1"));
        acme.limits.outgoing_per_day_max = of_all;
        let mut own = Number::new(number(place), Then::Busy);
        own.limits.outgoing_per_day_max = of_number;
        compile_number(&acme, &own, 1)
    }

    const DAY_MS: i64 = 24 * HOUR_MS;
    /// 16:00 UTC: midnight in Beijing.
    const MIDNIGHT: i64 = 20_000 * DAY_MS + 16 * HOUR_MS;

    #[test]
    fn n7_the_day_of_beijing_counts_for_all_and_for_each_number() {
        let (one, two) = (hotline(0, Some(3), Some(2)), hotline(1, Some(3), None));
        let mut tenant = Tenant::default();
        let at = Wall(MIDNIGHT - 1);
        let day = day_of(at);
        assert!(!tenant.outgoing_is_full(&one, at));
        tenant.count_outgoing(number(0), at);
        let used = tenant.count_outgoing(number(0), at);
        assert_eq!(used, OutgoingUse { day, of_all: 2, of_number: 2 });
        assert!(tenant.outgoing_is_full(&one, at), "its own are gone");
        assert!(!tenant.outgoing_is_full(&two, at));
        tenant.count_outgoing(number(1), at);
        assert!(tenant.outgoing_is_full(&two, at), "all are gone");
        let uncapped = hotline(2, None, None);
        assert!(!tenant.outgoing_is_full(&uncapped, at));
        assert!(!tenant.outgoing_is_full(&one, Wall(MIDNIGHT)), "the next day has its own");
        assert!(
            tenant.outgoing_is_full(&one, Wall(MIDNIGHT - DAY_MS)),
            "no clock that is set back gives more"
        );
    }

    #[test]
    fn n7_what_was_kept_is_known_again_in_whatever_order_calls_ended() {
        let mut tenant = Tenant::default();
        let at = Wall(MIDNIGHT);
        let told: Vec<_> = (1..=3)
            .map(|turn| outgoing_states(number(0), &tenant.count_outgoing(number(0), at), turn))
            .collect();
        let mut again = Tenant::default();
        for states in [&told[2], &told[0], &told[1]] {
            states.iter().for_each(|state| again.remember(state));
        }
        assert_eq!((again.outgoing, again.numbers[&number(0)].outgoing), (tenant.outgoing, tenant.outgoing));
        assert!(again.outgoing_is_full(&hotline(0, None, Some(3)), at));
        again.remember(&TenantState { key: "outgoing/all".into(), value: "x".into(), position: 9 });
        assert_eq!(again.outgoing, tenant.outgoing);
    }

    #[test]
    fn n7_each_hour_is_counted_for_the_alarm() {
        let mut tenant = Tenant::default();
        for ms in [0, 1, HOUR_MS - 1, HOUR_MS] {
            tenant.count_outgoing(number(0), Wall(MIDNIGHT + ms));
        }
        assert_eq!(tenant.outgoing_in_hour(), (Wall(MIDNIGHT + HOUR_MS), 1));
    }
}
