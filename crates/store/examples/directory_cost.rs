//! What a whole provider costs to import and to read back for the directory: enterprises of twenty plain numbers each.
//!
//! `cargo run --release -p store --example directory_cost -- [numbers] [folder]`

use std::time::Instant;

use hotline::enterprise::Enterprise;
use hotline::{HotlineNumber, Wall};
use store::{Change, Store};

/// Numbers of one enterprise, and enterprises of one transaction.
const HELD: u32 = 20;
const CHUNK: usize = 2_000;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let numbers: u32 = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(2_000_000);
    let folder = std::env::args().nth(2).map_or_else(std::env::temp_dir, Into::into);
    let path = folder.join(format!("directory-cost-{}.db", std::process::id()));
    let store = Store::open(&format!("sqlite:{}", path.display())).await.expect("a database");
    store.migrate().await.expect("tables");
    let change = Change { by: "example".into(), at: Wall(0) };
    let began = Instant::now();
    let enterprises: Vec<u32> = (0..numbers / HELD).collect();
    for some in enterprises.chunks(CHUNK) {
        let made: Vec<Enterprise> = some.iter().map(|n| enterprise(*n)).collect();
        store.put_new_enterprises(&made, &change).await.expect("stored");
    }
    println!("{numbers} numbers imported in {:.1} s", began.elapsed().as_secs_f64());
    let (began, mut read, mut after) = (Instant::now(), 0, None);
    loop {
        let page = store.numbers(after, 10_000).await.expect("a page");
        let Some(last) = page.last() else { break };
        after = Some(last.number);
        read += page.len();
    }
    println!("{read} numbers read in {:.1} s", began.elapsed().as_secs_f64());
    store.close().await;
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", path.display()));
    }
}

fn enterprise(n: u32) -> Enterprise {
    let number = |place: u32| {
        let number = HotlineNumber::from_suffix(n * HELD + place).expect("seven digits");
        serde_json::json!({
            "number": number, "enabled": true, "destinations": [], "groups": [], "rules": [],
            "otherwise": {"hang_up": {"prompt": null}}, "forwards": {"on_busy": [], "on_no_answer": []}, "block": [],
            "limits": {"count_unanswered": false}, "ringback": "tone",
            "recording": {"enabled": false, "notice": "recording_notice"}, "talk_s_max": 14_400,
        })
    };
    let numbers: Vec<serde_json::Value> = (0..HELD).map(number).collect();
    let document = serde_json::json!({
        "id": format!("tenant-{n:06}"), "name": "样例", "plan": "T1", "account": "prepaid", "balance_end": "strict",
        "charging_from": "answer", "limits": {"count_unanswered": false}, "schedules": [], "region_sets": [],
        "caller_lists": [], "numbers": numbers,
    });
    serde_json::from_value(document).expect("a plain enterprise")
}
