//! Who hears whom where two are not enough: the voice of a leg as samples, and a listener that hears the sum of some of them,
//! 20 ms at a time. It refuses to know sockets, codecs and packets, and costs nothing to legs that are not mixed.

use crate::command::LegId;
use crate::rtp::FRAME_SAMPLES;

/// Samples kept of a voice: 128 ms at 8 kHz.
const KEPT: usize = 1024;
/// A listener begins, and begins anew after a gap, this far behind a voice: packets are not on time.
const BEHIND: u64 = 2 * FRAME_SAMPLES as u64;
/// A listener that is further behind leaves out what is between.
const BEHIND_MAX: u64 = 5 * FRAME_SAMPLES as u64;

/// The newest samples of one leg.
pub(crate) struct Voice {
    samples: [i16; KEPT],
    /// All samples so far.
    written: u64,
}

impl Default for Voice {
    fn default() -> Voice {
        Voice { samples: [0; KEPT], written: 0 }
    }
}

impl Voice {
    /// What was just heard.
    pub fn push(&mut self, samples: impl Iterator<Item = i16>) {
        for sample in samples {
            self.samples[self.written as usize % KEPT] = sample;
            self.written += 1;
        }
    }
}

/// One voice as a listener follows it.
pub(crate) struct Source {
    /// Whose it is: a port may be another leg's by now.
    pub leg: LegId,
    /// Its port.
    pub port: u32,
    read: u64,
    /// Whether enough was there to begin.
    running: bool,
}

impl Source {
    /// Follows a leg's voice from now on.
    pub fn new(leg: LegId, port: u32, voice: &Voice) -> Source {
        Source { leg, port, read: voice.written, running: false }
    }

    /// Adds the next 20 ms of the voice, if they are there.
    pub fn add(&mut self, voice: &Voice, sum: &mut [i32; FRAME_SAMPLES]) {
        let ahead = voice.written - self.read;
        if ahead > BEHIND_MAX {
            self.read = voice.written - BEHIND;
        }
        let least = if self.running { FRAME_SAMPLES as u64 } else { BEHIND };
        self.running = ahead >= least;
        if !self.running {
            return;
        }
        for (n, sum) in sum.iter_mut().enumerate() {
            *sum += i32::from(voice.samples[(self.read as usize + n) % KEPT]);
        }
        self.read += FRAME_SAMPLES as u64;
    }
}

/// What a listener hears.
pub(crate) struct Mix {
    /// The voices.
    pub sources: Vec<Source>,
    /// The turn of its last frame.
    pub last_turn: Option<u64>,
}

/// A sum as samples: what is too loud is cut.
pub(crate) fn cut(sum: &[i32; FRAME_SAMPLES]) -> [i16; FRAME_SAMPLES] {
    std::array::from_fn(|n| sum[n].clamp(i16::MIN.into(), i16::MAX.into()) as i16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(voice: &Voice, source: &mut Source) -> [i16; FRAME_SAMPLES] {
        let mut sum = [0; FRAME_SAMPLES];
        source.add(voice, &mut sum);
        cut(&sum)
    }

    #[test]
    fn a_listener_begins_two_frames_behind_and_hears_everything_once() {
        let mut voice = Voice::default();
        let mut source = Source::new(LegId(1), 0, &voice);
        voice.push((1..=160).map(|n| n as i16));
        assert_eq!(frame(&voice, &mut source), [0; FRAME_SAMPLES], "it waits for the second");
        voice.push((161..=320).map(|n| n as i16));
        for at in 0..2 {
            let want: [i16; FRAME_SAMPLES] = std::array::from_fn(|n| (at * 160 + n + 1) as i16);
            assert_eq!(frame(&voice, &mut source), want);
        }
        assert_eq!(frame(&voice, &mut source), [0; FRAME_SAMPLES], "nothing is heard twice");
    }

    #[test]
    fn who_is_far_behind_leaves_out_what_is_between() {
        let mut voice = Voice::default();
        let mut source = Source::new(LegId(1), 0, &voice);
        voice.push((0..960).map(|n| n as i16));
        assert_eq!(frame(&voice, &mut source)[0], 640);
    }

    #[test]
    fn a_sum_that_is_too_loud_is_cut_and_does_not_turn_over() {
        let mut loud = Voice::default();
        let (mut one, mut other) = (Source::new(LegId(1), 0, &loud), Source::new(LegId(1), 0, &loud));
        loud.push(std::iter::repeat_n(30_000, 320));
        let mut sum = [0; FRAME_SAMPLES];
        one.add(&loud, &mut sum);
        other.add(&loud, &mut sum);
        assert_eq!(cut(&sum), [i16::MAX; FRAME_SAMPLES]);
    }
}
