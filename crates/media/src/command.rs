//! What the engine is told and what it tells: ports, legs, commands, events, statistics.
//! Plain values; this module refuses to know sockets, threads and files.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;

pub use crate::codec::Codec;
pub use crate::g711::Law;
pub use crate::srtp::{Keyring, Secret};
pub use crate::webrtc::{Access, Fingerprint};

/// One leg of a call, named by the user of the engine; never used twice while open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegId(pub u64);

/// One call, named by the user of the engine. All its legs live on one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub u128);

/// One playback on a leg, named by the user; comes back in [`Event::Played`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PlayId(pub u32);

/// A prompt known to the engine; those shipped are in [`crate::prompts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PromptId(pub u32);

/// The signals a network plays to a caller, defined as dated data in [`crate::tone`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ToneId {
    /// Dial tone.
    Dial,
    /// The target is being rung.
    Ringback,
    /// The target is busy.
    Busy,
    /// No way through the network.
    Congestion,
    /// A short double beep: the call will end soon.
    Warning,
}

/// What a playback plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sound {
    /// A loaded or shipped prompt.
    Prompt(PromptId),
    /// A tone with its cadence.
    Tone(ToneId),
}

/// How often a playback plays its sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Repeat {
    /// Once, then [`Event::Played`].
    Once,
    /// Until stopped, replaced or the leg closes; no [`Event::Played`].
    Forever,
}

/// How the engine is set up. `Config::local` gives the product's defaults.
#[derive(Clone, Debug)]
pub struct Config {
    /// Threads that carry RTP.
    pub shards: usize,
    /// The local address the sockets are bound to.
    pub address: IpAddr,
    /// Ports that may be used; only the even ones are.
    pub ports: RangeInclusive<u16>,
    /// Sockets each shard opens ahead. Fewer are opened if the range is used up.
    pub pool_per_shard: usize,
    /// How long a port rests after its leg closed, so that late packets reach nobody.
    pub quarantine_ms: u64,
    /// The one UDP port that all legs of browsers of the first shard share; each further shard has the next. `None` takes
    /// the last free odd ones of `ports`.
    pub web_port: Option<u16>,
    /// Legs of browsers that a shard may have; 0 for none, and no port then.
    pub web_legs: usize,
    /// Where recordings go; `None` switches recording off.
    pub recording: Option<RecordingConfig>,
    /// How often a leg reports by RTCP what it sent and received.
    pub report_ms: u64,
    /// No packet for so long on a bridged leg that is not on hold gives [`Event::Silent`].
    pub silence_ms: u64,
}

impl Config {
    /// One shard on `address` with the product's defaults and no recording.
    pub fn local(address: IpAddr) -> Config {
        Config {
            shards: 1,
            address,
            ports: 20_000..=39_998,
            pool_per_shard: 256,
            quarantine_ms: 30_000,
            web_port: None,
            web_legs: 0,
            recording: None,
            report_ms: 5_000,
            silence_ms: 60_000,
        }
    }
}

/// Where and in what room recordings are kept.
#[derive(Clone, Debug)]
pub struct RecordingConfig {
    /// Finished files: `<dir>/<yyyymmdd>/<recording id in hex>.wav`; segments lie in `<dir>/segments`.
    pub dir: PathBuf,
    /// Size of one preallocated segment file.
    pub segment_bytes: u64,
    /// Segments a shard may hold at most; with all of them full recording stops, the call goes on.
    pub segments_max: u32,
    /// Free room on the disk that recording leaves to others (FAULTS F4: it stops before the journal does).
    pub disk_reserve_bytes: u64,
}

impl RecordingConfig {
    /// Segments of 32 MiB, at most 512 of them for each shard; 512 MiB of the disk stay free.
    pub fn in_dir(dir: impl Into<PathBuf>) -> RecordingConfig {
        RecordingConfig {
            dir: dir.into(),
            segment_bytes: 32 << 20,
            segments_max: 512,
            disk_reserve_bytes: 512 << 20,
        }
    }
}

/// A bound socket that waits for a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Port {
    /// The shard that owns the socket.
    pub shard: u16,
    /// Names the port in [`Command::Open`]; unique in the engine.
    pub id: u32,
    /// What an SDP offers.
    pub address: SocketAddr,
    /// What the leg's own keys are made of; another each time the port is told.
    pub secret: Secret,
    /// What a browser needs to reach it, if it is a browser's: a place on the port that all of them share. Such a leg has
    /// keys by DTLS ([`Agreed::dtls`]), any other has none of that.
    pub web: Option<Access>,
}

/// How a peer is spoken to, as its description and ours agreed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// What is sent to the peer. What it sends is told by payload type: this one, or a static one of RFC 3551.
    pub codec: Codec,
    /// Its payload type.
    pub payload_type: u8,
    /// telephone-event (RFC 4733), if negotiated.
    pub events: Option<Events>,
    /// Payload type of comfort noise (RFC 3389), if negotiated.
    pub noise_payload_type: Option<u8>,
    /// Length of the packets we make for the peer; what is relayed keeps its own. 10, 20, 30, 40 or 60.
    pub ptime_ms: u8,
    /// Where reports of RTCP go.
    pub rtcp: Rtcp,
    /// How keys come and go.
    pub keys: Keys,
    /// Keys of SRTP; without them packets are in the clear, but on a browser's leg.
    pub srtp: Option<Box<Keyring>>,
    /// The certificate that a browser's description names. Its leg waits for the handshake with whoever has that, and
    /// for a way proven by ICE: until then nothing is sent and nothing heard.
    pub dtls: Option<Fingerprint>,
}

impl Agreed {
    /// G.711 in packets of 20 ms, with telephone-event at 8 kHz if it has a payload type.
    pub fn g711(law: Law, event_payload_type: Option<u8>) -> Agreed {
        Agreed {
            codec: law.into(),
            payload_type: law.payload_type(),
            events: event_payload_type.map(|payload_type| Events { payload_type, clock_hz: 8_000 }),
            noise_payload_type: None,
            ptime_ms: 20,
            rtcp: Rtcp::NextPort,
            keys: Keys::Auto,
            srtp: None,
            dtls: None,
        }
    }
}

/// telephone-event as one leg has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Events {
    /// Its payload type.
    pub payload_type: u8,
    /// Its clock, in which durations are counted.
    pub clock_hz: u32,
}

/// Where a peer takes RTCP. Ours comes from the port of RTP, the only one a leg has, and is taken there too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rtcp {
    /// On the port after that of RTP.
    #[default]
    NextPort,
    /// On the port of RTP (RFC 5761).
    Shared,
    /// On another (RFC 3605).
    Port(u16),
}

/// How keys come from a peer and go to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keys {
    /// As telephone-events if negotiated, else as tones in the band.
    #[default]
    Auto,
    /// As tones in the band, whatever was negotiated.
    InBand,
    /// By signalling: none is heard here, and none passes from the other leg.
    Signalled,
}

/// What the engine is told. Commands about one leg take effect in the order sent.
#[derive(Clone, Debug)]
pub enum Command {
    /// Takes a port given by [`Event::PortsReady`] for a leg.
    Open {
        /// The new leg.
        leg: LegId,
        /// [`Port::id`].
        port: u32,
        /// The call the leg belongs to.
        call: CallId,
    },
    /// Says where the peer is, after each SDP. Opens the learning window of FAULTS N5 anew: the source of
    /// the peer's packets is learned in the first 250 ms, later only the exact `remote` is accepted.
    Connect {
        /// The leg.
        leg: LegId,
        /// The peer as its SDP names it.
        remote: SocketAddr,
        /// How it is spoken to.
        agreed: Agreed,
    },
    /// Plays to the peer, in place of what is bridged to it; ends an earlier playback without a word.
    Play {
        /// The leg.
        leg: LegId,
        /// Comes back in [`Event::Played`].
        play: PlayId,
        /// What is played.
        sound: Sound,
        /// How often.
        repeat: Repeat,
    },
    /// Plays prompts one behind the other, once, as [`Command::Play`] plays one; those that are not loaded are left out.
    PlayAll {
        /// The leg.
        leg: LegId,
        /// Comes back in [`Event::Played`].
        play: PlayId,
        /// What is played.
        prompts: Box<[PromptId]>,
    },
    /// Stops what is played, if anything.
    StopPlay {
        /// The leg.
        leg: LegId,
    },
    /// Relays both ways between two legs of one shard; an earlier bridge of either ends.
    Bridge {
        /// One leg.
        a: LegId,
        /// The other.
        b: LegId,
    },
    /// Ends the bridge of a leg and its peer; both stay open.
    Unbridge {
        /// Either leg.
        leg: LegId,
    },
    /// A leg hears the sum of others of its shard, in place of what is bridged to it; of none, the bridge again. What a leg hears
    /// is said for it alone: nobody else hears more by it. Keys are not passed in a sum.
    Mix {
        /// The listener.
        leg: LegId,
        /// Whom it hears.
        hears: Box<[LegId]>,
    },
    /// While on, silence of the leg is no event.
    Hold {
        /// The leg.
        leg: LegId,
        /// Whether it is held.
        on: bool,
        /// Whether nothing is sent to it meanwhile; what is played to it goes on unheard.
        deaf: bool,
    },
    /// Presses a key towards the peer: as a telephone-event where agreed, else as a tone in the band. Keys wait for
    /// those before them and for what is played; of more than 32 the rest is dropped.
    SendKey {
        /// The leg.
        leg: LegId,
        /// `0-9 * # A-D`; anything else is left out.
        key: u8,
    },
    /// Listens for the network's tones in what the peer sends, however often it is connected anew meanwhile; told by
    /// [`Event::Tone`].
    ListenTones {
        /// The leg.
        leg: LegId,
        /// For so long from now on, in place of what was left; 0 ends it.
        for_ms: u64,
        /// Whether what it sends from now on is judged before a cadence is known: [`Event::ToneBegan`], [`Event::Voice`].
        judge: bool,
    },
    /// Records what two legs say into one two-channel file.
    Record {
        /// The call; it has one recording at a time.
        call: CallId,
        /// Names the file.
        recording: u128,
        /// The left channel: the caller.
        left: LegId,
        /// The right channel: the agent.
        right: LegId,
    },
    /// Gives the right channel of the call's recording to another leg, or to nobody for a while. A call that is not being
    /// recorded stays so.
    RecordRight {
        /// The call.
        call: CallId,
        /// Who is heard there from now on.
        right: Option<LegId>,
    },
    /// While on, nothing of what the legs of the call's recording say is laid down anywhere; the file is silent for as long. A call
    /// that is not being recorded stays so.
    PauseRecord {
        /// The call.
        call: CallId,
        /// Whether it is paused.
        on: bool,
    },
    /// Records what one leg says, as [`Command::Record`] does with the right channel silent, and listens for its silence.
    TakeMessage {
        /// The call; it has one recording at a time.
        call: CallId,
        /// Names the file.
        recording: u128,
        /// The leg.
        leg: LegId,
        /// Silence so long is told by [`Event::Quiet`], once.
        quiet_ms: u64,
    },
    /// Ends the call's recording; its file follows with [`Event::RecordingReady`].
    StopRecord {
        /// The call.
        call: CallId,
    },
    /// Ends a leg; answered by [`Event::Closed`]. A recording it takes part in ends with the last of its two legs.
    Close {
        /// The leg.
        leg: LegId,
    },
}

/// What the engine tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Ports that may be opened from now on: the pool at the start, later those whose quarantine ended.
    PortsReady(Vec<Port>),
    /// The peer pressed a key.
    Digit {
        /// The leg.
        leg: LegId,
        /// `b'0'..=b'9'`, `b'*'`, `b'#'`, `b'A'..=b'D'`.
        digit: u8,
    },
    /// The peer plays a tone of the network, heard as [`Command::ListenTones`] asked for; each once, until another comes.
    Tone {
        /// The leg.
        leg: LegId,
        /// Busy, congestion or ringback.
        tone: ToneId,
    },
    /// What the peer sends is judged, and may be a tone of the network: its frequency is heard.
    ToneBegan {
        /// The leg.
        leg: LegId,
    },
    /// What the peer sends is judged, and is none of the network's tones; nothing more is said of it.
    Voice {
        /// The leg.
        leg: LegId,
    },
    /// A playback that plays once has ended by itself.
    Played {
        /// The leg.
        leg: LegId,
        /// From [`Command::Play`].
        play: PlayId,
    },
    /// Nothing was heard for `Config::silence_ms`; told once until a packet comes again.
    Silent {
        /// The leg.
        leg: LegId,
        /// Age of the last packet, or of the bridge if there was none since.
        last_packet_ms_ago: u64,
    },
    /// A leg whose message is taken said nothing for its time.
    Quiet {
        /// The leg.
        leg: LegId,
        /// Whether it said anything before.
        spoke: bool,
    },
    /// The first packet of the peer was accepted.
    FirstPacket {
        /// The leg.
        leg: LegId,
        /// Where it came from.
        from: SocketAddr,
    },
    /// The leg is closed.
    Closed {
        /// The leg.
        leg: LegId,
        /// What it saw.
        stats: LegStats,
    },
    /// A command named a port or a leg in a way that cannot be done.
    Refused {
        /// The leg, or the left leg of a recording.
        leg: LegId,
        /// Why.
        reason: Refusal,
    },
    /// A recording is a whole file on the disk, synced. After a crash it may be told once more.
    RecordingReady {
        /// From [`Command::Record`].
        recording: u128,
        /// The call.
        call: CallId,
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// Its length.
        duration_ms: u64,
        /// CRC-32C of the whole file.
        crc32c: u32,
        /// The process ended before the recording did; what was heard until then is here.
        interrupted: bool,
    },
    /// A recording ended before it was asked to; what was heard until then still becomes a file.
    RecordingStopped {
        /// The call.
        call: CallId,
        /// From [`Command::Record`].
        recording: u128,
        /// Why.
        reason: StopReason,
    },
}

/// Why a command was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The port is not free.
    PortTaken,
    /// The leg is open already.
    LegOpen,
    /// The leg is not open.
    LegUnknown,
    /// The two legs live on different shards.
    OtherShard,
    /// No such prompt is loaded.
    PromptUnknown,
    /// A key of SRTP has not the length of its suite, or the leg wants keys in another way than its port has them.
    KeyUnusable,
    /// Who shook hands has another certificate than the description names.
    Impostor,
    /// Recording is not configured, or the call is being recorded already.
    RecordingRefused,
}

/// Why a recording ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StopReason {
    /// No room: the disk is full or all segments are in use.
    DiskFull,
    /// The file could not be written; its packets stay in the segments and it is tried again.
    WriteFailed,
}

/// What one leg received and sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LegStats {
    /// Packets accepted from the peer.
    pub received: u64,
    /// Packets sent to the peer.
    pub sent: u64,
    /// Packets missing by sequence number (RFC 3550 A.3, duplicates not counted as received).
    pub lost: u64,
    /// Accepted packets that came after a later one.
    pub late: u64,
    /// Packets that came twice.
    pub duplicate: u64,
    /// Interarrival jitter (RFC 3550 6.4.1).
    pub jitter_us: u32,
    /// Packets from elsewhere, with a foreign SSRC or no RTP at all: dropped.
    pub strangers: u64,
    /// Packets that were not sealed by the peer's key, or came again: dropped.
    pub unauthentic: u64,
    /// Frames of playbacks that were skipped since the shard was late.
    pub skipped: u64,
    /// Estimate of the mean opinion score by the E-model (ITU-T G.107), in hundredths: 441 is 4.41. 0 without packets.
    pub mos_e2: u16,
    /// Packets of ours that the peer missed, as it reported last by RTCP.
    pub peer_lost: u64,
    /// Jitter of our packets at the peer, as it reported last.
    pub peer_jitter_us: u32,
    /// To the peer and back, by its last report; `None` without any.
    pub round_trip_us: Option<u32>,
    /// From [`Command::Connect`] to the first packet.
    pub first_packet_ms: Option<u64>,
    /// Age of the last packet at the end.
    pub last_packet_ms: Option<u64>,
}
