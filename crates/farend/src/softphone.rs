//! A SIP phone as an enterprise's desk has it: it registers, rings, answers, calls, and tells what it hears.
//! One call at a time, over UDP. It refuses to print, and to know what the platform makes of it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;

use crate::agent::{Agent, AgentConfig, Event, LegId};
use crate::clock::Clock;
use crate::ear::{Heard, MediaTotals, Sound};
use crate::phone::Phone;
use crate::registering::{Registered, Registering, RegisteringConfig};
use crate::udp::Udp;
use crate::voice::{Says, Voices};
use crate::wire::Message;

pub use crate::digest::Credentials;

/// A phone and its account.
#[derive(Clone, Debug)]
pub struct SoftphoneConfig {
    /// Where it registers, and where its calls go.
    pub registrar: SocketAddr,
    /// Its account.
    pub credentials: Credentials,
    /// How long a registration it asks for, in seconds.
    pub expires_s: u32,
    /// Its own address; port 0 takes a free one.
    pub local: SocketAddr,
    /// The address it believes to have and writes into Contact, Via and SDP: another one than `local` behind a NAT.
    pub believed: Option<IpAddr>,
    /// A relay of datagrams (RFC 1928 section 7) between it and the network.
    pub through: Option<SocketAddr>,
    /// What it says while talking.
    pub says: Says,
    /// How long it rings before it answers.
    pub answer_after: Duration,
}

/// What its user does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Call a number.
    Call(String),
    /// Press keys: `0-9 * # A-D`.
    Press(Vec<u8>),
    /// End the call.
    HangUp,
    /// Give the registration back and stop.
    Leave,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(tag = "news", rename_all = "snake_case")]
pub enum News {
    /// The registrar holds us for so long.
    Registered {
        /// What it granted, in seconds.
        expires_s: u32,
    },
    /// The registrar refuses us.
    RegistrationRefused {
        /// Its answer.
        status: u16,
    },
    /// The registrar is silent; we go on asking.
    RegistrarSilent,
    /// The registration is given back; nothing more follows.
    Left,
    /// Somebody calls.
    Ringing {
        /// The user of From.
        from: String,
    },
    /// Our call makes progress.
    Progress {
        /// 100 to 199.
        status: u16,
    },
    /// Two talk.
    Talking,
    /// A sound began.
    Heard {
        /// Which.
        sound: Sound,
    },
    /// A key was heard.
    DigitHeard {
        /// Which.
        digit: char,
    },
    /// The call is over.
    Ended {
        /// The final status of its INVITE: 200 for a talk.
        status: u16,
        /// Words of the refusal or of the Reason header.
        reason: Option<String>,
        /// What went over RTP.
        media: MediaTotals,
    },
}

/// Why a phone could not be switched on.
#[derive(Debug, thiserror::Error)]
#[error("socket {local}: {error}")]
pub struct SoftphoneError {
    /// Which.
    pub local: SocketAddr,
    /// Why.
    pub error: std::io::Error,
}

/// Runs a phone until [`Order::Leave`], or until nobody can give it orders any more. Needs a tokio runtime with I/O and
/// time.
///
/// # Errors
/// When a socket cannot be opened.
pub async fn run(
    config: SoftphoneConfig,
    mut orders: UnboundedReceiver<Order>,
    on_news: impl FnMut(News),
) -> Result<(), SoftphoneError> {
    let mut phone = Softphone::open(config, on_news)?;
    let mut frames = tokio::time::interval(FRAME);
    phone.registering.register(phone.clock.now_ms());
    while !phone.left {
        phone.pass();
        let wake = phone.clock.at_ms(phone.next_wake());
        tokio::select! {
            () = phone.socket.arrival() => phone.receive(),
            () = arrival(&phone.call) => phone.listen(),
            _ = frames.tick() => phone.tick(),
            () = tokio::time::sleep_until(wake) => phone.wake(),
            order = orders.recv() => phone.obey(order.unwrap_or(Order::Leave)),
        }
    }
    Ok(())
}

const FRAME: Duration = Duration::from_millis(20);
/// The longest the phone sleeps without having been told to.
const SLEEP_MS_MAX: u64 = 60_000;

struct Softphone<F> {
    config: SoftphoneConfig,
    clock: Clock,
    seed: u64,
    socket: Udp,
    agent: Agent,
    registering: Registering,
    voices: Voices,
    call: Option<Call>,
    left: bool,
    on_news: F,
}

struct Call {
    leg: LegId,
    phone: Phone,
    /// What was offered to us, until we answer.
    offer: Vec<u8>,
    answer_at_ms: Option<u64>,
}

async fn arrival(call: &Option<Call>) {
    match call {
        Some(call) => call.phone.arrival().await,
        None => std::future::pending().await,
    }
}

impl<F: FnMut(News)> Softphone<F> {
    fn open(config: SoftphoneConfig, on_news: F) -> Result<Softphone<F>, SoftphoneError> {
        let local = config.local;
        let socket = Udp::bind(local, 256 * 1024).map_err(|error| SoftphoneError { local, error })?;
        let socket = socket.through(config.through);
        let shown = SocketAddr::new(config.believed.unwrap_or(socket.local().ip()), socket.local().port());
        let seed = crate::clock::fresh_seed();
        let registering = Registering::new(RegisteringConfig {
            registrar: config.registrar,
            local: shown,
            credentials: config.credentials.clone(),
            expires_s: config.expires_s,
            seed,
            t1_ms: 500,
        });
        let mut agent = AgentConfig::new(shown, seed);
        agent.credentials = Some(config.credentials.clone());
        Ok(Softphone {
            config,
            clock: Clock::start(),
            seed,
            socket,
            agent: Agent::new(agent),
            registering,
            voices: Voices::default(),
            call: None,
            left: false,
            on_news,
        })
    }

    /// Sends what is to be sent and takes what has happened.
    fn pass(&mut self) {
        while let Some((leg, event)) = self.agent.poll_event() {
            self.take(leg, event);
        }
        while let Some(transmit) = self.agent.poll_transmit().or_else(|| self.registering.poll_transmit()) {
            self.socket.send(&transmit.bytes, transmit.to);
        }
    }

    fn take(&mut self, leg: LegId, event: Event) {
        if let Event::Invited(invited) = event {
            return self.rung(leg, invited.from, invited.sdp);
        }
        let Some(call) = self.call.as_mut().filter(|call| call.leg == leg) else { return };
        match event {
            Event::Progress { status, sdp } => {
                if let Some(sdp) = sdp {
                    call.phone.speak_to(&sdp);
                }
                (self.on_news)(News::Progress { status });
            }
            Event::Answered { sdp } => {
                call.phone.speak_to(&sdp);
                (self.on_news)(News::Talking);
            }
            Event::Reoffered { sdp } => call.phone.speak_to(&sdp),
            Event::Acked => (self.on_news)(News::Talking),
            Event::Failed { status, reason, .. } => self.ended(status, reason),
            Event::Cancelled => self.ended(487, None),
            Event::Bye { reason, .. } => self.ended(200, reason),
            Event::ByeDone { .. } => self.ended(200, None),
            Event::Invited(_) => {}
        }
    }

    fn rung(&mut self, leg: LegId, from: String, offer: Vec<u8>) {
        let now_ms = self.clock.now_ms();
        let phone = if self.call.is_none() { self.lift().ok() } else { None };
        let Some(phone) = phone else { return self.agent.reject(leg, 486, Some(17), now_ms) };
        self.agent.ring(leg, 180, None);
        let answer_at_ms = Some(now_ms + self.config.answer_after.as_millis() as u64);
        self.call = Some(Call { leg, phone, offer, answer_at_ms });
        (self.on_news)(News::Ringing { from });
    }

    /// A hand set for one call.
    fn lift(&mut self) -> Result<Phone, std::io::Error> {
        let socket = Udp::bind(SocketAddr::new(self.config.local.ip(), 0), 64 * 1024)?;
        self.seed = crate::random::mix(self.seed);
        let socket = socket.through(self.config.through);
        let mut phone = Phone::with(socket, self.config.believed, self.seed as u32, false);
        let says = &self.config.says;
        phone.say(self.voices.voice(says), matches!(says, Says::Speech { .. }));
        Ok(phone)
    }

    fn answer(&mut self, now_ms: u64) {
        let Some(call) = &mut self.call else { return };
        call.answer_at_ms = None;
        match call.phone.answer(&call.offer) {
            Some(sdp) => self.agent.answer(call.leg, sdp, now_ms),
            None => {
                self.agent.reject(call.leg, 488, None, now_ms);
                self.ended(488, None);
            }
        }
    }

    fn ended(&mut self, status: u16, reason: Option<String>) {
        let Some(mut call) = self.call.take() else { return };
        call.phone.listen(self.clock.now_us(), |_| ());
        (self.on_news)(News::Ended { status, reason, media: call.phone.totals() });
    }

    fn receive(&mut self) {
        let mut datagram = [0; 65_536];
        while let Some((bytes, from)) = self.socket.receive(&mut datagram) {
            let (now_ms, datagram) = (self.clock.now_ms(), &datagram[..bytes]);
            let registered =
                Message::parse(datagram).and_then(|message| self.registering.receive(&message, now_ms));
            match registered {
                Some(news) => self.registered(news),
                None => self.agent.receive(datagram, from, now_ms),
            }
        }
    }

    fn registered(&mut self, registered: Registered) {
        (self.on_news)(match registered {
            Registered::For { expires_s } => News::Registered { expires_s },
            Registered::Refused { status } => News::RegistrationRefused { status },
            Registered::Unanswered => News::RegistrarSilent,
            Registered::Left => {
                self.left = true;
                News::Left
            }
        });
    }

    fn listen(&mut self) {
        let now_us = self.clock.now_us();
        let (Some(call), on_news) = (&mut self.call, &mut self.on_news) else { return };
        call.phone.listen(now_us, |heard| match heard {
            Heard::Began(sound) => on_news(News::Heard { sound }),
            Heard::Digit(digit) => on_news(News::DigitHeard { digit }),
        });
    }

    fn tick(&mut self) {
        if let Some(call) = &mut self.call {
            call.phone.tick();
        }
    }

    fn next_wake(&self) -> u64 {
        let answer_at_ms = self.call.as_ref().and_then(|call| call.answer_at_ms);
        [self.agent.next_timeout(), self.registering.next_timeout(), answer_at_ms]
            .into_iter()
            .flatten()
            .fold(self.clock.now_ms() + SLEEP_MS_MAX, u64::min)
    }

    fn wake(&mut self) {
        let now_ms = self.clock.now_ms();
        self.agent.handle_timeout(now_ms);
        if let Some(registered) = self.registering.handle_timeout(now_ms) {
            self.registered(registered);
        }
        if self.call.as_ref().and_then(|call| call.answer_at_ms).is_some_and(|at_ms| at_ms <= now_ms) {
            self.answer(now_ms);
        }
    }

    fn obey(&mut self, order: Order) {
        let now_ms = self.clock.now_ms();
        match order {
            Order::Call(number) => self.dial(&number, now_ms),
            Order::Press(keys) => {
                if let Some(call) = &mut self.call {
                    keys.into_iter().for_each(|key| call.phone.press(key));
                }
            }
            Order::HangUp => self.hang_up(now_ms),
            Order::Leave => {
                self.hang_up(now_ms);
                self.registering.leave(now_ms);
            }
        }
    }

    fn hang_up(&mut self, now_ms: u64) {
        let Some(call) = &self.call else { return };
        self.agent.hang_up(call.leg, now_ms);
        if call.answer_at_ms.is_some() {
            // It still rang: nothing more is heard of a call that was declined.
            self.ended(603, None);
        }
    }

    fn dial(&mut self, number: &str, now_ms: u64) {
        if self.call.is_some() {
            return;
        }
        let Ok(phone) = self.lift() else { return };
        let offer = phone.offer();
        let (to, user) = (self.config.registrar, self.config.credentials.user.clone());
        let leg = self.agent.invite(to, number, &user, offer, now_ms);
        self.call = Some(Call { leg, phone, offer: Vec::new(), answer_at_ms: None });
    }
}

impl std::fmt::Display for News {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            News::Registered { expires_s } => write!(f, "registered for {expires_s} s"),
            News::RegistrationRefused { status } => write!(f, "registration refused: {status}"),
            News::RegistrarSilent => f.write_str("the registrar does not answer, asking again"),
            News::Left => f.write_str("registration given back"),
            News::Ringing { from } => write!(f, "{} calls", from.escape_debug()),
            News::Progress { status } => write!(f, "{status}"),
            News::Talking => f.write_str("talking"),
            News::Heard { sound } => write!(f, "heard: {sound}"),
            News::DigitHeard { digit } => write!(f, "heard key {digit}"),
            News::Ended { status, reason, media } => {
                write!(f, "ended: {status}")?;
                if let Some(reason) = reason {
                    write!(f, " ({})", reason.escape_debug())?;
                }
                write!(f, "; {} packets sent, {} received, {} lost", media.sent, media.received, media.lost)
            }
        }
    }
}
