//! `sibai explain`: what would happen to a call, decision by decision.

use clap::Args;
use hotline::agent::State;

use super::pure::read_number;
use super::show::{length, print};
use super::{Context, Need, Ran, say};
use crate::clock;
use crate::ops::Request;
use crate::ops::explain::{Explain, Explained, StateSource};

/// The words of `explain`.
#[derive(Args)]
#[command(
    after_help = "例 / example: sibai explain 4006010114 --from 13800138000 --at 2026-10-10T09:30 --busy 北京前台\n例 / example: sibai explain 4008123888 --from 13800138000 --agents 8001=talking --waiting 咨询=3"
)]
pub struct Words {
    /// 400 号码 / the number called
    number: String,
    /// 主叫号码 / the caller
    #[arg(long)]
    from: String,
    /// 何时，默认现在 / when; now by default
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// 遇忙的绑定号码（名称或号码）/ bound numbers that are busy, by name or digits
    #[arg(long, value_delimiter = ',')]
    busy: Vec<String>,
    /// 无应答的绑定号码 / bound numbers that do not answer
    #[arg(long, value_delimiter = ',')]
    no_answer: Vec<String>,
    /// 拒接的绑定号码 / bound numbers that reject
    #[arg(long, value_delimiter = ',')]
    rejects: Vec<String>,
    /// 依次在每个菜单、密码或收号处按的键，逗号分隔，空为不按 / what the caller presses at each menu, password or question for digits
    /// in turn, by commas; an empty one presses nothing
    #[arg(long, value_delimiter = ',')]
    keys: Vec<String>,
    /// 外部服务依次的应答，如 200,data.level=gold 或 error / what servers outside answer in turn, or error
    #[arg(long)]
    http: Vec<String>,
    /// 座席当时的状态：off、free、ringing、talking、after_work、rest / what agents are doing
    #[arg(long, value_name = "AGENT=STATE", value_delimiter = ',', value_parser = agent)]
    agents: Vec<(String, State)>,
    /// 队列中排在前面的人数 / how many wait in queues before the caller
    #[arg(long, value_name = "QUEUE=COUNT", value_delimiter = ',', value_parser = waiting)]
    waiting: Vec<(String, u16)>,
    /// 随机选择的种子 / the seed of random choices
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn agent(text: &str) -> Result<(String, State), String> {
    let states = || State::ALL.map(State::code).join(", ");
    let wrong = || format!("应如 / such as 8001=free：{}", states());
    let (number, code) = text.split_once('=').ok_or_else(wrong)?;
    let state = State::ALL.into_iter().find(|state| state.code() == code).ok_or_else(wrong)?;
    Ok((number.to_owned(), state))
}

fn waiting(text: &str) -> Result<(String, u16), String> {
    let counted = text.rsplit_once('=').and_then(|(queue, count)| Some((queue, count.parse().ok()?)));
    let (queue, count) = counted.ok_or("应如 / such as 咨询=3")?;
    Ok((queue.to_owned(), count))
}

/// `sibai explain`
pub fn run(context: &Context, words: &Words) -> Ran {
    let request = Request::Explain(Explain {
        number: read_number(&words.number)?,
        from: words.from.clone(),
        at: match &words.at {
            Some(text) => context.instant(text)?,
            None => clock::wall(),
        },
        busy: words.busy.clone(),
        no_answer: words.no_answer.clone(),
        rejects: words.rejects.clone(),
        keys: words.keys.clone(),
        http: words.http.clone(),
        agents: words.agents.iter().cloned().collect(),
        waiting: words.waiting.iter().cloned().collect(),
        seed: words.seed,
    });
    let explained: Explained = context.ask(Need::Data, &request)?;
    context.show(&explained, |explained| show(context, explained))?;
    Ok(0)
}

fn show(context: &Context, explained: &Explained) {
    let Explained { name, version, at, .. } = explained;
    let number = explained.number.grouped();
    context.say(
        format!("{number}（{name}，版本 {version}），{at}"),
        format!("{number} ({name}, version {version}), {at}"),
    );
    match explained.state {
        StateSource::Node => context.say(
            "状态取自运行中的节点，不作任何改动",
            "with the state of the running node; nothing is changed",
        ),
        StateSource::Database => {
            context.say("状态取自数据库，不作任何改动", "with the state of the database; nothing is changed")
        }
    }
    for line in say::facts(context, &explained.facts, explained.wall_offset_ms) {
        print(&format!("  {line}"));
    }
    let Some(record) = &explained.record else { return };
    let talk = length(record.talk_ms);
    context.say(
        format!(
            "结果：{}，{}（按通话 {talk} 计）",
            say::status(context, record.status),
            say::cause(context, record.cause)
        ),
        format!(
            "outcome: {}, {} (with a talk of {talk})",
            say::status(context, record.status),
            say::cause(context, record.cause)
        ),
    );
    for priced in &explained.charges {
        print(&format!(
            "  {} {}: {}",
            super::show::code(&priced.charge.kind),
            priced.charge.plan,
            priced.steps.join("; ")
        ));
    }
}
