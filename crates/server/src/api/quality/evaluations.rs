//! Evaluations (row Q19): reviewers write them, supervisors decide about appeals, agents see their own, machines say their word.

use hotline::TenantId;
use hotline::quality::Sheet;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::super::calls::value;
use super::super::{Asked, Body, Path, Problem, Refused, Words};
use crate::ops::quality::evaluations::{self, Decision, Filter, Listed, Open, Prescore, Which, Who, Whole};
use crate::ops::{Code, Outcome, Refusal};

/// Which evaluations.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// `human`, `machine` or `calibration`.
    kind: Option<String>,
    /// `open`, `submitted`, `acknowledged`, `appealed`, `upheld`, `changed`.
    state: Option<String>,
    /// Of this agent.
    agent: Option<String>,
    /// Of this queue.
    queue: Option<String>,
    /// By this form.
    form: Option<String>,
    /// Of this reviewer.
    reviewer: Option<String>,
    /// Of this call.
    call: Option<String>,
    /// Of calls from this instant's week on; milliseconds since 1970.
    since_ms: Option<i64>,
    /// Of calls up to this instant's week.
    until_ms: Option<i64>,
    /// Older than this one: where the page before ended.
    older_than: Option<u32>,
    /// At most; 100 unless said, 1000 at most.
    #[serde(default = "super::super::page_usual")]
    limit: u32,
}

impl Page {
    fn read(self, enterprise: &str) -> Outcome<Filter> {
        Ok(Filter {
            tenant: enterprise.to_owned(),
            kind: value("kind", self.kind)?,
            state: value("state", self.state)?,
            submitted: false,
            agent: self.agent,
            queue: self.queue,
            form: self.form,
            reviewer: self.reviewer,
            call: value("call", self.call)?,
            since: self.since_ms.map(hotline::Wall),
            until: self.until_ms.map(hotline::Wall),
            older_than: self.older_than,
            limit: self.limit,
        })
    }
}

fn who(asked: &Asked) -> Who {
    Who { login: asked.person.login.clone(), agent: asked.person.agent.clone() }
}

fn which(enterprise: &str, evaluation: u32) -> Which {
    Which { tenant: TenantId::new(enterprise), evaluation }
}

/// 评分列表 / evaluations, the latest first. A draft's score, and a calibration's until all are in, are its reviewer's alone.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/quality/evaluations", tag = "quality",
    params(("enterprise" = String, Path), Page), security(("session" = ["quality"])),
    responses(
        (status = 200, description = "a page", body = Vec<Listed>),
        (status = 422, description = "`invalid_value`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    asked: Asked,
    Path(enterprise): Path<String>,
    Words(page): Words<Page>,
) -> Result<axum::Json<Vec<Listed>>, Refused> {
    let filter = page.read(&enterprise).map_err(|refusal| asked.refuse(refusal))?;
    asked.tell(evaluations::list(&asked.desk, &filter, Some(&asked.person.login)).await)
}

/// A call that is to be evaluated.
#[derive(Deserialize, ToSchema)]
pub struct NewEvaluation {
    /// The call.
    call: String,
    /// The form; its last published version.
    form: String,
}

/// 新建评分 / begins to evaluate a call; audited.
#[utoipa::path(
    post, path = "/api/v1/enterprises/{enterprise}/quality/evaluations", tag = "quality",
    params(("enterprise" = String, Path)), request_body = NewEvaluation, security(("session" = ["quality"])),
    responses(
        (status = 200, description = "begun", body = Whole),
        (status = 404, description = "`not_found`: no such call, or no such form was published", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`already_there`: the call has one", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_value`: no agent answered it; `second_person`: it is one's own", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn open(
    asked: Asked,
    Path(enterprise): Path<String>,
    Body(NewEvaluation { call, form }): Body<NewEvaluation>,
) -> Result<axum::Json<Whole>, Refused> {
    let call = super::call(&call).map_err(|refusal| asked.refuse(refusal))?;
    let open = Open { tenant: TenantId::new(&enterprise), call, form, reviewer: None };
    asked.tell(evaluations::open(&asked.desk, &open, &who(&asked)).await)
}

/// 评分详情 / an evaluation whole, with its form and every sheet that was submitted.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/quality/evaluations/{evaluation}", tag = "quality",
    params(("enterprise" = String, Path), ("evaluation" = u32, Path)), security(("session" = ["quality"])),
    responses(
        (status = 200, description = "the evaluation", body = Whole),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn one(
    asked: Asked,
    Path((enterprise, evaluation)): Path<(String, u32)>,
) -> Result<axum::Json<Whole>, Refused> {
    let of = which(&enterprise, evaluation);
    asked.tell(evaluations::one(&asked.desk, &of, Some(&asked.person.login)).await)
}

/// What a reviewer writes.
#[derive(Deserialize, ToSchema)]
pub struct EvaluationSheet {
    /// `answers` by the codes of their questions (`"yes"`, `"no"`, `"not_applicable"`, `{"scale": 4}`, `{"choice": "full"}`,
    /// `{"text": "…"}`), `notes` by question, `marks` (`{"second": 12, "note": "…"}`), `remark`.
    #[schema(value_type = Object)]
    sheet: Sheet,
    /// Whether it is done; else it is a draft.
    #[serde(default)]
    submit: bool,
}

/// 填写或提交评分 / writes an evaluation, or submits it; what is submitted changes by an appeal alone, and is audited.
#[utoipa::path(
    put, path = "/api/v1/enterprises/{enterprise}/quality/evaluations/{evaluation}/sheet", tag = "quality",
    params(("enterprise" = String, Path), ("evaluation" = u32, Path)), request_body = EvaluationSheet,
    security(("session" = ["quality"])),
    responses(
        (status = 200, description = "written", body = Whole),
        (status = 403, description = "`forbidden`: it is somebody else's", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`evaluation_state`: it was submitted", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_document`, with every problem; `second_person`: it is one's own call", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn write(
    asked: Asked,
    Path((enterprise, evaluation)): Path<(String, u32)>,
    Body(EvaluationSheet { sheet, submit }): Body<EvaluationSheet>,
) -> Result<axum::Json<Whole>, Refused> {
    let of = which(&enterprise, evaluation);
    asked.tell(evaluations::write(&asked.desk, &of, sheet, submit, &who(&asked)).await)
}

/// Who goes on.
#[derive(Deserialize, ToSchema)]
pub struct NewReviewer {
    /// The account.
    reviewer: String,
}

/// 转给他人评分 / gives an evaluation that is not submitted to somebody else; audited.
#[utoipa::path(
    put, path = "/api/v1/enterprises/{enterprise}/quality/evaluations/{evaluation}/reviewer", tag = "quality",
    params(("enterprise" = String, Path), ("evaluation" = u32, Path)), request_body = NewReviewer,
    security(("session" = ["lead_quality"])),
    responses(
        (status = 200, description = "given", body = Whole),
        (status = 409, description = "`evaluation_state`: it was submitted; `already_there`: the account has a part in the same calibration", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_value`: the account may not evaluate; `second_person`: it is its own call", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn assign(
    asked: Asked,
    Path((enterprise, evaluation)): Path<(String, u32)>,
    Body(NewReviewer { reviewer }): Body<NewReviewer>,
) -> Result<axum::Json<Whole>, Refused> {
    let of = which(&enterprise, evaluation);
    asked.tell(evaluations::assign(&asked.desk, &of, &reviewer, &asked.person.login).await)
}

/// 裁定申诉 / decides about an appeal: upheld, or changed by a new sheet beside which the old one is kept; audited.
#[utoipa::path(
    post, path = "/api/v1/enterprises/{enterprise}/quality/evaluations/{evaluation}/decision", tag = "quality",
    params(("enterprise" = String, Path), ("evaluation" = u32, Path)), request_body = Decision,
    security(("session" = ["lead_quality"])),
    responses(
        (status = 200, description = "decided", body = Whole),
        (status = 409, description = "`evaluation_state`: nobody appealed, or it was decided", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`second_person`: who evaluated does not decide; `invalid_value`: without a reason", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn decide(
    asked: Asked,
    Path((enterprise, evaluation)): Path<(String, u32)>,
    Body(decision): Body<Decision>,
) -> Result<axum::Json<Whole>, Refused> {
    let of = which(&enterprise, evaluation);
    asked.tell(evaluations::decide(&asked.desk, &of, decision, &who(&asked)).await)
}

/// What a machine says of a call.
#[derive(Deserialize, ToSchema)]
pub struct NewPrescore {
    /// The call.
    call: String,
    /// The form.
    form: String,
    /// Its version; the last published one unless said.
    version: Option<u32>,
    /// As a reviewer's.
    #[schema(value_type = Object)]
    sheet: Sheet,
}

/// 机器预评分 / what a machine says of a call, under its account's name. It is marked `machine`, and a person's word counts
/// before it whichever came first.
#[utoipa::path(
    post, path = "/api/v1/enterprises/{enterprise}/quality/prescores", tag = "quality",
    params(("enterprise" = String, Path)), request_body = NewPrescore, security(("session" = ["prescore"])),
    responses(
        (status = 200, description = "taken", body = Listed),
        (status = 409, description = "`already_there`: this machine has said it before", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_document`, with every problem", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn prescore(
    asked: Asked,
    Path(enterprise): Path<String>,
    Body(NewPrescore { call, form, version, sheet }): Body<NewPrescore>,
) -> Result<axum::Json<Listed>, Refused> {
    let call = super::call(&call).map_err(|refusal| asked.refuse(refusal))?;
    let (machine, by) = (asked.person.login.clone(), asked.person.login.clone());
    let told = Prescore { tenant: TenantId::new(&enterprise), call, form, version, sheet, machine, by };
    asked.tell(evaluations::prescore(&asked.desk, &told).await)
}

/// Which page.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OwnPage {
    /// Older than this one: where the page before ended.
    older_than: Option<u32>,
    /// At most; 100 unless said, 1000 at most.
    #[serde(default = "super::super::page_usual")]
    limit: u32,
}

/// 坐席自己的评分 / what people submitted about an agent's calls, the latest first.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/agents/{agent}/evaluations", tag = "quality",
    params(("enterprise" = String, Path), ("agent" = String, Path), OwnPage),
    security(("session" = ["take_calls"])),
    responses((status = 200, description = "a page", body = Vec<Listed>))
)]
pub async fn list_own(
    asked: Asked,
    Path((tenant, agent)): Path<(String, String)>,
    Words(OwnPage { older_than, limit }): Words<OwnPage>,
) -> Result<axum::Json<Vec<Listed>>, Refused> {
    let kind = Some(store::EvaluationKind::Human);
    let filter =
        Filter { tenant, kind, submitted: true, agent: Some(agent), older_than, limit, ..Filter::default() };
    asked.tell(evaluations::list(&asked.desk, &filter, None).await)
}

/// 坐席自己的一份评分 / what a person submitted about a call of the agent.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/agents/{agent}/evaluations/{evaluation}", tag = "quality",
    params(("enterprise" = String, Path), ("agent" = String, Path), ("evaluation" = u32, Path)),
    security(("session" = ["take_calls"])),
    responses(
        (status = 200, description = "the evaluation", body = Whole),
        (status = 404, description = "`not_found`: there is none of the agent that was submitted", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn one_own(
    asked: Asked,
    Path((enterprise, agent, evaluation)): Path<(String, String, u32)>,
) -> Result<axum::Json<Whole>, Refused> {
    asked.tell(evaluations::own(&asked.desk, &which(&enterprise, evaluation), &agent).await)
}

/// What the agent says.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EvaluationAnswer {
    /// It takes note of it.
    Acknowledge,
    /// It does not agree.
    Appeal {
        /// Why.
        reason: String,
    },
}

/// 坐席确认或申诉 / the agent takes note, or appeals once within the days of the rule; by the agent itself alone, and audited.
#[utoipa::path(
    post, path = "/api/v1/enterprises/{enterprise}/agents/{agent}/evaluations/{evaluation}/answer", tag = "quality",
    params(("enterprise" = String, Path), ("agent" = String, Path), ("evaluation" = u32, Path)),
    request_body = EvaluationAnswer, security(("session" = ["take_calls"])),
    responses(
        (status = 200, description = "taken", body = Whole),
        (status = 403, description = "`forbidden`: somebody else answers", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`evaluation_state`: it was answered; `appeal_over`: the days are over", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_value`: without a reason", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn answer(
    asked: Asked,
    Path((enterprise, agent, evaluation)): Path<(String, String, u32)>,
    Body(answer): Body<EvaluationAnswer>,
) -> Result<axum::Json<Whole>, Refused> {
    if asked.person.agent.as_ref() != Some(&agent) {
        let (zh, en) = ("只有坐席本人可以确认或申诉", "only the agent itself takes note or appeals");
        return Err(asked.refuse(Refusal::new(Code::Forbidden, zh, en)));
    }
    let reason = match &answer {
        EvaluationAnswer::Acknowledge => None,
        EvaluationAnswer::Appeal { reason } => Some(reason.as_str()),
    };
    let of = which(&enterprise, evaluation);
    asked.tell(evaluations::answer(&asked.desk, &of, &agent, reason, &asked.person.login).await)
}
