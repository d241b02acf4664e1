//! The store thread: settlements in batches, accounts on demand, rows of recordings. With the database away it keeps
//! what it was given and tries again; it never writes twice what a read-back shows to be there (FAULTS F3, F6).

pub mod accounts;
mod agents;
pub mod aside;
mod helps;
mod loading;
mod recordings;
mod settling;

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use hotline::settlement::{AgentStep, Settlement};
use hotline::{Hotline, HotlineNumber, TenantId};
use store::{HelpCall, Store};
use tokio::sync::{Notify, mpsc, oneshot};

use self::accounts::Accounts;
use crate::bridge::RecordingFile;
use crate::inbox::Inbox;
use crate::meters::Meters;

/// A batch is written at the latest when it has so many calls.
pub const BATCH_CALLS: usize = 2_000;

/// A cold number's account is asked for, and its body where the snapshot does not have it.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Load {
    pub number: HotlineNumber,
    pub tenant: TenantId,
    pub version: u32,
    pub body: Body,
    pub account: bool,
    pub asked_at: std::time::Instant,
}

/// Where the body of a cold number comes from.
#[derive(Clone, Debug)]
pub enum Body {
    /// It was read already; `None` where none was asked for.
    Here(Option<Arc<Hotline>>),
    /// The snapshot could not tell: compile it from the enterprise's document.
    Compile,
}

/// The way to the store thread, for the signalling thread. Never blocks.
#[derive(Clone)]
pub struct Door {
    shared: Arc<Shared>,
    loads: mpsc::UnboundedSender<Load>,
    recordings: mpsc::UnboundedSender<RecordingFile>,
    helps: mpsc::UnboundedSender<HelpCall>,
    agents: mpsc::UnboundedSender<Arc<AgentStep>>,
}

/// Settlements on their way. Bounded by the journal's ring: when it is nearly full the node takes no calls.
#[derive(Default)]
struct Shared {
    // A plain mutex: it is held for one push or one swap.
    pending: Mutex<Vec<Arc<Settlement>>>,
    waiting: AtomicUsize,
    full: Notify,
}

impl Door {
    /// Hands over a finished call.
    pub fn settle(&self, settlement: Arc<Settlement>) {
        self.shared.pending.lock().unwrap_or_else(PoisonError::into_inner).push(settlement);
        if self.shared.waiting.fetch_add(1, Ordering::Relaxed) + 1 == BATCH_CALLS {
            self.shared.full.notify_one();
        }
    }

    /// Asks for a cold number or tenant; [`crate::inbox::Message::Loaded`] follows. Bounded by the INVITEs that wait.
    pub fn load(&self, load: Load) {
        // The store thread outlives the signalling thread.
        let _ = self.loads.send(load);
    }

    /// Tells of a phone's emergency call. Nothing waits for the row.
    pub fn helped(&self, step: HelpCall) {
        let _ = self.helps.send(step);
    }

    /// Tells of a change of an agent. Bounded by the journal's ring, as settlements are.
    pub fn agent_changed(&self, step: Arc<AgentStep>) {
        let _ = self.agents.send(step);
    }

    /// Tells of a finished recording. Bounded by the calls that were recorded.
    pub fn recorded(&self, file: RecordingFile) {
        let _ = self.recordings.send(file);
    }
}

impl Shared {
    fn take(&self) -> Vec<Arc<Settlement>> {
        let taken = std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner));
        self.waiting.fetch_sub(taken.len(), Ordering::Relaxed);
        taken
    }
}

/// What the store thread works with.
#[derive(Clone)]
pub struct Work {
    /// The database.
    pub store: Store,
    /// The name of this node's journal.
    pub node: String,
    /// Where answers go.
    pub inbox: Arc<Inbox>,
    /// Figures.
    pub meters: Arc<Meters>,
    /// Read-locked while an account is read and told to the node, write-locked by whoever changes it and tells the
    /// node: so no change is counted twice.
    pub accounts: Accounts,
    /// Where recordings lie and how they are sealed; rows hold paths below its folder.
    pub archive: crate::archive::Archive,
    /// Where calls go that the database refuses for good.
    pub aside: Arc<aside::Aside>,
    /// How long recordings are kept at least.
    pub retention_days: u32,
    /// Where a start without the database finds how far the journal is committed.
    pub copies: Option<crate::copies::Copies>,
    /// Whether numbers are masked in log lines.
    pub mask: crate::log::Mask,
}

/// The thread.
pub struct StoreThread {
    door: Door,
    runtime: tokio::runtime::Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl StoreThread {
    /// Starts the thread, runs `open` on it and begins to work with what it gives.
    ///
    /// # Errors
    /// What `open` says.
    pub fn start<E, F>(open: impl FnOnce() -> F + Send + 'static) -> Result<(StoreThread, Work), E>
    where
        E: From<std::io::Error> + Send + 'static,
        F: Future<Output = Result<Work, E>>,
    {
        let (loads, loads_in) = mpsc::unbounded_channel();
        let (recordings, recordings_in) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared::default());
        let (helps, helps_in) = mpsc::unbounded_channel();
        let (agents, agents_in) = mpsc::unbounded_channel();
        let door = Door { shared: shared.clone(), loads, recordings, helps, agents };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let (opened_out, opened) = std::sync::mpsc::sync_channel(1);
        let thread = std::thread::Builder::new().name("store".into()).spawn(move || {
            runtime.block_on(async move {
                let work = match open().await {
                    Ok(work) => work,
                    Err(error) => {
                        let _ = opened_out.send(Err(error));
                        return;
                    }
                };
                let store = work.store.clone();
                if opened_out.send(Ok(work.clone())).is_err() {
                    return;
                }
                let rows = Told { recordings: recordings_in, helps: helps_in, agents: agents_in };
                run(work, shared, loads_in, rows, stopped).await;
                store.close().await;
            });
        })?;
        let failed = |_| std::io::Error::other("the store thread ended at its start");
        let work = opened.recv().map_err(failed)??;
        Ok((StoreThread { door, runtime: handle, stop: Some(stop), thread: Some(thread) }, work))
    }

    /// The way in.
    pub fn door(&self) -> Door {
        self.door.clone()
    }

    /// Its runtime, for other work on the same database.
    pub fn runtime(&self) -> tokio::runtime::Handle {
        self.runtime.clone()
    }
}

impl Drop for StoreThread {
    /// Writes what it has, once; what the database does not take stays in the journal.
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the store thread ended by a panic");
        }
    }
}

/// Where rows come from besides calls' books.
struct Told {
    recordings: mpsc::UnboundedReceiver<RecordingFile>,
    helps: mpsc::UnboundedReceiver<HelpCall>,
    agents: mpsc::UnboundedReceiver<Arc<AgentStep>>,
}

async fn run(
    work: Work,
    shared: Arc<Shared>,
    loads: mpsc::UnboundedReceiver<Load>,
    rows: Told,
    stopped: oneshot::Receiver<()>,
) {
    let mut writer = settling::Writer::new(work.clone(), shared, rows);
    tokio::select! {
        () = writer.run(stopped) => {}
        () = loading::run(work, loads) => {}
    }
}
