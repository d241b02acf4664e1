//! What is odd of fees and bound numbers (row B11).

use hotline::alert::AlertKind;
use hotline::enterprise::{Alarm, Destination, DestinationKind, Enterprise};
use hotline::{Money, Wall};
use store::{Alert, HourCost, Put};

use crate::case::Case;
use crate::sample::{answered_at, change, morning, number, tenant};

crate::on_both_engines!(
    b11_an_hours_fees_are_those_of_the_calls_that_began_in_it,
    b11_bindings_changed_in_bulk_are_an_alert_once_in_an_hour,
    b11_terms_are_kept_where_a_document_has_its_own,
);

const HOUR_MS: i64 = 3_600_000;

fn later(minutes: i64) -> Wall {
    Wall(morning().0 + minutes * 60_000)
}

async fn b11_an_hours_fees_are_those_of_the_calls_that_began_in_it(case: Case) {
    let store = &case.store;
    // 0.66 each: two at nine, one just before ten, one at ten, and one of another enterprise.
    let calls = [(0, 0), (3, 1), (6, 59), (9, 60), (1, 61)];
    let batch = calls.map(|(n, minute)| answered_at(n, later(minute)));
    store.settle(&batch, "node-1").await.unwrap();
    let cost = |n, hour, fen| HourCost {
        tenant: tenant(n),
        hour: later(60 * i64::from(hour)),
        spent: Money::from_fen(fen),
    };
    assert_eq!(
        store.hours_since(morning()).await.unwrap(),
        [cost(0, 0, 198), cost(0, 1, 66), cost(1, 1, 66)]
    );
    assert_eq!(store.hours_since(later(60)).await.unwrap(), [cost(0, 1, 66), cost(1, 1, 66)]);
    let charged = async |since, until| store.charged_hours(&tenant(0), since, until).await.unwrap();
    assert_eq!(
        charged(morning(), later(60)).await,
        [Money::from_fen(198)],
        "the hour itself is not among them"
    );
    assert_eq!(charged(later(-600), later(600)).await.into_iter().sum::<Money>(), Money::from_fen(264));
    assert_eq!(charged(later(120), later(600)).await, []);

    let alert = Alert {
        tenant: tenant(0),
        kind: AlertKind::HourCost,
        number: None,
        period: u32::try_from(morning().0 / HOUR_MS).unwrap(),
        level: 5,
        raised_at: later(3),
        used: 19_800,
        allowed: 10_000,
        acked: None,
    };
    assert!(!store.is_raised(&alert).await.unwrap());
    assert!(store.raise_alert(&alert).await.unwrap());
    assert!(!store.raise_alert(&alert).await.unwrap(), "once in an hour");
    assert!(store.is_raised(&alert).await.unwrap());
    assert!(!store.is_raised(&Alert { period: alert.period + 1, ..alert.clone() }).await.unwrap());
    assert_eq!(store.alerts(None, false, 10).await.unwrap(), [alert]);
}

fn with_bindings(first: u32, freeze: bool) -> Enterprise {
    let bound = |place: u32| Destination {
        name: format!("desk {place}"),
        kind: DestinationKind::Landline,
        number: format!("0106234{:04}", first + place),
        enabled: true,
        lines: 1,
        ring_s: 20,
        duty: None,
        ringback: None,
        confirm: Default::default(),
    };
    let mut enterprise = crate::enterprises::enterprise("huaxin", &[number(0)]);
    enterprise.alarm = Alarm { binding_changes: 4, binding_minutes: 30, freeze, ..Alarm::default() };
    enterprise.numbers[0].destinations = (0..4).map(bound).collect();
    enterprise
}

async fn b11_bindings_changed_in_bulk_are_an_alert_once_in_an_hour(case: Case) {
    let store = &case.store;
    let put = async |first, freeze, version, minute| {
        let put = store.put_enterprise(&with_bindings(first, freeze), version, &change(later(minute))).await;
        let Put::Stored { alarmed, .. } = put.unwrap() else { panic!("not stored") };
        let stored = store.enterprise(&tenant(0)).await.unwrap().unwrap();
        (alarmed, stored.enterprise.frozen)
    };
    assert_eq!(put(0, true, 0, 0).await, (false, None), "a new enterprise changes nothing");
    assert_eq!(put(100, true, 1, 1).await, (false, None), "four are allowed");
    assert_eq!(put(101, true, 2, 32).await, (false, None), "the four are half an hour ago, this is one");
    assert_eq!(put(201, true, 3, 40).await, (true, Some(later(40))), "frozen by the change itself");
    let alerts = store.alerts(None, false, 10).await.unwrap();
    let [alert] = alerts.as_slice() else { panic!("{alerts:?}") };
    assert_eq!((alert.kind, alert.used, alert.allowed), (AlertKind::BindingChanges, 5, 4));
    assert_eq!((i64::from(alert.period) * HOUR_MS, alert.raised_at), (morning().0, later(40)));
    assert_eq!(put(301, false, 4, 41).await, (false, None), "told in this hour, and lifted by hand");
    assert_eq!(put(401, false, 5, 62).await, (true, None), "told again, but the document freezes nothing");
    assert_eq!(store.open_alerts().await.unwrap(), 2);
}

async fn b11_terms_are_kept_where_a_document_has_its_own(case: Case) {
    let store = &case.store;
    let mut own = with_bindings(0, true);
    let usual = crate::enterprises::enterprise("lantian", &[number(1)]);
    store.put_new_enterprises(&[own.clone(), usual], &change(morning())).await.unwrap();
    assert_eq!(store.alarms().await.unwrap().into_iter().collect::<Vec<_>>(), [(tenant(0), own.alarm)]);
    own.alarm.cost_times = 3;
    store.put_enterprise(&own, 1, &change(morning())).await.unwrap();
    assert_eq!(store.alarms().await.unwrap().get(&tenant(0)), Some(&own.alarm));
    own.alarm = Alarm::default();
    store.put_enterprise(&own, 2, &change(morning())).await.unwrap();
    assert!(store.alarms().await.unwrap().is_empty());
}
