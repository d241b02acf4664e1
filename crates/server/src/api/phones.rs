//! An agent's phone in a page.

use hotline::TenantId;

use super::{Asked, Path, Problem, Refused};
use crate::ops::phones::{self, Borrow, LentPhone};

/// 网页话机 / what a page registers an agent's phone with, for an hour.
#[utoipa::path(
    post, path = "/api/v1/enterprises/{enterprise}/agents/{agent}/phone", tag = "agents",
    params(("enterprise" = String, Path), ("agent" = String, Path)), security(("session" = ["take_calls"])),
    responses(
        (status = 200, description = "a name and a password of its own; told once", body = LentPhone),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`no_phone`: the agent answers on a mobile and has no SIP phone", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn borrow(
    asked: Asked,
    Path((enterprise, agent)): Path<(String, String)>,
) -> Result<axum::Json<LentPhone>, Refused> {
    let borrow = Borrow { tenant: TenantId::new(&enterprise), agent };
    asked.tell(phones::borrow(&asked.desk, &borrow).await)
}
