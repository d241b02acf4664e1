//! Emergency calls of phones (row K24).

use hotline::{CallId, Wall};
use store::{Finding, FindingKind, HelpCall};

use crate::case::Case;
use crate::sample::{morning, settlement, tenant};

crate::on_both_engines!(k24_what_is_known_of_an_emergency_call_grows_and_never_shrinks);

async fn k24_what_is_known_of_an_emergency_call_grows_and_never_shrinks(case: Case) {
    let store = &case.store;
    let later = |s: i64| Wall(morning().0 + s * 1_000);
    let call = |s: i64| HelpCall {
        tenant: tenant(0),
        call: CallId::at(later(s).0, 7),
        extension: "8001".into(),
        dialled: "110".into(),
        trunk: String::new(),
        began_at: later(s),
        answered_at: None,
        ended_at: None,
        failed: false,
    };
    let first = HelpCall { trunk: "north".into(), ..call(0) };
    let second = HelpCall { trunk: "south".into(), ..call(0) };
    let answered = HelpCall { answered_at: Some(later(3)), ..second.clone() };
    let over = HelpCall { ended_at: Some(later(63)), ..call(0) };
    store.put_help_calls(&[first.clone(), second]).await.unwrap();
    store.put_help_calls(&[answered.clone(), over.clone()]).await.unwrap();
    let whole = HelpCall { ended_at: over.ended_at, ..answered };
    assert_eq!(store.help_calls(None, 10).await.unwrap(), std::slice::from_ref(&whole));
    let refused = HelpCall { failed: true, ended_at: Some(later(71)), ..call(70) };
    store.put_help_calls(&[refused.clone(), over]).await.unwrap();
    assert_eq!(store.help_calls(Some(&tenant(0)), 10).await.unwrap(), [refused.clone(), whole]);
    assert_eq!(store.help_calls(None, 1).await.unwrap(), [refused]);
    assert_eq!(store.help_calls(Some(&tenant(1)), 10).await.unwrap(), []);
    assert_eq!(store.verify().await.unwrap(), []);

    // A call for help that is a customer's call too would be charged to somebody.
    let twice = settlement(0);
    store.settle(std::slice::from_ref(&twice), "node-1").await.unwrap();
    store.put_help_calls(&[HelpCall { call: twice.record.call, ..first }]).await.unwrap();
    let subject = twice.record.call.to_string();
    let found = Finding { kind: FindingKind::TwoRecords, tenant: tenant(0), subject };
    assert!(store.verify().await.unwrap().contains(&found));
}
