//! The funnel of a flow (row I14), as people look at it: the calls of a period that walked it, read from their logs page by page
//! beside everything else.

use hotline::call::Dated;
use hotline::cdr::{ArmOutcome, fold};
use hotline::funnel::{Funnel, StepFunnel, Walk};
use hotline::{CallId, HotlineNumber, TenantId, Wall, settlement};
use serde::{Deserialize, Serialize};
use store::CallFilter;
use utoipa::ToSchema;

use super::money::time;
use super::turns::turn;
use super::{Desk, Outcome, Refusal, beside, check_instant, flows};

/// More calls than this are told to come in shorter periods.
const CALLS_MAX: u64 = 100_000;
/// Calls read at once.
const PAGE: u32 = 500;
/// So long a period is looked at unless it is said.
const USUAL_MS: i64 = 30 * 86_400_000;

/// Which calls are counted.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Asked {
    /// The enterprise.
    pub tenant: String,
    /// The flow that they walked.
    pub flow: String,
    /// This version of it alone.
    #[serde(default)]
    pub version: Option<u32>,
    /// Those of this 400 number alone.
    #[serde(default)]
    pub number: Option<HotlineNumber>,
    /// Begun at or after; 30 days before the end unless said.
    #[serde(default)]
    pub since: Option<Wall>,
    /// Begun before; until now unless said.
    #[serde(default)]
    pub until: Option<Wall>,
}

/// What calls did in a flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = FlowFunnel)]
pub struct Funnelled {
    /// Begun at or after, Beijing time.
    pub from: String,
    /// Begun before.
    pub to: String,
    /// Calls that walked the flow and are over.
    pub calls: u64,
    /// Those of them that came to none of its steps: they ended in what stands before it, such as a number's password.
    pub before: u64,
    /// Calls that are not counted since their logs are of another form.
    pub unread: u64,
    /// The steps that calls came to, the most frequented first.
    pub steps: Vec<Step>,
}

/// What calls did at one step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = FlowFunnelStep)]
pub struct Step {
    /// Its id; of a sub-flow's `flow/step`.
    pub step: String,
    /// Calls that came to it, each once.
    pub calls: u64,
    /// In a thousand of all calls.
    pub per_mille: u64,
    /// Times that a call came to it. Each of these went on or was the last of its call.
    pub visits: u64,
    /// Where they went on, the most frequent first.
    pub exits: Vec<Exit>,
    /// How calls left that came no further.
    pub left: Vec<Left>,
    /// Which keys were pressed there, by the key.
    pub keys: Vec<Key>,
    /// Times that several keys were pressed, as for an extension's number.
    pub numbers: u64,
    /// Times that no key came in time.
    pub silent: u64,
}

/// A way on from a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = FlowFunnelExit)]
pub struct Exit {
    /// The step that follows.
    pub step: String,
    /// Times.
    pub visits: u64,
}

/// Calls that came no further than a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = FlowFunnelLeft)]
pub struct Left {
    /// What came of them: `reached`, `self_service`, `hung_up`, `abandoned`, `gave_up`, `left_word`, `other`.
    #[schema(value_type = String)]
    pub outcome: ArmOutcome,
    /// How many.
    pub calls: u64,
}

/// A key of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = FlowFunnelKey)]
pub struct Key {
    /// The key.
    pub key: String,
    /// Times that it was pressed.
    pub times: u64,
}

/// Counts the calls of a period.
///
/// # Errors
/// There is no such enterprise or flow, an instant is none, the calls are too many, or those of the database.
pub async fn funnel(desk: &Desk, asked: &Asked) -> Outcome<Funnelled> {
    let tenant = TenantId::new(&asked.tenant);
    desk.enterprise(&tenant).await?;
    flows::published(desk, &tenant, &asked.flow).await?;
    let _turn = turn(&tenant).await;
    let until = asked.until.unwrap_or_else(|| desk.change("").at);
    let since = asked.since.unwrap_or(Wall(until.0.saturating_sub(USUAL_MS).max(0)));
    check_instant("since", since)?;
    check_instant("until", until)?;
    let filter = CallFilter {
        tenant: Some(tenant),
        number: asked.number,
        since: Some(since),
        until: Some(until),
        flow: Some(asked.flow.clone()),
        flow_version: asked.version,
        ..CallFilter::default()
    };
    let calls = desk.store.calls_count(&filter).await?;
    if calls > CALLS_MAX {
        return Err(Refusal::invalid(
            format!("这段时间有 {calls} 次来电，一次最多 {CALLS_MAX}，请缩短时间"),
            format!(
                "the period has {calls} calls, and at most {CALLS_MAX} are read at once: name a shorter one"
            ),
        ));
    }
    let (mut funnel, mut unread, mut behind) = (Funnel::default(), 0, None);
    loop {
        let page = desk.store.call_logs(&filter, behind, PAGE).await?;
        let Some((last, _)) = page.last() else { break };
        behind = Some(*last);
        (funnel, unread) = beside(move || count(funnel, unread, &page)).await?;
    }
    Ok(told(&funnel, unread, (since, until)))
}

fn count(mut funnel: Funnel, mut unread: u64, page: &[(CallId, Vec<u8>)]) -> (Funnel, u64) {
    for (call, log) in page {
        match settlement::read_log(log).and_then(|log| walk(*call, &log)) {
            Some(walk) => funnel.add(&walk),
            None => unread += 1,
        }
    }
    (funnel, unread)
}

fn walk(call: CallId, log: &[Dated]) -> Option<Walk> {
    Some(Walk::read(log, &fold(call, log)?.record))
}

fn told(funnel: &Funnel, unread: u64, (since, until): (Wall, Wall)) -> Funnelled {
    let mut steps: Vec<Step> =
        funnel.steps.iter().map(|(name, counted)| step(name, counted, funnel.calls)).collect();
    steps.sort_by_key(|step| std::cmp::Reverse(step.calls));
    Funnelled {
        from: time(since),
        to: time(until),
        calls: funnel.calls,
        before: funnel.before,
        unread,
        steps,
    }
}

fn step(name: &str, counted: &StepFunnel, calls: u64) -> Step {
    let exit = |(step, visits): (&String, &u64)| Exit { step: step.clone(), visits: *visits };
    let mut exits: Vec<Exit> = counted.exits.iter().map(exit).collect();
    exits.sort_by_key(|exit| std::cmp::Reverse(exit.visits));
    let left = counted.left.iter().map(|(outcome, calls)| Left { outcome: *outcome, calls: *calls });
    let keys = counted.keys.iter().map(|(key, times)| Key { key: key.to_string(), times: *times });
    Step {
        step: name.to_owned(),
        calls: counted.calls,
        per_mille: if calls == 0 { 0 } else { (counted.calls * 2_000 + calls) / (calls * 2) },
        visits: counted.visits,
        exits,
        left: left.collect(),
        keys: keys.collect(),
        numbers: counted.numbers,
        silent: counted.silent,
    }
}
