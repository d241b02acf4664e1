//! What is offered to a far end, what is answered, and what both then speak: the other leg's codecs first, so that
//! nothing need be transcoded where both can do without.

use sip::sdp::{self, Crypto, Format, Profile, Sdp, Setup, Web};

use crate::media::{Access, Agreed, Codec, Keyring, Keys, Port, Rtcp, Secret, Speech, Srtp, Suite};
use crate::slot::Side;

/// What far ends agree on most, and media relays at least cost.
const G711: [sdp::Codec; 2] = [sdp::Codec::Pcma, sdp::Codec::Pcmu];
/// Packet times that are kept between the two legs; others become 20.
const PTIMES_MS: [u16; 3] = [10, 20, 30];

/// All voice formats we speak, in our order of preference.
fn voices() -> [Format; 5] {
    [Format::pcma(), Format::pcmu(), Format::g722(), Format::g729(), Format::opus()]
}

/// All formats we take. A browser that may leave silence out does, and is recorded with gaps.
fn taken(speech: Speech) -> Vec<Format> {
    let mut formats = voices().to_vec();
    if speech.srtp != Srtp::Dtls {
        formats.push(Format::comfort_noise());
    }
    if speech.keys == Keys::Auto {
        formats.push(Format::telephone_event());
    }
    formats
}

/// Our offer to a far end that the caller, if known, shall talk to: what the caller speaks, in its order, then what can
/// be transcoded.
pub(crate) fn offer(
    caller: Option<&Side>,
    port: &Port,
    speech: Speech,
    (session, version): (u64, u64),
) -> Sdp {
    let spoken = caller.and_then(Side::spoken);
    let first = spoken.map(|sdp| sdp.formats.as_slice()).unwrap_or_default();
    if let (Srtp::Dtls, Some(access)) = (speech.srtp, &port.web) {
        return offer_to_browser(first, port, access, (session, version));
    }
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
    let mut offer = Sdp::offer(port.address, &formats, session, version);
    offer.ptime_ms = Some(ptime_of(spoken));
    match speech.srtp {
        Srtp::Off => {}
        Srtp::Offer => offer.crypto = our_keys(&port.secret),
        Srtp::Require => (offer.profile, offer.crypto) = (Profile::Savp, our_keys(&port.secret)),
        // Without a browser's port it is one that no browser takes.
        Srtp::Dtls => offer.profile = Profile::TlsSavpf,
    }
    offer
}

/// A browser is offered G.711, which all of them have (RFC 7874): nothing need be decoded for it here.
fn offer_to_browser(first: &[Format], port: &Port, access: &Access, (session, version): (u64, u64)) -> Sdp {
    let mut formats = vec![Format::pcma(), Format::pcmu(), Format::telephone_event()];
    let law = first.iter().find(|format| G711.contains(&format.codec));
    if law.is_some_and(|law| law.codec == sdp::Codec::Pcmu) {
        formats.swap(0, 1);
    }
    let mut offer = Sdp::offer(port.address, &formats, session, version);
    (offer.profile, offer.rtcp_mux) = (Profile::TlsSavpf, true);
    offer.web = Some(Box::new(our_way(access, Setup::ActPass, Some("0".to_owned()))));
    offer
}

fn our_way(access: &Access, setup: Setup, mid: Option<String>) -> Web {
    let text = |octets: &[u8]| octets.iter().map(|octet| char::from(*octet)).collect();
    let Access { ufrag, password, fingerprint } = access;
    Web { ufrag: text(ufrag), password: text(password), fingerprint: *fingerprint, setup, mid }
}

/// Our way and certificate to answer a browser with; `None` for what is none, or will not begin the handshake.
fn answered_way(offer: &Sdp, port: &Port) -> Option<Web> {
    let theirs = offer.web.as_deref().filter(|theirs| theirs.setup != Setup::Passive && offer.rtcp_mux)?;
    Some(our_way(port.web.as_ref()?, Setup::Passive, theirs.mid.clone()))
}

/// Our answer to an offer; `None` without a common codec. Of those in common the first is `wanted`, what the other leg
/// speaks, else G.711, which every trunk has.
pub(crate) fn answer(
    offer: &Sdp,
    port: &Port,
    speech: Speech,
    wanted: Option<&sdp::Codec>,
    (session, version): (u64, u64),
) -> Option<Sdp> {
    let mut answer = Sdp::answer(offer, port.address, &taken(speech), session, version).ok()?;
    match speech.srtp {
        Srtp::Dtls => answer.web = Some(Box::new(answered_way(offer, port)?)),
        Srtp::Off | Srtp::Offer | Srtp::Require => {
            answer.crypto = answered_key(offer, &port.secret, speech.srtp)?.into_iter().collect();
        }
    }
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

/// Reads a description; of an encrypted and a plain stream the one that the setting wants.
pub(crate) fn read(bytes: &[u8], speech: Speech) -> Option<Sdp> {
    Sdp::parse_preferring(bytes, speech.srtp != Srtp::Off).ok()
}

/// Whether we can talk to whoever offers this.
pub(crate) fn is_usable(offer: &Sdp, speech: Speech) -> bool {
    let keys = answered_key(offer, &Secret([0; 102]), speech.srtp).is_some();
    offer.voice().is_some() && offer.audio.port() != 0 && keys
}

/// The suites we offer, best first, and where in a port's secret their keys lie.
const OFFERED: [(sdp::Suite, usize); 3] = [
    (sdp::Suite::AeadAes256Gcm, 0),
    (sdp::Suite::AeadAes128Gcm, 44),
    (sdp::Suite::AesCm128HmacSha1Tag80, 72),
];

fn our_key(suite: sdp::Suite, tag: u32, secret: &Secret) -> Crypto {
    // The short tag has the key of the long one: only one of them is ever in use.
    let at = OFFERED.iter().find(|(offered, _)| *offered == suite).map_or(72, |(_, at)| *at);
    Crypto { tag, suite, key: secret.0[at..at + suite.key_bytes()].to_vec() }
}

fn our_keys(secret: &Secret) -> Vec<Crypto> {
    OFFERED.iter().zip(1..).map(|((suite, _), tag)| our_key(*suite, tag, secret)).collect()
}

/// Our key to answer an offer with: the first that is offered and that we have. `None` where the setting and the offer
/// cannot meet; `Some(None)` for packets in the clear.
fn answered_key(offer: &Sdp, secret: &Secret, srtp: Srtp) -> Option<Option<Crypto>> {
    let chosen = offer.crypto.first().map(|theirs| our_key(theirs.suite, theirs.tag, secret));
    match (srtp, offer.profile.is_secure(), chosen) {
        (Srtp::Off, true, _) | (Srtp::Offer, true, None) | (Srtp::Require, _, None) => None,
        (Srtp::Dtls, _, _) => offer.web.is_some().then_some(None),
        (Srtp::Off, false, _) | (Srtp::Offer, false, None) => Some(None),
        (Srtp::Offer | Srtp::Require, _, Some(ours)) => Some(Some(ours)),
    }
}

/// The keys of both directions; `None` where they do not fit each other, `Some(None)` for packets in the clear.
fn keyring(side: &Side) -> Option<Option<Box<Keyring>>> {
    let (ours, theirs) = (side.ours.as_ref()?, side.theirs.as_ref()?);
    if side.speech.srtp == Srtp::Dtls {
        return Some(None);
    }
    let answer = if side.ours_answers { ours } else { theirs };
    let Some(tag) = answer.crypto.first().map(|crypto| crypto.tag) else {
        let clear = !answer.profile.is_secure() && side.speech.srtp != Srtp::Require;
        return clear.then_some(None);
    };
    let of = |sdp: &Sdp| sdp.crypto.iter().find(|crypto| crypto.tag == tag).cloned();
    let (ours, theirs) = (of(ours)?, of(theirs)?);
    let suite = match ours.suite {
        sdp::Suite::AeadAes256Gcm => Suite::Gcm256,
        sdp::Suite::AeadAes128Gcm => Suite::Gcm128,
        sdp::Suite::AesCm128HmacSha1Tag80 => Suite::Cm80,
        sdp::Suite::AesCm128HmacSha1Tag32 => Suite::Cm32,
    };
    let keyring = Keyring { suite, ours: ours.key.into(), theirs: theirs.key.into() };
    (ours.suite == theirs.suite).then(|| Some(Box::new(keyring)))
}

/// A browser's certificate; `None` if it will not begin the handshake or shares no port with its reports, `Some(None)` for
/// what is no browser.
fn certificate(side: &Side) -> Option<Option<[u8; 32]>> {
    if side.speech.srtp != Srtp::Dtls {
        return Some(None);
    }
    let theirs = side.theirs.as_ref().filter(|theirs| theirs.rtcp_mux)?.web.as_deref()?;
    (theirs.setup != Setup::Passive).then_some(Some(theirs.fingerprint))
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
    port: &Port,
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
        rtcp: match theirs.rtcp {
            _ if theirs.rtcp_mux && side.ours.as_ref().is_some_and(|ours| ours.rtcp_mux) => Rtcp::Shared,
            Some(port) => Rtcp::Port(port),
            None => Rtcp::NextPort,
        },
        keys,
        srtp: keyring(side)?,
        dtls: certificate(side)?,
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

    fn port() -> Port {
        let secret = Secret(std::array::from_fn(|n| n as u8));
        let address = "198.51.100.1:20000".parse().expect("an address");
        Port { shard: 0, id: 1, address, secret, web: None }
    }

    fn codecs(sdp: &Sdp) -> Vec<&str> {
        sdp.formats.iter().map(|format| format.codec.name()).collect()
    }

    #[test]
    fn a_target_is_offered_the_callers_codecs_first() {
        let theirs = sdp(&[Format::g729(), Format::pcma(), Format::comfort_noise()]);
        let caller = Side { theirs: Some(theirs), ..Side::default() };
        let offer = offer(Some(&caller), &port(), Speech::default(), (1, 1));
        let want = ["G729", "PCMA", "PCMU", "G722", "opus", "CN", "telephone-event", "telephone-event"];
        assert_eq!(codecs(&offer), want);
    }

    #[test]
    fn a_caller_is_answered_what_the_target_speaks_else_g711() {
        let offer = sdp(&[Format::opus(), Format::g722(), Format::pcmu(), Format::telephone_event()]);
        let of = |wanted: Option<&sdp::Codec>| {
            let answer = answer(&offer, &port(), Speech::default(), wanted, (1, 1)).expect("common");
            answer.voice().expect("a voice").codec.clone()
        };
        assert_eq!(of(Some(&sdp::Codec::G722)), sdp::Codec::G722);
        assert_eq!(of(Some(&sdp::Codec::G729)), sdp::Codec::Pcmu);
        assert_eq!(of(None), sdp::Codec::Pcmu);
    }

    #[test]
    fn keys_by_info_or_in_the_band_leave_events_out() {
        for keys in [Keys::Info, Keys::InBand] {
            let speech = Speech { keys, ..Speech::default() };
            assert!(offer(None, &port(), speech, (1, 1)).events().is_none());
            let theirs = sdp(&[Format::pcma(), Format::telephone_event()]);
            assert!(answer(&theirs, &port(), speech, None, (1, 1)).expect("common").events().is_none());
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

    fn secure(srtp: Srtp) -> Speech {
        Speech { srtp, ..Speech::default() }
    }

    /// Two of us agree as two far ends would.
    fn agree(ours: Srtp, theirs: Srtp) -> Option<(Agreed, Agreed)> {
        let there = Port { secret: Secret([9; 102]), ..port() };
        let offer = offer(None, &port(), secure(ours), (1, 1));
        let read_offer = read(&offer.to_bytes(), secure(theirs)).expect("read");
        let answer = answer(&read_offer, &there, secure(theirs), None, (2, 1))?;
        let read_answer = read(&answer.to_bytes(), secure(ours)).expect("read");
        let side = |speech: Speech, ours: Sdp, theirs: Sdp, ours_answers: bool| Side {
            speech,
            ours: Some(ours),
            theirs: Some(theirs),
            ours_answers,
            ..Side::default()
        };
        let here = agreed(&side(secure(ours), offer, read_answer, false), None)?;
        let there = agreed(&side(secure(theirs), answer, read_offer, true), None)?;
        Some((here, there))
    }

    #[test]
    fn srtp_is_agreed_as_both_settings_have_it() {
        use Srtp::{Off, Offer, Require};
        for (ours, theirs, encrypted) in [
            (Off, Off, Some(false)),
            (Off, Offer, Some(false)),
            (Off, Require, None),
            (Offer, Off, Some(false)),
            (Offer, Offer, Some(true)),
            (Offer, Require, Some(true)),
            (Require, Off, None),
            (Require, Offer, Some(true)),
            (Require, Require, Some(true)),
        ] {
            let agreed = agree(ours, theirs);
            let is = agreed.as_ref().map(|(here, _)| here.srtp.is_some());
            assert_eq!(is, encrypted, "{ours:?} to {theirs:?}");
            if let Some((Agreed { srtp: Some(here), .. }, Agreed { srtp: Some(there), .. })) = agreed {
                assert_eq!((here.suite, there.suite), (Suite::Gcm256, Suite::Gcm256));
                assert_eq!((&here.ours, &here.theirs), (&there.theirs, &there.ours));
                assert_ne!(here.ours, here.theirs);
            }
        }
    }

    #[test]
    fn the_first_offered_suite_that_is_known_is_taken_and_keys_of_suites_never_overlap() {
        let keys = our_keys(&port().secret);
        let mut octets: Vec<u8> = keys.iter().flat_map(|crypto| crypto.key.clone()).collect();
        octets.sort_unstable();
        octets.dedup();
        assert_eq!(octets.len(), 102);
        let mut offer = offer(None, &port(), secure(Srtp::Require), (1, 1));
        offer.crypto.reverse();
        let answer = answer(&offer, &port(), secure(Srtp::Offer), None, (1, 1)).expect("common");
        assert_eq!((answer.crypto.len(), answer.crypto[0].tag), (1, 3));
        assert_eq!(answer.crypto[0].suite, sdp::Suite::AesCm128HmacSha1Tag80);
        assert!(!format!("{:?} {:?}", answer, port()).contains("104"), "no key is shown");
    }

    #[test]
    fn in_mid_call_the_version_grows_only_with_a_change() {
        let offer = sdp(&[Format::g722(), Format::pcma()]);
        let first = answer(&offer, &port(), Speech::default(), None, (5, 1)).expect("common");
        let side =
            Side { theirs: Some(offer.clone()), ours: Some(first), ours_answers: true, ..Side::default() };
        let same = again(&side, Some(&offer), &port(), None, 9).expect("common");
        assert_eq!((same.session_id, same.session_version), (5, 1));
        let held = Sdp { direction: sdp::Direction::SendOnly, session_version: 2, ..offer };
        let changed = again(&side, Some(&held), &port(), None, 9).expect("common");
        assert_eq!((changed.session_version, changed.direction), (2, sdp::Direction::RecvOnly));
        let delayed = again(&side, None, &port(), None, 9).expect("an offer");
        assert_eq!(delayed.voice().expect("a voice").codec, sdp::Codec::Pcma, "what is spoken comes first");
    }
}
