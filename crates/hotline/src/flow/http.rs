//! A step that asks a server outside (row I12): what it asks, with what is known of the call in its places, and what an
//! answer means. Secrets are names here; whoever performs the request knows them. Nothing here speaks HTTP.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Slots, StepNo};
use crate::enterprise::CallerFact;
use crate::region::Region;
use crate::{HotlineNumber, Span, Words};

/// The longest value that an answer gives a variable, characters; a longer one is cut.
pub const VALUE_MAX: usize = 200;
/// Requests of one call.
pub const REQUESTS_MAX: usize = 20;

/// How it is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// GET.
    #[default]
    Get,
    /// POST.
    Post,
    /// PUT.
    Put,
}

impl Method {
    /// As HTTP writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
        }
    }
}

/// A step that asks, compiled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HttpStep {
    /// How.
    pub method: Method,
    /// Where; its host is written out.
    pub url: Template,
    /// Headers by name.
    pub headers: Box<[(Span, Template)]>,
    /// A JSON text.
    pub body: Option<Template>,
    /// How long the answer may take, milliseconds.
    pub limit_ms: u64,
    /// Variables and where in the answer's JSON their values are.
    pub take: Box<[(u8, Span)]>,
    /// Whether the caller hears music meanwhile; else nothing.
    pub music: bool,
    /// Exits by status, `404` or `4xx`, exact ones first.
    pub statuses: Box<[(Span, StepNo)]>,
    /// Where an answer of 2xx leads.
    pub next: StepNo,
    /// Where everything else leads.
    pub error: StepNo,
}

/// A text with places for what is known of the call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template(pub Box<[Piece]>);

/// A piece of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Piece {
    /// As it stands.
    Text(Span),
    /// What a variable holds.
    Slot(u8),
    /// What is known of the caller.
    Fact(CallerFact),
    /// The 400 number called, ten digits.
    Number,
    /// A secret of the enterprise, by its name.
    Secret(Span),
}

/// What takes the places of a template.
pub(crate) struct Known<'a> {
    pub(crate) words: &'a Words,
    pub(crate) slots: &'a Slots,
    pub(crate) caller: &'a str,
    pub(crate) region: &'a Region,
    pub(crate) number: HotlineNumber,
}

/// A part of a header: known here, or to whoever performs the request.
#[derive(Clone, PartialEq, Eq)]
pub enum Part {
    /// A text.
    Text(String),
    /// A secret of the enterprise, by its name.
    Secret(Arc<str>),
}

/// What is asked of a server outside. Its `Debug` has no values: one may be a card's number.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// How.
    pub method: Method,
    /// Where.
    pub url: String,
    /// Headers by name.
    pub headers: Vec<(String, Vec<Part>)>,
    /// A JSON text.
    pub body: Option<String>,
    /// How long the answer may take, milliseconds.
    pub limit_ms: u64,
    /// Where in the answer's JSON values are, such as `data.customers.0.level`.
    pub take: Vec<Arc<str>>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({})", self.method.as_str())
    }
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fetched {
    /// An answer, with the values that were asked for in their order; one that is not there is empty.
    Answered {
        /// Its status.
        status: u16,
        /// The values.
        values: Vec<String>,
    },
    /// None.
    Failed(NoAnswer),
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoAnswer {
    /// It did not come in time.
    Slow,
    /// Nobody answers there, or not as HTTP does, or with too much.
    Unreachable,
    /// The address lies where nobody may reach (FAULTS P3).
    Barred,
    /// The answer is no JSON, and values of it are wanted.
    NotJson,
    /// The enterprise has no secret of a name that the step wants.
    NoSecret,
    /// Too many requests are on their way.
    Busy,
    /// Nothing was asked: a dry run without a typed-in answer.
    NotAsked,
}

impl HttpStep {
    /// What is asked of the server for this call.
    pub(crate) fn request(&self, known: &Known<'_>) -> Request {
        let words = known.words;
        let header = |(name, value): &(Span, Template)| (words.text(*name).to_owned(), value.parts(known));
        Request {
            method: self.method,
            url: self.url.render(known, percent),
            headers: self.headers.iter().map(header).collect(),
            body: self.body.as_ref().map(|body| body.render(known, json)),
            limit_ms: self.limit_ms,
            take: self.take.iter().map(|(_, path)| words.text(*path).into()).collect(),
        }
    }

    /// Where what came of it leads.
    pub fn exit(&self, words: &Words, fetched: &Fetched) -> StepNo {
        let Fetched::Answered { status, .. } = fetched else { return self.error };
        let text = status.to_string();
        let class = format!("{}xx", status / 100);
        let named = |wanted: &str| self.statuses.iter().find(|(name, _)| words.text(*name) == wanted);
        let usual = if status / 100 == 2 { self.next } else { self.error };
        named(&text).or_else(|| named(&class)).map_or(usual, |(_, step)| *step)
    }
}

impl Template {
    /// The text, each value escaped for where it stands. A secret is never part of it.
    fn render(&self, known: &Known<'_>, escape: fn(&str, &mut String)) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(span) => text.push_str(known.words.text(*span)),
                Piece::Secret(_) => {}
                Piece::Slot(_) | Piece::Fact(_) | Piece::Number => escape(&piece.value(known), &mut text),
            }
        }
        text
    }

    /// The same for a header, which has no line breaks whatever a value holds.
    fn parts(&self, known: &Known<'_>) -> Vec<Part> {
        let part = |piece: &Piece| match piece {
            Piece::Secret(name) => Part::Secret(known.words.text(*name).into()),
            Piece::Text(span) => Part::Text(known.words.text(*span).to_owned()),
            Piece::Slot(_) | Piece::Fact(_) | Piece::Number => {
                Part::Text(piece.value(known).chars().filter(|c| !c.is_control()).collect())
            }
        };
        self.0.iter().map(part).collect()
    }
}

impl Piece {
    fn value(self, known: &Known<'_>) -> String {
        match self {
            Piece::Text(span) | Piece::Secret(span) => known.words.text(span).to_owned(),
            Piece::Slot(slot) => known.slots.text(slot).to_owned(),
            Piece::Fact(CallerFact::Caller) => known.caller.to_owned(),
            Piece::Fact(CallerFact::Province) => known.region.province.to_string(),
            Piece::Fact(CallerFact::City) => known.region.city.to_string(),
            Piece::Fact(CallerFact::AreaCode) => known.region.area_code.to_string(),
            Piece::Number => known.number.to_string(),
        }
    }
}

/// All but the unreserved characters of RFC 3986 2.3 as octets by percent.
fn percent(value: &str, into: &mut String) {
    for octet in value.bytes() {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                into.push(char::from(octet))
            }
            other => into.push_str(&format!("%{other:02X}")),
        }
    }
}

/// The inside of a JSON string (RFC 8259 7).
pub(crate) fn json(value: &str, into: &mut String) {
    for c in value.chars() {
        match c {
            '"' => into.push_str("\\\""),
            '\\' => into.push_str("\\\\"),
            c if c.is_control() => {
                let mut units = [0; 2];
                c.encode_utf16(&mut units).iter().for_each(|unit| into.push_str(&format!("\\u{unit:04x}")));
            }
            c => into.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i12_values_are_escaped_for_where_they_stand() {
        let hostile = "a b&c=d/../?#\r\nX: y\"\\张";
        let mut text = String::new();
        percent(hostile, &mut text);
        assert_eq!(text, "a%20b%26c%3Dd%2F..%2F%3F%23%0D%0AX%3A%20y%22%5C%E5%BC%A0");
        let mut text = String::new();
        json(hostile, &mut text);
        let back: String = serde_json::from_str(&format!("\"{text}\"")).expect("a string of JSON");
        assert_eq!(back, hostile);
    }

    #[test]
    fn i12_a_request_is_told_without_its_values() {
        let request = Request {
            method: Method::Post,
            url: "https://crm.example.cn/6222020200112233".into(),
            headers: vec![("X".into(), vec![Part::Secret("token".into())])],
            body: Some("{\"card\":\"6222020200112233\"}".into()),
            limit_ms: 2_000,
            take: Vec::new(),
        };
        assert_eq!(format!("{request:?}"), "Request(POST)");
    }
}
