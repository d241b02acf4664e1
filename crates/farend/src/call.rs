//! One call, placed as a phone would: INVITE, early media, talk, keys, BYE, each told as a step.
//! It refuses to print: a [`Step`] has a `Display`, and the user of this module decides where it goes.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use media::srtp::Suite;
use media::wav::{Coding, Wav};

use crate::agent::{Agent, AgentConfig, Event, LegId};
use crate::clock::Clock;
use crate::ear::{Heard, MediaTotals, Sound};
use crate::phone::Phone;
use crate::udp::Udp;
use crate::voice::{Says, SoundFileError, Voices};

/// What to call and what to do there.
#[derive(Clone, Debug)]
pub struct CallConfig {
    /// Where the INVITE goes.
    pub target: SocketAddr,
    /// The number dialled.
    pub number: String,
    /// The caller's number, shown in From and in P-Asserted-Identity.
    pub from: String,
    /// What is pressed, beginning `press_after` after the answer.
    pub press: Vec<Press>,
    /// From the answer to the first key.
    pub press_after: Duration,
    /// A WAV file to say; it wins over `says`.
    pub play: Option<PathBuf>,
    /// What to say without a file.
    pub says: Says,
    /// Where to write what was heard: 8 kHz, 16 bits, one channel, from the first packet on.
    pub record: Option<PathBuf>,
    /// From the answer to our BYE.
    pub hold_for: Duration,
    /// How long to let it ring before CANCEL.
    pub ring_for: Duration,
    /// Our own address; port 0 takes a free one. RTP uses another free port of the same address.
    pub local: SocketAddr,
    /// Nothing but SRTP by this suite, with keys of our own (SDES); `None` for packets in the clear.
    pub srtp: Option<Suite>,
}

impl CallConfig {
    /// A call of ten seconds from `from` to `number`, in silence, from a free port of the address that reaches `target`.
    pub fn new(target: SocketAddr, number: impl Into<String>, from: impl Into<String>) -> CallConfig {
        CallConfig {
            target,
            number: number.into(),
            from: from.into(),
            press: Vec::new(),
            press_after: Duration::from_secs(1),
            play: None,
            says: Says::Silence,
            record: None,
            hold_for: Duration::from_secs(10),
            ring_for: Duration::from_secs(120),
            local: crate::udp::local_towards(target),
            srtp: None,
        }
    }
}

/// One thing done with the keypad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Press {
    /// A key: `0-9 * # A-D`.
    Key(u8),
    /// Nothing for a while.
    Pause(Duration),
}

/// How long a comma waits.
const COMMA: Duration = Duration::from_millis(1000);

/// Reads `1,2#`: keys, and a comma for a pause of one second. Gives the character that is neither as an error.
pub fn parse_press(text: &str) -> Result<Vec<Press>, char> {
    text.chars()
        .map(|character| match character.to_ascii_uppercase() {
            ',' => Ok(Press::Pause(COMMA)),
            key @ ('0'..='9' | '*' | '#' | 'A'..='D') => Ok(Press::Key(key as u8)),
            _ => Err(character),
        })
        .collect()
}

/// Something that happened, and when after the first INVITE.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Step {
    /// Since the first INVITE.
    pub at_ms: u64,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What a step tells.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum What {
    /// The INVITE went out.
    InviteSent {
        /// Where to.
        to: SocketAddr,
        /// Our own address.
        local: SocketAddr,
        /// Call-ID, to be found in the platform's traces.
        call_id: String,
    },
    /// A provisional response: 100 to 199.
    Provisional {
        /// Its status.
        status: u16,
        /// Whether it came with early media.
        early_media: bool,
    },
    /// A sound began in what we hear.
    Heard {
        /// Which.
        sound: Sound,
        /// Before the answer.
        early: bool,
    },
    /// 200; our ACK is out.
    Answered {
        /// From INVITE to 200.
        after_ms: u64,
    },
    /// The first RTP packet after the answer arrived.
    MediaFlowing {
        /// From where.
        from: SocketAddr,
        /// From the answer to it.
        after_ms: u64,
    },
    /// A key was sent.
    DigitSent {
        /// Which.
        digit: char,
    },
    /// A key was received.
    DigitHeard {
        /// Which.
        digit: char,
    },
    /// A request or response of ours was repeated: the network, or the far end, lost one.
    Repeated,
    /// CANCEL went out.
    Cancelling,
    /// BYE went out.
    HangingUp,
    /// The call is over.
    Ended(Outcome),
}

/// Who ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// We hung up after `hold_for`, or gave up ringing, or were asked to stop.
    Us,
    /// The far end hung up.
    FarEnd,
    /// The far end refused the call.
    Refused,
    /// Nobody answered our messages.
    NoResponse,
}

/// The whole call in figures.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Outcome {
    /// Who ended it.
    pub ended_by: EndedBy,
    /// The final status of the INVITE: 200, the refusal, 487 after CANCEL, 408 when none came.
    pub status: u16,
    /// Q.850 cause of the Reason header of BYE or refusal.
    pub q850: Option<u16>,
    /// Text of that header, or the words of the refusal.
    pub reason: Option<String>,
    /// From INVITE to the first 18x.
    pub ringing_after_ms: Option<u64>,
    /// From INVITE to 200.
    pub answered_after_ms: Option<u64>,
    /// From 200 to the end.
    pub talk_ms: u64,
    /// What went over RTP.
    pub media: MediaTotals,
    /// Retransmissions of ours.
    pub retransmissions: u64,
    /// The file written.
    pub recording: Option<PathBuf>,
}

/// Why no call could be placed at all.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// A socket could not be opened or used.
    #[error("socket {0}: {1}")]
    Socket(SocketAddr, std::io::Error),
    /// The file to play is not one.
    #[error("{}: {error}", file.display())]
    Play {
        /// Which.
        file: PathBuf,
        /// What is wrong with it.
        error: SoundFileError,
    },
    /// The recording could not be written.
    #[error("{}: {error}", file.display())]
    Record {
        /// Where.
        file: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The number or the caller holds something else than digits, letters and `+ * # - . _`.
    #[error("{0:?} is not a number")]
    Number(String),
}

/// Ends a call from elsewhere, such as from a Ctrl-C handler: CANCEL before the answer, BYE after it.
#[derive(Clone, Debug, Default)]
pub struct HangUp(Arc<tokio::sync::Notify>);

impl HangUp {
    /// Ends the call this handle was given to; before the call has begun, it ends at once after it began.
    pub fn now(&self) {
        self.0.notify_one();
    }

    pub(crate) async fn asked(&self) {
        self.0.notified().await;
    }
}

/// Places the call and returns when it is over. Needs a tokio runtime with I/O and time.
///
/// CANCEL waits for the far end's first response, for 32 s at most (RFC 3261 9.1), and BYE as long for its answer; a
/// second [`HangUp::now`] ends the call at once, without waiting.
///
/// # Errors
/// When a number is none, a file cannot be read or written, or a socket cannot be opened. A call that is refused or
/// not answered is an [`Outcome`].
pub async fn place(
    config: CallConfig,
    hang_up: HangUp,
    on_step: impl FnMut(Step),
) -> Result<Outcome, CallError> {
    for number in [&config.number, &config.from] {
        check_number(number)?;
    }
    let mut call = Call::open(&config, on_step)?;
    call.dial(&config);
    let mut frames = tokio::time::interval(FRAME);
    let outcome = loop {
        call.pass();
        if let Some(outcome) = call.outcome.take() {
            break outcome;
        }
        let wake = call.clock.at_ms(call.next_wake());
        tokio::select! {
            () = call.socket.arrival() => call.receive(),
            () = call.phone.arrival() => call.listen(),
            _ = frames.tick() => call.phone.tick(),
            () = tokio::time::sleep_until(wake) => call.wake(),
            () = hang_up.asked() => call.stop(),
        }
    };
    call.finish(outcome, config.record)
}

const FRAME: Duration = Duration::from_millis(20);
/// Between two keys: `RtpStream` holds one for 100 ms and pauses as long.
const KEY_MS: u64 = 200;

fn check_number(number: &str) -> Result<(), CallError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+*#-._".contains(&byte);
    if number.is_empty() || !number.bytes().all(plain) {
        return Err(CallError::Number(number.to_owned()));
    }
    Ok(())
}

/// Where the call stands, seen from its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Waiting for an answer until then.
    Ringing { until_ms: u64 },
    /// Since then, until then.
    Talking { since_ms: u64, until_ms: u64 },
    /// We want it to end; talked since then and until then.
    Ending { talk_ms: u64 },
}

struct Call<F> {
    clock: Clock,
    socket: Udp,
    agent: Agent,
    leg: Option<LegId>,
    phone: Phone,
    phase: Phase,
    press: VecDeque<Press>,
    press_at_ms: Option<u64>,
    press_after_ms: u64,
    hold_ms: u64,
    flowing: bool,
    repeated: u64,
    ringing_after_ms: Option<u64>,
    answered_after_ms: Option<u64>,
    outcome: Option<Outcome>,
    on_step: F,
}

impl<F: FnMut(Step)> Call<F> {
    fn open(config: &CallConfig, on_step: F) -> Result<Call<F>, CallError> {
        let says = match &config.play {
            Some(file) => {
                Says::from_wav(file).map_err(|error| CallError::Play { file: file.clone(), error })?
            }
            None => config.says.clone(),
        };
        let mut local = config.local;
        if local.ip().is_unspecified() {
            local.set_ip(crate::udp::local_towards(config.target).ip());
        }
        let failed = |error| CallError::Socket(local, error);
        let socket = Udp::bind(local, 256 * 1024).map_err(failed)?;
        let seed = crate::clock::fresh_seed();
        let mut phone = Phone::open(local.ip(), seed as u32, config.record.is_some()).map_err(failed)?;
        phone.say(Voices::default().voice(&says), matches!(says, Says::Speech { .. }));
        config.srtp.map_or(Ok(()), |suite| phone.encrypt(suite)).map_err(failed)?;
        Ok(Call {
            clock: Clock::start(),
            agent: Agent::new(AgentConfig::new(socket.local(), seed)),
            socket,
            leg: None,
            phone,
            phase: Phase::Ringing { until_ms: config.ring_for.as_millis() as u64 },
            press: config.press.iter().copied().collect(),
            press_at_ms: None,
            press_after_ms: config.press_after.as_millis() as u64,
            hold_ms: config.hold_for.as_millis() as u64,
            flowing: false,
            repeated: 0,
            ringing_after_ms: None,
            answered_after_ms: None,
            outcome: None,
            on_step,
        })
    }

    fn dial(&mut self, config: &CallConfig) {
        let offer = self.phone.offer();
        let leg = self.agent.invite(config.target, &config.number, &config.from, offer, self.clock.now_ms());
        self.leg = Some(leg);
        let call_id = self.agent.call_id(leg).unwrap_or_default().to_owned();
        self.tell(What::InviteSent { to: config.target, local: self.socket.local(), call_id });
    }

    fn tell(&mut self, what: What) {
        (self.on_step)(Step { at_ms: self.clock.now_ms(), what });
    }

    /// Sends what is to be sent and takes what has happened.
    fn pass(&mut self) {
        while let Some((_, event)) = self.agent.poll_event() {
            if self.outcome.is_none() {
                self.take(event);
            }
        }
        while let Some(transmit) = self.agent.poll_transmit() {
            self.socket.send(&transmit.bytes, transmit.to);
        }
    }

    fn take(&mut self, event: Event) {
        let now_ms = self.clock.now_ms();
        match event {
            Event::Progress { status, sdp } => {
                if (180..200).contains(&status) {
                    self.ringing_after_ms.get_or_insert(now_ms);
                }
                self.tell(What::Provisional { status, early_media: sdp.is_some() });
                if let Some(sdp) = sdp {
                    self.phone.speak_to(&sdp);
                }
            }
            Event::Answered { sdp } => self.answered(&sdp, now_ms),
            Event::Reoffered { sdp } => self.phone.speak_to(&sdp),
            Event::Failed { status, response, q850, reason } => {
                let ended_by = match (self.phase, response) {
                    (Phase::Ending { .. }, _) => EndedBy::Us,
                    (_, true) => EndedBy::Refused,
                    (_, false) => EndedBy::NoResponse,
                };
                self.end(ended_by, status, q850, reason);
            }
            Event::Bye { q850, reason } => self.end(EndedBy::FarEnd, 200, q850, reason),
            Event::ByeDone { .. } => self.end(EndedBy::Us, 200, None, None),
            Event::Invited(_) | Event::Cancelled | Event::Acked => (),
        }
    }

    fn answered(&mut self, sdp: &[u8], now_ms: u64) {
        self.phone.speak_to(sdp);
        self.phone.take_first_source();
        self.phase = Phase::Talking { since_ms: now_ms, until_ms: now_ms + self.hold_ms };
        self.answered_after_ms = Some(now_ms);
        self.press_at_ms = (!self.press.is_empty()).then_some(now_ms + self.press_after_ms);
        self.tell(What::Answered { after_ms: now_ms });
    }

    fn receive(&mut self) {
        let mut datagram = [0; 65_536];
        while let Some((bytes, from)) = self.socket.receive(&mut datagram) {
            self.agent.receive(&datagram[..bytes], from, self.clock.now_ms());
        }
    }

    fn listen(&mut self) {
        let mut heard = Vec::new();
        self.phone.listen(self.clock.now_us(), |what| heard.push(what));
        if let Phase::Talking { since_ms, .. } = self.phase
            && !self.flowing
            && let Some(from) = self.phone.take_first_source()
        {
            self.flowing = true;
            self.tell(What::MediaFlowing { from, after_ms: self.clock.now_ms() - since_ms });
        }
        let early = matches!(self.phase, Phase::Ringing { .. });
        for what in heard {
            match what {
                Heard::Began(sound) => self.tell(What::Heard { sound, early }),
                Heard::Digit(digit) => self.tell(What::DigitHeard { digit }),
            }
        }
    }

    fn next_wake(&self) -> u64 {
        let phase = match self.phase {
            Phase::Ringing { until_ms } | Phase::Talking { until_ms, .. } => until_ms,
            Phase::Ending { .. } => u64::MAX,
        };
        let others = [self.press_at_ms, self.agent.next_timeout()];
        others.into_iter().flatten().fold(phase, u64::min).min(self.clock.now_ms() + 60_000)
    }

    fn wake(&mut self) {
        let now_ms = self.clock.now_ms();
        self.agent.handle_timeout(now_ms);
        if self.agent.retransmitted() > self.repeated {
            self.repeated = self.agent.retransmitted();
            self.tell(What::Repeated);
        }
        if self.press_at_ms.is_some_and(|at_ms| at_ms <= now_ms) {
            self.press_next(now_ms);
        }
        match self.phase {
            Phase::Ringing { until_ms } | Phase::Talking { until_ms, .. } if until_ms <= now_ms => {
                self.stop()
            }
            Phase::Ringing { .. } | Phase::Talking { .. } | Phase::Ending { .. } => (),
        }
    }

    fn press_next(&mut self, now_ms: u64) {
        let after_ms = match self.press.pop_front() {
            Some(Press::Key(key)) => {
                self.phone.press(key);
                self.tell(What::DigitSent { digit: char::from(key) });
                KEY_MS
            }
            Some(Press::Pause(pause)) => pause.as_millis() as u64,
            None => 0,
        };
        self.press_at_ms = (!self.press.is_empty()).then_some(now_ms + after_ms);
    }

    /// Ends the call; asked a second time, at once.
    fn stop(&mut self) {
        let now_ms = self.clock.now_ms();
        let Some(leg) = self.leg else { return };
        self.press_at_ms = None;
        match self.phase {
            Phase::Ringing { .. } => {
                self.tell(What::Cancelling);
                self.phase = Phase::Ending { talk_ms: 0 };
            }
            Phase::Talking { since_ms, .. } => {
                self.tell(What::HangingUp);
                self.phase = Phase::Ending { talk_ms: now_ms - since_ms };
            }
            Phase::Ending { .. } => {
                let status = if self.answered_after_ms.is_some() { 200 } else { 487 };
                self.end(EndedBy::Us, status, None, None);
                return;
            }
        }
        self.agent.hang_up(leg, now_ms);
    }

    fn end(&mut self, ended_by: EndedBy, status: u16, q850: Option<u16>, reason: Option<String>) {
        let talk_ms = match self.phase {
            Phase::Ringing { .. } => 0,
            Phase::Talking { since_ms, .. } => self.clock.now_ms() - since_ms,
            Phase::Ending { talk_ms } => talk_ms,
        };
        self.outcome = Some(Outcome {
            ended_by,
            status,
            q850,
            reason,
            ringing_after_ms: self.ringing_after_ms,
            answered_after_ms: self.answered_after_ms,
            talk_ms,
            media: MediaTotals::default(),
            retransmissions: self.agent.retransmitted(),
            recording: None,
        });
    }

    fn finish(mut self, mut outcome: Outcome, record: Option<PathBuf>) -> Result<Outcome, CallError> {
        self.phone.listen(self.clock.now_us(), |_| ());
        outcome.media = self.phone.totals();
        if let (Some(file), Some(tape)) = (record, self.phone.ear.take_tape()) {
            let sound = Wav::mono(8000, tape).to_bytes(Coding::Pcm16);
            std::fs::write(&file, sound).map_err(|error| CallError::Record { file: file.clone(), error })?;
            outcome.recording = Some(file);
        }
        self.tell(What::Ended(outcome.clone()));
        Ok(outcome)
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:>3}.{:03} s  {}", self.at_ms / 1000, self.at_ms % 1000, self.what)
    }
}

impl std::fmt::Display for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            What::InviteSent { to, local, call_id } => {
                write!(f, "INVITE to {to} from {local}, Call-ID {call_id}")
            }
            What::Provisional { status, early_media: true } => write!(f, "{status} with early media"),
            What::Provisional { status, early_media: false } => write!(f, "{status}"),
            What::Heard { sound, early: true } => write!(f, "heard before the answer: {sound}"),
            What::Heard { sound, early: false } => write!(f, "heard: {sound}"),
            What::Answered { after_ms } => write!(f, "200 answered after {after_ms} ms"),
            What::MediaFlowing { from, after_ms } => {
                write!(f, "media from {from}, {after_ms} ms after the answer")
            }
            What::DigitSent { digit } => write!(f, "pressed {digit}"),
            What::DigitHeard { digit } => write!(f, "heard key {digit}"),
            What::Repeated => f.write_str("no reply yet, sent again"),
            What::Cancelling => f.write_str("CANCEL"),
            What::HangingUp => f.write_str("BYE by us"),
            What::Ended(outcome) => write!(f, "{outcome}"),
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.ended_by {
            EndedBy::Us if self.status == 200 => write!(f, "ended by us")?,
            EndedBy::Us => write!(f, "given up by us: {}", self.status)?,
            EndedBy::FarEnd => write!(f, "BYE by the far end")?,
            EndedBy::Refused => write!(f, "refused: {}", self.status)?,
            EndedBy::NoResponse => write!(f, "no response: {}", self.status)?,
        }
        if let Some(cause) = self.q850 {
            write!(f, ", Q.850 cause {cause}")?;
        }
        if let Some(reason) = &self.reason {
            write!(f, " ({})", reason.escape_debug())?;
        }
        let MediaTotals { sent, received, lost, jitter_ms, .. } = &self.media;
        let (s, ms) = (self.talk_ms / 1000, self.talk_ms % 1000);
        write!(
            f,
            "; talk {s}.{ms:03} s; {sent} packets sent, {received} received, {lost} lost, jitter {jitter_ms:.1} ms"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_pauses_are_read_and_anything_else_is_named() {
        assert_eq!(
            parse_press("1,#").as_deref(),
            Ok(&[Press::Key(b'1'), Press::Pause(COMMA), Press::Key(b'#')][..])
        );
        assert_eq!(parse_press("a"), Ok(vec![Press::Key(b'A')]));
        assert_eq!(parse_press("1x"), Err('x'));
    }

    #[test]
    fn a_number_that_would_break_the_message_is_refused() {
        assert!(check_number("+86-4006010114").is_ok());
        for number in ["", "1 2", "1\r\nX: y", "a@b", "号"] {
            assert!(check_number(number).is_err(), "{number:?}");
        }
    }
}
