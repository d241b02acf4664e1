//! Figures of those who are no carriers: phones that register, and strangers that flood.

use super::call::{self, PLAIN};
use super::peer::{Product, scratch};
use super::process::Running;
use super::table::{Row, number};
use super::{Effort, cost, median};
use crate::json::{self, Json};
use crate::shell::{self, Outcome, failed};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Two enterprises with so many phones each.
const ENTERPRISES: [&str; 2] = ["bench-east", "bench-west"];
const PHONES: u32 = 10_000;
const FIRST: u32 = 810_000;
const PASSWORD: &str = "a password of the bench";

/// CPU of a refresh with a nonce that is still good, and the memory of 20,000 phones.
pub fn register(effort: &Effort) -> Outcome<Vec<Row>> {
    let refresh = "REGISTER refresh with a good nonce, CPU";
    let product = match Product::prepare("setup_phones.txt")? {
        Ok(product) => product,
        Err(absent) => return Ok(vec![Row::absent(refresh, &absent)]),
    };
    for enterprise in ENTERPRISES {
        let file = product.log(enterprise).with_extension("yaml");
        std::fs::write(&file, document(enterprise))
            .or_else(|error| failed(format!("{}: {error}", file.display())))?;
        let words = ["import", &file.to_string_lossy(), "--apply", "--config", "serve.toml"];
        shell::step("set up", product.command(&words))?;
    }
    let program = cost::build_program("bench", "register_load")?;
    let (mut first_us, mut refresh_us, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=effort.rounds {
        eprintln!("── round {round} of {}", effort.rounds);
        let run = registered(&product, &program)?;
        first_us.push(run.first_us);
        refresh_us.push(run.refresh_us);
        bytes.push(run.bytes);
    }
    let first = format!("{} µs", number(median(&first_us)));
    let each = format!("{} KB each", number(median(&bytes) / 1024.0));
    Ok(vec![
        Row::against(refresh, median(&refresh_us), "µs", 60.0, false),
        Row::told("… of a first registration, challenged once", first),
        Row::told("memory of 20,000 registered phones", each),
    ])
}

struct Registered {
    first_us: f64,
    refresh_us: f64,
    bytes: f64,
}

fn registered(product: &Product, program: &str) -> Outcome<Registered> {
    let peer = product.serve()?;
    let (log, go) = (product.log("register"), product.log("go"));
    // What an earlier round left there would let this one refresh at once.
    let _ = std::fs::remove_file(&go);
    let (cpu, memory) = (peer.running.cpu_seconds(), peer.running.anonymous_bytes());
    let users = format!("{FIRST}-{}", FIRST + PHONES - 1);
    let words = ["--users", &users, "--of", &ENTERPRISES.join(","), "--password", PASSWORD];
    let mut command = shell::command(program, &words);
    command.args(["--registrar", &product.target.to_string(), "--go", &go.to_string_lossy()]);
    let mut running = Running::start(command, &log)?;
    let all = f64::from(PHONES) * ENTERPRISES.len() as f64;
    await_number(&mut running, &log, "registered", all)?;
    settle();
    let first = peer.running.cpu_seconds() - cpu;
    let grown = peer.running.anonymous_bytes().saturating_sub(memory) as f64;
    let cpu = peer.running.cpu_seconds();
    std::fs::write(&go, "").or_else(|error| failed(format!("{}: {error}", go.display())))?;
    let told = await_number(&mut running, &log, "refreshed", all)?;
    settle();
    let again = peer.running.cpu_seconds() - cpu;
    match told.number("asked") {
        Some(0.0) => {
            Ok(Registered { first_us: first * 1e6 / all, refresh_us: again * 1e6 / all, bytes: grown / all })
        }
        asked => failed(format!("{asked:?} refreshes were challenged again")),
    }
}

/// What other threads do behind an answer is done by then.
fn settle() {
    sleep(Duration::from_millis(1_500));
}

fn await_number(running: &mut Running, log: &Path, name: &str, wanted: f64) -> Outcome<Json> {
    let begun = Instant::now();
    loop {
        // Looked at before the file is read: what an ended program said is complete.
        let alive = running.is_alive();
        let text = std::fs::read_to_string(log).unwrap_or_default();
        if let Some(object) = json::last_object(&text)
            && object.number(name) == Some(wanted)
        {
            return Ok(object);
        }
        if !alive || begun.elapsed() > Duration::from_secs(150) {
            return failed(format!(
                "`register_load` never said {name}: {}",
                text.lines().last().unwrap_or("")
            ));
        }
        sleep(Duration::from_millis(20));
    }
}

fn document(enterprise: &str) -> String {
    let phone = |number: u32| format!("  - {{name: p{number}, number: {number}, password: {PASSWORD}}}\n");
    let phones: String = (FIRST..FIRST + PHONES).map(phone).collect();
    format!(
        "sibai: 1\nenterprise: {{id: {enterprise}, name: {enterprise}}}\nplan: T1\naccount: postpaid\nextensions:\n{phones}numbers: []\n"
    )
}

/// How long strangers flood, and the carrier's calls meanwhile.
const FLOOD_SECONDS: u32 = 30;
const FLOOD_RATE: u32 = 100;
/// Where they come from: an address of loopback that is no trunk's.
const STRANGER: &str = "127.0.0.66:0";
/// 64·T1: every transaction is over then.
const AFTERWARDS: Duration = Duration::from_secs(34);

/// A flood from one address while the carrier calls (FAULTS N3): lost calls, CPU of a packet, memory.
pub fn flood(effort: &Effort) -> Outcome<Vec<Row>> {
    let what = "flood from one address: CPU of a packet";
    let product = match Product::prepare("setup.txt")? {
        Ok(product) => product,
        Err(absent) => return Ok(vec![Row::absent(what, &absent)]),
    };
    let program = cost::build_program("bench", "flood")?;
    let load = call::Load {
        number: PLAIN,
        rate: FLOOD_RATE,
        seconds: FLOOD_SECONDS,
        warm_up_seconds: 5,
        hold_ms: 2_000,
        rtp: false,
    };
    let (mut costs, mut rates, mut lost, mut grown) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        let quiet = call::measured(&product, &product.serve()?, &load)?;
        let peer = product.serve()?;
        let memory = peer.running.anonymous_bytes();
        let mut command = shell::command(&program, &["--from", STRANGER]);
        let seconds = (FLOOD_SECONDS + 5).to_string();
        command.args(["--target", &product.target.to_string(), "--seconds", &seconds]);
        let log = scratch("flood")?.join("log");
        let mut flood = Running::start(command, &log)?;
        let sample = call::measured(&product, &peer, &load)?;
        flood.wait()?;
        let told = json::last_object(&std::fs::read_to_string(&log).unwrap_or_default());
        let per_second = told.and_then(|told| told.number("per_second")).unwrap_or(f64::NAN);
        let per_call = sample.cpu_us_per_call - quiet.cpu_us_per_call;
        costs.push(per_call * f64::from(FLOOD_RATE) / per_second);
        rates.push(per_second);
        lost.push(sample.failed_share() * 100.0);
        sleep(AFTERWARDS);
        grown.push(peer.running.anonymous_bytes().saturating_sub(memory) as f64 / 1e6);
    }
    Ok(vec![
        Row::against(what, median(&costs), "µs", 20.0, false),
        Row::told("… packets sent by one core", format!("{}/s", number(median(&rates)))),
        Row::against("… carrier's calls lost meanwhile at 100/s", median(&lost), "%", 10.0, false),
        Row::against("… memory grown 64·T1 later", median(&grown), "MB", 64.0, false),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_all_phones() {
        let text = document("bench-east");
        assert_eq!(text.lines().filter(|line| line.contains("password")).count(), PHONES as usize);
        assert!(text.contains("number: 819999"));
    }
}
