//! A step that asks a server outside, as people write it (row I12). Places for values are written `${name}`; secrets are
//! named `${secret:name}`, in headers alone, and are kept by the server.

use serde::{Deserialize, Serialize};

use super::{CallerFact, Exit};
use crate::flow::Method;

/// A step that asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowHttp {
    /// How.
    pub method: Method,
    /// Where: a template whose host is written out.
    pub url: String,
    /// Headers by name, each a template.
    pub headers: Vec<(String, String)>,
    /// What is sent, its texts templates.
    pub body: Option<Json>,
    /// How long the answer may take, milliseconds.
    pub limit_ms: u32,
    /// Variables and where in the answer their values are, in the document's order.
    pub take: Vec<(String, String)>,
    /// Whether the caller hears music meanwhile; else nothing.
    pub music: bool,
    /// Exits by status, `404` or `4xx`.
    pub statuses: Vec<(String, Exit)>,
    /// Where an answer of 2xx leads.
    pub next: Exit,
    /// Where everything else leads.
    pub error: Exit,
}

/// The longest time an answer may take unless said, milliseconds.
pub(super) const LIMIT_MS: u32 = 2_000;

impl FlowHttp {
    /// A request with all terms at their usual values.
    pub fn new(url: &str, next: &str, error: &str) -> Self {
        Self {
            method: Method::Get,
            url: url.to_owned(),
            headers: Vec::new(),
            body: None,
            limit_ms: LIMIT_MS,
            take: Vec::new(),
            music: false,
            statuses: Vec::new(),
            next: next.to_owned(),
            error: error.to_owned(),
        }
    }

    pub(super) fn exits(&self) -> Vec<(&str, bool)> {
        let statuses = self.statuses.iter().map(|(_, exit)| exit.as_str());
        statuses.chain([self.next.as_str(), self.error.as_str()]).map(|exit| (exit, false)).collect()
    }
}

/// A JSON value whose texts are templates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "JSON's own names")]
pub enum Json {
    Null,
    Bool(bool),
    /// As it was written.
    Number(String),
    Text(String),
    List(Vec<Json>),
    Map(Vec<(String, Json)>),
}

/// A piece of a template as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Written<'t> {
    Text(&'t str),
    Variable(&'t str),
    Fact(CallerFact),
    Number,
    Secret(&'t str),
}

/// The pieces of a template; `None` where a place is not closed or names nothing.
pub(super) fn pieces(template: &str) -> Option<Vec<Written<'_>>> {
    let (mut rest, mut found) = (template, Vec::new());
    while let Some((text, behind)) = rest.split_once("${") {
        let (name, left) = behind.split_once('}')?;
        if !text.is_empty() {
            found.push(Written::Text(text));
        }
        found.push(place(name)?);
        rest = left;
    }
    if !rest.is_empty() {
        found.push(Written::Text(rest));
    }
    Some(found)
}

fn place(name: &str) -> Option<Written<'_>> {
    let is_word = |name: &str| !name.is_empty() && name.trim() == name && !name.contains(['{', '$', ':']);
    if let Some(secret) = name.strip_prefix("secret:") {
        return is_word(secret).then_some(Written::Secret(secret));
    }
    Some(match name {
        "number" => Written::Number,
        "caller" => Written::Fact(CallerFact::Caller),
        "province" => Written::Fact(CallerFact::Province),
        "city" => Written::Fact(CallerFact::City),
        "area_code" => Written::Fact(CallerFact::AreaCode),
        variable => Written::Variable(Some(variable).filter(|name| is_word(name))?),
    })
}

/// Whether an address may be asked: http or https, and a host that no value takes part in.
pub(super) fn is_url(template: &str) -> bool {
    let rest = template.strip_prefix("https://").or_else(|| template.strip_prefix("http://"));
    let Some(rest) = rest else { return false };
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    let is_host = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-:[]".contains(c));
    is_host && !template.contains('#') && !template.chars().any(|c| c.is_control() || c.is_whitespace())
}

/// Whether a text is an exit by status: `404` or `4xx`.
pub(super) fn is_status(exit: &str) -> bool {
    matches!(exit.as_bytes(), [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9'] | [b'2'..=b'5', b'x', b'x'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i12_a_host_is_written_out_and_places_are_closed() {
        for good in
            ["https://crm.example.cn/a?b=${caller}", "http://10.0.0.7:8080", "https://[2001:db8::1]/x"]
        {
            assert!(is_url(good), "{good}");
        }
        for bad in [
            "ftp://a/",
            "https://${host}/",
            "https://a.${zone}.cn/",
            "https://user@a.cn/",
            "https:///x",
            "https://a.cn/ b",
            "https://a.cn/#x",
            "//a.cn",
        ] {
            assert!(!is_url(bad), "{bad}");
        }
        assert_eq!(pieces("a${"), None);
        assert_eq!(pieces("${}"), None);
        assert_eq!(pieces("${secret:}"), None);
        assert_eq!(
            pieces("Bearer ${secret:crm} ${level}"),
            Some(vec![
                Written::Text("Bearer "),
                Written::Secret("crm"),
                Written::Text(" "),
                Written::Variable("level")
            ])
        );
        let statuses = ["404", "4xx", "200", "1xx", "600", "40x", "next"].map(is_status);
        assert_eq!(statuses, [true, true, true, false, false, false, false]);
    }
}
