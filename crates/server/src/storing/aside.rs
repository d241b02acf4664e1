//! Calls whose books the database refuses for good, each in a file of its own: for a person to look at, and tried again
//! at the next start. Nothing is lost, and what stands behind them gets through.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use hotline::CallId;
use hotline::settlement::Settlement;
use serde::{Deserialize, Serialize};

/// What stands in a file.
#[derive(Serialize, Deserialize)]
struct Refused {
    /// What the database said.
    error: String,
    settlement: Settlement,
}

/// The folder of them.
pub struct Aside {
    dir: PathBuf,
}

impl Aside {
    /// The folder of a data directory; it need not be there.
    pub fn in_data(data: &Path) -> Aside {
        Aside { dir: data.join("set_aside") }
    }

    /// Keeps a call, durably. Once more it replaces what is there.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn put(&self, settlement: &Settlement, error: &str) -> io::Result<PathBuf> {
        fs::create_dir_all(&self.dir)?;
        let path = self.path(settlement.record.call);
        let next = path.with_extension("next");
        let refused = Refused { error: error.to_owned(), settlement: settlement.clone() };
        let mut file = File::create(&next)?;
        file.write_all(&serde_json::to_vec_pretty(&refused)?)?;
        file.sync_all()?;
        fs::rename(&next, &path)?;
        File::open(&self.dir)?.sync_all()?;
        Ok(path)
    }

    /// The call is in the database.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn remove(&self, call: CallId) -> io::Result<()> {
        fs::remove_file(self.path(call))
    }

    /// The files, by name; none where there is no folder.
    pub fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let is_call = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "json");
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_call).collect();
        files.sort();
        files
    }

    /// The call of a file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(file: &Path) -> io::Result<Settlement> {
        let refused: Refused = serde_json::from_slice(&fs::read(file)?)?;
        Ok(refused.settlement)
    }

    fn path(&self, call: CallId) -> PathBuf {
        self.dir.join(format!("{call}.json"))
    }
}
