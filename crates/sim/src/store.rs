//! The store in memory: it commits in batches, may be away, and may commit though its answer is lost. Replies leave it
//! in the order of its work, as those of one writer do. It refuses to know why a call cost what it cost.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use hotline::agent::StateChange;
use hotline::callback::{Request, ended_state, stop_state};
use hotline::ledger::{self, Account as Book, Entry, Side};
use hotline::settlement::{AgentStep, Settled, Settlement, TenantState};
use hotline::{CallId, HotlineNumber, Money, TenantId, Wall};
use node::{Account, MonthOf};

/// What reports read: calls, answered calls, talk, fees, by tenant, number, province and hour.
pub type RollupKey = (TenantId, HotlineNumber, Arc<str>, i64);

/// Sums of one key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Rollup {
    pub calls: u64,
    pub answered: u64,
    pub talk_ms: u64,
    pub fees: Money,
}

/// Changes of one agent, in order of time and number.
pub type AgentChanges = BTreeMap<(Wall, u64), StateChange>;

/// The store.
#[derive(Debug, Default)]
pub struct Store {
    queue: VecDeque<Settled>,
    /// Changes of agents that wait.
    steps: VecDeque<Arc<AgentStep>>,
    /// Changes of agents that are committed, by enterprise and agent, in order of time and number.
    pub changes: BTreeMap<(TenantId, Arc<str>), AgentChanges>,
    /// What is committed.
    pub records: BTreeMap<CallId, Arc<Settlement>>,
    /// Entries by their unique key.
    pub entries: BTreeMap<(TenantId, String), Entry>,
    balances: BTreeMap<Book, Money>,
    rollups: BTreeMap<RollupKey, Rollup>,
    months: BTreeMap<(TenantId, HotlineNumber, u32), (Money, u32)>,
    states: BTreeMap<(TenantId, String), (u64, String)>,
    /// Requests for callbacks that somebody saw to.
    ended: BTreeSet<CallId>,
    /// Numbers that want no callbacks.
    stopped: BTreeSet<(TenantId, String)>,
    /// The journal position that is settled.
    pub mark: u64,
    /// Until when it cannot be reached.
    pub away_until: u64,
    /// What was committed twice, and differed.
    pub faults: Vec<String>,
}

impl Store {
    /// Hands a settlement over; it is committed some time.
    pub fn queue(&mut self, settled: Settled) {
        self.queue.push_back(settled);
    }

    /// Hands a change of an agent over; it is committed before any settlement that is handed over later.
    pub fn queue_step(&mut self, step: Arc<AgentStep>) {
        self.steps.push_back(step);
    }

    /// Keeps changes of agents; those that are there already change nothing.
    pub fn keep_steps<'s>(&mut self, steps: impl IntoIterator<Item = &'s AgentStep>) {
        for step in steps {
            let of_agent = self.changes.entry((step.tenant.clone(), step.agent.clone())).or_default();
            of_agent.entry((step.change.at, step.change.number)).or_insert_with(|| step.change.clone());
        }
    }

    /// The process died: what was queued is gone, what was committed stays.
    pub fn forget_queue(&mut self) {
        self.steps.clear();
        self.queue.clear();
    }

    /// Settlements and changes of agents that wait.
    pub fn waiting(&self) -> usize {
        self.queue.len() + self.steps.len()
    }

    /// Commits at most `calls_max` of what waits, in order; the mark moves with it. Returns what is in the store now
    /// and was not before.
    pub fn commit(&mut self, calls_max: usize) -> Vec<Settled> {
        let steps = std::mem::take(&mut self.steps);
        self.keep_steps(steps.iter().map(|step| &**step));
        steps.iter().for_each(|step| self.keep(&step.tenant, std::slice::from_ref(&step.state)));
        let count = calls_max.min(self.queue.len());
        let batch: Vec<_> = self.queue.drain(..count).collect();
        for settled in &batch {
            self.mark = self.mark.max(settled.settlement.position);
        }
        batch.into_iter().filter(|settled| self.write(settled)).collect()
    }

    /// One call in one transaction; written twice it changes nothing (FAULTS B1).
    fn write(&mut self, settled: &Settled) -> bool {
        let settlement = &settled.settlement;
        let record = &settlement.record;
        if let Some(before) = self.records.get(&record.call) {
            if (&before.charges, &before.record) != (&settlement.charges, record) {
                self.faults.push(format!("call {} settled twice, differently", record.call));
            }
            return false;
        }
        for entry in &settlement.entries {
            self.post(entry);
        }
        let used = self.months.entry((record.tenant.clone(), record.number, settled.month)).or_default();
        used.0 += settled.fee;
        used.1 += u32::from(settlement.counts);
        self.keep(&record.tenant, &settlement.states);
        if let Some(asked) =
            record.callback.as_ref().filter(|asked| self.is_stopped(&record.tenant, &asked.number))
        {
            // It was asked for before the number was stopped, or while the node did not know it yet.
            _ = asked;
            self.ended.insert(record.call);
        }
        add_up(&mut self.rollups, settlement, settled.fee);
        self.records.insert(record.call, Arc::new(settlement.clone()));
        true
    }

    /// Keeps what a tenant remembers, unless something newer is there.
    pub fn keep(&mut self, tenant: &TenantId, states: &[TenantState]) {
        for state in states {
            let held = self.states.entry((tenant.clone(), state.key.clone())).or_default();
            if state.position >= held.0 {
                *held = (state.position, state.value.clone());
            }
        }
    }

    fn post(&mut self, entry: &Entry) {
        let key = (entry.tenant.clone(), entry.key.clone());
        if self.entries.insert(key, entry.clone()).is_some() {
            self.faults.push(format!("entry {} posted twice", entry.key));
        }
        for (book, side) in [(&entry.debit, Side::Debit), (&entry.credit, Side::Credit)] {
            let signed = if book.side() == side { entry.amount_e4 } else { -entry.amount_e4 };
            *self.balances.entry(book.clone()).or_default() += signed;
        }
    }

    /// Money paid in.
    pub fn top_up(&mut self, tenant: &TenantId, amount: Money, reference: &str, at: Wall) {
        if let Ok(entry) = ledger::top_up(tenant, amount, reference, at) {
            self.post(&entry);
        }
    }

    /// The balance of a tenant's prepaid account.
    pub fn balance(&self, tenant: &TenantId) -> Money {
        self.balances.get(&Book::Prepaid(tenant.clone())).copied().unwrap_or_default()
    }

    /// What a number used in a month.
    pub fn month(&self, tenant: &TenantId, number: HotlineNumber, month: u32) -> (Money, u32) {
        self.months.get(&(tenant.clone(), number, month)).copied().unwrap_or_default()
    }

    /// The open requests for callbacks of all tenants.
    pub fn requests(&self) -> impl Iterator<Item = (TenantId, Request)> {
        let kept = self.states.iter().filter(|((_, key), _)| key.starts_with("callback/"));
        let read = kept.filter_map(|((tenant, _), (_, value))| Some((tenant.clone(), Request::read(value)?)));
        read.filter(|(_, request)| !self.ended.contains(&request.id))
    }

    /// Somebody saw to a request; `false` if it is not open.
    pub fn end_request(&mut self, tenant: &TenantId, request: CallId) -> bool {
        let open = self.requests().any(|(of, known)| of == *tenant && known.id == request);
        open && self.ended.insert(request)
    }

    /// Whether somebody saw to a request, or its number was stopped.
    pub fn is_ended(&self, request: CallId) -> bool {
        self.ended.contains(&request)
    }

    /// A number wants no callbacks, and what is open for it is over; or it wants them again.
    pub fn stop_number(&mut self, tenant: &TenantId, number: &str, on: bool) {
        let key = (tenant.clone(), number.to_owned());
        if !on {
            self.stopped.remove(&key);
            return;
        }
        self.stopped.insert(key);
        let open = self.requests().filter(|(of, request)| of == tenant && request.number == number);
        let open: Vec<CallId> = open.map(|(_, request)| request.id).collect();
        self.ended.extend(open);
    }

    /// Whether a number wants no callbacks.
    pub fn is_stopped(&self, tenant: &TenantId, number: &str) -> bool {
        self.stopped.contains(&(tenant.clone(), number.to_owned()))
    }

    /// A tenant as the store knows it now.
    pub fn account(&self, tenant: &TenantId) -> Account {
        let months = self.months.iter().filter(|((owner, _, _), _)| owner == tenant);
        let months = months.map(|((_, number, month), (spent, calls))| MonthOf {
            number: *number,
            month: *month,
            spent: *spent,
            calls: *calls,
        });
        let states = self.states.iter().filter(|((owner, _), _)| owner == tenant);
        let states = states.map(|((_, key), (position, value))| TenantState {
            key: key.clone(),
            value: value.clone(),
            position: *position,
        });
        let ended = self.ended.iter().map(|request| ended_state(*request));
        let stopped = self.stopped.iter().filter(|(owner, _)| owner == tenant);
        let states = ended.chain(states).chain(stopped.map(|(_, number)| stop_state(number)));
        Account {
            balance: self.balance(tenant),
            months: months.collect(),
            states: states.collect(),
            mark: self.mark,
        }
    }

    /// Sums everything again from the single rows and compares.
    pub fn recount(&self) -> Result<(), String> {
        let trial = ledger::trial_balance(self.entries.values());
        let total: Money = trial.values().copied().sum();
        if total != Money::ZERO {
            return Err(format!("all entries add up to {total}, not to nothing"));
        }
        for (book, kept) in &self.balances {
            let debits = trial.get(book).copied().unwrap_or_default();
            let counted = if book.side() == Side::Debit { debits } else { -debits };
            if counted != *kept {
                return Err(format!("{book} is {kept}, its entries add up to {counted}"));
            }
        }
        let mut naive = BTreeMap::new();
        for settlement in self.records.values() {
            let fee = settlement.charges.iter().filter(|c| c.kind == hotline::rating::ChargeKind::Sale);
            add_up(&mut naive, settlement, fee.map(|charge| charge.amount_e4).sum());
        }
        if naive != self.rollups {
            return Err("the rollups are not what a recount says".into());
        }
        Ok(())
    }
}

fn add_up(rollups: &mut BTreeMap<RollupKey, Rollup>, settlement: &Settlement, fee: Money) {
    let record = &settlement.record;
    let hour = record.started_at.0.div_euclid(3_600_000);
    let key = (record.tenant.clone(), record.number, record.region.province.clone(), hour);
    let sums = rollups.entry(key).or_default();
    sums.calls += 1;
    sums.answered += u64::from(record.answered_at.is_some());
    sums.talk_ms += record.talk_ms;
    sums.fees += fee;
}
