//! What an agent says came of its call (row Q09): what may be said, its word, and what was said of calls.

use hotline::{CallId, TenantId, Wall};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{Asked, Body, Path, Problem, Refused, Words};
use crate::ops::results::{self, Filter, Listed, Of, Summed};
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

/// Which results.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// Of this agent.
    agent: Option<String>,
    /// Of this queue.
    queue: Option<String>,
    /// This code and those below it.
    code: Option<String>,
    /// Given at or after: milliseconds since 1970-01-01 UTC.
    since_ms: Option<i64>,
    /// Given before.
    until_ms: Option<i64>,
}

/// Which page of results.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// Behind the result of this call and agent, as `call/agent`: where the page before ended.
    behind: Option<String>,
    /// At most; 100 unless said, 1000 at most.
    #[serde(default = "super::page_usual")]
    limit: u32,
}

impl Which {
    fn filter(self, tenant: String, behind: Option<(CallId, String)>, limit: u32) -> Filter {
        let (since, until) = (self.since_ms.map(Wall), self.until_ms.map(Wall));
        Filter { tenant, agent: self.agent, queue: self.queue, code: self.code, since, until, behind, limit }
    }
}

/// The call and the agent behind which a page begins.
fn place(text: &str) -> Outcome<(CallId, String)> {
    let read = text.split_once('/').and_then(|(call, agent)| Some((call.parse().ok()?, agent.to_owned())));
    read.ok_or_else(|| {
        Refusal::invalid(format!("behind：“{text}”无法读取"), format!("behind: {text:?} cannot be read"))
    })
}

/// 处理结果清单 / what agents said came of calls, the latest call first.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/results", tag = "calls",
    params(("enterprise" = String, Path), Which, Page), security(("session" = ["read_calls"])),
    responses(
        (status = 200, description = "a page", body = Vec<Listed>),
        (status = 422, description = "`invalid_value`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    asked: Asked,
    Path(enterprise): Path<String>,
    Words(which): Words<Which>,
    Words(Page { behind, limit }): Words<Page>,
) -> Result<axum::Json<Vec<Listed>>, Refused> {
    let behind = behind.as_deref().map(place).transpose().map_err(|refusal| asked.refuse(refusal))?;
    asked.tell(results::list(&asked.desk, &which.filter(enterprise, behind, limit)).await)
}

/// 处理结果报表 / how many calls came to what, by queue and code, and their share of the queue's.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/results/sums", tag = "calls",
    params(("enterprise" = String, Path), Which), security(("session" = ["read_calls"])),
    responses((status = 200, description = "the sums, by queue and code", body = Vec<Summed>))
)]
pub async fn sums(
    asked: Asked,
    Path(enterprise): Path<String>,
    Words(which): Words<Which>,
) -> Result<axum::Json<Vec<Summed>>, Refused> {
    asked.tell(results::sums(&asked.desk, &which.filter(enterprise, None, 0)).await)
}
