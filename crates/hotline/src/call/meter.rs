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
/// Time that is paid this far ahead is as good as free: no call lasts so long.
const FREE_MS: u64 = 7 * 86_400_000;

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
    /// call is long distance, as its record would be.
    pub(super) fn new(hotline: &Hotline, tariffs: &Tariffs, at: Wall) -> Option<Self> {
        let version = tariffs.version_at(&hotline.plan, at)?.clone();
        Some(Self {
            version,
            zone: Zone::LongDistance,
            admission: None,
            started: None,
            paid_ms: 0,
            refused: false,
            warned: false,
        })
    }

    /// The fee of the first unit, in whichever zone it is dearer.
    pub(super) fn first_price(&self) -> Money {
        let price = |zone| rating::slice(&self.version, zone, 0).price_e4;
        Zone::ALL.into_iter().map(price).max().unwrap_or_default()
    }

    /// No charged time has begun after all.
    pub(super) fn stop(&mut self) {
        self.started = None;
    }

    /// The meter of a call that was cleared; no other call has one that runs.
    pub(super) fn admitted(mut self, cleared: Cleared) -> Self {
        self.paid_ms = self.paid_by(self.zone, cleared.admission.reserved);
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

    /// The fee of the charged time until now; `None` before it begins.
    pub(super) fn fee_so_far(&self, now: Mono) -> Option<Money> {
        let terms = self.version.terms(self.zone, true);
        Some(terms.amount_e4(terms.units(now.since_ms(self.started?))))
    }

    fn paid_end(&self) -> Option<Mono> {
        self.started.map(|started| started + self.paid_ms)
    }

    fn is_metered(&self) -> bool {
        self.admission.is_some_and(|admission| admission.metered)
    }

    /// The charged time that `reserved` pays for in the zone; [`u64::MAX`] where more time costs no more.
    fn paid_by(&self, zone: Zone, reserved: Money) -> u64 {
        let (mut paid_ms, mut held) = (0, Money::ZERO);
        while paid_ms < FREE_MS {
            let slice = rating::slice(&self.version, zone, paid_ms);
            held += slice.price_e4;
            if held > reserved || slice.until_ms <= paid_ms {
                return paid_ms;
            }
            paid_ms = slice.until_ms;
        }
        u64::MAX
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
        if meter.paid_ms != u64::MAX {
            self.arm(Timer::Slice, paid_end - LEAD_MS);
        }
    }

    /// The target is known, and with it the zone: what is held pays for more time, or less, than was thought.
    pub(super) fn zone_is_known(&mut self, leg: LegNo, desk: &mut Desk<'_>, now: Mono) {
        let zone = rating::zone_of(&self.region.area_code, &self.destination_of(leg).area_code);
        let Some(meter) = &mut self.meter else { return };
        if std::mem::replace(&mut meter.zone, zone) == zone || !meter.is_metered() {
            return;
        }
        meter.paid_ms = meter.paid_by(zone, meter.admission.map_or(Money::ZERO, |a| a.reserved));
        self.arm_slice();
        self.arm_warning(desk);
        if self.meter.as_ref().and_then(Meter::paid_end).is_some_and(|paid_end| paid_end <= now + LEAD_MS) {
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
        let paid_for_good = meter.paid_ms == u64::MAX;
        if meter.warned || paid_for_good || self.hotline.balance_end != BalanceEnd::Strict {
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
            if self.parked.is_none() {
                self.play(CALLER, Sound::Warning, false);
            }
        }
    }
}
