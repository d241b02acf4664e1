//! The shard's side of recording: packets of live calls into blocks, no file call, no lock, no allocation for a packet.

use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc;

use super::{BLOCK_BYTES, FromWriter, RECORD_BYTES, Record, RecordKind, ToWriter, WriterLink};
use crate::command::CallId;
use crate::g711::Law;
use crate::leg::Channel;
use crate::rtp::Packet;
use crate::segment::{self, BlockHeader, BlockRef};
use crate::sys::map::Map;

/// Data octets of a block that records may fill; room for an end record stays.
const DATA_BYTES: usize = BLOCK_BYTES - segment::HEADER_BYTES - RECORD_BYTES;
/// While fewer blocks than this are free the writer is asked for another segment.
const FREE_LOW: usize = 1024;
/// After a refusal room is asked for again so much later.
const ASK_AGAIN_MS: u64 = 1000;

/// The live recordings of a shard.
pub(crate) struct Tap {
    shard: u16,
    link: WriterLink,
    segments: BTreeMap<u32, Map>,
    free: VecDeque<BlockRef>,
    live: Vec<Option<Live>>,
    /// What the writer's queue had no room for; told on later turns.
    backlog: VecDeque<ToWriter>,
    asked: bool,
    ask_after_ms: u64,
}

struct Live {
    call: CallId,
    recording: u128,
    started_ms: u64,
    started_s: u32,
    block: BlockRef,
    index: u32,
    len: usize,
    legs: u8,
    ports: [u32; 2],
    /// Whether packets are passed over.
    paused: bool,
}

/// A recording came to an end without being asked to: there was no free block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OutOfRoom {
    pub call: CallId,
    pub recording: u128,
    /// Ports of its legs.
    pub ports: [u32; 2],
}

impl Tap {
    pub fn new(shard: u16, link: WriterLink) -> Tap {
        let mut tap = Tap {
            shard,
            link,
            segments: BTreeMap::new(),
            free: VecDeque::new(),
            live: Vec::new(),
            backlog: VecDeque::new(),
            asked: false,
            ask_after_ms: 0,
        };
        tap.listen(0);
        tap
    }

    /// Begins a recording of so many legs, of one whose port stands twice; gives its slot, or `None` without a free block.
    pub fn begin(
        &mut self,
        call: CallId,
        recording: u128,
        (ports, legs): ([u32; 2], u8),
        started_s: u32,
        now_ms: u64,
    ) -> Option<u32> {
        self.listen(now_ms);
        let block = self.free.pop_front()?;
        let live = Live {
            call,
            recording,
            started_ms: now_ms,
            started_s,
            block,
            index: 0,
            len: 0,
            legs,
            ports,
            paused: false,
        };
        self.open(&live, None);
        let slot = self.live.iter().position(Option::is_none).unwrap_or_else(|| {
            self.live.push(None);
            self.live.len() - 1
        });
        self.live[slot] = Some(live);
        Some(slot as u32)
    }

    /// The slot of a call's recording.
    pub fn slot_of(&self, call: CallId) -> Option<u32> {
        self.live
            .iter()
            .position(|live| live.as_ref().is_some_and(|live| live.call == call))
            .map(|at| at as u32)
    }

    fn open(&mut self, live: &Live, previous: Option<BlockRef>) {
        let header = BlockHeader {
            owner: live.call.0,
            name: live.recording,
            index: live.index,
            previous,
            started_s: live.started_s,
        };
        if let Some(map) = self.segments.get_mut(&live.block.segment) {
            segment::open_block(map, live.block.block as usize * BLOCK_BYTES, &header);
        }
    }

    /// Lays down a packet.
    #[inline]
    pub fn record(
        &mut self,
        slot: u32,
        (channel, law): (Channel, Law),
        packet: &Packet,
        payload: &[u8],
        now_ms: u64,
    ) -> Result<(), OutOfRoom> {
        let live = self.live.get_mut(slot as usize).and_then(Option::as_mut);
        let Some(live) = live.filter(|live| !live.paused) else { return Ok(()) };
        let needed = RECORD_BYTES + payload.len();
        if needed > DATA_BYTES {
            return Ok(());
        }
        if live.len + needed > DATA_BYTES {
            self.next_block(slot)?;
        }
        let Some(live) = self.live[slot as usize].as_mut() else { return Ok(()) };
        let record = Record {
            at_ms: (now_ms - live.started_ms) as u32,
            timestamp: packet.timestamp,
            sequence: packet.sequence,
            kind: RecordKind::Audio(channel, law),
            len: payload.len() as u16,
        };
        if let Some(map) = self.segments.get_mut(&live.block.segment) {
            let at = live.block.block as usize * BLOCK_BYTES;
            live.len = segment::append(map, at, live.len, [&record.to_bytes(), payload]);
        }
        Ok(())
    }

    fn next_block(&mut self, slot: u32) -> Result<(), OutOfRoom> {
        let Some(mut live) = self.live[slot as usize].take() else { return Ok(()) };
        let Some(block) = self.free.pop_front() else {
            let gone = OutOfRoom { call: live.call, recording: live.recording, ports: live.ports };
            self.tell(ToWriter::Finished { call: live.call, recording: live.recording, last: live.block });
            return Err(gone);
        };
        // A full queue leaves the block unsealed, which costs a check and nothing else.
        let _ = self.link.to.try_send(ToWriter::Full(live.block));
        let previous = live.block;
        (live.block, live.index, live.len) = (block, live.index + 1, 0);
        self.open(&live, Some(previous));
        self.live[slot as usize] = Some(live);
        Ok(())
    }

    /// Packets of the call's recording are passed over from now on, or laid down again. Its time goes on: what comes behind a pause
    /// is laid where it was spoken, and the end record has the whole length.
    pub fn pause(&mut self, call: CallId, on: bool) {
        let live = self.live.iter_mut().flatten().find(|live| live.call == call);
        live.into_iter().for_each(|live| live.paused = on);
    }

    /// The ports of a recording's legs, left and right.
    pub fn ports_of(&self, slot: u32) -> [u32; 2] {
        self.live.get(slot as usize).and_then(Option::as_ref).map_or([0; 2], |live| live.ports)
    }

    /// Another leg is the right channel, or none; `legs` of them are heard now. A recording that hears nobody ends.
    pub fn set_right(&mut self, slot: u32, port: Option<u32>, legs: u8, now_ms: u64) {
        let Some(live) = self.live.get_mut(slot as usize).and_then(Option::as_mut) else { return };
        live.legs = legs;
        live.ports[1] = port.unwrap_or(live.ports[0]);
        if legs == 0 {
            self.end(slot, now_ms);
        }
    }

    /// One of the two legs closed; with the second the recording ends.
    pub fn leg_closed(&mut self, slot: u32, now_ms: u64) {
        let Some(live) = self.live.get_mut(slot as usize).and_then(Option::as_mut) else { return };
        live.legs -= 1;
        if live.legs == 0 {
            self.end(slot, now_ms);
        }
    }

    /// Ends a recording in order; its file follows from the writer. Gives the ports of its legs.
    pub fn end(&mut self, slot: u32, now_ms: u64) -> Option<[u32; 2]> {
        let live = self.live.get_mut(slot as usize).and_then(Option::take)?;
        let at_ms = (now_ms - live.started_ms) as u32;
        let record = Record { at_ms, timestamp: 0, sequence: 0, kind: RecordKind::End, len: 0 };
        if let Some(map) = self.segments.get_mut(&live.block.segment) {
            let at = live.block.block as usize * BLOCK_BYTES;
            segment::append(map, at, live.len, [&record.to_bytes(), &[]]);
        }
        self.tell(ToWriter::Finished { call: live.call, recording: live.recording, last: live.block });
        Some(live.ports)
    }

    /// The shard stops: what is live is handed over without an end.
    pub fn interrupt_all(&mut self) {
        for slot in 0..self.live.len() {
            if let Some(live) = self.live[slot].take() {
                self.tell(ToWriter::Finished {
                    call: live.call,
                    recording: live.recording,
                    last: live.block,
                });
            }
        }
        for message in self.backlog.drain(..) {
            // The writer outlives the shards; if it is gone the next start finds the blocks.
            let _ = self.link.to.send(message);
        }
    }

    /// To be called on each tick.
    pub fn tick(&mut self, now_ms: u64) {
        self.listen(now_ms);
        while let Some(message) = self.backlog.pop_front() {
            if let Err(mpsc::TrySendError::Full(message)) = self.link.to.try_send(message) {
                self.backlog.push_front(message);
                break;
            }
        }
        let low = self.free.len() < FREE_LOW.min(self.blocks() / 2);
        if low && !self.asked && now_ms >= self.ask_after_ms {
            self.asked = true;
            self.tell(ToWriter::NeedRoom { shard: self.shard });
        }
    }

    /// Nothing waits to be told.
    pub fn is_idle(&self) -> bool {
        self.backlog.is_empty()
    }

    fn blocks(&self) -> usize {
        self.segments.values().map(|map| map.len() / BLOCK_BYTES).sum()
    }

    fn tell(&mut self, message: ToWriter) {
        if let Err(mpsc::TrySendError::Full(message)) = self.link.to.try_send(message) {
            self.backlog.push_back(message);
        }
    }

    fn listen(&mut self, now_ms: u64) {
        while let Ok(message) = self.link.from.try_recv() {
            match message {
                FromWriter::Segment { segment, map } => {
                    self.asked = false;
                    let blocks = (map.len() / BLOCK_BYTES) as u32;
                    self.free.extend((0..blocks).map(|block| BlockRef { segment, block }));
                    self.segments.insert(segment, map);
                }
                FromWriter::Freed(blocks) => self.free.extend(blocks),
                FromWriter::NoRoom => {
                    self.asked = false;
                    self.ask_after_ms = now_ms + ASK_AGAIN_MS;
                }
            }
        }
    }
}
