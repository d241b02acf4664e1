//! Messages that callers left, as people see to them (rows V06, V07): who called and when, the sound, and who has done
//! what it asks for. Every listening is audited.

use std::path::PathBuf;

use hotline::region::normalise;
use hotline::{CallId, HotlineNumber, RecordingId, TenantId, Wall};
use serde::{Deserialize, Serialize};
use store::{Voicemail, VoicemailFilter, VoicemailState};

use super::money::time;
use super::{Desk, Outcome, PAGE_MAX, Refusal, no_place, recordings};

/// List messages.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct List {
    /// The enterprise.
    pub tenant: String,
    /// From this caller, in any form.
    #[serde(default)]
    pub caller: Option<String>,
    /// In this state.
    #[serde(default)]
    pub state: Option<VoicemailState>,
    /// Left at or after.
    #[serde(default)]
    pub since: Option<Wall>,
    /// Older than this message: where the page before ended.
    #[serde(default)]
    pub older_than: Option<RecordingId>,
    /// At most; as many as may be unless said.
    #[serde(default = "listed_max")]
    pub limit: u32,
}

fn listed_max() -> u32 {
    PAGE_MAX
}

/// Say that what a message asks for is done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Done {
    /// The enterprise.
    pub tenant: TenantId,
    /// Which.
    pub voicemail: RecordingId,
    /// Who has done it.
    pub name: String,
    /// Who says so.
    pub by: String,
}

/// A message in a list.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = VoicemailListed)]
pub struct Listed {
    /// Which; its sound is the recording of the same id.
    #[schema(value_type = String)]
    pub voicemail: RecordingId,
    /// The call it was left in.
    #[schema(value_type = String)]
    pub call: CallId,
    /// The 400 number.
    #[schema(value_type = String)]
    pub number: HotlineNumber,
    /// Who left it; empty when withheld.
    pub caller: String,
    /// The step or rule that asked for it.
    pub step: String,
    /// When, Beijing time.
    pub left_at: String,
    /// Its length in milliseconds.
    pub duration_ms: u64,
    /// How far somebody saw to it: `new`, `heard`, `done`, `empty`.
    #[schema(value_type = String)]
    pub state: VoicemailState,
    /// Who listened first.
    pub heard_by: Option<String>,
    /// Who has done what it asks for.
    pub done_by: Option<String>,
}

/// Take a message's sound into a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hear {
    /// The enterprise.
    pub tenant: TenantId,
    /// Which.
    pub voicemail: RecordingId,
    /// The file, which must not be there yet; without one the message is only shown, and nobody heard it.
    pub to: Option<PathBuf>,
    /// Who listens.
    pub by: String,
}

/// Letters of a name.
const NAME_MAX: usize = 64;

/// Lists messages, the latest first.
///
/// # Errors
/// There is no such enterprise, or no message for the page to begin behind, or the caller is no number.
pub async fn list(desk: &Desk, asked: &List) -> Outcome<Vec<Listed>> {
    let tenant = TenantId::new(&asked.tenant);
    desk.enterprise(&tenant).await?;
    let caller = match &asked.caller {
        None => None,
        Some(written) => match normalise(written, None).number {
            number if number.is_empty() => {
                let (zh, en) =
                    (format!("{written} 不是主叫号码"), format!("{written} is no caller's number"));
                return Err(Refusal::invalid(zh, en));
            }
            number => Some(number),
        },
    };
    let behind = match asked.older_than {
        None => None,
        Some(id) => {
            let last = desk.store.voicemail(&tenant, id).await?.ok_or_else(|| no_place("older_than", &id))?;
            Some((last.left_at, id))
        }
    };
    let filter = VoicemailFilter { caller, state: asked.state, since: asked.since, behind };
    let found = desk.store.voicemails(&tenant, &filter, asked.limit.min(PAGE_MAX)).await?;
    Ok(found.into_iter().map(listed).collect())
}

/// Shows a message, and writes its sound into a file for somebody who listens, who is noted.
///
/// # Errors
/// There is no such message, or no sound of it yet, or the file is there already.
pub async fn hear(desk: &Desk, asked: &Hear) -> Outcome<Listed> {
    let Hear { tenant, voicemail, to, by } = asked;
    if let Some(to) = to {
        let (tenant, recording, to, by) = (tenant.clone(), *voicemail, to.clone(), by.clone());
        recordings::save(desk, &recordings::Save { tenant, recording, to, by }).await?;
        desk.store.hear_voicemail(&asked.tenant, *voicemail, &desk.change(&asked.by)).await?;
    }
    one(desk, tenant, *voicemail).await
}

/// Shows a message.
///
/// # Errors
/// There is none.
pub async fn one(desk: &Desk, tenant: &TenantId, voicemail: RecordingId) -> Outcome<Listed> {
    let found = desk.store.voicemail(tenant, voicemail).await?;
    found.map(listed).ok_or_else(|| missing(voicemail))
}

/// Somebody heard a message; each time is audited, the first makes it heard.
///
/// # Errors
/// There is no such message.
pub async fn heard(desk: &Desk, tenant: &TenantId, voicemail: RecordingId, by: &str) -> Outcome<Listed> {
    if !desk.store.hear_voicemail(tenant, voicemail, &desk.change(by)).await? {
        return Err(missing(voicemail));
    }
    one(desk, tenant, voicemail).await
}

/// Somebody has done what a message asks for, and says so by name.
///
/// # Errors
/// There is no such message, or no name.
pub async fn done(desk: &Desk, asked: &Done) -> Outcome<Listed> {
    let name = asked.name.trim();
    if name.is_empty() || name.chars().count() > NAME_MAX || name.chars().any(char::is_control) {
        return Err(Refusal::invalid(
            format!("处理完成需要姓名，1 至 {NAME_MAX} 个字符"),
            format!("who is done with it has a name of 1 to {NAME_MAX} characters"),
        ));
    }
    let change = desk.change(&asked.by);
    if !desk.store.finish_voicemail(&asked.tenant, asked.voicemail, name, &change).await? {
        return Err(missing(asked.voicemail));
    }
    one(desk, &asked.tenant, asked.voicemail).await
}

fn missing(voicemail: RecordingId) -> Refusal {
    Refusal::not_found(format!("没有留言 {voicemail}"), format!("there is no message {voicemail}"))
}

fn listed(one: Voicemail) -> Listed {
    Listed {
        voicemail: one.voicemail,
        call: one.call,
        number: one.number,
        caller: one.caller,
        step: one.step,
        left_at: time(one.left_at),
        duration_ms: one.duration_ms,
        state: one.state,
        heard_by: one.heard.map(|change| change.by),
        done_by: one.done.map(|change| change.by),
    }
}
