//! Turns of long reads: reports, funnels, back-tests. One of an enterprise at a time and a few in all, so that neither many people
//! nor one with many windows keeps the database's readers from loading the numbers that callers dial.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::LazyLock;

use hotline::TenantId;
use tokio::sync::{Mutex, MutexGuard, Semaphore, SemaphorePermit};

/// Long reads at once; the database's readers are more.
const AT_ONCE: usize = 2;
/// Locks of enterprises; some share one.
const LOCKS: u64 = 256;

static ALL: Turns = Turns::new();

/// Waits for the turn of a long read of an enterprise; it lasts until it is dropped. Nobody takes two.
pub(super) async fn turn(tenant: &TenantId) -> Turn<'static> {
    ALL.take(tenant).await
}

struct Turns {
    of_one: LazyLock<Vec<Mutex<()>>>,
    of_all: Semaphore,
}

/// A turn.
pub(super) struct Turn<'t> {
    _of_one: MutexGuard<'t, ()>,
    /// None is there once the semaphore is closed, which it never is.
    _of_all: Option<SemaphorePermit<'t>>,
}

impl Turns {
    const fn new() -> Turns {
        Turns {
            of_one: LazyLock::new(|| (0..LOCKS).map(|_| Mutex::default()).collect()),
            of_all: Semaphore::const_new(AT_ONCE),
        }
    }

    async fn take(&self, tenant: &TenantId) -> Turn<'_> {
        let place = BuildHasherDefault::<DefaultHasher>::new().hash_one(tenant) % LOCKS;
        // In this order: who waits for its own enterprise takes no place of the others.
        let _of_one = self.of_one[place as usize].lock().await;
        let _of_all = self.of_all.acquire().await.ok();
        Turn { _of_one, _of_all }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    use super::*;

    /// Whether a turn is there at once.
    async fn is_free(turns: &Turns, tenant: &str) -> bool {
        let tenant = TenantId::new(tenant);
        let mut taken = pin!(turns.take(&tenant));
        poll_fn(|context| Poll::Ready(taken.as_mut().poll(context).is_ready())).await
    }

    #[tokio::test]
    async fn i14_an_enterprise_reads_one_long_report_at_a_time_and_all_together_a_few() {
        let turns = Turns::new();
        let (acme, other) = (TenantId::new("acme"), TenantId::new("huaxin"));
        let first = turns.take(&acme).await;
        assert!(!is_free(&turns, "acme").await, "a second window of the same enterprise waits");
        assert!(is_free(&turns, "huaxin").await, "and takes nobody's place meanwhile");
        let second = turns.take(&other).await;
        assert!(!is_free(&turns, "lantian").await, "more than a few wait");
        drop(first);
        assert!(is_free(&turns, "acme").await && is_free(&turns, "lantian").await);
        drop(second);
    }
}
