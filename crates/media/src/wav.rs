//! WAV files: PCM16 and G.711, one or two channels, read with bounds on everything a header may claim.
//! It knows bytes; it refuses to know which files exist and what the sound is for.

use crate::g711::Law;

/// How the samples of a file are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// 16-bit linear, little endian.
    Pcm16,
    /// One octet for a sample.
    G711(Law),
}

impl Coding {
    const fn format_tag(self) -> u16 {
        match self {
            Coding::Pcm16 => 1,
            Coding::G711(Law::Pcma) => 6,
            Coding::G711(Law::Pcmu) => 7,
        }
    }

    const fn sample_bytes(self) -> u16 {
        match self {
            Coding::Pcm16 => 2,
            Coding::G711(_) => 1,
        }
    }
}

/// Why a file is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WavError {
    /// The first octets are not those of a RIFF WAVE file.
    #[error("not a RIFF WAVE file")]
    NotWave,
    /// It ends within a header.
    #[error("the file ends within a header")]
    Truncated,
    /// There is no `fmt ` chunk before the samples.
    #[error("no format chunk before the samples")]
    NoFormat,
    /// There are no samples.
    #[error("no samples")]
    NoData,
    /// Neither PCM16 nor G.711.
    #[error("format tag {tag} with {bits} bits is not read")]
    Format {
        /// The format tag of the header.
        tag: u16,
        /// Its bits for each sample.
        bits: u16,
    },
    /// Neither one nor two channels.
    #[error("{0} channels are not read")]
    Channels(u16),
    /// A sample rate of 0 or above 192 kHz.
    #[error("a sample rate of {0} Hz is not read")]
    Rate(u32),
    /// More samples than the caller allows.
    #[error("longer than the {0} octets allowed")]
    TooLong(usize),
}

/// A sound in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wav {
    /// Samples a second of each channel.
    pub rate: u32,
    /// One list of linear samples for each channel, all of one length.
    pub channels: Vec<Vec<i16>>,
}

impl Wav {
    /// A sound with one channel.
    pub fn mono(rate: u32, samples: Vec<i16>) -> Wav {
        Wav { rate, channels: vec![samples] }
    }

    /// Its length.
    pub fn duration_ms(&self) -> u64 {
        let samples = self.channels.first().map_or(0, Vec::len) as u64;
        samples * 1000 / u64::from(self.rate.max(1))
    }

    /// Reads a file whole in memory. Sizes in the header are believed only as far as octets are there: a
    /// data chunk that claims more than the file holds ends with the file. Takes files of at most `bytes_max`.
    ///
    /// # Errors
    /// Says what is wrong with the header; never panics, whatever the octets are.
    pub fn parse(file: &[u8], bytes_max: usize) -> Result<Wav, WavError> {
        if file.len() > bytes_max {
            return Err(WavError::TooLong(bytes_max));
        }
        let (format, data) = find_chunks(file)?;
        let frame_bytes = usize::from(format.coding.sample_bytes() * format.channels);
        let frames = data.len() / frame_bytes;
        if frames == 0 {
            return Err(WavError::NoData);
        }
        let mut channels = vec![Vec::with_capacity(frames); usize::from(format.channels)];
        for frame in data.chunks_exact(frame_bytes) {
            for (channel, octets) in
                channels.iter_mut().zip(frame.chunks_exact(usize::from(format.coding.sample_bytes())))
            {
                channel.push(match format.coding {
                    Coding::Pcm16 => i16::from_le_bytes([octets[0], octets[1]]),
                    Coding::G711(law) => law.decode(octets[0]),
                });
            }
        }
        Ok(Wav { rate: format.rate, channels })
    }

    /// The file of this sound in the coding asked for.
    pub fn to_bytes(&self, coding: Coding) -> Vec<u8> {
        let frames = self.channels.iter().map(Vec::len).min().unwrap_or(0);
        let channels = self.channels.len() as u16;
        let data_bytes = frames as u64 * u64::from(channels) * u64::from(coding.sample_bytes());
        let mut file = header(coding, self.rate, channels, data_bytes).to_vec();
        for frame in 0..frames {
            for channel in &self.channels {
                match coding {
                    Coding::Pcm16 => file.extend_from_slice(&channel[frame].to_le_bytes()),
                    Coding::G711(law) => file.push(law.encode(channel[frame])),
                }
            }
        }
        if data_bytes % 2 == 1 {
            file.push(0);
        }
        file
    }
}

/// Octets before the samples in a file this module writes.
pub const HEADER_BYTES: usize = 58;

/// The header of a file with `data_bytes` octets of samples: `fmt ` with its extension size, `fact`, `data`.
/// Sizes above what 32 bits hold are written as the largest value, as recorders do.
pub fn header(coding: Coding, rate: u32, channels: u16, data_bytes: u64) -> [u8; HEADER_BYTES] {
    let block = channels * coding.sample_bytes();
    let clamp = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    let padded = data_bytes + data_bytes % 2;
    let mut header = [0; HEADER_BYTES];
    header[0..4].copy_from_slice(b"RIFF");
    header[4..8].copy_from_slice(&clamp(padded + HEADER_BYTES as u64 - 8).to_le_bytes());
    header[8..16].copy_from_slice(b"WAVEfmt ");
    header[16..20].copy_from_slice(&18u32.to_le_bytes());
    header[20..22].copy_from_slice(&coding.format_tag().to_le_bytes());
    header[22..24].copy_from_slice(&channels.to_le_bytes());
    header[24..28].copy_from_slice(&rate.to_le_bytes());
    header[28..32].copy_from_slice(&(rate * u32::from(block)).to_le_bytes());
    header[32..34].copy_from_slice(&block.to_le_bytes());
    header[34..36].copy_from_slice(&(coding.sample_bytes() * 8).to_le_bytes());
    header[38..42].copy_from_slice(b"fact");
    header[42..46].copy_from_slice(&4u32.to_le_bytes());
    header[46..50].copy_from_slice(&clamp(data_bytes / u64::from(block.max(1))).to_le_bytes());
    header[50..54].copy_from_slice(b"data");
    header[54..58].copy_from_slice(&clamp(data_bytes).to_le_bytes());
    header
}

/// Says that a sound was made by a machine: the implicit mark of the measures for labels on synthetic content (row K21,
/// in the form of GB 45438-2025, annex E, as recalled), kept in the comment of the file's INFO list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Who made it: the name of the speaking program.
    pub producer: String,
    /// Names this sound among all of the producer's.
    pub id: String,
}

impl Label {
    fn comment(&self) -> String {
        let plain = |text: &str| -> String {
            text.chars().filter(|c| !c.is_control() && !matches!(c, '"' | '\\')).collect()
        };
        let (producer, id) = (plain(&self.producer), plain(&self.id));
        format!(r#"{{"AIGC":{{"Label":"1","ContentProducer":"{producer}","ProduceID":"{id}"}}}}"#)
    }
}

/// Writes a label behind the samples of a whole file.
pub fn add_label(file: &mut Vec<u8>, label: &Label) {
    let mut comment = label.comment().into_bytes();
    comment.resize((comment.len() + 1).next_multiple_of(2), 0);
    let mut list = b"INFOICMT".to_vec();
    list.extend((comment.len() as u32).to_le_bytes());
    list.extend(&comment);
    file.extend(b"LIST");
    file.extend((list.len() as u32).to_le_bytes());
    file.extend(&list);
    let size = u32::try_from(file.len() - 8).unwrap_or(u32::MAX);
    file[4..8].copy_from_slice(&size.to_le_bytes());
}

/// The comment of a file's INFO list, where a label stands.
pub fn comment(file: &[u8]) -> Option<String> {
    let list = chunks(file.get(12..)?).find(|(name, _)| name == b"LIST").map(|(_, body)| body)?;
    let (_, comment) = chunks(list.strip_prefix(b"INFO")?).find(|(name, _)| name == b"ICMT")?;
    let text = comment.split(|&octet| octet == 0).next().unwrap_or_default();
    String::from_utf8(text.to_vec()).ok()
}

/// Whether the header tells of more samples than there are. Programs that write to a pipe cannot know and say 2 GiB or
/// more; theirs end where they end.
pub fn is_cut_off(file: &[u8]) -> bool {
    const UNKNOWN: usize = 0x7FFF_0000;
    let mut rest = file.get(12..).unwrap_or_default();
    while let Some((head, body)) = rest.split_at_checked(8) {
        let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        if head.starts_with(b"data") {
            return size > body.len() && size < UNKNOWN;
        }
        rest = body.get(size.next_multiple_of(2)..).unwrap_or_default();
    }
    false
}

/// The whole chunks of a list.
fn chunks(mut rest: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let (head, body) = rest.split_at_checked(8)?;
        let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let chunk = body.get(..size)?;
        rest = body.get(size.next_multiple_of(2)..).unwrap_or_default();
        Some(([head[0], head[1], head[2], head[3]], chunk))
    })
}

struct Format {
    coding: Coding,
    channels: u16,
    rate: u32,
}

fn find_chunks(file: &[u8]) -> Result<(Format, &[u8]), WavError> {
    let head = file.get(..12).ok_or(WavError::NotWave)?;
    if &head[..4] != b"RIFF" || &head[8..] != b"WAVE" {
        return Err(WavError::NotWave);
    }
    let mut rest = &file[12..];
    let mut format = None;
    while let Some((head, body)) = rest.split_at_checked(8) {
        let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        match &head[..4] {
            b"fmt " => format = Some(parse_format(body.get(..size).ok_or(WavError::Truncated)?)?),
            b"data" => return Ok((format.ok_or(WavError::NoFormat)?, &body[..size.min(body.len())])),
            _ => {}
        }
        // Chunks are padded to an even size.
        rest = size.checked_add(size % 2).and_then(|step| body.get(step..)).unwrap_or_default();
    }
    Err(if format.is_some() { WavError::NoData } else { WavError::NoFormat })
}

fn parse_format(chunk: &[u8]) -> Result<Format, WavError> {
    if chunk.len() < 16 {
        return Err(WavError::Truncated);
    }
    let half = |at: usize| u16::from_le_bytes([chunk[at], chunk[at + 1]]);
    let mut tag = half(0);
    let channels = half(2);
    let rate = u32::from_le_bytes([chunk[4], chunk[5], chunk[6], chunk[7]]);
    let bits = half(14);
    // WAVE_FORMAT_EXTENSIBLE names the real tag in the first two octets of its GUID.
    if tag == 0xFFFE && chunk.len() >= 26 {
        tag = half(24);
    }
    let coding = match (tag, bits) {
        (1, 16) => Coding::Pcm16,
        (6, 8) => Coding::G711(Law::Pcma),
        (7, 8) => Coding::G711(Law::Pcmu),
        _ => return Err(WavError::Format { tag, bits }),
    };
    match (channels, rate) {
        (1..=2, 1..=192_000) => Ok(Format { coding, channels, rate }),
        (1..=2, _) => Err(WavError::Rate(rate)),
        _ => Err(WavError::Channels(channels)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_channels() -> Wav {
        Wav { rate: 8000, channels: vec![vec![0, 1000, -1000], vec![8, -8, 20_000]] }
    }

    #[test]
    fn linear_files_come_back_sample_for_sample() {
        let wav = two_channels();
        assert_eq!(Wav::parse(&wav.to_bytes(Coding::Pcm16), 1 << 20), Ok(wav));
    }

    #[test]
    fn g711_files_come_back_within_the_law() {
        let wav = two_channels();
        let file = wav.to_bytes(Coding::G711(Law::Pcma));
        let back = Wav::parse(&file, 1 << 20).expect("our own file");
        assert_eq!(back.channels.len(), 2);
        assert_eq!(back.channels[1][2], Law::Pcma.decode(Law::Pcma.encode(20_000)));
    }

    #[test]
    fn an_odd_number_of_octets_is_padded() {
        let file = Wav::mono(8000, vec![5; 3]).to_bytes(Coding::G711(Law::Pcmu));
        assert_eq!(file.len(), HEADER_BYTES + 4);
        assert_eq!(Wav::parse(&file, 100).expect("padded").channels[0].len(), 3);
    }

    #[test]
    fn a_header_that_claims_4_gib_yields_what_is_there() {
        let mut file = Wav::mono(8000, vec![7; 100]).to_bytes(Coding::Pcm16);
        file[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        file[54..58].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(Wav::parse(&file, 1 << 20).expect("cut").channels[0], vec![7; 100]);
    }

    #[test]
    fn k21_a_label_is_read_back_and_does_not_touch_the_sound() {
        let wav = Wav::mono(8000, vec![8; 33]);
        for coding in [Coding::G711(Law::Pcma), Coding::Pcm16] {
            let mut file = wav.to_bytes(coding);
            assert_eq!(comment(&file), None);
            add_label(&mut file, &Label { producer: "voice \"x\"".into(), id: "00af".into() });
            let told = r#"{"AIGC":{"Label":"1","ContentProducer":"voice x","ProduceID":"00af"}}"#;
            assert_eq!(comment(&file).as_deref(), Some(told));
            assert_eq!(Wav::parse(&file, 1 << 20).expect("a file"), wav);
            let size = u32::from_le_bytes([file[4], file[5], file[6], file[7]]) as usize;
            assert_eq!(size + 8, file.len());
        }
    }

    #[test]
    fn fault_p5_a_file_that_was_cut_off_is_known() {
        let file = Wav::mono(8000, vec![7; 100]).to_bytes(Coding::Pcm16);
        assert!(!is_cut_off(&file));
        assert!(is_cut_off(&file[..file.len() - 2]));
        let mut piped = file.clone();
        piped[54..58].copy_from_slice(&0x7FFF_F000u32.to_le_bytes());
        assert!(!is_cut_off(&piped), "a pipe's header");
        for end in 0..file.len() {
            is_cut_off(&file[..end]);
            comment(&file[..end]);
        }
    }

    #[test]
    fn hostile_headers_are_refused_by_name() {
        let good = Wav::mono(8000, vec![7; 100]).to_bytes(Coding::Pcm16);
        let with = |at: usize, octets: &[u8]| {
            let mut file = good.clone();
            file[at..at + octets.len()].copy_from_slice(octets);
            Wav::parse(&file, 1 << 20)
        };
        assert_eq!(with(0, b"RIFX"), Err(WavError::NotWave));
        assert_eq!(with(22, &[0, 0]), Err(WavError::Channels(0)));
        assert_eq!(with(22, &[255, 255]), Err(WavError::Channels(65_535)));
        assert_eq!(with(24, &[0; 4]), Err(WavError::Rate(0)));
        assert_eq!(with(24, &[255; 4]), Err(WavError::Rate(u32::MAX)));
        assert_eq!(with(20, &[85, 0]), Err(WavError::Format { tag: 85, bits: 16 }));
        assert_eq!(with(16, &[255, 255, 255, 255]), Err(WavError::Truncated));
        assert_eq!(with(16, &[2, 0, 0, 0]), Err(WavError::Truncated));
        assert_eq!(with(50, b"junk"), Err(WavError::NoData));
        assert_eq!(Wav::parse(&good, 100), Err(WavError::TooLong(100)));
    }

    #[test]
    fn no_prefix_and_no_single_octet_change_panics() {
        let good = two_channels().to_bytes(Coding::Pcm16);
        for end in 0..good.len() {
            let _ = Wav::parse(&good[..end], 1 << 20);
        }
        for at in 0..good.len() {
            for octet in [0, 1, 0x7F, 0x80, 0xFF] {
                let mut file = good.clone();
                file[at] = octet;
                let _ = Wav::parse(&file, 1 << 20);
            }
        }
    }
}
