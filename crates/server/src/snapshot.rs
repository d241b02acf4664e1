//! Compiled numbers on the disk: bodies appended to one file, an index of them to another. A start reads the index
//! alone; a body is one read at its place. The database is the truth: what differs from it is compiled anew. Refuses
//! to know what a body means.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use hotline::enterprise::{Enterprise, compile};
use hotline::{Hotline, HotlineNumber, TenantId};
use node::directory::{Entry, Place};
use serde::{Deserialize, Serialize};
use store::Store;

/// First bytes of both files; a later form of the files or of [`Hotline`] has another.
const MAGIC: [u8; 8] = *b"SBHOT001";
/// Before a body and before an index record: length, CRC-32.
const FRAME: usize = 8;
/// A frame longer than this is none.
const FRAME_MAX: usize = 64 << 20;
/// Bodies nobody points to any more, beyond which the files are written anew, if they are also more than the others.
const WASTE_MAX: u64 = 64 << 20;
/// Enterprises asked from the database at a time.
const PAGE: u32 = 1_000;

/// One tenant's numbers at one version; a later record of the tenant replaces it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Indexed {
    tenant: TenantId,
    version: u32,
    numbers: Vec<(HotlineNumber, u64, u32)>,
}

/// Why the snapshot cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its files.
    #[error("the snapshot in {}: {error}", dir.display())]
    Files {
        /// Where.
        dir: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The database it is compared with.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// The two files. Bodies are read from any thread; writers take turns.
pub struct Snapshot {
    dir: PathBuf,
    bodies: File,
    writer: Mutex<Writer>,
}

struct Writer {
    index: File,
    index_end: u64,
    bodies_end: u64,
}

/// What a start found and did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Start {
    pub numbers: usize,
    pub compiled_tenants: usize,
}

/// The index in memory while a start goes on.
#[derive(Default)]
struct Found {
    tenants: BTreeMap<TenantId, Indexed>,
    index_end: u64,
    live_bytes: u64,
}

impl Snapshot {
    /// Opens the files, brings them up to what the database says and gives the whole index.
    ///
    /// # Errors
    /// The files or the database cannot be read or written.
    pub async fn open(dir: &Path, store: &Store) -> Result<(Snapshot, Vec<(HotlineNumber, Entry)>, Start), Error> {
        let failed = |error| Error::Files { dir: dir.to_owned(), error };
        fs::create_dir_all(dir).map_err(failed)?;
        let (mut snapshot, mut found) = Self::read(dir).map_err(failed)?;
        if snapshot.is_wasteful(&found) {
            (snapshot, found) = snapshot.rewrite(&found).map_err(failed)?;
        }
        let compiled_tenants = snapshot.catch_up(&mut found, store).await?;
        let entries = found.entries();
        let start = Start { numbers: entries.len(), compiled_tenants };
        Ok((snapshot, entries, start))
    }

    fn read(dir: &Path) -> io::Result<(Snapshot, Found)> {
        let bodies = open_file(&dir.join("numbers.bodies"))?;
        let index = open_file(&dir.join("numbers.index"))?;
        let bodies_end = bodies.metadata()?.len();
        let found = Found::read(&index, bodies_end)?;
        // What lies behind the last whole record was being written when the process died.
        index.set_len(found.index_end)?;
        let writer = Mutex::new(Writer { index, index_end: found.index_end, bodies_end });
        Ok((Snapshot { dir: dir.to_owned(), bodies, writer }, found))
    }

    fn is_wasteful(&self, found: &Found) -> bool {
        let end = self.locked().bodies_end;
        let waste = end.saturating_sub(found.live_bytes);
        waste > WASTE_MAX && waste > end / 2
    }

    /// Writes both files anew with what is still pointed to, and puts them in the place of the old ones.
    fn rewrite(&self, found: &Found) -> io::Result<(Snapshot, Found)> {
        let next = self.dir.join("next");
        if next.exists() {
            fs::remove_dir_all(&next)?;
        }
        fs::create_dir_all(&next)?;
        let (fresh, _) = Self::read(&next)?;
        for indexed in found.tenants.values() {
            let place = |&(number, offset, length): &(HotlineNumber, u64, u32)| {
                self.load(Place { offset, length }).filter(|body| body.number == number)
            };
            let bodies: Vec<Arc<Hotline>> = indexed.numbers.iter().filter_map(place).collect();
            if bodies.len() == indexed.numbers.len() {
                fresh.append(&indexed.tenant, indexed.version, &bodies)?;
            }
        }
        fresh.sync()?;
        // The index goes first: an index without its bodies is noticed by each body's CRC and compiled anew.
        for name in ["numbers.index", "numbers.bodies"] {
            fs::rename(next.join(name), self.dir.join(name))?;
        }
        fs::remove_dir_all(&next)?;
        Self::read(&self.dir)
    }

    /// Compiles tenants whose version in the database is another, and forgets those it does not have.
    async fn catch_up(&self, found: &mut Found, store: &Store) -> Result<usize, Error> {
        let mut known = std::mem::take(&mut found.tenants);
        let (mut after, mut compiled) = (None, 0);
        loop {
            let page = store.enterprises(after.as_ref(), PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for (tenant, version) in page {
                let indexed = match known.remove(&tenant) {
                    Some(indexed) if indexed.version == version => indexed,
                    _ => {
                        compiled += 1;
                        if compiled % 10_000 == 0 {
                            tracing::info!(compiled, "the snapshot is being brought up to the database");
                        }
                        let Some(stored) = store.enterprise(&tenant).await? else { continue };
                        self.put(&stored.enterprise, stored.version)
                            .map_err(|error| Error::Files { dir: self.dir.clone(), error })?
                    }
                };
                found.tenants.insert(tenant, indexed);
            }
        }
        Ok(compiled)
    }

    /// Compiles a document and appends its numbers.
    fn put(&self, enterprise: &Enterprise, version: u32) -> io::Result<Indexed> {
        let bodies: Vec<Arc<Hotline>> = compile(enterprise, version).into_iter().map(Arc::new).collect();
        self.append(&enterprise.id, version, &bodies)
    }

    /// Appends a tenant's numbers at a version; they replace all it had.
    fn append(&self, tenant: &TenantId, version: u32, bodies: &[Arc<Hotline>]) -> io::Result<Indexed> {
        let mut writer = self.locked();
        let mut bytes = Vec::new();
        let mut numbers = Vec::with_capacity(bodies.len());
        for body in bodies {
            let offset = writer.bodies_end + bytes.len() as u64;
            frame(&**body, &mut bytes)?;
            let length = (writer.bodies_end + bytes.len() as u64 - offset) as u32;
            numbers.push((body.number, offset, length));
        }
        self.bodies.write_all_at(&bytes, writer.bodies_end)?;
        writer.bodies_end += bytes.len() as u64;
        let indexed = Indexed { tenant: tenant.clone(), version, numbers };
        let mut record = Vec::new();
        frame(&indexed, &mut record)?;
        writer.index.write_all_at(&record, writer.index_end)?;
        writer.index_end += record.len() as u64;
        Ok(indexed)
    }

    /// Takes in a committed version of a document: its numbers' entries, and its bodies as long as they are few.
    ///
    /// # Errors
    /// The files cannot be written; the next start compiles the version anew.
    pub fn edit(
        &self,
        enterprise: &Enterprise,
        version: u32,
    ) -> io::Result<Vec<(HotlineNumber, Entry)>> {
        let indexed = self.put(enterprise, version)?;
        Ok(indexed.entries().collect())
    }

    /// A body at its place; `None` if it cannot be read whole.
    pub fn load(&self, place: Place) -> Option<Arc<Hotline>> {
        let mut bytes = vec![0; place.length as usize];
        self.bodies.read_exact_at(&mut bytes, place.offset).ok()?;
        let (payload, rest) = unframe(&bytes)?;
        let hotline = postcard::from_bytes(payload).ok()?;
        rest.is_empty().then(|| Arc::new(hotline))
    }

    /// Lets the disk have what was written.
    ///
    /// # Errors
    /// Those of fdatasync(2).
    pub fn sync(&self) -> io::Result<()> {
        self.bodies.sync_data()?;
        self.locked().index.sync_data()
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Writer> {
        // After a panic while it was held the ends still name only what was written whole.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Indexed {
    fn entries(&self) -> impl Iterator<Item = (HotlineNumber, Entry)> + '_ {
        self.numbers.iter().map(|&(number, offset, length)| {
            let place = Place { offset, length };
            (number, Entry { tenant: self.tenant.clone(), version: self.version, place })
        })
    }
}

impl Found {
    fn read(index: &File, bodies_end: u64) -> io::Result<Found> {
        let mut bytes = vec![0; index.metadata()?.len() as usize];
        index.read_exact_at(&mut bytes, 0)?;
        let mut found = Found { index_end: MAGIC.len() as u64, ..Found::default() };
        let mut rest = &bytes[MAGIC.len()..];
        while let Some((payload, next)) = unframe(rest) {
            let Ok(indexed) = postcard::from_bytes::<Indexed>(payload) else { break };
            let there = |&(_, offset, length): &(HotlineNumber, u64, u32)| offset + u64::from(length) <= bodies_end;
            if !indexed.numbers.iter().all(there) {
                break;
            }
            found.index_end += (rest.len() - next.len()) as u64;
            found.tenants.insert(indexed.tenant.clone(), indexed);
            rest = next;
        }
        let lengths = found.tenants.values().flat_map(|indexed| &indexed.numbers);
        found.live_bytes = lengths.map(|(_, _, length)| u64::from(*length)).sum();
        Ok(found)
    }

    fn entries(&self) -> Vec<(HotlineNumber, Entry)> {
        self.tenants.values().flat_map(Indexed::entries).collect()
    }
}

/// Opens a file that begins with our magic; one of another form is begun anew.
fn open_file(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    let mut magic = [0; MAGIC.len()];
    if file.read_exact_at(&mut magic, 0).is_err() || magic != MAGIC {
        file.set_len(0)?;
        file.write_all_at(&MAGIC, 0)?;
    }
    Ok(file)
}

fn frame<T: Serialize>(value: &T, into: &mut Vec<u8>) -> io::Result<()> {
    let payload = postcard::to_allocvec(value).map_err(io::Error::other)?;
    into.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    into.extend_from_slice(&crc32fast::hash(&payload).to_le_bytes());
    into.extend_from_slice(&payload);
    Ok(())
}

/// The payload of a whole frame and what follows it.
fn unframe(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (head, rest) = bytes.split_at_checked(FRAME)?;
    let length = u32::from_le_bytes(head[..4].try_into().ok()?) as usize;
    if length == 0 || length > FRAME_MAX {
        return None;
    }
    let (payload, next) = rest.split_at_checked(length)?;
    (crc32fast::hash(payload).to_le_bytes() == head[4..]).then_some((payload, next))
}
