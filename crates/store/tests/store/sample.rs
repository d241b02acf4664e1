//! Calls, charges and entries as the core makes them, in many shapes, from a number.

use std::sync::{Arc, LazyLock};

use hotline::call::{PauseEnd, PauseWhy};
use hotline::cdr::*;
use hotline::ledger::{AccountKind, Posting, post};
use hotline::rating::{Charge, Tariffs, Usage, Zone, price};
use hotline::region::{Carrier, Region, RegionKind, RegionSource};
use hotline::settlement::{Settlement, TenantState};
use hotline::{Beijing, CallId, HotlineNumber, PlanId, RecordingId, TenantId, Wall};
use store::Change;

/// 2026-10-10 09:00 in Beijing.
pub fn morning() -> Wall {
    Beijing::parse("2026-10-10T09:00").unwrap().wall()
}

pub fn change(at: Wall) -> Change {
    Change { by: "operator".into(), at }
}

pub fn tenant(n: u64) -> TenantId {
    TenantId::new(["huaxin", "lantian", "sample-3"][n as usize % 3])
}

pub fn number(n: u64) -> HotlineNumber {
    HotlineNumber::from_suffix(6_010_114 + n as u32 % 3).unwrap()
}

const STATUSES: [(AnswerStatus, Cause); 6] = [
    (AnswerStatus::Answered, Cause::HangUp),
    (AnswerStatus::Busy, Cause::AllBusy),
    (AnswerStatus::NoAnswer, Cause::NoAnswer),
    (AnswerStatus::Abandoned, Cause::CallerCancelled),
    (AnswerStatus::Barred, Cause::Blocked),
    (AnswerStatus::Failed, Cause::TrunkFailed),
];

/// The n-th call: every third answered, the others in all other ways; one a minute.
pub fn settlement(n: u64) -> Settlement {
    let started_at = Wall(morning().0 + n as i64 * 60_000);
    let (status, cause) = if n.is_multiple_of(3) { STATUSES[0] } else { STATUSES[n as usize % 6] };
    settlement_of(n, started_at, status, cause)
}

/// An answered call of 61 s that began at an instant.
pub fn answered_at(n: u64, started_at: Wall) -> Settlement {
    settlement_of(n, started_at, AnswerStatus::Answered, Cause::HangUp)
}

fn settlement_of(n: u64, started_at: Wall, status: AnswerStatus, cause: Cause) -> Settlement {
    let answered = status == AnswerStatus::Answered;
    let talk_ms = if answered { 61_000 } else { 0 };
    let record = CallRecord {
        call: CallId::at(started_at.0, u128::from(n)),
        tenant: tenant(n),
        number: number(n),
        version: 1,
        trunk: "carrier-a".into(),
        caller: format!("138{:08}", n * 7919 % 100_000_000),
        region: region(n),
        answered_by: if answered { "01062345601".into() } else { String::new() },
        destination: if answered { "front-desk".into() } else { String::new() },
        started_at,
        answered_at: answered.then_some(Wall(started_at.0 + 3_000)),
        joined_at: answered.then_some(Wall(started_at.0 + 3_010)),
        ended_at: Wall(started_at.0 + 3_000 + talk_ms as i64),
        status,
        cause,
        ended_by: Party::Caller,
        charging_from: ChargingFrom::Answer,
        post_dial_ms: answered.then_some(812),
        talk_ms,
        sale_ms: talk_ms,
        forwards: (n % 4) as u8,
        recording: n.is_multiple_of(6).then(|| RecordingId::at(started_at.0, u128::from(n))),
        password: String::new(),
        queue: if answered { "sales".into() } else { String::new() },
        wait_ms: n % 3 * 1_000,
        offers: (n % 4) as u16,
        transfers: (n % 3) as u16,
        hold_ms: n % 5 * 1_000,
        agent: if answered { "8001".into() } else { String::new() },
        messages: Vec::new(),
        consent: Some(hotline::consent::Choice::Agreed),
        pauses: pauses(n, started_at),
        rating: None,
        results: Vec::new(),
        spills: Vec::new(),
        arms: Vec::new(),
        callback: None,
        calls_back: None,
        priority: (n % 10) as u8,
        flow: if n.is_multiple_of(3) { "main menu".into() } else { String::new() },
        flow_version: n.is_multiple_of(3).into(),
        keys: keys(n, started_at),
        recording_cut: false,
        quality: answered.then(|| quality(n)),
        legs: legs(n, started_at, status),
    };
    let charges = charges(&record);
    let posting = Posting {
        tenant: &record.tenant,
        account: AccountKind::Prepaid,
        call: record.call,
        posted_at: record.ended_at,
    };
    let entries = post(&posting, &charges, &record.legs);
    let pointer =
        TenantState { key: format!("pointer/{}/sales", record.number), value: n.to_string(), position: n };
    let log = format!("invite {n} from {} to {}; ", record.caller, record.number).repeat(6).into_bytes();
    // As with an enterprise that counts all calls it admits, not only those answered.
    let counts = record.status != AnswerStatus::Barred;
    let messages = Vec::new();
    let (states, deeds) = (vec![pointer], Vec::new());
    let callbacks = Vec::new();
    let stays = Vec::new();
    Settlement {
        position: n,
        record,
        counts,
        charges,
        entries,
        log,
        messages,
        states,
        deeds,
        callbacks,
        stays,
    }
}

fn keys(n: u64, at: Wall) -> Vec<KeyRecord> {
    let key = |place: i64| KeyRecord {
        step: "menu".into(),
        keys: place.to_string(),
        at: Wall(at.0 + 1_000 * place),
    };
    if n.is_multiple_of(3) { (1..3).map(key).collect() } else { Vec::new() }
}

fn pauses(n: u64, at: Wall) -> Vec<PauseRecord> {
    let pause = PauseRecord {
        from: Wall(at.0 + 5_000),
        until: Wall(at.0 + 9_000),
        why: PauseWhy::Ordered,
        by: "王芳".into(),
        how: n.is_multiple_of(12).then_some(PauseEnd::Limit),
        ended_by: String::new(),
    };
    if n.is_multiple_of(6) { vec![pause] } else { Vec::new() }
}

fn region(n: u64) -> Region {
    let places = [("广东", "深圳", "0755"), ("北京", "北京", "010"), ("上海", "上海", "021")];
    let Some((province, city, area_code)) = places.get(n as usize % 4) else { return Region::unknown() };
    Region {
        kind: RegionKind::Mainland,
        province: Arc::from(*province),
        city: Arc::from(*city),
        area_code: Arc::from(*area_code),
        carrier: Some(Carrier::Mobile),
        source: RegionSource::MobilePrefix,
    }
}

fn quality(n: u64) -> Quality {
    Quality { received: 3050, sent: 3051, lost: n % 5, jitter_us: 1200, mos_e2: 432, strangers: 0 }
}

fn legs(n: u64, started_at: Wall, status: AnswerStatus) -> Vec<LegRecord> {
    if status == AnswerStatus::Barred {
        return Vec::new();
    }
    let answered = status == AnswerStatus::Answered;
    let leg = |leg: u8, outcome: LegOutcome| LegRecord {
        leg,
        destination: format!("desk-{leg}"),
        dialled: "01062345601".into(),
        trunk: "carrier-a".into(),
        kind: if leg == 1 { AttemptKind::Target } else { AttemptKind::ForwardBusy },
        invited_at: Wall(started_at.0 + 20),
        rang_at: Some(Wall(started_at.0 + 812)),
        answered_at: (outcome == LegOutcome::Answered).then_some(Wall(started_at.0 + 3_000)),
        ended_at: Wall(started_at.0 + 64_000),
        outcome,
        status: if outcome == LegOutcome::Answered { 200 } else { 486 },
        cost_ms: if outcome == LegOutcome::Answered { 61_010 } else { 0 },
        quality: (outcome == LegOutcome::Answered).then(|| quality(n)),
    };
    if answered {
        vec![leg(1, LegOutcome::Busy), leg(2, LegOutcome::Answered)]
    } else {
        vec![leg(1, LegOutcome::Busy)]
    }
}

/// One sale by T2a and one cost by C1 for an answered call.
fn charges(record: &CallRecord) -> Vec<Charge> {
    let mut charges = Vec::new();
    if record.status == AnswerStatus::Answered {
        charges.push(charge(record, "T2a", record.sale_ms, 0));
        charges.push(charge(record, "C1", record.legs[1].cost_ms, 2));
    }
    charges
}

/// The charge of a plan as shipped.
pub fn charge(record: &CallRecord, plan: &str, usage_ms: u64, leg: u8) -> Charge {
    static TARIFFS: LazyLock<Tariffs> = LazyLock::new(Tariffs::shipped);
    let version = TARIFFS.version_at(&PlanId::new(plan), record.started_at).expect("a shipped plan");
    price(
        &Usage { started_at: record.started_at, usage_ms, answered: true, zone: Zone::LongDistance },
        version,
        leg,
    )
}

/// Every settlement from 0 on.
pub fn settlements(count: u64) -> Vec<Settlement> {
    (0..count).map(settlement).collect()
}
