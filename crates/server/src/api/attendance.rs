//! Attendance of agents, and how many of them are planned, there and needed over a day (row Q26).

use serde::Deserialize;
use utoipa::IntoParams;

use super::service::date_of;
use super::{Asked, Path, Problem, Refused, Words};
use crate::ops::attendance::{self, AGENTS_MAX, Coverage, CoverageAsked, Page};
use crate::ops::forecast;

/// Which agents, and which day.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// The day in Beijing, such as `2026-10-12`; today unless said.
    date: Option<String>,
    /// Of this agent, by number; all unless said.
    agent: Option<String>,
    /// Agents behind this number: `next` of the page before.
    behind: Option<String>,
    /// Agents of a page; 100 unless said, and at most.
    limit: Option<u32>,
}

/// 考勤 / how agents kept their shifts on a day: late, early, absent, rest, adherence = `worked_ms` ÷ `planned_ms` (row Q26).
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/attendance", tag = "agents",
    params(("enterprise" = String, Path), Which), security(("session" = ["watch_live"])),
    responses(
        (status = 200, description = "a page, by agent", body = Page),
        (status = 404, description = "`not_found`: there is no such agent", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_value`: that is no date", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn read(
    asked: Asked,
    Path(tenant): Path<String>,
    Words(which): Words<Which>,
) -> Result<axum::Json<Page>, Refused> {
    let Which { date, agent, behind, limit } = which;
    let date = date.map(|date| date_of(&asked, &date)).transpose()?;
    let question = attendance::Asked { tenant, date, agent, behind, limit: limit.unwrap_or(AGENTS_MAX) };
    asked.tell(attendance::attendance(&asked.desk, &question).await)
}

/// Which agents, which day, and what the forecast goes by.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Quarters {
    /// The day in Beijing, such as `2026-10-12`; today unless said.
    date: Option<String>,
    /// Agents of this queue alone, beside those that its forecast suggests; all agents without a suggestion unless said.
    queue: Option<String>,
    /// The forecast looks back at the same weekday of so many weeks before, 1 to 12; 4 unless said.
    weeks: Option<u8>,
    /// How long a call keeps an agent in the forecast, seconds; as measured unless said.
    handling_s: Option<u32>,
}

/// 排班与到岗 / agents planned by shifts, logged in, at work, and suggested by Erlang C, each quarter of an hour of a day (row Q26).
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/coverage", tag = "agents",
    params(("enterprise" = String, Path), Quarters), security(("session" = ["read_calls"])),
    responses(
        (status = 200, description = "the day, with what the suggestion goes by", body = Coverage),
        (status = 404, description = "`not_found`: there is no such queue", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_value`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn coverage(
    asked: Asked,
    Path(tenant): Path<String>,
    Words(which): Words<Quarters>,
) -> Result<axum::Json<Coverage>, Refused> {
    let Quarters { date, queue, weeks, handling_s } = which;
    let date = date.map(|date| date_of(&asked, &date)).transpose()?;
    let weeks = weeks.unwrap_or(forecast::WEEKS);
    let question = CoverageAsked { tenant, date, queue, weeks, handling_s };
    asked.tell(attendance::coverage(&asked.desk, &question).await)
}
