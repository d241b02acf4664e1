//! Queues and agents of the tenants in memory: what their floors tell is carried to the calls that wait, and their
//! deadlines are kept. Who is offered what is decided in `hotline::queue`.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use hotline::agent::State;
use hotline::call::Event;
use hotline::queue::{AgentChange, Floor, Order, Staff, Told};
use hotline::settlement::AgentStep;
use hotline::{CallId, Mono, Now, TenantId};

use crate::journal::Record;
use crate::node::{Node, Output};

/// What floors are still to be served with.
#[derive(Debug, Default)]
pub(crate) struct Floors {
    told: VecDeque<(CallId, Told)>,
    changed: Vec<(TenantId, AgentChange)>,
    due: BTreeSet<(Mono, TenantId)>,
    wakes: BTreeMap<TenantId, Mono>,
}

/// An agent's order. Of an enterprise that nobody called lately nothing is in memory: there the store's word counts.
#[derive(Clone, Debug)]
pub struct AgentOrder {
    /// The enterprise.
    pub tenant: TenantId,
    /// Its agents and queues as its document says now.
    pub staff: Arc<Staff>,
    /// The agent's number.
    pub number: String,
    /// What the agent wants.
    pub order: Order,
}

impl Floors {
    /// Takes what a floor has to tell, what changed with its agents, and when it is to be asked again.
    pub fn hear(&mut self, tenant: &TenantId, floor: &mut Floor, now: Now) {
        self.changed.extend(floor.take_changes(now).into_iter().map(|change| (tenant.clone(), change)));
        while let Some(told) = floor.poll() {
            self.told.push_back(told);
        }
        let next = floor.next_timeout();
        let before = self.wakes.get(tenant).copied();
        if before == next {
            return;
        }
        if let Some(at) = before {
            self.due.remove(&(at, tenant.clone()));
            self.wakes.remove(tenant);
        }
        if let Some(at) = next {
            self.due.insert((at, tenant.clone()));
            self.wakes.insert(tenant.clone(), at);
        }
    }

    fn next_due(&mut self, now: Mono) -> Option<TenantId> {
        let (at, tenant) = self.due.first().cloned()?;
        if at > now {
            return None;
        }
        self.due.pop_first();
        self.wakes.remove(&tenant);
        Some(tenant)
    }

    /// Whether something is still to be told.
    pub fn is_waiting(&self) -> bool {
        !self.told.is_empty() || !self.changed.is_empty()
    }

    pub fn next_told(&mut self) -> Option<(CallId, Told)> {
        self.told.pop_front()
    }

    pub fn next_timeout(&self) -> Option<Mono> {
        self.due.first().map(|(at, _)| *at)
    }
}

impl Node {
    /// Whether queues and agents of an enterprise are as they must be, and agree with the calls that are up (row Q24).
    ///
    /// # Errors
    /// The first thing that does not hold, for the operator's log.
    pub fn check_floor(&self, id: &TenantId, now: Now) -> Result<(), String> {
        let Some(tenant) = self.tenant(id) else { return Ok(()) };
        let Some(floor) = tenant.floor() else { return Ok(()) };
        let fail = |what: String| Err(format!("{id}: {what}"));
        floor.check(now).or_else(fail)?;
        let is_up = |call: CallId| {
            self.call(call).is_some_and(|call| call.hotline().tenant == *id && !call.is_ending())
        };
        for view in floor.agents(now) {
            let busy = matches!(view.state, State::Ringing | State::Talking);
            if busy != view.call.is_some() || view.call.is_some_and(|call| !is_up(call)) {
                return fail(format!("agent {} is {} with {:?}", view.number, view.state, view.call));
            }
        }
        for queue in floor.queues(now) {
            // Who is to be called back has no call yet.
            let has_none = |call: CallId| tenant.requests().of_call(call).is_some();
            let dead = queue.waiting.iter().find(|(call, _)| !is_up(*call) && !has_none(*call));
            if let Some((call, _)) = dead {
                return fail(format!("{call} waits in {} and is not up", queue.name));
            }
        }
        Ok(())
    }

    /// Ends after-work and pauses whose time has come, then tells calls what floors say, until they say no more.
    pub(crate) fn serve_floors(&mut self) {
        let now = self.now;
        while let Some(tenant) = self.floors.next_due(now.mono) {
            if let Some(floor) = self.books.tenant(&tenant).and_then(|tenant| tenant.known_floor_mut()) {
                floor.handle_timeout(now);
                self.floors.hear(&tenant, floor, self.now);
            }
        }
        while let Some((call, told)) = self.floors.next_told() {
            match self.by_call.get(&call).copied() {
                Some(slot) => self.tell(slot, Event::Queue(told)),
                None => self.told_in_line(call, told),
            }
        }
    }

    /// Journals what changed with agents and hands it to the store, in its order (row Q10).
    pub(crate) fn note_agents(&mut self) {
        for (tenant, told) in std::mem::take(&mut self.floors.changed) {
            let turn = self.books.tenant(&tenant).map_or(0, |tenant| tenant.next_turn());
            self.note_step(AgentStep::new(tenant, told, turn));
        }
    }

    pub(crate) fn note_step(&mut self, step: AgentStep) {
        let step = Arc::new(step);
        let from = self.writer.append(&Record::Agent { step: Cow::Borrowed(&step) });
        self.books.note_step(step.clone(), from, self.writer.position());
        self.outputs.push_back(Output::Agent(step));
    }

    /// Obeys an agent. What cannot be was refused before it came here.
    pub(crate) fn obey_agent(&mut self, asked: &AgentOrder) {
        let now = self.now;
        if self.is_stale(asked) {
            return;
        }
        let Some(tenant) = self.books.tenant(&asked.tenant) else { return };
        tenant.next_turn();
        let floor = tenant.floor_mut();
        floor.take_staff(&asked.staff, now);
        let given = floor.obey(&asked.number, &asked.order, now).ok().flatten();
        self.floors.hear(&asked.tenant, floor, self.now);
        // A call that is up has it in its log; of one that is over the database has it alone.
        if let Some((given, by)) = given.zip(asked.order.said_by())
            && let Some(slot) = self.by_call.get(&given.call).copied()
        {
            let agent = asked.number.as_str().into();
            self.tell(slot, Event::ResultGiven { agent, given: Box::new(given), by });
        }
    }
}
