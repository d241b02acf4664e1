//! The shares of flows' percentage steps (row I10).

use hotline::Wall;
use hotline::cdr::{ArmOutcome, ArmRecord};
use store::{ArmFilter, ArmSum};

use crate::case::Case;
use crate::sample::{settlement, tenant};

crate::on_both_engines!(i10_shares_are_kept_once_a_call_and_summed_by_what_came_of_them);

fn arm(step: &str, version: u32, arm: &str, at: i64, outcome: ArmOutcome) -> ArmRecord {
    let (flow, step, arm) = ("main".to_owned(), step.to_owned(), arm.to_owned());
    ArmRecord { flow, version, step, arm, at: Wall(at), outcome }
}

async fn i10_shares_are_kept_once_a_call_and_summed_by_what_came_of_them(case: Case) {
    use ArmOutcome::{HungUp, Reached, SelfService};
    let (store, whose) = (&case.store, tenant(1));
    // Every third is of one enterprise.
    let all = [
        (1, "13800138001", vec![arm("deal", 1, "a", 10, Reached), arm("tone", 1, "x", 11, Reached)]),
        (4, "13800138001", vec![arm("deal", 1, "a", 20, SelfService)]),
        (7, "", vec![arm("deal", 1, "b", 30, SelfService)]),
        (10, "13800138002", vec![arm("deal", 2, "b", 40, HungUp)]),
        (13, "13800138003", vec![arm("deal", 2, "b", 50, SelfService)]),
    ];
    for (n, caller, arms) in &all {
        let mut one = settlement(*n);
        (one.record.caller, one.record.arms) = ((*caller).to_owned(), arms.clone());
        for _ in 0..2 {
            store.settle(std::slice::from_ref(&one), "node-1").await.unwrap();
        }
        let back = store.call(one.record.call).await.unwrap().unwrap();
        assert_eq!(&back.record.arms, arms, "the record shows them");
    }
    let sum = |arm: &str, callers, calls: &[(ArmOutcome, u64)]| ArmSum {
        arm: arm.to_owned(),
        callers,
        calls: calls.to_vec(),
    };
    let of = ArmFilter { flow: "main".into(), step: "deal".into(), ..ArmFilter::default() };
    assert_eq!(
        store.arm_sums(&whose, &of).await.unwrap(),
        [sum("a", 1, &[(Reached, 1), (SelfService, 1)]), sum("b", 2, &[(HungUp, 1), (SelfService, 2)])],
        "a withheld number is nobody, a caller is one however often"
    );
    let later = ArmFilter { version: Some(2), ..of.clone() };
    assert_eq!(
        store.arm_sums(&whose, &later).await.unwrap(),
        [sum("b", 2, &[(HungUp, 1), (SelfService, 1)])]
    );
    let between = ArmFilter { since: Some(Wall(20)), until: Some(Wall(40)), ..of.clone() };
    assert_eq!(
        store.arm_sums(&whose, &between).await.unwrap(),
        [sum("a", 1, &[(SelfService, 1)]), sum("b", 0, &[(SelfService, 1)])]
    );
    let elsewhere = ArmFilter { flow: "other".into(), ..of.clone() };
    assert_eq!(store.arm_sums(&whose, &elsewhere).await.unwrap(), []);
    assert_eq!(store.arm_sums(&tenant(2), &of).await.unwrap(), [], "nobody else's");
    assert_eq!(store.verify().await.unwrap(), []);
}
