//! Calls summed by tenant, number, province and hour, and spending by month: kept as calls settle, read by reports and
//! by a node that starts. [`Store::recount`] is the same from the raw rows, for the proof.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use hotline::cdr::{AnswerStatus, CallRecord};
use hotline::settlement::Settlement;
use hotline::{HotlineNumber, Money, TenantId, Wall};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::alerts::{Touched, raise_cap_alerts};
use crate::database::{Result, Store};
use crate::rows::{Among, Read, Rows, Value, arguments, int};
use crate::settle::CapPassed;

/// Milliseconds in an hour.
pub(crate) const HOUR_MS: i64 = 3_600_000;

/// What is counted of the calls of one tenant, number, province and hour (row D04): calls = answered + busy +
/// no_answer + abandoned + barred + failed. Calls of the platform to who asked for one are `callbacks` and none of these; what
/// they lasted and cost is in the sums.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollup {
    /// The enterprise.
    pub tenant: TenantId,
    /// The 400 number.
    pub number: HotlineNumber,
    /// The caller's province, empty if not known.
    pub province: String,
    /// When the hour begins in which the calls began.
    pub hour: Wall,
    /// The counts.
    pub counts: Counts,
}

/// Counts and sums of some calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Counts {
    pub calls: u64,
    pub answered: u64,
    pub busy: u64,
    pub no_answer: u64,
    pub abandoned: u64,
    pub barred: u64,
    pub failed: u64,
    pub callbacks: u64,
    pub talk_ms: u64,
    pub sale_e4: Money,
    pub cost_e4: Money,
}

impl Counts {
    /// A call that rang in.
    fn count(&mut self, status: AnswerStatus) {
        self.calls += 1;
        *match status {
            AnswerStatus::Answered => &mut self.answered,
            AnswerStatus::Busy => &mut self.busy,
            AnswerStatus::NoAnswer => &mut self.no_answer,
            AnswerStatus::Abandoned => &mut self.abandoned,
            AnswerStatus::Barred => &mut self.barred,
            AnswerStatus::Failed => &mut self.failed,
        } += 1;
    }
}

/// What an enterprise or one of its numbers used of a billing month (rows B05, B06).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonthSpend {
    /// The number; `None` for the whole enterprise.
    pub number: Option<HotlineNumber>,
    /// Calls that rang in in the month.
    pub calls: u64,
    /// Those of them that were answered.
    pub answered: u64,
    /// Those of them that count against a cap of the month's calls (row B06), each by the rules it began with.
    pub counted: u64,
    /// Their sale charges with adjustments.
    pub spent_e4: Money,
}

/// Where a call counts.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) tenant: TenantId,
    pub(crate) number: HotlineNumber,
    pub(crate) province: String,
    pub(crate) started_at: Wall,
}

impl Place {
    pub(crate) fn of(record: &CallRecord) -> Self {
        Self {
            tenant: record.tenant.clone(),
            number: record.number,
            province: record.region.province.to_string(),
            started_at: record.started_at,
        }
    }
}

type HourKey = (TenantId, HotlineNumber, String, i64);
type MonthKey = (TenantId, Option<HotlineNumber>, u32);

#[derive(Clone, Copy, Default)]
struct MonthSums {
    calls: u64,
    answered: u64,
    counted: u64,
    spent: Money,
}

/// What a transaction adds, summed by key so that each row is touched once and always in the same order.
#[derive(Default)]
pub(crate) struct Sums {
    hours: BTreeMap<HourKey, Counts>,
    months: BTreeMap<MonthKey, MonthSums>,
}

impl Sums {
    /// Counts a new call.
    pub(crate) fn add_call(&mut self, settlement: &Settlement, place: &Place) {
        let record = &settlement.record;
        let counts = self.hour(place);
        counts.talk_ms += record.talk_ms;
        let rings_in = record.calls_back.is_none();
        match rings_in {
            true => counts.count(record.status),
            false => counts.callbacks += 1,
        }
        let answered = rings_in && record.status == AnswerStatus::Answered;
        self.each_month(place, |month| {
            month.calls += u64::from(rings_in);
            month.answered += u64::from(answered);
            month.counted += u64::from(settlement.counts);
        });
    }

    /// Adds the sale and cost of a new charge.
    pub(crate) fn add_fee(&mut self, place: &Place, (sale, cost): (Money, Money)) {
        let counts = self.hour(place);
        counts.sale_e4 += sale;
        counts.cost_e4 += cost;
        if !sale.is_zero() {
            self.each_month(place, |month| month.spent += sale);
        }
    }

    fn hour(&mut self, place: &Place) -> &mut Counts {
        let hour = place.started_at.0.div_euclid(HOUR_MS);
        self.hours.entry((place.tenant.clone(), place.number, place.province.clone(), hour)).or_default()
    }

    fn each_month(&mut self, place: &Place, mut change: impl FnMut(&mut MonthSums)) {
        let month = place.started_at.beijing().billing_month();
        for number in [None, Some(place.number)] {
            change(self.months.entry((place.tenant.clone(), number, month)).or_default());
        }
    }
}

static ROLLUP: LazyLock<Rows> = LazyLock::new(|| {
    Rows::new(
        "insert into rollup (tenant_id, number, province, hour, calls, answered, busy, no_answer, abandoned, barred, \
         failed, callbacks, talk_ms, sale_e4, cost_e4)",
        "on conflict (tenant_id, number, province, hour) do update set \
         calls = rollup.calls + excluded.calls, answered = rollup.answered + excluded.answered, \
         busy = rollup.busy + excluded.busy, no_answer = rollup.no_answer + excluded.no_answer, \
         abandoned = rollup.abandoned + excluded.abandoned, barred = rollup.barred + excluded.barred, \
         failed = rollup.failed + excluded.failed, \
         callbacks = rollup.callbacks + excluded.callbacks, talk_ms = rollup.talk_ms + excluded.talk_ms, \
         sale_e4 = rollup.sale_e4 + excluded.sale_e4, cost_e4 = rollup.cost_e4 + excluded.cost_e4",
    )
});

static MONTH: LazyLock<Rows> = LazyLock::new(|| {
    Rows::new(
        "insert into month_spend (tenant_id, number, month, calls, answered, counted, spent_e4)",
        "on conflict (tenant_id, number, month) do update set \
         calls = month_spend.calls + excluded.calls, answered = month_spend.answered + excluded.answered, \
         counted = month_spend.counted + excluded.counted, spent_e4 = month_spend.spent_e4 + excluded.spent_e4",
    )
});

static PASSED: LazyLock<Among> = LazyLock::new(|| {
    Among::new(
        "select cap.tenant_id, cap.number, month, spent_e4, cap_e4 from cap join month_spend \
            on month_spend.tenant_id = cap.tenant_id and month_spend.number = cap.number \
         where spent_e4 > cap_e4 and coalesce(lifted_month, 0) <> month and cap.tenant_id in",
        "order by cap.tenant_id, cap.number, month",
    )
});

/// Adds the sums to what is there and says which caps of the months and numbers touched stand passed.
/// Months that reached a level of a cap raise their alerts, dated `at`.
pub(crate) async fn add_sums(connection: &mut AnyConnection, sums: Sums, at: Wall) -> Result<Vec<CapPassed>> {
    let used: Touched = sums.months.keys().cloned().collect();
    let touched: BTreeSet<MonthKey> =
        sums.months.iter().filter(|(_, sum)| !sum.spent.is_zero()).map(|(key, _)| key.clone()).collect();
    ROLLUP.write(connection, sums.hours.into_iter().flat_map(hour_values).collect()).await?;
    MONTH.write(connection, sums.months.into_iter().flat_map(month_values).collect()).await?;
    raise_cap_alerts(connection, &used, at).await?;
    let mut tenants: Vec<String> = touched.iter().map(|(tenant, _, _)| tenant.to_string()).collect();
    tenants.dedup();
    let mut passed = Vec::new();
    for row in PASSED.read(connection, tenants).await? {
        let cap = CapPassed {
            tenant: TenantId::new(&row.text("tenant_id")?),
            number: number_or_whole(&row)?,
            month: row.count("month")?,
            spent_e4: Money(row.int("spent_e4")?),
            cap_e4: Money(row.int("cap_e4")?),
        };
        if touched.contains(&(cap.tenant.clone(), cap.number, cap.month)) {
            passed.push(cap);
        }
    }
    Ok(passed)
}

fn hour_values(((tenant, number, province, hour), counts): (HourKey, Counts)) -> [Value; 15] {
    [
        tenant.as_str().into(),
        number.to_string().into(),
        province.into(),
        hour.into(),
        counts.calls.into(),
        counts.answered.into(),
        counts.busy.into(),
        counts.no_answer.into(),
        counts.abandoned.into(),
        counts.barred.into(),
        counts.failed.into(),
        counts.callbacks.into(),
        counts.talk_ms.into(),
        counts.sale_e4.0.into(),
        counts.cost_e4.0.into(),
    ]
}

fn month_values(((tenant, number, month), sums): (MonthKey, MonthSums)) -> [Value; 7] {
    [
        tenant.as_str().into(),
        column_of(number).into(),
        month.into(),
        sums.calls.into(),
        sums.answered.into(),
        sums.counted.into(),
        sums.spent.0.into(),
    ]
}

/// A number's column, empty for the whole enterprise.
pub(crate) fn column_of(number: Option<HotlineNumber>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

fn number_or_whole(row: &AnyRow) -> Result<Option<HotlineNumber>> {
    if row.text("number")?.is_empty() { Ok(None) } else { row.parsed("number").map(Some) }
}

/// Which rollups are read. `None` is no condition.
#[derive(Clone, Debug, Default)]
pub struct RollupFilter {
    /// One enterprise's.
    pub tenant: Option<TenantId>,
    /// One number's.
    pub number: Option<HotlineNumber>,
    /// Hours that begin at or after.
    pub since: Option<Wall>,
    /// Hours that begin before.
    pub until: Option<Wall>,
}

/// Every rollup there is.
const KEPT: &str = "\
    select tenant_id, number, province, hour, calls, answered, busy, no_answer, abandoned, barred, failed, callbacks, \
        talk_ms, sale_e4, cost_e4 \
    from rollup";

/// The same from the raw rows: a scan of every call, for the proof only.
const RECOUNTED: &str = "\
    select call.tenant_id, call.number, call.province, call.started_at / 3600000 as hour, \
        count(case when calls_back = '' then 1 end) as calls, \
        count(case when calls_back = '' and status = 'answered' then 1 end) as answered, \
        count(case when calls_back = '' and status = 'busy' then 1 end) as busy, \
        count(case when calls_back = '' and status = 'no_answer' then 1 end) as no_answer, \
        count(case when calls_back = '' and status = 'abandoned' then 1 end) as abandoned, \
        count(case when calls_back = '' and status = 'barred' then 1 end) as barred, \
        count(case when calls_back = '' and status = 'failed' then 1 end) as failed, \
        count(case when calls_back <> '' then 1 end) as callbacks, \
        cast(sum(talk_ms) as bigint) as talk_ms, \
        cast(sum((select coalesce(sum(amount_e4), 0) from charge where charge.tenant_id = call.tenant_id \
            and charge.call_id = call.call_id and kind = 'sale')) as bigint) as sale_e4, \
        cast(sum((select coalesce(sum(amount_e4), 0) from charge where charge.tenant_id = call.tenant_id \
            and charge.call_id = call.call_id and kind = 'cost')) as bigint) as cost_e4 \
    from call \
    group by call.tenant_id, call.number, call.province, call.started_at / 3600000";

impl Store {
    /// The rollups of some calls, by tenant, number, province and hour.
    pub async fn rollups(&self, filter: &RollupFilter) -> Result<Vec<Rollup>> {
        self.rollups_from(KEPT, filter).await
    }

    /// The same counted again from the raw rows.
    pub async fn recount(&self, filter: &RollupFilter) -> Result<Vec<Rollup>> {
        self.rollups_from(RECOUNTED, filter).await
    }

    async fn rollups_from(&self, source: &str, filter: &RollupFilter) -> Result<Vec<Rollup>> {
        let hour = |at: Wall| at.0.div_euclid(HOUR_MS) + i64::from(at.0.rem_euclid(HOUR_MS) > 0);
        let conditions: [(&str, Option<Value>); 4] = [
            ("tenant_id =", filter.tenant.as_ref().map(|tenant| tenant.as_str().into())),
            ("number =", filter.number.map(|number| number.to_string().into())),
            ("hour >=", filter.since.map(|at| hour(at).into())),
            ("hour <", filter.until.map(|at| hour(at).into())),
        ];
        let mut sql = format!("select * from ({source}) counted");
        let mut values = Vec::new();
        for (condition, value) in conditions {
            let Some(value) = value else { continue };
            values.push(value);
            let word = if values.len() == 1 { "where" } else { "and" };
            sql += &format!(" {word} {condition} ${}", values.len());
        }
        sql += " order by tenant_id, number, province, hour";
        let rows = sqlx::query_with(AssertSqlSafe(sql), arguments(values)).fetch_all(self.readers()).await?;
        rows.iter().map(read_rollup).collect()
    }

    /// What an enterprise used of a billing month in Beijing, such as 202610: the whole first, then by number.
    pub async fn month_spend(&self, tenant: &TenantId, month: u32) -> Result<Vec<MonthSpend>> {
        let sql = "select number, calls, answered, counted, spent_e4 from month_spend where tenant_id = $1 and month = $2 \
                   order by number";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(int(u64::from(month)));
        query.fetch_all(self.readers()).await?.iter().map(read_month).collect()
    }
}

pub(crate) fn read_rollup(row: &AnyRow) -> Result<Rollup> {
    Ok(Rollup {
        tenant: TenantId::new(&row.text("tenant_id")?),
        number: row.parsed("number")?,
        province: row.text("province")?,
        hour: Wall(row.int("hour")? * HOUR_MS),
        counts: Counts {
            calls: row.count("calls")?,
            answered: row.count("answered")?,
            busy: row.count("busy")?,
            no_answer: row.count("no_answer")?,
            abandoned: row.count("abandoned")?,
            barred: row.count("barred")?,
            failed: row.count("failed")?,
            callbacks: row.count("callbacks")?,
            talk_ms: row.count("talk_ms")?,
            sale_e4: Money(row.int("sale_e4")?),
            cost_e4: Money(row.int("cost_e4")?),
        },
    })
}

fn read_month(row: &AnyRow) -> Result<MonthSpend> {
    Ok(MonthSpend {
        number: number_or_whole(row)?,
        calls: row.count("calls")?,
        answered: row.count("answered")?,
        counted: row.count("counted")?,
        spent_e4: Money(row.int("spent_e4")?),
    })
}
