//! Requests to be called back, and the stop list (rows Q15, K07).

use hotline::callback::{CallbackEnd, Request};
use hotline::cdr::{CallbackRecord, CalledBack, Cause};
use hotline::settlement::{CallbackChange, Settlement, TenantState};
use hotline::{CallId, HotlineNumber, Wall};
use store::{CallbackState, Change, RollupFilter};

use crate::case::Case;
use crate::sample::{change, morning, number, settlement, tenant};

crate::on_both_engines!(
    q15_k07_requests_keep_their_place_and_a_stop_takes_effect_at_once,
    q15_tries_are_counted_and_what_people_decided_stands,
    k07_a_stop_and_a_request_that_cross_overlook_nothing,
    q15_requests_of_a_number_that_is_given_back_are_for_people,
);

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
        let found = store.callbacks(&whose, Some(CallbackState::Waiting), (None, 10)).await.unwrap();
        found.into_iter().map(|one| one.call).collect::<Vec<_>>()
    };
    assert_eq!(waiting().await, [second.record.call, first.record.call], "who waited longer comes first");
    let back = store.call(second.record.call).await.unwrap().unwrap();
    assert_eq!(back.record.callback, second.record.callback);

    assert_eq!(store.stop_callbacks(&whose, "13800138000", &by("wang")).await.unwrap(), 1);
    assert_eq!(waiting().await, [second.record.call]);
    store.settle(std::slice::from_ref(&third), "node-1").await.unwrap();
    assert_eq!(waiting().await, [second.record.call], "a request for a stopped number waits for nobody");
    assert!(
        !store
            .end_callback(&whose, first.record.call, (CallbackState::Done, "li"), &by("boss"))
            .await
            .unwrap()
    );
    assert!(
        store
            .end_callback(&whose, second.record.call, (CallbackState::Done, "li"), &by("boss"))
            .await
            .unwrap()
    );
    assert!(
        !store
            .end_callback(&whose, second.record.call, (CallbackState::Cancelled, "li"), &by("boss"))
            .await
            .unwrap()
    );
    let all = store.callbacks(&whose, None, (None, 10)).await.unwrap();
    let states: Vec<_> = all.iter().map(|one| one.state).collect();
    assert_eq!(states, [CallbackState::Done, CallbackState::Stopped, CallbackState::Stopped]);
    assert_eq!(all[0].changed, Some(by("li")));
    let second_page = store.callbacks(&whose, None, (Some(all[0].call), 1)).await.unwrap();
    assert_eq!(second_page.iter().map(|one| one.call).collect::<Vec<_>>(), [all[1].call]);
    assert!(store.permit_callbacks(&whose, "13800138000", &by("wang")).await.unwrap());
    assert!(!store.permit_callbacks(&whose, "13800138000", &by("wang")).await.unwrap());
    assert_eq!(store.callbacks(&tenant(2), None, (None, 10)).await.unwrap(), []);
    let audited = store.audit(&whose, None, 10).await.unwrap();
    let actions: Vec<_> = audited.iter().map(|one| one.action.as_str()).collect();
    assert_eq!(actions, ["callback_permit", "callback_done", "callback_stop"]);
    let done = &audited[1];
    assert_eq!((done.change.by.as_str(), done.became.as_deref()), ("boss", Some("li")));
    assert_eq!(store.verify().await.unwrap(), []);
}

/// A call that asks, with the request that the platform is to dial.
fn asks(n: u64, number: &str) -> Settlement {
    let mut one = settlement(n);
    let at = Wall(morning().0 + n as i64 * 1_000);
    let (queue, step) = ("sales".to_owned(), "callback".to_owned());
    one.record.callback = Some(CallbackRecord { number: number.into(), queue, step, waited_ms: 0, at });
    let id = one.record.call;
    one.callbacks = vec![CallbackChange { request: id, how: None, tries: 0, next_at: Some(at) }];
    let request = Request {
        id,
        hotline: one.record.number,
        caller: one.record.caller.clone(),
        number: number.into(),
        queue: "sales".into(),
        priority: 0,
        since: at,
        tries: 0,
        next_at: at,
    };
    let key = format!("callback/{n}");
    one.states = vec![TenantState { key, value: request.write(), position: n }];
    one
}

/// A call that calls back.
fn tries(n: u64, request: CallId, tries: u8, how: Option<CallbackEnd>, cause: Cause) -> Settlement {
    let mut one = settlement(n);
    (one.record.callback, one.counts) = (None, false);
    (one.record.calls_back, one.record.cause) = (Some(CalledBack { request, tries }), cause);
    let next_at = how.is_none().then(|| Wall(morning().0 + 700_000));
    one.callbacks = vec![CallbackChange { request, how, tries, next_at }];
    one
}

async fn q15_tries_are_counted_and_what_people_decided_stands(case: Case) {
    let store = &case.store;
    let whose = tenant(1);
    let by = Change { by: "wang".into(), at: Wall(morning().0 + 90_000_000) };
    let [first, second, third] = [asks(1, "13800138000"), asks(4, "13900139000"), asks(7, "13700137000")];
    for one in [&first, &second, &third] {
        store.settle(std::slice::from_ref(one), "node-1").await.unwrap();
    }
    let [a, b, c] = [&first, &second, &third].map(|one| one.record.call);
    assert_eq!(
        store.numbers_with_callbacks().await.unwrap(),
        [first.record.number],
        "a node that begins asks for it"
    );
    let busy = tries(10, a, 1, None, Cause::AllBusy);
    let missed = tries(13, a, 2, Some(CallbackEnd::GivenUp), Cause::NoAnswer);
    let reached = tries(16, b, 1, Some(CallbackEnd::Done), Cause::HangUp);
    let late = tries(19, c, 1, None, Cause::AllBusy);
    // Told again, and out of turn, they change nothing.
    for one in [&busy, &missed, &busy, &reached] {
        store.settle(std::slice::from_ref(one), "node-1").await.unwrap();
    }
    assert!(store.end_callback(&whose, c, (CallbackState::Cancelled, "li"), &by).await.unwrap());
    store.settle(std::slice::from_ref(&late), "node-1").await.unwrap();
    let mut found = store.callbacks(&whose, None, (None, 10)).await.unwrap();
    found.sort_by_key(|one| one.request.at);
    let seen: Vec<_> = found.iter().map(|one| (one.state, one.tries, one.tried)).collect();
    assert_eq!(
        seen,
        [
            (CallbackState::GivenUp, 2, Some((Cause::NoAnswer, missed.record.call))),
            (CallbackState::Done, 1, Some((Cause::HangUp, reached.record.call))),
            (CallbackState::Cancelled, 1, Some((Cause::AllBusy, late.record.call))),
        ]
    );
    assert_eq!((found[0].next_at, found[1].next_at), (None, None));
    let back = store.call(missed.record.call).await.unwrap().unwrap();
    assert_eq!(back.record.calls_back, missed.record.calls_back);
    assert_eq!(store.numbers_with_callbacks().await.unwrap(), []);
    // What the platform gave up somebody may still see to.
    assert!(store.end_callback(&whose, a, (CallbackState::Done, "li"), &by).await.unwrap());
    store.stop_callbacks(&whose, "13600136000", &by).await.unwrap();
    let told = store.tenant_state(&whose).await.unwrap();
    let keys: Vec<&str> = told.iter().map(|state| state.key.as_str()).collect();
    let ended = |call: CallId| format!("ended/{call}");
    assert!(keys.contains(&"stop/13600136000") && keys.contains(&ended(a).as_str()), "{keys:?}");
    assert!(keys.contains(&ended(c).as_str()) && !keys.contains(&ended(b).as_str()), "{keys:?}");
    let of_requests: Vec<_> = told.iter().filter(|state| state.key.starts_with("callback/")).collect();
    assert!(of_requests.iter().all(|state| state.value.is_empty()), "none of them is open: {told:?}");
    let turn = of_requests.iter().map(|state| state.position).max();
    assert_eq!(turn, third.states.iter().map(|state| state.position).max(), "a request to come is newer");
    // Three rang in, four were made by the platform.
    let counted = |rollups: Vec<store::Rollup>| {
        let counts = rollups.iter().map(|rollup| rollup.counts);
        counts.fold((0, 0), |sum, counts| (sum.0 + counts.calls, sum.1 + counts.callbacks))
    };
    assert_eq!(counted(store.rollups(&RollupFilter::default()).await.unwrap()), (3, 4));
    assert_eq!(counted(store.recount(&RollupFilter::default()).await.unwrap()), (3, 4));
    assert_eq!(store.verify().await.unwrap(), []);
}

async fn k07_a_stop_and_a_request_that_cross_overlook_nothing(case: Case) {
    let store = &case.store;
    let by = Change { by: "wang".into(), at: Wall(morning().0 + 90_000_000) };
    for n in 0..12 {
        let number = format!("138001380{n:02}");
        let asked = asks(1 + 3 * n, &number);
        let (batch, whose) = (std::slice::from_ref(&asked), tenant(1));
        let stop = store.stop_callbacks(&whose, &number, &by);
        let (settled, stopped) = tokio::join!(store.settle(batch, "node-1"), stop);
        settled.unwrap();
        stopped.unwrap();
    }
    let waiting = store.callbacks(&tenant(1), Some(CallbackState::Waiting), (None, 20)).await.unwrap();
    let numbers: Vec<_> = waiting.iter().map(|one| one.request.number.as_str()).collect();
    assert_eq!(numbers, [""; 0], "numbers on the stop list wait for nobody");
}

async fn q15_requests_of_a_number_that_is_given_back_are_for_people(case: Case) {
    let store = &case.store;
    let asked = asks(1, "13800138000");
    let whose = asked.record.tenant.clone();
    let holds = |numbers: &[HotlineNumber]| crate::enterprises::enterprise(whose.as_str(), numbers);
    let (first, other) = (asked.record.number, number(2));
    store.put_enterprise(&holds(&[first, other]), 0, &change(morning())).await.unwrap();
    store.settle(std::slice::from_ref(&asked), "node-1").await.unwrap();
    let state = async || store.callbacks(&whose, None, (None, 10)).await.unwrap()[0].state;
    assert_eq!(state().await, CallbackState::Waiting);
    store.put_enterprise(&holds(&[first]), 1, &change(morning())).await.unwrap();
    assert_eq!(state().await, CallbackState::Waiting, "its number is held");
    store.put_enterprise(&holds(&[other]), 2, &change(morning())).await.unwrap();
    assert_eq!(state().await, CallbackState::GivenUp);
    assert_eq!(store.numbers_with_callbacks().await.unwrap(), []);
}
