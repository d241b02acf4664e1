//! All versions of all plans, and what is wrong with them. Knows no call.

use serde::{Deserialize, Serialize};

use super::{ChargeKind, Payer, Per, TariffVersion, Zone};
use crate::{PlanId, Wall};

/// Every version of every plan, by plan and date.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<TariffVersion>", into = "Vec<TariffVersion>")]
pub struct Tariffs {
    versions: Vec<TariffVersion>,
}

impl From<Vec<TariffVersion>> for Tariffs {
    fn from(mut versions: Vec<TariffVersion>) -> Self {
        versions.sort_by(|a, b| (&a.plan, a.valid_from, a.version).cmp(&(&b.plan, b.valid_from, b.version)));
        Self { versions }
    }
}

impl From<Tariffs> for Vec<TariffVersion> {
    fn from(tariffs: Tariffs) -> Self {
        tariffs.versions
    }
}

impl Tariffs {
    /// The plans of the seeds (FEATURES.md 2.4), with their lines as source.
    pub fn shipped() -> Self {
        super::shipped::versions().into()
    }

    /// All versions, by plan, then date.
    pub fn versions(&self) -> &[TariffVersion] {
        &self.versions
    }

    /// The versions of one plan, by date.
    pub fn versions_of(&self, plan: &PlanId) -> &[TariffVersion] {
        let first = self.versions.partition_point(|version| version.plan < *plan);
        let end = self.versions.partition_point(|version| version.plan <= *plan);
        &self.versions[first..end]
    }

    /// The version of a plan that holds at an instant: for a call, the instant of its INVITE (FAULTS B5).
    pub fn version_at(&self, plan: &PlanId, at: Wall) -> Option<&TariffVersion> {
        self.versions_of(plan).iter().rev().find(|version| version.holds_at(at))
    }

    /// A version by its number, as a charge names it.
    pub fn version(&self, plan: &PlanId, version: u32) -> Option<&TariffVersion> {
        self.versions_of(plan).iter().find(|one| one.version == version)
    }

    /// Everything that is wrong, in one pass; empty if rating may rely on it.
    pub fn validate(&self) -> Vec<TariffFault> {
        let mut faults: Vec<TariffFault> = self.versions.iter().flat_map(version_faults).collect();
        for pair in self.versions.windows(2) {
            if let [earlier, later] = pair
                && earlier.plan == later.plan
            {
                faults.extend(succession_faults(earlier, later));
            }
        }
        faults
    }
}

/// One thing wrong with a set of tariffs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum TariffFault {
    #[error("plan {plan}: from {from} to {to} no version holds", from = .from.beijing(), to = .to.beijing())]
    Gap { plan: PlanId, from: Wall, to: Wall },
    #[error("plan {plan}: versions {earlier} and {later} hold at the same time")]
    Overlap { plan: PlanId, earlier: u32, later: u32 },
    #[error("plan {plan}: version {later} follows version {earlier} and must have a higher number")]
    VersionOrder { plan: PlanId, earlier: u32, later: u32 },
    #[error("plan {plan}: version {version} changes between sale and cost")]
    KindChanges { plan: PlanId, version: u32 },
    #[error("plan {plan}: version {version} ends before it begins")]
    EndsBeforeItBegins { plan: PlanId, version: u32 },
    #[error("plan {plan}: version {version} names no source")]
    NoSource { plan: PlanId, version: u32 },
    #[error("plan {plan}: version {version} has no price for {zone} calls", zone = .zone.code())]
    NoPrice { plan: PlanId, version: u32, zone: Zone },
    #[error("plan {plan}: version {version} has two time prices for {zone} calls", zone = .zone.code())]
    TwoTimePrices { plan: PlanId, version: u32, zone: Zone },
    #[error("plan {plan}: version {version}: a unit is one or more whole seconds")]
    BadUnit { plan: PlanId, version: u32 },
    #[error("plan {plan}: version {version}: a price is not negative")]
    NegativePrice { plan: PlanId, version: u32 },
    #[error("plan {plan}: version {version}: at most four decimals are kept")]
    TooManyDecimals { plan: PlanId, version: u32 },
    #[error(
        "plan {plan}: version {version}: component {component:?} has no price, or the wrong payer, for such a plan"
    )]
    WrongPayer { plan: PlanId, version: u32, component: String },
}

fn version_faults(one: &TariffVersion) -> Vec<TariffFault> {
    let (plan, version) = (one.plan.clone(), one.version);
    let mut faults = Vec::new();
    if one.valid_to.is_some_and(|end| end <= one.valid_from) {
        faults.push(TariffFault::EndsBeforeItBegins { plan: plan.clone(), version });
    }
    if one.source.trim().is_empty() {
        faults.push(TariffFault::NoSource { plan: plan.clone(), version });
    }
    if one.rounding.decimals > 4 {
        faults.push(TariffFault::TooManyDecimals { plan: plan.clone(), version });
    }
    faults.extend(component_faults(one));
    for zone in Zone::ALL {
        let times = one.rules(zone).filter(|per| matches!(per, Per::Time { .. })).count();
        if one.rules(zone).next().is_none() {
            faults.push(TariffFault::NoPrice { plan: plan.clone(), version, zone });
        }
        if times > 1 {
            faults.push(TariffFault::TwoTimePrices { plan: plan.clone(), version, zone });
        }
    }
    faults
}

fn component_faults(one: &TariffVersion) -> Vec<TariffFault> {
    let (plan, version) = (&one.plan, one.version);
    let mut faults = Vec::new();
    for component in &one.components {
        let fits = match (one.kind, component.payer) {
            (ChargeKind::Sale, Payer::Enterprise) | (ChargeKind::Cost, Payer::Provider) => {
                component.price.is_some()
            }
            (ChargeKind::Sale, Payer::Caller) => true,
            (ChargeKind::Sale, Payer::Provider) | (ChargeKind::Cost, Payer::Caller | Payer::Enterprise) => {
                false
            }
        };
        if !fits {
            let component = component.name.clone();
            faults.push(TariffFault::WrongPayer { plan: plan.clone(), version, component });
        }
        let Some(rule) = component.price else { continue };
        let price_e4 = match rule.per {
            Per::Time { unit_ms, first_unit_ms, price_e4, price_ms } => {
                let whole = |ms: u64| ms > 0 && ms.is_multiple_of(1000);
                if !(whole(unit_ms) && whole(first_unit_ms) && whole(price_ms)) {
                    faults.push(TariffFault::BadUnit { plan: plan.clone(), version });
                }
                price_e4
            }
            Per::Call { price_e4, .. } => price_e4,
        };
        if price_e4.0 < 0 {
            faults.push(TariffFault::NegativePrice { plan: plan.clone(), version });
        }
    }
    faults
}

/// Faults between a version and the next one of the same plan.
fn succession_faults(earlier: &TariffVersion, later: &TariffVersion) -> Vec<TariffFault> {
    let plan = || later.plan.clone();
    let mut faults = Vec::new();
    match earlier.valid_to {
        Some(end) if end < later.valid_from => {
            faults.push(TariffFault::Gap { plan: plan(), from: end, to: later.valid_from });
        }
        Some(end) if end == later.valid_from => {}
        Some(_) | None => {
            faults.push(TariffFault::Overlap {
                plan: plan(),
                earlier: earlier.version,
                later: later.version,
            });
        }
    }
    if later.version <= earlier.version {
        faults.push(TariffFault::VersionOrder {
            plan: plan(),
            earlier: earlier.version,
            later: later.version,
        });
    }
    if later.kind != earlier.kind {
        faults.push(TariffFault::KindChanges { plan: plan(), version: later.version });
    }
    faults
}

/// An instant in a tariff file: `2007-01-01 00:00:00` in Beijing for people, milliseconds for machines.
pub(super) mod instant {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use crate::{Beijing, Wall};

    pub(crate) fn serialize<S: Serializer>(at: &Wall, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return at.serialize(serializer);
        }
        if at.0.rem_euclid(1000) != 0 {
            return Err(serde::ser::Error::custom("a tariff version begins and ends on a whole second"));
        }
        serializer.collect_str(&at.beijing())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Wall, D::Error> {
        if !deserializer.is_human_readable() {
            return Wall::deserialize(deserializer);
        }
        let text = String::deserialize(deserializer)?;
        let at = Beijing::parse(&text)
            .ok_or_else(|| D::Error::custom(format!("{text:?} is not a date and time")))?;
        Ok(at.wall())
    }
}

/// The same, where `null` is open-ended.
pub(super) mod instant_or_open {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::Wall;

    #[derive(Serialize, Deserialize)]
    struct Instant(#[serde(with = "super::instant")] Wall);

    pub(crate) fn serialize<S: Serializer>(at: &Option<Wall>, serializer: S) -> Result<S::Ok, S::Error> {
        at.map(Instant).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Wall>, D::Error> {
        Ok(Option::<Instant>::deserialize(deserializer)?.map(|instant| instant.0))
    }
}
