//! `sibai agent attendance` and `sibai agent coverage` (row Q26).

use hotline::calendar::Date;

use super::show::{length, print};
use super::{Context, Need, Ran};
use crate::ops::Request;
use crate::ops::attendance::{
    AGENTS_MAX, AgentDay, Asked, CameAs, Coverage, CoverageAsked, CoverageQuarter, DutyKept, Page,
};

/// `sibai agent attendance …`: all pages of a day.
pub(super) fn day(context: &Context, tenant: &str, date: Option<Date>, agent: Option<&str>) -> Ran {
    let (tenant, agent) = (tenant.to_owned(), agent.map(str::to_owned));
    let mut asked = Asked { tenant, date, agent, behind: None, limit: AGENTS_MAX };
    let mut agents: Vec<AgentDay> = Vec::new();
    loop {
        let page: Page = context.ask(Need::Data, &Request::Attendance(asked.clone()))?;
        agents.extend(page.agents);
        asked.behind = page.next;
        if asked.behind.is_none() {
            break;
        }
    }
    context.show(&agents, |agents| table(context, agents))?;
    Ok(0)
}

fn table(context: &Context, agents: &[AgentDay]) {
    if agents.is_empty() {
        return context.say("没有排班，也没有坐席签入", "nobody has a duty and nobody was logged in");
    }
    let rows = |one: &AgentDay| {
        let who = format!("{} {}", one.agent, one.name);
        let behind = [length(one.logged_in_ms), length(one.outside_ms)];
        let row = |duty: Option<&DutyKept>| {
            let mut row = vec![who.clone()];
            row.extend(duty.map_or_else(|| [const { String::new() }; 10], |duty| cells(context, duty)));
            row.extend(behind.clone());
            row
        };
        let duties = one.duties.iter().map(Some);
        let none = one.duties.is_empty().then_some(None);
        duties.chain(none).map(row).collect::<Vec<_>>()
    };
    let head = [
        ("坐席", "agent"),
        ("班次", "shift"),
        ("开始", "from"),
        ("结束", "until"),
        ("出勤", "came"),
        ("迟到", "late"),
        ("早退", "early"),
        ("应在岗", "planned"),
        ("在岗", "worked"),
        ("小休", "rest"),
        ("依从率", "adherence"),
        ("当日签入", "logged in"),
        ("班外签入", "outside"),
    ];
    context.table(&head, &agents.iter().flat_map(rows).collect::<Vec<_>>());
}

fn cells(context: &Context, duty: &DutyKept) -> [String; 10] {
    let came = match duty.came {
        CameAs::Expected => context.pick("未到时间", "expected"),
        CameAs::Present => context.pick("出勤", "present"),
        CameAs::Absent => context.pick("缺勤", "absent"),
        CameAs::Unknown => context.pick("无记录", "not known"),
    };
    let beyond = |ms: u64, is_beyond: bool| if is_beyond { length(ms) } else { String::new() };
    let tenths = |value: u64| format!("{}.{}%", value / 10, value % 10);
    [
        duty.shift.clone(),
        duty.from.clone(),
        duty.until.clone(),
        came.to_owned(),
        beyond(duty.late_ms, duty.is_late),
        beyond(duty.early_ms, duty.is_early),
        length(duty.planned_ms),
        length(duty.worked_ms),
        length(duty.rest_ms),
        duty.adherence_e1.map_or_else(|| "–".to_owned(), tenths),
    ]
}

/// `sibai agent coverage …`
pub(super) fn coverage(context: &Context, asked: CoverageAsked) -> Ran {
    let told: Coverage = context.ask(Need::Data, &Request::Coverage(asked))?;
    context.show(&told, |told| quarters(context, told))?;
    Ok(0)
}

/// Quarters without anybody are left out.
fn quarters(context: &Context, told: &Coverage) {
    let whose = told.queue.as_deref().unwrap_or(context.pick("全部坐席", "all agents"));
    print(&format!("{}  {whose}: {}", told.date, told.agents));
    if let Some(forecast) = &told.forecast {
        super::queue::forecast_inputs(context, forecast);
    }
    let e2 = |value: u64| format!("{}.{:02}", value / 100, value % 100);
    let maybe = |value: Option<String>| value.unwrap_or_else(|| "–".to_owned());
    let row = |one: &CoverageQuarter| {
        let needed = one.suggested.map(|agents| agents.to_string());
        // Who is there against who is needed; who is planned, before the quarter begins.
        let there = one.working_e2.unwrap_or(one.planned_e2) as i64;
        let more = one.suggested.map(|agents| there - i64::from(agents) * 100);
        let more =
            more.map(|more| format!("{}{}", if more < 0 { "-" } else { "+" }, e2(more.unsigned_abs())));
        vec![
            one.from.clone(),
            e2(one.planned_e2),
            maybe(one.logged_in_e2.map(e2)),
            maybe(one.working_e2.map(e2)),
            maybe(needed),
            maybe(more),
        ]
    };
    let head = [
        ("时刻", "from"),
        ("排班", "planned"),
        ("签入", "logged in"),
        ("在岗", "at work"),
        ("建议", "suggested"),
        ("差额", "more or fewer"),
    ];
    let is_empty = |one: &&CoverageQuarter| {
        one.planned_e2 == 0 && one.logged_in_e2.unwrap_or(0) == 0 && one.suggested.unwrap_or(0) == 0
    };
    let there = told.quarters.iter().filter(|one| !is_empty(one));
    context.table(&head, &there.map(row).collect::<Vec<_>>());
}
