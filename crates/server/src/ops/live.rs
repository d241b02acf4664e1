//! Calls as they are now (row Q08): what the node holds, looked at between two of its turns.

use std::sync::Arc;

use hotline::call::{Call, Fact, LegNo};
use hotline::cdr::AttemptKind;
use hotline::region::Region;
use hotline::{CallId, HotlineNumber, TenantId, Wall};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Code, Desk, Outcome, Refusal};

/// How far a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LiveState {
    /// Prompts, keys, or nobody dialled yet; likewise behind a talk.
    InFlow,
    /// Somebody's phone rings.
    Ringing,
    /// Somebody answered: the recording notice, then the talk.
    Talking,
    /// The caller is on hold with music.
    OnHold,
    /// The caller is on its way to somebody else, with music.
    Moving,
    /// It is over but for the last word of its legs.
    Ending,
}

/// One call that is up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LiveCall {
    /// The call.
    #[schema(value_type = String)]
    pub call: CallId,
    /// The 400 number.
    #[schema(value_type = String)]
    pub number: HotlineNumber,
    /// The caller in national form, empty when withheld.
    pub caller: String,
    /// The caller's province and city, as far as known.
    pub region: String,
    /// How far it is.
    pub state: LiveState,
    /// The bound number that rings or talks, by name; empty before.
    pub destination: String,
    /// When it began: milliseconds since 1970-01-01 UTC.
    #[schema(value_type = i64)]
    pub began_at: Wall,
    /// When it came to this state.
    #[schema(value_type = i64)]
    pub since: Wall,
    /// Whether its recording keeps nothing now (row V09).
    #[serde(default)]
    pub recording_paused: bool,
}

/// The calls of an enterprise that are up, the oldest first.
///
/// # Errors
/// Nobody serves, or the node does not answer.
pub async fn calls(desk: &Desk, tenant: &TenantId) -> Outcome<Vec<LiveCall>> {
    let live = desk.live.as_ref().ok_or_else(no_server)?;
    let tenant = tenant.clone();
    let look = move |node: &node::Node, _| -> Vec<LiveCall> {
        node.calls().filter_map(|call| seen(call, &tenant)).collect()
    };
    let mut calls = live.ask(look).await?;
    calls.sort_by_key(|call| (call.began_at, call.call));
    Ok(calls)
}

/// What is asked of calls that are up while nobody serves.
pub(super) fn no_server() -> Refusal {
    Refusal::new(Code::NoServer, "平台没有在运行", "no server is running")
}

/// `广东深圳`; a municipality once.
fn place(region: &Region) -> String {
    match region.province == region.city {
        true => region.city.to_string(),
        false => format!("{}{}", region.province, region.city),
    }
}

/// One call of an enterprise that is up, in a look at the node.
pub(super) fn call(node: &node::Node, id: CallId, tenant: &TenantId) -> Option<LiveCall> {
    node.call(id).and_then(|call| seen(call, tenant))
}

/// A call as its log tells it; `None` if it is another enterprise's.
fn seen(call: &Call, tenant: &TenantId) -> Option<LiveCall> {
    let Some(Fact::Arrived(arrived)) = call.log().first().map(|dated| &dated.fact) else { return None };
    if arrived.tenant != *tenant {
        return None;
    }
    let wall = |at: hotline::Mono| Wall(at.0 as i64 + arrived.wall_offset_ms);
    let began_at = wall(call.log()[0].at);
    let mut live = LiveCall {
        call: call.id(),
        number: arrived.number,
        caller: arrived.caller.clone(),
        region: place(&arrived.region),
        state: LiveState::InFlow,
        destination: String::new(),
        began_at,
        since: began_at,
        recording_paused: call.is_recording_paused(),
    };
    let mut legs: Vec<(LegNo, Arc<str>)> = Vec::new();
    // Supervisors' phones are no part of what the caller does, until one of them takes the talk over.
    let mut watchers: Vec<(LegNo, Arc<str>)> = Vec::new();
    let is_watcher = |watchers: &[(LegNo, Arc<str>)], of: &LegNo| watchers.iter().any(|(leg, _)| leg == of);
    let mut moving = false;
    let unless_moving = |moving, state| if moving { LiveState::Moving } else { state };
    for dated in call.log() {
        let fact = &dated.fact;
        let state = if let Fact::Dialled(one) = fact
            && one.kind == AttemptKind::Watch
        {
            watchers.push((one.leg, one.destination.clone()));
            continue;
        } else if let Fact::LegFailed { leg, .. } | Fact::LegOver { leg } | Fact::LegAnswered { leg, .. } =
            fact
            && is_watcher(&watchers, leg)
        {
            continue;
        } else if let Fact::Dialled(one) = fact {
            legs.push((one.leg, one.destination.clone()));
            unless_moving(moving, LiveState::Ringing)
        } else if let Fact::LegFailed { leg: gone, .. } = fact {
            legs.retain(|(leg, _)| leg != gone);
            unless_moving(moving, if legs.is_empty() { LiveState::InFlow } else { LiveState::Ringing })
        } else if let Fact::LegOver { leg: gone } = fact {
            let talks = matches!(live.state, LiveState::Talking | LiveState::OnHold);
            legs.retain(|(leg, _)| leg != gone);
            // Who talked is gone, and the call goes on: a question, a step behind the talk.
            if talks && legs.is_empty() && !moving { LiveState::InFlow } else { live.state }
        } else if let Fact::LegAnswered { leg: answered } = fact {
            legs.retain(|(leg, _)| moving || leg == answered);
            unless_moving(moving, LiveState::Talking)
        } else if let Fact::HoldBegan { .. } = fact {
            unless_moving(moving, LiveState::OnHold)
        } else if let Fact::HoldEnded = fact {
            unless_moving(moving, LiveState::Talking)
        } else if let Fact::TransferBegan { .. } = fact {
            moving = true;
            LiveState::Moving
        } else if let Fact::TransferOver { .. } = fact {
            moving = false;
            LiveState::InFlow
        } else if let Fact::Joined { leg: joined } = fact {
            legs.extend(watchers.extract_if(.., |(leg, _)| leg == joined));
            legs.retain(|(leg, _)| leg == joined);
            LiveState::Talking
        } else if let Fact::HungUp { .. } = fact {
            LiveState::Ending
        } else {
            continue;
        };
        live.destination = legs.last().map(|(_, name)| name.to_string()).unwrap_or_default();
        if state != live.state {
            (live.state, live.since) = (state, wall(dated.at));
        }
    }
    Some(live)
}
