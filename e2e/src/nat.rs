//! A NAT with phones behind it: namespaces of the network where this system permits them, else one in user space. Both
//! forget silence after a minute of a time that the test moves, and let nobody in who was not spoken to.

mod namespaces;
mod user_space;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

pub use namespaces::Namespaces;
pub use user_space::UserSpace;

/// How long a way out stays open without a packet going out.
const IDLE: Duration = Duration::from_secs(60);
/// What an office's router hands out: the address a phone behind it has, or believes to have.
const PHONE: Ipv4Addr = Ipv4Addr::new(192, 168, 77, 20);

/// A NAT of either kind, gone when it is dropped.
pub enum Nat {
    /// By the kernel: the phone's process has a network of its own.
    Namespaces(Namespaces),
    /// By a relay: the phone believes to have an address it has not.
    UserSpace(UserSpace),
}

impl Nat {
    /// Opens one in namespaces, or says why that cannot be and opens one in user space.
    ///
    /// # Panics
    /// No port is free.
    pub fn open() -> Nat {
        match Namespaces::open() {
            Ok(namespaces) => Nat::Namespaces(namespaces),
            Err(why) => {
                eprintln!("no NAT by namespaces here: {why}");
                Nat::UserSpace(UserSpace::open())
            }
        }
    }

    /// Where the platform has to listen to be reached from behind it.
    pub fn platform(&self) -> IpAddr {
        match self {
            Nat::Namespaces(nat) => nat.platform(),
            Nat::UserSpace(_) => Ipv4Addr::LOCALHOST.into(),
        }
    }

    /// The address the world sees of its phones.
    pub fn outside(&self) -> IpAddr {
        match self {
            Nat::Namespaces(nat) => nat.outside(),
            Nat::UserSpace(nat) => nat.outside(),
        }
    }

    /// How `sibai phone` is started behind it, up to the options that are the same everywhere.
    pub fn phone(&self, binary: &Path, user: &str) -> Command {
        match self {
            Nat::Namespaces(nat) => {
                let mut command = nat.behind(binary);
                command.args(["phone", user]);
                command
            }
            Nat::UserSpace(nat) => {
                let mut command = Command::new(binary);
                command.args(["phone", user, "--through", &nat.relay().to_string()]);
                command.args(["--believes", &PHONE.to_string()]);
                command
            }
        }
    }

    /// Lets time pass: ways that nobody used close.
    ///
    /// # Panics
    /// The kernel's tools refuse.
    pub fn advance(&self, by: Duration) {
        match self {
            Nat::Namespaces(nat) => nat.advance(by),
            Nat::UserSpace(nat) => nat.advance(by),
        }
    }

    /// Datagrams that went out by ways that are still open.
    ///
    /// # Panics
    /// The kernel's tools refuse.
    pub fn sent(&self) -> u64 {
        match self {
            Nat::Namespaces(nat) => nat.sent(),
            Nat::UserSpace(nat) => nat.sent(),
        }
    }

    /// Datagrams that came for nobody: from a stranger, or by a way that has closed.
    ///
    /// # Panics
    /// The kernel's tools refuse.
    pub fn refused(&self) -> u64 {
        match self {
            Nat::Namespaces(nat) => nat.refused(),
            Nat::UserSpace(nat) => nat.refused(),
        }
    }
}

impl fmt::Display for Nat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Nat::Namespaces(nat) => write!(f, "namespaces behind {}", nat.outside()),
            Nat::UserSpace(nat) => write!(f, "user space behind {}", nat.outside()),
        }
    }
}
