//! Calls as they are now: once, and as server-sent events while somebody watches (row Q08).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use hotline::TenantId;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Api, Asked, Path, Problem, Refused};
use crate::ops::accounts::{self, Person};
use crate::ops::live::{self, LiveCall};
use crate::ops::{Code, Desk, Outcome, Refusal};

/// How often the node is looked at for who watches.
const LOOK: Duration = Duration::from_secs(1);
/// Each so many looks the session is looked at too, which may have ended meanwhile.
const LOOKS_A_SESSION: u32 = 30;
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
    let place = api.place_to_watch().map_err(|refusal| asked.refuse(refusal))?;
    let tenant = TenantId::new(&enterprise);
    let watch = Watch::new("calls", LOOK, asked.person.clone(), asked.desk.clone(), place);
    let look = async move |desk: &Desk| live::calls(desk, &tenant).await;
    Ok(Sse::new(watch.stream(look)).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

/// Places of those who watch.
pub struct Watchers(Arc<Semaphore>);

impl Default for Watchers {
    fn default() -> Watchers {
        Watchers(Arc::new(Semaphore::new(WATCHERS_MAX)))
    }
}

impl Api {
    /// A place for one who watches.
    ///
    /// # Errors
    /// All are taken.
    pub(super) fn place_to_watch(&self) -> Outcome<OwnedSemaphorePermit> {
        self.0.watchers.0.clone().try_acquire_owned().map_err(|_| {
            Refusal::new(
                Code::TooManyTries,
                "同时查看实时数据的人太多，请稍后再试",
                "too many are watching; try again later",
            )
        })
    }
}

/// One who watches something: told whenever it is another than before.
pub(super) struct Watch<T> {
    event: &'static str,
    every: Duration,
    person: Person,
    desk: Desk,
    told: Option<T>,
    looks: u32,
    _place: OwnedSemaphorePermit,
}

impl<T: PartialEq + Serialize> Watch<T> {
    pub(super) fn new(
        event: &'static str,
        every: Duration,
        person: Person,
        desk: Desk,
        place: OwnedSemaphorePermit,
    ) -> Watch<T> {
        Watch { event, every, person, desk, told: None, looks: 0, _place: place }
    }

    /// What is seen whenever it is another, by `event`; `end` with a stable code once there will be no more.
    pub(super) fn stream<L>(self, look: L) -> impl Stream<Item = Result<Event, Infallible>>
    where
        L: AsyncFn(&Desk) -> Outcome<T>,
    {
        futures_util::stream::unfold(Some((self, look)), |watching| async move {
            let (mut watch, look) = watching?;
            let told = watch.next(&look).await;
            let ended = told.is_err();
            let event = told.unwrap_or_else(|refusal| {
                let code = serde_json::to_value(refusal.code).unwrap_or_default();
                Event::default().event("end").data(code.as_str().unwrap_or_default())
            });
            Some((Ok(event), (!ended).then_some((watch, look))))
        })
    }

    async fn next(&mut self, look: &impl AsyncFn(&Desk) -> Outcome<T>) -> Outcome<Event> {
        loop {
            if self.told.is_some() {
                tokio::time::sleep(self.every).await;
            }
            self.looks += 1;
            if self.looks.is_multiple_of(LOOKS_A_SESSION) {
                accounts::still_in(&self.desk, &self.person).await?;
            }
            let seen = look(&self.desk).await?;
            if self.told.as_ref() != Some(&seen) {
                let event = Event::default().event(self.event).json_data(&seen).unwrap_or_default();
                self.told = Some(seen);
                return Ok(event);
            }
        }
    }
}
