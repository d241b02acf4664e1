//! What people change while calls go on: documents, trunks, tariffs, money. A change is decided and committed
//! elsewhere; here it takes effect for the next call (row R04).

use std::sync::Arc;

use hotline::calendar::HolidayYears;
use hotline::enterprise::Phone;
use hotline::rating::Tariffs;
use hotline::region::RegionTable;
use hotline::{CallId, Hotline, HotlineNumber, Money, TenantId};

use crate::books::Account;
use crate::carriers::TrunkConfig;
use crate::directory::Entry;
use crate::floors::AgentOrder;
use crate::node::Node;
use crate::phones::Lend;
use crate::talks::CallOrder;

/// A committed change.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the variant's line names its fields")]
pub enum Change {
    /// A tenant's document at a new version: its numbers, and bodies that are at hand. A number without an entry is
    /// no longer held.
    Enterprise { numbers: Vec<(HotlineNumber, Option<Entry>)>, bodies: Vec<Arc<Hotline>> },
    /// The phones of an enterprise, in place of those it had; of all where none is named.
    Phones { of: Option<TenantId>, phones: Vec<Phone> },
    /// Money paid in, committed by the store.
    Credit { tenant: TenantId, amount: Money },
    /// A caller asked to be forgotten: nothing says any more who answered (row R15).
    ForgetCaller { tenant: TenantId, caller: String },
    /// An agent logs in or out, rests or is ready again (row Q10).
    Agent(Box<AgentOrder>),
    /// The provider's trunks.
    Trunks(Vec<TrunkConfig>),
    /// The provider's plans.
    Tariffs(Tariffs),
    /// Holidays with the years that were imported.
    Holidays(Arc<HolidayYears>),
    /// A newer table of regions.
    Regions(Arc<RegionTable>),
    /// A page may register as a phone, for a while (row Q22).
    Lend(Box<Lend>),
    /// Somebody orders something about a talk (row Q03).
    Talk(Box<CallOrder>),
    /// Numbers whose callers are to be called back, as the store knows (row Q15).
    Callbacks(Vec<HotlineNumber>),
    /// Somebody saw to a request for a callback; the call that asked.
    CallbackEnded { tenant: TenantId, request: CallId },
    /// A number wants no callbacks, or wants them again (row K07).
    CallbackStop { tenant: TenantId, number: String, on: bool },
}

/// The answer to a request for a cold number or tenant.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The number asked for.
    pub number: HotlineNumber,
    /// The tenant asked for with it: whose account this is, whoever holds the number by now.
    pub tenant: TenantId,
    /// Its body; `None` if it could not be read.
    pub hotline: Option<Arc<Hotline>>,
    /// Its tenant's account; `None` if the store cannot be reached.
    pub account: Option<Account>,
}

impl Node {
    /// The holidays that calls go by from now on; those of the product unless said.
    pub fn take_holidays(&mut self, years: Arc<HolidayYears>) {
        self.holidays = years;
    }

    pub(crate) fn change(&mut self, change: Change) {
        match change {
            Change::Enterprise { numbers, bodies } => {
                for (number, entry) in numbers {
                    self.directory.set(number, entry);
                }
                for body in bodies {
                    self.directory.keep(body);
                }
            }
            Change::Phones { of, phones } => self.phones.replace(of.as_ref(), phones),
            Change::Credit { tenant, amount } => {
                if let Some(tenant) = self.books.tenant(&tenant) {
                    tenant.credit(amount);
                }
            }
            Change::Agent(order) => self.obey_agent(&order),
            Change::ForgetCaller { tenant, caller } => {
                if let Some(tenant) = self.books.tenant(&tenant) {
                    tenant.forget_caller(&caller);
                }
            }
            Change::Trunks(configs) => {
                let gone = self.carriers.replace(configs, self.now.mono);
                self.send_registers(gone);
                self.know_sources();
            }
            Change::Tariffs(tariffs) => self.tariffs = Arc::new(tariffs),
            Change::Holidays(years) => self.take_holidays(years),
            Change::Regions(regions) => self.regions = regions,
            Change::Lend(lend) => self.phones.lend(*lend, self.now.mono),
            Change::Talk(order) => self.obey_about_call(*order),
            Change::Callbacks(numbers) => self.recall_callbacks(numbers),
            Change::CallbackEnded { tenant, request } => self.end_callback(&tenant, request),
            Change::CallbackStop { tenant, number, on } => self.stop_callbacks(&tenant, &number, on),
        }
    }
}
