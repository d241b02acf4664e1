//! `sibai demo`: the platform with a small world around it, so that a newcomer sees live calls without a phone. The
//! data directory stays and may be used again.

mod center;

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::time::Duration;

use clap::Args;
use farend::Says;
use farend::world::{Behaviour, CallerPlan, World, WorldConfig, WorldEvent};
use hotline::{CallId, Money, TenantId};

use self::center::{Agents, Invitation};
use super::place::Local;
use super::show::{length, print, runtime};
use super::{Context, Need, Ran, say};
use crate::config::{Config, Trunk};
use crate::ops::calls::{self, List, One, Row};
use crate::ops::enterprises::{self, Export, Import};
use crate::ops::{self, Code, Desk, Outcome, Refusal, Request, money};
use crate::running::Running;

/// The words of `demo`.
#[derive(Args)]
#[command(
    after_help = "例 / example: sibai demo --data sibai-data\n另开一个终端试：/ then, in another terminal: sibai call 4006010114 --from 13800138000"
)]
pub struct Demo {
    /// 不逐条打印通话 / do not print a line for each call
    #[arg(long)]
    quiet: bool,
    /// 本机的 HTTP 地址；端口被占用时另选 / where to serve HTTP on this machine; another port if it is taken
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8400")]
    http: SocketAddr,
    /// 本机的 SIP 地址；端口被占用时另选 / where to take SIP on this machine; another port if it is taken
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:5060")]
    sip: SocketAddr,
    /// 模拟运营商的地址 / where the simulated carrier is
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:5080")]
    carrier: SocketAddr,
    /// 每分钟几个来电，0 为没有 / calls a minute; 0 for none
    #[arg(long, value_name = "N", default_value_t = 6.0)]
    calls_per_minute: f64,
}

/// Whose balance calls are charged to.
const PAYING: &str = "huaxin";
/// The sample enterprises with their documents.
const EXAMPLES: [(&str, &str); 3] = [
    (PAYING, include_str!("../../../../examples/huaxin.yaml")),
    ("lantian", include_str!("../../../../examples/lantian.yaml")),
    (center::TENANT, center::EXAMPLE),
];
/// Their numbers, as callers dial them, and how often each is dialled against the others.
const NUMBERS: [(&str, u32); 3] = [("4006010114", 2), ("4008123888", 1), (center::NUMBER, 3)];
const CARRIER: &str = "carrier-a";
/// Who the books say did it.
const BY: &str = "demo";
const OPENING_BALANCE: Money = Money::from_fen(100_000);
/// Calls that are up at Ctrl-C get so long to end; the world hangs up at once.
const DRAIN_S_MAX: u64 = 5;
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// `sibai demo`
pub fn run(context: &Context, words: &Demo) -> Ran {
    let mut config = context.place.config.clone();
    let further = config.listeners.iter().map(|listen| listen.bind);
    is_here([words.sip, words.http].into_iter().chain(further))?;
    config.sip.listen = free(words.sip)?;
    config.http.listen = free_tcp(words.http);
    config.drain_s_max = DRAIN_S_MAX;
    let carrier = free(words.carrier)?;
    config.trunks = vec![trunk(carrier)];
    let invitation = prepare(context, &config)?;
    // A person reads the lines of calls; the log tells only what is wrong.
    crate::log::start(config.log.format, "warn");
    let world = std::sync::Arc::new(std::sync::Mutex::new(None));
    let kept = world.clone();
    let served = crate::serve::serve_with(config, |running| {
        match begin(context, words, &running, carrier, &invitation) {
            Ok(world) => *lock(&kept) = Some(world),
            Err(refusal) => {
                context.refuse(&refusal);
                running.stop();
            }
        }
        let world = kept.clone();
        watch(context, words.quiet, running, world);
    });
    drop(lock(&world).take());
    served.map_err(Refusal::from)?;
    context
        .say("演示已停止，数据保留在数据目录", "the demo has stopped; its data stay in the data directory");
    Ok(0)
}

type Kept = std::sync::Arc<std::sync::Mutex<Option<World>>>;

fn lock(world: &Kept) -> std::sync::MutexGuard<'_, Option<World>> {
    // It holds a handle that is put in once and taken out once.
    world.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Refuses to take SIP, or SIP over WebSocket, from other machines: the passwords of the sample phones can be read in the
/// source, so that anybody could register as one.
fn is_here(addresses: impl IntoIterator<Item = SocketAddr>) -> Outcome<()> {
    let reachable = |address: &SocketAddr| !address.ip().to_canonical().is_loopback();
    match addresses.into_iter().find(reachable) {
        None => Ok(()),
        Some(address) => Err(Refusal::invalid(
            format!(
                "{address} 不是本机回环地址：示例话机的密码是公开的，演示只在本机服务；对外服务请用 sibai serve 和自己的企业"
            ),
            format!(
                "{address} is no loopback address: the passwords of the sample phones are public, so the demo serves this \
                 machine alone; to serve others run `sibai serve` with enterprises of your own"
            ),
        )),
    }
}

/// The address if nobody holds its UDP port, else one with a free port.
fn free(address: SocketAddr) -> Outcome<SocketAddr> {
    let bound = UdpSocket::bind(address).or_else(|_| UdpSocket::bind((address.ip(), 0)));
    let local = bound.and_then(|socket| socket.local_addr());
    local.map_err(|error| {
        Refusal::new(Code::NodeBusy, format!("{address} 不可用：{error}"), format!("{address}: {error}"))
    })
}

fn free_tcp(address: SocketAddr) -> SocketAddr {
    match std::net::TcpListener::bind(address) {
        Ok(listener) => listener.local_addr().unwrap_or(address),
        Err(_) => SocketAddr::new(address.ip(), 0),
    }
}

fn trunk(address: SocketAddr) -> Trunk {
    Trunk {
        name: CARRIER.into(),
        address,
        incoming: true,
        outgoing: true,
        area_code: Some("010".into()),
        priority: 10,
        cost_plan: Some("C1".into()),
        profile: Default::default(),
    }
}

/// Sample data by the same operations as people use. Enterprises that are there stay as somebody has made them; what that
/// leaves no room for is said, and the demo goes on without it.
fn prepare(context: &Context, config: &Config) -> Outcome<Invitation> {
    let mut place = context.place.clone();
    place.config = config.clone();
    let local = Local::open(&place, Need::MakeData)?;
    local.run(async {
        for (tenant, text) in EXAMPLES {
            import(context, &local.desk, &TenantId::new(tenant), text).await?;
        }
        let (tenant, reference) = (TenantId::new(PAYING), "demo-opening".to_owned());
        let top_up = money::TopUp { tenant, amount: OPENING_BALANCE, reference, by: BY.to_owned() };
        if let Err(refusal) = or_refused(money::top_up(&local.desk, &top_up).await)? {
            context.say(
                format!("未给 {PAYING} 充值：{}", refusal.zh),
                format!("{PAYING} is not topped up: {}", refusal.en),
            );
        }
        center::open_account(&local.desk, BY).await
    })
}

/// Imports a sample enterprise that is not there.
async fn import(context: &Context, desk: &Desk, tenant: &TenantId, text: &str) -> Outcome<()> {
    let export = Export { tenant: tenant.clone(), version: None };
    match enterprises::export(desk, &export).await {
        Err(refusal) if refusal.code == Code::NotFound => {}
        found => return found.map(drop),
    }
    let import = Import { text: text.to_owned(), apply: true, by: BY.to_owned() };
    match or_refused(enterprises::import(desk, &import).await)? {
        Ok(imported) => context.say(
            format!("已导入 {tenant}（{}），版本 {}", imported.name, imported.version),
            format!("imported {tenant} ({}), version {}", imported.name, imported.version),
        ),
        Err(refusal) => context.say(
            format!("未导入 {tenant}：{}", refusal.zh),
            format!("{tenant} is not imported: {}", refusal.en),
        ),
    }
    Ok(())
}

/// What was asked or why it was refused. Without its database the demo does not start.
fn or_refused<T>(asked: Outcome<T>) -> Outcome<Outcome<T>> {
    match asked {
        Err(refusal) if refusal.code == Code::Database => Err(refusal),
        told => Ok(told),
    }
}

/// Lets the world begin and says what to try.
fn begin(
    context: &Context,
    words: &Demo,
    running: &Running,
    carrier: SocketAddr,
    invitation: &Invitation,
) -> Outcome<World> {
    let mut config = WorldConfig::new(carrier, running.sip());
    config.behaviours = behaviours();
    if words.calls_per_minute > 0.0 {
        let mut plan = CallerPlan::new(words.calls_per_minute, []);
        plan.numbers = NUMBERS.map(|(number, weight)| (number.to_owned(), weight)).to_vec();
        config.callers = Some(plan);
    }
    let world = World::start(config, |_: WorldEvent| {}).map_err(|error| {
        Refusal::new(
            Code::NodeBusy,
            format!("模拟世界没有启动：{error}"),
            format!("the world did not start: {error}"),
        )
    })?;
    welcome(context, running, &world, invitation);
    Ok(world)
}

/// What the phones of the sample enterprises do, as their documents say.
fn behaviours() -> BTreeMap<String, Behaviour> {
    let answers = |pitch_hz| Behaviour::Answers {
        ring_ms: (1_500, 5_000),
        talk_ms: None,
        says: Says::Speech { pitch_hz },
    };
    let phones = [
        ("01062345601", answers(120)),
        ("01062345602", Behaviour::Busy),
        ("01062345603", Behaviour::NoAnswer),
        ("01062345604", Behaviour::Rejects),
        ("02161234501", answers(210)),
        ("075583456701", answers(150)),
        ("13911112222", answers(180)),
        ("13911113333", Behaviour::NoAnswer),
    ];
    phones.into_iter().map(|(number, behaviour)| (number.to_owned(), behaviour)).collect()
}

fn welcome(context: &Context, running: &Running, world: &World, invitation: &Invitation) {
    let config = running.config();
    let data = shown_path(&config.data_dir);
    let option = if config.data_dir == Path::new(super::place::DATA_DIR) {
        String::new()
    } else {
        format!(" --data {data}")
    };
    let (sip, http) = (running.sip(), running.http());
    context.say(
        format!("四百演示运行中：SIP {sip}，模拟运营商 {}，HTTP http://{http}，数据 {data}\n另开一个终端试试：", world.local()),
        format!("the demo runs: SIP {sip}, simulated carrier {}, HTTP http://{http}, data in {data}\ntry in another terminal:", world.local()),
    );
    let tries = [
        (
            "call 4006010114 --from 13800138000 --for 10s --record heard.wav",
            "接听、录音、收费",
            "answered, recorded, charged",
        ),
        ("call 4006010114 --from 01088880002", "遇忙前转", "busy, then forwarded"),
        ("call 4008123888 --from 01088880004", "对方拒接", "rejected"),
        (
            "explain 4006010114 --from 13800138000 --at 2026-10-10T09:30 --busy 北京前台",
            "为什么这样接",
            "why it goes where it goes",
        ),
        ("queue list yunxi", "客服中心的队列和坐席", "queues of the call centre, who waits"),
        ("rating report yunxi", "主叫的评分", "what callers said"),
        ("calls --number 4006010114", "通话清单", "the list of calls"),
        ("call-record ID", "一次通话的全部（编号见清单）", "one call whole (ids are in the list)"),
        ("rate --plan T2a --seconds 61", "费用怎么算", "how a fee is made"),
        ("number 4006128998", "号码等级", "the class of a number"),
        ("verify", "核对账目和录音", "check books and recordings"),
    ];
    let rows: Vec<Vec<String>> = tries
        .iter()
        .map(|(command, zh, en)| {
            let data =
                if command.starts_with("rate") || command.starts_with("number") { "" } else { &option };
            vec![format!("  sibai {command}{data}"), context.pick(zh, en).to_owned()]
        })
        .collect();
    context.table(&[("", ""), ("", "")], &rows);
    invite(context, http, &option, invitation);
    context.say("Ctrl-C 停止", "Ctrl-C stops it");
}

/// How a person becomes an agent of the call centre. Commands need `option` to find the data.
fn invite(context: &Context, http: SocketAddr, option: &str, invitation: &Invitation) {
    let (tenant, number, [login, _, agent]) = (center::TENANT, center::NUMBER, center::PERSON);
    let (zh, en) = match invitation {
        Invitation::First(password) => (format!("初始密码 {password}"), format!("first password {password}")),
        Invitation::Chosen => (
            format!("密码是你上次设的（sibai account reset {tenant} {login}{option} 可重置）"),
            format!("the password you chose (sibai account reset {tenant} {login}{option} makes a new one)"),
        ),
        Invitation::Refused(refusal) => {
            return context.say(
                format!("客服中心这次没有你的座位：{}", refusal.zh),
                format!("the call centre has no place for you this time: {}", refusal.en),
            );
        }
    };
    context.say(
        format!(
            "{number} 是客服中心：来电按菜单排队，两名模拟坐席接听，有人放弃，有人评分。\n\
             你来接下一个：打开 http://{http}/agent ，企业 {tenant}，登录名 {login}，{zh}，然后签入（工号 {agent}）"
        ),
        format!(
            "{number} is a call centre: callers go through a menu into queues, two simulated agents answer, some callers \
             give up, some rate.\nTake the next call: open http://{http}/agent, enterprise {tenant}, login {login}, {en}, \
             then log in (agent {agent})"
        ),
    );
}

fn shown_path(path: &Path) -> String {
    path.display().to_string()
}

/// A thread that prints a line for each call that was settled, and lets the world hang up at the first signal.
fn watch(context: &Context, quiet: bool, running: Running, world: Kept) {
    let (json, language, place, by) =
        (context.json, context.language, context.place.clone(), context.by.clone());
    let watching = std::thread::Builder::new().name("demo".into()).spawn(move || {
        let context = Context { json, language, place, by };
        let Ok(runtime) = runtime() else { return };
        runtime.block_on(async {
            let told = async {
                match quiet {
                    true => std::future::pending().await,
                    false => tell_calls(&context, &running).await,
                }
            };
            let agents = Agents::start(&running);
            let there = world.clone();
            let press = |caller: &str, key| lock(&there).iter().for_each(|world| world.press(caller, key));
            tokio::select! {
                () = told => {}
                () = center::answer_questions(&running, press) => {}
                () = signalled() => {}
            }
            // Until the far ends have said BYE; the agents' phones hear of it meanwhile.
            let ended = tokio::task::spawn_blocking(move || drop(lock(&world).take())).await;
            if let Err(error) = ended {
                tracing::warn!(%error, "the world did not end well");
            }
            agents.leave().await;
        });
    });
    if let Err(error) = watching {
        tracing::warn!(%error, "calls are not shown");
    }
}

async fn signalled() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

async fn tell_calls(context: &Context, running: &Running) {
    let desk = Desk::of(running.clone());
    let mut seen: std::collections::BTreeSet<CallId> =
        recent(&desk).await.iter().map(|row| row.call).collect();
    let mut looks = tokio::time::interval(LOOK_EVERY);
    loop {
        looks.tick().await;
        let rows = recent(&desk).await;
        for row in rows.iter().rev() {
            if seen.insert(row.call) {
                tell(context, row, served(&desk, row).await);
            }
        }
        // Calls settle in the order they end; a few hundred remembered ids cover what is recent.
        while seen.len() > 1_000 {
            seen.pop_first();
        }
    }
}

/// The latest calls; none while the database is away.
async fn recent(desk: &Desk) -> Vec<Row> {
    let list = List { limit: 100, ..List::default() };
    match ops::perform(desk, Request::Calls(list)).await {
        Ok(value) => serde_json::from_value(value).unwrap_or_default(),
        Err(_) => Vec::new(),
    }
}

/// How the call centre served a call, in both languages.
async fn served(desk: &Desk, row: &Row) -> Option<(String, String)> {
    let record = calls::one(desk, &One { call: row.call }).await.ok()?.record;
    if record.queue.is_empty() {
        return None;
    }
    let (queue, wait_s) = (&record.queue, record.wait_ms / 1_000);
    let mut told = (format!("，{queue} 等 {wait_s} 秒"), format!(", waited {wait_s} s in {queue}"));
    if !record.agent.is_empty() {
        told.0 += &format!("，坐席 {}", record.agent);
        told.1 += &format!(", agent {}", record.agent);
    }
    if let Some(score) = record.rating.and_then(|rating| rating.score) {
        told.0 += &format!("，评分 {score}");
        told.1 += &format!(", rated {score}");
    }
    Some(told)
}

fn tell(context: &Context, row: &calls::Row, served: Option<(String, String)>) {
    if context.json {
        return print(&serde_json::json!({"call": row}).to_string());
    }
    let (served_zh, served_en) = served.unwrap_or_default();
    let number = row.number.grouped();
    let (time, talk) = (row.started_at.get(11..).unwrap_or_default(), length(row.talk_ms));
    let status = say::status(context, row.status);
    let answered =
        if row.answered_by.is_empty() { String::new() } else { format!(" → {}", row.answered_by) };
    let recorded = if row.recording.is_some() { context.pick("，有录音", ", recorded") } else { "" };
    context.say(
        format!(
            "{time} {}（{}）→ {number}{answered}：{status}{served_zh}，通话 {talk}，{} 元{recorded}  {}",
            row.caller, row.region, row.fee, row.call
        ),
        format!(
            "{time} {} ({}) → {number}{answered}: {status}{served_en}, talk {talk}, {} yuan{recorded}  {}",
            row.caller, row.region, row.fee, row.call
        ),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_takes_calls_from_this_machine_alone() {
        let here = |addresses: &[&str]| {
            is_here(addresses.iter().map(|address| address.parse().expect("an address")))
        };
        assert_eq!(here(&["127.0.0.1:5060", "[::1]:8400", "127.8.0.1:0", "[::ffff:127.0.0.1]:1"]), Ok(()));
        for open in ["0.0.0.0:5060", "192.0.2.1:5060", "[::]:8400", "[2001:db8::1]:8400", "10.0.0.1:5060"] {
            let refused = here(&["127.0.0.1:5060", open]).expect_err(open);
            assert!(refused.en.starts_with(open) && refused.zh.starts_with(open), "{refused:?}");
            assert_eq!(refused.code, Code::InvalidValue);
        }
    }

    #[test]
    fn only_what_the_database_refuses_stops_the_demo() {
        let refusal = |code| Refusal::new(code, "不行", "no");
        assert_eq!(or_refused::<()>(Err(refusal(Code::Database))), Err(refusal(Code::Database)));
        let taken = or_refused::<()>(Err(refusal(Code::NumbersTaken)));
        assert_eq!(taken, Ok(Err(refusal(Code::NumbersTaken))));
        assert_eq!(or_refused(Ok(7)), Ok(Ok(7)));
    }
}
