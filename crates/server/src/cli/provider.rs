//! Commands of the provider's staff: money, limits, trunks, plans, segments, audit.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use hotline::number::SegmentRow;
use hotline::rating::Tariffs;
use hotline::trunk::Profile;
use hotline::{Money, PlanId, TenantId};
use serde::Serialize;

use super::calls;
use super::pure::{dry_run, read_number};
use super::show::code;
use super::trial;
use super::{Client, Context, Need, Ran};
use crate::ops::alerts::{Lift, Lifted};
use crate::ops::status::{Status, TrunkState};
use crate::ops::{Code, Outcome, Refusal, Request, callers, money, provider, re_rate as again};

/// The words of `top-up`.
#[derive(Args)]
#[command(after_help = "例 / example: sibai top-up huaxin 100.00 --reference bank-20261010-1")]
pub struct TopUp {
    /// 企业 / the enterprise
    tenant: String,
    /// 金额，元 / the amount in yuan
    amount: String,
    /// 付款凭证号；同一凭证只入账一次 / names the payment; the same one twice is posted once
    #[arg(long)]
    reference: String,
}

/// `sibai top-up`
pub fn top_up(context: &Context, words: &TopUp) -> Ran {
    let amount: Money = words.amount.parse().map_err(|error: hotline::NotMoney| {
        Refusal::invalid(format!("{} 不是金额，例如 100.00", words.amount), error.to_string())
    })?;
    let tenant = TenantId::new(&words.tenant);
    let (reference, by) = (words.reference.clone(), context.by.clone());
    let request = Request::TopUp(money::TopUp { tenant, amount, reference, by });
    let done: money::ToppedUp = context.ask(Need::Data, &request)?;
    context.show(&done, |done| match &done.posted_before {
        None => context.say(
            format!("{} 入账 {} 元，余额 {} 元", done.tenant, done.amount, done.balance),
            format!("{} yuan posted for {}; the balance is {} yuan", done.amount, done.tenant, done.balance),
        ),
        Some(at) => context.say(
            format!("这笔款 {at} 已入账，余额 {} 元", done.balance),
            format!("this payment was posted at {at}; the balance is {} yuan", done.balance),
        ),
    })?;
    Ok(0)
}

/// The words of `limit`.
#[derive(Args)]
#[command(
    after_help = "例 / examples:\n  sibai limit huaxin --number 4006010114 --bindings 30\n  sibai limit huaxin --lift   (本月不设上限，下月恢复 / no cap until the month ends)\n  sibai limit   (等待处理的申请 / requests that wait)"
)]
pub struct Limit {
    /// 企业 / the enterprise
    tenant: Option<String>,
    /// 400 号码 / its number
    #[arg(long, requires = "tenant")]
    number: Option<String>,
    /// 绑定数上限 / how many bound numbers it may have
    #[arg(long, requires = "number")]
    bindings: Option<u32>,
    /// 本月内不再按月上限停止接续 / sets the month's caps aside until the month ends
    #[arg(long, requires = "tenant", conflicts_with = "bindings")]
    lift: bool,
    /// 恢复月上限 / puts the month's caps in force again
    #[arg(long, requires = "tenant", conflicts_with_all = ["bindings", "lift"])]
    restore: bool,
}

/// `sibai limit`
pub fn limit(context: &Context, words: &Limit) -> Ran {
    let tenant = words.tenant.as_deref().map(TenantId::new);
    if let Some(tenant) = tenant.as_ref().filter(|_| words.lift || words.restore) {
        return lift(context, tenant.clone(), words);
    }
    let (Some(tenant), Some(number), Some(bindings)) = (&tenant, &words.number, words.bindings) else {
        return limit_requests(context, tenant);
    };
    let (tenant, number, by) = (tenant.clone(), read_number(number)?, context.by.clone());
    let request = Request::Limit(money::Limit { tenant, number, bindings, by });
    let done: money::Limit = context.ask(Need::Data, &request)?;
    context.show(&done, |done| {
        context.say(
            format!("{} 现在最多绑定 {} 个号码", done.number.grouped(), done.bindings),
            format!("{} may have {} bound numbers now", done.number.grouped(), done.bindings),
        );
    })?;
    Ok(0)
}

fn lift(context: &Context, tenant: TenantId, words: &Limit) -> Ran {
    let number = words.number.as_deref().map(read_number).transpose()?;
    let request = Request::Lift(Lift { tenant, number, restore: words.restore, by: context.by.clone() });
    let done: Lifted = context.ask(Need::Data, &request)?;
    context.show(&done, |done| {
        let whose = done.number.map_or_else(|| done.tenant.to_string(), |number| number.grouped());
        match done.month {
            Some(month) => context.say(
                format!("{whose} 在 {month} 内不按月上限停止接续，下个来电起生效"),
                format!("{whose} has no cap in {month}, from the next call on"),
            ),
            None => {
                context.say(format!("{whose} 的月上限已恢复"), format!("the caps of {whose} are in force"))
            }
        }
    })?;
    Ok(0)
}

fn limit_requests(context: &Context, tenant: Option<TenantId>) -> Ran {
    let request = Request::LimitRequests(money::LimitRequests { tenant });
    let waiting: Vec<money::LimitRequest> = context.ask(Need::Data, &request)?;
    context.show(&waiting, |waiting| {
        let row = |one: &money::LimitRequest| {
            let LimitRow { tenant, number, wanted, at, by } = LimitRow::of(one);
            vec![tenant, number, wanted, at, by]
        };
        let rows: Vec<_> = waiting.iter().map(row).collect();
        let head = [
            ("企业", "enterprise"),
            ("号码", "number"),
            ("想要", "wanted"),
            ("时间", "opened"),
            ("申请人", "by"),
        ];
        context.table(&head, &rows);
    })?;
    Ok(0)
}

struct LimitRow {
    tenant: String,
    number: String,
    wanted: String,
    at: String,
    by: String,
}

impl LimitRow {
    fn of(one: &money::LimitRequest) -> LimitRow {
        LimitRow {
            tenant: one.tenant.to_string(),
            number: one.number.to_string(),
            wanted: one.wanted.to_string(),
            at: one.opened_at.clone(),
            by: one.opened_by.clone(),
        }
    }
}

/// The words of `forget`.
#[derive(Args)]
#[command(after_help = "例 / example: sibai forget huaxin 13510001000")]
pub struct Forget {
    /// 企业 / the enterprise
    tenant: String,
    /// 主叫号码 / the caller
    caller: String,
}

/// `sibai forget`
pub fn forget(context: &Context, words: &Forget) -> Ran {
    let tenant = TenantId::new(&words.tenant);
    let (caller, by) = (words.caller.clone(), context.by.clone());
    let request = Request::Forget(callers::Forget { tenant, caller, by });
    let done: callers::Forgotten = context.ask(Need::Data, &request)?;
    context.show(&done, |done| {
        context.say(
            format!("{} 不再记得该主叫（清除 {} 处）", done.tenant, done.places),
            format!(
                "{} does not remember this caller any more ({} places emptied)",
                done.tenant, done.places
            ),
        );
    })?;
    Ok(0)
}

/// The words of `re-rate`.
#[derive(Args)]
#[command(
    after_help = "例 / example: sibai re-rate --tenant huaxin --since 2026-10-01 --plan T2b --apply --reason \"contract of 1 October\""
)]
pub struct ReRate {
    /// 企业 / the enterprise
    #[arg(long)]
    tenant: String,
    /// 只看一个号码 / one number's calls
    #[arg(long)]
    number: Option<String>,
    /// 从何时起 / begun at or after
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// 到何时止 / begun before
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// 改用此资费，默认为原资费的现行版本 / by this plan; by default the plan of each call
    #[arg(long)]
    plan: Option<String>,
    /// 原因，写入审计 / why, for the audit
    #[arg(long, default_value = "re-rate")]
    reason: String,
    /// 入账；不加只计算 / post it; a dry run without
    #[arg(long)]
    apply: bool,
}

/// `sibai re-rate`
pub fn re_rate(context: &Context, words: &ReRate) -> Ran {
    let client = Client::open(&context.place, Need::Data)?;
    let range =
        calls::range(context, words.number.as_deref(), words.since.as_deref(), words.until.as_deref())?;
    let mut request = again::ReRate {
        tenant: TenantId::new(&words.tenant),
        range,
        plan: words.plan.as_deref().map(PlanId::new),
        apply: words.apply,
        reason: words.reason.clone(),
        by: context.by.clone(),
    };
    let mut all = again::ReRated::default();
    loop {
        let page: again::ReRated = client.ask(&Request::ReRate(request.clone()))?;
        all.looked_at += page.looked_at;
        all.adjusted += page.adjusted;
        all.sale_difference += page.sale_difference;
        all.cost_difference += page.cost_difference;
        all.calls.extend(page.calls);
        context.progress(&format!("{} …", all.looked_at));
        match page.next {
            Some(next) => request.range.older_than = Some(next),
            None => break,
        }
    }
    context.progress_done();
    context.show(&all, |all| {
        let row = |one: &again::ReRatedCall| {
            vec![one.call.to_string(), one.was.to_string(), one.becomes.to_string()]
        };
        let rows: Vec<_> = all.calls.iter().take(50).map(row).collect();
        if !rows.is_empty() {
            context.table(&[("通话", "call"), ("原费用", "fee was"), ("新费用", "becomes")], &rows);
        }
        context.say(
            format!(
                "查看 {} 次通话，{} 次有差额：费用 {} 元，成本 {} 元",
                all.looked_at, all.adjusted, all.sale_difference, all.cost_difference
            ),
            format!(
                "{} calls looked at, {} differ: sales {} yuan, costs {} yuan",
                all.looked_at, all.adjusted, all.sale_difference, all.cost_difference
            ),
        );
        dry_run(context, words.apply);
    })?;
    Ok(0)
}

/// The words of `audit`.
#[derive(Args)]
#[command(after_help = "例 / example: sibai audit huaxin --limit 20")]
pub struct Audit {
    /// 企业；默认为运营商自己 / whose; the provider's own by default
    #[arg(default_value = "provider")]
    tenant: String,
    /// 最多几条 / at most
    #[arg(long, default_value_t = 20)]
    limit: u32,
    /// 早于此编号 / older than this number
    #[arg(long, value_name = "N")]
    before: Option<u64>,
}

/// `sibai audit`
pub fn audit(context: &Context, words: &Audit) -> Ran {
    let tenant = TenantId::new(&words.tenant);
    let request = Request::Audit(money::Audit { tenant, before: words.before, limit: words.limit });
    let rows: Vec<money::Audited> = context.ask(Need::Data, &request)?;
    context.show(&rows, |rows| {
        let row = |one: &money::Audited| {
            let change = match (&one.was, &one.became) {
                (Some(was), Some(became)) => format!("{was} → {became}"),
                (None, Some(became)) => became.clone(),
                (Some(was), None) => format!("{was} →"),
                (None, None) => String::new(),
            };
            vec![
                one.number.to_string(),
                one.at.clone(),
                one.by.clone(),
                one.action.clone(),
                one.subject.clone(),
                change,
            ]
        };
        let rows: Vec<_> = rows.iter().map(row).collect();
        let head = [
            ("编号", "no"),
            ("时间", "at"),
            ("操作人", "by"),
            ("操作", "action"),
            ("对象", "subject"),
            ("内容", "change"),
        ];
        context.table(&head, &rows);
    })?;
    Ok(0)
}

/// The words of `trunk`.
#[derive(Subcommand)]
pub enum Trunk {
    /// 增加或修改中继 / adds a trunk, or changes the one of this name
    #[command(
        after_help = "例 / example: sibai trunk add carrier-a --address 192.0.2.10:5060 --area-code 010 --cost-plan C1"
    )]
    Add(TrunkAdd),
    /// 中继列表 / lists trunks
    #[command(after_help = "例 / example: sibai trunk list --json")]
    List,
    /// 一条中继的参数和状态 / a trunk's profile and state
    #[command(after_help = "例 / example: sibai trunk show carrier-a")]
    Show {
        /// 名称 / its name
        name: String,
    },
    /// 测试中继：打一个测试电话并逐步说明 / tries a trunk by a test call and says what it saw
    Test(trial::Test),
    /// 接入号对应的 400 号码 / which 400 number an access number stands for
    Map(trial::Map),
    /// 停用中继 / takes a trunk out of use
    #[command(after_help = "例 / example: sibai trunk remove carrier-a")]
    Remove {
        /// 名称 / its name
        name: String,
    },
}

/// The words of `trunk add`.
#[derive(Args)]
pub struct TrunkAdd {
    /// 名称 / its name
    name: String,
    /// 地址和端口 / address and port
    #[arg(long)]
    address: String,
    /// 没有区号的主叫按此区号 / the area code of callers who come without one
    #[arg(long)]
    area_code: Option<String>,
    /// 数字小的先用 / the lowest is tried first
    #[arg(long, default_value_t = 10)]
    priority: u32,
    /// 成本资费 / what its calls cost us
    #[arg(long)]
    cost_plan: Option<String>,
    /// 只呼入 / for incoming calls only
    #[arg(long, conflicts_with = "outgoing_only")]
    incoming_only: bool,
    /// 只呼出 / for outgoing calls only
    #[arg(long)]
    outgoing_only: bool,
    /// 对接参数文件（TOML 或 JSON），见 docs/trunks.md / its profile (TOML or JSON), see docs/trunks.md
    #[arg(long)]
    profile: Option<PathBuf>,
    /// 单项对接参数，如 calls_max=60，可重复 / one value of the profile, such as calls_max=60; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// `sibai trunk`
pub fn trunk(context: &Context, words: &Trunk) -> Ran {
    let by = context.by.clone();
    match words {
        Trunk::List => {
            let listed = list_trunks(context)?;
            context.show(&listed, |listed| show_listed(context, listed))?;
        }
        Trunk::Add(words) => {
            let trunk = provider::Trunk {
                name: words.name.clone(),
                address: words.address.clone(),
                incoming: !words.outgoing_only,
                outgoing: !words.incoming_only,
                area_code: words.area_code.clone(),
                priority: words.priority,
                cost_plan: words.cost_plan.as_deref().map(PlanId::new),
                enabled: true,
                profile: profile_of(context, words)?,
            };
            let request = Request::TrunkAdd(Box::new(provider::TrunkAdd { trunk, by }));
            let trunk: provider::Trunk = context.ask(Need::MakeData, &request)?;
            context.show(&trunk, |trunk| show_trunks(context, std::slice::from_ref(trunk)))?;
        }
        Trunk::Show { name } => show_trunk(context, name)?,
        Trunk::Test(words) => return trial::test(context, words),
        Trunk::Map(words) => {
            let trunk = trial::map(context, words)?;
            context.show(&trunk, |trunk| show_trunks(context, std::slice::from_ref(trunk)))?;
            show_access(context, &trunk);
        }
        Trunk::Remove { name } => {
            let request = Request::TrunkRemove(provider::TrunkRemove { name: name.clone(), by });
            let trunk: provider::Trunk = context.ask(Need::Data, &request)?;
            context.show(&trunk, |trunk| show_trunks(context, std::slice::from_ref(trunk)))?;
        }
    }
    Ok(0)
}

/// The file's profile with the single values laid over it.
fn profile_of(context: &Context, words: &TrunkAdd) -> Result<Profile, Refusal> {
    let mut table = toml::Table::new();
    if let Some(file) = &words.profile {
        let text = context.read_file(file)?;
        table = match text.trim_start().starts_with('{') {
            true => serde_json::from_str(&text).map_err(|error| no_profile(&error.to_string()))?,
            false => text.parse().map_err(|error: toml::de::Error| no_profile(error.message()))?,
        };
    }
    for word in &words.set {
        let Some((key, value)) = word.split_once('=') else {
            let (zh, en) = (format!("{word} 不是 KEY=VALUE"), format!("{word} is not KEY=VALUE"));
            return Err(Refusal::invalid(zh, en));
        };
        // What is no value of TOML is a word.
        let value =
            format!("value = {value}").parse::<toml::Table>().ok().and_then(|mut one| one.remove("value"));
        let text = || toml::Value::String(word[key.len() + 1..].to_owned());
        table.insert(key.trim().to_owned(), value.unwrap_or_else(text));
    }
    table.try_into().map_err(|error: toml::de::Error| no_profile(error.message()))
}

fn no_profile(said: &str) -> Refusal {
    Refusal::new(
        Code::InvalidDocument,
        format!("中继参数无法读取：{said}"),
        format!("the profile cannot be read: {said}"),
    )
}

/// One trunk: what is configured, the profile as the file that would make it, and how it is on a running server.
fn show_trunk(context: &Context, name: &str) -> Outcome<()> {
    let trunks: Vec<provider::Trunk> = context.ask(Need::Data, &Request::Trunks)?;
    let Some(trunk) = trunks.into_iter().find(|trunk| trunk.name == name) else {
        return Err(Refusal::not_found(format!("没有中继 {name}"), format!("there is no trunk {name}")));
    };
    let status: Status = context.ask(Need::Data, &Request::Status)?;
    context.show(&trunk, |trunk| {
        show_trunks(context, std::slice::from_ref(trunk));
        let states: Vec<_> = status.trunks.into_iter().filter(|state| state.name == name).collect();
        if !states.is_empty() {
            super::keep::show_states(context, &states);
        }
        super::show::print(&serde_json::to_string_pretty(&trunk.profile).unwrap_or_default());
    })
}

/// A trunk and, of a running server, how it is now.
#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    trunk: provider::Trunk,
    state: Option<TrunkState>,
}

fn list_trunks(context: &Context) -> Outcome<Vec<Listed>> {
    let client = Client::open(&context.place, Need::Data)?;
    let trunks: Vec<provider::Trunk> = client.ask(&Request::Trunks)?;
    let mut states = client.ask::<Status>(&Request::Status)?.trunks;
    let mut listed = |trunk: provider::Trunk| {
        let place = states.iter().position(|state| state.name == trunk.name);
        Listed { state: place.map(|place| states.swap_remove(place)), trunk }
    };
    Ok(trunks.into_iter().map(&mut listed).collect())
}

fn show_listed(context: &Context, listed: &[Listed]) {
    let row = |one: &Listed| {
        let state = one.state.as_ref().map(|state| super::keep::state_cells(context, state));
        let state = state.unwrap_or_else(|| std::array::from_fn(|_| "-".into()));
        trunk_cells(context, &one.trunk).into_iter().chain(state).collect()
    };
    let live = [("状态", "state"), ("通话", "calls"), ("OPTIONS", "OPTIONS"), ("注册", "registered")];
    let head = [&TRUNK_HEAD[..], &live].concat();
    context.table(&head, &listed.iter().map(row).collect::<Vec<Vec<String>>>());
}

/// Which 400 numbers a trunk's access numbers stand for.
fn show_access(context: &Context, trunk: &provider::Trunk) {
    for access in &trunk.profile.access_numbers {
        let hotline = access.hotline.map(|number| number.grouped());
        let hotline = hotline.unwrap_or_else(|| "Diversion / History-Info".into());
        context.say(format!("{} → {hotline}", access.number), format!("{} → {hotline}", access.number));
    }
}

const TRUNK_HEAD: [(&str, &str); 8] = [
    ("中继", "trunk"),
    ("地址", "address"),
    ("呼入", "in"),
    ("呼出", "out"),
    ("区号", "area code"),
    ("优先", "priority"),
    ("成本资费", "cost plan"),
    ("启用", "enabled"),
];

fn show_trunks(context: &Context, trunks: &[provider::Trunk]) {
    let rows: Vec<Vec<String>> = trunks.iter().map(|one| trunk_cells(context, one)).collect();
    context.table(&TRUNK_HEAD, &rows);
}

fn trunk_cells(context: &Context, one: &provider::Trunk) -> Vec<String> {
    let yes = |on: bool| context.pick(if on { "是" } else { "否" }, if on { "yes" } else { "no" }).to_owned();
    vec![
        one.name.clone(),
        one.address.clone(),
        yes(one.incoming),
        yes(one.outgoing),
        one.area_code.clone().unwrap_or_default(),
        one.priority.to_string(),
        one.cost_plan.as_ref().map(ToString::to_string).unwrap_or_default(),
        yes(one.enabled),
    ]
}

/// The words of `tariff`.
#[derive(Subcommand)]
pub enum Tariff {
    /// 资费列表 / lists plans with their versions
    #[command(after_help = "例 / example: sibai tariff list --json")]
    List,
    /// 导入资费版本（JSON）/ imports versions of plans (JSON)
    #[command(after_help = "例 / example: sibai tariff import data/tariffs.json --apply")]
    Import {
        /// 文件 / the file
        file: PathBuf,
        /// 生效；不加只检查 / store it; a dry run without
        #[arg(long)]
        apply: bool,
    },
}

/// `sibai tariff`
pub fn tariff(context: &Context, words: &Tariff) -> Ran {
    match words {
        Tariff::List => {
            let tariffs: Tariffs = match context.place.has_data() {
                true => context.ask(Need::Data, &Request::Tariffs)?,
                false => Tariffs::shipped(),
            };
            context.show(&tariffs, |tariffs| {
                let day = |at: hotline::Wall| at.beijing().to_string()[..10].to_owned();
                let row = |one: &hotline::rating::TariffVersion| {
                    let to = one.valid_to.map(day).unwrap_or_default();
                    vec![
                        one.plan.to_string(),
                        one.version.to_string(),
                        code(&one.kind),
                        day(one.valid_from),
                        to,
                        one.title.clone(),
                    ]
                };
                let rows: Vec<_> = tariffs.versions().iter().map(row).collect();
                let head = [
                    ("资费", "plan"),
                    ("版本", "version"),
                    ("种类", "kind"),
                    ("自", "from"),
                    ("至", "to"),
                    ("说明", "title"),
                ];
                context.table(&head, &rows);
            })?;
        }
        Tariff::Import { file, apply } => {
            let text = context.read_file(file)?;
            let request =
                Request::TariffImport(provider::TariffImport { text, apply: *apply, by: context.by.clone() });
            let done: provider::TariffsImported = context.ask(Need::MakeData, &request)?;
            context.show(&done, |done| {
                context.say(
                    format!("新版本 {}：{}；已有 {}", done.new.len(), done.new.join(" "), done.known.len()),
                    format!(
                        "{} new versions: {}; {} known",
                        done.new.len(),
                        done.new.join(" "),
                        done.known.len()
                    ),
                );
                dry_run(context, done.applied);
            })?;
        }
    }
    Ok(0)
}

/// The words of `segment`.
#[derive(Subcommand)]
pub enum Segment {
    /// 号段列表 / lists number segments
    #[command(after_help = "例 / example: sibai segment list")]
    List,
}

/// `sibai segment`
pub fn segment(context: &Context, words: &Segment) -> Ran {
    let Segment::List = words;
    let rows: Vec<SegmentRow> = match context.place.has_data() {
        true => context.ask(Need::Data, &Request::Segments)?,
        false => hotline::number::Segments::shipped().rows().to_vec(),
    };
    context.show(&rows, |rows| {
        let day =
            |date: Option<hotline::calendar::Date>| date.map(|date| date.to_string()).unwrap_or_default();
        let row = |one: &SegmentRow| {
            let operator = context.pick(one.operator.name(), &code(&one.operator)).to_owned();
            vec![
                one.prefix.clone(),
                operator,
                code(&one.status),
                day(one.valid_from),
                day(one.valid_to),
                one.source.clone(),
            ]
        };
        let head = [
            ("号段", "segment"),
            ("运营商", "operator"),
            ("状态", "status"),
            ("自", "from"),
            ("至", "to"),
            ("来源", "source"),
        ];
        context.table(&head, &rows.iter().map(row).collect::<Vec<_>>());
    })?;
    Ok(0)
}
