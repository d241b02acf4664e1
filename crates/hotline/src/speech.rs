//! What is said aloud: numbers, digits, money, dates and times as Chinese and English words, texts with placeholders,
//! and the same as a list of recorded pieces. It refuses to know voices, files and when anything is said.
//!
//! Every value is first a list of [`Piece`]s. Their words joined are what a voice is given; their names are prompts that
//! come with the product, so that a position in a queue or an agent's number is heard without any voice at all.

mod announcement;
mod chinese;
mod english;
mod reading;
mod template;

pub use announcement::Announcement;
pub use reading::read_text;
pub use template::{MissingValue, Template, UnknownVariable, VARIABLES, Values, Variable};

use crate::enterprise::Language;
use crate::{Beijing, Money};

/// A word or two with a recording of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The prompt that comes with the product.
    pub prompt: &'static str,
    /// What it says.
    pub words: &'static str,
}

/// A short silence.
pub const PAUSE: Piece = Piece { prompt: "pause", words: "，" };
const ENGLISH_PAUSE: Piece = Piece { prompt: "pause", words: "," };

/// A value to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// Digits one by one, 1 as 一. Whatever is no digit is left out.
    Digits(&'a str),
    /// A number that is dialled, an agent's or a code: one by one, 1 as 幺 (一 is heard as 七 on the telephone), with
    /// pauses where it is written in groups, and where mobiles and 400 numbers have them.
    Phone(&'a str),
    /// A whole number.
    Cardinal(i64),
    /// How many there are of what is named next: 2 is 两.
    Count(u64),
    /// A number with decimals, `12.5`.
    Decimal(&'a str),
    /// So many in a hundred, `12.5`.
    Percent(&'a str),
    /// An amount, rounded to the fen, half a fen away from zero.
    Money(Money),
    /// The day.
    Date(Beijing),
    /// The year alone.
    Year(u16),
    /// The time of day; seconds only if there are any.
    Time(Beijing),
}

impl Said<'_> {
    /// The recorded pieces, in order.
    pub fn pieces(&self, language: Language) -> Vec<Piece> {
        let mut pieces = Vec::new();
        match language {
            Language::Zh => chinese::say(self, &mut pieces),
            Language::En => english::say(self, &mut pieces),
        }
        pieces
    }

    /// The words.
    pub fn words(&self, language: Language) -> String {
        join(&self.pieces(language), language)
    }
}

/// Every piece of a language that [`Said`] and [`Announcement`] are made of.
pub fn all_pieces(language: Language) -> Vec<Piece> {
    let own = match language {
        Language::Zh => chinese::all(),
        Language::En => english::all(),
    };
    own.into_iter().chain(announcement::frames(language)).collect()
}

/// The words of pieces as a voice reads them.
fn join(pieces: &[Piece], language: Language) -> String {
    let words = pieces.iter().map(|piece| piece.words);
    match language {
        Language::Zh => words.collect(),
        Language::En => words.collect::<Vec<_>>().join(" ").replace(" ,", ","),
    }
}

/// The groups in which a dialled number is said.
fn groups(text: &str) -> Vec<&str> {
    let is_digit = |c: char| c.is_ascii_digit();
    let written: Vec<&str> = text.split(|c: char| !is_digit(c)).filter(|group| !group.is_empty()).collect();
    let [only] = written.as_slice() else { return written };
    let cuts: &[usize] = match (only.len(), only.as_bytes()) {
        (11, [b'1', b'3'..=b'9', ..]) => &[3, 4, 4],
        (10, [b'4' | b'8', b'0', b'0', ..]) => &[3, 3, 4],
        _ => return written,
    };
    let mut rest = *only;
    let cut = |length: &usize| {
        let (group, left) = rest.split_at(*length);
        rest = left;
        group
    };
    cuts.iter().map(cut).collect()
}

/// The digits of a text as numbers.
fn digits_of(text: &str) -> impl Iterator<Item = usize> {
    text.bytes().filter(u8::is_ascii_digit).map(|digit| usize::from(digit - b'0'))
}

/// Sign, whole yuan and fen of an amount.
fn yuan_and_fen(money: Money) -> (bool, u64, u64) {
    let fen = (money.0.unsigned_abs() + 50) / 100;
    (money.0 < 0 && fen > 0, fen / 100, fen % 100)
}

/// Hour, minute and second.
fn clock(time: Beijing) -> (u64, u64, u64) {
    let seconds = u64::from(time.ms_of_day / 1000);
    (seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// What stands before and behind the point of a number; what cannot be read is nought.
fn decimal_parts(text: &str) -> (bool, u64, &str) {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
    (negative, whole.parse().unwrap_or(0), decimals)
}
