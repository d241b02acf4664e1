//! A node that started by its copies while its database was away: goes on asking for it, brings the node up to what it
//! says, and only then lets anything else use it. Calls go on throughout (FAULTS F3).

use std::sync::Arc;
use std::time::{Duration, Instant};

use hotline::HotlineNumber;
use node::Change;
use node::directory::Entry;

use super::provider::Provider;
use super::{Pause, ServeError, open_store};
use crate::copies;
use crate::running::{AskError, Running};
use crate::snapshot::Difference;

/// How long one attempt may take. What it compiled stays: the next one goes on from there.
const ATTEMPT_MAX: Duration = Duration::from_secs(60);
/// Numbers told to the node at a time: calls go on between.
const NUMBERS_AT_ONCE: usize = 2_000;

/// Why an attempt came to nothing.
#[derive(Debug, thiserror::Error)]
enum Missed {
    #[error(transparent)]
    Start(#[from] ServeError),
    #[error(transparent)]
    Node(#[from] AskError),
    #[error("it took longer than {} s", ATTEMPT_MAX.as_secs())]
    Slow,
}

/// Runs until the database is in use, or the process ends. What a person has to mend is said, once each, and waited for:
/// the calls that are up need it no more than they did.
pub(super) async fn run(running: Running, position: u64) {
    let began = Instant::now();
    let mut pause = Pause::default();
    let mut difference = Difference::default();
    let mut said = None;
    loop {
        tokio::time::sleep(pause.next()).await;
        let attempt = tokio::time::timeout(ATTEMPT_MAX, reach(&running, &mut difference, position));
        match attempt.await.unwrap_or(Err(Missed::Slow)) {
            Ok(numbers) => {
                let away_ms = began.elapsed().as_millis() as u64;
                tracing::info!(away_ms, numbers, "the database answers; what it says is in force");
                return;
            }
            Err(Missed::Node(AskError::Stopping)) => return,
            Err(Missed::Start(error)) if error.is_database_away() => {
                tracing::debug!(%error, "the database is still away");
            }
            Err(error) => {
                let error = error.to_string();
                if said.as_ref() != Some(&error) {
                    tracing::error!(%error, "the database cannot be used; calls go on by the copies");
                    said = Some(error);
                }
            }
        }
        running.meters().store_failures.add(1);
    }
}

/// One attempt; says how many numbers were another.
async fn reach(running: &Running, difference: &mut Difference, position: u64) -> Result<usize, Missed> {
    let config = running.config();
    let store = open_store(config).await?;
    let Provider { trunks, tariffs, holidays } = Provider::open(&store, config).await?;
    let mark = store.journal_mark(&config.node).await.map_err(ServeError::from)?.unwrap_or(0);
    if mark > position {
        tracing::error!(
            mark,
            position,
            "the database has more of this node's journal than the node found here"
        );
    }
    let snapshot = running.snapshot();
    let numbers = snapshot.follow(&store, difference).await.map_err(ServeError::from)?;
    tell_numbers(running, &numbers).await?;
    let phones = snapshot.phones().map_err(ServeError::from)?;
    running.apply(Change::Phones { of: None, phones }).await?;
    running.apply(Change::Trunks(trunks.clone())).await?;
    running.apply(Change::Tariffs(tariffs.clone())).await?;
    running.apply(Change::Holidays(Arc::new(holidays.clone()))).await?;
    if let Some(copies) = running.copies()
        && super::is_synced(snapshot)
    {
        copies
            .keep(copies::Provider { trunks, tariffs, holidays, index_bytes: snapshot.index_bytes() }, mark);
    }
    running.store().reach(&store);
    Ok(numbers.len())
}

async fn tell_numbers(running: &Running, numbers: &[(HotlineNumber, Option<Entry>)]) -> Result<(), AskError> {
    for some in numbers.chunks(NUMBERS_AT_ONCE) {
        running.apply(Change::Enterprise { numbers: some.to_vec(), bodies: Vec::new() }).await?;
    }
    Ok(())
}
