//! The end of recordings, and holds that put it off (rows V03, V13; FAULTS F12).

use std::cell::Cell;
use std::io;

use hotline::evidence::{What, first_broken};
use hotline::{RecordingId, Wall};
use store::{EndsSoon, Expired, Hold, Recorded, Recording, RecordingFilter, RecordingKey, SealedBy, Secret};

use crate::case::Case;
use crate::reading::recording_of;
use crate::sample::{change, morning, settlement, settlements, tenant};

crate::on_both_engines!(
    v13_a_held_recording_outlives_its_time_and_no_longer_than_the_hold,
    fault_f12_a_run_that_dies_is_finished_by_the_next,
    v03_what_ends_soon_is_counted_and_a_plan_prolongs_it,
    v12_keys_are_destroyed_for_good_and_not_while_something_is_held,
    v03_keys_leave_by_pages_and_come_back_where_they_are_wanted_alone,
    v02_recordings_are_listed_with_their_calls,
    v10_a_chain_tells_all_that_happened_and_outlives_the_file,
);

fn recording(n: u64, until: Wall) -> Recording {
    Recording {
        tenant: tenant(0),
        recording: RecordingId(u128::from(n)),
        call: settlement(0).record.call,
        path: format!("20261010/{n:032x}.wav"),
        bytes: 58,
        duration_ms: 0,
        checksum: "crc32c:00000000".into(),
        interrupted: false,
        retention_until: until,
        kept_by: "three_months_free 2026-10-09".into(),
        sealed: Some(SealedBy { key: 1, wrapped: "00ff".into() }),
    }
}

fn at(s: i64) -> Wall {
    Wall(morning().0 + s * 1_000)
}

async fn due(case: &Case, s: i64) -> Vec<u128> {
    let rows = case.store.expired_recordings(at(s), 10).await.unwrap();
    rows.iter().map(|row| row.recording.0).collect()
}

async fn v13_a_held_recording_outlives_its_time_and_no_longer_than_the_hold(case: Case) {
    let store = &case.store;
    let rows = [recording(1, at(10)), recording(2, at(10)), recording(3, at(99))];
    store.put_recordings(&rows, &[]).await.unwrap();
    assert_eq!(due(&case, 9).await, [0; 0], "playable to the last");
    assert_eq!(due(&case, 10).await, [1, 2]);
    let hold = Hold {
        tenant: tenant(0),
        recording: RecordingId(1),
        reason: "诉讼 2026-017".into(),
        held: change(at(5)),
        ends_at: Some(at(50)),
        released: None,
    };
    assert!(store.hold_recording(&hold).await.unwrap());
    let nobodys = Hold { recording: RecordingId(9), ..hold.clone() };
    assert!(!store.hold_recording(&nobodys).await.unwrap(), "there is no such recording");
    let others = Hold { tenant: tenant(1), ..hold.clone() };
    assert!(!store.hold_recording(&others).await.unwrap(), "it is another enterprise's");
    let filter = RecordingFilter { held_at: Some(at(20)), ..RecordingFilter::default() };
    assert_eq!(
        store.recording_rows(&tenant(0), &filter, 9).await.unwrap(),
        [],
        "none of a call that is a row"
    );
    assert_eq!(due(&case, 20).await, [2], "held");
    let expired =
        store.expire_recording(&rows[0], &change(at(20)), || panic!("its file is not touched")).await;
    assert!(
        matches!(expired.unwrap(), Expired::Kept),
        "whoever listed it before it was held does not delete it"
    );
    assert_eq!(due(&case, 50).await, [1, 2], "the hold is over");
    let open = Hold { ends_at: None, held: change(at(60)), ..hold.clone() };
    assert!(store.hold_recording(&open).await.unwrap());
    assert_eq!(due(&case, 9_999).await, [2, 3], "until somebody lets go");
    assert_eq!(store.release_recording(&tenant(0), RecordingId(1), &change(at(70))).await.unwrap(), 2);
    assert_eq!(due(&case, 9_999).await, [1, 2, 3]);
    let told = store.recording_holds(Some(&tenant(0))).await.unwrap();
    assert_eq!(told.len(), 2);
    assert_eq!((told[0].ends_at, &told[1].reason), (None, &hold.reason));
    assert!(told.iter().all(|one| one.released == Some(change(at(70)))));
}

async fn fault_f12_a_run_that_dies_is_finished_by_the_next(case: Case) {
    let store = &case.store;
    let row = recording(1, at(10));
    store.put_recordings(std::slice::from_ref(&row), &[]).await.unwrap();
    let (file, change) = (Cell::new(true), change(at(20)));
    // The disk refuses: file and row stay.
    let refused = || Err(io::ErrorKind::PermissionDenied.into());
    assert!(matches!(store.expire_recording(&row, &change, refused).await.unwrap(), Expired::File(_)));
    assert_eq!(store.recording(row.recording).await.unwrap(), Some(row.clone()));
    assert_eq!(store.audit(&tenant(0), None, 10).await.unwrap(), []);
    // The run dies when the file is gone and nothing is committed: the row stays and leads the next run there.
    let dies = || {
        file.set(false);
        Err(io::ErrorKind::Interrupted.into())
    };
    assert!(matches!(store.expire_recording(&row, &change, dies).await.unwrap(), Expired::File(_)));
    assert_eq!((file.get(), due(&case, 20).await), (false, vec![1]));
    assert!(matches!(store.expire_recording(&row, &change, || Ok(())).await.unwrap(), Expired::Gone));
    assert_eq!(store.recording(row.recording).await.unwrap(), None);
    assert_eq!(store.recordings(None, None, 10).await.unwrap(), []);
    assert!(matches!(store.expire_recording(&row, &change, || Ok(())).await.unwrap(), Expired::Kept), "once");
    let audit = store.audit(&tenant(0), None, 10).await.unwrap();
    assert_eq!((audit.len(), audit[0].action.as_str()), (1, "delete_recording"));
    let was = audit[0].was.as_deref().unwrap();
    assert!(was.contains("three_months_free 2026-10-09"), "{was}");
}

async fn v03_what_ends_soon_is_counted_and_a_plan_prolongs_it(case: Case) {
    let store = &case.store;
    let rows = [recording(1, at(10)), recording(2, at(10)), recording(3, at(99))];
    store.put_recordings(&rows, &[]).await.unwrap();
    let soon = store.recordings_end(at(0), at(50)).await.unwrap();
    assert_eq!(soon, [EndsSoon { tenant: tenant(0), until: at(10), recordings: 2 }]);
    assert_eq!(store.recordings_end(at(10), at(50)).await.unwrap(), [], "its time is over already");
    store.set_recording_plan(&tenant(0), 180, &change(at(1))).await.unwrap();
    store.set_recording_plan(&tenant(0), 365, &change(at(2))).await.unwrap();
    assert_eq!(store.recording_plan(&tenant(0)).await.unwrap(), Some(365));
    assert_eq!(store.recording_plan(&tenant(1)).await.unwrap(), None);
    let terms = [
        (tenant(0), RecordingId(1), at(60), "plan 2027-10-09".to_owned()),
        (tenant(0), RecordingId(3), at(60), "shorter".to_owned()),
    ];
    store.prolong_recordings(&terms).await.unwrap();
    let one = store.recording(RecordingId(1)).await.unwrap().unwrap();
    assert_eq!((one.retention_until, one.kept_by.as_str()), (at(60), "plan 2027-10-09"));
    assert_eq!(store.recording(RecordingId(3)).await.unwrap().unwrap(), rows[2], "none is shortened");
    store.set_recording_plan(&tenant(0), 0, &change(at(3))).await.unwrap();
    assert_eq!(store.recording_plan(&tenant(0)).await.unwrap(), None);
    assert_eq!(store.audit(&tenant(0), None, 10).await.unwrap().len(), 3);
}

async fn v12_keys_are_destroyed_for_good_and_not_while_something_is_held(case: Case) {
    let store = &case.store;
    let key =
        |key, wrapped: &str| RecordingKey { key, wrapped: wrapped.into(), destroyed: wrapped.is_empty() };
    assert!(store.add_recording_key(&tenant(0), &key(1, "aa"), at(0)).await.unwrap());
    assert!(
        !store.add_recording_key(&tenant(0), &key(1, "bb"), at(0)).await.unwrap(),
        "two made one at once"
    );
    store.add_recording_key(&tenant(1), &key(1, "cc"), at(0)).await.unwrap();
    store.put_recordings(&[recording(1, at(10))], &[]).await.unwrap();
    let hold = Hold {
        tenant: tenant(0),
        recording: RecordingId(1),
        reason: "诉讼 2026-017".into(),
        held: change(at(5)),
        ends_at: None,
        released: None,
    };
    store.hold_recording(&hold).await.unwrap();
    assert_eq!(store.destroy_recording_keys(&tenant(0), &change(at(6))).await.unwrap(), None);
    assert_eq!(store.recording_keys(&tenant(0)).await.unwrap(), [key(1, "aa")]);
    store.release_recording(&tenant(0), RecordingId(1), &change(at(7))).await.unwrap();
    assert_eq!(store.destroy_recording_keys(&tenant(0), &change(at(8))).await.unwrap(), Some(1));
    assert_eq!(store.destroy_recording_keys(&tenant(0), &change(at(9))).await.unwrap(), Some(0), "once");
    assert_eq!(store.recording_keys(&tenant(0)).await.unwrap(), [key(1, "")]);
    assert_eq!(store.recording_keys(&tenant(1)).await.unwrap(), [key(1, "cc")], "nobody else's");
}

async fn v03_keys_leave_by_pages_and_come_back_where_they_are_wanted_alone(case: Case) {
    let store = &case.store;
    let key = |key, wrapped: &str| RecordingKey { key, wrapped: wrapped.into(), destroyed: false };
    let of = |n: u64, wrapped: &str| Recording {
        sealed: Some(SealedBy { key: 1, wrapped: wrapped.into() }),
        ..recording(n, at(50))
    };
    assert!(!store.has_secrets().await.unwrap());
    store.add_recording_key(&tenant(0), &key(1, "aa"), at(0)).await.unwrap();
    // The third came from a copy, without its key; the fourth is plain.
    let plain = Recording { sealed: None, ..recording(4, at(50)) };
    store.put_recordings(&[of(1, "11"), of(2, "22"), of(3, ""), plain], &[]).await.unwrap();
    let secret = |n: u128, wrapped: &str| Secret {
        tenant: tenant(0),
        recording: RecordingId(n),
        wrapped: wrapped.into(),
    };
    let first = store.secrets(None, 1).await.unwrap();
    assert_eq!(first, [secret(1, "11")]);
    assert_eq!(store.secrets(first.last(), 5).await.unwrap(), [secret(2, "22")]);
    let keys = store.all_recording_keys(None, 5).await.unwrap();
    assert_eq!(keys, [(tenant(0), key(1, "aa"))]);
    assert_eq!(store.all_recording_keys(keys.last(), 5).await.unwrap(), []);
    assert_eq!(store.misses_keys(at(49)).await.unwrap(), Some(tenant(0)), "the third");
    assert_eq!(store.misses_keys(at(50)).await.unwrap(), None, "its time is over");

    let back = [secret(1, "other"), secret(3, "33"), secret(4, "44"), secret(5, "55")];
    let put = store.put_keys_back(&[(tenant(0), key(1, "other"))], &back, &change(at(1))).await.unwrap();
    assert_eq!(put, (0, 1), "where there is none, and a row that wants one");
    assert_eq!(store.misses_keys(at(49)).await.unwrap(), None);
    let third = store.recording(RecordingId(3)).await.unwrap().unwrap();
    assert_eq!(third.sealed.unwrap().wrapped, "33");
    // What is deleted, or destroyed, is not put back.
    store.expire_recording(&of(1, "11"), &change(at(60)), || Ok(())).await.unwrap();
    assert_eq!(store.put_keys_back(&[], &back[..1], &change(at(61))).await.unwrap(), (0, 0));
    assert_eq!(store.secrets(None, 5).await.unwrap(), [secret(2, "22"), secret(3, "33")]);
    assert_eq!(store.destroy_recording_keys(&tenant(0), &change(at(62))).await.unwrap(), Some(1));
    assert_eq!(store.put_keys_back(&keys, &[], &change(at(63))).await.unwrap(), (0, 0));
    assert!(!store.has_secrets().await.unwrap());
}

async fn v02_recordings_are_listed_with_their_calls(case: Case) {
    let store = &case.store;
    let settled = settlements(60);
    store.settle(&settled, "node-1").await.unwrap();
    let rows: Vec<Recording> = settled.iter().filter_map(recording_of).collect();
    store.put_recordings(&rows, &[]).await.unwrap();
    let list = async |filter: RecordingFilter, limit| {
        store.recording_rows(&tenant(0), &filter, limit).await.unwrap()
    };
    let all = list(RecordingFilter::default(), 100).await;
    assert_eq!(all.len(), rows.len());
    assert!(
        all.windows(2).all(|pair| pair[0].recording.recording > pair[1].recording.recording),
        "the latest first"
    );
    let first = list(RecordingFilter::default(), 4).await;
    let older_than = Some(first[3].recording.recording);
    let rest = list(RecordingFilter { older_than, ..RecordingFilter::default() }, 100).await;
    assert_eq!([first, rest].concat(), all, "page by page the same");
    let (caller, number) = (all[0].caller.clone(), all[0].number);
    let expected: Vec<_> =
        all.iter().filter(|row| row.caller == caller && row.number == number).cloned().collect();
    let filter = RecordingFilter { caller: Some(caller), number: Some(number), ..RecordingFilter::default() };
    assert_eq!(list(filter, 100).await, expected);
    let half = all[all.len() / 2].started_at;
    let (late, early) = (
        list(RecordingFilter { since: Some(half), ..RecordingFilter::default() }, 100).await,
        list(RecordingFilter { until: Some(half), ..RecordingFilter::default() }, 100).await,
    );
    assert_eq!(late.len() + early.len(), all.len());
    assert!(late.iter().all(|row| row.started_at >= half) && early.iter().all(|row| row.started_at < half));
}

async fn v10_a_chain_tells_all_that_happened_and_outlives_the_file(case: Case) {
    let store = &case.store;
    let row = recording(1, at(10));
    let began = |detail: &str| Recorded {
        tenant: tenant(0),
        recording: row.recording,
        at: at(1),
        detail: detail.to_owned(),
    };
    store.put_recordings(std::slice::from_ref(&row), &[began("sha256 ab")]).await.unwrap();
    store.put_recordings(std::slice::from_ref(&row), &[began("sha256 cd")]).await.unwrap();
    let (own, id) = (tenant(0), row.recording);
    assert!(store.note_hearing(&own, id, What::Listened, &change(at(2))).await.unwrap());
    assert!(!store.note_hearing(&tenant(1), id, What::Listened, &change(at(2))).await.unwrap(), "another's");
    let hold = Hold {
        tenant: own.clone(),
        recording: id,
        reason: "诉讼 \"2026-017\"".into(),
        held: change(at(3)),
        ends_at: None,
        released: None,
    };
    store.hold_recording(&hold).await.unwrap();
    store.release_recording(&own, id, &change(at(4))).await.unwrap();
    // Several at once: each has a number of its own.
    let hear = async || store.note_hearing(&own, id, What::Downloaded, &change(at(5))).await;
    let (one, two, three) = tokio::join!(hear(), hear(), hear());
    assert!(one.unwrap() && two.unwrap() && three.unwrap());
    store.expire_recording(&row, &change(at(20)), || Ok(())).await.unwrap();
    let events = store.recording_events(&own, id).await.unwrap();
    let told: Vec<What> = events.iter().map(|event| event.what).collect();
    let downloads = [What::Downloaded; 3];
    let wanted =
        [&[What::Recorded, What::Listened, What::Held, What::Released][..], &downloads, &[What::Deleted]];
    assert_eq!(told, wanted.concat());
    assert_eq!(events[0].detail, "sha256 ab", "the first word counts");
    assert_eq!(first_broken((&own, id), &events), None);
    assert_eq!(store.recording_events(&tenant(1), id).await.unwrap(), []);
}
