//! Measuring sound: the level of a frequency (Goertzel) and of the whole.
//! For tests, simulated phones and the DTMF detector; it refuses to know where the samples came from.

use std::f32::consts::PI;

/// The power of one frequency in a block, by the Goertzel recurrence: (amplitude * n / 2)^2.
pub(crate) fn goertzel_power(samples: &[i16], coefficient: f32) -> f32 {
    let (mut first, mut second) = (0.0f32, 0.0f32);
    for &sample in samples {
        let next = f32::from(sample) + coefficient * first - second;
        second = first;
        first = next;
    }
    first * first + second * second - coefficient * first * second
}

/// The coefficient 2 cos(2 pi f / rate) of the recurrence.
pub(crate) fn goertzel_coefficient(frequency_hz: f32, rate: u32) -> f32 {
    2.0 * (2.0 * PI * frequency_hz / rate as f32).cos()
}

/// The amplitude (0 to 32,767) of one frequency over all samples; 0 for none.
pub fn tone(samples: &[i16], rate: u32, frequency_hz: f32) -> f32 {
    if samples.is_empty() {
        return 0.0;
    }
    let power = goertzel_power(samples, goertzel_coefficient(frequency_hz, rate));
    power.max(0.0).sqrt() * 2.0 / samples.len() as f32
}

/// The amplitude of each of several frequencies.
pub fn tones(samples: &[i16], rate: u32, frequencies_hz: &[f32]) -> Vec<f32> {
    frequencies_hz.iter().map(|&frequency_hz| tone(samples, rate, frequency_hz)).collect()
}

/// Root mean square of the samples.
pub fn rms(samples: &[i16]) -> f32 {
    if samples.is_empty() {
        return 0.0;
    }
    let sum: f64 = samples.iter().map(|&sample| f64::from(sample).powi(2)).sum();
    (sum / samples.len() as f64).sqrt() as f32
}

/// Level of a full-scale sine in A-law (G.711 table 5).
#[expect(clippy::approx_constant, reason = "a level in dBm0, not pi")]
const FULL_SCALE_DBM0: f32 = 3.14;

/// Level in dBm0 of a sine of this amplitude; full scale of G.711 A-law is +3.14 dBm0.
pub fn amplitude_dbm0(amplitude: f32) -> f32 {
    20.0 * (amplitude.max(1e-3) / 32_767.0).log10() + FULL_SCALE_DBM0
}

/// Amplitude of a sine of this level in dBm0.
pub fn dbm0_amplitude(level_dbm0: f32) -> f32 {
    32_767.0 * 10f32.powf((level_dbm0 - FULL_SCALE_DBM0) / 20.0)
}

/// `samples` of a sine, for tests and simulated phones.
pub fn sine(rate: u32, frequency_hz: f32, amplitude: f32, samples: usize) -> Vec<i16> {
    let step = 2.0 * std::f64::consts::PI * f64::from(frequency_hz) / f64::from(rate);
    (0..samples).map(|n| (f64::from(amplitude) * (step * n as f64).sin()).round() as i16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sine_is_found_at_its_frequency_and_nowhere_else() {
        let samples = sine(8000, 440.0, 8000.0, 8000);
        assert!((tone(&samples, 8000, 440.0) - 8000.0).abs() < 20.0);
        assert!(tone(&samples, 8000, 880.0) < 20.0);
        assert!((rms(&samples) - 8000.0 / 2f32.sqrt()).abs() < 10.0);
    }

    #[test]
    fn levels_and_amplitudes_are_inverse() {
        assert!((amplitude_dbm0(dbm0_amplitude(-10.0)) + 10.0).abs() < 0.01);
        assert_eq!(tone(&[], 8000, 440.0), 0.0);
    }
}
