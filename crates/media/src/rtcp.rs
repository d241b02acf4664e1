//! RTCP (RFC 3550 section 6): the reports a leg sends, and what a peer reports of what we sent it.
//! Octets and values only; it refuses to know sockets, clocks and legs.

/// Room for a compound packet: a sender report with one block, and a source description.
pub(crate) const REPORT_BYTES_MAX: usize = 28 + 24 + 8 + 2 + CNAME_BYTES + 4;
const CNAME_BYTES: usize = 16;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;

/// Whether a datagram on a port shared with RTP is RTCP (RFC 5761).
#[inline]
pub fn is_rtcp(datagram: &[u8]) -> bool {
    datagram.len() >= 8 && datagram[0] >> 6 == 2 && (192..=223).contains(&datagram[1])
}

/// What we sent, for a sender report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SentReport {
    /// Wall time as NTP: seconds since 1900, and their fraction.
    pub ntp: u64,
    /// The same instant in timestamps of the stream.
    pub timestamp: u32,
    pub packets: u32,
    pub octets: u32,
}

/// What one side received of the other's stream: a report block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// Whose stream.
    pub ssrc: u32,
    /// Share lost since the report before, in 1/256.
    pub fraction_lost: u8,
    /// Lost in all; 24 bits.
    pub lost: u32,
    /// Newest sequence number with its roll-overs.
    pub newest: u32,
    /// Jitter in timestamps.
    pub jitter: u32,
    /// The middle of the NTP time of the last sender report, 0 for none.
    pub last_report: u32,
    /// Since that came, in 1/65,536 s.
    pub since: u32,
}

/// What a peer tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The middle of the NTP time of its sender report.
    pub report: Option<u32>,
    /// What it received of our stream.
    pub block: Option<Block>,
}

/// Writes a compound packet into `out`; gives its octets. Without `sent` it is a receiver report.
pub(crate) fn write(out: &mut [u8], ssrc: u32, sent: Option<SentReport>, block: Option<Block>) -> usize {
    let mut at = 8;
    if let Some(SentReport { ntp, timestamp, packets, octets }) = sent {
        out[8..16].copy_from_slice(&ntp.to_be_bytes());
        for (n, word) in [timestamp, packets, octets].into_iter().enumerate() {
            out[16 + n * 4..20 + n * 4].copy_from_slice(&word.to_be_bytes());
        }
        at = 28;
    }
    if let Some(block) = block {
        let lost = u32::from(block.fraction_lost) << 24 | block.lost & 0xFF_FFFF;
        let words = [block.ssrc, lost, block.newest, block.jitter, block.last_report, block.since];
        for word in words {
            out[at..at + 4].copy_from_slice(&word.to_be_bytes());
            at += 4;
        }
    }
    let kind = if sent.is_some() { SENDER_REPORT } else { RECEIVER_REPORT };
    write_head(out, kind, u8::from(block.is_some()), at);
    out[4..8].copy_from_slice(&ssrc.to_be_bytes());
    // A name that says nothing: sixteen digits of the source itself.
    let start = at;
    out[at + 4..at + 8].copy_from_slice(&ssrc.to_be_bytes());
    (out[at + 8], out[at + 9]) = (1, CNAME_BYTES as u8);
    for n in 0..CNAME_BYTES {
        out[at + 10 + n] = b"0123456789abcdef"[(ssrc >> (n % 8 * 4)) as usize & 15];
    }
    at += 10 + CNAME_BYTES;
    // The list of items ends with at least one zero, at a multiple of four.
    let end = (at + 4) / 4 * 4;
    out[at..end].fill(0);
    write_head(&mut out[start..], SOURCE_DESCRIPTION, 1, end - start);
    end
}

fn write_head(out: &mut [u8], kind: u8, count: u8, bytes: usize) {
    (out[0], out[1]) = (0x80 | count, kind);
    out[2..4].copy_from_slice(&((bytes / 4 - 1) as u16).to_be_bytes());
}

/// Reads a compound packet for what it says of the stream `ours`; what does not fit is left out.
pub fn read(datagram: &[u8], ours: u32) -> Told {
    let mut told = Told::default();
    let mut rest = datagram;
    while is_rtcp(rest) {
        let bytes = (usize::from(u16::from_be_bytes([rest[2], rest[3]])) + 1) * 4;
        let Some(packet) = rest.get(..bytes) else { break };
        rest = &rest[bytes..];
        let blocks_at = match packet[1] {
            SENDER_REPORT => {
                told.report = word(packet, 8).zip(word(packet, 12)).map(|(s, part)| s << 16 | part >> 16);
                28
            }
            RECEIVER_REPORT => 8,
            _ => continue,
        };
        let blocks = packet.get(blocks_at..).unwrap_or_default().as_chunks::<24>().0;
        let of_ours = blocks.iter().take(usize::from(packet[0] & 31)).filter_map(|block| read_block(block));
        told.block = of_ours.into_iter().find(|block| block.ssrc == ours).or(told.block);
    }
    told
}

fn read_block(block: &[u8]) -> Option<Block> {
    let lost = word(block, 4)?;
    Some(Block {
        ssrc: word(block, 0)?,
        fraction_lost: (lost >> 24) as u8,
        lost: lost & 0xFF_FFFF,
        newest: word(block, 8)?,
        jitter: word(block, 12)?,
        last_report: word(block, 16)?,
        since: word(block, 20)?,
    })
}

fn word(octets: &[u8], at: usize) -> Option<u32> {
    octets.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: Block = Block {
        ssrc: 7,
        fraction_lost: 64,
        lost: 500,
        newest: 0x0001_0005,
        jitter: 80,
        last_report: 0xAABB_CCDD,
        since: 65_536,
    };

    #[test]
    fn a_report_comes_back() {
        let mut out = [0; REPORT_BYTES_MAX];
        let sent = SentReport { ntp: 0x1122_AABB_CCDD_3344, timestamp: 5, packets: 50, octets: 8_000 };
        let len = write(&mut out, 9, Some(sent), Some(BLOCK));
        assert_eq!(len % 4, 0);
        assert!(is_rtcp(&out[..len]) && is_rtcp(&out[52..len]), "a compound of two");
        assert_eq!(read(&out[..len], 7), Told { report: Some(0xAABB_CCDD), block: Some(BLOCK) });
        assert_eq!(read(&out[..len], 8).block, None, "of another stream");
        let len = write(&mut out, 9, None, None);
        assert_eq!((out[1], read(&out[..len], 7)), (RECEIVER_REPORT, Told::default()));
    }

    #[test]
    fn what_is_cut_or_lies_about_its_length_says_nothing() {
        let mut out = [0; REPORT_BYTES_MAX];
        let len = write(&mut out, 9, None, Some(BLOCK));
        for cut in 0..32 {
            assert_eq!(read(&out[..cut], 7).block, None);
        }
        out[3] = 200;
        assert_eq!(read(&out[..len], 7), Told::default());
        out[..4].copy_from_slice(&[0x9F, RECEIVER_REPORT, 0, 1]);
        assert_eq!(read(&out[..len], 7).block, None, "31 blocks in no room");
    }
}
