//! Carrier trunks: whose INVITE this is, and which of them are out of service. A trunk that fails is asked by OPTIONS
//! until it answers (FAULTS F8); what a status means is data.

use std::net::SocketAddr;
use std::sync::Arc;

use hotline::cdr::LegOutcome;
use hotline::routing::{Trunk, Trunks};
use hotline::{Mono, PlanId};
use serde::{Deserialize, Serialize};
use sip::{Failure, FailureKind};

/// One trunk as the provider configures it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrunkConfig {
    /// Its name.
    pub name: String,
    /// Where its INVITEs go and where callers come from.
    pub address: SocketAddr,
    /// The area code of callers who come without one, such as `010`.
    pub area_code: Option<String>,
    /// Whether calls may leave by it.
    pub outgoing: bool,
    /// What its calls cost us.
    pub cost_plan: Option<PlanId>,
}

/// Failures in a row that open the breaker.
const FAILURES_MAX: u32 = 5;
/// How often a trunk that is out is asked.
const PROBE_MS: u64 = 5_000;

/// The trunks with their health.
#[derive(Debug, Default)]
pub struct Carriers {
    configs: Vec<TrunkConfig>,
    health: Vec<Health>,
    /// What calls see.
    pub view: Trunks,
}

#[derive(Clone, Debug, Default)]
struct Health {
    failures: u32,
    probe: Option<sip::ProbeId>,
    probe_at: Option<Mono>,
}

impl Carriers {
    pub fn new(configs: Vec<TrunkConfig>) -> Self {
        let row = |config: &TrunkConfig| Trunk {
            name: Arc::from(config.name.as_str()),
            address: Arc::from(config.address.to_string()),
            area_code: config.area_code.as_deref().map(Arc::from),
            outgoing: config.outgoing,
            cost_plan: config.cost_plan.clone(),
            down: false,
        };
        let view = Trunks { rows: configs.iter().map(row).collect() };
        Self { health: vec![Health::default(); configs.len()], configs, view }
    }

    /// Takes newer trunks; those of the same name and address keep their health.
    pub fn replace(&mut self, configs: Vec<TrunkConfig>) {
        let mut next = Self::new(configs);
        for (place, config) in next.configs.iter().enumerate() {
            let same = |old: &TrunkConfig| old.name == config.name && old.address == config.address;
            if let Some(old) = self.configs.iter().position(same) {
                next.health[place] = self.health[old].clone();
                next.view.rows[place].down = self.view.rows[old].down;
            }
        }
        *self = next;
    }

    /// A trunk by its name.
    pub fn named(&self, name: &str) -> Option<&TrunkConfig> {
        self.configs.iter().find(|config| config.name == name)
    }

    /// The trunk an address belongs to: by address and port, else by address alone.
    pub fn of_source(&self, source: SocketAddr) -> Option<usize> {
        let exact = self.configs.iter().position(|config| config.address == source);
        exact.or_else(|| self.configs.iter().position(|config| config.address.ip() == source.ip()))
    }

    pub fn config(&self, place: usize) -> Option<&TrunkConfig> {
        self.configs.get(place)
    }

    /// Notes how an attempt by a trunk went. Returns the address to probe when the breaker opens.
    pub fn note(&mut self, place: usize, ok: bool, now: Mono) {
        let Some(health) = self.health.get_mut(place) else { return };
        if ok {
            *health = Health::default();
            self.view.rows[place].down = false;
            return;
        }
        health.failures += 1;
        if health.failures >= FAILURES_MAX && !self.view.rows[place].down {
            self.view.rows[place].down = true;
            health.probe_at = Some(now);
        }
    }

    /// The trunks to ask now.
    pub fn due_probes(&mut self, now: Mono) -> Vec<(usize, SocketAddr)> {
        let mut due = Vec::new();
        for (place, health) in self.health.iter_mut().enumerate() {
            if health.probe.is_none() && health.probe_at.is_some_and(|at| at <= now) {
                due.push((place, self.configs[place].address));
            }
        }
        due
    }

    pub fn probing(&mut self, place: usize, probe: sip::ProbeId) {
        self.health[place].probe = Some(probe);
    }

    /// A probe's answer closes the breaker half: the next call decides. Silence keeps it open.
    pub fn probed(&mut self, probe: sip::ProbeId, answered: bool, now: Mono) {
        let Some(place) = self.health.iter().position(|health| health.probe == Some(probe)) else { return };
        self.health[place].probe = None;
        if answered {
            self.health[place].probe_at = None;
            self.health[place].failures = FAILURES_MAX - 1;
            self.view.rows[place].down = false;
        } else {
            self.health[place].probe_at = Some(now + PROBE_MS);
        }
    }

    pub fn next_timeout(&self) -> Option<Mono> {
        self.health.iter().filter(|health| health.probe.is_none()).filter_map(|health| health.probe_at).min()
    }
}

/// Q.850 causes that mean the trunk failed, not the target: out of order, network out of order, temporary failure,
/// congestion, no circuit.
const TRUNK_CAUSES: [u16; 5] = [27, 34, 38, 41, 42];

/// What a failure means (FAULTS F8): the target's own outcome, or a trunk to be passed over. The far end's Q.850 cause,
/// where it gives one, speaks before its status.
pub fn outcome(failure: &Failure) -> LegOutcome {
    if failure.kind != FailureKind::Answered {
        return match failure.kind {
            FailureKind::NoFinalResponse => LegOutcome::NoAnswer,
            FailureKind::Answered | FailureKind::NoResponse | FailureKind::Unreachable => {
                LegOutcome::TrunkFailed
            }
        };
    }
    match (failure.q850, failure.status) {
        (Some(cause), _) if TRUNK_CAUSES.contains(&cause) => LegOutcome::TrunkFailed,
        (Some(1), _) => LegOutcome::NotFound,
        (Some(17), _) => LegOutcome::Busy,
        (Some(18 | 19), _) => LegOutcome::NoAnswer,
        (Some(21), _) => LegOutcome::Rejected,
        (_, 486 | 600) => LegOutcome::Busy,
        (_, 603) => LegOutcome::Rejected,
        (_, 404 | 484) => LegOutcome::NotFound,
        (_, 480) => LegOutcome::NoAnswer,
        (_, 487) => LegOutcome::Cancelled,
        (_, 408 | 500 | 502 | 503 | 504) => LegOutcome::TrunkFailed,
        (_, 500..600) => LegOutcome::TrunkFailed,
        _ => LegOutcome::Rejected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(status: u16, q850: Option<u16>) -> Failure {
        Failure { status, kind: FailureKind::Answered, q850, retry_after_s: None }
    }

    #[test]
    fn fault_f8_a_failing_trunk_is_told_from_a_target_that_will_not() {
        for status in [408, 500, 502, 503, 504] {
            assert_eq!(outcome(&failure(status, None)), LegOutcome::TrunkFailed, "{status}");
        }
        for cause in [27, 34, 38, 41, 42] {
            assert_eq!(outcome(&failure(480, Some(cause))), LegOutcome::TrunkFailed, "Q.850 {cause}");
        }
        for (status, cause, means) in [
            (486, None, LegOutcome::Busy),
            (600, None, LegOutcome::Busy),
            (603, None, LegOutcome::Rejected),
            (404, None, LegOutcome::NotFound),
            (484, None, LegOutcome::NotFound),
            (480, None, LegOutcome::NoAnswer),
            (503, Some(17), LegOutcome::Busy),
            (500, Some(21), LegOutcome::Rejected),
            (500, Some(1), LegOutcome::NotFound),
            (500, Some(19), LegOutcome::NoAnswer),
        ] {
            assert_eq!(outcome(&failure(status, cause)), means, "{status} {cause:?}");
        }
        let silent = Failure { status: 408, kind: FailureKind::NoResponse, q850: None, retry_after_s: None };
        assert_eq!(outcome(&silent), LegOutcome::TrunkFailed);
    }
}
