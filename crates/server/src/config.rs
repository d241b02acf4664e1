//! `sibai.toml`: where things listen and lie. What is missing has a default; what is wrong is told with its line, all
//! of it at once. Numbers, rules, tariffs and money are in the database and not here.

mod http_step;
mod written;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use hotline::trunk::{Profile, ProfileFault, Transport};
use node::guard::{Limits, Role};
use serde::Deserialize;
use toml::Spanned;

use crate::archive::{Archive, Key};
use crate::fetching::HttpSteps;
use crate::journal::SEGMENTS_MAX;
use crate::log::{Format, Mask};
use crate::messages::{Gateway, Post};
use crate::speech::{self, Speaker};

/// Who is to be off after so long is off before.
const PAGE_MARGIN_S: u64 = 5;

/// The whole configuration, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Everything the process keeps lies below it.
    pub data_dir: PathBuf,
    /// The name of this node, and of its journal in the database.
    pub node: String,
    /// `sqlite:PATH` or `postgres://…`.
    pub database_url: String,
    /// SIP.
    pub sip: Sip,
    /// How often a phone behind NAT is asked whether it is there, seconds; 0 never asks.
    pub keep_alive_s: u64,
    /// The page of an agent that is gone for so long is no agent's any more, seconds (row Q10).
    pub page_gone_s: u64,
    /// RTP.
    pub media: Media,
    /// Servers that pages are told, so that they reach us through firewalls.
    pub ice_servers: Vec<IceServer>,
    /// Recordings.
    pub recording: Recording,
    /// Who says the texts of prompts.
    pub speech: Speaker,
    /// How messages leave.
    pub messages: Post,
    /// What steps of flows may ask of servers outside.
    pub http_steps: HttpSteps,
    /// HTTP, and SIP over WebSocket at `/sip`.
    pub http: Http,
    /// Log lines.
    pub log: Log,
    /// The journal's ring.
    pub journal: Journal,
    /// SIP traces.
    pub trace: Trace,
    /// How long calls may go on after the first signal to stop, seconds.
    pub drain_s_max: u64,
    /// Compiled bodies of numbers kept in memory.
    pub warm_numbers_max: usize,
    /// For tests only.
    pub testing: Testing,
    /// A PEM file of the authorities we believe when we connect to a trunk by TLS; `None` believes nobody.
    pub authorities: Option<PathBuf>,
    /// What strangers are allowed, and how many calls a second are taken.
    pub guard: Limits,
    /// Further ways SIP is spoken, beside the datagrams of `sip`.
    pub listeners: Vec<Listen>,
    /// Trunks of the file; each is written to the database at the start.
    pub trunks: Vec<Trunk>,
}

/// What only a test platform may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Testing {
    /// Whether the control socket may move the clock on.
    #[serde(default)]
    pub clock_may_advance: bool,
}

/// Where SIP is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sip {
    /// The address bound.
    pub listen: SocketAddr,
    /// The address others are told; `None` is the one bound.
    pub advertised: Option<SocketAddr>,
    /// The address they are told for media; see [`Config::told_of_media`].
    pub media_advertised: Option<IpAddr>,
    /// Who may speak here.
    pub role: Role,
}

/// A further way SIP is spoken: `[[listen]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The address bound.
    pub bind: SocketAddr,
    /// The address others are told, in Via and Contact; `None` is the one bound.
    pub advertised: Option<SocketAddr>,
    /// The address they are told for media; see [`Config::told_of_media`].
    pub media_advertised: Option<IpAddr>,
    /// What carries the messages.
    pub over: Over,
    /// Who may speak here.
    pub role: Role,
}

/// What carries the messages of a [`Listen`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Over {
    /// Datagrams.
    Udp,
    /// Plain TCP.
    Tcp,
    /// TLS, with the PEM files of who we are. They are read again when they change, and at SIGHUP.
    #[expect(missing_docs, reason = "the line above names the fields")]
    Tls { certificate: PathBuf, key: PathBuf },
}

/// Where RTP is spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// The address bound; `None` is SIP's.
    pub address: Option<IpAddr>,
    /// The address others are told; `None` is that of the listener they speak to. See [`Config::told_of_media`].
    pub advertised: Option<IpAddr>,
    /// First and last port.
    pub ports: (u16, u16),
    /// Threads.
    pub shards: usize,
    /// Ports each thread opens ahead: two for each call, and those at rest.
    pub pool_per_shard: usize,
    /// How long a port rests after its leg, milliseconds. A leg learns its source anew, so that late packets of the one
    /// before are strangers; a longer rest needs more ports: two for each call of so much time.
    pub rest_ms: u64,
    /// The one UDP port that all browsers speak to on the first thread; each further thread has the next. `None` is the
    /// last free odd ones of `ports`, of which all others are even.
    pub web_port: Option<u16>,
    /// Browsers that may talk on each thread at one time; 0 shuts them out.
    pub web_legs: usize,
}

/// A server of STUN or TURN that pages are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IceServer {
    /// `stun:…`, `turn:…` or `turns:…`.
    pub urls: Vec<String>,
    /// The secret that a TURN server shares with us: by it each page is told a name and a password for an hour.
    pub secret_file: Option<PathBuf>,
}

/// Where HTTP is served: `/metrics`, `/healthz`, `/readyz`, and SIP over WebSocket at `/sip`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// The address bound.
    pub listen: SocketAddr,
    /// The address others are told, in Via and Contact of SIP; `None` is the one bound.
    pub advertised: Option<SocketAddr>,
    /// The address they are told for media; see [`Config::told_of_media`].
    pub media_advertised: Option<IpAddr>,
    /// PEM files of certificate and key: with them it speaks TLS alone, and SIP is WSS. They are read again when they
    /// change, and at SIGHUP.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Who may speak SIP by WebSocket; phones alone unless said.
    pub role: Role,
}

/// Recordings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// Off records nothing, whatever a number says.
    pub enabled: bool,
    /// Where; `None` is `recordings` in the data directory.
    pub dir: Option<PathBuf>,
    /// How long they are kept at least, days.
    pub retention_days: u32,
    /// The provider's key, by which those of enterprises are wrapped; without one recordings are plain files.
    pub key: Option<Key>,
    /// The file in which the keys of recordings are kept beside copies of the database; written by the hour and whenever one is
    /// deleted.
    pub keys_copy: Option<PathBuf>,
}

/// Log lines.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Log {
    pub format: Format,
    pub level: String,
    pub mask: Mask,
}

/// The journal's ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Journal {
    pub segment_bytes: u64,
    pub segments: u64,
}

/// SIP traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Off keeps none.
    pub enabled: bool,
    /// How long they are kept.
    pub days: u32,
}

/// A trunk of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Trunk {
    pub name: String,
    pub address: SocketAddr,
    pub incoming: bool,
    pub outgoing: bool,
    pub area_code: Option<String>,
    pub priority: u32,
    pub cost_plan: Option<String>,
    pub profile: Profile,
}

/// What is wrong with a configuration, all of it.
#[derive(Debug)]
pub struct Wrong {
    /// The file.
    pub file: PathBuf,
    /// Line (0 where none applies) and what is wrong there.
    pub problems: Vec<(usize, String)>,
}

impl std::error::Error for Wrong {}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (line, problem)) in self.problems.iter().enumerate() {
            let end = if at + 1 < self.problems.len() { "\n" } else { "" };
            match line {
                0 => write!(f, "{}: {problem}{end}", self.file.display())?,
                _ => write!(f, "{}:{line}: {problem}{end}", self.file.display())?,
            }
        }
        Ok(())
    }
}

impl Config {
    /// How long the page of an agent may be gone, milliseconds: less than is said, by what it takes to look and to keep it.
    pub fn page_gone_ms(&self) -> u64 {
        (self.page_gone_s - PAGE_MARGIN_S) * 1_000
    }

    /// Reads a file.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(file: &Path) -> Result<Config, Wrong> {
        let text = std::fs::read_to_string(file)
            .map_err(|error| Wrong { file: file.to_owned(), problems: vec![(0, error.to_string())] })?;
        Config::parse(&text, file)
    }

    /// The address that far ends of a listener are told for media: its `media_advertised`, else that of `[media]`, else the
    /// IP of its own `advertised`, else the one it is bound to if media comes in there too. `None` is that of `[sip]`.
    pub fn told_of_media(
        &self,
        stated: Option<IpAddr>,
        advertised: Option<SocketAddr>,
        bind: SocketAddr,
    ) -> Option<IpAddr> {
        let media = self.media.address.unwrap_or(self.sip.listen.ip());
        let heard_there = media.is_unspecified() || media == bind.ip();
        let bound = Some(bind.ip()).filter(|ip| heard_there && !ip.is_unspecified());
        // A port of one family is not reached by an address of the other.
        let implied = advertised.map(|told| told.ip()).or(bound).filter(|ip| ip.is_ipv4() == media.is_ipv4());
        stated.or(self.media.advertised).or(implied)
    }

    /// Whether the listener that a trunk's profile names is there, with its transport; one that names none has any.
    ///
    /// # Errors
    /// [`ProfileFault::UnknownListener`].
    pub fn has_listener_of(&self, profile: &Profile) -> Result<(), ProfileFault> {
        let Some(address) = profile.listen else { return Ok(()) };
        let carries = |over: &Over| match profile.transport {
            Transport::Udp => *over == Over::Udp,
            Transport::Tcp => *over == Over::Tcp,
            Transport::Tls => matches!(over, Over::Tls { .. }),
        };
        let mut all = std::iter::once((self.sip.listen, &Over::Udp))
            .chain(self.listeners.iter().map(|listen| (listen.bind, &listen.over)));
        match all.any(|(bind, over)| bind == address && carries(over)) {
            true => Ok(()),
            false => Err(ProfileFault::UnknownListener { address }),
        }
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str, file: &Path) -> Result<Config, Wrong> {
        let wrong = |problems| Wrong { file: file.to_owned(), problems };
        let written: written::File = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(0, |span| line_of(text, span.start));
            wrong(vec![(line, error.message().to_owned())])
        })?;
        let mut checker = Checker { text, problems: Vec::new() };
        let config = checker.check(written);
        match config {
            Some(config) if checker.problems.is_empty() => Ok(config),
            _ => {
                checker.problems.sort();
                Err(wrong(checker.problems))
            }
        }
    }

    /// Where recordings lie, and the key to sealed ones.
    pub fn archive(&self) -> Archive {
        let Recording { key, keys_copy, .. } = &self.recording;
        Archive { dir: self.recordings_dir(), master: key.clone(), keys_copy: keys_copy.clone() }
    }

    /// Where recordings lie.
    pub fn recordings_dir(&self) -> PathBuf {
        self.recording.dir.clone().unwrap_or_else(|| self.data_dir.join("recordings"))
    }

    /// The journal's ring.
    pub fn ring(&self) -> crate::journal::Ring {
        crate::journal::Ring {
            dir: self.data_dir.join("journal"),
            segment_bytes: self.journal.segment_bytes,
            segments: self.journal.segments,
        }
    }
}

fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1
}

struct Checker<'a> {
    text: &'a str,
    problems: Vec<(usize, String)>,
}

impl Checker<'_> {
    fn check(&mut self, written: written::File) -> Option<Config> {
        let sip = self.sip(&written.sip);
        let keep_alive_s = self.keep_alive(&written.registrar);
        let page_gone_s =
            self.count(written.registrar.page_gone_s.as_ref(), 30, 25..=3_600, "registrar.page_gone_s");
        let media = self.media(&written.media);
        let recording = self.recording(written.recording);
        let ice_servers: Vec<_> = written.ice_server.iter().map(|server| self.ice_server(server)).collect();
        let speech = self.speech(written.speech);
        let messages = self.messages(written.messages);
        let http_steps = self.http_steps(written.http_step);
        let http = self.http(written.http);
        let journal = self.journal(&written.journal);
        let guard = self.guard(&written.guard);
        let listeners = written.listen.iter().map(|listen| self.listen(listen)).collect::<Vec<_>>();
        let trunks = written.trunk.iter().map(|trunk| self.trunk(trunk)).collect::<Vec<_>>();
        if *written.warm_numbers_max.get_ref() == 0 {
            self.say(written.warm_numbers_max.span().start, "warm_numbers_max is at least 1");
        }
        let node = written.node.map(|node| self.node(&node)).unwrap_or_else(|| "node-1".into());
        let database_url = match written.database.url {
            Some(url) => self.database(url),
            None => format!("sqlite:{}", written.data_dir.join("sibai.db").display()),
        };
        let config = Config {
            node,
            database_url,
            sip: sip?,
            keep_alive_s: keep_alive_s?,
            page_gone_s: page_gone_s?,
            media: media?,
            recording: recording?,
            ice_servers: ice_servers.into_iter().collect::<Option<_>>()?,
            speech: speech?,
            messages: messages?,
            http_steps: http_steps?,
            http: http?,
            log: Log {
                format: written.log.format,
                level: written.log.level.unwrap_or_else(|| "info,sqlx=warn".into()),
                mask: if written.log.mask_numbers.unwrap_or(true) { Mask::On } else { Mask::Off },
            },
            journal: journal?,
            trace: Trace {
                enabled: written.trace.enabled.unwrap_or(true),
                days: written.trace.days.unwrap_or(7),
            },
            drain_s_max: written.drain_s_max,
            testing: written.testing,
            warm_numbers_max: written.warm_numbers_max.into_inner(),
            guard: guard?,
            listeners: listeners.into_iter().collect::<Option<_>>()?,
            authorities: written.sip.authorities,
            trunks: trunks.into_iter().collect::<Option<_>>()?,
            data_dir: written.data_dir,
        };
        for (trunk, written) in config.trunks.iter().zip(&written.trunk) {
            if let Err(fault) = config.has_listener_of(&trunk.profile) {
                let at = written.profile.as_ref().map_or(0, |profile| profile.span().start);
                self.say(at, format!("trunk.profile: {}", fault.text().1));
            }
        }
        Some(config)
    }

    fn say(&mut self, at: usize, problem: impl Into<String>) {
        self.problems.push((line_of(self.text, at), problem.into()));
    }

    fn address(
        &mut self,
        written: Option<&Spanned<String>>,
        default: &str,
        name: &str,
    ) -> Option<SocketAddr> {
        let (text, at) = written.map_or((default, 0), |text| (text.get_ref().as_str(), text.span().start));
        let address = text.parse().ok();
        if address.is_none() {
            self.say(at, format!("{name}: {text:?} is not an address and port such as 192.0.2.1:5060"));
        }
        address
    }

    fn recording(&mut self, written: written::Recording) -> Option<Recording> {
        let written::Recording { enabled, dir, retention_days, key_file, keys_copy } = written;
        let key = match key_file {
            None => None,
            Some(path) => {
                let text = std::fs::read_to_string(path.get_ref());
                let key = text.map_err(|error| error.to_string()).and_then(|text| {
                    Key::parse(&text).ok_or_else(|| "64 hexadecimal digits are wanted in it".to_owned())
                });
                let told = |error| format!("recording.key_file: {}: {error}", path.get_ref().display());
                Some(key.map_err(|error| self.say(path.span().start, told(error))).ok()?)
            }
        };
        let (enabled, retention_days) = (enabled.unwrap_or(true), retention_days.unwrap_or(92));
        Some(Recording { enabled, dir, retention_days, key, keys_copy })
    }

    fn speech(&mut self, written: written::Speech) -> Option<Speaker> {
        let written::Speech { program, url, model, voice, key_file, authorities } = written;
        let Some(url) = url else {
            return Some(program.map_or_else(Speaker::default, |program| Speaker::Espeak { program }));
        };
        let at = url.span().start;
        let parsed = url.get_ref().parse::<hyper::Uri>().ok();
        let good =
            |url: &hyper::Uri| url.host().is_some() && matches!(url.scheme_str(), Some("http" | "https"));
        let Some(url) = parsed.filter(good) else {
            self.say(at, "speech.url: http://HOST:PORT/v1/audio/speech is wanted, or https");
            return None;
        };
        let (Some(model), Some(voice), None) = (model, voice, program) else {
            self.say(at, "speech: a url needs model and voice, and goes without program");
            return None;
        };
        Some(Speaker::Http(speech::http::Endpoint { url, model, voice, key_file, authorities }))
    }

    fn messages(&mut self, written: written::Messages) -> Option<Post> {
        let written::Messages { url, key_file, authorities, from, shows_hotline } = written;
        let gateway = match url {
            None => None,
            Some(url) => {
                let good = |url: &hyper::Uri| {
                    url.host().is_some() && matches!(url.scheme_str(), Some("http" | "https"))
                };
                let Some(parsed) = url.get_ref().parse::<hyper::Uri>().ok().filter(good) else {
                    self.say(url.span().start, "messages.url: http://HOST:PORT/PATH is wanted, or https");
                    return None;
                };
                Some(Gateway { url: parsed, key_file, authorities })
            }
        };
        Some(Post { gateway, from: from.unwrap_or_default(), shows_hotline: shows_hotline.unwrap_or(false) })
    }

    fn http(&mut self, written: written::Http) -> Option<Http> {
        let listen = self.address(written.listen.as_ref(), "127.0.0.1:8400", "http.listen");
        let advertised =
            written.advertised.as_ref().map(|told| self.address(Some(told), "", "http.advertised"));
        let identity = match (written.certificate, written.key) {
            (Some(certificate), Some(key)) => Some((certificate.into_inner(), key.into_inner())),
            (None, None) => None,
            (Some(lonely), None) | (None, Some(lonely)) => {
                self.say(lonely.span().start, "http: certificate and key belong together, two PEM files");
                None
            }
        };
        let media = self.ip(written.media_advertised.as_ref(), "http.media_advertised");
        Some(Http {
            listen: listen?,
            media_advertised: media?,
            advertised: advertised.map_or(Some(None), |told| told.map(Some))?,
            identity,
            role: match &written.role {
                Some(word) => self.role(Some(word), "http.role")?,
                None => Role::Phones,
            },
        })
    }

    fn sip(&mut self, written: &written::Sip) -> Option<Sip> {
        let listen = self.address(written.listen.as_ref(), "127.0.0.1:5060", "sip.listen")?;
        let advertised = match &written.advertised {
            Some(text) => Some(self.address(Some(text), "", "sip.advertised")?),
            None => None,
        };
        let media_advertised = self.ip(written.media_advertised.as_ref(), "sip.media_advertised")?;
        Some(Sip {
            listen,
            advertised,
            media_advertised,
            role: self.role(written.role.as_ref(), "sip.role")?,
        })
    }

    fn role(&mut self, written: Option<&Spanned<String>>, name: &str) -> Option<Role> {
        let Some(word) = written else { return Some(Role::Any) };
        let role = match word.get_ref().as_str() {
            "any" => Some(Role::Any),
            "trunks" => Some(Role::Trunks),
            "phones" => Some(Role::Phones),
            _ => None,
        };
        if role.is_none() {
            let at = word.span().start;
            self.say(at, format!("{name}: {:?} is none of trunks, phones and any", word.get_ref()));
        }
        role
    }

    fn guard(&mut self, written: &written::Guard) -> Option<Limits> {
        let usual = Limits::default();
        let mut rate = |written: &Option<Spanned<u32>>, default, least, name| {
            self.count(written.as_ref(), default, least..=1_000_000, name)
        };
        let per_second = rate(&written.messages_per_second, usual.per_second, 0, "guard.messages_per_second");
        let all = &written.all_messages_per_second;
        let all_per_second = rate(all, usual.all_per_second, 1, "guard.all_messages_per_second");
        let calls = &written.calls_per_second_max;
        let calls_per_second = rate(calls, usual.calls_per_second, 0, "guard.calls_per_second_max");
        let ban_s = self.count(written.ban_s.as_ref(), usual.ban_ms / 1_000, 1..=86_400, "guard.ban_s");
        Some(Limits {
            per_second: per_second?,
            all_per_second: all_per_second?,
            ban_ms: ban_s? * 1_000,
            calls_per_second: calls_per_second?,
        })
    }

    /// More often than each 5 s is no keep-alive; less often than each 10 minutes keeps no NAT's way open.
    fn keep_alive(&mut self, written: &written::Registrar) -> Option<u64> {
        match &written.keep_alive_s {
            Some(off) if *off.get_ref() == 0 => Some(0),
            some => self.count(some.as_ref(), 25, 5..=600, "registrar.keep_alive_s (0 asks no phone)"),
        }
    }

    fn listen(&mut self, written: &written::Listen) -> Option<Listen> {
        let bind = self.address(Some(&written.bind), "", "listen.bind");
        let advertised =
            written.advertised.as_ref().map(|told| self.address(Some(told), "", "listen.advertised"));
        let at = written.transport.span().start;
        let role = self.role(written.role.as_ref(), "listen.role");
        let over = match (written.transport.get_ref().as_str(), &written.certificate, &written.key) {
            ("udp", None, None) => Some(Over::Udp),
            ("tcp", None, None) => Some(Over::Tcp),
            ("tls", Some(certificate), Some(key)) => {
                Some(Over::Tls { certificate: certificate.clone(), key: key.clone() })
            }
            ("tls", _, _) => {
                self.say(at, "listen: tls needs certificate and key, two PEM files");
                None
            }
            ("udp" | "tcp", _, _) => {
                self.say(at, "listen: certificate and key belong to transport = \"tls\"");
                None
            }
            (other, _, _) => {
                self.say(at, format!("listen.transport: {other:?} is none of udp, tcp and tls"));
                None
            }
        };
        let media = self.ip(written.media_advertised.as_ref(), "listen.media_advertised");
        Some(Listen {
            bind: bind?,
            media_advertised: media?,
            advertised: advertised.map_or(Some(None), |told| told.map(Some))?,
            over: over?,
            role: role?,
        })
    }

    fn ip(&mut self, written: Option<&Spanned<String>>, name: &str) -> Option<Option<IpAddr>> {
        let Some(text) = written else { return Some(None) };
        let ip = text.get_ref().parse().ok();
        if ip.is_none() {
            self.say(text.span().start, format!("{name}: {:?} is not an IP address", text.get_ref()));
        }
        ip.map(Some)
    }

    fn media(&mut self, written: &written::Media) -> Option<Media> {
        let address = self.ip(written.address.as_ref(), "media.address");
        let advertised = self.ip(written.advertised.as_ref(), "media.advertised");
        let ports = match &written.ports {
            None => Some((20_000, 39_998)),
            Some(text) => {
                let range = text
                    .get_ref()
                    .split_once('-')
                    .and_then(|(first, last)| Some((first.trim().parse().ok()?, last.trim().parse().ok()?)));
                let range = range.filter(|(first, last)| *first > 0u16 && first < last);
                if range.is_none() {
                    self.say(text.span().start, "media.ports: write a range such as \"20000-39998\"");
                }
                range
            }
        };
        let shards = self.count(written.shards.as_ref(), 1, 1..=256, "media.shards");
        let pool = self.count(written.pool_per_shard.as_ref(), 1_024, 2..=65_536, "media.pool_per_shard");
        let rest_ms = self.count(written.rest_ms.as_ref(), 5_000, 0..=600_000, "media.rest_ms");
        let web_port = self.count(written.web_port.as_ref(), 0, 1..=65_535, "media.web_port");
        let web_legs = self.count(written.web_legs.as_ref(), 1_024, 0..=16_384, "media.web_legs");
        Some(Media {
            address: address?,
            advertised: advertised?,
            ports: ports?,
            shards: shards?,
            pool_per_shard: pool?,
            rest_ms: rest_ms?,
            web_port: Some(web_port?).filter(|port| *port > 0),
            web_legs: web_legs?,
        })
    }

    fn ice_server(&mut self, written: &written::IceServer) -> Option<IceServer> {
        let is_known = |url: &str| ["stun:", "turn:", "turns:"].iter().any(|scheme| url.starts_with(scheme));
        let strange: Vec<_> = written.urls.iter().filter(|url| !is_known(url.get_ref())).collect();
        for url in &strange {
            let problem =
                format!("ice_server.urls: {:?} begins with none of stun:, turn:, turns:", url.get_ref());
            self.say(url.span().start, problem);
        }
        let urls = written.urls.iter().map(|url| url.get_ref().clone()).collect();
        strange.is_empty().then_some(IceServer { urls, secret_file: written.secret_file.clone() })
    }

    fn count<T: Copy + PartialOrd + fmt::Display>(
        &mut self,
        written: Option<&Spanned<T>>,
        default: T,
        range: std::ops::RangeInclusive<T>,
        name: &str,
    ) -> Option<T> {
        let Some(written) = written else { return Some(default) };
        let value = *written.get_ref();
        if !range.contains(&value) {
            let (first, last) = (range.start(), range.end());
            self.say(written.span().start, format!("{name}: {value} is not between {first} and {last}"));
            return None;
        }
        Some(value)
    }

    fn journal(&mut self, written: &written::Journal) -> Option<Journal> {
        let mib = self.count(written.segment_mib.as_ref(), 16, 1..=1_024, "journal.segment_mib");
        let segments = self.count(written.segments.as_ref(), 16, 4..=SEGMENTS_MAX, "journal.segments");
        Some(Journal { segment_bytes: mib? << 20, segments: segments? })
    }

    fn node(&mut self, node: &Spanned<String>) -> String {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if node.get_ref().is_empty() || node.get_ref().len() > 32 || !node.get_ref().bytes().all(plain) {
            self.say(node.span().start, "node: 1 to 32 letters, digits and dashes");
        }
        node.get_ref().clone()
    }

    fn database(&mut self, url: Spanned<String>) -> String {
        if !["sqlite:", "postgres://", "postgresql://"].iter().any(|kind| url.get_ref().starts_with(kind)) {
            self.say(url.span().start, "database.url: write sqlite:PATH or postgres://user@host/name");
        }
        url.into_inner()
    }

    fn trunk(&mut self, written: &written::Trunk) -> Option<Trunk> {
        if written.name.get_ref().is_empty() {
            self.say(written.name.span().start, "trunk.name is empty");
        }
        let address = self.address(Some(&written.address), "", "trunk.address");
        let profile = written.profile.as_ref().map(|profile| profile.get_ref().clone()).unwrap_or_default();
        for fault in profile.faults() {
            let at = written.profile.as_ref().map_or(0, |profile| profile.span().start);
            self.say(at, format!("trunk.profile: {}", fault.text().1));
        }
        Some(Trunk {
            name: written.name.get_ref().clone(),
            address: address?,
            incoming: written.incoming.unwrap_or(true),
            outgoing: written.outgoing.unwrap_or(true),
            area_code: written.area_code.clone(),
            priority: written.priority.unwrap_or(10),
            cost_plan: written.cost_plan.clone(),
            profile,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, Wrong> {
        Config::parse(text, Path::new("sibai.toml"))
    }

    #[test]
    fn an_empty_file_is_a_whole_configuration() {
        let config = parse("").expect("defaults");
        assert_eq!(config.database_url, "sqlite:data/sibai.db");
        assert_eq!(config.journal, Journal { segment_bytes: 16 << 20, segments: 16 });
        assert_eq!(config.recordings_dir(), Path::new("data/recordings"));
    }

    #[test]
    fn v12_a_recording_key_is_64_digits_in_a_file_or_the_start_says_why_not() {
        let path = std::env::temp_dir().join(format!("sibai-config-key-{}", std::process::id()));
        let text = format!("[recording]\nkey_file = {path:?}\n");
        let wrong = |text: &str| parse(text).expect_err("no key").to_string();
        assert!(wrong(&text).contains("sibai.toml:2: recording.key_file"), "there is no file");
        std::fs::write(&path, "abc").expect("written");
        assert!(wrong(&text).contains("64 hexadecimal digits"));
        std::fs::write(&path, "0f".repeat(32) + "\n").expect("written");
        let config = parse(&text).expect("a key");
        assert_eq!(config.recording.key, Key::parse(&"0f".repeat(32)));
        assert!(!format!("{config:?}").contains("0f0f"), "a key is in no log");
        let _ = std::fs::remove_file(path);
    }

    #[test]
    fn everything_wrong_is_told_at_once_with_its_line() {
        let text = "node = \"a b\"\n[sip]\nlisten = \"nowhere\"\n[media]\nports = \"9-1\"\nshards = 0\n\
                    [[trunk]]\nname = \"c\"\naddress = \"carrier\"\n";
        let wrong = parse(text).expect_err("five faults");
        let lines: Vec<usize> = wrong.problems.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 3, 5, 6, 9], "{wrong}");
        assert!(wrong.to_string().contains("sibai.toml:3: sip.listen"), "{wrong}");
    }

    #[test]
    fn x04_a_trunks_profile_is_read_and_its_faults_told() {
        let trunk = "[[trunk]]\nname = \"c\"\naddress = \"192.0.2.1:5060\"\n[trunk.profile]\n";
        let config = parse(&format!("{trunk}calls_max = 60\ncalled = \"e164\"\n")).expect("a profile");
        assert_eq!(config.trunks[0].profile.calls_max, Some(60));
        let wrong = parse(&format!("{trunk}weight = 0\nshow = \"own\"\n")).expect_err("two faults");
        assert_eq!(wrong.problems.len(), 2, "{wrong}");
        let wrong = parse(&format!("{trunk}calls_maxx = 60\n")).expect_err("a slip");
        assert_eq!(wrong.problems[0].0, 5, "{wrong}");
    }

    #[test]
    fn x04_how_often_phones_are_asked_is_read_and_judged() {
        let read = |written: &str| parse(written).map(|config| config.keep_alive_s);
        assert_eq!(read("").expect("a default"), 25);
        assert_eq!(read("[registrar]\nkeep_alive_s = 0\n").expect("off"), 0);
        assert_eq!(read("[registrar]\nkeep_alive_s = 600\n").expect("seldom"), 600);
        for wrong in ["4", "601"] {
            let wrong = read(&format!("[registrar]\nkeep_alive_s = {wrong}\n")).expect_err("out of range");
            assert!(wrong.to_string().contains("sibai.toml:2: registrar.keep_alive_s"), "{wrong}");
        }
    }

    #[test]
    fn q10_how_long_a_page_may_be_gone_is_read_and_kept_with_a_margin() {
        let read = |written: &str| parse(written).map(|config| config.page_gone_ms());
        assert_eq!(read("").expect("a default"), 25_000);
        assert_eq!(read("[registrar]\npage_gone_s = 120\n").expect("long"), 115_000);
        let wrong = read("[registrar]\npage_gone_s = 15\n").expect_err("a talk waits as long");
        assert!(wrong.to_string().contains("sibai.toml:2: registrar.page_gone_s"), "{wrong}");
    }

    #[test]
    fn an_unknown_name_is_told_with_its_line() {
        let wrong = parse("[sip]\nlisten = \"127.0.0.1:5060\"\nlisen = 1\n").expect_err("a slip");
        assert_eq!(wrong.problems[0].0, 3, "{wrong}");
    }

    #[test]
    fn advertise_is_read_as_advertised_everywhere() {
        let (place, ip) = ("advertise = \"203.0.113.1:5060\"", "advertise = \"203.0.113.1\"");
        let listen = "[[listen]]\ntransport = \"tcp\"\nbind = \"127.0.0.1:5060\"";
        let text = format!("[sip]\n{place}\n[http]\n{place}\n[media]\n{ip}\n{listen}\n{place}\n");
        let Config { sip, http, media, listeners, .. } = parse(&text).expect("read");
        let told = [sip.advertised, http.advertised, listeners[0].advertised];
        assert_eq!(told, [Some(([203, 0, 113, 1], 5060).into()); 3]);
        assert_eq!(media.advertised, Some([203, 0, 113, 1].into()));
    }

    #[test]
    fn x04_a_trunk_names_a_listener_that_is_there() {
        let read = |profile: &str| {
            parse(&format!(
                "[sip]\nlisten = \"10.9.0.1:5060\"\n\
                 [[listen]]\ntransport = \"udp\"\nbind = \"10.8.0.1:5060\"\n\
                 [[listen]]\ntransport = \"tcp\"\nbind = \"10.7.0.1:5060\"\n\
                 [[trunk]]\nname = \"line\"\naddress = \"10.8.0.9:5060\"\n[trunk.profile]\n{profile}\n"
            ))
        };
        for known in ["10.9.0.1:5060", "10.8.0.1:5060", "10.7.0.1:5060\"\ntransport = \"tcp"] {
            let listen = read(&format!("listen = \"{known}\"")).expect("known").trunks[0].profile.listen;
            assert_eq!(listen, known[..13].parse().ok());
        }
        for unknown in ["10.8.0.1:5061", "10.7.0.1:5060", "10.8.0.1:5060\"\ntransport = \"tcp"] {
            let wrong = read(&format!("listen = \"{unknown}\"")).expect_err("unknown");
            assert!(wrong.to_string().contains("sibai.toml:12: trunk.profile: listen is 10."), "{wrong}");
        }
    }

    #[test]
    fn listeners_are_read_and_what_is_wrong_with_them_is_told() {
        let config = parse(
            "[sip]\nrole = \"trunks\"\n\
             [[listen]]\ntransport = \"tcp\"\nbind = \"127.0.0.1:5060\"\nadvertised = \"203.0.113.1:5060\"\n\
             [[listen]]\ntransport = \"tls\"\nbind = \"127.0.0.1:5061\"\ncertificate = \"c.pem\"\nkey = \"k.pem\"\n\
             [[listen]]\ntransport = \"udp\"\nbind = \"127.0.0.1:5070\"\nrole = \"phones\"\n\
             [guard]\nban_s = 30\ncalls_per_second_max = 0\n",
        )
        .expect("right");
        let tls = Over::Tls { certificate: "c.pem".into(), key: "k.pem".into() };
        assert_eq!(config.listeners[0].advertised, "203.0.113.1:5060".parse().ok());
        assert_eq!((&config.listeners[0].over, &config.listeners[1].over), (&Over::Tcp, &tls));
        assert_eq!((&config.listeners[2].over, config.listeners[2].role), (&Over::Udp, Role::Phones));
        assert_eq!((config.sip.role, config.listeners[0].role), (Role::Trunks, Role::Any));
        let limits = Limits { ban_ms: 30_000, calls_per_second: 0, ..Limits::default() };
        assert_eq!(config.guard, limits);
        let wrong = parse(
            "[[listen]]\ntransport = \"tls\"\nbind = \"127.0.0.1:5061\"\n\
             [[listen]]\ntransport = \"sctp\"\nbind = \"x\"\nrole = \"guests\"\n\
             [guard]\nban_s = 0\n",
        )
        .expect_err("wrong");
        assert_eq!(
            wrong.problems.iter().map(|(line, _)| *line).collect::<Vec<_>>(),
            [2, 5, 6, 7, 9],
            "{wrong}"
        );
    }
}
