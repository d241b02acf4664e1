//! Agents and queues as people see and steer them (rows Q02, Q10, Q11): who is on duty, who waits, and an agent's orders.
//! The running node obeys; the store keeps what an agent is, so that a restart finds it so.

use std::sync::Arc;
use std::time::Duration;

use hotline::agent::{self, CONNECTION_LOST, RESERVED_REASONS, Rest, State};
use hotline::enterprise::{phone_user, staff};
use hotline::queue::{AgentView, Floor, NotObeyed, Order, QueueView, Staff};
use hotline::settlement::{AgentStep, TenantState};
use hotline::tenant::{Tenant, agent_state};
use hotline::{Mono, Now, TenantId, Wall};
use node::{AgentOrder, Node};
use serde::{Deserialize, Serialize};

use super::live::{self, LiveCall};
use super::{Code, Desk, Outcome, Refusal, talks};
use crate::meters::Meters;
use crate::running::Running;

/// What an agent wants.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Steer {
    /// The enterprise.
    pub tenant: TenantId,
    /// The agent's number.
    pub agent: String,
    /// What it wants.
    pub wish: Wish,
    /// Who asks.
    pub by: String,
}

/// An agent's order, as it is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// Log in, ready.
    LogIn,
    /// Log out; a call goes on.
    LogOut,
    /// Take calls again; ends after-work that may be ended.
    Ready,
    /// Take no calls from now on, or from the end of the call, for this reason.
    Rest(String),
    /// Have the SIP phone rung, or the mobile, from the next offer on.
    Device(Device),
}

/// What rings for an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Device {
    /// The SIP phone; the mobile where that is registered nowhere.
    Phone,
    /// The mobile alone.
    Mobile,
}

impl Wish {
    fn order(&self) -> Order {
        match self {
            Wish::LogIn => Order::LogIn,
            Wish::LogOut => Order::LogOut,
            Wish::Ready => Order::Ready,
            Wish::Rest(reason) => Order::Rest(Rest::Own(reason.as_str().into())),
            Wish::Device(Device::Phone) => Order::Device(agent::Device::Phone),
            Wish::Device(Device::Mobile) => Order::Device(agent::Device::Mobile),
        }
    }
}

/// Which enterprise is asked about.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Of {
    /// The enterprise.
    pub tenant: TenantId,
}

/// The longest reason of a rest, in characters.
const REASON_MAX: usize = 64;

/// Obeys an agent, in the running node and in the database, and shows what the agent is then.
///
/// # Errors
/// There is no such enterprise or agent, or the agent's state does not allow it.
pub async fn steer(desk: &Desk, asked: &Steer) -> Outcome<AgentView> {
    let order = asked.wish.order();
    if let Order::Rest(rest) = &order {
        check_reason(rest.reason())?;
    }
    obey(desk, &asked.tenant, &asked.agent, order, &asked.by).await
}

/// The same for any order of an agent.
pub(super) async fn obey(
    desk: &Desk,
    tenant: &TenantId,
    agent: &str,
    order: Order,
    by: &str,
) -> Outcome<AgentView> {
    let _held = desk.hold_account(tenant).await;
    let staff = staff_of(desk, tenant).await?;
    let (mut floor, turn) = floor_of(desk, tenant, &staff).await?;
    let now = now_of(desk).await?;
    floor.obey(agent, &order, now).map_err(|why| refused(agent, why))?;
    let change = AgentOrder { tenant: tenant.clone(), staff: staff.clone(), number: agent.to_owned(), order };
    if let Some(live) = &desk.live {
        live.apply(node::Change::Agent(Box::new(change.clone()))).await?;
    }
    // Of an enterprise that nobody called lately the node holds nothing: there the database's word counts.
    let known = in_memory(desk, tenant).await?;
    let is_known = known.is_some();
    let (mut floor, turn) = known.unwrap_or((floor, turn + 1));
    floor.take_staff(&staff, now);
    let value = floor.written(agent, now).unwrap_or_default();
    // What changed in a floor that the node has in memory, it writes itself.
    let steps = steps(tenant, &mut floor, turn, now);
    let states = [agent_state(agent, &value, turn)];
    desk.store.keep_states(tenant, (&states, &steps), agent, &desk.change(by)).await?;
    if let Some(live) = desk.live.as_ref().filter(|_| !is_known) {
        // It may have come into memory meanwhile, as it was before.
        live.apply(node::Change::Agent(Box::new(change))).await?;
    }
    floor.agent_view(agent, now).ok_or_else(|| refused(agent, NotObeyed::Unknown))
}

/// Every agent of an enterprise.
///
/// # Errors
/// There is no such enterprise.
pub async fn agents(desk: &Desk, asked: &Of) -> Outcome<Vec<AgentView>> {
    let (floor, now) = look(desk, &asked.tenant).await?;
    Ok(floor.agents(now))
}

/// An agent at one instant, with the call that keeps it as far as that is up.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The agent.
    pub view: AgentView,
    /// The call.
    pub call: Option<LiveCall>,
    /// The orders that the agent may give about it now, by their words.
    pub orders: Vec<&'static str>,
    /// The instant.
    pub at: Wall,
}

/// Every agent of an enterprise with its call.
///
/// # Errors
/// There is no such enterprise.
pub async fn seen(desk: &Desk, asked: &Of) -> Outcome<Vec<Seen>> {
    let (floor, now) = look(desk, &asked.tenant).await?;
    with_calls(desk, &asked.tenant, floor.agents(now), now).await
}

/// One agent with its call. Whoever watches it asks each second: an enterprise in memory is not read from the database.
///
/// # Errors
/// There is no such enterprise or agent.
pub async fn one(desk: &Desk, tenant: &TenantId, agent: &str) -> Outcome<Seen> {
    if let Some(live) = &desk.live {
        let (of, number) = (tenant.clone(), agent.to_owned());
        let found = live.ask(move |node, now| {
            let view = node.tenant(&of)?.floor()?.agent_view(&number, now)?;
            Some(with_call(node, view, &of, now))
        });
        if let Some(found) = found.await? {
            return Ok(found);
        }
    }
    let (floor, now) = look(desk, tenant).await?;
    let view = floor.agent_view(agent, now).ok_or_else(|| refused(agent, NotObeyed::Unknown))?;
    let mut all = with_calls(desk, tenant, vec![view], now).await?;
    all.pop().ok_or_else(|| refused(agent, NotObeyed::Unknown))
}

/// A page that is a phone and was gone for too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The enterprise.
    pub tenant: TenantId,
    /// The phone's number.
    pub extension: String,
}

/// Lost pages that wait to be kept.
pub(crate) const LOST_MAX: usize = 4_096;
/// Between two tries while the database is away.
const LOST_AGAIN: std::time::Duration = std::time::Duration::from_secs(2);
/// Who logs them out, in the audit.
const PRESENCE: &str = "presence";

/// How often agents and queues are held against the live calls.
const CHECKED: Duration = Duration::from_secs(60);

/// Holds agents and queues against the live calls each minute (row Q24): by what must hold nobody is stuck and nobody waits who
/// is gone. What does not is told in the log and by `sibai_floors_astray`; nothing is mended behind anybody's back.
pub(crate) async fn check(running: Running, meters: Arc<Meters>) {
    loop {
        tokio::time::sleep(CHECKED).await;
        let astray = running.ask(|node, now| {
            let all = node.tenants().filter_map(|(id, _)| node.check_floor(id, now).err());
            all.collect::<Vec<String>>()
        });
        // Where too much is asked of the node it is looked at again in a minute.
        let Ok(astray) = astray.await else { continue };
        meters.floors_astray.set(astray.len() as u64);
        for what in astray {
            tracing::error!(what, "agents and queues do not agree with the live calls");
        }
    }
}

/// Keeps that agents are logged out whose pages are gone, each until the database has it (row Q10).
pub(crate) async fn keep_lost(running: Running, mut lost: tokio::sync::mpsc::Receiver<Lost>) {
    while let Some(one) = lost.recv().await {
        let desk = Desk::of(running.clone());
        while let Err(refusal) = lose(&desk, &one).await {
            if !matches!(refusal.code, Code::Database | Code::NodeBusy) {
                tracing::warn!(tenant = %one.tenant, refusal = refusal.en, "a lost page is nobody's");
                break;
            }
            tokio::time::sleep(LOST_AGAIN).await;
        }
    }
}

async fn lose(desk: &Desk, lost: &Lost) -> Outcome<()> {
    let staff = staff_of(desk, &lost.tenant).await?;
    let phone = phone_user(&lost.tenant, &lost.extension);
    for rules in staff.agents.iter().filter(|rules| *rules.phone == *phone) {
        lose_one(desk, &lost.tenant, &staff, &rules.number).await?;
    }
    Ok(())
}

/// Where the node has the enterprise in memory it decided already; else it is decided here, by the same rule: a page that
/// is back by now, however long this waited for the database, is not lost.
async fn lose_one(desk: &Desk, tenant: &TenantId, staff: &Arc<Staff>, number: &str) -> Outcome<()> {
    let _held = desk.hold_account(tenant).await;
    let known = in_memory(desk, tenant).await?;
    let is_known = known.is_some();
    let (mut floor, turn) = match known {
        Some(known) => known,
        None => cold_floor(desk, tenant).await?,
    };
    let now = now_of(desk).await?;
    floor.take_staff(staff, now);
    let order = Order::Lost;
    if !is_known && (is_back(desk, staff, number).await? || floor.obey(number, &order, now).is_err()) {
        return Ok(());
    }
    let view = floor.agent_view(number, now);
    if view.is_none_or(|view| view.state != State::Off || view.reason != CONNECTION_LOST) {
        return Ok(());
    }
    let value = floor.written(number, now).unwrap_or_default();
    let turn = if is_known { turn } else { turn + 1 };
    let steps = steps(tenant, &mut floor, turn, now);
    let states = [agent_state(number, &value, turn)];
    desk.store.keep_states(tenant, (&states, &steps), number, &desk.change(PRESENCE)).await?;
    if let Some(live) = desk.live.as_ref().filter(|_| !is_known) {
        // It may have come into memory meanwhile, as it was before.
        let change =
            AgentOrder { tenant: tenant.clone(), staff: staff.clone(), number: number.to_owned(), order };
        live.apply(node::Change::Agent(Box::new(change))).await?;
    }
    Ok(())
}

/// What changed with the agents of a floor that nobody else writes of.
fn steps(tenant: &TenantId, floor: &mut Floor, turn: u64, now: Now) -> Vec<AgentStep> {
    let changes = floor.take_changes(now).into_iter();
    changes.map(|told| AgentStep::new(tenant.clone(), told, turn)).collect()
}

/// Changes of agents are kept so long, as the stays that reports read beside them.
const CHANGES_DAYS: i64 = 400;
/// Forgotten at a time.
const FORGOTTEN: u32 = 5_000;
/// How often old changes are looked for.
const FORGET_EVERY: std::time::Duration = std::time::Duration::from_secs(3_600);

/// Forgets changes of agents that are over their time, as long as the process lives.
pub(crate) async fn forget_changes(running: Running) {
    let desk = Desk::of(running);
    loop {
        if let Err(error) = forget(&desk, crate::clock::wall()).await {
            tracing::debug!(%error, "old changes of agents stay for now");
        }
        tokio::time::sleep(FORGET_EVERY).await;
    }
}

async fn forget(desk: &Desk, now: Wall) -> store::Result<()> {
    let before = Wall(now.0 - CHANGES_DAYS * 86_400_000);
    while desk.store.forget_agent_changes(before, FORGOTTEN).await? == u64::from(FORGOTTEN) {}
    Ok(())
}

/// Whether the phone of an agent is reached now.
async fn is_back(desk: &Desk, staff: &Staff, number: &str) -> Outcome<bool> {
    let rules = staff.agents.iter().find(|rules| *rules.number == *number);
    let (Some(live), Some(phone)) = (&desk.live, rules.map(|rules| rules.phone.clone())) else {
        return Ok(false);
    };
    Ok(live.ask(move |node, _| node.reaches(&phone)).await?)
}

async fn with_calls(desk: &Desk, tenant: &TenantId, views: Vec<AgentView>, now: Now) -> Outcome<Vec<Seen>> {
    let alone = |view| Seen { view, call: None, orders: Vec::new(), at: now.wall };
    let Some(live) = &desk.live else { return Ok(views.into_iter().map(alone).collect()) };
    let tenant = tenant.clone();
    let look =
        move |node: &Node, now| views.into_iter().map(|view| with_call(node, view, &tenant, now)).collect();
    Ok(live.ask(look).await?)
}

/// An agent with its call and what may be ordered about it, in a look at the node.
fn with_call(node: &Node, view: AgentView, tenant: &TenantId, now: Now) -> Seen {
    let call = view.call.and_then(|call| live::call(node, call, tenant));
    let up = call.as_ref().and_then(|call| node.call(call.call)).zip(node.tenant(tenant));
    let orders = up.map_or_else(Vec::new, |(up, of)| talks::open_orders(up, &view.number, of, now.mono));
    Seen { view, call, orders, at: now.wall }
}

/// Every queue of an enterprise, with who waits and its agents by state.
///
/// # Errors
/// There is no such enterprise.
pub async fn queues(desk: &Desk, asked: &Of) -> Outcome<Vec<QueueView>> {
    let (floor, now) = look(desk, &asked.tenant).await?;
    Ok(floor.queues(now))
}

pub(super) async fn look(desk: &Desk, tenant: &TenantId) -> Outcome<(Floor, Now)> {
    let staff = staff_of(desk, tenant).await?;
    let (mut floor, _) = floor_of(desk, tenant, &staff).await?;
    let now = now_of(desk).await?;
    floor.take_staff(&staff, now);
    floor.handle_timeout(now);
    Ok((floor, now))
}

/// The agents and queues of the enterprise's document as it stands.
async fn staff_of(desk: &Desk, tenant: &TenantId) -> Outcome<Arc<Staff>> {
    let stored = desk.enterprise(tenant).await?;
    Ok(Arc::new(staff(&stored.enterprise, stored.version)))
}

/// A copy of the floor as it is now, with the tenant's turn: in the running node, or as it was kept.
async fn floor_of(desk: &Desk, tenant: &TenantId, staff: &Staff) -> Outcome<(Floor, u64)> {
    let known = in_memory(desk, tenant).await?;
    let (mut floor, turn) = match known {
        Some(known) => known,
        None => cold_floor(desk, tenant).await?,
    };
    floor.take_staff(staff, now_of(desk).await?);
    Ok((floor, turn))
}

/// The floor as it was kept, with the tenant's turn.
async fn cold_floor(desk: &Desk, tenant: &TenantId) -> Outcome<(Floor, u64)> {
    let mut cold = Tenant::default();
    let states: Vec<TenantState> = desk.store.tenant_state(tenant).await?;
    states.iter().for_each(|state| cold.remember(state));
    Ok((cold.floor_mut().clone(), cold.turn()))
}

async fn in_memory(desk: &Desk, tenant: &TenantId) -> Outcome<Option<(Floor, u64)>> {
    let Some(live) = &desk.live else { return Ok(None) };
    let tenant = tenant.clone();
    let look = move |node: &Node, _| {
        let tenant = node.tenant(&tenant)?;
        Some((tenant.floor().cloned().unwrap_or_default(), tenant.turn()))
    };
    Ok(live.ask(look).await?)
}

/// The node's instant; without a node one that begins late enough for all that was kept.
async fn now_of(desk: &Desk) -> Outcome<Now> {
    match &desk.live {
        Some(live) => Ok(live.ask(|_, now| now).await?),
        None => {
            let wall = crate::clock::wall();
            Ok(Now { mono: Mono(wall.0.max(0) as u64), wall })
        }
    }
}

fn check_reason(reason: &str) -> Outcome<()> {
    let fits = (1..=REASON_MAX).contains(&reason.chars().count()) && !reason.chars().any(char::is_control);
    if fits && !RESERVED_REASONS.contains(&reason) {
        return Ok(());
    }
    let reserved = RESERVED_REASONS.join(", ");
    Err(Refusal::invalid(
        format!("小休原因应为 1 至 {REASON_MAX} 个可见字符，且不能是平台自用的 {reserved}"),
        format!(
            "a reason has 1 to {REASON_MAX} characters that show, and is none of the platform's own: {reserved}"
        ),
    ))
}

pub(super) fn refused(agent: &str, why: NotObeyed) -> Refusal {
    match why {
        NotObeyed::Unknown => {
            Refusal::not_found(format!("没有坐席 {agent}"), format!("there is no agent {agent}"))
        }
        NotObeyed::NotNow(hotline::agent::NotNow::LoggedOut) => {
            Refusal::invalid(format!("坐席 {agent} 没有签入"), format!("the agent {agent} is not logged in"))
        }
        NotObeyed::NotNow(hotline::agent::NotNow::ResultOwed) => Refusal::new(
            Code::ResultOwed,
            format!("坐席 {agent} 要先选择本次通话的处理结果"),
            format!("the agent {agent} is to choose the result of the call first"),
        ),
        NotObeyed::NoResultAwaited => Refusal::not_found(
            format!("坐席 {agent} 没有待选处理结果的这个通话"),
            format!("no result of such a call is awaited of the agent {agent}"),
        ),
        NotObeyed::NoSuchDevice => Refusal::invalid(
            format!("坐席 {agent} 没有这种终端"),
            format!("the agent {agent} has no such device"),
        ),
        NotObeyed::NoSuchResult => {
            Refusal::invalid("队列没有这个处理结果".to_owned(), "the queue has no such result".to_owned())
        }
        NotObeyed::NotNow(hotline::agent::NotNow::InCall) => {
            Refusal::invalid(format!("坐席 {agent} 正在通话"), format!("a call keeps the agent {agent}"))
        }
        NotObeyed::NotNow(hotline::agent::NotNow::AfterWork) => Refusal::invalid(
            format!("坐席 {agent} 的话后整理时间由队列规定，不能提前结束"),
            format!("the after-work time of the agent {agent} lasts as long as its queue says"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q10_nobody_rests_for_a_reason_of_the_platforms_own() {
        for reserved in RESERVED_REASONS {
            let refused = check_reason(reserved).expect_err("it is the platform's");
            assert_eq!(refused.code, Code::InvalidValue, "{reserved}");
            assert!(refused.en.contains(reserved) && refused.zh.contains(reserved), "{refused:?}");
        }
        assert!(check_reason("lunch").is_ok() && check_reason("午餐").is_ok());
        assert!(check_reason("").is_err() && check_reason("a\nb").is_err());
    }
}
