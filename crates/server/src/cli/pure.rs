//! Commands that need no calls: what a call costs, what class a number has, where a caller is from.

use std::path::PathBuf;

use clap::Args;
use hotline::calendar::Date;
use hotline::number::{RuleHit, Rules, SegmentRow, Segments, SpecialKind, SpecialRow, classify, special};
use hotline::rating::{Charge, Tariffs, Usage, Zone, price};
use hotline::region::normalise;
use hotline::{HotlineNumber, Money, PlanId};
use serde::Serialize;

use super::show::{code, print_raw};
use super::{Client, Context, Need, Ran};
use crate::clock;
use crate::ops::{Outcome, Refusal, Request, regions};

/// The words of `rate`.
#[derive(Args)]
#[command(after_help = "例 / example: sibai rate --plan T2a --seconds 61 --json")]
pub struct Rate {
    /// 资费名 / the plan
    #[arg(long)]
    plan: String,
    /// 通话秒数 / seconds of the call
    #[arg(long, conflicts_with = "ms", required_unless_present = "ms")]
    seconds: Option<u64>,
    /// 通话毫秒数 / milliseconds of the call
    #[arg(long)]
    ms: Option<u64>,
    /// 来电时间，决定资费版本 / when the call came: it chooses the version
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// 本地或长途 / local or long distance
    #[arg(long, value_enum, default_value = "local")]
    zone: ZoneWord,
    /// 按未接通计费 / as a call that nobody answered
    #[arg(long)]
    unanswered: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum ZoneWord {
    #[value(name = "local")]
    Local,
    #[value(name = "long_distance")]
    LongDistance,
}

#[derive(Serialize)]
struct Rated {
    fee: Money,
    plan: PlanId,
    version: u32,
    title: String,
    zone: Zone,
    usage_ms: u64,
    units: u64,
    unit_price: Money,
    steps: Vec<String>,
    source: String,
    caller_pays: Vec<String>,
}

/// `sibai rate`
pub fn rate(context: &Context, words: &Rate) -> Ran {
    let tariffs: Tariffs = if_there(context, &Request::Tariffs)?.unwrap_or_else(Tariffs::shipped);
    let plan = PlanId::new(&words.plan);
    let at = match &words.at {
        Some(text) => context.instant(text)?,
        None => clock::wall(),
    };
    let version = tariffs.version_at(&plan, at).ok_or_else(|| no_plan(&plan, &tariffs))?;
    let zone = match words.zone {
        ZoneWord::Local => Zone::Local,
        ZoneWord::LongDistance => Zone::LongDistance,
    };
    let usage_ms = words.ms.or(words.seconds.map(|seconds| seconds.saturating_mul(1000))).unwrap_or(0);
    let usage = Usage { started_at: at, usage_ms, answered: !words.unanswered, zone };
    let charge: Charge = price(&usage, version, 0);
    let rated = Rated {
        fee: charge.fee_e4(),
        plan,
        version: version.version,
        title: version.title.clone(),
        zone,
        usage_ms: charge.usage_ms,
        units: charge.units,
        unit_price: charge.unit_price_e4,
        steps: charge.steps(),
        source: version.source.clone(),
        caller_pays: version.information().map(|component| component.name.clone()).collect(),
    };
    context.show(&rated, |rated| {
        context.say(
            format!("费用 {} 元（资费 {} 版本 {}：{}）", rated.fee, rated.plan, rated.version, rated.title),
            format!("{} yuan (plan {} version {}: {})", rated.fee, rated.plan, rated.version, rated.title),
        );
        for step in &rated.steps {
            print_raw(&format!("  {step}\n"));
        }
        context.say(format!("  来源：{}", rated.source), format!("  source: {}", rated.source));
    })?;
    Ok(0)
}

fn no_plan(plan: &PlanId, tariffs: &Tariffs) -> Refusal {
    let mut plans: Vec<&str> = tariffs.versions().iter().map(|version| version.plan.as_str()).collect();
    plans.dedup();
    let plans = plans.join(", ");
    Refusal::not_found(
        format!("当时没有资费 {plan}；有 {plans}"),
        format!("no version of plan {plan} holds then; there are {plans}"),
    )
}

/// Asks where there are data; `None` where there are none.
fn if_there<T: serde::de::DeserializeOwned>(context: &Context, request: &Request) -> Outcome<Option<T>> {
    if !context.place.has_data() {
        return Ok(None);
    }
    Client::open(&context.place, Need::Data)?.ask(request).map(Some)
}

/// The words of `number`.
#[derive(Args)]
#[command(after_help = "例 / example: sibai number 4006128998 --json")]
pub struct Number {
    /// 400 号码，或 110、168 等特殊号码 / a 400 number, or a special one such as 110 or 168…
    number: String,
    /// 哪一天 / on which day
    #[arg(long, value_name = "DATE")]
    at: Option<String>,
}

#[derive(Serialize)]
struct Shown {
    number: HotlineNumber,
    grouped: String,
    class: String,
    winner: RuleHit,
    hits: Vec<RuleHit>,
    segment: Option<SegmentShown>,
    on: String,
}

#[derive(Serialize)]
struct SegmentShown {
    operator: hotline::number::Operator,
    operator_name: &'static str,
    #[serde(flatten)]
    row: SegmentRest,
}

#[derive(Serialize)]
struct SegmentRest {
    prefix: String,
    status: hotline::number::SegmentStatus,
    valid_from: Option<Date>,
    valid_to: Option<Date>,
    source: String,
}

/// A 400 number as people type it: digits, with separators.
pub fn read_number(text: &str) -> Outcome<HotlineNumber> {
    let digits: String = text.chars().filter(|letter| !"- ".contains(*letter)).collect();
    digits.parse().map_err(|_| {
        Refusal::invalid(
            format!("{text} 不是 400 号码：400 加七位数字，共十位"),
            format!("{text} is no 400 number: 400 and seven digits, ten in all"),
        )
    })
}

/// `sibai number`
pub fn number(context: &Context, words: &Number) -> Ran {
    let digits: String = words.number.chars().filter(|letter| !"- ".contains(*letter)).collect();
    if let Some(row) = special(&digits).filter(|row| row.kind != SpecialKind::Hotline) {
        context.show(row, |row| show_special(context, &digits, row))?;
        return Ok(0);
    }
    let number = read_number(&words.number)?;
    let at = match &words.at {
        Some(text) => context.instant(text)?,
        None => clock::wall(),
    };
    let on = Date::of(at.beijing());
    let rows: Option<Vec<SegmentRow>> = if_there(context, &Request::Segments)?;
    let segments = match rows {
        Some(rows) => {
            Segments::new(rows).map_err(|error| Refusal::invalid(error.to_string(), error.to_string()))?
        }
        None => Segments::shipped().clone(),
    };
    let classified = classify(number, Rules::shipped());
    let segment = segments.operator_on(number, on).map(|row| SegmentShown {
        operator: row.operator,
        operator_name: row.operator.name(),
        row: SegmentRest {
            prefix: row.prefix.clone(),
            status: row.status,
            valid_from: row.valid_from,
            valid_to: row.valid_to,
            source: row.source.clone(),
        },
    });
    let shown = Shown {
        number,
        grouped: number.grouped(),
        class: classified.class.to_string(),
        winner: classified.winner,
        hits: classified.hits,
        segment,
        on: on.to_string(),
    };
    context.show(&shown, |shown| show_number(context, shown))?;
    Ok(0)
}

/// A number that is no subscriber's, with the row of `data/special.csv` it falls under.
fn show_special(context: &Context, digits: &str, row: &SpecialRow) {
    let SpecialRow { prefix, digits_min, digits_max, kind, name, source } = row;
    let kind = kind.as_str();
    context.say(
        format!("{digits}：{name}（{kind}，{prefix} 开头，{digits_min} 至 {digits_max} 位），不能绑定，也不能前转到"),
        format!("{digits}: {name} ({kind}, begins with {prefix}, {digits_min} to {digits_max} digits), can be neither bound nor forwarded to"),
    );
    context.say(format!("来源：{source}"), format!("source: {source}"));
}

fn show_number(context: &Context, shown: &Shown) {
    context.say(
        format!("{}：{} 类，规则 {}", shown.grouped, shown.class, shown.winner.pattern),
        format!("{}: class {}, by rule {}", shown.grouped, shown.class, shown.winner.pattern),
    );
    let row = |hit: &RuleHit| vec![hit.class.to_string(), hit.pattern.to_string(), hit.source.to_string()];
    let rows: Vec<_> = shown.hits.iter().map(row).collect();
    context.table(&[("等级", "class"), ("命中的规则", "rule hit"), ("来源", "source")], &rows);
    match &shown.segment {
        Some(segment) => {
            let status = code(&segment.row.status);
            context.say(
                format!(
                    "号段 {}：{}（{status}），{}",
                    segment.row.prefix, segment.operator_name, segment.row.source
                ),
                format!(
                    "segment {}: {} ({status}), {}",
                    segment.row.prefix,
                    code(&segment.operator),
                    segment.row.source
                ),
            );
        }
        None => {
            context.say(format!("{} 的号段未知", shown.on), format!("the segment is unknown on {}", shown.on))
        }
    }
}

/// The words of `region`.
#[derive(Args)]
#[command(after_help = "例 / example: sibai region 13800138000")]
pub struct Region {
    /// 主叫号码 / the caller
    caller: String,
    /// 没有区号的主叫按此区号 / the area code of callers who come without one
    #[arg(long, value_name = "CODE")]
    area_code: Option<String>,
}

#[derive(Serialize)]
struct Located {
    caller: String,
    form: hotline::region::CallerForm,
    #[serde(flatten)]
    region: hotline::region::Region,
    table: String,
}

/// `sibai region`
pub fn region(context: &Context, words: &Region) -> Ran {
    let table = regions::table(&crate::ops::regions_dir(context.place.data()))?;
    let caller = normalise(&words.caller, words.area_code.as_deref());
    let region = table.locate(&caller.number);
    let located =
        Located { caller: caller.number, form: caller.form, region, table: table.version().to_owned() };
    context.show(&located, |located| {
        let Located { caller, form, region, table } = located;
        let carrier = region.carrier.as_ref().map(code).unwrap_or_default();
        let place = format!("{} {} {carrier}", super::say::place(region), region.area_code);
        let place = place.trim();
        context.say(
            format!(
                "{caller}（{}）：{place}（依据 {}，数据 {table}；运营商为发号时的）",
                code(form),
                code(&region.source)
            ),
            format!(
                "{caller} ({}): {place} (by {}, data {table}; the carrier is as issued)",
                code(form),
                code(&region.source)
            ),
        );
    })?;
    Ok(0)
}

/// The words of `region-import`.
#[derive(Args)]
#[command(
    after_help = "例 / examples:\n  sibai region-import phone.dat --apply\n  sibai region-import overrides.csv --apply   (prefix,province,city,area_code)"
)]
pub struct RegionImport {
    /// phone.dat、region.bin 或修正表 CSV / phone.dat, region.bin or a CSV of overrides
    file: PathBuf,
    /// 生效；不加只检查 / put it in force; a dry run without
    #[arg(long)]
    apply: bool,
}

#[derive(Serialize)]
struct RegionsImported {
    applied: bool,
    before: regions::Held,
    after: regions::Held,
}

/// `sibai region-import`
pub fn region_import(context: &Context, words: &RegionImport) -> Ran {
    let dir = crate::ops::regions_dir(context.place.data());
    let import = regions::read_import(&words.file)?;
    let before = regions::held(&regions::table(&dir)?, &dir)?;
    let mut after = regions::held(&import.table(&dir)?, &dir)?;
    if let regions::Import::Overrides(_, rows) = &import {
        after.overrides = rows.len();
    }
    if words.apply {
        let client = Client::open(&context.place, Need::MakeData)?;
        import.apply(&dir)?;
        let what = words.file.display().to_string();
        after = client.ask(&Request::Regions(regions::Reload { by: context.by.clone(), what }))?;
    }
    let done = RegionsImported { applied: words.apply, before, after };
    context.show(&done, |done| {
        let text = |held: &regions::Held| (held.version.clone(), held.prefixes, held.overrides);
        let ((from, old, was), (to, new, now)) = (text(&done.before), text(&done.after));
        context.say(
            format!("数据 {from} → {to}，号段 {old} → {new}，修正 {was} → {now}"),
            format!("data {from} → {to}, prefixes {old} → {new}, overrides {was} → {now}"),
        );
        dry_run(context, done.applied);
    })?;
    Ok(0)
}

/// Says that nothing was changed, if so.
pub fn dry_run(context: &Context, applied: bool) {
    match applied {
        true => context.say("已生效", "applied"),
        false => context.say(
            "以上是检查结果，没有任何改动；加 --apply 生效",
            "a dry run: nothing was changed; say --apply to apply",
        ),
    }
}

/// The words of `schema`.
#[derive(Args)]
pub struct Schema {
    /// 流程的 / that of a flow
    #[arg(long)]
    flow: bool,
    /// 接口的 OpenAPI 说明 / the OpenAPI description of the API
    #[arg(long, conflicts_with = "flow")]
    api: bool,
}

/// `sibai schema`
pub fn schema(words: &Schema) -> Ran {
    match (words.flow, words.api) {
        (_, true) => {
            let text = crate::api::description().to_pretty_json().map_err(Refusal::bad_request)?;
            print_raw(&(text + "\n"));
        }
        (true, false) => print_raw(include_str!("../../../../schema/flow.schema.json")),
        (false, false) => print_raw(include_str!("../../../../schema/enterprise.schema.json")),
    }
    Ok(0)
}
