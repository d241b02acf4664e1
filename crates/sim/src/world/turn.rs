//! One turn of the node, as the server drives it: handle, journal, outputs. Between any two of these it may die.

use std::cmp::Reverse;
use std::net::SocketAddr;
use std::sync::Arc;

use hotline::CallId;
use hotline::call::{Fact, Sound, Tone, WatchMode};
use hotline::flow::{Fetched, NoAnswer, Request};
use hotline::number::is_emergency;
use hotline::settlement::{self, Settlement};
use hotline::trunk::Shown;
use node::media::{Command, Event as MediaEvent, MediaLeg};
use node::{Change, Input, Loaded, Notice, Output, TrunkConfig};

use super::life::Crash;
use super::{Due, Entry, Reply, STRANGER, World};
use crate::far::{Doings, Note, Role, Taken};
use crate::tenants::{CHALLENGE, PASSWORD};
use crate::wire::{Message, Method};

/// A turn that writes and fails and writes again this often does not end.
const WRITES_MAX: u32 = 3;
/// Inputs of one turn, as the server takes them.
const INPUTS_MAX: u32 = 32;

impl World {
    /// Gives the node an input and lives the turn through.
    pub(super) fn tell(&mut self, input: Input<'_>) -> Result<(), String> {
        self.hear(input);
        self.turn()
    }

    /// Gives the node an input of a turn that [`World::end_turn`] ends.
    pub(super) fn hear(&mut self, input: Input<'_>) {
        let now = self.now();
        let Some(node) = &mut self.node else { return };
        self.unturned += 1;
        if self.options.trace && !matches!(input, Input::Tick) {
            let words = match &input {
                Input::Datagram { from, bytes } => format!("hears {} from {from}", first_line(bytes)),
                Input::Media(MediaEvent::PortsReady(ports)) => format!("gets {} ports", ports.len()),
                other => format!("hears {other:?}"),
            };
            node.handle(input, now);
            self.note(|| words);
        } else {
            node.handle(input, now);
        }
    }

    /// Ends the turn, unless more waits for the node at this very instant and the node takes it together.
    pub(super) fn end_turn(&mut self) -> Result<(), String> {
        let for_node = |entry: &Entry| entry.at <= self.clock && entry.due.is_for_node();
        let gathers = self.weather.looks_every_ms > 1 && self.unturned < INPUTS_MAX;
        let more = gathers && self.heap.peek().is_some_and(|Reverse(entry)| for_node(entry));
        if self.unturned == 0 || more { Ok(()) } else { self.turn() }
    }

    /// What follows the inputs of a turn: their facts, then the outputs.
    pub(super) fn turn(&mut self) -> Result<(), String> {
        self.unturned = 0;
        if self.crash == Some(Crash::BeforeFacts) {
            self.die(Crash::BeforeFacts);
            return Ok(());
        }
        if !self.write_facts()? {
            return Ok(());
        }
        self.perform_outputs()?;
        if self.node.as_ref().is_some_and(|node| !node.facts().is_empty()) {
            return Err("a turn's outputs left facts that were not written".into());
        }
        self.check_touched()
    }

    /// Writes the turn's facts; `false` if the node died of it.
    fn write_facts(&mut self) -> Result<bool, String> {
        for _ in 0..WRITES_MAX {
            let Some(node) = &mut self.node else { return Ok(false) };
            let bytes: usize = node.facts().iter().map(|chunk| chunk.bytes.len()).sum();
            if let Some(Crash::InFacts(share)) = self.crash.filter(|_| bytes > 0) {
                let kept = bytes * share as usize / 1000;
                let written = self.disk.write(node.facts(), Some(kept));
                self.die(Crash::InFacts(share));
                return written.unwrap_or(Ok(())).map(|()| false);
            }
            if bytes > 0 && std::mem::take(&mut self.disk_fails) {
                self.disk.spoil(node.facts(), bytes / 2);
                let now = self.now();
                self.node.as_mut().expect("it is there").handle(Input::JournalFailed, now);
                self.note(|| "the disk refuses a write".into());
                continue;
            }
            match self.disk.write(node.facts(), None) {
                Ok(written) => written?,
                Err(crate::disk::Full) => return Err("the journal's ring is full".into()),
            }
            node.facts_written();
            self.disk.accepted.clear();
            if self.crash == Some(Crash::AfterFacts) && bytes > 0 {
                self.die(Crash::AfterFacts);
                return Ok(false);
            }
            return Ok(true);
        }
        Err("the journal's writes do not end".into())
    }

    fn perform_outputs(&mut self) -> Result<(), String> {
        let mut performed = 0;
        loop {
            if let Some(crash @ Crash::AfterOutputs(count)) = self.crash
                && performed > count
            {
                self.die(crash);
                return Ok(());
            }
            let Some(output) = self.node.as_mut().and_then(node::Node::poll_output) else { return Ok(()) };
            performed += 1;
            self.perform(output)?;
        }
    }

    /// Whoever hears a menu presses something, mostly; in a scenario only what it says.
    fn press_keys(&mut self, command: &Command) {
        if let Command::TakeMessage { leg, quiet_ms, .. } = command
            && self.words.is_none()
        {
            return self.speak(*leg, *quiet_ms);
        }
        let Command::Play { leg, sound: Sound::Prompt(prompt), .. } = command else { return };
        if self.words.is_none() && self.answer_a_bar(*leg, prompt) {
            return;
        }
        if &**prompt == "consent" && self.words.is_none() && self.outside.chance(800) {
            // Most say something, some of them too late or what is no answer, some twice.
            for _ in 0..self.outside.within(1, 2) {
                let (ms, digit) = (self.outside.within(100, 11_000), *self.outside.pick(b"11223"));
                self.media.later.push((ms, MediaEvent::Digit { leg: *leg, digit }));
            }
            return;
        }
        if &**prompt == "callback_offer" && self.words.is_none() && self.outside.chance(700) {
            // Whoever is told of callbacks wants one, mostly.
            let ms = self.outside.within(100, 5_000);
            self.media.later.push((ms, MediaEvent::Digit { leg: *leg, digit: crate::tenants::CALL_ME_BACK }));
            return;
        }
        if self.words.is_some() || !crate::tenants::ASKED.contains(&&**prompt) || self.dice.chance(150) {
            return;
        }
        if &**prompt == "callback_number" {
            // Some key in a number, right or special, at a stretch.
            let number = *self.outside.pick(&["13800138000#", "01062000001#", "110#", "4006010114#", "12#"]);
            for (place, digit) in number.bytes().enumerate() {
                self.media.later.push((1_000 + 100 * place as u64, MediaEvent::Digit { leg: *leg, digit }));
            }
            return;
        }
        let mut at = self.dice.within(100, 9_000);
        for _ in 0..self.dice.within(1, 3) {
            let digit = *self.dice.pick(b"1123239*#07A");
            self.media.later.push((at, MediaEvent::Digit { leg: *leg, digit }));
            at += self.dice.within(50, 6_000);
        }
    }

    /// A server outside answers, or with an error, too late or never; in a scenario as it says.
    fn ask_outside(&mut self, call: CallId, number: u32, request: &Request) {
        if let Some(words) = &mut self.words {
            words.asked(request);
            self.fetches.push_back((call, number, request.take.len()));
            return;
        }
        let dice = &mut self.outside;
        let ms = match dice.within(0, 9) {
            0 => return,
            1 => request.limit_ms + dice.within(0, 3_000),
            2 => request.limit_ms,
            _ => dice.within(1, request.limit_ms),
        };
        let status = *dice.pick(&[200, 200, 200, 204, 302, 404, 500]);
        let values = request.take.iter().map(|_| dice.within(0, 199).to_string()).collect();
        let fetched = match dice.within(0, 4) {
            0 => Fetched::Failed(NoAnswer::Unreachable),
            _ => Fetched::Answered { status, values },
        };
        let life = self.life.number;
        self.later(ms, Due::Fetched { life, call, number, fetched });
    }

    /// Whoever is asked for a password or a key knows it, mostly; whether the prompt was one that asks.
    fn answer_a_bar(&mut self, leg: MediaLeg, prompt: &str) -> bool {
        let (asks, right) = PASSWORD;
        let keys = match prompt.strip_prefix(CHALLENGE) {
            Some(key) => key.as_bytes(),
            None if prompt == asks => right,
            None => return false,
        };
        let mut at = self.dice.within(100, 9_000);
        for key in keys {
            let digit = if self.dice.chance(60) { b'7' } else { *key };
            self.media.later.push((at, MediaEvent::Digit { leg, digit }));
            at += self.dice.within(50, 3_000);
        }
        true
    }

    /// Whoever leaves a message speaks for a while, mostly, and ends it by a key or by saying no more.
    fn speak(&mut self, leg: MediaLeg, quiet_ms: u64) {
        let spoke = !self.dice.chance(200);
        let spoken_ms = if spoke { self.dice.within(300, 40_000) } else { 0 };
        let ended = match self.dice.chance(300) && spoke {
            true => (spoken_ms, MediaEvent::Digit { leg, digit: b'#' }),
            false => (spoken_ms + quiet_ms, MediaEvent::Quiet { leg, spoke }),
        };
        self.media.later.push(ended);
    }

    fn perform(&mut self, output: Output) -> Result<(), String> {
        match output {
            Output::Transmit { to, bytes, call } => self.transmit(to.remote, &bytes, call),
            Output::Heard { .. } | Output::Sources(_) => Ok(()),
            Output::Media(command) => {
                let (prompt, lag) = (self.weather.prompt_ms, self.weather.lag_ms);
                let (prompt_ms, lag_ms) =
                    (self.dice.within(prompt.0, prompt.1), self.dice.within(lag.0, lag.1));
                if let Some(words) = &mut self.words {
                    let node = self.node.as_ref();
                    words.heard(&command, &|leg| node.is_some_and(|node| node.is_of_caller(leg)));
                }
                self.note(|| format!("media {command:?}"));
                self.press_keys(&command);
                self.check_whisper(&command)?;
                self.confirm(&command)?;
                self.media.take(command, prompt_ms, lag_ms);
                self.media_goes_on();
                Ok(())
            }
            Output::Settle(settlement) => self.settle(&settlement),
            Output::Agent(step) => self.agent_changes(step),
            Output::Load { number, tenant, version, body, account, .. } => {
                let away = self.clock < self.store.away_until;
                let hotline = self.watch.hotlines.get(&(number, version)).filter(|_| body).cloned();
                let account = (account && !away).then(|| self.store.account(&tenant));
                let loaded = Loaded { number, tenant: tenant.clone(), hotline, account };
                let slow =
                    self.reads_ms + if self.dice.chance(100) { self.dice.within(100, 1_500) } else { 0 };
                let ms = if away { self.dice.within(500, 5_000) } else { slow + self.dice.within(1, 40) };
                self.reply(ms, Reply::Loaded(tenant, Box::new(loaded)));
                Ok(())
            }
            Output::Keep { from } => {
                self.disk.kept_from = from;
                Ok(())
            }
            // Where phones are is the server's to keep; nobody registers here.
            Output::Phone(_) | Output::PageGone { .. } => Ok(()),
            // Nor do streams.
            Output::HangUp(_) => Ok(()),
            Output::Tried { report, .. } => {
                self.words.iter_mut().for_each(|words| words.tried(&report));
                Ok(())
            }
            Output::Fetch { call, number, request, .. } => {
                self.ask_outside(call, number, &request);
                Ok(())
            }
            Output::Notice(notice) => {
                self.note(|| format!("notice {notice:?}"));
                if let Some(words) = &mut self.words {
                    words.noticed(&notice);
                }
                if let Notice::Ended { call, .. } = notice {
                    self.call_ends(call);
                }
                Ok(())
            }
        }
    }

    /// Every INVITE of the node shows what the profile of its very trunk permits (row K06): a number of ours there, the 400
    /// number, or its call's caller and then by which 400 number it was diverted. A number is asserted to trusted trunks
    /// alone, and a withheld one is written nowhere else. An INVITE's repetitions may outlive the call: nothing has been
    /// heard that a CANCEL could answer (RFC 3261 9.1).
    fn check_display(&mut self, to: SocketAddr, bytes: &[u8], call: Option<CallId>) -> Result<(), String> {
        let invite =
            Message::read(bytes).filter(|message| message.method == Method::Invite && message.status == 0);
        let Some(invite) = invite.filter(|invite| invite.to_tag().is_empty()) else { return Ok(()) };
        if !self.shown.insert(bytes.to_vec()) {
            return Ok(());
        }
        let node = self.node.as_ref().ok_or("an INVITE of a dead node")?;
        if is_emergency(user_of(invite.uri)) {
            return self.check_help(&invite);
        }
        let from = user_of(invite.from);
        let profile = self.trunks.iter().find(|trunk| trunk.address == to).map(|trunk| &trunk.profile);
        let is_own = || profile.is_some_and(|profile| profile.numbers.iter().any(|number| number == from));
        let Some(known) = node.calls().find(|known| Some(known.id()) == call) else {
            // A test call has no caller who could be shown.
            let own = call.is_some() && is_own();
            return if own { Ok(()) } else { Err(format!("an INVITE without a call shows {from}")) };
        };
        let live =
            known.live().ok_or_else(|| format!("an INVITE of the call {} that is over", known.id()))?;
        let (caller, number) = (live.caller(), live.number().to_string());
        if !live.is_incoming() && profile.is_some() {
            self.check_called_back(known)?;
        }
        let text = String::from_utf8_lossy(bytes);
        let shows_hotline = || profile.is_some_and(|profile| profile.shows_hotline) && from == number;
        let permitted = match profile.map_or(Shown::Caller, |profile| profile.show) {
            // Nobody calls: neither the number of who is called back nor a diversion is shown to a carrier.
            _ if profile.is_some() && !live.is_incoming() => {
                (is_own() || shows_hotline())
                    && !text.contains("Diversion:")
                    && !text.contains("History-Info:")
            }
            Shown::Own => is_own(),
            Shown::Hotline => shows_hotline(),
            Shown::Caller => {
                let nameless = caller.is_empty() || live.is_withheld();
                from == if nameless { "anonymous" } else { caller }
                    && text.contains(&format!("Diversion: <sip:{number}@"))
                    && text.contains(&format!("History-Info: <sip:{number}@"))
            }
        };
        let trusted = profile.is_some_and(|profile| profile.trusted);
        let asserted = text.lines().find_map(|line| line.strip_prefix("P-Asserted-Identity:")).map(user_of);
        let assertion_is_right = match asserted {
            Some(user) => trusted && (user == from || user == caller),
            None => !trusted || caller.is_empty(),
        };
        let times = text.matches(&format!("sip:{caller}@")).count();
        let is_kept_back = caller.is_empty()
            || !live.is_withheld()
            || match asserted.filter(|user| *user == caller) {
                Some(_) => times == 1 && text.contains("\r\nPrivacy: id\r\n"),
                None => times == 0,
            };
        match permitted && assertion_is_right && is_kept_back {
            true => Ok(()),
            false => Err(format!("an INVITE of {caller} to {to} shows {from}: {text}")),
        }
    }

    /// Row Q13: a caller hears a supervisor who barges in and no other, whoever else has a list of its own.
    fn check_whisper(&self, command: &Command) -> Result<(), String> {
        let Command::Mix { leg, hears } = command else { return Ok(()) };
        if leg.0 & 0xff != 0 {
            return Ok(());
        }
        let call = self.media.call_of(*leg);
        let known = self.node.as_ref().and_then(|node| node.calls().find(|known| Some(known.id().0) == call));
        let Some(known) = known else { return Ok(()) };
        let mode_of = |number: u8| {
            known.log().iter().rev().find_map(|dated| match &dated.fact {
                Fact::WatchBegan { leg, mode, .. } | Fact::WatchChanged { leg, mode, .. }
                    if *leg == number =>
                {
                    Some(*mode)
                }
                // Whose talk it is by now whispers no more.
                Fact::TakenOver { leg, .. } if *leg == number => Some(WatchMode::Barge),
                _ => None,
            })
        };
        let quiet = |other: &&MediaLeg| mode_of(other.0 as u8).is_some_and(|mode| mode != WatchMode::Barge);
        match hears.iter().find(quiet) {
            Some(other) => Err(format!("the caller of {} hears the whisper of {other:?} (Q13)", known.id())),
            None => Ok(()),
        }
    }

    /// A phone's call for help leaves by an emergency trunk alone, and shows a number of that trunk or the phone's own.
    fn check_help(&self, invite: &Message<'_>) -> Result<(), String> {
        let from = user_of(invite.from);
        let own = |trunk: &TrunkConfig| {
            trunk.profile.emergency && trunk.profile.numbers.iter().any(|number| number == from)
        };
        let phones = self.enterprises.iter().flat_map(|(enterprise, _)| &enterprise.extensions);
        let is_shown = self.trunks.iter().any(own) || phones.into_iter().any(|phone| phone.number == from);
        if is_shown { Ok(()) } else { Err(format!("a call for help shows {from}")) }
    }

    /// A datagram leaves. What it promises must be on the disk.
    fn transmit(&mut self, to: SocketAddr, bytes: &[u8], call: Option<CallId>) -> Result<(), String> {
        // Where phones register, whoever dials may be one that was not asked for its password yet.
        let phones = self.enterprises.iter().any(|(enterprise, _)| !enterprise.extensions.is_empty());
        let asks = phones && bytes.starts_with(b"SIP/2.0 401");
        if to == STRANGER.into() && asks {
            // It answers each repetition anew and without state; who asks for nothing more does not hear it.
            return Ok(());
        }
        if to == STRANGER.into() {
            return Err("a stranger was told something (FAULTS N2)".into());
        }
        self.note(|| format!("says {} to {to}", first_line(bytes)));
        if let Some(words) = &mut self.words {
            words.sent(to, bytes);
        }
        self.check_display(to, bytes, call)?;
        // Who is asked whether it is somebody may change its media before the caller has any answer (row R29).
        let is_callers = |bytes| {
            let of = Message::read(bytes).map(|message| message.call_id);
            !self.far.legs.iter().any(|leg| leg.role == Role::Callee && Some(leg.call_id.as_str()) == of)
        };
        let answers = bytes.starts_with(b"SIP/2.0 200") && is_invites(bytes) && is_callers(bytes);
        if let Some(call) = call.filter(|_| answers) {
            if let Some(known) = self.disk.calls.get(&call) {
                if !known.calls_back && (!known.answered || !known.caller_dialog) {
                    return Err(format!("call {call} was answered before the disk knew ({known:?})"));
                }
            } else if !self.store.records.contains_key(&call) && !self.disk.helps.contains(&call) {
                return Err(format!("call {call} was answered and is nowhere on the disk"));
            }
        }
        if self.weather.refused.is_some_and(|trunk| self.trunks[trunk].address == to) {
            self.later(4, Due::Unreachable { to });
            return Ok(());
        }
        for ms in self.weather.passages(&mut self.dice) {
            self.later(ms, Due::ToFar { to, bytes: bytes.to_vec(), call });
        }
        Ok(())
    }

    fn settle(&mut self, settlement: &Arc<Settlement>) -> Result<(), String> {
        let call = settlement.record.call;
        let log = settlement::read_log(&settlement.log)
            .ok_or(format!("call {call}: its log does not read back"))?;
        let again = settlement::settle(call, &log, &self.tariffs, settlement.position);
        let Some(settled) = again.filter(|again| again.settlement == **settlement) else {
            return Err(format!("call {call}: its settlement is not the fold of its log"));
        };
        self.watch.settles(&settled, &log, self.life.number - 1)?;
        self.touched.push(settlement.record.tenant.clone());
        self.note(|| {
            format!("settles {call} {:?} by {:?}", settlement.record.cause, settlement.record.ended_by)
        });
        self.store.queue(settled);
        self.wake_store();
        Ok(())
    }

    /// The store works some time after it was handed something.
    pub(super) fn wake_store(&mut self) {
        if !std::mem::replace(&mut self.store_busy, true) {
            let ms = self.dice.within(5, 260);
            self.later(ms, Due::Store);
        }
    }

    /// The store takes a batch, or cannot.
    pub(super) fn store_works(&mut self) {
        self.store_busy = self.store.waiting() > 0;
        if !self.store_busy {
            return;
        }
        if self.clock < self.store.away_until {
            let ms = self.store.away_until - self.clock;
            return self.later(ms, Due::Store);
        }
        let most = *self.dice.pick(&[1, 2, 8, 2_000]);
        for settled in self.store.commit(most) {
            let record = &settled.settlement.record;
            self.answered += u64::from(record.answered_at.is_some());
            self.disk.calls.remove(&record.call);
            self.watch.committed(&settled);
            self.touched.push(record.tenant.clone());
        }
        // A commit whose answer is lost: the mark is read back a second later.
        let ms = if self.dice.chance(self.weather.answers_lost) { 1_000 } else { self.dice.within(1, 30) };
        self.reply(ms, Reply::Committed(self.store.mark));
        self.later(250, Due::Store);
    }

    /// The one writer tells its commits in their order; whoever reads or changes an account tells it before the next
    /// change of one (the server's lock on accounts).
    pub(super) fn reply(&mut self, ms: u64, reply: Reply) {
        let lane = &mut self.lanes[usize::from(!matches!(reply, Reply::Committed(_)))];
        let at = (self.clock + ms).max(*lane);
        *lane = at;
        let life = self.life.number;
        self.later(at - self.clock, Due::Reply { life, reply });
    }

    pub(super) fn store_says(&mut self, life: u32, reply: Reply) {
        if let Reply::Credit(tenant, amount) = &reply {
            self.watch.credit_arrives(tenant, *amount);
        }
        if life != self.life.number {
            return;
        }
        match reply {
            Reply::Loaded(tenant, mut loaded) => {
                // Over an order to an agent no account is read: one that was under way is read behind it.
                if let Some(account) = loaded.account.as_mut().filter(|_| self.held.contains(&tenant)) {
                    *account = self.store.account(&tenant);
                }
                let is_open =
                    |world: &Self| world.node.as_ref().is_some_and(|node| node.tenant(&tenant).is_some());
                let (was_open, told) = (is_open(self), loaded.account.is_some());
                if !was_open && !told {
                    self.watch.provisional.insert(tenant.clone());
                    self.watch.agents.unknown(&tenant);
                }
                self.hear(Input::Loaded(*loaded));
                // An account that was too old when it came is not taken in.
                if !was_open && told && is_open(self) {
                    self.watch.provisional.remove(&tenant);
                }
            }
            Reply::Committed(up_to) => self.hear(Input::Committed { up_to }),
            Reply::Credit(tenant, amount) => self.hear(Input::Change(Change::Credit { tenant, amount })),
        }
    }

    pub(super) fn media_goes_on(&mut self) {
        let life = self.life.number;
        for (ms, event) in std::mem::take(&mut self.media.later) {
            self.later(ms, Due::Media { life, event });
        }
    }

    pub(super) fn media_says(&mut self, event: MediaEvent) {
        if self.node.is_none() || !self.media.happens(&event) {
            return;
        }
        self.media_goes_on();
        self.confirming.told(&event, self.clock);
        if let MediaEvent::PortsReady(ports) = &event {
            self.media.returned(ports.len());
        }
        self.hear(Input::Media(event));
    }

    /// A far end has said nothing for a minute.
    pub(super) fn fall_silent(&mut self, leg: usize) {
        let Some(leg) = self.media.silent_leg(self.far.legs[leg].rtp()) else { return };
        self.hear(Input::Media(MediaEvent::Silent { leg, last_packet_ms_ago: 60_000 }));
    }

    /// A far end plays a tone of the network for some seconds: whoever listens is told.
    pub(super) fn play_tone(&mut self, leg: usize, tone: Tone) {
        let Some(leg) = self.media.listening_leg(self.far.legs[leg].rtp()) else { return };
        self.confirming.told(&MediaEvent::Tone { leg, tone }, self.clock);
        self.hear(Input::Media(MediaEvent::Tone { leg, tone }));
    }

    /// What answered is told to be something, if somebody judges it.
    pub(super) fn sound(&mut self, leg: usize, of: impl Fn(MediaLeg) -> MediaEvent) {
        let Some(leg) = self.media.listening_leg(self.far.legs[leg].rtp()) else { return };
        self.confirming.told(&of(leg), self.clock);
        self.hear(Input::Media(of(leg)));
    }

    /// A datagram comes to a far end.
    pub(super) fn reach_far(
        &mut self,
        to: SocketAddr,
        bytes: &[u8],
        call: Option<CallId>,
    ) -> Result<(), String> {
        if self.weather.refused.is_some_and(|trunk| self.trunks[trunk].address == to) {
            return Ok(());
        }
        let mut out = Doings::default();
        if let Taken::NewInvite = self.far.receive(to, bytes, call, &mut out) {
            let plan = self.plan_callee(to, bytes);
            let leg = self.far.take_invite(to, bytes, plan, &mut out);
            self.far.legs[leg].call = call;
        }
        self.far_did(out)
    }

    /// Carries out what far ends did.
    pub(super) fn far_did(&mut self, out: Doings) -> Result<(), String> {
        if let Some(fault) = out.faults.into_iter().next() {
            return Err(fault);
        }
        for (ms, leg, timer) in out.timers {
            self.later(ms, Due::Far { leg, timer });
        }
        for (from, _, bytes) in out.sends {
            self.note(|| format!("far end {from} says {}", first_line(&bytes)));
            for ms in self.weather.passages(&mut self.dice) {
                self.later(ms, Due::ToNode { from, bytes: bytes.clone() });
            }
        }
        for note in out.notes {
            if let Note::Quiet(leg) = note {
                self.later(60_000, Due::Silence { leg });
            }
            self.nudge(note)?;
        }
        Ok(())
    }
}

/// The user of the first SIP URI of a text.
fn user_of(text: &str) -> &str {
    text.split_once("sip:").and_then(|(_, rest)| rest.split('@').next()).unwrap_or_default()
}

fn first_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let line = text.lines().next().unwrap_or_default();
    let cseq = text.lines().find(|line| line.starts_with("CSeq:")).unwrap_or_default();
    let call = text.lines().find(|line| line.starts_with("Call-ID:")).unwrap_or_default();
    format!("{line} [{cseq} {call}]")
}

/// Whether a response answers an INVITE.
fn is_invites(bytes: &[u8]) -> bool {
    crate::wire::Message::read(bytes).is_some_and(|message| message.method == Method::Invite)
}
