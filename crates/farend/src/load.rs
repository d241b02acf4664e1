//! The load generator: many calls at a set rate, caller and callee in one process and on one clock.
//! An open loop: a slow platform does not slow the callers down. It refuses to know what stands between its two
//! sides: nothing, a proxy that records its route, or a back-to-back user agent.

mod generator;
mod histogram;
mod matching;
mod rtp;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use generator::Generator;

/// What to do.
#[derive(Clone, Debug)]
pub struct LoadConfig {
    /// Where the callers' INVITEs go.
    pub target: SocketAddr,
    /// The number they dial.
    pub number: String,
    /// Where the callee listens: the platform must bring the calls here. Port 0 takes a free one.
    pub callee_listen: SocketAddr,
    /// The callers' address, with free ports.
    pub caller_address: IpAddr,
    /// How calls come.
    pub plan: Plan,
    /// From answer to the caller's BYE. Not used by [`Plan::Fill`].
    pub hold_ms: u64,
    /// Send PCMA both ways, 50 packets a second, and measure them.
    pub rtp: bool,
    /// Calls up at once beyond this number are not placed, and counted as `held_back`.
    pub calls_max: usize,
    /// What caller numbers begin with, used in turn; each is filled up to 11 digits.
    pub caller_prefixes: Vec<String>,
}

/// How calls come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Plan {
    /// A rate for a while.
    Steady {
        /// Calls a second.
        rate_per_s: f64,
        /// Before measuring begins.
        warm_up_s: f64,
        /// Of measuring.
        seconds: f64,
    },
    /// A rate until so many calls are up; then all stay up for a while.
    Fill {
        /// Calls a second.
        rate_per_s: f64,
        /// Calls to bring up.
        calls: usize,
        /// From the last one's answer to the first BYE.
        up_for_s: f64,
    },
}

impl LoadConfig {
    /// 100 calls a second for 10 s, held 2 s each, without RTP.
    pub fn new(target: SocketAddr, number: impl Into<String>, callee_listen: SocketAddr) -> LoadConfig {
        LoadConfig {
            target,
            number: number.into(),
            callee_listen,
            caller_address: callee_listen.ip(),
            plan: Plan::Steady { rate_per_s: 100.0, warm_up_s: 0.0, seconds: 10.0 },
            hold_ms: 2000,
            rtp: false,
            calls_max: 100_000,
            caller_prefixes: crate::world::MOBILE_PREFIXES
                .iter()
                .map(|(_, prefix)| (*prefix).into())
                .collect(),
        }
    }
}

/// What came of it. Counts and times are of the calls placed after the warm-up.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct LoadReport {
    /// Calls placed.
    pub attempted: u64,
    /// Calls answered.
    pub answered: u64,
    /// Calls that came to nothing.
    pub failed: u64,
    /// The same by final status; 408 when none came.
    pub failed_by_status: BTreeMap<u16, u64>,
    /// Answered calls that ended otherwise than by the caller's BYE answered with 200.
    pub ended_badly: u64,
    /// Calls not placed, for `calls_max` were up.
    pub held_back: u64,
    /// INVITEs that the callee could match only by their order, for they did not show the caller's number.
    pub matched_by_order: u64,
    /// From the caller's first INVITE to its receipt by the callee.
    pub post_dial_ms: Percentiles,
    /// From the caller's first INVITE to its 200.
    pub setup_ms: Percentiles,
    /// From the caller's BYE to its 200.
    pub release_ms: Percentiles,
    /// Messages of ours repeated, both sides, warm-up included.
    pub retransmissions: u64,
    /// Datagrams that could not be sent, for the socket was full.
    pub send_failures: u64,
    /// Most calls up at once.
    pub calls_up_max: u64,
    /// Calls placed in a second of measuring.
    pub rate_per_s: f64,
    /// CPU time of this process over the whole run.
    pub own_cpu_ms: u64,
    /// Length of the whole run.
    pub elapsed_ms: u64,
    /// RTP, if asked for.
    pub rtp: Option<RtpReport>,
}

/// RTP of all calls, both ways together.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct RtpReport {
    /// Packets sent by both sides.
    pub sent: u64,
    /// Packets received by both sides.
    pub received: u64,
    /// Missing between the first and the last packet received of each direction of each call.
    pub lost: u64,
    /// Directions of calls in which nothing was received at all.
    pub silent_directions: u64,
    /// From one side's send to the other's receive.
    pub delay_ms: Percentiles,
    /// Packets sent more than 5 ms after their time: how far the generator itself may be trusted.
    pub sent_late: u64,
}

/// A distribution, in ms. All zero when nothing was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Percentiles {
    /// The median.
    pub p50: f64,
    /// 90 of 100 are not above.
    pub p90: f64,
    /// 99 of 100 are not above.
    pub p99: f64,
    /// The largest.
    pub max: f64,
    /// How many were measured.
    pub count: u64,
}

/// Why no load could be made.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A socket could not be opened or used.
    #[error("socket {0}: {1}")]
    Socket(SocketAddr, std::io::Error),
    /// A setting makes no sense.
    #[error("{0}")]
    Setting(&'static str),
}

/// How far it is, told once a second.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Progress {
    /// Since the start.
    pub elapsed_ms: u64,
    /// Calls placed so far, warm-up included.
    pub attempted: u64,
    /// Calls up now.
    pub calls_up: u64,
    /// Calls that failed so far.
    pub failed: u64,
}

/// Makes the load and returns when the last call is over. Needs a tokio runtime with I/O and time, best one with a
/// single thread: signalling is one loop. RTP has a thread of its own.
///
/// # Errors
/// When a setting makes no sense or a socket cannot be opened. Calls that fail are counted in the report.
pub async fn run(config: LoadConfig, on_progress: impl FnMut(Progress)) -> Result<LoadReport, LoadError> {
    check(&config)?;
    let mut generator = Generator::open(config, on_progress)?;
    generator.run().await;
    Ok(generator.report())
}

fn check(config: &LoadConfig) -> Result<(), LoadError> {
    let (rate_per_s, other) = match config.plan {
        Plan::Steady { rate_per_s, warm_up_s, seconds } => (rate_per_s, warm_up_s + seconds),
        Plan::Fill { rate_per_s, up_for_s, .. } => (rate_per_s, up_for_s),
    };
    if !(rate_per_s > 0.0 && rate_per_s <= 100_000.0) {
        return Err(LoadError::Setting("the rate must be above 0 and at most 100,000 calls a second"));
    }
    if !(0.0..=1e7).contains(&other) {
        return Err(LoadError::Setting("times must be 0 or more and at most 10,000,000 s"));
    }
    let digits =
        |prefix: &String| prefix.len() <= NUMBER_DIGITS && prefix.bytes().all(|byte| byte.is_ascii_digit());
    if config.caller_prefixes.is_empty() || !config.caller_prefixes.iter().all(digits) {
        return Err(LoadError::Setting(
            "caller prefixes must be digits, at most 11 of them, and at least one",
        ));
    }
    if config.number.is_empty() || !config.number.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(LoadError::Setting("the number must not be empty or hold blanks"));
    }
    Ok(())
}

/// Digits of a mobile number.
const NUMBER_DIGITS: usize = 11;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_without_sense_are_refused() {
        let config =
            LoadConfig::new("127.0.0.1:1".parse().expect("one"), "400", "127.0.0.1:0".parse().expect("one"));
        assert!(check(&config).is_ok());
        let plan = Plan::Steady { rate_per_s: 0.0, warm_up_s: 0.0, seconds: 1.0 };
        assert!(check(&LoadConfig { plan, ..config.clone() }).is_err());
        let plan = Plan::Fill { rate_per_s: 1.0, calls: 1, up_for_s: f64::NAN };
        assert!(check(&LoadConfig { plan, ..config.clone() }).is_err());
        assert!(check(&LoadConfig { caller_prefixes: vec!["13x".into()], ..config }).is_err());
    }
}
