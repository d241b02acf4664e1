//! A small enterprise for tests and the phones behind its carrier.

use std::net::IpAddr;
use std::sync::mpsc::{Receiver, channel};

use farend::Says;
use farend::world::{Behaviour, World, WorldConfig, WorldEvent};
use hotline::enterprise::{
    AccountKind, Agent, Destination, DestinationKind, Enterprise, Extension, FlowDocument, FlowStep,
    FlowStepKind, Group, Number, Queue, Recording, Secret, Strategy, Then, phone_user,
};
use hotline::{HotlineNumber, PlanId, TenantId};

/// The number of the sample enterprise.
pub fn number() -> HotlineNumber {
    HotlineNumber::from_suffix(6_010_114).expect("seven digits")
}

/// The enterprise `acme`, whose number rings the phones given, one after another. Paid later, plan T1.
pub fn acme(phones: &[&str]) -> Enterprise {
    acme_with(phones.iter().copied().map(landline).collect())
}

/// The same with any bound numbers.
pub fn acme_with(destinations: Vec<Destination>) -> Enterprise {
    let members = destinations.iter().map(|destination| destination.name.clone()).collect();
    Enterprise {
        account: AccountKind::Postpaid,
        numbers: vec![Number {
            destinations,
            groups: vec![Group {
                name: "all".into(),
                strategy: Strategy::Sequential,
                members,
                weights: Default::default(),
                ringback: None,
                confirm: None,
            }],
            recording: Recording::new(true),
            ..Number::new(number(), Then::Dial("all".into()))
        }],
        ..Enterprise::new(TenantId::new("acme"), "Acme", PlanId::new("T1"))
    }
}

fn landline(phone: &str) -> Destination {
    bound(DestinationKind::Landline, phone)
}

/// A phone with an address of its own, called without the carrier.
pub fn sip_phone(uri: &str) -> Destination {
    bound(DestinationKind::SipUri, uri)
}

/// A phone of `acme` that registers, as a bound number and as its account.
pub fn extension(number: &str, password: &str) -> (Destination, Extension) {
    let user = phone_user(&TenantId::new("acme"), number);
    let secret = Secret::of(&user, password);
    let extension = Extension::new(&format!("extension {number}"), number, secret);
    (bound(DestinationKind::Extension, number), extension)
}

fn bound(kind: DestinationKind, number: &str) -> Destination {
    Destination {
        name: format!("phone {number}"),
        kind,
        number: number.to_owned(),
        enabled: true,
        lines: 100,
        ring_s: 20,
        duty: None,
        ringback: None,
        confirm: Default::default(),
    }
}

/// The enterprise `acme` with agents, each with a phone of that password: number and phone. Its number leads to the queue `sales`,
/// which the first of them serves.
pub fn acme_with_agents(agents: &[(&str, &str)], password: &str) -> Enterprise {
    let mut acme = acme_with(Vec::new());
    for (number, phone) in agents {
        acme.extensions.push(extension(phone, password).1);
        let (number, extension, skills) = ((*number).to_owned(), (*phone).to_owned(), Default::default());
        acme.agents.push(Agent {
            name: format!("agent {number}"),
            number,
            extension,
            skills,
            capacity: None,
            shifts: Vec::new(),
            mobile: None,
            confirm: None,
        });
    }
    acme.queues.push(Queue::new("sales", &[agents[0].0]));
    let queue = Then::Queue { queue: "sales".into(), full: None, empty: None, timeout: None };
    (acme.numbers[0].rules, acme.numbers[0].otherwise) = (Vec::new(), queue);
    acme.numbers[0].groups = Vec::new();
    acme
}

/// A step of a flow.
pub fn step(id: &str, kind: FlowStepKind) -> FlowStep {
    FlowStep { id: id.into(), kind }
}

/// The enterprise `acme`, whose number walks a flow `main` of these steps, the first one first.
pub fn acme_walking(steps: Vec<FlowStep>) -> Enterprise {
    let mut acme = acme_with(Vec::new());
    let start = steps[0].id.clone();
    acme.flows.push(FlowDocument { name: "main".into(), version: 1, start, steps, tests: Vec::new() });
    acme.numbers[0].flow = Some("main".into());
    (acme.numbers[0].rules, acme.numbers[0].groups) = (Vec::new(), Vec::new());
    acme
}

/// A carrier behind which phones behave as said, and what happens there.
///
/// # Panics
/// No port is free.
pub fn carrier(phones: &[(&str, Behaviour)]) -> (World, Receiver<WorldEvent>) {
    carrier_at([127, 0, 0, 1].into(), phones)
}

/// The same at an address of its own, so that the rest of loopback is no carrier's.
///
/// # Panics
/// No port is free.
pub fn carrier_at(address: IpAddr, phones: &[(&str, Behaviour)]) -> (World, Receiver<WorldEvent>) {
    let any = (address, 0).into();
    let mut config = WorldConfig::new(any, any);
    config.behaviours = phones.iter().map(|(phone, does)| ((*phone).to_owned(), does.clone())).collect();
    let (tell, told) = channel();
    // A test that does not listen any more has what it wanted.
    let world = World::start(config, move |event| _ = tell.send(event)).expect("a carrier");
    (world, told)
}

/// A phone that answers after a tenth of a second and says a tone until the other side hangs up.
pub fn answers(hz: u16) -> Behaviour {
    Behaviour::Answers { ring_ms: (100, 100), talk_ms: None, says: Says::Tone { hz } }
}
