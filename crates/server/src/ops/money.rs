//! Money paid in, limits raised by the provider, and who changed what.

use hotline::enterprise::BINDINGS_MAX;
use hotline::ledger::Account;
use hotline::{HotlineNumber, Money, TenantId, Wall};
use serde::{Deserialize, Serialize};
use store::LimitKind;

use super::{Code, Desk, Outcome, Refusal};

/// Post money that an enterprise paid ahead.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TopUp {
    /// The enterprise.
    pub tenant: TenantId,
    /// How much.
    pub amount: Money,
    /// Names the payment; the same one twice is posted once.
    pub reference: String,
    /// Who asks.
    pub by: String,
}

/// What became of a payment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ToppedUp {
    /// The enterprise.
    pub tenant: TenantId,
    /// Whether it was posted now; `false` if it was before.
    pub posted: bool,
    /// How much.
    pub amount: Money,
    /// The prepaid balance with it.
    pub balance: Money,
    /// When it was posted before, Beijing time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub posted_before: Option<String>,
}

/// Posts money and tells the node.
///
/// # Errors
/// The enterprise is not there, the amount or the reference cannot be posted, or the reference was used for another
/// amount.
pub async fn top_up(desk: &Desk, asked: &TopUp) -> Outcome<ToppedUp> {
    desk.enterprise(&asked.tenant).await?;
    let _held = desk.hold_account(&asked.tenant).await;
    let change = desk.change(&asked.by);
    let done = desk.store.top_up(&asked.tenant, asked.amount, &asked.reference, &change).await?;
    let (posted, posted_before) = match done {
        store::TopUp::Posted { .. } => (true, None),
        store::TopUp::AlreadyPosted { posted_at } => (false, Some(posted_at.beijing().to_string())),
        store::TopUp::ReferenceUsed { amount_e4 } => {
            return Err(Refusal::new(
                Code::ReferenceUsed,
                format!("凭证 {} 已入账 {amount_e4} 元", asked.reference),
                format!("{amount_e4} yuan were posted under the reference {}", asked.reference),
            ));
        }
        store::TopUp::Refused(refused) => {
            return Err(Refusal::invalid(format!("不能入账：{refused}"), refused.to_string()));
        }
    };
    if let (true, Some(live)) = (posted, &desk.live) {
        live.credited(&asked.tenant, asked.amount).await?;
    }
    let balance = desk.store.balance(&asked.tenant, &Account::Prepaid(asked.tenant.clone())).await?;
    Ok(ToppedUp { tenant: asked.tenant.clone(), posted, amount: asked.amount, balance, posted_before })
}

/// Raise (or lower) how many bound numbers a 400 number may have (row R01).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Limit {
    /// The enterprise.
    pub tenant: TenantId,
    /// Its number.
    pub number: HotlineNumber,
    /// How many bound numbers it may have.
    pub bindings: u32,
    /// Who asks.
    pub by: String,
}

/// Raises a limit and resolves the requests that waited for it.
///
/// # Errors
/// The number is not the enterprise's, or the limit is out of bounds.
pub async fn limit(desk: &Desk, asked: &Limit) -> Outcome<Limit> {
    let stored = desk.enterprise(&asked.tenant).await?;
    // A number that waits for its first import is not held yet; what others hold is refused.
    let held = stored.enterprise.numbers.iter().any(|one| one.number == asked.number);
    if !held {
        return Err(Refusal::not_found(
            format!("{} 不是 {} 的号码", asked.number, asked.tenant),
            format!("{} is no number of {}", asked.number, asked.tenant),
        ));
    }
    if !(1..=u32::from(BINDINGS_MAX)).contains(&asked.bindings) {
        return Err(Refusal::invalid(
            format!("绑定数在 1 到 {BINDINGS_MAX} 之间"),
            format!("a number has 1 to {BINDINGS_MAX} bound numbers"),
        ));
    }
    let change = desk.change(&asked.by);
    desk.store.raise_limit(&asked.tenant, asked.number, LimitKind::Bindings, asked.bindings, &change).await?;
    Ok(asked.clone())
}

/// List requests that wait for a higher limit.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LimitRequests {
    /// One enterprise's, or all.
    #[serde(default)]
    pub tenant: Option<TenantId>,
}

/// One request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LimitRequest {
    /// The enterprise.
    pub tenant: TenantId,
    /// The number.
    pub number: HotlineNumber,
    /// How many bound numbers were wanted.
    pub wanted: u32,
    /// Who asked.
    pub opened_by: String,
    /// When, Beijing time.
    pub opened_at: String,
}

/// Lists the requests that wait.
///
/// # Errors
/// Those of the database.
pub async fn limit_requests(desk: &Desk, asked: &LimitRequests) -> Outcome<Vec<LimitRequest>> {
    let rows = desk.store.limit_requests(asked.tenant.as_ref()).await?;
    let row = |row: store::LimitRequest| LimitRequest {
        tenant: row.tenant,
        number: row.number,
        wanted: row.wanted,
        opened_by: row.opened.by,
        opened_at: time(row.opened.at),
    };
    Ok(rows.into_iter().map(row).collect())
}

/// List changes, the latest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Audit {
    /// Whose; `provider` for the provider's own.
    pub tenant: TenantId,
    /// Older than this number.
    #[serde(default)]
    pub before: Option<u64>,
    /// At most.
    pub limit: u32,
}

/// One change.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Audited {
    /// 1 for the first of the enterprise.
    pub number: u64,
    /// When, Beijing time.
    pub at: String,
    /// Who.
    pub by: String,
    /// What, as a stable code.
    pub action: String,
    /// To what.
    pub subject: String,
    /// The value before.
    pub was: Option<String>,
    /// The value after.
    pub became: Option<String>,
}

/// Lists changes.
///
/// # Errors
/// Those of the database.
pub async fn audit(desk: &Desk, asked: &Audit) -> Outcome<Vec<Audited>> {
    let rows = desk.store.audit(&asked.tenant, asked.before, asked.limit).await?;
    let row = |row: store::Audited| Audited {
        number: row.number,
        at: time(row.change.at),
        by: row.change.by,
        action: row.action,
        subject: row.subject,
        was: row.was,
        became: row.became,
    };
    Ok(rows.into_iter().map(row).collect())
}

/// Beijing time to the second.
pub(crate) fn time(at: Wall) -> String {
    at.beijing().to_string()
}
