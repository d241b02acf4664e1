//! What assets/prompts/make.sh needs beside a voice: the loudness all prompts have, and the music of the waiting.
//!
//! `prompts level FROM TO` writes every WAV file of one folder into another as prompts are kept; `prompts hold FILE`
//! composes the hold music. The music is the project's own, like the code.

use std::f64::consts::TAU;
use std::io;
use std::path::Path;

use media::g711::Law;
use media::import::{Imported, Limits, import};
use media::loudness;
use media::wav::{Coding, Wav};

const RATE: f64 = 8_000.0;
/// An eighth note; eight of them are a bar, and the whole is twenty bars: 64 s.
const EIGHTH_S: f64 = 0.4;
const BAR_S: f64 = 8.0 * EIGHTH_S;

/// The chord of each bar, as MIDI notes from its bass upwards.
const CHORDS: [[u8; 4]; 20] = [C, G, AM, EM, F, C, F, G, C, G, AM, EM, F, C, G, C, F, C, DM, G];
const C: [u8; 4] = [48, 60, 64, 67];
const G: [u8; 4] = [43, 59, 62, 67];
const AM: [u8; 4] = [45, 60, 64, 69];
const EM: [u8; 4] = [52, 59, 64, 67];
const F: [u8; 4] = [41, 60, 65, 69];
const DM: [u8; 4] = [50, 62, 65, 69];

/// The melody, an eighth each; 0 lets the one before ring.
const MELODY: [[u8; 8]; 20] = [
    [76, 0, 0, 79, 0, 0, 76, 0],
    [74, 0, 0, 71, 0, 0, 74, 0],
    [72, 0, 0, 76, 0, 0, 72, 0],
    [71, 0, 0, 67, 0, 0, 71, 0],
    [69, 0, 72, 0, 0, 69, 0, 0],
    [67, 0, 0, 72, 0, 0, 76, 0],
    [77, 0, 76, 0, 0, 74, 0, 72],
    [74, 0, 0, 0, 0, 0, 0, 0],
    [79, 0, 0, 76, 0, 0, 72, 0],
    [74, 0, 0, 79, 0, 0, 0, 0],
    [81, 0, 0, 79, 0, 0, 76, 0],
    [79, 0, 0, 0, 0, 76, 0, 0],
    [77, 0, 0, 81, 0, 0, 79, 0],
    [76, 0, 0, 0, 0, 72, 0, 0],
    [74, 0, 76, 0, 74, 0, 71, 0],
    [72, 0, 0, 0, 0, 0, 0, 0],
    [81, 0, 0, 79, 0, 77, 0, 0],
    [76, 0, 0, 79, 0, 0, 0, 0],
    [77, 0, 76, 0, 74, 0, 0, 0],
    [67, 0, 71, 0, 74, 0, 0, 0],
];
/// Which notes of the chord the harp plays under it.
const HARP: [usize; 8] = [1, 2, 3, 2, 1, 2, 3, 2];

fn main() -> io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["level", from, to] => level(Path::new(from), Path::new(to)),
        ["hold", file] => std::fs::write(file, hold_music()),
        _ => Err(io::Error::other("level FROM TO, or hold FILE")),
    }
}

fn level(from: &Path, to: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let path = entry?.path();
        let Some(name) = path.file_name().filter(|_| path.extension().is_some_and(|end| end == "wav")) else {
            continue;
        };
        let imported: Imported = import(&std::fs::read(&path)?, &Limits::default())
            .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
        std::fs::write(to.join(name), imported.to_wav(None))?;
    }
    Ok(())
}

/// A sound whose end runs on into its beginning, so that it loops without a seam.
struct Loop(Vec<f64>);

impl Loop {
    fn add(&mut self, from_s: f64, length_s: f64, value: impl Fn(f64) -> f64) {
        let (first, length) = ((from_s * RATE) as usize, self.0.len());
        for n in 0..(length_s * RATE) as usize {
            self.0[(first + n) % length] += value(n as f64 / RATE);
        }
    }

    /// A plucked string: its harmonics die away, the higher the sooner.
    fn pluck(&mut self, from_s: f64, note: u8, volume: f64) {
        let hz = frequency(note);
        self.add(from_s, 3.0, |t| {
            let rise = (t / 0.006).min(1.0);
            let harmonic = |k: f64| (TAU * hz * k * t).sin() * (-t * (1.3 + 0.9 * k)).exp() / k.powf(1.6);
            let sum: f64 = (1..=5).map(f64::from).filter(|k| hz * k < 3_400.0).map(harmonic).sum();
            volume * rise * sum * (1.0 - t / 3.0)
        });
    }

    /// A soft chord that comes and goes with its bar.
    fn swell(&mut self, from_s: f64, note: u8, volume: f64) {
        let (hz, length_s) = (frequency(note), BAR_S + 0.8);
        self.add(from_s, length_s, |t| {
            let rise = 0.5 - 0.5 * (TAU / 2.0 * (t / 0.8).min(1.0)).cos();
            let fall = 0.5 - 0.5 * (TAU / 2.0 * ((length_s - t) / 0.8).clamp(0.0, 1.0)).cos();
            let voice = |detune: f64| {
                let at = TAU * hz * detune * t;
                at.sin() + 0.35 * (2.0 * at).sin() + 0.12 * (3.0 * at).sin()
            };
            volume * rise * fall * (voice(0.9985) + voice(1.0015)) / 2.0
        });
    }

    /// Two echoes, around the end of the loop too.
    fn echo(&mut self, after_s: f64) {
        let (dry, delay) = (self.0.clone(), (after_s * RATE) as usize);
        let length = dry.len();
        for (n, sample) in self.0.iter_mut().enumerate() {
            let back = |times: usize| dry[(n + length - times * delay % length) % length];
            *sample += 0.28 * back(1) + 0.1 * back(2);
        }
    }
}

fn frequency(note: u8) -> f64 {
    440.0 * 2f64.powf((f64::from(note) - 69.0) / 12.0)
}

fn hold_music() -> Vec<u8> {
    let mut music = Loop(vec![0.0; (CHORDS.len() as f64 * BAR_S * RATE) as usize]);
    for (bar, (chord, melody)) in CHORDS.iter().zip(&MELODY).enumerate() {
        let from_s = bar as f64 * BAR_S;
        chord[1..].iter().for_each(|&note| music.swell(from_s, note, 0.10));
        for (eighth, (&note, &string)) in melody.iter().zip(&HARP).enumerate() {
            let at_s = from_s + eighth as f64 * EIGHTH_S;
            music.pluck(at_s, chord[string], 0.13);
            if eighth % 4 == 0 {
                music.pluck(at_s, chord[0], 0.22);
            }
            if note > 0 {
                music.pluck(at_s, note, 0.42);
            }
        }
    }
    music.echo(0.3);
    let peak = music.0.iter().fold(0f64, |peak, sample| peak.max(sample.abs()));
    let mut samples: Vec<f32> = music.0.iter().map(|sample| (sample / peak) as f32).collect();
    loudness::level(&mut samples, RATE as u32).expect("music is no silence");
    let samples = samples.iter().map(|sample| (sample * 32_767.0).round() as i16).collect();
    Wav::mono(RATE as u32, samples).to_bytes(Coding::G711(Law::Pcma))
}
