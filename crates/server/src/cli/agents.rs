//! Agents on the command line.

use clap::{Args, Subcommand};
use hotline::TenantId;
use hotline::calendar::Date;
use hotline::queue::AgentView;

use super::attendance;
use super::show::{length, print};
use super::{Context, Need, Ran, say};
use crate::ops::Request;
use crate::ops::agent_report::{AGENTS_MAX, AgentWork, Asked, Page};
use crate::ops::agents::{Device, Of, Steer, Wish};
use crate::ops::attendance::CoverageAsked;
use crate::ops::forecast;
use crate::ops::service::Each;

/// The words of `agent`.
#[derive(Subcommand)]
pub enum Agent {
    /// 签入，可以接听 / logs in, ready
    #[command(after_help = "例 / example: sibai agent login huaxin 8001")]
    Login(Who),
    /// 签出；进行中的通话不受影响 / logs out; a call goes on
    #[command(after_help = "例 / example: sibai agent logout huaxin 8001")]
    Logout(Who),
    /// 小休，写明原因；通话中则在通话后开始 / rests, with a reason; from the end of a call
    #[command(after_help = "例 / example: sibai agent rest huaxin 8001 --reason 午餐")]
    Rest {
        #[command(flatten)]
        who: Who,
        /// 原因 / the reason
        #[arg(long)]
        reason: String,
    },
    /// 恢复接听，结束可以提前结束的话后整理 / takes calls again; ends after-work that may be ended
    #[command(after_help = "例 / example: sibai agent ready huaxin 8001")]
    Ready(Who),
    /// 用话机或手机接听，从下一个来电起 / has the SIP phone rung, or the mobile, from the next call on
    #[command(after_help = "例 / example: sibai agent device huaxin 8001 mobile")]
    Device {
        #[command(flatten)]
        who: Who,
        /// 终端 / the device
        device: Device,
    },
    /// 全部坐席：状态、时长、今日接听 / all agents: state, since when, today's calls
    #[command(after_help = "例 / example: sibai agent list huaxin")]
    List {
        /// 企业 / the enterprise
        tenant: String,
    },
    /// 工作报表：签入时长、各状态时长、小休原因、振铃和接听 / what agents did: time by states, rests by reason, calls that rang
    #[command(
        after_help = "例 / examples:\n  sibai agent report huaxin\n  sibai agent report huaxin --agent 8001 --from 2026-10-01 --to 2026-11-01 --each day"
    )]
    Report(Report),
    /// 考勤：迟到、早退、缺勤、小休、依从率 / how shifts were kept: late, early, absent, rest, adherence
    #[command(
        after_help = "依从率 = 应在岗时段（不含休息）内签入且不在小休的时长 ÷ 应在岗时长\nadherence = time at work, neither resting nor logged out, within the time to work (breaks taken off) ÷ that time\n例 / examples:\n  sibai agent attendance huaxin\n  sibai agent attendance huaxin --date 2026-10-12 --agent 8001"
    )]
    Attendance {
        /// 企业 / the enterprise
        tenant: String,
        /// 哪一天，不写则今天 / the day; today unless said
        #[arg(long)]
        date: Option<Date>,
        /// 工号；不写则全部 / the agent's number; all unless said
        #[arg(long)]
        agent: Option<String>,
    },
    /// 每一刻钟的排班、签入、在岗人数和建议坐席数 / agents planned, logged in, at work and suggested, each quarter of an hour
    #[command(
        after_help = "例 / examples:\n  sibai agent coverage huaxin\n  sibai agent coverage huaxin --queue 售前 --date 2026-10-12"
    )]
    Coverage {
        /// 企业 / the enterprise
        tenant: String,
        /// 哪一天，不写则今天 / the day; today unless said
        #[arg(long)]
        date: Option<Date>,
        /// 只计这个队列的坐席，并给出建议坐席数 / agents of this queue alone, with those suggested
        #[arg(long)]
        queue: Option<String>,
        /// 预测回看几周的同一天 / the forecast looks back so many weeks
        #[arg(long, default_value_t = forecast::WEEKS)]
        weeks: u8,
        /// 预测中每个来电的处理秒数，不写则按实际通话 / how long a call keeps an agent; as measured unless said
        #[arg(long, value_name = "SECONDS")]
        handling_seconds: Option<u32>,
    },
}

/// Which agents and which time.
#[derive(Args)]
pub struct Report {
    /// 企业 / the enterprise
    tenant: String,
    /// 工号；不写则全部 / the agent's number; all unless said
    #[arg(long)]
    agent: Option<String>,
    /// 从何时起，不写则从今天零点 / from when on; from today's midnight unless said
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// 到何时止，不写则到现在 / until when; until now unless said
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// 按天或按小时分开 / each day or hour by itself
    #[arg(long, value_enum)]
    each: Option<Each>,
}

/// Which agent.
#[derive(Args)]
pub struct Who {
    /// 企业 / the enterprise
    tenant: String,
    /// 工号 / the agent's number
    agent: String,
}

/// `sibai agent …`
pub fn agent(context: &Context, words: &Agent) -> Ran {
    match words {
        Agent::Login(who) => steer(context, who, Wish::LogIn),
        Agent::Logout(who) => steer(context, who, Wish::LogOut),
        Agent::Ready(who) => steer(context, who, Wish::Ready),
        Agent::Rest { who, reason } => steer(context, who, Wish::Rest(reason.clone())),
        Agent::Device { who, device } => steer(context, who, Wish::Device(*device)),
        Agent::List { tenant } => {
            let request = Request::Agents(Of { tenant: TenantId::new(tenant) });
            let agents: Vec<AgentView> = context.ask(Need::Data, &request)?;
            context.show(&agents, |agents| agents.iter().for_each(|view| print(&line(context, view))))?;
            Ok(0)
        }
        Agent::Report(which) => report(context, which),
        Agent::Attendance { tenant, date, agent } => {
            attendance::day(context, tenant, *date, agent.as_deref())
        }
        Agent::Coverage { tenant, date, queue, weeks, handling_seconds } => {
            let (tenant, queue) = (tenant.clone(), queue.clone());
            let (date, weeks, handling_s) = (*date, *weeks, *handling_seconds);
            attendance::coverage(context, CoverageAsked { tenant, date, queue, weeks, handling_s })
        }
    }
}

fn report(context: &Context, which: &Report) -> Ran {
    let mut asked = Asked {
        tenant: which.tenant.clone(),
        agent: which.agent.clone(),
        since: which.from.as_deref().map(|text| context.instant(text)).transpose()?,
        until: which.to.as_deref().map(|text| context.instant(text)).transpose()?,
        each: which.each,
        behind: None,
        limit: AGENTS_MAX,
    };
    let mut agents: Vec<AgentWork> = Vec::new();
    loop {
        let page: Page = context.ask(Need::Data, &Request::AgentReport(asked.clone()))?;
        agents.extend(page.agents);
        asked.behind = page.next;
        if asked.behind.is_none() {
            break;
        }
    }
    context.show(&agents, |agents| table(context, agents))?;
    Ok(0)
}

fn table(context: &Context, agents: &[AgentWork]) {
    if agents.is_empty() {
        return context.say("没有坐席签入", "no agent was logged in");
    }
    let row = |one: &AgentWork| {
        let rests = one.rests.iter().map(|rest| format!("{} {}", rest.reason, length(rest.ms)));
        let mut row = vec![format!("{} {}", one.agent, one.name), one.from.clone(), one.to.clone()];
        let times =
            [one.logged_in_ms, one.free_ms, one.ringing_ms, one.talking_ms, one.after_work_ms, one.rest_ms];
        row.extend(times.map(length));
        row.extend([one.rung, one.answered, one.missed, one.rejected].map(|count| count.to_string()));
        row.push(rests.collect::<Vec<_>>().join(", "));
        row
    };
    let head = [
        ("坐席", "agent"),
        ("开始", "from"),
        ("结束", "to"),
        ("签入", "logged in"),
        ("空闲", "free"),
        ("振铃", "ringing"),
        ("通话", "talking"),
        ("话后", "after-work"),
        ("小休", "rest"),
        ("振铃次数", "rung"),
        ("接听", "answered"),
        ("未接", "missed"),
        ("拒接", "rejected"),
        ("小休原因", "rests"),
    ];
    context.table(&head, &agents.iter().map(row).collect::<Vec<_>>());
}

fn steer(context: &Context, who: &Who, wish: Wish) -> Ran {
    let (tenant, agent) = (TenantId::new(&who.tenant), who.agent.clone());
    let request = Request::Agent(Steer { tenant, agent, wish, by: context.by.clone() });
    let view: AgentView = context.ask(Need::Data, &request)?;
    context.show(&view, |view| print(&line(context, view)))?;
    Ok(0)
}

fn line(context: &Context, view: &AgentView) -> String {
    let state = say::queue::state(context, view.state);
    let reason = if view.reason.is_empty() { String::new() } else { format!(" ({})", view.reason) };
    let (since_s, logged_in_s) = (view.since_ms / 1_000, view.logged_in_ms / 1_000);
    let (number, name, tally) = (&view.number, &view.name, view.tally);
    let (by_zh, by_en) = match view.device {
        hotline::agent::Device::Phone => ("", ""),
        hotline::agent::Device::Mobile => ("，用手机接听", ", by mobile"),
    };
    let zh = format!(
        "{number} {name}  {state}{reason} {since_s} 秒，签入 {logged_in_s} 秒，今日接听 {}，未接 {}，拒接 {}，容量 {}/{}{by_zh}",
        tally.answered, tally.missed, tally.rejected, view.load, view.capacity
    );
    let en = format!(
        "{number} {name}  {state}{reason} for {since_s} s, logged in for {logged_in_s} s; today {} answered, {} missed, {} rejected; {} of {} units taken{by_en}",
        tally.answered, tally.missed, tally.rejected, view.load, view.capacity
    );
    context.pick(&zh, &en).to_owned()
}
