//! What the decision alone costs: look a number up, walk its rules, choose the route with its Why. One core, warm.
//! `--json` prints one object: per second with 10,000 numbers, and with 2,000,000 configured of which 100,000 are warm.

#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::sync::Arc;
use std::time::Instant;

use hotline::enterprise::*;
use hotline::flow::{Chance, Inputs, Stop, walk};
use hotline::region::RegionTable;
use hotline::routing::choose_route;
use hotline::tenant::Tenant;
use hotline::{Beijing, Hotline, HotlineNumber, TenantId};
use node::directory::{Directory, Entry, Found, Place};

const DECISIONS: u64 = 400_000;
const ROUNDS: usize = 5;

fn main() {
    let json = std::env::args().any(|argument| argument == "--json");
    let small = median(|| per_second(10_000, 10_000));
    let large = median(|| per_second(2_000_000, 100_000));
    if json {
        println!("{{\"per_second\":{small},\"large\":{{\"per_second\":{large}}}}}");
    } else {
        println!(
            "10,000 numbers: {small} decisions/s; 2,000,000 configured, 100,000 warm: {large} decisions/s"
        );
    }
}

fn median(mut run: impl FnMut() -> u64) -> u64 {
    let mut rounds: Vec<u64> = (0..ROUNDS).map(|_| run()).collect();
    rounds.sort_unstable();
    rounds[ROUNDS / 2]
}

/// Decides calls to warm numbers in a random order from callers all over the country.
fn per_second(configured: u32, warm: u32) -> u64 {
    let template = template();
    let mut directory = Directory::new(warm as usize + 1);
    let stride = configured / warm;
    directory.fill((0..configured).map(|suffix| (number(suffix), entry())));
    for place in 0..warm {
        let suffix = place * stride;
        let _ = directory.find(number(suffix));
        directory.keep(Arc::new(Hotline { number: number(suffix), ..template.clone() }));
    }
    let regions = RegionTable::shipped();
    let callers: Vec<String> =
        (0..1_000u64).map(|n| format!("1{}", 3_000_000_000 + n * 6_900_001 % 6_999_999_999)).collect();
    let located: Vec<_> = callers.iter().map(|caller| regions.locate(caller)).collect();
    let (mut tenant, mut chance) = (Tenant::default(), Chance::new(7));
    let at = Beijing::parse("2026-10-10T09:30").expect("a date").wall();
    let (mut walked, mut dialled) = (Vec::new(), 0u64);
    let began = Instant::now();
    for _ in 0..DECISIONS {
        let suffix = chance.below(u64::from(warm)) as u32 * stride;
        let caller = chance.below(callers.len() as u64) as usize;
        let Found::Warm(hotline) = directory.find(number(suffix)) else { unreachable!("the number is warm") };
        walked.clear();
        let mut inputs = Inputs {
            hotline: &hotline,
            caller: &callers[caller],
            region: &located[caller],
            at,
            chance: &mut Chance::new(caller as u64),
        };
        if let Stop::Dial { group } = walk(&mut inputs, &mut tenant.deals, 0, &mut walked) {
            dialled += u64::from(!choose_route(&hotline, group, &tenant).order.is_empty());
        }
    }
    let spent = began.elapsed();
    assert_eq!(dialled, DECISIONS, "every decision found somebody");
    (DECISIONS as f64 / spent.as_secs_f64()) as u64
}

fn number(suffix: u32) -> HotlineNumber {
    HotlineNumber::from_suffix(suffix).expect("a seven-digit suffix")
}

fn entry() -> Entry {
    Entry { tenant: TenantId::new("bench"), version: 1, place: Place { offset: 0, length: 0 } }
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
    };
    let group = |name: &str, members: &[&str]| Group {
        name: name.to_owned(),
        strategy: Strategy::Sequential,
        members: members.iter().map(|m| (*m).to_owned()).collect(),
    };
    let rule = |name: &str, when: Vec<Condition>, then: Then| Rule { name: name.to_owned(), when, then };
    let shares =
        [("north", 60), ("south", 40)].map(|(dial, percent)| Share { percent, dial: dial.to_owned() });
    let enterprise = Enterprise {
        id: TenantId::new("bench"),
        name: "bench".to_owned(),
        plan: hotline::PlanId::new("T1"),
        account: AccountKind::Postpaid,
        balance_end: BalanceEnd::Strict,
        charging_from: Default::default(),
        limits: Limits::default(),
        schedules: vec![NamedSchedule {
            name: "office".to_owned(),
            schedule: hotline::calendar::Schedule::always(),
        }],
        region_sets: vec![NamedRegions { name: "north".to_owned(), includes: vec!["华北".to_owned()] }],
        caller_lists: vec![NamedCallers { name: "vip".to_owned(), callers: vec!["021*".to_owned()] }],
        numbers: vec![Number {
            number: number(0),
            enabled: true,
            destinations: vec![destination("a", "01062345601"), destination("b", "02161234501")],
            groups: vec![group("north", &["a", "b"]), group("south", &["b", "a"])],
            rules: vec![
                rule("closed", vec![Condition::Closed("office".to_owned())], Then::HangUp { prompt: None }),
                rule("vip", vec![Condition::Caller("vip".to_owned())], Then::Dial("north".to_owned())),
                rule("north", vec![Condition::From("north".to_owned())], Then::Dial("north".to_owned())),
            ],
            otherwise: Then::Percentage { mode: ShareMode::Exact, shares: shares.to_vec() },
            forwards: Forwards::default(),
            block: Vec::new(),
            limits: Limits::default(),
            ringback: Ringback::Tone,
            recording: Recording { enabled: false, notice: "recording_notice".to_owned() },
            talk_s_max: 14_400,
        }],
    };
    compile(&enterprise, 1).into_iter().next().expect("one number")
}
