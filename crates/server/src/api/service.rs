//! Service levels of queues (row Q12).

use axum::extract::Path;
use hotline::Wall;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Asked, Problem, Refused, Words};
use crate::ops::service::{self, Each, Service};

/// Which span of time.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Span {
    /// Of this queue; all unless said.
    queue: Option<String>,
    /// Joined at or after: milliseconds since 1970-01-01 UTC.
    since_ms: i64,
    /// Joined before.
    until_ms: i64,
    /// Each `day` or `hour` by itself, in Beijing.
    #[param(inline)]
    by: Option<Each>,
}

/// 服务水平 / what became of the calls of queues, with the service level and its formula (row Q12).
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/service-level", tag = "agents",
    params(("enterprise" = String, Path), Span), security(("session" = ["read_calls"])),
    responses(
        (status = 200, description = "by queue and time", body = Vec<Service>),
        (status = 404, description = "`not_found`: there is no such queue", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_value`: the span is none, or too long", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn read(
    asked: Asked,
    Path(enterprise): Path<String>,
    Words(span): Words<Span>,
) -> Result<axum::Json<Vec<Service>>, Refused> {
    let Span { queue, since_ms, until_ms, by } = span;
    let (since, until) = (Wall(since_ms), Wall(until_ms));
    asked.tell(
        service::report(&asked.desk, &service::Asked { tenant: enterprise, queue, since, until, by }).await,
    )
}
