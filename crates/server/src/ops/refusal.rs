//! Why something was not done: a stable code, the exit code of the command line, and a sentence in two languages.

use hotline::enterprise::Language;
use serde::{Deserialize, Serialize};

/// The stable code of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The request itself cannot be read.
    BadRequest,
    /// A document has problems; they are listed.
    InvalidDocument,
    /// More bound numbers than the number may have (row R01); a request was opened when it was to be applied.
    BindingLimit,
    /// The terms of the enterprise's carrier do not bear it (row R03).
    OperatorDesk,
    /// The enterprise may not change it by itself (row R03).
    NoSelfChange,
    /// Something that a later version brings.
    NotAvailable,
    /// A value that makes no sense here.
    InvalidValue,
    /// Checks of data found something; it is listed.
    Findings,
    /// What is named is not there.
    NotFound,
    /// Somebody else changed it in the meantime.
    VersionMoved,
    /// A 400 number is held by another enterprise.
    NumbersTaken,
    /// Another amount was posted under this reference.
    ReferenceUsed,
    /// Another text is stored under this plan and version.
    TariffDiffers,
    /// Something is there already and would be overwritten.
    AlreadyThere,
    /// Another process holds the data directory.
    Locked,
    /// There is no data directory here.
    NoData,
    /// It needs a running server.
    NoServer,
    /// A file cannot be read or written.
    File,
    /// The database did not do what it was asked.
    Database,
    /// The node is stopping or overloaded.
    NodeBusy,
    /// A call could not be placed, or came to nothing.
    CallFailed,
    /// The same person cannot be both of two.
    SecondPerson,
    /// Nobody who is believed signed it.
    BadSignature,
    /// An older version of a year's calendar, or another text of the same one.
    CalendarVersion,
    /// A sound file that does not become a prompt; why is listed.
    SoundFile,
    /// A version of a prompt that is not where the step begins.
    PromptState,
    /// A text with banned words, which nobody gave a reason for (row K09).
    BannedWord,
    /// Nobody is there to say a text.
    NoSpeaker,
    /// A text was not said.
    Speech,
    /// Nobody is signed in, or no more.
    SignInNeeded,
    /// What was typed in opens nothing.
    WrongPassword,
    /// The first password has to be changed before anything else.
    PasswordChangeNeeded,
    /// Tried too often.
    TooManyTries,
    /// The role does not permit it.
    Forbidden,
    /// A page of another site asks.
    ForeignOrigin,
    /// A recording that cannot be read: its key was destroyed, or the provider's is not there.
    RecordingSealed,
    /// Something that is held by law.
    Held,
    /// The call is not as far, or who is wanted is not free.
    TalkState,
    /// The result of the call is to be chosen first.
    ResultOwed,
    /// The caller is asked for no rating: its queue asks for none, or not now (row Q07).
    NoRating,
    /// An evaluation that is not where the step begins (row Q19).
    EvaluationState,
    /// The days for an appeal are over.
    AppealOver,
    /// An agent has no room for what it is to be given.
    NoCapacity,
    /// An agent has no SIP phone, only a mobile.
    NoPhone,
}

impl Code {
    /// The exit code of the command line: 1 refused or failed, 2 usage, 3 something needed is missing, 4 not found,
    /// 5 in conflict with what is there.
    pub fn exit(self) -> u8 {
        match self {
            Code::InvalidDocument
            | Code::BindingLimit
            | Code::OperatorDesk
            | Code::NoSelfChange
            | Code::NotAvailable
            | Code::Findings
            | Code::Database
            | Code::NodeBusy
            | Code::CallFailed
            | Code::SecondPerson
            | Code::BadSignature
            | Code::SoundFile
            | Code::BannedWord
            | Code::Speech
            | Code::SignInNeeded
            | Code::WrongPassword
            | Code::PasswordChangeNeeded
            | Code::TooManyTries
            | Code::Forbidden
            | Code::ForeignOrigin
            | Code::RecordingSealed
            | Code::File => 1,
            Code::BadRequest | Code::InvalidValue => 2,
            Code::NoData | Code::NoServer | Code::NoSpeaker => 3,
            Code::NotFound => 4,
            Code::VersionMoved
            | Code::NumbersTaken
            | Code::ReferenceUsed
            | Code::TariffDiffers
            | Code::CalendarVersion
            | Code::PromptState
            | Code::AlreadyThere
            | Code::Held
            | Code::TalkState
            | Code::ResultOwed
            | Code::NoRating
            | Code::EvaluationState
            | Code::AppealOver
            | Code::NoCapacity
            | Code::NoPhone
            | Code::Locked => 5,
        }
    }
}

/// A refusal with its reason, an ordinary value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The stable code.
    pub code: Code,
    /// The sentence in Chinese.
    pub zh: String,
    /// The sentence in English.
    pub en: String,
    /// What is wrong where, if it is a list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
}

/// One thing wrong at one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Problem {
    /// Counted from 1; 0 where no line is known.
    pub line: u32,
    /// Where in the document or data.
    pub path: String,
    /// The stable code.
    pub code: String,
    /// The sentence in Chinese.
    pub zh: String,
    /// The sentence in English.
    pub en: String,
}

impl Problem {
    /// A problem of an enterprise's document.
    pub fn of(problem: &hotline::enterprise::Problem) -> Problem {
        Problem {
            line: problem.line,
            path: problem.path.clone(),
            code: problem.code().to_owned(),
            zh: problem.message(Language::Zh),
            en: problem.message(Language::En),
        }
    }

    /// The sentence.
    pub fn text(&self, language: Language) -> &str {
        match language {
            Language::Zh => &self.zh,
            Language::En => &self.en,
        }
    }
}

impl Refusal {
    /// A refusal without a list.
    pub fn new(code: Code, zh: impl Into<String>, en: impl Into<String>) -> Refusal {
        Refusal { code, zh: zh.into(), en: en.into(), problems: Vec::new() }
    }

    /// What is named is not there.
    pub fn not_found(zh: impl Into<String>, en: impl Into<String>) -> Refusal {
        Refusal::new(Code::NotFound, zh, en)
    }

    /// A value that makes no sense.
    pub fn invalid(zh: impl Into<String>, en: impl Into<String>) -> Refusal {
        Refusal::new(Code::InvalidValue, zh, en)
    }

    /// A request or answer that cannot be read.
    pub fn bad_request(error: impl std::fmt::Display) -> Refusal {
        Refusal::new(
            Code::BadRequest,
            format!("请求无法读取：{error}"),
            format!("the request cannot be read: {error}"),
        )
    }

    /// A file that cannot be read or written.
    pub fn file(path: &std::path::Path, error: impl std::fmt::Display) -> Refusal {
        let text = format!("{}: {error}", path.display());
        Refusal::new(Code::File, text.clone(), text)
    }

    /// The sentence.
    pub fn text(&self, language: Language) -> &str {
        match language {
            Language::Zh => &self.zh,
            Language::En => &self.en,
        }
    }
}

impl From<store::Error> for Refusal {
    fn from(error: store::Error) -> Refusal {
        Refusal::new(Code::Database, format!("数据库：{error}"), error.to_string())
    }
}

impl From<crate::running::AskError> for Refusal {
    fn from(error: crate::running::AskError) -> Refusal {
        Refusal::new(Code::NodeBusy, format!("节点没有接受：{error}"), error.to_string())
    }
}

impl From<crate::serve::ServeError> for Refusal {
    fn from(error: crate::serve::ServeError) -> Refusal {
        use crate::serve::ServeError;
        match error {
            ServeError::Locked(dir) => Refusal::new(
                Code::Locked,
                format!("数据目录 {} 正被另一个进程使用", dir.display()),
                format!("another process uses the data directory {}", dir.display()),
            ),
            other => Refusal::new(Code::Database, other.to_string(), other.to_string()),
        }
    }
}
