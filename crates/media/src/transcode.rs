//! One stream said in another codec: samples of one leg in, whole frames for another out, on one time line.
//! It refuses to know packets' headers, sockets and who the legs are.

use crate::codec::{Codec, Encoder, OCTETS_MAX, SAMPLES_MAX};

/// Samples of the longest frame: 60 ms.
const FRAME_SAMPLES_MAX: usize = 480;

/// Encodes for one peer, and cuts what it is given into the peer's frames.
pub(crate) struct Coder {
    encoder: Encoder,
    frame_samples: usize,
    waiting: [i16; FRAME_SAMPLES_MAX + SAMPLES_MAX],
    filled: usize,
    line: Option<Line>,
    /// A gap was left out before the next frame.
    broken: bool,
}

/// Where a stream's timestamps lie on the time line of ours.
#[derive(Clone, Copy)]
struct Line {
    from: u32,
    ssrc: u32,
    /// A timestamp of theirs and the one of ours that it stands for.
    theirs: u32,
    ours: u32,
    /// Clock ticks of theirs for a sample at 8 kHz.
    step: u32,
    /// Samples from `theirs` to the first that waits.
    first: i64,
}

/// Whose samples are pushed, and when they were said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said {
    /// Port of the leg that speaks.
    pub from: u32,
    pub ssrc: u32,
    pub timestamp: u32,
    pub clock_hz: u32,
}

/// A frame for the peer.
pub(crate) struct Coded {
    pub len: usize,
    pub timestamp: u32,
    /// Timestamps jump here: a gap, or another speaker.
    pub jumps: bool,
}

impl Coder {
    /// For a peer that wants frames of `ptime_ms` where its codec has them.
    pub fn new(codec: Codec, ptime_ms: u8) -> Coder {
        Coder {
            encoder: Encoder::new(codec),
            frame_samples: usize::from(codec.frame_ms(ptime_ms)) * 8,
            waiting: [0; _],
            filled: 0,
            line: None,
            broken: false,
        }
    }

    pub fn codec(&self) -> Codec {
        self.encoder.codec()
    }

    /// Encodes a frame of playback, 20 ms.
    pub fn encode_now(&mut self, samples: &[i16], out: &mut [u8]) -> usize {
        (self.line, self.filled) = (None, 0);
        self.encoder.encode(samples, out)
    }

    /// Another speaker begins at `start` of our time line, and what waited of the one before is dropped. With the same
    /// speaker nothing changes.
    pub fn listen_to(&mut self, said: Said, start: impl FnOnce() -> u32) {
        let same = |line: Line| line.from == said.from && line.ssrc == said.ssrc;
        if self.line.is_none_or(|line| !same(line)) {
            let step = said.clock_hz / 8_000;
            let (theirs, ours) = (said.timestamp, start());
            self.line = Some(Line { from: said.from, ssrc: said.ssrc, theirs, ours, step, first: 0 });
            (self.filled, self.broken) = (0, true);
        }
    }

    /// Takes the samples of a packet of the speaker.
    pub fn push(&mut self, samples: &[i16], timestamp: u32) {
        let Some(line) = &mut self.line else { return };
        let ahead = i64::from(timestamp.wrapping_sub(line.theirs).cast_signed());
        let offset = ahead / i64::from(line.step);
        if offset != line.first + self.filled as i64 {
            (line.first, self.filled, self.broken) = (offset, 0, true);
        }
        let count = samples.len().min(self.waiting.len() - self.filled);
        self.waiting[self.filled..][..count].copy_from_slice(&samples[..count]);
        self.filled += count;
    }

    /// The next whole frame, encoded into `out`.
    pub fn next_frame(&mut self, out: &mut [u8; OCTETS_MAX]) -> Option<Coded> {
        let line = self.line.as_mut().filter(|_| self.filled >= self.frame_samples)?;
        let len = self.encoder.encode(&self.waiting[..self.frame_samples], out);
        let ticks = line.first * i64::from(self.encoder.codec().clock_hz() / 8_000);
        let timestamp = line.ours.wrapping_add(ticks as u32);
        self.waiting.copy_within(self.frame_samples..self.filled, 0);
        self.filled -= self.frame_samples;
        line.first += self.frame_samples as i64;
        // Far from its origin the line is measured from a nearer one, before the difference could wrap.
        if line.first > 1 << 24 {
            line.theirs = line.theirs.wrapping_add((line.first * i64::from(line.step)) as u32);
            let ticks = line.first * i64::from(self.encoder.codec().clock_hz() / 8_000);
            (line.ours, line.first) = (line.ours.wrapping_add(ticks as u32), 0);
        }
        Some(Coded { len, timestamp, jumps: std::mem::take(&mut self.broken) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(timestamp: u32, clock_hz: u32) -> Said {
        Said { from: 1, ssrc: 7, timestamp, clock_hz }
    }

    fn timestamps(coder: &mut Coder) -> Vec<(u32, bool)> {
        let mut out = [0; OCTETS_MAX];
        std::iter::from_fn(|| coder.next_frame(&mut out).map(|coded| (coded.timestamp, coded.jumps)))
            .collect()
    }

    #[test]
    fn packets_of_30_ms_become_frames_of_20_on_the_others_clock() {
        let mut coder = Coder::new(Codec::Opus, 20);
        coder.listen_to(said(4_000_000_000, 8_000), || 5_000);
        let mut seen = Vec::new();
        for n in 0..4u32 {
            coder.push(&[100; 240], 4_000_000_000u32.wrapping_add(n * 240));
            seen.extend(timestamps(&mut coder));
        }
        let want: Vec<(u32, bool)> = (0..6).map(|n| (5_000 + n * 960, n == 0)).collect();
        assert_eq!(seen, want);
    }

    #[test]
    fn a_lost_packet_is_a_gap_of_its_length() {
        let mut coder = Coder::new(Codec::Pcma, 20);
        coder.listen_to(said(0, 48_000), || 100);
        let mut seen = Vec::new();
        for n in [0u32, 1, 3] {
            coder.push(&[0; 160], n * 960);
            seen.extend(timestamps(&mut coder));
        }
        assert_eq!(seen, [(100, true), (260, false), (580, true)]);
    }

    #[test]
    fn hours_of_one_stream_keep_in_step() {
        let mut coder = Coder::new(Codec::Pcma, 20);
        coder.listen_to(said(0, 48_000), || 0);
        let mut last = 0;
        for n in 0..400_000u32 {
            coder.push(&[0; 160], n.wrapping_mul(960));
            last = timestamps(&mut coder)[0].0;
        }
        assert_eq!(last, 399_999 * 160);
    }
}
