//! What came of calls, by the word of their agents (row Q09): what an agent may say of the call that it talks in or writes up, its
//! word, and what was said: each call, and how many of each code. Until when a word is taken is the floor's to say.

use hotline::cdr::ResultRecord;
use hotline::queue::{Order, Terms};
use hotline::results::ResultCode;
use hotline::{CallId, TenantId, Wall};
use serde::{Deserialize, Serialize};
use store::ResultFilter;

use super::agents;
use super::money::time;
use super::{Desk, Outcome, PAGE_MAX, Refusal};

/// The result of a call as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = CallResult)]
pub struct Shown {
    /// The agent's number.
    pub agent: String,
    /// The queue whose tree it is of.
    pub queue: String,
    /// Codes from the top of the tree down with `/` between them; empty if there is none.
    pub code: String,
    /// The names to them, as they were then.
    pub name: String,
    /// Who chose it; empty for what the queue has where nobody chose.
    pub given_by: String,
    /// When, Beijing time.
    pub given_at: String,
}

/// What an agent may say of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = CallResultTerms)]
pub struct Asked {
    /// Whether it may be said now: while the agent talks in the call or writes it up.
    pub open: bool,
    /// Whether after-work lasts until it is said, or its time is over.
    pub mandatory: bool,
    /// The tree; empty once it is too late.
    pub codes: Vec<Choice>,
    /// What was said, or stands where nothing was.
    pub result: Option<Shown>,
}

/// A result that can be chosen, or what several have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = CallResultChoice)]
pub struct Choice {
    /// Its code.
    pub code: String,
    /// What people call it.
    pub name: String,
    /// What it is divided into; empty for what can be chosen.
    #[schema(no_recursion)]
    pub codes: Vec<Choice>,
}

impl From<&ResultCode> for Choice {
    fn from(one: &ResultCode) -> Choice {
        let codes = one.codes.iter().map(Choice::from).collect();
        Choice { code: one.code.clone(), name: one.name.clone(), codes }
    }
}

impl From<ResultRecord> for Shown {
    fn from(kept: ResultRecord) -> Shown {
        let ResultRecord { agent, queue, code, name, by, at } = kept;
        Shown { agent, queue, code, name, given_by: by, given_at: time(at) }
    }
}

/// Whose word about which call is meant.
#[derive(Clone, Debug)]
pub struct Of {
    /// The enterprise.
    pub tenant: TenantId,
    /// The call.
    pub call: CallId,
    /// The agent's number.
    pub agent: String,
}

/// What an agent may say of a call, and what it said.
///
/// # Errors
/// Nothing is, or was, awaited of the agent about such a call.
pub async fn one(desk: &Desk, of: &Of) -> Outcome<Asked> {
    let (floor, _) = agents::look(desk, &of.tenant).await?;
    let terms = floor.result_terms(&of.agent).filter(|terms| terms.call == of.call);
    let kept = desk.store.results_of(&of.tenant, of.call).await?;
    let result = kept.into_iter().find(|kept| kept.agent == of.agent).map(Shown::from);
    let asked = |terms: Terms<'_>| Asked {
        open: true,
        mandatory: terms.results.mandatory,
        codes: terms.results.codes.iter().map(Choice::from).collect(),
        result: result.clone(),
    };
    match (terms, &result) {
        (Some(terms), _) => Ok(asked(terms)),
        (None, Some(_)) => Ok(Asked { open: false, mandatory: false, codes: Vec::new(), result }),
        (None, None) => Err(Refusal::not_found(
            format!("坐席 {} 没有待选处理结果的通话 {}", of.agent, of.call),
            format!("no result of the call {} is awaited of the agent {}", of.call, of.agent),
        )),
    }
}

/// Takes an agent's word on the call that it talks in or writes up, in the place of an earlier one. The database has it before the
/// agent is free for it.
///
/// # Errors
/// No result of such a call is awaited of the agent by now, or its queue has none of this code.
pub async fn put(desk: &Desk, of: &Of, code: &str, by: &str) -> Outcome<Asked> {
    let order = Order::Result { call: Some(of.call), code: code.into(), by: by.into() };
    let (mut floor, now) = agents::look(desk, &of.tenant).await?;
    let given = floor.obey(&of.agent, &order, now).map_err(|why| agents::refused(&of.agent, why))?;
    if let Some(given) = given {
        let change = desk.change(by);
        let result = ResultRecord {
            agent: of.agent.clone(),
            queue: given.queue.to_string(),
            code: given.chosen.code.to_string(),
            name: given.chosen.name.to_string(),
            by: by.to_owned(),
            at: change.at,
        };
        desk.store.put_result(&of.tenant, of.call, &result, &change).await?;
    }
    agents::obey(desk, &of.tenant, &of.agent, order, by).await?;
    one(desk, of).await
}

/// Which results are meant.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Filter {
    /// The enterprise.
    pub tenant: String,
    /// Of this agent.
    #[serde(default)]
    pub agent: Option<String>,
    /// Of this queue.
    #[serde(default)]
    pub queue: Option<String>,
    /// This code and those below it.
    #[serde(default)]
    pub code: Option<String>,
    /// Given at or after.
    #[serde(default)]
    pub since: Option<Wall>,
    /// Given before.
    #[serde(default)]
    pub until: Option<Wall>,
    /// Behind the result of this call and agent: the next page.
    #[serde(default)]
    pub behind: Option<(CallId, String)>,
    /// At most.
    #[serde(default)]
    pub limit: u32,
}

/// The result of one call.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ResultListed)]
pub struct Listed {
    /// The call.
    #[schema(value_type = String)]
    pub call: CallId,
    /// The 400 number; empty until the call is over.
    pub number: String,
    /// Its caller; empty when withheld.
    pub caller: String,
    /// What came of it.
    #[serde(flatten)]
    pub result: Shown,
}

/// How often one result stands in one queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ResultSummed)]
pub struct Summed {
    /// The queue.
    pub queue: String,
    /// The code; empty where nobody chose one.
    pub code: String,
    /// What it was called last.
    pub name: String,
    /// Calls.
    pub calls: u64,
    /// Those of them for which nobody chose it.
    pub by_default: u64,
    /// Calls in a thousand of the queue's.
    pub per_mille: u64,
}

fn filter(asked: &Filter) -> ResultFilter {
    ResultFilter {
        agent: asked.agent.clone(),
        queue: asked.queue.clone(),
        code: asked.code.clone(),
        since: asked.since,
        until: asked.until,
        behind: asked.behind.clone(),
    }
}

/// Lists a page of results, the latest call first.
///
/// # Errors
/// There is no such enterprise, or those of the database.
pub async fn list(desk: &Desk, asked: &Filter) -> Outcome<Vec<Listed>> {
    let tenant = TenantId::new(&asked.tenant);
    desk.enterprise(&tenant).await?;
    let found = desk.store.results(&tenant, &filter(asked), asked.limit.min(PAGE_MAX)).await?;
    let listed = found.into_iter().map(|one| Listed {
        call: one.call,
        number: one.number,
        caller: one.caller,
        result: one.result.into(),
    });
    Ok(listed.collect())
}

/// Counts results by queue and code.
///
/// # Errors
/// As for [`list`].
pub async fn sums(desk: &Desk, asked: &Filter) -> Outcome<Vec<Summed>> {
    let tenant = TenantId::new(&asked.tenant);
    desk.enterprise(&tenant).await?;
    Ok(shares(desk.store.result_sums(&tenant, &filter(asked)).await?))
}

fn shares(sums: Vec<store::ResultSum>) -> Vec<Summed> {
    let of_queue = |queue: &str| sums.iter().filter(|sum| sum.queue == queue).map(|sum| sum.calls).sum();
    let share = |sum: &store::ResultSum| {
        let whole: u64 = of_queue(&sum.queue);
        let per_mille = if whole == 0 { 0 } else { (sum.calls * 2_000 + whole) / (whole * 2) };
        Summed {
            queue: sum.queue.clone(),
            code: sum.code.clone(),
            name: sum.name.clone(),
            calls: sum.calls,
            by_default: sum.by_default,
            per_mille,
        }
    };
    sums.iter().map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q09_shares_are_of_the_queue_and_rounded() {
        let sum = |queue: &str, code: &str, calls| store::ResultSum {
            queue: queue.into(),
            code: code.into(),
            name: String::new(),
            calls,
            by_default: 0,
        };
        let shares = shares(vec![sum("a", "x", 1), sum("a", "y", 2), sum("b", "x", 5)]);
        assert_eq!(shares.iter().map(|one| one.per_mille).collect::<Vec<_>>(), [333, 667, 1_000]);
    }
}
