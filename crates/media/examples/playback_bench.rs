//! What 1,000 callers cost who hear hold music, beside the kernel's price of the same packets, and how late frames are.
//! The engine runs as it is shipped, with one shard; its processor time is the kernel's count of its threads.
//!
//! `playback_bench [--rounds N] [--seconds S] [--json]`: playback and bare sends take turns N times (default 3), each for
//! S seconds (default 10). Lateness is when a packet was taken at the other end, after the tick its frame was due on:
//! what the taking thread itself is late by is in it.

mod rig;

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use media::sys::socket::{self, thread_cpu_ns};
use media::{Agreed, CallId, Command, Config, Engine, Law, LegId, PlayId, Port, Repeat, Sound, prompts};
use rig::{address, loopback, median, p99_ms, threads_cpu_ns};

const CALLERS: usize = 1_000;
/// A frame of each leg every 20 ms, the legs spread over four ticks.
const FRAME_US: i64 = 20_000;
const TICK_US: i64 = 5_000;
/// Playing for so long before anything is counted.
const WARM_UP: Duration = Duration::from_secs(1);

/// A packet that came: from which port, its sequence number, when.
#[derive(Clone, Copy)]
struct Came {
    port: u16,
    sequence: u16,
    at_us: i64,
}

/// Takes all that comes to one socket until it is told to end.
struct Sink {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: thread::JoinHandle<Vec<Came>>,
}

impl Sink {
    fn start(packets: usize) -> Sink {
        let socket = loopback();
        // The kernel's own bound holds if it is smaller.
        let _ = socket::set_receive_buffer(&socket, 8 << 20);
        let address = address(&socket);
        socket.set_nonblocking(false).expect("set");
        socket.set_read_timeout(Some(Duration::from_millis(100))).expect("set");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let begun = Instant::now();
        let thread = thread::spawn(move || {
            let (mut came, mut datagram) = (Vec::with_capacity(packets), [0; 2_048]);
            while !stopped.load(Ordering::Relaxed) {
                let Ok((len, from)) = socket.recv_from(&mut datagram) else { continue };
                // RTCP, which comes to the same port where it is shared, has other types (RFC 5761).
                if len == 172 {
                    let sequence = u16::from_be_bytes([datagram[2], datagram[3]]);
                    came.push(Came {
                        port: from.port(),
                        sequence,
                        at_us: begun.elapsed().as_micros() as i64,
                    });
                }
            }
            came
        });
        Sink { address, stop, thread }
    }

    fn end(self) -> Vec<Came> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the sink ends")
    }
}

/// The shipped engine with a leg for each caller.
struct Playing {
    engine: Engine,
    legs: Vec<(LegId, Port)>,
}

impl Playing {
    fn start() -> Playing {
        let config = Config { pool_per_shard: CALLERS, ..Config::local([127, 0, 0, 1].into()) };
        let (engine, ports) = rig::engine(config);
        let legs = ports.into_iter().enumerate().map(|(n, port)| (LegId(n as u64), port)).collect();
        Playing { engine, legs }
    }

    fn tell(&mut self, command: Command) {
        self.engine.send(command).expect("the command is taken");
    }

    /// Gives the cores used and how late each packet was, in microseconds, sorted; nothing if more than 2 % were lost, as
    /// they are where something else keeps the sink from its turn.
    fn run(&mut self, round: usize, time: Duration) -> Option<(f64, Vec<i64>)> {
        let sink = Sink::start(CALLERS * time.as_millis() as usize / 15);
        for (n, (leg, port)) in self.legs.clone().into_iter().enumerate() {
            if round == 0 {
                self.tell(Command::Open { leg, port: port.id, call: CallId(n as u128) });
            }
            self.tell(Command::Connect {
                leg,
                remote: sink.address,
                agreed: Agreed::g711(Law::Pcma, Some(101)),
            });
            let sound = Sound::Prompt(prompts::HOLD_MUSIC);
            self.tell(Command::Play { leg, play: PlayId(round as u32), sound, repeat: Repeat::Forever });
        }
        thread::sleep(WARM_UP);
        let (begun, cpu_ns) = (Instant::now(), threads_cpu_ns("media-"));
        thread::sleep(time);
        let cores = (threads_cpu_ns("media-") - cpu_ns) as f64 / begun.elapsed().as_nanos() as f64;
        let came = sink.end();
        for (leg, _) in self.legs.clone() {
            self.tell(Command::StopPlay { leg });
        }
        let wanted = CALLERS * (WARM_UP + time).as_millis() as usize / 20;
        eprintln!("── {} of {wanted} packets, {cores:.4} of a core", came.len());
        (came.len() * 100 >= wanted * 98).then(|| (cores, lateness_us(&came)))
    }
}

/// How late each packet is, sorted. A leg's frames fall due every 20 ms; which tick is a leg's own is told by its
/// earliest packet, and when ticks are by the earliest legs: all ticks lie 5 ms apart.
fn lateness_us(came: &[Came]) -> Vec<i64> {
    let mut legs: HashMap<u16, (u16, i64, Vec<i64>)> = HashMap::new();
    for packet in came {
        let (first, last, offsets) = legs.entry(packet.port).or_insert((packet.sequence, 0, Vec::new()));
        let place = i64::from(packet.sequence.wrapping_sub(*first));
        // Sequence numbers begin anew behind 65,535: the place goes on.
        let place = place + (*last - place + 32_768).div_euclid(65_536) * 65_536;
        *last = place;
        offsets.push(packet.at_us - place * FRAME_US);
    }
    let earliest = |offsets: &[i64]| offsets.iter().copied().min().unwrap_or(0);
    let phases: Vec<i64> = legs.values().map(|leg| earliest(&leg.2).rem_euclid(TICK_US)).collect();
    let tick = begin_of(phases);
    let late = legs.values().flat_map(|(_, _, offsets)| {
        let first = earliest(offsets);
        let behind_tick = (first - tick).rem_euclid(TICK_US);
        offsets.iter().map(move |offset| offset - first + behind_tick)
    });
    let mut late: Vec<i64> = late.collect();
    late.sort_unstable();
    late
}

/// Of points on a circle of one tick, the first behind the widest gap.
fn begin_of(mut phases: Vec<i64>) -> i64 {
    phases.sort_unstable();
    let next = |n: usize| phases.get(n + 1).copied().unwrap_or(phases[0] + TICK_US);
    let widest = (0..phases.len()).max_by_key(|&n| next(n) - phases[n]).expect("packets came");
    next(widest).rem_euclid(TICK_US)
}

/// The same packets at the same pace by as many connected sockets and nothing else; gives the cores that the sends take.
fn bare_sends(time: Duration) -> f64 {
    let sink = Sink::start(CALLERS * time.as_millis() as usize / 15);
    let sockets: Vec<UdpSocket> = (0..CALLERS).map(|_| loopback()).collect();
    sockets.iter().for_each(|socket| socket.connect(sink.address).expect("connected"));
    let (begun, mut spent_ns) = (Instant::now(), 0);
    let ticks = time.as_micros() as usize / TICK_US as usize;
    for tick in 0..ticks {
        let began_ns = thread_cpu_ns();
        for socket in sockets.iter().skip(tick % 4).step_by(4) {
            // A full buffer at the other end loses it, as it does the engine's.
            let _ = socket.send(&[0xD5; 172]);
        }
        spent_ns += thread_cpu_ns() - began_ns;
        let due = Duration::from_micros((tick as u64 + 1) * TICK_US as u64);
        thread::sleep(due.saturating_sub(begun.elapsed()));
    }
    let cores = spent_ns as f64 / begun.elapsed().as_nanos() as f64;
    sink.end();
    cores
}

fn main() {
    let (rounds, time) = (rig::number("--rounds", 3), Duration::from_secs(rig::number("--seconds", 10)));
    let mut playing = Playing::start();
    let (mut floor, mut cores, mut p99) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds as usize {
        let bare = bare_sends(time);
        let Some((used, late_us)) = playing.run(round, time) else { continue };
        floor.push(bare);
        cores.push(used);
        p99.push(p99_ms(&late_us));
    }
    let (Some(floor), Some(cores), Some(p99)) = (median(&floor), median(&cores), median(&p99)) else {
        eprintln!("every round lost more than 2 % of the packets: the machine is too busy");
        std::process::exit(1);
    };
    if rig::wants_json() {
        println!(
            r#"{{"floor_cores":{floor:.4},"cores":{cores:.4},"late_p99_ms":{p99:.3},"rounds":{rounds}}}"#
        );
    } else {
        println!("bare sends {floor:.4} of a core, playback {cores:.4}, p99 of lateness {p99:.3} ms");
    }
}
