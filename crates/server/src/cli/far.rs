//! Far ends from the command line: one call told step by step, and load.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use farend::call::{CallConfig, EndedBy, HangUp, Step, parse_press, place};
use farend::load::{LoadConfig, LoadReport, Plan, Progress};
use serde_json::json;

use super::show::{print, runtime};
use super::{Client, Context, Need, Ran};
use crate::ops::status::Status;
use crate::ops::{Code, Outcome, Refusal, Request};

/// The words of `call`.
#[derive(Args)]
#[command(
    after_help = "例 / examples:\n  sibai call 4006010114 --from 13800138000\n  sibai call 4006010114 --from 01088880002 --for 20s --record heard.wav --press 1,2#"
)]
pub struct Call {
    /// 拨打的号码 / the number dialled
    number: String,
    /// 主叫号码 / the caller shown
    #[arg(long)]
    from: String,
    /// 接听后按键，逗号停一秒 / keys after the answer; a comma waits a second
    #[arg(long, value_name = "KEYS")]
    press: Option<String>,
    /// 播放的 WAV 文件 / a WAV file to say
    #[arg(long, value_name = "FILE")]
    play: Option<PathBuf>,
    /// 把听到的写入文件 / write what is heard to a file
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// 接听后通话多久，如 10s、1m / talk so long after the answer
    #[arg(long = "for", value_name = "TIME", default_value = "10s", value_parser = read_length)]
    hold_for: Duration,
    /// SIP 地址，默认为正在运行的服务 / where to call; the running server by default
    #[arg(long, value_name = "IP:PORT")]
    target: Option<SocketAddr>,
}

/// `10s`, `500ms`, `2m`, or seconds.
pub(super) fn read_length(text: &str) -> Result<Duration, String> {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let count: u64 = digits.parse().map_err(|_| "10s, 500ms, 2m".to_owned())?;
    let ms = match unit {
        "" | "s" => count.checked_mul(1000),
        "ms" => Some(count),
        "m" => count.checked_mul(60_000),
        _ => None,
    };
    ms.map(Duration::from_millis).ok_or_else(|| "10s, 500ms, 2m".to_owned())
}

/// `sibai call`
pub fn call(context: &Context, words: &Call) -> Ran {
    let target = match words.target {
        Some(target) => target,
        None => running_sip(context)?,
    };
    let mut config = CallConfig::new(target, &words.number, &words.from);
    if let Some(keys) = &words.press {
        config.press = parse_press(keys).map_err(|key| {
            Refusal::invalid(format!("{key:?} 不是按键"), format!("{key:?} is no key of a phone"))
        })?;
    }
    config.play.clone_from(&words.play);
    config.record.clone_from(&words.record);
    config.hold_for = words.hold_for;
    let outcome = runtime()?.block_on(async {
        let hang_up = HangUp::default();
        let handle = hang_up.clone();
        let keys = tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                handle.now();
            }
        });
        let outcome = place(config, hang_up, |step| show_step(context, &step)).await;
        keys.abort();
        outcome
    });
    let outcome = outcome
        .map_err(|error| Refusal::new(Code::CallFailed, format!("没有拨出：{error}"), error.to_string()))?;
    Ok(u8::from(outcome.status != 200 || outcome.ended_by == EndedBy::NoResponse))
}

fn show_step(context: &Context, step: &Step) {
    if context.json {
        print(&json!(step).to_string());
    } else {
        print(&step.to_string());
    }
}

/// Where the running server takes SIP; the configuration's address if that is all there is.
pub(super) fn running_sip(context: &Context) -> Outcome<SocketAddr> {
    let no_server = || {
        Refusal::new(
            Code::NoServer,
            "没有运行中的服务；先运行 sibai demo，或用 --target 指定地址",
            "no server runs here; start `sibai demo` first, or name an address by --target",
        )
    };
    let socket = crate::control::path_in(context.place.data());
    if !socket.exists() {
        return Err(no_server());
    }
    let client = Client::open(&context.place, Need::Data)?;
    let status: Status = client.ask(&Request::Status)?;
    let address: SocketAddr = status.sip.and_then(|sip| sip.parse().ok()).ok_or_else(no_server)?;
    let loopback = match address {
        SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
    };
    let ip = if address.ip().is_unspecified() { loopback } else { address.ip() };
    Ok(SocketAddr::new(ip, address.port()))
}

/// The words of `load`.
#[derive(Args)]
#[command(
    after_help = "例 / example: sibai load --target 127.0.0.1:5060 --number 4006010114 --callee-listen 127.0.0.1:5080 --rate 200 --seconds 30 --json"
)]
pub struct Load {
    /// 平台的 SIP 地址 / the platform
    #[arg(long, value_name = "IP:PORT")]
    target: SocketAddr,
    /// 拨打的号码 / the number dialled
    #[arg(long)]
    number: String,
    /// 被叫监听的地址，平台把电话接到这里 / where the callee listens: the platform brings the calls here
    #[arg(long, value_name = "IP:PORT")]
    callee_listen: SocketAddr,
    /// 每秒呼叫数 / calls a second
    #[arg(long, default_value_t = 100.0)]
    rate: f64,
    /// 测量多少秒 / seconds of measuring
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// 测量前预热多少秒 / seconds before measuring
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0)]
    warm_up: f64,
    /// 接通后保持多少毫秒 / from answer to BYE
    #[arg(long, value_name = "MS", default_value_t = 2_000)]
    hold_ms: u64,
    /// 双向发送语音 / send RTP both ways
    #[arg(long)]
    rtp: bool,
    /// 建立这么多同时通话并保持 --seconds 秒，而不是固定速率 / bring up so many calls and hold them for --seconds
    #[arg(long, value_name = "CALLS")]
    fill: Option<usize>,
    /// 同时通话数上限 / most calls up at once
    #[arg(long, default_value_t = 100_000)]
    calls_max: usize,
}

/// `sibai load`
pub fn load(context: &Context, words: &Load) -> Ran {
    let plan = match words.fill {
        Some(calls) => Plan::Fill { rate_per_s: words.rate, calls, up_for_s: words.seconds },
        None => Plan::Steady { rate_per_s: words.rate, warm_up_s: words.warm_up, seconds: words.seconds },
    };
    let config = LoadConfig {
        plan,
        hold_ms: words.hold_ms,
        rtp: words.rtp,
        calls_max: words.calls_max,
        ..LoadConfig::new(words.target, &words.number, words.callee_listen)
    };
    let tell = |progress: Progress| {
        let Progress { elapsed_ms, attempted, calls_up, failed } = progress;
        context.progress(&format!("{} s  {attempted}  ↑{calls_up}  ✗{failed}", elapsed_ms / 1000));
    };
    let report = runtime()?.block_on(farend::load::run(config, tell));
    context.progress_done();
    let report = report.map_err(|error| Refusal::invalid(format!("无法开始：{error}"), error.to_string()))?;
    context.show(&report, |report| show_report(context, report))?;
    Ok(0)
}

fn show_report(context: &Context, report: &LoadReport) {
    let times = |times: &farend::load::Percentiles| {
        vec![times.p50, times.p90, times.p99, times.max]
            .into_iter()
            .map(|ms| format!("{ms:.2}"))
            .collect::<Vec<_>>()
    };
    context.say(
        format!(
            "呼叫 {}，接通 {}，失败 {}，结束异常 {}，每秒 {:.1}",
            report.attempted, report.answered, report.failed, report.ended_badly, report.rate_per_s
        ),
        format!(
            "{} calls, {} answered, {} failed, {} ended badly, {:.1}/s",
            report.attempted, report.answered, report.failed, report.ended_badly, report.rate_per_s
        ),
    );
    for (status, count) in &report.failed_by_status {
        print(&format!("  {status}: {count}"));
    }
    let row = |name: &str, figures: &farend::load::Percentiles| {
        let mut row = vec![name.to_owned()];
        row.extend(times(figures));
        row
    };
    let mut rows = vec![
        row(context.pick("接续时延", "post-dial delay"), &report.post_dial_ms),
        row(context.pick("接通时延", "set-up"), &report.setup_ms),
        row(context.pick("释放时延", "release"), &report.release_ms),
    ];
    if let Some(rtp) = &report.rtp {
        rows.push(row(context.pick("语音时延", "RTP delay"), &rtp.delay_ms));
    }
    context.table(&[("毫秒", "ms"), ("p50", "p50"), ("p90", "p90"), ("p99", "p99"), ("最大", "max")], &rows);
    if let Some(rtp) = &report.rtp {
        context.say(
            format!(
                "语音：发 {}，收 {}，丢 {}，无声方向 {}",
                rtp.sent, rtp.received, rtp.lost, rtp.silent_directions
            ),
            format!(
                "RTP: {} sent, {} received, {} lost, {} silent directions",
                rtp.sent, rtp.received, rtp.lost, rtp.silent_directions
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_with_their_unit() {
        let ms = |text: &str| read_length(text).map(|length| length.as_millis());
        assert_eq!(
            [ms("10s"), ms("10"), ms("500ms"), ms("2m")],
            [Ok(10_000), Ok(10_000), Ok(500), Ok(120_000)]
        );
        for wrong in ["", "s", "10h", "-1s", "99999999999999999999s"] {
            assert!(ms(wrong).is_err(), "{wrong}");
        }
    }
}
