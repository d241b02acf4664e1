//! What happened to a call in a queue, in words.

use hotline::agent::{Refusal, State};
use hotline::call::{Fact, MessageEnd, Unqueued};
use hotline::callback::{CallbackEnd, NotWanted};
use hotline::capacity::NoRoom;
use hotline::flow::{Fetched, NoAnswer};
use hotline::queue::{NoPlace, SpillBy, Spilled};
use hotline::satisfaction::{AskedBy, Unrated};

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
        Fact::AgentsPassed { queue, passed } => {
            let each = |(agent, why): &(std::sync::Arc<str>, NoRoom)| format!("{agent} ({})", why.code());
            let agents = passed.iter().map(each).collect::<Vec<_>>().join(", ");
            pick(
                format!("队列“{queue}”跳过容量不够的坐席：{agents}"),
                format!("agents of the queue {queue:?} without room are passed over: {agents}"),
            )
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
                Unqueued::Spilled => ("超过队列的溢出条件", "a limit of the queue is passed"),
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
        Fact::RatingAsked { by: AskedBy::Message, .. } => pick(
            "主叫先挂机，用短信请求评分".into(),
            "the caller hung up first and is asked for a rating by message".into(),
        ),
        Fact::RatingAsked { agent, queue, .. } => {
            let (agent, queue) = (dash(agent), dash(queue));
            pick(
                format!("请主叫评分（坐席 {agent}，队列 {queue}）"),
                format!("the caller is asked for a rating (agent {agent}, queue {queue})"),
            )
        }
        Fact::Rated { score } => pick(format!("评分 {score}"), format!("rated {score}")),
        Fact::NotRated { why } => {
            let (zh, en) = unrated(*why);
            pick(format!("没有评分：{zh}"), format!("no rating: {en}"))
        }
        Fact::Fetching { step, .. } => {
            pick(format!("“{step}”查询外部服务"), format!("{:?} asks a server outside", &**step))
        }
        Fact::Fetched { fetched: Fetched::Answered { status, values }, took_ms, .. } => pick(
            format!("{took_ms} 毫秒后应答 {status}，取值 {} 个", values.len()),
            format!("it answers {status} after {took_ms} ms, with {} values", values.len()),
        ),
        Fact::Fetched { fetched: Fetched::Failed(why), took_ms, .. } => {
            let (zh, en) = no_answer(*why);
            pick(format!("{took_ms} 毫秒后没有应答：{zh}"), format!("no answer after {took_ms} ms: {en}"))
        }
        Fact::Spilled { queue, spilled } => {
            let Spilled { by, measured, limit } = *spilled;
            let (zh, en) = match by {
                SpillBy::ExpectedWait => ("预计等待毫秒", "ms of expected wait"),
                SpillBy::Waiting => ("排队人数", "callers waiting"),
                SpillBy::ServiceLevel => ("及时接听百分比", "percent answered in time"),
            };
            let measured = measured.map_or("–".to_owned(), |measured| measured.to_string());
            pick(
                format!("队列“{queue}”溢出：{zh} {measured}，限值 {limit}"),
                format!("the queue {queue:?} sends it on: {measured} {en}, the limit is {limit}"),
            )
        }
        Fact::CallbackWanted { number, waited_ms, .. } => {
            let waited_s = waited_ms / 1_000;
            pick(
                format!("请求回电 {number}，已等 {waited_s} 秒"),
                format!("asks to be called back at {number}, after a wait of {waited_s} s"),
            )
        }
        Fact::CallbackNotWanted { why } => {
            let (zh, en) = match why {
                NotWanted::NoKey => ("没有输入号码", "no number came"),
                NotWanted::WrongNumber => ("号码不能回电", "the number may not be called"),
                NotWanted::Before => ("本次通话已请求过", "this call has asked before"),
                NotWanted::TooMany => {
                    ("该主叫登记的其他号码过多", "the caller has asked for too many other numbers")
                }
            };
            pick(format!("没有登记回电：{zh}"), format!("no request is taken: {en}"))
        }
        Fact::CallsBack { number, tries, .. } => {
            let next = tries + 1;
            pick(
                format!("平台回拨 {number}，第 {next} 次"),
                format!("the platform calls {number} back, try {next}"),
            )
        }
        Fact::CallbackKept { request, tries: 0, .. } => pick(
            format!("回电请求 {request} 等待回拨"),
            format!("the request {request} waits to be called back"),
        ),
        Fact::CallbackKept { request, tries, .. } => pick(
            format!("回电请求 {request} 已试 {tries} 次，稍后再拨"),
            format!("the request {request} was tried {tries} times, the next follows"),
        ),
        Fact::CallbackClosed { request, how, .. } => {
            let (zh, en) = match how {
                CallbackEnd::Done => ("已完成", "is done"),
                CallbackEnd::GivenUp => ("未打通，不再回拨", "is given up"),
            };
            pick(format!("回电请求 {request} {zh}"), format!("the request {request} {en}"))
        }
        Fact::CallbackKnown { request } => pick(
            format!("该号码已有回电请求 {request}"),
            format!("the number is to be called back already, by the request {request}"),
        ),
        Fact::AgentKept { agent, .. } => {
            pick(format!("坐席 {agent} 的状态已保存"), format!("the state of the agent {agent} is kept"))
        }
        other => super::talk::fact(context, other),
    }
}

fn dash(name: &str) -> &str {
    if name.is_empty() { "–" } else { name }
}

fn unrated(why: Unrated) -> (&'static str, &'static str) {
    match why {
        Unrated::ShortTalk => ("通话太短，不询问", "the talk was too short to be asked about"),
        Unrated::Lately => ("近期已询问过", "the caller was asked lately"),
        Unrated::Before => ("本次通话已询问过", "this call was asked before"),
        Unrated::NoKey => ("没有按键", "no key was pressed"),
        Unrated::WrongKey => ("按键不是 1 至 5", "the keys were not 1 to 5"),
        Unrated::CallOver => ("通话结束", "the call ended"),
    }
}

fn no_answer(why: NoAnswer) -> (&'static str, &'static str) {
    match why {
        NoAnswer::Slow => ("超过时限", "it took too long"),
        NoAnswer::Unreachable => ("无法连接或内容不对", "nobody answers there, or not as HTTP does"),
        NoAnswer::Barred => ("地址不允许访问", "the address may not be reached"),
        NoAnswer::NotJson => ("应答不是 JSON", "the answer is no JSON"),
        NoAnswer::NoSecret => ("没有所需的密钥", "the enterprise has no secret of that name"),
        NoAnswer::Busy => ("请求过多", "too many requests are on their way"),
        NoAnswer::NotAsked => ("试算不发出请求", "a dry run asks nobody"),
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
