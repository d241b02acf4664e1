use super::*;
use crate::g711::Law;

fn packet(event: u8, end: bool, duration: u16) -> [u8; 4] {
    KeyEvent { event, end, volume: 10, duration }.to_bytes()
}

fn keys_of(receiver: &mut KeyReceiver, packets: &[(u32, u8, bool, u64)]) -> Vec<u8> {
    packets
        .iter()
        .flat_map(|&(timestamp, event, end, now_ms)| {
            receiver
                .receive(timestamp, &packet(event, end, 160), now_ms)
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn fault_n6_three_end_packets_are_one_key() {
    let mut receiver = KeyReceiver::default();
    let packets =
        [(100, 5, false, 0), (100, 5, false, 20), (100, 5, true, 40), (100, 5, true, 40), (100, 5, true, 41)];
    assert_eq!(keys_of(&mut receiver, &packets), b"5");
}

#[test]
fn the_same_key_twice_is_two_keys() {
    let mut receiver = KeyReceiver::default();
    assert_eq!(keys_of(&mut receiver, &[(100, 11, true, 0), (1000, 11, true, 100)]), b"##");
}

#[test]
fn fault_n6_a_replayed_event_is_no_key() {
    let mut receiver = KeyReceiver::default();
    let packets = [(100, 1, true, 0), (1000, 2, true, 100), (100, 1, true, 200), (1000, 2, true, 300)];
    assert_eq!(keys_of(&mut receiver, &packets), b"12");
}

#[test]
fn a_key_whose_ends_were_lost_is_told_by_the_next_or_by_time() {
    let mut receiver = KeyReceiver::default();
    assert_eq!(keys_of(&mut receiver, &[(100, 1, false, 0), (1000, 2, false, 100)]), b"1");
    assert_eq!(receiver.expire(200), None);
    assert_eq!(receiver.expire(300), Some(b'2'));
    assert_eq!(receiver.expire(900), None);
    assert_eq!(keys_of(&mut receiver, &[(1000, 2, true, 901)]), b"", "its late end is no second key");
}

#[test]
fn fault_n6_a_flood_of_keys_is_capped_each_second() {
    let mut receiver = KeyReceiver::default();
    let flood: Vec<_> = (1..=200).map(|n| (n * 160, 3, true, u64::from(n))).collect();
    assert_eq!(keys_of(&mut receiver, &flood).len(), KEYS_PER_SECOND_MAX as usize);
    assert_eq!(keys_of(&mut receiver, &[(100_000, 4, true, 1500)]), b"4");
}

#[test]
fn events_that_are_no_keys_and_short_payloads_are_left_out() {
    let mut receiver = KeyReceiver::default();
    assert_eq!(keys_of(&mut receiver, &[(100, 16, true, 0), (200, 255, true, 0)]), b"");
    assert_eq!(receiver.receive(300, &[1, 0x80], 0), [None, None]);
}

#[test]
fn a_new_stream_starts_with_older_timestamps() {
    let mut receiver = KeyReceiver::default();
    assert_eq!(keys_of(&mut receiver, &[(0x4000_0000, 1, true, 0)]), b"1");
    receiver.restart();
    assert_eq!(keys_of(&mut receiver, &[(100, 2, true, 50)]), b"2");
}

/// What the listener tells of samples that went through A-law, as on the line.
fn listen(samples: &[i16]) -> Vec<u8> {
    let mut listener = KeyListener::default();
    let mut keys = Vec::new();
    let line = samples.iter().map(|&sample| Law::Pcma.decode(Law::Pcma.encode(sample)));
    listener.hear(line, |key| keys.push(key));
    keys
}

fn dial(row_dbm0: f32, column_dbm0: f32, on_ms: usize, off_ms: usize) -> Vec<i16> {
    rtp::KEYS
        .iter()
        .flat_map(|&key| {
            let mut samples = key_samples(key, row_dbm0, column_dbm0, on_ms * 8);
            samples.extend(vec![0; off_ms * 8]);
            samples
        })
        .collect()
}

#[test]
fn all_keys_are_heard_at_all_levels_of_q24() {
    for level_dbm0 in [-3.0, -10.0, -20.0, -30.0, -34.0] {
        assert_eq!(listen(&dial(level_dbm0, level_dbm0, 60, 60)), rtp::KEYS, "{level_dbm0} dBm0");
    }
    assert_eq!(listen(&dial(-45.0, -45.0, 60, 60)), b"", "too quiet");
}

#[test]
fn short_keys_are_heard_shorter_ones_are_not() {
    assert_eq!(listen(&dial(-10.0, -10.0, 40, 40)), rtp::KEYS);
    assert_eq!(listen(&dial(-10.0, -10.0, 20, 40)), b"");
}

#[test]
fn twist_is_allowed_within_its_bounds() {
    assert_eq!(listen(&dial(-14.0, -8.0, 60, 60)), rtp::KEYS, "column 6 dB above");
    assert_eq!(listen(&dial(-8.0, -12.0, 60, 60)), rtp::KEYS, "row 4 dB above");
    assert_eq!(listen(&dial(-20.0, -8.0, 60, 60)), b"", "column 12 dB above");
    assert_eq!(listen(&dial(-8.0, -18.0, 60, 60)), b"", "row 10 dB above");
}

#[test]
fn keys_are_heard_through_noise() {
    let mut noise = Noise(7);
    let mut samples = dial(-12.0, -12.0, 80, 80);
    for sample in &mut samples {
        *sample = sample.saturating_add((noise.next() * 500.0) as i16);
    }
    assert_eq!(listen(&samples), rtp::KEYS);
}

#[test]
fn a_long_press_is_one_key_and_a_drop_out_does_not_double_it() {
    let mut samples = key_samples(b'7', -10.0, -10.0, 8000);
    samples[4000..4060].fill(0);
    assert_eq!(listen(&samples), b"7");
}

#[test]
fn frequencies_off_by_more_than_q24_allows_are_no_key() {
    let row = crate::measure::sine(8000, 697.0 * 1.06, 6000.0, 1600);
    let column = crate::measure::sine(8000, 1209.0 * 1.06, 6000.0, 1600);
    let samples: Vec<i16> = row.iter().zip(column).map(|(a, b)| a + b).collect();
    assert_eq!(listen(&samples), b"");
}

/// Deterministic noise in -1..1.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / 8_388_608.0 - 1.0
    }
}

/// Voiced sound: a pulse train of drifting pitch through two drifting resonances, in syllables.
fn speech_like(seed: u64, seconds: usize) -> Vec<i16> {
    let mut noise = Noise(seed);
    let (mut state, mut phase, mut pitch_hz) = ([[0.0f32; 2]; 2], 0.0, 140.0);
    let mut formants_hz = [600.0, 1400.0];
    (0..seconds * 8000)
        .map(|n| {
            if n % 1600 == 0 {
                pitch_hz = 180.0 + 90.0 * noise.next();
                formants_hz = [550.0 + 300.0 * noise.next(), 1400.0 + 500.0 * noise.next()];
            }
            phase += pitch_hz / 8000.0;
            let pulse = if phase >= 1.0 {
                phase -= 1.0;
                1.0
            } else {
                0.02 * noise.next()
            };
            let voice: f32 = (0..2).map(|f| resonate(&mut state[f], formants_hz[f], pulse)).sum();
            let envelope = (std::f32::consts::PI * (n % 1600) as f32 / 1600.0).sin();
            (voice * envelope * 6000.0).clamp(-32_000.0, 32_000.0) as i16
        })
        .collect()
}

fn resonate(state: &mut [f32; 2], frequency_hz: f32, input: f32) -> f32 {
    let radius: f32 = 0.97;
    let coefficient = 2.0 * radius * (2.0 * std::f32::consts::PI * frequency_hz / 8000.0).cos();
    let out = input + coefficient * state[0] - radius * radius * state[1];
    *state = [out, state[0]];
    out
}

/// Steadier vowels than anyone speaks: Q.24 and the talk-off tapes of the trade allow more than this.
#[test]
fn ten_minutes_of_speech_like_sound_give_two_false_keys_at_most() {
    let mut keys = Vec::new();
    for seed in 1..=20 {
        let samples = speech_like(seed, 30);
        assert!(crate::measure::rms(&samples) > 500.0, "the test speaks");
        keys.extend(listen(&samples));
    }
    assert!(keys.len() <= 2, "{keys:?}");
}

#[test]
fn spoken_prompts_are_no_key() {
    for (name, file) in crate::prompts::FILES {
        let prompt = crate::Prompt::from_wav(file).expect("a shipped prompt");
        assert_eq!(listen(&Law::Pcma.decode_all(prompt.octets(Law::Pcma))), b"", "{name}");
    }
}

#[test]
fn frequencies_off_by_what_q24_allows_are_heard() {
    for factor in [0.985, 1.015] {
        for (row, column) in (0..16).map(|n| (n / 4, n % 4)) {
            let low = crate::measure::sine(8000, ROWS_HZ[row] * factor, 4000.0, 400);
            let high = crate::measure::sine(8000, COLUMNS_HZ[column] * factor, 4000.0, 400);
            let samples: Vec<i16> = low.iter().zip(high).map(|(a, b)| a + b).collect();
            assert_eq!(listen(&samples), [PAD[row][column]], "times {factor}");
        }
    }
}

#[test]
fn network_tones_and_noise_are_no_key() {
    for frequency_hz in [450.0, 697.0, 941.0, 1209.0, 1336.0] {
        assert_eq!(
            listen(&crate::measure::sine(8000, frequency_hz, 8000.0, 16_000)),
            b"",
            "{frequency_hz} Hz"
        );
    }
    let mut noise = Noise(3);
    let samples: Vec<i16> = (0..160_000).map(|_| (noise.next() * 9000.0) as i16).collect();
    assert_eq!(listen(&samples), b"");
}
