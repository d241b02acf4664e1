//! Carrier trunks: whose INVITE this is, and which of them are out of service. A trunk is asked by OPTIONS, now and then
//! while it works and often once it failed, until it answers (FAULTS F8); what a status means is data.

mod registering;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use hotline::cdr::LegOutcome;
use hotline::flow::Chance;
use hotline::trunk::{self, Failed, Load, Means, NetworkFault, Profile, Registration, Trunk, Trunks};
use hotline::{Mono, PlanId};
use serde::{Deserialize, Serialize};
use sip::{Failure, FailureKind, Hop, RegistrationId, Transport};

use crate::listeners::Listeners;
use registering::Registering;
pub use registering::RegistrationStanding;
pub(crate) use registering::{credentials, register};

/// One trunk as the provider configures it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrunkConfig {
    /// Its name.
    pub name: String,
    /// Where its INVITEs go and where callers come from.
    pub address: SocketAddr,
    /// The area code of callers who come without one, such as `010`.
    pub area_code: Option<String>,
    /// Whether calls may come in by it.
    pub incoming: bool,
    /// Whether calls may leave by it.
    pub outgoing: bool,
    /// The lowest is tried first; equal ones share by weight.
    pub priority: u32,
    /// What its calls cost us.
    pub cost_plan: Option<PlanId>,
    /// What its carrier's paper says.
    pub profile: Profile,
}

/// Failures in a row that open the breaker.
const FAILURES_MAX: u32 = 5;
/// How often a trunk that is out is asked.
const PROBE_MS: u64 = 5_000;
/// The longest quiet that a carrier's Retry-After is given: a slip of it must not end all calls for a day.
const QUIET_MS_MAX: u64 = 300_000;

/// The trunks with their health.
#[derive(Debug, Default)]
pub struct Carriers {
    configs: Vec<TrunkConfig>,
    health: Vec<Health>,
    listeners: Listeners,
    /// Registrations of trunks that are no more, until their end is answered.
    leaving: Vec<RegistrationId>,
    /// Whether no registration is wanted: the process is about to end.
    left: bool,
    /// What calls see.
    pub view: Trunks,
}

#[derive(Clone, Debug, Default)]
struct Health {
    failures: u32,
    probe: Option<sip::ProbeId>,
    probe_at: Option<Mono>,
    /// The last answer to OPTIONS: status and round trip.
    last: Option<(u16, u64)>,
    registering: Option<Registering>,
}

/// A registration to be made, kept up or taken back now.
#[derive(Debug)]
pub(crate) struct DueRegister {
    /// Which trunk's; `None` for one that is no more.
    pub(crate) place: Option<usize>,
    pub(crate) id: Option<RegistrationId>,
    pub(crate) register: sip::Register,
}

impl Carriers {
    pub fn new(configs: Vec<TrunkConfig>, listeners: Listeners, now: Mono) -> Self {
        let row = |config: &TrunkConfig| Trunk {
            name: Arc::from(config.name.as_str()),
            address: Arc::from(config.address.to_string()),
            area_code: config.area_code.as_deref().map(Arc::from),
            outgoing: config.outgoing,
            priority: config.priority,
            cost_plan: config.cost_plan.clone(),
            profile: Arc::new(config.profile.clone()),
            down: false,
            unregistered: config.registration().is_some(),
            quiet_until: None,
            load: Load::default(),
        };
        let health = |config: &TrunkConfig| Health {
            probe_at: next_ping(&config.profile, now),
            registering: config.registration().map(|_| Registering::new(now)),
            ..Health::default()
        };
        let view = Trunks { rows: configs.iter().map(row).collect() };
        let health = configs.iter().map(health).collect();
        Self { health, configs, listeners, leaving: Vec::new(), left: false, view }
    }

    /// Takes newer trunks. Calls go on and count under the trunk's name; health is kept where the address is the same,
    /// a registration where it is the same one. Returns the registrations to be taken back.
    pub(crate) fn replace(&mut self, configs: Vec<TrunkConfig>, now: Mono) -> Vec<DueRegister> {
        let mut next = Self::new(configs, self.listeners.clone(), now);
        (next.leaving, next.left) = (std::mem::take(&mut self.leaving), self.left);
        for (place, config) in next.configs.iter().enumerate() {
            let Some(old) = self.configs.iter().position(|old| old.name == config.name) else { continue };
            let (row, was) = (&mut next.view.rows[place], &self.view.rows[old]);
            row.load = was.load.clone();
            if self.configs[old].address == config.address {
                (row.down, row.quiet_until) = (was.down, was.quiet_until);
                let fresh = next.health[place].registering.take();
                next.health[place] = Health { registering: fresh, ..self.health[old].clone() };
                let since = next.health[place].probe_at;
                next.health[place].probe_at = since.or_else(|| next_ping(&config.profile, now));
            }
            if same_binding(&self.configs[old], config)
                && let Some(mut known) = self.health[old].registering.take()
            {
                if self.configs[old].registration() != config.registration() {
                    known.renew(now);
                }
                row.unregistered = !known.is_bound(now);
                next.health[place].registering = Some(known);
            }
        }
        let mut gone = Vec::new();
        for place in 0..self.configs.len() {
            gone.extend(self.take_back(place, now).map(|due| DueRegister { place: None, ..due }));
        }
        next.leaving.extend(gone.iter().filter_map(|due| due.id));
        *self = next;
        gone
    }

    /// The way to a trunk: by what it speaks, from the listener of ours that its profile names, or one that speaks it too.
    pub fn way(&self, config: &TrunkConfig) -> Hop {
        let transport = match config.profile.transport {
            trunk::Transport::Udp => Transport::Udp,
            trunk::Transport::Tcp => Transport::Tcp,
            trunk::Transport::Tls => Transport::Tls,
        };
        let listener = self.listeners.to_trunk(transport, config.profile.listen);
        Hop { transport, listener, remote: config.address, connection: None }
    }

    fn take_back(&mut self, place: usize, now: Mono) -> Option<DueRegister> {
        let registering = self.health[place].registering.as_mut()?;
        let says = registering.leave(now);
        let id = registering.id();
        self.view.rows[place].unregistered = true;
        let config = &self.configs[place];
        let known = config.registration().filter(|_| says)?;
        Some(DueRegister { place: Some(place), id, register: register(known, self.way(config), 0) })
    }

    /// The registrations to be made or refreshed now; those that ended meanwhile are known for it.
    pub(crate) fn due_registers(&mut self, now: Mono) -> Vec<DueRegister> {
        let mut due = Vec::new();
        for place in 0..self.configs.len() {
            let Some(registering) = &self.health[place].registering else { continue };
            self.view.rows[place].unregistered = !registering.is_bound(now);
            if !registering.is_due(now) {
                continue;
            }
            let (id, config) = (registering.id(), &self.configs[place]);
            let known = config.registration().map(|known| register(known, self.way(config), known.expires_s));
            due.extend(known.map(|register| DueRegister { place: Some(place), id, register }));
        }
        due
    }

    /// No registration is wanted any more, or again. Returns those to be taken back.
    pub(crate) fn leave_registrars(&mut self, leaves: bool, now: Mono) -> Vec<DueRegister> {
        if std::mem::replace(&mut self.left, leaves) == leaves {
            return Vec::new();
        }
        if leaves {
            return (0..self.configs.len()).filter_map(|place| self.take_back(place, now)).collect();
        }
        let all = self.health.iter_mut().filter_map(|health| health.registering.as_mut());
        all.for_each(|registering| registering.renew(now));
        Vec::new()
    }

    /// A REGISTER is out, or could not be written.
    pub(crate) fn registering(&mut self, place: usize, id: Option<RegistrationId>, now: Mono) {
        if let Some(registering) = &mut self.health[place].registering
            && !registering.is_leaving()
        {
            registering.asked(id, now);
        }
    }

    /// A REGISTER was answered, for so long or with a failure. Returns the trunk's name, and whether the registration is
    /// one that is over, to be forgotten.
    pub(crate) fn registered(
        &mut self,
        id: RegistrationId,
        answer: Result<u32, &Failure>,
        now: Mono,
        chance: &mut Chance,
    ) -> (Option<Arc<str>>, bool) {
        let is_it = |health: &Health| health.registering.as_ref().is_some_and(|known| known.id() == Some(id));
        let Some(place) = self.health.iter().position(is_it) else {
            self.leaving.retain(|leaving| *leaving != id);
            return (None, true);
        };
        let row = &mut self.view.rows[place];
        if let Some(registering) = &mut self.health[place].registering {
            match answer {
                Ok(expires_s) => registering.granted(expires_s, now),
                Err(failure) => registering.failed(failure, now, chance),
            }
            row.unregistered = !registering.is_bound(now);
        }
        (Some(row.name.clone()), false)
    }

    /// Registrations whose end is on its way.
    pub fn registrations_leaving(&self) -> usize {
        let of_trunks = self.health.iter().filter_map(|health| health.registering.as_ref());
        self.leaving.len() + of_trunks.filter(|known| known.is_leaving()).count()
    }

    /// How a trunk's registration stands; `None` for one that does not register.
    pub fn standing(&self, name: &str, now: Mono) -> Option<RegistrationStanding> {
        let place = self.configs.iter().position(|config| config.name == name)?;
        Some(self.health[place].registering.as_ref()?.standing(now))
    }

    /// A trunk by its name.
    pub fn named(&self, name: &str) -> Option<&TrunkConfig> {
        self.configs.iter().find(|config| config.name == name)
    }

    /// The trunk calls come in by that an INVITE belongs to, by the address it came from: by address and port, else by address alone, else by
    /// the further addresses and its registrar's. Where several trunks share an address the one that registered the
    /// user of its Request-URI comes first.
    pub fn of_source(&self, source: SocketAddr, request_uri_user: &str) -> Option<usize> {
        let knows = |config: &TrunkConfig| config.knows(source).filter(|_| config.incoming);
        let registered = self.configs.iter().position(|config| {
            let user = config.profile.registration.as_ref().map(|known| known.user.as_str());
            user == Some(request_uri_user) && knows(config).is_some()
        });
        let nearest = || {
            let known = self.configs.iter().enumerate();
            known.filter_map(|(place, config)| Some((knows(config)?, place))).min().map(|(_, place)| place)
        };
        registered.or_else(nearest)
    }

    /// All addresses that a trunk speaks from: whoever [`Carriers::of_source`] finds is among them.
    pub fn hosts(&self) -> Vec<IpAddr> {
        let further = |config: &TrunkConfig| -> Vec<IpAddr> {
            let host =
                |text: &String| text.parse().ok().or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()));
            let registrar = config.profile.registration.as_ref().map(|known| &known.registrar);
            config.profile.sources.iter().chain(registrar).filter_map(host).collect()
        };
        self.configs
            .iter()
            .flat_map(|config| std::iter::once(config.address.ip()).chain(further(config)))
            .collect()
    }

    pub fn config(&self, place: usize) -> Option<&TrunkConfig> {
        self.configs.get(place)
    }

    /// The trunk said something: it works.
    pub fn answered(&mut self, place: usize) {
        let Some(health) = self.health.get_mut(place) else { return };
        health.failures = 0;
        self.view.rows[place].down = false;
    }

    /// A trunk failed an attempt; enough of them open the breaker, and it is asked from now on.
    pub fn failed(&mut self, place: usize, failure: &Failure, now: Mono) {
        let Some(health) = self.health.get_mut(place) else { return };
        if let Some(quiet_s) = failure.retry_after_s {
            let quiet_ms = (u64::from(quiet_s) * 1_000).min(QUIET_MS_MAX);
            self.view.rows[place].quiet_until = Some(now + quiet_ms);
        }
        health.failures += 1;
        if health.failures >= FAILURES_MAX && !self.view.rows[place].down {
            self.view.rows[place].down = true;
            health.probe_at = Some(now);
        }
    }

    /// The trunks to ask now.
    pub fn due_probes(&self, now: Mono) -> Vec<(usize, Hop)> {
        let is_due = |health: &Health| health.probe.is_none() && health.probe_at.is_some_and(|at| at <= now);
        let due = self.health.iter().enumerate().filter(|(_, health)| is_due(health));
        due.map(|(place, _)| (place, self.way(&self.configs[place]))).collect()
    }

    pub fn probing(&mut self, place: usize, probe: sip::ProbeId) {
        self.health[place].probe = Some(probe);
    }

    /// A probe's answer, its status and round trip, closes the breaker half: the next call decides. Silence and 5xx open it
    /// or keep it open; whoever refuses OPTIONS in another way is alive.
    pub fn probed(&mut self, probe: sip::ProbeId, answer: Option<(u16, u64)>, now: Mono) {
        let Some(place) = self.health.iter().position(|health| health.probe == Some(probe)) else { return };
        let (health, row) = (&mut self.health[place], &mut self.view.rows[place]);
        (health.probe, health.last) = (None, answer);
        if answer.is_some_and(|(status, _)| status < 500) {
            if row.down {
                health.failures = FAILURES_MAX - 1;
            }
            row.down = false;
            health.probe_at = next_ping(&self.configs[place].profile, now);
        } else {
            health.failures = health.failures.max(FAILURES_MAX);
            row.down = true;
            health.probe_at = Some(now + PROBE_MS);
        }
    }

    /// The last answer to OPTIONS of a trunk: status and round trip in ms.
    pub fn last_answer(&self, name: &str) -> Option<(u16, u64)> {
        let place = self.configs.iter().position(|config| config.name == name)?;
        self.health[place].last
    }

    pub fn next_timeout(&self, now: Mono) -> Option<Mono> {
        let probes =
            self.health.iter().filter(|health| health.probe.is_none()).filter_map(|health| health.probe_at);
        let registers =
            self.health.iter().filter_map(|health| health.registering.as_ref()?.next_timeout(now));
        probes.chain(registers).min()
    }
}

impl TrunkConfig {
    /// How it is registered with, if it is.
    fn registration(&self) -> Option<&Registration> {
        self.profile.registration.as_ref().filter(|known| known.expires_s > 0)
    }

    /// How near an address is to it, 0 the nearest; `None` if it is none of its addresses.
    fn knows(&self, source: SocketAddr) -> Option<u8> {
        let is_it = |text: &String| {
            text.parse() == Ok(source) || text.parse::<IpAddr>().is_ok_and(|ip| ip == source.ip())
        };
        let registrar = || self.profile.registration.as_ref()?.registrar.parse::<SocketAddr>().ok();
        if self.address == source {
            Some(0)
        } else if self.address.ip() == source.ip() {
            Some(1)
        } else if self.profile.sources.iter().any(is_it) {
            Some(2)
        } else {
            (registrar().is_some_and(|registrar| registrar.ip() == source.ip())).then_some(3)
        }
    }
}

/// Whether two trunks have the same binding at the same registrar; another password does not make it another.
fn same_binding(one: &TrunkConfig, other: &TrunkConfig) -> bool {
    let of = |config: &TrunkConfig| {
        let known = config.registration()?;
        let text = (known.user.clone(), known.domain.clone(), known.registrar.clone());
        Some((config.address, config.profile.transport, config.profile.listen, text))
    };
    of(one).is_some() && of(one) == of(other)
}

/// When a trunk that works is asked next.
fn next_ping(profile: &Profile, now: Mono) -> Option<Mono> {
    (profile.options_s > 0).then(|| now + u64::from(profile.options_s) * 1_000)
}

/// What a failure means by a trunk's table (FAULTS F8); a leg without a trunk has the shipped one.
pub fn outcome(profile: Option<&Profile>, failure: &Failure) -> LegOutcome {
    means_on(profile, failure).outcome()
}

/// The same before it is an outcome.
pub fn means_on(profile: Option<&Profile>, failure: &Failure) -> Means {
    trunk::means(profile.map_or(&[], |profile| &profile.causes), failed(failure))
}

/// A failed leg, as far as the table looks at it.
pub fn failed(failure: &Failure) -> Failed {
    match failure.kind {
        FailureKind::Answered => Failed::Answered { status: failure.status, q850: failure.q850 },
        FailureKind::NoResponse => Failed::Network(NetworkFault::NoResponse),
        FailureKind::NoFinalResponse => Failed::Network(NetworkFault::NoFinalResponse),
        FailureKind::Unreachable => Failed::Network(NetworkFault::Unreachable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carriers() -> Carriers {
        let config = TrunkConfig {
            name: "north".into(),
            address: ([192, 0, 2, 1], 5060).into(),
            area_code: None,
            incoming: true,
            outgoing: true,
            priority: 10,
            cost_plan: None,
            profile: Profile { sources: vec!["192.0.2.9".into()], ..Profile::default() },
        };
        Carriers::new(vec![config], Listeners::default(), Mono(0))
    }

    fn failed(status: u16, retry_after_s: Option<u32>) -> Failure {
        Failure { status, kind: FailureKind::Answered, q850: None, retry_after_s }
    }

    fn ask(carriers: &mut Carriers, now: Mono, probe: u64) -> bool {
        let due = carriers.due_probes(now);
        due.iter().for_each(|(place, _)| carriers.probing(*place, sip::ProbeId(probe)));
        !due.is_empty()
    }

    #[test]
    fn fault_f8_the_breaker_opens_after_failures_and_closes_half_by_an_answer() {
        let mut carriers = carriers();
        for at in 0..FAILURES_MAX {
            assert!(!carriers.view.rows[0].down, "{at}");
            carriers.failed(0, &failed(503, None), Mono(1_000));
        }
        assert!(carriers.view.rows[0].down);
        assert!(ask(&mut carriers, Mono(1_000), 1), "asked at once");
        carriers.probed(sip::ProbeId(1), None, Mono(2_000));
        assert!(carriers.view.rows[0].down && !ask(&mut carriers, Mono(2_000 + PROBE_MS - 1), 2));
        assert!(ask(&mut carriers, Mono(2_000 + PROBE_MS), 2));
        carriers.probed(sip::ProbeId(2), Some((200, 12)), Mono(8_000));
        assert!(!carriers.view.rows[0].down, "half: the next call decides");
        carriers.failed(0, &failed(503, None), Mono(8_100));
        assert!(carriers.view.rows[0].down);
        carriers.answered(0);
        assert!(!carriers.view.rows[0].down);
    }

    #[test]
    fn fault_f8_retry_after_is_respected_within_bounds() {
        let mut carriers = carriers();
        carriers.failed(0, &failed(503, Some(20)), Mono(1_000));
        assert_eq!(carriers.view.rows[0].quiet_until, Some(Mono(21_000)));
        assert_eq!(carriers.view.rows[0].pass(Mono(20_999)), Some(trunk::Pass::Quiet));
        assert_eq!(carriers.view.rows[0].pass(Mono(21_000)), None);
        carriers.failed(0, &failed(503, Some(86_400)), Mono(30_000));
        assert_eq!(carriers.view.rows[0].quiet_until, Some(Mono(30_000) + QUIET_MS_MAX));
    }

    #[test]
    fn x04_a_silent_options_takes_a_trunk_out_before_a_call_meets_it() {
        let mut carriers = carriers();
        assert!(ask(&mut carriers, Mono(30_000), 1), "asked though nothing is wrong");
        carriers.probed(sip::ProbeId(1), None, Mono(62_000));
        assert!(carriers.view.rows[0].down);
        assert!(ask(&mut carriers, Mono(67_000), 2));
        carriers.probed(sip::ProbeId(2), Some((503, 1)), Mono(67_001));
        assert!(carriers.view.rows[0].down, "503 is no health");
        assert!(ask(&mut carriers, Mono(72_001), 3));
        carriers.probed(sip::ProbeId(3), Some((405, 1)), Mono(72_002));
        assert!(!carriers.view.rows[0].down, "who refuses OPTIONS is alive");
        assert!(!ask(&mut carriers, Mono(102_001), 4) && ask(&mut carriers, Mono(102_002), 4));
    }

    #[test]
    fn x04_a_trunk_is_known_by_all_its_addresses() {
        let carriers = carriers();
        for (source, place) in
            [("192.0.2.1:5060", Some(0)), ("192.0.2.9:9", Some(0)), ("192.0.2.7:5060", None)]
        {
            assert_eq!(
                carriers.of_source(source.parse().expect("an address"), "4006010114"),
                place,
                "{source}"
            );
        }
    }

    #[test]
    fn n17_a_changed_trunk_keeps_health_and_load() {
        let mut carriers = carriers();
        carriers.view.begin("north", Mono(1)).expect("room");
        carriers.failed(0, &failed(503, Some(60)), Mono(1_000));
        let mut config = carriers.configs[0].clone();
        config.profile.calls_max = Some(1);
        carriers.replace(vec![config], Mono(2_000));
        let row = &carriers.view.rows[0];
        assert_eq!((row.load.calls, row.quiet_until), (1, Some(Mono(61_000))));
        assert_eq!(row.pass(Mono(61_000)), Some(trunk::Pass::Full), "the new limit holds");
    }
}
