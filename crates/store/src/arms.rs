//! The shares of flows' percentage steps that calls had (row I10): a row a call and step, and how many of each share came to
//! what. What they prove is not its business.

use std::sync::LazyLock;

use hotline::cdr::{ArmOutcome, ArmRecord, CallRecord};
use hotline::{CallId, TenantId, Wall};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::database::{Result, Store};
use crate::rows::{Read, Rows, Value, arguments, code};

/// Which deals are meant.
#[derive(Clone, Debug, Default)]
pub struct ArmFilter {
    /// The flow that has the step.
    pub flow: String,
    /// The step.
    pub step: String,
    /// Of this version of the flow; `None` for all.
    pub version: Option<u32>,
    /// Dealt at or after; `None` for any time.
    pub since: Option<Wall>,
    /// Dealt before; `None` for any time.
    pub until: Option<Wall>,
}

/// What came of the calls that had one share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArmSum {
    /// The share.
    pub arm: String,
    /// Callers who did not withhold their number, each counted once.
    pub callers: u64,
    /// Calls by what came of them; what came of none is not there.
    pub calls: Vec<(ArmOutcome, u64)>,
}

static ARM: LazyLock<Rows> = LazyLock::new(|| {
    Rows::new(
        "insert into call_arm (tenant_id, call_id, flow, step, flow_version, arm, number, caller, taken_at, outcome)",
        "on conflict do nothing",
    )
});

/// Writes the shares of records that were not there before.
pub(crate) async fn insert_arms<'a>(
    connection: &mut AnyConnection,
    records: impl Iterator<Item = &'a CallRecord>,
) -> Result<()> {
    let of_record = |record: &'a CallRecord| record.arms.iter().map(move |arm| (record, arm));
    let values = records.flat_map(of_record).flat_map(|(record, arm)| -> [Value; 10] {
        [
            record.tenant.as_str().into(),
            record.call.to_string().into(),
            arm.flow.as_str().into(),
            arm.step.as_str().into(),
            arm.version.into(),
            arm.arm.as_str().into(),
            record.number.to_string().into(),
            record.caller.as_str().into(),
            arm.at.0.into(),
            code(&arm.outcome).into(),
        ]
    });
    ARM.write(connection, values.collect()).await?;
    Ok(())
}

/// The shares of one call, in the order dealt.
pub(crate) async fn arms_of(
    connection: &mut AnyConnection,
    tenant: &TenantId,
    call: CallId,
) -> Result<Vec<ArmRecord>> {
    let sql = "select flow, step, flow_version, arm, taken_at, outcome from call_arm \
               where tenant_id = $1 and call_id = $2 order by taken_at, flow, step";
    let query = sqlx::query(sql).bind(tenant.as_str().to_owned()).bind(call.to_string());
    let read = |row: &AnyRow| {
        Ok(ArmRecord {
            flow: row.text("flow")?,
            version: row.count("flow_version")?,
            step: row.text("step")?,
            arm: row.text("arm")?,
            at: Wall(row.int("taken_at")?),
            outcome: row.coded("outcome")?,
        })
    };
    query.fetch_all(connection).await?.iter().map(read).collect()
}

impl ArmFilter {
    /// The conditions and their values in order.
    fn conditions(&self, tenant: &TenantId) -> (String, Vec<Value>) {
        let mut sql = String::from("tenant_id = $1 and flow = $2 and step = $3");
        let mut values: Vec<Value> =
            vec![tenant.as_str().into(), self.flow.as_str().into(), self.step.as_str().into()];
        let mut add = |condition: &str, value: Option<Value>| {
            if let Some(value) = value {
                values.push(value);
                sql += &format!(" and {condition} ${}", values.len());
            }
        };
        add("flow_version =", self.version.map(Value::from));
        add("taken_at >=", self.since.map(|at| at.0.into()));
        add("taken_at <", self.until.map(|at| at.0.into()));
        (sql, values)
    }
}

impl Store {
    /// What came of the calls that a step dealt, by share and by name of it.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn arm_sums(&self, tenant: &TenantId, filter: &ArmFilter) -> Result<Vec<ArmSum>> {
        let mut snapshot = self.snapshot().await?;
        let (conditions, values) = filter.conditions(tenant);
        let sql = format!(
            "select arm, count(distinct case when caller <> '' then caller end) as callers from call_arm \
             where {conditions} group by arm order by arm"
        );
        let rows = sqlx::query_with(AssertSqlSafe(sql), arguments(values)).fetch_all(&mut *snapshot).await?;
        let read = |row: &AnyRow| {
            Ok(ArmSum { arm: row.text("arm")?, callers: row.count("callers")?, calls: Vec::new() })
        };
        let mut sums: Vec<ArmSum> = rows.iter().map(read).collect::<Result<_>>()?;
        let (conditions, values) = filter.conditions(tenant);
        let sql = format!(
            "select arm, outcome, count(*) as calls from call_arm where {conditions} group by arm, outcome \
             order by arm, outcome"
        );
        for row in &sqlx::query_with(AssertSqlSafe(sql), arguments(values)).fetch_all(&mut *snapshot).await? {
            let arm = row.text("arm")?;
            if let Some(sum) = sums.iter_mut().find(|sum| sum.arm == arm) {
                sum.calls.push((row.coded("outcome")?, row.count("calls")?));
            }
        }
        Ok(sums)
    }
}
