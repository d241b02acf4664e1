//! Recordings where they lie, plain or so that the disk alone does not give them away (row V12): each sealed one has a key of
//! its own, wrapped by its enterprise's, and that by the provider's, which comes from elsewhere. Refuses to know who may
//! listen.
//!
//! A sealed file is the magic `SBSEAL01` and the plain length (8 octets, little-endian), then pieces of 64 KiB of the WAV, each
//! with its tag by AES-256-GCM. A piece's nonce is its number, its additional data are the head, so that pieces can neither
//! change places nor be left out. A key seals one file, so no nonce comes twice.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Component, Path, PathBuf};

use hotline::{RecordingId, TenantId, Wall};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use store::{Recording, RecordingKey, SealedBy, Store};

/// What a sealed file begins with.
const MAGIC: &[u8; 8] = b"SBSEAL01";
const HEAD_BYTES: usize = 16;
/// Octets of the WAV in a piece.
const PIECE_BYTES: usize = 64 << 10;
const TAG_BYTES: usize = 16;
const KEY_BYTES: usize = 32;
/// How a sealed file ends.
const ENDING: &str = "wav.sealed";

/// Where recordings lie, and the provider's key if they are sealed.
#[derive(Clone, Debug)]
pub struct Archive {
    /// The folder.
    pub dir: PathBuf,
    /// The provider's key; without it files are written plain, and sealed ones are not read.
    pub master: Option<Key>,
    /// The file of its own in which the keys of recordings are kept beside copies of the database, which have none (row V03).
    pub keys_copy: Option<PathBuf>,
}

/// A key of an enterprise, with its number.
#[derive(Clone, Debug)]
pub struct TenantKey {
    tenant: TenantId,
    number: u32,
    key: Key,
}

/// Why a recording is not read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Its enterprise's key was destroyed, or is not of the provider's key that is configured.
    #[error("its key is gone")]
    Key,
    /// The provider's key is not configured.
    #[error("the provider's key is not configured")]
    NoMaster,
    /// The file.
    #[error(transparent)]
    File(#[from] io::Error),
    /// The database.
    #[error(transparent)]
    Database(#[from] store::Error),
}

impl Archive {
    /// The key that an enterprise's new recordings are sealed by, made where there is none; `None` where files are plain.
    ///
    /// # Errors
    /// Those of the database, or the system gives no random octets.
    pub async fn sealing_key(
        &self,
        store: &Store,
        tenant: &TenantId,
        now: Wall,
    ) -> Result<Option<TenantKey>, Unreadable> {
        let Some(master) = &self.master else { return Ok(None) };
        // A second process may make the first key at the same time: whose row stands counts.
        for _ in 0..3 {
            let keys = store.recording_keys(tenant).await?;
            let last = keys.last().filter(|key| !key.wrapped.is_empty());
            if let Some(RecordingKey { key: number, wrapped, .. }) = last {
                let key = master.unwrap(wrapped, tenant.as_str()).ok_or(Unreadable::Key)?;
                return Ok(Some(TenantKey { tenant: tenant.clone(), number: *number, key }));
            }
            let wrapped = master.wrap(&Key::new()?, tenant.as_str())?;
            let key = keys.last().map_or(1, |key| key.key + 1);
            store.add_recording_key(tenant, &RecordingKey { key, wrapped, destroyed: false }, now).await?;
        }
        Err(Unreadable::Key)
    }

    /// Opens a recording. Reading the file holds up its thread.
    ///
    /// # Errors
    /// See [`Unreadable`].
    pub async fn open(&self, store: &Store, row: &Recording) -> Result<Sound, Unreadable> {
        let key = self.key_of(store, row).await?;
        self.open_with(row, key.as_ref())
    }

    /// The key of a sealed recording's enterprise; `None` for a plain one.
    ///
    /// # Errors
    /// See [`Unreadable`].
    pub async fn key_of(&self, store: &Store, row: &Recording) -> Result<Option<TenantKey>, Unreadable> {
        let Some(sealed) = &row.sealed else { return Ok(None) };
        let master = self.master.as_ref().ok_or(Unreadable::NoMaster)?;
        let keys = store.recording_keys(&row.tenant).await?;
        let key = keys.iter().find(|key| key.key == sealed.key);
        let key =
            key.and_then(|key| master.unwrap(&key.wrapped, row.tenant.as_str())).ok_or(Unreadable::Key)?;
        Ok(Some(TenantKey { tenant: row.tenant.clone(), number: sealed.key, key }))
    }

    /// Opens a recording whose enterprise's key is at hand.
    ///
    /// # Errors
    /// See [`Unreadable`].
    pub fn open_with(&self, row: &Recording, key: Option<&TenantKey>) -> Result<Sound, Unreadable> {
        let path = path_of(&self.dir, &row.path).ok_or(io::Error::from(io::ErrorKind::InvalidInput))?;
        let Some(sealed) = &row.sealed else { return Ok(Sound::open(&path, None)?) };
        let key =
            key.filter(|key| key.tenant == row.tenant && key.number == sealed.key).ok_or(Unreadable::Key)?;
        let own = key.key.unwrap(&sealed.wrapped, &row.recording.to_string()).ok_or(Unreadable::Key)?;
        Ok(Sound::open(&path, Some(&own))?)
    }

    /// Deletes a recording's file; one that is gone already was deleted by a run that ended before its row said so.
    ///
    /// # Errors
    /// Those of the disk, and of a path that leads elsewhere.
    pub fn remove(&self, row: &Recording) -> io::Result<()> {
        let path = path_of(&self.dir, &row.path).ok_or(io::ErrorKind::InvalidInput)?;
        match std::fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }
}

impl TenantKey {
    /// Seals a finished recording beside its plain file, which stays: where the sealed one lies, and by what it opens.
    ///
    /// # Errors
    /// Those of reading and writing.
    pub fn seal(&self, plain: &Path, recording: RecordingId) -> io::Result<(PathBuf, SealedBy)> {
        let own = Key::new()?;
        let path = seal_file(plain, &own)?;
        let wrapped = self.key.wrap(&own, &recording.to_string())?;
        Ok((path, SealedBy { key: self.number, wrapped }))
    }
}

/// A key that seals files or wraps other keys. Its octets are in no log and no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; KEY_BYTES]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// A new one.
    ///
    /// # Errors
    /// The system gives no random octets.
    pub fn new() -> io::Result<Key> {
        let mut octets = [0; KEY_BYTES];
        random(&mut octets)?;
        Ok(Key(octets))
    }

    /// From 64 hexadecimal digits, white space around them aside.
    pub fn parse(text: &str) -> Option<Key> {
        read_hex(text.trim())?.try_into().ok().map(Key)
    }

    fn cipher(&self) -> LessSafeKey {
        // The length is that of the algorithm, by the type.
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &self.0).expect("32 octets"))
    }

    /// Another key as it may be stored; `whose` is bound to it.
    ///
    /// # Errors
    /// The system gives no random octets.
    pub fn wrap(&self, inner: &Key, whose: &str) -> io::Result<String> {
        let mut nonce = [0; NONCE_LEN];
        random(&mut nonce)?;
        let mut sealed = inner.0.to_vec();
        self.cipher()
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(whose), &mut sealed)
            .map_err(|_| io::Error::other("a key cannot be wrapped"))?;
        Ok(write_hex(&[&nonce[..], &sealed].concat()))
    }

    /// The key that was wrapped for `whose`; `None` if this is not the key that wrapped it.
    pub fn unwrap(&self, wrapped: &str, whose: &str) -> Option<Key> {
        let octets = read_hex(wrapped)?;
        let (nonce, sealed) = octets.split_first_chunk::<NONCE_LEN>()?;
        let mut sealed = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let open = self.cipher().open_in_place(nonce, Aad::from(whose), &mut sealed).ok()?;
        (*open).try_into().ok().map(Key)
    }
}

fn random(octets: &mut [u8]) -> io::Result<()> {
    SystemRandom::new().fill(octets).map_err(|_| io::Error::other("the system gave no random octets"))
}

fn write_hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn read_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let is_hex = digits.len().is_multiple_of(2) && digits.iter().all(u8::is_ascii_hexdigit);
    let octet = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    is_hex.then(|| digits.chunks(2).map(octet).collect())?
}

/// Seals a whole file beside it, synced; the plain one stays. Gives the path of the sealed one.
fn seal_file(plain: &Path, key: &Key) -> io::Result<PathBuf> {
    let sealed = plain.with_extension(ENDING);
    let part = plain.with_extension(format!("{ENDING}.part"));
    let (mut from, mut to) = (File::open(plain)?, File::create(&part)?);
    let bytes = from.metadata()?.len();
    let head = head(bytes);
    to.write_all(&head)?;
    let cipher = key.cipher();
    let (mut piece, mut at) = (Vec::with_capacity(PIECE_BYTES + TAG_BYTES), 0);
    while at * (PIECE_BYTES as u64) < bytes {
        piece.clear();
        Read::by_ref(&mut from).take(PIECE_BYTES as u64).read_to_end(&mut piece)?;
        cipher
            .seal_in_place_append_tag(nonce(at), Aad::from(&head), &mut piece)
            .map_err(|_| io::Error::other("a piece cannot be sealed"))?;
        to.write_all(&piece)?;
        at += 1;
    }
    to.sync_all()?;
    std::fs::rename(&part, &sealed)?;
    if let Some(dir) = sealed.parent() {
        File::open(dir)?.sync_all()?;
    }
    Ok(sealed)
}

fn head(bytes: u64) -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    head[..8].copy_from_slice(MAGIC);
    head[8..].copy_from_slice(&bytes.to_le_bytes());
    head
}

fn nonce(piece: u64) -> Nonce {
    let mut octets = [0; NONCE_LEN];
    octets[..8].copy_from_slice(&piece.to_le_bytes());
    Nonce::assume_unique_for_key(octets)
}

/// A recording's file, open to be read at any place.
pub struct Sound {
    file: File,
    /// Octets of the WAV.
    bytes: u64,
    sealed: Option<([u8; HEAD_BYTES], LessSafeKey)>,
}

impl Sound {
    /// Opens a plain file, or a sealed one with its key.
    ///
    /// # Errors
    /// Those of reading; `InvalidData` if what is there was not sealed by anybody.
    pub fn open(path: &Path, key: Option<&Key>) -> io::Result<Sound> {
        let file = File::open(path)?;
        let Some(key) = key else {
            let bytes = file.metadata()?.len();
            return Ok(Sound { file, bytes, sealed: None });
        };
        let mut head = [0; HEAD_BYTES];
        file.read_exact_at(&mut head, 0)?;
        let (magic, bytes) = head.split_at(MAGIC.len());
        let bytes = u64::from_le_bytes(bytes.try_into().unwrap_or_default());
        if magic != MAGIC {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not a sealed recording"));
        }
        Ok(Sound { file, bytes, sealed: Some((head, key.cipher())) })
    }

    /// How many octets the WAV has.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What begins at `at`: at most 64 KiB and at least one octet, nothing behind the end.
    ///
    /// # Errors
    /// Those of reading; `InvalidData` where a sealed piece was changed or the key is another.
    pub fn read(&self, at: u64) -> io::Result<Vec<u8>> {
        let (number, within) = (at / PIECE_BYTES as u64, (at % PIECE_BYTES as u64) as usize);
        let left = self.bytes.saturating_sub(number * PIECE_BYTES as u64).min(PIECE_BYTES as u64) as usize;
        let Some(wanted) = left.checked_sub(within).filter(|wanted| *wanted > 0) else {
            return Ok(Vec::new());
        };
        let Some((head, cipher)) = &self.sealed else {
            let mut octets = vec![0; wanted];
            self.file.read_exact_at(&mut octets, at)?;
            return Ok(octets);
        };
        let mut piece = vec![0; left + TAG_BYTES];
        let place = HEAD_BYTES as u64 + number * (PIECE_BYTES + TAG_BYTES) as u64;
        self.file.read_exact_at(&mut piece, place)?;
        cipher
            .open_in_place(nonce(number), Aad::from(head), &mut piece)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "a sealed piece was changed"))?;
        Ok(piece[within..left].to_vec())
    }

    /// Writes the whole WAV elsewhere.
    ///
    /// # Errors
    /// As [`Sound::read`], and those of writing.
    pub fn copy_to(&self, to: &mut impl Write) -> io::Result<()> {
        let mut at = 0;
        while at < self.bytes {
            let octets = self.read(at)?;
            at += octets.len() as u64;
            to.write_all(&octets)?;
        }
        Ok(())
    }
}

/// Where a recording lies; `None` for a path that leads elsewhere (FAULTS P4).
fn path_of(dir: &Path, path: &str) -> Option<PathBuf> {
    let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    (inside && !path.is_empty()).then(|| dir.join(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("sibai-seal-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).expect("a folder");
        dir
    }

    fn whole(sound: &Sound) -> io::Result<Vec<u8>> {
        let mut octets = Vec::new();
        sound.copy_to(&mut octets).map(|()| octets)
    }

    #[test]
    fn v12_a_sealed_recording_is_read_from_any_place_and_by_its_key_alone() {
        let dir = folder("read");
        for bytes in [0, 1, 58, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES + 7] {
            let plain = dir.join(format!("{bytes}.wav"));
            let written: Vec<u8> = (0..bytes).map(|at| (at / 251 + at) as u8).collect();
            std::fs::write(&plain, &written).expect("written");
            let key = Key::new().expect("random");
            let sealed = seal_file(&plain, &key).expect("sealed");
            assert_eq!(sealed, dir.join(format!("{bytes}.wav.sealed")));
            let on_disk = std::fs::read(&sealed).expect("there");
            assert!(
                bytes < 58 || !on_disk.windows(32).any(|part| part == &written[..32]),
                "nothing of it is plain"
            );
            let sound = Sound::open(&sealed, Some(&key)).expect("opened");
            assert_eq!((sound.bytes(), whole(&sound).expect("read")), (bytes as u64, written.clone()));
            for at in [0, 1, bytes / 2, bytes.saturating_sub(1), bytes, bytes + 9] {
                let read = sound.read(at as u64).expect("read");
                let rest = written.get(at..).unwrap_or_default();
                assert!(rest.starts_with(&read) && read.is_empty() == rest.is_empty(), "{at} of {bytes}");
            }
            let plain = Sound::open(&plain, None).expect("opened");
            assert_eq!(whole(&plain).expect("read"), written);
            let other = Sound::open(&sealed, Some(&Key::new().expect("random"))).expect("its head");
            assert_eq!(whole(&other).is_err(), bytes > 0, "another key");
        }
        let _ = std::fs::remove_dir_all(dir);
    }

    #[test]
    fn v12_pieces_changed_cut_or_moved_are_noticed() {
        let dir = folder("changed");
        let (plain, key) = (dir.join("a.wav"), Key::new().expect("random"));
        std::fs::write(&plain, vec![7; 2 * PIECE_BYTES + 9]).expect("written");
        let sealed = seal_file(&plain, &key).expect("sealed");
        let good = std::fs::read(&sealed).expect("there");
        let read = |octets: &[u8]| {
            std::fs::write(&sealed, octets).expect("written");
            whole(&Sound::open(&sealed, Some(&key))?)
        };
        assert!(read(&good).is_ok());
        for at in [9, HEAD_BYTES, HEAD_BYTES + PIECE_BYTES, good.len() - 1] {
            let mut changed = good.clone();
            changed[at] ^= 1;
            assert!(read(&changed).is_err(), "octet {at}");
        }
        let mut moved = good.clone();
        let piece = PIECE_BYTES + TAG_BYTES;
        moved[HEAD_BYTES..HEAD_BYTES + 2 * piece].rotate_left(piece);
        assert!(read(&moved).is_err());
        assert!(read(&good[..good.len() - 5]).is_err(), "cut");
        let mut shorter = good[..HEAD_BYTES + piece].to_vec();
        shorter[8..16].copy_from_slice(&(PIECE_BYTES as u64).to_le_bytes());
        assert!(read(&shorter).is_err(), "a shorter length is not sealed with it");
        let _ = std::fs::remove_dir_all(dir);
    }

    #[test]
    fn v12_a_wrapped_key_opens_for_its_owner_alone() {
        let (master, inner) = (Key::new().expect("random"), Key::new().expect("random"));
        let wrapped = master.wrap(&inner, "huaxin").expect("wrapped");
        assert_eq!(master.unwrap(&wrapped, "huaxin").map(|key| key.0), Some(inner.0));
        assert!(master.unwrap(&wrapped, "mingda").is_none(), "another enterprise's row");
        assert!(inner.unwrap(&wrapped, "huaxin").is_none());
        assert!(!wrapped.contains(&write_hex(&inner.0)));
        for bad in ["", "00", "zz", &wrapped[..60], "é"] {
            assert!(master.unwrap(bad, "huaxin").is_none(), "{bad}");
        }
        let text = write_hex(&inner.0);
        assert_eq!(Key::parse(&format!(" {text}\n")).map(|key| key.0), Some(inner.0));
        assert!(Key::parse(&text[1..]).is_none() && Key::parse("").is_none());
        assert_eq!(format!("{inner:?}"), "Key");
    }

    #[test]
    fn fault_p4_a_row_leads_nowhere_outside_of_its_folder() {
        let dir = Path::new("/data/recordings");
        for path in ["", "..", "../sibai.db", "/etc/passwd", "20261010/../../sibai.db", "./x"] {
            assert_eq!(path_of(dir, path), None, "{path}");
        }
        assert_eq!(path_of(dir, "20261010/ab.wav"), Some("/data/recordings/20261010/ab.wav".into()));
    }
}
