//! Where to dial, in what order, and why. The Why is a value: a support person, a test and the simulator read the
//! same one. Routing looks at the tenant's state and says what it chose; the call carries it out.

use serde::{Deserialize, Serialize};

use crate::calendar::HolidayYears;
use crate::enterprise::Strategy;
use crate::flow::Chance;
use crate::hotline::Group;
use crate::tenant::{Standing, Tenant, deal_one};
use crate::{Hotline, Wall, Word};

pub use crate::trunk::{Trunk, Trunks};

/// Forwards made in one call, at most (row R14; seed 002:119).
pub const FORWARDS_MAX: u8 = 3;

/// The order in which a group's members are tried in one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Places in [`Hotline::destinations`], first to be tried first.
    pub order: Vec<u8>,
    /// Why.
    pub why: RouteWhy,
    /// How a weighted group's members stand after this call; the caller of [`choose_route`] tells the tenant.
    pub standing: Option<Standing>,
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
    /// What the members in their order were compared by, where it is not their place: the end of the last call in ms
    /// since 1970 (longest idle; the highest there is while one is up), calls or ms of talk since midnight in Beijing,
    /// or the weight.
    pub measured: Vec<i64>,
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
    /// It rejected this call before (row R31).
    Rejected,
    /// Off duty by its schedule (row R17).
    OffDuty,
    /// An emergency, service, premium, 400, 800 or foreign number: never dialled (FAULTS N7).
    NotAllowed,
}

/// What is asked beside the rules: when, with whose chance, and what this call knows already.
pub struct Asked<'a> {
    /// The wall time of the attempt.
    pub at: Wall,
    /// The holidays in force.
    pub years: &'a HolidayYears,
    /// The call's own source of chance.
    pub chance: &'a mut Chance,
    /// Places of bound numbers that rejected this call.
    pub rejected: &'a [u8],
    /// Places of bound numbers that were tried before the group was asked: the caller's last answerer.
    pub tried: &'a [u8],
}

/// Chooses the order for a group. Members that are off, whose lines are full or that rejected this call are skipped
/// with their reason; with none left the order is empty and the caller of this function looks at the reasons.
pub fn choose_route(hotline: &Hotline, group: u8, tenant: &Tenant, asked: &mut Asked<'_>) -> Route {
    let chosen = &hotline.groups[usize::from(group)];
    let count = chosen.members.len();
    let in_turn = chosen.strategy == Strategy::RoundRobin;
    let after = if in_turn { tenant.pointer(hotline.number, group) } else { None };
    let start = after.map_or(0, |last| (usize::from(last) + 1) % count.max(1));
    let (mut order, mut skipped) = (Vec::with_capacity(count), Vec::new());
    for turn in 0..count {
        let place = chosen.members[(start + turn) % count];
        let again = is_among(hotline, place, asked.tried).then_some(Skip::AlreadyTried);
        match again.or_else(|| skip(hotline, place, tenant, asked.at, asked.years, asked.rejected)) {
            None => order.push(place),
            Some(reason) => skipped.push((place, reason)),
        }
    }
    let phone = |place: &u8| &*hotline.destination(*place).number;
    let (mut measured, mut standing) = (Vec::new(), None);
    match chosen.strategy {
        Strategy::Sequential | Strategy::RoundRobin | Strategy::RingAll => {}
        Strategy::Random => shuffle(&mut order, asked.chance),
        Strategy::LongestIdle => measured = sort_by(&mut order, |place| idle_since(phone(place), tenant)),
        Strategy::FewestCalls => {
            let calls = |place: &u8| i64::from(tenant.phone_use(phone(place), asked.at).calls);
            measured = sort_by(&mut order, calls);
        }
        Strategy::LeastTalk => {
            let talk = |place: &u8| tenant.phone_use(phone(place), asked.at).talk_ms as i64;
            measured = sort_by(&mut order, talk);
        }
        Strategy::Weighted => {
            let before = tenant.standing(hotline.number, group);
            (measured, standing) = by_weight(chosen, &mut order, before);
        }
    }
    let group = hotline.words.word(chosen.name);
    Route { order, why: RouteWhy { group, strategy: chosen.strategy, after, measured, skipped }, standing }
}

/// Fisher and Yates.
fn shuffle(order: &mut [u8], chance: &mut Chance) {
    for place in (1..order.len()).rev() {
        order.swap(place, chance.below(place as u64 + 1) as usize);
    }
}

/// The least first; equals stay in the order written. Returns what each was compared by.
fn sort_by(order: &mut [u8], measure: impl Fn(&u8) -> i64) -> Vec<i64> {
    order.sort_by_cached_key(&measure);
    order.iter().map(measure).collect()
}

/// When a phone became free of calls, in ms since 1970: one that never had a call first, one with a call up last.
fn idle_since(digits: &str, tenant: &Tenant) -> i64 {
    let free = tenant.lines_in_use(digits) == 0;
    if free { tenant.last_call_ended(digits).0 } else { i64::MAX }
}

/// The member whose turn it is, then the others as far as they are behind.
fn by_weight(group: &Group, order: &mut [u8], mut standing: Standing) -> (Vec<i64>, Option<Standing>) {
    let weight_of = |place: &u8| {
        let member = group.members.iter().position(|member| member == place);
        member.and_then(|member| group.weights.get(member)).copied().unwrap_or(1)
    };
    if order.is_empty() {
        return (Vec::new(), None);
    }
    let free = |place: &u8| if order.contains(place) { i32::from(weight_of(place)) } else { 0 };
    let weights: Vec<i32> = group.members.iter().map(free).collect();
    let first = group.members[deal_one(&mut standing, &weights)];
    let stands = |place: &u8| group.members.iter().position(|member| member == place).map(|at| standing[at]);
    order.sort_by_key(|place| (*place != first, std::cmp::Reverse(stands(place))));
    let measured = order.iter().map(|place| i64::from(weight_of(place))).collect();
    (measured, Some(standing))
}

/// Why a bound number cannot be tried now, if it cannot. `rejected` are the places of those that rejected this call:
/// the same phone may stand at another place too.
pub fn skip(
    hotline: &Hotline,
    place: u8,
    tenant: &Tenant,
    at: Wall,
    years: &HolidayYears,
    rejected: &[u8],
) -> Option<Skip> {
    let destination = hotline.destination(place);
    if !destination.enabled {
        return Some(Skip::Off);
    }
    if !hotline.is_on_duty(place, at, years) {
        return Some(Skip::OffDuty);
    }
    if is_among(hotline, place, rejected) {
        return Some(Skip::Rejected);
    }
    let full = tenant.lines_in_use(&destination.number) >= u32::from(destination.lines);
    full.then_some(Skip::LinesFull)
}

/// Whether the phone at a place is one of those at `others`, by its digits.
pub fn is_among(hotline: &Hotline, place: u8, others: &[u8]) -> bool {
    let phone = &hotline.destination(place).number;
    others.iter().any(|other| hotline.destination(*other).number == *phone)
}

/// The place of a member within its group: what round robin points at.
pub fn member_of(hotline: &Hotline, group: u8, place: u8) -> Option<u8> {
    let members = &hotline.groups[usize::from(group)].members;
    members.iter().position(|member| *member == place).map(|member| member as u8)
}
