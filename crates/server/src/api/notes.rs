//! What an agent writes about a call, while it is up and afterwards (row Q04).

use hotline::TenantId;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Asked, Body, Path, Problem, Refused};
use crate::ops::notes::{self, Note, Of};
use crate::ops::{Outcome, Refusal};

/// A note that is written.
#[derive(Deserialize, ToSchema)]
pub struct Written {
    /// The text, 2000 characters at most; an empty one takes the note away.
    text: String,
}

/// 坐席的通话备注 / the agent's note about a call that it had.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/agents/{agent}/calls/{call}/note", tag = "agents",
    params(("enterprise" = String, Path), ("agent" = String, Path), ("call" = String, Path)),
    security(("session" = ["take_calls"])),
    responses(
        (status = 200, description = "the note, empty if nothing is written", body = Note),
        (status = 404, description = "`not_found`: the agent had no such call", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn read(
    asked: Asked,
    Path((enterprise, agent, call)): Path<(String, String, String)>,
) -> Result<axum::Json<Note>, Refused> {
    let of = of(&enterprise, agent, &call).map_err(|refusal| asked.refuse(refusal))?;
    asked.tell(notes::one(&asked.desk, &of).await)
}

/// 写备注 / writes the agent's note about a call that it had, in the place of what was there; audited.
#[utoipa::path(
    put, path = "/api/v1/enterprises/{enterprise}/agents/{agent}/calls/{call}/note", tag = "agents",
    params(("enterprise" = String, Path), ("agent" = String, Path), ("call" = String, Path)),
    request_body = Written, security(("session" = ["take_calls"])),
    responses(
        (status = 200, description = "the note", body = Note),
        (status = 404, description = "`not_found`: the agent had no such call", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_value`: it is too long", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn put(
    asked: Asked,
    Path((enterprise, agent, call)): Path<(String, String, String)>,
    Body(Written { text }): Body<Written>,
) -> Result<axum::Json<Note>, Refused> {
    let of = of(&enterprise, agent, &call).map_err(|refusal| asked.refuse(refusal))?;
    asked.tell(notes::put(&asked.desk, &of, &text, &asked.person.login).await)
}

fn of(enterprise: &str, agent: String, call: &str) -> Outcome<Of> {
    let call = call
        .parse()
        .map_err(|_| Refusal::not_found(format!("没有通话 {call}"), format!("there is no call {call}")))?;
    Ok(Of { tenant: TenantId::new(enterprise), call, agent })
}
