//! What a browser's leg costs the relay beside a plain one, and how late packets of calls in progress are while browsers
//! connect. The engine runs as it is shipped, with one shard and one thread for handshakes; the browsers' own handshakes
//! run on the same machine.
//!
//! `web_bench [--seconds S] [--json]`: 100 calls between plain legs are relayed while 200 browsers connect, one every
//! 9 ms; then 100 calls between plain legs and 100 between those browsers take turns, S seconds in all for each
//! (default 12). A packet's time is its way through the relay and to the thread that takes it, which may be late itself.

mod rig;

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use media::rtp;
use media::srtp::{Keyring, OVERHEAD_BYTES, Sealer};
use media::sys::{limits, socket};
use media::webrtc::far_end::FarEnd;
use media::{Agreed, CallId, Command, Config, Engine, Law, LegId, Port, Rtcp};
use rig::{address, loopback, median, p99_ms, threads_cpu_ns};

const CALLS: usize = 100;
const BROWSERS: usize = CALLS * 2;
/// Every browser begins so much behind the one before it: all within 2 s.
const BETWEEN: Duration = Duration::from_millis(9);
/// Threads that the browsers' handshakes share.
const AT_ONCE: usize = 8;
const FRAME: Duration = Duration::from_millis(20);
/// Parts of a frame's time over which the calls are spread.
const SLOTS: usize = 4;
const PATIENCE: Duration = Duration::from_secs(20);
const TURNS: u32 = 6;

/// One end of a call: its socket, where it speaks to and its keys.
struct End {
    socket: UdpSocket,
    sequence: u16,
    sealer: Option<Sealer>,
}

impl End {
    fn new(socket: UdpSocket, keys: Option<&Keyring>) -> End {
        socket.set_nonblocking(true).expect("set");
        let sealer = keys.map(|keys| Sealer::new(&keys.ours).expect("a whole key"));
        End { socket, sequence: 0, sealer }
    }

    fn send(&mut self) {
        let mut datagram = [0xD5; 172 + OVERHEAD_BYTES];
        self.sequence = self.sequence.wrapping_add(1);
        rtp::write_header(&mut datagram, false, 8, self.sequence, u32::from(self.sequence) * 160, 7);
        let len = match &mut self.sealer {
            Some(sealer) => sealer.seal(&mut datagram, 172).expect("an index of its own"),
            None => 172,
        };
        // A full buffer loses it, as on a wire.
        let _ = self.socket.send(&datagram[..len]);
    }

    /// How many packets of sound came.
    fn drain(&self) -> u64 {
        let mut datagram = [0; 2_048];
        let came = std::iter::from_fn(|| self.socket.recv(&mut datagram).ok());
        came.filter(|len| *len >= 172).count() as u64
    }
}

/// The shipped engine and its ports.
struct Relay {
    engine: Engine,
    plain: Vec<Port>,
    web: Vec<Port>,
    next_leg: u64,
}

impl Relay {
    fn start(plain: usize) -> Relay {
        let config =
            Config { pool_per_shard: plain, web_legs: BROWSERS, ..Config::local([127, 0, 0, 1].into()) };
        let (engine, ports) = rig::engine(config);
        let (web, plain) = ports.into_iter().partition(|port| port.web.is_some());
        Relay { engine, plain, web, next_leg: 1 }
    }

    fn tell(&mut self, command: Command) {
        self.engine.send(command).expect("the command is taken");
    }

    fn open(&mut self, port: &Port, remote: SocketAddr, agreed: Agreed) -> LegId {
        let leg = LegId(self.next_leg);
        self.next_leg += 1;
        self.tell(Command::Open { leg, port: port.id, call: CallId(leg.0.into()) });
        self.tell(Command::Connect { leg, remote, agreed });
        leg
    }

    fn bridge(&mut self, legs: &[LegId]) {
        for pair in legs.chunks_exact(2) {
            self.tell(Command::Bridge { a: pair[0], b: pair[1] });
        }
    }

    /// As many plain legs as browsers, two and two bridged.
    fn phones(&mut self) -> Vec<End> {
        let ports: Vec<Port> = self.plain.drain(..BROWSERS).collect();
        let (mut ends, mut legs) = (Vec::new(), Vec::new());
        for port in ports {
            let socket = loopback();
            socket.connect(port.address).expect("connected");
            legs.push(self.open(&port, address(&socket), Agreed::g711(Law::Pcma, Some(101))));
            ends.push(End::new(socket, None));
        }
        self.bridge(&legs);
        ends
    }
}

/// Calls in progress over one socket, which speaks to all their legs; what a packet carries is when it was sent.
struct Talk {
    socket: UdpSocket,
    targets: Vec<SocketAddr>,
}

impl Talk {
    fn start(relay: &mut Relay) -> Talk {
        let socket = loopback();
        // The kernel's own bound holds if it is smaller.
        let _ = socket::set_receive_buffer(&socket, 8 << 20);
        let ports: Vec<Port> = relay.plain.drain(..CALLS * 2).collect();
        let agreed = || Agreed::g711(Law::Pcma, Some(101));
        let legs: Vec<LegId> =
            ports.iter().map(|port| relay.open(port, address(&socket), agreed())).collect();
        relay.bridge(&legs);
        Talk { socket, targets: ports.iter().map(|port| port.address).collect() }
    }

    /// Sends a frame to each leg every 20 ms until it is told to stop, and gives how long each packet was on its way, in
    /// microseconds, sorted, and how many were sent.
    fn run(&self, stop: &AtomicBool) -> (Vec<i64>, usize) {
        let begun = Instant::now();
        self.socket.set_nonblocking(false).expect("set");
        self.socket.set_read_timeout(Some(Duration::from_millis(100))).expect("set");
        thread::scope(|scope| {
            let taking = scope.spawn(|| {
                let (mut on_way, mut datagram) = (Vec::with_capacity(1 << 18), [0; 2_048]);
                while !stop.load(Ordering::Relaxed) {
                    if let Ok(172) = self.socket.recv(&mut datagram) {
                        let sent_us = i64::from_be_bytes(datagram[12..20].try_into().expect("eight octets"));
                        on_way.push(begun.elapsed().as_micros() as i64 - sent_us);
                    }
                }
                on_way
            });
            let mut sent = 0;
            let mut datagram = [0xD5; 172];
            let mut turn = 0_u32;
            while !stop.load(Ordering::Relaxed) {
                let sequence = (turn / SLOTS as u32) as u16;
                rtp::write_header(&mut datagram, false, 8, sequence, u32::from(sequence) * 160, 7);
                for target in self.targets.iter().skip(turn as usize % SLOTS).step_by(SLOTS) {
                    let sent_us = begun.elapsed().as_micros() as i64;
                    datagram[12..20].copy_from_slice(&sent_us.to_be_bytes());
                    // A full buffer loses it, as on a wire.
                    let _ = self.socket.send_to(&datagram, target);
                    sent += 1;
                }
                turn += 1;
                thread::sleep((FRAME / SLOTS as u32 * turn).saturating_sub(begun.elapsed()));
            }
            let mut on_way = taking.join().expect("the taking thread");
            on_way.sort_unstable();
            (on_way, sent)
        })
    }
}

/// All browsers connect, each at its time; gives their ends and when the last was through.
fn connect(relay: &mut Relay) -> (Vec<End>, Duration) {
    let ports = std::mem::take(&mut relay.web);
    let mut legs = Vec::new();
    let mut far_ends = Vec::new();
    for port in &ports {
        let far = FarEnd::new(port.address).expect("a socket");
        let agreed = Agreed {
            rtcp: Rtcp::Shared,
            dtls: Some(far.fingerprint()),
            ..Agreed::g711(Law::Pcma, Some(126))
        };
        // Where its description says it is does not matter before ICE has proven a way.
        legs.push(relay.open(port, SocketAddr::from(([192, 0, 2, 1], 9)), agreed));
        far_ends.push(far);
    }
    let (next, begun) = (AtomicUsize::new(0), Instant::now());
    let connected: Vec<(usize, UdpSocket, Keyring, Duration)> = thread::scope(|scope| {
        let one = || {
            // Browsers run on machines of their own: here they stand behind what is measured.
            limits::stand_back();
            let mut connected = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(far) = far_ends.get(at) else { return connected };
                thread::sleep((BETWEEN * at as u32).saturating_sub(begun.elapsed()));
                let access = ports[at].web.as_ref().expect("an access");
                let (socket, keys) = far.connect(access, PATIENCE).expect("connected");
                connected.push((at, socket, keys, begun.elapsed()));
            }
        };
        let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(one)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a browser's thread")).collect()
    });
    let last = connected.iter().map(|(.., at)| *at).max().unwrap_or_default();
    relay.bridge(&legs);
    let mut ends: Vec<(usize, End)> =
        connected.into_iter().map(|(at, socket, keys, _)| (at, End::new(socket, Some(&keys)))).collect();
    ends.sort_by_key(|(at, _)| *at);
    (ends.into_iter().map(|(_, end)| end).collect(), last)
}

/// Sends and takes frames of all ends for a while; gives packets sent and taken.
fn play(ends: &mut [End], time: Duration) -> (u64, u64) {
    let (begun, mut sent, mut came) = (Instant::now(), 0, 0);
    for turn in 0..(time.as_millis() / FRAME.as_millis()) as usize * SLOTS {
        for call in ends.chunks_mut(2).skip(turn % SLOTS).step_by(SLOTS) {
            call.iter_mut().for_each(End::send);
            sent += 2;
        }
        for call in ends.chunks(2).skip(turn % SLOTS).step_by(SLOTS) {
            came += call.iter().map(End::drain).sum::<u64>();
        }
        thread::sleep((FRAME / SLOTS as u32 * (turn as u32 + 1)).saturating_sub(begun.elapsed()));
    }
    thread::sleep(FRAME);
    (sent, came + ends.iter().map(End::drain).sum::<u64>())
}

/// Nanoseconds of the relay for each packet that came through it.
fn ns_per_packet(ends: &mut [End], time: Duration) -> Option<f64> {
    let before_ns = threads_cpu_ns("media-0");
    let (sent, came) = play(ends, time);
    let ns = (threads_cpu_ns("media-0") - before_ns) as f64 / came as f64;
    eprintln!("── {came} of {sent} packets, {ns:.0} ns each");
    (came * 100 >= sent * 98).then_some(ns)
}

fn main() {
    let seconds = rig::number("--seconds", 12) as u32;
    let mut relay = Relay::start(CALLS * 2 + BROWSERS);
    let talk = Talk::start(&mut relay);
    let stop = AtomicBool::new(false);
    let ((on_way_us, sent), (mut browsers, last)) = thread::scope(|scope| {
        let talking = scope.spawn(|| talk.run(&stop));
        let connected = connect(&mut relay);
        stop.store(true, Ordering::Relaxed);
        (talking.join().expect("the talk"), connected)
    });
    let late_p99_ms = p99_ms(&on_way_us);
    eprintln!("── {} of {sent} packets while {BROWSERS} browsers connected in {last:?}", on_way_us.len());
    let mut phones = relay.phones();
    // Sources are latched and sockets connected before anything counts.
    for ends in [&mut phones, &mut browsers] {
        play(ends, Duration::from_secs(1));
    }
    let time = Duration::from_secs(seconds.into()) / TURNS;
    let (mut plain, mut web) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        plain.extend(ns_per_packet(&mut phones, time));
        web.extend(ns_per_packet(&mut browsers, time));
    }
    let (Some(plain), Some(web)) = (median(&plain), median(&web)) else {
        eprintln!("every turn lost more than 2 % of the packets: the machine is too busy");
        std::process::exit(1);
    };
    let connected_ms = last.as_millis();
    if rig::wants_json() {
        println!(
            r#"{{"plain_ns":{plain:.0},"web_ns":{web:.0},"late_p99_ms":{late_p99_ms:.3},"connected_ms":{connected_ms}}}"#
        );
    } else {
        println!("plain {plain:.0} ns a packet, browser {web:.0}, {:.2} x", web / plain);
        println!("{BROWSERS} browsers in {connected_ms} ms, p99 of a packet's way {late_p99_ms:.3} ms");
    }
}
