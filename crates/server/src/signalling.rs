//! The signalling thread: it owns the one node, its journal and the SIP socket. A turn is handle what waits, write the
//! facts once, then do what the node wants; nothing leaves before its facts are written. It decides nothing.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use hotline::{CallId, HotlineNumber, TenantId, Wall};
use media::sys::epoll::{Epoll, Ready};
use node::guard::Role;
use node::{HelpStep, Input, Loaded, Node, Notice, Output, TrialOrder, TrialReport};
use store::HelpCall;

use crate::bridge::{Bridge, Meaning, meaning};
use crate::clock::Clock;
use crate::fetching;
use crate::inbox::{Inbox, Message};
use crate::journal::Journal;
use crate::meters::Meters;
use crate::net::{BATCH, StreamFigures, Streams, UdpSip};
use crate::ops::agents::Lost;
use crate::registrations;
use crate::snapshot::Snapshot;
use crate::storing::{Body, Door, Load};
use crate::traces::{self, Direction};

const INBOX: u64 = 0;
/// Sockets have the tokens from here on, in their order.
const SOCKETS: u64 = 1;
/// Batches of datagrams taken before other threads are heard.
const BATCHES: usize = 4;
/// INVITEs remembered for their traces while their numbers are loaded.
const PARKED_MAX: usize = 1_024;
/// The longest sleep: heartbeats are due each second anyway.
const WAIT_MS_MAX: u64 = 1_000;

/// A socket for datagrams of SIP.
pub struct Socket {
    /// It.
    pub udp: UdpSip,
    /// Its number among the listeners of the endpoint.
    pub listener: u16,
    /// Who may speak on it.
    pub role: Role,
}

impl Socket {
    /// The way to or from a far end by this socket.
    fn hop(&self, remote: std::net::SocketAddr) -> sip::Hop {
        sip::Hop { transport: sip::Transport::Udp, listener: self.listener, remote, connection: None }
    }
}

/// Everything the thread owns or reaches.
pub struct Signalling {
    /// The machine.
    pub node: Node,
    /// Its journal.
    pub journal: Journal,
    /// Its clock.
    pub clock: Clock,
    /// SIP by datagrams; the first is that of `[sip]`.
    pub sockets: Vec<Socket>,
    /// SIP by streams.
    pub streams: Streams,
    /// What others tell.
    pub inbox: Arc<Inbox>,
    /// Media.
    pub bridge: Bridge,
    /// The address of media others are told, if it is not the one bound.
    pub media_advertised: Option<std::net::IpAddr>,
    /// Bodies of cold numbers.
    pub snapshot: Arc<Snapshot>,
    /// The store thread.
    pub store: Door,
    /// Traces; `None` keeps none.
    pub traces: Option<traces::Door>,
    /// Where phones are, over a restart.
    pub registrations: registrations::Door,
    /// Agents whose pages were gone for too long.
    pub lost: tokio::sync::mpsc::Sender<Lost>,
    /// What steps of flows ask of servers outside.
    pub fetching: fetching::Door,
    /// Figures.
    pub meters: Arc<Meters>,
    /// How numbers are shown in lines.
    pub mask: crate::log::Mask,
}

/// The thread's own state beside what it owns.
struct Turns {
    parts: Signalling,
    epoll: Epoll,
    told: VecDeque<Message>,
    /// What each input of the open turn was about.
    abouts: Vec<About>,
    /// The messages of streams in the open turn.
    streamed: Vec<Bytes>,
    /// The INVITEs that wait for a cold number: their traces begin when their calls do.
    parked: BTreeMap<HotlineNumber, Bytes>,
    /// Who waits for what test calls saw, by their number.
    trials: BTreeMap<u64, Box<dyn FnOnce(TrialReport) + Send>>,
    trials_asked: u64,
    failing: bool,
    noted_at: Option<Instant>,
    stop: bool,
}

/// What an input was about, for the traces.
#[derive(Clone, Copy)]
enum About {
    /// A datagram, by its socket and its place in the batch.
    Datagram {
        socket: usize,
        at: usize,
    },
    /// A message of a stream, by its place in the turn.
    Streamed(usize),
    /// A cold number.
    Loaded(HotlineNumber),
    Other,
}

impl Signalling {
    /// Runs until it is told to stop; then ends media and syncs the journal.
    ///
    /// # Errors
    /// epoll cannot be had or fails.
    pub fn run(self) -> io::Result<()> {
        let epoll = Epoll::new()?;
        for (place, socket) in self.sockets.iter().enumerate() {
            epoll.add(socket.udp.raw(), SOCKETS + place as u64)?;
        }
        epoll.add(self.inbox.raw(), INBOX)?;
        let mut turns = Turns {
            parts: self,
            epoll,
            told: VecDeque::new(),
            abouts: Vec::new(),
            streamed: Vec::new(),
            parked: BTreeMap::new(),
            trials: BTreeMap::new(),
            trials_asked: 0,
            failing: false,
            noted_at: None,
            stop: false,
        };
        turns.run()?;
        // Live recordings become files and their rows are told before the store thread ends.
        let Turns { parts, .. } = turns;
        parts.bridge.shutdown();
        let mut told = VecDeque::new();
        parts.inbox.take(&mut told);
        for message in told {
            if let Message::Media(events) = message {
                for event in events {
                    if let Meaning::Recorded(file) = meaning(event, None) {
                        parts.store.recorded(file);
                    }
                }
            }
        }
        Ok(())
    }
}

impl Turns {
    fn run(&mut self) -> io::Result<()> {
        let mut ready = Ready::with_max(1 + self.parts.sockets.len());
        // What recovery wants is done before anything is heard.
        self.handle(Input::Tick, About::Other);
        self.finish_turn();
        while !self.stop {
            self.flush();
            self.note();
            self.epoll.wait(&mut ready, self.wait_ms())?;
            if (0..ready.len()).any(|at| ready.token(at) == INBOX) {
                self.hear_others();
            }
            for token in (0..ready.len()).map(|at| ready.token(at)).filter(|token| *token >= SOCKETS) {
                self.hear_network((token - SOCKETS) as usize);
            }
            if self.parts.node.next_timeout() <= self.parts.clock.mono() {
                self.handle(Input::Tick, About::Other);
                self.finish_turn();
            }
        }
        self.flush();
        Ok(())
    }

    fn flush(&mut self) {
        self.parts.sockets.iter_mut().for_each(|socket| socket.udp.flush());
    }

    fn wait_ms(&self) -> i32 {
        let left = self.parts.node.next_timeout().since_ms(self.parts.clock.mono());
        left.min(WAIT_MS_MAX) as i32
    }

    /// Each batch of datagrams is one turn.
    fn hear_network(&mut self, socket: usize) {
        for _ in 0..BATCHES {
            let count = self.parts.sockets[socket].udp.receive();
            for at in 0..count {
                self.hear_datagram(socket, at);
            }
            self.finish_turn();
            if count < BATCH {
                break;
            }
        }
        while let Some(to) = self.next_unreachable(socket) {
            self.handle(Input::Unreachable { to }, About::Other);
        }
        self.finish_turn();
    }

    fn next_unreachable(&mut self, socket: usize) -> Option<sip::Hop> {
        let socket = &mut self.parts.sockets[socket];
        let to = socket.udp.next_unreachable()?;
        Some(socket.hop(to))
    }

    fn hear_datagram(&mut self, socket: usize, at: usize) {
        let now = self.parts.clock.now();
        let Signalling { node, sockets, .. } = &mut self.parts;
        let own = &sockets[socket];
        let Some(arrived) = own.udp.arrived(at) else { return };
        node.handle(Input::Datagram { from: own.hop(arrived.from), bytes: arrived.bytes }, now);
        self.abouts.push(About::Datagram { socket, at });
    }

    /// What others told meanwhile is one turn too, unless somebody waits to see it done.
    fn hear_others(&mut self) {
        let mut told = std::mem::take(&mut self.told);
        self.parts.inbox.take(&mut told);
        for message in told.drain(..) {
            self.hear(message);
            if self.abouts.len() >= BATCH {
                self.finish_turn();
            }
        }
        self.told = told;
        self.finish_turn();
    }

    fn hear(&mut self, message: Message) {
        match message {
            Message::Stream { from, bytes, unheard } => {
                let about = About::Streamed(self.streamed.len());
                self.streamed.push(bytes.clone());
                self.handle(Input::Datagram { from, bytes: &bytes }, about);
                drop(unheard);
            }
            Message::StreamGone { to } => self.handle(Input::Unreachable { to }, About::Other),
            Message::Media(events) => events.into_iter().for_each(|event| self.hear_media(event)),
            Message::Unplayable { leg, play } => {
                let event = node::media::Event::Played { leg, play };
                self.handle(Input::Media(event), About::Other);
            }
            Message::PromptRead { file, prompt } => self.parts.bridge.prompt_read(&file, prompt.as_ref()),
            Message::Heard { tenant, names, done } => {
                self.parts.bridge.prompts_changed(tenant, names);
                done();
            }
            Message::Loaded(loaded) => self.loaded(loaded),
            Message::Committed { up_to } => self.handle(Input::Committed { up_to }, About::Other),
            Message::Change { change, done } => {
                self.handle(Input::Change(change), About::Other);
                self.finish_turn();
                done();
            }
            Message::Ask(look) => {
                self.finish_turn();
                look(&self.parts.node, self.parts.clock.now());
            }
            Message::Try { order, done } => {
                self.trials_asked += 1;
                self.trials.insert(self.trials_asked, done);
                let order = TrialOrder { id: self.trials_asked, ..order };
                self.handle(Input::Try(order), About::Other);
            }
            Message::Fetched { call, number, fetched } => {
                self.handle(Input::Fetched { call, number, fetched }, About::Other);
            }
            Message::Drain(on) => self.handle(Input::Drain(on), About::Other),
            Message::EndAll => self.handle(Input::EndAll, About::Other),
            Message::Advance { by_ms, done } => {
                self.parts.clock.advance(by_ms);
                self.handle(Input::Tick, About::Other);
                self.finish_turn();
                done();
            }
            Message::Stop => self.stop = true,
        }
    }

    fn loaded(&mut self, loaded: Loaded) {
        let number = loaded.number;
        self.handle(Input::Loaded(loaded), About::Loaded(number));
        self.finish_turn();
        // Asked for once more, it is still to begin.
        if !self.parts.node.awaits(number) {
            self.parked.remove(&number);
        }
    }

    fn hear_media(&mut self, event: media::Event) {
        match meaning(event, self.parts.media_advertised) {
            Meaning::Node(event) => {
                // Counted and no more: keys may be a card's number.
                if let node::media::Event::Digit { .. } = event {
                    self.parts.meters.media_keys.add(1);
                }
                self.handle(Input::Media(event), About::Other);
            }
            Meaning::Recorded(file) => self.parts.store.recorded(file),
            Meaning::RecordingStopped(event, reason) => {
                self.parts.meters.recordings_stopped.add(1);
                tracing::error!(?reason, "a recording stopped before its call did");
                self.handle(Input::Media(event), About::Other);
            }
            Meaning::Refused(leg, reason) => {
                self.parts.meters.media_refused.add(1);
                tracing::warn!(leg = leg.0, ?reason, "media refused a command");
            }
            Meaning::Nothing => {}
        }
    }

    fn handle(&mut self, input: Input<'_>, about: About) {
        self.parts.node.handle(input, self.parts.clock.now());
        self.abouts.push(about);
    }

    /// Ends the open turn, if there is one.
    fn finish_turn(&mut self) {
        if self.abouts.is_empty() {
            return;
        }
        self.write_facts();
        while let Some(output) = self.parts.node.poll_output() {
            self.perform(output);
        }
        self.parts.bridge.wake();
        self.abouts.clear();
        self.streamed.clear();
    }

    fn about(&self, input: usize) -> About {
        self.abouts.get(input).copied().unwrap_or(About::Other)
    }

    /// Nothing of a turn is done before this has come back well, or the node has taken back what it would have
    /// promised.
    fn write_facts(&mut self) {
        let Signalling { node, journal, clock, meters, .. } = &mut self.parts;
        match journal.append(node.facts()) {
            Ok(()) => {
                node.facts_written();
                if std::mem::take(&mut self.failing) {
                    meters.journal_failing.set(false);
                    tracing::info!("the journal is written again");
                }
            }
            Err(error) => {
                meters.journal_failures.add(1);
                if !std::mem::replace(&mut self.failing, true) {
                    meters.journal_failing.set(true);
                    tracing::error!(%error, "the journal cannot be written; calls are refused");
                }
                node.handle(Input::JournalFailed, clock.now());
            }
        }
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Transmit { to, bytes, call } => {
                if let (Some(traces), Some(call)) = (&self.parts.traces, call) {
                    traces.add(call, self.parts.clock.now().wall, Direction::Out, bytes.clone());
                }
                self.send(to, bytes);
            }
            Output::Heard { call, input } => self.trace_heard(call, self.about(input)),
            Output::Media(command) => self.parts.bridge.perform(command),
            Output::Settle(settlement) => self.parts.store.settle(settlement),
            Output::Agent(step) => self.parts.store.agent_changed(step),
            Output::Load { number, tenant, version, place, body, account, input } => {
                self.remember_parked(number, self.about(input));
                let here = if body { self.parts.snapshot.load(place) } else { None };
                let here = here.filter(|hotline| hotline.number == number && hotline.version == version);
                if here.is_some() && !account {
                    let loaded = Loaded { number, tenant, hotline: here, account: None };
                    return self.parts.inbox.push(Message::Loaded(loaded));
                }
                let body = if body && here.is_none() { Body::Compile } else { Body::Here(here) };
                let asked_at = Instant::now();
                self.parts.store.load(Load { number, tenant, version, body, account, asked_at });
            }
            Output::Tried { order, report } => {
                if let Some(done) = self.trials.remove(&order) {
                    done(*report);
                }
            }
            Output::HangUp(from) => self.parts.streams.hang_up(from),
            Output::Phone(kept) => self.parts.registrations.keep(*kept),
            Output::PageGone { tenant, extension } => self.page_gone(Lost { tenant, extension }),
            Output::Keep { from } => self.parts.journal.free_below(from),
            Output::Sources(sources) => self.close_to_others(&sources),
            Output::Fetch { call, tenant, number, request } => {
                self.parts.fetching.fetch(call, tenant, number, *request);
            }
            Output::Notice(notice) => self.notice(notice),
        }
    }

    /// Has it kept that the agents of a page are logged out. Nothing waits for the database here.
    fn page_gone(&self, lost: Lost) {
        tracing::info!(tenant = %lost.tenant, extension = lost.extension, "the page of an agent is gone");
        if let Err(error) = self.parts.lost.try_send(lost) {
            tracing::error!(%error, "more agents are lost at once than can be kept");
        }
    }

    /// Sockets for carriers alone hear nobody else from here on. Where the kernel will not have the filter, the node
    /// drops the rest itself.
    fn close_to_others(&self, sources: &[std::net::IpAddr]) {
        for socket in self.parts.sockets.iter().filter(|socket| socket.role == Role::Trunks) {
            if let Err(error) = socket.udp.hear_only(sources) {
                tracing::warn!(%error, address = %socket.udp.local(), "the kernel takes no filter for this socket");
            }
        }
    }

    fn send(&mut self, to: sip::Hop, bytes: Bytes) {
        match to.transport {
            sip::Transport::Udp => {
                let sockets = &mut self.parts.sockets;
                let own = sockets.iter().position(|socket| socket.listener == to.listener).unwrap_or(0);
                sockets[own].udp.queue(to.remote, bytes);
            }
            sip::Transport::Tcp | sip::Transport::Tls | sip::Transport::Ws | sip::Transport::Wss => {
                if !self.parts.streams.send(to, bytes) {
                    self.parts.inbox.push(Message::StreamGone { to });
                }
            }
        }
    }

    /// The message an input brought, if it was one.
    fn message(&self, about: About) -> Option<Bytes> {
        match about {
            About::Datagram { socket, at } => {
                let arrived = self.parts.sockets[socket].udp.arrived(at);
                arrived.map(|arrived| Bytes::copy_from_slice(arrived.bytes))
            }
            About::Streamed(at) => self.streamed.get(at).cloned(),
            About::Loaded(number) => self.parked.get(&number).cloned(),
            About::Other => None,
        }
    }

    /// Keeps the INVITE that asked for a cold number until its call begins.
    fn remember_parked(&mut self, number: HotlineNumber, about: About) {
        if self.parts.traces.is_some()
            && self.parked.len() < PARKED_MAX
            && let About::Datagram { .. } | About::Streamed(_) = about
            && let Some(bytes) = self.message(about)
        {
            self.parked.insert(number, bytes);
        }
    }

    fn trace_heard(&self, call: hotline::CallId, about: About) {
        let Some(traces) = &self.parts.traces else { return };
        if let Some(bytes) = self.message(about) {
            traces.add(call, self.parts.clock.now().wall, Direction::In, bytes);
        }
    }

    fn notice(&mut self, notice: Notice) {
        let Signalling { meters, mask, .. } = &self.parts;
        match notice {
            Notice::Began { call, number, caller, trunk } => {
                tracing::debug!(%call, %number, caller = %mask.show(&caller), %trunk, "call began");
            }
            Notice::Ended { post_dial_ms, .. } => {
                if let Some(ms) = post_dial_ms {
                    meters.post_dial.note(ms);
                }
            }
            Notice::ClockStepped { by_ms } => {
                meters.clock_steps.add(1);
                tracing::error!(by_ms, "the wall clock jumped; calls to come use the new time");
            }
            Notice::JournalLow { low } => {
                meters.journal_low.set(low);
                if low {
                    tracing::error!("the journal's reserve is below a tenth: new calls are refused");
                } else {
                    tracing::info!("the journal has room again: new calls are taken");
                }
            }
            // Said once, with its reason, where it happened.
            Notice::JournalFailed => {}
            Notice::Forged { shown, number, trunk } => {
                meters.forged.add(1);
                tracing::warn!(%shown, %number, %trunk, "an INVITE with a 400 number of ours as its caller was dropped");
            }
            Notice::NoDisplay { call, trunk } => {
                meters.displays_refused.add(1);
                tracing::warn!(%call, %trunk, "a trunk may show no number for this call and was passed over");
            }
            Notice::DayFull { call, tenant } => {
                meters.outgoing_refused.add(1);
                tracing::warn!(%call, %tenant, "a leg was refused: today's are all gone (outgoing_per_day)");
            }
            Notice::AgentRests { call, tenant, agent, how } => {
                tracing::warn!(%call, %tenant, %agent, ?how, "an agent was set to rest");
            }
            Notice::OutboundRefused { tenant, extension, dialled, shown: Some(shown) } => {
                meters.outbound_as_hotline.add(1);
                let dialled = mask.show(&dialled);
                tracing::error!(%tenant, %extension, %dialled, %shown, "a phone tried to call out as a 400 number");
            }
            Notice::OutboundRefused { tenant, extension, dialled, shown: None } => {
                meters.outbound_refused.add(1);
                let dialled = mask.show(&dialled);
                tracing::warn!(%tenant, %extension, %dialled, "a phone tried to call out and was refused");
            }
            Notice::Registered { trunk, expires_s: 0 } => {
                tracing::info!(%trunk, "a registration was taken back")
            }
            Notice::Registered { trunk, expires_s } => {
                tracing::debug!(%trunk, expires_s, "registered with a carrier");
            }
            Notice::NotRegistered { trunk, status } => {
                meters.registers_failed.add(1);
                tracing::error!(%trunk, status, "a carrier did not take our registration");
            }
            Notice::TrunkUnproven { trunk, from } => {
                meters.trunks_unproven.add(1);
                tracing::warn!(%trunk, %from, "a call of a trunk did not prove the trunk's password");
            }
            Notice::Help { call, tenant, extension, dialled, step } => {
                self.help(call, &tenant, &extension, &dialled, step);
            }
            Notice::Stranger { from } => {
                meters.strangers.add(1);
                tracing::debug!(%from, "an INVITE from an address that is no trunk's was asked for a phone's password");
            }
            Notice::Banned(banned) => {
                let (address, s) = (banned.address, banned.ms / 1_000);
                tracing::warn!(%address, s, "an address is not heard for a while: it went on when its allowance was spent");
            }
            Notice::WrongPassword { from, user } => {
                meters.wrong_passwords.add(1);
                tracing::info!(%from, ?user, "a wrong password, or a user that is none");
            }
        }
    }

    /// Each step of a call for help has its line, and grows its row (row K24).
    fn help(&self, call: CallId, tenant: &TenantId, extension: &str, dialled: &str, step: HelpStep) {
        let (meters, now) = (&self.parts.meters, self.parts.clock.now().wall);
        let mut known = HelpCall {
            tenant: tenant.clone(),
            call,
            extension: extension.to_owned(),
            dialled: dialled.to_owned(),
            trunk: String::new(),
            began_at: Wall((call.0 >> 80) as i64),
            answered_at: None,
            ended_at: None,
            failed: false,
        };
        match &step {
            HelpStep::Left { trunk } => known.trunk = trunk.to_string(),
            HelpStep::Answered { trunk } => {
                (known.trunk, known.answered_at) = (trunk.to_string(), Some(now));
            }
            HelpStep::Over { .. } => known.ended_at = Some(now),
            HelpStep::Failed => (known.ended_at, known.failed) = (Some(now), true),
        }
        self.parts.store.helped(known);
        match step {
            HelpStep::Left { trunk } => {
                meters.emergency_attempts.add(1);
                tracing::warn!(%call, %tenant, extension, dialled, %trunk, "an emergency call leaves");
            }
            HelpStep::Answered { trunk } => {
                meters.emergency_answered.add(1);
                tracing::warn!(%call, %tenant, extension, dialled, %trunk, "an emergency call is answered");
            }
            HelpStep::Over { talk_ms } => {
                tracing::warn!(%call, %tenant, extension, dialled, talk_ms, "an emergency call is over");
            }
            HelpStep::Failed => {
                meters.emergency_failed.add(1);
                tracing::error!(%call, %tenant, extension, dialled, "an emergency call could not be made");
            }
        }
    }

    /// Copies the node's figures, ten times a second at most.
    fn note(&mut self) {
        let now = Instant::now();
        if self.noted_at.is_some_and(|at| now.duration_since(at).as_millis() < 100) {
            return;
        }
        self.noted_at = Some(now);
        let Signalling { node, meters, sockets, bridge, .. } = &self.parts;
        let totals = node.totals();
        meters.calls_up.set(node.calls_up() as u64);
        meters.invites.set(totals.invites);
        meters.accepted.set(totals.accepted);
        meters.answered.set(totals.answered);
        meters.settled.set(totals.settled);
        meters.refused_unready.set(totals.refused_unready);
        meters.refused_overload.set(totals.refused_overload);
        meters.sip_unheard.set(node.guard().unheard());
        meters.sip_bans.set(node.guard().bans());
        meters.cold_loads.set(totals.cold_loads);
        meters.unsettled.set(node.unsettled() as u64);
        meters.journal_room.set(node.room());
        let is_out = |trunk: &&hotline::trunk::Trunk| trunk.unregistered;
        meters.trunks_unregistered.set(node.trunks().rows.iter().filter(is_out).count() as u64);
        meters.trunks_down.set(node.trunks().rows.iter().filter(|trunk| trunk.down).count() as u64);
        meters.free_ports.set(node.free_ports() as u64);
        let (held, seen) = (node.sip_counts(), node.sip_totals());
        meters.sip_legs.set(held.legs as u64);
        meters.sip_transactions.set((held.client_transactions + held.server_transactions) as u64);
        meters.sip_timers.set(held.timers as u64);
        meters.sip_received.set(seen.received);
        meters.sip_dropped.set(seen.dropped);
        meters.sip_refused.set(seen.refused);
        meters.sip_repeated.set(seen.repeated);
        meters.sip_retransmitted.set(seen.retransmitted);
        let streams = self.parts.streams.figures().clone();
        let of = |figure: fn(&StreamFigures) -> &AtomicU64| figure(&streams).load(Ordering::Relaxed);
        let unsent: u64 = sockets.iter().map(|socket| socket.udp.unsent()).sum();
        meters.sip_unsent.set(unsent + of(|streams| &streams.unsent));
        meters.sip_connections.set(of(|streams| &streams.open));
        meters.sip_connections_refused.set(of(|streams| &streams.refused));
        if bridge.refused() > 0 {
            meters.media_refused.set(bridge.refused());
        }
        if let Some(traces) = &self.parts.traces {
            meters.traces_dropped.set(traces.dropped());
        }
    }
}
