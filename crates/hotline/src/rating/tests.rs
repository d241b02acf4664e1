//! Golden tables and rules of rating: FEATURES.md 2.4, rows F01 to F05, F11, F13, F16, F17, FAULTS B1 and B5.

use super::*;
use crate::cdr::{AttemptKind, Cause, LegOutcome, Party};
use crate::region::Region;
use crate::{Beijing, CallId, TenantId};

/// A seeded source of numbers for the properties (splitmix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }
}

/// Any plan that `validate` would take: units, first units, prices by any time, fees, both roundings.
pub(crate) fn any_version(dice: &mut Dice) -> TariffVersion {
    let unit_ms = [1, 6, 30, 60, 180][dice.roll(5) as usize] * 1000;
    let first_unit_ms =
        if dice.roll(2) == 0 { unit_ms } else { [1, 6, 60, 180][dice.roll(4) as usize] * 1000 };
    let price_ms = if dice.roll(2) == 0 { unit_ms } else { 60_000 };
    let time = Per::Time { unit_ms, first_unit_ms, price_e4: Money(dice.roll(10_000) as i64), price_ms };
    let fee = Per::Call { price_e4: Money(dice.roll(5_000) as i64), calls: Calls::Answered };
    let pers = [vec![time], vec![time, fee], vec![fee]];
    let priced = |per| ChargeComponent {
        name: "part".to_owned(),
        payer: Payer::Enterprise,
        price: Some(RateRule { zone: ZoneRule::AnyZone, per }),
    };
    let mode = if dice.roll(2) == 0 { RoundingMode::Up } else { RoundingMode::HalfEven };
    let at = if dice.roll(4) == 0 { RoundAt::Invoice } else { RoundAt::Call };
    TariffVersion {
        components: pers[dice.roll(3) as usize].iter().copied().map(priced).collect(),
        rounding: Rounding { mode, decimals: dice.roll(5) as u8, at },
        ..shipped("T1")
    }
}

pub(crate) fn shipped(plan: &str) -> TariffVersion {
    let at = Beijing::date(2026, 10, 10).wall();
    Tariffs::shipped().version_at(&PlanId::new(plan), at).expect("the plan is shipped").clone()
}

pub(crate) fn usage(usage_ms: u64) -> Usage {
    let started_at = Beijing::date(2026, 10, 10).wall();
    Usage { started_at, usage_ms, answered: true, zone: Zone::LongDistance }
}

fn fee(plan: &str, usage_ms: u64) -> String {
    price(&usage(usage_ms), &shipped(plan), 0).amount_e4.to_string()
}

/// An answered call of `talk_ms` with one leg that failed and one that answered.
pub(crate) fn answered_call(talk_ms: u64) -> CallRecord {
    let started_at = Beijing::date(2026, 10, 10).wall();
    let answered_at = Wall(started_at.0 + 8_000);
    let leg = |leg, outcome, answered_at, cost_ms| LegRecord {
        leg,
        destination: "front desk".to_owned(),
        dialled: "01088886666".to_owned(),
        trunk: format!("carrier-{leg}"),
        kind: AttemptKind::Target,
        invited_at: started_at,
        rang_at: Some(started_at),
        answered_at,
        ended_at: Wall(started_at.0 + 8_000 + talk_ms as i64),
        outcome,
        status: 200,
        cost_ms,
        quality: None,
    };
    CallRecord {
        call: CallId::at(started_at.0, 7),
        tenant: TenantId::new("acme"),
        number: "4006010114".parse().expect("a 400 number"),
        version: 1,
        trunk: "inbound".to_owned(),
        caller: "13800138000".to_owned(),
        region: Region::unknown(),
        answered_by: "01088886666".to_owned(),
        destination: "front desk".to_owned(),
        started_at,
        answered_at: Some(answered_at),
        joined_at: Some(answered_at),
        ended_at: Wall(answered_at.0 + talk_ms as i64),
        status: AnswerStatus::Answered,
        cause: Cause::HangUp,
        ended_by: Party::Caller,
        charging_from: ChargingFrom::Answer,
        post_dial_ms: Some(1_000),
        talk_ms,
        sale_ms: talk_ms,
        forwards: 0,
        consent: None,
        recording: None,
        password: String::new(),
        priority: 0,
        flow: String::new(),
        flow_version: 0,
        keys: Vec::new(),
        queue: String::new(),
        wait_ms: 0,
        offers: 0,
        transfers: 0,
        hold_ms: 0,
        agent: String::new(),
        messages: Vec::new(),
        pauses: Vec::new(),
        rating: None,
        results: Vec::new(),
        spills: Vec::new(),
        arms: Vec::new(),
        callback: None,
        calls_back: None,
        recording_cut: false,
        quality: None,
        legs: vec![
            leg(1, LegOutcome::Busy, None, 0),
            leg(2, LegOutcome::Answered, Some(answered_at), talk_ms),
        ],
    }
}

#[test]
fn the_oracle_table_of_tariffs() {
    let table = [
        (0, "0.00", "0.00", "0.00"),
        (1, "0.30", "0.06", "0.10"),
        (6, "0.30", "0.06", "0.10"),
        (7, "0.30", "0.12", "0.10"),
        (30, "0.30", "0.30", "0.10"),
        (31, "0.30", "0.36", "0.10"),
        (60, "0.30", "0.60", "0.10"),
        (61, "0.60", "0.66", "0.20"),
        (90, "0.60", "0.90", "0.20"),
        (120, "0.60", "1.20", "0.20"),
        (121, "0.90", "1.26", "0.30"),
        (600, "3.00", "6.00", "1.00"),
    ];
    for (seconds, t1, t2a, t2b) in table {
        let ms = seconds * 1000;
        assert_eq!([fee("T1", ms), fee("T2a", ms), fee("T2b", ms)], [t1, t2a, t2b], "{seconds} s");
        assert_eq!(fee("T3", ms), t2a, "T3 is T2a said differently, {seconds} s");
    }
}

#[test]
fn six_seconds_are_cheaper_than_the_minute_up_to_24_s_only() {
    for seconds in 1..=3600 {
        let order = price(&usage(seconds * 1000), &shipped("T2a"), 0)
            .amount_e4
            .cmp(&price(&usage(seconds * 1000), &shipped("T1"), 0).amount_e4);
        let wanted = match seconds {
            ..=24 => std::cmp::Ordering::Less,
            25..=30 => std::cmp::Ordering::Equal,
            _ => std::cmp::Ordering::Greater,
        };
        assert_eq!(order, wanted, "{seconds} s");
    }
}

#[test]
fn f02_a_begun_minute_is_a_minute() {
    let charge = price(&usage(61_000), &shipped("T1"), 0);
    assert_eq!((charge.units, charge.amount_e4), (2, Money(6_000)));
}

#[test]
fn f03_61_seconds_are_11_units_of_6() {
    let charge = price(&usage(61_000), &shipped("T2a"), 0);
    assert_eq!((charge.units, charge.unit_price_e4, charge.amount_e4), (11, Money(600), Money(6_600)));
}

#[test]
fn f04_the_same_call_by_two_zones() {
    let version = shipped("T2");
    let local = price(&Usage { zone: Zone::Local, ..usage(61_000) }, &version, 0);
    let far = price(&usage(61_000), &version, 0);
    assert_eq!((local.amount_e4, local.zone), (Money(2_000), Zone::Local));
    assert_eq!((far.amount_e4, far.zone), (Money(6_600), Zone::LongDistance));
}

#[test]
fn f04_local_is_the_same_area_code() {
    assert_eq!(zone_of("010", "10"), Zone::Local);
    assert_eq!(zone_of("010", "021"), Zone::LongDistance);
    assert_eq!(zone_of("", ""), Zone::LongDistance);
}

#[test]
fn f05_a_fee_per_answered_call_and_else_only_where_stated() {
    let mut version = shipped("T6");
    for answered_ms in [0, 1, 3_600_000] {
        let charge = price(&usage(answered_ms), &version, 0);
        assert_eq!((charge.units, charge.amount_e4), (1, Money(10_000)));
    }
    let missed = Usage { answered: false, ..usage(20_000) };
    assert_eq!(price(&missed, &version, 0).amount_e4, Money::ZERO);
    version.components[1].price = Some(RateRule {
        zone: ZoneRule::AnyZone,
        per: Per::Call { price_e4: Money(1_000), calls: Calls::All },
    });
    let charge = price(&missed, &version, 0);
    assert_eq!((charge.units, charge.amount_e4, charge.usage_ms), (1, Money(1_000), 0));
}

#[test]
fn f01_the_callers_part_is_information() {
    let version = shipped("T1");
    let shown: Vec<_> = version.information().map(|part| part.name.as_str()).collect();
    assert_eq!(shown, ["local access"]);
    let mut split = version.clone();
    split.components.push(ChargeComponent {
        name: "local call".to_owned(),
        payer: Payer::Caller,
        price: Some(RateRule {
            zone: ZoneRule::AnyZone,
            per: Per::Call { price_e4: Money(9_999), calls: Calls::All },
        }),
    });
    assert_eq!(price(&usage(61_000), &split, 0), price(&usage(61_000), &version, 0));
}

/// The three readings of the split (FEATURES.md 2.5 row 8): service only, all that comes in, long distance and a
/// function fee.
#[test]
fn f01_three_readings_of_the_split_are_data() {
    let service = shipped("T1");
    let all_incoming = TariffVersion { components: service.components[1..].to_vec(), ..service.clone() };
    let mut with_function_fee = service.clone();
    with_function_fee.components.push(ChargeComponent {
        name: "function fee".to_owned(),
        payer: Payer::Enterprise,
        price: Some(RateRule {
            zone: ZoneRule::AnyZone,
            per: Per::Call { price_e4: Money(500), calls: Calls::Answered },
        }),
    });
    let fees = [&service, &all_incoming, &with_function_fee].map(|version| {
        assert_eq!(Tariffs::from(vec![version.clone()]).validate(), []);
        price(&usage(61_000), version, 0).amount_e4
    });
    assert_eq!(fees, [Money(6_000), Money(6_000), Money(6_500)]);
    assert_eq!(all_incoming.information().count(), 0);
}

#[test]
fn fault_b5_milliseconds_round_up_to_seconds_then_to_units() {
    let fees = |plan| [59_999, 60_000, 60_001].map(|ms| fee(plan, ms));
    assert_eq!(fees("T1"), ["0.30", "0.30", "0.60"]);
    assert_eq!(fees("T2a"), ["0.60", "0.60", "0.66"]);
    assert_eq!(fees("T2b"), ["0.10", "0.10", "0.20"]);
    assert_eq!(fees("T3"), ["0.60", "0.60", "0.66"]);
}

#[test]
fn fault_b5_a_unit_of_one_second_counts_every_second() {
    let mut version = shipped("T1");
    let per = Per::Time { unit_ms: 1_000, first_unit_ms: 1_000, price_e4: Money(5_000), price_ms: 60_000 };
    version.components[1].price = Some(RateRule { zone: ZoneRule::AnyZone, per });
    let fees = [1, 1_000, 1_001, 60_000, 60_001].map(|ms| price(&usage(ms), &version, 0).amount_e4);
    assert_eq!(fees, [Money(100), Money(100), Money(200), Money(5_000), Money(5_100)]);
}

#[test]
fn fault_b5_no_time_and_no_answer_cost_nothing() {
    let zero = price(&usage(0), &shipped("T1"), 0);
    assert_eq!((zero.units, zero.amount_e4), (0, Money::ZERO));
    let missed = price(&Usage { answered: false, ..usage(61_000) }, &shipped("T1"), 0);
    assert_eq!((missed.units, missed.amount_e4, missed.usage_ms), (0, Money::ZERO, 0));
}

#[test]
fn fault_b5_days_long_calls_and_absurd_ones_do_not_overflow() {
    let day_and_a_second = 86_401_000;
    assert_eq!(fee("T1", day_and_a_second), "432.30");
    assert_eq!(fee("T2a", day_and_a_second), "864.06");
    let mut version = shipped("T1");
    let per = Per::Time { unit_ms: 1_000, first_unit_ms: 1_000, price_e4: Money(i64::MAX), price_ms: 1_000 };
    version.components[1].price = Some(RateRule { zone: ZoneRule::AnyZone, per });
    let charge = price(&usage(u64::MAX), &version, 0);
    assert_eq!(charge.amount_e4, Money(i64::MAX));
    assert_eq!(charge.steps().len(), 4);
    assert_eq!(slice(&version, Zone::Local, u64::MAX).until_ms, u64::MAX);
}

#[test]
fn fault_b5_a_tariff_change_in_the_call_does_not_touch_it() {
    let change = Beijing::date(2026, 11, 1).wall();
    let first = TariffVersion { valid_to: Some(change), ..shipped("T1") };
    let mut second = TariffVersion { version: 2, valid_from: change, ..shipped("T2a") };
    second.plan = first.plan.clone();
    let tariffs = Tariffs::from(vec![second, first]);
    assert_eq!(tariffs.validate(), []);
    let rated = |started_at: Wall| {
        let at = Usage { started_at, ..usage(120_000) };
        let version = tariffs.version_at(&PlanId::new("T1"), at.started_at).expect("a version holds");
        let charge = price(&at, version, 0);
        (charge.tariff_version, charge.amount_e4)
    };
    assert_eq!(rated(Wall(change.0 - 1)), (1, Money(6_000)), "two minutes that end after the change");
    assert_eq!(rated(change), (2, Money(12_000)));
}

#[test]
fn f11_the_sum_on_paper() {
    let steps = |plan, ms| price(&usage(ms), &shipped(plan), 0).steps();
    assert_eq!(
        steps("T2a", 60_001),
        ["60,001 ms → 61 s (rounded up)", "61 s ÷ 6 s → 11 units", "11 × 0.06 = 0.66"]
    );
    assert_eq!(steps("T1", 1_000), ["1,000 ms → 1 s", "1 s ÷ 60 s → 1 unit", "1 × 0.30 = 0.30"]);
    assert_eq!(steps("T3", 61_000)[2], "66 s × 0.60 ÷ 60 s = 0.66");
    assert_eq!(steps("T6", 5_000), ["1 call × 1.00 = 1.00"]);
    let missed = price(&Usage { answered: false, ..usage(9_000) }, &shipped("T1"), 0);
    assert_eq!(missed.steps(), ["nothing to charge = 0.00"]);
}

#[test]
fn f11_f16_first_unit_fee_and_rounding_stand_on_paper() {
    let mut version = shipped("T1");
    let per = Per::Time { unit_ms: 6_000, first_unit_ms: 30_000, price_e4: Money(5_000), price_ms: 60_000 };
    version.components[1].price = Some(RateRule { zone: ZoneRule::AnyZone, per });
    version.components.push(ChargeComponent {
        name: "function fee".to_owned(),
        payer: Payer::Enterprise,
        price: Some(RateRule {
            zone: ZoneRule::AnyZone,
            per: Per::Call { price_e4: Money(75), calls: Calls::Answered },
        }),
    });
    let up = price(&usage(37_000), &version, 0);
    assert_eq!(
        up.steps()[1..],
        [
            "37 s − 30 s = 7 s; 7 s ÷ 6 s → 2; 1 + 2 = 3 units",
            "42 s × 0.50 ÷ 60 s + 0.0075 a call = 0.3575",
            "0.3575 → 0.36 (up, 2 decimals)",
        ]
    );
    version.rounding = Rounding { mode: RoundingMode::HalfEven, decimals: 1, at: RoundAt::Invoice };
    assert_eq!(
        price(&usage(37_000), &version, 0).amount_e4,
        Money(3_575),
        "the invoice rounds, not the call"
    );
}

#[test]
fn f16_up_and_half_to_even() {
    let round =
        |e4: i64, mode, decimals| plan::Fraction { over: i128::from(e4), under: 1 }.rounded(mode, decimals).0;
    let up = [0, 1, 100, 101].map(|e4| round(e4, RoundingMode::Up, 2));
    assert_eq!(up, [0, 100, 100, 200]);
    let even = [49, 50, 51, 150, 250, 251].map(|e4| round(e4, RoundingMode::HalfEven, 2));
    assert_eq!(even, [0, 0, 100, 200, 200, 300]);
    assert_eq!([1, 9_999].map(|e4| round(e4, RoundingMode::Up, 4)), [1, 9_999]);
    assert_eq!([5_000, 15_000].map(|e4| round(e4, RoundingMode::HalfEven, 0)), [0, 20_000]);
}

#[test]
fn f13_a_call_has_one_sale_and_the_cost_of_each_leg_that_answered() {
    let (sale, cost) = (shipped("T1"), shipped("C1"));
    let mut record = answered_call(61_000);
    let charges = rate_call(&record, &sale, |_| Some(&cost), Zone::LongDistance);
    let rows: Vec<_> = charges.iter().map(|c| (c.kind, c.leg, c.revision, c.amount_e4)).collect();
    assert_eq!(rows, [(ChargeKind::Sale, 0, 0, Money(6_000)), (ChargeKind::Cost, 2, 0, Money(1_200))]);
    assert_eq!(margin(&charges), Money(4_800));

    record.legs[0].outcome = LegOutcome::LateAnswer;
    record.legs[0].answered_at = record.answered_at;
    record.legs[0].cost_ms = 40;
    let charges = rate_call(&record, &sale, |_| Some(&cost), Zone::LongDistance);
    assert_eq!(charges.len(), 3, "a late answer costs us, and is not sold twice");
    assert_eq!(margin(&charges), Money(4_200));

    let own_line = rate_call(&record, &sale, |leg| (leg.trunk == "carrier-1").then_some(&cost), Zone::Local);
    assert_eq!(own_line.iter().map(|c| c.leg).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn an_unanswered_call_has_no_sale_and_an_answered_moment_has_one_of_nothing() {
    let sale = shipped("T1");
    let moment = rate_call(&answered_call(0), &sale, |_| None, Zone::Local);
    assert_eq!(
        moment.iter().map(|c| (c.kind, c.amount_e4)).collect::<Vec<_>>(),
        [(ChargeKind::Sale, Money::ZERO)]
    );

    let mut missed = answered_call(0);
    (missed.answered_at, missed.joined_at, missed.status) = (None, None, AnswerStatus::NoAnswer);
    assert_eq!(rate_call(&missed, &sale, |_| None, Zone::Local), []);

    let mut each_call = shipped("T6");
    each_call.components[1].price = Some(RateRule {
        zone: ZoneRule::AnyZone,
        per: Per::Call { price_e4: Money(1_000), calls: Calls::All },
    });
    assert_eq!(
        rate_call(&missed, &each_call, |_| None, Zone::Local).len(),
        1,
        "where the contract states it"
    );
    missed.status = AnswerStatus::Barred;
    assert_eq!(
        rate_call(&missed, &each_call, |_| None, Zone::Local),
        [],
        "a barred call was never delivered"
    );
}

#[test]
fn f17_a_fee_per_call_waits_for_the_instant_that_charging_starts_from() {
    let mut record = answered_call(9_000);
    record.joined_at = None;
    let amounts = |record: &CallRecord| {
        let charges = rate_call(record, &shipped("T6"), |_| None, Zone::Local);
        charges.iter().map(|charge| charge.amount_e4).collect::<Vec<_>>()
    };
    assert_eq!(amounts(&record), [Money(10_000)], "our 200 is the answer");
    record.charging_from = ChargingFrom::TwoParty;
    record.sale_ms = 0;
    assert_eq!(amounts(&record), [Money::ZERO], "two parties never talked");
}

#[test]
fn fault_b1_rating_again_adjusts_once() {
    let posted = price(&usage(61_000), &shipped("T1"), 0);
    let now = price(&usage(61_000), &shipped("T2a"), 0);
    let up = adjustment(&posted, &now).expect("0.60 became 0.66");
    assert_eq!((up.revision, up.amount_e4, up.fee_e4()), (1, Money(600), Money(6_600)));
    assert_eq!(up.steps().last().map(String::as_str), Some("0.66 − 0.60 posted before = 0.06"));
    assert_eq!(adjustment(&up, &now), None, "a second time finds nothing to do");
    let down = adjustment(&up, &price(&usage(61_000), &shipped("T2b"), 0)).expect("0.66 became 0.20");
    assert_eq!((down.revision, down.amount_e4, down.fee_e4()), (2, Money(-4_600), Money(2_000)));
}

#[test]
fn charges_read_back_from_json_and_postcard() {
    let mut dice = Dice(11);
    for _ in 0..200 {
        let charge = price(&usage(dice.roll(500_000)), &any_version(&mut dice), 3);
        let json = serde_json::to_string(&charge).expect("a charge is JSON");
        assert_eq!(serde_json::from_str::<Charge>(&json).expect("the same JSON"), charge);
        let bytes = postcard::to_allocvec(&charge).expect("a charge is postcard");
        assert_eq!(postcard::from_bytes::<Charge>(&bytes).expect("the same bytes"), charge);
        assert_eq!(charge.steps(), postcard::from_bytes::<Charge>(&bytes).expect("the same bytes").steps());
    }
}
