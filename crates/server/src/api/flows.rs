//! Flows (rows I08, I09, R26): drafts, what is wrong with them, versions that never change, and which of them calls walk; and
//! what came of a flow's shares (row I10).

use hotline::{HotlineNumber, TenantId, Wall};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::calls::value;
use super::{Asked, Body, Path, Problem, Refused, Words};
use crate::ops::arms::{self, Compare, Compared};
use crate::ops::enterprises::Difference;
use crate::ops::flows::{
    self, Checked, Diff, List, Listed, Of, Publish, Published, Put, Rollback, Shown, Version, Versions,
};
use crate::ops::funnel::{self, Funnelled};

/// Which page of flows.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// Behind this flow: where the page before ended.
    behind: Option<String>,
    /// At most; 100 unless said, 1000 at most.
    #[serde(default = "super::page_usual")]
    limit: u32,
}

/// 流程列表 / flows, drafts and published ones, by name.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/flows", tag = "flows",
    params(("enterprise" = String, Path), Page), security(("session" = ["read_setup"])),
    responses((status = 200, description = "a page", body = Vec<Listed>))
)]
pub async fn list(
    asked: Asked,
    Path(enterprise): Path<String>,
    Words(Page { behind, limit }): Words<Page>,
) -> Result<axum::Json<Vec<Listed>>, Refused> {
    let list = List { tenant: TenantId::new(&enterprise), behind, limit };
    asked.tell(flows::list(&asked.desk, &list).await)
}

/// A draft.
#[derive(Deserialize, ToSchema)]
pub struct NewFlowDraft {
    /// The flow, as JSON or YAML; its `name` says whose draft it is.
    text: String,
    /// The `mark` of the draft that it was made from, empty where there was none: refused where somebody else changed the draft
    /// meanwhile. Not looked at unless said.
    base: Option<String>,
}

/// 保存草稿并检查 / keeps a draft, right or not, and says what is wrong with it; audited.
#[utoipa::path(
    put, path = "/api/v1/enterprises/{enterprise}/flows", tag = "flows",
    params(("enterprise" = String, Path)), request_body = NewFlowDraft,
    security(("session" = ["change_setup"])),
    responses(
        (status = 200, description = "kept; what is wrong with it, and its saved cases", body = Checked),
        (status = 403, description = "`no_self_change`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`version_moved`: the draft is another than `base`; nothing is kept", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_document`, `invalid_value`: it is no document or has no name; nothing is kept", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn put(
    asked: Asked,
    Path(enterprise): Path<String>,
    Body(NewFlowDraft { text, base }): Body<NewFlowDraft>,
) -> Result<axum::Json<Checked>, Refused> {
    let (tenant, by) = (TenantId::new(&enterprise), asked.person.login.clone());
    asked.tell(flows::put(&asked.desk, &Put { tenant, text, base, by }).await)
}

/// Which version.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OfVersion {
    /// A published version; the draft unless said.
    version: Option<u32>,
}

fn of(enterprise: &str, name: String, version: Option<u32>) -> Of {
    Of { tenant: TenantId::new(enterprise), name, version }
}

/// 流程 / a flow's text: a draft as it was written, a version as JSON.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/flows/{flow}", tag = "flows",
    params(("enterprise" = String, Path), ("flow" = String, Path), OfVersion),
    security(("session" = ["read_setup"])),
    responses(
        (status = 200, description = "the text", body = Shown),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn one(
    asked: Asked,
    Path((enterprise, name)): Path<(String, String)>,
    Words(OfVersion { version }): Words<OfVersion>,
) -> Result<axum::Json<Shown>, Refused> {
    asked.tell(flows::show(&asked.desk, &of(&enterprise, name, version)).await)
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

/// 流程版本 / the versions that were published, the latest first, with who did it and when.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/flows/{flow}/versions", tag = "flows",
    params(("enterprise" = String, Path), ("flow" = String, Path), VersionPage),
    security(("session" = ["read_setup"])),
    responses(
        (status = 200, description = "a page", body = Vec<Version>),
        (status = 404, description = "`not_found`: it was never published", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn versions(
    asked: Asked,
    Path((enterprise, name)): Path<(String, String)>,
    Words(VersionPage { before, limit }): Words<VersionPage>,
) -> Result<axum::Json<Vec<Version>>, Refused> {
    let versions = Versions { tenant: TenantId::new(&enterprise), name, before, limit };
    asked.tell(flows::versions(&asked.desk, &versions).await)
}

/// 检查流程并运行测试用例 / what is wrong with a draft or a version, with the enterprise as it is now, and what became of its saved cases.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/flows/{flow}/check", tag = "flows",
    params(("enterprise" = String, Path), ("flow" = String, Path), OfVersion),
    security(("session" = ["read_setup"])),
    responses(
        (status = 200, description = "what is found", body = Checked),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn check(
    asked: Asked,
    Path((enterprise, name)): Path<(String, String)>,
    Words(OfVersion { version }): Words<OfVersion>,
) -> Result<axum::Json<Checked>, Refused> {
    asked.tell(flows::validate(&asked.desk, &of(&enterprise, name, version)).await)
}

/// Which two versions.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Two {
    /// The older; the one that calls walk unless said.
    from: Option<u32>,
    /// The newer; the draft unless said.
    to: Option<u32>,
}

/// 版本差别 / what differs between two versions, as lines a person reads.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/flows/{flow}/differences", tag = "flows",
    params(("enterprise" = String, Path), ("flow" = String, Path), Two),
    security(("session" = ["read_setup"])),
    responses(
        (status = 200, description = "all of them", body = Vec<Difference>),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_document`: a draft is no document", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn differences(
    asked: Asked,
    Path((enterprise, name)): Path<(String, String)>,
    Words(Two { from, to }): Words<Two>,
) -> Result<axum::Json<Vec<Difference>>, Refused> {
    let tenant = TenantId::new(&enterprise);
    asked.tell(flows::diff(&asked.desk, &Diff { tenant, name, from, to }).await)
}

/// Who walks what is published.
#[derive(Deserialize, ToSchema)]
pub struct FlowPublication {
    /// Numbers that walk it from now on, in place of their rules; those that walk the flow already stay on it.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    numbers: Vec<HotlineNumber>,
    /// The `mark` of the draft that was looked at: that one is published and no other. Whichever there is unless said.
    draft: Option<String>,
}

/// 发布 / makes the draft a version that never changes; the next call walks it, calls in progress finish on theirs. Audited.
#[utoipa::path(
    post, path = "/api/v1/enterprises/{enterprise}/flows/{flow}/publish", tag = "flows",
    params(("enterprise" = String, Path), ("flow" = String, Path)), request_body = FlowPublication,
    security(("session" = ["change_setup"])),
    responses(
        (status = 200, description = "published, or the version in use already", body = Published),
        (status = 403, description = "`no_self_change`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`: there is no draft, or no such number", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`version_moved`: the draft or the document was changed meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_document`, with every problem; `findings`, with the saved cases that fail", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn publish(
    asked: Asked,
    Path((enterprise, name)): Path<(String, String)>,
    Body(FlowPublication { numbers, draft }): Body<FlowPublication>,
) -> Result<axum::Json<Published>, Refused> {
    let (tenant, by) = (TenantId::new(&enterprise), asked.person.login.clone());
    asked.tell(flows::publish(&asked.desk, &Publish { tenant, name, numbers, draft, by }).await)
}

/// To which version.
#[derive(Deserialize, ToSchema)]
pub struct FlowRollback {
    /// A version that was published; the one before the one that is walked unless said.
    #[serde(default)]
    to: Option<u32>,
}

/// 回退 / walks a version that was published before, in one step, from the next call on. Audited.
#[utoipa::path(
    post, path = "/api/v1/enterprises/{enterprise}/flows/{flow}/rollback", tag = "flows",
    params(("enterprise" = String, Path), ("flow" = String, Path)), request_body = FlowRollback,
    security(("session" = ["change_setup"])),
    responses(
        (status = 200, description = "what calls walk now", body = Published),
        (status = 403, description = "`no_self_change`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`: there is no such version", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`version_moved`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_document`: calls cannot walk it with the enterprise as it is now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn rollback(
    asked: Asked,
    Path((enterprise, name)): Path<(String, String)>,
    Body(FlowRollback { to }): Body<FlowRollback>,
) -> Result<axum::Json<Published>, Refused> {
    let (tenant, by) = (TenantId::new(&enterprise), asked.person.login.clone());
    asked.tell(flows::rollback(&asked.desk, &Rollback { tenant, name, to, by }).await)
}

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

/// Which calls.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Walkers {
    /// That walked this version of the flow; any unless said.
    version: Option<u32>,
    /// To this 400 number; to all unless said.
    number: Option<String>,
    /// Begun at or after: milliseconds since 1970-01-01 UTC; 30 days before the end unless said.
    since_ms: Option<i64>,
    /// Begun before; until now unless said.
    until_ms: Option<i64>,
}

/// 流程漏斗 / how many calls came to each step of a flow, which keys they pressed, where they went on, and how those left who came no
/// further (row I14).
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/flows/{flow}/funnel", tag = "flows",
    params(("enterprise" = String, Path), ("flow" = String, Path), Walkers),
    security(("session" = ["read_calls"])),
    responses(
        (status = 200, description = "the steps, the most frequented first", body = Funnelled),
        (status = 404, description = "`not_found`: no such flow was ever published", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_value`: too many calls for one look, too", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn funnel(
    asked: Asked,
    Path((tenant, flow)): Path<(String, String)>,
    Words(Walkers { version, number, since_ms, until_ms }): Words<Walkers>,
) -> Result<axum::Json<Funnelled>, Refused> {
    let number = value("number", number).map_err(|refusal| asked.refuse(refusal))?;
    let (since, until) = (since_ms.map(Wall), until_ms.map(Wall));
    let question = funnel::Asked { tenant, flow, version, number, since, until };
    asked.tell(funnel::funnel(&asked.desk, &question).await)
}
