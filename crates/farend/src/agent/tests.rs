//! Two agents in memory with a virtual clock, and a network that loses, doubles and delays what a test says.

use super::*;
use crate::random::Random;

const CALLER: &str = "127.0.0.1:5080";
const CALLEE: &str = "127.0.0.1:5090";

struct Net {
    agents: [Agent; 2],
    addresses: [SocketAddr; 2],
    now_ms: u64,
    /// Datagrams on their way: when, from which side, what.
    wire: Vec<(u64, usize, Transmit)>,
    events: Vec<(usize, LegId, Event)>,
    random: Random,
    /// Lost, doubled, delayed: chances in percent.
    faults: (u64, u64, u64),
    sent: Vec<String>,
    /// Datagrams of this first line are lost once each time they are in here.
    lose_once: Vec<&'static str>,
}

impl Net {
    fn new(seed: u64, faults: (u64, u64, u64)) -> Net {
        let addresses: [SocketAddr; 2] = [CALLER, CALLEE].map(|text| text.parse().expect("an address"));
        Net {
            agents: addresses
                .map(|local| Agent::new(AgentConfig::new(local, seed ^ u64::from(local.port())))),
            addresses,
            now_ms: 0,
            wire: Vec::new(),
            events: Vec::new(),
            random: Random::new(seed),
            faults,
            sent: Vec::new(),
            lose_once: Vec::new(),
        }
    }

    fn call(&mut self) -> LegId {
        let to = self.addresses[1];
        self.agents[0].invite(to, "4006010114", "13800138000", b"v=0\r\n".to_vec(), self.now_ms)
    }

    fn collect(&mut self) {
        for side in 0..2 {
            while let Some(transmit) = self.agents[side].poll_transmit() {
                let line = first_line(&transmit.bytes);
                let once = self.lose_once.iter().position(|lost| line.starts_with(lost));
                self.sent.push(line);
                if let Some(at) = once {
                    self.lose_once.remove(at);
                    continue;
                }
                let (lost, doubled, delayed) = self.faults;
                if self.random.below(100) < lost {
                    continue;
                }
                let delay = if self.random.below(100) < delayed { self.random.below(700) } else { 1 };
                if self.random.below(100) < doubled {
                    let again = Transmit { to: transmit.to, bytes: transmit.bytes.clone() };
                    self.wire.push((self.now_ms + delay + self.random.below(50), side, again));
                }
                self.wire.push((self.now_ms + delay, side, transmit));
            }
            while let Some((leg, event)) = self.agents[side].poll_event() {
                self.events.push((side, leg, event));
            }
        }
    }

    /// Lets time go on until `until` is seen, and says what it was; panics after `ms`.
    fn until<T>(&mut self, ms: u64, until: impl Fn(usize, &Event) -> Option<T>) -> (LegId, T) {
        let end_ms = self.now_ms + ms;
        loop {
            self.collect();
            while !self.events.is_empty() {
                let (side, leg, event) = self.events.remove(0);
                if let Some(seen) = until(side, &event) {
                    return (leg, seen);
                }
            }
            assert!(self.step(end_ms), "nothing within {ms} ms; sent: {:#?}", self.sent);
        }
    }

    /// To the next datagram or timer; `false` at `end_ms`.
    fn step(&mut self, end_ms: u64) -> bool {
        let arrivals = self.wire.iter().map(|(at_ms, ..)| *at_ms);
        let timers = self.agents.iter().filter_map(Agent::next_timeout);
        let next = arrivals.chain(timers).min().unwrap_or(u64::MAX);
        if next > end_ms {
            self.now_ms = end_ms;
            return false;
        }
        self.now_ms = self.now_ms.max(next);
        let due = self.wire.iter().position(|(at_ms, ..)| *at_ms <= self.now_ms);
        if let Some(at) = due {
            let (_, side, transmit) = self.wire.remove(at);
            let to = usize::from(transmit.to == self.addresses[1]);
            assert_eq!(self.addresses[to], transmit.to, "sent to nobody");
            self.agents[to].receive(&transmit.bytes, self.addresses[side], self.now_ms);
        }
        for agent in &mut self.agents {
            agent.handle_timeout(self.now_ms);
        }
        true
    }

    fn run(&mut self, ms: u64) -> Vec<(usize, LegId, Event)> {
        let end_ms = self.now_ms + ms;
        self.collect();
        while self.step(end_ms) {
            self.collect();
        }
        std::mem::take(&mut self.events)
    }

    fn invited(&mut self) -> LegId {
        self.until(40_000, |_, event| matches!(event, Event::Invited(_)).then_some(())).0
    }

    fn answered(&mut self) -> (LegId, LegId) {
        let caller = self.call();
        let callee = self.invited();
        self.agents[1].ring(callee, 180, None);
        self.agents[1].answer(callee, b"v=0\r\n".to_vec(), self.now_ms);
        self.until(10_000, |_, event| matches!(event, Event::Answered { .. }).then_some(()));
        (caller, callee)
    }

    fn assert_empty(&mut self) {
        self.run(200_000);
        assert_eq!((self.agents[0].legs(), self.agents[1].legs()), (0, 0));
        assert_eq!((self.agents[0].live(), self.agents[1].live()), (0, 0));
        assert!(self.agents.iter().all(|agent| agent.invites.is_empty()));
    }
}

fn first_line(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).lines().next().unwrap_or_default().to_owned()
}

#[test]
fn a_call_is_answered_and_ended_from_either_side() {
    for side in 0..2 {
        let mut net = Net::new(1, (0, 0, 0));
        let legs = net.answered();
        let leg = [legs.0, legs.1][side];
        net.agents[side].hang_up(leg, net.now_ms);
        let events = net.run(1000);
        assert!(events.iter().any(|(at, _, event)| *at == 1 - side && matches!(event, Event::Bye { .. })));
        let done = Event::ByeDone { status: Some(200) };
        assert!(events.iter().any(|(at, _, event)| *at == side && *event == done));
        net.assert_empty();
    }
}

#[test]
fn a_refusal_brings_its_status_and_cause() {
    let mut net = Net::new(2, (0, 0, 0));
    net.call();
    let callee = net.invited();
    net.agents[1].reject(callee, 486, Some(17), net.now_ms);
    let (_, seen) = net.until(1000, |_, event| match event {
        Event::Failed { status, q850, response, .. } => Some((*status, *q850, *response)),
        _ => None,
    });
    assert_eq!(seen, (486, Some(17), true));
    net.assert_empty();
}

#[test]
fn cancel_waits_for_the_first_provisional_response() {
    let mut net = Net::new(3, (0, 0, 0));
    let caller = net.call();
    net.agents[0].hang_up(caller, 0);
    let callee = net.invited();
    net.run(300);
    assert!(!net.sent.iter().any(|line| line.starts_with("CANCEL")));
    net.agents[1].ring(callee, 180, None);
    let events = net.run(1000);
    assert!(events.iter().any(|(side, _, event)| *side == 1 && *event == Event::Cancelled));
    assert!(
        events
            .iter()
            .any(|(side, _, event)| *side == 0 && matches!(event, Event::Failed { status: 487, .. }))
    );
    net.assert_empty();
}

#[test]
fn an_answer_that_crosses_cancel_is_acknowledged_and_left() {
    let mut net = Net::new(4, (0, 0, 0));
    let caller = net.call();
    let callee = net.invited();
    net.agents[0].hang_up(caller, net.now_ms);
    net.agents[1].answer(callee, b"v=0\r\n".to_vec(), net.now_ms);
    let events = net.run(1000);
    assert!(
        events
            .iter()
            .any(|(side, _, event)| *side == 0 && matches!(event, Event::Failed { status: 487, .. }))
    );
    assert!(events.iter().any(|(side, _, event)| *side == 1 && matches!(event, Event::Bye { .. })));
    net.assert_empty();
}

#[test]
fn what_is_lost_once_is_sent_again() {
    for lost in ["INVITE", "SIP/2.0 200", "ACK", "BYE"] {
        let mut net = Net::new(5, (0, 0, 0));
        net.lose_once = vec![lost];
        let (caller, _) = net.answered();
        net.run(2000);
        net.agents[0].hang_up(caller, net.now_ms);
        net.until(5000, |side, event| {
            (side == 0 && *event == Event::ByeDone { status: Some(200) }).then_some(())
        });
        assert!(net.lose_once.is_empty(), "{lost} was sent");
        assert_eq!(net.agents.iter().map(Agent::retransmitted).sum::<u64>(), 1, "{lost}");
        net.assert_empty();
    }
}

#[test]
fn nobody_there_is_known_after_64_t1() {
    let mut net = Net::new(6, (100, 0, 0));
    net.call();
    let (_, seen) = net.until(40_000, |_, event| match event {
        Event::Failed { status, response, .. } => Some((*status, *response)),
        _ => None,
    });
    assert_eq!((seen, net.now_ms), ((408, false), 32_000));
    assert_eq!(net.sent.len(), 7, "RFC 3261 17.1.1.2: 0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5 s");
    net.assert_empty();
}

#[test]
fn a_dead_line_hears_no_repetition_either() {
    let mut net = Net::new(7, (0, 0, 0));
    net.call();
    let callee = net.invited();
    net.agents[1].ignore(callee, net.now_ms);
    let events = net.run(40_000);
    assert!(events.iter().all(|(side, ..)| *side == 0), "{events:?}");
    assert!(net.sent.iter().all(|line| line.starts_with("INVITE")));
    net.assert_empty();
}

#[test]
fn a_session_refresh_is_accepted_with_the_old_description() {
    let mut net = Net::new(8, (0, 0, 0));
    let (caller, callee) = net.answered();
    net.run(100);
    let (address, branch) = (net.addresses[1], "z9hG4bKrefresh");
    let leg = net.agents[1].leg(callee).expect("live");
    leg.cseq += 1;
    let refresh = leg.request(address, "INVITE", leg.cseq, branch, "Contact: <sip:x@127.0.0.1:5090>\r\n");
    net.agents[0].receive(&refresh, address, net.now_ms);
    let reply = net.agents[0].poll_transmit().expect("an answer");
    let text = String::from_utf8(reply.bytes).expect("text");
    assert!(text.starts_with("SIP/2.0 200 OK\r\n") && text.ends_with("\r\n\r\nv=0\r\n"), "{text}");
    assert!(text.contains(branch) && text.contains("CSeq: 1 INVITE"));
    let cseq = net.agents[1].leg(callee).expect("live").cseq;
    let leg = net.agents[1].leg(callee).expect("live");
    let ack = leg.request(address, "ACK", cseq, "z9hG4bKack", "");
    net.agents[0].receive(&ack, address, net.now_ms);
    net.agents[0].hang_up(caller, net.now_ms);
    net.assert_empty();
    assert!(!net.sent.iter().any(|line| line.starts_with("SIP/2.0 481")));
}

#[test]
fn requests_inside_a_call_follow_the_recorded_route() {
    let mut agent = Agent::new(AgentConfig::new(CALLER.parse().expect("an address"), 9));
    let proxy: SocketAddr = "127.0.0.9:5060".parse().expect("an address");
    let leg = agent.invite(proxy, "400", "138", Vec::new(), 0);
    let invite = agent.poll_transmit().expect("INVITE").bytes;
    let message = Message::parse(&invite).expect("ours");
    let answer = format!(
        "SIP/2.0 200 OK\r\nVia: {}\r\nRecord-Route: <sip:127.0.0.8:5070;lr>, <sip:127.0.0.9;lr=on>\r\n\
         From: {}\r\nTo: {};tag=far\r\nCall-ID: {}\r\nCSeq: 1 INVITE\r\nContact: <sip:far@192.0.2.7:5555>\r\n\
         Content-Length: 0\r\n\r\n",
        message.vias[0], message.from, message.to, message.call_id
    );
    agent.receive(answer.as_bytes(), proxy, 5);
    let ack = agent.poll_transmit().expect("ACK");
    let text = String::from_utf8(ack.bytes).expect("text");
    assert_eq!(ack.to, proxy);
    assert!(text.starts_with("ACK sip:far@192.0.2.7:5555 SIP/2.0\r\n"), "{text}");
    let routes: Vec<_> = text.lines().filter(|line| line.starts_with("Route:")).collect();
    assert_eq!(routes, ["Route: <sip:127.0.0.9;lr=on>", "Route: <sip:127.0.0.8:5070;lr>"]);
    agent.hang_up(leg, 10);
    assert_eq!(agent.poll_transmit().map(|bye| bye.to), Some(proxy));
}

#[test]
fn options_is_answered_and_strange_requests_get_their_status() {
    let mut agent = Agent::new(AgentConfig::new(CALLEE.parse().expect("an address"), 10));
    let from: SocketAddr = CALLER.parse().expect("an address");
    for (method, tag, status) in [("OPTIONS", "", 200), ("PUBLISH", "", 405), ("BYE", ";tag=0-0-0", 481)] {
        let request = format!(
            "{method} sip:x@{CALLEE} SIP/2.0\r\nVia: SIP/2.0/UDP {CALLER};branch=z9hG4bKo;rport\r\n\
             From: <sip:a@{CALLER}>;tag=1\r\nTo: <sip:x@{CALLEE}>{tag}\r\nCall-ID: o\r\nCSeq: 1 {method}\r\n\r\n"
        );
        agent.receive(request.as_bytes(), from, 0);
        let reply = String::from_utf8(agent.poll_transmit().expect("a reply").bytes).expect("text");
        assert!(reply.starts_with(&format!("SIP/2.0 {status} ")), "{reply}");
        assert!(reply.contains("rport=5080;received=127.0.0.1"), "{reply}");
    }
    assert_eq!(agent.legs(), 0);
}

/// Whatever the network does, both sides learn an end, and nothing stays behind.
#[test]
fn bad_networks_leave_nothing_behind() {
    for seed in 0..300 {
        let mut net = Net::new(seed, (25, 20, 40));
        let caller = net.call();
        let (hang_up_after_ms, side) = (net.random.below(4000), net.random.below(3));
        let mut callee = None;
        for _ in 0..400 {
            let events = net.run(20);
            for (at, leg, event) in events {
                if let (1, Event::Invited(_)) = (at, event) {
                    assert!(callee.replace(leg).is_none(), "seed {seed}: invited twice");
                    net.agents[1].ring(leg, 180, None);
                    if side != 2 {
                        net.agents[1].answer(leg, b"v=0\r\n".to_vec(), net.now_ms);
                    }
                }
            }
            if net.now_ms >= hang_up_after_ms {
                net.agents[0].hang_up(caller, net.now_ms);
                if let (1, Some(callee)) = (side, callee) {
                    net.agents[1].hang_up(callee, net.now_ms);
                }
            }
        }
        net.faults = (0, 0, 0);
        net.run(700_000);
        net.assert_empty();
    }
}

#[test]
fn a_challenged_invite_is_sent_once_more_with_an_answer() {
    let mut config = AgentConfig::new(CALLER.parse().expect("an address"), 3);
    config.credentials = Some(Credentials { user: "acme-8001".into(), password: "word".into() });
    let mut agent = Agent::new(config);
    let to: SocketAddr = CALLEE.parse().expect("an address");
    agent.invite(to, "110", "acme-8001", b"v=0\r\n".to_vec(), 0);
    let sent = |agent: &mut Agent| {
        let bytes = agent.poll_transmit().expect("a message").bytes;
        String::from_utf8(bytes).expect("text")
    };
    let refusal = |request: &str| {
        let copied: String = request
            .lines()
            .filter(|line| ["Via", "From", "To", "Call-ID", "CSeq"].iter().any(|name| line.starts_with(name)))
            .map(|line| format!("{line}\r\n"))
            .collect();
        let challenge = "Proxy-Authenticate: Digest realm=\"sibai\", nonce=\"n\", qop=\"auth\"\r\n";
        format!("SIP/2.0 407 Proxy Authentication Required\r\n{copied}{challenge}\r\n").into_bytes()
    };
    let first = sent(&mut agent);
    agent.receive(&refusal(&first), to, 10);
    assert!(sent(&mut agent).starts_with("ACK "));
    let second = sent(&mut agent);
    assert!(
        second.contains("CSeq: 2 INVITE")
            && second.contains("Proxy-Authorization: Digest username=\"acme-8001\"")
    );
    assert!(agent.poll_event().is_none(), "nobody is told of a challenge");
    agent.receive(&refusal(&second), to, 20);
    assert!(sent(&mut agent).starts_with("ACK ") && agent.poll_transmit().is_none());
    let (_, event) = agent.poll_event().expect("the end");
    assert!(matches!(event, Event::Failed { status: 407, response: true, .. }), "{event:?}");
}
