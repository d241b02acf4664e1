//! Rows of phones' emergency calls (row K24): what was told of them, in its order, once the database takes it. No call
//! waits for them, and a database that is away only delays them.

use std::collections::VecDeque;

use store::HelpCall;
use tokio::sync::mpsc;

use super::Work;

/// Told and not written; beyond it the oldest is left to the log.
const WAITING_MAX: usize = 10_000;

pub(super) struct Helps {
    told: mpsc::UnboundedReceiver<HelpCall>,
    waiting: VecDeque<HelpCall>,
}

impl Helps {
    pub(super) fn new(told: mpsc::UnboundedReceiver<HelpCall>) -> Helps {
        Helps { told, waiting: VecDeque::new() }
    }

    /// Writes what was told; `false` if the database did not take it.
    pub(super) async fn write(&mut self, work: &Work) -> bool {
        while let Ok(step) = self.told.try_recv() {
            if self.waiting.len() >= WAITING_MAX
                && let Some(lost) = self.waiting.pop_front()
            {
                tracing::error!(call = %lost.call, "a row of an emergency call is given up: the database is away");
            }
            self.waiting.push_back(step);
        }
        if self.waiting.is_empty() {
            return true;
        }
        match work.store.put_help_calls(self.waiting.make_contiguous()).await {
            Ok(()) => {
                self.waiting.clear();
                true
            }
            Err(error) => {
                tracing::warn!(%error, rows = self.waiting.len(), "rows of emergency calls wait");
                false
            }
        }
    }
}
