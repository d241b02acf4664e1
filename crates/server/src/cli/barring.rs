//! Lists of callers: blocked, allowed, shown.

use clap::Args;
use hotline::TenantId;
use hotline::calendar::Date;

use super::pure::read_number;
use super::{Context, Need, Ran};
use crate::ops::barring::{Block, Blocks, List, Mark, Marked, Whom};
use crate::ops::{Refusal, Request};

/// The words of `block` and `allow`.
#[derive(Args)]
#[command(after_help = "例 / examples:
  sibai block 01JA…                     (某次通话的主叫 / the caller of a call)
  sibai block 021* --tenant huaxin --until 2026-12-31 --note 骚扰
  sibai block 021* --tenant huaxin --remove
  sibai block --tenant huaxin           (列出 / lists)")]
pub struct Words {
    /// 通话编号，或号码、区号*、号段* / a call's id, or a number, area code* or segment*
    whom: Option<String>,
    /// 企业；按通话编号时不需要 / the enterprise; not needed with a call's id
    #[arg(long)]
    tenant: Option<String>,
    /// 只对这个 400 号码 / at this number only
    #[arg(long, requires = "tenant")]
    number: Option<String>,
    /// 有效期至（含当日）/ the last day on which it holds
    #[arg(long, value_name = "DATE")]
    until: Option<String>,
    /// 备注 / why
    #[arg(long, default_value = "")]
    note: String,
    /// 移除 / take it off the list
    #[arg(long)]
    remove: bool,
}

/// `sibai block`, `sibai allow`
pub fn mark(context: &Context, list: List, words: &Words) -> Ran {
    let tenant = words.tenant.as_deref().map(TenantId::new);
    let Some(written) = &words.whom else {
        return match (list, tenant) {
            (List::Block, Some(tenant)) => blocks(context, tenant),
            _ => Err(Refusal::invalid("请写明主叫或通话编号", "say which caller or call")),
        };
    };
    let whom = match (tenant, written.parse()) {
        (None, Ok(call)) => Whom::Call(call),
        (None, Err(_)) => {
            return Err(Refusal::invalid(
                "不是通话编号；主叫需要加 --tenant",
                "not the id of a call; for a caller say --tenant",
            ));
        }
        (Some(tenant), _) => Whom::Pattern {
            tenant,
            number: words.number.as_deref().map(read_number).transpose()?,
            pattern: written.chars().filter(|letter| !matches!(letter, ' ' | '-')).collect(),
        },
    };
    let until = words.until.as_deref().map(read_date).transpose()?;
    let (note, by) = (words.note.clone(), context.by.clone());
    let request = Request::Mark(Mark { list, remove: words.remove, whom, until, note, by });
    let done: Marked = context.ask(Need::Data, &request)?;
    context.show(&done, |done| show(context, done))?;
    Ok(0)
}

fn read_date(text: &str) -> Result<Date, Refusal> {
    text.parse().map_err(|error: hotline::calendar::NotADate| {
        Refusal::invalid(format!("“{text}”不是日期：应写作 2026-10-10"), error.to_string())
    })
}

fn show(context: &Context, done: &Marked) {
    let Marked { tenant, pattern, numbers, version } = done;
    match numbers.len() {
        0 => context.say(
            format!("{tenant} 的名单没有变化：{pattern}"),
            format!("the lists of {tenant} are unchanged: {pattern}"),
        ),
        count => context.say(
            format!("{pattern}：{tenant} 的 {count} 个号码已改，版本 {version}，下一个来电起生效"),
            format!(
                "{pattern}: {count} numbers of {tenant} changed, version {version}, from the next call on"
            ),
        ),
    }
}

fn blocks(context: &Context, tenant: TenantId) -> Ran {
    let found: Vec<Block> = context.ask(Need::Data, &Request::Blocks(Blocks { tenant }))?;
    context.show(&found, |found| {
        let row = |one: &Block| {
            let until = one.entry.until.map(|date| date.to_string()).unwrap_or_default();
            let over = if one.over { context.pick("（已过期）", " (over)") } else { "" };
            vec![
                one.number.to_string(),
                one.entry.caller.clone(),
                format!("{until}{over}"),
                one.entry.by.clone(),
                one.hits.to_string(),
                one.entry.note.clone(),
            ]
        };
        let head = [
            ("号码", "number"),
            ("主叫", "caller"),
            ("有效期至", "until"),
            ("添加人", "by"),
            ("命中", "hits"),
            ("备注", "note"),
        ];
        context.table(&head, &found.iter().map(row).collect::<Vec<_>>());
    })?;
    Ok(0)
}
