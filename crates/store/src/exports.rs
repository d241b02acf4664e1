//! Archives of recordings that somebody asked for (row V05): what was asked, how far each is. The files are not its business.

use hotline::{HotlineNumber, TenantId, Wall};
use serde::{Deserialize, Serialize};
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;

use crate::audit::{Change, write_audit};
use crate::database::{Result, Store};
use crate::rows::{Read, code};

/// How far an export is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportState {
    /// Nobody has begun it; or whoever did is gone, and it begins anew.
    Waiting,
    /// Its archive is written.
    Running,
    /// Its archive is there.
    Done,
    /// The disk refused.
    Failed,
    /// Its archive was there and its time is over.
    Gone,
}

/// One export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// The enterprise.
    pub tenant: TenantId,
    /// Names it, and its file: 32 hexadecimal digits.
    pub export: String,
    /// Who asked, and when.
    pub asked: Change,
    /// Of calls to this number alone.
    pub number: Option<HotlineNumber>,
    /// Of calls that began at or after.
    pub since: Wall,
    /// Of calls that began before.
    pub until: Wall,
    /// How far it is.
    pub state: ExportState,
    /// Recordings to be put into it.
    pub total: u64,
    /// Recordings that are in it.
    pub done: u64,
    /// Recordings that could not be read; its index names each.
    pub skipped: u64,
    /// Octets of its archive.
    pub bytes: u64,
    /// When its archive was finished, or given up.
    pub ended_at: Option<Wall>,
}

const COLUMNS: &str = "tenant_id, export_id, asked_at, asked_by, number, since, until, state, total, done, skipped, bytes, \
                       ended_at";

impl Store {
    /// Writes down what somebody asked for.
    pub async fn ask_export(&self, export: &Export) -> Result<()> {
        let mut transaction = self.begin().await?;
        let sql = format!(
            "insert into recording_export ({COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, 0, 0, null)"
        );
        let number = export.number.map_or(String::new(), |number| number.to_string());
        let query =
            sqlx::query(AssertSqlSafe(sql)).bind(export.tenant.to_string()).bind(export.export.clone());
        let query = query.bind(export.asked.at.0).bind(export.asked.by.clone()).bind(number);
        let query = query.bind(export.since.0).bind(export.until.0).bind(code(&export.state));
        query.execute(&mut *transaction).await?;
        let became = format!("{} to {}", export.since.0, export.until.0);
        let (action, subject) = ("export_recordings", export.export.as_str());
        write_audit(&mut transaction, &export.tenant, &export.asked, action, subject, None, Some(&became))
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Writes down how far an export is.
    pub async fn set_export(&self, export: &Export) -> Result<()> {
        let mut transaction = self.begin().await?;
        let sql = "update recording_export set state = $3, total = $4, done = $5, skipped = $6, bytes = $7, ended_at = $8 \
                   where tenant_id = $1 and export_id = $2";
        let query = sqlx::query(sql).bind(export.tenant.to_string()).bind(export.export.clone());
        let query = query.bind(code(&export.state)).bind(crate::rows::int(export.total));
        let query = query.bind(crate::rows::int(export.done)).bind(crate::rows::int(export.skipped));
        let query = query.bind(crate::rows::int(export.bytes)).bind(export.ended_at.map(|at| at.0));
        query.execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// An enterprise's exports, the latest first, at most `limit`.
    pub async fn exports(&self, tenant: &TenantId, limit: u32) -> Result<Vec<Export>> {
        let sql = format!(
            "select {COLUMNS} from recording_export where tenant_id = $1 order by asked_at desc, export_id limit $2"
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(tenant.to_string()).bind(i64::from(limit));
        query.fetch_all(self.readers()).await?.iter().map(read).collect()
    }

    /// One export.
    pub async fn export(&self, tenant: &TenantId, export: &str) -> Result<Option<Export>> {
        let sql = format!("select {COLUMNS} from recording_export where tenant_id = $1 and export_id = $2");
        let query = sqlx::query(AssertSqlSafe(sql)).bind(tenant.to_string()).bind(export.to_owned());
        query.fetch_optional(self.readers()).await?.as_ref().map(read).transpose()
    }

    /// Exports of all enterprises in a state, the oldest first, at most `limit`.
    pub async fn exports_in(&self, state: ExportState, limit: u32) -> Result<Vec<Export>> {
        let sql = format!(
            "select {COLUMNS} from recording_export where state = $1 order by asked_at, export_id limit $2"
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(code(&state)).bind(i64::from(limit));
        query.fetch_all(self.readers()).await?.iter().map(read).collect()
    }
}

fn read(row: &AnyRow) -> Result<Export> {
    Ok(Export {
        tenant: TenantId::new(&row.text("tenant_id")?),
        export: row.text("export_id")?,
        asked: Change { by: row.text("asked_by")?, at: Wall(row.int("asked_at")?) },
        number: row.text("number")?.parse().ok(),
        since: Wall(row.int("since")?),
        until: Wall(row.int("until")?),
        state: row.coded("state")?,
        total: row.count("total")?,
        done: row.count("done")?,
        skipped: row.count("skipped")?,
        bytes: row.count("bytes")?,
        ended_at: row.int_or_none("ended_at")?.map(Wall),
    })
}
