//! The codecs of a leg, and what one that is not G.711 costs to hear and to say: samples at 8 kHz in and out.
//! It knows octets and samples; it refuses to know packets, legs and clocks.

use std::panic::{AssertUnwindSafe, catch_unwind};

use audio_codec::g722::{Bitrate, G722Decoder, G722Encoder};
use audio_codec::g729::{G729Decoder, G729Encoder};
use audio_codec::opus::{OpusDecoder, OpusEncoder};
use audio_codec::{Decoder as _, Encoder as _};

use crate::g711::Law;

/// Samples at 8 kHz that one packet may hold: 120 ms, the longest of any codec here.
pub const SAMPLES_MAX: usize = 960;
/// Octets that one encoded frame may have: 60 ms of G.711.
pub const OCTETS_MAX: usize = 480;
/// What an Opus encoder is set to: enough for speech of 4 kHz.
const OPUS_BITS_PER_S: i32 = 16_000;
const OPUS_COMPLEXITY: i32 = 2;

/// A codec of the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 A-law.
    Pcma,
    /// G.711 mu-law.
    Pcmu,
    /// G.722 at 64 kbit/s; transcoded, only its lower band is heard and said.
    G722,
    /// G.729 Annex A; Annex B (silence) is heard, never said.
    G729,
    /// Opus (RFC 6716), said narrow-band in frames of 20 ms.
    Opus,
}

impl Codec {
    /// The RTP clock. That of G.722 is 8000, though it samples at 16 kHz (RFC 3551 section 4.5.2).
    pub const fn clock_hz(self) -> u32 {
        match self {
            Codec::Pcma | Codec::Pcmu | Codec::G722 | Codec::G729 => 8_000,
            Codec::Opus => 48_000,
        }
    }

    /// Which law, if it is G.711.
    #[inline]
    pub const fn law(self) -> Option<Law> {
        match self {
            Codec::Pcma => Some(Law::Pcma),
            Codec::Pcmu => Some(Law::Pcmu),
            Codec::G722 | Codec::G729 | Codec::Opus => None,
        }
    }

    /// The codec of a static payload type (RFC 3551).
    #[inline]
    pub const fn from_payload_type(payload_type: u8) -> Option<Codec> {
        match payload_type {
            0 => Some(Codec::Pcmu),
            8 => Some(Codec::Pcma),
            9 => Some(Codec::G722),
            18 => Some(Codec::G729),
            _ => None,
        }
    }

    /// The length of the frames we make for a peer that asks for `ptime_ms`.
    pub const fn frame_ms(self, ptime_ms: u8) -> u8 {
        match (self, ptime_ms) {
            (Codec::Opus, 10) => 10,
            (Codec::Opus, _) => 20,
            (_, 10 | 20 | 30 | 40 | 60) => ptime_ms,
            (_, _) => 20,
        }
    }
}

impl From<Law> for Codec {
    fn from(law: Law) -> Codec {
        match law {
            Law::Pcma => Codec::Pcma,
            Law::Pcmu => Codec::Pcmu,
        }
    }
}

/// Packets of one stream in, samples at 8 kHz out.
pub struct Decoder {
    codec: Codec,
    state: Hearing,
}

enum Hearing {
    G711(Law),
    G722(Box<G722Decoder>),
    G729(Box<G729Decoder>),
    Opus(Box<OpusDecoder>),
}

impl Decoder {
    /// One that has heard nothing yet.
    pub fn new(codec: Codec) -> Decoder {
        let state = match codec {
            Codec::Pcma => Hearing::G711(Law::Pcma),
            Codec::Pcmu => Hearing::G711(Law::Pcmu),
            Codec::G722 => {
                Hearing::G722(Box::new(G722Decoder::with_options(Bitrate::Mode1_64000, false, true)))
            }
            Codec::G729 => Hearing::G729(Box::default()),
            Codec::Opus => Hearing::Opus(Box::new(OpusDecoder::new(8_000, 1))),
        };
        Decoder { codec, state }
    }

    /// What it decodes.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Decodes the payload of a packet into `out`; gives the samples, 0 for what is none of this codec's.
    pub fn decode(&mut self, payload: &[u8], out: &mut [i16; SAMPLES_MAX]) -> usize {
        match &mut self.state {
            Hearing::G711(law) => {
                let count = payload.len().min(SAMPLES_MAX);
                out[..count].iter_mut().zip(payload).for_each(|(sample, &octet)| *sample = law.decode(octet));
                count
            }
            Hearing::G722(decoder) => {
                let payload = &payload[..payload.len().min(SAMPLES_MAX)];
                decoder.decode_into(payload, out).unwrap_or(0)
            }
            Hearing::G729(decoder) => {
                // A shorter last frame is Annex B's comfort noise: its 10 ms are silence here.
                let frames = &payload[..(payload.len() / 10 * 10).min(SAMPLES_MAX / 8)];
                let count = decoder.decode_into(frames, out).unwrap_or(0);
                let noise = if payload.len() % 10 == 2 && count + 80 <= SAMPLES_MAX { 80 } else { 0 };
                out[count..count + noise].fill(0);
                count + noise
            }
            Hearing::Opus(_) => self.decode_opus_or_renew(payload, out),
        }
    }

    /// The Opus decoder is young and these octets are a stranger's: should it ever panic, the packet is lost and
    /// the stream begins anew, the shard goes on.
    fn decode_opus_or_renew(&mut self, payload: &[u8], out: &mut [i16; SAMPLES_MAX]) -> usize {
        let Hearing::Opus(decoder) = &mut self.state else { return 0 };
        let decoded = catch_unwind(AssertUnwindSafe(|| {
            let mut both = [0; SAMPLES_MAX];
            let count = decoder.decode_into(payload, &mut both).unwrap_or(0);
            if decoder.channels() != 2 {
                out[..count].copy_from_slice(&both[..count]);
                return count;
            }
            let pairs = both[..count].as_chunks::<2>().0;
            let middle = |pair: &[i16; 2]| ((i32::from(pair[0]) + i32::from(pair[1])) / 2) as i16;
            out.iter_mut().zip(pairs).for_each(|(sample, pair)| *sample = middle(pair));
            pairs.len()
        }));
        decoded.unwrap_or_else(|_| {
            *self = Decoder::new(Codec::Opus);
            0
        })
    }
}

/// Samples at 8 kHz in, packets of one stream out.
pub struct Encoder {
    codec: Codec,
    state: Saying,
}

enum Saying {
    G711(Law),
    G722(Box<WideEncoder>),
    G729(Box<G729Encoder>),
    Opus(Box<OpusEncoder>),
}

impl Encoder {
    /// One that has said nothing yet.
    pub fn new(codec: Codec) -> Encoder {
        let state = match codec {
            Codec::Pcma => Saying::G711(Law::Pcma),
            Codec::Pcmu => Saying::G711(Law::Pcmu),
            Codec::G722 => Saying::G722(Box::new(WideEncoder { encoder: G722Encoder::new(), heard: [0; 8] })),
            Codec::G729 => Saying::G729(Box::default()),
            Codec::Opus => {
                let mut encoder = Box::new(OpusEncoder::new(8_000, 1));
                encoder.set_bitrate(OPUS_BITS_PER_S);
                encoder.set_complexity(OPUS_COMPLEXITY);
                Saying::Opus(encoder)
            }
        };
        Encoder { codec, state }
    }

    /// What it encodes.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Encodes one frame, 10 to 60 ms by [`Codec::frame_ms`], into `out`; gives the octets, 0 if it cannot.
    pub fn encode(&mut self, samples: &[i16], out: &mut [u8]) -> usize {
        match &mut self.state {
            Saying::G711(law) => {
                let count = samples.len().min(out.len());
                out[..count].iter_mut().zip(samples).for_each(|(octet, &sample)| *octet = law.encode(sample));
                count
            }
            Saying::G722(wide) => wide.encode(samples, out),
            Saying::G729(encoder) => encoder.encode_into(samples, out).unwrap_or(0),
            Saying::Opus(encoder) => encoder.encode_into(samples, out).unwrap_or(0),
        }
    }
}

/// G.722 from samples at 8 kHz. Its encoder wants 16 kHz (what it calls its 8 kHz mode gives silence), so each sample
/// is followed by one in the middle to the next, by the half-band filter of [`crate::prompt`].
struct WideEncoder {
    encoder: G722Encoder,
    heard: [i16; 8],
}

/// Weights of the four samples on each side of a middle, in 1/16,384.
const MIDDLE: [i32; 8] = [-118, 537, -1_910, 9_683, 9_683, -1_910, 537, -118];

impl WideEncoder {
    fn encode(&mut self, samples: &[i16], out: &mut [u8]) -> usize {
        let mut written = 0;
        for part in samples.chunks(80) {
            let mut wide = [0; 160];
            for (pair, &sample) in wide.chunks_exact_mut(2).zip(part) {
                self.heard.rotate_left(1);
                self.heard[7] = sample;
                let sum: i32 =
                    self.heard.iter().zip(MIDDLE).map(|(&heard, weight)| i32::from(heard) * weight).sum();
                let middle = (sum >> 14).clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
                pair.copy_from_slice(&[self.heard[3], middle]);
            }
            written += self.encoder.encode_into(&wide[..part.len() * 2], &mut out[written..]).unwrap_or(0);
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{sine, tone};

    const ALL: [Codec; 5] = [Codec::Pcma, Codec::Pcmu, Codec::G722, Codec::G729, Codec::Opus];

    fn there_and_back(codec: Codec, frame_ms: usize, samples: &[i16]) -> Vec<i16> {
        let (mut encoder, mut decoder) = (Encoder::new(codec), Decoder::new(codec));
        let (mut octets, mut heard) = ([0; OCTETS_MAX], [0; SAMPLES_MAX]);
        let frames = samples.chunks_exact(frame_ms * 8);
        frames
            .flat_map(|frame| {
                let len = encoder.encode(frame, &mut octets);
                let count = decoder.decode(&octets[..len], &mut heard);
                assert_eq!(count, frame.len(), "{codec:?} keeps time");
                heard[..count].to_vec()
            })
            .collect()
    }

    #[test]
    fn a_tone_goes_through_each_codec_in_frames_of_each_length() {
        for codec in ALL {
            for ptime_ms in [10, 20, 30] {
                let frame_ms = usize::from(codec.frame_ms(ptime_ms));
                for hz in [440.0, 1_000.0] {
                    let heard = there_and_back(codec, frame_ms, &sine(8000, hz, 8000.0, 8000));
                    let level = tone(&heard[2400..], 8000, hz);
                    assert!((5500.0..10_500.0).contains(&level), "{codec:?} {frame_ms} ms {hz} Hz: {level}");
                    let other = tone(&heard[2400..], 8000, 1_700.0);
                    assert!(other < level / 8.0, "{codec:?} {hz} Hz: {other} at 1,700");
                }
            }
        }
    }

    #[test]
    fn a_wide_band_peer_of_g722_hears_and_is_heard() {
        let (mut far, mut octets) = (G722Encoder::new(), [0; OCTETS_MAX]);
        let (mut ours, mut heard) = (Decoder::new(Codec::G722), [0; SAMPLES_MAX]);
        let mut all = Vec::new();
        for frame in sine(16_000, 1_000.0, 8000.0, 16_000).chunks_exact(320) {
            let len = far.encode_into(frame, &mut octets).expect("room");
            let count = ours.decode(&octets[..len], &mut heard);
            all.extend_from_slice(&heard[..count]);
        }
        assert!((7000.0..9000.0).contains(&tone(&all[800..], 8000, 1_000.0)));
        let (mut ours, mut far) = (Encoder::new(Codec::G722), G722Decoder::new());
        let mut all = Vec::new();
        for frame in sine(8_000, 1_000.0, 8000.0, 8_000).chunks_exact(160) {
            let len = ours.encode(frame, &mut octets);
            all.extend(far.decode(&octets[..len]));
        }
        assert!((7000.0..9000.0).contains(&tone(&all[1600..], 16_000, 1_000.0)));
    }

    #[test]
    fn junk_is_no_sound_and_no_panic() {
        let mut seed = 0x9E37_79B9_7F4A_7C15u64;
        let mut out = [0; SAMPLES_MAX];
        for codec in ALL {
            let mut decoder = Decoder::new(codec);
            for length in (0..3_000).map(|n| n * 7 % 400) {
                let payload: Vec<u8> = (0..length)
                    .map(|_| {
                        seed ^= seed << 13;
                        seed ^= seed >> 7;
                        seed ^= seed << 17;
                        seed as u8
                    })
                    .collect();
                assert!(decoder.decode(&payload, &mut out) <= SAMPLES_MAX);
            }
        }
    }
}
