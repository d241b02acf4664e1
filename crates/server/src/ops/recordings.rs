//! Recordings as people see and keep them: the list, who listens, how long each is kept, legal holds, keys, and the run that
//! deletes what nobody keeps any longer (rows V02 to V04, V12, V13; FAULTS F12).

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use hotline::alert::AlertKind;
use hotline::evidence::{Event, What, first_broken};
use hotline::retention::{Period, Policy, TEN_WORKING_DAYS, THREE_MONTHS, kept};
use hotline::{CallId, HotlineNumber, RecordingId, TenantId, Wall};
use serde::{Deserialize, Serialize};
use store::{Alert, Expired, Hold, Recording, RecordingFilter, RecordingRow};
use utoipa::ToSchema;

use super::money::time;
use super::{Code, Desk, Outcome, PAGE_MAX, Refusal, check_instant, recording_keys};
use crate::archive::{Sound, Unreadable};
use crate::clock;
use crate::running::Running;

/// How often the run looks; a recording is gone within this of the midnight behind its last day.
const EVERY: Duration = Duration::from_secs(3_600);
/// Recordings deleted between two looks at the list.
const AT_ONCE: u32 = 200;
/// Who deletes, in the audit.
const BY: &str = "retention";
/// Rows of one answer.
/// How long before its end somebody is told (row V03).
const NOTICE_MS: i64 = 7 * 86_400_000;
/// The longest that a plan keeps recordings: ten years.
const PLAN_DAYS_MAX: u32 = 3_653;
/// Letters of a hold's reason.
const REASON_MAX: usize = 200;

/// The policies that apply to an enterprise's recordings; `retention_days` of `sibai.toml` is the provider's own, `plan_days`
/// what the enterprise's plan gives.
pub fn policies(retention_days: u32, plan_days: Option<u32>) -> Vec<Policy> {
    let own = Policy { name: "provider", period: Period::Days(retention_days) };
    let plan = plan_days.map(|days| Policy { name: "plan", period: Period::Days(days) });
    [own, THREE_MONTHS, TEN_WORKING_DAYS].into_iter().chain(plan).collect()
}

/// List an enterprise's recordings.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct List {
    /// The enterprise.
    pub tenant: TenantId,
    /// Of calls to this number.
    #[serde(default)]
    pub number: Option<HotlineNumber>,
    /// Of calls from this caller, in national form.
    #[serde(default)]
    pub caller: Option<String>,
    /// Of calls that began at or after.
    #[serde(default)]
    pub since: Option<Wall>,
    /// Of calls that began before.
    #[serde(default)]
    pub until: Option<Wall>,
    /// Only those that are held.
    #[serde(default)]
    pub held: bool,
    /// Older than this one: where the page before ended.
    #[serde(default)]
    pub older_than: Option<RecordingId>,
    /// At most.
    pub limit: u32,
}

/// A recording in a list.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Listed {
    /// The enterprise.
    #[schema(value_type = String)]
    pub tenant: TenantId,
    /// The recording.
    #[schema(value_type = String)]
    pub recording: RecordingId,
    /// The call.
    #[schema(value_type = String)]
    pub call: CallId,
    /// The 400 number.
    #[schema(value_type = String)]
    pub number: HotlineNumber,
    /// The caller, in national form.
    pub caller: String,
    /// Who answered.
    pub answered_by: String,
    /// The agent's number; empty without one.
    pub agent: String,
    /// When the call began: milliseconds since 1970-01-01 UTC.
    #[schema(value_type = i64)]
    pub started_at: Wall,
    /// The size of the WAV.
    pub bytes: u64,
    /// How long it plays.
    pub duration_ms: u64,
    /// Whether it stopped before the talk did.
    pub interrupted: bool,
    /// Whether its file is sealed by the enterprise's key (row V12).
    pub sealed: bool,
    /// From when it may be deleted, Beijing time.
    pub kept_until: String,
    /// Each policy with its last day, the longest first (row V04).
    pub kept_by: String,
    /// The holds that stand (row V13).
    pub held: Vec<Held>,
}

/// A hold that stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Held {
    /// Why.
    pub reason: String,
    /// Who holds it.
    pub by: String,
    /// Since when, Beijing time.
    pub since: String,
    /// Until when; until somebody lets go if absent.
    pub until: Option<String>,
}

/// Keep a recording beyond its time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HoldOn {
    /// The enterprise.
    pub tenant: TenantId,
    /// The recording.
    pub recording: RecordingId,
    /// Why.
    pub reason: String,
    /// Until when; until somebody lets go if absent.
    #[serde(default)]
    pub until: Option<Wall>,
    /// Who asks.
    pub by: String,
}

/// Let go of a recording.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Release {
    /// The enterprise.
    pub tenant: TenantId,
    /// The recording.
    pub recording: RecordingId,
    /// Who asks.
    pub by: String,
}

/// Delete now what nobody keeps any longer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Retain {
    /// As if it were this instant; now if absent. Not later than now.
    #[serde(default)]
    pub at: Option<Wall>,
}

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retained {
    /// Recordings whose files are gone.
    pub deleted: u64,
    /// Files that could not be deleted; the next run tries again.
    pub failed: Vec<String>,
}

/// Say for how long an enterprise's plan keeps recordings.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// The enterprise.
    pub tenant: TenantId,
    /// Days; 0 takes the plan's own term away. What is kept already stays as long as it was said.
    pub days: u32,
    /// Who asks.
    pub by: String,
}

/// What [`plan`] did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// Recordings that are kept longer than before.
    pub prolonged: u64,
}

/// Write a recording into a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Save {
    /// The enterprise.
    pub tenant: TenantId,
    /// The recording.
    pub recording: RecordingId,
    /// The file, which must not be there yet.
    pub to: PathBuf,
    /// Who asks.
    pub by: String,
}

/// Tell what is known of a recording.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Prove {
    /// The enterprise.
    pub tenant: TenantId,
    /// The recording.
    pub recording: RecordingId,
}

/// Destroy an enterprise's keys: what they sealed is unreadable from then on, in every copy (row V12).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DestroyKeys {
    /// The enterprise.
    pub tenant: TenantId,
    /// Who asks.
    pub by: String,
}

/// How many were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destroyed {
    /// Keys.
    pub keys: u64,
}

/// How somebody hears a recording; the stable code stands in the audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Hearing {
    /// In the page.
    Listen,
    /// As a file.
    Download,
}

/// Lists recordings with why they are kept, the latest first.
///
/// # Errors
/// Those of the database.
pub async fn list(desk: &Desk, asked: &List) -> Outcome<Vec<Listed>> {
    let now = clock::wall();
    let filter = RecordingFilter {
        number: asked.number,
        caller: asked.caller.clone(),
        since: asked.since,
        until: asked.until,
        held_at: asked.held.then_some(now),
        older_than: asked.older_than,
    };
    let rows = desk.store.recording_rows(&asked.tenant, &filter, asked.limit.min(PAGE_MAX)).await?;
    let holds = desk.store.recording_holds(Some(&asked.tenant)).await?;
    Ok(rows.into_iter().map(|row| listed(row, &holds, now)).collect())
}

fn listed(row: RecordingRow, holds: &[Hold], now: Wall) -> Listed {
    let RecordingRow { recording: file, number, caller, answered_by, agent, started_at } = row;
    let stands = |hold: &&Hold| {
        let over = hold.released.is_some() || hold.ends_at.is_some_and(|end| end <= now);
        hold.recording == file.recording && !over
    };
    let told = |hold: &Hold| Held {
        reason: hold.reason.clone(),
        by: hold.held.by.clone(),
        since: time(hold.held.at),
        until: hold.ends_at.map(time),
    };
    Listed {
        held: holds.iter().filter(stands).map(told).collect(),
        recording: file.recording,
        call: file.call,
        tenant: file.tenant,
        number,
        caller,
        answered_by,
        agent,
        started_at,
        bytes: file.bytes,
        duration_ms: file.duration_ms,
        interrupted: file.interrupted,
        sealed: file.sealed.is_some(),
        kept_until: time(file.retention_until),
        kept_by: file.kept_by,
    }
}

/// Keeps a recording beyond its time.
///
/// # Errors
/// There is none, or no reason was given.
pub async fn hold(desk: &Desk, asked: &HoldOn) -> Outcome<Listed> {
    let (recording, held) = (asked.recording, desk.change(&asked.by));
    let reason = asked.reason.trim().to_owned();
    let letters = reason.chars().count();
    if letters == 0 || letters > REASON_MAX || reason.chars().any(char::is_control) {
        return Err(Refusal::invalid(
            format!("必须说明保留的理由，最长 {REASON_MAX} 字"),
            format!("a hold needs its reason, at most {REASON_MAX} characters"),
        ));
    }
    asked.until.map_or(Ok(()), |until| check_instant("until", until))?;
    if asked.until.is_some_and(|until| until <= held.at) {
        return Err(Refusal::invalid("截止时间已过", "its end has passed"));
    }
    let tenant = asked.tenant.clone();
    let hold = Hold { tenant, recording, reason, held, ends_at: asked.until, released: None };
    match desk.store.hold_recording(&hold).await? {
        true => one(desk, &asked.tenant, recording).await,
        false => Err(missing(recording)),
    }
}

/// Lets go of a recording, however often it is held.
///
/// # Errors
/// Nobody holds it.
pub async fn release(desk: &Desk, asked: &Release) -> Outcome<Listed> {
    let recording = asked.recording;
    match desk.store.release_recording(&asked.tenant, recording, &desk.change(&asked.by)).await? {
        0 => Err(Refusal::not_found(
            format!("录音 {recording} 没有被保留"),
            format!("nobody holds the recording {recording}"),
        )),
        _ => one(desk, &asked.tenant, recording).await,
    }
}

async fn one(desk: &Desk, tenant: &TenantId, recording: RecordingId) -> Outcome<Listed> {
    let row = row_of(desk, tenant, recording).await?;
    let holds = desk.store.recording_holds(Some(tenant)).await?;
    Ok(listed(row, &holds, clock::wall()))
}

async fn row_of(desk: &Desk, tenant: &TenantId, recording: RecordingId) -> Outcome<RecordingRow> {
    // The page that begins with it is the one behind the next id.
    let older_than = Some(RecordingId(recording.0.saturating_add(1)));
    let filter = RecordingFilter { older_than, ..RecordingFilter::default() };
    let row = desk.store.recording_rows(tenant, &filter, 1).await?.pop();
    row.filter(|row| row.recording.recording == recording).ok_or_else(|| missing(recording))
}

fn missing(recording: RecordingId) -> Refusal {
    Refusal::not_found(format!("没有录音 {recording}"), format!("there is no recording {recording}"))
}

/// A recording that somebody may hear now, and the name that its file has for people (row V02).
pub struct Heard {
    /// The WAV.
    pub sound: Sound,
    /// `20261010-093012_4006010114_13800001111.wav`: when the call began in Beijing, the number, the caller.
    pub name: String,
    /// The checksum of the WAV.
    pub checksum: String,
}

/// Opens a recording without a line in the audit: [`note_hearing`] writes it, once for each time somebody begins to listen.
///
/// # Errors
/// There is none, or it cannot be read.
pub async fn hear(desk: &Desk, tenant: &TenantId, recording: RecordingId) -> Outcome<Heard> {
    let row = row_of(desk, tenant, recording).await?;
    let file = &row.recording;
    let sound = desk.recordings.open(&desk.store, file).await.map_err(|why| unreadable(recording, why))?;
    let name = file_name(row.started_at, row.number, &row.caller);
    Ok(Heard { sound, name, checksum: row.recording.checksum })
}

/// Notes in the audit that somebody hears a recording.
///
/// # Errors
/// Those of the database.
pub async fn note_hearing(
    desk: &Desk,
    tenant: &TenantId,
    recording: RecordingId,
    how: Hearing,
    by: &str,
) -> Outcome<()> {
    let what = match how {
        Hearing::Listen => What::Listened,
        Hearing::Download => What::Downloaded,
    };
    match desk.store.note_hearing(tenant, recording, what, &desk.change(by)).await? {
        true => Ok(()),
        false => Err(missing(recording)),
    }
}

/// What is known of a recording, for whoever has to prove it (row V10).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Evidence {
    /// The enterprise.
    #[schema(value_type = String)]
    pub tenant: TenantId,
    /// The recording.
    #[schema(value_type = String)]
    pub recording: RecordingId,
    /// What happened, from `recorded`, whose detail has the checksums of the WAV, the notice and when it ended, to
    /// `deleted`; each with a hash over the one before.
    #[schema(value_type = Vec<Object>)]
    pub events: Vec<Event>,
    /// The number of the first event that is not as it was written; absent for a whole chain.
    pub broken_at: Option<u64>,
}

/// The chain of a recording, its file deleted or not.
///
/// # Errors
/// There never was such a recording.
pub async fn evidence(desk: &Desk, tenant: &TenantId, recording: RecordingId) -> Outcome<Evidence> {
    let events = desk.store.recording_events(tenant, recording).await?;
    if events.is_empty() {
        return Err(missing(recording));
    }
    let broken_at = first_broken((tenant, recording), &events);
    Ok(Evidence { tenant: tenant.clone(), recording, events, broken_at })
}

/// `20261010-093012_4006010114_13800001111.wav`.
pub(super) fn file_name(started_at: Wall, number: HotlineNumber, caller: &str) -> String {
    let digits: String = started_at.beijing().to_string().chars().filter(char::is_ascii_digit).collect();
    let (day, time) = digits.split_at(8);
    let caller: String = caller.chars().filter(char::is_ascii_alphanumeric).collect();
    let caller = if caller.is_empty() { "anonymous".to_owned() } else { caller };
    format!("{day}-{time}_{number}_{caller}.wav")
}

pub(super) fn unreadable(recording: RecordingId, why: Unreadable) -> Refusal {
    match why {
        Unreadable::Key => Refusal::new(
            Code::RecordingSealed,
            format!("录音 {recording} 的密钥已销毁，无法再读取"),
            format!("the key of the recording {recording} was destroyed: nobody reads it any more"),
        ),
        Unreadable::NoMaster => Refusal::new(
            Code::RecordingSealed,
            format!("录音 {recording} 已加密，本机没有配置 [recording] key_file"),
            format!("the recording {recording} is sealed, and no [recording] key_file is configured here"),
        ),
        Unreadable::File(error) => Refusal::new(
            Code::File,
            format!("录音 {recording} 的文件无法读取：{error}"),
            format!("the file of the recording {recording} cannot be read: {error}"),
        ),
        Unreadable::Database(error) => error.into(),
    }
}

/// Writes a recording into a file of this machine.
///
/// # Errors
/// There is none, it cannot be read, or the file is there already.
pub async fn save(desk: &Desk, asked: &Save) -> Outcome<Listed> {
    let heard = hear(desk, &asked.tenant, asked.recording).await?;
    let file = std::fs::File::create_new(&asked.to);
    let mut file = file.map_err(|error| Refusal::file(&asked.to, error))?;
    note_hearing(desk, &asked.tenant, asked.recording, Hearing::Download, &asked.by).await?;
    let written = tokio::task::spawn_blocking(move || {
        heard.sound.copy_to(&mut file)?;
        file.sync_all()
    });
    written.await.map_err(Refusal::bad_request)?.map_err(|error| Refusal::file(&asked.to, error))?;
    one(desk, &asked.tenant, asked.recording).await
}

/// Says for how long an enterprise's plan keeps recordings, and keeps those that are there as long.
///
/// # Errors
/// There is no such enterprise, or it is longer than ten years.
pub async fn plan(desk: &Desk, asked: &Plan) -> Outcome<Planned> {
    desk.enterprise(&asked.tenant).await?;
    if asked.days > PLAN_DAYS_MAX {
        return Err(Refusal::invalid(
            format!("最长 {PLAN_DAYS_MAX} 天"),
            format!("at most {PLAN_DAYS_MAX} days"),
        ));
    }
    desk.store.set_recording_plan(&asked.tenant, asked.days, &desk.change(&asked.by)).await?;
    let term = [Policy { name: "plan", period: Period::Days(asked.days) }];
    let years = super::calendar::years(&desk.store).await?;
    let (mut after, mut prolonged) = (None, 0);
    loop {
        let page = desk.store.recordings(Some(&asked.tenant), after, PAGE_MAX).await?;
        let longer = page.iter().filter_map(|row| {
            let term = kept(born(row.call), &term, &years);
            let kept_by = if row.kept_by.is_empty() {
                term.named()
            } else {
                format!("{}, {}", term.named(), row.kept_by)
            };
            (term.until > row.retention_until)
                .then(|| (row.tenant.clone(), row.recording, term.until, kept_by))
        });
        let longer: Vec<_> = longer.collect();
        prolonged += longer.len() as u64;
        desk.store.prolong_recordings(&longer).await?;
        match page.last() {
            Some(last) if page.len() == PAGE_MAX as usize => after = Some(last.recording),
            Some(_) | None => return Ok(Planned { prolonged }),
        }
    }
}

/// When a call's id was made: the day its recording's periods count from.
pub(crate) fn born(call: CallId) -> Wall {
    Wall((call.0 >> 80) as i64)
}

/// Destroys an enterprise's keys.
///
/// # Errors
/// There is no such enterprise, or one of its recordings is held.
pub async fn destroy_keys(desk: &Desk, asked: &DestroyKeys) -> Outcome<Destroyed> {
    desk.enterprise(&asked.tenant).await?;
    match desk.store.destroy_recording_keys(&asked.tenant, &desk.change(&asked.by)).await? {
        Some(keys) => {
            recording_keys::renew(desk).await;
            Ok(Destroyed { keys })
        }
        None => Err(Refusal::new(
            Code::Held,
            "有录音被法律保留，密钥不能销毁",
            "a recording is held by law: the keys stay",
        )),
    }
}

/// Deletes what nobody keeps any longer. It may be stopped at any point and run again (FAULTS F12).
///
/// # Errors
/// Those of the database; what was deleted until then stays deleted.
pub async fn retain(desk: &Desk, asked: &Retain) -> Outcome<Retained> {
    let mut change = desk.change(BY);
    change.at = asked.at.map_or(change.at, |at| at.min(change.at));
    let mut done = Retained::default();
    loop {
        // Files that cannot be deleted stay in front of the list.
        let limit = AT_ONCE + u32::try_from(done.failed.len()).unwrap_or(u32::MAX / 2);
        let rows = desk.store.expired_recordings(change.at, limit).await?;
        let failed: BTreeSet<&String> = done.failed.iter().collect();
        let fresh: Vec<Recording> = rows.into_iter().filter(|row| !failed.contains(&row.path)).collect();
        if fresh.is_empty() {
            return Ok(done);
        }
        for row in &fresh {
            match desk.store.expire_recording(row, &change, || desk.recordings.remove(row)).await? {
                Expired::Gone => done.deleted += 1,
                Expired::Kept => {}
                Expired::File(error) => {
                    tracing::error!(path = row.path, %error, "a recording cannot be deleted; it is tried again");
                    done.failed.push(row.path.clone());
                }
            }
        }
    }
}

/// Tells each enterprise a week ahead, once a day of deletion, how many of its recordings end (row V03).
async fn tell_ends(desk: &Desk, now: Wall) -> Outcome<()> {
    for ends in desk.store.recordings_end(now, Wall(now.0 + NOTICE_MS)).await? {
        let day = ends.until.beijing();
        let alert = Alert {
            tenant: ends.tenant,
            kind: AlertKind::RecordingsEnd,
            number: None,
            period: day.year.unsigned_abs() * 10_000 + u32::from(day.month) * 100 + u32::from(day.day),
            level: 7,
            raised_at: now,
            used: i64::try_from(ends.recordings).unwrap_or(i64::MAX),
            allowed: 0,
            acked: None,
        };
        desk.store.raise_alert(&alert).await?;
    }
    Ok(())
}

/// Tells and deletes again and again, as long as the process lives.
pub async fn watch(running: Running) {
    let desk = Desk::of(running);
    loop {
        let told = tell_ends(&desk, clock::wall()).await;
        match told.and(retain(&desk, &Retain::default()).await) {
            Ok(done) if done.deleted > 0 => {
                tracing::info!(deleted = done.deleted, "recordings whose time is over are gone");
            }
            Ok(_) => {}
            // With the database away nothing is deleted; it is tried again.
            Err(refusal) => tracing::debug!(code = ?refusal.code, "no recording is deleted"),
        }
        recording_keys::renew(&desk).await;
        tokio::time::sleep(EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use hotline::enterprise::Author;
    use store::{Change, Store};

    use super::*;
    use crate::archive::{Archive, Key};
    use crate::ops::backup;

    async fn desk(name: &str, master: Option<Key>) -> Desk {
        let data = std::env::temp_dir().join(format!("sibai-retain-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&data);
        std::fs::create_dir_all(data.join("recordings/20261010")).expect("made");
        let store = Store::open(&format!("sqlite:{}", data.join("db").display())).await.expect("opened");
        store.migrate().await.expect("tables");
        let recordings = Archive { dir: data.join("recordings"), master, keys_copy: None };
        Desk { store, recordings, data, speaker: Default::default(), live: None, author: Author::Provider }
    }

    fn row(n: u128, until: Wall) -> Recording {
        Recording {
            tenant: TenantId::new("huaxin"),
            recording: RecordingId(n),
            call: CallId(n),
            path: format!("20261010/{n:032x}.wav"),
            bytes: 58,
            duration_ms: 0,
            checksum: "crc32c:00000000".into(),
            interrupted: false,
            retention_until: until,
            kept_by: "three_months_free 2026-10-09".into(),
            sealed: None,
        }
    }

    async fn with_files(desk: &Desk, rows: &[Recording]) {
        for row in rows {
            std::fs::write(desk.recordings.dir.join(&row.path), [7; 58]).expect("written");
        }
        desk.store.put_recordings(rows, &[]).await.expect("rows");
    }

    async fn is_playable(desk: &Desk, row: &Recording) -> bool {
        let Some(row) = desk.store.recording(row.recording).await.expect("read") else { return false };
        desk.recordings.open(&desk.store, &row).await.is_ok_and(|sound| sound.bytes() == 58)
    }

    #[tokio::test]
    async fn v03_v13_a_recording_is_played_to_its_last_instant_and_gone_behind_it() {
        let desk = desk("ends", None).await;
        let now = clock::wall();
        let ago = |ms: i64| Wall(now.0 - ms);
        let rows = [row(1, ago(50_000)), row(2, ago(10_000)), row(3, ago(50_000))];
        with_files(&desk, &rows).await;
        let hold = Hold {
            tenant: TenantId::new("huaxin"),
            recording: RecordingId(3),
            reason: "诉讼".into(),
            held: Change { by: "ren".into(), at: ago(60_000) },
            ends_at: None,
            released: None,
        };
        assert!(desk.store.hold_recording(&hold).await.expect("held"));
        let at = async |at: Wall| retain(&desk, &Retain { at: Some(at) }).await.expect("run");
        assert_eq!(at(ago(50_001)).await, Retained::default());
        assert!(is_playable(&desk, &rows[0]).await, "to the last instant");
        assert_eq!(at(ago(50_000)).await.deleted, 1);
        assert!(!is_playable(&desk, &rows[0]).await && !desk.recordings.dir.join(&rows[0].path).exists());
        assert!(is_playable(&desk, &rows[1]).await && is_playable(&desk, &rows[2]).await);
        assert_eq!(at(Wall(now.0 + 9_999_999)).await.deleted, 1, "never ahead of the clock");
        assert!(is_playable(&desk, &rows[2]).await, "it is held");
        let audit = desk.store.audit(&TenantId::new("huaxin"), None, 9).await.expect("audit");
        assert_eq!(audit.iter().filter(|one| one.action == "delete_recording").count(), 2);
        let _ = std::fs::remove_dir_all(&desk.data);
    }

    #[tokio::test]
    async fn fault_f12_what_the_disk_refuses_is_tried_again_and_holds_nothing_else_up() {
        let desk = desk("refused", None).await;
        let rows = [Recording { path: "../outside.wav".into(), ..row(1, Wall(5)) }, row(2, Wall(6))];
        with_files(&desk, &rows[1..]).await;
        desk.store.put_recordings(&rows[..1], &[]).await.expect("a row");
        let done = retain(&desk, &Retain::default()).await.expect("run");
        assert_eq!((done.deleted, done.failed), (1, vec!["../outside.wav".to_owned()]));
        let again = retain(&desk, &Retain::default()).await.expect("run");
        assert_eq!((again.deleted, again.failed.len()), (0, 1));
        let _ = std::fs::remove_dir_all(&desk.data);
    }

    #[tokio::test]
    async fn v03_somebody_is_told_a_week_ahead_and_once() {
        let desk = desk("told", None).await;
        let now: Wall = hotline::Beijing::parse("2026-12-30T09:00").expect("a time").wall();
        let ends = hotline::Beijing::parse("2027-01-05T00:00").expect("a time").wall();
        let later = Wall(now.0 + 8 * 86_400_000);
        with_files(&desk, &[row(1, ends), row(2, ends), row(3, later)]).await;
        tell_ends(&desk, now).await.expect("told");
        tell_ends(&desk, Wall(now.0 + 3_600_000)).await.expect("told");
        let alerts = desk.store.alerts(None, true, 9).await.expect("alerts");
        assert_eq!(
            (alerts.len(), alerts[0].kind, alerts[0].period),
            (1, AlertKind::RecordingsEnd, 20_270_105)
        );
        assert_eq!(alerts[0].used, 2);
        let _ = std::fs::remove_dir_all(&desk.data);
    }

    #[tokio::test]
    async fn v12_the_disk_alone_or_another_enterprises_key_reads_nothing() {
        let desk = desk("sealed", Key::parse(&"5a".repeat(32))).await;
        let (own, other) = (TenantId::new("huaxin"), TenantId::new("mingda"));
        let key = async |of: &TenantId| {
            let key = desk.recordings.sealing_key(&desk.store, of, Wall(1)).await;
            key.expect("made").expect("a master is there")
        };
        let mut row = row(1, Wall(5));
        let plain = desk.recordings.dir.join(&row.path);
        std::fs::write(&plain, [7; 58]).expect("written");
        let (path, by) = key(&own).await.seal(&plain, row.recording).expect("sealed");
        row.path = path.strip_prefix(&desk.recordings.dir).expect("below").display().to_string();
        row.sealed = Some(by);
        desk.store.put_recordings(std::slice::from_ref(&row), &[]).await.expect("a row");
        assert!(is_playable(&desk, &row).await);
        assert_eq!(key(&own).await.seal(&plain, row.recording).expect("sealed").1.key, 1, "one key serves");
        let foreign = desk.recordings.open_with(&row, Some(&key(&other).await));
        assert!(matches!(foreign, Err(Unreadable::Key)));
        let without = Archive { master: None, ..desk.recordings.clone() };
        assert!(matches!(without.open(&desk.store, &row).await, Err(Unreadable::NoMaster)));
        let stranger = Archive { master: Key::parse(&"a5".repeat(32)), ..desk.recordings.clone() };
        assert!(matches!(stranger.open(&desk.store, &row).await, Err(Unreadable::Key)));
        let change = Change { by: "ren".into(), at: Wall(2) };
        assert_eq!(desk.store.destroy_recording_keys(&own, &change).await.expect("done"), Some(1));
        assert!(matches!(desk.recordings.open(&desk.store, &row).await, Err(Unreadable::Key)));
        assert_eq!(
            key(&own).await.seal(&plain, row.recording).expect("sealed").1.key,
            2,
            "a new one for new calls"
        );
        let _ = std::fs::remove_dir_all(&desk.data);
    }

    /// A sealed recording with its row and its file.
    async fn sealed(desk: &Desk, n: u128, until: Wall) -> Recording {
        let mut row = row(n, until);
        let plain = desk.recordings.dir.join(&row.path);
        std::fs::write(&plain, [7; 58]).expect("written");
        let key = desk.recordings.sealing_key(&desk.store, &row.tenant, Wall(1)).await;
        let (path, by) = key.expect("made").expect("a master").seal(&plain, row.recording).expect("sealed");
        std::fs::remove_file(&plain).expect("the plain one");
        row.path = path.strip_prefix(&desk.recordings.dir).expect("below").display().to_string();
        row.sealed = Some(by);
        desk.store.put_recordings(std::slice::from_ref(&row), &[]).await.expect("a row");
        row
    }

    /// Puts a copy in a place of its own, with the keys of a file.
    async fn restored(desk: &Desk, from: &Path, name: &str, keys: Option<&Path>) -> Desk {
        let data = desk.data.with_extension(name);
        let _ = std::fs::remove_dir_all(&data);
        std::fs::create_dir_all(&data).expect("made");
        backup::restore(from, &data, &data.join("db"), false).expect("put back");
        let store = Store::open(&format!("sqlite:{}", data.join("db").display())).await.expect("opened");
        let recordings = Archive { dir: data.join("recordings"), ..desk.recordings.clone() };
        let other = Desk { store, recordings, data, ..desk.clone() };
        if let Some(keys) = keys {
            let asked = recording_keys::In { from: keys.to_owned(), by: "ren".into() };
            recording_keys::keys_in(&other, &asked).await.expect("put back");
        }
        other
    }

    /// Whether a file has these octets anywhere.
    fn has(file: &Path, octets: &str) -> bool {
        let all = std::fs::read(file).expect("read");
        all.windows(octets.len()).any(|some| some == octets.as_bytes())
    }

    #[tokio::test]
    async fn v03_what_is_deleted_is_read_from_no_copy_of_before() {
        let desk = desk("copies", Key::parse(&"5a".repeat(32))).await;
        let now = clock::wall();
        let rows =
            [sealed(&desk, 1, Wall(now.0 - 5)).await, sealed(&desk, 2, Wall(now.0 + 86_400_000)).await];
        let (keys, kept) = (desk.data.join("keys"), desk.data.join("kept"));
        let make = async |to: &str, keys: backup::Keys| {
            let to = desk.data.join(to);
            let asked = backup::Backup { to: to.clone(), recordings: true, keys };
            backup::backup(&desk, &asked).await.map(|_| to)
        };
        let unsaid = make("unsaid", backup::Keys::Configured).await;
        assert_eq!(unsaid.expect_err("somebody has to say").code, Code::InvalidValue);
        let copy = make("copy", backup::Keys::File(keys.clone())).await.expect("a copy");
        let with = make("with", backup::Keys::WithCopy).await.expect("a copy");
        std::fs::copy(&keys, &kept).expect("somebody keeps it");

        // While both are there, copy and keys bring both back; the copy alone neither.
        let whole = restored(&desk, &copy, "whole", Some(&keys)).await;
        assert!(is_playable(&whole, &rows[0]).await && is_playable(&whole, &rows[1]).await);
        let alone = restored(&desk, &copy, "alone", None).await;
        assert!(!is_playable(&alone, &rows[0]).await && !is_playable(&alone, &rows[1]).await);
        // Who starts a copy without its keys does not wipe out the file that has them.
        let over = recording_keys::keys_out(&alone, &recording_keys::Out { to: Some(keys.clone()) }).await;
        assert_eq!(over.expect_err("keys are missing").code, Code::Findings);
        assert_eq!(std::fs::read(&keys).expect("as it was"), std::fs::read(&kept).expect("kept"));
        for row in &rows {
            let wrapped = &row.sealed.as_ref().expect("sealed").wrapped;
            assert!(has(&with.join("sibai.db"), wrapped) && !has(&copy.join("sibai.db"), wrapped));
        }
        let verified = async |desk: &Desk| {
            let asked = crate::ops::verify::Verify::default();
            let found = crate::ops::verify::verify(desk, &asked).await.expect("read").findings;
            found.iter().filter(|one| one.check == "recording_key_missing").count()
        };
        assert_eq!(
            (verified(&whole).await, verified(&alone).await),
            (0, 1),
            "that whose time is over is nobody's"
        );

        // The time of the first is over: with the file of keys written again no copy has it.
        assert_eq!(retain(&desk, &Retain::default()).await.expect("run").deleted, 1);
        let moved = recording_keys::keys_out(&desk, &recording_keys::Out { to: Some(keys.clone()) }).await;
        assert_eq!(moved.expect("written"), recording_keys::Moved { enterprises: 1, recordings: 1 });
        let later = restored(&desk, &copy, "later", Some(&keys)).await;
        assert!(!is_playable(&later, &rows[0]).await, "its key is gone");
        assert!(is_playable(&later, &rows[1]).await);
        let found =
            later.store.recording(rows[0].recording).await.expect("read").expect("the copy has its row");
        assert!(matches!(later.recordings.open(&later.store, &found).await, Err(Unreadable::Key)));
        // What a person keeps against the rule is what the rule is about.
        let against = restored(&desk, &copy, "against", Some(&kept)).await;
        assert!(is_playable(&against, &rows[0]).await);
        let cut = std::fs::read_to_string(&keys).expect("read").replace("end 2", "");
        std::fs::write(&kept, cut).expect("cut");
        let asked = recording_keys::In { from: kept, by: "ren".into() };
        assert_eq!(recording_keys::keys_in(&alone, &asked).await.expect_err("cut").code, Code::Findings);
        for other in [whole, alone, later, against] {
            let _ = std::fs::remove_dir_all(&other.data);
        }
        let _ = std::fs::remove_dir_all(&desk.data);
    }
}
