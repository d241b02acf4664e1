//! Messages that callers left (rows V06, V07): listed, heard by a ticket, and seen to by name.

use axum::extract::State;
use hotline::{TenantId, Wall};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::calls::value;
use super::paging::Paging;
use super::recordings::{NotHeard, Ticket, Wanted, id_of, write_ticket};
use super::{Api, Asked, Body, Path, Problem, Refused, Words};
use crate::ops::voicemails::{self, Done, List, Listed};
use crate::ops::{Outcome, Refusal};

/// Which messages.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// From this caller, in any form.
    caller: Option<String>,
    /// In this state: `new`, `heard`, `done`; `empty` for those in which nothing was said.
    state: Option<String>,
    /// Left at or after: milliseconds since 1970-01-01 UTC.
    since_ms: Option<i64>,
}

/// 留言清单 / messages that callers left, the latest first.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/voicemails", tag = "messages",
    params(("enterprise" = String, Path), Page, Paging), security(("session" = ["see_to_messages"])),
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
    let list = page.read(enterprise, &paging).map_err(|refusal| asked.refuse(refusal))?;
    asked.tell(voicemails::list(&asked.desk, &list).await)
}

impl Page {
    fn read(self, tenant: String, paging: &Paging) -> Outcome<List> {
        Ok(List {
            tenant,
            caller: self.caller,
            state: value("state", self.state)?,
            since: self.since_ms.map(Wall),
            older_than: paging.behind()?,
            limit: paging.limit,
        })
    }
}

/// 听留言，写入审计 / a way to hear a message, as of a recording; it is heard from then on.
#[utoipa::path(
    post, path = "/api/v1/enterprises/{enterprise}/voicemails/{voicemail}/ticket", tag = "messages",
    params(("enterprise" = String, Path), ("voicemail" = String, Path)), request_body = Wanted,
    security(("session" = ["see_to_messages"])),
    responses(
        (status = 200, description = "where it is heard", body = Ticket),
        NotHeard,
    )
)]
pub async fn ticket(
    State(api): State<Api>,
    asked: Asked,
    Path((enterprise, voicemail)): Path<(String, String)>,
    Body(Wanted { how }): Body<Wanted>,
) -> Result<axum::Json<Ticket>, Refused> {
    let written = async {
        let (tenant, id) = (TenantId::new(&enterprise), id_of(&voicemail)?);
        voicemails::one(&asked.desk, &tenant, id).await?;
        let ticket = write_ticket(&api, &asked, &enterprise, &voicemail, how).await?;
        voicemails::heard(&asked.desk, &tenant, id, &asked.person.login).await?;
        Ok(ticket)
    };
    asked.tell(written.await)
}

/// How far a message is seen to.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SeenTo {
    /// Somebody heard it, here or elsewhere.
    Heard,
    /// Somebody has done what it asks for.
    Done {
        /// Who.
        name: String,
    },
}

/// 已听、已处理 / how far somebody saw to a message: `"heard"`, or `{"done": {"name": "王芳"}}`; audited.
#[utoipa::path(
    put, path = "/api/v1/enterprises/{enterprise}/voicemails/{voicemail}/state", tag = "messages",
    params(("enterprise" = String, Path), ("voicemail" = String, Path)), request_body = SeenTo,
    security(("session" = ["see_to_messages"])),
    responses(
        (status = 200, description = "the message", body = Listed),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_value`: without a name nothing is done", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn step(
    asked: Asked,
    Path((enterprise, voicemail)): Path<(String, String)>,
    Body(to): Body<SeenTo>,
) -> Result<axum::Json<Listed>, Refused> {
    asked.tell(stepped(&asked, &enterprise, &voicemail, to).await)
}

async fn stepped(asked: &Asked, enterprise: &str, voicemail: &str, to: SeenTo) -> Outcome<Listed> {
    let id = voicemail.parse().map_err(|_| {
        Refusal::not_found(format!("没有留言 {voicemail}"), format!("there is no message {voicemail}"))
    })?;
    let (tenant, by) = (TenantId::new(enterprise), asked.person.login.clone());
    match to {
        SeenTo::Heard => voicemails::heard(&asked.desk, &tenant, id, &by).await,
        SeenTo::Done { name } => {
            voicemails::done(&asked.desk, &Done { tenant, voicemail: id, name, by }).await
        }
    }
}
