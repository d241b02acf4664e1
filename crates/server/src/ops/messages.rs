//! Messages to people as staff see them: what waits, what was sent, what was refused or given up, and why.

use hotline::TenantId;
use hotline::message::{About, Address};
use serde::{Deserialize, Serialize};
use store::MessageState;

use super::money::time;
use super::{Desk, Outcome, PAGE_MAX, no_place};

/// List messages.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct List {
    /// One enterprise's, or all.
    #[serde(default)]
    pub tenant: Option<TenantId>,
    /// In this state, or in any.
    #[serde(default)]
    pub state: Option<MessageState>,
    /// Of one enterprise: behind the message with this key, where the page before ended.
    #[serde(default)]
    pub older_than: Option<String>,
    /// At most; as many as may be unless said.
    #[serde(default = "listed_max")]
    pub limit: u32,
}

fn listed_max() -> u32 {
    PAGE_MAX
}

/// One message.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = MessageListed)]
pub struct Listed {
    /// The enterprise.
    #[schema(value_type = String)]
    pub tenant: TenantId,
    /// Its key: what it tells of, and to whom.
    pub key: String,
    /// What it is about.
    #[schema(value_type = String)]
    pub about: About,
    /// To whom: a mobile number or an e-mail address.
    #[schema(value_type = String)]
    pub to: Address,
    /// Its words.
    pub text: String,
    /// What became of it: `waiting`, `sent`, `failed`, `refused`.
    #[schema(value_type = String)]
    pub state: MessageState,
    /// How often it was tried.
    pub tries: u32,
    /// When it was written, Beijing time.
    pub made_at: String,
    /// When the gateway took it, Beijing time.
    pub sent_at: Option<String>,
    /// What went wrong last.
    pub error: String,
}

/// Lists messages, the latest first.
///
/// # Errors
/// There is no message for the page to begin behind, or those of the database.
pub async fn list(desk: &Desk, asked: &List) -> Outcome<Vec<Listed>> {
    let List { tenant, state, older_than, limit } = asked;
    let behind = match (tenant, older_than) {
        (_, None) => None,
        (None, Some(key)) => return Err(no_place("older_than", key)),
        (Some(tenant), Some(key)) => {
            let made_at = desk.store.message_made_at(tenant, key).await?;
            Some((made_at.ok_or_else(|| no_place("older_than", key))?, key.as_str()))
        }
    };
    let limit = (*limit).min(PAGE_MAX);
    let found = desk.store.messages(tenant.as_ref(), *state, behind, limit).await?;
    let listed = found.into_iter().map(|one| Listed {
        tenant: one.tenant,
        key: one.message.key,
        about: one.message.about,
        to: one.message.to,
        text: one.message.text,
        state: one.state,
        tries: one.tries,
        made_at: time(one.made_at),
        sent_at: one.sent_at.map(time),
        error: one.error,
    });
    Ok(listed.collect())
}
