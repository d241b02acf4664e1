//! Any rate to 8 kHz: a windowed sinc in as many phases as the two rates have. For files; it refuses to run in a shard.

use std::f64::consts::PI;

/// The rate of everything that is played.
pub const RATE_HZ: u32 = 8_000;
/// Zero crossings of the sinc on each side.
const LOBES: f64 = 24.0;
/// What of the lower of the two bands passes: to 3.6 kHz of 4.
const PASS: f64 = 0.92;
/// The shape of Kaiser's window: 80 dB down outside.
const KAISER_BETA: f64 = 8.0;

/// Samples at 8 kHz. The sound keeps its length, its level and everything below 3.6 kHz; what lies above 4 kHz is gone.
pub fn to_8_khz(samples: &[f32], rate: u32) -> Vec<f32> {
    if rate == RATE_HZ || rate == 0 {
        return samples.to_vec();
    }
    let shared = gcd(rate, RATE_HZ);
    let (up, down) = ((RATE_HZ / shared) as usize, (rate / shared) as usize);
    let bank = Bank::new(rate, up);
    let count = samples.len() * up / down;
    (0..count).map(|n| bank.sample(samples, n * down / up, n * down % up)).collect()
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The filter's weights for each phase between two samples.
struct Bank {
    reach: usize,
    weights: Vec<f32>,
}

impl Bank {
    fn new(rate: u32, phases: usize) -> Bank {
        // In samples of the source: half the band that both have.
        let cutoff = PASS * f64::from(rate.min(RATE_HZ)) / f64::from(rate);
        let reach = (LOBES / cutoff).ceil() as usize;
        let mut weights = Vec::with_capacity(phases * 2 * reach);
        for phase in 0..phases {
            let at = phase as f64 / phases as f64;
            let row = (0..2 * reach).map(|tap| {
                let distance = tap as f64 - (reach as f64 - 1.0) - at;
                cutoff * sinc(cutoff * distance) * kaiser(distance / reach as f64)
            });
            let row: Vec<f64> = row.collect();
            let sum: f64 = row.iter().sum();
            weights.extend(row.iter().map(|weight| (weight / sum) as f32));
        }
        Bank { reach, weights }
    }

    fn sample(&self, samples: &[f32], at: usize, phase: usize) -> f32 {
        let row = &self.weights[phase * 2 * self.reach..][..2 * self.reach];
        let first = at as isize - (self.reach as isize - 1);
        let skip = (-first).max(0) as usize;
        let heard = samples.get((first + skip as isize) as usize..).unwrap_or_default();
        row[skip..].iter().zip(heard).map(|(weight, sample)| weight * sample).sum()
    }
}

fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-9 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

/// Kaiser's window between -1 and 1, nought outside.
fn kaiser(x: f64) -> f64 {
    match 1.0 - x * x {
        inside if inside > 0.0 => bessel_i0(KAISER_BETA * inside.sqrt()) / bessel_i0(KAISER_BETA),
        _ => 0.0,
    }
}

/// The modified Bessel function of order zero, by its series.
fn bessel_i0(x: f64) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0);
    for n in 1..40 {
        term *= (x / 2.0 / f64::from(n)).powi(2);
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(rate: u32, hz: f64, seconds: f64) -> Vec<f32> {
        let step = 2.0 * PI * hz / f64::from(rate);
        (0..(f64::from(rate) * seconds) as usize).map(|n| (0.25 * (step * n as f64).sin()) as f32).collect()
    }

    fn amplitude(samples: &[f32], hz: f64) -> f64 {
        let middle = &samples[400..samples.len() - 400];
        let at = |n: usize| 2.0 * PI * hz * n as f64 / f64::from(RATE_HZ);
        let sum = |of: fn(f64) -> f64| -> f64 {
            middle.iter().enumerate().map(|(n, &sample)| f64::from(sample) * of(at(n))).sum()
        };
        sum(f64::sin).hypot(sum(f64::cos)) * 2.0 / middle.len() as f64
    }

    #[test]
    fn i02_every_rate_keeps_speech_and_loses_what_would_fold() {
        for rate in [11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 47_999, 48_000] {
            let low = to_8_khz(&sine(rate, 300.0, 1.0), rate);
            assert!((low.len() as i64 - 8_000).abs() <= 1, "{rate}: {} samples", low.len());
            for hz in [300.0, 1_000.0, 3_400.0] {
                let heard = amplitude(&to_8_khz(&sine(rate, hz, 1.0), rate), hz);
                assert!((heard - 0.25).abs() < 0.005, "{rate}: {hz} Hz at {heard}");
            }
            if rate >= 11_025 {
                let folded = to_8_khz(&sine(rate, 5_000.0, 1.0), rate);
                let heard = amplitude(&folded, 3_000.0);
                assert!(heard < 0.0005, "{rate}: 5 kHz is heard at 3 kHz with {heard}");
            }
        }
    }

    #[test]
    fn i02_what_comes_at_8_khz_stays_as_it_is_and_nothing_stays_nothing() {
        assert_eq!(to_8_khz(&[0.1, 0.2], 8_000), [0.1, 0.2]);
        assert!(to_8_khz(&[], 44_100).is_empty());
        assert!(to_8_khz(&[0.5; 3], 48_000).is_empty());
        assert_eq!(to_8_khz(&sine(4_000, 300.0, 0.5), 4_000).len(), 4_000);
    }
}
