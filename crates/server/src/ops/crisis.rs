//! Crisis mode (row R22): one switch puts a notice or an alternate phone in front of every number of an enterprise. It is
//! a version of the document like any other: validated, audited, exported, and seen by the next call.

use hotline::enterprise::{CrisisThen, Enterprise, write};
use hotline::{TenantId, Wall};
use serde::{Deserialize, Serialize};
use store::NewSetting;

use super::enterprises::{check, commit_and};
use super::money::time;
use super::refusal::Problem;
use super::{Code, Desk, Outcome, Refusal, check_instant, mark_of};

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
    /// [`Asked::request`] of what was looked at: that one begins and no other.
    pub request: String,
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
    /// One that waits for a second person.
    pub asked: Option<Asked>,
}

/// A crisis that waits for a second person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = CrisisAsked)]
pub struct Asked {
    /// What names it: another for whatever else somebody asks for.
    pub request: String,
    /// Who asked.
    pub by: String,
    /// When, Beijing time.
    pub at: String,
    /// Until when it would last, Beijing time.
    pub until: String,
    /// What would begin, in the shape of `crisis`.
    #[schema(value_type = Object)]
    pub crisis: Switch,
}

/// A crisis that waits for a second person, as the setting keeps it.
#[derive(Serialize, Deserialize)]
struct Waiting {
    by: String,
    at: Wall,
    crisis: Switch,
}

/// The text of a setting, and what waits in it.
type Kept = (Option<String>, Option<Waiting>);

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
    let (kept, _) = waiting(desk, &asked.tenant).await?;
    match &next.crisis {
        Some(crisis) if next.crisis_by_two => {
            let waiting = Waiting { by: asked.by.clone(), at: change.at, crisis: crisis.clone() };
            let text = serde_json::to_string(&waiting).map_err(Refusal::bad_request)?;
            let new = NewSetting { key: ASKED, was: kept.as_deref(), value: &text };
            if !desk.store.replace_setting(&asked.tenant, &new, &change).await? {
                return Err(asked_another());
            }
        }
        Some(_) | None => apply(desk, &next, &stored, kept.as_deref(), &asked.by).await?,
    }
    show(desk, &Show { tenant: asked.tenant.clone() }).await
}

/// Begins what another person asked for.
///
/// # Errors
/// Nobody asked, the same person did, or what waits now is another than the one that is named.
pub async fn confirm(desk: &Desk, asked: &Confirm) -> Outcome<Standing> {
    let stored = desk.enterprise(&asked.tenant).await?;
    super::carrier::may_change(desk, &asked.tenant).await?;
    let (kept, waiting) = waiting(desk, &asked.tenant).await?;
    let (Some(text), Some(waiting)) = (&kept, waiting) else {
        return Err(Refusal::not_found("没有等待确认的危机模式", "no crisis waits for a second person"));
    };
    if asked.request != mark_of(text) {
        return Err(asked_another());
    }
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
    apply(desk, &next, &stored, kept.as_deref(), &by).await?;
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
    let (kept, waiting) = waiting(desk, &asked.tenant).await?;
    let told = |(text, waiting): (String, Waiting)| Asked {
        request: mark_of(&text),
        by: waiting.by,
        at: time(waiting.at),
        until: time(waiting.crisis.until),
        crisis: waiting.crisis,
    };
    Ok(Standing {
        tenant: asked.tenant.clone(),
        version: stored.version,
        on: crisis.as_ref().is_some_and(|crisis| now < crisis.until),
        until: crisis.as_ref().map(|crisis| time(crisis.until)),
        crisis,
        asked: kept.zip(waiting).map(told),
    })
}

/// The setting as it is, and the crisis that waits in it. One that was asked for in an older shape waits no more.
async fn waiting(desk: &Desk, tenant: &TenantId) -> Outcome<Kept> {
    let text = desk.store.setting(tenant, ASKED).await?;
    let waiting = text.as_deref().and_then(|text| serde_json::from_str(text).ok());
    Ok((text, waiting))
}

fn asked_another() -> Refusal {
    Refusal::new(
        Code::VersionMoved,
        "现在等待确认的是另一个申请，请重新查看",
        "what waits for a second person is another request now; look at it again",
    )
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

/// Commits the switch with what the audit says of it, and ends what waits: all of it or nothing. What is so already is no
/// new version.
async fn apply(
    desk: &Desk,
    next: &Enterprise,
    stored: &store::Stored,
    kept: Option<&str>,
    by: &str,
) -> Outcome<()> {
    let over = NewSetting { key: ASKED, was: kept, value: "" };
    let waits = kept.is_some_and(|text| !text.is_empty());
    if *next == stored.enterprise {
        if waits && !desk.store.replace_setting(&next.id, &over, &desk.change(by)).await? {
            return Err(asked_another());
        }
        return Ok(());
    }
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
    let was = desk.store.setting(&next.id, SWITCHED).await?;
    let mut settings = vec![NewSetting { key: SWITCHED, was: was.as_deref(), value: &told }];
    if waits {
        settings.push(over);
    }
    commit_and(desk, next, Some(&stored.enterprise), stored.version, &settings, by).await?;
    Ok(())
}
