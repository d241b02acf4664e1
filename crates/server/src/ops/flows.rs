//! Flows (rows I08, I09, R26): a draft is put, validated and tested, and published as a version that never changes;
//! which version calls walk stands in the enterprise's document, so that a roll-back is one more version of that.

use std::sync::Arc;

use hotline::calendar::HolidayYears;
use hotline::call::{Arrival, Desk as CallDesk, explain as run};
use hotline::enterprise::{
    Enterprise, FlowDocument, FlowStepKind, FlowTest, Language, Number, Then, Tree, Value, compile_number,
    read_flow, write_flow,
};
use hotline::rating::Tariffs;
use hotline::region::{CallerRules, RegionTable};
use hotline::routing::{Trunk, Trunks};
use hotline::tenant::Tenant;
use hotline::{Beijing, CallId, HotlineNumber, Money, Mono, Now, TenantId, Wall};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::difference::differences;
use super::enterprises::{Difference, commit};
use super::money::time;
use super::refusal::Problem;
use super::{Code, Desk, Outcome, PAGE_MAX, Refusal, beside, calendar, document, mark_of, provider, regions};

/// Keep a draft.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Put {
    /// The enterprise.
    pub tenant: TenantId,
    /// The text, JSON or YAML.
    pub text: String,
    /// [`Shown::mark`] of the draft that it was made from, empty where there was none; not looked at where absent.
    #[serde(default)]
    pub base: Option<String>,
    /// Who asks.
    pub by: String,
}

/// One flow of an enterprise.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Of {
    /// The enterprise.
    pub tenant: TenantId,
    /// The flow's name.
    pub name: String,
    /// A published version; the draft where none is named.
    #[serde(default)]
    pub version: Option<u32>,
}

/// What is found in a flow.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = FlowChecked)]
pub struct Checked {
    /// The flow's name.
    pub name: String,
    /// What names the text that was checked, as [`Shown::mark`].
    pub mark: String,
    /// Its steps.
    pub steps: usize,
    /// What is wrong with it; such a flow is not published.
    pub problems: Vec<Problem>,
    /// What became of its saved cases; none where something is wrong with it.
    pub tests: Vec<Tested>,
}

impl Checked {
    /// Whether it may be published.
    pub fn is_right(&self) -> bool {
        self.problems.is_empty() && self.tests.iter().all(|test| test.mismatches.is_empty())
    }
}

/// What became of a saved case.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = FlowTested)]
pub struct Tested {
    /// Its name.
    pub name: String,
    /// The steps walked.
    pub path: Vec<String>,
    /// What is not as it has to be.
    pub mismatches: Vec<Missed>,
}

/// One thing that is not as a saved case has it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = FlowTestMissed)]
pub struct Missed {
    /// The sentence in Chinese.
    pub zh: String,
    /// The sentence in English.
    pub en: String,
}

/// Publish the draft of a flow.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Publish {
    /// The enterprise.
    pub tenant: TenantId,
    /// The flow's name.
    pub name: String,
    /// Numbers that walk it from now on, in place of their rules.
    #[serde(default)]
    pub numbers: Vec<HotlineNumber>,
    /// [`Shown::mark`] of the draft that was looked at: that one and no other. Whichever there is where absent.
    #[serde(default)]
    pub draft: Option<String>,
    /// Who asks.
    pub by: String,
}

/// Walk a version that was published before.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rollback {
    /// The enterprise.
    pub tenant: TenantId,
    /// The flow's name.
    pub name: String,
    /// Which version; the one before the one that is walked unless said.
    #[serde(default)]
    pub to: Option<u32>,
    /// Who asks.
    pub by: String,
}

/// Which version calls walk from the next one on.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = FlowPublished)]
pub struct Published {
    /// The flow's name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// Whether it was another one before.
    pub changed: bool,
    /// The version of the enterprise's document.
    pub enterprise_version: u32,
    /// The numbers that walk it, by themselves.
    #[schema(value_type = Vec<String>)]
    pub numbers: Vec<HotlineNumber>,
    /// Its saved cases that come out otherwise with the enterprise as it is now: none behind a publication, which they stop; they
    /// stop no way back.
    #[serde(default)]
    pub failing: Vec<Tested>,
}

/// List the flows of an enterprise.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct List {
    /// The enterprise.
    pub tenant: TenantId,
    /// Behind this flow: where the page before ended.
    #[serde(default)]
    pub behind: Option<String>,
    /// At most; [`PAGE_MAX`] whatever is said.
    pub limit: u32,
}

/// One flow in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = FlowListed)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// The version that calls walk.
    pub version: Option<u32>,
    /// The latest version that was published.
    pub latest: Option<u32>,
    /// Who wrote the draft last, and when.
    pub draft: Option<Version>,
    /// The numbers that walk it.
    #[schema(value_type = Vec<String>)]
    pub numbers: Vec<HotlineNumber>,
}

/// Who made a version or a draft, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = FlowVersion)]
pub struct Version {
    /// 0 for a draft.
    pub version: u32,
    /// Who.
    pub by: String,
    /// When, Beijing time.
    pub at: String,
}

impl Version {
    fn made(version: u32, change: &store::Change) -> Version {
        Version { version, by: change.by.clone(), at: time(change.at) }
    }
}

/// List the versions of a flow.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Versions {
    /// The enterprise.
    pub tenant: TenantId,
    /// The flow's name.
    pub name: String,
    /// Before this version: where the page before ended.
    #[serde(default)]
    pub before: Option<u32>,
    /// At most; [`PAGE_MAX`] whatever is said.
    pub limit: u32,
}

/// A flow's text.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = FlowShown)]
pub struct Shown {
    /// Its name.
    pub name: String,
    /// Its version, 0 for the draft.
    pub version: u32,
    /// The document: a draft as it was written, a version as JSON.
    pub text: String,
    /// What names this text: another for any other.
    pub mark: String,
}

/// What differs between two versions of a flow.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Diff {
    /// The enterprise.
    pub tenant: TenantId,
    /// The flow's name.
    pub name: String,
    /// The older; the one that calls walk unless said.
    #[serde(default)]
    pub from: Option<u32>,
    /// The newer; the draft unless said.
    #[serde(default)]
    pub to: Option<u32>,
}

/// The name in a text that may be wrong in all else.
fn name_in(tree: &Tree) -> Option<String> {
    let Value::Map(fields) = &tree.value else { return None };
    match &fields.iter().find(|(key, _)| key.text == "name")?.1.value {
        Value::Text(name) | Value::Number(name) => Some(name.clone()),
        Value::Null | Value::Bool(_) | Value::List(_) | Value::Map(_) => None,
    }
}

fn parsed(text: &str) -> Outcome<Tree> {
    document::read(text).map_err(|error| super::enterprises::no_document(&error))
}

/// Keeps a draft, right or not, and says what is wrong with it.
///
/// # Errors
/// The enterprise is not there, the text is no document or has no name, or somebody else changed the draft meanwhile.
pub async fn put(desk: &Desk, asked: &Put) -> Outcome<Checked> {
    let stored = desk.enterprise(&asked.tenant).await?;
    super::carrier::may_change(desk, &asked.tenant).await?;
    let tree = parsed(&asked.text)?;
    let named =
        |name: &String| (1..=64).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    let name = name_in(&tree).filter(named);
    let name = name.ok_or_else(|| Refusal::invalid("流程没有名称（name）", "the flow has no name"))?;
    let before = desk.store.flow_draft(&asked.tenant, &name).await?;
    let (was, mark) = (before.as_ref().map(|draft| mark_of(&draft.text)), mark_of(&asked.text));
    if asked.base.as_deref().is_some_and(|base| base != was.as_deref().unwrap_or_default()) {
        return Err(draft_moved(&name, before.as_ref()));
    }
    let texts = (before.as_ref().map(|draft| draft.text.as_str()), asked.text.as_str());
    let (told, change) = ((was.as_deref(), mark.as_str()), desk.change(&asked.by));
    if !desk.store.put_flow_draft(&asked.tenant, &name, texts, told, &change).await? {
        return Err(draft_moved(&name, None));
    }
    check(desk, &stored.enterprise, &tree, (name, mark)).await
}

fn draft_moved(name: &str, now: Option<&store::FlowDraft>) -> Refusal {
    let (zh, en) = now.map_or_else(Default::default, |draft| {
        let (by, at) = (&draft.change.by, time(draft.change.at));
        (format!("（{by}，{at}）"), format!(" ({by}, {at})"))
    });
    Refusal::new(
        Code::VersionMoved,
        format!("流程“{name}”的草稿已被改动{zh}，请重新查看"),
        format!("the draft of the flow {name:?} was changed meanwhile{en}; look at it again"),
    )
}

/// Says what is wrong with a draft or a version, and runs its saved cases.
///
/// # Errors
/// There is no such flow.
pub async fn validate(desk: &Desk, asked: &Of) -> Outcome<Checked> {
    let stored = desk.enterprise(&asked.tenant).await?;
    let shown = show(desk, asked).await?;
    check(desk, &stored.enterprise, &parsed(&shown.text)?, (shown.name, shown.mark)).await
}

/// A draft or a version as it would be walked now, or everything that is wrong with it.
///
/// # Errors
/// There is no such flow, or its text is no document.
pub(super) async fn wanted(
    desk: &Desk,
    enterprise: &Enterprise,
    asked: &Of,
) -> Outcome<Result<FlowDocument, Vec<hotline::enterprise::Problem>>> {
    let shown = show(desk, asked).await?;
    read(desk, enterprise, &parsed(&shown.text)?).await
}

/// The flow, or everything that is wrong with it.
async fn read(
    desk: &Desk,
    enterprise: &Enterprise,
    tree: &Tree,
) -> Outcome<Result<FlowDocument, Vec<hotline::enterprise::Problem>>> {
    let (heard, waiting) = super::prompts::names(desk, Some(&enterprise.id)).await?;
    let prompts: Vec<&str> = heard.iter().map(String::as_str).collect();
    let unreviewed: Vec<&str> = waiting.iter().map(String::as_str).collect();
    Ok(read_flow(tree, enterprise, &prompts, &unreviewed))
}

async fn check(
    desk: &Desk,
    enterprise: &Enterprise,
    tree: &Tree,
    (name, mark): (String, String),
) -> Outcome<Checked> {
    Ok(match read(desk, enterprise, tree).await? {
        Ok(flow) => {
            let tests = test_all(desk, enterprise, &flow).await?;
            Checked { name, mark, steps: flow.steps.len(), problems: Vec::new(), tests }
        }
        Err(problems) => {
            let problems = problems.iter().map(Problem::of).collect();
            Checked { name, mark, steps: 0, problems, tests: Vec::new() }
        }
    })
}

/// Publishes a draft: a version of its own, walked by the next call on. The same text twice is one version.
///
/// # Errors
/// Everything that is wrong with it, the saved cases that fail, or the draft is another than the one that is named.
pub async fn publish(desk: &Desk, asked: &Publish) -> Outcome<Published> {
    let stored = desk.enterprise(&asked.tenant).await?;
    let draft = desk.store.flow_draft(&asked.tenant, &asked.name).await?;
    let draft = draft.ok_or_else(|| no_draft(&asked.name))?;
    if asked.draft.as_ref().is_some_and(|wanted| *wanted != mark_of(&draft.text)) {
        return Err(draft_moved(&asked.name, Some(&draft)));
    }
    let tree = parsed(&draft.text)?;
    let flow = match read(desk, &stored.enterprise, &tree).await? {
        Ok(flow) => flow,
        Err(problems) => {
            let mut refusal = Refusal::new(
                Code::InvalidDocument,
                format!("流程“{}”有 {} 处问题，未发布", asked.name, problems.len()),
                format!("the flow {:?} has {} problems; it was not published", asked.name, problems.len()),
            );
            refusal.problems = problems.iter().map(Problem::of).collect();
            return Err(refusal);
        }
    };
    let mut next = stored.enterprise.clone();
    put_in(&mut next, flow);
    for wanted in &asked.numbers {
        let number = next.numbers.iter_mut().find(|number| number.number == *wanted);
        let number = number.ok_or_else(|| not_its_number(&asked.tenant, *wanted))?;
        number.flow = Some(asked.name.clone());
        (number.rules, number.otherwise) = (Vec::new(), Then::HangUp { prompt: None });
    }
    settle_versions(desk, &mut next, Some(&stored.enterprise)).await?;
    adopt(desk, &asked.name, next, &stored, &asked.by).await
}

pub(super) fn put_in(enterprise: &mut Enterprise, flow: FlowDocument) {
    match enterprise.flows.iter_mut().find(|known| known.name == flow.name) {
        Some(known) if known.says_the_same(&flow) => {}
        Some(known) => *known = flow,
        None => enterprise.flows.push(flow),
    }
}

/// Gives each flow that says something new its next version; its saved cases are run first.
///
/// # Errors
/// The saved cases that fail.
pub(super) async fn settle_versions(
    desk: &Desk,
    enterprise: &mut Enterprise,
    was: Option<&Enterprise>,
) -> Outcome<()> {
    let is_known = |flow: &FlowDocument| was.is_some_and(|was| was.flows.contains(flow));
    let new: Vec<usize> =
        (0..enterprise.flows.len()).filter(|place| !is_known(&enterprise.flows[*place])).collect();
    if new.is_empty() {
        return Ok(());
    }
    let versions = desk.store.flow_versions(&enterprise.id).await?;
    for place in new {
        let flow = enterprise.flows[place].clone();
        let tested = test_all(desk, enterprise, &flow).await?;
        if let Some(refusal) = failed(&flow.name, &tested) {
            return Err(refusal);
        }
        let last = versions.iter().filter(|known| known.name == flow.name).map(|known| known.version).max();
        enterprise.flows[place].version = last.unwrap_or(0) + 1;
    }
    Ok(())
}

/// The refusal of a flow whose saved cases fail: which, and how.
fn failed(name: &str, tested: &[Tested]) -> Option<Refusal> {
    let wrong = tested.iter().flat_map(|test| test.mismatches.iter().map(move |one| (test, one)));
    let problems: Vec<Problem> = wrong
        .map(|(test, one)| Problem {
            line: 0,
            path: format!("tests[{}]", test.name),
            code: "test_failed".into(),
            zh: one.zh.clone(),
            en: one.en.clone(),
        })
        .collect();
    if problems.is_empty() {
        return None;
    }
    let count = tested.iter().filter(|test| !test.mismatches.is_empty()).count();
    let mut refusal = Refusal::new(
        Code::Findings,
        format!("流程“{name}”的 {count} 个测试用例未通过，未发布"),
        format!("{count} saved cases of the flow {name:?} fail; it was not published"),
    );
    refusal.problems = problems;
    Some(refusal)
}

/// Walks a version that was published before, in one step. Its saved cases are run and told of; they stop nothing, since whoever
/// goes back has calls that go wrong now.
///
/// # Errors
/// There is no such version, or the enterprise changed so that calls cannot walk it any more.
pub async fn rollback(desk: &Desk, asked: &Rollback) -> Outcome<Published> {
    let stored = desk.enterprise(&asked.tenant).await?;
    let live = stored.enterprise.flows.iter().find(|flow| flow.name == asked.name);
    let live = live.ok_or_else(|| no_version(&asked.name, None))?.version;
    let version = match asked.to {
        Some(version) => version,
        None => {
            live.checked_sub(1).filter(|version| *version > 0).ok_or_else(|| no_version(&asked.name, None))?
        }
    };
    let flow = desk.store.flow_version(&asked.tenant, &asked.name, version).await?;
    let flow = flow.ok_or_else(|| no_version(&asked.name, Some(version)))?;
    let mut next = stored.enterprise.clone();
    next.flows.iter_mut().filter(|known| known.name == flow.name).for_each(|known| known.clone_from(&flow));
    let tested = test_all(desk, &next, &flow).await?;
    let failing = tested.into_iter().filter(|test| !test.mismatches.is_empty()).collect();
    let published = adopt(desk, &asked.name, next, &stored, &asked.by).await?;
    Ok(Published { failing, ..published })
}

/// Commits an enterprise that walks another version, judged as an imported document is.
async fn adopt(
    desk: &Desk,
    name: &str,
    next: Enterprise,
    stored: &store::Stored,
    by: &str,
) -> Outcome<Published> {
    let changed = next != stored.enterprise;
    let mut enterprise_version = stored.version;
    if changed {
        let document = hotline::enterprise::write(&next);
        if let Err(problems) = super::enterprises::check_with(desk, &document, &next.flows).await? {
            let mut refusal = Refusal::new(
                Code::InvalidDocument,
                "按企业现在的配置，来电无法使用该版本",
                "with the enterprise as it is now calls cannot walk that version",
            );
            refusal.problems = problems.iter().map(Problem::of).collect();
            return Err(refusal);
        }
        enterprise_version = commit(desk, &next, Some(&stored.enterprise), stored.version, by).await?;
    }
    let version = next.flows.iter().find(|flow| flow.name == name).map_or(0, |flow| flow.version);
    let numbers = numbers_of(&next, name);
    let failing = Vec::new();
    Ok(Published { name: name.to_owned(), version, changed, enterprise_version, numbers, failing })
}

fn numbers_of(enterprise: &Enterprise, name: &str) -> Vec<HotlineNumber> {
    let walks = enterprise.numbers.iter().filter(|number| number.flow.as_deref() == Some(name));
    walks.map(|number| number.number).collect()
}

/// A page of the flows of an enterprise, by name.
///
/// # Errors
/// The enterprise is not there.
pub async fn list(desk: &Desk, asked: &List) -> Outcome<Vec<Listed>> {
    let stored = desk.enterprise(&asked.tenant).await?;
    let page = (asked.behind.as_deref(), asked.limit.min(PAGE_MAX));
    let heads = desk.store.flow_heads(&asked.tenant, page).await?;
    let in_use = |name: &str| stored.enterprise.flows.iter().find(|flow| flow.name == name);
    let listed = heads.into_iter().map(|head| Listed {
        version: in_use(&head.name).map(|flow| flow.version),
        latest: head.latest,
        draft: head.draft.as_ref().map(|change| Version::made(0, change)),
        numbers: numbers_of(&stored.enterprise, &head.name),
        name: head.name,
    });
    Ok(listed.collect())
}

/// A page of the versions of a flow, the latest first.
///
/// # Errors
/// The enterprise is not there, or the flow was never published.
pub async fn versions(desk: &Desk, asked: &Versions) -> Outcome<Vec<Version>> {
    desk.enterprise(&asked.tenant).await?;
    let page = (asked.before, asked.limit.min(PAGE_MAX));
    let found = desk.store.versions_of_flow(&asked.tenant, &asked.name, page).await?;
    if found.is_empty() {
        published(desk, &asked.tenant, &asked.name).await?;
    }
    Ok(found.iter().map(|one| Version::made(one.version, &one.change)).collect())
}

/// Whether a flow was ever published.
///
/// # Errors
/// It was not.
pub(super) async fn published(desk: &Desk, tenant: &TenantId, name: &str) -> Outcome<()> {
    if !desk.store.versions_of_flow(tenant, name, (None, 1)).await?.is_empty() {
        return Ok(());
    }
    Err(Refusal::not_found(format!("没有发布过流程“{name}”"), format!("no flow {name:?} was ever published")))
}

/// The text of a draft or a version.
///
/// # Errors
/// There is no such flow.
pub async fn show(desk: &Desk, asked: &Of) -> Outcome<Shown> {
    let name = asked.name.clone();
    let (version, text) = match asked.version {
        None => {
            let draft = desk.store.flow_draft(&asked.tenant, &name).await?;
            (0, draft.ok_or_else(|| no_draft(&name))?.text)
        }
        Some(version) => {
            let flow = desk.store.flow_version(&asked.tenant, &name, version).await?;
            let flow = flow.ok_or_else(|| no_version(&name, Some(version)))?;
            (version, json(&write_flow(&flow)))
        }
    };
    Ok(Shown { mark: mark_of(&text), name, version, text })
}

/// What differs, as lines a person reads.
///
/// # Errors
/// One of the two is not there, or a draft is not right.
pub async fn diff(desk: &Desk, asked: &Diff) -> Outcome<Vec<Difference>> {
    let stored = desk.enterprise(&asked.tenant).await?;
    let live = stored.enterprise.flows.iter().find(|flow| flow.name == asked.name);
    let of = |version| Of { tenant: asked.tenant.clone(), name: asked.name.clone(), version };
    let from = match asked.from.or(live.map(|flow| flow.version)) {
        Some(version) => Some(parsed(&show(desk, &of(Some(version))).await?.text)?),
        None => None,
    };
    let to = parsed(&show(desk, &of(asked.to)).await?.text)?;
    Ok(differences(from.as_ref(), &to))
}

pub(super) fn not_its_number(tenant: &TenantId, number: HotlineNumber) -> Refusal {
    Refusal::not_found(
        format!("{} 不是 {tenant} 的号码", number.grouped()),
        format!("{} is no number of {tenant}", number.grouped()),
    )
}

fn no_draft(name: &str) -> Refusal {
    Refusal::not_found(format!("没有流程“{name}”的草稿"), format!("there is no draft of the flow {name:?}"))
}

fn no_version(name: &str, version: Option<u32>) -> Refusal {
    match version {
        Some(version) => Refusal::not_found(
            format!("流程“{name}”没有版本 {version}"),
            format!("the flow {name:?} has no version {version}"),
        ),
        None => Refusal::not_found(
            format!("流程“{name}”没有更早的版本"),
            format!("the flow {name:?} has no earlier version"),
        ),
    }
}

/// A tree as JSON over several lines.
fn json(tree: &Tree) -> String {
    fn value(tree: &Tree) -> serde_json::Value {
        match &tree.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(flag) => (*flag).into(),
            Value::Number(number) => serde_json::from_str(number).unwrap_or_else(|_| number.clone().into()),
            Value::Text(text) => text.clone().into(),
            Value::List(items) => items.iter().map(value).collect(),
            Value::Map(fields) => serde_json::Value::Object(
                fields.iter().map(|(key, tree)| (key.text.clone(), value(tree))).collect(),
            ),
        }
    }
    serde_json::to_string_pretty(&value(tree)).unwrap_or_default()
}

/// The instant a case begins at: as if the node had run for a day.
const BEGIN: Mono = Mono(86_400_000);

/// The number that the cases of a flow are run on: the first that walks it, else the first that has all it dials, as if that walked
/// it already.
fn number_for(enterprise: &Enterprise, flow: &FlowDocument) -> Option<Number> {
    let numbers = &enterprise.numbers;
    if let Some(number) = numbers.iter().find(|number| number.flow.as_deref() == Some(&*flow.name)) {
        return Some(number.clone());
    }
    let dialled: Vec<&str> = flow
        .steps
        .iter()
        .filter_map(|step| match &step.kind {
            FlowStepKind::Dial { target, .. } => Some(target.as_str()),
            _ => None,
        })
        .collect();
    let has = |number: &Number, target: &str| {
        let bound = number.destinations.iter().any(|one| one.name == target);
        bound || number.groups.iter().any(|one| one.name == target)
    };
    let number = numbers.iter().find(|number| dialled.iter().all(|target| has(number, target)))?;
    let (rules, otherwise) = (Vec::new(), Then::HangUp { prompt: None });
    Some(Number { flow: Some(flow.name.clone()), rules, otherwise, ..number.clone() })
}

/// Runs the saved cases of a flow within an enterprise that walks it, with money, room and an outgoing trunk, so that nothing but
/// the flow decides.
async fn test_all(desk: &Desk, enterprise: &Enterprise, flow: &FlowDocument) -> Outcome<Vec<Tested>> {
    if flow.tests.is_empty() {
        return Ok(Vec::new());
    }
    let tariffs = provider::plans(&desk.store).await?;
    let years = calendar::years(&desk.store).await?;
    let table = regions::table(&desk.regions_dir())?;
    let mut whole = enterprise.clone();
    put_in(&mut whole, flow.clone());
    let flow = flow.clone();
    // There may be hundreds of cases: nobody else's request waits for them.
    beside(move || {
        flow.tests.iter().map(|test| run_one(&whole, &flow, test, &tariffs, &years, &table)).collect()
    })
    .await
}

fn run_one(
    enterprise: &Enterprise,
    flow: &FlowDocument,
    test: &FlowTest,
    tariffs: &Tariffs,
    years: &HolidayYears,
    table: &RegionTable,
) -> Tested {
    let at = Beijing::parse(&test.at.replacen(' ', "T", 1)).map_or(Wall(0), Beijing::wall);
    let number = number_for(enterprise, flow).unwrap_or_else(|| {
        let plain = Number::new(HotlineNumber::from_suffix(0).expect("seven digits"), Then::Busy);
        Number { flow: Some(flow.name.clone()), ..plain }
    });
    let number = Number { enabled: true, limits: Default::default(), ..number };
    let alone = Enterprise { limits: Default::default(), frozen: None, crisis: None, ..enterprise.clone() };
    let hotline = Arc::new(compile_number(&alone, &number, 1));
    let caller = CallerRules::default().normalise(&test.from, None).number;
    let arrival = Arrival {
        id: CallId::at(at.0, 0),
        region: table.locate(&caller),
        caller,
        hotline,
        trunk: Arc::from("test"),
        withheld: false,
        early: Default::default(),
        seed: 1,
        refused: None,
    };
    let mut tenant = Tenant::default();
    tenant.tell_balance(Money::from_fen(100_000_000));
    let way_out = Trunk { outgoing: true, ..Trunk::plain("test", "192.0.2.1:5060") };
    let mut trunks = Trunks { rows: vec![way_out] };
    let mut call_desk = CallDesk { tenant: &mut tenant, trunks: &mut trunks, tariffs, years };
    let missed = |say: &dyn Fn(Language) -> String| Missed { zh: say(Language::Zh), en: say(Language::En) };
    let (path, mismatches) =
        match run(arrival, &test.answers(), &mut call_desk, Now { mono: BEGIN, wall: at }) {
            Ok(facts) => {
                let mismatches = test.expect.mismatches(&facts);
                let mismatches = mismatches.iter().map(|one| missed(&|language| one.message(language)));
                (hotline::call::flow_path(&facts), mismatches.collect())
            }
            Err(why) => (Vec::new(), vec![missed(&|language| why.message(language))]),
        };
    Tested { name: test.name.clone(), path, mismatches }
}
