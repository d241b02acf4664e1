//! Compiled numbers on the disk: bodies appended to one file, an index of them to another. A start reads the index
//! alone; a body is one read at its place. The database is the truth: what differs from it is compiled anew. Refuses
//! to know what a body means.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use hotline::enterprise::{Enterprise, Phone, compile, phones};
use hotline::{Hotline, HotlineNumber, TenantId};
use node::directory::{Entry, Place};
use serde::{Deserialize, Serialize};
use store::Store;

/// First bytes of both files; a later form of the files or of [`Hotline`] has another.
const MAGIC: [u8; 8] = *b"SBHOT030";
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
    phones: Vec<Phone>,
}

/// Numbers with whose they are and where their bodies lie.
pub type Entries = Vec<(HotlineNumber, Entry)>;

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

/// What was compiled anew, and which numbers its tenants held before.
#[derive(Debug, Default)]
pub struct Difference {
    compiled: Vec<TenantId>,
    gone: Vec<HotlineNumber>,
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
    pub async fn open(
        dir: &Path,
        store: &Store,
    ) -> Result<(Snapshot, Vec<(HotlineNumber, Entry)>, Start), Error> {
        let failed = |error| Error::Files { dir: dir.to_owned(), error };
        fs::create_dir_all(dir).map_err(failed)?;
        let (mut snapshot, mut found) = Self::read(dir).map_err(failed)?;
        if snapshot.is_wasteful(&found) {
            (snapshot, found) = snapshot.rewrite(&found).map_err(failed)?;
        }
        let mut difference = Difference::default();
        snapshot.catch_up(&mut found, store, &mut difference).await?;
        let entries = found.entries();
        let start = Start { numbers: entries.len(), compiled_tenants: difference.compiled.len() };
        Ok((snapshot, entries, start))
    }

    /// Opens the files as they are, for a start without the database; `None` if their index is shorter than
    /// `index_bytes`, as after a loss or of another form: numbers would be missing.
    ///
    /// # Errors
    /// The files cannot be read.
    pub fn open_alone(dir: &Path, index_bytes: u64) -> Result<Option<(Snapshot, Entries)>, Error> {
        let (snapshot, found) =
            Self::read(dir).map_err(|error| Error::Files { dir: dir.to_owned(), error })?;
        Ok((found.index_end >= index_bytes).then(|| (snapshot, found.entries())))
    }

    /// The phones of all enterprises.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn phones(&self) -> Result<Vec<Phone>, Error> {
        let writer = self.locked();
        let found = Found::read(&writer.index, writer.bodies_end)
            .map_err(|error| Error::Files { dir: self.dir.clone(), error })?;
        Ok(found.tenants.into_values().flat_map(|indexed| indexed.phones).collect())
    }

    /// How long the index is.
    pub fn index_bytes(&self) -> u64 {
        self.locked().index_end
    }

    /// Brings the files up to what the database says, and gives every number that is another since `difference` was
    /// empty; one that nobody holds any more is without an entry. After an error it goes on with the same `difference`.
    ///
    /// # Errors
    /// The files or the database cannot be read or written.
    pub async fn follow(
        &self,
        store: &Store,
        difference: &mut Difference,
    ) -> Result<Vec<(HotlineNumber, Option<Entry>)>, Error> {
        let failed = |error| Error::Files { dir: self.dir.clone(), error };
        let mut found = {
            let writer = self.locked();
            Found::read(&writer.index, writer.bodies_end).map_err(failed)?
        };
        self.catch_up(&mut found, store, difference).await?;
        let compiled = difference.compiled.iter().filter_map(|tenant| found.tenants.get(tenant));
        let there: BTreeMap<HotlineNumber, Entry> = compiled.flat_map(Indexed::entries).collect();
        let gone = difference.gone.iter().filter(|number| !there.contains_key(number));
        let mut numbers: Vec<_> = gone.map(|number| (*number, None)).collect();
        numbers.extend(there.into_iter().map(|(number, entry)| (number, Some(entry))));
        Ok(numbers)
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
                fresh.append(&indexed.tenant, indexed.version, &bodies, indexed.phones.clone())?;
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
    async fn catch_up(
        &self,
        found: &mut Found,
        store: &Store,
        difference: &mut Difference,
    ) -> Result<(), Error> {
        let mut known = std::mem::take(&mut found.tenants);
        let mut after = None;
        loop {
            let page = store.enterprises(after.as_ref(), PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for (tenant, version) in page {
                let indexed = match known.remove(&tenant) {
                    Some(indexed) if indexed.version == version => indexed,
                    another => {
                        difference.goes(another);
                        difference.compiled.push(tenant.clone());
                        let compiled = difference.compiled.len();
                        if compiled.is_multiple_of(10_000) {
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
        for forgotten in known.into_values().filter(|indexed| !indexed.numbers.is_empty()) {
            // Said in the files too: a start without the database knows only them.
            self.append(&forgotten.tenant, 0, &[], Vec::new())
                .map_err(|error| Error::Files { dir: self.dir.clone(), error })?;
            difference.goes(Some(forgotten));
        }
        Ok(())
    }

    /// Compiles a document and appends its numbers.
    fn put(&self, enterprise: &Enterprise, version: u32) -> io::Result<Indexed> {
        let bodies: Vec<Arc<Hotline>> = compile(enterprise, version).into_iter().map(Arc::new).collect();
        self.append(&enterprise.id, version, &bodies, phones(enterprise))
    }

    /// Appends a tenant's numbers at a version; they replace all it had.
    fn append(
        &self,
        tenant: &TenantId,
        version: u32,
        bodies: &[Arc<Hotline>],
        phones: Vec<Phone>,
    ) -> io::Result<Indexed> {
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
        let indexed = Indexed { tenant: tenant.clone(), version, numbers, phones };
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
    pub fn edit(&self, enterprise: &Enterprise, version: u32) -> io::Result<Vec<(HotlineNumber, Entry)>> {
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

impl Difference {
    fn goes(&mut self, indexed: Option<Indexed>) {
        let numbers = indexed.into_iter().flat_map(|indexed| indexed.numbers);
        self.gone.extend(numbers.map(|(number, ..)| number));
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
            let there =
                |&(_, offset, length): &(HotlineNumber, u64, u32)| offset + u64::from(length) <= bodies_end;
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

#[cfg(test)]
mod tests {
    use super::*;

    use hotline::enterprise::{AccountKind, BalanceEnd, Number, Recording, Then};
    use hotline::{PlanId, Wall};
    use store::Change;

    fn number(suffix: u32) -> Number {
        Number {
            recording: Recording { notice: String::new(), pause_s_max: 0, ..Recording::new(false) },
            talk_s_max: 60,
            ..Number::new(
                HotlineNumber::from_suffix(suffix).expect("seven digits"),
                Then::HangUp { prompt: Some("after_hours".into()) },
            )
        }
    }

    fn enterprise(id: &str, suffixes: &[u32]) -> Enterprise {
        Enterprise {
            account: AccountKind::Postpaid,
            balance_end: BalanceEnd::FinishCall,
            numbers: suffixes.iter().map(|suffix| number(*suffix)).collect(),
            ..Enterprise::new(TenantId::new(id), id, PlanId::new("T1"))
        }
    }

    /// A database with these enterprises, and a directory, of the test's own.
    async fn world(name: &str, enterprises: &[Enterprise]) -> (Store, PathBuf) {
        let dir = std::env::temp_dir().join(format!("sibai-snapshot-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).expect("made");
        let store = Store::open(&format!("sqlite:{}", dir.join("db").display())).await.expect("opened");
        store.migrate().await.expect("tables");
        for enterprise in enterprises {
            store.put_enterprise(enterprise, 0, &change()).await.expect("stored");
        }
        (store, dir)
    }

    fn change() -> Change {
        Change { by: "test".into(), at: Wall(1_790_000_000_000) }
    }

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(test);
    }

    fn body(snapshot: &Snapshot, entries: &[(HotlineNumber, Entry)], suffix: u32) -> Option<Arc<Hotline>> {
        let (_, entry) = entries.iter().find(|(number, _)| number.suffix() == suffix)?;
        snapshot.load(entry.place)
    }

    #[test]
    fn compiled_once_and_read_back_whole() {
        run(async {
            let (one, two) = (enterprise("one", &[1, 2]), enterprise("two", &[3]));
            let (store, dir) = world("once", &[one.clone(), two]).await;
            let (_, entries, start) = Snapshot::open(&dir, &store).await.expect("opened");
            assert_eq!(start, Start { numbers: 3, compiled_tenants: 2 });
            assert_eq!(entries.len(), 3);
            let (snapshot, entries, start) = Snapshot::open(&dir, &store).await.expect("opened again");
            assert_eq!(start, Start { numbers: 3, compiled_tenants: 0 });
            let read = body(&snapshot, &entries, 2).expect("whole");
            assert_eq!(*read, compile(&one, 1)[1]);
            fs::remove_dir_all(dir).expect("removed");
        });
    }

    #[test]
    fn an_edit_replaces_all_its_tenant_had_and_a_missed_one_is_caught_up() {
        run(async {
            let (store, dir) = world("edit", &[enterprise("one", &[1, 2])]).await;
            let (snapshot, ..) = Snapshot::open(&dir, &store).await.expect("opened");
            let edited = enterprise("one", &[2, 4]);
            store.put_enterprise(&edited, 1, &change()).await.expect("stored");
            let entries = snapshot.edit(&edited, 2).expect("appended");
            assert_eq!(body(&snapshot, &entries, 4).expect("whole").version, 2);
            // Told to the database alone, as by a process without this snapshot.
            store.put_enterprise(&enterprise("one", &[5]), 2, &change()).await.expect("stored");
            let (snapshot, entries, start) = Snapshot::open(&dir, &store).await.expect("opened again");
            assert_eq!(start, Start { numbers: 1, compiled_tenants: 1 });
            assert_eq!(body(&snapshot, &entries, 5).expect("whole").version, 3);
            fs::remove_dir_all(dir).expect("removed");
        });
    }

    #[test]
    fn opened_alone_it_follows_the_database_later() {
        run(async {
            let (store, dir) = world("alone", &[enterprise("one", &[1, 2]), enterprise("two", &[3])]).await;
            let (snapshot, before, _) = Snapshot::open(&dir, &store).await.expect("opened");
            let index_bytes = snapshot.index_bytes();
            // A number goes to the other enterprise, one goes, one is new.
            store.put_enterprise(&enterprise("one", &[4]), 1, &change()).await.expect("stored");
            store.put_enterprise(&enterprise("two", &[1, 3]), 1, &change()).await.expect("stored");
            store.put_enterprise(&enterprise("six", &[6]), 0, &change()).await.expect("stored");
            let (alone, entries) =
                Snapshot::open_alone(&dir, index_bytes).expect("read").expect("as long as it was");
            assert_eq!(entries, before);
            let mut difference = Difference::default();
            let numbers = alone.follow(&store, &mut difference).await.expect("followed");
            let whose = |(number, entry): &(HotlineNumber, Option<Entry>)| {
                (number.suffix(), entry.as_ref().map(|entry| (entry.tenant.to_string(), entry.version)))
            };
            let mut told: Vec<_> = numbers.iter().map(whose).collect();
            told.sort();
            let held = |tenant: &str, version| Some((tenant.to_owned(), version));
            let (one, two, six) = (held("one", 2), held("two", 2), held("six", 1));
            assert_eq!(told, [(1, two.clone()), (2, None), (3, two), (4, one), (6, six)]);
            // A second attempt with the same difference tells the same: the first may have been lost on the way.
            let again = alone.follow(&store, &mut difference).await.expect("followed");
            assert_eq!(again, numbers);
            let short = Snapshot::open_alone(&dir, alone.index_bytes() + 1).expect("read");
            assert!(short.is_none(), "an index that was longer lacks numbers");
            fs::remove_dir_all(dir).expect("removed");
        });
    }

    #[test]
    fn torn_files_are_noticed_and_compiled_anew() {
        run(async {
            let (store, dir) = world("torn", &[enterprise("one", &[1]), enterprise("two", &[2])]).await;
            let (snapshot, entries, _) = Snapshot::open(&dir, &store).await.expect("opened");
            drop(snapshot);
            let index = OpenOptions::new().write(true).open(dir.join("numbers.index")).expect("opened");
            index.set_len(index.metadata().expect("data").len() - 3).expect("torn");
            let place = entries[0].1.place;
            let bodies = OpenOptions::new().write(true).open(dir.join("numbers.bodies")).expect("opened");
            bodies.write_all_at(&[0xff], place.offset + 12).expect("flipped");
            let (snapshot, entries, start) = Snapshot::open(&dir, &store).await.expect("opened again");
            assert_eq!(start, Start { numbers: 2, compiled_tenants: 1 });
            assert!(snapshot.load(place).is_none(), "a flipped bit is noticed");
            assert!(body(&snapshot, &entries, 2).is_some());
            fs::remove_dir_all(dir).expect("removed");
        });
    }

    #[test]
    fn what_nobody_points_to_goes_when_the_files_are_rewritten() {
        run(async {
            let (store, dir) = world("waste", &[enterprise("one", &[1])]).await;
            let (snapshot, ..) = Snapshot::open(&dir, &store).await.expect("opened");
            for version in 2..50 {
                snapshot.edit(&enterprise("one", &[1]), version).expect("appended");
            }
            let (snapshot, found) = Snapshot::read(&dir).expect("read");
            let before = snapshot.locked().bodies_end;
            let (snapshot, found) = snapshot.rewrite(&found).expect("rewritten");
            assert!(snapshot.locked().bodies_end < before / 40);
            assert_eq!(body(&snapshot, &found.entries(), 1).expect("whole").version, 49);
            drop(store);
            fs::remove_dir_all(dir).expect("removed");
        });
    }
}
