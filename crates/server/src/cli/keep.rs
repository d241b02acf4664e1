//! Commands about the data as a whole: checked, copied, put back, shown, filled.

use std::path::PathBuf;

use clap::Args;

use super::place::Local;
use super::pure::read_number;
use super::show::print;
use super::{Client, Context, Need, Ran};
use crate::clock;
use crate::control;
use crate::ops::backup::{self, Keys, Made};
use crate::ops::fill;
use crate::ops::status::{RegistrationState, Status, TrunkState};
use crate::ops::verify::{self, Verified};
use crate::ops::{Code, Outcome, Refusal, Request};
use crate::serve::DataLock;

/// The words of `verify`.
#[derive(Args)]
#[command(
    after_help = "例 / example: sibai verify --data sibai-data --json\n检查项 / checks: 账目平衡、每次通话一条记录、录音完整、日志无损、汇总一致 / books balance, one record a call, recordings whole, journal readable, rollups = recount"
)]
pub struct Verify {
    /// 只查数据库，不读录音和日志 / the database only, not the files
    #[arg(long)]
    database_only: bool,
}

/// `sibai verify`
pub fn verify(context: &Context, words: &Verify) -> Ran {
    let verified = ask_verify(context, words.database_only)?;
    context.show(&verified, |verified| show_verified(context, verified))?;
    Ok(u8::from(!verified.clean))
}

/// Without a server the work is done here, and a terminal is told how far it is.
fn ask_verify(context: &Context, database_only: bool) -> Outcome<Verified> {
    let asked = verify::Verify { database_only };
    match Client::open(&context.place, Need::Data)? {
        Client::Local(local) => {
            let tell = |calls| {
                let (zh, en) = (format!("已核对 {calls} 次通话 …"), format!("{calls} calls checked …"));
                context.progress(context.pick(&zh, &en));
            };
            let verified = local.run(verify::verify_telling(&local.desk, &asked, tell));
            context.progress_done();
            verified
        }
        remote @ Client::Remote(_) => remote.ask(&Request::Verify(asked)),
    }
}

fn show_verified(context: &Context, verified: &Verified) {
    for one in &verified.findings {
        print(&format!("✗ {}  {}  {}", one.check, one.tenant, one.subject));
    }
    let (recordings, segments, count) =
        (verified.recordings, verified.journal_segments, verified.findings.len());
    match verified.clean {
        true => context.say(
            format!("全部一致（{recordings} 个录音，{segments} 段日志）"),
            format!("everything agrees ({recordings} recordings, {segments} journal segments)"),
        ),
        false => context.say(format!("{count} 处不一致"), format!("{count} findings")),
    }
}

/// The words of `backup`.
#[derive(Args)]
#[command(after_help = "例 / example: sibai backup --to /backup/sibai-20261010")]
pub struct Backup {
    /// 新目录或空目录 / a directory that is new or empty
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// 连录音文件一起复制 / copy the files of recordings too
    #[arg(long)]
    recordings: bool,
    /// 录音密钥写入此文件并替换之前的，备份里没有密钥；默认为 [recording] keys_copy / the keys of recordings go into this file, which is replaced, and not into the copy; that of [recording] keys_copy unless said
    #[arg(long, value_name = "FILE", conflicts_with = "with_keys")]
    keys: Option<PathBuf>,
    /// 密钥留在备份里：到期删除的录音在这份备份里仍可读 / keys stay in the copy: what is deleted later stays readable in it
    #[arg(long)]
    with_keys: bool,
}

/// `sibai backup`
pub fn backup(context: &Context, words: &Backup) -> Ran {
    // The server may run in another directory.
    let to = std::path::absolute(&words.to).map_err(|error| Refusal::file(&words.to, error))?;
    let keys = match &words.keys {
        Some(file) => Keys::File(std::path::absolute(file).map_err(|error| Refusal::file(file, error))?),
        None if words.with_keys => Keys::WithCopy,
        None => Keys::Configured,
    };
    let request = Request::Backup(backup::Backup { to, recordings: words.recordings, keys });
    let made: Made = context.ask(Need::Data, &request)?;
    context.show(&made, |made| {
        context.say(
            format!("已备份到 {}（{} 个录音在清单中）", words.to.display(), made.recordings),
            format!("a copy is in {} ({} recordings in its list)", words.to.display(), made.recordings),
        );
    })?;
    Ok(0)
}

/// The words of `restore`.
#[derive(Args)]
#[command(after_help = "例 / example: sibai restore --from /backup/sibai-20261010 --data sibai-data")]
pub struct Restore {
    /// 备份目录 / the copy
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// 放回此文件里的录音密钥 / puts the keys of recordings back that are in this file
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// 覆盖现有数据 / replace what is there
    #[arg(long)]
    force: bool,
}

/// `sibai restore`
pub fn restore(context: &Context, words: &Restore) -> Ran {
    let place = &context.place;
    if std::os::unix::net::UnixStream::connect(control::path_in(place.data())).is_ok() {
        return Err(Refusal::new(
            Code::Locked,
            "服务正在运行，先停止再恢复",
            "a server runs there; stop it first",
        ));
    }
    let database = place.database_file().ok_or_else(|| {
        Refusal::invalid(
            "PostgreSQL 请用它自己的工具恢复：pg_restore",
            "PostgreSQL is restored by its own tools: pg_restore",
        )
    })?;
    let lock = DataLock::take(place.data())?;
    let made = backup::restore(&words.from, place.data(), &database, words.force)?;
    drop(lock);
    if let Some(keys) = &words.keys {
        super::recording::keys_in(context, keys)?;
    }
    // A copy without recordings' files is checked without them.
    let verified = ask_verify(context, !made.recording_files)?;
    context.show(&serde_json::json!({"restored": made, "verified": verified}), |_| {
        context.say(
            format!("已恢复 {} 的备份", made.made_at),
            format!("the copy of {} is in place", made.made_at),
        );
        show_verified(context, &verified);
    })?;
    Ok(u8::from(!verified.clean))
}

/// `sibai status`
pub fn status(context: &Context) -> Ran {
    let client = Client::open(&context.place, Need::Data)?;
    let status: Status = client.ask(&Request::Status)?;
    context.show(&status, |status| show_status(context, status))?;
    Ok(if status.running { 0 } else { Code::NoServer.exit() })
}

fn show_status(context: &Context, status: &Status) {
    if !status.running {
        return context.say("服务没有运行", "no server runs here");
    }
    let (sip, http) = (status.sip.as_deref().unwrap_or(""), status.http.as_deref().unwrap_or(""));
    context.say(
        format!("运行中：SIP {sip}，HTTP {http}，通话 {}，待入库 {}", status.calls_up, status.unsettled),
        format!(
            "running: SIP {sip}, HTTP {http}, {} calls up, {} to be settled",
            status.calls_up, status.unsettled
        ),
    );
    if status.draining {
        context.say("正在停止，不接新来电", "stopping: no new calls are taken");
    }
    if status.database_away {
        context.say(
            "数据库不可用；通话照常，恢复后入库",
            "the database is away; calls go on and are settled later",
        );
    }
    show_states(context, &status.trunks);
    let totals: Vec<String> = status.totals.iter().map(|(name, count)| format!("{name} {count}")).collect();
    print(&totals.join("  "));
}

/// The live state of trunks.
pub(super) fn show_states(context: &Context, trunks: &[TrunkState]) {
    let row = |one: &TrunkState| {
        let [state, calls, options, registration] = state_cells(context, one);
        vec![one.name.clone(), one.address.clone(), state, calls, options, registration]
    };
    let head = [
        ("中继", "trunk"),
        ("地址", "address"),
        ("状态", "state"),
        ("通话", "calls"),
        ("OPTIONS", "OPTIONS"),
        ("注册", "registered"),
    ];
    context.table(&head, &trunks.iter().map(row).collect::<Vec<_>>());
}

/// How a trunk is, the calls on it, its last answer to OPTIONS, its registration.
pub(super) fn state_cells(context: &Context, one: &TrunkState) -> [String; 4] {
    let state = match (one.down, one.quiet) {
        (true, _) => context.pick("故障", "down"),
        (false, true) => context.pick("对端要求暂停", "asked for quiet"),
        (false, false) => context.pick("正常", "up"),
    };
    let options = one.options.map_or_else(|| "-".into(), |(status, ms)| format!("{status}, {ms} ms"));
    let registration = match &one.registration {
        None => "-".to_owned(),
        Some(RegistrationState { for_s: Some(for_s), .. }) => format!("{for_s} s"),
        Some(RegistrationState { refused: Some(0), .. }) => context.pick("无应答", "no answer").to_owned(),
        Some(RegistrationState { refused: Some(status), .. }) => {
            format!("{} {status}", context.pick("被拒", "refused"))
        }
        Some(RegistrationState { refused: None, .. }) => context.pick("未注册", "none").to_owned(),
    };
    [state.to_owned(), one.calls.to_string(), options, registration]
}

/// The words of `fill`.
#[derive(Args)]
#[command(
    after_help = "例 / examples:\n  sibai fill --records 1000000 --number 4006010114\n  sibai fill --numbers 4006000000-4007999999 --dial 01062345601\n不要用于生产数据 / not for data that are in use"
)]
pub struct Fill {
    /// 生成这么多条已结束的通话 / make so many finished calls
    #[arg(long, value_name = "COUNT", requires = "number")]
    records: Option<u64>,
    /// 这些通话拨打的号码 / the number they called
    #[arg(long)]
    number: Option<String>,
    /// 分布在最近多少天 / spread over so many days
    #[arg(long, default_value_t = 30)]
    days: u32,
    /// 生成这个范围的号码 / make the numbers of this range
    #[arg(long, value_name = "FIRST-LAST", requires = "dial")]
    numbers: Option<String>,
    /// 这些号码的绑定号码 / the bound number of each
    #[arg(long)]
    dial: Option<String>,
    /// 每个企业多少号码 / numbers of one enterprise
    #[arg(long, default_value_t = 100)]
    per_enterprise: u32,
}

/// `sibai fill`
pub fn fill(context: &Context, words: &Fill) -> Ran {
    let local = Local::open(&context.place, Need::MakeData)?;
    let mut made = serde_json::Map::new();
    if let (Some(range), Some(dial)) = (&words.numbers, &words.dial) {
        let (first, last) = range.split_once('-').ok_or_else(|| {
            Refusal::invalid("范围写作 4006000000-4007999999", "a range is written 4006000000-4007999999")
        })?;
        let asked = fill::Numbers {
            first: read_number(first)?,
            last: read_number(last)?,
            dial: dial.clone(),
            per_enterprise: words.per_enterprise,
            by: context.by.clone(),
        };
        let numbers =
            local.run(fill::numbers(&local.desk, &asked, |made| context.progress(&format!("{made} …"))))?;
        made.insert("numbers".into(), numbers.into());
    }
    if let (Some(records), Some(number)) = (words.records, &words.number) {
        let asked =
            fill::Records { records, number: read_number(number)?, days: words.days, until: clock::wall() };
        let records =
            local.run(fill::records(&local.desk, &asked, |made| context.progress(&format!("{made} …"))))?;
        made.insert("records".into(), records.into());
    }
    local.run(compile(&local))?;
    context.progress_done();
    context.show(&made, |made| print(&serde_json::Value::Object(made.clone()).to_string()))?;
    Ok(0)
}

/// Compiles what was made into the snapshot, so that a start finds it there.
async fn compile(local: &Local) -> Outcome<()> {
    let dir = local.desk.data.join("snapshot");
    let failed = |error: &dyn std::fmt::Display| Refusal::file(&dir, error);
    let opened = crate::snapshot::Snapshot::open(&dir, &local.desk.store).await;
    let (snapshot, _, _) = opened.map_err(|error| failed(&error))?;
    snapshot.sync().map_err(|error| failed(&error))
}
