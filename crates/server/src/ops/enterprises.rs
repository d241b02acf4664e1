//! An enterprise's document: read, compared with what is stored, committed as its next version and told to the node;
//! and written out again. The same document twice is one version.

use std::collections::BTreeMap;

use hotline::enterprise::{
    Allowed, Author, BindingLimits, CarrierProfile, Enterprise, Fault, FlowDocument, Problem as Wrong, Tree,
    Value, read, to_yaml, write,
};
use hotline::number::DestinationPolicy;
use hotline::rating::{ChargeKind, Tariffs};
use hotline::{HotlineNumber, TenantId};
use serde::{Deserialize, Serialize};
use store::{LimitKind, NewSetting, Put};

use super::difference::differences;
pub use super::difference::{Difference, Sort};
use super::money::time;
use super::refusal::Problem;
use super::{Code, Desk, Outcome, PAGE_MAX, Refusal, document};

/// Read a document; without `apply` nothing changes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Import {
    /// The text of the file.
    pub text: String,
    /// Whether to commit it.
    pub apply: bool,
    /// Who asks.
    pub by: String,
}

/// What an import found, and did.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Imported {
    /// The enterprise.
    #[schema(value_type = String)]
    pub tenant: TenantId,
    /// Its name.
    pub name: String,
    /// What became of it.
    pub outcome: ImportOutcome,
    /// The version that holds now; 0 if there is none.
    pub version: u32,
    /// Numbers of the document.
    pub numbers: usize,
    /// What differs from the stored version.
    pub differences: Vec<Difference>,
    /// What a person should know; it stops nothing.
    pub warnings: Vec<Problem>,
}

/// What became of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportOutcome {
    /// It is what is stored: no new version.
    Unchanged,
    /// A dry run: it would be stored.
    WouldChange,
    /// It was stored as a new version and calls to come see it.
    Applied,
}

/// Write an enterprise out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Export {
    /// The enterprise.
    pub tenant: TenantId,
    /// An old version; the latest if absent.
    #[serde(default)]
    pub version: Option<u32>,
}

/// A document.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Exported {
    /// The enterprise.
    #[schema(value_type = String)]
    pub tenant: TenantId,
    /// Its version.
    pub version: u32,
    /// Who wrote this version.
    pub changed_by: String,
    /// The document.
    pub yaml: String,
}

/// List enterprises by id.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Page {
    /// After this one.
    #[serde(default)]
    pub after: Option<TenantId>,
    /// At most.
    pub limit: u32,
}

/// One enterprise in a list.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Listed {
    /// The enterprise.
    #[schema(value_type = String)]
    pub tenant: TenantId,
    /// Its version.
    pub version: u32,
}

/// Lists enterprises.
///
/// # Errors
/// Those of the database.
pub async fn list(desk: &Desk, asked: &Page) -> Outcome<Vec<Listed>> {
    let found = desk.store.enterprises(asked.after.as_ref(), asked.limit).await?;
    Ok(found.into_iter().map(|(tenant, version)| Listed { tenant, version }).collect())
}

/// List the versions of an enterprise's document.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Versions {
    /// The enterprise.
    pub tenant: TenantId,
    /// Before this version: where the page before ended.
    #[serde(default)]
    pub before: Option<u32>,
    /// At most; [`PAGE_MAX`] whatever is said.
    pub limit: u32,
}

/// A version of an enterprise's document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = DocumentVersion)]
pub struct Written {
    /// The version, from 1.
    pub version: u32,
    /// Who wrote it.
    pub by: String,
    /// When, Beijing time.
    pub at: String,
}

/// Lists a page of the versions of an enterprise's document, the latest first.
///
/// # Errors
/// It is not there.
pub async fn versions(desk: &Desk, asked: &Versions) -> Outcome<Vec<Written>> {
    desk.enterprise(&asked.tenant).await?;
    let page = (asked.before, asked.limit.min(PAGE_MAX));
    let found = desk.store.enterprise_versions(&asked.tenant, page).await?;
    let written =
        |(version, change): (u32, store::Change)| Written { version, by: change.by, at: time(change.at) };
    Ok(found.into_iter().map(written).collect())
}

/// Writes an enterprise out.
///
/// # Errors
/// It is not there.
pub async fn export(desk: &Desk, asked: &Export) -> Outcome<Exported> {
    let stored = match asked.version {
        None => desk.enterprise(&asked.tenant).await?,
        Some(version) => desk.store.enterprise_at(&asked.tenant, version).await?.ok_or_else(|| {
            Refusal::not_found(
                format!("企业 {} 没有版本 {version}", asked.tenant),
                format!("{} has no version {version}", asked.tenant),
            )
        })?,
    };
    Ok(Exported {
        tenant: asked.tenant.clone(),
        version: stored.version,
        changed_by: stored.change.by,
        yaml: to_yaml(&stored.enterprise),
    })
}

/// Reads a document and, if asked, commits it.
///
/// # Errors
/// Every problem of the document at once, or what stands against the commit.
pub async fn import(desk: &Desk, asked: &Import) -> Outcome<Imported> {
    let tree = document::read(&asked.text).map_err(|error| no_document(&error))?;
    let (mut enterprise, warnings) = match check(desk, &tree).await? {
        Ok(read) => read,
        Err(problems) => return Err(refuse(desk, asked, &tree, &problems).await?),
    };
    let mut warnings: Vec<Problem> = warnings.iter().map(Problem::of).collect();
    let stored = desk.store.enterprise(&enterprise.id).await?;
    // Who imports a document of before the freeze does not lift it (row B11).
    enterprise.frozen = stored.as_ref().and_then(|stored| stored.enterprise.frozen);
    if let Some(stored) = &stored {
        warnings.extend(keep_crisis(desk, &mut enterprise, &stored.enterprise)?);
    }
    let before = stored.as_ref().map(|stored| write(&stored.enterprise));
    let mut imported = Imported {
        tenant: enterprise.id.clone(),
        name: enterprise.name.clone(),
        outcome: ImportOutcome::Unchanged,
        version: stored.as_ref().map_or(0, |stored| stored.version),
        numbers: enterprise.numbers.len(),
        differences: differences(before.as_ref(), &write(&enterprise)),
        warnings,
    };
    if stored.as_ref().is_some_and(|stored| stored.enterprise == enterprise) {
        return Ok(imported);
    }
    super::carrier::may_change(desk, &enterprise.id).await?;
    imported.outcome = ImportOutcome::WouldChange;
    super::flows::settle_versions(desk, &mut enterprise, stored.as_ref().map(|stored| &stored.enterprise))
        .await?;
    if asked.apply {
        let was = stored.as_ref().map(|stored| &stored.enterprise);
        imported.version = commit(desk, &enterprise, was, imported.version, &asked.by).await?;
        imported.outcome = ImportOutcome::Applied;
    }
    Ok(imported)
}

/// An enterprise's crisis stays as it is: it has a switch of its own, which asks for a second person and is audited
/// (row R22). Says so where the document has another.
///
/// # Errors
/// The document takes the second person away, and whoever sits here is the enterprise.
fn keep_crisis(desk: &Desk, enterprise: &mut Enterprise, stored: &Enterprise) -> Outcome<Option<Problem>> {
    if stored.crisis_by_two && !enterprise.crisis_by_two && desk.author == Author::Enterprise {
        return Err(Refusal::new(
            Code::SecondPerson,
            "crisis_by_two 只能由服务商取消",
            "the provider alone takes crisis_by_two away",
        ));
    }
    let written = std::mem::replace(&mut enterprise.crisis, stored.crisis.clone());
    let said_otherwise = written.is_some() && written != enterprise.crisis;
    Ok(said_otherwise.then(|| Problem {
        line: 0,
        path: "crisis".into(),
        code: "crisis_kept".into(),
        zh: "危机模式保持原样，只用它的开关改变".into(),
        en: "the crisis stays as it is: its own switch alone changes it".into(),
    }))
}

/// The document as an enterprise, or everything that is wrong with it.
pub(super) async fn check(desk: &Desk, tree: &Tree) -> Outcome<Checked> {
    let carrier = match named_tenant(tree) {
        Some(tenant) => super::carrier::of(desk, &tenant).await?,
        None => CarrierProfile::default(),
    };
    check_under(desk, tree, carrier).await
}

/// The enterprise with warnings, or everything that is wrong.
type Checked = Result<(Enterprise, Vec<Wrong>), Vec<Wrong>>;

/// The same with flows of these versions in place of those that are published.
pub(super) async fn check_with(desk: &Desk, tree: &Tree, flows: &[FlowDocument]) -> Outcome<Checked> {
    let carrier = match named_tenant(tree) {
        Some(tenant) => super::carrier::of(desk, &tenant).await?,
        None => CarrierProfile::default(),
    };
    check_all(desk, tree, carrier, flows).await
}

/// The same under the terms of a carrier.
pub(super) async fn check_under(desk: &Desk, tree: &Tree, carrier: CarrierProfile) -> Outcome<Checked> {
    let stored = match named_tenant(tree) {
        Some(tenant) => desk.store.enterprise(&tenant).await?,
        None => None,
    };
    let flows = stored.map(|stored| stored.enterprise.flows).unwrap_or_default();
    check_all(desk, tree, carrier, &flows).await
}

async fn check_all(
    desk: &Desk,
    tree: &Tree,
    carrier: CarrierProfile,
    flows: &[FlowDocument],
) -> Outcome<Checked> {
    let tariffs = super::provider::plans(&desk.store).await?;
    let mut plans: Vec<&str> = sale_plans(&tariffs);
    plans.dedup();
    let (heard, waiting) = super::prompts::names(desk, named_tenant(tree).as_ref()).await?;
    let prompts: Vec<&str> = heard.iter().map(String::as_str).collect();
    let unreviewed: Vec<&str> = waiting.iter().map(String::as_str).collect();
    let bindings = BindingLimits { raised: raised_limits(desk, tree).await?, ..BindingLimits::default() };
    let policy = DestinationPolicy::default();
    let allowed = Allowed {
        bindings,
        policy,
        carrier,
        prompts: &prompts,
        unreviewed: &unreviewed,
        plans: &plans,
        flows,
    };
    Ok(read(tree, &allowed))
}

fn sale_plans(tariffs: &Tariffs) -> Vec<&str> {
    let sale = tariffs.versions().iter().filter(|version| version.kind == ChargeKind::Sale);
    sale.map(|version| version.plan.as_str()).collect()
}

/// Limits raised for the numbers that the document names.
async fn raised_limits(desk: &Desk, tree: &Tree) -> Outcome<BTreeMap<HotlineNumber, u16>> {
    let mut raised = BTreeMap::new();
    let Some(tenant) = named_tenant(tree) else { return Ok(raised) };
    for number in named_numbers(tree).into_iter().flatten() {
        if let Some(limit) = desk.store.raised_limit(&tenant, number, LimitKind::Bindings).await? {
            raised.insert(number, u16::try_from(limit).unwrap_or(u16::MAX));
        }
    }
    Ok(raised)
}

fn field<'t>(tree: &'t Tree, name: &str) -> Option<&'t Tree> {
    let Value::Map(fields) = &tree.value else { return None };
    fields.iter().find(|(key, _)| key.text == name).map(|(_, tree)| tree)
}

fn text_of(tree: &Tree) -> Option<&str> {
    match &tree.value {
        Value::Text(text) | Value::Number(text) => Some(text),
        _ => None,
    }
}

fn named_tenant(tree: &Tree) -> Option<TenantId> {
    Some(TenantId::new(text_of(field(field(tree, "enterprise")?, "id")?)?))
}

/// The 400 numbers in their places; `None` where none is written.
fn named_numbers(tree: &Tree) -> Vec<Option<HotlineNumber>> {
    let Some(Tree { value: Value::List(items), .. }) = field(tree, "numbers") else { return Vec::new() };
    let number = |item: &Tree| {
        let digits: String =
            text_of(field(item, "number")?)?.chars().filter(|c| c.is_ascii_digit()).collect();
        digits.parse().ok()
    };
    items.iter().map(number).collect()
}

pub(super) fn no_document(error: &document::NoDocument) -> Refusal {
    let problem = Problem {
        line: error.line,
        path: String::new(),
        code: "yaml".into(),
        zh: format!("不是有效的 YAML：{}", error.what),
        en: format!("not a YAML document: {}", error.what),
    };
    let mut refusal = Refusal::new(Code::InvalidDocument, "文件无法读取", "the document cannot be read");
    refusal.problems.push(problem);
    refusal
}

/// The refusal of a document; a number beyond its limit of bound numbers also opens a request (row R01).
async fn refuse(desk: &Desk, asked: &Import, tree: &Tree, problems: &[Wrong]) -> Outcome<Refusal> {
    let beyond: Vec<(HotlineNumber, usize)> =
        problems.iter().filter_map(|one| beyond_limit(one, tree)).collect();
    let only_limits = problems.iter().all(|one| matches!(one.fault, Fault::BindingLimit { .. }));
    let mut opened = false;
    if let (true, Some(tenant)) = (asked.apply, named_tenant(tree)) {
        for (number, wanted) in &beyond {
            let (wanted, change) = (u32::try_from(*wanted).unwrap_or(u32::MAX), desk.change(&asked.by));
            opened |=
                desk.store.request_limit(&tenant, *number, LimitKind::Bindings, wanted, &change).await?;
        }
    }
    let code = match problems {
        _ if only_limits && !problems.is_empty() => Code::BindingLimit,
        _ if problems.iter().all(is_carriers) => Code::OperatorDesk,
        _ if problems.iter().all(|one| matches!(one.fault, Fault::NotAvailable { .. })) => Code::NotAvailable,
        _ => Code::InvalidDocument,
    };
    let count = problems.len();
    let (zh, en) = match opened {
        true => ("，已提交提高上限的申请", "; a request to raise the limit was opened"),
        false => ("", ""),
    };
    let mut refusal = Refusal::new(
        code,
        format!("文件有 {count} 处问题，没有任何改动{zh}"),
        format!("the document has {count} problems; nothing was changed{en}"),
    );
    refusal.problems = problems.iter().map(Problem::of).collect();
    Ok(refusal)
}

/// Whether nothing but the terms of the carrier stands against it.
fn is_carriers(problem: &Wrong) -> bool {
    matches!(problem.fault, Fault::DeskLimit { .. } | Fault::DeskLandline { .. })
}

/// The number of a problem at `numbers[3].destinations`, with how many it wanted.
fn beyond_limit(problem: &Wrong, tree: &Tree) -> Option<(HotlineNumber, usize)> {
    let Fault::BindingLimit { found, .. } = problem.fault else { return None };
    let place: usize = problem.path.strip_prefix("numbers[")?.split(']').next()?.parse().ok()?;
    Some((named_numbers(tree).get(place).copied().flatten()?, found))
}

/// Commits the next version and tells the node, if whoever sits at the desk may.
pub(super) async fn commit(
    desk: &Desk,
    enterprise: &Enterprise,
    was: Option<&Enterprise>,
    expected: u32,
    by: &str,
) -> Outcome<u32> {
    commit_and(desk, enterprise, was, expected, &[], by).await
}

/// The same with settings of the enterprise in the same transaction.
pub(super) async fn commit_and(
    desk: &Desk,
    enterprise: &Enterprise,
    was: Option<&Enterprise>,
    expected: u32,
    settings: &[NewSetting<'_>],
    by: &str,
) -> Outcome<u32> {
    super::carrier::may_change(desk, &enterprise.id).await?;
    let change = desk.change(by);
    let put = desk.store.put_enterprise_and(enterprise, expected, settings, &change).await?;
    let (version, alarmed) = match put {
        Put::Stored { version, alarmed } => (version, alarmed),
        Put::Moved { current } => {
            return Err(Refusal::new(
                Code::VersionMoved,
                format!("别人刚改过这个企业（现在是版本 {current}），请重试"),
                format!("somebody else changed it meanwhile (version {current} holds now); try again"),
            ));
        }
        Put::NumbersTaken { taken } => return Err(numbers_taken(&taken)),
    };
    let after = alarmed.then(|| enterprise.clone().alarmed(change.at));
    let enterprise = after.as_ref().unwrap_or(enterprise);
    if let Some(live) = &desk.live {
        let kept = |number: &HotlineNumber| enterprise.numbers.iter().any(|one| one.number == *number);
        let before = was.into_iter().flat_map(|was| was.numbers.iter().map(|one| one.number));
        let dropped: Vec<HotlineNumber> = before.filter(|number| !kept(number)).collect();
        live.enterprise_changed(enterprise, version, &dropped).await?;
    }
    Ok(version)
}

fn numbers_taken(taken: &[(HotlineNumber, TenantId)]) -> Refusal {
    let mut refusal =
        Refusal::new(Code::NumbersTaken, "有号码属于别的企业", "some numbers are held by other enterprises");
    refusal.problems = taken
        .iter()
        .map(|(number, holder)| Problem {
            line: 0,
            path: number.to_string(),
            code: "number_taken".into(),
            zh: format!("{} 属于 {holder}", number.grouped()),
            en: format!("{} is held by {holder}", number.grouped()),
        })
        .collect();
    refusal
}
