//! What a call centre says with a number in it, from recorded pieces: no voice is asked while a caller waits.
//! It refuses to know when it is said.

use super::{ENGLISH_PAUSE, PAUSE, Piece, Said, chinese, english, join};
use crate::enterprise::Language;

/// One announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announcement<'a> {
    /// Who serves the caller (row Q06): 工号 8001 为您服务.
    Agent(&'a str),
    /// The caller's place in a queue, 1 for who is next (row Q21).
    Position(u32),
    /// How many callers stand before this one.
    Ahead(u32),
    /// How long the wait will probably be (row Q21). Below a minute it is one minute.
    Wait {
        /// In minutes.
        minutes: u32,
    },
    /// The number that would be called back, to be confirmed by a key (row Q15).
    CallbackTo(&'a str),
}

const fn piece(prompt: &'static str, words: &'static str) -> Piece {
    Piece { prompt, words }
}

const AGENT: [Piece; 2] = [piece("agent_number", "工号"), piece("at_your_service", "为您服务")];
const POSITION: [Piece; 2] = [piece("queue_position", "您现在排在第"), piece("place", "位")];
const AHEAD: [Piece; 2] = [piece("queue_ahead", "您前面还有"), piece("callers", "位来电者")];
const WAIT: [Piece; 2] = [piece("expected_wait", "预计等待"), piece("minutes", "分钟")];
const CALLBACK_TO: [Piece; 2] =
    [piece("callback_to", "回电号码"), piece("callback_confirm", "确认请按一，更改请按二")];
const EN_AGENT: [Piece; 2] =
    [piece("en_agent_number", "agent number"), piece("en_at_your_service", "is at your service")];
const EN_POSITION: [Piece; 2] =
    [piece("en_queue_position", "you are number"), piece("en_in_the_queue", "in the queue")];
const EN_AHEAD: [Piece; 3] = [
    piece("en_queue_ahead", "callers before you"),
    piece("en_caller_ahead", "caller before you"),
    piece("en_there_are", "at the moment,"),
];
const EN_WAIT: [Piece; 3] = [
    piece("en_expected_wait", "the expected wait is"),
    piece("en_minutes", "minutes"),
    piece("en_minute", "minute"),
];
const EN_CALLBACK_TO: [Piece; 2] = [
    piece("en_callback_to", "we shall call"),
    piece("en_callback_confirm", "to confirm, press one, for another number, press two"),
];

/// The words around the numbers.
pub(super) fn frames(language: Language) -> Vec<Piece> {
    match language {
        Language::Zh => [AGENT, POSITION, AHEAD, WAIT, CALLBACK_TO].concat(),
        Language::En => [&EN_AGENT[..], &EN_POSITION, &EN_AHEAD, &EN_WAIT, &EN_CALLBACK_TO].concat(),
    }
}

impl Announcement<'_> {
    /// The names of the prompts, in order.
    pub fn prompts(&self, language: Language) -> Vec<&'static str> {
        self.pieces(language).into_iter().map(|piece| piece.prompt).collect()
    }

    /// The words.
    pub fn words(&self, language: Language) -> String {
        join(&self.pieces(language), language)
    }

    /// The recorded pieces, in order.
    pub fn pieces(&self, language: Language) -> Vec<Piece> {
        match language {
            Language::Zh => self.chinese(),
            Language::En => self.english(),
        }
    }

    fn chinese(&self) -> Vec<Piece> {
        let around = |[before, behind]: [Piece; 2], say: &dyn Fn(&mut Vec<Piece>)| {
            let mut pieces = vec![before];
            say(&mut pieces);
            pieces.push(behind);
            pieces
        };
        match *self {
            Announcement::Agent(number) => around(AGENT, &|out| chinese::say(&Said::Phone(number), out)),
            Announcement::Position(place) => around(POSITION, &|out| chinese::cardinal(place.into(), out)),
            Announcement::Ahead(callers) => around(AHEAD, &|out| chinese::counted(callers.into(), out)),
            Announcement::Wait { minutes } => {
                around(WAIT, &|out| chinese::counted(minutes.max(1).into(), out))
            }
            Announcement::CallbackTo(number) => around(CALLBACK_TO, &|out| {
                chinese::say(&Said::Phone(number), out);
                out.push(PAUSE);
            }),
        }
    }

    fn english(&self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        match *self {
            Announcement::Agent(number) => {
                pieces.push(EN_AGENT[0]);
                english::say(&Said::Phone(number), &mut pieces);
                pieces.push(EN_AGENT[1]);
            }
            Announcement::Position(place) => {
                pieces.push(EN_POSITION[0]);
                english::cardinal(place.into(), &mut pieces);
                pieces.push(EN_POSITION[1]);
            }
            Announcement::Ahead(callers) => {
                pieces.push(EN_AHEAD[2]);
                english::cardinal(callers.into(), &mut pieces);
                pieces.push(EN_AHEAD[usize::from(callers == 1)]);
            }
            Announcement::Wait { minutes } => {
                pieces.push(EN_WAIT[0]);
                english::cardinal(minutes.max(1).into(), &mut pieces);
                pieces.push(EN_WAIT[1 + usize::from(minutes <= 1)]);
            }
            Announcement::CallbackTo(number) => {
                pieces.push(EN_CALLBACK_TO[0]);
                english::say(&Said::Phone(number), &mut pieces);
                pieces.extend([ENGLISH_PAUSE, EN_CALLBACK_TO[1]]);
            }
        }
        pieces
    }
}
