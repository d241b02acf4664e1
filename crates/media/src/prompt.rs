//! A prompt: a sound kept encoded in both laws, shared by reference among all legs that play it.
//! It takes WAV files of strangers; it refuses to know where they are stored.

use crate::g711::Law;
use crate::wav::{Wav, WavError};

/// Longest file taken, in octets: ten minutes of 16 kHz PCM16.
pub const FILE_BYTES_MAX: usize = 20 << 20;

/// Why a file does not become a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    /// The file is not one this crate reads.
    #[error(transparent)]
    Wav(#[from] WavError),
    /// Prompts have one channel.
    #[error("{0} channels; a prompt has one")]
    Channels(usize),
    /// Prompts come at 8 or 16 kHz.
    #[error("{0} Hz; a prompt has 8,000 or 16,000")]
    Rate(u32),
}

/// A sound at 8 kHz in A-law and in mu-law.
#[derive(Clone, PartialEq, Eq)]
pub struct Prompt {
    alaw: Box<[u8]>,
    mulaw: Box<[u8]>,
}

impl std::fmt::Debug for Prompt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Prompt({} ms)", self.duration_ms())
    }
}

impl Prompt {
    /// Encodes linear samples at 8 kHz.
    pub fn from_samples(samples: &[i16]) -> Prompt {
        Prompt { alaw: Law::Pcma.encode_all(samples).into(), mulaw: Law::Pcmu.encode_all(samples).into() }
    }

    /// Reads a WAV file: PCM16 or G.711, one channel, 8 or 16 kHz (halved by a short low-pass filter).
    ///
    /// # Errors
    /// Says what about the file is not taken; never panics, whatever the octets are.
    pub fn from_wav(file: &[u8]) -> Result<Prompt, PromptError> {
        let Wav { rate, channels } = Wav::parse(file, FILE_BYTES_MAX)?;
        let [samples] = channels.as_slice() else { return Err(PromptError::Channels(channels.len())) };
        match rate {
            8_000 => Ok(Prompt::from_samples(samples)),
            16_000 => Ok(Prompt::from_samples(&halve_rate(samples))),
            _ => Err(PromptError::Rate(rate)),
        }
    }

    /// Prompts one behind the other.
    pub fn joined(prompts: &[&Prompt]) -> Prompt {
        let all = |law| prompts.iter().flat_map(|prompt| prompt.octets(law)).copied().collect();
        Prompt { alaw: all(Law::Pcma), mulaw: all(Law::Pcmu) }
    }

    /// The octets in one law.
    #[inline]
    pub fn octets(&self, law: Law) -> &[u8] {
        match law {
            Law::Pcma => &self.alaw,
            Law::Pcmu => &self.mulaw,
        }
    }

    /// Its length.
    pub fn duration_ms(&self) -> u64 {
        self.alaw.len() as u64 / 8
    }
}

/// A 15-tap half-band low-pass (Hamming), in 1/32,768; every second tap beside the centre is zero.
const HALF_BAND: [i32; 15] = [-118, 0, 537, 0, -1_910, 0, 9_683, 16_384, 9_683, 0, -1_910, 0, 537, 0, -118];

fn halve_rate(samples: &[i16]) -> Vec<i16> {
    let centre = HALF_BAND.len() / 2;
    (0..samples.len() / 2)
        .map(|n| {
            let sum: i64 = HALF_BAND
                .iter()
                .enumerate()
                .filter_map(|(tap, &weight)| {
                    let at = (2 * n + tap).checked_sub(centre)?;
                    Some(i64::from(weight) * i64::from(*samples.get(at)?))
                })
                .sum();
            (sum >> 15).clamp(i64::from(i16::MIN), i64::from(i16::MAX)) as i16
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{sine, tone};
    use crate::wav::Coding;

    #[test]
    fn a_16_khz_file_keeps_its_tone_and_loses_what_would_alias() {
        let mut samples = sine(16_000, 440.0, 8000.0, 16_000);
        for (sample, high) in samples.iter_mut().zip(sine(16_000, 7_000.0, 8000.0, 16_000)) {
            *sample += high;
        }
        let file = Wav::mono(16_000, samples).to_bytes(Coding::Pcm16);
        let prompt = Prompt::from_wav(&file).expect("taken");
        assert_eq!(prompt.duration_ms(), 1000);
        let heard = Law::Pcma.decode_all(prompt.octets(Law::Pcma));
        assert!((tone(&heard, 8000, 440.0) - 8000.0).abs() < 200.0);
        assert!(tone(&heard, 8000, 1_000.0) < 100.0, "7 kHz would fold to 1 kHz");
    }

    #[test]
    fn both_laws_hold_the_same_sound() {
        let file = Wav::mono(8000, sine(8000, 440.0, 8000.0, 800)).to_bytes(Coding::G711(Law::Pcmu));
        let prompt = Prompt::from_wav(&file).expect("taken");
        for law in [Law::Pcma, Law::Pcmu] {
            assert!((tone(&law.decode_all(prompt.octets(law)), 8000, 440.0) - 8000.0).abs() < 200.0);
        }
    }

    #[test]
    fn joined_prompts_are_heard_one_behind_the_other() {
        let [low, high] = [440.0, 1_000.0].map(|hz| Prompt::from_samples(&sine(8000, hz, 8000.0, 800)));
        let joined = Prompt::joined(&[&low, &high, &low]);
        assert_eq!(joined.duration_ms(), 300);
        for law in [Law::Pcma, Law::Pcmu] {
            let heard = law.decode_all(joined.octets(law));
            let loudest = |part: &[i16]| tone(part, 8000, 440.0) > tone(part, 8000, 1_000.0);
            assert_eq!(heard.chunks(800).map(loudest).collect::<Vec<_>>(), [true, false, true]);
        }
    }

    #[test]
    fn what_is_no_prompt_is_refused_by_name() {
        let stereo = Wav { rate: 8000, channels: vec![vec![0; 10], vec![0; 10]] };
        assert_eq!(Prompt::from_wav(&stereo.to_bytes(Coding::Pcm16)), Err(PromptError::Channels(2)));
        let fast = Wav::mono(44_100, vec![0; 10]).to_bytes(Coding::Pcm16);
        assert_eq!(Prompt::from_wav(&fast), Err(PromptError::Rate(44_100)));
        assert_eq!(Prompt::from_wav(b"RIFF"), Err(PromptError::Wav(WavError::NotWave)));
    }
}
