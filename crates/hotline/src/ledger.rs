//! Double entry: each entry is one row with its debit and its credit account, never changed, never deleted. A balance
//! is the sum of its entries and stands nowhere else.

use serde::{Deserialize, Serialize};

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

/// What an entry was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A charge of a call, or its adjustment.
    Call,
    /// Money paid in.
    TopUp,
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
