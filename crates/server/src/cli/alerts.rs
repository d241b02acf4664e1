//! Alerts: listed, acknowledged; calls frozen and taken again.

use clap::Subcommand;
use hotline::TenantId;
use hotline::alert::AlertKind;

use super::{Context, Need, Ran};
use crate::ops::Request;
use crate::ops::alarms::{Freeze, Frozen};
use crate::ops::alerts::{Ack, Acked, Alert, List};

/// The words of `alerts`.
#[derive(Subcommand)]
pub enum Alerts {
    /// 列出未确认的告警 / lists alerts that nobody has acknowledged
    #[command(after_help = "例 / example: sibai alerts list huaxin --all")]
    List {
        /// 企业；不写为全部 / the enterprise; all unless said
        tenant: Option<String>,
        /// 包括已确认的 / with those that were acknowledged
        #[arg(long)]
        all: bool,
    },
    /// 确认一个企业的告警 / says that an enterprise's alerts were seen
    #[command(after_help = "例 / example: sibai alerts ack huaxin")]
    Ack {
        /// 企业 / the enterprise
        tenant: String,
    },
    /// 冻结一个企业：不再接入新来电，通话中的不受影响 / takes no new calls of an enterprise; those in progress go on
    #[command(after_help = "例 / example: sibai alerts freeze huaxin")]
    Freeze {
        /// 企业 / the enterprise
        tenant: String,
    },
    /// 解除冻结 / takes its calls again
    #[command(after_help = "例 / example: sibai alerts unfreeze huaxin")]
    Unfreeze {
        /// 企业 / the enterprise
        tenant: String,
    },
}

/// `sibai alerts …`
pub fn alerts(context: &Context, words: &Alerts) -> Ran {
    match words {
        Alerts::List { tenant, all } => {
            let tenant = tenant.as_deref().map(TenantId::new);
            let request = Request::Alerts(List { tenant, all: *all });
            let rows: Vec<Alert> = context.ask(Need::Data, &request)?;
            context.show(&rows, |rows| match (rows.as_slice(), all) {
                ([], false) => context.say("没有未确认的告警", "no open alerts"),
                ([], true) => context.say("没有告警", "no alerts"),
                (rows, _) => rows.iter().for_each(|alert| show(context, alert)),
            })?;
        }
        Alerts::Ack { tenant } => {
            let request = Request::AlertsAck(Ack { tenant: TenantId::new(tenant), by: context.by.clone() });
            let done: Acked = context.ask(Need::Data, &request)?;
            context.show(&done, |Acked { acked }| {
                context.say(format!("已确认 {acked} 条告警"), format!("{acked} alerts acknowledged"));
            })?;
        }
        Alerts::Freeze { tenant } => freeze(context, tenant, true)?,
        Alerts::Unfreeze { tenant } => freeze(context, tenant, false)?,
    }
    Ok(0)
}

fn freeze(context: &Context, tenant: &str, frozen: bool) -> super::Outcome<()> {
    let asked = Freeze { tenant: TenantId::new(tenant), frozen, by: context.by.clone() };
    let done: Frozen = context.ask(Need::Data, &Request::Freeze(asked))?;
    context.show(&done, |Frozen { tenant, frozen, version }| match frozen {
        Some(since) => context.say(
            format!("{tenant} 自 {since} 起冻结，不接入新来电（版本 {version}）"),
            format!("{tenant} is frozen since {since}: no new calls (version {version})"),
        ),
        None => context.say(
            format!("{tenant} 没有冻结，正常接入来电（版本 {version}）"),
            format!("{tenant} is not frozen: calls are taken (version {version})"),
        ),
    })
}

fn show(context: &Context, alert: &Alert) {
    let Alert { tenant, kind, number, period, level, raised_at, used, allowed, acked_by } = alert;
    let whose = number.map_or_else(|| tenant.to_string(), |number| format!("{tenant} {}", number.grouped()));
    let by = acked_by.as_deref().unwrap_or("-");
    let (zh, en) = match kind {
        AlertKind::MonthCost => (
            format!("{period} 月上限 {level} %：{used} / {allowed} 元"),
            format!("{period} cap at {level} %: {used} of {allowed} yuan"),
        ),
        AlertKind::MonthCalls => (
            format!("{period} 月上限 {level} %：{used} / {allowed} 次"),
            format!("{period} cap at {level} %: {used} of {allowed} calls"),
        ),
        AlertKind::HourCost => (
            format!("{period} 起一小时的话费异常：{used} 元，超过平时的 {level} 倍或下限 {allowed} 元"),
            format!(
                "the hour from {period} costs {used} yuan, above {level} times its normal or the floor: {allowed} yuan"
            ),
        ),
        AlertKind::BindingChanges => (
            format!("批量更改绑定号码：{used} 个，超过 {allowed} 个"),
            format!("{used} bound numbers changed, more than {allowed}"),
        ),
        AlertKind::HourOutgoing => (
            format!("{period} 起一小时经中继呼出 {used} 次，超过 {allowed} 次"),
            format!("{used} legs left by trunks in the hour from {period}, more than {allowed}"),
        ),
        AlertKind::RecordingsEnd => (
            format!("{used} 个录音将于 {period} 到期删除，需要的请先下载"),
            format!("{used} recordings are deleted on {period}; save what is needed before"),
        ),
    };
    context.say(
        format!("{raised_at} {whose} {zh}（确认 {by}）"),
        format!("{raised_at} {whose} {en} (seen by {by})"),
    );
}
