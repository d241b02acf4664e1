//! Reading a description: lines into sections, and the one audio stream out of them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::{
    Codec, Crypto, Direction, FORMATS_MAX, Format, OtherStream, Profile, STREAMS_MAX, Sdp, SdpError,
    web::Lines,
};

/// One `m=` section while it is read.
struct Section {
    media: String,
    port: u16,
    transport: String,
    formats: String,
    address: Option<IpAddr>,
    rtpmaps: Vec<Format>,
    direction: Option<Direction>,
    ptime_ms: Option<u16>,
    maxptime_ms: Option<u16>,
    rtcp_mux: bool,
    rtcp: Option<u16>,
    crypto: Vec<Crypto>,
    web: Lines,
}

/// A description while it is read, line by line.
#[derive(Default)]
pub(super) struct Reader {
    seen_version: bool,
    session_id: u64,
    session_version: u64,
    address: Option<IpAddr>,
    direction: Option<Direction>,
    web: Lines,
    sections: Vec<Section>,
}

impl Reader {
    pub(super) fn line(&mut self, kind: &str, value: &str) -> Result<(), SdpError> {
        match kind {
            "v" if value.trim() == "0" => self.seen_version = true,
            "v" => return Err(SdpError::Malformed),
            "o" => self.origin(value)?,
            "c" => self.connection(value)?,
            "m" if self.sections.len() < STREAMS_MAX => self.sections.push(Section::open(value)?),
            "m" => return Err(SdpError::TooLong),
            "a" => self.attribute(value),
            kind if kind.len() == 1 => {}
            _ => return Err(SdpError::Malformed),
        }
        Ok(())
    }

    /// `o=<user> <id> <version> IN IP4 <address>`; numbers too large for us are only kept as zero.
    fn origin(&mut self, value: &str) -> Result<(), SdpError> {
        let mut words = value.split_ascii_whitespace().skip(1);
        let (Some(id), Some(version)) = (words.next(), words.next()) else { return Err(SdpError::Malformed) };
        self.session_id = id.parse().unwrap_or(0);
        self.session_version = version.parse().unwrap_or(0);
        Ok(())
    }

    /// `c=IN IP4 <address>[/ttl]`. A host name is left out: nothing here resolves names.
    fn connection(&mut self, value: &str) -> Result<(), SdpError> {
        let address = value.split_ascii_whitespace().nth(2).ok_or(SdpError::Malformed)?;
        let address = address.split('/').next().unwrap_or(address).parse().ok();
        match self.sections.last_mut() {
            Some(section) => section.address = address,
            None => self.address = address,
        }
        Ok(())
    }

    fn attribute(&mut self, value: &str) {
        let (name, rest) = value.split_once(':').unwrap_or((value, ""));
        let Some(section) = self.sections.last_mut() else {
            self.direction = Direction::of_word(name).or(self.direction);
            self.web.take(name, rest);
            return;
        };
        section.web.take(name, rest);
        match name {
            "rtpmap" if section.rtpmaps.len() < FORMATS_MAX => section.rtpmaps.extend(rtpmap(rest)),
            "ptime" => section.ptime_ms = rest.trim().parse().ok().filter(|ms| (1..=200).contains(ms)),
            "maxptime" => section.maxptime_ms = rest.trim().parse().ok().filter(|ms| (1..=200).contains(ms)),
            "rtcp-mux" => section.rtcp_mux = true,
            "rtcp" => section.rtcp = rest.split(' ').next().and_then(|port| port.parse().ok()),
            "crypto" if section.crypto.len() < FORMATS_MAX => section.crypto.extend(Crypto::parse(rest)),
            name => section.direction = Direction::of_word(name).or(section.direction),
        }
    }

    pub(super) fn finish(mut self, secure: bool) -> Result<Sdp, SdpError> {
        if !self.seen_version {
            return Err(SdpError::Malformed);
        }
        let live = |wanted: bool| {
            let fits = |section: &Section| {
                section.port != 0 && section.profile().is_some_and(|profile| profile.is_secure() == wanted)
            };
            self.sections.iter().position(fits)
        };
        let any = || self.sections.iter().position(|section| section.profile().is_some());
        let chosen = live(secure).or_else(|| live(!secure)).or_else(any).ok_or(SdpError::NoAudio)?;
        let section = self.sections.remove(chosen);
        let profile = section.profile().unwrap_or(Profile::Avp);
        let ip = match section.address.or(self.address) {
            Some(ip) => ip,
            None if section.port == 0 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            None => return Err(SdpError::NoAddress),
        };
        Ok(Sdp {
            audio: SocketAddr::new(ip, section.port),
            formats: section.audio_formats(),
            direction: section.direction.or(self.direction).unwrap_or(Direction::SendRecv),
            ptime_ms: section.ptime_ms,
            maxptime_ms: section.maxptime_ms,
            rtcp_mux: section.rtcp_mux,
            rtcp: section.rtcp,
            profile,
            crypto: section.crypto,
            web: if profile == Profile::TlsSavpf {
                section.web.of_stream(&self.web).map(Box::new)
            } else {
                None
            },
            session_id: self.session_id,
            session_version: self.session_version,
            others: self.sections.into_iter().map(Section::into_other).collect(),
            others_before: chosen,
        })
    }
}

impl Section {
    /// `m=<media> <port>[/n] <transport> <formats…>`.
    fn open(value: &str) -> Result<Section, SdpError> {
        let mut words = value.split_ascii_whitespace();
        let (Some(media), Some(port), Some(transport)) = (words.next(), words.next(), words.next()) else {
            return Err(SdpError::Malformed);
        };
        let port = port.split('/').next().unwrap_or(port).parse().map_err(|_| SdpError::Malformed)?;
        let formats: Vec<&str> = words.take(FORMATS_MAX).collect();
        if formats.is_empty() {
            return Err(SdpError::Malformed);
        }
        Ok(Section {
            media: media.to_owned(),
            port,
            transport: transport.to_owned(),
            formats: formats.join(" "),
            address: None,
            rtpmaps: Vec::new(),
            direction: None,
            ptime_ms: None,
            maxptime_ms: None,
            rtcp_mux: false,
            rtcp: None,
            crypto: Vec::new(),
            web: Lines::default(),
        })
    }

    /// The profile of an audio stream that we can carry.
    fn profile(&self) -> Option<Profile> {
        Profile::of_name(&self.transport).filter(|_| self.media == "audio")
    }

    fn audio_formats(&self) -> Vec<Format> {
        let types =
            self.formats.split(' ').filter_map(|word| word.parse::<u8>().ok()).filter(|&number| number < 128);
        types
            .map(|number| {
                let mapped = self.rtpmaps.iter().find(|format| format.payload_type == number);
                mapped.cloned().unwrap_or_else(|| Format::static_type(number))
            })
            .filter(|format| format.codec != Codec::Other(String::new()))
            .collect()
    }

    fn into_other(self) -> OtherStream {
        OtherStream { media: self.media, transport: self.transport, formats: self.formats }
    }
}

/// `a=rtpmap:<type> <name>/<rate>[/<channels>]`; only one channel is of use here.
fn rtpmap(value: &str) -> Option<Format> {
    let (number, encoding) = value.trim().split_once(' ')?;
    let payload_type = number.parse().ok().filter(|&number: &u8| number < 128)?;
    let mut parts = encoding.trim().split('/');
    let name = parts.next().filter(|name| !name.is_empty())?;
    let rate_hz = parts.next()?.parse().ok().filter(|&rate: &u32| rate > 0)?;
    let codec = Codec::named(name);
    match parts.next() {
        // Some write the rate G.722 samples at; its RTP clock is 8000 all the same.
        None | Some("1") if codec == Codec::G722 => Some(Format { payload_type, codec, rate_hz: 8000 }),
        Some("2") if codec == Codec::Opus && rate_hz == 48_000 => {
            Some(Format { payload_type, codec, rate_hz })
        }
        None if codec == Codec::Opus => None,
        None | Some("1") => Some(Format { payload_type, codec, rate_hz }),
        Some(channels) => {
            let named = Codec::Other(format!("{name}/{channels}"));
            Some(Format { payload_type, codec: named, rate_hz })
        }
    }
}
