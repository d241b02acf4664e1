//! What a start needs from the database beside the compiled numbers, as two small files: the provider's trunks and plans,
//! and how far the journal is committed. With them and the snapshot a node starts while its database is away (FAULTS F3).
//! The database is the truth; nothing here is read while it answers.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use hotline::calendar::HolidayYears;
use hotline::rating::Tariffs;
use node::TrunkConfig;
use serde::{Deserialize, Serialize};

use crate::config::Config;

/// First bytes of the provider's file; a later form of it, or of what the snapshot's files hold, has another.
const MAGIC: [u8; 8] = *b"SBCPY003";
/// The mark's file: key, mark, CRC-32 of both.
const MARK_BYTES: usize = 16;

/// What is copied of the provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    /// The enabled trunks, with the addresses they led to.
    pub trunks: Vec<TrunkConfig>,
    /// Every plan.
    pub tariffs: Tariffs,
    /// The holidays in force.
    pub holidays: HolidayYears,
    /// How long the snapshot's index was at least, when it was on the disk.
    pub index_bytes: u64,
}

/// The two files of a data directory; cheap to clone.
#[derive(Clone)]
pub struct Copies(Arc<Files>);

struct Files {
    dir: PathBuf,
    /// Of which database, node and trunks of `sibai.toml` the files tell.
    key: u32,
    // Held over a rewrite of the provider's file; the mark's file is written in place.
    provider: Mutex<Option<Provider>>,
    mark: File,
}

impl Copies {
    /// Those of a configuration. `None` where the database is a file itself: it is never away.
    ///
    /// # Errors
    /// The directory or the mark's file cannot be made.
    pub fn of(config: &Config) -> io::Result<Option<Copies>> {
        if config.database_url.starts_with("sqlite:") {
            return Ok(None);
        }
        let dir = config.data_dir.join("copies");
        fs::create_dir_all(&dir)?;
        let mark =
            File::options().read(true).write(true).create(true).truncate(false).open(dir.join("mark"))?;
        Ok(Some(Copies(Arc::new(Files { dir, key: key(config), provider: Mutex::default(), mark }))))
    }

    /// What the last start, or a change since, left; `None` if there is nothing of this form, this database, this node
    /// and these trunks of `sibai.toml`, or it is not whole.
    pub fn read(&self) -> Option<(Provider, u64)> {
        let bytes = fs::read(self.0.provider_path()).ok()?;
        let rest = bytes.strip_prefix(&MAGIC)?;
        let (crc, rest) = rest.split_first_chunk()?;
        let payload = rest.strip_prefix(&self.0.key.to_le_bytes())?;
        if crc32fast::hash(rest) != u32::from_le_bytes(*crc) {
            return None;
        }
        let provider: Provider = serde_json::from_slice(payload).ok()?;
        *self.0.locked() = Some(provider.clone());
        Some((provider, self.mark()?))
    }

    fn mark(&self) -> Option<u64> {
        let mut bytes = [0; MARK_BYTES];
        self.0.mark.read_exact_at(&mut bytes, 0).ok()?;
        let [mark, written] = [&bytes[4..12], &bytes[..]];
        let mark = u64::from_le_bytes(mark.try_into().ok()?);
        (written == mark_bytes(self.0.key, mark)).then_some(mark)
    }

    /// Keeps what a start read, on the disk when this returns. What it tells of the snapshot must be on the disk before.
    pub fn keep(&self, provider: Provider, mark: u64) {
        self.committed(mark);
        self.change(|kept| *kept = Some(provider));
    }

    /// The journal is committed up to here. One write in place, without waiting for the disk: an older mark only has calls
    /// settled again that are there.
    pub fn committed(&self, mark: u64) {
        if let Err(error) = self.0.mark.write_all_at(&mark_bytes(self.0.key, mark), 0) {
            self.0.failed(&error);
        }
    }

    /// The trunks changed.
    pub fn trunks_changed(&self, trunks: &[TrunkConfig]) {
        self.change(|kept| _ = kept.as_mut().map(|kept| kept.trunks = trunks.to_vec()));
    }

    /// The plans changed.
    pub fn tariffs_changed(&self, tariffs: &Tariffs) {
        self.change(|kept| _ = kept.as_mut().map(|kept| kept.tariffs = tariffs.clone()));
    }

    /// Another year's holidays were taken in.
    pub fn holidays_changed(&self, years: &HolidayYears) {
        self.change(|kept| _ = kept.as_mut().map(|kept| kept.holidays = years.clone()));
    }

    fn change(&self, change: impl FnOnce(&mut Option<Provider>)) {
        let mut kept = self.0.locked();
        change(&mut kept);
        if let Some(provider) = &*kept
            && let Err(error) = self.0.write(provider)
        {
            self.0.failed(&error);
        }
    }
}

impl Files {
    fn provider_path(&self) -> PathBuf {
        self.dir.join("provider")
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Option<Provider>> {
        // A panic while it was held left the one value or the other.
        self.provider.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The old file or the new one is there at any moment, whole.
    fn write(&self, provider: &Provider) -> io::Result<()> {
        let mut payload = self.key.to_le_bytes().to_vec();
        serde_json::to_writer(&mut payload, provider)?;
        let next = self.dir.join("provider.next");
        let mut file = File::create(&next)?;
        file.write_all(&MAGIC)?;
        file.write_all(&crc32fast::hash(&payload).to_le_bytes())?;
        file.write_all(&payload)?;
        file.sync_all()?;
        fs::rename(next, self.provider_path())?;
        File::open(&self.dir)?.sync_all()
    }

    fn failed(&self, error: &io::Error) {
        let dir = self.dir.display();
        tracing::error!(%error, %dir, "the copies for a start without the database cannot be written");
    }
}

fn mark_bytes(key: u32, mark: u64) -> [u8; MARK_BYTES] {
    let mut bytes = [0; MARK_BYTES];
    bytes[..4].copy_from_slice(&key.to_le_bytes());
    bytes[4..12].copy_from_slice(&mark.to_le_bytes());
    let crc = crc32fast::hash(&bytes[..12]);
    bytes[12..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// Another database, node or trunk in `sibai.toml`: the copies tell nothing of it.
fn key(config: &Config) -> u32 {
    let (url, node, trunks) = (&config.database_url, &config.node, &config.trunks);
    crc32fast::hash(format!("{url}\n{node}\n{trunks:?}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(name: &str, more: &str) -> Config {
        let dir = std::env::temp_dir().join(format!("sibai-copies-{name}-{}", std::process::id()));
        let text = format!(
            "data_dir = {dir:?}\n[database]\nurl = \"postgres://sibai@localhost/sibai\"\n{more}\n\
             [sip]\nlisten = \"127.0.0.1:5060\"\n"
        );
        Config::parse(&text, std::path::Path::new("sibai.toml")).expect("a configuration")
    }

    fn provider() -> Provider {
        let trunk = TrunkConfig {
            name: "carrier".into(),
            address: ([127, 0, 0, 1], 5080).into(),
            area_code: Some("010".into()),
            incoming: true,
            outgoing: true,
            priority: 10,
            cost_plan: None,
            profile: Default::default(),
        };
        Provider {
            trunks: vec![trunk],
            tariffs: Tariffs::shipped(),
            holidays: HolidayYears::shipped().clone(),
            index_bytes: 77,
        }
    }

    fn copies(config: &Config) -> Copies {
        Copies::of(config).expect("files").expect("not SQLite")
    }

    #[test]
    fn what_was_kept_and_changed_is_read_by_the_next_process() {
        let config = config("kept", "");
        let first = copies(&config);
        assert!(first.read().is_none(), "before the first start there is none");
        first.keep(provider(), 5);
        first.committed(900);
        first.trunks_changed(&[]);
        let (read, mark) = copies(&config).read().expect("whole");
        assert_eq!((read, mark), (Provider { trunks: Vec::new(), ..provider() }, 900));
        let next = copies(&config);
        next.read().expect("whole");
        next.tariffs_changed(&Tariffs::default());
        let (read, _) = copies(&config).read().expect("whole");
        assert!(read.trunks.is_empty() && read.tariffs.versions().is_empty() && read.index_bytes == 77);
        fs::remove_dir_all(&config.data_dir).expect("removed");
    }

    #[test]
    fn copies_of_another_database_or_with_other_trunks_are_none() {
        let before = config("others", "");
        copies(&before).keep(provider(), 5);
        let other = Config { database_url: "postgres://sibai@elsewhere/sibai".into(), ..before.clone() };
        assert!(copies(&other).read().is_none());
        let other = Config { node: "node-2".into(), ..before.clone() };
        assert!(copies(&other).read().is_none());
        let trunk = "[[trunk]]\nname = \"new\"\naddress = \"127.0.0.1:5090\"\n";
        assert!(copies(&config("others", trunk)).read().is_none());
        assert!(copies(&before).read().is_some());
        let sqlite = Config { database_url: "sqlite:here.db".into(), ..before.clone() };
        assert!(Copies::of(&sqlite).expect("no files").is_none(), "a file is never away");
        fs::remove_dir_all(&before.data_dir).expect("removed");
    }

    #[test]
    fn a_flipped_bit_or_a_lost_end_leaves_no_copy() {
        let config = config("torn", "");
        let dir = config.data_dir.join("copies");
        for (file, at) in [("provider", 3), ("provider", 9), ("provider", 14), ("provider", 40), ("mark", 6)]
        {
            copies(&config).keep(provider(), 5);
            let mut bytes = fs::read(dir.join(file)).expect("a file");
            bytes[at] ^= 0x10;
            fs::write(dir.join(file), bytes).expect("flipped");
            assert!(copies(&config).read().is_none(), "{file}, byte {at}");
        }
        for file in ["provider", "mark"] {
            copies(&config).keep(provider(), 5);
            let bytes = fs::read(dir.join(file)).expect("a file");
            for length in [0, 10, bytes.len() - 1] {
                fs::write(dir.join(file), &bytes[..length]).expect("cut");
                assert!(copies(&config).read().is_none(), "{file}, cut to {length}");
            }
        }
        fs::remove_dir_all(&config.data_dir).expect("removed");
    }
}
