//! `sibai result`: what came of calls by the word of their agents (row Q09).

use clap::{Args, Subcommand};

use super::pages::{call, pages};
use super::{Context, Need, Ran};
use crate::ops::results::{Filter, Listed, Summed};
use crate::ops::{Outcome, Request};

/// The words of `result`.
#[derive(Subcommand)]
pub enum Outcomes {
    /// 每个通话的处理结果 / the result of each call
    #[command(
        after_help = "例 / examples:\n  sibai result list huaxin --agent 8001\n  sibai result list huaxin --code complaint --since 2026-10-01 --limit 1000"
    )]
    List {
        #[command(flatten)]
        which: Which,
        /// 最多几条 / at most
        #[arg(long, default_value_t = 20)]
        limit: u32,
        /// 早于此通话，用于翻页 / older than this call: the next page
        #[arg(long, value_name = "CALL")]
        older_than: Option<String>,
    },
    /// 各队列各结果的通话数和占比 / calls of each result by queue, and their share
    #[command(after_help = "例 / example: sibai result report huaxin --since 2026-10-01 --until 2026-11-01")]
    Report(Which),
}

/// Which results.
#[derive(Args)]
pub struct Which {
    /// 企业 / the enterprise
    tenant: String,
    /// 坐席工号 / of this agent
    #[arg(long)]
    agent: Option<String>,
    /// 队列 / of this queue
    #[arg(long)]
    queue: Option<String>,
    /// 此代码及其下级 / this code and those below it
    #[arg(long)]
    code: Option<String>,
    /// 从何时起 / given at or after
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// 到何时止 / given before
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

/// `sibai result …`
pub fn run(context: &Context, words: &Outcomes) -> Ran {
    match words {
        Outcomes::List { which, limit, older_than } => {
            let found = listed(context, which, *limit, older_than.as_deref())?;
            context.show(&found, |found| table(context, found))?;
        }
        Outcomes::Report(which) => {
            let sums: Vec<Summed> = context.ask(Need::Data, &Request::ResultSums(filter(context, which)?))?;
            context.show(&sums, |sums| report(context, sums))?;
        }
    }
    Ok(0)
}

fn filter(context: &Context, which: &Which) -> Outcome<Filter> {
    let instant = |text: &Option<String>| text.as_deref().map(|text| context.instant(text)).transpose();
    let (since, until) = (instant(&which.since)?, instant(&which.until)?);
    let (tenant, agent) = (which.tenant.clone(), which.agent.clone());
    let (queue, code) = (which.queue.clone(), which.code.clone());
    Ok(Filter { tenant, agent, queue, code, since, until, behind: None, limit: 0 })
}

fn listed(context: &Context, which: &Which, limit: u32, older_than: Option<&str>) -> Outcome<Vec<Listed>> {
    let first = filter(context, which)?;
    // No number of an agent stands behind this one: whatever else the call has is passed over.
    let older = older_than.map(call).transpose()?.map(|call| (call, "~".to_owned()));
    pages(context, limit.into(), |limit, last: Option<&Listed>| {
        let behind = last.map(|last| (last.call, last.result.agent.clone())).or_else(|| older.clone());
        Request::Results(Filter { behind, limit, ..first.clone() })
    })
}

/// What a result is called, with its code.
fn called(context: &Context, code: &str, name: &str) -> String {
    if code.is_empty() { context.pick("未选", "none").to_owned() } else { format!("{name} ({code})") }
}

fn table(context: &Context, found: &[Listed]) {
    let row = |one: &Listed| {
        let result = &one.result;
        let by =
            if result.given_by.is_empty() { context.pick("默认", "default") } else { &result.given_by };
        vec![
            result.given_at.clone(),
            one.number.clone(),
            one.caller.clone(),
            result.queue.clone(),
            result.agent.clone(),
            called(context, &result.code, &result.name),
            by.to_owned(),
            one.call.to_string(),
        ]
    };
    let head = [
        ("时间", "at"),
        ("号码", "number"),
        ("主叫", "caller"),
        ("队列", "queue"),
        ("坐席", "agent"),
        ("处理结果", "result"),
        ("选择人", "by"),
        ("通话", "call"),
    ];
    context.table(&head, &found.iter().map(row).collect::<Vec<_>>());
    if found.is_empty() {
        context.say("没有处理结果", "no results");
    }
}

fn report(context: &Context, sums: &[Summed]) {
    let row = |one: &Summed| {
        vec![
            one.queue.clone(),
            called(context, &one.code, &one.name),
            one.calls.to_string(),
            format!("{}.{}%", one.per_mille / 10, one.per_mille % 10),
            one.by_default.to_string(),
        ]
    };
    let head = [
        ("队列", "queue"),
        ("处理结果", "result"),
        ("通话", "calls"),
        ("占比", "share"),
        ("其中默认", "by default"),
    ];
    context.table(&head, &sums.iter().map(row).collect::<Vec<_>>());
    if sums.is_empty() {
        context.say("没有处理结果", "no results");
    }
}
