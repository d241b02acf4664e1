//! Carrier trunks as values: what a carrier's paper says of one (its profile), and by which of them a call may leave now,
//! with the reason for each that was passed over (row X04). Knows no address, no message and no timer.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::enterprise::DestinationKind;
use crate::flow::Chance;
use crate::hotline::Destination;
use crate::{Mono, PlanId};

pub use called::{Named, called, read as read_hotline};
pub use cause::{CauseRow, Failed, Means, NetworkFault, SHIPPED as SHIPPED_CAUSES, Shipped, means, shipped};
pub use form::NumberForm;
pub use profile::{
    AccessNumber, Dtmf, EarlyMedia, Profile, ProfileFault, Registration, Secret, Shown, Srtp, Transport,
};

mod called;
mod cause;
mod form;
mod profile;

/// The window of a trunk's call rate.
const RATE_MS: u64 = 1_000;

/// The provider's trunks with what is known of their health and their load; the node owns the one value of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trunks {
    /// In order of priority, then name.
    pub rows: Vec<Trunk>,
}

/// One carrier trunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trunk {
    /// Its name.
    pub name: Arc<str>,
    /// Where its INVITEs go, `address:port`.
    pub address: Arc<str>,
    /// The area code of callers who come without one.
    pub area_code: Option<Arc<str>>,
    /// Whether calls to landlines and mobiles may leave by it.
    pub outgoing: bool,
    /// The lowest is tried first; equal ones share by weight.
    pub priority: u32,
    /// The plan of what its calls cost us.
    pub cost_plan: Option<PlanId>,
    /// What the carrier's paper says.
    pub profile: Arc<Profile>,
    /// Out of service by the circuit breaker (FAULTS F8).
    pub down: bool,
    /// Its carrier knows us by a registration only, and there is none.
    pub unregistered: bool,
    /// The carrier asked for quiet until then (Retry-After).
    pub quiet_until: Option<Mono>,
    /// What goes by it.
    pub load: Load,
}

/// What goes by a trunk now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// Calls in and out that hold a place.
    pub calls: u32,
    /// When the outgoing calls of the last second began.
    begun: VecDeque<Mono>,
}

/// Why a trunk was passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pass {
    /// The circuit breaker is open: it comes after all others.
    Down,
    /// Its carrier asked for quiet by Retry-After.
    Quiet,
    /// As many calls as it may carry.
    Full,
    /// As many calls in this second as it may begin.
    TooFast,
    /// It may show no number for this call (row K06).
    NoDisplay,
    /// We are not registered with its carrier.
    Unregistered,
    /// As many legs as may leave by trunks for this enterprise or number today have left (FAULTS N7).
    DayFull,
}

/// The ways to a bound number, first to be tried first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ways {
    /// Trunks by name; `None` is the direct way of a SIP address or a registered phone.
    pub order: Vec<Option<Arc<str>>>,
    /// Trunks not in the order, or behind their place in it, each with its reason.
    pub passed: Vec<(Arc<str>, Pass)>,
}

impl Trunks {
    /// The trunks a bound number can be reached by now: by priority, and by weight among equals. Those that are down come
    /// last, since a guess that a trunk is down must not make a number unreachable; those without room are left out.
    /// `chance` is drawn from only where two trunks share a priority, so that any call replays.
    pub fn ways_to(&self, destination: &Destination, chance: &mut Chance, now: Mono) -> Ways {
        if matches!(destination.kind, DestinationKind::SipUri | DestinationKind::Extension) {
            return Ways { order: vec![None], passed: Vec::new() };
        }
        let (mut sound, mut down, mut passed) = (Vec::new(), Vec::new(), Vec::new());
        for trunk in self.rows.iter().filter(|trunk| trunk.outgoing) {
            match trunk.pass(now) {
                None => sound.push(trunk),
                Some(pass) => {
                    passed.push((trunk.name.clone(), pass));
                    if pass == Pass::Down {
                        down.push(trunk);
                    }
                }
            }
        }
        let order = in_order(sound, chance).into_iter().chain(in_order(down, chance));
        Ways { order: order.map(|trunk| Some(trunk.name.clone())).collect(), passed }
    }

    /// Takes a place on a trunk for an outgoing call. A trunk that is down is taken: it was left for last.
    ///
    /// # Errors
    /// Why it cannot be taken.
    pub fn begin(&mut self, name: &str, now: Mono) -> Result<(), Pass> {
        let Some(trunk) = self.rows.iter_mut().find(|trunk| *trunk.name == *name) else { return Ok(()) };
        match trunk.pass(now) {
            Some(
                pass @ (Pass::Quiet
                | Pass::Full
                | Pass::TooFast
                | Pass::NoDisplay
                | Pass::Unregistered
                | Pass::DayFull),
            ) => Err(pass),
            Some(Pass::Down) | None => {
                trunk.load.begin(trunk.profile.calls_per_s_max, now);
                Ok(())
            }
        }
    }

    /// The trunks that a call for help leaves by, by priority: those marked for it, whether or not other calls may leave by
    /// them, and no limit counts. What is down or asked for quiet comes last and is still tried (row K24).
    pub fn ways_to_help(&self, now: Mono) -> Vec<Arc<str>> {
        let mut marked: Vec<&Trunk> = self.rows.iter().filter(|trunk| trunk.profile.emergency).collect();
        let is_doubtful = |trunk: &Trunk| trunk.down || trunk.quiet_until.is_some_and(|until| until > now);
        marked.sort_by_key(|trunk| (is_doubtful(trunk), trunk.priority));
        marked.into_iter().map(|trunk| trunk.name.clone()).collect()
    }

    /// Takes a place for a call for help, beyond the limit if need be.
    pub fn begin_for_help(&mut self, name: &str) {
        if let Some(trunk) = self.rows.iter_mut().find(|trunk| *trunk.name == *name) {
            trunk.load.calls += 1;
        }
    }

    /// Takes a place for a call that comes in; `false` if the trunk carries as many as it may.
    pub fn begin_incoming(&mut self, name: &str) -> bool {
        let Some(trunk) = self.rows.iter_mut().find(|trunk| *trunk.name == *name) else { return true };
        if trunk.is_full() {
            return false;
        }
        trunk.load.calls += 1;
        true
    }

    /// Gives a place back, whichever way the call went.
    pub fn end(&mut self, name: &str) {
        if let Some(trunk) = self.rows.iter_mut().find(|trunk| *trunk.name == *name) {
            trunk.load.calls = trunk.load.calls.saturating_sub(1);
        }
    }

    /// A trunk by its name.
    pub fn named(&self, name: &str) -> Option<&Trunk> {
        self.rows.iter().find(|trunk| *trunk.name == *name)
    }
}

impl Trunk {
    /// A trunk for calls in and out with a plain profile, in service, with nothing on it.
    pub fn plain(name: &str, address: &str) -> Self {
        Self {
            name: name.into(),
            address: address.into(),
            area_code: None,
            outgoing: true,
            priority: 10,
            cost_plan: None,
            profile: Arc::default(),
            down: false,
            unregistered: false,
            quiet_until: None,
            load: Load::default(),
        }
    }

    /// Why a new outgoing call does not take it now, if it does not.
    pub fn pass(&self, now: Mono) -> Option<Pass> {
        let too_fast =
            self.profile.calls_per_s_max.is_some_and(|max| self.load.begun_since(now) >= max as usize);
        if self.unregistered {
            Some(Pass::Unregistered)
        } else if self.quiet_until.is_some_and(|until| until > now) {
            Some(Pass::Quiet)
        } else if self.is_full() {
            Some(Pass::Full)
        } else if too_fast {
            Some(Pass::TooFast)
        } else {
            self.down.then_some(Pass::Down)
        }
    }

    fn is_full(&self) -> bool {
        self.profile.calls_max.is_some_and(|max| self.load.calls >= max)
    }
}

impl Load {
    fn begin(&mut self, rate_max: Option<u32>, now: Mono) {
        self.calls += 1;
        if rate_max.is_some() {
            while self.begun.front().is_some_and(|at| *at + RATE_MS <= now) {
                self.begun.pop_front();
            }
            self.begun.push_back(now);
        }
    }

    fn begun_since(&self, now: Mono) -> usize {
        self.begun.iter().filter(|at| **at + RATE_MS > now).count()
    }
}

/// By priority; equals in an order drawn by weight.
fn in_order<'t>(trunks: Vec<&'t Trunk>, chance: &mut Chance) -> Vec<&'t Trunk> {
    let mut left = trunks;
    left.sort_by_key(|trunk| trunk.priority);
    let mut order = Vec::with_capacity(left.len());
    while let Some(first) = left.first() {
        let equals = left.iter().take_while(|trunk| trunk.priority == first.priority).count();
        let chosen = if equals == 1 { 0 } else { by_weight(&left[..equals], chance) };
        order.push(left.remove(chosen));
    }
    order
}

fn by_weight(trunks: &[&Trunk], chance: &mut Chance) -> usize {
    let total: u64 = trunks.iter().map(|trunk| u64::from(trunk.profile.weight)).sum();
    let mut draw = chance.below(total.max(1));
    for (place, trunk) in trunks.iter().enumerate() {
        let weight = u64::from(trunk.profile.weight);
        if draw < weight {
            return place;
        }
        draw -= weight;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trunk(name: &str, priority: u32, profile: Profile) -> Trunk {
        Trunk { priority, profile: Arc::new(profile), ..Trunk::plain(name, "192.0.2.1:5060") }
    }

    fn phone() -> Destination {
        Destination {
            name: "front".into(),
            kind: DestinationKind::Mobile,
            number: "13800138000".into(),
            area_code: "".into(),
            enabled: true,
            lines: 1,
            ring_ms: 20_000,
            duty: Default::default(),
            confirm: Default::default(),
        }
    }

    fn names(ways: &Ways) -> Vec<&str> {
        ways.order.iter().flatten().map(|name| &**name).collect()
    }

    #[test]
    fn x04_the_lower_priority_comes_first_and_the_why_names_who_was_passed_over() {
        let full = Profile { calls_max: Some(0), ..Profile::default() };
        let mut trunks = Trunks {
            rows: vec![
                trunk("a", 10, full),
                trunk("b", 20, Profile::default()),
                trunk("c", 30, Profile::default()),
                trunk("d", 5, Profile::default()),
            ],
        };
        trunks.rows[1].down = true;
        trunks.rows[3].quiet_until = Some(Mono(9_000));
        let ways = trunks.ways_to(&phone(), &mut Chance::new(1), Mono(8_999));
        assert_eq!(names(&ways), ["c", "b"], "what is down comes last, what has no room not at all");
        let passed: Vec<(&str, Pass)> = ways.passed.iter().map(|(name, pass)| (&**name, *pass)).collect();
        assert_eq!(passed, [("a", Pass::Full), ("b", Pass::Down), ("d", Pass::Quiet)]);
        let later = trunks.ways_to(&phone(), &mut Chance::new(1), Mono(9_000));
        assert_eq!(names(&later)[0], "d", "the quiet is over");
    }

    #[test]
    fn x04_who_is_not_registered_is_not_tried_even_last() {
        let mut trunks = Trunks { rows: vec![trunk("a", 10, Profile::default())] };
        trunks.rows[0].unregistered = true;
        let ways = trunks.ways_to(&phone(), &mut Chance::new(1), Mono(0));
        assert_eq!((names(&ways), ways.passed.clone()), (vec![], vec![("a".into(), Pass::Unregistered)]));
        assert_eq!(trunks.begin("a", Mono(0)), Err(Pass::Unregistered));
        assert!(trunks.begin_incoming("a"), "what its carrier sends is taken");
    }

    #[test]
    fn x04_equals_share_by_weight() {
        let of = |weight| Profile { weight, ..Profile::default() };
        let trunks = Trunks { rows: vec![trunk("a", 10, of(3)), trunk("b", 10, of(1))] };
        let mut chance = Chance::new(7);
        let first = |_| names(&trunks.ways_to(&phone(), &mut chance, Mono(0)))[0] == "a";
        let share = (0..10_000).map(first).filter(|is_a| *is_a).count();
        assert!((7_300..7_700).contains(&share), "three of four begin with a: {share}");
    }

    #[test]
    fn k24_help_leaves_by_marked_trunks_by_priority_whatever_their_limits() {
        let marked =
            |full: bool| Profile { emergency: true, calls_max: Some(u32::from(!full)), ..Profile::default() };
        let mut trunks = Trunks {
            rows: vec![
                trunk("down", 1, marked(false)),
                trunk("plain", 2, Profile::default()),
                trunk("second", 20, marked(false)),
                trunk("first", 10, marked(true)),
                trunk("quiet", 3, marked(false)),
            ],
        };
        trunks.rows[0].down = true;
        trunks.rows[3].outgoing = false;
        trunks.rows[4].quiet_until = Some(Mono(9_000));
        let names = |trunks: &Trunks, at| {
            trunks.ways_to_help(Mono(at)).iter().map(|name| name.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(names(&trunks, 0), ["first", "second", "down", "quiet"]);
        assert_eq!(names(&trunks, 9_000), ["quiet", "first", "second", "down"]);
        trunks.begin_for_help("first");
        assert_eq!(trunks.rows[3].load.calls, 1);
        trunks.end("first");
        assert_eq!(trunks.rows[3].load.calls, 0);
    }

    #[test]
    fn x04_limits_are_never_exceeded() {
        for seed in 0..300 {
            let mut chance = Chance::new(seed);
            let (calls_max, rate) = (1 + chance.below(5) as u32, 1 + chance.below(4) as u32);
            let profile =
                Profile { calls_max: Some(calls_max), calls_per_s_max: Some(rate), ..Profile::default() };
            let mut trunks = Trunks { rows: vec![trunk("a", 10, profile)] };
            let (mut now, mut up, mut begun) = (Mono(0), 0u32, Vec::new());
            for _ in 0..400 {
                now = now + chance.below(700);
                match chance.below(4) {
                    0 if up > 0 => {
                        trunks.end("a");
                        up -= 1;
                    }
                    1 => up += u32::from(trunks.begin_incoming("a")),
                    _ if trunks.begin("a", now).is_ok() => {
                        up += 1;
                        begun.push(now);
                    }
                    _ => {}
                }
                let second = begun.iter().filter(|at| **at + RATE_MS > now).count();
                assert!(up <= calls_max && second <= rate as usize, "seed {seed}: {up} up, {second} in 1 s");
                assert_eq!(trunks.rows[0].load.calls, up, "seed {seed}");
            }
            assert!(begun.len() > 20, "seed {seed}: calls were let through");
        }
    }
}
