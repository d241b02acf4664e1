//! Calls as they are now: once, and as server-sent events while somebody watches (row Q08).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use hotline::TenantId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Api, Asked, Problem, Refused};
use crate::ops::accounts;
use crate::ops::live::{self, LiveCall};
use crate::ops::{Code, Refusal};

/// How often the node is looked at for who watches.
const LOOK: Duration = Duration::from_secs(1);
/// How many may watch at once.
const WATCHERS_MAX: usize = 500;

/// 正在进行的通话 / calls that are up, the oldest first.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/live", tag = "live",
    params(("enterprise" = String, Path)), security(("session" = ["watch_live"])),
    responses((status = 200, description = "the calls", body = Vec<LiveCall>))
)]
pub async fn live(
    asked: Asked,
    Path(enterprise): Path<String>,
) -> Result<axum::Json<Vec<LiveCall>>, Refused> {
    asked.tell(live::calls(&asked.desk, &TenantId::new(&enterprise)).await)
}

/// 实时推送 / server-sent events: `calls` with the whole list whenever it is another, at most once a second; `end` with a
/// stable code when there will be no more.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/events", tag = "live",
    params(("enterprise" = String, Path)), security(("session" = ["watch_live"])),
    responses(
        (status = 200, description = "events", body = String, content_type = "text/event-stream"),
        (status = 429, description = "`too_many_tries`: too many watch", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn events(
    State(api): State<Api>,
    asked: Asked,
    Path(enterprise): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refused> {
    let Ok(place) = api.0.watchers.0.clone().try_acquire_owned() else {
        return Err(asked.refuse(Refusal::new(
            Code::TooManyTries,
            "同时查看实时数据的人太多，请稍后再试",
            "too many are watching; try again later",
        )));
    };
    let watch = Watch { asked, tenant: TenantId::new(&enterprise), told: None, looks: 0, _place: place };
    let stream = futures_util::stream::unfold(Some(watch), |watch| async { Watch::next(watch?).await });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

/// Places of those who watch.
pub struct Watchers(Arc<Semaphore>);

impl Default for Watchers {
    fn default() -> Watchers {
        Watchers(Arc::new(Semaphore::new(WATCHERS_MAX)))
    }
}

/// One who watches.
struct Watch {
    asked: Asked,
    tenant: TenantId,
    told: Option<Vec<LiveCall>>,
    looks: u32,
    _place: OwnedSemaphorePermit,
}

impl Watch {
    /// The next event, and who watches on.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Option<Watch>)> {
        loop {
            if self.told.is_some() {
                tokio::time::sleep(LOOK).await;
            }
            match self.look().await {
                Ok(calls) if self.told.as_ref() == Some(&calls) => {}
                Ok(calls) => {
                    let event = Event::default().event("calls").json_data(&calls).unwrap_or_default();
                    self.told = Some(calls);
                    return Some((Ok(event), Some(self)));
                }
                Err(refusal) => {
                    let code = serde_json::to_value(refusal.code).unwrap_or_default();
                    let event = Event::default().event("end").data(code.as_str().unwrap_or_default());
                    return Some((Ok(event), None));
                }
            }
        }
    }

    /// Looks at the node; each half a minute at the session too, which may have ended meanwhile.
    async fn look(&mut self) -> Result<Vec<LiveCall>, Refusal> {
        self.looks += 1;
        if self.looks.is_multiple_of(30) {
            let person = &self.asked.person;
            accounts::still_in(&self.asked.desk, person).await?;
        }
        live::calls(&self.asked.desk, &self.tenant).await
    }
}
