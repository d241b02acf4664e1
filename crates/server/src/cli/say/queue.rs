//! What happened to a call in a queue, in words.

use hotline::agent::{Refusal, State};
use hotline::call::{Fact, MessageEnd, Unqueued};
use hotline::queue::NoPlace;

use crate::cli::Context;

/// The sentence for a fact of a queue; empty for any other.
pub fn fact(context: &Context, fact: &Fact) -> String {
    let pick = |zh: String, en: String| context.pick(&zh, &en).to_owned();
    match fact {
        Fact::Queued { queue, position, credited_ms: 0 } => pick(
            format!("进入队列“{queue}”，第 {position} 位"),
            format!("waits in the queue {queue:?}, number {position}"),
        ),
        Fact::Queued { queue, position, credited_ms } => pick(
            format!("进入队列“{queue}”，第 {position} 位，补记上次已等的 {} 秒", credited_ms / 1_000),
            format!(
                "waits in the queue {queue:?}, number {position}, with {} s of its last wait",
                credited_ms / 1_000
            ),
        ),
        Fact::NotQueued { queue, why } => {
            let (zh, en) = match why {
                NoPlace::Full => ("已满", "it is full"),
                NoPlace::Empty => ("没有在岗坐席", "nobody is there"),
            };
            pick(format!("不能进入队列“{queue}”：{zh}"), format!("cannot wait in the queue {queue:?}: {en}"))
        }
        Fact::Offered { agent, .. } => {
            pick(format!("分配给坐席 {agent}"), format!("offered to the agent {agent}"))
        }
        Fact::OfferOver { agent, how, rests, .. } => {
            let (zh, en) = refusal(*how);
            let (rests_zh, rests_en) =
                if *rests { ("，坐席转为小休", "; set to rest") } else { ("", "") };
            pick(format!("坐席 {agent} {zh}{rests_zh}"), format!("the agent {agent} {en}{rests_en}"))
        }
        Fact::Relaxed { step } => pick(
            format!("技能要求放宽到第 {} 级", step + 1),
            format!("what is asked of agents is relaxed to step {}", step + 1),
        ),
        Fact::PlaceTold { position, minutes } => {
            let told = |value: &Option<u32>| value.map_or("–".to_owned(), |value| value.to_string());
            pick(
                format!("播报位置 {}，预计 {} 分钟", told(position), told(minutes)),
                format!("is told its place, {}, and the wait, {} min", told(position), told(minutes)),
            )
        }
        Fact::Unqueued { queue, why, waited_ms } => {
            let (zh, en) = match why {
                Unqueued::Answered => ("坐席接听", "an agent answered"),
                Unqueued::TimedOut => ("等待超时", "it waited as long as may be"),
                Unqueued::Empty => ("坐席都已离开", "nobody was left"),
                Unqueued::Gone => ("通话结束", "the call ended"),
                Unqueued::ByKey => ("主叫按键离开", "the caller pressed a key"),
            };
            let waited_s = waited_ms / 1_000;
            pick(
                format!("离开队列“{queue}”，等了 {waited_s} 秒：{zh}"),
                format!("leaves the queue {queue:?} after {waited_s} s: {en}"),
            )
        }
        Fact::Tells { tells } => {
            let hotline::message::Tells { missed, voicemail, agents } = &**tells;
            let count = missed.len() + voicemail.len() + agents.len();
            pick(
                format!("按规则用消息通知 {count} 处"),
                format!("{count} addressees are told by message, as the rules say"),
            )
        }
        Fact::MessageWanted { to, text } => {
            pick(format!("发消息给 {to}：{text}"), format!("a message to {to}: {text}"))
        }
        Fact::MessageBegan { recording, .. } => {
            pick(format!("开始留言 {recording}"), format!("the message {recording} begins"))
        }
        Fact::MessageEnded { how } => {
            let (zh, en) = match how {
                MessageEnd::Key => ("按 #", "by #"),
                MessageEnd::Quiet => ("不再说话", "nothing more was said"),
                MessageEnd::Empty => ("没有说话，不保留", "nothing was said; it is not kept"),
                MessageEnd::Limit => ("达到最长时间", "it was as long as may be"),
                MessageEnd::CallOver => ("通话结束", "the call ended"),
            };
            pick(format!("留言结束：{zh}"), format!("the message ends: {en}"))
        }
        Fact::AgentKept { agent, .. } => {
            pick(format!("坐席 {agent} 的状态已保存"), format!("the state of the agent {agent} is kept"))
        }
        other => super::talk::fact(context, other),
    }
}

fn refusal(how: Refusal) -> (&'static str, &'static str) {
    match how {
        Refusal::Missed => ("未接听", "did not answer"),
        Refusal::Rejected => ("拒接", "rejected"),
        Refusal::Busy => ("话机占线", "has a busy phone"),
        Refusal::Unreachable => ("话机未注册", "has a phone that is registered nowhere"),
        Refusal::Failed => ("未能接通", "could not be reached"),
        Refusal::Withdrawn => ("不再振铃", "is rung no more"),
    }
}

/// A state in words.
pub fn state(context: &Context, state: State) -> &'static str {
    let (zh, en) = match state {
        State::Off => ("未签入", "off"),
        State::Free => ("空闲", "free"),
        State::Ringing => ("振铃", "ringing"),
        State::Talking => ("通话", "talking"),
        State::AfterWork => ("话后整理", "after-work"),
        State::Rest => ("小休", "rest"),
    };
    context.pick(zh, en)
}
