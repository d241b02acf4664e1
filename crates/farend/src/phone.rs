//! The media side of one leg: a socket, a mouth and an ear, for `call` and `world`.
//! It refuses to know signalling beyond the session description it is given.

use std::io;
use std::net::{IpAddr, SocketAddr};

use media::RtpStream;
use media::g711::Law;
use media::srtp::Suite;
use media::stream::{StreamConfig, Voice};
use sip::sdp::{Codec, Format, Profile, Sdp};

use crate::ear::{Ear, Heard, MediaTotals};
use crate::secure::Secure;
use crate::udp::Udp;

/// A phone's hand set.
pub(crate) struct Phone {
    socket: Udp,
    stream: RtpStream,
    config: StreamConfig,
    voice: Voice,
    /// Say samples again when they end.
    repeat: bool,
    remote: Option<SocketAddr>,
    pub(crate) ear: Ear,
    sent: u64,
    first_from: Option<SocketAddr>,
    /// Where we say that we listen.
    shown: SocketAddr,
    /// Keys, if packets are SRTP.
    secure: Option<Secure>,
}

const EVENT_PAYLOAD_TYPE: u8 = 101;

impl Phone {
    /// A phone on a free port of `address`.
    pub(crate) fn open(address: IpAddr, ssrc: u32, record: bool) -> io::Result<Phone> {
        let socket = Udp::bind(SocketAddr::new(address, 0), 64 * 1024)?;
        Ok(Phone::with(socket, None, ssrc, record))
    }

    /// A phone on a socket, that believes its address to be another one than the socket's.
    pub(crate) fn with(socket: Udp, believed: Option<IpAddr>, ssrc: u32, record: bool) -> Phone {
        let local = socket.local();
        let shown = SocketAddr::new(believed.unwrap_or(local.ip()), local.port());
        let config = StreamConfig {
            law: Law::Pcma,
            payload_type: Law::Pcma.payload_type(),
            event_payload_type: Some(EVENT_PAYLOAD_TYPE),
            ssrc,
        };
        Phone {
            socket,
            stream: RtpStream::new(config),
            config,
            voice: Voice::Silence,
            repeat: false,
            remote: None,
            ear: Ear::new(EVENT_PAYLOAD_TYPE, record),
            sent: 0,
            first_from: None,
            shown,
            secure: None,
        }
    }

    /// Speaks and hears nothing but SRTP from now on.
    pub(crate) fn encrypt(&mut self, suite: Suite) -> io::Result<()> {
        self.secure = Some(Secure::draw(suite)?);
        Ok(())
    }

    /// Our offer.
    pub(crate) fn offer(&self) -> Vec<u8> {
        let mut offer = Sdp::offer(self.shown, &formats(), u64::from(self.config.ssrc), 1);
        if let Some(secure) = &self.secure {
            (offer.profile, offer.crypto) = (Profile::Savp, vec![secure.ours().clone()]);
        }
        offer.to_bytes()
    }

    /// Our answer to an offer; `None` when no codec is common, no key can be used or it cannot be read. From then on we
    /// speak to it.
    pub(crate) fn answer(&mut self, offer: &[u8]) -> Option<Vec<u8>> {
        if offer.is_empty() {
            return Some(self.offer());
        }
        let sdp = Sdp::parse(offer).ok()?;
        let mut answer = Sdp::answer(&sdp, self.shown, &formats(), u64::from(self.config.ssrc), 1).ok()?;
        if sdp.profile.is_secure() {
            let secure = Secure::answering(&sdp)?;
            answer.crypto = vec![secure.ours().clone()];
            self.secure = Some(secure);
        }
        self.connect(&sdp, answer.voice());
        Some(answer.to_bytes())
    }

    /// Takes where and how the far end wants our packets. An unreadable description changes nothing.
    pub(crate) fn speak_to(&mut self, description: &[u8]) {
        if let Ok(sdp) = Sdp::parse(description) {
            self.connect(&sdp, sdp.voice());
        }
    }

    fn connect(&mut self, sdp: &Sdp, voice: Option<&Format>) {
        self.remote = (!sdp.on_hold() && sdp.audio.port() != 0).then_some(sdp.audio);
        if let Some(secure) = &mut self.secure {
            secure.agree(sdp);
        }
        let Some(voice) = voice else { return };
        let law = if voice.codec == Codec::Pcmu { Law::Pcmu } else { Law::Pcma };
        let event_payload_type = sdp.telephone_event();
        if let Some(payload_type) = event_payload_type {
            self.ear.expect_events(payload_type);
        }
        let config =
            StreamConfig { law, payload_type: voice.payload_type, event_payload_type, ..self.config };
        if config != self.config {
            self.config = config;
            self.stream = RtpStream::new(config);
            self.stream.say(self.voice.clone());
        }
    }

    /// Says something from the next packet on.
    pub(crate) fn say(&mut self, voice: Voice, repeat: bool) {
        (self.voice, self.repeat) = (voice, repeat);
        self.stream.say(self.voice.clone());
    }

    /// Presses one key after what is being pressed.
    pub(crate) fn press(&mut self, key: u8) {
        self.stream.press(&[key]);
    }

    /// Sends the packets of the next 20 ms, if it is known where to.
    pub(crate) fn tick(&mut self) {
        let Some(remote) = self.remote else { return };
        if self.repeat && self.stream.said_all() {
            self.stream.say(self.voice.clone());
        }
        let (socket, secure, sent) = (&self.socket, &mut self.secure, &mut self.sent);
        self.stream.next_frame(|datagram| {
            // A packet that does not go out is lost, as on any network.
            let went = match secure {
                None => socket.send(datagram, remote),
                Some(secure) => secure.seal(datagram).is_some_and(|sealed| socket.send(&sealed, remote)),
            };
            if went {
                *sent += 1;
            }
        });
    }

    /// Takes all packets that have arrived.
    pub(crate) fn listen(&mut self, now_us: u64, mut tell: impl FnMut(Heard)) {
        let mut datagram = [0; 2048];
        while let Some((bytes, from)) = self.socket.receive(&mut datagram) {
            let opened = match &mut self.secure {
                None => Some(bytes),
                Some(secure) => secure.open(&mut datagram[..bytes]),
            };
            match opened {
                None => self.ear.refuse(),
                Some(bytes) => {
                    self.first_from.get_or_insert(from);
                    self.ear.receive(&datagram[..bytes], now_us, &mut tell);
                }
            }
        }
    }

    /// Returns when a packet may be there.
    pub(crate) async fn arrival(&self) {
        self.socket.arrival().await;
    }

    /// The source of the first packet since this was asked last.
    pub(crate) fn take_first_source(&mut self) -> Option<SocketAddr> {
        self.first_from.take()
    }

    pub(crate) fn totals(&mut self) -> MediaTotals {
        MediaTotals { sent: self.sent, ..self.ear.totals() }
    }
}

fn formats() -> [Format; 3] {
    [Format::pcma(), Format::pcmu(), Format::telephone_event()]
}
