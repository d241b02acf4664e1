//! What is offered to a far end, what is answered, and what both then speak: the other leg's codecs first, so that
//! nothing need be transcoded where both can do without.

use std::net::SocketAddr;

use sip::sdp::{self, Format, Sdp};

use crate::media::{Agreed, Codec, Keys, Speech};
use crate::slot::Side;

/// What far ends agree on most, and media relays at least cost.
const G711: [sdp::Codec; 2] = [sdp::Codec::Pcma, sdp::Codec::Pcmu];
/// Packet times that are kept between the two legs; others become 20.
const PTIMES_MS: [u16; 3] = [10, 20, 30];

/// All voice formats we speak, in our order of preference.
fn voices() -> [Format; 5] {
    [Format::pcma(), Format::pcmu(), Format::g722(), Format::g729(), Format::opus()]
}

/// All formats we take.
fn taken(speech: Speech) -> Vec<Format> {
    let mut formats = voices().to_vec();
    formats.push(Format::comfort_noise());
    if speech.keys == Keys::Auto {
        formats.push(Format::telephone_event());
    }
    formats
}

/// Our offer to a far end that the caller, if known, shall talk to: what the caller speaks, in its order, then what can
/// be transcoded.
pub(crate) fn offer(
    caller: Option<&Side>,
    port: SocketAddr,
    speech: Speech,
    (session, version): (u64, u64),
) -> Sdp {
    let spoken = caller.and_then(Side::spoken);
    let first = spoken.map(|sdp| sdp.formats.as_slice()).unwrap_or_default();
    let mut formats: Vec<Format> = Vec::with_capacity(8);
    for theirs in first {
        formats.extend(voices().into_iter().find(|ours| ours.same_codec(theirs)));
    }
    for ours in voices() {
        if !formats.contains(&ours) {
            formats.push(ours);
        }
    }
    if first.iter().any(|format| format.codec == sdp::Codec::ComfortNoise) {
        formats.push(Format::comfort_noise());
    }
    if speech.keys == Keys::Auto {
        formats.extend([Format::telephone_event(), Format::telephone_event_48()]);
    }
    let mut offer = Sdp::offer(port, &formats, session, version);
    offer.ptime_ms = Some(ptime_of(spoken));
    offer
}

/// Our answer to an offer; `None` without a common codec. Of those in common the first is `wanted`, what the other leg
/// speaks, else G.711, which every trunk has.
pub(crate) fn answer(
    offer: &Sdp,
    port: SocketAddr,
    speech: Speech,
    wanted: Option<&sdp::Codec>,
    (session, version): (u64, u64),
) -> Option<Sdp> {
    let mut answer = Sdp::answer(offer, port, &taken(speech), session, version).ok()?;
    match wanted {
        Some(wanted) => answer.prefer(&[wanted.clone(), G711[0].clone(), G711[1].clone()]),
        None => answer.prefer(&in_order_of(offer)),
    }
    answer.ptime_ms = Some(ptime_of(Some(offer)));
    if answer.voice().is_some_and(|voice| voice.codec == sdp::Codec::Opus) {
        // What we decode of Opus comes in frames of 20 ms at most.
        answer.maxptime_ms = Some(20);
    }
    Some(answer)
}

/// The two laws as the offer has them.
fn in_order_of(offer: &Sdp) -> Vec<sdp::Codec> {
    offer.formats.iter().map(|format| format.codec.clone()).filter(|codec| G711.contains(codec)).collect()
}

fn ptime_of(theirs: Option<&Sdp>) -> u16 {
    let asked = theirs.and_then(|sdp| sdp.ptime_ms.min(sdp.maxptime_ms).or(sdp.ptime_ms));
    asked.filter(|ms| PTIMES_MS.contains(ms)).unwrap_or(20)
}

/// What we describe in mid-call: the answer to an offer, or our offer where none came. What is spoken goes on being
/// spoken where it can; the version grows only if something changed.
pub(crate) fn again(
    side: &Side,
    offered: Option<&Sdp>,
    port: SocketAddr,
    other: Option<&sdp::Codec>,
    session: u64,
) -> Option<Sdp> {
    let (session, version) =
        side.ours.as_ref().map_or((session, 0), |ours| (ours.session_id, ours.session_version));
    let spoken = side.voice();
    let mut ours = match offered {
        Some(offered) => {
            let still = |codec: &&sdp::Codec| offered.formats.iter().any(|format| format.codec == **codec);
            let wanted = spoken.as_ref().filter(still).or(other.filter(still));
            answer(offered, port, side.speech, wanted, (session, version))?
        }
        None => {
            let mut ours = offer(None, port, side.speech, (session, version));
            if let Some(spoken) = spoken {
                let at = ours.formats.iter().position(|format| format.codec == spoken);
                ours.formats[..=at.unwrap_or(0)].rotate_right(1);
            }
            ours
        }
    };
    if side.ours.as_ref() != Some(&ours) {
        ours.session_version += 1;
    }
    Some(ours)
}

/// How a side is spoken to: of what it and we named, the other leg's codec if it is there.
pub(crate) fn agreed(side: &Side, other: Option<&sdp::Codec>) -> Option<Agreed> {
    let theirs = side.theirs.as_ref()?;
    let mut spoken = side.spoken()?.clone();
    if let Some(other) = other {
        spoken.prefer(std::slice::from_ref(other));
    }
    let voice = spoken.voice()?;
    let keys = side.speech.keys;
    let events = spoken.events().filter(|_| keys == Keys::Auto);
    Some(Agreed {
        codec: codec_of(&voice.codec)?,
        payload_type: voice.payload_type,
        events: events.map(|format| (format.payload_type, format.rate_hz)),
        noise_payload_type: spoken.comfort_noise(),
        ptime_ms: ptime_of(Some(theirs)) as u8,
        keys,
    })
}

fn codec_of(codec: &sdp::Codec) -> Option<Codec> {
    Some(match codec {
        sdp::Codec::Pcma => Codec::Pcma,
        sdp::Codec::Pcmu => Codec::Pcmu,
        sdp::Codec::G722 => Codec::G722,
        sdp::Codec::G729 => Codec::G729,
        sdp::Codec::Opus => Codec::Opus,
        sdp::Codec::ComfortNoise | sdp::Codec::TelephoneEvent | sdp::Codec::Other(_) => return None,
    })
}

impl Side {
    /// What both named: our answer to their offer, or their answer to ours; before there is either, what they offer.
    pub(crate) fn spoken(&self) -> Option<&Sdp> {
        self.ours.as_ref().filter(|_| self.ours_answers).or(self.theirs.as_ref())
    }

    /// The voice that is spoken to it, once that is known.
    pub(crate) fn voice(&self) -> Option<sdp::Codec> {
        let known = self.ours.is_some() && self.theirs.is_some();
        self.spoken().filter(|_| known)?.voice().map(|voice| voice.codec.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sdp(formats: &[Format]) -> Sdp {
        Sdp::offer("192.0.2.7:4000".parse().expect("an address"), formats, 1, 1)
    }

    fn port() -> SocketAddr {
        "198.51.100.1:20000".parse().expect("an address")
    }

    fn codecs(sdp: &Sdp) -> Vec<&str> {
        sdp.formats.iter().map(|format| format.codec.name()).collect()
    }

    #[test]
    fn a_target_is_offered_the_callers_codecs_first() {
        let theirs = sdp(&[Format::g729(), Format::pcma(), Format::comfort_noise()]);
        let caller = Side { theirs: Some(theirs), ..Side::default() };
        let offer = offer(Some(&caller), port(), Speech::default(), (1, 1));
        let want = ["G729", "PCMA", "PCMU", "G722", "opus", "CN", "telephone-event", "telephone-event"];
        assert_eq!(codecs(&offer), want);
    }

    #[test]
    fn a_caller_is_answered_what_the_target_speaks_else_g711() {
        let offer = sdp(&[Format::opus(), Format::g722(), Format::pcmu(), Format::telephone_event()]);
        let of = |wanted: Option<&sdp::Codec>| {
            let answer = answer(&offer, port(), Speech::default(), wanted, (1, 1)).expect("common");
            answer.voice().expect("a voice").codec.clone()
        };
        assert_eq!(of(Some(&sdp::Codec::G722)), sdp::Codec::G722);
        assert_eq!(of(Some(&sdp::Codec::G729)), sdp::Codec::Pcmu);
        assert_eq!(of(None), sdp::Codec::Pcmu);
    }

    #[test]
    fn keys_by_info_or_in_the_band_leave_events_out() {
        for keys in [Keys::Info, Keys::InBand] {
            let speech = Speech { keys };
            assert!(offer(None, port(), speech, (1, 1)).events().is_none());
            let theirs = sdp(&[Format::pcma(), Format::telephone_event()]);
            assert!(answer(&theirs, port(), speech, None, (1, 1)).expect("common").events().is_none());
        }
    }

    #[test]
    fn a_side_speaks_the_other_legs_codec_where_its_answer_has_it() {
        let theirs = sdp(&[Format::pcmu(), Format::pcma(), Format::telephone_event()]);
        let ours = Some(sdp(&voices()));
        let side = Side { theirs: Some(theirs), ours, ..Side::default() };
        assert_eq!(agreed(&side, Some(&sdp::Codec::Pcma)).expect("agreed").codec, Codec::Pcma);
        assert_eq!(agreed(&side, Some(&sdp::Codec::G729)).expect("agreed").codec, Codec::Pcmu);
        assert_eq!(agreed(&side, None).expect("agreed").events, Some((101, 8_000)));
    }

    #[test]
    fn in_mid_call_the_version_grows_only_with_a_change() {
        let offer = sdp(&[Format::g722(), Format::pcma()]);
        let first = answer(&offer, port(), Speech::default(), None, (5, 1)).expect("common");
        let side =
            Side { theirs: Some(offer.clone()), ours: Some(first), ours_answers: true, ..Side::default() };
        let same = again(&side, Some(&offer), port(), None, 9).expect("common");
        assert_eq!((same.session_id, same.session_version), (5, 1));
        let held = Sdp { direction: sdp::Direction::SendOnly, session_version: 2, ..offer };
        let changed = again(&side, Some(&held), port(), None, 9).expect("common");
        assert_eq!((changed.session_version, changed.direction), (2, sdp::Direction::RecvOnly));
        let delayed = again(&side, None, port(), None, 9).expect("an offer");
        assert_eq!(delayed.voice().expect("a voice").codec, sdp::Codec::Pcma, "what is spoken comes first");
    }
}
