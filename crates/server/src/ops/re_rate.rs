//! Rating calls again by plans that were entered late or wrongly: what differs becomes adjustment entries, never an
//! edit (row F15). One request looks through one page; who asks goes on from where it ended.

use hotline::call::{Dated, Fact};
use hotline::cdr::{self, CallRecord, LegRecord};
use hotline::ledger::{self, AccountKind, Entry, Posting};
use hotline::rating::{self, Charge, ChargeKind, TariffVersion, Tariffs};
use hotline::{CallId, Money, PlanId, TenantId, Wall, settlement};
use serde::{Deserialize, Serialize};
use store::{Adjustment, StoredCall};

use super::calls::Range;
use super::{Desk, Outcome, Refusal, provider};
use crate::clock;

/// Rate a page of calls again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReRate {
    /// Whose calls.
    pub tenant: TenantId,
    /// Which of them.
    #[serde(flatten)]
    pub range: Range,
    /// By this sale plan instead of the one they were rated by.
    #[serde(default)]
    pub plan: Option<PlanId>,
    /// Whether to post the adjustments.
    pub apply: bool,
    /// Why, for the audit.
    pub reason: String,
    /// Who asks.
    pub by: String,
}

/// What a page brought.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ReRated {
    /// Calls looked at.
    pub looked_at: usize,
    /// Calls whose fee or cost differs.
    pub adjusted: usize,
    /// Sum over the sales: positive is more to pay.
    pub sale_difference: Money,
    /// Sum over the costs.
    pub cost_difference: Money,
    /// Each call that differs.
    pub calls: Vec<ReRatedCall>,
    /// Where the next page goes on; `None` at the end.
    pub next: Option<CallId>,
}

/// One call that differs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReRatedCall {
    /// The call.
    pub call: CallId,
    /// The fee before.
    pub was: Money,
    /// The fee after.
    pub becomes: Money,
}

/// Calls of one page; each is read whole.
const PAGE: u32 = 500;

/// Rates a page of calls again.
///
/// # Errors
/// The enterprise or the plan is not there.
pub async fn re_rate(desk: &Desk, asked: &ReRate) -> Outcome<ReRated> {
    desk.enterprise(&asked.tenant).await?;
    let books = Books { tariffs: provider::plans(&desk.store).await? };
    if let Some(plan) = &asked.plan
        && !books.tariffs.versions_of(plan).iter().any(|version| version.kind == ChargeKind::Sale)
    {
        return Err(Refusal::not_found(format!("没有资费 {plan}"), format!("there is no sale plan {plan}")));
    }
    let _held = match (&desk.live, asked.apply) {
        (Some(live), true) => Some(live.lock_account(&asked.tenant).await),
        _ => None,
    };
    let rows = desk.store.calls(&asked.range.filter(Some(asked.tenant.clone())), PAGE).await?;
    let mut page = ReRated { looked_at: rows.len(), ..ReRated::default() };
    page.next = (rows.len() == PAGE as usize).then(|| rows.last().map(|row| row.call)).flatten();
    let mut adjustments = Vec::new();
    let mut prepaid = Money::ZERO;
    for row in rows {
        let Some(stored) = desk.store.call(row.call).await? else { continue };
        let Some(adjusted) = books.adjust(&stored, asked.plan.as_ref(), clock::wall()) else { continue };
        page.count(row.call, row.fee_e4, &adjusted.adjustment);
        if adjusted.account == AccountKind::Prepaid {
            prepaid += sale_of(&adjusted.adjustment.charges);
        }
        adjustments.push(adjusted.adjustment);
    }
    if asked.apply && !adjustments.is_empty() {
        desk.store.re_rate(&adjustments, &asked.reason, &desk.change(&asked.by)).await?;
        if let Some(live) = &desk.live {
            live.credited(&asked.tenant, -prepaid).await?;
        }
    }
    Ok(page)
}

fn sale_of(charges: &[Charge]) -> Money {
    charges.iter().filter(|charge| charge.kind == ChargeKind::Sale).map(|charge| charge.amount_e4).sum()
}

impl ReRated {
    fn count(&mut self, call: CallId, was: Money, adjustment: &Adjustment) {
        let sale = sale_of(&adjustment.charges);
        let all: Money = adjustment.charges.iter().map(|charge| charge.amount_e4).sum();
        self.adjusted += 1;
        self.sale_difference += sale;
        self.cost_difference += all - sale;
        self.calls.push(ReRatedCall { call, was, becomes: was + sale });
    }
}

/// What prices calls.
struct Books {
    tariffs: Tariffs,
}

struct Adjusted {
    adjustment: Adjustment,
    account: AccountKind,
}

impl Books {
    /// What must be posted so that a call's charges are what the plans say now; `None` if they are.
    fn adjust(&self, stored: &StoredCall, plan: Option<&PlanId>, now: Wall) -> Option<Adjusted> {
        let record = &stored.record;
        let log = settlement::read_log(&stored.log)?;
        let folded = cdr::fold(record.call, &log)?;
        let plan = plan.unwrap_or(&folded.arrived.plan);
        let sale = self.tariffs.version_at(plan, record.started_at)?;
        let fresh = rating::rate_call(record, sale, |leg| self.cost_of(leg, record, &log), folded.zone);
        let account = folded.arrived.account;
        let posting = Posting { tenant: &record.tenant, account, call: record.call, posted_at: now };
        let (charges, entries) = difference(&posting, stored, &fresh);
        let (tenant, call) = (record.tenant.clone(), record.call);
        (!charges.is_empty())
            .then_some(Adjusted { adjustment: Adjustment { tenant, call, charges, entries }, account })
    }

    /// The version of the plan that was noted when the leg was dialled.
    fn cost_of(&self, leg: &LegRecord, record: &CallRecord, log: &[Dated]) -> Option<&TariffVersion> {
        let plan = log.iter().find_map(|dated| match &dated.fact {
            Fact::Dialled(dialled) if dialled.leg == leg.leg => dialled.cost_plan.as_ref(),
            _ => None,
        });
        self.tariffs.version_at(plan?, record.started_at)
    }
}

/// The charges and entries that lead from what is posted to what is said now.
fn difference(posting: &Posting<'_>, stored: &StoredCall, fresh: &[Charge]) -> (Vec<Charge>, Vec<Entry>) {
    let legs = &stored.record.legs;
    let (mut charges, mut entries) = (Vec::new(), Vec::new());
    for new in fresh {
        let old = latest(&stored.charges, new);
        match old {
            Some(old) => {
                if let Some((charge, entry)) = ledger::adjust(posting, old, new, legs) {
                    charges.push(charge);
                    entries.push(entry);
                }
            }
            None => {
                entries.extend(ledger::post(posting, std::slice::from_ref(new), legs));
                charges.push(new.clone());
            }
        }
    }
    // What is no longer charged at all goes back to nothing.
    for old in stored.charges.iter().filter(|charge| charge.revision == 0) {
        if fresh.iter().any(|new| (new.kind, new.leg) == (old.kind, old.leg)) {
            continue;
        }
        let nothing =
            Charge { amount_e4: Money::ZERO, posted_before_e4: Money::ZERO, units: 0, ..old.clone() };
        if let Some(old) = latest(&stored.charges, old)
            && let Some((charge, entry)) = ledger::adjust(posting, old, &nothing, legs)
        {
            charges.push(charge);
            entries.push(entry);
        }
    }
    (charges, entries)
}

/// The last revision of the same charge.
fn latest<'c>(charges: &'c [Charge], like: &Charge) -> Option<&'c Charge> {
    let same = |charge: &&Charge| (charge.kind, charge.leg) == (like.kind, like.leg);
    charges.iter().filter(same).max_by_key(|charge| charge.revision)
}
