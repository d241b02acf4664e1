//! Times gathered by the million in a fixed table, each known to one part in 128.
//! It refuses to know what is timed.

use super::Percentiles;

/// Steps within each power of two.
const STEPS: u64 = 128;
const STEP_BITS: u32 = STEPS.trailing_zeros();

/// A distribution of times in µs.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    counts: Vec<u64>,
    count: u64,
    max_us: u64,
}

impl Default for Histogram {
    fn default() -> Histogram {
        // 32 bits of µs: more than an hour.
        Histogram { counts: vec![0; index(u64::from(u32::MAX)) + 1], count: 0, max_us: 0 }
    }
}

impl Histogram {
    pub(super) fn add(&mut self, us: u64) {
        self.counts[index(us.min(u64::from(u32::MAX)))] += 1;
        self.count += 1;
        self.max_us = self.max_us.max(us);
    }

    pub(super) fn percentiles(&self) -> Percentiles {
        let at = |share| self.at(share) as f64 / 1000.0;
        Percentiles {
            p50: at(0.50),
            p90: at(0.90),
            p99: at(0.99),
            max: self.max_us as f64 / 1000.0,
            count: self.count,
        }
    }

    /// The largest time of the step in which this share is reached.
    fn at(&self, share: f64) -> u64 {
        let wanted = (self.count as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted && seen > 0 {
                return upper(index).min(self.max_us);
            }
        }
        0
    }
}

fn index(us: u64) -> usize {
    let exponent = (u64::BITS - us.leading_zeros()).saturating_sub(STEP_BITS + 1);
    (u64::from(exponent) * STEPS + (us >> exponent)) as usize
}

fn upper(index: usize) -> u64 {
    let index = index as u64;
    if index < 2 * STEPS {
        return index;
    }
    let exponent = index / STEPS - 1;
    ((index - exponent * STEPS + 1) << exponent) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_lies_in_its_step_and_steps_are_narrow() {
        for us in (0..70_000).chain([1 << 20, (1 << 20) - 1, 123_456_789, u64::from(u32::MAX)]) {
            let upper_us = upper(index(us));
            assert!(upper_us >= us && upper_us - us <= us / 128 + 1, "{us} in {upper_us}");
            assert!(us == 0 || index(us) >= index(us - 1));
        }
    }

    #[test]
    fn percentiles_of_a_straight_line() {
        let mut histogram = Histogram::default();
        (1..=1000).for_each(|ms| histogram.add(ms * 1000));
        let Percentiles { p50, p90, p99, max, count } = histogram.percentiles();
        for (value, wanted) in [(p50, 500.0), (p90, 900.0), (p99, 990.0)] {
            assert!((wanted..wanted * 1.01).contains(&value), "{value} for {wanted}");
        }
        assert_eq!((max, count), (1000.0, 1000));
        assert_eq!(Histogram::default().percentiles(), Percentiles::default());
    }
}
