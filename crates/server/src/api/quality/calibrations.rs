//! Calibration (row Q19): a call for several reviewers, what they said side by side, and how far each two agree.

use hotline::TenantId;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::super::{Asked, Body, Path, Problem, Refused, Words};
use crate::ops::quality::calibrations::{self, Agreed, Filter, Open, Shown, Which};

/// Which calibrations.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// By this form.
    form: Option<String>,
    /// Older than this one: where the page before ended.
    older_than: Option<u32>,
    /// At most; 100 unless said, 100 at most.
    #[serde(default = "super::super::page_usual")]
    limit: u32,
}

/// 校准列表 / calibrations, the latest first; what was said is there once all are in.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/quality/calibrations", tag = "quality",
    params(("enterprise" = String, Path), Page), security(("session" = ["quality"])),
    responses((status = 200, description = "a page", body = Vec<Shown>))
)]
pub async fn list(
    asked: Asked,
    Path(tenant): Path<String>,
    Words(Page { form, older_than, limit }): Words<Page>,
) -> Result<axum::Json<Vec<Shown>>, Refused> {
    asked.tell(calibrations::list(&asked.desk, &Filter { tenant, form, older_than, limit }).await)
}

/// A call for several reviewers.
#[derive(Deserialize, ToSchema)]
pub struct NewCalibration {
    /// The call.
    call: String,
    /// The form; its last published version.
    form: String,
    /// The accounts, 2 to 10.
    reviewers: Vec<String>,
}

/// 发起校准 / gives a call to several reviewers, who see nothing of each other until all are in; audited.
#[utoipa::path(
    post, path = "/api/v1/enterprises/{enterprise}/quality/calibrations", tag = "quality",
    params(("enterprise" = String, Path)), request_body = NewCalibration,
    security(("session" = ["lead_quality"])),
    responses(
        (status = 200, description = "given", body = Shown),
        (status = 404, description = "`not_found`: no such call, or no such form was published", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_value`: too few, or one that may not evaluate; `second_person`: it is the call of one", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn open(
    asked: Asked,
    Path(enterprise): Path<String>,
    Body(NewCalibration { call, form, reviewers }): Body<NewCalibration>,
) -> Result<axum::Json<Shown>, Refused> {
    let call = super::call(&call).map_err(|refusal| asked.refuse(refusal))?;
    let (tenant, by) = (TenantId::new(&enterprise), asked.person.login.clone());
    asked.tell(calibrations::open(&asked.desk, &Open { tenant, call, form, reviewers, by }).await)
}

/// 一次校准 / a calibration, with what was said side by side once all are in.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/quality/calibrations/{calibration}", tag = "quality",
    params(("enterprise" = String, Path), ("calibration" = u32, Path)), security(("session" = ["quality"])),
    responses(
        (status = 200, description = "the calibration", body = Shown),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn one(
    asked: Asked,
    Path((enterprise, calibration)): Path<(String, u32)>,
) -> Result<axum::Json<Shown>, Refused> {
    let of = Which { tenant: TenantId::new(&enterprise), calibration };
    asked.tell(calibrations::one(&asked.desk, &of).await)
}

/// 评分人一致性 / how far each two reviewers agree about each question of a form: the share of equal answers, and Cohen's kappa
/// with its n; over the latest 1000 calibrations that all are in.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/quality/forms/{form}/agreement", tag = "quality",
    params(("enterprise" = String, Path), ("form" = String, Path)), security(("session" = ["quality"])),
    responses((status = 200, description = "a row each question and two reviewers", body = Vec<Agreed>))
)]
pub async fn compare(
    asked: Asked,
    Path((tenant, form)): Path<(String, String)>,
) -> Result<axum::Json<Vec<Agreed>>, Refused> {
    let filter = Filter { tenant, form: Some(form), ..Filter::default() };
    asked.tell(calibrations::compare(&asked.desk, &filter).await)
}
