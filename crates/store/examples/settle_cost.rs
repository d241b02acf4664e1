//! What one settled call costs an SQLite database that holds a million records already: CPU of the whole process, at
//! the shipped settings (WAL, `synchronous=FULL`), in batches as the journal feeds them.
//!
//! `cargo run --release -p store --example settle_cost -- [records there] [calls measured] [calls in a batch]
//! [enterprises] [folder]`

use std::time::Instant;

use hotline::ledger::{AccountKind, Posting, post};
use hotline::{HotlineNumber, TenantId, Wall};
use store::{Settlement, Store};

/// The suite's sample calls; this program needs only some of them.
#[allow(dead_code)]
#[path = "../tests/store/sample.rs"]
mod sample;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut words = std::env::args().skip(1);
    let mut count = |unless: u64| words.next().and_then(|word| word.parse().ok()).unwrap_or(unless);
    let (there, measured, batch, tenants) = (count(1_000_000), count(50_000), count(250), count(1_000));
    let folder = std::env::args().nth(5).map_or_else(std::env::temp_dir, Into::into);
    let path = folder.join(format!("settle-cost-{}.db", std::process::id()));
    let store = Store::open(&format!("sqlite:{}", path.display())).await.expect("a database");
    store.migrate().await.expect("tables");
    run(&store, 0..there, 4096, tenants).await;
    let filled_bytes = std::fs::metadata(&path).expect("a file").len();
    println!("{there} records there, {} bytes each", filled_bytes / there.max(1));
    for round in 0..3 {
        let from = there + round * measured;
        let made = cost_of_making(from..from + measured, batch, tenants);
        let (cpu, began) = (cpu_us(), Instant::now());
        run(&store, from..from + measured, batch, tenants).await;
        let cpu_each = (cpu_us() - cpu).saturating_sub(made) / measured;
        let wall_each = began.elapsed().as_micros() as u64 / measured;
        println!("making the values took {} µs CPU a call", made / measured);
        println!("round {round}: {cpu_each} µs CPU, {wall_each} µs wall a call, batches of {batch}");
    }
    let began = Instant::now();
    let findings = store.verify().await.expect("verify");
    println!("verify: {} findings in {:.1} s", findings.len(), began.elapsed().as_secs_f64());
    store.close().await;
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", path.display()));
    }
}

/// One answered call of one of so many enterprises, each with two numbers: two legs, a sale, a cost, their entries and a log of 700 bytes, 100 ms after the one before.
fn call(n: u64, tenants: u64) -> Settlement {
    let mut one = sample::answered_at(n, Wall(sample::morning().0 + n as i64 * 100));
    let scattered = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let tenant = scattered % tenants;
    one.record.recording = None;
    one.record.tenant = TenantId::new(&format!("tenant-{tenant:04}"));
    let suffix = 6_000_000 + tenant as u32 * 2 + scattered as u32 / 4096 % 2;
    one.record.number = HotlineNumber::from_suffix(suffix).expect("seven digits");
    one.record.caller = format!("13{:09}", scattered % 1_000_000_000);
    let posting = Posting {
        tenant: &one.record.tenant,
        account: AccountKind::Prepaid,
        call: one.record.call,
        posted_at: one.record.ended_at,
    };
    one.entries = post(&posting, &one.charges, &one.record.legs);
    let noise = (0..350u64).map(|byte| (scattered.wrapping_mul(byte * 2 + 1) >> 9) as u8);
    one.log = noise.chain((0..350u64).map(|byte| (byte % 35) as u8)).collect();
    one
}

async fn run(store: &Store, numbers: std::ops::Range<u64>, batch: u64, tenants: u64) {
    let mut from = numbers.start;
    while from < numbers.end {
        let to = (from + batch).min(numbers.end);
        let settlements: Vec<Settlement> = (from..to).map(|n| call(n, tenants)).collect();
        store.settle(&settlements, "node-1").await.expect("settled");
        from = to;
    }
}

/// CPU that making the values takes, which is the core's cost and not the store's.
fn cost_of_making(numbers: std::ops::Range<u64>, batch: u64, tenants: u64) -> u64 {
    let before = cpu_us();
    for from in numbers.clone().step_by(batch as usize) {
        let made: Vec<Settlement> =
            (from..(from + batch).min(numbers.end)).map(|n| call(n, tenants)).collect();
        std::hint::black_box(&made);
    }
    cpu_us() - before
}

/// User and system time of the process so far, in microseconds (ticks of 10 ms).
fn cpu_us() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let (_, fields) = stat.rsplit_once(')').expect("a name in brackets");
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |place: usize| fields[place].parse::<u64>().expect("a count");
    // Fields 14 and 15 of proc(5); the first after the name is field 3.
    (ticks(11) + ticks(12)) * 10_000
}
