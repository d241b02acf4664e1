//! Facts of a call as sentences, and its SIP messages as a ladder. The same sentences tell a real call and a dry run.

pub mod queue;
mod talk;

use std::collections::BTreeMap;
use std::sync::Arc;

use hotline::call::{ConfirmedBy, Dated, Fact, LegNo};
use hotline::cdr::{AnswerStatus, AttemptKind, Cause, ChargingFrom, Party};
use hotline::consent::Choice;
use hotline::enterprise::{AskKind, Confirm, Strategy};
use hotline::flow::StepWhy;
use hotline::region::Region;
use hotline::routing::{RouteWhy, Skip};
use hotline::trunk::Pass;
use hotline::{Mono, Wall};
use unicode_width::UnicodeWidthStr;

use super::Context;
use super::show::code;
use crate::ops::calls::{Direction, Message};

/// How a call ended, in a word.
pub fn status(context: &Context, status: AnswerStatus) -> &'static str {
    let (zh, en) = match status {
        AnswerStatus::Answered => ("接听", "answered"),
        AnswerStatus::Busy => ("遇忙", "busy"),
        AnswerStatus::NoAnswer => ("无应答", "no answer"),
        AnswerStatus::Abandoned => ("主叫放弃", "abandoned"),
        AnswerStatus::Barred => ("被限制", "barred"),
        AnswerStatus::Failed => ("失败", "failed"),
    };
    context.pick(zh, en)
}

/// Why a call ended, in words.
pub fn cause(context: &Context, cause: Cause) -> &'static str {
    let zh = match cause {
        Cause::HangUp => "正常挂机",
        Cause::CallerCancelled => "主叫在接听前挂机",
        Cause::NumberNotInService => "号码未启用",
        Cause::FlowHangUp => "规则挂机",
        Cause::FlowBusy => "规则示忙",
        Cause::Blocked => "主叫在黑名单",
        Cause::MonthCostCap => "达到月费用上限",
        Cause::MonthCallCap => "达到月次数上限",
        Cause::ConcurrencyLimit => "达到并发上限",
        Cause::RateLimit => "达到每分钟呼叫次数上限",
        Cause::BalanceTooLow => "余额不足",
        Cause::BalanceEnded => "通话中余额用尽",
        Cause::AllBusy => "全部遇忙",
        Cause::NoAnswer => "无人接听",
        Cause::ForwardLimit => "前转次数用尽",
        Cause::NoTarget => "没有可用的接听号码",
        Cause::TrunkFailed => "中继失败",
        Cause::TalkLimit => "达到最长通话时间",
        Cause::MediaSilent => "长时间没有语音",
        Cause::SessionExpired => "会话没有刷新",
        Cause::AckMissing => "没有收到 ACK",
        Cause::NodeLost => "节点中断",
        Cause::NoCapacity => "平台没有能力接入",
        Cause::NoCommonCodec => "没有共同的编码",
        Cause::NoTariff => "没有有效的资费",
        Cause::FlowLoop => "流程死循环",
        Cause::NodeStopped => "节点停机",
        Cause::RegionBarred => "主叫地区不接入",
        Cause::PasswordFailed => "密码错误",
        Cause::PasswordLocked => "密码错误过多，暂时锁定",
        Cause::Nuisance => "骚扰来电",
        Cause::ChallengeFailed => "未通过按键验证",
        Cause::Frozen => "企业已冻结",
        Cause::QueueFull => "队列已满",
        Cause::QueueEmpty => "队列无人值守",
        Cause::QueueTimeout => "排队超时",
        Cause::CallbackWithdrawn => "回电不再需要",
    };
    let en = match cause {
        Cause::HangUp => "hung up",
        Cause::CallerCancelled => "the caller left before the answer",
        Cause::NumberNotInService => "the number is not in service",
        Cause::FlowHangUp => "a rule ended it",
        Cause::FlowBusy => "a rule gave a busy tone",
        Cause::Blocked => "the caller is blocked",
        Cause::MonthCostCap => "the month's cost cap is reached",
        Cause::MonthCallCap => "the month's call cap is reached",
        Cause::ConcurrencyLimit => "too many calls at once",
        Cause::RateLimit => "too many calls within a minute",
        Cause::BalanceTooLow => "the balance is too low",
        Cause::BalanceEnded => "the balance ended in the talk",
        Cause::AllBusy => "all were busy",
        Cause::NoAnswer => "nobody answered",
        Cause::ForwardLimit => "no forward was left",
        Cause::NoTarget => "nobody could be dialled",
        Cause::TrunkFailed => "the trunks failed",
        Cause::TalkLimit => "the longest talk was reached",
        Cause::MediaSilent => "no voice came",
        Cause::SessionExpired => "the session was not refreshed",
        Cause::AckMissing => "no ACK came",
        Cause::NodeLost => "the node was lost",
        Cause::NoCapacity => "the platform had no capacity",
        Cause::NoCommonCodec => "no codec in common",
        Cause::NoTariff => "no tariff holds",
        Cause::FlowLoop => "the flow loops",
        Cause::NodeStopped => "the node was stopped",
        Cause::RegionBarred => "the caller's region is not connected",
        Cause::PasswordFailed => "no right password",
        Cause::PasswordLocked => "locked out after wrong passwords",
        Cause::Nuisance => "a nuisance caller",
        Cause::ChallengeFailed => "the key asked for was not pressed",
        Cause::Frozen => "the enterprise is frozen",
        Cause::QueueFull => "the queue is full",
        Cause::QueueEmpty => "nobody serves the queue",
        Cause::QueueTimeout => "waited too long in the queue",
        Cause::CallbackWithdrawn => "the callback was not wanted any more",
    };
    context.pick(zh, en)
}

/// `广东深圳`, `北京`, or the kind of a place that has no name.
pub fn place(region: &Region) -> String {
    match (&*region.province, &*region.city) {
        ("", "") => code(&region.kind),
        (province, city) if province == city => province.to_owned(),
        (province, city) => format!("{province}{city}"),
    }
}

fn party(context: &Context, party: Party) -> &'static str {
    let (zh, en) = match party {
        Party::Caller => ("主叫", "the caller"),
        Party::Target => ("接听方", "the target"),
        Party::Platform => ("平台", "the platform"),
    };
    context.pick(zh, en)
}

/// Every fact on a line: Beijing time, seconds since the INVITE, the sentence.
pub fn facts(context: &Context, facts: &[Dated], wall_offset_ms: i64) -> Vec<String> {
    let mut teller = Teller { context, legs: BTreeMap::new(), charging: ChargingFrom::Answer };
    let began = facts.first().map_or(Mono(0), |first| first.at);
    let line = |dated: &Dated| {
        let wall = Wall::of(dated.at, wall_offset_ms).beijing().to_string();
        let time = wall.get(11..).unwrap_or_default();
        let since = dated.at.since_ms(began);
        format!("{time} +{}.{:03}s  {}", since / 1000, since % 1000, teller.sentence(&dated.fact))
    };
    facts.iter().map(line).collect()
}

/// Tells facts one after another and remembers whose leg is whose.
struct Teller<'c> {
    context: &'c Context,
    legs: BTreeMap<LegNo, Arc<str>>,
    charging: ChargingFrom,
}

impl Teller<'_> {
    fn pick(&self, zh: String, en: String) -> String {
        self.context.pick(&zh, &en).to_owned()
    }

    fn pass(&self, pass: Pass) -> &str {
        match pass {
            Pass::Down => self.context.pick("已熔断，排在最后", "is out of service and comes last"),
            Pass::Quiet => self.context.pick("对端要求暂停（Retry-After）", "asked for quiet (Retry-After)"),
            Pass::Full => self.context.pick("并发已满", "carries all the calls it may"),
            Pass::TooFast => self.context.pick("每秒呼叫数已满", "has begun all the calls of this second"),
            Pass::Unregistered => self.context.pick("尚未注册成功", "is not registered"),
            Pass::DayFull => self
                .context
                .pick("今日呼出已达上限（outgoing_per_day）", "today's legs are all gone (outgoing_per_day)"),
            Pass::NoDisplay => {
                self.context.pick("不能显示合规的主叫号码", "may show no number for this call")
            }
        }
    }

    fn leg(&self, leg: LegNo) -> String {
        match self.legs.get(&leg) {
            Some(name) => name.to_string(),
            None => self.context.pick("主叫", "the caller").to_owned(),
        }
    }

    fn sentence(&mut self, fact: &Fact) -> String {
        match fact {
            Fact::Arrived(arrived) => {
                self.charging = arrived.charging_from;
                let region = place(&arrived.region);
                let (caller, number, source) =
                    (&arrived.caller, arrived.number.grouped(), code(&arrived.region.source));
                self.pick(
                    format!(
                        "{caller}（{region}，依据 {source}）经 {} 呼叫 {number}，规则版本 {}，资费 {}",
                        arrived.trunk, arrived.version, arrived.plan
                    ),
                    format!(
                        "{caller} ({region}, by {source}) calls {number} by {}; rules of version {}, plan {}",
                        arrived.trunk, arrived.version, arrived.plan
                    ),
                )
            }
            Fact::Barred { cause: why, detail } => {
                let why = cause(self.context, *why);
                self.pick(format!("不予接入：{why}（{detail}）"), format!("barred: {why} ({detail})"))
            }
            Fact::Admitted { admission } => match admission.metered {
                true => self.pick(
                    format!("准许接入，先预留 {} 元", admission.reserved),
                    format!("admitted, {} yuan reserved", admission.reserved),
                ),
                false => self.pick("准许接入".into(), "admitted".into()),
            },
            Fact::Walked(walked) => {
                let why = self.why(&walked.why);
                self.pick(format!("规则“{}”：{why}", walked.rule), format!("rule \"{}\": {why}", walked.rule))
            }
            Fact::Dealt { step, .. } => self
                .pick(format!("第 {step} 步的比例已记下"), format!("the deal of step {step} is remembered")),
            Fact::Routed { why, order } => self.routed(why, order),
            Fact::Pointed { member, .. } => self.pick(
                format!("下一个来电从第 {} 位之后开始", member + 1),
                format!("the next call begins after member {}", member + 1),
            ),
            Fact::Finally { cause: why } => {
                let why = cause(self.context, *why);
                self.pick(format!("最终处理：{why}"), format!("the final treatment: {why}"))
            }
            Fact::AnswererKnown { destination, since } => {
                let since = since.beijing();
                self.pick(
                    format!("优先呼叫上次接听的 {destination}（{since}）"),
                    format!("{destination} answered this caller last ({since}) and is tried first"),
                )
            }
            Fact::Weighed { state, .. } => self.pick(
                format!("各成员按权重的差额：{state}"),
                format!("how the members stand by their weights: {state}"),
            ),
            Fact::PassedOver { destination, why } => {
                let why = self.skip(*why);
                self.pick(
                    format!("不呼叫 {destination}：{why}"),
                    format!("{destination} is not dialled: {why}"),
                )
            }
            Fact::ForwardSkipped { destination, why } => {
                let why = self.skip(*why);
                self.pick(
                    format!("不前转到 {destination}：{why}"),
                    format!("no forward to {destination}: {why}"),
                )
            }
            other => self.progress(other),
        }
    }

    /// Facts of legs, talk and end.
    fn progress(&mut self, fact: &Fact) -> String {
        match fact {
            Fact::Dialled(dialled) => {
                self.legs.insert(dialled.leg, dialled.destination.clone());
                let (zh, en) = match dialled.kind {
                    AttemptKind::Target => ("呼叫", "dial"),
                    AttemptKind::ForwardBusy => ("遇忙前转到", "forward after busy to"),
                    AttemptKind::ForwardNoAnswer => ("无应答前转到", "forward after no answer to"),
                    AttemptKind::Transfer => ("转接到", "transfer to"),
                    AttemptKind::Consult => ("咨询", "ask"),
                    AttemptKind::Return => ("回呼", "ring again"),
                    AttemptKind::Watch => ("呼叫班长", "ring the supervisor at"),
                    AttemptKind::Callback => ("回拨", "call back"),
                };
                let way = if dialled.trunk.is_empty() { "SIP" } else { &dialled.trunk };
                self.pick(
                    format!("{zh} {}（{}，经 {way}）", dialled.destination, dialled.number),
                    format!("{en} {} ({}, by {way})", dialled.destination, dialled.number),
                )
            }
            Fact::Rang { leg } => {
                let leg = self.leg(*leg);
                self.pick(format!("{leg} 振铃"), format!("{leg} rings"))
            }
            Fact::ToneHeard { leg, tone } => {
                let (leg, tone) = (self.leg(*leg), code(tone));
                self.pick(format!("听到 {leg} 的音：{tone}"), format!("a tone of {leg} is heard: {tone}"))
            }
            Fact::LegFailed { leg, outcome, status, q850 } => {
                let (leg, outcome) = (self.leg(*leg), code(outcome));
                let cause = q850.map(|cause| format!(", Q.850 {cause}")).unwrap_or_default();
                self.pick(
                    format!("{leg} 未接通：{outcome}（{status}{cause}）"),
                    format!("{leg} came to nothing: {outcome} ({status}{cause})"),
                )
            }
            Fact::LegAnswered { leg } => {
                let leg = self.leg(*leg);
                self.pick(format!("{leg} 接听"), format!("{leg} answers"))
            }
            Fact::Confirming { leg, how } => {
                let leg = self.leg(*leg);
                match how {
                    Confirm::Key { s } => self.pick(
                        format!("{leg} 应答，请接听者 {s} 秒内按 1 确认"),
                        format!("{leg} sends a 200 and is asked to press 1 within {s} s"),
                    ),
                    Confirm::Tone | Confirm::Off => self.pick(
                        format!("{leg} 应答，先听是不是信号音"),
                        format!("{leg} sends a 200 and is listened to for tones of the network"),
                    ),
                }
            }
            Fact::Confirmed { leg, by } => {
                let (zh, en) = match by {
                    ConfirmedBy::Key => ("按键确认", "pressed the key"),
                    ConfirmedBy::Voice => ("有人声", "is no tone"),
                    ConfirmedBy::Time => ("未听到信号音", "played no tone in time"),
                };
                let leg = self.leg(*leg);
                self.pick(format!("{leg} {zh}"), format!("{leg} {en}"))
            }
            Fact::AnswererKept { phone, .. } => self.pick(
                format!("记住接听者 {phone}，该主叫再来电时优先"),
                format!("{phone} is kept as this caller's answerer"),
            ),
            Fact::PhoneUsed { phone, used, .. } => self.pick(
                format!("{phone} 当日接听 {} 次，通话 {} 秒", used.calls, used.talk_ms / 1000),
                format!("{phone} today: {} calls, {} s of talk", used.calls, used.talk_ms / 1000),
            ),
            Fact::LegOver { leg } => {
                let leg = self.leg(*leg);
                self.pick(format!("{leg} 的腿结束"), format!("the leg of {leg} is over"))
            }
            Fact::Prompted { prompt, early } => {
                let (zh, en) = if *early {
                    ("（应答前，不计费）", " (before the answer, uncharged)")
                } else {
                    ("", "")
                };
                self.pick(format!("向主叫播放 {prompt}{zh}"), format!("{prompt} is played to the caller{en}"))
            }
            Fact::Answered => {
                let (zh, en) = self.charged(ChargingFrom::Answer);
                self.pick(format!("应答主叫（200）{zh}"), format!("the caller is answered (200){en}"))
            }
            Fact::Joined { leg } => {
                let leg = self.leg(*leg);
                let (zh, en) = self.charged(ChargingFrom::TwoParty);
                self.pick(format!("主叫与 {leg} 通话{zh}"), format!("the caller and {leg} talk{en}"))
            }
            other => self.rest(other),
        }
    }

    /// What is said where the sale begins.
    fn charged(&self, from: ChargingFrom) -> (&'static str, &'static str) {
        if self.charging == from { ("，开始计费", ": charging begins") } else { ("", "") }
    }

    /// What the caller said of being recorded.
    fn recording_chosen(&self, choice: Choice, recorded: bool) -> String {
        let (zh, en) = match choice {
            Choice::Agreed => ("主叫同意录音", "the caller agrees to the recording"),
            Choice::Refused => ("主叫不同意录音", "the caller refuses the recording"),
            Choice::Silent => ("主叫未按键", "the caller presses nothing"),
        };
        let (zh_then, en_then) = match recorded {
            true => ("将录音", "the talk is recorded"),
            false => ("不录音", "the talk is not recorded"),
        };
        self.pick(format!("{zh}，{zh_then}"), format!("{en}: {en_then}"))
    }

    fn rest(&self, fact: &Fact) -> String {
        match fact {
            Fact::Noticed { prompt } => {
                self.pick(format!("录音告知 {prompt} 播放完毕"), format!("the notice {prompt} was played"))
            }
            Fact::OutgoingCounted { used, .. } => self.pick(
                format!("今日经中继呼出第 {} 次（本号码第 {} 次）", used.of_all, used.of_number),
                format!("leg {} of today by trunks, {} of this number", used.of_all, used.of_number),
            ),
            Fact::RecordingChosen { choice, recorded } => self.recording_chosen(*choice, *recorded),
            Fact::RecordingBegan { .. } => self.pick("开始录音".into(), "recording begins".into()),
            Fact::RecordingCut => self.pick("录音中断".into(), "recording stopped early".into()),
            Fact::SliceHeld { until_ms, price_e4 } => self.pick(
                format!("再预留 {price_e4} 元，可到第 {} 秒", until_ms / 1000),
                format!("{price_e4} yuan more reserved, until second {}", until_ms / 1000),
            ),
            Fact::SliceRefused { until_ms } => self.pick(
                format!("余额或上限不够，到第 {} 秒为止", until_ms / 1000),
                format!("no money for more: it ends at second {}", until_ms / 1000),
            ),
            Fact::Warned => {
                self.pick("播放余额将尽提示音".into(), "the tone before the end of the balance".into())
            }
            Fact::QualityOf { leg, quality } => {
                let leg = self.leg(*leg);
                let mos = f64::from(quality.mos_e2) / 100.0;
                self.pick(
                    format!("{leg} 语音：收 {} 包，丢 {}，MOS {mos:.2}", quality.received, quality.lost),
                    format!(
                        "voice of {leg}: {} packets, {} lost, MOS {mos:.2}",
                        quality.received, quality.lost
                    ),
                )
            }
            Fact::HungUp { cause: why, by, .. } => {
                let (why, by) = (cause(self.context, *why), party(self.context, *by));
                self.pick(format!("结束：{why}（{by}）"), format!("ended: {why} (by {by})"))
            }
            Fact::TrunksPassed { destination, passed } => {
                let why = |(name, pass): &(Arc<str>, Pass)| format!("{name} {}", self.pass(*pass));
                let passed = passed.iter().map(why).collect::<Vec<_>>();
                self.pick(
                    format!("呼叫 {destination} 时跳过中继：{}", passed.join("，")),
                    format!("trunks passed over to {destination}: {}", passed.join(", ")),
                )
            }
            Fact::Withheld => {
                self.pick("主叫要求不显示号码".into(), "the caller asked to be shown to nobody".into())
            }
            Fact::Prioritised { priority, list } => self.pick(
                format!("优先级 {priority}：名单“{list}”"),
                format!("priority {priority}, by the list {list:?}"),
            ),
            Fact::Stood { allowed: Some(pattern), .. } => {
                self.pick(format!("白名单放行：{pattern}"), format!("passed by the white list: {pattern}"))
            }
            Fact::Stood { score, reason, .. } => {
                self.pick(format!("骚扰评分 {score}：{reason}"), format!("nuisance score {score}: {reason}"))
            }
            Fact::PasswordGiven { name, tries, .. } => self.pick(
                format!("密码“{name}”正确（第 {tries} 次）"),
                format!("the password {name:?} was given (try {tries})"),
            ),
            Fact::KeysWrong { tries } => {
                self.pick(format!("按键不符（第 {tries} 次）"), format!("wrong keys (try {tries})"))
            }
            Fact::PasswordMissed { calls, .. } => self.pick(
                format!("未输入正确密码，该主叫已连续 {calls} 次"),
                format!("no right password, {calls} such calls of this caller in a row"),
            ),
            Fact::SuspectKept { value, .. } if value.is_empty() => {
                self.pick("不再有不利于主叫的记录".into(), "nothing stands against the caller".into())
            }
            Fact::SuspectKept { .. } => self.pick(
                "骚扰评分的依据已保存，重启后仍有效".into(),
                "what stands against the caller is kept".into(),
            ),
            Fact::FlowBegan { flow, version } => self.pick(
                format!("流程“{flow}”，版本 {version}"),
                format!("the flow {flow:?}, version {version}"),
            ),
            Fact::KeyPressed { step, keys } => {
                self.pick(format!("在“{step}”按键 {keys}"), format!("pressed {keys} at {:?}", &**step))
            }
            Fact::KeyAwaited { step, tries } => self.pick(
                format!("在“{step}”没有按键（第 {tries} 次）"),
                format!("no key at {:?} (try {tries})", &**step),
            ),
            Fact::ChallengePassed { .. } => {
                self.pick("通过按键验证".into(), "the key asked for was pressed".into())
            }
            Fact::Over => self.pick("全部释放".into(), "nothing of it is left".into()),
            other => queue::fact(self.context, other),
        }
    }

    fn why(&self, why: &StepWhy) -> String {
        match why {
            StepWhy::Hours { schedule, open, because } => {
                let (zh, en) = if *open { ("开", "open") } else { ("关", "closed") };
                self.pick(
                    format!("时间表 {schedule} {zh}（{because}）"),
                    format!("schedule {schedule} is {en} ({because})"),
                )
            }
            StepWhy::Region { set, matched } => match matched {
                Some(name) => {
                    self.pick(format!("主叫属于 {set}（{name}）"), format!("the caller is in {set} ({name})"))
                }
                None => self.pick(format!("主叫不属于 {set}"), format!("the caller is not in {set}")),
            },
            StepWhy::Caller { list, matched } => match matched {
                Some(pattern) => self.pick(
                    format!("主叫在名单 {list}（{pattern}）"),
                    format!("the caller is on {list} ({pattern})"),
                ),
                None => self.pick(format!("主叫不在名单 {list}"), format!("the caller is not on {list}")),
            },
            StepWhy::Percentage { mode, dealt, percents, closed } => {
                let percents = percents.iter().map(u8::to_string).collect::<Vec<_>>().join(":");
                let left = if closed.is_empty() { String::new() } else { format!(" {closed:?}") };
                self.pick(
                    format!("按比例 {percents}（{}）分到第 {} 份{left}", code(mode), dealt + 1),
                    format!("by {percents} ({}) dealt to share {}{left}", code(mode), dealt + 1),
                )
            }
            StepWhy::Kept { dealt, percents, closed } => {
                let percents = percents.iter().map(u8::to_string).collect::<Vec<_>>().join(":");
                let left = if closed.is_empty() { String::new() } else { format!(" {closed:?}") };
                self.pick(
                    format!("按比例 {percents}，该主叫固定为第 {} 份{left}", dealt + 1),
                    format!("by {percents} this caller keeps share {}{left}", dealt + 1),
                )
            }
            StepWhy::Play { prompt, answer } => {
                let (zh, en) = if *answer { ("先应答再", "answer, then ") } else { ("", "") };
                self.pick(format!("{zh}播放 {prompt}"), format!("{en}play {prompt}"))
            }
            StepWhy::Password { asked: true } => {
                self.pick("需要密码".into(), "a password is asked for".into())
            }
            StepWhy::Password { asked: false } => self
                .pick("白名单主叫，不需要密码".into(), "no password: the caller is on the white list".into()),
            StepWhy::Challenge { asked: true } => {
                self.pick("需要按键验证".into(), "a key has to be pressed".into())
            }
            StepWhy::Challenge { asked: false } => {
                self.pick("不需要按键验证".into(), "no key has to be pressed".into())
            }
            StepWhy::Queue { queue } => self.pick(format!("排队 {queue}"), format!("queue {queue}")),
            StepWhy::Notice { prompt, played: true } => {
                self.pick(format!("播放告知 {prompt}"), format!("play the notice {prompt}"))
            }
            StepWhy::Notice { prompt, played: false } => self
                .pick(format!("不在危机模式，不播放 {prompt}"), format!("no crisis: {prompt} is not played")),
            StepWhy::Sms { to, wanted: true } => {
                self.pick(format!("发短信给 {to}"), format!("a message to {to} is wanted"))
            }
            StepWhy::Sms { wanted: false, .. } => {
                self.pick("主叫不是手机，不发短信".into(), "no message: the caller has no mobile".into())
            }
            StepWhy::Voicemail => self.pick("请留言".into(), "a message may be left".into()),
            StepWhy::Callback => self.pick("可以请求回电".into(), "a callback may be asked for".into()),
            StepWhy::Http => self.pick("查询外部服务".into(), "a server outside is asked".into()),
            StepWhy::Rate => self.pick("请评分".into(), "the talk may be rated".into()),
            StepWhy::Dial { group } => self.pick(format!("呼叫 {group}"), format!("dial {group}")),
            StepWhy::Busy => self.pick("示忙".into(), "busy tone".into()),
            StepWhy::Ask { kind } => {
                let (zh, en) = match kind {
                    AskKind::Menu => ("等待菜单按键", "a key of a menu is asked for"),
                    AskKind::Digits => ("收号", "digits are asked for"),
                    AskKind::Extension => ("等待分机号", "an extension number is asked for"),
                    AskKind::Password => ("需要密码", "a password is asked for"),
                };
                self.pick(zh.into(), en.into())
            }
            StepWhy::Set { variable } => {
                self.pick(format!("设变量 {variable}"), format!("{variable} is given a value"))
            }
            StepWhy::Compare { of, held: true } => {
                self.pick(format!("{of} 符合条件"), format!("{of} matches"))
            }
            StepWhy::Compare { of, held: false } => {
                self.pick(format!("{of} 不符合条件"), format!("{of} does not match"))
            }
            StepWhy::SubFlow { flow } => {
                self.pick(format!("进入流程 {flow}"), format!("the flow {flow} begins"))
            }
            StepWhy::HangUp { prompt } => {
                let prompt = prompt.as_deref().unwrap_or("");
                self.pick(format!("挂机 {prompt}"), format!("hang up {prompt}")).trim_end().to_owned()
            }
        }
    }

    fn routed(&self, why: &RouteWhy, order: &[Arc<str>]) -> String {
        let order = if order.is_empty() { "—".to_owned() } else { order.join(" → ") };
        let (zh, en) = match why.strategy {
            Strategy::Sequential => ("顺序".to_owned(), "in order".to_owned()),
            Strategy::RoundRobin => match why.after {
                Some(last) => {
                    (format!("轮询，上次第 {} 位", last + 1), format!("in turn after member {}", last + 1))
                }
                None => ("轮询，首次".to_owned(), "in turn, the first time".to_owned()),
            },
            Strategy::Random => ("随机，由种子决定".to_owned(), "by chance, from the seed".to_owned()),
            Strategy::RingAll => ("同时振铃".to_owned(), "all at once".to_owned()),
            Strategy::FewestCalls => measured(why, "当日接听最少", "fewest calls today"),
            Strategy::LeastTalk => measured(why, "当日通话最短（毫秒）", "least talk today, ms"),
            Strategy::Weighted => measured(why, "按权重", "by weight"),
            Strategy::LongestIdle => idle(why),
        };
        let skipped = |(place, reason): &(u8, Skip)| format!("#{} {}", place + 1, self.skip(*reason));
        let skipped: Vec<String> = why.skipped.iter().map(skipped).collect();
        let (zh_skipped, en_skipped) = match skipped.is_empty() {
            true => (String::new(), String::new()),
            false => (format!("，跳过 {}", skipped.join("、")), format!(", skipped {}", skipped.join(", "))),
        };
        self.pick(
            format!("{} 的次序：{order}（{zh}{zh_skipped}）", why.group),
            format!("order of {}: {order} ({en}{en_skipped})", why.group),
        )
    }

    fn skip(&self, skip: Skip) -> &'static str {
        let (zh, en) = match skip {
            Skip::Off => ("已停用", "switched off"),
            Skip::LinesFull => ("线路占满", "its lines are full"),
            Skip::NotAllowed => ("不允许呼叫的号码", "a number that may not be dialled"),
            Skip::AlreadyTried => ("本次已试过", "tried before"),
            Skip::Rejected => ("本次已拒接", "it rejected this call"),
            Skip::OffDuty => ("不在值班时间", "off duty"),
        };
        self.context.pick(zh, en)
    }
}

/// What a strategy compared its members by.
fn measured(why: &RouteWhy, zh: &str, en: &str) -> (String, String) {
    let figures = why.measured.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
    (format!("{zh}：{figures}"), format!("{en}: {figures}"))
}

/// Since when each member has been free.
fn idle(why: &RouteWhy) -> (String, String) {
    let since = |figure: &i64, never: &str, busy: &str| match *figure {
        0 => never.to_owned(),
        i64::MAX => busy.to_owned(),
        ms => Wall(ms).beijing().to_string(),
    };
    let all = |never: &str, busy: &str| {
        why.measured.iter().map(|figure| since(figure, never, busy)).collect::<Vec<_>>().join(", ")
    };
    (
        format!("空闲最久：{}", all("未接过", "通话中")),
        format!("longest idle: {}", all("no call yet", "in a call")),
    )
}

/// A column of the ladder is so wide.
const COLUMN: usize = 30;
/// And the time before it.
const CLOCK: usize = 12;
/// More far ends than this are drawn in the last column.
const LANES_MAX: usize = 4;

/// The messages between us and the far ends: the caller's left of us, those of outgoing legs right, with the leg's
/// number from the second on.
pub fn ladder(context: &Context, messages: &[Message]) -> String {
    let mut lanes: Vec<&str> = Vec::new();
    for message in messages {
        let id = header(&message.text, "call-id", "i");
        if !lanes.contains(&id) && lanes.len() < LANES_MAX {
            lanes.push(id);
        }
    }
    let mut text = heads(context, lanes.len());
    for message in messages {
        let id = header(&message.text, "call-id", "i");
        let lane = lanes.iter().position(|lane| *lane == id).unwrap_or(LANES_MAX - 1);
        text += &rung(message, lane);
    }
    text
}

fn heads(context: &Context, lanes: usize) -> String {
    let legs: Vec<String> = (1..lanes).map(|lane| lane.to_string()).collect();
    let legs = if legs.is_empty() {
        String::new()
    } else {
        format!("{} {}", context.pick("腿", "leg"), legs.join(", "))
    };
    let clock = " ".repeat(CLOCK);
    let line =
        format!("  {clock} {}{}{legs}", pad(context.pick("主叫", "caller"), COLUMN), pad("Sibai", COLUMN));
    line.trim_end().to_owned() + "\n"
}

fn rung(message: &Message, lane: usize) -> String {
    let time = message.at.beijing();
    let clock = format!("{}.{:03}", &time.to_string()[11..], time.ms_of_day % 1000);
    let what = first_words(&message.text);
    // Away from the caller is right; from a target to us is left.
    let right = (lane == 0) == (message.direction == Direction::In);
    let width = COLUMN - 2;
    let room = width.saturating_sub(what.width() + 3).max(1);
    let arrow = match right {
        true => format!("─{what}{}→", "─".repeat(room)),
        false => format!("←{}{what}─", "─".repeat(room)),
    };
    let indent = if lane == 0 { 0 } else { COLUMN };
    let name = if lane > 1 { format!(" {lane}") } else { String::new() };
    format!("  {clock:<CLOCK$} {}|{arrow}|{name}\n", " ".repeat(indent))
}

fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

/// `INVITE`, `200 OK (INVITE)`.
fn first_words(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    match line.strip_prefix("SIP/2.0 ") {
        Some(status) => {
            let method = header(text, "cseq", "").split_whitespace().nth(1).unwrap_or_default();
            let status: String = status.chars().take(14).collect();
            format!("{} ({method})", status.trim_end())
        }
        None => line.split_whitespace().next().unwrap_or_default().to_owned(),
    }
}

/// A header's value by its long or compact name (RFC 3261 7.3.3).
fn header<'t>(text: &'t str, long: &str, compact: &str) -> &'t str {
    let named = |line: &&str| {
        let name = line.split(':').next().unwrap_or_default().trim();
        name.eq_ignore_ascii_case(long) || (!compact.is_empty() && name.eq_ignore_ascii_case(compact))
    };
    let line = text.lines().take_while(|line| !line.is_empty()).skip(1).find(named);
    line.and_then(|line| line.split_once(':')).map_or("", |(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_found_by_both_names_and_only_before_the_body() {
        let text = "INVITE sip:a SIP/2.0\r\ni: one\r\nCSeq: 7 INVITE\r\n\r\nCall-ID: body\r\n";
        assert_eq!(header(text, "call-id", "i"), "one");
        assert_eq!(header("BYE sip:a SIP/2.0\r\n\r\nCall-ID: body", "call-id", "i"), "");
        assert_eq!(first_words("SIP/2.0 200 OK\r\nCSeq: 7 INVITE\r\n\r\n"), "200 OK (INVITE)");
        assert_eq!(first_words(text), "INVITE");
    }
}
