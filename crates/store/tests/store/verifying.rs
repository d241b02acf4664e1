//! `verify` finds each kind of damage, and nothing where there is none.

use store::{FindingKind, Store};

use crate::case::Case;
use crate::reading::recording_of;
use crate::sample::{change, morning, number, settlements};

crate::on_both_engines!(
    clean_books_have_no_findings,
    each_damage_is_found_and_nothing_else,
    many_calls_and_odd_references_are_read_whole,
);

/// Calls, recordings and an enterprise that agree.
async fn fill(store: &Store) {
    let journal = settlements(60);
    store.settle(&journal, "node-1").await.unwrap();
    let recordings: Vec<_> = journal.iter().filter_map(recording_of).collect();
    store.put_recordings(&recordings, &[]).await.unwrap();
    let document = crate::enterprises::enterprise("huaxin", &[number(0)]);
    store.put_enterprise(&document, 0, &change(morning())).await.unwrap();
}

async fn clean_books_have_no_findings(case: Case) {
    assert_eq!(case.store.verify().await.unwrap(), []);
    fill(&case.store).await;
    assert_eq!(case.store.verify().await.unwrap(), []);
}

async fn each_damage_is_found_and_nothing_else(case: Case) {
    fill(&case.store).await;
    let call = settlements(1)[0].record.call;
    let sale = format!("call/{call}/0/sale/0");
    let damages: [(String, String, &[FindingKind]); 12] = [
        (
            format!("update entry set amount_e4 = amount_e4 + 1 where key = '{sale}'"),
            format!("update entry set amount_e4 = amount_e4 - 1 where key = '{sale}'"),
            &[FindingKind::EntrySum, FindingKind::ChargeWithoutEntry],
        ),
        (
            "update entry_sum set credit_e4 = credit_e4 + 1 where account = 'prepaid/huaxin'".into(),
            "update entry_sum set credit_e4 = credit_e4 - 1 where account = 'prepaid/huaxin'".into(),
            &[FindingKind::EntrySum],
        ),
        (
            format!("update entry set key = 'call/{call}/0/sale/7' where key = '{sale}'"),
            format!("update entry set key = '{sale}' where key = 'call/{call}/0/sale/7'"),
            &[FindingKind::ChargeWithoutEntry, FindingKind::EntryWithoutCharge],
        ),
        (
            format!("update charge set revision = 1 where call_id = '{call}' and kind = 'cost'"),
            format!("update charge set revision = 0 where call_id = '{call}' and kind = 'cost'"),
            &[FindingKind::ChargeWithoutEntry, FindingKind::EntryWithoutCharge, FindingKind::Revision],
        ),
        (
            format!("update leg set call_id = 'x' where call_id = '{call}' and leg = 1"),
            format!("update leg set call_id = '{call}' where call_id = 'x'"),
            &[FindingKind::Legs],
        ),
        (
            "update rollup set talk_ms = talk_ms + 1 where tenant_id = 'huaxin'".into(),
            "update rollup set talk_ms = talk_ms - 1 where tenant_id = 'huaxin'".into(),
            &[FindingKind::Rollup],
        ),
        (
            "update month_spend set calls = calls + 1 where number = ''".into(),
            "update month_spend set calls = calls - 1 where number = ''".into(),
            &[FindingKind::MonthSpend],
        ),
        (
            "update month_spend set counted = counted - 1 where number = ''".into(),
            "update month_spend set counted = counted + 1 where number = ''".into(),
            &[FindingKind::MonthSpend],
        ),
        (
            format!("update recording set call_id = 'x' where call_id = '{call}'"),
            format!("update recording set call_id = '{call}' where call_id = 'x'"),
            &[FindingKind::Recording],
        ),
        (
            format!("update call set recording_id = null where call_id = '{call}'"),
            format!(
                "update call set recording_id = (select recording_id from recording where call_id = '{call}') where call_id = '{call}'"
            ),
            &[FindingKind::Recording],
        ),
        (
            "update journal_mark set position = position - 1".into(),
            "update journal_mark set position = position + 1".into(),
            &[FindingKind::JournalMark],
        ),
        (
            "update number set version = 2".into(),
            "update number set version = 1".into(),
            &[FindingKind::Number],
        ),
    ];
    for (damage, repair, kinds) in damages {
        case.damage(&damage).await;
        let mut found: Vec<FindingKind> =
            case.store.verify().await.unwrap().iter().map(|one| one.kind).collect();
        found.dedup();
        assert_eq!(found, kinds, "{damage}");
        case.damage(&repair).await;
    }
    assert_eq!(case.store.verify().await.unwrap(), [], "every repair took");
    two_tenants_with_one_call(&case).await;
}

async fn two_tenants_with_one_call(case: &Case) {
    let call = settlements(2)[1].record.call;
    case.damage(&format!("update call set call_id = '{call}' where tenant_id = 'sample-3' and position = 2"))
        .await;
    let found = case.store.verify().await.unwrap();
    let two: Vec<_> = found.iter().filter(|one| one.kind == FindingKind::TwoRecords).collect();
    assert_eq!(two.len(), 1);
    assert_eq!(two[0].subject, call.to_string());
}

/// More rows than one answer holds, and a reference with whatever people may type.
async fn many_calls_and_odd_references_are_read_whole(case: Case) {
    let store = &case.store;
    let journal = settlements(6_000);
    for batch in journal.chunks(500) {
        store.settle(batch, "node-1").await.unwrap();
    }
    let recordings: Vec<_> = journal.iter().filter_map(recording_of).collect();
    store.put_recordings(&recordings, &[]).await.unwrap();
    let tenant = &journal[0].record.tenant;
    for reference in ["50%", "%1F", "a\u{1f}b\u{1e}c", "票据 7"] {
        store.top_up(tenant, hotline::Money(10_000), reference, &change(morning())).await.unwrap();
    }
    let mut told = Vec::new();
    assert_eq!(store.verify_telling(|calls| told.push(calls)).await.unwrap(), []);
    assert!(told.len() > 1 && told.is_sorted() && told[told.len() - 1] <= 6_000, "{told:?}");
    let (first, last) = (journal[0].record.call, journal[5_999].record.call);
    for call in [first, last] {
        case.damage(&format!("update call set legs = legs + 1 where call_id = '{call}'")).await;
        case.damage(&format!("update call set talk_ms = talk_ms + 1 where call_id = '{call}'")).await;
    }
    case.damage("update entry set credit = debit || 'x' where key = 'top-up/50%'").await;
    let found = store.verify().await.unwrap();
    let subjects = |kind| {
        let of_kind = found.iter().filter(move |one| one.kind == kind);
        of_kind.map(|one| one.subject.clone()).collect::<Vec<_>>()
    };
    let mut calls = [first.to_string(), last.to_string()];
    calls.sort();
    let mut legs = subjects(FindingKind::Legs);
    legs.sort();
    assert_eq!(legs, calls);
    assert_eq!(subjects(FindingKind::Rollup).len(), 2);
    assert_eq!(subjects(FindingKind::EntrySum).len(), 2, "the account posted to, and the one that was not");
}
