//! `sibai quality rule|sample|calibrate|calibration|agreement|report`: what is drawn, compared and summed (row Q19).

use std::path::PathBuf;

use clap::{Args, Subcommand};
use hotline::TenantId;

use super::evaluations::percent;
use crate::cli::pages::{call, pages};
use crate::cli::{Context, Need, Ran};
use crate::ops::Request;
use crate::ops::quality::calibrations::{self, Agreed, Shown};
use crate::ops::quality::report::{Asked, By, Figures, Row};
use crate::ops::quality::samples::{Draw, Drawn, ListDraws, ListRules, PutRule, Rule};

/// The words of `quality rule`.
#[derive(Subcommand)]
pub enum RuleWords {
    /// 只检查，不保存 / says what is wrong with a rule, and keeps nothing
    Check(PutWords),
    /// 保存规则，代替同名的 / keeps a rule in the place of the one of its name
    #[command(after_help = "例 / example: sibai quality rule put huaxin examples/sample.yaml")]
    Put(PutWords),
    /// 列出规则 / lists rules
    List {
        /// 企业 / the enterprise
        tenant: String,
    },
}

/// A rule in a file.
#[derive(Args)]
pub struct PutWords {
    /// 企业 / the enterprise
    tenant: String,
    /// 规则文件（YAML 或 JSON；- 为标准输入）/ the rule (YAML or JSON; - is standard input)
    file: PathBuf,
}

/// The words of `quality sample`.
#[derive(Args)]
#[command(
    after_help = "例 / examples:\n  sibai quality sample huaxin\n  sibai quality sample huaxin --rule weekly --week 2026-11-16"
)]
pub struct SampleWords {
    /// 企业 / the enterprise
    tenant: String,
    /// 立即按此规则抽样；不写则列出各周抽样 / draws by this rule now; lists what was drawn without
    #[arg(long)]
    rule: Option<String>,
    /// 哪一周（其中任一天）；默认最近结束的一周 / a day of the week; the last week that is over by default
    #[arg(long, value_name = "DATE", requires = "rule")]
    week: Option<String>,
}

/// The words of `quality calibrate`.
#[derive(Args)]
#[command(
    after_help = "例 / example: sibai quality calibrate huaxin 01m4pzyw4p19bahctak06fwb22 service chen wu"
)]
pub struct CalibrateWords {
    /// 企业 / the enterprise
    tenant: String,
    /// 通话 / the call
    call: String,
    /// 质检表 / the form
    form: String,
    /// 评分人账号，2 至 10 名 / the reviewers' accounts, 2 to 10
    #[arg(required = true)]
    reviewers: Vec<String>,
}

/// The words of `quality report`.
#[derive(Args)]
#[command(
    after_help = "例 / examples:\n  sibai quality report huaxin\n  sibai quality report huaxin --agent 8001 --each week --since 2026-09-01"
)]
pub struct ReportWords {
    /// 企业 / the enterprise
    tenant: String,
    /// 每行是坐席、队列还是一周 / what a row is of
    #[arg(long, value_enum, default_value = "agent")]
    each: By,
    /// 坐席工号 / of this agent
    #[arg(long)]
    agent: Option<String>,
    /// 队列 / of this queue
    #[arg(long)]
    queue: Option<String>,
    /// 质检表 / by this form
    #[arg(long)]
    form: Option<String>,
    /// 从哪一周起，默认四周 / of calls from this day's week on; four weeks by default
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// 到哪一周止 / of calls up to this day's week
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

/// `sibai quality rule …`
pub fn rule(context: &Context, words: &RuleWords) -> Ran {
    let rules: Vec<Rule> = match words {
        RuleWords::Check(words) => vec![put(context, words, false)?],
        RuleWords::Put(words) => vec![put(context, words, true)?],
        RuleWords::List { tenant } => pages(context, u64::MAX, |limit, last: Option<&Rule>| {
            let (tenant, behind) = (TenantId::new(tenant), last.map(|last| last.name.clone()));
            Request::SampleRules(ListRules { tenant, behind, limit })
        })?,
    };
    context.show(&rules, |rules| rule_table(context, rules))?;
    Ok(0)
}

fn put(context: &Context, words: &PutWords, apply: bool) -> crate::ops::Outcome<Rule> {
    let (tenant, text) = (TenantId::new(&words.tenant), context.read_file(&words.file)?);
    let by = context.by.clone();
    context.ask(Need::Data, &Request::SampleRulePut(PutRule { tenant, text, apply, by }))
}

fn rule_table(context: &Context, rules: &[Rule]) {
    let row = |one: &Rule| {
        vec![
            one.name.clone(),
            one.form.clone(),
            one.calls_per_week.to_string(),
            one.queue.clone().unwrap_or_default(),
            one.number.clone().unwrap_or_default(),
            format!("{} s", one.talk_seconds_min),
            one.reviewers.join(" "),
            one.appeal_days.to_string(),
            context
                .pick(if one.enabled { "启用" } else { "停用" }, if one.enabled { "on" } else { "off" })
                .into(),
            one.since.clone(),
        ]
    };
    let head = [
        ("规则", "rule"),
        ("质检表", "form"),
        ("每周通话", "calls a week"),
        ("队列", "queue"),
        ("号码", "number"),
        ("最短通话", "talk at least"),
        ("评分人", "reviewers"),
        ("申诉天数", "days to appeal"),
        ("状态", "state"),
        ("起始周", "since"),
    ];
    context.table(&head, &rules.iter().map(row).collect::<Vec<_>>());
}

/// `sibai quality sample`
pub fn sample(context: &Context, words: &SampleWords) -> Ran {
    let tenant = TenantId::new(&words.tenant);
    let drawn: Vec<Drawn> = match &words.rule {
        None => pages(context, u64::MAX, |limit, last: Option<&Drawn>| {
            let behind = last.map(|last| (last.week.clone(), last.rule.clone()));
            Request::SampleDraws(ListDraws { tenant: tenant.clone(), behind, limit })
        })?,
        Some(rule) => {
            let week = words.week.as_deref().map(|text| context.instant(text)).transpose()?;
            let draw = Draw { tenant, rule: rule.clone(), week };
            vec![context.ask(Need::Data, &Request::SampleDraw(draw))?]
        }
    };
    context.show(&drawn, |drawn| {
        let row = |one: &Drawn| {
            vec![
                one.rule.clone(),
                one.week.clone(),
                format!("{} {}", one.form, one.form_version),
                one.calls.to_string(),
                one.drawn.to_string(),
                one.drawn_at.clone(),
            ]
        };
        let head = [
            ("规则", "rule"),
            ("周", "week"),
            ("质检表", "form"),
            ("可抽通话", "calls"),
            ("抽中", "drawn"),
            ("时间", "at"),
        ];
        context.table(&head, &drawn.iter().map(row).collect::<Vec<_>>());
    })?;
    Ok(0)
}

/// `sibai quality calibrate`
pub fn calibrate(context: &Context, words: &CalibrateWords) -> Ran {
    let open = calibrations::Open {
        tenant: TenantId::new(&words.tenant),
        call: call(&words.call)?,
        form: words.form.clone(),
        reviewers: words.reviewers.clone(),
        by: context.by.clone(),
    };
    let shown: Shown = context.ask(Need::Data, &Request::CalibrationOpen(open))?;
    context.show(&shown, |shown| show(context, shown))?;
    Ok(0)
}

/// `sibai quality calibration`
pub fn calibration(context: &Context, tenant: &str, calibration: u32) -> Ran {
    let of = calibrations::Which { tenant: TenantId::new(tenant), calibration };
    let shown: Shown = context.ask(Need::Data, &Request::CalibrationShow(of))?;
    context.show(&shown, |shown| show(context, shown))?;
    Ok(0)
}

fn show(context: &Context, shown: &Shown) {
    let (number, call) = (shown.calibration, shown.call);
    context.say(format!("校准 {number}：通话 {call}"), format!("calibration {number}: call {call}"));
    for part in &shown.reviewers {
        let said = match (part.submitted, part.percent_e2) {
            (_, Some(score)) => percent(score),
            (true, None) => context.pick("已提交", "in").to_owned(),
            (false, None) => context.pick("未提交", "not in").to_owned(),
        };
        context.say(format!("{}：{said}", part.reviewer), format!("{}: {said}", part.reviewer));
    }
    if !shown.complete {
        context.say("全部提交后显示各人的回答", "what was said is shown once all are in");
        return;
    }
    for side in &shown.questions {
        let said: Vec<String> =
            side.answers.iter().filter_map(|answer| serde_json::to_string(answer).ok()).collect();
        let mark = if side.equal { "=" } else { "≠" };
        let line = format!("{mark} {} {}", side.title, said.join(" "));
        context.say(&line, &line);
    }
}

/// `sibai quality agreement`
pub fn agreement(context: &Context, tenant: &str, form: &str) -> Ran {
    let filter = calibrations::Filter {
        tenant: tenant.to_owned(),
        form: Some(form.to_owned()),
        ..calibrations::Filter::default()
    };
    let agreed: Vec<Agreed> = context.ask(Need::Data, &Request::CalibrationCompare(filter))?;
    context.show(&agreed, |agreed| {
        let kappa = |one: &Agreed| match (one.kappa_e3, one.why_no_kappa.as_deref()) {
            (Some(kappa), _) => {
                let sign = if kappa < 0 { "-" } else { "" };
                format!("{sign}{}.{:03}", kappa.abs() / 1_000, kappa.abs() % 1_000)
            }
            (None, Some("no_variety")) => context.pick("回答全部相同", "no variety").to_owned(),
            (None, _) => context.pick("通话太少", "too few").to_owned(),
        };
        let row = |one: &Agreed| {
            vec![
                one.question.clone(),
                one.title.clone(),
                format!("{} {}", one.one, one.other),
                one.calls.to_string(),
                per_mille(one.equal_per_mille),
                kappa(one),
            ]
        };
        let head = [
            ("问题", "question"),
            ("内容", "asked"),
            ("评分人", "reviewers"),
            ("通话", "n"),
            ("一致", "equal"),
            ("κ", "kappa"),
        ];
        context.table(&head, &agreed.iter().map(row).collect::<Vec<_>>());
    })?;
    Ok(0)
}

fn per_mille(share: u64) -> String {
    format!("{}.{}%", share / 10, share % 10)
}

/// `sibai quality report`
pub fn report(context: &Context, words: &ReportWords) -> Ran {
    let instant = |text: &Option<String>| text.as_deref().map(|text| context.instant(text)).transpose();
    let asked = Asked {
        tenant: words.tenant.clone(),
        since: instant(&words.since)?,
        until: instant(&words.until)?,
        form: words.form.clone(),
        agent: words.agent.clone(),
        queue: words.queue.clone(),
        by: words.each,
    };
    let rows: Vec<Row> = context.ask(Need::Data, &Request::QualityReport(asked))?;
    context.show(&rows, |rows| report_table(context, rows))?;
    Ok(0)
}

fn report_table(context: &Context, rows: &[Row]) {
    let mean = |figures: &Figures| {
        figures.mean_percent_e2.map(|mean| format!("{}.{:02}", mean / 100, mean % 100)).unwrap_or_default()
    };
    let row = |one: &Row| {
        let apart = one.difference.as_ref().map(|apart| {
            let distance = apart.mean_distance_e2;
            format!("{}.{:02} ({})", distance / 100, distance % 100, apart.pairs)
        });
        vec![
            one.of.clone(),
            one.human.evaluated.to_string(),
            mean(&one.human),
            one.human.passed_per_mille.map(per_mille).unwrap_or_default(),
            one.human.failed.to_string(),
            one.lost.first().map(|lost| lost.title.clone()).unwrap_or_default(),
            one.machine.evaluated.to_string(),
            mean(&one.machine),
            apart.unwrap_or_default(),
        ]
    };
    let head = [
        ("对象", "of"),
        ("人工评分", "evaluated"),
        ("平均分", "mean"),
        ("合格率", "passed"),
        ("一票否决", "failed"),
        ("失分最多", "lost most by"),
        ("机器评分", "machine"),
        ("机器平均", "machine mean"),
        ("人机相差（对）", "apart (pairs)"),
    ];
    context.table(&head, &rows.iter().map(row).collect::<Vec<_>>());
    if rows.is_empty() {
        context.say("没有已提交的评分", "nothing was submitted");
    }
}
