//! Quality scoring (row Q19): forms here, evaluations in parts.

use hotline::{CallId, TenantId};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{Asked, Body, Path, Problem, Refused, Words};
use crate::ops::quality::{
    self, Checked, ListForms, OfForm, PublishForm, Published, PutForm, Shown, Version,
};
use crate::ops::{Outcome, Refusal};

pub mod calibrations;
pub mod evaluations;
pub mod samples;

/// A call as it is named.
fn call(text: &str) -> Outcome<CallId> {
    text.parse()
        .map_err(|_| Refusal::not_found(format!("没有通话 {text}"), format!("there is no call {text}")))
}

/// Which page of forms.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FormPage {
    /// Behind this version of a form, as `name/version`: where the page before ended.
    behind: Option<String>,
    /// At most; 100 unless said, 1000 at most.
    #[serde(default = "super::page_usual")]
    limit: u32,
}

/// What stands before and behind the last `/` of the place where a page begins.
fn place<T>(text: Option<&str>, read: impl Fn(&str, &str) -> Option<T>) -> Outcome<Option<T>> {
    let Some(text) = text else { return Ok(None) };
    let found = text.rsplit_once('/').and_then(|(before, behind)| read(before, behind));
    found.map(Some).ok_or_else(|| {
        Refusal::invalid(format!("behind：“{text}”无法读取"), format!("behind: {text:?} cannot be read"))
    })
}

/// 质检表列表 / forms with their versions, by name, the latest version first, the draft (version 0) last.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/quality/forms", tag = "quality",
    params(("enterprise" = String, Path), FormPage), security(("session" = ["read_forms"])),
    responses(
        (status = 200, description = "a page", body = Vec<Version>),
        (status = 422, description = "`invalid_value`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn forms(
    asked: Asked,
    Path(enterprise): Path<String>,
    Words(FormPage { behind, limit }): Words<FormPage>,
) -> Result<axum::Json<Vec<Version>>, Refused> {
    let version = |name: &str, version: &str| Some((name.to_owned(), version.parse().ok()?));
    let behind = place(behind.as_deref(), version).map_err(|refusal| asked.refuse(refusal))?;
    let list = ListForms { tenant: TenantId::new(&enterprise), behind, limit };
    asked.tell(quality::forms(&asked.desk, &list).await)
}

/// A form to be checked or kept.
#[derive(Deserialize, ToSchema)]
pub struct NewQualityForm {
    /// The form, as YAML or JSON.
    text: String,
    /// Whether it is kept as the draft of its name; else it is only checked.
    apply: bool,
}

/// 检查或保存质检表草稿 / checks a form or keeps it as a draft; audited.
#[utoipa::path(
    put, path = "/api/v1/enterprises/{enterprise}/quality/forms", tag = "quality",
    params(("enterprise" = String, Path)), request_body = NewQualityForm,
    security(("session" = ["lead_quality"])),
    responses(
        (status = 200, description = "checked or kept", body = Checked),
        (status = 422, description = "`invalid_document`, with every problem", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn put_form(
    asked: Asked,
    Path(enterprise): Path<String>,
    Body(NewQualityForm { text, apply }): Body<NewQualityForm>,
) -> Result<axum::Json<Checked>, Refused> {
    let (tenant, by) = (TenantId::new(&enterprise), asked.person.login.clone());
    asked.tell(quality::put_form(&asked.desk, &PutForm { tenant, text, apply, by }).await)
}

/// Which version.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FormVersion {
    /// 0 for the draft; the last published one unless said.
    version: Option<u32>,
}

/// 质检表 / a form whole.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/quality/forms/{form}", tag = "quality",
    params(("enterprise" = String, Path), ("form" = String, Path), FormVersion),
    security(("session" = ["read_forms"])),
    responses(
        (status = 200, description = "the form", body = Shown),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn form(
    asked: Asked,
    Path((enterprise, name)): Path<(String, String)>,
    Words(FormVersion { version }): Words<FormVersion>,
) -> Result<axum::Json<Shown>, Refused> {
    let tenant = TenantId::new(&enterprise);
    asked.tell(quality::form(&asked.desk, &OfForm { tenant, name, version }).await)
}

/// 发布质检表 / makes the draft of a form a version that never changes; audited.
#[utoipa::path(
    post, path = "/api/v1/enterprises/{enterprise}/quality/forms/{form}/publish", tag = "quality",
    params(("enterprise" = String, Path), ("form" = String, Path)),
    security(("session" = ["lead_quality"])),
    responses(
        (status = 200, description = "published, or the last version already", body = Published),
        (status = 404, description = "`not_found`: it has no draft", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn publish(
    asked: Asked,
    Path((enterprise, name)): Path<(String, String)>,
) -> Result<axum::Json<Published>, Refused> {
    let (tenant, by) = (TenantId::new(&enterprise), asked.person.login.clone());
    asked.tell(quality::publish_form(&asked.desk, &PublishForm { tenant, name, by }).await)
}
