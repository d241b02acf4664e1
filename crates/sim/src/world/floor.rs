//! Agents of a world: where their phones are, what they want, and what must hold of those who wait for them.

use std::net::SocketAddr;
use std::sync::Arc;

use hotline::call::{Call, Fact, TalkOrder};
use hotline::enterprise::{phone_user, staff};
use hotline::queue::{AgentView, Floor, Order};
use hotline::settlement::AgentStep;
use hotline::tenant::{Tenant, agent_state};
use hotline::{CallId, TenantId};
use node::phones::Way;
use node::{AgentOrder, CallOrder, Change, Input, Node};
use sip::Hop;
use sip::location::Binding;

use super::World;

/// Where the phone at a place among an enterprise's extensions listens.
pub(super) fn home_of(enterprise: usize, place: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 8 + enterprise as u8, place as u8 + 1], 5060))
}

impl World {
    /// Every SIP phone of the world is registered by datagrams and stays so: registering has tests of its own.
    pub(super) fn register_phones(&self, node: &mut Node) {
        let now = self.now();
        for (place, (enterprise, _)) in self.enterprises.iter().enumerate() {
            for (at, extension) in enterprise.extensions.iter().enumerate() {
                let (home, user) = (home_of(place, at), phone_user(&enterprise.id, &extension.number));
                let binding = Binding {
                    contact: format!("sip:{}@{home}", extension.number),
                    flow: Hop::udp(home),
                    path: Vec::new(),
                    instance: None,
                    reg_id: None,
                    call_id: user.clone(),
                    cseq: 1,
                    expires_at_ms: 0,
                };
                let until = hotline::Wall(now.wall.0 + 7 * 86_400_000);
                if let Some(kept) = node.phones().kept_at(&user, vec![Way { binding, until }]) {
                    node.phones().recall(kept, now);
                }
            }
        }
    }

    /// As the command does it: in the running node, and in the store, from which the next life learns of it.
    pub(super) fn agent_orders(&mut self, place: usize, number: &str, order: &Order) -> Result<(), String> {
        let (enterprise, version) = &self.enterprises[place];
        let (tenant, staff) = (enterprise.id.clone(), Arc::new(staff(enterprise, *version)));
        let now = self.now();
        let change = Change::Agent(Box::new(AgentOrder {
            tenant: tenant.clone(),
            staff: staff.clone(),
            number: number.to_owned(),
            order: order.clone(),
        }));
        self.hear(Input::Change(change));
        let live = self.node.as_ref().and_then(|node| node.tenant(&tenant));
        let mut cold = Vec::new();
        let kept = match live.and_then(|tenant| Some((tenant.turn(), tenant.floor()?.written(number, now)?)))
        {
            Some((turn, value)) => agent_state(number, &value, turn),
            None => {
                let account = self.store.account(&tenant);
                let mut asleep = Tenant::default();
                account.states.iter().for_each(|state| asleep.remember(state));
                let turn = asleep.next_turn();
                let floor = asleep.floor_mut();
                floor.take_staff(&staff, now);
                _ = floor.obey(number, order, now);
                let changes = floor.take_changes(now).into_iter();
                cold.extend(changes.map(|told| AgentStep::new(tenant.clone(), told, turn)));
                agent_state(number, &floor.written(number, now).ok_or(format!("no agent {number}"))?, turn)
            }
        };
        self.store.keep(&tenant, &[kept]);
        if !cold.is_empty() {
            self.held.insert(tenant.clone());
        }
        for step in cold {
            self.store.keep_steps([&step]);
            self.watch.agents.changes_cold(&step);
        }
        Ok(())
    }

    /// A change of an agent leaves the node.
    pub(super) fn agent_changes(&mut self, step: Arc<AgentStep>) -> Result<(), String> {
        self.watch.agents.changes(&step, self.life.number)?;
        self.touched.push(step.tenant.clone());
        self.store.queue_step(step);
        self.wake_store();
        Ok(())
    }

    /// As the command does it: somebody orders something about a talk.
    pub(super) fn order_talk(&mut self, place: usize, call: CallId, order: TalkOrder) -> Result<(), String> {
        let (enterprise, version) = &self.enterprises[place];
        let (tenant, staff) = (enterprise.id.clone(), Arc::new(staff(enterprise, *version)));
        let asked = CallOrder { tenant, staff, call, order, by: "desk".into() };
        self.hear(Input::Change(Change::Talk(Box::new(asked))));
        Ok(())
    }

    /// An agent as the node sees it.
    pub(super) fn agent(&self, place: usize, number: &str) -> Option<AgentView> {
        let tenant = self.node.as_ref()?.tenant(&self.enterprises[place].0.id)?;
        tenant.floor()?.agents(self.now()).into_iter().find(|view| *view.number == *number)
    }

    /// Whether queues and agents are as they must be, and agree with the calls that are up (row Q24).
    pub(super) fn check_floor(&self, id: &TenantId, floor: &Floor, node: &Node) -> Result<(), String> {
        let now = self.now();
        let fail = |what: String| Err(format!("{id}: {what}"));
        node.check_floor(id, now)?;
        // What the outputs of a turn bring about is told by the next, which follows at once.
        let is_told_later = node.next_timeout() <= now.mono;
        for view in floor.agents(now) {
            if !is_told_later {
                self.watch.agents.check(id, &view)?;
            }
        }
        for view in
            floor.agents(now).iter().filter(|view| view.after_work.is_some_and(|work| work.owes_result))
        {
            let terms = floor.result_terms(&view.number);
            let wrap_up = terms.and_then(|terms| Some(floor.queue_rules(terms.queue)?.wrap_up));
            let limit_ms = terms.zip(wrap_up).map(|(terms, wrap_up)| terms.results.limit_ms(wrap_up));
            if limit_ms.is_none_or(|limit_ms| view.since_ms > limit_ms) {
                return fail(format!("agent {} owes a result past its time (Q09)", view.number));
            }
        }
        for queue in floor.queues(now) {
            let patience_ms = floor.queue_rules(&queue.name).map_or(0, |rules| rules.patience_ms);
            let waits = |call: &&Call| queue.waiting.iter().any(|(known, _)| *known == call.id());
            for call in node.calls().filter(|call| waits(call) && !call.is_calling_back()) {
                let joined = call.log().iter().rev().find(|dated| matches!(dated.fact, Fact::Queued { .. }));
                // While its thread sleeps nobody's patience is looked at.
                let asleep = self.clock < self.asleep_until;
                if !asleep && joined.is_none_or(|joined| now.mono.since_ms(joined.at) > patience_ms) {
                    return fail(format!("{} waits past all patience", call.id()));
                }
            }
        }
        match node.tenant(id) {
            Some(tenant) => self.check_requests(id, tenant, node),
            None => Ok(()),
        }
    }
}
