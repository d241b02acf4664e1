//! The journal's files: a ring of preallocated segments, one plain write for the facts of a turn, `fdatasync` on a
//! thread of its own that no call waits for. What a record says is the node's business.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use node::journal::{Chunk, SEGMENT_HEADER, is_of_other_form, segment_number};

/// Between two calls of fdatasync: what a power cut may take.
const SYNC_EVERY: Duration = Duration::from_millis(50);
/// So much of the ring ahead of the last write is kept in memory: the first write to a part of a page that lies only on
/// the disk would wait until the disk has given it.
const AHEAD_BYTES: u64 = 4 << 20;
/// Read at a time while looking ahead.
const AHEAD_STEP_BYTES: u64 = 64 << 10;
/// Which segments wait for fdatasync is one word of bits.
pub const SEGMENTS_MAX: u64 = 64;

/// Where the ring lies and how large it is. The size of a ring in use does not change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ring {
    /// Its directory.
    pub dir: PathBuf,
    /// Bytes of a segment.
    pub segment_bytes: u64,
    /// Segments, at most [`SEGMENTS_MAX`].
    pub segments: u64,
}

/// Why a journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The files cannot be made, read or preallocated.
    #[error("the journal in {}: {error}", dir.display())]
    Files {
        /// Where.
        dir: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The ring on the disk has another shape than the configuration says.
    #[error(
        "the journal in {} was made with {found} segments of {found_bytes} bytes; keep [journal] as it was, or move the \
         directory away once nothing in it is unsettled", dir.display()
    )]
    OtherShape {
        /// Where.
        dir: PathBuf,
        /// Segments found.
        found: u64,
        /// Bytes of the first.
        found_bytes: u64,
    },
    /// Another version of the program wrote it.
    #[error(
        "the journal in {} was written by another version; let that version end its calls and settle them, then move the \
         directory away", dir.display()
    )]
    OtherVersion {
        /// Where.
        dir: PathBuf,
    },
}

/// Why facts could not be written.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The segment still holds what is needed.
    #[error("the ring is full: position {position} would overwrite what is needed from {needed_from} on")]
    Full {
        /// Where it should have been written.
        position: u64,
        /// The oldest position still needed.
        needed_from: u64,
    },
    /// The system refused the write.
    #[error("{0}")]
    Write(#[from] io::Error),
}

/// The journal, open for writing. One owner: the signalling thread.
pub struct Journal {
    files: Arc<Vec<File>>,
    segment_bytes: u64,
    needed_from: u64,
    progress: Arc<Progress>,
    syncer: Option<JoinHandle<()>>,
}

/// How far the journal is, readable from any thread.
#[derive(Debug, Default)]
pub struct Progress {
    written: AtomicU64,
    synced: AtomicU64,
    sync_failures: AtomicU64,
    dirty: AtomicU64,
    stop: AtomicBool,
}

impl Progress {
    /// The position behind the last byte written.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// The position up to which a power cut takes nothing.
    pub fn synced(&self) -> u64 {
        self.synced.load(Ordering::Relaxed)
    }

    /// Calls of fdatasync that failed.
    pub fn sync_failures(&self) -> u64 {
        self.sync_failures.load(Ordering::Relaxed)
    }
}

impl Ring {
    /// Opens the ring, makes and preallocates what is missing, and reads the segments that were ever begun.
    ///
    /// # Errors
    /// The disk is full or read-only, or the ring there has another shape.
    pub fn open(&self) -> Result<(Journal, Vec<Vec<u8>>), OpenError> {
        let failed = |error| OpenError::Files { dir: self.dir.clone(), error };
        fs::create_dir_all(&self.dir).map_err(failed)?;
        self.check_shape()?;
        let files: Vec<File> = (0..self.segments)
            .map(|place| self.open_segment(place))
            .collect::<io::Result<_>>()
            .map_err(failed)?;
        sync_directory(&self.dir).map_err(failed)?;
        let begun =
            files.iter().map(|file| read_begun(file, self.segment_bytes)).collect::<io::Result<Vec<_>>>();
        let begun: Vec<Vec<u8>> = begun.map_err(failed)?.into_iter().flatten().collect();
        let journal =
            Journal::start(files, self.segment_bytes, oldest(&begun, self.segment_bytes)).map_err(failed)?;
        Ok((journal, begun))
    }

    /// The file of a place in the ring.
    pub fn path(&self, place: u64) -> PathBuf {
        self.dir.join(format!("{place:03}.seg"))
    }

    /// Copies the segment that holds a position to `quarantine/`, for a person to look at (FAULTS B6).
    ///
    /// # Errors
    /// Those of copying a file.
    pub fn quarantine(&self, position: u64) -> io::Result<PathBuf> {
        let dir = self.dir.join("quarantine");
        fs::create_dir_all(&dir)?;
        let number = position / self.segment_bytes;
        let copy = dir.join(format!("segment-{number}.seg"));
        if !copy.exists() {
            fs::copy(self.path(number % self.segments), &copy)?;
        }
        Ok(copy)
    }

    fn check_shape(&self) -> Result<(), OpenError> {
        let found = (0..SEGMENTS_MAX).take_while(|place| self.path(*place).exists()).count() as u64;
        let first = fs::metadata(self.path(0)).map_or(0, |data| data.len());
        if (0..found).any(|place| self.head(place).is_some_and(|head| is_of_other_form(&head))) {
            return Err(OpenError::OtherVersion { dir: self.dir.clone() });
        }
        if found == 0 || (found == self.segments && first == self.segment_bytes) {
            return Ok(());
        }
        // A start that was cut off while it made the ring left fewer files and no facts.
        let begun =
            (0..found).any(|place| self.head(place).is_some_and(|head| segment_number(&head).is_some()));
        if !begun && found <= self.segments {
            return Ok(());
        }
        Err(OpenError::OtherShape { dir: self.dir.clone(), found, found_bytes: first })
    }

    /// The first bytes of a segment's file, if it has any.
    fn head(&self, place: u64) -> Option<[u8; SEGMENT_HEADER]> {
        let mut head = [0; SEGMENT_HEADER];
        File::open(self.path(place)).and_then(|file| file.read_exact_at(&mut head, 0)).ok()?;
        Some(head)
    }

    fn open_segment(&self, place: u64) -> io::Result<File> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(self.path(place))?;
        if file.metadata()?.len() != self.segment_bytes {
            crate::net::preallocate(file.as_raw_fd(), self.segment_bytes)?;
        }
        Ok(file)
    }
}

/// Durable names of the segment files.
fn sync_directory(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

fn read_begun(file: &File, segment_bytes: u64) -> io::Result<Option<Vec<u8>>> {
    let mut head = [0; SEGMENT_HEADER];
    file.read_exact_at(&mut head, 0)?;
    if segment_number(&head).is_none() {
        return Ok(None);
    }
    let mut bytes = vec![0; segment_bytes as usize];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(Some(bytes))
}

fn oldest(begun: &[Vec<u8>], segment_bytes: u64) -> u64 {
    begun.iter().filter_map(|bytes| segment_number(bytes)).min().unwrap_or(0) * segment_bytes
}

impl Journal {
    fn start(files: Vec<File>, segment_bytes: u64, needed_from: u64) -> io::Result<Journal> {
        let files = Arc::new(files);
        let progress = Arc::new(Progress::default());
        let (its_files, its_progress) = (files.clone(), progress.clone());
        let syncer = thread::Builder::new()
            .name("journal-sync".into())
            .spawn(move || sync_until_stopped(&its_files, &its_progress, &mut Ahead::of(segment_bytes)))?;
        Ok(Journal { files, segment_bytes, needed_from, progress, syncer: Some(syncer) })
    }

    /// Writes the facts of a turn where they belong. Writing them again after an error does no harm.
    ///
    /// # Errors
    /// Nothing may be promised that these facts say.
    pub fn append(&mut self, chunks: &[Chunk]) -> Result<(), AppendError> {
        for chunk in chunks {
            let number = chunk.position / self.segment_bytes;
            let ring = self.files.len() as u64;
            if number >= self.needed_from / self.segment_bytes + ring {
                let (position, needed_from) = (chunk.position, self.needed_from);
                return Err(AppendError::Full { position, needed_from });
            }
            let place = number % ring;
            self.files[place as usize].write_all_at(&chunk.bytes, chunk.position % self.segment_bytes)?;
            self.progress.written.store(chunk.position + chunk.bytes.len() as u64, Ordering::Release);
            if self.progress.dirty.fetch_or(1 << place, Ordering::AcqRel) == 0
                && let Some(syncer) = &self.syncer
            {
                syncer.thread().unpark();
            }
        }
        Ok(())
    }

    /// Positions below this are needed no more.
    pub fn free_below(&mut self, position: u64) {
        self.needed_from = self.needed_from.max(position);
    }

    /// How far it is.
    pub fn progress(&self) -> Arc<Progress> {
        self.progress.clone()
    }
}

impl Drop for Journal {
    /// What was written is synced before the journal is gone.
    fn drop(&mut self) {
        self.progress.stop.store(true, Ordering::Release);
        if let Some(syncer) = self.syncer.take() {
            syncer.thread().unpark();
            if syncer.join().is_err() {
                tracing::error!("the journal's sync thread ended by a panic");
            }
        }
    }
}

/// What lies ahead of the last write, brought into memory by a thread that may wait for the disk.
struct Ahead {
    segment_bytes: u64,
    read_to: u64,
    scratch: Vec<u8>,
}

impl Ahead {
    fn of(segment_bytes: u64) -> Ahead {
        Ahead { segment_bytes, read_to: 0, scratch: vec![0; AHEAD_STEP_BYTES as usize] }
    }

    /// Reads on from where it was. What cannot be read is left to the write, which tells.
    fn read_from(&mut self, files: &[File], written: u64) {
        let ring = self.segment_bytes * files.len() as u64;
        let end = written + AHEAD_BYTES.min(ring / 2);
        self.read_to = self.read_to.max(written);
        while self.read_to < end {
            let (segment, within) = (self.read_to / self.segment_bytes, self.read_to % self.segment_bytes);
            let count = AHEAD_STEP_BYTES.min(self.segment_bytes - within);
            let place = (segment % files.len() as u64) as usize;
            let _ = files[place].read_exact_at(&mut self.scratch[..count as usize], within);
            self.read_to += count;
        }
    }
}

fn sync_until_stopped(files: &[File], progress: &Progress, ahead: &mut Ahead) {
    loop {
        let stopping = progress.stop.load(Ordering::Acquire);
        let written = progress.written.load(Ordering::Acquire);
        let dirty = progress.dirty.swap(0, Ordering::AcqRel);
        if dirty == 0 {
            if stopping {
                return;
            }
            thread::park();
            continue;
        }
        ahead.read_from(files, written);
        match sync_dirty(files, dirty) {
            Ok(()) => progress.synced.store(written, Ordering::Release),
            Err(error) => {
                progress.sync_failures.fetch_add(1, Ordering::Relaxed);
                progress.dirty.fetch_or(dirty, Ordering::AcqRel);
                tracing::error!(%error, "the journal could not be synced; a power cut would lose what it holds");
                if stopping {
                    return;
                }
            }
        }
        if !stopping {
            thread::sleep(SYNC_EVERY);
        }
    }
}

fn sync_dirty(files: &[File], dirty: u64) -> io::Result<()> {
    let mut dirty_files = files.iter().enumerate().filter(|(place, _)| dirty >> place & 1 == 1);
    dirty_files.try_for_each(|(_, file)| file.sync_data())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hotline::{Mono, Wall};
    use node::journal::{Record, Writer};
    use node::recovery;

    const SEGMENT: u64 = 4_096;

    /// A ring of four small segments in a directory of the test's own.
    fn ring(name: &str) -> Ring {
        let dir = std::env::temp_dir().join(format!("sibai-journal-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        Ring { dir, segment_bytes: SEGMENT, segments: 4 }
    }

    fn beat(writer: &mut Writer, at: u64) {
        writer.append(&Record::Heartbeat { mono: Mono(at), wall: Wall(at as i64) });
    }

    fn found(segments: &[Vec<u8>]) -> recovery::Found {
        recovery::find(segments.iter().map(Vec::as_slice), SEGMENT, 0)
    }

    #[test]
    fn what_was_written_is_found_by_the_next_start() {
        let ring = ring("found");
        let (mut journal, segments) = ring.open().expect("opened");
        assert!(segments.is_empty(), "nothing was ever begun");
        let mut writer = Writer::new(SEGMENT, 0);
        for at in 0..200 {
            beat(&mut writer, at);
            journal.append(writer.chunks()).expect("written");
            writer.clear();
        }
        let (progress, end) = (journal.progress(), writer.position());
        drop(journal);
        assert_eq!((progress.written(), progress.synced()), (end, end), "a drop syncs");
        let (_journal, segments) = ring.open().expect("opened again");
        let found = found(&segments);
        assert_eq!(found.mono(), Mono(199));
        assert_eq!(found.position, end.div_ceil(SEGMENT) * SEGMENT);
        assert!(found.flipped.is_empty());
        fs::remove_dir_all(ring.dir).expect("removed");
    }

    #[test]
    fn fault_f4_what_is_needed_is_never_overwritten() {
        let ring = ring("needed");
        let (mut journal, _) = ring.open().expect("opened");
        let mut writer = Writer::new(SEGMENT, 0);
        let refused = loop {
            beat(&mut writer, 1);
            match journal.append(writer.chunks()) {
                Ok(()) => writer.clear(),
                Err(error) => break error,
            }
        };
        let AppendError::Full { position, needed_from: 0 } = refused else { panic!("{refused}") };
        assert_eq!(position, 4 * SEGMENT);
        journal.free_below(SEGMENT - 1);
        assert!(journal.append(writer.chunks()).is_err(), "its last byte is still needed");
        journal.free_below(SEGMENT);
        journal.append(writer.chunks()).expect("the same facts, once there is room");
        drop(journal);
        let (_journal, segments) = ring.open().expect("opened again");
        assert_eq!(found(&segments).position, 5 * SEGMENT);
        fs::remove_dir_all(ring.dir).expect("removed");
    }

    #[test]
    fn fault_f4_a_write_the_system_refuses_is_said() {
        let ring = ring("refused");
        let (journal, _) = ring.open().expect("opened");
        drop(journal);
        let files = (0..4).map(|place| File::open(ring.path(place)).expect("for reading")).collect();
        let mut journal = Journal::start(files, SEGMENT, 0).expect("started");
        let mut writer = Writer::new(SEGMENT, 0);
        beat(&mut writer, 1);
        assert!(matches!(journal.append(writer.chunks()), Err(AppendError::Write(_))));
        drop(journal);
        fs::remove_dir_all(ring.dir).expect("removed");
    }

    #[test]
    fn a_ring_of_another_shape_is_not_touched() {
        let ring = ring("shape");
        let (mut journal, _) = ring.open().expect("opened");
        let mut writer = Writer::new(SEGMENT, 0);
        beat(&mut writer, 1);
        journal.append(writer.chunks()).expect("written");
        drop(journal);
        let other = Ring { segment_bytes: 2 * SEGMENT, ..ring.clone() };
        let Err(error) = other.open() else { panic!("another shape") };
        assert!(matches!(error, OpenError::OtherShape { found: 4, found_bytes: SEGMENT, .. }), "{error}");
        fs::remove_dir_all(ring.dir).expect("removed");
    }

    #[test]
    fn a_ring_of_another_version_is_not_touched() {
        let ring = ring("version");
        let (mut journal, _) = ring.open().expect("opened");
        let mut writer = Writer::new(SEGMENT, 0);
        beat(&mut writer, 1);
        journal.append(writer.chunks()).expect("written");
        drop(journal);
        let file = OpenOptions::new().write(true).open(ring.path(0)).expect("opened");
        file.write_all_at(b"SBJ1", 0).expect("an older form");
        let Err(error) = ring.open() else { panic!("another version") };
        assert!(matches!(error, OpenError::OtherVersion { .. }), "{error}");
        fs::remove_dir_all(ring.dir).expect("removed");
    }

    #[test]
    fn fault_b6_a_segment_with_a_flipped_bit_is_kept_aside() {
        let ring = ring("flipped");
        let (mut journal, _) = ring.open().expect("opened");
        let mut writer = Writer::new(SEGMENT, 0);
        (0..3).for_each(|at| beat(&mut writer, at));
        journal.append(writer.chunks()).expect("written");
        drop(journal);
        let file = OpenOptions::new().write(true).open(ring.path(0)).expect("opened");
        file.write_all_at(&[0xff], SEGMENT_HEADER as u64 + 9).expect("flipped");
        let (_journal, segments) = ring.open().expect("opened again");
        let found = found(&segments);
        assert_eq!((found.flipped.as_slice(), found.mono()), ([SEGMENT_HEADER as u64].as_slice(), Mono(2)));
        let copy = ring.quarantine(found.flipped[0]).expect("copied");
        assert_eq!(fs::read(copy).expect("read"), segments[0]);
        fs::remove_dir_all(ring.dir).expect("removed");
    }
}
