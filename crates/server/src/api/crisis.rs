//! Crisis mode (row R22): a notice or one phone in front of every number of an enterprise, until an hour.

use hotline::enterprise::CrisisThen;
use hotline::{TenantId, Wall};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Asked, Body, Path, Problem, Refused};
use crate::ops::crisis::{self, Confirm, Crisis, Show, Standing, Switch};

/// 危机模式 / how the switch stands.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/crisis", tag = "enterprises",
    params(("enterprise" = String, Path)), security(("session" = ["read_setup"])),
    responses((status = 200, description = "the switch", body = Standing))
)]
pub async fn show(asked: Asked, Path(enterprise): Path<String>) -> Result<axum::Json<Standing>, Refused> {
    asked.tell(crisis::show(&asked.desk, &Show { tenant: TenantId::new(&enterprise) }).await)
}

/// What stands in front of the numbers.
#[derive(Deserialize, ToSchema)]
pub struct NewCrisis {
    /// Calls that come before this instant meet it: milliseconds since 1970-01-01 UTC.
    until_ms: i64,
    /// The notice's prompt; none is played unless said.
    notice: Option<String>,
    /// What follows the notice: `"go_on"` (the number's own rules), `"hang_up"`, or `{"dial": "13911112222"}` for one phone.
    #[schema(value_type = Object)]
    then: CrisisThen,
}

/// 启用 / switches it on from the next call on; where the enterprise wants two persons this only asks. Audited.
#[utoipa::path(
    put, path = "/api/v1/enterprises/{enterprise}/crisis", tag = "enterprises",
    params(("enterprise" = String, Path)), request_body = NewCrisis, security(("session" = ["change_setup"])),
    responses(
        (status = 200, description = "the switch; `asked` while a second person has to confirm", body = Standing),
        (status = 403, description = "`no_self_change`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`version_moved`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_value`: its hour has passed; `invalid_document`, with every problem", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn switch(
    asked: Asked,
    Path(enterprise): Path<String>,
    Body(NewCrisis { until_ms, notice, then }): Body<NewCrisis>,
) -> Result<axum::Json<Standing>, Refused> {
    let crisis = Some(Switch { until: Wall(until_ms), notice, then });
    set(&asked, &enterprise, crisis).await
}

/// 停用 / switches it off from the next call on; one person is enough. Audited.
#[utoipa::path(
    delete, path = "/api/v1/enterprises/{enterprise}/crisis", tag = "enterprises",
    params(("enterprise" = String, Path)), security(("session" = ["change_setup"])),
    responses(
        (status = 200, description = "the switch", body = Standing),
        (status = 403, description = "`no_self_change`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`version_moved`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn end(asked: Asked, Path(enterprise): Path<String>) -> Result<axum::Json<Standing>, Refused> {
    set(&asked, &enterprise, None).await
}

async fn set(
    asked: &Asked,
    enterprise: &str,
    crisis: Option<Switch>,
) -> Result<axum::Json<Standing>, Refused> {
    let (tenant, by) = (TenantId::new(enterprise), asked.person.login.clone());
    asked.tell(crisis::switch(&asked.desk, &Crisis { tenant, crisis, by }).await)
}

/// What is confirmed.
#[derive(Deserialize, ToSchema)]
pub struct ConfirmCrisis {
    /// The `request` of what was looked at: that one begins and no other.
    request: String,
}

/// 第二人确认 / begins the crisis that somebody else asked for; audited with both.
#[utoipa::path(
    post, path = "/api/v1/enterprises/{enterprise}/crisis/confirm", tag = "enterprises",
    params(("enterprise" = String, Path)), request_body = ConfirmCrisis, security(("session" = ["change_setup"])),
    responses(
        (status = 200, description = "the switch", body = Standing),
        (status = 403, description = "`no_self_change`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`: nobody asked for one", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`version_moved`: what waits is another request, or the document was changed meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`second_person`: the same person did; `invalid_value`: its hour has passed; `invalid_document`, with every problem", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn confirm(
    asked: Asked,
    Path(enterprise): Path<String>,
    Body(ConfirmCrisis { request }): Body<ConfirmCrisis>,
) -> Result<axum::Json<Standing>, Refused> {
    let (tenant, by) = (TenantId::new(&enterprise), asked.person.login.clone());
    asked.tell(crisis::confirm(&asked.desk, &Confirm { tenant, request, by }).await)
}
