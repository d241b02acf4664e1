//! Where a command works: the data directory, and behind it a running server or the database alone.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use hotline::enterprise::Author;
use serde::de::DeserializeOwned;

use super::show::runtime;
use crate::config::{Config, Wrong};
use crate::ops::{self, Code, Desk, Outcome, Refusal, Request};
use crate::serve::{DataLock, open_store};
use crate::{clock, control};

/// The data directory where nobody says another.
pub const DATA_DIR: &str = "sibai-data";

/// The configuration that tells where everything lies.
#[derive(Clone)]
pub struct Place {
    /// The configuration.
    pub config: Config,
}

/// Whether a command makes what is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// There must be data.
    Data,
    /// Data are made if there are none.
    MakeData,
}

impl Place {
    /// `--config`; else `--data`, with the `sibai.toml` in it if there is one; else `sibai.toml` here; else `sibai-data`
    /// here.
    ///
    /// # Errors
    /// The configuration is wrong.
    pub fn find(config: Option<&Path>, data: Option<&Path>) -> Result<Place, Wrong> {
        let here = PathBuf::from("sibai.toml");
        let config = match (config, data) {
            (Some(file), None) => Config::read(file)?,
            (Some(file), Some(dir)) => in_directory(Config::read(file)?, dir),
            (None, Some(dir)) => Self::of_directory(dir)?,
            (None, None) if here.exists() => Config::read(&here)?,
            (None, None) => Self::of_directory(Path::new(DATA_DIR))?,
        };
        Ok(Place { config })
    }

    fn of_directory(dir: &Path) -> Result<Config, Wrong> {
        let file = dir.join("sibai.toml");
        let config = if file.exists() { Config::read(&file)? } else { Config::parse("", &file)? };
        Ok(in_directory(config, dir))
    }

    /// The data directory.
    pub fn data(&self) -> &Path {
        &self.config.data_dir
    }

    /// The database's file, if it is one.
    pub fn database_file(&self) -> Option<PathBuf> {
        self.config.database_url.strip_prefix("sqlite:").map(PathBuf::from)
    }

    /// Whether there is a database already.
    pub fn has_data(&self) -> bool {
        self.database_file().is_none_or(|file| file.exists())
    }
}

/// The configuration with another data directory; a database inside the old one is inside the new one.
fn in_directory(mut config: Config, dir: &Path) -> Config {
    let usual = format!("sqlite:{}", config.data_dir.join("sibai.db").display());
    if config.database_url == usual {
        config.database_url = format!("sqlite:{}", dir.join("sibai.db").display());
    }
    config.data_dir = dir.to_owned();
    config
}

/// The way to the data.
pub enum Client {
    /// A server runs there.
    Remote(PathBuf),
    /// Nobody serves: this process holds the directory.
    Local(Box<Local>),
}

/// The database, opened alone.
pub struct Local {
    /// Where operations work.
    pub desk: Desk,
    runtime: tokio::runtime::Runtime,
    _lock: DataLock,
}

impl Client {
    /// Finds the running server, or opens the database under the directory's lock.
    ///
    /// # Errors
    /// There are no data, or another process is just using them.
    pub fn open(place: &Place, need: Need) -> Outcome<Client> {
        let socket = control::path_in(place.data());
        if std::os::unix::net::UnixStream::connect(&socket).is_ok() {
            return Ok(Client::Remote(socket));
        }
        Ok(Client::Local(Box::new(Local::open(place, need)?)))
    }

    /// Whether a server answers.
    pub fn is_remote(&self) -> bool {
        matches!(self, Client::Remote(_))
    }

    /// Asks for something.
    ///
    /// # Errors
    /// The refusal.
    pub fn ask<T: DeserializeOwned>(&self, request: &Request) -> Outcome<T> {
        match self {
            Client::Remote(socket) => {
                let asked = serde_json::to_value(request).map_err(Refusal::bad_request)?;
                let answer =
                    runtime()?.block_on(control::call(socket, &asked)).map_err(|error| gone(&error))?;
                ops::read_answer(answer)
            }
            Client::Local(local) => {
                let value = local.runtime.block_on(ops::perform(&local.desk, request.clone()))?;
                serde_json::from_value(value).map_err(Refusal::bad_request)
            }
        }
    }
}

fn gone(error: &std::io::Error) -> Refusal {
    let code = match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused | ErrorKind::UnexpectedEof => Code::NoServer,
        _ => Code::NodeBusy,
    };
    Refusal::new(code, format!("服务没有回答：{error}"), format!("the server did not answer: {error}"))
}

impl Local {
    /// Opens the database under the directory's lock. A new one gets the shipped plans and segments.
    ///
    /// # Errors
    /// There are no data and none are to be made, or another process holds them.
    pub fn open(place: &Place, need: Need) -> Outcome<Local> {
        if need == Need::Data && !place.has_data() {
            let dir = place.data().display();
            return Err(Refusal::new(
                Code::NoData,
                format!("{dir} 里没有数据；先运行 sibai demo 或 sibai serve，或用 --data 指定目录"),
                format!(
                    "there are no data in {dir}; run `sibai demo` or `sibai serve` first, or name the directory by --data"
                ),
            ));
        }
        let lock = DataLock::take(place.data())?;
        let runtime = runtime()?;
        let store = runtime.block_on(async {
            let store = open_store(&place.config).await?;
            let change = store::Change { by: "shipped".into(), at: clock::wall() };
            ops::provider::ensure_shipped(&store, &change).await?;
            Ok::<_, Refusal>(store)
        })?;
        let desk = Desk {
            store,
            data: place.data().to_owned(),
            recordings: place.config.archive(),
            speaker: place.config.speech.clone(),
            live: None,
            author: Author::Provider,
        };
        Ok(Local { desk, runtime, _lock: lock })
    }

    /// Runs an operation.
    pub fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }
}

impl Drop for Local {
    /// On SQLite the write-ahead log is folded into the file.
    fn drop(&mut self) {
        self.runtime.block_on(self.desk.store.close());
    }
}
