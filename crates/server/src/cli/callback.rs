//! `sibai callback`: requests of callers to be called back (rows Q15, K07).

use clap::{Args, Subcommand, ValueEnum};
use hotline::{CallId, TenantId};
use store::CallbackState;

use super::pages::pages;
use super::show::length;
use super::{Context, Need, Ran, say};
use crate::ops::callbacks::{End, List, Listed, Stop, Stopped};
use crate::ops::{Outcome, Refusal, Request};

/// The words of `callback`.
#[derive(Subcommand)]
pub enum Callback {
    /// 回电请求，等待最久的在前 / requests, whoever has waited longest first
    #[command(after_help = "例 / example: sibai callback list huaxin --state waiting")]
    List {
        /// 企业 / the enterprise
        tenant: String,
        /// 状态 / the state
        #[arg(long)]
        state: Option<State>,
    },
    /// 已回电，写明姓名 / somebody has called back; who, by name
    #[command(after_help = "例 / example: sibai callback done huaxin 06g2q7h4k0000000000000000t --name 王芳")]
    Done(Of),
    /// 取消请求，写明姓名 / nobody will; who says so, by name
    #[command(
        after_help = "例 / example: sibai callback cancel huaxin 06g2q7h4k0000000000000000t --name 王芳"
    )]
    Cancel(Of),
    /// 号码加入禁拨名单，等待中的请求随即停止 / a number wants no callbacks: what waits for it is stopped at once
    #[command(after_help = "例 / example: sibai callback stop huaxin 13800138000")]
    Stop(Whom),
    /// 号码移出禁拨名单 / takes a number off the stop list
    #[command(after_help = "例 / example: sibai callback permit huaxin 13800138000")]
    Permit(Whom),
}

/// A state as it is typed.
#[derive(Clone, Copy, ValueEnum)]
pub enum State {
    /// 等待 / nobody called back yet
    Waiting,
    /// 已回电 / somebody did
    Done,
    /// 已取消 / nobody will
    Cancelled,
    /// 禁拨 / the number is on the stop list
    Stopped,
    /// 未打通 / the platform tried as often as it may
    GivenUp,
}

/// One request.
#[derive(Args)]
pub struct Of {
    /// 企业 / the enterprise
    tenant: String,
    /// 提出请求的通话 / the call that asked
    call: String,
    /// 姓名 / the name
    #[arg(long)]
    name: String,
}

/// A number.
#[derive(Args)]
pub struct Whom {
    /// 企业 / the enterprise
    tenant: String,
    /// 号码 / the number
    number: String,
}

/// `sibai callback …`
pub fn run(context: &Context, words: &Callback) -> Ran {
    match words {
        Callback::List { tenant, state } => {
            let state = state.map(|state| match state {
                State::Waiting => CallbackState::Waiting,
                State::Done => CallbackState::Done,
                State::Cancelled => CallbackState::Cancelled,
                State::Stopped => CallbackState::Stopped,
                State::GivenUp => CallbackState::GivenUp,
            });
            let found = all(context, tenant, state)?;
            context.show(&found, |found| table(context, found))?;
        }
        Callback::Done(of) => end(context, of, true)?,
        Callback::Cancel(of) => end(context, of, false)?,
        Callback::Stop(whom) => stop(context, whom, true)?,
        Callback::Permit(whom) => stop(context, whom, false)?,
    }
    Ok(0)
}

/// All of them, however many there are.
fn all(context: &Context, tenant: &str, state: Option<CallbackState>) -> Outcome<Vec<Listed>> {
    pages(context, u64::MAX, |limit, last: Option<&Listed>| {
        let behind = last.map(|last| last.call);
        Request::Callbacks(List { tenant: tenant.to_owned(), state, behind, limit })
    })
}

fn end(context: &Context, of: &Of, done: bool) -> Outcome<()> {
    let wrong = |_| {
        let call = &of.call;
        Refusal::invalid(format!("{call} 不是通话编号"), format!("{call} is no id of a call"))
    };
    let call: CallId = of.call.parse().map_err(wrong)?;
    let (tenant, name, by) = (TenantId::new(&of.tenant), of.name.clone(), context.by.clone());
    let asked = End { tenant, call, done, name, by };
    let ended: () = context.ask(Need::Data, &Request::CallbackEnd(asked))?;
    context.show(&ended, |()| {
        let (zh, en) = if done { ("已回电", "called back") } else { ("已取消", "cancelled") };
        context.say(format!("{call} {zh}"), format!("{call} is {en}"));
    })
}

fn stop(context: &Context, whom: &Whom, on: bool) -> Outcome<()> {
    let (tenant, number, by) = (TenantId::new(&whom.tenant), whom.number.clone(), context.by.clone());
    let stopped: Stopped =
        context.ask(Need::Data, &Request::CallbackStop(Stop { tenant, number, on, by }))?;
    context.show(&stopped, |stopped| {
        let Stopped { number, on, requests } = stopped;
        match on {
            true => context.say(
                format!("{number} 已加入禁拨名单，停止 {requests} 个等待中的请求"),
                format!("{number} is on the stop list; {requests} requests that waited are stopped"),
            ),
            false => {
                context.say(format!("{number} 已移出禁拨名单"), format!("{number} is off the stop list"))
            }
        }
    })
}

fn table(context: &Context, found: &[Listed]) {
    let row = |one: &Listed| {
        let (zh, en) = match one.state {
            CallbackState::Waiting => ("等待", "waiting"),
            CallbackState::Done => ("已回电", "done"),
            CallbackState::Cancelled => ("已取消", "cancelled"),
            CallbackState::Stopped => ("禁拨", "stopped"),
            CallbackState::GivenUp => ("未打通", "given up"),
        };
        let outcome = one.outcome.map(|outcome| say::cause(context, outcome).to_owned());
        let (tries, next) = match (one.tries, one.state) {
            (0, _) if one.next_at.is_none() => (String::new(), None),
            (tries, CallbackState::Waiting) => (tries.to_string(), one.next_at.clone()),
            (tries, _) => (tries.to_string(), None),
        };
        vec![
            one.asked_at.clone(),
            one.number.clone(),
            one.queue.clone(),
            length(one.waited_ms),
            context.pick(zh, en).to_owned(),
            tries,
            outcome.unwrap_or_default(),
            next.unwrap_or_default(),
            one.changed_by.clone().unwrap_or_default(),
            one.call.to_string(),
        ]
    };
    let head = [
        ("请求时间", "asked at"),
        ("回电号码", "number"),
        ("队列", "queue"),
        ("已等", "waited"),
        ("状态", "state"),
        ("回拨次数", "tries"),
        ("上次结果", "last try"),
        ("下次不早于", "not before"),
        ("谁", "who"),
        ("通话", "call"),
    ];
    context.table(&head, &found.iter().map(row).collect::<Vec<_>>());
    if found.is_empty() {
        context.say("没有回电请求", "no requests");
    }
}
