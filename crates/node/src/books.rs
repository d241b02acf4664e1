//! Tenants in memory and calls on their way to the store: what a tenant knows is what the store told at some mark,
//! with everything settled behind that mark on top. What the store has committed is kept no longer, so an account read
//! before its last commit is not believed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use hotline::ledger::AccountKind;
use hotline::settlement::{AgentStep, Settled, Settlement, TenantState};
use hotline::tenant::{self, Tenant};
use hotline::{CallId, Hotline, HotlineNumber, Money, TenantId};

/// A tenant's state as the store tells it, read at one mark.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// The sum of its prepaid entries.
    pub balance: Money,
    /// What its numbers used in this month and the one before.
    pub months: Vec<MonthOf>,
    /// Pointers and deals.
    pub states: Vec<TenantState>,
    /// The journal position up to which settlements are in these sums.
    pub mark: u64,
}

/// What a number used in a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MonthOf {
    /// The number.
    pub number: HotlineNumber,
    /// Year × 100 + month.
    pub month: u32,
    /// Fees posted.
    pub spent: Money,
    /// Calls that count against a monthly cap.
    pub calls: u32,
}

/// A settlement the store has not committed yet.
#[derive(Debug)]
struct Unsettled {
    settlement: Arc<Settlement>,
    fee: Money,
    month: u32,
    account: AccountKind,
    /// Where its call's oldest needed fact begins in the journal.
    from: u64,
}

impl Unsettled {
    fn new(settled: &Settled, from: u64) -> Self {
        let Settled { fee, month, account, .. } = *settled;
        Self { settlement: Arc::new(settled.settlement.clone()), fee, month, account, from }
    }
}

/// A change of an agent on its way to the store.
#[derive(Debug)]
struct Step {
    step: Arc<AgentStep>,
    /// Where its record begins in the journal, and where it ends.
    from: u64,
    position: u64,
}

/// The books of a node.
#[derive(Debug, Default)]
pub struct Books {
    tenants: BTreeMap<TenantId, Known>,
    unsettled: VecDeque<Unsettled>,
    /// Changes of agents that no commit is known to be behind.
    steps: VecDeque<Step>,
    /// The journal position up to which the store said it has committed.
    committed: u64,
    turn: u64,
}

#[derive(Debug, Default)]
struct Known {
    tenant: Tenant,
    used: u64,
    /// Its account could not be had: only calls that need none go on, and it is asked for again when idle.
    provisional: bool,
}

/// Tenants kept in memory; idle ones beyond it are forgotten.
const TENANTS_MAX: usize = 200_000;

impl Books {
    /// A tenant that is in memory.
    pub fn tenant(&mut self, id: &TenantId) -> Option<&mut Tenant> {
        self.turn += 1;
        let turn = self.turn;
        let known = self.tenants.get_mut(id)?;
        known.used = turn;
        Some(&mut known.tenant)
    }

    /// Looks at a tenant without using it.
    pub fn peek(&self, id: &TenantId) -> Option<&Tenant> {
        self.tenants.get(id).map(|known| &known.tenant)
    }

    pub fn tenants(&self) -> impl Iterator<Item = (&TenantId, &Tenant)> {
        self.tenants.iter().map(|(id, known)| (id, &known.tenant))
    }

    /// Takes in a tenant as the store tells it; one that is in memory already knows better. `false` if it was read
    /// before a commit that was told since: fees of that commit are neither in it nor here any more.
    #[must_use]
    pub fn open(&mut self, id: &TenantId, account: &Account) -> bool {
        if self.tenants.contains_key(id) {
            return true;
        }
        let is_current = account.mark >= self.committed;
        if is_current {
            self.take_in(id, account, false);
        }
        is_current
    }

    fn take_in(&mut self, id: &TenantId, account: &Account, provisional: bool) {
        let mut tenant = Tenant::default();
        if provisional {
            tenant.requests_mut().know_nothing();
        }
        tenant.tell_balance(account.balance);
        for used in &account.months {
            tenant.tell_month(used.number, used.month, used.spent, used.calls);
        }
        for state in &account.states {
            tenant.remember(state);
        }
        for unsettled in self.unsettled.iter().filter(|u| u.settlement.position > account.mark) {
            let record = &unsettled.settlement.record;
            if record.tenant == *id {
                let Unsettled { fee, month, account, .. } = *unsettled;
                let counts = unsettled.settlement.counts;
                tenant.replay_settled(record.number, month, fee, counts, account);
                for state in &unsettled.settlement.states {
                    tenant.remember(state);
                }
            }
        }
        for state in self.agents_since(id, account) {
            tenant.remember(&state);
        }
        self.make_room();
        self.turn += 1;
        self.tenants.insert(id.clone(), Known { tenant, used: self.turn, provisional });
    }

    /// What is kept of a tenant's agents by changes on their way, as far as nothing newer is known.
    fn agents_since(&self, id: &TenantId, account: &Account) -> Vec<TenantState> {
        let of_tenant = |unsettled: &&Unsettled| unsettled.settlement.record.tenant == *id;
        let settled = self.unsettled.iter().filter(of_tenant).flat_map(|one| &one.settlement.states);
        let told: BTreeMap<&str, u64> =
            account.states.iter().chain(settled).map(|state| (state.key.as_str(), state.position)).collect();
        let mut latest: BTreeMap<&str, &TenantState> = BTreeMap::new();
        for Step { step, .. } in self.steps.iter().filter(|one| one.step.tenant == *id) {
            latest.insert(&step.state.key, &step.state);
        }
        let is_newer =
            |state: &&TenantState| told.get(state.key.as_str()).is_none_or(|at| *at < state.position);
        latest.into_values().filter(is_newer).cloned().collect()
    }

    /// Takes in a tenant that has no account: the provider itself.
    pub fn open_own(&mut self, id: &TenantId) {
        self.take_in(id, &Account::default(), false);
    }

    /// Takes in a tenant whose account cannot be had: its unmetered calls go on (FAULTS F3).
    pub fn open_provisional(&mut self, id: &TenantId) {
        if !self.tenants.contains_key(id) {
            self.take_in(id, &Account::default(), true);
        }
    }

    /// Whether a call of this number may begin without asking the store first. A provisional tenant without calls is
    /// forgotten, so that it is asked for again.
    pub fn is_open_for(&mut self, hotline: &Hotline) -> bool {
        match self.tenants.get(&hotline.tenant) {
            None => false,
            Some(known) if !known.provisional => true,
            Some(known) if known.tenant.is_idle() => {
                self.tenants.remove(&hotline.tenant);
                false
            }
            Some(_) => Tenant::needs_no_account(hotline),
        }
    }

    /// Whether what is known of a number's tenant is enough for its calls: a provisional tenant has no caps and no
    /// balance, so only calls that need none of them go on with it.
    pub fn suffices_for(&self, hotline: &Hotline) -> bool {
        let known = self.tenants.get(&hotline.tenant);
        known.is_some_and(|known| !known.provisional || Tenant::needs_no_account(hotline))
    }

    /// Whether a tenant is in memory with its account.
    pub fn knows(&self, id: &TenantId) -> bool {
        self.tenants.get(id).is_some_and(|known| !known.provisional)
    }

    /// Forgets a tenant whose account could not be had, so that it may be told.
    pub fn forget_provisional(&mut self, id: &TenantId) {
        if self.tenants.get(id).is_some_and(|known| known.provisional && known.tenant.is_idle()) {
            self.tenants.remove(id);
        }
    }

    fn make_room(&mut self) {
        if self.tenants.len() < TENANTS_MAX {
            return;
        }
        let mut uses: Vec<u64> = self.tenants.values().map(|known| known.used).collect();
        let middle = uses.len() / 8;
        let threshold = *uses.select_nth_unstable(middle).1;
        self.tenants.retain(|_, known| known.used > threshold || !known.tenant.is_idle());
    }

    /// Takes a finished call: its tenant gives back what was held and pays the fee; the store is still to be told.
    pub fn settle(&mut self, settled: Settled, from: u64) -> Arc<Settlement> {
        let unsettled = Unsettled::new(&settled, from);
        let settlement = unsettled.settlement.clone();
        let record = &settlement.record;
        if let Some(known) = self.tenants.get_mut(&record.tenant) {
            match settled.admission {
                Some(admission) => known.tenant.settle(&tenant::Settled {
                    number: record.number,
                    admission,
                    fee: settled.fee,
                    counts: settlement.counts,
                    account: settled.account,
                }),
                None => {
                    let Settled { fee, month, account, .. } = settled;
                    let counts = settlement.counts;
                    known.tenant.replay_settled(record.number, month, fee, counts, account);
                }
            }
        }
        self.unsettled.push_back(unsettled);
        settlement
    }

    /// Takes a call of an earlier life of the node, told again by the journal.
    pub fn settle_recovered(&mut self, settled: Settled, from: u64) -> Arc<Settlement> {
        let unsettled = Unsettled::new(&settled, from);
        let settlement = unsettled.settlement.clone();
        self.unsettled.push_back(unsettled);
        settlement
    }

    /// A change of an agent is on its way to the store, with the journal positions of its record.
    pub fn note_step(&mut self, step: Arc<AgentStep>, from: u64, position: u64) {
        self.steps.push_back(Step { step, from, position });
    }

    /// The store has committed everything up to a position.
    pub fn committed(&mut self, up_to: u64) {
        self.committed = self.committed.max(up_to);
        while self.unsettled.front().is_some_and(|first| first.settlement.position <= up_to) {
            self.unsettled.pop_front();
        }
        while self.steps.front().is_some_and(|first| first.position <= up_to) {
            self.steps.pop_front();
        }
    }

    /// The oldest journal position that an uncommitted settlement or an agent's change still needs.
    pub fn oldest_needed(&self) -> Option<u64> {
        let step = self.steps.front().map(|first| first.from);
        self.unsettled.iter().map(|unsettled| unsettled.from).chain(step).min()
    }

    /// Settlements on their way.
    pub fn unsettled(&self) -> usize {
        self.unsettled.len()
    }

    /// Ids of the calls on their way, oldest first.
    pub fn unsettled_calls(&self) -> impl Iterator<Item = CallId> {
        self.unsettled.iter().map(|unsettled| unsettled.settlement.record.call)
    }
}
