//! Messages that went to people, or wait to: what became of each (rows V06, V08).

use axum::extract::Path;
use hotline::TenantId;
use serde::Deserialize;
use utoipa::IntoParams;

use super::calls::value;
use super::{Asked, Problem, Refused, Words};
use crate::ops::messages::{self, List, Listed};

/// Which messages, and which page of them.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// In this state: `waiting`, `sent`, `failed`, `refused`.
    state: Option<String>,
    /// Behind the message with this key: where the page before ended.
    older_than: Option<String>,
    /// At most; 100 unless said, 1000 at most.
    #[serde(default = "super::page_usual")]
    limit: u32,
}

/// 短信和邮件 / messages to people, the latest first.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/messages", tag = "messages",
    params(("enterprise" = String, Path), Page), security(("session" = ["see_to_messages"])),
    responses(
        (status = 200, description = "a page", body = Vec<Listed>),
        (status = 422, description = "`invalid_value`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    asked: Asked,
    Path(enterprise): Path<String>,
    Words(Page { state, older_than, limit }): Words<Page>,
) -> Result<axum::Json<Vec<Listed>>, Refused> {
    let state = value("state", state).map_err(|refusal| asked.refuse(refusal))?;
    let list = List { tenant: Some(TenantId::new(&enterprise)), state, older_than, limit };
    asked.tell(messages::list(&asked.desk, &list).await)
}
