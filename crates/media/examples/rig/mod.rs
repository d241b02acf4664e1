//! What the measurements of this folder share: sockets, an engine with its ports, processor time by thread, medians.

#![allow(dead_code, reason = "each measurement uses its own part")]

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc;
use std::time::Duration;

use media::sys::socket;
use media::{Config, Engine, Event, Port};

pub fn loopback() -> UdpSocket {
    socket::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port")
}

pub fn address(socket: &UdpSocket) -> SocketAddr {
    socket.local_addr().expect("bound")
}

/// The number behind a word of the command line.
pub fn number(name: &str, default: u64) -> u64 {
    let args: Vec<String> = std::env::args().collect();
    let at = args.iter().position(|arg| arg == name);
    at.map_or(default, |at| args.get(at + 1).and_then(|n| n.parse().ok()).expect("a number behind the word"))
}

/// Whether the one line of JSON is wanted.
pub fn wants_json() -> bool {
    std::env::args().any(|arg| arg == "--json")
}

/// The engine as it is shipped, and as many ports as it opens ahead.
pub fn engine(config: Config) -> (Engine, Vec<Port>) {
    socket::raise_file_limit(16_384);
    let wanted = config.pool_per_shard + config.web_legs;
    let (tell, told) = mpsc::channel();
    // Once the ports are known nobody listens any more, and what is told is dropped.
    let engine = Engine::start(config, move |events| drop(tell.send(events))).expect("an engine");
    let mut ports = Vec::new();
    while ports.len() < wanted {
        for event in told.recv_timeout(Duration::from_secs(10)).expect("ports in time") {
            if let Event::PortsReady(ready) = event {
                ports.extend(ready);
            }
        }
    }
    (engine, ports)
}

/// Processor time so far of this process' threads whose names begin so.
pub fn threads_cpu_ns(named: &str) -> u64 {
    let tasks = fs::read_dir("/proc/self/task").expect("the kernel's list of threads");
    let these = tasks.flatten().filter(|task| {
        fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name.starts_with(named))
    });
    let spent = these.filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok());
    spent.filter_map(|text| text.split(' ').next()?.parse::<u64>().ok()).sum()
}

/// The middle figure; nothing of none.
pub fn median(figures: &[f64]) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

/// The 99th of 100 parts of sorted figures, in milliseconds of their microseconds.
pub fn p99_ms(sorted_us: &[i64]) -> f64 {
    sorted_us[sorted_us.len() * 99 / 100] as f64 / 1e3
}
