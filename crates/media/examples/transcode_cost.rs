//! What a call costs whose legs have no codec in common: processor time of decoding and encoding a second of speech-like
//! sound, both ways, for each pair of codecs. Sockets and RTP are not in it; `relay_bench` measures those.
//!
//! `transcode_cost [--json]`

use media::Codec;
use media::codec::{Decoder, Encoder, OCTETS_MAX, SAMPLES_MAX};
use media::sys::socket::thread_cpu_ns;

const CODECS: [(Codec, &str); 5] = [
    (Codec::Pcma, "pcma"),
    (Codec::Pcmu, "pcmu"),
    (Codec::G722, "g722"),
    (Codec::G729, "g729"),
    (Codec::Opus, "opus"),
];
/// 20 ms at 8 kHz.
const FRAME: usize = 160;
const SECONDS: usize = 20;

/// A voice of sorts: a pitch that glides with its overtones, in syllables, over a little noise.
fn speech() -> Vec<i16> {
    let (mut phase, mut noise) = (0.0f32, 1u32);
    (0..SECONDS * 8_000)
        .map(|at| {
            let t = at as f32 / 8_000.0;
            phase += (120.0 + 40.0 * (t * 1.7).sin()) / 8_000.0;
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let voice: f32 =
                (1..12).map(|n| (phase * n as f32 * std::f32::consts::TAU).sin() / n as f32).sum();
            let syllable = (t * 4.0 * std::f32::consts::PI).sin().max(0.0);
            (voice * syllable * 6_000.0) as i16 / 2 + (noise >> 24) as i16 - 128
        })
        .collect()
}

/// The frames of the sound as a codec sends them.
fn coded(codec: Codec, sound: &[i16]) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(codec);
    let frames = sound.chunks_exact(FRAME).map(|frame| {
        let mut out = [0; OCTETS_MAX];
        let octets = encoder.encode(frame, &mut out);
        out[..octets].to_vec()
    });
    frames.collect()
}

/// Nanoseconds of one direction.
fn one_way_ns(from: Codec, to: Codec, sound: &[i16]) -> u64 {
    let frames = coded(from, sound);
    let (mut decoder, mut encoder) = (Decoder::new(from), Encoder::new(to));
    let (mut samples, mut out) = ([0; SAMPLES_MAX], [0; OCTETS_MAX]);
    let (mut octets, began_ns) = (0, thread_cpu_ns());
    for frame in &frames {
        let decoded = decoder.decode(frame, &mut samples);
        for part in samples[..decoded].chunks_exact(FRAME) {
            octets += encoder.encode(part, &mut out);
        }
    }
    let spent_ns = thread_cpu_ns() - began_ns;
    assert!(octets >= frames.len() * 10, "{from:?} to {to:?}: {octets} octets of {} frames", frames.len());
    spent_ns
}

fn main() {
    let sound = speech();
    let mut pairs = Vec::new();
    for (place, (one, first)) in CODECS.into_iter().enumerate() {
        for (other, second) in CODECS.into_iter().skip(place + 1) {
            let ns = one_way_ns(one, other, &sound) + one_way_ns(other, one, &sound);
            pairs.push((format!("{first}-{second}"), ns as f64 / 1_000.0 / SECONDS as f64));
        }
    }
    if std::env::args().any(|arg| arg == "--json") {
        let names: Vec<String> = pairs.iter().map(|(pair, _)| format!("\"{pair}\"")).collect();
        let figures: Vec<String> = pairs.iter().map(|(pair, us)| format!("\"{pair}\":{us:.1}")).collect();
        println!("{{\"pairs\":[{}],\"us\":{{{}}}}}", names.join(","), figures.join(","));
    } else {
        pairs.iter().for_each(|(pair, us)| println!("{pair:<12}{us:9.1} us a second of talk, both ways"));
    }
}
