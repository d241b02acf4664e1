//! A chain of events of one recording (row V10): each carries a hash over itself and the hash before it, so that whoever has the
//! last hash sees whether anything was changed, left out or put between. It knows no file and no database.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{RecordingId, TenantId, Wall};

/// What the first hash is chained to.
const BEGINNING: &str = "";

/// What happened to a recording; the stable code stands in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Its file was finished: the detail has the checksums, the notice and the second it ended.
    Recorded,
    /// Somebody heard it in a page.
    Listened,
    /// Somebody took it as a file.
    Downloaded,
    /// It is kept beyond its time: the reason.
    Held,
    /// Nobody keeps it beyond its time any more.
    Released,
    /// Its time was over and its file was deleted.
    Deleted,
}

impl What {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            What::Recorded => "recorded",
            What::Listened => "listened",
            What::Downloaded => "downloaded",
            What::Held => "held",
            What::Released => "released",
            What::Deleted => "deleted",
        }
    }
}

/// One event of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// From 1.
    pub number: u64,
    /// When.
    pub at: Wall,
    /// Who.
    pub by: String,
    /// What.
    pub what: What,
    /// More of it; may be empty.
    pub detail: String,
    /// 64 hexadecimal digits: SHA-256 over the JSON array of the hash before (empty for the first), enterprise, recording,
    /// number, milliseconds since 1970-01-01 UTC, who, what, detail.
    pub hash: String,
}

impl Event {
    /// The event behind `last`, with its hash.
    pub fn behind(
        last: Option<&Event>,
        of: (&TenantId, RecordingId),
        (by, at): (&str, Wall),
        what: What,
        detail: &str,
    ) -> Event {
        let number = last.map_or(0, |last| last.number) + 1;
        let mut event =
            Event { number, at, by: by.to_owned(), what, detail: detail.to_owned(), hash: String::new() };
        event.hash = event.hash_behind(last.map_or(BEGINNING, |last| &last.hash), of);
        event
    }

    fn hash_behind(&self, before: &str, (tenant, recording): (&TenantId, RecordingId)) -> String {
        let mut sum = Sha256::new();
        let (recording, number, at) = (recording.to_string(), self.number.to_string(), self.at.0.to_string());
        let texts =
            [before, tenant.as_str(), &recording, &number, &at, &self.by, self.what.code(), &self.detail];
        for (place, text) in texts.iter().enumerate() {
            sum.update(if place == 0 { "[" } else { "," });
            sum.update(quoted(text));
        }
        sum.update("]");
        sum.finalize().iter().map(|octet| format!("{octet:02x}")).collect()
    }
}

/// A text as JSON has it, with nothing escaped but what must be (RFC 8259 7).
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\u{8}' => quoted.push_str("\\b"),
            '\t' => quoted.push_str("\\t"),
            '\n' => quoted.push_str("\\n"),
            '\u{c}' => quoted.push_str("\\f"),
            '\r' => quoted.push_str("\\r"),
            control if u32::from(control) < 0x20 => {
                quoted.push_str(&format!("\\u{:04x}", u32::from(control)))
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// The number of the first event that is not what was written then; `None` for a whole chain.
pub fn first_broken(of: (&TenantId, RecordingId), events: &[Event]) -> Option<u64> {
    let mut before = BEGINNING;
    for (place, event) in events.iter().enumerate() {
        let number = place as u64 + 1;
        if event.number != number || event.hash != event.hash_behind(before, of) {
            return Some(number);
        }
        before = &event.hash;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain() -> (TenantId, RecordingId, Vec<Event>) {
        let (tenant, recording) = (TenantId::new("huaxin"), RecordingId(7));
        let mut events: Vec<Event> = Vec::new();
        for (what, by, detail) in [
            (What::Recorded, "platform", "{\"sha256\":\"ab\"}"),
            (What::Listened, "马工", ""),
            (What::Held, "ren", "诉讼 \"2026-017\"\\\n\t\u{8}\u{1}"),
            (What::Downloaded, "ma", ""),
        ] {
            let at = Wall(1_790_000_000_000 + events.len() as i64);
            events.push(Event::behind(events.last(), (&tenant, recording), (by, at), what, detail));
        }
        (tenant, recording, events)
    }

    #[test]
    fn v10_whatever_is_changed_left_out_or_put_between_is_seen() {
        let (tenant, recording, whole) = chain();
        let of = (&tenant, recording);
        assert_eq!(first_broken(of, &whole), None);
        assert_eq!(first_broken(of, &[]), None);
        assert_eq!(first_broken((&TenantId::new("mingda"), recording), &whole), Some(1));
        assert_eq!(first_broken((&tenant, RecordingId(8)), &whole), Some(1));
        let changed = |change: &dyn Fn(&mut Vec<Event>)| {
            let mut events = whole.clone();
            change(&mut events);
            first_broken(of, &events)
        };
        assert_eq!(changed(&|events| events[1].by = "somebody".into()), Some(2));
        assert_eq!(changed(&|events| events[2].at.0 += 1), Some(3));
        assert_eq!(changed(&|events| events[3].what = What::Listened), Some(4));
        assert_eq!(changed(&|events| events[0].detail.push(' ')), Some(1));
        assert_eq!(changed(&|events| drop(events.remove(1))), Some(2));
        assert_eq!(changed(&|events| events.swap(1, 2)), Some(2));
        assert_eq!(changed(&|events| events.insert(1, events[1].clone())), Some(3));
        assert_eq!(changed(&|events| events.truncate(2)), None, "who has the last hash sees that alone");
    }

    /// The hash is what its documentation says, so that others can work it out: here by the JSON library.
    #[test]
    fn v10_the_hash_is_that_of_a_json_array() {
        let (tenant, recording, events) = chain();
        let mut before = String::new();
        for event in events {
            let texts = [
                before.clone(),
                tenant.to_string(),
                recording.to_string(),
                event.number.to_string(),
                event.at.0.to_string(),
                event.by.clone(),
                event.what.code().to_owned(),
                event.detail.clone(),
            ];
            let json = serde_json::to_string(&texts).expect("JSON");
            let hash = Sha256::digest(json.as_bytes());
            before = hash.iter().map(|octet| format!("{octet:02x}")).collect();
            assert_eq!(event.hash, before);
        }
    }
}
