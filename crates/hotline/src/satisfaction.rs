//! What callers think of a talk (row Q07): the terms of the question and what can come of it. It is asked in
//! [`crate::call`]; it refuses to know how answers are counted.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The terms of the question, compiled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survey {
    /// The prompt that asks for a key from 1 to 5.
    pub prompt: Arc<str>,
    /// Played before it is asked again after another key.
    pub wrong_prompt: Arc<str>,
    /// Played behind the rating.
    pub thanks: Arc<str>,
    /// How often it is asked at most.
    pub tries: u8,
    /// How long the key may take after the prompt, milliseconds.
    pub key_ms: u64,
    /// Talks that were shorter are not asked about, milliseconds.
    pub talk_ms_min: u64,
    /// Who was asked is not asked again for so long, milliseconds.
    pub pause_ms: u64,
    /// The words of a message to a caller who gave no rating.
    pub sms: Option<Arc<str>>,
}

/// How a caller is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskedBy {
    /// In the call, for a key.
    Keys,
    /// By a message, since the caller hung up before it could be asked.
    Message,
}

/// Why there is no rating.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unrated {
    /// The talk was shorter than those that are asked about.
    ShortTalk,
    /// The caller was asked lately.
    Lately,
    /// This call was asked before: it has one rating at most.
    Before,
    /// No key was pressed.
    NoKey,
    /// The keys were others.
    WrongKey,
    /// The call ended.
    CallOver,
}

/// A key as a rating.
pub fn score(key: u8) -> Option<u8> {
    matches!(key, b'1'..=b'5').then(|| key - b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q07_a_rating_is_one_to_five() {
        let scores: Vec<Option<u8>> = b"0123456*#".iter().map(|key| score(*key)).collect();
        assert_eq!(scores, [None, Some(1), Some(2), Some(3), Some(4), Some(5), None, None, None]);
    }
}
