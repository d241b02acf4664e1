//! Prompts on their way to being heard (rows I02, K09).

use hotline::Wall;
use store::{HeardPrompt, NewPrompt, PromptState, PromptStep};

use crate::case::Case;
use crate::sample::{change, morning, tenant};

crate::on_both_engines!(
    k09_only_the_latest_approved_version_is_heard_and_old_ones_are_kept,
    i02_versions_that_are_made_at_once_are_numbered_in_turn
);

fn new(n: u64, name: &str, file: &str) -> NewPrompt {
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

async fn k09_only_the_latest_approved_version_is_heard_and_old_ones_are_kept(case: Case) {
    let store = &case.store;
    let at = |s: i64| change(Wall(morning().0 + s * 1_000));
    let (huaxin, lantian) = (tenant(0), tenant(1));
    assert_eq!(store.add_prompt(&new(0, "greeting", "f1"), &at(0)).await.unwrap(), 1);
    assert_eq!(store.add_prompt(&new(0, "greeting", "f2"), &at(1)).await.unwrap(), 2);
    assert_eq!(store.add_prompt(&new(1, "greeting", "f3"), &at(2)).await.unwrap(), 1);
    assert_eq!(store.heard_prompts(None).await.unwrap(), [], "a draft is not heard");

    let review = |version, verdict| {
        let (huaxin, at) = (huaxin.clone(), at(9));
        async move { store.review_prompt(&huaxin, "greeting", version, verdict, &at).await.unwrap() }
    };
    let submit = |version| {
        let (huaxin, at) = (huaxin.clone(), at(5));
        async move { store.submit_prompt(&huaxin, "greeting", version, &at).await.unwrap() }
    };
    assert_eq!(review(1, (true, None)).await, PromptStep::Not(PromptState::Draft), "nobody handed it in");
    assert_eq!(review(7, (true, None)).await, PromptStep::Missing);
    assert_eq!((submit(1).await, submit(2).await), (PromptStep::Done, PromptStep::Done));
    assert_eq!(submit(1).await, PromptStep::Not(PromptState::Submitted));
    assert_eq!(store.heard_prompts(None).await.unwrap(), [], "what is handed in is not heard");
    assert_eq!(review(1, (true, None)).await, PromptStep::Done);
    assert_eq!(review(2, (false, Some("too loud"))).await, PromptStep::Done);
    let heard = |version, file: &str| HeardPrompt {
        tenant: huaxin.clone(),
        name: "greeting".into(),
        version,
        file: file.into(),
    };
    assert_eq!(store.heard_prompts(Some(&huaxin)).await.unwrap(), [heard(1, "f1")]);
    assert_eq!(store.heard_prompts(Some(&lantian)).await.unwrap(), []);

    assert_eq!(store.add_prompt(&new(0, "greeting", "f4"), &at(20)).await.unwrap(), 3);
    assert_eq!((submit(3).await, review(3, (true, None)).await), (PromptStep::Done, PromptStep::Done));
    assert_eq!(store.heard_prompts(None).await.unwrap(), [heard(3, "f4")]);
    assert_eq!(review(3, (false, Some("taken back"))).await, PromptStep::Done);
    assert_eq!(store.heard_prompts(None).await.unwrap(), [heard(1, "f1")], "the one before is heard again");
    assert_eq!(review(3, (true, None)).await, PromptStep::Not(PromptState::Rejected), "for good");

    let all = store.prompts(Some(&huaxin), Some("greeting")).await.unwrap();
    let states: Vec<_> = all.iter().map(|one| (one.version, one.state, one.reason.as_deref())).collect();
    assert_eq!(
        states,
        [
            (3, PromptState::Rejected, Some("taken back")),
            (2, PromptState::Rejected, Some("too loud")),
            (1, PromptState::Approved, None),
        ]
    );
    assert_eq!(all[2].reviewed, Some(at(9)));
    assert_eq!(store.prompts(None, None).await.unwrap().len(), 4);
    let audit = store.audit(&huaxin, None, 20).await.unwrap();
    assert_eq!(audit[0].action, "review_prompt");
    assert_eq!(
        (audit[0].was.as_deref(), audit[0].became.as_deref()),
        (Some("approved"), Some("rejected taken back"))
    );
    assert_eq!(audit.len(), 10);
}

async fn i02_versions_that_are_made_at_once_are_numbered_in_turn(case: Case) {
    let at = change(morning());
    let add = async |file: &str| case.store.add_prompt(&new(0, "greeting", file), &at).await.unwrap();
    let (one, two, three, four) = tokio::join!(add("f1"), add("f2"), add("f3"), add("f4"));
    let mut numbers = [one, two, three, four];
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4]);
}
