//! Session descriptions (RFC 8866) as far as one plain audio stream needs them, and offer and answer (RFC 3264).
//! It refuses to know video, and of encryption and ICE all but their lines; what it does not understand it leaves out of
//! the answer.

use std::net::SocketAddr;

mod crypto;
mod reading;
mod web;

pub use crypto::{Crypto, Suite};
use reading::Reader;
pub use web::{Setup, Web};

use crate::ids::decimal;

/// More than this is not read.
const SIZE_MAX_BYTES: usize = 16 * 1024;
/// Formats beyond this number are not read.
const FORMATS_MAX: usize = 32;
/// Media streams beyond this number are not read.
const STREAMS_MAX: usize = 16;

/// One audio stream and what is said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sdp {
    /// Where the writer of this description wants its audio. Port 0: the stream is refused.
    pub audio: SocketAddr,
    /// Formats in order of preference.
    pub formats: Vec<Format>,
    /// Who sends, seen from the writer.
    pub direction: Direction,
    /// Packet time, if stated.
    pub ptime_ms: Option<u16>,
    /// Longest packet time the writer takes, if stated.
    pub maxptime_ms: Option<u16>,
    /// RTP and RTCP on one port (RFC 5761).
    pub rtcp_mux: bool,
    /// Where the writer wants RTCP, if that is not the port after `audio` (RFC 3605).
    pub rtcp: Option<u16>,
    /// How RTP is carried.
    pub profile: Profile,
    /// Keys of SRTP (RFC 4568) that can be used here, in order of preference; in an answer the one chosen.
    pub crypto: Vec<Crypto>,
    /// What a stream of a browser says of ways and keys; others have none of it.
    pub web: Option<Box<Web>>,
    /// The number of the session in `o=`.
    pub session_id: u64,
    /// The version of the session in `o=`; grows with each change.
    pub session_version: u64,
    /// The other streams of an offer, refused in our answer: the `m=` words up to the port, and the formats.
    pub others: Vec<OtherStream>,
    /// How many of `others` stand before the audio stream.
    pub others_before: usize,
}

/// A stream that is not the audio stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherStream {
    /// `video`, `application`, …
    pub media: String,
    /// `RTP/AVP`, `udptl`, …
    pub transport: String,
    /// The formats as written.
    pub formats: String,
}

/// One payload type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// 0 to 127.
    pub payload_type: u8,
    /// What it means.
    pub codec: Codec,
    /// Clock rate.
    pub rate_hz: u32,
}

/// The profile of the audio stream: encrypted or not, with feedback or not.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Profile {
    /// `RTP/AVP`.
    Avp,
    /// `RTP/AVPF`.
    Avpf,
    /// `RTP/SAVP`: SRTP.
    Savp,
    /// `RTP/SAVPF`: SRTP.
    Savpf,
    /// `UDP/TLS/RTP/SAVPF`: SRTP with keys by DTLS (RFC 5764), as browsers have it.
    TlsSavpf,
}

impl Profile {
    const ALL: [Profile; 5] = [Profile::Avp, Profile::Avpf, Profile::Savp, Profile::Savpf, Profile::TlsSavpf];

    /// As `m=` writes it.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Avp => "RTP/AVP",
            Profile::Avpf => "RTP/AVPF",
            Profile::Savp => "RTP/SAVP",
            Profile::Savpf => "RTP/SAVPF",
            Profile::TlsSavpf => "UDP/TLS/RTP/SAVPF",
        }
    }

    /// Whether packets are SRTP.
    pub fn is_secure(self) -> bool {
        matches!(self, Profile::Savp | Profile::Savpf | Profile::TlsSavpf)
    }

    fn of_name(name: &str) -> Option<Profile> {
        Profile::ALL.into_iter().find(|profile| profile.name() == name)
    }
}

/// A codec that the platform knows by name, or the name of one that it does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Codec {
    /// G.711 A-law.
    Pcma,
    /// G.711 µ-law.
    Pcmu,
    /// G.722; its RTP clock is 8000 though it samples at 16 kHz (RFC 3551 section 4.5.2).
    G722,
    /// G.729; we say it without Annex B.
    G729,
    /// Opus (RFC 7587).
    Opus,
    /// Comfort noise (RFC 3389).
    ComfortNoise,
    /// DTMF by RFC 4733.
    TelephoneEvent,
    /// Any other, by its encoding name.
    Other(String),
}

/// Who sends audio.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Both.
    SendRecv,
    /// The writer only.
    SendOnly,
    /// The reader only.
    RecvOnly,
    /// Nobody: on hold.
    Inactive,
}

/// Why a description cannot be used.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum SdpError {
    /// Longer than any honest one.
    TooLong,
    /// Not text, or a line that is not `x=…`.
    Malformed,
    /// No audio stream over RTP.
    NoAudio,
    /// The audio stream has no address.
    NoAddress,
}

/// The offer and we share no codec.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct NoCommonCodec;

impl std::fmt::Display for SdpError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            SdpError::TooLong => "session description too long",
            SdpError::Malformed => "malformed session description",
            SdpError::NoAudio => "no audio stream",
            SdpError::NoAddress => "audio stream without address",
        })
    }
}

impl std::error::Error for SdpError {}

impl std::fmt::Display for NoCommonCodec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no common codec")
    }
}

impl std::error::Error for NoCommonCodec {}

impl Codec {
    fn named(name: &str) -> Codec {
        Codec::KNOWN
            .into_iter()
            .find(|codec| codec.name().eq_ignore_ascii_case(name))
            .unwrap_or_else(|| Codec::Other(name.to_owned()))
    }

    const KNOWN: [Codec; 7] = [
        Codec::Pcma,
        Codec::Pcmu,
        Codec::G722,
        Codec::G729,
        Codec::Opus,
        Codec::ComfortNoise,
        Codec::TelephoneEvent,
    ];

    /// Whether it carries speech that we can take part in.
    pub fn is_voice(&self) -> bool {
        match self {
            Codec::Pcma | Codec::Pcmu | Codec::G722 | Codec::G729 | Codec::Opus => true,
            Codec::ComfortNoise | Codec::TelephoneEvent | Codec::Other(_) => false,
        }
    }

    /// The encoding name as `a=rtpmap` writes it.
    pub fn name(&self) -> &str {
        match self {
            Codec::Pcma => "PCMA",
            Codec::Pcmu => "PCMU",
            Codec::G722 => "G722",
            Codec::G729 => "G729",
            Codec::Opus => "opus",
            Codec::ComfortNoise => "CN",
            Codec::TelephoneEvent => "telephone-event",
            Codec::Other(name) => name,
        }
    }
}

impl Format {
    /// G.711 A-law, payload type 8.
    pub fn pcma() -> Format {
        Format { payload_type: 8, codec: Codec::Pcma, rate_hz: 8000 }
    }

    /// G.711 µ-law, payload type 0.
    pub fn pcmu() -> Format {
        Format { payload_type: 0, codec: Codec::Pcmu, rate_hz: 8000 }
    }

    /// G.722, payload type 9.
    pub fn g722() -> Format {
        Format { payload_type: 9, codec: Codec::G722, rate_hz: 8000 }
    }

    /// G.729, payload type 18.
    pub fn g729() -> Format {
        Format { payload_type: 18, codec: Codec::G729, rate_hz: 8000 }
    }

    /// Opus, payload type 111.
    pub fn opus() -> Format {
        Format { payload_type: 111, codec: Codec::Opus, rate_hz: 48_000 }
    }

    /// Comfort noise, payload type 13.
    pub fn comfort_noise() -> Format {
        Format { payload_type: 13, codec: Codec::ComfortNoise, rate_hz: 8000 }
    }

    /// DTMF events on the clock of Opus, payload type 110.
    pub fn telephone_event_48() -> Format {
        Format { payload_type: 110, codec: Codec::TelephoneEvent, rate_hz: 48_000 }
    }

    /// DTMF events, payload type 101.
    pub fn telephone_event() -> Format {
        Format { payload_type: 101, codec: Codec::TelephoneEvent, rate_hz: 8000 }
    }

    /// The static payload types of RFC 3551 that need no `a=rtpmap`.
    fn static_type(payload_type: u8) -> Format {
        let (name, rate_hz) = match payload_type {
            0 => ("PCMU", 8000),
            3 => ("GSM", 8000),
            4 => ("G723", 8000),
            8 => ("PCMA", 8000),
            9 => ("G722", 8000),
            13 => ("CN", 8000),
            18 => ("G729", 8000),
            _ => ("", 8000),
        };
        Format { payload_type, codec: Codec::named(name), rate_hz }
    }

    /// Whether both name one codec on one clock, whatever the payload type.
    pub fn same_codec(&self, other: &Format) -> bool {
        // Events fit any stream: they are passed from one clock to another.
        let one_clock = self.rate_hz == other.rate_hz || self.codec == Codec::TelephoneEvent;
        one_clock
            && match (&self.codec, &other.codec) {
                (Codec::Other(a), Codec::Other(b)) => a.eq_ignore_ascii_case(b),
                (a, b) => a == b,
            }
    }
}

impl Format {
    fn write(&self, text: &mut String) {
        let Format { payload_type, codec, rate_hz } = self;
        let (mut room, mut rate) = ([0; 20], [0; 20]);
        let payload_type = decimal(u64::from(*payload_type), &mut room);
        match codec {
            // RFC 7587 section 7: always 48000/2, whatever is sent.
            Codec::Opus => put(text, &["a=rtpmap:", payload_type, " opus/48000/2\r\n"]),
            _ => {
                let rate_hz = decimal(u64::from(*rate_hz), &mut rate);
                put(text, &["a=rtpmap:", payload_type, " ", codec.name(), "/", rate_hz, "\r\n"]);
            }
        }
        let parameters = match codec {
            Codec::TelephoneEvent => "0-15",
            Codec::G729 => "annexb=no",
            Codec::Opus => "maxplaybackrate=8000;sprop-maxcapturerate=8000;stereo=0;useinbandfec=0",
            Codec::Pcma | Codec::Pcmu | Codec::G722 | Codec::ComfortNoise | Codec::Other(_) => return,
        };
        put(text, &["a=fmtp:", payload_type, " ", parameters, "\r\n"]);
    }
}

impl Direction {
    fn word(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    fn of_word(word: &str) -> Option<Direction> {
        [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive]
            .into_iter()
            .find(|direction| direction.word() == word)
    }

    /// The same stream seen from the other side.
    pub fn mirrored(self) -> Direction {
        match self {
            Direction::SendOnly => Direction::RecvOnly,
            Direction::RecvOnly => Direction::SendOnly,
            same => same,
        }
    }
}

impl Sdp {
    /// Our offer of `formats` at `local`.
    pub fn offer(local: SocketAddr, formats: &[Format], session_id: u64, session_version: u64) -> Sdp {
        Sdp {
            audio: local,
            formats: formats.to_vec(),
            direction: Direction::SendRecv,
            ptime_ms: Some(20),
            maxptime_ms: None,
            rtcp_mux: false,
            rtcp: None,
            profile: Profile::Avp,
            crypto: Vec::new(),
            web: None,
            session_id,
            session_version,
            others: Vec::new(),
            others_before: 0,
        }
    }

    /// Our answer to `offer` at `local`: the offered formats that we also have, in the offer's order and
    /// with its payload types; telephone events alone are no conversation.
    pub fn answer(
        offer: &Sdp,
        local: SocketAddr,
        formats: &[Format],
        session_id: u64,
        session_version: u64,
    ) -> Result<Sdp, NoCommonCodec> {
        let common: Vec<Format> = offer
            .formats
            .iter()
            .filter(|offered| formats.iter().any(|ours| ours.same_codec(offered)))
            .cloned()
            .collect();
        if !common.iter().any(|format| format.codec.is_voice()) {
            return Err(NoCommonCodec);
        }
        Ok(Sdp {
            audio: local,
            formats: common,
            direction: offer.direction.mirrored(),
            ptime_ms: Some(20),
            maxptime_ms: None,
            rtcp_mux: offer.rtcp_mux,
            rtcp: None,
            profile: offer.profile,
            crypto: Vec::new(),
            web: None,
            session_id,
            session_version,
            others: offer.others.clone(),
            others_before: offer.others_before,
        })
    }

    /// The first voice format, which both sides send.
    pub fn voice(&self) -> Option<&Format> {
        self.formats.iter().find(|format| format.codec.is_voice())
    }

    /// The payload type of telephone events.
    pub fn telephone_event(&self) -> Option<u8> {
        self.events().map(|format| format.payload_type)
    }

    /// Telephone events: those on the clock of the first voice format, else the first of any clock.
    pub fn events(&self) -> Option<&Format> {
        let rate_hz = self.voice().map_or(8000, |voice| voice.rate_hz);
        let mut events = self.formats.iter().filter(|format| format.codec == Codec::TelephoneEvent);
        events.clone().find(|format| format.rate_hz == rate_hz).or_else(|| events.next())
    }

    /// The payload type of comfort noise on the clock of the voice.
    pub fn comfort_noise(&self) -> Option<u8> {
        let noise = |format: &&Format| format.codec == Codec::ComfortNoise && format.rate_hz == 8000;
        self.formats.iter().find(noise).map(|format| format.payload_type)
    }

    /// Puts the first of `wanted` that is there before all other voice formats, and leaves out the events of other
    /// clocks than its own where there are such of its own.
    pub fn prefer(&mut self, wanted: &[Codec]) {
        let place = |codec: &Codec| self.formats.iter().position(|format| format.codec == *codec);
        if let Some(at) = wanted.iter().find_map(place) {
            let format = self.formats.remove(at);
            self.formats.insert(0, format);
        }
        if let Some(Format { payload_type, .. }) = self.events().cloned() {
            self.formats.retain(|format| {
                format.codec != Codec::TelephoneEvent || format.payload_type == payload_type
            });
        }
    }

    /// Whether it is the same description again: a refresh of the session (RFC 3264 section 8).
    pub fn is_unchanged_from(&self, before: &Sdp) -> bool {
        let key = |sdp: &Sdp| (sdp.session_id, sdp.session_version);
        key(self) == key(before) && self == before
    }

    /// Whether the writer asks us to be quiet: on hold by direction, or by RFC 2543's address 0.0.0.0.
    pub fn on_hold(&self) -> bool {
        matches!(self.direction, Direction::SendOnly | Direction::Inactive) || self.is_nowhere()
    }

    /// Whether the writer is not to be sent anything: a refused stream, or RFC 2543's address 0.0.0.0, which in a
    /// browser's description only says that its ways are found by ICE.
    pub fn is_nowhere(&self) -> bool {
        self.audio.port() == 0 || self.web.is_none() && self.audio.ip().is_unspecified()
    }

    /// The text, lines ended by CRLF.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = String::with_capacity(256);
        let family = if self.audio.is_ipv4() { "IP4" } else { "IP6" };
        let ip = self.audio.ip().to_string();
        let (mut id, mut version) = ([0; 20], [0; 20]);
        let (id, version) = (decimal(self.session_id, &mut id), decimal(self.session_version, &mut version));
        put(&mut text, &["v=0\r\no=- ", id, " ", version, " IN ", family, " ", &ip]);
        put(&mut text, &["\r\ns=-\r\nc=IN ", family, " ", &ip, "\r\nt=0 0\r\n"]);
        if let Some(web) = &self.web {
            web.write_session(&mut text);
        }
        let split = self.others_before.min(self.others.len());
        self.others[..split].iter().for_each(|other| other.write_refused(&mut text));
        self.write_audio(&mut text);
        self.others[split..].iter().for_each(|other| other.write_refused(&mut text));
        text.into_bytes()
    }

    fn write_audio(&self, text: &mut String) {
        let mut room = [0; 20];
        put(text, &["m=audio ", decimal(u64::from(self.audio.port()), &mut room), " ", self.profile.name()]);
        for format in &self.formats {
            put(text, &[" ", decimal(u64::from(format.payload_type), &mut room)]);
        }
        text.push_str("\r\n");
        for format in &self.formats {
            format.write(text);
        }
        self.crypto.iter().for_each(|crypto| crypto.write(text));
        if let Some(web) = &self.web {
            web.write(self.audio, text);
        }
        if let Some(ptime_ms) = self.ptime_ms {
            put(text, &["a=ptime:", decimal(u64::from(ptime_ms), &mut room), "\r\n"]);
        }
        if let Some(maxptime_ms) = self.maxptime_ms {
            put(text, &["a=maxptime:", decimal(u64::from(maxptime_ms), &mut room), "\r\n"]);
        }
        if self.rtcp_mux {
            text.push_str("a=rtcp-mux\r\n");
        }
        put(text, &["a=", self.direction.word(), "\r\n"]);
    }

    /// Read a description: the first audio stream over plain RTP that is not refused, else the first over SRTP, else the
    /// first of all.
    pub fn parse(bytes: &[u8]) -> Result<Sdp, SdpError> {
        Sdp::parse_preferring(bytes, false)
    }

    /// As [`Sdp::parse`], but of two audio streams the one over SRTP comes first where `secure` says so.
    pub fn parse_preferring(bytes: &[u8], secure: bool) -> Result<Sdp, SdpError> {
        if bytes.len() > SIZE_MAX_BYTES {
            return Err(SdpError::TooLong);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| SdpError::Malformed)?;
        let mut reader = Reader::default();
        for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
            let (kind, value) = line.split_once('=').ok_or(SdpError::Malformed)?;
            reader.line(kind, value)?;
        }
        reader.finish(secure)
    }
}

fn put(text: &mut String, parts: &[&str]) {
    parts.iter().for_each(|part| text.push_str(part));
}

impl OtherStream {
    fn write_refused(&self, text: &mut String) {
        put(text, &["m=", &self.media, " 0 ", &self.transport, " ", &self.formats, "\r\n"]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\no=alice 289 3 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n\
        m=audio 49170 RTP/AVP 0 8 96 97\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:97 telephone-event/8000\r\n\
        a=ptime:20\r\na=sendonly\r\nm=video 51372 RTP/AVP 31\r\na=rtpmap:31 H261/90000\r\n";

    fn local() -> SocketAddr {
        "198.51.100.1:20000".parse().expect("an address")
    }

    #[test]
    fn an_offer_is_read() {
        let sdp = Sdp::parse(OFFER.as_bytes()).expect("valid");
        assert_eq!(sdp.audio, "192.0.2.7:49170".parse().expect("an address"));
        assert_eq!(sdp.formats[0], Format::pcmu());
        assert_eq!(sdp.formats[1], Format::pcma());
        assert_eq!(sdp.formats[2], Format { payload_type: 96, ..Format::opus() });
        assert_eq!(sdp.telephone_event(), Some(97));
        assert_eq!((sdp.direction, sdp.ptime_ms, sdp.session_version), (Direction::SendOnly, Some(20), 3));
        assert!(sdp.on_hold());
    }

    #[test]
    fn an_answer_keeps_payload_types_and_refuses_video() {
        let offer = Sdp::parse(OFFER.as_bytes()).expect("valid");
        let ours = [Format::pcma(), Format::telephone_event()];
        let answer = Sdp::answer(&offer, local(), &ours, 7, 1).expect("PCMA is common");
        let text = String::from_utf8(answer.to_bytes()).expect("text");
        assert!(text.contains("m=audio 20000 RTP/AVP 8 97\r\n"), "{text}");
        assert!(text.contains("m=video 0 RTP/AVP 31\r\n"), "{text}");
        assert!(text.contains("a=recvonly\r\n"), "{text}");
        assert_eq!(Sdp::parse(text.as_bytes()).expect("our own text").formats, answer.formats);
    }

    #[test]
    fn each_codec_is_read_and_written_with_its_own_clock() {
        let text = "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\nc=IN IP4 192.0.2.7\r\n\
            m=audio 4000 RTP/AVP 9 18 97 13 98 99 100\r\na=rtpmap:9 G722/16000\r\na=fmtp:18 annexb=yes\r\n\
            a=rtpmap:97 OPUS/48000/2\r\na=rtpmap:98 telephone-event/8000\r\na=rtpmap:99 telephone-event/48000\r\n\
            a=rtpmap:100 AMR/8000\r\na=ptime:30\r\na=maxptime:60\r\na=rtcp:4444\r\n";
        let offer = Sdp::parse(text.as_bytes()).expect("valid");
        assert_eq!((offer.ptime_ms, offer.maxptime_ms, offer.rtcp), (Some(30), Some(60), Some(4444)));
        let ours = [
            Format::opus(),
            Format::g722(),
            Format::g729(),
            Format::comfort_noise(),
            Format::telephone_event(),
        ];
        let mut answer = Sdp::answer(&offer, local(), &ours, 7, 1).expect("common");
        assert_eq!(answer.voice().map(|voice| voice.codec.clone()), Some(Codec::G722), "the offer's order");
        assert_eq!(answer.events().map(|events| events.payload_type), Some(98), "8000, as G.722 has it");
        answer.prefer(&[Codec::Pcma, Codec::Opus]);
        assert_eq!(answer.events().map(|events| events.payload_type), Some(99), "on the clock of Opus");
        let text = String::from_utf8(answer.to_bytes()).expect("text");
        assert!(text.contains("m=audio 20000 RTP/AVP 97 9 18 13 99\r\n"), "{text}");
        for line in
            ["a=rtpmap:9 G722/8000", "a=rtpmap:97 opus/48000/2", "a=fmtp:18 annexb=no", "a=rtpmap:13 CN/8000"]
        {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert_eq!(Sdp::parse(text.as_bytes()).expect("our own text").formats, answer.formats);
    }

    #[test]
    fn a_fax_beside_audio_is_refused_and_alone_there_is_no_audio() {
        let head = "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\nc=IN IP4 192.0.2.7\r\n";
        let fax = "m=image 4002 udptl t38\r\na=T38FaxVersion:0\r\n";
        let both = format!("{head}m=audio 4000 RTP/AVP 8\r\n{fax}");
        let offer = Sdp::parse(both.as_bytes()).expect("audio is there");
        let answer = Sdp::answer(&offer, local(), &[Format::pcma()], 7, 1).expect("common");
        let text = String::from_utf8(answer.to_bytes()).expect("text");
        assert!(text.contains("m=image 0 udptl t38\r\n"), "{text}");
        assert_eq!(Sdp::parse(format!("{head}{fax}").as_bytes()), Err(SdpError::NoAudio));
    }

    #[test]
    fn of_two_audio_streams_the_preferred_is_read() {
        let text = "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\nc=IN IP4 192.0.2.7\r\nm=audio 4000 RTP/SAVP 8\r\n\
            a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20\r\n\
            m=audio 4002 RTP/AVP 8\r\n";
        let plain = Sdp::parse(text.as_bytes()).expect("valid");
        assert_eq!((plain.audio.port(), plain.profile, plain.crypto.len()), (4002, Profile::Avp, 0));
        let secure = Sdp::parse_preferring(text.as_bytes(), true).expect("valid");
        assert_eq!((secure.audio.port(), secure.profile, secure.crypto.len()), (4000, Profile::Savp, 1));
    }

    #[test]
    fn events_alone_are_no_common_codec() {
        let offer = Sdp::parse(OFFER.as_bytes()).expect("valid");
        assert_eq!(Sdp::answer(&offer, local(), &[Format::telephone_event()], 7, 1), Err(NoCommonCodec));
    }

    #[test]
    fn an_offer_survives_the_wire() {
        let offer = Sdp::offer(local(), &[Format::pcma(), Format::pcmu(), Format::telephone_event()], 5, 2);
        assert_eq!(Sdp::parse(&offer.to_bytes()), Ok(offer));
    }

    #[test]
    fn junk_is_refused_by_kind() {
        assert_eq!(Sdp::parse(b"hello"), Err(SdpError::Malformed));
        assert_eq!(Sdp::parse(b"v=0\r\nm=video 1 RTP/AVP 31\r\n"), Err(SdpError::NoAudio));
        assert_eq!(Sdp::parse(b"v=0\r\nm=audio 4 RTP/AVP 0\r\n"), Err(SdpError::NoAddress));
        assert_eq!(Sdp::parse(b"v=0\r\nm=audio 70000 RTP/AVP 0\r\n"), Err(SdpError::Malformed));
        assert_eq!(Sdp::parse(&vec![b'a'; SIZE_MAX_BYTES + 1]), Err(SdpError::TooLong));
    }
}
