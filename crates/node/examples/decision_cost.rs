//! What the decision alone costs: look a number up, walk its rules, choose the route with its Why. One core, warm:
//! each body was read from the bytes a snapshot keeps of it, each number was called before, and the allocator is the
//! program's own.
//! `--json` prints one object: per second with 10,000 numbers, and with 2,000,000 configured of which 100,000 are warm.

use std::sync::Arc;

use hotline::calendar::HolidayYears;
use hotline::enterprise::*;
use hotline::flow::{Chance, Inputs, Stop, Walked, walk};
use hotline::region::{Region, RegionTable};
use hotline::routing::{Asked, choose_route};
use hotline::tenant::Tenant;
use hotline::{Beijing, Hotline, HotlineNumber, TenantId, Wall};
use node::directory::{Directory, Entry, Found, Place};

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const DECISIONS: u64 = 400_000;
const ROUNDS: usize = 5;
const NUMBERS_EACH: u32 = 100;

fn main() {
    let json = std::env::args().any(|argument| argument == "--json");
    let (small_world, large_world) = (&mut World::new(10_000, 10_000), &mut World::new(2_000_000, 100_000));
    let (mut small, mut large) = ([0; ROUNDS], [0; ROUNDS]);
    for (small, large) in small.iter_mut().zip(&mut large) {
        (*small, *large) = (small_world.per_second(), large_world.per_second());
    }
    let (small, large) = (median(small), median(large));
    if json {
        println!("{{\"per_second\":{small},\"large\":{{\"per_second\":{large}}}}}");
    } else {
        println!(
            "10,000 numbers: {small} decisions/s; 2,000,000 configured, 100,000 warm: {large} decisions/s"
        );
    }
}

/// Processor time of this thread so far, as the kernel counts it: what else runs on the machine does not enter.
fn cpu_ns() -> u64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells it");
    told.split(' ').next().and_then(|ns| ns.parse().ok()).expect("nanoseconds come first")
}

fn median(mut rounds: [u64; ROUNDS]) -> u64 {
    rounds.sort_unstable();
    rounds[ROUNDS / 2]
}

/// Enterprises with a hundred numbers each, and callers all over the country.
struct World {
    directory: Directory,
    tenants: Vec<Tenant>,
    warm: u32,
    stride: u32,
    callers: Vec<(String, Region)>,
    at: Wall,
    chance: Chance,
    walked: Vec<Walked>,
}

impl World {
    fn new(configured: u32, warm: u32) -> World {
        let template = template();
        let mut directory = Directory::new(warm as usize + 1);
        let stride = configured / warm;
        directory.fill((0..configured).map(|suffix| (number(suffix), entry(suffix))));
        for place in 0..warm {
            let suffix = place * stride;
            let _ = directory.find(number(suffix));
            let body = Hotline { number: number(suffix), ..template.clone() };
            let bytes = postcard::to_allocvec(&body).expect("a body has a form in a snapshot");
            directory.keep(Arc::new(postcard::from_bytes(&bytes).expect("and comes back from it")));
        }
        let regions = RegionTable::shipped();
        let caller = |n: u64| format!("1{}", 3_000_000_000 + n * 6_900_001 % 6_999_999_999);
        let callers =
            (0..1_000).map(caller).map(|caller| (caller.clone(), regions.locate(&caller))).collect();
        let at = Beijing::parse("2026-10-10T09:30").expect("a date").wall();
        let tenants = vec![Tenant::default(); (configured / NUMBERS_EACH) as usize];
        let (chance, walked) = (Chance::new(7), Vec::new());
        let mut world = World { directory, tenants, warm, stride, callers, at, chance, walked };
        (0..warm).for_each(|place| world.decide(place, place as usize % 1_000));
        world
    }

    /// Decides calls to warm numbers in a random order.
    fn per_second(&mut self) -> u64 {
        let began_ns = cpu_ns();
        for _ in 0..DECISIONS {
            let place = self.chance.below(u64::from(self.warm)) as u32;
            let caller = self.chance.below(self.callers.len() as u64) as usize;
            self.decide(place, caller);
        }
        DECISIONS * 1_000_000_000 / (cpu_ns() - began_ns).max(1)
    }

    fn decide(&mut self, place: u32, caller: usize) {
        let suffix = place * self.stride;
        let Found::Warm(hotline) = self.directory.find(number(suffix)) else {
            unreachable!("the number is warm")
        };
        let tenant = &mut self.tenants[(suffix / NUMBERS_EACH) as usize];
        self.walked.clear();
        let (digits, region) = &self.callers[caller];
        let mut chance = Chance::new(caller as u64);
        let mut inputs = Inputs {
            hotline: &hotline,
            caller: digits,
            region,
            at: self.at,
            years: HolidayYears::shipped(),
            chance: &mut chance,
            standing: &Default::default(),
            slots: &mut Default::default(),
        };
        let stop = walk(&mut inputs, &mut tenant.deals, 0, &mut self.walked);
        let Stop::Dial { group } = stop else { unreachable!("the rules dial a group") };
        let years = HolidayYears::shipped();
        let mut asked = Asked { at: self.at, years, chance: &mut chance, rejected: &[], tried: &[] };
        let route = choose_route(&hotline, group, tenant, &mut asked);
        assert!(!route.order.is_empty(), "every decision finds somebody");
        std::hint::black_box(route);
    }
}

fn number(suffix: u32) -> HotlineNumber {
    HotlineNumber::from_suffix(suffix).expect("a seven-digit suffix")
}

fn entry(suffix: u32) -> Entry {
    let tenant = TenantId::new(&format!("bench-{}", suffix / NUMBERS_EACH));
    Entry { tenant, version: 1, place: Place { offset: 0, length: 0 } }
}

/// A number as an ordinary enterprise has it: hours, regions, a list, percents.
fn template() -> Hotline {
    let destination = |name: &str, digits: &str| Destination {
        name: name.to_owned(),
        kind: DestinationKind::Landline,
        number: digits.to_owned(),
        enabled: true,
        lines: 10,
        ring_s: 20,
        duty: None,
        ringback: None,
        confirm: Default::default(),
    };
    let group = |name: &str, members: &[&str]| Group {
        name: name.to_owned(),
        strategy: Strategy::Sequential,
        members: members.iter().map(|m| (*m).to_owned()).collect(),
        weights: Default::default(),
        ringback: None,
        confirm: None,
    };
    let rule = |name: &str, when: Vec<Condition>, then: Then| Rule { name: name.to_owned(), when, then };
    let shares =
        [("north", 60), ("south", 40)].map(|(dial, percent)| Share { percent, dial: dial.to_owned() });
    let enterprise = Enterprise {
        account: AccountKind::Postpaid,
        schedules: vec![NamedSchedule {
            name: "office".to_owned(),
            schedule: hotline::calendar::Schedule::always(),
        }],
        region_sets: vec![NamedRegions { name: "north".to_owned(), includes: vec!["华北".to_owned()] }],
        caller_lists: vec![NamedCallers {
            name: "vip".to_owned(),
            callers: vec!["021*".to_owned()],
            priority: 0,
        }],
        numbers: vec![Number {
            destinations: vec![destination("a", "01062345601"), destination("b", "02161234501")],
            groups: vec![group("north", &["a", "b"]), group("south", &["b", "a"])],
            rules: vec![
                rule("closed", vec![Condition::Closed("office".to_owned())], Then::HangUp { prompt: None }),
                rule("vip", vec![Condition::Caller("vip".to_owned())], Then::Dial("north".to_owned())),
                rule("north", vec![Condition::From("north".to_owned())], Then::Dial("north".to_owned())),
            ],
            ..Number::new(number(0), Then::Percentage { mode: ShareMode::Exact, shares: shares.to_vec() })
        }],
        ..Enterprise::new(TenantId::new("bench"), "bench", hotline::PlanId::new("T1"))
    };
    compile(&enterprise, 1).into_iter().next().expect("one number")
}
