//! Finished calls into the database: a batch every 250 ms or 2,000 calls, whichever comes first, and after an error
//! only what a read-back shows to be missing. A call that the database refuses for what is in it is set aside.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use hotline::CallId;
use hotline::settlement::Settlement;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::agents::Agents;
use super::aside::Aside;
use super::helps::Helps;
use super::recordings::Recordings;
use super::{BATCH_CALLS, Shared, Told, Work};
use crate::bridge::RecordingFile;
use crate::inbox::Message;

const COMMIT_EVERY: Duration = Duration::from_millis(250);
/// A write that takes longer has an unknown outcome: the mark is read back.
const WRITE_MAX: Duration = Duration::from_secs(10);
/// Between two attempts while the database is away.
const RETRY_EVERY: Duration = Duration::from_secs(1);
/// A database that has nothing to write is asked whether it is there.
const PING_EVERY: Duration = Duration::from_secs(5);

/// The one writer of finished calls.
pub(super) struct Writer {
    work: Work,
    shared: Arc<Shared>,
    /// What the database does not have yet, by journal position.
    batch: VecDeque<Arc<Settlement>>,
    /// Calls that were set aside in an earlier life and are tried once more.
    tried_again: BTreeSet<CallId>,
    recordings: Recordings,
    files: mpsc::UnboundedReceiver<RecordingFile>,
    helps: Helps,
    agents: Agents,
    /// The last write went wrong: nothing is known of what it did.
    in_doubt: bool,
    /// Calls written at once; less after the database refused a batch for what is in it.
    at_once: usize,
    retry_at: Option<Instant>,
    asked_at: Instant,
}

impl Writer {
    pub(super) fn new(work: Work, shared: Arc<Shared>, told: Told) -> Writer {
        Writer {
            recordings: Recordings::new(&work),
            work,
            shared,
            batch: VecDeque::new(),
            tried_again: BTreeSet::new(),
            files: told.recordings,
            helps: Helps::new(told.helps),
            agents: Agents::new(told.agents),
            in_doubt: false,
            at_once: BATCH_CALLS,
            retry_at: None,
            asked_at: Instant::now(),
        }
    }

    /// Works until it is told to stop; then writes what it has, once.
    pub(super) async fn run(&mut self, mut stopped: oneshot::Receiver<()>) {
        let shared = self.shared.clone();
        self.try_set_aside_again();
        let mut ticks = interval(COMMIT_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = shared.full.notified() => {}
                _ = &mut stopped => {
                    self.retry_at = None;
                    return self.turn().await;
                }
            }
            self.turn().await;
        }
    }

    /// What stopped a call once may be mended by now.
    fn try_set_aside_again(&mut self) {
        let files = self.work.aside.files();
        self.work.meters.set_aside.set(files.len() as u64);
        for file in files {
            match Aside::read(&file) {
                Ok(settlement) => {
                    self.tried_again.insert(settlement.record.call);
                    self.batch.push_back(Arc::new(settlement));
                }
                Err(error) => {
                    tracing::error!(%error, file = %file.display(), "a call that was set aside cannot be read")
                }
            }
        }
    }

    async fn turn(&mut self) {
        self.take();
        self.note();
        if self.retry_at.is_some_and(|at| Instant::now() < at) {
            return;
        }
        if self.in_doubt && !self.read_back().await {
            return;
        }
        // Before the calls: the mark that moves with them says of agents' changes, too, that they are there.
        let is_written = match timeout(WRITE_MAX, self.agents.write(&self.work)).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => self.failed(&error),
            Err(_) => self.failed(&"no answer in time"),
        };
        if !is_written {
            return;
        }
        while !self.batch.is_empty() {
            if !self.write_some().await {
                return;
            }
        }
        if !self.helps.write(&self.work).await {
            return self.wait();
        }
        if self.recordings.waiting() && !self.recordings.write(&self.work).await {
            return self.wait();
        }
        self.ping().await;
    }

    fn take(&mut self) {
        let taken = self.shared.take();
        if !taken.is_empty() {
            for settlement in &taken {
                crate::log::call_ended(&settlement.record, &settlement.charges, self.work.mask);
                self.recordings.expect(settlement);
            }
            self.batch.extend(taken);
            // Calls told again by a journal come by their ids. The mark must never pass one that is not written.
            self.batch.make_contiguous().sort_by_key(|settlement| settlement.position);
        }
        // Behind the calls: what changed before one of them was over is here now.
        self.agents.take();
        while let Ok(file) = self.files.try_recv() {
            self.recordings.add(file);
        }
    }

    fn note(&self) {
        let oldest = self.batch.front().map_or(0, |first| first.record.ended_at.0);
        self.work.meters.store_oldest_ms.set(oldest.max(0) as u64);
    }

    /// Writes the oldest calls; says whether to go on.
    async fn write_some(&mut self) -> bool {
        let some: Vec<Arc<Settlement>> = self.batch.iter().take(self.at_once).cloned().collect();
        self.asked_at = Instant::now();
        match timeout(WRITE_MAX, self.work.store.settle(&some, &self.work.node)).await {
            Ok(Ok(settled)) => {
                self.written(some.len());
                for passed in settled.caps_passed {
                    self.work.meters.caps_passed.add(1);
                    tracing::warn!(tenant = %passed.tenant, month = passed.month, spent = %passed.spent_e4, cap = %passed.cap_e4, "a monthly cost cap stands passed");
                }
                true
            }
            Ok(Err(error)) if error.is_of_content() && some.len() > 1 => {
                // One of them is at fault: find it, so that the others get through.
                self.at_once = some.len() / 2;
                tracing::error!(%error, calls = some.len(), "the database refused a batch; it is tried in halves");
                self.in_doubt = true;
                self.read_back().await
            }
            Ok(Err(error)) if error.is_of_content() => self.set_aside(&some[0], &error).await,
            Ok(Err(error)) => self.failed(&error),
            Err(_) => self.failed(&"no answer in time"),
        }
    }

    /// The database will not take this call as it is, ever: it goes to a file of its own, and the mark passes it.
    async fn set_aside(&mut self, refused: &Settlement, error: &store::Error) -> bool {
        let call = refused.record.call;
        let file = match self.work.aside.put(refused, &error.to_string()) {
            Ok(file) => file,
            Err(error) => {
                tracing::error!(%call, %error, "a call that the database refuses cannot be set aside; it is tried again");
                self.wait();
                return false;
            }
        };
        match timeout(WRITE_MAX, self.work.store.pass_journal(refused.position, &self.work.node)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return self.failed(&error),
            Err(_) => return self.failed(&"no answer in time"),
        }
        tracing::error!(%call, %error, file = %file.display(), "the database refuses a call for good; it is set aside");
        self.batch.pop_front();
        self.tried_again.remove(&call);
        self.work.meters.set_aside.set(self.work.aside.files().len() as u64);
        self.is_there();
        self.note();
        self.committed(refused.position);
        true
    }

    fn written(&mut self, calls: usize) {
        let written: Vec<_> = self.batch.drain(..calls).collect();
        let up_to = written.last().map_or(0, |last| last.position);
        for call in written.iter().map(|settlement| settlement.record.call) {
            if self.tried_again.remove(&call) {
                self.taken_after_all(call);
            }
        }
        self.at_once = (self.at_once * 2).min(BATCH_CALLS);
        self.work.meters.store_commits.add(1);
        self.work.meters.store_calls.add(calls as u64);
        self.is_there();
        self.note();
        self.committed(up_to);
    }

    /// The database has everything up to here; the node frees its journal.
    fn committed(&self, up_to: u64) {
        if let Some(copies) = &self.work.copies {
            copies.committed(up_to);
        }
        self.work.inbox.push(Message::Committed { up_to });
    }

    fn taken_after_all(&self, call: CallId) {
        match self.work.aside.remove(call) {
            Ok(()) => tracing::info!(%call, "the database took a call that was set aside"),
            Err(error) => tracing::error!(%call, %error, "the file of a call that the database took"),
        }
        self.work.meters.set_aside.set(self.work.aside.files().len() as u64);
    }

    /// Nothing is known of what the last write did: ask how far the journal is committed and drop what is behind it.
    async fn read_back(&mut self) -> bool {
        match timeout(WRITE_MAX, self.work.store.journal_mark(&self.work.node)).await {
            Ok(Ok(mark)) => {
                let mark = mark.unwrap_or(0);
                // The mark has long passed what was set aside; whether that is there is seen when it is written.
                let tried_again = &self.tried_again;
                let before = self.batch.len();
                self.batch.retain(|one| one.position > mark || tried_again.contains(&one.record.call));
                let there = before - self.batch.len();
                self.in_doubt = false;
                self.is_there();
                if there > 0 {
                    self.committed(mark);
                }
                true
            }
            Ok(Err(error)) => self.failed(&error),
            Err(_) => self.failed(&"no answer in time"),
        }
    }

    fn failed(&mut self, error: &dyn std::fmt::Display) -> bool {
        self.work.meters.store_failures.add(1);
        self.in_doubt = true;
        if self.work.meters.database_away.set(true) {
            tracing::error!(%error, waiting = self.batch.len(), "the database is away; calls go on, their records wait in the journal");
        }
        self.wait();
        false
    }

    fn wait(&mut self) {
        self.retry_at = Some(Instant::now() + RETRY_EVERY);
    }

    fn is_there(&mut self) {
        self.retry_at = None;
        if self.work.meters.database_away.set(false) {
            tracing::info!(waiting = self.batch.len(), "the database is back");
        }
    }

    async fn ping(&mut self) {
        if self.asked_at.elapsed() < PING_EVERY {
            return;
        }
        self.asked_at = Instant::now();
        match timeout(WRITE_MAX, self.work.store.journal_mark(&self.work.node)).await {
            Ok(Ok(_)) => self.is_there(),
            Ok(Err(error)) => _ = self.failed(&error),
            Err(_) => _ = self.failed(&"no answer in time"),
        }
    }
}
