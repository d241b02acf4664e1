//! What came of calls by the word of their agents (row Q09).

use hotline::Wall;
use hotline::cdr::ResultRecord;
use store::{Change, ResultFilter, ResultSum};

use crate::case::Case;
use crate::sample::{settlement, tenant};

crate::on_both_engines!(
    q09_what_stands_when_a_call_is_over_gives_way_to_an_agents_word_and_never_takes_its_place,
    q09_results_are_listed_by_page_and_counted_by_queue_and_code
);

fn result(agent: &str, code: &str, by: &str, at: i64) -> ResultRecord {
    let (agent, code, by) = (agent.to_owned(), code.to_owned(), by.to_owned());
    ResultRecord { agent, queue: "sales".into(), name: code.to_uppercase(), code, by, at: Wall(at) }
}

async fn q09_what_stands_when_a_call_is_over_gives_way_to_an_agents_word_and_never_takes_its_place(
    case: Case,
) {
    let (store, whose) = (&case.store, tenant(1));
    let mut one = settlement(1);
    one.record.results = vec![result("8001", "other", "", 5), result("8002", "other", "", 5)];
    let call = one.record.call;
    let said = result("8001", "sale/new", "wang", 9);
    let change = Change { by: "wang".into(), at: Wall(9) };
    // One agent is quicker than the books, the other is not.
    store.put_result(&whose, call, &said, &change).await.unwrap();
    for _ in 0..2 {
        store.settle(std::slice::from_ref(&one), "node-1").await.unwrap();
    }
    let kept = store.results_of(&whose, call).await.unwrap();
    assert_eq!(kept, [said.clone(), result("8002", "other", "", 5)]);
    let later = result("8002", "sale/old", "li", 11);
    store.put_result(&whose, call, &later, &change).await.unwrap();
    store.settle(std::slice::from_ref(&one), "node-1").await.unwrap();
    let back = store.call(call).await.unwrap().unwrap();
    assert_eq!(back.record.results, [said, later], "the record shows them");
    let listed = store.results(&whose, &ResultFilter::default(), 10).await.unwrap();
    let number = one.record.number.to_string();
    assert!(listed.iter().all(|row| row.number == number && row.caller == one.record.caller), "{listed:?}");
    assert_eq!(store.results_of(&tenant(2), call).await.unwrap(), [], "of nobody else");
    let audited = store.audit(&whose, None, 10).await.unwrap();
    let puts = audited.iter().filter(|row| row.action == "put_result");
    let became: Vec<_> = puts.filter_map(|row| row.became.clone()).collect();
    assert!(became.contains(&"8001 sale/new".to_owned()) && became.len() == 2, "{became:?}");
    assert_eq!(store.verify().await.unwrap(), []);
}

async fn q09_results_are_listed_by_page_and_counted_by_queue_and_code(case: Case) {
    let (store, whose) = (&case.store, tenant(1));
    // Every third is of one enterprise.
    let all = [
        (1, vec![result("8001", "sale/new", "wang", 10), result("8002", "sale/old", "li", 11)]),
        (4, vec![result("8001", "other", "", 20)]),
        (7, vec![result("8001", "sale/new", "", 30), result("8002", "", "", 31)]),
        (10, vec![result("8001", "sales", "wang", 40)]),
    ];
    for (n, results) in &all {
        let mut one = settlement(*n);
        one.record.results = results.clone();
        store.settle(&[one], "node-1").await.unwrap();
    }
    let (mut filter, mut listed) = (ResultFilter::default(), Vec::new());
    loop {
        let page = store.results(&whose, &filter, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        filter.behind = Some((last.call, last.result.agent.clone()));
        listed.extend(page.into_iter().map(|row| row.result));
    }
    let wanted: Vec<ResultRecord> = all.iter().rev().flat_map(|(_, results)| results.clone()).collect();
    assert_eq!(listed, wanted, "the latest call first, its agents in order, none lost between pages");
    let sum = |code: &str, calls, by_default| ResultSum {
        queue: "sales".into(),
        code: code.into(),
        name: code.to_uppercase(),
        calls,
        by_default,
    };
    let sums = store.result_sums(&whose, &ResultFilter::default()).await.unwrap();
    let wanted =
        [sum("", 1, 1), sum("other", 1, 1), sum("sale/new", 2, 1), sum("sale/old", 1, 0), sum("sales", 1, 0)];
    assert_eq!(sums, wanted);
    let below = ResultFilter { code: Some("sale".into()), ..ResultFilter::default() };
    assert_eq!(store.result_sums(&whose, &below).await.unwrap(), wanted[2..4]);
    let leaf = ResultFilter { code: Some("sale/new".into()), agent: Some("8001".into()), ..below };
    assert_eq!(store.results(&whose, &leaf, 10).await.unwrap().len(), 2);
    let (since, until) = (Some(Wall(20)), Some(Wall(31)));
    let lately = ResultFilter { since, until, queue: Some("sales".into()), ..ResultFilter::default() };
    assert_eq!(
        store.result_sums(&whose, &lately).await.unwrap(),
        [sum("other", 1, 1), sum("sale/new", 1, 1)]
    );
    assert_eq!(store.result_sums(&tenant(2), &ResultFilter::default()).await.unwrap(), []);
}
