//! `sibai recording`: what is kept and why, who hears it, legal holds, keys, and the run that deletes what nobody keeps (rows
//! V02 to V04, V12, V13).

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use hotline::{HotlineNumber, RecordingId, TenantId};

use store::ExportState;

use super::pages::pages;
use super::{Context, Need, Ran};
use crate::ops::Refusal;
use crate::ops::Request;
use crate::ops::exports::{self, Exported};
use crate::ops::recording_keys::{self, Moved};
use crate::ops::recordings::{self, Destroyed, Listed, Planned, Retained};

/// Between two looks at how far an export is.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// The words of `recording`.
#[derive(Subcommand)]
pub enum Recording {
    /// 列出录音、保存期限及依据 / lists recordings, how long they are kept and why
    List(List),
    /// 另存为文件（写入审计）/ writes one into a file, with a line in the audit
    Save(Save),
    /// 存证：提示、校验和、谁听过，逐条哈希 / evidence: notice, checksums, who heard it, each hashed over the one before
    Evidence(Named),
    /// 导出一段时间的录音为压缩包：WAV、清单、校验和 / recordings of a range as one archive: WAVs, index, checksums
    Export(Export),
    /// 法律保留：到期也不删除 / a legal hold: it outlives its time
    Hold(Hold),
    /// 解除保留 / lets go
    Release(Named),
    /// 套餐的保存天数 / for how many days the enterprise's plan keeps them
    Plan(Plan),
    /// 销毁企业的录音密钥，所有加密录音从此不可读 / destroys an enterprise's keys: what they sealed is never read again
    DestroyKeys(DestroyKeys),
    /// 录音密钥写入一个文件，与备份分开保存，只留最新一份 / writes the keys of recordings into a file, kept apart from copies, the latest alone
    KeysOut(KeysOut),
    /// 从备份恢复后放回录音密钥 / puts keys back behind a restore
    KeysIn(KeysIn),
    /// 立即删除已到期的录音（每小时自动执行）/ deletes now what nobody keeps (done each hour by itself)
    #[command(after_help = "例 / example: sibai recording retain")]
    Retain,
}

/// The words of `recording list`.
#[derive(Args)]
#[command(after_help = "例 / example: sibai recording list huaxin --number 4006010114 --held")]
pub struct List {
    /// 企业 / the enterprise
    tenant: String,
    /// 只看此号码 / of calls to this number
    #[arg(long)]
    number: Option<HotlineNumber>,
    /// 只看此主叫 / of calls from this caller
    #[arg(long)]
    caller: Option<String>,
    /// 只看被保留的 / only what is held
    #[arg(long)]
    held: bool,
    /// 比此录音更早的 / older than this recording
    #[arg(long, value_name = "ID")]
    older_than: Option<RecordingId>,
    /// 最多几条 / at most
    #[arg(long, default_value_t = 100)]
    limit: u32,
}

/// The words of `recording save`.
#[derive(Args)]
#[command(after_help = "例 / example: sibai recording save huaxin 0190… call.wav")]
pub struct Save {
    /// 企业 / the enterprise
    tenant: String,
    /// 录音 / the recording
    recording: RecordingId,
    /// 文件，不能已存在 / the file, which must not be there
    to: PathBuf,
}

/// The words of `recording export`.
#[derive(Args)]
#[command(
    after_help = "例 / example: sibai recording export huaxin --since 2026-10-01 --until 2026-11-01 --to october.zip"
)]
pub struct Export {
    /// 企业 / the enterprise
    tenant: String,
    /// 只要此号码 / of calls to this number
    #[arg(long)]
    number: Option<HotlineNumber>,
    /// 自何时起 / from when on
    #[arg(long, value_name = "TIME")]
    since: String,
    /// 至何时止 / until when
    #[arg(long, value_name = "TIME")]
    until: String,
    /// 文件，不能已存在 / the file, which must not be there
    #[arg(long)]
    to: PathBuf,
}

/// The words of `recording hold`.
#[derive(Args)]
#[command(
    after_help = "例 / example: sibai recording hold huaxin 0190… --reason \"诉讼 2026-017\" --until 2027-06-30"
)]
pub struct Hold {
    /// 企业 / the enterprise
    tenant: String,
    /// 录音 / the recording
    recording: RecordingId,
    /// 理由 / why
    #[arg(long)]
    reason: String,
    /// 截止时间；省略为直到解除 / until when; until somebody lets go without
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

/// The words of `recording release` and `recording evidence`.
#[derive(Args)]
#[command(after_help = "例 / example: sibai recording evidence huaxin 0190…")]
pub struct Named {
    /// 企业 / the enterprise
    tenant: String,
    /// 录音 / the recording
    recording: RecordingId,
}

/// The words of `recording plan`.
#[derive(Args)]
#[command(after_help = "例 / example: sibai recording plan huaxin --days 365")]
pub struct Plan {
    /// 企业 / the enterprise
    tenant: String,
    /// 天数；0 为取消 / days; 0 takes it away
    #[arg(long)]
    days: u32,
}

/// The words of `recording destroy-keys`.
#[derive(Args)]
#[command(after_help = "例 / example: sibai recording destroy-keys huaxin --yes")]
pub struct DestroyKeys {
    /// 企业 / the enterprise
    tenant: String,
    /// 确认：不可恢复 / sure: nothing brings them back
    #[arg(long, required = true)]
    yes: bool,
}

/// The words of `recording keys-out`.
#[derive(Args)]
#[command(after_help = "例 / example: sibai recording keys-out --to /mnt/safe/recording-keys")]
pub struct KeysOut {
    /// 文件；默认为 [recording] keys_copy / the file; that of [recording] keys_copy unless said
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

/// The words of `recording keys-in`.
#[derive(Args)]
#[command(after_help = "例 / example: sibai recording keys-in --from /mnt/safe/recording-keys")]
pub struct KeysIn {
    /// 文件 / the file
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
}

/// `sibai recording`
pub fn run(context: &Context, words: &Recording) -> Ran {
    let (by, tenant) = (context.by.clone(), |name: &str| TenantId::new(name));
    let request = match words {
        Recording::List(words) => return list(context, words),
        Recording::Retain => return retain(context),
        Recording::Evidence(words) => return evidence(context, words),
        Recording::Export(words) => return export(context, words),
        Recording::Plan(words) => return plan(context, words),
        Recording::DestroyKeys(words) => return destroy_keys(context, words),
        Recording::KeysOut(words) => return keys_out(context, words),
        Recording::KeysIn(words) => {
            let moved = keys_in(context, &words.from)?;
            context.show(&moved, |Moved { enterprises, recordings }| {
                context.say(
                    format!("放回了 {enterprises} 个企业密钥、{recordings} 个录音密钥"),
                    format!("{enterprises} keys of enterprises and {recordings} of recordings are back"),
                );
            })?;
            return Ok(0);
        }
        Recording::Save(words) => Request::RecordingSave(recordings::Save {
            tenant: tenant(&words.tenant),
            recording: words.recording,
            to: std::path::absolute(&words.to).unwrap_or_else(|_| words.to.clone()),
            by,
        }),
        Recording::Hold(words) => Request::RecordingHold(recordings::HoldOn {
            tenant: tenant(&words.tenant),
            recording: words.recording,
            reason: words.reason.clone(),
            until: words.until.as_deref().map(|until| context.instant(until)).transpose()?,
            by,
        }),
        Recording::Release(words) => Request::RecordingRelease(recordings::Release {
            tenant: tenant(&words.tenant),
            recording: words.recording,
            by,
        }),
    };
    let listed: Listed = context.ask(Need::Data, &request)?;
    context.show(&listed, |listed| table(context, std::slice::from_ref(listed)))?;
    Ok(0)
}

fn evidence(context: &Context, words: &Named) -> Ran {
    let (tenant, recording) = (TenantId::new(&words.tenant), words.recording);
    let request = Request::RecordingProve(recordings::Prove { tenant, recording });
    let told: recordings::Evidence = context.ask(Need::Data, &request)?;
    let broken = told.broken_at;
    context.show(&told, |told| {
        for event in &told.events {
            let at = crate::ops::money::time(event.at);
            let (number, by, what) = (event.number, &event.by, event.what.code());
            super::show::print(&format!("{number} {at} {by} {what} {} {}", event.detail, event.hash));
        }
        match broken {
            None => context.say("链完整", "the chain is whole"),
            Some(number) => context
                .say(format!("第 {number} 条被改动过"), format!("event {number} is not as it was written")),
        }
    })?;
    Ok(u8::from(broken.is_some()))
}

/// Asks, waits with a line of progress, and writes the file.
fn export(context: &Context, words: &Export) -> Ran {
    let tenant = TenantId::new(&words.tenant);
    let (since, until) = (context.instant(&words.since)?, context.instant(&words.until)?);
    let (number, by) = (words.number, context.by.clone());
    let asked = exports::Ask { tenant: tenant.clone(), number, since, until, by };
    let mut exported: Exported = context.ask(Need::Data, &Request::RecordingExport(asked))?;
    let of = exports::One { tenant, export: exported.export.clone() };
    while matches!(exported.state, ExportState::Waiting | ExportState::Running) {
        context.progress(&format!("{} / {}", exported.done + exported.skipped, exported.total));
        std::thread::sleep(BETWEEN_LOOKS);
        exported = context.ask(Need::Data, &Request::RecordingExportShow(of.clone()))?;
    }
    context.progress_done();
    let to = std::path::absolute(&words.to).unwrap_or_else(|_| words.to.clone());
    let save = exports::Save { of, to: to.clone() };
    let saved: Exported = context.ask(Need::Data, &Request::RecordingExportSave(save))?;
    context.show(&saved, |saved| {
        let (done, skipped, to) = (saved.done, saved.skipped, to.display());
        context.say(
            format!("{done} 个录音已导出到 {to}，{skipped} 个无法读取（见 index.csv）"),
            format!("{done} recordings are in {to}; {skipped} could not be read, see index.csv"),
        );
    })?;
    Ok(u8::from(saved.skipped > 0))
}

fn plan(context: &Context, words: &Plan) -> Ran {
    let (tenant, days, by) = (TenantId::new(&words.tenant), words.days, context.by.clone());
    let request = Request::RecordingPlan(recordings::Plan { tenant, days, by });
    let done: Planned = context.ask(Need::Data, &request)?;
    context.show(&done, |Planned { prolonged }| {
        context.say(
            format!("新录音按套餐保存 {days} 天，已有的 {prolonged} 个随之延长"),
            format!(
                "new recordings are kept for {days} days by the plan, {prolonged} that are there as long"
            ),
        );
    })?;
    Ok(0)
}

fn keys_out(context: &Context, words: &KeysOut) -> Ran {
    let absolute = |file: &PathBuf| std::path::absolute(file).map_err(|error| Refusal::file(file, error));
    let to = words.to.as_ref().map(absolute).transpose()?;
    let moved: Moved = context.ask(Need::Data, &Request::RecordingKeysOut(recording_keys::Out { to }))?;
    context.show(&moved, |Moved { enterprises, recordings }| {
        context.say(
            format!("写出了 {enterprises} 个企业密钥、{recordings} 个录音密钥；之前的密钥文件请一并销毁"),
            format!(
                "{enterprises} keys of enterprises and {recordings} of recordings are written; destroy files of keys \
                 from before as well"
            ),
        );
    })?;
    Ok(0)
}

/// Puts keys back.
pub(super) fn keys_in(context: &Context, from: &Path) -> Result<Moved, Refusal> {
    let from = std::path::absolute(from).map_err(|error| Refusal::file(from, error))?;
    let asked = recording_keys::In { from, by: context.by.clone() };
    context.ask(Need::Data, &Request::RecordingKeysIn(asked))
}

fn destroy_keys(context: &Context, words: &DestroyKeys) -> Ran {
    let (tenant, by) = (TenantId::new(&words.tenant), context.by.clone());
    let request = Request::RecordingKeysDestroy(recordings::DestroyKeys { tenant, by });
    let done: Destroyed = context.ask(Need::Data, &request)?;
    context.show(&done, |Destroyed { keys }| {
        context.say(
            format!("销毁了 {keys} 个密钥，用它加密的录音不可恢复"),
            format!("{keys} keys are destroyed; what they sealed is gone for good"),
        );
    })?;
    Ok(0)
}

fn list(context: &Context, words: &List) -> Ran {
    let all = pages(context, words.limit.into(), |limit, last: Option<&Listed>| {
        Request::Recordings(recordings::List {
            tenant: TenantId::new(&words.tenant),
            number: words.number,
            caller: words.caller.clone(),
            since: None,
            until: None,
            held: words.held,
            older_than: last.map(|last| last.recording).or(words.older_than),
            limit,
        })
    })?;
    context.show(&all, |all| table(context, all))?;
    Ok(0)
}

fn table(context: &Context, all: &[Listed]) {
    let row = |one: &Listed| {
        let held = one.held.iter().map(|hold| {
            let until = hold.until.as_deref().map_or(String::new(), |until| format!(" → {until}"));
            format!("{} ({}{until})", hold.reason, hold.by)
        });
        vec![
            crate::ops::money::time(one.started_at),
            one.number.grouped(),
            one.caller.clone(),
            super::show::length(one.duration_ms),
            one.recording.to_string(),
            one.kept_until.clone(),
            one.kept_by.clone(),
            held.collect::<Vec<_>>().join("; "),
        ]
    };
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    context.table(
        &[
            ("起始时间", "began"),
            ("号码", "number"),
            ("主叫", "caller"),
            ("时长", "length"),
            ("录音", "recording"),
            ("保存至", "kept until"),
            ("依据", "by"),
            ("法律保留", "held"),
        ],
        &rows,
    );
}

fn retain(context: &Context) -> Ran {
    let request = Request::RecordingRetain(recordings::Retain::default());
    let done: Retained = context.ask(Need::Data, &request)?;
    context.show(&done, |done| {
        let (deleted, failed) = (done.deleted, done.failed.len());
        context.say(
            format!("删除了 {deleted} 个到期录音，{failed} 个未能删除"),
            format!("{deleted} recordings are gone, {failed} could not be deleted"),
        );
        done.failed.iter().for_each(|path| super::show::print(path));
    })?;
    Ok(if done.failed.is_empty() { 0 } else { 1 })
}
