//! Lists, single calls, reports and copies.

use hotline::cdr::AnswerStatus;
use hotline::{CallId, Money, TenantId, Wall};
use store::{CallFilter, Engine, Error, Recording, RollupFilter, Store};

use crate::case::Case;
use crate::sample::{morning, number, settlement, settlements, tenant};

crate::on_both_engines!(
    a_call_reads_back_as_it_was_settled,
    d01_the_nine_fields_of_a_call,
    pages_join_to_the_whole_list,
    logs_come_in_the_order_of_their_calls,
    every_filter_leaves_what_it_says,
    i14_the_calls_of_a_flow_and_of_one_of_its_versions_are_found,
    d04_rollups_are_the_recount_and_its_identities_hold,
    recordings_are_listed_by_page,
    a_copy_made_in_use_is_whole,
    migrating_again_changes_nothing,
);

async fn a_call_reads_back_as_it_was_settled(case: Case) {
    let journal = settlements(24);
    case.store.settle(&journal, "node-1").await.unwrap();
    for one in &journal {
        let stored = case.store.call(one.record.call).await.unwrap().expect("it was settled");
        assert_eq!(stored.record, one.record);
        assert_eq!(stored.charges.len(), one.charges.len());
        assert!(one.charges.iter().all(|charge| stored.charges.contains(charge)));
        assert_eq!(stored.entries, one.entries);
        assert_eq!(stored.log, one.log);
        assert_eq!((stored.node.as_str(), stored.position), ("node-1", one.position));
    }
    assert_eq!(case.store.call(CallId::at(1, 1)).await.unwrap(), None);
}

async fn d01_the_nine_fields_of_a_call(case: Case) {
    case.store.settle(&[settlement(0)], "node-1").await.unwrap();
    let rows = case.store.calls(&CallFilter::default(), 10).await.unwrap();
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(
        (row.area_code.as_str(), row.region.as_str(), row.caller.as_str()),
        ("0755", "广东深圳", "13800000000")
    );
    assert_eq!(
        (row.answered_by.as_str(), row.started_at, row.status),
        ("01062345601", morning(), AnswerStatus::Answered)
    );
    assert_eq!(
        (row.talk_ms, row.fee_e4, row.recording),
        (61_000, Money::from_fen(66), settlement(0).record.recording)
    );
    assert_eq!((row.cost_e4, row.mos_e2), (Money::from_fen(12), Some(432)));
}

async fn pages_join_to_the_whole_list(case: Case) {
    case.store.settle(&settlements(50), "node-1").await.unwrap();
    let whole = case.store.calls(&CallFilter::default(), 1000).await.unwrap();
    assert_eq!(whole.len(), 50);
    assert!(whole.is_sorted_by(|later, earlier| later.started_at > earlier.started_at));
    let mut joined = Vec::new();
    let mut filter = CallFilter::default();
    loop {
        let page = case.store.calls(&filter, 7).await.unwrap();
        let Some(last) = page.last() else { break };
        filter.older_than = Some(last.call);
        joined.extend(page);
    }
    assert_eq!(joined, whole);
}

async fn logs_come_in_the_order_of_their_calls(case: Case) {
    let journal = settlements(60);
    case.store.settle(&journal, "node-1").await.unwrap();
    let filter = CallFilter { tenant: Some(tenant(1)), ..CallFilter::default() };
    let rows = case.store.calls(&filter, 1000).await.unwrap();
    assert_eq!(case.store.calls_count(&filter).await.unwrap(), rows.len() as u64);
    let (mut joined, mut behind) = (Vec::new(), None);
    loop {
        let page = case.store.call_logs(&filter, behind, 7).await.unwrap();
        let Some((last, _)) = page.last() else { break };
        behind = Some(*last);
        joined.extend(page);
    }
    let whole: Vec<_> = journal
        .iter()
        .filter(|one| one.record.tenant == tenant(1))
        .map(|one| (one.record.call, one.log.clone()))
        .collect();
    assert!(!whole.is_empty() && joined.is_sorted_by_key(|(call, _)| *call));
    assert_eq!(joined.len(), whole.len());
    assert!(whole.iter().all(|one| joined.contains(one)));
}

async fn i14_the_calls_of_a_flow_and_of_one_of_its_versions_are_found(case: Case) {
    let mut journal = settlements(12);
    for (place, one) in journal.iter_mut().enumerate() {
        one.record.tenant = tenant(1);
        one.record.flow = ["", "menu", "night"][place % 3].to_owned();
        one.record.flow_version = u32::from(place % 3 > 0) * (place as u32 % 2 + 1);
    }
    case.store.settle(&journal, "node-1").await.unwrap();
    for (flow, version) in
        [(Some("menu"), None), (Some("menu"), Some(2)), (Some("night"), Some(1)), (None, None)]
    {
        let filter = CallFilter {
            tenant: Some(tenant(1)),
            flow: flow.map(str::to_owned),
            flow_version: version,
            ..CallFilter::default()
        };
        let meant = journal.iter().map(|one| &one.record).filter(|record| {
            flow.is_none_or(|flow| record.flow == flow)
                && version.is_none_or(|version| record.flow_version == version)
        });
        let mut meant: Vec<_> = meant.map(|record| record.call).collect();
        meant.sort();
        let found = case.store.call_logs(&filter, None, 100).await.unwrap();
        assert!(!meant.is_empty());
        assert_eq!(
            found.into_iter().map(|(call, _)| call).collect::<Vec<_>>(),
            meant,
            "{flow:?} {version:?}"
        );
        assert_eq!(case.store.calls_count(&filter).await.unwrap(), meant.len() as u64);
    }
}

async fn every_filter_leaves_what_it_says(case: Case) {
    let journal = settlements(60);
    case.store.settle(&journal, "node-1").await.unwrap();
    let since = journal[20].record.started_at;
    let until = journal[40].record.started_at;
    let caller = journal[31].record.caller.clone();
    let all = CallFilter::default;
    let filters = [
        CallFilter { tenant: Some(tenant(1)), ..all() },
        CallFilter { number: Some(number(2)), ..all() },
        CallFilter { since: Some(since), ..all() },
        CallFilter { until: Some(until), ..all() },
        CallFilter { caller: Some(caller), ..all() },
        CallFilter { status: Some(AnswerStatus::Barred), ..all() },
        CallFilter {
            tenant: Some(tenant(0)),
            number: Some(number(0)),
            since: Some(since),
            until: Some(until),
            ..all()
        },
        CallFilter { tenant: Some(TenantId::new("nobody")), ..all() },
    ];
    for filter in filters {
        let wanted = journal.iter().rev().map(|one| &one.record).filter(|record| {
            filter.tenant.as_ref().is_none_or(|tenant| record.tenant == *tenant)
                && filter.number.is_none_or(|number| record.number == number)
                && filter.since.is_none_or(|since| record.started_at >= since)
                && filter.until.is_none_or(|until| record.started_at < until)
                && filter.caller.as_ref().is_none_or(|caller| record.caller == *caller)
                && filter.status.is_none_or(|status| record.status == status)
        });
        let listed = case.store.calls(&filter, 1000).await.unwrap();
        let listed: Vec<CallId> = listed.iter().map(|row| row.call).collect();
        assert_eq!(listed, wanted.map(|record| record.call).collect::<Vec<_>>(), "{filter:?}");
    }
}

async fn d04_rollups_are_the_recount_and_its_identities_hold(case: Case) {
    case.store.settle(&settlements(400), "node-1").await.unwrap();
    let two_hours_on = Some(Wall(morning().0 + 2 * 3_600_000));
    let filters = [
        RollupFilter::default(),
        RollupFilter { tenant: Some(tenant(0)), ..RollupFilter::default() },
        RollupFilter { number: Some(number(1)), since: two_hours_on, ..RollupFilter::default() },
        RollupFilter { until: two_hours_on, ..RollupFilter::default() },
    ];
    for filter in filters {
        let kept = case.store.rollups(&filter).await.unwrap();
        assert!(!kept.is_empty());
        assert_eq!(kept, case.store.recount(&filter).await.unwrap());
        for rollup in kept {
            let c = rollup.counts;
            assert_eq!(c.calls, c.answered + c.busy + c.no_answer + c.abandoned + c.barred + c.failed);
            assert_eq!(c.talk_ms, c.answered * 61_000);
            assert_eq!(c.sale_e4, Money::from_fen(66).times(c.answered as i64));
            assert_eq!(c.cost_e4, Money::from_fen(12).times(c.answered as i64));
        }
    }
}

async fn recordings_are_listed_by_page(case: Case) {
    let rows: Vec<Recording> = settlements(60).iter().filter_map(recording_of).collect();
    case.store.put_recordings(&rows, &[]).await.unwrap();
    case.store.put_recordings(&rows[..3], &[]).await.unwrap();
    let first = case.store.recordings(None, None, 4).await.unwrap();
    let rest = case.store.recordings(None, Some(first[3].recording), 100).await.unwrap();
    assert_eq!([first, rest].concat(), rows);
    assert_eq!(case.store.recordings(Some(&tenant(0)), None, 100).await.unwrap().len(), rows.len());
    assert_eq!(case.store.recordings(Some(&tenant(1)), None, 100).await.unwrap(), []);
    assert_eq!(case.store.recording(rows[2].recording).await.unwrap(), Some(rows[2].clone()));
}

/// The row of a settled call's recording.
pub fn recording_of(one: &store::Settlement) -> Option<Recording> {
    Some(Recording {
        tenant: one.record.tenant.clone(),
        recording: one.record.recording?,
        call: one.record.call,
        path: format!("2026/10/{}.wav", one.record.recording?),
        bytes: 976_044,
        duration_ms: 61_000,
        checksum: "crc32c:1c291ca3".into(),
        interrupted: false,
        retention_until: Wall(one.record.ended_at.0 + 90 * 86_400_000),
        kept_by: "three_months_free 2027-01-10".into(),
        sealed: None,
    })
}

async fn a_copy_made_in_use_is_whole(case: Case) {
    case.store.settle(&settlements(40), "node-1").await.unwrap();
    let path = case.file("copy of sibai.db");
    match case.store.backup(&path, store::Keys::LeftOut).await {
        Ok(backup) => {
            assert_eq!((case.store.engine(), backup.path.as_str()), (Engine::Sqlite, path.as_str()));
            case.store.settle(&[settlement(40)], "node-1").await.unwrap();
            let copy = Store::open(&format!("sqlite:{path}")).await.unwrap();
            assert_eq!(copy.schema_version().await.unwrap(), backup.schema_version);
            assert_eq!(copy.journal_mark("node-1").await.unwrap(), Some(39));
            assert_eq!(copy.calls(&CallFilter::default(), 100).await.unwrap().len(), 40);
            copy.close().await;
            assert!(
                case.store.backup(&path, store::Keys::LeftOut).await.is_err(),
                "a copy never overwrites a file"
            );
        }
        Err(Error::NotSupported(hint)) => {
            assert_eq!(case.store.engine(), Engine::Postgres);
            assert!(hint.contains("pg_dump"));
        }
        Err(other) => panic!("{other}"),
    }
}

async fn migrating_again_changes_nothing(case: Case) {
    case.store.settle(&settlements(3), "node-1").await.unwrap();
    let last = store::MIGRATIONS.last().unwrap().0;
    assert_eq!(case.store.migrate().await.unwrap(), last);
    assert_eq!(case.store.calls(&CallFilter::default(), 100).await.unwrap().len(), 3);
    case.damage("update schema_version set checksum = checksum + 1 where version = 2").await;
    let edited = case.store.migrate().await.unwrap_err();
    assert!(matches!(edited, Error::EditedMigration { number: 2, .. }), "{edited}");
    // A later program made this database: it is used as it is.
    case.damage("update schema_version set checksum = checksum - 1 where version = 2").await;
    case.damage("insert into schema_version (version, name, checksum) values (99, 'later', 1)").await;
    assert_eq!(case.store.migrate().await.unwrap(), 99);
}
