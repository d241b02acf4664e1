//! `sibai rating`: what callers said of talks (row Q07).

use clap::{Args, Subcommand};
use hotline::satisfaction::AskedBy;

use super::calls::range;
use super::pages::{call, pages};
use super::{Context, Need, Ran};
use crate::ops::ratings::{Asked, Listed, Summed};
use crate::ops::{Outcome, Request};

/// The words of `rating`.
#[derive(Subcommand)]
pub enum Rating {
    /// 每次询问和评分 / each call that was asked, with its score
    #[command(
        after_help = "例 / examples:\n  sibai rating list huaxin --agent 8001\n  sibai rating list huaxin --since 2026-10-01 --limit 1000"
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
    /// 各坐席和队列的应答率和平均分 / rate of answers and mean by agent and queue
    #[command(after_help = "例 / example: sibai rating report huaxin --since 2026-10-01 --until 2026-11-01")]
    Report(Which),
}

/// Which ratings.
#[derive(Args)]
pub struct Which {
    /// 企业 / the enterprise
    tenant: String,
    /// 400 号码 / of calls to this number
    #[arg(long)]
    number: Option<String>,
    /// 坐席工号 / of this agent
    #[arg(long)]
    agent: Option<String>,
    /// 队列 / of this queue
    #[arg(long)]
    queue: Option<String>,
    /// 从何时起 / asked at or after
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// 到何时止 / asked before
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

/// `sibai rating …`
pub fn run(context: &Context, words: &Rating) -> Ran {
    match words {
        Rating::List { which, limit, older_than } => {
            let found = listed(context, which, *limit, older_than.as_deref())?;
            context.show(&found, |found| table(context, found))?;
        }
        Rating::Report(which) => {
            let sums: Vec<Summed> = context.ask(Need::Data, &Request::RatingSums(asked(context, which)?))?;
            context.show(&sums, |sums| report(context, sums))?;
        }
    }
    Ok(0)
}

fn asked(context: &Context, which: &Which) -> Outcome<Asked> {
    let range = range(context, which.number.as_deref(), which.since.as_deref(), which.until.as_deref())?;
    let (tenant, agent, queue) = (which.tenant.clone(), which.agent.clone(), which.queue.clone());
    Ok(Asked { tenant, agent, queue, range, limit: 0 })
}

fn listed(context: &Context, which: &Which, limit: u32, older_than: Option<&str>) -> Outcome<Vec<Listed>> {
    let first = asked(context, which)?;
    let behind = older_than.map(call).transpose()?;
    pages(context, limit.into(), |limit, last: Option<&Listed>| {
        let mut asked = Asked { limit, ..first.clone() };
        asked.range.older_than = last.map(|last| last.call).or(behind);
        Request::Ratings(asked)
    })
}

fn table(context: &Context, found: &[Listed]) {
    let row = |one: &Listed| {
        let score = match (one.score, one.by) {
            (Some(score), _) => score.to_string(),
            (None, AskedBy::Keys) => context.pick("未评", "none").to_owned(),
            (None, AskedBy::Message) => context.pick("短信", "message").to_owned(),
        };
        vec![
            one.asked_at.clone(),
            one.number.to_string(),
            one.caller.clone(),
            one.queue.clone(),
            if one.agent.is_empty() { one.destination.clone() } else { one.agent.clone() },
            score,
            one.call.to_string(),
        ]
    };
    let head = [
        ("询问时间", "asked at"),
        ("号码", "number"),
        ("主叫", "caller"),
        ("队列", "queue"),
        ("坐席", "agent"),
        ("评分", "score"),
        ("通话", "call"),
    ];
    context.table(&head, &found.iter().map(row).collect::<Vec<_>>());
    if found.is_empty() {
        context.say("没有评分", "no ratings");
    }
}

fn report(context: &Context, sums: &[Summed]) {
    let tenths = |per_mille: Option<u64>| {
        per_mille.map_or("–".to_owned(), |per_mille| format!("{}.{}%", per_mille / 10, per_mille % 10))
    };
    let mean = |mean_e2: Option<u64>| {
        mean_e2.map_or("–".to_owned(), |mean| format!("{}.{:02}", mean / 100, mean % 100))
    };
    let row = |one: &Summed| {
        vec![
            one.queue.clone(),
            one.agent.clone(),
            one.asked.to_string(),
            one.answered.to_string(),
            tenths(one.answered_per_mille),
            mean(one.mean_e2),
            one.scores.map(|count| count.to_string()).join(" "),
            one.messages.to_string(),
        ]
    };
    let head = [
        ("队列", "queue"),
        ("坐席", "agent"),
        ("询问", "asked"),
        ("评分", "rated"),
        ("应答率", "rate"),
        ("平均", "mean"),
        ("1–5 分", "of 1 to 5"),
        ("短信", "messages"),
    ];
    context.table(&head, &sums.iter().map(row).collect::<Vec<_>>());
    if sums.is_empty() {
        context.say("没有评分", "no ratings");
    }
}
