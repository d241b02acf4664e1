//! Money: balances are sums of entries, a payment is posted once, a re-rate adjusts and never edits.

use hotline::ledger::{Account, AccountKind, Posting, TopUpRefused, adjust};
use hotline::{Money, Wall};
use store::{Adjustment, CallFilter, RollupFilter, TopUp};

use crate::case::Case;
use crate::sample::{change, charge, morning, settlement, settlements, tenant};

crate::on_both_engines!(
    f09_a_payment_is_posted_once,
    f10_days_add_up_to_the_balance,
    f15_a_re_rate_adjusts_once,
    f15_an_adjustment_of_an_unknown_call_is_named,
);

async fn f09_a_payment_is_posted_once(case: Case) {
    let store = &case.store;
    let pay = |fen, reference: &'static str| {
        let by = change(morning());
        async move { store.top_up(&tenant(0), Money::from_fen(fen), reference, &by).await.unwrap() }
    };
    assert_eq!(pay(10_000, "bank-1").await, TopUp::Posted { balance_e4: Money::from_fen(10_000) });
    assert_eq!(pay(10_000, "bank-1").await, TopUp::AlreadyPosted { posted_at: morning() });
    assert_eq!(pay(500, "bank-1").await, TopUp::ReferenceUsed { amount_e4: Money::from_fen(10_000) });
    assert_eq!(pay(0, "bank-2").await, TopUp::Refused(TopUpRefused::NotPositive));
    assert_eq!(pay(250, "bank-2").await, TopUp::Posted { balance_e4: Money::from_fen(10_250) });
    store.settle(&[settlement(0)], "node-1").await.unwrap();
    let balances = store.balances(&[tenant(1), tenant(0)]).await.unwrap();
    assert_eq!(balances, [(tenant(1), Money::ZERO), (tenant(0), Money::from_fen(10_250 - 66))]);
    assert_eq!(store.balance(&tenant(0), &Account::Cash).await.unwrap(), Money::from_fen(10_250));
    let audit = store.audit(&tenant(0), None, 10).await.unwrap();
    let told: Vec<_> =
        audit.iter().map(|row| (row.number, row.subject.as_str(), row.became.as_deref())).collect();
    assert_eq!(told, [(2, "top-up/bank-2", Some("2.50")), (1, "top-up/bank-1", Some("100.00"))]);
    assert_eq!((audit[0].change.by.as_str(), audit[0].action.as_str()), ("operator", "top_up"));
    assert_eq!(store.audit(&tenant(0), Some(2), 10).await.unwrap().len(), 1);
}

async fn f10_days_add_up_to_the_balance(case: Case) {
    let store = &case.store;
    let day_ms = 86_400_000;
    for n in 0..9 {
        let batch = [crate::sample::answered_at(n * 3, Wall(morning().0 + n as i64 * day_ms))];
        store.settle(&batch, "node-1").await.unwrap();
    }
    let account = Account::Prepaid(tenant(0));
    let first = morning().beijing().day_number();
    let days = store.account_days(&tenant(0), &account, first, first + 365).await.unwrap();
    assert_eq!(days.iter().map(|day| day.day).collect::<Vec<_>>(), (first..first + 9).collect::<Vec<_>>());
    let sum: Money = days.iter().map(|day| day.credit_e4 - day.debit_e4).sum();
    assert_eq!(sum, store.balance(&tenant(0), &account).await.unwrap());
    assert_eq!(store.account_days(&tenant(0), &account, first + 2, first + 3).await.unwrap().len(), 2);
}

/// The adjustment of a call's sale from T2a (0.66) to T1 (0.60).
fn cheaper(n: u64) -> Adjustment {
    let one = settlement(n);
    let posting = Posting {
        tenant: &one.record.tenant,
        account: AccountKind::Prepaid,
        call: one.record.call,
        posted_at: Wall(morning().0 + 86_400_000),
    };
    let new = charge(&one.record, "T1", one.record.sale_ms, 0);
    let (charge, entry) = adjust(&posting, &one.charges[0], &new, &one.record.legs).expect("another price");
    Adjustment {
        tenant: one.record.tenant,
        call: one.record.call,
        charges: vec![charge],
        entries: vec![entry],
    }
}

async fn f15_a_re_rate_adjusts_once(case: Case) {
    let store = &case.store;
    let journal = settlements(30);
    store.settle(&journal, "node-1").await.unwrap();
    let adjustments = [cheaper(0), cheaper(3)];
    let by = change(Wall(morning().0 + 86_400_000));
    let once = store.re_rate(&adjustments, "plan T1 since October", &by).await.unwrap();
    assert_eq!((once.new_charges, once.unknown_calls.len()), (2, 0));
    let twice = store.re_rate(&adjustments, "plan T1 since October", &by).await.unwrap();
    assert_eq!(twice.new_charges, 0);

    let stored = store.call(journal[3].record.call).await.unwrap().unwrap();
    let sales: Vec<i64> = stored.charges.iter().filter(|c| c.leg == 0).map(|c| c.amount_e4.0).collect();
    assert_eq!(sales, [6600, -600], "the first charge stands as it was");
    assert_eq!(stored.entries.len(), journal[3].entries.len() + 1);
    let row = store
        .calls(&CallFilter::default(), 100)
        .await
        .unwrap()
        .into_iter()
        .find(|row| row.call == stored.record.call);
    assert_eq!(row.unwrap().fee_e4, Money::from_fen(60));
    let answered =
        journal.iter().filter(|one| one.record.tenant == tenant(0) && !one.charges.is_empty()).count() as i64;
    let spent = &store.month_spend(&tenant(0), 202_610).await.unwrap()[0];
    assert_eq!(spent.spent_e4, Money::from_fen(66 * answered - 12));
    let all = RollupFilter::default();
    assert_eq!(store.rollups(&all).await.unwrap(), store.recount(&all).await.unwrap());
    let audit = store.audit(&tenant(0), None, 10).await.unwrap();
    assert_eq!(audit.len(), 1);
    assert_eq!(
        (audit[0].action.as_str(), audit[0].became.as_deref()),
        ("re_rate", Some("plan T1 since October"))
    );
    // A replay of the journal after the re-rate brings nothing back.
    assert_eq!(store.settle(&journal, "node-1").await.unwrap().new_calls, 0);
    assert_eq!(store.month_spend(&tenant(0), 202_610).await.unwrap()[0].spent_e4, spent.spent_e4);
}

async fn f15_an_adjustment_of_an_unknown_call_is_named(case: Case) {
    let unknown = cheaper(0);
    let adjusted =
        case.store.re_rate(std::slice::from_ref(&unknown), "by mistake", &change(morning())).await.unwrap();
    assert_eq!((adjusted.new_charges, adjusted.unknown_calls), (0, vec![unknown.call]));
    assert_eq!(case.store.balance(&tenant(0), &Account::Prepaid(tenant(0))).await.unwrap(), Money::ZERO);
    assert_eq!(case.store.audit(&tenant(0), None, 10).await.unwrap(), []);
}
