//! Archives of recordings: asked for, written down as they grow (row V05).

use hotline::Wall;
use store::{Export, ExportState};

use crate::case::Case;
use crate::sample::{change, morning, number, tenant};

crate::on_both_engines!(v05_an_export_is_asked_for_once_and_tells_how_far_it_is);

fn export(name: &str, s: i64) -> Export {
    let at = |s: i64| Wall(morning().0 + s * 1_000);
    Export {
        tenant: tenant(0),
        export: name.to_owned(),
        asked: change(at(s)),
        number: None,
        since: at(-86_400),
        until: at(0),
        state: ExportState::Waiting,
        total: 0,
        done: 0,
        skipped: 0,
        bytes: 0,
        ended_at: None,
    }
}

async fn v05_an_export_is_asked_for_once_and_tells_how_far_it_is(case: Case) {
    let store = &case.store;
    let (first, second) = (export("aa", 1), Export { number: Some(number(0)), ..export("bb", 2) });
    for one in [&second, &first] {
        store.ask_export(one).await.unwrap();
    }
    let waiting = store.exports_in(ExportState::Waiting, 9).await.unwrap();
    assert_eq!(waiting, [first.clone(), second.clone()], "who came first is served first");
    let done = Export {
        state: ExportState::Done,
        total: 3,
        done: 2,
        skipped: 1,
        bytes: 99,
        ended_at: Some(morning()),
        ..first
    };
    store.set_export(&done).await.unwrap();
    assert_eq!(store.export(&tenant(0), "aa").await.unwrap(), Some(done.clone()));
    assert_eq!(store.exports(&tenant(0), 9).await.unwrap(), [second, done]);
    assert_eq!(store.export(&tenant(1), "aa").await.unwrap(), None, "nobody else's");
    let audit = store.audit(&tenant(0), None, 9).await.unwrap();
    assert_eq!((audit.len(), audit[0].action.as_str()), (2, "export_recordings"));
}
