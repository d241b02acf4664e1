//! What a leg receives in figures: loss, order, jitter (RFC 3550) and an opinion score (ITU-T G.107).
//! Arrival times come in as values; it refuses to know sockets and payloads.

use crate::command::LegStats;
use crate::rtcp::Block;
use crate::rtp::Packet;

/// A sequence number so far from the newest begins a new count (RFC 3550 A.1).
const JUMP_MAX: i32 = 3_000;

/// Where a packet stands among those received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// The newest so far.
    Newest,
    /// Older than the newest.
    Late,
    /// Seen before.
    Duplicate,
}

/// The packets of one peer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reception {
    received: u64,
    late: u64,
    duplicate: u64,
    /// Expected and received of streams that ended.
    expected_before: u64,
    stream: Option<Stream>,
    jitter_samples: f32,
    /// RTP clock in kHz; 0 stands for 8.
    clock_khz: u32,
    /// Expected and received at the last report block.
    reported: (u64, u64),
}

#[derive(Clone, Debug)]
struct Stream {
    first: u32,
    newest: u16,
    /// Packets from the first to the newest.
    expected: u64,
    /// Bit n: newest - n was received.
    window: u64,
    transit: Option<u32>,
}

impl Reception {
    /// Reads what each packet needs, for nothing but to have it near.
    pub fn glance(&self) -> u64 {
        self.received ^ self.stream.as_ref().map_or(0, |stream| stream.window)
    }

    /// Counts a packet. `transit` measures jitter; events, whose timestamp stands still, are counted without.
    #[inline]
    pub fn take(&mut self, packet: &Packet, now_us: u64, measures: bool) -> Order {
        let Some(stream) = &mut self.stream else {
            self.begin(packet.sequence);
            return Order::Newest;
        };
        let ahead = i32::from(packet.sequence.wrapping_sub(stream.newest) as i16);
        if ahead.abs() > JUMP_MAX {
            self.restart();
            self.begin(packet.sequence);
            return Order::Newest;
        }
        if ahead > 0 {
            stream.window = stream.window.checked_shl(ahead as u32).unwrap_or(0) | 1;
            stream.newest = packet.sequence;
            stream.expected += ahead as u64;
            self.received += 1;
            if measures {
                self.measure(packet.timestamp, now_us);
            }
            return Order::Newest;
        }
        let behind = ahead.unsigned_abs();
        let bit = 1u64.checked_shl(behind).unwrap_or(0);
        if stream.window & bit != 0 {
            self.duplicate += 1;
            return Order::Duplicate;
        }
        stream.window |= bit;
        self.received += 1;
        self.late += 1;
        Order::Late
    }

    /// The clock timestamps are counted in from now on.
    pub fn set_clock(&mut self, clock_hz: u32) {
        let clock_khz = clock_hz / 1000;
        if self.clock_khz() != clock_khz {
            self.clock_khz = clock_khz;
            self.jitter_samples = 0.0;
        }
    }

    fn clock_khz(&self) -> u32 {
        if self.clock_khz == 0 { 8 } else { self.clock_khz }
    }

    /// A new stream counts its sequence anew.
    pub fn restart(&mut self) {
        if let Some(stream) = self.stream.take() {
            self.expected_before += stream.expected;
        }
    }

    fn begin(&mut self, sequence: u16) {
        self.received += 1;
        self.stream = Some(Stream {
            first: u32::from(sequence),
            newest: sequence,
            expected: 1,
            window: 1,
            transit: None,
        });
    }

    fn measure(&mut self, timestamp: u32, now_us: u64) {
        let clock_khz = self.clock_khz();
        let Some(stream) = &mut self.stream else { return };
        let transit = ((now_us * u64::from(clock_khz) / 1000) as u32).wrapping_sub(timestamp);
        if let Some(before) = stream.transit.replace(transit) {
            let difference = transit.wrapping_sub(before).cast_signed().unsigned_abs();
            // A second or more is a jump of the sender's clock, not of the network.
            if difference < clock_khz * 1000 {
                self.jitter_samples += (difference as f32 - self.jitter_samples) / 16.0;
            }
        }
    }

    /// What a report tells of the stream; `None` before its first packet. `last_report` and `since` are the caller's.
    pub fn block(&mut self, ssrc: u32) -> Option<Block> {
        let stream = self.stream.as_ref()?;
        let expected = self.expected_before + stream.expected;
        let (expected_new, received_new) =
            (expected - self.reported.0.min(expected), self.received - self.reported.1.min(self.received));
        self.reported = (expected, self.received);
        let lost_new = expected_new.saturating_sub(received_new);
        Some(Block {
            ssrc,
            fraction_lost: (lost_new * 256).checked_div(expected_new).unwrap_or(0).min(255) as u8,
            lost: expected.saturating_sub(self.received).min(0x7F_FFFF) as u32,
            newest: stream.first.wrapping_add(stream.expected as u32).wrapping_sub(1),
            jitter: self.jitter_samples as u32,
            ..Block::default()
        })
    }

    /// Fills in what was received.
    pub fn report(&self, stats: &mut LegStats) {
        let expected = self.expected_before + self.stream.as_ref().map_or(0, |stream| stream.expected);
        stats.received = self.received;
        stats.late = self.late;
        stats.duplicate = self.duplicate;
        stats.lost = expected.saturating_sub(self.received);
        stats.jitter_us = (self.jitter_samples * 1000.0 / self.clock_khz() as f32) as u32;
        if self.received > 0 {
            let loss = stats.lost as f32 / (stats.lost + self.received) as f32;
            stats.mos_e2 = (mos(loss, stats.jitter_us as f32 / 1000.0) * 100.0).round() as u16;
        }
    }
}

/// The mean opinion score of G.711 with concealment at a share of lost packets and a jitter. The way's own
/// delay is not known here: a play-out buffer of twice the jitter and 60 ms for all else are assumed.
fn mos(loss: f32, jitter_ms: f32) -> f32 {
    const R_WITHOUT_IMPAIRMENT: f32 = 93.2;
    /// Robustness of G.711 with Appendix I concealment (G.113 Appendix I).
    const BPL: f32 = 25.1;
    let delay_ms = 60.0 + 2.0 * jitter_ms;
    let delay_impairment = 0.024 * delay_ms + if delay_ms > 177.3 { 0.11 * (delay_ms - 177.3) } else { 0.0 };
    let loss_percent = loss * 100.0;
    let loss_impairment = 95.0 * loss_percent / (loss_percent + BPL);
    let r = (R_WITHOUT_IMPAIRMENT - delay_impairment - loss_impairment).clamp(0.0, 100.0);
    (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).clamp(1.0, 4.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sequence: u16, timestamp: u32) -> Packet {
        Packet { marker: false, payload_type: 8, sequence, timestamp, ssrc: 1, start: 12, end: 172 }
    }

    fn stats_of(sequences: &[u16]) -> LegStats {
        let mut reception = Reception::default();
        for (n, &sequence) in sequences.iter().enumerate() {
            reception.take(&packet(sequence, n as u32 * 160), n as u64 * 20_000, true);
        }
        let mut stats = LegStats::default();
        reception.report(&mut stats);
        stats
    }

    #[test]
    fn an_even_stream_has_no_loss_and_no_jitter() {
        let stats = stats_of(&[65_534, 65_535, 0, 1, 2]);
        assert_eq!((stats.received, stats.lost, stats.late, stats.duplicate), (5, 0, 0, 0));
        assert_eq!(stats.jitter_us, 0);
        assert!((435..=441).contains(&stats.mos_e2), "{}", stats.mos_e2);
    }

    #[test]
    fn loss_order_and_duplicates_are_told_apart() {
        let stats = stats_of(&[1, 2, 5, 4, 5, 2, 9]);
        assert_eq!((stats.received, stats.lost, stats.late, stats.duplicate), (5, 4, 1, 2));
    }

    #[test]
    fn a_jump_and_a_new_stream_are_no_loss() {
        assert_eq!(stats_of(&[1, 2, 30_000, 30_001]).lost, 0);
        let mut reception = Reception::default();
        reception.take(&packet(1, 0), 0, true);
        reception.restart();
        reception.take(&packet(500, 0), 20_000, true);
        let mut stats = LegStats::default();
        reception.report(&mut stats);
        assert_eq!((stats.received, stats.lost), (2, 0));
    }

    #[test]
    fn jitter_follows_the_formula_of_rfc_3550() {
        let mut reception = Reception::default();
        for n in 0..1000u32 {
            // Every second packet 5 ms late: each difference is 5 ms.
            let now_us = u64::from(n) * 20_000 + u64::from(n % 2) * 5_000;
            reception.take(&packet(n as u16, n * 160), now_us, true);
        }
        let mut stats = LegStats::default();
        reception.report(&mut stats);
        assert!((4_900..=5_000).contains(&stats.jitter_us), "{}", stats.jitter_us);
    }

    #[test]
    fn the_score_falls_with_loss_and_jitter() {
        assert!((mos(0.0, 0.0) - 4.38).abs() < 0.03);
        assert!(mos(0.02, 0.0) < 4.3 && mos(0.02, 0.0) > 4.0);
        assert!(mos(0.2, 0.0) < 2.9);
        assert!(mos(0.0, 150.0) < mos(0.0, 10.0));
        assert!(mos(1.0, 1000.0) >= 1.0);
    }

    #[test]
    fn without_packets_there_is_no_score() {
        let mut stats = LegStats::default();
        Reception::default().report(&mut stats);
        assert_eq!(stats, LegStats::default());
    }
}
