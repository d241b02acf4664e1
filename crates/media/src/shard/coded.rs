//! The longer ways of a packet: codecs that are not G.711, events on another clock, keys made here.
//! Nothing of this is in the way of a packet that is passed on as it is.

use super::*;
use crate::codec::{Decoder, OCTETS_MAX};
use crate::command::{Events, Keys};
use crate::g711::Law;
use crate::keys::KeyTurn;
use crate::rtp::KeyEvent;
use crate::transcode::{Coder, Said};

/// How a packet of an event goes on.
pub(super) enum EventWay {
    /// With this payload type and the time line of the audio.
    AsItIs(u8),
    /// With a header and a duration of our own making.
    Anew,
    /// The other leg hears keys in another way, or not at all.
    NotAtAll,
}

impl Shard {
    /// Audio in a codec that is not G.711: decoded for those who listen here, and passed on.
    #[inline(never)]
    pub(super) fn accept_coded(&mut self, n: usize, packet: Packet, codec: Codec, order: Order, now: Now) {
        let at = self.inbox[n].port;
        let Some(leg) = self.ports[at as usize].leg.as_deref_mut() else { return };
        let listened =
            leg.listener.is_some() || leg.tap.is_some() || leg.tones.is_some() || leg.voice.is_some();
        let to = leg.bridge;
        let wanted = to
            .and_then(|to| self.ports[to as usize].leg.as_deref())
            .and_then(|leg| leg.peer.as_ref())
            .is_some_and(|peer| peer.agreed.codec != codec);
        if (listened || wanted) && order == Order::Newest {
            let count = self.decode(n, &packet, codec);
            self.hear_samples(at, &packet, codec, count, now);
            if let (Some(to), true) = (to, wanted) {
                self.say(n, &packet, codec, to, count, now);
            }
        }
        if !wanted {
            self.relay(n, &packet, Content::Audio(codec), now);
        }
    }

    /// Decodes a packet into [`Shard::linear`]; gives its samples.
    fn decode(&mut self, n: usize, packet: &Packet, codec: Codec) -> usize {
        let inbound = &self.inbox[n];
        let Some(leg) = self.ports[inbound.port as usize].leg.as_deref_mut() else { return 0 };
        let fits = leg.decoder.as_ref().is_some_and(|decoder| decoder.codec() == codec);
        if !fits {
            leg.decoder = Some(Box::new(Decoder::new(codec)));
        }
        let Some(decoder) = &mut leg.decoder else { return 0 };
        decoder.decode(&inbound.buffer[packet.start..packet.end], &mut self.linear)
    }

    /// Gives samples to the listener and to the recorder, which keeps G.711 on a clock of 8 kHz whatever the leg speaks.
    fn hear_samples(&mut self, at: u32, packet: &Packet, codec: Codec, count: usize, now: Now) {
        let Some(leg) = self.ports[at as usize].leg.as_deref_mut() else { return };
        let narrow = leg.narrow_timestamp(packet.timestamp, codec.clock_hz());
        let samples = &self.linear[..count];
        let mut heard = None;
        if let Some(voice) = &mut leg.voice {
            voice.push(samples.iter().copied());
        }
        if let Some(quiet) = &mut leg.quiet {
            quiet.hear(samples.iter().copied(), now.ms);
        }
        if let Some(listener) = &mut leg.listener {
            listener.hear(samples.iter().copied(), |digit| heard = Some(digit));
        }
        self.events.extend(tone_heard(leg, narrow, samples.iter().copied(), now.ms));
        if let (Some((slot, channel)), Some(tap)) = (leg.tap, &mut self.tap) {
            let mut octets = [0; SAMPLES_MAX];
            octets.iter_mut().zip(samples).for_each(|(octet, &sample)| *octet = Law::Pcma.encode(sample));
            let packet = Packet { timestamp: narrow, ..*packet };
            let recorded = tap.record(slot, (channel, Law::Pcma), &packet, &octets[..count], now.ms);
            if let Err(gone) = recorded {
                self.recording_gone(gone);
            }
        }
        if let Some(digit) = heard {
            self.key_heard(at, digit);
        }
    }

    /// Audio for a leg with which nothing is common: decoded, said in its codec.
    #[inline(never)]
    pub(super) fn transcode(&mut self, n: usize, packet: &Packet, codec: Codec, to: u32, now: Now) {
        let count = self.decode(n, packet, codec);
        self.say(n, packet, codec, to, count, now);
    }

    /// Says the samples in hand to a leg, in its codec and its frames.
    fn say(&mut self, n: usize, packet: &Packet, codec: Codec, to: u32, count: usize, now: Now) {
        let from = self.inbox[n].port;
        let slot = &mut self.ports[to as usize];
        let Some(leg) = slot.leg.as_deref_mut() else { return };
        let (None, None, false, Some(peer)) = (&leg.play, &leg.pressing, leg.deaf, &leg.peer) else { return };
        if leg.mix.is_some() {
            return;
        }
        let fits = leg.coder.as_ref().is_some_and(|coder| coder.codec() == peer.agreed.codec);
        if !fits {
            leg.coder = Some(Box::new(Coder::new(peer.agreed.codec, peer.agreed.ptime_ms)));
        }
        let (Some(coder), out) = (&mut leg.coder, &mut leg.out) else { return };
        let said = Said { from, ssrc: packet.ssrc, timestamp: packet.timestamp, clock_hz: codec.clock_hz() };
        coder.listen_to(said, || out.next_start(now.ms).1);
        coder.push(&self.linear[..count], packet.timestamp);
        let mut octets = [0; OCTETS_MAX];
        while let Some(coded) = coder.next_frame(&mut octets) {
            if coded.len == 0 {
                continue;
            }
            let mut frame: Frame = [0; size_of::<Frame>()];
            frame[HEADER_BYTES..][..coded.len].copy_from_slice(&octets[..coded.len]);
            let head = (coded.jumps, coded.timestamp);
            out.code(head, peer.agreed.payload_type, &mut frame, now.ms);
            out.sent += 1;
            let secure = leg.secure.as_deref_mut();
            send(&slot.socket, slot.connected, peer.remote, secure, &mut frame, HEADER_BYTES + coded.len);
        }
    }

    // Keys.

    /// A key was heard on a leg: it is told, and pressed towards a bridged leg that knows no events.
    pub(super) fn key_heard(&mut self, at: u32, digit: u8) {
        let Some(leg) = self.ports[at as usize].leg.as_deref() else { return };
        let by_event = leg.listener.is_none();
        let Some(peer) = &leg.peer else { return };
        if peer.agreed.keys == Keys::Signalled {
            return;
        }
        self.events.push(Event::Digit { leg: leg.id, digit });
        let to = leg.bridge.filter(|_| by_event);
        let other = to.and_then(|to| self.ports[to as usize].leg.as_deref()?.peer.as_ref());
        let hears_tones = other.is_some_and(|peer| match peer.agreed.keys {
            Keys::Auto => peer.agreed.events.is_none(),
            Keys::InBand => true,
            Keys::Signalled => false,
        });
        if let (Some(to), true) = (to, hears_tones) {
            self.press(to, digit);
        }
    }

    /// Which way a packet of an event goes to the leg at `to`.
    pub(super) fn event_way(&self, n: usize, packet: &Packet, events: Events, to: u32) -> EventWay {
        let from = self.ports[self.inbox[n].port as usize].leg.as_deref().and_then(|leg| leg.peer.as_ref());
        let other = self.ports[to as usize].leg.as_deref().and_then(|leg| leg.peer.as_ref());
        let (Some(from), Some(other)) = (from, other) else { return EventWay::NotAtAll };
        let theirs = other.agreed.events.filter(|_| other.agreed.keys == Keys::Auto);
        let Some(theirs) = theirs.filter(|_| from.agreed.keys == Keys::Auto) else {
            return EventWay::NotAtAll;
        };
        let (ours, clock_hz) = (from.agreed.codec, from.agreed.codec.clock_hz());
        // Events on the audio's own clock keep their place in a stream that is passed on packet by packet.
        let same_line =
            ours == other.agreed.codec || ours.law().is_some() && other.agreed.codec.law().is_some();
        let whole = packet.end - packet.start >= 4;
        match same_line && events.clock_hz == clock_hz && theirs.clock_hz == events.clock_hz {
            true => EventWay::AsItIs(theirs.payload_type),
            false if whole => EventWay::Anew,
            false => EventWay::NotAtAll,
        }
    }

    /// Passes a packet of an event on with the other leg's clock; packets, their order and their ends stay.
    #[inline(never)]
    pub(super) fn pass_event(&mut self, n: usize, packet: &Packet, events: Events, to: u32, now: Now) {
        let inbound = &self.inbox[n];
        let slot = &mut self.ports[to as usize];
        let Some(leg) = slot.leg.as_deref_mut() else { return };
        let Some(peer) = &leg.peer else { return };
        let Some(theirs) = peer.agreed.events else { return };
        let Some(event) = KeyEvent::parse(&inbound.buffer[packet.start..packet.end]) else { return };
        let duration =
            u64::from(event.duration) * u64::from(theirs.clock_hz) / u64::from(events.clock_hz.max(1));
        let duration = duration.min(u64::from(u16::MAX)) as u16;
        let mut datagram = [0; HEADER_BYTES + 4 + OVERHEAD_BYTES];
        datagram[HEADER_BYTES..][..4].copy_from_slice(&KeyEvent { duration, ..event }.to_bytes());
        leg.out.event(packet.timestamp, packet.marker, theirs.payload_type, &mut datagram, now.ms);
        leg.out.sent += 1;
        let secure = leg.secure.as_deref_mut();
        send(&slot.socket, slot.connected, peer.remote, secure, &mut datagram, HEADER_BYTES + 4);
    }

    /// Presses a key towards a leg.
    pub(super) fn press(&mut self, at: u32, key: u8) {
        let Some(leg) = self.ports[at as usize].leg.as_deref_mut() else { return };
        leg.pressing.get_or_insert_default().press(key);
        self.list(at);
    }

    /// One turn of a leg's keys; says whether there are more.
    pub(super) fn press_turn(&mut self, at: u32, now: Now, frame: &mut Frame) -> bool {
        let slot = &mut self.ports[at as usize];
        let Some(leg) = slot.leg.as_deref_mut() else { return false };
        let (Some(pressing), Some(peer)) = (&mut leg.pressing, &leg.peer) else { return false };
        let agreed = &peer.agreed;
        let events = agreed.events.filter(|_| agreed.keys == Keys::Auto);
        let (len, times) = match pressing.turn(events.map(|events| events.clock_hz)) {
            KeyTurn::Over => {
                leg.pressing = None;
                return false;
            }
            KeyTurn::Pause => return true,
            KeyTurn::Event { body, times, first } => {
                if first {
                    leg.out.pause();
                }
                let payload_type = events.map_or(0, |events| events.payload_type);
                for time in 0..times {
                    // Sealing works in place, so that each repetition is written anew.
                    frame[HEADER_BYTES..][..4].copy_from_slice(&body);
                    leg.out.event(0, first, payload_type, frame, now.ms);
                    if time + 1 < times && !leg.deaf {
                        leg.out.sent += 1;
                        let secure = leg.secure.as_deref_mut();
                        send(&slot.socket, slot.connected, peer.remote, secure, frame, HEADER_BYTES + 4);
                    }
                }
                (4, times)
            }
            KeyTurn::Tone(samples) => {
                let len = match (agreed.codec.law(), &mut leg.coder) {
                    (Some(law), _) => {
                        let octets = frame[HEADER_BYTES..].iter_mut();
                        octets.zip(samples).for_each(|(octet, &sample)| *octet = law.encode(sample));
                        samples.len()
                    }
                    (None, Some(coder)) => coder.encode_now(samples, &mut frame[HEADER_BYTES..]),
                    (None, None) => return true,
                };
                leg.out.play(1, agreed.payload_type, frame, now.ms);
                (len, 1)
            }
        };
        if !leg.deaf && times > 0 {
            leg.out.sent += 1;
            let secure = leg.secure.as_deref_mut();
            send(&slot.socket, slot.connected, peer.remote, secure, frame, HEADER_BYTES + len);
        }
        true
    }
}
