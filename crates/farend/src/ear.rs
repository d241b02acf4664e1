//! What a phone hears: packets counted, keys, and sounds named by measuring them.
//! Time comes in as values; it refuses to know sockets and calls.

use media::dtmf::KeyReceiver;
use media::g711::Law;
use media::measure;
use media::rtp::Packet;

/// A sound with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Sound {
    /// One second on, four off: it rings there.
    Ringback {
        /// Measured frequency.
        hz: u16,
    },
    /// 0.35 s on and off.
    Busy {
        /// Measured frequency.
        hz: u16,
    },
    /// 0.7 s on and off.
    Congestion {
        /// Measured frequency.
        hz: u16,
    },
    /// Any other pure tone, or 450 Hz without a break.
    Tone {
        /// Measured frequency.
        hz: u16,
    },
    /// Something that is no pure tone: speech, music, noise.
    Voice,
}

impl Sound {
    /// The frequency of a tone.
    pub fn hz(self) -> Option<u16> {
        match self {
            Sound::Ringback { hz } | Sound::Busy { hz } | Sound::Congestion { hz } | Sound::Tone { hz } => {
                Some(hz)
            }
            Sound::Voice => None,
        }
    }
}

impl std::fmt::Display for Sound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Sound::Ringback { hz } => write!(f, "{hz} Hz ringback"),
            Sound::Busy { hz } => write!(f, "{hz} Hz busy tone"),
            Sound::Congestion { hz } => write!(f, "{hz} Hz congestion tone"),
            Sound::Tone { hz } => write!(f, "{hz} Hz tone"),
            Sound::Voice => f.write_str("voice"),
        }
    }
}

/// RTP of one leg in figures.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct MediaTotals {
    /// Packets sent.
    pub sent: u64,
    /// Packets received.
    pub received: u64,
    /// Missing between the first and the last received.
    pub lost: u64,
    /// Interarrival jitter (RFC 3550 6.4.1) at the end.
    pub jitter_ms: f64,
    /// Datagrams that were no RTP, of a payload type not agreed, or not of the far end's key.
    pub strange: u64,
    /// The sounds heard, in the order in which they began.
    pub sounds: Vec<Sound>,
    /// The keys heard.
    pub digits: String,
}

/// What became known by a packet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Heard {
    Began(Sound),
    Digit(char),
}

/// Packets in, sounds and keys out.
pub(crate) struct Ear {
    event_payload_type: u8,
    keys: KeyReceiver,
    watch: SoundWatch,
    stream: Option<Incoming>,
    tape: Option<Vec<i16>>,
    totals: MediaTotals,
}

/// The source that is being received.
struct Incoming {
    ssrc: u32,
    first: u64,
    highest: u64,
    received: u64,
    transit: i64,
    jitter: f64,
    /// The timestamp at which the tape began for this source.
    origin: u32,
}

/// A jump of timestamps beyond this is laid right behind what was heard.
const JUMP_SAMPLES: i64 = 10 * 8000;

impl Ear {
    pub(crate) fn new(event_payload_type: u8, record: bool) -> Ear {
        Ear {
            event_payload_type,
            keys: KeyReceiver::default(),
            watch: SoundWatch::default(),
            stream: None,
            tape: record.then(Vec::new),
            totals: MediaTotals::default(),
        }
    }

    pub(crate) fn expect_events(&mut self, payload_type: u8) {
        self.event_payload_type = payload_type;
    }

    /// A datagram that its key did not seal.
    pub(crate) fn refuse(&mut self) {
        self.totals.strange += 1;
    }

    pub(crate) fn receive(&mut self, datagram: &[u8], now_us: u64, mut tell: impl FnMut(Heard)) {
        let Some(packet) = Packet::parse(datagram) else {
            self.totals.strange += 1;
            return;
        };
        let payload = &datagram[packet.start..packet.end];
        if packet.payload_type == self.event_payload_type {
            self.count(&packet, now_us);
            let keys = self.keys.receive(packet.timestamp, payload, now_us / 1000);
            for key in keys.into_iter().flatten() {
                self.totals.digits.push(char::from(key));
                tell(Heard::Digit(char::from(key)));
            }
        } else if let Some(law) = Law::from_payload_type(packet.payload_type) {
            self.count(&packet, now_us);
            let samples = law.decode_all(payload);
            self.record(&packet, &samples);
            let totals = &mut self.totals;
            self.watch.hear(&samples, |sound| {
                totals.sounds.push(sound);
                tell(Heard::Began(sound));
            });
        } else {
            self.totals.strange += 1;
        }
    }

    fn count(&mut self, packet: &Packet, now_us: u64) {
        self.totals.received += 1;
        let transit = (now_us / 125) as i64 - i64::from(packet.timestamp);
        match &mut self.stream {
            Some(stream) if stream.ssrc == packet.ssrc => stream.count(packet, transit),
            _ => {
                self.fold();
                let behind = self.tape.as_ref().map_or(0, Vec::len) as u32;
                self.stream = Some(Incoming {
                    ssrc: packet.ssrc,
                    first: u64::from(packet.sequence) + (1 << 16),
                    highest: u64::from(packet.sequence) + (1 << 16),
                    received: 1,
                    transit,
                    jitter: 0.0,
                    origin: packet.timestamp.wrapping_sub(behind),
                });
            }
        }
    }

    fn fold(&mut self) {
        if let Some(stream) = self.stream.take() {
            self.totals.lost += stream.lost();
            self.totals.jitter_ms = stream.jitter / 8.0;
        }
    }

    fn record(&mut self, packet: &Packet, samples: &[i16]) {
        let (Some(tape), Some(stream)) = (&mut self.tape, &mut self.stream) else { return };
        let mut at = i64::from(packet.timestamp.wrapping_sub(stream.origin) as i32);
        if at < 0 || at > tape.len() as i64 + JUMP_SAMPLES {
            at = tape.len() as i64;
            stream.origin = packet.timestamp.wrapping_sub(at as u32);
        }
        let at = at as usize;
        if tape.len() < at + samples.len() {
            tape.resize(at + samples.len(), 0);
        }
        tape[at..at + samples.len()].copy_from_slice(samples);
    }

    /// Everything so far in figures.
    pub(crate) fn totals(&mut self) -> MediaTotals {
        let (lost, jitter) = (self.totals.lost, self.totals.jitter_ms);
        if let Some(stream) = &self.stream {
            return MediaTotals {
                lost: lost + stream.lost(),
                jitter_ms: stream.jitter / 8.0,
                ..self.totals.clone()
            };
        }
        MediaTotals { lost, jitter_ms: jitter, ..self.totals.clone() }
    }

    pub(crate) fn last_sound(&self) -> Option<Sound> {
        self.totals.sounds.last().copied()
    }

    pub(crate) fn received(&self) -> u64 {
        self.totals.received
    }

    /// What was heard, if it was to be recorded.
    pub(crate) fn take_tape(&mut self) -> Option<Vec<i16>> {
        self.tape.take()
    }
}

impl Incoming {
    fn count(&mut self, packet: &Packet, transit: i64) {
        let step = packet.sequence.wrapping_sub(self.highest as u16) as i16;
        let sequence = self.highest.wrapping_add_signed(i64::from(step));
        self.first = self.first.min(sequence);
        self.highest = self.highest.max(sequence);
        self.received += 1;
        let difference = (transit - self.transit).abs() as f64;
        self.transit = transit;
        self.jitter += (difference - self.jitter) / 16.0;
    }

    fn lost(&self) -> u64 {
        (self.highest - self.first + 1).saturating_sub(self.received)
    }
}

/// Samples of one measurement: 50 ms.
const WINDOW: usize = 400;
/// Below this root mean square it is silence: idle G.711 decodes to 8.
const SILENCE_RMS: f32 = 50.0;
/// A tone holds at least this share of the power of its window.
const TONE_SHARE: f32 = 0.75;

/// Names sounds by their frequency and by how long they last.
#[derive(Default)]
struct SoundWatch {
    window: Vec<i16>,
    /// The tone of the last windows and their number.
    tone: Option<(u16, u32)>,
    voice_windows: u32,
    told: Option<Sound>,
}

impl SoundWatch {
    fn hear(&mut self, samples: &[i16], mut tell: impl FnMut(Sound)) {
        for &sample in samples {
            self.window.push(sample);
            if self.window.len() == WINDOW {
                let class = classify(&self.window);
                self.window.clear();
                if let Some(sound) = self.take(class).filter(|sound| !same(*sound, self.told)) {
                    self.told = Some(sound);
                    tell(sound);
                }
            }
        }
    }

    fn take(&mut self, class: Class) -> Option<Sound> {
        match (class, &mut self.tone) {
            (Class::Tone(hz), Some((running, windows))) if running.abs_diff(hz) <= 15 => {
                *windows += 1;
                if *windows >= 4 {
                    self.voice_windows = 0;
                }
                endless(*running, *windows)
            }
            (class, tone) => {
                let ended = tone.take().and_then(|(hz, windows)| cadence(hz, windows));
                match class {
                    Class::Tone(hz) => self.tone = Some((hz, 1)),
                    Class::Voice => self.voice_windows += 1,
                    Class::Silence => (),
                }
                let voice = (self.voice_windows >= 6).then_some(Sound::Voice);
                ended.or(voice)
            }
        }
    }
}

fn same(sound: Sound, told: Option<Sound>) -> bool {
    let Some(told) = told else { return false };
    std::mem::discriminant(&sound) == std::mem::discriminant(&told)
        && sound.hz().unwrap_or(0).abs_diff(told.hz().unwrap_or(0)) <= 15
}

/// 450 ± 25 Hz, the tone of the network in China (GB/T 3380).
fn of_network(hz: u16) -> bool {
    (425..=475).contains(&hz)
}

/// The name of a tone that goes on: network tones wait for their break.
fn endless(hz: u16, windows: u32) -> Option<Sound> {
    let enough = if of_network(hz) { 28 } else { 4 };
    (windows >= enough).then_some(Sound::Tone { hz })
}

/// The name of a network tone by how long it was on, in windows of 50 ms.
fn cadence(hz: u16, windows: u32) -> Option<Sound> {
    match windows {
        _ if !of_network(hz) => None,
        4..=9 => Some(Sound::Busy { hz }),
        10..=16 => Some(Sound::Congestion { hz }),
        17..=27 => Some(Sound::Ringback { hz }),
        _ => None,
    }
}

enum Class {
    Silence,
    Tone(u16),
    Voice,
}

/// The frequency between the first and the last rising zero crossing, believed if it holds most of the power.
fn classify(window: &[i16]) -> Class {
    let rms = measure::rms(window);
    if rms < SILENCE_RMS {
        return Class::Silence;
    }
    let mut crossings = window
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| pair[0] < 0 && pair[1] >= 0)
        .map(|(at, pair)| at as f32 + f32::from(pair[0]) / (f32::from(pair[0]) - f32::from(pair[1])));
    let Some(first) = crossings.next() else { return Class::Voice };
    let (mut last, mut periods) = (first, 0);
    for crossing in crossings {
        (last, periods) = (crossing, periods + 1);
    }
    if periods < 5 {
        return Class::Voice;
    }
    let hz = periods as f32 * 8000.0 / (last - first);
    let amplitude = measure::tone(window, 8000, hz);
    if amplitude * amplitude / 2.0 >= TONE_SHARE * rms * rms {
        Class::Tone(hz.round() as u16)
    } else {
        Class::Voice
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::ToneId;
    use media::measure::sine;
    use media::stream::{RtpStream, StreamConfig, Voice};
    use media::tone;

    fn sounds(samples: &[i16]) -> Vec<Sound> {
        let (mut watch, mut told) = (SoundWatch::default(), Vec::new());
        watch.hear(samples, |sound| told.push(sound));
        told
    }

    fn network_tone(id: ToneId, periods: usize) -> Vec<i16> {
        let rule = tone::rule(id, 20_261_001).expect("shipped");
        tone::render(rule.cadence, rule.level_dbm0).repeat(periods)
    }

    #[test]
    fn tones_of_the_network_are_told_by_their_cadence() {
        assert_eq!(sounds(&network_tone(ToneId::Ringback, 2)), [Sound::Ringback { hz: 450 }]);
        assert_eq!(sounds(&network_tone(ToneId::Busy, 5)), [Sound::Busy { hz: 450 }]);
        assert_eq!(sounds(&network_tone(ToneId::Congestion, 4)), [Sound::Congestion { hz: 450 }]);
        assert_eq!(sounds(&network_tone(ToneId::Dial, 3)), [Sound::Tone { hz: 450 }]);
    }

    #[test]
    fn other_tones_keep_their_frequency_and_silence_has_no_name() {
        assert_eq!(sounds(&sine(8000, 880.0, 6000.0, 8000)), [Sound::Tone { hz: 880 }]);
        assert_eq!(sounds(&[8; 8000]), []);
    }

    #[test]
    fn a_murmur_is_a_voice() {
        let Voice::Samples(samples) =
            crate::voice::Voices::default().voice(&crate::Says::Speech { pitch_hz: 120 })
        else {
            panic!("speech is samples")
        };
        assert_eq!(sounds(&samples[..24_000]).first(), Some(&Sound::Voice));
    }

    fn stream() -> RtpStream {
        let config = StreamConfig {
            law: Law::Pcma,
            payload_type: 8,
            event_payload_type: Some(101),
            ssrc: 0xABCD_FFFE,
        };
        RtpStream::new(config)
    }

    #[test]
    fn loss_keys_and_the_tape_come_from_the_packets() {
        let (mut ear, mut stream, mut frame) = (Ear::new(101, true), stream(), 0u64);
        let mut digits = String::new();
        stream.say(Voice::Tone { frequency_hz: 660.0, amplitude: 8000.0 });
        stream.press(b"5#");
        for _ in 0..50 {
            frame += 1;
            let mut first = true;
            stream.next_frame(|datagram| {
                if frame != 30 {
                    ear.receive(datagram, frame * 20_000, |heard| {
                        if let Heard::Digit(digit) = heard {
                            digits.push(digit);
                        }
                    });
                }
                first = false;
            });
            assert!(!first);
        }
        let totals = ear.totals();
        assert_eq!((digits.as_str(), totals.digits.as_str()), ("5#", "5#"));
        assert_eq!((totals.lost, totals.strange), (1, 0));
        assert_eq!(totals.sounds, [Sound::Tone { hz: 660 }]);
        let tape = ear.take_tape().expect("recorded");
        assert!(tape.len() >= 40 * 160, "{}", tape.len());
    }

    #[test]
    fn a_new_source_goes_on_behind_the_old_one() {
        let mut ear = Ear::new(101, true);
        for (ssrc, frames) in [(1, 10), (2, 5)] {
            let mut stream = RtpStream::new(StreamConfig {
                law: Law::Pcmu,
                payload_type: 0,
                event_payload_type: None,
                ssrc,
            });
            for frame in 0..frames {
                stream.next_frame(|datagram| ear.receive(datagram, frame * 20_000, |_| ()));
            }
        }
        assert_eq!((ear.totals().received, ear.totals().lost), (15, 0));
        assert_eq!(ear.take_tape().map(|tape| tape.len()), Some(15 * 160));
    }
}
