//! Orders about a talk (row Q03): hold, transfer, consult. The running node obeys; each order leaves an audit row.

use std::sync::Arc;

use hotline::call::{NotObeyed, TalkOrder};
use hotline::enterprise::staff;
use hotline::tenant::Tenant;
use hotline::{CallId, TenantId};
use node::{CallOrder, Node};
use serde::{Deserialize, Serialize};

use super::live::{self, LiveCall};
use super::{Code, Desk, Outcome, Refusal};

/// What is wanted of a call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Talk {
    /// The enterprise.
    pub tenant: TenantId,
    /// The call.
    pub call: CallId,
    /// What is to be done.
    pub order: TalkOrder,
    /// Who asks.
    pub by: String,
}

/// Has an order about a call obeyed; shows the call as it is then, or nothing where it is over by now.
///
/// # Errors
/// Nobody serves, the call is not up, or it cannot be done now.
pub async fn order(desk: &Desk, asked: &Talk) -> Outcome<Option<LiveCall>> {
    let live = desk.live.as_ref().ok_or_else(live::no_server)?;
    let stored = desk.enterprise(&asked.tenant).await?;
    let staff = Arc::new(staff(&stored.enterprise, stored.version));
    let (tenant, call, wanted) = (asked.tenant.clone(), asked.call, asked.order.clone());
    let known = staff.clone();
    let look = move |node: &Node, now| {
        let up = node.calls().find(|one| one.id() == call && one.hotline().tenant == tenant)?;
        let known_tenant = node.tenant(&tenant)?;
        // The newest document's agents and queues count, as they will for the node.
        let mut tenant: Tenant = known_tenant.clone();
        tenant.floor_mut().take_staff(&known, now);
        Some(up.may_obey(&wanted, &tenant))
    };
    let found = live.ask(look).await?.ok_or_else(|| no_call(asked.call))?;
    found.map_err(|why| refused(&asked.order, why))?;
    let order = CallOrder {
        tenant: asked.tenant.clone(),
        staff,
        call: asked.call,
        order: asked.order.clone(),
        by: asked.by.clone(),
    };
    live.apply(node::Change::Talk(Box::new(order))).await?;
    let (what, to) = code(&asked.order);
    let done = ("talk_order", asked.call.to_string());
    desk.store
        .note_deed(&asked.tenant, (done.0, &done.1), &format!("{what} {to}"), &desk.change(&asked.by))
        .await?;
    let calls = live::calls(desk, &asked.tenant).await?;
    Ok(calls.into_iter().find(|one| one.call == asked.call))
}

/// The order's stable word, and to whom.
fn code(order: &TalkOrder) -> (&'static str, &str) {
    match order {
        TalkOrder::Hold => ("hold", ""),
        TalkOrder::Resume => ("resume", ""),
        TalkOrder::Transfer(to) => ("transfer", to.name()),
        TalkOrder::Consult(to) => ("consult", to.name()),
        TalkOrder::Complete => ("complete", ""),
        TalkOrder::Return => ("return", ""),
        TalkOrder::Swap => ("swap", ""),
        TalkOrder::Merge => ("merge", ""),
        TalkOrder::Watch(phone, mode) => (mode.code(), phone),
        TalkOrder::TakeOver(phone) => ("take_over", phone),
        TalkOrder::Unwatch(phone) => ("unwatch", phone),
    }
}

fn no_call(call: CallId) -> Refusal {
    Refusal::not_found(format!("没有进行中的通话 {call}"), format!("no call {call} is up"))
}

fn refused(order: &TalkOrder, why: NotObeyed) -> Refusal {
    let name = match order {
        TalkOrder::Transfer(to) | TalkOrder::Consult(to) => to.name(),
        TalkOrder::Watch(phone, _) | TalkOrder::TakeOver(phone) | TalkOrder::Unwatch(phone) => phone,
        TalkOrder::Hold
        | TalkOrder::Resume
        | TalkOrder::Complete
        | TalkOrder::Return
        | TalkOrder::Swap
        | TalkOrder::Merge => "",
    };
    match why {
        NotObeyed::Unknown => {
            Refusal::not_found(format!("没有转接目标 {name}"), format!("there is no target {name}"))
        }
        NotObeyed::NotNow => Refusal::new(
            Code::TalkState,
            "通话现在的状态不能这样做",
            "this cannot be done to the call as it is now",
        ),
        NotObeyed::Busy => Refusal::new(
            Code::TalkState,
            format!("{name} 正忙或不在岗"),
            format!("{name} is busy, or not on duty"),
        ),
        NotObeyed::NotAllowed => Refusal::invalid(
            format!("{name} 是不允许呼叫的号码"),
            format!("{name} is a number that may not be dialled"),
        ),
        NotObeyed::NoWay => Refusal::new(
            Code::TalkState,
            format!("没有中继可以呼叫 {name}"),
            format!("no trunk leads to {name} now"),
        ),
    }
}
