//! The writer thread: gives shards room, seals blocks, makes files of finished recordings, and after a crash of
//! those that were cut off. The only part of recording that waits for the disk.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use super::timeline::Timeline;
use super::{BLOCK_BYTES, FromWriter, Record, RecordKind, ToWriter, WriterLink, recording_path};
use crate::command::{CallId, Event, RecordingConfig, StopReason};
use crate::engine::EventSink;
use crate::g711::Law;
use crate::segment::{self, BlockHeader, BlockRef};
use crate::sys::map::{self, Map};
use crate::wav::{self, Coding};

/// Files are synced and renamed in groups, at most four a second.
const GROUP_EVERY: Duration = Duration::from_millis(250);
/// Segments are synced as often; a power cut loses no more of a live recording.
const SYNC_EVERY: Duration = Duration::from_secs(1);
/// A file that could not be written is tried again.
const RETRY_EVERY: Duration = Duration::from_secs(5);
/// Files of one group; more wait for the next.
const GROUP_MAX: usize = 256;
/// Up to so many files are synced one by one, more by their file system.
const SYNC_ONE_BY_ONE_MAX: usize = 4;
/// Messages the shards may have waiting.
const QUEUE_MAX: usize = 65_536;

/// The writer's thread, until its owner stops it.
pub struct WriterThread {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<()>,
}

impl WriterThread {
    /// Makes what the shards handed over into files and ends. All shards must have ended before.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.thread.thread().unpark();
        if self.thread.join().is_err() {
            eprintln!("media: the recording writer ended by a panic; the next start completes its files");
        }
    }
}

/// Starts the writer; each shard gets a link with its first segment in it.
pub(crate) fn start(
    config: RecordingConfig,
    shards: usize,
    events: EventSink,
) -> io::Result<(WriterThread, Vec<WriterLink>)> {
    let segments = config.dir.join("segments");
    fs::create_dir_all(&segments)?;
    let lock = File::open(&segments)?;
    let (to, inbox) = mpsc::sync_channel(QUEUE_MAX);
    let mut writer = Writer {
        config,
        directory: lock,
        inbox,
        shards: Vec::new(),
        files: BTreeMap::new(),
        next_segment: 0,
        waiting: VecDeque::new(),
        failed: Vec::new(),
        events,
        room: vec![0; BLOCK_BYTES],
    };
    writer.find_left_over(&segments)?;
    let mut links = Vec::new();
    for shard in 0..shards {
        let (from_writer, from) = mpsc::channel();
        writer.shards.push(ShardSide { to: from_writer, segments: 0 });
        writer.give_room(shard as u16);
        links.push(WriterLink { to: to.clone(), from });
    }
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let thread =
        std::thread::Builder::new().name("media-writer".into()).spawn(move || writer.run(&stopped))?;
    Ok((WriterThread { stop, thread }, links))
}

struct Writer {
    config: RecordingConfig,
    /// The segments' directory, held open to sync its file system and to ask for its free room.
    directory: File,
    inbox: mpsc::Receiver<ToWriter>,
    shards: Vec<ShardSide>,
    files: BTreeMap<u32, SegmentFile>,
    next_segment: u32,
    waiting: VecDeque<Job>,
    failed: Vec<Job>,
    events: EventSink,
    room: Vec<u8>,
}

struct ShardSide {
    to: mpsc::Sender<FromWriter>,
    segments: u32,
}

struct SegmentFile {
    file: File,
    path: PathBuf,
    /// `None`: left over by an earlier process, removed once its recordings are files.
    shard: Option<u16>,
    /// Recordings that still need a left-over file.
    needed_by: BTreeSet<u128>,
}

/// A recording to be made into a file.
struct Job {
    call: CallId,
    recording: u128,
    /// In order.
    blocks: Vec<BlockRef>,
    told: bool,
}

/// A file written but not yet renamed.
struct Written {
    job: Job,
    file: File,
    part: PathBuf,
    path: PathBuf,
    bytes: u64,
    duration_ms: u64,
    crc32c: u32,
    interrupted: bool,
}

/// What a look through a recording's blocks tells before it is written.
struct Extent {
    started_s: u32,
    samples: u64,
    interrupted: bool,
}

impl Writer {
    fn run(mut self, stop: &AtomicBool) {
        let (mut synced, mut retried) = (Instant::now(), Instant::now());
        loop {
            let began = Instant::now();
            let stopping = stop.load(Ordering::Acquire);
            self.take_messages();
            if retried.elapsed() >= RETRY_EVERY {
                retried = began;
                self.waiting.extend(self.failed.drain(..));
            }
            self.finish_group();
            if synced.elapsed() >= SYNC_EVERY {
                synced = began;
                self.sync_segments();
            }
            if stopping && self.waiting.is_empty() {
                break;
            }
            if self.waiting.is_empty() || !stopping {
                std::thread::park_timeout(GROUP_EVERY.saturating_sub(began.elapsed()));
            }
        }
        self.remove_if_done();
    }

    fn take_messages(&mut self) {
        while let Ok(message) = self.inbox.try_recv() {
            match message {
                ToWriter::Full(block) => self.seal(block),
                ToWriter::NeedRoom { shard } => self.give_room(shard),
                ToWriter::Finished { call, recording, last } => {
                    let blocks = self.chain(recording, last);
                    self.waiting.push_back(Job { call, recording, blocks, told: false });
                }
            }
        }
    }

    fn seal(&mut self, block: BlockRef) {
        if let Some(segment) = self.files.get(&block.segment) {
            // A block that cannot be sealed is read unsealed; the disk's trouble shows at the file.
            let _ = segment::seal_block(&segment.file, offset(block), &mut self.room);
        }
    }

    /// Walks back from the last block of a recording.
    fn chain(&self, recording: u128, last: BlockRef) -> Vec<BlockRef> {
        let mut blocks = Vec::new();
        let mut next = Some(last);
        while let Some(block) = next {
            let Some(header) = self.header_of(block).filter(|header| header.name == recording) else { break };
            blocks.push(block);
            next = header.previous.filter(|_| header.index > 0);
        }
        blocks.reverse();
        blocks
    }

    fn header_of(&self, block: BlockRef) -> Option<BlockHeader> {
        let mut head = [0; segment::HEADER_BYTES];
        self.files.get(&block.segment)?.file.read_exact_at(&mut head, offset(block)).ok()?;
        segment::read_header(&head)
    }

    fn give_room(&mut self, shard: u16) {
        let side = &self.shards[usize::from(shard)];
        let message = if side.segments >= self.config.segments_max {
            FromWriter::NoRoom
        } else {
            match self.new_segment(shard) {
                Ok((segment, map)) => {
                    self.shards[usize::from(shard)].segments += 1;
                    FromWriter::Segment { segment, map }
                }
                Err(error) => {
                    eprintln!("media: no room for recordings: {error}");
                    FromWriter::NoRoom
                }
            }
        };
        // A shard that has ended needs no room.
        let _ = self.shards[usize::from(shard)].to.send(message);
    }

    fn new_segment(&mut self, shard: u16) -> io::Result<(u32, Map)> {
        self.check_room(self.config.segment_bytes)?;
        let segment = self.next_segment;
        let path = self.config.dir.join("segments").join(format!("{segment:08}.seg"));
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        let bytes = (self.config.segment_bytes as usize / BLOCK_BYTES).max(1) * BLOCK_BYTES;
        let map = Map::reserve(&file, bytes).inspect_err(|_| {
            let _ = fs::remove_file(&path);
        })?;
        self.next_segment += 1;
        self.files
            .insert(segment, SegmentFile { file, path, shard: Some(shard), needed_by: BTreeSet::new() });
        Ok((segment, map))
    }

    /// Refuses what would not leave the reserve free.
    fn check_room(&self, bytes: u64) -> io::Result<()> {
        let free = map::free_bytes(&self.directory)?;
        if free < bytes + self.config.disk_reserve_bytes {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "the disk's reserve would be touched"));
        }
        Ok(())
    }

    fn sync_segments(&self) {
        for segment in self.files.values().filter(|segment| segment.shard.is_some()) {
            if let Err(error) = segment.file.sync_data() {
                eprintln!("media: {} cannot be synced: {error}", segment.path.display());
            }
        }
    }

    /// Writes, syncs and renames the files of waiting recordings, then tells of them and frees their blocks.
    fn finish_group(&mut self) {
        let mut group = Vec::new();
        while group.len() < GROUP_MAX {
            let Some(job) = self.waiting.pop_front() else { break };
            match self.write_file(job) {
                Ok(written) => group.extend(written),
                Err((job, error)) => self.fail(job, &error),
            }
        }
        if group.is_empty() {
            return;
        }
        if let Err(error) = self.sync_group(&group) {
            group.into_iter().for_each(|written| self.fail(written.job, &error));
            return;
        }
        let mut events = Vec::new();
        let mut done = Vec::new();
        for written in group {
            match fs::rename(&written.part, &written.path) {
                Ok(()) => {
                    done.push(written);
                }
                Err(error) => self.fail(written.job, &error),
            }
        }
        sync_directories(&done);
        for written in done {
            self.free(&written.job);
            events.push(Event::RecordingReady {
                recording: written.job.recording,
                call: written.job.call,
                path: written.path,
                bytes: written.bytes,
                duration_ms: written.duration_ms,
                crc32c: written.crc32c,
                interrupted: written.interrupted,
            });
        }
        self.remove_if_done();
        (self.events)(events);
    }

    fn sync_group(&self, group: &[Written]) -> io::Result<()> {
        if group.len() > SYNC_ONE_BY_ONE_MAX {
            return map::sync_filesystem(&self.directory);
        }
        group.iter().try_for_each(|written| written.file.sync_data())
    }

    fn fail(&mut self, mut job: Job, error: &io::Error) {
        if !job.told {
            job.told = true;
            eprintln!("media: recording {:032x} waits for its file: {error}", job.recording);
            let full = matches!(
                error.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
            );
            let reason = if full { StopReason::DiskFull } else { StopReason::WriteFailed };
            (self.events)(vec![Event::RecordingStopped { call: job.call, recording: job.recording, reason }]);
        }
        self.failed.push(job);
    }

    /// Gives `None` for a recording of which nothing was laid down.
    fn write_file(&mut self, job: Job) -> Result<Option<Written>, (Job, io::Error)> {
        let Some(extent) = self.extent(&job) else {
            self.free(&job);
            return Ok(None);
        };
        match self.try_write(&job, &extent) {
            Ok((file, part, path, crc32c, interrupted)) => Ok(Some(Written {
                job,
                file,
                part,
                path,
                bytes: wav::HEADER_BYTES as u64 + extent.samples * 2,
                duration_ms: extent.samples / 8,
                crc32c,
                interrupted,
            })),
            Err(error) => Err((job, error)),
        }
    }

    /// Looks from the end for the last record, which says how long the recording is.
    fn extent(&mut self, job: &Job) -> Option<Extent> {
        let started_s = job.blocks.first().and_then(|&block| self.header_of(block))?.started_s;
        for &block in job.blocks.iter().rev() {
            let Ok(data) = self.read(block) else { continue };
            let (mut rest, mut samples, mut interrupted) = (data, None, true);
            while let Some((record, payload, behind)) = Record::parse(rest) {
                let end = u64::from(record.at_ms) * 8 + payload.len() as u64;
                samples = samples.max(Some(end));
                if record.kind == RecordKind::End {
                    (samples, interrupted) = (Some(u64::from(record.at_ms) * 8), false);
                }
                rest = behind;
            }
            if let Some(samples) = samples {
                return Some(Extent { started_s, samples, interrupted });
            }
        }
        None
    }

    /// The records of a block; none of one that was never filled.
    fn read(&mut self, block: BlockRef) -> io::Result<&[u8]> {
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "a damaged block");
        let segment = self.files.get(&block.segment).ok_or_else(damaged)?;
        segment.file.read_exact_at(&mut self.room, offset(block))?;
        segment::read_block(&self.room).map(|block| block.data).map_err(|_| damaged())
    }

    fn try_write(&mut self, job: &Job, extent: &Extent) -> io::Result<(File, PathBuf, PathBuf, u32, bool)> {
        let path = recording_path(&self.config.dir, job.recording, extent.started_s);
        let part = path.with_extension("wav.part");
        if let Some(day) = path.parent() {
            fs::create_dir_all(day)?;
        }
        self.check_room(extent.samples * 2)?;
        let mut sink = Checked { out: BufWriter::with_capacity(256 << 10, File::create(&part)?), crc: 0 };
        sink.write_all(&wav::header(Coding::G711(Law::Pcma), 8000, 2, extent.samples * 2))?;
        let mut timeline = Timeline::new(sink, extent.samples);
        let mut interrupted = extent.interrupted;
        for &block in &job.blocks {
            match self.read(block) {
                Ok(mut rest) => {
                    while let Some((record, payload, behind)) = Record::parse(rest) {
                        timeline.place(&record, payload)?;
                        rest = behind;
                    }
                }
                // What a damaged block held is silence, and the file says that it is not whole.
                Err(error) if error.kind() == io::ErrorKind::InvalidData => interrupted = true,
                Err(error) => return Err(error),
            }
        }
        let sink = timeline.finish()?;
        let file = sink.out.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok((file, part, path, sink.crc, interrupted))
    }

    /// Nobody needs a recording's blocks any more.
    fn free(&mut self, job: &Job) {
        let mut freed: BTreeMap<u16, Vec<BlockRef>> = BTreeMap::new();
        for &block in &job.blocks {
            let Some(segment) = self.files.get_mut(&block.segment) else { continue };
            if let Err(error) = segment::free_block(&segment.file, offset(block)) {
                eprintln!("media: {} cannot be written: {error}", segment.path.display());
                continue;
            }
            segment.needed_by.remove(&job.recording);
            if let Some(shard) = segment.shard {
                freed.entry(shard).or_default().push(block);
            }
        }
        for (shard, blocks) in freed {
            // A shard that has ended needs no room.
            let _ = self.shards[usize::from(shard)].to.send(FromWriter::Freed(blocks));
        }
    }

    /// Finds the recordings an earlier process left in its segments.
    fn find_left_over(&mut self, segments: &Path) -> io::Result<()> {
        let mut chains: BTreeMap<u128, Vec<(u32, BlockRef, CallId)>> = BTreeMap::new();
        for entry in fs::read_dir(segments)? {
            let path = entry?.path();
            let number = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
            let (Some(segment), Some("seg")) = (number, path.extension().and_then(|ending| ending.to_str()))
            else {
                continue;
            };
            let file = File::options().read(true).write(true).open(&path)?;
            self.next_segment = self.next_segment.max(segment + 1);
            let blocks = (file.metadata()?.len() / BLOCK_BYTES as u64) as u32;
            self.files.insert(segment, SegmentFile { file, path, shard: None, needed_by: BTreeSet::new() });
            for block in (0..blocks).map(|block| BlockRef { segment, block }) {
                if let Some(header) = self.header_of(block) {
                    chains.entry(header.name).or_default().push((header.index, block, CallId(header.owner)));
                }
            }
        }
        for (recording, mut chain) in chains {
            chain.sort_unstable_by_key(|&(index, block, _)| (index, block));
            for (_, block, _) in &chain {
                if let Some(segment) = self.files.get_mut(&block.segment) {
                    segment.needed_by.insert(recording);
                }
            }
            let call = chain[0].2;
            let blocks = chain.into_iter().map(|(_, block, _)| block).collect();
            self.waiting.push_back(Job { call, recording, blocks, told: false });
        }
        self.remove_if_done();
        Ok(())
    }

    /// Removes left-over files without recordings; an orderly end leaves none at all.
    fn remove_if_done(&mut self) {
        self.files.retain(|_, segment| {
            let keep = segment.shard.is_some() || !segment.needed_by.is_empty();
            if !keep && let Err(error) = fs::remove_file(&segment.path) {
                eprintln!("media: {} cannot be removed: {error}", segment.path.display());
            }
            keep
        });
    }
}

fn offset(block: BlockRef) -> u64 {
    u64::from(block.block) * BLOCK_BYTES as u64
}

fn sync_directories(done: &[Written]) {
    let days: BTreeSet<&Path> = done.iter().filter_map(|written| written.path.parent()).collect();
    for day in days {
        if let Err(error) = File::open(day).and_then(|directory| directory.sync_all()) {
            eprintln!("media: {} cannot be synced: {error}", day.display());
        }
    }
}

/// A sink that sums up what goes through.
struct Checked<W> {
    out: W,
    crc: u32,
}

impl<W: Write> Write for Checked<W> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let count = self.out.write(octets)?;
        self.crc = segment::crc32c(self.crc, &octets[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
