//! A log of what was said on the wire for each call: appended in memory that survives SIGKILL, packed in blocks,
//! read by call, dropped by age. Octets are octets here: it refuses to know SIP, and masks nothing by itself.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::RangeInclusive;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::command::CallId;
use crate::segment::{self, BlockHeader, crc32c};
use crate::sys::map::Map;

/// Raw octets of one block, header included.
const BLOCK_BYTES: usize = 256 << 10;
const ROOM_BYTES: usize = BLOCK_BYTES - segment::HEADER_BYTES;
/// Octets before a message: call, time, direction, length.
const RECORD_BYTES: usize = 29;
/// A longer message is cut.
pub const MESSAGE_BYTES_MAX: usize = 65_000;
/// A segment takes messages of at most so long, so that dropping by age is true to a day.
const SEGMENT_MS: u64 = 24 * 3600 * 1000;
const DAY_MS: u64 = 24 * 3600 * 1000;

/// Whether a message came or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Received by us.
    In,
    /// Sent by us.
    Out,
}

/// A message as it was appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Unix time.
    pub at_ms: u64,
    /// Whether it came or went.
    pub direction: Direction,
    /// Its octets.
    pub bytes: Vec<u8>,
}

/// How a log is kept.
#[derive(Clone, Debug)]
pub struct TraceConfig {
    /// Its directory, for itself alone.
    pub dir: PathBuf,
    /// Older messages are dropped.
    pub keep_ms: u64,
    /// A segment file of this size is followed by the next.
    pub segment_bytes: u64,
}

impl TraceConfig {
    /// Seven days, in segments of 64 MiB.
    pub fn in_dir(dir: impl Into<PathBuf>) -> TraceConfig {
        TraceConfig { dir: dir.into(), keep_ms: 7 * DAY_MS, segment_bytes: 64 << 20 }
    }
}

/// The log; one owner appends and reads.
pub struct TraceLog {
    config: TraceConfig,
    open_file: File,
    open: Map,
    len: usize,
    /// Calls of the open block.
    calls: BTreeSet<u64>,
    first_ms: u64,
    last_ms: u64,
    /// Number of the open block; it marks a block that was packed but not yet begun anew.
    number: u128,
    segment: Option<Segment>,
}

struct Segment {
    file: File,
    started_ms: u64,
    bytes: u64,
}

impl TraceLog {
    /// Opens a log or makes one. What a killed process had not packed is packed now.
    ///
    /// # Errors
    /// Those of the files.
    pub fn open(config: TraceConfig, now_ms: u64) -> io::Result<TraceLog> {
        fs::create_dir_all(&config.dir)?;
        let path = config.dir.join("open.block");
        let open_file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut room = vec![0; BLOCK_BYTES];
        let left_over = match open_file.read_exact_at(&mut room, 0) {
            Ok(()) => segment::read_block(&room).ok(),
            Err(_) => None,
        };
        let open = Map::reserve(&open_file, BLOCK_BYTES)?;
        let number = u128::from(now_ms) << 32;
        let mut log = TraceLog {
            config,
            open_file,
            open,
            len: 0,
            calls: BTreeSet::new(),
            first_ms: now_ms,
            last_ms: now_ms,
            number,
            segment: None,
        };
        if let Some(block) = left_over.filter(|block| !block.data.is_empty())
            && !log.is_packed(block.header.name)?
        {
            log.number = block.header.name;
            for (call, message) in records(block.data) {
                log.note(call, message.at_ms, log.calls.is_empty());
            }
            log.pack(block.data)?;
            log.number = number;
        }
        log.begin_block();
        Ok(log)
    }

    /// Appends a message; `at_ms` is Unix time.
    ///
    /// # Errors
    /// A full block could not be packed; the message is dropped, a later one tries again.
    pub fn append(&mut self, call: CallId, at_ms: u64, direction: Direction, bytes: &[u8]) -> io::Result<()> {
        let bytes = &bytes[..bytes.len().min(MESSAGE_BYTES_MAX)];
        if self.len + RECORD_BYTES + bytes.len() > ROOM_BYTES {
            self.flush()?;
        }
        let mut head = [0; RECORD_BYTES];
        head[..16].copy_from_slice(&call.0.to_le_bytes());
        head[16..24].copy_from_slice(&at_ms.to_le_bytes());
        head[24] = direction as u8;
        head[25..29].copy_from_slice(&(bytes.len() as u32).to_le_bytes());
        self.note(call.0, at_ms, self.len == 0);
        self.len = segment::append(&mut self.open, 0, self.len, [&head, bytes]);
        Ok(())
    }

    fn note(&mut self, call: u128, at_ms: u64, first: bool) {
        self.calls.insert(key_of(call));
        self.first_ms = if first { at_ms } else { self.first_ms.min(at_ms) };
        self.last_ms = if first { at_ms } else { self.last_ms.max(at_ms) };
    }

    /// Packs what is not packed yet.
    ///
    /// # Errors
    /// Those of writing the segment; nothing is lost then.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.len == 0 {
            return Ok(());
        }
        let mut data = vec![0; self.len];
        self.open_file.read_exact_at(&mut data, segment::HEADER_BYTES as u64)?;
        self.pack(&data)?;
        self.begin_block();
        Ok(())
    }

    fn begin_block(&mut self) {
        self.number += 1;
        (self.len, self.calls) = (0, BTreeSet::new());
        let header = BlockHeader { owner: 0, name: self.number, index: 0, previous: None, started_s: 0 };
        segment::open_block(&mut self.open, 0, &header);
    }

    fn pack(&mut self, data: &[u8]) -> io::Result<()> {
        let packed = lz4_flex::block::compress(data);
        let head = PackedHead {
            number: self.number,
            raw_bytes: data.len() as u32,
            packed_bytes: packed.len() as u32,
            calls: self.calls.len() as u32,
            first_ms: self.first_ms,
            last_ms: self.last_ms,
        };
        let mut block = head.to_bytes().to_vec();
        self.calls.iter().for_each(|key| block.extend_from_slice(&key.to_le_bytes()));
        block.extend_from_slice(&packed);
        let crc = crc32c(0, &block[8..]);
        block[4..8].copy_from_slice(&crc.to_le_bytes());
        let first_ms = self.first_ms;
        let segment = self.segment_for(first_ms)?;
        // On an error the octets written are cut off again, so that the next block is found.
        if let Err(error) = segment.file.write_all(&block) {
            segment.file.set_len(segment.bytes)?;
            return Err(error);
        }
        segment.bytes += block.len() as u64;
        Ok(())
    }

    fn segment_for(&mut self, at_ms: u64) -> io::Result<&mut Segment> {
        let full = self.segment.as_ref().is_none_or(|segment| {
            segment.bytes >= self.config.segment_bytes
                || at_ms.saturating_sub(segment.started_ms) >= SEGMENT_MS
        });
        if full {
            let newest = segments(&self.config.dir)?.last().map_or(0, |(number, _)| number + 1);
            // Names rise even if the clock was set back.
            let started_ms = at_ms.max(newest);
            let path = self.config.dir.join(format!("{started_ms:016x}.trace"));
            let file = File::options().append(true).create_new(true).open(path)?;
            self.segment = Some(Segment { file, started_ms, bytes: 0 });
        }
        self.segment.as_mut().ok_or_else(|| io::Error::other("no segment"))
    }

    /// All messages of a call whose blocks reach into a time, oldest first; a narrow time reads less. Damaged
    /// blocks are left out.
    ///
    /// # Errors
    /// Those of reading the files.
    pub fn read(&self, call: CallId, time_ms: RangeInclusive<u64>) -> io::Result<Vec<Message>> {
        let mut messages = Vec::new();
        let mut take = |data: &[u8]| {
            messages.extend(records(data).filter(|(owner, _)| *owner == call.0).map(|(_, message)| message));
        };
        for (_, path) in segments(&self.config.dir)? {
            visit(&path, |head, keys, packed| {
                if head.last_ms >= *time_ms.start()
                    && head.first_ms <= *time_ms.end()
                    && keys.binary_search(&key_of(call.0)).is_ok()
                    && let Some(data) = packed()?
                {
                    take(&data);
                }
                Ok(())
            })?;
        }
        if self.calls.contains(&key_of(call.0)) {
            let mut data = vec![0; self.len];
            self.open_file.read_exact_at(&mut data, segment::HEADER_BYTES as u64)?;
            take(&data);
        }
        messages.retain(|message| time_ms.contains(&message.at_ms));
        messages.sort_by_key(|message| message.at_ms);
        Ok(messages)
    }

    /// Removes segments all of whose messages are too old; gives how many.
    ///
    /// # Errors
    /// Those of the directory.
    pub fn expire(&mut self, now_ms: u64) -> io::Result<usize> {
        let limit_ms = now_ms.saturating_sub(self.config.keep_ms);
        let ours = self.segment.as_ref().map(|segment| segment.started_ms);
        let mut removed = 0;
        for (number, path) in segments(&self.config.dir)? {
            let mut newest_ms = 0;
            visit(&path, |head, _, _| {
                newest_ms = newest_ms.max(head.last_ms);
                Ok(())
            })?;
            if newest_ms < limit_ms {
                fs::remove_file(&path)?;
                removed += 1;
                if ours == Some(number) {
                    self.segment = None;
                }
            }
        }
        Ok(removed)
    }

    fn is_packed(&self, number: u128) -> io::Result<bool> {
        let Some((_, newest)) = segments(&self.config.dir)?.pop() else { return Ok(false) };
        let mut found = false;
        visit(&newest, |head, _, _| {
            found |= head.number == number;
            Ok(())
        })?;
        Ok(found)
    }
}

/// Spreads call ids that count up; a clash costs an unpacking, no wrong message.
fn key_of(call: u128) -> u64 {
    let folded = (call >> 64) as u64 ^ call as u64;
    folded.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Numbers and paths of the segments, oldest first.
fn segments(dir: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "trace")
            && let Some(stem) = path.file_stem().and_then(|stem| stem.to_str())
            && let Ok(number) = u64::from_str_radix(stem, 16)
        {
            found.push((number, path));
        }
    }
    found.sort_unstable();
    Ok(found)
}

const PACKED_MAGIC: [u8; 4] = *b"SIBT";
const PACKED_HEAD_BYTES: usize = 52;

struct PackedHead {
    number: u128,
    raw_bytes: u32,
    packed_bytes: u32,
    calls: u32,
    first_ms: u64,
    last_ms: u64,
}

impl PackedHead {
    fn to_bytes(&self) -> [u8; PACKED_HEAD_BYTES] {
        let mut octets = [0; PACKED_HEAD_BYTES];
        octets[..4].copy_from_slice(&PACKED_MAGIC);
        octets[8..24].copy_from_slice(&self.number.to_le_bytes());
        octets[24..28].copy_from_slice(&self.raw_bytes.to_le_bytes());
        octets[28..32].copy_from_slice(&self.packed_bytes.to_le_bytes());
        octets[32..36].copy_from_slice(&self.calls.to_le_bytes());
        octets[36..44].copy_from_slice(&self.first_ms.to_le_bytes());
        octets[44..52].copy_from_slice(&self.last_ms.to_le_bytes());
        octets
    }

    fn parse(octets: &[u8; PACKED_HEAD_BYTES]) -> Option<PackedHead> {
        let word =
            |at: usize| u32::from_le_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]]);
        let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        let head = PackedHead {
            number: u128::from(long(8)) | u128::from(long(16)) << 64,
            raw_bytes: word(24),
            packed_bytes: word(28),
            calls: word(32),
            first_ms: long(36),
            last_ms: long(44),
        };
        // What a block of ours can never hold is damage, and must not become a size in memory.
        let sane = head.raw_bytes as usize <= ROOM_BYTES
            && head.packed_bytes as usize <= 2 * BLOCK_BYTES
            && head.calls as usize <= ROOM_BYTES / RECORD_BYTES;
        (octets[..4] == PACKED_MAGIC && sane).then_some(head)
    }
}

/// Gives each block of a segment to `each`: its head, its calls' keys, and a way to unpack it, which gives nothing
/// for a damaged block. Ends at what is no block: the tail torn by a power cut.
fn visit(
    path: &Path,
    mut each: impl FnMut(&PackedHead, &[u64], &dyn Fn() -> io::Result<Option<Vec<u8>>>) -> io::Result<()>,
) -> io::Result<()> {
    let file = File::open(path)?;
    let end = file.metadata()?.len();
    let mut at = 0;
    let mut octets = [0; PACKED_HEAD_BYTES];
    while at + PACKED_HEAD_BYTES as u64 <= end {
        file.read_exact_at(&mut octets, at)?;
        let Some(head) = PackedHead::parse(&octets) else { return Ok(()) };
        let rest_bytes = head.calls as usize * 8 + head.packed_bytes as usize;
        let next = at + (PACKED_HEAD_BYTES + rest_bytes) as u64;
        if next > end {
            return Ok(());
        }
        let mut keys = vec![0; head.calls as usize * 8];
        file.read_exact_at(&mut keys, at + PACKED_HEAD_BYTES as u64)?;
        let keys: Vec<u64> =
            keys.chunks_exact(8).filter_map(|key| Some(u64::from_le_bytes(key.try_into().ok()?))).collect();
        each(&head, &keys, &|| {
            let mut block = vec![0; PACKED_HEAD_BYTES + rest_bytes];
            file.read_exact_at(&mut block, at)?;
            if crc32c(0, &block[8..]).to_le_bytes() != block[4..8] {
                return Ok(None);
            }
            let packed = &block[PACKED_HEAD_BYTES + head.calls as usize * 8..];
            Ok(lz4_flex::block::decompress(packed, head.raw_bytes as usize).ok())
        })?;
        at = next;
    }
    Ok(())
}

/// The messages in raw data, with their calls; ends at octets that are none.
fn records(mut data: &[u8]) -> impl Iterator<Item = (u128, Message)> + '_ {
    std::iter::from_fn(move || {
        let head = data.first_chunk::<RECORD_BYTES>()?;
        let call = u128::from_le_bytes(head[..16].try_into().ok()?);
        let at_ms = u64::from_le_bytes(head[16..24].try_into().ok()?);
        let direction = if head[24] == Direction::In as u8 { Direction::In } else { Direction::Out };
        let len = u32::from_le_bytes(head[25..29].try_into().ok()?) as usize;
        let (bytes, rest) = data[RECORD_BYTES..].split_at_checked(len)?;
        data = rest;
        Some((call, Message { at_ms, direction, bytes: bytes.to_vec() }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Dir(PathBuf);

    impl Dir {
        fn new(name: &str) -> Dir {
            let path = std::env::temp_dir().join(format!("media-trace-{name}-{}", std::process::id()));
            // Left by an earlier run that was killed.
            let _ = fs::remove_dir_all(&path);
            Dir(path)
        }

        fn open(&self, now_ms: u64) -> TraceLog {
            TraceLog::open(TraceConfig::in_dir(&self.0), now_ms).expect("a log")
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            // What cannot be removed is left to the system's own tidying.
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn invite(call: u128) -> Vec<u8> {
        format!("INVITE sip:4006010114@example.com SIP/2.0\r\nCall-ID: {call}\r\nVia: SIP/2.0/UDP 192.0.2.1\r\n\r\n").repeat(6).into_bytes()
    }

    fn append(log: &mut TraceLog, calls: std::ops::Range<u128>, at_ms: u64) {
        for call in calls {
            log.append(CallId(call), at_ms, Direction::In, &invite(call)).expect("appended");
        }
    }

    #[test]
    fn a_call_is_read_from_packed_and_open_blocks_in_order_of_time() {
        let dir = Dir::new("read");
        let mut log = dir.open(1000);
        append(&mut log, 0..2000, 1000);
        log.append(CallId(7), 500, Direction::Out, b"SIP/2.0 200 OK\r\n\r\n").expect("appended");
        let messages = log.read(CallId(7), 0..=u64::MAX).expect("read");
        assert_eq!(messages.len(), 2);
        assert_eq!(
            messages[0],
            Message { at_ms: 500, direction: Direction::Out, bytes: b"SIP/2.0 200 OK\r\n\r\n".to_vec() }
        );
        assert_eq!(messages[1].bytes, invite(7));
        assert_eq!(log.read(CallId(7), 600..=2000).expect("read").len(), 1);
        assert_eq!(log.read(CallId(5000), 0..=u64::MAX).expect("read"), []);
        let packed: u64 = segments(&dir.0)
            .expect("listed")
            .iter()
            .map(|(_, path)| fs::metadata(path).expect("there").len())
            .sum();
        assert!(packed > 0 && packed * 4 < 2000 * invite(7).len() as u64, "{packed} octets");
    }

    #[test]
    fn what_a_killed_process_left_open_is_there_once_after_the_start() {
        let dir = Dir::new("kill");
        let mut log = dir.open(1000);
        append(&mut log, 0..10, 1000);
        // A killed process drops nothing in order: its memory is gone, the file is as it was.
        drop(log);
        for now_ms in [2000, 3000] {
            let log = dir.open(now_ms);
            assert_eq!(log.read(CallId(3), 0..=u64::MAX).expect("read").len(), 1, "start at {now_ms}");
        }
    }

    #[test]
    fn a_kill_between_packing_and_beginning_anew_doubles_nothing() {
        let dir = Dir::new("between");
        let mut log = dir.open(1000);
        append(&mut log, 0..10, 1000);
        let mut data = vec![0; log.len];
        log.open_file.read_exact_at(&mut data, segment::HEADER_BYTES as u64).expect("read");
        log.pack(&data).expect("packed");
        drop(log);
        assert_eq!(dir.open(2000).read(CallId(3), 0..=u64::MAX).expect("read").len(), 1);
    }

    #[test]
    fn old_segments_are_removed_and_newer_stay() {
        let dir = Dir::new("age");
        let mut log = dir.open(0);
        for day in 0..10 {
            append(&mut log, day as u128..day as u128 + 1, day * DAY_MS);
            log.flush().expect("packed");
        }
        assert_eq!(log.expire(10 * DAY_MS).expect("expired"), 3);
        assert_eq!(log.read(CallId(2), 0..=u64::MAX).expect("read").len(), 0);
        assert_eq!(log.read(CallId(3), 0..=u64::MAX).expect("read").len(), 1);
        assert_eq!(log.expire(30 * DAY_MS).expect("expired"), 7);
        append(&mut log, 50..51, 30 * DAY_MS);
        log.flush().expect("a new segment");
        assert_eq!(log.read(CallId(50), 0..=u64::MAX).expect("read").len(), 1);
    }

    #[test]
    fn fault_b6_a_torn_tail_and_flipped_bits_lose_their_block_only() {
        let dir = Dir::new("torn");
        let mut log = dir.open(1000);
        for call in 0..3 {
            append(&mut log, call..call + 1, 1000);
            log.flush().expect("packed");
        }
        let (_, path) = segments(&dir.0).expect("listed").remove(0);
        let file = fs::read(&path).expect("read");
        let found = |octets: &[u8]| {
            fs::write(&path, octets).expect("written");
            (0..3).map(|call| log.read(CallId(call), 0..=u64::MAX).expect("read").len()).collect::<Vec<_>>()
        };
        assert_eq!(found(&file), [1, 1, 1]);
        assert_eq!(found(&file[..file.len() - 1]), [1, 1, 0]);
        let mut flipped = file.clone();
        flipped[PACKED_HEAD_BYTES + 20] ^= 1;
        assert_eq!(found(&flipped), [0, 1, 1]);
        for end in 0..file.len() {
            found(&file[..end]);
        }
    }

    #[test]
    fn an_endless_message_is_cut() {
        let dir = Dir::new("long");
        let mut log = dir.open(1000);
        log.append(CallId(1), 1000, Direction::In, &vec![65; 1 << 20]).expect("appended");
        assert_eq!(log.read(CallId(1), 0..=u64::MAX).expect("read")[0].bytes.len(), MESSAGE_BYTES_MAX);
    }
}
