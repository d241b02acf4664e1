//! Recordings that enterprises order (row I02).

use hotline::Wall;
use store::{
    NewOrder, NewPrompt, OrderFilter, OrderLanguage, OrderState, OrderStep, OrderStepped, OrderVoice,
    PromptState, PromptStep,
};

use crate::case::Case;
use crate::sample::{change, morning, tenant};

crate::on_both_engines!(
    i02_an_order_goes_from_the_words_to_a_version_in_review,
    i02_orders_are_listed_by_page_and_state,
    i02_what_was_delivered_is_handed_in_by_its_acceptance_alone
);

fn order(n: u64, name: &str) -> NewOrder {
    let (words, note) = ("您好，这里是华信".to_owned(), "慢一点".to_owned());
    let (voice, language) = (OrderVoice::Female, OrderLanguage::Zh);
    NewOrder { tenant: tenant(n), name: name.into(), words, voice, language, note }
}

fn version(n: u64, name: &str, file: &str) -> NewPrompt {
    NewPrompt {
        tenant: tenant(n),
        name: name.into(),
        file: file.into(),
        format: "wav".into(),
        voice: None,
        words: Some("您好".into()),
        duration_ms: 1_500,
        bytes: 12_058,
        checksum: "crc32c:00000000".into(),
    }
}

async fn i02_an_order_goes_from_the_words_to_a_version_in_review(case: Case) {
    use OrderState::{Accepted, Delivered, InWork, Ordered, Returned};
    let (store, huaxin) = (&case.store, tenant(0));
    let at = |s: i64| change(Wall(morning().0 + s * 1_000));
    assert_eq!(store.order_prompt(&order(0, "greeting"), &at(0)).await.unwrap(), 1);
    assert_eq!(
        store.order_prompt(&order(1, "greeting"), &at(1)).await.unwrap(),
        1,
        "each has its own numbers"
    );
    let step = |step: OrderStep, s| {
        let (huaxin, at) = (huaxin.clone(), at(s));
        async move { store.step_prompt_order(&huaxin, 1, &step, &at).await.unwrap() }
    };
    let deliver = |file: &str, s| {
        let (made, at) = (version(0, "greeting", file), at(s));
        async move { store.deliver_prompt(1, &made, &at).await.unwrap() }
    };
    let accept = |version| OrderStep::Accept { version };
    let back = |version| OrderStep::Return { version, reason: "太快".into() };
    assert_eq!(step(accept(1), 2).await, OrderStepped::Not(Ordered), "nothing was delivered");
    assert_eq!(step(OrderStep::Take, 3).await, OrderStepped::Done);
    assert_eq!(step(OrderStep::Take, 4).await, OrderStepped::Not(InWork));
    assert_eq!(deliver("f1", 6).await, OrderStepped::Done);
    assert_eq!(
        step(OrderStep::Cancel, 7).await,
        OrderStepped::Not(Delivered),
        "it was made: take it or say why not"
    );
    assert_eq!(step(back(1), 8).await, OrderStepped::Done);
    let kept = store.prompt_order(&huaxin, 1).await.unwrap().expect("it is there");
    assert_eq!((kept.state, kept.version, kept.reason.as_deref()), (Returned, Some(1), Some("太快")));
    assert_eq!((kept.ordered, kept.opened, kept.changed), (order(0, "greeting"), at(0), at(8)));
    assert_eq!(deliver("f2", 10).await, OrderStepped::Done);
    assert_eq!(
        step(accept(1), 11).await,
        OrderStepped::Other(2),
        "who heard the first one has not heard this"
    );
    assert_eq!(step(back(1), 11).await, OrderStepped::Other(2));
    assert_eq!(step(accept(2), 11).await, OrderStepped::Done);
    let kept = store.prompt_order(&huaxin, 1).await.unwrap().expect("it is there");
    assert_eq!((kept.state, kept.version), (Accepted, Some(2)));
    let versions = store.prompts(Some(&huaxin), Some("greeting")).await.unwrap();
    let states: Vec<_> = versions.iter().map(|one| (one.version, one.state)).collect();
    assert_eq!(
        states,
        [(2, PromptState::Submitted), (1, PromptState::Draft)],
        "what was accepted waits for its review, what was sent back is kept and heard by nobody"
    );
    assert_eq!(store.heard_prompts(None).await.unwrap(), []);
    assert_eq!(deliver("f3", 12).await, OrderStepped::Not(Accepted));
    assert_eq!(store.prompts(None, None).await.unwrap().len(), 2, "what was not delivered is no draft");
    let nobody = store.step_prompt_order(&huaxin, 9, &OrderStep::Take, &at(13)).await.unwrap();
    assert_eq!(nobody, OrderStepped::Missing);
    let audited = store.audit(&huaxin, None, 20).await.unwrap();
    let said: Vec<_> = audited
        .iter()
        .filter(|row| row.action == "step_prompt_order")
        .filter_map(|row| row.became.as_deref())
        .collect();
    assert!(said.len() == 5 && said.contains(&"returned 太快") && said.contains(&"delivered 2"), "{said:?}");
}

async fn i02_what_was_delivered_is_handed_in_by_its_acceptance_alone(case: Case) {
    let (store, huaxin) = (&case.store, tenant(0));
    let at = change(morning());
    let place = async || store.order_prompt(&order(0, "greeting"), &at).await.unwrap();
    let (one, two, three) = tokio::join!(place(), place(), place());
    let mut numbers = [one, two, three];
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3], "orders at once have a number each");
    let step = async |step: OrderStep| store.step_prompt_order(&huaxin, 1, &step, &at).await.unwrap();
    step(OrderStep::Take).await;
    let deliver =
        async |file: &str| store.deliver_prompt(1, &version(0, "greeting", file), &at).await.unwrap();
    let (one, two) = tokio::join!(deliver("f1"), deliver("f2"));
    let slower = OrderStepped::Not(OrderState::Delivered);
    assert!(
        [(OrderStepped::Done, slower), (slower, OrderStepped::Done)].contains(&(one, two)),
        "{one:?}, {two:?}"
    );
    let drafts = store.prompts(Some(&huaxin), Some("greeting")).await.unwrap();
    assert_eq!(drafts.len(), 1, "who was slower leaves no version behind: {drafts:?}");
    let handed_in = store.submit_prompt(&huaxin, "greeting", 1, &at).await.unwrap();
    assert_eq!(handed_in, PromptStep::Delivered, "the customer has not accepted it");
    let back = OrderStep::Return { version: 1, reason: "太快".into() };
    let (accepted, returned) = tokio::join!(step(OrderStep::Accept { version: 1 }), step(back));
    let told = match (accepted, returned) {
        (OrderStepped::Done, told @ OrderStepped::Not(OrderState::Accepted)) => told,
        (told @ OrderStepped::Not(OrderState::Returned), OrderStepped::Done) => told,
        other => panic!("{other:?}"),
    };
    let kept = store.prompt_order(&huaxin, 1).await.unwrap().expect("it is there");
    assert_eq!(told, OrderStepped::Not(kept.state), "who was slower is told what it is by now");
}

async fn i02_orders_are_listed_by_page_and_state(case: Case) {
    let store = &case.store;
    for n in 0..6 {
        store.order_prompt(&order(n, "greeting"), &change(morning())).await.unwrap();
    }
    let step = store.step_prompt_order(&tenant(0), 2, &OrderStep::Cancel, &change(morning())).await;
    assert_eq!(step.unwrap(), OrderStepped::Done);
    let all = |filter: OrderFilter| async move {
        let (mut filter, mut found) = (filter, Vec::new());
        loop {
            let page = store.prompt_orders(&filter, 2).await.unwrap();
            let Some(last) = page.last() else { return found };
            filter.behind = Some((last.ordered.tenant.clone(), last.order));
            found.extend(page.into_iter().map(|one| (one.ordered.tenant, one.order)));
        }
    };
    let of = |n: u64, order: u32| (tenant(n), order);
    let every = all(OrderFilter::default()).await;
    assert_eq!(every, [of(0, 1), of(0, 2), of(1, 1), of(1, 2), of(2, 1), of(2, 2)]);
    let open = all(OrderFilter { open: true, tenant: Some(tenant(0)), ..OrderFilter::default() }).await;
    assert_eq!(open, [of(0, 1)]);
    let cancelled = all(OrderFilter { state: Some(OrderState::Cancelled), ..OrderFilter::default() }).await;
    assert_eq!(cancelled, [of(0, 2)]);
}
