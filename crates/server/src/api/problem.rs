//! Refusals as they leave: `application/problem+json` (RFC 9457) with the stable code of the refusal, in the language of
//! whoever asked.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use hotline::enterprise::Language;
use serde::Serialize;
use utoipa::ToSchema;

use crate::ops::{Code, Refusal};

/// A refusal.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// `urn:sibai:problem:` and the code.
    #[serde(rename = "type")]
    kind: String,
    /// What is wrong, in the language that was asked for.
    title: String,
    /// The HTTP status.
    status: u16,
    /// The stable code.
    #[schema(value_type = String, example = "not_found")]
    code: Code,
    /// What is wrong where, if it is a list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<Place>,
}

/// One thing wrong at one place.
#[derive(Debug, Serialize, ToSchema)]
pub struct Place {
    /// The line, counted from 1; 0 where none is known.
    line: u32,
    /// Where in the document.
    path: String,
    /// The stable code.
    code: String,
    /// What is wrong.
    title: String,
}

impl Problem {
    /// The answer.
    pub fn answer(refusal: &Refusal, language: Language) -> Response {
        let status = status(refusal.code);
        let code = serde_json::to_value(refusal.code).ok();
        let code = code.as_ref().and_then(|code| code.as_str()).unwrap_or_default();
        let place = |one: &crate::ops::refusal::Problem| Place {
            line: one.line,
            path: one.path.clone(),
            code: one.code.clone(),
            title: one.text(language).to_owned(),
        };
        let problem = Problem {
            kind: format!("urn:sibai:problem:{code}"),
            title: refusal.text(language).to_owned(),
            status: status.as_u16(),
            code: refusal.code,
            problems: refusal.problems.iter().map(place).collect(),
        };
        let text = serde_json::to_string(&problem).unwrap_or_default();
        let mut response =
            (status, [(header::CONTENT_TYPE, "application/problem+json")], text).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("5"));
        }
        response
    }
}

/// The status of a code.
fn status(code: Code) -> StatusCode {
    match code {
        Code::BadRequest => StatusCode::BAD_REQUEST,
        Code::SignInNeeded | Code::WrongPassword => StatusCode::UNAUTHORIZED,
        Code::Forbidden
        | Code::ForeignOrigin
        | Code::PasswordChangeNeeded
        | Code::OperatorDesk
        | Code::NoSelfChange => StatusCode::FORBIDDEN,
        Code::TooManyTries => StatusCode::TOO_MANY_REQUESTS,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::VersionMoved
        | Code::NumbersTaken
        | Code::ReferenceUsed
        | Code::TariffDiffers
        | Code::AlreadyThere
        | Code::PromptState
        | Code::Held
        | Code::NoRating
        | Code::EvaluationState
        | Code::AppealOver
        | Code::NoCapacity
        | Code::NoPhone
        | Code::TalkState
        | Code::ResultOwed
        | Code::CalendarVersion => StatusCode::CONFLICT,
        Code::InvalidDocument
        | Code::BindingLimit
        | Code::NotAvailable
        | Code::InvalidValue
        | Code::Findings
        | Code::CallFailed
        | Code::SecondPerson
        | Code::SoundFile
        | Code::BannedWord
        | Code::Speech
        | Code::BadSignature => StatusCode::UNPROCESSABLE_ENTITY,
        Code::Locked | Code::NoData | Code::NoServer | Code::NoSpeaker | Code::Database | Code::NodeBusy => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        Code::RecordingSealed => StatusCode::GONE,
        Code::File => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
