//! The provider's trunks, plans and number segments.

use hotline::calendar::Date;
use hotline::number::{Operator, SegmentRow, SegmentStatus, Segments};
use hotline::rating::{TariffVersion, Tariffs};
use hotline::trunk::{Profile, ProfileFault};
use hotline::{PlanId, Wall};
use serde::{Deserialize, Serialize};
use store::{Change, PutTariff, Segment, Store, TrunkRow};

use super::refusal::Problem;
use super::{Code, Desk, Outcome, Refusal};

/// A carrier trunk as people see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trunk {
    /// Its name.
    pub name: String,
    /// `host:port`.
    pub address: String,
    /// Whether calls come in by it.
    pub incoming: bool,
    /// Whether calls leave by it.
    pub outgoing: bool,
    /// The area code of callers who come without one.
    pub area_code: Option<String>,
    /// The lowest is tried first.
    pub priority: u32,
    /// What its calls cost us.
    pub cost_plan: Option<PlanId>,
    /// Off is never used.
    pub enabled: bool,
    /// What its carrier's paper says; a password is shown as `***`, and that word leaves it as it is.
    #[serde(default)]
    pub profile: Profile,
}

/// Store a trunk, or change the one of this name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TrunkAdd {
    /// The trunk.
    pub trunk: Trunk,
    /// Who asks.
    pub by: String,
}

/// Take a trunk out of use. Its row stays, for the calls that name it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TrunkRemove {
    /// Its name.
    pub name: String,
    /// Who asks.
    pub by: String,
}

/// Every trunk, in order of preference.
///
/// # Errors
/// Those of the database.
pub async fn trunks(desk: &Desk) -> Outcome<Vec<Trunk>> {
    Ok(desk.store.trunks().await?.into_iter().map(shown).collect())
}

/// Stores a trunk and tells the node.
///
/// # Errors
/// The address leads nowhere, or the cost plan is not there.
pub async fn trunk_add(desk: &Desk, asked: &TrunkAdd) -> Outcome<Trunk> {
    let Trunk { name, address, incoming, outgoing, area_code, priority, cost_plan, enabled, mut profile } =
        asked.trunk.clone();
    if name.trim().is_empty() {
        return Err(Refusal::invalid("中继要有名称", "a trunk has a name"));
    }
    refuse(&profile.faults())?;
    let before = desk.store.trunks().await?.into_iter().find(|row| row.name == name);
    keep_password(&mut profile, before.as_ref().map(|row| &row.profile));
    let capacity = None;
    let row = TrunkRow {
        name,
        address,
        incoming,
        outgoing,
        area_code,
        priority,
        capacity,
        cost_plan,
        enabled,
        profile,
    };
    crate::serve::trunks(std::slice::from_ref(&TrunkRow { enabled: true, ..row.clone() })).map_err(|_| {
        Refusal::invalid(
            format!("{} 不是可以到达的地址和端口", row.address),
            format!("{} is no address and port, and no name that leads to one", row.address),
        )
    })?;
    can_be_known(desk, &row.profile)?;
    has_a_listener(desk, &row)?;
    if let Some(plan) = &row.cost_plan
        && plans(&desk.store).await?.versions_of(plan).is_empty()
    {
        return Err(Refusal::not_found(format!("没有资费 {plan}"), format!("there is no plan {plan}")));
    }
    desk.store.put_trunk(&row, &desk.change(&asked.by)).await?;
    tell_trunks(desk).await?;
    Ok(shown(row))
}

/// Switches a trunk off and tells the node.
///
/// # Errors
/// It is not there.
pub async fn trunk_remove(desk: &Desk, asked: &TrunkRemove) -> Outcome<Trunk> {
    let rows = desk.store.trunks().await?;
    let Some(row) = rows.into_iter().find(|row| row.name == asked.name) else {
        let name = &asked.name;
        return Err(Refusal::not_found(format!("没有中继 {name}"), format!("there is no trunk {name}")));
    };
    let row = TrunkRow { enabled: false, ..row };
    desk.store.put_trunk(&row, &desk.change(&asked.by)).await?;
    tell_trunks(desk).await?;
    Ok(shown(row))
}

/// What stands for a password.
const HIDDEN: &str = "***";

/// A profile that came back as it was shown keeps the password it had.
fn keep_password(profile: &mut Profile, before: Option<&Profile>) {
    let known = before.and_then(|before| before.registration.as_ref());
    if let (Some(registration), Some(known)) = (&mut profile.registration, known)
        && registration.password.0 == HIDDEN
    {
        registration.password = known.password.clone();
    }
}

fn refuse(faults: &[ProfileFault]) -> Outcome<()> {
    if faults.is_empty() {
        return Ok(());
    }
    let mut refusal = Refusal::new(
        Code::InvalidDocument,
        "中继参数有问题，没有任何改动",
        "the trunk's profile is wrong; nothing was changed",
    );
    let problem = |fault: &ProfileFault| {
        let (zh, en) = fault.text();
        Problem { line: 0, path: "profile".into(), code: fault.code().into(), zh, en }
    };
    refusal.problems = faults.iter().map(problem).collect();
    Err(refusal)
}

/// Where a server runs it is the one that must find the password.
fn can_be_known(desk: &Desk, profile: &Profile) -> Outcome<()> {
    let asked = profile.registration.as_ref().filter(|_| desk.live.is_some());
    let Some(Err(error)) = asked.map(crate::serve::password) else { return Ok(()) };
    Err(Refusal::invalid(
        format!("注册密码无法取得：{error}"),
        format!("the password cannot be had: {error}"),
    ))
}

/// Where a server runs it is the one whose listener a trunk names; a trunk that is off names none.
fn has_a_listener(desk: &Desk, row: &TrunkRow) -> Outcome<()> {
    let Some(live) = desk.live.as_ref().filter(|_| row.enabled) else { return Ok(()) };
    live.config().has_listener_of(&row.profile).or_else(|fault| refuse(&[fault]))
}

async fn tell_trunks(desk: &Desk) -> Outcome<()> {
    if let Some(live) = &desk.live {
        live.trunks_changed(crate::serve::trunks(&desk.store.trunks().await?)?).await?;
    }
    Ok(())
}

fn shown(row: TrunkRow) -> Trunk {
    let TrunkRow { name, address, incoming, outgoing, area_code, priority, cost_plan, enabled, .. } = row;
    let mut profile = row.profile;
    if let Some(registration) = &mut profile.registration
        && !registration.password.0.is_empty()
    {
        registration.password.0 = HIDDEN.into();
    }
    Trunk { name, address, incoming, outgoing, area_code, priority, cost_plan, enabled, profile }
}

/// Store versions of plans.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TariffImport {
    /// A JSON list of versions, as in `data/tariffs.json`.
    pub text: String,
    /// Whether to commit it.
    pub apply: bool,
    /// Who asks.
    pub by: String,
}

/// What became of the versions of a file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TariffsImported {
    /// Versions that are new (or would be, in a dry run), as `plan/version`.
    pub new: Vec<String>,
    /// Versions that were there before.
    pub known: Vec<String>,
    /// Whether it was committed.
    pub applied: bool,
}

/// Every version of every plan, the shipped ones where the database has none.
///
/// # Errors
/// Those of the database.
pub async fn plans(store: &Store) -> Outcome<Tariffs> {
    let tariffs = store.tariffs().await?;
    Ok(if tariffs.versions().is_empty() { Tariffs::shipped() } else { tariffs })
}

/// Every version of every plan.
///
/// # Errors
/// Those of the database.
pub async fn tariffs(desk: &Desk) -> Outcome<Tariffs> {
    plans(&desk.store).await
}

/// Puts the shipped plans and segments into a database that has none.
///
/// # Errors
/// Those of the database.
pub async fn ensure_shipped(store: &Store, change: &Change) -> Outcome<()> {
    if store.tariffs().await?.versions().is_empty() {
        for version in Tariffs::shipped().versions() {
            store.put_tariff(version, change).await?;
        }
    }
    if store.segments().await?.is_empty() {
        for row in Segments::shipped().rows() {
            store.put_segment(&segment_of(row), change).await?;
        }
    }
    Ok(())
}

/// Checks the versions of a file together with those that are stored and, if asked, stores them.
///
/// # Errors
/// Everything that is wrong with them, or a version that differs from the stored one.
pub async fn tariff_import(desk: &Desk, asked: &TariffImport) -> Outcome<TariffsImported> {
    let versions: Vec<TariffVersion> =
        serde_json::from_str(&asked.text).map_err(|error| no_tariffs(&error))?;
    let stored = plans(&desk.store).await?;
    let mut imported = TariffsImported { applied: asked.apply, ..TariffsImported::default() };
    let mut together: Vec<TariffVersion> = stored.versions().to_vec();
    let mut fresh = Vec::new();
    for version in versions {
        let name = format!("{}/{}", version.plan, version.version);
        match stored.version(&version.plan, version.version) {
            Some(known) if *known == TariffVersion { valid_to: known.valid_to, ..version.clone() } => {
                imported.known.push(name);
            }
            Some(_) => return Err(tariff_differs(&name)),
            None => {
                imported.new.push(name);
                close_open(&mut together, &version);
                together.push(version.clone());
                fresh.push(version);
            }
        }
    }
    let faults = Tariffs::from(together).validate();
    if !faults.is_empty() {
        let mut refusal = Refusal::new(
            Code::InvalidDocument,
            "资费有问题，没有任何改动",
            "the plans are wrong; nothing was changed",
        );
        refusal.problems = faults.iter().map(|fault| plain_problem("tariff", &fault.to_string())).collect();
        return Err(refusal);
    }
    if asked.apply {
        store_versions(desk, &fresh, &asked.by).await?;
    }
    Ok(imported)
}

/// A new version closes the open one before it where it begins, as the store will.
fn close_open(versions: &mut [TariffVersion], new: &TariffVersion) {
    let open = |one: &&mut TariffVersion| {
        one.plan == new.plan && one.valid_to.is_none() && one.valid_from < new.valid_from
    };
    for version in versions.iter_mut().filter(open) {
        version.valid_to = Some(new.valid_from);
    }
}

async fn store_versions(desk: &Desk, fresh: &[TariffVersion], by: &str) -> Outcome<()> {
    let change = desk.change(by);
    ensure_shipped(&desk.store, &change).await?;
    for version in fresh {
        if desk.store.put_tariff(version, &change).await? == PutTariff::Differs {
            return Err(tariff_differs(&format!("{}/{}", version.plan, version.version)));
        }
    }
    if let Some(live) = &desk.live {
        live.tariffs_changed(desk.store.tariffs().await?).await?;
    }
    Ok(())
}

fn no_tariffs(error: &serde_json::Error) -> Refusal {
    let line = u32::try_from(error.line()).unwrap_or(u32::MAX);
    let mut refusal =
        Refusal::new(Code::InvalidDocument, "资费文件无法读取", "the tariff file cannot be read");
    refusal.problems.push(Problem { line, ..plain_problem("json", &error.to_string()) });
    refusal
}

fn plain_problem(code: &str, text: &str) -> Problem {
    Problem { line: 0, path: String::new(), code: code.into(), zh: text.into(), en: text.into() }
}

fn tariff_differs(name: &str) -> Refusal {
    Refusal::new(
        Code::TariffDiffers,
        format!("资费版本 {name} 已存在且内容不同；版本只能新增，不能修改"),
        format!("tariff version {name} is stored with another text; a version is never edited"),
    )
}

/// Every segment row; the shipped ones where the database has none.
///
/// # Errors
/// Those of the database.
pub async fn segments(desk: &Desk) -> Outcome<Vec<SegmentRow>> {
    let rows = desk.store.segments().await?;
    if rows.is_empty() {
        return Ok(Segments::shipped().rows().to_vec());
    }
    Ok(rows.iter().filter_map(segment_row).collect())
}

/// A row's first day where the source names none.
const ALWAYS: Wall = Wall(0);

fn segment_of(row: &SegmentRow) -> Segment {
    let day = |date: &Date| date.midnight().wall();
    Segment {
        prefix: row.prefix.clone(),
        operator: row.operator.name().to_owned(),
        confirmed: row.status == SegmentStatus::Confirmed,
        valid_from: row.valid_from.as_ref().map_or(ALWAYS, day),
        valid_to: row.valid_to.as_ref().map(day),
        source: row.source.clone(),
    }
}

/// `None` for an operator that the product does not know.
fn segment_row(row: &Segment) -> Option<SegmentRow> {
    const ALL: [Operator; 5] =
        [Operator::Telecom, Operator::Unicom, Operator::Netcom, Operator::Mobile, Operator::Tietong];
    Some(SegmentRow {
        prefix: row.prefix.clone(),
        operator: ALL.into_iter().find(|operator| operator.name() == row.operator)?,
        status: if row.confirmed { SegmentStatus::Confirmed } else { SegmentStatus::Unconfirmed },
        valid_from: (row.valid_from != ALWAYS).then(|| Date::of(row.valid_from.beijing())),
        valid_to: row.valid_to.map(|at| Date::of(at.beijing())),
        source: row.source.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n02_segments_read_back_from_their_rows() {
        for row in Segments::shipped().rows() {
            assert_eq!(segment_row(&segment_of(row)).as_ref(), Some(row));
        }
    }
}
