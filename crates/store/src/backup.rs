//! A copy of the whole database while it is in use.

use sqlx::Connection;

use crate::database::{Engine, Error, Result, Store};

/// A finished copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// The file.
    pub path: String,
    /// Its schema's version.
    pub schema_version: i64,
}

impl Store {
    /// Writes a copy of an SQLite database to a file that does not exist yet; calls go on settling meanwhile, and the
    /// copy holds everything committed before it began. A restore is putting the file in the place of the database
    /// while no process has it open. For PostgreSQL the answer names its own tool.
    pub async fn backup(&self, path: &str) -> Result<Backup> {
        if self.engine() == Engine::Postgres {
            return Err(Error::NotSupported(
                "PostgreSQL is backed up by its own tools: pg_dump --format=custom, or a base backup and WAL",
            ));
        }
        let mut connection = self.connection().await?;
        sqlx::query("vacuum into $1").bind(path.to_owned()).execute(&mut connection).await?;
        connection.close().await?;
        Ok(Backup { path: path.to_owned(), schema_version: self.schema_version().await? })
    }
}
