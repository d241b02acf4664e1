//! Calls of an enterprise: a page of them, one whole, and one that is only tried.

use hotline::{CallId, TenantId, Wall};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa::IntoParams;

use super::paging::Paging;
use super::{Asked, Body, Path, Problem, Refused, Words};
use crate::ops::calls::{self, List, One, Range, Row};
use crate::ops::explain::{self, Explain};
use crate::ops::{Outcome, Refusal};

/// Which calls.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// One number's.
    number: Option<String>,
    /// Begun at or after: milliseconds since 1970-01-01 UTC.
    since_ms: Option<i64>,
    /// Begun before.
    until_ms: Option<i64>,
    /// From this caller, in national form.
    caller: Option<String>,
    /// With this status: `answered`, `missed`, `barred`, …
    status: Option<String>,
}

impl Page {
    fn read(self, tenant: TenantId, paging: &Paging) -> Outcome<List> {
        let range = Range {
            number: value("number", self.number)?,
            since: self.since_ms.map(Wall),
            until: self.until_ms.map(Wall),
            older_than: paging.behind()?,
        };
        let status = value("status", self.status)?;
        Ok(List { tenant: Some(tenant), range, caller: self.caller, status, limit: paging.limit })
    }
}

/// Reads a value as JSON has it.
pub(super) fn value<T: DeserializeOwned>(name: &str, text: Option<String>) -> Outcome<Option<T>> {
    let Some(text) = text else { return Ok(None) };
    let read = serde_json::from_value(Value::String(text.clone()));
    read.map(Some).map_err(|_| {
        Refusal::invalid(format!("{name}：“{text}”无法读取"), format!("{name}: {text:?} cannot be read"))
    })
}

/// 通话清单 / calls, the latest first (row D01).
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/calls", tag = "calls",
    params(("enterprise" = String, Path), Page, Paging), security(("session" = ["read_calls"])),
    responses(
        (status = 200, description = "a page", body = Vec<Row>),
        (status = 422, description = "`invalid_value`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    asked: Asked,
    Path(enterprise): Path<String>,
    Words(page): Words<Page>,
    Words(paging): Words<Paging>,
) -> Result<axum::Json<Vec<Row>>, Refused> {
    let list = page.read(TenantId::new(&enterprise), &paging).map_err(|refusal| asked.refuse(refusal))?;
    asked.tell(calls::list(&asked.desk, &list).await)
}

/// 一次通话的全部 / one call whole: record, legs, facts, charges, entries; SIP messages for the provider's staff alone.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/calls/{call}", tag = "calls",
    params(("enterprise" = String, Path), ("call" = String, Path)), security(("session" = ["read_calls"])),
    responses(
        (status = 200, description = "the call", body = Object),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn one(
    asked: Asked,
    Path((enterprise, call)): Path<(String, String)>,
) -> Result<axum::Json<calls::Whole>, Refused> {
    asked.tell(read_one(&asked, &enterprise, call).await)
}

async fn read_one(asked: &Asked, enterprise: &str, call: String) -> Outcome<calls::Whole> {
    let none = || Refusal::not_found(format!("没有通话 {call}"), format!("there is no call {call}"));
    let id: CallId = call.parse().map_err(|_| none())?;
    let mut whole = calls::one(&asked.desk, &One { call: id }).await?;
    if whole.record.tenant.as_str() != enterprise {
        // Another enterprise's call is as one that is not there (FAULTS P6).
        return Err(none());
    }
    if !asked.person.role.is_staff() {
        // Carriers' addresses and the places of files are the provider's business.
        whole.messages.clear();
        whole.recording.iter_mut().for_each(|file| file.path.clear());
    }
    Ok(whole)
}

/// 不打电话，说明会怎样处理 / what would happen to a call, and why (rows R25, R26).
#[utoipa::path(
    post, path = "/api/v1/enterprises/{enterprise}/explain", tag = "calls",
    params(("enterprise" = String, Path)), request_body = Explain, security(("session" = ["read_setup"])),
    responses(
        (status = 200, description = "facts, record and charges of the call that was not made", body = Object),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn explain(
    asked: Asked,
    Path(enterprise): Path<String>,
    Body(tried): Body<Explain>,
) -> Result<axum::Json<explain::Explained>, Refused> {
    let number = tried.number;
    let done = explain::explain(&asked.desk, &tried).await;
    asked.tell(done.and_then(|explained| match explained.tenant.as_str() == enterprise {
        true => Ok(explained),
        false => Err(Refusal::not_found(
            format!("企业没有号码 {number}"),
            format!("the enterprise has no number {number}"),
        )),
    }))
}

#[cfg(test)]
mod tests {
    use hotline::cdr::AnswerStatus;

    use super::*;

    #[test]
    fn d01_what_cannot_be_read_is_named() {
        let page = |words: &str| {
            let page: Page = serde_json::from_str(words).expect("readable");
            let paging = serde_json::from_str(words).expect("readable");
            page.read(TenantId::new("huaxin"), &paging)
        };
        let list = page(r#"{"number": "4006010114", "status": "answered", "since_ms": 5}"#).expect("good");
        assert_eq!(list.range.number, "4006010114".parse().ok());
        assert_eq!(
            (list.status, list.range.since, list.limit),
            (Some(AnswerStatus::Answered), Some(Wall(5)), 100)
        );
        for (words, named) in [
            (r#"{"number": "400601011"}"#, "number"),
            (r#"{"status": "nothing"}"#, "status"),
            (r#"{"older_than": "x"}"#, "older_than"),
        ] {
            assert!(page(words).unwrap_err().en.starts_with(named), "{words}");
        }
    }
}
