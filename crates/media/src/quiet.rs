//! Whether somebody speaks: loudness of packets, counted against a silence that ends a message. It refuses to know legs,
//! and what is said.

/// A packet counts as speech above this mean of absolute samples: about -42 dBm0, over line noise and comfort noise.
const LOUD_MEAN: u32 = 120;

/// Listens for a silence of one length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QuietListener {
    quiet_ms: u64,
    /// The last packet with speech; the beginning before the first.
    loud_ms: u64,
    spoke: bool,
}

impl QuietListener {
    pub fn new(quiet_ms: u64, now_ms: u64) -> Self {
        Self { quiet_ms, loud_ms: now_ms, spoke: false }
    }

    /// Takes the samples of one packet.
    pub fn hear(&mut self, samples: impl ExactSizeIterator<Item = i16>, now_ms: u64) {
        let count = samples.len().max(1) as u32;
        let sum: u32 = samples.map(|sample| u32::from(sample.unsigned_abs())).sum();
        if sum / count >= LOUD_MEAN {
            (self.loud_ms, self.spoke) = (now_ms, true);
        }
    }

    /// Once the silence has lasted its time: whether anything was said before it.
    pub fn over(&self, now_ms: u64) -> Option<bool> {
        (now_ms.saturating_sub(self.loud_ms) >= self.quiet_ms).then_some(self.spoke)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v06_a_silence_is_counted_from_the_last_word_and_noise_is_none() {
        let packet = |level: i16| [level, -level].repeat(80).into_iter();
        let mut listener = QuietListener::new(3_000, 1_000);
        listener.hear(packet(40), 2_000);
        assert_eq!((listener.over(3_999), listener.over(4_000)), (None, Some(false)), "noise is no speech");
        listener.hear(packet(2_000), 3_000);
        listener.hear(packet(40), 5_000);
        assert_eq!((listener.over(5_999), listener.over(6_000)), (None, Some(true)));
    }
}
