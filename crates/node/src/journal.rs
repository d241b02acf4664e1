//! What the journal holds and how it is framed: length, CRC-32, payload. A record is whole or it is not there: a torn
//! tail is cut, a flipped bit is found and said (FAULTS B6). Files are the server's business.

use std::borrow::Cow;

use hotline::call::{Dated, LegNo};
use hotline::settlement::AgentStep;
use hotline::{CallId, Mono, Wall};
use serde::{Deserialize, Serialize};
use sip::DialogState;

/// Bytes before a record's payload: its length, a CRC-32 of position and length, a CRC-32 of position and payload.
pub const HEADER: usize = 12;
/// A payload longer than this is no record.
pub const PAYLOAD_MAX: usize = 4 << 20;
/// Bytes at the head of a segment: magic, its number, CRC-32 of both.
pub const SEGMENT_HEADER: usize = 16;
/// The last octet is the form of the records: what another form wrote is refused, never misread.
const MAGIC: [u8; 4] = *b"SBJ6";

/// One record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the variant's line names its fields")]
pub enum Record<'a> {
    /// New facts of a call.
    Facts { call: CallId, facts: Cow<'a, [Dated]> },
    /// What a BYE on a leg needs after a restart.
    Dialog { call: CallId, leg: LegNo, dialog: Cow<'a, DialogState> },
    /// The whole of a live call again, so that older segments may be reused.
    Checkpoint { call: CallId, log: Cow<'a, [Dated]>, dialogs: Vec<(LegNo, DialogState)> },
    /// What BYEs on both legs of a call for help need after a restart; none once it is over (row K24).
    Help { call: CallId, dialogs: Vec<DialogState> },
    /// The node lives: once a second.
    Heartbeat { mono: Mono, wall: Wall },
    /// A change of an agent's state (row Q10).
    Agent { step: Cow<'a, AgentStep> },
}

/// Bytes and where they go. The journal is one line of positions cut into segments of equal size; a segment's file is
/// its number modulo the length of the ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Position of the first byte.
    pub position: u64,
    /// The bytes; they never cross the end of a segment.
    pub bytes: Vec<u8>,
}

/// Lays records out in segments.
#[derive(Debug)]
pub struct Writer {
    segment_bytes: u64,
    position: u64,
    chunks: Vec<Chunk>,
    scratch: Vec<u8>,
}

impl Writer {
    /// A writer that goes on at `position`, in a ring whose segments have `segment_bytes`.
    pub fn new(segment_bytes: u64, position: u64) -> Self {
        Self { segment_bytes, position, chunks: Vec::new(), scratch: Vec::new() }
    }

    /// Where the next record will begin, at the earliest.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Appends a record; returns where it begins. One that would cross the end of its segment begins the next.
    pub fn append(&mut self, record: &Record<'_>) -> u64 {
        let mut payload = std::mem::take(&mut self.scratch);
        payload.clear();
        let payload = postcard::to_extend(record, payload).expect("a record is plain data in memory");
        let framed = (HEADER + payload.len()) as u64;
        let offset = self.position % self.segment_bytes;
        if offset + framed > self.segment_bytes {
            self.position += self.segment_bytes - offset;
        }
        if self.position.is_multiple_of(self.segment_bytes) {
            self.write(&segment_header(self.position / self.segment_bytes));
        }
        let start = self.position;
        let length = (payload.len() as u32).to_le_bytes();
        self.write(&length);
        self.write(&crc(start, &length).to_le_bytes());
        self.write(&crc(start, &payload).to_le_bytes());
        self.write(&payload);
        self.scratch = payload;
        start
    }

    fn write(&mut self, bytes: &[u8]) {
        let begins_segment = self.position.is_multiple_of(self.segment_bytes);
        match self.chunks.last_mut() {
            Some(last) if !begins_segment && last.position + last.bytes.len() as u64 == self.position => {
                last.bytes.extend_from_slice(bytes);
            }
            _ => self.chunks.push(Chunk { position: self.position, bytes: bytes.to_vec() }),
        }
        self.position += bytes.len() as u64;
    }

    /// What was appended since the last call of [`Writer::clear`].
    pub fn chunks(&self) -> &[Chunk] {
        &self.chunks
    }

    /// Forgets what was appended: it is written.
    pub fn clear(&mut self) {
        self.chunks.clear();
    }
}

/// The CRC of a record binds it to its position: what an earlier round of the ring left behind is no record.
fn crc(position: u64, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&position.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

fn segment_header(number: u64) -> [u8; SEGMENT_HEADER] {
    let mut header = [0; SEGMENT_HEADER];
    header[..4].copy_from_slice(&MAGIC);
    header[4..12].copy_from_slice(&number.to_le_bytes());
    let crc = crc32fast::hash(&header[..12]);
    header[12..].copy_from_slice(&crc.to_le_bytes());
    header
}

/// The number of a segment by its first bytes; `None` if it was never begun.
pub fn segment_number(bytes: &[u8]) -> Option<u64> {
    let header: [u8; SEGMENT_HEADER] = bytes.get(..SEGMENT_HEADER)?.try_into().ok()?;
    let number = u64::from_le_bytes(header[4..12].try_into().ok()?);
    (segment_header(number) == header).then_some(number)
}

/// Whether a segment was begun by a version that wrote records of another form.
pub fn is_of_other_form(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC[..3]) && bytes.get(3) != Some(&MAGIC[3])
}

/// What is found at a place of a segment.
#[derive(Debug, PartialEq)]
#[expect(missing_docs, reason = "the variant's line names its fields")]
pub enum Read {
    /// A record; the next one begins at `next`, an offset in the segment.
    Record { record: Box<Record<'static>>, next: usize },
    /// Nothing more was written: the end, or a record that was being written when the node died.
    End,
    /// Bytes that are no record though whole records follow at `next`: the medium is bad, and somebody must know.
    Flipped { next: usize },
}

/// Reads the record at `offset` of a segment whose first byte has the position `start`.
pub fn read(segment: &[u8], start: u64, offset: usize) -> Read {
    if let Some((payload, next)) = whole_at(segment, start, offset) {
        return match postcard::from_bytes::<Record<'_>>(payload) {
            Ok(record) => Read::Record { record: Box::new(owned(record)), next },
            // Whole, yet not of this version: somebody must know.
            Err(_) => Read::Flipped { next },
        };
    }
    let rest = offset.saturating_add(1)..segment.len();
    match rest.into_iter().find(|next| whole_at(segment, start, *next).is_some()) {
        Some(next) => Read::Flipped { next },
        None => Read::End,
    }
}

/// The payload of a whole record at an offset, and where it ends.
fn whole_at(segment: &[u8], start: u64, offset: usize) -> Option<(&[u8], usize)> {
    let header = segment.get(offset..offset + HEADER)?;
    let length = u32::from_le_bytes(header[..4].try_into().ok()?) as usize;
    let position = start + offset as u64;
    if length == 0 || length > PAYLOAD_MAX || crc(position, &header[..4]).to_le_bytes() != header[4..8] {
        return None;
    }
    let payload = segment.get(offset + HEADER..offset + HEADER + length)?;
    (header[8..] == crc(position, payload).to_le_bytes()).then_some((payload, offset + HEADER + length))
}

fn owned(record: Record<'_>) -> Record<'static> {
    match record {
        Record::Facts { call, facts } => Record::Facts { call, facts: Cow::Owned(facts.into_owned()) },
        Record::Dialog { call, leg, dialog } => {
            Record::Dialog { call, leg, dialog: Cow::Owned(dialog.into_owned()) }
        }
        Record::Checkpoint { call, log, dialogs } => {
            Record::Checkpoint { call, log: Cow::Owned(log.into_owned()), dialogs }
        }
        Record::Help { call, dialogs } => Record::Help { call, dialogs },
        Record::Heartbeat { mono, wall } => Record::Heartbeat { mono, wall },
        Record::Agent { step } => Record::Agent { step: Cow::Owned(step.into_owned()) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEGMENT: u64 = 4096;

    fn beat(at: u64) -> Record<'static> {
        Record::Heartbeat { mono: Mono(at), wall: Wall(at as i64) }
    }

    /// The ring's first segment with two heartbeats; where the second begins.
    fn two_beats() -> (Vec<u8>, usize, usize) {
        let mut writer = Writer::new(SEGMENT, 0);
        writer.append(&beat(1));
        let second = writer.append(&beat(2)) as usize;
        let bytes = writer.chunks()[0].bytes.clone();
        let end = bytes.len();
        let mut segment = bytes;
        segment.resize(SEGMENT as usize, 0);
        (segment, second, end)
    }

    #[test]
    fn fault_b6_a_torn_tail_is_cut_wherever_it_tears() {
        let (segment, second, end) = two_beats();
        for cut in second..end {
            let mut torn = segment.clone();
            torn[cut..].fill(0);
            let Read::Record { next, .. } = read(&torn, 0, SEGMENT_HEADER) else {
                panic!("the first is whole")
            };
            assert_eq!(read(&torn, 0, next), Read::End, "cut at {cut}");
        }
    }

    #[test]
    fn fault_b6_a_flipped_bit_is_said_and_passed_over() {
        let (segment, second, _) = two_beats();
        for place in SEGMENT_HEADER..second {
            for bit in 0..8 {
                let mut flipped = segment.clone();
                flipped[place] ^= 1 << bit;
                assert_eq!(read(&flipped, 0, SEGMENT_HEADER), Read::Flipped { next: second }, "at {place}");
            }
        }
    }

    #[test]
    fn what_an_earlier_round_left_behind_is_no_record() {
        let (segment, second, _) = two_beats();
        assert_eq!(read(&segment, SEGMENT * 8, SEGMENT_HEADER), Read::End);
        assert_eq!(read(&segment, SEGMENT * 8, second), Read::End);
    }

    #[test]
    fn records_never_cross_the_end_of_a_segment() {
        let mut writer = Writer::new(SEGMENT, 0);
        for at in 0..2_000 {
            writer.append(&beat(at));
        }
        for chunk in writer.chunks() {
            let first = chunk.position / SEGMENT;
            let last = (chunk.position + chunk.bytes.len() as u64 - 1) / SEGMENT;
            assert_eq!(first, last);
            assert_eq!(segment_number(&chunk.bytes), Some(first));
        }
    }
}
