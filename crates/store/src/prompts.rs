//! Prompts of enterprises: their versions, and who let which of them be heard (rows I02, K09). A version is never changed
//! but in its state; the files are not its business.

use hotline::{TenantId, Wall};
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::audit::{Change, take_turn, write_audit};
use crate::database::{Result, Store};
use crate::rows::{Read, code, int};

/// How far a version is on its way to being heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptState {
    /// Made, and waiting for whoever made it.
    Draft,
    /// Waiting for the provider's staff.
    Submitted,
    /// It may be heard.
    Approved,
    /// It may not, for a reason.
    Rejected,
}

/// A version that is about to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPrompt {
    /// The enterprise.
    pub tenant: TenantId,
    /// The name that rules and flows use.
    pub name: String,
    /// Names the file; opaque.
    pub file: String,
    /// What it was made from: `wav`, `mp3`, `vorbis`, `opus`.
    pub format: String,
    /// The voice of the program that said it; `None` for a recording.
    pub voice: Option<String>,
    /// What is said, as far as it was told.
    pub words: Option<String>,
    /// Its length.
    pub duration_ms: u64,
    /// Size of its file.
    pub bytes: u64,
    /// Checksum of the file.
    pub checksum: String,
}

/// A version as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// What was made.
    pub made: NewPrompt,
    /// 1 for the first of its name.
    pub version: u32,
    /// How far it is.
    pub state: PromptState,
    /// By whom and when it was made.
    pub made_by: Change,
    /// By whom and when it was handed in.
    pub submitted: Option<Change>,
    /// By whom and when it was judged.
    pub reviewed: Option<Change>,
    /// Why it was judged so.
    pub reason: Option<String>,
}

/// What is heard under a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeardPrompt {
    /// The enterprise.
    pub tenant: TenantId,
    /// The name.
    pub name: String,
    /// The latest approved version.
    pub version: u32,
    /// Its file.
    pub file: String,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptStep {
    /// It was taken.
    Done,
    /// There is no such version.
    Missing,
    /// It is in a state that this step does not lead from.
    Not(PromptState),
    /// It was delivered for an order, whose acceptance hands it in.
    Delivered,
}

const COLUMNS: &str = "tenant_id, name, version, state, file_id, format, voice, words, duration_ms, bytes, checksum, \
                       made_at, made_by, submitted_at, submitted_by, reviewed_at, reviewed_by, reason";

impl Store {
    /// Writes the next version of a name, as a draft; its number.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn add_prompt(&self, new: &NewPrompt, change: &Change) -> Result<u32> {
        let mut transaction = self.begin().await?;
        let version = insert_prompt(&mut transaction, new, change).await?;
        transaction.commit().await?;
        Ok(version)
    }

    /// Hands a draft in.
    pub async fn submit_prompt(
        &self,
        tenant: &TenantId,
        name: &str,
        version: u32,
        change: &Change,
    ) -> Result<PromptStep> {
        let mut transaction = self.begin().await?;
        // The customer may accept it at this moment.
        take_turn(&mut transaction, tenant).await?;
        let was = match state_of(&mut transaction, tenant, name, version).await? {
            Some(PromptState::Draft) => PromptState::Draft,
            Some(other) => return Ok(PromptStep::Not(other)),
            None => return Ok(PromptStep::Missing),
        };
        let sql = "update prompt set state = 'submitted', submitted_at = $4, submitted_by = $5 \
                   where tenant_id = $1 and name = $2 and version = $3 and not exists (select 1 from prompt_order \
                   where tenant_id = $1 and name = $2 and version = $3 and state <> 'accepted')";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(name.to_owned()).bind(i64::from(version));
        let query = query.bind(change.at.0).bind(change.by.clone());
        if query.execute(&mut *transaction).await?.rows_affected() == 0 {
            return Ok(PromptStep::Delivered);
        }
        let (subject, was) = (subject(name, version), code(&was));
        let became = Some("submitted");
        write_audit(&mut transaction, tenant, change, "submit_prompt", &subject, Some(&was), became).await?;
        transaction.commit().await?;
        Ok(PromptStep::Done)
    }

    /// Judges a version that was handed in; an approved one may be taken back. A draft is judged by nobody.
    pub async fn review_prompt(
        &self,
        tenant: &TenantId,
        name: &str,
        version: u32,
        (approved, reason): (bool, Option<&str>),
        change: &Change,
    ) -> Result<PromptStep> {
        let mut transaction = self.begin().await?;
        let was = match state_of(&mut transaction, tenant, name, version).await? {
            None => return Ok(PromptStep::Missing),
            Some(state) => state,
        };
        match (was, approved) {
            (PromptState::Submitted, _) | (PromptState::Approved, false) => {}
            (PromptState::Draft | PromptState::Approved | PromptState::Rejected, _) => {
                return Ok(PromptStep::Not(was));
            }
        }
        let becomes = if approved { PromptState::Approved } else { PromptState::Rejected };
        let sql = "update prompt set state = $4, reviewed_at = $5, reviewed_by = $6, reason = $7 \
                   where tenant_id = $1 and name = $2 and version = $3";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(name.to_owned()).bind(i64::from(version));
        let query = query.bind(code(&becomes)).bind(change.at.0).bind(change.by.clone());
        query.bind(reason.map(str::to_owned)).execute(&mut *transaction).await?;
        let became = [&code(&becomes), reason.unwrap_or_default()].join(" ").trim_end().to_owned();
        let (subject, was) = (subject(name, version), code(&was));
        write_audit(&mut transaction, tenant, change, "review_prompt", &subject, Some(&was), Some(&became))
            .await?;
        transaction.commit().await?;
        Ok(PromptStep::Done)
    }

    /// Versions of an enterprise or of all, and of one name or of all, by name, the latest first.
    pub async fn prompts(&self, tenant: Option<&TenantId>, name: Option<&str>) -> Result<Vec<Prompt>> {
        let sql = format!(
            "select {COLUMNS} from prompt where ($1 = '' or tenant_id = $1) and ($2 = '' or name = $2) \
             order by tenant_id, name, version desc"
        );
        let query =
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(tenant.map_or("", TenantId::as_str).to_owned());
        let rows = query.bind(name.unwrap_or_default().to_owned()).fetch_all(self.readers()).await?;
        rows.iter().map(read).collect()
    }

    /// What is heard: of each name the latest approved version, of one enterprise or of all.
    pub async fn heard_prompts(&self, tenant: Option<&TenantId>) -> Result<Vec<HeardPrompt>> {
        let sql = "select tenant_id, name, version, file_id from prompt where state = 'approved' \
                   and ($1 = '' or tenant_id = $1) and version = (select max(other.version) from prompt other \
                       where other.tenant_id = prompt.tenant_id and other.name = prompt.name \
                       and other.state = 'approved') \
                   order by tenant_id, name";
        let query = sqlx::query(sql).bind(tenant.map_or("", TenantId::as_str).to_owned());
        query.fetch_all(self.readers()).await?.iter().map(read_heard).collect()
    }
}

/// Writes the next version of a name into a transaction; its number. Others who make one wait until the transaction is over: two
/// at once would be given the same number.
pub(crate) async fn insert_prompt(
    transaction: &mut AnyConnection,
    new: &NewPrompt,
    change: &Change,
) -> Result<u32> {
    take_turn(transaction, &new.tenant).await?;
    let sql = "insert into prompt (tenant_id, name, version, state, file_id, format, voice, words, duration_ms, \
               bytes, checksum, made_at, made_by) values ($1, $2, \
               (select coalesce(max(version), 0) + 1 from prompt where tenant_id = $1 and name = $2), \
               'draft', $3, $4, $5, $6, $7, $8, $9, $10, $11) returning version";
    let query = sqlx::query(sql).bind(new.tenant.to_string()).bind(new.name.clone());
    let query = query.bind(new.file.clone()).bind(new.format.clone()).bind(new.voice.clone());
    let query = query.bind(new.words.clone()).bind(int(new.duration_ms)).bind(int(new.bytes));
    let query = query.bind(new.checksum.clone()).bind(change.at.0).bind(change.by.clone());
    let version: u32 = query.fetch_one(&mut *transaction).await?.count("version")?;
    let (subject, became) = (subject(&new.name, version), format!("{} {}", new.format, new.checksum));
    write_audit(transaction, &new.tenant, change, "add_prompt", &subject, None, Some(&became)).await?;
    Ok(version)
}

fn subject(name: &str, version: u32) -> String {
    format!("{name} {version}")
}

async fn state_of(
    connection: &mut AnyConnection,
    tenant: &TenantId,
    name: &str,
    version: u32,
) -> Result<Option<PromptState>> {
    let sql = "select state from prompt where tenant_id = $1 and name = $2 and version = $3";
    let query = sqlx::query(sql).bind(tenant.to_string()).bind(name.to_owned()).bind(i64::from(version));
    let row = query.fetch_optional(connection).await?;
    row.as_ref().map(|row| row.coded("state")).transpose()
}

fn read(row: &AnyRow) -> Result<Prompt> {
    let change = |at: &str, by: &str| -> Result<Option<Change>> {
        let both = row.int_or_none(at)?.zip(row.text_or_none(by)?);
        Ok(both.map(|(at, by)| Change { by, at: Wall(at) }))
    };
    Ok(Prompt {
        made: NewPrompt {
            tenant: TenantId::new(&row.text("tenant_id")?),
            name: row.text("name")?,
            file: row.text("file_id")?,
            format: row.text("format")?,
            voice: row.text_or_none("voice")?,
            words: row.text_or_none("words")?,
            duration_ms: row.count("duration_ms")?,
            bytes: row.count("bytes")?,
            checksum: row.text("checksum")?,
        },
        version: row.count("version")?,
        state: row.coded("state")?,
        made_by: Change { by: row.text("made_by")?, at: Wall(row.int("made_at")?) },
        submitted: change("submitted_at", "submitted_by")?,
        reviewed: change("reviewed_at", "reviewed_by")?,
        reason: row.text_or_none("reason")?,
    })
}

fn read_heard(row: &AnyRow) -> Result<HeardPrompt> {
    Ok(HeardPrompt {
        tenant: TenantId::new(&row.text("tenant_id")?),
        name: row.text("name")?,
        version: row.count("version")?,
        file: row.text("file_id")?,
    })
}
