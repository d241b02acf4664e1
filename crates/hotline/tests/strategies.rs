//! Row R27 and R05 to R07: each strategy over 10,000 calls, driven through the same `Call` as a live one.

mod phones;

use hotline::calendar::{Interval, Schedule, Week};
use hotline::call::Fact;
use hotline::enterprise::{NamedSchedule, Share, ShareMode, Strategy, Then};
use hotline::flow::Chance;
use phones::{Answer, World};

const CALLS: u64 = 10_000;
/// Three standard deviations of one of five equal shares of 10,000: 3 · √(10,000 · 0.2 · 0.8).
const THREE_SIGMA: i64 = 120;

#[test]
fn r05_the_order_is_the_list_in_each_of_10_000_calls_and_each_rings_its_time() {
    let mut acme = phones::enterprise(Strategy::Sequential, &[]);
    for (phone, ring_s) in acme.numbers[0].destinations.iter_mut().zip([5, 10, 15, 20, 25]) {
        phone.ring_s = ring_s;
    }
    let mut world = World::of(&acme);
    let mut chance = Chance::new(2);
    for _ in 0..CALLS {
        let answers: [Answer; 5] = std::array::from_fn(|_| match chance.below(5) {
            0 => Answer::Yes,
            1 | 2 => Answer::Rings,
            _ => Answer::Busy,
        });
        let answered = answers.iter().position(|answer| *answer == Answer::Yes);
        let tried = answered.map_or(5, |place| place + 1);
        let began = world.now();
        let call = world.call(|place| answers[place]);
        assert_eq!(call.dialled, phones::NAMES[..tried], "{answers:?}");
        assert_eq!(call.answered.as_deref(), answered.map(|place| phones::NAMES[place]));
        let rang = (0..tried).filter(|place| answers[*place] == Answer::Rings);
        let rang_ms: u64 = rang.map(|place| (place as u64 + 1) * 5_000).sum();
        assert_eq!(world.now() - began, rang_ms, "{answers:?}");
        world.wait(1_000);
    }
}

/// Two lines each; the second and the fourth are on duty in the morning alone.
fn two_lines_and_a_duty(strategy: Strategy) -> World {
    let mut acme = phones::enterprise(strategy, &[5, 3, 1, 1, 2]);
    let weekly = Week::of_every_day(&Interval::parse_day(&["08:00-12:00"]).expect("hours"));
    let schedule = Schedule { weekly, ..Schedule::default() };
    acme.schedules = vec![NamedSchedule { name: "morning".into(), schedule }];
    for (place, phone) in acme.numbers[0].destinations.iter_mut().enumerate() {
        phone.lines = 2;
        phone.duty = (place % 2 == 1).then(|| "morning".into());
    }
    World::of(&acme)
}

#[test]
fn r17_r27_with_two_lines_and_duty_hours_each_strategy_takes_only_who_is_free_and_there() {
    for strategy in [
        Strategy::Sequential,
        Strategy::Random,
        Strategy::RoundRobin,
        Strategy::LongestIdle,
        Strategy::FewestCalls,
        Strategy::LeastTalk,
        Strategy::Weighted,
    ] {
        let mut world = two_lines_and_a_duty(strategy);
        let mut chance = Chance::new(19);
        let mut up: Vec<(usize, phones::Up, u64)> = Vec::new();
        let (mut pointer, mut second_lines, mut off_duty) = (4, 0, 0);
        for _ in 0..CALLS {
            let on_duty = (8 * 60..12 * 60).contains(&world.minute());
            let lines = |place: usize| up.iter().filter(|(busy, ..)| *busy == place).count();
            let can = |place: usize| lines(place) < 2 && (place.is_multiple_of(2) || on_duty);
            let (call, live) = world.answer_one();
            let place = phones::place(call.first());
            assert!(can(place), "{strategy:?} takes {place}");
            let in_turn = (1..=5).map(|step| (pointer + step) % 5).find(|place| can(*place));
            match strategy {
                Strategy::Sequential => assert_eq!(Some(place), (0..5).find(|place| can(*place))),
                Strategy::RoundRobin => assert_eq!(Some(place), in_turn),
                Strategy::Random
                | Strategy::LongestIdle
                | Strategy::FewestCalls
                | Strategy::LeastTalk
                | Strategy::Weighted
                | Strategy::RingAll => {}
            }
            pointer = place;
            second_lines += u32::from(lines(place) == 1);
            off_duty += u32::from(!on_duty);
            up.push((place, live, world.now() + 1_000 + chance.below(120_000)));
            world.wait(1_000 + chance.below(30_000));
            // At most five are up: of the three who are always there somebody has a line.
            while up.len() > 5 || up.iter().any(|(_, _, until)| *until <= world.now()) {
                let next = (0..up.len()).min_by_key(|at| up[*at].2).expect("somebody talks");
                world.end(up.swap_remove(next).1);
            }
        }
        assert!(off_duty > 1_000 && off_duty < 9_000, "{strategy:?}: {off_duty} calls off duty");
        assert!(second_lines > 100, "{strategy:?}: {second_lines} second lines");
    }
}

#[test]
fn r11_percent_by_chance_is_within_three_sigma_of_10_000_and_exact_percent_is_exact() {
    let percents = [40u8, 30, 15, 10, 5];
    for (mode, seed) in [(ShareMode::Random, 1), (ShareMode::Random, 20_261_012), (ShareMode::Exact, 1)] {
        let mut acme = phones::enterprise(Strategy::Sequential, &[]);
        let shares = phones::NAMES.iter().zip(percents);
        let shares = shares.map(|(name, percent)| Share { percent, dial: (*name).into() });
        acme.numbers[0].otherwise = Then::Percentage { mode, shares: shares.collect() };
        let mut world = World::of(&acme);
        world.seeds = Chance::new(seed);
        let mut counts = [0u64; 5];
        for _ in 0..CALLS {
            counts[phones::place(world.call_and_end(Answer::Yes, 1_000).first())] += 1;
        }
        for (count, percent) in counts.into_iter().zip(percents.map(u64::from)) {
            let off = count.abs_diff(CALLS * percent / 100);
            // The square of three standard deviations: 9 n p (1 - p).
            let most =
                if mode == ShareMode::Exact { 0 } else { 9 * CALLS * percent * (100 - percent) / 10_000 };
            assert!(off * off <= most, "{mode:?} {seed}: {percent} % got {count}");
        }
    }
}

#[test]
fn r06_random_gives_each_of_five_its_share_within_three_sigma_and_repeats_by_its_seed() {
    for seed in [1, 7, 20_261_012] {
        let began = |seed| {
            let mut world = World::new(Strategy::Random, &[]);
            world.seeds = Chance::new(seed);
            (0..CALLS).map(|_| world.call_and_end(Answer::Yes, 1_000).first()).collect::<Vec<_>>()
        };
        let first = began(seed);
        for name in phones::NAMES {
            let share = first.iter().filter(|one| **one == name).count() as i64;
            assert!((share - 2_000).abs() <= THREE_SIGMA, "seed {seed}: {name} began {share} calls");
        }
        assert_eq!(first, began(seed), "seed {seed} repeats");
    }
}

#[test]
fn r06_the_seed_is_in_the_log_and_gives_the_same_order_again() {
    let mut world = World::new(Strategy::Random, &[]);
    world.seeds = Chance::new(29);
    world.logs = Some(Vec::new());
    let orders: Vec<_> = (0..100).map(|_| world.call(|_| Answer::Busy).dialled).collect();
    let logs = world.logs.take().expect("they are kept");
    assert_eq!(logs.len(), 100);
    for (log, order) in logs.iter().zip(&orders) {
        let seed = log.iter().find_map(|dated| match &dated.fact {
            Fact::Arrived(arrived) => Some(arrived.seed),
            _ => None,
        });
        // Another node, another day: what the log says is enough.
        let mut again = World::new(Strategy::Random, &[]);
        again.fixed = seed;
        again.wait(86_400_000);
        assert_eq!(&again.call(|_| Answer::Busy).dialled, order);
    }
    let different = orders.iter().collect::<std::collections::BTreeSet<_>>();
    assert!(different.len() > 40, "of 120 orders {} came up", different.len());
}

#[test]
fn r07_round_robin_differs_by_at_most_one_after_every_call() {
    let mut world = World::new(Strategy::RoundRobin, &[]);
    let mut chance = Chance::new(3);
    let mut counts = [0u32; 5];
    for _ in 0..CALLS {
        // Who answers is nothing to the turn: it follows who began.
        let answer = if chance.below(3) == 0 { Answer::Busy } else { Answer::Yes };
        let first = world.call_and_end(answer, 500).first();
        counts[phones::place(first)] += 1;
        let (least, most) = (counts.iter().min(), counts.iter().max());
        assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1), "{counts:?}");
    }
}

#[test]
fn r27_longest_idle_begins_with_whoever_has_been_free_the_longest() {
    let mut world = World::new(Strategy::LongestIdle, &[]);
    let mut chance = Chance::new(5);
    let mut ended_at = [0u64; 5];
    let mut up: Vec<(usize, phones::Up, u64)> = Vec::new();
    for _ in 0..CALLS {
        let expected = (0..5)
            .filter(|place| up.iter().all(|(busy, ..)| busy != place))
            .min_by_key(|place| ended_at[*place]);
        let (call, live) = world.answer_one();
        assert_eq!(Some(phones::place(call.first())), expected, "{ended_at:?}");
        up.push((phones::place(call.first()), live, world.now() + 1_000 + chance.below(90_000)));
        world.wait(1_000 + chance.below(20_000));
        // At most four are up: somebody is always free.
        while up.len() == 5 || up.iter().any(|(_, _, until)| *until <= world.now()) {
            let next = (0..up.len()).min_by_key(|at| up[*at].2).expect("somebody talks");
            let (place, live, _) = up.swap_remove(next);
            ended_at[place] = world.now();
            world.end(live);
            world.wait(7);
        }
    }
}

#[test]
fn r27_fewest_calls_and_least_talk_since_midnight_come_first() {
    for strategy in [Strategy::FewestCalls, Strategy::LeastTalk] {
        let mut world = World::new(strategy, &[]);
        let mut chance = Chance::new(11);
        let (mut used, mut day, mut days) = ([0u64; 5], world.day(), 1);
        for _ in 0..CALLS {
            if world.day() != day {
                (used, day, days) = ([0; 5], world.day(), days + 1);
            }
            let least = used.iter().min().copied();
            let talk_ms = 1_000 + chance.below(60_000);
            let first = phones::place(world.call_and_end(Answer::Yes, talk_ms).first());
            assert_eq!(Some(used[first]), least, "{strategy:?} {used:?}");
            let same_day = world.day() == day;
            match strategy {
                Strategy::FewestCalls => used[first] += 1,
                _ if same_day => used[first] += talk_ms,
                // The talk ended after midnight: it counts there.
                _ => {
                    (used, day, days) =
                        (std::array::from_fn(|at| u64::from(at == first) * talk_ms), world.day(), days + 1)
                }
            }
        }
        assert!(days > 2, "{strategy:?}: midnights were passed");
    }
}

#[test]
fn r27_ring_all_rings_all_and_exactly_one_has_the_call() {
    let mut world = World::new(Strategy::RingAll, &[]);
    let mut chance = Chance::new(13);
    let mut answered = [0u32; 5];
    for _ in 0..CALLS {
        let winner = chance.below(6) as usize;
        let call = world.call(|place| match place {
            place if place == winner => Answer::Yes,
            _ if chance.below(4) == 0 => Answer::Busy,
            _ => Answer::Rings,
        });
        assert_eq!(call.dialled, phones::NAMES, "all are dialled at once");
        match phones::NAMES.get(winner) {
            Some(name) => {
                assert_eq!(call.answered.as_deref(), Some(*name));
                answered[winner] += 1;
            }
            None => assert_eq!(call.answered, None, "nobody answered"),
        }
        assert_eq!(call.answers, usize::from(winner < 5));
        assert_eq!(world.lines_in_use(), 0, "no line is left");
        world.wait(1_000);
    }
    assert!(answered.iter().all(|count| *count > 1_400), "{answered:?}");
}

#[test]
fn r27_weights_are_exact_over_each_of_their_sums() {
    for weights in [[1, 1, 1, 1, 1], [5, 1, 1, 2, 1], [100, 7, 3, 1, 14]] {
        let mut world = World::new(Strategy::Weighted, &weights);
        let sum: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
        for _ in 0..CALLS / sum {
            let mut counts = [0u8; 5];
            for _ in 0..sum {
                counts[phones::place(world.call_and_end(Answer::Yes, 1_000).first())] += 1;
            }
            assert_eq!(counts, weights);
        }
    }
}

#[test]
fn r27_what_strategies_remember_survives_a_restart() {
    let mut chance = Chance::new(17);
    for strategy in [
        Strategy::RoundRobin,
        Strategy::LongestIdle,
        Strategy::FewestCalls,
        Strategy::LeastTalk,
        Strategy::Weighted,
    ] {
        let weights = [5, 3, 1, 1, 2];
        let (mut one, mut other) = (World::new(strategy, &weights), World::new(strategy, &weights));
        for _ in 0..500 {
            let talk_ms = 1_000 + chance.below(9_000);
            let first = one.call_and_end(Answer::Yes, talk_ms).first();
            assert_eq!(first, other.call_and_end(Answer::Yes, talk_ms).first(), "{strategy:?}");
            // Every call is a new life, told what the settlements before it say.
            other.restart();
        }
    }
}
