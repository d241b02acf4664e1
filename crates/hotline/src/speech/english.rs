//! Numbers in English, spoken slowly and in full. It knows no recording and no text around.

use super::{ENGLISH_PAUSE, Piece, Said, clock, decimal_parts, digits_of, groups, yuan_and_fen};
use crate::Beijing;

const fn piece(prompt: &'static str, words: &'static str) -> Piece {
    Piece { prompt, words }
}

const SMALL: [Piece; 20] = [
    piece("en_digit_0", "zero"),
    piece("en_digit_1", "one"),
    piece("en_digit_2", "two"),
    piece("en_digit_3", "three"),
    piece("en_digit_4", "four"),
    piece("en_digit_5", "five"),
    piece("en_digit_6", "six"),
    piece("en_digit_7", "seven"),
    piece("en_digit_8", "eight"),
    piece("en_digit_9", "nine"),
    piece("en_number_10", "ten"),
    piece("en_number_11", "eleven"),
    piece("en_number_12", "twelve"),
    piece("en_number_13", "thirteen"),
    piece("en_number_14", "fourteen"),
    piece("en_number_15", "fifteen"),
    piece("en_number_16", "sixteen"),
    piece("en_number_17", "seventeen"),
    piece("en_number_18", "eighteen"),
    piece("en_number_19", "nineteen"),
];
const TENS: [Piece; 8] = [
    piece("en_number_20", "twenty"),
    piece("en_number_30", "thirty"),
    piece("en_number_40", "forty"),
    piece("en_number_50", "fifty"),
    piece("en_number_60", "sixty"),
    piece("en_number_70", "seventy"),
    piece("en_number_80", "eighty"),
    piece("en_number_90", "ninety"),
];
const MONTHS: [Piece; 12] = [
    piece("en_month_1", "January"),
    piece("en_month_2", "February"),
    piece("en_month_3", "March"),
    piece("en_month_4", "April"),
    piece("en_month_5", "May"),
    piece("en_month_6", "June"),
    piece("en_month_7", "July"),
    piece("en_month_8", "August"),
    piece("en_month_9", "September"),
    piece("en_month_10", "October"),
    piece("en_month_11", "November"),
    piece("en_month_12", "December"),
];
/// First to nineteenth, then twentieth and thirtieth.
const ORDINALS: [Piece; 21] = [
    piece("en_ordinal_1", "first"),
    piece("en_ordinal_2", "second"),
    piece("en_ordinal_3", "third"),
    piece("en_ordinal_4", "fourth"),
    piece("en_ordinal_5", "fifth"),
    piece("en_ordinal_6", "sixth"),
    piece("en_ordinal_7", "seventh"),
    piece("en_ordinal_8", "eighth"),
    piece("en_ordinal_9", "ninth"),
    piece("en_ordinal_10", "tenth"),
    piece("en_ordinal_11", "eleventh"),
    piece("en_ordinal_12", "twelfth"),
    piece("en_ordinal_13", "thirteenth"),
    piece("en_ordinal_14", "fourteenth"),
    piece("en_ordinal_15", "fifteenth"),
    piece("en_ordinal_16", "sixteenth"),
    piece("en_ordinal_17", "seventeenth"),
    piece("en_ordinal_18", "eighteenth"),
    piece("en_ordinal_19", "nineteenth"),
    piece("en_ordinal_20", "twentieth"),
    piece("en_ordinal_30", "thirtieth"),
];
const HUNDRED: Piece = piece("en_hundred", "hundred");
const THOUSAND: Piece = piece("en_thousand", "thousand");
const MILLION: Piece = piece("en_million", "million");
const BILLION: Piece = piece("en_billion", "billion");
const POINT: Piece = piece("en_point", "point");
const MINUS: Piece = piece("en_minus", "minus");
const PERCENT: Piece = piece("en_percent", "percent");
const YUAN: Piece = piece("en_yuan", "yuan");
const FEN: Piece = piece("en_fen", "fen");
const OH: Piece = piece("en_oh", "oh");
const AM: Piece = piece("en_am", "a.m.");
const PM: Piece = piece("en_pm", "p.m.");

/// Everything that [`say`] may use.
pub(super) fn all() -> Vec<Piece> {
    let others =
        [HUNDRED, THOUSAND, MILLION, BILLION, POINT, MINUS, PERCENT, YUAN, FEN, OH, AM, PM, ENGLISH_PAUSE];
    SMALL.into_iter().chain(TENS).chain(MONTHS).chain(ORDINALS).chain(others).collect()
}

/// The pieces of a value.
pub(super) fn say(said: &Said<'_>, out: &mut Vec<Piece>) {
    match *said {
        Said::Digits(text) => digits(text, out),
        Said::Phone(text) => {
            for (place, group) in groups(text).into_iter().enumerate() {
                out.extend((place > 0).then_some(ENGLISH_PAUSE));
                digits(group, out);
            }
        }
        Said::Cardinal(number) => {
            out.extend((number < 0).then_some(MINUS));
            cardinal(number.unsigned_abs(), out);
        }
        Said::Count(count) => cardinal(count, out),
        Said::Decimal(text) => decimal(text, out),
        Said::Percent(text) => {
            decimal(text, out);
            out.push(PERCENT);
        }
        Said::Money(amount) => money(yuan_and_fen(amount), out),
        Said::Date(day) => date(day, out),
        Said::Year(number) => year(u64::from(number), out),
        Said::Time(time) => time_of_day(clock(time), out),
    }
}

fn digits(text: &str, out: &mut Vec<Piece>) {
    out.extend(digits_of(text).map(|digit| SMALL[digit]));
}

pub(super) fn cardinal(number: u64, out: &mut Vec<Piece>) {
    for (unit, piece) in [(1_000_000_000, BILLION), (1_000_000, MILLION), (1_000, THOUSAND), (100, HUNDRED)] {
        if number >= unit {
            cardinal(number / unit, out);
            out.push(piece);
            if !number.is_multiple_of(unit) {
                cardinal(number % unit, out);
            }
            return;
        }
    }
    match number as usize {
        small @ 0..20 => out.push(SMALL[small]),
        number => {
            out.push(TENS[number / 10 - 2]);
            out.extend((number % 10 > 0).then(|| SMALL[number % 10]));
        }
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
    out.extend(negative.then_some(MINUS));
    if yuan > 0 || fen == 0 {
        cardinal(yuan, out);
        out.push(YUAN);
    }
    if fen > 0 {
        cardinal(fen, out);
        out.push(FEN);
    }
}

fn date(day: Beijing, out: &mut Vec<Piece>) {
    out.push(MONTHS[usize::from(day.month.clamp(1, 12)) - 1]);
    ordinal(usize::from(day.day.clamp(1, 31)), out);
    out.push(ENGLISH_PAUSE);
    year(u64::from(day.year.unsigned_abs()), out);
}

fn ordinal(number: usize, out: &mut Vec<Piece>) {
    match number {
        1..=20 => out.push(ORDINALS[number - 1]),
        30 => out.push(ORDINALS[20]),
        _ => out.extend([TENS[number / 10 - 2], ORDINALS[number % 10 - 1]]),
    }
}

/// In two halves, but for the first years of a millennium: two thousand five, twenty twenty six.
fn year(year: u64, out: &mut Vec<Piece>) {
    if !(1000..10_000).contains(&year) || year % 1000 < 10 {
        return cardinal(year, out);
    }
    cardinal(year / 100, out);
    match year % 100 {
        0 => out.push(HUNDRED),
        unit @ 1..10 => out.extend([OH, SMALL[unit as usize]]),
        rest => cardinal(rest, out),
    }
}

/// By the half day: nine oh five a.m.
fn time_of_day((hour, minute, _): (u64, u64, u64), out: &mut Vec<Piece>) {
    cardinal((hour + 11) % 12 + 1, out);
    match minute {
        0 => {}
        1..10 => {
            out.push(OH);
            cardinal(minute, out);
        }
        _ => cardinal(minute, out),
    }
    out.push(if hour < 12 { AM } else { PM });
}
