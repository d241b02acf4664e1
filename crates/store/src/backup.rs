//! A copy of the whole database while it is in use.

use sqlx::{AnyConnection, Connection};

use crate::database::{Engine, Error, Result, Store};

/// A finished copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// The file.
    pub path: String,
    /// Its schema's version.
    pub schema_version: i64,
}

/// Whether the keys of recordings are in a copy (row V03).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// What the copy seals is readable for as long as the copy is there.
    Copied,
    /// They are in a file of their own, of which there is the latest alone.
    LeftOut,
}

/// Takes keys out of a copy, and out of the pages that they lay in.
async fn leave_keys_out(path: &str) -> Result<()> {
    let mut copy = AnyConnection::connect(&format!("sqlite:{path}")).await?;
    for sql in [
        "pragma secure_delete = on",
        "delete from recording_secret",
        "update recording_key set wrapped = ''",
        "vacuum",
    ] {
        sqlx::query(sql).execute(&mut copy).await?;
    }
    copy.close().await?;
    Ok(())
}

impl Store {
    /// Writes a copy of an SQLite database to a file that does not exist yet; calls go on settling meanwhile, and the
    /// copy holds everything committed before it began. A restore is putting the file in the place of the database
    /// while no process has it open. For PostgreSQL the answer names its own tool.
    pub async fn backup(&self, path: &str, keys: Keys) -> Result<Backup> {
        if self.engine() == Engine::Postgres {
            return Err(Error::NotSupported(
                "PostgreSQL is backed up by its own tools: pg_dump --format=custom, or a base backup and WAL",
            ));
        }
        let mut connection = self.connection().await?;
        sqlx::query("vacuum into $1").bind(path.to_owned()).execute(&mut connection).await?;
        connection.close().await?;
        if keys == Keys::LeftOut {
            leave_keys_out(path).await?;
        }
        Ok(Backup { path: path.to_owned(), schema_version: self.schema_version().await? })
    }
}
