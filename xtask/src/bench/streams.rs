//! What streams cost: the same calls with the caller's side by UDP, by TLS and by WebSocket over TLS, all signalling of a
//! transport on one connection, as a carrier or a proxy in front keeps it.

use super::call::{self, Load, PLAIN};
use super::peer::{Peer, Product};
use super::process::Running;
use super::table::{Row, number};
use super::{Effort, cost, median};
use crate::json;
use crate::shell::{self, Outcome, failed};
use std::fs;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::time::{Duration, Instant};

/// What keeps the generator, the bridge and the product from each other's core.
const RATE_MAX: u32 = 400;

/// CPU of a full call by each transport; the ratio is to UDP of the same rounds.
pub fn full_call(effort: &Effort) -> Outcome<Vec<Row>> {
    let what = "full call without media, caller by UDP, CPU";
    let product = match Product::prepare("setup_streams.txt")? {
        Ok(product) => product,
        Err(absent) => return Ok(vec![Row::absent(what, &absent)]),
    };
    let bridge = cost::build_program("bench", "stream_bridge")?;
    let folder =
        product.log("x").parent().map(|folder| folder.to_string_lossy().into_owned()).unwrap_or_default();
    shell::step("set up", shell::command(&bridge, &["--identity", &folder]))?;
    let ways = Ways::write(&product, &folder)?;
    let load = Load {
        number: PLAIN,
        rate: effort.rate.min(RATE_MAX),
        seconds: effort.seconds.min(30),
        warm_up_seconds: effort.warm_up_seconds.min(5),
        hold_ms: 2_000,
        rtp: false,
    };
    let (mut udp, mut tls, mut wss) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=effort.rounds {
        eprintln!("── round {round} of {}", effort.rounds);
        let peer = product.serve()?;
        udp.push(one(&product, &peer, peer.target, &load)?);
        let _tls = open(&bridge, "tls", ways.tls, ways.near_tls, &folder)?;
        tls.push(one(&product, &peer, ways.near_tls, &load)?);
        let _wss = open(&bridge, "wss", ways.http, ways.near_wss, &folder)?;
        wss.push(one(&product, &peer, ways.near_wss, &load)?);
    }
    product.verify()?;
    let base = median(&udp);
    let beside = |name: &str, runs: &[f64]| {
        let us = median(runs);
        Row::told(name, format!("{} µs", number(us))).with_reference(&format!(
            "UDP {} µs, {:.2} × of it",
            number(base),
            us / base
        ))
    };
    Ok(vec![
        Row::told(what, format!("{} µs", number(base))),
        beside("… caller by TLS, one connection", &tls),
        beside("… caller by WebSocket over TLS, one connection", &wss),
    ])
}

fn one(product: &Product, peer: &Peer, target: SocketAddr, load: &Load) -> Outcome<f64> {
    let sample = call::measured_at(product, peer, target, load)?;
    match sample.is_good() {
        true => Ok(sample.cpu_us_per_call),
        false => failed(format!("{:.2} % of a run's calls failed", sample.failed_share() * 100.0)),
    }
}

/// Where the product listens for streams, and where the load finds the bridges.
struct Ways {
    tls: SocketAddr,
    http: SocketAddr,
    near_tls: SocketAddr,
    near_wss: SocketAddr,
}

impl Ways {
    /// Adds the streams to the configuration. What they advertise is where the bridges are, so that the load's further
    /// requests go there.
    fn write(product: &Product, folder: &str) -> Outcome<Ways> {
        let ways = Ways { tls: free_stream()?, http: free_stream()?, near_tls: near()?, near_wss: near()? };
        let file = product.log("serve").with_extension("toml");
        let text =
            fs::read_to_string(&file).or_else(|error| failed(format!("{}: {error}", file.display())))?;
        let identity = format!("certificate = \"{folder}/certificate.pem\"\nkey = \"{folder}/key.pem\"\n");
        let Ways { tls, http, near_tls, near_wss } = &ways;
        let served = text.lines().skip_while(|line| *line != "[http]").nth(1).unwrap_or_default().to_owned();
        let text = text.replace(
            &format!("[http]\n{served}"),
            &format!("[http]\nlisten = \"{http}\"\nadvertised = \"{near_wss}\"\nrole = \"any\"\n{identity}"),
        );
        let text = format!(
            "{text}\n[[listen]]\ntransport = \"tls\"\nbind = \"{tls}\"\nadvertise = \"{near_tls}\"\n{identity}"
        );
        fs::write(&file, text).or_else(|error| failed(format!("{}: {error}", file.display())))?;
        Ok(ways)
    }
}

/// Where a bridge listens for the load: an address of loopback at which the product opens no media ports meanwhile.
fn near() -> Outcome<SocketAddr> {
    let bound = UdpSocket::bind("127.0.0.3:0").and_then(|socket| socket.local_addr());
    bound.or_else(|error| failed(format!("no free port at 127.0.0.3: {error}")))
}

fn free_stream() -> Outcome<SocketAddr> {
    let bound = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    bound.or_else(|error| failed(format!("no free loopback port: {error}")))
}

fn open(bridge: &str, over: &str, target: SocketAddr, near: SocketAddr, folder: &str) -> Outcome<Running> {
    let log = std::path::Path::new(folder).join(format!("bridge-{over}.log"));
    let (target, near) = (target.to_string(), near.to_string());
    let words = ["--over", over, "--target", &target, "--listen", &near, "--identity", folder];
    let mut running = Running::start(shell::command(bridge, &words), &log)?;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(10) && running.is_alive() {
        if json::last_object(&fs::read_to_string(&log).unwrap_or_default()).is_some() {
            return Ok(running);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let said = fs::read_to_string(&log).unwrap_or_default();
    failed(format!("the bridge by {over} does not stand: {}", said.lines().last().unwrap_or("")))
}
