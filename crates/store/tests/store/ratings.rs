//! What callers said of talks (row Q07).

use hotline::cdr::RatingRecord;
use hotline::satisfaction::AskedBy;
use store::{RatingFilter, RatingSum};

use crate::case::Case;
use crate::sample::{settlement, tenant};

crate::on_both_engines!(q07_ratings_are_listed_by_page_and_summed_by_agent_and_queue);

async fn q07_ratings_are_listed_by_page_and_summed_by_agent_and_queue(case: Case) {
    let store = &case.store;
    // Every third is of one enterprise.
    let rated = |n: u64, agent: &str, by, score| {
        let mut one = settlement(n);
        one.record.rating = Some(RatingRecord {
            agent: agent.into(),
            queue: "sales".into(),
            destination: "phone".into(),
            by,
            asked_at: one.record.ended_at,
            score,
        });
        one
    };
    let all = [
        rated(1, "8001", AskedBy::Keys, Some(5)),
        rated(4, "8001", AskedBy::Keys, Some(2)),
        rated(7, "8001", AskedBy::Keys, None),
        rated(10, "8001", AskedBy::Message, None),
        rated(13, "8002", AskedBy::Keys, Some(4)),
    ];
    // A settlement that is told again brings nothing with it.
    for one in all.iter().chain(&all) {
        store.settle(std::slice::from_ref(one), "node-1").await.unwrap();
    }
    let whose = tenant(1);
    let mut filter = RatingFilter::default();
    let mut listed = Vec::new();
    loop {
        let page = store.ratings(&whose, &filter, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        filter.older_than = Some(last.call);
        listed.extend(page);
    }
    listed.reverse();
    let wanted: Vec<_> =
        all.iter().map(|one| (one.record.call, one.record.rating.clone().unwrap())).collect();
    assert_eq!(listed.into_iter().map(|one| (one.call, one.rating)).collect::<Vec<_>>(), wanted);
    let back = store.call(all[0].record.call).await.unwrap().unwrap();
    assert_eq!(back.record.rating, all[0].record.rating);

    let first = RatingSum {
        queue: "sales".into(),
        agent: "8001".into(),
        asked: 3,
        answered: 2,
        score_sum: 7,
        scores: [0, 1, 0, 0, 1],
        messages: 1,
    };
    let sums = store.rating_sums(&whose, &RatingFilter::default()).await.unwrap();
    assert_eq!((sums.len(), &sums[0]), (2, &first));
    let of = RatingFilter { agent: Some("8002".into()), ..RatingFilter::default() };
    let sums = store.rating_sums(&whose, &of).await.unwrap();
    assert_eq!((sums.len(), sums[0].asked, sums[0].score_sum), (1, 1, 4));
    assert_eq!(store.rating_sums(&tenant(2), &RatingFilter::default()).await.unwrap(), []);
    assert_eq!(store.verify().await.unwrap(), []);
}
