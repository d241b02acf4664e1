//! Requests of callers to be called back, as people see to them (rows Q15, K07): who asked, in the order of their waits, how
//! often the platform tried, who called back, and whom nobody calls.

use std::time::Duration;

use hotline::callback::callable;
use hotline::cdr::Cause;
use hotline::{CallId, HotlineNumber, TenantId};
use node::Change;
use serde::{Deserialize, Serialize};
use store::{Callback, CallbackState};
use utoipa::ToSchema;

use super::money::time;
use super::{Desk, Outcome, PAGE_MAX, Refusal, no_place};
use crate::running::Running;

/// List requests.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct List {
    /// The enterprise.
    pub tenant: String,
    /// In this state, or in any.
    #[serde(default)]
    pub state: Option<CallbackState>,
    /// Behind the request of this call: where the page before ended.
    #[serde(default)]
    pub behind: Option<CallId>,
    /// At most; [`PAGE_MAX`] whatever is said.
    pub limit: u32,
}

/// One request that is done or cancelled.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct End {
    /// The enterprise.
    pub tenant: TenantId,
    /// The call that asked.
    pub call: CallId,
    /// Whether somebody called back; else it is cancelled.
    pub done: bool,
    /// Who has called back, or cancels it, by name.
    pub name: String,
    /// Who says so.
    pub by: String,
}

/// A number that wants no callbacks, or wants them again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stop {
    /// The enterprise.
    pub tenant: TenantId,
    /// The number.
    pub number: String,
    /// Whether it is put on the list; else it is taken off.
    pub on: bool,
    /// Who asks.
    pub by: String,
}

/// A request in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = CallbackRequest)]
pub struct Listed {
    /// The call that asked.
    #[schema(value_type = String)]
    pub call: CallId,
    /// The 400 number.
    #[schema(value_type = String)]
    pub hotline: HotlineNumber,
    /// Its caller; empty when withheld.
    pub caller: String,
    /// The number to call.
    pub number: String,
    /// The queue it waited in; empty without one.
    pub queue: String,
    /// The step that took the request.
    pub step: String,
    /// Its wait until then, milliseconds: the place that it keeps.
    pub waited_ms: u64,
    /// When, Beijing time.
    pub asked_at: String,
    /// How far somebody saw to it: `waiting`, `done`, `cancelled`, `stopped`, `given_up`.
    #[schema(value_type = String)]
    pub state: CallbackState,
    /// Who saw to it last; nobody where the platform did.
    pub changed_by: Option<String>,
    /// Tries of the platform to reach the number.
    pub tries: u32,
    /// When its next try may be, at the earliest, Beijing time; none where people call back, and once it is over.
    pub next_at: Option<String>,
    /// How the last try ended, as the code of its call.
    #[schema(value_type = Option<String>)]
    pub outcome: Option<Cause>,
    /// The call of the last try.
    #[schema(value_type = Option<String>)]
    pub tried_by: Option<CallId>,
}

/// What became of a number on the stop list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = CallbackStopped)]
pub struct Stopped {
    /// The number.
    pub number: String,
    /// Whether it is on the list now.
    pub on: bool,
    /// Requests that were waiting for it and are stopped.
    pub requests: u64,
}

/// The longest name of who sees to a request, in characters.
const NAME_MAX: usize = 64;
/// Between two tries to read which requests are open.
const RECALL_AGAIN: Duration = Duration::from_secs(2);

/// Lists a page of requests, whoever has waited longest first.
///
/// # Errors
/// There is no such enterprise or request to begin behind, or those of the database.
pub async fn list(desk: &Desk, asked: &List) -> Outcome<Vec<Listed>> {
    let tenant = TenantId::new(&asked.tenant);
    desk.enterprise(&tenant).await?;
    if let Some(behind) = asked.behind
        && desk.store.callback(&tenant, behind).await?.is_none()
    {
        return Err(no_place("behind", &behind));
    }
    let page = (asked.behind, asked.limit.min(PAGE_MAX));
    let found = desk.store.callbacks(&tenant, asked.state, page).await?;
    Ok(found.into_iter().map(listed).collect())
}

/// One request.
///
/// # Errors
/// That call asked for nothing, or those of the database.
pub async fn one(desk: &Desk, tenant: &TenantId, call: CallId) -> Outcome<Listed> {
    let found = desk.store.callback(tenant, call).await?;
    found.map(listed).ok_or_else(|| {
        let zh = format!("通话 {call} 没有回电请求");
        Refusal::not_found(zh, format!("the call {call} asked for no callback"))
    })
}

/// Somebody has called back, or nobody will: a call that the platform makes for it already ends, unless they talk.
///
/// # Errors
/// No request of that call waits, or there is no name.
pub async fn end(desk: &Desk, asked: &End) -> Outcome<()> {
    let name = asked.name.trim();
    if name.is_empty() || name.chars().count() > NAME_MAX || name.chars().any(char::is_control) {
        return Err(Refusal::invalid(
            format!("需要姓名，1 至 {NAME_MAX} 个字符"),
            format!("a name of 1 to {NAME_MAX} characters is wanted"),
        ));
    }
    let state = if asked.done { CallbackState::Done } else { CallbackState::Cancelled };
    let _held = desk.hold_account(&asked.tenant).await;
    let change = desk.change(&asked.by);
    if !desk.store.end_callback(&asked.tenant, asked.call, (state, name), &change).await? {
        let call = asked.call;
        let (zh, en) =
            (format!("没有等待中的回电请求 {call}"), format!("no request of the call {call} waits"));
        return Err(Refusal::not_found(zh, en));
    }
    if let Some(live) = &desk.live {
        let (tenant, request) = (asked.tenant.clone(), asked.call);
        live.apply(Change::CallbackEnded { tenant, request }).await?;
    }
    Ok(())
}

/// Puts a number on the stop list, with what waits for it, or takes it off (row K07).
///
/// # Errors
/// It is no number that could be called, or not on the list.
pub async fn stop(desk: &Desk, asked: &Stop) -> Outcome<Stopped> {
    desk.enterprise(&asked.tenant).await?;
    let digits: String = asked.number.chars().filter(char::is_ascii_digit).collect();
    let Some(number) = callable(&digits) else {
        let number = &asked.number;
        let zh = format!("{number} 不是可以回电的手机或固定电话号码");
        return Err(Refusal::invalid(zh, format!("{number} is no mobile or landline that could be called")));
    };
    // Whoever reads the enterprise for the node meanwhile would overlook what the node is told too early.
    let _held = desk.hold_account(&asked.tenant).await;
    let change = desk.change(&asked.by);
    if asked.on {
        let requests = desk.store.stop_callbacks(&asked.tenant, &number, &change).await?;
        tell_stop(desk, asked, &number).await?;
        return Ok(Stopped { number, on: true, requests });
    }
    if !desk.store.permit_callbacks(&asked.tenant, &number, &change).await? {
        return Err(Refusal::not_found(
            format!("{number} 不在禁拨名单"),
            format!("{number} is not on the list"),
        ));
    }
    tell_stop(desk, asked, &number).await?;
    Ok(Stopped { number, on: false, requests: 0 })
}

async fn tell_stop(desk: &Desk, asked: &Stop, number: &str) -> Outcome<()> {
    if let Some(live) = &desk.live {
        let (tenant, number, on) = (asked.tenant.clone(), number.to_owned(), asked.on);
        live.apply(Change::CallbackStop { tenant, number, on }).await?;
    }
    Ok(())
}

/// Tells the node that begins which numbers have open requests: what nobody calls for is in nobody's memory (row Q15).
pub(crate) async fn recall(running: Running) {
    loop {
        let told = match running.store().numbers_with_callbacks().await {
            Ok(numbers) => running.apply(Change::Callbacks(numbers)).await.is_ok(),
            Err(_) => false,
        };
        if told {
            return;
        }
        tokio::time::sleep(RECALL_AGAIN).await;
    }
}

fn listed(one: Callback) -> Listed {
    Listed {
        call: one.call,
        hotline: one.hotline,
        caller: one.caller,
        number: one.request.number,
        queue: one.request.queue,
        step: one.request.step,
        waited_ms: one.request.waited_ms,
        asked_at: time(one.request.at),
        state: one.state,
        changed_by: one.changed.map(|change| change.by),
        tries: one.tries,
        next_at: one.next_at.map(time),
        outcome: one.tried.map(|(outcome, _)| outcome),
        tried_by: one.tried.map(|(_, call)| call),
    }
}
