//! What a relayed packet costs, beside the kernel's floor of the same minute. One thread sends, relays and takes in
//! turn with 64 packets ready; only the relay's processor time is counted, statistics and latching on.
//!
//! `relay_bench [--rounds N] [--json]`: floor, relay, relay with recording and relay with one leg under SRTP by each of
//! two suites take turns N times (default 5). What the phones themselves spend on their keys is not counted.

mod rig;

use std::net::{SocketAddr, UdpSocket};

use media::rtp;
use media::shard::{Shard, ShardConfig};
use media::srtp::{Keyring, Master, OVERHEAD_BYTES, Sealer, Suite};
use media::sys::socket::{self, Batch, thread_cpu_ns};
use media::{Agreed, CallId, Command, Law, LegId, RecordingConfig};
use rig::{address, loopback};

const READY: usize = 64;
const CALLS: usize = 500;
/// Batches of one turn, and turns of one round: short turns share the machine's noise evenly.
const BATCHES: usize = 50;
const TURNS: usize = 12;

/// One flow, no logic: recvmmsg and sendmmsg of 64.
struct Floor {
    sender: UdpSocket,
    inlet: UdpSocket,
    outlet: UdpSocket,
    sink: UdpSocket,
    batch: Batch,
    drained: Batch,
}

impl Floor {
    fn new() -> Floor {
        let [sender, inlet, outlet, sink] = [(); 4].map(|()| loopback());
        sender.connect(address(&inlet)).expect("connected");
        outlet.connect(address(&sink)).expect("connected");
        Floor { sender, inlet, outlet, sink, batch: Batch::with_max(READY), drained: Batch::with_max(READY) }
    }

    fn run(&mut self) -> f64 {
        let (mut spent_ns, mut packets) = (0, 0);
        for _ in 0..BATCHES {
            for _ in 0..READY {
                self.sender.send(&[0x80; 172]).expect("sent");
            }
            let began_ns = thread_cpu_ns();
            self.batch.receive(&self.inlet);
            packets += self.batch.send(&self.outlet);
            spent_ns += thread_cpu_ns() - began_ns;
            while self.drained.receive(&self.sink) > 0 {}
        }
        assert_eq!(packets, BATCHES * READY, "the floor lost packets");
        spent_ns as f64 / packets as f64
    }
}

/// A shard with 500 bridged calls and their 1,000 phones.
struct Relay {
    shard: Shard,
    phones: Vec<Phone>,
    next: usize,
}

struct Phone {
    socket: UdpSocket,
    sequence: u16,
    sealer: Option<Sealer>,
}

/// What is measured.
enum Kind {
    Plain,
    Recorded(RecordingConfig),
    /// The second leg of each call has keys.
    Secured(Suite),
}

impl Phone {
    fn send(&mut self) {
        let mut datagram = [0xD5; 172 + OVERHEAD_BYTES];
        let mut len = 172;
        self.sequence = self.sequence.wrapping_add(1);
        rtp::write_header(&mut datagram, false, 8, self.sequence, u32::from(self.sequence) * 160, 7);
        if let Some(sealer) = &mut self.sealer {
            len = sealer.seal(&mut datagram, len).expect("an index of its own");
        }
        self.socket.send(&datagram[..len]).expect("sent");
    }
}

impl Relay {
    fn new(kind: Kind) -> Relay {
        let sockets: Vec<UdpSocket> = (0..CALLS * 2).map(|_| loopback()).collect();
        let addresses: Vec<SocketAddr> = sockets.iter().map(address).collect();
        let config = ShardConfig {
            index: 0,
            sockets,
            report_ms: 5_000,
            silence_ms: 60_000,
            quarantine_ms: 30_000,
            seed: 1,
            web: None,
        };
        let mut shard = Shard::new(config, &[]).expect("a shard");
        let (mut records, mut suite) = (false, None);
        match kind {
            Kind::Plain => {}
            Kind::Recorded(recording) => {
                records = true;
                // The thread ends with the process; what it has not written is of no use.
                std::mem::forget(shard.start_writer(recording).expect("a writer"));
            }
            Kind::Secured(with) => suite = Some(with),
        }
        let of = |n: usize| suite.filter(|_| n % 2 == 1);
        let phones =
            addresses.iter().enumerate().map(|(n, &at)| open_leg(&mut shard, n, at, of(n))).collect();
        for call in 0..CALLS {
            let (a, b) = (LegId(call as u64 * 2), LegId(call as u64 * 2 + 1));
            shard.obey(Command::Bridge { a, b });
            if records {
                let call = CallId(call as u128);
                shard.obey(Command::Record { call, recording: call.0, left: a, right: b });
            }
        }
        let mut relay = Relay { shard, phones, next: 0 };
        // Every source is latched and every block open before anything is measured.
        (0..CALLS * 2 / READY * 2 + 2).for_each(|_| {
            relay.batch();
        });
        relay
    }

    /// Gives the processor time of relaying 64 packets.
    fn batch(&mut self) -> u64 {
        let legs = self.phones.len();
        for n in 0..READY {
            self.phones[(self.next + n) % legs].send();
        }
        let began_ns = thread_cpu_ns();
        self.shard.turn_now().expect("epoll");
        let spent_ns = thread_cpu_ns() - began_ns;
        let events = self.shard.take_events();
        assert!(events.iter().all(|event| !matches!(event, media::Event::Refused { .. })), "{events:?}");
        for n in 0..READY {
            // The other leg of each call hears it.
            let other = ((self.next + n) % legs) ^ 1;
            while self.phones[other].socket.recv(&mut [0; 256]).is_ok() {}
        }
        self.next = (self.next + READY) % legs;
        spent_ns
    }

    fn run(&mut self) -> f64 {
        let spent_ns: u64 = (0..BATCHES).map(|_| self.batch()).sum();
        spent_ns as f64 / (BATCHES * READY) as f64
    }

    /// Closes all legs; gives the packets received and sent.
    fn totals(mut self) -> (u64, u64) {
        (0..CALLS as u64 * 2).for_each(|leg| self.shard.obey(Command::Close { leg: LegId(leg) }));
        let events = self.shard.take_events();
        events.iter().fold((0, 0), |(received, sent), event| match event {
            media::Event::Closed { stats, .. } => (received + stats.received, sent + stats.sent),
            _ => (received, sent),
        })
    }
}

/// The keys of one leg; each leg has others.
fn master(suite: Suite, n: usize, whose: u8) -> Master {
    let (key, salt) = suite.key_bytes();
    let octets = (0..key + salt).map(|at| (at as u8).wrapping_mul(31) ^ (n as u8) ^ (n >> 8) as u8 ^ whose);
    Master { suite, key: octets.collect() }
}

fn open_leg(shard: &mut Shard, n: usize, at: SocketAddr, suite: Option<Suite>) -> Phone {
    let socket = loopback();
    socket.connect(at).expect("connected");
    let leg = LegId(n as u64);
    let keyring = suite.map(|suite| Keyring { ours: master(suite, n, 0x55), theirs: master(suite, n, 0xaa) });
    shard.obey(Command::Open { leg, port: n as u32, call: CallId(n as u128 / 2) });
    shard.obey(Command::Connect {
        leg,
        remote: address(&socket),
        agreed: Agreed { srtp: keyring.clone().map(Box::new), ..Agreed::g711(Law::Pcma, Some(101)) },
    });
    let sealer = keyring.map(|keyring| Sealer::new(&keyring.theirs).expect("a whole key"));
    Phone { socket, sequence: 0, sealer }
}

fn main() {
    let rounds = rig::number("--rounds", 5) as usize;
    socket::raise_file_limit(16_384);
    let dir = std::env::temp_dir().join(format!("relay-bench-{}", std::process::id()));
    let recording = RecordingConfig { disk_reserve_bytes: 0, ..RecordingConfig::in_dir(&dir) };
    let mut floor = Floor::new();
    let kinds =
        [Kind::Plain, Kind::Recorded(recording), Kind::Secured(Suite::Gcm128), Kind::Secured(Suite::Cm80)];
    let mut relays = kinds.map(Relay::new);
    let mut figures: [Vec<f64>; 5] = Default::default();
    for _ in 0..rounds {
        let mut sums_ns = [0.0; 5];
        for _ in 0..TURNS {
            sums_ns[0] += floor.run();
            for (sum_ns, relay) in sums_ns[1..].iter_mut().zip(&mut relays) {
                *sum_ns += relay.run();
            }
        }
        for (figures, sum_ns) in figures.iter_mut().zip(sums_ns) {
            figures.push(sum_ns / TURNS as f64);
        }
    }
    let packets = ((rounds * TURNS * BATCHES + CALLS * 2 / READY * 2 + 2) * READY) as u64;
    for relay in relays {
        let (received, sent) = relay.totals();
        assert_eq!(received, packets, "every packet was received");
        assert!(sent * 100 >= received * 95, "and relayed");
    }
    // The directory holds nothing anyone wants.
    let _ = std::fs::remove_dir_all(&dir);
    let [floor, relay, record, gcm, cm80] =
        figures.each_ref().map(|figures| rig::median(figures).unwrap_or(f64::NAN));
    if rig::wants_json() {
        println!(
            r#"{{"floor_ns":{floor:.0},"relay_ns":{relay:.0},"record_ns":{record:.0},"gcm_ns":{gcm:.0},"cm80_ns":{cm80:.0},"rounds":{rounds}}}"#
        );
    } else {
        let row = |name: &str, ns: f64, than: f64, of: &str, goal: f64| {
            println!("{name:<7}{ns:7.0} ns a packet  {:.2} x {of} (goal {goal:.2})", ns / than);
        };
        println!("floor  {floor:7.0} ns a packet");
        row("relay", relay, floor, "floor", 1.9);
        row("record", record, relay, "relay", 1.15);
        row("gcm", gcm, relay, "relay", 1.08);
        row("cm80", cm80, relay, "relay", 1.15);
    }
}
