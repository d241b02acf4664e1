//! Figures with whole calls: the same load against the product and against Kamailio, rounds interleaved.
//! CPU is taken from the kernel between the end of the warm-up and the end of the load.

use super::peer::{self, Peer, Product};
use super::process::{Running, udp_memory_bytes};
use super::table::{Row, number};
use super::{Effort, median};
use crate::json::{self, Json};
use crate::shell::{self, Outcome, failed};
use crate::workspace;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A number whose calls are not recorded, and one whose calls are.
pub const PLAIN: &str = "4006010114";
const RECORDED: &str = "4008123888";

/// More than this share of failed calls makes a run worthless.
const FAILED_SHARE_MAX: f64 = 0.001;

/// One load run.
pub struct Load {
    pub number: &'static str,
    pub rate: u32,
    pub seconds: u32,
    pub warm_up_seconds: u32,
    pub hold_ms: u32,
    pub rtp: bool,
}

/// What a load run printed and what the peer used meanwhile.
pub struct Sample {
    pub printed: Json,
    pub cpu_us_per_call: f64,
    pub cpu_us_by_thread: BTreeMap<String, f64>,
}

impl Sample {
    /// Calls that were not answered, of all that were tried.
    pub fn failed_share(&self) -> f64 {
        let attempted = self.printed.number("attempted").unwrap_or(0.0);
        1.0 - self.printed.number("answered").unwrap_or(0.0) / attempted
    }

    /// Not a number fails the comparison, so a run without calls is never good.
    pub fn is_good(&self) -> bool {
        self.failed_share() < FAILED_SHARE_MAX
    }

    fn post_dial_p99_ms(&self) -> f64 {
        self.printed.number("post_dial_ms.p99").unwrap_or(f64::NAN)
    }
}

/// INVITE to durable, rated and posted, beside a proxy with dialog and accounting line.
pub fn full_call(effort: &Effort) -> Outcome<Vec<Row>> {
    let what = "full call without media, CPU";
    let product = match Product::prepare("setup.txt")? {
        Ok(product) => product,
        Err(absent) => return Ok(vec![Row::absent(what, &absent)]),
    };
    let load = Load {
        number: PLAIN,
        rate: effort.rate,
        seconds: effort.seconds,
        warm_up_seconds: effort.warm_up_seconds,
        hold_ms: 2_000,
        rtp: false,
    };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 1..=effort.rounds {
        eprintln!("── round {round} of {}: the product", effort.rounds);
        ours.push(measured(&product, &product.serve()?, &load)?);
        product.verify()?;
        eprintln!("── round {round} of {}: Kamailio", effort.rounds);
        match peer::kamailio(product.callee)? {
            Some(kamailio) => theirs.push(measured(&product, &kamailio, &load)?),
            None => eprintln!("── Kamailio is absent (package kamailio)"),
        }
    }
    if let Some(bad) = ours.iter().chain(&theirs).find(|sample| !sample.is_good()) {
        return failed(format!("{:.2} % of a run's calls failed", bad.failed_share() * 100.0));
    }
    Ok(full_call_rows(what, &ours, &theirs))
}

fn full_call_rows(what: &str, ours: &[Sample], theirs: &[Sample]) -> Vec<Row> {
    let cpu = |samples: &[Sample]| median(&samples.iter().map(|run| run.cpu_us_per_call).collect::<Vec<_>>());
    let first = if theirs.is_empty() {
        Row { ours: format!("{} µs", number(cpu(ours))), ..Row::absent(what, "") }
            .with_reference("Kamailio is absent")
    } else {
        Row::beside(what, cpu(ours), cpu(theirs), "µs", "Kamailio", 2.0)
    };
    let mut rows = vec![first];
    let kinds =
        ours.iter().flat_map(|run| run.cpu_us_by_thread.keys()).collect::<std::collections::BTreeSet<_>>();
    for kind in kinds {
        let of_kind = ours.iter().map(|run| run.cpu_us_by_thread.get(kind).copied().unwrap_or(0.0));
        let value = median(&of_kind.collect::<Vec<_>>());
        if value >= 0.5 {
            rows.push(Row::told(&format!("… of it in threads `{kind}`"), format!("{} µs", number(value))));
        }
    }
    let delay = median(&ours.iter().map(Sample::post_dial_p99_ms).collect::<Vec<_>>());
    rows.push(Row::told("… post-dial delay p99 at that rate", format!("{} ms", number(delay))));
    rows
}

/// Runs one load and watches the peer.
pub fn measured(product: &Product, peer: &Peer, load: &Load) -> Outcome<Sample> {
    measured_at(product, peer, peer.target, load)
}

/// The same by another way to the peer.
pub fn measured_at(product: &Product, peer: &Peer, target: SocketAddr, load: &Load) -> Outcome<Sample> {
    let log = product.log("load");
    let words = load.words(target, product.callee);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let running = Running::start(product.command(&words), &log)?;
    sleep(Duration::from_secs(load.warm_up_seconds.into()));
    let (begun, cpu, split) =
        (Instant::now(), peer.running.cpu_seconds(), peer.running.cpu_seconds_by_thread());
    sleep(Duration::from_secs(load.seconds.into()));
    let (elapsed, cpu) = (begun.elapsed().as_secs_f64(), peer.running.cpu_seconds() - cpu);
    let split_after = peer.running.cpu_seconds_by_thread();
    let printed = finished(running, &log)?;
    let good = printed.number("answered").unwrap_or(0.0) / printed.number("attempted").unwrap_or(0.0);
    let calls = f64::from(load.rate) * elapsed * good;
    let per_call = |(kind, after): (String, f64)| {
        let before = split.get(&kind).copied().unwrap_or(0.0);
        (kind, (after - before) * 1e6 / calls)
    };
    Ok(Sample {
        printed,
        cpu_us_per_call: cpu * 1e6 / calls,
        cpu_us_by_thread: split_after.into_iter().map(per_call).collect(),
    })
}

/// Waits for a load run and reads the object it printed last.
fn finished(mut running: Running, log: &std::path::Path) -> Outcome<Json> {
    let status = running.wait()?;
    let text = std::fs::read_to_string(log).unwrap_or_default();
    match json::last_object(&text) {
        Some(printed) => Ok(printed),
        None => failed(format!(
            "the load printed no JSON object ({status}): {}",
            text.lines().last().unwrap_or("")
        )),
    }
}

impl Load {
    fn words(&self, target: SocketAddr, callee: SocketAddr) -> Vec<String> {
        let text = format!(
            "load --target {target} --number {} --callee-listen {callee} --rate {} --seconds {} --warm-up {} --hold-ms {} --json{}",
            self.number,
            self.rate,
            self.seconds,
            self.warm_up_seconds,
            self.hold_ms,
            if self.rtp { " --rtp" } else { "" }
        );
        text.split(' ').map(String::from).collect()
    }
}

/// The delay that the product adds: at 200 calls/s, and at half of the highest rate with under 0.1 % failed.
pub fn delay(effort: &Effort) -> Outcome<Vec<Row>> {
    let what = "post-dial delay added, p99";
    let product = match Product::prepare("setup.txt")? {
        Ok(product) => product,
        Err(absent) => return Ok(vec![Row::absent(what, &absent)]),
    };
    let load = |rate: u32, seconds: u32| Load {
        number: PLAIN,
        rate,
        seconds,
        warm_up_seconds: effort.warm_up_seconds.min(10),
        hold_ms: 2_000,
        rtp: false,
    };
    let mut highest = 0;
    for rate in [400, 800, 1_200, 1_600, 2_000, 2_500, 3_000, 4_000, 5_000] {
        if !measured(&product, &product.serve()?, &load(rate, 10))?.is_good() {
            break;
        }
        highest = rate;
    }
    let mut rows = vec![Row::told("highest rate with < 0.1 % failed", format!("{highest} calls/s"))];
    for rate in [200, highest / 2] {
        let mut delays = Vec::new();
        for _ in 0..effort.rounds {
            let sample = measured(&product, &product.serve()?, &load(rate.max(1), effort.seconds.min(30)))?;
            delays.push(if sample.is_good() { sample.post_dial_p99_ms() } else { f64::NAN });
        }
        rows.push(Row::against(&format!("{what}, at {rate} calls/s"), median(&delays), "ms", 5.0, false));
    }
    Ok(rows)
}

/// Seconds that SIPp runs for the reference alone; its CPU, not the reference's, is what limits it.
const SIPP_SECONDS: u32 = 10;

/// Kamailio under SIPp, without the product: shows that the reference works and what it costs here.
pub fn reference_alone(effort: &Effort) -> Outcome<Vec<Row>> {
    let what = "Kamailio alone under SIPp, CPU of a call";
    if !shell::on_path("sipp") {
        return Ok(vec![Row::absent(what, "SIPp is absent (package sip-tester)")]);
    }
    let mut costs = Vec::new();
    for _ in 0..effort.rounds {
        let callee = peer::free_address()?;
        let Some(kamailio) = peer::kamailio(callee)? else {
            return Ok(vec![Row::absent(what, "Kamailio is absent (package kamailio)")]);
        };
        costs.push(under_sipp(&kamailio, callee, effort.rate.min(400))?);
    }
    Ok(vec![Row::told(what, format!("{} µs", number(median(&costs))))])
}

/// CPU microseconds of the peer for each of SIPp's calls; a single failed call is a failure.
fn under_sipp(peer: &Peer, callee: SocketAddr, rate: u32) -> Outcome<f64> {
    let folder = peer::scratch("sipp")?;
    let calls = rate * SIPP_SECONDS;
    let sipp = |scenario: &str, listen: SocketAddr, more: &str| {
        let (ip, port, media) = (listen.ip(), listen.port(), peer::free_address()?.port());
        let file = workspace::root().join("bench/sipp").join(scenario);
        let mut command = shell::command("sipp", &["-sf", &file.to_string_lossy()]);
        let text = format!("-i {ip} -p {port} -mp {media} -m {calls} -nostdin -timeout 60 {more}");
        command.args(text.split_whitespace()).current_dir(&folder);
        Running::start(command, &folder.join(scenario).with_extension("log"))
    };
    let _phones = sipp("callee.xml", callee, "")?;
    let before = peer.running.cpu_seconds_by_thread().values().sum::<f64>();
    let words = format!("-s {PLAIN} -r {rate} -d 1000 {}", peer.target);
    let status = sipp("caller.xml", peer::free_address()?, &words)?.wait()?;
    let used = peer.running.cpu_seconds_by_thread().values().sum::<f64>() - before;
    if status.success() {
        Ok(used * 1e6 / f64::from(calls))
    } else {
        failed(format!("SIPp's caller: {status}"))
    }
}

/// Calls held at once in the memory figure.
const LIVE_CALLS: u32 = 1_000;

/// Anonymous memory and kernel socket memory of a recorded call with RTP both ways, a minute after the last answer.
pub fn memory(_effort: &Effort) -> Outcome<Vec<Row>> {
    let what = "memory per live recorded call (socket memory of the load included)";
    let product = match Product::prepare("setup.txt")? {
        Ok(product) => product,
        Err(absent) => return Ok(vec![Row::absent(what, &absent)]),
    };
    let peer = product.serve()?;
    let (before, udp_before) = (peer.running.anonymous_bytes(), udp_memory_bytes());
    let ramp_seconds = 20;
    let load = Load {
        number: RECORDED,
        rate: LIVE_CALLS / ramp_seconds,
        seconds: ramp_seconds,
        warm_up_seconds: 0,
        hold_ms: 100_000,
        rtp: true,
    };
    let log = product.log("load");
    let words = load.words(peer.target, product.callee);
    let running =
        Running::start(product.command(&words.iter().map(String::as_str).collect::<Vec<_>>()), &log)?;
    sleep(Duration::from_secs(u64::from(ramp_seconds) + 40));
    // What waits in sockets swings with each burst of packets: one look would be chance.
    let (mut own, mut waiting) = (Vec::new(), Vec::new());
    for _ in 0..MEMORY_LOOKS {
        sleep(Duration::from_millis(497));
        own.push(peer.running.anonymous_bytes().saturating_sub(before) as f64);
        waiting.push(udp_memory_bytes().saturating_sub(udp_before) as f64);
    }
    let answered = finished(running, &log)?.number("answered").unwrap_or(0.0);
    if answered < f64::from(LIVE_CALLS) * (1.0 - FAILED_SHARE_MAX) {
        return failed(format!("only {answered} of {LIVE_CALLS} calls were up"));
    }
    let each = |bytes: f64| bytes / answered / 1024.0;
    let (own, waiting) = (each(median(&own)), each(median(&waiting)));
    Ok(vec![
        Row::against(what, own + waiting, "KB", 96.0, false),
        Row::told("… of it anonymous memory of the process", format!("{} KB", number(own))),
        Row::told("… of it packets in sockets, the load's too", format!("{} KB", number(waiting))),
    ])
}

/// Looks at the memory while all calls are up, half a second apart.
const MEMORY_LOOKS: usize = 40;

/// Calls of the soak figure, at a rate that a busy platform holds for hours.
const SOAK_CALLS: u32 = 200_000;
const SOAK_RATE: u32 = 400;
/// The first calls fill caches, pools and tables; growth is what comes after them.
const SOAK_SETTLING_CALLS: f64 = 50_000.0;

/// Whether anything is kept of calls that are over: the slope of anonymous memory over calls made, one process.
pub fn soak(_effort: &Effort) -> Outcome<Vec<Row>> {
    let what = "growth of anonymous memory per call over 200,000 calls";
    let product = match Product::prepare("setup.txt")? {
        Ok(product) => product,
        Err(absent) => return Ok(vec![Row::absent(what, &absent)]),
    };
    let peer = product.serve()?;
    let seconds = SOAK_CALLS / SOAK_RATE;
    let load =
        Load { number: PLAIN, rate: SOAK_RATE, seconds, warm_up_seconds: 0, hold_ms: 2_000, rtp: false };
    let log = product.log("load");
    let words = load.words(peer.target, product.callee);
    let running =
        Running::start(product.command(&words.iter().map(String::as_str).collect::<Vec<_>>()), &log)?;
    let (begun, mut looks) = (Instant::now(), Vec::new());
    for look in 1..=seconds {
        sleep(Duration::from_secs(look.into()).saturating_sub(begun.elapsed()));
        let calls = begun.elapsed().as_secs_f64() * f64::from(SOAK_RATE);
        looks.push((calls, peer.running.anonymous_bytes() as f64));
    }
    let answered = finished(running, &log)?.number("answered").unwrap_or(0.0);
    if answered < f64::from(SOAK_CALLS) * (1.0 - FAILED_SHARE_MAX) {
        return failed(format!("only {answered} of {SOAK_CALLS} calls were answered"));
    }
    product.verify()?;
    let settled: Vec<(f64, f64)> =
        looks.iter().copied().filter(|(calls, _)| *calls > SOAK_SETTLING_CALLS).collect();
    let (least, most) = settled
        .iter()
        .fold((f64::MAX, 0.0), |(low, high): (f64, f64), (_, bytes)| (low.min(*bytes), high.max(*bytes)));
    let range = format!("{} to {} MB", number(least / 1e6), number(most / 1e6));
    Ok(vec![
        Row::against(what, slope(&settled), "B", 16.0, false),
        Row::told("… anonymous memory meanwhile", range),
    ])
}

/// The slope of the straight line nearest to the points (least squares); not a number for fewer than two of them.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean = |pick: fn(&(f64, f64)) -> f64| points.iter().map(pick).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let rise: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let run: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    rise / run
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(text: &str) -> Sample {
        Sample {
            printed: Json::parse(text).unwrap(),
            cpu_us_per_call: 300.0,
            cpu_us_by_thread: BTreeMap::new(),
        }
    }

    #[test]
    fn a_run_without_calls_or_with_failures_is_not_good() {
        assert!(sample(r#"{"attempted":10000,"answered":9991}"#).is_good());
        assert!(!sample(r#"{"attempted":10000,"answered":9989}"#).is_good());
        assert!(!sample(r#"{"attempted":0,"answered":0}"#).is_good());
        assert!(!sample("{}").is_good());
    }

    #[test]
    fn a_slope_is_that_of_the_nearest_line() {
        assert_eq!(slope(&[(0.0, 5.0), (1.0, 7.0), (2.0, 9.0)]), 2.0);
        assert!(slope(&[(0.0, 1.0), (1.0, 0.0), (2.0, 1.0)]).abs() < 1e-12);
        assert!(slope(&[(1.0, 1.0)]).is_nan(), "no line at all is never within a bar");
    }

    #[test]
    fn an_absent_reference_is_told_beside_the_value() {
        let rows = full_call_rows("cpu", &[sample(r#"{"post_dial_ms":{"p99":1.5}}"#)], &[]);
        assert_eq!((rows[0].ours.as_str(), rows[0].reference.as_str()), ("300 µs", "Kamailio is absent"));
        assert_eq!(rows[0].verdict, super::super::table::Verdict::Absent);
        assert_eq!(rows.last().unwrap().ours, "1.50 ms");
    }

    #[test]
    fn the_load_is_started_as_it_is_documented() {
        let load =
            Load { number: PLAIN, rate: 1000, seconds: 120, warm_up_seconds: 40, hold_ms: 2000, rtp: false };
        let words = load.words("127.0.0.1:5060".parse().unwrap(), "127.0.0.1:5080".parse().unwrap());
        assert_eq!(
            words.join(" "),
            "load --target 127.0.0.1:5060 --number 4006010114 --callee-listen 127.0.0.1:5080 --rate 1000 --seconds 120 \
             --warm-up 40 --hold-ms 2000 --json"
        );
    }
}
