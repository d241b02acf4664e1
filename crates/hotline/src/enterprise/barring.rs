//! Who is kept away from a number, as a document says it: lists, regions, passwords, nuisance. Values only; what follows
//! from them is decided in [`crate::barring`].

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::calendar::Date;

/// The bars of one number, beside its block list (rows B01–B04, B12).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Barring {
    /// Callers who pass every bar but the limits (row B03).
    pub allow: Vec<String>,
    /// What a blocked caller hears (row B01).
    pub block_answer: BlockAnswer,
    /// Regions whose callers are connected, or are not (row B02).
    pub regions: Option<RegionBarring>,
    /// The password asked for before anything else (row B04).
    pub password: Option<Password>,
    /// What is done about callers who call again and again (row B12).
    pub nuisance: Option<Nuisance>,
}

/// Callers never connected: one number, an area code (`021*`) or a segment (`1700000*`) (row B01).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "WrittenEntry")]
pub struct BlockEntry {
    /// Digits, or first digits and a star.
    pub caller: String,
    /// The last day on which it holds, in Beijing; `None` is for good.
    pub until: Option<Date>,
    /// Who wrote it; may be empty.
    pub by: String,
    /// Why; may be empty.
    pub note: String,
}

impl BlockEntry {
    /// An entry for good, of nobody and without a reason.
    pub fn of(caller: &str) -> Self {
        Self { caller: caller.to_owned(), until: None, by: String::new(), note: String::new() }
    }
}

/// Entries as stored: documents of earlier versions have plain patterns.
#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenEntry {
    Plain(String),
    Whole { caller: String, until: Option<Date>, by: String, note: String },
}

impl From<WrittenEntry> for BlockEntry {
    fn from(written: WrittenEntry) -> Self {
        match written {
            WrittenEntry::Plain(caller) => Self::of(&caller),
            WrittenEntry::Whole { caller, until, by, note } => Self { caller, until, by, note },
        }
    }
}

/// What a blocked caller hears.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockAnswer {
    /// As if all were busy: the prompt of that and 486.
    Busy,
    /// As if nobody had the number: the prompt of that and 404.
    NotInService,
    /// A prompt, then 603.
    Prompt(String),
}

/// The prompt that blocked callers hear unless said.
pub const BARRED: &str = "barred";

impl Default for BlockAnswer {
    fn default() -> Self {
        Self::Prompt(BARRED.to_owned())
    }
}

/// Whether a number's regions are those connected or those refused: one of them, never both (row B02).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegionBarring {
    /// What being in `regions` means.
    pub mode: RegionMode,
    /// 大区, provinces, cities, area codes, prefixes, `international`.
    pub regions: Vec<String>,
    /// What happens to a caller whose region is not known.
    pub unknown: UnknownRegion,
    /// What a refused caller hears.
    pub prompt: String,
}

/// What being in a number's regions means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegionMode {
    /// Only callers inside are connected.
    Allow,
    /// Callers inside are refused.
    Deny,
}

/// What happens to a caller whose region is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownRegion {
    /// Connected as if there were no bar.
    Connect,
    /// Refused.
    Refuse,
}

/// The password asked for before anything else; the call is answered first (row B04).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Password {
    /// The prompt that asks for it.
    pub prompt: String,
    /// The prompt after a wrong one.
    pub wrong: String,
    /// The passwords, each with a name that the record shows.
    pub passwords: Vec<NamedCode>,
    /// Tries in one call.
    pub tries: u8,
    /// How long the first key may take, seconds.
    pub first_key_s: u8,
    /// How long each further key may take, seconds.
    pub key_s: u8,
    /// Calls without the right password after which a caller is locked out.
    pub lock_after: u8,
    /// For how long, minutes.
    pub lock_minutes: u16,
}

/// A password with its name.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedCode {
    /// Its name, for the record.
    pub name: String,
    /// Its digits. They stand in the document and nowhere else.
    pub code: String,
}

impl fmt::Debug for NamedCode {
    /// Without the digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NamedCode({:?}, {} digits)", self.name, self.code.len())
    }
}

/// What is done about callers who call again and again (row B12): first they have to press a key, then they are
/// blocked. The score is 0 to 100.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nuisance {
    /// From this score on a caller has to press a key.
    pub challenge: u8,
    /// From this score on a caller is not connected.
    pub block: u8,
    /// How far back calls count, minutes.
    pub window_minutes: u16,
    /// A call shorter than this is a short one, seconds.
    pub short_s: u16,
    /// Callers who are suspected from the start.
    pub suspects: Vec<String>,
}

impl Default for Nuisance {
    fn default() -> Self {
        Self { challenge: 60, block: 100, window_minutes: 10, short_s: 10, suspects: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::{Barring, BlockEntry};
    use crate::enterprise::read;
    use crate::enterprise::read::tests::{HUAXIN, allowed, yaml};
    use crate::enterprise::{Enterprise, Number};

    /// As documents were stored before there were bars: no `bars`, and block entries that are plain text.
    #[test]
    fn b01_a_document_stored_before_there_were_bars_still_reads() {
        let (enterprise, _) = read(&yaml(HUAXIN), &allowed()).expect("the example is right");
        let mut stored = serde_json::to_value(&enterprise).unwrap();
        let number = stored["numbers"][0].as_object_mut().unwrap();
        number.remove("bars").expect("it is stored");
        number["block"] = serde_json::json!(["13900000000", "1700000*"]);
        let read: Enterprise = serde_json::from_value(stored).unwrap();
        let number: &Number = &read.numbers[0];
        assert_eq!(number.block, [BlockEntry::of("13900000000"), BlockEntry::of("1700000*")]);
        assert_eq!(number.bars, Barring::default());
        let again: Enterprise = serde_json::from_value(serde_json::to_value(&read).unwrap()).unwrap();
        assert_eq!(again, read);
    }
}
