//! What came of a flow's shares (row I10).

use hotline::Wall;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Asked, Path, Problem, Refused, Words};
use crate::ops::arms::{self, Compare, Compared};

/// Which deals.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Deals {
    /// Of this version of the flow; of all unless said.
    version: Option<u32>,
    /// Dealt at or after: milliseconds since 1970-01-01 UTC.
    since_ms: Option<i64>,
    /// Dealt before.
    until_ms: Option<i64>,
}

/// 分流对比 / what came of the calls of each share of a percentage step, and whether the shares differ by more than chance.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/flows/{flow}/steps/{step}/arms", tag = "flows",
    params(("enterprise" = String, Path), ("flow" = String, Path), ("step" = String, Path), Deals),
    security(("session" = ["read_calls"])),
    responses(
        (status = 200, description = "the shares, none where no call was dealt one", body = Compared),
        (status = 404, description = "`not_found`: no such flow was ever published", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_value`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn compare(
    asked: Asked,
    Path((enterprise, flow, step)): Path<(String, String, String)>,
    Words(Deals { version, since_ms, until_ms }): Words<Deals>,
) -> Result<axum::Json<Compared>, Refused> {
    let (since, until) = (since_ms.map(Wall), until_ms.map(Wall));
    let compare = Compare { tenant: enterprise, flow, step, version, since, until };
    asked.tell(arms::compare(&asked.desk, &compare).await)
}
