//! From calls to SIP and media: what a call wants done, done.

use std::net::SocketAddr;
use std::sync::Arc;

use hotline::call::{Action, CALLER, Event, LegNo, Sound};
use hotline::cdr::LegOutcome;
use hotline::display::Display;
use hotline::enterprise::DestinationKind;
use sip::location::Binding;
use sip::sdp::Sdp;
use sip::{Hop, Invite, Party, Reason};

use crate::carriers::{self, DueRegister};
use crate::describing;
use crate::media::{self, Port, Speech, Srtp};
use crate::node::{Node, Output};
use crate::slot::{Side, SlotId, media_leg};

/// A direct SIP address that says nothing at all is passed over after three sends: at 0, 0.5 and 1.5 s (FAULTS F8).
const FIRST_RESPONSE_MS: u64 = 1_800;

/// What an agent's phone shows beside the number of who is called back.
const CALLBACK: &str = "Callback";

impl Node {
    pub(crate) fn act(&mut self, id: SlotId, action: Action) {
        let now = self.now.mono.0;
        match action {
            Action::EarlyMedia => self.early_media(id),
            Action::Play { leg, play, sound, repeat } => self.play(id, leg, play, sound, repeat),
            Action::StopPlay { leg } => self.tell_media(id, leg, |leg| media::Command::StopPlay { leg }),
            Action::Dial { leg, way, .. } => self.dial(id, leg, way),
            // A 200 may have crossed our giving up: `bye` cancels an attempt and ends a dialog.
            Action::Cancel { leg } => {
                self.leave_forks(id, leg);
                if let Some(sip) = self.sip_leg(id, leg) {
                    self.endpoint.bye(sip, None, now);
                }
                self.close_side(id, leg);
            }
            Action::Bye { leg } => {
                if let Some(sip) = self.sip_leg(id, leg) {
                    self.endpoint.bye(sip, Some(Reason { q850: 16, text: None }), now);
                }
            }
            Action::AnswerCaller => self.answer_caller(id),
            Action::RejectCaller { status, q850 } => {
                if let Some(sip) = self.sip_leg(id, CALLER) {
                    self.endpoint.reject(sip, status, Some(Reason { q850, text: None }), None, now);
                }
            }
            Action::Bridge { leg } => {
                if let Some(slot) = self.slots.get_mut(id) {
                    slot.joined = Some(leg);
                }
                if let (Some(a), Some(b)) = (self.media_leg_of(id, CALLER), self.media_leg_of(id, leg)) {
                    self.outputs.push_back(Output::Media(media::Command::Bridge { a, b }));
                }
            }
            Action::Record { recording, leg } => {
                let call = self.slots.get(id).map_or(0, |slot| slot.id.0);
                if let (Some(left), Some(right)) = (self.media_leg_of(id, CALLER), self.media_leg_of(id, leg))
                {
                    let record = media::Command::Record { call, recording, left, right };
                    self.outputs.push_back(Output::Media(record));
                }
            }
            Action::TakeMessage { recording, quiet_ms } => {
                let call = self.slots.get(id).map_or(0, |slot| slot.id.0);
                let take = |leg| media::Command::TakeMessage { call, recording, leg, quiet_ms };
                self.tell_media(id, CALLER, take);
            }
            Action::EndMessage | Action::EndRecording => {
                let call = self.slots.get(id).map_or(0, |slot| slot.id.0);
                self.outputs.push_back(Output::Media(media::Command::EndRecord { call }));
            }
            Action::Fetch { number, request } => {
                if let Some(slot) = self.slots.get(id) {
                    let (call, tenant) = (slot.id, slot.call.hotline().tenant.clone());
                    self.outputs.push_back(Output::Fetch { call, tenant, number, request });
                }
            }
            Action::CloseMedia => self.close_media(id),
            Action::Finish => self.finish(id),
            Action::Unbridge => self.tell_media(id, CALLER, |leg| media::Command::Unbridge { leg }),
            Action::BridgeLegs { a, b } => self.bridge_legs(id, a, b),
            Action::RecordWith { leg } => self.record_with(id, leg),
            Action::PauseRecording { on } => self.pause_recording(id, on),
            Action::CloseLeg { leg } => self.close_side(id, leg),
            Action::Judge { leg } => self.judge(id, leg),
            Action::Hear { leg, others } => self.hear_others(id, leg, &others),
            Action::BecomeCaller { leg } => self.become_caller(id, leg),
        }
    }

    fn sip_leg(&self, id: SlotId, leg: LegNo) -> Option<sip::LegId> {
        self.slots.get(id)?.side(leg)?.sip
    }

    pub(crate) fn media_leg_of(&self, id: SlotId, leg: LegNo) -> Option<media::MediaLeg> {
        self.slots.get(id)?.side(leg)?.media.map(|(leg, _)| leg)
    }

    pub(crate) fn tell_media(
        &mut self,
        id: SlotId,
        leg: LegNo,
        command: impl FnOnce(media::MediaLeg) -> media::Command,
    ) {
        if let Some(leg) = self.media_leg_of(id, leg) {
            self.outputs.push_back(Output::Media(command(leg)));
        }
    }

    /// Opens a side's media on the call's shard, on a port of the kind that it speaks to; `None` when none is free.
    fn open_media(&mut self, id: SlotId, leg: LegNo, srtp: Srtp) -> Option<Port> {
        let slot = self.slots.get_mut(id)?;
        if let Some(port) = slot.side(leg).and_then(Side::port) {
            return Some(port);
        }
        let roomiest = || (0..self.ports.len()).max_by_key(|shard| self.ports[*shard].len());
        let shard = slot.shard.map(usize::from).or_else(roomiest)?;
        let free = if srtp == Srtp::Dtls { &mut self.web_ports } else { &mut self.ports };
        let port = free.get_mut(shard)?.pop()?;
        slot.shard = Some(shard as u16);
        let (call, of) = (slot.id.0, Some(slot.call.hotline().tenant.clone()));
        let media = media_leg(id, leg);
        let side = slot.ensure_side(leg);
        side.media = Some((media, port));
        let told = side.port();
        self.outputs.push_back(Output::Media(media::Command::Open { call, leg: media, port, of }));
        told
    }

    /// What we describe to the caller: an answer to its offer, made once, or our offer if it made none.
    fn describe_to_caller(&mut self, id: SlotId) -> Option<Vec<u8>> {
        let srtp = self.slots.get(id)?.side(CALLER)?.speech.srtp;
        let port = self.open_media(id, CALLER, srtp)?;
        let slot = self.slots.get_mut(id)?;
        let session = slot.id.0 as u64 >> 1;
        let wanted = slot.joined.and_then(|leg| slot.side(leg)).and_then(Side::voice);
        let caller = slot.caller();
        let bytes = caller.describe(&port, wanted.as_ref(), session)?;
        if caller.theirs.is_some() && !caller.connected {
            self.connect(id, CALLER);
        }
        Some(bytes)
    }

    fn early_media(&mut self, id: SlotId) {
        let Some(sip) = self.sip_leg(id, CALLER) else { return };
        let audible = |side: &Side| side.theirs.is_some() && !side.silent_until_answer;
        let audible = self.slots.get(id).and_then(|slot| slot.side(CALLER)).is_some_and(audible);
        let now = self.now.mono.0;
        if !audible {
            // An INVITE without an offer hears nothing before the answer, nor does one of a trunk that carries none.
            return self.endpoint.provisional(sip, 180, None, now);
        }
        match self.describe_to_caller(id) {
            Some(sdp) => self.endpoint.provisional(sip, 183, Some(sdp), now),
            None => self.no_media(id),
        }
    }

    fn answer_caller(&mut self, id: SlotId) {
        let Some(sip) = self.sip_leg(id, CALLER) else { return };
        match self.describe_to_caller(id) {
            Some(sdp) => self.endpoint.answer(sip, sdp, self.now.mono.0),
            None => {
                let reason = Reason { q850: 88, text: None };
                self.endpoint.reject(sip, 488, Some(reason), None, self.now.mono.0);
                self.no_media(id);
            }
        }
    }

    /// No codec in common, or no port free: the call ends.
    fn no_media(&mut self, id: SlotId) {
        let offer_fits = self
            .slots
            .get(id)
            .and_then(|slot| slot.side(CALLER))
            .is_some_and(|side| side.theirs.as_ref().is_none_or(|offer| offer.voice().is_some()));
        let event = if offer_fits { Event::NoCapacity } else { Event::NoCommonCodec { leg: CALLER } };
        self.echoes.push_back((id, event));
    }

    fn play(&mut self, id: SlotId, leg: LegNo, play: u32, sound: Sound, repeat: bool) {
        let Some(side) = self.slots.get_mut(id).and_then(|slot| slot.side_mut(leg)) else { return };
        if side.ours.is_some() && side.theirs.is_none() {
            // Our 200 carried the offer: the ACK will say where the caller listens.
            side.waiting = Some((play, sound, repeat));
            return;
        }
        match side.media.filter(|_| side.connected) {
            Some((leg, _)) => {
                self.outputs.push_back(Output::Media(media::Command::Play { leg, play, sound, repeat }));
            }
            // Nobody can hear it: it is over.
            None if !repeat => self.echoes.push_back((id, Event::Played { play })),
            None => {}
        }
    }

    fn dial(&mut self, id: SlotId, leg: LegNo, way: Option<Arc<str>>) {
        let dialled = self.try_dial(id, leg, way.as_deref());
        if dialled.is_none() {
            let kind = self.slots.get(id).map(|slot| slot.call.destination_of(leg).kind);
            // A phone that is registered nowhere is as one that is switched off: 480, Q.850 20 (subscriber absent).
            let (outcome, status, q850) = match kind {
                Some(DestinationKind::Extension) => (LegOutcome::NoAnswer, 480, Some(20)),
                // Where only carriers are heard nobody could answer: Q.850 3, no route to the destination.
                Some(DestinationKind::SipUri) if self.listeners.to_sip_uri().is_none() => {
                    (LegOutcome::TrunkFailed, 503, Some(3))
                }
                _ => (LegOutcome::TrunkFailed, 503, None),
            };
            self.echoes.push_back((id, Event::LegFailed { leg, outcome, status, q850 }));
        }
    }

    fn try_dial(&mut self, id: SlotId, leg: LegNo, way: Option<&str>) -> Option<()> {
        let destination = self.slots.get(id)?.call.destination_of(leg).clone();
        let is_phone = destination.kind == DestinationKind::Extension;
        let bindings =
            if is_phone { self.phones.rung(&destination.number, self.now.mono) } else { Vec::new() };
        let (to, request_uri, first_response_ms) = match (destination.kind, way) {
            (DestinationKind::SipUri, _) => {
                let address = address_of(&destination.number)?;
                let to = Hop { listener: self.listeners.to_sip_uri()?, ..Hop::udp(address) };
                (to, destination.number.to_string(), FIRST_RESPONSE_MS)
            }
            (DestinationKind::Extension, _) => {
                let first = bindings.first()?;
                (first.flow, first.contact.clone(), FIRST_RESPONSE_MS)
            }
            (_, Some(way)) => {
                let trunk = self.carriers.named(way)?;
                let called = trunk.profile.called.write(&destination.number, trunk.area_code.as_deref());
                let to = self.carriers.way(trunk);
                (to, format!("sip:{called}@{to}"), trunk.profile.first_response_ms)
            }
            (_, None) => return None,
        };
        let trunk = way.and_then(|way| self.carriers.named(way));
        let speech = match trunk {
            Some(trunk) => Speech::of(&trunk.profile),
            None if is_phone => self.phones.speech_of(&destination.number, &bindings),
            None => Speech::default(),
        };
        self.open_media(id, leg, speech.srtp)?;
        let side = self.slots.get_mut(id)?.ensure_side(leg);
        side.tell(self.listeners.told_of_media(to.listener));
        let port = side.port()?;
        let slot = self.slots.get(id)?;
        let session = u64::from(id.generation) << 32 | u64::from(id.place);
        let live = slot.call.live()?;
        let trunk = way.and_then(|way| self.carriers.named(way));
        let ours = describing::offer(slot.across(leg), &port, speech, (session, 1));
        let display = match trunk {
            Some(trunk) => Display::on_trunk(&trunk.profile, &live).ok()?,
            None => Display::on_phone(&live),
        };
        // Who is rung for a callback sees that it is one.
        let named = (trunk.is_none() && !live.is_incoming()).then(|| CALLBACK.to_owned());
        let written = |number: &str| match trunk {
            Some(trunk) => trunk.profile.caller.write(number, trunk.area_code.as_deref()),
            None => number.to_owned(),
        };
        let registration = trunk.and_then(|trunk| trunk.profile.registration.as_ref());
        let invite_to = |to: Hop, request_uri: String| {
            // Each of a phone's ways is told the address of the listener it goes by.
            let at = port.told_at(self.listeners.told_of_media(to.listener)).address;
            let body = Sdp { audio: at, ..ours.clone() }.to_bytes();
            let host = at.ip().to_string();
            let mut invite =
                show(&display, request_uri, &host, written, |uri, from| Invite::new(to, uri, from, body));
            invite.from.display.clone_from(&named);
            invite.max_forwards = slot.max_forwards;
            invite.first_response_ms = Some(first_response_ms);
            invite.credentials = registration.and_then(carriers::credentials);
            invite
        };
        let tones = trunk.is_some_and(|trunk| trunk.profile.tones);
        let to_phone = |binding: Binding| to_phone(invite_to(binding.flow, binding.contact.clone()), binding);
        let invites: Vec<Invite> = match bindings.is_empty() {
            true => vec![invite_to(to, request_uri)],
            false => bindings.into_iter().map(to_phone).collect(),
        };
        let now = self.now.mono.0;
        if trunk.is_none() {
            invites.iter().for_each(|invite| self.guard.proven(invite.to.remote, self.now.mono));
        }
        let mut legs = invites.into_iter().filter_map(|invite| self.endpoint.invite(invite, now).ok());
        let sip = legs.next()?;
        let forks: Vec<sip::LegId> = legs.collect();
        for leg_id in forks.iter().chain([&sip]) {
            self.by_leg.insert(*leg_id, (id, leg));
        }
        let side = self.slots.get_mut(id)?.ensure_side(leg);
        side.forks = forks;
        (side.sip, side.ours, side.speech, side.tones) = (Some(sip), Some(ours), speech, tones);
        Some(())
    }

    /// Gives up all places a phone rings in but the side's own. What they still say concerns nobody.
    pub(crate) fn leave_forks(&mut self, id: SlotId, leg: LegNo) {
        let now = self.now.mono.0;
        let side = self.slots.get_mut(id).and_then(|slot| slot.side_mut(leg));
        for fork in side.map(|side| std::mem::take(&mut side.forks)).unwrap_or_default() {
            self.by_leg.remove(&fork);
            // Its 200 may be here already, in the same turn: `bye` cancels an attempt and ends a dialog.
            self.endpoint.bye(fork, None, now);
        }
    }

    /// Closes one side's media: its leg came to nothing.
    pub(crate) fn close_side(&mut self, id: SlotId, leg: LegNo) {
        let Some(slot) = self.slots.get_mut(id) else { return };
        let Some(side) = slot.side_mut(leg) else { return };
        let (Some((media, _)), false) = (side.media, side.closing) else { return };
        side.closing = true;
        slot.media_closing += 1;
        self.outputs.push_back(Output::Media(media::Command::Close { leg: media }));
    }

    fn close_media(&mut self, id: SlotId) {
        let Some(slot) = self.slots.get(id) else { return };
        for leg in 0..slot.sides.len() {
            self.close_side(id, leg as LegNo);
        }
        let Some(slot) = self.slots.get_mut(id) else { return };
        slot.closing = true;
        if slot.media_closing == 0 {
            self.echoes.push_back((id, Event::MediaClosed));
        }
    }

    pub(crate) fn probe_trunks(&mut self) {
        let now = self.now.mono;
        for (place, way) in self.carriers.due_probes(now) {
            let probe = self.endpoint.options(way, now.0);
            self.carriers.probing(place, probe);
        }
    }

    /// Registers with carriers where it is due; once the last call of a drain is over the registrations are taken back.
    pub(crate) fn register_trunks(&mut self) {
        let now = self.now.mono;
        let over = self.drained && self.calls_up() == 0;
        let mut due = self.carriers.leave_registrars(over, now);
        due.extend(self.carriers.due_registers(now));
        self.send_registers(due);
    }

    pub(crate) fn send_registers(&mut self, due: Vec<DueRegister>) {
        let now = self.now.mono;
        for DueRegister { place, id, register } in due {
            let sent = self.endpoint.register(id, register, now.0).ok();
            if let Some(place) = place {
                self.carriers.registering(place, sent, now);
            }
        }
    }
}

/// An INVITE that shows what a display permits and nothing else (row K06): From, the assertion, and by whom it was
/// diverted, in both ways that carriers read (RFC 5806, RFC 7044).
fn show(
    display: &Display,
    request_uri: String,
    host: &str,
    written: impl Fn(&str) -> String,
    make: impl FnOnce(String, Party) -> Invite,
) -> Invite {
    let (user, at) = match display.from() {
        Some(number) => (written(number), host),
        None => ("anonymous".to_owned(), "anonymous.invalid"),
    };
    let mut invite = make(request_uri, Party { user, host: at.to_owned(), display: None });
    invite.asserted = display.asserted().map(|number| format!("sip:{}@{host}", written(number)));
    if display.is_withheld() {
        invite.headers.push(("Privacy".into(), "id".into()));
    }
    if let Some(number) = display.diverted_by() {
        invite.diversion = Some(format!("sip:{number}@{host}"));
        let target = invite.request_uri.split(['?', ';']).next().unwrap_or_default();
        let history = format!("<sip:{number}@{host}>;index=1, <{target};cause=302>;index=1.1;mp=1");
        invite.headers.push(("History-Info".into(), history));
    }
    invite
}

/// A call to one of the places a phone registered from: by its flow and through its proxies.
fn to_phone(mut invite: Invite, binding: Binding) -> Invite {
    invite.to_uri = binding.contact;
    (invite.route, invite.keeps_flow) = (binding.path, true);
    invite
}

/// The address of `sip:user@ip:port`; the port is 5060 unless said.
fn address_of(uri: &str) -> Option<SocketAddr> {
    let rest = uri.strip_prefix("sip:")?;
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let host = host.split([';', '?']).next()?;
    host.parse().ok().or_else(|| format!("{host}:5060").parse().ok())
}
