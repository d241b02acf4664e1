//! Keys heard: telephone-events (RFC 4733) and tones in the band (ITU-T Q.23/Q.24, by Goertzel filters).
//! Time comes in as values; it refuses to know sockets and what a key means.

use crate::measure::{dbm0_amplitude, goertzel_coefficient, goertzel_power};
use crate::rtp::{self, KeyEvent};

/// Keys a leg may press in a second; more are dropped (FAULTS N6).
pub const KEYS_PER_SECOND_MAX: u32 = 20;

/// An event without any packet for so long has ended, though its end packets were lost.
const EVENT_GAP_MS: u64 = 200;

/// Telephone-events in, keys out: each (timestamp, event) is one key however many packets tell it.
#[derive(Clone, Debug, Default)]
pub struct KeyReceiver {
    current: Option<Current>,
    newest_timestamp: Option<u32>,
    second: u64,
    in_second: u32,
}

#[derive(Clone, Copy, Debug)]
struct Current {
    timestamp: u32,
    event: u8,
    last_ms: u64,
}

impl KeyReceiver {
    /// Takes the payload of one packet; gives up to two keys: one whose end was lost, and this one if it ends.
    pub fn receive(&mut self, timestamp: u32, payload: &[u8], now_ms: u64) -> [Option<u8>; 2] {
        let Some(packet) = KeyEvent::parse(payload).filter(|packet| packet.event < 16) else {
            return [None, None];
        };
        let mut lost = None;
        match self.current {
            Some(current) if current.timestamp == timestamp => {
                if current.event != packet.event {
                    return [None, None];
                }
            }
            _ => {
                // Not newer than one already told: a repeated end, or a replay.
                if self.newest_timestamp.is_some_and(|newest| timestamp.wrapping_sub(newest) as i32 <= 0) {
                    return [None, None];
                }
                lost = self.finish(now_ms);
                self.newest_timestamp = Some(timestamp);
            }
        }
        self.current = Some(Current { timestamp, event: packet.event, last_ms: now_ms });
        let ended = if packet.end { self.finish(now_ms) } else { None };
        [lost, ended]
    }

    /// To be called now and then: gives the key of an event whose end packets were all lost.
    pub fn expire(&mut self, now_ms: u64) -> Option<u8> {
        match self.current {
            Some(current) if now_ms.saturating_sub(current.last_ms) >= EVENT_GAP_MS => self.finish(now_ms),
            _ => None,
        }
    }

    /// A new stream of the peer counts its timestamps anew.
    pub fn restart(&mut self) {
        self.current = None;
        self.newest_timestamp = None;
    }

    fn finish(&mut self, now_ms: u64) -> Option<u8> {
        let current = self.current.take()?;
        let second = now_ms / 1000;
        if second != self.second {
            (self.second, self.in_second) = (second, 0);
        }
        self.in_second += 1;
        if self.in_second > KEYS_PER_SECOND_MAX { None } else { rtp::key_of_event(current.event) }
    }
}

const ROWS_HZ: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const COLUMNS_HZ: [f32; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
const PAD: [[u8; 4]; 4] = [*b"123A", *b"456B", *b"789C", *b"*0#D"];

/// Samples of one decision: 12.75 ms, so that a tone of 40 ms holds at least two whole blocks.
const BLOCK_SAMPLES: usize = 102;
/// A pair below this level (dBm0 each) is no key.
const LEVEL_MIN_DBM0: f32 = -36.0;
/// The stronger of two neighbours in a group must pass the next by 8 dB.
const PEAK_RATIO: f32 = 6.3;
/// The column tone may be at most 8 dB above the row tone, the row tone at most 6 dB above the column's.
const TWIST_COLUMN_RATIO: f32 = 6.3;
const TWIST_ROW_RATIO: f32 = 4.0;
/// The pair must hold this share of the block's energy: speech and music do not (talk-off).
const PAIR_SHARE: f32 = 0.78;
/// A key is steady: the energy of agreeing blocks differs by less than 2 dB, that of a syllable does not.
const STEADY_RATIO: f32 = 1.6;
/// Blocks that must agree before a key is told, and be without it before it may be told again.
const BLOCKS_ON: u8 = 2;
const BLOCKS_OFF: u8 = 2;

/// Tones in the band in, keys out.
#[derive(Clone)]
pub struct KeyListener {
    block: [i16; BLOCK_SAMPLES],
    filled: usize,
    candidate: Option<u8>,
    candidate_energy: f32,
    agreeing: u8,
    told: Option<u8>,
    missing: u8,
    rows: [f32; 4],
    columns: [f32; 4],
}

impl Default for KeyListener {
    fn default() -> KeyListener {
        let coefficients = |frequencies: [f32; 4]| frequencies.map(|hz| goertzel_coefficient(hz, 8000));
        KeyListener {
            block: [0; BLOCK_SAMPLES],
            filled: 0,
            candidate: None,
            candidate_energy: 0.0,
            agreeing: 0,
            told: None,
            missing: 0,
            rows: coefficients(ROWS_HZ),
            columns: coefficients(COLUMNS_HZ),
        }
    }
}

impl KeyListener {
    /// Takes samples at 8 kHz, in order; each key that begins is given to `told`.
    pub fn hear(&mut self, samples: impl Iterator<Item = i16>, mut told: impl FnMut(u8)) {
        for sample in samples {
            self.block[self.filled] = sample;
            self.filled += 1;
            if self.filled == BLOCK_SAMPLES {
                self.filled = 0;
                let energy = self.block.iter().map(|&sample| f32::from(sample) * f32::from(sample)).sum();
                let key = self.key_of_block(energy);
                if let Some(key) = self.debounce(key, energy) {
                    told(key);
                }
            }
        }
    }

    fn debounce(&mut self, key: Option<u8>, energy: f32) -> Option<u8> {
        let before = self.candidate_energy;
        let steady = energy < before * STEADY_RATIO && before < energy * STEADY_RATIO;
        self.agreeing = if key == self.candidate && steady { self.agreeing.saturating_add(1) } else { 1 };
        (self.candidate, self.candidate_energy) = (key, energy);
        if self.told.is_some() {
            self.missing = if key == self.told { 0 } else { self.missing + 1 };
            if self.missing >= BLOCKS_OFF {
                self.told = None;
            }
        }
        if self.told.is_none() && key.is_some() && self.agreeing >= BLOCKS_ON {
            (self.told, self.missing) = (key, 0);
            return key;
        }
        None
    }

    fn key_of_block(&self, energy: f32) -> Option<u8> {
        let n = BLOCK_SAMPLES as f32;
        // A pair at the least level has the energy n * amplitude^2; cheaper than any filter.
        let amplitude_min = dbm0_amplitude(LEVEL_MIN_DBM0);
        if energy < n * amplitude_min * amplitude_min * 0.5 {
            return None;
        }
        let (row, row_power) = peak(&self.block, &self.rows)?;
        let (column, column_power) = peak(&self.block, &self.columns)?;
        let power_min = (amplitude_min * n / 2.0).powi(2) * 0.5;
        let loud = row_power >= power_min && column_power >= power_min;
        let level =
            column_power <= row_power * TWIST_COLUMN_RATIO && row_power <= column_power * TWIST_ROW_RATIO;
        let pure = row_power + column_power >= PAIR_SHARE * energy * n / 2.0;
        (loud && level && pure).then(|| PAD[row][column])
    }
}

/// The strongest of a group, if it stands out.
fn peak(block: &[i16], coefficients: &[f32; 4]) -> Option<(usize, f32)> {
    let powers = coefficients.map(|coefficient| goertzel_power(block, coefficient));
    let best = (0..4).max_by(|&a, &b| powers[a].total_cmp(&powers[b]))?;
    let clear = (0..4).all(|other| other == best || powers[best] >= powers[other] * PEAK_RATIO);
    clear.then_some((best, powers[best]))
}

/// The two tones of a key, for tests and simulated phones; empty for what is no key.
pub fn key_samples(key: u8, row_dbm0: f32, column_dbm0: f32, samples: usize) -> Vec<i16> {
    let key = key.to_ascii_uppercase();
    let at = PAD.iter().enumerate().find_map(|(row, keys)| Some((row, keys.iter().position(|&k| k == key)?)));
    let Some((row, column)) = at else { return Vec::new() };
    let low = crate::measure::sine(8000, ROWS_HZ[row], dbm0_amplitude(row_dbm0), samples);
    let high = crate::measure::sine(8000, COLUMNS_HZ[column], dbm0_amplitude(column_dbm0), samples);
    low.iter().zip(high).map(|(a, b)| a.saturating_add(b)).collect()
}

#[cfg(test)]
mod tests;
