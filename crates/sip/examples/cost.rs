//! What signalling costs: calls of two legs through one endpoint in the middle, far ends and network in memory.
//!
//! `cargo run --release -p sip --example cost [calls]` prints the time of the endpoint in the middle per call:
//! INVITE, 100, 180, 200, ACK, BYE, 200 on both legs, the transactions running out included.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;

use sip::{Config, Endpoint, Event, Invite, LegId, Party};

/// The clocks of the measurement; the endpoint itself never reads one.
#[allow(clippy::disallowed_types, clippy::disallowed_methods)]
mod clock {
    /// CPU time of this thread so far, where the system tells.
    pub fn cpu_ns() -> u128 {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        text.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0)
    }

    pub fn spent<T>(total_ns: &mut u128, work: impl FnOnce() -> T) -> T {
        let start = std::time::Instant::now();
        let result = work();
        *total_ns += start.elapsed().as_nanos();
        result
    }
}

const SDP: &[u8] = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
m=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// The endpoint in the middle with the thinnest possible user, the far ends, and the calls between them.
struct Bench {
    middle: Endpoint,
    caller: Endpoint,
    callee: Endpoint,
    other_leg: HashMap<LegId, LegId>,
    middle_ns: u128,
    datagrams: u64,
    ended: usize,
    hang_up_at: BTreeMap<u64, Vec<LegId>>,
    now_ms: u64,
}

impl Bench {
    fn new() -> Bench {
        let endpoint = |port, seed| Endpoint::new(Config::new(address(port), seed));
        Bench {
            middle: endpoint(5060, 1),
            caller: endpoint(5070, 2),
            callee: endpoint(5080, 3),
            other_leg: HashMap::new(),
            middle_ns: 0,
            datagrams: 0,
            ended: 0,
            hang_up_at: BTreeMap::new(),
            now_ms: 1,
        }
    }

    fn invite(from: u16, to: u16) -> Invite {
        let party = Party { user: "13800138000".into(), host: format!("127.0.0.1:{from}"), display: None };
        Invite::new(address(to), format!("sip:4006010114@127.0.0.1:{to}"), party, SDP.to_vec())
    }

    /// Deliver until nobody has anything to say.
    fn settle(&mut self) {
        loop {
            let mut flying = VecDeque::new();
            for (who, endpoint) in [(5070, &mut self.caller), (5080, &mut self.callee)] {
                flying.extend(std::iter::from_fn(|| endpoint.poll_transmit()).map(|sent| (who, sent)));
            }
            let middle = &mut self.middle;
            clock::spent(&mut self.middle_ns, || {
                flying.extend(std::iter::from_fn(|| middle.poll_transmit()).map(|sent| (5060, sent)));
            });
            if flying.is_empty() {
                return;
            }
            for (from, sent) in flying {
                self.deliver(address(from), sent.to.remote, &sent.bytes);
            }
        }
    }

    fn deliver(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let now_ms = self.now_ms;
        match to.port() {
            5060 => {
                self.datagrams += 1;
                let (middle, other_leg, ended) = (&mut self.middle, &mut self.other_leg, &mut self.ended);
                clock::spent(&mut self.middle_ns, || {
                    middle.receive(bytes, from, now_ms);
                    while let Some(event) = middle.poll_event() {
                        couple(middle, other_leg, ended, event, now_ms);
                    }
                });
            }
            5070 => {
                self.caller.receive(bytes, from, now_ms);
                while let Some(event) = self.caller.poll_event() {
                    if let Event::Answered { leg, .. } = event {
                        self.hang_up_at.entry(now_ms + 2_000).or_default().push(leg);
                    }
                }
            }
            _ => {
                self.callee.receive(bytes, from, now_ms);
                while let Some(event) = self.callee.poll_event() {
                    if let Event::Invited { leg, .. } = event {
                        self.callee.provisional(leg, 180, None, now_ms);
                        self.callee.answer(leg, SDP.to_vec(), now_ms);
                    }
                }
            }
        }
    }

    fn tick(&mut self) {
        self.now_ms += 1;
        let now_ms = self.now_ms;
        for leg in self.hang_up_at.remove(&now_ms).unwrap_or_default() {
            self.caller.bye(leg, None, now_ms);
        }
        self.caller.handle_timeout(now_ms);
        self.callee.handle_timeout(now_ms);
        let (middle, other_leg, ended) = (&mut self.middle, &mut self.other_leg, &mut self.ended);
        clock::spent(&mut self.middle_ns, || {
            middle.handle_timeout(now_ms);
            while let Some(event) = middle.poll_event() {
                couple(middle, other_leg, ended, event, now_ms);
            }
        });
        self.settle();
    }
}

/// The user in the middle: what happens on one leg is done on the other.
fn couple(
    middle: &mut Endpoint,
    other: &mut HashMap<LegId, LegId>,
    ended: &mut usize,
    event: Event,
    now_ms: u64,
) {
    match event {
        Event::Invited { leg, invite } => {
            middle.trying(leg, now_ms);
            let mut out = Bench::invite(5060, 5080);
            out.sdp = invite.sdp.unwrap_or_default();
            let onward = middle.invite(out, now_ms).expect("room");
            other.insert(leg, onward);
            other.insert(onward, leg);
        }
        Event::Progress { leg, status, sdp, .. } => middle.provisional(other[&leg], status, sdp, now_ms),
        Event::Answered { leg, sdp } => middle.answer(other[&leg], sdp.unwrap_or_default(), now_ms),
        Event::Bye { leg, .. } => middle.bye(other[&leg], None, now_ms),
        Event::Ended { leg } => {
            other.remove(&leg);
            *ended += 1;
        }
        Event::Failed { .. } | Event::AckMissing { .. } => panic!("a call failed: {event:?}"),
        _ => {}
    }
}

fn main() {
    let calls: usize = std::env::args().nth(1).and_then(|arg| arg.parse().ok()).unwrap_or(60_000);
    let per_ms = 2;
    let mut bench = Bench::new();
    let (mut started, mut all_ns) = (0, 0);
    let cpu_before_ns = clock::cpu_ns();
    while bench.ended < 2 * calls {
        let new = per_ms.min(calls - started);
        started += new;
        clock::spent(&mut all_ns, || {
            for _ in 0..new {
                let now_ms = bench.now_ms;
                bench.caller.invite(Bench::invite(5070, 5060), now_ms).expect("room");
            }
            bench.tick();
        });
    }
    let cpu_ns = clock::cpu_ns() - cpu_before_ns;
    assert_eq!(bench.middle.counts(), sip::Counts::default());
    // On a busy machine the wall clock also counts others; CPU time is shared out as the wall clock was.
    let us_per_call = cpu_ns as f64 * (bench.middle_ns as f64 / all_ns as f64) / 1000.0 / calls as f64;
    println!("{calls} calls at {} a second of virtual time, {} datagrams in", per_ms * 1000, bench.datagrams);
    println!("{us_per_call:.1} us of CPU per call of two legs, {:.0} calls/s on one core", 1e6 / us_per_call);
    println!("{:.1} us by the wall clock", bench.middle_ns as f64 / 1000.0 / calls as f64);
}
