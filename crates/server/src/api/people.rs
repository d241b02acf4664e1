//! People of an enterprise who sign in.

use hotline::TenantId;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{Asked, Body, Path, Problem, Refused, Words, forbidden};
use crate::access::Role;
use crate::ops::Refusal;
use crate::ops::accounts::{self, Add, Deed, FirstPassword, List, Mend, Mended, Row};

/// Which page.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// Behind this login: where the page before ended.
    #[serde(default)]
    after: String,
    /// At most; 100 unless said, 500 at most.
    #[serde(default = "super::page_usual")]
    limit: u32,
}

/// A person to be let in.
#[derive(Deserialize, ToSchema)]
pub struct NewAccount {
    /// 2 to 32 letters, digits or `-_.@`.
    login: String,
    /// The person's name.
    name: String,
    /// What the person is.
    role: Role,
    /// The agent that the person is, by its number in the enterprise's document.
    agent: Option<String>,
}

/// 账号列表 / accounts, by login.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/accounts", tag = "accounts",
    params(("enterprise" = String, Path), Page), security(("session" = ["manage_accounts"])),
    responses((status = 200, description = "a page", body = Vec<Row>))
)]
pub async fn list(
    asked: Asked,
    Path(enterprise): Path<String>,
    Words(page): Words<Page>,
) -> Result<axum::Json<Vec<Row>>, Refused> {
    let list = List { tenant: TenantId::new(&enterprise), after: page.after, limit: page.limit };
    asked.tell(accounts::list(&asked.desk, &list).await)
}

/// 新增账号 / lets a person in; the first password is told once.
#[utoipa::path(
    post, path = "/api/v1/enterprises/{enterprise}/accounts", tag = "accounts",
    params(("enterprise" = String, Path)), request_body = NewAccount,
    security(("session" = ["manage_accounts"])),
    responses(
        (status = 200, description = "made", body = FirstPassword),
        (status = 403, description = "nobody makes somebody above them", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`already_there`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn add(
    asked: Asked,
    Path(enterprise): Path<String>,
    Body(new): Body<NewAccount>,
) -> Result<axum::Json<FirstPassword>, Refused> {
    if !asked.person.role.may_appoint(new.role) {
        return Err(asked.refuse(forbidden()));
    }
    let NewAccount { login, name, role, agent } = new;
    let by = asked.person.login.clone();
    let add = Add { tenant: TenantId::new(&enterprise), login, name, role, agent, by };
    asked.tell(accounts::add(&asked.desk, &add).await)
}

/// 重置密码、停用、启用 / a new first password, or closed, or opened again.
#[utoipa::path(
    post, path = "/api/v1/enterprises/{enterprise}/accounts/{login}/{action}", tag = "accounts",
    params(("enterprise" = String, Path), ("login" = String, Path), ("action" = Deed, Path)),
    security(("session" = ["manage_accounts"])),
    responses(
        (status = 200, description = "done", body = Mended),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn mend(
    asked: Asked,
    Path((enterprise, login, deed)): Path<(String, String, Deed)>,
) -> Result<axum::Json<Mended>, Refused> {
    let (tenant, by) = (TenantId::new(&enterprise), asked.person.login.clone());
    if login == by && tenant == asked.person.tenant {
        let refusal = Refusal::invalid("不能对自己的账号这样做", "not with one's own account");
        return Err(asked.refuse(refusal));
    }
    let found = accounts::one(&asked.desk, &tenant, &login).await;
    let found = found.map_err(|refusal| asked.refuse(refusal))?;
    if !asked.person.role.may_appoint(found.role) {
        return Err(asked.refuse(forbidden()));
    }
    asked.tell(accounts::mend(&asked.desk, &Mend { tenant, login, deed, by }).await)
}
