//! The running process as others reach it: questions to the node, changes that the node has taken when the answer
//! comes, the database. Refuses to know who asks.

use std::net::SocketAddr;
use std::sync::Arc;

use hotline::calendar::HolidayYears;
use hotline::enterprise::{Enterprise, phones};
use hotline::rating::Tariffs;
use hotline::{HotlineNumber, Money, Now, TenantId};
use node::directory::Entry;
use node::{Change, Node, TrialOrder, TrialReport, TrunkConfig};
use store::{HeardPrompt, Store};
use tokio::sync::{Notify, RwLockWriteGuard, oneshot};

use crate::config::Config;
use crate::copies::Copies;
use crate::inbox::{Full, Inbox, Message};
use crate::meters::Meters;
use crate::net::Names;
use crate::prompts::by_tenant;
use crate::snapshot::Snapshot;
use crate::storing::accounts::Accounts;
use crate::traces;

/// A handle on the process; cheap to clone.
#[derive(Clone)]
pub struct Running(Arc<Parts>);

struct Parts {
    config: Config,
    inbox: Arc<Inbox>,
    meters: Arc<Meters>,
    store: Store,
    snapshot: Arc<Snapshot>,
    copies: Option<Copies>,
    accounts: Accounts,
    stopping: Arc<Notify>,
    changed: Notify,
    sip: SocketAddr,
    http: SocketAddr,
    traces: Option<traces::Door>,
    /// What certificates of trunks must be for.
    names: Names,
}

/// Why the running node could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Too much is asked at once.
    #[error(transparent)]
    Full(#[from] Full),
    /// The process is ending.
    #[error("the node is stopping")]
    Stopping,
}

impl From<oneshot::error::RecvError> for AskError {
    fn from(_: oneshot::error::RecvError) -> Self {
        AskError::Stopping
    }
}

impl Running {
    #[expect(clippy::too_many_arguments, reason = "built once, by `serve`")]
    pub(crate) fn new(
        config: Config,
        inbox: Arc<Inbox>,
        meters: Arc<Meters>,
        store: Store,
        snapshot: Arc<Snapshot>,
        copies: Option<Copies>,
        accounts: Accounts,
        stopping: Arc<Notify>,
        sip: SocketAddr,
        http: SocketAddr,
        traces: Option<traces::Door>,
        names: Names,
    ) -> Running {
        Running(Arc::new(Parts {
            config,
            inbox,
            meters,
            store,
            snapshot,
            copies,
            accounts,
            stopping,
            changed: Notify::new(),
            sip,
            http,
            traces,
            names,
        }))
    }

    /// The configuration it was started with.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The database. Changes that the node must know of are told to it by the functions below.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.0.snapshot
    }

    pub(crate) fn copies(&self) -> Option<&Copies> {
        self.0.copies.as_ref()
    }

    /// The figures.
    pub fn meters(&self) -> &Meters {
        &self.0.meters
    }

    /// The SIP messages of a call; `None` where no traces are kept.
    pub fn traces(&self) -> Option<&traces::Door> {
        self.0.traces.as_ref()
    }

    /// The address SIP is bound to.
    pub fn sip(&self) -> SocketAddr {
        self.0.sip
    }

    /// The address HTTP is bound to.
    pub fn http(&self) -> SocketAddr {
        self.0.http
    }

    /// Looks at the node between two of its turns. `look` holds the signalling thread: copy what is needed, no more.
    ///
    /// # Errors
    /// Too much is asked, or the process is ending.
    pub async fn ask<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Node, Now) -> T + Send + 'static,
    ) -> Result<T, AskError> {
        let (told, answer) = oneshot::channel();
        let ask = move |node: &Node, now: Now| _ = told.send(look(node, now));
        self.0.inbox.push_command(Message::Ask(Box::new(ask)))?;
        Ok(answer.await?)
    }

    /// Gives the node a committed change; returns when calls to come see it. However much people ask, it is taken: what is
    /// committed and not told would be another thing in the database than in memory, and whoever asks again is told that it
    /// is done.
    ///
    /// # Errors
    /// The process is ending: the change is committed and is seen after the next start.
    pub async fn apply(&self, change: Change) -> Result<(), AskError> {
        let (told, taken) = oneshot::channel();
        let done = move || _ = told.send(());
        self.0.inbox.push(Message::Change { change, done: Box::new(done) });
        Ok(taken.await?)
    }

    /// Takes in a committed version of an enterprise's document. `dropped` are the numbers it held before and holds no
    /// more.
    ///
    /// # Errors
    /// Those of [`Running::apply`]. A snapshot that cannot be written is logged: the numbers are then compiled from
    /// the database at their next call.
    pub async fn enterprise_changed(
        &self,
        enterprise: &Enterprise,
        version: u32,
        dropped: &[HotlineNumber],
    ) -> Result<(), AskError> {
        let entries = self.0.snapshot.edit(enterprise, version).unwrap_or_else(|error| {
            tracing::error!(%error, "the snapshot cannot be written");
            without_places(enterprise, version)
        });
        let gone = dropped.iter().map(|number| (*number, None));
        let numbers = entries.into_iter().map(|(number, entry)| (number, Some(entry))).chain(gone).collect();
        self.apply(Change::Enterprise { numbers, bodies: Vec::new() }).await?;
        let of = Some(enterprise.id.clone());
        self.apply(Change::Phones { of, phones: phones(enterprise) }).await?;
        self.0.changed.notify_one();
        Ok(())
    }

    /// Rings when an enterprise's document changed.
    pub(crate) fn changed(&self) -> &Notify {
        &self.0.changed
    }

    /// Held over a change of an enterprise's account in the database and the word of it to the node ([`Running::credited`]).
    pub async fn lock_account(&self, tenant: &TenantId) -> RwLockWriteGuard<'_, ()> {
        self.0.accounts.of(tenant).write().await
    }

    /// Money was paid in and committed, under [`Running::lock_account`].
    ///
    /// # Errors
    /// Those of [`Running::apply`].
    pub async fn credited(&self, tenant: &TenantId, amount: Money) -> Result<(), AskError> {
        self.apply(Change::Credit { tenant: tenant.clone(), amount }).await
    }

    /// The provider's trunks changed in the database.
    ///
    /// # Errors
    /// Those of [`Running::apply`].
    pub async fn trunks_changed(&self, trunks: Vec<TrunkConfig>) -> Result<(), AskError> {
        if let Some(copies) = self.copies() {
            copies.trunks_changed(&trunks);
        }
        self.0.names.replace(crate::serve::tls_names(&trunks));
        self.apply(Change::Trunks(crate::serve::with_passwords(trunks))).await
    }

    /// The provider's plans changed in the database.
    ///
    /// # Errors
    /// Those of [`Running::apply`].
    pub async fn tariffs_changed(&self, tariffs: Tariffs) -> Result<(), AskError> {
        if let Some(copies) = self.copies() {
            copies.tariffs_changed(&tariffs);
        }
        self.apply(Change::Tariffs(tariffs)).await
    }

    /// The provider took in another year's holidays.
    ///
    /// # Errors
    /// Those of [`Running::apply`].
    pub async fn holidays_changed(&self, years: HolidayYears) -> Result<(), AskError> {
        if let Some(copies) = self.copies() {
            copies.holidays_changed(&years);
        }
        self.apply(Change::Holidays(Arc::new(years))).await
    }

    /// What enterprises are heard with changed in the database: `heard` is all of it, `tenant` whose it is that changed.
    ///
    /// # Errors
    /// Those of [`Running::apply`].
    pub async fn prompts_changed(&self, tenant: &TenantId, heard: &[HeardPrompt]) -> Result<(), AskError> {
        let names = by_tenant(heard).remove(tenant).unwrap_or_default();
        let (told, taken) = oneshot::channel();
        let done = Box::new(move || _ = told.send(()));
        self.0.inbox.push(Message::Heard { tenant: tenant.clone(), names, done });
        Ok(taken.await?)
    }

    /// Tries a trunk by a test call; returns once that is over.
    ///
    /// # Errors
    /// Those of [`Running::apply`].
    pub async fn try_trunk(&self, order: TrialOrder) -> Result<TrialReport, AskError> {
        let (told, seen) = oneshot::channel();
        let done = move |report| _ = told.send(report);
        self.0.inbox.push_command(Message::Try { order, done: Box::new(done) })?;
        Ok(seen.await?)
    }

    /// Takes no new calls, or takes them again.
    pub fn drain(&self, on: bool) {
        self.0.meters.draining.set(on);
        self.0.inbox.push(Message::Drain(on));
    }

    /// Ends every call that is up: both legs are told, each is billed to now.
    pub fn end_calls(&self) {
        self.0.inbox.push(Message::EndAll);
    }

    /// Moves the node's clock on; returns when what fell due by then was done.
    ///
    /// # Errors
    /// Too much is asked, or the process is ending.
    pub async fn advance_clock(&self, by_ms: u64) -> Result<(), AskError> {
        let (told, moved) = oneshot::channel();
        let done = move || _ = told.send(());
        self.0.inbox.push_command(Message::Advance { by_ms, done: Box::new(done) })?;
        Ok(moved.await?)
    }

    /// Ends the process as the first SIGTERM does.
    pub fn stop(&self) {
        self.0.stopping.notify_one();
    }
}

/// Entries whose bodies are in no file: the database has to tell.
fn without_places(enterprise: &Enterprise, version: u32) -> Vec<(HotlineNumber, Entry)> {
    let entry = || Entry { tenant: enterprise.id.clone(), version, place: Default::default() };
    enterprise.numbers.iter().map(|number| (number.number, entry())).collect()
}
