//! Documents by version, numbers with one holder, limits and their requests.

use hotline::HotlineNumber;
use hotline::enterprise::*;
use hotline::{PlanId, TenantId};
use store::{LimitKind, NumberRow, Put};

use crate::case::Case;
use crate::sample::{change, morning};

crate::on_both_engines!(
    versions_follow_each_other_and_old_ones_stay,
    a_change_from_an_older_version_is_refused,
    n01_a_number_has_one_holder,
    a_number_no_longer_named_is_free_again,
    the_directory_is_read_page_by_page,
    an_import_of_many_is_all_or_nothing,
    i08_a_published_flow_never_changes_and_a_draft_does,
    r01_a_refused_binding_waits_until_the_limit_is_raised,
);

pub fn enterprise(id: &str, numbers: &[HotlineNumber]) -> Enterprise {
    let numbers = numbers.iter().map(|number| plain_number(*number)).collect();
    Enterprise {
        numbers,
        ..Enterprise::new(TenantId::new(id), &format!("{id} 科技有限公司"), PlanId::new("T2a"))
    }
}

fn plain_number(number: HotlineNumber) -> Number {
    Number {
        block: vec![hotline::enterprise::BlockEntry::of("1700000*")],
        recording: Recording::new(true),
        ..Number::new(number, Then::HangUp { prompt: Some("closed".into()) })
    }
}

fn numbers(from: u32, count: u32) -> Vec<HotlineNumber> {
    (from..from + count).map(|suffix| HotlineNumber::from_suffix(suffix).unwrap()).collect()
}

async fn versions_follow_each_other_and_old_ones_stay(case: Case) {
    let store = &case.store;
    let mut document = enterprise("huaxin", &numbers(6_010_114, 2));
    let by = change(morning());
    assert_eq!(
        store.put_enterprise(&document, 0, &by).await.unwrap(),
        Put::Stored { version: 1, alarmed: false }
    );
    let first = document.clone();
    document.name = "华信集团".into();
    assert_eq!(
        store.put_enterprise(&document, 1, &by).await.unwrap(),
        Put::Stored { version: 2, alarmed: false }
    );
    let latest = store.enterprise(&document.id).await.unwrap().unwrap();
    assert_eq!((latest.version, &latest.enterprise, &latest.change), (2, &document, &by));
    assert_eq!(store.enterprise_at(&document.id, 1).await.unwrap().unwrap().enterprise, first);
    assert_eq!(store.enterprise_at(&document.id, 3).await.unwrap(), None);
    assert_eq!(store.enterprises(None, 10).await.unwrap(), [(document.id.clone(), 2)]);
    let audit = store.audit(&document.id, None, 10).await.unwrap();
    let told: Vec<_> = audit.iter().map(|row| (row.was.as_deref(), row.became.as_deref())).collect();
    assert_eq!(
        told,
        [(Some("version 1"), Some("version 2, 2 numbers")), (None, Some("version 1, 2 numbers"))]
    );
}

async fn a_change_from_an_older_version_is_refused(case: Case) {
    let document = enterprise("huaxin", &numbers(6_010_114, 1));
    let by = change(morning());
    assert_eq!(case.store.put_enterprise(&document, 3, &by).await.unwrap(), Put::Moved { current: 0 });
    case.store.put_enterprise(&document, 0, &by).await.unwrap();
    assert_eq!(case.store.put_enterprise(&document, 0, &by).await.unwrap(), Put::Moved { current: 1 });
    assert_eq!(case.store.enterprise(&document.id).await.unwrap().unwrap().version, 1);
}

async fn n01_a_number_has_one_holder(case: Case) {
    let store = &case.store;
    let by = change(morning());
    let held = numbers(6_010_114, 3);
    store.put_enterprise(&enterprise("huaxin", &held), 0, &by).await.unwrap();
    let wants = enterprise("lantian", &[numbers(8_123_888, 1), held[1..].to_vec()].concat());
    let taken = held[1..].iter().map(|number| (*number, TenantId::new("huaxin"))).collect();
    assert_eq!(store.put_enterprise(&wants, 0, &by).await.unwrap(), Put::NumbersTaken { taken });
    assert_eq!(store.enterprise(&wants.id).await.unwrap(), None, "nothing of it was stored");
    assert_eq!(store.number(wants.numbers[0].number).await.unwrap(), None);
    let holder = store.number(held[1]).await.unwrap().unwrap();
    assert_eq!(
        holder,
        NumberRow { number: held[1], holder: TenantId::new("huaxin"), version: 1, enabled: true }
    );
}

async fn a_number_no_longer_named_is_free_again(case: Case) {
    let store = &case.store;
    let by = change(morning());
    let held = numbers(6_010_114, 3);
    store.put_enterprise(&enterprise("huaxin", &held), 0, &by).await.unwrap();
    let mut smaller = enterprise("huaxin", &held[..2]);
    smaller.numbers[0].enabled = false;
    store.put_enterprise(&smaller, 1, &by).await.unwrap();
    let next = store.put_enterprise(&enterprise("lantian", &held[2..]), 0, &by).await.unwrap();
    assert_eq!(next, Put::Stored { version: 1, alarmed: false });
    let rows = store.numbers(None, 10).await.unwrap();
    let told: Vec<_> = rows.iter().map(|row| (row.holder.as_str(), row.version, row.enabled)).collect();
    assert_eq!(told, [("huaxin", 2, false), ("huaxin", 2, true), ("lantian", 1, true)]);
    assert_eq!(store.verify().await.unwrap(), []);
}

async fn the_directory_is_read_page_by_page(case: Case) {
    let store = &case.store;
    let held = numbers(6_000_000, 1000);
    store.put_enterprise(&enterprise("huaxin", &held), 0, &change(morning())).await.unwrap();
    let (mut read, mut after) = (Vec::new(), None);
    loop {
        let page = store.numbers(after, 300).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.number);
        read.extend(page.into_iter().map(|row| row.number));
    }
    assert_eq!(read, held);
}

async fn an_import_of_many_is_all_or_nothing(case: Case) {
    let store = &case.store;
    let by = change(morning());
    let mut many: Vec<Enterprise> =
        (0..1500).map(|n| enterprise(&format!("tenant-{n:04}"), &numbers(1_000_000 + n * 2, 2))).collect();
    let doubled = many[3].numbers[0].number;
    many[1400].numbers[1].number = doubled;
    let taken = vec![(doubled, TenantId::new("tenant-0003"))];
    assert_eq!(store.put_new_enterprises(&many, &by).await.unwrap(), Put::NumbersTaken { taken });
    assert_eq!(store.enterprises(None, 10).await.unwrap(), []);
    many[1400].numbers.pop();
    assert_eq!(
        store.put_new_enterprises(&many, &by).await.unwrap(),
        Put::Stored { version: 1, alarmed: false }
    );
    assert_eq!(store.numbers(None, 10_000).await.unwrap().len(), 2999);
    assert_eq!(store.enterprise(&many[1499].id).await.unwrap().unwrap().enterprise, many[1499]);
    assert_eq!(store.put_new_enterprises(&many[..1], &by).await.unwrap(), Put::Moved { current: 1 });
    assert_eq!(store.audit(&TenantId::provider(), None, 10).await.unwrap().len(), 1);
    assert_eq!(store.verify().await.unwrap(), []);
}

async fn r01_a_refused_binding_waits_until_the_limit_is_raised(case: Case) {
    let store = &case.store;
    let (tenant, number) = (TenantId::new("huaxin"), numbers(6_010_114, 1)[0]);
    let kind = LimitKind::Bindings;
    let by = change(morning());
    assert_eq!(store.raised_limit(&tenant, number, kind).await.unwrap(), None);
    assert!(store.request_limit(&tenant, number, kind, 21, &by).await.unwrap());
    assert!(!store.request_limit(&tenant, number, kind, 25, &by).await.unwrap(), "one request waits");
    let waiting = store.limit_requests(Some(&tenant)).await.unwrap();
    assert_eq!((waiting.len(), waiting[0].wanted, &waiting[0].opened), (1, 25, &by));
    assert_eq!(store.limit_requests(None).await.unwrap(), waiting);

    let later = change(hotline::Wall(morning().0 + 1));
    store.raise_limit(&tenant, number, kind, 22, &later).await.unwrap();
    assert_eq!(store.limit_requests(None).await.unwrap().len(), 1, "22 is not what was wanted");
    store.raise_limit(&tenant, number, kind, 30, &later).await.unwrap();
    assert_eq!(store.limit_requests(None).await.unwrap(), []);
    assert_eq!(store.raised_limit(&tenant, number, kind).await.unwrap(), Some(30));
    let audit = store.audit(&tenant, None, 10).await.unwrap();
    assert_eq!((audit[0].was.as_deref(), audit[0].became.as_deref()), (Some("22"), Some("30")));
    assert_eq!(audit[0].subject, "4006010114 bindings");
}

async fn i08_a_published_flow_never_changes_and_a_draft_does(case: Case) {
    let store = &case.store;
    let by = change(morning());
    let mut document = enterprise("huaxin", &numbers(6_010_114, 1));
    let step = |prompt: &str| FlowStep {
        id: "end".into(),
        kind: FlowStepKind::HangUp { prompt: Some(prompt.into()) },
    };
    let flow = |version, prompt| FlowDocument {
        name: "主菜单".into(),
        version,
        start: "end".into(),
        steps: vec![step(prompt)],
        tests: Vec::new(),
    };
    for (place, flow) in [flow(1, "closed"), flow(2, "welcome"), flow(1, "closed")].into_iter().enumerate() {
        document.flows = vec![flow];
        let put = store.put_enterprise(&document, place as u32, &by).await.unwrap();
        assert_eq!(put, Put::Stored { version: place as u32 + 1, alarmed: false });
    }
    let written = async |page| store.enterprise_versions(&document.id, page).await.unwrap();
    assert_eq!(written((None, 2)).await, [(3, by.clone()), (2, by.clone())]);
    assert_eq!(written((Some(2), 10)).await, [(1, by.clone())]);
    // The third put rolled back: what is in use stands in the document, and no version is new.
    let live = store.enterprise(&document.id).await.unwrap().unwrap().enterprise;
    assert_eq!(live.flows, [flow(1, "closed")]);
    let versions = store.flow_versions(&document.id).await.unwrap();
    assert_eq!(
        versions.iter().map(|one| (one.name.as_str(), one.version)).collect::<Vec<_>>(),
        [("主菜单", 1), ("主菜单", 2)]
    );
    assert_eq!(versions[0].change, by);
    // Whoever would write another text under a version that is there does not.
    document.flows = vec![flow(2, "barred")];
    store.put_enterprise(&document, 3, &by).await.unwrap();
    let second = store.flow_version(&document.id, "主菜单", 2).await.unwrap();
    assert_eq!(second, Some(flow(2, "welcome")));
    assert_eq!(store.flow_version(&document.id, "主菜单", 3).await.unwrap(), None);
    let put =
        async |name, texts, told| store.put_flow_draft(&document.id, name, texts, told, &by).await.unwrap();
    let mut was = None;
    for text in ["{", "{\"name\": \"主菜单\"}"] {
        assert!(put("主菜单", (was, text), (was, text)).await);
        assert_eq!(store.flow_draft(&document.id, "主菜单").await.unwrap().unwrap().text, text);
        was = Some(text);
    }
    // Who made theirs from another text keeps nothing: what came in between would be lost.
    for was in [None, Some("{"), Some("")] {
        assert!(!put("主菜单", (was, "["), (was, "[")).await, "{was:?}");
    }
    assert_eq!(store.flow_draft(&document.id, "主菜单").await.unwrap().unwrap().text, was.unwrap());
    let kept = store.audit(&document.id, None, 1).await.unwrap().remove(0);
    assert_eq!(
        (&*kept.action, kept.was.as_deref(), kept.became.as_deref()),
        ("put_flow_draft", Some("{"), was)
    );
    assert!(put("夜间", (None, "{"), (None, "{")).await);
    let heads = async |page| store.flow_heads(&document.id, page).await.unwrap();
    let all = heads((None, 10)).await;
    let mut seen: Vec<_> = all.iter().map(|one| (&*one.name, one.latest, one.draft.as_ref())).collect();
    seen.sort_by_key(|one| one.0);
    let mut wanted = [("主菜单", Some(2), Some(&by)), ("夜间", None, Some(&by))];
    wanted.sort_by_key(|one| one.0);
    assert_eq!(seen, wanted);
    assert_eq!(heads((None, 1)).await, all[..1]);
    assert_eq!(heads((Some(&all[0].name), 10)).await, all[1..]);
    assert_eq!(heads((Some(&all[1].name), 10)).await, []);
    let versions = async |page| {
        let found = store.versions_of_flow(&document.id, "主菜单", page).await.unwrap();
        found.into_iter().map(|one| one.version).collect::<Vec<_>>()
    };
    assert_eq!(versions((None, 10)).await, [2, 1]);
    assert_eq!((versions((None, 1)).await, versions((Some(2), 10)).await), (vec![2], vec![1]));
    assert_eq!(store.flow_draft(&document.id, "另一个").await.unwrap(), None);
}
