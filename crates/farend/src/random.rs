//! Chance from a seed: the same seed gives the same world.
//! It refuses to know the machine's own randomness.

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// A number below `bound`; 0 when `bound` is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// A number of a closed range.
    pub(crate) fn within(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// Above 0 and at most 1.
    pub(crate) fn unit(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    /// Exponentially distributed around `mean`: the waiting time of independent events.
    pub(crate) fn exponential(&mut self, mean: f64) -> f64 {
        -self.unit().ln() * mean
    }

    /// An index of `weights` with a chance in proportion; `None` when they sum to zero.
    pub(crate) fn weighted(&mut self, weights: impl Iterator<Item = u32> + Clone) -> Option<usize> {
        let sum: u64 = weights.clone().map(u64::from).sum();
        let mut left = self.below(sum);
        weights.enumerate().find_map(|(at, weight)| {
            if left < u64::from(weight) {
                return Some(at);
            }
            left -= u64::from(weight);
            None
        })
    }
}

/// A number from which the one before cannot be guessed at a glance.
pub(crate) fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_within_their_bounds() {
        let (mut one, mut other) = (Random::new(7), Random::new(7));
        for _ in 0..1000 {
            let value = one.within(3, 9);
            assert_eq!(value, other.within(3, 9));
            assert!((3..=9).contains(&value));
        }
        assert_eq!(one.below(0), 0);
    }

    #[test]
    fn weights_are_kept_and_nothing_weighs_nothing() {
        let mut random = Random::new(1);
        let hits = (0..3000).filter(|_| random.weighted([1, 0, 2].into_iter()) == Some(2)).count();
        assert!((1900..2100).contains(&hits), "{hits}");
        assert_eq!(random.weighted([0, 0].into_iter()), None);
    }

    #[test]
    fn exponential_times_have_their_mean() {
        let mut random = Random::new(2);
        let mean = (0..20_000).map(|_| random.exponential(10.0)).sum::<f64>() / 20_000.0;
        assert!((9.5..10.5).contains(&mean), "{mean}");
    }
}
