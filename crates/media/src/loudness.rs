//! How loud a sound is to a listener (ITU-R BS.1770-4: K weighting, gated blocks), and bringing it to the loudness all
//! prompts have, with peaks held below full scale. It refuses to know what the sound is.

use std::f64::consts::PI;

/// The loudness prompts are brought to. Full scale of G.711 lies 3 dB above what a network takes without distortion, and
/// speech at this loudness has its peaks there.
pub const TARGET_LUFS: f64 = -20.0;
/// No sample is larger than this part of full scale: -1.5 dBFS.
pub const PEAK_MAX: f32 = 0.84;
/// What is quieter than this is no sound, or one whose noise would be heard once it is loud enough.
pub const SILENCE_LUFS: f64 = -60.0;

/// Blocks of 400 ms, one each 100 ms.
const BLOCK_MS: usize = 400;
const STEP_MS: usize = 100;
/// How far the limiter looks ahead and back.
const LIMITER_MS: usize = 5;
/// Limiting takes away loudness; so many rounds give it back.
const ROUNDS: usize = 4;

/// The integrated loudness of samples between -1 and 1; `None` for silence. What is shorter than a block is one block.
pub fn integrated_lufs(samples: &[f32], rate: u32) -> Option<f64> {
    let per_ms = rate as usize / 1000;
    let (block, step) = ((BLOCK_MS * per_ms).min(samples.len()), STEP_MS * per_ms);
    if block == 0 || step == 0 {
        return None;
    }
    let squares = weighted_squares(samples, f64::from(rate));
    let mean = |from: usize| squares[from..from + block].iter().sum::<f64>() / block as f64;
    let blocks: Vec<f64> = (0..=samples.len() - block).step_by(step).map(mean).collect();
    let over = |gate_lufs: f64| {
        let heard: Vec<f64> = blocks.iter().copied().filter(|power| lufs(*power) > gate_lufs).collect();
        (!heard.is_empty()).then(|| lufs(heard.iter().sum::<f64>() / heard.len() as f64))
    };
    over(over(-70.0)? - 10.0)
}

fn lufs(power: f64) -> f64 {
    -0.691 + 10.0 * power.max(1e-20).log10()
}

/// The two filters of K weighting, designed for the rate at hand, and the square of what comes out.
fn weighted_squares(samples: &[f32], rate: f64) -> Vec<f64> {
    let mut shelf = Biquad::high_shelf(rate);
    let mut pass = Biquad::high_pass(rate);
    samples.iter().map(|&sample| pass.step(shelf.step(f64::from(sample))).powi(2)).collect()
}

/// A filter of the second order (transposed direct form II).
struct Biquad {
    b: [f64; 3],
    a: [f64; 2],
    kept: [f64; 2],
}

impl Biquad {
    /// The head: +4 dB above 1.7 kHz.
    fn high_shelf(rate: f64) -> Biquad {
        let (f0, gain_db, q) = (1_681.974_450_955_533, 3.999_843_853_973_347, 0.707_175_236_955_419_6);
        let k = (PI * f0 / rate).tan();
        let high = 10f64.powf(gain_db / 20.0);
        let band = high.powf(0.499_666_774_154_541_6);
        let a0 = 1.0 + k / q + k * k;
        let b = [
            (high + band * k / q + k * k) / a0,
            2.0 * (k * k - high) / a0,
            (high - band * k / q + k * k) / a0,
        ];
        Biquad { b, a: [2.0 * (k * k - 1.0) / a0, (1.0 - k / q + k * k) / a0], kept: [0.0; 2] }
    }

    /// What is below 38 Hz is not heard.
    fn high_pass(rate: f64) -> Biquad {
        let (f0, q) = (38.135_470_876_024_44, 0.500_327_037_323_877_3);
        let k = (PI * f0 / rate).tan();
        let a0 = 1.0 + k / q + k * k;
        let a = [2.0 * (k * k - 1.0) / a0, (1.0 - k / q + k * k) / a0];
        Biquad { b: [1.0, -2.0, 1.0], a, kept: [0.0; 2] }
    }

    fn step(&mut self, x: f64) -> f64 {
        let y = self.b[0] * x + self.kept[0];
        self.kept = [self.b[1] * x - self.a[0] * y + self.kept[1], self.b[2] * x - self.a[1] * y];
        y
    }
}

/// The sound is too quiet to be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("silence, or far too quiet")]
pub struct Silent;

/// Brings samples between -1 and 1 to [`TARGET_LUFS`], without their constant part, and gives how loud they were.
///
/// # Errors
/// There is nothing to make louder.
pub fn level(samples: &mut [f32], rate: u32) -> Result<f64, Silent> {
    let middle = samples.iter().sum::<f32>() / samples.len().max(1) as f32;
    samples.iter_mut().for_each(|sample| *sample -= middle);
    let before = integrated_lufs(samples, rate).filter(|lufs| *lufs > SILENCE_LUFS).ok_or(Silent)?;
    let (mut gain_db, mut levelled) = (TARGET_LUFS - before, Vec::new());
    for _ in 0..ROUNDS {
        levelled = amplified(samples, gain_db, rate);
        let short_db = TARGET_LUFS - integrated_lufs(&levelled, rate).unwrap_or(TARGET_LUFS);
        if short_db < 0.2 {
            break;
        }
        gain_db += short_db;
    }
    samples.copy_from_slice(&levelled);
    Ok(before)
}

/// Louder by so much, and softer again around each peak: what a peak needs holds for 5 ms before and behind it, and the
/// way there is a straight line, so nothing clips and nothing crackles.
fn amplified(samples: &[f32], gain_db: f64, rate: u32) -> Vec<f32> {
    let gain = 10f64.powf(gain_db / 20.0) as f32;
    let reach = LIMITER_MS * rate as usize / 1000;
    let need: Vec<f32> =
        samples.iter().map(|&sample| (PEAK_MAX / (sample * gain).abs().max(PEAK_MAX)).min(1.0)).collect();
    let least = sliding(&need, reach, |window| window.iter().copied().fold(1.0, f32::min));
    let smooth = sliding(&least, reach / 2, |window| window.iter().sum::<f32>() / window.len() as f32);
    samples.iter().zip(smooth).map(|(&sample, hold)| sample * gain * hold).collect()
}

/// What a function makes of the samples within reach of each.
fn sliding(values: &[f32], reach: usize, of: impl Fn(&[f32]) -> f32) -> Vec<f32> {
    let window = |at: usize| &values[at.saturating_sub(reach)..(at + reach + 1).min(values.len())];
    (0..values.len()).map(|at| of(window(at))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(rate: u32, hz: f32, amplitude: f32, ms: usize) -> Vec<f32> {
        let step = 2.0 * std::f32::consts::PI * hz / rate as f32;
        (0..rate as usize / 1000 * ms).map(|n| amplitude * (step * n as f32).sin()).collect()
    }

    /// The calibration of BS.1770: a full sine at 997 Hz in one channel is -3.01 LKFS; the conformance tones of EBU Tech
    /// 3341 at 1 kHz lie where their name says.
    #[test]
    fn i02_loudness_is_that_of_the_recommendation() {
        for rate in [48_000, 16_000, 8_000] {
            let full = integrated_lufs(&sine(rate, 997.0, 1.0, 3_000), rate).expect("a sound");
            assert!((full + 3.01).abs() < 0.2, "{rate}: {full}");
            let quiet = integrated_lufs(&sine(rate, 1000.0, 0.1, 3_000), rate).expect("a sound");
            assert!((quiet + 23.0).abs() < 0.25, "{rate}: {quiet}");
        }
        assert_eq!(integrated_lufs(&[0.0; 8000], 8000), None);
        assert_eq!(integrated_lufs(&[], 8000), None);
    }

    /// Silence between words does not make a prompt quieter than it is (the gate), so it is not made too loud.
    #[test]
    fn i02_pauses_do_not_count() {
        let tone = sine(8000, 1000.0, 0.1, 2_000);
        let alone = integrated_lufs(&tone, 8000).expect("a sound");
        let with_pause = integrated_lufs(&[tone.clone(), vec![0.0; 80_000]].concat(), 8000).expect("a sound");
        assert!((alone - with_pause).abs() < 1.0, "{alone} {with_pause}");
    }

    #[test]
    fn i02_loud_and_quiet_files_come_out_alike_and_never_clip() {
        for amplitude in [0.005, 0.05, 1.0] {
            // Words with a click in front, which a plain gain would drive far beyond full scale.
            let mut samples: Vec<f32> = vec![0.9 * amplitude; 8];
            for word in 0..6 {
                samples.extend(sine(8000, 300.0 + 100.0 * word as f32, 0.5 * amplitude, 350));
                samples.extend([0.0; 1200]);
            }
            samples.iter_mut().for_each(|sample| *sample += 0.02 * amplitude);
            level(&mut samples, 8000).expect("a sound");
            let after = integrated_lufs(&samples, 8000).expect("a sound");
            assert!((after - TARGET_LUFS).abs() < 0.5, "{amplitude}: {after}");
            let peak = samples.iter().fold(0f32, |peak, sample| peak.max(sample.abs()));
            assert!(peak <= PEAK_MAX + 1e-4, "{amplitude}: {peak}");
        }
    }

    #[test]
    fn i02_what_is_no_sound_is_refused() {
        assert_eq!(level(&mut [0.0; 8000], 8000), Err(Silent));
        assert_eq!(level(&mut [0.5; 8000], 8000), Err(Silent), "a constant is no sound");
        assert_eq!(level(&mut [], 8000), Err(Silent));
        assert_eq!(level(&mut sine(8000, 1000.0, 0.0005, 1_000), 8000), Err(Silent));
    }
}
