//! Keys that far ends press: from media or SIP INFO to the call, and on to the other leg where media does not pass them.

use hotline::call::{Event, Key, LegNo};

use crate::media::{self, Keys};
use crate::node::{Node, Output};
use crate::slot::{Side, SlotId};

/// The body types that carry a key.
pub(crate) const DTMF_RELAY: &str = "application/dtmf-relay";
const DTMF: &str = "application/dtmf";

impl Node {
    /// Media heard a key; it has passed it on already, unless the other leg takes keys by INFO.
    pub(crate) fn key_heard(&mut self, id: SlotId, number: LegNo, key: u8) {
        self.tell(id, Event::Digit { leg: number, digit: Key(key) });
        let other = self.slots.get(id).and_then(|slot| slot.side(slot.other(number)?));
        if other.is_some_and(|other| other.speech.keys == Keys::Info) {
            self.pass_key(id, number, key);
        }
    }

    /// An INFO with a key: believed of a far end that sends keys so, or that has no other way but tones.
    pub(crate) fn key_by_info(&mut self, id: SlotId, number: LegNo, content_type: &str, body: &[u8]) {
        let Some(key) = key_of(content_type, body) else { return };
        let Some(side) = self.slots.get(id).and_then(|slot| slot.side(number)) else { return };
        let believed = match side.speech.keys {
            Keys::Info => true,
            Keys::Auto => side.spoken().is_none_or(|spoken| spoken.events().is_none()),
            Keys::InBand => false,
        };
        if believed {
            self.tell(id, Event::Digit { leg: number, digit: Key(key) });
            self.pass_key(id, number, key);
        }
    }

    /// Presses a key towards the leg that is joined with this one.
    fn pass_key(&mut self, id: SlotId, number: LegNo, key: u8) {
        let Some(slot) = self.slots.get(id) else { return };
        let Some(Side { sip, media, speech, closing, .. }) =
            slot.other(number).and_then(|other| slot.side(other))
        else {
            return;
        };
        match (speech.keys, *sip, *media) {
            (Keys::Info, Some(sip), _) => {
                let body = format!("Signal={}\r\nDuration=160\r\n", char::from(key));
                self.endpoint.info(sip, DTMF_RELAY, body.into_bytes(), self.now.mono.0);
            }
            (Keys::Auto | Keys::InBand, _, Some((leg, _))) if !closing => {
                self.outputs.push_back(Output::Media(media::Command::SendKey { leg, key }));
            }
            (Keys::Auto | Keys::InBand | Keys::Info, _, _) => {}
        }
    }
}

/// The key of an INFO's body: `Signal=5` (`application/dtmf-relay`) or the bare key (`application/dtmf`).
fn key_of(content_type: &str, body: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(body).ok()?;
    let told = match content_type {
        DTMF_RELAY => text.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            name.trim().eq_ignore_ascii_case("signal").then(|| value.trim())
        })?,
        DTMF => text.trim(),
        _ => return None,
    };
    match (told, told.as_bytes()) {
        ("10", _) => Some(b'*'),
        ("11", _) => Some(b'#'),
        (_, [key @ (b'0'..=b'9' | b'*' | b'#' | b'A'..=b'D')]) => Some(*key),
        (_, [key @ b'a'..=b'd']) => Some(key.to_ascii_uppercase()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_from_both_bodies() {
        for (content_type, body, key) in [
            (DTMF_RELAY, "Signal=5\r\nDuration=160\r\n", Some(b'5')),
            (DTMF_RELAY, "Duration=160\r\nsignal = #\r\n", Some(b'#')),
            (DTMF_RELAY, "Signal=11\r\n", Some(b'#')),
            (DTMF_RELAY, "Duration=160\r\n", None),
            (DTMF, "d\r\n", Some(b'D')),
            (DTMF, "55", None),
            ("application/sdp", "5", None),
        ] {
            assert_eq!(key_of(content_type, body.as_bytes()), key, "{content_type} {body:?}");
        }
    }
}
