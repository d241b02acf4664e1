//! Numbers in Chinese: where 零 stands, when two is 两, when ten has no 一. It knows no recording and no text around.

use super::{PAUSE, Piece, Said, clock, decimal_parts, digits_of, groups, yuan_and_fen};
use crate::Beijing;

const fn piece(prompt: &'static str, words: &'static str) -> Piece {
    Piece { prompt, words }
}

const DIGITS: [Piece; 10] = [
    piece("digit_0", "零"),
    piece("digit_1", "一"),
    piece("digit_2", "二"),
    piece("digit_3", "三"),
    piece("digit_4", "四"),
    piece("digit_5", "五"),
    piece("digit_6", "六"),
    piece("digit_7", "七"),
    piece("digit_8", "八"),
    piece("digit_9", "九"),
];
const YAO: Piece = piece("digit_1_yao", "幺");
const LIANG: Piece = piece("number_liang", "两");
const TEN: Piece = piece("number_ten", "十");
const HUNDRED: Piece = piece("number_hundred", "百");
const THOUSAND: Piece = piece("number_thousand", "千");
const WAN: Piece = piece("number_ten_thousand", "万");
const YI: Piece = piece("number_hundred_million", "亿");
const POINT: Piece = piece("number_point", "点");
const MINUS: Piece = piece("number_minus", "负");
const PERCENT: Piece = piece("percent", "百分之");
const YUAN: Piece = piece("yuan", "元");
const JIAO: Piece = piece("jiao", "角");
const FEN: Piece = piece("fen", "分");
const YEAR: Piece = piece("year", "年");
const MONTH: Piece = piece("month", "月");
const DAY: Piece = piece("day", "日");
const SECOND: Piece = piece("second", "秒");

const WAN_OF: u64 = 10_000;
const YI_OF: u64 = 100_000_000;

/// Everything that [`say`] may use.
pub(super) fn all() -> Vec<Piece> {
    let others = [
        YAO, LIANG, TEN, HUNDRED, THOUSAND, WAN, YI, POINT, MINUS, PERCENT, YUAN, JIAO, FEN, YEAR, MONTH,
        DAY, SECOND, PAUSE,
    ];
    DIGITS.into_iter().chain(others).collect()
}

/// The pieces of a value.
pub(super) fn say(said: &Said<'_>, out: &mut Vec<Piece>) {
    match *said {
        Said::Digits(text) => digits(text, out),
        Said::Phone(text) => phone(text, out),
        Said::Cardinal(number) => {
            out.extend((number < 0).then_some(MINUS));
            cardinal(number.unsigned_abs(), out);
        }
        Said::Count(count) => counted(count, out),
        Said::Decimal(text) => decimal(text, out),
        Said::Percent("100") => out.extend([PERCENT, HUNDRED]),
        Said::Percent(text) => {
            out.push(PERCENT);
            decimal(text, out);
        }
        Said::Money(amount) => money(yuan_and_fen(amount), out),
        Said::Date(day) => date(day, out),
        Said::Year(year) => {
            digits(&year.to_string(), out);
            out.push(YEAR);
        }
        Said::Time(time) => time_of_day(clock(time), out),
    }
}

fn digits(text: &str, out: &mut Vec<Piece>) {
    out.extend(digits_of(text).map(|digit| DIGITS[digit]));
}

fn phone(text: &str, out: &mut Vec<Piece>) {
    for (place, group) in groups(text).into_iter().enumerate() {
        out.extend((place > 0).then_some(PAUSE));
        out.extend(digits_of(group).map(|digit| if digit == 1 { YAO } else { DIGITS[digit] }));
    }
}

/// Before a measure word two is 两; in larger numbers it is not: 十二位, 一百零二位.
pub(super) fn counted(count: u64, out: &mut Vec<Piece>) {
    match count {
        2 => out.push(LIANG),
        _ => cardinal(count, out),
    }
}

pub(super) fn cardinal(number: u64, out: &mut Vec<Piece>) {
    match number {
        0 => out.push(DIGITS[0]),
        _ => spell(number, true, out),
    }
}

/// A number above nought; `first` where nothing stands before it.
fn spell(number: u64, first: bool, out: &mut Vec<Piece>) {
    let (unit, piece) = match number {
        YI_OF.. => (YI_OF, YI),
        WAN_OF.. => (WAN_OF, WAN),
        _ => return below_ten_thousand(number, first, out),
    };
    let (high, rest) = (number / unit, number % unit);
    match (high, first) {
        (2, true) => out.push(LIANG),
        _ => spell(high, first, out),
    }
    out.push(piece);
    if rest > 0 {
        out.extend((rest < unit / 10).then_some(DIGITS[0]));
        spell(rest, false, out);
    }
}

fn below_ten_thousand(number: u64, first: bool, out: &mut Vec<Piece>) {
    let (mut begun, mut gap) = (false, false);
    for (unit, piece) in [(1000, Some(THOUSAND)), (100, Some(HUNDRED)), (10, Some(TEN)), (1, None)] {
        let digit = (number / unit % 10) as usize;
        if digit == 0 {
            gap = begun;
            continue;
        }
        out.extend(std::mem::take(&mut gap).then_some(DIGITS[0]));
        match (digit, unit) {
            (1, 10) if first && !begun => {}
            (2, 1000) if first => out.push(LIANG),
            _ => out.push(DIGITS[digit]),
        }
        out.extend(piece);
        begun = true;
    }
}

fn decimal(text: &str, out: &mut Vec<Piece>) {
    let (negative, whole, decimals) = decimal_parts(text);
    out.extend(negative.then_some(MINUS));
    cardinal(whole, out);
    if !decimals.is_empty() {
        out.push(POINT);
        digits(decimals, out);
    }
}

fn money((negative, yuan, fen): (bool, u64, u64), out: &mut Vec<Piece>) {
    let (jiao, fen) = (fen / 10, fen % 10);
    out.extend(negative.then_some(MINUS));
    if yuan > 0 || jiao + fen == 0 {
        counted(yuan, out);
        out.push(YUAN);
    }
    if jiao > 0 {
        part(jiao, yuan == 0, out);
        out.push(JIAO);
    }
    if fen > 0 {
        out.extend((yuan > 0 && jiao == 0).then_some(DIGITS[0]));
        part(fen, yuan + jiao == 0, out);
        out.push(FEN);
    }
}

/// Jiao or fen: 两 only where the amount begins with it.
fn part(digit: u64, first: bool, out: &mut Vec<Piece>) {
    match first {
        true => counted(digit, out),
        false => cardinal(digit, out),
    }
}

fn date(day: Beijing, out: &mut Vec<Piece>) {
    digits(&day.year.to_string(), out);
    out.push(YEAR);
    cardinal(u64::from(day.month), out);
    out.push(MONTH);
    cardinal(u64::from(day.day), out);
    out.push(DAY);
}

/// 两点零五分; the hour alone if it is full.
fn time_of_day((hour, minute, second): (u64, u64, u64), out: &mut Vec<Piece>) {
    counted(hour, out);
    out.push(POINT);
    if minute > 0 || second > 0 {
        out.extend((minute < 10 && minute > 0).then_some(DIGITS[0]));
        cardinal(minute, out);
        out.push(FEN);
    }
    if second > 0 {
        out.extend((second < 10).then_some(DIGITS[0]));
        cardinal(second, out);
        out.push(SECOND);
    }
}
