//! What a shard does on each command.

use super::*;
use crate::command::Repeat;
use crate::quiet::QuietListener;
use crate::tone::{Nature, ToneListener};

impl Shard {
    /// Does what a command says; what cannot be done is told by [`Event::Refused`].
    pub fn obey(&mut self, command: Command) {
        let now = self.now();
        let done = match command {
            Command::Open { leg, port, call: _ } => self.open(leg, port, now),
            Command::Connect { leg, remote, agreed } => self.connect(leg, Peer { remote, agreed }, now),
            Command::Play { leg, play, sound, repeat } => match self.sound(sound) {
                Some(prompt) => self.play(leg, Playing::new(play, prompt, repeat)),
                None => Err((leg, Refusal::PromptUnknown)),
            },
            Command::PlayAll { leg, play, prompts } => {
                let known: Vec<_> =
                    prompts.iter().filter_map(|id| self.prompts.get(id).map(|one| &**one)).collect();
                match known.as_slice() {
                    [] => Err((leg, Refusal::PromptUnknown)),
                    all => self.play(leg, Playing::new(play, Arc::new(Prompt::joined(all)), Repeat::Once)),
                }
            }
            Command::StopPlay { leg } => self.leg_mut(leg).map(|leg| leg.play = None),
            Command::Bridge { a, b } => self.bridge(a, b, now),
            Command::Unbridge { leg } => self.port_of(leg).map(|at| self.unbridge(at)),
            Command::Hold { leg, on, deaf } => self.leg_mut(leg).map(|leg| {
                leg.held = on;
                if leg.deaf != deaf {
                    leg.deaf = deaf;
                    leg.out.pause();
                }
                leg.quiet_since_ms = now.ms;
            }),
            Command::SendKey { leg, key } => self.port_of(leg).map(|at| self.press(at, key)),
            Command::ListenTones { leg, for_ms, judge } => self.leg_mut(leg).map(|leg| {
                let until_ms = now.ms + for_ms;
                // What was heard before an answer says nothing of who answered.
                let known = leg.tones.take().map(|(_, listener)| listener).filter(|_| !judge);
                leg.judged = judge.then_some(Nature::Unknown);
                let listener = known.or_else(|| ToneListener::on(u32::MAX).map(Box::new));
                leg.tones = listener.filter(|_| for_ms > 0).map(|listener| (until_ms, listener));
            }),
            Command::Record { call, recording, left, right } => {
                self.record(call, recording, left, right, now)
            }
            Command::Mix { leg, hears } => self.mix(leg, &hears),
            Command::RecordRight { call, right } => self.record_right(call, right, now),
            Command::PauseRecord { call, on } => {
                if let Some(tap) = &mut self.tap {
                    tap.pause(call, on);
                }
                Ok(())
            }
            Command::TakeMessage { call, recording, leg, quiet_ms } => {
                self.take_message(call, recording, leg, quiet_ms, now)
            }
            Command::StopRecord { call } => {
                self.stop_record(call, now);
                Ok(())
            }
            Command::Close { leg } => self.close(leg, now),
        };
        if let Err((leg, reason)) = done {
            self.events.push(Event::Refused { leg, reason });
        }
    }

    pub(super) fn port_of(&self, leg: LegId) -> Result<u32, (LegId, Refusal)> {
        self.legs.get(&leg).copied().ok_or((leg, Refusal::LegUnknown))
    }

    fn leg_mut(&mut self, leg: LegId) -> Result<&mut Leg, (LegId, Refusal)> {
        let at = self.port_of(leg)?;
        self.ports[at as usize].leg.as_deref_mut().ok_or((leg, Refusal::LegUnknown))
    }

    fn open(&mut self, leg: LegId, port: u32, now: Now) -> Result<(), (LegId, Refusal)> {
        if self.legs.contains_key(&leg) {
            return Err((leg, Refusal::LegOpen));
        }
        let at = port & 0xFFFF;
        let seed = self.next_seed();
        let ours = port >> 16 == u32::from(self.index);
        let slot = self.ports.get_mut(at as usize).filter(|slot| ours && slot.leg.is_none() && !slot.resting);
        let slot = slot.ok_or((leg, Refusal::PortTaken))?;
        if slot.port.web.is_some() {
            slot.leg = Some(Box::new(Leg::new(leg, seed, now.ms)));
            self.legs.insert(leg, at);
            self.let_in(at);
            return Ok(());
        }
        drain(&slot.socket);
        // A small buffer loses packets only when the shard is very late; the leg works.
        let _ = socket::set_receive_buffer(&slot.socket, RECEIVE_BUFFER_BYTES);
        self.epoll.add(slot.socket.as_raw_fd(), u64::from(at)).map_err(|_| (leg, Refusal::PortTaken))?;
        slot.leg = Some(Box::new(Leg::new(leg, seed, now.ms)));
        self.legs.insert(leg, at);
        Ok(())
    }

    /// The next number of splitmix64.
    fn next_seed(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.seed ^ (self.seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn connect(&mut self, leg: LegId, peer: Peer, now: Now) -> Result<(), (LegId, Refusal)> {
        let at = self.port_of(leg)?;
        if peer.agreed.srtp.as_ref().is_some_and(|keyring| !keyring.is_whole()) {
            return Err((leg, Refusal::KeyUnusable));
        }
        if self.ports[at as usize].web.is_some() != peer.agreed.dtls.is_some() {
            return Err((leg, Refusal::KeyUnusable));
        }
        if peer.agreed.dtls.is_some() {
            self.describe(at, peer, now);
            return Ok(());
        }
        self.unlock(at);
        self.leg_mut(leg)?.connect(peer, now.ms);
        Ok(())
    }

    /// Makes the socket hear everybody again and counts whom the guard kept away.
    fn unlock(&mut self, at: u32) {
        let slot = &mut self.ports[at as usize];
        let strangers = slot.guard.take().map_or(0, Guard::count);
        if let Some(leg) = slot.leg.as_deref_mut() {
            leg.strangers += strangers;
        }
        if slot.connected {
            slot.connected = socket::disconnect(&slot.socket).is_err();
        }
    }

    fn sound(&self, sound: Sound) -> Option<Arc<Prompt>> {
        match sound {
            Sound::Prompt(id) => self.prompts.get(&id).cloned(),
            Sound::Tone(tone) => self.tones.get(&tone).cloned(),
        }
    }

    fn play(&mut self, leg: LegId, playing: Playing) -> Result<(), (LegId, Refusal)> {
        let at = self.port_of(leg)?;
        self.leg_mut(leg)?.play = Some(playing);
        self.list(at);
        Ok(())
    }

    /// Gives a leg its turn each 20 ms, as long as it has something to play or to press.
    pub(super) fn list(&mut self, at: u32) {
        let slot = &mut self.ports[at as usize];
        if !slot.listed {
            slot.listed = true;
            self.slots[at as usize % SLOTS].push(at);
        }
    }

    fn bridge(&mut self, a: LegId, b: LegId, now: Now) -> Result<(), (LegId, Refusal)> {
        let (at, to) = (self.port_of(a)?, self.port_of(b)?);
        if at == to {
            return Err((a, Refusal::LegUnknown));
        }
        self.unbridge(at);
        self.unbridge(to);
        for (leg, peer) in [(a, to), (b, at)] {
            let leg = self.leg_mut(leg)?;
            leg.bridge = Some(peer);
            leg.quiet_since_ms = now.ms;
            leg.silence_told = false;
        }
        Ok(())
    }

    fn unbridge(&mut self, at: u32) {
        let leg = self.ports[at as usize].leg.as_deref_mut();
        let Some(peer) = leg.and_then(|leg| leg.bridge.take()) else { return };
        if let Some(other) = self.ports[peer as usize].leg.as_deref_mut() {
            other.bridge = None;
        }
    }

    fn record(
        &mut self,
        call: CallId,
        recording: u128,
        left: LegId,
        right: LegId,
        now: Now,
    ) -> Result<(), (LegId, Refusal)> {
        let ports = [self.port_of(left)?, self.port_of(right)?];
        let refused = (left, Refusal::RecordingRefused);
        let tap =
            self.tap.as_mut().filter(|tap| left != right && tap.slot_of(call).is_none()).ok_or(refused)?;
        let Some(slot) = tap.begin(call, recording, (ports, 2), unix_s(), now.ms) else {
            let reason = StopReason::DiskFull;
            self.events.push(Event::RecordingStopped { call, recording, reason });
            return Ok(());
        };
        self.leg_mut(left)?.tap = Some((slot, Channel::Left));
        self.leg_mut(right)?.tap = Some((slot, Channel::Right));
        Ok(())
    }

    /// The right channel hears another leg, or nobody. The recording ends with the last leg that it hears.
    fn record_right(&mut self, call: CallId, right: Option<LegId>, now: Now) -> Result<(), (LegId, Refusal)> {
        let port = right.map(|right| self.port_of(right)).transpose()?;
        let Some(slot) = self.tap.as_ref().and_then(|tap| tap.slot_of(call)) else { return Ok(()) };
        let [left, before] = self.tap.as_ref().map_or([0; 2], |tap| tap.ports_of(slot));
        let hears = |leg: Option<&Leg>, channel| leg.is_some_and(|leg| leg.tap == Some((slot, channel)));
        if hears(self.ports[before as usize].leg.as_deref(), Channel::Right) {
            self.untap([before; 2]);
        }
        if let Some(leg) = port.and_then(|at| self.ports[at as usize].leg.as_deref_mut()) {
            leg.tap = Some((slot, Channel::Right));
        }
        let left = hears(self.ports[left as usize].leg.as_deref(), Channel::Left);
        let legs = usize::from(left) + usize::from(port.is_some());
        if let Some(tap) = &mut self.tap {
            tap.set_right(slot, port, legs as u8, now.ms);
        }
        Ok(())
    }

    fn take_message(
        &mut self,
        call: CallId,
        recording: u128,
        leg: LegId,
        quiet_ms: u64,
        now: Now,
    ) -> Result<(), (LegId, Refusal)> {
        let port = self.port_of(leg)?;
        self.leg_mut(leg)?.quiet = Some(QuietListener::new(quiet_ms, now.ms));
        let refused = (leg, Refusal::RecordingRefused);
        let tap = self.tap.as_mut().filter(|tap| tap.slot_of(call).is_none()).ok_or(refused)?;
        match tap.begin(call, recording, ([port; 2], 1), unix_s(), now.ms) {
            Some(slot) => self.leg_mut(leg)?.tap = Some((slot, Channel::Left)),
            None => {
                let reason = StopReason::DiskFull;
                self.events.push(Event::RecordingStopped { call, recording, reason });
            }
        }
        Ok(())
    }

    fn stop_record(&mut self, call: CallId, now: Now) {
        if let Some(tap) = &mut self.tap
            && let Some(slot) = tap.slot_of(call)
            && let Some(ports) = tap.end(slot, now.ms)
        {
            self.untap(ports);
        }
    }

    fn close(&mut self, leg: LegId, now: Now) -> Result<(), (LegId, Refusal)> {
        let at = self.port_of(leg)?;
        self.unbridge(at);
        self.unlock(at);
        self.legs.remove(&leg);
        let slot = &mut self.ports[at as usize];
        let Some(gone) = slot.leg.take() else { return Err((leg, Refusal::LegUnknown)) };
        if let Some(web) = slot.web.take() {
            self.show_out(at, leg, &web);
        } else {
            // It was added at Open; a descriptor that cannot be removed is one that is gone.
            let _ = self.epoll.remove(slot.socket.as_raw_fd());
            let _ = socket::set_receive_buffer(&slot.socket, PARKED_BUFFER_BYTES);
        }
        self.ports[at as usize].resting = true;
        self.resting.push_back((now.ms + self.quarantine_ms, at));
        if let (Some((recording, _)), Some(tap)) = (gone.tap, &mut self.tap) {
            tap.leg_closed(recording, now.ms);
        }
        self.events.push(Event::Closed { leg, stats: gone.stats(now.ms) });
        Ok(())
    }
}

/// The day of a file is that of its beginning; a clock before 1970 gives the first.
fn unix_s() -> u32 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as u32)
}
