//! `sibai backtest`: a draft on the calls of a period, with the calls behind each figure.

mod waits;

use std::time::Duration;

use clap::{Args, ValueEnum};
use hotline::TenantId;
use hotline::backtest::Outcome as Decisions;

use super::pure::read_number;
use super::show::print;
use super::{Context, Need, Ran};
use crate::clock;
use crate::ops::backtest::{Backtest, Backtested, Listed, Planned, Wanted};
use crate::ops::{Outcome, Request};

/// The words of `backtest`.
#[derive(Args)]
#[command(
    after_help = "例 / examples:\n  sibai backtest huaxin 总机 --last 30d\n  sibai backtest huaxin 总机 --version 3 --last 7d --calls rung"
)]
pub struct Words {
    /// 企业 / the enterprise
    tenant: String,
    /// 流程 / the flow's name
    name: String,
    /// 最近多久的来电，如 30d、12h / the calls of the last days or hours
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = read_period)]
    last: Duration,
    /// 到何时为止，默认现在 / until when; now by default
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// 版本，不写为草稿 / a version; the draft without
    #[arg(long, value_name = "N")]
    version: Option<u32>,
    /// 只看这个号码，如同它使用此流程 / one number, as if it walked the flow
    #[arg(long)]
    number: Option<String>,
    /// 列出哪些来电 / which calls are listed
    #[arg(long, value_enum, value_name = "WHAT")]
    calls: Option<What>,
    /// 最多列出多少 / listed at most
    #[arg(long, default_value_t = 20)]
    limit: u32,
    /// 从这个来电之后列起 / listed behind this call
    #[arg(long, value_name = "CALL")]
    behind: Option<String>,
}

/// Which calls are listed.
#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// 所有不同的 / all that differ
    Differ,
    /// 所走步骤不同 / those that walk other steps
    Path,
    /// 振铃的人或顺序不同 / those that ring others, or in another order
    Rung,
    /// 队列不同 / those that wait in other queues
    Queue,
    /// 接听的人不同 / those that somebody else answers
    AnsweredBy,
    /// 结束原因不同 / those that end for another cause
    End,
    /// 结果不能完全知道 / those of which the end is not known
    Unknown,
    /// 在队列中等待的（实际或模型） / those that wait in a queue, as it was or by the queue model
    Waits,
    /// 其中主叫放弃等待的 / those of them that the caller gives up
    Abandons,
}

impl What {
    fn wanted(self) -> Wanted {
        match self {
            What::Differ => Wanted::Differ,
            What::Path => Wanted::Path,
            What::Rung => Wanted::Rung,
            What::Queue => Wanted::Queue,
            What::AnsweredBy => Wanted::AnsweredBy,
            What::End => Wanted::End,
            What::Unknown => Wanted::Unknown,
            What::Waits => Wanted::Waits,
            What::Abandons => Wanted::Abandons,
        }
    }
}

/// `30d`, `12h`, `45m`.
fn read_period(text: &str) -> Result<Duration, String> {
    let wrong = || "30d, 12h, 45m".to_owned();
    let end = text.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(wrong)?;
    let (digits, unit) = text.split_at(end);
    let count: u64 = digits.parse().map_err(|_| wrong())?;
    let seconds = match unit {
        "d" => count.checked_mul(86_400),
        "h" => count.checked_mul(3_600),
        "m" => count.checked_mul(60),
        _ => None,
    };
    // Nobody keeps calls for longer than a hundred years.
    seconds
        .filter(|seconds| (1..=36_500 * 86_400).contains(seconds))
        .map(Duration::from_secs)
        .ok_or_else(wrong)
}

/// `sibai backtest`
pub fn run(context: &Context, words: &Words) -> Ran {
    let asked = asked(context, words)?;
    let planned: Planned = context.ask(Need::Data, &Request::BacktestPlan(asked.clone()))?;
    let text = format!("{} 次来电 / {} calls …", planned.calls, planned.calls);
    context.progress(&text);
    let found: Outcome<Backtested> = context.ask(Need::Data, &Request::Backtest(asked));
    context.progress_done();
    context.show(&found?, |found| show(context, found))?;
    Ok(0)
}

fn asked(context: &Context, words: &Words) -> Outcome<Backtest> {
    let until = match &words.until {
        Some(text) => context.instant(text)?,
        None => clock::wall(),
    };
    let since = hotline::Wall(until.0.saturating_sub(words.last.as_millis() as i64).max(0));
    Ok(Backtest {
        tenant: TenantId::new(&words.tenant),
        name: words.name.clone(),
        version: words.version,
        number: words.number.as_deref().map(read_number).transpose()?,
        since,
        until,
        list: words.calls.map(What::wanted),
        limit: words.limit,
        behind: words.behind.as_deref().map(super::pages::call).transpose()?,
    })
}

fn show(context: &Context, found: &Backtested) {
    let Backtested { name, version, calls, same, differ, open, since, until, .. } = found;
    let (zh, en) = match version {
        0 => ("草稿".to_owned(), "the draft".to_owned()),
        version => (format!("版本 {version}"), format!("version {version}")),
    };
    let numbers: Vec<String> = found.numbers.iter().map(|number| number.grouped()).collect();
    context.say(
        format!("“{name}”{zh}，{}，{since} 至 {until}：{calls} 次来电", numbers.join("、")),
        format!("{name:?}, {en}, {}, {since} to {until}: {calls} calls", numbers.join(", ")),
    );
    context.say(format!("  {same} 次走同样的路"), format!("  {same} would go the same way"));
    context.say(format!("  {differ} 次不同"), format!("  {differ} would go another way"));
    for (code, count) in &found.kinds {
        let (zh, en) = kind(code);
        context.say(format!("    {count} 次{zh} [{code}]"), format!("    {count} {en} [{code}]"));
    }
    context.say(
        format!("  {open} 次就已知而言相同"),
        format!("  {open} would go the same way as far as that is known"),
    );
    for (code, count) in &found.unknown {
        let (zh, en) = unknown(code);
        context.say(format!("    {count} 次{zh} [{code}]"), format!("    {count} {en} [{code}]"));
    }
    for (code, count) in &found.left {
        let (zh, en) = left(code);
        context.say(
            format!("  {count} 次未回放：{zh} [{code}]"),
            format!("  {count} not told again: {en} [{code}]"),
        );
    }
    if found.by_model > 0 {
        context.say(
            format!("  其中 {} 次按话机在其他来电中的表现推算", found.by_model),
            format!("  {} of them by how phones took other calls", found.by_model),
        );
    }
    found.listed.iter().for_each(|one| list(context, one));
    if let Some(found) = &found.waits {
        waits::show(context, found);
    }
}

fn list(context: &Context, one: &Listed) {
    let kinds: Vec<&str> = one.kinds.iter().map(|kind| kind.code()).collect();
    let model = if one.by_model { context.pick("（推算）", " (by model)") } else { "" };
    print(&format!("{} {} {} [{}]{model}", one.call, one.at, one.number.grouped(), kinds.join(", ")));
    print(&format!("  {} {}", context.pick("实际", "was  "), decisions(&one.was)));
    print(&format!("  {} {}", context.pick("将会", "would"), decisions(&one.would)));
    if let Some(why) = &one.unknown {
        let (zh, en) = unknown(&why.code);
        print(&format!("  ? {} {} [{}]", context.pick(zh, en), why.at, why.code));
    }
}

fn decisions(of: &Decisions) -> String {
    let arrows = |list: &[String]| list.join(" → ");
    let mut text = arrows(&of.path);
    if !of.queues.is_empty() {
        text += &format!(" ▸ {}", arrows(&of.queues));
    }
    if !of.rung.is_empty() {
        text += &format!(" ☎ {}", arrows(&of.rung));
    }
    if let Some(name) = &of.answered_by {
        text += &format!(" ✓ {name}");
    }
    match of.end {
        Some(end) => text + &format!(" ■ {}", end.code()),
        None => text + " …",
    }
}

fn kind(code: &str) -> (&'static str, &'static str) {
    match code {
        "path" => ("所走步骤不同", "walk other steps"),
        "rung" => ("振铃的人或顺序不同", "ring others, or in another order"),
        "queue" => ("队列不同", "wait in other queues"),
        "answered_by" => ("接听的人不同", "are answered by somebody else"),
        _ => ("结束原因不同", "end for another cause"),
    }
}

fn unknown(code: &str) -> (&'static str, &'static str) {
    match code {
        "never_asked" => ("会问到主叫从未被问过的问题", "come to a question that the caller was not asked"),
        "never_fetched" => ("会问到外部服务未被问过的内容", "ask a server outside what it was not asked"),
        "never_rung" => ("会呼叫从未振铃的话机", "ring a phone that was not rung"),
        "never_queued" => ("会进入未曾等待的队列", "come into a queue in which the call did not wait"),
        "secret" => ("由不记录的按键决定", "go by keys that are told nowhere"),
        "chance" => ("由随机决定", "go by chance"),
        _ => ("之后的情况没有记录", "go on for longer than is known"),
    }
}

fn left(code: &str) -> (&'static str, &'static str) {
    match code {
        "refused_before" => ("在流程之前已被拒绝", "refused before any flow"),
        "called_back" => ("平台回拨", "the platform called back"),
        "crisis" => ("应急公告期间", "in a crisis"),
        _ => ("记录不完整", "the log is not whole"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_days_hours_or_minutes() {
        assert_eq!(read_period("30d"), Ok(Duration::from_secs(30 * 86_400)));
        assert_eq!(read_period("12h"), Ok(Duration::from_secs(12 * 3_600)));
        assert_eq!(read_period("45m"), Ok(Duration::from_secs(45 * 60)));
        for wrong in ["", "0d", "d", "5", "3w", "99999999999999999999d", "-1d", "999999d"] {
            assert!(read_period(wrong).is_err(), "{wrong}");
        }
    }
}
