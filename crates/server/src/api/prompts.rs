//! Prompts over HTTP: a sound file comes in as a stream with a bound and is decoded by a process of its own (FAULTS P5), a text
//! is said, staff review, and the sound goes out (rows I02, I13, K09). Names are opaque here: no path is made of one (P4).

use std::path::PathBuf;

use axum::body::Body as Content;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use hotline::TenantId;
use serde::Deserialize;
use tokio::io::AsyncWriteExt;
use utoipa::{IntoParams, ToSchema};

use super::{Api, Asked, Body, Path, Problem, Refused, Words};
use crate::ops::prompts::{self, Add, List, Listed, Made, One, Review, Say, Submit};
use crate::ops::{Code, Desk, Outcome, Refusal};
use crate::prompts::FileId;

/// Files of strangers that are taken in at once; each is decoded by a process of its own.
pub const UPLOADS_MAX: usize = 4;

/// Which versions.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// Of one name; of all unless said.
    name: Option<String>,
}

/// 提示音清单 / every version of the enterprise's prompts, with its words and how far it is.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/prompts", tag = "prompts",
    params(("enterprise" = String, Path), Page), security(("session" = ["read_setup"])),
    responses((status = 200, description = "the versions", body = Vec<Listed>))
)]
pub async fn list(
    asked: Asked,
    Path(enterprise): Path<String>,
    Words(Page { name }): Words<Page>,
) -> Result<axum::Json<Vec<Listed>>, Refused> {
    let list = List { tenant: Some(TenantId::new(&enterprise)), name };
    asked.tell(prompts::list(&asked.desk, &list).await)
}

/// What comes with a file.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Upload {
    /// What is said in it, for the review.
    words: Option<String>,
    /// Whether it is handed in at once.
    #[serde(default)]
    submit: bool,
}

/// 上传提示音 / a sound file (WAV, MP3, Ogg) as the next version of a name; at most 20 MiB and ten minutes.
#[utoipa::path(
    post, path = "/api/v1/enterprises/{enterprise}/prompts/{prompt}/versions", tag = "prompts",
    params(("enterprise" = String, Path), ("prompt" = String, Path), Upload),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    security(("session" = ["change_setup"])),
    responses(
        (status = 200, description = "taken in", body = Made),
        (status = 422, description = "`sound_file`: too large, too long, or no sound; why is listed", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too_many_tries`: too many are taken in", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn upload(
    State(api): State<Api>,
    asked: Asked,
    Path((enterprise, prompt)): Path<(String, String)>,
    Words(Upload { words, submit }): Words<Upload>,
    request: axum::extract::Request,
) -> Result<axum::Json<Made>, Refused> {
    let Ok(_place) = api.0.uploads.try_acquire() else {
        return Err(asked.refuse(too_many()));
    };
    let file = match received(&asked.desk, request.into_body()).await {
        Ok(file) => file,
        Err(refusal) => return Err(asked.refuse(refusal)),
    };
    let (tenant, by) = (TenantId::new(&enterprise), asked.person.login.clone());
    let add = Add { tenant, name: prompt, file: file.0.clone(), words, submit, by };
    asked.tell(prompts::add(&asked.desk, &add).await)
}

/// No place to take in another file.
pub(super) fn too_many() -> Refusal {
    Refusal::new(
        Code::TooManyTries,
        "正在处理的上传太多，请稍后再试",
        "too many files are being taken in; try again later",
    )
}

/// A file that is gone when this is dropped.
pub(super) struct Passing(PathBuf);

impl Passing {
    /// Where it lies.
    pub(super) fn path(&self) -> PathBuf {
        self.0.clone()
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        // It may not have come to a file at all.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Where bodies lie while they are taken in.
const UPLOADS: &str = "uploads";

/// Removes what a process that died was taking in; nobody else may be at the data directory.
pub(crate) fn sweep_uploads(data: &std::path::Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(data.join(UPLOADS)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Writes a body into a file of the data directory, no more than a prompt's file may have.
pub(super) async fn received(desk: &Desk, body: Content) -> Outcome<Passing> {
    let dir = desk.data.join(UPLOADS);
    let failed = |error: std::io::Error| Refusal::file(&dir, error);
    tokio::fs::create_dir_all(&dir).await.map_err(failed)?;
    let name = FileId::new().map_err(failed)?;
    let passing = Passing(dir.join(name.as_str()));
    let mut file = tokio::fs::File::create_new(&passing.0).await.map_err(failed)?;
    let (bytes_max, mut bytes) = (media::import::Limits::default().file_bytes_max, 0);
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(Refusal::bad_request)?;
        bytes += piece.len();
        if bytes > bytes_max {
            let mib = bytes_max >> 20;
            return Err(Refusal::new(
                Code::SoundFile,
                format!("文件超过 {mib} MiB"),
                format!("the file has more than {mib} MiB"),
            ));
        }
        file.write_all(&piece).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)?;
    Ok(passing)
}

/// A text to be said.
#[derive(Deserialize, ToSchema)]
pub struct Text {
    /// The text; its numbers, dates and amounts are said as a person would.
    text: String,
    /// The voice; that of the text's language unless said.
    voice: Option<String>,
    /// Whether it is handed in at once.
    #[serde(default)]
    submit: bool,
}

/// 文字转语音 / a text said as the next version of a name (row I13).
#[utoipa::path(
    post, path = "/api/v1/enterprises/{enterprise}/prompts/{prompt}/speech", tag = "prompts",
    params(("enterprise" = String, Path), ("prompt" = String, Path)), request_body = Text,
    security(("session" = ["change_setup"])),
    responses(
        (status = 200, description = "said", body = Made),
        (status = 422, description = "`speech`, `not_available`, `invalid_value`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`no_speaker`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn say(
    asked: Asked,
    Path((enterprise, prompt)): Path<(String, String)>,
    Body(Text { text, voice, submit }): Body<Text>,
) -> Result<axum::Json<Made>, Refused> {
    let (tenant, by) = (TenantId::new(&enterprise), asked.person.login.clone());
    asked.tell(prompts::say(&asked.desk, &Say { tenant, name: prompt, text, voice, submit, by }).await)
}

/// 提交审核 / hands a draft in.
#[utoipa::path(
    post, path = "/api/v1/enterprises/{enterprise}/prompts/{prompt}/versions/{version}/submit", tag = "prompts",
    params(("enterprise" = String, Path), ("prompt" = String, Path), ("version" = u32, Path)),
    security(("session" = ["change_setup"])),
    responses(
        (status = 200, description = "it waits for the provider's staff", body = Made),
        (status = 409, description = "`prompt_state`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn submit(
    asked: Asked,
    Path((enterprise, prompt, version)): Path<(String, String, u32)>,
) -> Result<axum::Json<Made>, Refused> {
    let of = One { tenant: TenantId::new(&enterprise), name: prompt, version: Some(version) };
    let by = asked.person.login.clone();
    asked.tell(prompts::submit(&asked.desk, &Submit { of, by }).await)
}

/// What the staff say of a version.
#[derive(Deserialize, ToSchema)]
pub struct Verdict {
    /// Whether it may be heard.
    approve: bool,
    /// Why; needed to reject, and to approve banned words.
    reason: Option<String>,
}

/// 审核 / judges a version; nothing is heard before (row K09).
#[utoipa::path(
    post, path = "/api/v1/enterprises/{enterprise}/prompts/{prompt}/versions/{version}/review", tag = "prompts",
    params(("enterprise" = String, Path), ("prompt" = String, Path), ("version" = u32, Path)),
    request_body = Verdict, security(("session" = ["review_content"])),
    responses(
        (status = 200, description = "judged; the next call hears it, or no more", body = Made),
        (status = 409, description = "`prompt_state`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`banned_word`, `invalid_value`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn review(
    asked: Asked,
    Path((enterprise, prompt, version)): Path<(String, String, u32)>,
    Body(Verdict { approve, reason }): Body<Verdict>,
) -> Result<axum::Json<Made>, Refused> {
    let of = One { tenant: TenantId::new(&enterprise), name: prompt, version: Some(version) };
    let by = asked.person.login.clone();
    asked.tell(prompts::review(&asked.desk, &Review { of, approve, reason, by }).await)
}

/// Which version.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// The latest unless said.
    version: Option<u32>,
}

/// 试听 / the sound of a version; of a name that the enterprise has not, the system's.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/prompts/{prompt}/audio", tag = "prompts",
    params(("enterprise" = String, Path), ("prompt" = String, Path), Which),
    security(("session" = ["read_setup"])),
    responses(
        (status = 200, description = "the WAV", body = Vec<u8>, content_type = "audio/wav"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn audio(
    asked: Asked,
    Path((enterprise, prompt)): Path<(String, String)>,
    Words(Which { version }): Words<Which>,
) -> Result<Response, Refused> {
    let of = One { tenant: TenantId::new(&enterprise), name: prompt, version };
    let sound = sound(&asked.desk, &of).await.map_err(|refusal| asked.refuse(refusal))?;
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, "audio/wav")], sound).into_response())
}

async fn sound(desk: &Desk, of: &One) -> Outcome<Vec<u8>> {
    match prompts::file(desk, of).await?.file {
        // A prompt's file has eight MiB at most.
        Some(file) => tokio::fs::read(&file).await.map_err(|error| Refusal::file(&file, error)),
        None => {
            let shipped = media::prompts::file(&of.name).ok_or_else(|| prompts::missing(&of.name))?;
            Ok(shipped.to_vec())
        }
    }
}
