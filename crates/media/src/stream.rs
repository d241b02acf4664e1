//! One end of an RTP stream without sockets and clock, for simulated phones: what is said becomes packets,
//! 20 ms each, keys become telephone-events, and what is received becomes samples.

use crate::g711::Law;
use crate::rtp::{self, FRAME_SAMPLES, HEADER_BYTES, KeyEvent, Packet};

/// What the next frames say.
#[derive(Clone, Debug, PartialEq)]
pub enum Voice {
    /// Packets of digital silence.
    Silence,
    /// A sine.
    Tone {
        /// Its frequency.
        frequency_hz: f32,
        /// 0 to 32,767.
        amplitude: f32,
    },
    /// Samples at 8 kHz, from the beginning, then silence.
    Samples(std::sync::Arc<[i16]>),
}

/// How a stream is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamConfig {
    /// Law spoken.
    pub law: Law,
    /// Its payload type.
    pub payload_type: u8,
    /// Payload type of telephone-event; without it keys are sent as tones in the band.
    pub event_payload_type: Option<u8>,
    /// Synchronisation source; also the start of sequence and timestamp.
    pub ssrc: u32,
}

/// Packets out, samples in.
pub struct RtpStream {
    config: StreamConfig,
    voice: Voice,
    position: usize,
    sequence: u16,
    timestamp: u32,
    first: bool,
    keys: std::collections::VecDeque<u8>,
    pressed: Option<Pressed>,
    heard: Heard,
}

/// A key being sent.
struct Pressed {
    key: u8,
    frame: u16,
    timestamp: u32,
}

/// Frames a key is held, and packets that repeat its end; then a pause of as many frames as it was held.
const KEY_FRAMES: u16 = 5;
const KEY_END_PACKETS: u16 = 3;
const KEY_PAUSE_FRAMES: u16 = 5;

/// What was received so far.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// Samples at 8 kHz in order of their timestamps, gaps as zeros.
    pub samples: Vec<i16>,
    /// Keys by telephone-event.
    pub keys: Vec<u8>,
    /// Packets of sound and events.
    pub packets: u64,
    /// Datagrams that were not RTP or of another payload type.
    pub strange: u64,
    origin: Option<(u32, u32)>,
    key_timestamp: Option<u32>,
}

/// A jump of timestamps beyond this is a new stream, laid behind what was heard.
const JUMP_SAMPLES: i64 = 8000 * 10;

impl RtpStream {
    /// A stream that says silence.
    pub fn new(config: StreamConfig) -> RtpStream {
        RtpStream {
            config,
            voice: Voice::Silence,
            position: 0,
            sequence: config.ssrc as u16,
            timestamp: config.ssrc.rotate_left(16),
            first: true,
            keys: std::collections::VecDeque::new(),
            pressed: None,
            heard: Heard::default(),
        }
    }

    /// Says something else from the next frame on.
    pub fn say(&mut self, voice: Voice) {
        self.voice = voice;
        self.position = 0;
    }

    /// Whether samples were given by `say` and all have been sent.
    pub fn said_all(&self) -> bool {
        matches!(&self.voice, Voice::Samples(samples) if self.position >= samples.len())
    }

    /// Presses keys one after another (`0-9 * # A-D`, others are left out): 100 ms each and as long between.
    pub fn press(&mut self, keys: &[u8]) {
        self.keys.extend(keys.iter().filter(|&&key| rtp::event_of_key(key).is_some()));
    }

    /// Whether keys are still to be sent.
    pub fn pressing(&self) -> bool {
        self.pressed.is_some() || !self.keys.is_empty()
    }

    /// The packets of the next 20 ms, each given to `send`: one, or three when a key's end is repeated.
    pub fn next_frame(&mut self, mut send: impl FnMut(&[u8])) {
        if self.pressed.is_none()
            && let Some(key) = self.keys.pop_front()
        {
            self.pressed = Some(Pressed { key, frame: 0, timestamp: self.timestamp });
        }
        match (self.pressed.take(), self.config.event_payload_type) {
            (Some(pressed), Some(payload_type)) => self.key_frame(pressed, payload_type, &mut send),
            (Some(pressed), None) => self.key_tone_frame(pressed, &mut send),
            (None, _) => self.voice_frame(&mut send),
        }
        self.timestamp = self.timestamp.wrapping_add(FRAME_SAMPLES as u32);
    }

    fn key_frame(&mut self, mut pressed: Pressed, payload_type: u8, send: &mut impl FnMut(&[u8])) {
        pressed.frame += 1;
        if pressed.frame > KEY_FRAMES {
            self.voice_frame(send);
        } else {
            let end = pressed.frame == KEY_FRAMES;
            let event = rtp::event_of_key(pressed.key).expect("press takes keys only");
            let duration = pressed.frame * FRAME_SAMPLES as u16;
            let body = KeyEvent { event, end, volume: 10, duration }.to_bytes();
            for _ in 0..if end { KEY_END_PACKETS } else { 1 } {
                self.send_packet(payload_type, pressed.frame == 1, pressed.timestamp, &body, send);
            }
        }
        self.pressed = (pressed.frame < KEY_FRAMES + KEY_PAUSE_FRAMES).then_some(pressed);
    }

    fn key_tone_frame(&mut self, mut pressed: Pressed, send: &mut impl FnMut(&[u8])) {
        let start = usize::from(pressed.frame) * FRAME_SAMPLES;
        pressed.frame += 1;
        let samples = if pressed.frame <= KEY_FRAMES {
            crate::dtmf::key_samples(pressed.key, -10.0, -10.0, start + FRAME_SAMPLES).split_off(start)
        } else {
            vec![0; FRAME_SAMPLES]
        };
        self.send_samples(&samples, send);
        self.pressed = (pressed.frame < KEY_FRAMES + KEY_PAUSE_FRAMES).then_some(pressed);
    }

    fn voice_frame(&mut self, send: &mut impl FnMut(&[u8])) {
        let start = self.position;
        self.position += FRAME_SAMPLES;
        let samples = match &self.voice {
            Voice::Silence => vec![0; FRAME_SAMPLES],
            Voice::Tone { frequency_hz, amplitude } => {
                let step = 2.0 * std::f64::consts::PI * f64::from(*frequency_hz) / 8000.0;
                let sample = |n: usize| (f64::from(*amplitude) * (step * n as f64).sin()) as i16;
                (start..start + FRAME_SAMPLES).map(sample).collect()
            }
            Voice::Samples(samples) => {
                let rest = samples.get(start..).unwrap_or_default();
                let mut frame = rest[..rest.len().min(FRAME_SAMPLES)].to_vec();
                frame.resize(FRAME_SAMPLES, 0);
                frame
            }
        };
        self.send_samples(&samples, send);
    }

    fn send_samples(&mut self, samples: &[i16], send: &mut impl FnMut(&[u8])) {
        let octets = self.config.law.encode_all(samples);
        self.send_packet(self.config.payload_type, self.first, self.timestamp, &octets, send);
        self.first = false;
    }

    fn send_packet(
        &mut self,
        payload_type: u8,
        marker: bool,
        timestamp: u32,
        body: &[u8],
        send: &mut impl FnMut(&[u8]),
    ) {
        let mut datagram = [0; HEADER_BYTES + FRAME_SAMPLES];
        rtp::write_header(&mut datagram, marker, payload_type, self.sequence, timestamp, self.config.ssrc);
        datagram[HEADER_BYTES..HEADER_BYTES + body.len()].copy_from_slice(body);
        self.sequence = self.sequence.wrapping_add(1);
        send(&datagram[..HEADER_BYTES + body.len()]);
    }

    /// Takes a datagram of the peer.
    pub fn receive(&mut self, datagram: &[u8]) {
        let Some(packet) = Packet::parse(datagram) else {
            self.heard.strange += 1;
            return;
        };
        let payload = &datagram[packet.start..packet.end];
        if Some(packet.payload_type) == self.config.event_payload_type {
            self.heard.packets += 1;
            self.heard.take_key(packet.timestamp, payload);
        } else if packet.payload_type == self.config.payload_type {
            self.heard.packets += 1;
            self.heard.take_samples(packet, self.config.law, payload);
        } else {
            self.heard.strange += 1;
        }
    }

    /// What was received so far.
    pub fn heard(&self) -> &Heard {
        &self.heard
    }
}

impl Heard {
    fn take_key(&mut self, timestamp: u32, payload: &[u8]) {
        let Some(KeyEvent { event, end: true, .. }) = KeyEvent::parse(payload) else { return };
        if self.key_timestamp != Some(timestamp) {
            self.key_timestamp = Some(timestamp);
            self.keys.extend(rtp::key_of_event(event));
        }
    }

    fn take_samples(&mut self, packet: Packet, law: Law, payload: &[u8]) {
        let behind = self.samples.len();
        let at = match self.origin {
            Some((ssrc, origin)) if ssrc == packet.ssrc => {
                i64::from(packet.timestamp.wrapping_sub(origin) as i32)
            }
            _ => -JUMP_SAMPLES,
        };
        let at = if at < 0 || at > behind as i64 + JUMP_SAMPLES {
            self.origin = Some((packet.ssrc, packet.timestamp.wrapping_sub(behind as u32)));
            behind
        } else {
            at as usize
        };
        let end = at + payload.len();
        if self.samples.len() < end {
            self.samples.resize(end, 0);
        }
        for (sample, &octet) in self.samples[at..end].iter_mut().zip(payload) {
            *sample = law.decode(octet);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::tone;

    fn config(event_payload_type: Option<u8>) -> StreamConfig {
        StreamConfig { law: Law::Pcma, payload_type: 8, event_payload_type, ssrc: 0xFFFF_FFF0 }
    }

    fn pass(from: &mut RtpStream, to: &mut RtpStream, frames: usize) {
        for _ in 0..frames {
            from.next_frame(|datagram| to.receive(datagram));
        }
    }

    #[test]
    fn a_tone_said_is_the_tone_heard() {
        let (mut phone, mut peer) = (RtpStream::new(config(None)), RtpStream::new(config(None)));
        phone.say(Voice::Tone { frequency_hz: 440.0, amplitude: 8000.0 });
        pass(&mut phone, &mut peer, 50);
        assert_eq!(peer.heard().samples.len(), 8000);
        assert!((tone(&peer.heard().samples, 8000, 440.0) - 8000.0).abs() < 100.0);
    }

    #[test]
    fn keys_are_heard_once_each_also_twice_the_same() {
        let (mut phone, mut peer) = (RtpStream::new(config(Some(101))), RtpStream::new(config(Some(101))));
        phone.press(b"1,2#2");
        pass(&mut phone, &mut peer, 60);
        assert_eq!(peer.heard().keys, b"12#2");
        assert!(!phone.pressing());
    }

    #[test]
    fn lost_packets_are_gaps_of_their_length() {
        let (mut phone, mut peer) = (RtpStream::new(config(None)), RtpStream::new(config(None)));
        phone.say(Voice::Samples(vec![4000; 160 * 3].into()));
        let mut frame = 0;
        for _ in 0..3 {
            phone.next_frame(|datagram| {
                if frame != 1 {
                    peer.receive(datagram);
                }
                frame += 1;
            });
        }
        assert!(phone.said_all());
        let heard = &peer.heard().samples;
        assert_eq!(heard.len(), 480);
        assert!(heard[160..320].iter().all(|&sample| sample == 0) && heard[320] != 0);
    }

    #[test]
    fn other_payload_types_and_noise_are_counted_not_heard() {
        let mut peer = RtpStream::new(config(None));
        let mut other = RtpStream::new(StreamConfig { payload_type: 0, ..config(None) });
        pass(&mut other, &mut peer, 2);
        peer.receive(b"OPTIONS sip:x SIP/2.0");
        assert_eq!((peer.heard().packets, peer.heard().strange), (0, 3));
    }
}
