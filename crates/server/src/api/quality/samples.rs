//! Rules by which calls are drawn for evaluation, the draws, and the report (row Q19).

use hotline::{TenantId, Wall};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::super::calls::value;
use super::super::{Asked, Body, Path, Problem, Refused, Words};
use super::place;
use crate::ops::quality::report::{self, Row};
use crate::ops::quality::samples::{self, Draw, Drawn, ListDraws, ListRules, PutRule, Rule};

/// Which page of rules.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RulePage {
    /// Behind the rule of this name: where the page before ended.
    behind: Option<String>,
    /// At most; 100 unless said, 1000 at most.
    #[serde(default = "super::super::page_usual")]
    limit: u32,
}

/// 抽样规则 / the rules, by name.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/quality/rules", tag = "quality",
    params(("enterprise" = String, Path), RulePage), security(("session" = ["quality"])),
    responses((status = 200, description = "a page", body = Vec<Rule>))
)]
pub async fn rules(
    asked: Asked,
    Path(enterprise): Path<String>,
    Words(RulePage { behind, limit }): Words<RulePage>,
) -> Result<axum::Json<Vec<Rule>>, Refused> {
    let list = ListRules { tenant: TenantId::new(&enterprise), behind, limit };
    asked.tell(samples::rules(&asked.desk, &list).await)
}

/// A rule to be checked or kept.
#[derive(Deserialize, ToSchema)]
pub struct NewSampleRule {
    /// The rule, as YAML or JSON.
    text: String,
    /// Whether it is kept in the place of the one of its name; else it is only checked.
    apply: bool,
}

/// 检查或保存抽样规则 / checks a rule or keeps it; audited.
#[utoipa::path(
    put, path = "/api/v1/enterprises/{enterprise}/quality/rules", tag = "quality",
    params(("enterprise" = String, Path)), request_body = NewSampleRule,
    security(("session" = ["lead_quality"])),
    responses(
        (status = 200, description = "checked or kept", body = Rule),
        (status = 404, description = "`not_found`: no such queue, or its form was not published", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_document`, with every problem; `invalid_value`: a reviewer may not evaluate", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn put_rule(
    asked: Asked,
    Path(enterprise): Path<String>,
    Body(NewSampleRule { text, apply }): Body<NewSampleRule>,
) -> Result<axum::Json<Rule>, Refused> {
    let (tenant, by) = (TenantId::new(&enterprise), asked.person.login.clone());
    asked.tell(samples::put(&asked.desk, &PutRule { tenant, text, apply, by }).await)
}

/// Which page of draws.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DrawPage {
    /// Behind the draw of a week by a rule, as `rule/2026-11-16`: where the page before ended.
    behind: Option<String>,
    /// At most; 100 unless said, 1000 at most.
    #[serde(default = "super::super::page_usual")]
    limit: u32,
}

/// 每周抽样 / the draws, the latest week first.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/quality/draws", tag = "quality",
    params(("enterprise" = String, Path), DrawPage), security(("session" = ["quality"])),
    responses(
        (status = 200, description = "a page", body = Vec<Drawn>),
        (status = 422, description = "`invalid_value`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn draws(
    asked: Asked,
    Path(enterprise): Path<String>,
    Words(DrawPage { behind, limit }): Words<DrawPage>,
) -> Result<axum::Json<Vec<Drawn>>, Refused> {
    let draw = |rule: &str, monday: &str| Some((monday.to_owned(), rule.to_owned()));
    let behind = place(behind.as_deref(), draw).map_err(|refusal| asked.refuse(refusal))?;
    let list = ListDraws { tenant: TenantId::new(&enterprise), behind, limit };
    asked.tell(samples::draws(&asked.desk, &list).await)
}

/// A week to be drawn from.
#[derive(Deserialize, ToSchema)]
pub struct NewSampleDraw {
    /// The rule.
    rule: String,
    /// An instant of the week, milliseconds since 1970; the last week that is over unless said.
    week_ms: Option<i64>,
}

/// 立即抽样 / draws a week that is over, unless it was drawn: a running platform does so by itself an hour after its end.
#[utoipa::path(
    post, path = "/api/v1/enterprises/{enterprise}/quality/draws", tag = "quality",
    params(("enterprise" = String, Path)), request_body = NewSampleDraw,
    security(("session" = ["lead_quality"])),
    responses(
        (status = 200, description = "the draw, made now or before", body = Drawn),
        (status = 404, description = "`not_found`: no such rule", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_value`: the week is not over", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn draw(
    asked: Asked,
    Path(enterprise): Path<String>,
    Body(NewSampleDraw { rule, week_ms }): Body<NewSampleDraw>,
) -> Result<axum::Json<Drawn>, Refused> {
    let draw = Draw { tenant: TenantId::new(&enterprise), rule, week: week_ms.map(Wall) };
    asked.tell(samples::draw(&asked.desk, &draw).await)
}

/// What the report is of.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReportWords {
    /// Of calls from this instant's week on, milliseconds since 1970; four weeks unless said.
    since_ms: Option<i64>,
    /// Of calls up to this instant's week; until now unless said.
    until_ms: Option<i64>,
    /// By this form.
    form: Option<String>,
    /// Of this agent.
    agent: Option<String>,
    /// Of this queue.
    queue: Option<String>,
    /// What a row is of: `agent` unless said, `queue`, `week`.
    by: Option<String>,
}

/// 质检报表 / how many were evaluated, their mean, who passed, what cost most; machines apart, beside people on the same calls.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/quality/report", tag = "quality",
    params(("enterprise" = String, Path), ReportWords), security(("session" = ["quality"])),
    responses(
        (status = 200, description = "a row each", body = Vec<Row>),
        (status = 422, description = "`invalid_value`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn report(
    asked: Asked,
    Path(tenant): Path<String>,
    Words(words): Words<ReportWords>,
) -> Result<axum::Json<Vec<Row>>, Refused> {
    let by = value("by", words.by).map_err(|refusal| asked.refuse(refusal))?.unwrap_or_default();
    let (since, until) = (words.since_ms.map(Wall), words.until_ms.map(Wall));
    let (form, agent, queue) = (words.form, words.agent, words.queue);
    let wanted = report::Asked { tenant, since, until, form, agent, queue, by };
    asked.tell(report::report(&asked.desk, &wanted).await)
}
