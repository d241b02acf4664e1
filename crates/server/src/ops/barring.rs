//! Callers put on a number's block or white list and taken off again: an edit of the enterprise's document, with its next
//! version and its audit, from the next call on. A call's caller can be named by the call.

use std::collections::BTreeMap;

use hotline::barring::CallerPatterns;
use hotline::calendar::Date;
use hotline::enterprise::{BlockEntry, Enterprise, Number};
use hotline::{CallId, HotlineNumber, TenantId};
use serde::{Deserialize, Serialize};

use super::enterprises::commit;
use super::{Code, Desk, Outcome, Refusal};
use crate::clock;

/// Put a caller on a list, or take it off.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Mark {
    /// Which list.
    pub list: List,
    /// Whether it is taken off.
    pub remove: bool,
    /// Who is meant.
    pub whom: Whom,
    /// The last day on which a block holds.
    #[serde(default)]
    pub until: Option<Date>,
    /// Why a caller is blocked.
    #[serde(default)]
    pub note: String,
    /// Who asks.
    pub by: String,
}

/// A list of callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum List {
    /// Never connected (row B01).
    Block,
    /// Connected whatever the bars say (row B03).
    Allow,
}

/// Who is put on a list.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the variant's line names its fields")]
pub enum Whom {
    /// The caller of this call, at the number it called.
    Call(CallId),
    /// A pattern, at one number of an enterprise or at all of them.
    Pattern { tenant: TenantId, number: Option<HotlineNumber>, pattern: String },
}

/// What became of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Marked {
    /// The enterprise.
    pub tenant: TenantId,
    /// The pattern.
    pub pattern: String,
    /// The numbers whose list changed; none if all was so already.
    pub numbers: Vec<HotlineNumber>,
    /// The version that holds now.
    pub version: u32,
}

/// The entries of an enterprise's block lists.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Blocks {
    /// The enterprise.
    pub tenant: TenantId,
}

/// One entry with what it did.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Block {
    /// The number.
    pub number: HotlineNumber,
    /// The entry.
    #[serde(flatten)]
    pub entry: BlockEntry,
    /// Calls that it stopped, by the records there are.
    pub hits: u64,
    /// Whether its last day is over.
    pub over: bool,
}

/// Puts a caller on a list, or takes it off.
///
/// # Errors
/// The call or the enterprise is not there, the caller was withheld, or what is written is no pattern.
pub async fn mark(desk: &Desk, asked: &Mark) -> Outcome<Marked> {
    let (tenant, number, pattern) = whom(desk, &asked.whom).await?;
    if !CallerPatterns::new([pattern.as_str()]).1.is_empty() {
        return Err(Refusal::invalid(
            format!("“{pattern}”不是主叫：应为数字，或前几位加星号，如 021*"),
            format!("{pattern:?} is no caller: digits, or the first digits and a star, such as 021*"),
        ));
    }
    let stored = desk.enterprise(&tenant).await?;
    let mut enterprise = stored.enterprise.clone();
    let is_meant = |one: &Number| number.is_none_or(|number| one.number == number);
    if !enterprise.numbers.iter().any(is_meant) {
        return Err(Refusal::not_found(
            format!("企业 {tenant} 没有这个号码"),
            format!("{tenant} has no such number"),
        ));
    }
    let mut numbers = Vec::new();
    for one in enterprise.numbers.iter_mut().filter(|one| is_meant(one)) {
        if edit(one, asked, &pattern) {
            numbers.push(one.number);
        }
    }
    let version = match numbers.is_empty() {
        true => stored.version,
        false => commit(desk, &enterprise, Some(&stored.enterprise), stored.version, &asked.by).await?,
    };
    Ok(Marked { tenant, pattern, numbers, version })
}

async fn whom(desk: &Desk, whom: &Whom) -> Outcome<(TenantId, Option<HotlineNumber>, String)> {
    let call = match whom {
        Whom::Pattern { tenant, number, pattern } => return Ok((tenant.clone(), *number, pattern.clone())),
        Whom::Call(call) => call,
    };
    let stored =
        desk.store.call(*call).await?.ok_or_else(|| {
            Refusal::not_found(format!("没有通话 {call}"), format!("there is no call {call}"))
        })?;
    let record = stored.record;
    if record.caller.is_empty() {
        return Err(Refusal::new(
            Code::InvalidValue,
            "该通话的主叫隐藏了号码",
            "the caller of this call withheld the number",
        ));
    }
    Ok((record.tenant, Some(record.number), record.caller))
}

/// Edits one number's list; `false` if it was so already.
fn edit(number: &mut Number, asked: &Mark, pattern: &str) -> bool {
    match (asked.list, asked.remove) {
        (List::Block, false) => {
            let caller = pattern.to_owned();
            let entry =
                BlockEntry { caller, until: asked.until, by: asked.by.clone(), note: asked.note.clone() };
            let stands = number.block.iter().any(|one| one.caller == pattern && one.until == entry.until);
            if !stands {
                number.block.retain(|one| one.caller != pattern);
                number.block.push(entry);
            }
            !stands
        }
        (List::Block, true) => {
            let before = number.block.len();
            number.block.retain(|one| one.caller != pattern);
            number.block.len() < before
        }
        (List::Allow, false) => {
            let stands = number.bars.allow.iter().any(|one| one == pattern);
            if !stands {
                number.bars.allow.push(pattern.to_owned());
            }
            !stands
        }
        (List::Allow, true) => {
            let before = number.bars.allow.len();
            number.bars.allow.retain(|one| one != pattern);
            number.bars.allow.len() < before
        }
    }
}

/// Every entry of an enterprise's block lists, with the calls it stopped: counted from the records, which say who was
/// blocked. Where several entries name a caller the exact one counts, then the shortest, as with calls.
///
/// # Errors
/// The enterprise is not there.
pub async fn blocks(desk: &Desk, asked: &Blocks) -> Outcome<Vec<Block>> {
    let enterprise = desk.enterprise(&asked.tenant).await?.enterprise;
    let mut hits: BTreeMap<(HotlineNumber, String), u64> = BTreeMap::new();
    for (number, caller, calls) in desk.store.blocked_callers(&asked.tenant).await? {
        if let Some(pattern) = naming(&enterprise, number, &caller) {
            *hits.entry((number, pattern)).or_default() += calls;
        }
    }
    let today = Date::of(clock::wall().beijing());
    let of = |number: &Number| {
        let (at, hits) = (number.number, &hits);
        let entries = number.block.clone().into_iter();
        let block = move |entry: BlockEntry| Block {
            number: at,
            hits: hits.get(&(at, entry.caller.clone())).copied().unwrap_or(0),
            over: entry.until.is_some_and(|until| until < today),
            entry,
        };
        entries.map(block).collect::<Vec<_>>()
    };
    Ok(enterprise.numbers.iter().flat_map(of).collect())
}

fn naming(enterprise: &Enterprise, number: HotlineNumber, caller: &str) -> Option<String> {
    let number = enterprise.numbers.iter().find(|one| one.number == number)?;
    let patterns = CallerPatterns::new(number.block.iter().map(|entry| entry.caller.as_str())).0;
    patterns.matching(caller)
}
