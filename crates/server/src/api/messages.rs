//! Messages that went to people, or wait to: what became of each (rows V06, V08).

use hotline::TenantId;
use serde::Deserialize;
use utoipa::IntoParams;

use super::calls::value;
use super::paging::Paging;
use super::{Asked, Path, Problem, Refused, Words};
use crate::ops::Outcome;
use crate::ops::messages::{self, List, Listed};

/// Which messages.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// In this state: `waiting`, `sent`, `failed`, `refused`.
    state: Option<String>,
}

/// 短信和邮件 / messages to people, the latest first.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/messages", tag = "messages",
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
    let list = page.read(TenantId::new(&enterprise), &paging).map_err(|refusal| asked.refuse(refusal))?;
    asked.tell(messages::list(&asked.desk, &list).await)
}

impl Page {
    fn read(self, tenant: TenantId, paging: &Paging) -> Outcome<List> {
        let state = value("state", self.state)?;
        Ok(List { tenant: Some(tenant), state, older_than: paging.behind()?, limit: paging.limit })
    }
}
