//! `sibai quality list|show|prescore`: evaluations as they stand, and what a machine says of calls (row Q19).

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use hotline::quality::Sheet;
use hotline::{CallId, TenantId};
use serde::{Deserialize, Serialize};
use store::{EvaluationKind, EvaluationState};

use crate::cli::pages::pages;
use crate::cli::show::print_raw;
use crate::cli::{Client, Context, Need, Ran};
use crate::ops::quality::evaluations::{Filter, Listed, Prescore, Which, Whole};
use crate::ops::{Outcome, Refusal, Request};

/// The words of `quality list`.
#[derive(Args)]
#[command(
    after_help = "例 / examples:\n  sibai quality list huaxin --agent 8001\n  sibai quality list huaxin --kind machine --since 2026-10-01"
)]
pub struct ListWords {
    /// 企业 / the enterprise
    tenant: String,
    /// 类别 / of this kind
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// 坐席工号 / of this agent
    #[arg(long)]
    agent: Option<String>,
    /// 队列 / of this queue
    #[arg(long)]
    queue: Option<String>,
    /// 评分人 / of this reviewer
    #[arg(long)]
    reviewer: Option<String>,
    /// 从哪一周起 / of calls from this day's week on
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// 到哪一周止 / of calls up to this day's week
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// 最多几条 / at most
    #[arg(long, default_value_t = 20)]
    limit: u32,
}

/// A kind as it is typed.
#[derive(Clone, Copy, ValueEnum)]
pub enum Kind {
    /// 人工 / by a person
    Human,
    /// 机器预评分 / a machine's
    Machine,
    /// 校准 / of a calibration
    Calibration,
}

/// The words of `quality show`.
#[derive(Args)]
pub struct ShowWords {
    /// 企业 / the enterprise
    tenant: String,
    /// 评分编号 / the evaluation's number
    evaluation: u32,
}

/// The words of `quality prescore`.
#[derive(Args)]
#[command(
    after_help = "文件每行一个 JSON 对象 / one JSON object a line:\n  {\"call\": \"01…\", \"form\": \"service\", \"sheet\": {\"answers\": {\"greeting\": \"yes\"}}}\n例 / example: sibai quality prescore huaxin scores.jsonl --machine robot-1"
)]
pub struct PrescoreWords {
    /// 企业 / the enterprise
    tenant: String,
    /// 文件（每行一个 JSON 对象；- 为标准输入）/ the file (one JSON object a line; - is standard input)
    file: PathBuf,
    /// 机器名称 / what the machine is called
    #[arg(long)]
    machine: String,
}

/// A line of such a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    call: CallId,
    form: String,
    #[serde(default)]
    version: Option<u32>,
    sheet: Sheet,
}

/// What became of such a file.
#[derive(Serialize)]
struct Brought {
    /// Lines that were taken.
    taken: u64,
    /// Those that this machine had said before.
    there: u64,
    /// Those that were not taken, with their line and why.
    refused: Vec<(usize, Refusal)>,
}

/// Lists evaluations.
pub fn list(context: &Context, words: &ListWords) -> Ran {
    let instant = |text: &Option<String>| text.as_deref().map(|text| context.instant(text)).transpose();
    let first = Filter {
        tenant: words.tenant.clone(),
        kind: words.kind.map(|kind| match kind {
            Kind::Human => EvaluationKind::Human,
            Kind::Machine => EvaluationKind::Machine,
            Kind::Calibration => EvaluationKind::Calibration,
        }),
        agent: words.agent.clone(),
        queue: words.queue.clone(),
        reviewer: words.reviewer.clone(),
        since: instant(&words.since)?,
        until: instant(&words.until)?,
        ..Filter::default()
    };
    let found = pages(context, words.limit.into(), |limit, last: Option<&Listed>| {
        let older_than = last.map(|last| last.evaluation);
        Request::Evaluations(Filter { older_than, limit, ..first.clone() })
    })?;
    context.show(&found, |found| table(context, found))?;
    Ok(0)
}

/// Shows one evaluation.
pub fn show(context: &Context, words: &ShowWords) -> Ran {
    let of = Which { tenant: TenantId::new(&words.tenant), evaluation: words.evaluation };
    let whole: Whole = context.ask(Need::Data, &Request::EvaluationShow(of))?;
    let text = serde_json::to_string_pretty(&whole).map_err(Refusal::bad_request)?;
    context.show(&whole, |whole| {
        table(context, std::slice::from_ref(&whole.listed));
        print_raw(&format!("{text}\n"));
    })?;
    Ok(0)
}

/// Brings what a machine says; 1 if a line was refused.
pub fn prescore(context: &Context, words: &PrescoreWords) -> Ran {
    let text = context.read_file(&words.file)?;
    let client = Client::open(&context.place, Need::Data)?;
    let mut brought = Brought { taken: 0, there: 0, refused: Vec::new() };
    for (place, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let told = read(line).and_then(|line| {
            client.ask::<Listed>(&Request::Prescore(Prescore {
                tenant: TenantId::new(&words.tenant),
                call: line.call,
                form: line.form,
                version: line.version,
                sheet: line.sheet,
                machine: words.machine.clone(),
                by: context.by.clone(),
            }))
        });
        match told {
            Ok(_) => brought.taken += 1,
            Err(refusal) if refusal.code == crate::ops::Code::AlreadyThere => brought.there += 1,
            Err(refusal) => brought.refused.push((place + 1, refusal)),
        }
    }
    context.show(&brought, |brought| {
        let (taken, there, refused) = (brought.taken, brought.there, brought.refused.len());
        context.say(
            format!("机器预评分：收下 {taken} 条，已有 {there} 条，拒绝 {refused} 条"),
            format!("machine scores: {taken} taken, {there} there before, {refused} refused"),
        );
        for (line, refusal) in &brought.refused {
            let why = refusal.text(context.language);
            context.say(format!("第 {line} 行：{why}"), format!("line {line}: {why}"));
        }
    })?;
    Ok(u8::from(!brought.refused.is_empty()))
}

fn read(line: &str) -> Outcome<Line> {
    serde_json::from_str(line).map_err(Refusal::bad_request)
}

fn kind(context: &Context, kind: EvaluationKind) -> &'static str {
    let (zh, en) = match kind {
        EvaluationKind::Human => ("人工", "human"),
        EvaluationKind::Machine => ("机器", "machine"),
        EvaluationKind::Calibration => ("校准", "calibration"),
    };
    context.pick(zh, en)
}

fn state(context: &Context, state: EvaluationState) -> &'static str {
    let (zh, en) = match state {
        EvaluationState::Open => ("未提交", "open"),
        EvaluationState::Submitted => ("已提交", "submitted"),
        EvaluationState::Acknowledged => ("坐席已确认", "acknowledged"),
        EvaluationState::Appealed => ("申诉中", "appealed"),
        EvaluationState::Upheld => ("维持", "upheld"),
        EvaluationState::Changed => ("已更改", "changed"),
    };
    context.pick(zh, en)
}

/// `85.00`, as percent.
pub fn percent(percent_e2: u32) -> String {
    format!("{}.{:02}", percent_e2 / 100, percent_e2 % 100)
}

fn table(context: &Context, found: &[Listed]) {
    let row = |one: &Listed| {
        let passed = one.passed.map(|passed| match passed {
            true => context.pick("合格", "passed"),
            false => context.pick("不合格", "not passed"),
        });
        vec![
            one.evaluation.to_string(),
            kind(context, one.kind).to_owned(),
            state(context, one.state).to_owned(),
            one.agent.clone(),
            one.queue.clone(),
            one.week.clone(),
            format!("{} {}", one.form, one.form_version),
            one.reviewer.clone(),
            one.percent_e2.map(percent).unwrap_or_default(),
            passed.unwrap_or_default().to_owned(),
            context
                .pick(if one.counts { "计入" } else { "" }, if one.counts { "counts" } else { "" })
                .to_owned(),
            one.call.to_string(),
        ]
    };
    let head = [
        ("评分", "no"),
        ("类别", "kind"),
        ("状态", "state"),
        ("坐席", "agent"),
        ("队列", "queue"),
        ("周", "week"),
        ("质检表", "form"),
        ("评分人", "reviewer"),
        ("得分", "percent"),
        ("结果", "result"),
        ("计入", "counts"),
        ("通话", "call"),
    ];
    context.table(&head, &found.iter().map(row).collect::<Vec<_>>());
    if found.is_empty() {
        context.say("没有评分", "no evaluations");
    }
}
