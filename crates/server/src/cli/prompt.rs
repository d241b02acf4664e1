//! `sibai prompt`: what an enterprise is heard with, from the file to the ear (rows I02, I13, K09).

mod orders;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use hotline::TenantId;
use hotline::enterprise::Language;

use super::{Context, Need, Ran};
use crate::ops::prompts::orders::StepKind;
use crate::ops::prompts::{self, Listed, Made, Played};
use crate::ops::{Outcome, Refusal, Request};

/// The words of `prompt`.
#[derive(Subcommand)]
pub enum Prompt {
    /// 上传录音文件（WAV、MP3、Ogg），成为草稿 / takes a sound file (WAV, MP3, Ogg) as a draft
    Add(Add),
    /// 用文字合成语音，成为草稿 / has a text said, as a draft
    Say(Say),
    /// 列出提示音及其版本 / lists prompts and their versions
    List(List),
    /// 一个提示音的全部版本 / every version of one prompt
    Show(One),
    /// 提交审核 / hands a draft in
    Submit(One),
    /// 审核：通过或驳回 / lets a version be heard, or not
    Review(Review),
    /// 把声音写成文件 / writes the sound to a file
    PlayToFile(PlayToFile),
    /// 数字、日期、金额怎样读 / how a text's numbers, dates and amounts are said
    Spoken(Spoken),
    /// 订录音：由服务商录制 / orders a recording, which the provider makes
    Order(orders::Order),
    /// 列出录音订单 / lists orders of recordings
    Orders(orders::Orders),
    /// 受理录音订单 / takes an order up
    Take(orders::Of),
    /// 交付录音 / delivers what was ordered
    Deliver(orders::Delivery),
    /// 客户确认录音，提交审核 / the customer takes what was delivered; it is handed in
    Accept(orders::Taking),
    /// 客户退回录音 / the customer sends it back
    Return(orders::Back),
    /// 取消录音订单 / nobody wants the order any more
    Cancel(orders::Of),
}

/// The words of `prompt add`.
#[derive(Args)]
#[command(
    after_help = "例 / example: sibai prompt add huaxin greeting greeting.mp3 --words \"您好，这里是华信\" --submit"
)]
pub struct Add {
    /// 企业 / the enterprise
    tenant: String,
    /// 名称，规则里用它；与系统提示音同名则取代它 / the name rules use; one of a system prompt takes its place
    name: String,
    /// 文件 / the file
    file: PathBuf,
    /// 录音内容的文字，供审核 / what is said, for the review
    #[arg(long)]
    words: Option<String>,
    /// 立即提交审核 / hand it in at once
    #[arg(long)]
    submit: bool,
}

/// The words of `prompt say`.
#[derive(Args)]
#[command(
    after_help = "例 / example: sibai prompt say huaxin moved \"我们已搬迁，2026-10-01起请拨打400-601-0114\" --submit"
)]
pub struct Say {
    /// 企业 / the enterprise
    tenant: String,
    /// 名称 / the name rules use
    name: String,
    /// 文字；号码、日期、金额按习惯读出 / the text; numbers, dates and amounts are said as a person would
    text: String,
    /// 发音人 / the voice
    #[arg(long)]
    voice: Option<String>,
    /// 立即提交审核 / hand it in at once
    #[arg(long)]
    submit: bool,
}

/// The words of `prompt list`.
#[derive(Args)]
#[command(after_help = "例 / examples:\n  sibai prompt list huaxin\n  sibai prompt list --waiting")]
pub struct List {
    /// 企业；省略为全部 / the enterprise; all of them without
    tenant: Option<String>,
    /// 只看待审核的 / only what waits for a review
    #[arg(long)]
    waiting: bool,
    /// 系统自带的提示音 / those that come with the product
    #[arg(long, conflicts_with_all = ["tenant", "waiting"])]
    system: bool,
}

/// A prompt.
#[derive(Args)]
pub struct One {
    /// 企业 / the enterprise
    tenant: String,
    /// 名称 / its name
    name: String,
    /// 版本，默认最新 / the version; the latest if not said
    #[arg(long)]
    version: Option<u32>,
}

/// The words of `prompt review`.
#[derive(Args)]
#[command(
    after_help = "例 / examples:\n  sibai prompt review huaxin greeting --approve\n  sibai prompt review huaxin greeting --reject --reason \"含有绝对化用语\""
)]
pub struct Review {
    #[command(flatten)]
    of: One,
    /// 通过 / it may be heard
    #[arg(long, required_unless_present = "reject")]
    approve: bool,
    /// 驳回，或撤回已通过的 / it may not, or no more
    #[arg(long, conflicts_with = "approve", requires = "reason")]
    reject: bool,
    /// 理由；驳回和含违禁词时必填 / why; needed to reject, and for banned words
    #[arg(long)]
    reason: Option<String>,
}

/// The words of `prompt play-to-file`.
#[derive(Args)]
#[command(after_help = "例 / example: sibai prompt play-to-file huaxin greeting greeting.wav")]
pub struct PlayToFile {
    /// 企业 / the enterprise
    tenant: String,
    /// 名称 / its name
    name: String,
    /// 写入的文件 / the file to write
    out: PathBuf,
    /// 版本，默认最新 / the version; the latest if not said
    #[arg(long)]
    version: Option<u32>,
}

/// The words of `prompt spoken`.
#[derive(Args)]
#[command(after_help = "例 / example: sibai prompt spoken \"请在2026-10-01前拨打10086\"")]
pub struct Spoken {
    /// 文字 / the text
    text: String,
}

/// `sibai prompt`
pub fn run(context: &Context, words: &Prompt) -> Ran {
    match words {
        Prompt::Add(words) => add(context, words),
        Prompt::Say(words) => {
            let request = Request::PromptSay(prompts::Say {
                tenant: TenantId::new(&words.tenant),
                name: words.name.clone(),
                text: words.text.clone(),
                voice: words.voice.clone(),
                submit: words.submit,
                by: context.by.clone(),
            });
            told(context, &context.ask(Need::Data, &request)?)
        }
        Prompt::List(words) => list(context, words),
        Prompt::Show(of) => show(context, of),
        Prompt::Submit(of) => {
            let request = Request::PromptSubmit(prompts::Submit { of: named(of), by: context.by.clone() });
            told(context, &context.ask(Need::Data, &request)?)
        }
        Prompt::Review(words) => {
            let (of, reason) = (named(&words.of), words.reason.clone());
            let review = prompts::Review { of, approve: words.approve, reason, by: context.by.clone() };
            told(context, &context.ask(Need::Data, &Request::PromptReview(review))?)
        }
        Prompt::PlayToFile(words) => play_to_file(context, words),
        Prompt::Spoken(words) => {
            let said = hotline::speech::read_text(&words.text, context.language);
            context.show(&said, |said| super::show::print(said))?;
            Ok(0)
        }
        Prompt::Order(words) => orders::order(context, words),
        Prompt::Orders(words) => orders::orders(context, words),
        Prompt::Take(of) => orders::step(context, of, StepKind::Take),
        Prompt::Deliver(words) => orders::deliver(context, words),
        Prompt::Accept(words) => orders::accept(context, words),
        Prompt::Return(words) => orders::give_back(context, words),
        Prompt::Cancel(of) => orders::step(context, of, StepKind::Cancel),
    }
}

fn named(of: &One) -> prompts::One {
    prompts::One { tenant: TenantId::new(&of.tenant), name: of.name.clone(), version: of.version }
}

fn add(context: &Context, words: &Add) -> Ran {
    let request = Request::PromptAdd(prompts::Add {
        tenant: TenantId::new(&words.tenant),
        name: words.name.clone(),
        file: absolute(&words.file)?,
        words: words.words.clone(),
        submit: words.submit,
        by: context.by.clone(),
    });
    told(context, &context.ask(Need::Data, &request)?)
}

fn absolute(path: &Path) -> Outcome<PathBuf> {
    std::path::absolute(path).map_err(|error| Refusal::file(path, error))
}

fn told(context: &Context, made: &Made) -> Ran {
    context.show(made, |made| {
        let (zh, en) = state(made.state);
        let (name, version, length) = (&made.name, made.version, super::show::length(made.duration_ms));
        context.say(
            format!("{name} 版本 {version}（{length}）：{zh}"),
            format!("{name} version {version} ({length}): {en}"),
        );
        warn(context, &made.banned);
    })?;
    Ok(0)
}

/// What of a text a person has to judge.
fn warn(context: &Context, banned: &[prompts::BannedWord]) {
    for word in banned {
        let reason = word.text(context.language);
        context.say(
            format!("提醒 违禁词“{}”：{reason}", word.word),
            format!("warning: banned word \"{}\": {reason}", word.word),
        );
    }
}

fn state(state: store::PromptState) -> (&'static str, &'static str) {
    match state {
        store::PromptState::Draft => ("草稿", "draft"),
        store::PromptState::Submitted => ("待审核", "waits for a review"),
        store::PromptState::Approved => ("已通过，可以播放", "approved, it may be heard"),
        store::PromptState::Rejected => ("已驳回", "rejected"),
    }
}

fn list(context: &Context, words: &List) -> Ran {
    if words.system {
        let names: Vec<&str> = media::prompts::FILES.iter().map(|(name, _)| *name).collect();
        context.show(&names, |names| super::show::print(&names.join("\n")))?;
        return Ok(0);
    }
    let tenant = words.tenant.as_deref().map(TenantId::new);
    let all: Vec<Listed> =
        context.ask(Need::Data, &Request::Prompts(prompts::List { tenant, name: None }))?;
    let wanted = |one: &Listed| !words.waiting || one.state == store::PromptState::Submitted;
    let all: Vec<Listed> = all.into_iter().filter(wanted).collect();
    context.show(&all, |all| table(context, all))?;
    Ok(0)
}

fn show(context: &Context, of: &One) -> Ran {
    let (tenant, name) = (Some(TenantId::new(&of.tenant)), Some(of.name.clone()));
    let all: Vec<Listed> = context.ask(Need::Data, &Request::Prompts(prompts::List { tenant, name }))?;
    let wanted = |one: &Listed| of.version.is_none_or(|version| version == one.version);
    let all: Vec<Listed> = all.into_iter().filter(wanted).collect();
    if all.is_empty() {
        return Err(prompts::missing(&of.name));
    }
    context.show(&all, |all| {
        table(context, all);
        for one in all.iter().filter(|one| one.words.is_some()) {
            let words = one.words.as_deref().unwrap_or_default();
            context
                .say(format!("版本 {}：{words}", one.version), format!("version {}: {words}", one.version));
        }
    })?;
    Ok(0)
}

fn table(context: &Context, all: &[Listed]) {
    let row = |one: &Listed| {
        let (zh, en) = state(one.state);
        let mut state = context.pick(zh, en).to_owned();
        if one.heard {
            state += context.pick("（正在使用）", " (in use)");
        }
        vec![
            one.tenant.to_string(),
            one.name.clone(),
            one.version.to_string(),
            state,
            super::show::length(one.duration_ms),
            one.voice.clone().unwrap_or_else(|| one.format.clone()),
            one.made_by.clone(),
            one.reviewed_by.clone().unwrap_or_default(),
            one.reason.clone().unwrap_or_default(),
        ]
    };
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    context.table(
        &[
            ("企业", "enterprise"),
            ("名称", "name"),
            ("版本", "version"),
            ("状态", "state"),
            ("时长", "length"),
            ("来源", "made from"),
            ("制作人", "made by"),
            ("审核人", "reviewed by"),
            ("理由", "reason"),
        ],
        &rows,
    );
}

fn play_to_file(context: &Context, words: &PlayToFile) -> Ran {
    let of = One { tenant: words.tenant.clone(), name: words.name.clone(), version: words.version };
    let played: Played = context.ask(Need::Data, &Request::PromptFile(named(&of)))?;
    match &played.file {
        Some(file) => std::fs::copy(file, &words.out).map(drop),
        None => std::fs::write(&words.out, media::prompts::file(&words.name).unwrap_or_default()),
    }
    .map_err(|error| Refusal::file(&words.out, error))?;
    context.show(&played, |played| {
        let (name, out) = (&words.name, words.out.display());
        match played.version {
            0 => context
                .say(format!("系统提示音 {name} 已写入 {out}"), format!("the system's {name} is in {out}")),
            version => context.say(
                format!("{name} 版本 {version} 已写入 {out}"),
                format!("{name} version {version} is in {out}"),
            ),
        }
    })?;
    Ok(0)
}

/// The sentence of a banned word in one language.
impl prompts::BannedWord {
    fn text(&self, language: Language) -> &str {
        match language {
            Language::Zh => &self.zh,
            Language::En => &self.en,
        }
    }
}
