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

#[cfg(test)]
mod tests {
    use super::super::tests::shipped;
    use super::super::{ChargeComponent, RateRule, ZoneRule};
    use super::*;
    use crate::{Beijing, Money};

    const FILE: &str = include_str!("../../../../data/tariffs.json");

    #[test]
    fn the_shipped_file_is_the_shipped_table() {
        let file: Tariffs = serde_json::from_str(FILE).expect("data/tariffs.json is a list of versions");
        assert_eq!(file, Tariffs::shipped());
        let written = serde_json::to_string_pretty(&Tariffs::shipped()).expect("tariffs are JSON");
        assert_eq!(written.trim(), FILE.trim(), "what is exported is what is shipped, to the letter");
    }

    #[test]
    fn the_shipped_tariffs_are_whole() {
        let tariffs = Tariffs::shipped();
        assert_eq!(tariffs.validate(), []);
        let plans: Vec<_> = tariffs.versions().iter().map(|version| version.plan.as_str()).collect();
        assert_eq!(plans, ["C1", "T1", "T2", "T2a", "T2b", "T3", "T6"]);
    }

    #[test]
    fn tariffs_read_back_from_postcard() {
        let bytes = postcard::to_allocvec(&Tariffs::shipped()).expect("tariffs are postcard");
        assert_eq!(postcard::from_bytes::<Tariffs>(&bytes), Ok(Tariffs::shipped()));
    }

    #[test]
    fn a_version_holds_from_its_first_instant_to_before_its_last() {
        let (first, second) = succession(Some(day(2)), day(2));
        let tariffs = Tariffs::from(vec![second, first]);
        let plan = PlanId::new("T1");
        let at = |at| tariffs.version_at(&plan, at).map(|version| version.version);
        assert_eq!(at(Wall(day(1).0 - 1)), None);
        assert_eq!(at(day(1)), Some(1));
        assert_eq!(at(Wall(day(2).0 - 1)), Some(1));
        assert_eq!(at(day(2)), Some(2));
        assert_eq!(tariffs.version_at(&PlanId::new("T"), day(2)), None);
        let ended = Tariffs::from(vec![succession(Some(day(2)), day(2)).0]);
        assert_eq!(ended.version_at(&plan, day(2)), None);
        assert_eq!(tariffs.version(&plan, 2).map(|version| version.valid_from), Some(day(2)));
        assert_eq!(tariffs.validate(), []);
    }

    #[test]
    fn gaps_overlaps_and_orders_are_told() {
        let plan = PlanId::new("T1");
        let faults = |(first, second)| Tariffs::from(vec![first, second]).validate();
        assert_eq!(
            faults(succession(Some(day(2)), day(3))),
            [TariffFault::Gap { plan: plan.clone(), from: day(2), to: day(3) }]
        );
        let overlap = TariffFault::Overlap { plan: plan.clone(), earlier: 1, later: 2 };
        assert_eq!(faults(succession(Some(day(3)), day(2))), std::slice::from_ref(&overlap));
        assert_eq!(faults(succession(None, day(2))), [overlap]);
        let (first, second) = succession(Some(day(2)), day(2));
        let again = TariffVersion { version: 1, kind: ChargeKind::Cost, ..second };
        let told = faults((first, again));
        assert!(told.contains(&TariffFault::VersionOrder { plan: plan.clone(), earlier: 1, later: 1 }));
        assert!(told.contains(&TariffFault::KindChanges { plan, version: 1 }));
    }

    #[test]
    fn every_fault_of_a_version_is_told_in_one_pass() {
        let plan = PlanId::new("T1");
        let wrong = |unit_ms, fen| ChargeComponent {
            name: "wrong".to_owned(),
            payer: Payer::Provider,
            price: Some(RateRule {
                zone: ZoneRule::Local,
                per: Per::Time {
                    unit_ms,
                    first_unit_ms: 60_000,
                    price_e4: Money::from_fen(fen),
                    price_ms: 60_000,
                },
            }),
        };
        let mut version = shipped("T1");
        version.valid_to = Some(version.valid_from);
        version.source = " ".to_owned();
        version.rounding.decimals = 5;
        version.components = vec![wrong(500, 1), wrong(60_000, -1)];
        let told = Tariffs::from(vec![version]).validate();
        let component = || "wrong".to_owned();
        assert_eq!(
            told,
            [
                TariffFault::EndsBeforeItBegins { plan: plan.clone(), version: 1 },
                TariffFault::NoSource { plan: plan.clone(), version: 1 },
                TariffFault::TooManyDecimals { plan: plan.clone(), version: 1 },
                TariffFault::WrongPayer { plan: plan.clone(), version: 1, component: component() },
                TariffFault::BadUnit { plan: plan.clone(), version: 1 },
                TariffFault::WrongPayer { plan: plan.clone(), version: 1, component: component() },
                TariffFault::NegativePrice { plan: plan.clone(), version: 1 },
                TariffFault::TwoTimePrices { plan: plan.clone(), version: 1, zone: Zone::Local },
                TariffFault::NoPrice { plan, version: 1, zone: Zone::LongDistance },
            ]
        );
    }

    fn day(day: u8) -> Wall {
        Beijing::date(2026, 10, day).wall()
    }

    /// Two versions of T1: from the 1st to `end`, and from `begin` on.
    fn succession(end: Option<Wall>, begin: Wall) -> (TariffVersion, TariffVersion) {
        let first = TariffVersion { valid_from: day(1), valid_to: end, ..shipped("T1") };
        (first, TariffVersion { version: 2, valid_from: begin, ..shipped("T1") })
    }
}
