//! Whose packets a leg takes (FAULTS N5): the source is learned once, in a short window, then locked by address and SSRC.
//! Packets and times come in as values; it refuses to know sockets.

use std::net::SocketAddr;

use crate::rtp::Packet;

/// How long after a Connect a source other than the exact address of the SDP may be learned.
pub const LEARN_MS: u64 = 250;
/// Packets in a row that an unannounced host must send, with one SSRC, to be believed.
const PACKETS_IN_ROW: u8 = 3;
/// A locked source may change its SSRC once the old one has been silent for so long.
const SSRC_SILENT_MS: u64 = 500;

/// What to do with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Drop it, count it.
    Stranger,
    /// Nobody is expected yet: drop it.
    Unexpected,
    /// From the locked source.
    Accepted,
    /// The source is learned and locked by this packet.
    Learned(SocketAddr),
    /// From the locked source, which begins a new stream.
    NewStream,
}

/// The source of one leg.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latch {
    state: State,
}

#[derive(Clone, Debug, Default)]
enum State {
    /// Before the first Connect.
    #[default]
    Closed,
    Learning {
        remote: SocketAddr,
        until_ms: u64,
        candidate: Option<Run>,
    },
    Locked {
        address: SocketAddr,
        ssrc: u32,
        last_ms: u64,
        candidate: Option<Run>,
    },
}

/// Packets in a row of one source.
#[derive(Clone, Copy, Debug)]
struct Run {
    address: SocketAddr,
    ssrc: u32,
    sequence: u16,
    packets: u8,
}

impl Run {
    fn with(before: Option<Run>, address: SocketAddr, packet: &Packet) -> Run {
        let packets = match before {
            Some(run)
                if run.address == address
                    && run.ssrc == packet.ssrc
                    && run.sequence.wrapping_add(1) == packet.sequence =>
            {
                run.packets + 1
            }
            _ => 1,
        };
        Run { address, ssrc: packet.ssrc, sequence: packet.sequence, packets }
    }
}

impl Latch {
    /// Reads what each packet needs, for nothing but to have it near.
    pub fn glance(&self) -> u64 {
        match &self.state {
            State::Closed => 0,
            State::Learning { until_ms, .. } => *until_ms,
            State::Locked { last_ms, .. } => *last_ms,
        }
    }

    /// An SDP names the peer: learn anew.
    pub fn expect(&mut self, remote: SocketAddr, now_ms: u64) {
        self.state = State::Learning { remote, until_ms: now_ms + LEARN_MS, candidate: None };
    }

    /// The peer's stream, once it is locked.
    pub fn ssrc(&self) -> Option<u32> {
        match self.state {
            State::Locked { ssrc, .. } => Some(ssrc),
            State::Closed | State::Learning { .. } => None,
        }
    }

    /// Whether a datagram that is no RTP comes from the locked source; `from` as in [`Latch::judge`].
    pub fn is_source(&self, from: Option<SocketAddr>) -> bool {
        match self.state {
            State::Locked { address, .. } => from.is_none_or(|from| from == address),
            State::Closed | State::Learning { .. } => false,
        }
    }

    /// Judges a packet. `from` is `None` on a connected socket: the kernel has compared the address.
    #[inline]
    pub fn judge(&mut self, from: Option<SocketAddr>, packet: &Packet, now_ms: u64) -> Verdict {
        match &mut self.state {
            State::Locked { address, ssrc, last_ms, candidate } => {
                if from.is_some_and(|from| from != *address) {
                    return Verdict::Stranger;
                }
                if packet.ssrc == *ssrc {
                    *last_ms = now_ms;
                    return Verdict::Accepted;
                }
                let run = Run::with(*candidate, *address, packet);
                *candidate = Some(run);
                if run.packets < PACKETS_IN_ROW || now_ms.saturating_sub(*last_ms) < SSRC_SILENT_MS {
                    return Verdict::Stranger;
                }
                (*ssrc, *last_ms, *candidate) = (packet.ssrc, now_ms, None);
                Verdict::NewStream
            }
            State::Learning { remote, until_ms, candidate } => {
                let Some(from) = from else { return Verdict::Stranger };
                let in_window = now_ms < *until_ms;
                let believed = from == *remote
                    || in_window && from.ip() == remote.ip()
                    || in_window && from.is_ipv4() == remote.is_ipv4() && {
                        let run = Run::with(*candidate, from, packet);
                        *candidate = Some(run);
                        run.packets >= PACKETS_IN_ROW
                    };
                if !believed {
                    return Verdict::Stranger;
                }
                self.state =
                    State::Locked { address: from, ssrc: packet.ssrc, last_ms: now_ms, candidate: None };
                Verdict::Learned(from)
            }
            State::Closed => Verdict::Unexpected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "192.0.2.1:4000";

    fn at(text: &str) -> Option<SocketAddr> {
        Some(text.parse().expect("an address"))
    }

    fn packet(ssrc: u32, sequence: u16) -> Packet {
        Packet { marker: false, payload_type: 8, sequence, timestamp: 0, ssrc, start: 12, end: 172 }
    }

    fn expecting(remote: &str) -> Latch {
        let mut latch = Latch::default();
        latch.expect(at(remote).expect("an address"), 1000);
        latch
    }

    #[test]
    fn fault_n5_nobody_is_learned_before_a_connect() {
        assert_eq!(Latch::default().judge(at(PEER), &packet(1, 1), 0), Verdict::Unexpected);
    }

    #[test]
    fn fault_n5_the_announced_address_is_taken_at_any_time() {
        let mut latch = expecting(PEER);
        assert_eq!(latch.judge(at(PEER), &packet(1, 1), 60_000), Verdict::Learned(at(PEER).expect("set")));
        assert_eq!(latch.judge(None, &packet(1, 2), 60_020), Verdict::Accepted);
    }

    #[test]
    fn fault_n5_another_port_of_the_host_is_learned_in_the_window_only() {
        let other = at("192.0.2.1:5000");
        assert!(matches!(expecting(PEER).judge(other, &packet(1, 1), 1249), Verdict::Learned(_)));
        assert_eq!(expecting(PEER).judge(other, &packet(1, 1), 1250), Verdict::Stranger);
    }

    #[test]
    fn fault_n5_another_host_must_send_a_run_in_the_window() {
        let other = at("198.51.100.7:5000");
        let mut latch = expecting(PEER);
        assert_eq!(latch.judge(other, &packet(9, 1), 1010), Verdict::Stranger);
        assert_eq!(latch.judge(other, &packet(9, 2), 1030), Verdict::Stranger);
        assert!(matches!(latch.judge(other, &packet(9, 3), 1050), Verdict::Learned(_)));
        let mut latch = expecting(PEER);
        for (sequence, ssrc, now_ms) in [(1, 9, 1010), (3, 9, 1030), (4, 8, 1050), (5, 8, 1070), (6, 8, 1300)]
        {
            assert_eq!(latch.judge(other, &packet(ssrc, sequence), now_ms), Verdict::Stranger);
        }
    }

    #[test]
    fn fault_n5_the_announced_host_wins_over_a_stranger_that_came_first() {
        let (stranger, peer) = (at("198.51.100.7:5000"), at(PEER));
        let mut latch = expecting(PEER);
        assert_eq!(latch.judge(stranger, &packet(9, 1), 1010), Verdict::Stranger);
        assert!(matches!(latch.judge(peer, &packet(1, 1), 1020), Verdict::Learned(_)));
        assert_eq!(latch.judge(stranger, &packet(9, 2), 1030), Verdict::Stranger);
    }

    #[test]
    fn fault_n5_the_other_address_family_is_never_learned() {
        let mut latch = expecting(PEER);
        for sequence in 1..10 {
            assert_eq!(latch.judge(at("[2001:db8::1]:4000"), &packet(9, sequence), 1010), Verdict::Stranger);
        }
    }

    #[test]
    fn fault_n5_a_locked_source_stays_until_a_new_connect() {
        let mut latch = expecting(PEER);
        latch.judge(at(PEER), &packet(1, 1), 1010);
        for sequence in 1..10 {
            assert_eq!(latch.judge(at("192.0.2.1:5000"), &packet(1, sequence), 99_000), Verdict::Stranger);
        }
        latch.expect("192.0.2.1:5000".parse().expect("an address"), 99_000);
        assert!(matches!(latch.judge(at("192.0.2.1:5000"), &packet(2, 1), 99_001), Verdict::Learned(_)));
    }

    #[test]
    fn fault_n5_a_foreign_ssrc_is_taken_only_after_silence_and_a_run() {
        let mut latch = expecting(PEER);
        latch.judge(at(PEER), &packet(1, 1), 1010);
        for sequence in 1..20 {
            assert_eq!(latch.judge(None, &packet(1, sequence + 1), 1100), Verdict::Accepted);
            assert_eq!(latch.judge(None, &packet(2, sequence), 1100), Verdict::Stranger, "injected");
        }
        let verdicts = [50, 51, 52].map(|sequence| latch.judge(None, &packet(3, sequence), 1700));
        assert_eq!(verdicts, [Verdict::Stranger, Verdict::Stranger, Verdict::NewStream]);
        assert_eq!(latch.judge(None, &packet(3, 53), 1720), Verdict::Accepted);
    }
}
