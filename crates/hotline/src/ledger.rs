//! Double entry: each entry is one row with its debit and its credit account, never changed, never deleted. A balance
//! is the sum of its entries and stands nowhere else.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::cdr::LegRecord;
use crate::rating::{Charge, ChargeKind, adjustment};
use crate::{CallId, Money, TenantId, Wall};

/// An account of the books.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Account {
    /// Money an enterprise paid ahead: we owe it. A credit account.
    Prepaid(TenantId),
    /// What a postpaid enterprise owes us. A debit account.
    Receivable(TenantId),
    /// What we earned by calls of a tenant.
    Revenue(TenantId),
    /// What calls of a tenant cost us with carriers.
    CarrierCost(TenantId),
    /// What we owe a carrier, by trunk.
    Carrier(String),
    /// Money received.
    Cash,
}

/// Which side of an account grows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Side {
    Debit,
    Credit,
}

impl Account {
    /// The side on which the account's balance is positive.
    pub fn side(&self) -> Side {
        match self {
            Account::Prepaid(_) | Account::Revenue(_) | Account::Carrier(_) => Side::Credit,
            Account::Receivable(_) | Account::CarrierCost(_) | Account::Cash => Side::Debit,
        }
    }
}

impl fmt::Display for Account {
    /// As columns hold it: `prepaid/<tenant>`, `carrier/<trunk>`, `cash`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Account::Prepaid(tenant) => write!(f, "prepaid/{tenant}"),
            Account::Receivable(tenant) => write!(f, "receivable/{tenant}"),
            Account::Revenue(tenant) => write!(f, "revenue/{tenant}"),
            Account::CarrierCost(tenant) => write!(f, "carrier_cost/{tenant}"),
            Account::Carrier(trunk) => write!(f, "carrier/{trunk}"),
            Account::Cash => f.write_str("cash"),
        }
    }
}

/// The text names no account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an account is written as prepaid/<tenant>, carrier/<trunk> and the like, or cash")]
pub struct NotAnAccount;

impl FromStr for Account {
    type Err = NotAnAccount;

    fn from_str(text: &str) -> Result<Self, NotAnAccount> {
        match text.split_once('/') {
            Some(("prepaid", tenant)) => Ok(Account::Prepaid(TenantId::new(tenant))),
            Some(("receivable", tenant)) => Ok(Account::Receivable(TenantId::new(tenant))),
            Some(("revenue", tenant)) => Ok(Account::Revenue(TenantId::new(tenant))),
            Some(("carrier_cost", tenant)) => Ok(Account::CarrierCost(TenantId::new(tenant))),
            Some(("carrier", trunk)) => Ok(Account::Carrier(trunk.to_owned())),
            None if text == "cash" => Ok(Account::Cash),
            Some(_) | None => Err(NotAnAccount),
        }
    }
}

/// What an entry was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A charge of a call, or its adjustment.
    Call,
    /// Money paid in.
    TopUp,
}

impl EntryKind {
    /// The stable code, as in columns.
    pub fn code(self) -> &'static str {
        match self {
            EntryKind::Call => "call",
            EntryKind::TopUp => "top_up",
        }
    }
}

/// One entry. Its key is (tenant, call, leg, charge kind, revision) for calls and (tenant, reference) for top-ups, so
/// that posting twice is harmless (FAULTS B1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Whose books it touches.
    pub tenant: TenantId,
    /// Its unique key within the tenant, such as `call/<id>/0/sale/0` or `top-up/<reference>`.
    pub key: String,
    /// What for.
    pub kind: EntryKind,
    /// The call, if one.
    pub call: Option<CallId>,
    /// When it was posted.
    pub posted_at: Wall,
    /// The account that gains a debit.
    pub debit: Account,
    /// The account that gains a credit.
    pub credit: Account,
    /// Never negative: an adjustment downwards swaps the accounts.
    pub amount_e4: Money,
}

/// How an enterprise pays (row F09).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountKind {
    /// Ahead: a sale is taken from the balance.
    Prepaid,
    /// By invoice: a sale is added to what is owed.
    Postpaid,
}

/// Where and when the charges of one call are posted.
#[derive(Clone, Copy, Debug)]
pub struct Posting<'a> {
    /// The enterprise.
    pub tenant: &'a TenantId,
    /// How it pays.
    pub account: AccountKind,
    /// The call.
    pub call: CallId,
    /// When.
    pub posted_at: Wall,
}

/// The entries of a call's charges. A sale goes from the enterprise to revenue, a cost from carrier cost to the carrier
/// of the leg's trunk; a charge of nothing makes no entry.
pub fn post(posting: &Posting<'_>, charges: &[Charge], legs: &[LegRecord]) -> Vec<Entry> {
    charges.iter().filter_map(|charge| entry_of(posting, charge, legs)).collect()
}

/// Turns what was posted for `old` into what `new` says: the adjustment at the next revision, and its entry. `None` if
/// the fee is the same, so that a second re-rate posts nothing.
pub fn adjust(
    posting: &Posting<'_>,
    old: &Charge,
    new: &Charge,
    legs: &[LegRecord],
) -> Option<(Charge, Entry)> {
    let charge = adjustment(old, new)?;
    let entry = entry_of(posting, &charge, legs)?;
    Some((charge, entry))
}

fn entry_of(posting: &Posting<'_>, charge: &Charge, legs: &[LegRecord]) -> Option<Entry> {
    if charge.amount_e4.is_zero() {
        return None;
    }
    let (debit, credit) = accounts_of(posting, charge, legs);
    let (debit, credit) = if charge.amount_e4.0 < 0 { (credit, debit) } else { (debit, credit) };
    Some(Entry {
        tenant: posting.tenant.clone(),
        key: call_key(posting.call, charge),
        kind: EntryKind::Call,
        call: Some(posting.call),
        posted_at: posting.posted_at,
        debit,
        credit,
        amount_e4: Money(charge.amount_e4.0.saturating_abs()),
    })
}

/// Debit and credit of a positive charge.
fn accounts_of(posting: &Posting<'_>, charge: &Charge, legs: &[LegRecord]) -> (Account, Account) {
    let tenant = || posting.tenant.clone();
    match (charge.kind, posting.account) {
        (ChargeKind::Sale, AccountKind::Prepaid) => (Account::Prepaid(tenant()), Account::Revenue(tenant())),
        (ChargeKind::Sale, AccountKind::Postpaid) => {
            (Account::Receivable(tenant()), Account::Revenue(tenant()))
        }
        (ChargeKind::Cost, AccountKind::Prepaid | AccountKind::Postpaid) => {
            let trunk = legs.iter().find(|leg| leg.leg == charge.leg).map_or("", |leg| &leg.trunk);
            (Account::CarrierCost(tenant()), Account::Carrier(trunk.to_owned()))
        }
    }
}

/// The unique key of a charge's entry: `call/<id>/<leg>/<kind>/<revision>`.
pub fn call_key(call: CallId, charge: &Charge) -> String {
    format!("call/{call}/{}/{}/{}", charge.leg, charge.kind.code(), charge.revision)
}

/// Why money was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopUpRefused {
    /// Nothing, or less.
    #[error("a top-up is more than 0.00")]
    NotPositive,
    /// The reference makes the second arrival of one payment harmless; without it there is none.
    #[error("a top-up names the payment it comes from")]
    NoReference,
}

/// Money paid ahead. `reference` names the payment: the same one twice has the same key and is posted once.
pub fn top_up(tenant: &TenantId, amount_e4: Money, reference: &str, at: Wall) -> Result<Entry, TopUpRefused> {
    if amount_e4 <= Money::ZERO {
        return Err(TopUpRefused::NotPositive);
    }
    if reference.trim().is_empty() {
        return Err(TopUpRefused::NoReference);
    }
    Ok(Entry {
        tenant: tenant.clone(),
        key: format!("top-up/{}", reference.trim()),
        kind: EntryKind::TopUp,
        call: None,
        posted_at: at,
        debit: Account::Cash,
        credit: Account::Prepaid(tenant.clone()),
        amount_e4,
    })
}

/// What an account holds, on its own side: a prepaid balance, a debt, a revenue are positive.
pub fn balance<'e>(account: &Account, entries: impl IntoIterator<Item = &'e Entry>) -> Money {
    let debits: Money = entries.into_iter().map(|entry| debit_of(account, entry)).sum();
    match account.side() {
        Side::Debit => debits,
        Side::Credit => -debits,
    }
}

fn debit_of(account: &Account, entry: &Entry) -> Money {
    let debit = if entry.debit == *account { entry.amount_e4 } else { Money::ZERO };
    let credit = if entry.credit == *account { entry.amount_e4 } else { Money::ZERO };
    debit - credit
}

/// Debits less credits of every account touched; the sum over all accounts is zero.
pub fn trial_balance<'e>(entries: impl IntoIterator<Item = &'e Entry>) -> BTreeMap<Account, Money> {
    let mut sums: BTreeMap<Account, Money> = BTreeMap::new();
    for entry in entries {
        *sums.entry(entry.debit.clone()).or_default() += entry.amount_e4;
        *sums.entry(entry.credit.clone()).or_default() -= entry.amount_e4;
    }
    sums
}
