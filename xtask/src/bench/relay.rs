//! Figures of the media relay: over the kernel's floor (measured by `media` itself) and beside rtpengine.
//! Beside rtpengine one harness sends and receives for both, paced like calls, and CPU is the kernel's count.

use super::ng::Ng;
use super::peer::{free_address, scratch};
use super::process::Running;
use super::table::{Row, number};
use super::{Effort, cost, median};
use crate::json::{self, Json};
use crate::needs::RTPENGINE;
use crate::shell::{self, Failure, Outcome, failed};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// The relay against bare recvmmsg/sendmmsg, and what recording and the keys of one leg add.
pub fn over_floor(effort: &Effort) -> Outcome<Vec<Row>> {
    let (relay, record) = ("relay over floor", "relay + recording over relay");
    let (gcm, cm80) = ("relay with an SRTP leg over plain, AES-128-GCM", "the same, AES-CM-128 HMAC-SHA1-80");
    if cost::package_with("relay_bench")?.is_none() {
        let absent = |what: &str| Row::absent(what, "media has no example `relay_bench`");
        return Ok([relay, record, gcm, cm80].map(absent).into());
    }
    let rounds = effort.rounds.to_string();
    let runs = cost::example_runs("media", "relay_bench", &["--rounds", &rounds], 1)?;
    let value = |path: &str| Ok(median(&cost::numbers(&runs, path)?));
    let (floor_ns, relay_ns, record_ns) = (value("floor_ns")?, value("relay_ns")?, value("record_ns")?);
    Ok(vec![
        Row::beside(relay, relay_ns, floor_ns, "ns/packet", "floor", 1.9),
        Row::beside(record, record_ns, relay_ns, "ns/packet", "relay", 1.15),
        Row::beside(gcm, value("gcm_ns")?, relay_ns, "ns/packet", "relay", 1.08),
        Row::beside(cm80, value("cm80_ns")?, relay_ns, "ns/packet", "relay", 1.15),
    ])
}

/// What a call costs whose legs have no codec in common: decoding and encoding, both ways.
pub fn transcoding(effort: &Effort) -> Outcome<Vec<Row>> {
    let what = "transcoding, CPU of a second of talk both ways";
    if cost::package_with("transcode_cost")?.is_none() {
        return Ok(vec![Row::absent(what, "media has no example `transcode_cost`")]);
    }
    let runs = cost::example_runs("media", "transcode_cost", &[], effort.rounds)?;
    let mut rows = Vec::new();
    for pair in runs.first().map(|run| run.list("pairs")).unwrap_or_default() {
        let Json::Text(pair) = pair else { continue };
        let us = median(&cost::numbers(&runs, &format!("us.{pair}"))?);
        rows.push(Row::told(&format!("{what}: {pair}"), format!("{} µs", number(us))));
    }
    Ok(rows)
}

/// What 1,000 callers who hear hold music cost beyond the kernel's sends of as many packets.
pub fn playback(effort: &Effort) -> Outcome<Vec<Row>> {
    let (beyond, late) = ("hold music for 1,000 callers, beyond bare sends", "… p99 lateness of a frame");
    if cost::package_with("playback_bench")?.is_none() {
        return Ok([beyond, late]
            .map(|what| Row::absent(what, "media has no example `playback_bench`"))
            .into());
    }
    let (rounds, seconds) = (effort.rounds.to_string(), effort.seconds.min(20).to_string());
    let words = ["--rounds", &rounds, "--seconds", &seconds];
    let runs = cost::example_runs("media", "playback_bench", &words, 1)?;
    let value = |path: &str| Ok(median(&cost::numbers(&runs, path)?));
    let (cores, floor) = (value("cores")?, value("floor_cores")?);
    let told = format!("playback {cores:.3}, bare sends {floor:.3} of a core");
    Ok(vec![
        Row::against(beyond, cores - floor, "of a core", 0.05, false).with_reference(&told),
        Row::against(late, value("late_p99_ms")?, "ms", 5.0, false),
    ])
}

/// What a browser's leg costs over a plain one, and how late calls in progress are while browsers connect.
pub fn browsers(effort: &Effort) -> Outcome<Vec<Row>> {
    let (leg, late) =
        ("relay with browsers' legs over plain ones", "p99 way of a packet while 200 browsers connect");
    if cost::package_with("web_bench")?.is_none() {
        return Ok([leg, late].map(|what| Row::absent(what, "media has no example `web_bench`")).into());
    }
    let seconds = effort.seconds.min(20).to_string();
    let runs = cost::example_runs("media", "web_bench", &["--seconds", &seconds], effort.rounds)?;
    let value = |path: &str| Ok(median(&cost::numbers(&runs, path)?));
    Ok(vec![
        Row::beside(leg, value("web_ns")?, value("plain_ns")?, "ns/packet", "plain", 2.0),
        Row::against(late, value("late_p99_ms")?, "ms", 5.0, false),
        Row::against("… until the last of them is connected", value("connected_ms")?, "ms", 2_000.0, false),
    ])
}

/// Both relays as processes of their own with 50 and 500 calls.
pub fn beside_rtpengine(effort: &Effort) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for calls in [50, 500] {
        rows.push(beside_with(calls, effort)?);
    }
    Ok(rows)
}

fn beside_with(calls: usize, effort: &Effort) -> Outcome<Row> {
    let what = format!("relay beside rtpengine in user space, {calls} calls");
    let own = cost::build_program("bench", "relay_process")?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 1..=effort.rounds {
        eprintln!("── round {round} of {}, {calls} calls", effort.rounds);
        ours.extend(with_product(&own, calls, effort)?);
        if RTPENGINE.is_here() {
            theirs.extend(with_rtpengine(calls, effort)?);
        }
    }
    if ours.is_empty() || (theirs.is_empty() && RTPENGINE.is_here()) {
        return Ok(Row::broken(
            &what,
            "every round lost more than 1 % of the packets: the machine is too busy",
        ));
    }
    let (ours, theirs) = (median(&ours), median(&theirs));
    Ok(if RTPENGINE.is_here() {
        Row::beside(&what, ours, theirs, "µs/packet", "rtpengine", 0.85)
    } else {
        Row::absent(&what, &format!("{} µs/packet", number(ours)))
            .with_reference("rtpengine is absent (rtpengine-daemon)")
    })
}

fn with_rtpengine(calls: usize, effort: &Effort) -> Outcome<Option<f64>> {
    let folder = scratch("rtpengine")?;
    let control = free_address()?;
    let words = format!(
        "--foreground --log-stderr --log-level=3 --config-file=none --table=-1 --num-threads=1 --interface=127.0.0.1 \
         --listen-ng={control} --port-min=30000 --port-max=39998 --timeout=600 --silent-timeout=600"
    );
    let command = shell::command("rtpengine", &words.split_whitespace().collect::<Vec<_>>());
    let running = Running::start(command, &folder.join("log"))?;
    let ng = Ng::connect(control)?;
    let mut flows = Flows::bind(calls)?;
    for (place, call) in flows.calls.iter_mut().enumerate() {
        let (caller, callee) = (call.caller.local()?, call.callee.local()?);
        (call.caller.target, call.callee.target) = ng.open(&format!("bench-{place}"), caller, callee)?;
    }
    flows.cpu_us_per_packet(&running, effort)
}

/// The product's relay: told where both ends of each call are, it prints where they must send to.
fn with_product(program: &str, calls: usize, effort: &Effort) -> Outcome<Option<f64>> {
    let folder = scratch("relay")?;
    let (log, file) = (folder.join("log"), folder.join("ends"));
    let mut flows = Flows::bind(calls)?;
    let mut ends = Vec::new();
    for call in &flows.calls {
        ends.push(format!("{},{}", call.caller.local()?, call.callee.local()?));
    }
    std::fs::write(&file, ends.join("\n")).or_else(|error| failed(format!("{}: {error}", file.display())))?;
    let mut running = Running::start(shell::command(program, &["--ends", &file.to_string_lossy()]), &log)?;
    let ready = wait_for_object(&mut running, &log)?;
    let ports = |name: &str| {
        let texts = ready.list(name).iter().filter_map(|item| match item {
            Json::Text(text) => text.parse::<SocketAddr>().ok(),
            _ => None,
        });
        texts.collect::<Vec<_>>()
    };
    let (callers, callees) = (ports("callers"), ports("callees"));
    if callers.len() != calls || callees.len() != calls {
        return failed(format!("`relay_process` opened {} of {calls} calls", callers.len()));
    }
    for (call, (caller, callee)) in flows.calls.iter_mut().zip(callers.into_iter().zip(callees)) {
        (call.caller.target, call.callee.target) = (caller, callee);
    }
    flows.cpu_us_per_packet(&running, effort)
}

fn wait_for_object(running: &mut Running, log: &std::path::Path) -> Outcome<Json> {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(20) && running.is_alive() {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        if let Some(object) = json::last_object(&text) {
            return Ok(object);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    failed("`relay_process` did not say where it listens")
}

/// One end of a call: its socket and where it sends to.
struct End {
    socket: UdpSocket,
    target: SocketAddr,
    sequence: u16,
    source: u32,
}

impl End {
    fn bind(source: u32) -> std::io::Result<End> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_nonblocking(true)?;
        Ok(End { target: socket.local_addr()?, socket, sequence: 0, source })
    }

    fn local(&self) -> Outcome<SocketAddr> {
        self.socket.local_addr().or_else(|error| failed(error.to_string()))
    }

    /// 20 ms of G.711 μ-law silence (RFC 3550, RFC 3551).
    fn send(&mut self) {
        let mut packet = [0xff; 172];
        packet[0] = 0x80;
        packet[1] = 0;
        packet[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        packet[4..8].copy_from_slice(&(u32::from(self.sequence) * 160).to_be_bytes());
        packet[8..12].copy_from_slice(&self.source.to_be_bytes());
        self.sequence = self.sequence.wrapping_add(1);
        // A full socket buffer loses a packet, as on a wire; what arrives is what is counted.
        let _ = self.socket.send_to(&packet, self.target);
    }

    fn drain(&self) -> u64 {
        let mut packet = [0; 2048];
        std::iter::from_fn(|| self.socket.recv(&mut packet).ok()).count() as u64
    }
}

struct Call {
    caller: End,
    callee: End,
}

/// All ends of one run, paced from one thread.
struct Flows {
    calls: Vec<Call>,
}

/// A packet of G.711 holds 20 ms.
const FRAME: Duration = Duration::from_millis(20);

impl Flows {
    fn bind(calls: usize) -> Outcome<Flows> {
        let bound = (0..calls as u32)
            .map(|place| Ok(Call { caller: End::bind(place * 2 + 1)?, callee: End::bind(place * 2 + 2)? }));
        let calls: std::io::Result<Vec<Call>> = bound.collect();
        calls.map(|calls| Flows { calls }).map_err(|error| Failure::Failed(format!("RTP sockets: {error}")))
    }

    /// A second of warm-up, then CPU microseconds of the relay for each packet that arrived. A round that lost more
    /// than 1 % was starved by something else on the machine and does not count: `None`.
    fn cpu_us_per_packet(&mut self, relay: &Running, effort: &Effort) -> Outcome<Option<f64>> {
        self.play(Duration::from_secs(1));
        // What the warm-up left behind is not counted.
        std::thread::sleep(FRAME * 10);
        self.calls.iter().map(Call::drain).sum::<u64>();
        let cpu = relay.cpu_seconds_by_thread().values().sum::<f64>();
        let seconds = effort.seconds.min(20);
        let (sent, arrived) = self.play(Duration::from_secs(seconds.into()));
        let cpu = relay.cpu_seconds_by_thread().values().sum::<f64>() - cpu;
        eprintln!("── {arrived} of {sent} packets, {:.2} µs each", cpu * 1e6 / arrived as f64);
        Ok((arrived * 100 >= sent * 99).then_some(cpu * 1e6 / arrived as f64))
    }

    /// Sends a frame from every end each 20 ms, spread over the frame in four slots, and counts what comes out.
    fn play(&mut self, duration: Duration) -> (u64, u64) {
        let slots = 4;
        let (mut sent, mut arrived) = (0, 0);
        let begun = Instant::now();
        let turns = duration.as_millis() / FRAME.as_millis() * slots as u128;
        for turn in 0..turns as u32 {
            for call in self.calls.iter_mut().skip(turn as usize % slots).step_by(slots) {
                call.caller.send();
                call.callee.send();
                sent += 2;
            }
            arrived +=
                self.calls.iter().skip(turn as usize % slots).step_by(slots).map(Call::drain).sum::<u64>();
            let due = FRAME / slots as u32 * (turn + 1);
            std::thread::sleep(due.saturating_sub(begun.elapsed()));
        }
        // The last frames are still on their way.
        std::thread::sleep(FRAME);
        arrived += self.calls.iter().map(Call::drain).sum::<u64>();
        (sent, arrived)
    }
}

impl Call {
    fn drain(&self) -> u64 {
        self.caller.drain() + self.callee.drain()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_harness_counts_what_arrives() {
        let mut flows = Flows::bind(3).unwrap();
        for call in &mut flows.calls {
            (call.caller.target, call.callee.target) =
                (call.callee.local().unwrap(), call.caller.local().unwrap());
        }
        assert_eq!(flows.play(Duration::from_millis(100)), (30, 30));
        flows.calls[0].caller.target = flows.calls[0].caller.local().unwrap();
        drop(std::mem::replace(&mut flows.calls[1].callee, End::bind(9).unwrap()));
        let (sent, arrived) = flows.play(Duration::from_millis(100));
        assert_eq!(sent, 30);
        assert!(arrived < 30, "a packet to a closed socket was counted");
    }
}
