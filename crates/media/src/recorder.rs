//! Recordings: the shard lays packets into blocks of mapped segment files (`tap`), a writer thread turns finished
//! ones into two-channel WAV files (`writer`, `timeline`). It refuses to know why a call is recorded.

pub(crate) mod tap;
pub(crate) mod timeline;
pub mod writer;

use std::path::{Path, PathBuf};
use std::sync::mpsc;

use crate::command::CallId;
use crate::g711::Law;
use crate::leg::Channel;
use crate::segment::BlockRef;
use crate::sys::map::Map;

/// Size of a block: about 0.9 s of a call.
pub(crate) const BLOCK_BYTES: usize = 16 << 10;
/// Octets before the payload of a record.
pub(crate) const RECORD_BYTES: usize = 16;

/// What a shard tells the writer.
pub(crate) enum ToWriter {
    /// A block is full: seal it.
    Full(BlockRef),
    /// A recording has ended; its last block leads to the others.
    Finished { call: CallId, recording: u128, last: BlockRef },
    /// Free blocks run out.
    NeedRoom { shard: u16 },
}

/// What the writer tells a shard.
pub(crate) enum FromWriter {
    /// A new segment, all of it free.
    Segment { segment: u32, map: Map },
    /// Blocks of finished recordings.
    Freed(Vec<BlockRef>),
    /// There is no room for another segment now.
    NoRoom,
}

/// The shard's end of the two queues.
pub(crate) struct WriterLink {
    pub to: mpsc::SyncSender<ToWriter>,
    pub from: mpsc::Receiver<FromWriter>,
}

/// The record before a payload in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Arrival, from the beginning of the recording.
    pub at_ms: u32,
    pub timestamp: u32,
    pub sequence: u16,
    pub kind: RecordKind,
    pub len: u16,
}

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordKind {
    Audio(Channel, Law),
    /// The recording was ended in order.
    End,
}

impl Record {
    #[inline]
    pub fn to_bytes(self) -> [u8; RECORD_BYTES] {
        let kind = match self.kind {
            RecordKind::Audio(Channel::Left, Law::Pcma) => 1,
            RecordKind::Audio(Channel::Left, Law::Pcmu) => 2,
            RecordKind::Audio(Channel::Right, Law::Pcma) => 3,
            RecordKind::Audio(Channel::Right, Law::Pcmu) => 4,
            RecordKind::End => 5,
        };
        let mut octets = [0; RECORD_BYTES];
        octets[0..4].copy_from_slice(&self.at_ms.to_le_bytes());
        octets[4..8].copy_from_slice(&self.timestamp.to_le_bytes());
        octets[8..10].copy_from_slice(&self.sequence.to_le_bytes());
        octets[10..12].copy_from_slice(&self.len.to_le_bytes());
        octets[12] = kind;
        octets[13] = check(&octets);
        octets
    }

    /// The first record of `data`, its payload, and what follows; `None` at the end or at octets that are none.
    pub fn parse(data: &[u8]) -> Option<(Record, &[u8], &[u8])> {
        let octets = data.first_chunk::<RECORD_BYTES>()?;
        let kind = match octets[12] {
            1 => RecordKind::Audio(Channel::Left, Law::Pcma),
            2 => RecordKind::Audio(Channel::Left, Law::Pcmu),
            3 => RecordKind::Audio(Channel::Right, Law::Pcma),
            4 => RecordKind::Audio(Channel::Right, Law::Pcmu),
            5 => RecordKind::End,
            _ => return None,
        };
        if octets[13] != check(octets) {
            return None;
        }
        let record = Record {
            at_ms: u32::from_le_bytes([octets[0], octets[1], octets[2], octets[3]]),
            timestamp: u32::from_le_bytes([octets[4], octets[5], octets[6], octets[7]]),
            sequence: u16::from_le_bytes([octets[8], octets[9]]),
            kind,
            len: u16::from_le_bytes([octets[10], octets[11]]),
        };
        let (payload, rest) = data[RECORD_BYTES..].split_at_checked(usize::from(record.len))?;
        Some((record, payload, rest))
    }
}

/// A sum over the first 13 octets, never 0 for zeros.
#[inline]
fn check(octets: &[u8; RECORD_BYTES]) -> u8 {
    octets[..13].iter().fold(0x5A, |sum, &octet| sum.rotate_left(1) ^ octet)
}

/// The path of a recording: `<dir>/<yyyymmdd>/<id in 32 hex digits>.wav`, the day in +08:00.
pub fn recording_path(dir: &Path, recording: u128, started_s: u32) -> PathBuf {
    dir.join(day_of(started_s)).join(format!("{recording:032x}.wav"))
}

/// yyyymmdd in +08:00 of a Unix time (days to civil date after H. Hinnant).
fn day_of(unix_s: u32) -> String {
    let days = (i64::from(unix_s) + 8 * 3600).div_euclid(86_400) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}{month:02}{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_and_damage_is_noticed() {
        let kind = RecordKind::Audio(Channel::Right, Law::Pcmu);
        let record = Record { at_ms: 123_456, timestamp: u32::MAX, sequence: 7, kind, len: 3 };
        let mut data = record.to_bytes().to_vec();
        data.extend_from_slice(b"abcrest");
        assert_eq!(Record::parse(&data), Some((record, &b"abc"[..], &b"rest"[..])));
        for at in 0..14 {
            let mut torn = data.clone();
            torn[at] ^= 0x10;
            assert_eq!(Record::parse(&torn), None, "octet {at}");
        }
        assert_eq!(Record::parse(&[0; 64]), None);
        assert_eq!(Record::parse(&data[..18]), None, "a payload cut short");
    }

    #[test]
    fn the_day_turns_at_midnight_in_china() {
        // 2026-02-28T15:59:59Z is 23:59:59 in +08:00.
        assert_eq!(day_of(1_772_294_399), "20260228");
        assert_eq!(day_of(1_772_294_400), "20260301");
        assert_eq!(day_of(1_709_164_800), "20240229");
        let path = recording_path(Path::new("/r"), 255, 1_772_294_400);
        assert_eq!(path, Path::new("/r/20260301/000000000000000000000000000000ff.wav"));
    }
}
