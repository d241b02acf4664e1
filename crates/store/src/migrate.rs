//! The numbered list of migrations and the runner that brings a database up to it. Forward only; a text that ran once
//! is never edited.

use sqlx::{AnyConnection, AssertSqlSafe, Row};

use crate::database::{Engine, Error, Result, Store};

/// Every migration: number, name, text. The number is its place, from 1.
pub const MIGRATIONS: [(i64, &str, &str); 40] = [
    (1, "enterprise", include_str!("../../../migrations/0001_enterprise.sql")),
    (2, "provider", include_str!("../../../migrations/0002_provider.sql")),
    (3, "call", include_str!("../../../migrations/0003_call.sql")),
    (4, "ledger", include_str!("../../../migrations/0004_ledger.sql")),
    (5, "recording", include_str!("../../../migrations/0005_recording.sql")),
    (6, "counted_call", include_str!("../../../migrations/0006_counted_call.sql")),
    (7, "trunk_profile", include_str!("../../../migrations/0007_trunk_profile.sql")),
    (8, "call_password", include_str!("../../../migrations/0008_call_password.sql")),
    (9, "call_priority", include_str!("../../../migrations/0009_call_priority.sql")),
    (10, "alert", include_str!("../../../migrations/0010_alert.sql")),
    (11, "alarm", include_str!("../../../migrations/0011_alarm.sql")),
    (12, "help_call", include_str!("../../../migrations/0012_help_call.sql")),
    (13, "prompt", include_str!("../../../migrations/0013_prompt.sql")),
    (14, "flow", include_str!("../../../migrations/0014_flow.sql")),
    (15, "account", include_str!("../../../migrations/0015_account.sql")),
    (16, "call_queue", include_str!("../../../migrations/0016_call_queue.sql")),
    (17, "recording_term", include_str!("../../../migrations/0017_recording_term.sql")),
    (18, "account_agent", include_str!("../../../migrations/0018_account_agent.sql")),
    (19, "call_transfer", include_str!("../../../migrations/0019_call_transfer.sql")),
    (20, "recording_event", include_str!("../../../migrations/0020_recording_event.sql")),
    (21, "recording_export", include_str!("../../../migrations/0021_recording_export.sql")),
    (22, "voicemail", include_str!("../../../migrations/0022_voicemail.sql")),
    (23, "message", include_str!("../../../migrations/0023_message.sql")),
    (24, "call_note", include_str!("../../../migrations/0024_call_note.sql")),
    (25, "recording_pause", include_str!("../../../migrations/0025_recording_pause.sql")),
    (26, "rating", include_str!("../../../migrations/0026_rating.sql")),
    (27, "call_spill", include_str!("../../../migrations/0027_call_spill.sql")),
    (28, "callback", include_str!("../../../migrations/0028_callback.sql")),
    (29, "callback_try", include_str!("../../../migrations/0029_callback_try.sql")),
    (30, "call_result", include_str!("../../../migrations/0030_call_result.sql")),
    (31, "message_page", include_str!("../../../migrations/0031_message_page.sql")),
    (32, "rollup_callbacks", include_str!("../../../migrations/0032_rollup_callbacks.sql")),
    (33, "queue_stay", include_str!("../../../migrations/0033_queue_stay.sql")),
    (34, "audit_turn", include_str!("../../../migrations/0034_audit_turn.sql")),
    (35, "call_arm", include_str!("../../../migrations/0035_call_arm.sql")),
    (36, "prompt_order", include_str!("../../../migrations/0036_prompt_order.sql")),
    (37, "quality", include_str!("../../../migrations/0037_quality.sql")),
    (38, "agent_change", include_str!("../../../migrations/0038_agent_change.sql")),
    (39, "recording_consent", include_str!("../../../migrations/0039_recording_consent.sql")),
    (40, "recording_secret", include_str!("../../../migrations/0040_recording_secret.sql")),
];

impl Store {
    /// Runs what has not run yet, all of it or nothing, and returns the schema's version. A database that a later
    /// program made is left as it is: migrations expand before they contract, so this program can use it.
    pub async fn migrate(&self) -> Result<i64> {
        let mut transaction = self.begin().await?;
        let table = "create table if not exists schema_version \
                     (version bigint primary key, name text not null, checksum bigint not null)";
        sqlx::query(table).execute(&mut *transaction).await?;
        let done = migrations_done(&mut transaction).await?;
        for (number, name, text) in MIGRATIONS {
            match done.iter().find(|(version, _)| *version == number) {
                Some((_, found)) if *found == checksum(text) => {}
                Some(_) => return Err(Error::EditedMigration { number, name }),
                None => run(self.engine(), &mut transaction, number, name, text).await?,
            }
        }
        transaction.commit().await?;
        self.schema_version().await
    }

    /// The number of the last migration that ran; 0 for a database without tables.
    pub async fn schema_version(&self) -> Result<i64> {
        let table = match self.engine() {
            Engine::Sqlite => "select count(*) from sqlite_schema where name = 'schema_version'",
            Engine::Postgres => {
                "select count(*) from information_schema.tables where table_name = 'schema_version' \
                 and table_schema = any (current_schemas(false))"
            }
        };
        let tables: i64 = sqlx::query_scalar(table).fetch_one(self.readers()).await?;
        if tables == 0 {
            return Ok(0);
        }
        let sql = "select coalesce(max(version), 0) from schema_version";
        Ok(sqlx::query_scalar(sql).fetch_one(self.readers()).await?)
    }
}

async fn migrations_done(connection: &mut AnyConnection) -> Result<Vec<(i64, i64)>> {
    let rows = sqlx::query("select version, checksum from schema_version").fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

async fn run(
    engine: Engine,
    connection: &mut AnyConnection,
    number: i64,
    name: &str,
    text: &'static str,
) -> Result<()> {
    let sql = match engine {
        Engine::Sqlite => text.replace("/* clustered */", "without rowid"),
        Engine::Postgres => text.to_owned(),
    };
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await?;
    let sql = "insert into schema_version (version, name, checksum) values ($1, $2, $3)";
    sqlx::query(sql).bind(number).bind(name.to_owned()).bind(checksum(text)).execute(connection).await?;
    Ok(())
}

/// FNV-1a, 63 bits: it tells an edited text from the one that ran, nothing more.
fn checksum(text: &str) -> i64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    (hash >> 1) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The migrations without comments, in lower case, one string a statement.
    fn statements() -> Vec<String> {
        let uncommented = |text: &str| {
            let lines = text.lines().map(|line| line.split("--").next().unwrap_or("").trim());
            lines.collect::<Vec<_>>().join(" ").to_lowercase()
        };
        let whole: String = MIGRATIONS.iter().map(|(_, _, text)| uncommented(text)).collect();
        whole.split(';').map(|statement| statement.trim().to_owned()).filter(|s| !s.is_empty()).collect()
    }

    #[test]
    fn columns_are_text_or_bigint() {
        let tables: Vec<_> = statements().into_iter().filter(|s| s.starts_with("create table")).collect();
        assert!(tables.len() >= 15, "{}", tables.len());
        for table in tables {
            let (_, body) = table.split_once('(').unwrap();
            let mut depth = 0;
            let columns = body.split(|c| {
                depth += i32::from(c == '(') - i32::from(c == ')');
                c == ',' && depth == 0
            });
            for column in
                columns.map(str::trim).filter(|c| !c.starts_with("primary key") && !c.starts_with("check"))
            {
                let kind = column.split_whitespace().nth(1).unwrap();
                assert!(
                    kind.trim_end_matches(')') == "text" || kind.trim_end_matches(')') == "bigint",
                    "{column}"
                );
            }
        }
    }

    #[test]
    fn every_unique_key_starts_with_the_tenant() {
        let mut keys = 0;
        for statement in statements() {
            assert!(!statement.contains("references"), "rows may arrive in any order: {statement}");
            for mark in ["primary key", "unique"] {
                for (place, _) in statement.match_indices(mark) {
                    let rest = &statement[place..];
                    let columns = rest.split_once('(').unwrap().1;
                    assert!(columns.trim_start().starts_with("tenant_id"), "{statement}");
                    keys += 1;
                }
            }
        }
        assert!(keys >= 15, "{keys}");
    }

    #[test]
    fn numbers_are_places() {
        for (place, (number, name, _)) in MIGRATIONS.iter().enumerate() {
            assert_eq!(*number, place as i64 + 1, "{name}");
        }
    }
}
