//! A seeded world around the very `node` that the server runs: virtual clock, far ends that misbehave, a network that
//! loses, a disk that tears, a store that goes away. It knows no socket, no database, no thread and no real clock.

pub mod dice;
pub mod disk;
pub mod far;
pub mod media;
pub mod scenario;
pub mod store;
pub mod tenants;
pub mod watch;
pub mod wire;
pub mod world;

pub use world::{Failure, Kept, Options, Rush, Summary, live, run, rush};
