//! Files of strangers made into prompts: WAV, MP3, Ogg with Vorbis or Opus in; one channel of 8 kHz at one loudness out.
//! Every size is bounded before it is believed (FAULTS P5). It refuses to know where files come from and where they go.
//!
//! The decoders are pure Rust; that they may be slow, greedy or wrong on hostile files is met by the caller, who runs
//! [`import`] in a process of its own with [`crate::sys::limits`].

mod ogg;

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::codec::{Codec, Decoder};
use crate::g711::Law;
use crate::loudness::{self, Silent};
use crate::resample::{RATE_HZ, to_8_khz};
use crate::wav::{self, Coding, Label, Wav, WavError};

/// What a file may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of the file.
    pub file_bytes_max: usize,
    /// Its length.
    pub duration_ms_max: u64,
    /// How many octets of linear 8 kHz sound may come out of one of the file. Speech at the lowest rates in use has 30.
    pub ratio_max: u64,
}

impl Default for Limits {
    /// 20 MiB, ten minutes, 100 to 1.
    fn default() -> Limits {
        Limits { file_bytes_max: 20 << 20, duration_ms_max: 600_000, ratio_max: 100 }
    }
}

/// What is shorter is no prompt.
const DURATION_MS_MIN: u64 = 100;
/// Rates that are read.
const RATES: std::ops::RangeInclusive<u32> = 8_000..=48_000;
/// So much may come out of however little, before the ratio counts.
const RATIO_FREE_MS: u64 = 10_000;
/// Of Opus at 8 kHz: 20 ms.
const FRAME_SAMPLES: usize = 160;
/// Of so many packets one may be damaged.
const DAMAGED_OF: u64 = 10;

/// What a file turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Format {
    Wav,
    Mp3,
    Vorbis,
    Opus,
}

impl Format {
    /// Its stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Format::Wav => "wav",
            Format::Mp3 => "mp3",
            Format::Vorbis => "vorbis",
            Format::Opus => "opus",
        }
    }
}

/// Why a file does not become a prompt. [`ImportError::code`] is stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// Nothing in it.
    #[error("the file is empty")]
    Empty,
    /// Too large to be looked at.
    #[error("more than {0} octets")]
    TooLarge(usize),
    /// None of the formats.
    #[error("neither WAV nor MP3 nor Ogg with Vorbis or Opus")]
    UnknownFormat,
    /// A WAV file that is not read.
    #[error(transparent)]
    Wav(#[from] WavError),
    /// The file ends before its sound does.
    #[error("the file is cut off")]
    CutOff,
    /// It begins as its format does, and does not go on so.
    #[error("the file is damaged")]
    Damaged,
    /// Below 8 or above 48 kHz.
    #[error("{0} Hz; from 8,000 to 48,000 are read")]
    Rate(u32),
    /// More than two channels, or none.
    #[error("{0} channels; one or two are read")]
    Channels(u8),
    /// Longer than it may be.
    #[error("longer than {0} ms")]
    TooLong(u64),
    /// Shorter than a word.
    #[error("shorter than 100 ms")]
    TooShort,
    /// Far more sound than the file has room for.
    #[error("more than {0} times as much sound as file")]
    Bomb(u64),
    /// No sound in it.
    #[error(transparent)]
    Silent(#[from] Silent),
}

impl ImportError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            ImportError::Empty => "empty",
            ImportError::TooLarge(_) => "too_large",
            ImportError::UnknownFormat => "unknown_format",
            ImportError::Wav(_) => "wav_not_read",
            ImportError::CutOff => "cut_off",
            ImportError::Damaged => "damaged",
            ImportError::Rate(_) => "rate",
            ImportError::Channels(_) => "channels",
            ImportError::TooLong(_) => "too_long",
            ImportError::TooShort => "too_short",
            ImportError::Bomb(_) => "bomb",
            ImportError::Silent(_) => "silent",
        }
    }
}

/// A file made into a prompt.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// What it was.
    pub format: Format,
    /// Its rate.
    pub rate: u32,
    /// The sound, 8 kHz, one channel, at [`loudness::TARGET_LUFS`].
    pub samples: Vec<i16>,
    /// How loud it was.
    pub was_lufs: f64,
}

impl Imported {
    /// Its length.
    pub fn duration_ms(&self) -> u64 {
        self.samples.len() as u64 / 8
    }

    /// The file that prompts are kept in: A-law, with a label if there is one.
    pub fn to_wav(&self, label: Option<&Label>) -> Vec<u8> {
        let mut file = Wav::mono(RATE_HZ, self.samples.clone()).to_bytes(Coding::G711(Law::Pcma));
        if let Some(label) = label {
            wav::add_label(&mut file, label);
        }
        file
    }
}

/// Reads a file, brings it to 8 kHz and to the loudness of all prompts.
///
/// # Errors
/// What about it is not taken; a file at which a decoder of others panics is a damaged one. In time and memory they are
/// bounded by the process.
pub fn import(file: &[u8], limits: &Limits) -> Result<Imported, ImportError> {
    if file.is_empty() {
        return Err(ImportError::Empty);
    }
    if file.len() > limits.file_bytes_max {
        return Err(ImportError::TooLarge(limits.file_bytes_max));
    }
    let mut sound = Sound::new(file.len(), limits);
    let decoded = catch_unwind(AssertUnwindSafe(|| decode(file, &mut sound)));
    let format = decoded.unwrap_or(Err(ImportError::Damaged))?;
    let Sound { rate, samples, .. } = sound;
    if (samples.len() as u64) * 1000 < DURATION_MS_MIN * u64::from(rate.max(1)) {
        return Err(ImportError::TooShort);
    }
    let mut samples = to_8_khz(&samples, rate);
    let was_lufs = loudness::level(&mut samples, RATE_HZ)?;
    let samples = samples.iter().map(|sample| (sample * 32_767.0).round() as i16).collect();
    Ok(Imported { format, rate, samples, was_lufs })
}

fn decode(file: &[u8], sound: &mut Sound) -> Result<Format, ImportError> {
    match file {
        [b'R', b'I', b'F', b'F', ..] => wave(file, sound).map(|()| Format::Wav),
        [b'O', b'g', b'g', b'S', ..] => ogg::read(file, sound),
        [b'I', b'D', b'3', ..] | [0xFF, 0xE0..=0xFF, ..] => mp3(file, sound).map(|()| Format::Mp3),
        _ => Err(ImportError::UnknownFormat),
    }
}

/// What a decoder has given so far, in one channel, within its bounds.
struct Sound {
    samples: Vec<f32>,
    rate: u32,
    file_bytes: u64,
    limits: Limits,
}

impl Sound {
    fn new(file_bytes: usize, limits: &Limits) -> Sound {
        Sound { samples: Vec::new(), rate: 0, file_bytes: file_bytes as u64, limits: *limits }
    }

    /// Frames of one or two channels at one rate for the whole file.
    fn push(&mut self, rate: u32, channels: u8, frames: &[i16]) -> Result<(), ImportError> {
        if !RATES.contains(&rate) {
            return Err(ImportError::Rate(rate));
        }
        if self.rate != 0 && self.rate != rate {
            return Err(ImportError::Damaged);
        }
        self.rate = rate;
        match channels {
            1 => self.samples.extend(frames.iter().map(|&sample| f32::from(sample) / 32_768.0)),
            2 => {
                let middle = |pair: &[i16; 2]| (f32::from(pair[0]) + f32::from(pair[1])) / 65_536.0;
                self.samples.extend(frames.as_chunks::<2>().0.iter().map(middle));
            }
            other => return Err(ImportError::Channels(other)),
        }
        self.bounded()
    }

    fn bounded(&self) -> Result<(), ImportError> {
        let ms = self.samples.len() as u64 * 1000 / u64::from(self.rate);
        if ms > self.limits.duration_ms_max {
            return Err(ImportError::TooLong(self.limits.duration_ms_max));
        }
        let linear_bytes = ms * u64::from(RATE_HZ) * 2 / 1000;
        if ms > RATIO_FREE_MS && linear_bytes > self.file_bytes * self.limits.ratio_max {
            return Err(ImportError::Bomb(self.limits.ratio_max));
        }
        Ok(())
    }
}

fn wave(file: &[u8], sound: &mut Sound) -> Result<(), ImportError> {
    let Wav { rate, channels } = Wav::parse(file, sound.limits.file_bytes_max)?;
    if wav::is_cut_off(file) {
        return Err(ImportError::CutOff);
    }
    let count = channels.len() as u8;
    // A second at a time, so that the bounds are met before everything is there twice.
    let frames = channels.first().map_or(0, Vec::len);
    for from in (0..frames).step_by(rate as usize) {
        let to = (from + rate as usize).min(frames);
        let mixed: Vec<i16> =
            (from..to).flat_map(|at| channels.iter().map(move |channel| channel[at])).collect();
        sound.push(rate, count, &mixed)?;
    }
    Ok(())
}

fn mp3(file: &[u8], sound: &mut Sound) -> Result<(), ImportError> {
    let mut decoder = nanomp3_core::Decoder::new();
    let mut frames = [0i16; nanomp3_core::MAX_SAMPLES_PER_FRAME];
    let (mut rest, mut whole, mut damaged) = (file, 0, 0);
    while !rest.is_empty() {
        let (used, decoded) = decoder.decode(rest, &mut frames);
        // A decoder that does not go on would never come to an end.
        rest = &rest[used.clamp(1, rest.len())..];
        match decoded {
            Ok(info) => {
                let channels = info.channels.num();
                let count = info.samples_produced * usize::from(channels);
                sound.push(info.sample_rate, channels, &frames[..count])?;
                whole += 1;
            }
            Err(_) => damaged += 1,
        }
    }
    enough(whole, damaged)
}

/// Whether what was read is the file and not what is left of it.
fn enough(whole: u64, damaged: u64) -> Result<(), ImportError> {
    if whole == 0 || damaged > 2 + whole / DAMAGED_OF { Err(ImportError::Damaged) } else { Ok(()) }
}

/// The packets of an Opus stream, at 8 kHz. A packet is at most 20 ms here, as all common encoders make them.
struct OpusPackets {
    decoder: Decoder,
    whole: u64,
    damaged: u64,
    /// Samples at 8 kHz that the stream says to leave out.
    skip: usize,
}

impl OpusPackets {
    fn new(skip: usize) -> OpusPackets {
        OpusPackets { decoder: Decoder::new(Codec::Opus), whole: 0, damaged: 0, skip }
    }

    fn push(&mut self, packet: &[u8], sound: &mut Sound) -> Result<(), ImportError> {
        let mut samples = [0; _];
        let count = match packet {
            // No more than what kind of frame it would be: the speaker was silent.
            [_] => FRAME_SAMPLES,
            _ => self.decoder.decode(packet, &mut samples),
        };
        match count {
            0 => self.damaged += 1,
            _ => self.whole += 1,
        }
        let skipped = self.skip.min(count);
        self.skip -= skipped;
        sound.push(RATE_HZ, 1, &samples[skipped..count])
    }

    fn end(self) -> Result<(), ImportError> {
        enough(self.whole, self.damaged)
    }
}

#[cfg(test)]
mod tests;
