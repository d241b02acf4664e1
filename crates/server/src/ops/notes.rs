//! What agents write about calls (row Q04): one text an agent and call, kept with the record, written while the call is up or
//! later by whoever had it.

use hotline::call::talked_in;
use hotline::{CallId, TenantId, settlement};
use serde::{Deserialize, Serialize};

use super::money::time;
use super::{Desk, Outcome, Refusal};

/// The longest note, in characters.
pub const TEXT_MAX: usize = 2_000;

/// A note as it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = CallNote)]
pub struct Note {
    /// The agent's number.
    pub agent: String,
    /// What is written; empty if nothing is.
    pub text: String,
    /// When it was written last, Beijing time.
    pub written_at: String,
    /// By whom.
    pub written_by: String,
}

/// Whose note about which call is meant.
#[derive(Clone, Debug)]
pub struct Of {
    /// The enterprise.
    pub tenant: TenantId,
    /// The call.
    pub call: CallId,
    /// The agent's number.
    pub agent: String,
}

/// The notes about a call, by agent.
///
/// # Errors
/// Those of the database.
pub async fn of_call(desk: &Desk, tenant: &TenantId, call: CallId) -> Outcome<Vec<Note>> {
    let found = desk.store.notes(tenant, call).await?;
    let shown = |note: store::Note| Note {
        agent: note.agent,
        text: note.text,
        written_at: time(note.change.at),
        written_by: note.change.by,
    };
    Ok(found.into_iter().map(shown).collect())
}

/// An agent's note about a call; an empty one where nothing is written.
///
/// # Errors
/// The agent did not have such a call.
pub async fn one(desk: &Desk, of: &Of) -> Outcome<Note> {
    check_call(desk, of).await?;
    read(desk, of).await
}

async fn read(desk: &Desk, of: &Of) -> Outcome<Note> {
    let mine = of_call(desk, &of.tenant, of.call).await?.into_iter().find(|note| note.agent == of.agent);
    Ok(mine.unwrap_or_else(|| Note { agent: of.agent.clone(), ..Note::default() }))
}

/// Writes an agent's note about a call in the place of what was there.
///
/// # Errors
/// The agent did not have such a call, or the text is too long.
pub async fn put(desk: &Desk, of: &Of, text: &str, by: &str) -> Outcome<Note> {
    let text = text.trim();
    let is_text = |one: char| !one.is_control() || matches!(one, '\n' | '\t');
    if text.chars().count() > TEXT_MAX || !text.chars().all(is_text) {
        return Err(Refusal::invalid(
            format!("备注最多 {TEXT_MAX} 个字符，且不能有控制字符"),
            format!("a note has at most {TEXT_MAX} characters, all of them text"),
        ));
    }
    check_call(desk, of).await?;
    desk.store.put_note(&of.tenant, (of.call, &of.agent), text, &desk.change(by)).await?;
    read(desk, of).await
}

/// Whether the agent talked in the call: while it is up by the node's word, later by its record.
async fn check_call(desk: &Desk, of: &Of) -> Outcome<()> {
    let none = || {
        let (agent, call) = (&of.agent, of.call);
        Refusal::not_found(
            format!("坐席 {agent} 没有通话 {call}"),
            format!("the agent {agent} had no call {call}"),
        )
    };
    if let Some(live) = &desk.live {
        let (tenant, call, agent) = (of.tenant.clone(), of.call, of.agent.clone());
        let look = move |node: &node::Node, _| {
            let up = node.call(call).filter(|up| up.hotline().tenant == tenant)?;
            Some(talked_in(up.log(), &agent))
        };
        match live.ask(look).await? {
            Some(true) => return Ok(()),
            Some(false) => return Err(none()),
            None => {}
        }
    }
    let stored = desk.store.call(of.call).await?.filter(|stored| stored.record.tenant == of.tenant);
    let log = stored.and_then(|stored| settlement::read_log(&stored.log)).unwrap_or_default();
    if talked_in(&log, &of.agent) { Ok(()) } else { Err(none()) }
}
