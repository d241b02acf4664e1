//! The shipped media engine as a bare relay: bridges the calls whose ends it is told and runs until it is ended.
//! It knows no SIP and decides nothing; `cargo xtask bench rtpengine` sends it the packets that rtpengine gets.
//!
//! `relay_process --ends FILE`, one `CALLER,CALLEE` a line, prints `{"callers":[…],"callees":[…]}`: where each end sends to.

use media::{Agreed, CallId, Command, Config, Engine, Event, Law, LegId, Port};
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip_while(|word| word != "--ends");
    let file = words.nth(1).ok_or("relay_process --ends FILE, one CALLER,CALLEE a line")?;
    let ends = std::fs::read_to_string(file)?;
    let calls = ends.lines().map(parse_call).collect::<Result<Vec<_>, _>>()?;

    // One shard against one media thread of the reference.
    let config = Config { pool_per_shard: calls.len() * 2, ..Config::local(IpAddr::V4(Ipv4Addr::LOCALHOST)) };
    let (tell, told) = mpsc::channel();
    // Once the ports are known nobody listens any more, and what is told is dropped.
    let mut engine = Engine::start(config, move |events| drop(tell.send(events)))?;
    let ports = ports(&told, calls.len() * 2)?;

    for (place, (call, ports)) in calls.iter().zip(ports.chunks_exact(2)).enumerate() {
        bridge(&mut engine, place as u64, *call, ports)?;
    }
    println!("{{\"callers\":[{}],\"callees\":[{}]}}", listed(&ports, 0), listed(&ports, 1));
    loop {
        std::thread::park();
    }
}

fn parse_call(text: &str) -> Result<(SocketAddr, SocketAddr), Box<dyn Error>> {
    let (caller, callee) = text.split_once(',').ok_or("a call is CALLER,CALLEE")?;
    Ok((caller.parse()?, callee.parse()?))
}

/// Waits for the pool that the engine opens ahead.
fn ports(told: &mpsc::Receiver<Vec<Event>>, wanted: usize) -> Result<Vec<Port>, Box<dyn Error>> {
    let mut ports = Vec::new();
    while ports.len() < wanted {
        for event in told.recv_timeout(Duration::from_secs(10))? {
            if let Event::PortsReady(ready) = event {
                ports.extend(ready);
            }
        }
    }
    Ok(ports)
}

fn bridge(
    engine: &mut Engine,
    place: u64,
    ends: (SocketAddr, SocketAddr),
    ports: &[Port],
) -> Result<(), Box<dyn Error>> {
    let legs = [LegId(place * 2), LegId(place * 2 + 1)];
    for ((leg, remote), port) in legs.into_iter().zip([ends.0, ends.1]).zip(ports) {
        engine.send(Command::Open { leg, port: port.id, call: CallId(place.into()) })?;
        engine.send(Command::Connect { leg, remote, agreed: Agreed::g711(Law::Pcmu, Some(101)) })?;
    }
    engine.send(Command::Bridge { a: legs[0], b: legs[1] })?;
    Ok(())
}

/// Every second port, beginning with the first (callers) or the second (callees).
fn listed(ports: &[Port], first: usize) -> String {
    let addresses = ports.iter().skip(first).step_by(2).map(|port| format!("\"{}\"", port.address));
    addresses.collect::<Vec<_>>().join(",")
}
