//! A handful of seeds of every weather, and the seeds that once found a fault.

use sim::{Options, run};

/// Seeds that did not hold once, and what they found.
const FOUND: [(u64, &str); 3] = [
    (2071, "a BYE lost before the node died within 64·T1 was not repeated after the restart (F1)"),
    (2387, "the same, to a caller whose call the store had already"),
    (2663, "the caller's late ACK connected media that was closing"),
];

#[test]
fn a_seed_of_every_weather_holds() {
    for seed in 1..=12 {
        let lived = run(seed, Options { minutes: 30, trace: false });
        let summary = lived.unwrap_or_else(|failure| panic!("{failure:#?}"));
        assert!(summary.records > 50 && summary.answered > 5, "seed {seed} is too quiet: {summary:?}");
    }
}

#[test]
fn seeds_that_found_a_fault_hold() {
    for (seed, why) in FOUND {
        if let Err(failure) = run(seed, Options::default()) {
            panic!("{why}: {failure:#?}");
        }
    }
}

#[test]
fn a_seed_lives_the_same_life_again() {
    let twice = [(); 2].map(|()| run(7, Options { minutes: 25, trace: false }).expect("it holds"));
    assert_eq!((twice[0].steps, twice[0].fees), (twice[1].steps, twice[1].fees));
    assert_eq!(twice[0].causes, twice[1].causes);
}
