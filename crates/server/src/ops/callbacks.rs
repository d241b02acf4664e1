//! Requests of callers to be called back, as people see to them (rows Q15, K07): who asked, in the order of their waits, who
//! called back, and whom nobody calls. The platform dials nobody by itself.

use hotline::callback::callable;
use hotline::{CallId, HotlineNumber, TenantId};
use serde::{Deserialize, Serialize};
use store::{Callback, CallbackState};

use super::money::time;
use super::{Desk, Outcome, Refusal};

/// List requests.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct List {
    /// The enterprise.
    pub tenant: String,
    /// In this state, or in any.
    #[serde(default)]
    pub state: Option<CallbackState>,
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
    /// Who, by name.
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
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Listed {
    /// The call that asked.
    pub call: CallId,
    /// The 400 number.
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
    /// How far somebody saw to it.
    pub state: CallbackState,
    /// Who saw to it last.
    pub changed_by: Option<String>,
}

/// What became of a number on the stop list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stopped {
    /// The number.
    pub number: String,
    /// Whether it is on the list now.
    pub on: bool,
    /// Requests that were waiting for it and are stopped.
    pub requests: u64,
}

/// Requests listed at once.
const LISTED_MAX: u32 = 10_000;

/// Lists requests, whoever has waited longest first.
///
/// # Errors
/// There is no such enterprise, or those of the database.
pub async fn list(desk: &Desk, asked: &List) -> Outcome<Vec<Listed>> {
    let tenant = TenantId::new(&asked.tenant);
    desk.enterprise(&tenant).await?;
    let found = desk.store.callbacks(&tenant, asked.state, LISTED_MAX).await?;
    Ok(found.into_iter().map(listed).collect())
}

/// Somebody has called back, or nobody will.
///
/// # Errors
/// No request of that call waits, or there is no name.
pub async fn end(desk: &Desk, asked: &End) -> Outcome<()> {
    let by = asked.by.trim();
    if by.is_empty() {
        return Err(Refusal::invalid("需要姓名", "a name is wanted"));
    }
    let state = if asked.done { CallbackState::Done } else { CallbackState::Cancelled };
    if !desk.store.end_callback(&asked.tenant, asked.call, state, &desk.change(by)).await? {
        let call = asked.call;
        let (zh, en) =
            (format!("没有等待中的回电请求 {call}"), format!("no request of the call {call} waits"));
        return Err(Refusal::not_found(zh, en));
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
    let change = desk.change(&asked.by);
    if asked.on {
        let requests = desk.store.stop_callbacks(&asked.tenant, &number, &change).await?;
        return Ok(Stopped { number, on: true, requests });
    }
    if !desk.store.permit_callbacks(&asked.tenant, &number, &change).await? {
        return Err(Refusal::not_found(
            format!("{number} 不在禁拨名单"),
            format!("{number} is not on the list"),
        ));
    }
    Ok(Stopped { number, on: false, requests: 0 })
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
    }
}
