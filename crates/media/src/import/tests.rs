//! Files of every kind, and hostile ones of every kind.

use super::*;
use crate::codec::Encoder;
use crate::measure::{sine, tone};

fn wav(rate: u32, samples: Vec<i16>) -> Vec<u8> {
    Wav::mono(rate, samples).to_bytes(Coding::Pcm16)
}

fn taken(file: &[u8]) -> Imported {
    import(file, &Limits::default()).expect("taken")
}

fn refused(file: &[u8]) -> &'static str {
    import(file, &Limits::default()).expect_err("refused").code()
}

/// An Ogg Opus file of packets, so many a page; with the mark of its end if it is whole.
fn opus_file(packets: &[Vec<u8>], per_page: usize, whole: bool) -> Vec<u8> {
    let page = |flags: u8, number: u32, packets: &[Vec<u8>]| {
        let mut page = b"OggS\0".to_vec();
        page.push(flags);
        page.extend([0; 8]);
        page.extend([7, 0, 0, 0]);
        page.extend(number.to_le_bytes());
        page.extend([0; 4]);
        let lengths = |packet: &Vec<u8>| {
            let last = (packet.len() % 255) as u8;
            std::iter::repeat_n(255, packet.len() / 255).chain([last]).collect::<Vec<u8>>()
        };
        let lengths: Vec<u8> = packets.iter().flat_map(lengths).collect();
        page.push(lengths.len() as u8);
        page.extend(lengths);
        page.extend(packets.concat());
        page
    };
    let mut head = b"OpusHead\x01\x01".to_vec();
    head.extend(312u16.to_le_bytes());
    head.extend(48_000u32.to_le_bytes());
    head.extend([0, 0, 0]);
    let mut file = page(2, 0, &[head]);
    file.extend(page(0, 1, &[b"OpusTags\0\0\0\0\0\0\0\0".to_vec()]));
    for (place, some) in packets.chunks(per_page).enumerate() {
        let last = whole && (place + 1) * per_page >= packets.len();
        file.extend(page(if last { 4 } else { 0 }, place as u32 + 2, some));
    }
    file
}

fn opus_packets(samples: &[i16]) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(Codec::Opus);
    let mut out = [0; 1500];
    let encode = |frame: &[i16]| {
        let len = encoder.encode(frame, &mut out);
        out[..len].to_vec()
    };
    samples.chunks_exact(160).map(encode).collect()
}

#[test]
fn i02_wav_of_any_rate_becomes_8_khz_at_one_loudness() {
    for (rate, amplitude) in [(8_000, 300.0), (16_000, 20_000.0), (44_100, 3_000.0), (48_000, 30_000.0)] {
        let imported = taken(&wav(rate, sine(rate, 440.0, amplitude, rate as usize * 2)));
        assert_eq!((imported.format, imported.rate), (Format::Wav, rate));
        assert!((imported.duration_ms() as i64 - 2_000).abs() <= 1, "{}", imported.duration_ms());
        let heard = tone(&imported.samples, 8_000, 440.0);
        assert!((3_500.0..6_500.0).contains(&heard), "{rate}: {heard}");
        let file = imported.to_wav(None);
        assert_eq!(crate::Prompt::from_wav(&file).expect("ours").duration_ms(), imported.duration_ms());
    }
}

#[test]
fn i02_two_channels_become_one() {
    let (left, right) = (sine(16_000, 440.0, 6_000.0, 16_000), sine(16_000, 1_000.0, 6_000.0, 16_000));
    let file = Wav { rate: 16_000, channels: vec![left, right] }.to_bytes(Coding::Pcm16);
    let samples = taken(&file).samples;
    let (low, high) = (tone(&samples, 8_000, 440.0), tone(&samples, 8_000, 1_000.0));
    assert!(low > 1_500.0 && (low / high - 1.0).abs() < 0.1, "{low} {high}");
}

#[test]
fn i02_ogg_opus_is_read() {
    let packets = opus_packets(&sine(8_000, 440.0, 8_000.0, 16_000));
    let imported = taken(&opus_file(&packets, 1, true));
    assert_eq!(imported.format, Format::Opus);
    assert!((1_900..=2_000).contains(&imported.duration_ms()), "{}", imported.duration_ms());
    assert!(tone(&imported.samples, 8_000, 440.0) > 3_000.0);
}

/// A second of 440 Hz by the encoders of others: MP3 and Vorbis in stereo at 44.1 kHz, Opus at 48 kHz.
#[test]
fn i02_files_of_other_programs_are_read() {
    let files: [(Format, &[u8]); 3] = [
        (Format::Mp3, include_bytes!("../../tests/data/tone.mp3")),
        (Format::Vorbis, include_bytes!("../../tests/data/tone.ogg")),
        (Format::Opus, include_bytes!("../../tests/data/opus.ogg")),
    ];
    for (format, file) in files {
        let imported = taken(file);
        assert_eq!(imported.format, format);
        assert!((950..1_120).contains(&imported.duration_ms()), "{format:?}: {}", imported.duration_ms());
        let middle = &imported.samples[1_000..7_000];
        let (own, other) = (tone(middle, 8_000, 440.0), tone(middle, 8_000, 1_000.0));
        assert!(own > 3_500.0 && other < 50.0, "{format:?}: {own} {other}");
        for end in (0..file.len()).step_by(97) {
            let _ = import(&file[..end], &Limits::default());
        }
        assert!(import(&file[..file.len() / 2], &Limits::default()).is_err() || format == Format::Mp3);
    }
}

#[test]
fn k21_what_a_machine_said_is_labelled_in_the_file() {
    let imported = taken(&wav(8_000, sine(8_000, 440.0, 8_000.0, 8_000)));
    let label = Label { producer: "espeak-ng".into(), id: "17".into() };
    let file = imported.to_wav(Some(&label));
    assert!(wav::comment(&file).expect("a label").contains(r#""Label":"1""#));
    assert_eq!(wav::comment(&imported.to_wav(None)), None);
    assert!(crate::Prompt::from_wav(&file).is_ok());
}

#[test]
fn fault_p5_a_header_of_4_gb_costs_what_is_there() {
    let mut file = wav(8_000, sine(8_000, 440.0, 8_000.0, 8_000));
    file[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    file[54..58].copy_from_slice(&(u32::MAX - 16).to_le_bytes());
    assert_eq!(taken(&file).duration_ms(), 1_000);
    assert_eq!(refused(&file[..HEADER]), "wav_not_read");
}

const HEADER: usize = wav::HEADER_BYTES;

#[test]
fn fault_p5_empty_short_cut_and_foreign_files_are_refused_by_name() {
    let good = wav(8_000, sine(8_000, 440.0, 8_000.0, 8_000));
    assert_eq!(refused(b""), "empty");
    assert_eq!(refused(b"%PDF-1.7"), "unknown_format");
    assert_eq!(refused(&good[..good.len() / 2]), "cut_off");
    assert_eq!(refused(&wav(8_000, sine(8_000, 440.0, 8_000.0, 300))), "too_short");
    assert_eq!(refused(&wav(8_000, vec![0; 8_000])), "silent");
    assert_eq!(refused(&wav(4_000, vec![900; 8_000])), "rate");
    assert_eq!(refused(&wav(192_000, vec![900; 192_000])), "rate");
    assert_eq!(refused(&vec![0; (20 << 20) + 1]), "too_large");
    assert_eq!(refused(&[0xFF; 4096]), "damaged");
    assert_eq!(refused(b"OggS\0 and no more"), "damaged");
    let packets = opus_packets(&sine(8_000, 440.0, 8_000.0, 16_000));
    assert_eq!(refused(&opus_file(&packets, 1, false)), "cut_off");
    let broken: Vec<Vec<u8>> = packets.iter().map(|packet| vec![0xFF; packet.len()]).collect();
    assert_eq!(refused(&opus_file(&broken, 1, true)), "damaged");
}

/// Ten hours of silence, an octet for each 20 ms of it (RFC 6716: nothing is sent but what kind of frame it would be).
#[test]
fn fault_p5_ten_hours_of_silence_are_a_bomb() {
    let first = opus_packets(&sine(8_000, 440.0, 8_000.0, 160)).remove(0);
    let silence = vec![first[0]];
    let silent = |seconds: usize| {
        let packets: Vec<_> =
            std::iter::once(first.clone()).chain(vec![silence.clone(); seconds * 50]).collect();
        opus_file(&packets, 250, true)
    };
    assert_eq!(refused(&silent(10 * 3_600)), "too_long");
    assert_eq!(refused(&silent(300)), "bomb");
    let long = wav(8_000, vec![1_000; 8_000 * 601]);
    assert_eq!(refused(&long), "too_long");
    let limits = Limits { ratio_max: 1, ..Limits::default() };
    let speech = opus_file(&opus_packets(&sine(8_000, 440.0, 8_000.0, 8_000 * 12)), 5, true);
    assert_eq!(import(&speech, &limits).expect_err("refused").code(), "bomb");
}

#[test]
fn fault_p5_no_prefix_and_no_flipped_octet_panics() {
    let packets = opus_packets(&sine(8_000, 440.0, 8_000.0, 1_600));
    for good in [wav(8_000, sine(8_000, 440.0, 8_000.0, 1_000)), opus_file(&packets, 1, true)] {
        for end in (0..good.len()).step_by(7) {
            let _ = import(&good[..end], &Limits::default());
        }
        for at in 0..good.len().min(400) {
            for octet in [0, 0x7F, 0xFF] {
                let mut file = good.clone();
                file[at] = octet;
                let _ = import(&file, &Limits::default());
            }
        }
    }
}
