//! Quality scoring (row Q19): forms and their versions here, evaluations and what draws them in parts. What answers are worth is
//! `hotline::quality`'s to say.

use hotline::quality::Form;
use hotline::{TenantId, Wall};
use sqlx::any::AnyRow;

use crate::audit::{Change, take_turn, write_audit};
use crate::database::{Result, Store};
use crate::rows::{Read, json_text};

pub use calibrations::Calibration;
pub use evaluations::{
    Evaluation, EvaluationFilter, EvaluationKind, EvaluationState, EvaluationStep, EvaluationStepped,
    NewEvaluation, Opened, Revision, Score,
};

pub use samples::{DrawOutcome, KeptRule, SampleDraw};

mod calibrations;
mod evaluations;
mod samples;

/// A draft or a version of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormVersion {
    /// 0 for the draft.
    pub version: u32,
    /// The form.
    pub form: Form,
    /// Who made it, and when.
    pub made: Change,
}

/// What became of a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormPublished {
    /// The draft is this version now.
    Done(u32),
    /// The draft is this version already.
    Same(u32),
    /// There is no draft of that name.
    NoDraft,
}

impl Store {
    /// Keeps the draft of a form, in the place of the one before.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn put_form(&self, tenant: &TenantId, form: &Form, change: &Change) -> Result<()> {
        let mut transaction = self.begin().await?;
        let sql = "insert into quality_form (tenant_id, name, version, document, made_at, made_by) \
                   values ($1, $2, 0, $3, $4, $5) on conflict (tenant_id, name, version) do update \
                   set document = excluded.document, made_at = excluded.made_at, made_by = excluded.made_by";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(form.name.clone()).bind(json_text(form));
        query.bind(change.at.0).bind(change.by.clone()).execute(&mut *transaction).await?;
        write_audit(&mut transaction, tenant, change, "put_quality_form", &form.name, None, Some("draft"))
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Makes the draft of a form its next version, unless it is the last one as it is.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn publish_form(
        &self,
        tenant: &TenantId,
        name: &str,
        change: &Change,
    ) -> Result<FormPublished> {
        let mut transaction = self.begin().await?;
        take_turn(&mut transaction, tenant).await?;
        let sql = "select version, document from quality_form where tenant_id = $1 and name = $2 and \
                   (version = 0 or version = (select max(version) from quality_form \
                   where tenant_id = $1 and name = $2)) order by version";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(name.to_owned());
        let rows = query.fetch_all(&mut *transaction).await?;
        let Some(draft) = rows.first().filter(|row| row.int("version").is_ok_and(|version| version == 0))
        else {
            return Ok(FormPublished::NoDraft);
        };
        let draft = draft.text("document")?;
        let latest: u32 = rows.last().map_or(Ok(0), |row| row.count("version"))?;
        if latest > 0 && rows.last().is_some_and(|row| row.text("document").is_ok_and(|last| last == draft)) {
            return Ok(FormPublished::Same(latest));
        }
        let version = latest + 1;
        let sql = "insert into quality_form (tenant_id, name, version, document, made_at, made_by) \
                   values ($1, $2, $3, $4, $5, $6)";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(name.to_owned()).bind(i64::from(version));
        query.bind(draft).bind(change.at.0).bind(change.by.clone()).execute(&mut *transaction).await?;
        let (was, became) = ((latest > 0).then(|| latest.to_string()), version.to_string());
        let (action, was) = ("publish_quality_form", was.as_deref());
        write_audit(&mut transaction, tenant, change, action, name, was, Some(&became)).await?;
        transaction.commit().await?;
        Ok(FormPublished::Done(version))
    }

    /// A version of a form, 0 for its draft; the last published one where none is named.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn form(
        &self,
        tenant: &TenantId,
        name: &str,
        version: Option<u32>,
    ) -> Result<Option<FormVersion>> {
        let sql = "select version, document, made_at, made_by from quality_form where tenant_id = $1 and name = $2 \
                   and (version = $3 or $3 < 0 and version > 0) order by version desc limit 1";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(name.to_owned());
        let query = query.bind(version.map_or(-1, i64::from));
        query.fetch_optional(self.readers()).await?.as_ref().map(read_form).transpose()
    }

    /// A page of the drafts and versions of an enterprise's forms, by name, the latest first, the draft last: behind a version of a
    /// name.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn forms(
        &self,
        tenant: &TenantId,
        (behind, limit): (Option<(&str, u32)>, u32),
    ) -> Result<Vec<FormVersion>> {
        let sql = "select version, document, made_at, made_by from quality_form where tenant_id = $1 \
                   and ($2 = '' or name > $2 or name = $2 and version < $3) order by name, version desc limit $4";
        let (name, version) = behind.unwrap_or_default();
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(name.to_owned()).bind(i64::from(version));
        query.bind(i64::from(limit)).fetch_all(self.readers()).await?.iter().map(read_form).collect()
    }
}

fn read_form(row: &AnyRow) -> Result<FormVersion> {
    Ok(FormVersion {
        version: row.count("version")?,
        form: row.json("document")?,
        made: Change { at: Wall(row.int("made_at")?), by: row.text("made_by")? },
    })
}
