//! A step that asks a server outside, laid out: its templates cut into pieces, its variables made places.

use super::Layout;
use super::flow::Place;
use crate::enterprise::http::{Written, pieces};
use crate::enterprise::{FlowHttp, Json};
use crate::flow::{HttpStep, Piece, Template, json};

impl Layout<'_> {
    pub(super) fn http(&mut self, written: &FlowHttp, place: &Place<'_>) -> HttpStep {
        // Exact statuses go before classes.
        let mut statuses: Vec<_> = written.statuses.iter().collect();
        statuses.sort_by_key(|(status, _)| status.ends_with("xx"));
        HttpStep {
            method: written.method,
            url: self.template(&written.url),
            headers: written
                .headers
                .iter()
                .map(|(name, value)| (self.words.place(name), self.template(value)))
                .collect(),
            body: written.body.as_ref().map(|body| self.body(body)),
            limit_ms: written.limit_ms.into(),
            take: written
                .take
                .iter()
                .map(|(variable, path)| (self.slot(variable), self.words.place(path)))
                .collect(),
            music: written.music,
            statuses: statuses
                .into_iter()
                .map(|(status, exit)| (self.words.place(status), place.step(exit)))
                .collect(),
            next: place.step(&written.next),
            error: place.step(&written.error),
        }
    }

    fn template(&mut self, written: &str) -> Template {
        let mut found = Vec::new();
        self.cut(written, &mut found, |text| text.to_owned());
        Template(found.into())
    }

    /// The pieces of a template behind others; `as_text` writes what stands between the places.
    fn cut(&mut self, written: &str, into: &mut Vec<Piece>, as_text: impl Fn(&str) -> String) {
        for piece in pieces(written).unwrap_or_default() {
            into.push(match piece {
                Written::Text(text) => Piece::Text(self.words.place(&as_text(text))),
                Written::Variable(name) => Piece::Slot(self.slot(name)),
                Written::Fact(fact) => Piece::Fact(fact),
                Written::Number => Piece::Number,
                Written::Secret(name) => Piece::Secret(self.words.place(name)),
            });
        }
    }

    fn body(&mut self, written: &Json) -> Template {
        let mut found = Vec::new();
        self.json(written, &mut found);
        Template(found.into())
    }

    fn json(&mut self, written: &Json, into: &mut Vec<Piece>) {
        let say = |layout: &mut Self, into: &mut Vec<Piece>, text: &str| {
            into.push(Piece::Text(layout.words.place(text)));
        };
        let escaped = |text: &str| {
            let mut inside = String::new();
            json(text, &mut inside);
            inside
        };
        match written {
            Json::Null => say(self, into, "null"),
            Json::Bool(value) => say(self, into, if *value { "true" } else { "false" }),
            Json::Number(number) => say(self, into, number),
            Json::Text(text) => {
                say(self, into, "\"");
                self.cut(text, into, escaped);
                say(self, into, "\"");
            }
            Json::List(items) => {
                for (place, item) in items.iter().enumerate() {
                    say(self, into, if place == 0 { "[" } else { "," });
                    self.json(item, into);
                }
                say(self, into, if items.is_empty() { "[]" } else { "]" });
            }
            Json::Map(fields) => {
                for (place, (name, value)) in fields.iter().enumerate() {
                    let before = if place == 0 { "{" } else { "," };
                    say(self, into, &format!("{before}\"{}\":", escaped(name)));
                    self.json(value, into);
                }
                say(self, into, if fields.is_empty() { "{}" } else { "}" });
            }
        }
    }
}
