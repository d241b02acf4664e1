//! Service levels of queues, what agents did, and forecasts of the agents that queues need (rows Q10, Q12, Q26).

use hotline::Wall;
use hotline::calendar::{Date, NotADate};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Asked, Path, Problem, Refused, Words};
use crate::ops::Refusal;
use crate::ops::agent_report::{self, AGENTS_MAX, Page};
use crate::ops::forecast::{self, Forecast};
use crate::ops::service::{self, Each, Service};

/// Which span of time.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Span {
    /// Of this queue; all unless said.
    queue: Option<String>,
    /// Joined at or after: milliseconds since 1970-01-01 UTC; from the midnight in Beijing that began today unless said.
    since_ms: Option<i64>,
    /// Joined before; until now unless said.
    until_ms: Option<i64>,
    /// Each `day` or `hour` by itself, in Beijing.
    #[param(inline)]
    each: Option<Each>,
}

/// 服务水平 / what became of the calls of queues, with the service level and its formula (row Q12).
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/service-level", tag = "agents",
    params(("enterprise" = String, Path), Span), security(("session" = ["read_calls"])),
    responses(
        (status = 200, description = "by queue and time", body = Vec<Service>),
        (status = 404, description = "`not_found`: there is no such queue", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_value`: the span is none, or too long", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn read(
    asked: Asked,
    Path(enterprise): Path<String>,
    Words(span): Words<Span>,
) -> Result<axum::Json<Vec<Service>>, Refused> {
    let Span { queue, since_ms, until_ms, each } = span;
    let (since, until) = (since_ms.map(Wall), until_ms.map(Wall));
    asked.tell(
        service::report(&asked.desk, &service::Asked { tenant: enterprise, queue, since, until, each }).await,
    )
}

/// Which agents, and which span of time.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Agents {
    /// Of this agent, by number; all unless said.
    agent: Option<String>,
    /// From when on: milliseconds since 1970-01-01 UTC; from the midnight in Beijing that began today unless said.
    since_ms: Option<i64>,
    /// Until when; until now unless said.
    until_ms: Option<i64>,
    /// Each `day` or `hour` by itself, in Beijing.
    #[param(inline)]
    each: Option<Each>,
    /// Agents behind this number: `next` of the page before.
    behind: Option<String>,
    /// Agents of a page; 100 unless said, and at most.
    limit: Option<u32>,
}

/// 坐席工作报表 / what agents did: time logged in by states, rests by reason, calls that rang (rows Q10, Q25).
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/agent-report", tag = "agents",
    params(("enterprise" = String, Path), Agents), security(("session" = ["watch_live"])),
    responses(
        (status = 200, description = "a page, by agent and time", body = Page),
        (status = 404, description = "`not_found`: there is no such agent", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_value`: the span is none, or too long", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn agents(
    asked: Asked,
    Path(tenant): Path<String>,
    Words(which): Words<Agents>,
) -> Result<axum::Json<Page>, Refused> {
    let Agents { agent, since_ms, until_ms, each, behind, limit } = which;
    let (since, until) = (since_ms.map(Wall), until_ms.map(Wall));
    let limit = limit.unwrap_or(AGENTS_MAX);
    let question = agent_report::Asked { tenant, agent, since, until, each, behind, limit };
    asked.tell(agent_report::report(&asked.desk, &question).await)
}

/// Which day.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Day {
    /// The day in Beijing, such as `2026-10-12`.
    date: String,
    /// The same weekday of so many weeks before, 1 to 12; 4 unless said.
    weeks: Option<u8>,
    /// How long a call keeps an agent, seconds; as measured unless said.
    handling_s: Option<u32>,
}

/// 来电预测 / expected calls of a queue on a day and the agents needed by Erlang C, each quarter of an hour with its inputs (row Q26).
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/queues/{queue}/forecast", tag = "agents",
    params(("enterprise" = String, Path), ("queue" = String, Path), Day), security(("session" = ["read_calls"])),
    responses(
        (status = 200, description = "the day", body = Forecast),
        (status = 404, description = "`not_found`: there is no such queue", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_value`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn forecast(
    asked: Asked,
    Path((tenant, queue)): Path<(String, String)>,
    Words(day): Words<Day>,
) -> Result<axum::Json<Forecast>, Refused> {
    let Day { date, weeks, handling_s } = day;
    let date = date_of(&asked, &date)?;
    let weeks = weeks.unwrap_or(forecast::WEEKS);
    let question = forecast::Asked { tenant, queue, date, weeks, handling_s };
    asked.tell(forecast::forecast(&asked.desk, &question).await)
}

/// A date as a question has it.
pub(super) fn date_of(asked: &Asked, text: &str) -> Result<Date, Refused> {
    text.parse().map_err(|error: NotADate| {
        let zh = format!("{} 不是日期；请写 2026-10-12", error.0);
        asked.refuse(Refusal::invalid(zh, error.to_string()))
    })
}
