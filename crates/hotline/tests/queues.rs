//! Rows Q01, Q02, Q10, Q16 to Q18, Q21, R27, R28 and R32: each strategy of a queue over 10,000 simulated calls, and what
//! callers who wait are due.

mod floor;

use floor::{CALL_WEIGHT, Manners, QUEUE, WRAP_UP_MS, World, agent, rules};
use hotline::agent::{Device, Refusal, State, WrapUp};
use hotline::enterprise::Strategy;
use hotline::queue::{
    Absence, AgentRules, Floor, Join, Joined, Left, Mobile, Need, NoPlace, Order, Place, QueueRules, Staff,
    States, Step, Told, WaitTold,
};
use hotline::{Beijing, CallId, Mono, Now, Wall};

const CALLS: u64 = 10_000;

/// Everything happens, and agents are short.
const BUSY: Manners =
    Manners { misses: 8, rejects: 5, gives_up: 10, gap_ms: 4_000, gap_ms_min: 1, moves: true };
/// Somebody is always free.
const QUIET: Manners =
    Manners { misses: 0, rejects: 0, gives_up: 0, gap_ms: 60_000, gap_ms_min: 70_000, moves: false };

fn ten() -> Vec<hotline::queue::AgentRules> {
    (0..10).map(|number| agent(number, &[])).collect()
}

fn busy(strategy: Strategy, seed: u64) -> World {
    let mut world = World::new(rules(strategy, &[5, 3, 1, 1, 2, 7, 1, 1, 4, 5]), ten(), BUSY, seed);
    world.run(CALLS);
    assert_eq!(world.waits_ms.len() as u64 + world.gave_up, CALLS);
    assert!(world.waits_ms.len() > 5_000 && world.gave_up > 200, "{}", world.gave_up);
    assert!(world.waits_ms.iter().filter(|ms| **ms > 20_000).count() > 500, "many had to wait");
    world
}

#[test]
fn r27_ring_all_over_10_000_calls() {
    busy(Strategy::RingAll, 1);
}

#[test]
fn r27_longest_idle_over_10_000_calls() {
    busy(Strategy::LongestIdle, 2);
}

#[test]
fn r27_round_robin_over_10_000_calls() {
    busy(Strategy::RoundRobin, 3);
}

#[test]
fn r27_sequential_over_10_000_calls() {
    busy(Strategy::Sequential, 4);
}

#[test]
fn r27_fewest_calls_over_10_000_calls() {
    busy(Strategy::FewestCalls, 5);
}

#[test]
fn r27_least_talk_over_10_000_calls() {
    busy(Strategy::LeastTalk, 6);
}

#[test]
fn r27_weighted_over_10_000_calls() {
    busy(Strategy::Weighted, 7);
}

#[test]
fn r27_random_over_10_000_calls_is_even_and_repeats_by_its_seed() {
    let offers = |world: World| world.offers.iter().map(|(_, agent)| *agent).collect::<Vec<_>>();
    assert_eq!(offers(busy(Strategy::Random, 8)), offers(busy(Strategy::Random, 8)));
    let mut world = World::new(rules(Strategy::Random, &[1; 10]), ten(), QUIET, 9);
    world.run(CALLS);
    let offers = offers(world);
    for agent in 0..10 {
        let count = offers.iter().filter(|one| **one == agent).count() as i64;
        // Three standard deviations of a tenth of 10,000: 3 · √(10,000 · 0.1 · 0.9).
        assert!((count - 1_000).abs() <= 90, "agent {agent} got {count}");
    }
}

#[test]
fn r27_weights_are_exact_over_each_of_their_sums() {
    for weights in [[1; 10], [5, 1, 1, 2, 1, 9, 1, 10, 7, 3], [100, 7, 3, 1, 14, 2, 2, 2, 2, 2]] {
        let sum: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
        let mut world = World::new(rules(Strategy::Weighted, &weights), ten(), QUIET, 10);
        world.run(CALLS / sum * sum);
        let offers: Vec<u16> = world.offers.iter().map(|(_, agent)| *agent).collect();
        for cycle in offers.chunks(sum as usize) {
            let mut counts = [0u8; 10];
            cycle.iter().for_each(|agent| counts[usize::from(*agent)] += 1);
            assert_eq!(counts, weights);
        }
    }
}

#[test]
fn r28_needs_are_relaxed_step_by_step_over_10_000_calls() {
    relax(Strategy::LongestIdle);
}

/// Who begins to fit while others ring is rung too.
#[test]
fn r28_r27_needs_are_relaxed_while_all_ring_over_10_000_calls() {
    relax(Strategy::RingAll);
}

fn relax(strategy: Strategy) {
    let need = |level| Step { needs: [Need { skill: "粤语".into(), level }].into(), ms: 30_000 };
    let steps = [need(3), need(2), Step::default()];
    let levels = [5, 4, 3, 2, 2, 1, 0, 0, 0, 0];
    let agents =
        levels.iter().enumerate().map(|(number, level)| agent(number, &[("粤语", *level)])).collect();
    let queue = QueueRules { steps: steps.into(), ..rules(strategy, &[1; 10]) };
    // The general account of the strategy knows no skills: chance decides there.
    let mut world = World::new(queue, agents, BUSY, 11);
    world.strategy = Strategy::Random;
    world.run(CALLS);
    let mut seen = [0u32; 3];
    for (waited_ms, agent) in &world.offers {
        let level = levels[usize::from(*agent)];
        let asked = match waited_ms {
            0..30_000 => 3,
            30_000..60_000 => 2,
            _ => 0,
        };
        assert!(level >= asked, "level {level} after {waited_ms} ms");
        seen[match level {
            3.. => 0,
            2 => 1,
            _ => 2,
        }] += 1;
    }
    assert!(seen.iter().all(|count| *count > 500), "{seen:?}");
}

/// A floor with one queue and so many agents, all logged in.
struct Hall {
    floor: Floor,
    now_ms: u64,
    calls: u128,
}

impl Hall {
    fn new(agents: usize, change: impl FnOnce(&mut QueueRules)) -> Self {
        let mut queue = rules(Strategy::Sequential, &vec![1; agents]);
        change(&mut queue);
        let agents: Vec<_> = (0..agents).map(|number| agent(number, &[])).collect();
        let mut hall = Self { floor: Floor::default(), now_ms: 10_000_000, calls: 0 };
        let numbers: Vec<_> = agents.iter().map(|agent| agent.number.clone()).collect();
        let staff =
            Staff { version: 1, capacity: Default::default(), agents: agents.into(), queues: [queue].into() };
        hall.floor.take_staff(&staff, hall.now());
        for number in numbers {
            hall.floor.obey(&number, &Order::LogIn, hall.now()).expect("an agent");
        }
        hall
    }

    fn now(&self) -> Now {
        let began = Beijing::parse("2026-10-12T06:00:00").expect("a time").wall();
        Now { mono: Mono(self.now_ms), wall: Wall(began.0 + self.now_ms as i64) }
    }

    fn wait(&mut self, ms: u64) {
        self.now_ms += ms;
        self.floor.handle_timeout(self.now());
        self.floor.check(self.now()).expect("the floor holds");
    }

    fn join(&mut self, caller: &str, priority: u8) -> (CallId, Result<Joined, NoPlace>) {
        self.calls += 1;
        let call = CallId::at(self.now().wall.0, self.calls);
        let join = Join { call, caller, priority, since: None, seed: 1 };
        (call, self.floor.join(QUEUE, &join, self.now()).expect("the queue"))
    }

    fn told(&mut self) -> Vec<(CallId, Told)> {
        std::iter::from_fn(|| self.floor.poll()).collect()
    }
}

#[test]
fn q01_with_10_free_and_100_calls_no_call_waits_while_an_agent_is_free() {
    let mut hall = Hall::new(10, |_| {});
    let calls: Vec<CallId> =
        (0..100).map(|number| hall.join(&format!("135000000{number:02}"), 0).0).collect();
    let offers = hall.told();
    assert_eq!(offers.len(), 10);
    let mut agents: Vec<_> = offers.iter().map(|(_, told)| *told).collect();
    agents.dedup();
    assert_eq!(agents.len(), 10, "each agent has one");
    for (served, call) in calls.iter().enumerate() {
        let agent = (served % 10) as u16;
        hall.floor.answered(*call, agent, hall.now()).expect("it has an offer");
        hall.wait(1_000);
        hall.floor.over(*call, hall.now()).expect("it was up");
        hall.wait(floor::WRAP_UP_MS);
        let next = hall.told();
        let wanted = calls.get(served + 10).map(|next| (*next, Told::Offer { agent }));
        assert_eq!(next, wanted.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn q16_who_was_cut_off_waits_on_from_there_once_and_only_for_10_minutes() {
    let mut hall = Hall::new(0, |_| {});
    let (cut_off, _) = hall.join("13510001000", 0);
    hall.wait(60_000);
    hall.join("13510001001", 0).1.expect("room");
    hall.wait(30_000);
    hall.floor.leave(cut_off, Left::Gone, hall.now());
    hall.wait(599_000);
    let (again, joined) = hall.join("13510001000", 0);
    assert_eq!(joined, Ok(Joined { position: 2, credited_ms: 90_000 }), "the other has waited for 629 s");
    let (_, newcomer) = hall.join("13510001002", 0);
    assert_eq!(newcomer, Ok(Joined { position: 3, credited_ms: 0 }));
    hall.floor.leave(again, Left::Gone, hall.now());
    let (third, joined) = hall.join("13510001000", 0);
    assert_eq!(joined, Ok(Joined { position: 3, credited_ms: 0 }), "once");
    hall.wait(5_000);
    hall.floor.leave(third, Left::Gone, hall.now());
    hall.wait(601_000);
    let (last, joined) = hall.join("13510001000", 0);
    assert_eq!(joined.map(|joined| joined.credited_ms), Ok(0), "too late");
    hall.wait(5_000);
    hall.floor.leave(last, Left::SentOn, hall.now());
    assert_eq!(hall.join("13510001000", 0).1.map(|joined| joined.credited_ms), Ok(0), "nobody cut it off");
}

/// Ten agents of whom every third has no room for a call, by all strategies: nobody is offered what it has no room for, and no
/// caller waits while one with room is free.
#[test]
fn q20_who_has_no_room_is_offered_nothing_by_any_strategy() {
    let strategies = [
        Strategy::RingAll,
        Strategy::LongestIdle,
        Strategy::RoundRobin,
        Strategy::Sequential,
        Strategy::FewestCalls,
        Strategy::LeastTalk,
        Strategy::Weighted,
        Strategy::Random,
    ];
    for (seed, strategy) in (20..).zip(strategies) {
        let units = [100, CALL_WEIGHT - 1, CALL_WEIGHT];
        let agents = (0..10).map(|number| AgentRules { capacity: units[number % 3], ..agent(number, &[]) });
        let queue = rules(strategy, &[5, 3, 1, 1, 2, 7, 1, 1, 4, 5]);
        let mut world = World::new(queue, agents.collect(), BUSY, seed);
        world.run(2_000);
        let offered: std::collections::BTreeSet<u16> = world.offers.iter().map(|(_, agent)| *agent).collect();
        assert_eq!(offered.into_iter().collect::<Vec<_>>(), [0, 2, 3, 5, 6, 8, 9], "{strategy:?}");
    }
}

#[test]
fn q20_a_queue_may_weigh_its_calls_otherwise_and_load_is_what_a_call_weighs() {
    let capacity = hotline::capacity::Capacity { voice: 80, ..Default::default() };
    let small = AgentRules { capacity: 50, ..agent(0, &[]) };
    let queue = |name: &str, call_weight| QueueRules {
        name: name.into(),
        call_weight,
        join_empty: States::of(&[Absence::NoCapacity]),
        ..rules(Strategy::Sequential, &[1])
    };
    let queues = [queue("hard", 80), queue("easy", 40)];
    let staff = Staff { version: 1, capacity, agents: [small].into(), queues: queues.into() };
    let mut hall = Hall::new(0, |_| {});
    hall.floor = Floor::default();
    hall.floor.take_staff(&staff, hall.now());
    hall.floor.obey("8001", &Order::LogIn, hall.now()).expect("one of ours");
    let call = CallId::at(hall.now().wall.0, 77);
    let join = Join { call, caller: "13510001000", priority: 0, since: None, seed: 1 };
    assert_eq!(hall.floor.join("hard", &join, hall.now()), Some(Err(NoPlace::Empty)));
    let passed = hall.floor.without_room("hard");
    assert_eq!(
        passed.iter().map(|(agent, why)| (&**agent, why.code())).collect::<Vec<_>>(),
        [("8001", "no_capacity")]
    );
    assert!(hall.floor.without_room("easy").is_empty());
    let seen = |name: &str| {
        let view =
            hall.floor.queues(hall.now()).into_iter().find(|view| *view.name == *name).expect("the queue");
        let free = view.agents.iter().find(|(state, _)| *state == State::Free).map(|(_, count)| *count);
        (free, view.no_room)
    };
    assert_eq!(seen("hard"), (Some(0), 1), "whom the queue passes over is not shown as free");
    assert_eq!(seen("easy"), (Some(1), 0));
    assert!(!hall.floor.agent_view("8001", hall.now()).expect("one of ours").has_room);
    assert!(!hall.floor.holds_call(0), "whoever sends it a call past all queues counts what calls cost");
    let load = |hall: &Hall| hall.floor.agent_view("8001", hall.now()).map(|view| (view.load, view.capacity));
    assert_eq!(load(&hall), Some((0, 50)));
    assert!(hall.floor.join("easy", &join, hall.now()).expect("the queue").is_ok());
    assert_eq!(hall.told(), [(call, Told::Offer { agent: 0 })]);
    assert_eq!(load(&hall), Some((40, 50)));
    hall.floor.answered(call, 0, hall.now());
    assert_eq!(load(&hall), Some((40, 50)));
    // What is written up is carried still.
    hall.floor.over(call, hall.now());
    assert_eq!(load(&hall), Some((40, 50)));
    hall.wait(WRAP_UP_MS);
    hall.floor.handle_timeout(hall.now());
    assert_eq!(load(&hall), Some((0, 50)));
}

#[test]
fn q18_q20_who_has_no_room_is_not_there_where_that_is_a_reason() {
    for (listed, waits) in [(vec![Absence::Off], true), (vec![Absence::Off, Absence::NoCapacity], false)] {
        let mut hall = Hall::new(2, |_| {});
        let queue = QueueRules {
            join_empty: States::of(&listed),
            leave_empty: States::of(&listed),
            ..rules(Strategy::Sequential, &[1, 1])
        };
        let small = AgentRules { capacity: CALL_WEIGHT - 1, ..agent(1, &[]) };
        let capacity = Default::default();
        let staff =
            Staff { version: 2, capacity, agents: [agent(0, &[]), small].into(), queues: [queue].into() };
        hall.floor.take_staff(&staff, hall.now());
        let (first, _) = hall.join("13510001000", 0);
        assert!(hall.join("13510001001", 0).1.is_ok(), "somebody has room");
        hall.told();
        // The one with room goes home: once its phone rings no more, both wait for nobody.
        hall.floor.obey("8001", &Order::LogOut, hall.now()).expect("one of ours");
        let sent_on = |told: &[(CallId, Told)]| told.iter().filter(|(_, told)| *told == Told::Empty).count();
        hall.floor.refused(first, 0, Refusal::Failed, hall.now());
        let told = hall.told();
        assert_eq!(sent_on(&told), if waits { 0 } else { 2 }, "{listed:?}");
        assert_eq!(hall.join("13510001002", 0).1.is_ok(), waits, "{listed:?}");
    }
}

#[test]
fn q18_reasons_to_join_and_to_leave_are_chosen_one_by_one() {
    for (state, made) in
        [(State::Off, 0), (State::Rest, 1), (State::Ringing, 2), (State::Talking, 3), (State::AfterWork, 4)]
    {
        for listed in State::ALL {
            let mut hall = Hall::new(1, |_| {});
            let queue = QueueRules {
                join_empty: States::of(&[listed]),
                leave_empty: States::of(&[listed]),
                wrap_up: WrapUp::Optional { ms_max: None },
                ..rules(Strategy::Sequential, &[1])
            };
            let staff = Staff {
                version: 2,
                capacity: Default::default(),
                agents: [agent(0, &[])].into(),
                queues: [queue].into(),
            };
            hall.floor.take_staff(&staff, hall.now());
            if listed == State::Free {
                assert_eq!(hall.join("13510001000", 0).1, Err(NoPlace::Empty));
                continue;
            }
            // Whoever joins while the agent is free is offered; the next one waits, as far as the list lets it.
            let (first, _) = hall.join("13510001000", 0);
            let waits = hall.join("13510001001", 0).1.is_ok();
            assert_eq!(waits, listed != State::Ringing);
            hall.told();
            let now = hall.now();
            match made {
                0 => _ = hall.floor.obey("8001", &Order::LogOut, now),
                1 => _ = hall.floor.obey("8001", &Order::Rest(hotline::agent::Rest::NoAnswer), now),
                _ => {}
            }
            match made {
                0 | 1 => _ = hall.floor.refused(first, 0, Refusal::Failed, now),
                2 => {}
                _ => _ = hall.floor.answered(first, 0, now),
            }
            if made == 4 {
                hall.floor.over(first, now);
            }
            assert_eq!(hall.floor.agent(0).map(|(_, agent)| agent.state()), Some(state));
            let sent_on = hall.told().iter().any(|(_, told)| *told == Told::Empty);
            assert_eq!(sent_on, waits && state_was_met(listed, made), "{listed} listed, {state} in the end");
            assert_eq!(hall.join("13510001002", 0).1.is_err(), listed == state, "{listed} listed, {state}");
        }
    }
}

/// Whether the agent was in a listed state while somebody without an offer waited, on the way to the last one.
fn state_was_met(listed: State, made: u8) -> bool {
    match made {
        0 => listed == State::Off,
        1 => listed == State::Rest,
        2 => listed == State::Ringing,
        3 => listed == State::Talking,
        _ => listed == State::Talking || listed == State::AfterWork,
    }
}

#[test]
fn q10_r29_who_answers_by_mobile_is_not_logged_out_with_the_page() {
    let mobile = |number: usize| {
        let mobile = Mobile { number: "13700000001".into(), confirm: Default::default() };
        AgentRules { mobile: Some(mobile), ..agent(number, &[]) }
    };
    let mut hall = Hall::new(0, |_| {});
    let (capacity, agents) = (Default::default(), [mobile(0), mobile(1)].into());
    let staff = Staff { version: 2, capacity, agents, queues: [].into() };
    hall.floor.take_staff(&staff, hall.now());
    for order in [Order::LogIn, Order::Device(Device::Mobile), Order::Lost] {
        hall.floor.obey("8001", &order, hall.now()).expect("one of ours");
    }
    for order in [Order::LogIn, Order::Lost] {
        hall.floor.obey("8002", &order, hall.now()).expect("one of ours");
    }
    let state = |number| hall.floor.agent_numbered(number).map(|(.., state)| state);
    assert_eq!((state("8001"), state("8002")), (Some(State::Free), Some(State::Off)));
}

#[test]
fn q02_a_full_queue_takes_nobody() {
    let mut hall = Hall::new(1, |queue| queue.size_max = 2);
    assert!(hall.join("13510001000", 0).1.is_ok() && hall.join("13510001001", 0).1.is_ok());
    assert_eq!(hall.join("13510001002", 9).1, Err(NoPlace::Full));
}

#[test]
fn q21_position_and_expected_wait_never_rise_without_a_reason() {
    let told = WaitTold { every_ms: 30_000, position_max: 5, minutes_max: 100 };
    let mut hall = Hall::new(4, |queue| queue.wait_told = Some(told));
    let calls: Vec<CallId> = (0..20).map(|number| hall.join(&format!("135000000{number:02}"), 0).0).collect();
    let place = |hall: &mut Hall, call: usize| hall.floor.place(calls[call], hall.now()).expect("it waits");
    // Talks of 60 s and four agents: a quarter of a minute for each place.
    assert_eq!(place(&mut hall, 4), Place { position: Some(5), minutes: Some(2) });
    assert_eq!(place(&mut hall, 5), Place { position: None, minutes: Some(2) }, "above the limit");
    assert_eq!(place(&mut hall, 19), Place { position: None, minutes: Some(5) });
    // Talks of ten minutes: the expected wait of those to come rises, not of those who were told.
    for call in &calls[..4] {
        let offer = hall.told().into_iter().find(|(of, _)| of == call);
        let agent = calls.iter().position(|known| known == call).expect("known") as u16;
        assert!(offer.is_some() || agent > 0);
        hall.floor.answered(*call, agent, hall.now());
    }
    hall.wait(600_000);
    hall.floor.over(calls[0], hall.now());
    hall.wait(floor::WRAP_UP_MS);
    let after = place(&mut hall, 19);
    assert!(after.minutes <= Some(5), "{after:?}");
    // A reason: somebody goes before.
    let before = place(&mut hall, 5);
    assert_eq!(before.position, Some(2));
    hall.join("13510009999", 9).1.expect("room");
    assert_eq!(place(&mut hall, 5).position, Some(2), "ten minutes outweigh nine steps");
    let (vip, _) = hall.join("13510009998", 9);
    assert!(hall.floor.place(vip, hall.now()).is_some());
    // Another: two of the agents leave.
    let minutes = place(&mut hall, 19).minutes;
    for number in ["8002", "8003"] {
        hall.floor.obey(number, &Order::LogOut, hall.now()).expect("an agent");
        hall.floor.over(calls[1], hall.now());
        hall.floor.over(calls[2], hall.now());
    }
    assert!(place(&mut hall, 19).minutes > minutes);
}
