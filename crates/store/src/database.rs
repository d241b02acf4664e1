//! The two engines behind one [`Store`]: one writer and several readers on SQLite, two pools on PostgreSQL. Knows how
//! to open and to begin a transaction, and no table.

use std::sync::{Arc, OnceLock};

use sqlx::any::AnyPoolOptions;
use sqlx::{Any, AnyConnection, AnyPool, Connection, Executor, Transaction};

/// What the database would not or could not do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database is away, locked for too long, full, or refused a statement.
    #[error("the database: {0}")]
    Database(#[source] sqlx::Error),
    /// The handle is one of [`Store::away`] and was not told to go on, or was closed.
    #[error("the database has not answered since the start")]
    NotReached,
    /// The address is neither `sqlite:PATH` nor `postgres://…`.
    #[error("a database is named sqlite:PATH or postgres://user@host/name, not {0:?}")]
    Address(String),
    /// PostgreSQL sorts text by another collation than C, so ids would not page in order.
    #[error(
        "the PostgreSQL database has collation {0:?}; create it with: createdb --template=template0 --locale=C"
    )]
    Collation(String),
    /// The PostgreSQL server is too old.
    #[error("PostgreSQL 14 or later is needed, this is {0}")]
    EngineVersion(i64),
    /// A numbered migration differs from the one that ran here.
    #[error(
        "migration {number} ({name}) is not the one that made this database; migrations are never edited"
    )]
    EditedMigration {
        /// Its number.
        number: i64,
        /// Its name today.
        name: &'static str,
    },
    /// A stored value cannot be read back.
    #[error("column {column} holds {value:?}, which cannot be read")]
    Unreadable {
        /// The column.
        column: String,
        /// What stands there, cut to 200 characters.
        value: String,
    },
    /// Another node wrote one of the calls of the batch at the same time; sent again, it is seen as written.
    #[error("a call of the batch was written by another node at the same time")]
    Raced,
    /// Charges or entries of a call are there without its record: somebody deleted it. A person looks.
    #[error("charges or entries are there of a call in the batch that has no record")]
    Orphans,
    /// The engine has no such function; the text says what to use.
    #[error("{0}")]
    NotSupported(&'static str),
}

/// What a store function returns.
pub type Result<T> = std::result::Result<T, Error>;

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Error {
        match error {
            sqlx::Error::PoolClosed => Error::NotReached,
            other => Error::Database(other),
        }
    }
}

impl Error {
    /// Whether trying the same again later may work: the database was away or busy, and what was asked is not at
    /// fault. A write may nevertheless have been committed (FAULTS F6): every write here is harmless to repeat.
    pub fn is_passing(&self) -> bool {
        match self {
            Error::Database(sqlx::Error::Database(refused)) => passing_code(refused.code().as_deref()),
            Error::Database(sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed) => {
                true
            }
            Error::Raced | Error::NotReached => true,
            Error::Orphans
            | Error::Database(_)
            | Error::Address(_)
            | Error::Collation(_)
            | Error::EngineVersion(_)
            | Error::EditedMigration { .. }
            | Error::Unreadable { .. }
            | Error::NotSupported(_) => false,
        }
    }

    /// Whether the database refuses what is in a row: it will refuse it again. Anything else that is not passing, such
    /// as a table that is gone or a right that was taken, stands against every row and is for a person first.
    pub fn is_of_content(&self) -> bool {
        match self {
            Error::Database(sqlx::Error::Database(refused)) => content_code(refused.code().as_deref()),
            Error::Database(sqlx::Error::Encode(_)) | Error::Orphans => true,
            Error::Database(_)
            | Error::Raced
            | Error::NotReached
            | Error::Address(_)
            | Error::Collation(_)
            | Error::EngineVersion(_)
            | Error::EditedMigration { .. }
            | Error::Unreadable { .. }
            | Error::NotSupported(_) => false,
        }
    }
}

/// SQLite: too big (18), constraint (19) and mismatch (20), extended codes included. PostgreSQL: data (22) and
/// integrity (23) classes.
fn content_code(code: Option<&str>) -> bool {
    let Some(code) = code else { return false };
    if code.len() == 5 {
        return ["22", "23"].iter().any(|class| code.starts_with(class));
    }
    code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 18..=20))
}

/// SQLite: busy (5), locked (6), I/O error (10) and full (13), extended codes included. PostgreSQL: connection (08),
/// rollback (40), resources (53) and operator (57) classes.
fn passing_code(code: Option<&str>) -> bool {
    let Some(code) = code else { return false };
    if code.len() == 5 {
        return ["08", "40", "53", "57"].iter().any(|class| code.starts_with(class));
    }
    code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 10 | 13))
}

/// Which database stands behind a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Embedded: one file, WAL, `synchronous=FULL`, one writer.
    Sqlite,
    /// A server, for more than one node.
    Postgres,
}

/// An open database. Cheap to clone; its functions stand in the modules of their nouns.
#[derive(Clone)]
pub struct Store {
    engine: Engine,
    address: Arc<str>,
    pools: Pools,
    /// What takes their place once a database that was away is reached.
    reached: Arc<OnceLock<Pools>>,
}

#[derive(Clone)]
struct Pools {
    writer: AnyPool,
    readers: AnyPool,
}

/// Runs on each new SQLite connection. The page cache holds the hot ends of the indexes; a checkpoint every 128 MB
/// writes a page that many commits changed once.
const SQLITE_SETTINGS: &str = "pragma journal_mode = wal; pragma synchronous = full; pragma busy_timeout = 10000; \
    pragma cache_size = -65536; pragma wal_autocheckpoint = 32000; pragma temp_store = memory;";

impl Store {
    /// Opens `sqlite:PATH` (made if it is not there) or `postgres://…`. Tables are made by [`Store::migrate`].
    pub async fn open(url: &str) -> Result<Store> {
        sqlx::any::install_default_drivers();
        let (engine, address) = read_address(url)?;
        let (writers, readers) = match engine {
            Engine::Sqlite => (1, 4),
            Engine::Postgres => (4, 8),
        };
        let writer = connect(engine, &address, writers, false).await?;
        let readers = connect(engine, &address, readers, true).await?;
        let pools = Pools { writer, readers };
        let store = Store { engine, address: address.into(), pools, reached: Arc::default() };
        if engine == Engine::Postgres {
            store.check_postgres().await?;
        }
        Ok(store)
    }

    /// A handle on a database that is away: whatever it is asked fails with [`Error::NotReached`], without a
    /// connection, until [`Store::reach`].
    ///
    /// # Errors
    /// The address is none.
    pub async fn away(url: &str) -> Result<Store> {
        sqlx::any::install_default_drivers();
        let (engine, address) = read_address(url)?;
        let none = AnyPoolOptions::new().connect_lazy(&address)?;
        none.close().await;
        let pools = Pools { writer: none.clone(), readers: none };
        Ok(Store { engine, address: address.into(), pools, reached: Arc::default() })
    }

    /// From here on this handle of [`Store::away`], and each of its clones, goes on with the connections of one that
    /// was opened and migrated. A second time changes nothing.
    pub fn reach(&self, opened: &Store) {
        // Only the first one counts.
        let _ = self.reached.set(opened.pools().clone());
    }

    fn pools(&self) -> &Pools {
        self.reached.get().unwrap_or(&self.pools)
    }

    /// Which engine it is.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Closes every connection; on SQLite the write-ahead log is folded into the file.
    pub async fn close(&self) {
        self.pools().readers.close().await;
        self.pools().writer.close().await;
    }

    /// A transaction that may write. On SQLite it is the only one and takes the lock at once.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Any>> {
        Ok(match self.engine {
            Engine::Sqlite => self.pools().writer.begin_with("begin immediate").await?,
            Engine::Postgres => self.pools().writer.begin().await?,
        })
    }

    /// A transaction that sees one state of the database throughout.
    pub(crate) async fn snapshot(&self) -> Result<Transaction<'static, Any>> {
        Ok(match self.engine {
            Engine::Sqlite => self.pools().readers.begin().await?,
            Engine::Postgres => {
                self.pools().readers.begin_with("begin isolation level repeatable read read only").await?
            }
        })
    }

    /// Connections for single reads.
    pub(crate) fn readers(&self) -> &AnyPool {
        &self.pools().readers
    }

    /// A connection of its own, outside the pools.
    pub(crate) async fn connection(&self) -> Result<AnyConnection> {
        match self.readers().is_closed() {
            true => Err(Error::NotReached),
            false => Ok(AnyConnection::connect(&self.address).await?),
        }
    }

    async fn check_postgres(&self) -> Result<()> {
        let sql = "select cast(datcollate as text), cast(current_setting('server_version_num') as bigint) \
                   from pg_database where datname = current_database()";
        let (collation, version): (String, i64) = sqlx::query_as(sql).fetch_one(self.readers()).await?;
        if version < 140_000 {
            return Err(Error::EngineVersion(version));
        }
        if collation != "C" && collation != "POSIX" {
            return Err(Error::Collation(collation));
        }
        Ok(())
    }
}

fn read_address(url: &str) -> Result<(Engine, String)> {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok((Engine::Postgres, url.to_owned()));
    }
    let Some(path) = url.strip_prefix("sqlite:").filter(|path| !path.is_empty()) else {
        return Err(Error::Address(url.to_owned()));
    };
    let mut address = String::from("sqlite:");
    for character in path.chars() {
        match character {
            '%' => address.push_str("%25"),
            '?' => address.push_str("%3F"),
            '#' => address.push_str("%23"),
            ' ' => address.push_str("%20"),
            other => address.push(other),
        }
    }
    address.push_str("?mode=rwc");
    Ok((Engine::Sqlite, address))
}

async fn connect(engine: Engine, address: &str, connections: u32, read_only: bool) -> Result<AnyPool> {
    let options = AnyPoolOptions::new().max_connections(connections).after_connect(move |connection, _| {
        Box::pin(async move {
            if engine == Engine::Sqlite {
                connection.execute(SQLITE_SETTINGS).await?;
                if read_only {
                    connection.execute("pragma query_only = on").await?;
                }
            }
            Ok(())
        })
    });
    Ok(options.connect(address).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_on_a_database_that_is_away_goes_on_once_it_is_reached() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let file = std::env::temp_dir().join(format!("sibai-store-away-{}.db", std::process::id()));
            let url = format!("sqlite:{}", file.display());
            let away = Store::away(&url).await.expect("an address");
            let cloned = away.clone();
            let error = cloned.schema_version().await.expect_err("nobody to ask");
            assert!(matches!(error, Error::NotReached) && error.is_passing() && !error.is_of_content());
            assert!(!file.exists(), "nothing was connected to");
            let opened = Store::open(&url).await.expect("opened");
            opened.migrate().await.expect("tables");
            away.reach(&opened);
            assert!(cloned.schema_version().await.expect("answered") > 0);
            cloned.close().await;
            assert!(matches!(opened.schema_version().await, Err(Error::NotReached)), "closed for all");
            for end in ["", "-wal", "-shm"] {
                let _ = std::fs::remove_file(format!("{}{end}", file.display()));
            }
        });
    }

    #[test]
    fn what_is_in_a_row_is_told_from_a_database_in_trouble() {
        // A check, a unique key, a text that is none; SQLite's trigger and NOT NULL, extended and plain.
        for code in ["23514", "23505", "22021", "1811", "1299", "19", "18"] {
            assert!(content_code(Some(code)) && !passing_code(Some(code)), "{code}");
        }
        for code in ["08006", "40001", "53100", "57P01", "5", "517", "13"] {
            assert!(passing_code(Some(code)) && !content_code(Some(code)), "{code}");
        }
        // A table that is gone, a right or a password that was taken: neither passes by itself nor lies in the row.
        for code in [Some("42P01"), Some("42501"), Some("28P01"), Some("1"), None] {
            assert!(!passing_code(code) && !content_code(code), "{code:?}");
        }
    }
}
