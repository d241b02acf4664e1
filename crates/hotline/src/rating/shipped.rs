//! The tariffs of the seeds as rows (FEATURES.md 2.4). `data/tariffs.json` is the same table as the file that a
//! provider copies and edits; a test keeps the two alike.

use super::{Calls, ChargeComponent, ChargeKind, Payer, Per, RateRule, Rounding, TariffVersion, ZoneRule};
use crate::{Beijing, Money, PlanId};

pub(super) fn versions() -> Vec<TariffVersion> {
    let minute = |fen| Per::Time {
        unit_ms: 60_000,
        first_unit_ms: 60_000,
        price_e4: Money::from_fen(fen),
        price_ms: 60_000,
    };
    let six =
        Per::Time { unit_ms: 6_000, first_unit_ms: 6_000, price_e4: Money::from_fen(6), price_ms: 6_000 };
    let six_by_the_minute =
        Per::Time { unit_ms: 6_000, first_unit_ms: 6_000, price_e4: Money::from_fen(60), price_ms: 60_000 };
    let a_call = Per::Call { price_e4: Money::from_fen(100), calls: Calls::Answered };
    vec![
        sale("T1", "0.30 a minute", "002:85; 004:23, 26; split 002:126", vec![caller(), service(minute(30))]),
        sale(
            "T2",
            "0.06 for 6 s, local 0.10 a minute",
            "002:85; 004:25-26; local: no seed defines it, row F04",
            vec![
                caller(),
                enterprise("long distance", ZoneRule::LongDistance, six),
                enterprise("local", ZoneRule::Local, minute(10)),
            ],
        ),
        sale("T2a", "0.06 for 6 s", "002:85; 004:25-26", vec![caller(), service(six)]),
        sale("T2b", "0.10 a minute", "002:85; 004:26", vec![caller(), service(minute(10))]),
        sale(
            "T3",
            "0.60 a minute, by 6 s",
            "004:10; split 004:2",
            vec![caller(), service(six_by_the_minute)],
        ),
        sale(
            "T6",
            "1.00 a call",
            "003:2-5; the price is by contract, 1.00 an example",
            vec![caller(), service(a_call)],
        ),
        TariffVersion {
            components: vec![component("interconnect", Payer::Provider, ZoneRule::AnyZone, minute(6))],
            ..dated("C1", ChargeKind::Cost, "interconnect, 0.06 a minute", "004:13")
        },
    ]
}

fn sale(plan: &str, title: &str, source: &str, components: Vec<ChargeComponent>) -> TariffVersion {
    TariffVersion { components, ..dated(plan, ChargeKind::Sale, title, source) }
}

fn dated(plan: &str, kind: ChargeKind, title: &str, source: &str) -> TariffVersion {
    TariffVersion {
        plan: PlanId::new(plan),
        version: 1,
        kind,
        title: title.to_owned(),
        valid_from: Beijing::date(2007, 1, 1).wall(),
        valid_to: None,
        source: source.to_owned(),
        components: Vec::new(),
        rounding: Rounding::FEN_UP,
    }
}

/// The caller's local part, which the caller's operator prices (002:126, 130; 004:21).
fn caller() -> ChargeComponent {
    ChargeComponent { name: "local access".to_owned(), payer: Payer::Caller, price: None }
}

fn service(per: Per) -> ChargeComponent {
    enterprise("service", ZoneRule::AnyZone, per)
}

fn enterprise(name: &str, zone: ZoneRule, per: Per) -> ChargeComponent {
    component(name, Payer::Enterprise, zone, per)
}

fn component(name: &str, payer: Payer, zone: ZoneRule, per: Per) -> ChargeComponent {
    ChargeComponent { name: name.to_owned(), payer, price: Some(RateRule { zone, per }) }
}
