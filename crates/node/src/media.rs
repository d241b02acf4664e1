//! What the node says to media and hears from it, as values of its own. `server` maps them onto the engine; the
//! simulator answers them from a model without packets.

use std::net::{IpAddr, SocketAddr};

use hotline::call::{Sound, Tone};
use hotline::cdr::Quality;
use hotline::trunk::{self, Profile};
use hotline::{RecordingId, TenantId};
use serde::{Deserialize, Serialize};

/// One media leg of one call, chosen by the node and never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MediaLeg(pub u64);

/// Media legs of test calls are numbered apart from those of all others.
const TRIALS: u64 = 1 << 62;

impl MediaLeg {
    /// The leg of a test call.
    pub(crate) fn of_trial(key: u32) -> MediaLeg {
        MediaLeg(TRIALS | u64::from(key))
    }

    /// Which test call it is of; `None` for all other calls. Only these are told of first packets.
    pub fn trial(self) -> Option<u32> {
        (self.0 >> 32 == TRIALS >> 32).then_some(self.0 as u32)
    }
}

/// A media port that is open and free. All legs of one call use ports of one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    /// The shard that owns it.
    pub shard: u16,
    /// Its id within media.
    pub id: u32,
    /// Where it listens.
    pub address: SocketAddr,
    /// What the keys of its leg are made of, drawn by media anew each time the port is free: there is no chance in here.
    pub secret: Secret,
    /// What a browser needs to reach it, if it is a browser's; drawn anew likewise. Others are everybody else's.
    pub web: Option<Access>,
}

/// A browser's way to a port: name and password of ICE, and SHA-256 of our certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Access {
    pub ufrag: [u8; 8],
    pub password: [u8; 24],
    pub fingerprint: [u8; 32],
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Access(..)")
    }
}

impl Port {
    /// The same as a far end is told it that reaches us at another address.
    pub(crate) fn told_at(mut self, told: Option<IpAddr>) -> Port {
        if let Some(ip) = told {
            self.address.set_ip(ip);
        }
        self
    }
}

/// Octets for a key of each suite of SRTP; never shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret(pub [u8; 102]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What SRTP encrypts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Suite {
    Gcm256,
    Gcm128,
    Cm80,
    Cm32,
}

/// The keys of a leg: master key, then master salt, of each direction; never shown.
#[derive(Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Keyring {
    pub suite: Suite,
    pub ours: Box<[u8]>,
    pub theirs: Box<[u8]>,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Keyring").field(&self.suite).finish_non_exhaustive()
    }
}

/// The voice codec of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Codec {
    Pcma,
    Pcmu,
    G722,
    G729,
    Opus,
}

/// How a leg is spoken to, as its description and ours agreed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// What is sent to it.
    pub codec: Codec,
    /// Its payload type.
    pub payload_type: u8,
    /// telephone-event, if negotiated: payload type and clock rate in Hz.
    pub events: Option<(u8, u32)>,
    /// Payload type of comfort noise, if negotiated.
    pub noise_payload_type: Option<u8>,
    /// Length of packets made for it.
    pub ptime_ms: u8,
    /// Where it takes RTCP.
    pub rtcp: Rtcp,
    /// How keys come and go.
    pub keys: Keys,
    /// Keys of SRTP, if agreed.
    pub srtp: Option<Box<Keyring>>,
    /// SHA-256 of a browser's certificate: its keys come by DTLS, from whoever has that.
    pub dtls: Option<[u8; 32]>,
}

/// Where a far end takes RTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rtcp {
    /// On the port after that of RTP.
    NextPort,
    /// On the port of RTP.
    Shared,
    /// On another.
    Port(u16),
}

/// How the far ends of a trunk, or a phone, are spoken to; a setting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Speech {
    /// How keys come and go.
    pub keys: Keys,
    /// Whether its packets are encrypted.
    pub srtp: Srtp,
}

impl Speech {
    /// As a trunk's profile has it.
    pub fn of(profile: &Profile) -> Speech {
        Speech {
            keys: match profile.dtmf {
                trunk::Dtmf::Rfc4733 => Keys::Auto,
                trunk::Dtmf::Info => Keys::Info,
                trunk::Dtmf::Inband => Keys::InBand,
            },
            srtp: profile.srtp.into(),
        }
    }
}

impl From<trunk::Srtp> for Srtp {
    fn from(written: trunk::Srtp) -> Srtp {
        match written {
            trunk::Srtp::Off => Srtp::Off,
            trunk::Srtp::Offered => Srtp::Offer,
            trunk::Srtp::Required => Srtp::Require,
        }
    }
}

/// Whether packets are encrypted (SDES, RFC 4568); a setting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Srtp {
    /// Never: offers of SRTP alone are refused.
    #[default]
    Off,
    /// Where the far end can (RFC 8643): keys are offered with plain RTP and taken where offered.
    Offer,
    /// Always: no call without.
    Require,
    /// As a browser has it: always, with keys by DTLS and ways by ICE. No setting of a trunk or a phone: what it is that
    /// registered says so.
    Dtls,
}

/// How keys come from a far end and go to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keys {
    /// As telephone-events if negotiated, else as tones in the band.
    #[default]
    Auto,
    /// As tones in the band; telephone-event is neither offered nor taken.
    InBand,
    /// By SIP INFO (`application/dtmf-relay`); telephone-event is neither offered nor taken.
    Info,
}

/// What media shall do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variant's line names its fields")]
pub enum Command {
    /// Take a port for a leg of a call; the prompts it hears are those of an enterprise, or the system's.
    Open { call: u128, leg: MediaLeg, port: Port, of: Option<TenantId> },
    /// Send to `remote` from now on, and learn its source anew.
    Connect { leg: MediaLeg, remote: SocketAddr, agreed: Agreed },
    /// Play, replacing what is played.
    Play { leg: MediaLeg, play: u32, sound: Sound, repeat: bool },
    /// Stop playing.
    StopPlay { leg: MediaLeg },
    /// Relay between two legs.
    Bridge { a: MediaLeg, b: MediaLeg },
    /// On hold: silence is expected; a deaf leg is sent nothing.
    Hold { leg: MediaLeg, on: bool, deaf: bool },
    /// Press a key towards the far end.
    SendKey { leg: MediaLeg, key: u8 },
    /// Listen for the network's tones in what the far end sends, for so long; 0 ends it. What is judged is told of before a
    /// cadence is known, too.
    ListenTones { leg: MediaLeg, for_ms: u64, judge: bool },
    /// Record two channels.
    Record { call: u128, recording: RecordingId, left: MediaLeg, right: MediaLeg },
    /// Record what one leg says, into the left channel; [`Event::Quiet`] tells once it said nothing for so long.
    TakeMessage { call: u128, recording: RecordingId, leg: MediaLeg, quiet_ms: u64 },
    /// End what is recorded of a call.
    EndRecord { call: u128 },
    /// Give the port back; [`Event::Closed`] follows.
    Close { leg: MediaLeg },
    /// End a relay; both legs stay.
    Unbridge { leg: MediaLeg },
    /// From now on this leg is the right channel of a call's recording; nobody without one.
    RecordRight { call: u128, right: Option<MediaLeg> },
    /// What a call's legs say is in its recording no more, or again; its time goes on.
    PauseRecord { call: u128, on: bool },
    /// A leg hears the sum of others of its call in place of what is relayed to it; of none, that again.
    Mix { leg: MediaLeg, hears: Vec<MediaLeg> },
}

/// What media tells.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variant's line names its fields")]
pub enum Event {
    /// These ports are free.
    PortsReady(Vec<Port>),
    /// A key was pressed, by RFC 4733 or as a tone.
    Digit { leg: MediaLeg, digit: u8 },
    /// The first packet of a far end was accepted, from there; told of test calls alone.
    FirstPacket { leg: MediaLeg, from: SocketAddr },
    /// The far end plays a tone of the network: a busy one or ringback.
    Tone { leg: MediaLeg, tone: Tone },
    /// What the far end sends is judged: it may be a tone of the network.
    ToneBegan { leg: MediaLeg },
    /// What the far end sends is judged: it is none.
    Voice { leg: MediaLeg },
    /// A sound that does not repeat came to its end, or could not be played.
    Played { leg: MediaLeg, play: u32 },
    /// No packet for the set time.
    Silent { leg: MediaLeg, last_packet_ms_ago: u64 },
    /// A leg is closed.
    Closed { leg: MediaLeg, quality: Quality },
    /// A leg whose message is taken said nothing for its time; whether anything was said before.
    Quiet { leg: MediaLeg, spoke: bool },
    /// The recording of a call stopped before the call did.
    RecordingCut { call: u128 },
}
