//! Recordings: listed, held, and heard. Whoever wants to hear one asks for a ticket, which the audit knows (row V02); it is bound
//! to the session and good for ten minutes (FAULTS P4), and its sound is given whole or by ranges (RFC 9110).

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body as Content;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hotline::{RecordingId, TenantId, Wall};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, IntoResponses, ToSchema};

use super::calls::value;
use super::paging::Paging;
use super::{Api, Asked, Body, Path, Problem, Refused, Words};
use crate::archive::Sound;
use crate::ops::accounts::random_word;
use crate::ops::exports::{self, Ask, Exported};
use crate::ops::recordings::{self, Evidence, Heard, Hearing, HoldOn, List, Listed, Release};
use crate::ops::{Outcome, Refusal};

/// How long a ticket opens its recording.
const TICKET: Duration = Duration::from_secs(600);
/// Tickets that may be out at once; the oldest go first.
const TICKETS_MAX: usize = 10_000;

/// Which recordings.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// Of calls to this number.
    number: Option<String>,
    /// Of calls from this caller, in national form.
    caller: Option<String>,
    /// Of calls that began at or after: milliseconds since 1970-01-01 UTC.
    since_ms: Option<i64>,
    /// Of calls that began before.
    until_ms: Option<i64>,
    /// Only those that are held.
    #[serde(default)]
    held: bool,
}

impl Page {
    fn read(self, tenant: TenantId, paging: &Paging) -> Outcome<List> {
        Ok(List {
            tenant,
            number: value("number", self.number)?,
            caller: self.caller,
            since: self.since_ms.map(Wall),
            until: self.until_ms.map(Wall),
            held: self.held,
            older_than: paging.behind()?,
            limit: paging.limit,
        })
    }
}

/// 录音清单 / recordings with how long they are kept and why, the latest first (rows V02 to V04, V13).
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/recordings", tag = "recordings",
    params(("enterprise" = String, Path), Page, Paging), security(("session" = ["hear_recordings"])),
    responses(
        (status = 200, description = "a page", body = Vec<Listed>),
        (status = 422, description = "`invalid_value`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    asked: Asked,
    Path(enterprise): Path<String>,
    Words(page): Words<Page>,
    Words(paging): Words<Paging>,
) -> Result<axum::Json<Vec<Listed>>, Refused> {
    let list = page.read(TenantId::new(&enterprise), &paging).map_err(|refusal| asked.refuse(refusal))?;
    asked.tell(recordings::list(&asked.desk, &list).await)
}

pub(super) fn id_of(text: &str) -> Outcome<RecordingId> {
    text.parse()
        .map_err(|_| Refusal::not_found(format!("没有录音 {text}"), format!("there is no recording {text}")))
}

/// How a recording is to be heard.
#[derive(Deserialize, ToSchema)]
pub struct Wanted {
    /// In the page or as a file; the audit says which.
    pub(super) how: Hearing,
}

/// Why something is not heard, for the descriptions of routes.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "refusals leave as problems; this only describes them")]
pub enum NotHeard {
    /// `not_found`: none, or its sound is not there yet
    #[response(status = 404, content_type = "application/problem+json")]
    Missing(Problem),
    /// `recording_sealed`: its key is gone
    #[response(status = 410, content_type = "application/problem+json")]
    Sealed(Problem),
}

/// Where a recording is heard for ten minutes.
#[derive(Serialize, ToSchema)]
pub struct Ticket {
    /// The path, with its ticket; for whoever asked alone.
    path: String,
    /// The name of its file: when the call began in Beijing, the number, the caller.
    name: String,
    /// The size of the WAV.
    bytes: u64,
}

/// 收听或下载录音，写入审计 / a way to hear a recording; the audit has a line of it.
#[utoipa::path(
    post, path = "/api/v1/enterprises/{enterprise}/recordings/{recording}/ticket", tag = "recordings",
    params(("enterprise" = String, Path), ("recording" = String, Path)), request_body = Wanted,
    security(("session" = ["hear_recordings"])),
    responses(
        (status = 200, description = "where it is heard", body = Ticket),
        NotHeard,
    )
)]
pub async fn ticket(
    State(api): State<Api>,
    asked: Asked,
    Path((enterprise, recording)): Path<(String, String)>,
    Body(Wanted { how }): Body<Wanted>,
) -> Result<axum::Json<Ticket>, Refused> {
    asked.tell(write_ticket(&api, &asked, &enterprise, &recording, how).await)
}

pub(super) async fn write_ticket(
    api: &Api,
    asked: &Asked,
    enterprise: &str,
    recording: &str,
    how: Hearing,
) -> Outcome<Ticket> {
    let (tenant, id) = (TenantId::new(enterprise), id_of(recording)?);
    let Heard { sound, name, .. } = recordings::hear(&asked.desk, &tenant, id).await?;
    let word = random_word(32)?;
    // Nobody hears what the audit does not know.
    recordings::note_hearing(&asked.desk, &tenant, id, how, &asked.person.login).await?;
    let out =
        Out { session: asked.person.token_hash.clone(), tenant, recording: id, how, since: Instant::now() };
    api.0.tickets.give(word.clone(), out);
    let path = format!("/api/v1/enterprises/{enterprise}/recordings/{id}/audio?ticket={word}");
    Ok(Ticket { path, name, bytes: sound.bytes() })
}

/// Which ticket.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Shown {
    /// From `ticket`.
    ticket: String,
}

/// 录音内容 / the sound, whole or one range of it.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/recordings/{recording}/audio", tag = "recordings",
    params(("enterprise" = String, Path), ("recording" = String, Path), Shown),
    security(("session" = ["hear_recordings"])),
    responses(
        (status = 200, description = "the WAV: the caller left, who answered right", body = Vec<u8>, content_type = "audio/wav"),
        (status = 206, description = "the range that was asked for", body = Vec<u8>, content_type = "audio/wav"),
        (status = 404, description = "`not_found`: no such recording, or the ticket is none or over", body = Problem, content_type = "application/problem+json"),
        (status = 416, description = "the range begins behind the end"),
    )
)]
pub async fn audio(
    State(api): State<Api>,
    asked: Asked,
    Path((enterprise, recording)): Path<(String, String)>,
    Words(Shown { ticket }): Words<Shown>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let shown = shown(&api, &asked, &enterprise, &recording, &ticket).await;
    let (Heard { sound, name, checksum }, how) = shown.map_err(|refusal| asked.refuse(refusal))?;
    Ok(answer(Given { content: sound, name, tag: checksum, kind: "audio/wav", how }, &headers))
}

async fn shown(
    api: &Api,
    asked: &Asked,
    enterprise: &str,
    recording: &str,
    ticket: &str,
) -> Outcome<(Heard, Hearing)> {
    let (tenant, id) = (TenantId::new(enterprise), id_of(recording)?);
    let out = api.0.tickets.of(ticket, &asked.person.token_hash, Instant::now());
    let out = out.filter(|out| out.tenant == tenant && out.recording == id);
    let out =
        out.ok_or_else(|| Refusal::not_found("链接已失效，请重新打开", "this link is over; open it again"))?;
    Ok((recordings::hear(&asked.desk, &tenant, id).await?, out.how))
}

/// A file on its way out.
struct Given {
    content: Sound,
    name: String,
    /// Another file has another.
    tag: String,
    kind: &'static str,
    how: Hearing,
}

fn answer(Given { content, name, tag, kind, how }: Given, headers: &HeaderMap) -> Response {
    let (bytes, tag) = (content.bytes(), format!("\"{tag}\""));
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    // A range of another file than the one that was begun is of no use.
    let same = text(header::IF_RANGE).is_none_or(|of| of == tag);
    let range = text(header::RANGE).filter(|_| same).map_or(Asking::Whole, |range| read_range(range, bytes));
    let (status, range) = match range {
        Asking::Whole => (StatusCode::OK, 0..bytes),
        Asking::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Asking::Nothing => {
            let told = [(header::CONTENT_RANGE, format!("bytes */{bytes}"))];
            return (StatusCode::RANGE_NOT_SATISFIABLE, told).into_response();
        }
    };
    let place = match how {
        Hearing::Listen => "inline",
        Hearing::Download => "attachment",
    };
    let mut told = vec![
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::ETAG, tag),
        (header::CONTENT_LENGTH, (range.end - range.start).to_string()),
        (header::CONTENT_DISPOSITION, format!("{place}; filename=\"{name}\"")),
    ];
    if status == StatusCode::PARTIAL_CONTENT {
        told.push((header::CONTENT_RANGE, format!("bytes {}-{}/{bytes}", range.start, range.end - 1)));
    }
    let mut response = (status, pieces(content, range)).into_response();
    for (name, value) in told {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Reads piece by piece, on threads that may wait for the disk, as fast as the listener takes them.
fn pieces(sound: Sound, range: Range<u64>) -> Content {
    let sound = Arc::new(sound);
    let pieces = futures_util::stream::try_unfold(range, move |left| {
        let sound = sound.clone();
        async move {
            if left.is_empty() {
                return Ok::<_, io::Error>(None);
            }
            let at = left.start;
            let piece = tokio::task::spawn_blocking(move || sound.read(at));
            let mut piece = piece.await.map_err(io::Error::other)??;
            if piece.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            piece.truncate(usize::try_from(left.end - at).unwrap_or(usize::MAX));
            let rest = at + piece.len() as u64..left.end;
            Ok(Some((piece, rest)))
        }
    });
    Content::from_stream(pieces)
}

/// What a `Range` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Asking {
    /// None that is known, or several: the whole is given, as RFC 9110 14.2 permits.
    Whole,
    Part(Range<u64>),
    /// It begins behind the end.
    Nothing,
}

fn read_range(text: &str, bytes: u64) -> Asking {
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|range| range.trim().split_once('-'))
    else {
        return Asking::Whole;
    };
    let range = match (first.trim(), last.trim()) {
        ("", last) => last.parse::<u64>().ok().map(|length| bytes.saturating_sub(length)..bytes),
        (first, "") => first.parse().ok().map(|first| first..bytes),
        (first, last) => match (first.parse::<u64>(), last.parse::<u64>()) {
            (Ok(first), Ok(last)) if first <= last => Some(first..last.saturating_add(1).min(bytes)),
            (Ok(_) | Err(_), Ok(_) | Err(_)) => None,
        },
    };
    match range {
        None => Asking::Whole,
        Some(range) if range.start >= bytes => Asking::Nothing,
        Some(range) => Asking::Part(range),
    }
}

/// Tickets that are out, by their word. They are gone with the process.
#[derive(Default)]
pub struct Tickets(Mutex<BTreeMap<String, Out>>);

/// A ticket.
#[derive(Clone)]
struct Out {
    session: String,
    tenant: TenantId,
    recording: RecordingId,
    how: Hearing,
    since: Instant,
}

impl Tickets {
    fn give(&self, word: String, out: Out) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, earlier| out.since < earlier.since + TICKET);
        if all.len() >= TICKETS_MAX
            && let Some(oldest) = all.iter().min_by_key(|(_, out)| out.since).map(|(word, _)| word.clone())
        {
            all.remove(&oldest);
        }
        all.insert(word, out);
    }

    fn of(&self, word: &str, session: &str, now: Instant) -> Option<Out> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(word).filter(|out| out.session == session && now < out.since + TICKET).cloned()
    }
}

/// 录音存证 / what happened to a recording since its first second, as a chain that shows whatever is changed (row V10): notice,
/// checksums, who heard it, holds, its end.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/recordings/{recording}/evidence", tag = "recordings",
    params(("enterprise" = String, Path), ("recording" = String, Path)),
    security(("session" = ["export_recordings"])),
    responses(
        (status = 200, description = "the chain", body = Evidence),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn evidence(
    asked: Asked,
    Path((enterprise, recording)): Path<(String, String)>,
) -> Result<axum::Json<Evidence>, Refused> {
    let id = id_of(&recording).map_err(|refusal| asked.refuse(refusal))?;
    asked.tell(recordings::evidence(&asked.desk, &TenantId::new(&enterprise), id).await)
}

/// What an archive has in it.
#[derive(Deserialize, ToSchema)]
pub struct NewExport {
    /// Of calls to this number alone.
    number: Option<String>,
    /// Of calls that began at or after: milliseconds since 1970-01-01 UTC.
    since_ms: i64,
    /// Of calls that began before; 93 days at most.
    until_ms: i64,
}

/// 批量导出录音，后台打包 / recordings of a range as one archive, written in the background (row V05).
#[utoipa::path(
    post, path = "/api/v1/enterprises/{enterprise}/exports", tag = "recordings",
    params(("enterprise" = String, Path)), request_body = NewExport,
    security(("session" = ["export_recordings"])),
    responses(
        (status = 200, description = "it waits", body = Exported),
        (status = 422, description = "`invalid_value`: no range, or too many wait", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn export(
    asked: Asked,
    Path(enterprise): Path<String>,
    Body(NewExport { number, since_ms, until_ms }): Body<NewExport>,
) -> Result<axum::Json<Exported>, Refused> {
    let number = value("number", number).map_err(|refusal| asked.refuse(refusal))?;
    let (tenant, by) = (TenantId::new(&enterprise), asked.person.login.clone());
    let ask = Ask { tenant, number, since: Wall(since_ms), until: Wall(until_ms), by };
    asked.tell(exports::ask(&asked.desk, &ask).await)
}

/// 导出列表及进度 / exports with how far each is, the latest first.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/exports", tag = "recordings",
    params(("enterprise" = String, Path)), security(("session" = ["export_recordings"])),
    responses((status = 200, description = "the exports", body = Vec<Exported>))
)]
pub async fn exports(
    asked: Asked,
    Path(enterprise): Path<String>,
) -> Result<axum::Json<Vec<Exported>>, Refused> {
    asked.tell(exports::list(&asked.desk, &exports::Of { tenant: TenantId::new(&enterprise) }).await)
}

/// 下载导出的压缩包 / an archive that is done, whole or one range of it; the audit knows who asked for it.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/exports/{export}/file", tag = "recordings",
    params(("enterprise" = String, Path), ("export" = String, Path)),
    security(("session" = ["export_recordings"])),
    responses(
        (status = 200, description = "the archive: WAVs, `index.csv`, `SHA256SUMS`", body = Vec<u8>, content_type = "application/zip"),
        (status = 206, description = "the range that was asked for", body = Vec<u8>, content_type = "application/zip"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_value`: it is not done, or its time is over", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn archive(
    asked: Asked,
    Path((enterprise, export)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let tag = export.clone();
    let one = exports::One { tenant: TenantId::new(&enterprise), export };
    let (sound, name) = exports::open(&asked.desk, &one).await.map_err(|refusal| asked.refuse(refusal))?;
    Ok(answer(Given { content: sound, name, tag, kind: "application/zip", how: Hearing::Download }, &headers))
}

/// Why a recording is kept, and until when.
#[derive(Deserialize, ToSchema)]
pub struct NewHold {
    /// Why.
    reason: String,
    /// Until when: milliseconds since 1970-01-01 UTC; until somebody lets go if absent.
    until_ms: Option<i64>,
}

/// 法律保留 / keeps a recording beyond its time (row V13).
#[utoipa::path(
    put, path = "/api/v1/enterprises/{enterprise}/recordings/{recording}/hold", tag = "recordings",
    params(("enterprise" = String, Path), ("recording" = String, Path)), request_body = NewHold,
    security(("session" = ["hold_recordings"])),
    responses(
        (status = 200, description = "held", body = Listed),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_value`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn hold(
    asked: Asked,
    Path((enterprise, recording)): Path<(String, String)>,
    Body(NewHold { reason, until_ms }): Body<NewHold>,
) -> Result<axum::Json<Listed>, Refused> {
    let (tenant, by) = (TenantId::new(&enterprise), asked.person.login.clone());
    let recording = id_of(&recording).map_err(|refusal| asked.refuse(refusal))?;
    let hold = HoldOn { tenant, recording, reason, until: until_ms.map(Wall), by };
    asked.tell(recordings::hold(&asked.desk, &hold).await)
}

/// 解除保留 / lets go of a recording.
#[utoipa::path(
    delete, path = "/api/v1/enterprises/{enterprise}/recordings/{recording}/hold", tag = "recordings",
    params(("enterprise" = String, Path), ("recording" = String, Path)),
    security(("session" = ["hold_recordings"])),
    responses(
        (status = 200, description = "nobody holds it any more", body = Listed),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn release(
    asked: Asked,
    Path((enterprise, recording)): Path<(String, String)>,
) -> Result<axum::Json<Listed>, Refused> {
    let (tenant, by) = (TenantId::new(&enterprise), asked.person.login.clone());
    let recording = id_of(&recording).map_err(|refusal| asked.refuse(refusal))?;
    asked.tell(recordings::release(&asked.desk, &Release { tenant, recording, by }).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v02_ranges_are_read_as_rfc_9110_writes_them() {
        for (text, wanted) in [
            ("bytes=0-0", Asking::Part(0..1)),
            ("bytes=0-", Asking::Part(0..100)),
            ("bytes=90-200", Asking::Part(90..100)),
            ("bytes=-10", Asking::Part(90..100)),
            ("bytes=-1000", Asking::Part(0..100)),
            ("bytes=100-", Asking::Nothing),
            ("bytes=-0", Asking::Nothing),
            ("bytes=9-3", Asking::Whole),
            ("bytes=0-1,5-6", Asking::Whole),
            ("bytes=-", Asking::Whole),
            ("octets=0-1", Asking::Whole),
            ("bytes=99999999999999999999-", Asking::Whole),
            ("bytes=0-18446744073709551615", Asking::Part(0..100)),
        ] {
            assert_eq!(read_range(text, 100), wanted, "{text}");
        }
        assert_eq!(read_range("bytes=0-0", 0), Asking::Nothing);
    }

    #[test]
    fn fault_p4_a_ticket_is_its_sessions_alone_and_of_one_recording() {
        let (tickets, began) = (Tickets::default(), Instant::now());
        let out = |session: &str, n| Out {
            session: session.into(),
            tenant: TenantId::new("huaxin"),
            recording: RecordingId(n),
            how: Hearing::Listen,
            since: began,
        };
        tickets.give("a".into(), out("s", 1));
        assert_eq!(tickets.of("a", "s", began).map(|out| out.recording), Some(RecordingId(1)));
        assert!(tickets.of("a", "t", began).is_none() && tickets.of("b", "s", began).is_none());
        assert!(tickets.of("a", "s", began + TICKET).is_none(), "it is over");
        let second = began + Duration::from_secs(1);
        for n in 0..TICKETS_MAX {
            tickets.give(format!("n{n}"), Out { since: second, ..out("s", 3) });
        }
        let left = tickets.0.lock().expect("nobody else").len();
        assert!(
            left <= TICKETS_MAX && tickets.of("a", "s", second).is_none(),
            "the oldest went first: {left}"
        );
    }
}
