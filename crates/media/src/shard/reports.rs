//! RTCP of the legs: reports sent on time, from the port of RTP, and those that come there.

use super::*;
use crate::command::Rtcp;
use crate::rtcp::REPORT_BYTES_MAX;

/// Seconds from 1900, where NTP begins, to 1970.
const NTP_OFFSET_S: u64 = 2_208_988_800;

/// The wall time as NTP; only the peer's round trips are measured by it.
fn ntp() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    ((since.as_secs() + NTP_OFFSET_S) << 32) | fraction
}

impl Shard {
    #[inline(never)]
    pub(super) fn receive_reports(&mut self, n: usize, now: Now) {
        let inbound = &mut self.inbox[n];
        let Some(leg) = self.ports[inbound.port as usize].leg.as_deref_mut() else { return };
        if !leg.latch.is_source(inbound.from) {
            leg.strangers += 1;
            return;
        }
        let datagram = &mut inbound.buffer[..inbound.len];
        let len = match &mut leg.secure {
            None => datagram.len(),
            Some(secure) => match secure.inbound.open_rtcp(datagram) {
                Some(len) => len,
                None => return leg.unauthentic += 1,
            },
        };
        leg.hear_reports(&inbound.buffer[..len], ntp(), now.ms);
    }

    pub(super) fn send_report(&mut self, at: u32, now: Now) {
        let slot = &mut self.ports[at as usize];
        let Some(leg) = slot.leg.as_deref_mut() else { return };
        let mut buffer = [0; REPORT_BYTES_MAX + OVERHEAD_BYTES];
        let mut len = leg.report(&mut buffer, ntp(), now.ms);
        if let Some(secure) = leg.secure.as_deref_mut().filter(|_| len > 0) {
            len = secure.out.seal_rtcp(&mut buffer, len).unwrap_or(0);
        }
        let Some(Peer { remote, agreed }) = leg.peer.as_ref().filter(|_| len > 0) else { return };
        let mut remote = *remote;
        match agreed.rtcp {
            Rtcp::Shared => {}
            Rtcp::NextPort => remote.set_port(remote.port().wrapping_add(1)),
            Rtcp::Port(port) => remote.set_port(port),
        }
        // A report that is lost is followed by another.
        let _ = match agreed.rtcp {
            Rtcp::Shared if slot.connected => slot.socket.send(&buffer[..len]),
            Rtcp::Shared | Rtcp::NextPort | Rtcp::Port(_) => slot.socket.send_to(&buffer[..len], remote),
        };
    }
}
