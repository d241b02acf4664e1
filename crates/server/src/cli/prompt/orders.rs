//! `sibai prompt order …`: recordings that enterprises order (row I02).

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use hotline::TenantId;
use store::{OrderLanguage, OrderState, OrderVoice};

use super::absolute;
use crate::cli::pages::pages;
use crate::cli::{Context, Need, Ran};
use crate::ops::Request;
use crate::ops::prompts::orders::{Deliver, List, Ordered, Place, Step, StepKind, Which};

/// The words of `prompt order`.
#[derive(Args)]
#[command(
    after_help = "例 / example: sibai prompt order huaxin greeting \"您好，这里是华信\" --voice female --note \"语速慢一点\""
)]
pub struct Order {
    /// 企业 / the enterprise
    tenant: String,
    /// 名称，规则里用它 / the name rules will use
    name: String,
    /// 要录制的文字 / what is to be said
    words: String,
    /// 声音 / whose voice is wished
    #[arg(long, value_enum, default_value = "any")]
    voice: Voice,
    /// 语言 / in which language
    #[arg(long, value_enum, default_value = "zh")]
    language: Tongue,
    /// 备注 / what else is to be known
    #[arg(long, default_value = "")]
    note: String,
}

/// A voice as it is typed.
#[derive(Clone, Copy, ValueEnum)]
pub enum Voice {
    /// 不限 / anybody's
    Any,
    /// 女声 / a woman's
    Female,
    /// 男声 / a man's
    Male,
}

/// A language as it is typed.
#[derive(Clone, Copy, ValueEnum)]
pub enum Tongue {
    /// 中文 / Chinese
    Zh,
    /// 英文 / English
    En,
}

/// The words of `prompt orders`.
#[derive(Args)]
#[command(after_help = "例 / examples:\n  sibai prompt orders --open\n  sibai prompt orders huaxin")]
pub struct Orders {
    /// 企业；省略为全部 / the enterprise; all of them without
    tenant: Option<String>,
    /// 只看待录制的 / only those that are to be recorded
    #[arg(long)]
    open: bool,
    /// 最多几条 / at most
    #[arg(long, default_value_t = 1_000)]
    limit: u32,
}

/// An order.
#[derive(Args)]
pub struct Of {
    /// 企业 / the enterprise
    tenant: String,
    /// 订单号 / the order's number
    order: u32,
}

/// The words of `prompt deliver`.
#[derive(Args)]
#[command(after_help = "例 / example: sibai prompt deliver huaxin 3 greeting.wav")]
pub struct Delivery {
    #[command(flatten)]
    of: Of,
    /// 录音文件 / the sound file
    file: PathBuf,
}

/// The words of `prompt accept`.
#[derive(Args)]
#[command(after_help = "例 / example: sibai prompt accept huaxin 3 --version 2")]
pub struct Taking {
    #[command(flatten)]
    of: Of,
    /// 所听的版本 / the version that was heard
    #[arg(long)]
    version: u32,
}

/// The words of `prompt return`.
#[derive(Args)]
#[command(after_help = "例 / example: sibai prompt return huaxin 3 --version 2 --reason \"语速太快\"")]
pub struct Back {
    #[command(flatten)]
    of: Of,
    /// 所听的版本 / the version that was heard
    #[arg(long)]
    version: u32,
    /// 理由 / why
    #[arg(long)]
    reason: String,
}

/// Orders a recording.
pub fn order(context: &Context, words: &Order) -> Ran {
    let voice = match words.voice {
        Voice::Any => OrderVoice::Any,
        Voice::Female => OrderVoice::Female,
        Voice::Male => OrderVoice::Male,
    };
    let language = match words.language {
        Tongue::Zh => OrderLanguage::Zh,
        Tongue::En => OrderLanguage::En,
    };
    told(
        context,
        &Request::PromptOrder(Place {
            tenant: TenantId::new(&words.tenant),
            name: words.name.clone(),
            words: words.words.clone(),
            voice,
            language,
            note: words.note.clone(),
            by: context.by.clone(),
        }),
    )
}

/// Lists orders.
pub fn orders(context: &Context, words: &Orders) -> Ran {
    let (tenant, open) = (words.tenant.as_deref().map(TenantId::new), words.open);
    let found = pages(context, words.limit.into(), |limit, last: Option<&Ordered>| {
        let behind = last.map(|last| (last.tenant.clone(), last.order));
        Request::PromptOrders(List { tenant: tenant.clone(), state: None, open, behind, limit })
    })?;
    context.show(&found, |found| table(context, found))?;
    Ok(0)
}

/// Delivers what was ordered.
pub fn deliver(context: &Context, words: &Delivery) -> Ran {
    let (file, by) = (absolute(&words.file)?, context.by.clone());
    told(context, &Request::PromptDeliver(Deliver { of: which(&words.of), file, by }))
}

/// Takes what was delivered.
pub fn accept(context: &Context, words: &Taking) -> Ran {
    step_with(context, &words.of, StepKind::Accept, Some(words.version), None)
}

/// Sends back what was delivered.
pub fn give_back(context: &Context, words: &Back) -> Ran {
    step_with(context, &words.of, StepKind::Return, Some(words.version), Some(words.reason.clone()))
}

/// Takes another step.
pub fn step(context: &Context, of: &Of, step: StepKind) -> Ran {
    step_with(context, of, step, None, None)
}

fn step_with(
    context: &Context,
    of: &Of,
    step: StepKind,
    version: Option<u32>,
    reason: Option<String>,
) -> Ran {
    let by = context.by.clone();
    told(context, &Request::PromptOrderStep(Step { of: which(of), step, version, reason, by }))
}

fn which(of: &Of) -> Which {
    Which { tenant: TenantId::new(&of.tenant), order: of.order }
}

fn told(context: &Context, request: &Request) -> Ran {
    let ordered: Ordered = context.ask(Need::Data, request)?;
    context.show(&ordered, |ordered| {
        let ((zh, en), name, order) = (state(ordered.state), &ordered.name, ordered.order);
        context.say(format!("录音订单 {order}（{name}）：{zh}"), format!("order {order} ({name}): {en}"));
        super::warn(context, &ordered.banned);
    })?;
    Ok(0)
}

fn state(state: OrderState) -> (&'static str, &'static str) {
    match state {
        OrderState::Ordered => ("已下单", "ordered"),
        OrderState::InWork => ("录制中", "in work"),
        OrderState::Delivered => ("已交付，待客户确认", "delivered, waits for the customer"),
        OrderState::Returned => ("已退回重录", "sent back, to be made again"),
        OrderState::Accepted => ("客户已确认", "accepted"),
        OrderState::Cancelled => ("已取消", "cancelled"),
    }
}

fn table(context: &Context, found: &[Ordered]) {
    let row = |one: &Ordered| {
        let (zh, en) = state(one.state);
        vec![
            one.tenant.to_string(),
            one.order.to_string(),
            one.name.clone(),
            context.pick(zh, en).to_owned(),
            one.version.map(|version| version.to_string()).unwrap_or_default(),
            one.words.clone(),
            one.note.clone(),
            one.ordered_by.clone(),
            one.changed_at.clone(),
            one.reason.clone().unwrap_or_default(),
        ]
    };
    let head = [
        ("企业", "enterprise"),
        ("订单", "order"),
        ("名称", "name"),
        ("状态", "state"),
        ("版本", "version"),
        ("文字", "words"),
        ("备注", "note"),
        ("下单人", "ordered by"),
        ("更新时间", "changed at"),
        ("退回理由", "sent back for"),
    ];
    context.table(&head, &found.iter().map(row).collect::<Vec<_>>());
    if found.is_empty() {
        context.say("没有录音订单", "no orders");
    }
}
