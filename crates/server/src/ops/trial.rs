//! Trying a trunk (row X04): a test call by the running node, told step by step; how an INVITE of its carrier would be
//! read; and an access number mapped to a 400 number.

use hotline::number::may_be_bound;
use hotline::region::{CallerForm, Region, normalise};
use hotline::trunk::{AccessNumber, Named, called};
use hotline::{HotlineNumber, TenantId};
use node::{NotDialled, TrialFault, TrialOrder, TrialReport, TrialStep};
use serde::{Deserialize, Serialize};

use super::{Code, Desk, Outcome, Refusal, provider, regions};

/// Try a trunk.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TrunkTest {
    /// Its name.
    pub trunk: String,
    /// The number to be called; without it OPTIONS alone is sent.
    pub to: Option<String>,
    /// Which of our numbers on the trunk is shown; the first unless said.
    pub from: Option<String>,
    /// Keys pressed after the answer.
    #[serde(default)]
    pub keys: String,
    /// How long it may ring.
    pub ring_ms: u64,
    /// How long the talk lasts.
    pub talk_ms: u64,
    /// An INVITE of the carrier that is to be read, without one being sent.
    pub incoming: Option<Incoming>,
}

/// What an INVITE of a carrier names: users of URIs as the carrier writes them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incoming {
    /// Of the Request-URI.
    pub number: String,
    /// Of To; that of the Request-URI unless said.
    #[serde(default)]
    pub to: Option<String>,
    /// Of Diversion or History-Info.
    #[serde(default)]
    pub diversion: Option<String>,
    /// The caller's, of From.
    #[serde(default)]
    pub caller: Option<String>,
}

/// What was seen.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TrunkTested {
    /// The trunk.
    pub trunk: String,
    /// Whether nothing was found fault with.
    pub passed: bool,
    /// What was.
    pub faults: Vec<TrialFault>,
    /// The steps of the test call; `None` where no server was to make one.
    pub report: Option<TrialReport>,
    /// How the INVITE would be read.
    pub incoming: Option<Read>,
}

/// How a carrier's INVITE would be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Read {
    /// What it names.
    pub named: Incoming,
    /// The 400 number that it is for; `None` is refused with 404.
    pub hotline: Option<HotlineNumber>,
    /// Who holds that number; `None` plays that it is not in service.
    pub holder: Option<TenantId>,
    /// Whether the trunk takes calls in.
    pub taken: bool,
    /// The caller in national form, what form that is, and where the number is from.
    pub caller: Option<(String, CallerForm, Region)>,
}

/// Calls to an access number of a trunk are calls to a 400 number from now on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TrunkMap {
    /// The trunk's name.
    pub trunk: String,
    /// The access number.
    pub number: String,
    /// The 400 number; without one the mapping is taken away.
    pub hotline: Option<HotlineNumber>,
    /// Who asks.
    pub by: String,
}

/// Tries a trunk and reads an INVITE, as far as each is asked for.
///
/// # Errors
/// There is no such trunk, the number may not be called, or no server runs that could call.
pub async fn test(desk: &Desk, asked: &TrunkTest) -> Outcome<TrunkTested> {
    let incoming = match &asked.incoming {
        Some(named) => Some(read(desk, &asked.trunk, named).await?),
        None => None,
    };
    // To read an INVITE nobody need be called.
    let calls = asked.to.is_some() || incoming.is_none();
    let report = if calls { Some(call(desk, asked).await?) } else { None };
    let faults = report.as_ref().map(TrialReport::faults).unwrap_or_default();
    let is_read = incoming.as_ref().is_none_or(|read| read.taken && read.holder.is_some());
    Ok(TrunkTested {
        trunk: asked.trunk.clone(),
        passed: faults.is_empty() && is_read,
        faults,
        report,
        incoming,
    })
}

async fn call(desk: &Desk, asked: &TrunkTest) -> Outcome<TrialReport> {
    let Some(live) = &desk.live else {
        return Err(Refusal::new(
            Code::NoServer,
            "测试呼叫由运行中的服务拨出；先运行 sibai serve",
            "a test call is made by the running server; start `sibai serve` first",
        ));
    };
    let national = |text: &String| normalise(text, None).number;
    let to = asked.to.as_ref().map(|to| may_be_called(to)).transpose()?;
    if let Some(key) = asked.keys.chars().find(|key| !matches!(key, '0'..='9' | '*' | '#')) {
        return Err(Refusal::invalid(format!("{key:?} 不是按键"), format!("{key:?} is no key of a phone")));
    }
    let order = TrialOrder {
        id: 0,
        trunk: asked.trunk.clone(),
        to,
        from: asked.from.as_ref().map(national),
        keys: asked.keys.clone(),
        ring_ms: asked.ring_ms,
        talk_ms: asked.talk_ms,
    };
    let report = live.try_trunk(order).await?;
    let unknown = TrialStep::NotDialled { why: NotDialled::UnknownTrunk };
    if report.steps.first().is_some_and(|first| first.step == unknown) {
        return Err(no_trunk(&asked.trunk));
    }
    Ok(report)
}

/// The number in national form: a landline or a mobile of the mainland, as for a bound number (row K24, FAULTS N7).
fn may_be_called(text: &str) -> Outcome<String> {
    may_be_bound(text).map_err(|refusal| {
        Refusal::invalid(
            format!("{text} 不能用于测试呼叫（{}）：请用境内固定电话或手机", refusal.code),
            format!("{text} may not be called ({}): name a landline or mobile of the mainland", refusal.code),
        )
    })?;
    Ok(normalise(text, None).number)
}

async fn read(desk: &Desk, trunk: &str, named: &Incoming) -> Outcome<Read> {
    let row = trunk_of(desk, trunk).await?;
    let area_code = row.area_code.as_deref();
    let history: Vec<String> = named.diversion.iter().cloned().collect();
    let invite = Named {
        request_uri: &named.number,
        to: named.to.as_deref().unwrap_or(&named.number),
        diversion: named.diversion.as_deref(),
        history: &history,
    };
    let hotline = called(&row.profile, area_code, &invite);
    let held = match hotline {
        Some(hotline) => desk.store.number(hotline).await?,
        None => None,
    };
    let caller = match &named.caller {
        Some(caller) => {
            let read = row.profile.callers.normalise(caller, area_code);
            let region = regions::table(&desk.regions_dir())?.locate(&read.number);
            Some((read.number, read.form, region))
        }
        None => None,
    };
    let taken = row.incoming && row.enabled;
    Ok(Read { named: named.clone(), hotline, holder: held.map(|held| held.holder), taken, caller })
}

/// Maps an access number of a trunk, or takes its mapping away.
///
/// # Errors
/// There is no such trunk, or the access number is no mainland number.
pub async fn map(desk: &Desk, asked: &TrunkMap) -> Outcome<provider::Trunk> {
    let mut trunk = trunk_of(desk, &asked.trunk).await?;
    let number = normalise(&asked.number, trunk.area_code.as_deref()).number;
    trunk.profile.access_numbers.retain(|access| access.number != number);
    if asked.hotline.is_some() {
        trunk.profile.access_numbers.push(AccessNumber { number, hotline: asked.hotline });
    }
    provider::trunk_add(desk, &provider::TrunkAdd { trunk, by: asked.by.clone() }).await
}

async fn trunk_of(desk: &Desk, name: &str) -> Outcome<provider::Trunk> {
    let trunks = provider::trunks(desk).await?;
    trunks.into_iter().find(|trunk| trunk.name == name).ok_or_else(|| no_trunk(name))
}

fn no_trunk(name: &str) -> Refusal {
    Refusal::not_found(format!("没有启用的中继 {name}"), format!("there is no trunk {name} in use"))
}
