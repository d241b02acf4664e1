//! What happened to a talk once somebody had answered, in words.

use hotline::call::{Arm, CALLER, Fact, HeldBy, Moved, NotObeyed, PauseEnd, PauseWhy, Target, WatchMode};

use crate::cli::Context;

/// The sentence for a fact of a talk; empty for any other.
pub fn fact(context: &Context, fact: &Fact) -> String {
    let pick = |zh: String, en: String| context.pick(&zh, &en).to_owned();
    match fact {
        Fact::HoldBegan { by, .. } => {
            let (zh, en) = match by {
                HeldBy::Phone => ("话机", "the phone"),
                HeldBy::Platform => ("平台", "the platform"),
            };
            pick(format!("{zh}保持通话，主叫听音乐"), format!("{en} puts the caller on hold, with music"))
        }
        Fact::HoldEnded => pick("保持结束".into(), "the hold is over".into()),
        Fact::TransferBegan { to, attended, by, .. } => {
            let ((zh, en), (kind_zh, kind_en)) = (
                if *attended {
                    ("咨询转接到", "asks, before a transfer,")
                } else {
                    ("转接到", "transfers to")
                },
                kind(to),
            );
            let name = to.name();
            pick(format!("{by} {zh}{kind_zh} {name}"), format!("{by} {en} the {kind_en} {name}"))
        }
        Fact::TransferRefused { to, why, by } => {
            let (zh, en) = refused(*why);
            let name = to.name();
            pick(
                format!("{by} 转接到 {name} 未执行：{zh}"),
                format!("{by} does not transfer to {name}: {en}"),
            )
        }
        Fact::Consulted { leg } => pick(
            format!("与第 {leg} 路通话，主叫等待"),
            format!("who transfers talks with leg {leg}, the caller waits"),
        ),
        Fact::Swapped { to: CALLER } => {
            pick("切换到主叫".into(), "who transfers talks with the caller again".into())
        }
        Fact::Swapped { to } => {
            pick(format!("切换到第 {to} 路"), format!("who transfers talks with leg {to} again"))
        }
        Fact::TransferOver { how } => {
            let (zh, en) = match how {
                Moved::Done => ("转接完成", "the transfer is done"),
                Moved::Back => ("主叫回到转接人", "the caller is back with who transferred"),
                Moved::SentOn => {
                    ("无人接听转接，按队列或最终处理继续", "nobody took the call; it is sent on")
                }
            };
            pick(zh.into(), en.into())
        }
        Fact::WatchBegan { mode, by, .. } => {
            let (zh, en) = watches(*mode);
            pick(format!("{by} 开始{zh}"), format!("{by} begins to {en}"))
        }
        Fact::WatchChanged { mode, by, .. } => {
            let (zh, en) = watches(*mode);
            pick(format!("{by} 改为{zh}"), format!("{by} goes over to {en}"))
        }
        Fact::WatchOver { leg } => {
            pick(format!("班长（第 {leg} 路）退出"), format!("the supervisor on leg {leg} is gone"))
        }
        Fact::TakenOver { leg, by } => {
            pick(format!("{by} 抢接（第 {leg} 路）"), format!("{by} takes the caller over, on leg {leg}"))
        }
        Fact::Merged { .. } => pick("三方通话".into(), "all three talk with each other".into()),
        Fact::AgentTold { agent } => {
            pick(format!("向主叫播报工号 {agent}"), format!("the caller hears the agent's number, {agent}"))
        }
        Fact::RecordingPaused { why: PauseWhy::Ordered, by } => {
            pick(format!("{by} 暂停录音"), format!("{by} pauses the recording"))
        }
        Fact::RecordingPaused { why: PauseWhy::Keys, by } => pick(
            format!("步骤 {by} 收取保密按键，录音暂停"),
            format!("the recording is paused while the step {by} takes secret keys"),
        ),
        Fact::RecordingResumed { how, by } => match how {
            PauseEnd::Ordered => pick(format!("{by} 恢复录音"), format!("{by} lets the recording go on")),
            PauseEnd::Limit => pick(
                "到时自动恢复录音".into(),
                "the pause is as long as may be: the recording goes on".into(),
            ),
            PauseEnd::KeysOver => {
                pick("按键已收完，恢复录音".into(), "the keys are over: the recording goes on".into())
            }
            PauseEnd::RecordingOver => {
                pick("录音已结束，暂停随之结束".into(), "the pause ends with the recording".into())
            }
        },
        Fact::RecordingEnded => pick("通话录音结束".into(), "the talk's recording ends".into()),
        Fact::ResultAwaited { agent, queue, default } => {
            let default = default.as_ref().map_or("–", |chosen| &chosen.name);
            pick(
                format!("坐席 {agent} 按队列“{queue}”选择处理结果，默认 {default}"),
                format!(
                    "the queue {queue:?} asks the agent {agent} for a result; unless one is chosen, {default}"
                ),
            )
        }
        Fact::ResultGiven { agent, chosen, by, .. } => pick(
            format!("坐席 {agent} 的处理结果：{}（{by}）", chosen.name),
            format!("result of the agent {agent}: {} (by {by})", chosen.name),
        ),
        Fact::AgentTook { leg, agent } => pick(
            format!("坐席 {agent} 接听（第 {leg} 路）"),
            format!("the agent {agent} answers, on leg {leg}"),
        ),
        Fact::ArmTaken(arm) => {
            let Arm { flow, version, step, name } = &**arm;
            pick(
                format!("流程“{flow}”第 {version} 版的步骤 {step} 分到 {name}"),
                format!("the step {step} of the flow {flow:?}, version {version}, dealt {name}"),
            )
        }
        _ => String::new(),
    }
}

fn watches(mode: WatchMode) -> (&'static str, &'static str) {
    match mode {
        WatchMode::Listen => ("监听", "listen"),
        WatchMode::Whisper => ("耳语", "whisper"),
        WatchMode::Barge => ("强插", "barge in"),
    }
}

fn kind(to: &Target) -> (&'static str, &'static str) {
    match to {
        Target::Agent(_) => ("坐席", "agent"),
        Target::Extension(_) => ("分机", "extension"),
        Target::Bound(_) => ("绑定号码", "bound number"),
        Target::Queue(_) => ("队列", "queue"),
        Target::Step(_) => ("流程步骤", "step"),
    }
}

fn refused(why: NotObeyed) -> (&'static str, &'static str) {
    match why {
        NotObeyed::NotNow => ("现在的状态不允许", "not as the call is now"),
        NotObeyed::Unknown => ("没有这个目标", "there is no such target"),
        NotObeyed::Busy => ("目标正忙或不在岗", "the target is busy, or not on duty"),
        NotObeyed::NotAllowed => ("不允许呼叫的号码", "the number may not be dialled"),
        NotObeyed::NoCapacity => ("坐席的容量不够接来电", "the agent has no room for a call"),
        NotObeyed::NoWay => ("没有可用的中继", "no trunk leads there"),
        NotObeyed::NoSurvey => ("队列没有设置满意度评价", "its queue asks for no rating"),
        NotObeyed::Unrated(_) => ("现在不询问评价", "the caller is not asked now"),
    }
}
