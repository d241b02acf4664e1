//! A step that asks a server outside (row I12): an address whose host is written out, templates whose places are closed,
//! secrets by name and in headers alone.

use super::flow::Exits;
use super::problem::{Counted, Fault, Wanted};
use super::reader::{At, Object, Reader, is_name};
use super::tree::{Tree, Value};
use crate::enterprise::http::{LIMIT_MS, Written, is_status, is_url, pieces};
use crate::enterprise::{FlowHttp, Json};
use crate::flow::Method;

const LIMIT_MS_MAX: u64 = 10_000;
const URL_MAX: usize = 2_000;
/// Headers, and variables of one step.
const ENTRIES_MAX: usize = 20;
/// Maps and lists of a body within each other, and all its values.
const DEPTH_MAX: usize = 8;
const VALUES_MAX: usize = 200;
/// Headers that belong to the connection.
const OWN_HEADERS: [&str; 6] =
    ["host", "content-length", "transfer-encoding", "connection", "upgrade", "expect"];

pub(in crate::enterprise) const METHODS: [(&str, Method); 3] =
    [("GET", Method::Get), ("POST", Method::Post), ("PUT", Method::Put)];
pub(in crate::enterprise) const WAITS: [(&str, bool); 2] = [("silence", false), ("music", true)];

impl Reader<'_> {
    pub(super) fn step_http(&mut self, object: &Object<'_>, exits: &mut Exits<'_>) -> Option<FlowHttp> {
        let method = self.choice_or(object.field("method"), &METHODS, Method::Get);
        let url = object.field("url").and_then(|at| self.url(&at));
        let headers = self.pairs(object.field("headers"), Self::header);
        let take = self.pairs(object.field("take"), Self::taken);
        let body = object.field("body").map(|at| {
            if method == Method::Get {
                self.wrong(&at, Fault::Conflict { field: "body", with: "method" });
            }
            self.body(&at)
        });
        let limit_ms = match object.field("limit_ms") {
            Some(at) => self.whole(&at, 100, LIMIT_MS_MAX).map(|ms| ms as u32),
            None => Some(LIMIT_MS),
        };
        let music = self.choice_or(object.field("wait"), &WAITS, false);
        let next = self.exit(exits, "next");
        let error = self.exit_or(exits, "error", None);
        let (statuses, others) =
            std::mem::take(&mut exits.all).into_iter().partition(|(name, _)| is_status(name));
        exits.all = others;
        let statuses: Vec<(String, At<'_>)> = statuses;
        Some(FlowHttp {
            method,
            url: url?,
            headers: headers?,
            body: body.map_or(Some(None), |read| read.map(Some))?,
            limit_ms: limit_ms?,
            take: take?,
            music,
            statuses: statuses
                .into_iter()
                .filter_map(|(name, at)| Some((name, at.plain()?.to_owned())))
                .collect(),
            next: next?,
            error: error?,
        })
    }

    fn url(&mut self, at: &At<'_>) -> Option<String> {
        let url = self.template(at, false)?;
        if !is_url(&url) || url.len() > URL_MAX {
            self.wrong(at, Fault::BadUrl { found: url });
            return None;
        }
        Some(url)
    }

    /// A text with places; secrets where they may stand.
    fn template(&mut self, at: &At<'_>, with_secrets: bool) -> Option<String> {
        let text = self.text(at)?;
        let secret = |piece: &Written<'_>| matches!(piece, Written::Secret(_));
        match pieces(text) {
            Some(found) if with_secrets || !found.iter().any(secret) => Some(text.to_owned()),
            Some(_) | None => {
                self.wrong(at, Fault::BadTemplate { found: text.to_owned() });
                None
            }
        }
    }

    /// The entries of a map, each read by `read`.
    fn pairs(
        &mut self,
        at: Option<At<'_>>,
        read: fn(&mut Self, &str, &At<'_>) -> Option<String>,
    ) -> Option<Vec<(String, String)>> {
        let Some(at) = at else { return Some(Vec::new()) };
        let Value::Map(fields) = &at.tree.value else {
            self.wrong(&at, Fault::WrongType { wanted: Wanted::Map });
            return None;
        };
        if fields.len() > ENTRIES_MAX {
            self.wrong(&at, Fault::TooMany { counted: Counted::Entries, max: ENTRIES_MAX });
        }
        let mut found: Vec<(String, String)> = Vec::new();
        for (key, at) in at.entries() {
            if found.iter().any(|(name, _)| name.eq_ignore_ascii_case(&key.text)) {
                self.wrong_key(key, &at, Fault::DuplicateField { field: key.text.clone() });
                continue;
            }
            let value = read(self, &key.text, &at)?;
            found.push((key.text.clone(), value));
        }
        Some(found)
    }

    fn header(&mut self, name: &str, at: &At<'_>) -> Option<String> {
        let is_token = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let own = OWN_HEADERS.iter().any(|own| own.eq_ignore_ascii_case(name));
        if name.is_empty() || !name.chars().all(is_token) || own {
            self.wrong(at, Fault::BadTemplate { found: name.to_owned() });
            return None;
        }
        let value = self.template(at, true)?;
        if value.chars().any(|c| c.is_control() || !c.is_ascii()) {
            self.wrong(at, Fault::BadTemplate { found: value });
            return None;
        }
        Some(value)
    }

    /// Where a variable's value is: names and places of a list, with points between.
    fn taken(&mut self, name: &str, at: &At<'_>) -> Option<String> {
        let path = self.text(at)?;
        let parts = path.split('.').count();
        if !is_name(name) || parts > DEPTH_MAX || path.split('.').any(str::is_empty) || path.len() > 200 {
            self.wrong(at, Fault::BadTemplate { found: path.to_owned() });
            return None;
        }
        Some(path.to_owned())
    }

    fn body(&mut self, at: &At<'_>) -> Option<Json> {
        let mut left = VALUES_MAX;
        match json(at.tree, 0, &mut left) {
            Some(body) => Some(body),
            None => {
                self.wrong(at, Fault::BadTemplate { found: "body".to_owned() });
                None
            }
        }
    }
}

fn json(tree: &Tree, depth: usize, left: &mut usize) -> Option<Json> {
    *left = left.checked_sub(1).filter(|_| depth <= DEPTH_MAX)?;
    Some(match &tree.value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        // What JSON would not read as a number, such as 0755, is sent as it was written.
        Value::Number(number) if is_number(number) => Json::Number(number.clone()),
        Value::Number(text) => Json::Text(text.clone()),
        Value::Text(text) => {
            let found = pieces(text)?;
            if found.iter().any(|piece| matches!(piece, Written::Secret(_))) {
                return None;
            }
            Json::Text(text.clone())
        }
        Value::List(items) => {
            Json::List(items.iter().map(|item| json(item, depth + 1, left)).collect::<Option<_>>()?)
        }
        Value::Map(fields) => {
            let field =
                |(key, value): &(super::Key, Tree)| Some((key.text.clone(), json(value, depth + 1, left)?));
            Json::Map(fields.iter().map(field).collect::<Option<_>>()?)
        }
    })
}

/// Whether it is a whole number or a decimal as JSON has them (RFC 8259 6), without an exponent.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = digits.split_once('.').map_or((digits, None), |(whole, part)| (whole, Some(part)));
    let all = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    all(whole) && (whole == "0" || !whole.starts_with('0')) && part.is_none_or(all)
}
