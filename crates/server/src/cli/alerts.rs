//! Alerts: listed, acknowledged.

use clap::Subcommand;
use hotline::TenantId;
use hotline::alert::AlertKind;

use super::{Context, Need, Ran};
use crate::ops::Request;
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
}

/// `sibai alerts …`
pub fn alerts(context: &Context, words: &Alerts) -> Ran {
    match words {
        Alerts::List { tenant, all } => {
            let tenant = tenant.as_deref().map(TenantId::new);
            let request = Request::Alerts(List { tenant, all: *all });
            let rows: Vec<Alert> = context.ask(Need::Data, &request)?;
            context.show(&rows, |rows| rows.iter().for_each(|alert| show(context, alert)))?;
        }
        Alerts::Ack { tenant } => {
            let request = Request::AlertsAck(Ack { tenant: TenantId::new(tenant), by: context.by.clone() });
            let done: Acked = context.ask(Need::Data, &request)?;
            context.show(&done, |Acked { acked }| {
                context.say(format!("已确认 {acked} 条告警"), format!("{acked} alerts acknowledged"));
            })?;
        }
    }
    Ok(0)
}

fn show(context: &Context, alert: &Alert) {
    let Alert { tenant, kind, number, month, percent, raised_at, used, cap, acked_by } = alert;
    let whose = number.map_or_else(|| tenant.to_string(), |number| format!("{tenant} {}", number.grouped()));
    let by = acked_by.as_deref().unwrap_or("-");
    let (zh, en) = match kind {
        AlertKind::MonthCost => (format!("{used} / {cap} 元"), format!("{used} of {cap} yuan")),
        AlertKind::MonthCalls => (format!("{used} / {cap} 次"), format!("{used} of {cap} calls")),
    };
    context.say(
        format!("{raised_at} {whose} {month} 月上限 {percent} %：{zh}（确认 {by}）"),
        format!("{raised_at} {whose} {month} cap at {percent} %: {en} (seen by {by})"),
    );
}
