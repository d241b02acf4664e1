//! Seeded mutations of a corpus for the plain tests, which run where no fuzzer is: cut, repeat, flip, splice.

use std::path::PathBuf;

/// The files of `fuzz/corpus/<target>`, in the order of their names.
pub fn corpus(target: &str) -> Vec<Vec<u8>> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let entries = std::fs::read_dir(&root).unwrap_or_else(|error| panic!("{}: {error}", root.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", root.display());
    paths.iter().map(|path| std::fs::read(path).expect("readable")).collect()
}

/// Runs each file as it is, then `times` mutations of it.
pub fn run(target: &str, times: usize, mut parse: impl FnMut(&[u8])) {
    let mut dice = 0x51ba_1400_u64;
    for seed in corpus(target) {
        parse(&seed);
        for _ in 0..times {
            parse(&mutated(&seed, &mut dice));
        }
    }
}

fn roll(dice: &mut u64, below: usize) -> usize {
    *dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    ((*dice >> 33) as usize) % below.max(1)
}

fn mutated(seed: &[u8], dice: &mut u64) -> Vec<u8> {
    const TRIPS: [&[u8]; 6] = [b"\0", b"\xff\xff\xff\xff", b"\n", b"-1", b"4294967296", b"\x80"];
    let mut bytes = seed.to_vec();
    for _ in 0..=roll(dice, 4) {
        let at = roll(dice, bytes.len() + 1);
        let end = (at + roll(dice, 24)).min(bytes.len());
        match roll(dice, 5) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => drop(bytes.splice(at..at, bytes[at..end].to_vec())),
            3 if at < bytes.len() => bytes[at] ^= 1 << roll(dice, 8),
            _ => drop(bytes.splice(at..at, TRIPS[roll(dice, TRIPS.len())].iter().copied())),
        }
    }
    bytes
}
