//! Enterprises, their documents and their audit.

use hotline::TenantId;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{Asked, Body, Path, Problem, Refused, Words};
use crate::ops::enterprises::{self, Export, Exported, Import, Imported, Listed, Versions, Written};
use crate::ops::money::{self, Audit, Audited};
use crate::ops::{Code, Refusal};

/// Which page.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// Behind this enterprise: where the page before ended.
    after: Option<String>,
    /// At most; 100 unless said, 500 at most.
    #[serde(default = "super::page_usual")]
    limit: u32,
}

/// 企业列表 / enterprises, by id.
#[utoipa::path(
    get, path = "/api/v1/enterprises", tag = "enterprises", params(Page),
    security(("session" = ["list_enterprises"])),
    responses((status = 200, description = "a page", body = Vec<Listed>))
)]
pub async fn list(asked: Asked, Words(page): Words<Page>) -> Result<axum::Json<Vec<Listed>>, Refused> {
    let page =
        enterprises::Page { after: page.after.as_deref().map(TenantId::new), limit: page.limit.min(500) };
    asked.tell(enterprises::list(&asked.desk, &page).await)
}

/// Which version.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Version {
    /// An old version; the latest unless said.
    version: Option<u32>,
}

/// 企业文件 / the enterprise's document.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/document", tag = "enterprises",
    params(("enterprise" = String, Path), Version), security(("session" = ["read_setup"])),
    responses(
        (status = 200, description = "the document", body = Exported),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn document(
    asked: Asked,
    Path(enterprise): Path<String>,
    Words(Version { version }): Words<Version>,
) -> Result<axum::Json<Exported>, Refused> {
    let export = Export { tenant: TenantId::new(&enterprise), version };
    asked.tell(enterprises::export(&asked.desk, &export).await)
}

/// Which page of versions.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct VersionPage {
    /// Before this version: where the page before ended.
    before: Option<u32>,
    /// At most; 100 unless said, 1000 at most.
    #[serde(default = "super::page_usual")]
    limit: u32,
}

/// 企业文件的版本 / the versions of the enterprise's document, the latest first. To go back to one, read it and put its text.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/document/versions", tag = "enterprises",
    params(("enterprise" = String, Path), VersionPage), security(("session" = ["read_setup"])),
    responses((status = 200, description = "a page", body = Vec<Written>))
)]
pub async fn versions(
    asked: Asked,
    Path(enterprise): Path<String>,
    Words(VersionPage { before, limit }): Words<VersionPage>,
) -> Result<axum::Json<Vec<Written>>, Refused> {
    let versions = Versions { tenant: TenantId::new(&enterprise), before, limit };
    asked.tell(enterprises::versions(&asked.desk, &versions).await)
}

/// A document to be checked or taken in.
#[derive(Deserialize, ToSchema)]
pub struct NewDocument {
    /// The document, as YAML or JSON.
    text: String,
    /// Whether it is taken in; else it is only checked.
    apply: bool,
}

/// 检查或保存企业文件 / checks a document or takes it in.
#[utoipa::path(
    put, path = "/api/v1/enterprises/{enterprise}/document", tag = "enterprises",
    params(("enterprise" = String, Path)), request_body = NewDocument,
    security(("session" = ["change_setup"])),
    responses(
        (status = 200, description = "checked or taken in", body = Imported),
        (status = 409, description = "`version_moved`, `numbers_taken`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_document`, with every problem", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn put_document(
    asked: Asked,
    Path(enterprise): Path<String>,
    Body(NewDocument { text, apply }): Body<NewDocument>,
) -> Result<axum::Json<Imported>, Refused> {
    let by = asked.person.login.clone();
    let import = |apply| Import { text: text.clone(), apply, by: by.clone() };
    let checked = enterprises::import(&asked.desk, &import(false)).await;
    let checked = checked.map_err(|refusal| asked.refuse(refusal))?;
    if checked.tenant.as_str() != enterprise {
        let refusal = Refusal::new(
            Code::InvalidDocument,
            format!("文件属于企业 {}，不是 {enterprise}", checked.tenant),
            format!("the document is of {}, not of {enterprise}", checked.tenant),
        );
        return Err(asked.refuse(refusal));
    }
    asked.tell(match apply {
        true => enterprises::import(&asked.desk, &import(true)).await,
        false => Ok(checked),
    })
}

/// Which page of the audit.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuditPage {
    /// Older than this number: where the page before ended.
    before: Option<u64>,
    /// At most; 100 unless said, 500 at most.
    #[serde(default = "super::page_usual")]
    limit: u32,
}

/// 变更审计 / who changed what, the latest first.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/audit", tag = "enterprises",
    params(("enterprise" = String, Path), AuditPage), security(("session" = ["read_audit"])),
    responses((status = 200, description = "a page", body = Vec<Audited>))
)]
pub async fn audit(
    asked: Asked,
    Path(enterprise): Path<String>,
    Words(AuditPage { before, limit }): Words<AuditPage>,
) -> Result<axum::Json<Vec<Audited>>, Refused> {
    let page = Audit { tenant: TenantId::new(&enterprise), before, limit: limit.min(500) };
    asked.tell(money::audit(&asked.desk, &page).await)
}
