//! The texts of a compiled number: all in one buffer, so that a body is few pieces of memory and that handing a name
//! on touches one count, whichever name it is. Knows nothing of what the words mean.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text that shares its buffer with others. Cheap to clone; compared, shown and stored as the text it is.
#[derive(Clone)]
pub struct Word {
    buffer: Arc<str>,
    span: Span,
}

/// Where a word lies in the buffer of [`Words`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    start: u32,
    length: u32,
}

impl Span {
    /// A damaged body may name a place that is none.
    fn of(self, buffer: &str) -> &str {
        let start = self.start as usize;
        buffer.get(start..start + self.length as usize).unwrap_or_default()
    }
}

/// Words one behind the other, each once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words(Arc<str>);

impl Words {
    /// A word at its place; empty where there is none.
    pub fn word(&self, span: Span) -> Word {
        Word { buffer: self.0.clone(), span }
    }

    /// The text at a place; empty where there is none.
    pub fn text(&self, span: Span) -> &str {
        span.of(&self.0)
    }
}

impl Default for Words {
    fn default() -> Self {
        Self(Arc::from(""))
    }
}

/// Collects the words of a body.
#[derive(Debug, Default)]
pub struct WordList {
    buffer: String,
    spans: Vec<Span>,
}

impl WordList {
    /// Where a text lies; it is put there if it is new.
    pub fn place(&mut self, text: &str) -> Span {
        let at = |span: &Span| &self.buffer[span.start as usize..(span.start + span.length) as usize];
        if let Some(known) = self.spans.iter().find(|span| at(span) == text) {
            return *known;
        }
        // A document is read up to a size far below 4 GB.
        let span = Span { start: self.buffer.len() as u32, length: text.len() as u32 };
        self.buffer.push_str(text);
        self.spans.push(span);
        span
    }

    /// All words placed.
    pub fn finish(self) -> Words {
        Words(Arc::from(self.buffer))
    }
}

impl Deref for Word {
    type Target = str;

    fn deref(&self) -> &str {
        self.span.of(&self.buffer)
    }
}

impl From<&str> for Word {
    fn from(text: &str) -> Self {
        Self { buffer: Arc::from(text), span: Span { start: 0, length: text.len() as u32 } }
    }
}

impl From<&Word> for Arc<str> {
    fn from(word: &Word) -> Self {
        Arc::from(&**word)
    }
}

impl PartialEq for Word {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Word {}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &**self)
    }
}

impl Serialize for Word {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::from(text.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_kept_once_and_read_back() {
        let mut list = WordList::default();
        let (one, two, again) = (list.place("北方坐席"), list.place("after_hours"), list.place("北方坐席"));
        let empty = list.place("");
        let words = list.finish();
        assert_eq!(one, again);
        assert_eq!(
            [one, two, empty].map(|span| words.word(span).to_string()),
            ["北方坐席", "after_hours", ""]
        );
        assert_eq!(words.0.len(), "北方坐席after_hours".len());
    }

    #[test]
    fn a_place_outside_or_within_a_character_is_an_empty_word() {
        let mut list = WordList::default();
        list.place("时");
        let words = list.finish();
        for span in [Span { start: 1, length: 2 }, Span { start: 0, length: 9 }, Span { start: 9, length: 0 }]
        {
            assert_eq!((words.text(span), &*words.word(span)), ("", ""));
        }
    }

    #[test]
    fn a_word_is_stored_as_its_text() {
        let bytes = postcard::to_allocvec(&Word::from("welcome")).unwrap();
        assert_eq!(bytes, postcard::to_allocvec("welcome").unwrap());
        assert_eq!(postcard::from_bytes::<Word>(&bytes).unwrap(), Word::from("welcome"));
    }
}
