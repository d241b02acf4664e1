//! The state of one leg: source, reception, what is sent and played. Times come in as values, packets as
//! headers; it refuses to know sockets and other legs.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::codec::{Codec, Decoder};
use crate::command::{Agreed, Events, Keys, LegId, LegStats, PlayId, Repeat};
use crate::dtmf::{KeyListener, KeyReceiver};
use crate::g711::Law;
use crate::keys::KeySender;
use crate::latch::Latch;
use crate::mixer::{Mix, Voice};
use crate::prompt::Prompt;
use crate::quality::Reception;
use crate::quiet::QuietListener;
use crate::rtcp::{self, Block, SentReport};
use crate::rtp::{self, FRAME_SAMPLES, HEADER_BYTES, Packet};
use crate::srtp::{Keyring, OVERHEAD_BYTES, Secure};
use crate::tone::{Nature, ToneListener};
use crate::transcode::Coder;

/// Room for a packet of our own making: the longest frame, and what encryption adds.
pub(crate) type Frame = [u8; HEADER_BYTES + crate::codec::OCTETS_MAX + OVERHEAD_BYTES];

/// Where and how the peer is spoken to, from its SDP.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub remote: SocketAddr,
    pub agreed: Agreed,
}

/// What a payload type means on a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Audio(Codec),
    Event(Events),
    /// Comfort noise.
    Noise,
    /// What was not agreed.
    Other,
}

/// One leg of a call.
pub(crate) struct Leg {
    pub id: LegId,
    pub peer: Option<Peer>,
    pub latch: Latch,
    pub reception: Reception,
    pub out: Outgoing,
    pub play: Option<Playing>,
    /// Keys on their way to the peer.
    pub pressing: Option<Box<KeySender>>,
    /// Hears the peer where its packets are not passed as they are.
    pub decoder: Option<Box<Decoder>>,
    /// Its newest timestamp, and where that lies on a clock of 8 kHz that does not wrap with it.
    pub narrow: (u32, u32),
    /// Speaks to the peer where it is not given the other's packets as they are.
    pub coder: Option<Box<Coder>>,
    /// Port of the leg this one is bridged to.
    pub bridge: Option<u32>,
    /// Recording and channel that hear this leg.
    pub tap: Option<(u32, Channel)>,
    /// Listens for the end of what is said.
    pub quiet: Option<QuietListener>,
    pub keys: KeyReceiver,
    pub listener: Option<Box<KeyListener>>,
    /// Hears the network's tones, up to an instant.
    pub tones: Option<(u64, Box<ToneListener>)>,
    /// What it was told to sound like, while it is judged.
    pub judged: Option<Nature>,
    pub held: bool,
    /// Nothing is sent to the peer.
    pub deaf: bool,
    pub silence_told: bool,
    /// Silence is counted from here if no packet came later.
    pub quiet_since_ms: u64,
    pub connected_ms: u64,
    pub first_packet_ms: Option<u64>,
    pub last_packet_ms: Option<u64>,
    pub strangers: u64,
    pub unauthentic: u64,
    pub skipped: u64,
    /// Reports of RTCP.
    pub reports: Reports,
    /// Encryption of both directions, if agreed.
    pub secure: Option<Box<Secure>>,
    /// What the peer says, as samples, where somebody hears it in a sum.
    pub voice: Option<Box<Voice>>,
    /// Whom the peer hears in a sum, in place of a bridge.
    pub mix: Option<Box<Mix>>,
}

/// A channel of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    Left,
    Right,
}

impl Leg {
    /// Reads what each packet of the leg needs, for nothing but to have it near.
    #[inline]
    pub fn glance(&self) -> u64 {
        let heard = self.latch.glance() ^ self.reception.glance();
        let said = self.out.sent ^ self.last_packet_ms.unwrap_or(0) ^ u64::from(self.deaf);
        let peer = self.peer.as_ref().map_or(0, |peer| u64::from(peer.agreed.payload_type));
        let secure = self.secure.as_deref().map_or(0, Secure::glance);
        heard ^ said ^ peer ^ secure
    }

    pub fn new(id: LegId, seed: u64, now_ms: u64) -> Leg {
        Leg {
            id,
            peer: None,
            latch: Latch::default(),
            reception: Reception::default(),
            out: Outgoing::new(seed),
            play: None,
            pressing: None,
            decoder: None,
            narrow: (0, 0),
            coder: None,
            bridge: None,
            tap: None,
            quiet: None,
            keys: KeyReceiver::default(),
            listener: None,
            tones: None,
            judged: None,
            held: false,
            deaf: false,
            silence_told: false,
            quiet_since_ms: now_ms,
            connected_ms: now_ms,
            first_packet_ms: None,
            last_packet_ms: None,
            strangers: 0,
            unauthentic: 0,
            skipped: 0,
            secure: None,
            voice: None,
            mix: None,
            reports: Reports { next_ms: now_ms, ..Reports::default() },
        }
    }

    /// An SDP came: speak to this peer, learn its source anew.
    pub fn connect(&mut self, peer: Peer, now_ms: u64) {
        self.latch.expect(peer.remote, now_ms);
        self.reception.restart();
        self.keys.restart();
        let agreed = &peer.agreed;
        let in_band = match agreed.keys {
            Keys::Auto => agreed.events.is_none(),
            Keys::InBand => true,
            Keys::Signalled => false,
        };
        self.listener = in_band.then(Box::default);
        self.reception.set_clock(agreed.codec.clock_hz());
        self.out.set_clock(agreed.codec.clock_hz());
        self.decoder = self.decoder.take().filter(|decoder| decoder.codec() == agreed.codec);
        self.coder = match agreed.codec.law() {
            Some(_) => None,
            None => Some(Box::new(Coder::new(agreed.codec, agreed.ptime_ms))),
        };
        let before = self.secure.take();
        let renewed = |keyring: &Keyring| Secure::after(before.map(|before| *before), keyring.clone());
        self.secure = agreed.srtp.as_deref().and_then(renewed).map(Box::new);
        self.peer = Some(peer);
        self.quiet_since_ms = now_ms;
        if self.first_packet_ms.is_none() {
            self.connected_ms = now_ms;
        }
    }

    #[inline]
    pub fn content(&self, payload_type: u8) -> Content {
        let Some(Peer { agreed, .. }) = &self.peer else { return Content::Other };
        if payload_type == agreed.payload_type {
            return Content::Audio(agreed.codec);
        }
        if let Some(events) = agreed.events
            && payload_type == events.payload_type
        {
            return Content::Event(events);
        }
        if Some(payload_type) == agreed.noise_payload_type {
            return Content::Noise;
        }
        Codec::from_payload_type(payload_type).map_or(Content::Other, Content::Audio)
    }

    /// A timestamp of the peer on a clock of 8 kHz.
    pub fn narrow_timestamp(&mut self, timestamp: u32, clock_hz: u32) -> u32 {
        let (newest, narrow) = self.narrow;
        let ahead = timestamp.wrapping_sub(newest).cast_signed() / (clock_hz / 8_000).cast_signed();
        self.narrow = (timestamp, narrow.wrapping_add_signed(ahead));
        self.narrow.1
    }

    /// Age of the last sign of life, told once it reaches `silence_ms` on a bridged leg that is not held.
    pub fn silence(&mut self, silence_ms: u64, now_ms: u64) -> Option<u64> {
        let heard_ms = self.last_packet_ms.unwrap_or(0).max(self.quiet_since_ms);
        let age_ms = now_ms.saturating_sub(heard_ms);
        let tell = self.bridge.is_some() && !self.held && !self.silence_told && age_ms >= silence_ms;
        self.silence_told |= tell;
        tell.then_some(age_ms)
    }

    pub fn stats(&self, now_ms: u64) -> LegStats {
        let mut stats = LegStats {
            sent: self.out.sent,
            strangers: self.strangers,
            unauthentic: self.unauthentic,
            skipped: self.skipped,
            first_packet_ms: self.first_packet_ms.map(|ms| ms.saturating_sub(self.connected_ms)),
            last_packet_ms: self.last_packet_ms.map(|ms| now_ms.saturating_sub(ms)),
            ..LegStats::default()
        };
        self.reception.report(&mut stats);
        self.reports.tell(&mut stats, self.out.clock_khz);
        stats
    }
}

/// What rounding to milliseconds on both sides may take from a round trip: 5 ms, in 1/65,536 s.
const ROUNDED_MAX: i32 = 328;

/// What a leg reports by RTCP, and what its peer reported.
#[derive(Default)]
pub(crate) struct Reports {
    pub next_ms: u64,
    /// Middle of the NTP time of the peer's last sender report, and when it came.
    theirs: Option<(u32, u64)>,
    block: Option<Block>,
    round_trip: Option<u32>,
}

impl Reports {
    fn tell(&self, stats: &mut LegStats, clock_khz: u32) {
        if let Some(block) = self.block {
            stats.peer_lost = u64::from(block.lost);
            stats.peer_jitter_us = (u64::from(block.jitter) * 1_000 / u64::from(clock_khz)) as u32;
        }
        // In 1/65,536 s.
        stats.round_trip_us = self.round_trip.map(|trip| ((u64::from(trip) * 1_000_000) >> 16) as u32);
    }
}

impl Leg {
    /// Takes the peer's RTCP. `ntp` is the wall time as NTP.
    pub fn hear_reports(&mut self, datagram: &[u8], ntp: u64, now_ms: u64) {
        let told = rtcp::read(datagram, self.out.ssrc);
        if let Some(report) = told.report {
            self.reports.theirs = Some((report, now_ms));
        }
        let Some(block) = told.block else { return };
        self.reports.block = Some(block);
        if block.last_report != 0 {
            // RFC 3550 section 6.4.1. Times of arrival are whole milliseconds, so that a short trip may come out a little
            // below nothing; a clock that was set back makes no round trip.
            let trip = ((ntp >> 16) as u32).wrapping_sub(block.last_report).wrapping_sub(block.since);
            let trip = trip.cast_signed();
            self.reports.round_trip = (trip > -ROUNDED_MAX).then(|| trip.max(0).cast_unsigned());
        }
    }

    /// Writes this leg's report; gives its octets, 0 when there is nothing to tell.
    pub fn report(&mut self, out: &mut [u8], ntp: u64, now_ms: u64) -> usize {
        let mut block = self.latch.ssrc().and_then(|ssrc| self.reception.block(ssrc));
        if let (Some(block), Some((report, at_ms))) = (&mut block, self.reports.theirs) {
            block.last_report = report;
            block.since = ((now_ms - at_ms) * 65_536 / 1000) as u32;
        }
        let sent = self.out.sent_report(ntp, now_ms);
        if sent.is_none() && block.is_none() {
            return 0;
        }
        rtcp::write(out, self.out.ssrc, sent, block)
    }
}

/// The stream sent to a peer: one SSRC, one rising sequence and timestamp, whoever is heard in it.
pub(crate) struct Outgoing {
    ssrc: u32,
    /// Of the newest packet sent.
    sequence: u16,
    timestamp: u32,
    last_ms: Option<u64>,
    flow: Flow,
    clock_khz: u32,
    /// The event being passed on a time line of its own: its timestamp there and here.
    event: Option<(u32, u32)>,
    pub sent: u64,
}

/// Who is heard in the stream now.
#[derive(Clone, Copy, PartialEq)]
enum Flow {
    Nobody,
    Playback,
    /// Another leg's stream, shifted.
    Relay {
        from: u32,
        ssrc: u32,
        sequence_shift: u16,
        timestamp_shift: u32,
    },
    /// Another leg's stream in another codec.
    Coded,
}

impl Outgoing {
    fn new(seed: u64) -> Outgoing {
        Outgoing {
            ssrc: (seed >> 32) as u32,
            sequence: seed as u16,
            timestamp: (seed >> 16) as u32,
            last_ms: None,
            flow: Flow::Nobody,
            clock_khz: 8,
            event: None,
            sent: 0,
        }
    }

    /// The clock of what is sent from now on.
    fn set_clock(&mut self, clock_hz: u32) {
        if self.clock_khz != clock_hz / 1000 {
            (self.clock_khz, self.flow) = (clock_hz / 1000, Flow::Nobody);
        }
    }

    /// What was sent; `None` before the first packet. Octets are those of 20 ms of G.711, whatever was relayed: they are
    /// not counted one by one.
    fn sent_report(&self, ntp: u64, now_ms: u64) -> Option<SentReport> {
        let last_ms = self.last_ms?;
        let since = (now_ms.saturating_sub(last_ms) * u64::from(self.clock_khz)) as u32;
        let octets = (self.sent as u32).wrapping_mul(FRAME_SAMPLES as u32);
        Some(SentReport {
            ntp,
            timestamp: self.timestamp.wrapping_add(since),
            packets: self.sent as u32,
            octets,
        })
    }

    /// Whether what is heard now was said in another codec.
    pub fn is_coded(&self) -> bool {
        self.flow == Flow::Coded
    }

    /// Whoever speaks next begins anew: nothing was sent for a while.
    pub fn pause(&mut self) {
        (self.flow, self.event) = (Flow::Nobody, None);
    }

    /// The next speaker begins; the time since the last packet passes in the timestamp too.
    pub fn next_start(&self, now_ms: u64) -> (u16, u32) {
        let gap_ms = self.last_ms.map_or(20, |last_ms| now_ms.saturating_sub(last_ms).max(20));
        let gap = gap_ms.wrapping_mul(u64::from(self.clock_khz)) as u32;
        (self.sequence.wrapping_add(1), self.timestamp.wrapping_add(gap))
    }

    /// Writes the header of a relayed packet over the octets before its payload. The gaps and the order of the
    /// incoming stream stay, so the receiver sees them.
    #[inline]
    pub fn relay(&mut self, from: u32, packet: &Packet, payload_type: u8, out: &mut [u8], now_ms: u64) {
        let (shifts, first) = match self.flow {
            Flow::Relay { from: before, ssrc, sequence_shift, timestamp_shift }
                if before == from && ssrc == packet.ssrc =>
            {
                ((sequence_shift, timestamp_shift), false)
            }
            Flow::Nobody | Flow::Playback | Flow::Coded | Flow::Relay { .. } => {
                let (sequence, timestamp) = self.next_start(now_ms);
                let sequence_shift = sequence.wrapping_sub(packet.sequence);
                let timestamp_shift = timestamp.wrapping_sub(packet.timestamp);
                self.flow = Flow::Relay { from, ssrc: packet.ssrc, sequence_shift, timestamp_shift };
                ((sequence_shift, timestamp_shift), true)
            }
        };
        let sequence = packet.sequence.wrapping_add(shifts.0);
        let timestamp = packet.timestamp.wrapping_add(shifts.1);
        rtp::write_header(out, packet.marker || first, payload_type, sequence, timestamp, self.ssrc);
        if first || sequence.wrapping_sub(self.sequence) as i16 > 0 {
            (self.sequence, self.timestamp) = (sequence, timestamp);
        }
        self.last_ms = Some(now_ms);
    }

    /// Writes the header of a frame of playback; `frames` are the turns since the one before.
    pub fn play(&mut self, frames: u64, payload_type: u8, out: &mut [u8], now_ms: u64) {
        let first = self.flow != Flow::Playback;
        (self.sequence, self.timestamp) = if first {
            self.next_start(now_ms)
        } else {
            let step = (frames * 20 * u64::from(self.clock_khz)) as u32;
            (self.sequence.wrapping_add(1), self.timestamp.wrapping_add(step))
        };
        self.flow = Flow::Playback;
        self.last_ms = Some(now_ms);
        rtp::write_header(out, first, payload_type, self.sequence, self.timestamp, self.ssrc);
    }

    /// Writes the header of a frame said in this leg's own codec.
    pub fn code(&mut self, (marker, timestamp): (bool, u32), payload_type: u8, out: &mut [u8], now_ms: u64) {
        (self.sequence, self.timestamp) = (self.sequence.wrapping_add(1), timestamp);
        let first = self.flow != Flow::Coded;
        (self.flow, self.last_ms) = (Flow::Coded, Some(now_ms));
        rtp::write_header(out, marker || first, payload_type, self.sequence, timestamp, self.ssrc);
    }

    /// Writes the header of a packet of an event whose time line is not ours: those of one event share the timestamp
    /// at which its first came, and stay in order.
    pub fn event(&mut self, theirs: u32, marker: bool, payload_type: u8, out: &mut [u8], now_ms: u64) {
        let (sequence, start) = self.next_start(now_ms);
        let timestamp = match self.event {
            Some((known, ours)) if known == theirs => ours,
            _ => start,
        };
        (self.event, self.sequence, self.timestamp) = (Some((theirs, timestamp)), sequence, timestamp);
        self.last_ms = Some(now_ms);
        rtp::write_header(out, marker, payload_type, sequence, timestamp, self.ssrc);
    }
}

/// A sound on its way to the peer.
pub(crate) struct Playing {
    pub play: PlayId,
    pub prompt: Arc<Prompt>,
    pub repeat: Repeat,
    position: usize,
    last_turn: Option<u64>,
}

/// What a turn of playback came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// A frame is written.
    /// Its octets, header included.
    Frame(usize),
    /// A sound that plays once is over.
    Over(PlayId),
    /// Nothing to send.
    Nothing,
}

impl Playing {
    pub fn new(play: PlayId, prompt: Arc<Prompt>, repeat: Repeat) -> Playing {
        Playing { play, prompt, repeat, position: 0, last_turn: None }
    }
}

impl Leg {
    /// Writes the frame of a 20 ms turn. Turns that were missed are skipped and counted, never sent in a burst.
    pub fn play_turn(&mut self, turn: u64, now_ms: u64, out: &mut Frame) -> Turn {
        let (Some(playing), Some(Peer { agreed, .. })) = (&mut self.play, &self.peer) else {
            return Turn::Nothing;
        };
        let frames = playing.last_turn.map_or(1, |last| turn.saturating_sub(last));
        if frames == 0 {
            return Turn::Nothing;
        }
        playing.last_turn = Some(turn);
        self.skipped += frames - 1;
        playing.position += (frames as usize - 1) * FRAME_SAMPLES;
        // What is neither law is encoded from A-law, which prompts are kept in.
        let law = agreed.codec.law().unwrap_or(Law::Pcma);
        let octets = playing.prompt.octets(law);
        if playing.repeat == Repeat::Once && playing.position >= octets.len() || octets.is_empty() {
            let play = playing.play;
            self.play = None;
            return Turn::Over(play);
        }
        let payload = &mut out[HEADER_BYTES..HEADER_BYTES + FRAME_SAMPLES];
        match playing.repeat {
            Repeat::Once => {
                let rest = &octets[playing.position..];
                let count = rest.len().min(FRAME_SAMPLES);
                payload[..count].copy_from_slice(&rest[..count]);
                payload[count..].fill(law.silence());
                playing.position += FRAME_SAMPLES;
            }
            Repeat::Forever => playing.position = copy_looped(octets, playing.position, payload),
        }
        let len = match &mut self.coder {
            Some(coder) if agreed.codec.law().is_none() => {
                let samples: [i16; FRAME_SAMPLES] = std::array::from_fn(|n| law.decode(payload[n]));
                coder.encode_now(&samples, &mut out[HEADER_BYTES..])
            }
            Some(_) | None => FRAME_SAMPLES,
        };
        self.out.play(frames, agreed.payload_type, out, now_ms);
        Turn::Frame(HEADER_BYTES + len)
    }
}

/// Fills `out` from a loop; gives the next position.
fn copy_looped(octets: &[u8], position: usize, out: &mut [u8]) -> usize {
    let mut at = position % octets.len();
    let mut filled = 0;
    while filled < out.len() {
        let count = (octets.len() - at).min(out.len() - filled);
        out[filled..filled + count].copy_from_slice(&octets[at..at + count]);
        filled += count;
        at = (at + count) % octets.len();
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leg() -> Leg {
        let mut leg = Leg::new(LegId(1), 0x1234_5678_9ABC_FFFE, 0);
        let remote = "192.0.2.1:4000".parse().expect("an address");
        leg.connect(Peer { remote, agreed: Agreed::g711(Law::Pcma, Some(101)) }, 0);
        leg
    }

    fn prompt(samples: usize) -> Arc<Prompt> {
        Arc::new(Prompt::from_samples(&vec![1000; samples]))
    }

    fn play(leg: &mut Leg, samples: usize, repeat: Repeat) {
        leg.play = Some(Playing::new(PlayId(7), prompt(samples), repeat));
    }

    #[test]
    fn a_prompt_is_sent_frame_by_frame_and_then_over() {
        let mut leg = leg();
        play(&mut leg, 400, Repeat::Once);
        let mut frame = [0; _];
        let turns: Vec<Turn> = (0..5).map(|turn| leg.play_turn(turn, turn * 20, &mut frame)).collect();
        let frame_of = Turn::Frame(172);
        assert_eq!(turns, [frame_of, frame_of, frame_of, Turn::Over(PlayId(7)), Turn::Nothing]);
        let last = Packet::parse(&frame).expect("RTP");
        assert_eq!(last.payload_type, 8);
        assert_eq!(frame[12 + 80..172], [Law::Pcma.silence(); 80], "the last frame is filled with silence");
    }

    #[test]
    fn missed_turns_are_skipped_and_counted_never_burst() {
        let mut leg = leg();
        play(&mut leg, 160 * 10, Repeat::Once);
        let mut frame = [0; _];
        leg.play_turn(0, 0, &mut frame);
        let before = Packet::parse(&frame).expect("RTP");
        assert_eq!(leg.play_turn(4, 80, &mut frame), Turn::Frame(172));
        assert_eq!(leg.play_turn(4, 80, &mut frame), Turn::Nothing);
        let after = Packet::parse(&frame).expect("RTP");
        assert_eq!(after.sequence, before.sequence.wrapping_add(1));
        assert_eq!(after.timestamp, before.timestamp.wrapping_add(640));
        assert_eq!(leg.stats(80).skipped, 3);
    }

    #[test]
    fn a_loop_whose_length_is_no_multiple_of_a_frame_has_no_seam() {
        let octets: Vec<u8> = (0..100).collect();
        let mut out = [0; 160];
        let next = copy_looped(&octets, 90, &mut out);
        let want: Vec<u8> = (0..160).map(|n| ((90 + n) % 100) as u8).collect();
        assert_eq!((out.to_vec(), next), (want, 50));
    }

    #[test]
    fn relay_and_playback_make_one_rising_stream() {
        let mut leg = leg();
        let mut sent = Vec::new();
        let mut relay = |leg: &mut Leg, ssrc, sequence, timestamp, now_ms| {
            let packet =
                Packet { marker: false, payload_type: 0, sequence, timestamp, ssrc, start: 12, end: 172 };
            let mut out = [0; 172];
            leg.out.relay(3, &packet, 8, &mut out, now_ms);
            sent.push(Packet::parse(&out).expect("RTP"));
        };
        relay(&mut leg, 50, 9, 5000, 0);
        relay(&mut leg, 50, 11, 5320, 40);
        play(&mut leg, 160, Repeat::Once);
        let mut frame = [0; _];
        leg.play_turn(3, 60, &mut frame);
        relay(&mut leg, 51, 40_000, 77, 100);
        let played = Packet::parse(&frame).expect("RTP");
        let first = sent[0];
        let steps = |packet: Packet| {
            (packet.sequence.wrapping_sub(first.sequence), packet.timestamp.wrapping_sub(first.timestamp))
        };
        assert_eq!(steps(sent[1]), (2, 320), "a gap stays a gap");
        assert_eq!(steps(played), (3, 320 + 160));
        assert_eq!(steps(sent[2]), (4, 320 + 160 + 320));
        assert!(sent[0].marker && !sent[1].marker && played.marker && sent[2].marker);
        assert!([sent[1], played, sent[2]].iter().all(|packet| packet.ssrc == first.ssrc));
    }

    #[test]
    fn silence_is_told_once_and_only_when_bridged_and_not_held() {
        let mut leg = leg();
        assert_eq!(leg.silence(1000, 5000), None, "not bridged");
        leg.bridge = Some(2);
        leg.held = true;
        assert_eq!(leg.silence(1000, 5000), None, "held");
        leg.held = false;
        leg.last_packet_ms = Some(3000);
        assert_eq!(leg.silence(1000, 3999), None);
        assert_eq!(leg.silence(1000, 4000), Some(1000));
        assert_eq!(leg.silence(1000, 9000), None, "told");
    }
}
