//! Words that nobody may be told without a person's leave: what a text has of them, and on what ground (row K09). It decides
//! nothing about the text; whoever reviews it does.

use std::sync::OnceLock;

use serde::Serialize;

use crate::enterprise::Language;

/// Why a word is on the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ground {
    /// A claim that nothing is better.
    Superlative,
    /// A promise of what nobody can promise: profit, success, work.
    Promise,
    /// A promise that something cures.
    Cure,
    /// What swindlers say.
    Fraud,
    /// Gambling.
    Gambling,
    /// A trade that is none.
    BarredTrade,
    /// The state's name used for a trade.
    State,
}

impl Ground {
    fn of(word: &str) -> Option<Ground> {
        use Ground::*;
        let all = [
            ("superlative", Superlative),
            ("promise", Promise),
            ("cure", Cure),
            ("fraud", Fraud),
            ("gambling", Gambling),
            ("barred_trade", BarredTrade),
            ("state", State),
        ];
        all.iter().find(|(name, _)| *name == word).map(|(_, ground)| *ground)
    }

    /// The sentence for a person.
    pub fn text(self, language: Language) -> &'static str {
        let (zh, en) = match self {
            Ground::Superlative => ("绝对化用语", "a claim that nothing is better"),
            Ground::Promise => ("对收益或结果的保证", "a promise of profit or success"),
            Ground::Cure => ("对疗效的保证", "a promise of cure"),
            Ground::Fraud => ("诈骗常用语", "a phrase of swindlers"),
            Ground::Gambling => ("赌博", "gambling"),
            Ground::BarredTrade => ("禁止的行业", "a barred trade"),
            Ground::State => ("使用国家机关名义", "the state's name used for a trade"),
        };
        match language {
            Language::Zh => zh,
            Language::En => en,
        }
    }
}

/// A row of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct BannedWord {
    /// The word.
    pub word: &'static str,
    /// Why.
    pub ground: Ground,
    /// Where it is written.
    pub source: &'static str,
}

/// The file, for documents and tests.
const SHIPPED: &str = include_str!("../../../data/banned_words.csv");

fn rows() -> &'static [BannedWord] {
    static ROWS: OnceLock<Vec<BannedWord>> = OnceLock::new();
    ROWS.get_or_init(|| {
        lines().map(|line| read_row(line).expect("a test reads data/banned_words.csv")).collect()
    })
}

fn lines() -> impl Iterator<Item = &'static str> {
    SHIPPED.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn read_row(line: &'static str) -> Option<BannedWord> {
    let mut fields = line.splitn(3, ',');
    let (word, ground, source) = (fields.next()?, Ground::of(fields.next()?)?, fields.next()?);
    (!word.is_empty() && !source.is_empty()).then_some(BannedWord { word, ground, source })
}

/// What of the list stands in a text, in the list's order. Spaces and signs between the characters of a word hide nothing.
pub fn banned_words(text: &str) -> Vec<BannedWord> {
    let bare: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
    rows().iter().filter(|row| bare.contains(row.word)).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k09_every_row_is_read_and_stands_once() {
        let words: Vec<&str> = rows().iter().map(|row| row.word).collect();
        assert_eq!(words.len(), lines().count());
        for (place, word) in words.iter().enumerate() {
            assert!(!words[..place].contains(word), "{word} stands twice");
        }
    }

    #[test]
    fn k09_banned_words_are_found_with_their_ground_however_they_are_spaced() {
        let found = |text: &str| banned_words(text).iter().map(|one| one.word).collect::<Vec<_>>();
        assert_eq!(found("您好，欢迎致电华信科技"), [""; 0]);
        assert_eq!(found("本店产品全国第 一，稳赚-不赔！"), ["全国第一", "稳赚不赔"]);
        let cure = banned_words("包治百病")[0];
        assert_eq!((cure.ground, cure.source), (Ground::Cure, "广告法 第十六条第一项"));
        assert_eq!(cure.ground.text(Language::Zh), "对疗效的保证");
    }
}
