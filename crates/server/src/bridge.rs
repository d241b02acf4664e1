//! Between what the node says of media and what the engine does: names, ports and statistics translated one to one.
//! Refuses to know why anything is played or recorded.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use hotline::TenantId;
use hotline::call::{Sound, Tone};
use hotline::cdr::Quality;
use media::{Engine, LegId, LegStats, PlayId, Prompt, Repeat, SendError, ToneId};
use node::media::{
    Access, Agreed, Codec, Command, Event, Keyring, Keys, MediaLeg, Port, Rtcp, Secret, Suite,
};

use crate::inbox::{Inbox, Message};
use crate::prompts::{FileId, Found, Names, Shelf};

/// The engine as the signalling thread commands it.
pub struct Bridge {
    engine: Engine,
    shelf: Shelf,
    /// Whose prompts each leg hears.
    tenants: HashMap<LegId, TenantId>,
    /// Playbacks that wait for their file.
    awaited: HashMap<LegId, Awaited>,
    inbox: Arc<Inbox>,
    refused: u64,
}

/// A playback that waits for its file.
struct Awaited {
    file: FileId,
    play: u32,
    repeat: Repeat,
}

/// What an engine's event means to the process.
#[derive(Debug, PartialEq)]
pub enum Meaning {
    /// The node is told.
    Node(Event),
    /// A recording became a file: the store is told.
    Recorded(RecordingFile),
    /// A recording stopped early; the node is told and a person should look.
    RecordingStopped(Event, media::StopReason),
    /// The engine could not do as told; the node's own timers see to it.
    Refused(LegId, media::Refusal),
    /// Nothing anyone waits for.
    Nothing,
}

/// A recording that is a whole file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct RecordingFile {
    pub recording: hotline::RecordingId,
    pub call: hotline::CallId,
    pub path: std::path::PathBuf,
    pub bytes: u64,
    pub duration_ms: u64,
    pub crc32c: u32,
    pub interrupted: bool,
}

impl Bridge {
    /// Takes the running engine.
    pub fn new(engine: Engine, shelf: Shelf, inbox: Arc<Inbox>) -> Bridge {
        Bridge { engine, shelf, tenants: HashMap::new(), awaited: HashMap::new(), inbox, refused: 0 }
    }

    /// Calls to come hear an enterprise with these prompts; what is played goes on.
    pub fn prompts_changed(&mut self, tenant: TenantId, names: Names) {
        self.shelf.replace(tenant, names);
    }

    /// A prompt's file was read: whoever waits for it hears it now.
    pub fn prompt_read(&mut self, file: &FileId, prompt: Option<&Arc<Prompt>>) {
        let (id, given_up) = self.shelf.loaded(file, prompt.map(|prompt| &**prompt));
        for old in given_up {
            let unloaded = self.engine.unload(old);
            self.count(unloaded);
        }
        if let (Some(id), Some(prompt)) = (id, prompt) {
            let loaded = self.engine.load(id, prompt);
            self.count(loaded);
        }
        let waiting: Vec<LegId> =
            self.awaited.iter().filter(|(_, one)| one.file == *file).map(|(leg, _)| *leg).collect();
        for leg in waiting {
            let Some(Awaited { play, repeat, .. }) = self.awaited.remove(&leg) else { continue };
            match id {
                Some(id) => {
                    let sound = media::Sound::Prompt(id);
                    self.queue(media::Command::Play { leg, play: PlayId(play), sound, repeat });
                }
                None => self.inbox.push(Message::Unplayable { leg: MediaLeg(leg.0), play }),
            }
        }
        self.engine.wake();
    }

    /// Commands the engine did not take.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Gives the engine what the node wants; it is done after [`Bridge::wake`].
    pub fn perform(&mut self, command: Command) {
        if let Some(command) = self.translate(command) {
            self.queue(command);
        }
    }

    fn queue(&mut self, command: media::Command) {
        let closing = match &command {
            media::Command::Close { leg } => Some(*leg),
            _ => None,
        };
        match (self.engine.queue(command), closing) {
            (Ok(()), _) => {}
            // A leg that never opened is closed at once, so that its call does not wait for it.
            (Err(SendError::Unknown), Some(leg)) => {
                let stats = LegStats::default();
                self.inbox.push(Message::Media(vec![media::Event::Closed { leg, stats }]));
            }
            (Err(error), _) => self.count(Err(error)),
        }
    }

    fn count(&mut self, done: Result<(), SendError>) {
        if let Err(error) = done {
            self.refused += 1;
            tracing::warn!(%error, "media did not take a command");
        }
    }

    /// Lets the engine look at what [`Bridge::perform`] gave it.
    pub fn wake(&self) {
        self.engine.wake();
    }

    fn translate(&mut self, command: Command) -> Option<media::Command> {
        Some(match command {
            Command::Open { call, leg, port, of } => {
                self.tenants.extend(of.map(|tenant| (LegId(leg.0), tenant)));
                media::Command::Open { leg: LegId(leg.0), port: port.id, call: media::CallId(call) }
            }
            Command::Connect { leg, remote, agreed } => {
                media::Command::Connect { leg: LegId(leg.0), remote, agreed: agreed_of(agreed) }
            }
            Command::Play { leg, play, sound, repeat } => {
                let repeat = if repeat { Repeat::Forever } else { Repeat::Once };
                // What waited for its file is replaced as what is heard is.
                self.awaited.remove(&LegId(leg.0));
                match self.own(LegId(leg.0), &sound) {
                    Found::Ready(id) => {
                        let (sound, leg) = (media::Sound::Prompt(id), LegId(leg.0));
                        return Some(media::Command::Play { leg, play: PlayId(play), sound, repeat });
                    }
                    Found::Awaited(file) => {
                        self.awaited.insert(LegId(leg.0), Awaited { file, play, repeat });
                        // Until it is there the leg hears what the new sound replaces no more.
                        return Some(media::Command::StopPlay { leg: LegId(leg.0) });
                    }
                    Found::Nothing => {}
                }
                let playing = playing(LegId(leg.0), PlayId(play), &sound, repeat);
                if playing.is_none() {
                    tracing::warn!(
                        ?sound,
                        code = "prompt_unknown",
                        "no such prompt; the call goes on without it"
                    );
                    self.inbox.push(Message::Unplayable { leg, play });
                }
                return playing;
            }
            Command::StopPlay { leg } => {
                self.awaited.remove(&LegId(leg.0));
                media::Command::StopPlay { leg: LegId(leg.0) }
            }
            Command::Bridge { a, b } => media::Command::Bridge { a: LegId(a.0), b: LegId(b.0) },
            Command::Hold { leg, on, deaf } => media::Command::Hold { leg: LegId(leg.0), on, deaf },
            Command::SendKey { leg, key } => media::Command::SendKey { leg: LegId(leg.0), key },
            Command::ListenTones { leg, for_ms, judge } => {
                media::Command::ListenTones { leg: LegId(leg.0), for_ms, judge }
            }
            Command::Record { call, recording, left, right } => media::Command::Record {
                call: media::CallId(call),
                recording: recording.0,
                left: LegId(left.0),
                right: LegId(right.0),
            },
            Command::TakeMessage { call, recording, leg, quiet_ms } => media::Command::TakeMessage {
                call: media::CallId(call),
                recording: recording.0,
                leg: LegId(leg.0),
                quiet_ms,
            },
            Command::EndRecord { call } => media::Command::StopRecord { call: media::CallId(call) },
            Command::Close { leg } => {
                self.awaited.remove(&LegId(leg.0));
                self.tenants.remove(&LegId(leg.0));
                media::Command::Close { leg: LegId(leg.0) }
            }
            Command::Mix { leg, hears } => media::Command::Mix {
                leg: LegId(leg.0),
                hears: hears.into_iter().map(|leg| LegId(leg.0)).collect(),
            },
            Command::Unbridge { leg } => media::Command::Unbridge { leg: LegId(leg.0) },
            Command::PauseRecord { call, on } => {
                media::Command::PauseRecord { call: media::CallId(call), on }
            }
            Command::RecordRight { call, right } => media::Command::RecordRight {
                call: media::CallId(call),
                right: right.map(|right| LegId(right.0)),
            },
        })
    }

    /// The enterprise's own prompt, which goes before the system's of the same name.
    fn own(&mut self, leg: LegId, sound: &Sound) -> Found {
        match (sound, self.tenants.get(&leg)) {
            (Sound::Prompt(name), Some(tenant)) => self.shelf.find(tenant, name),
            (Sound::Prompt(_), None)
            | (Sound::Ringback | Sound::Warning | Sound::Pieces(_) | Sound::Music, _) => Found::Nothing,
        }
    }

    /// Ends the engine's threads; live recordings become files.
    pub fn shutdown(self) {
        self.engine.shutdown();
    }
}

/// What an event of the engine means; `advertised` replaces the address of ports in what far ends are told.
pub fn meaning(event: media::Event, advertised: Option<IpAddr>) -> Meaning {
    Meaning::Node(match event {
        media::Event::PortsReady(ports) => {
            Event::PortsReady(ports.into_iter().map(|port| told(port, advertised)).collect())
        }
        media::Event::Digit { leg, digit } => Event::Digit { leg: MediaLeg(leg.0), digit },
        media::Event::Tone { leg, tone } => match tone_of(tone) {
            Some(tone) => Event::Tone { leg: MediaLeg(leg.0), tone },
            None => return Meaning::Nothing,
        },
        media::Event::ToneBegan { leg } => Event::ToneBegan { leg: MediaLeg(leg.0) },
        media::Event::Voice { leg } => Event::Voice { leg: MediaLeg(leg.0) },
        media::Event::Played { leg, play } => Event::Played { leg: MediaLeg(leg.0), play: play.0 },
        media::Event::Quiet { leg, spoke } => Event::Quiet { leg: MediaLeg(leg.0), spoke },
        media::Event::Silent { leg, last_packet_ms_ago } => {
            Event::Silent { leg: MediaLeg(leg.0), last_packet_ms_ago }
        }
        media::Event::Closed { leg, stats } => {
            Event::Closed { leg: MediaLeg(leg.0), quality: quality_of(&stats) }
        }
        media::Event::RecordingStopped { call, reason, .. } => {
            return Meaning::RecordingStopped(Event::RecordingCut { call: call.0 }, reason);
        }
        media::Event::RecordingReady { recording, call, path, bytes, duration_ms, crc32c, interrupted } => {
            let (recording, call) = (hotline::RecordingId(recording), hotline::CallId(call.0));
            return Meaning::Recorded(RecordingFile {
                recording,
                call,
                path,
                bytes,
                duration_ms,
                crc32c,
                interrupted,
            });
        }
        media::Event::Refused { leg, reason } => return Meaning::Refused(leg, reason),
        media::Event::FirstPacket { leg, from } => match MediaLeg(leg.0).trial() {
            Some(_) => Event::FirstPacket { leg: MediaLeg(leg.0), from },
            None => return Meaning::Nothing,
        },
    })
}

/// What a far end's tone tells of the target.
fn tone_of(tone: ToneId) -> Option<Tone> {
    match tone {
        ToneId::Busy | ToneId::Congestion => Some(Tone::Busy),
        ToneId::Ringback => Some(Tone::Ringback),
        ToneId::Dial | ToneId::Warning => None,
    }
}

fn told(port: media::Port, advertised: Option<IpAddr>) -> Port {
    let ip = advertised.unwrap_or(port.address.ip());
    let address = SocketAddr::new(ip, port.address.port());
    let web = port.web.map(|media::Access { ufrag, password, fingerprint }| Access {
        ufrag,
        password,
        fingerprint: fingerprint.0,
    });
    Port { shard: port.shard, id: port.id, address, secret: Secret(port.secret.0), web }
}

fn agreed_of(agreed: Agreed) -> media::Agreed {
    let Agreed { codec, payload_type, events, noise_payload_type, ptime_ms, rtcp, keys, srtp, dtls } = agreed;
    let codec = match codec {
        Codec::Pcma => media::Codec::Pcma,
        Codec::Pcmu => media::Codec::Pcmu,
        Codec::G722 => media::Codec::G722,
        Codec::G729 => media::Codec::G729,
        Codec::Opus => media::Codec::Opus,
    };
    let keys = match keys {
        Keys::Auto => media::Keys::Auto,
        Keys::InBand => media::Keys::InBand,
        Keys::Info => media::Keys::Signalled,
    };
    let events = events.map(|(payload_type, clock_hz)| media::Events { payload_type, clock_hz });
    let rtcp = match rtcp {
        Rtcp::NextPort => media::Rtcp::NextPort,
        Rtcp::Shared => media::Rtcp::Shared,
        Rtcp::Port(port) => media::Rtcp::Port(port),
    };
    let srtp = srtp.map(|keyring| Box::new(keyring_of(*keyring)));
    let dtls = dtls.map(media::Fingerprint);
    media::Agreed { codec, payload_type, events, noise_payload_type, ptime_ms, rtcp, keys, srtp, dtls }
}

fn keyring_of(keyring: Keyring) -> media::Keyring {
    let suite = match keyring.suite {
        Suite::Gcm256 => media::srtp::Suite::Gcm256,
        Suite::Gcm128 => media::srtp::Suite::Gcm128,
        Suite::Cm80 => media::srtp::Suite::Cm80,
        Suite::Cm32 => media::srtp::Suite::Cm32,
    };
    let master = |key| media::srtp::Master { suite, key };
    media::Keyring { ours: master(keyring.ours), theirs: master(keyring.theirs) }
}

/// `None` for a prompt nobody has.
fn playing(leg: LegId, play: PlayId, sound: &Sound, repeat: Repeat) -> Option<media::Command> {
    let sound = match sound {
        Sound::Prompt(name) => media::Sound::Prompt(media::prompts::by_name(name)?),
        Sound::Ringback => media::Sound::Tone(ToneId::Ringback),
        Sound::Warning => media::Sound::Tone(ToneId::Warning),
        Sound::Music => media::Sound::Prompt(media::prompts::HOLD_MUSIC),
        Sound::Pieces(names) => {
            let prompts: Option<_> = names.iter().map(|name| media::prompts::by_name(name)).collect();
            return Some(media::Command::PlayAll { leg, play, prompts: prompts? });
        }
    };
    Some(media::Command::Play { leg, play, sound, repeat })
}

fn quality_of(stats: &LegStats) -> Quality {
    Quality {
        received: stats.received,
        sent: stats.sent,
        lost: stats.lost,
        jitter_us: stats.jitter_us,
        mos_e2: stats.mos_e2,
        // Packets that no key of the peer sealed are strangers' too.
        strangers: stats.strangers + stats.unauthentic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hotline::enterprise::Language;
    use hotline::speech::{Announcement, all_pieces};

    #[test]
    fn ports_are_told_by_the_address_others_reach_us_at() {
        let secret = media::Secret([7; 102]);
        let port = media::Port {
            shard: 1,
            id: 65_537,
            address: "10.0.0.7:20000".parse().unwrap(),
            secret,
            web: None,
        };
        let outside = "203.0.113.9".parse().unwrap();
        let Meaning::Node(Event::PortsReady(ports)) =
            meaning(media::Event::PortsReady(vec![port]), Some(outside))
        else {
            panic!("ports are the node's")
        };
        assert_eq!(ports[0].address, "203.0.113.9:20000".parse().unwrap());
        assert_eq!((ports[0].shard, ports[0].id), (1, 65_537));
    }

    #[test]
    fn r12_congestion_is_busy_and_a_dial_tone_is_nothing() {
        let means = |tone| meaning(media::Event::Tone { leg: LegId(7), tone }, None);
        let told = |tone| Meaning::Node(Event::Tone { leg: MediaLeg(7), tone });
        assert_eq!(means(ToneId::Busy), told(Tone::Busy));
        assert_eq!(means(ToneId::Congestion), told(Tone::Busy));
        assert_eq!(means(ToneId::Ringback), told(Tone::Ringback));
        assert_eq!(means(ToneId::Dial), Meaning::Nothing);
    }

    #[test]
    fn only_prompts_that_exist_are_sounds() {
        let played = |sound| playing(LegId(7), PlayId(1), &sound, Repeat::Once);
        assert!(matches!(
            played(Sound::Prompt("welcome".into())),
            Some(media::Command::Play { sound: media::Sound::Prompt(media::prompts::WELCOME), .. })
        ));
        assert!(played(Sound::Prompt("nobody made this".into())).is_none());
    }

    /// What is said with numbers in it is played from recordings, and they say what is written.
    #[test]
    fn q06_i13_every_piece_of_speech_has_its_recording() {
        const WORDS: &str = include_str!("../../../assets/prompts/words.tsv");
        let lines = WORDS.lines().filter(|line| !line.starts_with('#'));
        let rows: Vec<Vec<&str>> = lines.map(|line| line.split('\t').collect()).collect();
        for (language, code) in [(Language::Zh, "zh"), (Language::En, "en")] {
            for piece in all_pieces(language).iter().filter(|piece| piece.prompt != "pause") {
                let row = rows.iter().find(|row| row[0] == piece.prompt);
                let row = row.unwrap_or_else(|| panic!("{} has no line", piece.prompt));
                assert_eq!((row[1], row[2]), (code, piece.words));
            }
            let names = Announcement::Agent("8001").prompts(language);
            let played = playing(LegId(7), PlayId(1), &Sound::Pieces(names.into()), Repeat::Once);
            let Some(media::Command::PlayAll { prompts, .. }) = played else { panic!("played") };
            assert_eq!(prompts.len(), 6);
        }
        let shipped = |row: &Vec<&str>| media::prompts::by_name(row[0]).is_some();
        assert_eq!(rows.iter().filter(|row| !shipped(row)).count(), 0, "all of them are in the binary");
        assert!(rows.iter().all(|row| row[1] == "zh" || row[0].starts_with("en_")));
    }
}
