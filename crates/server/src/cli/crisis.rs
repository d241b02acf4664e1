//! `sibai crisis`: the switch that stands in front of all numbers of an enterprise (row R22).

use clap::{Args, Subcommand};
use hotline::TenantId;
use hotline::enterprise::CrisisThen;

use super::{Context, Need, Ran};
use crate::ops::{Request, crisis};

/// The words of `crisis`.
#[derive(Subcommand)]
pub enum Crisis {
    /// 启用：公告后挂机、继续原规则或改呼一个号码 / on: a notice, then the end, the usual rules or one phone
    On(On),
    /// 停用 / off
    Off(Of),
    /// 第二人确认启用 / a second person confirms
    Confirm(Confirm),
    /// 查看 / how it stands
    Show(Of),
}

/// The words of `crisis on`.
#[derive(Args)]
#[command(
    after_help = "例 / examples:\n  sibai crisis on huaxin --until 2026-10-12T18:00 --play after_hours\n  sibai crisis on huaxin --until 2026-10-12T18:00 --dial 13911112222"
)]
pub struct On {
    /// 企业 / the enterprise
    tenant: String,
    /// 截止时间 / until when
    #[arg(long, value_name = "TIME")]
    until: String,
    /// 公告的提示音 / the notice's prompt
    #[arg(long, value_name = "PROMPT")]
    play: Option<String>,
    /// 公告后继续原规则 / the usual rules follow the notice
    #[arg(long, conflicts_with = "dial", requires = "play")]
    go_on: bool,
    /// 改呼的号码 / one phone for all calls
    #[arg(long, value_name = "NUMBER")]
    dial: Option<String>,
}

/// The words of `crisis confirm`.
#[derive(Args)]
pub struct Confirm {
    /// 企业 / the enterprise
    tenant: String,
    /// 申请的编号，见 crisis show / the request, as `crisis show` tells it
    request: String,
}

/// An enterprise.
#[derive(Args)]
pub struct Of {
    /// 企业 / the enterprise
    tenant: String,
}

/// `sibai crisis`
pub fn run(context: &Context, words: &Crisis) -> Ran {
    let (by, id) = (context.by.clone(), |of: &Of| TenantId::new(&of.tenant));
    let request = match words {
        Crisis::On(on) => {
            let then = match (&on.dial, on.go_on) {
                (Some(number), _) => CrisisThen::Dial(number.clone()),
                (None, true) => CrisisThen::GoOn,
                (None, false) => CrisisThen::HangUp,
            };
            let until = context.instant(&on.until)?;
            let crisis = Some(crisis::Switch { until, notice: on.play.clone(), then });
            Request::Crisis(crisis::Crisis { tenant: TenantId::new(&on.tenant), crisis, by })
        }
        Crisis::Off(of) => Request::Crisis(crisis::Crisis { tenant: id(of), crisis: None, by }),
        Crisis::Confirm(Confirm { tenant, request }) => {
            let (tenant, request) = (TenantId::new(tenant), request.clone());
            Request::CrisisConfirm(crisis::Confirm { tenant, request, by })
        }
        Crisis::Show(of) => Request::CrisisShow(crisis::Show { tenant: id(of) }),
    };
    let standing: crisis::Standing = context.ask(Need::Data, &request)?;
    context.show(&standing, |standing| show(context, standing))?;
    Ok(0)
}

fn show(context: &Context, standing: &crisis::Standing) {
    let tenant = &standing.tenant;
    let until = standing.until.as_deref().unwrap_or_default();
    match standing.on {
        true => context.say(
            format!("{tenant} 危机模式已启用，至 {until}"),
            format!("{tenant}: the crisis is on until {until}"),
        ),
        false => context.say(format!("{tenant} 危机模式未启用"), format!("{tenant}: no crisis is on")),
    }
    if let Some(crisis::Asked { request, by, at, until, crisis }) = &standing.asked {
        let (zh, en) = what(crisis);
        context.say(
            format!("{by} 于 {at} 申请启用至 {until}：{zh}，等待第二人确认：sibai crisis confirm {tenant} {request}"),
            format!(
                "{by} asked at {at} for one until {until}: {en}; a second person confirms: sibai crisis confirm {tenant} {request}"
            ),
        );
    }
}

/// What a caller meets, in both languages.
fn what(crisis: &crisis::Switch) -> (String, String) {
    let (mut zh, mut en) = match &crisis.notice {
        None => (String::new(), String::new()),
        Some(notice) => (format!("播放 {notice}，"), format!("play {notice}, ")),
    };
    let (then_zh, then_en) = match &crisis.then {
        CrisisThen::GoOn => ("然后按原规则".to_owned(), "then the usual rules".to_owned()),
        CrisisThen::HangUp => ("然后挂机".to_owned(), "then hang up".to_owned()),
        CrisisThen::Dial(number) => (format!("改呼 {number}"), format!("dial {number}")),
    };
    zh.push_str(&then_zh);
    en.push_str(&then_en);
    (zh, en)
}
