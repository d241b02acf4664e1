//! `sibai queue`: who waits, and what became of those who did (row Q12).

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use hotline::TenantId;
use hotline::calendar::Date;
use hotline::queue::QueueView;

use super::sheet::{Cell, workbook};
use super::show::{length, print};
use super::{Context, Need, Ran, say};
use crate::ops::agents::Of;
use crate::ops::forecast::{self, Forecast, HandlingBy};
use crate::ops::service::{Asked, Each, Service, percent};
use crate::ops::{Outcome, Refusal, Request};

/// The words of `queue`.
#[derive(Subcommand)]
pub enum Queue {
    /// 全部队列：等待的来电、坐席状态 / all queues: who waits, agents by state
    #[command(after_help = "例 / example: sibai queue list huaxin")]
    List {
        /// 企业 / the enterprise
        tenant: String,
    },
    /// 服务水平：接听、放弃、转出、等待时长和算式 / service level: answered, abandoned, sent on, waits, and the formula
    #[command(
        after_help = "例 / examples:\n  sibai queue report huaxin\n  sibai queue report huaxin --from 2026-10-01 --to 2026-11-01\n  sibai queue report huaxin 售前 --from 2026-10-10 --to 2026-10-11 --each hour --xlsx report.xlsx"
    )]
    Report(Report),
    /// 预计来电和所需坐席（Erlang C），每一刻钟 / expected calls and the agents needed (Erlang C), each quarter of an hour
    #[command(
        after_help = "例 / examples:\n  sibai queue forecast huaxin 售前 --date 2026-10-12\n  sibai queue forecast huaxin 售前 --date 2026-10-12 --weeks 8 --handling-seconds 210"
    )]
    Forecast {
        /// 企业 / the enterprise
        tenant: String,
        /// 队列 / the queue
        queue: String,
        /// 哪一天 / the day
        #[arg(long)]
        date: Date,
        /// 回看几周的同一天 / the same weekday of so many weeks before
        #[arg(long, default_value_t = forecast::WEEKS)]
        weeks: u8,
        /// 每个来电的处理秒数，不写则按实际通话 / how long a call keeps an agent; as measured unless said
        #[arg(long, value_name = "SECONDS")]
        handling_seconds: Option<u32>,
    },
}

/// Which service levels.
#[derive(Args)]
pub struct Report {
    /// 企业 / the enterprise
    tenant: String,
    /// 队列；不写则全部 / the queue; all unless said
    queue: Option<String>,
    /// 从何时起，不写则从今天零点 / joined at or after; from today's midnight unless said
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// 到何时止，不写则到现在 / joined before; until now unless said
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// 按天或按小时分开 / each day or hour by itself
    #[arg(long, value_enum)]
    each: Option<Each>,
    /// 写成工作簿 / write it as a workbook
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    xlsx: Option<PathBuf>,
}

/// `sibai queue …`
pub fn run(context: &Context, words: &Queue) -> Ran {
    match words {
        Queue::List { tenant } => {
            let request = Request::Queues(Of { tenant: TenantId::new(tenant) });
            let queues: Vec<QueueView> = context.ask(Need::Data, &request)?;
            context.show(&queues, |queues| queues.iter().for_each(|view| queue_lines(context, view)))?;
        }
        Queue::Forecast { tenant, queue, date, weeks, handling_seconds } => {
            let (tenant, queue) = (tenant.clone(), queue.clone());
            let asked =
                forecast::Asked { tenant, queue, date: *date, weeks: *weeks, handling_s: *handling_seconds };
            let told: Forecast = context.ask(Need::Data, &Request::QueueForecast(asked))?;
            context.show(&told, |told| forecast_lines(context, told))?;
        }
        Queue::Report(which) => {
            let asked = Asked {
                tenant: which.tenant.clone(),
                queue: which.queue.clone(),
                since: which.from.as_deref().map(|text| context.instant(text)).transpose()?,
                until: which.to.as_deref().map(|text| context.instant(text)).transpose()?,
                each: which.each,
            };
            let told: Vec<Service> = context.ask(Need::Data, &Request::QueueReport(asked))?;
            match &which.xlsx {
                Some(file) => write_workbook(context, &told, file)?,
                None => context.show(&told, |told| report(context, told))?,
            }
        }
    }
    Ok(0)
}

fn queue_lines(context: &Context, view: &QueueView) {
    let longest_s = view.waiting.iter().map(|(_, ms)| ms / 1_000).max().unwrap_or(0);
    let agents = view.agents.iter().filter(|(_, count)| *count > 0);
    let mut agents: Vec<String> =
        agents.map(|(state, count)| format!("{} {count}", say::queue::state(context, *state))).collect();
    if view.no_room > 0 {
        agents.push(format!("{} {}", context.pick("容量不足", "no room"), view.no_room));
    }
    let (name, count, agents) = (&view.name, view.waiting.len(), agents.join(", "));
    context.say(
        format!("{name}：等待 {count}，最长 {longest_s} 秒；坐席 {agents}"),
        format!("{name}: {count} waiting, the longest for {longest_s} s; agents {agents}"),
    );
    for (call, ms) in &view.waiting {
        context.say(format!("  {call}  {} 秒", ms / 1_000), format!("  {call}  {} s", ms / 1_000));
    }
}

/// What a forecast goes by.
pub(super) fn forecast_inputs(context: &Context, told: &Forecast) {
    let days: Vec<String> = told.days.iter().map(|day| format!("{} {}", day.date, day.calls)).collect();
    let days = if days.is_empty() { context.pick("没有", "none").to_owned() } else { days.join(", ") };
    let handling = &told.handling;
    let (by_zh, by_en) = match handling.by {
        HandlingBy::Asked => ("指定", "as asked"),
        HandlingBy::Measured => ("实际通话加话后整理", "talks as measured, with after-work"),
        HandlingBy::Document => ("文档的 talk_seconds", "the document's talk_seconds"),
    };
    let (s, talk_s) = (handling.handling_ms / 1_000, handling.talk_ms / 1_000);
    let (after_s, answered) = (handling.after_work_ms / 1_000, handling.answered);
    let (percent, seconds) = (told.goal_percent, told.goal_seconds);
    context.say(
        format!("{} {}；所依据的日期和来电：{days}", told.queue, told.date),
        format!("{} {}; by the days and calls: {days}", told.queue, told.date),
    );
    context.say(
        format!("处理时长 {s} 秒（{by_zh}）：接听 {answered} 个，平均通话 {talk_s} 秒，话后整理 {after_s} 秒；目标 {percent}% 在 {seconds} 秒内"),
        format!("a call takes {s} s ({by_en}): {answered} answered, {talk_s} s of talk in the mean, {after_s} s of after-work; goal {percent}% within {seconds} s"),
    );
}

/// Quarters without calls are left out.
fn forecast_lines(context: &Context, told: &Forecast) {
    forecast_inputs(context, told);
    let tenths = |value: u64| format!("{}.{}%", value / 10, value % 10);
    let e2 = |value: u64| format!("{}.{:02}", value / 100, value % 100);
    let row = |one: &forecast::Quarter| {
        vec![
            one.from.clone(),
            e2(one.calls_e2),
            e2(one.calls_per_hour_e2),
            e2(one.erlangs_e2),
            one.agents.map_or_else(|| "–".to_owned(), |agents| agents.to_string()),
            tenths(one.occupancy_e1),
            tenths(one.waits_e1),
            tenths(one.in_time_e1),
            format!("{}.{} s", one.wait_ms / 1_000, one.wait_ms / 100 % 10),
        ]
    };
    let head = [
        ("时刻", "from"),
        ("来电", "calls"),
        ("每小时", "per hour"),
        ("话务量", "erlangs"),
        ("坐席", "agents"),
        ("占用率", "occupancy"),
        ("需等待", "wait"),
        ("按时", "in time"),
        ("平均等待", "mean wait"),
    ];
    let busy = told.quarters.iter().filter(|one| one.calls_e2 > 0);
    context.table(&head, &busy.map(row).collect::<Vec<_>>());
}

/// The counts of a service level with their names, in the order shown.
fn counts(one: &Service) -> [(&'static str, &'static str, u64); 13] {
    [
        ("进入", "offered", one.offered),
        ("接听", "answered", one.answered),
        ("按时接听", "in time", one.answered_in_time),
        ("放弃", "abandoned", one.abandoned),
        ("短时放弃", "short", one.short_abandoned),
        ("超时", "timed out", one.timed_out),
        ("无坐席转出", "left empty", one.left_empty),
        ("按键转出", "by key", one.by_key),
        ("溢出", "spilled", one.spilled),
        ("中断", "cut off", one.cut_off),
        ("已满未进", "full", one.full),
        ("无坐席未进", "nobody there", one.empty),
        ("回电", "callbacks", one.callbacks),
    ]
}

fn report(context: &Context, told: &[Service]) {
    for one in told {
        let (queue, from, to) = (&one.queue, &one.from, &one.to);
        print(&format!("{queue}  {from} – {to}"));
        let counts = counts(one).map(|(zh, en, count)| format!("{} {count}", context.pick(zh, en)));
        print(&format!("  {}", counts.join(", ")));
        if let Some(wait) = one.wait {
            let (average, median, longest) =
                (length(wait.average_ms), length(wait.median_ms), length(wait.longest_ms));
            context.say(
                format!("  接听前等待：平均 {average}，中位 {median}，最长 {longest}"),
                format!("  wait until answered: average {average}, median {median}, longest {longest}"),
            );
        }
        if !one.goal.is_set {
            context.say(
                "  文档没有规定服务水平，按 80/20 计算",
                "  the document sets no service level; counted by 80/20",
            );
        }
        context.say(format!("  服务水平 {}", one.formula.zh), format!("  service level {}", one.formula.en));
    }
    if told.is_empty() {
        context.say("没有进入队列的来电", "no calls joined a queue");
    }
}

/// One row a queue and part; a file that is there already stays as it is.
fn write_workbook(context: &Context, told: &[Service], file: &Path) -> Outcome<()> {
    let text = |text: &str| Cell::Text(text.to_owned());
    let names = counts(told.first().ok_or_else(|| {
        Refusal::not_found(
            "没有进入队列的来电，没有可写的内容",
            "no calls joined a queue; there is nothing to write",
        )
    })?);
    let mut head = vec![
        text(context.pick("队列", "queue")),
        text(context.pick("开始", "from")),
        text(context.pick("结束", "to")),
    ];
    head.extend(names.iter().map(|(zh, en, _)| text(context.pick(zh, en))));
    let behind = [
        ("平均等待秒", "average wait s"),
        ("最长等待秒", "longest wait s"),
        ("服务水平", "level"),
        ("达标", "met"),
        ("算式", "formula"),
    ];
    head.extend(behind.map(|(zh, en)| text(context.pick(zh, en))));
    let row = |one: &Service| {
        let mut row = vec![text(&one.queue), text(&one.from), text(&one.to)];
        row.extend(counts(one).map(|(_, _, count)| Cell::Number(count)));
        let seconds = |ms: Option<u64>| ms.map_or_else(|| text(""), |ms| Cell::Number(ms.div_ceil(1_000)));
        row.push(seconds(one.wait.map(|wait| wait.average_ms)));
        row.push(seconds(one.wait.map(|wait| wait.longest_ms)));
        row.push(Cell::Text(percent(one.level_percent_e2)));
        let met = one
            .is_met
            .map_or("", |met| if met { context.pick("是", "yes") } else { context.pick("否", "no") });
        row.push(text(met));
        row.push(text(context.pick(&one.formula.zh, &one.formula.en)));
        row
    };
    let rows: Vec<Vec<Cell>> = std::iter::once(head).chain(told.iter().map(row)).collect();
    let octets = workbook(&rows)?;
    let written = std::fs::File::create_new(file).and_then(|mut out| out.write_all(&octets));
    written.map_err(|error| Refusal::file(file, error))?;
    let count = told.len();
    context.say(
        format!("{count} 行已写入 {}", file.display()),
        format!("{count} rows are written to {}", file.display()),
    );
    Ok(())
}
