//! Changes of agents' states on their way to the database (row Q10): in batches, in their order, none lost while it is away.

use std::collections::VecDeque;
use std::sync::Arc;

use hotline::settlement::AgentStep;
use tokio::sync::mpsc;

use super::Work;

/// Written at once.
const BATCH: usize = 2_000;

pub(super) struct Agents {
    told: mpsc::UnboundedReceiver<Arc<AgentStep>>,
    waiting: VecDeque<Arc<AgentStep>>,
    /// Written at once; less after the database refused a batch for what is in it.
    at_once: usize,
}

impl Agents {
    pub(super) fn new(told: mpsc::UnboundedReceiver<Arc<AgentStep>>) -> Agents {
        Agents { told, waiting: VecDeque::new(), at_once: BATCH }
    }

    pub(super) fn take(&mut self) {
        while let Ok(step) = self.told.try_recv() {
            self.waiting.push_back(step);
        }
    }

    /// Writes what waits. A change that the database refuses for what is in it is left to the log: no call waits for it.
    pub(super) async fn write(&mut self, work: &Work) -> store::Result<()> {
        while !self.waiting.is_empty() {
            let some: Vec<Arc<AgentStep>> = self.waiting.iter().take(self.at_once).cloned().collect();
            match work.store.put_agent_steps(&some).await {
                Ok(()) => {
                    self.waiting.drain(..some.len());
                    self.at_once = (self.at_once * 2).min(BATCH);
                }
                Err(error) if error.is_of_content() && some.len() > 1 => self.at_once = some.len() / 2,
                Err(error) if error.is_of_content() => {
                    let step = &some[0];
                    tracing::error!(%error, tenant = %step.tenant, agent = &*step.agent, "the database refuses an agent's change for good");
                    self.waiting.pop_front();
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
