//! RTP packets (RFC 3550): the header read and written in place, and the body of a telephone-event (RFC 4733).
//! It refuses to know sockets, legs and what the sound means.

/// Octets of a header without contributing sources and extension.
pub const HEADER_BYTES: usize = 12;
/// Samples, and for G.711 octets, in the 20 ms of one packet.
pub const FRAME_SAMPLES: usize = 160;

/// What a header says, and where the payload lies in the datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// First of a talk spurt or of an event.
    pub marker: bool,
    /// Payload type.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp in samples.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// First octet of the payload; never below 12.
    pub start: usize,
    /// One after its last octet.
    pub end: usize,
}

impl Packet {
    /// Reads a datagram; `None` if it is not RTP version 2, is RTCP on a shared port (RFC 5761), or its lengths do not fit.
    #[inline]
    pub fn parse(datagram: &[u8]) -> Option<Packet> {
        let header = datagram.first_chunk::<HEADER_BYTES>()?;
        if header[0] >> 6 != 2 || (192..=223).contains(&header[1]) {
            return None;
        }
        let (start, end) =
            if header[0] & 0x3F == 0 { (HEADER_BYTES, datagram.len()) } else { payload_bounds(datagram)? };
        Some(Packet {
            marker: header[1] & 0x80 != 0,
            payload_type: header[1] & 0x7F,
            sequence: u16::from_be_bytes([header[2], header[3]]),
            timestamp: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
            ssrc: u32::from_be_bytes([header[8], header[9], header[10], header[11]]),
            start,
            end,
        })
    }
}

/// Bounds of the payload behind contributing sources and extension and before padding.
fn payload_bounds(datagram: &[u8]) -> Option<(usize, usize)> {
    let mut start = HEADER_BYTES + usize::from(datagram[0] & 0x0F) * 4;
    if datagram[0] & 0x10 != 0 {
        let head = datagram.get(start..start + 4)?;
        start += 4 + usize::from(u16::from_be_bytes([head[2], head[3]])) * 4;
    }
    let mut end = datagram.len();
    if datagram[0] & 0x20 != 0 {
        let padding = usize::from(*datagram.last()?);
        if padding == 0 {
            return None;
        }
        end = end.checked_sub(padding)?;
    }
    (start <= end).then_some((start, end))
}

/// Writes a plain header into the first 12 octets of `out`.
///
/// # Panics
/// If `out` is shorter.
#[inline]
pub fn write_header(
    out: &mut [u8],
    marker: bool,
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
) {
    let header = out.first_chunk_mut::<HEADER_BYTES>().expect("room for a header");
    header[0] = 0x80;
    header[1] = payload_type | if marker { 0x80 } else { 0 };
    header[2..4].copy_from_slice(&sequence.to_be_bytes());
    header[4..8].copy_from_slice(&timestamp.to_be_bytes());
    header[8..12].copy_from_slice(&ssrc.to_be_bytes());
}

/// The four octets of a telephone-event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyEvent {
    /// The event: 0 to 15 are the keys.
    pub event: u8,
    /// The key was let go.
    pub end: bool,
    /// Level in -dBm0, 0 to 63.
    pub volume: u8,
    /// How long it was held so far, in timestamp units.
    pub duration: u16,
}

impl KeyEvent {
    /// Reads the first event of a payload.
    pub fn parse(payload: &[u8]) -> Option<KeyEvent> {
        let octets = payload.first_chunk::<4>()?;
        Some(KeyEvent {
            event: octets[0],
            end: octets[1] & 0x80 != 0,
            volume: octets[1] & 0x3F,
            duration: u16::from_be_bytes([octets[2], octets[3]]),
        })
    }

    /// The octets on the wire.
    pub fn to_bytes(self) -> [u8; 4] {
        let duration = self.duration.to_be_bytes();
        [self.event, self.volume & 0x3F | if self.end { 0x80 } else { 0 }, duration[0], duration[1]]
    }
}

/// The 16 keys in the order of their event codes (RFC 4733 section 3.2).
pub const KEYS: [u8; 16] = *b"0123456789*#ABCD";

/// The event code of a key.
pub fn event_of_key(key: u8) -> Option<u8> {
    KEYS.iter().position(|&other| other == key.to_ascii_uppercase()).map(|at| at as u8)
}

/// The key of an event code.
pub fn key_of_event(event: u8) -> Option<u8> {
    KEYS.get(usize::from(event)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_back() {
        let mut datagram = [0u8; 172];
        write_header(&mut datagram, true, 8, 65_535, 0xFFFF_FF60, 0xDEAD_BEEF);
        let packet = Packet::parse(&datagram).expect("our own header");
        assert_eq!(
            packet,
            Packet {
                marker: true,
                payload_type: 8,
                sequence: 65_535,
                timestamp: 0xFFFF_FF60,
                ssrc: 0xDEAD_BEEF,
                start: 12,
                end: 172
            }
        );
    }

    #[test]
    fn sources_extension_and_padding_are_stepped_over() {
        let mut datagram =
            vec![0xB1, 8, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 9, 9, 9, 9, 0xBE, 0xDE, 0, 1, 1, 2, 3, 4];
        datagram.extend_from_slice(&[0xAA, 0xBB, 0, 2]);
        let packet = Packet::parse(&datagram).expect("valid");
        assert_eq!(&datagram[packet.start..packet.end], &[0xAA, 0xBB]);
    }

    #[test]
    fn lengths_that_do_not_fit_and_other_protocols_are_refused() {
        let mut datagram = vec![0u8; 12];
        write_header(&mut datagram, false, 8, 1, 1, 1);
        for first in [0x00, 0x40, 0xC0, 0x8F, 0x90, 0xA0] {
            datagram[0] = first;
            assert_eq!(Packet::parse(&datagram), None, "{first:#x}");
        }
        assert_eq!(Packet::parse(&[0x80; 11]), None);
        assert_eq!(Packet::parse(&[0x80, 200, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]), None, "RTCP");
    }

    #[test]
    fn events_and_keys_come_back() {
        let event = KeyEvent { event: 11, end: true, volume: 10, duration: 800 };
        assert_eq!(KeyEvent::parse(&event.to_bytes()), Some(event));
        assert_eq!(KeyEvent::parse(&[1, 2, 3]), None);
        assert_eq!(event_of_key(b'#'), Some(11));
        assert_eq!(event_of_key(b'd'), Some(15));
        assert_eq!(key_of_event(16), None);
    }
}
