//! What agents did in a span of time, or in each day or hour of it (rows Q10, Q25): time logged in by states, rests by reason, and
//! what became of the calls that rang.

use std::collections::{BTreeMap, BTreeSet};

use hotline::TenantId;
use hotline::Wall;
use hotline::agent::{Sums, Worked};
use serde::{Deserialize, Serialize};
use store::ChangeFilter;

use super::money::time;
use super::service::{Each, Span};
use super::turns::turn;
use super::{Desk, Outcome, Refusal};

/// What is asked.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Asked {
    /// The enterprise.
    pub tenant: String,
    /// Of this agent, by number.
    #[serde(default)]
    pub agent: Option<String>,
    /// From when on; from the midnight in Beijing that began today unless said.
    #[serde(default)]
    pub since: Option<Wall>,
    /// Until when; until now unless said. What is still to come is not counted.
    #[serde(default)]
    pub until: Option<Wall>,
    /// Each part of it by itself.
    #[serde(default)]
    pub each: Option<Each>,
    /// Agents behind this number: where the page before ended.
    #[serde(default)]
    pub behind: Option<String>,
    /// Agents of a page; [`AGENTS_MAX`] at most.
    pub limit: u32,
}

/// A page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = AgentReport)]
pub struct Page {
    /// By agent and time; an agent without a change and without time in a part is not there.
    pub agents: Vec<AgentWork>,
    /// Give it as `behind` for the next page; none with the last.
    pub next: Option<String>,
}

/// What an agent did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AgentWork {
    /// Its number.
    pub agent: String,
    /// Its name in the document; empty for whom it names no more.
    pub name: String,
    /// When it begins, Beijing time.
    pub from: String,
    /// When it is over.
    pub to: String,
    /// Logged in, milliseconds: the sum of the states below.
    pub logged_in_ms: u64,
    /// Waited for calls.
    pub free_ms: u64,
    /// Was rung.
    pub ringing_ms: u64,
    /// In calls.
    pub talking_ms: u64,
    /// Wrote up calls.
    pub after_work_ms: u64,
    /// Rested.
    pub rest_ms: u64,
    /// Its rests by reason.
    pub rests: Vec<RestOf>,
    /// How often it logged in.
    pub logins: u64,
    /// Calls that rang.
    pub rung: u64,
    /// Answered.
    pub answered: u64,
    /// Rang for their time (row Q25).
    pub missed: u64,
    /// Rejected, or the phone was busy.
    pub rejected: u64,
}

/// Rests of one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RestOf {
    /// The reason: the agent's own words, `no_answer` or `unreachable`.
    pub reason: String,
    /// Together, milliseconds.
    pub ms: u64,
}

/// The most agents of a page.
pub const AGENTS_MAX: u32 = 100;
/// Changes that are read at a time.
const CHANGES: u32 = 5_000;

/// What agents did, a page of them.
///
/// # Errors
/// There is no such enterprise or agent, or the span is none.
pub async fn report(desk: &Desk, asked: &Asked) -> Outcome<Page> {
    let now = crate::clock::wall();
    let mut span = Span::of(asked.since, asked.until, asked.each, now)?;
    span.until = span.until.min(now).max(span.since);
    let tenant = TenantId::new(&asked.tenant);
    let document = desk.enterprise(&tenant).await?.enterprise;
    let _turn = turn(&tenant).await;
    let names: BTreeMap<&str, &str> =
        document.agents.iter().map(|agent| (agent.number.as_str(), agent.name.as_str())).collect();
    let limit = asked.limit.clamp(1, AGENTS_MAX);
    let behind = asked.behind.as_deref().unwrap_or_default();
    let mut numbers: BTreeSet<String> = match &asked.agent {
        Some(agent) => [agent.clone()].into(),
        None => {
            let known = desk.store.agents_with_changes(&tenant, behind, limit + 1).await?;
            let named = names.keys().filter(|number| **number > behind).map(|number| (*number).to_owned());
            known.into_iter().chain(named).collect()
        }
    };
    let is_last = numbers.len() <= limit as usize;
    while numbers.len() > limit as usize {
        numbers.pop_last();
    }
    let mut page = Page { agents: Vec::new(), next: numbers.last().filter(|_| !is_last).cloned() };
    for number in numbers {
        let name = names.get(number.as_str()).copied();
        let (is_known, parts) = sums(desk, &tenant, &number, &span).await?;
        if asked.agent.is_some() && !is_known && name.is_none() {
            let (zh, en) = (format!("没有坐席 {number}"), format!("there is no agent {number}"));
            return Err(Refusal::not_found(zh, en));
        }
        let there = parts.into_iter().filter(|(_, worked)| *worked != Worked::default());
        page.agents
            .extend(there.map(|(times, worked)| told(&number, name.unwrap_or_default(), times, worked)));
    }
    Ok(page)
}

type Part = ((Wall, Wall), Worked);

/// The parts of an agent's span, and whether anything is known of it.
async fn sums(desk: &Desk, tenant: &TenantId, number: &str, span: &Span) -> Outcome<(bool, Vec<Part>)> {
    let before = desk.store.agent_change_before(tenant, number, span.since).await?;
    let mut is_known = before.is_some();
    let bounds = span.bounds();
    let mut sums = Sums::new(bounds.clone(), before.map(|row| row.change));
    let mut filter = ChangeFilter {
        agent: Some(number.to_owned()),
        since: Some(span.since),
        until: Some(span.until),
        behind: None,
    };
    loop {
        let page = desk.store.agent_changes(tenant, &filter, CHANGES).await?;
        let Some(last) = page.last() else { break };
        is_known = true;
        filter.behind = Some((last.change.at, number.to_owned(), last.change.number));
        page.iter().for_each(|row| sums.add(&row.change));
    }
    let spans = bounds.windows(2).map(|pair| (pair[0], pair[1]));
    Ok((is_known, spans.zip(sums.end()).collect()))
}

fn told(number: &str, name: &str, (from, to): (Wall, Wall), worked: Worked) -> AgentWork {
    let Worked { times, rests, logins, rung, answered, missed, rejected } = worked;
    AgentWork {
        agent: number.to_owned(),
        name: name.to_owned(),
        from: time(from),
        to: time(to),
        logged_in_ms: times.sum(),
        free_ms: times.free,
        ringing_ms: times.ringing,
        talking_ms: times.talking,
        after_work_ms: times.after_work,
        rest_ms: times.rest,
        rests: rests.into_iter().map(|(reason, ms)| RestOf { reason: reason.into(), ms }).collect(),
        logins,
        rung,
        answered,
        missed,
        rejected,
    }
}
