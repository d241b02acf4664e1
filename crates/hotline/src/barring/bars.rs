//! The bars of one number, compiled: white list, block list, regions, nuisance, lock-outs, in their order. They see the
//! caller and what the enterprise remembers of it, and no money.

use serde::{Deserialize, Serialize};

use super::{Asker, Barred, CallerPatterns};
use crate::HotlineNumber;
use crate::calendar::Date;
use crate::cdr::Cause;
use crate::enterprise::{Barring, BlockAnswer, BlockEntry, Nuisance, Password, RegionMode, UnknownRegion};
use crate::region::{RegionKind, RegionSet};
use crate::tenant::{Score, Tenant};

/// Who is kept away from a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bars {
    allow: CallerPatterns,
    block: CallerPatterns,
    /// Until when patterns of the block list hold that do not hold for good.
    ends: Box<[(Box<str>, Date)]>,
    block_answer: BlockAnswer,
    regions: Option<Box<RegionBar>>,
    nuisance: Option<Box<NuisanceBar>>,
    password: Option<Box<Password>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct RegionBar {
    mode: RegionMode,
    set: RegionSet,
    unknown: UnknownRegion,
    prompt: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct NuisanceBar {
    policy: Nuisance,
    suspects: CallerPatterns,
}

/// How a caller passed the bars.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The pattern of the white list that names the caller (row B03).
    pub allowed: Option<String>,
    /// What stands against the caller, if anything does (row B12).
    pub suspicion: Option<Suspicion>,
    /// What its call goes before others by, 0 to 9 (row R32).
    pub priority: u8,
}

/// What stands against a caller (row B12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspicion {
    /// 1 to 100.
    pub score: u8,
    /// What it is made of.
    pub reason: String,
    /// Whether the caller has to press a key.
    pub challenge: bool,
}

impl Bars {
    /// The bars of a number; `None` if it has none.
    pub fn compile(block: &[BlockEntry], written: &Barring) -> Option<Box<Bars>> {
        if block.is_empty() && *written == Barring::default() {
            return None;
        }
        let regions = written.regions.as_ref().map(|bar| {
            let set = RegionSet::parse(&bar.regions).unwrap_or_default();
            Box::new(RegionBar { mode: bar.mode, set, unknown: bar.unknown, prompt: bar.prompt.clone() })
        });
        let nuisance = written.nuisance.as_ref().map(|policy| {
            Box::new(NuisanceBar { policy: policy.clone(), suspects: patterns(&policy.suspects) })
        });
        Some(Box::new(Bars {
            allow: patterns(&written.allow),
            block: CallerPatterns::new(block.iter().map(|entry| entry.caller.as_str())).0,
            ends: ends(block),
            block_answer: written.block_answer.clone(),
            regions,
            nuisance,
            password: written.password.clone().map(Box::new),
        }))
    }

    /// The password that is asked for, if one is.
    pub fn password(&self) -> Option<&Password> {
        self.password.as_deref()
    }

    /// What is done about nuisance callers, if anything is.
    pub fn nuisance(&self) -> Option<&Nuisance> {
        self.nuisance.as_ref().map(|bar| &bar.policy)
    }

    /// What a refused caller hears, where the document says: as which other cause, and which prompt.
    pub fn heard(&self, cause: Cause) -> (Cause, Option<&str>) {
        match (cause, &self.block_answer, &self.regions) {
            (Cause::Blocked, BlockAnswer::Busy, _) => (Cause::AllBusy, None),
            (Cause::Blocked, BlockAnswer::NotInService, _) => (Cause::NumberNotInService, None),
            (Cause::Blocked, BlockAnswer::Prompt(prompt), _) => (cause, Some(prompt)),
            (Cause::RegionBarred, _, Some(bar)) => (cause, Some(&bar.prompt)),
            _ => (cause, None),
        }
    }

    pub(super) fn judge(
        &self,
        number: HotlineNumber,
        asker: &Asker<'_>,
        tenant: &mut Tenant,
    ) -> Result<Standing, Barred> {
        if let Some(pattern) = self.allow.matching(asker.caller) {
            return Ok(Standing { allowed: Some(pattern), ..Standing::default() });
        }
        if let Some(pattern) = self.blocked_by(asker) {
            return Err(Barred { cause: Cause::Blocked, detail: pattern });
        }
        if let Some(bar) = &self.regions {
            bar.judge(asker)?;
        }
        let suspicion = self.suspicion(asker, tenant)?;
        if let Some(password) = &self.password
            && tenant.seen.is_locked_out(number, asker.caller, password, asker.at)
        {
            let detail = format!("{} calls without the right password", password.lock_after);
            return Err(Barred { cause: Cause::PasswordLocked, detail });
        }
        Ok(Standing { suspicion, ..Standing::default() })
    }

    /// The entry of the block list that holds today.
    fn blocked_by(&self, asker: &Asker<'_>) -> Option<String> {
        let today = Date::of(asker.at.beijing());
        let holds = |pattern: &String| {
            let end = self.ends.iter().find(|(ended, _)| **ended == **pattern);
            end.is_none_or(|(_, until)| today <= *until)
        };
        self.block.all_matching(asker.caller).find(holds)
    }

    fn suspicion(&self, asker: &Asker<'_>, tenant: &Tenant) -> Result<Option<Suspicion>, Barred> {
        let Some(bar) = &self.nuisance else { return Ok(None) };
        let suspected = bar.suspects.matching(asker.caller).is_some();
        let Score { points, reason } = tenant.seen.score(asker.caller, suspected, &bar.policy, asker.at);
        if points >= bar.policy.block {
            return Err(Barred { cause: Cause::Nuisance, detail: format!("score {points}: {reason}") });
        }
        let challenge = points >= bar.policy.challenge;
        Ok((points > 0).then_some(Suspicion { score: points, reason, challenge }))
    }
}

impl RegionBar {
    /// Row B02. An unknown region has its own answer, whatever the set holds.
    fn judge(&self, asker: &Asker<'_>) -> Result<(), Barred> {
        let refuse = |detail: String| Err(Barred { cause: Cause::RegionBarred, detail });
        if asker.region.kind == RegionKind::Unknown {
            return match self.unknown {
                UnknownRegion::Connect => Ok(()),
                UnknownRegion::Refuse => refuse("the region is not known".into()),
            };
        }
        match (self.mode, self.set.contains(asker.region, asker.caller)) {
            (RegionMode::Allow, Some(_)) | (RegionMode::Deny, None) => Ok(()),
            (RegionMode::Allow, None) => refuse("not among the regions connected".into()),
            (RegionMode::Deny, Some(name)) => refuse(name.to_owned()),
        }
    }
}

fn patterns(written: &[String]) -> CallerPatterns {
    CallerPatterns::new(written.iter().map(String::as_str)).0
}

/// The last day of each pattern that does not stand for good.
fn ends(block: &[BlockEntry]) -> Box<[(Box<str>, Date)]> {
    let mut ends = std::collections::BTreeMap::new();
    for entry in block {
        let end = ends.entry(entry.caller.as_str()).or_insert(entry.until);
        *end = match (*end, entry.until) {
            (Some(one), Some(other)) => Some(one.max(other)),
            _ => None,
        };
    }
    ends.into_iter().filter_map(|(pattern, end)| Some((pattern.into(), end?))).collect()
}
