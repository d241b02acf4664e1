//! A small enterprise for tests: one number, answered by one phone behind the carrier, recorded, paid ahead.

use hotline::cdr::ChargingFrom;
use hotline::enterprise::{
    AccountKind, BalanceEnd, Destination, DestinationKind, Enterprise, Forwards, Group, Limits, Number,
    Recording, Ringback, Strategy, Then,
};
use hotline::{HotlineNumber, PlanId, TenantId};

/// The number of the sample enterprise.
pub fn number() -> HotlineNumber {
    HotlineNumber::from_suffix(6_010_114).expect("seven digits")
}

/// The enterprise `acme`, whose number rings the phones given, one after another. Paid later, plan T1.
pub fn acme(phones: &[&str]) -> Enterprise {
    let destinations: Vec<Destination> = phones.iter().map(|phone| destination(phone)).collect();
    let members = destinations.iter().map(|destination| destination.name.clone()).collect();
    Enterprise {
        id: TenantId::new("acme"),
        name: "Acme".into(),
        plan: PlanId::new("T1"),
        account: AccountKind::Postpaid,
        balance_end: BalanceEnd::Strict,
        charging_from: ChargingFrom::Answer,
        limits: Limits::default(),
        schedules: Vec::new(),
        region_sets: Vec::new(),
        caller_lists: Vec::new(),
        numbers: vec![Number {
            number: number(),
            enabled: true,
            destinations,
            groups: vec![Group { name: "all".into(), strategy: Strategy::Sequential, members }],
            rules: Vec::new(),
            otherwise: Then::Dial("all".into()),
            forwards: Forwards::default(),
            block: Vec::new(),
            limits: Limits::default(),
            ringback: Ringback::Tone,
            recording: Recording { enabled: true, notice: "recording_notice".into() },
            talk_s_max: 14_400,
        }],
    }
}

fn destination(phone: &&str) -> Destination {
    Destination {
        name: format!("phone {phone}"),
        kind: DestinationKind::Landline,
        number: (*phone).to_owned(),
        enabled: true,
        lines: 100,
        ring_s: 20,
    }
}
