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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Beijing;
    use crate::cdr::CallRecord;
    use crate::rating::tests::{Dice, answered_call, any_version, shipped};
    use crate::rating::{TariffVersion, Zone, rate_call};

    const AT: Wall = Wall(1_800_000_000_000);

    fn acme() -> TenantId {
        TenantId::new("acme")
    }

    fn rate(record: &CallRecord, sale: &TariffVersion) -> Vec<Charge> {
        rate_call(record, sale, |_| Some(COST.get_or_init(|| shipped("C1"))), Zone::Local)
    }

    static COST: std::sync::OnceLock<TariffVersion> = std::sync::OnceLock::new();

    fn post_call(record: &CallRecord, charges: &[Charge], account: AccountKind) -> Vec<Entry> {
        let posting = Posting { tenant: &record.tenant, account, call: record.call, posted_at: AT };
        post(&posting, charges, &record.legs)
    }

    #[test]
    fn a_sale_leaves_the_prepaid_balance_and_a_cost_goes_to_the_legs_carrier() {
        let record = answered_call(61_000);
        let entries = post_call(&record, &rate(&record, &shipped("T1")), AccountKind::Prepaid);
        let call = record.call;
        let rows: Vec<_> = entries
            .iter()
            .map(|e| (e.key.clone(), e.debit.to_string(), e.credit.to_string(), e.amount_e4.to_string()))
            .collect();
        let row = |key: &str, debit: &str, credit: &str, amount: &str| {
            (format!("call/{call}/{key}"), debit.to_owned(), credit.to_owned(), amount.to_owned())
        };
        assert_eq!(
            rows,
            [
                row("0/sale/0", "prepaid/acme", "revenue/acme", "0.60"),
                row("2/cost/0", "carrier_cost/acme", "carrier/carrier-2", "0.12"),
            ]
        );
        let owed = post_call(&record, &rate(&record, &shipped("T1")), AccountKind::Postpaid);
        assert_eq!(owed[0].debit, Account::Receivable(acme()));
        assert_eq!(balance(&Account::Receivable(acme()), &owed), Money(6_000));
    }

    #[test]
    fn a_charge_of_nothing_makes_no_entry() {
        let record = answered_call(0);
        let charges = rate(&record, &shipped("T1"));
        assert_eq!(charges.len(), 2);
        assert_eq!(post_call(&record, &charges, AccountKind::Prepaid), []);
    }

    #[test]
    fn f09_a_balance_is_what_was_paid_in_less_what_was_used() {
        let record = answered_call(61_000);
        let mut entries = vec![top_up(&acme(), Money::from_fen(5_000), "bank-1", AT).expect("money")];
        entries.extend(post_call(&record, &rate(&record, &shipped("T2a")), AccountKind::Prepaid));
        assert_eq!(balance(&Account::Prepaid(acme()), &entries), Money::from_fen(4_934));
        assert_eq!(balance(&Account::Cash, &entries), Money::from_fen(5_000));
        assert_eq!(balance(&Account::Revenue(acme()), &entries), Money::from_fen(66));
        assert_eq!(balance(&Account::Carrier("carrier-2".to_owned()), &entries), Money::from_fen(12));
        assert_eq!(balance(&Account::Prepaid(TenantId::new("other")), &entries), Money::ZERO);
    }

    #[test]
    fn what_is_no_top_up_is_refused() {
        for amount in [Money::ZERO, Money(-1)] {
            assert_eq!(top_up(&acme(), amount, "bank-1", AT), Err(TopUpRefused::NotPositive));
        }
        assert_eq!(top_up(&acme(), Money(1), " ", AT), Err(TopUpRefused::NoReference));
        let entry = top_up(&acme(), Money(1), " bank-1 ", AT).expect("money");
        assert_eq!((entry.key.as_str(), entry.kind), ("top-up/bank-1", EntryKind::TopUp));
    }

    #[test]
    fn an_adjustment_downwards_swaps_the_accounts() {
        let record = answered_call(61_000);
        let posting = Posting {
            tenant: &record.tenant,
            account: AccountKind::Prepaid,
            call: record.call,
            posted_at: AT,
        };
        let (old, new) = (&rate(&record, &shipped("T1"))[0], &rate(&record, &shipped("T2b"))[0]);
        let (charge, entry) = adjust(&posting, old, new, &record.legs).expect("0.60 became 0.20");
        assert_eq!((charge.revision, charge.amount_e4), (1, Money(-4_000)));
        assert_eq!(entry.key, format!("call/{}/0/sale/1", record.call));
        assert_eq!((entry.debit, entry.credit), (Account::Revenue(acme()), Account::Prepaid(acme())));
        assert_eq!(entry.amount_e4, Money(4_000));
        assert_eq!(adjust(&posting, &charge, new, &record.legs), None);
    }

    /// Books of many calls, rated again up to three times, each posting delivered again at random (FAULTS B1): a store
    /// that keeps the first row of a key holds books that balance and fees that are the last ones said.
    #[test]
    fn fault_b1_books_balance_whatever_is_rated_again_or_delivered_twice() {
        let mut dice = Dice(2);
        for round in 0..300 {
            let mut books: BTreeMap<String, Entry> = BTreeMap::new();
            let mut fees = Money::ZERO;
            for call in 0..8 {
                let mut record = answered_call(dice.roll(300_000));
                record.call = CallId::at(AT.0, round * 8 + call);
                fees += play(&mut dice, &record, &mut books);
            }
            let entries = || books.values();
            assert_eq!(trial_balance(entries()).values().copied().sum::<Money>(), Money::ZERO);
            assert_eq!(balance(&Account::Revenue(acme()), entries()), fees);
            assert_eq!(balance(&Account::Prepaid(acme()), entries()), -fees);
            assert!(entries().all(|entry| entry.amount_e4 > Money::ZERO && entry.debit != entry.credit));
        }
    }

    /// Posts one call and its re-rates into the books; the sale that must remain.
    fn play(dice: &mut Dice, record: &CallRecord, books: &mut BTreeMap<String, Entry>) -> Money {
        let posting = Posting {
            tenant: &record.tenant,
            account: AccountKind::Prepaid,
            call: record.call,
            posted_at: AT,
        };
        let mut deliver = |dice: &mut Dice, entries: Vec<Entry>| {
            for _ in 0..=dice.roll(2) {
                for entry in &entries {
                    books.entry(entry.key.clone()).or_insert_with(|| entry.clone());
                }
            }
        };
        let charges = rate(record, &any_version(dice));
        deliver(dice, post(&posting, &charges, &record.legs));
        let mut sale = charges[0].clone();
        for _ in 0..dice.roll(4) {
            let new = rate(record, &any_version(dice))[0].clone();
            if let Some((charge, entry)) = adjust(&posting, &sale, &new, &record.legs) {
                deliver(dice, vec![entry]);
                sale = charge;
            }
            assert_eq!(sale.fee_e4(), new.amount_e4);
            assert_eq!(adjust(&posting, &sale, &new, &record.legs), None, "twice is once");
        }
        sale.fee_e4()
    }

    #[test]
    fn accounts_and_entries_read_back() {
        for account in [
            Account::Prepaid(acme()),
            Account::Receivable(acme()),
            Account::Revenue(acme()),
            Account::CarrierCost(acme()),
            Account::Carrier("ct/north 1".to_owned()),
            Account::Cash,
        ] {
            assert_eq!(account.to_string().parse(), Ok(account));
        }
        for text in ["", "prepaid", "cash/1", "bank/acme"] {
            assert_eq!(text.parse::<Account>(), Err(NotAnAccount), "{text}");
        }
        let entry = top_up(&acme(), Money(1), "bank-1", Beijing::date(2026, 10, 10).wall()).expect("money");
        let json = serde_json::to_string(&entry).expect("an entry is JSON");
        assert_eq!(serde_json::from_str::<Entry>(&json).expect("the same JSON"), entry);
        let bytes = postcard::to_allocvec(&entry).expect("an entry is postcard");
        assert_eq!(postcard::from_bytes::<Entry>(&bytes), Ok(entry));
    }
}
