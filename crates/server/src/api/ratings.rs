//! What callers said of talks (row Q07): each call that was asked, and the sums by queue and agent.

use hotline::Wall;
use serde::Deserialize;
use utoipa::IntoParams;

use super::calls::value;
use super::paging::Paging;
use super::{Asked, Path, Problem, Refused, Words};
use crate::ops::Outcome;
use crate::ops::calls::Range;
use crate::ops::ratings::{self, Listed, Summed};

/// Which ratings.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// Of this agent.
    agent: Option<String>,
    /// Of this queue.
    queue: Option<String>,
    /// Of calls to this 400 number.
    number: Option<String>,
    /// Asked at or after: milliseconds since 1970-01-01 UTC.
    since_ms: Option<i64>,
    /// Asked before.
    until_ms: Option<i64>,
}

impl Which {
    fn read(self, tenant: String, paging: Option<&Paging>) -> Outcome<ratings::Asked> {
        let range = Range {
            number: value("number", self.number)?,
            since: self.since_ms.map(Wall),
            until: self.until_ms.map(Wall),
            older_than: paging.map(Paging::behind).transpose()?.flatten(),
        };
        let limit = paging.map_or(0, |paging| paging.limit);
        Ok(ratings::Asked { tenant, agent: self.agent, queue: self.queue, range, limit })
    }
}

/// 满意度评价 / calls whose callers were asked, the latest first, with the score of those who answered.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/ratings", tag = "calls",
    params(("enterprise" = String, Path), Which, Paging), security(("session" = ["read_calls"])),
    responses(
        (status = 200, description = "a page", body = Vec<Listed>),
        (status = 422, description = "`invalid_value`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    asked: Asked,
    Path(enterprise): Path<String>,
    Words(which): Words<Which>,
    Words(paging): Words<Paging>,
) -> Result<axum::Json<Vec<Listed>>, Refused> {
    let list = which.read(enterprise, Some(&paging)).map_err(|refusal| asked.refuse(refusal))?;
    asked.tell(ratings::list(&asked.desk, &list).await)
}

/// 满意度报表 / the rate of answers and the mean by queue and agent, with the counts behind them.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/ratings/sums", tag = "calls",
    params(("enterprise" = String, Path), Which), security(("session" = ["read_calls"])),
    responses(
        (status = 200, description = "the sums, by queue and agent", body = Vec<Summed>),
        (status = 422, description = "`invalid_value`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn sums(
    asked: Asked,
    Path(enterprise): Path<String>,
    Words(which): Words<Which>,
) -> Result<axum::Json<Vec<Summed>>, Refused> {
    let of = which.read(enterprise, None).map_err(|refusal| asked.refuse(refusal))?;
    asked.tell(ratings::sums(&asked.desk, &of).await)
}
