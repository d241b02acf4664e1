//! Calls that several evaluate, each without the others (row Q19). What they write are evaluations like any other, and count for nobody.

use hotline::{CallId, TenantId, Wall};
use sqlx::any::AnyRow;

use super::evaluations::{NewEvaluation, insert};
use crate::audit::{Change, take_turn, write_audit};
use crate::database::{Result, Store};
use crate::rows::Read;

/// A call that several evaluate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calibration {
    /// Its number within the enterprise, from 1.
    pub number: u32,
    /// The call.
    pub call: CallId,
    /// The agent who answered it.
    pub agent: String,
    /// The form.
    pub form: String,
    /// Its version.
    pub form_version: u32,
    /// Who opened it, and when.
    pub opened: Change,
}

impl Store {
    /// Gives a call to several, each an evaluation of its own; the calibration's number.
    ///
    /// # Errors
    /// Those of the database; nobody has it then.
    pub async fn open_calibration(
        &self,
        of: &NewEvaluation,
        reviewers: &[String],
        change: &Change,
    ) -> Result<u32> {
        let mut transaction = self.begin().await?;
        take_turn(&mut transaction, &of.tenant).await?;
        let sql = "insert into calibration (tenant_id, calibration_no, call_id, agent, form, form_version, opened_at, \
                   opened_by) values ($1, (select coalesce(max(calibration_no), 0) + 1 from calibration \
                   where tenant_id = $1), $2, $3, $4, $5, $6, $7) returning calibration_no";
        let query = sqlx::query(sql).bind(of.tenant.to_string()).bind(of.call.to_string());
        let query = query.bind(of.agent.clone()).bind(of.form.clone()).bind(i64::from(of.form_version));
        let query = query.bind(change.at.0).bind(change.by.clone());
        let number: u32 = query.fetch_one(&mut *transaction).await?.count("calibration_no")?;
        for reviewer in reviewers {
            let own = NewEvaluation { calibration: Some(number), reviewer: reviewer.clone(), ..of.clone() };
            insert(&mut transaction, &own, change).await?;
        }
        let (subject, became) = (format!("#{number}"), format!("{} {}", of.call, reviewers.join(" ")));
        let action = "open_calibration";
        write_audit(&mut transaction, &of.tenant, change, action, &subject, None, Some(&became)).await?;
        transaction.commit().await?;
        Ok(number)
    }

    /// One calibration.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn calibration(&self, tenant: &TenantId, number: u32) -> Result<Option<Calibration>> {
        let sql = "select calibration_no, call_id, agent, form, form_version, opened_at, opened_by from calibration \
                   where tenant_id = $1 and calibration_no = $2";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(i64::from(number));
        query.fetch_optional(self.readers()).await?.as_ref().map(read).transpose()
    }

    /// A page of calibrations, by one form if it is named, the latest first; give the last one's number for the next page.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn calibrations(
        &self,
        tenant: &TenantId,
        form: Option<&str>,
        older_than: Option<u32>,
        limit: u32,
    ) -> Result<Vec<Calibration>> {
        let sql = "select calibration_no, call_id, agent, form, form_version, opened_at, opened_by from calibration \
                   where tenant_id = $1 and ($2 = '' or form = $2) and calibration_no < $3 \
                   order by calibration_no desc limit $4";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(form.unwrap_or_default().to_owned());
        let query = query.bind(older_than.map_or(i64::MAX, i64::from)).bind(i64::from(limit));
        query.fetch_all(self.readers()).await?.iter().map(read).collect()
    }
}

fn read(row: &AnyRow) -> Result<Calibration> {
    Ok(Calibration {
        number: row.count("calibration_no")?,
        call: row.parsed("call_id")?,
        agent: row.text("agent")?,
        form: row.text("form")?,
        form_version: row.count("form_version")?,
        opened: Change { at: Wall(row.int("opened_at")?), by: row.text("opened_by")? },
    })
}
