//! Trunks, segments, tariffs and settings.

use hotline::rating::Tariffs;
use hotline::trunk::{Profile, Registration, Secret};
use hotline::{PlanId, TenantId, Wall};
use store::{PutTariff, Segment, TrunkRow};

use crate::case::Case;
use crate::sample::{change, morning};

crate::on_both_engines!(
    trunks_come_in_order_of_preference,
    f15_a_tariff_version_is_never_edited,
    segments_are_dated,
    settings_are_audited,
);

fn trunk(name: &str, priority: u32) -> TrunkRow {
    TrunkRow {
        name: name.into(),
        address: "192.0.2.10:5060".into(),
        incoming: true,
        outgoing: priority > 1,
        area_code: Some("010".into()),
        priority,
        capacity: (priority > 1).then_some(300),
        cost_plan: Some(PlanId::new("C1")),
        enabled: true,
        profile: Profile { weight: priority, ..Profile::default() },
    }
}

async fn trunks_come_in_order_of_preference(case: Case) {
    let store = &case.store;
    let by = change(morning());
    for row in [trunk("b", 2), trunk("a", 2), trunk("c", 1)] {
        store.put_trunk(&row, &by).await.unwrap();
    }
    assert_eq!(store.trunks().await.unwrap(), [trunk("c", 1), trunk("a", 2), trunk("b", 2)]);
    let off = TrunkRow { enabled: false, area_code: None, cost_plan: None, ..trunk("a", 9) };
    store.put_trunk(&off, &by).await.unwrap();
    assert_eq!(store.trunks().await.unwrap()[2], off);
    let audit = store.audit(&TenantId::provider(), None, 1).await.unwrap();
    assert!(audit[0].was.as_ref().unwrap().contains("enabled: true"));
    assert!(audit[0].became.as_ref().unwrap().contains("enabled: false"));
    let password = Secret("correct horse".into());
    let registration = Registration {
        user: "u".into(),
        domain: String::new(),
        registrar: String::new(),
        auth_user: String::new(),
        realm: String::new(),
        password,
        password_file: String::new(),
        password_env: String::new(),
        expires_s: 60,
    };
    let mut secret = trunk("s", 3);
    secret.profile.registration = Some(registration);
    store.put_trunk(&secret, &by).await.unwrap();
    assert_eq!(store.trunks().await.unwrap()[2], secret, "the password is kept");
    let audit = store.audit(&TenantId::provider(), None, 1).await.unwrap();
    assert!(!audit[0].became.as_ref().unwrap().contains("horse"), "and not told");
}

async fn f15_a_tariff_version_is_never_edited(case: Case) {
    let store = &case.store;
    let by = change(morning());
    let shipped = Tariffs::shipped();
    for version in shipped.versions() {
        assert_eq!(store.put_tariff(version, &by).await.unwrap(), PutTariff::Stored);
    }
    assert_eq!(store.tariffs().await.unwrap(), shipped);
    let first = shipped.versions_of(&PlanId::new("T1"))[0].clone();
    assert_eq!(store.put_tariff(&first, &by).await.unwrap(), PutTariff::AlreadyStored);
    let mut edited = first.clone();
    edited.title.push_str(", dearer");
    assert_eq!(store.put_tariff(&edited, &by).await.unwrap(), PutTariff::Differs);

    let mut second = edited;
    second.version += 1;
    second.valid_from = Wall(morning().0);
    assert_eq!(store.put_tariff(&second, &by).await.unwrap(), PutTariff::Stored);
    let tariffs = store.tariffs().await.unwrap();
    assert_eq!(tariffs.validate(), [], "the first version now ends where the second begins");
    assert_eq!(tariffs.version_at(&second.plan, Wall(morning().0 - 1)).unwrap().version, first.version);
    assert_eq!(tariffs.version_at(&second.plan, morning()).unwrap().version, second.version);
    assert_eq!(
        store.put_tariff(&first, &by).await.unwrap(),
        PutTariff::AlreadyStored,
        "closing it is no edit"
    );
}

async fn segments_are_dated(case: Case) {
    let segment = |from: i64, to: Option<i64>, operator: &str| Segment {
        prefix: "4007".into(),
        operator: operator.into(),
        confirmed: to.is_some(),
        valid_from: Wall(from),
        valid_to: to.map(Wall),
        source: "002:33".into(),
    };
    let rows = [segment(0, Some(1000), "铁通"), segment(1000, None, "移动")];
    for row in rows.iter().rev() {
        case.store.put_segment(row, &change(morning())).await.unwrap();
    }
    assert_eq!(case.store.segments().await.unwrap(), rows);
}

async fn settings_are_audited(case: Case) {
    let store = &case.store;
    let (by, provider) = (change(morning()), TenantId::provider());
    assert_eq!(store.setting(&provider, "mask_numbers").await.unwrap(), None);
    store.put_setting(&provider, "mask_numbers", "no", &by).await.unwrap();
    store.put_setting(&provider, "mask_numbers", "yes", &by).await.unwrap();
    assert_eq!(store.setting(&provider, "mask_numbers").await.unwrap().as_deref(), Some("yes"));
    assert_eq!(store.setting(&TenantId::new("huaxin"), "mask_numbers").await.unwrap(), None);
    store.put_setting(&provider, "calendar/2028", "b", &by).await.unwrap();
    store.put_setting(&provider, "calendar/2027", "a", &by).await.unwrap();
    let own = [("calendar/2027".to_owned(), "a".to_owned()), ("calendar/2028".to_owned(), "b".to_owned())];
    assert_eq!(store.settings(&provider, "calendar/").await.unwrap(), own);
    let audit = store.audit(&provider, Some(3), 1).await.unwrap();
    assert_eq!((audit[0].was.as_deref(), audit[0].became.as_deref()), (Some("no"), Some("yes")));
    // What somebody replaces has to be what they read.
    let new = |was, value| store::NewSetting { key: "asked", was, value };
    assert!(store.replace_setting(&provider, &new(None, "a"), &by).await.unwrap());
    assert!(!store.replace_setting(&provider, &new(None, "b"), &by).await.unwrap(), "it is there now");
    assert!(store.replace_setting(&provider, &new(Some("a"), "c"), &by).await.unwrap());
    assert!(!store.replace_setting(&provider, &new(Some("a"), "d"), &by).await.unwrap());
    assert_eq!(store.setting(&provider, "asked").await.unwrap().as_deref(), Some("c"));
}
