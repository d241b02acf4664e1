//! Orders about a talk (row Q03): hold, transfer, consult. The running node obeys; each order leaves an audit row.

use std::collections::BTreeSet;
use std::sync::Arc;

use hotline::agent::State;
use hotline::call::{Call, NotObeyed, TalkOrder};
use hotline::enterprise::{Enterprise, staff};
use hotline::queue::QueueView;
use hotline::satisfaction::Unrated;
use hotline::tenant::Tenant;
use hotline::{CallId, Mono, TenantId};
use node::{CallOrder, Node};
use serde::{Deserialize, Serialize};

use super::live::{self, LiveCall};
use super::{Code, Desk, Outcome, Refusal, agents};

/// What is wanted of a call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Talk {
    /// The enterprise.
    pub tenant: TenantId,
    /// The call.
    pub call: CallId,
    /// What is to be done.
    pub order: TalkOrder,
    /// The agent whose talk it has to be; `None` where somebody above all agents asks.
    #[serde(default)]
    pub agent: Option<String>,
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
    if let TalkOrder::Watch(phone, _) = &asked.order
        && !stored.enterprise.extensions.iter().any(|one| *one.number == **phone)
    {
        return Err(refused(&asked.order, NotObeyed::Unknown));
    }
    let staff = Arc::new(staff(&stored.enterprise, stored.version));
    let (tenant, call, wanted) = (asked.tenant.clone(), asked.call, asked.order.clone());
    let (known, agent) = (staff.clone(), asked.agent.clone());
    let look = move |node: &Node, now| {
        let up = node.calls().find(|one| one.id() == call && one.hotline().tenant == tenant)?;
        if agent.as_ref().is_some_and(|agent| !up.is_led_by(agent)) {
            return Some(Err(NotObeyed::NotNow));
        }
        let known_tenant = node.tenant(&tenant)?;
        // The newest document's agents and queues count, as they will for the node.
        let mut tenant: Tenant = known_tenant.clone();
        tenant.floor_mut().take_staff(&known, now);
        Some(up.may_obey(&wanted, &tenant, now.mono))
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
        TalkOrder::PauseRecording => ("pause_recording", ""),
        TalkOrder::ResumeRecording => ("resume_recording", ""),
        TalkOrder::Rate => ("rate", ""),
    }
}

/// Orders that need nothing but the call.
const PLAIN: [TalkOrder; 9] = [
    TalkOrder::Hold,
    TalkOrder::Resume,
    TalkOrder::Complete,
    TalkOrder::Return,
    TalkOrder::Swap,
    TalkOrder::Merge,
    TalkOrder::PauseRecording,
    TalkOrder::ResumeRecording,
    TalkOrder::Rate,
];

/// The orders that an agent may give about a call now, by their words: none unless the talk is its own.
pub(super) fn open_orders(up: &Call, agent: &str, tenant: &Tenant, now: Mono) -> Vec<&'static str> {
    if !up.is_led_by(agent) {
        return Vec::new();
    }
    let plain = PLAIN.iter().filter(|order| up.may_obey(order, tenant, now).is_ok());
    let sent_on = if up.may_be_sent_on() { &["transfer", "consult"][..] } else { &[] };
    plain.map(|order| code(order).0).chain(sent_on.iter().copied()).collect()
}

/// Where an agent may send its call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Targets {
    /// The other agents, by number.
    pub agents: Vec<TargetAgent>,
    /// The queues, by name.
    pub queues: Vec<TargetQueue>,
    /// Bound numbers by name: those of the number that the agent's call came to.
    pub bound: Vec<String>,
    /// SIP phones that no agent has.
    pub extensions: Vec<TargetPhone>,
}

/// An agent as a target; only a free one can be one now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TargetAgent {
    /// The agent's number.
    pub agent: String,
    /// The agent's name.
    pub name: String,
    /// `off`, `free`, `ringing`, `talking`, `after_work`, `rest`.
    #[schema(value_type = String)]
    pub state: State,
    /// Whether it has room for a call; without it no call can be sent to it, though it is free (row Q20).
    pub has_room: bool,
    /// The queues the agent serves.
    pub queues: Vec<String>,
}

/// A queue as a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TargetQueue {
    /// Its name.
    pub queue: String,
    /// How many wait.
    pub waiting: usize,
    /// How many of its agents are free and have room for its calls.
    pub free: u32,
}

/// A SIP phone as a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TargetPhone {
    /// Its number.
    pub extension: String,
    /// Its name.
    pub name: String,
}

/// Where an agent may send its call now, or could.
///
/// # Errors
/// There is no such enterprise.
pub async fn targets(desk: &Desk, tenant: &TenantId, agent: &str) -> Outcome<Targets> {
    let enterprise = desk.enterprise(tenant).await?.enterprise;
    let (floor, now) = agents::look(desk, tenant).await?;
    let views = floor.agents(now);
    let call = views.iter().find(|view| *view.number == *agent).and_then(|view| view.call);
    let others = views.into_iter().filter(|view| *view.number != *agent);
    let queue = |view: QueueView| TargetQueue {
        queue: view.name.to_string(),
        waiting: view.waiting.len(),
        free: view.agents.iter().find(|(state, _)| *state == State::Free).map_or(0, |(_, count)| *count),
    };
    let of_nobody = |number: &str| enterprise.agents.iter().all(|one| one.extension != number);
    let phones = enterprise.extensions.iter().filter(|one| of_nobody(&one.number));
    Ok(Targets {
        agents: others
            .map(|view| TargetAgent {
                agent: view.number.to_string(),
                name: view.name.to_string(),
                state: view.state,
                has_room: view.has_room,
                queues: view.queues.iter().map(ToString::to_string).collect(),
            })
            .collect(),
        queues: floor.queues(now).into_iter().map(queue).collect(),
        bound: bound(desk, call, &enterprise).await?,
        extensions: phones
            .map(|one| TargetPhone { extension: one.number.clone(), name: one.name.clone() })
            .collect(),
    })
}

/// The bound numbers that are enabled: those of the call's own number, or of all while there is no call.
async fn bound(desk: &Desk, call: Option<CallId>, enterprise: &Enterprise) -> Outcome<Vec<String>> {
    let called = match (&desk.live, call) {
        (Some(live), Some(call)) => {
            live.ask(move |node: &Node, _| node.call(call).map(|up| up.hotline().number)).await?
        }
        _ => None,
    };
    let numbers = enterprise.numbers.iter().filter(|one| called.is_none_or(|called| one.number == called));
    let enabled = numbers.flat_map(|one| &one.destinations).filter(|one| one.enabled);
    let names: BTreeSet<String> = enabled.map(|one| one.name.clone()).collect();
    Ok(names.into_iter().collect())
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
        | TalkOrder::Merge
        | TalkOrder::PauseRecording
        | TalkOrder::ResumeRecording
        | TalkOrder::Rate => "",
    };
    match why {
        NotObeyed::Unknown => Refusal::not_found(
            format!("没有转接目标或话机 {name}"),
            format!("there is no target or phone {name}"),
        ),
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
        NotObeyed::NoCapacity => Refusal::new(
            Code::NoCapacity,
            format!("坐席 {name} 的容量不够接来电"),
            format!("the agent {name} has no room for a call"),
        ),
        NotObeyed::NoSurvey => Refusal::new(
            Code::NoRating,
            "这通来电的队列没有设置满意度评价",
            "the queue of this call asks for no rating",
        ),
        NotObeyed::Unrated(why) => unrated(why),
    }
}

fn unrated(why: Unrated) -> Refusal {
    let (zh, en) = match why {
        Unrated::ShortTalk => ("通话时间太短，还不能转评价", "the talk is too short to be rated yet"),
        Unrated::Lately => ("主叫不久前评价过，暂不再询问", "the caller was asked not long ago"),
        Unrated::Before | Unrated::NoKey | Unrated::WrongKey | Unrated::CallOver => {
            ("这通来电已经询问过评价", "this call was asked for a rating before")
        }
    };
    Refusal::new(Code::NoRating, zh, en)
}
