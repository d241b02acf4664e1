//! The tones of the network as dated data: which frequency, how long on, how long off, since when, by which source.
//! It renders one period of a cadence, and hears tones in what a far end sends; it refuses to know legs and time of day.

use crate::command::ToneId;
use crate::measure::dbm0_amplitude;
use crate::prompt::Prompt;

mod heard;

pub use heard::{Nature, ToneListener};

/// One part of a cadence: a frequency (0 for silence) for so long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// 0 means silence.
    pub frequency_hz: f32,
    /// Its length.
    pub duration_ms: u32,
}

/// A tone as one source defines it from one day on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ToneRule {
    /// Which tone.
    pub tone: ToneId,
    /// One period; a tone is its endless repetition.
    pub cadence: &'static [Part],
    /// Level while it sounds.
    pub level_dbm0: f32,
    /// How a far end's is known, if it is listened for.
    pub heard: Option<Heard>,
    /// First day it holds, as yyyymmdd in +08:00.
    pub valid_from: u32,
    /// First day it no longer holds.
    pub valid_to: Option<u32>,
    /// Who says so.
    pub source: &'static str,
}

/// What is taken for a tone that a far end sends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heard {
    /// A frequency that is off by so much is another's.
    pub tolerance_hz: f32,
    /// How far a burst or a pause may be from its length.
    pub tolerance_percent: u32,
    /// Bursts that must be heard whole, with the pauses between them.
    pub bursts: u8,
}

/// Exchanges keep 450 Hz within 25 and the cadence within a tenth; our own measuring takes a twentieth more. Of the 25 Hz
/// five are given away, since 425 Hz is the tone of other networks, which have other cadences.
const fn heard(bursts: u8) -> Option<Heard> {
    Some(Heard { tolerance_hz: 20.0, tolerance_percent: 15, bursts })
}

const fn on(frequency_hz: f32, duration_ms: u32) -> Part {
    Part { frequency_hz, duration_ms }
}

const fn off(duration_ms: u32) -> Part {
    Part { frequency_hz: 0.0, duration_ms }
}

const fn china(tone: ToneId, cadence: &'static [Part], heard: Option<Heard>) -> ToneRule {
    ToneRule {
        tone,
        cadence,
        level_dbm0: -10.0,
        heard,
        valid_from: 19_830_101,
        valid_to: None,
        source: "GB/T 3380; ITU-T E.180 Supplement 2, China: 450 Hz +/- 25 Hz, -10 dBm0 +/- 3 dB",
    }
}

/// All tones the engine plays and hears.
pub static TONES: &[ToneRule] = &[
    china(ToneId::Dial, &[on(450.0, 1000)], None),
    china(ToneId::Ringback, &[on(450.0, 1000), off(4000)], heard(2)),
    china(ToneId::Busy, &[on(450.0, 350), off(350)], heard(3)),
    china(ToneId::Congestion, &[on(450.0, 700), off(700)], heard(3)),
    ToneRule {
        tone: ToneId::Warning,
        cadence: &[on(950.0, 160), off(80), on(950.0, 160), off(100)],
        level_dbm0: -16.0,
        heard: None,
        valid_from: 20_260_101,
        valid_to: None,
        source: "house rule: two short beeps, apart from every network tone",
    },
];

/// The rule of a tone on a day (yyyymmdd): of those that hold, the newest.
pub fn rule(tone: ToneId, day: u32) -> Option<&'static ToneRule> {
    TONES
        .iter()
        .filter(|rule| rule.tone == tone && rule.valid_from <= day && rule.valid_to.is_none_or(|to| day < to))
        .max_by_key(|rule| rule.valid_from)
}

/// One period in samples at 8 kHz; a new part begins with a sine at zero.
pub fn render(cadence: &[Part], level_dbm0: f32) -> Vec<i16> {
    let amplitude = dbm0_amplitude(level_dbm0);
    cadence
        .iter()
        .flat_map(|part| {
            let samples = part.duration_ms as usize * 8;
            let amplitude = if part.frequency_hz > 0.0 { amplitude } else { 0.0 };
            crate::measure::sine(8000, part.frequency_hz, amplitude, samples)
        })
        .collect()
}

impl ToneRule {
    /// One period, encoded for playback.
    pub fn to_prompt(&self) -> Prompt {
        Prompt::from_samples(&render(self.cadence, self.level_dbm0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure;

    fn period(tone: ToneId) -> Vec<i16> {
        let rule = rule(tone, 20_261_001).expect("a rule holds");
        render(rule.cadence, rule.level_dbm0)
    }

    #[test]
    fn ringback_is_450_hz_for_one_second_of_five() {
        let samples = period(ToneId::Ringback);
        assert_eq!(samples.len(), 5 * 8000);
        let level_dbm0 = measure::amplitude_dbm0(measure::tone(&samples[..8000], 8000, 450.0));
        assert!((level_dbm0 + 10.0).abs() < 0.1, "{level_dbm0}");
        assert!(samples[8000..].iter().all(|&sample| sample == 0));
    }

    #[test]
    fn busy_and_congestion_keep_their_cadence() {
        for (tone, on_ms) in [(ToneId::Busy, 350), (ToneId::Congestion, 700)] {
            let samples = period(tone);
            assert_eq!(samples.len(), on_ms * 8 * 2);
            assert!(measure::tone(&samples[..on_ms * 8], 8000, 450.0) > 5000.0);
            assert!(samples[on_ms * 8..].iter().all(|&sample| sample == 0));
        }
    }

    #[test]
    fn the_dial_tone_joins_itself_without_a_click() {
        let samples = period(ToneId::Dial);
        let step = samples.windows(2).map(|pair| (pair[1] - pair[0]).abs()).max();
        assert!((samples[0] - samples[samples.len() - 1]).abs() <= step.expect("samples"));
    }

    #[test]
    fn before_its_first_day_a_tone_has_no_rule() {
        assert_eq!(rule(ToneId::Ringback, 19_820_101), None);
        assert!(rule(ToneId::Ringback, 19_830_101).is_some());
    }
}
