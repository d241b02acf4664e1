//! What a far end says: silence, a tone, a file, or a murmur with the melody and pauses of speech but no words.
//! It refuses to know packets.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use media::g711::Law;
use media::measure::dbm0_amplitude;
use media::prompt::{Prompt, PromptError};
use media::stream::Voice;

use crate::random::Random;

/// What is said while talking.
#[derive(Clone, Debug, PartialEq)]
pub enum Says {
    /// Packets of digital silence.
    Silence,
    /// A sine at -10 dBm0.
    Tone {
        /// Its frequency.
        hz: u16,
    },
    /// A murmur like speech, over and over.
    Speech {
        /// Mean pitch: about 120 for a man, 210 for a woman.
        pitch_hz: u16,
    },
    /// Samples at 8 kHz, once, then silence.
    Samples(Arc<[i16]>),
}

/// Why a sound file is not said.
#[derive(Debug, thiserror::Error)]
pub enum SoundFileError {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// It is not a WAV file of a kind that telephones can say.
    #[error(transparent)]
    Sound(#[from] PromptError),
}

impl Says {
    /// A WAV file: PCM16 or G.711, one channel, 8 or 16 kHz.
    pub fn from_wav(path: &Path) -> Result<Says, SoundFileError> {
        Ok(Says::from_wav_bytes(&std::fs::read(path)?)?)
    }

    /// The same of a file in memory.
    pub fn from_wav_bytes(file: &[u8]) -> Result<Says, PromptError> {
        let prompt = Prompt::from_wav(file)?;
        Ok(Says::Samples(Law::Pcma.decode_all(prompt.octets(Law::Pcma)).into()))
    }
}

/// Sounds made once and shared by all who say them.
#[derive(Debug, Default)]
pub(crate) struct Voices(BTreeMap<u16, Arc<[i16]>>);

impl Voices {
    pub(crate) fn voice(&mut self, says: &Says) -> Voice {
        match says {
            Says::Silence => Voice::Silence,
            Says::Tone { hz } => {
                Voice::Tone { frequency_hz: f32::from(*hz), amplitude: dbm0_amplitude(-10.0) }
            }
            Says::Speech { pitch_hz } => {
                Voice::Samples(self.0.entry(*pitch_hz).or_insert_with(|| murmur(*pitch_hz).into()).clone())
            }
            Says::Samples(samples) => Voice::Samples(samples.clone()),
        }
    }
}

/// First and second formant of the vowels a, i, u, e, o (Peterson and Barney 1952, rounded).
const VOWELS_HZ: [(f32, f32); 5] =
    [(730.0, 1090.0), (270.0, 2290.0), (300.0, 870.0), (530.0, 1840.0), (570.0, 840.0)];

/// Twelve seconds of syllables at about five a second, in phrases with pauses.
fn murmur(pitch_hz: u16) -> Vec<i16> {
    let mut random = Random::new(u64::from(pitch_hz));
    let mut samples = Vec::with_capacity(12 * 8000);
    while samples.len() < 12 * 8000 {
        let syllables = random.within(4, 11);
        for syllable in 0..syllables {
            let fall = 1.1 - 0.25 * syllable as f32 / syllables as f32;
            let pitch = f32::from(pitch_hz) * fall * (0.92 + 0.16 * random.unit() as f32);
            let vowel = VOWELS_HZ[random.below(5) as usize];
            say_syllable(&mut samples, pitch, vowel, random.within(1100, 1900) as usize);
        }
        samples.resize(samples.len() + random.within(1600, 5600) as usize, 0);
    }
    samples
}

/// The harmonics of a pitch, weighted by two resonances, swelling and fading; the pitch falls by a tenth.
fn say_syllable(samples: &mut Vec<i16>, pitch_hz: f32, (first_hz, second_hz): (f32, f32), length: usize) {
    let resonance = |hz: f32, at_hz: f32, width_hz: f32| 1.0 / (1.0 + ((hz - at_hz) / width_hz).powi(2));
    let harmonics: Vec<(f32, f32)> = (1..)
        .map(|n| (n as f32, n as f32 * pitch_hz))
        .take_while(|(_, hz)| *hz < 3400.0)
        .map(|(n, hz)| (n, resonance(hz, first_hz, 120.0) + 0.5 * resonance(hz, second_hz, 160.0) + 0.03))
        .collect();
    let mut phase = 0.0f32;
    for at in 0..length {
        let along = at as f32 / length as f32;
        phase += std::f32::consts::TAU * pitch_hz * (1.0 - 0.1 * along) / 8000.0;
        let envelope = (std::f32::consts::PI * along).sin().sqrt();
        let sum: f32 = harmonics.iter().map(|(n, weight)| weight * (n * phase).sin()).sum();
        samples.push((sum * envelope * 3000.0).clamp(-20_000.0, 20_000.0) as i16);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::measure::rms;

    #[test]
    fn r12_a_murmur_is_no_tone_of_the_network() {
        for pitch_hz in [90, 105, 112, 120, 150, 190, 210, 225, 240, 300, 450] {
            let mut listener = media::tone::ToneListener::on(20_261_001).expect("tones hold on that day");
            let said = murmur(pitch_hz).repeat(3);
            let packets = said.chunks(160).zip((0..).step_by(160));
            let mut told = packets.filter_map(|(packet, at)| listener.hear(at, packet.iter().copied()));
            assert_eq!(told.next(), None, "{pitch_hz} Hz");
        }
    }

    #[test]
    fn a_murmur_is_loud_has_pauses_and_is_the_same_each_time() {
        let samples = murmur(120);
        assert!(samples.len() >= 12 * 8000);
        assert!((800.0..8000.0).contains(&rms(&samples)), "{}", rms(&samples));
        assert!(samples.chunks(800).any(|chunk| chunk.iter().all(|&sample| sample == 0)));
        assert_eq!(samples, murmur(120));
        assert_ne!(samples, murmur(210));
    }

    #[test]
    fn a_file_that_is_no_sound_is_refused() {
        assert!(matches!(Says::from_wav(Path::new("Cargo.toml")), Err(SoundFileError::Sound(_))));
        assert!(matches!(Says::from_wav(Path::new("absent.wav")), Err(SoundFileError::Io(_))));
    }
}
