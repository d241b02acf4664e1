//! Records of two channels in the order they arrived, to samples in the order they were spoken, gaps as silence.
//! It keeps a window of a few seconds in memory whatever a call's length; it refuses to know files.

use std::io::{self, Write};

use super::{Record, RecordKind};
use crate::g711::Law;
use crate::leg::Channel;

/// Half of the window: what arrives later than this behind the newest is left out.
const HALF_SAMPLES: u64 = 8000 * 8;
/// A timestamp that leaves arrival by more than this is anchored to it anew (hold, clock drift, a new stream).
const APART_SAMPLES: i64 = 4000;

/// Two channels of A-law being written.
pub(crate) struct Timeline<W> {
    out: W,
    /// First sample in the window.
    base: u64,
    /// Interleaved left, right.
    window: Vec<u8>,
    samples: u64,
    channels: [Option<Anchor>; 2],
}

#[derive(Clone, Copy)]
struct Anchor {
    timestamp: u32,
    sample: u64,
    /// One after the last sample laid down.
    end: u64,
}

impl<W: Write> Timeline<W> {
    /// A timeline of exactly `samples`; records beyond are cut.
    pub fn new(out: W, samples: u64) -> Timeline<W> {
        Timeline { out, base: 0, window: Vec::new(), samples, channels: [None; 2] }
    }

    /// Lays down a record.
    pub fn place(&mut self, record: &Record, payload: &[u8]) -> io::Result<()> {
        let RecordKind::Audio(channel, law) = record.kind else { return Ok(()) };
        let arrival = u64::from(record.at_ms) * 8;
        let sample = self.sample_of(channel, record.timestamp, arrival, payload.len() as u64);
        let end = (sample + payload.len() as u64).min(self.samples);
        self.make_room(end)?;
        for (n, &octet) in payload.iter().enumerate() {
            let at = sample + n as u64;
            if at >= self.base && at < end {
                let octet = match law {
                    Law::Pcma => octet,
                    Law::Pcmu => Law::Pcma.encode(Law::Pcmu.decode(octet)),
                };
                self.window[(at - self.base) as usize * 2 + channel as usize] = octet;
            }
        }
        Ok(())
    }

    fn sample_of(&mut self, channel: Channel, timestamp: u32, arrival: u64, len: u64) -> u64 {
        let anchor = &mut self.channels[channel as usize];
        if let Some(anchor) = anchor {
            let step = i64::from(timestamp.wrapping_sub(anchor.timestamp).cast_signed());
            let sample = anchor.sample as i64 + step;
            if sample >= 0 && (sample - arrival as i64).abs() <= APART_SAMPLES {
                let sample = sample as u64;
                anchor.end = anchor.end.max(sample + len);
                if step > 0 {
                    (anchor.timestamp, anchor.sample) = (timestamp, sample);
                }
                return sample;
            }
        }
        let sample = arrival.max(anchor.map_or(0, |anchor| anchor.end.min(arrival + APART_SAMPLES as u64)));
        *anchor = Some(Anchor { timestamp, sample, end: sample + len });
        sample
    }

    fn make_room(&mut self, end: u64) -> io::Result<()> {
        while end > self.base + 2 * HALF_SAMPLES {
            self.fill_to(self.base + 2 * HALF_SAMPLES);
            self.out.write_all(&self.window[..HALF_SAMPLES as usize * 2])?;
            self.window.drain(..HALF_SAMPLES as usize * 2);
            self.base += HALF_SAMPLES;
        }
        self.fill_to(end);
        Ok(())
    }

    fn fill_to(&mut self, end: u64) {
        let octets = end.saturating_sub(self.base) as usize * 2;
        if self.window.len() < octets {
            self.window.resize(octets, Law::Pcma.silence());
        }
    }

    /// Fills up with silence and gives the sink back.
    pub fn finish(mut self) -> io::Result<W> {
        self.make_room(self.samples)?;
        self.out.write_all(&self.window)?;
        Ok(self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENCE: u8 = 0xD5;

    fn record(channel: Channel, at_ms: u32, timestamp: u32) -> Record {
        Record { at_ms, timestamp, sequence: 0, kind: RecordKind::Audio(channel, Law::Pcma), len: 160 }
    }

    fn timeline(samples: u64, records: &[(Channel, u32, u32, u8)]) -> [Vec<u8>; 2] {
        let mut timeline = Timeline::new(Vec::new(), samples);
        for &(channel, at_ms, timestamp, octet) in records {
            timeline.place(&record(channel, at_ms, timestamp), &[octet; 160]).expect("a vector");
        }
        let octets = timeline.finish().expect("a vector");
        assert_eq!(octets.len() as u64, samples * 2);
        [0, 1].map(|channel| octets.iter().skip(channel).step_by(2).copied().collect())
    }

    #[test]
    fn channels_start_where_they_arrived_and_gaps_are_silence() {
        let records = [(Channel::Left, 0, 5000, 1), (Channel::Right, 20, 9, 2), (Channel::Left, 41, 5320, 3)];
        let [left, right] = timeline(800, &records);
        assert_eq!(left[..160], [1; 160]);
        assert_eq!(left[160..320], [SILENCE; 160], "a lost packet");
        assert_eq!(left[320..480], [3; 160], "laid by timestamp, not by arrival");
        assert_eq!(right[..160], [SILENCE; 160]);
        assert_eq!(right[160..320], [2; 160]);
        assert_eq!(right[320..], [SILENCE; 480]);
    }

    #[test]
    fn packets_out_of_order_land_where_they_were_spoken() {
        let records = [(Channel::Left, 0, 0, 1), (Channel::Left, 40, 320, 3), (Channel::Left, 45, 160, 2)];
        let [left, _] = timeline(480, &records);
        assert_eq!([left[0], left[160], left[320]], [1, 2, 3]);
    }

    #[test]
    fn a_new_stream_is_laid_where_it_arrived() {
        let records = [(Channel::Left, 0, 0, 1), (Channel::Left, 1000, 0xF000_0000, 2)];
        let [left, _] = timeline(8160, &records);
        assert_eq!(left[7999..8001], [SILENCE, 2]);
    }

    #[test]
    fn what_lies_beyond_the_end_is_cut() {
        let [left, _] = timeline(100, &[(Channel::Left, 0, 0, 1), (Channel::Left, 5000, 40_000, 2)]);
        assert_eq!(left, [1; 100]);
    }

    #[test]
    fn a_long_call_keeps_a_short_window() {
        let mut timeline = Timeline::new(io::sink(), 8000 * 3600);
        for n in 0..180_000u32 {
            timeline.place(&record(Channel::Left, n * 20, n * 160), &[1; 160]).expect("a sink");
            assert!(timeline.window.len() as u64 <= 4 * HALF_SAMPLES);
        }
    }

    #[test]
    fn a_day_of_silence_before_a_packet_costs_no_memory() {
        let mut timeline = Timeline::new(io::sink(), 8000 * 86_400);
        timeline.place(&record(Channel::Right, 86_000_000, 1), &[1; 160]).expect("a sink");
        assert!(timeline.window.capacity() as u64 <= 8 * HALF_SAMPLES);
    }
}
