//! Calls in queues (row Q12).

use hotline::Wall;
use hotline::cdr::{QueueStay, StayEnd};
use store::StayFilter;

use crate::case::Case;
use crate::sample::{settlement, tenant};

crate::on_both_engines!(q12_stays_come_with_their_call_once_and_are_read_by_time_page_by_page);

fn stay(queue: &str, joined_at: i64, why: StayEnd) -> QueueStay {
    QueueStay {
        queue: queue.into(),
        is_callback: why == StayEnd::CutOff,
        joined_at: Wall(joined_at),
        left_at: Wall(joined_at + 7),
        why,
        wait_ms: 7,
        returns: 1,
        agent: if why == StayEnd::Answered { "8001".into() } else { String::new() },
        talk_ms: 61_000,
    }
}

async fn q12_stays_come_with_their_call_once_and_are_read_by_time_page_by_page(case: Case) {
    let (store, whose) = (&case.store, tenant(1));
    // Every third is of one enterprise; in each, every way out of a queue.
    let mut wanted = Vec::new();
    for n in [1, 4, 7] {
        let mut one = settlement(n);
        let ways = StayEnd::ALL.into_iter().enumerate();
        let queue = |place: usize| if place.is_multiple_of(2) { "sales" } else { "help" };
        one.stays = ways.map(|(place, why)| stay(queue(place), n as i64 * 5 + place as i64, why)).collect();
        wanted.extend(one.stays.iter().map(|stay| (stay.joined_at, one.record.call, stay.clone())));
        for _ in 0..2 {
            store.settle(std::slice::from_ref(&one), "node-1").await.unwrap();
        }
    }
    wanted.sort_by_key(|(at, call, _)| (*at, call.to_string()));
    let wanted: Vec<QueueStay> = wanted.into_iter().map(|(_, _, stay)| stay).collect();
    let (mut filter, mut found) = (StayFilter::default(), Vec::new());
    loop {
        let page = store.stays(&whose, &filter, 4).await.unwrap();
        let Some(last) = page.last() else { break };
        filter.behind = Some((last.stay.joined_at, last.call, last.place));
        found.extend(page.into_iter().map(|row| row.stay));
    }
    assert_eq!(found, wanted, "all of them, once, by time");
    let some = StayFilter {
        queue: Some("sales".into()),
        since: Some(Wall(20)),
        until: Some(Wall(37)),
        ..StayFilter::default()
    };
    let found = store.stays(&whose, &some, 100).await.unwrap();
    let is_meant = |stay: &&QueueStay| stay.queue == "sales" && (20..37).contains(&stay.joined_at.0);
    let meant: Vec<&QueueStay> = wanted.iter().filter(is_meant).collect();
    assert_eq!(found.iter().map(|row| &row.stay).collect::<Vec<_>>(), meant);
    assert!(!meant.is_empty());
    assert_eq!(store.stays(&tenant(2), &StayFilter::default(), 10).await.unwrap(), [], "of nobody else");
}
