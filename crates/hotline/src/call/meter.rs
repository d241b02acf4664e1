//! Money while a call lasts: slices equal to the plan's increment, held one ahead (row B09, FAULTS B3). In strict mode
//! charged time ends on a paid boundary, however late this thread is.

use super::{CALLER, Call, Desk, Fact, LegNo, Sound, State, Timer};
use crate::barring::Cleared;
use crate::cdr::{Cause, Party};
use crate::enterprise::BalanceEnd;
use crate::hotline::Hotline;
use crate::rating::{self, TariffVersion, Tariffs, Zone};
use crate::tenant::Admission;
use crate::{Money, Mono, Wall};

/// The next slice is held this long before the paid time ends.
const LEAD_MS: u64 = 1_000;
/// The tone comes this long before the money ends.
const WARN_MS: u64 = 30_000;

/// What is held and paid for one call.
#[derive(Debug)]
pub(super) struct Meter {
    version: TariffVersion,
    zone: Zone,
    admission: Option<Admission>,
    started: Option<Mono>,
    /// Charged time that is paid.
    paid_ms: u64,
    refused: bool,
    warned: bool,
}

impl Meter {
    /// The meter of a call that begins now; `None` if its plan has no version today. Until the target is known the
    /// dearer zone is assumed.
    pub(super) fn new(hotline: &Hotline, tariffs: &Tariffs, at: Wall) -> Option<Self> {
        let version = tariffs.version_at(&hotline.plan, at)?.clone();
        let dearer = |zone: &Zone| rating::slice(&version, *zone, 0).price_e4;
        let zone = Zone::ALL.into_iter().max_by_key(dearer)?;
        Some(Self {
            version,
            zone,
            admission: None,
            started: None,
            paid_ms: 0,
            refused: false,
            warned: false,
        })
    }

    /// The fee of the first unit.
    pub(super) fn first_price(&self) -> Money {
        rating::slice(&self.version, self.zone, 0).price_e4
    }

    /// The meter of a call that was cleared; no other call has one that runs.
    pub(super) fn admitted(mut self, cleared: Cleared) -> Self {
        self.paid_ms = rating::slice(&self.version, self.zone, 0).until_ms;
        self.admission = Some(cleared.admission);
        self
    }

    pub(super) fn admission(&self) -> Option<Admission> {
        self.admission
    }

    /// The end of charged time: what was asked, but never behind the paid boundary once more was refused.
    pub(super) fn bound(&self, until: Mono) -> Mono {
        match (self.refused, self.paid_end()) {
            (true, Some(paid_end)) => until.min(paid_end),
            _ => until,
        }
    }

    fn paid_end(&self) -> Option<Mono> {
        self.started.map(|started| started + self.paid_ms)
    }

    fn is_metered(&self) -> bool {
        self.admission.is_some_and(|admission| admission.metered) && self.paid_ms != u64::MAX
    }

    /// The charged time that `reserved` pays for in the zone.
    fn paid_by(&self, zone: Zone, reserved: Money) -> u64 {
        let (mut paid_ms, mut held) = (0, Money::ZERO);
        loop {
            let slice = rating::slice(&self.version, zone, paid_ms);
            if held + slice.price_e4 > reserved || slice.until_ms == u64::MAX {
                return if slice.until_ms == u64::MAX { slice.until_ms } else { paid_ms };
            }
            if slice.price_e4.is_zero() && slice.until_ms.saturating_sub(paid_ms) == 0 {
                return paid_ms;
            }
            held += slice.price_e4;
            paid_ms = slice.until_ms;
            if held == Money::ZERO && paid_ms > 86_400_000 {
                return u64::MAX;
            }
        }
    }
}

impl Call {
    pub(super) fn start_meter(&mut self, desk: &mut Desk<'_>, now: Mono) {
        let Some(meter) = &mut self.meter else { return };
        meter.started = Some(now);
        self.arm_slice();
        self.arm_warning(desk);
    }

    fn arm_slice(&mut self) {
        let Some(meter) = &self.meter else { return };
        let (Some(paid_end), true) = (meter.paid_end(), meter.is_metered()) else { return };
        self.arm(Timer::Slice, paid_end - LEAD_MS);
    }

    /// The target is known, and with it the zone: what is held pays for more time, or less, than was thought.
    pub(super) fn zone_is_known(&mut self, leg: LegNo, desk: &mut Desk<'_>, now: Mono) {
        let zone = rating::zone_of(&self.region.area_code, &self.destination_of(leg).area_code);
        let Some(meter) = &mut self.meter else { return };
        if meter.zone == zone || !meter.is_metered() {
            return;
        }
        meter.zone = zone;
        meter.paid_ms = meter.paid_by(zone, meter.admission.map_or(Money::ZERO, |a| a.reserved));
        self.arm_slice();
        self.arm_warning(desk);
        if self.meter.as_ref().and_then(Meter::paid_end).is_some_and(|paid_end| paid_end <= now) {
            self.hold_next_slice(desk, now);
        }
    }

    /// Holds slices until the paid time is ahead again; if the money is refused the paid end is armed.
    pub(super) fn hold_next_slice(&mut self, desk: &mut Desk<'_>, now: Mono) {
        let hotline = self.hotline.clone();
        loop {
            let Some(meter) = &mut self.meter else { return };
            let (Some(admission), Some(paid_end)) =
                (&mut meter.admission, meter.started.map(|s| s + meter.paid_ms))
            else {
                return;
            };
            if paid_end > now + LEAD_MS {
                break;
            }
            let slice = rating::slice(&meter.version, meter.zone, meter.paid_ms);
            if desk.tenant.hold_slice(&hotline, admission, slice.price_e4).is_err() {
                let first_refusal = !std::mem::replace(&mut meter.refused, true);
                let until_ms = meter.paid_ms;
                if first_refusal {
                    self.note(Fact::SliceRefused { until_ms }, now);
                }
                return self.arm(Timer::PaidEnd, paid_end);
            }
            meter.refused = false;
            meter.paid_ms = slice.until_ms;
            self.note(Fact::SliceHeld { until_ms: slice.until_ms, price_e4: slice.price_e4 }, now);
        }
        self.disarm(Timer::PaidEnd);
        self.arm_slice();
        self.arm_warning(desk);
    }

    /// What is paid ends now. Money may have come back since it was refused; if not, the call ends on the boundary.
    pub(super) fn end_of_paid(&mut self, desk: &mut Desk<'_>, now: Mono) {
        let Some(paid_end) = self.meter.as_ref().and_then(Meter::paid_end) else { return };
        self.hold_next_slice(desk, now);
        if self.meter.as_ref().is_some_and(|meter| meter.refused) {
            self.hang_up(Cause::BalanceEnded, Party::Platform, paid_end, desk, now);
        }
    }

    /// Arms the tone at 30 s before the money ends, if that end is in sight.
    fn arm_warning(&mut self, desk: &Desk<'_>) {
        if let Some(end) = self.end_of_money(desk) {
            self.arm(Timer::Warn, end - WARN_MS);
        } else {
            self.disarm(Timer::Warn);
        }
    }

    /// When the money ends as things stand, if within two warnings' time; other calls may change it.
    fn end_of_money(&self, desk: &Desk<'_>) -> Option<Mono> {
        let meter = self.meter.as_ref()?;
        let admission = meter.admission.filter(|admission| admission.metered)?;
        if meter.warned || !meter.is_metered() || self.hotline.balance_end != BalanceEnd::Strict {
            return None;
        }
        let started = meter.started?;
        let mut room = desk.tenant.headroom(&self.hotline, admission.month)?;
        let mut end_ms = meter.paid_ms;
        while end_ms < meter.paid_ms + 2 * WARN_MS {
            let slice = rating::slice(&meter.version, meter.zone, end_ms);
            if slice.price_e4 > room || slice.until_ms <= end_ms {
                return Some(started + end_ms);
            }
            room -= slice.price_e4;
            end_ms = slice.until_ms;
        }
        None
    }

    pub(super) fn warn(&mut self, desk: &mut Desk<'_>, now: Mono) {
        let Some(end) = self.end_of_money(desk) else { return };
        if end > now + WARN_MS {
            return self.arm(Timer::Warn, end - WARN_MS);
        }
        if let Some(meter) = &mut self.meter {
            meter.warned = true;
        }
        if let State::Talking { leg } = self.state {
            self.note(Fact::Warned, now);
            self.play(leg, Sound::Warning, false);
            self.play(CALLER, Sound::Warning, false);
        }
    }
}
