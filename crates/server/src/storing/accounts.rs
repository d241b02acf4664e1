//! Locks of enterprises' accounts: whoever changes one in the database and tells the node, and whoever reads it for the node, wait
//! for each other, and for nobody else's.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use hotline::TenantId;
use tokio::sync::RwLock;

/// So many enterprises may be changed at once, as far as they fall on locks of their own.
const LOCKS: u64 = 1_024;

/// A lock for each enterprise; some share one.
#[derive(Clone)]
pub struct Accounts(Arc<[RwLock<()>]>);

impl Default for Accounts {
    fn default() -> Accounts {
        Accounts((0..LOCKS).map(|_| RwLock::default()).collect())
    }
}

impl Accounts {
    /// The lock of an enterprise.
    pub fn of(&self, tenant: &TenantId) -> &RwLock<()> {
        let place = BuildHasherDefault::<DefaultHasher>::new().hash_one(tenant) % LOCKS;
        &self.0[place as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reading one enterprise's account waits for a change of its own and for no other's: agents of one that log in at once
    /// keep no number of another from being loaded.
    #[test]
    fn q10_one_enterprise_waits_for_its_own_changes_alone() {
        let accounts = Accounts::default();
        let (acme, other) = (TenantId::new("acme"), TenantId::new("huaxin"));
        let held = accounts.of(&acme).try_write().expect("free");
        assert!(accounts.clone().of(&acme).try_read().is_err(), "a clone is the same lock");
        assert!(accounts.of(&other).try_read().is_ok());
        drop(held);
        assert!(accounts.of(&acme).try_read().is_ok());
    }
}
