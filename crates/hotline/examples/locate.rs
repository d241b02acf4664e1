//! Nanoseconds of one region lookup, over a million callers in random order (row R36: at most 50):
//! `cargo run --release -p hotline --example locate`.

#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::hint::black_box;
use std::time::Instant;

use hotline::region::{RegionTable, normalise};

const CALLERS: usize = 1_000_000;

fn main() {
    let began = Instant::now();
    let table = RegionTable::shipped();
    println!("unpacked {} prefixes in {:.1} ms", table.prefix_count(), began.elapsed().as_secs_f64() * 1e3);
    let mobiles = callers(|random| format!("1{:010}", 3_000_000_000 + random % 7_000_000_000));
    let landlines =
        callers(|random| format!("0{:03}{:07}", 310 + random % 690, 2_000_000 + random % 7_000_000));
    let mut slowest: f64 = 0.0;
    for (kind, callers) in [("mobile", &mobiles), ("landline", &landlines)] {
        let known = median(callers, |caller| _ = black_box(table.known(black_box(caller))));
        let locate = median(callers, |caller| drop(black_box(table.locate(black_box(caller)))));
        let whole = median(callers, |caller| drop(black_box(normalise(black_box(caller), Some("010")))));
        println!("{kind}: known {known:.1} ns, locate with its copy {locate:.1} ns, normalise {whole:.1} ns");
        slowest = slowest.max(locate);
    }
    if std::env::args().any(|argument| argument == "--json") {
        println!("{{\"ns\":{slowest:.1}}}");
    }
}

/// Callers in an order that no cache foresees, the same on each run.
fn callers(number: impl Fn(u64) -> String) -> Vec<String> {
    let mut state = 1u64;
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        number(state >> 20)
    };
    (0..CALLERS).map(next).collect()
}

/// The median of seven rounds, in nanoseconds a caller.
fn median(callers: &[String], mut work: impl FnMut(&str)) -> f64 {
    let mut rounds: Vec<f64> = (0..7)
        .map(|_| {
            let began = Instant::now();
            callers.iter().for_each(|caller| work(caller));
            began.elapsed().as_secs_f64() * 1e9 / callers.len() as f64
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}
