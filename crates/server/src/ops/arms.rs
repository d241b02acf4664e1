//! The shares of a flow's percentage step, compared (row I10): what came of the calls of each, and whether the shares differ by
//! more than chance.

use hotline::TenantId;
use hotline::Wall;
use hotline::cdr::ArmOutcome;
use hotline::compare::Gap;
use serde::{Deserialize, Serialize};
use store::{ArmFilter, ArmSum};
use utoipa::ToSchema;

use super::{Desk, Outcome, check_instant, flows};

/// Which deals are compared.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Compare {
    /// The enterprise.
    pub tenant: String,
    /// The flow.
    pub flow: String,
    /// Its percentage step.
    pub step: String,
    /// Of this version of the flow alone.
    #[serde(default)]
    pub version: Option<u32>,
    /// Dealt at or after.
    #[serde(default)]
    pub since: Option<Wall>,
    /// Dealt before.
    #[serde(default)]
    pub until: Option<Wall>,
}

/// What came of the calls of each share, and how they differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ComparedArms)]
pub struct Compared {
    /// The shares by their names.
    pub arms: Vec<Arm>,
    /// Each share but the first against the first: of what is compared, how far they lie apart.
    pub differences: Vec<Difference>,
}

/// One share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ComparedArm)]
pub struct Arm {
    /// Its name.
    pub arm: String,
    /// Calls that it was dealt to.
    pub calls: u64,
    /// Callers of them who did not withhold their number, each counted once.
    pub callers: u64,
    /// What came of these calls: each thing that may come of one, with how many; together they are all.
    pub outcomes: Vec<OutcomeShare>,
}

/// Calls that came to the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ArmOutcomeShare)]
pub struct OutcomeShare {
    /// `reached`, `self_service`, `hung_up`, `abandoned`, `gave_up`, `left_word`, `other`.
    #[schema(value_type = String)]
    pub outcome: ArmOutcome,
    /// How many.
    pub calls: u64,
    /// In a thousand of the share's calls.
    pub per_mille: u64,
}

/// How far two shares lie apart in one thing, in 1/10,000 of their calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ArmDifference)]
pub struct Difference {
    /// What is compared.
    #[schema(value_type = String)]
    pub outcome: ArmOutcome,
    /// The share.
    pub arm: String,
    /// The share it is compared with.
    pub against: String,
    /// Its part of this outcome less that of the other.
    pub difference_e4: i64,
    /// The lower bound of that in 95 of 100 such comparisons, rounded down.
    pub low_e4: i64,
    /// The upper bound, rounded up.
    pub high_e4: i64,
    /// Whether chance alone makes so much in fewer than 5 of 100.
    pub significant: bool,
}

/// What experiments are about: the callers who are served, those who give up in the flow, those who reach somebody.
const COMPARED: [ArmOutcome; 3] = [ArmOutcome::SelfService, ArmOutcome::HungUp, ArmOutcome::Reached];

/// Compares the shares of a step.
///
/// # Errors
/// There is no such enterprise, an instant is none, or those of the database.
pub async fn compare(desk: &Desk, asked: &Compare) -> Outcome<Compared> {
    let tenant = TenantId::new(&asked.tenant);
    desk.enterprise(&tenant).await?;
    for (name, at) in [("since", asked.since), ("until", asked.until)] {
        at.map_or(Ok(()), |at| check_instant(name, at))?;
    }
    let (flow, step) = (asked.flow.clone(), asked.step.clone());
    let filter = ArmFilter { flow, step, version: asked.version, since: asked.since, until: asked.until };
    let sums = desk.store.arm_sums(&tenant, &filter).await?;
    if sums.is_empty() {
        flows::published(desk, &tenant, &asked.flow).await?;
    }
    Ok(compared(&sums))
}

fn compared(sums: &[ArmSum]) -> Compared {
    let others = sums.iter().skip(1);
    let pairs = others.flat_map(|of| sums.first().map(|against| (of, against)));
    let differences = pairs.flat_map(|(of, against)| {
        COMPARED.into_iter().filter_map(move |outcome| difference(outcome, of, against))
    });
    Compared { arms: sums.iter().map(arm).collect(), differences: differences.collect() }
}

fn arm(sum: &ArmSum) -> Arm {
    let calls = all(sum);
    let share = |outcome| {
        let some = count(sum, outcome);
        let per_mille = if calls == 0 { 0 } else { (some * 2_000 + calls) / (calls * 2) };
        OutcomeShare { outcome, calls: some, per_mille }
    };
    let outcomes = ArmOutcome::ALL.into_iter().map(share).collect();
    Arm { arm: sum.arm.clone(), calls, callers: sum.callers, outcomes }
}

fn all(sum: &ArmSum) -> u64 {
    sum.calls.iter().map(|(_, calls)| calls).sum()
}

fn count(sum: &ArmSum, outcome: ArmOutcome) -> u64 {
    sum.calls.iter().find(|(known, _)| *known == outcome).map_or(0, |(_, calls)| *calls)
}

fn difference(outcome: ArmOutcome, of: &ArmSum, against: &ArmSum) -> Option<Difference> {
    let gap = Gap::between((count(of, outcome), all(of)), (count(against, outcome), all(against)))?;
    let e4 = |share: f64| share * 10_000.0;
    Some(Difference {
        outcome,
        arm: of.arm.clone(),
        against: against.arm.clone(),
        difference_e4: e4(gap.difference).round() as i64,
        low_e4: e4(gap.low).floor() as i64,
        high_e4: e4(gap.high).ceil() as i64,
        significant: gap.is_significant(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i10_shares_are_compared_with_the_first() {
        let sum = |arm: &str, served, rest| ArmSum {
            arm: arm.to_owned(),
            callers: 1,
            calls: vec![(ArmOutcome::SelfService, served), (ArmOutcome::Reached, rest)],
        };
        let compared = compared(&[sum("a", 48, 32), sum("b", 56, 14), sum("c", 0, 1)]);
        let [a, ..] = &*compared.arms else { panic!("three of them") };
        let told: Vec<_> = a.outcomes.iter().map(|one| (one.calls, one.per_mille)).collect();
        assert_eq!((a.calls, told), (80, vec![(32, 400), (48, 600), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0)]));
        let of = |arm: &str, outcome| {
            let mut all = compared.differences.iter();
            let one = all.find(|one| one.arm == arm && one.outcome == outcome).expect("compared");
            (one.difference_e4, one.low_e4, one.high_e4, one.significant)
        };
        assert_eq!(of("b", ArmOutcome::SelfService), (2_000, 524, 3_339, true));
        assert_eq!(of("b", ArmOutcome::HungUp).0, 0);
        assert!(!of("b", ArmOutcome::HungUp).3 && !of("c", ArmOutcome::SelfService).3);
        assert_eq!(compared.differences.len(), 6, "the first with itself is no comparison");
    }
}
