//! Messages to people outside a call: a missed call, a message left, a cap nearly used, an agent set to rest, a text of a
//! flow. It says to whom, in what words, from which number it may be, and when it is tried again. It sends nothing.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::alert::AlertKind;
use crate::call::{Dated, Fact};
use crate::cdr::{AnswerStatus, CallRecord};
use crate::{HotlineNumber, Money, Wall};

/// Where a message goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Address {
    /// A mobile phone, eleven digits.
    Mobile(String),
    /// An e-mail address.
    Email(String),
}

/// How a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A short message.
    Sms,
    /// An e-mail.
    Email,
}

/// The longest address.
const ADDRESS_MAX: usize = 128;

impl Address {
    /// A mobile number of the mainland or an e-mail address; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let is_mobile = text.len() == 11
            && text.bytes().all(|byte| byte.is_ascii_digit())
            && matches!(text.as_bytes(), [b'1', b'3'..=b'9', ..]);
        if is_mobile {
            return Some(Self::Mobile(text.to_owned()));
        }
        let (user, host) = text.split_once('@')?;
        let is_word = |part: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || ".-_+".contains(c))
        };
        let is_email = text.len() <= ADDRESS_MAX && is_word(user) && is_word(host) && host.contains('.');
        is_email.then(|| Self::Email(text.to_owned()))
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Mobile(text) | Self::Email(text) => text,
        }
    }

    /// How a message goes there.
    pub fn channel(&self) -> Channel {
        match self {
            Self::Mobile(_) => Channel::Sms,
            Self::Email(_) => Channel::Email,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom("neither a mobile number nor an e-mail address"))
    }
}

/// Who is told of what, by the rules a call began with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tells {
    /// Of a call that nobody answered (row V08).
    pub missed: Vec<Address>,
    /// Of a message that a caller left (row V06).
    pub voicemail: Vec<Address>,
    /// Of an agent who was set to rest (row Q17).
    pub agents: Vec<Address>,
}

impl Tells {
    /// Whether nobody is told of anything.
    pub fn is_empty(&self) -> bool {
        let Self { missed, voicemail, agents } = self;
        missed.is_empty() && voicemail.is_empty() && agents.is_empty()
    }
}

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// A call that nobody answered.
    MissedCall,
    /// A message that a caller left.
    Voicemail,
    /// An agent who was set to rest.
    Agent,
    /// A month's cap, or what is odd.
    Alert,
    /// A step of a flow.
    Flow,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Unique in the enterprise: the same message is written once, however often it is told.
    pub key: String,
    /// What it is about.
    pub about: About,
    /// To whom.
    pub to: Address,
    /// Its words.
    pub text: String,
}

/// What a finished call has told: at most one text for each addressee of a missed call, never one a leg (row V08).
pub fn of_call(record: &CallRecord, log: &[Dated]) -> Vec<Message> {
    let nobody = Tells::default();
    let tells = log.iter().find_map(|dated| match &dated.fact {
        Fact::Tells { tells } => Some(&**tells),
        _ => None,
    });
    let tells = tells.unwrap_or(&nobody);
    let left = record.messages.iter().find(|message| !message.is_empty);
    let mut messages = Vec::new();
    let mut add = |about, place: usize, to: &Address, text: String| {
        let what = match about {
            About::MissedCall => "missed",
            About::Voicemail => "voicemail",
            About::Agent => "agent",
            About::Alert => "alert",
            About::Flow => "flow",
        };
        let key = format!("{}/{what}/{place}/{to}", record.call);
        messages.push(Message { key, about, to: to.clone(), text });
    };
    match left {
        Some(message) if !tells.voicemail.is_empty() => {
            let text = voicemail(record, message.at, message.ms);
            tells.voicemail.iter().for_each(|to| add(About::Voicemail, 0, to, text.clone()));
        }
        _ if is_missed(record) => {
            let text = missed(record);
            tells.missed.iter().for_each(|to| add(About::MissedCall, 0, to, text.clone()));
        }
        _ => {}
    }
    for (place, dated) in log.iter().enumerate() {
        match &dated.fact {
            Fact::OfferOver { agent, rests: true, .. } => {
                tells.agents.iter().for_each(|to| add(About::Agent, place, to, rests(record, agent)));
            }
            Fact::MessageWanted { to, text } => {
                if let Some(to) = Address::parse(to) {
                    add(About::Flow, place, &to, text.to_string());
                }
            }
            _ => {}
        }
    }
    messages
}

/// Whether somebody should call back: the caller wanted somebody and got nobody. Whom a rule refused wanted nobody, but for
/// those who rang phones or waited before.
fn is_missed(record: &CallRecord) -> bool {
    match record.status {
        AnswerStatus::Busy | AnswerStatus::NoAnswer | AnswerStatus::Abandoned | AnswerStatus::Failed => true,
        AnswerStatus::Barred => !record.legs.is_empty() || !record.queue.is_empty(),
        AnswerStatus::Answered => false,
    }
}

fn minute(at: Wall) -> String {
    at.beijing().to_string().replacen('T', " ", 1).chars().take(16).collect()
}

fn who(record: &CallRecord) -> &str {
    if record.caller.is_empty() { "号码隐藏" } else { &record.caller }
}

/// Number and time are in it (row V08).
fn missed(record: &CallRecord) -> String {
    let (caller, at, number) = (who(record), minute(record.started_at), record.number.grouped());
    format!("未接来电：{caller} 于 {at} 拨打 {number}，无人接听。")
}

fn voicemail(record: &CallRecord, at: Wall, ms: u64) -> String {
    let (caller, at, number) = (who(record), minute(at), record.number.grouped());
    format!("新留言：{caller} 于 {at} 拨打 {number} 留言 {} 秒。", ms.div_ceil(1_000))
}

fn rests(record: &CallRecord, agent: &str) -> String {
    format!("坐席 {agent} 连续未接，已于 {} 转为小休。", minute(record.ended_at))
}

/// The words of an alert: a month's cap at a percent (row B07), or what is odd (row B11).
pub fn alert(kind: AlertKind, number: Option<HotlineNumber>, level: u8, used: i64, allowed: i64) -> String {
    let whose = number.map_or_else(|| "全部号码".to_owned(), HotlineNumber::grouped);
    match kind {
        AlertKind::MonthCost if level >= 100 => {
            format!("{whose} 本月话费已达上限 {} 元，新来电不再接入。", Money(allowed))
        }
        AlertKind::MonthCost => {
            format!("{whose} 本月话费已用 {} 元，达到上限 {} 元的 {level}%。", Money(used), Money(allowed))
        }
        AlertKind::MonthCalls if level >= 100 => {
            format!("{whose} 本月来电已达上限 {allowed} 次，新来电不再接入。")
        }
        AlertKind::MonthCalls => format!("{whose} 本月来电 {used} 次，达到上限 {allowed} 次的 {level}%。"),
        AlertKind::HourCost => {
            format!("{whose} 一小时话费 {} 元，高于平时，请核实。", Money(used))
        }
        AlertKind::HourOutgoing => {
            format!("一小时内经中继呼出 {used} 次，超过 {allowed} 次，请核实。")
        }
        AlertKind::RecordingsEnd => format!("{used} 份录音将在 7 天内到期删除，需要的请下载保存。"),
        AlertKind::BindingChanges => format!("短时间内更改了 {used} 个绑定号码，请核实。"),
    }
}

/// Why a message may not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FromHotline;

/// A 400 number takes calls and sends nothing, unless its carrier permits it (row B10).
///
/// # Errors
/// The sender is a 400 number in any writing, and nobody permits it.
pub fn may_send_from(sender: &str, permitted: bool) -> Result<(), FromHotline> {
    let digits: String = sender.chars().filter(char::is_ascii_digit).collect();
    let national = digits.strip_prefix("86").unwrap_or(&digits);
    let is_hotline = national.parse::<HotlineNumber>().is_ok();
    if is_hotline && !permitted { Err(FromHotline) } else { Ok(()) }
}

/// After so many tries in vain a message is tried again so much later; `None` once it is given up.
pub fn retry_after_ms(tries: u32) -> Option<u64> {
    const AFTER_MS: [u64; 6] = [5_000, 30_000, 120_000, 600_000, 3_600_000, 14_400_000];
    AFTER_MS.get(tries.checked_sub(1)? as usize).copied()
}

/// A text of a flow with what is known of the call in the places of `${caller}`, `${number}` and `${time}`.
pub fn fill(text: &str, caller: &str, number: HotlineNumber, at: Wall) -> String {
    let caller = if caller.is_empty() { "号码隐藏" } else { caller };
    text.replace("${caller}", caller).replace("${number}", &number.grouped()).replace("${time}", &minute(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v08_only_mobiles_and_e_mail_are_addresses() {
        assert_eq!(Address::parse("13800138000").map(|to| to.channel()), Some(Channel::Sms));
        assert_eq!(Address::parse("desk@example.cn").map(|to| to.channel()), Some(Channel::Email));
        for wrong in
            ["", "4006010114", "01062000001", "12345678901", "a@b", "a b@c.cn", "@c.cn", "a@c.cn\r\nb"]
        {
            assert_eq!(Address::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn b10_no_message_leaves_as_a_400_number_in_any_writing() {
        for sender in ["4006010114", "400-601-0114", "+86 400 601 0114", "864006010114"] {
            assert_eq!(may_send_from(sender, false), Err(FromHotline), "{sender}");
            assert_eq!(may_send_from(sender, true), Ok(()), "{sender}");
        }
        for sender in ["", "106900001234", "Acme", "01062000001"] {
            assert_eq!(may_send_from(sender, false), Ok(()), "{sender}");
        }
    }

    #[test]
    fn a_message_is_tried_again_later_each_time_and_given_up_once() {
        let after: Vec<u64> = (1..).map_while(retry_after_ms).collect();
        assert!(after.len() >= 5 && after.windows(2).all(|pair| pair[0] < pair[1]), "{after:?}");
        assert_eq!((retry_after_ms(0), retry_after_ms(99)), (None, None));
    }

    #[test]
    fn what_is_known_of_a_call_takes_its_places() {
        let number = HotlineNumber::from_suffix(6_010_114).expect("seven digits");
        let at = crate::Beijing::parse("2026-10-12T10:00:05").expect("a time").wall();
        assert_eq!(
            fill("${time} ${number} ${caller} ${card}", "", number, at),
            "2026-10-12 10:00 400-601-0114 号码隐藏 ${card}"
        );
    }
}
