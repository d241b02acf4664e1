//! The real `sibai` on free ports, with a carrier and phones around it. Everything is waited for by what it says or
//! answers; nothing is waited for by time alone.

mod baresip;
mod chromium;
mod database;
mod desk;
mod identity;
mod nat;
mod platform;
mod proxy;
mod sample;
mod softphone;
mod turn;
mod visitor;

pub use baresip::{Baresip, Pickup};
pub use chromium::Chromium;
pub use database::Postgres;
pub use desk::{at_the_desk, await_state};
pub use identity::Identity;
pub use nat::{Namespaces, Nat, UserSpace};
pub use platform::{Platform, Setup};
pub use proxy::Wire;
pub use sample::{
    acme, acme_walking, acme_with, acme_with_agents, answers, carrier, carrier_at, extension, number,
    sip_phone, step,
};
pub use softphone::{Account, Softphone};
pub use turn::Turn;
pub use visitor::{Answer, PASSWORD, Visitor, first_password, signed_in, signed_in_agent};

use std::time::{Duration, Instant};

/// The longest any single thing may take in these tests.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at something another process does.
pub const LOOK: Duration = Duration::from_millis(10);

/// Asks again until the answer is there.
///
/// # Panics
/// It does not come within [`PATIENCE`].
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < until, "in vain: {what}");
        std::thread::park_timeout(LOOK);
    }
}

/// Runs a future on a runtime of its own.
///
/// # Panics
/// The system gives no runtime.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(future)
}
