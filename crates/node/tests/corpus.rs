//! The fuzzer's corpus and seeded mutations of it, through the same functions that the fuzzer calls.

mod fuzzed;
#[path = "../../../fuzz/mutate.rs"]
mod mutate;

use hotline::{Mono, Wall};
use node::journal::{Record, Writer};

#[test]
fn fault_b6_mutated_segments_are_read_to_their_end() {
    mutate::run("journal", 3_000, fuzzed::journal);
}

#[test]
fn the_corpus_is_what_this_version_writes() {
    let mut writer = Writer::new(1 << 16, 0);
    for beat in 1..=5 {
        writer.append(&Record::Heartbeat {
            mono: Mono(beat * 1_000),
            wall: Wall(1_791_770_000_000 + beat as i64),
        });
    }
    let bytes = &writer.chunks()[0].bytes;
    assert!(mutate::corpus("journal").contains(bytes), "write these {} bytes: {bytes:02x?}", bytes.len());
}
