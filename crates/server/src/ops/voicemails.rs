//! Messages that callers left, as people see to them (rows V06, V07): who called and when, the sound, and who has done
//! what it asks for. Every listening is audited.

use std::path::PathBuf;

use hotline::region::normalise;
use hotline::{CallId, HotlineNumber, RecordingId, TenantId, Wall};
use serde::{Deserialize, Serialize};
use store::{Voicemail, VoicemailFilter, VoicemailState};

use super::money::time;
use super::{Desk, Outcome, Refusal, recordings};

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
}

/// One message.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct One {
    /// The enterprise.
    pub tenant: TenantId,
    /// Which.
    pub voicemail: RecordingId,
    /// Who asks; of who is done with it, the name.
    pub by: String,
}

/// A message in a list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Listed {
    /// Which.
    pub voicemail: RecordingId,
    /// The call it was left in.
    pub call: CallId,
    /// The 400 number.
    pub number: HotlineNumber,
    /// Who left it; empty when withheld.
    pub caller: String,
    /// The step or rule that asked for it.
    pub step: String,
    /// When, Beijing time.
    pub left_at: String,
    /// Its length in milliseconds.
    pub duration_ms: u64,
    /// How far somebody saw to it.
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

/// Messages listed at once.
const LISTED_MAX: u32 = 10_000;

/// Lists messages, the latest first.
///
/// # Errors
/// There is no such enterprise, or the caller is no number.
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
    let filter = VoicemailFilter { caller, state: asked.state, since: asked.since };
    let found = desk.store.voicemails(&tenant, &filter, LISTED_MAX).await?;
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
    let found = desk.store.voicemail(tenant, *voicemail).await?;
    found.map(listed).ok_or_else(|| missing(*voicemail))
}

/// Somebody has done what a message asks for, and says so by name.
///
/// # Errors
/// There is no such message, or no name.
pub async fn done(desk: &Desk, asked: &One) -> Outcome<Listed> {
    if asked.by.trim().is_empty() {
        return Err(Refusal::invalid("处理完成需要姓名", "who is done with it has a name"));
    }
    let change = desk.change(asked.by.trim());
    if !desk.store.finish_voicemail(&asked.tenant, asked.voicemail, &change).await? {
        return Err(missing(asked.voicemail));
    }
    let found = desk.store.voicemail(&asked.tenant, asked.voicemail).await?;
    found.map(listed).ok_or_else(|| missing(asked.voicemail))
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
