//! `sibai trunk test` and `trunk map`: a trunk tried step by step, an INVITE read as it would be, an access number mapped
//! (row X04). Knows no SIP: the running server sees and tells.

use std::time::Duration;

use clap::Args;
use hotline::call::Tone;
use hotline::trunk::{Failed, NetworkFault, Pass};
use node::{Ender, NotDialled, RING_MS_MAX, Spoken, TALK_MS_MAX, TrialFault, TrialReport, TrialStep};

use super::far::read_length;
use super::pure::read_number;
use super::show::print;
use super::{Context, Need, Ran};
use crate::ops::trial::{Incoming, Read, TrunkMap, TrunkTest, TrunkTested};
use crate::ops::{Outcome, Refusal, Request, provider};

/// The words of `trunk test`.
#[derive(Args)]
#[command(
    after_help = "例 / examples:\n  sibai trunk test carrier-a   (只问 OPTIONS 和注册 / OPTIONS and registration alone)\n  sibai trunk test carrier-a --to 13800138000 --for 5s\n  sibai trunk test carrier-a --in-number 01062000001 --in-diversion 4006010114 --in-from 13800138000\n测试呼叫会产生运营商的费用，不计入任何企业 / the carrier charges a test call; no enterprise pays for it"
)]
pub struct Test {
    /// 名称 / its name
    name: String,
    /// 拨打的号码，境内固定电话或手机 / the number called, a landline or mobile of the mainland
    #[arg(long, value_name = "NUMBER")]
    to: Option<String>,
    /// 显示的号码，须是本中继自有；默认为第一个 / the number shown, one of ours on it; the first by default
    #[arg(long, value_name = "NUMBER", requires = "to")]
    from: Option<String>,
    /// 接听后按键 / keys pressed after the answer
    #[arg(long, value_name = "KEYS", requires = "to", default_value = "")]
    press: String,
    /// 最长振铃，至多 60s / how long it may ring, at most 60s
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = read_length)]
    ring: Duration,
    /// 接听后通话多久，至多 30s / talk so long after the answer, at most 30s
    #[arg(long = "for", value_name = "TIME", default_value = "5s", value_parser = read_length)]
    talk: Duration,
    /// 呼入：Request-URI 中的号码，不拨打，只说明会怎样识别 / of a call in: the number in the Request-URI, read and not called
    #[arg(long, value_name = "USER")]
    in_number: Option<String>,
    /// 呼入：To 中的号码 / of a call in: the number in To
    #[arg(long, value_name = "USER", requires = "in_number")]
    in_to: Option<String>,
    /// 呼入：Diversion 或 History-Info 中的号码 / of a call in: the number in Diversion or History-Info
    #[arg(long, value_name = "USER", requires = "in_number")]
    in_diversion: Option<String>,
    /// 呼入：主叫，按运营商的写法 / of a call in: the caller as the carrier writes it
    #[arg(long, value_name = "USER", requires = "in_number")]
    in_from: Option<String>,
}

/// The words of `trunk map`.
#[derive(Args)]
#[command(
    after_help = "例 / example: sibai trunk map carrier-a 01062000001 4006010114\n不写 400 号码则取消 / without a 400 number the mapping is taken away"
)]
pub struct Map {
    /// 名称 / its name
    name: String,
    /// 接入号 / the access number
    number: String,
    /// 对应的 400 号码 / the 400 number it stands for
    hotline: Option<String>,
}

/// `sibai trunk map`
pub fn map(context: &Context, words: &Map) -> Outcome<provider::Trunk> {
    let hotline = words.hotline.as_deref().map(read_number).transpose()?;
    let (trunk, number, by) = (words.name.clone(), words.number.clone(), context.by.clone());
    context.ask(Need::Data, &Request::TrunkMap(TrunkMap { trunk, number, hotline, by }))
}

/// `sibai trunk test`
pub fn test(context: &Context, words: &Test) -> Ran {
    let ms = |length: Duration, most: u64| u64::try_from(length.as_millis()).unwrap_or(most);
    let (ring_ms, talk_ms) = (ms(words.ring, RING_MS_MAX), ms(words.talk, TALK_MS_MAX));
    if ring_ms > RING_MS_MAX || talk_ms > TALK_MS_MAX {
        return Err(Refusal::invalid(
            "--ring 至多 60s，--for 至多 30s",
            "--ring is 60s at most, --for 30s at most",
        ));
    }
    let incoming = words.in_number.as_ref().map(|number| Incoming {
        number: number.clone(),
        to: words.in_to.clone(),
        diversion: words.in_diversion.clone(),
        caller: words.in_from.clone(),
    });
    let request = TrunkTest {
        trunk: words.name.clone(),
        to: words.to.clone(),
        from: words.from.clone(),
        keys: words.press.clone(),
        ring_ms,
        talk_ms,
        incoming,
    };
    context.progress(context.pick("正在测试…", "trying…"));
    let tested: Outcome<TrunkTested> = context.ask(Need::Data, &Request::TrunkTest(request));
    context.progress_done();
    let tested = tested?;
    context.show(&tested, |tested| show(context, tested))?;
    Ok(u8::from(!tested.passed))
}

fn show(context: &Context, tested: &TrunkTested) {
    if let Some(report) = &tested.report {
        show_report(context, report);
    }
    if let Some(read) = &tested.incoming {
        show_read(context, read);
    }
    for fault in &tested.faults {
        let (zh, en) = fault_text(*fault);
        context.say(format!("✗ {zh}"), format!("✗ {en}"));
    }
    let (zh, en) = match (tested.passed, &tested.report) {
        (true, _) => ("通过", "passed"),
        (false, _) => ("未通过", "failed"),
    };
    context.say(format!("{}：{zh}", tested.trunk), format!("{}: {en}", tested.trunk));
}

fn show_report(context: &Context, report: &TrialReport) {
    let answered = report.steps.iter().position(|one| matches!(one.step, TrialStep::Answered { .. }));
    let described = report.steps.iter().find_map(|one| match &one.step {
        TrialStep::Answered { media } => media.as_ref().map(|media| media.listens_at),
        _ => None,
    });
    for (place, dated) in report.steps.iter().enumerate() {
        let (zh, en) = match &dated.step {
            TrialStep::FirstPacket { from } => {
                let early = answered.is_none_or(|answered| place < answered);
                let elsewhere = described.is_some_and(|described| described != *from);
                first_packet(*from, early, elsewhere)
            }
            step => step_text(step),
        };
        let at = format!("{:>3}.{:03} s  ", dated.ms / 1_000, dated.ms % 1_000);
        print(&format!("{at}{}", context.pick(&zh, &en)));
    }
}

fn first_packet(from: std::net::SocketAddr, early: bool, elsewhere: bool) -> (String, String) {
    let (when_zh, when_en) =
        if early { ("接通前", "before the answer") } else { ("接通后", "after the answer") };
    let (where_zh, where_en) = if elsewhere {
        (
            "，与 SDP 所写地址不同（经过 NAT），已按来源锁定",
            ", not the address of its SDP (a NAT): the source is kept",
        )
    } else {
        ("", "")
    };
    (
        format!("{when_zh}收到 RTP，来自 {from}{where_zh}"),
        format!("RTP comes {when_en}, from {from}{where_en}"),
    )
}

/// A step as a sentence in Chinese and in English.
fn step_text(step: &TrialStep) -> (String, String) {
    match step {
        TrialStep::Began { way, down, registered, refused } => began(way, *down, *registered, *refused),
        TrialStep::Options { status: Some(status), round_trip_ms, .. } => {
            let ms = round_trip_ms.unwrap_or(0);
            (format!("OPTIONS 答复 {status}，{ms} ms"), format!("OPTIONS is answered {status}, {ms} ms"))
        }
        TrialStep::Options { status: None, .. } => {
            ("OPTIONS 2 秒内没有答复".into(), "OPTIONS is not answered within 2 s".into())
        }
        TrialStep::NotDialled { why } => {
            let (zh, en) = not_dialled(*why);
            (format!("没有拨出：{zh}"), format!("not dialled: {en}"))
        }
        TrialStep::Invited { request_uri, from, asserted, codecs, srtp } => {
            let (codecs, srtp) = (codecs.join(" "), if *srtp { " SRTP" } else { "" });
            let asserted = asserted.as_ref().map(|number| format!(" P-Asserted-Identity {number}"));
            let asserted = asserted.unwrap_or_default();
            (
                format!("INVITE {request_uri}，主叫 From {from}{asserted}，提供 {codecs}{srtp}"),
                format!("INVITE {request_uri}, caller From {from}{asserted}, offers {codecs}{srtp}"),
            )
        }
        TrialStep::Progress { status, early_media: true } => {
            (format!("{status}，带早期媒体"), format!("{status} with early media"))
        }
        TrialStep::Progress { status, early_media: false } => (status.to_string(), status.to_string()),
        TrialStep::Failed { failed, means, retry_after_s } => {
            let (said_zh, said_en) = failed_text(*failed);
            let quiet = retry_after_s.map(|s| format!(" Retry-After {s} s")).unwrap_or_default();
            let means = means.as_str();
            (
                format!("{said_zh}{quiet}，原因表判为 {means}"),
                format!("{said_en}{quiet}: {means} by the cause table"),
            )
        }
        TrialStep::RangOut => ("振铃超时，已取消".into(), "nobody answered in time: cancelled".into()),
        TrialStep::Answered { media: Some(spoken) } => answered(spoken),
        TrialStep::Answered { media: None } => (
            "200，但没有双方都支持的编码，已挂断".into(),
            "200, with no codec that both speak: hung up".into(),
        ),
        TrialStep::FirstPacket { from } => first_packet(*from, false, false),
        TrialStep::Heard { tone: Tone::Busy } => ("听到忙音（450 Hz）".into(), "a busy tone (450 Hz)".into()),
        TrialStep::Heard { tone: Tone::Ringback } => {
            ("听到回铃音（450 Hz）".into(), "a ringing tone (450 Hz)".into())
        }
        TrialStep::Ended { by: Ender::Us } => ("我方挂断".into(), "we hang up".into()),
        TrialStep::Ended { by: Ender::FarEnd } => ("对方挂断".into(), "the far end hangs up".into()),
        TrialStep::Ended { by: Ender::Stopped } => {
            ("服务停止，已挂断".into(), "the server stops: hung up".into())
        }
        TrialStep::Counted { received, sent, lost, jitter_us, mos_e2, strangers, keys } => {
            let (jitter_ms, mos) = (f64::from(*jitter_us) / 1_000.0, f64::from(*mos_e2) / 100.0);
            (
                format!(
                    "收到 {received} 包，发出 {sent} 包，丢失 {lost}，抖动 {jitter_ms:.1} ms，MOS {mos:.2}，外来包 {strangers}，听到按键 {keys} 次"
                ),
                format!(
                    "{received} packets in, {sent} out, {lost} lost, jitter {jitter_ms:.1} ms, MOS {mos:.2}, {strangers} of strangers, {keys} keys heard"
                ),
            )
        }
    }
}

fn began(way: &str, down: bool, registered: Option<bool>, refused: Option<u16>) -> (String, String) {
    let (down_zh, down_en) = if down { ("，熔断中", ", down by the breaker") } else { ("", "") };
    let (zh, en) = match (registered, refused) {
        (None, _) => ("，不注册".to_owned(), ", without a registration".to_owned()),
        (Some(true), _) => ("，已注册".to_owned(), ", registered".to_owned()),
        (Some(false), Some(0)) => ("，注册无应答".to_owned(), ", REGISTER is not answered".to_owned()),
        (Some(false), Some(status)) => {
            (format!("，注册被拒 {status}"), format!(", REGISTER is refused {status}"))
        }
        (Some(false), None) => ("，尚未注册".to_owned(), ", not registered yet".to_owned()),
    };
    let way = if way.contains(";transport=") { way.to_owned() } else { format!("{way};transport=udp") };
    (format!("到 {way}{down_zh}{zh}"), format!("to {way}{down_en}{en}"))
}

fn answered(spoken: &Spoken) -> (String, String) {
    let Spoken { listens_at, codecs, events, ptime_ms, srtp } = spoken;
    let (chosen, others) = codecs.split_first().map_or(("", String::new()), |(first, rest)| {
        (first.as_str(), if rest.is_empty() { String::new() } else { format!(" ({})", rest.join(" ")) })
    });
    let keys = match events {
        Some((payload_type, rate)) => format!("telephone-event {payload_type}/{rate}"),
        None => "telephone-event -".into(),
    };
    let srtp = if *srtp { "SRTP" } else { "RTP" };
    (
        format!("200 接通，编码 {chosen}{others}，{ptime_ms} ms，{srtp}，按键 {keys}，对方收 {listens_at}"),
        format!(
            "200 answered, {chosen}{others}, {ptime_ms} ms, {srtp}, keys {keys}, listens at {listens_at}"
        ),
    )
}

fn failed_text(failed: Failed) -> (String, String) {
    match failed {
        Failed::Answered { status, q850 } => {
            let cause = q850.map(|cause| format!(" Q.850 {cause}")).unwrap_or_default();
            (format!("被拒 {status}{cause}"), format!("refused {status}{cause}"))
        }
        Failed::Network(NetworkFault::NoResponse) => ("没有任何应答".into(), "nothing came back".into()),
        Failed::Network(NetworkFault::Unreachable) => {
            ("无法到达（拒绝、重置或 TLS 失败）".into(), "unreachable (refused, reset, or no TLS)".into())
        }
        Failed::Network(NetworkFault::NoFinalResponse) => {
            ("临时应答之后再无下文".into(), "provisional responses and nothing more".into())
        }
    }
}

fn not_dialled(why: NotDialled) -> (&'static str, &'static str) {
    match why {
        NotDialled::UnknownTrunk => ("没有这条中继", "there is no such trunk"),
        NotDialled::IncomingOnly => ("该中继只呼入", "the trunk is for calls in only"),
        NotDialled::NoOwnNumber => (
            "本中继没有自有号码可显示，请在 numbers 中写明（K06）",
            "no number of ours may be shown: name one in numbers (K06)",
        ),
        NotDialled::NotOwn => {
            ("--from 不是本中继自有的号码（K06）", "--from is no number of ours on this trunk (K06)")
        }
        NotDialled::Passed(Pass::Unregistered) => ("未注册", "not registered"),
        NotDialled::Passed(Pass::Quiet) => {
            ("对端用 Retry-After 要求暂停", "its carrier asked for quiet by Retry-After")
        }
        NotDialled::Passed(Pass::Full) => {
            ("并发已满（calls_max）", "as many calls as it may carry (calls_max)")
        }
        NotDialled::Passed(Pass::TooFast) => {
            ("每秒呼叫已满（calls_per_s_max）", "as many calls in this second as it may begin")
        }
        NotDialled::Passed(Pass::Down | Pass::NoDisplay | Pass::DayFull) => ("不可用", "not usable"),
        NotDialled::NoRoom => ("没有空闲媒体端口", "no media port is free"),
        NotDialled::Draining => ("服务正在停止，不接新呼叫", "the server takes no new calls"),
        NotDialled::TooMany => ("其他测试呼叫正在进行", "other test calls are being made"),
    }
}

fn fault_text(fault: TrialFault) -> (&'static str, &'static str) {
    match fault {
        TrialFault::Unregistered => (
            "没有注册上：核对 registration 的用户和密码",
            "not registered: look at user and password of registration",
        ),
        TrialFault::Options => (
            "OPTIONS 不正常：核对地址、端口、防火墙；对端不支持则 options_s = 0",
            "OPTIONS fails: look at address, port and firewall; options_s = 0 where the carrier has none",
        ),
        TrialFault::NotDialled => ("没有拨出", "no call left"),
        TrialFault::TrunkFailed => ("中继没有承接呼叫", "the trunk did not carry the call"),
        TrialFault::NotAnswered => (
            "中继已承接，但号码没有接听，媒体未经验证",
            "the trunk carried it, the number did not answer: nothing is known of media",
        ),
        TrialFault::NoCodec => ("没有共同的编码或加密方式", "no codec, or no encryption, that both have"),
        TrialFault::NoMedia => (
            "没有收到 RTP：核对 advertised、媒体端口和防火墙",
            "not a packet came: look at advertised, media ports and firewall",
        ),
        TrialFault::Loss => ("丢包超过 2 %", "more than 2 % of the packets were lost"),
    }
}

fn show_read(context: &Context, read: &Read) {
    let Read { named, hotline, holder, taken, caller } = read;
    let grouped = |number: &hotline::HotlineNumber| number.grouped();
    let (zh, en) = match (hotline, holder) {
        (_, _) if !taken => ("该中继不接呼入：403".to_owned(), "the trunk takes no calls in: 403".to_owned()),
        (None, _) => (
            format!("认不出 400 号码：404。可用 sibai trunk map 指定 {} 对应的 400 号码", named.number),
            format!("names no 400 number: 404. `sibai trunk map` says which one {} stands for", named.number),
        ),
        (Some(number), None) => (
            format!("{}，没有分配给任何企业", grouped(number)),
            format!("{}, which nobody holds", grouped(number)),
        ),
        (Some(number), Some(holder)) => {
            (format!("{}，属于 {holder}", grouped(number)), format!("{}, of {holder}", grouped(number)))
        }
    };
    context.say(format!("呼入 {}：{zh}", named.number), format!("a call to {}: {en}", named.number));
    if let (Some((number, form, region)), Some(raw)) = (caller, &named.caller) {
        let form = super::show::code(form);
        let place = format!("{} {}", region.province, region.city);
        context.say(
            format!("主叫 {raw}：识别为 {number}（{form}），{place}"),
            format!("caller {raw}: read as {number} ({form}), {place}"),
        );
    }
}
