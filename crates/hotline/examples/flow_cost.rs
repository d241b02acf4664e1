//! What a flow costs: reading, checking and compiling one of 200 menus that lead to each other (row I09 asks for less than
//! 50 ms), and walking one of 200 conditions, a step of which may take 5 us. `cargo run --release -p hotline --example
//! flow_cost`.

#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::time::Instant;

use hotline::calendar::HolidayYears;
use hotline::enterprise::{
    AskKind, CallerFact, Enterprise, FlowAsk, FlowDocument, FlowStep, FlowStepKind, Number, Operand, Then,
    compile, read_flow, write_flow,
};
use hotline::flow::{Chance, Inputs, walk};
use hotline::region::RegionTable;
use hotline::tenant::Deals;
use hotline::{HotlineNumber, PlanId, TenantId, Wall};

const STEPS: usize = 200;
const TIMES: u32 = 200;

fn main() {
    let number = HotlineNumber::from_suffix(6_010_114).expect("seven digits");
    let mut enterprise = Enterprise::new(TenantId::new("huaxin"), "Huaxin", PlanId::new("T1"));
    let walks = Number { flow: Some("main".into()), ..Number::new(number, Then::HangUp { prompt: None }) };
    enterprise.numbers.push(walks);
    let flow = flow();
    let tree = write_flow(&flow);
    let began = Instant::now();
    for _ in 0..TIMES {
        std::hint::black_box(read_flow(&tree, &enterprise, &["welcome"], &[]).expect("it is right"));
    }
    let checked_us = began.elapsed().as_micros() / u128::from(TIMES);
    enterprise.flows.push(flow);
    let began = Instant::now();
    for _ in 0..TIMES {
        std::hint::black_box(compile(&enterprise, 1));
    }
    let compiled_us = began.elapsed().as_micros() / u128::from(TIMES);
    println!("{STEPS} steps: read and checked in {checked_us} us, compiled in {compiled_us} us");
    println!("a step walked in {} ns", step_ns(enterprise));
}

/// What one step of a walk takes, noting why included.
fn step_ns(mut enterprise: Enterprise) -> u128 {
    enterprise.flows = vec![conditions()];
    let hotline = compile(&enterprise, 1).remove(0);
    let region = RegionTable::shipped().locate("13800138000");
    let (mut deals, mut walked, mut steps) = (Deals::default(), Vec::new(), 0);
    let began = Instant::now();
    for seed in 0..u64::from(TIMES) {
        let mut inputs = Inputs {
            hotline: &hotline,
            caller: "13800138000",
            region: &region,
            at: Wall(0),
            years: HolidayYears::shipped(),
            chance: &mut Chance::new(seed),
            standing: &Default::default(),
            slots: &mut Default::default(),
        };
        walked.clear();
        std::hint::black_box(walk(&mut inputs, &mut deals, 0, &mut walked));
        steps += walked.len() as u128;
    }
    began.elapsed().as_nanos() / steps
}

/// One condition after the other, none of which holds.
fn conditions() -> FlowDocument {
    let id = |place: usize| format!("step {place}");
    let condition = |place: usize| {
        let kind = FlowStepKind::Condition {
            of: Operand::Fact(CallerFact::City),
            is: vec!["深圳".into(), "上海".into()],
            begins: Vec::new(),
            yes: id(STEPS - 1),
            no: id(place + 1),
        };
        FlowStep { id: id(place), kind }
    };
    let mut steps: Vec<FlowStep> = (0..STEPS - 1).map(condition).collect();
    steps.push(FlowStep { id: id(STEPS - 1), kind: FlowStepKind::HangUp { prompt: None } });
    FlowDocument { name: "main".into(), version: 0, start: id(0), steps, tests: Vec::new() }
}

/// Menus of ten keys each; the last step ends the call.
fn flow() -> FlowDocument {
    let id = |place: usize| format!("step {place}");
    let menu = |place: usize| {
        let keys = (0..10).map(|key| (key.to_string(), id((place * 10 + key + 1) % STEPS))).collect();
        let ask = FlowAsk { keys, ..FlowAsk::new(AskKind::Menu, "welcome", &id(STEPS - 1)) };
        FlowStep { id: id(place), kind: FlowStepKind::Ask(Box::new(ask)) }
    };
    let mut steps: Vec<FlowStep> = (0..STEPS - 1).map(menu).collect();
    steps.push(FlowStep { id: id(STEPS - 1), kind: FlowStepKind::HangUp { prompt: None } });
    FlowDocument { name: "main".into(), version: 0, start: id(0), steps, tests: Vec::new() }
}
