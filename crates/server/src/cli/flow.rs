//! `sibai flow`: drafts, checks, saved cases, versions (rows I08, I09, R26).

use std::path::PathBuf;

use clap::{Args, Subcommand};
use hotline::TenantId;
use hotline::cdr::ArmOutcome;

use super::pages::pages;
use super::pure::read_number;
use super::show::print_raw;
use super::{Context, Need, Ran};
use crate::ops::Request;
use crate::ops::arms::{self, Compared};
use crate::ops::enterprises::Difference;
use crate::ops::flows::{self, Checked, Listed, Published, Shown, Tested, Version};
use crate::ops::funnel::{self, Funnelled};

/// The words of `flow`.
#[derive(Subcommand)]
#[command(after_help = "例 / example: sibai flow put huaxin menu.json && sibai flow publish huaxin 主菜单")]
pub enum Flow {
    /// 保存草稿并检查 / keeps a draft and checks it
    Put(Put),
    /// 检查草稿或某个版本，并运行其测试用例 / checks a draft or a version, and runs its saved cases
    Validate(Of),
    /// 运行测试用例 / runs the saved cases
    Test(Of),
    /// 发布草稿：成为不可更改的新版本，下一个来电起使用 / publishes the draft as a version that never changes
    Publish(Publish),
    /// 一步回到以前的版本 / walks an earlier version again, in one step
    Rollback(Rollback),
    /// 列出流程 / lists flows
    List(Tenant),
    /// 列出发布过的版本 / lists the versions that were published
    Versions(Named),
    /// 显示草稿或某个版本 / shows a draft or a version
    Show(Of),
    /// 两个版本的差别 / what differs between two versions
    Diff(Diff),
    /// 按比例分流的各份效果对比 / what came of the calls of each share of a percentage step
    Compare(Compare),
    /// 漏斗：到达每个步骤的通话、按键、去向和离开 / the funnel: calls that came to each step, keys, ways on, and those that left
    Funnel(Funnel),
}

/// The words of `flow put`.
#[derive(Args)]
#[command(after_help = "例 / example: sibai flow put huaxin examples/menu.json")]
pub struct Put {
    /// 企业 / the enterprise
    tenant: String,
    /// 流程文件（JSON 或 YAML；- 为标准输入）/ the flow (JSON or YAML; - is standard input)
    file: PathBuf,
    /// 所改草稿的标记（mark，见 --json），空为没有草稿；已被别人改动时拒绝 / the mark of the draft that it was made from (see --json), empty where there was none; refused where somebody else changed it
    #[arg(long, value_name = "MARK")]
    base: Option<String>,
}

/// An enterprise.
#[derive(Args)]
pub struct Tenant {
    /// 企业 / the enterprise
    tenant: String,
}

/// A flow.
#[derive(Args)]
pub struct Named {
    /// 企业 / the enterprise
    tenant: String,
    /// 流程 / the flow's name
    name: String,
}

/// The words of `flow publish`.
#[derive(Args)]
#[command(after_help = "例 / example: sibai flow publish lantian 主菜单 --number 4008123888")]
pub struct Publish {
    /// 企业 / the enterprise
    tenant: String,
    /// 流程 / the flow's name
    name: String,
    /// 让该号码改用此流程，代替其规则 / has this number walk it, in place of its rules
    #[arg(long, value_name = "NUMBER")]
    number: Vec<String>,
    /// 只发布此标记的草稿 / the draft of this mark and no other
    #[arg(long, value_name = "MARK")]
    draft: Option<String>,
}

/// A draft or a version of a flow.
#[derive(Args)]
pub struct Of {
    /// 企业 / the enterprise
    tenant: String,
    /// 流程 / the flow's name
    name: String,
    /// 版本，不写为草稿 / a version; the draft without
    #[arg(long, value_name = "N")]
    version: Option<u32>,
}

/// The words of `flow rollback`.
#[derive(Args)]
pub struct Rollback {
    /// 企业 / the enterprise
    tenant: String,
    /// 流程 / the flow's name
    name: String,
    /// 回到哪个版本，默认前一个 / to which version; the one before by default
    #[arg(long, value_name = "N")]
    to: Option<u32>,
}

/// The words of `flow diff`.
#[derive(Args)]
pub struct Diff {
    /// 企业 / the enterprise
    tenant: String,
    /// 流程 / the flow's name
    name: String,
    /// 旧版本，默认正在使用的 / the older; the one in use by default
    #[arg(long, value_name = "N")]
    from: Option<u32>,
    /// 新版本，默认草稿 / the newer; the draft by default
    #[arg(long, value_name = "N")]
    to: Option<u32>,
}

/// The words of `flow compare`.
#[derive(Args)]
#[command(
    after_help = "例 / examples:\n  sibai flow compare huaxin 主菜单 试验 --since 2026-10-01\n  sibai flow compare huaxin 主菜单 试验 --version 4"
)]
pub struct Compare {
    /// 企业 / the enterprise
    tenant: String,
    /// 流程 / the flow's name
    flow: String,
    /// 步骤 / its percentage step
    step: String,
    /// 只看该版本 / of this version of the flow alone
    #[arg(long, value_name = "N")]
    version: Option<u32>,
    /// 从何时起 / dealt at or after
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// 到何时止 / dealt before
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

/// The words of `flow funnel`.
#[derive(Args)]
#[command(
    after_help = "例 / examples:\n  sibai flow funnel huaxin 主菜单\n  sibai flow funnel huaxin 主菜单 --version 4 --number 4006010114 --since 2026-10-01"
)]
pub struct Funnel {
    /// 企业 / the enterprise
    tenant: String,
    /// 流程 / the flow's name
    flow: String,
    /// 只看该版本 / of this version of the flow alone
    #[arg(long, value_name = "N")]
    version: Option<u32>,
    /// 只看该号码 / of this number alone
    #[arg(long)]
    number: Option<String>,
    /// 从何时起，默认 30 天前 / begun at or after; 30 days ago by default
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// 到何时止 / begun before
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

/// `sibai flow`
pub fn run(context: &Context, words: &Flow) -> Ran {
    let by = || context.by.clone();
    match words {
        Flow::Put(words) => {
            let (tenant, text) = (TenantId::new(&words.tenant), context.read_file(&words.file)?);
            check(context, &Request::FlowPut(flows::Put { tenant, text, base: words.base.clone(), by: by() }))
        }
        Flow::Validate(words) | Flow::Test(words) => check(context, &Request::FlowValidate(of(words))),
        Flow::Publish(words) => {
            let (tenant, name) = (TenantId::new(&words.tenant), words.name.clone());
            let numbers = words.number.iter().map(|number| read_number(number)).collect::<Result<_, _>>()?;
            let publish = flows::Publish { tenant, name, numbers, draft: words.draft.clone(), by: by() };
            adopt(context, &Request::FlowPublish(publish))
        }
        Flow::Rollback(words) => {
            let (tenant, name, to) = (TenantId::new(&words.tenant), words.name.clone(), words.to);
            adopt(context, &Request::FlowRollback(flows::Rollback { tenant, name, to, by: by() }))
        }
        Flow::List(words) => list(context, words),
        Flow::Versions(words) => versions(context, words),
        Flow::Show(words) => {
            let shown: Shown = context.ask(Need::Data, &Request::FlowShow(of(words)))?;
            context.show(&shown, |shown| print_raw(&format!("{}\n", shown.text.trim_end())))?;
            Ok(0)
        }
        Flow::Diff(words) => diff(context, words),
        Flow::Compare(words) => compare(context, words),
        Flow::Funnel(words) => funnel(context, words),
    }
}

fn of(words: &Of) -> flows::Of {
    flows::Of { tenant: TenantId::new(&words.tenant), name: words.name.clone(), version: words.version }
}

/// Says what is wrong with a flow, and what became of its saved cases; 1 if something is.
fn check(context: &Context, request: &Request) -> Ran {
    let checked: Checked = context.ask(Need::Data, request)?;
    context.show(&checked, |checked| show_check(context, checked))?;
    Ok(u8::from(!checked.is_right()))
}

fn show_check(context: &Context, checked: &Checked) {
    for problem in &checked.problems {
        let text = problem.text(context.language);
        context.say(
            format!("第 {} 行：{}：{text} [{}]", problem.line, problem.path, problem.code),
            format!("line {}: {}: {text} [{}]", problem.line, problem.path, problem.code),
        );
    }
    for test in &checked.tests {
        let path = test.path.join(" → ");
        if test.mismatches.is_empty() {
            context.say(format!("通过：{}（{path}）", test.name), format!("passes: {} ({path})", test.name));
        }
        show_missed(context, test);
    }
    let (name, failed) =
        (&checked.name, checked.tests.iter().filter(|test| !test.mismatches.is_empty()).count());
    match (checked.problems.len(), failed) {
        (0, 0) => context.say(
            format!("“{name}”：{} 个步骤，{} 个测试用例，没有问题", checked.steps, checked.tests.len()),
            format!(
                "{name:?}: {} steps, {} saved cases, nothing is wrong",
                checked.steps,
                checked.tests.len()
            ),
        ),
        (0, failed) => context.say(
            format!("“{name}”：{failed} 个测试用例未通过，不能发布"),
            format!("{name:?}: {failed} saved cases fail; it cannot be published"),
        ),
        (problems, _) => context.say(
            format!("“{name}”：{problems} 处问题，不能发布"),
            format!("{name:?}: {problems} problems; it cannot be published"),
        ),
    }
}

fn show_missed(context: &Context, test: &Tested) {
    for one in &test.mismatches {
        let what = context.pick(&one.zh, &one.en);
        context.say(format!("未通过：{}：{what}", test.name), format!("fails: {}: {what}", test.name));
    }
}

/// Publishes, or rolls back.
fn adopt(context: &Context, request: &Request) -> Ran {
    let published: Published = context.ask(Need::Data, request)?;
    context.show(&published, |published| show_published(context, published))?;
    Ok(0)
}

fn show_published(context: &Context, published: &Published) {
    let Published { name, version, enterprise_version, .. } = published;
    let numbers: Vec<String> = published.numbers.iter().map(|number| number.grouped()).collect();
    let (zh, en) = match numbers.as_slice() {
        [] => ("，尚无号码使用".to_owned(), "; no number walks it yet".to_owned()),
        some => (format!("，号码 {}", some.join("、")), format!(", walked by {}", some.join(", "))),
    };
    match published.changed {
        true => context.say(
            format!("“{name}”版本 {version}，下一个来电起使用（企业版本 {enterprise_version}）{zh}"),
            format!("{name:?} version {version}, from the next call on (enterprise version {enterprise_version}){en}"),
        ),
        false => context.say(
            format!("“{name}”没有变化，仍是版本 {version}{zh}"),
            format!("{name:?} is unchanged, still version {version}{en}"),
        ),
    }
    published.failing.iter().for_each(|test| show_missed(context, test));
}

fn list(context: &Context, words: &Tenant) -> Ran {
    let all: Vec<Listed> = pages(context, u64::MAX, |limit, last: Option<&Listed>| {
        let (tenant, behind) = (TenantId::new(&words.tenant), last.map(|last| last.name.clone()));
        Request::FlowList(flows::List { tenant, behind, limit })
    })?;
    context.show(&all, |all| {
        let row = |flow: &Listed| {
            let version =
                |version: Option<u32>| version.map(|version| version.to_string()).unwrap_or_default();
            let numbers = flow.numbers.iter().map(|number| number.grouped());
            vec![
                flow.name.clone(),
                version(flow.version),
                version(flow.latest),
                flow.draft.as_ref().map(|draft| format!("{} {}", draft.by, draft.at)).unwrap_or_default(),
                numbers.collect::<Vec<_>>().join(", "),
            ]
        };
        let rows: Vec<_> = all.iter().map(row).collect();
        let head = [
            ("流程", "flow"),
            ("使用版本", "in use"),
            ("最新版本", "latest"),
            ("草稿", "draft"),
            ("号码", "numbers"),
        ];
        context.table(&head, &rows);
    })?;
    Ok(0)
}

fn versions(context: &Context, words: &Named) -> Ran {
    let all: Vec<Version> = pages(context, u64::MAX, |limit, last: Option<&Version>| {
        let (tenant, name) = (TenantId::new(&words.tenant), words.name.clone());
        let before = last.map(|last| last.version);
        Request::FlowVersions(flows::Versions { tenant, name, before, limit })
    })?;
    context.show(&all, |all| {
        let row = |one: &Version| vec![one.version.to_string(), one.by.clone(), one.at.clone()];
        let head = [("版本", "version"), ("发布人", "by"), ("时间", "at")];
        context.table(&head, &all.iter().map(row).collect::<Vec<_>>());
    })?;
    Ok(0)
}

fn diff(context: &Context, words: &Diff) -> Ran {
    let (tenant, name) = (TenantId::new(&words.tenant), words.name.clone());
    let request = Request::FlowDiff(flows::Diff { tenant, name, from: words.from, to: words.to });
    let found: Vec<Difference> = context.ask(Need::Data, &request)?;
    context.show(&found, |found| super::enterprise::show_differences(context, found))?;
    Ok(0)
}

fn compare(context: &Context, words: &Compare) -> Ran {
    let instant = |text: &Option<String>| text.as_deref().map(|text| context.instant(text)).transpose();
    let (tenant, flow, step) = (words.tenant.clone(), words.flow.clone(), words.step.clone());
    let (since, until) = (instant(&words.since)?, instant(&words.until)?);
    let asked = arms::Compare { tenant, flow, step, version: words.version, since, until };
    let compared: Compared = context.ask(Need::Data, &Request::FlowCompare(asked))?;
    context.show(&compared, |compared| show_arms(context, compared))?;
    Ok(0)
}

fn funnel(context: &Context, words: &Funnel) -> Ran {
    let instant = |text: &Option<String>| text.as_deref().map(|text| context.instant(text)).transpose();
    let (tenant, flow, version) = (words.tenant.clone(), words.flow.clone(), words.version);
    let number = words.number.as_deref().map(read_number).transpose()?;
    let (since, until) = (instant(&words.since)?, instant(&words.until)?);
    let asked = funnel::Asked { tenant, flow, version, number, since, until };
    let found: Funnelled = context.ask(Need::Data, &Request::FlowFunnel(asked))?;
    context.show(&found, |found| show_funnel(context, found))?;
    Ok(0)
}

fn show_funnel(context: &Context, found: &Funnelled) {
    let Funnelled { from, to, calls, before, unread, steps } = found;
    context.say(
        format!("{from} 至 {to}：{calls} 次通话，其中 {before} 次未到流程即结束"),
        format!("{from} to {to}: {calls} calls, {before} of them ended before the flow"),
    );
    if *unread > 0 {
        context.say(
            format!("另有 {unread} 次通话的记录无法读取"),
            format!("the logs of {unread} more cannot be read"),
        );
    }
    let row = |step: &funnel::Step| {
        let exits = step.exits.iter().map(|exit| format!("{} {}", exit.step, exit.visits));
        let left = step.left.iter().map(|left| {
            let (zh, en) = came_to(left.outcome);
            format!("{} {}", context.pick(zh, en), left.calls)
        });
        let silent = (step.silent > 0).then(|| format!("{} {}", context.pick("未按", "none"), step.silent));
        let numbers =
            (step.numbers > 0).then(|| format!("{} {}", context.pick("多位", "several"), step.numbers));
        let keys = step.keys.iter().map(|one| format!("{}: {}", one.key, one.times));
        vec![
            step.step.clone(),
            step.calls.to_string(),
            format!("{}.{}%", step.per_mille / 10, step.per_mille % 10),
            step.visits.to_string(),
            exits.collect::<Vec<_>>().join(", "),
            left.collect::<Vec<_>>().join(", "),
            keys.chain(numbers).chain(silent).collect::<Vec<_>>().join(", "),
        ]
    };
    let head = [
        ("步骤", "step"),
        ("通话", "calls"),
        ("占比", "share"),
        ("次数", "visits"),
        ("去向", "went on to"),
        ("离开", "left"),
        ("按键", "keys"),
    ];
    context.table(&head, &steps.iter().map(row).collect::<Vec<_>>());
}

fn show_arms(context: &Context, compared: &Compared) {
    if compared.arms.is_empty() {
        return context.say("没有来电经过此步骤", "no call was dealt a share by this step");
    }
    let row = |arm: &arms::Arm| {
        let share = |one: &arms::OutcomeShare| {
            format!("{} ({}.{}%)", one.calls, one.per_mille / 10, one.per_mille % 10)
        };
        let counts = [arm.arm.clone(), arm.calls.to_string(), arm.callers.to_string()];
        counts.into_iter().chain(arm.outcomes.iter().map(share)).collect::<Vec<_>>()
    };
    let head = [("份", "share"), ("通话", "calls"), ("主叫", "callers")];
    let head: Vec<_> = head.into_iter().chain(ArmOutcome::ALL.map(came_to)).collect();
    context.table(&head, &compared.arms.iter().map(row).collect::<Vec<_>>());
    for one in &compared.differences {
        let (zh, en) = came_to(one.outcome);
        let points = |e4: i64| format!("{:+.2}", e4 as f64 / 100.0);
        let [gap, low, high] = [one.difference_e4, one.low_e4, one.high_e4].map(points);
        let (so_zh, so_en) = match one.significant {
            true => ("差异显著", "more than chance"),
            false => ("可能只是偶然", "chance may be all of it"),
        };
        context.say(
            format!("{zh}：{} 比 {} {gap} 个百分点，95% 区间 {low} 至 {high}，{so_zh}", one.arm, one.against),
            format!(
                "{en}: {} {gap} points against {}, 95% between {low} and {high}: {so_en}",
                one.arm, one.against
            ),
        );
    }
}

/// What calls came to, in both languages.
fn came_to(outcome: ArmOutcome) -> (&'static str, &'static str) {
    match outcome {
        ArmOutcome::Reached => ("接通人工", "reached a person"),
        ArmOutcome::SelfService => ("自助完成", "self-service"),
        ArmOutcome::HungUp => ("流程中挂机", "hung up in the flow"),
        ArmOutcome::Abandoned => ("排队放弃", "abandoned in a queue"),
        ArmOutcome::GaveUp => ("振铃放弃", "gave up while it rang"),
        ArmOutcome::LeftWord => ("留言或预约回呼", "left word"),
        ArmOutcome::Other => ("其他", "other"),
    }
}
