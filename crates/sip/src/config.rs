//! What an endpoint is told once, at its birth.
//! It refuses to know numbers, tenants and trunks.

use std::net::SocketAddr;

use crate::hop::Transport;

/// One of the ways this endpoint is reached; its place in [`Config::listeners`] is its number in a [`Hop`](crate::Hop).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// What carries its messages.
    pub transport: Transport,
    /// The address others reach it at: written into Via and Contact.
    pub advertised: SocketAddr,
}

/// The settings of one [`Endpoint`](crate::Endpoint).
#[derive(Clone, Debug)]
pub struct Config {
    /// The ways it is reached; never empty. The first one stands where a hop names none that exists.
    pub listeners: Vec<Listener>,
    /// The user part of our Contact URI. Letters, digits and `-_.` only.
    pub contact_user: String,
    /// The `User-Agent` and `Server` value, or `None` to stay silent about it.
    pub user_agent: Option<String>,
    /// The key of every tag, branch and Call-ID. Two processes (or two runs) must not share one.
    pub seed: u64,
    /// RFC 3261 T1, the estimate of a round trip. Every retransmission derives from it.
    pub t1_ms: u64,
    /// The session interval we ask for (RFC 4028), or `None` for no session timers of our own.
    pub session_expires_s: Option<u32>,
    /// The shortest session interval we accept (RFC 4028 says at least 90).
    pub min_se_s: u32,
    /// Whether phones may register: [`Event::Registering`](crate::Event::Registering) is told, else REGISTER is a 405.
    pub registrar: bool,
    /// Legs beyond this number are refused: 503 in, [`Refused::Full`](crate::Refused::Full) out.
    pub max_legs: usize,
}

impl Config {
    /// The usual settings of an endpoint that is reached at `via` by datagrams.
    pub fn new(via: SocketAddr, seed: u64) -> Config {
        Config {
            listeners: vec![Listener { transport: Transport::Udp, advertised: via }],
            contact_user: "sibai".into(),
            user_agent: None,
            seed,
            t1_ms: 500,
            session_expires_s: Some(1800),
            min_se_s: 90,
            registrar: false,
            max_legs: 1_000_000,
        }
    }
}
