//! Lists of calls, also as CSV, and one call whole.

use clap::Args;
use hotline::cdr::{AnswerStatus, ResultRecord};
use hotline::rating::ChargeKind;
use hotline::region::normalise;
use hotline::{CallId, TenantId};

use super::pure::read_number;
use super::show::{code, length, print, print_raw};
use super::{Client, Context, Need, Ran, say};
use crate::ops::calls::{HelpRow, HelpStanding, Helps, List, One, Range, Row, Whole};
use crate::ops::{Outcome, PAGE_MAX, Refusal, Request};

/// The words of `calls`.
#[derive(Args)]
#[command(
    after_help = "例 / examples:\n  sibai calls --number 4006010114 --since 2026-10-01\n  sibai calls --status no_answer --limit 1000 --csv > calls.csv"
)]
pub struct Calls {
    /// 400 号码 / one number's
    #[arg(long)]
    number: Option<String>,
    /// 企业 / one enterprise's
    #[arg(long)]
    tenant: Option<String>,
    /// 从何时起 / begun at or after
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// 到何时止 / begun before
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// 主叫号码 / from this caller
    #[arg(long)]
    caller: Option<String>,
    /// answered、busy、no_answer、abandoned、barred、failed
    #[arg(long, value_parser = read_status)]
    status: Option<AnswerStatus>,
    /// 最多几条 / at most
    #[arg(long, default_value_t = 20)]
    limit: u32,
    /// 早于此通话，用于翻页 / older than this call: the next page
    #[arg(long, value_name = "CALL")]
    older_than: Option<String>,
    /// 九个字段的 CSV / the nine fields as CSV
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// 分机的紧急呼叫，不计费 / emergency calls of phones, charged to nobody
    #[arg(long, conflicts_with_all = ["number", "since", "until", "caller", "status", "older_than", "csv"])]
    emergency: bool,
}

fn read_status(text: &str) -> Result<AnswerStatus, String> {
    serde_json::from_value(text.into())
        .map_err(|_| "answered, busy, no_answer, abandoned, barred, failed".to_owned())
}

/// Number and times of calls as the command line has them.
pub(super) fn range(
    context: &Context,
    number: Option<&str>,
    since: Option<&str>,
    until: Option<&str>,
) -> Outcome<Range> {
    let instant = |text: Option<&str>| text.map(|text| context.instant(text)).transpose();
    let number = number.map(read_number).transpose()?;
    Ok(Range { number, since: instant(since)?, until: instant(until)?, older_than: None })
}

/// `sibai calls`
pub fn list(context: &Context, words: &Calls) -> Ran {
    if words.emergency {
        return list_helps(context, words);
    }
    let client = Client::open(&context.place, Need::Data)?;
    let mut range = range(context, words.number.as_deref(), words.since.as_deref(), words.until.as_deref())?;
    range.older_than = words.older_than.as_deref().map(read_call).transpose()?;
    let mut asked = List {
        tenant: words.tenant.as_deref().map(TenantId::new),
        range,
        caller: words.caller.as_deref().map(|caller| normalise(caller, None).number),
        status: words.status,
        limit: 0,
    };
    if words.csv {
        print_raw(&csv_head(context));
    }
    let mut shown = Vec::new();
    let mut left = words.limit;
    while left > 0 {
        asked.limit = left.min(PAGE_MAX);
        let page: Vec<Row> = client.ask(&Request::Calls(asked.clone()))?;
        let last = page.len() < asked.limit as usize;
        left -= page.len() as u32;
        asked.range.older_than = page.last().map(|row| row.call);
        if words.csv {
            print_raw(&page.iter().map(|row| csv_row(context, row)).collect::<String>());
        } else {
            shown.extend(page);
        }
        if last {
            break;
        }
    }
    if !words.csv {
        context.show(&shown, |shown| show_rows(context, shown))?;
    }
    Ok(0)
}

fn list_helps(context: &Context, words: &Calls) -> Ran {
    let tenant = words.tenant.as_deref().map(TenantId::new);
    let rows: Vec<HelpRow> =
        context.ask(Need::Data, &Request::HelpCalls(Helps { tenant, limit: words.limit }))?;
    let head = [
        ("起始时间", "began"),
        ("企业", "enterprise"),
        ("分机", "phone"),
        ("被叫", "called"),
        ("中继", "trunk"),
        ("状况", "status"),
        ("时长", "talk"),
        ("通话", "call"),
    ];
    let row = |row: &HelpRow| {
        let (zh, en) = match row.standing {
            HelpStanding::Left => ("已呼出", "left"),
            HelpStanding::Talking => ("通话中", "talking"),
            HelpStanding::Answered => ("接听", "answered"),
            HelpStanding::Abandoned => ("主叫放弃", "abandoned"),
            HelpStanding::Failed => ("未能呼出", "failed"),
        };
        vec![
            row.started_at.clone(),
            row.tenant.to_string(),
            row.extension.clone(),
            row.dialled.clone(),
            row.trunk.clone(),
            context.pick(zh, en).to_owned(),
            row.talk_ms.map(length).unwrap_or_default(),
            row.call.to_string(),
        ]
    };
    context.show(&rows, |rows| match rows.as_slice() {
        [] => context.say("没有紧急呼叫", "no emergency calls"),
        rows => context.table(&head, &rows.iter().map(row).collect::<Vec<_>>()),
    })?;
    Ok(0)
}

fn show_rows(context: &Context, rows: &[Row]) {
    let head = [
        ("区号", "area"),
        ("地区", "region"),
        ("主叫", "caller"),
        ("接听号码", "answered by"),
        ("起始时间", "began"),
        ("状况", "status"),
        ("时长", "talk"),
        ("费用", "fee"),
        ("录音", "recording"),
        ("400 号码", "number"),
        ("通话", "call"),
    ];
    let row = |row: &Row| {
        vec![
            row.area_code.clone(),
            row.region.clone(),
            row.caller.clone(),
            row.answered_by.clone(),
            row.started_at.clone(),
            say::status(context, row.status).to_owned(),
            length(row.talk_ms),
            row.fee.to_string(),
            context
                .pick(
                    if row.recording.is_some() { "有" } else { "" },
                    if row.recording.is_some() { "yes" } else { "" },
                )
                .to_owned(),
            row.number.to_string(),
            row.call.to_string(),
        ]
    };
    context.table(&head, &rows.iter().map(row).collect::<Vec<_>>());
    if rows.is_empty() {
        context.say("没有通话", "no calls");
    }
}

/// The nine fields of row D01, with a mark of UTF-8 for spreadsheets.
fn csv_head(context: &Context) -> String {
    let zh = "呼入号码区号,呼入号码地区,呼入号码,接听号码,起始时间,接听状况,通话时长,通话费用,录音";
    let en = "area code,region,caller,answered by,began,status,talk seconds,fee,recording";
    format!("\u{feff}{}\r\n", context.pick(zh, en))
}

fn csv_row(context: &Context, row: &Row) -> String {
    let answered = row.status == AnswerStatus::Answered;
    let status = context
        .pick(if answered { "接听" } else { "未接听" }, if answered { "answered" } else { "not answered" });
    let cells = [
        row.area_code.as_str(),
        &row.region,
        &row.caller,
        &row.answered_by,
        &row.started_at,
        status,
        &row.talk_ms.div_ceil(1000).to_string(),
        &row.fee.to_string(),
        &row.recording.map(|id| id.to_string()).unwrap_or_default(),
    ];
    format!("{}\r\n", cells.map(csv_cell).join(","))
}

/// A cell that no spreadsheet takes for a formula (FAULTS P2), quoted where it has to be (RFC 4180).
fn csv_cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

/// The words of `call-record`.
#[derive(Args)]
#[command(after_help = "例 / example: sibai call-record 06g2q7h4k0000000000000000t")]
pub struct CallRecord {
    /// 通话编号，见 sibai calls / the call's id, as `sibai calls` shows it
    call: String,
}

fn read_call(text: &str) -> Outcome<CallId> {
    text.parse()
        .map_err(|_| Refusal::invalid(format!("{text} 不是通话编号"), format!("{text} is no id of a call")))
}

/// `sibai call-record`
pub fn record(context: &Context, words: &CallRecord) -> Ran {
    let request = Request::CallRecord(One { call: read_call(&words.call)? });
    let whole: Whole = context.ask(Need::Data, &request)?;
    context.show(&whole, |whole| show_whole(context, whole))?;
    Ok(0)
}

fn show_whole(context: &Context, whole: &Whole) {
    let record = &whole.record;
    print(&format!(
        "{}  {} → {}  {}",
        record.call,
        record.caller,
        record.number.grouped(),
        record.started_at.beijing()
    ));
    context.say(
        format!(
            "{}：{}，通话 {}，{}",
            say::status(context, record.status),
            say::cause(context, record.cause),
            length(record.talk_ms),
            record.tenant
        ),
        format!(
            "{}: {}, talk {}, {}",
            say::status(context, record.status),
            say::cause(context, record.cause),
            length(record.talk_ms),
            record.tenant
        ),
    );
    if !record.queue.is_empty() {
        let (queue, wait, offers) = (&record.queue, length(record.wait_ms), record.offers);
        let agent = if record.agent.is_empty() { "–" } else { &record.agent };
        context.say(
            format!("队列“{queue}”，等待 {wait}，分配 {offers} 次，坐席 {agent}"),
            format!("queue {queue:?}, waited {wait}, offered {offers} times, agent {agent}"),
        );
    }
    if let Some(rating) = &record.rating {
        let score = rating.score.map_or("–".to_owned(), |score| score.to_string());
        context.say(format!("满意度评分 {score}"), format!("rated {score}"));
    }
    for result in &record.results {
        let ResultRecord { agent, code, name, by, .. } = result;
        let by = if by.is_empty() { context.pick("默认", "by default") } else { by };
        let what = if code.is_empty() { "–".to_owned() } else { format!("{name} ({code}), {by}") };
        context.say(format!("坐席 {agent} 处理结果：{what}"), format!("result of agent {agent}: {what}"));
    }
    heading(context, "经过", "what happened");
    for line in say::facts(context, &whole.facts, whole.wall_offset_ms) {
        print(&format!("  {line}"));
    }
    show_legs(context, whole);
    show_money(context, whole);
    if !whole.notes.is_empty() {
        heading(context, "坐席备注", "agents' notes");
        for note in &whole.notes {
            print(&format!("  {} {}: {}", note.written_at, note.agent, note.text.replace('\n', "\n    ")));
        }
    }
    if let Some(file) = &whole.recording {
        heading(context, "录音", "recording");
        let cut = if file.interrupted { context.pick("（中断）", " (interrupted)") } else { "" };
        print(&format!("  {}  {}{cut}", file.path, length(file.duration_ms)));
    }
    if !whole.messages.is_empty() {
        heading(context, "信令", "SIP");
        print_raw(&say::ladder(context, &whole.messages));
    }
}

fn heading(context: &Context, zh: &str, en: &str) {
    print("");
    context.say(zh, en);
}

fn show_legs(context: &Context, whole: &Whole) {
    let quality = |quality: &Option<hotline::cdr::Quality>| {
        quality.map_or(String::new(), |q| {
            format!(
                "{} / {} / {:.1} ms / {:.2}",
                q.received,
                q.lost,
                f64::from(q.jitter_us) / 1e3,
                f64::from(q.mos_e2) / 100.0
            )
        })
    };
    let mut rows = vec![vec![
        "0".to_owned(),
        context.pick("主叫", "caller").to_owned(),
        whole.record.caller.clone(),
        whole.record.trunk.clone(),
        String::new(),
        quality(&whole.record.quality),
    ]];
    rows.extend(whole.record.legs.iter().map(|leg| {
        let outcome = format!("{} {}", code(&leg.outcome), leg.status);
        vec![
            leg.leg.to_string(),
            leg.destination.clone(),
            leg.dialled.clone(),
            leg.trunk.clone(),
            outcome,
            quality(&leg.quality),
        ]
    }));
    heading(context, "各腿", "legs");
    let head = [
        ("腿", "leg"),
        ("绑定号码", "destination"),
        ("号码", "number"),
        ("中继", "trunk"),
        ("结果", "outcome"),
        ("收包 / 丢包 / 抖动 / MOS", "received / lost / jitter / MOS"),
    ];
    context.table(&head, &rows);
}

fn show_money(context: &Context, whole: &Whole) {
    if whole.charges.is_empty() {
        return;
    }
    heading(context, "费用", "charges");
    for priced in &whole.charges {
        let charge = &priced.charge;
        let kind = match charge.kind {
            ChargeKind::Sale => context.pick("费用", "sale"),
            ChargeKind::Cost => context.pick("成本", "cost"),
        };
        let revision = if charge.revision > 0 { format!(" #{}", charge.revision) } else { String::new() };
        print(&format!(
            "  {kind}{revision} {}  {} v{} {}",
            charge.amount_e4,
            charge.plan,
            charge.tariff_version,
            charge.zone.code()
        ));
        for step in &priced.steps {
            print(&format!("    {step}"));
        }
    }
    heading(context, "分录", "entries");
    let row = |entry: &hotline::ledger::Entry| {
        vec![
            entry.posted_at.beijing().to_string(),
            entry.debit.to_string(),
            entry.credit.to_string(),
            entry.amount_e4.to_string(),
        ]
    };
    let rows: Vec<_> = whole.entries.iter().map(row).collect();
    context.table(&[("时间", "posted"), ("借", "debit"), ("贷", "credit"), ("金额", "amount")], &rows);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_p2_no_cell_is_a_formula() {
        for (cell, written) in [
            ("=cmd()", "'=cmd()"),
            ("+8613800138000", "'+8613800138000"),
            ("-1", "'-1"),
            ("@x", "'@x"),
            ("\tx", "'\tx"),
            ("\rx", "\"'\rx\""),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("01088886666", "01088886666"),
        ] {
            assert_eq!(csv_cell(cell), written);
        }
    }
}
