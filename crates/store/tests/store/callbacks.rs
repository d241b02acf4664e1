//! Requests to be called back, and the stop list (rows Q15, K07).

use hotline::Wall;
use hotline::cdr::CallbackRecord;
use store::{CallbackState, Change};

use crate::case::Case;
use crate::sample::{morning, settlement, tenant};

crate::on_both_engines!(q15_k07_requests_keep_their_place_and_a_stop_takes_effect_at_once);

async fn q15_k07_requests_keep_their_place_and_a_stop_takes_effect_at_once(case: Case) {
    let store = &case.store;
    let by = |name: &str| Change { by: name.into(), at: Wall(morning().0 + 90_000_000) };
    // Every third is of one enterprise.
    let asks = |n: u64, number: &str, waited_ms| {
        let mut one = settlement(n);
        one.record.callback = Some(CallbackRecord {
            number: number.into(),
            queue: "sales".into(),
            step: "callback".into(),
            waited_ms,
            at: Wall(morning().0 + n as i64 * 1_000),
        });
        one
    };
    let [first, second, third] =
        [asks(1, "13800138000", 0), asks(4, "13900139000", 60_000), asks(7, "13800138000", 0)];
    for one in [&first, &second, &first] {
        store.settle(std::slice::from_ref(one), "node-1").await.unwrap();
    }
    let whose = tenant(1);
    let waiting = async || {
        let found = store.callbacks(&whose, Some(CallbackState::Waiting), 10).await.unwrap();
        found.into_iter().map(|one| one.call).collect::<Vec<_>>()
    };
    assert_eq!(waiting().await, [second.record.call, first.record.call], "who waited longer comes first");
    let back = store.call(second.record.call).await.unwrap().unwrap();
    assert_eq!(back.record.callback, second.record.callback);

    assert_eq!(store.stop_callbacks(&whose, "13800138000", &by("wang")).await.unwrap(), 1);
    assert_eq!(waiting().await, [second.record.call]);
    store.settle(std::slice::from_ref(&third), "node-1").await.unwrap();
    assert_eq!(waiting().await, [second.record.call], "a request for a stopped number waits for nobody");
    assert!(!store.end_callback(&whose, first.record.call, CallbackState::Done, &by("li")).await.unwrap());
    assert!(store.end_callback(&whose, second.record.call, CallbackState::Done, &by("li")).await.unwrap());
    assert!(
        !store.end_callback(&whose, second.record.call, CallbackState::Cancelled, &by("li")).await.unwrap()
    );
    let all = store.callbacks(&whose, None, 10).await.unwrap();
    let states: Vec<_> = all.iter().map(|one| one.state).collect();
    assert_eq!(states, [CallbackState::Done, CallbackState::Stopped, CallbackState::Stopped]);
    assert_eq!(all[0].changed, Some(by("li")));
    assert!(store.permit_callbacks(&whose, "13800138000", &by("wang")).await.unwrap());
    assert!(!store.permit_callbacks(&whose, "13800138000", &by("wang")).await.unwrap());
    assert_eq!(store.callbacks(&tenant(2), None, 10).await.unwrap(), []);
    let audited = store.audit(&whose, None, 10).await.unwrap();
    let actions: Vec<_> = audited.iter().map(|one| one.action.as_str()).collect();
    assert_eq!(actions, ["callback_permit", "callback_done", "callback_stop"]);
    assert_eq!(store.verify().await.unwrap(), []);
}
