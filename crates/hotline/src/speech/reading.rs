//! The numbers of a written text read as a person would: a date as a date, a price as a price, 10086 digit by digit. What
//! is no number stays as it is written. It refuses to know voices.

use super::Said;
use crate::enterprise::Language;
use crate::{Beijing, Money};

/// Behind these a number counts something, and two is 两.
const COUNTED: [&str; 25] = [
    "位", "个", "人", "名", "次", "分钟", "小时", "秒", "天", "周", "年", "件", "块", "条", "部", "台", "家",
    "种", "倍", "点", "步", "遍", "套", "万", "亿",
];
/// Behind these a number is one of a row, and two is 二.
const NUMBERED: [&str; 9] = ["月", "日", "号", "楼", "层", "级", "期", "键", "度"];
/// The same in English, where nothing but the size is at stake.
const UNITS: [&str; 13] = [
    "minute", "hour", "second", "day", "week", "month", "year", "caller", "people", "person", "time", "call",
    "key",
];
/// Before these a number is a name: digit by digit.
const NAMES: [&str; 20] = [
    "工号",
    "分机",
    "编号",
    "单号",
    "订单",
    "尾号",
    "验证码",
    "密码",
    "号码",
    "热线",
    "电话",
    "致电",
    "拨",
    "拨打",
    "客服",
    "number",
    "extension",
    "agent",
    "code",
    "dial",
];
/// Whole numbers with more digits are names: of an order, of an account.
const CARDINAL_DIGITS_MAX: usize = 6;
/// More digits than this are read one by one whatever they count.
const COUNTED_DIGITS_MAX: usize = 15;

/// The text with its numbers in words.
///
/// ```
/// use hotline::enterprise::Language;
/// use hotline::speech::read_text;
/// assert_eq!(read_text("请拨打10086", Language::Zh), "请拨打幺零零八六");
/// assert_eq!(read_text("until 2026-10-01", Language::En), "until October first, twenty twenty six");
/// ```
pub fn read_text(text: &str, language: Language) -> String {
    let (mut spoken, mut at) = (String::with_capacity(text.len() * 2), 0);
    while let Some(next) = text[at..].chars().next() {
        let (before, here) = text.split_at(at);
        if let Some((length, said)) = token(before, here) {
            spoken += &said.words(language);
            at += length;
        } else {
            match (is_range(before, here), language) {
                (true, Language::Zh) => spoken.push('到'),
                (true, Language::En) => spoken += " to ",
                (false, _) => spoken.push(next),
            }
            at += next.len_utf8();
        }
    }
    spoken
}

/// A stroke between two numbers that are no groups of one.
fn is_range(before: &str, here: &str) -> bool {
    let mut chars = here.chars();
    let stroke = chars.next().is_some_and(|c| matches!(c, '-' | '~' | '–' | '—' | '～' | '－'));
    stroke
        && before.ends_with(|c: char| c.is_ascii_digit())
        && chars.next().is_some_and(|c| c.is_ascii_digit())
}

/// The number that begins here: its length as written, and what it is.
fn token<'t>(before: &str, here: &'t str) -> Option<(usize, Said<'t>)> {
    if let Some(rest) = here.strip_prefix(['¥', '￥']) {
        let numeral = Numeral::at(rest)?;
        return Some((here.len() - rest.len() + numeral.length, Said::Money(numeral.money()?)));
    }
    if !here.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if let Some(found) = date(here).or_else(|| time(before, here)).or_else(|| grouped_phone(here)) {
        return Some(found);
    }
    let numeral = Numeral::at(here)?;
    let behind = &here[numeral.length..];
    for (unit, said) in [
        ("%", numeral.percent(here)),
        ("％", numeral.percent(here)),
        ("元", numeral.money().map(Said::Money)),
        (" yuan", numeral.money().map(Said::Money)),
        ("年", numeral.year()),
    ] {
        if let (true, Some(said)) = (behind.starts_with(unit), said) {
            return Some((numeral.length + unit.len(), said));
        }
    }
    Some((numeral.length, numeral.said(before, here, behind)))
}

/// How many ASCII digits a text begins with.
fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// `2026-10-01` or `2026/10/1`, if there is such a day.
fn date(here: &str) -> Option<(usize, Said<'static>)> {
    let stroke = here[digits(here)..].chars().next().filter(|c| matches!(c, '-' | '/'))?;
    let mut length = 0;
    for (place, lengths) in [4..=4, 1..=2, 1..=2].into_iter().enumerate() {
        length += if place > 0 { here[length..].strip_prefix(stroke).map(|_| 1)? } else { 0 };
        let count = digits(&here[length..]);
        length += lengths.contains(&count).then_some(count)?;
    }
    if here[length..].starts_with(stroke) {
        return None;
    }
    let day = Beijing::parse(&here[..length].replace(stroke, "-"))?;
    Some((length, Said::Date(day)))
}

/// `9:05` or `09:05:30`.
fn time(before: &str, here: &str) -> Option<(usize, Said<'static>)> {
    let mut length = digits(here);
    if !(1..=2).contains(&length) || before.ends_with(':') {
        return None;
    }
    let mut text = here[..length].to_owned();
    for _ in 0..2 {
        if here[length..].starts_with(':') && digits(&here[length + 1..]) == 2 {
            text += &here[length..length + 3];
            length += 3;
        }
    }
    if here[length..].starts_with(':') {
        return None;
    }
    let time = Beijing::parse(&format!("1970-01-01T{text}"))?;
    Some((length, Said::Time(time)))
}

/// `400-601-0114`, `010-12345678`: groups with a stroke between them, five digits or more in all.
fn grouped_phone(here: &str) -> Option<(usize, Said<'_>)> {
    let (mut length, mut count, mut groups) = (digits(here), digits(here), 1);
    while here[length..].starts_with('-') && digits(&here[length + 1..]) > 0 {
        let more = digits(&here[length + 1..]);
        (length, count, groups) = (length + 1 + more, count + more, groups + 1);
    }
    (groups > 1 && count > 4).then(|| (length, Said::Phone(&here[..length])))
}

/// A number as it is written.
struct Numeral {
    /// Octets.
    length: usize,
    /// The whole part, without commas.
    whole: String,
    /// What stands behind the point.
    decimals: String,
    /// Whether commas part its thousands.
    commas: bool,
}

impl Numeral {
    fn at(here: &str) -> Option<Numeral> {
        let mut length = digits(here);
        let first = (length > 0).then_some(length)?;
        while first <= 3 && here[length..].starts_with(',') && digits(&here[length + 1..]) == 3 {
            length += 4;
        }
        let whole = here[..length].replace(',', "");
        let fraction = here[length..].strip_prefix('.').map_or(0, digits);
        let decimals =
            if fraction > 0 { here[length + 1..=length + fraction].to_owned() } else { String::new() };
        let end = length + if fraction > 0 { fraction + 1 } else { 0 };
        Some(Numeral { length: end, whole, decimals, commas: length > first })
    }

    fn money(&self) -> Option<Money> {
        let decimals = if self.decimals.is_empty() { "0" } else { &self.decimals };
        format!("{}.{decimals}", self.whole).parse().ok()
    }

    fn percent<'t>(&self, here: &'t str) -> Option<Said<'t>> {
        (!self.commas).then(|| Said::Percent(&here[..self.length]))
    }

    /// The year before 年; a span of so many years is none.
    fn year(&self) -> Option<Said<'static>> {
        let year = self.whole.parse().ok().filter(|year| (1000..3000).contains(year));
        year.filter(|_| !self.commas && self.decimals.is_empty()).map(Said::Year)
    }

    fn said<'t>(&self, before: &str, here: &'t str, behind: &str) -> Said<'t> {
        let written = &here[..self.length];
        if !self.decimals.is_empty() {
            return if self.commas { Said::Phone(written) } else { Said::Decimal(written) };
        }
        let size = self.whole.len();
        let (number, cardinal) = match self.whole.parse::<i64>() {
            Ok(number) if size <= COUNTED_DIGITS_MAX => (number, Said::Cardinal(number)),
            _ => return Said::Phone(written),
        };
        let behind = behind.trim_start();
        if before.ends_with(|c: char| c.is_ascii_alphabetic()) || size > 1 && self.whole.starts_with('0') {
            return Said::Phone(written);
        }
        match () {
            () if before.ends_with('第') => cardinal,
            () if begins_with(behind, &COUNTED) => Said::Count(number.unsigned_abs()),
            () if begins_with(behind, &UNITS) => cardinal,
            () if begins_with(behind, &NUMBERED) && size < 4 => cardinal,
            () if self.commas => cardinal,
            () if is_name(before) || is_dialled(&self.whole) || size > CARDINAL_DIGITS_MAX => {
                Said::Phone(written)
            }
            () if begins_with(behind, &["号"]) => Said::Phone(written),
            () => cardinal,
        }
    }
}

fn begins_with(text: &str, units: &[&str]) -> bool {
    units.iter().any(|unit| text.starts_with(unit))
}

/// Whether what stands before announces a name: 工号：8001, agent number 8001.
fn is_name(before: &str) -> bool {
    let before = before.trim_end_matches([' ', ':', '：', '是', '为', '#']).to_ascii_lowercase();
    NAMES.iter().any(|name| before.ends_with(name))
}

/// Whether it has the form of something dialled: mobiles, 400 and 800 numbers, service and emergency numbers.
fn is_dialled(number: &str) -> bool {
    match (number.len(), number.as_bytes()) {
        (11, [b'1', b'3'..=b'9', ..]) | (10, [b'4' | b'8', b'0', b'0', ..]) => true,
        (5 | 6, [b'1', b'0', b'0' | b'1', ..] | [b'1', b'2', ..] | [b'9', b'5' | b'6', ..]) => true,
        (3, _) => ["110", "112", "114", "117", "119", "120", "122"].contains(&number),
        _ => false,
    }
}
