//! Call records with their legs and logs: written as they settle, listed by page, read back whole.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use hotline::cdr::{AnswerStatus, CallRecord, Cause, LegRecord, Quality};
use hotline::ledger::Entry;
use hotline::rating::Charge;
use hotline::region::Region;
use hotline::settlement::Settlement;
use hotline::{CallId, HotlineNumber, Money, RecordingId, TenantId, Wall};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::arms::arms_of;
use crate::charges::charges_of;
use crate::database::{Error, Result, Store};
use crate::ledger::entries_of;
use crate::pack::{pack, unpack};
use crate::results::results_of;
use crate::rows::{Among, Read, Rows, Value, arguments, code, json_text, unreadable};

static CALL: LazyLock<Rows> = LazyLock::new(|| {
    Rows::new(
        "insert into call (tenant_id, call_id, number, version, trunk, caller, region_kind, province, city, \
         area_code, carrier, region_source, answered_by, destination, started_at, answered_at, joined_at, ended_at, \
         status, cause, ended_by, charging_from, post_dial_ms, talk_ms, sale_ms, forwards, recording_id, \
         recording_cut, received, sent, lost, jitter_us, mos_e2, strangers, legs, node, position, log, password, \
         priority, flow, flow_version, keys, queue, wait_ms, offers, agent, transfers, hold_ms, messages, \
         pauses, rating, spills, callback, calls_back, consent)",
        "on conflict do nothing",
    )
});

static THERE: LazyLock<Among> =
    LazyLock::new(|| Among::new("select tenant_id, call_id from call where call_id in", ""));

static LEG: LazyLock<Rows> = LazyLock::new(|| {
    Rows::new(
        "insert into leg (tenant_id, call_id, leg, destination, dialled, trunk, kind, invited_at, rang_at, \
         answered_at, ended_at, outcome, status, cost_ms, received, sent, lost, jitter_us, mos_e2, strangers)",
        "on conflict do nothing",
    )
});

/// Writes the records that are not there yet, with their legs, and returns the settlements of these.
pub(crate) async fn insert_records<'a>(
    connection: &mut AnyConnection,
    batch: Vec<&'a Settlement>,
    node: &str,
) -> Result<Vec<&'a Settlement>> {
    let ids = batch.iter().map(|one| one.record.call.to_string()).collect();
    let mut there = BTreeSet::new();
    for row in THERE.read(connection, ids).await? {
        there.insert((row.text("tenant_id")?, row.parsed("call_id")?));
    }
    let is_there = |one: &Settlement| there.contains(&(one.record.tenant.to_string(), one.record.call));
    let new: Vec<&Settlement> = batch.into_iter().filter(|one| there.is_empty() || !is_there(one)).collect();
    let written = CALL.write(connection, new.iter().flat_map(|one| call_values(one, node)).collect()).await?;
    if written < new.len() as u64 {
        return Err(Error::Raced);
    }
    let legs = new.iter().flat_map(|one| one.record.legs.iter().flat_map(|leg| leg_values(&one.record, leg)));
    LEG.write(connection, legs.collect()).await?;
    Ok(new)
}

fn call_values(settlement: &Settlement, node: &str) -> Vec<Value> {
    let record = &settlement.record;
    let mut values = Vec::with_capacity(56);
    values.extend([
        record.tenant.as_str().into(),
        record.call.to_string().into(),
        record.number.to_string().into(),
        record.version.into(),
        record.trunk.as_str().into(),
        record.caller.as_str().into(),
        code(&record.region.kind).into(),
        record.region.province.as_ref().into(),
        record.region.city.as_ref().into(),
        record.region.area_code.as_ref().into(),
        record.region.carrier.as_ref().map(code).into(),
        code(&record.region.source).into(),
        record.answered_by.as_str().into(),
        record.destination.as_str().into(),
        record.started_at.0.into(),
        record.answered_at.map(|at| at.0).into(),
        record.joined_at.map(|at| at.0).into(),
        record.ended_at.0.into(),
        code(&record.status).into(),
        record.cause.code().into(),
        code(&record.ended_by).into(),
        code(&record.charging_from).into(),
        record.post_dial_ms.map(crate::rows::int).into(),
        record.talk_ms.into(),
        record.sale_ms.into(),
        u32::from(record.forwards).into(),
        record.recording.map(|id| id.to_string()).into(),
        record.recording_cut.into(),
    ]);
    values.extend(quality_values(record.quality.as_ref()));
    values.extend([
        (record.legs.len() as u64).into(),
        node.into(),
        settlement.position.into(),
        pack(&settlement.log).into(),
        record.password.as_str().into(),
        u32::from(record.priority).into(),
        record.flow.as_str().into(),
        record.flow_version.into(),
        list_text(&record.keys).into(),
        record.queue.as_str().into(),
        record.wait_ms.into(),
        u32::from(record.offers).into(),
        record.agent.as_str().into(),
        u32::from(record.transfers).into(),
        record.hold_ms.into(),
        list_text(&record.messages).into(),
        list_text(&record.pauses).into(),
        record.rating.as_ref().map(json_text).unwrap_or_default().into(),
        list_text(&record.spills).into(),
        record.callback.as_ref().map(json_text).unwrap_or_default().into(),
        record.calls_back.as_ref().map(json_text).unwrap_or_default().into(),
        record.consent.as_ref().map(code).into(),
    ]);
    values
}

/// Most calls meet no menu and leave no message: nothing is written for them.
fn list_text<T: Serialize>(list: &[T]) -> String {
    if list.is_empty() { String::new() } else { json_text(&list) }
}

fn read_list<T: DeserializeOwned>(row: &AnyRow, column: &str) -> Result<Vec<T>> {
    let text = row.text(column)?;
    if text.is_empty() { Ok(Vec::new()) } else { row.json(column) }
}

fn read_one<T: DeserializeOwned>(row: &AnyRow, column: &str) -> Result<Option<T>> {
    let text = row.text(column)?;
    if text.is_empty() { Ok(None) } else { row.json(column).map(Some) }
}

fn leg_values(record: &CallRecord, leg: &LegRecord) -> Vec<Value> {
    let mut values = Vec::with_capacity(20);
    values.extend([
        record.tenant.as_str().into(),
        record.call.to_string().into(),
        u32::from(leg.leg).into(),
        leg.destination.as_str().into(),
        leg.dialled.as_str().into(),
        leg.trunk.as_str().into(),
        code(&leg.kind).into(),
        leg.invited_at.0.into(),
        leg.rang_at.map(|at| at.0).into(),
        leg.answered_at.map(|at| at.0).into(),
        leg.ended_at.0.into(),
        code(&leg.outcome).into(),
        u32::from(leg.status).into(),
        leg.cost_ms.into(),
    ]);
    values.extend(quality_values(leg.quality.as_ref()));
    values
}

fn quality_values(quality: Option<&Quality>) -> [Value; 6] {
    let Some(quality) = quality else { return [const { Value::NoInt }; 6] };
    [
        quality.received.into(),
        quality.sent.into(),
        quality.lost.into(),
        quality.jitter_us.into(),
        u32::from(quality.mos_e2).into(),
        quality.strangers.into(),
    ]
}

/// Which calls are listed. `None` is no condition.
#[derive(Clone, Debug, Default)]
pub struct CallFilter {
    /// One enterprise's.
    pub tenant: Option<TenantId>,
    /// One number's.
    pub number: Option<HotlineNumber>,
    /// Begun at or after.
    pub since: Option<Wall>,
    /// Begun before.
    pub until: Option<Wall>,
    /// From this caller, in national form.
    pub caller: Option<String>,
    /// With this status.
    pub status: Option<AnswerStatus>,
    /// Older than this call: the last one of the page before.
    pub older_than: Option<CallId>,
    /// That walked this flow.
    pub flow: Option<String>,
    /// That walked this version of a flow.
    pub flow_version: Option<u32>,
}

/// One call in a list: the nine fields of row D01 in the seed's order, then what support asks for first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRow {
    /// 呼入号码区号
    pub area_code: String,
    /// 呼入号码地区: province and city; a municipality is named once.
    pub region: String,
    /// 呼入号码
    pub caller: String,
    /// 接听号码
    pub answered_by: String,
    /// 起始时间
    pub started_at: Wall,
    /// 接听状况
    pub status: AnswerStatus,
    /// 通话时长
    pub talk_ms: u64,
    /// 通话费用: the sale with its adjustments.
    pub fee_e4: Money,
    /// 录音
    pub recording: Option<RecordingId>,
    /// The call.
    pub call: CallId,
    /// The enterprise.
    pub tenant: TenantId,
    /// The 400 number.
    pub number: HotlineNumber,
    /// Why it ended.
    pub cause: Cause,
    /// What the carriers charge for it, with adjustments.
    pub cost_e4: Money,
    /// Mean opinion score × 100 of what we received from the caller, if there was RTP.
    pub mos_e2: Option<u16>,
}

const LIST: &str = "\
    select tenant_id, call_id, number, caller, province, city, area_code, answered_by, started_at, status, cause, \
        talk_ms, recording_id, mos_e2, \
        (select cast(coalesce(sum(amount_e4), 0) as bigint) from charge where charge.tenant_id = call.tenant_id \
            and charge.call_id = call.call_id and charge.kind = 'sale') as fee_e4, \
        (select cast(coalesce(sum(amount_e4), 0) as bigint) from charge where charge.tenant_id = call.tenant_id \
            and charge.call_id = call.call_id and charge.kind = 'cost') as cost_e4 \
    from call";

/// Ids are born with the call; its wall time may be stepped against them by less than this.
const BIRTH_SLACK_MS: i64 = 600_000;

impl CallFilter {
    /// The conditions and their values, in order.
    fn conditions(&self) -> (Vec<&'static str>, Vec<Value>) {
        let mut conditions = Vec::new();
        let mut values = Vec::new();
        let mut add = |condition: &'static str, value: Option<Value>| {
            if let Some(value) = value {
                conditions.push(condition);
                values.push(value);
            }
        };
        let born = |at: Wall| CallId::at(at.0, 0).to_string();
        add("tenant_id =", self.tenant.as_ref().map(|tenant| tenant.as_str().into()));
        add("number =", self.number.map(|number| number.to_string().into()));
        add("caller =", self.caller.as_deref().map(Value::from));
        add("status =", self.status.as_ref().map(|status| code(status).into()));
        add("started_at >=", self.since.map(|at| at.0.into()));
        add("started_at <", self.until.map(|at| at.0.into()));
        add("call_id >=", self.since.map(|at| born(Wall(at.0.saturating_sub(BIRTH_SLACK_MS))).into()));
        add("call_id <", self.until.map(|at| born(Wall(at.0.saturating_add(BIRTH_SLACK_MS))).into()));
        add("call_id <", self.older_than.map(|call| call.to_string().into()));
        add("flow =", self.flow.as_deref().map(Value::from));
        add("flow_version =", self.flow_version.map(Value::from));
        (conditions, values)
    }
}

/// A call with everything that is kept of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCall {
    /// The record with its legs.
    pub record: CallRecord,
    /// Its charges, adjustments included, by leg, kind and revision.
    pub charges: Vec<Charge>,
    /// The entries of these charges.
    pub entries: Vec<Entry>,
    /// Its log, as it was given.
    pub log: Vec<u8>,
    /// The node that settled it.
    pub node: String,
    /// Where its last fact ends in that node's journal.
    pub position: u64,
}

impl Store {
    /// A page of calls, the latest first; give the last one as `older_than` for the next page.
    pub async fn calls(&self, filter: &CallFilter, limit: u32) -> Result<Vec<CallRow>> {
        let (conditions, mut values) = filter.conditions();
        let mut sql = LIST.to_owned() + &only(&conditions);
        values.push(limit.into());
        sql += &format!(" order by call_id desc limit ${}", values.len());
        let rows = sqlx::query_with(AssertSqlSafe(sql), arguments(values)).fetch_all(self.readers()).await?;
        rows.iter().map(read_list_row).collect()
    }

    /// How many calls there are.
    pub async fn calls_count(&self, filter: &CallFilter) -> Result<u64> {
        let (conditions, values) = filter.conditions();
        let sql = "select count(*) as calls from call".to_owned() + &only(&conditions);
        let row = sqlx::query_with(AssertSqlSafe(sql), arguments(values)).fetch_one(self.readers()).await?;
        row.count("calls")
    }

    /// A page of the logs of calls, the earliest first, each as it was given; give the last one as `behind` for the next page.
    pub async fn call_logs(
        &self,
        filter: &CallFilter,
        behind: Option<CallId>,
        limit: u32,
    ) -> Result<Vec<(CallId, Vec<u8>)>> {
        let (mut conditions, mut values) = filter.conditions();
        if let Some(behind) = behind {
            conditions.push("call_id >");
            values.push(behind.to_string().into());
        }
        let mut sql = "select call_id, log from call".to_owned() + &only(&conditions);
        values.push(limit.into());
        sql += &format!(" order by call_id limit ${}", values.len());
        let rows = sqlx::query_with(AssertSqlSafe(sql), arguments(values)).fetch_all(self.readers()).await?;
        let read = |row: &AnyRow| {
            let packed = row.text("log")?;
            Ok((row.parsed("call_id")?, unpack(&packed).ok_or_else(|| unreadable("log", &packed))?))
        };
        rows.iter().map(read).collect()
    }

    /// Who was blocked at an enterprise's numbers, and how often: number, caller, calls. It reads the enterprise's
    /// records, so it is for a person who asks and not for a page that is often shown.
    pub async fn blocked_callers(&self, tenant: &TenantId) -> Result<Vec<(HotlineNumber, String, u64)>> {
        let sql = "select number, caller, count(*) as calls from call where tenant_id = $1 and cause = 'blocked' \
                   group by number, caller order by number, caller";
        let rows = sqlx::query(sql).bind(tenant.as_str().to_owned()).fetch_all(self.readers()).await?;
        rows.iter().map(|row| Ok((row.parsed("number")?, row.text("caller")?, row.count("calls")?))).collect()
    }

    /// One call by its id, whosever it is.
    pub async fn call(&self, call: CallId) -> Result<Option<StoredCall>> {
        let mut snapshot = self.snapshot().await?;
        let sql = "select tenant_id, call_id, number, version, trunk, caller, region_kind, province, city, \
                   area_code, carrier, region_source, answered_by, destination, started_at, answered_at, \
                   joined_at, ended_at, status, cause, ended_by, charging_from, post_dial_ms, talk_ms, sale_ms, \
                   forwards, recording_id, recording_cut, received, sent, lost, jitter_us, mos_e2, strangers, \
                   legs, node, position, log, password, priority, flow, flow_version, keys, queue, wait_ms, offers, agent, \
                   transfers, hold_ms, messages, pauses, rating, spills, callback, calls_back, consent \
                   from call where call_id = $1";
        let Some(row) = sqlx::query(sql).bind(call.to_string()).fetch_optional(&mut *snapshot).await? else {
            return Ok(None);
        };
        let tenant = TenantId::new(&row.text("tenant_id")?);
        let legs = legs_of(&mut snapshot, &tenant, call).await?;
        let results = results_of(&mut snapshot, &tenant, call).await?;
        let arms = arms_of(&mut snapshot, &tenant, call).await?;
        let packed = row.text("log")?;
        Ok(Some(StoredCall {
            record: CallRecord { results, arms, ..read_record(&row, tenant.clone(), call, legs)? },
            charges: charges_of(&mut snapshot, &tenant, call).await?,
            entries: entries_of(&mut snapshot, &tenant, call).await?,
            log: unpack(&packed).ok_or_else(|| unreadable("log", &packed))?,
            node: row.text("node")?,
            position: row.count("position")?,
        }))
    }
}

/// The conditions of a statement, each with the place of its value.
fn only(conditions: &[&str]) -> String {
    let written = conditions.iter().enumerate().map(|(place, condition)| {
        let word = if place == 0 { "where" } else { "and" };
        format!(" {word} {condition} ${}", place + 1)
    });
    written.collect()
}

/// Province and city as one word, 北京 and not 北京北京.
fn place(province: String, city: &str) -> String {
    if province == city { province } else { province + city }
}

fn read_list_row(row: &AnyRow) -> Result<CallRow> {
    Ok(CallRow {
        area_code: row.text("area_code")?,
        region: place(row.text("province")?, &row.text("city")?),
        caller: row.text("caller")?,
        answered_by: row.text("answered_by")?,
        started_at: Wall(row.int("started_at")?),
        status: row.coded("status")?,
        talk_ms: row.count("talk_ms")?,
        fee_e4: Money(row.int("fee_e4")?),
        recording: row.parsed_or_none("recording_id")?,
        call: row.parsed("call_id")?,
        tenant: TenantId::new(&row.text("tenant_id")?),
        number: row.parsed("number")?,
        cause: row.coded("cause")?,
        cost_e4: Money(row.int("cost_e4")?),
        mos_e2: row.count_or_none("mos_e2")?,
    })
}

fn read_record(row: &AnyRow, tenant: TenantId, call: CallId, legs: Vec<LegRecord>) -> Result<CallRecord> {
    Ok(CallRecord {
        call,
        tenant,
        number: row.parsed("number")?,
        version: row.count("version")?,
        trunk: row.text("trunk")?,
        caller: row.text("caller")?,
        region: read_region(row)?,
        answered_by: row.text("answered_by")?,
        destination: row.text("destination")?,
        started_at: Wall(row.int("started_at")?),
        answered_at: row.int_or_none("answered_at")?.map(Wall),
        joined_at: row.int_or_none("joined_at")?.map(Wall),
        ended_at: Wall(row.int("ended_at")?),
        status: row.coded("status")?,
        cause: row.coded("cause")?,
        ended_by: row.coded("ended_by")?,
        charging_from: row.coded("charging_from")?,
        post_dial_ms: row.count_or_none("post_dial_ms")?,
        talk_ms: row.count("talk_ms")?,
        sale_ms: row.count("sale_ms")?,
        forwards: row.count("forwards")?,
        password: row.text("password")?,
        priority: row.count("priority")?,
        flow: row.text("flow")?,
        flow_version: row.count("flow_version")?,
        keys: read_list(row, "keys")?,
        messages: read_list(row, "messages")?,
        pauses: read_list(row, "pauses")?,
        consent: row.coded_or_none("consent")?,
        queue: row.text("queue")?,
        wait_ms: row.count("wait_ms")?,
        offers: row.count("offers")?,
        agent: row.text("agent")?,
        transfers: row.count("transfers")?,
        hold_ms: row.count("hold_ms")?,
        rating: read_one(row, "rating")?,
        callback: read_one(row, "callback")?,
        calls_back: read_one(row, "calls_back")?,
        spills: read_list(row, "spills")?,
        arms: Vec::new(),
        results: Vec::new(),
        recording: row.parsed_or_none("recording_id")?,
        recording_cut: row.flag("recording_cut")?,
        quality: read_quality(row)?,
        legs,
    })
}

fn read_region(row: &AnyRow) -> Result<Region> {
    Ok(Region {
        kind: row.coded("region_kind")?,
        province: Arc::from(row.text("province")?),
        city: Arc::from(row.text("city")?),
        area_code: Arc::from(row.text("area_code")?),
        carrier: row.coded_or_none("carrier")?,
        source: row.coded("region_source")?,
    })
}

fn read_quality(row: &AnyRow) -> Result<Option<Quality>> {
    let Some(received) = row.count_or_none("received")? else { return Ok(None) };
    Ok(Some(Quality {
        received,
        sent: row.count("sent")?,
        lost: row.count("lost")?,
        jitter_us: row.count("jitter_us")?,
        mos_e2: row.count("mos_e2")?,
        strangers: row.count("strangers")?,
    }))
}

async fn legs_of(connection: &mut AnyConnection, tenant: &TenantId, call: CallId) -> Result<Vec<LegRecord>> {
    let sql = "select tenant_id, call_id, leg, destination, dialled, trunk, kind, invited_at, rang_at, \
               answered_at, ended_at, outcome, status, cost_ms, received, sent, lost, jitter_us, mos_e2, strangers \
               from leg where tenant_id = $1 and call_id = $2 order by leg";
    let query = sqlx::query(sql).bind(tenant.as_str().to_owned()).bind(call.to_string());
    query.fetch_all(connection).await?.iter().map(read_leg).collect()
}

fn read_leg(row: &AnyRow) -> Result<LegRecord> {
    Ok(LegRecord {
        leg: row.count("leg")?,
        destination: row.text("destination")?,
        dialled: row.text("dialled")?,
        trunk: row.text("trunk")?,
        kind: row.coded("kind")?,
        invited_at: Wall(row.int("invited_at")?),
        rang_at: row.int_or_none("rang_at")?.map(Wall),
        answered_at: row.int_or_none("answered_at")?.map(Wall),
        ended_at: Wall(row.int("ended_at")?),
        outcome: row.coded("outcome")?,
        status: row.count("status")?,
        cost_ms: row.count("cost_ms")?,
        quality: read_quality(row)?,
    })
}
