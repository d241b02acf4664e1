//! Agents and queues: how they are, as it happens too, and an agent's orders (rows Q02, Q10, Q11).

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use hotline::TenantId;
use hotline::call::{TalkOrder, Target};
use hotline::queue::QueueView;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::live::Watch;
use super::{Api, Asked, Body, Path, Problem, Refused};
use crate::ops::agents::{self, Of, Seen, Steer, Wish};
use crate::ops::live::LiveCall;
use crate::ops::talks::{self, Talk, Targets};
use crate::ops::{Code, Outcome, Refusal};

/// An agent as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AgentNow {
    /// The agent's number.
    agent: String,
    /// The agent's name.
    name: String,
    /// `off`, `free`, `ringing`, `talking`, `after_work`, `rest`.
    state: &'static str,
    /// The reason of a rest, of the present one or of the one to come; `connection_lost` of an agent who is off because its page
    /// was gone; else empty.
    reason: String,
    /// Since when: milliseconds since 1970-01-01 UTC.
    since: i64,
    /// Since when the agent is logged in; absent while off.
    logged_in_at: Option<i64>,
    /// What rings or is talked in.
    call: Option<LiveCall>,
    /// The orders about the call that may be given now, by their words; none while the talk is another's.
    orders: Vec<&'static str>,
    /// The after-work time that is going on (row Q11).
    after_work: Option<AfterWork>,
    /// The queues the agent serves.
    queues: Vec<String>,
    /// What the agent carries at once, in units (row Q20).
    capacity: u16,
    /// What of it is taken.
    load: u32,
    /// What rings for the agent: `phone` or `mobile`.
    device: &'static str,
    /// What the agent has of these; with both it may choose, by `{"device": "mobile"}`.
    devices: Vec<&'static str>,
    /// What the agent did today.
    today: Today,
}

/// What follows a talk, while it lasts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AfterWork {
    /// The call it is about.
    call: Option<String>,
    /// When it ends by itself: milliseconds since 1970-01-01 UTC; absent where only the agent ends it.
    until: Option<i64>,
    /// Whether the agent may end it before, by `"ready"`.
    may_end: bool,
    /// Whether it goes on until the result of the call is chosen, or its time is over (row Q09).
    owes_result: bool,
}

/// What an agent did on a day in Beijing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Today {
    /// Calls answered.
    answered: u32,
    /// Offers not answered in time.
    missed: u32,
    /// Offers refused by hand (row Q25).
    rejected: u32,
    /// Talk of calls that ended today.
    talk_ms: u64,
}

/// An agent in a list: as it is now, and how long each state lasted since it logged in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AgentRow {
    /// As it is now.
    #[serde(flatten)]
    now: AgentNow,
    /// Milliseconds by state; together they are the time since the login (row Q10).
    times_ms: BTreeMap<&'static str, u64>,
}

impl From<Seen> for AgentNow {
    fn from(Seen { view, call, orders, at }: Seen) -> AgentNow {
        let ago = |ms: u64| at.0 - i64::try_from(ms).unwrap_or(i64::MAX);
        AgentNow {
            agent: view.number.to_string(),
            name: view.name.to_string(),
            state: view.state.code(),
            reason: view.reason,
            since: ago(view.since_ms),
            logged_in_at: (view.logged_in_ms > 0).then(|| ago(view.logged_in_ms)),
            call,
            orders,
            after_work: view.after_work.map(|work| AfterWork {
                call: work.call.map(|call| call.to_string()),
                until: work.left_ms.map(|left_ms| at.0 + i64::try_from(left_ms).unwrap_or(i64::MAX / 2)),
                may_end: work.may_end,
                owes_result: work.owes_result,
            }),
            queues: view.queues.iter().map(ToString::to_string).collect(),
            capacity: view.capacity,
            load: view.load,
            device: view.device.code(),
            devices: view.devices.iter().map(|device| device.code()).collect(),
            today: Today {
                answered: view.tally.answered,
                missed: view.tally.missed,
                rejected: view.tally.rejected,
                talk_ms: view.tally.talk_ms,
            },
        }
    }
}

impl From<Seen> for AgentRow {
    fn from(seen: Seen) -> AgentRow {
        let times = seen.view.times;
        let times_ms = [
            ("free", times.free),
            ("ringing", times.ringing),
            ("talking", times.talking),
            ("after_work", times.after_work),
            ("rest", times.rest),
        ];
        AgentRow { now: seen.into(), times_ms: times_ms.into() }
    }
}

/// 坐席列表 / the agents, by number.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/agents", tag = "agents",
    params(("enterprise" = String, Path)), security(("session" = ["watch_live"])),
    responses((status = 200, description = "the agents", body = Vec<AgentRow>))
)]
pub async fn list(
    asked: Asked,
    Path(enterprise): Path<String>,
) -> Result<axum::Json<Vec<AgentRow>>, Refused> {
    let seen = agents::seen(&asked.desk, &Of { tenant: TenantId::new(&enterprise) }).await;
    asked.tell(seen.map(|all| all.into_iter().map(AgentRow::from).collect()))
}

/// 坐席当前状态 / one agent; an agent itself, or who leads agents.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/agents/{agent}", tag = "agents",
    params(("enterprise" = String, Path), ("agent" = String, Path)), security(("session" = ["take_calls"])),
    responses(
        (status = 200, description = "the agent", body = AgentRow),
        (status = 404, description = "`not_found`: none, or another agent", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn one(
    asked: Asked,
    Path((enterprise, agent)): Path<(String, String)>,
) -> Result<axum::Json<AgentRow>, Refused> {
    let seen = agents::one(&asked.desk, &TenantId::new(&enterprise), &agent).await;
    asked.tell(seen.map(AgentRow::from))
}

/// 签入、签出、示闲、小休 / an agent's order: `"log_in"`, `"log_out"`, `"ready"`, or `{"rest": "lunch"}`.
#[utoipa::path(
    put, path = "/api/v1/enterprises/{enterprise}/agents/{agent}/state", tag = "agents",
    params(("enterprise" = String, Path), ("agent" = String, Path)), request_body = Wish,
    security(("session" = ["take_calls"])),
    responses(
        (status = 200, description = "the agent as it is then", body = AgentNow),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`result_owed`: the result of the call is to be chosen first", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_value`: the state does not allow it, or the reason is none", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn steer(
    asked: Asked,
    Path((enterprise, agent)): Path<(String, String)>,
    Body(wish): Body<Wish>,
) -> Result<axum::Json<AgentNow>, Refused> {
    let (tenant, by) = (TenantId::new(&enterprise), asked.person.login.clone());
    let done =
        agents::steer(&asked.desk, &Steer { tenant: tenant.clone(), agent: agent.clone(), wish, by }).await;
    done.map_err(|refusal| asked.refuse(refusal))?;
    asked.tell(agents::one(&asked.desk, &tenant, &agent).await.map(AgentNow::from))
}

/// An order about the call that keeps an agent (row Q03).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CallOrder)]
pub enum Order {
    /// The caller hears music.
    Hold,
    /// The caller is back in the talk.
    Resume,
    /// The caller goes to somebody else at once.
    Transfer(To),
    /// Somebody else is asked first; an agent, a phone or a bound number.
    Consult(To),
    /// The caller goes to who was asked.
    Complete,
    /// Whoever was asked is let go.
    Return,
    /// Talks with the other of the two.
    Swap,
    /// All three talk with each other.
    Merge,
    /// The recording keeps nothing of what is said or pressed (row V09).
    PauseRecording,
    /// The recording goes on.
    ResumeRecording,
    /// The caller is asked for a rating, and the agent is free of the call (row Q07).
    Rate,
}

/// Where a call goes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CallTarget)]
pub enum To {
    /// An agent, by number.
    Agent(String),
    /// A SIP phone, by number.
    Extension(String),
    /// A bound number, by name.
    Bound(String),
    /// A queue, by name.
    Queue(String),
    /// A step of the number's flow or one of its rules, by name.
    Step(String),
}

impl From<To> for Target {
    fn from(to: To) -> Target {
        match to {
            To::Agent(name) => Target::Agent(name.into()),
            To::Extension(name) => Target::Extension(name.into()),
            To::Bound(name) => Target::Bound(name.into()),
            To::Queue(name) => Target::Queue(name.into()),
            To::Step(name) => Target::Step(name.into()),
        }
    }
}

impl From<Order> for TalkOrder {
    fn from(order: Order) -> TalkOrder {
        match order {
            Order::Hold => TalkOrder::Hold,
            Order::Resume => TalkOrder::Resume,
            Order::Transfer(to) => TalkOrder::Transfer(to.into()),
            Order::Consult(to) => TalkOrder::Consult(to.into()),
            Order::Complete => TalkOrder::Complete,
            Order::Return => TalkOrder::Return,
            Order::Swap => TalkOrder::Swap,
            Order::Merge => TalkOrder::Merge,
            Order::PauseRecording => TalkOrder::PauseRecording,
            Order::ResumeRecording => TalkOrder::ResumeRecording,
            Order::Rate => TalkOrder::Rate,
        }
    }
}

/// 转接目标 / where the agent may send its call: the other agents with their states, queues, bound numbers, phones.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/agents/{agent}/targets", tag = "agents",
    params(("enterprise" = String, Path), ("agent" = String, Path)), security(("session" = ["take_calls"])),
    responses((status = 200, description = "the targets", body = Targets))
)]
pub async fn targets(
    asked: Asked,
    Path((enterprise, agent)): Path<(String, String)>,
) -> Result<axum::Json<Targets>, Refused> {
    asked.tell(talks::targets(&asked.desk, &TenantId::new(&enterprise), &agent).await)
}

/// 保持、转接、咨询、三方、转评价 / an order about the call that keeps the agent: `"hold"`, `"resume"`, `"complete"`, `"return"`, `"swap"`,
/// `"merge"`, `"pause_recording"`, `"resume_recording"`, `"rate"`, `{"transfer": {"agent": "8002"}}`, `{"consult": {"extension": "803"}}`; targets are `agent`, `extension`, `bound`,
/// and of a transfer `queue` and `step`.
#[utoipa::path(
    post, path = "/api/v1/enterprises/{enterprise}/agents/{agent}/call", tag = "agents",
    params(("enterprise" = String, Path), ("agent" = String, Path)),
    request_body(content = Order, description = "the order", example = json!({"transfer": {"agent": "8002"}})),
    security(("session" = ["take_calls"])),
    responses(
        (status = 200, description = "the agent as it is then", body = AgentNow),
        (status = 404, description = "`not_found`: no such agent, or nothing by the target's name", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`talk_state`: no call keeps the agent, or the call or the target is not ready for it; `no_rating`: its queue asks for none, or not now; `no_capacity`: the agent that is meant has no room for a call", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn order(
    asked: Asked,
    Path((enterprise, agent)): Path<(String, String)>,
    Body(order): Body<Order>,
) -> Result<axum::Json<AgentNow>, Refused> {
    asked.tell(obeyed(&asked, &TenantId::new(&enterprise), &agent, order.into()).await)
}

async fn obeyed(asked: &Asked, tenant: &TenantId, agent: &str, order: TalkOrder) -> Outcome<AgentNow> {
    let none = || Refusal::new(Code::TalkState, "坐席没有通话", "no call keeps the agent");
    let call = agents::one(&asked.desk, tenant, agent).await?.view.call.ok_or_else(none)?;
    let (own, by) = (Some(agent.to_owned()), asked.person.login.clone());
    let talk = Talk { tenant: tenant.clone(), call, order, agent: own, by };
    talks::order(&asked.desk, &talk).await?;
    agents::one(&asked.desk, tenant, agent).await.map(AgentNow::from)
}

/// 坐席实时推送 / server-sent events of one agent: `agent` whenever it is another than before, looked at twice a second; `end`
/// with a stable code when there will be no more.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/agents/{agent}/events", tag = "agents",
    params(("enterprise" = String, Path), ("agent" = String, Path)), security(("session" = ["take_calls"])),
    responses(
        (status = 200, description = "events, each an `AgentNow`", body = String, content_type = "text/event-stream"),
        (status = 429, description = "`too_many_tries`: too many watch", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn events(
    State(api): State<Api>,
    asked: Asked,
    Path((enterprise, agent)): Path<(String, String)>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refused> {
    let place = api.place_to_watch().map_err(|refusal| asked.refuse(refusal))?;
    let tenant = TenantId::new(&enterprise);
    let watch =
        Watch::new("agent", Duration::from_millis(500), asked.person.clone(), asked.desk.clone(), place);
    let look =
        async move |desk: &crate::ops::Desk| agents::one(desk, &tenant, &agent).await.map(AgentNow::from);
    Ok(Sse::new(watch.stream(look)).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

/// A queue as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct QueueNow {
    /// Its name.
    queue: String,
    /// Calls that wait, the next first.
    waiting: Vec<Waiting>,
    /// How many agents are in each state; those in `no_room` are not among the free.
    agents: BTreeMap<&'static str, u32>,
    /// How many agents are free and have no room for its calls (row Q20).
    no_room: u32,
}

/// A call that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Waiting {
    /// The call.
    call: String,
    /// For how long.
    waited_ms: u64,
}

impl From<QueueView> for QueueNow {
    fn from(view: QueueView) -> QueueNow {
        let waiting =
            |(call, waited_ms): (hotline::CallId, u64)| Waiting { call: call.to_string(), waited_ms };
        QueueNow {
            queue: view.name.to_string(),
            waiting: view.waiting.into_iter().map(waiting).collect(),
            agents: view.agents.into_iter().map(|(state, count)| (state.code(), count)).collect(),
            no_room: view.no_room,
        }
    }
}

/// 队列列表 / the queues, by name, with who waits.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/queues", tag = "agents",
    params(("enterprise" = String, Path)), security(("session" = ["watch_live"])),
    responses((status = 200, description = "the queues", body = Vec<QueueNow>))
)]
pub async fn queues(
    asked: Asked,
    Path(enterprise): Path<String>,
) -> Result<axum::Json<Vec<QueueNow>>, Refused> {
    let queues = agents::queues(&asked.desk, &Of { tenant: TenantId::new(&enterprise) }).await;
    asked.tell(queues.map(|all| all.into_iter().map(QueueNow::from).collect()))
}
