//! `sibai quality`: quality scoring (row Q19). What people write into evaluations goes by their accounts over the API; here are forms,
//! rules, what a machine says, lists and reports.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use hotline::TenantId;

use evaluations::{ListWords, PrescoreWords, ShowWords};
use samples::{CalibrateWords, ReportWords, RuleWords, SampleWords};

use super::pages::pages;
use super::show::print_raw;
use super::{Context, Need, Ran};
use crate::ops::quality::{Checked, ListForms, OfForm, PublishForm, Published, PutForm, Shown, Version};
use crate::ops::{Refusal, Request};

mod evaluations;
mod samples;

/// The words of `quality`.
#[derive(Subcommand)]
pub enum Quality {
    /// 质检表：检查、保存草稿、发布、列出、显示 / forms: check, keep a draft, publish, list, show
    #[command(subcommand)]
    Form(FormWords),
    /// 评分列表，最近的在前 / evaluations, the latest first
    List(ListWords),
    /// 一份评分的全部 / one evaluation whole
    Show(ShowWords),
    /// 抽样规则 / rules by which calls are drawn
    #[command(subcommand)]
    Rule(RuleWords),
    /// 每周抽样：列出，或立即抽取已结束的一周 / the draws of weeks: lists them, or draws a week that is over
    Sample(SampleWords),
    /// 把一个通话交给几名评分人校准 / gives a call to several reviewers, to be compared
    Calibrate(CalibrateWords),
    /// 一次校准的结果 / what came of a calibration
    Calibration {
        /// 企业 / the enterprise
        tenant: String,
        /// 校准编号 / its number
        calibration: u32,
    },
    /// 评分人两两之间的一致性 / how far each two reviewers agree
    #[command(after_help = "例 / example: sibai quality agreement huaxin service")]
    Agreement {
        /// 企业 / the enterprise
        tenant: String,
        /// 质检表 / the form
        form: String,
    },
    /// 报表：按坐席、队列或周 / the report, by agent, queue or week
    Report(ReportWords),
    /// 导入机器预评分 / takes what a machine says of calls
    Prescore(PrescoreWords),
}

/// The words of `quality form`.
#[derive(Subcommand)]
pub enum FormWords {
    /// 只检查，不保存 / says what is wrong with a form, and keeps nothing
    #[command(after_help = "例 / example: sibai quality form check huaxin examples/quality.yaml")]
    Check(Put),
    /// 保存草稿 / keeps a form as the draft of its name
    #[command(after_help = "例 / example: sibai quality form put huaxin examples/quality.yaml")]
    Put(Put),
    /// 发布草稿，成为不可更改的新版本 / makes the draft a version that never changes
    #[command(after_help = "例 / example: sibai quality form publish huaxin service")]
    Publish {
        /// 企业 / the enterprise
        tenant: String,
        /// 质检表 / the form's name
        name: String,
    },
    /// 列出质检表和版本 / lists forms and versions
    List {
        /// 企业 / the enterprise
        tenant: String,
    },
    /// 显示一个版本 / shows a version
    Show {
        /// 企业 / the enterprise
        tenant: String,
        /// 质检表 / the form's name
        name: String,
        /// 版本，0 为草稿；默认最近发布的 / a version, 0 for the draft; the last published one by default
        #[arg(long, value_name = "N")]
        version: Option<u32>,
    },
}

/// A form in a file.
#[derive(Args)]
pub struct Put {
    /// 企业 / the enterprise
    tenant: String,
    /// 质检表文件（YAML 或 JSON；- 为标准输入）/ the form (YAML or JSON; - is standard input)
    file: PathBuf,
}

/// `sibai quality …`
pub fn run(context: &Context, words: &Quality) -> Ran {
    match words {
        Quality::Form(words) => form(context, words),
        Quality::List(words) => evaluations::list(context, words),
        Quality::Show(words) => evaluations::show(context, words),
        Quality::Rule(words) => samples::rule(context, words),
        Quality::Sample(words) => samples::sample(context, words),
        Quality::Calibrate(words) => samples::calibrate(context, words),
        Quality::Calibration { tenant, calibration } => samples::calibration(context, tenant, *calibration),
        Quality::Agreement { tenant, form } => samples::agreement(context, tenant, form),
        Quality::Report(words) => samples::report(context, words),
        Quality::Prescore(words) => evaluations::prescore(context, words),
    }
}

fn form(context: &Context, words: &FormWords) -> Ran {
    match words {
        FormWords::Check(words) => put(context, words, false),
        FormWords::Put(words) => put(context, words, true),
        FormWords::Publish { tenant, name } => {
            let (tenant, by) = (TenantId::new(tenant), context.by.clone());
            let request = Request::QualityFormPublish(PublishForm { tenant, name: name.clone(), by });
            let published: Published = context.ask(Need::Data, &request)?;
            context.show(&published, |Published { name, version, changed }| match changed {
                true => context.say(
                    format!("质检表 {name} 已发布为版本 {version}"),
                    format!("the form {name} is published as version {version}"),
                ),
                false => context.say(
                    format!("质检表 {name} 的草稿就是版本 {version}"),
                    format!("the draft of the form {name} is version {version} already"),
                ),
            })?;
            Ok(0)
        }
        FormWords::List { tenant } => {
            let found: Vec<Version> = pages(context, u64::MAX, |limit, last: Option<&Version>| {
                let (tenant, behind) =
                    (TenantId::new(tenant), last.map(|last| (last.name.clone(), last.version)));
                Request::QualityForms(ListForms { tenant, behind, limit })
            })?;
            context.show(&found, |found| table(context, found))?;
            Ok(0)
        }
        FormWords::Show { tenant, name, version } => {
            let (tenant, name, version) = (TenantId::new(tenant), name.clone(), *version);
            let shown: Shown =
                context.ask(Need::Data, &Request::QualityFormShow(OfForm { tenant, name, version }))?;
            let text = serde_json::to_string_pretty(&shown.form).map_err(Refusal::bad_request)?;
            context.show(&shown, |_| print_raw(&format!("{text}\n")))?;
            Ok(0)
        }
    }
}

fn put(context: &Context, words: &Put, apply: bool) -> Ran {
    let (tenant, text) = (TenantId::new(&words.tenant), context.read_file(&words.file)?);
    let by = context.by.clone();
    let checked: Checked =
        context.ask(Need::Data, &Request::QualityFormPut(PutForm { tenant, text, apply, by }))?;
    context.show(&checked, |Checked { name, questions, kept }| match kept {
        true => context.say(
            format!("质检表 {name}：{questions} 个问题，草稿已保存"),
            format!("the form {name}: {questions} questions, kept as its draft"),
        ),
        false => context.say(
            format!("质检表 {name}：{questions} 个问题，没有错误"),
            format!("the form {name}: {questions} questions, nothing is wrong"),
        ),
    })?;
    Ok(0)
}

fn table(context: &Context, found: &[Version]) {
    let row = |one: &Version| {
        let version = match one.version {
            0 => context.pick("草稿", "draft").to_owned(),
            version => version.to_string(),
        };
        vec![
            one.name.clone(),
            version,
            one.title.clone(),
            one.questions.to_string(),
            format!("{}%", one.pass_percent),
            one.made_by.clone(),
            one.made_at.clone(),
        ]
    };
    let head = [
        ("质检表", "form"),
        ("版本", "version"),
        ("标题", "title"),
        ("问题", "questions"),
        ("合格线", "pass mark"),
        ("操作人", "by"),
        ("时间", "at"),
    ];
    context.table(&head, &found.iter().map(row).collect::<Vec<_>>());
    if found.is_empty() {
        context.say("没有质检表", "no forms");
    }
}
