//! What an offer decision costs where 5,000 callers wait for 500 agents of one enterprise: an agent becomes free and is
//! offered who is next, and a caller comes while agents are free. One core, processor time:
//! `cargo run --release -p hotline --example queue_cost`. `--json` prints one object: the dearest kind, in µs.

use std::sync::Arc;

use hotline::agent::WrapUp;
use hotline::enterprise::Strategy;
use hotline::flow::Chance;
use hotline::queue::{
    AgentNo, AgentRules, Floor, Join, Left, Member, Need, Order, QueueRules, Staff, States, Step, Told,
};
use hotline::{CallId, Mono, Now, Wall};

const AGENTS: u16 = 500;
const QUEUES: u16 = 10;
const WAITING: usize = 5_000;
const DECISIONS: u32 = 50_000;
/// All but ring all, which at most twenty share.
const STRATEGIES: [Strategy; 7] = [
    Strategy::Sequential,
    Strategy::RoundRobin,
    Strategy::Random,
    Strategy::LongestIdle,
    Strategy::FewestCalls,
    Strategy::LeastTalk,
    Strategy::Weighted,
];

fn main() {
    let json = std::env::args().any(|argument| argument == "--json");
    let mut dearest: f64 = 0.0;
    for strategy in STRATEGIES {
        let (freed, come) = (World::new(strategy).agents_become_free(), World::new(strategy).callers_come());
        if !json {
            println!("{strategy:?}: an agent becomes free {freed:.2} µs, a caller comes {come:.2} µs");
        }
        dearest = dearest.max(freed).max(come);
    }
    if json {
        println!("{{\"us\":{dearest:.2}}}");
    }
}

/// Processor time of this thread so far, as the kernel counts it.
fn cpu_ns() -> u64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells it");
    told.split(' ').next().and_then(|ns| ns.parse().ok()).expect("nanoseconds come first")
}

/// Ten queues that all agents serve, with skills in steps.
struct World {
    floor: Floor,
    now_ms: u64,
    calls: u128,
    chance: Chance,
}

impl World {
    fn new(strategy: Strategy) -> Self {
        let mut world =
            Self { floor: Floor::default(), now_ms: 1_000_000_000, calls: 0, chance: Chance::new(1) };
        world.floor.take_staff(&staff(strategy), world.now());
        for number in 0..AGENTS {
            world.floor.obey(&number_of(number), &Order::LogIn, world.now()).expect("an agent");
        }
        world
    }

    fn now(&self) -> Now {
        Now { mono: Mono(self.now_ms), wall: Wall(1_792_000_000_000 + self.now_ms as i64) }
    }

    fn join(&mut self) -> CallId {
        self.calls += 1;
        let call = CallId::at(self.now().wall.0, self.calls);
        let priority = self.chance.below(10) as u8;
        let join = Join { call, caller: "13510001000", priority, since: None, seed: self.chance.draw() };
        let queue = format!("queue {}", self.chance.below(u64::from(QUEUES)));
        self.floor.join(&queue, &join, self.now()).expect("the queue").expect("room");
        call
    }

    fn offers(&mut self) -> Vec<(CallId, AgentNo)> {
        let told = std::iter::from_fn(|| self.floor.poll());
        told.filter_map(|(call, told)| match told {
            Told::Offer { agent } => Some((call, agent)),
            Told::Relaxed { .. } | Told::Empty | Told::Withdrawn => None,
        })
        .collect()
    }

    /// Everybody talks, thousands wait; one after the other hangs up, is offered the next and answers. µs each.
    fn agents_become_free(&mut self) -> f64 {
        let mut talks = Vec::new();
        for _ in 0..usize::from(AGENTS) + WAITING {
            self.now_ms += 1;
            self.join();
            talks.extend(self.take_offers());
        }
        let (mut spent_ns, mut decided) = (0, 0);
        while decided < DECISIONS {
            let began_ns = cpu_ns();
            for talk in &mut talks {
                self.now_ms += 1;
                self.floor.over(talk.0, self.now());
                *talk = *self.take_offers().first().expect("somebody is next");
            }
            spent_ns += cpu_ns() - began_ns;
            decided += talks.len() as u32;
            talks.iter().for_each(|_| _ = self.join());
        }
        spent_ns as f64 / f64::from(decided) / 1e3
    }

    /// All agents are free but one in ten; a caller comes, is offered and leaves again. µs each.
    fn callers_come(&mut self) -> f64 {
        for _ in 0..AGENTS / 10 {
            self.join();
            self.take_offers();
        }
        let began_ns = cpu_ns();
        for _ in 0..DECISIONS {
            self.now_ms += 1;
            let call = self.join();
            assert!(!self.offers().is_empty(), "somebody is free");
            self.floor.leave(call, Left::SentOn, self.now());
        }
        (cpu_ns() - began_ns) as f64 / f64::from(DECISIONS) / 1e3
    }

    /// Everybody who is asked answers.
    fn take_offers(&mut self) -> Vec<(CallId, AgentNo)> {
        let mut taken: Vec<(CallId, AgentNo)> = Vec::new();
        for (call, agent) in self.offers() {
            if taken.iter().all(|(known, _)| *known != call) {
                self.floor.answered(call, agent, self.now());
                taken.push((call, agent));
            }
        }
        taken
    }
}

fn number_of(agent: u16) -> Arc<str> {
    format!("{}", 8_000 + agent).into()
}

fn staff(strategy: Strategy) -> Staff {
    let agent = |number: u16| AgentRules {
        number: number_of(number),
        name: "".into(),
        phone: format!("bench-{number}").into(),
        mobile: None,
        skills: [("粤语".into(), 3 + (number % 3) as u8)].into(),
        capacity: 100,
    };
    let need = |level| Step { needs: [Need { skill: "粤语".into(), level }].into(), ms: 30_000 };
    let queue = |number: u16| QueueRules {
        name: format!("queue {number}").into(),
        strategy,
        members: (0..AGENTS).map(|agent| Member { agent, weight: 1 + (agent % 9) as u8 }).collect(),
        patience_ms: 600_000,
        size_max: 20_000,
        ring_ms: 20_000,
        wrap_up: WrapUp::None,
        misses_max: Some(3),
        join_empty: States::default(),
        leave_empty: States::default(),
        steps: [need(3), need(2), Step::default()].into(),
        expected_talk_ms: 180_000,
        wait_told: None,
        results: None,
        call_weight: 100,
        music: None,
        answer: true,
        say_agent: Default::default(),
        survey: None,
        spill: None,
        callback: None,
    };
    let (agents, queues) = ((0..AGENTS).map(agent).collect(), (0..QUEUES).map(queue).collect());
    Staff { version: 1, capacity: Default::default(), agents, queues }
}
