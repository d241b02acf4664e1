//! Where to dial, in what order, and why. The Why is a value: a support person, a test and the simulator read the
//! same one. Routing looks at the tenant's state and says what it chose; the call carries it out.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::enterprise::{DestinationKind, Strategy};
use crate::hotline::Destination;
use crate::tenant::Tenant;
use crate::{Hotline, Word};

/// Forwards made in one call, at most (row R14; seed 002:119).
pub const FORWARDS_MAX: u8 = 3;

/// The order in which a group's members are tried in one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Places in [`Hotline::destinations`], first to be tried first.
    pub order: Vec<u8>,
    /// Why.
    pub why: RouteWhy,
}

/// Why a route is as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteWhy {
    /// The group's name.
    pub group: Word,
    /// Its strategy.
    pub strategy: Strategy,
    /// The member that began the group's last call (round robin).
    pub after: Option<u8>,
    /// Members not tried, each with its reason.
    pub skipped: Vec<(u8, Skip)>,
}

/// Why a bound number is not tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Skip {
    /// Switched off.
    Off,
    /// All its lines are in use, as the platform knows.
    LinesFull,
    /// Tried before in this call: a loop of forwards.
    AlreadyTried,
}

/// Chooses the order for a group. Members that are off or whose lines are full are skipped with their reason; with
/// none left the order is empty and the caller of this function looks at the reasons.
pub fn choose_route(hotline: &Hotline, group: u8, tenant: &Tenant) -> Route {
    let chosen = &hotline.groups[usize::from(group)];
    let count = chosen.members.len();
    let after = match chosen.strategy {
        Strategy::Sequential => None,
        Strategy::RoundRobin => tenant.pointer(hotline.number, group),
    };
    let start = after.map_or(0, |last| (usize::from(last) + 1) % count.max(1));
    let (mut order, mut skipped) = (Vec::with_capacity(count), Vec::new());
    for turn in 0..count {
        let place = chosen.members[(start + turn) % count];
        match skip(hotline.destination(place), tenant) {
            None => order.push(place),
            Some(reason) => skipped.push((place, reason)),
        }
    }
    let why = RouteWhy { group: hotline.words.word(chosen.name), strategy: chosen.strategy, after, skipped };
    Route { order, why }
}

/// Why a bound number cannot be tried now, if it cannot.
pub fn skip(destination: &Destination, tenant: &Tenant) -> Option<Skip> {
    if !destination.enabled {
        return Some(Skip::Off);
    }
    let full = tenant.lines_in_use(&destination.number) >= u32::from(destination.lines);
    full.then_some(Skip::LinesFull)
}

/// The place of a member within its group: what round robin points at.
pub fn member_of(hotline: &Hotline, group: u8, place: u8) -> Option<u8> {
    let members = &hotline.groups[usize::from(group)].members;
    members.iter().position(|member| *member == place).map(|member| member as u8)
}

/// Trunks in order of preference, with what is known of their health; a value made by the node for each call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trunks {
    /// First to be tried first.
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
    /// The plan of what its calls cost us.
    pub cost_plan: Option<crate::PlanId>,
    /// Out of service by the circuit breaker (FAULTS F8).
    pub down: bool,
}

impl Trunks {
    /// The trunks a bound number can be reached by, in order; those that are down come last, since a guess that a
    /// trunk is down must not make a number unreachable. `None` is the direct way of a SIP address.
    pub fn ways_to(&self, destination: &Destination) -> Vec<Option<Arc<str>>> {
        if destination.kind == DestinationKind::SipUri {
            return vec![None];
        }
        let of_health = |down: bool| {
            let fits = move |trunk: &&Trunk| trunk.outgoing && trunk.down == down;
            self.rows.iter().filter(fits).map(|trunk| Some(trunk.name.clone()))
        };
        of_health(false).chain(of_health(true)).collect()
    }
}
