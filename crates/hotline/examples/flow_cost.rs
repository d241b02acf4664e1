//! What a flow costs (rows I08, I09): checking one of 200 steps (menus of ten keys, hours, queues, dials, with a notice before a
//! recording on every way) and compiling it, and walking chains of 200 steps of each kind that decides by itself, noting why.
//! One core, processor time: `cargo run --release -p hotline --example flow_cost`. `--json` prints one object: `checked_ms`, and
//! `step_us` of the dearest kind.

use hotline::calendar::{HolidayYears, Schedule};
use hotline::enterprise::{
    AskKind, CallerFact, Destination, DestinationKind, Enterprise, FlowAsk, FlowDocument, FlowQueue,
    FlowShare, FlowStep, FlowStepKind, NamedCallers, NamedRegions, NamedSchedule, NoticeOf, Number, Operand,
    Queue, Recording, ShareMode, Sticky, Then, compile, read_flow, write_flow,
};
use hotline::flow::{Chance, Inputs, walk};
use hotline::region::RegionTable;
use hotline::tenant::Deals;
use hotline::{HotlineNumber, PlanId, TenantId, Wall};

const STEPS: usize = 200;
const CHECKS: u32 = 200;
const WALKS: u32 = 2_000;
/// A Monday at ten in Beijing.
const AT: Wall = Wall(1_791_770_400_000);

fn main() {
    let json = std::env::args().any(|argument| argument == "--json");
    let mut enterprise = enterprise();
    let flow = whole();
    let tree = write_flow(&flow);
    let began = cpu_ns();
    for _ in 0..CHECKS {
        std::hint::black_box(
            read_flow(&tree, &enterprise, &["welcome", "notice"], &[]).expect("it is right"),
        );
    }
    let checked_ms = ms_each(began, CHECKS);
    enterprise.flows = vec![flow];
    let began = cpu_ns();
    for _ in 0..CHECKS {
        std::hint::black_box(compile(&enterprise, 1));
    }
    let compiled_ms = ms_each(began, CHECKS);
    if !json {
        println!("{STEPS} steps: checked in {checked_ms:.2} ms, compiled in {compiled_ms:.2} ms");
    }
    let mut dearest: f64 = 0.0;
    for kind in kinds() {
        let word = kind("", "").word();
        let us = step_us(&mut enterprise, chain(kind));
        if !json {
            println!("a step of the kind {word}: {us:.3} µs");
        }
        dearest = dearest.max(us);
    }
    if json {
        println!("{{\"checked_ms\":{checked_ms:.3},\"step_us\":{dearest:.3}}}");
    }
}

/// Processor time of this thread so far, as the kernel counts it.
fn cpu_ns() -> u64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells it");
    told.split(' ').next().and_then(|ns| ns.parse().ok()).expect("nanoseconds come first")
}

fn ms_each(began: u64, times: u32) -> f64 {
    (cpu_ns() - began) as f64 / 1e6 / f64::from(times)
}

/// What one step of a walk takes, noting why included.
fn step_us(enterprise: &mut Enterprise, flow: FlowDocument) -> f64 {
    enterprise.flows = vec![flow];
    let hotline = compile(enterprise, 1).remove(0);
    let region = RegionTable::shipped().locate("13800138000");
    let (mut deals, mut walked, mut steps) = (Deals::default(), Vec::new(), 0);
    let began = cpu_ns();
    for seed in 0..u64::from(WALKS) {
        let mut inputs = Inputs {
            hotline: &hotline,
            caller: "13800138000",
            region: &region,
            at: AT,
            years: HolidayYears::shipped(),
            chance: &mut Chance::new(seed),
            standing: &Default::default(),
            slots: &mut Default::default(),
        };
        walked.clear();
        std::hint::black_box(walk(&mut inputs, &mut deals, 0, &mut walked));
        steps += walked.len();
    }
    assert!(steps >= STEPS * WALKS as usize, "every step is walked");
    (cpu_ns() - began) as f64 / 1e3 / steps as f64
}

fn enterprise() -> Enterprise {
    let mut enterprise = Enterprise::new(TenantId::new("huaxin"), "Huaxin", PlanId::new("T1"));
    enterprise.schedules = vec![NamedSchedule { name: "office".into(), schedule: Schedule::always() }];
    let includes = ["深圳", "华北", "0532"].map(str::to_owned).to_vec();
    enterprise.region_sets = vec![NamedRegions { name: "near".into(), includes }];
    let callers = (0..100).map(|caller| format!("139000{caller:05}")).collect();
    enterprise.caller_lists = vec![NamedCallers { name: "known".into(), callers, priority: 0 }];
    enterprise.queues = vec![Queue::new("sales", &[])];
    let number = HotlineNumber::from_suffix(6_010_114).expect("seven digits");
    enterprise.numbers.push(Number {
        flow: Some("main".into()),
        destinations: vec![Destination {
            name: "desk".into(),
            kind: DestinationKind::Landline,
            number: "01062000001".into(),
            enabled: true,
            lines: 30,
            ring_s: 20,
            duty: None,
            ringback: None,
            confirm: Default::default(),
        }],
        recording: Recording::new(true),
        ..Number::new(number, Then::HangUp { prompt: None })
    });
    enterprise
}

fn id(place: usize) -> String {
    format!("step {place}")
}

fn document(steps: Vec<FlowStepKind>) -> FlowDocument {
    let steps = steps.into_iter().enumerate().map(|(place, kind)| FlowStep { id: id(place), kind });
    FlowDocument { name: "main".into(), version: 0, start: id(0), steps: steps.collect(), tests: Vec::new() }
}

/// A step of one kind with its two ways on: that which is taken here, and another.
type Kind = fn(&str, &str) -> FlowStepKind;

fn kinds() -> [Kind; 6] {
    [
        |on, other| FlowStepKind::Condition {
            of: Operand::Fact(CallerFact::City),
            is: vec!["深圳".into(), "上海".into()],
            begins: vec!["广".into()],
            yes: other.into(),
            no: on.into(),
        },
        |on, other| FlowStepKind::Hours { schedule: "office".into(), open: on.into(), closed: other.into() },
        |on, _| FlowStepKind::Region { regions: "near".into(), inside: on.into(), outside: on.into() },
        |on, other| FlowStepKind::Callers { callers: "known".into(), listed: other.into(), other: on.into() },
        |on, _| {
            let share = |name: &str, percent| FlowShare { name: name.into(), percent, exit: on.into() };
            let shares = vec![share("a", 60), share("b", 40)];
            FlowStepKind::Percentage { mode: ShareMode::Exact, sticky: Sticky::Nobody, shares }
        },
        |on, _| FlowStepKind::Set {
            variable: "seen".into(),
            to: Operand::Fact(CallerFact::Caller),
            next: on.into(),
        },
    ]
}

/// Steps of one kind, one behind the other, and the end.
fn chain(kind: Kind) -> FlowDocument {
    let end = id(STEPS - 1);
    let mut steps: Vec<FlowStepKind> = (0..STEPS - 1).map(|place| kind(&id(place + 1), &end)).collect();
    steps.push(FlowStepKind::HangUp { prompt: None });
    document(steps)
}

/// A notice, then hours, menus, dials and queues in turn: keys lead everywhere, all else onwards or to the end.
fn whole() -> FlowDocument {
    let end = || id(STEPS - 1);
    let step = |place: usize| match place % 5 {
        0 => FlowStepKind::Hours { schedule: "office".into(), open: id(place + 1), closed: end() },
        1 | 2 => {
            let keys =
                (0..10).map(|key| (key.to_string(), id((place * 10 + key) % (STEPS - 2) + 1))).collect();
            let ask = FlowAsk { keys, ..FlowAsk::new(AskKind::Menu, "welcome", &id(place + 1)) };
            FlowStepKind::Ask(Box::new(ask))
        }
        3 => FlowStepKind::Dial {
            target: "desk".into(),
            busy: Some(id(place + 1)),
            no_answer: Some(id(place + 1)),
            after: None,
            ringback: None,
        },
        _ => FlowStepKind::Queue(Box::new(FlowQueue {
            queue: "sales".into(),
            around_the_clock: true,
            full: end(),
            empty: end(),
            left_empty: None,
            timeout: id(place + 1),
            keys: vec![("1".into(), end())],
            after: None,
            spill: None,
        })),
    };
    let notice = FlowStepKind::Notice {
        prompt: "notice".into(),
        what: NoticeOf::Recording,
        answer: true,
        next: id(1),
    };
    let mut steps: Vec<FlowStepKind> = std::iter::once(notice).chain((1..STEPS - 1).map(step)).collect();
    steps.push(FlowStepKind::HangUp { prompt: None });
    document(steps)
}
