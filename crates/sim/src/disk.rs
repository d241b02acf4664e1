//! The journal's disk in memory: a ring of segments that keeps what was written, tears the last write when the node
//! dies in it, and knows by its own reading what a restart would find. It refuses to know what the node believes.

use std::collections::{BTreeMap, BTreeSet};

use hotline::call::Fact;
use hotline::{CallId, TenantId};
use node::journal::{self, Chunk, Read, Record, SEGMENT_HEADER};

/// What the disk holds of a call that the store has not committed.
#[derive(Clone, Debug, Default)]
pub struct OnDisk {
    /// Where its first record, or its last checkpoint, begins.
    pub from: u64,
    /// Whose it is.
    pub tenant: Option<TenantId>,
    /// Its log says that our 200 went out.
    pub answered: bool,
    /// A BYE to its caller could be written after a restart.
    pub caller_dialog: bool,
    /// Its log is complete.
    pub over: bool,
    /// It calls somebody back: no 200 of ours answers it.
    pub calls_back: bool,
}

/// The ring.
#[derive(Debug)]
pub struct Disk {
    segment_bytes: u64,
    segments: u64,
    ring: BTreeMap<u64, Vec<u8>>,
    /// Positions below may be overwritten, as the node said.
    pub kept_from: u64,
    /// Calls that only the disk knows.
    pub calls: BTreeMap<CallId, OnDisk>,
    /// Calls for help of which a dialog was written.
    pub helps: BTreeSet<CallId>,
    /// Calls whose facts were written since this was last emptied.
    pub touched: Vec<CallId>,
    /// First facts since this was last emptied.
    pub accepted: Vec<CallId>,
    /// Bytes written in all.
    pub written: u64,
}

/// A write that was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl Disk {
    /// An empty ring.
    pub fn new(segment_bytes: u64, segments: u64) -> Self {
        Self {
            segment_bytes,
            segments,
            ring: BTreeMap::new(),
            kept_from: 0,
            calls: BTreeMap::new(),
            helps: BTreeSet::new(),
            touched: Vec::new(),
            accepted: Vec::new(),
            written: 0,
        }
    }

    /// Bytes of a segment, and how many there are.
    pub fn shape(&self) -> (u64, u64) {
        (self.segment_bytes, self.segments)
    }

    /// The segments as a restart reads them.
    pub fn segments(&self) -> impl Iterator<Item = &[u8]> {
        self.ring.values().map(Vec::as_slice)
    }

    /// Writes what a turn left, or only its first `bytes_max` bytes. Says what it should never have done as `Err` in
    /// the result's inner value.
    pub fn write(&mut self, chunks: &[Chunk], bytes_max: Option<usize>) -> Result<Result<(), String>, Full> {
        let ring_bytes = self.segment_bytes * self.segments;
        let end = chunks.last().map_or(0, |chunk| chunk.position + chunk.bytes.len() as u64);
        let last_segment = end.saturating_sub(1) / self.segment_bytes * self.segment_bytes;
        // The oldest byte that the last segment's place still holds.
        if (last_segment + self.segment_bytes).saturating_sub(ring_bytes) > self.kept_from {
            return Err(Full);
        }
        let mut left = bytes_max.unwrap_or(usize::MAX);
        for chunk in chunks {
            let take = chunk.bytes.len().min(left);
            left -= take;
            if let Err(fault) = self.write_chunk(chunk.position, &chunk.bytes[..take]) {
                return Ok(Err(fault));
            }
        }
        Ok(Ok(()))
    }

    /// A write that the disk refused after its first bytes: they lie there, and the same bytes will be written again.
    pub fn spoil(&mut self, chunks: &[Chunk], bytes: usize) {
        let Some(chunk) = chunks.first() else { return };
        let number = chunk.position / self.segment_bytes;
        let Some(segment) = self.ring.get_mut(&(number % self.segments)) else { return };
        let offset = (chunk.position % self.segment_bytes) as usize;
        let bytes = &chunk.bytes[..bytes.min(chunk.bytes.len())];
        if offset > 0 {
            segment[offset..offset + bytes.len()].copy_from_slice(bytes);
        }
    }

    fn write_chunk(&mut self, position: u64, bytes: &[u8]) -> Result<(), String> {
        if bytes.is_empty() {
            return Ok(());
        }
        let number = position / self.segment_bytes;
        let offset = (position % self.segment_bytes) as usize;
        if offset == 0 && number >= self.segments {
            let lost_below = (number - self.segments + 1) * self.segment_bytes;
            if let Some((call, kept)) = self.calls.iter().find(|(_, kept)| kept.from < lost_below) {
                return Err(format!(
                    "the ring overwrites call {call} at {}, which the store has not",
                    kept.from
                ));
            }
        }
        let size = self.segment_bytes as usize;
        let segment = self.ring.entry(number % self.segments).or_insert_with(|| vec![0; size]);
        segment[offset..offset + bytes.len()].copy_from_slice(bytes);
        self.written += bytes.len() as u64;
        self.read_back(number, offset, offset + bytes.len());
        Ok(())
    }

    fn read_back(&mut self, number: u64, offset: usize, end: usize) {
        let mut offset = if offset == 0 { SEGMENT_HEADER } else { offset };
        let start = number * self.segment_bytes;
        let segment =
            std::mem::take(self.ring.get_mut(&(number % self.segments)).expect("it was just written"));
        while offset < end {
            let Read::Record { record, next } = journal::read(&segment[..end], start, offset) else { break };
            self.saw(*record, start + offset as u64);
            offset = next;
        }
        self.ring.insert(number % self.segments, segment);
    }

    fn saw(&mut self, record: Record<'_>, at: u64) {
        match record {
            Record::Facts { call, facts } => {
                if let Some(Fact::Arrived(arrived)) = facts.first().map(|dated| &dated.fact) {
                    let tenant = Some(arrived.tenant.clone());
                    self.calls.insert(call, OnDisk { from: at, tenant, ..OnDisk::default() });
                    self.accepted.push(call);
                }
                self.touched.push(call);
                let Some(known) = self.calls.get_mut(&call) else { return };
                known.answered |= facts.iter().any(|dated| matches!(dated.fact, Fact::Answered));
                known.calls_back |= facts.iter().any(|dated| matches!(dated.fact, Fact::CallsBack { .. }));
                known.over |= facts.iter().any(|dated| matches!(dated.fact, Fact::Over));
            }
            Record::Dialog { call, leg, .. } => {
                if let Some(known) = self.calls.get_mut(&call) {
                    known.caller_dialog |= leg == 0;
                }
            }
            Record::Checkpoint { call, .. } => {
                if let Some(known) = self.calls.get_mut(&call) {
                    known.from = at;
                }
            }
            Record::Help { call, dialogs } => {
                if !dialogs.is_empty() {
                    self.helps.insert(call);
                }
            }
            Record::Heartbeat { .. } | Record::Agent { .. } => {}
        }
    }
}
