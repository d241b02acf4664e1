//! What a version of a tariff plan says, and the terms that follow from it for one call. Knows no call and no date but
//! its own.

use serde::{Deserialize, Serialize};

use super::{ChargeKind, Zone};
use crate::{Money, PlanId, Wall};

/// One version of one plan: what held from one instant to another, and where it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TariffVersion {
    /// The plan, such as `T2a`.
    pub plan: PlanId,
    /// 1 for the first version.
    pub version: u32,
    /// What the plan prices: sales to enterprises or costs with carriers.
    pub kind: ChargeKind,
    /// The plan in words, as a price list shows it.
    pub title: String,
    /// The first instant at which it holds.
    #[serde(with = "super::tariffs::instant")]
    pub valid_from: Wall,
    /// The first instant at which it no longer holds; `None` until a later version is entered.
    #[serde(with = "super::tariffs::instant_or_open")]
    pub valid_to: Option<Wall>,
    /// Seed and line, law or contract.
    pub source: String,
    /// Who pays what (row F01).
    pub components: Vec<ChargeComponent>,
    /// How the sum of one call is rounded (row F16).
    pub rounding: Rounding,
}

/// One part of what a call costs, and who pays it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeComponent {
    /// As a bill or price list names it, such as `service fee`.
    pub name: String,
    /// Who pays.
    pub payer: Payer,
    /// The price; `None` where the payer's own operator sets it and we only say so.
    pub price: Option<RateRule>,
}

/// Who pays a component. Only the enterprise's part is in our invoice; the caller's is information (row F01).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payer {
    /// The caller, to their own operator.
    Caller,
    /// The enterprise, to us.
    Enterprise,
    /// We, to a carrier: components of cost plans.
    Provider,
}

/// A price and the zone it holds for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateRule {
    /// Which calls.
    pub zone: ZoneRule,
    /// How much, and for what.
    pub per: Per,
}

/// Which zones a price holds for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum ZoneRule {
    AnyZone,
    Local,
    LongDistance,
}

impl ZoneRule {
    /// Whether calls of this zone are meant.
    pub fn covers(self, zone: Zone) -> bool {
        match self {
            ZoneRule::AnyZone => true,
            ZoneRule::Local => zone == Zone::Local,
            ZoneRule::LongDistance => zone == Zone::LongDistance,
        }
    }
}

/// What a price is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// Time, counted in begun units (rows F02, F03). `0.60 a minute, in units of 6 s` is written as it is said:
    /// `unit_ms` 6,000, `price_e4` 6,000, `price_ms` 60,000.
    Time {
        /// Length of a unit; whole seconds.
        unit_ms: u64,
        /// Length of the first unit; whole seconds, mostly the same. Its price is in proportion to its length.
        first_unit_ms: u64,
        /// Price of `price_ms` of time.
        price_e4: Money,
        /// The time that `price_e4` buys.
        price_ms: u64,
    },
    /// The call, however long (row F05).
    Call {
        /// Price of one call.
        price_e4: Money,
        /// Which calls are charged.
        calls: Calls,
    },
}

/// Which calls pay a fee per call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calls {
    /// Answered ones.
    #[default]
    Answered,
    /// Also those that nobody answered: only where the contract states it (row F05).
    All,
}

/// How a sum is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rounding {
    /// Which way.
    pub mode: RoundingMode,
    /// Decimals of a yuan that are kept, 0 to 4; 2 is the fen.
    pub decimals: u8,
    /// Where the rounding happens, once.
    pub at: RoundAt,
}

impl Rounding {
    /// Up to the fen, each call by itself.
    pub const FEN_UP: Rounding = Rounding { mode: RoundingMode::Up, decimals: 2, at: RoundAt::Call };

    /// Decimals that a single call keeps: an invoice rounds later, from the finest money there is.
    pub fn call_decimals(self) -> u8 {
        match self.at {
            RoundAt::Call => self.decimals.min(4),
            RoundAt::Invoice => 4,
        }
    }
}

/// Which way a sum is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoundingMode {
    /// To the next higher.
    Up,
    /// To the nearest; the half to the even neighbour.
    HalfEven,
}

/// Where a sum is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoundAt {
    /// Each call.
    Call,
    /// The invoice; a call keeps 1/10,000 yuan.
    Invoice,
}

/// What a version says about one call: the time price and the fee of its zone, brought together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Length of a unit; 0 if time is not charged.
    pub unit_ms: u64,
    /// Length of the first unit.
    pub first_unit_ms: u64,
    /// Price of `price_ms` of time.
    pub price_e4: Money,
    /// The time that `price_e4` buys.
    pub price_ms: u64,
    /// Fees per call.
    pub call_fee_e4: Money,
    /// How the sum is rounded.
    pub rounding: Rounding,
}

impl TariffVersion {
    /// Whether the version holds at an instant.
    pub fn holds_at(&self, at: Wall) -> bool {
        self.valid_from <= at && self.valid_to.is_none_or(|end| at < end)
    }

    /// The parts that we do not invoice: what a price list shows beside the fee (row F01).
    pub fn information(&self) -> impl Iterator<Item = &ChargeComponent> {
        self.components.iter().filter(|component| component.payer == Payer::Caller)
    }

    /// The prices that make the charge, of one zone.
    pub fn rules(&self, zone: Zone) -> impl Iterator<Item = Per> {
        let charged = self.components.iter().filter(|component| component.payer != Payer::Caller);
        charged
            .filter_map(|component| component.price)
            .filter(move |rule| rule.zone.covers(zone))
            .map(|rule| rule.per)
    }

    /// The terms of one call. [`super::Tariffs::validate`] refuses a version with two time prices for one zone; of
    /// such a version the last would count.
    pub fn terms(&self, zone: Zone, answered: bool) -> Terms {
        let mut terms = Terms::free(self.rounding);
        for per in self.rules(zone) {
            match per {
                Per::Time { unit_ms, first_unit_ms, price_e4, price_ms } if answered => {
                    terms = Terms { unit_ms, first_unit_ms, price_e4, price_ms, ..terms };
                }
                Per::Call { price_e4, calls } if answered || calls == Calls::All => {
                    terms.call_fee_e4 += price_e4
                }
                Per::Time { .. } | Per::Call { .. } => {}
            }
        }
        terms
    }
}

impl Terms {
    /// Terms by which nothing costs anything.
    pub fn free(rounding: Rounding) -> Self {
        Self {
            unit_ms: 0,
            first_unit_ms: 0,
            price_e4: Money::ZERO,
            price_ms: 0,
            call_fee_e4: Money::ZERO,
            rounding,
        }
    }

    /// Whether time is charged at all.
    pub fn by_time(&self) -> bool {
        self.unit_ms > 0 && self.first_unit_ms > 0 && self.price_ms > 0
    }

    /// Units begun in so many milliseconds, seconds rounded up first. Where only the call is charged, 1.
    pub fn units(&self, usage_ms: u64) -> u64 {
        if !self.by_time() {
            return u64::from(!self.call_fee_e4.is_zero());
        }
        let used = u128::from(usage_ms).div_ceil(1000) * 1000;
        let first = u128::from(self.first_unit_ms);
        let after_first = used.saturating_sub(first).div_ceil(u128::from(self.unit_ms));
        u64::from(used > 0).saturating_add(u64::try_from(after_first).unwrap_or(u64::MAX))
    }

    /// Milliseconds that so many units last: the paid boundary.
    pub fn units_ms(&self, units: u64) -> u128 {
        match units {
            0 => 0,
            n => u128::from(self.first_unit_ms) + u128::from(n - 1) * u128::from(self.unit_ms),
        }
    }

    /// Price of one unit, to the nearest 1/10,000 yuan.
    pub fn unit_price_e4(&self) -> Money {
        if !self.by_time() {
            return self.call_fee_e4;
        }
        let exact = Fraction { over: times(self.price_e4, u128::from(self.unit_ms)), under: self.price_ms };
        exact.rounded(RoundingMode::HalfEven, 4)
    }

    /// The sum before rounding, in 1/10,000 yuan.
    pub(super) fn exact_e4(&self, units: u64) -> Fraction {
        if !self.by_time() {
            return Fraction { over: i128::from(self.call_fee_e4.0), under: 1 };
        }
        let time = times(self.price_e4, self.units_ms(units));
        let fee = i128::from(self.call_fee_e4.0) * i128::from(self.price_ms);
        Fraction { over: time.saturating_add(fee), under: self.price_ms }
    }

    /// The fee of so many units, rounded as the plan says; a sum beyond [`Money`] stays at its limit.
    pub fn amount_e4(&self, units: u64) -> Money {
        self.exact_e4(units).rounded(self.rounding.mode, self.rounding.call_decimals())
    }
}

/// A price times a length of time.
fn times(price: Money, ms: u128) -> i128 {
    i128::from(price.0).saturating_mul(i128::try_from(ms).unwrap_or(i128::MAX))
}

/// An exact sum in 1/10,000 yuan. `under` is never 0: [`Terms::by_time`] stands before each division.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fraction {
    pub(super) over: i128,
    pub(super) under: u64,
}

impl Fraction {
    /// Rounded to so many decimals of a yuan.
    pub(super) fn rounded(self, mode: RoundingMode, decimals: u8) -> Money {
        let step = 10i128.pow(4 - u32::from(decimals.min(4)));
        let divisor = i128::from(self.under) * step;
        let (whole, rest) = (self.over.div_euclid(divisor), self.over.rem_euclid(divisor));
        let up = match mode {
            RoundingMode::Up => rest > 0,
            RoundingMode::HalfEven => rest * 2 > divisor || (rest * 2 == divisor && whole % 2 != 0),
        };
        let e4 = (whole + i128::from(up)).saturating_mul(step);
        Money(e4.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
    }
}
