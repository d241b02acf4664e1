//! What an agent says came of its call (row Q09): what may be said, and its word.

use hotline::TenantId;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Asked, Body, Path, Problem, Refused};
use crate::ops::results::{self, Of};
use crate::ops::{Outcome, Refusal};

/// A result that is chosen.
#[derive(Deserialize, ToSchema)]
#[schema(as = ChosenResult)]
pub struct Chosen {
    /// Codes from the top of the tree down with `/` between them.
    code: String,
}

/// 处理结果 / what the agent may say of the call that it talks in or writes up, with the tree of its queue, and what it said.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/agents/{agent}/calls/{call}/result", tag = "agents",
    params(("enterprise" = String, Path), ("agent" = String, Path), ("call" = String, Path)),
    security(("session" = ["take_calls"])),
    responses(
        (status = 200, description = "what may be said", body = results::Asked),
        (status = 404, description = "`not_found`: nothing is awaited of the agent about such a call, or was", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn read(
    asked: Asked,
    Path((enterprise, agent, call)): Path<(String, String, String)>,
) -> Result<axum::Json<results::Asked>, Refused> {
    let of = of(&enterprise, agent, &call).map_err(|refusal| asked.refuse(refusal))?;
    asked.tell(results::one(&asked.desk, &of).await)
}

/// 选择处理结果 / chooses what came of the call, in the place of what was chosen before; audited.
#[utoipa::path(
    put, path = "/api/v1/enterprises/{enterprise}/agents/{agent}/calls/{call}/result", tag = "agents",
    params(("enterprise" = String, Path), ("agent" = String, Path), ("call" = String, Path)),
    request_body = Chosen, security(("session" = ["take_calls"])),
    responses(
        (status = 200, description = "what is chosen then", body = results::Asked),
        (status = 404, description = "`not_found`: the agent neither talks in such a call nor writes it up, or its queue asks for nothing", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_value`: the queue has no such result", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn put(
    asked: Asked,
    Path((enterprise, agent, call)): Path<(String, String, String)>,
    Body(Chosen { code }): Body<Chosen>,
) -> Result<axum::Json<results::Asked>, Refused> {
    let of = of(&enterprise, agent, &call).map_err(|refusal| asked.refuse(refusal))?;
    asked.tell(results::put(&asked.desk, &of, &code, &asked.person.login).await)
}

fn of(enterprise: &str, agent: String, call: &str) -> Outcome<Of> {
    let call = call
        .parse()
        .map_err(|_| Refusal::not_found(format!("没有通话 {call}"), format!("there is no call {call}")))?;
    Ok(Of { tenant: TenantId::new(enterprise), call, agent })
}
