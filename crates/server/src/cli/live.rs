//! Calls that are up, on the command line: listed, and ordered about (row Q03).

use clap::{Args, Subcommand};
use hotline::call::{TalkOrder, Target, WatchMode};
use hotline::{CallId, TenantId};

use super::show::print;
use super::{Context, Need, Ran};
use crate::ops::agents::Of;
use crate::ops::live::{LiveCall, LiveState};
use crate::ops::talks::Talk;
use crate::ops::{Refusal, Request};

/// The words of `live`.
#[derive(Subcommand)]
pub enum Live {
    /// 正在进行的通话 / calls that are up
    #[command(after_help = "例 / example: sibai live list huaxin")]
    List {
        /// 企业 / the enterprise
        tenant: String,
    },
    /// 保持：主叫听音乐 / holds: the caller hears music
    #[command(after_help = "例 / example: sibai live hold huaxin 01a2b3…")]
    Hold(Which),
    /// 取消保持 / ends a hold
    Resume(Which),
    /// 转接：主叫直接转给别人 / transfers: the caller goes to somebody else at once
    #[command(after_help = "例 / examples:
  sibai live transfer huaxin 01a2b3… --agent 8002
  sibai live transfer huaxin 01a2b3… --queue 售后")]
    Transfer(Whither),
    /// 咨询：主叫听音乐，先与对方通话 / asks somebody first, while the caller hears music
    #[command(after_help = "例 / example: sibai live consult huaxin 01a2b3… --agent 8002")]
    Consult(Whither),
    /// 完成转接：主叫转给被咨询的人 / the caller goes to who was asked
    Complete(Which),
    /// 取消转接，回到主叫 / lets go whoever was asked; the talk goes on
    Return(Which),
    /// 切换通话对象 / talks with the other of the two
    Swap(Which),
    /// 三方通话 / all three talk with each other
    Merge(Which),
    /// 监听：班长的话机响铃，接听后只听 / a supervisor's phone rings and hears both
    #[command(after_help = "例 / example: sibai live listen huaxin 01a2b3… --phone 803")]
    Listen(Supervised),
    /// 耳语：只有坐席听得到班长 / the agent alone hears the supervisor
    Whisper(Supervised),
    /// 强插：三方都听得到 / all hear the supervisor
    Barge(Supervised),
    /// 抢接：班长接管通话，坐席退出 / the supervisor has the caller, the agent is free
    TakeOver(Supervised),
    /// 班长退出 / the supervisor leaves
    Leave(Supervised),
    /// 暂停录音：此后的话音和按键不进录音 / the recording keeps nothing of what is said or pressed
    #[command(after_help = "到号码设定的上限会自动恢复（recording.pause_seconds_max，缺省 120 秒）
It goes on by itself at the number's limit (recording.pause_seconds_max, 120 s unless said)
例 / example: sibai live pause-recording huaxin 01a2b3…")]
    PauseRecording(Which),
    /// 恢复录音 / the recording goes on
    ResumeRecording(Which),
    /// 转评价：请主叫评分，接听方退出 / the caller is asked for a rating, who talked is free
    #[command(after_help = "来电的队列须设置 satisfaction / the queue of the call has satisfaction
例 / example: sibai live rate huaxin 01a2b3…")]
    Rate(Which),
}

/// Which call, and by which phone of a supervisor.
#[derive(Args)]
pub struct Supervised {
    #[command(flatten)]
    which: Which,
    /// 班长话机的分机号 / the number of the supervisor's SIP phone
    #[arg(long)]
    phone: String,
}

/// Which call.
#[derive(Args)]
pub struct Which {
    /// 企业 / the enterprise
    tenant: String,
    /// 通话 / the call
    call: String,
}

/// Which call, and where to.
#[derive(Args)]
pub struct Whither {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    to: To,
}

/// Where to: one of these.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub struct To {
    /// 坐席工号 / an agent, by number
    #[arg(long)]
    agent: Option<String>,
    /// 分机号 / a SIP phone, by number
    #[arg(long)]
    extension: Option<String>,
    /// 绑定号码的名称 / a bound number, by name
    #[arg(long)]
    phone: Option<String>,
    /// 队列 / a queue
    #[arg(long)]
    queue: Option<String>,
    /// 流程步骤或规则 / a step of the flow, or a rule
    #[arg(long)]
    step: Option<String>,
}

impl To {
    fn target(&self) -> Option<Target> {
        let to = |name: &Option<String>, make: fn(std::sync::Arc<str>) -> Target| {
            name.as_deref().map(|name| make(name.into()))
        };
        to(&self.agent, Target::Agent)
            .or_else(|| to(&self.extension, Target::Extension))
            .or_else(|| to(&self.phone, Target::Bound))
            .or_else(|| to(&self.queue, Target::Queue))
            .or_else(|| to(&self.step, Target::Step))
    }
}

/// `sibai live …`
pub fn run(context: &Context, words: &Live) -> Ran {
    match words {
        Live::List { tenant } => {
            let request = Request::LiveCalls(Of { tenant: TenantId::new(tenant) });
            let calls: Vec<LiveCall> = context.ask(Need::Data, &request)?;
            context.show(&calls, |calls| calls.iter().for_each(|call| print(&line(context, call))))?;
            Ok(0)
        }
        Live::Hold(which) => order(context, which, TalkOrder::Hold),
        Live::Resume(which) => order(context, which, TalkOrder::Resume),
        Live::Complete(which) => order(context, which, TalkOrder::Complete),
        Live::Return(which) => order(context, which, TalkOrder::Return),
        Live::Swap(which) => order(context, which, TalkOrder::Swap),
        Live::Merge(which) => order(context, which, TalkOrder::Merge),
        Live::Listen(by) => watch(context, by, WatchMode::Listen),
        Live::Whisper(by) => watch(context, by, WatchMode::Whisper),
        Live::Barge(by) => watch(context, by, WatchMode::Barge),
        Live::TakeOver(by) => order(context, &by.which, TalkOrder::TakeOver(by.phone.as_str().into())),
        Live::Leave(by) => order(context, &by.which, TalkOrder::Unwatch(by.phone.as_str().into())),
        Live::PauseRecording(which) => order(context, which, TalkOrder::PauseRecording),
        Live::ResumeRecording(which) => order(context, which, TalkOrder::ResumeRecording),
        Live::Rate(which) => order(context, which, TalkOrder::Rate),
        Live::Transfer(Whither { which, to }) => {
            order(context, which, TalkOrder::Transfer(to.target().ok_or_else(nowhere)?))
        }
        Live::Consult(Whither { which, to }) => {
            order(context, which, TalkOrder::Consult(to.target().ok_or_else(nowhere)?))
        }
    }
}

fn watch(context: &Context, by: &Supervised, mode: WatchMode) -> Ran {
    order(context, &by.which, TalkOrder::Watch(by.phone.as_str().into(), mode))
}

fn order(context: &Context, which: &Which, order: TalkOrder) -> Ran {
    let call: CallId = which.call.parse().map_err(|_| {
        Refusal::invalid(format!("{} 不是通话编号", which.call), format!("{} names no call", which.call))
    })?;
    let request = Request::Talk(Talk {
        tenant: TenantId::new(&which.tenant),
        call,
        order,
        agent: None,
        by: context.by.clone(),
    });
    let seen: Option<LiveCall> = context.ask(Need::Data, &request)?;
    context.show(&seen, |seen| seen.iter().for_each(|call| print(&line(context, call))))?;
    Ok(0)
}

fn nowhere() -> Refusal {
    Refusal::invalid("请写明转接到哪里", "say where to")
}

fn line(context: &Context, call: &LiveCall) -> String {
    let (zh, en) = match call.state {
        LiveState::InFlow => ("流程中", "in its flow"),
        LiveState::Ringing => ("振铃", "ringing"),
        LiveState::Talking => ("通话", "talking"),
        LiveState::OnHold => ("保持", "on hold"),
        LiveState::Moving => ("转接中", "being transferred"),
        LiveState::Ending => ("结束", "ending"),
    };
    let state = context.pick(zh, en);
    let paused =
        if call.recording_paused { context.pick("  录音暂停", "  recording paused") } else { "" };
    let LiveCall { call, number, caller, region, destination, .. } = call;
    format!("{call}  {number}  {caller} {region}  {state}  {destination}{paused}")
}
