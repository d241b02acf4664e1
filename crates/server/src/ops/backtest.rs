//! The back-test of a flow (DESIGN, "a back-test replays last month's calls through a draft"): the calls of a period walk a
//! draft or a version, page by page beside everything else; what would be different is counted, with the calls behind each
//! figure. It changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hotline::backtest::{History, Kind, Left, Outcome as Decisions, Recorded, Replay, Replayed};
use hotline::call::Dated;
use hotline::enterprise::{Enterprise, FlowDocument, FlowHttp, FlowStepKind, Number, Then, compile_number};
use hotline::{CallId, Hotline, HotlineNumber, TenantId, Wall, settlement};
use serde::{Deserialize, Serialize};
use store::CallFilter;

use super::refusal::Problem;
use super::turns::turn;
use super::{Code, Desk, Outcome, PAGE_MAX, Refusal, beside, calendar, check_instant, flows, provider};

mod waits;

pub use waits::{QueueWaits, Wait, Waits, WaitsOf};

/// More calls than this are told to come in shorter periods.
const CALLS_MAX: u64 = 200_000;
/// Calls read and told at once.
const PAGE: u32 = 500;

/// Try a flow on the calls of a period.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Backtest {
    /// The enterprise.
    pub tenant: TenantId,
    /// The flow's name.
    pub name: String,
    /// A published version; the draft where none is named.
    #[serde(default)]
    pub version: Option<u32>,
    /// One number's calls, as if it walked the flow; those of every number that walks it unless said.
    #[serde(default)]
    pub number: Option<HotlineNumber>,
    /// Calls begun at or after.
    pub since: Wall,
    /// Calls begun before.
    pub until: Wall,
    /// Which calls are listed; none where nothing is said.
    #[serde(default)]
    pub list: Option<Wanted>,
    /// Listed at most.
    #[serde(default)]
    pub limit: u32,
    /// Listed behind this call: where the page before ended.
    #[serde(default)]
    pub behind: Option<CallId>,
}

/// Which calls are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// All that differ.
    Differ,
    /// Those that walk other steps.
    Path,
    /// Those that ring others, or in another order.
    Rung,
    /// Those that wait in other queues.
    Queue,
    /// Those that somebody else answers.
    AnsweredBy,
    /// Those that end for another cause.
    End,
    /// Those of which it is not known to the end what would become of them.
    Unknown,
    /// Those that wait in a queue, as it was or by the queue model.
    Waits,
    /// Those of them that the caller gives up.
    Abandons,
}

impl Wanted {
    fn takes(self, replayed: &Replayed, kinds: &[Kind]) -> bool {
        let has = |kind| kinds.contains(&kind);
        match self {
            Wanted::Differ => !kinds.is_empty(),
            Wanted::Path => has(Kind::Path),
            Wanted::Rung => has(Kind::Rung),
            Wanted::Queue => has(Kind::Queue),
            Wanted::AnsweredBy => has(Kind::AnsweredBy),
            Wanted::End => has(Kind::End),
            Wanted::Unknown => replayed.unknown.is_some(),
            // They are listed with the queue model's figures.
            Wanted::Waits | Wanted::Abandons => false,
        }
    }
}

/// How many calls a back-test would look at.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Planned {
    /// The numbers whose calls they are.
    pub numbers: Vec<HotlineNumber>,
    /// The calls.
    pub calls: u64,
}

/// What a back-test found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Backtested {
    /// The flow's name.
    pub name: String,
    /// Its version, 0 for the draft.
    pub version: u32,
    /// The numbers whose calls were told again.
    pub numbers: Vec<HotlineNumber>,
    /// From when, Beijing time.
    pub since: String,
    /// Until when, Beijing time.
    pub until: String,
    /// Calls of the period: those that were left, and the three that follow.
    pub calls: u64,
    /// Calls that no flow decides, or whose logs are not whole, by the reason.
    pub left: BTreeMap<String, u64>,
    /// Calls that would have gone the same way.
    pub same: u64,
    /// Calls that would have gone another way.
    pub differ: u64,
    /// Calls that would have gone the same way as far as that is known.
    pub open: u64,
    /// Differences by their kind; a call may have several.
    pub kinds: BTreeMap<String, u64>,
    /// Calls of which it is not known to the end what would become of them, by the reason; some of them differ before it.
    pub unknown: BTreeMap<String, u64>,
    /// Calls in which something was drawn from how phones took other calls.
    pub by_model: u64,
    /// The calls asked for, the earliest first.
    pub listed: Vec<Listed>,
    /// What waits in queues come to by the queue model; none where no call comes to a queue.
    pub waits: Option<Waits>,
}

/// One call with what was and what would be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Listed {
    /// The call.
    pub call: CallId,
    /// The number called.
    pub number: HotlineNumber,
    /// When, Beijing time.
    pub at: String,
    /// In what it differs.
    pub kinds: Vec<Kind>,
    /// What was.
    pub was: Decisions,
    /// What would be, as far as it is known.
    pub would: Decisions,
    /// Why it is not known to the end.
    pub unknown: Option<Unknown>,
    /// Whether something was drawn from how phones took other calls.
    pub by_model: bool,
}

/// Why it is not known to the end what would become of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unknown {
    /// The stable code.
    pub code: String,
    /// At which step, phone or queue.
    pub at: String,
}

/// What is to be tried.
struct Tried {
    flow: FlowDocument,
    hotlines: Vec<Arc<Hotline>>,
    /// The document with the flow in it, as it stands.
    whole: Enterprise,
    document: u32,
}

/// How many calls a back-test would look at.
///
/// # Errors
/// Those of [`backtest`].
pub async fn plan(desk: &Desk, asked: &Backtest) -> Outcome<Planned> {
    let tried = tried(desk, asked).await?;
    let mut calls = 0;
    for hotline in &tried.hotlines {
        calls += desk.store.calls_count(&filter(asked, hotline.number)).await?;
    }
    let numbers = tried.hotlines.iter().map(|hotline| hotline.number).collect();
    match calls {
        0 => Err(no_calls(asked)),
        calls if calls > CALLS_MAX => Err(Refusal::invalid(
            format!("这段时间有 {calls} 次来电，一次最多 {CALLS_MAX}，请缩短时间"),
            format!(
                "the period has {calls} calls, and at most {CALLS_MAX} are told again at once: name a shorter one"
            ),
        )),
        calls => Ok(Planned { numbers, calls }),
    }
}

/// Tells the calls of a period again by a draft or a version.
///
/// # Errors
/// There is no such flow, it is not right, no number walks it, or there are no calls, or too many.
pub async fn backtest(desk: &Desk, asked: &Backtest) -> Outcome<Backtested> {
    let planned = plan(desk, asked).await?;
    let _turn = turn(&asked.tenant).await;
    let tried = tried(desk, asked).await?;
    let tariffs = Arc::new(provider::plans(&desk.store).await?);
    let years = Arc::new(calendar::years(&desk.store).await?);
    let mut found = Backtested {
        name: asked.name.clone(),
        version: asked.version.unwrap_or(0),
        numbers: planned.numbers,
        since: asked.since.beijing().to_string(),
        until: asked.until.beijing().to_string(),
        ..Backtested::default()
    };
    let mut queues = waits::Queues::read(desk, asked, &tried).await?;
    for hotline in &tried.hotlines {
        let mut history = History::default();
        let mut behind = None;
        while let Some(page) = page(desk, asked, hotline, &mut behind).await? {
            history = beside(move || {
                page.iter().filter_map(|call| call.as_ref().ok()).for_each(|call| history.add(call));
                history
            })
            .await?;
        }
        let mut replay = Replay::new(hotline.clone(), Arc::new(history), tariffs.clone(), years.clone());
        let mut versions = BTreeSet::new();
        behind = None;
        while let Some(page) = page(desk, asked, hotline, &mut behind).await? {
            learn_versions(desk, asked, &tried.flow, &page, &mut versions, &mut replay).await?;
            let told;
            (replay, told) = beside(move || {
                let told: Vec<_> =
                    page.into_iter().map(|call| call.map(|call| tell(&mut replay, call))).collect();
                (replay, told)
            })
            .await?;
            for told in told {
                if let (Ok((_, replayed)), Some(queues)) = (&told, &mut queues) {
                    queues.take(replayed);
                }
                found.take(asked, hotline.number, told);
            }
        }
    }
    if let Some(queues) = queues {
        let asked = asked.clone();
        found.waits = beside(move || queues.waits(&asked)).await?;
    }
    Ok(found)
}

fn tell(replay: &mut Replay, call: Recorded) -> (Wall, Replayed) {
    (call.wall(), replay.replay(call))
}

fn filter(asked: &Backtest, number: HotlineNumber) -> CallFilter {
    CallFilter {
        tenant: Some(asked.tenant.clone()),
        number: Some(number),
        since: Some(asked.since),
        until: Some(asked.until),
        ..CallFilter::default()
    }
}

/// The next calls; none behind the last.
async fn page(
    desk: &Desk,
    asked: &Backtest,
    hotline: &Arc<Hotline>,
    behind: &mut Option<CallId>,
) -> Outcome<Option<Vec<Result<Recorded, Left>>>> {
    let logs = desk.store.call_logs(&filter(asked, hotline.number), *behind, PAGE).await?;
    let Some((last, _)) = logs.last() else { return Ok(None) };
    *behind = Some(*last);
    let hotline = hotline.clone();
    let read = move |(call, log): (CallId, Vec<u8>)| {
        let log: Vec<Dated> = settlement::read_log(&log).ok_or(Left::NotWhole)?;
        Recorded::read(call, log, &hotline)
    };
    beside(move || Some(logs.into_iter().map(read).collect())).await
}

/// Answers of servers outside count where they were asked the same: that is looked up once for each version.
async fn learn_versions(
    desk: &Desk,
    asked: &Backtest,
    flow: &FlowDocument,
    page: &[Result<Recorded, Left>],
    known: &mut BTreeSet<(Arc<str>, u32)>,
    replay: &mut Replay,
) -> Outcome<()> {
    let walked = page.iter().filter_map(|call| call.as_ref().ok()?.flow.clone());
    let new: BTreeSet<_> = walked.filter(|version| !known.contains(version)).collect();
    for (name, version) in new {
        let before = match *name == *flow.name {
            true => desk.store.flow_version(&asked.tenant, &name, version).await?,
            false => None,
        };
        replay.asks_otherwise(&name, version, asks_otherwise(before.as_ref(), flow));
        known.insert((name, version));
    }
    Ok(())
}

/// The steps that ask servers outside for something else than those of their names did.
fn asks_otherwise(before: Option<&FlowDocument>, flow: &FlowDocument) -> BTreeSet<String> {
    let asked = |http: &FlowHttp| {
        let taken: Vec<String> = http.take.iter().map(|(_, path)| path.clone()).collect();
        (http.method, http.url.clone(), http.headers.clone(), http.body.clone(), taken)
    };
    let step = |flow: &FlowDocument, id: &str| {
        flow.steps.iter().find(|step| step.id == id).and_then(|step| match &step.kind {
            FlowStepKind::Http(http) => Some(asked(http)),
            _ => None,
        })
    };
    let own = flow.steps.iter().filter(|one| step(flow, &one.id).is_some());
    let otherwise = own.filter(|one| before.and_then(|before| step(before, &one.id)) != step(flow, &one.id));
    otherwise.map(|one| one.id.clone()).collect()
}

impl Backtested {
    fn take(&mut self, asked: &Backtest, number: HotlineNumber, told: Result<(Wall, Replayed), Left>) {
        self.calls += 1;
        let (at, replayed) = match told {
            Ok(told) => told,
            Err(left) => return *self.left.entry(left.code().to_owned()).or_default() += 1,
        };
        let kinds = replayed.differs();
        let count = match (&replayed.unknown, kinds.is_empty()) {
            (_, false) => &mut self.differ,
            (Some(_), true) => &mut self.open,
            (None, true) => &mut self.same,
        };
        *count += 1;
        for kind in &kinds {
            *self.kinds.entry(kind.code().to_owned()).or_default() += 1;
        }
        if let Some(unknown) = &replayed.unknown {
            *self.unknown.entry(unknown.code().to_owned()).or_default() += 1;
        }
        self.by_model += u64::from(replayed.by_model);
        let is_wanted = asked.list.is_some_and(|wanted| wanted.takes(&replayed, &kinds));
        let is_behind = asked.behind.is_none_or(|behind| replayed.id > behind);
        if is_wanted && is_behind && self.listed.len() < asked.limit.min(PAGE_MAX) as usize {
            let Replayed { id: call, was, would, by_model, .. } = replayed;
            let unknown =
                replayed.unknown.map(|why| Unknown { code: why.code().into(), at: why.at().into() });
            let at = at.beijing().to_string();
            self.listed.push(Listed { call, number, at, kinds, was, would, unknown, by_model });
        }
    }
}

/// The flow that is to be tried, and the numbers as if they walked it, with nothing in front of it that is no flow's doing.
async fn tried(desk: &Desk, asked: &Backtest) -> Outcome<Tried> {
    check_instant("since", asked.since)?;
    check_instant("until", asked.until)?;
    let stored = desk.enterprise(&asked.tenant).await?;
    let of = flows::Of { tenant: asked.tenant.clone(), name: asked.name.clone(), version: asked.version };
    let flow = match flows::wanted(desk, &stored.enterprise, &of).await? {
        Ok(flow) => flow,
        Err(problems) => {
            let mut refusal = Refusal::new(
                Code::InvalidDocument,
                format!("流程“{}”有 {} 处问题，无法回测", asked.name, problems.len()),
                format!(
                    "the flow {:?} has {} problems; it cannot be back-tested",
                    asked.name,
                    problems.len()
                ),
            );
            refusal.problems = problems.iter().map(Problem::of).collect();
            return Err(refusal);
        }
    };
    let mut whole =
        Enterprise { limits: Default::default(), frozen: None, crisis: None, ..stored.enterprise.clone() };
    flows::put_in(&mut whole, flow.clone());
    let numbers = numbers(&whole, asked)?;
    let compiled = numbers.iter().map(|number| Arc::new(compile_number(&whole, number, stored.version)));
    let hotlines = compiled.collect();
    Ok(Tried { flow, hotlines, whole, document: stored.version })
}

fn numbers(enterprise: &Enterprise, asked: &Backtest) -> Outcome<Vec<Number>> {
    let walks = |number: &&Number| match asked.number {
        Some(wanted) => number.number == wanted,
        None => number.flow.as_deref() == Some(&*asked.name),
    };
    let as_if = |number: &Number| Number {
        enabled: true,
        limits: Default::default(),
        flow: Some(asked.name.clone()),
        rules: Vec::new(),
        otherwise: Then::HangUp { prompt: None },
        ..number.clone()
    };
    let found: Vec<Number> = enterprise.numbers.iter().filter(walks).map(as_if).collect();
    match (found.is_empty(), asked.number) {
        (false, _) => Ok(found),
        (true, Some(number)) => Err(flows::not_its_number(&asked.tenant, number)),
        (true, None) => Err(Refusal::not_found(
            format!("没有号码使用流程“{}”，请用 --number 指定一个号码", asked.name),
            format!("no number walks the flow {:?}: name one with --number", asked.name),
        )),
    }
}

fn no_calls(asked: &Backtest) -> Refusal {
    let (since, until) = (asked.since.beijing(), asked.until.beijing());
    Refusal::not_found(
        format!("{since} 至 {until} 没有来电"),
        format!("there are no calls from {since} to {until}"),
    )
}
