//! Calls as people look at them: a list by page, and one call with everything that is kept of it.

use hotline::call::Dated;
use hotline::cdr::{AnswerStatus, CallRecord, Cause};
use hotline::ledger::Entry;
use hotline::rating::Charge;
use hotline::{CallId, HotlineNumber, Money, RecordingId, TenantId, Wall, cdr, settlement};
use serde::{Deserialize, Serialize};
use store::{CallFilter, CallRow};

use super::money::time;
use super::notes::{self, Note};
use super::{Desk, Outcome, PAGE_MAX, Refusal};
use crate::traces;

/// Which calls of an enterprise, or of all, are meant: what every request about a page of calls asks alike.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// One number's.
    #[serde(default)]
    pub number: Option<HotlineNumber>,
    /// Begun at or after.
    #[serde(default)]
    pub since: Option<Wall>,
    /// Begun before.
    #[serde(default)]
    pub until: Option<Wall>,
    /// Older than this call: where the page before ended.
    #[serde(default)]
    pub older_than: Option<CallId>,
}

impl Range {
    /// The same as the database is asked.
    pub fn filter(&self, tenant: Option<TenantId>) -> CallFilter {
        let Range { number, since, until, older_than } = *self;
        CallFilter { tenant, number, since, until, older_than, ..CallFilter::default() }
    }
}

/// List calls, the latest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct List {
    /// One enterprise's.
    #[serde(default)]
    pub tenant: Option<TenantId>,
    /// Which of its calls.
    #[serde(flatten)]
    pub range: Range,
    /// From this caller, in national form.
    #[serde(default)]
    pub caller: Option<String>,
    /// With this status.
    #[serde(default)]
    pub status: Option<AnswerStatus>,
    /// At most.
    pub limit: u32,
}

/// One call in a list: the nine fields of row D01 in the seed's order, then what support asks for first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Row {
    /// 呼入号码区号
    pub area_code: String,
    /// 呼入号码地区
    pub region: String,
    /// 呼入号码
    pub caller: String,
    /// 接听号码
    pub answered_by: String,
    /// 起始时间, Beijing time to the second.
    pub started_at: String,
    /// 接听状况
    #[schema(value_type = String)]
    pub status: AnswerStatus,
    /// 通话时长, milliseconds.
    pub talk_ms: u64,
    /// 通话费用
    #[schema(value_type = String)]
    pub fee: Money,
    /// 录音
    #[schema(value_type = Option<String>)]
    pub recording: Option<RecordingId>,
    /// The call.
    #[schema(value_type = String)]
    pub call: CallId,
    /// The enterprise.
    #[schema(value_type = String)]
    pub tenant: TenantId,
    /// The 400 number.
    #[schema(value_type = String)]
    pub number: HotlineNumber,
    /// Why it ended.
    #[schema(value_type = String)]
    pub cause: Cause,
    /// What the carriers charge.
    #[schema(value_type = String)]
    pub cost: Money,
    /// Mean opinion score × 100 of what we received from the caller.
    pub mos_e2: Option<u16>,
}

/// Lists a page of calls.
///
/// # Errors
/// Those of the database.
pub async fn list(desk: &Desk, asked: &List) -> Outcome<Vec<Row>> {
    let range = asked.range.filter(asked.tenant.clone());
    let filter = CallFilter { caller: asked.caller.clone(), status: asked.status, ..range };
    let rows = desk.store.calls(&filter, asked.limit.min(PAGE_MAX)).await?;
    Ok(rows.into_iter().map(row).collect())
}

fn row(row: CallRow) -> Row {
    Row {
        area_code: row.area_code,
        region: row.region,
        caller: row.caller,
        answered_by: row.answered_by,
        started_at: time(row.started_at),
        status: row.status,
        talk_ms: row.talk_ms,
        fee: row.fee_e4,
        recording: row.recording,
        call: row.call,
        tenant: row.tenant,
        number: row.number,
        cause: row.cause,
        cost: row.cost_e4,
        mos_e2: row.mos_e2,
    }
}

/// List emergency calls of phones, the latest first (row K24).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Helps {
    /// One enterprise's.
    #[serde(default)]
    pub tenant: Option<TenantId>,
    /// At most.
    pub limit: u32,
}

/// One emergency call of a phone. Nobody is charged for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelpRow {
    /// Always `emergency`.
    pub kind: String,
    /// The phone's number in `extensions`.
    pub extension: String,
    /// The emergency number.
    pub dialled: String,
    /// The trunk it left by.
    pub trunk: String,
    /// Beijing time to the second.
    pub started_at: String,
    /// How it stands.
    pub standing: HelpStanding,
    /// From the answer to the end, milliseconds; `None` unless both were.
    pub talk_ms: Option<u64>,
    /// The call.
    pub call: CallId,
    /// The enterprise.
    pub tenant: TenantId,
}

/// How an emergency call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HelpStanding {
    /// It left and nothing more is known: it is up, or its node died.
    Left,
    /// Somebody answered; it is up, or its node died.
    Talking,
    /// Somebody answered, and it is over.
    Answered,
    /// The phone gave up before an answer.
    Abandoned,
    /// No trunk took it; the phone was told.
    Failed,
}

/// Lists emergency calls.
///
/// # Errors
/// Those of the database.
pub async fn helps(desk: &Desk, asked: &Helps) -> Outcome<Vec<HelpRow>> {
    let rows = desk.store.help_calls(asked.tenant.as_ref(), asked.limit.min(PAGE_MAX)).await?;
    Ok(rows.into_iter().map(help_row).collect())
}

fn help_row(row: store::HelpCall) -> HelpRow {
    let standing = match (row.failed, row.answered_at, row.ended_at) {
        (true, ..) => HelpStanding::Failed,
        (false, Some(_), Some(_)) => HelpStanding::Answered,
        (false, Some(_), None) => HelpStanding::Talking,
        (false, None, Some(_)) => HelpStanding::Abandoned,
        (false, None, None) => HelpStanding::Left,
    };
    let talk_ms = row.answered_at.zip(row.ended_at).map(|(from, to)| (to.0 - from.0).max(0).unsigned_abs());
    HelpRow {
        kind: "emergency".to_owned(),
        extension: row.extension,
        dialled: row.dialled,
        trunk: row.trunk,
        started_at: time(row.began_at),
        standing,
        talk_ms,
        call: row.call,
        tenant: row.tenant,
    }
}

/// One call with everything that is kept of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct One {
    /// The call.
    pub call: CallId,
}

/// A call whole.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Whole {
    /// The record with its legs.
    pub record: CallRecord,
    /// Its facts in order.
    pub facts: Vec<Dated>,
    /// Wall time less the node's monotonic time of the facts.
    pub wall_offset_ms: i64,
    /// Its charges, adjustments included.
    pub charges: Vec<Priced>,
    /// The entries of these charges.
    pub entries: Vec<Entry>,
    /// The recording's file.
    pub recording: Option<RecordingFile>,
    /// What agents wrote about it.
    pub notes: Vec<Note>,
    /// The SIP messages, while they are kept.
    pub messages: Vec<Message>,
    /// The node that settled it.
    pub node: String,
    /// Where its last fact ends in that node's journal.
    pub journal_position: u64,
}

/// A charge with its sum on paper.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Priced {
    /// The charge.
    #[serde(flatten)]
    pub charge: Charge,
    /// The fee as of this revision.
    pub fee: Money,
    /// The sum, line by line.
    pub steps: Vec<String>,
}

/// A recording's file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecordingFile {
    /// The recording.
    pub recording: RecordingId,
    /// The file.
    pub path: String,
    /// How long it plays.
    pub duration_ms: u64,
    /// Its size.
    pub bytes: u64,
    /// Whether it stopped before the talk did.
    pub interrupted: bool,
    /// When it may be deleted, Beijing time.
    pub kept_until: String,
}

/// One SIP message.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Message {
    /// When.
    pub at: Wall,
    /// Which way.
    pub direction: Direction,
    /// The message, secrets masked.
    pub text: String,
}

/// Which way a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// To us.
    In,
    /// From us.
    Out,
}

impl Priced {
    /// A charge with its sum.
    pub fn of(charge: Charge) -> Priced {
        Priced { fee: charge.fee_e4(), steps: charge.steps(), charge }
    }
}

/// Reads one call.
///
/// # Errors
/// It is not there.
pub async fn one(desk: &Desk, asked: &One) -> Outcome<Whole> {
    let call = asked.call;
    let Some(stored) = desk.store.call(call).await? else {
        return Err(Refusal::not_found(
            format!("没有通话 {call}；正在进行的通话结束后才有记录"),
            format!("there is no call {call}; a call that is up has its record when it is over"),
        ));
    };
    let facts = settlement::read_log(&stored.log).unwrap_or_default();
    let wall_offset_ms = cdr::fold(call, &facts).map_or(0, |folded| folded.arrived.wall_offset_ms);
    let recording = match stored.record.recording {
        Some(id) => desk.store.recording(id).await?,
        None => None,
    };
    let recording = recording.map(|row| RecordingFile {
        recording: row.recording,
        path: desk.recordings.dir.join(&row.path).display().to_string(),
        duration_ms: row.duration_ms,
        bytes: row.bytes,
        interrupted: row.interrupted,
        kept_until: time(row.retention_until),
    });
    let notes = notes::of_call(desk, &stored.record.tenant, call).await?;
    let messages = messages(desk, call, stored.record.ended_at).await?;
    Ok(Whole {
        record: stored.record,
        facts,
        wall_offset_ms,
        charges: stored.charges.into_iter().map(Priced::of).collect(),
        entries: stored.entries,
        recording,
        notes,
        messages,
        node: stored.node,
        journal_position: stored.position,
    })
}

/// The messages of a call: the running process is asked, for it alone knows what is not on the disk yet.
async fn messages(desk: &Desk, call: CallId, ended_at: Wall) -> Outcome<Vec<Message>> {
    let dir = desk.data.join("traces");
    let read = match &desk.live {
        Some(live) => match live.traces() {
            Some(door) => door.read(call, Some(ended_at)).await,
            None => Ok(Vec::new()),
        },
        None if !dir.exists() => Ok(Vec::new()),
        None => traces::read_offline(&dir, call, Some(ended_at)),
    };
    let found = read.map_err(|error| Refusal::file(&dir, error))?;
    Ok(found.into_iter().map(message).collect())
}

fn message(traced: traces::Message) -> Message {
    Message {
        at: Wall(i64::try_from(traced.at_ms).unwrap_or(i64::MAX)),
        direction: match traced.direction {
            traces::Direction::In => Direction::In,
            traces::Direction::Out => Direction::Out,
        },
        text: String::from_utf8_lossy(&traced.bytes).into_owned(),
    }
}
