//! Requests of callers to be called back (rows Q15, K07): listed, seen to by name, and numbers that want none.

use hotline::{CallId, TenantId};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::calls::value;
use super::{Asked, Body, Path, Problem, Refused, Words};
use crate::ops::callbacks::{self, End, List, Listed, Stop, Stopped};
use crate::ops::{Outcome, Refusal};

/// Which requests.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// In this state: `waiting`, `done`, `cancelled`, `stopped`, `given_up`.
    state: Option<String>,
    /// Behind the request of this call: where the page before ended.
    behind: Option<String>,
    /// At most; 100 unless said, 1000 at most.
    #[serde(default = "super::page_usual")]
    limit: u32,
}

impl Page {
    fn read(self, tenant: String) -> Outcome<List> {
        let (state, behind) = (value("state", self.state)?, value("behind", self.behind)?);
        Ok(List { tenant, state, behind, limit: self.limit })
    }
}

/// 回电请求 / requests to be called back, whoever has waited longest first.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/callbacks", tag = "messages",
    params(("enterprise" = String, Path), Page), security(("session" = ["see_to_messages"])),
    responses(
        (status = 200, description = "a page", body = Vec<Listed>),
        (status = 422, description = "`invalid_value`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    asked: Asked,
    Path(enterprise): Path<String>,
    Words(page): Words<Page>,
) -> Result<axum::Json<Vec<Listed>>, Refused> {
    let list = page.read(enterprise).map_err(|refusal| asked.refuse(refusal))?;
    asked.tell(callbacks::list(&asked.desk, &list).await)
}

/// 一个回电请求 / the request of one call.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/callbacks/{call}", tag = "messages",
    params(("enterprise" = String, Path), ("call" = String, Path)), security(("session" = ["see_to_messages"])),
    responses(
        (status = 200, description = "the request", body = Listed),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn one(
    asked: Asked,
    Path((enterprise, call)): Path<(String, String)>,
) -> Result<axum::Json<Listed>, Refused> {
    let read = async { callbacks::one(&asked.desk, &TenantId::new(&enterprise), id(&call)?).await };
    asked.tell(read.await)
}

/// How a request ends.
#[derive(Deserialize, ToSchema)]
#[schema(as = CallbackEnd)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// Somebody has called back.
    Done {
        /// Who.
        name: String,
    },
    /// Nobody is to call back.
    Cancelled {
        /// Who says so.
        name: String,
    },
}

/// 已回电、取消 / ends a request that waits or was given up: `{"done": {"name": "王芳"}}` or `{"cancelled": {"name": "王芳"}}`; audited.
#[utoipa::path(
    put, path = "/api/v1/enterprises/{enterprise}/callbacks/{call}/state", tag = "messages",
    params(("enterprise" = String, Path), ("call" = String, Path)), request_body = Ended,
    security(("session" = ["see_to_messages"])),
    responses(
        (status = 200, description = "the request", body = Listed),
        (status = 404, description = "`not_found`: no request of that call waits", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_value`: without a name nothing ends", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn step(
    asked: Asked,
    Path((enterprise, call)): Path<(String, String)>,
    Body(ended): Body<Ended>,
) -> Result<axum::Json<Listed>, Refused> {
    asked.tell(stepped(&asked, &enterprise, &call, ended).await)
}

async fn stepped(asked: &Asked, enterprise: &str, call: &str, ended: Ended) -> Outcome<Listed> {
    let (tenant, call, by) = (TenantId::new(enterprise), id(call)?, asked.person.login.clone());
    let (done, name) = match ended {
        Ended::Done { name } => (true, name),
        Ended::Cancelled { name } => (false, name),
    };
    callbacks::end(&asked.desk, &End { tenant: tenant.clone(), call, done, name, by }).await?;
    callbacks::one(&asked.desk, &tenant, call).await
}

fn id(call: &str) -> Outcome<CallId> {
    let none = |_| {
        Refusal::not_found(
            format!("通话 {call} 没有回电请求"),
            format!("the call {call} asked for no callback"),
        )
    };
    call.parse().map_err(none)
}

/// Whether a number wants no callbacks.
#[derive(Deserialize, ToSchema)]
pub struct CallbackStop {
    /// The number, a mobile or a landline.
    number: String,
    /// Whether it is put on the list; else it is taken off.
    on: bool,
}

/// 禁拨名单 / puts a number on the stop list, with what waits for it, or takes it off (row K07); audited.
#[utoipa::path(
    post, path = "/api/v1/enterprises/{enterprise}/callback-stops", tag = "messages",
    params(("enterprise" = String, Path)), request_body = CallbackStop,
    security(("session" = ["see_to_messages"])),
    responses(
        (status = 200, description = "how it stands", body = Stopped),
        (status = 404, description = "`not_found`: it is not on the list", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_value`: nobody could be called there", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn stop(
    asked: Asked,
    Path(enterprise): Path<String>,
    Body(CallbackStop { number, on }): Body<CallbackStop>,
) -> Result<axum::Json<Stopped>, Refused> {
    let (tenant, by) = (TenantId::new(&enterprise), asked.person.login.clone());
    asked.tell(callbacks::stop(&asked.desk, &Stop { tenant, number, on, by }).await)
}
