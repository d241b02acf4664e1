//! Crisis mode (row R22): one switch puts a notice or an alternate phone in front of every number of an enterprise. It is
//! a version of the document like any other: validated, audited, exported, and seen by the next call.

use hotline::enterprise::{CrisisThen, Enterprise, write};
use hotline::{TenantId, Wall};
use serde::{Deserialize, Serialize};

use super::enterprises::{check, commit};
use super::money::time;
use super::refusal::Problem;
use super::{Code, Desk, Outcome, Refusal, check_instant};

/// What a crisis is in a document.
pub use hotline::enterprise::Crisis as Switch;

/// The setting in which a crisis waits for its second person.
const ASKED: &str = "crisis_asked";
/// The setting whose audited changes tell of every switch.
const SWITCHED: &str = "crisis";

/// Switch a crisis on, or off.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Crisis {
    /// The enterprise.
    pub tenant: TenantId,
    /// What stands in front of the numbers; `None` switches off, which never needs a second person.
    pub crisis: Option<Switch>,
    /// Who asks.
    pub by: String,
}

/// Begin the crisis that somebody else asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Confirm {
    /// The enterprise.
    pub tenant: TenantId,
    /// Who confirms.
    pub by: String,
}

/// Look at the switch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Show {
    /// The enterprise.
    pub tenant: TenantId,
}

/// How the switch stands.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = CrisisStanding)]
pub struct Standing {
    /// The enterprise.
    #[schema(value_type = String)]
    pub tenant: TenantId,
    /// The version of its document.
    pub version: u32,
    /// Whether calls that come now meet a crisis.
    pub on: bool,
    /// Until when, Beijing time.
    pub until: Option<String>,
    /// What it is: `until` (milliseconds since 1970-01-01 UTC), `notice`, `then`.
    #[schema(value_type = Option<Object>)]
    pub crisis: Option<Switch>,
    /// Who asked for one that waits for a second person.
    pub asked_by: Option<String>,
}

/// A crisis that waits for a second person.
#[derive(Serialize, Deserialize)]
struct Waiting {
    by: String,
    crisis: Switch,
}

/// Switches. Where the enterprise wants two persons the first only asks.
///
/// # Errors
/// The enterprise is not there, or its document would be wrong: an unknown prompt, a phone that may not be dialled, an
/// hour that has passed.
pub async fn switch(desk: &Desk, asked: &Crisis) -> Outcome<Standing> {
    if let Some(crisis) = &asked.crisis {
        check_instant("until", crisis.until)?;
    }
    let stored = desk.enterprise(&asked.tenant).await?;
    super::carrier::may_change(desk, &asked.tenant).await?;
    let change = desk.change(&asked.by);
    let next = Enterprise { crisis: asked.crisis.clone(), ..stored.enterprise.clone() };
    let next = validated(desk, &next, change.at).await?;
    match &next.crisis {
        Some(crisis) if next.crisis_by_two => {
            let waiting = Waiting { by: asked.by.clone(), crisis: crisis.clone() };
            let text = serde_json::to_string(&waiting).map_err(Refusal::bad_request)?;
            desk.store.put_setting(&asked.tenant, ASKED, &text, &change).await?;
        }
        Some(_) | None => apply(desk, &next, &stored, &asked.by).await?,
    }
    show(desk, &Show { tenant: asked.tenant.clone() }).await
}

/// Begins what another person asked for.
///
/// # Errors
/// Nobody asked, or the same person did.
pub async fn confirm(desk: &Desk, asked: &Confirm) -> Outcome<Standing> {
    let stored = desk.enterprise(&asked.tenant).await?;
    super::carrier::may_change(desk, &asked.tenant).await?;
    let Some(waiting) = waiting(desk, &asked.tenant).await? else {
        return Err(Refusal::not_found("没有等待确认的危机模式", "no crisis waits for a second person"));
    };
    if waiting.by == asked.by {
        return Err(Refusal::new(
            Code::SecondPerson,
            format!("要由 {} 以外的人确认", waiting.by),
            format!("somebody other than {} has to confirm it", waiting.by),
        ));
    }
    let next = Enterprise { crisis: Some(waiting.crisis), ..stored.enterprise.clone() };
    let next = validated(desk, &next, desk.change(&asked.by).at).await?;
    let by = format!("{}, {}", waiting.by, asked.by);
    apply(desk, &next, &stored, &by).await?;
    show(desk, &Show { tenant: asked.tenant.clone() }).await
}

/// How the switch stands.
///
/// # Errors
/// The enterprise is not there.
pub async fn show(desk: &Desk, asked: &Show) -> Outcome<Standing> {
    let stored = desk.enterprise(&asked.tenant).await?;
    let crisis = stored.enterprise.crisis;
    let now = desk.change("").at;
    Ok(Standing {
        tenant: asked.tenant.clone(),
        version: stored.version,
        on: crisis.as_ref().is_some_and(|crisis| now < crisis.until),
        until: crisis.as_ref().map(|crisis| time(crisis.until)),
        crisis,
        asked_by: waiting(desk, &asked.tenant).await?.map(|waiting| waiting.by),
    })
}

async fn waiting(desk: &Desk, tenant: &TenantId) -> Outcome<Option<Waiting>> {
    let text = desk.store.setting(tenant, ASKED).await?.filter(|text| !text.is_empty());
    text.map(|text| serde_json::from_str(&text).map_err(Refusal::bad_request)).transpose()
}

/// The document with its switch, judged like an imported one: its phone comes out in national form.
async fn validated(desk: &Desk, next: &Enterprise, now: Wall) -> Outcome<Enterprise> {
    if next.crisis.as_ref().is_some_and(|crisis| crisis.until <= now) {
        return Err(Refusal::invalid("截止时间已过", "its hour has passed"));
    }
    let problems = match check(desk, &write(next)).await? {
        Ok((enterprise, _)) => return Ok(enterprise),
        Err(problems) => problems,
    };
    let mut refusal =
        Refusal::new(Code::InvalidDocument, "危机模式的内容有问题", "the crisis cannot be switched on so");
    refusal.problems = problems.iter().map(Problem::of).collect();
    Err(refusal)
}

async fn apply(desk: &Desk, next: &Enterprise, stored: &store::Stored, by: &str) -> Outcome<()> {
    let change = desk.change(by);
    commit(desk, next, Some(&stored.enterprise), stored.version, by).await?;
    let told = match &next.crisis {
        None => "off".to_owned(),
        Some(crisis) => {
            let then = match &crisis.then {
                CrisisThen::GoOn => "go_on",
                CrisisThen::HangUp => "hang_up",
                CrisisThen::Dial(number) => number,
            };
            format!("on until {}, {then}", time(crisis.until))
        }
    };
    desk.store.put_setting(&next.id, SWITCHED, &told, &change).await?;
    if waiting(desk, &next.id).await?.is_some() {
        desk.store.put_setting(&next.id, ASKED, "", &change).await?;
    }
    Ok(())
}
