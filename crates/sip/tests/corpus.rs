//! The fuzzer's corpus and seeded mutations of it, through the same functions that the fuzzer calls.

mod fuzzed;
mod world;

use std::path::PathBuf;

use world::Dice;

fn files(folder: &str) -> Vec<Vec<u8>> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(&root).unwrap_or_else(|error| panic!("{}: {error}", root.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.retain(|path| !path.ends_with(".gitattributes") && !path.ends_with("README.md"));
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", root.display());
    paths.iter().map(|path| std::fs::read(path).expect("readable")).collect()
}

/// Cut, repeat, flip, or splice in what parsers trip over.
fn mutate(seed: &[u8], dice: &mut Dice) -> Vec<u8> {
    const TRIPS: [&[u8]; 12] =
        [b"\r\n", b"\"", b"<", b">", b";", b",", b"\0", b"=", b"4294967296", b"-1", b"\xff\xfe", b"\r\n "];
    let mut bytes = seed.to_vec();
    for _ in 0..1 + dice.below(5) {
        let at = dice.below(bytes.len() as u64 + 1) as usize;
        let end = (at + dice.below(20) as usize).min(bytes.len());
        match dice.below(5) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            3 if at < bytes.len() => bytes[at] = dice.roll() as u8,
            _ => {
                let trip = TRIPS[dice.below(TRIPS.len() as u64) as usize];
                bytes.splice(at..at, trip.iter().copied());
            }
        }
    }
    bytes
}

#[test]
fn fault_n1_mutated_messages_neither_panic_nor_stay() {
    let mut dice = Dice::new(4475);
    let mut seeds = files("../../fuzz/corpus/sip_message");
    seeds.extend(files("tests/rfc4475"));
    for seed in &seeds {
        fuzzed::message(seed);
        for _ in 0..120 {
            fuzzed::message(&mutate(seed, &mut dice));
        }
    }
}

#[test]
fn fault_n1_mutated_descriptions_do_not_panic() {
    let mut dice = Dice::new(8866);
    for seed in &files("../../fuzz/corpus/sip_sdp") {
        fuzzed::sdp(seed);
        for _ in 0..2_000 {
            fuzzed::sdp(&mutate(seed, &mut dice));
        }
    }
}

#[test]
fn fault_n1_mutated_streams_are_cut_alike_however_they_come() {
    let mut dice = Dice::new(5626);
    for seed in &files("../../fuzz/corpus/sip_frame") {
        fuzzed::frame(seed);
        for _ in 0..2_000 {
            fuzzed::frame(&mutate(seed, &mut dice));
        }
    }
}

#[test]
fn fault_n1_mutated_registrations_neither_panic_nor_grow() {
    let mut dice = Dice::new(3261);
    for seed in &files("../../fuzz/corpus/sip_register") {
        fuzzed::register(seed);
        for _ in 0..1_000 {
            fuzzed::register(&mutate(seed, &mut dice));
        }
    }
}

#[test]
fn fault_n1_n4_mutated_digests_prove_nobody() {
    let mut dice = Dice::new(7616);
    for seed in &files("../../fuzz/corpus/sip_digest") {
        fuzzed::digest(seed);
        for _ in 0..2_000 {
            fuzzed::digest(&mutate(seed, &mut dice));
        }
    }
}
