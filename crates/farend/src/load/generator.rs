//! The generator at work: one loop that plays all callers and all callees.
//! It refuses to know how a message is written and how RTP is paced.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;

use sip::sdp::{Format, Sdp};

use super::histogram::Histogram;
use super::matching::{Match, Matching, Sent, caller_number};
use super::rtp::{RtpThread, Side, StreamId};
use super::{LoadConfig, LoadError, LoadReport, Plan, Progress};
use crate::agent::{Agent, AgentConfig, Event, Invited, LegId};
use crate::clock::Clock;
use crate::udp::Udp;

/// Datagrams taken from one socket before anything else has its turn.
const DATAGRAMS_PER_TURN: usize = 128;
/// Room for a burst of datagrams; the system may grant less.
const BUFFER_BYTES: usize = 4 << 20;
/// How long the last calls may take beyond their hold time: 64·T1 for each of INVITE and BYE.
const DRAIN_US: u64 = 65_000_000;
const PROGRESS_US: u64 = 1_000_000;

pub(super) struct Generator<F> {
    config: LoadConfig,
    clock: Clock,
    cpu_before_ms: u64,
    caller: Party,
    callee: Party,
    rtp: Option<RtpThread>,
    /// Without RTP: a port that nobody reads, so that stray packets raise no errors.
    sink: SocketAddr,
    _sink: std::net::UdpSocket,
    calls: Vec<Option<Call>>,
    /// Serial numbers of the callee's legs, for their streams.
    callee_serials: Vec<u64>,
    matching: Matching,
    hang_ups: BinaryHeap<Reverse<(u64, LegId)>>,
    phase: Phase,
    placed: u64,
    placed_measured: u64,
    pending: u64,
    up: u64,
    failed: u64,
    next_progress_us: u64,
    post_dial: Histogram,
    setup: Histogram,
    release: Histogram,
    report: LoadReport,
    on_progress: F,
}

struct Party {
    socket: Udp,
    agent: Agent,
}

struct Call {
    leg: LegId,
    serial: u64,
    number: String,
    measured: bool,
    sent_us: u64,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Calling,
    Up,
    Leaving { since_us: u64 },
}

/// How far the plan is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Placing,
    /// All calls are up until then.
    Holding {
        until_us: u64,
    },
    /// No more calls; what is left has until then.
    Draining {
        until_us: u64,
    },
}

impl<F: FnMut(Progress)> Generator<F> {
    pub(super) fn open(config: LoadConfig, on_progress: F) -> Result<Generator<F>, LoadError> {
        let caller_local = SocketAddr::new(config.caller_address, 0);
        let failed = |at| move |error| LoadError::Socket(at, error);
        let party = |local: SocketAddr| -> Result<Party, LoadError> {
            let socket = Udp::bind(local, BUFFER_BYTES).map_err(failed(local))?;
            let agent = Agent::new(AgentConfig::new(socket.local(), crate::clock::fresh_seed()));
            Ok(Party { socket, agent })
        };
        let rtp = match config.rtp {
            true => Some(
                RtpThread::start(config.caller_address, config.callee_listen.ip())
                    .map_err(failed(caller_local))?,
            ),
            false => None,
        };
        let sink = crate::udp::bind_std(caller_local, 0).map_err(failed(caller_local))?;
        Ok(Generator {
            caller: party(caller_local)?,
            callee: party(config.callee_listen)?,
            clock: Clock::start(),
            cpu_before_ms: own_cpu_ms(),
            rtp,
            sink: sink.local_addr().map_err(failed(caller_local))?,
            _sink: sink,
            calls: Vec::new(),
            callee_serials: Vec::new(),
            matching: Matching::default(),
            hang_ups: BinaryHeap::new(),
            phase: Phase::Placing,
            placed: 0,
            placed_measured: 0,
            pending: 0,
            up: 0,
            failed: 0,
            next_progress_us: PROGRESS_US,
            post_dial: Histogram::default(),
            setup: Histogram::default(),
            release: Histogram::default(),
            report: LoadReport::default(),
            config,
            on_progress,
        })
    }

    pub(super) async fn run(&mut self) {
        loop {
            let now_us = self.clock.now_us();
            self.turn(now_us);
            if self.over(now_us) {
                break;
            }
            let wake = self.clock.at_us(self.next_wake_us());
            tokio::select! {
                () = self.caller.socket.arrival() => (),
                () = self.callee.socket.arrival() => (),
                () = tokio::time::sleep_until(wake) => (),
            }
            self.receive();
        }
    }

    /// All that is due by the clock.
    fn turn(&mut self, now_us: u64) {
        self.place_due(now_us);
        self.follow_plan(now_us);
        while self.hang_ups.peek().is_some_and(|Reverse((at_us, _))| *at_us <= now_us) {
            if let Some(Reverse((_, leg))) = self.hang_ups.pop() {
                self.hang_up(leg);
            }
        }
        self.caller.agent.handle_timeout(now_us / 1000);
        self.callee.agent.handle_timeout(now_us / 1000);
        self.pass();
        if now_us >= self.next_progress_us {
            self.next_progress_us += PROGRESS_US;
            let Generator { placed, up, failed, .. } = *self;
            let elapsed_ms = now_us / 1000;
            (self.on_progress)(Progress { elapsed_ms, attempted: placed, calls_up: up, failed });
        }
    }

    fn receive(&mut self) {
        let mut datagram = [0; 65_536];
        for _ in 0..DATAGRAMS_PER_TURN {
            let mut quiet = true;
            for side in [Side::Callee, Side::Caller] {
                let party = self.party(side);
                if let Some((bytes, from)) = party.socket.receive(&mut datagram) {
                    quiet = false;
                    let now_ms = self.clock.now_ms();
                    self.party(side).agent.receive(&datagram[..bytes], from, now_ms);
                    self.pass();
                }
            }
            if quiet {
                break;
            }
        }
    }

    fn party(&mut self, side: Side) -> &mut Party {
        match side {
            Side::Caller => &mut self.caller,
            Side::Callee => &mut self.callee,
        }
    }

    /// Takes what has happened and sends what is to be sent.
    fn pass(&mut self) {
        while let Some((leg, event)) = self.callee.agent.poll_event() {
            self.take_callee(leg, event);
        }
        while let Some((leg, event)) = self.caller.agent.poll_event() {
            self.take_caller(leg, event);
        }
        for party in [&mut self.caller, &mut self.callee] {
            while let Some(transmit) = party.agent.poll_transmit() {
                if !party.socket.send(&transmit.bytes, transmit.to) {
                    self.report.send_failures += 1;
                }
            }
        }
    }

    // The plan.

    fn place_due(&mut self, now_us: u64) {
        while self.phase == Phase::Placing && self.next_call_us() <= now_us {
            match self.config.plan {
                Plan::Steady { warm_up_s, seconds, .. } => {
                    let at_us = self.next_call_us();
                    if at_us as f64 >= (warm_up_s + seconds) * 1e6 {
                        let hold_us = self.config.hold_ms * 1000;
                        self.phase = Phase::Draining { until_us: now_us + hold_us + DRAIN_US };
                        return;
                    }
                    self.place(at_us as f64 >= warm_up_s * 1e6);
                }
                Plan::Fill { calls, .. } => {
                    if self.pending + self.up >= calls as u64 {
                        return;
                    }
                    self.place(true);
                }
            }
        }
    }

    /// When the next call is due: the open loop knows nothing but the clock.
    fn next_call_us(&self) -> u64 {
        let (Plan::Steady { rate_per_s, .. } | Plan::Fill { rate_per_s, .. }) = self.config.plan;
        ((self.placed + self.report.held_back) as f64 * 1e6 / rate_per_s) as u64
    }

    fn follow_plan(&mut self, now_us: u64) {
        let Plan::Fill { calls, up_for_s, rate_per_s } = self.config.plan else { return };
        match self.phase {
            Phase::Placing => {
                let full = self.up >= calls as u64;
                let hopeless = self.placed >= 2 * calls as u64 + 100 && self.pending == 0;
                if full || hopeless {
                    self.phase = Phase::Holding { until_us: now_us + (up_for_s * 1e6) as u64 };
                }
            }
            Phase::Holding { until_us } if until_us <= now_us => {
                let legs = self.calls.iter().flatten().map(|call| call.leg);
                let gap_us = 1e6 / rate_per_s;
                self.hang_ups = legs
                    .enumerate()
                    .map(|(at, leg)| Reverse((now_us + (at as f64 * gap_us) as u64, leg)))
                    .collect();
                let last_us = (self.hang_ups.len() as f64 * gap_us) as u64;
                self.phase = Phase::Draining { until_us: now_us + last_us + DRAIN_US };
            }
            Phase::Holding { .. } | Phase::Draining { .. } => (),
        }
    }

    fn over(&self, now_us: u64) -> bool {
        match self.phase {
            Phase::Placing | Phase::Holding { .. } => false,
            Phase::Draining { until_us } => {
                let quiet = self.caller.agent.live() == 0 && self.callee.agent.live() == 0;
                quiet || now_us >= until_us
            }
        }
    }

    fn next_wake_us(&self) -> u64 {
        let phase_us = match self.phase {
            Phase::Placing if self.full() => self.next_progress_us,
            Phase::Placing => self.next_call_us(),
            Phase::Holding { until_us } | Phase::Draining { until_us } => until_us,
        };
        let timers = [self.caller.agent.next_timeout(), self.callee.agent.next_timeout()];
        let hang_up_us = self.hang_ups.peek().map(|Reverse((at_us, _))| *at_us);
        let others = timers.into_iter().flatten().map(|at_ms| at_ms * 1000).chain(hang_up_us);
        others.fold(phase_us.min(self.next_progress_us), u64::min)
    }

    /// A filling plan waits for answers, not for the clock.
    fn full(&self) -> bool {
        matches!(self.config.plan, Plan::Fill { calls, .. } if self.pending + self.up >= calls as u64)
    }

    fn place(&mut self, measured: bool) {
        if self.pending + self.up >= self.config.calls_max as u64 {
            self.report.held_back += 1;
            return;
        }
        let serial = self.placed;
        let number = caller_number(&self.config.caller_prefixes, serial);
        let offer = self.describe(StreamId { side: Side::Caller, serial });
        let sent_us = self.clock.now_us();
        let leg =
            self.caller.agent.invite(self.config.target, &self.config.number, &number, offer, sent_us / 1000);
        self.matching.sent(&number, Sent { serial, at_us: sent_us, measured });
        put(&mut self.calls, leg, Call { leg, serial, number, measured, sent_us, stage: Stage::Calling });
        self.placed += 1;
        self.pending += 1;
        self.placed_measured += u64::from(measured);
        self.pass();
    }

    fn hang_up(&mut self, leg: LegId) {
        let now_us = self.clock.now_us();
        let Some(call) = call_of(&mut self.calls, leg).filter(|call| call.stage == Stage::Up) else { return };
        call.stage = Stage::Leaving { since_us: now_us };
        let stream = StreamId { side: Side::Caller, serial: call.serial };
        self.up -= 1;
        self.caller.agent.hang_up(leg, now_us / 1000);
        if let Some(rtp) = &self.rtp {
            rtp.stop(stream);
        }
    }

    fn describe(&self, stream: StreamId) -> Vec<u8> {
        let port = self.rtp.as_ref().map_or(self.sink, |rtp| rtp.port(stream));
        let formats = [Format::pcma(), Format::telephone_event()];
        Sdp::offer(port, &formats, stream.serial + 1, 1).to_bytes()
    }

    fn speak(&self, stream: StreamId, description: &[u8]) {
        if let Some(rtp) = &self.rtp
            && let Ok(sdp) = Sdp::parse(description)
        {
            rtp.send_to(stream, sdp.audio);
        }
    }

    // The caller's side.

    fn take_caller(&mut self, leg: LegId, event: Event) {
        match event {
            Event::Answered { sdp } => self.answered(leg, &sdp),
            Event::Failed { status, .. } => self.call_failed(leg, status),
            Event::Bye { .. } => self.ended(leg, false),
            Event::ByeDone { status } => self.ended(leg, status == Some(200)),
            Event::Reoffered { sdp } => {
                if let Some(call) = call_of(&mut self.calls, leg) {
                    let stream = StreamId { side: Side::Caller, serial: call.serial };
                    self.speak(stream, &sdp);
                }
            }
            Event::Progress { .. } | Event::Invited(_) | Event::Cancelled | Event::Acked => (),
        }
    }

    fn answered(&mut self, leg: LegId, sdp: &[u8]) {
        let now_us = self.clock.now_us();
        let Some(call) = call_of(&mut self.calls, leg) else { return };
        call.stage = Stage::Up;
        let (measured, sent_us, serial) = (call.measured, call.sent_us, call.serial);
        self.pending -= 1;
        self.up += 1;
        self.report.calls_up_max = self.report.calls_up_max.max(self.up);
        if measured {
            self.report.answered += 1;
            self.setup.add(now_us - sent_us);
        }
        if let Plan::Steady { .. } = self.config.plan {
            self.hang_ups.push(Reverse((now_us + self.config.hold_ms * 1000, leg)));
        }
        self.speak(StreamId { side: Side::Caller, serial }, sdp);
    }

    fn call_failed(&mut self, leg: LegId, status: u16) {
        let Some(call) = take_call(&mut self.calls, leg) else { return };
        self.matching.forget(&call.number, call.serial);
        self.pending -= 1;
        self.failed += 1;
        if call.measured {
            *self.report.failed_by_status.entry(status).or_default() += 1;
        }
    }

    fn ended(&mut self, leg: LegId, well: bool) {
        let now_us = self.clock.now_us();
        let Some(call) = take_call(&mut self.calls, leg) else { return };
        if let Some(rtp) = &self.rtp {
            rtp.stop(StreamId { side: Side::Caller, serial: call.serial });
        }
        match call.stage {
            Stage::Up => self.up -= 1,
            Stage::Leaving { since_us } if call.measured && well => self.release.add(now_us - since_us),
            Stage::Leaving { .. } | Stage::Calling => (),
        }
        if call.measured && !well {
            self.report.ended_badly += 1;
        }
    }

    // The callee's side.

    fn take_callee(&mut self, leg: LegId, event: Event) {
        match event {
            Event::Invited(invited) => self.called(leg, &invited),
            Event::Bye { .. } | Event::ByeDone { .. } => {
                if let Some(rtp) = &self.rtp {
                    rtp.stop(self.callee_stream(leg));
                }
            }
            Event::Reoffered { sdp } => self.speak(self.callee_stream(leg), &sdp),
            Event::Progress { .. }
            | Event::Answered { .. }
            | Event::Failed { .. }
            | Event::Cancelled
            | Event::Acked => (),
        }
    }

    fn called(&mut self, leg: LegId, invited: &Invited) {
        let now_us = self.clock.now_us();
        let numbers = [Some(invited.from.as_str()), invited.asserted.as_deref()];
        let found = self.matching.seen(numbers.into_iter().flatten());
        let sent = match found {
            Some(Match::ByNumber(sent)) => Some(sent),
            Some(Match::ByOrder(sent)) => {
                self.report.matched_by_order += 1;
                Some(sent)
            }
            None => None,
        };
        // A call that nobody here placed is answered all the same; its stream gets a number of its own.
        let serial = sent.map_or(u64::MAX - leg.index() as u64, |sent| sent.serial);
        if let Some(sent) = sent.filter(|sent| sent.measured) {
            self.post_dial.add(now_us - sent.at_us);
        }
        if self.callee_serials.len() <= leg.index() {
            self.callee_serials.resize(leg.index() + 1, u64::MAX);
        }
        self.callee_serials[leg.index()] = serial;
        let stream = StreamId { side: Side::Callee, serial };
        let answer = self.describe(stream);
        self.callee.agent.ring(leg, 180, None);
        self.callee.agent.answer(leg, answer, now_us / 1000);
        self.speak(stream, &invited.sdp);
    }

    fn callee_stream(&self, leg: LegId) -> StreamId {
        let serial = self.callee_serials.get(leg.index()).copied().unwrap_or(u64::MAX);
        StreamId { side: Side::Callee, serial }
    }

    pub(super) fn report(mut self) -> LoadReport {
        let elapsed_ms = self.clock.now_ms();
        let undecided = self.calls.iter().flatten();
        let undecided = undecided.filter(|call| call.measured && call.stage == Stage::Calling).count() as u64;
        let mut report = self.report;
        if undecided > 0 {
            *report.failed_by_status.entry(408).or_default() += undecided;
        }
        report.attempted = self.placed_measured;
        report.failed = report.failed_by_status.values().sum();
        report.post_dial_ms = self.post_dial.percentiles();
        report.setup_ms = self.setup.percentiles();
        report.release_ms = self.release.percentiles();
        report.retransmissions = self.caller.agent.retransmitted() + self.callee.agent.retransmitted();
        report.rate_per_s = match self.config.plan {
            Plan::Steady { seconds, .. } if seconds > 0.0 => self.placed_measured as f64 / seconds,
            Plan::Steady { .. } => 0.0,
            Plan::Fill { rate_per_s, .. } => rate_per_s,
        };
        report.elapsed_ms = elapsed_ms;
        report.own_cpu_ms = own_cpu_ms().saturating_sub(self.cpu_before_ms);
        report.rtp = self.rtp.take().map(RtpThread::finish);
        report
    }
}

fn put(calls: &mut Vec<Option<Call>>, leg: LegId, call: Call) {
    if calls.len() <= leg.index() {
        calls.resize_with(leg.index() + 1, || None);
    }
    calls[leg.index()] = Some(call);
}

fn call_of(calls: &mut [Option<Call>], leg: LegId) -> Option<&mut Call> {
    calls.get_mut(leg.index())?.as_mut().filter(|call| call.leg == leg)
}

fn take_call(calls: &mut [Option<Call>], leg: LegId) -> Option<Call> {
    calls.get_mut(leg.index())?.take_if(|call| call.leg == leg)
}

/// User and system time of this process so far; 0 where the kernel does not tell. Its clock ticks are 10 ms.
fn own_cpu_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in parentheses may hold blanks; utime and stime are the 12th and 13th fields after it.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok());
    ticks.sum::<u64>() * 10
}
