//! How long the checks of a flow of 200 steps take (row I09 asks for less than 50 ms): reading, checking and compiling
//! one in which every menu leads to every other.

#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::time::Instant;

use hotline::enterprise::{
    AskKind, Enterprise, FlowAsk, FlowDocument, FlowStep, FlowStepKind, Number, Then, compile, read_flow,
    write_flow,
};
use hotline::{HotlineNumber, PlanId, TenantId};

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
