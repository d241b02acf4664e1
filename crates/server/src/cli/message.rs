//! `sibai message`: short messages and e-mails that were sent, or wait, or were refused.

use clap::{Subcommand, ValueEnum};
use hotline::TenantId;
use store::MessageState;

use super::pages::pages;
use super::{Context, Ran};
use crate::ops::messages::{List, Listed};
use crate::ops::{PAGE_MAX, Request};

/// The words of `message`.
#[derive(Subcommand)]
pub enum Message {
    /// 列出短信和邮件，最新在前 / lists messages, the latest first
    #[command(
        after_help = "例 / examples:\n  sibai message list\n  sibai message list huaxin --state failed"
    )]
    List {
        /// 企业 / the enterprise
        tenant: Option<String>,
        /// 状态 / the state
        #[arg(long)]
        state: Option<State>,
    },
}

/// A state as it is typed.
#[derive(Clone, Copy, ValueEnum)]
pub enum State {
    /// 等待发送 / waits
    Waiting,
    /// 已发送 / sent
    Sent,
    /// 放弃 / given up
    Failed,
    /// 不允许 / refused
    Refused,
}

/// `sibai message …`
pub fn run(context: &Context, words: &Message) -> Ran {
    let Message::List { tenant, state } = words;
    let state = state.map(|state| match state {
        State::Waiting => MessageState::Waiting,
        State::Sent => MessageState::Sent,
        State::Failed => MessageState::Failed,
        State::Refused => MessageState::Refused,
    });
    let tenant = tenant.as_deref().map(TenantId::new);
    // Behind which message a page begins is known within one enterprise alone.
    let count = if tenant.is_some() { u64::MAX } else { u64::from(PAGE_MAX) };
    let found = pages(context, count, |limit, last: Option<&Listed>| {
        let older_than = last.map(|last| last.key.clone());
        Request::Messages(List { tenant: tenant.clone(), state, older_than, limit })
    })?;
    context.show(&found, |found| table(context, found))?;
    if found.len() as u64 == count {
        context.say(
            format!("只列出最新的 {count} 条；写明企业可列出全部"),
            format!("only the latest {count}; name an enterprise for all of its messages"),
        );
    }
    Ok(0)
}

fn table(context: &Context, found: &[Listed]) {
    let row = |one: &Listed| {
        let (zh, en) = match one.state {
            MessageState::Waiting => ("等待", "waiting"),
            MessageState::Sent => ("已发送", "sent"),
            MessageState::Failed => ("放弃", "failed"),
            MessageState::Refused => ("不允许", "refused"),
        };
        let state = context.pick(zh, en).to_owned();
        let tries = one.tries.to_string();
        vec![
            one.made_at.clone(),
            one.tenant.to_string(),
            one.to.to_string(),
            state,
            tries,
            one.text.clone(),
            one.error.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = found.iter().map(row).collect();
    let head = [
        ("时间", "made at"),
        ("企业", "enterprise"),
        ("收件人", "to"),
        ("状态", "state"),
        ("次数", "tries"),
        ("内容", "text"),
        ("原因", "why"),
    ];
    context.table(&head, &rows);
}
