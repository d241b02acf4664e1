//! What rating and posting a call costs: calls per second on one core, in memory. `cargo run --release -p hotline
//! --example rate_cost`.

#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::hint::black_box;
use std::time::Instant;

use hotline::cdr::{
    AnswerStatus, AttemptKind, CallRecord, Cause, ChargingFrom, LegOutcome, LegRecord, Party,
};
use hotline::ledger::{AccountKind, Posting, post};
use hotline::rating::{Tariffs, Zone, rate_call};
use hotline::region::Region;
use hotline::{Beijing, CallId, PlanId, TenantId, Wall};

const CALLS: u128 = 200_000;
const ROUNDS: usize = 7;

fn main() {
    let started_at = Beijing::date(2026, 10, 10).wall();
    let mut record = answered_call(started_at);
    let tariffs = Tariffs::shipped();
    let (sale, cost) = (PlanId::new("T2"), PlanId::new("C1"));
    let mut rates: Vec<f64> = (0..ROUNDS).map(|_| round(&mut record, &tariffs, &sale, &cost)).collect();
    rates.sort_by(f64::total_cmp);
    println!(
        "rate and post, one sale and one cost a call: {:.0} calls/s (median of {ROUNDS})",
        rates[ROUNDS / 2]
    );
    if std::env::args().any(|argument| argument == "--json") {
        println!("{{\"per_second\":{:.0}}}", rates[ROUNDS / 2]);
    }
}

fn round(record: &mut CallRecord, tariffs: &Tariffs, sale: &PlanId, cost: &PlanId) -> f64 {
    let begun = Instant::now();
    for call in 0..CALLS {
        let usage_ms = (call as u64 * 7_919) % 600_000;
        record.call = CallId::at(record.started_at.0, call);
        record.sale_ms = usage_ms;
        record.legs[0].cost_ms = usage_ms;
        let version = tariffs.version_at(sale, record.started_at).expect("T2 is shipped");
        let charges =
            rate_call(record, version, |leg| tariffs.version_at(cost, leg.invited_at), Zone::LongDistance);
        let posting = Posting {
            tenant: &record.tenant,
            account: AccountKind::Prepaid,
            call: record.call,
            posted_at: record.ended_at,
        };
        black_box(post(&posting, &charges, &record.legs));
    }
    CALLS as f64 / begun.elapsed().as_secs_f64()
}

fn answered_call(started_at: Wall) -> CallRecord {
    let answered_at = Some(Wall(started_at.0 + 8_000));
    let ended_at = Wall(started_at.0 + 600_000);
    CallRecord {
        call: CallId::at(started_at.0, 0),
        tenant: TenantId::new("acme"),
        number: "4006010114".parse().expect("a 400 number"),
        version: 1,
        trunk: "inbound".to_owned(),
        caller: "13800138000".to_owned(),
        region: Region::default(),
        answered_by: "01088886666".to_owned(),
        destination: "front desk".to_owned(),
        started_at,
        answered_at,
        joined_at: answered_at,
        ended_at,
        status: AnswerStatus::Answered,
        cause: Cause::HangUp,
        ended_by: Party::Caller,
        charging_from: ChargingFrom::Answer,
        post_dial_ms: Some(1_000),
        talk_ms: 0,
        sale_ms: 0,
        forwards: 0,
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
        consent: None,
        rating: None,
        results: Vec::new(),
        spills: Vec::new(),
        arms: Vec::new(),
        callback: None,
        calls_back: None,
        recording_cut: false,
        quality: None,
        legs: vec![LegRecord {
            leg: 1,
            destination: "front desk".to_owned(),
            dialled: "01088886666".to_owned(),
            trunk: "carrier-1".to_owned(),
            kind: AttemptKind::Target,
            invited_at: started_at,
            rang_at: Some(started_at),
            answered_at,
            ended_at,
            outcome: LegOutcome::Answered,
            status: 200,
            cost_ms: 0,
            quality: None,
        }],
    }
}
