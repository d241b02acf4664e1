//! Settling a journal: harmless to repeat, in any order, in any batch.

use hotline::alert::AlertKind;
use hotline::cdr::AnswerStatus;
use hotline::{Beijing, HotlineNumber, Money, Wall};
use store::{Error, RollupFilter, Settlement, Store, TenantState};

use crate::case::Case;
use crate::sample::{answered_at, change, morning, number, settlement, settlements, tenant};

crate::on_both_engines!(
    fault_b1_one_record_ten_times_in_two_orders_and_three_days_later,
    fault_b1_every_split_of_a_journal_leaves_the_same_books,
    fault_f6_committed_but_the_answer_was_lost,
    fault_f6_given_up_at_any_step_and_sent_again,
    fault_f3_a_batch_that_fails_leaves_nothing,
    the_mark_never_goes_back,
    the_latest_state_of_a_tenant_wins_in_any_order,
    batches_of_every_size_are_written_whole,
    fault_b2_a_passed_cap_is_told_and_the_record_kept,
    b07_a_cap_at_80_and_at_100_percent_is_an_alert_each_once,
    a_month_is_beijings,
    b06_what_counts_against_a_cap_is_what_each_call_said,
    r15_what_is_forgotten_stays_so_and_the_audit_says_who_asked,
    fault_f2_this_program_settles_and_reads_on_the_schema_of_the_next,
);

/// Everything the books say, to compare two of them.
async fn books(store: &Store) -> (Vec<store::Rollup>, Vec<Money>, usize, Vec<store::MonthSpend>) {
    let mut balances = Vec::new();
    for (_, balance) in store.balances(&[tenant(0), tenant(1), tenant(2)]).await.unwrap() {
        balances.push(balance);
    }
    let mut months = Vec::new();
    for n in 0..3 {
        months.extend(store.month_spend(&tenant(n), 202_610).await.unwrap());
    }
    let calls = store.calls(&store::CallFilter::default(), 10_000).await.unwrap().len();
    (store.rollups(&RollupFilter::default()).await.unwrap(), balances, calls, months)
}

async fn is_clean(store: &Store) {
    let recordings = |finding: &store::Finding| finding.kind == store::FindingKind::Recording;
    let findings: Vec<_> = store.verify().await.unwrap().into_iter().filter(|f| !recordings(f)).collect();
    assert_eq!(findings, []);
}

async fn fault_b1_one_record_ten_times_in_two_orders_and_three_days_later(case: Case) {
    let store = &case.store;
    let journal = settlements(30);
    assert_eq!(store.settle(&journal, "node-1").await.unwrap().new_calls, 30);
    let first = books(store).await;
    for _ in 0..4 {
        assert_eq!(store.settle(&journal, "node-1").await.unwrap().new_calls, 0);
    }
    let backwards: Vec<Settlement> = journal.iter().rev().cloned().collect();
    for _ in 0..5 {
        assert_eq!(store.settle(&backwards, "node-1").await.unwrap().new_calls, 0);
    }
    let three_days_on: Vec<Settlement> =
        (0..10).map(|n| answered_at(100 + n, Wall(morning().0 + 3 * 86_400_000))).collect();
    store.settle(&three_days_on, "node-1").await.unwrap();
    let later = books(store).await;
    assert_eq!(store.settle(&journal[7..8], "node-2").await.unwrap().new_calls, 0);
    assert_eq!(books(store).await, later);
    assert_eq!(later.2, first.2 + 10);
    is_clean(store).await;
}

async fn fault_b1_every_split_of_a_journal_leaves_the_same_books(case: Case) {
    let store = &case.store;
    let journal = settlements(90);
    // One batch names a call twice; parts overlap; the order is not the journal's.
    let mut twice = journal[40..90].to_vec();
    twice.extend_from_slice(&journal[45..50]);
    store.settle(&twice, "node-1").await.unwrap();
    store.settle(&journal[..20], "node-1").await.unwrap();
    store.settle(&journal[10..60], "node-1").await.unwrap();
    store.settle(&journal, "node-1").await.unwrap();
    let (rollups, balances, calls, _) = books(store).await;
    assert_eq!(calls, 90);
    assert_eq!(rollups.iter().map(|rollup| rollup.counts.calls).sum::<u64>(), 90);
    let answered = journal.iter().filter(|one| one.record.status == AnswerStatus::Answered).count() as i64;
    // 61 s by T2a is 0.66, taken from what was paid ahead: nothing was, so all balances together are below zero.
    assert_eq!(balances.into_iter().sum::<Money>(), Money::from_fen(-66).times(answered));
    is_clean(store).await;
}

async fn fault_f6_committed_but_the_answer_was_lost(case: Case) {
    let journal = settlements(50);
    // The first writer commits and is gone before its answer is read; the next one reads the mark, then sends again.
    let gone = Store::open(&case.url).await.unwrap();
    gone.settle(&journal, "node-1").await.unwrap();
    gone.close().await;
    assert!(gone.settle(&journal, "node-1").await.is_err_and(|error| matches!(error, Error::NotReached)));
    let before = books(&case.store).await;
    assert_eq!(case.store.journal_mark("node-1").await.unwrap(), Some(49));
    assert_eq!(case.store.settle(&journal, "node-1").await.unwrap().new_calls, 0);
    assert_eq!(books(&case.store).await, before);
    is_clean(&case.store).await;
}

async fn fault_f6_given_up_at_any_step_and_sent_again(case: Case) {
    let journal = settlements(60);
    // The k-th batch is given up after k wake-ups, before, in and after its commit; nobody knows which were written.
    for (steps, batch) in journal.chunks(2).enumerate() {
        let mut settling = std::pin::pin!(case.store.settle(batch, "node-1"));
        let mut left = steps;
        std::future::poll_fn(|context| {
            let done = settling.as_mut().poll(context).is_ready();
            left = left.saturating_sub(1);
            if done || left == 0 { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
    }
    let known = case.store.calls(&store::CallFilter::default(), 100).await.unwrap().len();
    assert!((1..60).contains(&known), "some were written and some were not: {known}");
    let settled = case.store.settle(&journal, "node-1").await.unwrap();
    assert_eq!(settled.new_calls, 60 - known);
    assert_eq!(case.store.journal_mark("node-1").await.unwrap(), Some(59));
    is_clean(&case.store).await;
}

async fn fault_f3_a_batch_that_fails_leaves_nothing(case: Case) {
    let mut journal = settlements(20);
    // The last entry cannot be posted (the database refuses a negative amount), after all records were written.
    let last = journal.iter_mut().rev().find(|one| !one.entries.is_empty()).unwrap();
    last.entries[0].amount_e4 = Money(-1);
    let error = case.store.settle(&journal, "node-1").await.unwrap_err();
    assert!(!error.is_passing(), "the same batch would fail again: {error}");
    assert_eq!(books(&case.store).await.2, 0);
    assert_eq!(case.store.journal_mark("node-1").await.unwrap(), None);
    assert_eq!(case.store.settle(&settlements(20), "node-1").await.unwrap().new_calls, 20);
    is_clean(&case.store).await;
}

async fn the_mark_never_goes_back(case: Case) {
    let store = &case.store;
    assert_eq!(store.journal_mark("node-1").await.unwrap(), None);
    store.settle(&[settlement(9)], "node-1").await.unwrap();
    store.settle(&[settlement(4)], "node-1").await.unwrap();
    store.settle(&[settlement(5)], "node-2").await.unwrap();
    store.settle::<Settlement>(&[], "node-1").await.unwrap();
    assert_eq!(store.journal_mark("node-1").await.unwrap(), Some(9));
    assert_eq!(store.journal_mark("node-2").await.unwrap(), Some(5));
    store.pass_journal(8, "node-1").await.unwrap();
    store.pass_journal(11, "node-2").await.unwrap();
    store.pass_journal(1, "node-3").await.unwrap();
    for (node, mark) in [("node-1", 9), ("node-2", 11), ("node-3", 1)] {
        assert_eq!(store.journal_mark(node).await.unwrap(), Some(mark), "{node}");
    }
}

async fn the_latest_state_of_a_tenant_wins_in_any_order(case: Case) {
    let store = &case.store;
    let with_state = |n: u64, value: &str, position: u64| {
        let states = vec![TenantState { key: "deal/4006010114/3".into(), value: value.into(), position }];
        Settlement { states, ..settlement(n * 3) }
    };
    store.settle(&[with_state(1, "b", 20), with_state(2, "a", 10)], "node-1").await.unwrap();
    assert_eq!(store.tenant_state(&tenant(0)).await.unwrap()[0].value, "b");
    store.settle(&[with_state(3, "old", 15)], "node-1").await.unwrap();
    assert_eq!(store.tenant_state(&tenant(0)).await.unwrap()[0].value, "b");
    store.settle(&[with_state(4, "c", 30)], "node-1").await.unwrap();
    let states = store.tenant_state(&tenant(0)).await.unwrap();
    assert_eq!(states, [TenantState { key: "deal/4006010114/3".into(), value: "c".into(), position: 30 }]);
    assert_eq!(store.tenant_state(&tenant(1)).await.unwrap(), []);
}

async fn r15_what_is_forgotten_stays_so_and_the_audit_says_who_asked(case: Case) {
    let store = &case.store;
    let at =
        |key: &str, value: &str, position| TenantState { key: key.into(), value: value.into(), position };
    let kept = |n: u64, position| Settlement {
        states: vec![at("memory/0", "*,13510001000,5,01062000001", position), at("memory/1", "x", 7)],
        ..settlement(n * 3)
    };
    store.settle(&[kept(1, 7)], "node-1").await.unwrap();
    store
        .forget_states(&tenant(0), &[at("memory/0", "", 9)], "135****1000", &change(morning()))
        .await
        .unwrap();
    // A call that was on its way remembers too late.
    store.settle(&[kept(2, 8)], "node-1").await.unwrap();
    let states = store.tenant_state(&tenant(0)).await.unwrap();
    assert_eq!(states, [at("memory/0", "", 9), at("memory/1", "x", 7)]);
    let audit = store.audit(&tenant(0), None, 1).await.unwrap();
    assert_eq!((audit[0].action.as_str(), audit[0].subject.as_str()), ("forget_caller", "135****1000"));
}

async fn batches_of_every_size_are_written_whole(case: Case) {
    let mut from = 0;
    for size in [1, 7, 8, 9, 63, 64, 65, 511, 513] {
        let batch: Vec<Settlement> = (from..from + size).map(settlement).collect();
        assert_eq!(case.store.settle(&batch, "node-1").await.unwrap().new_calls as u64, size);
        from += size;
    }
    assert_eq!(case.store.calls(&store::CallFilter::default(), 10_000).await.unwrap().len() as u64, from);
    is_clean(&case.store).await;
}

async fn fault_b2_a_passed_cap_is_told_and_the_record_kept(case: Case) {
    let store = &case.store;
    let mut enterprise = crate::enterprises::enterprise("huaxin", &[number(0)]);
    enterprise.limits.month_cost_cap_e4 = Some(Money::from_fen(132));
    enterprise.numbers[0].limits.month_cost_cap_e4 = Some(Money::from_fen(100_000));
    store.put_enterprise(&enterprise, 0, &crate::sample::change(morning())).await.unwrap();
    // 0.66 each: two calls stand exactly on the cap of 1.32, the third passes it.
    let two = store.settle(&[settlement(0), settlement(3)], "node-1").await.unwrap();
    assert_eq!((two.new_calls, two.caps_passed), (2, vec![]));
    let third = store.settle(&[settlement(6)], "node-1").await.unwrap();
    assert_eq!(third.new_calls, 1);
    let [passed] = third.caps_passed.as_slice() else { panic!("{:?}", third.caps_passed) };
    assert_eq!((&passed.tenant, passed.number, passed.month), (&tenant(0), None, 202_610));
    assert_eq!((passed.spent_e4, passed.cap_e4), (Money::from_fen(198), Money::from_fen(132)));
    assert!(store.call(settlement(6).record.call).await.unwrap().is_some());
}

async fn b07_a_cap_at_80_and_at_100_percent_is_an_alert_each_once(case: Case) {
    let store = &case.store;
    let mut enterprise = crate::enterprises::enterprise("huaxin", &[number(0)]);
    enterprise.limits.month_cost_cap_e4 = Some(Money::from_fen(198));
    enterprise.numbers[0].limits.month_calls_cap = Some(5);
    let by = crate::sample::change(morning());
    store.put_enterprise(&enterprise, 0, &by).await.unwrap();
    let levels = async || -> Vec<(AlertKind, Option<HotlineNumber>, u8)> {
        let rows = store.alerts(Some(&tenant(0)), false, 100).await.unwrap();
        let mut levels: Vec<_> = rows.iter().map(|row| (row.kind, row.number, row.level)).collect();
        levels.sort();
        levels
    };
    // 0.66 each: two of them are 67 %, three 100 % of the fees; two are 40 % and three 60 % of the calls.
    store.settle(&[settlement(0), settlement(3)], "node-1").await.unwrap();
    assert_eq!(levels().await, []);
    store.settle(&[settlement(6)], "node-1").await.unwrap();
    let cost = [(AlertKind::MonthCost, None, 80), (AlertKind::MonthCost, None, 100)];
    assert_eq!(levels().await, cost);
    store.settle(&[settlement(9)], "node-1").await.unwrap();
    let calls = (AlertKind::MonthCalls, Some(number(0)), 80);
    assert_eq!(levels().await, [&cost[..], &[calls]].concat());
    let first = &store.alerts(None, false, 100).await.unwrap()[0];
    assert_eq!((first.period, first.used, first.allowed), (202_610, 4, 5));
    assert_eq!(first.raised_at, settlement(9).record.ended_at);
    assert_eq!(store.open_alerts().await.unwrap(), 3);
    assert_eq!(store.ack_alerts(&tenant(0), &by).await.unwrap(), 3);
    store.settle(&[settlement(9), settlement(12)], "node-1").await.unwrap();
    let calls = (AlertKind::MonthCalls, Some(number(0)), 100);
    assert_eq!(levels().await, [calls], "those that were seen do not come again");
    assert_eq!(store.alerts(None, true, 100).await.unwrap().len(), 4);

    // Set aside by its owner, a passed cap is no alarm any more.
    enterprise.limits.lifted_month = Some(202_610);
    store.put_enterprise(&enterprise, 1, &by).await.unwrap();
    assert_eq!(store.settle(&[settlement(15)], "node-1").await.unwrap().caps_passed, []);
    is_clean(store).await;
}

async fn a_month_is_beijings(case: Case) {
    let last_second = Beijing::parse("2026-10-31T23:59:59").unwrap().wall();
    let batch = [answered_at(0, last_second), answered_at(3, Wall(last_second.0 + 1000))];
    case.store.settle(&batch, "node-1").await.unwrap();
    for month in [202_610, 202_611] {
        let spend = case.store.month_spend(&tenant(0), month).await.unwrap();
        let whole = &spend[0];
        assert_eq!((whole.number, whole.calls, whole.answered), (None, 1, 1), "{month}");
        assert_eq!(whole.spent_e4, Money::from_fen(66));
        assert_eq!(spend[1].number, Some(number(0)));
    }
    is_clean(&case.store).await;
}

async fn b06_what_counts_against_a_cap_is_what_each_call_said(case: Case) {
    let journal = settlements(60);
    case.store.settle(&journal, "node-1").await.unwrap();
    for n in 0..3 {
        let own = |one: &&Settlement| one.record.tenant == tenant(n) && one.counts;
        let said = journal.iter().filter(own).count() as u64;
        let spend = case.store.month_spend(&tenant(n), 202_610).await.unwrap();
        let by_numbers: u64 = spend[1..].iter().map(|month| month.counted).sum();
        assert_eq!((spend[0].number, spend[0].counted, by_numbers), (None, said, said));
        assert!(spend[0].counted <= spend[0].calls);
    }
    let barred = journal.iter().filter(|one| !one.counts).count();
    assert!(barred > 5, "some were barred, and none of those counts");
}

/// While two programs take turns, the older one finds what the newer one's migrations added: a column in each table.
async fn fault_f2_this_program_settles_and_reads_on_the_schema_of_the_next(case: Case) {
    let store = &case.store;
    let journal = settlements(24);
    store.settle(&journal[..12], "node-1").await.unwrap();
    let before = store.call(journal[0].record.call).await.unwrap();
    let tables = [
        "enterprise",
        "number",
        "cap",
        "audit",
        "call",
        "leg",
        "charge",
        "rollup",
        "month_spend",
        "tenant_state",
        "journal_mark",
        "entry",
        "entry_sum",
        "recording",
        "call_cap",
        "alert",
    ];
    for table in tables {
        case.alter(&format!("alter table {table} add column of_the_next text")).await;
        case.alter(&format!("alter table {table} add column kind_of_the_next bigint not null default 7"))
            .await;
    }
    case.damage("insert into schema_version (version, name, checksum) values (99, 'next', 1)").await;
    assert_eq!(store.migrate().await.unwrap(), 99);
    assert_eq!(store.settle(&journal, "node-1").await.unwrap().new_calls, 12);
    assert_eq!(store.settle(&journal, "node-1").await.unwrap().new_calls, 0);
    for one in &journal {
        let stored = store.call(one.record.call).await.unwrap().expect("it was settled");
        assert_eq!((&stored.record, &stored.entries, &stored.log), (&one.record, &one.entries, &one.log));
    }
    assert_eq!(store.call(journal[0].record.call).await.unwrap(), before);
}
